"""Averages of videos along their paths through a template."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from skvas._on_demand import lengths_of
from skvas.timeline._consult import consult
from skvas.timeline._paths import follow, mean_cost
from skvas.videos._frames import spread, unit

# Frames of a video that the choice of the medoid looks at, the videos that may be it,
# and the videos that each of them is compared with.
MEDOID_FRAMES, MEDOID_CANDIDATES, MEDOID_OTHERS = 64, 16, 24


def medoid(videos: Sequence[np.ndarray]) -> int:
    """Return the video whose paths with (some of) the others cost least.

    Parameters
    ----------
    videos : sequence of ndarray of shape (n_i, D)
        Unit frames.

    Returns
    -------
    int
        Position of the video.
    """
    candidates = spread(len(videos), MEDOID_CANDIDATES)
    others = spread(len(videos), MEDOID_OTHERS)
    thin = {
        i: videos[i][spread(len(videos[i]), MEDOID_FRAMES)]
        for i in {*candidates.tolist(), *others.tolist()}
    }
    # The median, so that a few unrelated videos have no say.
    costs = [
        np.median([mean_cost(thin[i], thin[j]) for j in others if j != i] or [0.0])
        for i in candidates
    ]
    return int(candidates[np.argmin(costs)])


def average(
    videos: Sequence[np.ndarray],
    template: np.ndarray,
    limit: float,
    *,
    consulting: bool = False,
) -> np.ndarray:
    """Average videos along their paths through a template, in equal steps of time.

    Parameters
    ----------
    videos : sequence of ndarray of shape (n_i, D)
        Unit frames.
    template : ndarray of shape (n_positions, D)
        Unit frames that the videos are matched with.
    limit : float
        Bytes that a path may take.
    consulting : bool, default=False
        Whether other videos have a say in where a video passes.

    Returns
    -------
    ndarray of shape (n_positions, D)
        Unit frames.
    """
    passages = [follow(video, template, limit=limit) for video in videos]
    if consulting:
        passed = consult(videos, passages)
    else:
        passed = [passage.frames for passage in passages]
    mean = mean_at(videos, passed)
    return unit(_in_equal_steps(mean, _shares_of_time(videos, passed)))


def mean_at(videos: Sequence[np.ndarray], passed: Sequence[np.ndarray]) -> np.ndarray:
    """Average the frames that pass each position.

    Parameters
    ----------
    videos : sequence of ndarray of shape (n_i, d)
        Any features of the frames.
    passed : sequence of ndarray of shape (n_positions,)
        The (fractional) frame with which each video passes each position.

    Returns
    -------
    ndarray of shape (n_positions, d)
    """
    total = np.zeros((len(passed[0]), videos[0].shape[1]))
    for video, frames in zip(videos, passed, strict=True):
        total += frames_at(video, frames)
    return total / len(videos)


def frames_at(video: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """Return the frames nearest to fractional ones.

    Parameters
    ----------
    video : ndarray of shape (n_frames, ...)
        One entry a frame.
    frames : float ndarray of shape (n,)
        In [0, n_frames - 1].

    Returns
    -------
    ndarray of shape (n, ...)
    """
    return video[np.rint(frames).astype(np.int64)]


def _shares_of_time(
    videos: Sequence[np.ndarray], passed: Sequence[np.ndarray]
) -> np.ndarray:
    """Return the mean share of their time that videos have spent at each position."""
    shares = [frames / n for n, frames in zip(lengths_of(videos), passed, strict=True)]
    mean: np.ndarray = np.mean(shares, axis=0)
    return mean


def _in_equal_steps(template: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Resample a template so that shares rise by equal steps."""
    span = shares[-1] - shares[0]
    if span <= 0:
        return template
    wanted = np.linspace(0, 1, len(template))
    index = np.interp(wanted, (shares - shares[0]) / span, np.arange(len(template)))
    return frames_at(template, index)
