"""Which transformers need no later frame, and how they take frames as they come."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from sklearn.pipeline import Pipeline

from skvas.preprocessing._framewise import PASS


class Stream(Protocol):
    """Takes the frames of a recording as they come."""

    def push(self, frames: Any) -> Any:
        """Return what becomes of the next frames, one row each."""

    def state(self) -> Any:
        """Return what was seen, as numbers, arrays and lists of them."""

    def restore(self, state: Any) -> None:
        """Go on from what `state` has returned; refuse anything else."""


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


def is_causal(transformer: Any) -> bool:
    """Return whether what a transformer makes of a frame depends on no later frame.

    Parameters
    ----------
    transformer : transformer of videos, or None
        Ours, of the user's, or a pipeline of such; None takes frames as they are.

    Returns
    -------
    bool
        Whether it, or each step of it, has a method `stream`.
    """
    return all(hasattr(step, "stream") for step in _steps(transformer))


def open_stream(transformer: Any) -> Stream:
    """Return what transforms the frames of one recording as they come.

    Parameters
    ----------
    transformer : transformer of videos, or None
        Fitted, and causal.
    """
    return Chained([step.stream() for step in _steps(transformer)])


def _steps(transformer: Any) -> list[Any]:
    if isinstance(transformer, Pipeline):
        return [inner for _, step in transformer.steps for inner in _steps(step)]
    is_nothing = transformer is None or isinstance(transformer, str)
    assert not is_nothing or transformer in (None, PASS)
    return [] if is_nothing else [transformer]
