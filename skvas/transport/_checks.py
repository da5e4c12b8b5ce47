"""Checks of what the solver is given, by name."""

from __future__ import annotations

import math
from numbers import Real

import torch
from torch import Tensor

# What the solver computes in.
DTYPES = torch.float32, torch.float64


def check_numbers(
    alpha: float,
    eps: float,
    max_iter: int,
    tol: float | None,
    step: float | None,
    sinkhorn_iter: int,
    sinkhorn_tol: float,
) -> None:
    """Refuse numbers outside their range, by name."""
    rules = (
        ("alpha", alpha, 0 <= alpha <= 1, "in [0, 1]"),
        ("eps", eps, 0 < eps < math.inf, "positive and finite"),
        ("max_iter", max_iter, max_iter >= 0, "at least 0"),
        ("tol", tol, tol is None or tol >= 0, "None or at least 0"),
        ("step", step, step is None or step > 0, "None or positive"),
        ("sinkhorn_iter", sinkhorn_iter, sinkhorn_iter >= 1, "at least 1"),
        ("sinkhorn_tol", sinkhorn_tol, sinkhorn_tol >= 0, "at least 0"),
    )
    for name, value, fine, expected in rules:
        if not fine:
            raise ValueError(f"{name} must be {expected}, got {value!r}.")


def check_tensors(
    cost: Tensor,
    mask_x: Tensor | None,
    mask_y: Tensor | None,
    p: Tensor | None,
    q: Tensor | None,
    lambda_x: float | Tensor | None,
    lambda_y: float | Tensor | None,
) -> None:
    """Refuse tensors of the wrong type or shape, by name."""
    if not isinstance(cost, Tensor) or cost.dtype not in DTYPES:
        raise TypeError(f"cost must be a float32 or float64 tensor, got {_kind(cost)}.")
    if cost.ndim != 3 or 0 in cost.shape:
        raise ValueError(
            f"cost must have shape (B, N, M), none 0, got {tuple(cost.shape)}."
        )
    batch, n, m = cost.shape
    _check_side("x", "p", batch, n, mask_x, p, lambda_x)
    _check_side("y", "q", batch, m, mask_y, q, lambda_y)


def _check_side(
    side: str,
    mass_name: str,
    batch: int,
    size: int,
    mask: Tensor | None,
    mass: Tensor | None,
    weight: float | Tensor | None,
) -> None:
    """Refuse a mask, mass or weight of one side of a bad type or shape, by name."""
    if mask is not None and getattr(mask, "dtype", None) != torch.bool:
        raise TypeError(
            f"mask_{side} must be a bool tensor or None, got {_kind(mask)}."
        )
    if not (mass is None or isinstance(mass, Tensor)):
        raise TypeError(f"{mass_name} must be a tensor or None, got {_kind(mass)}.")
    if not (weight is None or isinstance(weight, (Tensor, Real))):
        raise TypeError(
            f"lambda_{side} must be a number, a tensor or None, got {_kind(weight)}."
        )
    if mask is not None and mask.shape != (batch, size):
        raise ValueError(
            f"mask_{side} must have shape {(batch, size)}, got {tuple(mask.shape)}."
        )
    for name, tensor in ((mass_name, mass), (f"lambda_{side}", weight)):
        if isinstance(tensor, Tensor) and not _expands(tensor, batch, size):
            raise ValueError(
                f"{name} must have shape {(batch, size)}, got {tuple(tensor.shape)}."
            )
    if not (weight is None or isinstance(weight, Tensor) or weight >= 0):
        raise ValueError(f"lambda_{side} must be None or at least 0, got {weight!r}.")


def value_checks(
    cost: Tensor,
    mask_x: Tensor | None,
    mask_y: Tensor | None,
    p: Tensor | None,
    q: Tensor | None,
    lambda_x: float | Tensor | None,
    lambda_y: float | Tensor | None,
) -> dict[str, Tensor]:
    """Return what must be true of the values of tensors, each (B,), with its message.

    Parameters are those of the solver, but that `cost` is 0 at padded frames.
    """
    batch, n, m = cost.shape
    rules = _side_checks("x", "p", (batch, n), cost.dtype, mask_x, p, lambda_x)
    rules |= _side_checks("y", "q", (batch, m), cost.dtype, mask_y, q, lambda_y)
    rules[
        "cost must be finite between real frames. Mask the frames that have no cost."
    ] = cost.amax((1, 2)).isfinite() & cost.amin((1, 2)).isfinite()
    return rules


def _side_checks(
    side: str,
    mass_name: str,
    shape: tuple[int, int],
    dtype: torch.dtype,
    mask: Tensor | None,
    mass: Tensor | None,
    weight: float | Tensor | None,
) -> dict[str, Tensor]:
    rules = {}
    if mask is not None:
        message = f"mask_{side} must leave a real frame in every problem."
        rules[message] = mask.any(dim=1)
    if isinstance(weight, Tensor):
        # Values are not part of the message: to write them takes longer than to solve.
        message = f"lambda_{side} must be None or at least 0, and not NaN."
        rules[message] = (weight >= 0).expand(shape).all(dim=1)
    if mass is not None:
        message = f"{mass_name} must be finite and at least 0."
        rules[message] = ((mass >= 0) & mass.isfinite()).expand(shape).all(dim=1)
        cast = mass.to(dtype)
        total = (cast if mask is None else cast * mask).expand(shape).sum(dim=1)
        message = (
            f"{mass_name} must have mass at a real frame of each problem, and a sum "
            "that the type of cost can hold. Divide it by its largest entry."
        )
        rules[message] = (total > 0) & total.isfinite()
    return rules


def raise_for(answers: dict[str, list[bool]]) -> None:
    """Raise the first error of those whose checks failed, naming the problem."""
    for message, fine in answers.items():
        if not all(fine):
            raise ValueError(f"{message} Look at problem {fine.index(False)}.")


def _kind(value: object) -> str:
    """Tell what came in place of a tensor, or of one of another type."""
    return str(value.dtype if isinstance(value, Tensor) else type(value).__name__)


def _expands(tensor: Tensor, batch: int, size: int) -> bool:
    """Tell whether a tensor broadcasts to (batch, size)."""
    shape = (1,) * (2 - tensor.ndim) + tuple(tensor.shape)
    return len(shape) == 2 and shape[0] in (1, batch) and shape[1] in (1, size)
