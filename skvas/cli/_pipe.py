"""Frames as lines of numbers on the standard input."""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Iterator, Sequence

import numpy as np

from skvas.cli._lines import say
from skvas.io._columns import is_empty, parse_number, parse_truth

__all__ = ["frames_of_lines"]

# What stands between the cells of a line, where it occurs; else white space. A comma
# beside a semicolon or a tab is in a number, as in tables; but a line of tabs alone is
# empty cells here.
MARKS = (";", "\t", ",")
QUOTED = re.compile('"[^"]*"')


def frames_of_lines(
    n_features: int, names: Sequence[str] | None = None
) -> Iterator[np.ndarray]:
    """Yield the numbers of each line of the standard input; an empty cell is NaN.

    The first line may have the names of the columns: those of the model, if it has any,
    in any order and among others. Lines without a cell are passed over; between frames
    this is said once, as they may be meant for frames that were lost.
    """
    columns: Sequence[int] = range(n_features)
    n_cells, is_first, n_frames, empty = n_features, True, 0, 0
    told = f"the model has {n_features} features"
    for number, raw in enumerate(_lines(), 1):
        line = raw.removeprefix("\ufeff")  # the mark of byte order
        if not line.strip(" \r\n"):
            if n_frames and not empty:
                empty = number
            continue
        if empty > 0:
            say(
                f"line {empty} of the standard input is empty and no frame (nor are "
                "others like it); write a lost frame as empty cells, or as nan"
            )
            empty = -1  # said
        what = f"line {number} of the standard input"
        cells = _cells(line, what)
        # That of a column of row numbers, as pandas writes them, is empty.
        written = [cell for cell in cells if cell]
        are_names = bool(written) and all(_number(cell) is None for cell in written)
        has_names = is_first and are_names
        is_first = False
        if has_names and names is not None:
            columns = _columns(cells, names, what)
            n_cells, told = len(cells), f"the names of its columns are {len(cells)}"
            continue
        if len(cells) != n_cells:
            raise ValueError(
                f"{what} has {len(cells)} cells, {told}: {line.strip()!r}."
            )
        if has_names:
            continue
        values = [_number(cells[column]) for column in columns]
        if None in values:
            raise ValueError(f"{what} is no numbers: {line.strip()!r}.")
        frame = np.array(values, dtype=float)
        if np.isinf(frame).any():
            raise ValueError(
                f"{what} has an infinite number: {line.strip()!r}; write nan for what "
                "a sensor did not give."
            )
        n_frames += 1
        yield frame
    if not n_frames:
        raise ValueError(
            f"The standard input has no frame; write a line of {n_features} numbers "
            "for each."
        )


def _lines() -> Iterator[str]:
    try:
        yield from sys.stdin
    except UnicodeDecodeError as error:
        raise ValueError(f"The standard input is not UTF-8 text: {error}.") from error


def _cells(line: str, what: str) -> list[str]:
    """Split a line at the first of the marks that is not between quotes."""
    line = line.strip(" \r\n")
    bare = QUOTED.sub("", line)
    mark = next((mark for mark in MARKS if mark in bare), None)
    if mark is None and '"' not in line:
        return line.split()
    reader = csv.reader([line], delimiter=mark or " ", skipinitialspace=True)
    try:
        cells = next(reader)
    except csv.Error as error:
        raise ValueError(f"{what} cannot be read: {error}.") from error
    return [cell.strip() for cell in cells]


def _number(cell: str) -> float | None:
    """Read a cell, with a point or a comma, or true or false; None where it is none."""
    if is_empty(cell):
        return np.nan
    try:
        return parse_number(cell, decimal_comma=True)
    except ValueError:
        return parse_truth(cell)


def _columns(found: list[str], names: Sequence[str], what: str) -> Sequence[int]:
    """Return where the features of the model are among the names of a line."""
    if any(found.count(name) != 1 for name in names):
        raise ValueError(
            f"{what} has the names {', '.join(found)}; the model was fitted to "
            f"{', '.join(names)}, each of which has to be there once."
        )
    return [found.index(name) for name in names]
