"""Paths of videos along a template, in full or coarse to fine."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import uniform_filter1d

from skvas.decoding import monotone_path
from skvas.videos._frames import unit

# Bytes that a path through a full cost matrix takes for each pair of frames.
BYTES_A_PAIR = 24
# Pairs of frames up to which a path is found at once, and pairs of coarse frames.
FULL_PAIRS, COARSE_PAIRS = 1 << 24, 1 << 20
# Steps of a path that are refined together, at most.
PIECE_STEPS = 1000
# A video lacks the moments where it moves on at less than this share of its usual
# speed, over a window of this share of the timeline and some frames, at a cost of more
# than this multiple of its mean, and more than any between frames that look the same.
SLOW, WINDOW, WINDOW_FRAMES, DEAR, ALIKE = 0.35, 0.03, 4, 2, 0.08


@dataclass(frozen=True)
class Passage:
    """Where one video passes each position of a template, and the reverse.

    Attributes
    ----------
    positions : float64 ndarray of shape (n_frames,)
        Position that each frame is matched with; it never falls. Frames that share a
        position are spread over it.
    frames : float64 ndarray of shape (n_positions,)
        Frame that each position is matched with, likewise.
    costs : float64 ndarray of shape (n_positions,)
        Mean cosine cost of each position's matches; the mean of the others where the
        video does not pass.
    part : tuple of two int, default=None
        The first position that the video passes, and the one after the last, where it
        begins late or stops early. None: it passes all of them.
    """

    positions: np.ndarray
    frames: np.ndarray
    costs: np.ndarray
    part: tuple[int, int] | None = None

    def lacking(self) -> np.ndarray:
        """Tell which moments the video lacks: few of its frames stand for them, badly.

        It has those that cost next to nothing, and lacks those before its beginning and
        after its end.

        Returns
        -------
        bool ndarray of shape (n_positions,)
        """
        n_positions = len(self.frames)
        absent: np.ndarray
        if self.part is not None:
            inside = slice(*self.part)
            frames, costs = self.frames[inside], self.costs[inside]
            absent = np.ones(n_positions, dtype=bool)
            absent[inside] = Passage(self.positions, frames, costs).lacking()
            return absent
        usual = len(self.positions) / n_positions  # frames a position
        window = int(np.ceil(max(WINDOW * n_positions, WINDOW_FRAMES / usual)))
        if window >= n_positions:
            return np.zeros(n_positions, dtype=bool)
        advance = self.frames[window:] - self.frames[:-window]
        slow = advance <= SLOW * usual * window
        # A position is in a slow window where one starts or ends there.
        is_slow = np.pad(slow, (0, window)) | np.pad(slow, (window, 0))
        costs = uniform_filter1d(self.costs, window, mode="nearest")
        absent = is_slow & (costs > max(DEAR * self.costs.mean(), ALIKE))
        absent &= self.costs > 0
        return absent


def follow(video: np.ndarray, template: np.ndarray, *, limit: float) -> Passage:
    """Match a video with a template along the cheapest monotone path.

    Parameters
    ----------
    video : ndarray of shape (n_frames, D)
        Unit frames.
    template : ndarray of shape (n_positions, D)
        Unit frames.
    limit : float
        Bytes that the path may take. Longer inputs are matched coarse to fine.

    Returns
    -------
    Passage
    """
    path = cheapest_path(video, template, limit=limit)
    return Passage(*both_ways(path), _costs_along(path, video, template))


def mean_cost(video: np.ndarray, template: np.ndarray) -> float:
    """Return the mean of `follow(video, template).costs`, in less time."""
    path = cheapest_path(video, template, limit=np.inf)
    return float(_costs_along(path, video, template).mean())


def _costs_along(
    path: np.ndarray, video: np.ndarray, template: np.ndarray
) -> np.ndarray:
    """Return the mean cost of the pairs of a path at each position, (n_positions,)."""
    i, j = path.T
    costs = 1 - np.einsum("ld,ld->l", video[i], template[j], dtype=float)
    n_pairs = np.bincount(j, minlength=len(template))
    means: np.ndarray = np.bincount(j, costs, minlength=len(template)) / n_pairs
    return means


def both_ways(path: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return where each side of a path passes the frames of the other.

    Parameters
    ----------
    path : int64 ndarray of shape (L, 2)
        Pairs of frames, from (0, 0) to (N - 1, M - 1).

    Returns
    -------
    forth, back : float64 ndarray of shape (N,) and (M,)
        They never fall. Frames that share a partner are spread over it.
    """
    n, m = (path[-1] + 1).tolist()
    own, other = _warp(path).T
    return _at_centres(n, own, other), _at_centres(m, other, own)


