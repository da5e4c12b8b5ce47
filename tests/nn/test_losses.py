"""Losses against plain loops over frames; padding and masks have no say."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from skvas.nn import (
    alignment_loss,
    intra_video_loss,
    segmentation_loss,
    transport_loss,
)
from tests.strategies import mask, seeds, tensor

TAU = 0.3
D = 3
lengths = st.lists(
    st.tuples(st.integers(1, 6), st.integers(1, 6)), min_size=1, max_size=3
)


def unit_frames(seed, n):
    frames = tensor(seed, n, D, low=-1)
    return frames / frames.norm(dim=1, keepdim=True)


def plan_of(seed, n, m):
    """Return rows that sum to 1 or, some of the mass being virtual, to less."""
    plan = tensor(seed, n, m, low=0.01)
    return plan / plan.sum(dim=1, keepdim=True) * tensor(seed + 1, n, 1, low=0.2)


def stack(items, size_0, size_1, fill):
    """Pad matrices with a number that a careless mean would count."""
    padded = torch.full((len(items), size_0, size_1), fill, dtype=torch.float64)
    for row, item in zip(padded, items, strict=True):
        row[: item.shape[0], : item.shape[1]] = item
    return padded


def cross_entropy(frame, others, targets):
    """Return the loss of one frame, with loops and logarithms of sums."""
    logits = [float(frame @ other) / TAU for other in others]
    total = math.log(sum(math.exp(logit) for logit in logits))
    return -sum(
        float(t) * (logit - total) for t, logit in zip(targets, logits, strict=True)
    )


def mean(values):
    return sum(values) / len(values)


@given(lengths, st.integers(1, 4), st.integers(0, 3), st.floats(-9, 9), seeds)
def test_segmentation_loss_is_the_cross_entropy_over_real_frames(
    pairs, k, padding, fill, seed
):
    sizes = [n for n, _ in pairs]
    prototypes = unit_frames(seed, k)
    videos = [unit_frames(seed + b, n) for b, n in enumerate(sizes)]
    plans = [plan_of(seed + b, n, k) for b, n in enumerate(sizes)]
    size = max(sizes) + padding
    found = segmentation_loss(
        stack(videos, size, D, fill),
        prototypes,
        stack(plans, size, k, fill),
        mask(sizes, size),
        tau=TAU,
    )
    expected = mean(
        [
            mean(
                [
                    cross_entropy(f, prototypes, t)
                    for f, t in zip(video, plan, strict=True)
                ]
            )
            for video, plan in zip(videos, plans, strict=True)
        ]
    )
    assert float(found) == pytest.approx(expected, rel=1e-9, abs=1e-12)


@given(lengths, st.integers(0, 3), st.floats(-9, 9), seeds)
def test_alignment_loss_is_the_cross_entropy_over_real_frames(
    pairs, padding, fill, seed
):
    sizes_x, sizes_y = (list(sizes) for sizes in zip(*pairs, strict=True))
    xs = [unit_frames(seed + b, n) for b, n in enumerate(sizes_x)]
    ys = [unit_frames(seed + 9 + b, m) for b, m in enumerate(sizes_y)]
    plans = [plan_of(seed + b, n, m) for b, (n, m) in enumerate(pairs)]
    n, m = max(sizes_x) + padding, max(sizes_y) + padding
    found = alignment_loss(
        stack(xs, n, D, fill),
        stack(ys, m, D, fill),
        stack(plans, n, m, fill),
        mask(sizes_x, n),
        mask(sizes_y, m),
        tau=TAU,
    )
    expected = mean(
        [
            mean([cross_entropy(f, y, t) for f, t in zip(x, plan, strict=True)])
            for x, y, plan in zip(xs, ys, plans, strict=True)
        ]
    )
    assert float(found) == pytest.approx(expected, rel=1e-9, abs=1e-12)


@given(lengths, st.integers(0, 3), seeds)
def test_transport_loss_is_the_squared_distance_carried(pairs, padding, seed):
    xs = [unit_frames(seed + b, n) for b, (n, _) in enumerate(pairs)]
    ys = [unit_frames(seed + 9 + b, m) for b, (_, m) in enumerate(pairs)]
    plans = [plan_of(seed + b, n, m) for b, (n, m) in enumerate(pairs)]
    n = max(n for n, _ in pairs) + padding
    m = max(m for _, m in pairs) + padding
    found = transport_loss(
        stack(xs, n, D, 7.0), stack(ys, m, D, 7.0), stack(plans, n, m, 0.0)
    )
    expected = mean(
        [
            sum(
                float(plan[i, j]) * float((x[i] - y[j]).square().sum())
                for i in range(len(x))
                for j in range(len(y))
            )
            for x, y, plan in zip(xs, ys, plans, strict=True)
        ]
    )
    assert float(found) == pytest.approx(expected, rel=1e-7, abs=1e-9)


def intra_of_one(frames, window, margin):
    n = len(frames)
    near = [0.0, 0.0]  # weighted sum, and sum of weights
    far = [0.0, 0.0]
    for i in range(n):
        for j in range(n):
            if i == j:
                continue
            gap, distance = abs(i - j), float((frames[i] - frames[j]).square().sum())
            if gap <= max(window * n, 1):
                weight, value, side = 1 / (gap**2 + 1), distance, near
            else:
                weight, value, side = gap**2 + 1, max(margin - distance, 0), far
            side[0] += weight * value
            side[1] += weight
    return sum(total / weight for total, weight in (near, far) if weight)


@given(
    st.lists(st.integers(1, 9), min_size=1, max_size=3),
    st.integers(0, 3),
    st.sampled_from([0.06, 0.25, 0.6]),
    st.sampled_from([0.5, 2.0]),
    seeds,
)
def test_intra_video_loss_attracts_within_the_window_and_repels_outside(
    sizes, padding, window, margin, seed
):
    videos = [unit_frames(seed + b, n) for b, n in enumerate(sizes)]
    size = max(sizes) + padding
    found = intra_video_loss(
        stack(videos, size, D, 7.0), mask(sizes, size), window=window, margin=margin
    )
    expected = mean([intra_of_one(video, window, margin) for video in videos])
    assert float(found) == pytest.approx(expected, rel=1e-6, abs=1e-9)


@given(lengths, seeds)
def test_no_gradient_reaches_padded_frames(pairs, seed):
    sizes_x, sizes_y = (list(sizes) for sizes in zip(*pairs, strict=True))
    n, m = max(sizes_x) + 2, max(sizes_y) + 2
    x = tensor(seed, len(pairs), n, D, low=-1).requires_grad_()
    y = tensor(seed + 1, len(pairs), m, D, low=-1).requires_grad_()
    real_x, real_y = mask(sizes_x, n), mask(sizes_y, m)
    plan = tensor(seed + 2, len(pairs), n, m)
    prototypes = unit_frames(seed, 2)
    loss = (
        alignment_loss(x, y, plan, real_x, real_y)
        + segmentation_loss(x, prototypes, plan[:, :, :2], real_x)
        + intra_video_loss(x, real_x)
    )
    loss.backward()
    assert x.grad.isfinite().all()
    assert y.grad.isfinite().all()
    assert (x.grad[~real_x] == 0).all()
    assert (y.grad[~real_y] == 0).all()


def test_frames_at_the_window_edge_attract():
    # Ten frames, a window of 0.2: a gap of 2 is inside, a gap of 3 is not.
    frames = torch.zeros(1, 10, 1, dtype=torch.float64)
    frames[0, 0] = 1.0
    real = torch.ones(1, 10, dtype=torch.bool)
    distance_in = intra_video_loss(frames, real, window=0.2, margin=0.0)
    distance_out = intra_video_loss(frames, real, window=0.19, margin=0.0)
    assert distance_in != distance_out
