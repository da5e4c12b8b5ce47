"""Frames as lines of numbers on the standard input."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

import numpy as np

__all__ = ["frames_of_lines"]

# What stands between the cells of a line, where it occurs; else white space. A comma
# beside a semicolon or a tab is in a number, as in tables.
MARKS = (";", "\t", ",")


def frames_of_lines(
    n_features: int, names: Sequence[str] | None = None
) -> Iterator[np.ndarray]:
    """Yield the numbers of each line of the standard input; an empty cell is NaN.

    The first line may have the names of the columns: those of the model, if it has any.
    """
    is_first = True
    for number, raw in enumerate(_lines(), 1):
        line = raw.removeprefix("\ufeff")  # the mark of byte order
        if not line.strip(" \r\n"):
            continue
        cells = _cells(line)
        what = f"line {number} of the standard input"
        if len(cells) != n_features:
            raise ValueError(
                f"{what} has {len(cells)} cells, the model has {n_features} features: "
                f"{line.strip()!r}."
            )
        values = [_number(cell) for cell in cells]
        if is_first and all(value is None for value in values):
            _check_names(cells, names, what)
        elif None in values:
            raise ValueError(f"{what} is no numbers: {line.strip()!r}.")
        else:
            yield np.array(values, dtype=float)
        is_first = False


def _lines() -> Iterator[str]:
    try:
        yield from sys.stdin
    except UnicodeDecodeError as error:
        raise ValueError(f"The standard input is not UTF-8 text: {error}.") from error


def _cells(line: str) -> list[str]:
    for mark in MARKS:
        if mark in line:
            return [cell.strip() for cell in line.strip(" \r\n").split(mark)]
    return line.split()


def _number(cell: str) -> float | None:
    """Read a cell, with a point or a comma; None where it is no number."""
    try:
        return float(cell.replace(",", ".")) if cell else np.nan
    except ValueError:
        return None


def _check_names(found: list[str], names: Sequence[str] | None, what: str) -> None:
    found = [name.strip('"') for name in found]
    if names is not None and found != list(names):
        raise ValueError(
            f"{what} has the names {', '.join(found)}; the model was fitted to "
            f"{', '.join(names)}."
        )
