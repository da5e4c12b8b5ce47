"""Nested numbers, texts and arrays in a file of skvas's own layout."""

from __future__ import annotations

import json
import os
from typing import Any

import numpy as np

from skvas.exceptions import ModelFileError
from skvas.persistence._arrays import parse_json, read_arrays, write_arrays

FORMAT, FORMAT_VERSION = "skvas tracker", 2
# Key of the node that stands for an array.
ARRAY = "array of the file"


def write_state(path: str | os.PathLike[str], state: dict[str, Any]) -> None:
    """Write dictionaries, lists, numbers, texts and arrays, whole or not at all.

    Parameters
    ----------
    path : str or path-like
        The file; replaced if it is there.
    state : dict of str to object
        What is written.
    """
    arrays: dict[str, np.ndarray] = {}
    text = json.dumps(_without_arrays(state, arrays), allow_nan=False)
    texts = {"format": FORMAT, "format_version": str(FORMAT_VERSION), "state": text}
    write_arrays(path, arrays, texts)


def read_state(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return what `write_state` has written.

    Parameters
    ----------
    path : str or path-like
        The file.

    Raises
    ------
    ModelFileError
        If it is not such a file.
    """
    arrays, texts = read_arrays(path)
    if texts.get("format") != FORMAT:
        raise ModelFileError("it does not say that it is a tracker of skvas")
    if int(texts["format_version"]) > FORMAT_VERSION:
        raise ModelFileError("it was written by a later version of skvas; upgrade")
    if int(texts["format_version"]) < FORMAT_VERSION:
        raise ModelFileError(
            "it was written by an earlier version of skvas; push the recording again"
        )
    found = _with_arrays(parse_json(texts["state"]), arrays)
    if not isinstance(found, dict):
        raise ModelFileError("it has no state")
    return found


def _without_arrays(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    """Return a value for JSON, with names in place of arrays."""
    if isinstance(value, np.ndarray):
        name = str(len(arrays))
        arrays[name] = value
        return {ARRAY: name}
    if isinstance(value, dict):
        return {key: _without_arrays(part, arrays) for key, part in value.items()}
    if isinstance(value, list):
        return [_without_arrays(part, arrays) for part in value]
    return value


def _with_arrays(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    if isinstance(value, list):
        return [_with_arrays(part, arrays) for part in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {ARRAY}:
        return arrays.pop(value[ARRAY])
    return {key: _with_arrays(part, arrays) for key, part in value.items()}
