"""`skvas align`: the frames of two videos, matched."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

import skvas
from skvas._atomic import write_atomically
from skvas.applications._action_table import DIGITS
from skvas.cli._extracted import find_extracted
from skvas.cli._files import (
    DEVICES,
    check_out,
    kind_of,
    load_model,
    load_recording,
    refuse_unused,
    seconds_of,
    with_rate_of_fit,
    writing,
)
from skvas.cli._gaps import close_in
from skvas.cli._lines import following, say
from skvas.features import FrameFeatures, VideoFeatures, write_synchronised
from skvas.features._decoding import read_frames
from skvas.features._sources import compute_as_they_come
from skvas.features._synchronised import CONTAINERS
from skvas.io._text import compose_records

__all__ = ["run"]


def run(options: argparse.Namespace) -> None:
    """Run the command."""
    model = load_model(options.model)
    if not hasattr(model, "align"):
        raise ValueError(
            f"{options.model!r} only segments; align with a model of --task joint or "
            "align."
        )
    suffix = Path(options.out).suffix.lower()
    as_table = options.out in DEVICES or suffix == ".csv"
    kind_of_a, kind_of_b = (kind_of(path, model) for path in (options.a, options.b))
    kinds = {kind_of_a, kind_of_b}
    if not as_table and not (kinds == {"video"} and suffix in CONTAINERS):
        raise ValueError(
            f"{options.out!r} must end in .csv or, where A and B are video files to be "
            f"played in step, in one of {', '.join(CONTAINERS)}."
        )
    refuse_unused(options, kinds, "A and B")
    if options.weights is not None and "video" not in kinds:
        raise ValueError("--weights has no use where neither A nor B is a video.")
    check_out(options.out, options.model, options.a, options.b, options.weights)
    kind_of_path = {options.a: kind_of_a, options.b: kind_of_b}
    with following():
        # Videos last: they take long, and what else is wrong is told before.
        looked_at = {
            path: _features(path, kind, model, options)
            for path, kind in sorted(kind_of_path.items(), key=_is_video)
        }
        (a, times_a), (b, times_b) = looked_at[options.a], looked_at[options.b]
        alignment = model.align(a, b, via=options.via)
        if not as_table:
            write_synchronised(
                options.a,
                options.b,
                alignment,
                options.out,
                times_x=times_a if options.fps is not None else None,
                times_y=times_b if options.fps is not None else None,
            )
    if not as_table:
        say(f"{options.a} and {options.b} in step, written to {options.out}")
        return
    records = list(_matches(alignment, times_a, times_b))
    with writing(options.out) as file:
        write_atomically(file, compose_records(records))
    say(f"matches of {len(records)} frames written to {options.out}")


def _is_video(item: tuple[str, str]) -> bool:
    return item[1] == "video"


def _features(
    path: str, kind: str, model: Any, options: argparse.Namespace
) -> tuple[np.ndarray, np.ndarray | None]:
    """Read the features of one video, or compute them, and their times if known."""
    if kind == "video":
        found = find_extracted(path, options)
        if found is None:
            found = _extract(path, model, options)
        else:
            _refuse_other_features(path, found.features.shape[1], model)
        return found.features, found.times
    data = load_recording(options, model, path, kind)
    data = with_rate_of_fit(data, model)
    (frames,) = data
    return close_in(frames, path, model, data.feature_names), seconds_of(data)


def _extract(path: str, model: Any, options: argparse.Namespace) -> VideoFeatures:
    """Compute the features of a video, if its first frame has those of the model."""
    extractor = FrameFeatures(
        options.backbone,
        weights=options.weights,
        fps=options.fps,
        device=options.device,
    )
    for _, features in islice(compute_as_they_come(extractor, read_frames(path)), 1):
        _refuse_other_features(path, len(features), model)
    found: VideoFeatures = extractor.extract(path)
    return found


def _refuse_other_features(path: str, n_features: int, model: Any) -> None:
    if n_features != model.n_features_in_:
        raise ValueError(
            f"{path!r} has {n_features} features a frame, and the model was fitted to "
            f"{model.n_features_in_}; give the --backbone of the features of fit."
        )


def _matches(
    alignment: skvas.Alignment, times_a: np.ndarray | None, times_b: np.ndarray | None
) -> Iterator[dict[str, Any]]:
    """Yield a record of each frame of A: its match, and when both are, if known."""
    rows = zip(alignment.matches_x.tolist(), alignment.background_x, strict=True)
    for frame, (match, background) in enumerate(rows):
        found = match >= 0
        record: dict[str, Any] = {"frame_a": frame, "frame_b": match if found else ""}
        if times_a is not None:
            record["seconds_a"] = round(float(times_a[frame]), DIGITS)
        if times_b is not None:
            seconds = round(float(times_b[match]), DIGITS) if found else ""
            record["seconds_b"] = seconds
        yield record | {"background": round(float(background), 4)}
