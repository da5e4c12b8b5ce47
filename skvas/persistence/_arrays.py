"""Files of named arrays and texts: the layout of safetensors, a digest, and limits.

Nothing in such a file is code, a compressed stream or a name of a file. All that it
claims is held against its true size before memory is taken.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from skvas._atomic import naming_file, replacing
from skvas.exceptions import ModelFileError

MAX_BYTES = 4 * 2**30
MAX_HEADER_BYTES = 32 * 2**20
MAX_ARRAYS = 100_000
MAX_DEPTH = 64
# How pickles start, of protocol 2 and later.
PICKLED = b"\x80"

# Little-endian, as the layout has it.
DTYPES = {
    "BOOL": np.dtype("?"),
    "U8": np.dtype("u1"),
    "I8": np.dtype("i1"),
    "U16": np.dtype("<u2"),
    "I16": np.dtype("<i2"),
    "U32": np.dtype("<u4"),
    "I32": np.dtype("<i4"),
    "U64": np.dtype("<u8"),
    "I64": np.dtype("<i8"),
    "F16": np.dtype("<f2"),
    "F32": np.dtype("<f4"),
    "F64": np.dtype("<f8"),
}
NAMES = {dtype: name for name, dtype in DTYPES.items()}
# Stands in the header while the digest of the whole is computed.
NO_DIGEST = "0" * 64


def is_storable(dtype: np.dtype) -> bool:
    """Tell whether arrays of a type can be in a file, as numbers."""
    return dtype.newbyteorder("<") in NAMES


def write_arrays(
    path: str | os.PathLike[str],
    arrays: Mapping[str, np.ndarray],
    texts: Mapping[str, str],
) -> None:
    """Write arrays and texts to a file, whole or not at all.

    Parameters
    ----------
    path : str or path-like
        The file; replaced if it is there.
    arrays : mapping of str to ndarray
        Of a type that `is_storable`.
    texts : mapping of str to str
        What else the file shall say.

    Raises
    ------
    ValueError
        If the file would be larger than `read_arrays` reads.
    OSError
        If the file cannot be written; names it.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from skvas.persistence._arrays import read_arrays, write_arrays
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "arrays")
    ...     write_arrays(path, {"a": np.arange(3)}, {"about": "numbers"})
    ...     read_arrays(path)
    ({'a': array([0, 1, 2])}, {'about': 'numbers'})
    """
    parts = {name: _little_endian(array) for name, array in arrays.items()}
    table: dict[str, Any] = {"__metadata__": {"sha256": NO_DIGEST, **texts}}
    end = 0
    for name, array in parts.items():
        begin, end = end, end + array.nbytes
        table[name] = {
            "dtype": NAMES[array.dtype],
            "shape": list(array.shape),
            "data_offsets": [begin, end],
        }
    header = json.dumps(table, separators=(",", ":"), allow_nan=False).encode()
    header += b" " * (-len(header) % 8)
    _check_limits(len(parts), len(header), 8 + len(header) + end)
    digest = hashlib.sha256(header)
    for array in parts.values():
        digest.update(_data(array))
    signed = header.replace(NO_DIGEST.encode(), digest.hexdigest().encode(), 1)
    with replacing(path) as temporary, temporary.open("wb") as stream:
        stream.write(len(signed).to_bytes(8, "little") + signed)
        for array in parts.values():
            stream.write(_data(array))


def read_arrays(
    path: str | os.PathLike[str],
) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Read arrays and texts that `write_arrays` has written.

    Parameters
    ----------
    path : str or path-like
        The file, from wherever it may come.

    Returns
    -------
    arrays : dict of str to ndarray
        The arrays, each with memory of its own.
    texts : dict of str to str
        What else the file says.

    Raises
    ------
    ModelFileError
        If the file is not whole or not of this layout.
    OSError
        If the file cannot be read; names it.
    """
    with naming_file(path, "read"):
        status = Path(path).stat()
        if stat.S_ISDIR(status.st_mode):
            raise IsADirectoryError(21, "Is a directory")
        if not stat.S_ISREG(status.st_mode):  # such as a pipe, which has no end
            raise ModelFileError("it is no regular file")
        with open(path, "rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            header = _read_header(stream, size)
            table, texts = _parse_header(header, size - 8 - len(header))
            claimed = texts.pop("sha256").encode()
            digest = hashlib.sha256(header.replace(claimed, NO_DIGEST.encode(), 1))
            arrays = {}
            for name, (dtype, shape) in table.items():
                array = np.empty(shape, dtype)
                _fill(stream, _data(array))
                digest.update(_data(array))
                if dtype == np.bool_ and array.view(np.uint8).max(initial=0) > 1:
                    raise ModelFileError(f"array {name!r} is not of true and false")
                arrays[name] = array.astype(dtype.newbyteorder("="), copy=False)
    if digest.hexdigest().encode() != claimed:
        raise ModelFileError("it was changed after it was written, or is damaged")
    return arrays, texts


def _little_endian(array: np.ndarray) -> np.ndarray:
    return np.asarray(array, array.dtype.newbyteorder("<"), order="C")


def _check_limits(n_arrays: int, header_bytes: int, n_bytes: int) -> None:
    for number, limit, unit in (
        (n_arrays, MAX_ARRAYS, "arrays"),
        (header_bytes, MAX_HEADER_BYTES, "bytes of header"),
        (n_bytes, MAX_BYTES, "bytes"),
    ):
        if number > limit:
            raise ValueError(
                f"A model file has at most {limit} {unit}, this would be {number}."
            )


def _read_header(stream: BinaryIO, size: int) -> bytes:
    if not 8 <= size <= MAX_BYTES:
        raise ModelFileError(f"it has {size} bytes, expected 8 to {MAX_BYTES}")
    start = stream.read(8)
    length = int.from_bytes(start, "little")
    if length > min(MAX_HEADER_BYTES, size - 8):
        if start[:1] == PICKLED:
            raise ModelFileError(
                "it looks like a pickle, which runs code when it is read: if you trust "
                "it, use joblib.load or pickle.load"
            )
        raise ModelFileError(
            f"it was not written by skvas, or is damaged: a header of {length} bytes "
            "has no room in it"
        )
    header = stream.read(length)
    if len(header) < length:
        raise ModelFileError("it ends too early")
    return header


def _data(array: np.ndarray) -> memoryview:
    return array.reshape(-1).view(np.uint8).data


def _fill(stream: BinaryIO, view: memoryview) -> None:
    while len(view):
        n_read = stream.readinto(view)  # type: ignore[attr-defined]
        if not n_read:
            raise ModelFileError("it ends too early")
        view = view[n_read:]


def _parse_header(
    header: bytes, n_bytes: int
) -> tuple[dict[str, tuple[np.dtype, tuple[int, ...]]], dict[str, str]]:
    """Return types and shapes in the order of the data, and the texts."""
    table = parse_json(header)
    texts = table.pop("__metadata__", None) if isinstance(table, dict) else None
    if not isinstance(texts, dict) or not all(
        isinstance(text, str) for text in texts.values()
    ):
        raise ModelFileError("its header is not that of a model file")
    digest = texts.get("sha256", "")
    if len(digest) != len(NO_DIGEST) or not digest.isascii():
        raise ModelFileError("its header has no digest")
    if len(table) > MAX_ARRAYS:
        raise ModelFileError(f"it has {len(table)} arrays, at most {MAX_ARRAYS} may be")
    found: dict[str, tuple[np.dtype, tuple[int, ...]]] = {}
    end = 0
    for name, entry in table.items():
        dtype, shape, offsets = _parse_entry(name, entry)
        begin, end = end, end + math.prod(shape) * dtype.itemsize
        if offsets != [begin, end] or end > n_bytes:
            raise ModelFileError(f"array {name!r} is not where its shape puts it")
        found[name] = (dtype, shape)
    if end != n_bytes:
        raise ModelFileError(f"it has {n_bytes} bytes of arrays, expected {end}")
    return found, texts


def _parse_entry(name: str, entry: Any) -> tuple[np.dtype, tuple[int, ...], Any]:
    keys = {"dtype", "shape", "data_offsets"}
    if not isinstance(entry, dict) or entry.keys() != keys:
        raise ModelFileError(f"array {name!r} is not described")
    dtype, shape = entry["dtype"], entry["shape"]
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise ModelFileError(f"array {name!r} has an unknown type")
    if (
        not isinstance(shape, list)
        or len(shape) > 8
        or not all(type(length) is int and 0 <= length <= MAX_BYTES for length in shape)
    ):
        raise ModelFileError(f"array {name!r} has an impossible shape")
    return DTYPES[dtype], tuple(shape), entry["data_offsets"]


def parse_json(text: bytes | str) -> Any:
    """Parse JSON of bounded depth, without NaN and without a key given twice."""
    data = text.encode() if isinstance(text, str) else text
    _check_depth(data)
    try:
        return json.loads(
            data, object_pairs_hook=_unique_keys, parse_constant=_refuse_constant
        )
    except ModelFileError:
        raise
    except ValueError as error:  # no JSON, no UTF-8, or numbers of very many digits
        raise ModelFileError(f"a text in it is no JSON: {error}") from error


def _check_depth(data: bytes) -> None:
    """Refuse JSON that is nested too deeply, before a parser recurses into it."""
    depth, in_string, escaped = 0, False, False
    for byte in data:
        if in_string:
            in_string = escaped or byte != 0x22
            escaped = not escaped and byte == 0x5C
        elif byte == 0x22:
            in_string = True
        elif byte in b"[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise ModelFileError(f"it is nested more than {MAX_DEPTH} deep")
        elif byte in b"]}":
            depth -= 1


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ModelFileError("its header gives a key twice")
    return found


def _refuse_constant(name: str) -> None:
    raise ModelFileError(f"its header has the number {name}")
