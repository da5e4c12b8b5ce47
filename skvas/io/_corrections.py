"""What a report saves: segments that somebody looked at."""

from __future__ import annotations

import itertools
import json
import os
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skvas._atomic import read_bytes
from skvas._printing import shorten
from skvas.io._text import decode
from skvas.validation import check_choice, check_path, spelled_as

__all__ = ["Corrections", "read_corrections"]

FORMAT, VERSION = "skvas corrections", 1

# None: there is no action.
Row = tuple[int, int, "int | str | None"]
Rows = list[Row]
# A frame of a recording, by its name.
Place = tuple[str, int]
# Pairs of frames of two videos, by their positions.
Anchors = dict[tuple[int, int], list[tuple[int, int]]]


class CheckedRows(list["Row"]):
    """The rows (start, end, label) of one recording, which say what they are of.

    Parameters
    ----------
    rows : iterable of tuple
        Segments that were checked or corrected. The label is None where somebody said
        that there is no action.
    name : str
        Name of the recording.
    n_frames : int
        Its number of frames in the page.
    """

    def __init__(self, rows: Iterable[Row], name: str, n_frames: int) -> None:
        super().__init__(rows)
        self.name = name
        self.n_frames = n_frames

    def without_action(self) -> NDArray[np.bool_]:
        """Return which frames were said to have no action, (n_frames,)."""
        frames = np.zeros(self.n_frames, dtype=bool)
        for start, end, label in self:
            if label is None:
                frames[start:end] = True
        return frames

    def check_place(self, index: int, names: Sequence[str]) -> None:
        """Refuse another recording, where the own one is among the names."""
        if names[index] != self.name and self.name in names:
            raise ValueError(
                f"the corrections of {self.name!r} stand where the recordings have "
                f"{names[index]!r}; put them in order by read_corrections(path, names)."
            )

    def check_length(self, n_frames: int) -> None:
        """Refuse a recording with another number of frames."""
        if n_frames != self.n_frames:
            raise ValueError(
                f"the corrections of {self.name!r} are of {self.n_frames} frames, but "
                f"the recording has {n_frames}; read it at the frame rate of the page "
                "that saved them, or correct it in a page of its own."
            )


class Corrections(list["Rows | None"]):
    """What somebody said of recordings, as labels for `fit`.

    A list like any other, with an entry for each recording: None, or rows
    (start, end, label), in frames.

    Parameters
    ----------
    rows : iterable of (None or list of tuple), default=()
        The entries.
    anchors : dict, default=None
        From two positions in the list, the smaller one first, to a list of pairs of
        frames of these two recordings that show the same moment.
    n_actions : int, default=None
        How many actions the recordings were said to have; None: not known.

    Attributes
    ----------
    anchors : dict
        As given. :meth:`skvas.VideoAligner.align` takes its values.
    n_actions : int or None
        As given. `fit` finds as many actions, unless its estimator has a number.

    Examples
    --------
    >>> from skvas.io import Corrections
    >>> y = Corrections([[(0, 40, "pour")], None], {(0, 1): [(40, 55)]})
    >>> for (i, j), pairs in y.anchors.items():
    ...     print(i, j, pairs)  # model.align(videos[i], videos[j], anchors=pairs)
    0 1 [(40, 55)]
    """

    def __init__(
        self,
        rows: Iterable[Rows | None] = (),
        anchors: Anchors | None = None,
        *,
        n_actions: int | None = None,
    ) -> None:
        super().__init__(rows)
        self.anchors = {} if anchors is None else anchors
        self.n_actions = n_actions
        # The recordings of anchors, which may have no rows to say what they are of.
        self.anchored: dict[int, CheckedRows] = {}

    def __repr__(self) -> str:
        rows = super().__repr__()
        return f"Corrections({rows}, {self.anchors})" if self.anchors else rows


