"""`skvas timeline`: videos on the timeline of a model."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

import numpy as np

import skvas
from skvas._atomic import write_atomically
from skvas._printing import format_table
from skvas.cli._arguments import add_command, add_folder
from skvas.cli._files import as_csv, check_out, load_recordings, writing
from skvas.cli._lines import with_progress
from skvas.datasets._folder import orient_features
from skvas.validation import check_real

__all__ = ["add_timeline"]


def add_timeline(commands: Any) -> None:
    """Add the command `timeline`."""
    parser = add_command(
        commands,
        "timeline",
        _timeline,
        "Place videos on the timeline of a model. Prints where on it, from 0 to 1, a "
        "video starts and ends, how well it follows it, and the share that it lacks.",
    )
    parser.add_argument("model", metavar="MODEL")
    add_folder(parser)
    parser.add_argument(
        "-o",
        "--out",
        metavar="CSV",
        help="write the position of each frame (default: print a table of the videos)",
    )
    parser.add_argument("--fps", type=float, help="frames per second, for a column")


def _timeline(options: argparse.Namespace) -> None:
    timeline = _load_timeline(options.model)
    if options.out is not None:
        check_out(options.out, options.model)
    if options.fps is not None:
        if options.out is None:
            raise ValueError("--fps has no use without -o.")
        check_real("--fps", options.fps, low=0, low_open=True)
    data = load_recordings(options)
    videos = list(data)
    if np.ndim(videos[0]) == 2:
        videos = [orient_features(v, timeline.n_features_in_) for v in videos]
    named = list(zip(data.names, videos, strict=True))
    progress = with_progress(named, lambda item: item[0])
    if options.out is None:
        rows = [_placed(timeline, *item) for item in progress]
        print(format_table(rows, decimals=3))
        return
    records = [
        record
        for name, video in progress
        for record in _positions(timeline, name, video, options.fps)
    ]
    with writing(options.out) as file:
        write_atomically(file, as_csv(records).encode())


def _load_timeline(path: str) -> skvas.Timeline:
    timeline: skvas.Timeline | None = getattr(skvas.load(path), "timeline_", None)
    if timeline is None:
        raise ValueError(
            f"{path!r} has no timeline; fit a model of --task joint or align to three "
            "or more videos that share an order."
        )
    return timeline


def _placed(timeline: skvas.Timeline, name: str, video: np.ndarray) -> dict[str, Any]:
    """Say where a video lies on a timeline, and how well."""
    positions = timeline.to_timeline(video)
    return {
        "video": name,
        "frames": len(video),
        "start": float(positions[0]),
        "end": float(positions[-1]),
        "alignability": float(timeline.alignability(video)[0]),
        "lacking": float(timeline.lacking(video).mean()),
    }


def _positions(
    timeline: skvas.Timeline, name: str, video: np.ndarray, fps: float | None
) -> Iterator[dict[str, Any]]:
    """Yield a record of each frame: its position, and its action if there are any."""
    acts = timeline.n_actions_ is not None
    actions = timeline.predict(video).tolist() if acts else None
    for frame, position in enumerate(timeline.to_timeline(video).tolist()):
        record = {"video": name, "frame": frame}
        if fps is not None:
            record["seconds"] = round(frame / fps, 6)
        record["position"] = round(position, 6)
        if actions is not None:
            record["action"] = actions[frame]
        yield record
