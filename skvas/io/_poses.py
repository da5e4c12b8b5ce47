"""Poses from the files of trackers of points."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from skvas._atomic import in_order
from skvas.datasets._arrays import read_array
from skvas.datasets._recordings import Recordings
from skvas.io import _deeplabcut, _landmarks, _tracks
from skvas.io._sources import list_sources, name_twins, two_of_one_name
from skvas.io._track import Track
from skvas.validation import (
    are_same_names,
    check_choice,
    check_fps,
    check_media,
    check_real,
    refuse_text,
)

__all__ = ["read_poses"]


@dataclass(frozen=True)
class _Format:
    """How one kind of source is read, and by which name it is known."""

    read: Callable[[Any], Track]
    suffixes: tuple[str, ...] = ()


def _read_points(path: Path) -> Track:
    """Read an array of points that somebody has saved."""
    array = np.asarray(read_array(path, 3), dtype=np.float64)
    n_axes = array.shape[2]
    if n_axes not in (2, 3, 4):
        raise ValueError(
            f"expected an array of shape (n_frames, n_points, 2, 3 or 4), got "
            f"{array.shape}"
        )
    confidence = array[..., 3] if n_axes == 4 else None
    return Track(array[..., :3], confidence)


FORMATS = {
    "deeplabcut": _Format(_deeplabcut.read, (".csv", ".h5", ".hdf5")),
    "sleap": _Format(_tracks.read_sleap, (".slp",)),
    "mediapipe": _Format(_landmarks.read_mediapipe, (".json",)),
    "openpose": _Format(_landmarks.read_openpose),
    "c3d": _Format(_tracks.read_c3d, (".c3d",)),
    "movement": _Format(_tracks.read_movement),
    "points": _Format(_read_points, (".npy",)),
}
# What readers of damaged files may raise.
FAULTS = (
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    OverflowError,
    RuntimeError,
)
SUFFIXES = tuple(suffix for known in FORMATS.values() for suffix in known.suffixes)


def read_poses(
    source: Any,
    *,
    format: str | None = None,  # the word that users know
    min_confidence: float = 0.5,
    individuals: Sequence[str] | None = None,
    keypoints: Sequence[str] | None = None,
    fps: float | None = None,
    media: Mapping[str, str | os.PathLike[str]] | None = None,
) -> Recordings:
    """Read poses from the files of DeepLabCut, SLEAP, MediaPipe, OpenPose and others.

    Points of low confidence and points that were not found are NaN. Pass the result
    through :class:`skvas.preprocessing.PoseFeatures`, which closes gaps and makes
    poses comparable.

    Parameters
    ----------
    source : path, list of paths, dataset, or list or dict of them
        A folder, whose files are read in the order of their names, without tables
        beside which a tracker wrote the same in ``.h5``; a file; files; or datasets of
        the package `movement`. A dict has files or datasets by their names.
    format : str, default=None
        What the files are. None: what their suffix and content say.

        * "deeplabcut": ``.csv``, or ``.h5`` (needs h5py); one or several animals. Where
          the numbers of rows rise, and leave some out, these are frames of NaN.
        * "sleap": ``.slp`` and whatever else `sleap-io` reads, or its analysis files
          ``.h5`` (needs h5py).
        * "mediapipe": ``.json``, a list of frames, each a list of landmarks with x, y
          and perhaps z and visibility.
        * "openpose": a folder of ``*_keypoints.json``, or of such folders, one for each
          recording. Files in one folder whose names differ in more than the number of
          the frame are several recordings. A frame without a file is a row of NaN;
          where numbers count by a step, such as 0, 5, 10, each step is a row. In each
          frame the body with the largest confidence is taken.
        * "c3d": ``.c3d`` (needs ezc3d).
        * "movement": datasets with the variables `position` and `confidence`.
        * "points": ``.npy`` of shape (n_frames, n_points, 2, 3 or 4), the fourth
          number being a confidence.
    min_confidence : float, default=0.5
        Points of a smaller confidence become NaN, where the format has one. 0 keeps
        all. Points whose confidence is NaN stay.
    individuals : sequence of str, default=None
        Individuals to read, in this order. None: all; their points stand one after
        another.
    keypoints : sequence of str, default=None
        Points of each individual to read, in this order. None: all.
    fps : float, default=None
        Frames per second, in place of what the files say; nothing is resampled. None:
        what they say, if they do.
    media : dict of str to path, default=None
        The video file of a recording, by its name.

    Returns
    -------
    Recordings
        float64 arrays of shape (n_frames_i, n_points, n_axes), named by the dict, or
        after their files without what DeepLabCut adds to a name. `feature_names` are
        those of the points.

    Raises
    ------
    OSError
        If a file cannot be read; names it.
    ValueError, TypeError
        If it is not what `format` says, or recordings differ in their points; names
        the recording.
    ImportError
        If the package that reads the format is missing; names the extra.

    See Also
    --------
    skvas.preprocessing.PoseFeatures : What to do with poses.
    read_sensors : Recordings of sensors.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from skvas.io import read_poses
    >>> rows = ["scorer,net,net,net", "bodyparts,nose,nose,nose"]
    >>> rows += ["coords,x,y,likelihood", "0,1.5,2,0.9", "1,1.6,2,0.1"]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "ratnet.csv").write_text(chr(10).join(rows))
    ...     poses = read_poses(folder, fps=25)
    >>> poses.names, poses.feature_names
    (['rat'], ['nose'])
    >>> poses[0][:, 0]
    array([[1.5, 2. ],
           [nan, nan]])
    """
    check_choice("format", format, (None, *FORMATS))
    check_real("min_confidence", min_confidence, low=0, high=1)
    check_fps(fps, none_ok=True)
    refuse_text("individuals", individuals)
    refuse_text("keypoints", keypoints)
    is_named = isinstance(source, Mapping) and not _is_dataset(source)
    tracks: dict[str, Track] = {}
    read_from: dict[str, Any] = {}
    for name, item in _list(source, format).items():
        kind = _find_format(item) if format is None else format
        try:
            track = FORMATS[kind].read(item)
            track = track.choose(individuals, keypoints).masked(min_confidence)
            if not len(track.points):
                raise ValueError("it has no frame")
        except FAULTS as error:
            is_key = isinstance(error, KeyError) and error.args
            reason = str(error.args[0] if is_key else error).rstrip(".")
            raise ValueError(f"recording {name!r}: {reason}.") from error
        if track.name is not None and not is_named:
            name = track.name
        if name in tracks:
            raise two_of_one_name(name, read_from[name], item)
        tracks[name], read_from[name] = track, item
    _check_same_points(tracks)
    known = list(tracks.values())
    rates: list[Any] = [track.fps if fps is None else fps for track in known]
    files = check_media(media, list(tracks))
    return Recordings(
        [track.points for track in known],
        list(tracks),
        fps=None if None in rates else rates,
        media=[*map(files.get, tracks)] if files else None,
        feature_names=known[0].names or None,
        notes=_describe(known, min_confidence)
        + _describe_rates(known, fps)
        + _describe_frames(tracks)
        + name_twins(source, SUFFIXES),
    )


def _list(source: Any, format: str | None) -> dict[str, Any]:
    """List recordings; those of OpenPose are folders, datasets are single things."""
    if _is_dataset(source):
        return {"recording 0": source}
    if isinstance(source, (str, os.PathLike)) and Path(source).is_dir():
        folder = Path(source)
        if _landmarks.is_openpose(folder):
            return {**_landmarks.list_clips(folder)}
        inner = in_order(p for p in folder.iterdir() if _landmarks.is_openpose(p))
        if inner or format == "openpose":
            if not inner:
                raise FileNotFoundError(
                    f"{str(folder)!r} has no folder of *_keypoints.json files."
                )
            return {path.name: path for path in inner}
    suffixes = SUFFIXES if format is None else FORMATS[format].suffixes
    return list_sources(source, suffixes or SUFFIXES, "poses")


def _is_dataset(item: Any) -> bool:
    return hasattr(item, "data_vars")


def _find_format(item: Any) -> str:
    if _is_dataset(item):
        return "movement"
    if isinstance(item, _landmarks.OpenPoseClip):
        return "openpose"
    if not isinstance(item, (str, os.PathLike)):
        raise TypeError(
            f"Expected files or datasets of poses, got a {type(item).__name__}. Arrays "
            "of poses need no reader: pass them in a list."
        )
    path = Path(item)
    if path.is_dir():
        return "openpose"
    suffix = path.suffix.lower()
    if suffix in (".h5", ".hdf5"):
        return "sleap" if _tracks.is_analysis(path) else "deeplabcut"
    for name, known in FORMATS.items():
        if suffix in known.suffixes:
            return name
    raise ValueError(
        f"{str(path)!r} does not say its format by its suffix; give format, one of "
        f"{', '.join(map(repr, FORMATS))}."
    )


def _check_same_points(tracks: Mapping[str, Track]) -> None:
    (first, one), *others = tracks.items()
    for name, other in others:
        is_alike = are_same_names(other.names, one.names)
        if not is_alike or other.points.shape[1:] != one.points.shape[1:]:
            raise ValueError(
                f"recordings {first!r} and {name!r} differ in their points: "
                f"{_name_points(one)} and {_name_points(other)}. Give individuals= and "
                "keypoints=, those that all have."
            )


def _name_points(track: Track) -> str:
    return ", ".join(track.names) or f"{track.points.shape[1]} of them"


def _describe(tracks: list[Track], min_confidence: float) -> list[str]:
    """Say what was left out, and how many points are missing or unsure."""
    left_out = dict.fromkeys(name for track in tracks for name in track.computed)
    notes = [f"left out, as no places: {', '.join(left_out)}"] if left_out else []
    n_points = sum(track.points[..., 0].size for track in tracks)
    missing = sum(int(np.isnan(t.points).any(axis=-1).sum()) for t in tracks)
    if not missing:
        return notes
    note = f"{missing / n_points:.1%} of the points are missing"
    if any(track.confidence is not None for track in tracks):
        note += f" or have a confidence below {min_confidence:g}"
    return [*notes, note]


def _describe_rates(tracks: list[Track], fps: float | None) -> list[str]:
    """Say which rates files have, where they differ from each other or from `fps`."""
    rates = {f"{track.fps:g}" for track in tracks if track.fps is not None}
    told = ", ".join(sorted(rates, key=float))
    if fps is not None and rates - {f"{fps:g}"}:
        return [f"taken as {fps:g} frames a second, though files say {told}"]
    return [f"not resampled: files have {told} frames a second"] if "," in told else []


def _describe_frames(tracks: Mapping[str, Track]) -> list[str]:
    """Say where rows are not the frames of a video from its first one on."""
    numbered = [(name, t.frames) for name, t in tracks.items() if t.frames is not None]
    # Frames are counted from 0 or from 1.
    odd = [(n, f) for n, f in numbered if f.start not in (0, 1) or f.step > 1]
    if not odd:
        return []
    name, frames = odd[0]
    which = "frames" if frames.step == 1 else f"one in {frames.step} frames"
    n_more = len(odd) - 1
    more = f" ({n_more} more start late, or leave frames out)" if n_more else ""
    return [
        f"rows of {name!r} are {which} of its video from frame {frames.start} on"
        f"{more}: times count from the first row, by the rate of rows"
    ]
