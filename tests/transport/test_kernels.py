"""The compiled kernels against the same solver in torch."""

from __future__ import annotations

import sys
from unittest.mock import patch

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import skvas.transport._iterations as iterations_module
from skvas.transport import (
    Dense,
    Distinct,
    OutsideBand,
    TemporalBand,
    Virtual,
    add_virtual_frame,
    fused_gromov_wasserstein,
    virtual_masses,
)
from tests.strategies import band, mask, seeds, tensor

pytest.importorskip("numba")
from skvas.transport import _descent_kernel, _kernels

sizes = st.lists(st.integers(1, 40), min_size=2, max_size=2)
# Iterations magnify what rounding makes different, the more the stronger the structure.
radii = st.floats(0.1, 0.95)
weights = st.sampled_from([None, 0.1, 2.0])


@pytest.mark.parametrize("module", [_kernels, _descent_kernel])
def test_compiled_functions_become_part_of_their_callers(module):
    """Else a process that compiles runs other copies than one that reads the cache."""
    functions = {
        name: each for name, each in vars(module).items() if hasattr(each, "py_func")
    }
    called = {
        name for each in functions.values() for name in each.py_func.__code__.co_names
    }
    assert len(called & functions.keys()) > 5
    for name in called & functions.keys():
        assert functions[name].targetoptions.get("forceinline"), name


def solve_both(*problem, **options):
    """Solve by the kernels and by torch alone."""
    results = []
    for least in (0, sys.maxsize):
        with patch.object(iterations_module, "COMPILED_ENTRIES", least):
            results.append(
                fused_gromov_wasserstein(*problem, solver="projected", **options)
            )
    return results


def assert_same(found, expected):
    largest = expected.plan.abs().max()
    assert (found.plan - expected.plan).abs().max() <= 1e-5 * largest
    torch.testing.assert_close(
        found.objective, expected.objective, rtol=1e-5, atol=1e-5
    )
    assert torch.equal(found.n_iter, expected.n_iter)


def make_costs(seed, lengths_x, lengths_y):
    n, m = max(lengths_x), max(lengths_y)
    return (
        tensor(seed, len(lengths_x), n, m).float(),
        mask(lengths_x, n),
        mask(lengths_y, m),
    )


@given(seeds, sizes, sizes, radii, radii, weights, weights, st.floats(0, 0.6))
def test_kernels_make_the_iterations_of_torch(
    seed, lengths_x, lengths_y, radius_x, radius_y, lambda_x, lambda_y, alpha
):
    cost, mask_x, mask_y = make_costs(seed, lengths_x, lengths_y)
    found, expected = solve_both(
        cost,
        band(TemporalBand, lengths_x, radius_x),
        band(OutsideBand, lengths_y, radius_y),
        mask_x=mask_x,
        mask_y=mask_y,
        lambda_x=lambda_x,
        lambda_y=lambda_y,
        alpha=alpha,
        eps=0.5,
        max_iter=4,
    )
    assert_same(found, expected)


def test_padded_frames_stay_exactly_zero():
    lengths_x, lengths_y = [9, 5], [3, 7]
    cost, mask_x, mask_y = make_costs(0, lengths_x, lengths_y)
    found, _ = solve_both(
        cost,
        band(TemporalBand, lengths_x, 0.3),
        band(OutsideBand, lengths_y, 0.3),
        mask_x=mask_x,
        mask_y=mask_y,
    )
    real = mask_x[:, :, None] & mask_y[:, None, :]
    assert torch.equal(found.plan > 0, real)


def test_hard_masses_are_met_however_few_the_sweeps():
    cost = tensor(0, 3, 20, 30).float()
    problem = cost, TemporalBand(20, 0.2), OutsideBand(30, 0.2)
    found, _ = solve_both(*problem, eps=0.1, max_iter=1, sinkhorn_tol=10.0)
    for axis, n in ((2, 20), (1, 30)):
        masses = found.plan.sum(dim=axis)
        torch.testing.assert_close(
            masses, torch.full_like(masses, 1 / n), rtol=1e-5, atol=0
        )


@given(seeds, sizes, sizes, radii, st.sampled_from([None, 0.3]))
def test_kernels_leave_virtual_frames_without_neighbours(
    seed, lengths_x, lengths_y, radius, share
):
    cost, mask_x, mask_y = make_costs(seed, lengths_x, lengths_y)
    found, expected = solve_both(
        add_virtual_frame(cost, 0.5),
        Virtual(band(TemporalBand, lengths_x, radius)),
        Virtual(band(OutsideBand, lengths_y, radius)),
        p=virtual_masses(mask_x, share, cost),
        q=virtual_masses(mask_y, share, cost),
        eps=0.5,
        max_iter=4,
    )
    assert_same(found, expected)


