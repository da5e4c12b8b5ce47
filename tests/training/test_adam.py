"""Adam is torch's, step by step."""

from __future__ import annotations

import torch
from torch import nn

from skvas.training._adam import Adam


def problem():
    generator = torch.Generator().manual_seed(0)
    drawn = [torch.randn(size, generator=generator) for size in ((4, 3), (3,), (2,))]
    return [nn.Parameter(values) for values in drawn]


def descend(optimizer, parameters, n_steps, clear):
    """Take steps for the first two; the third has no gradient."""
    for _ in range(n_steps):
        clear()
        (parameters[0] @ parameters[1]).square().sum().backward()
        optimizer.step()
    return [parameter.detach() for parameter in parameters]


def test_steps_are_those_of_torch():
    ours, theirs = problem(), problem()
    adam = Adam(ours, lr=0.1, weight_decay=0.01)
    torchs = torch.optim.Adam(theirs, lr=0.1, weight_decay=0.01)
    found = descend(adam, ours, 5, adam.forget_gradients)
    expected = descend(torchs, theirs, 5, torchs.zero_grad)
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))
    state = torchs.state_dict()["state"]
    assert adam.moments.keys() == state.keys() == {0, 1}
    for i, moments in adam.moments.items():
        assert moments.keys() == state[i].keys()
        assert all(torch.equal(moments[name], state[i][name]) for name in moments)


def test_restored_moments_go_on_as_if_nothing_had_happened():
    whole, parts = problem(), problem()
    adam = Adam(whole, lr=0.1, weight_decay=0)
    expected = descend(adam, whole, 5, adam.forget_gradients)
    first = Adam(parts, lr=0.1, weight_decay=0)
    descend(first, parts, 2, first.forget_gradients)
    second = Adam(parts, lr=0.1, weight_decay=0)
    second.restore(first.moments)
    found = descend(second, parts, 3, second.forget_gradients)
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


def test_nothing_to_train_is_no_error():
    adam = Adam([], lr=0.1, weight_decay=0)
    adam.step()
    assert adam.moments == {}
