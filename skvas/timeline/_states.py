"""Where on a template each frame of a video may be."""

from __future__ import annotations

import numpy as np

from skvas._optional import compiled
from skvas.timeline._paths import block_means

# Smoothing of the alignment, in the unit of cosine costs.
SMOOTHING = 0.2
# Bytes that an expected alignment takes for each pair of frame and position.
BYTES_A_CELL = 64
# Weights of paths are sums times powers of 2**256, and the sums stay near 1.
RADIX, HIGH, TINY = 2.0**256, 2.0**128, 2.0**-256
# Scores of cells that stay in range so; larger ones are summed as logarithms.
MODERATE = 80.0


def position_posteriors(
    video: np.ndarray, template: np.ndarray, *, limit: float
) -> np.ndarray:
    """Give each frame a distribution over the positions of a template.

    Parameters
    ----------
    video : ndarray of shape (n_frames, D)
        Unit frames.
    template : ndarray of shape (n_positions, D)
        Unit frames.
    limit : float
        Bytes that may be taken. In longer videos neighbouring frames share one
        distribution.

    Returns
    -------
    ndarray of shape (n_frames, n_positions)
        Rows sum to 1.
    """
    shared, row_of = shared_posteriors(video, template, limit=limit)
    return shared if row_of is None else shared[row_of]


def shared_posteriors(
    video: np.ndarray, template: np.ndarray, *, limit: float
) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the rows of `position_posteriors`, each once, and which each frame has.

    None where each frame has a row of its own. Parameters are those of
    `position_posteriors`.
    """
    most = limit / (BYTES_A_CELL * len(template))
    row_of = None
    if most < len(video):
        n_blocks = max(1, int(most))
        row_of = np.arange(len(video)) * n_blocks // len(video)
        video = block_means(video, n_blocks)
    plan = expected_alignment(1 - video @ template.T, SMOOTHING)
    plan /= plan.sum(axis=1, keepdims=True)
    return plan, row_of


def expected_alignment(cost: np.ndarray, smoothing: float) -> np.ndarray:
    r"""Return the probability that a monotone path visits each cell.

    A path of cost c has a probability proportional to :math:`\exp(-c / \gamma)`. The
    result is the gradient of soft-DTW [1]_ with respect to the costs.

    Parameters
    ----------
    cost : ndarray of shape (N, M)
        Cost of visiting each cell.
    smoothing : float
        :math:`\gamma`, positive.

    Returns
    -------
    float64 ndarray of shape (N, M)
        In [0, 1]; each row and each column sums to 1 or more.

    References
    ----------
    .. [1] M. Cuturi and M. Blondel, "Soft-DTW: a differentiable loss function for
       time-series", ICML 2017.
    """
    score = -np.asarray(cost, dtype=float) / smoothing
    sums, join = compiled(_sums_by_cells), compiled(_join_by_cells)
    if sums is not None and join is not None and np.abs(score).max() <= MODERATE:
        weights = np.exp(score)
        turned = np.ascontiguousarray(weights[::-1, ::-1])
        visits: np.ndarray = join(weights, *sums(weights), *sums(turned))
        return visits
    forward = _log_sums(score)
    backward = _log_sums(score[::-1, ::-1])[::-1, ::-1]
    return np.exp(forward + backward - score - forward[-1, -1])


def _join_by_cells(
    weights: np.ndarray,
    before: np.ndarray,
    power_before: np.ndarray,
    after: np.ndarray,
    power_after: np.ndarray,
) -> np.ndarray:
    """Return the share of all paths that visit each cell, in place of `before`.

    `before` are the summed weights of the paths to a cell, and `after` those of the
    paths from it, in reversed order.
    """
    n, m = weights.shape
    total, total_power = before[-1, -1], power_before[-1, -1]
    for i in range(n):
        for j in range(m):
            up, left = n - 1 - i, m - 1 - j
            power = power_before[i, j] + power_after[up, left] - total_power
            share = before[i, j] * (after[up, left] / (weights[i, j] * total))
            if power < -2:  # below the smallest number
                share = 0.0
            else:
                while power < 0:
                    share, power = share * TINY, power + 1
                while power > 0:
                    share, power = share * RADIX, power - 1
            before[i, j] = share
    return before


def _sums_by_cells(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the summed weights of all paths to each cell, and their powers."""
    n, m = weights.shape
    sums = np.empty((n, m))
    powers = np.empty((n, m), dtype=np.int32)
    for i in range(n):
        for j in range(m):
            total, power = 0.0, -(1 << 30)
            if i == 0 and j == 0:
                total, power = 1.0, 0
            for up, left in ((1, 0), (0, 1), (1, 1)):
                if i < up or j < left:
                    continue
                more, of = sums[i - up, j - left], powers[i - up, j - left]
                if of > power:
                    total = more + (total * TINY if of == power + 1 else 0.0)
                    power = of
                elif of >= power - 1:
                    total += more if of == power else more * TINY
            total *= weights[i, j]
            if total > HIGH:
                total, power = total * TINY, power + 1
            elif total < 1 / HIGH:
                total, power = total * RADIX, power - 1
            sums[i, j] = total
            powers[i, j] = power
    return sums, powers


def _log_sums(score: np.ndarray) -> np.ndarray:
    """Return for each cell the log of the summed weights of all paths that end there.

    Anti-diagonals are swept one after another; in `skewed` each of them is a row.
    """
    if score.shape[0] < score.shape[1]:  # the rows of `skewed` are the shorter side
        return _log_sums(score.T).T
    n, m = score.shape
    i, j = np.indices((n, m))
    # Row d holds the cells with i + j = d; entry j + 1 is column j, entry 0 the border.
    skewed = np.full((n + m - 1, m + 1), -np.inf)
    skewed[i + j, j + 1] = score
    older, old = np.full(m + 1, -np.inf), skewed[0]
    for row in skewed[1:]:
        row[1:] += np.logaddexp(np.logaddexp(old[1:], old[:-1]), older[:-1])
        older, old = old, row
    sums: np.ndarray = skewed[i + j, j + 1]
    return sums
