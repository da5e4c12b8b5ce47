"""A reader of pickled arrays that runs nothing of what the file says.

A ``.npy`` file of objects is a pickle, and a pickle may name any function to be
called. Here the few names that a pickled array needs stand for small classes of our
own, every other name is refused, and memory stays within a few times the file's size.
"""

from __future__ import annotations

import io
import math
import os
import pickle
import pickletools
from typing import Any

import numpy as np

from skvas._atomic import open_regular

_DTYPES = ("f4", "f8", "i4", "i8", "O8")


class _DType:
    """Stands for numpy.dtype: plain little-endian numbers, or objects."""

    def __init__(self, code: str, align: Any = False, copy: Any = True) -> None:
        if code not in _DTYPES:
            raise pickle.UnpicklingError(f"the element type {code!r} is not read")
        self.code = code

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        expected = "|" if self.code == "O8" else "<"
        # version, byte order, then sub-array, names and fields: a plain type has none.
        if state[1] != expected or any(part is not None for part in state[2:5]):
            raise pickle.UnpicklingError("only plain little-endian types are read")


class _Array:
    """Stands for numpy.ndarray: `value` is the array, once the state is known."""

    value: Any

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, dtype, is_fortran, content = state
        if not isinstance(dtype, _DType) or not all(
            isinstance(size, int) and size >= 0 for size in shape
        ):
            raise pickle.UnpicklingError("the description of an array is malformed")
        if dtype.code == "O8":
            if shape != () or not isinstance(content, list) or len(content) != 1:
                raise pickle.UnpicklingError("only a single object is read")
            self.value = content[0]
            return
        if not isinstance(content, bytes):
            raise pickle.UnpicklingError("the content of an array is not bytes")
        flat = np.frombuffer(content, dtype="<" + dtype.code)
        if flat.size != math.prod(shape):
            raise pickle.UnpicklingError("an array's shape and content disagree")
        self.value = flat.reshape(shape, order="F" if is_fortran else "C")


def _reconstruct(subtype: Any, shape: Any, code: Any) -> _Array:
    """Stand for the function with which a pickled array begins."""
    return _Array()


def _encode(text: str, encoding: str) -> bytes:
    """Stand for codecs.encode: how old pickles write bytes."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"the encoding {encoding!r} is not read")
    return text.encode("latin1")


_NAMES: dict[tuple[str, str], Any] = {
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy", "ndarray"): "ndarray",  # an argument only, so not callable
    ("numpy", "dtype"): _DType,
    ("_codecs", "encode"): _encode,
}


class _ArrayUnpickler(pickle.Unpickler):
    """Unpickler that knows arrays of numbers and Python's own containers."""

    def find_class(self, module: str, name: str) -> Any:
        try:
            return _NAMES[module, name]
        except KeyError:
            raise pickle.UnpicklingError(
                f"the name {module}.{name} is refused"
            ) from None

    def persistent_load(self, pid: Any) -> Any:
        raise pickle.UnpicklingError("references to other files are refused")


def read_pickled_object(path: str | os.PathLike[str]) -> Any:
    """Read the one object of a pickled ``.npy`` file, running none of its code.

    Parameters
    ----------
    path : str or path-like
        A file that ``numpy.save`` wrote from a single object: numbers, strings and
        plain arrays of numbers, in lists, tuples and dictionaries.

    Returns
    -------
    object
        What the file holds, with arrays in place of pickled arrays.

    Raises
    ------
    OSError
        If the file cannot be read or is no regular file; names it.
    ValueError
        If the file is anything else.
    """
    with open_regular(path) as file:
        try:
            version = np.lib.format.read_magic(file)
            if version != (1, 0):
                raise ValueError(f"its format version is {version}, not (1, 0)")
            shape, _, dtype = np.lib.format.read_array_header_1_0(file)
            if dtype.kind != "O" or shape != ():
                raise ValueError(f"it has shape {shape} and dtype {dtype}")
            content = file.read()
            for position, (opcode, place, _) in enumerate(pickletools.genops(content)):
                check_place(opcode, place, position)
            return _unwrap(_ArrayUnpickler(io.BytesIO(content)).load(), {})
        except Exception as error:
            # A hostile pickle can raise nearly anything; to the caller it is all one.
            raise ValueError(
                f"{os.fspath(path)!r} is not a readable pickled array: {error}. "
                f"Expected a .npy file with one object made of numbers, strings and "
                f"arrays of numbers."
            ) from error


def check_place(opcode: pickletools.OpcodeInfo, place: Any, position: int) -> None:
    """Refuse a pickle that stores its nth item at a place far beyond n.

    The standard library makes room up to that place, however far it is.

    Parameters
    ----------
    opcode : OpcodeInfo
        Of any kind.
    place : object
        Its argument.
    position : int
        How many opcodes there are before.
    """
    if opcode.name.endswith("PUT") and int(place or 0) > position:
        raise pickle.UnpicklingError(f"place {place} of the memo is out of range")


def _unwrap(item: Any, done: dict[int, Any]) -> Any:
    """Replace the stand-ins for arrays by the arrays themselves.

    `done` holds what was replaced already: an item that occurs often is one object.
    """
    if id(item) in done:
        return done[id(item)]
    result = item
    if isinstance(item, _Array):
        result = _unwrap(item.value, done)
    elif isinstance(item, (list, tuple)):
        result = type(item)([_unwrap(part, done) for part in item])
    elif isinstance(item, dict):
        result = {key: _unwrap(part, done) for key, part in item.items()}
    done[id(item)] = result
    return result
