"""Numbers that frames lack, by those of the frames before."""

from __future__ import annotations

from typing import Any

import numpy as np

from skvas.preprocessing._running import RunningMoments
from skvas.videos._stored import check_array

# Frames after which a number that was seen last tells e times less of the present one.
FADES = 15.0
# Frames of a recording that the collection counts as, where its mean is asked for.
PRIOR = 20


class Known:
    """What was seen of each feature of a recording: the last number, and the mean.

    Parameters
    ----------
    features : RunningMoments
        The moments of the collection, in whose units all is counted.
    """

    def __init__(self, features: RunningMoments) -> None:
        self.features = features
        width = len(features.mean)
        self.last, self.total = np.zeros(width), np.zeros(width)
        self.n_seen, self.age = np.zeros(width), np.zeros(width)

    def complete(self, frames: np.ndarray) -> None:
        """Put numbers in the place of those that the next frames lack (NaN).

        A number goes from the last one that was seen to the mean of the recording, as
        fast as it gets old. A frame that lacks all is left as it is.

        Parameters
        ----------
        frames : float64 ndarray of shape (n, n_features)
            Changed in place.
        """
        for frame in frames:
            self._see(frame)

    def _see(self, frame: np.ndarray) -> None:
        features = self.features
        seen, lacks = features.standardise(frame), np.isnan(frame)
        self.age += 1
        if not lacks.any():
            self.last, self.age[:] = seen, 0
            self.total += seen
            self.n_seen += 1
            return
        is_there = ~lacks
        self.last[is_there], self.age[is_there] = seen[is_there], 0
        self.total[is_there] += seen[is_there]
        self.n_seen += is_there
        if is_there.any():
            mean = self.total / (self.n_seen + PRIOR)
            guess = mean + (self.last - mean) * np.exp(-self.age / FADES)
            frame[lacks] = (features.mean + features.scale * guess)[lacks]

    def state(self) -> list[Any]:
        """Return what was seen, as arrays."""
        return [self.last, self.total, self.n_seen, self.age]

    def restore(self, state: Any) -> None:
        """Go on from what `state` has returned; a file may hold anything."""
        shape = self.last.shape
        last, total, n_seen, age = state
        self.last = check_array("last", last, shape, np.float64)
        self.total = check_array("total", total, shape, np.float64)
        self.n_seen = check_array("n_seen", n_seen, shape, np.float64, low=0)
        self.age = check_array("age", age, shape, np.float64, low=0)
