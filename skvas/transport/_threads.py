"""Where work is better kept on one thread: small work, and that of forked processes."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from threading import Lock
from typing import Any

import numpy as np
import torch
from threadpoolctl import ThreadpoolController

# Entries of a tensor below which operations stay on one thread.
SHARED_ENTRIES = 1 << 20
# Multiplications of a product of matrices below which NumPy's stay on one thread.
SHARED_PRODUCTS = 1 << 26
# The process that imported this module; one that was forked since has another number.
_IMPORTED_IN = os.getpid()
# The threads that the caller's process has, where all but large work goes on with one.
_spared: ContextVar[int | None] = ContextVar("spared", default=None)
_spared_of_products: ContextVar[int | None] = ContextVar("products", default=None)
_product_lock = Lock()


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
    small for their type be zero, where the caller's ``np.errstate`` would raise, and
    has tensors made on the CPU, where `torch.set_default_device` names another.
    """
    forked = os.getpid() != _IMPORTED_IN
    spared = None if forked else _spared.get() or torch.get_num_threads()
    token = _spared.set(spared)
    try:
        with _threads(1), _spare_products(), np.errstate(under="ignore"), on_cpu():
            yield
    finally:
        _spared.reset(token)


def on_cpu() -> AbstractContextManager[Any]:
    """Make tensors on the CPU that are placed nowhere, whatever torch's default is."""
    # Every operation is slower inside torch's own context, also where it has no effect.
    is_default = torch.get_default_device().type == "cpu"
    return nullcontext() if is_default else torch.device("cpu")


@contextmanager
def product_threads(n_products: int) -> Iterator[None]:
    """Give a large product of NumPy's matrices all threads, inside `spare_threads`.

    Parameters
    ----------
    n_products : int
        Multiplications that it takes.
    """
    spared = _spared_of_products.get()
    if spared is None or n_products < SHARED_PRODUCTS:
        yield
    else:
        with _libraries().limit(limits=spared):
            yield


@contextmanager
def _spare_products() -> Iterator[None]:
    """Keep products of NumPy's matrices on one thread.

    The number is one of the whole process: where fits run side by side, the first that
    came holds it, and gives it back at its end.
    """
    if not _product_lock.acquire(blocking=False):
        yield
        return
    libraries = _libraries()
    most = max((library["num_threads"] for library in libraries.info()), default=1)
    token = _spared_of_products.set(most)
    try:
        with libraries.limit(limits=1):
            yield
    finally:
        _spared_of_products.reset(token)
        _product_lock.release()


@functools.cache
def _libraries() -> ThreadpoolController:
    """Look for the libraries that multiply, once: it takes milliseconds."""
    return ThreadpoolController().select(user_api="blas")


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
