"""Probabilities too small for their type become zero, whatever the caller has set."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np


@contextmanager
def underflow_to_zero() -> Iterator[None]:
    """Ignore underflow, also where the caller's ``np.errstate`` would raise it.

    As a decorator too: before NumPy 2, one made of `np.errstate` itself is shared by
    all threads.
    """
    with np.errstate(under="ignore"):
        yield
