"""Features of a frame that need no later frame."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from skvas._on_demand import lengths_of
from skvas.preprocessing._motion import Motion
from skvas.preprocessing._smoothing import (
    go_on_smoothing,
    motion_sigma,
    weight_of_newest,
)
from skvas.preprocessing._standardizer import added_up, moments
from skvas.videos._frames import frame_blocks
from skvas.videos._stored import check_array, check_count

# The collection counts as so many frames of a recording, as a share of the median
# video: a recording's own mean and variance take over as it goes on.
PRIOR_SHARE = 0.1
# They count for no less than this share of that where recordings differ.
LEAST_TRUST = 0.05
# Features are clipped at so many standard deviations of the collection from its mean.
FAR = 12.0
# A feature that varies by less than this share of its deviation in the collection is
# constant within videos.
CONSTANT = 1e-3


@dataclass(frozen=True)
class RunningMoments:
    """Frames standardised by what was seen of their recording.

    The mean and the variance of a recording start as those of the collection, which
    count as `prior` frames.

    Attributes
    ----------
    mean, scale : ndarray of shape (n_features,)
        Of the frames of the collection. Features that do not vary have the scale 0.
    deviation : ndarray of shape (n_features,)
        Mean standard deviation within a video, in units of `scale`.
    prior : float
        Frames that the collection counts as.
    both : bool
        Whether frames standardised by the collection alone are put beside those, as
        the last columns: they do not depend on which steps the recording had before.
    motion : Motion or None
        How much these vary, if that is put beside the first columns.
    newest : float
        Weight of the newest frame in the exponential means that tell how much.
    """

    mean: np.ndarray
    scale: np.ndarray
    deviation: np.ndarray
    prior: float
    both: bool
    motion: Motion | None = None
    newest: float = 1.0

    @classmethod
    def of(
        cls,
        videos: Sequence[np.ndarray],
        *,
        both: bool = False,
        reach: float | None = None,
    ) -> RunningMoments:
        """Learn the moments of a collection.

        Parameters
        ----------
        videos : sequence of ndarray of shape (n_i, n_features)
            The collection.
        both : bool, default=False
            Whether frames standardised by the collection alone are put beside.
        reach : float, default=None
            Motion is put beside, too: of as many frames as a Gaussian averages whose
            standard deviation is this share of the median video. None: it is not.
        """
        peak, mean, scale = moments(videos)
        own = []
        for video in videos:
            n = len(video)
            squares = added_up(video, peak, added_up(video, peak) / n)
            own.append(np.sqrt(squares / n))
        within = np.mean(own, axis=0) / np.where(scale > 0, scale, 1)
        deviation = np.where(within > CONSTANT, within, 1)
        mean, scale = mean * peak, scale * peak
        usual = float(np.median(lengths_of(videos)))
        prior = PRIOR_SHARE * usual * _trust(within[scale > 0])
        still = cls(mean, scale, deviation, prior, both)
        if reach is None:
            return still
        moving = replace(still, newest=weight_of_newest(motion_sigma(reach, usual)))
        return replace(moving, motion=Motion.of(videos, moving.vary))

    @property
    def narrow(self) -> int:
        """Number of features that a frame has without `both`."""
        return (1 + (self.motion is not None)) * len(self.mean)

    @property
    def width(self) -> int:
        """Number of features that a frame gets."""
        return self.narrow + self.both * len(self.mean)

    def standardise(self, frames: np.ndarray) -> np.ndarray:
        """Scale frames by the collection, without regard to the recording."""
        scaled: np.ndarray = frames - self.mean
        scaled /= self._divisor
        if len(self._constant):
            scaled[..., self._constant] = 0
        np.minimum(scaled, FAR, out=scaled)
        return np.maximum(scaled, -FAR, out=scaled)

    @cached_property
    def _divisor(self) -> np.ndarray:
        """The scale, and 1 of features that do not vary."""
        return np.where(self.scale > 0, self.scale, 1)

    @cached_property
    def _constant(self) -> np.ndarray:
        """The columns of features that do not vary."""
        return np.flatnonzero(self.scale <= 0)

    def vary(self, video: np.ndarray) -> np.ndarray:
        """Return how much the features of a recording vary up to each frame."""
        found, means = [], None
        for rows in frame_blocks(video):
            block = self.standardise(video[rows])
            spread, means = self._spread(block, means)
            found.append(spread)
        return np.concatenate(found)

    def _spread(
        self, standard: np.ndarray, means: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return what the next frames vary by, and the means after the last of them.

        `means` are those before, of standard frames and of their squares.
        """
        both = np.hstack([standard, standard**2])
        passed = go_on_smoothing(both, self.newest, both[0] if means is None else means)
        return _deviation(passed), passed[-1]

    def follow(self, video: np.ndarray, dtype: Any = np.float64) -> np.ndarray:
        """Return the features of a recording's frames, (n_frames, width).

        As :class:`Standing` does frame by frame, but for rounding.
        """
        width = len(self.mean)
        found = np.empty((len(video), self.width), dtype)
        total, squares, means = np.zeros(width), np.zeros(width), None
        for rows in frame_blocks(video):
            block, c = found[rows], self.standardise(video[rows])
            if self.motion is not None:
                spread, means = self._spread(c, means)
                block[:, width : self.narrow] = self.motion.standard(spread)
            if self.both:
                block[:, self.narrow :] = c
            n = np.arange(1, len(c) + 1)[:, None] + rows.start + self.prior
            sums = c.copy()
            sums[0] += total
            total = np.cumsum(sums, axis=0, out=sums)[-1].copy()
            sums /= n
            z = np.subtract(c, sums, out=c)
            spread = np.square(z, out=sums)
            spread[0] += squares
            squares = np.cumsum(spread, axis=0, out=spread)[-1].copy()
            spread += self.prior * self.deviation**2
            spread /= n
            block[:, :width] = np.divide(z, np.sqrt(spread, out=spread), out=z)
        return found


