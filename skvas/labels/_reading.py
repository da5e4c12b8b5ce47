"""Labels of some frames, in all the forms that users have them in."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, count, islice
from numbers import Integral, Real
from typing import Any

import numpy as np

from skvas._on_demand import lengths_of
from skvas._printing import shorten
from skvas._typing import Labels, Videos
from skvas.datasets._on_disk import open_files
from skvas.io import SegmentTable, TimedSegment
from skvas.io._corrections import CheckedRows, Corrections
from skvas.io._table import find_outside, frame_edges
from skvas.labels._known import BY_NUMBER, Clock, Known, find_clocks
from skvas.labels._stamps import fill_between
from skvas.validation import (
    NO_NAMES,
    are_same_names,
    find_respellings,
    is_missing,
    is_single_video,
    is_unlabelled,
    list_videos,
    naming_video,
    spelled_as,
    without_marks,
)

# The label that other libraries of scikit-learn's kind give to what has none.
NO_LABEL = -1
# Characters of a label, at most.
MAX_LENGTH = 1000
INTEGERS = np.iinfo(np.int64)
# Mean length of stretches among which a label of one frame is a slip.
STRETCH = 2
# Columns of a table of segments.
COLUMNS = ("start", "end", "label")


@dataclass(frozen=True)
class PartialLabels:
    """Labels of some frames, numbered.

    Attributes
    ----------
    names : ndarray of shape (n_classes,)
        The labels that occur, sorted: int64 or str.
    codes : list of int64 ndarray of shape (n_frames_i,)
        Positions in `names`; -1 where a frame has no label.
    is_stamped : list of bool
        Whether the labels of a video are timestamps, at least one in each segment.
    n_actions : int
        How many actions there are at least, as was said beside the labels.
    """

    names: np.ndarray
    codes: list[np.ndarray]
    is_stamped: list[bool]
    n_actions: int = 0

    def action_names(self, n_actions: int) -> np.ndarray:
        """Name all actions: the classes first, then those that have no label.

        Parameters
        ----------
        n_actions : int
            Number of actions, at least that of the classes.

        Returns
        -------
        ndarray of shape (n_actions,)
            Actions without a label are "action 7" for the eighth action, or whole
            numbers above all labels; below, where no integers are above.
        """
        n_more = n_actions - len(self.names)
        if self.names.dtype.kind == "U":
            taken = set(self.names.tolist())
            more = [f"action {k}" for k in range(len(self.names), n_actions)]
            while not taken.isdisjoint(more):
                more = [f"{name}'" for name in more]
            return np.array([*self.names.tolist(), *more])
        numbers = self.names.tolist()
        above = max([-1, *numbers]) + 1
        first = above if above + n_more - 1 <= INTEGERS.max else 0
        free = (k for k in count(first) if k not in numbers)
        return np.array([*numbers, *islice(free, n_more)], dtype=np.int64)

    def of(self, videos: Iterable[int]) -> PartialLabels:
        """Return the labels of some of the videos, and all names."""
        chosen = [int(index) for index in videos]
        return replace(
            self,
            codes=[self.codes[index] for index in chosen],
            is_stamped=[self.is_stamped[index] for index in chosen],
        )

    def over(self, found: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Replace found labels by those that were given, where there are some."""
        pairs = zip(self.codes, found, strict=True)
        return [np.where(given >= 0, given, label) for given, label in pairs]

    def filled(
        self,
        frames: Sequence[np.ndarray],
        found: Sequence[np.ndarray],
        sure: float,
    ) -> list[np.ndarray]:
        """Return the codes of each video, timestamps spread as by `fill_between`."""
        each = zip(frames, self.codes, found, self.is_stamped, strict=True)
        return [
            fill_between(video, codes, actions, sure) if stamped else codes
            for video, codes, actions, stamped in each
        ]

    def where(self, code: int) -> str:
        """Say in which video a label is first met, or that it is of prototypes."""
        having = [i for i, codes in enumerate(self.codes) if (codes == code).any()]
        place = f"first in video {having[0]}" if having else "one of prototypes"
        return f"{self.names[code].item()!r} is {place}"


