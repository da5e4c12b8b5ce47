"""The fused Gromov-Wasserstein solver: batched, masked, on any device."""

from __future__ import annotations

import warnings
from dataclasses import replace

import torch
from torch import Tensor

from skvas.exceptions import ConvergenceWarning
from skvas.transport._checks import (
    check_numbers,
    check_tensors,
    raise_for,
    value_checks,
)
from skvas.transport._iterations import Solve, mirror, projected
from skvas.transport._marginals import Facts, make_marginal, read
from skvas.transport._precision import full_precision
from skvas.transport._problem import FGWProblem
from skvas.transport._result import Budget, FGWResult, merge, take_result
from skvas.transport._threads import forked_single_threaded
from skvas.transport.structures import Structure

__all__ = ["fused_gromov_wasserstein"]

# Nats between the smallest and the largest entry of a kernel that scaling can bear.
SAFE_RANGE = {torch.float32: 70.0, torch.float64: 600.0}


@forked_single_threaded()
def fused_gromov_wasserstein(
    cost: Tensor,
    structure_x: Structure,
    structure_y: Structure,
    *,
    mask_x: Tensor | None = None,
    mask_y: Tensor | None = None,
    p: Tensor | None = None,
    q: Tensor | None = None,
    lambda_x: float | Tensor | None = None,
    lambda_y: float | Tensor | None = None,
    alpha: float = 0.3,
    eps: float = 0.07,
    solver: str = "mirror",
    max_iter: int = 25,
    tol: float | None = None,
    step: float | None = None,
    sinkhorn_iter: int = 10,
    sinkhorn_tol: float = 1e-5,
    backend: str = "torch",
) -> FGWResult:
    r"""Couple two sequences by their features and by their inner structure.

    Every item of the batch is a problem of its own: find the plan :math:`T` minimising

    .. math:: E(T) = (1 - \alpha) \langle C, T \rangle
              + \tfrac{\alpha}{2} \langle C_x T C_y, T \rangle - \epsilon H(T)
              + \lambda_x KL(T 1 | p) + \lambda_y KL(T^\top 1 | q),

    with :math:`H(T) = -\sum T (\log T - 1)`. A marginal without a weight is a hard
    constraint; with weight 0 it is free.

    Parameters
    ----------
    cost : Tensor of shape (B, N, M)
        :math:`C`, float32 or float64. Entries at padded frames are ignored.
    structure_x, structure_y : Structure
        :math:`C_x` and :math:`C_y`, symmetric; applied, never formed.
    mask_x, mask_y : bool Tensor of shape (B, N) and (B, M), default=None
        True at real frames. None: nothing is padded.
    p, q : Tensor of shape (B, N) and (B, M), default=None
        Masses of the frames, non-negative; rescaled to sum to 1 over the real frames.
        None: uniform.
    lambda_x, lambda_y : float or Tensor, default=None
        Weight of each marginal's penalty, in [0, inf]: None or inf is hard, 0 free. A
        tensor of shape (B, N) (or (B, M)) weighs each frame by itself.
    alpha : float, default=0.3
        Weight of the structures against the cost, in [0, 1].
    eps : float, default=0.07
        Weight of the entropy, positive, in the unit of `cost`.
    solver : {"mirror", "projected"}, default="mirror"
        "mirror" descends the whole objective multiplicatively. A step that would make
        a problem's objective rise is not taken, but tried again at half its length;
        one that is taken is followed by one longer by a tenth, up to the first.
        "projected" linearises the structural term and solves the entropic problem that
        is left by Sinkhorn: faster with two hard marginals, but may cycle.
    max_iter : int, default=25
        Number of outer iterations, at most.
    tol : float, default=None
        A problem has converged when an iteration moves its plan by at most `tol` in l1
        norm, and is then left as it is. A mirror step that is shorter than the default
        first one must move the plan by less in proportion, and the plan must meet its
        hard masses to `tol`. None: make `max_iter` iterations.
    step : float, default=None
        First and longest step of the mirror descent. None: 4 over the largest absolute
        entry of the first gradient. Never more than `1 / eps`, where the old plan is
        forgotten; nor does a step that is given change an entry by more than `exp(100)`
        times.
    sinkhorn_iter : int, default=10
        Sweeps of each inner projection onto two marginals; the last outer iteration
        takes as many as it needs to reach `sinkhorn_tol`, up to 50.
    sinkhorn_tol : float, default=1e-5
        Relative change of the scalings at which a projection stops.
    backend : {"torch", "pot"}, default="torch"
        "pot" is the slow float64 reference built on POT, for tests and doubts.

    Returns
    -------
    FGWResult
        `plan` (B, N, M); `objective`, `error_x`, `error_y`, `n_iter` and `converged`,
        each (B,).

    Raises
    ------
    TypeError, ValueError
        If an argument does not have the type, shape or range given above.

    Warns
    -----
    ConvergenceWarning
        When `tol` is given and a problem did not converge.

    Notes
    -----
    A problem's result depends neither on its padding nor on the rest of the batch:
    step, radius, masses and stopping are its own. Two hard marginals are met exactly at
    the end by the rounding of [3]_. Where `eps` is so small against the costs that
    scalings could overflow, a problem is solved in the log domain in float64. Products
    are made in full precision, whatever `torch.autocast` and
    `torch.set_float32_matmul_precision` say (the latter is raised for the whole process
    while a solve runs, and then set back): rounded to bfloat16 they would move the
    objective of an alignment of 512 x 512 frames by 1e-4, and its marginals off by
    twenty times as much. Nothing waits for the device inside the loop, except the early
    stop on a CPU; inside :func:`~skvas.transport.compiled_solver` torch compiles it.
    Where neither marginal is hard, costs may call for any mass, and with a structure of
    negative entries for an infinite one. Then "mirror", and "projected" in the log
    domain, keep the mass of a plan between the exponentials of -30 and 30, beyond which
    it could not be told from 0 or infinity.

    Hard masses are met to a relative error of 1e-5 in float32 where the largest of a
    side is at most 1e4 times the smallest, and to 1e-3 up to 1e8 times; in float64 to
    1e-12 up to 1e14 times.

    References
    ----------
    .. [1] *Joint Self-Supervised Video Alignment and Action Segmentation*, ICCV 2025,
       equations 4 to 7.
    .. [2] Xu and Gould, "Temporally Consistent Unbalanced Optimal Transport for
       Unsupervised Action Segmentation", CVPR 2024, section 3.
    .. [3] Altschuler, Weed and Rigollet, "Near-linear time approximation algorithms for
       optimal transport via Sinkhorn iteration", NeurIPS 2017.

    Examples
    --------
    >>> import torch
    >>> from skvas.transport import OutsideBand, TemporalBand
    >>> from skvas.transport import fused_gromov_wasserstein
    >>> frames = torch.linspace(0, 1, 50)
    >>> cost = (frames[:, None] - frames[None, :]).abs()[None]
    >>> result = fused_gromov_wasserstein(
    ...     cost, TemporalBand(50, 0.1), OutsideBand(50, 0.1), solver="projected"
    ... )
    >>> bool((result.error_x < 1e-5).all())
    True
    """
    check_numbers(alpha, eps, max_iter, tol, step, sinkhorn_iter, sinkhorn_tol)
    check_tensors(cost, mask_x, mask_y, p, q, lambda_x, lambda_y)
    rows = make_marginal(p, mask_x, lambda_x, cost, dim=1)
    columns = make_marginal(q, mask_y, lambda_y, cost, dim=2)
    if mask_x is not None or mask_y is not None or p is not None or q is not None:
        real = (rows.mass > 0)[:, :, None] & (columns.mass > 0)[:, None, :]
        cost = torch.where(real, cost, 0.0)
    problem = FGWProblem(cost, structure_x, structure_y, rows, columns, alpha, eps)
    rules = value_checks(cost, mask_x, mask_y, p, q, lambda_x, lambda_y)
    with torch.no_grad(), full_precision(cost.device):
        problem, safe = _look(problem, rules)
    budget = Budget(max_iter, tol, step, sinkhorn_iter, sinkhorn_tol)

    solvers = {"mirror": mirror, "projected": projected}
    if solver not in solvers:
        raise ValueError(f'solver must be "mirror" or "projected", got {solver!r}.')
    if backend == "pot":
        from skvas.transport._reference import solve_with_pot

        result = solve_with_pot(problem, budget, mirror=solver == "mirror")
    elif backend == "torch":
        with torch.no_grad(), full_precision(cost.device):
            result = _solve(problem, safe, budget, solvers[solver])
    else:
        raise ValueError(f'backend must be "torch" or "pot", got {backend!r}.')
    count = 0 if tol is None else int((~result.converged).sum())
    if count:
        warnings.warn(
            f"{count} of {len(cost)} problems did not converge to tol={tol:g} within "
            f"max_iter={max_iter}; raise max_iter, eps or tol.",
            ConvergenceWarning,
            stacklevel=3,  # above the decorator
        )
    return result


