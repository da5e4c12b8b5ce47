from __future__ import annotations

import numpy as np
import pytest

from skvas.live._chain import (
    EXPECTED_JUMPS,
    JOINED,
    SUDDEN,
    ActionRates,
    PositionRates,
    action_phases,
    step_phases,
)

ACTIONS = np.repeat([0, 1, 0, 2], 25)


def position_rates(speed=1.0):
    place = np.minimum(np.arange(100 / speed) * speed, 99)
    return PositionRates.of([place, place], ACTIONS)


def durations(chain, step, n_frames=400):
    """Return how probable each duration of a step is, by running the chain."""
    inside = chain.steps == step
    p = np.zeros(len(inside))
    p[np.flatnonzero(inside)[0]] = 1
    left = [1.0]
    block = np.where(inside[:, None] & inside, chain.transitions, 0)
    for _ in range(n_frames):
        p = p @ block
        left.append(p.sum())
    return -np.diff(left)


@pytest.mark.parametrize("make", ["positions", "actions"])
def test_transitions_and_start_are_probabilities(make):
    if make == "positions":
        chain = position_rates(0.5).chain()
    else:
        labels = [np.repeat([0, 1, 2], [5, 9, 30]), np.repeat([0, 2, 1], [7, 20, 4])]
        chain = ActionRates.of(labels, 4).chain()
    assert (chain.transitions >= 0).all()
    np.testing.assert_allclose(chain.transitions.sum(axis=1), 1)
    np.testing.assert_allclose(chain.start.sum(), 1)
    np.testing.assert_allclose(chain.following.sum(axis=1), 1)
    assert len(chain.following) == len(chain.actions) == chain.steps.max() + 1


def test_videos_of_one_frame_make_no_moves():
    rates = PositionRates.of([np.zeros(1)] * 3, np.zeros(1, dtype=np.int64))
    np.testing.assert_allclose(rates.moves.sum(), 1)
    assert rates.moves.argmax() == 1


def test_moves_are_counted_with_fractions_shared_out():
    rates = position_rates(0.25)
    np.testing.assert_allclose(rates.moves[:2], [0.75, 0.25], atol=0.01)
    assert rates.moves[2] < 0.01
    assert (rates.moves > 0).all()
    held = PositionRates.of([np.zeros(5)], ACTIONS)  # 4 moves of 0, and one of 1
    np.testing.assert_allclose(held.moves[:2], [0.8, 0.2], atol=0.001)


def test_jumps_are_counted_beside_those_of_one_recording_more():
    steady = position_rates()
    n = 2 * 99 + 100
    assert steady.jump == pytest.approx(EXPECTED_JUMPS / n)
    place = np.r_[np.arange(30), np.arange(80, 100)].astype(float)
    jumping = PositionRates.of([place, place], ACTIONS)
    assert jumping.jump == pytest.approx((2 + EXPECTED_JUMPS) / (2 * 49 + 50))


def test_jumps_lead_anywhere_and_rather_to_the_start_of_a_step():
    rates = position_rates()
    chain = rates.chain()
    row = chain.transitions[10]
    assert (row > 0).all()
    assert row[11] == pytest.approx(rates.moves[1], rel=0.01)
    assert row[10] == pytest.approx(rates.moves[0], rel=0.01)
    assert row[75] > 5 * row[76] > 0
    assert row[[0, 25, 50, 75]].sum() == pytest.approx(rates.jump / 2, rel=0.1)


def test_the_more_steps_a_jump_passes_over_the_less_likely_it_is():
    row = position_rates().chain().transitions[10]
    assert row[50] == pytest.approx(10 * row[75], rel=0.01)


def test_steps_last_as_long_as_in_the_recordings_that_had_them():
    place = np.repeat(np.arange(100.0), 2)
    rates = PositionRates.of([place, place[:140], place[:80]], ACTIONS)
    np.testing.assert_allclose(rates.phases / rates.advance, [50, 130 / 3, 45, 50])


def test_steps_of_steady_durations_have_more_phases_and_share_how_much_they_vary():
    once, _ = step_phases([[40.0], [60.0]])
    np.testing.assert_array_equal(once, [4, 4])
    steady, _ = step_phases([[40.0, 41.0] * 9, [60.0, 60.0] * 9, [60.0]])
    varying, _ = step_phases([[20.0, 60.0] * 9, [60.0, 60.0] * 9, [60.0]])
    assert (steady == 16).all()
    assert varying[0] < varying[2] < varying[1]
    assert step_phases([[7.0]] * 2)[0].tolist() == [3, 3]


