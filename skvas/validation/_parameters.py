"""Checks of parameters."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from numbers import Integral, Real
from typing import Any, Literal, TypeVar, overload

import numpy as np
from numpy.typing import NDArray
from sklearn import utils

from skvas._printing import shorten
from skvas.exceptions import InvalidParameterError
from skvas.validation._naming import spelled_as

# Frames per second that are no mistake. Beyond, times leave the range of numbers.
FRAME_RATES = (1e-9, 1e9)
# Seconds of a unit of time.
TIME_UNITS = {
    "s": 1.0,
    "ms": 1e-3,
    "us": 1e-6,
    "ns": 1e-9,
    "min": 60.0,
    "h": 3600.0,
    "d": 86400.0,
}

Choice = TypeVar("Choice")
_BYTES = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


@overload
def check_real(
    name: str,
    value: Any,
    *,
    low: float | None = ...,
    high: float | None = ...,
    low_open: bool = ...,
    high_open: bool = ...,
    none_ok: Literal[False] = ...,
) -> float: ...
@overload
def check_real(
    name: str,
    value: Any,
    *,
    low: float | None = ...,
    high: float | None = ...,
    low_open: bool = ...,
    high_open: bool = ...,
    none_ok: bool,
) -> float | None: ...
def check_real(
    name: str,
    value: Any,
    *,
    low: float | None = None,
    high: float | None = None,
    low_open: bool = False,
    high_open: bool = False,
    none_ok: bool = False,
) -> float | None:
    """Check that a parameter is a finite real number within bounds.

    Parameters
    ----------
    name : str
        Name of the parameter, for the message.
    value : object
        The user's value. NumPy scalars are numbers; bools and strings are not.
    low, high : float, default=None
        Bounds; None: no bound.
    low_open, high_open : bool, default=False
        Whether the bound itself is excluded.
    none_ok : bool, default=False
        Whether None is a valid value.

    Returns
    -------
    float or None
        The value.

    Raises
    ------
    InvalidParameterError
        If the value is invalid.

    Examples
    --------
    >>> from skvas.validation import check_real
    >>> check_real("alpha", 1, low=0, high=1)
    1.0
    """
    if none_ok and value is None:
        return None
    number = math.nan
    if isinstance(value, Real) and not isinstance(value, bool):
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
    if not (
        math.isfinite(number)
        and (low is None or number > low or (number == low and not low_open))
        and (high is None or number < high or (number == high and not high_open))
    ):
        bounds = _describe_bounds(low, high, low_open, high_open)
        raise _invalid(name, value, f"a finite number{bounds}", none_ok)
    return number


@overload
def check_fps(fps: Any, *, name: str = ..., none_ok: Literal[False] = ...) -> float: ...
@overload
def check_fps(fps: Any, *, name: str = ..., none_ok: bool) -> float | None: ...
def check_fps(fps: Any, *, name: str = "fps", none_ok: bool = False) -> float | None:
    """Check a number of frames per second.

    Parameters
    ----------
    fps : object
        The user's value.
    name : str, default="fps"
        Name of the parameter, for the message.
    none_ok : bool, default=False
        Whether None is a valid value.

    Returns
    -------
    float or None
        The value.

    Raises
    ------
    InvalidParameterError
        If the value is invalid.

    Examples
    --------
    >>> from skvas.validation import check_fps
    >>> check_fps(25)
    25.0
    """
    if none_ok and fps is None:
        return None
    low, high = FRAME_RATES
    try:
        return check_real(name, fps, low=low, high=high)
    except InvalidParameterError:
        expected = f"a number of frames per second, from {low:g} to {high:g}"
        raise _invalid(name, fps, expected, none_ok) from None


def check_time_column(value: Any) -> tuple[str | None, str]:
    """Check what says where tables have their times, and in which unit.

    Parameters
    ----------
    value : pair of (str or None, str)
        The user's value: the name of a column, "auto" or None, and a unit or "auto".

    Returns
    -------
    tuple of (str or None, str)
        The value.

    Raises
    ------
    TypeError, InvalidParameterError
        If it is no such pair.

    Examples
    --------
    >>> from skvas.validation import check_time_column
    >>> check_time_column(["tick", "ms"])
    ('tick', 'ms')
    """
    is_pair = isinstance(value, (list, tuple)) and len(value) == 2
    column, unit = value if is_pair else (value, value)
    if not is_pair or not isinstance(column, (str, type(None))):
        raise TypeError(
            "time_column must be a pair, the name of a column or None and a unit, got "
            f"{shorten(value)}."
        )
    return column, check_choice("unit of time_column", unit, ("auto", *TIME_UNITS))


def check_seconds(times: Any, *, name: str = "times") -> NDArray[np.float64]:
    """Check that times are no dates, which would count as numbers of any unit.

    Parameters
    ----------
    times : array-like
        The user's value.
    name : str, default="times"
        Name of the parameter, for the message.

    Returns
    -------
    ndarray of float64
        The value.

    Raises
    ------
    TypeError
        If they are dates, or differences of dates.
    ValueError
        If they are no numbers.

    Examples
    --------
    >>> from skvas.validation import check_seconds
    >>> check_seconds([0, 0.04])
    array([0.  , 0.04])
    """
    found = np.asarray(times)
    first = found.flat[0] if found.dtype == object and found.size else None
    if found.dtype.kind in "mM" or isinstance(first, (date, timedelta)):
        raise TypeError(
            f"{name} must be numbers of seconds, got {shorten(times)}; dates give them "
            "as (dates - dates[0]) / np.timedelta64(1, 's')."
        )
    try:
        return found.astype(np.float64)
    except (TypeError, ValueError):
        raise ValueError(
            f"{name} must be numbers of seconds, got {shorten(times)}."
        ) from None


@overload
def check_integer(
    name: str,
    value: Any,
    *,
    low: int | None = ...,
    high: int | None = ...,
    none_ok: Literal[False] = ...,
) -> int: ...
@overload
def check_integer(
    name: str,
    value: Any,
    *,
    low: int | None = ...,
    high: int | None = ...,
    none_ok: bool,
) -> int | None: ...
def check_integer(
    name: str,
    value: Any,
    *,
    low: int | None = None,
    high: int | None = None,
    none_ok: bool = False,
) -> int | None:
    """Check that a parameter is an integer within bounds.

    Parameters
    ----------
    name : str
        Name of the parameter, for the message.
    value : object
        The user's value. NumPy integers are integers; bools, strings and floats are
        not, even whole floats.
    low, high : int, default=None
        Inclusive bounds; None: no bound.
    none_ok : bool, default=False
        Whether None is a valid value.

    Returns
    -------
    int or None
        The value.

    Raises
    ------
    InvalidParameterError
        If the value is invalid.

    Examples
    --------
    >>> from skvas.validation import check_integer
    >>> check_integer("n_actions", 8, low=1)
    8
    """
    if none_ok and value is None:
        return None
    if (
        isinstance(value, bool)
        or not isinstance(value, Integral)
        or (low is not None and int(value) < low)
        or (high is not None and int(value) > high)
    ):
        bounds = _describe_bounds(low, high, False, False)
        raise _invalid(name, value, f"an integer{bounds}", none_ok)
    return int(value)


def refuse_text(name: str, values: Any) -> None:
    """Refuse a text in place of a list of texts, which would be taken for letters.

    Parameters
    ----------
    name : str
        Name of the parameter, for the message.
    values : object
        The user's value.

    Raises
    ------
    TypeError
        If the value is a text.

    Examples
    --------
    >>> from skvas.validation import refuse_text
    >>> refuse_text("action_names", ["walk", "turn"])
    """
    if isinstance(values, (str, bytes)):
        raise TypeError(f"{name} must be a list of texts, got the text {values!r}.")


def check_path(name: str, value: Any) -> None:
    """Refuse what is no path to one file or folder.

    Parameters
    ----------
    name : str
        Name of the parameter, for the message.
    value : object
        The user's value.

    Raises
    ------
    TypeError
        If it is neither a text nor a path of pathlib.

    Examples
    --------
    >>> from skvas.validation import check_path
    >>> check_path("path", "labels.csv")
    """
    if isinstance(value, str) or (
        isinstance(value, os.PathLike) and isinstance(os.fspath(value), str)
    ):
        return
    hint = ""
    if isinstance(value, bytes):
        hint = "; decode it with os.fsdecode"
    elif isinstance(value, (list, tuple)):
        hint = "; pass them one by one"
    shown = " ".join(shorten(value).split())  # a data frame has lines
    raise TypeError(
        f"{name} must be a str or a pathlib.Path, got {shown} of type "
        f"{type(value).__name__}{hint}."
    )


def check_media(media: Any, names: Sequence[str]) -> dict[str, Any]:
    """Check the video files of recordings.

    Parameters
    ----------
    media : dict of str to path, or None
        The user's value.
    names : sequence of str
        Names of the recordings.

    Returns
    -------
    dict of str to object
        The same, with names as the recordings spell theirs.

    Raises
    ------
    TypeError
        If it is no dict.
    ValueError
        If it has files and none of a recording.

    Examples
    --------
    >>> from skvas.validation import check_media
    >>> check_media({"tea01": "tea01.mp4"}, ["tea01", "tea02"])
    {'tea01': 'tea01.mp4'}
    """
    if media is None:
        return {}
    if not isinstance(media, Mapping):
        raise TypeError(
            f"media must be a dict from names of recordings to files, got "
            f"{shorten(media)}; pass {{{names[0]!r}: file}}."
        )
    spell = spelled_as(names)
    known = {spell(name): file for name, file in media.items()}
    if known and known.keys().isdisjoint(names):
        raise ValueError(
            f"media has no file of a recording, but of {shorten([*media])}; the "
            f"recordings are {', '.join(map(repr, names[:9]))}."
        )
    return known


def check_choice(name: str, value: Any, choices: Sequence[Choice]) -> Choice:
    """Check that a parameter is one of the allowed values.

    Parameters
    ----------
    name : str
        Name of the parameter, for the message.
    value : object
        The user's value.
    choices : sequence
        Allowed values, of plain types such as str, bool or None.

    Returns
    -------
    object
        The choice that equals the value.

    Raises
    ------
    InvalidParameterError
        If no choice equals the value.

    Examples
    --------
    >>> from skvas.validation import check_choice
    >>> check_choice("recipe", "paper", ("informed", "paper"))
    'paper'
    """
    if isinstance(value, np.bool_):
        value = bool(value)
    for choice in choices:
        # The type first: comparing an array with a string has no truth value.
        if isinstance(value, type(choice)) and value == choice:
            return choice
    raise _invalid(name, value, "one of " + ", ".join(map(repr, choices)), False)


def check_n_actions(
    value: Any, *, auto: int | tuple[int, int] = (2, 20)
) -> tuple[int, int]:
    """Check a number of actions, or a range to choose it from.

    Parameters
    ----------
    value : int, tuple of two int or "auto"
        What the user passed.
    auto : int or tuple of two int, default=(2, 20)
        What "auto" stands for.

    Returns
    -------
    tuple of two int
        The smallest and the largest number.

    Raises
    ------
    InvalidParameterError
        If the value is anything else.

    Examples
    --------
    >>> from skvas.validation import check_n_actions
    >>> check_n_actions(7), check_n_actions((3, 9))
    ((7, 7), (3, 9))
    """
    if isinstance(value, str) and value == "auto":
        value = auto
    if isinstance(value, tuple) and len(value) == 2:
        low = check_integer("the smallest of n_actions", value[0], low=1)
        return low, check_integer("the largest of n_actions", value[1], low=low)
    if isinstance(value, (str, tuple, list)):
        raise InvalidParameterError(
            "n_actions must be an integer, a tuple of the smallest and the largest "
            f'to choose from, or "auto", got {value!r}.'
        )
    return (check_integer("n_actions", value, low=1),) * 2


def check_random_state(random_state: Any) -> np.random.RandomState:
    """Return a generator of random numbers, or name the parameter.

    Parameters
    ----------
    random_state : int, RandomState or None
        A seed, a generator, or None for the one that NumPy shares.

    Returns
    -------
    RandomState
        As scikit-learn's function of this name makes it.

    Examples
    --------
    >>> from skvas.validation import check_random_state
    >>> check_random_state(-1)
    Traceback (most recent call last):
        ...
    skvas.exceptions.InvalidParameterError: random_state must be ... seed, got -1.
    """
    try:
        rng: np.random.RandomState = utils.check_random_state(random_state)
    except ValueError:
        raise InvalidParameterError(
            "random_state must be None, a RandomState, or an integer between 0 and "
            f"2**32 - 1 as its seed, got {shorten(random_state)}."
        ) from None
    return rng


def check_memory(limit: Any) -> float:
    """Check an amount of memory.

    Parameters
    ----------
    limit : int, str or None
        What the user passed: bytes, or a text such as "500MB" or "2GB".

    Returns
    -------
    float
        Bytes; infinity for None.

    Raises
    ------
    InvalidParameterError
        If the value is anything else, or not positive.

    Examples
    --------
    >>> from skvas.validation import check_memory
    >>> check_memory("1.5 MB")
    1500000.0
    """
    if limit is None:
        return np.inf
    if isinstance(limit, str):
        parts = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?B)\s*", limit.upper())
        size = float(parts[1]) * _BYTES[parts[2]] if parts else 0.0
    else:
        size = float(limit) if isinstance(limit, (int, np.integer)) else 0.0
    if size <= 0 or isinstance(limit, bool):
        raise InvalidParameterError(
            'memory_limit must be None, a positive number of bytes or such as "2GB", '
            f"got {shorten(limit)}."
        )
    return size


def _invalid(
    name: str, value: Any, expected: str, none_ok: bool
) -> InvalidParameterError:
    if none_ok:
        expected += " or None"
    shown = shorten(value)
    if not isinstance(value, (Real, str)) or isinstance(value, bool):
        shown += f" of type {type(value).__name__}"
    return InvalidParameterError(f"{name} must be {expected}, got {shown}.")


def _describe_bounds(
    low: float | None, high: float | None, low_open: bool, high_open: bool
) -> str:
    if low is not None and high is not None:
        return f" in {'(' if low_open else '['}{low}, {high}{')' if high_open else ']'}"
    if low is not None:
        return f" {'>' if low_open else '>='} {low}"
    if high is not None:
        return f" {'<' if high_open else '<='} {high}"
    return ""
