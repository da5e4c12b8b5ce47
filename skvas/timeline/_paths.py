"""Paths of videos along a template, in full or coarse to fine."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import uniform_filter1d

from skvas.decoding import monotone_path

# Bytes that a path through a full cost matrix takes for each pair of frames.
BYTES_A_PAIR = 24
# Pairs of frames up to which a path is found at once, and pairs of coarse frames.
FULL_PAIRS, COARSE_PAIRS = 1 << 24, 1 << 22
# Steps of a path that are refined together, at most.
PIECE_STEPS = 2000
# A video lacks the moments where it moves on at less than this share of its usual
# speed, over a window of this share of the timeline and some frames, at a high cost.
SLOW, WINDOW, WINDOW_FRAMES = 0.25, 0.03, 4


@dataclass(frozen=True)
class Passage:
    """Where one video passes each position of a template, and the reverse.

    Attributes
    ----------
    positions : float64 ndarray of shape (n_frames,)
        Mean position that each frame is matched with; it never falls.
    frames : float64 ndarray of shape (n_positions,)
        Mean frame that each position is matched with; it never falls.
    costs : float64 ndarray of shape (n_positions,)
        Mean cosine cost of each position's matches.
    """

    positions: np.ndarray
    frames: np.ndarray
    costs: np.ndarray

    def lacking(self) -> np.ndarray:
        """Tell which moments the video lacks: few of its frames stand for them, badly.

        Returns
        -------
        bool ndarray of shape (n_positions,)
        """
        n_positions = len(self.frames)
        usual = len(self.positions) / n_positions  # frames a position
        window = int(np.ceil(max(WINDOW * n_positions, WINDOW_FRAMES / usual)))
        if window >= n_positions:
            return np.zeros(n_positions, dtype=bool)
        advance = self.frames[window:] - self.frames[:-window]
        slow = advance <= SLOW * usual * window
        # A position is in a slow window where one starts or ends there.
        is_slow = np.pad(slow, (0, window)) | np.pad(slow, (window, 0))
        costs = uniform_filter1d(self.costs, window, mode="nearest")
        absent: np.ndarray = is_slow & (costs > self.costs.mean())
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
    i, j = path.T
    costs = 1 - np.einsum("ld,ld->l", video[i], template[j], dtype=float)
    return Passage(
        _mean_by(i, j, len(video)),
        _mean_by(j, i, len(template)),
        _mean_by(j, costs, len(template)),
    )


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
    n_pairs = max(limit / BYTES_A_PAIR, 4)
    if len(x) * len(y) <= min(n_pairs, FULL_PAIRS):
        return monotone_path(1 - x @ y.T)
    n_pairs = min(n_pairs, COARSE_PAIRS)
    n_x, n_y = _coarse_lengths(len(x), len(y), n_pairs)
    path = monotone_path(1 - block_means(x, n_x) @ block_means(y, n_y).T)
    scale = [len(x) / n_x, len(y) / n_y]
    path = np.floor((path + 0.5) * scale).astype(np.int64)
    n_steps = int(min(PIECE_STEPS, 2 * np.sqrt(n_pairs)))
    for shift in (0, n_steps // 2):
        path = _refine(x, y, path, n_steps, shift)
    return path


def _mean_by(groups: np.ndarray, values: np.ndarray, n_groups: int) -> np.ndarray:
    """Average values by group; no group is empty."""
    total: np.ndarray = np.bincount(groups, values, minlength=n_groups)
    return total / np.bincount(groups, minlength=n_groups)


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
        piece = monotone_path(1 - x[rows] @ y[columns].T) + start
        pieces.append(piece[1:])
    return np.concatenate(pieces)


def spread(n: int, most: int) -> np.ndarray:
    """Return evenly spread numbers below n, each once.

    Parameters
    ----------
    n : int
        Positive.
    most : int
        How many to return, at most.

    Returns
    -------
    int64 ndarray
    """
    return np.linspace(0, n - 1, min(n, most)).round().astype(np.int64)


def unit(frames: np.ndarray) -> np.ndarray:
    """Scale rows to length one; rows of length zero stay zero.

    Parameters
    ----------
    frames : ndarray of shape (..., D)
        Rows.

    Returns
    -------
    ndarray of shape (..., D)
    """
    norms = np.linalg.norm(frames, axis=-1, keepdims=True)
    scaled: np.ndarray = frames / np.where(norms > 0, norms, 1)
    return scaled
