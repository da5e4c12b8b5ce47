"""Formats of annotation tools.

They are read here, strictly: a general reader skips what it does not understand, and a
damaged file becomes a shorter table. Only writing needs other packages.
"""

from __future__ import annotations

import os
import re
import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol
from xml.etree import ElementTree
from xml.parsers import expat

from skvas._optional import import_optional
from skvas.io._table import SegmentTable, TimedSegment
from skvas.io._text import decode_lines
from skvas.validation import media_type, spelled_as

TIER = "actions"  # the name under which segments are written
BINARY = b"ooBinaryFile"

# (name, rows) of each tier; a row is (start, end, label).
_Tiers = list[tuple[str, list[tuple[float, float, str]]]]

# What Praat reads of its text files: comments to be passed over, texts, flags, and the
# words of which it takes numbers alone.
_TOKEN = re.compile(
    r"""(?<!\S)(?:!(?P<comment>[^\n]*)
        |"(?P<text>(?:[^"]|"")*)"(?!\S)
        |<(?P<flag>exists|absent)>(?!\S)
        |(?P<number>[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)(?!\S)
        |(?P<word>[^\s"]+)(?!\S))
        |(?P<junk>\S)""",
    re.VERBOSE,
)


def parse_eaf(data: bytes, video: str, tier: str | None) -> list[TimedSegment]:
    """Read segments from one tier of ELAN, aligned or of references to such."""
    _refuse_entities(data)
    root = ElementTree.fromstring(data)
    if root.tag != "ANNOTATION_DOCUMENT":
        raise ValueError(f"its outermost element is {root.tag}, no ANNOTATION_DOCUMENT")
    header = root.find("HEADER")
    unit = (
        "milliseconds" if header is None else header.get("TIME_UNITS", "milliseconds")
    )
    if unit != "milliseconds":
        raise ValueError(f"its times are in {unit}; save it in milliseconds")
    slots = _read_slots(root)
    tiers: _Tiers = []
    for element in root.iterfind("TIER"):
        name = _attribute(element, "TIER_ID")
        rows = [
            (*_read_times(annotation, slots), _read_value(annotation))
            for annotation in element.iterfind("ANNOTATION/ALIGNABLE_ANNOTATION")
        ]
        # Only where asked for: beside a tier of notes, the aligned one needs no name.
        if name == (tier or TIER):
            rows += _read_references(element, root, slots)
        tiers.append((name, rows))
    return [TimedSegment(video, *row) for row in _choose_tier(tiers, tier)]


def compose_eaf(
    table: SegmentTable, media: str | os.PathLike[str] | None, path: Path
) -> bytes:
    """Write segments as one tier of ELAN, in milliseconds, with a link to the media."""
    eaf = _elan().Eaf(author="skvas")
    eaf.remove_tier("default")
    eaf.add_tier(TIER)
    if media is not None:
        eaf.add_linked_file(*_links(media, path), media_type(media) or "unknown")
    for row in table:
        eaf.add_annotation(TIER, *_milliseconds(row), row.label)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "out.eaf")
        eaf.to_file(str(file))
        return file.read_bytes()


def parse_textgrid(data: bytes, video: str, tier: str | None) -> list[TimedSegment]:
    """Read segments from one tier of intervals of Praat; empty text is a gap."""
    binary = data.startswith(BINARY)
    source: _Source = _BinaryGrid(data) if binary else _TextGrid(decode_lines(data))
    rows = _choose_tier(_read_tiers(source), tier)
    return [TimedSegment(video, *row) for row in rows if row[2]]


def compose_textgrid(table: SegmentTable) -> bytes:
    """Write segments as one tier of intervals of Praat, in microseconds."""
    rows = [(round(r.start, 6), round(r.end, 6), r.label) for r in table]
    grid = _praat().TextGrid(xmax=rows[-1][1])
    tier = grid.add_tier(TIER)
    for row in rows:
        tier.add_interval(*row, check=False)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "out.TextGrid")
        grid.to_file(str(file))
        return file.read_bytes()


def _links(media: str | os.PathLike[str], path: Path) -> tuple[str, str | None]:
    """Return the address of a file, and its place seen from another file.

    ELAN tries the second where the first is gone, as on another computer.
    """
    address = Path(media).absolute().as_uri()
    try:
        relative = os.path.relpath(media, path.absolute().parent)
    except ValueError:  # on another drive
        return address, None
    return address, f"./{Path(relative).as_posix()}"


