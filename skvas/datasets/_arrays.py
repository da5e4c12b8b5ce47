"""Arrays of numbers from files that may be damaged."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

from skvas._atomic import open_regular

MAGIC = b"\x93NUMPY"


def read_array(path: str | os.PathLike[str], n_axes: Literal[1, 2, 3]) -> NDArray[Any]:
    """Read an array of real numbers from a ``.npy`` file or from text.

    A ``.npy`` file is known by its first bytes. What it says of its size is held
    against the length of the file before memory is taken; nothing in it is run.

    Parameters
    ----------
    path : str or path-like
        The file.
    n_axes : {1, 2, 3}
        The axes that the array must have.

    Returns
    -------
    ndarray
        Of any real type, the type of the file.

    Raises
    ------
    OSError
        If the file cannot be read or is no regular file; names it.
    ValueError
        If it does not hold such an array; names the file, whatever is wrong with it.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from skvas.datasets._arrays import read_array
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.save(Path(folder, "a.npy"), np.arange(3))
    ...     read_array(Path(folder, "a.npy"), 1)
    array([0, 1, 2])
    """
    path = Path(path)
    with _opening(path) as (stream, is_npy):
        if is_npy:
            shape, is_fortran, dtype = _read_header(stream)
            flat = np.fromfile(stream, dtype)
            if len(flat) != math.prod(shape):
                raise ValueError("it was cut off while it was read")
            array = flat.reshape(shape, order="F" if is_fortran else "C")
        else:
            array = np.loadtxt(
                path,
                dtype=np.float32,
                ndmin=1 if n_axes == 1 else 2,
                encoding="utf-8-sig",
            )
    _check_axes(path, array.shape, n_axes)
    return array


def read_shape(
    path: str | os.PathLike[str], n_axes: Literal[2, 3] = 2
) -> tuple[int, ...]:
    """Return the shape of an array in a file; of ``.npy`` by its header.

    Parameters
    ----------
    path : str or path-like
        A file for `read_array`.
    n_axes : {2, 3}, default=2
        The axes that the array must have.

    Returns
    -------
    tuple of int

    Raises
    ------
    OSError, ValueError
        As `read_array`.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from skvas.datasets._arrays import read_shape
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.save(Path(folder, "a.npy"), np.zeros((3, 2)))
    ...     read_shape(Path(folder, "a.npy"))
    (3, 2)
    """
    return read_layout(path, n_axes)[0]


def read_layout(
    path: str | os.PathLike[str], n_axes: Literal[2, 3] = 2
) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Return the shape and the type of an array in a file, as `read_shape` does.

    Parameters
    ----------
    path, n_axes
        As in `read_shape`.

    Returns
    -------
    tuple of int, dtype

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from skvas.datasets._arrays import read_layout
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.save(Path(folder, "a.npy"), np.zeros((3, 2)))
    ...     read_layout(Path(folder, "a.npy"))
    ((3, 2), dtype('float64'))
    """
    path = Path(path)
    with _opening(path) as (stream, is_npy):
        if is_npy:
            shape, _, dtype = _read_header(stream)
    if not is_npy:
        array = read_array(path, n_axes)
        shape, dtype = array.shape, array.dtype
    _check_axes(path, shape, n_axes)
    return shape, dtype


@contextmanager
def _opening(path: Path) -> Iterator[tuple[BinaryIO, bool]]:
    """Open a file, tell whether it is ``.npy``, and name it in all errors."""
    with open_regular(path) as stream, warnings.catch_warnings():
        # Of NumPy, about odd headers and empty texts; both are judged below.
        warnings.simplefilter("ignore")
        try:
            is_npy = path.suffix.lower() == ".npy"
            is_npy = is_npy or stream.read(len(MAGIC)) == MAGIC
            stream.seek(0)
            yield stream, is_npy
        except OSError:
            raise
        except Exception as error:  # NumPy raises all sorts on damaged headers
            reason = str(error).rstrip(".") or type(error).__name__
            remedy = "Save it as a plain array of floats by numpy.save"
            if isinstance(error, UnicodeDecodeError):
                reason = "it is neither a .npy file nor text"
                remedy += ", or give fit_files and predict_files a function that reads "
                remedy += "such files, as read"
            raise ValueError(
                f"{str(path)!r} is not a readable array of numbers ({reason}). "
                f"{remedy}."
            ) from error


def _check_axes(path: Path, shape: tuple[int, ...], n_axes: int) -> None:
    if len(shape) != n_axes:
        raise ValueError(
            f"{str(path)!r} must hold an array of {n_axes} axes, got shape {shape}."
        )


def _read_header(stream: BinaryIO) -> tuple[tuple[int, ...], bool, Any]:
    """Read the two versions of the format in which numbers are saved."""
    version = np.lib.format.read_magic(stream)
    read_header = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }.get(version)
    if read_header is None:
        raise ValueError(f"its format version is {version}")
    shape, is_fortran, dtype = read_header(stream)
    if dtype.kind not in "fiub":
        raise ValueError(f"it has elements of type {dtype}, expected real numbers")
    if not all(type(size) is int and size >= 0 for size in shape):
        raise ValueError(f"it has the impossible shape {shape}")
    expected = math.prod(shape) * dtype.itemsize
    found = os.fstat(stream.fileno()).st_size - stream.tell()
    if found != expected:
        raise ValueError(
            f"an array of shape {shape} and type {dtype} has {expected} bytes, and "
            f"there are {found}"
        )
    return shape, is_fortran, dtype
