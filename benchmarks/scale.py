"""What a fit costs as recordings grow in number, length and width.

``python -m benchmarks.scale`` writes ``results/scale.md``; ``--quick`` tries all of it
in a minute and writes nothing. Each case runs in a process of its own, so that its peak
of memory is its own. Recordings are synthetic: made anew at each look, or in files.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from benchmarks.arguments import out_folder, pick

HEADER = """# Scale

By `python -m benchmarks.scale`: one thread, joint model, 7 actions; 0 epochs is
training-free. Extra memory is the peak of the process during `fit` over what it had
before; mapped pages of files count. Wall times depend on what else the machine does;
CPU times less.
"""
HERE = Path(__file__).parent / "results"
PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


class Made:
    """Recordings of one activity, each made when it is looked at.

    Parameters
    ----------
    n_videos, n_frames, n_features : int
        Their sizes.
    in_order : bool, default=True
        Whether all do the actions in one order.
    """

    def __init__(self, n_videos, n_frames, n_features, *, in_order=True, n_actions=7):
        rng = np.random.default_rng(0)
        self.sizes = n_videos, n_frames, n_features
        self.in_order = in_order
        self.means = rng.normal(size=(n_actions, n_features)).astype(np.float32)
        mix = rng.normal(size=(16, n_features)) / 2
        self.mix = mix.astype(np.float32)

    def __len__(self):
        return self.sizes[0]

    def __getitem__(self, index):
        n_videos, n_frames, n_features = self.sizes
        if index >= n_videos:
            raise IndexError(index)
        rng = np.random.default_rng(index)
        n_actions = len(self.means)
        ends = np.cumsum(rng.dirichlet(np.full(n_actions, 8.0)))[:-1]
        action = np.searchsorted(ends, np.arange(n_frames) / n_frames)
        if not self.in_order:
            action = rng.permutation(n_actions)[action]
        noise = rng.standard_normal((n_frames, n_features), dtype=np.float32)
        wander = rng.standard_normal((n_frames, len(self.mix)), dtype=np.float32)
        return self.means[action] + wander @ self.mix + noise / 2


def cases(quick):
    """Return the name and the sizes of each case."""
    if quick:
        return [
            ("in memory", 12, 80, 8, 0),
            ("made", 12, 80, 8, 0),
            ("files", 6, 300, 32, 1),
        ]
    return [
        ("in memory", 50, 560, 64, 0),
        ("in memory", 200, 560, 64, 0),
        ("in memory", 800, 560, 64, 0),
        ("made", 800, 560, 64, 0),
        ("made", 10_000, 600, 64, 0),
        ("files", 40, 5000, 1024, 0),
        ("files in any order", 40, 5000, 1024, None),
        ("made", 200, 5000, 2048, 0),
    ]


def resident():
    """Return the bytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


def measure(kind, n_videos, n_frames, n_features, max_epochs):
    """Fit once, and return what it cost."""
    import torch

    from skvas import JointAlignSegment

    torch.set_num_threads(1)
    in_order = "any order" not in kind
    epochs = {} if max_epochs is None else {"max_epochs": max_epochs}
    # So that the kernels are loaded, those of timelines as well.
    small = JointAlignSegment(3, random_state=0, max_epochs=1).fit([*Made(8, 90, 8)])
    assert small.timeline_ is not None
    with tempfile.TemporaryDirectory() as folder:
        videos = Made(n_videos, n_frames, n_features, in_order=in_order)
        if kind == "in memory":
            videos = [*videos]
        elif kind.startswith("files"):
            paths = [Path(folder, f"{i:05d}.npy") for i in range(n_videos)]
            for path, video in zip(paths, videos, strict=True):
                np.save(path, video)
            videos = [np.load(path, mmap_mode="r") for path in paths]
        before = peak = resident()
        over = threading.Event()

        def watch():
            nonlocal peak
            while not over.wait(0.02):
                peak = max(peak, resident())

        watcher = threading.Thread(target=watch)
        watcher.start()
        started, cpu = time.perf_counter(), time.process_time()
        model = JointAlignSegment(7, random_state=0, **epochs).fit(videos)
        seconds = time.perf_counter() - started, time.process_time() - cpu
        over.set()
        watcher.join()
        some = videos[: min(100, n_videos)] if kind == "in memory" else None
        if some is None:
            some = [videos[i] for i in range(min(4, n_videos))]
        started = time.process_time()
        model.predict(some)
        predict = (time.process_time() - started) / len(some)
    return {
        "kind": kind,
        "n": [n_videos, n_frames, n_features],
        "epochs": model.n_iter_,
        "wall": seconds[0],
        "cpu": seconds[1],
        "extra": (peak - before) / 1e6,
        "predict": predict,
    }


def table(rows):
    """Return the rows as a table."""
    lines = [
        "| recordings | videos x frames x features | epochs | wall s | CPU s | extra "
        "MB | predict, ms a video |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        size = " x ".join(f"{n:,}".replace(",", " ") for n in row["n"])
        lines.append(
            f"| {row['kind']} | {size} | {row['epochs']} | {row['wall']:.1f} | "
            f"{row['cpu']:.1f} | {row['extra']:.0f} | {1000 * row['predict']:.1f} |"
        )
    return "\n".join(lines)


def write(path, rows, load):
    """Write what was measured so far."""
    from benchmarks.measure import machine

    about = ", ".join(f"{name} {value}" for name, value in machine().items())
    path.write_text(
        f"{HEADER}\n{about}; load at the start {load:.1f}.\n\n{table(rows)}\n",
        encoding="utf-8",
    )


def main():
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale")
    parser.add_argument("--quick", action="store_true", help="small sizes: a minute")
    parser.add_argument("--only", type=int, nargs="+", help="numbers of cases")
    parser.add_argument("--case", help=argparse.SUPPRESS)
    parser.add_argument("--out", type=out_folder, default=HERE)
    arguments = parser.parse_args()
    if arguments.case:
        print(json.dumps(measure(*json.loads(arguments.case))))
        return
    arguments.out.mkdir(parents=True, exist_ok=True)
    numbered = dict(enumerate(cases(arguments.quick)))
    chosen = list(pick(numbered, arguments.only, "case").values())
    load, rows = os.getloadavg()[0], []
    for case in chosen:
        command = [sys.executable, "-m", "benchmarks.scale", "--case", json.dumps(case)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            command, env=environment, check=True, capture_output=True, text=True
        )
        rows.append(json.loads(done.stdout.splitlines()[-1]))
        print(table(rows[-1:]).splitlines()[-1], flush=True)
        if not arguments.quick:
            write(arguments.out / "scale.md", rows, load)


if __name__ == "__main__":
    main()
