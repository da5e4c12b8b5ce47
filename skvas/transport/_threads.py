"""Where work is better kept on one thread: small work, and that of forked processes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

# Entries of a tensor below which operations stay on one thread.
SHARED_ENTRIES = 1 << 20

# A forked process inherits OpenMP's count of threads but not the threads, and would
# wait for them for ever at its first operation that is shared out.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lambda: torch.set_num_threads(1))


@contextmanager
def calm(n_entries: int, device: torch.device) -> Iterator[None]:
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
    n_threads = torch.get_num_threads()
    if n_entries >= SHARED_ENTRIES or device.type != "cpu" or n_threads == 1:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(n_threads)
