"""What users wait for: training, decoding, long alignments, the import.

Each function returns rows, as in `benchmarks.cases`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import warnings
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from sklearn.base import clone

from benchmarks import problems
from benchmarks.measure import best_of, clock, peak_memory, say, threads
from benchmarks.profiling import shares_of_training
from skvas import ActionSegmenter, Aligning, JointAlignSegment, Training, VideoAligner
from skvas.datasets import load_spar, make_videos

PAPER = {"recipe": "paper", "random_state": 0}


def draw_videos(n_videos, shortest, longest, seed=0):
    """Draw videos of lengths that lie evenly in a range, in shuffled order."""
    lengths = np.linspace(shortest, longest, n_videos).astype(int)
    np.random.default_rng(seed).shuffle(lengths)
    return [
        problems.embeddings(int(n), seed=seed + index)[0].numpy()
        for index, n in enumerate(lengths)
    ]


def training(quick, n_threads):
    """Train by the paper's recipe on 256 frames a video; tell where the time goes."""
    videos = draw_videos(16 if quick else 64, 300, 600)
    options = {"max_epochs": 3, "training": Training(batch_size=8), **PAPER}
    rows = []
    for count in (1, 2):
        with threads(count), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            row = {"threads": count}
            for name, model in (
                ("segment", ActionSegmenter(10, **options)),
                ("align", VideoAligner(**options)),
                ("joint", JointAlignSegment(10, **options)),
            ):
                row[f"{name}: pairs a second"] = len(videos) / _epoch(model, videos)
            shares = shares_of_training(JointAlignSegment(10, **options), videos)
            row |= {f"joint: {part}": share for part, share in shares.items()}
            rows.append(row)
            say(row)
    return rows


def checkpoints(quick, n_threads):
    """Time what checkpoints add to epochs."""
    videos = draw_videos(8 if quick else 32, 1000, 3000)
    estimators = (ActionSegmenter, VideoAligner, JointAlignSegment)
    rows = []
    for cls in estimators:
        with TemporaryDirectory() as folder:
            ends, path = [], Path(folder, "run")
            model = cls(
                max_epochs=21,
                random_state=0,
                training=Training(
                    checkpoint=path,
                    callback=lambda record, ends=ends: ends.append(time.perf_counter()),
                ),
            ).fit(videos)
            whole, epochs = np.diff(ends), model.history_["seconds"][1:]
            row = {
                "estimator": cls.__name__,
                "epoch: ms": float(1e3 * epochs.mean()),
                "checkpoint: ms": float(1e3 * (whole - epochs).mean()),
                "share in %": float(100 * (whole - epochs).sum() / whole.sum()),
                "file: kB": path.stat().st_size / 1e3,
            }
        rows.append(row)
        say(row)
    return rows


def fits(quick, n_threads):
    """Fit with all defaults but K: 8 of made recordings, 7 of SPAR."""
    options = {"n_frames": (600, 600), "n_features": 32, "random_state": 0}
    made = make_videos(6 if quick else 30, n_actions=8, **options).videos
    recordings = {f"{len(made)} x 600 x 32": (made, 8)}
    if not quick:
        recordings["SPAR"] = (load_spar().videos, 7)
    rows = []
    for (name, (videos, k)), count in product(recordings.items(), (1, 2)):
        row = {"recordings": name, "threads": count}
        models = {
            "JointAlignSegment": JointAlignSegment(k, random_state=0),
            "training-free": JointAlignSegment(k, random_state=0, max_epochs=0),
            "ActionSegmenter": ActionSegmenter(k, random_state=0),
            "VideoAligner": VideoAligner(random_state=0),
        }
        with threads(count), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for which, model in models.items():
                row[which] = best_of(lambda: model.fit(videos))  # noqa: B023
        rows.append(row)
        say(row)
    return rows


def _epoch(model, videos):
    """Fit, and return the time of the shortest epoch but the first."""
    times = []
    model.set_params(training__callback=lambda record: times.append(clock())).fit(
        videos
    )
    return min(np.diff(times))


def draw_path(n_frames, pace):
    """Draw a video of one activity, run through at a pace of its own."""
    return problems.embeddings(n_frames, seed=n_frames, pace=pace)[0].numpy()


