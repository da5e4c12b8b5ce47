"""Reading and writing of tables of segments."""

from __future__ import annotations

import codecs
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skvas._atomic import naming_file, read_bytes, write_atomically
from skvas.io import _annotation, _subtitles, _text
from skvas.io._table import SegmentTable, TimedSegment
from skvas.io._text import as_text_cell
from skvas.validation import check_choice, check_fps, check_path

__all__ = ["read_segments", "write_segments"]

MAX_REASON = 500  # characters


@dataclass(frozen=True)
class _Format:
    """How one kind of file is read and written, and what it can hold.

    `options` names what else `parse` is given, in this order: the video's name, where
    the file does not hold it, the tier, the frame rate. `resolution` is the largest
    change of a time by rounding, in seconds. `written_with` names what else `compose`
    is given. `many` tells that it holds any number of videos.
    """

    parse: Callable[..., list[TimedSegment]]
    compose: Callable[..., bytes]
    options: tuple[str, ...] = ("video",)
    resolution: float = 0.0
    written_with: tuple[str, ...] = ()
    many: bool = False


FORMATS = {
    "csv": _Format(_text.parse_csv, _text.compose_csv, resolution=0.5e-3, many=True),
    "json": _Format(_text.parse_json, _text.compose_json, many=True),
    "eaf": _Format(
        _annotation.parse_eaf,
        _annotation.compose_eaf,
        ("video", "tier"),
        0.5e-3,
        ("media", "path"),
    ),
    "textgrid": _Format(
        _annotation.parse_textgrid,
        _annotation.compose_textgrid,
        ("video", "tier"),
        0.5e-6,
    ),
    "srt": _Format(_subtitles.parse_srt, _subtitles.compose_srt, resolution=0.5e-3),
    "vtt": _Format(_subtitles.parse_vtt, _subtitles.compose_vtt, resolution=0.5e-3),
    "txt": _Format(
        _text.parse_frames,
        _text.compose_frames,
        ("video", "fps"),
        written_with=("fps",),
    ),
}


def read_segments(
    path: str | os.PathLike[str],
    *,
    format: str | None = None,  # the word that users know
    video: str | None = None,
    tier: str | None = None,
    fps: float | None = None,
) -> SegmentTable:
    r"""Read labelled segments from a file.

    Text may be in UTF-8 or, with a mark of byte order, in UTF-16 or UTF-32, and lines
    may end as on any system. Tables may have semicolons or tabs between cells, and
    commas for decimals, as spreadsheets of other languages write them.

    Parameters
    ----------
    path : str or path-like
        The file.
    format : {"csv", "json", "eaf", "textgrid", "srt", "vtt", "txt"}, default=None
        What the file is; None: what its suffix says. The formats are explained at
        :func:`write_segments`.
    video : str, default=None
        Name of the video, for the formats that hold one video and not its name, and for
        "csv" without a column video. None: the name of the file without suffix.
    tier : str, default=None
        For "eaf" and "textgrid", the tier to read. None: "actions", or else the only
        tier that has something in it. One of references, in ELAN, has the times of the
        annotations to which they refer, and is read by name alone.
    fps : float, default=None
        For "txt", the frames (lines) per second.

    Returns
    -------
    SegmentTable
        The segments.

    Raises
    ------
    OSError
        If the file cannot be read; names the file.
    ValueError
        If it is not what `format` says to the last line, declares XML entities, or has
        segments that overlap, have no length or start below 0; names the file. Also if
        an option does not go with the format.

    See Also
    --------
    write_segments : Write segments to files.
    skvas.labels.frame_labels : Their labels for the frames of videos.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from skvas.io import read_segments
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder, "tea01.txt")
    ...     _ = file.write_text("pour\npour\nstir")
    ...     for segment in read_segments(file, fps=2):
    ...         print(segment)
    TimedSegment(video='tea01', start=0.0, end=1.0, label='pour')
    TimedSegment(video='tea01', start=1.0, end=1.5, label='stir')
    """
    check_path("path", path)
    if format is None and not _format_of(path):
        _check_there(path)
    name, kind = _find_format(path, format)
    options: dict[str, Any] = {"video": video, "tier": tier, "fps": fps}
    _refuse_options(name, kind.options, options)
    options["video"] = Path(path).stem if video is None else video
    if "fps" in kind.options:
        check_fps(fps)
    table = _parse(kind, name, read_bytes(path), options, path)
    if video is not None and table.videos not in ([], [video]):
        raise ValueError(
            f"{os.fspath(path)!r} names its videos, such as {table.videos[0]!r}; leave "
            f"out video={video!r}."
        )
    return table


