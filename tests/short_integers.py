"""NumPy 1 on Windows: integers of Python become integers of 32 bits."""

from __future__ import annotations

import functools
import sys
import types

import numpy as np

# What skvas calls with integers of Python.
MAKERS = ("arange", "array", "asarray", "cumsum", "diff", "full", "repeat", "zeros")
LARGEST = np.iinfo(np.int32).max
# What is compiled takes NumPy as it is.
COMPILED = ("skvas.decoding", "skvas.transport.")


def shorten_integers(monkeypatch) -> None:
    """Let skvas, and no other package, get 32 bits where it asks for no others.

    Modules that were not imported before are as they were.
    """
    short = types.ModuleType("short")
    short.__getattr__ = functools.partial(getattr, np)
    for name in MAKERS:
        setattr(short, name, _shortened(getattr(np, name)))
    for name, module in list(sys.modules.items()):
        is_ours = name.startswith("skvas.") and not name.startswith(COMPILED)
        if is_ours and vars(module).get("np") is np:
            monkeypatch.setattr(module, "np", short)


def _shortened(make):
    @functools.wraps(make)
    def shortened(*values, **options):
        found = make(*values, **options)
        is_short = found.dtype == np.int64
        is_short = is_short and np.abs(found).max(initial=0) <= LARGEST
        named = [options["dtype"]] if "dtype" in options else values[1:]
        if is_short and (
            any(v is int for v in named) or not any(map(_has_type, (*values, *named)))
        ):
            return found.astype(np.int32)
        return found

    return shortened


def _has_type(value):
    """Tell whether NumPy takes a type from a value, or a value is one."""
    if isinstance(value, (list, tuple)):
        return any(map(_has_type, value))
    return hasattr(value, "dtype") or isinstance(value, (type, np.dtype))
