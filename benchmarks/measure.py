"""Clocks, memory and the description of the machine."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import platform
import time
from pathlib import Path

import torch
from threadpoolctl import threadpool_limits

PACKAGES = (
    "skvas",
    "torch",
    "numpy",
    "scikit-learn",
    "numba",
    "POT",
    "fugw",
    "ott-jax",
)
STATUS, REFERENCES = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def clock():
    """Return the time: of the CPU on one thread, of the wall on several.

    On one thread the CPU's tells less of what else the machine does.
    """
    alone = torch.get_num_threads() == 1 and not torch.cuda.is_available()
    return time.process_time() if alone else time.perf_counter()


def best_of(run, repeats=3, budget=30.0, clock=clock):
    """Return the shortest time of some runs, after one that is not counted.

    Once the runs have taken `budget` seconds no further one is begun.
    """
    started = time.perf_counter()
    first = _timed(run, clock)
    times = []
    while len(times) < repeats and time.perf_counter() - started < budget:
        times.append(_timed(run, clock))
    return min(times) if times else first


def _timed(run, clock):
    _wait()
    start = clock()
    run()
    _wait()
    return clock() - start


def _wait():
    if torch.cuda.is_available():
        torch.cuda.synchronize()


@contextlib.contextmanager
def threads(count):
    """Limit the threads of torch and of the libraries under NumPy."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        with threadpool_limits(count):
            yield
    finally:
        torch.set_num_threads(before)


def peak_memory(run):
    """Return by how many bytes a run raises the peak of this process (Linux)."""
    REFERENCES.write_text("5")  # the peak starts anew
    before = _kilobytes("VmRSS")
    run()
    return 1024 * (_kilobytes("VmHWM") - before)


def _kilobytes(name):
    for line in STATUS.read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1])
    raise LookupError(name)


def say(row):
    """Print a row as it is made."""
    print("  ".join(f"{k}={_short(v)}" for k, v in row.items()), flush=True)


def _short(value):
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def in_words(about):
    """Return what `machine` says, as a line."""
    versions = ", ".join(f"{name} {text}" for name, text in about["versions"].items())
    return (
        f"{about['cpu']}, {about['cores']} cores; GPU: {about['gpu']}. Python "
        f"{about['python']}, {versions}"
    )


def machine():
    """Describe the machine and the versions."""
    versions = {}
    for package in PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[package] = importlib.metadata.version(package)
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [x for x in info.read_text().splitlines() if x.startswith("model name")]
        cpu = names[0].split(":")[1].strip() if names else cpu
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "versions": versions,
    }
