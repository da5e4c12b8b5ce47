"""Poses of MediaPipe and OpenPose, in JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from skvas._atomic import read_bytes
from skvas.io._text import decode
from skvas.io._track import Track, frames_between

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
# Points of a body up to which the other frames may all be without one.
_MOST_POINTS = 1000


@dataclass(frozen=True)
class OpenPoseClip:
    """The files that OpenPose writes of one video, by the numbers of their frames."""

    files: dict[int, Path]

    def frames(self) -> range:
        """Return the numbers of frames; a step that all numbers share is one frame."""
        frames = frames_between(list(self.files))
        if frames is None:
            first, last = min(self.files), max(self.files)
            raise ValueError(
                f"{self} has {len(self.files)} files for the frames {first} to {last}; "
                "name them after the numbers of their frames"
            )
        return frames

    def __str__(self) -> str:
        return repr(str(next(iter(self.files.values())).parent))


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
    _check_size(path, len(bodies), n_points, sum(map(len, bodies)))
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
    return folder.is_dir() and any(_files_of(folder))


def _files_of(folder: Path) -> Iterator[Path]:
    """Yield the files of frames, whose names may end in capitals."""
    for file in folder.glob("*"):
        if file.name.lower().endswith(_SUFFIX) and not file.name.startswith("."):
            yield file


def list_clips(folder: Path) -> dict[str, OpenPoseClip]:
    """Return the clips whose files lie in one folder, by what their names share.

    Parameters
    ----------
    folder : Path
        A folder of which `is_openpose` is true.

    Returns
    -------
    dict of str to OpenPoseClip
        In the order of names; usually one, which is called after the folder.
    """
    clips: dict[str, dict[int, Path]] = {}
    for file in sorted(_files_of(folder)):
        name, number = _split_name(file)
        files = clips.setdefault(name, {})
        if number in files:
            raise ValueError(
                f"{files[number].name!r} and {file.name!r} in {str(folder)!r} are both "
                f"frame {number}; remove one of them."
            )
        files[number] = file
    if len(clips) == 1:
        return {folder.name: OpenPoseClip(*clips.values())}
    return {name or folder.name: OpenPoseClip(clips[name]) for name in sorted(clips)}


def read_openpose(source: Path | OpenPoseClip) -> Track:
    """Read the files of one clip, one a frame, in the order of their numbers."""
    clip = source if isinstance(source, OpenPoseClip) else _only_clip(Path(source))
    frames = clip.frames()
    bodies = {frames.index(n): _read_people(file) for n, file in clip.files.items()}
    counts = {len(body) for body in bodies.values() if body is not None}
    if len(counts) != 1:
        raise ValueError(
            f"{clip} has bodies of {sorted(counts) or 'no'} points; expected one number"
        )
    (n_points,) = counts
    n_found = sum(len(body) for body in bodies.values() if body is not None)
    _check_size(clip, len(frames), n_points, n_found)
    filled = np.full((len(frames), n_points, 3), np.nan)
    for row, body in bodies.items():
        if body is not None:
            filled[row] = body
    filled[filled[..., 2] == 0] = np.nan  # what was not found is at (0, 0)
    return Track(filled[..., :2], filled[..., 2], frames=frames)


def _check_size(source: Any, n_frames: int, n_points: int, n_found: int) -> None:
    """Refuse few bodies of very many points among very many frames without one."""
    if n_frames * n_points > _MOST_POINTS * (n_frames + n_found):
        raise ValueError(
            f"{str(source)!r} has {n_found} points, which would be {n_points} in each "
            f"of {n_frames} frames; leave out the frames without a body"
        )


def _only_clip(folder: Path) -> OpenPoseClip:
    clips = list_clips(folder)
    if not clips:
        raise ValueError(f"{str(folder)!r} has no *{_SUFFIX} files")
    if len(clips) > 1:
        raise ValueError(
            f"{str(folder)!r} has files of {len(clips)} recordings, "
            f"{', '.join(map(repr, clips))}; read it by itself, or give each a folder"
        )
    return next(iter(clips.values()))


def _split_name(file: Path) -> tuple[str, int]:
    """Return the name of a file without the number of its frame, and that."""
    name = file.name[: -len(_SUFFIX)]
    found = re.fullmatch(r"(.*?)(\d+)(\D*)", name)
    if found is None:
        return name, 0
    before, number, after = found.groups()
    return f"{before}{after}".strip("_-. "), int(number)


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