def test_each_action_tells_by_itself_how_much_it_varies():
    steady, varying = [40, 41] * 9, [10, 90] * 9
    phases, advance = action_phases([steady, varying, [40]])
    assert phases.tolist() == [8, 1, 2]  # one duration tells little
    assert action_phases([varying])[0].tolist() == [1]
    np.testing.assert_allclose(advance, phases / [40.5, 50, 40])
    unseen, rate = action_phases([[3], []])
    assert (unseen[1], rate[1]) == (unseen[0], rate[0])
    assert action_phases([[1, 1, 1]])[0].tolist() == [1]  # of a frame each


def test_recordings_start_at_the_beginning_or_anywhere():
    start = position_rates().chain().start
    assert start[:2].sum() == pytest.approx(1 - JOINED, abs=0.01)
    np.testing.assert_allclose(start[2:], JOINED / 100)


def test_steps_are_runs_of_an_action_and_the_end_comes_last():
    chain = position_rates().chain()
    np.testing.assert_array_equal(chain.actions, [0, 1, 0, 2])
    np.testing.assert_array_equal(chain.following, np.eye(5)[1:])
    assert chain.remaining[0] == pytest.approx(25, rel=0.05)
    assert chain.remaining[99] == pytest.approx(1, rel=0.05)
    np.testing.assert_allclose(chain.positions[[0, 99]], [0, 1])


@pytest.mark.parametrize("speed", [0.25, 0.5, 2.0])
def test_frames_until_a_step_is_over_depend_on_the_speed(speed):
    chain = position_rates(speed).chain()
    expected = np.array([25, 5, 1]) / speed
    np.testing.assert_allclose(chain.remaining[[0, 20, 99]], expected, rtol=0.05)


def test_frames_until_an_action_is_over_are_those_of_its_phases_that_are_left():
    chain = ActionRates.of([np.repeat([0, 1], [40, 12])], 2).chain()
    assert chain.steps.tolist() == [0, 0, 1, 1]
    np.testing.assert_allclose(chain.remaining, [40, 20, 12, 6])


def test_durations_have_the_mean_and_about_the_variance_that_was_seen():
    rng = np.random.RandomState(0)
    lasted = np.maximum(1, np.rint(60 + 24 * rng.randn(200))).astype(int)
    labels = [np.repeat([0, 1], [n, 10]) for n in lasted]
    chain = ActionRates.of(labels, 2).chain()
    n = np.arange(1, 401)
    p = durations(chain, 0)
    p = p / p.sum()
    mean = p @ n
    assert mean == pytest.approx(lasted.mean(), rel=0.02)
    assert np.sqrt(p @ (n - mean) ** 2) == pytest.approx(lasted.std(), rel=0.15)


def test_short_durations_have_their_variance_and_are_all_possible():
    rng = np.random.RandomState(0)
    lasted = rng.randint(6, 15, 500)
    labels = [np.repeat([0, 1], [n, 10]) for n in lasted]
    p = durations(ActionRates.of(labels, 2).chain(), 0)
    n = np.arange(1, len(p) + 1)
    mean = p @ n / p.sum()
    assert p @ (n - mean) ** 2 / p.sum() == pytest.approx(lasted.var(), rel=0.15)
    assert (p[5:14] > 1e-3).all()


def test_action_that_was_seen_once_has_a_wide_duration():
    rates = ActionRates.of([np.repeat([0, 1], [40, 10])], 2)
    np.testing.assert_array_equal(rates.phases, [2, 2])
    np.testing.assert_allclose(rates.advance, [2 / 40, 2 / 10])


def test_actions_follow_as_counted_and_any_may_come_suddenly():
    labels = [np.repeat([0, 1, 2], 10)] * 9
    rates = ActionRates.of(labels, 3)
    np.testing.assert_allclose(
        rates.following[0], [0, 9 + 1 / 3, 1 / 3, 1 / 3] / np.float64(10)
    )
    assert rates.following[2, 3] == pytest.approx((9 + 1 / 3) / 10)
    chain = rates.chain()
    first = np.flatnonzero(chain.steps == 2)[0]
    assert chain.transitions[0, first] == pytest.approx(SUDDEN / 3)


def test_lone_action_stays():
    chain = ActionRates.of([np.zeros(30, dtype=np.int64)], 1).chain()
    np.testing.assert_allclose(chain.transitions.sum(axis=1), 1)
