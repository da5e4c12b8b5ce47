"""Alignment of videos whose full plan does not fit: coarse first, then row by row."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor

from skvas.alignment._path_cost import PathCost, View
from skvas.alignment._result import Alignment
from skvas.decoding import monotone_path, path_to_matches
from skvas.exceptions import CoarseAlignmentWarning
from skvas.tasks._alignment import AlignmentTask
from skvas.transport import cosine_cost, virtual_masses
from skvas.videos._batch import VideoBatch, spread_evenly
from skvas.videos._frames import spread_frames

# Plans of N x M float32 that solving and decoding in full hold at their peak.
PLANS_AT_PEAK = 8
# Frames of each video in the coarse problem: at most, and at least.
COARSE_FRAMES, FEWEST_FRAMES = 2000, 100
# Entries of the plan that are refined at a time, and frames of a piece of the path, at
# most.
BLOCK_ENTRIES, PIECE_FRAMES = 1 << 22, 1000
# Sweeps over all rows that bring the refined plan to its marginals.
SWEEPS = 3
# The plan keeps entries above this share of their frame's mass.
KEPT_SHARE = 1e-4
# An entry of a sparse plan: float32, and the int32 of its column.
BYTES_AN_ENTRY = 8


@dataclass(frozen=True)
class PlacedPairs:
    """Videos that are aligned with one, and all of them where that is computed.

    Parameters
    ----------
    x : list of View
        The videos.
    y : View
        What each is aligned with.
    batch_x, batch_y : VideoBatch
        Their unit embeddings, a pair an item.
    """

    x: list[View]
    y: View
    batch_x: VideoBatch
    batch_y: VideoBatch


def alignment_memory(n: int, m: int) -> int:
    """Estimate the bytes at the peak of a full alignment of n with m frames."""
    return 4 * (n + 1) * (m + 1) * PLANS_AT_PEAK


@dataclass(frozen=True)
class CoarseSolution:
    """A solved problem of evenly spread frames of two videos, which refines to all.

    Parameters
    ----------
    x, y : View
        The videos.
    refiner : _Refiner
        Makes the plan between all frames.
    cost : float
        Value of the objective at the coarse plan, with the entropy of the finer one.
    size : int
        Frames of each video that were aligned, at most.
    limit : float
        Bytes that may be used.
    """

    x: View
    y: View
    refiner: _Refiner
    cost: float
    size: int
    limit: float

    def align(self, matching: str) -> Alignment:
        """Align all frames; `matching` says how. The plan is sparse."""
        # Half of the limit is for the sparse plan, a quarter for a block: what is freed
        # is not given back at once.
        entries = min(BLOCK_ENTRIES, int(self.limit / (16 * PLANS_AT_PEAK)))
        with torch.no_grad():
            most_kept = int(self.limit / (2 * BYTES_AN_ENTRY))
            found = self.refiner.refine(matching, entries, most_kept)
        if matching == "monotone":
            found.matches_x, found.matches_y = _match_in_order(
                PathCost(self.x, self.y, entries),
                found.background_x <= 0.5,
                found.background_y <= 0.5,
                self.size,
                int(np.clip(math.isqrt(entries), FEWEST_FRAMES, PIECE_FRAMES)),
            )
        else:
            found.matches_x[found.background_x > 0.5] = -1
            found.matches_y[found.background_y > 0.5] = -1
        return Alignment(
            found.matches_x,
            found.matches_y,
            found.plan,
            found.background_x,
            found.background_y,
            self.cost,
            matching,
        )


def solve_coarsely(
    pair: PlacedPairs, task: AlignmentTask, limit: float
) -> CoarseSolution:
    """Align two embedded videos without ever holding all of their plan.

    Evenly spread frames are aligned in full. What their plan says beyond the cosine
    cost - potentials, structure and order - varies slowly in time and is interpolated;
    the cost itself is taken anew for all frames, a block of rows at a time, and a few
    sweeps over the blocks bring the plan to its marginals. Only the first of this is
    done here.

    Parameters
    ----------
    pair : PlacedPairs
        Two videos.
    task : AlignmentTask
        The problem.
    limit : float
        Bytes that may be used.

    Returns
    -------
    CoarseSolution
    """
    (x,), y = pair.x, pair.y
    size = int(min(COARSE_FRAMES, (limit / (8 * PLANS_AT_PEAK)) ** 0.5))
    size = max(size, FEWEST_FRAMES)
    tried = min(size, len(x)), min(size, len(y))
    rest = "" if tried == (len(x), len(y)) else ", and the others fitted in"
    warnings.warn(
        f"Aligning {len(x)} with {len(y)} frames in full needs about "
        f"{alignment_memory(len(x), len(y)) / 1e9:.2g} GB, more than memory_limit: "
        f"{tried[0]} and {tried[1]} frames are aligned{rest}, and small entries of "
        "the plan are left out. Raise memory_limit, or set it to None, to solve in "
        "full.",
        CoarseAlignmentWarning,
        stacklevel=2,
    )
    with torch.no_grad():
        refiner, cost = _refiner_and_cost(pair.batch_x, pair.batch_y, task, size)
    return CoarseSolution(x, y, refiner, cost, size, limit)


@dataclass
class _Found:
    """What the refined rows say."""

    matches_x: np.ndarray
    matches_y: np.ndarray
    plan: csr_array
    background_x: np.ndarray
    background_y: np.ndarray


def _refiner_and_cost(
    x: VideoBatch, y: VideoBatch, task: AlignmentTask, size: int
) -> tuple[_Refiner, float]:
    """Align evenly spread frames; return what refines them, and the objective."""
    n, m = int(x.lengths), int(y.lengths)
    _, batch_x = spread_evenly(x.frames, x, size)
    _, batch_y = spread_evenly(y.frames, y, size)
    coarse = task.with_virtual_share(2 / (n + m))
    found = coarse.solve(batch_x.frames, batch_y.frames, batch_x, batch_y)
    plan = found.plan[0]
    steps = n / (len(plan) - 1), m / (plan.shape[1] - 1)
    smooth = plan.clamp_min(torch.finfo(plan.dtype).tiny).log()
    cost = cosine_cost(batch_x.frames, batch_y.frames)[0]
    smooth[1:, 1:] += task.cosine_weight * cost
    # Mass of columns is shared out among the frames that a coarse one stands for; each
    # row is brought to its own by itself.
    smooth[:, 1:] -= np.log(steps[1])
    real_x, real_y = 1 - float(plan[0].sum()), 1 - float(plan[:, 0].sum())
    finer = real_x * np.log(steps[0]) + real_y * np.log(steps[1])
    objective = float(found.objective[0]) - task.eps * finer
    # Of all frames, as much may go unmatched as of the coarse ones, or one frame.
    one = task.virtual.mass is None
    share_x, share_y = (None if one else 1 / real - 1 for real in (real_x, real_y))
    refiner = _Refiner(
        x.frames[0],
        y.frames[0],
        smooth,
        virtual_masses(x.mask, share_x, x.frames)[0],
        virtual_masses(y.mask, share_y, y.frames)[0],
        task.cosine_weight,
    )
    return refiner, objective


class _Refiner:
    """The plan between all frames, of which only some rows are there at a time.

    Row 0 and column 0 are the virtual frames.
    """

    def __init__(
        self,
        x: Tensor,
        y: Tensor,
        smooth: Tensor,
        p: Tensor,
        q: Tensor,
        cosine_weight: float,
    ) -> None:
        self.x, self.y = x, y
        self.weight = cosine_weight
        self.log_p, self.log_q = p.log(), q.log()
        self.g = torch.zeros_like(q)
        self.rows = _Interpolation(len(x), len(smooth) - 1, x.device)
        self.columns = _Interpolation(len(y), smooth.shape[1] - 1, x.device)
        # Finished in the columns where that is small; rows follow block by block.
        self.smooth = smooth
        self.virtual_row = torch.cat([smooth[0, :1], self.columns(smooth[0, 1:], 0)])

    def blocks(self, entries: int) -> Iterator[tuple[int, Tensor, Tensor]]:
        """Yield first row, plan (b, M + 1) and cost (b, M) of each block of rows."""
        size = max(1, entries // len(self.y))
        for start in range(0, len(self.x), size):
            end = min(start + size, len(self.x))
            cost = cosine_cost(self.x[None, start:end], self.y)[0]
            logs = self.rows(self.smooth[1:], 0, start, end)  # (b, m + 1)
            real = self.columns(logs[:, 1:], 1).sub_(cost, alpha=self.weight)
            real += self.g[1:]
            virtual = logs[:, :1] + self.g[0]
            logs = torch.cat([virtual, real], dim=1)
            shift = self.log_p[start + 1 : end + 1] - logs.logsumexp(dim=1)
            yield start, logs.add_(shift[:, None]).exp_(), cost

    def _virtual(self) -> Tensor:
        """Return the plan's row of the virtual frame, (M + 1,)."""
        logs = self.virtual_row + self.g
        return (logs + (self.log_p[0] - logs.logsumexp(dim=0))).exp()

    def refine(self, matching: str, entries: int, most_kept: int) -> _Found:
        """Bring the plan to its marginals, and read off what it says.

        `entries` of it are there at a time, and `most_kept` of it are kept.
        """
        for _ in range(SWEEPS):
            masses = self._virtual()
            for _, plan, _ in self.blocks(entries):
                masses += plan.sum(dim=0)
            tiny = torch.finfo(masses.dtype).tiny
            self.g += self.log_q - masses.clamp_min(tiny).log()
        virtual = self._virtual()
        masses = virtual.clone()
        n, m = len(self.x), len(self.y)
        background_x, matches_x = np.empty(n, np.float32), np.empty(n, np.int64)
        best, matches_y = torch.full((m,), -torch.inf), torch.zeros(m, dtype=torch.long)
        best, matches_y = best.to(self.x), matches_y.to(self.x.device)
        rows = _SparseRows(n, m, most_kept)
        for start, plan, cost in self.blocks(entries):
            end = start + len(plan)
            masses += plan.sum(dim=0)
            mass, real = plan.sum(dim=1), plan[:, 1:]
            background_x[start:end] = (plan[:, 0] / mass).cpu().numpy()
            shares = -cost if matching == "nearest" else real
            matches_x[start:end] = shares.argmax(dim=1).cpu().numpy()
            highest, where = shares.max(dim=0)
            better = highest > best
            matches_y[better] = where[better] + start
            best = torch.maximum(best, highest)
            kept = torch.where(real > KEPT_SHARE * mass[:, None], real, 0.0)
            for row in kept.cpu().numpy():
                rows.add(row)
        return _Found(
            matches_x,
            matches_y.cpu().numpy(),
            rows.stacked(),
            background_x,
            (virtual / masses)[1:].cpu().numpy(),
        )


