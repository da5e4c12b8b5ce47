"""The two-sided projection: scaling where it is safe, the log domain elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from skvas.transport._compiling import can_sync
from skvas.transport._marginals import finite_log
from skvas.transport._threads import SHARED_ENTRIES

CHECK_EVERY = 5  # sweeps between looks at the marginals
# Logarithm of the most and, negative, of the least that a plan may weigh.
LARGEST_LOG_MASS = 30.0
# Error of a mass from which on the rounding of potentials is made good.
SPENT = 1e-8
PIECES = 4  # that threads share out of a lone large matrix


@dataclass(frozen=True)
class Sides:
    """What the sweeps need to know of the two marginals, in full and once.

    Parameters
    ----------
    p, q : Tensor of shape (B, N) and (B, M)
        Masses, 0 at padded items.
    damp_x, damp_y : Tensor of shape (B, N) and (B, M)
        Exponent of each scaling: 1 meets the mass, 0 ignores it.
    damped : bool
        Whether any exponent differs from 1.
    columns_last : bool, default=False
        Whether only columns have masses to meet; sweeps then end with them.
    """

    p: Tensor
    q: Tensor
    damp_x: Tensor
    damp_y: Tensor
    damped: bool
    columns_last: bool = False


@dataclass
class Potentials:
    """Logarithms of the scalings; a solve hands them from one projection to the next.

    Parameters
    ----------
    f, g : Tensor of shape (B, N) and (B, M)
        The plan is `exp(log_kernel + f + g)`.
    """

    f: Tensor
    g: Tensor


def sinkhorn_scaling(
    log_kernel: Tensor,
    sides: Sides,
    start: Potentials | None,
    *,
    n_sweeps: int,
    tol: float,
) -> tuple[Tensor, Potentials]:
    """Scale a kernel to its marginals by matrix-vector products.

    The potentials of the last call are absorbed into the kernel, which then is close to
    a plan, so that scalings stay near 1. `log_kernel` is overwritten by the plan.

    Parameters
    ----------
    log_kernel : Tensor of shape (B, N, M)
        Minus infinity at padded entries.
    sides : Sides
        Masses and exponents.
    start : Potentials or None
        Potentials to go on from; None starts from plain row normalisation.
    n_sweeps : int
        Largest number of sweeps.
    tol : float
        A problem stops when a sweep moves its scalings by less than this.

    Returns
    -------
    plan : Tensor of shape (B, N, M)
    potentials : Potentials
    """
    if start is None:
        start = _first_potentials(log_kernel, sides)
    tiny = torch.finfo(log_kernel.dtype).tiny
    kernel = log_kernel.add_(start.f[:, :, None]).add_(start.g[:, None, :]).exp_()
    p, q = sides.p[:, None, :], sides.q[:, None, :]  # (B, 1, N) and (B, 1, M)
    damp_x, damp_y = sides.damp_x[:, None, :], sides.damp_y[:, None, :]
    # Damped scalings act on the whole potential, its absorbed part included.
    pull_x = torch.exp(start.f[:, None, :] * (damp_x - 1)) if sides.damped else None
    pull_y = torch.exp(start.g[:, None, :] * (damp_y - 1)) if sides.damped else None
    u, v = torch.ones_like(p), torch.ones_like(q)
    done = torch.zeros(len(u), 1, 1, dtype=torch.bool, device=u.device)
    matrix = Kernel(kernel)

    for first in range(0, n_sweeps, CHECK_EVERY):
        kept_u, kept_v = u, v
        for _ in range(min(CHECK_EVERY, n_sweeps - first)):
            last = v
            v = q / matrix.columns(u).clamp_min_(tiny)
            v = v if pull_y is None else v.pow_(damp_y).mul_(pull_y)
            u = p / matrix.rows(v).clamp_min_(tiny)
            u = u if pull_x is None else u.pow_(damp_x).mul_(pull_x)
        # A problem that is done is left as it was when it stopped.
        u, v = torch.where(done, kept_u, u), torch.where(done, kept_v, v)
        if first + CHECK_EVERY <= n_sweeps:
            change = ((v - last).abs_() / last.clamp_min(tiny)).amax(2, keepdim=True)
            done = done | (change <= tol)
            if can_sync(done) and bool(done.all()):
                break

    if sides.columns_last:
        v = q / matrix.columns(u).clamp_min_(tiny)
    plan = kernel.mul_(u.mT).mul_(v)
    # Potentials of padded items stay 0: any growth would end as 0 times infinity.
    f = start.f + torch.where(p > 0, u.clamp_min(tiny), 1.0).log()[:, 0]
    g = start.g + torch.where(q > 0, v.clamp_min(tiny), 1.0).log()[:, 0]
    return plan, Potentials(f, g)


class Kernel:
    """Matrices, to be multiplied by vectors many times.

    Vectors are rows: on a CPU a batched product with a column takes twice as long.
    Threads share out the matrices of a batch, but not the rows of a lone one. So a lone
    large one is cut into pieces.

    Parameters
    ----------
    matrices : Tensor of shape (B, N, M)
    """

    def __init__(self, matrices: Tensor) -> None:
        alone = len(matrices) == 1 and matrices.numel() >= SHARED_ENTRIES
        shared = alone and can_sync(matrices) and torch.get_num_threads() > 1
        size = matrices.shape[1] // PIECES if shared else 0
        self.n_whole = PIECES * size
        self.matrices = matrices
        self.pieces = matrices[0, : self.n_whole].view(PIECES, size, matrices.shape[2])
        self.rest = matrices[:, self.n_whole :]

    def columns(self, u: Tensor) -> Tensor:
        """Multiply each by a vector (B, 1, N) from the left, (B, 1, M)."""
        if not self.n_whole:
            return torch.bmm(u, self.matrices)
        parts = torch.bmm(u[0, 0, : self.n_whole].view(PIECES, 1, -1), self.pieces)
        whole = parts.sum(dim=0, keepdim=True)
        return whole.baddbmm_(u[:, :, self.n_whole :], self.rest)

    def rows(self, v: Tensor) -> Tensor:
        """Multiply each by a vector (B, 1, M) from the right, (B, 1, N)."""
        if not self.n_whole:
            return torch.bmm(v, self.matrices.mT)
        parts = torch.bmm(v.expand(PIECES, 1, -1), self.pieces.mT)
        rest = torch.bmm(v, self.rest.mT)
        return torch.cat([parts.view(1, 1, -1), rest], dim=2)


def sinkhorn_log(
    log_kernel: Tensor,
    sides: Sides,
    start: Potentials | None,
    *,
    n_sweeps: int,
    tol: float,
) -> tuple[Tensor, Potentials]:
    """Scale a kernel to its marginals in the log domain, safe for any range of costs.

    Parameters and results are those of `sinkhorn_scaling`.
    """
    if start is None:
        start = _first_potentials(log_kernel, sides)
    log_p, log_q = finite_log(sides.p), finite_log(sides.q)
    f, g = start.f, start.g
    done = torch.zeros(len(f), 1, dtype=torch.bool, device=f.device)
    for sweep in range(n_sweeps):
        last = g
        g_next = log_q - _log_sum_exp(log_kernel + f[:, :, None], dim=1)
        g = torch.where(done, g, g_next * sides.damp_y)
        f_next = log_p - _log_sum_exp(log_kernel + g[:, None, :], dim=2)
        f = torch.where(done, f, f_next * sides.damp_x)
        if sweep % CHECK_EVERY == CHECK_EVERY - 1:
            done = done | ((g - last).abs().amax(dim=1, keepdim=True) <= tol)
            if can_sync(done) and bool(done.all()):
                break
    log_plan = log_kernel.add_(f[:, :, None]).add_(g[:, None, :])
    log_plan, f, g = _settle(log_plan, sides, f, g)
    return log_plan.exp_(), Potentials(f, g)


def _settle(
    log_plan: Tensor, sides: Sides, f: Tensor, g: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Bring the mass of a log plan to what numbers can say.

    It is near 1 where any side is hard, and may be anything elsewhere. Where potentials
    are so large that their digits are spent, masses are met on the plan itself.
    """
    total = log_plan.logsumexp(dim=(1, 2))[:, None]
    excess = total.clamp(-LARGEST_LOG_MASS, LARGEST_LOG_MASS) - total  # (B, 1)
    log_plan, f = log_plan.add_(excess[:, :, None]), f + excess
    largest = torch.maximum(f.abs().amax(1), g.abs().amax(1))[:, None]
    spent = (largest * torch.finfo(f.dtype).eps > SPENT) | (excess != 0)
    last = spent | sides.columns_last
    log_plan, g = _meet(log_plan, g, sides.q, last & (sides.damp_y == 1), dim=1)
    log_plan, f = _meet(log_plan, f, sides.p, spent & (sides.damp_x == 1), dim=2)
    return log_plan, f, g


