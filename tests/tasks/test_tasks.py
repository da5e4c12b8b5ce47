"""The two tasks and the baseline: which problem is solved, and what loss it gives."""

from __future__ import annotations

import math

import numpy as np
import ot
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from skvas.tasks._alignment import AlignmentTask
from skvas.tasks._segmentation import SegmentationTask
from skvas.tasks._vava import VAVATask
from skvas.tasks._virtual import VirtualFrame
from skvas.transport import Dense, fused_gromov_wasserstein
from skvas.videos._batch import pad
from tests.strategies import seeds

CPU = torch.device("cpu")
RADIUS = 0.4
lengths = st.lists(
    st.tuples(st.integers(3, 9), st.integers(3, 9)), min_size=1, max_size=3
)


def segmentation(**changed):
    parameters = {
        "alpha": 0.3,
        "eps": 0.2,
        "radius": RADIUS,
        "rho": 0.15,
        "lambda_actions": 0.2,
        "tau": 0.3,
        "max_iter": 15,
    }
    return SegmentationTask(**parameters | changed)


def alignment(**changed):
    parameters = {
        "alpha": 0.3,
        "eps": 0.2,
        "radius": RADIUS,
        "rho": 0.15,
        "virtual": VirtualFrame(0.5, 0.4),
        "tau": 0.3,
        "max_iter": 15,
    }
    return AlignmentTask(**parameters | changed)


def vava(**changed):
    parameters = {"eps": 0.3, "virtual": VirtualFrame(0.5, None), "phi": 0.5}
    return VAVATask(**parameters | changed)


def unit_video(seed, n, d=3):
    frames = np.random.default_rng(seed).standard_normal((n, d))
    return (frames / np.linalg.norm(frames, axis=1, keepdims=True)).astype(np.float32)


def batch_of(sizes, seed=0):
    batch = pad([unit_video([seed, b], n) for b, n in enumerate(sizes)], CPU)
    return batch.frames, batch


def band(n, *, inside, outside, diagonal):
    """Return the structure along time, entry by entry."""
    width = max(1, math.floor(RADIUS * n + 1e-9))
    matrix = np.empty((n, n))
    for i in range(n):
        for k in range(n):
            gap = abs(i - k)
            matrix[i, k] = inside if 1 <= gap <= width else outside
            if gap == 0:
                matrix[i, k] = diagonal
    return matrix


def with_virtual(structure):
    """Border a structure with a frame that is nobody's neighbour."""
    return np.pad(structure, ((1, 0), (1, 0)))


def dense(matrix):
    return Dense(torch.from_numpy(matrix))


def cost_by_loop(x, y, rho):
    n, m = len(x), len(y)
    cost = np.empty((n, m))
    for i in range(n):
        for j in range(m):
            cost[i, j] = 1 - float(np.dot(x[i].astype(float), y[j].astype(float)))
            cost[i, j] += rho * abs(i / n - j / m)
    return cost


def masses(n, share):
    mass = np.r_[1.0 if share is None else share * n, np.ones(n)]
    return mass / mass.sum()


@given(st.integers(3, 9), st.integers(1, 4), st.sampled_from([0.0, 0.3]), seeds)
def test_segmentation_solves_the_problem_of_the_method(n, k, rho, seed):
    video, prototypes = unit_video(seed, n), unit_video(seed + 1, k)
    task = segmentation(rho=rho)
    found = task.solve(*_single(video), torch.from_numpy(prototypes))
    cost = torch.from_numpy(cost_by_loop(video, prototypes, rho))[None]
    expected = fused_gromov_wasserstein(
        cost,
        dense(band(n, inside=1 / RADIUS, outside=0.0, diagonal=0.0)),
        dense(1 - np.eye(k)),
        lambda_y=0.2,
        alpha=0.3,
        eps=0.2,
        max_iter=15,
    )
    np.testing.assert_allclose(found.plan, expected.plan, atol=1e-4)


