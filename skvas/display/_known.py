"""What a fitted estimator calls the actions of labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skvas._typing import Videos
from skvas.applications._names import names_by_label
from skvas.display._style import ActionNames
from skvas.validation import is_unlabelled
from skvas.videos._containers import as_list


def known_names(
    estimator: Any,
    action_names: ActionNames,
    labels: Sequence[NDArray[Any]] | None,
    videos: Sequence[Videos] = (),
) -> ActionNames:
    """Return names of actions by label, those of an estimator where none are given.

    Its names are of the labels that it predicts, and the numbers of other labels may
    mean other actions.

    Parameters
    ----------
    estimator : estimator
        A fitted one.
    action_names : sequence of str, or mapping from label to str, default=None
        Names that are given.
    labels : list of ndarray of shape (n_frames_i,), or None
        Labels that are to be named.
    videos : sequence of Videos, default=()
        The videos of the labels, in one or more parts.
    """
    own = names_by_label(estimator)
    is_asked = action_names is None and own is not None and labels is not None
    if is_asked and _are_own(estimator, labels or [], videos):
        action_names = own
    return names_in_order(estimator, action_names)


def names_in_order(estimator: Any, action_names: ActionNames) -> ActionNames:
    """Return names by label in the order of `classes_`, which colours then follow.

    A sequence of names is for integers, which need no order.
    """
    classes = getattr(estimator, "classes_", None)
    if classes is None:
        return action_names
    own = {label: str(label) for label in classes.tolist()}
    if action_names is None:
        return own
    return (
        {**own, **action_names} if isinstance(action_names, Mapping) else action_names
    )


def _are_own(
    estimator: Any, labels: Sequence[NDArray[Any]], videos: Sequence[Videos]
) -> bool:
    """Tell whether labels are those that an estimator finds, or was fitted with."""
    if getattr(estimator, "naming_", None) is not None:
        return True
    fitted = as_list(estimator.labels_)
    if all(any(_agree(given, own) for own in fitted) for given in labels):
        return True
    found: list[Any] = []
    for part in videos:
        answer = estimator.predict(part)
        is_one = isinstance(answer, np.ndarray) and answer.dtype != object
        found += [answer] if is_one else list(answer)
    return len(found) == len(labels) and all(map(_agree, labels, found))


def _agree(given: NDArray[Any], own: NDArray[Any]) -> bool:
    """Tell whether labels are the same, where there are any."""
    if len(given) != len(own):
        return False
    pairs = zip(given.tolist(), own.tolist(), strict=True)
    return all(one == other or is_unlabelled(one) for one, other in pairs)
