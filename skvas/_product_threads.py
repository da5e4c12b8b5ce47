"""Threads of NumPy's products of matrices: one, or all where a product is large."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Lock

from threadpoolctl import ThreadpoolController

# Multiplications of a product of matrices below which it stays on one thread.
SHARED_PRODUCTS = 1 << 26
# The threads that products have, where all but large ones go on with one.
_spared: ContextVar[int | None] = ContextVar("products", default=None)
_lock = Lock()


@contextmanager
def product_threads(n_products: int) -> Iterator[None]:
    """Give a large product of NumPy's matrices all threads, inside `spare_products`.

    Parameters
    ----------
    n_products : int
        Multiplications that it takes.
    """
    spared = _spared.get()
    if spared is None or n_products < SHARED_PRODUCTS:
        yield
    else:
        with _libraries().limit(limits=spared):
            yield


@contextmanager
def spare_products() -> Iterator[None]:
    """Keep products of NumPy's matrices on one thread.

    The number is one of the whole process: where fits run side by side, the first that
    came holds it, and gives it back at its end.
    """
    if not _lock.acquire(blocking=False):
        yield
        return
    libraries = _libraries()
    most = max((library["num_threads"] for library in libraries.info()), default=1)
    token = _spared.set(most)
    try:
        with libraries.limit(limits=1):
            yield
    finally:
        _spared.reset(token)
        _lock.release()


@functools.cache
def _libraries() -> ThreadpoolController:
    """Look for the libraries that multiply, once: it takes milliseconds."""
    return ThreadpoolController().select(user_api="blas")