@given(
    st.integers(3, 8),
    st.integers(3, 8),
    st.sampled_from([0.0, 0.3]),
    st.sampled_from([None, 0.5]),
    seeds,
)
def test_alignment_solves_the_problem_of_the_method(n, m, rho, share, seed):
    x, y = unit_video(seed, n), unit_video(seed + 1, m)
    task = alignment(rho=rho, virtual=VirtualFrame(0.5, share))
    (x_frames, x_batch), (y_frames, y_batch) = _single(x), _single(y)
    found = task.solve(x_frames, y_frames, x_batch, y_batch)
    cost = np.pad(cost_by_loop(x, y, rho), ((1, 0), (1, 0)), constant_values=0.5)
    expected = fused_gromov_wasserstein(
        torch.from_numpy(cost)[None],
        dense(with_virtual(band(n, inside=1 / RADIUS, outside=0.0, diagonal=0.0))),
        dense(with_virtual(band(m, inside=0.0, outside=1.0, diagonal=1.0))),
        p=torch.from_numpy(masses(n, share))[None],
        q=torch.from_numpy(masses(m, share))[None],
        alpha=0.3,
        eps=0.2,
        solver="projected",
        max_iter=15,
    )
    np.testing.assert_allclose(found.plan, expected.plan, atol=2e-3)


def vava_cost_by_loop(x, y, task):
    """Return squared distances with the priors of VAVA."""
    n, m = len(x), len(y)
    distance = np.array([[float(((a - b) ** 2).sum()) for b in y] for a in x])
    cost = np.empty((n, m))
    for i in range(n):
        best = int(distance[i].argmin())
        for j in range(m):
            norm = math.sqrt(1 / n**2 + 1 / m**2)
            along = _gaussian(abs(i / n - j / m) / norm, task.delta)
            around = _gaussian(abs(best / m - j / m) / norm, task.delta)
            prior = task.phi * along + (1 - task.phi) * around
            gap, off = i / n - j / m, (j - best) / m
            moment = task.phi / (gap**2 + 1) + (1 - task.phi) / (off**2 + 1)
            cost[i, j] = distance[i, j] - task.eps * math.log(prior)
            cost[i, j] -= task.moment * moment
    return cost


def _gaussian(distance, delta):
    norm = delta * math.sqrt(2 * math.pi)
    return math.exp(-(distance**2) / (2 * delta**2)) / norm


@given(
    st.integers(3, 8),
    st.integers(3, 8),
    st.sampled_from([0.0, 0.4, 0.999]),
    st.sampled_from([None, 0.5]),
    seeds,
)
def test_vava_is_entropic_transport_against_the_priors(n, m, phi, share, seed):
    x, y = unit_video(seed, n), unit_video(seed + 1, m)
    task = vava(phi=phi, virtual=VirtualFrame(0.5, share))
    (x_frames, x_batch), (y_frames, y_batch) = _single(x), _single(y)
    found = task.solve(x_frames, y_frames, x_batch, y_batch)
    cost = vava_cost_by_loop(x, y, task)
    cost = np.pad(cost, ((1, 0), (1, 0)), constant_values=0.5)
    expected = ot.bregman.sinkhorn_log(
        masses(n, share), masses(m, share), cost, task.eps, stopThr=1e-9
    )
    np.testing.assert_allclose(found.plan[0], expected, atol=2e-3)


@given(lengths, seeds)
def test_plans_depend_neither_on_padding_nor_on_batch_mates(pairs, seed):
    sizes_x, sizes_y = zip(*pairs, strict=True)
    x, batch_x = batch_of(sizes_x, seed)
    y, batch_y = batch_of(sizes_y, seed + 1)
    actions = torch.from_numpy(unit_video(seed + 2, 3))
    together = segmentation().solve(x, batch_x, actions).plan
    aligned = {
        task: task.solve(x, y, batch_x, batch_y).plan for task in (alignment(), vava())
    }
    for b, (n, m) in enumerate(pairs):
        one_x, one_y = _single(x[b, :n].numpy()), _single(y[b, :m].numpy())
        alone = segmentation().solve(*one_x, actions).plan[0]
        torch.testing.assert_close(together[b, :n], alone, atol=1e-5, rtol=1e-4)
        assert (together[b, n:] == 0).all()
        for task, plans in aligned.items():
            alone = task.solve(one_x[0], one_y[0], one_x[1], one_y[1]).plan[0]
            real = plans[b, : n + 1, : m + 1]
            torch.testing.assert_close(real, alone, atol=1e-5, rtol=1e-4)


