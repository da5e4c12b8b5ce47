"""What is measured. Each function returns rows: dictionaries of plain numbers."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from functools import partial
from unittest.mock import patch

import numpy as np
import torch

import skvas.transport._iterations as iterations_module
from benchmarks import problems, rivals, whole
from benchmarks.measure import best_of, clock, peak_memory, say, threads
from skvas.transport import OutsideBand, TemporalBand, compiled_solver
from skvas.transport._marginals import make_marginal
from skvas.transport._problem import FGWProblem


@contextmanager
def path(name):
    """Use the compiled kernels for everything, or for nothing."""
    least = 0 if name == "numba" else sys.maxsize
    with patch.object(iterations_module, "COMPILED_ENTRIES", least):
        yield


def paths():
    """Return the paths of skvas that can be run here."""
    found = iterations_module._imported("_kernels") is not None
    return ["torch", "numba"] if found else ["torch"]


def solver(quick, n_threads):
    """Time one balanced alignment of N x N frames, ours and others'."""
    rows = []
    for n in (256, 512) if quick else (256, 512, 1024, 2048, 4096, 8192):
        cost = problems.alignment_cost(n)
        row = {"N": n, "floor": best_of(problems.floor(cost))}
        for name in paths():
            with path(name):
                row |= _ours(name, cost)
        for name, build in rivals.installed().items():
            if n <= (512 if quick else rivals.SLOW.get(name, 1024)):
                row |= _theirs(name, build, cost)
        rows.append(row)
        say(row)
    return rows


def _ours(name, cost):
    seconds = best_of(lambda: problems.align(cost))
    result = problems.align(cost)
    error = torch.maximum(result.error_x, result.error_y).item()
    return {
        f"skvas {name}": seconds,
        f"skvas {name} objective": result.objective.item(),
        f"skvas {name} error": error,
    }


def _theirs(name, build, cost):
    run = build(cost)
    plan = torch.from_numpy(np.asarray(run(), dtype=np.float64))
    seconds = best_of(run)
    problem = _problem(cost.double())
    errors = (
        problem.rows.relative_error(plan.sum(2)),
        problem.columns.relative_error(plan.sum(1)),
    )
    return {
        name: seconds,
        f"{name} objective": problem.objective(plan).item(),
        f"{name} error": max(error.item() for error in errors),
    }


def _problem(cost):
    n, m = cost.shape[1:]
    return FGWProblem(
        cost,
        TemporalBand(n, problems.RADIUS),
        OutsideBand(m, problems.RADIUS),
        make_marginal(None, None, None, cost, dim=1),
        make_marginal(None, None, None, cost, dim=2),
        problems.ALPHA,
        problems.EPS,
    )


def scaling(quick, n_threads):
    """Time alignments of N x 512 frames, and of one size at several radii."""
    sizes = (512, 1024) if quick else (512, 1024, 2048, 4096, 8192)
    rows = []
    for n in sizes:
        cost = problems.alignment_cost(n, 512)
        rows.append({"N": n, "M": 512, **_each_path(lambda c=cost: problems.align(c))})
        say(rows[-1])
    cost = problems.alignment_cost(sizes[1])
    for radius in (0.01, 0.04, 0.1, 0.3):
        row = {"N": sizes[1], "M": sizes[1], "radius": radius}
        # The same number of sweeps for all: how many are needed depends on the problem.
        rows.append(
            row
            | _each_path(
                lambda r=radius: problems.align(cost, radius=r, sinkhorn_tol=0.0)
            )
        )
        say(rows[-1])
    return rows


def _each_path(run, **options):
    row = {}
    for name in paths():
        with path(name):
            row[f"skvas {name}"] = best_of(run, **options)
    return row


def two_threads(quick, n_threads):
    """Time one alignment on one thread and on two: by the wall, and this thread's CPU.

    The second is what the first comes to on a machine that does nothing else, but for
    the time that threads wait for each other. The floor, of the matrix in two halves,
    says what two threads can gain of this machine's memory.
    """
    cost = problems.alignment_cost(512 if quick else 2048)
    floor = problems.floor(cost.view(2, -1, cost.shape[2]))
    rows = []
    for count in (1, 2):
        with threads(count):
            row = {"N": cost.shape[1], "threads": count}
            for name, clock in (("", time.perf_counter), (" CPU", time.thread_time)):
                options = {"repeats": 7, "clock": clock}
                row["floor" + name] = best_of(floor, **options)
                found = _each_path(lambda: problems.align(cost), **options)
                row |= {path + name: seconds for path, seconds in found.items()}
            rows.append(row)
        say(rows[-1])
    return rows


