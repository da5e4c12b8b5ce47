"""`skvas extract`: from video files to a folder of features."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from functools import partial
from pathlib import Path

import numpy as np

from skvas._atomic import replacing
from skvas._printing import listening
from skvas.cli._arguments import add_decoding, add_out_folder
from skvas.cli._extracted import check_extracted, note_extracted
from skvas.cli._files import is_same, videos_in
from skvas.cli._lines import Lines, say, say_skipped, show
from skvas.features import FrameFeatures, VideoFeatures

__all__ = ["add_arguments"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.set_defaults(run=_extract)
    parser.add_argument(
        "videos", metavar="VIDEO", nargs="+", help="video files, or folders of them"
    )
    add_out_folder(parser)
    add_decoding(parser)


def _extract(options: argparse.Namespace) -> None:
    files = _video_files(options.videos)
    folder = Path(options.out)
    check_extracted(folder, files, options)
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
    todo = {
        name: file
        for name, file in files.items()
        # The features come last: where they are, all is.
        if not (folder / "features" / f"{name}.npy").exists()
    }
    say_skipped(len(files) - len(todo), "have features", None)
    for name, file in files.items():
        if name not in todo and _is_younger(file, folder / "features" / f"{name}.npy"):
            say(f"warning: {file} is younger than its features; remove these first")
    lines, faults = Lines(len(todo)), []
    for name, file in todo.items():
        lines.tell(name)
        try:
            with listening(partial(_tell_frames, lines, name)):
                found: VideoFeatures = extractor.extract(file)
        except ValueError as error:  # a file that is no video, or damaged
            faults.append(str(error))
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
        for file in found:
            if is_same(str(files.get(file.stem, "")), str(file)):  # given twice
                continue
            if file.stem in files:
                raise ValueError(
                    f"{str(files[file.stem])!r} and {str(file)!r} would share the name "
                    f"{file.stem!r}; rename one of them."
                )
            files[file.stem] = file
    return files


def _is_younger(file: Path, features: Path) -> bool:
    return file.stat().st_mtime > features.stat().st_mtime


def _write_array(path: Path, array: np.ndarray) -> None:
    with replacing(path) as temporary, temporary.open("wb") as stream:
        np.save(stream, array)
