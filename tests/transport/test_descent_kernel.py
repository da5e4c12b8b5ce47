"""The compiled mirror descent against the same solver in torch."""

from __future__ import annotations

import sys
from unittest.mock import patch

import numpy as np
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
    fused_gromov_wasserstein,
)
from tests.strategies import band, mask, seeds, tensor

pytest.importorskip("numba")
from skvas.transport import _descent_kernel

sizes = st.lists(st.integers(2, 40), min_size=2, max_size=2)


def solve_both(*problem, **options):
    """Solve by the kernel and by torch alone."""
    results = []
    for least in (0, sys.maxsize):
        with patch.object(iterations_module, "COMPILED_ENTRIES", least):
            results.append(fused_gromov_wasserstein(*problem, **options))
    return results


def assert_same(found, expected):
    largest = expected.plan.abs().max()
    assert (found.plan - expected.plan).abs().max() <= 1e-4 * largest
    torch.testing.assert_close(
        found.objective, expected.objective, rtol=1e-6, atol=1e-6
    )
    assert torch.equal(found.n_iter, expected.n_iter)


def test_the_kernel_is_compiled_once_whatever_the_types_of_numbers():
    problem = tensor(0, 1, 9, 3, dtype=torch.float32), TemporalBand(9, 0.3), Distinct()
    seen = []
    for alpha, eps in ((0.0, 1.0), (0, 1), (np.float64(0), np.float32(1))):
        options = {"alpha": alpha, "eps": eps, "lambda_y": 0.1, "max_iter": 3}
        found, expected = solve_both(*problem, **options)
        assert_same(found, expected)
        seen.append(len(_descent_kernel._descend_all.signatures))
    assert seen == seen[:1] * 3


@given(
    seeds,
    sizes,
    st.integers(1, 9),
    st.floats(0.1, 0.95),
    st.sampled_from([0.0, 0.1, 2.0]),
    st.floats(0, 0.6),
    st.booleans(),
)
def test_the_kernel_makes_the_iterations_of_torch(
    seed, lengths, n_actions, radius, weight, alpha, outside
):
    n = max(lengths)
    found, expected = solve_both(
        tensor(seed, 2, n, n_actions).float(),
        band(OutsideBand if outside else TemporalBand, lengths, radius),
        Distinct(),
        mask_x=mask(lengths, n),
        lambda_y=weight,
        alpha=alpha,
        eps=0.3,
        max_iter=6,
    )
    assert_same(found, expected)


def test_padded_frames_stay_exactly_zero_and_others_keep_their_mass():
    lengths = [9, 5]
    found, _ = solve_both(
        tensor(0, 2, 9, 3).float(),
        band(TemporalBand, lengths, 0.3),
        Distinct(),
        mask_x=mask(lengths, 9),
        lambda_y=0.1,
    )
    assert torch.equal(found.plan.sum(dim=2) > 0, mask(lengths, 9))
    assert (found.error_x < 1e-6).all()


def test_masses_and_weights_of_each_item_count():
    torch.manual_seed(0)
    cost, p, q = tensor(1, 2, 12, 4).float(), torch.rand(2, 12), torch.rand(2, 4)
    weights = torch.tensor([[0.0, 0.1, 1.0, 5.0], [2.0, 0.0, 0.3, 0.1]])
    problem = cost, TemporalBand(12, 0.2), Distinct()
    found, expected = solve_both(*problem, p=p, q=q, lambda_y=weights, max_iter=8)
    assert_same(found, expected)


def test_two_threads_find_the_plans_of_one(monkeypatch):
    monkeypatch.setattr(_descent_kernel, "SHARED_ENTRIES", 0)
    problem = tensor(0, 3, 61, 5).float(), TemporalBand(61, 0.1), Distinct()
    alone, _ = solve_both(*problem, lambda_y=0.1)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        shared, _ = solve_both(*problem, lambda_y=0.1)
    finally:
        torch.set_num_threads(before)
    assert torch.equal(shared.plan, alone.plan)


def test_a_problem_does_not_depend_on_its_batch():
    cost = tensor(3, 4, 30, 6).float()
    problem = TemporalBand(30, 0.1), Distinct()
    whole, _ = solve_both(cost, *problem, lambda_y=0.3)
    lone, _ = solve_both(cost[2:3], *problem, lambda_y=0.3)
    assert torch.equal(whole.plan[2:3], lone.plan)


@pytest.mark.parametrize(
    ("structures", "options"),
    [
        ((Dense(torch.eye(6)), Distinct()), {"lambda_y": 0.1}),
        ((TemporalBand(6, 0.4), Dense(torch.eye(6))), {"lambda_y": 0.1}),
        ((TemporalBand(6, 0.4), Distinct()), {}),  # two hard sides
        ((TemporalBand(6, 0.4), Distinct()), {"lambda_x": 1.0, "lambda_y": 0.1}),
        ((TemporalBand(6, 0.4), Distinct()), {"lambda_y": 0.1, "step": 0.5}),
        ((TemporalBand(6, 0.4), Distinct()), {"lambda_y": 0.1, "tol": 10.0}),
    ],
)
def test_what_the_kernel_does_not_know_is_left_to_torch(structures, options):
    cost = tensor(2, 1, 6, 6).float()
    with patch.object(_descent_kernel, "solve", side_effect=AssertionError):
        found, _ = solve_both(cost, *structures, **options)
    assert torch.isfinite(found.plan).all()


def test_padding_changes_neither_the_first_step_nor_the_plan():
    # Slopes of real frames are small here, so that those of padded ones would count.
    q = torch.tensor([[1e-6, 0.5, 0.5]])
    noise = 0.01 * tensor(0, 1, 5, 3).float()
    cost = noise - 0.5 * (torch.full((1, 5, 1), 0.2) * q[:, None]).log()
    padded = torch.cat([cost, torch.zeros(1, 4, 3)], dim=1)
    options = {"q": q, "lambda_y": 0.1, "alpha": 0.0, "eps": 0.5, "max_iter": 1}
    alone, _ = solve_both(cost, TemporalBand(5, 0.3), Distinct(), **options)
    found, _ = solve_both(
        padded,
        band(TemporalBand, [5], 0.3),
        Distinct(),
        mask_x=mask([5], 9),
        **options,
    )
    torch.testing.assert_close(found.plan[:, :5], alone.plan, rtol=1e-5, atol=1e-12)