class Standing:
    """What was seen of a recording: the sums behind its mean and variance.

    Parameters
    ----------
    features : RunningMoments
        What the frames are turned into.
    """

    def __init__(self, features: RunningMoments) -> None:
        self.features = features
        self.n_frames = 0
        self.total = np.zeros(len(features.mean))
        self.squares = np.zeros(len(features.mean))
        self.means: np.ndarray | None = None

    def see(self, frame: np.ndarray, *, counts: bool = True) -> np.ndarray:
        """Return the features of the next frame, (width,).

        Mean and variance stay as they are if the frame does not count.
        """
        features = self.features
        c = features.standardise(frame)
        self.n_frames += counts
        n = self.n_frames + features.prior
        self.total += c * counts
        centred = c - self.total / n
        self.squares += centred**2 * counts
        z = centred / np.sqrt(self._variance)
        if features.motion is not None:
            now = np.concatenate([c, c**2])
            means = now if self.means is None else self.means
            self.means = means + features.newest * (now - means)
            spread = _deviation(self.means)
            z = np.concatenate([z, features.motion.standard(spread)])
        return np.concatenate([z, c]) if features.both else z

    def copy(self) -> Standing:
        """Return one that goes on from here by itself."""
        other = Standing(self.features)
        other.restore(copy.deepcopy(self.state()))
        return other

    @property
    def has_varied(self) -> bool:
        """Whether the recording has varied as much as those of the collection do."""
        return bool((self._variance / self.features.deviation**2).mean() >= 1)

    @property
    def _variance(self) -> np.ndarray:
        """That of what was seen, (n_features,)."""
        features = self.features
        spread = features.prior * features.deviation**2 + self.squares
        found: np.ndarray = spread / (self.n_frames + features.prior)
        return found

    def state(self) -> list[Any]:
        """Return what was seen, as numbers and arrays."""
        return [self.n_frames, self.total, self.squares, self.means]

    def restore(self, state: Any) -> None:
        """Go on from what `state` has returned; a file may hold anything."""
        n_frames, total, squares, *means = state
        shape = self.total.shape
        self.n_frames = check_count("n_frames", n_frames)
        self.total = check_array("total", total, shape, np.float64)
        self.squares = check_array("squares", squares, shape, np.float64, low=0)
        [self.means] = means or [None]  # younger than streams
        if self.means is not None:
            check_array("means", self.means, (2 * shape[0],), np.float64)


def _deviation(means: np.ndarray) -> np.ndarray:
    """Return standard deviations from means of numbers and of their squares."""
    mean, square = np.split(means, 2, axis=-1)
    found: np.ndarray = np.sqrt(np.maximum(square - mean**2, 0))
    return found


def _trust(within: np.ndarray) -> float:
    """Return how far the collection tells where a recording lies, at most 1.

    Less where more of the variance lies between recordings than within them.

    Parameters
    ----------
    within : ndarray of shape (n_features,)
        Standard deviation within a video, as a share of that of the collection.
    """
    share = float((within**2).mean()) if len(within) else 1.0
    return max(LEAST_TRUST, share / (1 - share)) if share < 0.5 else 1.0