@given(lengths, seeds)
def test_losses_are_the_means_of_the_losses_alone(pairs, seed):
    sizes_x, sizes_y = zip(*pairs, strict=True)
    x, batch_x = batch_of(sizes_x, seed)
    y, batch_y = batch_of(sizes_y, seed + 1)
    actions = torch.from_numpy(unit_video(seed + 2, 3))
    together = [segmentation().loss(x, batch_x, actions)[0]]
    together += [t.loss(x, y, batch_x, batch_y)[0] for t in (alignment(), vava())]
    alone = []
    for b, (n, m) in enumerate(pairs):
        one_x, one_y = _single(x[b, :n].numpy()), _single(y[b, :m].numpy())
        losses = [segmentation().loss(*one_x, actions)[0]]
        for task in (alignment(), vava()):
            losses.append(task.loss(one_x[0], one_y[0], one_x[1], one_y[1])[0])
        alone.append(torch.stack(losses))
    torch.testing.assert_close(
        torch.stack(together), torch.stack(alone).mean(dim=0), atol=1e-4, rtol=1e-4
    )


@pytest.mark.parametrize("share", [None, 0.4])
def test_wholly_matched_frame_has_a_target_of_one(share):
    # The second half of x is like nothing in y.
    x = np.repeat(np.eye(3, dtype=np.float32)[[0, 1]], 6, axis=0)
    y = np.repeat(np.eye(3, dtype=np.float32)[[0]], 9, axis=0)
    task = alignment(virtual=VirtualFrame(0.5, share), eps=0.02, alpha=0.0, rho=0.0)
    (x_frames, x_batch), (y_frames, y_batch) = _single(x), _single(y)
    loss, found = task.loss(x_frames, y_frames, x_batch, y_batch)
    rows = found.plan[0, 1:] / found.plan[0, 1:].sum(dim=1, keepdim=True)
    logits = x_frames[0] @ y_frames[0].T / task.tau
    expected = -(rows[:, 1:] * logits.log_softmax(dim=1)).sum(dim=1).mean()
    torch.testing.assert_close(loss, expected, atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(
        found.plan[0, 1:].sum(dim=1), torch.full((12,), masses(12, share)[1]).float()
    )


def test_plans_are_pseudo_labels_that_carry_no_gradient():
    x, batch_x = batch_of([6, 4])
    y, batch_y = batch_of([5, 6], 1)
    x.requires_grad_()
    actions = torch.from_numpy(unit_video(2, 3)).requires_grad_()
    _, found = segmentation().loss(x, batch_x, actions)
    assert not found.plan.requires_grad
    for task in (alignment(), vava()):
        loss, found = task.loss(x, y, batch_x, batch_y)
        assert not found.plan.requires_grad
        assert loss.requires_grad


def test_gradient_of_the_segmentation_is_that_of_the_cross_entropy_alone():
    x, batch = batch_of([6, 4])
    x.requires_grad_()
    actions = torch.from_numpy(unit_video(2, 3)).requires_grad_()
    task = segmentation()
    loss, found = task.loss(x, batch, actions)
    rows = [n * found.plan[b, :n] for b, n in enumerate((6, 4))]
    logits = [(x[b, :n] @ actions.T / task.tau) for b, n in enumerate((6, 4))]
    by_hand = torch.stack(
        [
            -(t * z.log_softmax(dim=1)).sum(dim=1).mean()
            for t, z in zip(rows, logits, strict=True)
        ]
    ).mean()
    torch.testing.assert_close(loss, by_hand)
    for ours, theirs in zip(
        torch.autograd.grad(loss, (x, actions)),
        torch.autograd.grad(by_hand, (x, actions)),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs)


def _single(video):
    batch = pad([video], CPU)
    return batch.frames, batch
