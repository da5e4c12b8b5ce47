"""Measure how far the estimated number of actions is from the labelled one.

``python -m benchmarks.n_actions`` takes SPAR in both orders and synthetic videos;
``--data FOLDER`` adds every labelled set that lies in the folder. Prints a table.
"""

from __future__ import annotations

import argparse
import warnings
from functools import partial

import numpy as np

from benchmarks.accuracy import find_sets
from benchmarks.arguments import count, folder
from skvas import ActionSegmenter
from skvas.datasets import make_videos

# Numbers whose score is at least this share of the best are as good.
NEAR = 0.98


def main():
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.n_actions", description=__doc__
    )
    parser.add_argument("--data", type=folder, help="folder of data sets")
    parser.add_argument("--seeds", type=count, default=3)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    print("| set | labelled | estimated | as good | off by a factor of |")
    print("| --- | --- | --- | --- | --- |")
    for kind, sets in (("real", find_sets(options.data)), ("synthetic", _synthetic())):
        factors = [_row(name, load(), options.seeds) for name, load in sets.items()]
        print(f"| all {kind} | | | | {np.exp(np.mean(np.log(factors))):.2f} |")


def _synthetic():
    """Return loaders by name; each action is a movement, which may have parts."""
    return {
        f"synthetic {n}, {'one order' if shared else 'any order'}": partial(
            make_videos, 10, n_actions=n, shared_order=shared, random_state=n
        )
        for n in (3, 6, 9, 12)
        for shared in (True, False)
    }


def _row(name, data, n_seeds):
    """Print the row of a set, and return by what factor its estimates are off."""
    models = [
        ActionSegmenter("auto", max_epochs=0, random_state=seed).fit(data.videos)
        for seed in range(n_seeds)
    ]
    numbers, scores = models[0].n_actions_scores_.values()
    near = numbers[scores >= NEAR * scores.max()]
    labelled = len(data.action_names)
    found = np.array([model.n_actions_ for model in models])
    factor = np.exp(np.mean(np.abs(np.log(found / labelled))))
    shown = " ".join(map(str, found))
    print(
        f"| {name} | {labelled} | {shown} | {near[0]} to {near[-1]} | {factor:.2f} |",
        flush=True,
    )
    return factor


if __name__ == "__main__":
    main()
