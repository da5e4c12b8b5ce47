"""Poses of MediaPipe and OpenPose, in JSON."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np

from skvas._atomic import read_bytes
from skvas.io._text import decode
from skvas.io._track import Track

# Keys under which results of MediaPipe have their landmarks, in its languages.
_LANDMARKS = (
    "pose_landmarks",
    "poseLandmarks",
    "landmarks",
    "landmark",
    "pose_world_landmarks",
    "poseWorldLandmarks",
    "worldLandmarks",
    "keypoints",
)
_SUFFIX = "_keypoints.json"


def read_mediapipe(path: Path) -> Track:
    """Read a list of frames, each with the landmarks of a body, or none."""
    data = _load(path)
    if isinstance(data, dict) and isinstance(data.get("frames"), list):
        data = data["frames"]
    if not isinstance(data, list) or not data:
        raise ValueError(
            f"{str(path)!r} is no list of frames, each with the landmarks of a body"
        )
    bodies = [_find_landmarks(frame) for frame in data]
    counts = {len(body) for body in bodies if body}
    if len(counts) != 1:
        raise ValueError(
            f"{str(path)!r} has frames of {sorted(counts) or 'no'} landmarks; expected "
            "one number, 33 for a whole body"
        )
    (n_points,) = counts
    first = next(body for body in bodies if body)[0]
    axes = [axis for axis in ("x", "y", "z") if axis in first]
    sure = next((k for k in ("visibility", "score", "presence") if k in first), None)
    points = np.full((len(bodies), n_points, len(axes)), np.nan)
    confidence = np.full((len(bodies), n_points), np.nan)
    for frame, body in enumerate(bodies):
        for point, landmark in enumerate(body):
            points[frame, point] = [_number(landmark.get(axis)) for axis in axes]
            if sure is not None:
                confidence[frame, point] = _number(landmark.get(sure))
    return Track(points, None if sure is None else confidence)


def _find_landmarks(frame: Any) -> list[dict[str, Any]]:
    """Return the landmarks of the first body of a frame; none where none was found."""
    while not _is_body(frame):
        if isinstance(frame, dict):
            frame = next((frame[key] for key in _LANDMARKS if frame.get(key)), None)
        elif isinstance(frame, list) and frame:
            frame = frame[0]  # of several bodies the first
        else:
            return []
    found: list[dict[str, Any]] = frame
    return found


def _is_body(item: Any) -> bool:
    return (
        isinstance(item, list)
        and len(item) > 0
        and all(isinstance(landmark, dict) and "x" in landmark for landmark in item)
    )


def is_openpose(folder: Path) -> bool:
    """Return whether a folder has the files that OpenPose writes of one video."""
    return folder.is_dir() and any(folder.glob(f"*{_SUFFIX}"))


def read_openpose(folder: Path) -> Track:
    """Read the files of one video, one a frame, in the order of their numbers."""
    files = sorted(Path(folder).glob(f"*{_SUFFIX}"), key=_frame_number)
    if not files:
        raise ValueError(f"{str(folder)!r} has no *{_SUFFIX} files")
    bodies = [_read_people(file) for file in files]
    counts = {len(body) for body in bodies if body is not None}
    if len(counts) != 1:
        raise ValueError(
            f"{str(folder)!r} has bodies of {sorted(counts) or 'no'} points; expected "
            "one number"
        )
    (n_points,) = counts
    filled = np.full((len(bodies), n_points, 3), np.nan)
    for frame, body in enumerate(bodies):
        if body is not None:
            filled[frame] = body
    filled[filled[..., 2] == 0] = np.nan  # what was not found is at (0, 0)
    return Track(filled[..., :2], filled[..., 2])


def _frame_number(file: Path) -> tuple[int, str]:
    numbers = re.findall(r"\d+", file.name.removesuffix(_SUFFIX))
    return (int(numbers[-1]) if numbers else 0, file.name)


def _read_people(file: Path) -> np.ndarray | None:
    """Return the body of a frame with the largest confidence, (n_points, 3)."""
    data = _load(file)
    people = data.get("people") if isinstance(data, dict) else None
    if not isinstance(people, list):
        raise ValueError(f"{str(file)!r} has no list of people")
    bodies = []
    for person in people:
        flat = person.get("pose_keypoints_2d") if isinstance(person, dict) else None
        if not isinstance(flat, list) or len(flat) % 3 or not flat:
            raise ValueError(
                f"{str(file)!r} has a person without pose_keypoints_2d, three numbers "
                "a point"
            )
        bodies.append(np.array([_number(v) for v in flat]).reshape(-1, 3))
    return max(bodies, key=lambda body: body[:, 2].sum(), default=None)


def _load(path: Path) -> Any:
    try:
        return json.loads(decode(read_bytes(path)))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{str(path)!r} is no JSON: {error}") from error


def _number(value: Any) -> float:
    if value is None:
        return np.nan
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"it has {value!r} where a number should be")
    return float(value)
