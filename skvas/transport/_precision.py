"""Products in full precision, whatever the caller allows those of its networks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor


def at_least_float32(x: Tensor) -> Tensor:
    """Return what autocast left of an encoder's output as the solver takes it."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


@contextmanager
def full_precision(device: torch.device) -> Iterator[None]:
    """Let no product of what is inside be rounded to bfloat16 or TF32.

    Autocast belongs to a thread, and is switched off in this thread alone. How exact
    products of float32 are (`torch.set_float32_matmul_precision`) belongs to the
    process: it is raised while any thread is inside, and set back by the last that
    leaves. Other threads' products are then more exact, and never less.

    Parameters
    ----------
    device : torch.device
        Where the products are made.
    """
    name = device.type
    if not torch.amp.is_autocast_available(name):
        name = "cpu"  # any will do: this one never casts
    with torch.autocast(name, enabled=False):
        # In a caller's compiled code the setting is the caller's.
        if torch.compiler.is_compiling():
            yield
            return
        _exact.enter()
        try:
            yield
        finally:
            _exact.leave()


class _ExactProducts:
    """The setting of the process, raised while anyone is inside."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._n_inside = 0
        self._restore: Callable[[], None] | None = None

    def enter(self) -> None:
        with self._lock:
            if self._n_inside == 0:
                self._restore = _raise_precision()
            self._n_inside += 1

    def leave(self) -> None:
        with self._lock:
            self._n_inside -= 1
            if self._n_inside == 0 and self._restore is not None:
                self._restore()


_exact = _ExactProducts()


def _raise_precision() -> Callable[[], None] | None:
    """Make products exact; return what sets them back, None if they are exact."""
    try:
        before = torch.get_float32_matmul_precision()
    except RuntimeError:
        # Settings of single backends, which torch 2.9 brought, contradict the old one.
        return _raise_backends()
    if before == "highest":
        return None
    torch.set_float32_matmul_precision("highest")
    return lambda: torch.set_float32_matmul_precision(before)


def _raise_backends() -> Callable[[], None]:
    """Do what `_raise_precision` does where each backend has a setting of its own."""
    cpu = torch.backends.mkldnn.matmul  # type: ignore[attr-defined]  # older ones lack it
    backends = torch.backends.cuda.matmul, cpu
    before = [backend.fp32_precision for backend in backends]
    for backend in backends:
        backend.fp32_precision = "ieee"

    def restore() -> None:
        for backend, precision in zip(backends, before, strict=True):
            backend.fp32_precision = precision

    return restore
