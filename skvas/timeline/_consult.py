"""Where videos pass a template, by what other videos say."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from skvas._on_demand import lengths_of
from skvas.timeline._paths import Passage, block_means, both_ways, cheapest_path

# Means of neighbouring frames that two videos are matched by, at most, and videos that
# each one is matched with.
BLOCKS, OTHERS = 150, 10


def consult(
    videos: Sequence[np.ndarray], passages: Sequence[Passage]
) -> list[np.ndarray]:
    """Find where videos pass a template, as other videos see it.

    Each video is matched with ten others, spread over all. The frames that one of its
    frames is matched with pass the template themselves; the median of their positions,
    and of its own, is where the video passes. The errors of its passage are its own,
    and those of its matches with others differ.

    Parameters
    ----------
    videos : sequence of ndarray of shape (n_i, D)
        Unit frames.
    passages : sequence of Passage
        Where each passes the template.

    Returns
    -------
    list of float64 ndarray of shape (n_positions,)
        The frame with which each video passes each position; it never falls.
    """
    n_positions = len(passages[0].frames)
    centres = [_centres(n) for n in lengths_of(videos)]
    thin = [block_means(v, len(c)) for v, c in zip(videos, centres, strict=True)]
    known = [
        np.interp(at, np.arange(len(passage.positions)), passage.positions)
        for at, passage in zip(centres, passages, strict=True)
    ]
    seen = [[own] for own in known]
    for i, j in _pairs(len(videos)):
        path = cheapest_path(thin[i], thin[j], limit=np.inf)
        for video, other, at in zip((i, j), (j, i), both_ways(path), strict=True):
            seen[video].append(
                np.interp(at, np.arange(len(known[other])), known[other])
            )
    passed = []
    for at, said in zip(centres, seen, strict=True):
        middle = np.median(said, axis=0)
        rising = middle + np.arange(len(middle)) * np.finfo(float).eps * n_positions
        passed.append(np.interp(np.arange(n_positions), rising, at))
    return passed


def _pairs(n_videos: int) -> list[tuple[int, int]]:
    """Pair each video with ten others that are spread over all, or all of fewer."""
    steps = [round(k * n_videos / (OTHERS + 1)) for k in range(1, OTHERS // 2 + 1)]
    pairs = {(i, (i + step) % n_videos) for i in range(n_videos) for step in steps}
    return sorted({(min(pair), max(pair)) for pair in pairs if pair[0] != pair[1]})


def _centres(n_frames: int) -> np.ndarray:
    """Return the middles of the blocks that a video is looked at by."""
    n_blocks = min(n_frames, BLOCKS)
    centres: np.ndarray = (np.arange(n_blocks) + 0.5) * n_frames / n_blocks - 0.5
    return centres
