"""The result of the solver, and its limits."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor

# Maximum number of sweeps of the last projection.
FINAL_SWEEPS = 50


@dataclass(frozen=True, eq=False)
class FGWResult:
    """Result of the solver for each problem of a batch.

    Attributes
    ----------
    plan : Tensor of shape (B, N, M)
        Transport plans, exactly 0 at padded frames.
    objective : Tensor of shape (B,)
        Objective of the plan.
    error_x, error_y : Tensor of shape (B,)
        Largest relative error of the hard masses; 0 if none is hard.
    n_iter : int64 Tensor of shape (B,)
        Number of outer iterations.
    converged : bool Tensor of shape (B,)
        Whether the plan converged to `tol`; False if `tol` is None.

    Examples
    --------
    >>> import torch
    >>> from skvas.transport import Distinct, fused_gromov_wasserstein
    >>> cost = 1 - torch.eye(3)[None]
    >>> result = fused_gromov_wasserstein(cost, Distinct(), Distinct())
    >>> result.plan.argmax(dim=2)
    tensor([[0, 1, 2]])
    """

    plan: Tensor
    objective: Tensor
    error_x: Tensor
    error_y: Tensor
    n_iter: Tensor
    converged: Tensor


@dataclass(frozen=True)
class Budget:
    """Limits and tolerances of the iteration."""

    max_iter: int
    tol: float | None
    step: float | None
    sinkhorn_iter: int
    sinkhorn_tol: float

    def sweeps(self, iteration: int) -> int:
        """Return the sweeps of an iteration: the last one meets the marginals."""
        last = iteration == self.max_iter - 1
        return max(FINAL_SWEEPS, self.sinkhorn_iter) if last else self.sinkhorn_iter


_NAMES = tuple(field.name for field in fields(FGWResult))


def take_result(result: FGWResult, index: Tensor) -> FGWResult:
    """Return the results of some problems of the batch."""
    return FGWResult(*(getattr(result, name)[index] for name in _NAMES))


def merge(parts: list[tuple[Tensor, FGWResult]], like: Tensor) -> FGWResult:
    """Put the results of parts of a batch back in their places."""
    merged = {}
    for name in _NAMES:
        first = getattr(parts[0][1], name)
        dtype = like.dtype if first.is_floating_point() else first.dtype
        whole = torch.zeros(
            (len(like), *first.shape[1:]), dtype=dtype, device=like.device
        )
        for members, result in parts:
            whole[members] = getattr(result, name).to(dtype)
        merged[name] = whole
    return FGWResult(**merged)
