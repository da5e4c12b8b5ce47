import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from skvas.decoding import monotone_path
from skvas.timeline._paths import Passage, block_means, cheapest_path, follow
from skvas.videos._frames import unit

seeds = st.integers(0, 2**32 - 1)


def walk(rng, n, d=6):
    """Unit frames that change slowly."""
    return unit(np.cumsum(rng.normal(size=(n, d)), axis=0))


def cost_of(path, x, y):
    return (1 - (x[path[:, 0]] * y[path[:, 1]]).sum(axis=1)).sum()


@given(seeds, st.integers(1, 40), st.integers(1, 40), st.floats(1, 4000))
def test_path_is_whole_and_monotone_within_any_limit(seed, n, m, limit):
    rng = np.random.default_rng(seed)
    path = cheapest_path(walk(rng, n), walk(rng, m), limit=limit)
    assert path[0].tolist() == [0, 0]
    assert path[-1].tolist() == [n - 1, m - 1]
    steps = np.diff(path, axis=0)
    assert ((steps == 0) | (steps == 1)).all()
    assert steps.any(axis=1).all()


def test_coarse_path_costs_what_the_full_one_does():
    rng = np.random.default_rng(0)
    x = walk(rng, 900)
    y = unit(x[np.sort(rng.choice(900, 700))] + 0.05 * rng.normal(size=(700, 6)))
    full = cheapest_path(x, y, limit=np.inf)
    assert_array_equal(full, monotone_path(1 - x @ y.T))
    coarse = cheapest_path(x, y, limit=1e6)
    assert cost_of(coarse, x, y) <= 1.001 * cost_of(full, x, y)


@pytest.mark.parametrize(("n", "m"), [(3000, 3), (3, 3000)])
def test_lengths_may_differ_a_thousandfold(n, m):
    rng = np.random.default_rng(1)
    short = walk(rng, min(n, m))
    long = np.repeat(short, 1000, axis=0)
    x, y = (long, short) if n > m else (short, long)
    passage = follow(x, y, limit=1e4)
    expected = np.arange(n) * (m - 1) / (n - 1)
    assert np.abs(passage.positions - expected).max() <= max(m / n, 1)


def test_frame_that_waits_is_shared_out():
    x = np.eye(3)
    passage = follow(x[[0, 0, 1, 2]], x[[0, 1, 1, 2]], limit=np.inf)
    # Frames 0 and 1 share position 0, positions 1 and 2 share frame 2.
    assert_allclose(passage.positions, [0, 0.25, 1.5, 3])
    assert_allclose(passage.frames, [0.5, 1.75, 2.25, 3])
    assert_allclose(passage.costs, 0)


def standing(costs):
    """Return a passage of 200 frames that stands still at positions 80 to 119."""
    frames = np.interp(np.arange(200), [0, 80, 119, 199], [0, 98, 101, 199])
    positions = np.interp(np.arange(200), frames, np.arange(200))
    return Passage(positions, frames, costs)


def test_moments_that_a_video_lacks_are_all_those_at_which_it_stands_still():
    costs = np.where((np.arange(200) >= 78) & (np.arange(200) < 122), 1.0, 0.1)
    found = np.flatnonzero(standing(costs).lacking())
    assert_allclose(found[[0, -1]], [80, 119], atol=2)
    assert len(found) == found[-1] - found[0] + 1


def test_no_video_lacks_moments_that_cost_nothing():
    costs = np.where((np.arange(200) >= 78) & (np.arange(200) < 122), 1.0, 0.1)
    costs[100] = 0
    found = standing(costs).lacking()
    assert found[[95, 105]].all()
    assert not found[100]


def test_cost_of_a_position_is_the_mean_of_its_matches():
    x, template = np.array([[1, 0], [0.6, 0.8], [0, 1]]), np.array([[1.0, 0], [0, 1]])
    found = follow(x[[0, 1, 1, 1, 2]], template, limit=np.inf)
    assert_allclose(found.costs, [0, 0.6 / 4])


@given(seeds, st.integers(1, 30), st.integers(1, 30))
def test_passage_rises_and_stays_on_the_path(seed, n, m):
    rng = np.random.default_rng(seed)
    x, y = walk(rng, n), walk(rng, m)
    passage, path = follow(x, y, limit=np.inf), cheapest_path(x, y, limit=np.inf)
    assert (np.diff(passage.positions) >= 0).all()
    assert (np.diff(passage.frames) >= 0).all()
    for i, position in enumerate(passage.positions):
        columns = path[path[:, 0] == i, 1]
        assert columns.min() - 0.5 <= position <= columns.max() + 0.5
    for j, frame in enumerate(passage.frames):
        rows = path[path[:, 1] == j, 0]
        assert rows.min() - 0.5 <= frame <= rows.max() + 0.5


def test_frames_and_positions_lead_back_to_each_other():
    rng = np.random.default_rng(0)
    x = walk(rng, 200)
    y = x[np.sort(rng.choice(200, 120, replace=False))]
    passage = follow(x, y, limit=np.inf)
    back = np.interp(passage.positions, np.arange(120), passage.frames)
    assert np.abs(back - np.arange(200)).max() < 1.5
    assert np.abs(back - np.arange(200)).mean() < 0.3


def test_block_means_follow_the_blocks_of_frames():
    frames = np.eye(7)
    block = np.arange(7) * 3 // 7
    expected = unit(np.stack([frames[block == b].mean(axis=0) for b in range(3)]))
    assert_allclose(block_means(frames, 3), expected)
