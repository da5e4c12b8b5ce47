"""The two projections against each other, POT and closed forms."""

from __future__ import annotations

import math
from dataclasses import replace
from unittest import mock

import numpy as np
import ot
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from skvas.transport import _sinkhorn
from skvas.transport._sinkhorn import (
    CHECK_EVERY,
    Kernel,
    Potentials,
    Sides,
    round_to_marginals,
    sinkhorn_log,
    sinkhorn_scaling,
)
from tests.strategies import log_floats, mask, seeds, tensor

EXACT = {"n_sweeps": 2000, "tol": 1e-14}
SWEEPS = [sinkhorn_scaling, sinkhorn_log]
dampings = st.sampled_from([0.0, 0.3, 0.9, 1.0])


def make_sides(
    seed, batch, n, m, damp_x=1.0, damp_y=1.0, lengths_x=None, lengths_y=None
):
    p, q = tensor(seed, batch, n, low=0.1), tensor(seed + 1, batch, m, low=0.1)
    p = p if lengths_x is None else p * mask(lengths_x, n)
    q = q if lengths_y is None else q * mask(lengths_y, m)
    p, q = p / p.sum(1, keepdim=True), q / q.sum(1, keepdim=True)
    damped = damp_x != 1 or damp_y != 1
    full = (torch.full_like(p, damp_x), torch.full_like(q, damp_y))
    return Sides(p, q, *full, damped)


def make_kernel(seed, sides, eps=0.2):
    cost = tensor(seed + 2, *sides.p.shape, sides.q.shape[1])
    real = (sides.p > 0)[:, :, None] & (sides.q > 0)[:, None, :]
    return (-cost / eps).masked_fill(~real, -math.inf)


@pytest.mark.parametrize("sweep", SWEEPS)
@given(seeds, st.integers(1, 6), st.integers(1, 6), log_floats(0.1, 10))
def test_two_hard_sides_give_the_plan_of_pot(sweep, seed, n, m, eps):
    sides = make_sides(seed, 1, n, m)
    kernel = make_kernel(seed, sides, eps)
    cost = -kernel[0].numpy() * eps
    plan, _ = sweep(kernel.clone(), sides, None, **EXACT)
    expected = ot.sinkhorn(
        sides.p[0].numpy(),
        sides.q[0].numpy(),
        cost,
        eps,
        method="sinkhorn_log",
        numItermax=20_000,
        stopThr=1e-14,
        warn=False,
    )
    np.testing.assert_allclose(plan[0], expected, atol=1e-11)


