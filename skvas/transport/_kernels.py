"""The projected solver compiled by numba, where numba is installed.

It makes the very iterations of `_iterations` in fewer passes over memory: a sweep reads
the kernel once and not twice, and the plan is never written between iterations. Threads
share out problems, or the rows of a lone one; none of them ever spins, so that busy
cores cost no more than their share.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from numba import njit
from torch import Tensor

from skvas.transport._problem import FGWProblem
from skvas.transport._sinkhorn import CHECK_EVERY, Sides
from skvas.transport.structures import (
    Distinct,
    OutsideBand,
    Structure,
    TemporalBand,
    Virtual,
)

# Fewer entries of a problem than this are not worth a second thread.
SHARED_ENTRIES = 1 << 18
# Entries of rows whose windows are summed at once.
BLOCK_ENTRIES = 1 << 12
# Nor are fewer entries of a batch.
BATCH_ENTRIES = 1 << 15
compiled = partial(
    njit,
    nogil=True,
    cache=True,
    error_model="numpy",  # to look for divisions by 0 would keep loops from vectorising
    fastmath={"contract", "reassoc", "arcp", "nsz"},
)
# What other compiled functions call becomes part of them. Of a function that stands by
# itself there would be two copies which round differently: one of its own, which a
# process runs that compiles it, and one of its caller's, which the cache on disk has.
inlined = compiled(forceinline=True)
Array = np.ndarray[Any, np.dtype[Any]]
_LOG2_E = np.float32(1.4426950408889634)
# log 2 in two parts, so that multiples of the first are exact.
_LN2_HIGH, _LN2_LOW = np.float32(0.693359375), np.float32(-2.12194440e-4)
_LOWEST, _HIGHEST = np.float32(-87.0), np.float32(88.0)
_HALF, _ONE = np.float32(0.5), np.float32(1)
# Minimax coefficients of (exp(x) - 1 - x) / x^2 on [-log(2) / 2, log(2) / 2].
_P5, _P4, _P3 = (
    np.float32(1.9875691e-4),
    np.float32(1.3981999e-3),
    np.float32(8.333452e-3),
)
_P2, _P1, _P0 = np.float32(4.1665796e-2), np.float32(1.6666665e-1), np.float32(0.5)

# Minimax coefficients of (log(1 + r) - r + r^2 / 2) / r^3, 1 + r in [1, 2] / sqrt(2).
_L8, _L7, _L6 = (
    np.float32(6.67527189e-2),
    np.float32(-1.16464344e-1),
    np.float32(1.19047121e-1),
)
_L5, _L4, _L3 = (
    np.float32(-1.24112687e-1),
    np.float32(1.42178915e-1),
    np.float32(-1.66676437e-1),
)
_L2, _L1, _L0 = (
    np.float32(2.00022042e-1),
    np.float32(-2.50000163e-1),
    np.float32(3.33333109e-1),
)
_ROOT_HALF = np.int32(0x3F3504F3)  # the bits of sqrt(1 / 2)


@dataclass(frozen=True)
class Filter:
    """A structure by the weights of what it adds up for each frame.

    Parameters
    ----------
    total : float
        Weight of the sum over all frames.
    window : float
        Weight of the sum over the frames within `widths`, the frame itself included.
    itself : float
        Weight of the frame itself.
    widths : list of int
        Reach of the window in each problem, or one for all.
    first : int
        Frames before this one are virtual: they take no part.
    """

    total: float
    window: float
    itself: float
    widths: list[int]
    first: int = 0

    def width_of(self, index: int) -> int:
        """Return the reach of the window of one problem."""
        return self.widths[index if len(self.widths) > 1 else 0]


def as_filter(structure: Structure) -> Filter | None:
    """Return the filter that a structure is; None for those that are none."""
    if type(structure) is Virtual:
        inner = as_filter(structure.structure)
        return None if inner is None else replace(inner, first=inner.first + 1)
    if type(structure) is TemporalBand and any(structure.short):
        return None  # it must not take a frame out of its window again
    if type(structure) is TemporalBand or type(structure) is OutsideBand:
        return Filter(*structure.weights, structure.widths)
    if type(structure) is Distinct:
        return Filter(1.0, 0.0, -1.0, [0])
    return None


@inlined
def _exp(x: Any) -> Any:
    """Exponential in float32, to two units in the last place; 0 below exp(-87)."""
    z = min(max(x, _LOWEST), _HIGHEST)
    n = np.floor(z * _LOG2_E + _HALF)
    r = z - n * _LN2_HIGH
    r = r - n * _LN2_LOW
    y = ((((_P5 * r + _P4) * r + _P3) * r + _P2) * r + _P1) * r + _P0
    y = y * r * r + r + _ONE
    power = np.int32((np.int32(n) + np.int32(127)) << np.int32(23))
    return y * power.view(np.float32) if x > _LOWEST else np.float32(0)


@inlined
def _log(x: Any) -> Any:
    """Logarithm of a normal number in float32, to one unit in the last place."""
    bits = np.float32(x).view(np.int32)
    power = np.int32(np.int32(bits - _ROOT_HALF) >> np.int32(23))
    r = np.int32(bits - np.int32(power << np.int32(23))).view(np.float32) - _ONE
    y = (((_L8 * r + _L7) * r + _L6) * r + _L5) * r + _L4
    y = (((y * r + _L3) * r + _L2) * r + _L1) * r + _L0
    n, square = np.float32(power), r * r
    y = y * r * square + n * _LN2_LOW - _HALF * square
    return y + r + n * _LN2_HIGH


@inlined
def _power(x: Any, exponent: Any) -> Any:
    """Raise x >= 0 to a power in [0, 1]."""
    return np.exp(exponent * np.log(x)) if x > 0 else np.float32(exponent == 0)


@inlined
def _filter_rows(
    kernel: Any, u: Any, v: Any, out: Any, lo: int, hi: int, form: Any
) -> None:
    """Write T C_y for rows lo ... hi - 1, where T = u K v (n, m)."""
    total, window, itself, width, first = form
    m = kernel.shape[1] - first
    width = min(width, m - 1)
    size, pitch = m + 2 * width, 2 * width + 1
    by, near = np.float32(itself), np.float32(window)
    n_rows = max(1, BLOCK_ENTRIES // size)
    plan, spare, sums = (
        np.zeros(n_rows * size, np.float32),
        np.zeros(n_rows * size, np.float32),
        np.zeros(n_rows * size, np.float32),
    )
    v = v[first:]
    for start in range(lo, hi, n_rows):
        count = min(n_rows, hi - start)
        _fill(plan, 0)
        for k in range(count):
            out[start + k, :first] = 0
            own, row = kernel[start + k, first:], out[start + k, first:]
            line = plan[k * size + width :]
            scale, mass = u[start + k], 0.0
            for j in range(m):
                line[j] = scale * own[j] * v[j]
            for j in range(m):
                mass += line[j]
            whole = np.float32(total * mass)
            for j in range(m):
                row[j] = whole + by * line[j]
        if near != 0:
            _sum_windows(plan, spare, sums, pitch)
            for k in range(count):
                row, line = out[start + k, first:], sums[k * size :]
                for j in range(m):
                    row[j] += near * line[j]


@inlined
def _sum_windows(values: Any, spare: Any, out: Any, size: int) -> None:
    """Write the sum of each entry and of the `size - 1` entries after it.

    Sums of 1, 4, 16 ... entries are made of each other, and each window is put together
    from them. Nothing is taken off again, so nothing cancels. The last `size - 1`
    entries of `out` are of no use; `values` and `spare` are overwritten. The size is
    odd.
    """
    _copy(values, out)
    if size % 4 == 3:
        _add_both(values[1:], values[2:], out)
    start, span = size % 4, 1
    while 4 * span <= size:
        _add_four(values, values[span:], values[2 * span :], values[3 * span :], spare)
        values, spare = spare, values
        span *= 4
        digit = size // span % 4
        if digit % 2:
            _add(values[start:], out)
            start += span
        if digit >= 2:
            _add_both(values[start:], values[start + span :], out)
            start += 2 * span


@inlined
def _add_four(a: Any, b: Any, c: Any, d: Any, out: Any) -> None:
    """Write sums over `out`, as far as the last of their terms goes."""
    for j in range(len(d)):
        out[j] = (a[j] + b[j]) + (c[j] + d[j])


@inlined
def _add_both(a: Any, b: Any, out: Any) -> None:
    for j in range(len(b)):
        out[j] += a[j] + b[j]


@inlined
def _fill(out: Any, value: float) -> None:
    """Assign to all entries; an assignment by numba takes ten times longer."""
    for j in range(len(out)):
        out[j] = value


@inlined
def _copy(x: Any, out: Any) -> None:
    for j in range(len(x)):
        out[j] = x[j]


@inlined
def _add(x: Any, out: Any) -> None:
    for j in range(len(x)):
        out[j] += x[j]


@inlined
def _begin_window(span: Any, filtered: Any, row: int, width: int, first: int) -> None:
    """Add up what the window of the row before `row`, and it, have in common."""
    for i in range(max(row - width - 1, first), min(row + width, len(filtered))):
        for j in range(len(span)):
            span[j] += filtered[i, j]


@inlined
def _move_window(span: Any, filtered: Any, row: int, width: int, first: int) -> None:
    """Move the window on to `row`."""
    if row + width < len(filtered):
        for j in range(len(span)):
            span[j] += filtered[row + width, j]
    if row - width - 1 >= first:
        for j in range(len(span)):
            span[j] -= filtered[row - width - 1, j]


@inlined
def _fill_kernel(
    filtered: Any,
    cost: Any,
    kernel: Any,
    f: Any,
    g: Any,
    log_p: Any,
    columns: Any,
    whole: Any,
    lo: int,
    hi: int,
    form: Any,
    by_structure: float,
    by_cost: float,
    is_first: bool,
) -> None:
    """Write exp(log kernel + f + g) for rows lo ... hi - 1, and add up its columns.

    The log kernel is `by_structure` times C_x `filtered`, plus `by_cost` times the
    cost. At the first of all iterations f is set such that rows have their masses.
    """
    total, window, itself, width, first = form
    n, m = cost.shape
    a, b = np.float32(by_structure * itself), np.float32(by_cost)
    w, t = by_structure * window, np.float32(by_structure * total)
    span = np.zeros(m, np.float64)  # the window's sum at each column
    line = np.zeros(m, np.float32)
    _begin_window(span, filtered, max(lo, first), width, first)
    for i in range(lo, hi):
        if i >= first:
            _move_window(span, filtered, i, width, first)
            for j in range(m):
                line[j] = np.float32(w * span[j]) + a * filtered[i, j]
                line[j] += t * whole[j] + b * cost[i, j] + g[j]
        else:
            for j in range(m):
                line[j] = b * cost[i, j] + g[j]
        if is_first:
            highest = np.float32(-np.inf)
            for j in range(m):
                highest = max(highest, line[j])
            mass = np.float32(0)
            for j in range(m):
                mass += _exp(line[j] - highest)
            if f[i] > -np.inf:
                f[i] = log_p[i] - highest - np.log(mass)
        shift = f[i]
        for j in range(m):
            value = _exp(line[j] + shift)
            kernel[i, j] = value
            columns[j] += value


@inlined
def _sweep(
    kernel: Any,
    u: Any,
    v: Any,
    columns: Any,
    lo: int,
    hi: int,
    p: Any,
    damp: Any,
    pull: Any,
    damped: bool,
) -> None:
    """Scale rows lo ... hi - 1 to their masses, and add up u K by columns."""
    m = kernel.shape[1]
    tiny = np.float32(1.1754944e-38)
    scale = np.zeros(4, np.float32)
    start = lo
    while start + 4 <= hi:
        a = b = c = d = np.float32(0)
        for j in range(m):
            a += kernel[start, j] * v[j]
            b += kernel[start + 1, j] * v[j]
            c += kernel[start + 2, j] * v[j]
            d += kernel[start + 3, j] * v[j]
        scale[0], scale[1], scale[2], scale[3] = a, b, c, d
        for lane in range(4):
            i = start + lane
            value = p[i] / max(scale[lane], tiny)
            u[i] = _power(value, damp[i]) * pull[i] if damped else value
        s0, s1, s2, s3 = u[start], u[start + 1], u[start + 2], u[start + 3]
        for j in range(m):
            columns[j] += (s0 * kernel[start, j] + s1 * kernel[start + 1, j]) + (
                s2 * kernel[start + 2, j] + s3 * kernel[start + 3, j]
            )
        start += 4
    for i in range(start, hi):
        a = np.float32(0)
        for j in range(m):
            a += kernel[i, j] * v[j]
        value = p[i] / max(a, tiny)
        u[i] = _power(value, damp[i]) * pull[i] if damped else value
        for j in range(m):
            columns[j] += u[i] * kernel[i, j]


@inlined
def _scale_columns(
    v: Any, columns: Any, q: Any, damp: Any, pull: Any, damped: bool
) -> Any:
    """Scale columns to their masses; return the largest relative change."""
    tiny = np.float32(1.1754944e-38)
    change = np.float32(0)
    for j in range(len(v)):
        value = q[j] / max(columns[j], tiny)
        value = _power(value, damp[j]) * pull[j] if damped else value
        change = max(change, abs(value - v[j]) / max(v[j], tiny))
        v[j] = value
    return change


@inlined
def _pulls(f: Any, damp: Any, out: Any) -> None:
    """Write what damped scalings owe to the potentials that are absorbed."""
    for i in range(len(f)):
        # Padded items, at minus infinity, owe nothing.
        out[i] = np.exp(f[i] * (damp[i] - _ONE)) if f[i] > -np.inf else _ONE


@inlined
def _absorb(f: Any, u: Any, mass: Any) -> None:
    """Add the logarithms of the scalings to the potentials."""
    for i in range(len(f)):
        if mass[i] > 0:
            f[i] += np.log(max(u[i], np.float32(1.1754944e-38)))


@inlined
def _sum_rows(x: Any, first: int, out: Any) -> None:
    for i in range(first, x.shape[0]):
        for j in range(x.shape[1]):
            out[j] += x[i, j]


@inlined
def _scale(kernel: Any, u: Any, v: Any, lo: int, hi: int) -> None:
    for i in range(lo, hi):
        for j in range(kernel.shape[1]):
            kernel[i, j] *= u[i] * v[j]


@inlined
def _quadratic(
    filtered: Any, plan: Any, whole: Any, lo: int, hi: int, form: Any
) -> float:
    """Return the product of rows lo ... hi - 1 of C_x `filtered` and of the plan."""
    total, window, itself, width, first = form
    m = plan.shape[1]
    span = np.zeros(m, np.float64)
    result = 0.0
    _begin_window(span, filtered, max(lo, first), width, first)
    for i in range(max(lo, first), hi):
        _move_window(span, filtered, i, width, first)
        for j in range(m):
            value = window * span[j] + itself * filtered[i, j] + total * whole[j]
            result += plan[i, j] * value
    return result


@compiled()
def _solve_all(batch: Any, widths: Any, forms: Any, numbers: Any, sweeps: Any) -> None:
    """Make all iterations of some problems, one after the other."""
    cost, plan, p, q, damp_x, damp_y, log_p, f, g = batch
    (total_x, window_x, itself_x, first_x), (total_y, window_y, itself_y, first_y) = (
        forms
    )
    filtered = np.zeros(cost.shape[1:], np.float32)
    for b in range(len(cost)):
        one = cost[b], plan[b], filtered, p[b], q[b], damp_x[b], damp_y[b]
        form_x = total_x, window_x, itself_x, widths[b, 0], first_x
        form_y = total_y, window_y, itself_y, widths[b, 1], first_y
        _solve(one, (log_p[b], f[b], g[b]), form_x, form_y, numbers, sweeps)


@inlined
def _solve(
    problem: Any, potentials: Any, form_x: Any, form_y: Any, numbers: Any, sweeps: Any
) -> None:
    """Make all iterations of one problem."""
    cost, kernel, filtered, p, q, damp_x, damp_y = problem
    log_p, f, g = potentials
    u, v = p.copy(), q.copy()
    by_structure, by_cost, damped, tol, check = numbers
    n, m = cost.shape
    columns, whole = np.zeros(m, np.float32), np.zeros(m, np.float32)
    pull_x, pull_y = np.ones(n, np.float32), np.ones(m, np.float32)
    for iteration in range(len(sweeps)):
        if by_structure != 0:
            _filter_rows(kernel, u, v, filtered, 0, n, form_y)
        if form_x[0] != 0:
            whole[:] = 0
            _sum_rows(filtered, form_x[4], whole)
        columns[:] = 0
        _fill_kernel(
            filtered,
            cost,
            kernel,
            f,
            g,
            log_p,
            columns,
            whole,
            0,
            n,
            form_x,
            by_structure,
            by_cost,
            iteration == 0,
        )
        if damped:
            _pulls(f, damp_x, pull_x)
            _pulls(g, damp_y, pull_y)
        v[:] = 1
        for sweep in range(sweeps[iteration]):
            change = _scale_columns(v, columns, q, damp_y, pull_y, damped)
            columns[:] = 0
            _sweep(kernel, u, v, columns, 0, n, p, damp_x, pull_x, damped)
            if sweep % check == check - 1 and change <= tol:
                break
        _absorb(f, u, p)
        _absorb(g, v, q)
    _scale(kernel, u, v, 0, n)


@compiled()
def _round_all(plan: Any, p: Any, q: Any) -> None:
    """Do what `_sinkhorn.round_to_marginals` does."""
    _, n, m = plan.shape
    tiny = np.float32(1.1754944e-38)
    # Sums of thousands of numbers in float32 would miss the marginals by 1e-4.
    rows, columns, scale = np.zeros(n), np.zeros(m), np.zeros(m, np.float32)
    for b in range(len(plan)):
        one = plan[b]
        columns[:] = 0
        for i in range(n):
            mass = 0.0
            for j in range(m):
                mass += one[i, j]
            share = np.float32(min(p[b, i] / max(mass, tiny), 1.0))
            for j in range(m):
                one[i, j] *= share
                columns[j] += one[i, j]
        for j in range(m):
            scale[j] = min(q[b, j] / max(columns[j], tiny), 1.0)
        columns[:] = 0
        for i in range(n):
            mass = 0.0
            for j in range(m):
                one[i, j] *= scale[j]
                mass += one[i, j]
            rows[i] = max(p[b, i] - mass, 0.0)
            for j in range(m):
                columns[j] += one[i, j]
        for j in range(m):
            columns[j] = max(q[b, j] - columns[j], 0.0)
        gap = rows.sum() - columns.sum()
        for i in range(n):
            rows[i] += p[b, i] * max(-gap, 0.0)
        for j in range(m):
            columns[j] += q[b, j] * max(gap, 0.0)
        total = max(rows.sum(), tiny)
        for i in range(n):
            share = np.float32(rows[i] / total)
            for j in range(m):
                one[i, j] += share * np.float32(columns[j])


@compiled()
def _quadratic_all(
    plan: Any, out: Any, widths: Any, forms: Any, by_structure: float
) -> None:
    """Write the product of C_x T C_y and T of some problems."""
    (total_x, window_x, itself_x, first_x), (total_y, window_y, itself_y, first_y) = (
        forms
    )
    _, n, m = plan.shape
    filtered = np.zeros((n, m), np.float32)
    u, v = np.ones(n, np.float32), np.ones(m, np.float32)
    whole = np.zeros(m, np.float32)
    for b in range(len(plan)):
        form_x = total_x, window_x, itself_x, widths[b, 0], first_x
        form_y = total_y, window_y, itself_y, widths[b, 1], first_y
        if by_structure != 0:
            _filter_rows(plan[b], u, v, filtered, 0, n, form_y)
            whole[:] = 0
            if total_x != 0:
                _sum_rows(filtered, first_x, whole)
            out[b] = _quadratic(filtered, plan[b], whole, 0, n, form_x)


def usable(problem: FGWProblem) -> bool:
    """Tell whether the kernels know how to solve a batch of problems."""
    return (
        problem.cost.dtype == torch.float32
        and problem.cost.device.type == "cpu"
        and as_filter(problem.structure_x) is not None
        and as_filter(problem.structure_y) is not None
    )


def solve(
    problem: FGWProblem, sides: Sides, sweeps: list[int], tol: float, n_threads: int
) -> tuple[Tensor, Tensor]:
    """Linearise the structural term, solve what is left by Sinkhorn, repeat.

    Parameters
    ----------
    problem : FGWProblem
        One that is `usable`.
    sides : Sides
        Masses and exponents.
    sweeps : list of int
        Largest number of sweeps of each iteration.
    tol : float
        A projection stops when a sweep moves its scalings by less than this.
    n_threads : int
        Threads that share out the work; torch is expected to use one.

    Returns
    -------
    plan : Tensor of shape (B, N, M)
        The plans; where all marginals are hard, they are met.
    quadratic : Tensor of shape (B,)
        The product of Cx T Cy and T.
    """
    cost = problem.cost.contiguous()
    plan = torch.ones_like(cost)
    quadratic = torch.zeros_like(cost[:, 0, 0])
    counts = np.array(sweeps)
    batch = _Batch.of(problem, sides, cost, plan, tol)
    both_hard = problem.rows.all_hard and problem.columns.all_hard
    if len(cost) < n_threads and cost[0].numel() >= SHARED_ENTRIES:
        with ThreadPoolExecutor(n_threads) as pool:
            rows = _Rows(pool, cost.shape[1], n_threads)
            for index in range(len(cost)):
                quadratic[index] = _solve_shared(batch, index, counts, rows, both_hard)
    else:
        run = partial(_solve_part, counts, both_hard)
        pieces = min(n_threads, len(cost)) if cost.numel() >= BATCH_ENTRIES else 1
        if pieces == 1:
            run(batch, quadratic.numpy())
        else:
            edges = [len(cost) * piece // pieces for piece in range(pieces + 1)]
            parts = list(map(batch.part, edges[:-1], edges[1:]))
            outs = np.split(quadratic.numpy(), edges[1:-1])
            with ThreadPoolExecutor(pieces) as pool:
                list(pool.map(run, parts, outs))
    return plan, quadratic


@dataclass(frozen=True)
class _Batch:
    """Some problems, as arrays that have a row for each.

    Parameters
    ----------
    arrays : tuple of ndarray
        Costs and plans (B, n, m); masses and exponents of both sides, and the logarithm
        of the first masses; the potentials that sweeps start from.
    widths : int64 ndarray of shape (B, 2)
        Reach of the windows of both sides.
    forms : tuple of tuple
        Weights of the sum over all, over the window and of the frame itself, and the
        number of virtual frames, of both sides.
    numbers : tuple
        Weights of structure and cost in log kernels, whether masses are damped, the
        tolerance of sweeps and how often it is looked at.
    """

    arrays: tuple[Array, ...]
    widths: Array
    forms: tuple[tuple[float, float, float, int], ...]
    numbers: tuple[float, float, bool, float, int]

    @classmethod
    def of(
        cls, problem: FGWProblem, sides: Sides, cost: Tensor, plan: Tensor, tol: float
    ) -> _Batch:
        """Prepare a batch; `plan` is what the plans are written to."""
        filters = as_filter(problem.structure_x), as_filter(problem.structure_y)
        known = [each for each in filters if each is not None]
        masses = (sides.p, sides.q, sides.damp_x, sides.damp_y)
        p, q, damp_x, damp_y = (np.ascontiguousarray(each.numpy()) for each in masses)
        with np.errstate(divide="ignore"):
            log_p, g = np.log(p), np.log(q)
        # Potentials of padded items are minus infinity: their kernel is 0.
        f = np.where(p > 0, np.float32(0), np.float32(-np.inf))
        g[q > 0] = 0
        widths = [[form.width_of(b) for form in known] for b in range(len(cost))]
        return cls(
            (cost.numpy(), plan.numpy(), p, q, damp_x, damp_y, log_p, f, g),
            np.array(widths),
            tuple((form.total, form.window, form.itself, form.first) for form in known),
            (
                -problem.alpha / problem.eps,
                -(1 - problem.alpha) / problem.eps,
                sides.damped,
                tol,
                CHECK_EVERY,
            ),
        )

    def part(self, start: int, stop: int) -> _Batch:
        """Return some of the problems."""
        arrays = tuple(each[start:stop] for each in self.arrays)
        return replace(self, arrays=arrays, widths=self.widths[start:stop])


def _solve_part(sweeps: Array, both_hard: bool, batch: _Batch, out: Array) -> None:
    """Solve problems one after the other; write their <C_x T C_y, T>."""
    _solve_all(batch.arrays, batch.widths, batch.forms, batch.numbers, sweeps)
    _, plan, p, q, *_ = batch.arrays
    if both_hard:
        _round_all(plan, p, q)
    _quadratic_all(plan, out, batch.widths, batch.forms, batch.numbers[0])


def _solve_shared(
    batch: _Batch, index: int, sweeps: Array, rows: _Rows, both_hard: bool
) -> float:
    """Solve a problem with its rows shared out among threads."""
    part = _Part.of(batch, index)
    part.solve(sweeps, rows)
    if both_hard:
        _round_all(part.plan[None], part.p[None], part.q[None])
    return part.quadratic(rows)


@dataclass(frozen=True)
class _Part:
    """One problem of a batch, whose rows are shared out."""

    cost: Array
    plan: Array  # the kernel, at first
    filtered: Array
    p: Array
    q: Array
    damp_x: Array
    damp_y: Array
    log_p: Array
    f: Array
    g: Array
    forms: tuple[tuple[float, float, float, int, int], ...]
    numbers: tuple[float, float, bool, float, int]

    @classmethod
    def of(cls, batch: _Batch, index: int) -> _Part:
        """Take one problem of a batch."""
        cost, plan, p, q, damp_x, damp_y, log_p, f, g = (
            each[index] for each in batch.arrays
        )
        forms = tuple(
            (total, window, itself, int(width), first)
            for (total, window, itself, first), width in zip(
                batch.forms, batch.widths[index], strict=True
            )
        )
        return cls(
            cost=cost,
            plan=plan,
            filtered=np.zeros_like(cost),
            p=p,
            q=q,
            damp_x=damp_x,
            damp_y=damp_y,
            log_p=log_p,
            f=f,
            g=g,
            forms=forms,
            numbers=batch.numbers,
        )

    def solve(self, sweeps: Array, rows: _Rows) -> None:
        """Make all iterations; the plan replaces the kernel."""
        u, v = self.p.copy(), self.q.copy()
        for iteration, count in enumerate(sweeps):
            columns = self._project(rows, u, v, iteration == 0)
            v[:] = 1
            self._sweeps(rows, u, v, columns, count)
            _absorb(self.f, u, self.p)
            _absorb(self.g, v, self.q)
        rows.each(lambda lo, hi, _: _scale(self.plan, u, v, lo, hi))

    def quadratic(self, rows: _Rows) -> float:
        """Return the product of Cx T Cy and the plan T, which replaced the kernel."""
        if self.numbers[0] == 0:
            return 0.0
        whole = self._filter(rows, np.ones_like(self.p), np.ones_like(self.q))

        def add(lo: int, hi: int, out: Array) -> None:
            out[0] = _quadratic(self.filtered, self.plan, whole, lo, hi, self.forms[0])

        return float(rows.each(add, 1).sum())

    def _project(self, rows: _Rows, u: Array, v: Array, is_first: bool) -> Array:
        """Replace the kernel by that of the plan u K v; return its column sums."""
        by_structure, by_cost, *_ = self.numbers
        whole = self._filter(rows, u, v)
        return rows.add_up(
            len(v),
            lambda lo, hi, columns: _fill_kernel(
                self.filtered,
                self.cost,
                self.plan,
                self.f,
                self.g,
                self.log_p,
                columns,
                whole,
                lo,
                hi,
                self.forms[0],
                by_structure,
                by_cost,
                is_first,
            ),
        )

    def _filter(self, rows: _Rows, u: Array, v: Array) -> Array:
        """Filter the plan u K v along its rows; return the sums of columns, if used."""
        form_x, form_y = self.forms
        kernel, filtered = self.plan, self.filtered
        whole = np.zeros_like(v)
        if self.numbers[0] != 0:
            rows.each(
                lambda lo, hi, _: _filter_rows(kernel, u, v, filtered, lo, hi, form_y)
            )
        if form_x[0] != 0:
            _sum_rows(filtered, form_x[4], whole)
        return whole

    def _sweeps(
        self, rows: _Rows, u: Array, v: Array, columns: Array, count: int
    ) -> None:
        _, _, damped, tol, check = self.numbers
        pull_x, pull_y = np.ones_like(self.p), np.ones_like(self.q)
        if damped:
            _pulls(self.f, self.damp_x, pull_x)
            _pulls(self.g, self.damp_y, pull_y)
        for sweep in range(count):
            change = _scale_columns(v, columns, self.q, self.damp_y, pull_y, damped)
            columns = rows.add_up(
                len(v),
                lambda lo, hi, out: _sweep(
                    self.plan,
                    u,
                    v,
                    out,
                    lo,
                    hi,
                    self.p,
                    self.damp_x,
                    pull_x,
                    damped,
                ),
            )
            if sweep % check == check - 1 and change <= tol:
                break


class _Rows:
    """The rows of a problem in equal pieces, one a thread."""

    def __init__(self, pool: ThreadPoolExecutor, size: int, n_pieces: int) -> None:
        self.pool = pool
        edges = [size * piece // n_pieces for piece in range(n_pieces + 1)]
        self.pieces = list(zip(edges[:-1], edges[1:], strict=True))

    def each(self, work: Callable[[int, int, Array], None], size: int = 0) -> Array:
        """Call `work` on each piece, with a row of zeros of its own to add to."""
        out = np.zeros((len(self.pieces), size), np.float32)
        # The last piece is made in this thread, which would only wait.
        *others, own = [(*piece, out[k]) for k, piece in enumerate(self.pieces)]
        futures = [self.pool.submit(work, *piece) for piece in others]
        work(*own)
        for future in futures:
            future.result()
        return out

    def add_up(self, size: int, work: Callable[[int, int, Array], None]) -> Array:
        """Call `work` on each piece, and add up what the pieces made."""
        total: Array = self.each(work, size).sum(axis=0)
        return total
