"""The border where lists of arrays become padded tensors."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from skvas.exceptions import InvalidParameterError
from skvas.videos._batch import (
    join,
    pad,
    spread_batch,
    spread_evenly,
    unpad,
)
from skvas.videos._device import check_device
from skvas.videos._frames import spread_frames

CPU = torch.device("cpu")
lengths = st.lists(st.integers(1, 9), min_size=1, max_size=5)


def videos_of(lengths, dtype=np.float32):
    rng = np.random.default_rng(0)
    return [rng.standard_normal((n, 3)).astype(dtype) for n in lengths]


@given(lengths)
def test_what_is_padded_comes_back_as_it_was(lengths):
    videos = videos_of(lengths)
    batch = pad(videos, CPU)
    assert batch.frames.shape == (len(videos), max(lengths), 3)
    for video, back in zip(videos, unpad(batch.frames, batch.lengths), strict=True):
        np.testing.assert_array_equal(back, video)


@given(lengths)
def test_the_last_frame_is_repeated_where_videos_are_padded(lengths):
    videos = videos_of(lengths)
    found = pad(videos, CPU).repeated.numpy()
    for video, row in zip(videos, found, strict=True):
        n_padded = max(lengths) - len(video)
        np.testing.assert_array_equal(
            row, np.pad(video, ((0, n_padded), (0, 0)), "edge")
        )


@given(lengths, lengths)
def test_joined_batches_are_one_batch_of_all_videos(first, second):
    videos = videos_of([*first, *second])
    joined = join(pad(videos[: len(first)], CPU), pad(videos[len(first) :], CPU))
    expected = pad(videos, CPU)
    assert torch.equal(joined.frames, expected.frames)
    assert torch.equal(joined.lengths, expected.lengths)


@given(lengths, st.integers(1, 9))
def test_fewer_frames_of_a_batch_are_those_of_each_video(lengths, n_frames):
    videos = videos_of(lengths)
    batch = pad(videos, CPU)
    values, kept = spread_evenly(-batch.frames, batch, n_frames)
    expected = spread_batch(videos, n_frames, CPU)
    assert torch.equal(kept.lengths, expected.lengths)
    for found in (kept.frames, -values):
        assert torch.equal(found[kept.mask], expected.frames[expected.mask])


@given(lengths, lengths, st.integers(1, 9))
def test_a_batch_knows_the_times_of_frames_that_were_chosen(first, second, n_frames):
    videos = videos_of([*first, *second])
    chosen = [spread_frames(len(video), n_frames) for video in videos]
    halves = [
        spread_batch(v, n_frames, CPU)
        for v in (videos[: len(first)], videos[len(first) :])
    ]
    joined = join(*halves)
    _, kept = spread_evenly(joined.frames, joined, max(1, n_frames // 2))
    for batch, n_kept in ((joined, n_frames), (kept, max(1, n_frames // 2))):
        for row, n, where in zip(batch.times, batch.lengths, chosen, strict=True):
            expected = where[spread_frames(len(where), n_kept)]
            assert row[:n].tolist() == expected.tolist()
            assert (row[n:] > max(first + second)).all()


@given(lengths)
def test_mask_is_true_at_real_frames_and_the_rest_is_zero(lengths):
    batch = pad(videos_of(lengths), CPU)
    assert batch.mask.sum(dim=1).tolist() == lengths
    for row, n in zip(batch.mask.tolist(), lengths, strict=True):
        assert all(row[:n])
    assert (batch.frames[~batch.mask] == 0).all()
    assert (batch.frames[batch.mask] != 0).all()


@given(lengths)
def test_solver_gets_no_mask_only_where_nothing_is_padded(lengths):
    batch = pad(videos_of(lengths), CPU)
    assert (batch.solver_mask is None) == (len(set(lengths)) == 1)
    if batch.solver_mask is not None:
        assert torch.equal(batch.solver_mask, batch.mask)


def test_batch_is_float32_and_shares_no_memory_with_the_videos():
    video = np.ones((4, 2), dtype=np.float32)
    batch = pad([video], CPU)
    batch.frames.zero_()
    assert (video == 1).all()
    assert pad(videos_of([3], np.float64), CPU).frames.dtype == torch.float32


def test_unpadded_arrays_own_their_memory_and_have_left_the_graph():
    values = torch.zeros(2, 3, 1, requires_grad=True)
    arrays = unpad(values, torch.tensor([3, 1]))
    assert [a.shape for a in arrays] == [(3, 1), (1, 1)]
    assert all(a.base is None for a in arrays)


def test_batch_lives_on_its_device(device):
    batch = pad(videos_of([2, 4]), device)
    assert batch.frames.device.type == batch.mask.device.type == device.type
    assert batch.lengths.device.type == "cpu"


@pytest.mark.parametrize("device", ["cpu", torch.device("cpu")])
def test_known_devices_are_taken(device):
    assert check_device(device) == CPU


def test_auto_takes_a_gpu_where_there_is_one():
    expected = "cuda" if torch.cuda.is_available() else "cpu"
    assert check_device("auto").type == expected


def test_auto_without_a_gpu_says_so_in_the_log(monkeypatch, caplog):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with caplog.at_level(logging.DEBUG, logger="skvas"):
        assert check_device("auto") == CPU
    assert "no CUDA device" in caplog.text


def test_cuda_that_is_not_there_is_a_clear_error(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InvalidParameterError, match='device="auto" or one of'):
        check_device("cuda")


@pytest.mark.parametrize("device", ["gpu", "", 1.5, None, ["cpu"]])
def test_unknown_devices_are_invalid_parameters(device):
    with pytest.raises(InvalidParameterError, match="device must be"):
        check_device(device)
