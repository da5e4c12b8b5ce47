"""Tables of columns, from text, parquet or data frames."""

from __future__ import annotations

import csv
import json
import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from skvas._atomic import open_regular, read_bytes
from skvas._optional import import_optional
from skvas.io._text import COMMA, POINTS, THOUSANDS, TOLD, decode, read_cells
from skvas.validation import is_missing

TEXT = (".csv", ".tsv", ".txt")
PARQUET = (".parquet", ".pq")
# What stands in cells where there is nothing.
_EMPTY = {"", "na", "n/a", "nan", "null", "none", "-"}
# How states of a switch are written by programs, pandas among them.
_TRUTHS = {"true": 1.0, "false": 0.0}
# What comments above a table start with.
_COMMENT = ("#", "%")

# A column of which such a share is numbers has no text: other cells are mistakes.
_MOSTLY = 0.8
_QUOTED = re.compile(r'"[^"]*"')
# What pandas calls an index without a name in files of parquet.
_NAMELESS = re.compile(r"__index_level_\d+__")
# How dates and times of day start, and no names of columns.
_MOMENT = re.compile(r"\d{1,4}([-./:])\d{1,2}\1\d")


@dataclass(frozen=True)
class Sheet:
    """A table: its columns, and where its rows stand.

    Parameters
    ----------
    columns : dict of str to ndarray of shape (n_rows,)
        float64 arrays for columns of numbers, datetime64 for dates, object arrays for
        others. NaN stands for an empty cell in a column of numbers, None in others.
    file : str, default=""
        Name of the file, if there is one.
    lines : sequence of int, default=None
        The line of each row, if the file is text.
    units : dict of str to str
        What stands below the names of columns.
    odd : dict of str to (int, int)
        Of columns with cells that are no numbers: the first of these rows, and how many
        there are.
    index : frozenset of str
        Columns that are the index of a data frame: times perhaps, and no features.
    """

    columns: dict[str, np.ndarray]
    file: str = ""
    lines: Sequence[int] | None = None
    units: Mapping[str, str] = field(default_factory=dict)
    odd: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    index: frozenset[str] = frozenset()

    def place(self, row: int) -> str:
        """Return where a row stands, for messages."""
        known = f"row {row + 1}" if self.lines is None else f"line {self.lines[row]}"
        return f"{known} of {self.file!r}" if self.file else known

    def show_odd(self, name: str) -> str:
        """Return the first cell of a column that is no number, and where it stands."""
        row = self.odd[name][0]
        cell = self.columns[name][row]
        return f"{self.place(row)}, column {name!r}: {cell!r} is no number"

    def with_truths_as_numbers(self, kept: str | None) -> Sheet:
        """Return the table with 1 and 0 in columns of true and false.

        The column `kept`, of labels, stays as it is written.
        """
        found = {
            name: truths
            for name in self.odd
            if name != kept
            if (truths := _as_truths(self.columns[name])) is not None
        }
        if not found:
            return self
        odd = {name: place for name, place in self.odd.items() if name not in found}
        return replace(self, columns={**self.columns, **found}, odd=odd)

    def check_numbers(self, name: str) -> None:
        """Refuse a column that is numbers but for a few cells."""
        if name not in self.odd:
            return
        values = self.columns[name]
        cell = str(values[self.odd[name][0]])
        has_commas, has_points = THOUSANDS.fullmatch(cell), POINTS.fullmatch(cell)
        n_known = sum(value is not None for value in values)
        is_text = n_known - self.odd[name][1] < _MOSTLY * n_known
        if is_text and not all(map(_is_meant_as_number, values)):
            return
        remedy = (
            "Leave the cell empty if the value is missing, or leave the column out by "
            "naming the others as columns."
        )
        if has_commas:
            remedy = "Write it with a point for decimals, and without other commas."
        if has_points:
            remedy = "Write it without points between thousands."
        raise ValueError(f"{self.show_odd(name)}. {remedy}")


def read_columns(source: Any) -> Sheet:
    """Read a table.

    Parameters
    ----------
    source : path or data frame
        A text file with or without a line of names, a parquet file, or a data frame of
        pandas or polars.

    Returns
    -------
    Sheet

    Raises
    ------
    OSError
        If a file cannot be read; names it.
    ValueError
        If it is no table; names it.
    """
    if hasattr(source, "collect_schema") and not hasattr(source, "__array__"):
        raise TypeError(
            f"expected a file or a data frame, got a {type(source).__name__}: read its "
            "rows first, by its method collect."
        )
    if hasattr(source, "columns") and not isinstance(source, (str, os.PathLike)):
        return _from_frame(source)
    if not isinstance(source, (str, os.PathLike)):
        raise TypeError(
            f"expected a file or a data frame, got a {type(source).__name__}; give "
            "paths as str or Path, several in a list, groups of a data frame as "
            "dict(list(groups)), and pass arrays to fit as they are."
        )
    path = Path(source)
    if path.suffix.lower() in PARQUET:
        return _from_frame(*_read_parquet(path), path.name)
    try:
        return _from_text(decode(read_bytes(path)), path.name)
    except (ValueError, csv.Error) as error:
        raise ValueError(f"{str(path)!r} is no table: {error}.") from error


