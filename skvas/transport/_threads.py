"""Where work is better kept on one thread: small work, and that of forked processes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any

import numpy as np
import torch

from skvas._product_threads import spare_products
from skvas.transport._short import short_sequences_noted_once

# Entries of a tensor below which operations stay on one thread.
SHARED_ENTRIES = 1 << 20
# The process that imported this module; one that was forked since has another number.
_IMPORTED_IN = os.getpid()
# The threads that the caller's process has, where all but large work goes on with one.
_spared: ContextVar[int | None] = ContextVar("spared", default=None)


@contextmanager
def single_threaded(n_entries: int, device: torch.device) -> Iterator[None]:
    """Keep small work on one thread, and leave the number of threads as it was.

    OpenMP's threads wait for each other at every operation. Where operations are small
    that gains little, and where cores are busy it costs a multiple of the time. Large
    work has all threads, also inside `spare_threads`.

    Parameters
    ----------
    n_entries : int
        Entries of the largest tensor that is worked on.
    device : torch.device
        Where it is.
    """
    small = n_entries < SHARED_ENTRIES and device.type == "cpu"
    with _threads(1 if small else _spared.get()):
        yield


@contextmanager
def all_threads() -> Iterator[None]:
    """Give work of unknown size all threads, also inside `spare_threads`."""
    with _threads(_spared.get()):
        yield


@contextmanager
def spare_threads() -> Iterator[None]:
    """Keep all but large work on one thread, and all work in a forked process.

    What a fit does between its large products is many small operations; their threads,
    torch's and those of NumPy's products, would wait for each other, and on a busy
    machine for a core, at each of them.

    A forked process inherits OpenMP's count of threads but not the threads, and would
    wait for them for ever at its first operation that is shared out. The count is left
    as it was: what else the process does is not ours to change.

    All public methods of estimators have it: so it also lets probabilities that are too
    small for their type be zero, where the caller's ``np.errstate`` would raise, has
    tensors made on the CPU, where `torch.set_default_device` names another, and warns
    once of all sequences that are too short for a radius.
    """
    forked = os.getpid() != _IMPORTED_IN
    spared = None if forked else _spared.get() or torch.get_num_threads()
    token = _spared.set(spared)
    try:
        with (
            short_sequences_noted_once(),
            _threads(1),
            spare_products(),
            np.errstate(under="ignore"),
            on_cpu(),
        ):
            yield
    finally:
        _spared.reset(token)


def on_cpu() -> AbstractContextManager[Any]:
    """Make tensors on the CPU that are placed nowhere, whatever torch's default is."""
    # Every operation is slower inside torch's own context, also where it has no effect.
    is_default = torch.get_default_device().type == "cpu"
    return nullcontext() if is_default else torch.device("cpu")


def idle_threads() -> int:
    """Return how many threads the caller's process has, also inside `spare_threads`.

    They are for work that is shared out once and does not spin while it waits.
    """
    return _spared.get() or torch.get_num_threads()


@contextmanager
def _threads(wanted: int | None) -> Iterator[None]:
    n_threads = torch.get_num_threads()
    if wanted is None or wanted == n_threads:
        yield
        return
    torch.set_num_threads(wanted)
    try:
        yield
    finally:
        torch.set_num_threads(n_threads)
