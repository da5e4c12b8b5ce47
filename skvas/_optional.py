"""Import of packages that only some users have."""

from __future__ import annotations

import importlib
from types import ModuleType


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
            f"pip install 'skvas[{extra}]'",
            name=package,
        ) from error