def _read_parquet(path: Path) -> tuple[Any, list[str]]:
    """Return a data frame, and which columns pandas had as its index."""
    with open_regular(path) as stream:  # a path may be a pattern of several files
        for library in ("polars", "pandas"):  # pandas needs another package for it
            try:
                found = import_optional(library, "io")
                return _with_index(found.read_parquet(stream), found, stream)
            except ImportError:
                continue
            except (OSError, MemoryError):
                raise
            except _faults() as error:
                raise ValueError(f"{str(path)!r} is no table: {error}.") from error
        return import_optional("polars", "io").read_parquet(stream), []


def _with_index(frame: Any, library: Any, stream: Any) -> tuple[Any, list[str]]:
    """Return a data frame as pandas wrote it, and its columns that were an index."""
    index = [name for name in frame.columns if _NAMELESS.fullmatch(str(name))]
    if hasattr(library, "read_parquet_metadata"):
        stream.seek(0)
        note = json.loads(library.read_parquet_metadata(stream).get("pandas", "{}"))
        # An index of whole numbers in order is a dict, and no column.
        index = [n for n in note.get("index_columns", []) if n in frame.columns]
    for name in filter(_NAMELESS.fullmatch, index[:]):
        index.remove(name)
        if np.asarray(frame[name]).dtype.kind in "mM" and "index" not in frame.columns:
            frame = frame.rename({name: "index"})
            index.append("index")
        else:
            frame = frame.drop(name)
    return frame, index


def _faults() -> tuple[type[BaseException], ...]:
    """Return what libraries raise of damaged files; polars panics, too."""
    errors = getattr(sys.modules.get("polars"), "exceptions", None)
    return (Exception,) if errors is None else (Exception, errors.PanicException)


def _from_frame(frame: Any, noted: Sequence[str] = (), file: str = "") -> Sheet:
    index = _index_of(frame)
    columns = dict(index)
    for called in frame.columns:
        name = str(called)
        if name in columns:
            raise ValueError(f"it has the column {name!r} twice; rename one of them.")
        columns[name] = frame[called]
    found: dict[str, np.ndarray] = {}
    odd = {}
    for name, column in columns.items():
        # With a time zone they would be objects.
        is_dated = getattr(column.dtype, "kind", None) == "M"
        values = np.asarray(column, dtype="datetime64[ns]" if is_dated else None)
        if values.dtype.kind == "m":  # durations, which have a unit
            values = values + np.datetime64(0, "s")
        if values.dtype.kind == "M":
            found[name] = values.astype("datetime64[ns]")
        elif values.ndim == 1 and values.dtype.kind in "fiub":
            found[name] = values.astype(np.float64)
        else:
            cells = [None if is_missing(v) else str(v) for v in values.tolist()]
            found[name], wrong = _as_column(cells, decimal_comma=False)
            odd.update({name: wrong} if wrong else {})
    return Sheet(found, file, odd=odd, index=frozenset([*index, *noted]))


def _index_of(frame: Any) -> dict[str, Any]:
    """Return the levels of an index of pandas that have a name or are times."""
    index = getattr(frame, "index", None)
    if index is None:
        return {}
    columns = {str(column) for column in frame.columns}
    levels = {}
    for place, called in enumerate(index.names):
        level = index.get_level_values(place)
        name = "index" if called is None else str(called)
        is_time = level.dtype.kind in "mM"
        if name not in columns and (called is not None or is_time):
            levels[name] = level
    return levels


