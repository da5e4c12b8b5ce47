"""Checks of the command lines of benchmarks, before anything is measured."""

from __future__ import annotations

import argparse
import re
from pathlib import Path


def folder(text):
    """Return the path of a folder that is there, as `type` of an argument."""
    path = Path(text)
    if not path.is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder {text}")
    return path


def count(text):
    """Return a number of 1 or more, as `type` of an argument."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected 1 or more, got {text}")
    return int(text)


def n_jobs(text):
    """Return a number of processes, or of free cores if below 0, as joblib has it."""
    if not re.fullmatch(r"-?\d+", text, re.ASCII) or int(text) == 0:
        raise argparse.ArgumentTypeError(f"expected 1 or more, or -1, got {text}")
    return int(text)


def random_seed(text):
    """Return a seed, as `type` of an argument."""
    if not text.isdecimal() or int(text) >= 2**32:
        raise argparse.ArgumentTypeError(f"expected 0 to {2**32 - 1}, got {text}")
    return int(text)


def out_folder(text):
    """Return the path of a folder that is there or can be made, as `type`."""
    path = Path(text)
    there = next(part for part in (path, *path.parents) if part.exists())
    if not there.is_dir():
        raise argparse.ArgumentTypeError(f"{there} is no folder")
    return path


def pick(known, names, what):
    """Return the entries with some names, all entries where there are no names.

    Parameters
    ----------
    known : dict
        Entries by name.
    names : list of str or None
        What the command line asks for.
    what : str
        What the entries are, for the error.
    """
    if not names:
        return known
    unknown = [name for name in names if name not in known]
    if unknown:
        there = ", ".join(map(str, known))
        raise SystemExit(f"{what} {unknown[0]!r} is unknown here; there are {there}.")
    return {name: known[name] for name in names}
