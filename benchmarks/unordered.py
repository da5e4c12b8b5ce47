"""Measure segmentation where no order is shared: plans, the chain, and rivals.

``python -m benchmarks.unordered --seeds 3`` runs SPAR in shuffled order and synthetic
kinds; ``--data FOLDER`` adds mocap6, breakfast_coffee5 and rat_dlc, where they lie in
the folder. Seed 0 takes all videos, further ones 80 % of them (rat_dlc 10 videos).
"""

from __future__ import annotations

import argparse
import logging
import warnings
from functools import partial

import numpy as np

from benchmarks.accuracy_methods import METHODS
from benchmarks.arguments import count, folder, pick
from skvas import JointAlignSegment, Segmenting
from skvas.datasets import load_folder, load_spar, make_videos
from skvas.metrics import segmentation_report

REAL = ("mocap6", "breakfast_coffee5", "rat_dlc")
RIVALS = ("k-means, PCA", "HMM, PCA", "k-means, whitened", "HMM, whitened")
DRAWN = {"rat_dlc": 10}
KINDS = {
    "8 actions": dict(n_videos=12, n_actions=8, noise=0.6, random_state=4),
    "6 actions": dict(n_videos=8, n_actions=6, random_state=0),
    "repeated": dict(n_videos=12, n_actions=6, noise=0.8, repeat=0.3, random_state=3),
    "noisy": dict(n_videos=12, n_actions=4, noise=1, repeat=0.5, random_state=5),
    "lacking": dict(
        n_videos=10,
        n_actions=7,
        noise=1.5,
        repeat=0.4,
        drop=0.3,
        warp=0.8,
        random_state=6,
    ),
}
BEHAVIOURS = {
    "behaviours 3": dict(n_videos=10, n_actions=3, n_features=15, random_state=0),
    "behaviours 5": dict(
        n_videos=10,
        n_actions=5,
        n_features=20,
        noise=1.2,
        duration=20,
        random_state=20,
    ),
    "behaviours 6": dict(
        n_videos=6,
        n_actions=6,
        n_features=12,
        noise=0.7,
        n_noise=3,
        duration=50,
        random_state=40,
    ),
}


def make_behaviours(
    n_videos,
    n_actions,
    n_features,
    *,
    noise=1.0,
    n_noise=6,
    duration=30,
    random_state=0,
):
    """Make videos of behaviours that recur: unequal shares, durations and scatter.

    The last `n_noise` features tell nothing before all features are mixed; noise is
    correlated in time, and each video has an offset.
    """
    rng = np.random.RandomState(random_state)
    n_told = n_features - n_noise
    centres = rng.standard_normal((n_actions, n_told))
    scatter = np.exp(0.5 * rng.standard_normal((n_actions, n_told)))
    shares = rng.dirichlet(np.full(n_actions, 3.0))
    means = duration * np.exp(0.5 * rng.standard_normal(n_actions))
    mix = 0.2 * rng.standard_normal((n_features, n_features)) + np.eye(n_features)
    videos, labels = [], []
    for _ in range(n_videos):
        n_frames, states = rng.randint(500, 900), []
        while len(states) < n_frames:
            chances = shares.copy()
            chances[states[-1:]] = 0
            state = rng.choice(n_actions, p=chances / chances.sum())
            states += [state] * max(3, int(rng.gamma(2, means[state] / 2)))
        y = np.array(states[:n_frames])
        x = rng.standard_normal((n_frames, n_features))
        for t in range(1, n_frames):
            x[t] = 0.7 * x[t - 1] + np.sqrt(1 - 0.7**2) * x[t]
        x *= noise
        x[:, :n_told] *= scatter[y]
        x[:, :n_told] += centres[y] + 0.5 * rng.standard_normal(n_told)
        videos.append((x @ mix).astype(np.float32))
        labels.append(y)
    return videos, labels, n_actions


def main():
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.unordered", description=__doc__
    )
    parser.add_argument("--data", type=folder, help="folder of data sets")
    parser.add_argument("--sets", nargs="+", metavar="SET", help="some of the sets")
    parser.add_argument("--seeds", type=count, default=3)
    parser.add_argument("--train", action="store_true", help="not training-free")
    options = parser.parse_args()
    logging.getLogger("hmmlearn").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    loaders = pick(find_sets(options.data), options.sets, "set")
    epochs = {} if options.train else {"max_epochs": 0}
    print("| set | plan | chosen | " + " | ".join(RIVALS) + " | chains |")
    print("| --- " * (len(RIVALS) + 4) + "|")
    for name in loaders:
        runs = [
            _scores(*loaders[name](seed), seed, epochs) for seed in range(options.seeds)
        ]
        cells = [f"{score:.3f}".lstrip("0") for score in np.mean(runs, axis=0)[:-1]]
        chains = int(np.sum(runs, axis=0)[-1])
        print(f"| {name} | " + " | ".join(cells) + f" | {chains} of {len(runs)} |")


def find_sets(folder):
    """Return loaders by name, from a seed to videos, labels and number of actions."""
    found = {"SPAR, shuffled": partial(_draw, lambda: load_spar("shuffled"), None)}
    for name in REAL:
        if folder is not None and (folder / name).is_dir():
            load = partial(load_folder, folder / name)
            found[name] = partial(_draw, load, DRAWN.get(name))
    for name, kind in KINDS.items():
        found[name] = partial(_make, kind)
    for name, kind in BEHAVIOURS.items():
        found[name] = partial(_behave, kind)
    return found


def _draw(load, n_drawn, seed):
    data = load()
    n = len(data.videos)
    where = np.arange(n)
    if seed > 0:
        size = min(n, n_drawn or max(4, round(0.8 * n)))
        drawn = np.random.RandomState(seed).choice(n, size, replace=False)
        where = np.sort(drawn)
    videos, labels = ([part[i] for i in where] for part in (data.videos, data.labels))
    return videos, labels, len(data.action_names)


def _make(kind, seed):
    start = kind["random_state"] + 10 * seed
    data = make_videos(**kind | {"random_state": start}, shared_order=False)
    return data.videos, data.labels, kind["n_actions"]


def _behave(kind, seed):
    return make_behaviours(**kind | {"random_state": kind["random_state"] + seed})


def _scores(videos, labels, n_actions, seed, epochs):
    """Return mIoU by plans, as chosen and of rivals; and whether a chain was chosen."""
    fits = [
        JointAlignSegment(
            n_actions,
            random_state=seed,
            segmenting=Segmenting(decoder=decoder),
            **epochs,
        ).fit(videos)
        for decoder in ("plan", "auto")
    ]
    found = [list(model.labels_) for model in fits]
    found += [METHODS[name].run(videos, n_actions, seed).labels for name in RIVALS]
    scores = [segmentation_report(labels, f, random_state=0).miou for f in found]
    return [*scores, float(fits[1].chain_ is not None)]


if __name__ == "__main__":
    main()
