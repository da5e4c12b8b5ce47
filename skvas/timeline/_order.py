"""Whether videos share an order: pairs of videos, and each video with the template."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from skvas._on_demand import choose
from skvas.decoding import monotone_path
from skvas.metrics._order import draw_pairs
from skvas.videos._frames import spread

# The null breaks one of two videos into equal blocks and permutes them, some times.
N_BLOCKS, N_PERMUTATIONS = 6, 3
# Evenly spread frames of each video that are looked at.
ORDER_FRAMES = 128
# Videos share an order, or do not, where the value is more than one standard error from
# the level: recordings with a shared order have .25 to .7, others up to .16. The error
# of few pairs, as up to eight videos have, is large: those that share an order then
# need less. However small the error, the value of those that do is at least the last.
LEVEL, FEW_LEVEL, LEAST_SHARED = 0.15, 0.1, 0.22
MANY_PAIRS = 60
# Two videos have no standard error. Pairs of recordings that share no order have up to
# .39, of made ones .6 at most, in one of thirty more than this.
SURE_OF_TWO = 0.5
# A video is unrelated to the others where order saves it less than this share of what
# it saves the median video, if that is at least so much.
UNRELATED, MIN_MEDIAN = 1 / 3, 0.2
# Evenly spread frames, of video and template, that alignability looks at.
ALIGNABLE_FRAMES = 64
# Room between two costs below which frames can't be told apart.
NO_ROOM = 1e-9


@dataclass(frozen=True)
class BlockOrder:
    """How much better videos match in their own order than with blocks permuted.

    Attributes
    ----------
    value : float
        Mean over pairs of videos: 1 where a path that keeps the order matches as
        closely as free choice does, 0 where it does no better than one through a video
        whose blocks were permuted.
    error : float
        Standard error of the mean, by leaving out each video in turn; infinite for two
        videos, which have a verdict only if the value is more than .5.
    n_pairs : int
        Pairs of videos that were compared.

    Examples
    --------
    >>> from skvas.timeline import BlockOrder
    >>> BlockOrder(0.4, 0.02, 60).verdict, BlockOrder(0.2, 0.01, 60).verdict
    ('yes', 'undecided')
    """

    value: float
    error: float
    n_pairs: int

    @property
    def verdict(self) -> str:
        """Whether the videos share an order: "yes", "no" or "undecided"."""
        if np.isinf(self.error):
            return "yes" if self.value > SURE_OF_TWO else "undecided"
        least = LEVEL if self.n_pairs >= MANY_PAIRS else FEW_LEVEL
        if self.value - self.error > least and self.value >= LEAST_SHARED:
            return "yes"
        return "no" if self.value + self.error < LEVEL else "undecided"


def block_order(
    videos: Sequence[np.ndarray],
    rng: np.random.RandomState,
    *,
    n_pairs: int = MANY_PAIRS,
) -> BlockOrder:
    """Measure on pairs of videos how much their order tells.

    Parameters
    ----------
    videos : sequence of ndarray of shape (n_i, D)
        Unit frames of at least two videos.
    rng : RandomState
        Draws the pairs and the permutations.
    n_pairs : int, default=60
        Ordered pairs, at most.

    Returns
    -------
    BlockOrder
    """
    pairs = draw_pairs(len(videos), n_pairs, rng)
    drawn = np.unique(pairs)
    thin = {
        i: video[spread(len(video), ORDER_FRAMES)]
        for i, video in zip(drawn, choose(videos, drawn), strict=True)
    }
    values = np.array([gain_of_order(1 - thin[a] @ thin[b].T, rng) for a, b in pairs])
    error = _jackknife(values, pairs)
    return BlockOrder(float(values.mean()), error, len(values))


def gain_of_order(cost: np.ndarray, rng: np.random.RandomState) -> float:
    r"""Compare a monotone path with one through permuted blocks.

    With the mean costs of rows along the path (:math:`m`), along paths through columns
    whose blocks were permuted (:math:`r`) and at their cheapest columns (:math:`n`),
    the gain is :math:`(r - m) / (r - n)`.

    Parameters
    ----------
    cost : ndarray of shape (N, M)
        Cost of matching frames of two videos.
    rng : RandomState
        Draws the permutations.

    Returns
    -------
    float
        At most 1; about 0 where the order tells nothing.
    """
    null = permuted_cost(cost, rng)
    room = null - float(cost.min(axis=1).mean())
    return (null - _path_cost(cost)) / room if room > NO_ROOM else 0.0


def alignability(
    videos: Sequence[np.ndarray], template: np.ndarray, rng: np.random.RandomState
) -> np.ndarray:
    """Measure how much of its cost each video saves by the template's order.

    Parameters
    ----------
    videos : sequence of ndarray of shape (n_i, D)
        Unit frames.
    template : ndarray of shape (n_positions, D)
        Unit frames.
    rng : RandomState
        Draws the permutations.

    Returns
    -------
    ndarray of shape (n_videos,)
        One minus the ratio of the mean cost along the path to that along paths through
        permuted blocks: 1 for a copy of the template, about 0 for an unrelated video.
    """
    thin = template[spread(len(template), ALIGNABLE_FRAMES)]
    saved = []
    for video in videos:
        cost = 1 - video[spread(len(video), ALIGNABLE_FRAMES)] @ thin.T
        null = permuted_cost(cost, rng)
        saved.append(1 - _path_cost(cost) / null if null > NO_ROOM else 0.0)
    return np.array(saved)


def is_related(saved: np.ndarray) -> np.ndarray:
    """Tell the videos that follow the template from unrelated ones.

    Parameters
    ----------
    saved : ndarray of shape (n_videos,)
        Alignability.

    Returns
    -------
    bool ndarray of shape (n_videos,)
        All True where order tells little about most of the videos.
    """
    median = np.median(saved)
    if median < MIN_MEDIAN:
        return np.ones(len(saved), dtype=bool)
    related: np.ndarray = saved >= UNRELATED * median
    return related


def permuted_cost(cost: np.ndarray, rng: np.random.RandomState) -> float:
    """Return the mean cost of rows along paths through columns in permuted blocks.

    Parameters
    ----------
    cost : ndarray of shape (N, M)
        Cost of matching frames of two videos.
    rng : RandomState
        Draws the permutations.

    Returns
    -------
    float
    """
    blocks = np.array_split(np.arange(cost.shape[1]), min(N_BLOCKS, cost.shape[1]))
    permuted = []
    for _ in range(N_PERMUTATIONS):
        columns = np.concatenate([blocks[k] for k in rng.permutation(len(blocks))])
        permuted.append(_path_cost(cost.take(columns, axis=1)))
    return float(np.mean(permuted))


def _path_cost(cost: np.ndarray) -> float:
    """Return the mean over the rows of the least cost on their part of the path."""
    rows, columns = monotone_path(cost).T
    starts = np.searchsorted(rows, np.arange(len(cost)))
    return float(np.minimum.reduceat(cost[rows, columns], starts).mean())


def _jackknife(values: np.ndarray, pairs: np.ndarray) -> float:
    """Return the standard error of a mean over pairs, leaving out each video once."""
    videos = np.unique(pairs)
    without = [~(pairs == video).any(axis=1) for video in videos]
    means = [values[kept].mean() for kept in without if kept.any()]
    if len(means) < len(videos):
        return float("inf")
    n = len(means)
    return float(np.sqrt((n - 1) / n * ((means - np.mean(means)) ** 2).sum()))
