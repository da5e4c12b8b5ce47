"""The fused Gromov-Wasserstein solver for batches of masked problems."""

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
from skvas.transport._threads import spare_threads
from skvas.transport.structures import Structure

__all__ = ["fused_gromov_wasserstein"]

# Largest log range of a kernel, in nats, for which scaling is numerically safe.
SAFE_RANGE = {torch.float32: 70.0, torch.float64: 600.0}


@spare_threads()
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
    r"""Couple two sequences by their features and their internal structures.

    Each item of the batch is a separate problem: find the plan :math:`T` that minimises

    .. math:: E(T) = (1 - \alpha) \langle C, T \rangle
              + \tfrac{\alpha}{2} \langle C_x T C_y, T \rangle - \epsilon H(T)
              + \lambda_x KL(T 1 | p) + \lambda_y KL(T^\top 1 | q),

    with :math:`H(T) = -\sum T (\log T - 1)`. Each marginal is a hard constraint
    (infinite weight), relaxed (finite weight) or free (weight 0).

    Parameters
    ----------
    cost : Tensor of shape (B, N, M)
        :math:`C`, float32 or float64. Entries at padded frames are ignored.
    structure_x, structure_y : Structure
        :math:`C_x` and :math:`C_y`, symmetric. Only their products are computed.
    mask_x, mask_y : bool Tensor of shape (B, N) and (B, M), default=None
        True at real frames. None: all frames are real.
    p, q : Tensor of shape (B, N) and (B, M), default=None
        Target masses of the frames, non-negative. They are normalised to sum to 1 over
        the real frames. None: uniform.
    lambda_x, lambda_y : float or Tensor, default=None
        Weight of the Kullback-Leibler penalty of each marginal, in [0, inf]. None or
        inf: hard constraint; 0: free. A tensor of shape (B, N) (or (B, M)) has one
        weight for each frame.
    alpha : float, default=0.3
        Weight of the structures relative to the cost, in [0, 1].
    eps : float, default=0.07
        Weight of the entropy: positive, in the unit of `cost`.
    solver : {"mirror", "projected"}, default="mirror"
        "mirror" is mirror descent on the full objective. If a step would increase the
        objective of a problem, it is retried at half its length; after an accepted
        step the length grows by a tenth, up to the first length. "projected"
        linearises the structural term and solves the remaining entropic problem by
        Sinkhorn. It is faster with two hard marginals, but may cycle.
    max_iter : int, default=25
        Maximum number of outer iterations.
    tol : float, default=None
        A problem has converged when an iteration changes its plan by at most `tol` in
        l1 norm, and the plan meets its hard masses to `tol`; it is then final. With
        "mirror", the limit on the change is reduced in proportion if a step is shorter
        than the default first step; with "projected", relaxed masses must be those of
        the potentials, to `tol` as well. None: run `max_iter` iterations.
    step : float, default=None
        First and maximum step length of mirror descent. None: 4 divided by the largest
        absolute entry of the first gradient. The length is limited to `1 / eps`, at
        which the previous plan has no influence. A constant in the costs of a row or
        column of hard mass, which moves no mass in the end, shortens this step: take it
        off costs far from zero first. If `step` is given, a step changes an
        entry by a factor of at most `exp(100)`.
    sinkhorn_iter : int, default=10
        Number of sweeps of each inner projection onto two marginals. The last outer
        iteration makes as many sweeps as `sinkhorn_tol` needs, up to 50.
    sinkhorn_tol : float, default=1e-5
        Relative change of the scalings at which a projection stops.
    backend : {"torch", "pot"}, default="torch"
        "pot" is the slow float64 reference built on POT, for tests and comparisons.

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
        If `tol` is given and a problem did not converge.

    See Also
    --------
    compiled_solver : Have torch compile the solver.
    published_iteration : The iterations of the published code.
    Dense, TemporalBand, OutsideBand, Distinct : Structures.
    consistency_prior, optimality_prior, temporal_order : Terms to add to the cost.

    Notes
    -----
    The result of a problem depends neither on its padding nor on the rest of the batch:
    each problem has its own step, radius, masses and stopping. Two hard marginals are
    met exactly at the end by the rounding of [3]_. If `eps` is so small relative to the
    costs that scalings could overflow, the problem is solved in the log domain in
    float64.

    Products are computed in full precision, independent of `torch.autocast` and
    `torch.set_float32_matmul_precision` (during a solve the latter is raised for the
    whole process, and restored afterwards). Rounding to bfloat16 would change the
    objective of an alignment of 512 x 512 frames by 1e-4, and its marginals by twenty
    times as much. The loop does not synchronise with the device, except for the early
    stop on a CPU; inside :func:`~skvas.transport.compiled_solver` torch compiles it.

    If neither marginal is hard, the optimal mass can be arbitrarily large or small,
    and infinite for a structure with negative entries. "mirror", and "projected" in the
    log domain, then keep the mass of a plan between exp(-30) and exp(30); beyond these
    bounds it would be indistinguishable from 0 or infinity.

    The relative error of hard masses depends on the ratio of the largest to the
    smallest mass of a side. In float32 it is at most 1e-5 for ratios up to 1e4, and
    1e-3 up to 1e8; in float64 it is at most 1e-12 for ratios up to 1e14.

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
    _check_structures(cost, structure_x, structure_y)
    rows = make_marginal(p, mask_x, lambda_x, cost, dim=1)
    columns = make_marginal(q, mask_y, lambda_y, cost, dim=2)
    if mask_x is not None or mask_y is not None or p is not None or q is not None:
        real = (rows.mass > 0)[:, :, None] & (columns.mass > 0)[:, None, :]
        cost = torch.where(real, cost, 0.0)
    # Kernels are compiled for each type of their numbers.
    weights = float(alpha), float(eps)
    problem = FGWProblem(cost, structure_x, structure_y, rows, columns, *weights)
    rules = value_checks(cost, mask_x, mask_y, p, q, lambda_x, lambda_y)
    with torch.no_grad(), full_precision(cost.device):
        problem, safe = _look(problem, rules, sweeps=solver != "mirror")
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


def _check_structures(cost: Tensor, *structures: Structure) -> None:
    """Refuse what is no structure of the problems' sequences, by name."""
    batch, *sizes = cost.shape
    for side, structure, size in zip("xy", structures, sizes, strict=True):
        if not isinstance(structure, Structure):
            kind = type(structure).__name__
            raise TypeError(
                f"structure_{side} must be a Structure, got {kind}; a matrix is one as "
                "Dense(matrix)."
            )
        misfit = structure.misfit(batch, size)
        if misfit is not None:
            raise ValueError(
                f"structure_{side} is of {misfit}, as cost has the shape "
                f"{tuple(cost.shape)}."
            )


def _look(
    problem: FGWProblem, rules: dict[str, Tensor], *, sweeps: bool
) -> tuple[FGWProblem, list[bool]]:
    """Read all that depends on values of tensors, at one wait, and raise errors.

    Returns the problem with what is known of its sides, and of each problem whether it
    may be solved by scaling, as all may where one side is known to have no hard mass,
    unless it `sweeps` all the same.
    """
    sides = [problem.rows, problem.columns]
    asked = [side for side in sides if side.known is None]
    if sweeps or not any(side.known and not side.any_hard for side in sides):
        safe = problem.log_range() <= SAFE_RANGE[problem.cost.dtype]  # (B,)
    else:
        safe = torch.ones_like(problem.cost[:, 0, 0], dtype=torch.bool)
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
