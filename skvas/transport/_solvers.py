"""The fused Gromov-Wasserstein solver: batched, masked, on any device."""

from __future__ import annotations

import functools
import importlib
import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import ModuleType
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor

from skvas.exceptions import ConvergenceWarning
from skvas.transport._compiling import compilation_wanted, compiled_step, may_ask
from skvas.transport._marginals import Marginal, make_marginal
from skvas.transport._precision import full_precision
from skvas.transport._problem import FGWProblem
from skvas.transport._sinkhorn import (
    Potentials,
    Sides,
    round_to_marginals,
    sinkhorn_log,
    sinkhorn_scaling,
)
from skvas.transport._threads import calm
from skvas.transport.structures import Structure

__all__ = ["FGWResult", "fused_gromov_wasserstein"]

# Sweeps that the last projection may use to meet the marginals.
FINAL_SWEEPS = 50
# By how much a mirror step that was cut grows when taken, and one refused is cut.
STEP_GROWTH, STEP_CUT = 1.1, 0.5
# Entries of a batch from which on compiled kernels are worth their loading.
COMPILED_ENTRIES = 1 << 14
# Nats between the smallest and the largest entry of a kernel that scaling can bear.
SAFE_RANGE = {torch.float32: 70.0, torch.float64: 600.0}


