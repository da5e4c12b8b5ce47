"""What a report saves: segments that somebody looked at."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import Any

from skvas._atomic import read_bytes
from skvas.io._text import decode

__all__ = ["read_corrections"]

FORMAT, VERSION = "skvas corrections", 1

Rows = list[tuple[int, int, "int | str"]]


def read_corrections(
    path: str | os.PathLike[str], names: Sequence[str] | None = None
) -> list[Rows | None]:
    """Read the corrections of a report, as labels for `fit`.

    Parameters
    ----------
    path : str or path-like
        The JSON file that the page of :func:`skvas.report_html` saved.
    names : sequence of str, default=None
        Names of the recordings that `fit` will see, in its order. None: those of the
        report, in its order.

    Returns
    -------
    list of (None or list of tuple)
        For each recording the rows (start, end, label) of the segments that were
        checked or corrected, in frames, `end` being the first frame after the segment.
        None for recordings without any. If an action got a name in the page, all labels
        are strings.

    Raises
    ------
    ValueError
        If the file is not what a report saves, or has a recording that is not in
        `names`; names the file.
    OSError
        If the file cannot be read; names it.

    Examples
    --------
    >>> import json, tempfile
    >>> from pathlib import Path
    >>> from skvas.io import read_corrections
    >>> pour = {"start": 0, "end": 40, "label": "pour", "checked": True}
    >>> stir = {"start": 40, "end": 90, "label": "stir", "checked": False}
    >>> video = {"name": "tea01", "n_frames": 90, "segments": [pour, stir]}
    >>> saved = {"format": "skvas corrections", "version": 1, "videos": [video]}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "corrections.json")
    ...     _ = path.write_text(json.dumps(saved))
    ...     read_corrections(path)
    [[(0, 40, 'pour')]]
    """
    try:
        found = _read(read_bytes(path))
        if names is not None:
            found = _in_order(found, names)
    except ValueError as error:
        raise ValueError(f"{os.fspath(path)!r}: {error}") from error
    rows = list(found.values())
    kinds = {type(label) for video in rows for _, _, label in video}
    if str in kinds:
        rows = [[(a, b, str(label)) for a, b, label in video] for video in rows]
    return [video or None for video in rows]


def is_corrections(path: str | os.PathLike[str]) -> bool:
    """Tell whether a file is what a report saves, and no table of segments."""
    if not os.fspath(path).lower().endswith(".json"):
        return False
    try:
        page = json.loads(decode(read_bytes(path)))
    except (ValueError, RecursionError):
        return False
    return isinstance(page, dict) and page.get("format") == FORMAT


def _read(data: bytes) -> dict[str, Rows]:
    """Return the checked segments of each recording."""
    try:
        page = json.loads(decode(data))
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"it is not JSON: {error}") from error
    if not isinstance(page, dict) or page.get("format") != FORMAT:
        raise ValueError(
            "it has no corrections; save them in the page of a report, as JSON."
        )
    if page.get("version") != VERSION:
        raise ValueError(
            f"it has version {page.get('version')!r} of the format, this skvas reads "
            f"{VERSION}; update skvas."
        )
    found: dict[str, Rows] = {}
    for video in _list(page.get("videos"), "videos"):
        name = video.get("name") if isinstance(video, dict) else None
        if not isinstance(name, str):
            raise ValueError(f"expected an object with a name as video, got {video!r}.")
        if name in found:
            raise ValueError(f"it has the video {name!r} twice.")
        try:
            found[name] = _segments(video)
        except ValueError as error:
            raise ValueError(f"video {name!r}: {error}") from error
    return found


def _segments(video: dict[str, Any]) -> Rows:
    rows: Rows = []
    last = 0
    n_frames: Any = video.get("n_frames")
    for segment in _list(video.get("segments"), "segments"):
        if not isinstance(segment, dict):
            raise ValueError(f"expected an object as segment, got {segment!r}.")
        start: Any = segment.get("start")
        end: Any = segment.get("end")
        label = segment.get("label")
        numbers = (last, start, end, n_frames)
        if not all(type(number) is int for number in numbers) or not (
            last <= start < end <= n_frames
        ):
            raise ValueError(
                f"the segment from {start!r} to {end!r} is empty, overlaps another or "
                f"is not inside the {n_frames!r} frames."
            )
        if type(label) not in (int, str, type(None)):
            raise ValueError(f"expected an integer or text as label, got {label!r}.")
        if segment.get("checked") not in (True, False):
            raise ValueError(f"the segment from {start} does not say whether checked.")
        last = end
        if segment["checked"] and label is not None:
            rows.append((start, end, label))
    return rows


def _list(value: Any, name: str) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError(f"expected a list of {name}, got {value!r}.")
    return value


def _in_order(found: dict[str, Rows], names: Sequence[str]) -> dict[str, Rows]:
    unknown = [name for name, rows in found.items() if rows and name not in names]
    if unknown:
        raise ValueError(
            f"it corrects {unknown[0]!r}, which is not among the names; pass the names "
            "of all recordings of fit."
        )
    return {name: found.get(name, []) for name in names}
