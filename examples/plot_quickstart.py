"""
============================================
Align and segment recordings of one activity
============================================

Ten people did seven shoulder exercises with each arm and wore a watch on the wrist.
From the number of exercises alone, `JointAlignSegment` finds the exercises in every
recording, and matches the moments of any two recordings. Labels only score the result.

Run it on your own data with ``--data FOLDER --n-actions K``, where the folder holds
``features/<video>.npy`` and, if you have them, ``groundTruth/<video>`` and
``mapping/mapping.txt``.
"""

# %%
# The recordings
# --------------
# The real recordings of SPAR ship inside the package seglearn. Each video is an array
# of frames by features; lengths differ.

import argparse
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from skvas import ActionSegmenter, JointAlignSegment, VideoAligner
from skvas.datasets import load_folder, load_spar
from skvas.display import AlignmentDisplay, SegmentationDisplay
from skvas.metrics import (
    dtw_matches,
    label_agreement,
    linear_warp,
    segmentation_report,
    uniform_segmentation,
)

parser = argparse.ArgumentParser(description="Align and segment recordings.")
parser.add_argument("--data", type=Path, help="folder in the field's layout")
parser.add_argument("--order", choices=["canonical", "shuffled"], default="canonical")
parser.add_argument("--n-actions", type=int, help="default: as many as are labelled")
parser.add_argument("--seeds", type=int, default=1, help="runs, of which the mean")
parser.add_argument("--out", type=Path, default=Path("quickstart.png"))
options = parser.parse_args()

data = load_folder(options.data) if options.data else load_spar(options.order)
n_actions = options.n_actions or len(data.action_names)
EXERCISES = {
    "PEN": "pendulum",
    "ABD": "abduction",
    "FEL": "forward elevation",
    "IR": "internal rotation",
    "ER": "external rotation",
    "TRAP": "trapezius extension",
    "ROW": "upright row",
}
action_names = [EXERCISES.get(name, name) for name in data.action_names]
lengths = [len(video) for video in data.videos]
print(
    f"{len(data.videos)} videos of {min(lengths)} to {max(lengths)} frames, "
    f"{data.videos[0].shape[1]} features, {n_actions} actions"
)

# %%
# One model for both tasks
# ------------------------
# For comparison, we also fit a model for each task alone. All have their defaults.

models: dict[str, list] = {}
seconds: dict[str, list[float]] = {}
for seed in range(options.seeds):
    for model in (
        ActionSegmenter(n_actions, random_state=seed),
        VideoAligner(random_state=seed),
        JointAlignSegment(n_actions, random_state=seed),
    ):
        name = type(model).__name__
        started = time.perf_counter()
        models.setdefault(name, []).append(model.fit(data.videos))
        seconds.setdefault(name, []).append(time.perf_counter() - started)
joint = models["JointAlignSegment"][0]

# %%
# Which action is it?
# -------------------
# Found actions have no names: one Hungarian matching over all videos pairs them with
# the labelled actions. Every method has to beat the uniform cut, which splits each
# video into equal parts. MoF is the share of correct frames, F1 counts segments, and
# mIoU is the intersection over union, averaged over actions.


def print_row(name, *columns):
    print(f"{name:<28}" + "".join(f"{column:>9}" for column in columns))


def print_segmentation(name, runs, took):
    reports = [segmentation_report(data.labels, run, random_state=0) for run in runs]
    scores = np.array([[r.mof, r.f1, r.miou] for r in reports])
    spread = f"+-{scores[:, 0].std():.3f}" if len(runs) > 1 else ""
    columns = [f"{score:.3f}" for score in scores.mean(axis=0)]
    print_row(name, *columns, took, spread)


if data.labels is not None:
    print_row("\nsegmentation", " MoF", "F1", "mIoU", "seconds")
    uniform = uniform_segmentation(lengths, n_actions)
    print_segmentation("uniform cut", [uniform], "")
    for name in ("ActionSegmenter", "JointAlignSegment"):
        found = [model.labels_ for model in models[name]]
        print_segmentation(name, found, f"{np.mean(seconds[name]):.1f}")

# %%
# Which moment is it?
# -------------------
# The score is the share of frames whose match has the same label, over random pairs of
# videos. Linear warping and dynamic time warping (DTW) of the features need no model.


def agreement(match, pairs):
    found = [
        label_agreement(match(i, j), data.labels[i], data.labels[j]) for i, j in pairs
    ]
    return np.mean([result.agreement_of_all for result in found])


if data.labels is not None and len(data.videos) > 1:
    rng = np.random.RandomState(0)
    pairs = [rng.choice(len(data.videos), 2, replace=False) for _ in range(30)]
    videos = data.videos
    print_row("\nalignment", " labels agree", "seconds")
    linear = agreement(lambda i, j: linear_warp(lengths[i], lengths[j]), pairs)
    print_row("linear warping", f"{linear:.3f}")
    started = time.perf_counter()
    warped = agreement(lambda i, j: dtw_matches(videos[i], videos[j]), pairs)
    took = time.perf_counter() - started
    print_row("DTW of z-scored features", f"{warped:.3f}", f"{took:.1f}")
    for name in ("VideoAligner", "JointAlignSegment"):
        scores = [
            agreement(lambda i, j: model.align(videos[i], videos[j]).matches_x, pairs)  # noqa: B023
            for model in models[name]
        ]
        shown = f"{np.mean(scores):.3f}"
        print_row(name, shown, f"{np.mean(seconds[name]):.1f}")

# %%
# A look at the results
# ---------------------
# Top: labelled and found segments of some videos; paired actions have one colour.
# Bottom: corresponding moments of the first two videos.

n_shown = min(6, len(data.videos))
labels = data.labels[:n_shown] if data.labels is not None else None
figure, (above, below) = plt.subplots(
    2, 1, figsize=(10, 7), height_ratios=[2, 1], layout="constrained"
)
SegmentationDisplay.from_predictions(
    labels,
    list(joint.labels_)[:n_shown],
    names=data.names[:n_shown],
    action_names=action_names if labels else None,
    ax=above,
)
above.set_title("Segments: the labels, and what was found without them")
if len(data.videos) > 1:
    AlignmentDisplay.from_estimator(
        joint,
        *data.videos[:2],
        labels_x=labels[0] if labels else None,
        labels_y=labels[1] if labels else None,
        names=data.names[:2],
        action_names=action_names if labels else None,
        kind="threads",
        ax=below,
    )
    below.set_title("Corresponding moments of two recordings")
    if labels and below.get_legend():
        below.get_legend().remove()  # the colours are those above
figure.savefig(options.out, dpi=120)
print(f"\nfigure written to {options.out}")