@dataclass(frozen=True)
class FGWResult:
    """What the solver found for each problem of a batch.

    Attributes
    ----------
    plan : Tensor of shape (B, N, M)
        Transport plans, exactly 0 at padded frames.
    objective : Tensor of shape (B,)
        Value of the objective at the plan.
    error_x, error_y : Tensor of shape (B,)
        Largest relative error of a hard marginal; 0 where none is hard.
    n_iter : int64 Tensor of shape (B,)
        Outer iterations made.
    converged : bool Tensor of shape (B,)
        Whether the plan came to rest within `tol`; False where no `tol` was asked for.

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
    """How long and how exactly to iterate."""

    max_iter: int
    tol: float | None
    step: float | None
    sinkhorn_iter: int
    sinkhorn_tol: float

    def sweeps(self, iteration: int) -> int:
        """Return the sweeps of an iteration: the last one meets the marginals."""
        last = iteration == self.max_iter - 1
        return max(FINAL_SWEEPS, self.sinkhorn_iter) if last else self.sinkhorn_iter


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
        norm, and is then left as it is. None: make `max_iter` iterations.
    step : float, default=None
        First and longest step of the mirror descent. None: 4 over the largest absolute
        entry of the first gradient. Never more than `1 / eps`, where the old plan is
        forgotten.
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
    Where neither marginal is hard, "projected" keeps the mass of a plan between the
    exponentials of -30 and 30, beyond which it could not be told from 0 or infinity.

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
    _check_numbers(alpha, eps, max_iter, tol, step, sinkhorn_iter, sinkhorn_tol)
    _check_tensors(cost, mask_x, mask_y, p, q, lambda_x, lambda_y)
    rows = make_marginal(p, mask_x, lambda_x, cost, dim=1)
    columns = make_marginal(q, mask_y, lambda_y, cost, dim=2)
    if mask_x is not None or mask_y is not None or p is not None or q is not None:
        real = (rows.mass > 0)[:, :, None] & (columns.mass > 0)[:, None, :]
        cost = torch.where(real, cost, 0.0)
    _check_finite(cost)
    problem = FGWProblem(cost, structure_x, structure_y, rows, columns, alpha, eps)
    budget = Budget(max_iter, tol, step, sinkhorn_iter, sinkhorn_tol)

    solvers = {"mirror": _mirror, "projected": _projected}
    if solver not in solvers:
        raise ValueError(f'solver must be "mirror" or "projected", got {solver!r}.')
    if backend == "pot":
        from skvas.transport._reference import solve_with_pot

        result = solve_with_pot(problem, budget, mirror=solver == "mirror")
    elif backend == "torch":
        with torch.no_grad(), full_precision(cost.device):
            result = _solve(problem, budget, solvers[solver])
    else:
        raise ValueError(f'backend must be "torch" or "pot", got {backend!r}.')
    if tol is not None and not bool(result.converged.all()):
        count = int((~result.converged).sum())
        warnings.warn(
            f"{count} of {len(cost)} problems did not converge to tol={tol:g} within "
            f"max_iter={max_iter}; raise max_iter, eps or tol.",
            ConvergenceWarning,
            stacklevel=2,
        )
    return result


Solve = Callable[[FGWProblem, Budget, bool], FGWResult]


def _solve(problem: FGWProblem, budget: Budget, solver: Solve) -> FGWResult:
    """Solve by scaling where that is safe, and in the log domain elsewhere."""
    safe = problem.log_range() <= SAFE_RANGE[problem.cost.dtype]  # (B,)
    if not _two_sided(problem, solver):
        safe = torch.ones_like(safe)
    parts = []
    if bool(safe.any()):
        kept = problem if bool(safe.all()) else problem.take(safe.nonzero()[:, 0])
        result = solver(kept, budget, False)
        sound = torch.isfinite(result.objective) & (result.plan.sum(dim=(1, 2)) > 0)
        if bool(sound.all()) and len(sound) == len(safe):
            return result
        safe = safe.masked_scatter(safe, sound)
        parts.append((safe, _take_result(result, sound)))
    risky = ~safe
    part = _in_double(problem.take(risky.nonzero()[:, 0]))
    parts.append((risky, solver(part, budget, True)))
    return _merge(parts, problem.cost)


def _two_sided(problem: FGWProblem, solver: Solve) -> bool:
    """Tell whether projections need Sinkhorn sweeps, whose range has to be watched."""
    if solver is _projected:
        return True
    return bool(problem.rows.hard.any()) and bool(problem.columns.hard.any())


def _calmly(solve: Solve) -> Solve:
    """Keep small problems on one thread."""

    @functools.wraps(solve)
    def calm_solve(problem: FGWProblem, budget: Budget, in_logs: bool) -> FGWResult:
        with calm(problem.cost.numel(), problem.cost.device):
            return solve(problem, budget, in_logs)

    return calm_solve


def _projected(problem: FGWProblem, budget: Budget, in_logs: bool) -> FGWResult:
    """Linearise the structural term, solve what is left by Sinkhorn, repeat."""
    if not in_logs and budget.tol is None and (kernels := _kernels(problem)):
        return _compiled(problem, budget, kernels)
    return _linearised(problem, budget, in_logs)


@_calmly
def _linearised(problem: FGWProblem, budget: Budget, in_logs: bool) -> FGWResult:
    """Do what `_projected` does with torch alone."""
    rows, columns = problem.rows, problem.columns
    damp_x, damp_y = rows.damping(problem.eps), columns.damping(problem.eps)
    sides = _sides(rows, columns, damp_x, damp_y)
    rules = _rules(problem, budget, in_logs, sides)
    start = rows.mass[:, :, None] * columns.mass[:, None, :]  # (B, N, M)
    state = _Linearised(start, None, None, *_unfinished(start))
    work = torch.empty_like(start)
    del start  # an iteration replaces it
    for iteration in range(budget.max_iter):
        n_sweeps, is_first = budget.sweeps(iteration), iteration == 0
        state = _advance(
            _linearised_step, rules, state, n_sweeps, work=work, is_first=is_first
        )
        if _finished(state.done):
            break
    plan = _rounded(problem, state.plan)
    return _result(problem, plan, state.n_iter, state.done)


@_calmly
def _mirror(problem: FGWProblem, budget: Budget, in_logs: bool) -> FGWResult:
    """Descend multiplicatively, by steps as long as each problem bears."""
    rows, columns = problem.rows, problem.columns
    hard_x, hard_y = rows.hard, columns.hard
    if bool(hard_x.any()) and bool(hard_y.any()):
        sides = _sides(rows, columns, hard_x.to(rows.mass), hard_y.to(rows.mass))
    else:
        sides = None
    rules = _rules(problem, budget, in_logs, sides)
    state = _independent(problem, budget, rules.padded)
    for iteration in range(budget.max_iter):
        n_sweeps = 0 if sides is None else budget.sweeps(iteration)
        state = _advance(_mirror_step, rules, state, n_sweeps)
        if _finished(state.done):
            break
    plan = _rounded(problem, state.plan)
    return _result(problem, plan, state.n_iter, state.done)


@dataclass(frozen=True)
class _Rules:
    """What is the same for all iterations of a solve.

    Parameters
    ----------
    problem : FGWProblem
        The batch.
    sides : Sides or None
        Masses that are met by Sinkhorn sweeps, if any are.
    normalised : tuple of int
        Axes along which sums are normalised to hard masses, where there are no sweeps.
    padded : bool Tensor of shape (B, N, M) or None
        Where nothing may go; None: everything may.
    in_logs : bool
        Whether sweeps are made in the log domain.
    tol, sinkhorn_tol : float
        Those of `fused_gromov_wasserstein`.
    """

    problem: FGWProblem
    sides: Sides | None
    normalised: tuple[int, ...]
    padded: Tensor | None
    in_logs: bool
    tol: float | None
    sinkhorn_tol: float

    def project(
        self, log_kernel: Tensor, start: Potentials | None, n_sweeps: int
    ) -> tuple[Tensor, Potentials]:
        """Meet the masses of both sides; `log_kernel` is overwritten."""
        assert self.sides is not None
        sweep = sinkhorn_log if self.in_logs else sinkhorn_scaling
        return sweep(
            log_kernel, self.sides, start, n_sweeps=n_sweeps, tol=self.sinkhorn_tol
        )

    def meet_hard(self, log_plan: Tensor, n_sweeps: int) -> tuple[Tensor, Tensor]:
        """Return a plan that meets the hard masses, and its logarithm."""
        if self.sides is not None:
            plan, shift = self.project(log_plan.clone(), None, n_sweeps)
            return plan, log_plan + shift.f[:, :, None] + shift.g[:, None, :]
        for dim in self.normalised:
            marginal = self.problem.rows if dim == 2 else self.problem.columns
            shift_by = marginal.log_mass - log_plan.logsumexp(dim=dim)
            met = marginal.hard & torch.isfinite(shift_by)
            log_plan = log_plan + torch.where(met, shift_by, 0.0).unsqueeze(dim)
        return log_plan.exp(), log_plan


def _rules(
    problem: FGWProblem, budget: Budget, in_logs: bool, sides: Sides | None
) -> _Rules:
    hard_sides = (2, problem.rows), (1, problem.columns)
    return _Rules(
        problem.placed() if problem.cost.is_cuda or compilation_wanted() else problem,
        sides,
        tuple(dim for dim, marginal in hard_sides if bool(marginal.hard.any())),
        _padded(problem),
        in_logs,
        budget.tol,
        budget.sinkhorn_tol,
    )


class _Linearised(NamedTuple):
    """Where the linearised solver is: what one iteration hands to the next."""

    plan: Tensor  # (B, N, M)
    f: Tensor | None  # (B, N), as `Potentials` has it
    g: Tensor | None  # (B, M)
    n_iter: Tensor  # (B,)
    done: Tensor  # (B,)


def _linearised_step(
    rules: _Rules, state: _Linearised, work: Tensor | None, n_sweeps: int
) -> _Linearised:
    """Make one iteration; with `work`, it and the plan are overwritten."""
    problem, plan = rules.problem, state.plan
    if work is None:
        plan, work = plan.clone(), torch.empty_like(plan)
    last = None if rules.tol is None else plan.clone()
    kernel = problem.linearise_into(plan, work).mul_(-1 / problem.eps)
    if rules.padded is not None:
        kernel.masked_fill_(rules.padded, -math.inf)
    start = None
    if state.f is not None and state.g is not None:
        start = Potentials(state.f, state.g)
    found, potentials = rules.project(kernel, start, n_sweeps)
    before = found if last is None else last
    plan, n_iter, done = _accept(rules.tol, state, before, found)
    return _Linearised(plan, potentials.f, potentials.g, n_iter, done)


class _Descent(NamedTuple):
    """Where the mirror descent is: what one iteration hands to the next."""

    plan: Tensor  # (B, N, M)
    log_plan: Tensor  # (B, N, M)
    slope: Tensor  # (B, N, M)
    value: Tensor  # (B,), the objective
    step: Tensor  # (B,), the next
    sure: Tensor  # (B,), the longest after which the objective fell
    longest: Tensor  # (B,), that a step may become
    n_iter: Tensor  # (B,)
    done: Tensor  # (B,)


def _independent(
    problem: FGWProblem, budget: Budget, padded: Tensor | None
) -> _Descent:
    """Start where rows and columns know nothing of each other."""
    rows, columns = problem.rows, problem.columns
    log_plan = rows.log_mass[:, :, None] + columns.log_mass[:, None, :]  # (B, N, M)
    plan = log_plan.exp()
    linear = problem.linearise(plan)
    value = problem.objective(plan, linear)
    slope = _slope(problem, plan, log_plan, linear, padded)
    step = _first_step(slope, budget.step, problem.eps)
    # Compiled code is made anew where two of its tensors are one.
    steps = step, step.clone(), step.clone()
    return _Descent(plan, log_plan, slope, value, *steps, *_unfinished(plan))


def _mirror_step(
    rules: _Rules, state: _Descent, work: Tensor | None, n_sweeps: int
) -> _Descent:
    """Try one step, and take it where the objective does not rise."""
    problem, step, longest = rules.problem, state.step, state.longest
    trial, trial_log = rules.meet_hard(
        state.log_plan - step[:, None, None] * state.slope, n_sweeps
    )
    trial_linear = problem.linearise(trial)
    trial_value = problem.objective(trial, trial_linear)
    slack = 16 * torch.finfo(trial.dtype).eps
    rise, noise = trial_value - state.value, slack * (1 + state.value.abs())
    better = (rise <= noise) & ~state.done
    sure = torch.where(better, state.sure, STEP_CUT * step)
    # Where nothing is gained a step may be too long and swing about the minimum.
    longer = torch.where(rise < -noise, STEP_GROWTH * step, sure)
    step = torch.where(better, torch.minimum(longer, longest), sure)
    taken = _taken(better)
    plan = _pick(taken, trial, state.plan)
    plan, n_iter, done = _accept(rules.tol, state, state.plan, plan, better)
    trial_slope = _slope(problem, trial, trial_log, trial_linear, rules.padded)
    return _Descent(
        plan,
        _pick(taken, trial_log, state.log_plan),
        _pick(taken, trial_slope, state.slope),
        torch.where(better, trial_value, state.value),
        step,
        sure,
        longest,
        n_iter,
        done,
    )


State = TypeVar("State", _Linearised, _Descent)
Step = Callable[[_Rules, State, Tensor | None, int], State]


def _advance(
    step: Step[State],
    rules: _Rules,
    state: State,
    n_sweeps: int,
    *,
    work: Tensor | None = None,
    is_first: bool = False,
) -> State:
    """Make one iteration, compiled where that was asked for.

    `work` is scratch of one that is not; `is_first` tells whether it differs from those
    that follow.
    """
    if rules.in_logs or not compilation_wanted():
        return step(rules, state, work, n_sweeps)
    problem = rules.problem
    compiled: Step[State] = compiled_step(
        step,
        problem.cost,
        type(problem.structure_x),
        type(problem.structure_y),
        problem.alpha,
        problem.eps,
        n_sweeps,
        is_first,
    )
    return compiled(rules, state, None, n_sweeps)


def _taken(better: Tensor) -> Tensor | None:
    """Return where to take the new plans, (B, 1, 1); None is everywhere."""
    if may_ask(better) and bool(better.all()):
        return None
    return better[:, None, None]


def _pick(taken: Tensor | None, new: Tensor, old: Tensor) -> Tensor:
    return new if taken is None else torch.where(taken, new, old)


def _unfinished(plan: Tensor) -> tuple[Tensor, Tensor]:
    """Return the count of iterations and the end of each problem, at the start."""
    n_iter = torch.zeros(len(plan), dtype=torch.long, device=plan.device)
    return n_iter, torch.zeros_like(n_iter, dtype=torch.bool)


def _accept(
    tol: float | None,
    state: _Linearised | _Descent,
    plan: Tensor,
    found: Tensor,
    moved: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Take the new plans of the problems that go on; note those that came to rest.

    A problem that was not `moved` (its step was too long) is not at rest. Returns what
    is the plan, the number of iterations made, and which problems are done.
    """
    n_iter, done = state.n_iter + ~state.done, state.done
    if tol is None:
        return found, n_iter, done
    change = (found - plan).abs_().sum(dim=(1, 2))  # (B,)
    plan = torch.where(done[:, None, None], plan, found)
    rest = change <= tol
    return plan, n_iter, done | (rest if moved is None else rest & moved)


