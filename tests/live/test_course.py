from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest

from skvas.live._chain import PASSED_OVER, PositionRates
from skvas.live._course import (
    AGAIN,
    DONE,
    FEW,
    JUMP,
    LATE,
    MISSED,
    NOTHING,
    Course,
    StepChain,
    warned_of,
)

MOVES = np.array([0.5, 0.5])


def rates(phases, advance, positions=4):
    actions = np.repeat(np.arange(len(phases)), positions)
    return PositionRates(actions, MOVES, 0.05, np.array(phases), np.array(advance))


# Three steps of some ten frames.
RATES = rates([4, 4, 4], [0.4, 0.4, 0.4])


def course(of=RATES, shortest=5.0):
    return Course(StepChain.of(of), np.full(of.n_steps, shortest))


def follow(watched, order, *, sharp=8.0):
    """Show steps, each for some frames; return the warnings with frames."""
    told, frame = [], 0
    for step, n_frames in order:
        for _ in range(n_frames):
            scores = np.where(RATES.actions == step, 0.0, -sharp)
            told += [(frame, *warning) for warning in watched.see(scores)]
            frame += 1
    return told


def kinds(order, **options):
    return [warning[1:] for warning in follow(course(), order, **options)]


def test_usual_recording_gives_no_warning_at_any_pace():
    assert kinds([(0, 10), (1, 10), (2, 10)]) == []
    assert kinds([(0, 20), (1, 6), (2, 30)]) == []


def test_step_is_skipped_once_a_later_one_has_gone_on_for_a_while():
    told = follow(course(), [(0, 10), (2, 10)])
    assert [warning[1:] for warning in told] == [("skipped", 1)]
    assert 11 <= told[0][0] < 16


def test_step_without_evidence_of_its_own_is_skipped_if_time_is_too_short_for_it():
    def blurred(n_frames):
        """Show the first step, frames of the second or third one, and the third."""
        watched, told = course(), []
        shares = [np.where(RATES.actions == 0, 0.0, -8.0)] * 10
        shares += [np.where(RATES.actions == 0, -8.0, 0.0)] * n_frames
        shares += [np.where(RATES.actions == 2, 0.0, -8.0)] * 8
        for scores in shares:
            told += watched.see(scores)
        return told, warned_of(watched.table.sum(axis=0))[0, 1]

    told, probability = blurred(0)
    assert told == [("skipped", 1)]
    told, later = blurred(10)
    assert told == []
    assert later < 0.1 < probability


def test_first_steps_may_be_skipped_as_well():
    assert kinds([(2, 12)]) == [("skipped", 0), ("skipped", 1)]


def test_step_that_comes_again_is_repeated_each_time():
    order = [(0, 10), (1, 10), (0, 10), (1, 10), (0, 10)]
    told = kinds(order)
    assert told == [("repeated", 0), ("repeated", 1), ("repeated", 0)]


def test_step_that_was_passed_over_and_comes_late_is_out_of_order():
    assert kinds([(0, 10), (2, 10), (1, 10)]) == [("skipped", 1), ("out of order", 1)]


def test_brief_doubt_is_no_step():
    assert kinds([(0, 10), (2, 2), (0, 3), (1, 10), (2, 10)]) == []


def test_frames_that_tell_nothing_give_no_warning():
    assert kinds([(0, 10), (2, 10)], sharp=0.0) == []


def every_way(chain, likelihoods):
    """Return the weight of each way through phases, and what became of the steps.

    By brute force: a way enters a step where it comes from the last phase of another.
    """
    n = len(chain.start)
    moves = np.diag(chain.stay)
    moves[np.arange(n - 1), np.arange(1, n)] += chain.advance[:-1]
    moves[np.ix_(chain.last, chain.first)] += chain.onward
    ways = {}
    for way in product(range(n), repeat=len(likelihoods)):
        weight = chain.start[way[0]] * likelihoods[0][way[0]]
        for (a, b), likelihood in zip(pairwise(way), likelihoods[1:], strict=True):
            weight *= moves[a, b] * likelihood[b]
        if weight > 0:
            ways[way] = weight
    total = sum(ways.values())
    return {way: weight / total for way, weight in ways.items()}


def fate(chain, way):
    """Return what has become of each step; None for those that were not reached."""
    steps = [int(chain.steps[phase]) for phase in way]
    found = dict.fromkeys(range(len(chain.first)))
    found.update(dict.fromkeys(range(steps[0]), MISSED))
    found[steps[0]] = DONE
    for before, step in pairwise(steps):
        if step == before:
            continue
        found[step] = {None: DONE, MISSED: LATE}.get(found[step], AGAIN)
        found.update({k: MISSED for k in range(step) if found[k] is None})
    return found


