"""Encoders: shapes, where they start, and that frames do not meet in them."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from skvas.nn import MLPEncoder, ResidualEncoder
from tests.strategies import tensor


def frames(*shape):
    return tensor(0, *shape, low=-1, dtype=torch.float32)


def widths_of(encoder):
    return [
        (layer.in_features, layer.out_features)
        for layer in encoder.modules()
        if isinstance(layer, nn.Linear)
    ]


def test_widths_of_the_paper_are_the_default():
    assert widths_of(MLPEncoder(64)) == [(64, 128), (128, 40)]


@pytest.mark.parametrize("widths", [(5,), (7, 5), (9, 8, 5)])
def test_mlp_has_the_widths_asked_for(widths):
    encoder = MLPEncoder(3, widths)
    assert widths_of(encoder) == list(zip((3, *widths[:-1]), widths, strict=True))
    assert encoder(frames(2, 4, 3)).shape == (2, 4, 5)


def test_mlp_is_rectified_between_layers_and_not_at_the_end():
    encoder = MLPEncoder(3, (4, 2))
    first, last = (m for m in encoder.modules() if isinstance(m, nn.Linear))
    x = frames(1, 50, 3)
    torch.testing.assert_close(encoder(x), last(first(x).clamp_min(0)))
    assert (encoder(x) < 0).any()


def test_residual_encoder_is_the_identity_at_the_start():
    x = frames(2, 5, 3)
    assert torch.equal(ResidualEncoder(3)(x), x)
    assert torch.equal(ResidualEncoder(3, hidden=7)(x), x)


def test_residual_encoder_learns_from_there():
    encoder = ResidualEncoder(3, hidden=8)
    optimizer = torch.optim.Adam(encoder.parameters(), lr=0.01)
    before = [p.detach().clone() for p in encoder.parameters()]
    x = frames(1, 20, 3)
    for _ in range(2):
        optimizer.zero_grad()
        encoder(x).square().mean().backward()
        optimizer.step()
    # Two steps: the first moves the last layer alone, as nothing passes zeros.
    assert all(
        not torch.equal(p, q) for p, q in zip(encoder.parameters(), before, strict=True)
    )


@pytest.mark.parametrize("encoder", [MLPEncoder(3), ResidualEncoder(3)])
def test_each_frame_is_embedded_by_itself(encoder):
    x = frames(2, 6, 3)
    with torch.no_grad():
        whole = encoder(x)
        torch.testing.assert_close(encoder(x[:, [4]]), whole[:, [4]])
        torch.testing.assert_close(encoder(x.flip(1)), whole.flip(1))
        torch.testing.assert_close(encoder(x[1:]), whole[1:])
