"""The names that actions were given, by the labels that `predict` returns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from numbers import Integral
from typing import Any

import numpy as np

from skvas.validation import name_key, naming, spelled_as


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


def labels_meant(model: Any, texts: np.ndarray) -> list[Any]:
    """Return the labels of a model that some texts mean.

    Parameters
    ----------
    model : estimator
        A fitted one that labels frames.
    texts : ndarray of int or str
        Labels of the model, names that `name_actions` has given, or others. A text that
        is a label means this one, whatever has its name.

    Returns
    -------
    list
        Others stay what they are.
    """
    classes = model.classes_.tolist()
    labels = {name_key(text): text for text in classes if isinstance(text, str)}
    called = names_by_label(model) or {}
    numbers = {str(label): label for label in called if isinstance(label, int)}
    names = {name_key(name): label for label, name in called.items()}
    meant = numbers | names | labels
    return [
        meant.get(name_key(text), text) if isinstance(text, str) else text
        for text in texts.tolist()
    ]


def names_of_actions(
    model: Any,
    names: Mapping[Any, Any] | Sequence[str] | np.ndarray | None,
    labels: Iterable[Any] = (),
) -> dict[Any, str]:
    """Return what actions are called in one answer, by label.

    Parameters
    ----------
    model : estimator
        A fitted one that labels frames.
    names : mapping from label to str, sequence of str, or None
        The user's `action_names`, as `rename_actions` takes them; numbers, which true
        actions may be, are taken as texts. An action without one keeps that of
        `name_actions`.
    labels : iterable, default=()
        Labels that occur. A mapping may name those that are not of the model, too.

    Returns
    -------
    dict
        Empty where nothing has a name. Labels that it lacks are their own names.
    """
    own = names_by_label(model) or {}
    if names is None:
        return own
    names = _without_index(names)
    known = _labels_to_name(model, names, labels)
    if isinstance(names, Mapping):
        names = {
            label: str(name) if isinstance(name, Integral) else name
            for label, name in names.items()
        }
    former = [own.get(label, str(label)) for label in known]
    called = rename_actions(former, known, names, "action_names")
    triples = zip(known, former, called, strict=True)
    return own | {label: new for label, old, new in triples if new != old}


def _labels_to_name(
    model: Any,
    names: Mapping[Any, Any] | Sequence[str] | np.ndarray,
    labels: Iterable[Any],
) -> list[Any]:
    """Return the labels that may have names, those of a model first."""
    classes = getattr(model, "classes_", None)
    known = [] if classes is None else classes.tolist()
    if isinstance(names, Mapping):
        own = {name_key(str(label)) for label in known}
        return known + [label for label in labels if name_key(str(label)) not in own]
    return list(range(np.size(names))) if classes is None else known


def rename_actions(
    known: Sequence[str],
    labels: Sequence[Any],
    names: Mapping[Any, str] | Sequence[str] | np.ndarray,
    what: str = "names",
) -> list[str]:
    """Return the names of all actions, with some of them replaced.

    Parameters
    ----------
    known : sequence of str
        The names up to now.
    labels : sequence of int or str
        The labels of the actions.
    names : mapping from label to str, or sequence of str
        Names of some actions, or of the first ones.
    what : str, default="names"
        What the user calls `names`.

    Returns
    -------
    list of str

    Raises
    ------
    ValueError, TypeError
        If there is no such action, a name is not a text, or two would be the same.
    """
    if isinstance(names, (str, bytes, Set)) or not np.iterable(names):
        raise TypeError(f"{what} must be a dict or a list of texts, got {names!r}.")
    with naming(what):
        return _rename(known, labels, _without_index(names))


def _without_index(names: Any) -> Any:
    """Return a series as a dict by its index, or a list where it counts from 0."""
    if not hasattr(names, "index") or not hasattr(names, "to_dict"):
        return names
    is_counted = [*names.index] == [*range(len(names))]
    return names.tolist() if is_counted else names.to_dict()


def _rename(
    known: Sequence[str],
    labels: Sequence[Any],
    names: Mapping[Any, str] | Sequence[str] | np.ndarray,
) -> list[str]:
    """Return the names of all actions, with some of them replaced."""
    shown = [str(label) for label in labels]
    renamed = list(known)
    for place, name in _find_actions(names, shown, renamed):
        if not isinstance(name, str) or not name.strip():
            raise TypeError(
                f"the name of action {shown[place]} must be a text, got {name!r}."
            )
        renamed[place] = str(name)  # of an array it would be NumPy's own
    keys = [*map(name_key, renamed)]
    for key, name in zip(keys, renamed, strict=True):
        if keys.count(key) > 1:
            raise ValueError(
                f"two actions would be called {name!r}; give each a name of its own."
            )
    return renamed


def _find_actions(
    names: Mapping[Any, str] | Sequence[str] | np.ndarray,
    shown: list[str],
    known: list[str],
) -> list[tuple[int, str]]:
    """Return the place of each action that is named, and its name."""
    if not isinstance(names, Mapping):
        listed = list(enumerate(names))
        if len(listed) > len(shown):
            raise ValueError(
                f"there are {len(listed)} names for {len(shown)} actions: "
                f"{', '.join(shown)}; give at most one for each."
            )
        return listed
    found = [(_find_action(key, shown, known), name) for key, name in names.items()]
    places = [place for place, _ in found]
    for place in places:
        if places.count(place) > 1:
            raise ValueError(f"action {shown[place]} has two names; give one.")
    return found


def _find_action(key: Any, shown: list[str], known: list[str]) -> int:
    """Return the place of the action of a label, a name, or that a number counts to."""
    text = spelled_as([*shown, *known])(str(key))
    if text in shown:
        return shown.index(text)
    if text in known:
        return known.index(text)
    # Among labels that are numbers, a number that is none of them is a mistake.
    is_place = text.isdecimal() and not any(label.isdecimal() for label in shown)
    if not is_place or int(text) >= len(shown):
        pairs = zip(shown, known, strict=True)
        there = [a if a == name else f"{a} ({name})" for a, name in pairs]
        raise ValueError(
            f"there is no action {key!r}; there are {', '.join(there)}: name these."
        )
    return int(text)
