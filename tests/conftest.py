"""Hypothesis profiles, thread limits and fixtures that all tests share."""

from __future__ import annotations

import os
import signal

# Before torch is imported: OpenMP reads its limit once.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Tests draw figures without a display.
os.environ.setdefault("MPLBACKEND", "Agg")

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, Phase, settings

torch.set_num_threads(1)
# A shell lets what it starts in the background ignore interrupts, which tests send.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile(
    "dev",
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
# The same examples in every run.
settings.register_profile(
    "ci",
    settings.get_profile("dev"),
    derandomize=True,
    database=None,
)
# One failure is enough for tests.mutants, however large its example.
settings.register_profile(
    "mutants",
    settings.get_profile("ci"),
    phases=[Phase.explicit, Phase.generate],
    report_multiple_bugs=False,
)
# Thousands of problems of any size and scale; see tests/transport/test_campaign.py.
settings.register_profile(
    "campaign",
    max_examples=10_000,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)


def _profile():
    in_ci = os.environ.get("CI", "").lower() not in ("", "0", "false")
    return os.environ.get("HYPOTHESIS_PROFILE", "ci" if in_ci else "dev")


settings.load_profile(_profile())

# Rooms whose tests train, solve, draw or start processes, and files that do; and files
# of such rooms that are quick all the same.
SLOW_ROOMS = {
    "alignment",
    "applications",
    "cli",
    "display",
    "estimators",
    "faults",
    "features",
    "live",
    "segmentation",
    "tasks",
    "testing",
    "timeline",
    "training",
    "transport",
}
SLOW_FILES = {"test_atomic.py", "test_browser.py", "test_readme.py"}
QUICK_FILES = {
    "test_action_table.py",
    "test_costs.py",
    "test_priors.py",
    "test_report.py",
    "test_table.py",
    "test_transfer.py",
}
SLOW_NAMES = ("test_scikit_learn_checks",)


def pytest_collection_modifyitems(items):
    """Mark slow tests, so that ``-m "not slow"`` is a first answer in a minute."""
    root = Path(__file__).parent
    for item in items:
        if not item.path.is_relative_to(root):
            continue
        room, name = item.path.relative_to(root).parts[0], item.path.name
        is_slow = room in SLOW_ROOMS and name not in QUICK_FILES
        is_slow = is_slow or name in SLOW_FILES
        if is_slow or item.name.startswith(SLOW_NAMES):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(autouse=True)
def _seeded():
    """Networks and draws of tests that name no seed are the same in every run."""
    torch.manual_seed(4711)  # no number that a test may set itself
    np.random.seed(4711)  # noqa: NPY002


DEVICES = ["cpu"] + (["cuda"] if torch.cuda.is_available() else [])


@pytest.fixture(params=DEVICES)
def device(request):
    """Each device that this machine has."""
    return torch.device(request.param)


def data_folder():
    """Return the folder of real data sets, or None where there is none."""
    default = Path(__file__).resolve().parents[1] / ".." / "shared" / "data"
    folder = Path(os.environ.get("SKVAS_DATA", default)).resolve()
    return folder if folder.is_dir() else None


@pytest.fixture(scope="session")
def real_data():
    """Folder of data sets in the field's layout: SKVAS_DATA or ../shared/data."""
    folder = data_folder()
    if folder is None:
        pytest.skip("no real data: set SKVAS_DATA to a folder of data sets")
    return folder
