"""Single values that lie absurdly far off, as of a sensor that fails for a frame."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from skvas._on_demand import each
from skvas._printing import levels_to_user, name_first
from skvas.exceptions import SpikesWarning
from skvas.videos._frames import frame_blocks

# A value is absurd if it is so many times as far off as others ever are.
FAR = 10.0
# Absurd values are in so many frames at most, or in one of so many of the recording:
# more are no errors of a moment. Shorter recordings than that have none.
FEW, RARE = 3, 100
# Of so many recordings all but a share tell how far values usually lie.
MOST = 0.75
# A feature rests if it has its smallest or its largest value in this share of frames:
# it is a state or a rectified unit, whose rare values are the ones that tell.
RESTING = 0.25
# One that gets so many standard deviations from its mean has far values by nature.
HEAVY = 10.0


class Spikes(NamedTuple):
    """The absurd values of a recording, and what stands in their place.

    Attributes
    ----------
    frames, features : int64 ndarray of shape (n,)
        Where they are.
    values : float64 ndarray of shape (n,)
        By straight lines between the frames around them.
    """

    frames: np.ndarray
    features: np.ndarray
    values: np.ndarray


def learn_reach(videos: Sequence[np.ndarray]) -> np.ndarray:
    """Learn how far from its mean each feature gets in recordings.

    Parameters
    ----------
    videos : sequence of ndarray of shape (n_i, n_features)
        Recordings, NaN where a number is missing.

    Returns
    -------
    float64 ndarray of shape (n_features,)
        Largest distance from the mean of a recording that three quarters of the
        recordings do not exceed; 0 where it tells nothing: of features that rest, or
        have far values in more than a quarter of the recordings.
    """
    every = np.sort([_reach(video) for video in videos], axis=0)
    usual = every[int(MOST * (len(every) - 1))]
    return np.where(np.isfinite(usual), usual, 0)


def without_spikes(
    videos: Sequence[np.ndarray], reach: np.ndarray | None, names: Sequence[str]
) -> Sequence[np.ndarray]:
    """Replace absurd values of recordings, and warn of them.

    An absurd value is ten times as far off as all others, in its recording and in most
    of `fit`, and in three frames, or a hundredth, of its recording at most. The line
    between the frames around it takes its place. Recordings of less than a hundred
    frames have none.

    Parameters
    ----------
    videos : sequence of ndarray of shape (n_i, n_features)
        Recordings, NaN where a number is missing.
    reach : ndarray of shape (n_features,) or None
        As `learn_reach` returns it. None: no value is absurd.
    names : sequence of str
        Names of the recordings.

    Returns
    -------
    sequence of ndarray of shape (n_i, n_features)
        The very videos if no value is absurd.
    """
    if reach is None or not reach.any():
        return videos
    found = [_find(video, reach) for video in videos]
    spoiled = [i for i, spikes in enumerate(found) if spikes is not None]
    if not spoiled:
        return videos
    first = found[spoiled[0]]
    assert first is not None
    warnings.warn(
        f"{name_first([names[i] for i in spoiled])}: single values lie "
        f"{FAR:g} times as far off as all others, first in frame {first.frames[0]} of "
        f"feature {first.features[0]}. They are taken for errors of measurement, and "
        "replaced by a line between the frames around them. If they are right, scale "
        "the feature first, for example by its logarithm.",
        SpikesWarning,
        stacklevel=levels_to_user(),
    )
    return each(_mend, videos, found)


def _reach(video: np.ndarray) -> np.ndarray:
    """Return how far from its mean each feature gets; infinite where that is vague."""
    known = _known(video)
    low, high = _range(video, known)
    n = np.broadcast_to(known, video.shape).sum(axis=0)
    squares = np.zeros(video.shape[1])
    with np.errstate(over="ignore", invalid="ignore"):
        mean = video.sum(axis=0, dtype=float, where=known) / np.maximum(n, 1)
        reach: np.ndarray = np.maximum(high - mean, mean - low)
        for rows in frame_blocks(video):
            shares = (video[rows] - mean) / reach
            squares += np.nansum(np.square(shares, out=shares), axis=0)
    at_ends = np.maximum((video == low).sum(axis=0), (video == high).sum(axis=0))
    tells = (at_ends < RESTING * n) & (HEAVY**2 * squares > n)
    return np.where(tells & np.isfinite(reach), reach, np.inf)


def _find(video: np.ndarray, reach: np.ndarray) -> Spikes | None:
    """Find the absurd values of a recording; None if there are none."""
    if len(video) < RARE:
        return None
    low, high = _range(video, _known(video))
    with np.errstate(over="ignore"):
        wide = np.flatnonzero((high - low > FAR * reach) & (reach > 0))
    parts = []
    for feature in wide:
        column = video[:, feature].astype(float)
        far = _far_off(column, FAR * reach[feature])
        if far.any():
            near = np.flatnonzero(~far & ~np.isnan(column))
            frames = np.flatnonzero(far)
            values = np.interp(frames, near, column[near])
            parts.append(Spikes(frames, np.full(len(frames), feature), values))
    return Spikes(*map(np.concatenate, zip(*parts, strict=True))) if parts else None


def _far_off(column: np.ndarray, limit: float) -> np.ndarray:
    """Tell which values of a feature are absurd, (n_frames,)."""
    none = np.zeros(len(column), dtype=bool)
    with np.errstate(over="ignore"):
        far = np.abs(column - np.nanmedian(column)) > limit
        rest = column[~far & ~np.isnan(column)]
        most = max(FEW, len(column) // RARE)
        if not 0 < far.sum() <= most or not len(rest):
            return none
        mean = rest.mean()
        limit = max(limit, FAR * np.abs(rest - mean).max())
        return far if (np.abs(column[far] - mean) > limit).all() else none


def _known(video: np.ndarray) -> np.ndarray | bool:
    """Tell which numbers are there, (n_frames, n_features); True if all are."""
    missing = np.isnan(video)
    return ~missing if missing.any() else True


def _range(
    video: np.ndarray, known: np.ndarray | bool
) -> tuple[np.ndarray, np.ndarray]:
    """Return the smallest and the largest number of each feature, in float64."""
    low = video.min(axis=0, initial=np.inf, where=known)
    high = video.max(axis=0, initial=-np.inf, where=known)
    return low.astype(float), high.astype(float)


def _mend(video: np.ndarray, spikes: Spikes | None) -> np.ndarray:
    if spikes is None:
        return video
    mended = video.copy()
    mended[spikes.frames, spikes.features] = spikes.values
    return mended