def read_corrections(
    path: str | os.PathLike[str],
    names: Sequence[str] | None = None,
    *,
    missing: str = "error",
) -> Corrections:
    """Read the corrections of a report, as labels for `fit`.

    Parameters
    ----------
    path : str or path-like
        The JSON file that the page of :func:`skvas.report_html` saved.
    names : sequence of str, default=None
        Names of the recordings that `fit` will see, in its order. None: those of the
        report, in its order.
    missing : {"error", "warn"}, default="error"
        What to do where the file corrects a recording that is not in `names`, as it was
        removed or has another name now: refuse the file, or leave out what it says of
        that recording, and warn. A file that corrects none of them is refused.

    Returns
    -------
    Corrections
        A list with, for each recording, the rows (start, end, label) of the segments
        that were checked or corrected, in frames, `end` being the first frame after the
        segment. Of a segment that is known near one of its boundaries, the half there.
        None for recordings without any. Only a recording with as many frames as in the
        page takes them as labels. If an action got a name in the page, all labels
        are strings. Segments that were said to have no action come with None: `fit`
        takes their frames as not labelled, and a report shows them again. Its attribute
        `anchors` has the pairs of frames that were said to show the same moment, and
        `n_actions` the number of actions in the page, checked or not.

    Raises
    ------
    ValueError
        If the file is not what a report saves, or has a recording that is not in
        `names` (see `missing`), or two of these are the same; names the file.
    OSError
        If the file cannot be read; names it.

    See Also
    --------
    skvas.report_html : Write the page that saves corrections.

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
    check_path("path", path)
    check_choice("missing", missing, ("error", "warn"))
    try:
        page = _read(read_bytes(path))
        known = _videos(page)
        anchors = _anchors(page, known)
        names = list(known) if names is None else list(names)
        if len(set(names)) < len(names):
            raise ValueError(
                f"names must differ from each other, got {shorten(names)}."
            )
        known, anchors = _spelled(known, anchors, spelled_as(names))
        told = _told(known, anchors)
        gone = [name for name in told if name not in names]
        if gone and (missing == "error" or len(gone) == len(told)):
            raise ValueError(
                f"it corrects {shorten(gone[0])}, which is not among the names; pass "
                "the names of all recordings of fit, the new name of one that was "
                'renamed, or missing="warn" if one was removed.'
            )
        found = {name: known.get(name, ([], 0)) for name in names}
    except ValueError as error:
        raise ValueError(f"{os.fspath(path)!r}: {error}") from error
    if gone:
        warnings.warn(
            f"{os.fspath(path)!r} corrects {', '.join(map(repr, gone))}, which is not "
            "there, and is left out: if a recording was renamed, give it its new name "
            "in the file.",
            stacklevel=2,
        )
    pairs = _by_position(anchors, names)
    kinds = {type(label) for rows, _ in found.values() for _, _, label in rows}
    checked = (
        CheckedRows(_all_texts(rows) if str in kinds else rows, name, n_frames)
        for name, (rows, n_frames) in found.items()
    )
    entries = [*checked]
    corrections = Corrections(
        [rows or None for rows in entries],
        pairs,
        n_actions=_count_actions(page) or None,
    )
    corrections.anchored = {i: entries[i] for i in {*itertools.chain(*pairs)}}
    return corrections


def _all_texts(rows: Rows) -> Rows:
    return [(a, b, None if label is None else str(label)) for a, b, label in rows]


def is_corrections(path: str | os.PathLike[str]) -> bool:
    """Tell whether a file is what a report saves, and no table of segments."""
    if not os.fspath(path).lower().endswith(".json") or not os.path.isfile(path):
        return False
    try:
        text = decode(read_bytes(path))
        # Poses, which are JSON too, may take long to parse.
        page = json.loads(text) if FORMAT in text else None
    except (ValueError, RecursionError):
        return False
    return isinstance(page, dict) and page.get("format") == FORMAT


# The rows of each recording, by name, and its number of frames.
Videos = dict[str, tuple[Rows, int]]


def _read(data: bytes) -> dict[str, Any]:
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
            f"it has version {shorten(page.get('version'))} of the format, this skvas "
            f"reads {VERSION}; update skvas."
        )
    return page


def _videos(page: dict[str, Any]) -> Videos:
    """Return the known frames of each recording."""
    found: Videos = {}
    for video in _list(page.get("videos"), "videos"):
        name = video.get("name") if isinstance(video, dict) else None
        if not isinstance(name, str):
            raise ValueError(
                f"expected an object with a name as video, got {shorten(video)}."
            )
        if name in found:
            raise ValueError(f"it has the video {shorten(name)} twice.")
        try:
            found[name] = _segments(video), video["n_frames"]
        except ValueError as error:
            raise ValueError(f"video {shorten(name)}: {error}") from error
    return found


def _segments(video: dict[str, Any]) -> Rows:
    rows: Rows = []
    last = 0
    n_frames: Any = video.get("n_frames")
    if type(n_frames) is not int:
        raise ValueError(
            f"expected a whole number as n_frames, got {shorten(n_frames)}."
        )
    for segment in _list(video.get("segments"), "segments"):
        if not isinstance(segment, dict):
            raise ValueError(f"expected an object as segment, got {shorten(segment)}.")
        start: Any = segment.get("start")
        end: Any = segment.get("end")
        label = segment.get("label")
        if not _rising(last, start, end, n_frames) or start == end:
            raise ValueError(
                f"the segment from {shorten(start)} to {shorten(end)} is empty, "
                f"overlaps another or is not inside the {shorten(n_frames)} frames."
            )
        if type(label) not in (int, str, type(None)):
            raise ValueError(
                f"expected an integer or text as label, got {shorten(label)}."
            )
        if segment.get("checked") not in (True, False):
            raise ValueError(f"the segment from {start} does not say whether checked.")
        last = end
        known = segment.get("known", [start, end] if segment["checked"] else None)
        if known is None:
            continue
        if len(_list(known, "two frames")) != 2 or not _rising(start, *known, end):
            raise ValueError(
                f"the frames {shorten(known)} that are known are not inside the "
                f"segment from {start} to {end}."
            )
        rows.append((known[0], known[1], label))
    return rows


def _count_actions(page: dict[str, Any]) -> int:
    """Count the actions of all segments, checked or not."""
    segments = [segment for video in page["videos"] for segment in video["segments"]]
    return len({str(s["label"]) for s in segments if s.get("label") is not None})


def _anchors(page: dict[str, Any], known: Videos) -> list[tuple[Place, Place]]:
    """Return pairs of moments, each of a recording by its name."""
    found: list[tuple[Place, Place]] = []
    for anchor in _list(page.get("anchors", []), "anchors"):
        pair = anchor if isinstance(anchor, dict) else {}
        videos, frames = (
            _list(pair.get(key), f"two {key} of an anchor")
            for key in ("videos", "frames")
        )
        for name in videos:
            if not isinstance(name, str) or name not in known:
                raise ValueError(
                    f"an anchor names {shorten(name)}, which is not there."
                )
        if len(set(videos)) != 2 or len(frames) != 2:
            raise ValueError(
                f"an anchor is a frame of two videos each, got {shorten(anchor)}."
            )
        for name, frame in zip(videos, frames, strict=True):
            if type(frame) is not int or not 0 <= frame < known[name][1]:
                raise ValueError(
                    f"video {shorten(name)} has no frame {shorten(frame)}, of "
                    "an anchor."
                )
        one, other = zip(videos, frames, strict=True)
        found.append((one, other))
    return found


def _by_position(anchors: list[tuple[Place, Place]], names: Sequence[str]) -> Anchors:
    """Return pairs of frames by the positions of recordings that are there."""
    found: Anchors = {}
    for pair in anchors:
        if all(name in names for name, _ in pair):
            one, other = sorted((names.index(name), frame) for name, frame in pair)
            found.setdefault((one[0], other[0]), []).append((one[1], other[1]))
    return found


def _spelled(
    known: Videos, anchors: list[tuple[Place, Place]], spell: Callable[[str], str]
) -> tuple[Videos, list[tuple[Place, Place]]]:
    """Return what the file says with names as those of the recordings are spelled."""
    renamed = {spell(name): video for name, video in known.items()}
    if len(renamed) < len(known):
        raise ValueError("two of its videos have names that differ only in accents.")
    return renamed, [
        ((spell(one), at), (spell(other), then)) for (one, at), (other, then) in anchors
    ]


def _told(known: Videos, anchors: list[tuple[Place, Place]]) -> list[str]:
    """Return the recordings that something is said of."""
    told = [name for name, (rows, _) in known.items() if rows]
    told += [name for pair in anchors for name, _ in pair]
    return list(dict.fromkeys(told))


def _rising(*numbers: Any) -> bool:
    """Tell whether all are whole numbers, and none is below the one before."""
    return all(type(number) is int for number in numbers) and all(
        a <= b for a, b in zip(numbers, numbers[1:], strict=False)
    )


def _list(value: Any, name: str) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError(f"expected a list of {name}, got {shorten(value)}.")
    return value
