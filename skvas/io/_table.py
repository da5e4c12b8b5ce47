"""The table of labelled segments that all file formats are read into."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from itertools import groupby
from numbers import Integral, Real
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skvas._optional import import_optional
from skvas._printing import shorten
from skvas._typing import Labels
from skvas.decoding import labels_to_segments
from skvas.validation import (
    check_fps,
    check_integer,
    check_labels,
    check_seconds,
    is_missing,
    refuse_text,
    spelled_as,
)

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["COLUMNS", "SegmentTable", "TimedSegment"]

COLUMNS = ("video", "start", "end", "label", "seconds")
# A table of one video may leave out its name.
NEEDED = COLUMNS[1:4]
# What the tables of models call them.
ALSO = {"recording": "video", "action": "label"}

# Seconds of the frame of a video that has no other, if nothing says its rate.
LONE_FRAME = 1.0


@dataclass(frozen=True)
class TimedSegment:
    """A stretch of a video in which one thing goes on.

    Parameters
    ----------
    video : str
        Name of the video.
    start : float
        Where it starts, in seconds from the start of the video, at least 0.
    end : float
        Where it ends, after its start.
    label : str
        What goes on; any text.

    Raises
    ------
    ValueError, TypeError
        If a value is not as described.

    Examples
    --------
    >>> from skvas.io import TimedSegment
    >>> segment = TimedSegment("tea01", 1.5, 4.0, "pour milk")
    >>> segment.seconds
    2.5
    """

    video: str
    start: float
    end: float
    label: str

    def __post_init__(self) -> None:
        check_text("video", self.video)
        check_text(f"label in video {self.video!r}", self.label)
        for name in ("start", "end"):
            value = getattr(self, name)
            if not isinstance(value, Real) or isinstance(value, bool):
                raise TypeError(
                    f"{name} of segment {self.label!r} in video {self.video!r} must be "
                    f"a number of seconds, got {shorten(value)}."
                )
            # Adding 0.0 turns -0.0, which is written differently, into 0.0.
            object.__setattr__(self, name, float(value) + 0.0)
        if not 0 <= self.start < self.end < math.inf:
            raise ValueError(
                f"segment {self.label!r} in video {self.video!r} runs from "
                f"{self.start} to {self.end} s; expected 0 <= start < end."
            )

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return self.end - self.start


@dataclass(frozen=True)
class SegmentTable:
    """Labelled segments of one or many videos, in time order, none overlapping another.

    It is what :func:`~skvas.io.read_segments` returns and
    :func:`~skvas.io.write_segments` takes. There may be gaps between segments. Iterate
    over it for the segments, or make a data frame of it.

    Parameters
    ----------
    segments : iterable of TimedSegment
        In any order. They are kept video by video, in the order in which the videos
        first appear, and within a video by start.

    Raises
    ------
    ValueError, TypeError
        If segments of a video overlap, or anything is not a segment.

    Examples
    --------
    >>> from skvas.io import SegmentTable, TimedSegment
    >>> table = SegmentTable(
    ...     [TimedSegment("tea01", 2, 5, "stir"), TimedSegment("tea01", 0, 2, "pour")]
    ... )
    >>> [segment.label for segment in table]
    ['pour', 'stir']
    >>> table.to_labels("tea01", fps=1).tolist()
    ['pour', 'pour', 'stir', 'stir', 'stir']
    """

    segments: tuple[TimedSegment, ...]

    def __init__(self, segments: Iterable[TimedSegment]) -> None:
        if not isinstance(segments, Iterable):
            raise TypeError(
                "segments must be a list of TimedSegment objects, got "
                f"{shorten(segments)}."
            )
        rows = list(segments)
        for row in rows:
            if not isinstance(row, TimedSegment):
                raise TypeError(
                    f"segments must be TimedSegment objects, got {shorten(row)}."
                )
        position = {video: i for i, video in enumerate(dict.fromkeys(_videos(rows)))}
        rows.sort(key=lambda row: (position[row.video], row.start))
        for row, following in zip(rows, rows[1:], strict=False):
            if row.video == following.video and following.start < row.end:
                raise ValueError(
                    f"segments of video {row.video!r} overlap: {row.label!r} ends at "
                    f"{row.end} s, {following.label!r} starts at {following.start} s."
                )
        object.__setattr__(self, "segments", tuple(rows))

    @classmethod
    def from_labels(
        cls,
        labels: Labels,
        names: str | Sequence[str],
        *,
        fps: float | None = None,
        times: ArrayLike | Sequence[ArrayLike] | None = None,
        action_names: Sequence[str] | None = None,
    ) -> SegmentTable:
        """Cut labels of frames, such as `predict` returns, into segments.

        Parameters
        ----------
        labels : array-like of shape (n_frames,), or a collection of them
            A number or a string for each frame. Negative numbers, as for background,
            become gaps.
        names : str or sequence of str
            Name of the video, or of each.
        fps : float, default=None
            Frames per second: frame i lasts from ``i / fps`` to ``(i + 1) / fps``.
        times : array-like of shape (n_frames,), or a collection of them, default=None
            Instead of `fps`, the second at which each frame starts, rising, such as
            :meth:`skvas.features.FrameFeatures.extract` finds them. The last frame
            lasts as long as the median frame, a lone one a second.
        action_names : sequence of str, default=None
            Names of the actions 0, 1, ... None: numbers are written as they are.

        Returns
        -------
        SegmentTable
            One segment for each run of equal labels.

        Raises
        ------
        ValueError
            If numbers of labels, names and times disagree, or neither or both of `fps`
            and `times` are given.

        Examples
        --------
        >>> from skvas.io import SegmentTable
        >>> table = SegmentTable.from_labels([0, 0, 1], "tea01", fps=2)
        >>> [(s.start, s.end, s.label) for s in table]
        [(0.0, 1.0, '0'), (1.0, 1.5, '1')]
        """
        refuse_text("action_names", action_names)
        if action_names is not None:
            action_names = list(action_names)
        if not isinstance(names, Iterable):
            raise TypeError(
                "names must be the name of the video, or a list of one for each, got "
                f"{shorten(names)}."
            )
        if isinstance(names, str):
            names, labels = [names], check_labels(labels)
            times = None if times is None else [np.asarray(times)]
        labels, names = check_labels(list(labels)), list(names)
        if len(set(names)) != len(names):
            raise ValueError("names must differ from each other; two are the same.")
        stamps = [None] * len(labels) if times is None else list(times)  # type: ignore[arg-type]
        if not len(names) == len(labels) == len(stamps):
            timed = "" if times is None else f" and {len(stamps)} times"
            raise ValueError(
                f"Expected a name (and times, if any) for each of {len(labels)} "
                f"video(s), got {len(names)} names{timed}."
            )
        rows: list[TimedSegment] = []
        for name, item, stamp in zip(names, labels, stamps, strict=True):
            edges = frame_edges(name, len(item), fps, stamp)
            rows += _to_segments(name, item, edges, action_names)
        return cls(rows)

    @classmethod
    def from_frame(cls, frame: Any, video: str | None = None) -> SegmentTable:
        """Make a table of segments of a data frame of pandas or polars.

        Parameters
        ----------
        frame : data frame
            A row for each segment, of one video or of many. The columns start and end
            are seconds, or durations, from the start of the video. The column label, or
            action, has texts or integers; a segment where it is missing has the empty
            text, which `fit` reads as no label. The column video, or recording, has the
            name of the video. Other columns are not read.
        video : str, default=None
            Name of the video, where there is no such column.

        Returns
        -------
        SegmentTable
            As `fit` takes it beside recordings of these names.

        Raises
        ------
        ValueError, TypeError
            If a column is missing or there twice, if a cell is not as described, or if
            segments of a video overlap; names the row.

        See Also
        --------
        SegmentTable.to_frame : The way back.
        skvas.io.read_segments : Tables from files.

        Examples
        --------
        >>> import pandas as pd
        >>> from skvas.io import SegmentTable
        >>> rows = [("anna", 0.0, 2.5, "pour"), ("ben", 1.0, 3.0, "stir")]
        >>> names = ["recording", "start", "end", "label"]
        >>> table = SegmentTable.from_frame(pd.DataFrame(rows, columns=names))
        >>> table.videos
        ['anna', 'ben']
        """
        names = _columns_of(frame, video)
        cells = [list(frame[names[column]]) for column in NEEDED]
        given = names.get("video")
        videos = [video] * len(frame) if given is None else list(frame[given])
        rows = []
        for number, row in enumerate(zip(videos, *cells, strict=True), start=1):
            try:
                name, start, end, label = row
                rows.append(
                    TimedSegment(
                        _as_text("video", name),
                        _as_seconds("start", start),
                        _as_seconds("end", end),
                        "" if is_missing(label) else _as_text("label", label),
                    )
                )
            except (ValueError, TypeError) as error:
                raise type(error)(f"row {number} of the data frame: {error}") from error
        return cls(rows)

    @property
    def videos(self) -> list[str]:
        """Names of the videos, in order."""
        return list(self._by_video)

    @cached_property
    def _by_video(self) -> dict[str, list[TimedSegment]]:
        """The segments of each video."""
        found = groupby(self.segments, attrgetter("video"))
        return {video: list(rows) for video, rows in found}

    def to_labels(
        self,
        video: str,
        *,
        fps: float | None = None,
        times: ArrayLike | None = None,
        n_frames: int | None = None,
        fill: str | None = None,
    ) -> NDArray[Any]:
        """Spell the segments of one video out as one label a frame.

        Parameters
        ----------
        video : str
            Name of the video.
        fps : float, default=None
            Frames per second.
        times : array-like of shape (n_frames,), default=None
            Instead of `fps` and `n_frames`, the second at which each frame starts.
        n_frames : int, default=None
            Number of frames. None: up to the end of the last segment.
        fill : str, default=None
            Label of frames in no segment. None: there must be no such frame.

        Returns
        -------
        ndarray of str objects, shape (n_frames,)
            For each frame the label of the segment in which the middle of the frame
            lies.

        Raises
        ------
        KeyError
            If the table has no such video.
        ValueError
            If a frame has no label and `fill` is None, or neither or both of `fps` and
            `times` are given.

        Examples
        --------
        >>> from skvas.io import SegmentTable, TimedSegment
        >>> table = SegmentTable([TimedSegment("tea01", 0.5, 1.5, "pour")])
        >>> table.to_labels("tea01", fps=2, n_frames=4, fill="").tolist()
        ['', 'pour', 'pour', '']
        """
        rows = self._by_video.get(video) if isinstance(video, str) else None
        if rows is None and isinstance(video, str):
            rows = self._by_video.get(spelled_as(self._by_video)(video))
        if rows is None:
            known = ", ".join(map(repr, self.videos)) or "none"
            raise KeyError(f"There is no video {video!r}; there are {known}.")
        if times is not None:
            n_frames = len(np.asarray(times))
        elif n_frames is not None:
            n_frames = check_integer("n_frames", n_frames, low=1)
        elif fps is not None:
            n_frames = max(1, round(rows[-1].end * check_fps(fps)))
        edges = frame_edges(video, n_frames or 0, fps, times)
        middles = (edges[1:] + edges[:-1]) / 2
        row_of = np.searchsorted([row.start for row in rows], middles, "right") - 1
        inside = (row_of >= 0) & (middles < np.array([r.end for r in rows])[row_of])
        if fill is None and not inside.all():
            raise ValueError(
                f"frame {int(inside.argmin())} of video {video!r} lies in no segment; "
                "name a label for gaps by fill, as in to_labels(..., fill='none')."
            )
        names = np.array([row.label for row in rows] + [fill], dtype=object)
        return names[np.where(inside, row_of, len(rows))]

    def to_frame(self) -> pd.DataFrame:
        """Make a pandas data frame of the table.

        Returns
        -------
        pandas.DataFrame
            With the columns video, start, end, label and seconds.

        Examples
        --------
        >>> from skvas.io import SegmentTable, TimedSegment
        >>> table = SegmentTable([TimedSegment("tea01", 0, 2, "pour")])
        >>> table.to_frame().columns.tolist()
        ['video', 'start', 'end', 'label', 'seconds']
        """
        return import_optional("pandas", "io").DataFrame(
            [[getattr(row, name) for name in COLUMNS] for row in self.segments],
            columns=list(COLUMNS),
        )

    def to_pyannote(self) -> dict[str, Any]:
        """Make an annotation of pyannote.core of each video.

        Returns
        -------
        dict of str to pyannote.core.Annotation
            Keyed by the name of the video.
        """
        core = import_optional("pyannote.core", "io")
        annotations = {video: core.Annotation(uri=video) for video in self.videos}
        for track, row in enumerate(self.segments):
            segment = core.Segment(row.start, row.end)
            annotations[row.video][segment, track] = row.label
        return annotations

    def __len__(self) -> int:
        return len(self.segments)

    def __iter__(self) -> Iterator[TimedSegment]:
        return iter(self.segments)


def plain_columns(names: Iterable[str]) -> list[str]:
    """Return names of columns as ours are written."""
    plain = lowered(names)
    known = {name: ours for name, ours in ALSO.items() if ours not in plain}
    return [known.get(name, name) for name in plain]


def lowered(names: Iterable[str]) -> list[str]:
    """Return names in small letters, without space around them."""
    return [name.strip().lower() for name in names]


def refuse_frames(names: Iterable[str]) -> None:
    """Refuse the table of a model whose times are frames, by names of its columns."""
    found = {*lowered(names)}
    if {*ALSO, "frames"} <= found and found.isdisjoint(ALSO.values()):
        raise ValueError(
            "its times are frames, and segments have seconds; make it again by a "
            "model that knows the frame rate"
        )


def _columns_of(frame: Any, video: str | None) -> dict[str, Any]:
    """Return what a data frame calls the columns of a table of segments."""
    if hasattr(frame, "collect"):
        raise TypeError(
            f"frame must be a data frame, got a {type(frame).__name__}: read its rows "
            "first, by its method collect."
        )
    if not hasattr(frame, "columns") or not hasattr(frame, "dtypes"):
        raise TypeError(
            "frame must be a data frame of pandas or polars, with the columns video, "
            f"start, end and label, got a {type(frame).__name__}; files are for "
            "skvas.io.read_segments."
        )
    called = list(frame.columns)
    try:
        refuse_frames(map(str, called))
    except ValueError as error:
        raise ValueError(f"The data frame cannot be read: {error}.") from None
    plain = plain_columns(map(str, called))
    wanted = (*NEEDED, "video") if video is None else NEEDED
    missing = [column for column in wanted if column not in plain]
    if missing:
        raise ValueError(
            f"The data frame has no column {', '.join(missing)}; expected start, end, "
            "label or action, and video or recording, which may be left out if the "
            f"name of the only video is given as video. It has "
            f"{', '.join(map(repr, called)) or 'none'}."
        )
    for column in COLUMNS[:4]:
        if plain.count(column) > 1:
            raise ValueError(
                f"The data frame has the column {column} twice; drop one of them."
            )
    if video is not None and "video" in plain:
        raise ValueError(
            f"The data frame names its videos, in the column "
            f"{called[plain.index('video')]!r}; leave out video={video!r}."
        )
    return dict(zip(plain, called, strict=True))


def _as_seconds(name: str, value: Any) -> float:
    """Return the seconds of a cell."""
    if is_missing(value):
        raise ValueError(f"{name} is missing.")
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(
            f"{name} must be a number of seconds from the start of the video, or a "
            f"duration, got {shorten(value)}."
        )
    return float(value)


def _as_text(name: str, value: Any) -> str:
    """Return the text of a cell; integers that missing cells made floats stay whole."""
    if is_missing(value):
        raise ValueError(f"the name of the {name} is missing.")
    is_whole = isinstance(value, Real) and float(value).is_integer()
    if isinstance(value, Integral) or is_whole:
        return str(int(value))
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a text or an integer, got {shorten(value)}.")
    return value


def _videos(rows: Iterable[TimedSegment]) -> list[str]:
    return [row.video for row in rows]


def check_text(name: str, value: Any) -> None:
    """Refuse what is no text, or no file can hold."""
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a string, got {shorten(value)}.")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"{name} is no valid text: {value!r} has half of a surrogate pair at "
            f"position {error.start}."
        ) from None


def frame_edges(
    name: str, n_frames: int, fps: float | None, times: ArrayLike | None
) -> NDArray[np.float64]:
    """Return where frames start and the last one ends, (n_frames + 1,)."""
    if (fps is None) == (times is None):
        raise ValueError(
            "Give either fps, the frame rate, or times, the second at which each frame "
            "starts."
        )
    if times is None:
        return np.arange(n_frames + 1) / check_fps(fps)
    starts = check_seconds(times)
    steps = np.diff(starts)
    is_rising = np.isfinite(starts).all() and (steps > 0).all()
    if starts.shape != (n_frames,) or n_frames < 1 or not is_rising:
        raise ValueError(
            f"times of video {name!r} must be rising and one for each of {n_frames} "
            f"frames; got an array of shape {starts.shape}."
        )
    last = np.median(steps) if n_frames > 1 else LONE_FRAME
    return np.append(starts, starts[-1] + last)


def find_outside(
    rows: Iterable[TimedSegment], edges: NDArray[np.float64]
) -> TimedSegment | None:
    """Return the first segment that is not inside a video, None if all are.

    Times are rounded, and some end a video where its last frame starts.
    """
    end, slack = float(edges[-1]), float(np.median(np.diff(edges))) * 1.01
    start = float(edges[0])
    outside = (
        row
        for row in rows
        if row.start >= end
        or row.end > end + slack
        or row.end <= start
        or row.start < start - slack
    )
    return next(outside, None)


def _to_segments(
    video: str,
    labels: NDArray[Any],
    edges: NDArray[np.float64],
    action_names: Sequence[str] | None,
) -> list[TimedSegment]:
    rows = []
    for run in labels_to_segments(labels):
        label = run.label
        if isinstance(label, (int, float)):
            if label < 0:
                continue
            if action_names is not None and label >= len(action_names):
                raise ValueError(
                    f"video {video!r} has action {label}, but action_names has only "
                    f"{len(action_names)} names."
                )
            label = int(label) if isinstance(label, float) else label
            label = str(label) if action_names is None else action_names[int(label)]
        rows.append(TimedSegment(video, edges[run.start], edges[run.end], label))
    return rows
