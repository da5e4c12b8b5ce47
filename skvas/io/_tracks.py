"""Poses that other packages read: SLEAP, C3D, and the datasets of movement."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from skvas._atomic import open_regular
from skvas._optional import import_optional
from skvas.io._c3d import check_c3d
from skvas.io._hdf5 import check_all, find_dataset, has, open_hdf5
from skvas.io._track import Track

# The first bytes of such a file.
HDF5 = b"\x89HDF\r\n\x1a\n"
# Parameters of C3D that list points which are no places, but computed from them.
COMPUTED = ("ANGLES", "FORCES", "MOMENTS", "POWERS", "SCALARS")


def is_analysis(path: Path) -> bool:
    """Return whether a file of HDF5 is an analysis file of SLEAP."""
    with open_hdf5(path) as file:
        return has(file, "tracks") and has(file, "node_names")


def read_sleap(path: Path) -> Track:
    """Read what SLEAP has tracked, or what else sleap-io knows."""
    path = Path(path)
    if path.suffix.lower() in (".h5", ".hdf5") and is_analysis(path):
        return _read_analysis(path)
    if not path.exists():
        raise FileNotFoundError(f"There is no file {str(path)!r}.")
    with open_regular(path) as stream:
        if stream.read(len(HDF5)) == HDF5:
            check_all(path)
        # It would open the video, which may be any file of the machine.
        closed = {"open_videos": False} if path.suffix.lower() == ".slp" else {}
        labels = import_optional("sleap_io", "poses").load_file(str(path), **closed)
    if len(labels.videos) > 1:
        raise ValueError(
            f"{str(path)!r} has labels of {len(labels.videos)} videos; save one file a "
            "video"
        )
    # (n_frames, n_tracks, n_nodes, 3): x, y and confidence.
    values = np.asarray(labels.numpy(return_confidence=True), dtype=np.float64)
    n_frames, n_tracks, n_nodes, _ = values.shape
    if not n_tracks:
        raise ValueError(
            "its instances have no tracks, so that nothing says who is who from frame "
            "to frame; track them in SLEAP, and save again"
        )
    tracks = [str(track.name) for track in labels.tracks]
    if len(tracks) != n_tracks:
        tracks = [f"track {i}" for i in range(n_tracks)]
    flat = values.reshape(n_frames, n_tracks * n_nodes, 3)
    nodes = [str(node) for node in labels.skeletons[0].node_names]
    rate = getattr(labels.videos[0], "fps", None) if labels.videos else None
    confidence = _known(flat[..., 2])
    fps = float(rate) if rate else None
    return Track(flat[..., :2], confidence, tracks, nodes, fps)


def _read_analysis(path: Path) -> Track:
    """Read an analysis file, whose axes run the other way round, or as it says."""
    with open_hdf5(path) as file:
        nodes, names = (_texts(file, name) for name in ("node_names", "track_names"))
        tracks = find_dataset(file, "tracks")
        values = _in_order(tracks, ("track", "xy", "node", "frame"))
        scores = None
        if has(file, "point_scores"):
            sure = find_dataset(file, "point_scores")
            scores = _in_order(sure, ("track", "node", "frame"))
    if values.ndim != 4 or values.shape[1:3] != (2, len(nodes)):
        raise ValueError(
            f"'tracks' has shape {values.shape}; expected (n_tracks, 2, {len(nodes)} "
            "nodes, n_frames), or the names of its axes in the attribute 'dims'"
        )
    n_tracks, _, n_nodes, n_frames = values.shape
    if not n_frames:
        raise ValueError("it has no frame")
    points = values.transpose(3, 0, 2, 1).reshape(n_frames, n_tracks * n_nodes, 2)
    confidence = None
    if scores is not None:
        confidence = _known(scores.transpose(2, 0, 1).reshape(n_frames, -1))
    if len(names) != n_tracks:
        names = [f"track {i}" for i in range(n_tracks)]
    stem = path.stem.removesuffix(".analysis").removesuffix(".predictions")
    return Track(points, confidence, names, nodes, name=stem)


def _texts(file: Any, name: str) -> list[str]:
    """Return the texts of a data set; none if it is not there."""
    return [_text(t) for t in find_dataset(file, name)] if has(file, name) else []


def _in_order(dataset: Any, wanted: Sequence[str]) -> np.ndarray:
    """Return a data set with its axes in an order, if it says which is which."""
    values = np.asarray(dataset, dtype=np.float64)
    dims = dataset.attrs.get("dims")
    if dims is None:
        return values
    try:
        is_text = isinstance(dims, (str, bytes))
        named = json.loads(dims) if is_text else list(dims)
    except ValueError as error:
        raise ValueError(
            f"the attribute 'dims' of {dataset.name!r} is no list of axes"
        ) from error
    # "frame" or "frames", as files have them.
    found = [_text(name).lower().rstrip("s") for name in named]
    if sorted(found) != sorted(wanted):
        raise ValueError(
            f"{dataset.name!r} has the axes {', '.join(found)}; expected "
            f"{', '.join(wanted)}"
        )
    return values.transpose([found.index(name) for name in wanted])


def read_c3d(path: Path) -> Track:
    """Read the points of a C3D file, which knows its frame rate."""
    ezc3d = import_optional("ezc3d", "poses")
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"There is no file {str(path)!r}.")
    with open_regular(path):
        try:
            check_c3d(path)
            file = ezc3d.c3d(str(path))
        except Exception as error:  # a library in C++ that raises all sorts
            raise ValueError(f"{str(path)!r} is no C3D file: {error}") from error
    # (4, n_points, n_frames), the fourth row being 1
    points = np.asarray(file["data"]["points"], dtype=np.float64)[:3].transpose(2, 1, 0)
    residuals = file["data"].get("meta_points", {}).get("residuals")
    if residuals is not None and np.size(residuals) == points[..., 0].size:
        hidden = np.asarray(residuals).reshape(points.shape[1], -1).T < 0
        points = points.copy()
        points[hidden] = np.nan
    known = file["parameters"]["POINT"]
    names = _continued(known, "LABELS")[: points.shape[1]]
    listed = {name for group in COMPUTED for name in _continued(known, group)}
    computed = [name for name in names if name in listed]
    rate = float(np.ravel(known["RATE"]["value"])[0])
    fps = rate if rate > 0 else None
    return Track(points, None, [], names, fps, computed=computed)


def _continued(known: Any, name: str) -> list[str]:
    """Return the texts of a parameter of C3D, and of those that continue it.

    A parameter has 255 texts at most; the next ones are in LABELS2, LABELS3, ...
    """
    numbers = itertools.takewhile(
        lambda called: called in known,
        (f"{name}{number}" for number in itertools.count(2)),
    )
    called = [name, *numbers] if name in known else []
    return [str(text).strip() for part in called for text in known[part]["value"]]


def read_movement(dataset: Any) -> Track:
    """Take the positions of a dataset of movement: time, space, keypoints, individuals.

    The dataset is of the package xarray, which is not imported.
    """
    if not hasattr(dataset, "data_vars") or "position" not in dataset.data_vars:
        raise ValueError("the dataset has no variable 'position'")
    position = dataset["position"]
    wanted = ["time", *_present(position, ("individuals", "keypoints")), "space"]
    if {*wanted} != {*position.dims} or "space" not in position.dims:
        raise ValueError(
            f"'position' has the dimensions {', '.join(map(str, position.dims))}; "
            "expected time, space, and keypoints and individuals if there are such"
        )
    values = np.asarray(position.transpose(*wanted).values, dtype=np.float64)
    points = values.reshape(len(values), -1, values.shape[-1])
    confidence = None
    if "confidence" in dataset.data_vars:
        sure = dataset["confidence"].transpose(*wanted[:-1]).values
        confidence = _known(np.asarray(sure, dtype=np.float64).reshape(len(values), -1))
    rate = dataset.attrs.get("fps")
    return Track(
        points,
        confidence,
        _coordinates(dataset, "individuals"),
        _coordinates(dataset, "keypoints"),
        None if rate is None else float(rate),
    )


def _present(variable: Any, names: tuple[str, ...]) -> list[str]:
    """Return the dimensions that are there, in their plural or their singular."""
    return [
        found
        for name in names
        for found in (name, name.removesuffix("s"))
        if found in variable.dims
    ]


def _coordinates(dataset: Any, name: str) -> list[str]:
    for called in (name, name.removesuffix("s")):
        if called in dataset.coords:
            return [str(value) for value in np.atleast_1d(dataset[called].values)]
    return []


def _known(confidence: np.ndarray) -> np.ndarray | None:
    """Return confidences, or None where there are none at all."""
    return None if np.isnan(confidence).all() else confidence


def _text(name: Any) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)
