"""Each fault of the published code that lies in the solver, beside what we do.

They are numbered; faults 10 to 12 lie elsewhere.
"""

from __future__ import annotations

import math
import warnings

import pytest
import torch
import torch.nn.functional as F

from skvas.exceptions import RadiusWarning
from skvas.transport import (
    Distinct,
    OutsideBand,
    TemporalBand,
    Virtual,
    add_virtual_frame,
    cosine_cost,
    fused_gromov_wasserstein,
    published_iteration,
    temporal_order,
    unit,
    virtual_masses,
)
from skvas.transport._marginals import make_marginal
from skvas.transport._problem import FGWProblem
from tests.strategies import SOLVERS, mask, tensor


def video_costs(n, m, seed=0):
    """Return costs between two random walks on the sphere, (1, n, m)."""
    x, y = (
        unit(tensor(seed + s, 1, length, 10, low=-1).cumsum(dim=1))
        for s, length in ((0, n), (1, m))
    )
    return cosine_cost(x, y)


def aligned_cost(n):
    """Return costs of two equal videos without repeats, (1, n, n)."""
    return 1 - torch.eye(n, dtype=torch.float64)[None]


def align(cost, *, share=None, **options):
    """Solve with a virtual frame before each video; return the whole result."""
    n, m = cost.shape[1:]
    p, q = (
        virtual_masses(torch.ones(1, size, dtype=torch.bool), share, cost)
        for size in (n, m)
    )
    structures = Virtual(TemporalBand(n, 0.04)), Virtual(OutsideBand(m, 0.04))
    return fused_gromov_wasserstein(
        add_virtual_frame(cost, 0.5), *structures, p=p, q=q, **options
    )


# 1. One Sinkhorn sweep instead of a projection; the mirror step has no effect.


def test_1_published_rows_miss_their_masses_and_ours_do_not():
    cost = video_costs(60, 50)
    assert published_iteration(cost).error_x.item() > 0.05
    for solver in SOLVERS:
        assert align(cost, solver=solver).error_x.item() < 1e-5
        assert align(cost, solver=solver).error_y.item() < 1e-5


def test_1_published_step_has_no_effect_and_ours_has():
    cost = video_costs(30, 30)
    short, long = (published_iteration(cost, step=step).plan for step in (0.01, 1.0))
    assert torch.equal(short, long)
    short, long = (align(cost, step=step, max_iter=3).plan for step in (0.01, 1.0))
    assert (short - long).abs().max() > 0.1 * long.max()


# 2. The virtual column stands at the right, and the first column is cut off.


def test_2_published_labels_are_shifted_by_a_frame_and_ours_are_not():
    cost, diagonal = aligned_cost(30), torch.arange(30)
    shifted = published_iteration(cost, compat="vasot", alpha=0.1).plan[0]
    assert torch.equal(shifted[1:].argmax(dim=1), diagonal[1:] - 1)
    ours = align(cost, alpha=0.1).plan[0, 1:, 1:]
    assert torch.equal(ours.argmax(dim=1), diagonal)


# 3. The virtual frame can absorb one frame in total.


def test_3_published_background_is_one_frame_and_ours_has_a_mass():
    n, background = 20, 10
    cost = torch.full((1, n, n), 2.0, dtype=torch.float64)
    real = torch.arange(background, n)
    cost[0, real, real] = 0.0
    published = published_iteration(cost, alpha=0.1, eps=0.05, sinkhorn_iter=200)
    matched = published.plan[0, :background].sum() / (background / (n + 1))
    assert matched >= 0.9  # nine of ten frames of background have to match something
    ours = align(cost, share=1.0, alpha=0.1, eps=0.05, solver="projected").plan[0]
    rows = ours[1 : background + 1]
    assert rows[:, 1:].sum() / rows.sum() < 0.01


# 4. The traced objective is not the one descended, and rises.


def test_4_published_trace_rises_and_our_objective_does_not():
    cost = 2 * tensor(0, 1, 40, 5)
    problem = FGWProblem(
        cost,
        TemporalBand(40, 0.04),
        Distinct(),
        make_marginal(None, None, None, cost, dim=1),
        make_marginal(None, None, 0.1, cost, dim=2),
        alpha=0.3,
        eps=0.07,
    )
    published, ours = [], []
    for max_iter in range(12):
        found = published_iteration(
            cost, compat="asot", lambda_y=0.1, max_iter=max_iter
        )
        linear_term = 0.7 * (cost * found.plan).sum()
        published.append(problem.objective(found.plan) - 0.5 * linear_term)
        ours.append(
            fused_gromov_wasserstein(
                cost,
                problem.structure_x,
                problem.structure_y,
                lambda_y=0.1,
                max_iter=max_iter,
            ).objective
        )
    assert torch.cat(published).diff().max() > 1e-5
    assert torch.cat(ours).diff().max() <= 1e-12


# 5. The radius is floored, which may switch the structure off.


