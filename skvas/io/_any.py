"""Recordings of any kind that skvas reads."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from skvas._atomic import in_order, open_regular
from skvas.datasets._arrays import read_shape
from skvas.datasets._folder import load_folder
from skvas.datasets._recordings import Recordings
from skvas.io import _landmarks
from skvas.io._deeplabcut import LEVELS
from skvas.io._poses import SUFFIXES as POSES
from skvas.io._poses import read_poses
from skvas.io._sensors import SUFFIXES as TABLES
from skvas.io._sensors import read_sensors
from skvas.io._sources import (
    name_passed_over,
    name_twins,
    recordings_in,
    without_twins,
)
from skvas.validation import check_path

__all__ = ["find_kind", "read_recordings"]


def read_recordings(
    source: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    *,
    fps: float | None = None,
    time: str | None = "auto",
    time_unit: str = "auto",
    columns: Sequence[str] | None = None,
) -> Recordings:
    r"""Read recordings of any kind that skvas knows: features, sensors or poses.

    Parameters
    ----------
    source : path or list of paths
        A folder in the layout of :func:`skvas.datasets.load_folder`, a folder of tables
        or of poses, or such files.
    fps : float, default=None
        Frames per second; of tables with times, those of the result.
    time : str or None, default="auto"
        Column of times of tables, see :func:`read_sensors`.
    time_unit : str, default="auto"
        Unit of these times, see :func:`read_sensors`.
    columns : sequence of str, default=None
        Columns of tables, or points of poses, to read. None: all.

    Returns
    -------
    Recordings
        What :func:`~skvas.datasets.load_folder`, :func:`read_sensors` or
        :func:`read_poses` returns.

    Raises
    ------
    OSError
        If a file cannot be read; names it.
    ValueError, TypeError
        If a file is not of its kind, or recordings differ in what they have.

    See Also
    --------
    read_sensors : Tables of sensors, with more options.
    read_poses : Files of pose trackers, with more options.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from skvas.io import read_recordings
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "walk.csv").write_text("time,x\n0.0,1\n0.5,2\n1.0,3\n")
    ...     print(read_recordings(folder))
    1 recordings, 3 frames, 1.5 s, 1 features
    """
    kind, files = find_kind(source)
    if kind == "features":
        return load_folder(files[0], fps=fps)
    if kind == "poses":
        one_or_all = files[0] if len(files) == 1 else files
        found = read_poses(one_or_all, fps=fps, keypoints=columns)
    else:
        found = read_sensors(
            files, fps=fps, time=time, time_unit=time_unit, columns=columns
        )
    if not files[0].is_dir():  # those of OpenPose are folders
        found.notes += name_twins(source, (*POSES, *TABLES))
        found.notes += name_passed_over(source, (*POSES, *TABLES))
    return found


def find_kind(
    source: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
) -> tuple[str, list[Path]]:
    """Tell features, poses and sensors apart, and list the files of recordings.

    Parameters
    ----------
    source : path or list of paths
        A folder, a file, or files.

    Returns
    -------
    kind : {"features", "poses", "sensors"}
        What the recordings are.
    files : list of Path
        The folder itself for features, else what there is to read, in order.

    Raises
    ------
    FileNotFoundError, ValueError
        If there is nothing to read.
    """
    if not isinstance(source, (str, os.PathLike)):
        is_one = isinstance(source, bytes) or not np.iterable(source)
        items: list[Any] = [source] if is_one else list(source)
        for item in items:
            check_path("source", item)
        files = [Path(item) for item in items]
        if not files:
            raise ValueError("There are no recordings to read: the list is empty.")
        return _kind_of(files), files
    path = Path(source)
    if not path.exists():
        raise FileNotFoundError(f"There is no folder {str(path)!r}, and no such file.")
    if not path.is_dir():
        return _kind_of([path]), [path]
    if (path / "features").is_dir() or any(path.glob("*/features/")):
        return "features", [path]
    inner = in_order(p for p in path.iterdir() if not p.name.startswith("."))
    if _landmarks.is_openpose(path):
        return "poses", [path]
    bodies = [p for p in inner if _landmarks.is_openpose(p)]
    files = bodies or without_twins(recordings_in(path, (*POSES, *TABLES)))
    if not files:
        raise FileNotFoundError(
            f"{str(path)!r} has neither a folder 'features' nor files of sensors "
            f"({', '.join(TABLES)}) or poses ({', '.join(POSES)})."
        )
    return _kind_of(files), files


def _kind_of(files: Sequence[Path]) -> str:
    """Return what the first file holds; the readers refuse another kind beside it."""
    first = files[0]
    suffix = first.suffix.lower()
    if suffix == ".npy":
        _refuse_features(first)
    if first.is_dir() or (suffix in POSES and suffix not in TABLES):
        return "poses"
    if suffix != ".csv":
        return "sensors"
    with open_regular(first) as stream:
        start = stream.read(64).removeprefix(b"\xef\xbb\xbf")
    names = tuple(level.encode() for level in LEVELS)
    return "poses" if start.startswith(names) else "sensors"


def _refuse_features(file: Path) -> None:
    """Say where features go, whose files have the suffix of poses."""
    try:
        shape = read_shape(file)
    except (OSError, ValueError):  # poses, or a fault that their reader tells
        return
    folder = file.parent
    advice = f"move such files into a folder 'features' in {str(folder)!r}"
    if folder.name == "features":
        advice = f"pass the folder above it, {str(folder.parent)!r}"
    raise ValueError(
        f"{str(file)!r} holds features, of shape {shape}, and no poses; {advice}."
    )