class _SparseRows:
    """Rows of a sparse plan as they come, within a number of entries.

    Where more come, each row keeps its largest ones.
    """

    def __init__(self, n_rows: int, n_columns: int, most: int) -> None:
        self.shape = n_rows, n_columns
        self.most_a_row = n_columns
        self.fair = max(1, most // n_rows)  # so many a row fit in any case
        size = min(max(most, n_rows), n_rows * n_columns)
        kind = np.int32 if size <= np.iinfo(np.int32).max else np.int64
        self.data, self.columns = np.empty(size, np.float32), np.empty(size, kind)
        self.starts = np.zeros(n_rows + 1, kind)
        self.n = 0

    def add(self, row: np.ndarray) -> None:
        """Put a row (M,) under those that are there."""
        columns = np.flatnonzero(row)
        if self.starts[self.n] + len(columns) > len(self.data):
            self._thin()
        self._put(row[columns], columns)

    def _thin(self) -> None:
        """Leave each row its share of the entries, now and from now on."""
        known = self.starts[: self.n + 1].tolist()
        self.most_a_row, self.n = self.fair, 0
        for start, end in pairwise(known):
            self._put(self.data[start:end], self.columns[start:end])

    def _put(self, values: np.ndarray, columns: np.ndarray) -> None:
        surplus = len(values) - self.most_a_row
        if surplus > 0:
            largest = np.sort(values.argpartition(surplus)[surplus:])
            values, columns = values[largest], columns[largest]
        start = self.starts[self.n]
        end = start + len(values)
        self.data[start:end], self.columns[start:end] = values, columns
        self.n += 1
        self.starts[self.n] = end

    def stacked(self) -> csr_array:
        """Return all rows, in the memory that they take."""
        for array in (self.data, self.columns):
            array.resize(self.starts[-1], refcheck=False)
        parts = self.data, self.columns, self.starts
        return csr_array(parts, shape=self.shape)


class _Interpolation:
    """Linear interpolation from evenly spread frames to all frames."""

    def __init__(self, n: int, n_coarse: int, device: torch.device) -> None:
        known = torch.from_numpy(spread_frames(n, n_coarse)).to(device)
        frames = torch.arange(n, device=device)
        after = torch.searchsorted(known, frames).clamp(1, max(n_coarse - 1, 1))
        after = after.clamp_max(n_coarse - 1)
        self.before = (after - 1).clamp_min(0)
        self.after = after
        gap = (known[after] - known[self.before]).clamp_min(1)
        share = (frames - known[self.before]) / gap.float()
        self.share = share.clamp(0, 1)

    def __call__(
        self, values: Tensor, dim: int, start: int = 0, end: int | None = None
    ) -> Tensor:
        """Interpolate along `dim`, for frames start ... end - 1."""
        share = self.share[start:end]
        share = share[:, None] if dim == 0 and values.ndim == 2 else share
        before = values.index_select(dim, self.before[start:end])
        after = values.index_select(dim, self.after[start:end])
        return before.lerp_(after, share.expand_as(before))


def _match_in_order(
    path_cost: PathCost, kept_x: np.ndarray, kept_y: np.ndarray, size: int, piece: int
) -> tuple[np.ndarray, np.ndarray]:
    """Match along the cheapest path, found coarsely and then between its corners."""
    rows, columns = np.flatnonzero(kept_x), np.flatnonzero(kept_y)
    matches_x = np.full(len(kept_x), -1, dtype=np.int64)
    matches_y = np.full(len(kept_y), -1, dtype=np.int64)
    if not len(rows) or not len(columns):
        return matches_x, matches_y
    corners = _corners(path_cost, rows, columns, size, piece)
    for (i, j), (k, l) in zip(corners[:-1], corners[1:], strict=True):  # noqa: E741
        cost = path_cost(rows[i : k + 1], columns[j : l + 1])
        forth, back = path_to_matches(monotone_path(cost), cost)
        matches_x[rows[i : k + 1]] = columns[j + forth]
        matches_y[columns[j : l + 1]] = rows[i + back]
    return matches_x, matches_y


def _corners(
    path_cost: PathCost, rows: np.ndarray, columns: np.ndarray, size: int, piece: int
) -> list[tuple[int, int]]:
    """Return pairs of frames on the coarse path, some `piece` frames apart."""
    at_x, at_y = _with_ends(len(rows), size), _with_ends(len(columns), size)
    path = monotone_path(path_cost(rows[at_x], columns[at_y]))
    corners = [(0, 0)]
    for i, j in zip(at_x[path[:, 0]].tolist(), at_y[path[:, 1]].tolist(), strict=True):
        if max(i - corners[-1][0], j - corners[-1][1]) >= piece:
            corners.append((i, j))
    last = (len(rows) - 1, len(columns) - 1)
    return [corners[0], *(corner for corner in corners[1:] if corner != last), last]


def _with_ends(n: int, size: int) -> np.ndarray:
    return np.linspace(0, n - 1, min(n, size)).astype(np.int64)