def read_labels(
    y: Labels,
    lengths: Sequence[int],
    *,
    single: bool,
    to_learn: bool = True,
    known: Known | None = None,
) -> PartialLabels:
    """Read and check labels of some frames.

    Parameters
    ----------
    y : object
        As in `frame_labels`, with start and end in frames.
    lengths : sequence of int
        Numbers of frames of the videos.
    single : bool
        Whether there is one video that is not in a list, and `y` is its entry.
    to_learn : bool, default=True
        Whether actions are learned from the labels, and so a class of one frame among
        labelled stretches is refused.
    known : Known, default=None
        What is known of the videos: their names are held against those of corrections
        and of segments.

    Returns
    -------
    PartialLabels
        Without names if no frame has a label.

    Raises
    ------
    ValueError
        If labels are not as described; names the video.
    """
    given, is_stamped = _by_video(y, lengths, single, known)
    kinds = {type(value) for labels in given for value in labels if value is not None}
    if len(kinds) > 1:
        raise _two_kinds(given, single)
    flat = [value for labels in given for value in labels if value is not None]
    classes = np.array(sorted(set(flat)), dtype=str if kinds == {str} else np.int64)
    number = {name: code for code, name in enumerate(classes.tolist())}
    codes = [
        np.array([NO_LABEL if v is None else number[v] for v in labels], dtype=np.int64)
        for labels in given
    ]
    if to_learn:
        _refuse_lone_frames(classes, codes, single)
    n_actions = y.n_actions if isinstance(y, Corrections) else None
    return PartialLabels(classes, codes, is_stamped, n_actions or 0)


def _two_kinds(given: Sequence[Sequence[int | str | None]], single: bool) -> ValueError:
    """Return the error that names the first integer and the first string."""
    first: dict[type, str] = {}
    for index, labels in enumerate(given):
        place = "" if single else f" in video {index}"
        for value in labels:
            if value is not None and type(value) not in first:
                first[type(value)] = f"{shorten(value)}{place}"
    return ValueError(
        f"y mixes integers and strings, such as {' and '.join(first.values())}; give "
        "labels of one kind for all videos."
    )


def frame_labels(
    y: Labels, videos: Videos, *, fps: float | Sequence[float] | str | None = None
) -> list[np.ndarray]:
    """Spell labels out as one entry a frame, None where a frame has no label.

    `fit` reads the same forms, with `start` and `end` in frames. This function is for
    rows in seconds, and to look at what `fit` makes of labels. What it returns does not
    say which labels were timestamps: to `fit` they are single frames then, and
    boundaries between them are not looked for. For that give the timestamps in frames,
    ``{round(seconds * fps): label}``.

    Parameters
    ----------
    y : list, with an entry for each video
        The entry of a video is one of: None, for a video without labels; an array of
        shape (n_frames,), where -1, None, NaN, "" or a mask mark frames without a
        label; a table of segments, as rows (start, end, label) or a data frame with
        these columns, whose `end` is the first frame after the segment; a dict from
        frame to label, or rows (frame, label), as timestamps, of which each segment of
        the video has one; an empty table, for no label; a
        :class:`~skvas.io.SegmentTable` of one video, in seconds. Its labels are texts,
        of which "-1", "nan", "NA", "None" and the like, as pandas reads them, mean
        that there is none. For one video that is not in a list, `y` is its entry. For
        :class:`~skvas.Recordings` with names it may be one SegmentTable of all of them.
    videos : array-like of shape (n_frames, n_features), or a list of them
        The videos.
    fps : float, sequence of float or "recordings", default=None
        Frames per second, of all videos or of each; "recordings": as these know when
        their frames were. Then times in rows are seconds, but for those of
        :func:`skvas.io.read_corrections`. None: they are frames, and integers, as 5.0
        may be a second; a SegmentTable is in seconds of the recordings.

    Returns
    -------
    list of ndarray of objects of shape (n_frames_i,)
        Integers or strings, and None.

    Raises
    ------
    ValueError
        If labels are not as described; names the video.

    See Also
    --------
    skvas.io.read_segments : Labelled segments from files.
    skvas.metrics.hide_labels : Hide labels, to measure what a few of them give.

    Examples
    --------
    >>> import numpy as np
    >>> from skvas.labels import frame_labels
    >>> videos = [np.zeros((4, 2)), np.zeros((3, 2))]
    >>> y = frame_labels([[(0.5, 1.5, "pour")], {1: "stir"}], videos, fps=2)
    >>> [labels.tolist() for labels in y]
    [[None, 'pour', 'pour', None], [None, None, 'stir']]
    """
    videos = open_files(videos)
    lengths = lengths_of(list_videos(videos))
    known = Known.of(videos)
    clocks = find_clocks(fps, known, len(lengths))
    given, _ = _by_video(y, lengths, is_single_video(videos), known, clocks)
    spelled = []
    for labels in given:
        entry = np.empty(len(labels), dtype=object)
        entry[:] = labels
        spelled.append(entry)
    return spelled


