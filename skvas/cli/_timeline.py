"""`skvas timeline`: videos on the timeline of a model."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.base import is_clusterer

import skvas
from skvas._atomic import write_atomically
from skvas._printing import format_table
from skvas.applications._action_table import DIGITS
from skvas.applications._names import call_by_name, names_by_label
from skvas.cli._files import (
    load_model,
    load_recordings,
    naming,
    seconds_of,
    writing,
)
from skvas.cli._inputs import check_output, check_table
from skvas.cli._lines import say, with_progress
from skvas.io._text import compose_records

__all__ = ["run"]


def run(options: argparse.Namespace) -> None:
    """Run the command."""
    if options.out is not None:
        check_table(options.out, "positions are written as .csv")
    model = load_model(options.model)
    timeline = _timeline_of(model, options.model)
    if options.out is not None:
        check_output(options, options.model)
    data = load_recordings(options, model)
    named = list(zip(data.names, data, strict=True))
    progress = with_progress(named, lambda item: item[0])
    if options.out is None:
        rows = [_placed(timeline, *item) for item in progress]
        print(format_table(rows, decimals=3))
        return
    records = [
        record
        for index, (name, video) in enumerate(progress)
        for record in _positions(model, name, video, seconds_of(data, index))
    ]
    with writing(options.out) as file:
        write_atomically(file, compose_records(records))
    say(f"positions of {len(data)} recordings written to {options.out}")


def _timeline_of(model: Any, path: str) -> skvas.Timeline:
    timeline: skvas.Timeline | None = getattr(model, "timeline_", None)
    if timeline is None:
        raise ValueError(
            f"{path!r} has no timeline; fit a model of --task joint, or of --task "
            "align with --epochs above 0, to two or more videos that share an order. "
            "Where they do not all keep it, only --task align has a timeline."
        )
    return timeline


def _placed(timeline: skvas.Timeline, name: str, video: np.ndarray) -> dict[str, Any]:
    """Say where a video lies on a timeline, and how well."""
    video = np.asarray(video).reshape(len(video), -1)
    with naming(name):
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
    model: Any, name: str, video: np.ndarray, times: np.ndarray | None
) -> Iterator[dict[str, Any]]:
    """Yield a record of each frame: its position, and its action if there are any."""
    actions = None
    video = np.asarray(video).reshape(len(video), -1)
    with naming(name):
        positions = model.timeline_.to_timeline(video)
        if is_clusterer(model):
            labels = model.predict(video)
            actions = call_by_name(labels, names_by_label(model)).tolist()
    for frame, position in enumerate(positions.tolist()):
        record = {"video": name, "frame": frame}
        if times is not None:
            record["seconds"] = round(float(times[frame]), DIGITS)
        record["position"] = round(position, 6)
        if actions is not None:
            record["action"] = actions[frame]
        yield record
