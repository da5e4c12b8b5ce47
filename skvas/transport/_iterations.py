"""The iterations of the solver: mirror descent, and linearise and project."""

from __future__ import annotations

import functools
import importlib
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import ModuleType
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor

from skvas.transport._compiling import can_sync, compilation_wanted, compiled_step
from skvas.transport._marginals import Marginal
from skvas.transport._problem import FGWProblem
from skvas.transport._result import Budget, FGWResult
from skvas.transport._sinkhorn import (
    LARGEST_LOG_MASS,
    Potentials,
    Sides,
    round_to_marginals,
    sinkhorn_log,
    sinkhorn_scaling,
)
from skvas.transport._threads import idle_threads, single_threaded
from skvas.transport.structures import few_columns

# By how much a mirror step that was cut grows when taken, and one refused is cut.
STEP_GROWTH, STEP_CUT = 1.1, 0.5
# Nats by which the first step changes the entry with the steepest slope.
FIRST_REACH = 4.0
# Nats by which a step may change an entry: more would spend the digits of float32.
LONGEST = 100.0
# Logarithm of what padded entries hold: 0, and yet 0 times it is 0.
NOTHING = -1e30
# The rounding of an objective is that of numbers of this many times the first slope, or
# of 1 if that is less.
UNIT = 4.0
# Entries of a batch from which on compiled kernels are worth their loading.
COMPILED_ENTRIES = 1 << 8

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


def mirror(problem: FGWProblem, budget: Budget, in_logs: bool) -> FGWResult:
    """Descend multiplicatively, by steps as long as each problem bears."""
    ends = budget.tol is not None or budget.step is not None
    if not in_logs and not ends and (kernel := _descent_kernel(problem)):
        return _compiled_descent(problem, budget, kernel)
    return _descended(problem, budget, in_logs)


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
def _descended(problem: FGWProblem, budget: Budget, in_logs: bool) -> FGWResult:
    """Do what `mirror` does with torch alone."""
    problem = _laid_out(problem)
    rows, columns = problem.rows, problem.columns
    if rows.any_hard and columns.any_hard:
        damp_x, damp_y = rows.hard.to(rows.mass), columns.hard.to(rows.mass)
        sides = _sides(rows, columns, damp_x, damp_y)
    else:
        sides = None
    rules = _rules(problem, budget, in_logs, sides)
    state = _independent(rules, budget)
    for iteration in range(budget.max_iter):
        n_sweeps = 0 if sides is None else budget.sweeps(iteration)
        state = _advance(_mirror_step, rules, state, n_sweeps)
        if rules.tol is not None and _finished(state.done):
            break
    plan = _rounded(problem, state.plan)
    return _result(problem, plan, state.n_iter, state.done)


def _laid_out(problem: FGWProblem) -> FGWProblem:
    """Keep each of few columns in one piece: sums over few neighbours are slow."""
    cost = problem.cost
    if cost.is_cuda or compilation_wanted() or not few_columns(cost):
        return problem
    return replace(problem, cost=cost.mT.contiguous().mT)


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
    loose : bool Tensor of shape (B, N, M) or None
        Where no hard mass bounds what mirror steps may bring; None: nowhere.
    in_logs : bool
        Whether sweeps are made in the log domain.
    tol, step, sinkhorn_tol : float
        Those of `fused_gromov_wasserstein`.
    """

    problem: FGWProblem
    sides: Sides | None
    normalised: tuple[int, ...]
    padded: Tensor | None
    loose: Tensor | None
    in_logs: bool
    tol: float | None
    step: float | None
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

    def look(
        self, plan: Tensor, log_plan: Tensor, sums: tuple[Tensor, Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Return a plan's objective, (B,), and its gradient, 0 at padded entries."""
        linear = self.problem.linearise(plan)
        value = self.problem.objective(plan, linear, sums=sums, log_plan=log_plan)
        slope = self.problem.gradient(plan, linear, sums, log_plan)
        if self.padded is not None:
            slope.masked_fill_(self.padded, 0.0)
        return value, slope

    def meet_hard(
        self, log_plan: Tensor, pull: Tensor | None, n_sweeps: int
    ) -> tuple[Tensor, Tensor, Potentials | None]:
        """Return a plan that meets the hard masses, its logarithm, and what moved it.

        `pull` (B, M) is added to the columns first, where sweeps go on from it;
        `log_plan` may be overwritten.
        """
        if self.loose is not None:
            log_plan = _bounded(log_plan, self.loose, self.padded)
        if self.sides is not None:
            assert pull is not None
            kernel = log_plan + pull[:, None, :]
            if self.padded is not None:
                kernel.masked_fill_(self.padded, -math.inf)
            plan, shift = self.project(kernel, None, n_sweeps)
            shift = Potentials(shift.f, shift.g + pull)
            log_plan.add_(shift.f[:, :, None]).add_(shift.g[:, None, :])
            return plan, log_plan, shift
        if not self.normalised:
            return log_plan.exp(), log_plan, None
        [dim] = self.normalised
        marginal = self.problem.rows if dim == 2 else self.problem.columns
        return *_normalised(log_plan, marginal, dim), None


