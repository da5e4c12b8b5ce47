from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.ndimage import gaussian_filter1d

from skvas.timeline import _segments
from skvas.timeline._segments import (
    LEAST_VARIANCE,
    Statistics,
    best_segments,
    contiguous_losses,
    line_gains,
    segment_losses,
    square_losses,
)


def small_statistics(seed, n=9, d=3):
    frames = np.random.default_rng(seed).normal(size=(4, n, d))
    return Statistics(frames.mean(axis=0), (frames**2).mean(axis=0)), frames


def test_loss_of_a_segment_is_its_gaussian_log_likelihood():
    statistics, frames = small_statistics(0, n=9, d=20)
    losses = segment_losses(statistics)
    for i, j in combinations(range(10), 2):
        variance = frames[:, i:j].reshape(-1, 20).var(axis=0) + LEAST_VARIANCE
        assert losses[i, j] == pytest.approx((j - i) * np.log(variance).sum())
    assert np.isinf(losses[np.tril_indices(10)]).all()


def test_losses_between_edges_are_those_between_all_positions():
    statistics, _ = small_statistics(1, n=11)
    edges = np.array([0, 2, 3, 7, 11])
    found = segment_losses(statistics, edges)
    assert_allclose(found, segment_losses(statistics)[np.ix_(edges, edges)])


@pytest.mark.parametrize("n_features", [1, 16, 40])
def test_compiled_segments_are_those_of_numpy(n_features, monkeypatch):
    pytest.importorskip("numba")
    statistics, _ = small_statistics(0, n=75, d=n_features)
    edges = np.array([0, 1, 5, 17, 18, 40, 75])
    losses = segment_losses(statistics), segment_losses(statistics, edges)
    found = best_segments(losses[0], 7)
    monkeypatch.setattr(_segments, "compiled", lambda function: None)
    for compiled, plain in zip(
        losses,
        (segment_losses(statistics), segment_losses(statistics, edges)),
        strict=True,
    ):
        assert_allclose(compiled, plain, rtol=1e-12)
    for compiled, plain in zip(found, best_segments(losses[0], 7), strict=True):
        assert_array_equal(compiled, plain)


def test_compiled_segments_start_where_those_of_numpy_do_in_ties(monkeypatch):
    pytest.importorskip("numba")
    rng = np.random.default_rng(0)
    losses = rng.integers(0, 3, (30, 30)).astype(float)
    losses[np.tril_indices(30)] = np.inf
    found = best_segments(losses, 6)
    monkeypatch.setattr(_segments, "compiled", lambda function: None)
    for compiled, plain in zip(found, best_segments(losses, 6), strict=True):
        assert_array_equal(compiled, plain)


def test_square_loss_is_that_of_the_means_about_their_mean():
    statistics, _ = small_statistics(2, n=9, d=4)
    losses = square_losses(statistics)
    for i, j in combinations(range(10), 2):
        part = statistics.mean[i:j]
        expected = ((part - part.mean(axis=0)) ** 2).sum()
        assert losses[i, j] == pytest.approx(expected, abs=1e-9)
    assert np.isinf(losses[np.tril_indices(10)]).all()


@given(st.integers(0, 2**32 - 1), st.floats(-1e3, 1e3))
def test_a_line_gains_what_least_squares_lower_the_loss_by(seed, offset):
    statistics, _ = small_statistics(seed, n=12, d=3)
    means = statistics.mean + offset
    gains = line_gains(Statistics(means, means**2))
    assert not gains[np.tril_indices(13)].any()
    for i, j in combinations(range(13), 2):
        part, time = means[i:j] - means[i:j].mean(axis=0), np.arange(i, j)
        slope, level = np.polyfit(time, part, 1) if j - i > 1 else (0, 0)
        left = part - slope * time[:, None] - level
        expected = (part**2).sum() - (left**2).sum()
        assert gains[i, j] == pytest.approx(expected, abs=1e-6)


@given(st.integers(0, 2**32 - 1), st.integers(1, 5))
def test_segments_are_the_best_of_all(seed, n_segments):
    losses = segment_losses(small_statistics(seed)[0])
    cuts, least = best_segments(losses, 5)
    every = [
        sum(losses[a, b] for a, b in zip((0, *ends), (*ends, 9), strict=True))
        for ends in combinations(range(1, 9), n_segments - 1)
    ]
    found = cuts[n_segments - 1]
    assert least[n_segments - 1] == pytest.approx(min(every))
    assert len(np.unique(found)) == n_segments
    ends = np.flatnonzero(np.diff(found)) + 1
    total = sum(losses[a, b] for a, b in zip((0, *ends), (*ends, 9), strict=True))
    assert total == pytest.approx(min(every))


