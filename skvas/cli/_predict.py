"""`skvas predict`: the actions of each video, in files."""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from skvas import FilesReport, predict_files
from skvas._printing import name_first
from skvas.applications._label_folder import OtherLabelsError
from skvas.cli._arguments import (
    name_actions,
)
from skvas.cli._extracted import read_timed
from skvas.cli._files import (
    checked_folder,
    clock_of,
    clock_of_tables,
    find_recordings,
    load_recordings,
    load_segmenter,
    media_of,
    seconds_of,
)
from skvas.cli._gaps import ReadWithoutGaps
from skvas.cli._inputs import check_output_folder
from skvas.cli._lines import Lines, say, say_skipped, show
from skvas.datasets import Recordings
from skvas.datasets._folder import find_media, find_videos
from skvas.datasets._recordings import common_rate, rate_of_fit
from skvas.exceptions import FailedFilesWarning
from skvas.features import VideoFeatures

__all__ = ["run"]


def run(options: argparse.Namespace) -> None:
    """Run the command."""
    if options.jobs == 0:
        raise ValueError("--jobs must be a number of processes, or -1 for all cores.")
    model = load_segmenter(options.model)
    name_actions(model, options)
    folder = checked_folder(options)
    check_output_folder(options, folder)
    if options.media is not None and options.format != "eaf":
        raise ValueError("--media has no use without --format eaf.")
    kind, found = find_recordings(options, folder)
    if kind == "features":
        sources = _features_in(folder, options, model)
    else:
        data = load_recordings(options, model)
        if options.format != "txt":
            clock_of(data, 0)  # before long work
        if len(found) < len(data):  # clips of OpenPose in one folder
            found = [folder / name for name in data.names]
        asked = rate_of_fit(model) if options.fps is None else options.fps
        key = str([asked, *clock_of_tables(options, model), data.feature_names])
        rate = common_rate(data.fps)
        read = _ReadHere(found, data, key, timed=rate is None)
        sources = _Sources(found, data.names, data.media, read, rate)
    if options.media is not None:
        media = media_of(options.media, sources.names)
        sources = replace(sources, media=media)
    report = _label(model, sources, options)
    statuses = [record["status"] for record in report.records]
    say_skipped(statuses.count("skipped"), "are labelled", "--overwrite")
    if report.failed:
        raise ValueError("\n".join(_join_faults(report.failed)))
    say(f"{statuses.count('written')} files of labels written to {options.out}")


@dataclass(frozen=True)
class _Sources:
    """What `predict_files` labels, and how it reads that."""

    paths: Sequence[Path]
    names: Sequence[str]
    media: Sequence[str | None] | None
    read: Callable[[Path], Any]
    fps: float | None = None


def _features_in(folder: Path, options: argparse.Namespace, model: Any) -> _Sources:
    """List the files of a data set of features."""
    files = find_videos(folder, options.activity)
    fps, read = options.fps, None
    if options.format != "txt" and fps is None:
        times = {str(file.features): file.times for file in files}
        if any(times.values()):
            read = partial(_read_timed, times)
        else:
            fps = rate_of_fit(model)
    if options.format != "txt" and fps is None and read is None:
        raise ValueError(
            f"--fps is missing: {options.format} files have times in seconds, and "
            f"nothing says how many frames make one."
        )
    return _Sources(
        [file.features for file in files],
        [file.label for file in files],
        find_media(files),
        ReadWithoutGaps(read, model),
        fps,
    )


def _read_timed(times: Mapping[str, Path | None], path: Path) -> VideoFeatures:
    """Read the features of a video that has a file of times."""
    file = times[str(path)]
    if file is None:
        raise ValueError(
            f"{str(path)!r} has no file in times; run skvas extract again, or give "
            "--fps."
        )
    return read_timed(path, file)


def _label(model: Any, sources: _Sources, options: argparse.Namespace) -> FilesReport:
    progress = Lines(len(sources.paths))

    def draw(record: Mapping[str, Any]) -> None:
        if record["status"] == "skipped":  # which took no time
            progress.total -= 1
        else:
            progress.step(Path(record["path"]).stem)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FailedFilesWarning)  # told by the caller
        try:
            report = predict_files(
                model,
                sources.paths,
                options.out,
                format=options.format,
                fps=sources.fps,
                names=sources.names,
                media=sources.media,
                read=sources.read,
                overwrite=options.overwrite,
                n_jobs=options.jobs,
                callback=draw,
            )
        except OtherLabelsError as error:
            again = ", or label again by --overwrite" if error.may_replace else ""
            raise ValueError(
                f"{options.out!r} has {error.found}; name another folder{again}."
            ) from error
    show("")
    return report


class _ReadHere:
    """Give the recordings that were read already to `predict_files`, by their paths.

    Their frames are one array, which joblib shares among processes: it would send many
    small ones with each file anew. `key` tells how they were read, `timed` whether they
    have times, where no rate is common to all.
    """

    def __init__(
        self, paths: Sequence[Path], data: Recordings, key: str, *, timed: bool
    ) -> None:
        self.cache_key = key
        self.place = {str(path): index for index, path in enumerate(paths)}
        self.ends = np.cumsum([0, *map(len, data)])
        self.frames = np.concatenate([np.reshape(v, (len(v), -1)) for v in data])
        known = [seconds_of(data, index) for index in range(len(data)) if timed]
        times = [seconds for seconds in known if seconds is not None]
        self.times = np.concatenate(times) if times else None

    def __call__(self, path: Path) -> Any:
        index = self.place[str(path)]
        here = slice(self.ends[index], self.ends[index + 1])
        frames = np.array(self.frames[here])  # no memory map, which is read when needed
        if self.times is None:
            return frames
        return VideoFeatures(frames, np.array(self.times[here]))


def _join_faults(failed: Sequence[Mapping[str, Any]]) -> list[str]:
    """Tell a fault that many files have once."""
    by_error: dict[str, list[str]] = {}
    for record in failed:
        by_error.setdefault(record["error"], []).append(record["path"])
    return [f"{name_first(paths)}: {error}" for error, paths in by_error.items()]
