"""Formats of annotation tools and of subtitles."""

from __future__ import annotations

import html
import re
import tempfile
import warnings
from pathlib import Path
from typing import Any
from xml.parsers import expat

from skvas._optional import import_optional
from skvas.io._table import SegmentTable, TimedSegment
from skvas.io._text import decode

TIER = "actions"  # the name under which segments are written

# A time that pympi would read without its sign or its exponent.
_ODD_TIME = re.compile(
    r"^[ \t]*(?:x(?:min|max)[ \t]*=[ \t]*)?"
    r"(?:-[\d.]+|[-+]?[\d.]+[eE][-+]?\d+)[ \t]*\r?$",
    re.MULTILINE,
)


def parse_eaf(data: bytes, video: str, tier: str | None) -> list[TimedSegment]:
    """Read segments from the aligned annotations of one tier of ELAN."""
    _refuse_entities(data)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "in.eaf")  # pympi takes paths alone
        file.write_bytes(data)
        eaf = _elan().Eaf(str(file), suppress_version_warning=True)
    tiers = {
        name: [(eaf.timeslots[a], eaf.timeslots[b], text) for a, b, text, _ in aligned]
        for name, aligned in ((n, parts[0].values()) for n, parts in eaf.tiers.items())
    }
    rows = _choose_tier(tiers, tier)
    if any(time is None for row in rows for time in row[:2]):
        raise ValueError("an annotation has no time; give it one in ELAN")
    return [TimedSegment(video, a / 1000, b / 1000, text) for a, b, text in rows]


def compose_eaf(table: SegmentTable) -> bytes:
    """Write segments as one tier of ELAN, in milliseconds."""
    eaf = _elan().Eaf(author="skvas")
    eaf.remove_tier("default")
    eaf.add_tier(TIER)
    for row in table:
        eaf.add_annotation(TIER, *_milliseconds(row), row.label)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "out.eaf")
        eaf.to_file(str(file))
        return file.read_bytes()


def parse_textgrid(data: bytes, video: str, tier: str | None) -> list[TimedSegment]:
    """Read segments from one tier of intervals of Praat; empty text is a gap."""
    if not data.startswith(b"ooBinaryFile"):
        text = decode(data)
        if odd := _ODD_TIME.search(text):
            raise ValueError(
                f"{odd[0].strip()!r} looks like a time that is negative or has an "
                "exponent"
            )
        data = text.replace("\r\n", "\n").encode()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "in.TextGrid")
        file.write_bytes(data)
        grid = _praat().TextGrid(str(file))
    tiers = {t.name: t.intervals for t in grid.tiers if t.tier_type == "IntervalTier"}
    rows = _choose_tier(tiers, tier)
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


def parse_srt(data: bytes, video: str) -> list[TimedSegment]:
    """Read segments from SubRip's subtitles."""
    return _parse_subtitles(decode(data).replace("\r\n", "\n"), video, "srt")


def compose_srt(table: SegmentTable) -> bytes:
    """Write segments as SubRip's subtitles, in milliseconds."""
    return _compose_subtitles([(*_milliseconds(r), r.label) for r in table], "srt")


def parse_vtt(data: bytes, video: str) -> list[TimedSegment]:
    """Read segments from WebVTT's cues."""
    text = decode(data).replace("\r\n", "\n")
    if not text.startswith("WEBVTT"):
        raise ValueError("it does not start with WEBVTT")
    # Notes, styles and identifiers of cues, which pysubs2 takes for text.
    blocks = [block.split("\n") for block in re.split(r"\n(?:[ \t]*\n)+", text)]
    cues = []
    for block in blocks:
        start = next((i for i, line in enumerate(block) if "-->" in line), None)
        if start is not None:
            cues.append("\n".join(block[start:]))
    rows = _parse_subtitles("\n\n".join(cues), video, "vtt")
    return [TimedSegment(video, r.start, r.end, html.unescape(r.label)) for r in rows]


def compose_vtt(table: SegmentTable) -> bytes:
    """Write segments as WebVTT's cues, in milliseconds."""
    rows = [(*_milliseconds(r), html.escape(r.label, quote=False)) for r in table]
    return _compose_subtitles(rows, "vtt")


def _elan() -> Any:
    return import_optional("pympi.Elan", "io")


def _praat() -> Any:
    return import_optional("pympi.Praat", "io")


def _milliseconds(row: TimedSegment) -> tuple[int, int]:
    return round(row.start * 1000), round(row.end * 1000)


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


def _choose_tier(tiers: dict[str, list[Any]], tier: str | None) -> list[Any]:
    """Return the rows of the tier that was asked for, or of the only one with any."""
    filled = [name for name, rows in tiers.items() if rows]
    if tier is None and TIER in tiers:
        tier = TIER
    if tier is None and len(filled) <= 1:
        return tiers[filled[0]] if filled else []
    if tier not in tiers:
        names = ", ".join(map(repr, tiers)) or "none"
        raise ValueError(
            f"expected the name of one of its tiers as tier, got {tier!r}; it has "
            f"{names}"
        )
    return tiers[tier]


def _parse_subtitles(text: str, video: str, format_: str) -> list[TimedSegment]:
    subtitles = import_optional("pysubs2", "io").SSAFile.from_string(
        text, format_=format_, keep_html_tags=True
    )
    return [
        TimedSegment(video, e.start / 1000, e.end / 1000, e.text.replace(r"\N", "\n"))
        for e in subtitles
    ]


def _compose_subtitles(rows: list[tuple[int, int, str]], format_: str) -> bytes:
    pysubs2 = import_optional("pysubs2", "io")
    subtitles = pysubs2.SSAFile()
    for start, end, label in rows:
        line = label.replace("\n", r"\N")
        subtitles.append(pysubs2.SSAEvent(start=start, end=end, text=line))
    with warnings.catch_warnings():
        # Times that it cannot hold are seen when the text is read back.
        warnings.simplefilter("ignore", RuntimeWarning)
        text: str = subtitles.to_string(format_, keep_ssa_tags=True)
    return text.encode()
