"""Facts about plans that any solver owes its users."""

from __future__ import annotations

import math
import re
import sys
import warnings
from unittest import mock

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch.profiler import ProfilerActivity, profile

from skvas.exceptions import ConvergenceWarning
from skvas.transport import (
    Dense,
    Distinct,
    FGWResult,
    OutsideBand,
    TemporalBand,
    Virtual,
    add_virtual_frame,
    cosine_cost,
    fused_gromov_wasserstein,
    unit,
)
from skvas.transport import _iterations as iterations_module
from skvas.transport import _result as result_module
from skvas.transport import _solvers as solvers_module
from skvas.transport._result import Budget
from tests.strategies import (
    SOLVERS,
    WEIGHTS,
    Setting,
    band,
    drawn_costs,
    drawn_settings,
    log_floats,
    seeds,
    tensor,
)

both_solvers = pytest.mark.parametrize("solver", SOLVERS)
both_dtypes = pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-5)]
)
both_dtypes_alone = pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
GARBAGE = [0.0, -3.0, 1e30, -1e30, math.nan, math.inf, -math.inf]


# Iterations magnify what rounding makes different, the more the stronger the structure
# is against eps; from a symmetric start they may amplify it without bound.
mild = drawn_settings(eps=(0.5, 10.0), least_radius=0.2, largest_alpha=0.5)


def solve_pair(setting, cost, **options):
    """Solve a single problem, unpadded."""
    return setting.solve([cost], **options)


def assert_plans_close(found, expected, tolerance):
    """Compare to `tolerance` of the largest entry expected."""
    error = (found - expected).abs().max()
    assert error <= tolerance * expected.abs().max(), f"{error / expected.max():.2e}"


# --- the same result alone, padded, and in any batch -------------------------------


@both_dtypes
@both_solvers
@given(
    mild,
    drawn_costs(max_batch=3, scale=(0.1, 2.0)),
    st.tuples(st.integers(0, 5), st.integers(0, 5)),
    st.sampled_from(GARBAGE),
    st.sampled_from([None, 1e-3]),
)
def test_result_is_the_same_alone_padded_and_in_any_batch(
    solver, dtype, tolerance, setting, costs, pad, fill, tol
):
    # Without a hard side mass may explode, and roundings with it.
    if dtype == torch.float32 or setting.task == "dense":
        assume(None in setting.weights.values())
    costs = [cost.to(dtype) for cost in costs]
    options = {"solver": solver, "tol": tol, "max_iter": 6}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        batch = setting.solve(costs, pad=pad, fill=fill, **options)
        for b, cost in enumerate(costs):
            n, m = cost.shape
            alone = setting.solve([cost], **options)
            assert_plans_close(batch.plan[b, :n, :m], alone.plan[0], tolerance)
            rest = batch.plan[b].clone()
            rest[:n, :m] = 0
            assert (rest == 0).all()
            scale = 1 + alone.objective.abs().item()
            assert abs(batch.objective[b] - alone.objective[0]) <= tolerance * scale
            if dtype == torch.float64:
                assert batch.n_iter[b] == alone.n_iter[0]
                assert batch.converged[b] == alone.converged[0]


@both_solvers
@pytest.mark.parametrize("task", ["align", "segment"])
def test_videos_of_real_length_are_the_same_alone_and_padded_in_float32(solver, task):
    costs = []
    for b, (n, m) in enumerate([(256, 200), (180, 256), (60, 90)]):
        x = unit(tensor(b, 1, n, 40, low=-1, dtype=torch.float32).cumsum(dim=1))
        y = unit(tensor(b + 9, 1, m, 40, low=-1, dtype=torch.float32).cumsum(dim=1))
        costs.append(cosine_cost(x, y[:, :: 1 if task == "align" else 20])[0])
    weight = None if task == "align" else 0.1
    setting = Setting(task, 0.04, alpha=0.3, eps=0.07, lambda_y=weight)
    batch = setting.solve(costs, pad=(7, 3), fill=math.nan, solver=solver)
    for b, cost in enumerate(costs):
        n, m = cost.shape
        alone = setting.solve([cost], solver=solver)
        # Plans sum to 1; rows rescaled to 1 differ by n times as much.
        assert (batch.plan[b, :n, :m] - alone.plan[0]).abs().max() <= 1e-6


@both_solvers
@given(
    seeds,
    st.sampled_from(WEIGHTS),
    log_floats(1e-4, 1e-2),
    st.sampled_from([(torch.float64, 1e-10), (torch.float32, 1e-5)]),
)
def test_problem_that_needs_logs_and_one_that_does_not_leave_each_other_alone(
    solver, seed, lambda_y, eps, precision
):
    dtype, tolerance = precision
    setting = Setting(alpha=0.2, eps=eps, lambda_y=lambda_y)
    # Costs of 1 over this eps overflow as scalings; costs of 5 eps do not.
    costs = [tensor(seed, 3, 4), 5 * eps * tensor(seed, 4, 3)]
    costs = [cost.to(dtype) for cost in costs]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(result_module, "FINAL_SWEEPS", 30)
        batch = setting.solve(costs, solver=solver, max_iter=3)
        for b, cost in enumerate(costs):
            n, m = cost.shape
            alone = setting.solve([cost], solver=solver, max_iter=3)
            assert_plans_close(batch.plan[b, :n, :m], alone.plan[0], tolerance)
            assert batch.plan.dtype == alone.plan.dtype == dtype


@both_solvers
@given(mild.filter(lambda setting: setting.task != "dense"), seeds)
def test_order_of_the_batch_does_not_matter(solver, setting, seed):
    costs = [tensor(seed + b, 3 + b, 6 - b) for b in range(3)]
    found = setting.solve(costs, solver=solver, max_iter=5)
    turned = setting.solve(costs[::-1], solver=solver, max_iter=5)
    assert_plans_close(turned.plan.flip(0), found.plan, 1e-10)