def _by_recording(table: SegmentTable, names: Sequence[str]) -> list[SegmentTable]:
    """Return the segments of each recording."""
    spell = spelled_as(names)
    unknown = [name for name in table.videos if spell(name) not in names]
    if unknown:
        raise ValueError(
            f"y has segments of {unknown[0]!r}, which is no name of a recording; there "
            f"are {', '.join(names)}."
        )
    rows_of: dict[str, list[TimedSegment]] = {name: [] for name in names}
    for row in table:
        rows_of[spell(row.video)].append(row)
    return [SegmentTable(rows) for rows in rows_of.values()]


def _by_video(
    y: Labels,
    lengths: Sequence[int],
    single: bool,
    known: Known | None,
    clocks: Sequence[Clock] | None = None,
) -> tuple[list[list[int | str | None]], list[bool]]:
    """Return the label of each frame of each video, and which have timestamps.

    `clocks` are those of rows; None: they are in frames.
    """
    names = None if known is None else known.names
    if isinstance(y, SegmentTable) and names is not None and not single:
        y = _by_recording(y, names)
    is_one = isinstance(y, (str, bytes, SegmentTable, Mapping)) or not np.iterable(y)
    if (is_one or hasattr(y, "columns")) and not single:
        raise _one_for_all(y, len(lengths))
    items = [y] if single else list(y)
    if len(items) != len(lengths):
        raise ValueError(
            f"y must have an entry for each of the {len(lengths)} videos, got "
            f"{len(items)}; put None for videos that have no labels."
        )
    unknown = [BY_NUMBER] * len(items)
    clocks = unknown if clocks is None else clocks
    seconds = unknown if known is None else known.clocks
    read = []
    for index, (item, n_frames) in enumerate(zip(items, lengths, strict=True)):
        with naming_video(None if single else index):
            if names is not None and isinstance(item, CheckedRows):
                item.check_place(index, names)
            if isinstance(item, SegmentTable) and len(item):
                clock = clocks[index] if clocks[index].is_known else seconds[index]
                _check_segments(item, index, names)
                read.append(_from_segment_table(item, n_frames, clock))
            else:
                read.append(_read(item, n_frames, clocks[index]))
    first_of: Mapping[Any, str] = find_respellings(chain.from_iterable(read))
    if first_of:
        read = [[first_of.get(label, label) for label in labels] for labels in read]
    return read, [_has_stamps(item) for item in items]


def _one_for_all(y: Any, n_videos: int) -> ValueError:
    """Make the error for one entry in place of those of many videos."""
    remedy = (
        "make a list, with None for videos that have no labels (a SegmentTable does "
        "for Recordings with names)"
    )
    if hasattr(y, "columns"):
        remedy = (
            "of segments in seconds, with the names of Recordings in a column, pass "
            "skvas.io.SegmentTable.from_frame(y); else make a list of one for each "
            "video, with None for videos that have no labels"
        )
    return ValueError(
        f"y must have an entry for each of the {n_videos} videos, got one "
        f"{type(y).__name__} for all; {remedy}."
    )


def _check_segments(
    table: SegmentTable, index: int, names: Sequence[str] | None
) -> None:
    """Refuse segments of many videos, and those of another recording."""
    if len(table.videos) != 1:
        raise ValueError(
            f"expected the segments of one video, got those of {len(table.videos)}."
        )
    (name,) = table.videos
    spelled = name if names is None else spelled_as(names)(name)
    if names is not None and spelled in names and spelled != names[index]:
        raise ValueError(
            f"these are the segments of {name!r}, and the recording is "
            f"{names[index]!r}; put them in its place."
        )


def _read(item: Any, n_frames: int, clock: Clock) -> list[int | str | None]:
    """Return the label of each frame of a video, in whatever form it comes."""
    if item is None or (isinstance(item, float) and is_missing(item)):
        return [None] * n_frames
    if isinstance(item, Mapping):
        return _from_stamps(list(item.items()), n_frames, clock)
    if hasattr(item, "columns"):
        columns = list(item.columns)
        wrong = [name for name in COLUMNS if columns.count(name) != 1]
        if wrong:
            raise ValueError(
                f"a table of segments must have the columns {', '.join(COLUMNS)}, each "
                f"once; {', '.join(wrong)} is missing or there twice."
            )
        values = (list(item[name]) for name in COLUMNS)
        return _from_segments(list(zip(*values, strict=True)), n_frames, clock)
    if _has_no_rows(item):
        return [None] * n_frames
    if isinstance(item, CheckedRows):
        item.check_length(n_frames)
        clock = BY_NUMBER
    rows = _rows(item)
    if rows is not None:
        read = _from_segments if len(rows[0]) == 3 else _from_stamps
        return read(rows, n_frames, clock)
    return _from_frames(item, n_frames)


