"""What somebody said of recordings before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skvas.datasets import Recordings
from skvas.decoding import Segment
from skvas.io import SegmentTable
from skvas.io._corrections import CheckedRows
from skvas.labels._reading import NO_LABEL, frame_labels
from skvas.validation import naming_video, spelled_as

__all__ = ["Corrected", "apply_corrections", "mark_segments", "split_segments"]

# Bits of a segment: somebody saw its start, its end.
START, END = 1, 2


@dataclass(frozen=True)
class Corrected:
    """Labels with corrections in them.

    Attributes
    ----------
    labels : list of ndarray of shape (n_frames_i,)
        The labels.
    known : list of bool ndarray of shape (n_frames_i,)
        Which of them somebody gave.
    anchors : list of list of int
        Video, frame, other video and its frame, which show the same moment.
    """

    labels: list[NDArray[Any]]
    known: list[NDArray[np.bool_]]
    anchors: list[list[int]]


def apply_corrections(
    labels: list[NDArray[Any]],
    corrections: Any,
    by_name: Mapping[str, Any],
    names: Sequence[str],
    **clock: Any,
) -> Corrected:
    """Put labels that somebody gave over others.

    Parameters
    ----------
    labels : list of ndarray of shape (n_frames_i,)
        What was found.
    corrections : list or None
        What :func:`skvas.io.read_corrections` returns, or labels as `fit` takes them.
    by_name : dict
        The label of each name of an action; others are new actions.
    names : sequence of str
        Names of the recordings.
    clock : dict
        Their `fps` or `times`, where they are known, for labels in seconds.

    Returns
    -------
    Corrected
    """
    if corrections is None:
        return Corrected(labels, [np.zeros(len(row), bool) for row in labels], [])
    frames = Recordings([np.empty((len(row), 1)) for row in labels], names, **clock)
    found, known, spell = [], [], spelled_as(by_name)
    # One table of all recordings has no entry for each.
    is_one = isinstance(corrections, SegmentTable)
    entries = [None] * len(labels) if is_one else corrections
    spelled = zip(labels, entries, frame_labels(corrections, frames), strict=True)
    for row, entry, given in spelled:
        is_known = np.array([label is not None for label in given], dtype=bool)
        merged = row.astype(object)
        merged[is_known] = [
            by_name.get(spell(str(label)), label) for label in given[is_known]
        ]
        if isinstance(entry, CheckedRows):
            merged[entry.without_action()] = NO_LABEL
            is_known |= entry.without_action()
        found.append(merged if is_known.any() else row)
        known.append(is_known)
    for index, rows in getattr(corrections, "anchored", {}).items():
        with naming_video(index):
            rows.check_place(index, frames.names)
            rows.check_length(len(labels[index]))
    anchors = _check_anchors(
        getattr(corrections, "anchors", {}), list(map(len, labels))
    )
    return Corrected(found, known, anchors)


def split_segments(segments: list[Segment], known: NDArray[np.bool_]) -> list[Segment]:
    """Split segments of which neither all, nor a half, nor nothing is known.

    A fit may have found more or less of a step than somebody saw.
    """
    found = []
    for segment in segments:
        own = known[segment.start : segment.end]
        edges = [0, len(own)]
        if not np.array_equal(own, _told_by_ends(own)):
            edges[1:1] = (np.flatnonzero(np.diff(own)) + 1).tolist()
        found += [
            Segment(segment.start + a, segment.start + b, segment.label)
            for a, b in pairwise(edges)
        ]
    return found


def _told_by_ends(own: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the frames of a segment that a page takes as known."""
    told = np.zeros(len(own), dtype=bool)
    half = len(own) // 2
    if own[0]:
        told[: max(half, 1)] = True
    if own[-1]:
        told[half:] = True
    return told


def mark_segments(segments: list[Segment], known: NDArray[np.bool_]) -> list[int]:
    """Tell of each segment whether somebody saw its start and its end."""
    return [
        START * int(known[segment.start]) + END * int(known[segment.end - 1])
        for segment in segments
    ]


def _check_anchors(
    anchors: dict[tuple[int, int], Sequence[tuple[int, int]]], lengths: list[int]
) -> list[list[int]]:
    rows = []
    for (one, other), pairs in anchors.items():
        for f, g in pairs:
            for video, frame in ((one, f), (other, g)):
                n_frames = lengths[video] if 0 <= video < len(lengths) else 0
                if not 0 <= frame < n_frames:
                    with naming_video(video):
                        raise ValueError(
                            f"corrections have an anchor at frame {frame}, which is "
                            "not there."
                        )
            rows.append([one, int(f), other, int(g)])
    return rows