# --- logs where scaling would overflow ---------------------------------------------


@both_solvers
@given(
    seeds,
    st.sampled_from([(None, None), (None, 0.1), (None, 0.0), (0.1, None)]),
    log_floats(1e-4, 1.0),
    st.sampled_from([(torch.float64, 1e-8), (torch.float32, 1e-3)]),
)
def test_scaling_and_logs_give_the_same_plan(solver, seed, weights, eps, precision):
    dtype, tolerance = precision
    setting = Setting(eps=eps, lambda_x=weights[0], lambda_y=weights[1])
    costs = [tensor(seed, 5, 6, dtype=dtype), tensor(seed + 1, 6, 3, dtype=dtype)]
    options = {"solver": solver, "max_iter": 2}
    scaled = setting.solve(costs, **options)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(solvers_module, "SAFE_RANGE", {dtype: -1.0})
        in_logs = setting.solve(costs, **options)
    assert_plans_close(scaled.plan, in_logs.plan, tolerance)
    torch.testing.assert_close(
        scaled.objective, in_logs.objective, rtol=tolerance, atol=tolerance
    )


@both_solvers
@pytest.mark.parametrize("lambda_y", [None, 0.0, 0.1])
@given(log_floats(1e-4, 1e2), log_floats(1e-3, 1e3), seeds, st.booleans())
def test_row_29_no_nan_and_no_empty_row_for_any_eps_and_cost(
    solver, lambda_y, eps, scale, seed, virtual
):
    setting = Setting(eps=eps, lambda_y=lambda_y, virtual=virtual)
    costs = [
        (scale * tensor(seed + b, n, m, low=-1)).float()
        for b, (n, m) in enumerate([(5, 4), (2, 6), (6, 3)])
    ]
    found = setting.solve(costs, pad=(1, 1), solver=solver, max_iter=5)
    for value in (found.plan, found.objective, found.error_x, found.error_y):
        assert torch.isfinite(value).all()
    assert (found.plan >= 0).all()
    assert found.error_x.max() < 1e-3
    for b, cost in enumerate(costs):
        n, m = cost.shape
        rows = found.plan[b].sum(dim=1)
        torch.testing.assert_close(rows[:n], torch.full((n,), 1 / n), rtol=1e-3, atol=0)
        assert (found.plan[b, n:] == 0).all()
        assert (found.plan[b, :, m:] == 0).all()
    if lambda_y is None:
        assert found.error_y.max() < 1e-3


@both_solvers
@pytest.mark.parametrize("weights", [(0.1, 0.1), (0.1, 0.0), (0.5, None), (0.0, None)])
@given(log_floats(1e-4, 1e2), log_floats(1e-3, 1e2), seeds)
def test_no_nan_where_rows_are_relaxed(solver, weights, eps, scale, seed):
    setting = Setting(eps=eps, lambda_x=weights[0], lambda_y=weights[1])
    cost = (scale * tensor(seed, 5, 4)).float()
    found = solve_pair(setting, cost, solver=solver, max_iter=5)
    assert torch.isfinite(found.plan).all()
    assert torch.isfinite(found.objective).all()


# --- descent and stationarity -------------------------------------------------------


@given(drawn_settings(eps=(1e-3, 10)), drawn_costs(scale=(0.1, 3)), seeds)
def test_objective_of_the_mirror_descent_never_rises(setting, costs, seed):
    assume(setting.task != "dense" or None in setting.weights.values())
    exact = {"sinkhorn_iter": 2000, "sinkhorn_tol": 1e-13}
    values = torch.stack(
        [
            setting.solve(costs, max_iter=max_iter, **exact).objective
            for max_iter in range(6)
        ]
    )
    rise = values.diff(dim=0)
    assert (rise <= 1e-9 * (1 + values[1:].abs())).all()


def test_step_that_was_cut_grows_back_where_it_is_borne(monkeypatch):
    """First steps are too long where mass is free; later ones need not be short."""
    setting = Setting("segment", 0.25, eps=1.0, lambda_x=0.0, lambda_y=0.0)
    costs = [tensor(0, 10, 8)]
    lowest = setting.solve(costs, max_iter=1000).objective
    gap = setting.solve(costs).objective - lowest
    monkeypatch.setattr(iterations_module, "STEP_GROWTH", 1.0)
    gap_of_short_steps = setting.solve(costs).objective - lowest
    assert gap < 0.1 * gap_of_short_steps


@both_solvers
@pytest.mark.parametrize("kind", ["segment", "virtual"])
@given(seeds)
def test_converged_plan_is_stationary(solver, kind, seed):
    """The gradient is what the hard sides push back with: f_i + g_j, and no more."""
    cost = tensor(seed, 1, 5, 4)
    weight_x = torch.full((1, 5), math.inf, dtype=torch.float64)
    weight_y = torch.full((1, 4), 0.2, dtype=torch.float64)
    if kind == "virtual":  # the virtual frame is relaxed among hard frames
        weight_y[0, 1:] = math.inf
        weight_x[0, 0] = 0.1
    setting = Setting("segment", eps=1.0, lambda_x=weight_x, lambda_y=weight_y)
    problem = setting.problem(cost)
    found = fused_gromov_wasserstein(
        cost,
        problem.structure_x,
        problem.structure_y,
        lambda_x=weight_x,
        lambda_y=weight_y,
        alpha=setting.alpha,
        eps=setting.eps,
        solver=solver,
        max_iter=4000,
        tol=1e-9,
        sinkhorn_iter=500,
        sinkhorn_tol=1e-12,
    )
    push = problem.gradient(found.plan)[0]
    hard_x, hard_y = problem.rows.hard[0], problem.columns.hard[0]
    if kind == "virtual":
        f = torch.where(hard_x, push[:, 0], 0.0)
        g = torch.where(hard_y, push[0, :], 0.0)
    else:
        f, g = push[:, 0], torch.zeros(4, dtype=torch.float64)
    assert (push - f[:, None] - g[None, :]).abs().max() < 1e-6
    assert found.error_x.item() < 1e-9
    assert found.error_y.item() < 1e-9


