"""Import of packages that only some users have."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from types import ModuleType
from typing import Any


def import_optional(name: str, extra: str) -> ModuleType:
    """Import a package that an extra of skvas installs.

    Parameters
    ----------
    name : str
        Name of the module to import, such as ``"matplotlib.pyplot"``.
    extra : str
        The extra of skvas that brings it.

    Returns
    -------
    module
        The module.

    Raises
    ------
    ImportError
        If the package is missing; the message names the command that installs it.
        A package that is there but fails to import raises its own error.

    Examples
    --------
    >>> from skvas._optional import import_optional
    >>> import_optional("json", "io").dumps([1, 2])
    '[1, 2]'
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        package = name.partition(".")[0]
        if error.name is None or error.name.partition(".")[0] != package:
            raise
        raise ImportError(
            f"{package} is needed here and is not installed: "
            f'pip install "skvas[{extra}]"',
            name=package,
        ) from error


@functools.cache
def compiled(function: Callable[..., Any]) -> Callable[..., Any] | None:
    """Compile a function by numba, where numba is installed.

    Parameters
    ----------
    function : callable
        Of arrays and numbers; it holds no lock.

    Returns
    -------
    callable or None
        The same function, compiled at its first call or read from a cache on disk; None
        where numba is missing, or has no folder for the cache: to compile takes longer
        in each process than it saves.
    """
    try:
        from numba import njit

        faster: Callable[..., Any] = njit(nogil=True, cache=True)(function)
    except (ImportError, RuntimeError):  # the latter of a cache without a folder
        return None
    return faster
