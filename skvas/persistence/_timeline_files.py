"""Timelines of their own in files: what is written of them, and checked of it."""

from __future__ import annotations

import inspect
import os
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skvas.exceptions import InvalidParameterError, ModelFileError
from skvas.persistence._state import StateReader, StateWriter, write_model
from skvas.persistence._timeline import check_actions, check_axis
from skvas.preprocessing._features import features_and_details
from skvas.timeline import Timeline
from skvas.timeline._model import TimelineModel, path_frames
from skvas.timeline._timeline import is_of_itself, restore_timeline
from skvas.validation import check_integer
from skvas.videos._stored import check_array, check_texts, check_type

PARAMETERS = tuple(inspect.signature(Timeline).parameters)
LEARNED = ("model_", "features_", "recordings_", "n_features_in_")
NAMES, REACH = "feature_names_in_", "reach_"
# Features of a frame at most, as of the estimators.
MAX_FEATURES = 1_000_000


def save_timeline(timeline: Timeline, path: str | os.PathLike[str]) -> None:
    """Write a fitted timeline to a file, whole or not at all.

    Parameters
    ----------
    timeline : Timeline
        One that was fitted to videos, or loaded.
    path : str or path-like
        The file; replaced if it is there.
    """
    check_is_fitted(timeline, "template_")
    if type(timeline) is not Timeline:
        raise InvalidParameterError(
            f"{type(timeline).__qualname__} is a class of your own, which skvas.load "
            "does not know; pickle the timeline, for nobody but yourself."
        )
    if not is_of_itself(timeline):
        raise InvalidParameterError(
            "This timeline is that of a model, which embeds what it compares; save the "
            "model, whose timeline_ it is."
        )
    kept = [*PARAMETERS, *LEARNED, *(n for n in (NAMES, REACH) if hasattr(timeline, n))]
    writer, parts = StateWriter(), {name: getattr(timeline, name) for name in kept}
    labels = timeline.labels_
    parts["single"] = labels is not None and labels.dtype != object
    state = {name: writer.node(part, name) for name, part in parts.items()}
    write_model(path, type(timeline).__name__, state, writer)


def read_timeline(reader: StateReader, state: Any) -> Timeline:
    """Return a timeline from nodes, of which nothing is trusted.

    Parameters
    ----------
    reader : StateReader
        With the arrays of the file.
    state : object
        The nodes.

    Raises
    ------
    ModelFileError, ValueError, TypeError
        If no fit makes it.
    """
    needed = {*PARAMETERS, *LEARNED, "single"}
    if not isinstance(state, dict) or state.keys() - {NAMES, REACH} != needed:
        raise ModelFileError("it has not the parts of a timeline")
    parts = {name: reader.node(node) for name, node in state.items()}
    n_features = check_type("n_features_in_", parts["n_features_in_"], int)
    check_integer("n_features_in_", n_features, low=1, high=MAX_FEATURES)
    check_type("single", parts["single"], bool)
    check_type("recordings_", parts["recordings_"], dict)
    if NAMES in parts:
        names = check_type(NAMES, parts[NAMES], np.ndarray)
        if len(check_texts(NAMES, names.tolist())) != n_features:
            raise ModelFileError("there are not as many names as features")
    if parts.get(REACH) is not None:
        check_array(REACH, parts[REACH], (n_features,), np.float64, low=0)
    model = parts["model_"]
    check_axis(model, _width(parts["features_"], n_features))
    if isinstance(model, TimelineModel):
        check_actions(model, check_type("n_actions", model.count.n_actions, int))
    timeline = restore_timeline(parts)
    timeline._check_parameters()
    lengths = [len(positions) for positions in timeline.positions_]
    if parts["recordings_"].get("n_frames") != lengths:
        raise ModelFileError("recordings_ is not as fit makes it")
    return timeline


def _width(features: Any, n_features: int) -> int:
    """Return the length of the vectors that paths compare."""
    seen = features_and_details(features, [np.zeros((2, n_features), np.float32)])
    return int(path_frames(*seen)[0].shape[1])
