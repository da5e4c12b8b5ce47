"""What a GPU gains, and whether its answers are the CPU's.

``python -m benchmarks.gpu`` writes ``results/gpu.md``. Three questions, each against
the CPU of the same machine: are the answers of the three estimators equal; how many
transport problems a second are solved, and how near that is to the floor, the bytes
that any solver of this kind moves divided by the bandwidth of the device, which is
measured on the spot; how many pairs of videos a second are trained on. Without a GPU
the command says so and stops; ``--device cpu --quick`` tries all of it in seconds, and
writes nothing.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch

from benchmarks.arguments import out_folder
from benchmarks.problems import MAX_ITER, align, alignment_cost

HERE = Path(__file__).parent / "results"
# Passes over the plan in an iteration of a solver: an exponential, three copies, and 20
# sweeps of two products with a vector, as `benchmarks.problems.floor` has them. An
# exponential or a copy reads and writes, a product reads.
PASSES = 2 * 4 + 20 * 2


def seconds(run, device, budget):
    """Return the shortest time of some runs, after one that is not counted."""
    times, started = [], time.perf_counter()
    while len(times) < 2 or (
        len(times) < 10 and time.perf_counter() < started + budget
    ):
        _wait(device)
        begun = time.perf_counter()
        run()
        _wait(device)
        times.append(time.perf_counter() - begun)
    return min(times[1:])


def _wait(device):
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def bandwidth(device, n_bytes, budget):
    """Return the bytes a second that a copy reads and writes."""
    source = torch.ones(n_bytes // 4, device=device)
    target = torch.empty_like(source)
    return 2 * n_bytes / seconds(lambda: target.copy_(source), device, budget)


def solves(device, quick):
    """Time alignments of several sizes, and the least that they can take."""
    sizes = [(1, 256, 256), (32, 256, 256), (256, 256, 256), (1, 2000, 20)]
    if quick:
        sizes = [(1, 32, 32), (2, 32, 32)]
    budget = 0.1 if quick else 5.0
    speed = bandwidth(device, 1 << (16 if quick else 28), budget)
    rows = []
    for batch, n, m in sizes:
        cost = alignment_cost(n, m, batch).to(device)
        taken = seconds(lambda cost=cost: align(cost), device, budget)
        floor = 4 * batch * n * m * PASSES * MAX_ITER / speed
        rows.append(
            {
                "problems": f"{batch} x {n} x {m}",
                "solves a second": f"{batch / taken:.0f}",
                "ms": f"{1000 * taken:.2f}",
                "floor, ms": f"{1000 * floor:.3f}",
                "times the floor": f"{taken / floor:.1f}",
            }
        )
    return speed, rows


def estimators(quick):
    """Return each estimator, unfitted, by name."""
    from skvas import ActionSegmenter, JointAlignSegment, VideoAligner

    epochs = {"max_epochs": 1 if quick else 3, "random_state": 0}
    if quick:
        epochs["recipe"] = "paper"  # which has nothing to choose
    return {
        "ActionSegmenter": lambda device: ActionSegmenter(4, device=device, **epochs),
        "VideoAligner": lambda device: VideoAligner(device=device, **epochs),
        "JointAlignSegment": lambda d: JointAlignSegment(4, device=d, **epochs),
    }


def compare(device, quick):
    """Fit each estimator on the CPU and on the device, and compare the answers."""
    from skvas.datasets import make_videos

    n = 4 if quick else 16
    frames = (40, 60) if quick else (400, 600)
    videos = make_videos(n, n_actions=4, n_frames=frames, random_state=0).videos
    rows = []
    for name, make in estimators(quick).items():
        fitted = []
        for where in ("cpu", str(device)):
            model = make(where).fit(videos)
            epochs = model.history_["seconds"]
            # Not the first epoch, in which libraries warm up.
            rate = n / np.median(epochs[1:] if len(epochs) > 1 else epochs)
            fitted.append((model, rate))
        (ours, on_cpu), (theirs, on_device) = fitted
        pairs = list(zip(ours.transform(videos), theirs.transform(videos), strict=True))
        same = [
            np.mean(a == b)
            for a, b in zip(ours.predict(videos), theirs.predict(videos), strict=True)
        ]
        rows.append(
            {
                "estimator": name,
                "largest difference of embeddings": f"{_largest(pairs):.1e}",
                "frames with the same answer": f"{np.mean(same):.4f}",
                "pairs a second, CPU": f"{on_cpu:.1f}",
                "pairs a second, device": f"{on_device:.1f}",
            }
        )
    return rows


def _largest(pairs):
    return max(float(np.abs(a - b).max()) for a, b in pairs)


def table(rows):
    names = list(rows[0])
    lines = [f"| {' | '.join(names)} |", f"|{' --- |' * len(names)}"]
    lines += [f"| {' | '.join(row.values())} |" for row in rows]
    return "\n".join(lines)


def report(device, quick):
    """Return the page."""
    speed, solved = solves(device, quick)
    named = "the CPU"
    if device.type == "cuda":
        named = torch.cuda.get_device_name(device)
    return "\n\n".join(
        [
            "# GPU",
            f"By `python -m benchmarks.gpu` on {named}, torch {torch.__version__}. A "
            f"copy moves {speed / 1e9:.0f} GB a second.",
            "## Are the answers the CPU's?",
            table(compare(device, quick)),
            "## Transport problems",
            table(solved),
        ]
    )


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--quick", action="store_true", help="small; writes nothing")
    parser.add_argument("--out", type=out_folder, default=HERE)
    options = parser.parse_args(arguments)
    try:
        device = torch.device(options.device)
    except RuntimeError as error:
        parser.error(f"argument --device: {error}")
    if device.type == "cuda" and not torch.cuda.is_available():
        raise SystemExit(
            "There is no GPU here; --device cpu --quick tries the command."
        )
    if not options.quick:
        options.out.mkdir(parents=True, exist_ok=True)
    page = report(device, options.quick)
    print(page)
    if not options.quick:
        (options.out / "gpu.md").write_text(page + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