@given(drawn_settings(tasks=("align", "segment")), drawn_costs())
def test_objective_reported_is_that_of_the_plan(setting, costs):
    cost = costs[0][None]
    found = fused_gromov_wasserstein(
        cost,
        *setting.structures([cost.shape[1]], [cost.shape[2]], cost.shape[2]),
        **setting.weights,
        alpha=setting.alpha,
        eps=setting.eps,
        max_iter=4,
    )
    expected = setting.problem(cost).objective(found.plan)
    torch.testing.assert_close(found.objective, expected)


# --- closed forms -------------------------------------------------------------------


@both_solvers
@given(drawn_settings(tasks=("align", "segment")), drawn_costs())
def test_no_iteration_gives_the_independent_plan(solver, setting, costs):
    found = setting.solve(costs, solver=solver, max_iter=0)
    for b, cost in enumerate(costs):
        n, m = cost.shape
        expected = torch.full((n, m), 1 / (n * m), dtype=torch.float64)
        torch.testing.assert_close(found.plan[b, :n, :m], expected)
    assert (found.n_iter == 0).all()
    assert not found.converged.any()


@both_solvers
@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (5, 1)])
@given(seeds, log_floats(1e-3, 10))
def test_one_frame_leaves_no_choice_with_two_hard_sides(solver, shape, seed, eps):
    found = solve_pair(
        Setting(eps=eps), tensor(seed, *shape), solver=solver, max_iter=3
    )
    expected = torch.full(shape, 1 / max(shape), dtype=torch.float64)
    torch.testing.assert_close(found.plan[0], expected)


@both_solvers
def test_cheap_permutation_is_found(solver):
    order = torch.tensor([2, 0, 3, 1])
    cost = torch.ones(4, 4, dtype=torch.float64)
    cost[torch.arange(4), order] = 0
    setting = Setting(alpha=0.0, eps=0.02)
    found = solve_pair(setting, cost, solver=solver, max_iter=100)
    assert torch.equal(found.plan[0].argmax(dim=1), order)
    assert found.plan[0].amax(dim=1).min() > 0.249


@both_solvers
@given(
    drawn_settings(tasks=("segment",), weights_x=(None,), virtual=False),
    seeds,
    st.integers(2, 6),
)
def test_permuted_actions_give_the_permuted_plan(solver, setting, seed, k):
    cost = tensor(seed, 7, k)
    order = torch.tensor(np.random.default_rng(seed).permutation(k))
    found = solve_pair(setting, cost, solver=solver, max_iter=8)
    turned = solve_pair(setting, cost[:, order], solver=solver, max_iter=8)
    assert_plans_close(turned.plan, found.plan[:, :, order], 1e-9)
    torch.testing.assert_close(turned.objective, found.objective)


@both_solvers
@given(seeds, st.floats(-5, 5))
def test_constant_added_to_costs_changes_nothing_where_rows_are_hard(
    solver, seed, constant
):
    cost = tensor(seed, 6, 4)
    setting = Setting(alpha=0.0, lambda_y=0.1, eps=0.3)
    found, moved = (
        solve_pair(setting, each, solver=solver, max_iter=4000, tol=1e-10)
        for each in (cost, cost + constant)
    )
    torch.testing.assert_close(moved.plan, found.plan, rtol=0, atol=1e-8)


@both_solvers
def test_transposed_problem_has_the_transposed_plan(solver):
    cost = tensor(0, 1, 5, 7)
    options = {"solver": solver, "eps": 0.5, "max_iter": 100}
    exact = {"sinkhorn_iter": 500, "sinkhorn_tol": 1e-13}
    x, y = TemporalBand(5, 0.3), OutsideBand(7, 0.3)
    found = fused_gromov_wasserstein(cost, x, y, lambda_y=0.2, **options, **exact)
    turned = fused_gromov_wasserstein(cost.mT, y, x, lambda_x=0.2, **options, **exact)
    assert_plans_close(turned.plan.mT, found.plan, 1e-8)


def test_structure_joins_frames_that_costs_leave_alone():
    """Neighbours agree: a noisy frame takes the action of the frames around it."""
    cost = torch.zeros(20, 2, dtype=torch.float64)
    cost[:10, 1], cost[10:, 0] = 1.0, 1.0
    cost[4] = torch.tensor([0.3, 0.0])
    labels = {
        alpha: solve_pair(
            Setting("segment", 0.1, alpha=alpha, eps=0.07, lambda_y=0.1), cost
        )
        .plan[0]
        .argmax(dim=1)
        for alpha in (0.0, 0.3)
    }
    assert labels[0.0][4] == 1
    assert labels[0.3][4] == 0


# --- masses -------------------------------------------------------------------------