def _has_no_rows(item: Any) -> bool:
    """Tell whether a table of segments or timestamps is empty."""
    if isinstance(item, (list, tuple, SegmentTable)):
        return not len(item)
    return getattr(item, "ndim", 1) == 2 and not len(item)


def _has_stamps(item: Any) -> bool:
    """Tell whether readable labels are timestamps."""
    if isinstance(item, Mapping):
        return True
    if item is None or isinstance(item, SegmentTable) or hasattr(item, "columns"):
        return False
    rows = _rows(item)
    return rows is not None and len(rows[0]) == 2


def _rows(item: Any) -> list[tuple[Any, ...]] | None:
    """Return rows of two or three entries; None if it is no table."""
    if isinstance(item, (list, tuple)):
        if not item or not all(isinstance(row, (list, tuple)) for row in item):
            return None
        rows = [tuple(row) for row in item]
    else:
        array = np.asanyarray(item)  # of which masked entries are None in lists
        if array.ndim != 2 or not len(array):
            return None
        rows = [tuple(row) for row in array.tolist()]
    widths = {len(row) for row in rows}
    if widths not in ({2}, {3}):
        raise ValueError(
            "expected labels of shape (n_frames,), rows (start, end, label) or rows "
            f"(frame, label); got rows of {sorted(widths)} entries. If y is another "
            "video, pass both in a list: fit([x, y])."
        )
    return rows


def _from_frames(item: Any, n_frames: int) -> list[int | str | None]:
    if isinstance(item, (str, bytes)):
        raise ValueError(f"expected one label a frame, got the text {item!r}.")
    # A list of integers and strings would become one of strings alone.
    array = np.asanyarray(
        item, dtype=object if isinstance(item, (list, tuple)) else None
    )
    if array.shape != (n_frames,):
        raise ValueError(
            f"expected one label for each of the {n_frames} frames, got an array of "
            f"shape {array.shape}."
        )
    values = array.tolist()
    if array.dtype.kind == "U":
        _refuse_texts_of_missing(values)
    return [read_label(value) for value in values]


def _refuse_texts_of_missing(values: list[str | None]) -> None:
    """Refuse what NumPy makes of missing labels among texts; masked ones are None."""
    seen = {value for value in values if value is not None}
    marks = seen & {"nan", "NaT", "<NA>", "None"}
    if any(not text.lstrip("-").isdecimal() for text in seen):
        marks |= seen & {"-1"}
    if marks:
        raise ValueError(
            f"{min(marks)!r} is a text here, not a missing label, as an array of texts "
            "has no numbers; give a list, or an array with dtype=object."
        )


def _from_segments(
    rows: list[tuple[Any, ...]], n_frames: int, clock: Clock
) -> list[int | str | None]:
    labels: list[int | str | None] = [None] * n_frames
    for start, end, value in rows:
        first, stop = (_frame(time, n_frames, clock) for time in (start, end))
        if not 0 <= first < stop <= n_frames:
            rate = "" if clock.fps is None else f" at {clock.fps:g} a second"
            what = "empty or not inside"
            if start < end and 0 <= first == stop <= n_frames:
                what = "shorter than a frame, and has none of"
            raise ValueError(
                f"the segment ({start}, {end}, {value!r}) is {what} the {n_frames} "
                f"frames{rate}; end is the first frame after a segment."
            )
        label = read_label(value)
        for frame in range(first, stop):
            _put(labels, frame, label)
    return labels


def _from_stamps(
    rows: list[tuple[Any, ...]], n_frames: int, clock: Clock
) -> list[int | str | None]:
    labels: list[int | str | None] = [None] * n_frames
    for time, value in rows:
        frame = _frame(time, n_frames, clock)
        if clock.is_known and frame == n_frames:  # the last instant of the video
            frame -= 1
        if not 0 <= frame < n_frames:
            raise ValueError(
                f"the timestamp ({time}, {value!r}) is not inside the {n_frames} "
                "frames."
            )
        _put(labels, frame, read_label(value))
    return labels


def _put(labels: list[int | str | None], frame: int, label: int | str | None) -> None:
    """Label a frame, and refuse another label than it has."""
    if label is None:
        return
    known = labels[frame]
    if known is None:
        labels[frame] = label
    elif not are_same_names([known], [label]):
        raise ValueError(f"frame {frame} has two labels, {known!r} and {label!r}.")