def predict(quick, n_threads):
    """Segment many videos, in batches by length and one by one."""
    n_videos = 16 if quick else 64
    rows = []
    for shortest, longest in ((50, 150), (300, 600), (2000, 4000)):
        videos = draw_videos(n_videos, shortest, longest)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = ActionSegmenter(10, max_epochs=1, **PAPER).fit(videos[:8])
            at_once = best_of(lambda: model.predict(videos))  # noqa: B023
            one_by_one = best_of(lambda: [model.predict(v) for v in videos])  # noqa: B023
        rows.append(
            {
                "frames": f"{shortest} to {longest}",
                "videos": n_videos,
                "videos a second": n_videos / at_once,
                "frames a second": sum(map(len, videos)) / at_once,
                "one by one: videos a second": n_videos / one_by_one,
            }
        )
        say(rows[-1])
    return rows


def long_alignments(quick, n_threads):
    """Align two videos coarse to fine, in fresh processes; hold it against in full."""
    # Limits that force the coarse form at the sizes where both fit.
    sizes = [(2000, 1800, "20MB")]
    if not quick:
        sizes += [(6000, 5400, "200MB"), (20_000, 18_000, "2GB")]
    rows = []
    for n, m, limit in sizes:
        rows.append(_apart(n, m, limit, n_threads))
        say(rows[-1])
    return rows


def _apart(n, m, limit, n_threads):
    command = [sys.executable, "-m", "benchmarks.whole", str(n), str(m), limit]
    command.append(str(n_threads))
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def _align_both(n, m, limit):
    """Align coarse to fine; and in full where that needs less than 2 GB."""
    model = VideoAligner(
        max_epochs=1, matching="monotone", **PAPER, aligning=Aligning(rho=0.35)
    )
    x, y = (draw_path(size, pace) for size, pace in ((n, 1.0), (m, 1.3)))
    short = draw_path(300, 1.1), draw_path(400, 0.9)
    limited = clone(model).set_params(aligning__memory_limit=limit).fit(short)
    whole = clone(model).set_params(aligning__memory_limit=None).fit(short)
    tight = clone(model).set_params(aligning__memory_limit=1).fit(short)
    tight.align(*short)  # loads what is needed
    radius = limited.settings_.aligning["radius"]
    row = {"N": n, "M": m, "memory_limit": limit}
    for matching in ("monotone", "plan"):
        limited.matching_ = whole.matching_ = matching
        coarse = {}
        start = clock()
        memory = peak_memory(lambda: coarse.update(found=limited.align(x, y)))  # noqa: B023
        row[f"{matching}: seconds"] = clock() - start
        row[f"{matching}: MB"] = memory / 1e6
        if n * m * 32 > 2e9:
            continue
        start = clock()
        full = whole.align(x, y)
        row[f"{matching}: in full, seconds"] = clock() - start
        row[f"{matching}: agreement"] = _agreement(
            coarse["found"].matches_x, full.matches_x, radius * m
        )
    return row


def _agreement(found, expected, reach):
    """Return the share of frames matched alike to within `reach`, or both unmatched."""
    both = (found >= 0) & (expected >= 0)
    near = np.abs(found - expected) <= reach
    return float(np.where(both, near, (found < 0) == (expected < 0)).mean())


IMPORT = """
import time, torch, sklearn
start = time.process_time()
import sklearn.cluster, sklearn.discriminant_analysis, sklearn.manifold
import sklearn.metrics, sklearn.pipeline, sklearn.preprocessing, sklearn.svm
middle = time.process_time()
from skvas import JointAlignSegment
print(middle - start, time.process_time() - middle)
"""
# Seconds of the first default fit of a process, and of the second.
FITS = """
import time
from skvas import JointAlignSegment
from skvas.datasets import load_spar
videos = load_spar().videos
for _ in range(2):
    start = time.perf_counter()
    JointAlignSegment(7, random_state=0).fit(videos)
    print(time.perf_counter() - start)
"""


def imports(quick, n_threads):
    """Import an estimator after torch and scikit-learn, and fit twice, each anew."""
    parts, own = _fastest_of_processes(IMPORT, 2 if quick else 7)
    first, second = _fastest_of_processes(FITS, 1 if quick else 3)
    row = {
        "scikit-learn's modules that it uses": parts,
        "skvas itself": own,
        "first fit of SPAR": first,
        "second fit": second,
    }
    say(row)
    return [row]


def _fastest_of_processes(script, n_processes):
    """Run a script in fresh processes; return the least of the numbers it prints."""
    # As installed packages are: with their bytecode.
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    times = []
    for _ in range(n_processes):
        done = subprocess.run(
            [sys.executable, "-c", script],
            env=environment,
            check=True,
            capture_output=True,
            text=True,
        )
        times.append([float(each) for each in done.stdout.split()])
    return np.min(times, axis=0).tolist()


if __name__ == "__main__":
    torch.set_num_threads(int(sys.argv[4]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        print(json.dumps(_align_both(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])))