@both_solvers
@given(seeds, st.sampled_from([None, 0.1, 0.0]))
def test_masses_are_met_and_a_frame_without_mass_stays_empty(solver, seed, lambda_y):
    p, q = tensor(seed, 1, 6, low=0.1), tensor(seed + 1, 1, 5, low=0.1)
    p[0, seed % 6], q[0, seed % 5] = 0, 0
    found = Setting(lambda_y=lambda_y).solve(
        [tensor(seed + 2, 6, 5)], masses=[(p[0], q[0])], solver=solver
    )
    torch.testing.assert_close(found.plan.sum(dim=2), p / p.sum(), rtol=1e-9, atol=0)
    assert (found.plan[0, seed % 6] == 0).all()
    assert (found.plan[0, :, seed % 5] == 0).all()
    if lambda_y is None:
        torch.testing.assert_close(
            found.plan.sum(dim=1), q / q.sum(), rtol=1e-9, atol=1e-15
        )


@both_solvers
@pytest.mark.parametrize("side", ["x", "y"])
def test_lone_hard_side_is_met_by_a_single_sweep(solver, side, monkeypatch):
    monkeypatch.setattr(result_module, "FINAL_SWEEPS", 1)
    setting = Setting(eps=0.1, **{f"lambda_{'y' if side == 'x' else 'x'}": 0.5})
    found = setting.solve([tensor(0, 6, 5)], solver=solver, max_iter=2, sinkhorn_iter=1)
    assert getattr(found, f"error_{side}").item() < 1e-12


@both_solvers
@given(seeds)
def test_frame_without_mass_is_like_one_that_is_masked(solver, seed):
    cost = tensor(seed, 2, 6, 5)
    masses = torch.tensor([[1.0, 1, 1, 1, 0, 0], [1, 1, 1, 1, 1, 1]])
    structures = TemporalBand([4, 6], 0.3), OutsideBand(5, 0.3)
    options = {"solver": solver, "eps": 0.5, "max_iter": 5}
    by_mass = fused_gromov_wasserstein(cost, *structures, p=masses, **options)
    by_mask = fused_gromov_wasserstein(cost, *structures, mask_x=masses > 0, **options)
    assert torch.equal(by_mass.plan, by_mask.plan)


@both_solvers
@pytest.mark.parametrize("side", ["p", "q"])
def test_costs_where_no_mass_can_go_are_ignored(solver, side):
    cost, mass = tensor(0, 1, 4, 4), torch.tensor([[1.0, 2.0, 0.0, 1.0]])
    options = {side: mass, "eps": 0.5, "solver": solver, "max_iter": 3}
    expected = fused_gromov_wasserstein(cost, Distinct(), Distinct(), **options)
    cost = cost.clone()
    cost.select(1 if side == "p" else 2, 2).fill_(math.nan)
    found = fused_gromov_wasserstein(cost, Distinct(), Distinct(), **options)
    assert torch.equal(found.plan, expected.plan)
    assert torch.equal(found.objective, expected.objective)


@both_solvers
def test_heavier_penalty_brings_masses_closer(solver):
    cost = tensor(5, 8, 4)
    errors = []
    for weight in (0.0, 0.05, 0.5, 5.0, 50.0, None):
        setting = Setting("segment", lambda_y=weight, eps=0.2)
        plan = solve_pair(setting, cost, solver=solver, max_iter=300).plan
        errors.append((plan.sum(dim=1) - 0.25).abs().max().item())
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 1e-9


# --- stopping -----------------------------------------------------------------------


@both_solvers
def test_each_problem_stops_by_itself(solver):
    costs = [tensor(0, 5, 5), torch.zeros(5, 5, dtype=torch.float64)]
    setting = Setting(alpha=0.0, eps=0.5)
    options = {"solver": solver, "tol": 1e-8, "max_iter": 300}
    found = setting.solve(costs, **options)
    assert found.converged.all()
    assert found.n_iter[1] < found.n_iter[0] < 300
    assert found.n_iter.tolist() == [
        setting.solve([cost], **options).n_iter.item() for cost in costs
    ]


@both_solvers
def test_a_wider_tol_stops_earlier(solver):
    cost = tensor(0, 6, 6)
    counts = [
        solve_pair(Setting(), cost, solver=solver, tol=tol, max_iter=500).n_iter.item()
        for tol in (1e-2, 1e-5, 1e-8)
    ]
    assert counts == sorted(set(counts))


@both_solvers
def test_row_28_missing_tol_is_a_warning_that_counts(solver):
    costs = [tensor(0, 5, 5), *torch.zeros(2, 5, 5, dtype=torch.float64)]
    with pytest.warns(ConvergenceWarning, match="1 of 3 problems did not converge"):
        found = Setting(alpha=0.0, eps=0.1).solve(
            costs, solver=solver, tol=1e-14, max_iter=1, sinkhorn_iter=1
        )
    assert found.converged.tolist() == [False, True, True]
    assert found.n_iter.tolist() == [1, 1, 1]


@both_solvers
def test_row_28_without_tol_all_iterations_are_made_and_nothing_is_claimed(solver):
    found = solve_pair(Setting(), tensor(0, 4, 4), solver=solver, max_iter=7)
    assert found.n_iter.tolist() == [7]
    assert found.converged.tolist() == [False]


@pytest.mark.parametrize(("sinkhorn_iter", "last"), [(3, 50), (80, 80)])
def test_last_iteration_alone_takes_more_sweeps(sinkhorn_iter, last):
    budget = Budget(4, None, None, sinkhorn_iter, 0.0)
    assert [budget.sweeps(i) for i in range(4)] == [sinkhorn_iter] * 3 + [last]


@both_solvers
def test_two_hard_marginals_are_met_by_default(solver):
    x, y = (unit(tensor(s, 2, 60, 8, low=-1, dtype=torch.float32)) for s in (0, 1))
    found = fused_gromov_wasserstein(
        cosine_cost(x, y),
        TemporalBand(60, 0.04),
        OutsideBand(60, 0.04),
        solver=solver,
    )
    assert found.error_x.max() < 1e-5
    assert found.error_y.max() < 1e-5


