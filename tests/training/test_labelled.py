"""Which labelled frames training sees, and what they cost."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from skvas.training._labelled import MAX_FRAMES, MAX_VIDEOS, LabelledFrames


def chosen(lengths, codes):
    features = [np.arange(n, dtype=np.float32)[:, None] for n in lengths]
    return LabelledFrames.of(features, codes)


def some_codes(n, *frames_and_labels):
    codes = np.full(n, -1)
    for frame, label in frames_and_labels:
        codes[frame] = label
    return codes


@pytest.mark.parametrize(
    "codes", [None, [np.full(5, -1)] * 2, [np.full(5, 3), np.full(5, -1)]]
)
def test_fewer_than_two_labels_tell_nothing(codes):
    assert chosen([5, 5], codes) is None


def test_lone_labelled_frames_of_long_videos_are_seen():
    stamps = some_codes(5000, (1, 0), (1234, 9))
    found = chosen([5000, 20], [stamps, np.full(20, -1)])
    frames = found.batch.frames[0, :, 0]
    assert len(frames) <= MAX_FRAMES + 2
    assert torch.equal(found.batch.times[0], frames.long())
    seen = {int(f): int(c) for f, c in zip(frames, found.codes[0], strict=True)}
    assert (seen[1], seen[1234]) == (0, 1)
    assert sum(code >= 0 for code in seen.values()) == 2


def test_labels_all_along_a_long_video_are_seen():
    codes = np.repeat([-1, 0, 1, -1], [2000, 1000, 1000, 6000])
    (seen,) = chosen([10_000], [codes]).codes
    counts = [int((seen == label).sum()) for label in (0, 1)]
    assert min(counts) >= MAX_FRAMES / 2


def test_videos_of_one_label_each_are_seen():
    found = chosen([5, 4], [np.zeros(5, int), np.ones(4, int)])
    assert found.codes.tolist() == [[0] * 5, [1] * 4 + [-1]]


def test_no_more_than_so_many_videos_are_seen():
    codes = [np.array([0, 1])] * (2 * MAX_VIDEOS)
    assert len(chosen([2] * len(codes), codes).codes) == MAX_VIDEOS


def test_loss_is_the_cross_entropy_under_class_means():
    features = [np.float32([[1, 0], [0.8, 0.6], [0, 1]]), np.float32([[0.6, 0.8]])]
    codes = [np.array([5, 5, -1]), np.array([7])]
    found = LabelledFrames.of(features, codes)
    loss = found.loss(
        lambda batch: F.normalize(batch.frames, dim=2), torch.device("cpu")
    )
    first = np.array([1.8, 0.6]) / np.hypot(1.8, 0.6)
    second, total = np.array([0.6, 0.8]), 0
    for frame, own, other in [
        (features[0][0], first, second),
        (features[0][1], first, second),
        (features[1][0], second, first),
    ]:
        total += np.log1p(np.exp((frame @ other - frame @ own) / 0.1))
    assert loss.item() == pytest.approx(0.3 * total / 3, rel=1e-5)


def test_gradient_of_a_label_whose_frames_are_zero_is_moderate():
    features = [np.float32([[0, 0], [0, 0], [0, 1], [1, 0]])]
    found = LabelledFrames.of(features, [np.array([0, 0, 1, 1])])
    frames = found.batch.frames.clone().requires_grad_()
    found.loss(lambda batch: frames, torch.device("cpu")).backward()
    assert 0 < frames.grad.abs().max() < 10
