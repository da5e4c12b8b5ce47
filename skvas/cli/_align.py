"""`skvas align`: the frames of two videos, matched."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

import skvas
from skvas._atomic import write_atomically
from skvas.cli._arguments import add_decoding
from skvas.cli._extracted import find_extracted
from skvas.cli._files import (
    DEVICES,
    check_out,
    is_video,
    read_features_for,
    writing,
)
from skvas.cli._gaps import close_in
from skvas.cli._lines import following, say
from skvas.features import FrameFeatures, VideoFeatures, write_synchronised
from skvas.features._synchronised import CONTAINERS
from skvas.io._text import compose_records

__all__ = ["add_arguments"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.set_defaults(run=_align)
    parser.add_argument("model", metavar="MODEL")
    parser.add_argument("a", metavar="A", help="features (.npy, .txt) or a video")
    parser.add_argument("b", metavar="B", help="features (.npy, .txt) or a video")
    parser.add_argument("-o", "--out", metavar="OUT", required=True)
    parser.add_argument(
        "--via",
        choices=("pair", "timeline"),
        default="pair",
        help="align the pair itself (default), or through the model's timeline",
    )
    add_decoding(parser)


def _align(options: argparse.Namespace) -> None:
    model = skvas.load(options.model)
    if not hasattr(model, "align"):
        raise ValueError(
            f"{options.model!r} only segments; align with a model of --task joint or "
            "align."
        )
    suffix = Path(options.out).suffix.lower()
    as_table = options.out in DEVICES or suffix == ".csv"
    are_videos = [is_video(path) for path in (options.a, options.b)]
    if not as_table and not (all(are_videos) and suffix in CONTAINERS):
        raise ValueError(
            f"{options.out!r} must end in .csv or, where A and B are video files to be "
            f"played in step, in one of {', '.join(CONTAINERS)}."
        )
    for name in ("fps", "weights"):
        if getattr(options, name) is not None and not any(are_videos):
            raise ValueError(f"--{name} has no use where neither A nor B is a video.")
    check_out(options.out, options.model, options.a, options.b, options.weights)
    with following():
        a, b = (_features(path, model, options) for path in (options.a, options.b))
        alignment = model.align(a.features, b.features, via=options.via)
        if not as_table:
            write_synchronised(
                options.a,
                options.b,
                alignment,
                options.out,
                times_x=a.times if options.fps is not None else None,
                times_y=b.times if options.fps is not None else None,
            )
    if not as_table:
        say(f"{options.a} and {options.b} in step, written to {options.out}")
        return
    rows = zip(alignment.matches_x.tolist(), alignment.background_x, strict=True)
    records = [
        {
            "frame_a": frame,
            "frame_b": "" if match < 0 else match,
            "background": round(float(background), 4),
        }
        for frame, (match, background) in enumerate(rows)
    ]
    with writing(options.out) as file:
        write_atomically(file, compose_records(records))
    say(f"matches of {len(records)} frames written to {options.out}")


def _features(path: str, model: Any, options: argparse.Namespace) -> VideoFeatures:
    """Read the features of one video, or compute them."""
    if is_video(path):
        known = find_extracted(path, options)
        if known is not None:
            return known
        extractor = FrameFeatures(
            options.backbone,
            weights=options.weights,
            fps=options.fps,
            device=options.device,
        )
        found: VideoFeatures = extractor.extract(path)
        return found
    features = read_features_for(model, path)
    if features.shape[1] != model.n_features_in_ or np.isinf(features).any():
        raise ValueError(
            f"{path!r} has shape {features.shape}; expected {model.n_features_in_} "
            "finite features a frame, as the model was fitted to."
        )
    features = close_in(features, path, model)
    return VideoFeatures(features, np.arange(len(features)))
