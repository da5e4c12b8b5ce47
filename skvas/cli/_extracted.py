"""Features of video files: noted by `skvas extract`, and found again."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any

from skvas._atomic import write_atomically
from skvas.cli._files import is_same
from skvas.cli._lines import say
from skvas.datasets._arrays import read_array
from skvas.datasets._folder import EXTRACTED, read_extracted
from skvas.datasets._on_disk import read_features
from skvas.features import VideoFeatures

__all__ = ["check_extracted", "find_extracted", "note_extracted", "read_timed"]


def check_extracted(
    folder: Path, files: Mapping[str, Path], options: argparse.Namespace
) -> None:
    """Refuse a folder with features of another file of a name, or made otherwise."""
    content = read_extracted(folder / EXTRACTED)
    there = {
        name: folder / file
        for name, file in content["videos"].items()
        if (folder / "features" / f"{name}.npy").exists()
    }
    if not there:
        return
    remedy = "Name another folder by -o, or remove the features that are there."
    for option, value in _extraction(options).items():
        if (known := content.get(option)) != value:
            raise ValueError(
                f"the features in {str(folder)!r} were made with --{option} "
                f"{_shown(known)}, not {_shown(value)}. {remedy}"
            )
    for name, file in there.items():
        if name in files and not is_same(str(file), str(files[name])):
            raise ValueError(
                f"the features of {name!r} in {str(folder)!r} are those of "
                f"{os.path.normpath(file)!r}, not of {str(files[name])!r}. {remedy}"
            )


def _shown(value: Any) -> str:
    return "at its default" if value is None else str(value)


def note_extracted(
    folder: Path, files: Mapping[str, Path], options: argparse.Namespace
) -> None:
    """Note of which files features are, so that `align` finds them again."""
    note = folder / EXTRACTED
    known = read_extracted(note)["videos"]
    root = folder.resolve()  # from which the system goes up where it is a link
    here = {name: _seen_from(root, file) for name, file in files.items()}
    content = {**_extraction(options), "videos": {**known, **here}}
    write_atomically(note, json.dumps(content, indent=1).encode())


def _seen_from(root: Path, file: Path) -> str:
    try:
        return PurePath(os.path.relpath(file, root)).as_posix()
    except ValueError:  # on another drive
        return str(file.absolute())


def find_extracted(path: str, options: argparse.Namespace) -> VideoFeatures | None:
    """Return features of a video file that `extract` has made in the same way."""
    roots = dict.fromkeys([Path(options.model).resolve().parent, Path.cwd()])
    notes = [
        note
        for root in roots
        for note in [root / EXTRACTED, *sorted(root.glob(f"*/{EXTRACTED}"))]
        if note.is_file()
    ]
    for note in notes:
        content = read_extracted(note)
        if any(content.get(n) != value for n, value in _extraction(options).items()):
            continue
        for name, file in content["videos"].items():
            features = note.parent / "features" / f"{name}.npy"
            if is_same(path, str(note.parent / file)) and features.is_file():
                say(f"features of {path} are those of {features}")
                return read_timed(features, note.parent / "times" / f"{name}.npy")
    return None


def _extraction(options: argparse.Namespace) -> dict[str, Any]:
    return {name: getattr(options, name) for name in ("backbone", "weights", "fps")}


def read_timed(path: Path, file: Path) -> VideoFeatures:
    """Read the features of a video, and when `skvas extract` saw its frames."""
    features, times = read_features(path), read_array(file, 1)
    if len(times) not in features.shape:
        raise ValueError(
            f"{str(file)!r} has {len(times)} times for {len(features)} frames; run "
            "skvas extract again, or give --fps."
        )
    return VideoFeatures(features, times)