def _finished(done: Tensor) -> bool:
    """Tell whether all are done; on a GPU to ask would make it wait."""
    return may_ask(done) and bool(done.all())


def _kernels(problem: FGWProblem) -> ModuleType | None:
    """Return the compiled kernels where they can and should solve the problem."""
    if problem.cost.numel() < COMPILED_ENTRIES or problem.cost.is_cuda:
        return None
    if _columns_last(problem.rows, problem.columns):
        return None
    kernels = _import_kernels()
    return kernels if kernels is not None and kernels.usable(problem) else None


@functools.cache
def _import_kernels() -> ModuleType | None:
    """Import the compiled kernels, or nothing where numba is missing or too old."""
    try:
        return importlib.import_module("skvas.transport._kernels")
    except ImportError:
        return None


def _compiled(problem: FGWProblem, budget: Budget, kernels: ModuleType) -> FGWResult:
    """Do what `_projected` does with compiled kernels, which have their own threads."""
    rows, columns = problem.rows, problem.columns
    sides = _sides(
        rows, columns, rows.damping(problem.eps), columns.damping(problem.eps)
    )
    sweeps = [budget.sweeps(iteration) for iteration in range(budget.max_iter)]
    n_threads = torch.get_num_threads()
    with calm(0, problem.cost.device):
        plan, quadratic = kernels.solve(
            problem, sides, sweeps, budget.sinkhorn_tol, n_threads
        )
        n_iter, done = _unfinished(plan)
        return _result(problem, plan, n_iter + budget.max_iter, done, quadratic)


