"""What is sent to each worker once, however many tasks it gets."""

from __future__ import annotations

import pickle
import secrets
import threading
from typing import Any

import numpy as np
from joblib import wrap_non_picklable_objects

_kept = threading.local()


class SentOnce:
    """Holds a value that all tasks share; a worker unpickles it for the first of them.

    Pickled, it is an array of bytes, which joblib maps into the memory of workers where
    it is large. A worker keeps the last value that it got.

    Parameters
    ----------
    value : object
        What is shared; it must not change.

    Examples
    --------
    >>> import pickle
    >>> from skvas.applications._sent import SentOnce
    >>> sent = SentOnce([1, 2])
    >>> first, second = (pickle.loads(pickle.dumps(sent)) for _ in range(2))
    >>> first.value, first.value is second.value
    ([1, 2], True)
    """

    def __init__(self, value: Any) -> None:
        self.value = value
        self._packed: tuple[str, np.ndarray] | None = None

    def __reduce__(self) -> Any:
        if self._packed is None:
            # As joblib does: what a script or a notebook defines can be sent, too.
            data = pickle.dumps(wrap_non_picklable_objects(self.value, False))
            self._packed = secrets.token_hex(16), np.frombuffer(data, np.uint8)
        return _unpack, self._packed


def _unpack(key: str, data: np.ndarray) -> SentOnce:
    if getattr(_kept, "key", None) != key:
        _kept.sent = SentOnce(pickle.loads(data.tobytes()))
        _kept.key = key
    sent: SentOnce = _kept.sent
    return sent
