"""Decode plans and costs into labels, matches and segments, in NumPy."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import ArrayLike, NDArray

from skvas._optional import compiled

__all__ = [
    "Segment",
    "labels_to_segments",
    "monotone_path",
    "path_to_matches",
    "plan_to_labels",
    "plan_to_matches",
    "segments_to_labels",
]

# The side that advances in a step of the dynamic programme.
_BOTH, _X, _Y = 0, 1, 2
# With drops a cell keeps four choices in one byte: the step that leads to its match
# (two bits), that of the best prefix (two), and whether x or y is dropped while the
# other side keeps its last pair (one each).
_PREFIX, _DROP_X, _DROP_Y = 4, 16, 32
# Cells up to which NumPy keeps the sums of all paths, which takes less time than to
# keep the steps, and up to 16 bytes a cell.
SMALL_CELLS = 1 << 19
# Rows that compiled paths take a step in at once, and steps whose costs they put side
# by side.
ROWS, STEPS = 32, 4096
# Sums of costs beyond so much may overflow: all are then multiplied by the other.
HUGE, SHRUNK = 2.0**960, 2.0**-64


@dataclass(frozen=True)
class Segment:
    """A run of frames that share one label.

    Parameters
    ----------
    start : int
        First frame.
    end : int
        The frame after the last one.
    label : int or str
        Label of all frames of the segment.

    Examples
    --------
    >>> from skvas.decoding import Segment
    >>> segment = Segment(2, 5, "pour")
    >>> segment.end - segment.start
    3
    """

    start: int
    end: int
    label: Any


def plan_to_labels(plan: ArrayLike) -> NDArray[np.int64]:
    """Label each frame with the action that receives most of its mass.

    Parameters
    ----------
    plan : array-like of shape (N, K)
        Transport plan, or any scores of K actions for N frames.

    Returns
    -------
    ndarray of int64, shape (N,)
        Index of the largest entry of each row; in a tie, the lowest index.

    See Also
    --------
    plan_to_matches : Matches from a plan of two videos.

    Examples
    --------
    >>> from skvas.decoding import plan_to_labels
    >>> plan_to_labels([[0.1, 0.4], [0.3, 0.2], [0.2, 0.2]])
    array([1, 0, 0])
    """
    return _check_matrix(plan, "plan").argmax(axis=1).astype(np.int64)


def plan_to_matches(
    plan: ArrayLike, background: ArrayLike | None = None
) -> NDArray[np.int64]:
    """Match each frame with the frame of the other video that receives most mass.

    Matches may repeat and need not be in temporal order; :func:`monotone_path` keeps
    the order.

    Parameters
    ----------
    plan : array-like of shape (N, M)
        Transport plan between the real frames of two videos, without the row and the
        column of the virtual frames.
    background : array-like of shape (N,), default=None
        Probability that each frame has no counterpart. None: 0 for all frames.

    Returns
    -------
    ndarray of int64, shape (N,)
        Matched frame of each row; in a tie, the lowest index. -1 if `background` is
        above 0.5 or the row has no mass.

    See Also
    --------
    monotone_path : Matches that never go back in time.
    plan_to_labels : Labels from a plan of frames and actions.

    Examples
    --------
    >>> from skvas.decoding import plan_to_matches
    >>> plan_to_matches([[0.3, 0.1], [0.1, 0.2], [0.2, 0.1]], [0.0, 0.2, 0.9])
    array([ 0,  1, -1])
    """
    plan = _check_matrix(plan, "plan")
    matches = plan.argmax(axis=1).astype(np.int64)
    matches[plan.max(axis=1) <= 0] = -1
    if background is not None:
        background = np.asarray(background, dtype=float)
        if background.shape != matches.shape:
            raise ValueError(
                f"background has shape {background.shape}, but the plan has "
                f"{len(matches)} rows; pass one probability for each row."
            )
        if np.isnan(background).any():
            raise ValueError("background contains NaN; pass probabilities in [0, 1].")
        matches[background > 0.5] = -1
    return matches


def monotone_path(
    cost: ArrayLike, *, drop_cost: float | None = None
) -> NDArray[np.int64]:
    r"""Find the cheapest monotone path through a cost matrix.

    Without `drop_cost` this is dynamic time warping: the path runs from (0, 0) to
    (N - 1, M - 1) in steps (1, 1), (1, 0) and (0, 1), and its cost is the sum of the
    costs of its pairs. With `drop_cost`, frames of either video may be dropped: the
    path is a sequence of pairs with non-decreasing indices that minimises

    .. math:: \sum_{(i, j)} C_{ij} + d \cdot \#\{\text{frames of x or y in no pair}\}.

    A frame can still be in several pairs, with dropped frames between them.

    Parameters
    ----------
    cost : array-like of shape (N, M)
        Cost of matching frame i of x with frame j of y: finite, positive or negative.
    drop_cost : float, default=None
        :math:`d`, the cost of dropping a frame. None: every frame is matched.

    Returns
    -------
    ndarray of int64, shape (L, 2)
        The matched pairs in order. In a tie, the step (1, 1) is preferred. L may be 0
        with `drop_cost`.

    See Also
    --------
    path_to_matches : Matches from the path.
    plan_to_matches : Matches in any order.

    Notes
    -----
    The dynamic programme is vectorised over anti-diagonals; without `drop_cost` it is
    compiled if numba is installed, with the same result. Besides `cost` it needs N M
    bytes of memory, or 8 MB if that is more, and 250 for each frame of x and y.

    References
    ----------
    .. [1] H. Sakoe and S. Chiba, "Dynamic programming algorithm optimization for spoken
       word recognition", IEEE Transactions on Acoustics, Speech, and Signal Processing
       26, 1978.
    .. [2] N. Dvornik et al., "Drop-DTW: Aligning common signal between sequences while
       dropping outliers", NeurIPS 2021.

    Examples
    --------
    >>> import numpy as np
    >>> from skvas.decoding import monotone_path
    >>> x, y = np.array([0.0, 1.0, 9.0, 2.0]), np.array([0.0, 1.0, 2.0, 2.0])
    >>> cost = np.abs(x[:, None] - y)
    >>> monotone_path(cost).tolist()
    [[0, 0], [1, 1], [2, 2], [3, 3]]
    >>> monotone_path(cost, drop_cost=1.0).tolist()
    [[0, 0], [1, 1], [3, 2], [3, 3]]
    """
    cost = _check_matrix(cost, "cost")
    is_number = isinstance(drop_cost, Real) and np.isfinite(drop_cost)
    if drop_cost is not None and not is_number:
        raise ValueError(
            f"drop_cost must be a finite number, got {drop_cost!r}; use None to match "
            "every frame."
        )
    peaks = float(cost.max()), -float(cost.min()), abs(drop_cost or 0.0)
    if max(peaks) > HUGE:
        cost = cost * SHRUNK
        drop_cost = None if drop_cost is None else drop_cost * SHRUNK
    if drop_cost is None:
        find_path = compiled(_path_by_strips)
        if find_path is not None:
            kind = np.float32 if cost.dtype == np.float32 else np.float64
            path: NDArray[np.int64] = find_path(np.ascontiguousarray(cost, dtype=kind))
            return path
        if cost.size <= SMALL_CELLS:
            return _path_by_sums(cost)
        return _trace_full(_sweep_full(cost), *cost.shape)
    return _trace_drops(_sweep_drops(cost, float(drop_cost)), *cost.shape)


def path_to_matches(
    path: ArrayLike, cost: ArrayLike
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Match each frame with its cheapest partner on a path.

    Parameters
    ----------
    path : array-like of int, shape (L, 2)
        Matched pairs, for instance from :func:`monotone_path`.
    cost : array-like of shape (N, M)
        Cost by which the partner of a frame is chosen.

    Returns
    -------
    matches_xy : ndarray of int64, shape (N,)
        Partner of each row of `cost`, -1 for rows that are not on the path. In a tie,
        the earlier partner.
    matches_yx : ndarray of int64, shape (M,)
        The same for each column.

    See Also
    --------
    monotone_path : Find the path.

    Examples
    --------
    >>> from skvas.decoding import path_to_matches
    >>> path_to_matches([[0, 0], [0, 1]], [[0.2, 0.1], [0.0, 0.0]])
    (array([ 1, -1]), array([0, 0]))
    """
    cost = _check_matrix(cost, "cost")
    path = np.asarray(path)
    if path.size == 0:
        path = np.zeros((0, 2), dtype=np.int64)
    if path.ndim != 2 or path.shape[1] != 2 or path.dtype.kind not in "iu":
        raise ValueError(
            f"path must be integers of shape (L, 2), got {path.dtype} of shape "
            f"{path.shape}."
        )
    if (path < 0).any() or (path >= cost.shape).any():
        raise ValueError(f"path leaves the cost matrix of shape {cost.shape}.")
    # Written last, the cheapest partner stays; in a tie the earlier one.
    order = cost[path[:, 0], path[:, 1]].argsort(kind="stable")[::-1]
    rows, columns = path[order].T
    n, m = cost.shape
    matches_xy, matches_yx = (np.full(size, -1, dtype=np.int64) for size in (n, m))
    matches_xy[rows], matches_yx[columns] = columns, rows
    return matches_xy, matches_yx


