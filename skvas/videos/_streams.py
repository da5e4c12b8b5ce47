"""Frames of a recording as they come."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np


class Stream(Protocol):
    """Takes the frames of a recording as they come."""

    def push(self, frames: Any) -> Any:
        """Return what becomes of the next frames, one row each."""

    def state(self) -> Any:
        """Return what was seen, as numbers, arrays and lists of them."""

    def restore(self, state: Any) -> None:
        """Go on from what `state` has returned; refuse anything else."""


class Stateless:
    """What all streams share that look at each frame by itself."""

    def state(self) -> list[Any]:
        """Return what was seen: nothing counts.

        Returns
        -------
        list
            Empty.
        """
        return []

    def restore(self, state: Any) -> None:
        """Go on from what `state` has returned.

        Parameters
        ----------
        state : list
            Empty.
        """


class Chained:
    """One stream after another; without any, frames stay as they are.

    Parameters
    ----------
    streams : sequence of Stream
        The first takes frames, and each other what the one before it returns.
    """

    def __init__(self, streams: Sequence[Stream]) -> None:
        self.streams = streams

    def push(self, frames: np.ndarray) -> np.ndarray:
        """Pass the next frames through all streams."""
        for stream in self.streams:
            frames = np.asarray(stream.push(frames))
        return frames

    def state(self) -> list[Any]:
        """Return what the streams have seen, as numbers and arrays."""
        return [stream.state() for stream in self.streams]

    def restore(self, state: Any) -> None:
        """Go on from what `state` has returned."""
        for stream, part in zip(self.streams, state, strict=True):
            stream.restore(part)
