"""Faults, rows 6 and 15: what reaches the networks may be zero, huge or tiny."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from skvas.transport import unit
from tests.models import ESTIMATORS, quick, small_videos


@pytest.fixture(autouse=True)
def same_networks():
    """Draw the weights of the networks that tests make alike in every run."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_row_06_gradient_at_a_zero_vector_is_finite(dtype):
    x = torch.zeros(3, 4, dtype=dtype)
    x[1] = torch.tensor([0.0, 3.0, 4.0, 0.0])
    x.requires_grad_()
    unit(x)[:, 1].sum().backward()
    assert x.grad.isfinite().all()
    # Across the vector, and one over its length: 0.16, -0.12 each over 5.
    expected = torch.tensor([0.0, 0.64 / 5, -0.48 / 5, 0.0], dtype=dtype)
    torch.testing.assert_close(x.grad[1], expected)


@pytest.mark.parametrize("exponent", [-40, -30, -10, 0, 10, 30, 38])
def test_row_15_vectors_of_any_scale_get_length_one(exponent):
    x = torch.tensor([[3.0, -4.0], [1.0, 1.0]], dtype=torch.float64)
    expected = x / x.norm(dim=1, keepdim=True)
    found = unit((x * 10.0**exponent / 5).float())
    torch.testing.assert_close(found.double(), expected, atol=1e-4, rtol=0)


# Half of the frames at one point is a collapse, and said to be one.
@pytest.mark.filterwarnings("ignore::skvas.exceptions.CollapseWarning")
@pytest.mark.parametrize("cls", ESTIMATORS)
def test_row_06_embeddings_that_are_zero_do_not_spoil_the_training(cls):
    class Silent(nn.Linear):
        """A network that is silent for half of the frames."""

        def forward(self, frames):
            return super().forward(frames).where(frames[..., :1] > 0, 0.0)

    estimator = quick(cls, encoder=Silent(5, 3), features=None).fit(small_videos())
    assert all(p.isfinite().all() for p in estimator.encoder_.parameters())