def _meet(
    log_plan: Tensor, potential: Tensor, mass: Tensor, chosen: Tensor, dim: int
) -> tuple[Tensor, Tensor]:
    """Give the chosen rows or columns (what `dim` sums over) of a plan their masses."""
    found = torch.where(chosen, _log_sum_exp(log_plan, dim=dim), 0.0)
    wanted = torch.where(chosen, finite_log(mass), 0.0)
    # One after the other: their sum may have no digits left for what is wanted.
    log_plan = log_plan.sub_(found.unsqueeze(dim)).add_(wanted.unsqueeze(dim))
    return log_plan, potential - found + wanted


def round_to_marginals(plan: Tensor, p: Tensor, q: Tensor) -> Tensor:
    """Move a plan onto its two hard marginals, by no more than twice its error.

    References
    ----------
    .. [1] Altschuler, Weed and Rigollet, "Near-linear time approximation algorithms for
       optimal transport via Sinkhorn iteration", NeurIPS 2017, algorithm 2.
    """
    tiny = torch.finfo(plan.dtype).tiny
    plan = plan.mul_((p / plan.sum(dim=2).clamp_min(tiny)).clamp_max(1)[:, :, None])
    plan = plan.mul_((q / plan.sum(dim=1).clamp_min(tiny)).clamp_max(1)[:, None, :])
    missing_x = (p - plan.sum(dim=2)).clamp_min(0)  # (B, N)
    missing_y = (q - plan.sum(dim=1)).clamp_min(0)  # (B, M)
    # Both sides miss the same but for what was rounded off large masses: it is shared
    # out by mass, as it would be much for a small one.
    gap = (missing_x.sum(dim=1) - missing_y.sum(dim=1))[:, None]  # (B, 1)
    missing_x = missing_x + p * (-gap).clamp_min(0)
    missing_y = missing_y + q * gap.clamp_min(0)
    total = missing_x.sum(dim=1).clamp_min(tiny)[:, None]
    return plan.baddbmm_((missing_x / total)[:, :, None], missing_y[:, None, :])


def _first_potentials(log_kernel: Tensor, sides: Sides) -> Potentials:
    """Normalise rows: every real row then has mass to scale, whatever the costs."""
    f = finite_log(sides.p) - _log_sum_exp(log_kernel, dim=2)
    return Potentials(f, torch.zeros_like(sides.q))


def _log_sum_exp(values: Tensor, dim: int) -> Tensor:
    """Reduce in the log domain; padded items, all minus infinity, give 0."""
    result = values.logsumexp(dim=dim)
    return torch.where(torch.isinf(result), 0.0, result)
