"""Temporal priors and virtual frames against loops over frames."""

from __future__ import annotations

import math

import torch
from hypothesis import given
from hypothesis import strategies as st

from skvas.transport import (
    add_virtual_frame,
    consistency_prior,
    optimality_prior,
    temporal_order,
    virtual_masses,
)
from tests.strategies import mask, seeds, tensor

lengths = st.lists(
    st.tuples(st.integers(1, 7), st.integers(1, 7)), min_size=1, max_size=3
)


def columns(pairs):
    """Return the lengths of rows and of columns as tensors."""
    x, y = zip(*pairs, strict=True)
    return torch.tensor(x), torch.tensor(y)


def cells(pairs):
    """Yield each real entry with the lengths of its problem."""
    for b, (n, m) in enumerate(pairs):
        for i in range(n):
            for j in range(m):
                yield b, i, j, n, m


def gaussian(gap, n, m, delta):
    distance = abs(gap) / math.sqrt(1 / n**2 + 1 / m**2)
    norm = delta * math.sqrt(2 * math.pi)
    return math.exp(-(distance**2) / (2 * delta**2)) / norm


@given(lengths, st.integers(0, 3))
def test_temporal_order_uses_each_videos_own_length(pairs, padding):
    found = temporal_order(*columns(pairs), 7 + padding, 7)
    assert found.shape == (len(pairs), 7 + padding, 7)
    for b, i, j, n, m in cells(pairs):
        assert abs(found[b, i, j] - abs(i / n - j / m)) < 1e-6


@given(lengths, st.floats(0.3, 5))
def test_consistency_is_a_gaussian_around_the_diagonal(pairs, delta):
    found = consistency_prior(*columns(pairs), 7, 7, delta=delta)
    for b, i, j, n, m in cells(pairs):
        assert abs(found[b, i, j] - gaussian(i / n - j / m, n, m, delta)) < 1e-5


@given(lengths, st.floats(0.3, 5), seeds)
def test_optimality_is_a_gaussian_around_the_cheapest_column(pairs, delta, seed):
    cost = tensor(seed, len(pairs), 7, 7)
    lengths_x, lengths_y = columns(pairs)
    cost.masked_fill_(~mask([m for _, m in pairs], 7)[:, None, :], torch.inf)
    found = optimality_prior(cost, lengths_x, lengths_y, delta=delta)
    assert found.dtype == cost.dtype
    for b, i, j, n, m in cells(pairs):
        best = int(cost[b, i].argmin())
        assert abs(found[b, i, j] - gaussian((j - best) / m, n, m, delta)) < 1e-5


@given(seeds, st.integers(1, 3), st.integers(1, 5), st.integers(1, 5))
def test_virtual_frame_stands_before_both_sequences(seed, batch, n, m):
    cost, zeta = tensor(seed, batch, n, m), tensor(seed + 1, batch)
    for value in (0.5, zeta):
        found = add_virtual_frame(cost, value)
        assert torch.equal(found[:, 1:, 1:], cost)
        expected = torch.as_tensor(value).double().expand(batch)
        assert (found[:, 0, :] == expected[:, None]).all()
        assert (found[:, :, 0] == expected[:, None]).all()


def test_virtual_frame_leaves_the_costs_as_they_are():
    cost = torch.ones(1, 2, 2)
    add_virtual_frame(cost, 0.0)
    assert (cost == 1).all()


@given(st.lists(st.integers(1, 6), min_size=1, max_size=3), st.floats(0.01, 4))
def test_virtual_mass_is_a_share_of_that_of_all_real_frames(lengths, share):
    found = virtual_masses(mask(lengths, 6), share, torch.ones(1).double())
    for masses, n in zip(found, lengths, strict=True):
        assert abs(masses.sum() - 1) < 1e-12
        assert abs(masses[0] - share * masses[1:].sum()) < 1e-12
        assert (masses[n + 1 :] == 0).all()
        torch.testing.assert_close(masses[1 : n + 1], masses[1].expand(n))


def test_each_video_may_have_a_virtual_share_of_its_own():
    real, like = mask([3, 5], 6), torch.ones(1).double()
    found = virtual_masses(real, torch.tensor([0.5, 0.1]), like)
    one, other = virtual_masses(real, 0.5, like), virtual_masses(real, 0.1, like)
    torch.testing.assert_close(found, torch.stack([one[0], other[1]]))


def test_gaussians_are_one_wide_by_default():
    three, four, cost = torch.tensor([3]), torch.tensor([4]), tensor(0, 1, 3, 4)
    for prior, arguments in (
        (consistency_prior, (three, four, 3, 4)),
        (optimality_prior, (cost, three, four)),
    ):
        assert torch.equal(prior(*arguments), prior(*arguments, delta=1.0))


def test_virtual_mass_is_that_of_one_frame_by_default():
    masses = virtual_masses(mask([3, 1], 3), None, torch.ones(1).double())
    assert masses.tolist() == [[0.25, 0.25, 0.25, 0.25], [0.5, 0.5, 0, 0]]
