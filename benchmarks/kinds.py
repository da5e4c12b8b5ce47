"""Print the accuracy of many small collections, which a program makes."""

from __future__ import annotations

import logging
import warnings

import numpy as np

from benchmarks.accuracy_methods import METHODS
from skvas.metrics import miou

SHOWN = (
    "uniform cut",
    "k-means, PCA",
    "HMM, PCA",
    "k-means, whitened",
    "HMM, whitened",
    "ASOT",
    "joint, training-free",
    "joint",
)


def print_scores(kinds, collect, n_seeds):
    """Print a row of mIoU for each kind of collections, and one of all.

    Parameters
    ----------
    kinds : iterable of str
        The kinds.
    collect : callable
        Makes videos, labels and the number of actions of a kind and a seed.
    n_seeds : int
        Collections of each kind.
    """
    logging.getLogger("hmmlearn").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    print("| kind | " + " | ".join(SHOWN) + " |")
    print("| --- " * (len(SHOWN) + 1) + "|")
    every = []
    for kind in kinds:
        runs = [_scores(*collect(kind, seed), seed) for seed in range(n_seeds)]
        every += runs
        _print_row(kind, runs)
    _print_row("all", every)


def _scores(videos, labels, n_actions, seed):
    return [
        miou(labels, METHODS[name].run(videos, n_actions, seed).labels)
        for name in SHOWN
    ]


def _print_row(name, runs):
    cells = [f"{score:.3f}".lstrip("0") for score in np.mean(runs, axis=0)]
    print(f"| {name} | " + " | ".join(cells) + " |", flush=True)