def write_segments(
    table: SegmentTable,
    path: str | os.PathLike[str],
    *,
    format: str | None = None,
    fps: float | None = None,
    excel: bool = False,
    media: str | os.PathLike[str] | None = None,
) -> None:
    r"""Write labelled segments to a file, whole or not at all.

    What was written is read back before it takes the file's place. So the labels that
    :func:`read_segments` returns are those of the table to the letter, and the times
    are, up to the format's unit: where a format cannot hold them, it is refused.

    Parameters
    ----------
    table : SegmentTable
        The segments.
    path : str or path-like
        The file; replaced if it is there, with its permissions kept.
    format : {"csv", "json", "eaf", "textgrid", "srt", "vtt", "txt"}, default=None
        What to write; None: what the suffix of `path` says.

        * "csv": any number of videos; all labels; milliseconds.
        * "json": any number of videos; all labels and times. As in "csv", `seconds`,
          the duration, is there to be looked at, and not read.
        * "eaf" (ELAN): one video; milliseconds; no control characters.
        * "textgrid" (Praat): one video; microseconds; no empty labels.
        * "srt" (SubRip), "vtt" (WebVTT): one video; milliseconds; no empty lines or
          white space at the ends of labels.
        * "txt": the field's ground truth, the label of one frame per line; one video;
          no gaps, no line breaks or white space at the ends of labels.
    fps : float, default=None
        For "txt", the frames (lines) per second.
    excel : bool, default=False
        For "csv", make a file for spreadsheets, which run a label such as "=1+1": an
        apostrophe stands before labels and names of videos that start with one of
        ``= + - @ '``, a tab or a line break, and a mark says that the text is UTF-8.
        The apostrophes are then in what is read from the file.
    media : str or path-like, default=None
        For "eaf", the video or audio file that ELAN opens with the segments. The file
        names it by its full path and by its path from the folder of `path`, so that
        both can be moved together.

    Raises
    ------
    OSError
        If the file cannot be written; names the file, whose old content is then still
        there. So it is with what is there and is no regular file, such as a device,
        and with a file that is write-protected.
    ValueError
        If the format cannot hold the table; names the file and the segment.
    ImportError
        If the package that writes the format is missing; names the extra.

    See Also
    --------
    read_segments : Read segments from files.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from skvas.io import SegmentTable, TimedSegment, write_segments
    >>> table = SegmentTable([TimedSegment("tea01", 0, 2.5, "pour <milk>")])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_segments(table, Path(folder, "tea01.vtt"))
    ...     print(Path(folder, "tea01.vtt").read_text().strip())
    WEBVTT
    <BLANKLINE>
    1
    00:00:00.000 --> 00:00:02.500
    pour &lt;milk&gt;
    """
    if not isinstance(table, SegmentTable):
        raise TypeError(
            f"table must be a SegmentTable, got {type(table).__name__}; see "
            "SegmentTable.from_labels."
        )
    check_path("path", path)
    name, kind = _find_format(path, format)
    given = {"fps": fps, "media": media}
    _refuse_options(name, kind.written_with, given)
    if excel and name != "csv":
        raise ValueError(f"excel was given, but a {name} file is not for spreadsheets.")
    if excel:
        table = SegmentTable(
            TimedSegment(as_text_cell(r.video), r.start, r.end, as_text_cell(r.label))
            for r in table
        )
    options: dict[str, Any] = {"video": None, "tier": None, "fps": fps}
    if "video" in kind.options and not kind.many:
        if len(table.videos) != 1:
            raise ValueError(
                f"{os.fspath(path)!r}: a {name} file holds the segments of one video, "
                f"the table has {len(table.videos)}; write one file a video, or csv or "
                "json."
            )
        options["video"] = table.videos[0]
    if "fps" in kind.written_with:
        check_fps(fps)
    known = {**given, "path": Path(path)}
    try:
        with naming_file(path, "written"):  # some are composed in a file of their own
            data = kind.compose(table, *(known[name] for name in kind.written_with))
    except ValueError as error:
        raise ValueError(f"{os.fspath(path)!r} cannot be written: {error}") from error
    data = codecs.BOM_UTF8 + data if excel else data
    _check_read_back(kind, name, data, options, table, path)
    write_atomically(path, data)


