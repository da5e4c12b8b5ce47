"""Measure accuracy: data sets x methods x seeds.

``python -m benchmarks.accuracy --seeds 5`` runs SPAR in both orders; ``--data FOLDER``
adds every labelled set that lies in the folder, each in the layout that
`skvas.datasets.load_folder` reads. Figures are written after every run, and a run that
is already there is not made again.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import importlib.metadata
import json
import logging
import multiprocessing
import os
import pickle
import time
import warnings
from itertools import product
from pathlib import Path

import numpy as np
from sklearn.metrics import average_precision_score

import skvas
from benchmarks.accuracy_methods import METHODS
from benchmarks.accuracy_report import write
from benchmarks.arguments import count, folder, out_folder, pick
from benchmarks.jobs import add_options, run_all
from benchmarks.measure import machine, peak_memory
from skvas import ActionSegmenter, JointAlignSegment, VideoAligner
from skvas.datasets import load_folder, load_spar
from skvas.metrics import (
    kendall_tau,
    label_agreement,
    phase_classification,
    retrieval_precision,
    segmentation_report,
)

RIVALS = ("hmmlearn", "ruptures", "dtaidistance")
# Pairs of videos that are aligned, and frames of each, evenly spread.
N_PAIRS, ALIGNED_FRAMES = 60, 400
# Frames of a set that scores of embeddings look at, evenly spread.
EMBEDDED_FRAMES = 6000
# Sets in which one label says that nothing of interest goes on.
BACKGROUND = "background"


def main():
    options = _options()
    logging.getLogger("hmmlearn").setLevel(logging.ERROR)
    sets = pick(find_sets(options.data), options.sets, "set")
    stem = options.out / "accuracy"
    content = _earlier(stem.with_suffix(".json"), options.fresh)
    chosen = {name: load() for name, load in sets.items()}
    content["sets"] |= {name: _describe(data) for name, data in chosen.items()}
    # Every set once before any set twice: a run cut short is still a whole table.
    runs = product(range(options.seeds), chosen, options.methods or METHODS)
    tasks = [
        (_run_once, name, chosen[name], method, seed, options.pairs)
        for seed, name, method in runs
        if _key(name, method, seed) not in content["runs"]
        and (METHODS[method].seeded or not seed)
    ]
    for run in run_all(tasks, options):
        content["runs"][_key(run["set"], run["method"], run["seed"])] = run
        write(stem, content)
    if not options.no_costs and "one_against_two" not in content:
        content["one_against_two"] = one_against_two()
        write(stem, content)


def _options():
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.accuracy", description=__doc__
    )
    parser.add_argument("--data", type=folder, help="folder of data sets")
    parser.add_argument("--sets", nargs="+", metavar="SET", help="some of the sets")
    parser.add_argument("--methods", nargs="+", choices=METHODS, metavar="METHOD")
    parser.add_argument("--seeds", type=count, default=5)
    parser.add_argument("--pairs", type=count, default=N_PAIRS, help="pairs aligned")
    parser.add_argument("--fresh", action="store_true", help="drop earlier figures")
    parser.add_argument("--no-costs", action="store_true", help="scores alone")
    add_options(parser)
    here = Path(__file__).parent / "results"
    parser.add_argument("--out", type=out_folder, default=here)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    return options


def find_sets(folder):
    """Return loaders by name: SPAR, and the labelled sets of the folder."""
    sets = {
        "SPAR": load_spar,
        "SPAR, shuffled": lambda: load_spar("shuffled"),
    }
    folders = sorted(folder.iterdir()) if folder is not None else []
    for path in folders:
        labelled = (path / "groundTruth").is_dir()
        # A lone video has no other to be compared with.
        if labelled and len(list(path.glob("features/*"))) > 1:
            sets[path.name] = lambda path=path: load_folder(path)
    return sets


def _describe(data):
    lengths = [len(video) for video in data.videos]
    return (
        f"{len(lengths)} videos of {min(lengths)} to {max(lengths)} frames, "
        f"{data.videos[0].shape[1]} features, {len(data.action_names)} actions."
    )


def _earlier(file, fresh):
    """Return earlier figures where the same sources made them, else none."""
    load = round(os.getloadavg()[0], 1)
    about = machine() | {"sources": _digest(), "load": load}
    for package in RIVALS:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            about["versions"][package] = importlib.metadata.version(package)
    if fresh or not file.exists():
        return {"about": about, "sets": {}, "runs": {}}
    content = json.loads(file.read_text(encoding="utf-8"))
    if content["about"]["sources"] != about["sources"]:
        raise SystemExit(
            f"{str(file)!r} was made by other sources of skvas; name another folder by "
            "--out, or drop its figures by --fresh."
        )
    return content


def _digest():
    """Return a short hash of the sources of skvas."""
    found = hashlib.sha256()
    for file in sorted(Path(skvas.__file__).parent.rglob("*.py")):
        found.update(file.read_bytes())
    return found.hexdigest()[:12]


def _key(name, method, seed):
    return f"{name} | {method} | {seed}"


def _run_once(name, data, method, seed, n_pairs):
    run = {"set": name, "method": method, "seed": seed}
    started = time.perf_counter()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            run |= _measure(data, METHODS[method], seed, n_pairs)
    except Exception as error:  # one failure is a figure too, and must not stop a night
        run["error"] = f"{type(error).__name__}: {error}"
    took = time.perf_counter() - started
    told = run.get("error", "done")
    print(f"{_key(name, method, seed)}: {told}, {took:.1f} s", flush=True)
    return run


def _measure(data, method, seed, n_pairs):
    n_actions = len(data.action_names)
    started = time.perf_counter()
    found = method.run(data.videos, n_actions, seed)
    scores = {"seconds": time.perf_counter() - started}
    if found.labels is not None:
        scores["segmentation"] = _segmentation(data.labels, found.labels)
    if found.embed is not None:
        scores["embedding"] = _embedding(found.embed(data.videos), data.labels, seed)
    if found.match is not None:
        scores["alignment"] = _alignment(found.match, data, n_pairs)
    if found.background is not None and BACKGROUND in data.action_names:
        scores["background"] = _background(found.background, data, n_pairs)
    return scores


def _segmentation(true, labels):
    report = segmentation_report(true, labels, random_state=0)
    return {
        "MoF": report.mof,
        "F1": report.f1,
        "mIoU": report.miou,
        "edit": report.edit,
        "F1@10": report.f1_10,
        "F1@25": report.f1_25,
        "F1@50": report.f1_50,
    }


def _embedding(embeddings, labels, seed):
    n_frames = max(20, EMBEDDED_FRAMES // len(labels))
    x = [_thin(np.asarray(video), n_frames) for video in embeddings]
    y = [_thin(video, n_frames) for video in labels]
    order = np.random.RandomState(seed).permutation(len(x))
    train, test = order[: -(len(x) // 2)], order[-(len(x) // 2) :]
    phases = phase_classification(
        [x[i] for i in train],
        [y[i] for i in train],
        [x[i] for i in test],
        [y[i] for i in test],
    )
    precision = retrieval_precision(x, y)
    return {
        "Kendall's tau": kendall_tau(x),
        "phase, held out": phases.held_out,
        "phase, same videos": phases.same_videos,
        **{f"AP@{k}": value for k, value in precision.items()},
    }


def _alignment(ways, data, n_pairs):
    """Score each way of matching on the same pairs, in both directions."""
    scores = {}
    for way, match in ways.items():
        found = []
        for (x, labels_x), (y, labels_y) in _pairs(data, n_pairs):
            forth, back = match(x, y)
            found.append(label_agreement(forth, labels_x, labels_y))
            found.append(label_agreement(back, labels_y, labels_x))
        scores[way] = {
            "agreement": float(np.nanmean([f.agreement for f in found])),
            "agreement of all": float(np.mean([f.agreement_of_all for f in found])),
            "matched": float(np.mean([f.matched for f in found])),
        }
    return scores


def _background(probabilities, data, n_pairs):
    code = data.action_names.index(BACKGROUND)
    true, found = [], []
    for (x, labels_x), (y, labels_y) in _pairs(data, n_pairs):
        found += probabilities(x, y)
        true += [labels_x == code, labels_y == code]
    truth, chance = np.concatenate(true), np.concatenate(found)
    hits = float((truth & (chance > 0.5)).sum())
    return {
        "precision": hits / max((chance > 0.5).sum(), 1),
        "recall": hits / max(truth.sum(), 1),
        "average precision": float(average_precision_score(truth, chance)),
        "share": float(truth.mean()),
    }


def _pairs(data, n_pairs):
    """Yield pairs of videos with their labels, the same for every method."""
    rng = np.random.RandomState(0)
    for _ in range(n_pairs):
        i, j = rng.choice(len(data.videos), 2, replace=False)
        yield tuple(
            (
                _thin(data.videos[n], ALIGNED_FRAMES),
                _thin(data.labels[n], ALIGNED_FRAMES),
            )
            for n in (i, j)
        )


def _thin(video, n_frames):
    """Keep at most so many frames, evenly spread."""
    if len(video) <= n_frames:
        return video
    return video[np.linspace(0, len(video) - 1, n_frames).round().astype(int)]


def one_against_two():
    """Measure one joint model against one model a task, each in its own process."""
    rows = []
    for recipe in ("informed", "paper"):
        parts = {}
        for kind in ("joint", "segmenter", "aligner"):
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                parts[kind] = pool.apply(_costs, (kind, recipe))
        two = {k: v + parts["aligner"][k] for k, v in parts["segmenter"].items()}
        peaks = [parts[kind]["peak, MB"] for kind in ("segmenter", "aligner")]
        two["peak, MB"] = max(peaks)  # one after the other
        for name, costs in (("one joint", parts["joint"]), ("two single", two)):
            rows.append({"recipe": recipe, "models": name, **costs})
    what = (
        "Defaults on SPAR, seed 0. Parameters that are trained, bytes of the pickled "
        "estimators without their labels, seconds of the second fit of a process, and "
        "by how much the first raises its peak: of two models the larger."
    )
    return {"what": what, "rows": rows}


def _costs(kind, recipe):
    videos = load_spar().videos
    model = _single(kind, recipe)
    # The first fit of the process: memory that an earlier one left would hide it.
    peak = peak_memory(lambda: _single(kind, recipe).fit(videos))
    started = time.perf_counter()
    model.fit(videos)
    seconds = time.perf_counter() - started
    n_parameters = sum(p.numel() for p in model.encoder_.parameters())
    n_parameters += getattr(model, "prototypes_", np.empty(0)).size
    vars(model).pop("labels_", None)
    return {
        "parameters": int(n_parameters),
        "stored, kB": len(pickle.dumps(model)) / 1e3,
        "fit, s": seconds,
        "peak, MB": peak / 1e6,
    }


def _single(kind, recipe):
    if kind == "aligner":
        return VideoAligner(recipe=recipe, random_state=0)
    made = ActionSegmenter if kind == "segmenter" else JointAlignSegment
    return made(7, recipe=recipe, random_state=0)


if __name__ == "__main__":
    main()