@pytest.mark.parametrize(
    ("dtype", "most"), [(torch.float32, 1e-5), (torch.float64, 2e-14)]
)
@pytest.mark.parametrize("is_compiled", [False, True])
@both_solvers
def test_small_masses_are_met_beside_large_ones(
    solver, is_compiled, dtype, most, monkeypatch
):
    if not is_compiled:
        monkeypatch.setattr(iterations_module, "_import_kernels", lambda *_: None)
    for seed in range(4):
        p, q = (10 ** (8 * tensor(2 * seed + s, 8, n)) for s, n in ((0, 6), (1, 60)))
        found = fused_gromov_wasserstein(
            tensor(seed, 8, 6, 60, dtype=dtype),
            TemporalBand(6, 0.2),
            OutsideBand(60, 0.2),
            p=p,
            q=q,
            solver=solver,
            max_iter=1,
        )
        assert torch.maximum(found.error_x, found.error_y).max() < most


def test_step_is_that_of_the_first_gradient_unless_given():
    cost = tensor(0, 5, 4)
    setting = Setting(lambda_y=0.2, eps=0.1)
    problem = setting.problem(cost[None])
    start = torch.full((1, 5, 4), 1 / 20, dtype=torch.float64)
    slope = problem.gradient(start)
    step = 4 / slope.abs().max()
    by_hand = start * torch.exp(-step * slope)
    by_hand = by_hand / by_hand.sum(dim=2, keepdim=True) / 5
    assert problem.objective(by_hand) < problem.objective(start)
    for given_step in (None, step.item()):
        found = solve_pair(setting, cost, max_iter=1, step=given_step)
        torch.testing.assert_close(found.plan, by_hand)
    assert not torch.allclose(
        solve_pair(setting, cost, max_iter=1, step=0.1).plan, by_hand
    )


# --- inputs -------------------------------------------------------------------------


@both_solvers
def test_inputs_are_not_changed(solver):
    cost = tensor(0, 2, 4, 4)
    masses = [tensor(1, 2, 4), tensor(2, 2, 4)]
    real = torch.ones(2, 4, dtype=torch.bool)
    given_tensors = [cost, *masses, real]
    before = [each.clone() for each in given_tensors]
    fused_gromov_wasserstein(
        cost,
        Distinct(),
        Distinct(),
        p=masses[0],
        q=masses[1],
        mask_x=real,
        mask_y=real,
        solver=solver,
    )
    for each, copy in zip(given_tensors, before, strict=True):
        assert torch.equal(each, copy)


@both_solvers
def test_no_gradient_flows_through_the_plan(solver):
    cost = tensor(0, 1, 4, 4).requires_grad_()
    found = fused_gromov_wasserstein(cost, Distinct(), Distinct(), solver=solver)
    assert not found.plan.requires_grad
    assert not found.objective.requires_grad


@both_solvers
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_result_follows_device_and_dtype(solver, dtype, device):
    setting = Setting(virtual=True, lambda_y=0.1)
    costs = [tensor(b, 4 + b, 5, dtype=dtype) for b in range(2)]
    found = setting.solve([c.to(device) for c in costs], solver=solver)
    expected = setting.solve(costs, solver=solver)
    assert found.plan.dtype == found.objective.dtype == dtype
    for name in FGWResult.__dataclass_fields__:
        assert getattr(found, name).device.type == device.type
    assert_plans_close(found.plan.cpu(), expected.plan, 1e-5)


@both_solvers
def test_log_domain_follows_device(solver, device):
    costs = [tensor(b, 4, 5, dtype=torch.float32).to(device) for b in range(2)]
    found = Setting(eps=1e-4).solve(costs, solver=solver)
    expected = Setting(eps=1e-4).solve([c.cpu() for c in costs], solver=solver)
    assert found.plan.device.type == device.type
    assert_plans_close(found.plan.cpu(), expected.plan, 1e-4)


def test_virtual_frame_takes_as_much_background_as_it_may():
    """With a frame's mass it takes one frame's worth; with half the mass, all of it."""
    n, background = 20, 10
    cost = torch.full((1, n, n), 1.0, dtype=torch.float64)
    real = torch.arange(background, n)
    cost[0, real, real] = 0.0
    cost = add_virtual_frame(cost, 0.5)
    taken = []
    for share in (1 / n, background / n):
        masses = torch.cat([torch.tensor([share * n]), torch.ones(n)]).double()[None]
        found = Setting(virtual=True, eps=0.02, alpha=0.1).solve(
            [cost[0]], masses=[(masses[0], masses[0])], solver="projected"
        )
        plan = found.plan[0]
        taken.append(plan[1 : background + 1, 0] / plan[1 : background + 1].sum(1))
    assert taken[0].sum() <= 1 + 1e-6
    assert taken[1].min() > 0.95


NUMBERS = [
    ("alpha", -0.1),
    ("alpha", 1.1),
    ("alpha", math.nan),
    ("eps", 0.0),
    ("eps", -1.0),
    ("eps", math.inf),
    ("eps", math.nan),
    ("max_iter", -1),
    ("tol", -1e-3),
    ("tol", math.nan),
    ("step", 0.0),
    ("sinkhorn_iter", 0),
    ("sinkhorn_tol", -1.0),
    ("solver", "newton"),
    ("backend", "jax"),
    ("lambda_x", -1.0),
    ("lambda_y", torch.tensor([[0.1, -0.1, 0.1]])),
    ("lambda_y", math.nan),
]


@pytest.mark.parametrize(("name", "value"), NUMBERS)
def test_value_outside_its_range_is_refused_by_name(name, value):
    with pytest.raises(ValueError, match=f"^{name} must be"):
        fused_gromov_wasserstein(
            torch.ones(1, 2, 3), Distinct(), Distinct(), **{name: value}
        )


