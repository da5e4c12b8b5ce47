"""Samplers: one frame a stratum, each video once, no video with itself."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from skvas import VideoAligner
from skvas.datasets import make_videos
from skvas.training._sampling import PairSampler, vary
from skvas.videos._frames import sample_frames, spread_frames
from tests.models import quick
from tests.strategies import seeds

CPU = torch.device("cpu")


def numbered_videos(lengths):
    """Return videos whose first feature is the video and whose second is the frame."""
    return [
        np.column_stack([np.full(n, v), np.arange(n)]).astype(np.float32)
        for v, n in enumerate(lengths)
    ]


def sampler_of(lengths, n_frames=8, batch_size=2, seed=0):
    rng = np.random.RandomState(seed)
    return PairSampler(numbered_videos(lengths), n_frames, batch_size, rng, CPU)


def indices(batch):
    return batch.frames[:, 0, 0].int().tolist()


def drawn(sampler):
    """Return the (x, y) indices of one epoch, batch by batch."""
    return [(indices(pairs.x), indices(pairs.y)) for pairs in sampler.epoch()]


@given(st.integers(1, 400), st.integers(1, 60), seeds)
def test_each_stratum_gives_one_frame_in_order(n_frames, n_samples, seed):
    frames = sample_frames(n_frames, n_samples, np.random.RandomState(seed))
    if n_frames <= n_samples:
        assert frames.tolist() == list(range(n_frames))
        return
    assert len(frames) == n_samples
    width = n_frames / n_samples
    for s, frame in enumerate(frames):
        # Where a stratum cuts through a frame, the frame belongs to both.
        assert math.floor(s * width + 1e-9) <= frame
        assert frame <= math.ceil((s + 1) * width - 1e-9) - 1
    assert (np.diff(frames) >= 0).all()


def test_batches_know_the_times_of_the_frames_that_were_drawn():
    for pairs in sampler_of([40, 5, 13]).epoch():
        for batch in (pairs.x, pairs.y):
            numbers = batch.frames[:, :, 1].long()
            assert torch.equal(batch.times[batch.mask], numbers[batch.mask])


@given(st.integers(1, 6))
def test_every_frame_can_be_drawn(width):
    rng = np.random.RandomState(0)
    seen = {f for _ in range(200) for f in sample_frames(width * 20, 20, rng)}
    assert seen == set(range(width * 20))


@given(st.integers(1, 400), st.integers(1, 60))
def test_spread_frames_lie_in_the_middle_of_their_strata(n_frames, n_samples):
    frames = spread_frames(n_frames, n_samples)
    if n_frames <= n_samples:
        assert frames.tolist() == list(range(n_frames))
        return
    width = n_frames / n_samples
    middles = [math.floor((s + 0.5) * width) for s in range(n_samples)]
    assert np.abs(frames - middles).max() <= 1e-9
    assert (np.diff(frames) > 0).all()


@given(st.integers(1, 9), st.integers(1, 5), seeds)
def test_each_video_is_x_once_an_epoch(n_videos, batch_size, seed):
    sampler = sampler_of([3] * n_videos, batch_size=batch_size, seed=seed)
    for _ in range(2):
        batches = drawn(sampler)
        assert sorted(v for x, _ in batches for v in x) == list(range(n_videos))
        sizes = [len(x) for x, _ in batches]
        assert all(size == batch_size for size in sizes[:-1])
        assert 0 < sizes[-1] <= batch_size


@given(st.integers(2, 9), seeds)
def test_no_video_is_its_own_partner(n_videos, seed):
    for x, y in drawn(sampler_of([3] * n_videos, seed=seed)):
        assert len(x) == len(y)
        assert all(i != j for i, j in zip(x, y, strict=True))


def test_lone_video_is_its_own_partner():
    sampler = sampler_of([30], n_frames=8)
    (pairs,) = sampler.epoch()
    assert indices(pairs.x) == indices(pairs.y) == [0]
    # Its frames are drawn anew: a copy of itself would teach nothing.
    assert not torch.equal(pairs.x.frames, pairs.y.frames)


def test_every_pair_occurs():
    sampler = sampler_of([3] * 4, seed=1)
    seen = {
        pair
        for _ in range(100)
        for x, y in drawn(sampler)
        for pair in zip(x, y, strict=True)
    }
    assert seen == {(i, j) for i in range(4) for j in range(4) if i != j}


def test_long_videos_are_thinned_and_short_ones_whole():
    lengths = [40, 5, 8]
    for pairs in sampler_of(lengths, n_frames=8).epoch():
        for batch in (pairs.x, pairs.y):
            for video, n, frames in zip(
                indices(batch), batch.lengths.tolist(), batch.frames, strict=True
            ):
                assert n == min(lengths[video], 8)
                times = frames[:n, 1].tolist()
                assert times == sorted(times)
                assert (frames[n:] == 0).all()


def test_same_seed_gives_the_same_batches_and_another_seed_others():
    def flat(seed):
        return [
            pairs.x.frames
            for _ in range(2)
            for pairs in sampler_of([20] * 5, seed=seed).epoch()
        ]

    same = [torch.equal(a, b) for a, b in zip(flat(0), flat(0), strict=True)]
    other = [torch.equal(a, b) for a, b in zip(flat(0), flat(1), strict=True)]
    assert all(same)
    assert not all(other)


def test_global_generators_are_left_alone():
    numpy_before = np.random.get_state()[1].copy()  # noqa: NPY002
    torch_before = torch.get_rng_state()
    drawn(sampler_of([20] * 5))
    assert (np.random.get_state()[1] == numpy_before).all()  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), torch_before)


def test_features_are_varied_alike_in_all_frames_and_anew_each_time():
    rng = np.random.RandomState(0)
    frames = rng.standard_normal((50, 400)).astype(np.float32) * np.arange(1, 401)
    once, again = (vary(frames, 0.2, rng) for _ in range(2))
    assert once.dtype == frames.dtype
    assert not np.array_equal(once, again)
    lines = [np.polyfit(x, y, 1) for x, y in zip(frames.T, once.T, strict=True)]
    factors, shifts = np.array(lines).T
    np.testing.assert_allclose(frames * factors + shifts, once, rtol=1e-5, atol=1e-3)
    assert factors.mean() == pytest.approx(1, abs=0.05)
    assert factors.std() == pytest.approx(0.2, rel=0.15)
    assert (shifts / frames.std(axis=0)).std() == pytest.approx(0.1, rel=0.15)


def test_batches_are_varied_as_asked():
    rng = np.random.RandomState(0)
    videos = [np.ones((5, 3), np.float32)] * 2
    sampler = PairSampler(videos, 5, 2, rng, CPU, augment=0.5)
    (pairs,) = sampler.epoch()
    assert (pairs.x.frames.std(dim=1) < 1e-6).all()
    assert not torch.equal(pairs.x.frames, pairs.y.frames)


def test_training_varies_features_as_asked():
    videos = make_videos(3, n_frames=(20, 30), random_state=0).videos
    plain, varied = (
        quick(VideoAligner, max_epochs=1, augment=augment).fit(videos)
        for augment in (0.0, 0.5)
    )
    assert plain.history_["loss"][0] != varied.history_["loss"][0]
