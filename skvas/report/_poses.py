"""Poses of recordings, with few bytes."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skvas.validation import check_choice, naming_video
from skvas.videos._frames import spread

__all__ = ["PackedPoses", "pack_poses"]

# Bytes of all poses together, and frames of one recording at least.
N_BYTES, FEWEST_FRAMES = 1_500_000, 50
# The byte of a point that was not seen, and of the middle of the picture.
MISSING, MIDDLE = 255, 127
# Share of the positions of a recording above and below what the picture holds.
OUTSIDE = 0.002
# What points up, and the axes across the picture and towards whoever looks.
UPS = ("x", "-x", "y", "-y", "z", "-z")
BESIDE = {"x": (1, 2), "y": (0, 2), "z": (0, 1)}


@dataclass(frozen=True)
class PackedPoses:
    """Poses as the page reads them.

    Attributes
    ----------
    n_points, n_axes : int
        Points of a pose, and numbers of a point.
    edges : list of tuple of int
        Pairs of points that lines join.
    frames : list of str
        Bytes of each recording, in base64.
    """

    n_points: int
    n_axes: int
    edges: list[tuple[int, int]]
    frames: list[str]


def pack_poses(
    poses: Sequence[Any] | np.ndarray,
    edges: Sequence[Sequence[int | str]],
    up: str | None,
    lengths: Sequence[int],
    names: Sequence[str] | None,
) -> PackedPoses:
    """Check poses, and turn them into bytes.

    Parameters
    ----------
    poses : sequence of array-like of shape (n_frames_i, n_points, n_axes)
        NaN where a point was not seen. `n_axes` is 2 or 3.
    edges : sequence of pairs of int or str
        Points that lines join, by index or by name.
    up : {"x", "-x", "y", "-y", "z", "-z"} or None
        The axis that points up. None: "-y", as in images, of two axes, else "y".
    lengths : sequence of int
        Number of frames of each recording.
    names : sequence of str or None
        Names of the points.

    Returns
    -------
    PackedPoses
    """
    checked = _check_poses(poses, lengths)
    n_points, n_axes = checked[0].shape[1:]
    across, sign = _turned(up, n_axes)
    room = N_BYTES // (len(checked) * n_points * n_axes)
    most = max(room, FEWEST_FRAMES)
    frames = [_pack(pose[:, :, across] * sign, most) for pose in checked]
    return PackedPoses(n_points, n_axes, _check_edges(edges, n_points, names), frames)


def _turned(up: str | None, n_axes: int) -> tuple[list[int], NDArray[np.float64]]:
    """Return the order of axes, across, up and towards whoever looks, and signs."""
    up = ("-y" if n_axes == 2 else "y") if up is None else check_choice("up", up, UPS)
    axis = "xyz".index(up[-1])
    if axis >= n_axes:
        raise ValueError(f"up is {up!r}, and the points have only {n_axes} axes.")
    order = [BESIDE[up[-1]][0], axis, BESIDE[up[-1]][1]][:n_axes]
    sign = np.ones(n_axes)
    sign[1] = -1 if up[0] == "-" else 1
    return order, sign


def _pack(pose: NDArray[np.float64], most: int) -> str:
    """Return evenly spread frames of a pose, in a cube that holds the recording."""
    pose = pose[spread(len(pose), most)]
    seen = np.asarray(np.isfinite(pose).all(axis=2))
    if not seen.any():
        return base64.b64encode(bytes([MISSING]) * pose.size).decode()
    low, high = np.quantile(pose[seen], [OUTSIDE, 1 - OUTSIDE], axis=0)
    half = max(float((high - low).max()) / 2, np.finfo(np.float32).tiny)
    cube = (np.where(seen[:, :, None], pose, 0) - (low + high) / 2) / half
    numbers = np.rint((1 + np.clip(cube, -1, 1)) * MIDDLE).astype(np.uint8)
    numbers[~seen] = MISSING
    return base64.b64encode(numbers.tobytes()).decode()


def _check_poses(
    poses: Sequence[Any] | np.ndarray, lengths: Sequence[int]
) -> list[NDArray[np.float64]]:
    if len(poses) != len(lengths):
        raise ValueError(
            f"poses must be a list with an array for each of the {len(lengths)} "
            f"recordings, got {len(poses)}."
        )
    checked: list[NDArray[np.float64]] = []
    for index, (given, n_frames) in enumerate(zip(poses, lengths, strict=True)):
        with naming_video(index):
            pose = np.asarray(given, dtype=np.float64)
            is_shaped = pose.ndim == 3 and len(pose) == n_frames and pose.shape[1] > 0
            if not is_shaped or pose.shape[2] not in (2, 3):
                raise ValueError(
                    f"poses must have shape ({n_frames}, n_points, 2 or 3), got "
                    f"{pose.shape}."
                )
            if checked and pose.shape[1:] != checked[0].shape[1:]:
                raise ValueError(
                    f"poses must have the same points everywhere, got {pose.shape[1:]} "
                    f"after {checked[0].shape[1:]}."
                )
        checked.append(pose)
    return checked


def _check_edges(
    edges: Sequence[Sequence[int | str]], n_points: int, names: Sequence[str] | None
) -> list[tuple[int, int]]:
    known = [] if names is None else list(names)
    if names is not None and len(known) != n_points:
        raise ValueError(f"point_names must be {n_points} name(s), got {names!r}.")
    found = []
    for edge in edges:
        if np.ndim(edge) != 1 or len(edge) != 2:
            raise ValueError(f"edges must be pairs of points, got {edge!r}.")
        found.append(
            (_point(edge[0], n_points, known), _point(edge[1], n_points, known))
        )
    return found


def _point(point: int | str, n_points: int, names: list[str]) -> int:
    if isinstance(point, str) and point in names:
        return names.index(point)
    is_index = isinstance(point, (int, np.integer)) and not isinstance(point, bool)
    if is_index and 0 <= int(point) < n_points:
        return int(point)
    raise ValueError(
        f"edges has {point!r}; expected an index below {n_points}"
        f"{f', or one of the names {names}' if names else ''}."
    )
