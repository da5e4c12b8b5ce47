"""The segments of recordings as one table, with names and seconds."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from skvas._atomic import find_twins, leaves_folder, write_atomically
from skvas._optional import import_optional
from skvas._printing import format_table, to_html
from skvas.datasets._recordings import Recordings
from skvas.decoding import labels_to_segments
from skvas.io import SegmentTable, TimedSegment, write_segments
from skvas.io._table import frame_edges
from skvas.io._text import compose_records
from skvas.validation import check_choice

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ActionTable", "round_times", "tabulate"]

# Formats of files that hold seconds; labels of frames are written by `write_segments`.
FORMATS = ("csv", "json", "eaf", "textgrid", "srt", "vtt")
# Digits of seconds behind the point in files: milliseconds.
DIGITS = 3


@dataclass(frozen=True)
class ActionTable:
    """The segments of recordings: which action from when to when.

    It comes from the method `to_table` of a fitted estimator.

    Attributes
    ----------
    records : list of dict
        One for each segment, with the keys `recording`, `start`, `end`, `seconds` (how
        long it lasts; `frames` where there is no frame rate), `action` and, if it is
        known, `confidence`: the mean probability of the action over the segment.
    unit : {"seconds", "frames"}
        Unit of `start` and `end`.
    media : dict of str to str, default=None
        The video or audio file of each recording that has one. Files of ELAN link to
        it.

    Examples
    --------
    >>> from skvas import ActionSegmenter, Recordings
    >>> from skvas.datasets import make_videos
    >>> videos = make_videos(6, n_actions=3, random_state=0).videos
    >>> recordings = Recordings(videos, [f"p{i}" for i in range(6)], fps=25)
    >>> model = ActionSegmenter(3, max_epochs=0).fit(recordings)
    >>> table = model.to_table(recordings)
    >>> list(table.records[0])
    ['recording', 'start', 'end', 'seconds', 'action', 'confidence']
    >>> table.unit, table.records[0]["recording"]
    ('seconds', 'p0')
    """

    records: list[dict[str, Any]]
    unit: str
    media: Mapping[str, str] | None = None

    def to_frame(self) -> pd.DataFrame:
        """Return the table as a data frame of pandas.

        Returns
        -------
        pandas.DataFrame
            One row for each segment.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        return import_optional("pandas", "io").DataFrame(self.records)

    def to_segments(self) -> SegmentTable:
        """Return the table that :func:`skvas.io.write_segments` takes.

        Returns
        -------
        SegmentTable
            The segments.

        Raises
        ------
        ValueError
            If no frame rate is known.
        """
        if self.unit != "seconds":
            raise ValueError(
                "Files of segments have seconds, and no frame rate is known: give it "
                "as Recordings(videos, names, fps=...) or fps=."
            )
        return SegmentTable(
            TimedSegment(r["recording"], r["start"], r["end"], r["action"])
            for r in self.records
        )

    def to_csv(self, path: str | os.PathLike[str], *, excel: bool = False) -> None:
        """Write the table to one CSV file, times to a millisecond.

        Parameters
        ----------
        path : str or path-like
            The file; replaced if it is there.
        excel : bool, default=False
            Whether to make the file safe for spreadsheets, see
            :func:`skvas.io.write_segments`.

        Raises
        ------
        OSError
            If the file cannot be written; names it.
        ValueError
            If a name cannot be written as UTF-8; names it.
        """
        rows = [round_times(record) for record in self.records]
        keys = "recording", "start", "end", self.unit, "action"
        write_atomically(path, compose_records(rows, excel=excel, keys=keys))

    def write(self, folder: str | os.PathLike[str], format: str) -> list[Path]:
        """Write a file for each recording, named after it.

        Parameters
        ----------
        folder : str or path-like
            The folder, made if it is not there.
        format : {"csv", "json", "eaf", "textgrid", "srt", "vtt"}
            What to write, see :func:`skvas.io.write_segments`.

        Returns
        -------
        list of Path
            The files.

        Raises
        ------
        OSError
            If a file cannot be written; names it.
        ValueError
            If no frame rate is known, the format cannot hold the table, or a file
            would not be in the folder.
        """
        check_choice("format", format, FORMATS)
        segments = self.to_segments()
        for name in segments.videos:
            if leaves_folder(name):
                raise ValueError(f"The name {name!r} leaves the folder.")
        if twins := find_twins(segments.videos, Path(folder)):
            raise ValueError(
                f"The folder takes {twins[0]!r} and {twins[1]!r} for one, as it "
                "ignores case; rename one of these recordings, or write one table by "
                "to_segments."
            )
        files = []
        for name, rows in groupby(segments, attrgetter("video")):
            file = Path(folder, f"{name}.{format}")
            file.parent.mkdir(parents=True, exist_ok=True)
            media = (self.media or {}).get(name) if format == "eaf" else None
            write_segments(SegmentTable(rows), file, format=format, media=media)
            files.append(file)
        return files

    def __len__(self) -> int:
        return len(self.records)

    def __str__(self) -> str:
        return format_table(self.records)

    def _repr_html_(self) -> str:
        return to_html(self.records, caption=f"Times in {self.unit}.")


def round_times(record: dict[str, Any]) -> dict[str, Any]:
    """Round the numbers of a record to three digits, as files have them.

    Parameters
    ----------
    record : dict of str to object
        A row of a table.

    Returns
    -------
    dict of str to object
        The same, with rounded numbers.
    """
    return {
        name: round(value, DIGITS) if isinstance(value, float) else value
        for name, value in record.items()
    }


def tabulate(
    recordings: Recordings,
    labels: Sequence[np.ndarray],
    action_names: Sequence[str],
    shares: Sequence[np.ndarray] | None = None,
    classes: Sequence[Any] | None = None,
) -> ActionTable:
    """Make a table of the actions of frames.

    Parameters
    ----------
    recordings : Recordings
        What is known of the recordings.
    labels : sequence of ndarray of shape (n_i,)
        Action of each frame.
    action_names : sequence of str
        Names of the actions.
    shares : sequence of ndarray of shape (n_i, K), default=None
        Probability of each action in each frame.
    classes : sequence of int or str, default=None
        Labels of the actions. None: 0, 1, ...

    Returns
    -------
    ActionTable
        In the order of the recordings, and of time.
    """
    timed = recordings.fps is not None or recordings.times is not None
    known = range(len(action_names)) if classes is None else classes
    place = {label: action for action, label in enumerate(known)}
    records = []
    for index, (name, found) in enumerate(zip(recordings.names, labels, strict=True)):
        clock = recordings.clock(index) if timed else {"fps": 1.0}
        edges = frame_edges(name, len(found), clock.get("fps"), clock.get("times"))
        for run in labels_to_segments(found):
            start, end = float(edges[run.start]), float(edges[run.end])
            record: dict[str, Any] = {"recording": name, "start": start, "end": end}
            if timed:
                record["seconds"] = end - start
            else:
                record |= {"start": run.start, "end": run.end}
                record["frames"] = run.end - run.start
            action = place[run.label]
            record["action"] = action_names[action]
            if shares is not None:
                mean = shares[index][run.start : run.end, action].mean()
                record["confidence"] = float(mean)
            records.append(record)
    files = zip(recordings.names, recordings.media or (), strict=False)
    media = {name: file for name, file in files if file is not None}
    return ActionTable(records, "seconds" if timed else "frames", media)
