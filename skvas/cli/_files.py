"""What commands read and write: recordings, models, outputs."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence, Set
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import is_clusterer

import skvas
from skvas._atomic import check_replaceable, identity, in_order
from skvas.cli._gaps import close_all
from skvas.cli._lines import say
from skvas.datasets import FeatureFile, Recordings, load_folder
from skvas.datasets._arrays import read_array, read_shape
from skvas.datasets._folder import orient_features
from skvas.datasets._on_disk import read_features
from skvas.datasets._recordings import (
    as_recordings,
    features_of_fit,
    names_of_fit,
    rate_of_fit,
    refuse_other_features,
)
from skvas.io import read_recordings
from skvas.io._any import find_kind
from skvas.validation import VIDEO_SUFFIXES, name_key

__all__ = [
    "DEVICES",
    "check_out",
    "checked_folder",
    "clock_of",
    "find_recordings",
    "is_same",
    "is_video",
    "kind_of",
    "load_recording",
    "load_recordings",
    "load_model",
    "load_segmenter",
    "media_of",
    "naming",
    "refuse_unused",
    "seconds_of",
    "videos_in",
    "with_rate_of_fit",
    "writing",
]

# Where -o writes instead of replacing what is there.
STDOUT = ("-", "/dev/stdout")
DEVICES = (os.devnull, os.devnull.upper(), "/dev/null", *STDOUT)  # nul or NUL
# Options that say nothing of a kind of recordings, and their defaults.
UNUSED: dict[str, dict[str, str | None]] = {
    "features": {"time": "auto", "time_unit": "auto", "columns": None},
    "poses": {"activity": None, "time": "auto", "time_unit": "auto"},
    "sensors": {"activity": None},
    "video": {"time": "auto", "time_unit": "auto", "reset_after": None},
    "lines": {"time": "auto", "time_unit": "auto"},
}


def load_recordings(
    options: argparse.Namespace,
    model: Any = None,
    *,
    on_mismatch: str = "raise",
) -> Recordings:
    """Read the recordings of the folder, or say how to make some.

    Features stay in their files, which are read when they are looked at.

    They have the rate of those that the model was fitted to, if there is one, unless
    `--fps` or, of features and poses, their files say otherwise. Gaps are closed for a
    model that takes none. Columns or points of other names than those of the fit are
    refused.
    """
    folder = checked_folder(options)
    fps = getattr(options, "fps", None)
    kind, _ = find_recordings(options, folder)
    if kind == "features":
        data = load_folder(
            folder,
            activity=options.activity,
            fps=fps,
            on_mismatch=on_mismatch,
            on_demand=True,
        )
        # A model knows what a folder of one video cannot: which of its axes is time.
        if model is not None:
            width = model.n_features_in_
            data = data.replace([orient_features(video, width) for video in data])
    else:
        data = _read_files(folder, kind, options, model)
    if model is None:
        return data
    data = with_rate_of_fit(data, model)
    refuse_other_features(data, names_of_fit(model))
    if kind != "features":
        _say_notes(folder, data)
    return close_all(data, model)


def with_rate_of_fit(data: Recordings, model: Any) -> Recordings:
    """Return recordings with the rate of those of fit, if nothing says theirs."""
    return data if data.clock(0) else as_recordings(data, rate_of_fit(model))


def load_recording(
    options: argparse.Namespace, model: Any, path: str, kind: str
) -> Recordings:
    """Read one recording of a kind for a model, with its gaps; no video.

    Tables have the rate of the recordings of fit, unless `--fps` says otherwise, and
    the columns that the model knows. Other features than those of fit are refused.
    """
    if kind == "features":
        if Path(path).suffix.lower() == ".npy":  # whose shape is known without a read
            shape = FeatureFile(path).shape
            if model.n_features_in_ not in shape:  # either axis may be that of frames
                raise _other_features(path, shape, model)
        video = orient_features(read_features(path), model.n_features_in_)
        times = None if options.fps is not None else _times_beside(Path(path))
        known = {"fps": options.fps} if times is None else {"times": [times]}
        data = Recordings([video], names=[path], **known)
    else:
        data = _read_files(path, kind, options, model)
        if len(data) > 1:
            raise ValueError(f"{path!r} holds {len(data)} recordings; name one file.")
        refuse_other_features(data, names_of_fit(model))
        _say_notes(path, data)
        if np.ndim(data[0]) == 3:  # poses
            data = data.replace([np.reshape(data[0], (len(data[0]), -1))])
    (video,) = data
    if video.shape[1] != model.n_features_in_:
        raise _other_features(path, video.shape, model)
    if np.isinf(video).any():
        raise ValueError(f"{path!r} contains infinity; expected finite features.")
    return data


def _other_features(path: str, shape: tuple[int, ...], model: Any) -> ValueError:
    return ValueError(
        f"{path!r} has shape {shape}; expected {model.n_features_in_} features a "
        "frame, as the model was fitted to."
    )


def _times_beside(path: Path) -> np.ndarray | None:
    """Return the times of frames that `skvas extract` keeps beside features."""
    for folder in path.absolute().parents[:2]:  # that of an activity may be between
        if folder.name == "features":
            inside = path.absolute().relative_to(folder).with_suffix(".npy")
            file = folder.parent / "times" / inside
            return read_array(file, 1).astype(np.float64) if file.is_file() else None
    return None


def kind_of(path: str, model: Any) -> str:
    """Tell videos, features, poses and sensors apart, for a model.

    A text is a table if the model knows the names of columns, and features if not.
    """
    if is_video(path):
        return "video"
    suffix = Path(path).suffix.lower()
    if suffix == ".txt" and features_of_fit(model) is None:
        return "features"
    if suffix == ".npy" and not _holds_points(path):
        return "features"
    return find_kind(path)[0]


def _holds_points(path: str) -> bool:
    try:
        read_shape(path, 3)
    except (OSError, ValueError):  # features, or a fault that their reader tells
        return False
    return True


def _read_files(
    source: str | Path, kind: str, options: argparse.Namespace, model: Any
) -> Recordings:
    """Read tables or poses; tables as a model knows them, if there is one."""
    fps, columns = options.fps, getattr(options, "columns", None)
    if model is not None and kind == "sensors":
        fps = rate_of_fit(model) if fps is None else fps  # they are resampled
        columns = features_of_fit(model) if columns is None else columns
    time, unit = clock_of_tables(options, model)
    return read_recordings(source, columns=columns, fps=fps, time=time, time_unit=unit)


def _say_notes(source: str | Path, data: Recordings) -> None:
    """Say what was done to tables or poses that a model takes."""
    for note in data.notes:
        say(f"{str(source)!r}: {note}")


def clock_of_tables(options: argparse.Namespace, model: Any) -> tuple[str | None, str]:
    """Return the column of times and their unit: as asked for, or as in `fit`."""
    time, unit = options.time, options.time_unit
    known = None if model is None else model.recordings_["clock"]
    if known is None or time != "auto":
        return time, unit
    return known[0], known[1] if unit == "auto" else unit


def find_recordings(
    options: argparse.Namespace, folder: Path
) -> tuple[str, list[Path]]:
    """Return the kind of recordings in a folder, and their files; see `find_kind`.

    Options that say nothing of this kind are refused.
    """
    kind, files = find_kind(folder)
    refuse_unused(options, {kind}, f"{options.folder!r}, a folder of {kind}")
    return kind, files


def refuse_unused(options: argparse.Namespace, kinds: Set[str], what: str) -> None:
    """Refuse options that say nothing of recordings of these kinds."""
    first, *others = (UNUSED[kind] for kind in sorted(kinds))
    for name, default in first.items():
        is_given = getattr(options, name, default) != default
        if is_given and all(name in unused for unused in others):
            raise ValueError(
                f"--{name.replace('_', '-')} has no use for {what}; leave it out."
            )


def checked_folder(options: argparse.Namespace) -> Path:
    """Return the folder of recordings; if it has videos instead, say what to do."""
    folder = Path(options.folder)
    if folder.is_dir() and videos_in(folder) and not _has_recordings(folder):
        raise ValueError(
            f"{options.folder!r} holds video files, not features; first run: skvas "
            f"extract {options.folder} -o FEATURES"
        )
    return folder


def _has_recordings(folder: Path) -> bool:
    """Tell whether a folder of videos has recordings too; a text may be a note."""
    try:
        kind, files = find_kind(folder)
    except FileNotFoundError:
        return False
    return kind == "features" or any(file.suffix.lower() != ".txt" for file in files)


def is_video(path: str | Path) -> bool:
    """Tell video files, by their suffix."""
    return Path(path).suffix.lower() in VIDEO_SUFFIXES


def videos_in(folder: Path) -> list[Path]:
    """List the video files of a folder by name; hidden ones, as of macOS, are none."""
    return in_order(
        file
        for file in folder.iterdir()
        if is_video(file) and file.is_file() and not file.name.startswith(".")
    )


def media_of(folder: str, names: Sequence[str]) -> list[str | None]:
    """Return the video file of each name in a folder; None where there is none."""
    if not Path(folder).is_dir():
        raise ValueError(f"--media {folder!r} is no folder.")
    paths = [Path(name) for name in names]
    places = {Path(folder, path.parent) for path in paths} | {Path(folder)}
    files = {
        _key(file.with_suffix("")): str(file)
        for place in places
        for file in (videos_in(place) if place.is_dir() else ())
    }
    # The folder of an activity may be left out where no other has such a name.
    n_called = Counter(path.name for path in paths)
    media = [
        files.get(_key(Path(folder, path)))
        or (n_called[path.name] == 1 and files.get(_key(Path(folder, path.name))))
        or None
        for path in paths
    ]
    n_missing = media.count(None)
    if n_missing == len(media):
        raise ValueError(
            f"--media {folder!r} has no video file called {names[0]!r} or like any "
            "other of the videos."
        )
    if n_missing:
        say(f"{n_missing} of {len(media)} videos have no file in {folder}")
    return media


def _key(path: Path) -> str:
    return name_key(str(path))


def clock_of(data: Recordings, index: int) -> dict[str, Any]:
    """Return the frame rate of a recording, or the times at which its frames start."""
    known = data.clock(index)
    if not known:
        raise ValueError(
            "--fps is missing: labels have times in seconds, and nothing says how many "
            "frames make one."
        )
    return known


def load_model(path: str) -> Any:
    """Load a model, and say so where recordings were given in its place."""
    if Path(path).is_dir():
        raise ValueError(
            f"{path!r} is a folder, and no model; the file of a model comes first, "
            "then the recordings."
        )
    return skvas.load(path)


def load_segmenter(path: str) -> Any:
    """Read a model, and refuse one that finds no actions."""
    model = load_model(path)
    if not is_clusterer(model):
        raise ValueError(
            f"{path!r} only aligns; label actions with a model of --task joint or "
            "segment."
        )
    return model


def check_out(out: str, *inputs: str | None) -> None:
    """Refuse an output that cannot be written, or is an input, before long work."""
    if out in DEVICES:
        return
    for path in dict.fromkeys(inputs):
        if path is not None and is_same(out, path):
            raise ValueError(f"-o {out} would overwrite {path}; give another name.")
    check_replaceable(out)


def seconds_of(data: Recordings, index: int = 0) -> np.ndarray | None:
    """Return the second at which each frame of a recording starts, if it is known."""
    clock = data.clock(index)
    if "fps" in clock:
        return np.arange(len(data[index])) / clock["fps"]
    return clock.get("times")


@contextmanager
def naming(recording: str) -> Iterator[None]:
    """Let errors and warnings about one recording name it."""
    with warnings.catch_warnings(record=True) as caught:
        try:
            yield
        except (ValueError, TypeError) as error:
            raise ValueError(f"{recording}: {error}") from error
    for warning in caught:
        warnings.warn(f"{recording}: {warning.message}", warning.category, stacklevel=3)


def is_same(a: str, b: str) -> bool:
    """Tell whether two paths lead to one file."""
    return identity(Path(a)) == identity(Path(b))


@contextmanager
def writing(out: str) -> Iterator[str | Path]:
    """Yield the file to write; where -o is a device, that gets its content."""
    if out not in DEVICES:
        yield out
        return
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "out")
        yield file
        if out in STDOUT:  # not opened anew, which could cut a file short
            sys.stdout.flush()
            sys.stdout.buffer.write(file.read_bytes())
            sys.stdout.buffer.flush()
