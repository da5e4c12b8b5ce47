"""Formats of plain text: CSV, JSON, and the field's one label per frame."""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from skvas.io._table import (
    COLUMNS,
    NEEDED,
    SegmentTable,
    TimedSegment,
    check_text,
    plain_columns,
    refuse_frames,
)

MAX_FRAMES = 10**8  # 46 days at 25 frames per second

# Longer marks first: the mark of UTF-32 starts with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

# A first line that tells spreadsheets what separates cells, and is no part of a table.
TOLD = re.compile(r'"?sep=(.)"?(?=[\r\n])', re.IGNORECASE)
# A number with a comma for decimals, and one with commas between thousands.
COMMA = re.compile(r"[+-]?\d+,\d+(e[+-]?\d+)?", re.IGNORECASE)
THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+(\.\d+)?")
# One with points between thousands, and a comma for decimals.
POINTS = re.compile(r"[+-]?[1-9]\d{0,2}(\.\d{3})+,\d+")
# Space behind a cell in quotation marks, which is no part of it.
_SPACE = re.compile(r'" +(?=[,;\t\r\n]|$)')


def decode(data: bytes) -> str:
    """Decode text by its mark of byte order, UTF-8 where there is none."""
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), "utf-8")
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise ValueError(
            f"it is not {encoding} text ({error}); save it as UTF-8"
        ) from error


def decode_lines(data: bytes) -> str:
    """Decode text, with the line ends of all systems made one."""
    return decode(data).replace("\r\n", "\n").replace("\r", "\n")