def _elan() -> Any:
    return import_optional("pympi.Elan", "io")


def _praat() -> Any:
    return import_optional("pympi.Praat", "io")


def _milliseconds(row: TimedSegment) -> tuple[int, int]:
    start, end = round(row.start * 1000), round(row.end * 1000)
    if start == end:
        raise ValueError(
            f"{row} has no length in the milliseconds of eaf; write json instead, "
            "which holds everything."
        )
    return start, end


def _refuse_entities(data: bytes) -> None:
    """Refuse XML that declares entities, before anything could expand them."""

    def refuse(*_: Any) -> None:
        raise ValueError("it declares a document type, which no ELAN file does")

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise ValueError(f"it is not XML: {error}") from error


def _attribute(element: ElementTree.Element, name: str) -> str:
    value = element.get(name)
    if value is None:
        raise ValueError(f"an element {element.tag} has no {name}")
    return value


def _read_slots(root: ElementTree.Element) -> dict[str, float | None]:
    """Return the seconds of each time slot; None where ELAN has yet to find them."""
    slots: dict[str, float | None] = {}
    for element in root.iterfind("TIME_ORDER/TIME_SLOT"):
        name, value = _attribute(element, "TIME_SLOT_ID"), element.get("TIME_VALUE")
        if name in slots:
            raise ValueError(f"it has the time slot {name} twice")
        if value is not None and not re.fullmatch("[0-9]+", value):
            raise ValueError(
                f"time slot {name} has the value {value!r}, no whole number"
            )
        slots[name] = None if value is None else int(value) / 1000
    return slots


def _read_times(
    element: ElementTree.Element, slots: dict[str, float | None]
) -> tuple[float, float]:
    times = []
    for name in ("TIME_SLOT_REF1", "TIME_SLOT_REF2"):
        slot = _attribute(element, name)
        if slot not in slots:
            raise ValueError(
                f"an annotation is at the time slot {slot}, which is not there"
            )
        time = slots[slot]
        if time is None:
            raise ValueError("an annotation has no time; give it one in ELAN")
        times.append(time)
    return times[0], times[1]


def _read_value(element: ElementTree.Element) -> str:
    value = element.find("ANNOTATION_VALUE")
    if value is None:
        raise ValueError("an annotation has no ANNOTATION_VALUE")
    return "".join(value.itertext())


def _read_references(
    tier: ElementTree.Element,
    root: ElementTree.Element,
    slots: dict[str, float | None],
) -> list[tuple[float, float, str]]:
    """Return the annotations of a tier that have the times of those of another."""
    references = tier.findall("ANNOTATION/REF_ANNOTATION")
    known = _read_identifiers(root) if references else {}
    rows, taken = [], set()
    for element in references:
        owner = _find_owner(element, known)
        if owner in taken:
            raise ValueError(
                f"several annotations of the tier divide {owner} and have no times of "
                "their own; copy the tier into one that is aligned"
            )
        taken.add(owner)
        rows.append((*_read_times(known[owner], slots), _read_value(element)))
    return rows


def _read_identifiers(root: ElementTree.Element) -> dict[str, ElementTree.Element]:
    known: dict[str, ElementTree.Element] = {}
    for element in root.iterfind("TIER/ANNOTATION/*"):
        name = _attribute(element, "ANNOTATION_ID")
        if name in known:
            raise ValueError(f"it has the annotation {name} twice")
        known[name] = element
    return known


def _find_owner(
    element: ElementTree.Element, known: dict[str, ElementTree.Element]
) -> str:
    """Return the name of the aligned annotation to which a reference leads."""
    passed: set[str] = set()
    while True:
        name = _attribute(element, "ANNOTATION_REF")
        if name not in known:
            raise ValueError(f"an annotation refers to {name}, which is not there")
        if name in passed:
            raise ValueError(f"annotations refer to each other in a circle, as {name}")
        passed.add(name)
        element = known[name]
        if element.tag != "REF_ANNOTATION":
            return name


class _Source(Protocol):
    """Where the parts of a TextGrid come from, one after another."""

    def kind(self) -> str: ...
    def text(self) -> str: ...
    def real(self) -> float: ...
    def count(self) -> int: ...
    def flag(self) -> bool: ...
    def finish(self) -> None: ...


