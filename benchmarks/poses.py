"""Measure what is made of poses: raw coordinates against `PoseFeatures`.

``python -m benchmarks.poses --data FOLDER --seeds 3`` fits the joint model to the sets
of poses in the folder, utkinect and ski_jump, and writes ``results/poses.md``. The
defaults of `PoseFeatures` were chosen on utkinect; ski_jump was looked at afterwards.

Half of the recordings are then learned from, and the others streamed: those of the
sets, and made-up ones of bodies that wander through the picture.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter1d
from sklearn.pipeline import make_pipeline

from benchmarks.accuracy import N_PAIRS, _pairs, find_sets
from benchmarks.accuracy_report import _replace
from benchmarks.arguments import count, folder, out_folder, pick
from benchmarks.live import halves, score, streamed
from benchmarks.measure import machine
from benchmarks.report import table
from skvas import JointAlignSegment, Recordings, Training
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
    lines += ["## MoF of the other half, whole and live", ""]
    made = {"made up, in one order": wandering, "made up, in any": in_any_order}
    rows = []
    for name in [*options.sets, *made]:
        layout, _ = SETS.get(name, ("xy", None))
        found_by = {}
        for seed in range(options.seeds):
            data = made[name](seed) if name in made else found[name]()
            for kind, mofs in live(data, layout, seed).items():
                found_by.setdefault(kind, []).append(mofs)
        for kind, scores in found_by.items():
            whole, streamed_at_once = np.mean(scores, axis=0)
            row = {"whole": f"{whole:.3f}", "live": f"{streamed_at_once:.3f}"}
            rows.append({"set": name, "features": kind} | row)
            print(*rows[-1].values(), sep=" | ", flush=True)
    lines += [*table(rows), ""]
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


def live(data, layout, seed):
    """Return the MoF of the other half, whole and live, by what models learn from."""
    learn, rest = halves(len(data.videos), seed)
    videos, new = [[data.videos[i] for i in some] for some in (learn, rest)]
    true = [data.labels[i] for i in rest]
    n_actions = len(np.unique(np.concatenate(data.labels)))
    causal = make_pipeline(PoseFeatures(layout, causal=True), "auto")
    ways = {
        "raw coordinates": {},
        "PoseFeatures": {"features": make_pipeline(PoseFeatures(layout), "auto")},
        "raw coordinates, trained for live use": {"training": Training(live=True)},
        "PoseFeatures(causal=True), trained for live use": {
            "training": Training(live=True),
            "features": causal,
        },
    }
    row = {}
    for name, options in ways.items():
        model = JointAlignSegment(n_actions, random_state=seed, **options).fit(videos)
        found = model.predict(new), streamed(model, new, 0)
        row[name] = [score(true, [*labels])["MoF"] for labels in found]
    return row


def wandering(seed, order=np.arange):
    """Make poses of 12 points that take six stances, in a picture that they cross."""
    rng = np.random.default_rng(seed)
    stances = rng.normal(size=(1, 12, 2)) + 0.6 * rng.normal(size=(6, 12, 2))
    videos, labels = [], []
    for _ in range(16):
        true = np.repeat(order(6), rng.integers(25, 60, 6))
        body = stances[true] + rng.normal(0, 0.15, (12, 2))
        body = gaussian_filter1d(body, 3, axis=0)
        body = body + rng.normal(0, 0.08, body.shape)
        way = np.cumsum(rng.normal(0, 0.3, (len(true), 1, 2)), axis=0)
        video = rng.uniform(50, 150) * (body + way + rng.normal(0, 5, 2))
        videos.append(video.reshape(len(true), -1))
        labels.append(true)
    return Recordings(videos, labels=labels)


def in_any_order(seed):
    """Make such poses whose stances come in another order in each recording."""
    return wandering(seed, np.random.default_rng(100 + seed).permutation)


if __name__ == "__main__":
    main()
