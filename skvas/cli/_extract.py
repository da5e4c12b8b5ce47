"""`skvas extract`: from video files to a folder of features."""

from __future__ import annotations

import argparse
from collections.abc import Collection, Iterable
from functools import partial
from glob import glob
from pathlib import Path

import numpy as np

from skvas._atomic import find_twins, in_order, replacing
from skvas._printing import listening
from skvas.cli._extracted import check_extracted, note_extracted
from skvas.cli._files import is_same, videos_in
from skvas.cli._lines import Lines, explain, say, say_skipped, show
from skvas.features import FrameFeatures, VideoFeatures

__all__ = ["run"]

# Names of other files that are told.
N_TOLD = 3


def run(options: argparse.Namespace) -> None:
    """Run the command."""
    files = _video_files(options.videos)
    folder = Path(options.out)
    check_extracted(folder, files, options)
    if twins := find_twins(files, folder):
        _refuse_twins(*(files[name] for name in twins))
    extractor = FrameFeatures(
        options.backbone,
        weights=options.weights,
        fps=options.fps,
        device=options.device,
    ).fit(list(files.values()))
    for name in ("features", "times"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    # Before the features: a run that is stopped has noted what its features are.
    note_extracted(folder, files, options)
    todo = {}
    for name, file in files.items():
        features = folder / "features" / f"{name}.npy"
        # The features come last: where they are, all is.
        if not features.exists():
            todo[name] = file
        elif features.stat().st_mtime < file.stat().st_mtime:
            say(f"warning: {file} is younger than its features; remove these first")
    say_skipped(len(files) - len(todo), "have features", None)
    lines, faults = Lines(len(todo)), []
    for name, file in todo.items():
        lines.tell(name)
        try:
            with listening(partial(_tell_frames, lines, name)):
                found: VideoFeatures = extractor.extract(file)
        except (ValueError, OSError) as error:  # no video, damaged, or unreadable
            faults.append(explain(error))
        else:
            _write_array(folder / "times" / f"{name}.npy", found.times)
            _write_array(folder / "features" / f"{name}.npy", found.features)
        lines.done += 1
    show("")
    if faults:
        raise ValueError("\n".join(faults))
    say(
        f"{len(todo)} of {len(files)} videos extracted; features are in "
        f"{folder / 'features'}"
    )


def _tell_frames(lines: Lines, name: str, step: str, done: int, total: int) -> None:
    lines.tell(f"{name}, {done} frames")


def _video_files(paths: Iterable[str]) -> dict[str, Path]:
    """Map names to video files, those of folders included."""
    files: dict[str, Path] = {}
    for path in map(Path, paths):
        found = [path]
        if path.is_dir():
            found = videos_in(path)
            if not found:
                raise ValueError(f"{str(path)!r} has no video files.")
            _say_passed_over(path, found)
        elif not path.exists():  # as of *.mp4 in a shell of Windows, which leaves it
            found = in_order(map(Path, glob(str(path)))) or [path]
        for file in found:
            other = files.setdefault(file.stem, file)
            if not is_same(str(other), str(file)):  # else it is given twice
                _refuse_twins(other, file)
    return files


def _say_passed_over(folder: Path, videos: Collection[Path]) -> None:
    """Say which files of a folder are taken for no videos."""
    others = in_order(
        file
        for file in folder.iterdir()
        if file not in videos and file.is_file() and not file.name.startswith(".")
    )
    if others:
        names = [file.name for file in others[:N_TOLD]]
        names += ["..."] if len(others) > N_TOLD else []
        say(
            f"{folder} has other files too: {', '.join(names)}; name those that are "
            "videos"
        )


def _refuse_twins(a: Path, b: Path) -> None:
    raise ValueError(
        f"{str(a)!r} and {str(b)!r} would share the name {b.stem!r}; rename one of "
        "them."
    )


def _write_array(path: Path, array: np.ndarray) -> None:
    with replacing(path) as temporary, temporary.open("wb") as stream:
        np.save(stream, array)
