"""The published iterations, faults included, for experiments that hold us to them."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from skvas.transport._checks import check_numbers, check_tensors
from skvas.transport._marginals import Marginal, make_marginal
from skvas.transport._precision import full_precision
from skvas.transport._problem import FGWProblem
from skvas.transport._result import FGWResult
from skvas.transport.structures import Dense

__all__ = ["published_iteration"]

FLOOR = 1e-12  # under every published logarithm
ITERATIONS = ("vaot", "vasot", "asot")


def published_iteration(
    cost: Tensor,
    *,
    compat: str = "vaot",
    radius: float = 0.04,
    lambda_x: float | None = None,
    lambda_y: float | None = None,
    alpha: float = 0.3,
    eps: float = 0.07,
    zeta: float = 0.5,
    step: float | None = None,
    max_iter: int = 25,
    sinkhorn_iter: int = 1,
) -> FGWResult:
    r"""Run the iteration of a published code, its known faults included.

    It serves to reproduce published numbers and to measure what the faults cost; to
    solve a problem, use `fused_gromov_wasserstein`. Each problem of the batch is run by
    itself, unpadded, in dense matrices.

    Parameters
    ----------
    cost : Tensor of shape (B, N, M)
        Costs between real frames, or frames and actions, all real.
    compat : {"vaot", "vasot", "asot"}, default="vaot"
        "asot" couples frames with actions. "vaot" couples two videos, a virtual frame
        before each. "vasot" does so with the virtual frame of the columns *after* the
        last column, and still cuts the *first* column off.
    radius : float, default=0.04
        Temporal radius, in (0, 1); it reaches `int(N * radius)` frames, maybe 0.
    lambda_x, lambda_y : float, default=None
        Weights of the relaxed marginals; None is hard.
    alpha : float, default=0.3
        Weight of the structures against the cost, in [0, 1].
    eps : float, default=0.07
        Weight of the entropy, positive.
    zeta : float, default=0.5
        Cost of the virtual frames; not used by "asot".
    step : float, default=None
        Step size; None: 4 over the largest entry of the first gradient, which may be
        negative. With two hard marginals it has no effect.
    max_iter : int, default=25
        Number of iterations.
    sinkhorn_iter : int, default=1
        Sinkhorn sweeps of an iteration with two hard marginals.

    Returns
    -------
    FGWResult
        `plan` (B, N, M), the virtual frames cut off, on the solver's scale (with them,
        it sums to about 1). `objective` is that of
        :func:`~skvas.transport.fused_gromov_wasserstein`, and `error_x` and `error_y`
        are the relative errors of the marginals, all of the plan with its virtual
        frames; `n_iter` is `max_iter` and `converged` False.

    Raises
    ------
    ValueError, TypeError
        If an argument does not have the type, shape or range given above.

    See Also
    --------
    fused_gromov_wasserstein : The solver without their faults.

    Notes
    -----
    With :math:`p` and :math:`q` uniform over all frames, the virtual ones included
    (1 / (N + 1)), the iteration starts at :math:`T = p q^\top` and repeats, with
    :math:`G = \alpha C_x T C_y + (1 - \alpha) C`:

    * Two hard marginals: :math:`K = \exp(-(G - \min G) / \epsilon)`, and from
      :math:`v = 1` `sinkhorn_iter` sweeps of :math:`u = p / (K v)`,
      :math:`v = q / (K^\top u)`; then :math:`T = u K v`. After one sweep columns
      have their masses and rows have not.
    * Else the gradient is :math:`G + \epsilon \log(T + 10^{-12})`, plus
      :math:`\lambda (\log(T 1 / p + 10^{-12}) + 1)` for each relaxed side;
      :math:`T \leftarrow T \exp(-step \cdot gradient)`, and the hard side, if there is
      one, is normalised.

    :math:`C_x` is :math:`1/r` and, for videos, :math:`C_y` is 0 where two real frames
    are apart by 1 to `int(N * radius)`; virtual frames have no structure. The
    sources leave open where "vasot" puts the virtual row: here it is the first, as in
    "vaot".

    References
    ----------
    .. [1] *Joint Self-Supervised Video Alignment and Action Segmentation*, ICCV 2025.
    .. [2] Xu and Gould, "Temporally Consistent Unbalanced Optimal Transport for
       Unsupervised Action Segmentation", CVPR 2024.

    Examples
    --------
    >>> import torch
    >>> from skvas.transport import published_iteration
    >>> frames = torch.linspace(0, 1, 50)
    >>> cost = (frames[:, None] - frames[None, :]).abs()[None]
    >>> result = published_iteration(cost)
    >>> bool(result.error_x > 0.01)  # rows do not have the masses asked for
    True
    """
    if compat not in ITERATIONS:
        raise ValueError(f"compat must be one of {ITERATIONS}, got {compat!r}.")
    if not 0 < radius < 1:
        raise ValueError(f"radius must lie in (0, 1), got {radius!r}.")
    check_numbers(alpha, eps, max_iter, None, step, sinkhorn_iter, 0.0)
    check_tensors(cost, None, None, None, None, lambda_x, lambda_y)
    n, m = cost.shape[1:]
    band_x, band_y = _band(n, radius), _band(m, radius)
    if compat == "asot":
        sx, sy = band_x / radius, 1 - torch.eye(m)
    else:
        right = compat == "vasot"
        cost = _with_virtual(cost, zeta, right=right)
        sx = F.pad(band_x / radius, (1, 0, 1, 0))
        sy = F.pad(1 - band_y, (0, 1, 0, 1) if right else (1, 0, 1, 0))
    problem = FGWProblem(
        cost,
        Dense(sx),
        Dense(sy),
        make_marginal(None, None, lambda_x, cost, dim=1),
        make_marginal(None, None, lambda_y, cost, dim=2),
        alpha,
        eps,
    )
    each = [problem.take(torch.tensor([b])) for b in range(len(cost))]
    with full_precision(cost.device):
        plan = torch.cat([_iterate(one, step, max_iter, sinkhorn_iter) for one in each])
    return FGWResult(
        plan=plan if compat == "asot" else plan[:, 1:, 1:],
        objective=problem.objective(plan),
        error_x=problem.rows.relative_error(plan.sum(dim=2)),
        error_y=problem.columns.relative_error(plan.sum(dim=1)),
        n_iter=torch.full((len(plan),), max_iter, device=plan.device),
        converged=torch.zeros(len(plan), dtype=torch.bool, device=plan.device),
    )


def _iterate(
    problem: FGWProblem, step: float | None, max_iter: int, sinkhorn_iter: int
) -> Tensor:
    """Run the published iteration on a batch of one."""
    rows, columns = problem.rows, problem.columns
    hard_x, hard_y = bool(rows.hard.all()), bool(columns.hard.all())
    plan = rows.mass[:, :, None] * columns.mass[:, None, :]  # (1, N, M)
    for _ in range(max_iter):
        linear = problem.linearise(plan)
        if hard_x and hard_y:
            plan = _sweep(linear, rows.mass, columns.mass, problem.eps, sinkhorn_iter)
            continue
        slope = linear + problem.eps * (plan + FLOOR).log()
        slope = slope + _pull(rows, plan.sum(dim=2))[:, :, None]
        slope = slope + _pull(columns, plan.sum(dim=1))[:, None, :]
        step = float(4 / slope.max()) if step is None else step
        plan = plan * torch.exp(-step * slope)
        if hard_x:
            plan = plan / plan.sum(dim=2, keepdim=True) * rows.mass[:, :, None]
        elif hard_y:
            plan = plan / plan.sum(dim=1, keepdim=True) * columns.mass[:, None, :]
    return plan


def _pull(marginal: Marginal, found: Tensor) -> Tensor:
    """Return the published gradient of a relaxed marginal; 0 of a hard one."""
    return marginal.soft_weight * ((found / marginal.mass + FLOOR).log() + 1)


def _sweep(linear: Tensor, p: Tensor, q: Tensor, eps: float, n_sweeps: int) -> Tensor:
    """Scale exp(-linear / eps), rows first and columns last."""
    kernel = torch.exp((linear.min() - linear) / eps)
    v = torch.ones_like(q)
    for _ in range(n_sweeps):
        u = p / (kernel @ v[:, :, None])[:, :, 0]
        v = q / (u[:, None, :] @ kernel)[:, 0, :]
    return u[:, :, None] * kernel * v[:, None, :]


def _band(size: int, radius: float) -> Tensor:
    """Return 1 where two frames are apart by 1 to int(size * radius), (size, size)."""
    i = torch.arange(size)
    gap = (i[:, None] - i[None, :]).abs()
    return ((gap >= 1) & (gap <= int(size * radius))).double()


def _with_virtual(cost: Tensor, zeta: float, *, right: bool) -> Tensor:
    """Put a virtual row first, and a virtual column first or last."""
    beside = (0, 1) if right else (1, 0)
    return F.pad(cost, (*beside, 1, 0), value=zeta)
