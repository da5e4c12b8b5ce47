"""Where work is better kept on one thread: small work, and that of forked processes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

# Entries of a tensor below which operations stay on one thread.
SHARED_ENTRIES = 1 << 20
# The process that imported this module; one that was forked since has another number.
_IMPORTED_IN = os.getpid()


@contextmanager
def single_threaded(n_entries: int, device: torch.device) -> Iterator[None]:
    """Keep small work on one thread, and leave the number of threads as it was.

    OpenMP's threads wait for each other at every operation. Where operations are small
    that gains little, and where cores are busy it costs a multiple of the time.

    Parameters
    ----------
    n_entries : int
        Entries of the largest tensor that is worked on.
    device : torch.device
        Where it is.
    """
    with _one_thread(n_entries < SHARED_ENTRIES and device.type == "cpu"):
        yield


@contextmanager
def forked_single_threaded() -> Iterator[None]:
    """Keep work on one thread in a forked process, and do nothing in any other.

    A forked process inherits OpenMP's count of threads but not the threads, and would
    wait for them for ever at its first operation that is shared out. The count is left
    as it was: what else the process does is not ours to change.
    """
    with _one_thread(os.getpid() != _IMPORTED_IN):
        yield


@contextmanager
def _one_thread(wanted: bool) -> Iterator[None]:
    n_threads = torch.get_num_threads()
    if not wanted or n_threads == 1:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(n_threads)
