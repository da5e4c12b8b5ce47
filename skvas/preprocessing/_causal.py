"""Which transformers need no later frame, and how they take frames as they come."""

from __future__ import annotations

from typing import Any

from skvas.preprocessing._pipelines import all_steps
from skvas.videos._streams import Chained, Stream


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
    return all(hasattr(step, "stream") for step in all_steps(transformer))


def open_stream(transformer: Any) -> Stream:
    """Return what transforms the frames of one recording as they come.

    Parameters
    ----------
    transformer : transformer of videos, or None
        Fitted, and causal.
    """
    return Chained([step.stream() for step in all_steps(transformer)])
