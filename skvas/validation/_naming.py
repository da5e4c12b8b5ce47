"""Errors that name what they are about, and leave estimators as they were."""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from skvas.exceptions import InvalidParameterError


@contextmanager
def naming_video(index: int | None, name: str | None = None) -> Iterator[None]:
    """Prefix the message of an error inside with the index of a video.

    Parameters
    ----------
    index : int or None
        Index of the video in the user's list; None leaves errors unchanged.
    name : str, default=None
        What the user calls the video.

    Examples
    --------
    >>> from skvas.validation import naming_video
    >>> try:
    ...     with naming_video(7):
    ...         raise ValueError("too short")
    ... except ValueError as error:
    ...     print(error)
    video 7: too short
    """
    if index is None:
        yield
        return
    called = "" if name is None else f" ({name})"
    with naming(f"video {index}{called}"):
        yield


@contextmanager
def naming(what: str) -> Iterator[None]:
    """Prefix the message of an error inside with the name of an argument.

    Parameters
    ----------
    what : str
        What the error is about.

    Examples
    --------
    >>> from skvas.validation import naming
    >>> try:
    ...     with naming("reference"):
    ...         raise ValueError("too short")
    ... except ValueError as error:
    ...     print(error)
    reference: too short
    """
    try:
        yield
    except (ValueError, TypeError, OverflowError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        if isinstance(error, InvalidParameterError):
            kind = InvalidParameterError
        raise kind(f"{what}: {error}") from error


@contextmanager
def unchanged_on_failure(estimator: object | None) -> Iterator[None]:
    """Restore the attributes of an estimator if the block fails.

    A keyboard interrupt counts as a failure. Attributes are restored by reference:
    in-place changes of their values persist.

    Parameters
    ----------
    estimator : object or None
        The object to restore; None: no object.

    Examples
    --------
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skvas.validation import unchanged_on_failure
    >>> scaler = StandardScaler()
    >>> try:
    ...     with unchanged_on_failure(scaler):
    ...         scaler.mean_ = 3.0
    ...         raise ValueError
    ... except ValueError:
    ...     print(hasattr(scaler, "mean_"))
    False
    """
    if estimator is None:
        yield
        return
    before = vars(estimator).copy()
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
        raise


def forget_fit(estimator: object) -> None:
    """Delete what an earlier fit has learned, but for what it has seen of the input.

    Parameters
    ----------
    estimator : object
        Its attributes that end in an underscore go, others and those that end in `_in_`
        stay.

    Examples
    --------
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skvas.validation import forget_fit
    >>> scaler = StandardScaler().fit([[0.0], [1.0]])
    >>> forget_fit(scaler)
    >>> hasattr(scaler, "mean_"), scaler.n_features_in_
    (False, 1)
    """
    for name in [n for n in vars(estimator) if n.endswith("_") and n[-4:] != "_in_"]:
        delattr(estimator, name)


def name_key(name: str) -> str:
    """Return what names are compared by: macOS writes an é as two characters.

    Parameters
    ----------
    name : str
        The name of a recording, a file or an activity.

    Returns
    -------
    str
        The same name in Unicode's composed form (NFC).

    Examples
    --------
    >>> from skvas.validation import name_key
    >>> name_key("e\u0301") == name_key("\u00e9")
    True
    """
    return unicodedata.normalize("NFC", name)


def spelled_as(names: Iterable[str]) -> Callable[[str], str]:
    """Return what spells a name as it is among others, if it is there at all.

    Parameters
    ----------
    names : iterable of str
        Names as they are shown.

    Returns
    -------
    callable
        From a name to the one of `names` that is the same to a reader, else to itself.

    Examples
    --------
    >>> from skvas.validation import spelled_as
    >>> spell = spelled_as(["\u00e9"])
    >>> spell("e\u0301") == "\u00e9", spell("a")
    (True, 'a')
    """
    known = set(names)

    @functools.cache
    def alike() -> dict[str, str]:  # asked for only where a name is not there as it is
        return {name_key(name): name for name in known}

    def spell(name: str) -> str:
        if not isinstance(name, str) or name in known:
            return name  # what is no text is refused where it is looked up
        return alike().get(name_key(name), name)

    return spell


def find_respellings(names: Iterable[Any]) -> dict[str, str]:
    """Map texts to the first that a reader takes for the same, if it is spelled apart.

    Parameters
    ----------
    names : iterable
        Texts in the order in which they are met; anything else is passed over.

    Returns
    -------
    dict of str to str
        Empty where no two are spelled apart.

    Examples
    --------
    >>> from skvas.validation import find_respellings
    >>> find_respellings(["\u00e9", "e", 7, "e\u0301"]) == {"e\u0301": "\u00e9"}
    True
    """
    first: dict[str, str] = {}
    others = {}
    for name in dict.fromkeys(names):
        if isinstance(name, str) and not name.isascii():
            known = first.setdefault(name_key(name), name)
            if known != name:
                others[name] = known
    return others


def are_same_names(names: Iterable[Any], others: Iterable[Any]) -> bool:
    """Return whether names are the same to a reader, one by one.

    Parameters
    ----------
    names, others : iterable
        Names of features; those that are no text must be equal.

    Returns
    -------
    bool

    Examples
    --------
    >>> from skvas.validation import are_same_names
    >>> are_same_names(["\u00e9", "x"], ["e\u0301", "x"])
    True
    """
    keys = (
        [name_key(name) if isinstance(name, str) else name for name in side]
        for side in (names, others)
    )
    return next(keys) == next(keys)
