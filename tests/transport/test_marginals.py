"""The three kinds of marginal, told apart by one weight."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from skvas.transport._marginals import Marginal, make_marginal
from tests.strategies import mask, seeds, tensor

LIKE = torch.zeros(2, 3, 4, dtype=torch.float64)


def test_masses_are_uniform_over_real_frames_by_default():
    real = mask([3, 1], 3)
    marginal = make_marginal(None, real, None, LIKE, dim=1)
    expected = torch.tensor([[1 / 3, 1 / 3, 1 / 3], [1, 0, 0]], dtype=torch.float64)
    assert torch.equal(marginal.mass, expected)
    assert marginal.hard.all()


def test_row_27_masses_are_rescaled_to_sum_to_one_over_real_frames():
    mass = torch.tensor([[1.0, 3.0, 0.0, 9.0], [2.0, 2.0, 4.0, 8.0]])
    marginal = make_marginal(mass, mask([3, 4], 4), 0.5, LIKE, dim=2)
    expected = [[0.25, 0.75, 0, 0], [0.125, 0.125, 0.25, 0.5]]
    assert marginal.mass.tolist() == expected
    assert marginal.mass.dtype == torch.float64


@pytest.mark.parametrize(
    ("weight", "hard", "damping"),
    [(None, True, 1.0), (math.inf, True, 1.0), (0.0, False, 0.0), (0.3, False, 0.75)],
)
def test_weight_says_the_kind(weight, hard, damping):
    marginal = make_marginal(None, None, weight, LIKE, dim=1)
    assert marginal.hard.all() == hard
    assert (marginal.damping(eps=0.1) - damping).abs().max() < 1e-15


def test_each_frame_may_have_its_own_weight():
    weight = torch.tensor([[math.inf, 0.0, 0.5], [0.5, math.inf, math.inf]])
    marginal = make_marginal(None, None, weight, LIKE, dim=1)
    assert marginal.hard.tolist() == [[True, False, False], [False, True, True]]
    assert marginal.soft_weight.tolist() == [[0, 0, 0.5], [0.5, 0, 0]]
    taken = marginal.take(torch.tensor([1]))
    assert taken.hard.tolist() == [[False, True, True]]
    assert torch.equal(taken.mass, marginal.mass[1:])


@given(seeds, st.floats(0, 10), st.integers(1, 6))
def test_penalty_is_the_weighted_divergence(seed, weight, size):
    mass, found = tensor(seed, 2, 1, size, low=0.01)
    marginal = Marginal(mass, torch.full_like(mass, weight))
    divergence = found * (found / mass).log() - found + mass
    expected = weight * divergence.sum(dim=1)
    torch.testing.assert_close(marginal.penalty(found), expected)


@given(seeds, st.sampled_from([0.0, 0.2, 3.0, math.inf]), st.integers(1, 6))
def test_gradient_is_that_of_the_penalty(seed, weight, size):
    mass, found = tensor(seed, 2, 1, size, low=0.01)
    marginal = Marginal(mass, torch.full_like(mass, weight))
    found.requires_grad_()
    (expected,) = torch.autograd.grad(marginal.penalty(found).sum(), found)
    torch.testing.assert_close(marginal.gradient(found), expected)


def test_hard_and_free_marginals_cost_nothing():
    mass, found = tensor(0, 2, 2, 3)
    for weight in (0.0, math.inf):
        marginal = Marginal(mass, torch.full_like(mass, weight))
        assert (marginal.penalty(found) == 0).all()
        assert (marginal.gradient(found) == 0).all()


def test_penalty_of_a_frame_that_gets_nothing_is_finite():
    mass = torch.tensor([[0.5, 0.5, 0.0]])
    marginal = Marginal(mass, torch.full_like(mass, 2.0))
    found = torch.tensor([[0.0, 0.5, 0.0]])
    assert marginal.penalty(found).item() == pytest.approx(2.0 * 0.5)
    assert torch.isfinite(marginal.gradient(found)).all()


def test_error_counts_hard_frames_with_mass_only():
    mass = torch.tensor([[0.5, 0.5, 0.0]])
    found = torch.tensor([[0.4, 0.1, 0.3]])
    first = torch.tensor([[math.inf, 1.0, math.inf]])
    assert Marginal(mass, first).relative_error(found).item() == pytest.approx(0.2)
    soft = torch.ones_like(mass)
    assert Marginal(mass, soft).relative_error(found).item() == 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_heaviest_penalty_is_damped_as_no_constraint_is(dtype):
    mass = torch.ones(1, 2, dtype=dtype) / 2
    weight = torch.tensor([[1e8, torch.inf]], dtype=dtype)
    damping = Marginal(mass, weight).damping(1e-9)
    assert damping[0, 0] < 1
    assert damping[0, 1] == 1