def test_5_published_structure_is_off_in_short_videos_and_ours_is_not():
    cost = tensor(0, 1, 20, 4)
    options = {"compat": "asot", "lambda_y": 0.1}
    # No frame has a neighbour, so that the radius does not matter any more.
    off = [published_iteration(cost, radius=r, **options).plan for r in (0.02, 0.04)]
    assert torch.equal(*off)
    with pytest.warns(RadiusWarning, match="radius=0.02 of a sequence of 20 frames"):
        band = TemporalBand(20, 0.02)
    assert band.dense(20).sum() == 2 * 19 / 0.02


# 6. One step for a batch, signed; a kernel maximum over the batch.


def test_6_published_step_turns_negative_and_ours_descends():
    collapsed = torch.zeros(1, 30, 5, dtype=torch.float64)
    collapsed[0, 0, 0] = 0.01
    options = {"lambda_y": 0.0, "alpha": 0.0}
    values = [
        published_iteration(
            collapsed, compat="asot", max_iter=max_iter, **options
        ).objective.item()
        for max_iter in (0, 20)
    ]
    assert values[1] > values[0]
    values = [
        fused_gromov_wasserstein(
            collapsed, Distinct(), Distinct(), max_iter=max_iter, **options
        ).objective.item()
        for max_iter in (0, 20)
    ]
    assert values[1] < values[0]


@pytest.mark.parametrize("solver", SOLVERS)
def test_6_our_step_and_kernel_do_not_see_the_batch(solver):
    calm, loud = tensor(0, 1, 12, 6), 1e4 * tensor(1, 1, 12, 6)
    structures = TemporalBand(12, 0.1), OutsideBand(6, 0.2)
    alone = fused_gromov_wasserstein(calm, *structures, solver=solver)
    both = fused_gromov_wasserstein(torch.cat([calm, loud]), *structures, solver=solver)
    torch.testing.assert_close(both.plan[:1], alone.plan, rtol=1e-9, atol=1e-14)


# 7. Masks work for one problem only, and padding leaks.


@pytest.mark.parametrize("solver", SOLVERS)
def test_7_our_padding_does_not_leak(solver):
    lengths = [14, 9]
    costs = [tensor(b, n, 6) for b, n in enumerate(lengths)]
    padded = torch.stack([F.pad(c, (0, 2, 0, 16 - len(c)), value=9.9) for c in costs])
    order = temporal_order(torch.tensor(lengths), torch.tensor([6, 6]), 16, 8)
    found = fused_gromov_wasserstein(
        padded + 0.2 * order,
        TemporalBand(lengths, 0.15),
        Distinct(),
        mask_x=mask(lengths, 16),
        mask_y=mask([6, 6], 8),
        lambda_y=0.1,
        solver=solver,
    )
    for b, n in enumerate(lengths):
        own = temporal_order(torch.tensor([n]), torch.tensor([6]), n, 6)
        alone = fused_gromov_wasserstein(
            costs[b][None] + 0.2 * own,
            TemporalBand(n, 0.15),
            Distinct(),
            lambda_y=0.1,
            solver=solver,
        )
        plan = found.plan[b]
        torch.testing.assert_close(plan[:n, :6], alone.plan[0], rtol=1e-8, atol=1e-12)
        assert plan[n:].abs().sum() == plan[:, 6:].abs().sum() == 0


# 8. A floor of 1e-12 under every logarithm.


def test_8_published_entropy_ends_at_the_floor_and_ours_does_not():
    cost = torch.tensor([[[0.0, 4.0], [4.0, 0.0]]], dtype=torch.float64)
    # Without structure, rows hard, columns free: a softmax of -cost / eps.
    expected = -4.0 / 0.07
    assert math.exp(expected) < 1e-12
    options = {"alpha": 0.0, "lambda_y": 0.0, "max_iter": 400}
    ours = fused_gromov_wasserstein(cost, Distinct(), Distinct(), **options).plan[0]
    published = published_iteration(cost, compat="asot", **options).plan[0]
    ratio = (ours[0, 1] / ours[0, 0]).log().item()
    assert ratio == pytest.approx(expected, rel=1e-6)
    ratio = (published[0, 1] / published[0, 0]).log().item()
    assert ratio < 2 * expected


# 9. A convolution as long as the video on the side of y.


@pytest.mark.parametrize("cls", [TemporalBand, OutsideBand])
@pytest.mark.parametrize("dim", [1, 2])
def test_9_our_structures_cost_the_same_whatever_the_radius(cls, dim):
    size, few = 300, 3
    plan = tensor(0, 1, size, few) if dim == 1 else tensor(0, 1, few, size)
    operations = []
    for radius in (0.02, 0.1, 0.4):
        structure = cls(size, radius)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what the profiler says of itself
            with torch.profiler.profile(
                activities=[torch.profiler.ProfilerActivity.CPU], record_shapes=True
            ) as profile:
                structure.apply(plan, dim)
        events = [event for event in profile.events() if "aten::" in event.name]
        for event in events:
            for shape in event.input_shapes:
                assert math.prod(shape) <= 2 * size * few  # no matrix of frames
        operations.append([event.name for event in events])
    assert operations[0] == operations[1] == operations[2]
    assert not any("conv" in name for name in operations[0])