@given(seeds, dampings, dampings, st.integers(1, 5), st.integers(1, 6))
def test_scaling_and_logs_agree_sweep_by_sweep(seed, damp_x, damp_y, n_sweeps, batch):
    lengths_x = [1 + (seed + b) % 5 for b in range(batch)]
    lengths_y = [1 + (seed // 5 + b) % 4 for b in range(batch)]
    sides = make_sides(seed, batch, 5, 4, damp_x, damp_y, lengths_x, lengths_y)
    kernel = make_kernel(seed, sides)
    found = [
        sweep(kernel.clone(), sides, None, n_sweeps=n_sweeps, tol=0.0)
        for sweep in SWEEPS
    ]
    torch.testing.assert_close(found[0][0], found[1][0], rtol=1e-10, atol=1e-14)
    torch.testing.assert_close(found[0][1].f, found[1][1].f)
    torch.testing.assert_close(found[0][1].g, found[1][1].g)


@pytest.mark.parametrize("sweep", SWEEPS)
@given(seeds, dampings, dampings)
def test_going_on_equals_going_through(sweep, seed, damp_x, damp_y):
    sides = make_sides(seed, 2, 4, 5, damp_x, damp_y, [4, 3], [2, 5])
    kernel = make_kernel(seed, sides)
    potentials = None
    for n_sweeps in (3, 1, 2, 1):
        pieces, potentials = sweep(
            kernel.clone(), sides, potentials, n_sweeps=n_sweeps, tol=0.0
        )
    through, _ = sweep(kernel.clone(), sides, None, n_sweeps=7, tol=0.0)
    torch.testing.assert_close(pieces, through, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("sweep", SWEEPS)
def test_potentials_give_back_the_plan(sweep):
    sides = make_sides(3, 2, 4, 5, lengths_x=[4, 2])
    kernel = make_kernel(3, sides)
    plan, found = sweep(kernel.clone(), sides, None, n_sweeps=9, tol=0.0)
    again = (kernel + found.f[:, :, None] + found.g[:, None, :]).exp()
    torch.testing.assert_close(plan, again)


@pytest.mark.parametrize("sweep", SWEEPS)
def test_good_start_needs_no_sweeps(sweep):
    sides = make_sides(0, 1, 6, 6)
    kernel = make_kernel(0, sides)
    plan, potentials = sweep(kernel.clone(), sides, None, **EXACT)
    again, _ = sweep(kernel.clone(), sides, potentials, n_sweeps=1, tol=0.0)
    torch.testing.assert_close(again, plan, rtol=1e-10, atol=0)


@pytest.mark.parametrize("sweep", SWEEPS)
def test_padded_rows_stay_exactly_zero(sweep):
    sides = make_sides(0, 3, 6, 4, lengths_x=[6, 1, 3])
    plan, _ = sweep(make_kernel(0, sides), sides, None, n_sweeps=50, tol=1e-9)
    assert torch.equal((plan == 0).all(dim=2), ~mask([6, 1, 3], 6))


@pytest.mark.parametrize("sweep", SWEEPS)
def test_a_problem_that_stopped_is_left_alone(sweep):
    # The second problem is uniform, at rest at once; the first needs many sweeps.
    hard, easy = make_sides(0, 1, 5, 5), make_sides(1, 1, 5, 5)
    uniform = torch.full((1, 5), 0.2, dtype=torch.float64)
    sides = Sides(
        torch.cat([hard.p, uniform]),
        torch.cat([hard.q, uniform]),
        torch.ones(2, 5, dtype=torch.float64),
        torch.ones(2, 5, dtype=torch.float64),
        False,
    )
    kernel = torch.cat([make_kernel(0, hard, 0.02), 0 * make_kernel(1, easy)])
    options = {"n_sweeps": 200, "tol": 1e-7}
    together, _ = sweep(kernel.clone(), sides, None, **options)
    alone, _ = sweep(kernel[:1].clone(), hard, None, **options)
    torch.testing.assert_close(together[0], alone[0], rtol=1e-12, atol=1e-15)
    torch.testing.assert_close(together[1], torch.full_like(together[1], 0.04))
    assert (together.sum(dim=1) - sides.q).abs().max() < 1e-6


@pytest.mark.parametrize("sweep", SWEEPS)
@pytest.mark.parametrize(("seed", "tol"), [(0, 1e-2), (1, 1e-4), (2, 1e-6), (3, 1e-9)])
def test_sweeps_end_at_the_first_look_that_finds_them_at_rest(sweep, seed, tol):
    sides = make_sides(seed, 1, 5, 4)
    kernel = make_kernel(seed, sides, 0.1)
    scaling = sweep is sinkhorn_scaling
    owner, work = (Kernel, "columns") if scaling else (_sinkhorn, "_log_sum_exp")
    options = {"autospec": True, "side_effect": getattr(owner, work)}

    def run(n_sweeps, tol=0.0):
        with mock.patch.object(owner, work, **options) as done:
            plan, found = sweep(kernel.clone(), sides, None, n_sweeps=n_sweeps, tol=tol)
        return plan, found.g, done.call_count

    def change(n_sweeps):
        moved = run(n_sweeps)[1] - run(n_sweeps - 1)[1]
        return (moved.expm1() if sweep is sinkhorn_scaling else moved).abs().max()

    looks = range(CHECK_EVERY, 8 * CHECK_EVERY, CHECK_EVERY)
    end = next((n for n in looks if change(n) <= tol), 8 * CHECK_EVERY)
    plan, g, n_calls = run(8 * CHECK_EVERY, tol)
    expected, expected_g, expected_calls = run(end)
    assert torch.equal(plan, expected)
    assert torch.equal(g, expected_g)
    assert n_calls == expected_calls


@pytest.mark.parametrize("sweep", SWEEPS)
@pytest.mark.parametrize("damp_x", [0.0, 0.3])
@given(seeds, st.integers(0, 4))
def test_columns_that_alone_are_hard_are_met_last(sweep, damp_x, seed, n_sweeps):
    sides = replace(make_sides(seed, 2, 5, 4, damp_x, 1.0), columns_last=True)
    kernel = make_kernel(seed, sides)
    plan, found = sweep(kernel.clone(), sides, None, n_sweeps=n_sweeps, tol=0.0)
    torch.testing.assert_close(plan.sum(dim=1), sides.q, rtol=1e-12, atol=0)
    again = (kernel + found.f[:, :, None] + found.g[:, None, :]).exp()
    torch.testing.assert_close(again, plan)


@given(log_floats(1e-4, 1e2), seeds, st.booleans())
def test_log_domain_bears_any_range_in_double(eps, seed, damped):
    sides = make_sides(seed, 2, 6, 5, damp_y=0.3 if damped else 1.0)
    cost = 1e3 * tensor(seed, 2, 6, 5, low=-1)
    plan, _ = sinkhorn_log(-cost / eps, sides, None, n_sweeps=50, tol=0.0)
    assert torch.isfinite(plan).all()
    torch.testing.assert_close(plan.sum(dim=2), sides.p, rtol=1e-8, atol=0)


@given(seeds, st.integers(1, 6), st.integers(1, 6), st.integers(0, 4))
def test_rounding_meets_both_marginals_and_moves_little(seed, n, m, padding):
    sides = make_sides(seed, 2, n + padding, m, lengths_x=[n, n + padding])
    plan = tensor(seed + 9, 2, n + padding, m) * (sides.p > 0)[:, :, None]
    plan = plan / plan.sum(dim=(1, 2), keepdim=True)
    error = (plan.sum(2) - sides.p).abs().sum(1) + (plan.sum(1) - sides.q).abs().sum(1)
    rounded = round_to_marginals(plan.clone(), sides.p, sides.q)
    torch.testing.assert_close(rounded.sum(dim=2), sides.p, rtol=0, atol=1e-14)
    torch.testing.assert_close(rounded.sum(dim=1), sides.q, rtol=0, atol=1e-14)
    assert (rounded >= 0).all()
    assert ((rounded - plan).abs().sum(dim=(1, 2)) <= 2 * error + 1e-12).all()
    assert (rounded[sides.p == 0] == 0).all()


def test_rounding_leaves_a_plan_that_fits():
    sides = make_sides(0, 2, 4, 3)
    plan, _ = sinkhorn_log(make_kernel(0, sides), sides, None, **EXACT)
    rounded = round_to_marginals(plan.clone(), sides.p, sides.q)
    torch.testing.assert_close(rounded, plan, rtol=1e-12, atol=0)


@given(seeds, st.integers(1, 6), st.integers(1, 6))
def test_rounding_is_the_published_algorithm(seed, n, m):
    sides = make_sides(seed, 1, n, m)
    p, q, plan = sides.p[0].numpy(), sides.q[0].numpy(), tensor(seed + 9, n, m).numpy()
    plan = plan / plan.sum()
    found = round_to_marginals(torch.tensor(plan)[None], sides.p, sides.q)
    plan = np.diag(np.minimum(p / plan.sum(axis=1), 1)) @ plan
    plan = plan @ np.diag(np.minimum(q / plan.sum(axis=0), 1))
    missing_x, missing_y = p - plan.sum(axis=1), q - plan.sum(axis=0)
    if missing_x.sum() > 1e-12:
        plan = plan + np.outer(missing_x, missing_y) / missing_x.sum()
    np.testing.assert_allclose(found[0], plan, atol=1e-12)


@pytest.mark.parametrize("sweep", SWEEPS)
def test_sweeps_start_from_rows_that_have_their_masses(sweep):
    sides = make_sides(0, 2, 5, 4, lengths_x=[5, 3])
    plan, found = sweep(make_kernel(0, sides), sides, None, n_sweeps=0, tol=0.0)
    torch.testing.assert_close(plan.sum(dim=2), sides.p)
    assert (found.g == 0).all()


@pytest.mark.parametrize("cost", [-1000.0, -10.0, 10.0, 1000.0])
def test_mass_that_nothing_holds_is_cut_and_potentials_know(cost):
    sides = make_sides(0, 1, 5, 4, 0.0, 0.0)
    kernel = torch.full((1, 5, 4), -cost, dtype=torch.float64)
    plan, found = sinkhorn_log(kernel.clone(), sides, None, n_sweeps=3, tol=0.0)
    expected = min(max(math.log(20) - cost, -30), 30)
    assert plan.sum().log().item() == pytest.approx(expected)
    again = (kernel + found.f[:, :, None] + found.g[:, None, :]).exp()
    torch.testing.assert_close(again, plan)


@pytest.mark.parametrize(("damp_x", "damp_y"), [(1.0, 0.3), (0.3, 1.0), (1.0, 1.0)])
def test_hard_sides_alone_are_met_where_the_digits_of_potentials_are_spent(
    damp_x, damp_y
):
    sides = replace(make_sides(0, 1, 5, 4, damp_x, damp_y), columns_last=damp_x != 1)
    cost = 1e15 * tensor(2, 1, 5, 4)
    plan, _ = sinkhorn_log(-cost, sides, None, n_sweeps=5, tol=0.0)
    hard, dim = (sides.p, 2) if damp_x == 1 else (sides.q, 1)
    torch.testing.assert_close(plan.sum(dim=dim), hard, rtol=1e-9, atol=0)
    if 0.3 in (damp_x, damp_y):
        soft = sides.q if damp_x == 1 else sides.p
        assert not torch.allclose(plan.sum(dim=3 - dim), soft, rtol=1e-3)


def test_start_is_not_changed():
    sides = make_sides(0, 1, 3, 3)
    start = Potentials(torch.zeros_like(sides.p), torch.zeros_like(sides.q))
    for sweep in SWEEPS:
        sweep(make_kernel(0, sides), sides, start, n_sweeps=6, tol=0.0)
        assert (start.f == 0).all()
        assert (start.g == 0).all()


@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize("batch", [1, 2])
@given(seeds, st.integers(1, 13), st.integers(1, 70))
def test_products_in_pieces_for_threads_are_those_of_the_matrices(
    n_threads, batch, seed, n, m
):
    matrices = tensor(seed, batch, n, m)
    u, v = tensor(seed + 1, batch, 1, n), tensor(seed + 2, batch, 1, m)
    before = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_sinkhorn, "SHARED_ENTRIES", 0)
        torch.set_num_threads(n_threads)
        try:
            kernel = Kernel(matrices)
            by_column, by_row = kernel.columns(u), kernel.rows(v)
        finally:
            torch.set_num_threads(before)
    torch.testing.assert_close(by_column, u @ matrices)
    torch.testing.assert_close(by_row, v @ matrices.mT)