def _warp(path: np.ndarray) -> np.ndarray:
    """Return the corners of a rising line through the cells of a path.

    Pair (i, j) is the cell from (i, j) to (i + 1, j + 1). Where one side waits for the
    other, its frame is shared out evenly among those of the other: the line goes
    through the corners between two steps of both sides, and the middles of runs.
    """
    advance, other = np.diff(path, axis=0).T
    side = np.r_[0, advance - other, 0]  # 0 where both sides advance, and at the ends
    waits = side[1:-1] != 0
    starts = np.flatnonzero(waits & (side[1:-1] != side[:-2]))
    stops = np.flatnonzero(waits & (side[1:-1] != side[2:])) + 1
    middles = (path[starts] + path[stops] + 1) / 2
    corners = np.vstack([[[0, 0]], path[1:][~waits], middles, path[-1:] + 1])
    rising: np.ndarray = corners[corners.sum(axis=1).argsort()]
    return rising


def _at_centres(n: int, own: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return where a line is at the centre of each of n frames of one side."""
    values: np.ndarray = np.interp(np.arange(n) + 0.5, own, other) - 0.5
    return values.clip(0, other[-1] - 1)


def cheapest_path(x: np.ndarray, y: np.ndarray, *, limit: float) -> np.ndarray:
    """Find the monotone path of least cosine cost within a limit of memory.

    Where the full cost matrix does not fit, the path is found between means of
    neighbouring frames first. It is then cut into pieces, and each piece is solved in
    full between its ends. A second pass, with pieces from middle to middle of the
    first ones, moves these ends too.

    Parameters
    ----------
    x, y : ndarray of shape (N, D) and (M, D)
        Unit frames.
    limit : float
        Bytes.

    Returns
    -------
    int64 ndarray of shape (L, 2)
        Pairs of frames, from (0, 0) to (N - 1, M - 1).
    """
    x, y = (side.astype(np.float32, copy=False) for side in (x, y))  # in half the time
    n_pairs = max(limit / BYTES_A_PAIR, 4)
    if len(x) * len(y) <= min(n_pairs, FULL_PAIRS):
        return monotone_path(_cosine_cost(x, y))
    n_pairs = min(n_pairs, COARSE_PAIRS)
    n_x, n_y = _coarse_lengths(len(x), len(y), n_pairs)
    path = monotone_path(_cosine_cost(block_means(x, n_x), block_means(y, n_y)))
    scale = [len(x) / n_x, len(y) / n_y]
    path = np.floor((path + 0.5) * scale).astype(np.int64)
    n_steps = int(min(PIECE_STEPS, 2 * np.sqrt(n_pairs)))
    for shift in (0, n_steps // 2):
        path = _refine(x, y, path, n_steps, shift)
    return path


def _cosine_cost(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the cosine costs of unit frames, (N, M), in one array."""
    products: np.ndarray = x @ y.T
    return np.subtract(1, products, out=products)


def _coarse_lengths(n: int, m: int, n_pairs: float) -> tuple[int, int]:
    """Return two lengths of a product within `n_pairs`; a short side stays whole."""
    side = int(np.sqrt(n_pairs))
    if n <= side:
        return n, int(n_pairs // n)
    if m <= side:
        return int(n_pairs // m), m
    return side, side


def block_means(frames: np.ndarray, n_blocks: int) -> np.ndarray:
    """Return unit means of runs of nearly equal length.

    Parameters
    ----------
    frames : ndarray of shape (n, D)
        Frames.
    n_blocks : int
        Number of runs, at most n. Run b holds the frames i with i n_blocks // n = b.

    Returns
    -------
    ndarray of shape (n_blocks, D)
    """
    edges = -(np.arange(n_blocks) * -len(frames) // n_blocks)
    return unit(np.add.reduceat(frames, edges, axis=0))


def _refine(
    x: np.ndarray, y: np.ndarray, path: np.ndarray, n_steps: int, shift: int
) -> np.ndarray:
    """Solve a path anew, piece by piece, between cells that it keeps."""
    steps = path.sum(axis=1)
    targets = np.arange(n_steps - shift, steps[-1], n_steps)
    ends = np.array([len(x) - 1, len(y) - 1])
    kept = np.vstack([[0, 0], path[np.searchsorted(steps, targets)], ends])
    pieces = [kept[:1]]
    for start, stop in zip(kept[:-1], kept[1:], strict=True):
        rows, columns = (slice(a, b + 1) for a, b in zip(start, stop, strict=True))
        piece = monotone_path(_cosine_cost(x[rows], y[columns])) + start
        pieces.append(piece[1:])
    return np.concatenate(pieces)