def _loose(problem: FGWProblem) -> Tensor | None:
    """Return where no hard mass bounds an entry, (B, N, M); None: nowhere."""
    rows, columns = problem.rows, problem.columns
    if rows.all_hard or columns.all_hard:
        return None
    return ~rows.hard[:, :, None] & ~columns.hard[:, None, :] & problem.real


def _normalised(
    log_plan: Tensor, marginal: Marginal, dim: int
) -> tuple[Tensor, Tensor]:
    """Return the plan that meets the hard masses of one side, and its logarithm.

    `log_plan`, whose sums along `dim` have these masses, is overwritten.
    """
    highest = log_plan.amax(dim=dim, keepdim=True)
    plan = log_plan.sub_(highest).exp()
    found = plan.sum(dim=dim, keepdim=True)
    scale = marginal.mass.unsqueeze(dim) / found
    shift = marginal.log_mass.unsqueeze(dim) - found.log()
    if not marginal.all_hard:
        hard = marginal.hard.unsqueeze(dim)
        scale = torch.where(hard, scale, highest.exp())
        shift = torch.where(hard, shift, highest)
    return plan.mul_(scale), log_plan.add_(shift)


def _bounded(log_plan: Tensor, loose: Tensor, padded: Tensor | None) -> Tensor:
    """Bring the mass that nothing bounds to what numbers can say.

    Where all of a plan is loose, it must not vanish either.
    """
    total = log_plan.masked_fill(~loose, -math.inf).logsumexp(dim=(1, 2))  # (B,)
    whole = (loose if padded is None else loose | padded).all(dim=2).all(dim=1)
    lowest = torch.where(whole, -LARGEST_LOG_MASS, -math.inf)
    excess = total.clamp(lowest, torch.full_like(total, LARGEST_LOG_MASS)) - total
    excess = torch.where(torch.isfinite(total), excess, 0.0)
    return torch.where(loose, log_plan + excess[:, None, None], log_plan)