def _sides(rows: Marginal, columns: Marginal, damp_x: Tensor, damp_y: Tensor) -> Sides:
    damped = bool((damp_x != 1).any()) or bool((damp_y != 1).any())
    last = _columns_last(rows, columns)
    return Sides(rows.mass, columns.mass, damp_x, damp_y, damped, last)


def _columns_last(rows: Marginal, columns: Marginal) -> bool:
    """Tell whether sweeps, which end with rows, have only columns to meet."""
    return bool(columns.hard.all()) and not bool(rows.hard.any())


def _slope(
    problem: FGWProblem,
    plan: Tensor,
    log_plan: Tensor,
    linear: Tensor,
    padded: Tensor | None,
) -> Tensor:
    """Return the whole gradient from a log plan, 0 at padded entries; eats `linear`."""
    slope = linear.add_(log_plan, alpha=problem.eps)
    slope += problem.rows.gradient(plan.sum(dim=2))[:, :, None]
    slope += problem.columns.gradient(plan.sum(dim=1))[:, None, :]
    return slope if padded is None else slope.masked_fill_(padded, 0.0)


def _first_step(slope: Tensor, step: float | None, eps: float) -> Tensor:
    """Return each problem's step, (B,)."""
    if step is None:
        tiny = torch.finfo(slope.dtype).tiny
        steps = 4 / slope.abs().amax(dim=(1, 2)).clamp_min(tiny)
    else:
        steps = torch.full_like(slope[:, 0, 0], step)
    return steps.clamp_max(1 / eps)


