"""Checks of what a file holds: numbers of a model or of a stream, as skvas writes."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np

from skvas.exceptions import ModelFileError

T = TypeVar("T")

# Probabilities sum to 1 but for this: they may have been in single precision.
ROUNDED = 1e-4


def check_array(
    name: str,
    value: Any,
    shape: tuple[int | None, ...],
    kind: type[np.generic] = np.floating,
    *,
    low: float = -np.inf,
    fewest: int = 1,
) -> np.ndarray:
    """Return an array of a file, or refuse what is none that skvas writes.

    Parameters
    ----------
    name : str
        What it is, for the message.
    value : object
        What the file holds.
    shape : tuple of int or None
        Its shape; None is any length.
    kind : type, default=np.floating
        Its type, or one above it.
    low : float, default=-inf
        No number is smaller, and all are finite.
    fewest : int, default=1
        No axis is shorter.

    Raises
    ------
    ModelFileError
        If it is anything else.
    """
    if not isinstance(value, np.ndarray) or not np.issubdtype(value.dtype, kind):
        raise ModelFileError(f"{name} is no array of type {kind.__name__}")
    fits = value.ndim == len(shape) and all(
        n >= fewest and wanted in (None, n)
        for n, wanted in zip(value.shape, shape, strict=True)
    )
    if not fits:
        raise ModelFileError(f"{name} has shape {value.shape}, expected {shape}")
    if not np.isfinite(value).all() or (value < low).any():
        raise ModelFileError(f"{name} has numbers out of range")
    return value


def check_probabilities(
    name: str,
    value: Any,
    shape: tuple[int | None, ...],
    kind: type[np.generic] = np.floating,
    *,
    fewest: int = 1,
) -> np.ndarray:
    """Return an array as `check_array` does, if its rows sum to 1."""
    found = check_array(name, value, shape, kind, low=0, fewest=fewest)
    if not np.allclose(found.sum(axis=-1), 1, atol=ROUNDED):
        raise ModelFileError(f"{name} has probabilities that do not sum to 1")
    return found


def check_type(name: str, value: Any, kind: type[T]) -> T:
    """Return what a file holds, if it is of exactly this type: a bool is no int."""
    if type(value) is not kind:
        raise ModelFileError(f"{name} is no {kind.__name__}")
    return value


def check_texts(name: str, value: Any) -> list[str]:
    """Return a list of a file, if all in it are texts."""
    for text in check_type(name, value, list):
        check_type(f"a part of {name}", text, str)
    found: list[str] = value
    return found


def check_count(name: str, value: Any) -> int:
    """Return a number of a file, if it is an integer of 0 or more."""
    if check_type(name, value, int) < 0:
        raise ModelFileError(f"{name} is negative")
    return value
