"""Tables of columns, from text, parquet or data frames."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from skvas._atomic import read_bytes
from skvas._optional import import_optional
from skvas.io._text import decode

TEXT = (".csv", ".tsv", ".txt")
PARQUET = (".parquet", ".pq")
# What stands in cells where there is nothing.
_EMPTY = {"", "na", "n/a", "nan", "null", "none", "-"}


def read_columns(source: Any) -> dict[str, np.ndarray]:
    """Read a table: float64 arrays for columns of numbers, object arrays for others.

    Parameters
    ----------
    source : path or data frame
        A text file with or without a line of names, a parquet file, or a data frame of
        pandas or polars.

    Returns
    -------
    dict of str to ndarray of shape (n_rows,)
        NaN stands for an empty cell in a column of numbers, None in others. Dates are
        of type datetime64.

    Raises
    ------
    OSError
        If a file cannot be read; names it.
    ValueError
        If it is no table; names it.
    """
    if hasattr(source, "columns") and not isinstance(source, (str, os.PathLike)):
        return _from_frame(source)
    path = Path(source)
    if path.suffix.lower() in PARQUET:
        return _from_frame(_read_parquet(path))
    try:
        return _from_text(decode(read_bytes(path)))
    except ValueError as error:
        raise ValueError(f"{str(path)!r} is no table: {error}.") from error


def _read_parquet(path: Path) -> Any:
    for library in ("polars", "pandas"):  # polars needs no other package for it
        try:
            return import_optional(library, "io").read_parquet(path)
        except ImportError:
            continue
    return import_optional("pandas", "io").read_parquet(path)


def _from_frame(frame: Any) -> dict[str, np.ndarray]:
    found = {}
    for name in frame.columns:
        column = frame[name]
        values = np.asarray(column)
        if values.dtype.kind == "M":
            found[str(name)] = values.astype("datetime64[ns]")
        elif values.dtype.kind in "fiub":
            found[str(name)] = values.astype(np.float64)
        else:
            cells = [None if _is_missing(v) else v for v in values.tolist()]
            found[str(name)] = _as_column([c if c is None else str(c) for c in cells])
    return found


def _is_missing(value: Any) -> bool:
    return value is None or value != value  # NaN differs from itself


def _from_text(text: str) -> dict[str, np.ndarray]:
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        raise ValueError("it is empty")
    delimiter = _find_delimiter(lines[0])
    if delimiter == " ":
        rows = [line.split() for line in lines]
    else:
        try:
            reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
            rows = [[cell.strip() for cell in row] for row in reader if any(row)]
        except csv.Error as error:
            raise ValueError(str(error)) from error
    has_names = not all(_is_number(cell, delimiter) for cell in rows[0])
    width = len(rows[0])
    names = rows[0] if has_names else [f"column {i}" for i in range(width)]
    if len(set(names)) < width:
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"its first line has the column {twice!r} twice")
    body = rows[1:] if has_names else rows
    if not body:
        raise ValueError("it has names of columns and no rows")
    for number, row in enumerate(body, start=1 + has_names):
        if len(row) != width:
            raise ValueError(
                f"line {number} has {len(row)} cells and the first {width}; is it cut "
                "off, or are cells separated by something else than "
                f"{delimiter!r}"
            )
    columns = zip(*body, strict=True)
    return {
        name: _as_column(cells, delimiter)
        for name, cells in zip(names, columns, strict=True)
    }


def _find_delimiter(line: str) -> str:
    """Return what separates the cells of a line."""
    counts = {mark: line.count(mark) for mark in ("\t", ";", ",")}
    best = max(counts, key=lambda mark: counts[mark])
    if counts[";"]:  # a comma is then in the numbers
        best = ";"
    if counts[best]:
        return best
    return " " if " " in line.strip() else ","


def _is_number(cell: str, delimiter: str) -> bool:
    if cell.lower() in _EMPTY:
        return True
    try:
        _number(cell, delimiter)
    except ValueError:
        return False
    return True


def _number(cell: str, delimiter: str) -> float:
    if "_" in cell:  # Python would read 1_000
        raise ValueError(f"{cell!r} is no number")
    if delimiter == ";" and "," in cell and "." not in cell:
        cell = cell.replace(",", ".")
    return float(cell)


def _as_column(cells: Sequence[str | None], delimiter: str = ",") -> np.ndarray:
    """Return an array of numbers if all cells are numbers, else of objects."""
    empty = [cell is None or cell.lower() in _EMPTY for cell in cells]
    numbers = np.full(len(cells), np.nan)
    try:
        for place, cell in enumerate(cells):
            if not empty[place]:
                numbers[place] = _number(str(cell), delimiter)
    except ValueError:
        column = np.empty(len(cells), dtype=object)
        column[:] = [None if e else cell for e, cell in zip(empty, cells, strict=True)]
        return column
    return numbers
