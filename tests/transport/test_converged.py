"""A problem that says that it has converged is where POT ends."""

from __future__ import annotations

import warnings

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from skvas.exceptions import ConvergenceWarning
from skvas.transport import Distinct, fused_gromov_wasserstein
from tests.strategies import SOLVERS, Setting, log_floats, seeds, tensor

# How far objectives and plans (l1, of a mass of 1) may be from those of POT.
OBJECTIVE = {torch.float64: 1e-4, torch.float32: 1e-3}
PLAN = 1e-3
LEAST_KINDS = [None, 0.05, 0.5, 0.0]


def solve(cost, *, backend="torch", max_iter=3000, tol=1e-6, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return fused_gromov_wasserstein(
            cost,
            Distinct(),
            Distinct(),
            backend=backend,
            max_iter=max_iter,
            tol=tol,
            **options,
        )


def by_pot(cost, **options):
    """Solve a problem without structure, whose solution POT finds at once."""
    options["solver"] = "projected"
    return solve(cost.double(), backend="pot", max_iter=1, tol=None, **options)


def assert_near(found, expected, dtype):
    """Hold a problem that has converged against POT's."""
    mass = max(1.0, expected.plan.sum().item())
    objective = (found.objective.double() - expected.objective).abs().item()
    assert objective <= OBJECTIVE[dtype] * mass
    moved = (found.plan.double() - expected.plan).abs().sum().item()
    assert moved <= PLAN * mass


@pytest.mark.parametrize("solver", SOLVERS)
def test_ten_sweeps_a_step_do_not_stop_a_descent_short(solver):
    cost = torch.rand(1, 30, 3, generator=torch.Generator().manual_seed(0)).double()
    found = solve(cost, alpha=0.0, eps=0.02, solver=solver)
    assert found.converged.all()
    assert_near(found, by_pot(cost, alpha=0.0, eps=0.02), torch.float64)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("solver", SOLVERS)
@given(
    seeds,
    st.tuples(st.integers(2, 60), st.integers(2, 60)),
    log_floats(1e-2, 1.0),
    st.sampled_from(LEAST_KINDS),
    st.sampled_from(LEAST_KINDS),
    st.booleans(),
)
def test_what_has_converged_is_the_minimum_of_a_convex_problem(
    solver, dtype, seed, size, eps, lambda_x, lambda_y, weighed
):
    options = {"alpha": 0.0, "eps": eps, "lambda_x": lambda_x, "lambda_y": lambda_y}
    if weighed:
        options["p"] = tensor(seed + 1, 1, size[0], low=0.05)
        options["q"] = tensor(seed + 2, 1, size[1], low=0.05)
    cost = tensor(seed, 1, *size, dtype=dtype)
    found = solve(cost, solver=solver, **options)
    if found.converged:
        assert_near(found, by_pot(cost, **options), dtype)
    if dtype == torch.float64 and eps >= 0.03:  # sweeps are slow for less
        assert found.converged.all()


def test_plan_that_rests_where_masses_are_not_met_goes_on():
    """One sweep a step meets two rows slowly, while the plan hardly moves."""
    cost = tensor(80, 1, 2, 27)
    options = {"alpha": 0.0, "eps": 0.013}
    found = solve(cost, tol=1e-4, sinkhorn_iter=1, **options)
    assert found.converged.all()
    assert (found.plan - by_pot(cost, **options).plan).abs().sum() < 1e-3


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize(
    ("lambda_x", "lambda_y"), [(None, None), (None, 5.0), (5.0, None)]
)
def test_plan_that_rests_while_potentials_move_goes_on(lambda_x, lambda_y, dtype):
    """Costs are 50 times eps: sweeps change the potentials long before the plan."""
    cost = torch.tensor([[[0.24, 0.07, 0.65], [0.77, 0.98, 0.43]]], dtype=dtype)
    for problem in (cost, cost.mT):
        options = {"alpha": 0.0, "eps": 0.018}
        options |= {"lambda_x": lambda_x, "lambda_y": lambda_y}
        found = solve(problem, solver="projected", **options)
        assert found.converged.all()
        assert_near(found, by_pot(problem, **options), dtype)


@pytest.mark.parametrize("step", [1e-6, 1e-3])
def test_short_steps_are_no_sign_of_convergence(step):
    cost = tensor(0, 1, 8, 6)
    options = {"alpha": 0.0, "eps": 0.1, "lambda_y": 0.1}
    found = solve(cost, step=step, max_iter=30, tol=1e-5, **options)
    assert not found.converged.any()


@given(
    seeds,
    st.integers(3, 10),
    st.integers(3, 10),
    log_floats(0.05, 1.0),
    st.floats(0.05, 0.5),
    st.sampled_from([(None, None), (None, 0.1), (0.1, None)]),
)
def test_descent_ends_no_higher_than_that_of_pot(seed, n, m, eps, alpha, weights):
    setting = Setting("align", 0.3, False, alpha, eps, *weights)
    cost = tensor(seed, n, m)
    options = {"max_iter": 400, "tol": 1e-6}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        found = setting.solve([cost], **options)
        expected = setting.solve([cost], backend="pot", **options)
    assert found.objective.item() <= expected.objective.item() + 1e-4