def _padded(problem: FGWProblem) -> Tensor | None:
    """Return where nothing may go, (B, N, M), or None where everything may."""
    if bool((problem.rows.mass > 0).all()) and bool((problem.columns.mass > 0).all()):
        return None
    return ~problem.real


def _rounded(problem: FGWProblem, plan: Tensor) -> Tensor:
    """Meet two hard marginals exactly."""
    rows, columns = problem.rows, problem.columns
    if bool(rows.hard.all()) and bool(columns.hard.all()):
        return round_to_marginals(plan, rows.mass, columns.mass)
    return plan


def _result(
    problem: FGWProblem,
    plan: Tensor,
    n_iter: Tensor,
    done: Tensor,
    quadratic: Tensor | None = None,
) -> FGWResult:
    """Measure the plan that is returned; `quadratic` is <Cx T Cy, T>, if known."""
    return FGWResult(
        plan=plan,
        objective=problem.objective(plan, quadratic=quadratic),
        error_x=problem.rows.relative_error(plan.sum(dim=2)),
        error_y=problem.columns.relative_error(plan.sum(dim=1)),
        n_iter=n_iter,
        converged=done,
    )


def _in_double(problem: FGWProblem) -> FGWProblem:
    """Return the problem in float64: log kernels of 1e7 nats need the digits."""
    rows, columns = problem.rows, problem.columns
    return replace(
        problem,
        cost=problem.cost.double(),
        rows=Marginal(rows.mass.double(), rows.weight.double()),
        columns=Marginal(columns.mass.double(), columns.weight.double()),
    )