def read_cells(text: str, delimiter: str = ",") -> Iterator[tuple[int, list[str]]]:
    """Yield the cells of each row of a table, behind the number of its last line."""
    text = _SPACE.sub('"', text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    start = 1
    try:
        for row in reader:
            yield reader.line_num, row
            start = reader.line_num + 1
    except csv.Error as error:
        raise ValueError(
            f"line {start} cannot be read ({error}); is a quotation mark not closed"
        ) from error


def parse_csv(data: bytes, video: str) -> list[TimedSegment]:
    """Read segments from a table with a header, also with `;` and decimal commas.

    They are those of `video` where the table has no column for it.
    """
    text = decode(data)
    lines = io.StringIO(text, newline="")
    told, n_above = TOLD.match(text), 0
    mark = told[1] if told else _find_mark(text)
    if told:
        n_above = 1
        lines.readline()
    # Where names have space before them, cells have it for the eye, too.
    is_spaced = f"{mark} " in io.StringIO(text[lines.tell() :], newline="").readline()
    rows = csv.DictReader(
        lines, delimiter=mark, strict=True, skipinitialspace=is_spaced
    )
    try:
        if rows.fieldnames is not None:
            refuse_frames(rows.fieldnames)
            rows.fieldnames = plain_columns(rows.fieldnames)
        missing = [c for c in NEEDED if c not in (rows.fieldnames or ())]
        repeated = [c for c in COLUMNS[:4] if (rows.fieldnames or []).count(c) > 1]
        if repeated:
            raise ValueError(f"its first line has {', '.join(repeated)} twice")
        if missing:
            raise ValueError(
                f"its first line has no column {', '.join(missing)}; expected "
                f"{','.join(COLUMNS[:4])}, of which video may be left out"
            )
        found = [(rows.line_num + n_above, row) for row in rows]
    except csv.Error as error:
        raise ValueError(f"line {rows.line_num + n_above}: {error}") from error
    commas = mark != "," or any(_has_decimal_comma(row) for _, row in found)
    return [
        _from_csv({"video": video, **row}, line, decimal_comma=commas)
        for line, row in found
    ]


def _find_mark(text: str) -> str:
    """Return what separates the names of the columns in the first line."""
    head = io.StringIO(text, newline="").readline()
    for mark in ",;\t":
        if {*NEEDED} <= {*plain_columns(next(csv.reader([head], delimiter=mark), ()))}:
            return mark
    return ","


def _has_decimal_comma(row: dict[Any, Any]) -> bool:
    """Return whether a time has a comma that cannot separate thousands."""
    times = (row["start"] or "", row["end"] or "")
    return any(COMMA.fullmatch(t) and not THOUSANDS.fullmatch(t) for t in times)


def _from_csv(row: dict[Any, Any], line: int, *, decimal_comma: bool) -> TimedSegment:
    if None in row or None in row.values():
        raise ValueError(f"line {line} has not as many fields as the first line")
    try:
        start, end = (
            _seconds(row[name], decimal_comma=decimal_comma)
            for name in ("start", "end")
        )
    except ValueError as error:
        raise ValueError(f"line {line}: {error}") from error
    return TimedSegment(row["video"], start, end, row["label"])


def _seconds(text: str, *, decimal_comma: bool) -> float:
    """Read a number as spreadsheets write it; Python's own has 1_000 too."""
    if not text.isascii() or "_" in text:
        raise ValueError(f"could not convert string to float: {text!r}")
    if decimal_comma and "." not in text:
        return float(text.replace(",", "."))
    return float(text)


# Where a spreadsheet may take a formula to start: at the beginning, and behind what
# separates cells in some countries. The last sign says that a text follows.
_SIGNS = "=+@'\uff1d\uff0b\uff0d\uff20-"
_FORMULA = re.compile(rf"(?:^|(?<=[;\t\r\n]))(?=\s*[{_SIGNS}])|^(?=[\t\r\n])")


def as_text_cell(text: str) -> str:
    """Return what a spreadsheet shows and never runs: an apostrophe before it.

    It also stands before texts that start with one, so that no two become equal.
    """
    return _FORMULA.sub("'", text)


def compose_csv(table: SegmentTable) -> bytes:
    """Write segments as a table with a header."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for row in table:
        start, end, seconds = (round(v, 3) for v in (row.start, row.end, row.seconds))
        writer.writerow([row.video, start, end, row.label, seconds])
    return text.getvalue().encode()


def compose_records(
    records: Sequence[Mapping[str, Any]],
    *,
    excel: bool = False,
    keys: Sequence[str] = (),
) -> bytes:
    """Write records of the same keys as a table with a header.

    `keys` are those that they would have, where there is none.
    """
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(records[0]) if records else list(keys))
    writer.writeheader()
    for record in records:
        row = dict(record)
        for name, value in record.items():
            if isinstance(value, str):
                check_text(name, value)
                row[name] = as_text_cell(value) if excel else value
        writer.writerow(row)
    return (codecs.BOM_UTF8 if excel else b"") + text.getvalue().encode()


def parse_json(data: bytes, video: str) -> list[TimedSegment]:
    """Read segments from a list of objects, which have the keys of tables.

    They are those of `video` where an object does not name its own.
    """
    try:
        rows = json.loads(decode(data), object_pairs_hook=_unique_keys)
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"it is not JSON: {error}") from error
    if not isinstance(rows, list):
        raise ValueError(f"expected a list of segments, got {type(rows).__name__}")
    return [_from_json(row, number, video) for number, row in enumerate(rows)]


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError(f"it gives a key twice, in {found!r}")
    return found


def _from_json(row: Any, number: int, video: str) -> TimedSegment:
    known: dict[str, Any] = {"video": video}
    if isinstance(row, dict):
        refuse_frames(row)
        names = plain_columns(row)
        if repeated := [c for c in COLUMNS[:4] if names.count(c) > 1]:
            raise ValueError(f"segment {number} has {', '.join(repeated)} twice")
        known |= zip(names, row.values(), strict=True)
    if not known.keys() >= {*COLUMNS[:4]}:
        raise ValueError(
            f"segment {number} must be an object with {', '.join(COLUMNS[:4])}, of "
            f"which video may be left out, got {row!r}"
        )
    return TimedSegment(*(known[column] for column in COLUMNS[:4]))


def compose_json(table: SegmentTable) -> bytes:
    """Write segments as a list of objects, one a line."""
    lines = []
    for row in table:
        values = [row.video, row.start, row.end, row.label, round(row.seconds, 6)]
        record = dict(zip(COLUMNS, values, strict=True))
        lines.append(json.dumps(record, ensure_ascii=False))
    return ("[\n" + ",\n".join(lines) + "\n]\n").encode()


def parse_frames(data: bytes, video: str, fps: float) -> list[TimedSegment]:
    """Read segments from one label a line, a line a frame."""
    text = decode_lines(data).rstrip()
    # str.splitlines would also split at characters that a label may contain.
    labels = [line.strip() for line in text.split("\n")] if text else []
    if "" in labels:
        raise ValueError(f"line {labels.index('') + 1} has no label")
    return list(SegmentTable.from_labels(labels, video, fps=fps)) if labels else []


def compose_frames(table: SegmentTable, fps: float) -> bytes:
    """Write the label of each frame on a line."""
    for row in table:
        if not row.end * fps <= MAX_FRAMES:
            raise ValueError(
                f"{row} at {fps} frames per second is beyond {MAX_FRAMES} frames"
            )
    labels = [table.to_labels(video, fps=fps) for video in table.videos]
    return "".join(f"{label}\n" for video in labels for label in video).encode()
