"""Measure what is made of poses: raw coordinates against `PoseFeatures`.

``python -m benchmarks.poses --data FOLDER --seeds 3`` fits the joint model to the sets
of poses in the folder, utkinect and ski_jump, and writes ``results/poses.md``. The
defaults of `PoseFeatures` were chosen on utkinect; ski_jump was looked at afterwards.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

import numpy as np

from benchmarks.accuracy import N_PAIRS, _pairs, find_sets
from benchmarks.accuracy_report import _replace
from benchmarks.arguments import count, folder, out_folder, pick
from benchmarks.measure import machine
from benchmarks.report import table
from skvas import JointAlignSegment
from skvas.metrics import label_agreement, segmentation_report
from skvas.preprocessing import PoseFeatures

# Numbers of a point, and both hips where they are known.
SETS = {"utkinect": ("xyz", (12, 16)), "ski_jump": ("xy", None)}
SCORES = ("MoF", "F1", "mIoU", "aligned frames agree")


def main():
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.poses", description=__doc__
    )
    parser.add_argument("--data", type=folder, required=True, help="with data sets")
    parser.add_argument("--sets", nargs="+", choices=SETS, default=[*SETS])
    parser.add_argument("--seeds", type=count, default=3)
    here = Path(__file__).parent / "results"
    parser.add_argument("--out", type=out_folder, default=here)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    warnings.simplefilter("ignore")
    about = machine()
    lines = [
        "# Poses",
        "",
        f"{about['cpu']}, {about['cores']} cores, Python {about['python']}; joint "
        f"model with its defaults, float32, mean of {options.seeds} seeds. "
        "`python -m benchmarks.poses --data FOLDER`.",
        "",
    ]
    found = pick(find_sets(options.data), options.sets, "set")
    for name in options.sets:
        data = found[name]()
        rows = []
        for kind, features in kinds(*SETS[name]).items():
            scores = [run(data, features, seed) for seed in range(options.seeds)]
            means = [f"{mean:.3f}" for mean in np.mean(scores, axis=0)]
            rows.append({"features": kind, **dict(zip(SCORES, means, strict=True))})
            print(name, *rows[-1].values(), sep=" | ", flush=True)
        lines += [f"## {name}", "", *table(rows), ""]
    _replace(options.out / "poses.md", "\n".join(lines))


def kinds(layout, hips):
    """Return transformers of poses by what they do; None leaves coordinates raw."""
    found = {
        "raw coordinates": None,
        "centred and scaled": PoseFeatures(layout, velocity=False),
        "with velocities over 5 frames": PoseFeatures(layout, velocity_span=5),
        "with velocities over 9 frames (default)": PoseFeatures(layout),
    }
    if hips is not None:
        turned = PoseFeatures(layout, turn=hips, velocity_span=5)
        found["turned, with velocities over 5 frames"] = turned
    return found


def run(data, features, seed):
    """Return the scores of one fit."""
    videos = data.videos if features is None else features.fit_transform(data.videos)
    n_actions = len(np.unique(np.concatenate(data.labels)))
    model = JointAlignSegment(n_actions, random_state=seed).fit(videos)
    report = segmentation_report(data.labels, model.labels_, random_state=0)
    seen = type(data)(videos, data.names, labels=data.labels)
    agreement = [
        label_agreement(model.align(x, y).matches_x, labels_x, labels_y)
        for (x, labels_x), (y, labels_y) in _pairs(seen, N_PAIRS)
    ]
    agree = float(np.mean([found.agreement_of_all for found in agreement]))
    return report.mof, report.f1, report.miou, agree


if __name__ == "__main__":
    main()
