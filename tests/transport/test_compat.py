"""The published iterations against their update rules, written out in NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from skvas.transport import published_iteration
from tests.strategies import log_floats, seeds, tensor


def matrices(compat, n, m, radius):
    """Return Cx and Cy, the radius floored as published."""
    cx, cy = np.zeros((n, n)), np.ones((m, m))
    for i in range(n):
        for k in range(n):
            if 1 <= abs(i - k) <= int(n * radius):
                cx[i, k] = 1 / radius
    for j in range(m):
        for k in range(m):
            near = 1 <= abs(j - k) <= int(m * radius)
            cy[j, k] = float(j != k) if compat == "asot" else float(not near)
    return cx, cy


def surround(inner, value, compat):
    """Put a row first and a column first ("vaot") or last ("vasot")."""
    rows, columns = inner.shape
    outer = np.full((rows + 1, columns + 1), value)
    outer[1:, slice(1, None) if compat == "vaot" else slice(0, columns)] = inner
    return outer


def written_out(
    cost, compat, radius, lambda_x, lambda_y, alpha, eps, step, max_iter, sinkhorn_iter
):
    """Return the plan of one problem, virtual frames included, step by step."""
    cx, cy = matrices(compat, *cost.shape, radius)
    if compat != "asot":
        cost = surround(cost, 0.5, compat)
        cx = surround(cx, 0.0, "vaot")
        larger = np.zeros((len(cy) + 1, len(cy) + 1))
        where = slice(1, None) if compat == "vaot" else slice(0, len(cy))
        larger[where, where] = cy
        cy = larger
    n, m = cost.shape
    plan = np.ones((n, m)) / (n * m)
    for _ in range(max_iter):
        grad = alpha * cx @ plan @ cy + (1 - alpha) * cost
        if lambda_x is None and lambda_y is None:
            kernel = np.exp(-grad / eps - np.max(-grad / eps))
            v = np.ones(m)
            for _ in range(sinkhorn_iter):
                u = (1 / n) / (kernel @ v)
                v = (1 / m) / (kernel.T @ u)
            plan = np.diag(u) @ kernel @ np.diag(v)
            continue
        grad = grad + eps * np.log(plan + 1e-12)
        if lambda_x is not None:
            grad = grad + lambda_x * (np.log(plan.sum(1) * n + 1e-12) + 1)[:, None]
        if lambda_y is not None:
            grad = grad + lambda_y * (np.log(plan.sum(0) * m + 1e-12) + 1)[None, :]
        if step is None:
            step = 4 / grad.max()
        assume(abs(step) < 30)  # a gradient near 0 makes the published plan overflow
        plan = plan * np.exp(-step * grad)
        if lambda_x is None:
            plan = plan / plan.sum(axis=1, keepdims=True) / n
        elif lambda_y is None:
            plan = plan / plan.sum(axis=0, keepdims=True) / m
    return plan


@pytest.mark.parametrize("compat", ["vaot", "vasot", "asot"])
@given(
    seeds,
    st.integers(2, 8),
    st.integers(2, 8),
    st.sampled_from([(None, None), (None, 0.1), (0.2, None), (0.2, 0.1)]),
    st.floats(0.02, 0.6),
    st.floats(0, 1),
    log_floats(0.1, 2),
    st.sampled_from([None, 0.3]),
    st.integers(0, 5),
    st.integers(1, 3),
)
def test_iteration_is_the_one_published(
    compat, seed, n, m, weights, radius, alpha, eps, step, max_iter, sinkhorn_iter
):
    cost = tensor(seed, 2, n, m)
    found = published_iteration(
        cost,
        compat=compat,
        radius=radius,
        lambda_x=weights[0],
        lambda_y=weights[1],
        alpha=alpha,
        eps=eps,
        step=step,
        max_iter=max_iter,
        sinkhorn_iter=sinkhorn_iter,
    )
    for b in range(2):
        expected = written_out(
            cost[b].numpy(),
            compat,
            radius,
            *weights,
            alpha,
            eps,
            step,
            max_iter,
            sinkhorn_iter,
        )
        error_x = np.abs(expected.sum(1) * len(expected) - 1).max()
        if weights[0] is None:
            np.testing.assert_allclose(found.error_x[b], error_x, atol=1e-8)
        expected = expected if compat == "asot" else expected[1:, 1:]
        np.testing.assert_allclose(found.plan[b], expected, rtol=1e-7, atol=1e-12)
    assert (found.n_iter == max_iter).all()
    assert not found.converged.any()


def test_zeta_is_the_cost_of_the_virtual_frames():
    cost = tensor(0, 1, 6, 6)
    kept = [published_iteration(cost, zeta=z).plan.sum().item() for z in (0.1, 5.0)]
    assert kept[0] < kept[1]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_result_follows_device_and_dtype(dtype, device):
    found = published_iteration(tensor(0, 2, 5, 4, dtype=dtype).to(device))
    for value in (found.plan, found.objective, found.error_x, found.error_y):
        assert value.dtype == dtype
        assert value.device.type == device.type
    assert found.n_iter.device.type == found.converged.device.type == device.type


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("compat", "vava"),
        ("radius", 0.0),
        ("radius", 1.0),
        ("alpha", -0.1),
        ("alpha", 1.1),
        ("eps", 0.0),
        ("eps", float("nan")),
        ("sinkhorn_iter", 0),
        ("lambda_y", -1.0),
        ("step", 0.0),
    ],
)
def test_value_outside_its_range_is_refused_by_name(name, value):
    with pytest.raises(ValueError, match=f"^{name} must"):
        published_iteration(torch.ones(1, 2, 3), **{name: value})


@pytest.mark.parametrize("shape", [(2, 3), (1, 0, 3)])
def test_cost_must_be_a_batch_of_matrices(shape):
    with pytest.raises(ValueError, match="^cost must have shape"):
        published_iteration(torch.ones(shape))


def test_cost_must_have_floating_numbers():
    with pytest.raises(TypeError, match="^cost must be a float32 or float64"):
        published_iteration(torch.ones(1, 2, 3, dtype=torch.int64))