LIMITS = {
    "alpha": [0.0, 1.0],
    "max_iter": [0],
    "tol": [0.0],
    "sinkhorn_iter": [1],
    "sinkhorn_tol": [0.0],
    "lambda_x": [0.0, math.inf],
    "lambda_y": [0.0, math.inf],
}


@pytest.mark.filterwarnings("ignore::skvas.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", LIMITS)
def test_limits_of_ranges_are_taken(name):
    for value in LIMITS[name]:
        found = fused_gromov_wasserstein(
            torch.ones(1, 2, 3), Distinct(), Distinct(), **{name: value}
        )
        assert found.plan.isfinite().all()


TENSORS = [
    ("mask_x", torch.ones(1, 3, dtype=torch.bool), "must have shape"),
    ("mask_y", torch.ones(2, 3, dtype=torch.bool), "must have shape"),
    ("mask_x", torch.zeros(1, 2, dtype=torch.bool), "must leave a real frame"),
    ("p", torch.tensor([[1.0, -1.0]]), "must be finite and at least 0"),
    ("q", torch.tensor([[1.0, math.nan, 1.0]]), "must be finite and at least 0"),
    ("q", torch.zeros(1, 3), "must have mass"),
    ("p", torch.full((1, 2), 3e38), "must have .* a sum that the type of cost"),
    ("q", torch.tensor([[1e200]], dtype=torch.float64), "must have .* a sum that"),
    ("q", torch.tensor([[1e-200]], dtype=torch.float64), "must have mass"),
    ("p", torch.ones(1, 5), "must have shape"),
    ("q", torch.ones(2, 3), "must have shape"),
    ("lambda_x", torch.ones(1, 3), "must have shape"),
]


@pytest.mark.parametrize(("name", "value", "message"), TENSORS)
def test_tensor_of_the_wrong_kind_is_refused_by_name(name, value, message):
    with pytest.raises(ValueError, match=f"^{name} {message}"):
        fused_gromov_wasserstein(
            torch.ones(1, 2, 3), Distinct(), Distinct(), **{name: value}
        )


TYPES = [
    ("structure_x", torch.ones(2, 2), r"a Structure, got Tensor; .* Dense\(matrix\)"),
    ("structure_y", None, "a Structure, got NoneType"),
    ("mask_x", np.ones((1, 2), bool), "a bool tensor or None, got ndarray"),
    ("mask_y", torch.ones(1, 3), "a bool tensor or None, got torch.float32"),
    ("p", [[1.0, 2.0]], "a tensor or None, got list"),
    ("q", np.ones((1, 3)), "a tensor or None, got ndarray"),
    ("lambda_x", "0.1", "a number, a tensor or None, got str"),
    ("lambda_y", np.ones((1, 3)), "a number, a tensor or None, got ndarray"),
]


@pytest.mark.parametrize(("name", "value", "message"), TYPES)
def test_argument_of_another_type_is_refused_by_name(name, value, message):
    sides = {"structure_x": Distinct(), "structure_y": Distinct()}
    with pytest.raises(TypeError, match=f"^{name} must be {message}"):
        fused_gromov_wasserstein(torch.ones(1, 2, 3), **sides | {name: value})


@pytest.mark.parametrize("lambda_y", [None, 1.0])
def test_ranges_beyond_float32_cost_no_digits(lambda_y):
    # Entries of some e-500, which scaling in float32 would get wrong by several times.
    cost = 3 * tensor(0, 1, 12, 10).float()
    cost[:, :, 4] += 500
    cost[:, 3] += 500
    options = {"solver": "projected", "alpha": 0.0, "eps": 1.0, "lambda_y": lambda_y}
    options |= {"max_iter": 3, "sinkhorn_iter": 200}
    sides = Distinct(), Distinct()
    found = fused_gromov_wasserstein(cost, *sides, **options)
    expected = fused_gromov_wasserstein(cost.double(), *sides, **options)
    error = (found.plan.double() / expected.plan - 1).abs()
    assert error[expected.plan > 1e-30].max() < 1e-5


@pytest.mark.parametrize("side", ["mask_x", "mask_y"])
def test_costs_of_padding_may_be_anything_where_one_side_is_padded(side):
    cost = tensor(0, 1, 5, 5)
    mask = torch.tensor([[True, True, True, True, False]])
    expected = fused_gromov_wasserstein(cost, Distinct(), Distinct(), **{side: mask})
    padding = ~mask[:, :, None] if side == "mask_x" else ~mask[:, None, :]
    cost = cost.masked_fill(padding, math.nan)
    found = fused_gromov_wasserstein(cost, Distinct(), Distinct(), **{side: mask})
    assert torch.equal(found.plan, expected.plan)


def test_masked_masses_must_leave_something():
    with pytest.raises(ValueError, match="^p must have mass"):
        fused_gromov_wasserstein(
            torch.ones(1, 2, 3),
            Distinct(),
            Distinct(),
            p=torch.tensor([[1.0, 0.0]]),
            mask_x=torch.tensor([[False, True]]),
        )