def test_states_are_no_movements():
    rng = np.random.default_rng(0)
    means = 3.0 * np.repeat([0, 1, 0, 2], 15)[:, None] + rng.normal(size=(60, 4))
    statistics = Statistics(means, means**2)
    losses, are_movements, _ = contiguous_losses(statistics, 4)
    assert not are_movements
    assert_array_equal(losses, square_losses(statistics))


def blurred_states(n_states=24, deviation=3.0):
    """Many short states, smoothed as features are."""
    states = np.random.default_rng(0).normal(size=(n_states, 8))
    sharp = np.repeat(states, 16, axis=0)
    means = gaussian_filter1d(sharp, deviation, axis=0, mode="nearest")
    return sharp, Statistics(means, means**2, deviation)


def test_sharpening_undoes_part_of_the_smoothing():
    sharp, statistics = blurred_states()
    off = [((way.mean - sharp) ** 2).mean() for way in (statistics, statistics.sharp)]
    assert off[1] < 0.7 * off[0]
    # A Gaussian raises a parabola by its variance; nothing else is done to it.
    parabola = np.arange(-30.0, 31)[:, None] ** 2
    raised = Statistics(parabola + 3.0**2, parabola**2, 3.0)
    assert_allclose(raised.sharp.mean[1:-1], parabola[1:-1])
    assert_array_equal(statistics.sharp.sharp.mean, statistics.sharp.mean)


def test_steps_that_were_smoothed_are_no_movements():
    _, statistics = blurred_states()
    losses, are_movements, _ = contiguous_losses(statistics, 24)
    assert not are_movements
    assert_array_equal(losses, square_losses(statistics))
    assert contiguous_losses(replace(statistics, blur=0.0), 24)[1]


def test_lines_are_those_of_what_is_sharpened():
    corners = np.random.default_rng(0).normal(size=(7, 4))
    times = np.linspace(0, 6, 300)
    way = np.stack([np.interp(times, range(7), c) for c in corners.T], axis=1)
    means = gaussian_filter1d(way, 3.0, axis=0, mode="nearest")
    statistics = Statistics(means, means**2, 3.0)
    losses, are_movements, _ = contiguous_losses(statistics, 6)
    assert are_movements
    sharp = statistics.sharp
    assert_array_equal(losses, square_losses(sharp) - line_gains(sharp))


def test_arcs_have_courses_and_states_have_none():
    rng = np.random.default_rng(0)
    corners, sides = rng.normal(size=(2, 5, 6))
    times = np.linspace(0, 1, 40)[:, None]
    states = [np.repeat(corner[None], 40, axis=0) for corner in corners[1:]]
    arcs = [
        a + (b - a) * times + 1.1 * np.sin(np.pi * times) * side
        for a, b, side in zip(corners, corners[1:], sides, strict=False)
    ]
    for parts, expected in ((arcs, True), (states, False)):
        means = np.concatenate(parts) + 0.1 * rng.normal(size=(160, 6))
        found = contiguous_losses(Statistics(means, means**2), 4)
        assert not found.are_movements
        assert found.have_courses == expected


def test_movements_have_the_loss_of_lines():
    rng = np.random.default_rng(0)
    way = np.interp(np.arange(60), [0, 20, 35, 59], [0.0, 8.0, 2.0, 9.0])[:, None]
    means = way + 0.1 * rng.normal(size=(60, 4))
    statistics = Statistics(means, means**2)
    losses, are_movements, _ = contiguous_losses(statistics, 3)
    assert are_movements
    assert_array_equal(losses, square_losses(statistics) - line_gains(statistics))


@pytest.mark.parametrize("blur", [0.0, 1.5])
def test_lines_have_to_explain_clearly_more(blur, monkeypatch):
    rng = np.random.default_rng(0)
    means = rng.normal(size=(60, 2)).cumsum(axis=0)
    walk = Statistics(means, means**2, blur)
    sharp = walk.sharp
    _, of_means = best_segments(square_losses(sharp), 10)
    _, of_lines = best_segments(square_losses(sharp) - line_gains(sharp), 5)
    ratio = of_lines[-1] / of_means[-1]
    monkeypatch.setattr(_segments, "CLEARLY_LESS", ratio + 1e-6)
    assert contiguous_losses(walk, 5)[1]
    monkeypatch.setattr(_segments, "CLEARLY_LESS", ratio - 1e-6)
    assert not contiguous_losses(walk, 5)[1]