def _from_text(text: str, file: str) -> Sheet:
    delimiter, numbers, rows = _split(text)
    has_names = _are_numbered(rows[0]) or not _is_sample(rows[0], rows[1:])
    if has_names:
        rows = _without_empty_ends(rows)
    width = len(rows[0])
    names = rows[0] if has_names else [f"column {i}" for i in range(width)]
    if len(set(names)) < width:
        twice = next(name for name in names if names.count(name) > 1)
        if not twice:
            n_nameless = names.count(twice)
            raise ValueError(
                f"its first line leaves {n_nameless} columns without a name"
            )
        raise ValueError(f"its first line has the column {twice!r} twice")
    body, lines = rows[has_names:], numbers[has_names:]
    if not body:
        raise ValueError("it has names of columns and no rows")
    for line, row in zip(lines, body, strict=True):
        if len(row) != width:
            raise ValueError(
                f"line {line} has {len(row)} cells and the first {width}; is it cut "
                "off, or are cells separated by something else than "
                f"{delimiter!r}"
            )
    units: dict[str, str] = {}
    if has_names and _has_units(body):
        units = dict(zip(names, body[0], strict=True))
        body, lines = body[1:], lines[1:]
    columns = [[row[place] for row in body] for place in range(width)]
    decimal_comma = delimiter == ";" or any(map(_has_decimal_comma, columns))
    found, odd = {}, {}
    for name, cells in zip(names, columns, strict=True):
        found[name], wrong = _as_column(cells, decimal_comma=decimal_comma)
        odd.update({name: wrong} if wrong else {})
    return Sheet(found, file, lines, units, odd)


def _is_sample(cells: Sequence[str], others: Sequence[Sequence[str]]) -> bool:
    """Return whether a first line has values, and words that its columns have again."""
    is_value = [*map(_is_value, cells)]
    if all(is_value) or not any(map(_is_number, filter(None, cells))):
        return all(is_value)
    words = [place for place, known in enumerate(is_value) if not known]
    return all(
        any(len(row) > place and row[place] == cells[place] for row in others)
        for place in words
    )


