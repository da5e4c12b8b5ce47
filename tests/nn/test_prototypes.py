"""Action embeddings stay on the unit sphere."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from skvas.nn import Prototypes
from tests.strategies import log_floats, seeds, tensor


def lengths(vectors):
    return vectors.detach().norm(dim=1)


def ones(vectors):
    return torch.ones(len(vectors), dtype=vectors.dtype)


@given(seeds, st.integers(1, 5), st.integers(1, 4), log_floats(1e-6, 1e6))
def test_vectors_are_scaled_to_length_one(seed, k, d, scale):
    vectors = tensor(seed, k, d, low=0.1) * scale
    prototypes = Prototypes(vectors)
    torch.testing.assert_close(lengths(prototypes.vectors), ones(vectors))
    torch.testing.assert_close(prototypes(), vectors / vectors.norm(dim=1)[:, None])


@given(seeds)
def test_renormalising_keeps_directions_and_restores_lengths(seed):
    prototypes = Prototypes(tensor(seed, 4, 3, low=0.1))
    with torch.no_grad():
        prototypes.vectors.add_(0.5).mul_(3.0)
    off = prototypes().detach().clone()
    prototypes.renormalise()
    torch.testing.assert_close(lengths(prototypes.vectors), ones(off))
    torch.testing.assert_close(prototypes.vectors.detach(), off)


def test_start_is_copied_and_trained():
    start = torch.tensor([[3.0, 4.0], [0.0, 2.0]])
    prototypes = Prototypes(start)
    prototypes()[0, 0].backward()
    assert prototypes.vectors.grad.abs().sum() > 0
    assert torch.equal(start, torch.tensor([[3.0, 4.0], [0.0, 2.0]]))


def test_gradient_does_not_change_the_length():
    prototypes = Prototypes(tensor(1, 3, 4, low=-1))
    prototypes().square().mul(tensor(2, 3, 4)).sum().backward()
    along = (prototypes.vectors.grad * prototypes.vectors).sum(dim=1)
    torch.testing.assert_close(along, torch.zeros(3, dtype=along.dtype))
