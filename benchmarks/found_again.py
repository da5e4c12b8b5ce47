"""Measure whether as many frames are right as are found again.

``python -m benchmarks.found_again --seeds 5`` takes SPAR and the sets of
`benchmarks.unordered`. ``--data FOLDER`` adds mocap6, breakfast_coffee5, rat_dlc, and
utkinect and tug_sensors, also "mixed" with their actions in any order, where they lie
in the folder. Prints means of each set, and of all fits that find about as much again.
"""

from __future__ import annotations

import argparse
import warnings
from functools import partial

import numpy as np

from benchmarks.arguments import count, folder, pick
from benchmarks.protocols import calibration_error
from benchmarks.unordered import find_sets
from skvas import JointAlignSegment
from skvas.datasets import load_folder, load_spar
from skvas.metrics import match_labels

# Sets whose actions are also brought into any order, and videos of sets in order.
MIXED, N_DRAWN = ("utkinect", "tug_sensors"), 10
N_BINS = 10
COLUMNS = ("right", "found again", "error without doubt", "error")


def main():
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.found_again", description=__doc__
    )
    parser.add_argument("--data", type=folder, help="folder of data sets")
    parser.add_argument("--sets", nargs="+", metavar="SET", help="some of the sets")
    parser.add_argument("--seeds", type=count, default=5)
    parser.add_argument("--train", action="store_true", help="not training-free")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    loaders = find_sets(options.data)
    loaders["SPAR"] = partial(_draw, load_spar)
    for name in MIXED:
        if options.data is not None and (options.data / name).is_dir():
            load = partial(load_folder, options.data / name)
            loaders[name] = partial(_draw, load)
            loaders[f"{name}, mixed"] = partial(_draw, load, mixed=True)
    epochs = {} if options.train else {"max_epochs": 0}
    print("| set | fits | " + " | ".join(COLUMNS) + " |")
    print("| --- " * (len(COLUMNS) + 2) + "|")
    every = []
    for name, load in pick(loaders, options.sets, "set").items():
        runs = [_measure(*load(seed), seed, epochs) for seed in range(options.seeds)]
        every += runs
        _print_row(name, runs)
    _print_row("all", every)
    print("\n| found again | fits | right |\n| --- | --- | --- |")
    tenths = np.minimum(10 * np.array([run[1] for run in every]), 9).astype(int)
    for tenth in np.unique(tenths):
        right = [every[i][0] for i in np.flatnonzero(tenths == tenth)]
        low, high = tenth / 10, (tenth + 1) / 10
        print(f"| {low} to {high} | {len(right)} | {np.mean(right):.2f} |")


def _measure(videos, labels, n_actions, seed, epochs):
    """Return what the columns are of."""
    model = JointAlignSegment(n_actions, random_state=seed, **epochs).fit(videos)
    found = [np.asarray(codes) for codes in model.labels_]
    names = match_labels(labels, found)
    named = np.array([names.get(k, -1) for k in range(n_actions)])
    right = named[np.concatenate(found)] == np.concatenate(labels)
    told = calibration_error(_certainty(model, videos, found), right, N_BINS)
    model.doubt_ = 0.0
    raw = calibration_error(_certainty(model, videos, found), right, N_BINS)
    return right.mean(), model.found_again_, raw, told


def _certainty(model, videos, found):
    shares = np.concatenate(model.predict_proba(videos))
    return shares[np.arange(len(shares)), np.concatenate(found)]


def _draw(load, seed, *, mixed=False):
    """Draw videos; `mixed` brings the segments of each into any order."""
    data, rng = load(), np.random.RandomState(seed)
    videos, labels = [], []
    for i in rng.permutation(len(data.videos))[:N_DRAWN]:
        cuts = np.flatnonzero(data.labels[i][1:] != data.labels[i][:-1]) + 1
        order = np.arange(len(cuts) + 1)
        order = rng.permutation(order) if mixed else order
        for parts, whole in ((videos, data.videos[i]), (labels, data.labels[i])):
            pieces = np.split(whole, cuts)
            parts.append(np.concatenate([pieces[k] for k in order]))
    return videos, labels, len(data.action_names)


def _print_row(name, runs):
    cells = [f"{value:.3f}".lstrip("0") for value in np.mean(runs, axis=0)]
    print(f"| {name} | {len(runs)} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