@given(seeds, sizes, st.booleans())
def test_kernels_know_structures_on_either_side(seed, lengths, outside):
    cost, mask_x, _ = make_costs(seed, lengths, [5, 5])
    sides = [band(OutsideBand, lengths, 0.1) if outside else Distinct(), Distinct()]
    found, expected = solve_both(cost, *sides, mask_x=mask_x, eps=0.5, max_iter=4)
    assert_same(found, expected)


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("lambda_y", [None, 0.5])
def test_two_threads_find_the_plan_of_one(batch, lambda_y, monkeypatch):
    monkeypatch.setattr(_kernels, "SHARED_ENTRIES", 0)
    monkeypatch.setattr(_kernels, "BATCH_ENTRIES", 0)
    cost = tensor(0, batch, 61, 47).float()
    problem = (cost, TemporalBand(61, 0.1), OutsideBand(47, 0.1))
    alone, _ = solve_both(*problem, lambda_y=lambda_y, max_iter=5)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        shared, _ = solve_both(*problem, lambda_y=lambda_y, max_iter=5)
        assert torch.get_num_threads() == 2  # small problems leave it as it was
    finally:
        torch.set_num_threads(before)
    assert_same(shared, alone)


def test_large_costs_with_little_spread_do_not_underflow():
    cost = 1000 + tensor(1, 1, 30, 20).float()
    found, expected = solve_both(
        cost, TemporalBand(30, 0.1), OutsideBand(20, 0.1), max_iter=3
    )
    assert found.plan.sum() == pytest.approx(1, abs=1e-5)
    assert (found.plan - expected.plan).abs().max() <= 1e-3 * expected.plan.max()


@pytest.mark.parametrize(
    ("dtype", "structure"),
    [(torch.float64, Distinct()), (torch.float32, Dense(torch.eye(6)))],
)
def test_what_the_kernels_do_not_know_is_left_to_torch(dtype, structure):
    cost = tensor(2, 1, 6, 6).to(dtype)
    with patch.object(_kernels, "solve", side_effect=AssertionError):
        found, _ = solve_both(cost, structure, Distinct(), max_iter=2)
    assert found.plan.sum() == pytest.approx(1)


@pytest.mark.parametrize(("least", "n_calls"), [(36, 1), (37, 0)])
def test_kernels_solve_what_is_large_enough(least, n_calls, monkeypatch):
    monkeypatch.setattr(iterations_module, "COMPILED_ENTRIES", least)
    cost = tensor(3, 1, 6, 6).float()
    with patch.object(_kernels, "solve", wraps=_kernels.solve) as solve:
        fused_gromov_wasserstein(cost, Distinct(), Distinct(), solver="projected")
    assert solve.call_count == n_calls


def test_early_stops_are_left_to_torch():
    cost = tensor(3, 2, 6, 6).float()
    with patch.object(_kernels, "solve", side_effect=AssertionError):
        found, expected = solve_both(
            cost, Distinct(), Distinct(), eps=1.0, tol=1e-3, max_iter=50
        )
    assert found.converged.all()
    assert torch.equal(found.n_iter, expected.n_iter)


def test_exponential_is_exact_to_float32():
    x = torch.linspace(-86, 80, 4001, dtype=torch.float64).float()
    found = torch.tensor([_kernels._exp(value) for value in x.numpy()])
    torch.testing.assert_close(found, x.exp(), rtol=4e-7, atol=0)
    assert _kernels._exp(torch.tensor(-torch.inf).numpy()[()]) == 0


def test_radius_of_less_than_half_a_frame_is_left_to_torch():
    cost = torch.ones(2, 9, 5)
    short = band(TemporalBand, [9, 9], 1e-3)
    with patch.object(_kernels, "solve", side_effect=AssertionError):
        solve_both(cost, short, Distinct(), max_iter=1)
    assert _kernels.as_filter(band(TemporalBand, [9, 9], 0.1)) is not None


def test_marginals_of_thousands_of_frames_are_met():
    steps = torch.linspace(0, 3, 1500)[:, None]
    cost = 0.5 * (1 - (steps - steps.T).cos())[None]
    found = fused_gromov_wasserstein(
        cost, Distinct(), Distinct(), solver="projected", max_iter=2
    )
    plan = found.plan.double()
    for sums in (plan.sum(1), plan.sum(2)):
        assert (sums * 1500 - 1).abs().max() <= 1e-6
