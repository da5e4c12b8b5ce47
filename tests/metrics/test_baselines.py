"""Uniform segmentation, linear warping, dynamic time warping of features."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from scipy.spatial.distance import cdist

from skvas.metrics import dtw_matches, linear_warp, uniform_segmentation


@given(st.integers(1, 60), st.integers(1, 12))
def test_uniform_parts_are_in_order_and_differ_by_at_most_one_frame(length, k):
    labels = uniform_segmentation(length, k)
    assert (np.diff(labels) >= 0).all()
    sizes = np.bincount(labels, minlength=k)
    assert len(sizes) == k
    assert sizes.max() - sizes.min() <= 1


def test_uniform_segmentation_mirrors_its_input():
    videos = [np.zeros((4, 2)), np.zeros((6, 2))]
    for many in ([4, 6], np.array([4, 6]), videos, tuple(videos)):
        first, second = uniform_segmentation(many, 2)
        assert_array_equal(first, [0, 0, 1, 1])
        assert_array_equal(second, [0, 0, 0, 1, 1, 1])
    assert [len(x) for x in uniform_segmentation(range(3, 6), 2)] == [3, 4, 5]
    for one in (4, np.int64(4), videos[0], videos[0].tolist()):
        assert_array_equal(uniform_segmentation(one, 2), [0, 0, 1, 1])


@pytest.mark.parametrize("lengths", [[], [0], [2.5], -1])
def test_uniform_segmentation_refuses_what_has_no_length(lengths):
    with pytest.raises(ValueError, match=r"length|at least one video"):
        uniform_segmentation(lengths, 2)


@given(st.integers(1, 60), st.integers(1, 60))
def test_linear_warp_holds_the_middle_of_each_frame(n, m):
    matches = linear_warp(n, m)
    middle = (np.arange(n) + 0.5) / n * m
    assert ((matches <= middle + 1e-9) & (middle <= matches + 1 + 1e-9)).all()
    assert matches.min() >= 0
    assert matches.max() < m
    if n == m:
        assert_array_equal(matches, np.arange(n))


def test_dtw_finds_a_warp_whatever_the_scale_of_features():
    time = np.linspace(0, 3, 50)[:, None]
    x = np.hstack([np.sin(time), np.cos(time), np.ones_like(time)])
    warp = np.sort(np.append(np.arange(50), [7, 7, 20, 33, 33]))
    y = x[warp]
    matches = dtw_matches(y, x)
    assert np.abs(matches - warp).max() <= 1
    scale, shift = np.array([1e-3, 50, 3]), np.array([5, -2, 1e4])
    assert_array_equal(dtw_matches(y * scale + shift, x), matches)


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_dtw_takes_features_of_any_unit(scale):
    x, y = np.random.default_rng(0).normal(size=(2, 20, 3))
    assert_array_equal(dtw_matches(scale * x, scale * y), dtw_matches(x, y))


def test_dtw_matches_every_frame_with_the_nearest_on_the_cheapest_path():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(6, 3)), rng.normal(size=(5, 3))
    cost = cdist((x - x.mean(0)) / x.std(0), (y - y.mean(0)) / y.std(0))
    total = np.full((7, 6), np.inf)
    total[0, 0] = 0
    for i, j in np.ndindex(6, 5):
        before = min(total[i, j], total[i, j + 1], total[i + 1, j])
        total[i + 1, j + 1] = cost[i, j] + before
    partners, i, j = [[] for _ in x], 6, 5
    while i and j:
        partners[i - 1].append(j - 1)
        i, j = min([(i - 1, j - 1), (i - 1, j), (i, j - 1)], key=total.__getitem__)
    expected = [min(js, key=lambda j: cost[i, j]) for i, js in enumerate(partners)]
    assert_array_equal(dtw_matches(x, y), expected)


def test_dtw_ignores_a_feature_that_is_constant_but_for_rounding():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(30, 2)), rng.normal(size=(20, 2))
    noise = [np.full((n, 1), 1e6) * (1 + rng.random((n, 1)) * 2e-16) for n in (30, 20)]
    with_noise = dtw_matches(np.hstack([x, noise[0]]), np.hstack([y, noise[1]]))
    assert_array_equal(with_noise, dtw_matches(x, y))
    # Nothing but constants: all paths cost the same, the diagonal is preferred.
    assert_array_equal(dtw_matches(np.ones((4, 1)), np.ones((4, 1))), np.arange(4))
