"""Mirror descent of segmentations compiled by numba, where numba is installed.

It makes the very iterations of `_iterations.mirror` for frames with hard masses against
distinct actions with soft ones. Arrays have one row an action, so that all loops run
along the frames; a step takes one exponential of each entry.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from torch import Tensor

from skvas.transport._kernels import (
    _exp,
    _fill,
    _log,
    _sum_windows,
    as_filter,
    compiled,
    inlined,
)
from skvas.transport._problem import FGWProblem
from skvas.transport.structures import Distinct

# Entries of a batch below which a second thread is not worth its start.
SHARED_ENTRIES = 1 << 15
# Frames that are added up in float32; sums of them are in float64.
SUMMED = 256
TINY = float(np.finfo(np.float32).tiny)
LARGEST = np.finfo(np.float32).max
EPSILON = float(np.finfo(np.float32).eps)


def usable(problem: FGWProblem) -> bool:
    """Tell whether the kernel knows how to solve a batch of problems."""
    form = as_filter(problem.structure_x)
    return (
        problem.cost.dtype == torch.float32
        and problem.cost.device.type == "cpu"
        and form is not None
        and form.first == 0
        and type(problem.structure_y) is Distinct
        and problem.rows.all_hard
        and not problem.columns.any_hard
        and problem.columns.all_real
    )


def solve(
    problem: FGWProblem, max_iter: int, schedule: Any, n_threads: int
) -> tuple[Tensor, Tensor]:
    """Descend multiplicatively, by steps as long as each problem bears.

    Parameters
    ----------
    problem : FGWProblem
        One that is `usable`.
    max_iter : int
        Iterations.
    schedule : tuple of float
        First step times the largest slope, growth and cut of steps, and the magnitude
        that objectives are rounded by in units of the largest slope.
    n_threads : int
        Threads that share out the problems; torch is expected to use one.

    Returns
    -------
    plan : Tensor of shape (B, N, M)
        The plans; each column lies in one piece.
    objective : Tensor of shape (B,)
        What they are worth.
    """
    form = as_filter(problem.structure_x)
    assert form is not None
    rows, columns = problem.rows, problem.columns
    cost = problem.cost.transpose(1, 2).contiguous().numpy()
    n_problems, m, n = cost.shape
    plan = np.zeros((n_problems, m, n), np.float32)
    objective = np.zeros(n_problems, np.float32)
    p, q, weight = (
        np.ascontiguousarray(each.numpy())
        for each in (rows.mass, columns.mass, columns.soft_weight)
    )
    widths = np.array([form.width_of(index) for index in range(n_problems)])
    numbers = (form.total, form.window, form.itself), problem.alpha, problem.eps

    def run(start: int, stop: int) -> None:
        part = slice(start, stop)
        _descend_all(
            cost[part],
            plan[part],
            objective[part],
            (p[part], q[part], weight[part]),
            widths[part],
            numbers,
            schedule,
            max_iter,
        )

    pieces = min(n_threads, n_problems) if plan.size >= SHARED_ENTRIES else 1
    edges = [n_problems * piece // pieces for piece in range(pieces + 1)]
    if pieces == 1:
        run(0, n_problems)
    else:
        with ThreadPoolExecutor(pieces) as pool:
            list(pool.map(run, edges[:-1], edges[1:]))
    return torch.from_numpy(plan).transpose(1, 2), torch.from_numpy(objective)


@compiled()
def _descend_all(
    cost: Any,
    plan: Any,
    objective: Any,
    masses: Any,
    widths: Any,
    numbers: Any,
    schedule: Any,
    max_iter: int,
) -> None:
    p, q, weight = masses
    for index in range(len(cost)):
        objective[index] = _descend(
            cost[index],
            plan[index],
            (p[index], q[index], weight[index]),
            widths[index],
            numbers,
            schedule,
            max_iter,
        )


@inlined
def _descend(
    cost: Any,
    out: Any,
    masses: Any,
    width: int,
    numbers: Any,
    schedule: Any,
    max_iter: int,
) -> float:
    """Descend from the independent plan; return the objective."""
    p, q, weight = masses
    form, alpha, eps = numbers
    reach, growth, cut, unit_of = schedule
    m, n = cost.shape
    log_plan, trial_log = np.zeros((m, n), np.float32), np.zeros((m, n), np.float32)
    slope, base = np.zeros((m, n), np.float32), np.zeros((m, n), np.float32)
    plan, trial = np.zeros((m, n), np.float32), np.zeros((m, n), np.float32)
    near = np.zeros((m, n), np.float32)  # C_x T
    log_p, masses = np.zeros(n, np.float32), np.zeros(m)
    width = min(width, n - 1)
    work = np.zeros((3, m * (n + 2 * width)), np.float32)
    every = np.zeros((1, n), np.float32)
    # C_x p: what all actions share.
    _apply_along(p.reshape(1, n), every, work, width, form)
    for i in range(n):
        log_p[i] = math.log(p[i]) if p[i] > 0 else 0
    for k in range(m):
        log_q = np.float32(math.log(q[k]))
        for i in range(n):
            base[k, i] = (1 - alpha) * cost[k, i] + alpha * every[0, i]
            log_plan[k, i] = log_p[i] + log_q
            plan[k, i] = p[i] * q[k]
            near[k, i] = every[0, i] * q[k]
    weights = alpha, eps
    value = _value(plan, log_plan, base, near, cost, q, weight, weights, masses)
    _slopes(log_plan, base, near, slope, p, q, weight, weights, masses)
    steepest = np.abs(slope).max()
    step = min(reach / max(steepest, TINY), 1 / eps)
    sure = longest = step
    unit = min(unit_of * steepest, 1.0)
    for _ in range(max_iter):
        _try_step(log_plan, slope, step, p, log_p, trial, trial_log, work)
        _apply_along(trial, near, work, width, form)
        found = _value(trial, trial_log, base, near, cost, q, weight, weights, masses)
        noise = 16 * EPSILON * (unit + abs(value))
        if found - value <= noise:
            # Where nothing is gained a step may be too long and swing about the
            # minimum.
            longer = growth * step if found - value < -noise else sure
            step = min(longer, longest)
            value = found
            plan, trial = trial, plan
            log_plan, trial_log = trial_log, log_plan
            _slopes(log_plan, base, near, slope, p, q, weight, weights, masses)
        else:
            step = sure = cut * step
    for k in range(m):
        for i in range(n):
            out[k, i] = plan[k, i]
    return value


@inlined
def _try_step(
    log_plan: Any,
    slope: Any,
    step: float,
    p: Any,
    log_p: Any,
    trial: Any,
    trial_log: Any,
    work: Any,
) -> None:
    """Step down the slope and give every frame its mass again."""
    m, n = log_plan.shape
    shift, scale = work[0, :n], work[1, :n]
    by = np.float32(step)
    _fill(shift, -np.inf)
    _fill(scale, 0)
    for k in range(m):
        for i in range(n):
            moved = log_plan[k, i] - by * slope[k, i]
            trial_log[k, i] = moved
            # The bound, which none reaches, keeps the maximum from becoming a branch.
            shift[i] = min(max(shift[i], moved), LARGEST)
    for k in range(m):
        for i in range(n):
            share = _exp(trial_log[k, i] - shift[i])
            trial[k, i] = share
            scale[i] += share
    for i in range(n):
        shift[i] = log_p[i] - shift[i] - _log(scale[i])
        scale[i] = p[i] / scale[i]
    for k in range(m):
        for i in range(n):
            trial[k, i] *= scale[i]
            trial_log[k, i] += shift[i]


@inlined
def _apply_along(values: Any, out: Any, work: Any, width: int, form: Any) -> None:
    """Write C_x times each row of `values`."""
    total, window, itself = form
    m, n = values.shape
    size, by, near = n + 2 * width, np.float32(itself), np.float32(window)
    padded, sums = work[0, : m * size], work[2, : m * size]
    _fill(padded, 0)
    for k in range(m):
        line, own = padded[k * size + width :], values[k]
        for i in range(n):
            line[i] = own[i]
    _sum_windows(padded, work[1, : m * size], sums, 2 * width + 1)
    for k in range(m):
        row, line, own = out[k], sums[k * size :], values[k]
        whole = np.float32(total * _sum(own)) if total != 0 else np.float32(0)
        for i in range(n):
            row[i] = whole + by * own[i] + near * line[i]


@inlined
def _sum(values: Any) -> float:
    """Return a sum, added up in float64."""
    total = 0.0
    for i in range(len(values)):
        total += values[i]
    return total


@inlined
def _value(
    plan: Any,
    log_plan: Any,
    base: Any,
    near: Any,
    cost: Any,
    q: Any,
    weight: Any,
    weights: Any,
    masses: Any,
) -> float:
    """Return the objective of a plan; write the masses of its actions."""
    alpha, eps = weights
    m, n = log_plan.shape
    by, own, entropy = (
        np.float32(alpha),
        np.float32((1 - alpha) / 2),
        np.float32(eps),
    )
    value = 0.0
    for k in range(m):
        linear = mass = 0.0
        for start in range(0, n, SUMMED):
            part = slice(start, start + SUMMED)
            worths, weighs = _worth(
                plan[k, part],
                log_plan[k, part],
                base[k, part],
                near[k, part],
                cost[k, part],
                by,
                own,
                entropy,
            )
            linear += worths
            mass += weighs
        value += linear
        masses[k] = mass
        ratio = max(mass, TINY) / max(q[k], TINY)
        value += weight[k] * (mass * math.log(ratio) - mass + q[k])
    return value


@inlined
def _worth(
    plan: Any,
    log_plan: Any,
    base: Any,
    near: Any,
    cost: Any,
    by: Any,
    own: Any,
    entropy: Any,
) -> tuple[Any, Any]:
    """Return what some frames of an action add to the objective, and their mass."""
    half, one = np.float32(0.5), np.float32(1)
    worth = mass = np.float32(0)
    for i in range(len(plan)):
        of_mass = half * (base[i] - by * near[i]) + own * cost[i]
        # Where nothing is left, 0 times its logarithm is 0.
        of_mass += entropy * (log_plan[i] - one)
        worth += plan[i] * of_mass
        mass += plan[i]
    return worth, mass


@inlined
def _slopes(
    log_plan: Any,
    base: Any,
    near: Any,
    slope: Any,
    p: Any,
    q: Any,
    weight: Any,
    weights: Any,
    masses: Any,
) -> None:
    """Write the gradient at the plan whose masses are known."""
    alpha, eps = weights
    m, n = log_plan.shape
    by, entropy = np.float32(alpha), np.float32(eps)
    for k in range(m):
        ratio = max(masses[k], TINY) / max(q[k], TINY)
        pull = np.float32(weight[k] * math.log(ratio))
        for i in range(n):
            found = base[k, i] - by * near[k, i] + entropy * log_plan[k, i] + pull
            # Padded frames stay.
            slope[k, i] = found if p[i] > 0 else np.float32(0)
