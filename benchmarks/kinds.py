"""Print the accuracy of many small collections, which a program makes."""

from __future__ import annotations

import argparse
import logging
import warnings

import numpy as np

from benchmarks.accuracy_methods import METHODS
from benchmarks.arguments import count, pick
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


def print_scores(name, about, kinds, prepare):
    """Read the arguments, and print a row of mIoU for each kind and one of all.

    Parameters
    ----------
    name, about : str
        Of the benchmark.
    kinds : sequence of str
        The kinds of collections.
    prepare : callable
        Returns what makes videos, labels and the number of actions of a kind and a
        seed. Raises ImportError where something is not installed.
    """
    parser = argparse.ArgumentParser(
        prog=f"python -m benchmarks.{name}", description=about
    )
    parser.add_argument("--sets", nargs="+", metavar="KIND", help="some of the kinds")
    parser.add_argument("--seeds", type=count, default=8, help="collections of a kind")
    options = parser.parse_args()
    chosen = pick(dict.fromkeys(kinds), options.sets, "kind")
    logging.getLogger("hmmlearn").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    try:
        collect = prepare()
    except ImportError as error:
        parser.error(str(error))
    print("| kind | " + " | ".join(SHOWN) + " |")
    print("| --- " * (len(SHOWN) + 1) + "|")
    every = []
    for kind in chosen:
        runs = [_scores(*collect(kind, s), s) for s in range(options.seeds)]
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
