"""Formats of subtitles.

They are read here, strictly: a line that is neither times, nor what may stand before
them, nor text behind them is an error, so that no subtitle is lost in silence.
"""

from __future__ import annotations

import html
import re
import warnings

from skvas._optional import import_optional
from skvas.io._table import SegmentTable, TimedSegment
from skvas.io._text import decode_lines

# Coordinates may follow the times of SubRip, settings those of WebVTT.
_SRT_TIME = r"([0-9]+):([0-5]?[0-9]):([0-5]?[0-9])[,.]([0-9]{3})"
_SRT_LINE = rf"[ \t]*{_SRT_TIME}[ \t]*-->[ \t]*{_SRT_TIME}(?:[ \t].*)?"
_SRT_START = re.compile(rf"^((?:[ \t]*[0-9]+[ \t]*\n)?{_SRT_LINE})$", re.MULTILINE)
_VTT_TIME = r"(?:([0-9]{2,}):)?([0-5][0-9]):([0-5][0-9])\.([0-9]{3})"
_VTT_LINE = rf"[ \t]*{_VTT_TIME}[ \t]*-->[ \t]*{_VTT_TIME}(?:[ \t].*)?"
_GAP = re.compile(r"\n(?:[ \t]*\n)+")


def parse_srt(data: bytes, video: str) -> list[TimedSegment]:
    """Read segments from SubRip's subtitles."""
    # Some writers leave out the empty line between two subtitles.
    text = _SRT_START.sub(r"\n\1", decode_lines(data))
    rows = []
    for block in _blocks(text):
        numbered = len(block) > 1 and re.fullmatch("[0-9]+", block[0].strip())
        rows.append(_read_cue(video, block[1:] if numbered else block, _SRT_LINE))
    return rows


def compose_srt(table: SegmentTable) -> bytes:
    """Write segments as SubRip's subtitles, in milliseconds."""
    return _compose([(*_milliseconds(r), r.label) for r in table], "srt")


def parse_vtt(data: bytes, video: str) -> list[TimedSegment]:
    """Read segments from WebVTT's cues."""
    text = decode_lines(data)
    if not re.match(r"WEBVTT(?:[ \t\n]|$)", text):
        raise ValueError("it does not start with WEBVTT")
    head, *blocks = _blocks(text)
    if any("-->" in line for line in head):
        raise ValueError("it has no empty line behind its head")
    rows = []
    for block in blocks:
        if re.match(r"(?:NOTE|STYLE|REGION)(?:[ \t]|$)", block[0]) and not (
            "-->" in block[0] or (len(block) > 1 and "-->" in block[1])
        ):
            continue
        named = len(block) > 1 and "-->" not in block[0]
        row = _read_cue(video, block[1:] if named else block, _VTT_LINE)
        label = html.unescape(row.label)
        rows.append(TimedSegment(video, row.start, row.end, label))
    return rows


def compose_vtt(table: SegmentTable) -> bytes:
    """Write segments as WebVTT's cues, in milliseconds."""
    rows = [(*_milliseconds(r), html.escape(r.label, quote=False)) for r in table]
    return _compose(rows, "vtt")


def _milliseconds(row: TimedSegment) -> tuple[int, int]:
    return round(row.start * 1000), round(row.end * 1000)


def _blocks(text: str) -> list[list[str]]:
    """Split text at empty lines."""
    return [
        block.split("\n") for block in _GAP.split(text.strip("\n")) if block.strip()
    ]


def _read_cue(video: str, lines: list[str], times: str) -> TimedSegment:
    """Read a line of times and the text behind it."""
    match = re.fullmatch(times, lines[0])
    if match is None:
        raise ValueError(
            f"expected the times of a subtitle, such as 00:00:01.500 --> 00:00:02.500, "
            f"got {lines[0]!r}"
        )
    if odd := [line for line in lines[1:] if re.search(r"[0-9]\s*-->\s*-?[0-9]", line)]:
        raise ValueError(f"a subtitle has the text {odd[0]!r}, which looks like times")
    start, end = (_seconds(match.groups()[i : i + 4]) for i in (0, 4))
    return TimedSegment(video, start, end, "\n".join(lines[1:]).strip())


def _seconds(parts: tuple[str | None, ...]) -> float:
    hours, minutes, seconds, thousandths = (int(part or 0) for part in parts)
    return ((hours * 60 + minutes) * 60_000 + seconds * 1000 + thousandths) / 1000


def _compose(rows: list[tuple[int, int, str]], format_: str) -> bytes:
    pysubs2 = import_optional("pysubs2", "io")
    subtitles = pysubs2.SSAFile()
    for start, end, label in rows:
        line = label.replace("\n", r"\N")
        subtitles.append(pysubs2.SSAEvent(start=start, end=end, text=line))
    with warnings.catch_warnings():
        # Times that it cannot hold are seen when the text is read back.
        warnings.simplefilter("ignore")
        text: str = subtitles.to_string(format_, keep_ssa_tags=True)
    return text.encode()