@pytest.mark.parametrize("phases", [[1, 1, 1], [2, 1, 2]])
def test_probabilities_are_sums_over_all_ways(phases):
    few = rates(phases, [0.3, 0.6, 0.5], positions=2)
    chain, scores = StepChain.of(few), 2 * np.random.RandomState(0).randn(5, 6)
    watched = course(few)
    for row in scores:
        watched.see(row)
    expected = np.zeros_like(watched.joint)
    for way, weight in every_way(chain, [*map(chain.likelihoods, scores)]).items():
        for step, became in fate(chain, way).items():
            if became is not None:
                expected[way[-1], became, step] += weight
    np.testing.assert_allclose(watched.joint, expected, atol=1e-12)
    missed, _, late, again = expected.sum(axis=0)
    found = warned_of(watched.table.sum(axis=0))
    np.testing.assert_allclose(found, [missed + late, again, late], atol=1e-12)


@pytest.mark.parametrize("added", [-1e4, 1e4])
def test_what_all_scores_have_in_common_tells_nothing(added):
    chain, scores = StepChain.of(RATES), np.random.RandomState(0).randn(12)
    found = chain.likelihoods(scores + added)
    np.testing.assert_allclose(found, chain.likelihoods(scores), rtol=1e-9)


def test_phases_of_more_positions_are_no_likelier():
    chain = StepChain.of(rates([3, 1], [0.5, 0.5]))
    assert chain.sizes.tolist() == [1, 1, 2, 4]
    np.testing.assert_allclose(chain.likelihoods(np.zeros(8)), 1)


def test_jumps_are_less_likely_the_more_steps_they_pass_over_either_way():
    far, farthest = PASSED_OVER * JUMP, PASSED_OVER**2 * JUMP
    expected = [
        [0, 1 - JUMP - far, JUMP, far],
        [JUMP, 0, 1 - 2 * JUMP, JUMP],
        [far, JUMP, 0, 1 - JUMP - far],
        [farthest, far, JUMP, 0],
    ]
    onward = StepChain.of(rates([1] * 4, [0.5] * 4)).onward
    np.testing.assert_allclose(onward, 0.5 * np.array(expected))


def test_steps_have_phases_for_their_durations_and_go_on_to_the_next_but_for_jumps():
    chain = StepChain.of(rates([3, 1, 9], [0.5, 0.1, 0.9]))
    assert np.bincount(chain.steps).tolist() == [3, 1, 4]  # not more than positions
    np.testing.assert_allclose(chain.stay[:-1], [0.5, 0.5, 0.5, 0.9, 0.6, 0.6, 0.6])
    assert chain.sizes.sum() == 12
    leaving = chain.stay + chain.advance
    leaving[chain.last] += chain.onward.sum(axis=1)
    np.testing.assert_allclose(leaving, 1)
    assert chain.onward[0, 1] > 0.98 * 0.5
    assert chain.onward[1, 0] == pytest.approx(0.1 * JUMP)
    assert chain.start.sum() == pytest.approx(1)
    anywhere = JUMP / len(chain.steps)
    later = chain.start[chain.first[1:]] - anywhere
    np.testing.assert_allclose(later, [JUMP, JUMP * PASSED_OVER])


def test_held_frames_are_made_up_for():
    one, other = course(), course()
    scores = np.zeros(12)
    for watched in (one, other):
        watched.see(scores)
    for _ in range(3):
        one.hold()
        other.see(scores)
    one.see(scores)
    other.see(scores)
    np.testing.assert_allclose(one.joint, other.joint)


@pytest.mark.parametrize("n_held", [30, 1000])
def test_step_that_goes_on_after_a_pause_is_not_repeated(n_held):
    watched = course()
    assert follow(watched, [(0, 40), (1, 20)]) == []
    for _ in range(n_held):
        watched.hold()
    assert follow(watched, [(1, 20), (2, 40)]) == []


def test_no_probability_is_too_small_for_quick_numbers():
    watched = course()
    follow(watched, [(0, 160)], sharp=80.0)
    assert watched.n_seen % FEW == 0
    assert not ((watched.table > 0) & (watched.table < NOTHING)).any()


def test_impossible_frames_leave_finite_numbers():
    watched = course()
    for number in range(300):
        scores = np.full(12, -1e9)
        scores[11 * (number % 2)] = 0
        watched.see(scores)
    assert np.isfinite(watched.joint).all()
    np.testing.assert_allclose(watched.posterior.sum(), 1)
