"""The solver against the float64 reference on POT, and POT's own solvers."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import ot
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from skvas.exceptions import ConvergenceWarning
from skvas.transport import Dense, Distinct, fused_gromov_wasserstein
from tests.strategies import (
    SOLVERS,
    Setting,
    drawn_costs,
    drawn_settings,
    log_floats,
    seeds,
    tensor,
)

SOFT = [0.0, 0.05, 0.5]
# Which weights the rows and columns of each kind of problem may have.
KINDS = {
    "balanced": [(None, None)],
    "semi-relaxed": [(None, y) for y in SOFT] + [(x, None) for x in SOFT],
    "relaxed": [(x, y) for x in SOFT for y in SOFT],
}
EXACT = {"sinkhorn_iter": 3000, "sinkhorn_tol": 1e-13}


def assert_same(found, expected):
    torch.testing.assert_close(found.plan, expected.plan, rtol=0, atol=1e-5)
    torch.testing.assert_close(
        found.objective, expected.objective, rtol=1e-6, atol=1e-9
    )


def masses_for(costs, seed):
    """Draw masses for each problem, some of them 0."""
    masses = []
    for b, cost in enumerate(costs):
        p = tensor(seed + b, len(cost), low=-0.2).clamp_min(0)
        q = tensor(seed - b - 1, cost.shape[1], low=-0.2).clamp_min(0)
        p[0], q[-1] = 0.5, 0.5  # something is left
        masses.append((p, q))
    return masses


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("kind", KINDS)
@given(st.data(), st.integers(0, 6), seeds)
def test_solver_takes_the_steps_of_the_reference(solver, kind, data, max_iter, seed):
    lambda_x, lambda_y = data.draw(st.sampled_from(KINDS[kind]))
    # Without a hard side, linearising is no descent, and negative structures explode.
    tasks = ("align", "segment") + (("dense",) if kind != "relaxed" else ())
    setting = data.draw(
        drawn_settings(
            tasks=tasks, weights_x=[lambda_x], weights_y=[lambda_y], eps=(0.3, 10)
        )
    )
    costs = data.draw(drawn_costs(max_batch=2, scale=(0.3, 3.0)))
    options = {
        "masses": masses_for(costs, seed),
        "solver": solver,
        "max_iter": max_iter,
        "pad": (seed % 2, seed % 3),
    }
    found = setting.solve(costs, **options, **EXACT)
    expected = setting.solve(costs, **options, backend="pot")
    assert_same(found, expected)
    assert torch.equal(found.n_iter, expected.n_iter)
    torch.testing.assert_close(found.error_x, expected.error_x, rtol=0, atol=1e-6)
    torch.testing.assert_close(found.error_y, expected.error_y, rtol=0, atol=1e-6)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("backend", ["torch", "pot"])
@given(seeds, st.integers(1, 7), st.integers(1, 7), st.floats(0, 1))
def test_balanced_plan_is_the_one_pot_finds(solver, backend, seed, n, m, alpha):
    cost, cx, cy = tensor(seed, n, m), tensor(seed + 1, n, n), tensor(seed + 2, m, m)
    cx, cy = cx + cx.T, cy + cy.T
    p, q = tensor(seed + 3, n, low=0.2), tensor(seed + 4, m, low=0.2)
    p, q = p / p.sum(), q / q.sum()
    # (cx + cy / 4)^2 is our product cx cy / 2, plus squares that p and q fix.
    expected = ot.gromov.entropic_fused_gromov_wasserstein(
        cost.numpy(),
        cx.numpy(),
        -cy.numpy() / 4,
        p.numpy(),
        q.numpy(),
        loss_fun="square_loss",
        epsilon=2.0,
        alpha=alpha,
        max_iter=500,
        tol=1e-12,
        solver="PGD",
        stopThr=1e-14,
        numItermax=5000,
    )
    found = fused_gromov_wasserstein(
        cost[None],
        Dense(cx),
        Dense(cy),
        p=p[None],
        q=q[None],
        alpha=alpha,
        eps=2.0,
        solver=solver,
        backend=backend,
        max_iter=2000,
        tol=1e-10,
        **EXACT,
    )
    assert found.converged.all()
    np.testing.assert_allclose(found.plan[0], expected, atol=1e-7)


@pytest.mark.parametrize("solver", SOLVERS)
@given(seeds, st.integers(1, 8), st.integers(1, 8), log_floats(0.05, 10))
def test_alpha_0_is_plain_entropic_transport(solver, seed, n, m, eps):
    cost, p, q = tensor(seed, n, m), tensor(seed + 1, n), tensor(seed + 2, m)
    p, q = p / p.sum(), q / q.sum()
    found = fused_gromov_wasserstein(
        cost[None],
        Distinct(),
        Distinct(),
        p=p[None],
        q=q[None],
        alpha=0,
        eps=eps,
        solver=solver,
        max_iter=4000 if solver == "mirror" else 1,
        tol=1e-11 if solver == "mirror" else None,
        **EXACT,
    )
    expected = ot.sinkhorn(
        p.numpy(),
        q.numpy(),
        cost.numpy(),
        eps,
        method="sinkhorn_log",
        numItermax=20_000,
        stopThr=1e-14,
        warn=False,
    )
    np.testing.assert_allclose(found.plan[0], expected, atol=1e-6)


@given(seeds)
def test_sweeps_go_on_where_the_last_iteration_stopped(seed):
    """One sweep an iteration is enough, as in any Sinkhorn loop."""
    cost = tensor(seed, 5, 4)
    found = Setting(alpha=0.0, eps=0.2).solve(
        [cost], solver="projected", sinkhorn_iter=1, max_iter=4000, tol=1e-12
    )
    p, q = np.full(5, 1 / 5), np.full(4, 1 / 4)
    expected = ot.sinkhorn(
        p, q, cost.numpy(), 0.2, numItermax=20_000, stopThr=1e-14, warn=False
    )
    np.testing.assert_allclose(found.plan[0], expected, atol=1e-9)
    assert found.n_iter.item() > 2


@pytest.mark.parametrize("solver", SOLVERS)
@given(seeds, st.sampled_from([(None, 0.2), (0.3, None), (0.3, 0.2)]))
def test_alpha_0_is_plain_unbalanced_transport(solver, seed, weights):
    cost = tensor(seed, 5, 4)
    p, q = np.full(5, 1 / 5), np.full(4, 1 / 4)
    found = fused_gromov_wasserstein(
        cost[None],
        Distinct(),
        Distinct(),
        lambda_x=weights[0],
        lambda_y=weights[1],
        alpha=0,
        eps=0.3,
        solver=solver,
        max_iter=4000 if solver == "mirror" else 1,
        tol=1e-11 if solver == "mirror" else None,
        **EXACT,
    )
    expected = ot.unbalanced.sinkhorn_unbalanced(
        p,
        q,
        cost.numpy(),
        0.3,
        tuple(math.inf if w is None else w for w in weights),
        c=np.ones((5, 4)),
        numItermax=5000,
        stopThr=1e-14,
    )
    np.testing.assert_allclose(found.plan[0], expected, atol=1e-7)


@pytest.mark.parametrize("solver", SOLVERS)
def test_reference_honours_tol_and_reports_each_problem(solver):
    costs = [tensor(b, 5, 4) for b in range(3)]
    options = {"backend": "pot", "solver": solver}
    found = Setting(eps=1.0).solve(costs, tol=1e-9, max_iter=200, **options)
    assert found.converged.all()
    assert (found.n_iter < 200).all()
    for b, cost in enumerate(costs):
        alone = Setting(eps=1.0).solve([cost], tol=1e-9, max_iter=200, **options)
        assert found.n_iter[b] == alone.n_iter[0]
        assert torch.equal(found.plan[b], alone.plan[0])
    with pytest.warns(ConvergenceWarning, match="3 of 3 problems"):
        short = Setting(eps=1.0).solve(costs, tol=1e-9, max_iter=2, **options)
    assert (short.n_iter == 2).all()
    assert not short.converged.any()


@pytest.mark.parametrize("solver", SOLVERS)
def test_reference_counts_the_iterations_that_led_to_its_plan(solver):
    solve = partial(
        Setting(eps=1.0).solve, [tensor(0, 5, 4)], backend="pot", solver=solver
    )
    found = solve(tol=1e-6, max_iter=200)
    n_iter = int(found.n_iter[0])
    assert torch.equal(found.plan, solve(max_iter=n_iter).plan)
    assert not torch.equal(found.plan, solve(max_iter=n_iter - 1).plan)


@pytest.mark.parametrize("solver", SOLVERS)
def test_reference_weighs_relaxed_sides_by_one_as_by_any_other_weight(solver):
    costs = [tensor(0, 5, 4)]
    setting = Setting(lambda_x=1.0, lambda_y=1.0)
    options = {"solver": solver, "max_iter": 30}  # mirror steps move the masses late
    found = setting.solve(costs, **options, **EXACT)
    assert_same(found, setting.solve(costs, **options, backend="pot"))


@pytest.mark.parametrize("backend", ["torch", "pot"])
def test_step_is_at_most_one_over_eps(backend):
    setting, options = Setting(lambda_y=0.2, eps=0.4), {"max_iter": 3}
    long, longest, shorter = (
        setting.solve([tensor(0, 5, 4)], step=step, backend=backend, **options)
        for step in (100.0, 2.5, 2.4)
    )
    assert torch.equal(long.plan, longest.plan)
    assert not torch.allclose(longest.plan, shorter.plan)


def test_reference_follows_the_step_asked_for():
    costs = [tensor(0, 5, 4)]
    setting = Setting(lambda_y=0.2)
    options = {"max_iter": 3, "step": 0.1}
    found = setting.solve(costs, **options)
    assert_same(found, setting.solve(costs, **options, backend="pot"))
    assert not torch.allclose(found.plan, setting.solve(costs, max_iter=3).plan)


def test_reference_keeps_dtype_and_device(device):
    cost = tensor(0, 4, 3, dtype=torch.float32).to(device)
    found = Setting().solve([cost], backend="pot", max_iter=2)
    for value in (found.plan, found.objective, found.error_x, found.error_y):
        assert value.dtype == torch.float32
        assert value.device.type == device.type
    assert found.n_iter.device.type == device.type
    assert found.converged.device.type == device.type


def test_reference_knows_structures_that_all_problems_share():
    costs = torch.stack([tensor(0, 4, 5), tensor(1, 4, 5)])
    structures = Distinct(), Distinct()
    options = {"eps": 0.5, "max_iter": 5}
    found = fused_gromov_wasserstein(costs, *structures, **options, **EXACT)
    expected = fused_gromov_wasserstein(costs, *structures, **options, backend="pot")
    assert_same(found, expected)


@pytest.mark.parametrize("between", [0.1, 0.5])
def test_reference_refuses_weights_that_differ_within_a_side(between):
    weight = torch.tensor([[0.1, between, math.inf]])
    message = (
        "lambda_y gives the frames of problem 0 different weights, from 0.1 to inf"
    )
    with pytest.raises(ValueError, match=message):
        fused_gromov_wasserstein(
            torch.ones(1, 2, 3),
            Distinct(),
            Distinct(),
            lambda_y=weight,
            backend="pot",
        )


def test_reference_says_when_eps_is_too_small():
    setting = Setting(lambda_x=0.1, lambda_y=0.1, eps=1e-4)
    with pytest.raises(ValueError, match="eps=0.0001 is too small"):
        setting.solve([tensor(0, 4, 4)], backend="pot", solver="projected")
