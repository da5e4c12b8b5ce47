"""The iterations of the solver: mirror descent, and linearise and project."""

from __future__ import annotations

import functools
import importlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor

from skvas.transport._compiling import can_sync, compilation_wanted, compiled_step
from skvas.transport._marginals import Marginal
from skvas.transport._problem import FGWProblem
from skvas.transport._result import Budget, FGWResult
from skvas.transport._sinkhorn import (
    Potentials,
    Sides,
    round_to_marginals,
    sinkhorn_log,
    sinkhorn_scaling,
)
from skvas.transport._threads import single_threaded

# By how much a mirror step that was cut grows when taken, and one refused is cut.
STEP_GROWTH, STEP_CUT = 1.1, 0.5
# Entries of a batch from which on compiled kernels are worth their loading.
COMPILED_ENTRIES = 1 << 14

Solve = Callable[[FGWProblem, Budget, bool], FGWResult]


def _sparing(solve: Solve) -> Solve:
    """Keep small problems on one thread."""

    @functools.wraps(solve)
    def sparing_solve(problem: FGWProblem, budget: Budget, in_logs: bool) -> FGWResult:
        with single_threaded(problem.cost.numel(), problem.cost.device):
            return solve(problem, budget, in_logs)

    return sparing_solve


def projected(problem: FGWProblem, budget: Budget, in_logs: bool) -> FGWResult:
    """Linearise the structural term, solve what is left by Sinkhorn, repeat."""
    if not in_logs and budget.tol is None and (kernels := _kernels(problem)):
        return _compiled(problem, budget, kernels)
    return _linearised(problem, budget, in_logs)


@_sparing
def _linearised(problem: FGWProblem, budget: Budget, in_logs: bool) -> FGWResult:
    """Do what `projected` does with torch alone."""
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


@_sparing
def mirror(problem: FGWProblem, budget: Budget, in_logs: bool) -> FGWResult:
    """Descend multiplicatively, by steps as long as each problem bears."""
    rows, columns = problem.rows, problem.columns
    if rows.any_hard and columns.any_hard:
        damp_x, damp_y = rows.hard.to(rows.mass), columns.hard.to(rows.mass)
        sides = _sides(rows, columns, damp_x, damp_y)
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
        tuple(dim for dim, marginal in hard_sides if marginal.any_hard),
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
    if can_sync(better) and bool(better.all()):
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
    return can_sync(done) and bool(done.all())


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
    """Do what `projected` does with compiled kernels, which have their own threads."""
    rows, columns = problem.rows, problem.columns
    sides = _sides(
        rows, columns, rows.damping(problem.eps), columns.damping(problem.eps)
    )
    sweeps = [budget.sweeps(iteration) for iteration in range(budget.max_iter)]
    n_threads = torch.get_num_threads()
    with single_threaded(0, problem.cost.device):
        plan, quadratic = kernels.solve(
            problem, sides, sweeps, budget.sinkhorn_tol, n_threads
        )
        n_iter, done = _unfinished(plan)
        return _result(problem, plan, n_iter + budget.max_iter, done, quadratic)


def _sides(rows: Marginal, columns: Marginal, damp_x: Tensor, damp_y: Tensor) -> Sides:
    damped = not (rows.all_hard and columns.all_hard)
    last = _columns_last(rows, columns)
    return Sides(rows.mass, columns.mass, damp_x, damp_y, damped, last)


def _columns_last(rows: Marginal, columns: Marginal) -> bool:
    """Tell whether sweeps, which end with rows, have only columns to meet."""
    return columns.all_hard and not rows.any_hard


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
    if problem.rows.all_real and problem.columns.all_real:
        return None
    return ~problem.real


def _rounded(problem: FGWProblem, plan: Tensor) -> Tensor:
    """Meet two hard marginals exactly."""
    rows, columns = problem.rows, problem.columns
    if rows.all_hard and columns.all_hard:
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
