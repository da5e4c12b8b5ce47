"""The names that actions were given, by the labels that `predict` returns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np


def names_by_label(model: Any) -> dict[Any, str] | None:
    """Return what actions are called, None where `name_actions` was not asked.

    Parameters
    ----------
    model : estimator
        A fitted one that labels frames, or another one, which has no names.
    """
    given = getattr(model, "action_names_", None)
    if given is None:
        return None
    return dict(zip(model.classes_.tolist(), given, strict=True))


def texts_by_label(model: Any) -> dict[Any, str] | None:
    """Return what files of segments call actions: their names, or else their labels.

    A table of segments would take negative numbers for frames without an action. None
    where a model does not say which labels there are.
    """
    names, labels = names_by_label(model), getattr(model, "classes_", None)
    if names is not None or labels is None:
        return names
    return {label: str(label) for label in labels.tolist()}


def call_by_name(labels: np.ndarray, names: Mapping[Any, str] | None) -> np.ndarray:
    """Put names in place of labels; labels without one stay what they are.

    Parameters
    ----------
    labels : ndarray of shape (n_frames,)
        What `predict` returned.
    names : mapping from label to str, or None
        As `names_by_label` returns them.
    """
    if names is None:
        return labels
    return np.array([names.get(label, label) for label in labels.tolist()])
