"""`skvas fit`: from a folder to a model."""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
from sklearn.pipeline import make_pipeline

import skvas
from skvas import ActionSegmenter, JointAlignSegment, VideoAligner
from skvas.cli._files import load_recordings, writing
from skvas.cli._gaps import check_columns
from skvas.cli._inputs import check_output
from skvas.cli._labels import read_labels
from skvas.cli._lines import EpochLines, StepLines, following, say
from skvas.datasets import Recordings
from skvas.preprocessing import Interpolate, PoseFeatures

__all__ = ["run"]

ESTIMATORS = {
    "joint": JointAlignSegment,
    "segment": ActionSegmenter,
    "align": VideoAligner,
}


def run(options: argparse.Namespace) -> None:
    """Run the command."""
    if options.task == "align" and options.labels is not None:
        raise ValueError("--labels has no use in --task align, which finds no actions.")
    if options.task == "align" and options.n_actions is not None:
        raise ValueError("-k has no use in --task align, which finds no actions.")
    if options.task == "segment" and options.matching is not None:
        raise ValueError("--matching has no use in --task segment, which matches none.")
    check_output(options, options.checkpoint)
    data = load_recordings(options)
    steps = StepLines()
    arguments = {
        "recipe": options.recipe,
        "random_state": options.seed,
        "device": options.device,
        "training": skvas.Training(
            callback=EpochLines(steps),
            checkpoint=options.checkpoint,
            live=options.live,
        ),
    }
    if options.task != "align" and options.n_actions is not None:
        arguments["n_actions"] = options.n_actions
    if options.matching is not None:
        arguments["matching"] = options.matching
    if options.epochs is not None:
        arguments["max_epochs"] = options.epochs
    arguments |= _preprocessing(data, live=options.live)
    y = read_labels(options, data)
    started = time.perf_counter()
    model: Any = ESTIMATORS[options.task](**arguments)
    model._check_parameters()
    say(f"{data}")
    with following(steps):
        model.fit(data, y)
    model.set_params(training__callback=None)
    with writing(options.out) as file:
        model.save(file)
    estimated = options.n_actions == "auto"
    say(str(model.summary()))
    say(
        f"fitted to {len(data)} recordings in {time.perf_counter() - started:.1f} s"
        f"{f', {model.n_actions_} actions' if estimated else ''}, "
        f"saved as {options.out}"
    )


def _preprocessing(data: Recordings, *, live: bool) -> dict[str, Any]:
    """Return the parameter that poses and recordings with gaps need."""
    if np.ndim(data[0]) == 3:
        layout = {2: "xy", 3: "xyz"}[np.shape(data[0])[2]]
        poses = PoseFeatures(layout, causal=live)
        return {"features": make_pipeline(poses, "auto")}
    gaps = False
    for name, video in zip(data.names, data, strict=True):
        frames = np.asarray(video)
        check_columns(frames, name, data.feature_names)
        gaps = gaps or bool(np.isnan(frames).any())
    if gaps:
        return {"features": make_pipeline(Interpolate(causal=live), "auto")}
    return {}
