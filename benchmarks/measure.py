"""Clocks, memory and the description of the machine."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import platform
import time
from pathlib import Path

import torch

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


def best_of(run, repeats=3, budget=30.0):
    """Return the shortest wall time of some runs, after one that is not counted.

    Once the runs have taken `budget` seconds no further one is begun.
    """
    started = time.perf_counter()
    first = _timed(run)
    times = []
    while len(times) < repeats and time.perf_counter() - started < budget:
        times.append(_timed(run))
    return min(times) if times else first


def _timed(run):
    _wait()
    start = time.perf_counter()
    run()
    _wait()
    return time.perf_counter() - start


def _wait():
    if torch.cuda.is_available():
        torch.cuda.synchronize()


@contextlib.contextmanager
def threads(count):
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
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
        "load": [round(x, 1) for x in os.getloadavg()],
        "python": platform.python_version(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "versions": versions,
    }
