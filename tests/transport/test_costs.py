"""Costs between embeddings against their definitions."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from skvas.transport import cosine_cost, squared_distance, unit
from tests.strategies import seeds, tensor

sizes = st.integers(1, 6)


@given(seeds, sizes, sizes)
def test_unit_vectors_have_length_one(seed, n, d):
    x = tensor(seed, 2, n, d, low=-1) + 1e-3
    torch.testing.assert_close(unit(x).norm(dim=2), torch.ones(2, n).double())
    torch.testing.assert_close(unit(x) * x.norm(dim=2, keepdim=True), x)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("scale", [1e-15, 1e15])
def test_unit_bears_small_and_large_vectors(dtype, scale):
    x = tensor(0, 3, 4, low=0.1, dtype=dtype) * scale
    torch.testing.assert_close(unit(x).norm(dim=1), torch.ones(3, dtype=dtype))


def test_zero_vector_stays_zero_and_costs_one():
    x = unit(torch.zeros(1, 2, 3))
    assert (x == 0).all()
    assert (cosine_cost(x, unit(tensor(0, 1, 4, 3, dtype=torch.float32))) == 1).all()


@given(seeds, sizes, sizes, sizes)
def test_cosine_cost_is_the_cosine_distance(seed, n, m, d):
    x, y = tensor(seed, 2, n, d, low=0.1), tensor(seed + 1, 2, m, d, low=0.1)
    found = cosine_cost(unit(x), unit(y))
    for b in range(2):
        expected = cdist(x[b].numpy(), y[b].numpy(), "cosine")
        np.testing.assert_allclose(found[b], expected, atol=1e-12)


def test_cosine_cost_takes_one_set_of_actions_for_all_videos():
    x, a = unit(tensor(0, 2, 5, 3)), unit(tensor(1, 4, 3))
    torch.testing.assert_close(cosine_cost(x, a), cosine_cost(x, a.expand(2, 4, 3)))


@given(seeds, sizes, sizes, sizes)
def test_squared_distance_is_the_squared_euclidean_distance(seed, n, m, d):
    x, y = tensor(seed, 2, n, d, low=-3), tensor(seed + 1, 2, m, d, low=-3)
    found = squared_distance(x, y)
    for b in range(2):
        expected = cdist(x[b].numpy(), y[b].numpy(), "sqeuclidean")
        np.testing.assert_allclose(found[b], expected, atol=1e-12)


@pytest.mark.parametrize("far", [0, 1e3, 1e5])
def test_squared_distance_is_as_precise_far_from_zero(far):
    x, y = tensor(0, 2, 9, 4, low=-3) + far, tensor(1, 2, 7, 4, low=-3) + far
    expected = (x[:, :, None] - y[:, None]).square().sum(dim=-1)
    torch.testing.assert_close(squared_distance(x, y), expected, rtol=1e-9, atol=0)


@given(seeds)
def test_squared_distance_is_never_negative(seed):
    x = tensor(seed, 1, 6, 3, low=10, high=10.001, dtype=torch.float32)
    assert (squared_distance(x, x) >= 0).all()
