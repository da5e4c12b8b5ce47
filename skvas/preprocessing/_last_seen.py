"""Numbers that frames lack, by those of the frames before."""

from __future__ import annotations

import copy
from typing import Any, TypeVar

import numpy as np

from skvas.videos._stored import check_array

T = TypeVar("T", bound="LastSeen")
# Frames after which a number that was seen last tells e times less of the present one.
FADES = 15.0
# Frames of a recording that a mean counts as, which all recordings have.
PRIOR = 20


class LastSeen:
    """What was seen of each column of a recording: the last number, and the mean.

    Parameters
    ----------
    width : int
        Number of columns.
    prior : float, default=0
        Frames of zeros that the mean starts with.
    """

    def __init__(self, width: int, prior: float = 0) -> None:
        self.prior = prior
        self.last, self.total = np.zeros(width), np.zeros(width)
        self.n_seen, self.age = np.zeros(width), np.zeros(width)

    def complete(self, frames: np.ndarray) -> None:
        """Put numbers in the place of those that the next frames lack (NaN).

        A number goes from the last one that was seen to the mean of those up to then,
        as fast as it gets old; one that was never seen is 0. In pieces of any size the
        numbers are the same, bit for bit.

        Parameters
        ----------
        frames : float64 ndarray of shape (n, width)
            Changed in place.
        """
        for frame in frames:
            self._see(frame)

    def _see(self, frame: np.ndarray) -> None:
        lacks = np.isnan(frame)
        self.age += 1
        if not lacks.any():
            self.last[:], self.age[:] = frame, 0
            self.total += frame
            self.n_seen += 1
            return
        seen = ~lacks
        self.last[seen], self.age[seen] = frame[seen], 0
        self.total[seen] += frame[seen]
        self.n_seen += seen
        mean = self.total / np.maximum(self.n_seen + self.prior, 1)
        guess = mean + (self.last - mean) * np.exp(-self.age / FADES)
        frame[lacks] = guess[lacks]

    def copy(self: T) -> T:
        """Return another that goes on from here."""
        other = copy.copy(self)
        other.last, other.total = self.last.copy(), self.total.copy()
        other.n_seen, other.age = self.n_seen.copy(), self.age.copy()
        return other

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
