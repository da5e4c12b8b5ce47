"""Workers that end with the process that they work for."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections.abc import Callable
from typing import Any

# Seconds between two looks at whether the parent is there.
PERIOD = 0.5
_watched: set[int] = set()


class EndingWithParent:
    """A function that joblib's workers call; they end when this process does.

    A worker that loses its parent would wait minutes for more work, and keep the
    standard output open, for which a pipeline waits. Workers that others have started,
    such as those of a cluster, stay as they are.

    Parameters
    ----------
    function : callable
        What to call.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    def __call__(self, *args: Any) -> Any:
        return self.function(*args)

    def __reduce__(self) -> Any:
        # The first part is restored first: what is watched for must not wait until the
        # worker has imported all that the function needs, which takes seconds.
        return _join, (_Watch(os.getpid()), self.function)


class _Watch:
    """Begins to watch the parent where it is unpickled."""

    def __init__(self, parent: int) -> None:
        self.parent = parent

    def __reduce__(self) -> Any:
        return _watch, (self.parent,)


def _join(_: None, function: Callable[..., Any]) -> EndingWithParent:
    return EndingWithParent(function)


def _watch(pid: int) -> None:
    parent = multiprocessing.parent_process()
    if os.name != "posix" or parent is None or parent.pid != pid or pid in _watched:
        return
    _watched.add(pid)
    threading.Thread(target=_end_with, args=(pid,), daemon=True).start()


def _end_with(parent: int) -> None:
    # A signal that Linux would send at the end of the parent comes at the end of the
    # thread that started the worker already, and that may be one of many.
    while os.getppid() == parent:
        time.sleep(PERIOD)
    os._exit(1)
