from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from skvas.decoding import monotone_path
from skvas.timeline import _states
from skvas.timeline._states import (
    BYTES_A_CELL,
    expected_alignment,
    position_posteriors,
)
from skvas.videos._frames import unit


def all_paths(n, m):
    """Every monotone path through an (n, m) matrix, as lists of cells."""
    if (n, m) == (1, 1):
        return [[(0, 0)]]
    ends = [(n - a, m - b) for a, b in ((1, 1), (1, 0), (0, 1)) if n > a and m > b]
    return [p + [(n - 1, m - 1)] for end in ends for p in all_paths(*end)]


@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(1, 4))
def test_expected_alignment_is_the_mean_over_all_paths(seed, n, m):
    cost = np.random.default_rng(seed).uniform(0, 2, (n, m))
    expected, total = np.zeros((n, m)), 0.0
    for path in all_paths(n, m):
        weight = np.exp(-sum(cost[cell] for cell in path) / 0.3)
        total += weight
        for cell in path:
            expected[cell] += weight
    assert_allclose(expected_alignment(cost, 0.3), expected / total, rtol=1e-9)


@pytest.mark.parametrize(
    ("shape", "most"),
    [
        ((400, 60), 2.0),  # whole paths weigh less than the least of all numbers
        ((60, 400), 2.0),
        ((500, 500), 0.001),  # and all paths together more than the largest
        ((1, 9), 2.0),
    ],
)
def test_sums_by_cells_and_by_logarithms_are_the_same(shape, most, monkeypatch):
    pytest.importorskip("numba")
    cost = np.random.default_rng(0).uniform(0, most, shape)
    by_cells = expected_alignment(cost, 0.03)
    monkeypatch.setattr(_states, "compiled", lambda function: None)
    assert_allclose(by_cells, expected_alignment(cost, 0.03), rtol=0, atol=1e-10)


def test_expected_alignment_is_the_gradient_of_soft_dtw():
    rng = np.random.default_rng(0)
    cost, smoothing, step = rng.uniform(0, 2, (9, 6)), 0.1, 1e-6

    def soft_dtw(cost):
        value = np.full((10, 7), np.inf)
        value[0, 0] = 0
        for i, j in product(range(1, 10), range(1, 7)):
            before = [value[i - 1, j], value[i, j - 1], value[i - 1, j - 1]]
            soft = np.logaddexp.reduce(-np.array(before) / smoothing)
            value[i, j] = cost[i - 1, j - 1] - smoothing * soft
        return value[-1, -1]

    plan = expected_alignment(cost, smoothing)
    for i, j in [(0, 0), (3, 2), (8, 5)]:
        up, down = cost.copy(), cost.copy()
        up[i, j] += step
        down[i, j] -= step
        slope = (soft_dtw(up) - soft_dtw(down)) / (2 * step)
        assert plan[i, j] == pytest.approx(slope, abs=1e-5)


def test_little_smoothing_gives_the_cheapest_path():
    cost = np.random.default_rng(1).uniform(0, 2, (30, 20))
    plan = expected_alignment(cost, 1e-4)
    path = np.zeros_like(plan)
    path[tuple(monotone_path(cost).T)] = 1
    assert_allclose(plan, path, atol=1e-3)


def test_neighbouring_frames_share_a_distribution_where_memory_is_short():
    rng = np.random.default_rng(3)
    template = unit(np.cumsum(rng.normal(size=(40, 5)), axis=0))
    limit = 10 * BYTES_A_CELL * len(template)
    found = position_posteriors(np.repeat(template, 3, axis=0), template, limit=limit)
    assert_array_equal(found, np.repeat(found[::12], 12, axis=0))
    assert len(np.unique(found, axis=0)) == 10


@pytest.mark.parametrize("limit", [np.inf, 5e4])
def test_posteriors_are_distributions_of_every_frame(limit):
    rng = np.random.default_rng(2)
    template = unit(np.cumsum(rng.normal(size=(40, 5)), axis=0))
    video = np.repeat(template, 3, axis=0)
    posteriors = position_posteriors(video, template, limit=limit)
    assert posteriors.shape == (120, 40)
    assert_allclose(posteriors.sum(axis=1), 1)
    error = np.abs(posteriors @ np.arange(40) - np.arange(120) / 3)
    assert error.mean() < 3