def test_solvers_agree_where_a_side_is_hard_in_part():
    # Without structure there is one solution, however it is looked for.
    options = {
        "lambda_x": torch.tensor([[math.inf, 0.5, math.inf, 0.5]]).double(),
        "lambda_y": 0.7,
        "alpha": 0.0,
        "eps": 0.5,
        "max_iter": 300,
        "sinkhorn_iter": 3000,
        "sinkhorn_tol": 1e-13,
    }
    found, expected = (
        fused_gromov_wasserstein(
            tensor(0, 1, 4, 5), Distinct(), Distinct(), solver=solver, **options
        )
        for solver in ("mirror", "projected")
    )
    torch.testing.assert_close(found.plan, expected.plan, rtol=1e-4, atol=1e-8)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_costs_between_real_frames_must_be_finite(value):
    cost = torch.ones(2, 2, 3)
    cost[1, 0, 2] = value
    with pytest.raises(ValueError, match="^cost must be finite .* problem 1"):
        fused_gromov_wasserstein(cost, Distinct(), Distinct())


@pytest.mark.parametrize("cost", [np.ones((1, 2, 3)), torch.ones(1, 2, 3).long(), 1])
def test_cost_must_be_a_floating_point_tensor(cost):
    with pytest.raises(TypeError, match="^cost must be a float32 or float64 tensor"):
        fused_gromov_wasserstein(cost, Distinct(), Distinct())


MISFITS = {
    "too long": (TemporalBand([500], 0.2), "500 frames instead of at most 10"),
    "too many": (TemporalBand([8, 3], 0.2), "2 sequences instead of 1"),
    "inside": (Virtual(TemporalBand([10], 0.2)), "10 frames instead of at most 9"),
    "dense": (Dense(torch.ones(3, 3)), "3 frames instead of 10"),
    "many dense": (Dense(torch.ones(3, 10, 10)), "3 sequences instead of 1"),
}


@pytest.mark.parametrize("backend", ["torch", "pot"])
@pytest.mark.parametrize("side", ["x", "y"])
@pytest.mark.parametrize("case", MISFITS)
def test_structure_of_other_sequences_is_refused_by_name(case, side, backend):
    structure, message = MISFITS[case]
    cost, structures = torch.rand(1, 10, 8), [structure, Distinct()]
    if side == "y":
        cost, structures = cost.mT, structures[::-1]
    shape = re.escape(str(tuple(cost.shape)))
    expected = f"^structure_{side} is of {message}, as cost .* {shape}"
    with pytest.raises(ValueError, match=expected):
        fused_gromov_wasserstein(cost, *structures, backend=backend)


def test_one_length_may_be_that_of_all_and_real_frames_may_be_fewer():
    cost = torch.rand(2, 10, 8)
    mask = torch.arange(10) < torch.tensor([[10], [7]])
    plans = []
    for lengths in (10, [10, 7], torch.tensor([10, 7])):
        bands = TemporalBand(lengths, 0.2), OutsideBand(8, 0.2)
        plans.append(fused_gromov_wasserstein(cost, *bands, mask_x=mask).plan)
        assert (plans[-1][~mask] == 0).all()
    of_all, listed, tensor = plans
    torch.testing.assert_close(tensor, listed, rtol=0, atol=0)
    torch.testing.assert_close(of_all[0], listed[0])
    assert not torch.equal(of_all[1], listed[1])  # a band is a share of the length


@pytest.mark.parametrize("shape", [(2, 3), (1, 0, 3), (0, 2, 3), (1, 1, 2, 3)])
def test_cost_must_be_a_batch_of_matrices(shape):
    with pytest.raises(ValueError, match="^cost must have shape"):
        fused_gromov_wasserstein(torch.ones(shape), Distinct(), Distinct())


# --- extremes ------------------------------------------------------------------------


@pytest.mark.parametrize("radius", [1e-9, 1e-6, 1e-3])
def test_objective_of_a_lone_frame_does_not_depend_on_the_radius(radius):
    found, expected = (
        fused_gromov_wasserstein(
            torch.full((1, 11, 1), 0.34, dtype=dtype),
            Distinct(),
            band(TemporalBand, 1, radius),
            lambda_x=1e-4,
            lambda_y=1e-4,
            alpha=1.0,
            eps=0.01,
        ).objective
        for dtype in (torch.float32, torch.float64)
    )
    assert expected.item() == pytest.approx(-0.10685, abs=1e-5)
    assert found.item() == pytest.approx(expected.item(), abs=1e-6)


@both_solvers
@both_dtypes_alone
@pytest.mark.parametrize("weight", [0.0, 1e-4, 0.5])
@pytest.mark.parametrize(("low", "high"), [(-1, 0), (-1, 1), (0, 1)])
@pytest.mark.parametrize("scale", [1e-3, 1e3, 1e6])
def test_plan_that_nothing_holds_is_finite_and_has_mass(
    solver, dtype, weight, low, high, scale
):
    cost = (scale * tensor(0, 5, 6, low=low, high=high)).to(dtype)
    setting = Setting("segment", eps=0.07, lambda_x=weight, lambda_y=weight)
    for max_iter in (1, 100):
        found = solve_pair(setting, cost, solver=solver, max_iter=max_iter)
        assert found.plan.isfinite().all()
        assert found.objective.isfinite().all()
        assert found.plan.sum() > 0
        if solver == "mirror":
            assert abs(found.plan.double().sum().log().item()) < 30.01


def test_padding_lets_a_plan_that_nothing_holds_keep_its_mass():
    cost = 1e3 * (1 + tensor(0, 5, 6))  # all mass would vanish
    setting = Setting("segment", eps=0.07, lambda_x=0.0, lambda_y=0.0)
    found = setting.solve([cost], pad=(2, 1), solver="mirror", max_iter=100)
    assert found.plan.sum().log().item() == pytest.approx(-30, abs=0.01)


