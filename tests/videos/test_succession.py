"""What follows what in videos, and what a frame tells."""

import weakref
from itertools import product

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.ndimage import gaussian_filter1d

from skvas.videos import _succession
from skvas.videos._succession import (
    correlated_share,
    correlated_shares,
    deviations,
    forward_backward,
    thin_out,
    transitions,
)


def test_posteriors_are_those_of_all_sequences():
    rng = np.random.RandomState(0)
    likelihoods = rng.uniform(size=(4, 3))
    steps = rng.dirichlet(np.ones(3), size=3)
    start = rng.dirichlet(np.ones(3))
    expected, staying, total = np.zeros((4, 3)), np.zeros(3), 0.0
    for states in product(range(3), repeat=4):
        chance = start[states[0]] * likelihoods[0, states[0]]
        for t in range(1, 4):
            chance *= steps[states[t - 1], states[t]]
            chance *= likelihoods[t, states[t]]
        total += chance
        expected[range(4), states] += chance
        for before, after in zip(states, states[1:], strict=False):
            staying[before] += chance * (before == after)
    found, stays = forward_backward([likelihoods], [steps], start)
    assert_allclose(found[0], expected / total, rtol=1e-12)
    assert_allclose(stays[0], staying / total, rtol=1e-12)


def test_compiled_posteriors_are_those_of_numpy(monkeypatch):
    pytest.importorskip("numba")
    rng = np.random.RandomState(0)
    lengths = [1, 2, 60, 37]
    likelihoods = [rng.uniform(size=(n, 5)).T.copy().T for n in lengths]
    steps = [rng.dirichlet(np.ones(5), size=5) for _ in lengths]
    start = rng.dirichlet(np.ones(5))
    compiled = forward_backward(likelihoods, steps, start)
    monkeypatch.setattr(_succession, "compiled", lambda function: None)
    plain = forward_backward(likelihoods, steps, start)
    for found, expected in zip(compiled, plain, strict=True):
        for one, other in zip(found, expected, strict=True):
            assert_allclose(one, other, rtol=1e-11)


def test_smoothed_noise_is_correlated_as_far_as_it_is_smoothed():
    rng = np.random.RandomState(0)
    noise = [rng.standard_normal((500, 10)) for _ in range(6)]
    shares = [np.ones((500, 1))] * 6
    for sigma in (3.0, 8.0):
        smooth = [gaussian_filter1d(video, sigma, axis=0) for video in noise]
        expected = 2 * np.sqrt(np.pi) * sigma / 500  # the sum over all lags
        assert correlated_share(deviations(smooth, shares)) == pytest.approx(
            expected, rel=0.15
        )
    constant = [np.ones((20, 3))] * 2
    assert correlated_share(deviations(constant, [np.ones((20, 1))] * 2)) == 0


def test_each_number_of_frames_is_correlated_by_itself():
    rng = np.random.RandomState(0)
    lengths = [500, 500, 400, 520, 500, 90]
    smooth = [rng.standard_normal((n, 3)) for n in lengths]
    for video in smooth:
        for column, sigma in ((1, 3.0), (2, 8.0)):
            video[:, column] = gaussian_filter1d(video[:, column], sigma)
    shares = [np.ones((n, 1)) for n in lengths]
    found = correlated_shares(deviations(smooth, shares))
    assert found[0] < 0.01
    expected = 2 * np.sqrt(np.pi) * np.array([3.0, 8.0]) / 500
    assert_allclose(found[1:], expected, rtol=0.15)
    for column in range(3):
        alone = correlated_share(deviations([x[:, [column]] for x in smooth], shares))
        assert_allclose(found[column], alone, rtol=1e-6)
    rising = np.linspace([0.0, 1.0], [1.0, 1.0], 20)
    assert correlated_shares(deviations([rising] * 2, [np.ones((20, 1))] * 2))[1] == 0
    assert_allclose(
        correlated_shares(deviations([np.ones((1, 3))], [np.ones((1, 1))])), 0
    )


def test_number_that_stays_in_each_video_is_correlated_over_all_of_it():
    rng = np.random.RandomState(0)
    videos = [rng.standard_normal((200, 2)) for _ in range(4)]
    for level, video in enumerate(videos):
        video[:, 1] = level % 2
    off = deviations(videos, [np.ones((200, 1))] * 4)
    noise, level = correlated_shares(off)
    assert noise < 0.02
    alone = correlated_share([video[:, 1:] for video in off])
    assert level == pytest.approx(alone, rel=0.01)
    assert level > 2


def test_segments_last_as_long_as_they_do_in_the_mean():
    follow = np.array([[9.0, 1.0, 3.0], [1.0, 9.0, 0.0], [2.0, 2.0, 9.0]])
    found = transitions(follow, np.array([0.1, 0.05, 0.001]), 100)
    assert_allclose(found.sum(axis=1), 1)
    assert_allclose(1 / (1 - np.diag(found)), [10, 5, 1.5])  # frames
    assert_allclose(found[0, [1, 2]] * 10, [0.25, 0.75])
    assert_allclose(transitions(np.ones((1, 1)), np.ones(1), 100), 1)


def test_one_video_at_a_time_is_in_memory_where_they_are_thinned():
    class Videos(list):
        last = staticmethod(lambda: None)

        def __getitem__(self, index):
            assert self.last() is None
            video = np.array(super().__getitem__(index))
            self.last = weakref.ref(video)
            return video

    frames = np.arange(2000.0).reshape(5, 200, 2)
    assert_allclose(thin_out(Videos(frames)), frames)
