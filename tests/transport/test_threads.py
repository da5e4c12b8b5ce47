"""Small work stays on one thread, and the number of threads stays as it was."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch

from skvas.transport._threads import SHARED_ENTRIES, calm

CPU, GPU = torch.device("cpu"), torch.device("cuda")


@pytest.fixture
def two_threads():
    """Give torch two threads for a test."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize(
    ("n_entries", "device", "n_threads"),
    [
        (0, CPU, 1),
        (SHARED_ENTRIES - 1, CPU, 1),
        (SHARED_ENTRIES, CPU, 2),
        (0, GPU, 2),
    ],
)
def test_small_work_on_a_cpu_alone_is_kept_on_one_thread(n_entries, device, n_threads):
    with calm(n_entries, device):
        assert torch.get_num_threads() == n_threads
    assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("two_threads")
def test_threads_are_given_back_after_an_error():
    with pytest.raises(KeyError), calm(0, CPU):
        raise KeyError
    assert torch.get_num_threads() == 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks are those of Unix")
def test_forked_process_has_one_thread_and_its_parent_keeps_its_own(tmp_path):
    script = (
        "import os, torch, skvas.transport; torch.set_num_threads(2)\n"
        "if os.fork() == 0: os._exit(torch.get_num_threads())\n"
        "print(os.waitstatus_to_exitcode(os.wait()[1]), torch.get_num_threads())"
    )
    found = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert found.stdout.split() == ["1", "2"]