def _rules(
    problem: FGWProblem, budget: Budget, in_logs: bool, sides: Sides | None
) -> _Rules:
    hard_sides = (2, problem.rows), (1, problem.columns)
    return _Rules(
        problem.placed() if problem.cost.is_cuda or compilation_wanted() else problem,
        sides,
        tuple(dim for dim, marginal in hard_sides if marginal.any_hard),
        _padded(problem),
        _loose(problem),
        in_logs,
        budget.tol,
        budget.step,
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
    nearness = _linearised_nearness(rules, found, potentials)
    plan, n_iter, done = _accept(nearness, state, found, last)
    return _Linearised(plan, potentials.f, potentials.g, n_iter, done)


def _linearised_nearness(
    rules: _Rules, found: Tensor, potentials: Potentials
) -> Tensor | None:
    """Return how little a plan may move to be at rest, (B,); less than 0: never.

    Where costs are many times eps, sweeps move potentials on and on before the plan
    follows.
    """
    if rules.tol is None:
        return None
    problem = rules.problem
    missed = problem.rows.missed(found.sum(dim=2), problem.eps * potentials.f)
    missed += problem.columns.missed(found.sum(dim=1), problem.eps * potentials.g)
    return torch.where(missed <= _least_missed(rules.tol, missed), rules.tol, -1.0)


def _least_missed(tol: float, missed: Tensor) -> float:
    """Return the error of masses that is none."""
    return max(tol, 16 * torch.finfo(missed.dtype).eps)


class _Descent(NamedTuple):
    """Where the mirror descent is: what one iteration hands to the next."""

    plan: Tensor  # (B, N, M)
    log_plan: Tensor  # (B, N, M)
    slope: Tensor  # (B, N, M)
    value: Tensor  # (B,), the objective
    by_row: Tensor  # (B, N), masses of the plan
    by_column: Tensor  # (B, M)
    pull: Tensor | None  # (B, M), of columns that sweeps hold, by unit of step
    step: Tensor  # (B,), the next
    sure: Tensor  # (B,), the longest after which the objective fell
    longest: Tensor  # (B,), that a step may become
    usual: Tensor  # (B,), the first, had none been given
    unit: Tensor  # (B,), magnitude of what is added up in the objective, at most 1
    n_iter: Tensor  # (B,)
    done: Tensor  # (B,)


def _independent(rules: _Rules, budget: Budget) -> _Descent:
    """Start where rows and columns know nothing of each other."""
    problem = rules.problem
    rows, columns = problem.rows, problem.columns
    log_plan = torch.zeros_like(problem.cost)
    log_plan.add_(rows.log_mass[:, :, None]).add_(columns.log_mass[:, None, :])
    if rules.padded is not None:
        log_plan.masked_fill_(rules.padded, NOTHING)
    plan = log_plan.exp()
    sums = plan.sum(dim=2), plan.sum(dim=1)
    value, slope = rules.look(plan, log_plan, sums)
    steepest = slope.abs().amax(dim=(1, 2))
    step = _first_step(steepest, budget.step, problem.eps)
    usual = _first_step(steepest, None, problem.eps)
    # Compiled code is made anew where two of its tensors are one.
    steps = step, step.clone(), step.clone(), usual
    pull = None if rules.sides is None else torch.zeros_like(columns.mass)
    unit = (UNIT * steepest).clamp_max(1)
    return _Descent(
        plan, log_plan, slope, value, *sums, pull, *steps, unit, *_unfinished(plan)
    )


def _mirror_step(
    rules: _Rules, state: _Descent, work: Tensor | None, n_sweeps: int
) -> _Descent:
    """Try one step, and take it where the objective does not rise."""
    step, longest = state.step, state.longest
    if rules.step is not None:  # one of the user's may be of any length
        step = torch.minimum(step, LONGEST / state.slope.abs().amax(dim=(1, 2)))
    pull = None if state.pull is None else state.pull * step[:, None]
    trial, trial_log, shift = rules.meet_hard(
        torch.addcmul(state.log_plan, state.slope, step[:, None, None], value=-1),
        pull,
        n_sweeps,
    )
    sums = trial.sum(dim=2), trial.sum(dim=1)
    trial_value, trial_slope = rules.look(trial, trial_log, sums)
    slack = 16 * torch.finfo(trial.dtype).eps
    rise, noise = trial_value - state.value, slack * (state.unit + state.value.abs())
    if shift is not None:
        # Sweeps leave an error of masses, which is worth something: E less f and g
        # times the masses is what the step descends, however many sweeps it made.
        rise = rise - _worth(shift, sums, state) / step
    better = rise <= noise
    if rules.tol is not None:
        better &= ~state.done
    taken = _taken(better)
    # Where nothing is gained a step may be too long and swing about the minimum.
    longer = torch.where(rise < -noise, STEP_GROWTH * step, state.sure)
    shorter = STEP_CUT * step
    plan = _pick(taken, trial, state.plan)
    plan, n_iter, done = _accept(
        _nearness(rules, state, step, better, sums), state, plan
    )
    if shift is not None and state.pull is not None:
        pull = _pick(taken, shift.g / step[:, None], state.pull)
    return _Descent(
        plan,
        _pick(taken, trial_log, state.log_plan),
        _pick(taken, trial_slope, state.slope),
        _pick(taken, trial_value, state.value),
        _pick(taken, sums[0], state.by_row),
        _pick(taken, sums[1], state.by_column),
        pull,
        _pick(taken, torch.minimum(longer, longest), shorter),
        _pick(taken, state.sure, shorter),
        longest,
        state.usual,
        state.unit,
        n_iter,
        done,
    )


def _worth(shift: Potentials, sums: tuple[Tensor, Tensor], state: _Descent) -> Tensor:
    """Return the potentials times what a trial changes of the masses, (B,)."""
    by_row = shift.f * (sums[0] - state.by_row)
    by_column = shift.g * (sums[1] - state.by_column)
    return by_row.sum(dim=1) + by_column.sum(dim=1)


def _nearness(
    rules: _Rules,
    state: _Descent,
    step: Tensor,
    better: Tensor,
    sums: tuple[Tensor, Tensor],
) -> Tensor | None:
    """Return how little a plan may move to be at rest, (B,); less than 0: never.

    A short step moves little wherever it starts, so it must move less. A step that was
    not taken says nothing, nor does one to a plan that misses its hard masses.
    """
    if rules.tol is None:
        return None
    problem = rules.problem
    missed = problem.rows.missed(sums[0]) + problem.columns.missed(sums[1])
    met = missed <= _least_missed(rules.tol, missed)
    shortness = (step / state.usual).clamp_max(1)
    return torch.where(better & met, rules.tol * shortness, -1.0)


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
    """Return where to take what is new, (B,); None is everywhere."""
    return None if can_sync(better) and bool(better.all()) else better


def _pick(taken: Tensor | None, new: Tensor, old: Tensor) -> Tensor:
    if taken is None:
        return new
    return torch.where(taken.view(-1, *(1 for _ in new.shape[1:])), new, old)


def _unfinished(plan: Tensor) -> tuple[Tensor, Tensor]:
    """Return the count of iterations and the end of each problem, at the start."""
    n_iter = torch.zeros(len(plan), dtype=torch.long, device=plan.device)
    return n_iter, torch.zeros_like(n_iter, dtype=torch.bool)


def _accept(
    nearness: float | Tensor | None,
    state: _Linearised | _Descent,
    found: Tensor,
    before: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Take the new plans of the problems that go on; note those that came to rest.

    A problem is at rest where its plan moved by at most `nearness`; None: never.
    `before` is its plan so far, if not that of `state`. Returns what is the plan, the
    number of iterations made, and which problems are done.
    """
    n_iter, done = state.n_iter + ~state.done, state.done
    if nearness is None:
        return found, n_iter, done
    plan = state.plan if before is None else before
    change = (found - plan).abs_().sum(dim=(1, 2))  # (B,)
    plan = torch.where(done[:, None, None], plan, found)
    return plan, n_iter, done | (change <= nearness)


def _finished(done: Tensor) -> bool:
    """Tell whether all are done; on a GPU to ask would make it wait."""
    return can_sync(done) and bool(done.all())


def _kernels(problem: FGWProblem) -> ModuleType | None:
    """Return the compiled kernels where they can and should solve the problem."""
    if _columns_last(problem.rows, problem.columns):
        return None
    return _import_kernels("_kernels", problem)


def _descent_kernel(problem: FGWProblem) -> ModuleType | None:
    """Return the kernel of mirror descent where it can and should solve the problem."""
    return _import_kernels("_descent_kernel", problem)


def _import_kernels(name: str, problem: FGWProblem) -> ModuleType | None:
    """Import compiled kernels, if the problem is large enough and known to them."""
    if problem.cost.numel() < COMPILED_ENTRIES or problem.cost.is_cuda:
        return None
    kernels = _imported(name)
    return kernels if kernels is not None and kernels.usable(problem) else None


@functools.cache
def _imported(name: str) -> ModuleType | None:
    """Import a module, or nothing where numba is missing, too old or has no cache."""
    try:
        return importlib.import_module(f"skvas.transport.{name}")
    except (ImportError, RuntimeError):  # the latter of a cache without a folder
        return None


def _compiled_descent(
    problem: FGWProblem, budget: Budget, kernel: ModuleType
) -> FGWResult:
    """Do what `mirror` does with the compiled kernel, which has its own threads."""
    schedule = FIRST_REACH, STEP_GROWTH, STEP_CUT, UNIT
    n_threads = idle_threads()
    with single_threaded(0, problem.cost.device):
        plan, objective = kernel.solve(problem, budget.max_iter, schedule, n_threads)
        n_iter, done = _unfinished(plan)
        return _result(
            problem, plan, n_iter + budget.max_iter, done, objective=objective
        )


def _compiled(problem: FGWProblem, budget: Budget, kernels: ModuleType) -> FGWResult:
    """Do what `projected` does with compiled kernels, which have their own threads."""
    rows, columns = problem.rows, problem.columns
    sides = _sides(
        rows, columns, rows.damping(problem.eps), columns.damping(problem.eps)
    )
    sweeps = [budget.sweeps(iteration) for iteration in range(budget.max_iter)]
    n_threads = idle_threads()
    with single_threaded(0, problem.cost.device):
        plan, quadratic = kernels.solve(
            problem, sides, sweeps, budget.sinkhorn_tol, n_threads
        )
        n_iter, done = _unfinished(plan)
        return _result(
            problem, plan, n_iter + budget.max_iter, done, quadratic=quadratic
        )


def _sides(rows: Marginal, columns: Marginal, damp_x: Tensor, damp_y: Tensor) -> Sides:
    damped = not (rows.all_hard and columns.all_hard)
    last = _columns_last(rows, columns)
    return Sides(rows.mass, columns.mass, damp_x, damp_y, damped, last)


def _columns_last(rows: Marginal, columns: Marginal) -> bool:
    """Tell whether sweeps, which end with rows, have only columns to meet."""
    return columns.all_hard and not rows.any_hard


def _first_step(steepest: Tensor, step: float | None, eps: float) -> Tensor:
    """Return each problem's step, (B,), by its steepest slope."""
    if step is None:
        steps = FIRST_REACH / steepest.clamp_min(torch.finfo(steepest.dtype).tiny)
    else:
        steps = torch.full_like(steepest, step)
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
    *,
    quadratic: Tensor | None = None,
    objective: Tensor | None = None,
) -> FGWResult:
    """Measure the plan that is returned.

    If known, `quadratic` is <Cx T Cy, T> and `objective` what the plan is worth.
    """
    sums = plan.sum(dim=2), plan.sum(dim=1)
    if objective is None:
        objective = problem.objective(plan, quadratic=quadratic, sums=sums)
    return FGWResult(
        plan=plan.contiguous(),
        objective=objective,
        error_x=problem.rows.relative_error(sums[0]),
        error_y=problem.columns.relative_error(sums[1]),
        n_iter=n_iter,
        converged=done,
    )
