"""Which transformers need no later frame, and how they take frames as they come."""

from __future__ import annotations

from typing import Any

from sklearn.pipeline import Pipeline

from skvas.preprocessing._framewise import PASS
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
