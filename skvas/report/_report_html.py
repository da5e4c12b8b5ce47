"""Write the page of a collection of recordings."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skvas._atomic import check_replaceable, write_atomically
from skvas._printing import shorten
from skvas._typing import Labels
from skvas.applications._report import Collection, JudgedSteps
from skvas.decoding import Segment, labels_to_segments
from skvas.display._style import (
    COLOURS,
    check_names,
    list_labels,
    list_values,
    name_label,
    place_labels,
)
from skvas.report._corrections import (
    apply_corrections,
    mark_segments,
    split_segments,
)
from skvas.report._media import media_sources
from skvas.report._page import as_bytes, as_json, compose_page
from skvas.report._poses import PackedPoses, pack_poses
from skvas.report._signals import SCALE, pack_curves, pack_times, thin_warp
from skvas.validation import (
    check_fps,
    check_labels,
    naming_video,
    refuse_text,
)
from skvas.videos._frames import spread

__all__ = ["report_html"]

# Labels of frames without an action.
NO_ACTION = (-1, "")
MOST_CURVES = 3
DASHES = ("solid", "dashed", "dotted")
# Bins of the density.
N_BINS = 200


def report_html(
    labels: Labels,
    path: str | os.PathLike[str],
    *,
    positions: Sequence[Any] | np.ndarray | None = None,
    certainty: Sequence[Any] | np.ndarray | None = None,
    curves: Sequence[Any] | np.ndarray | None = None,
    curve_names: Sequence[str] | None = None,
    poses: Sequence[Any] | np.ndarray | None = None,
    edges: Sequence[Sequence[int | str]] = (),
    up: str | None = None,
    point_names: Sequence[str] | None = None,
    media: Sequence[str | os.PathLike[str] | None] | None = None,
    embed: bool = False,
    fps: float | Sequence[float] | None = None,
    names: Sequence[str] | None = None,
    action_names: Sequence[str] | None = None,
    corrections: Any = None,
    title: str = "Recordings",
) -> Path:
    """Write one HTML file that shows recordings at the same moment.

    The page needs no network and no server. Its segments can be corrected by hand;
    :func:`skvas.io.read_corrections` reads what it saves, for the next `fit`.

    Parameters
    ----------
    labels : list of array-like of shape (n_frames_i,)
        The action of each frame of each recording, integers or strings. -1 or "" where
        there is none.
    path : str or path-like
        The HTML file; replaced if it exists.
    positions : list of array-like of shape (n_frames_i,), default=None
        Position of each frame on a common axis of time, between 0 and 1 and never
        falling, as in `positions_` of :class:`skvas.Timeline`. None: moments are the
        same at the same share of each recording.
    certainty : list of array-like of shape (n_frames_i,), default=None
        How certain the label of each frame is, higher is more. The page leads to the
        boundary with the lowest mean between the middles of its two segments. None: it
        does not.
    curves : list of array-like of shape (n_frames_i, n_curves), default=None
        Up to three numbers for each frame, drawn under the segments.
    curve_names : sequence of str, default=None
        Their names. None: their indices.
    poses : list of array-like of shape (n_frames_i, n_points, 2 or 3), default=None
        Points of each frame, NaN where one was not seen. Recordings without a video
        file, or with one that cannot be played, are shown as moving figures of them,
        which take about 2 MB of the page: long recordings are thinned, to no fewer
        than 50 frames.
    edges : sequence of pairs of int or str, default=()
        Points that lines join, by index or by name.
    up : {"x", "-x", "y", "-y", "z", "-z"}, default=None
        The axis of the points that points up. None: "-y" of points with two numbers, as
        in images, "y" of points with three.
    point_names : sequence of str, default=None
        Names of the points, for `edges`.
    media : sequence of str, path-like or None, default=None
        A video file for each recording, with the frames of `labels`; None where there
        is none. Needs `fps`. Browsers play H.264 in MP4, and WebM.
    embed : bool, default=False
        Put the video files into the page. Otherwise the page links to them, relative
        to its own folder.
    fps : float or sequence of float, default=None
        Frames per second, of all recordings or of each. None: times are in frames.
    names : sequence of str, default=None
        A name for each recording, no two the same. None: "recording 0" and so on.
    action_names : sequence of str, default=None
        Names of the actions; an integer label is a position in them.
    corrections : list, default=None
        What :func:`skvas.io.read_corrections` returned for these recordings, or labels
        as `fit` takes them. They replace `labels` and are shown as checked, and what
        the page saves has them again.
    title : str, default="Recordings"
        Title of the page.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ValueError, TypeError
        If an argument is not as described; names the recording.
    FileNotFoundError
        If a video file is missing; names it.
    OSError
        If the page cannot be written; names it, and leaves an old one unchanged.

    See Also
    --------
    skvas.io.read_corrections : Labels from what was corrected on the page.
    step_report : Unusual steps as a table.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from skvas import report_html
    >>> labels = [["pour", "pour", "stir"], ["pour", "stir", "stir"]]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     report_html(labels, Path(folder, "report.html"), names=["a", "b"]).name
    'report.html'
    """
    rows = check_labels(labels)
    n = len(rows)
    called, rates = check_names(names, n, of="recording"), check_rates(fps, n)
    shown = Shown(rows, rows, called, rates, rates)
    lengths = [len(row) for row in rows]
    places = None
    if positions is not None:
        places = _check_frames("positions", positions, lengths)
        _check_positions(places)
    sure = None
    if certainty is not None:
        sure = _check_frames("certainty", certainty, lengths)
    lines = None
    if curves is not None:
        lines = _check_curves(curves, lengths)
    if poses is None and (len(edges) or up is not None or point_names is not None):
        raise ValueError("edges, up and point_names have no use without poses.")
    return write_report(
        shown,
        path,
        figures=None if poses is None else Figures(poses, edges, up, point_names),
        corrections=corrections,
        positions=places,
        certainty=sure,
        curves=lines,
        curve_names=curve_names,
        media=media,
        embed=embed,
        action_names=action_names,
        title=title,
    )


@dataclass(frozen=True)
class Shown:
    """Labelled recordings, and those that they are compared with.

    Attributes
    ----------
    labels : list of ndarray of shape (n_frames_i,)
        Their labels.
    collection : list of ndarray
        Labels of the recordings that tell what is usual.
    names : list of str
        Their names.
    fps : list of float or None
        Frames per second of each; None where they are not known.
    collection_fps : list of float or None
        Those of the recordings of `collection`.
    times : list of ndarray of shape (n_frames_i,), or None
        The second at which each frame starts, where no rate is constant.
    """

    labels: list[NDArray[Any]]
    collection: list[NDArray[Any]]
    names: list[str]
    fps: list[float] | None
    collection_fps: list[float] | None = None
    times: list[NDArray[np.float64]] | None = None

    @property
    def clock(self) -> dict[str, Any]:
        """What `Recordings` take of when frames are."""
        return {"fps": self.fps} if self.times is None else {"times": self.times}

    def __post_init__(self) -> None:
        if len(set(self.names)) < len(self.names):
            twice = next(n for n in self.names if self.names.count(n) > 1)
            raise ValueError(
                f"names must differ, as corrections go by name; {twice!r} is there "
                "twice."
            )
        for name, row in zip(self.names, self.labels, strict=True):
            if len(row) == 0:
                raise ValueError(f"{name!r} has no frames to show; leave it out.")


@dataclass(frozen=True)
class Figures:
    """Poses that are shown where there is no video, or none that can be played.

    Attributes
    ----------
    poses, edges, up, point_names
        As `report_html` takes them.
    """

    poses: Sequence[Any] | np.ndarray
    edges: Sequence[Sequence[int | str]] = ()
    up: str | None = None
    point_names: Sequence[str] | None = None

    def pack(self, lengths: list[int]) -> PackedPoses:
        """Return them as the page reads them."""
        return pack_poses(self.poses, self.edges, self.up, lengths, self.point_names)


def check_rates(fps: float | Sequence[float] | None, n: int) -> list[float] | None:
    """Return a frame rate for each recording."""
    if fps is None:
        return None
    rates = np.atleast_1d(np.asarray(fps, dtype=object)).tolist()
    rates = rates * n if np.ndim(fps) == 0 else rates
    if len(rates) != n:
        raise ValueError(
            f"fps must be a number, or one for each of the {n} recordings, got "
            f"{shorten(fps)}."
        )
    return [check_fps(rate) for rate in rates]


def write_report(
    shown: Shown,
    path: str | os.PathLike[str],
    *,
    positions: list[NDArray[np.float64]] | None = None,
    lacking: list[NDArray[np.bool_]] | None = None,
    certainty: list[NDArray[np.float64]] | None = None,
    curves: list[NDArray[np.float64]] | None = None,
    curve_names: Sequence[str] | None = None,
    figures: Figures | None = None,
    media: Sequence[str | os.PathLike[str] | None] | None = None,
    embed: bool = False,
    action_names: Sequence[str] | np.ndarray | Mapping[Any, str] | None = None,
    corrections: Any = None,
    title: str = "Recordings",
) -> Path:
    """Write the page of checked recordings; `report_html` has the parameters.

    `lacking` has, for each recording, which of evenly spread moments it lacks;
    `action_names` may also be a dict from labels to names.
    """
    if not isinstance(title, str):
        raise TypeError(f"title must be a string, got {shorten(title)}.")
    refuse_text("action_names", action_names)
    if not isinstance(action_names, (Mapping, type(None))):
        action_names = list(action_names)
    check_replaceable(path)
    files, policy = _check_media(media, shown, path, embed)
    called = _check_curve_names(curves, curve_names)
    corrected = apply_corrections(
        shown.labels,
        corrections,
        _labels_by_name(shown, action_names),
        shown.names,
        **shown.clock,
    )
    shown = replace(shown, labels=corrected.labels)
    values, names, codes, collection = _encode(shown, action_names)
    n = len(codes)
    drawn = None
    if figures is not None:
        drawn = figures.pack(list(map(len, codes)))
    whole = [labels_to_segments(row) for row in codes]
    segments = list(map(split_segments, whole, corrected.known))
    packed = [None] * n if curves is None else pack_curves(curves)
    judged = _judge(whole, segments, collection, shown)
    videos = []
    for i, (row, found) in enumerate(zip(codes, segments, strict=True)):
        warp = np.linspace(0, 1, len(row)) if positions is None else positions[i]
        frames, places = thin_warp(warp, n)
        videos.append(
            {
                "name": shown.names[i],
                "length": len(row),
                "fps": None if shown.fps is None else shown.fps[i],
                "times": None if shown.times is None else pack_times(shown.times[i], n),
                "starts": [s.start for s in found],
                "codes": [int(s.label) for s in found],
                "known": mark_segments(found, corrected.known[i]),
                "sure": [] if certainty is None else _certainty(found, certainty[i]),
                "frames": frames,
                "places": places,
                "media": files[i],
                "curves": packed[i],
                "pose": None if drawn is None else drawn.frames[i],
                **judged[i],
            }
        )
    data = {
        "summary": _summary(shown, called, positions is not None),
        "common": "share of own time" if positions is None else "timeline",
        "scale": SCALE,
        "colours": list(COLOURS),
        "actions": names,
        "labels": values,
        "features": called,
        "anchors": corrected.anchors,
        "poses": None
        if drawn is None
        else {"points": drawn.n_points, "axes": drawn.n_axes, "edges": drawn.edges},
        "density": None if lacking is None else _density(lacking),
        "videos": videos,
    }
    data["id"] = _identify(data)
    write_atomically(path, compose_page(title, data, policy))
    return Path(path)


def _identify(data: Mapping[str, Any]) -> str:
    """Return what the browser keeps corrections by: whatever these depend on."""
    named = ("name", "length", "starts", "codes", "known")
    videos = [[video[key] for key in named] for video in data["videos"]]
    parts = [videos, *(data[key] for key in ("actions", "labels", "anchors"))]
    return hashlib.sha256(as_bytes(as_json(parts))).hexdigest()[:16]


def _encode(
    shown: Shown, action_names: Sequence[str] | np.ndarray | Mapping[Any, str] | None
) -> tuple[list[Any], list[str], list[NDArray[np.int64]], list[NDArray[np.int64]]]:
    """Return labels, their names, and codes of the recordings and the collection."""
    together = [*shown.labels, *shown.collection]
    plain = [_plain(row) for row in together]
    values = list_labels(plain)
    values += [label for label in _named(action_names, values) if label not in values]
    codes = place_labels(plain, values)
    keep = [code for code, value in enumerate(values) if value not in NO_ACTION]
    renumber = np.full(len(values) + 1, -1)
    renumber[keep] = np.arange(len(keep))
    codes = [renumber[row] for row in codes]
    kept = [values[code] for code in keep]
    names = [name_label(value, action_names) for value in kept]
    if len(set(names)) < len(names):
        raise ValueError(f"two actions have the same name, among {names}.")
    n = len(shown.labels)
    return names if action_names else kept, names, codes[:n], codes[n:]


def _named(
    action_names: Sequence[str] | np.ndarray | Mapping[Any, str] | None,
    values: Sequence[Any],
) -> list[Any]:
    """Return the labels that have a name, of which some may not occur."""
    if action_names is None:
        return []
    if isinstance(action_names, Mapping):
        return list(action_names)
    are_numbers = all(isinstance(label, int) for label in values)
    return list(range(len(action_names))) if are_numbers else []


def _labels_by_name(
    shown: Shown, action_names: Sequence[str] | np.ndarray | Mapping[Any, str] | None
) -> dict[str, Any]:
    """Return the label of each name; a label that is no string is its name as well."""
    together = [*shown.labels, *shown.collection]
    labels = dict.fromkeys(v for row in together for v in list_values(_plain(row)))
    if isinstance(action_names, Mapping):
        called = {str(name): label for label, name in action_names.items()}
    else:
        if action_names and all(isinstance(label, int) for label in labels):
            labels |= dict.fromkeys(range(len(action_names)))
        called = {name_label(label, action_names): label for label in labels}
    return {str(label): label for label in labels} | called


def _plain(row: NDArray[Any]) -> NDArray[Any]:
    """Return labels as integers or strings; whole floats are integers."""
    if row.dtype.kind in "iuU":
        return row
    if row.dtype.kind == "f" and (row == np.rint(row)).all():
        return row.astype(np.int64)
    if row.dtype.kind == "b":
        return row.astype(np.int64)
    if all(isinstance(value, (int, str)) for value in row.tolist()):
        return row
    raise ValueError(f"labels must be integers or strings, got {row.dtype} labels.")


def _judge(
    whole: list[list[Segment]],
    segments: list[list[Segment]],
    collection: list[NDArray[np.int64]],
    shown: Shown,
) -> list[dict[str, Any]]:
    """Return status and standard score of each segment, and the steps skipped."""
    rates: Sequence[float | None] = shown.fps or [None] * len(segments)
    steps_of_each = [_actions(labels_to_segments(row)) for row in collection]
    usual = Collection.of(steps_of_each, rates, shown.collection_fps)
    answers = []
    for uncut, found, rate in zip(whole, segments, rates, strict=True):
        steps = usual.judge(_actions(uncut), rate)
        each = [_find(segment, steps) for segment in found]
        answers.append(
            {
                "status": [status for status, _ in each],
                "z": [None if z is None else round(z, 2) for _, z in each],
                "skipped": list(steps.skipped),
            }
        )
    return answers


def _find(segment: Segment, steps: JudgedSteps) -> tuple[str, float | None]:
    """Return what is said of the step that a segment is, or is most of."""
    if segment.label < 0:
        return "usual", None
    for step, status, z in zip(
        steps.segments, steps.status, steps.z_scores, strict=True
    ):
        is_inside = step.start <= segment.start and segment.end <= step.end
        if is_inside and step.label == segment.label:
            return status, z
    return "brief", None


def _actions(segments: list[Segment]) -> list[Segment]:
    return [segment for segment in segments if segment.label >= 0]


def _certainty(segments: list[Segment], certainty: NDArray[np.float64]) -> list[float]:
    """Return the certainty of each boundary, between the middles of its segments."""
    middles = [(s.start + s.end) // 2 for s in segments]
    return [
        round(float(certainty[a:b].mean()), 4)
        for a, b in zip(middles, middles[1:], strict=False)
    ]


def _density(lacking: list[NDArray[np.bool_]]) -> list[int]:
    """Return how many recordings have each moment."""
    present = (~np.array(lacking)).sum(axis=0)
    return [int(count) for count in present[spread(len(present), N_BINS)]]


def _summary(shown: Shown, curves: list[str], aligned: bool) -> str:
    n = len(shown.labels)
    text = "1 recording." if n == 1 else f"{n} recordings."
    if n > 1 and not aligned:
        text += " They are not aligned: the same moment is the same share of each."
    if curves:
        lines = zip(curves, DASHES, strict=False)
        text += f" Curves: {', '.join(f'{name} ({dash})' for name, dash in lines)}."
    return text


def _check_media(
    media: Sequence[str | os.PathLike[str] | None] | None,
    shown: Shown,
    path: str | os.PathLike[str],
    embed: bool,
) -> tuple[list[str | None], str]:
    n = len(shown.labels)
    if not isinstance(embed, bool):
        raise TypeError(f"embed must be True or False, got {shorten(embed)}.")
    if media is None:
        media = [None] * n
    if isinstance(media, (str, bytes, os.PathLike)) or len(media) != n:
        raise ValueError(
            f"media must be {n} file(s) or None, one for each recording, got "
            f"{shorten(media)}."
        )
    if shown.fps is None and any(file is not None for file in media):
        raise ValueError(
            "media needs fps, the frames per second of the labels, to find the frame "
            "of a moment."
        )
    return media_sources(media, path, embed=embed)


def _check_curve_names(
    curves: list[NDArray[np.float64]] | None, names: Sequence[str] | None
) -> list[str]:
    n = 0 if curves is None else curves[0].shape[1]
    if names is None:
        return [str(i) for i in range(n)]
    if isinstance(names, str) or len(names) != n:
        raise ValueError(f"curve_names must be {n} name(s), got {shorten(names)}.")
    return [str(name) for name in names]


def _check_curves(
    curves: Sequence[Any] | np.ndarray, lengths: list[int]
) -> list[NDArray[np.float64]]:
    checked = _check_frames("curves", curves, lengths, n_axes=2)
    widths = {curve.shape[1] for curve in checked}
    if len(widths) > 1 or not 1 <= max(widths) <= MOST_CURVES:
        raise ValueError(
            f"curves must have 1 to {MOST_CURVES} columns, the same number for each "
            f"recording, got {sorted(widths)}."
        )
    return checked


def _check_positions(positions: list[NDArray[np.float64]]) -> None:
    for index, row in enumerate(positions):
        with naming_video(index):
            if not ((row >= 0) & (row <= 1)).all() or (np.diff(row) < 0).any():
                raise ValueError("positions must be between 0 and 1 and never fall.")


def _check_frames(
    name: str, given: Sequence[Any] | np.ndarray, lengths: list[int], n_axes: int = 1
) -> list[NDArray[np.float64]]:
    """Return numbers for each frame of each recording."""
    if len(given) != len(lengths):
        raise ValueError(
            f"{name} must be a list with an array for each of the {len(lengths)} "
            f"recordings, got {len(given)}."
        )
    arrays = []
    for index, (entry, n_frames) in enumerate(zip(given, lengths, strict=True)):
        with naming_video(index):
            array = np.asarray(entry, dtype=np.float64)
            if array.ndim != n_axes or len(array) != n_frames:
                raise ValueError(
                    f"{name} must have {n_axes} axis or axes and an entry for each of "
                    f"the {n_frames} frames, got shape {array.shape}."
                )
            if n_axes == 1 and not np.isfinite(array).all():
                raise ValueError(f"{name} must be finite.")
        arrays.append(array)
    return arrays