def _without_empty_ends(rows: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Leave out what is to the right of all names, if no row has a cell there."""
    width = len(rows[0])
    while width and not rows[0][width - 1]:
        width -= 1
    is_empty_there = not any(map(any, (row[width:] for row in rows)))
    return [row[:width] if is_empty_there else row for row in rows]


def _are_numbered(cells: Sequence[str]) -> bool:
    """Return whether a line names columns 0, 1, ..., as pandas does, maybe an index.

    Without an index, a line of one or two numbers may be the first sample.
    """
    has_index = not cells[0]
    names = cells[has_index:]
    is_sure = len(names) >= (1 if has_index else 3)
    return is_sure and list(names) == [str(place) for place in range(len(names))]


def _split(text: str) -> tuple[str, list[int], list[tuple[str, ...]]]:
    """Return what separates cells, the lines of rows, and their cells.

    Rows are tuples, which the garbage collector lets be: with lists it would look at
    all of them again and again, and take longer than all else.
    """
    # Ends of lines that were translated twice, and no blank lines between rows.
    text = _without_comments(text.replace("\r\r\n", "\n"))
    told = TOLD.match(text)
    text = text[told.end() :] if told else text
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        raise ValueError("it is empty")
    delimiter = told[1] if told else _find_delimiter(*lines[:2])
    numbers: list[int] = []
    rows: list[tuple[str, ...]] = []
    if delimiter == " ":
        for number, line in enumerate(text.splitlines(), start=1):
            if line.strip():
                numbers.append(number)
                rows.append(tuple(line.split()))
        return delimiter, numbers, rows
    for number, row in read_cells(text, delimiter):
        numbers.append(number)
        rows.append(tuple([cell.strip() for cell in row]))
    return delimiter, *_without_blanks(numbers, rows)


def _without_blanks(
    numbers: list[int], rows: list[tuple[str, ...]]
) -> tuple[list[int], list[tuple[str, ...]]]:
    """Leave out empty rows above and below a table, and blank lines.

    Other empty rows are samples without values. So is a blank line among the rows of a
    single column.
    """
    filled = [place for place, row in enumerate(rows) if any(row)]
    if not filled:
        raise ValueError("it is empty")
    start, stop = filled[0], filled[-1] + 1
    blank = ("",) if len(rows[start]) == 1 else ()
    kept = [place for place in range(start, stop) if rows[place] or blank]
    return [numbers[place] for place in kept], [rows[place] or blank for place in kept]


def _without_comments(text: str) -> str:
    """Blank the comments above a table, but for names of columns in the last of them.

    The lines keep their numbers.
    """
    lines = text.splitlines()
    is_above = [not s or s.startswith(_COMMENT) for s in map(str.strip, lines)]
    n_above = is_above.index(False) if False in is_above else len(lines)
    comments = [i for i in range(n_above) if lines[i].strip()]
    if not comments:
        return text
    last = lines[comments[-1]].strip().lstrip("".join(_COMMENT)).strip()
    lines[:n_above] = [""] * n_above
    if n_above < len(lines):
        first = lines[n_above]
        row, names = (_cells(s, _find_delimiter(first)) for s in (first, last))
        if len(names) == len(row) and all(map(_is_number, row)):
            lines[n_above - 1] = last
    return "\n".join(lines)


def _cells(line: str, delimiter: str) -> list[str]:
    if delimiter == " ":
        return line.split()
    return next(csv.reader([line], delimiter=delimiter), [])


def _find_delimiter(*lines: str) -> str:
    """Return what separates the cells of the first of some lines.

    Space is in the name of a lone column where the next line has none. Beside numbers
    with commas for decimals it separates.
    """
    bare = [_QUOTED.sub("x", line.strip()) for line in lines]
    for mark in (";", "\t", ","):  # a comma beside the others is in the numbers
        if mark in bare[0] and not (mark == "," and _are_spaced(bare)):
            return mark
    return " " if all(" " in line for line in bare) else ","


def _are_spaced(lines: Sequence[str]) -> bool:
    """Return whether lines are numbers with commas for decimals, behind spaces."""
    rows = [line.split() for line in lines]
    is_even = len({*map(len, rows)}) == 1 and len(rows[0]) > 1
    return is_even and all(
        COMMA.fullmatch(cell) or ("," not in cell and _is_number(cell))
        for row in rows
        for cell in row
    )


def _has_units(body: Sequence[Sequence[str]]) -> bool:
    """Return whether a line of units stands above the rows."""
    first, rest = body[0], body[1:20]
    if len(rest) < 2 or any(not is_empty(c) and _is_number(c) for c in first):
        return False
    return any(
        not is_empty(cell) and all(_is_number(row[place]) for row in rest)
        for place, cell in enumerate(first)
    )


def _has_decimal_comma(cells: Sequence[str]) -> bool:
    """Return whether a column of numbers has commas that cannot separate thousands."""
    with_comma = [cell for cell in cells if "," in cell]
    is_sure = any(
        COMMA.fullmatch(cell) and not THOUSANDS.fullmatch(cell) for cell in with_comma
    )
    return is_sure and all(map(_is_number, cells))


def is_empty(cell: str | None) -> bool:
    """Return whether a cell says that there is no value."""
    return cell is None or cell.lower() in _EMPTY


def _is_number(cell: str) -> bool:
    """Return whether a cell is a number of any spelling, or empty."""
    if is_empty(cell):
        return True
    try:
        parse_number(cell, decimal_comma=True)
    except ValueError:
        return False
    return True


def _is_meant_as_number(cell: str | None) -> bool:
    """Return whether a cell is a number, maybe with marks between thousands."""
    return (
        cell is None
        or _is_number(cell)
        or THOUSANDS.fullmatch(cell) is not None
        or POINTS.fullmatch(cell) is not None
    )


def _is_value(cell: str) -> bool:
    """Return whether a cell is a number, true or false, a date or time, or empty."""
    is_state = parse_truth(cell) is not None
    return is_state or _is_number(cell) or _MOMENT.match(cell) is not None


def parse_truth(cell: str) -> float | None:
    """Return 1 for true and 0 for false, in any case; None for another cell."""
    return _TRUTHS.get(cell.lower())


def _as_truths(cells: Iterable[str | None]) -> np.ndarray | None:
    """Return 1, 0 and NaN of a column of true, false and nothing; None of others."""
    numbers = []
    for cell in cells:
        truth = np.nan if cell is None else parse_truth(cell)
        if truth is None:
            return None
        numbers.append(truth)
    return np.array(numbers)


def parse_number(cell: str, *, decimal_comma: bool) -> float:
    """Read a number, maybe with a comma in place of the point, or raise ValueError."""
    if "_" in cell:  # Python would read 1_000
        raise ValueError(f"{cell!r} is no number")
    if decimal_comma and "," in cell and "." not in cell:
        cell = cell.replace(",", ".")
    return float(cell)


def _as_column(
    cells: Sequence[str | None], *, decimal_comma: bool
) -> tuple[np.ndarray, tuple[int, int] | None]:
    """Return an array of numbers if all cells are numbers, else of objects.

    Also return the first cell that is none, and how many there are that do not look
    like a number with a comma between thousands either.
    """
    numbers = np.full(len(cells), np.nan)
    odd = []
    for place, cell in enumerate(cells):
        try:
            numbers[place] = parse_number(str(cell), decimal_comma=decimal_comma)
        except ValueError:  # few are, so that emptiness is asked of few
            if not is_empty(cell):
                odd.append(place)
    if not odd:
        return numbers, None
    column = np.empty(len(cells), dtype=object)
    column[:] = [None if is_empty(cell) else cell for cell in cells]
    return column, (odd[0], sum(not THOUSANDS.fullmatch(str(cells[o])) for o in odd))