def _from_segment_table(
    table: SegmentTable, n_frames: int, clock: Clock
) -> list[int | str | None]:
    if not clock.is_known:
        raise ValueError(
            "a SegmentTable is in seconds, and the rate of frames is not known; give "
            "Recordings(videos, names, fps=...), or spell it out first by "
            "skvas.labels.frame_labels(y, videos, fps=...)."
        )
    (name,) = table.videos
    edges = frame_edges(name, n_frames, clock.fps, clock.times)
    row = find_outside(table, edges)
    if row is not None:
        raise ValueError(
            f"the segment {row.label!r} from {row.start:g} to {row.end:g} s is not "
            f"inside the video, which goes from {edges[0]:.6g} to {edges[-1]:.6g} s."
        )
    found = table.to_labels(
        name, fps=clock.fps, times=clock.times, n_frames=n_frames, fill=""
    ).tolist()
    short = [row for row in table if row.label not in NO_NAMES.union(found)]
    if short:
        raise ValueError(
            f"the segment {short[0].label!r} from {short[0].start:g} to "
            f"{short[0].end:g} s is shorter than a frame, and no other has its label: "
            "no frame would; leave it out, or lengthen it."
        )
    return [read_label(value) for value in without_marks(found)]


def _frame(time: Any, n_frames: int, clock: Clock) -> int:
    """Return the frame whose start is nearest to a time, of two the first."""
    is_number = isinstance(time, Real) and not isinstance(time, bool)
    seconds = float(time) if is_number else math.nan
    if not math.isfinite(seconds):
        hint = ""
        if isinstance(time, str):
            hint = "; an array that has texts has no numbers, so give rows as a list"
        raise ValueError(f"expected a number as a time, got {time!r}{hint}.")
    if clock.is_known:
        return clock.frame(seconds, n_frames)
    if not isinstance(time, Integral):
        what = "may be a frame or a second: give frames as integers"
        if not seconds.is_integer():
            what = "is no whole frame"
        raise ValueError(
            f"{seconds} {what}; if times are in seconds, give the rate: "
            "skvas.labels.frame_labels(y, videos, fps=...) spells segments out; "
            "timestamps, one frame of each segment, are round(seconds * fps)."
        )
    return int(time)


def read_label(value: Any) -> int | str | None:
    """Return an integer or a string; None for what says that there is no label."""
    if value is np.ma.masked or is_unlabelled(value):
        return None
    if isinstance(value, str):
        return _text(value)
    is_whole = isinstance(value, (Integral, np.bool_))
    if is_whole or (isinstance(value, Real) and float(value).is_integer()):
        return _fitting(int(value))
    raise ValueError(
        "labels must be integers or strings, with -1, None, NaN or '' where there is "
        f"none; got {value!r} of type {type(value).__name__}."
    )


def _fitting(value: int) -> int:
    """Refuse integers that arrays cannot hold."""
    if not INTEGERS.min <= value <= INTEGERS.max:
        raise ValueError(
            f"the label {value} is too large for 64 bits; give smaller numbers, or "
            "strings."
        )
    return value


def _text(value: str) -> str:
    """Refuse texts that arrays or files cannot hold."""
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"the label {value!r} is no valid text: {error}.") from None
    if len(value) > MAX_LENGTH or "\0" in value:
        raise ValueError(
            f"labels have at most {MAX_LENGTH} characters, none of them NUL; got one "
            f"of {len(value)} that starts with {value[:20]!r}."
        )
    return str(value)


def _refuse_lone_frames(
    names: np.ndarray, codes: Iterable[np.ndarray], single: bool
) -> None:
    """Refuse a class of one frame next to labelled ones, in stretches: a slip."""
    total = np.zeros(len(names), dtype=np.int64)
    where = np.zeros(len(names), dtype=np.int64)
    for index, code in enumerate(codes):
        known = code >= 0
        np.add.at(total, code[known], 1)
        n_runs = 1 + int((np.diff(code) != 0).sum())
        if known.sum() >= STRETCH * n_runs:  # else frames were labelled one by one
            # A frame by itself answers a query; a slip has labels beside it.
            beside = np.pad(known, 1)
            where[code[known & (beside[:-2] | beside[2:])]] = index + 1
    lone = np.flatnonzero((total == 1) & (where > 0))
    if len(lone):
        index = int(where[lone[0]]) - 1
        with naming_video(None if single else index):
            raise ValueError(
                f"the label {names[lone[0]].item()!r} has one frame alone, among "
                "labelled stretches; correct it, label more frames, or give timestamps."
            )
