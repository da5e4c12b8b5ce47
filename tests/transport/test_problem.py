"""The objective and its gradient, held against dense sums and autograd."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from skvas.transport import Dense
from skvas.transport._marginals import Marginal
from tests.strategies import Setting, drawn_settings, seeds, tensor


def draw(setting, seed, batch=2, n=5, m=4):
    """Return a problem and positive matrices to look at it from."""
    cost = tensor(seed, batch, n, m, low=-1)
    p = tensor(seed + 1, batch, n, low=0.1)
    q = tensor(seed + 2, batch, m, low=0.1)
    plan = tensor(seed + 3, batch, n, m, low=1e-3, high=0.2)
    return setting.problem(cost, p, q), plan


@given(drawn_settings(), seeds, st.integers(2, 7), st.integers(2, 7))
def test_gradient_is_that_of_the_objective(setting, seed, n, m):
    problem, plan = draw(setting, seed, n=n, m=m)
    found = problem.gradient(plan)
    # Fast products work in place, which autograd cannot follow.
    x, y = problem.structure_x.dense(n), problem.structure_y.dense(m)
    dense = replace(problem, structure_x=Dense(x), structure_y=Dense(y))
    plan.requires_grad_()
    (expected,) = torch.autograd.grad(dense.objective(plan).sum(), plan)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


@given(drawn_settings(), seeds)
def test_gradient_agrees_with_finite_differences(setting, seed):
    problem, plan = draw(setting, seed, batch=1)
    towards = tensor(seed + 4, *plan.shape, low=-1)
    h = 1e-6
    rise = problem.objective(plan + h * towards) - problem.objective(plan - h * towards)
    slope = (problem.gradient(plan) * towards).sum()
    torch.testing.assert_close(rise[0] / (2 * h), slope, rtol=1e-5, atol=1e-5)


@given(drawn_settings(), seeds, st.integers(2, 6), st.integers(2, 6))
def test_objective_is_the_sum_written_out(setting, seed, n, m):
    problem, plans = draw(setting, seed, n=n, m=m)
    cx, cy = problem.structure_x.dense(n), problem.structure_y.dense(m)
    for b, plan in enumerate(plans):
        quadratic = np.einsum(
            "ik,jl,ij,kl->",
            cx[b if len(cx) > 1 else 0].numpy(),
            cy[b if len(cy) > 1 else 0].numpy(),
            plan.numpy(),
            plan.numpy(),
        )
        value = (1 - setting.alpha) * (problem.cost[b] * plan).sum()
        value += setting.alpha / 2 * quadratic
        value += setting.eps * (plan * (plan.log() - 1)).sum()
        for side, dim in ((problem.rows, 1), (problem.columns, 0)):
            if side.hard.all():
                continue
            found, mass = plan.sum(dim=dim), side.mass[b]
            divergence = (found * (found / mass).log() - found + mass).sum()
            value += side.weight[b, 0] * divergence
        torch.testing.assert_close(problem.objective(plans)[b], value)


@given(drawn_settings(), seeds)
def test_known_linearisation_changes_nothing(setting, seed):
    problem, plan = draw(setting, seed)
    linear = problem.linearise(plan)
    assert torch.equal(problem.objective(plan, linear), problem.objective(plan))
    assert torch.equal(problem.gradient(plan, linear), problem.gradient(plan))


@given(drawn_settings(), seeds)
def test_known_quadratic_term_changes_nothing(setting, seed):
    problem, plan = draw(setting, seed)
    quadratic = (problem.structural(plan) * plan).sum(dim=(1, 2))
    torch.testing.assert_close(
        problem.objective(plan, quadratic=quadratic), problem.objective(plan)
    )


@given(drawn_settings(), seeds)
def test_problems_taken_from_a_batch_are_the_same_problems(setting, seed):
    problem, plan = draw(setting, seed, batch=3)
    index = torch.tensor([2, 0])
    taken = problem.take(index)
    torch.testing.assert_close(
        taken.objective(plan[index]), problem.objective(plan)[index]
    )
    torch.testing.assert_close(
        taken.gradient(plan[index]), problem.gradient(plan)[index]
    )
    assert torch.equal(taken.real, problem.real[index])


def test_objective_of_a_plan_with_zeros_is_finite():
    problem, _ = draw(Setting(lambda_x=0.1, lambda_y=0.1), 0, batch=1)
    plan = torch.zeros(1, 5, 4, dtype=torch.float64)
    assert torch.isfinite(problem.objective(plan)).all()


@given(drawn_settings(virtual=False), seeds, st.integers(1, 5), st.integers(1, 9))
def test_padding_does_not_change_the_range(setting, seed, n, padding):
    """The range decides between scaling and logs, so padding must not move it."""
    cost = tensor(seed, 1, n, 4, low=-1)
    alone = setting.problem(cost)
    right = 0 if setting.task == "dense" else seed % 5  # a matrix has its own size
    sides = [
        Marginal(F.pad(side.mass, (0, more)), side.weight[:, :1].expand(1, size + more))
        for side, size, more in ((alone.rows, n, padding), (alone.columns, 4, right))
    ]
    padded = replace(
        alone,
        cost=F.pad(cost, (0, right, 0, padding)),
        rows=sides[0],
        columns=sides[1],
    )
    torch.testing.assert_close(padded.log_range(), alone.log_range())


@given(drawn_settings(), seeds, st.sampled_from([-1.0, 0.0, 1.0]))
def test_range_is_the_bound_written_out(setting, seed, shift):
    problem, _ = draw(setting, seed)
    problem = replace(problem, cost=problem.cost + shift)
    for b, found in enumerate(problem.log_range()):
        one = problem.take(torch.tensor([b]))
        cx, cy = one.structure_x.dense(5)[0], one.structure_y.dense(4)[0]
        by_row = (cx @ one.rows.mass[0]).abs().max() * cy.abs().max()
        by_column = (cy @ one.columns.mass[0]).abs().max() * cx.abs().max()
        least = torch.minimum(by_row, by_column)
        reach = {
            (True, True): least,
            (True, False): by_row,
            (False, True): by_column,
            (False, False): 4 * least,
        }[setting.lambda_x is None, setting.lambda_y is None]
        spread = one.cost.max().clamp_min(0) - one.cost.min().clamp_max(0)
        expected = (1 - setting.alpha) * spread + setting.alpha * reach
        torch.testing.assert_close(found, expected / setting.eps)


@given(drawn_settings(weights_x=(None,), virtual=False), seeds)
def test_no_kernel_spreads_over_more_than_the_range(setting, seed):
    problem, plan = draw(setting, seed, batch=2)
    kept = plan / plan.sum(dim=2, keepdim=True) * problem.rows.mass[:, :, None]
    log_kernel = -problem.linearise(kept) / setting.eps
    spread = log_kernel.amax(dim=(1, 2)) - log_kernel.amin(dim=(1, 2))
    bound = problem.log_range() * (2 if setting.task == "dense" else 1)
    assert (spread <= bound * (1 + 1e-9) + 1e-9).all()


def test_objective_of_a_large_plan_keeps_its_digits():
    cost = tensor(0, 1, 1500, 1400, dtype=torch.float32)
    plan = tensor(1, 1, 1500, 1400, dtype=torch.float32) ** 4
    plan /= plan.sum()
    found = Setting(eps=0.07).problem(cost).objective(plan)
    expected = Setting(eps=0.07).problem(cost.double()).objective(plan.double())
    torch.testing.assert_close(found.double(), expected, rtol=1e-6, atol=1e-6)
