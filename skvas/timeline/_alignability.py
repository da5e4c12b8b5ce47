"""How much of its cost the order of a template saves a video."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from skvas.metrics._order import NO_ROOM, path_cost
from skvas.videos._frames import spread

# The null breaks the template into equal blocks, permuted alike for all videos:
# what a permutation lacks or favours then cancels where videos are compared.
N_BLOCKS, N_PERMUTATIONS = 6, 12
# A video is unrelated to the others where order saves it less than this share of what
# it saves the median video, if that is at least so much.
UNRELATED, MIN_MEDIAN = 1 / 3, 0.2
# Evenly spread frames, of video and template, that alignability looks at.
ALIGNABLE_FRAMES = 64


def alignability(
    videos: Sequence[np.ndarray],
    template: np.ndarray,
    parts: Sequence[tuple[int, int] | None] | None = None,
) -> np.ndarray:
    """Measure how much of its cost each video saves by the template's order.

    Parameters
    ----------
    videos : sequence of ndarray of shape (n_i, D)
        Unit frames.
    template : ndarray of shape (n_positions, D)
        Unit frames.
    parts : sequence of tuple of two int or None, default=None
        The positions that each video passes, from and to; None: all.

    Returns
    -------
    ndarray of shape (n_videos,)
        One minus the ratio of the mean cost along the path to that along paths through
        permuted blocks: 1 for a copy of the template, about 0 for an unrelated video.
    """
    saved = []
    for video, part in zip(videos, parts or [None] * len(videos), strict=True):
        passed = template if part is None else template[slice(*part)]
        thin = passed[spread(len(passed), ALIGNABLE_FRAMES)]
        cost = 1 - video[spread(len(video), ALIGNABLE_FRAMES)] @ thin.T
        null = permuted_cost(cost)
        saved.append(1 - path_cost(cost) / null if null > NO_ROOM else 0.0)
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


def permuted_cost(cost: np.ndarray) -> float:
    """Return the mean cost of rows along paths through columns in permuted blocks.

    Parameters
    ----------
    cost : ndarray of shape (N, M)
        Cost of matching frames of two videos.

    Returns
    -------
    float
    """
    blocks = np.array_split(np.arange(cost.shape[1]), min(N_BLOCKS, cost.shape[1]))
    rng = np.random.RandomState(0)
    permuted = []
    for _ in range(N_PERMUTATIONS):
        order = rng.permutation(len(blocks))
        while len(blocks) > 1 and (np.diff(order) > 0).all():
            order = rng.permutation(len(blocks))
        columns = np.concatenate([blocks[k] for k in order])
        permuted.append(path_cost(cost.take(columns, axis=1)))
    return float(np.mean(permuted))