def _check_there(path: str | os.PathLike[str]) -> None:
    """Refuse what is no file, before anything is said of its suffix."""
    if Path(path).is_dir():
        raise IsADirectoryError(f"{os.fspath(path)!r} is a folder, not a file.")
    if not os.path.lexists(path):
        raise FileNotFoundError(f"There is no file or folder {os.fspath(path)!r}.")


def _format_of(path: str | os.PathLike[str]) -> str | None:
    """Return the format that a suffix says, if it says one."""
    name = Path(path).suffix.lower().removeprefix(".")
    return name if name in FORMATS else None


def _find_format(path: str | os.PathLike[str], name: str | None) -> tuple[str, _Format]:
    if name is None:
        name = _format_of(path)
        if name is None:
            raise ValueError(
                f"{os.fspath(path)!r} does not say its format by its suffix; give "
                f"format, one of {', '.join(map(repr, FORMATS))}."
            )
    return name, FORMATS[check_choice("format", name, tuple(FORMATS))]


def _refuse_options(name: str, taken: tuple[str, ...], options: dict[str, Any]) -> None:
    for option, value in options.items():
        if value is not None and option not in taken:
            raise ValueError(
                f"{option} was given, but a {name} file has no use for it; leave it "
                "out."
            )


def _parse(
    kind: _Format,
    name: str,
    data: bytes,
    options: dict[str, Any],
    path: str | os.PathLike[str],
) -> SegmentTable:
    """Parse a file's content; whatever is wrong with it is a ValueError."""
    try:
        return SegmentTable(kind.parse(data, *(options[o] for o in kind.options)))
    except MemoryError:  # says nothing about the file
        raise
    except Exception as error:  # XML and numbers raise all sorts on malformed files
        reason = str(error).rstrip(".") or type(error).__name__
        if len(reason) > MAX_REASON:  # it may have quoted a file of one line
            reason = reason[:MAX_REASON] + " ..."
        raise ValueError(
            f"{os.fspath(path)!r} cannot be read as {name}: {reason}."
        ) from error


def _check_read_back(
    kind: _Format,
    name: str,
    data: bytes,
    options: dict[str, Any],
    table: SegmentTable,
    path: str | os.PathLike[str],
) -> None:
    """Refuse to write what would come back as something else."""
    other = "write csv or json instead, which hold everything"
    if name == "csv":  # its reader has a limit to the length of a field
        other = "write json instead"
    try:
        found = list(_parse(kind, name, data, options, path))
    except ValueError as error:
        raise ValueError(
            f"A {name} file cannot hold the table ({error}); {other}."
        ) from error
    fps = options["fps"]
    tolerance = (kind.resolution if fps is None else 0.5 / fps) + 1e-9
    for index, row in enumerate(table):
        back = found[index] if index < len(found) else None
        if (
            back is None
            or (back.video, back.label) != (row.video, row.label)
            or abs(back.start - row.start) > tolerance
            or abs(back.end - row.end) > tolerance
        ):
            raise ValueError(
                f"{os.fspath(path)!r}: a {name} file cannot hold {row}, which would "
                f"come back as {back}; {other}."
            )
    if len(found) != len(table):
        raise ValueError(
            f"{os.fspath(path)!r}: a {name} file cannot hold this table, which would "
            f"come back with {len(found)} instead of {len(table)} segments; {other}."
        )
