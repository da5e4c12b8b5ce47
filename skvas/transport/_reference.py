"""The slow reference: float64, dense matrices, POT for every inner problem."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import ot
import torch

from skvas.transport._iterations import STEP_CUT, STEP_GROWTH, UNIT
from skvas.transport._marginals import Marginal
from skvas.transport._problem import FGWProblem
from skvas.transport._result import Budget, FGWResult

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

# Inner problems are solved to rounding, so that the reference is one.
INNER_TOL = 1e-14
INNER_SWEEPS = 10_000


@dataclass(frozen=True)
class _Side:
    """Masses of the real frames and the one weight of their penalty."""

    mass: Array
    weight: float

    @property
    def hard(self) -> bool:
        return bool(np.isinf(self.weight))

    def penalty(self, found: Array) -> float:
        """Return lambda KL(found | mass), 0 where the mass is a constraint."""
        if self.hard or self.weight == 0:
            return 0.0
        divergence = found * np.log(found / self.mass) - found + self.mass
        return float(self.weight * divergence.sum())

    def slope(self, found: Array) -> Array:
        """Return the derivative of the penalty by the masses found."""
        if self.hard or self.weight == 0:
            return np.zeros_like(found)
        return self.weight * np.log(found / self.mass)

    def error(self, found: Array) -> float:
        return float(np.abs(found / self.mass - 1).max()) if self.hard else 0.0


@dataclass(frozen=True)
class _Dense:
    """One problem over its real frames, every matrix written out."""

    cost: Array
    cx: Array
    cy: Array
    x: _Side
    y: _Side
    alpha: float
    eps: float

    def linearise(self, plan: Array) -> Array:
        return (1 - self.alpha) * self.cost + self.alpha * self.cx @ plan @ self.cy

    def objective(self, log_plan: Array) -> float:
        plan = np.exp(log_plan)
        matching = (1 - self.alpha) * (self.cost * plan).sum()
        structure = self.alpha / 2 * ((self.cx @ plan @ self.cy) * plan).sum()
        # exp underflows to 0 before its logarithm leaves the finite numbers.
        entropy = -(plan * (log_plan - 1)).sum()
        penalty = self.x.penalty(plan.sum(1)) + self.y.penalty(plan.sum(0))
        return float(matching + structure - self.eps * entropy + penalty)

    def gradient(self, log_plan: Array) -> Array:
        plan = np.exp(log_plan)
        slope = self.linearise(plan) + self.eps * log_plan
        slope += self.x.slope(plan.sum(1))[:, None]
        return slope + self.y.slope(plan.sum(0))[None, :]


def solve_with_pot(problem: FGWProblem, budget: Budget, *, mirror: bool) -> FGWResult:
    """Solve each problem of a batch by itself, in float64, with POT's inner solvers.

    Parameters
    ----------
    problem : FGWProblem
        Each side of each problem has one weight for all its real frames.
    budget : Budget
        `max_iter`, `tol` and `step` are followed; inner problems are always solved to
        rounding, whatever `sinkhorn_iter` and `sinkhorn_tol` say.
    mirror : bool
        Descend by mirror steps; else linearise and solve.

    Returns
    -------
    FGWResult
        On the device and in the dtype of `problem.cost`.

    Raises
    ------
    ValueError
        If a side mixes weights, or `eps` is too small for POT's unbalanced solver.
    """
    solve = _mirror if mirror else _projected
    like = problem.cost
    plans = torch.zeros_like(like)
    rows: list[tuple[float, float, float, int, bool]] = []
    for index in range(len(like)):
        dense = _densify(problem, index)
        log_plan, n_iter, converged = solve(dense, budget)
        plan = np.exp(log_plan)
        where = problem.real[index]
        plans[index][where] = torch.as_tensor(plan.ravel()).to(like)
        error_x, error_y = dense.x.error(plan.sum(1)), dense.y.error(plan.sum(0))
        rows.append((dense.objective(log_plan), error_x, error_y, n_iter, converged))
    objective, error_x_all, error_y_all, n_iters, ends = zip(*rows, strict=True)
    return FGWResult(
        plan=plans,
        objective=torch.tensor(objective, dtype=like.dtype, device=like.device),
        error_x=torch.tensor(error_x_all, dtype=like.dtype, device=like.device),
        error_y=torch.tensor(error_y_all, dtype=like.dtype, device=like.device),
        n_iter=torch.tensor(n_iters, device=like.device),
        converged=torch.tensor(ends, device=like.device),
    )


def _densify(problem: FGWProblem, index: int) -> _Dense:
    """Write out one problem over its real frames."""
    n, m = problem.cost.shape[1:]
    real_x, x = _side(problem.rows, index, "lambda_x")
    real_y, y = _side(problem.columns, index, "lambda_y")
    matrices_x, matrices_y = problem.structure_x.dense(n), problem.structure_y.dense(m)
    cx = matrices_x[index if len(matrices_x) > 1 else 0].numpy()
    cy = matrices_y[index if len(matrices_y) > 1 else 0].numpy()
    return _Dense(
        cost=_array(problem.cost[index])[np.ix_(real_x, real_y)],
        cx=cx[np.ix_(real_x, real_x)],
        cy=cy[np.ix_(real_y, real_y)],
        x=x,
        y=y,
        alpha=problem.alpha,
        eps=problem.eps,
    )


def _side(marginal: Marginal, index: int, name: str) -> tuple[Mask, _Side]:
    """Return where the frames are real, and their side of the problem."""
    mass, weight = _array(marginal.mass[index]), _array(marginal.weight[index])
    real = mass > 0
    weights = np.unique(weight[real])
    if len(weights) > 1:
        raise ValueError(
            f"{name} gives the frames of problem {index} different weights, from "
            f'{weights[0]:g} to {weights[-1]:g}; backend="pot" takes one for all. Use '
            'backend="torch".'
        )
    return real, _Side(mass[real], float(weights[0]))


def _array(tensor: torch.Tensor) -> Array:
    return tensor.detach().cpu().double().numpy()


def _projected(problem: _Dense, budget: Budget) -> tuple[Array, int, bool]:
    """Linearise the structural term, let POT solve what is left, repeat."""
    log_plan = np.log(problem.x.mass)[:, None] + np.log(problem.y.mass)[None, :]
    for iteration in range(budget.max_iter):
        linear = problem.linearise(np.exp(log_plan))
        found = _entropic(linear, problem.x, problem.y, problem.eps)
        change = np.abs(np.exp(found) - np.exp(log_plan)).sum()
        log_plan = found
        if budget.tol is not None and change <= budget.tol:
            return log_plan, iteration + 1, True
    return log_plan, budget.max_iter, False


def _mirror(problem: _Dense, budget: Budget) -> tuple[Array, int, bool]:
    """Descend multiplicatively, by steps as long as the problem bears."""
    log_plan = np.log(problem.x.mass)[:, None] + np.log(problem.y.mass)[None, :]
    value, slope = problem.objective(log_plan), problem.gradient(log_plan)
    # 4 / max |gradient|, at most 1 / eps.
    steepest = np.abs(slope).max()
    step = 4 / max(steepest, 4 * problem.eps)
    usual = step
    step = step if budget.step is None else min(budget.step, 1 / problem.eps)
    longest = sure = step
    unit = min(1.0, UNIT * steepest)
    for iteration in range(budget.max_iter):
        trial = _project(log_plan - step * slope, problem.x, problem.y)
        trial_value = problem.objective(trial)
        noise = 16 * np.finfo(np.float64).eps * (unit + abs(value))
        if trial_value > value + noise:
            step = sure = STEP_CUT * step
            continue
        near = None if budget.tol is None else budget.tol * min(1.0, step / usual)
        step = min(STEP_GROWTH * step, longest) if trial_value < value - noise else sure
        change = np.abs(np.exp(trial) - np.exp(log_plan)).sum()
        log_plan, value = trial, trial_value
        slope = problem.gradient(log_plan)
        if near is not None and change <= near:
            return log_plan, iteration + 1, True
    return log_plan, budget.max_iter, False


def _project(log_plan: Array, x: _Side, y: _Side) -> Array:
    """Make the hard marginals hold, moving least in Kullback-Leibler divergence."""
    free_x = x if x.hard else _Side(x.mass, 0.0)
    free_y = y if y.hard else _Side(y.mass, 0.0)
    return _entropic(-log_plan, free_x, free_y, 1.0)


def _entropic(cost: Array, x: _Side, y: _Side, eps: float) -> Array:
    """Let POT minimise <cost, T> - eps H(T) plus penalties; return log T."""
    if x.hard and y.hard:
        _, log = ot.sinkhorn(
            x.mass,
            y.mass,
            cost,
            eps,
            method="sinkhorn_log",
            numItermax=INNER_SWEEPS,
            stopThr=INNER_TOL,
            warn=False,
            log=True,
        )
        return _scaled(cost, eps, log["log_u"], log["log_v"])
    # A hard side does not see a constant added to each of its rows: use the freedom
    # to keep exp(-cost / eps) away from 0 and infinity.
    if x.hard:
        cost = cost - cost.min(axis=1, keepdims=True)
    elif y.hard:
        cost = cost - cost.min(axis=0, keepdims=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            _, log = ot.unbalanced.sinkhorn_unbalanced(
                x.mass,
                y.mass,
                cost,
                eps,
                (x.weight, y.weight),
                c=np.ones_like(cost),  # the entropy of the problem, not KL to p q'
                numItermax=INNER_SWEEPS,
                stopThr=INNER_TOL,
                log=True,
            )
        except (UserWarning, RuntimeWarning) as error:
            raise ValueError(
                f'eps={eps:g} is too small against the costs for backend="pot" with '
                'relaxed marginals. Raise eps, or use backend="torch".'
            ) from error
    return _scaled(cost, eps, log["logu"], log["logv"])


def _scaled(cost: Array, eps: float, log_u: Array, log_v: Array) -> Array:
    """Return the log plan of two scalings."""
    return log_u[:, None] + log_v[None, :] - cost / eps