def compiled(quick, n_threads):
    """Time the loop as torch's own compiler makes it, which is not the default.

    Alignments of N x N frames with two hard marginals, and segmentations of N frames
    into 20 actions with a relaxed one (mirror descent).
    """
    if shutil.which("g++") is None:
        return []
    rows = []
    for n, batch in ((64, 1),) if quick else ((256, 1), (256, 8), (512, 1), (1024, 1)):
        align, segment = problems.alignment_cost, problems.segmentation_cost
        for task, cost, run in (
            ("align", align(n, batch=batch), problems.align),
            ("segment", segment(n, 20, batch), partial(problems.segment, lambda_y=0.1)),
        ):
            row = {"task": task, "N": n, "B": batch}
            row |= _each_path(lambda run=run, cost=cost: run(cost))
            start = clock()
            with path("torch"), compiled_solver():
                run(cost)
                row["to compile"] = clock() - start
                row["compiled"] = best_of(lambda run=run, cost=cost: run(cost))
            rows.append(row)
            say(row)
    return rows


def batches(quick, n_threads):
    """Time batches: alignments of 256 x 256, segmentations of 200 x 10."""
    rows = []
    for batch in (1, 4) if quick else (1, 4, 16, 64):
        cost = problems.alignment_cost(256, batch=batch)
        row = {"shape": "256 x 256", "B": batch, "floor": best_of(problems.floor(cost))}
        rows.append(row | _each_path(lambda c=cost: problems.align(c)))
        say(rows[-1])
        cost = problems.segmentation_cost(200, 10, batch)
        row = {"shape": "200 x 10", "B": batch}
        row["skvas"] = best_of(lambda c=cost: problems.segment(c))
        row["skvas balanced"] = best_of(
            lambda c=cost: problems.segment(c, solver="projected")
        )
        lengths = torch.linspace(100, 200, batch).long()
        mask = torch.arange(200) < lengths[:, None]
        row["skvas ragged"] = best_of(
            lambda c=cost, n=lengths, real=mask: problems.segment(
                c, lengths=n, mask_x=real, solver="projected"
            )
        )
        if "POT ot.batch" in rivals.installed():
            row["POT ot.batch"] = best_of(rivals.pot_batch(cost, segments=True))
        rows.append(row)
        say(row)
    return rows


def segmentations(quick, n_threads):
    """Time segmentations by mirror descent, with soft shares of actions."""
    rows = []
    for row, cost, run in problems.relaxed_segmentations(quick):
        row["floor"] = best_of(problems.segmentation_floor(cost), repeats=40)
        rows.append(row | _each_path(run, repeats=40))
        say(rows[-1])
    return rows


def long(quick, n_threads):
    """Time segmentations of one long video into 20 actions, in fresh processes."""
    sizes = (10_000,) if quick else (10_000, 100_000, 324_000, 1_000_000)
    return [_apart("segment", n, n_threads) for n in sizes]


def memory(quick, n_threads):
    """Measure the peak of one alignment, in plans, in fresh processes."""
    rows = []
    for name in paths():
        for n in (1024,) if quick else (1024, 4096, 8192):
            rows.append({"path": name} | _apart(f"align-{name}", n, n_threads))
    return rows


def _apart(what, n, n_threads):
    command = [sys.executable, "-m", "benchmarks.cases", what, str(n), str(n_threads)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    row = json.loads(done.stdout.splitlines()[-1])
    say(row)
    return row


def _one(what, n):
    """Solve one problem here, and tell time and peak of memory."""
    if what == "segment":
        problems.segment(problems.segmentation_cost(1000, 20))
        cost = problems.segmentation_cost(n, 20)
        run = lambda: problems.segment(cost)  # noqa: E731
    else:
        with path(what.removeprefix("align-")):
            problems.align(problems.alignment_cost(256))
        cost = torch.rand(1, n, n)
        run = lambda: problems.align(cost, max_iter=3)  # noqa: E731
    start = clock()
    with path(what.removeprefix("align-")):
        peak = peak_memory(run)
    seconds = clock() - start
    plan = cost.numel() * cost.element_size()
    return {"N": n, "seconds": seconds, "MB": peak / 1e6, "plans": peak / plan}


CASES = {
    "solver": solver,
    "scaling": scaling,
    "two threads": two_threads,
    "compiled loop": compiled,
    "batches": batches,
    "segmentations": segmentations,
    "long videos": long,
    "memory": memory,
    "training": whole.training,
    "default fits": whole.fits,
    "checkpoints": whole.checkpoints,
    "predict": whole.predict,
    "long alignments": whole.long_alignments,
    "import": whole.imports,
}

if __name__ == "__main__":
    torch.set_num_threads(int(sys.argv[3]))
    print(json.dumps(_one(sys.argv[1], int(sys.argv[2]))))