def labels_to_segments(labels: ArrayLike) -> list[Segment]:
    """Split labels into runs of equal labels.

    Parameters
    ----------
    labels : array-like of shape (N,)
        Labels of the frames of one video, integers or strings.

    Returns
    -------
    list of Segment
        The runs in order; they cover frames 0 to N without gaps.

    See Also
    --------
    segments_to_labels : The other way.

    Examples
    --------
    >>> from skvas.decoding import labels_to_segments
    >>> labels_to_segments(["cut", "cut", "mix"])
    [Segment(start=0, end=2, label='cut'), Segment(start=2, end=3, label='mix')]
    """
    labels = np.asarray(labels)
    if labels.ndim != 1:
        raise ValueError(
            f"labels must be one-dimensional (one video), got shape {labels.shape}."
        )
    if len(labels) == 0:
        return []
    cuts = np.flatnonzero(labels[1:] != labels[:-1]) + 1
    starts = [0, *cuts.tolist()]
    ends = [*starts[1:], len(labels)]
    names = labels[starts].tolist()
    return [Segment(*run) for run in zip(starts, ends, names, strict=True)]


def join_equal(segments: Sequence[Segment]) -> list[Segment]:
    """Make one of each run of segments that share a label.

    Parameters
    ----------
    segments : sequence of Segment
        In order of time; gaps between those of one label are closed.

    Examples
    --------
    >>> from skvas.decoding import Segment, join_equal
    >>> join_equal([Segment(0, 2, "a"), Segment(3, 5, "a"), Segment(5, 6, "b")])
    [Segment(start=0, end=5, label='a'), Segment(start=5, end=6, label='b')]
    """
    joined = list(segments[:1])
    for segment in segments[1:]:
        if segment.label == joined[-1].label:
            joined[-1] = Segment(joined[-1].start, segment.end, segment.label)
        else:
            joined.append(segment)
    return joined