def _look(
    problem: FGWProblem, rules: dict[str, Tensor]
) -> tuple[FGWProblem, list[bool]]:
    """Read all that depends on values of tensors, at one wait, and raise errors.

    Returns the problem with what is known of its sides, and of each problem whether it
    may be solved by scaling.
    """
    sides = [problem.rows, problem.columns]
    asked = [side for side in sides if side.known is None]
    safe = problem.log_range() <= SAFE_RANGE[problem.cost.dtype]  # (B,)
    of_sides = [question for side in asked for question in side.questions()]
    answers = read([*rules.values(), safe, *of_sides])
    raise_for(dict(zip(rules, answers, strict=False)))
    facts = iter(answers[len(rules) + 1 :])
    rows, columns = (
        replace(side, known=side.known or Facts(next(facts), next(facts), next(facts)))
        for side in sides
    )
    return replace(problem, rows=rows, columns=columns), answers[len(rules)]


def _solve(
    problem: FGWProblem, safe: list[bool], budget: Budget, solver: Solve
) -> FGWResult:
    """Solve by scaling where that is safe, and in the log domain elsewhere."""
    every = range(len(safe))
    scaled = [b for b in every if safe[b] or not _two_sided(problem, solver)]
    good: list[int] = []
    parts = []
    if scaled:
        kept = problem if len(scaled) == len(safe) else problem.take(_index(scaled))
        result = solver(kept, budget, False)
        sound = torch.isfinite(result.objective) & (result.plan.sum(dim=(1, 2)) > 0)
        (answers,) = read([sound])
        good = [b for b, fine in zip(scaled, answers, strict=True) if fine]
        if len(good) == len(safe):
            return result
        positions = _index([k for k, fine in enumerate(answers) if fine])
        parts.append((_index(good), take_result(result, positions)))
    risky = _index([b for b in every if b not in good])
    parts.append((risky, solver(problem.take(risky).double(), budget, True)))
    return merge(parts, problem.cost)


def _index(positions: list[int]) -> Tensor:
    """Return positions in a batch as an index, which a GPU takes from the CPU."""
    return torch.tensor(positions, dtype=torch.long)


def _two_sided(problem: FGWProblem, solver: Solve) -> bool:
    """Tell whether projections need Sinkhorn sweeps, whose range has to be watched."""
    return solver is projected or (problem.rows.any_hard and problem.columns.any_hard)
