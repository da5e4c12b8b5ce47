"""Labels of some recordings, from the files of --labels."""

from __future__ import annotations

import argparse
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np

from skvas.cli._files import clock_of
from skvas.cli._inputs import label_files, named_by
from skvas.cli._lines import say
from skvas.datasets import Recordings
from skvas.io import SegmentTable, TimedSegment, read_corrections, read_segments
from skvas.io._corrections import is_corrections
from skvas.io._table import find_outside, frame_edges
from skvas.validation import without_marks

__all__ = ["read_labels"]


def read_labels(options: argparse.Namespace, data: Recordings) -> list[Any] | None:
    """Read segments of some videos as labels of their frames, and say how many.

    None without --labels.
    """
    if options.labels is None:
        if options.tier is not None:
            raise ValueError("--tier has no use without --labels.")
        return None
    path = Path(options.labels)
    files = label_files(options.labels, data.names)
    if options.tier is not None and not any(map(_has_tiers, files)):
        raise ValueError(f"--tier has no use for {options.labels!r}; leave it out.")
    if path.is_file() and is_corrections(path):
        corrections = read_corrections(path, data.names, missing="warn")
        told = {row[2] for rows in corrections for row in rows or ()}
        _say_found(corrections, told - {None})
        return corrections
    labels: dict[str, Any] = {}
    origin: dict[str, Path] = {}
    for file in files:
        if is_corrections(file):
            raise ValueError(
                f"{str(file)!r} has corrections of a page, which are of many "
                f"recordings; give the file itself: --labels {str(file)!r}."
            )
        tier = options.tier if _has_tiers(file) else None
        # Of one label a frame, a second is a frame.
        table = read_segments(file, tier=tier, fps=1.0 if _is_frames(file) else None)
        for written, found in groupby(table, attrgetter("video")):
            video = named_by(written, file, path, data.names)
            if video not in data.names:
                raise ValueError(
                    f"{str(file)!r} has labels of {video!r}, which is no video of "
                    f"{options.folder!r}; a table without a column video is called as "
                    "its recording is."
                )
            if video in labels:
                raise ValueError(
                    f"{str(origin[video])!r} and {str(file)!r} both have labels of "
                    f"{video!r}; leave one of them out."
                )
            origin[video] = file
            labels[video] = _spell(table, list(found), video, file, data)
    y = [labels.get(name) for name in data.names]
    _say_found(y, {name for found in labels.values() for name in found if name})
    return y


def _has_tiers(file: Path) -> bool:
    return file.suffix.lower() in (".eaf", ".textgrid")


def _is_frames(file: Path) -> bool:
    return file.suffix.lower() == ".txt"


def _spell(
    table: SegmentTable,
    rows: list[TimedSegment],
    video: str,
    file: Path,
    data: Recordings,
) -> np.ndarray[Any, Any]:
    """Return a label for each frame of a video, "" where there is none."""
    index = data.names.index(video)
    n_frames = len(data.videos[index])
    written = rows[0].video
    if _is_frames(file):
        n_labels = round(rows[-1].end)
        if n_labels != n_frames:
            raise ValueError(
                f"{str(file)!r} has {n_labels} labels, one a line, for the {n_frames} "
                f"frames of {video!r}; give segments in seconds, such as a csv file."
            )
        return _spelled(table.to_labels(written, fps=1.0, n_frames=n_frames))
    clock = clock_of(data, index)
    edges = frame_edges(video, n_frames, clock.get("fps"), clock.get("times"))
    row = find_outside(rows, edges)
    if row is not None:
        raise ValueError(
            f"{str(file)!r} has the segment {row.label!r} from {row.start:g} to "
            f"{row.end:g} s, but {video!r} goes from {edges[0]:.6g} to "
            f"{edges[-1]:.6g} s; correct its times."
        )
    if "fps" in clock:
        clock["n_frames"] = n_frames
    return _spelled(table.to_labels(written, fill="", **clock))


def _spelled(labels: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return labels of a file as `fit` takes them."""
    return np.array(without_marks(labels.tolist()), dtype=object)


def _say_found(y: list[Any], names: set[Any]) -> None:
    n_labelled = sum(found is not None for found in y)
    say(f"labels of {n_labelled} of {len(y)} recordings, {len(names)} names")
