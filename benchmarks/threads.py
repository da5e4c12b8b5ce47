"""Grid search in two processes, and work beside busy cores, with torch's own threads.

Run it without OMP_NUM_THREADS: ``python -m benchmarks.threads``. Best of three each.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from contextlib import contextmanager

import torch
from sklearn.model_selection import GridSearchCV

from skvas import JointAlignSegment
from skvas.datasets import make_videos


def best(call, repeats=3):
    """Return the seconds of the quickest of several calls; the first is not counted."""
    times = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times[1:])


@contextmanager
def busy_cores():
    """Keep every core busy with another process."""
    spin = [sys.executable, "-c", "while True: pass"]
    others = [subprocess.Popen(spin) for _ in range(os.cpu_count() or 1)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def main():
    argparse.ArgumentParser(
        prog="python -m benchmarks.threads", description=__doc__
    ).parse_args()
    videos = make_videos(6, n_frames=(600, 600), random_state=0).videos
    estimator = JointAlignSegment(5, max_epochs=3, device="cpu", random_state=0)
    grid = {"segmenting__alpha": [0.2, 0.3, 0.4]}

    def search(n_jobs):
        GridSearchCV(estimator, grid, cv=2, n_jobs=n_jobs, refit=False).fit(videos)

    print(f"{os.cpu_count()} cores, {torch.get_num_threads()} threads of torch")
    print(f"load before: {os.getloadavg()[0]:.1f}\n")
    serial, parallel = best(lambda: search(1)), best(lambda: search(2))
    print("| what | seconds | ratio |\n| --- | --- | --- |")
    print(f"| grid search, n_jobs=1 | {serial:.2f} | 1 |")
    print(f"| grid search, n_jobs=2 | {parallel:.2f} | {parallel / serial:.2f} |")

    def fit():
        estimator.fit(videos)

    def predict():
        estimator.predict(videos)

    for name, call in {"fit": fit, "predict": predict}.items():
        alone = best(call)
        with busy_cores():
            beside = best(call)
        print(f"| {name} alone | {alone:.2f} | 1 |")
        print(f"| {name} beside busy cores | {beside:.2f} | {beside / alone:.2f} |")


if __name__ == "__main__":
    main()
