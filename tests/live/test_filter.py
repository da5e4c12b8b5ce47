from __future__ import annotations

import numpy as np
import pytest

from skvas.live._chain import PositionRates
from skvas.live._filter import Filter, smooth

RATES = PositionRates(
    np.repeat([0, 1], 3),
    np.array([0.5, 0.4, 0.1]),
    0.05,
    np.array([2, 2]),
    np.array([0.3, 0.3]),
)


def scores(n_frames=9, seed=0):
    return np.random.RandomState(seed).randn(n_frames, 6)


def every_path(chain, logs):
    """Return the weights of all paths of states, (6, 6, ...), by brute force."""
    weight = chain.start * np.exp(logs[0])
    for row in logs[1:]:
        weight = weight[..., None] * chain.transitions * np.exp(row)
    return weight / weight.sum()


def test_forward_recursion_is_the_sum_over_all_paths():
    chain, logs = RATES.chain(), scores(5)
    filtered = Filter(chain)
    for row in logs:
        found = filtered.see(row).posterior
    weight = every_path(chain, logs)
    np.testing.assert_allclose(found, weight.sum(axis=(0, 1, 2, 3)), rtol=1e-9)


def test_smoothing_is_the_sum_over_all_paths():
    chain, logs = RATES.chain(), scores(5)
    filtered = Filter(chain)
    found = smooth([filtered.see(row) for row in logs], chain.transitions)
    weight = every_path(chain, logs)
    for t, posterior in enumerate(found):
        others = tuple(axis for axis in range(5) if axis != t)
        np.testing.assert_allclose(posterior, weight.sum(axis=others), rtol=1e-9)


def test_smoothing_goes_back_over_held_frames_by_as_many_moves():
    chain, logs = RATES.chain(), scores(2)
    filtered = Filter(chain)
    seen = [filtered.see(logs[0]), filtered.hold(), filtered.see(logs[1])]
    moved = np.linalg.matrix_power(chain.transitions, 2)
    joint = (chain.start * np.exp(logs[0]))[:, None] * moved * np.exp(logs[1])
    found = smooth(seen, chain.transitions)
    expected = joint.sum(axis=1) / joint.sum()
    np.testing.assert_allclose(found[0], expected, rtol=1e-9)
    np.testing.assert_allclose(found[1], expected, rtol=1e-9)


def test_smoothing_of_a_long_recording_leaves_finite_numbers():
    chain, logs = RATES.chain(), 5 * scores(1000)
    filtered = Filter(chain)
    found = smooth([filtered.see(row) for row in logs], chain.transitions)
    np.testing.assert_allclose(np.sum(found, axis=1), 1)


def test_smoothing_of_nothing_is_nothing():
    assert smooth([], RATES.chain().transitions) == []


def test_held_frames_stay_and_are_made_up_for():
    chain, logs = RATES.chain(), scores(3)
    filtered = Filter(chain)
    filtered.see(logs[0])
    before = filtered.posterior
    held = [filtered.hold(), filtered.hold()]
    assert all(frame.posterior is before for frame in held)
    seen = filtered.see(logs[1])
    assert seen.n_moves == 3
    moved = before @ np.linalg.matrix_power(chain.transitions, 3)
    expected = moved * np.exp(logs[1])
    np.testing.assert_allclose(seen.posterior, expected / expected.sum())


def test_held_frames_are_made_up_for_once():
    filtered, logs = Filter(RATES.chain()), scores(3)
    filtered.see(logs[0])
    filtered.hold()
    assert [filtered.see(row).n_moves for row in logs[1:]] == [2, 1]


@pytest.mark.parametrize("added", [-1e4, 1e4])
def test_what_all_scores_have_in_common_tells_nothing(added):
    (row,) = scores(1)
    plain, other = (Filter(RATES.chain()).see(logs) for logs in (row, row + added))
    np.testing.assert_allclose(other.posterior, plain.posterior, rtol=1e-9)


def test_impossible_frames_leave_finite_numbers():
    filtered = Filter(RATES.chain())
    for state in (0, 5, 0, 5):
        logs = np.full(6, -1e9)
        logs[state] = 0
        posterior = filtered.see(logs).posterior
        assert posterior.argmax() == state
        np.testing.assert_allclose(posterior.sum(), 1)
