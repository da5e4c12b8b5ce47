"""Errors that name what they are about, and leave estimators as they were."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

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