@both_solvers
def test_entries_that_nothing_holds_leave_those_alone_that_are_held(solver):
    """Half of the rows and columns are hard; the rest would take infinite mass."""
    weight = torch.tensor([[math.inf, 0.0, math.inf, 0.0]])
    cost = -1e3 * tensor(0, 4, 4, dtype=torch.float32)
    setting = Setting("segment", eps=0.07, lambda_x=weight, lambda_y=weight)
    found = solve_pair(setting, cost, solver=solver)
    assert found.plan.isfinite().all()
    assert found.error_x.item() < 1e-3
    loose = found.plan[0, 1::2, 1::2].double().sum().log()
    assert 29 < loose < 30.01


@pytest.mark.parametrize("lambda_y", [None, 0.0, 4.0])
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_objective_does_not_rise_whatever_its_scale(scale, lambda_y):
    weight = None if lambda_y is None else lambda_y * scale
    setting = Setting(
        "segment", alpha=0.0, eps=0.2 * scale, lambda_x=5 * scale, lambda_y=weight
    )
    for seed in range(3):
        cost = (scale * tensor(seed, 12, 7)).float()
        values = torch.stack(
            [solve_pair(setting, cost, max_iter=k).objective for k in range(25)]
        )
        assert values.diff(dim=0).max() < 1e-4 * values.abs().max()


def test_step_of_any_length_meets_hard_masses():
    cost = (1e7 * tensor(0, 16, 14)).float()
    for lambda_y in (0.5, 1e3):
        setting = Setting("segment", 1e-9, eps=0.2, lambda_y=lambda_y)
        for step in (1e-3, 1.0, 20.0):
            found = solve_pair(setting, cost, step=step, max_iter=8)
            assert found.error_x.item() < 1e-4


@both_solvers
def test_heaviest_penalty_is_no_constraint(solver):
    matrix = tensor(1, 6, 6, low=-1)
    found = fused_gromov_wasserstein(
        tensor(0, 1, 9, 6),
        TemporalBand(9, 0.2),
        Dense(matrix + matrix.mT),
        lambda_x=1e8,
        eps=1e-9,
        solver=solver,
        max_iter=8,
    )
    assert found.error_y.item() < 1e-9


# --- nothing waits for the device inside the loop ------------------------------------


@both_solvers
@pytest.mark.parametrize("lambda_y", [None, 0.1])
def test_loop_reads_no_value_of_a_tensor_but_to_stop_early(solver, lambda_y):
    """Early stops are left to the CPU; all else must be the same on a GPU."""

    def reads(max_iter):
        with profile(activities=[ProfilerActivity.CPU]) as found:
            setting.solve(costs, solver=solver, max_iter=max_iter)
        counts = {event.key: event.count for event in found.key_averages()}
        return counts.get("aten::_local_scalar_dense", 0)

    setting = Setting(lambda_y=lambda_y)
    costs = [tensor(0, 6, 5), tensor(1, 4, 5)]
    gpu = mock.PropertyMock(return_value=True)
    with mock.patch.object(torch.Tensor, "is_cuda", gpu):
        assert reads(8) == reads(2)


@both_solvers
@pytest.mark.parametrize("size", [(40, 5), (9, 40)])
def test_how_costs_lie_in_memory_changes_nothing(solver, size):
    cost = tensor(0, 2, *size).float()
    problem = TemporalBand(size[0], 0.2), Distinct()
    options = {"lambda_y": 0.1, "solver": solver, "max_iter": 5}
    found = fused_gromov_wasserstein(cost.mT.contiguous().mT, *problem, **options)
    expected = fused_gromov_wasserstein(cost, *problem, **options)
    assert torch.equal(found.plan, expected.plan)
    assert found.plan.is_contiguous()


@both_solvers
def test_no_tensor_is_written_out_where_nothing_is_wrong(solver, monkeypatch):
    def write(*args, **options):
        raise AssertionError("to write a tensor takes longer than a solve")

    monkeypatch.setattr(torch.Tensor, "__repr__", write)
    weights = torch.tensor([[0.1, 0.2], [0.3, 0.0]])
    result = fused_gromov_wasserstein(
        torch.ones(2, 5, 2),
        band(TemporalBand, [5, 5], 0.3),
        Distinct(),
        lambda_y=weights,
        solver=solver,
    )
    assert bool(torch.isfinite(result.plan).all())


def test_small_segmentations_take_few_operations_of_torch():
    cost = tensor(0, 1, 30, 4).float()
    problem = TemporalBand(30, 0.1), Distinct()

    def count(max_iter):
        options = {"lambda_y": 0.1, "max_iter": max_iter}
        with profile(activities=[ProfilerActivity.CPU]) as found:
            fused_gromov_wasserstein(cost, *problem, **options)
        return sum(event.cpu_parent is None for event in found.events())

    with mock.patch.object(iterations_module, "COMPILED_ENTRIES", math.inf):
        assert (count(12) - count(2)) / 10 <= 75


def test_batch_mates_change_no_bit_of_a_segmentation(monkeypatch):
    monkeypatch.setattr(iterations_module, "COMPILED_ENTRIES", sys.maxsize)
    cost = torch.rand(1, 30, 3, generator=torch.Generator().manual_seed(0))

    def segment(n_frames, n_problems):
        costs = torch.rand(n_problems, n_frames, 3)
        costs[0, :30], costs[0, 30:] = cost[0], 0
        lengths = torch.tensor([30, *[n_frames] * (n_problems - 1)])
        real = torch.arange(n_frames) < lengths[:, None]
        structures = TemporalBand(lengths, 0.1), Distinct()
        found = fused_gromov_wasserstein(
            costs, *structures, alpha=0.3, eps=0.07, lambda_y=0.1, mask_x=real
        )
        return found.plan[0, :30]

    for n_frames in (30, 31, 32, 40, 64):
        alone = segment(n_frames, 1)
        assert torch.equal(segment(n_frames, 2), alone)
        assert torch.equal(segment(n_frames, 3), alone)