def _take_result(result: FGWResult, kept: Tensor) -> FGWResult:
    return FGWResult(*(getattr(result, name)[kept] for name in _FIELDS))


def _merge(parts: list[tuple[Tensor, FGWResult]], like: Tensor) -> FGWResult:
    """Put the results of parts of a batch back in their places."""
    merged = {}
    for name in _FIELDS:
        first = getattr(parts[0][1], name)
        dtype = like.dtype if first.is_floating_point() else first.dtype
        whole = torch.zeros(
            (len(like), *first.shape[1:]), dtype=dtype, device=like.device
        )
        for members, result in parts:
            whole[members] = getattr(result, name).to(dtype)
        merged[name] = whole
    return FGWResult(**merged)


_FIELDS = ("plan", "objective", "error_x", "error_y", "n_iter", "converged")


def _check_numbers(
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


def _check_tensors(
    cost: Tensor,
    mask_x: Tensor | None,
    mask_y: Tensor | None,
    p: Tensor | None,
    q: Tensor | None,
    lambda_x: float | Tensor | None,
    lambda_y: float | Tensor | None,
) -> None:
    """Refuse tensors of the wrong type, shape or sign, by name."""
    if not isinstance(cost, Tensor) or cost.dtype not in SAFE_RANGE:
        raise TypeError(
            "cost must be a float32 or float64 tensor, got "
            f"{getattr(cost, 'dtype', type(cost).__name__)}."
        )
    if cost.ndim != 3 or 0 in cost.shape:
        raise ValueError(
            f"cost must have shape (B, N, M), none 0, got {tuple(cost.shape)}."
        )
    batch, n, m = cost.shape
    _check_side("x", "p", batch, n, mask_x, p, lambda_x)
    _check_side("y", "q", batch, m, mask_y, q, lambda_y)


def _check_finite(cost: Tensor) -> None:
    """Refuse costs between real frames that are no numbers, naming the problem."""
    finite = cost.amax((1, 2)).isfinite() & cost.amin((1, 2)).isfinite()  # (B,)
    if not bool(finite.all()):
        index = int((~finite).nonzero()[0, 0])
        raise ValueError(
            "cost must be finite between real frames; that of problem "
            f"{index} is not. Mask the frames that have no cost."
        )


def _check_side(
    side: str,
    mass_name: str,
    batch: int,
    size: int,
    mask: Tensor | None,
    mass: Tensor | None,
    weight: float | Tensor | None,
) -> None:
    """Refuse a bad mask, mass or weight of one side, by name."""
    if mask is not None and mask.shape != (batch, size):
        raise ValueError(
            f"mask_{side} must have shape {(batch, size)}, got {tuple(mask.shape)}."
        )
    if mask is not None and not bool(mask.any(dim=1).all()):
        raise ValueError(f"mask_{side} must leave a real frame in every problem.")
    weight = None if weight is None else torch.as_tensor(weight)
    for name, tensor in ((mass_name, mass), (f"lambda_{side}", weight)):
        if tensor is not None and not _expands(tensor, batch, size):
            raise ValueError(
                f"{name} must have shape {(batch, size)}, got {tuple(tensor.shape)}."
            )
    if weight is not None and not bool((weight >= 0).all()):
        raise ValueError(f"lambda_{side} must be None or at least 0, got {weight!r}.")
    if mass is None:
        return
    if not bool(((mass >= 0) & mass.isfinite()).all()):
        raise ValueError(f"{mass_name} must be finite and at least 0.")
    found = mass if mask is None else mass * mask
    if not bool((found.sum(dim=-1) > 0).all()):
        raise ValueError(f"{mass_name} must have mass at a real frame of each problem.")


def _expands(tensor: Tensor, batch: int, size: int) -> bool:
    """Tell whether a tensor broadcasts to (batch, size)."""
    shape = (1,) * (2 - tensor.ndim) + tuple(tensor.shape)
    return len(shape) == 2 and shape[0] in (1, batch) and shape[1] in (1, size)