def n_segments(labels: Sequence[np.ndarray]) -> int:
    """Return the number of segments of all videos.

    Parameters
    ----------
    labels : sequence of int ndarray of shape (n_i,)
        Labels of the frames of each video.

    Returns
    -------
    int
    """
    return sum(1 + int(np.count_nonzero(np.diff(video))) for video in labels)


def segment_orders(labels: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return the labels of the segments of each video, in their order.

    Parameters
    ----------
    labels : sequence of int ndarray of shape (n_i,)
        Labels of the frames of each video, which has some.

    Returns
    -------
    list of int ndarray of shape (n_segments_i,)
    """
    return [codes[np.append(True, np.diff(codes) != 0)] for codes in labels]


def segments_an_action(labels: Sequence[np.ndarray], *, rests: bool = False) -> float:
    """Return how many segments an action has in a video that has it, on average.

    Parameters
    ----------
    labels : sequence of int ndarray of shape (n_i,)
        Labels of the frames of each video.
    rests : bool, default=False
        Whether the action that has most segments may be a rest, and is left out.

    Returns
    -------
    float
        At least 1.
    """
    orders = segment_orders(labels)
    if rests:
        rest = np.bincount(np.concatenate(orders)).argmax()
        orders = [order[order != rest] for order in orders]
    counts = [len(order) / len(np.unique(order)) for order in orders if len(order)]
    return float(np.mean(counts)) if counts else 1.0


def segments_to_labels(segments: Iterable[Segment], n_frames: int) -> NDArray[Any]:
    """Expand segments to one label for each frame.

    Parameters
    ----------
    segments : iterable of Segment
        Segments in order that cover frames 0 to `n_frames` without gaps or overlaps.
    n_frames : int
        Number of frames of the video.

    Returns
    -------
    ndarray of shape (n_frames,)
        Label of each frame. This is the inverse of :func:`labels_to_segments`.

    See Also
    --------
    labels_to_segments : The other way.

    Examples
    --------
    >>> from skvas.decoding import Segment, segments_to_labels
    >>> segments_to_labels([Segment(0, 2, 4), Segment(2, 3, 1)], 3)
    array([4, 4, 1])
    """
    segments = list(segments)
    frame = 0
    for index, segment in enumerate(segments):
        if segment.start != frame or segment.end <= segment.start:
            raise ValueError(
                f"segment {index} covers frames [{segment.start}, {segment.end}), but "
                f"it must start at frame {frame} and be non-empty; fill gaps and "
                "remove overlaps first."
            )
        frame = segment.end
    if frame != n_frames:
        raise ValueError(
            f"segments end at frame {frame}, but n_frames is {n_frames}; they must "
            "cover the video."
        )
    names = [segment.label for segment in segments]
    if not names:
        return np.empty(0, dtype=np.int64)
    same_type = len({type(name) for name in names}) == 1
    values = np.array(names, dtype=None if same_type else object)
    return np.repeat(values, [segment.end - segment.start for segment in segments])


def _check_matrix(values: ArrayLike, name: str) -> NDArray[Any]:
    """Return a non-empty, finite matrix of real numbers."""
    matrix = np.asarray(values)
    if matrix.dtype == object:
        matrix = matrix.astype(float)
    if matrix.ndim != 2 or 0 in matrix.shape:
        raise ValueError(
            f"{name} must be a non-empty matrix, got shape {matrix.shape}."
        )
    if matrix.dtype.kind not in "biuf":
        raise TypeError(f"{name} must hold real numbers, got dtype {matrix.dtype}.")
    if not np.isfinite(matrix).all():
        raise ValueError(
            f"{name} contains NaN or infinity; use a large finite number for pairs to "
            "avoid."
        )
    return matrix


def _diagonal(cost: NDArray[Any], d: int) -> tuple[int, int, NDArray[Any]]:
    """Return the first row, the row after the last, and the cells with i + j = d."""
    n, m = cost.shape
    low, high = max(0, d - m + 1), min(n, d + 1)
    return low, high, cost[:, ::-1].diagonal(m - 1 - d)


def _diagonal_starts(n: int, m: int) -> NDArray[np.int64]:
    """Return where each anti-diagonal starts when they lie one after another.

    The row of its first cell is taken off, so that cell (i, j) is at start + i.
    """
    d = np.arange(n + m - 1)
    low = np.maximum(0, d - m + 1)
    lengths = np.minimum(n, d + 1) - low
    return np.cumsum(lengths) - lengths - low


def _sweep_full(cost: NDArray[Any]) -> NDArray[np.uint8]:
    """Return for each cell, in order of anti-diagonals, the step that leads to it."""
    n, m = cost.shape
    moves = np.empty(n * m, dtype=np.uint8)
    # Row i of a buffer is entry i + 1; entry 0 is the border, where nothing is.
    older, old, new = (np.full(n + 1, np.inf) for _ in range(3))
    older[0] = 0.0
    position = 0
    for d in range(n + m - 1):
        low, high, price = _diagonal(cost, d)
        both, x, y = older[low:high], old[low:high], old[low + 1 : high + 1]
        move = moves[position : position + high - low]
        np.less(y, x, out=move.view(bool))
        move += _X
        best = np.minimum(x, y)
        move *= both > best
        np.minimum(best, both, out=best)
        np.add(best, price, out=new[low + 1 : high + 1])
        position += high - low
        older[0] = np.inf
        older, old, new = old, new, older
    return moves


def _trace_full(moves: NDArray[np.uint8], n: int, m: int) -> NDArray[np.int64]:
    """Follow the steps back from the last cell to the first."""
    starts = _diagonal_starts(n, m).tolist()
    i, j = n - 1, m - 1
    path = [(i, j)]
    while i or j:
        move = moves[starts[i + j] + i]
        i, j = i - (move != _Y), j - (move != _X)
        path.append((i, j))
    return np.array(path[::-1], dtype=np.int64)


def _path_by_sums(cost: NDArray[Any]) -> NDArray[np.int64]:
    """Find the path of `_sweep_full` and `_trace_full`, and keep all sums for it."""
    swapped = cost.shape[0] > cost.shape[1]
    short = cost.T if swapped else cost
    n, m = short.shape
    # Row d + 2 is an anti-diagonal: entry i + 1 of it has what cell (i, d - i) costs,
    # and then the least sum of a path to it. Elsewhere is nothing.
    sums = np.full((n + m + 1, n + 1), np.inf)
    sums[0, 0] = 0.0
    down, right = sums.strides
    as_strided(sums[2:, 1:], (n, m), (down + right, down))[...] = short
    best = np.empty(n)
    lefts, rights = sums[:, :-1], sums[:, 1:]
    for both, one, other, here in zip(
        lefts[:-2], lefts[1:-1], rights[1:-1], rights[2:], strict=True
    ):
        np.minimum(one, other, out=best)
        np.minimum(best, both, out=best)
        np.add(best, here, out=here)
    at = sums.data
    i, j = n - 1, m - 1
    path = [(i, j)]
    while i or j:
        d = i + j
        both, one, other = at[d, i], at[d + 1, i], at[d + 1, i + 1]
        if both <= one and both <= other:
            i, j = i - 1, j - 1
        elif one < other or (one == other and not swapped):
            i -= 1
        else:
            j -= 1
        path.append((i, j))
    found = np.array(path[::-1], dtype=np.int64)
    return found[:, ::-1].copy() if swapped else found


def _path_by_strips(cost: NDArray[Any]) -> NDArray[np.int64]:
    """Find the path of `_sweep_full` and `_trace_full`, a strip of rows at a time.

    Each row of a strip is one cell behind the row above it, so that no cell of a step
    waits for another.
    """
    n, m = cost.shape
    n_steps, n_strips = m + ROWS - 1, (n + ROWS - 1) // ROWS
    # Entry (t % STEPS, i) is cell (i, t - i) of the strip. Before its first cell a row
    # has infinite sums; nothing reads those after its last one.
    prices = np.zeros((min(STEPS, n_steps), ROWS), dtype=cost.dtype)
    # Step after step; what rows past the last one write there is written over.
    moves = np.empty(n * n_steps + ROWS, dtype=np.uint8)
    # Entry j + 1 is the least sum to column j of the row above the strip.
    above = np.full(n_steps + 2, np.inf)
    above[0] = 0.0
    # Entry i + 1 is the least sum to row i at a step, entry 0 that of the row above.
    older = np.empty(ROWS + 1)
    old, new = older.copy(), older.copy()
    for strip in range(n_strips):
        first = strip * ROWS
        n_rows = min(ROWS, n - first)
        older[:] = old[:] = np.inf
        older[0], old[0] = above[0], above[1]
        above[0] = np.inf
        for t in range(n_steps):
            if t % STEPS == 0:
                for i in range(n_rows):
                    seen = cost[first + i, max(t - i, 0) : max(t + STEPS - i, 0)]
                    column = prices[max(i - t, 0) :, i]
                    for j in range(len(seen)):
                        column[j] = seen[j]
            at = first * n_steps + t * n_rows
            price, step = prices[t % STEPS], moves[at : at + ROWS]
            for i in range(ROWS):
                both, one, other = older[i], old[i], old[i + 1]
                best = min(one, other)
                move = _Y if other < one else _X
                step[i] = _BOTH if both <= best else move
                new[i + 1] = min(best, both) + price[i]
            new[0] = above[t + 2]
            j = t - (n_rows - 1)
            if 0 <= j < m:
                above[j + 1] = new[n_rows]
            older, old, new = old, new, older
    path = np.empty((n + m - 1, 2), dtype=np.int64)
    i, j, start = n - 1, m - 1, n + m - 2
    path[start, 0], path[start, 1] = i, j
    while i > 0 or j > 0:
        row = i % ROWS
        first = i - row
        at = first * n_steps + (row + j) * min(ROWS, n - first) + row
        i, j, start = i - (moves[at] != _Y), j - (moves[at] != _X), start - 1
        path[start, 0], path[start, 1] = i, j
    return path[start:].copy()


def _sweep_drops(cost: NDArray[Any], drop: float) -> NDArray[np.uint8]:
    """Return for each cell, in order of anti-diagonals, its four choices in one byte.

    Over the prefixes that end with (i, j): `match`, whose last pair is (i, j);
    `keep_y`, whose last pair holds j, frames of x after it being dropped; `keep_x`, the
    other way round; and `prefix`, the best of all.
    """
    n, m = cost.shape
    moves = np.empty(n * m, dtype=np.uint8)
    # Entry i + 1 is row i; in `older` and `prefix` entry 0 and the entry past the last
    # row are the prefixes of which one is empty, elsewhere they stay infinite.
    older, prefix, keep_x, keep_y = (np.full(n + 1, np.inf) for _ in range(4))
    older[0] = 0.0
    prefix[:2] = drop
    position = 0
    for d in range(n + m - 1):
        low, high, price = _diagonal(cost, d)
        here, above = slice(low + 1, high + 1), slice(low, high)
        move = moves[position : position + high - low]
        match, origin = _best_of_three(older[above], keep_y[above], keep_x[here])
        match += price
        drop_x, drop_y = keep_y[above] + drop, keep_x[here] + drop
        move[:] = origin
        move += _DROP_X * (drop_x < match).view(np.uint8)
        move += _DROP_Y * (drop_y < match).view(np.uint8)
        keep_y[here] = np.minimum(drop_x, match)
        keep_x[here] = np.minimum(drop_y, match)
        best, choice = _best_of_three(match, prefix[above] + drop, prefix[here] + drop)
        move += _PREFIX * choice
        older[here] = best
        older[0] = (d + 2) * drop
        older[d + 2 : d + 3] = (d + 2) * drop
        position += high - low
        older, prefix = prefix, older
    return moves


def _best_of_three(
    both: NDArray[Any], x: NDArray[Any], y: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[np.uint8]]:
    """Return the elementwise minimum and which it is; the earlier where they tie."""
    choice = (y < x).view(np.uint8) + np.uint8(_X)
    best = np.minimum(x, y)
    choice *= best < both
    return np.minimum(best, both, out=best), choice


def _trace_drops(moves: NDArray[np.uint8], n: int, m: int) -> NDArray[np.int64]:
    """Follow the choices back from the best prefix of all to an empty one."""
    starts = _diagonal_starts(n, m).tolist()
    i, j, state = n - 1, m - 1, "prefix"
    path = []
    while i >= 0 and j >= 0:
        move = int(moves[starts[i + j] + i])
        step = _BOTH
        if state == "prefix":
            step = move // _PREFIX % 4
        elif state == "keep_y" and move & _DROP_X:
            step = _X
        elif state == "keep_x" and move & _DROP_Y:
            step = _Y
        if step == _BOTH:  # (i, j) is a pair
            path.append((i, j))
            step = move % 4
            state = ("prefix", "keep_y", "keep_x")[step]
        i, j = i - (step != _Y), j - (step != _X)
    return np.array(path[::-1], dtype=np.int64).reshape(-1, 2)


def cheapest_labels(losses: np.ndarray, price: float) -> np.ndarray:
    """Label frames at the least loss plus a price for each change of label.

    Parameters
    ----------
    losses : ndarray of shape (n_frames, n_labels)
        Loss of each label at each frame.
    price : float
        Of a change.

    Returns
    -------
    int64 ndarray of shape (n_frames,)
    """
    find_labels = compiled(_labels_by_cells)
    if find_labels is not None:
        kept = np.ascontiguousarray(losses)
        labels: NDArray[np.int64] = find_labels(kept, kept.dtype.type(price))
        return labels
    return _labels_by_frames(losses, price)


def _labels_by_frames(losses: np.ndarray, price: float) -> NDArray[np.int64]:
    """Label frames as `_labels_by_cells` does, all labels of a frame at once."""
    n = len(losses)
    stays = np.empty(losses.shape, dtype=bool)
    before = np.empty(n, dtype=np.int64)
    best = losses[0]
    for t in range(1, n):
        before[t] = best.argmin()
        change = best[before[t]] + price
        stays[t] = best <= change
        best = np.minimum(best, change) + losses[t]
    labels = np.empty(n, dtype=np.int64)
    labels[-1] = best.argmin()
    for t in range(n - 1, 0, -1):
        labels[t - 1] = labels[t] if stays[t, labels[t]] else before[t]
    return labels


def _labels_by_cells(losses: Any, price: Any) -> Any:
    """Find the labels of `cheapest_labels`, cell by cell."""
    n, n_labels = losses.shape
    stays = np.empty((n, n_labels), dtype=np.bool_)
    before = np.empty(n, dtype=np.int64)
    best = losses[0].copy()
    for t in range(1, n):
        least = 0
        for k in range(1, n_labels):
            if best[k] < best[least]:
                least = k
        before[t] = least
        change = best[least] + price
        for k in range(n_labels):
            stays[t, k] = best[k] <= change
            best[k] = min(best[k], change) + losses[t, k]
    labels = np.empty(n, dtype=np.int64)
    label = 0
    for k in range(1, n_labels):
        if best[k] < best[label]:
            label = k
    labels[n - 1] = label
    for t in range(n - 1, 0, -1):
        if not stays[t, label]:
            label = before[t]
        labels[t - 1] = label
    return labels
