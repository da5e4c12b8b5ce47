"""Digests of models: the same for all that label alike, in whatever process."""

from __future__ import annotations

import copyreg
import hashlib
import json
from collections.abc import Iterable
from types import FunctionType
from typing import Any

import numpy as np
import torch

from skvas.exceptions import InvalidParameterError
from skvas.persistence._state import StateWriter

_PLAIN = (type(None), bool, int, float, complex, str, bytes)
# Attributes of estimators that no label depends on.
_IDLE = {"n_jobs", "verbose", "memory", "_sklearn_version", "_skvas_version"}


def digest_labelling(model: Any) -> str:
    """Return a digest of what the labels of a model depend on.

    Parameters
    ----------
    model : estimator
        A fitted one that labels frames: of skvas, a pipeline, or another one.

    Returns
    -------
    str
        The same after pickling, after the same fit, and for any `n_jobs`.
    """
    if not _has_labels(model):
        return _Contents().of(model).hex()
    writer, state = StateWriter(), {}
    for name, value in model._label_state().items():
        try:
            state[name] = writer.node(value, name)
        except InvalidParameterError:  # it has a transformer of the user's
            state[name] = _Contents().of(value).hex()
    digest = hashlib.sha256(json.dumps(state).encode())
    for array in writer.arrays.values():
        digest.update(array.tobytes())
    return digest.hexdigest()


def _has_labels(value: Any) -> bool:
    """Return whether a value is a fitted estimator of skvas that labels frames."""
    return hasattr(type(value), "_label_state") and hasattr(value, "settings_")


class _Contents:
    """Digests of any objects, by what they hold and not by how they lie in memory."""

    def __init__(self) -> None:
        self._open: set[int] = set()

    def of(self, value: Any) -> bytes:
        """Return the digest of an object."""
        kind = type(value)
        digest = hashlib.sha256(f"{kind.__module__}.{kind.__qualname__}".encode())
        for part in self._parts(value):
            digest.update(len(part).to_bytes(8, "big"))
            digest.update(part)
        return digest.digest()

    def _parts(self, value: Any) -> Iterable[bytes]:
        if type(value) in _PLAIN:
            return [repr(value).encode()]
        if isinstance(value, type):
            return [f"{value.__module__}.{value.__qualname__}".encode()]
        if id(value) in self._open:
            return [b"itself"]
        self._open.add(id(value))
        try:
            return self._inner_parts(value)
        finally:
            self._open.remove(id(value))

    def _inner_parts(self, value: Any) -> list[bytes]:
        kind = type(value)
        if kind in (list, tuple):
            return [self.of(part) for part in value]
        if kind in (set, frozenset):
            return sorted(map(self.of, value))
        if kind is dict:
            return sorted(self.of(key) + self.of(part) for key, part in value.items())
        if kind is np.ndarray:
            data = value.tolist() if value.dtype.hasobject else value.tobytes()
            return [self.of(part) for part in (value.dtype, value.shape, data)]
        if isinstance(value, torch.Tensor):
            flat = value.detach().cpu().reshape(-1).view(torch.uint8)
            form = str(value.dtype), tuple(value.shape)
            return [self.of(form), self.of(flat.numpy())]
        if kind is FunctionType:
            return [self.of(part) for part in _parts_of_function(value)]
        if _has_labels(value):
            return [digest_labelling(value).encode()]
        return self._pickled_parts(value)

    def _pickled_parts(self, value: Any) -> list[bytes]:
        """Return digests of what pickle would make an object of."""
        reduce = copyreg.dispatch_table.get(type(value))
        found = value.__reduce_ex__(2) if reduce is None else reduce(value)
        if isinstance(found, str):
            return [found.encode()]
        make, args, state, items, pairs = (*found, None, None, None)[:5]
        if hasattr(value, "get_params") and isinstance(state, dict):
            state = {key: part for key, part in state.items() if key not in _IDLE}
        parts = (make, args, state, list(items or ()), dict(pairs or ()))
        return [self.of(part) for part in parts]


def _parts_of_function(function: FunctionType) -> list[Any]:
    """Return the name of a function, and of one that cannot be imported its code."""
    name = f"{function.__module__}.{function.__qualname__}"
    if "<" not in name:
        return [name]
    code = function.__code__
    constants = [c for c in code.co_consts if type(c) in (*_PLAIN, tuple)]
    cells = [cell.cell_contents for cell in function.__closure__ or ()]
    given = (function.__defaults__, function.__kwdefaults__, cells)
    return [name, code.co_code, code.co_names, constants, given]