def _read_tiers(source: _Source) -> _Tiers:
    """Return the tiers of intervals; those of points are passed over."""
    if (kind := source.kind()) != "TextGrid":
        raise ValueError(f"it holds an object {kind!r}, no 'TextGrid'")
    source.real(), source.real()  # the grid's extent
    tiers: _Tiers = []
    of_points = []
    for _ in range(source.count() if source.flag() else 0):
        kind, name = source.kind(), source.text()
        source.real(), source.real()  # the tier's extent
        n_rows = source.count()
        if kind == "IntervalTier":
            rows = [
                (source.real(), source.real(), source.text()) for _ in range(n_rows)
            ]
            tiers.append((name, rows))
        elif kind == "TextTier":
            of_points.append(name)
            for _ in range(n_rows):
                source.real(), source.text()
        else:
            raise ValueError(f"it has a tier of the unknown kind {kind!r}")
    source.finish()
    if of_points and not tiers:
        raise ValueError(
            f"it has tiers of points alone, {', '.join(map(repr, of_points))}; give it "
            "one of intervals"
        )
    return tiers


class _TextGrid:
    """Text of Praat, long or short: its layout is that of its numbers and texts."""

    def __init__(self, text: str) -> None:
        self._tokens = self._split(text)
        if not self.text().startswith("ooTextFile"):
            raise ValueError("it does not start with 'File type = \"ooTextFile\"'")

    @staticmethod
    def _split(text: str) -> Iterator[tuple[str, str]]:
        for match in _TOKEN.finditer(text):
            kind = match.lastgroup or ""
            if kind == "junk":
                line = text.count("\n", 0, match.start()) + 1
                raise ValueError(f"line {line} is not as Praat writes it")
            if kind not in ("comment", "word"):
                yield kind, match[kind]

    def _next(self, expected: str) -> str:
        kind, value = next(self._tokens, ("end of the file", ""))
        if kind != expected:
            raise ValueError(
                f"it has the {kind} {value!r} where a {expected} should be"
            )
        return value

    def kind(self) -> str:
        return self.text()

    def text(self) -> str:
        return self._next("text").replace('""', '"')

    def real(self) -> float:
        return float(self._next("number"))

    def count(self) -> int:
        value = self._next("number")
        if not value.isdecimal():
            raise ValueError(f"it has {value} items in a list")
        return int(value)

    def flag(self) -> bool:
        return self._next("flag") == "exists"

    def finish(self) -> None:
        if (token := next(self._tokens, None)) is not None:
            raise ValueError(f"it goes on after its last tier, with {token[1]!r}")


class _BinaryGrid:
    """Praat's binary file: big-endian numbers, texts behind their lengths."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, len(BINARY)

    def _take(self, n_bytes: int) -> bytes:
        part = self._data[self._at : self._at + n_bytes]
        if len(part) < n_bytes:
            raise ValueError("it ends too early")
        self._at += n_bytes
        return part

    def _number(self, code: str) -> Any:
        return struct.unpack(f">{code}", self._take(struct.calcsize(code)))[0]

    def kind(self) -> str:
        return self._take(self._number("B")).decode("ascii")

    def text(self) -> str:
        length = self._number("H")
        if length < 0xFFFF:
            return self._take(length).decode("ascii")
        return self._take(2 * self._number("H")).decode("utf-16-be")

    def real(self) -> float:
        return float(self._number("d"))

    def count(self) -> int:
        if (count := int(self._number("i"))) < 0:
            raise ValueError(f"it has {count} items in a list")
        return count

    def flag(self) -> bool:
        if (flag := self._number("B")) > 1:
            raise ValueError(f"it has the byte {flag} where 0 or 1 should be")
        return bool(flag)

    def finish(self) -> None:
        if n_left := len(self._data) - self._at:
            raise ValueError(f"it goes on after its last tier, for {n_left} bytes")


def _choose_tier(tiers: _Tiers, tier: str | None) -> list[tuple[float, float, str]]:
    """Return the rows of the tier that was asked for, or of the only one with any."""
    names = [name for name, _ in tiers]
    filled = [rows for _, rows in tiers if rows]
    if tier is None and TIER in names:
        tier = TIER
    if tier is None and len(filled) <= 1:
        return filled[0] if filled else []
    tier = None if tier is None else spelled_as(names)(tier)
    if tier not in names:
        raise ValueError(
            "expected the name of one of its tiers as tier (in a shell, --tier), got "
            f"{tier!r}; it has {', '.join(map(repr, names)) or 'none'}"
        )
    if names.count(tier) > 1:
        raise ValueError(f"it has {names.count(tier)} tiers of the name {tier!r}")
    return tiers[names.index(tier)][1]
