"""Features that stay in their files until they are looked at."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skvas.datasets._arrays import read_array, read_layout
from skvas.datasets._recordings import Recordings
from skvas.validation import naming_video
from skvas.validation._containers import refuse_container

__all__ = ["SUFFIXES", "FeatureFile", "open_files", "read_features"]

SUFFIXES = (".npy", ".txt")


class FeatureFile:
    """The features of one recording, read from their file each time they are needed.

    NumPy takes it for an array, and so does everything that takes videos. Estimators
    read one such file at a time.

    Parameters
    ----------
    path : str or path-like
        A ``.npy`` or ``.txt`` file of shape (n_frames, n_features), unless `read` is
        given.
    read : callable, default=None
        From the path to its features, or to an object with such `features`.

    Attributes
    ----------
    filename : str
        The path.
    shape : tuple of two int
        Frames and features; of a ``.npy`` file known without reading it all.
    dtype : dtype
        That of the features: float32 of texts and of ``.npy`` files that hold it,
        float64 of other numbers, or what `read` gives.
    ndim : int
        2, but for poses that `read` gives.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from skvas.datasets import FeatureFile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.save(Path(folder, "a.npy"), np.ones((3, 2)))
    ...     video = FeatureFile(Path(folder, "a.npy"))
    ...     len(video), video.shape, np.asarray(video).sum()
    (3, (3, 2), np.float64(6.0))
    """

    is_read_on_demand = True

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        read: Callable[[Path], Any] | None = None,
    ) -> None:
        self.filename = os.fspath(path)
        self._read = read
        self._is_transposed = False
        self._shape: tuple[int, ...] | None = None
        self._dtype: np.dtype[Any] | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Frames and features."""
        self._find_layout()
        assert self._shape is not None
        return self._shape

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the features."""
        self._find_layout()
        assert self._dtype is not None
        return self._dtype

    @property
    def T(self) -> FeatureFile:
        """The same file with rows as columns."""
        other = FeatureFile(self.filename, read=self._read)
        other._is_transposed = not self._is_transposed
        other._shape = None if self._shape is None else self._shape[::-1]
        other._dtype = self._dtype
        return other

    def __len__(self) -> int:
        return self.shape[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        if self._read is None:
            array: NDArray[Any] = read_features(self.filename)
        else:
            found = self._read(Path(self.filename))
            array = np.asarray(getattr(found, "features", found))
        if self._is_transposed:
            array = np.ascontiguousarray(array.T)
        self._shape, self._dtype = array.shape, array.dtype
        return array if dtype is None else array.astype(dtype, copy=False)

    def __repr__(self) -> str:
        return f"FeatureFile({self.filename!r})"

    def _find_layout(self) -> None:
        """Learn shape and type, of a file of numbers without reading it all."""
        if self._shape is not None:
            return
        if self._read is not None:
            self.__array__()
            return
        shape, dtype = read_layout(self.filename)
        _refuse_empty(self.filename, shape)
        self._shape = shape[::-1] if self._is_transposed else shape
        self._dtype = _type_of_features(dtype)


def open_files(videos: Any) -> Any:
    """Return what paths to features lead to; anything else as it is.

    Parameters
    ----------
    videos : Videos
        What a user passes as videos.

    Returns
    -------
    Recordings, FeatureFile or object
        A file for one path; recordings for a list, a tuple, an array or a column of
        paths.

    Raises
    ------
    TypeError
        If one of several paths leads to no file of features, or arrays are among them.

    Examples
    --------
    >>> from skvas.datasets._on_disk import open_files
    >>> open_files(["a/01.npy", "a/02.npy"]).names
    ['01', '02']
    >>> open_files("a/01.npy")
    FeatureFile('a/01.npy')
    """
    if _is_path(videos):
        return FeatureFile(videos) if _has_features(videos) else videos
    items = _list_if_paths(videos)
    if not any(map(_is_path, items)):
        return videos
    for index, item in enumerate(items):
        if _is_path(item) and not _has_features(item):
            with naming_video(index):
                refuse_container(item)
    odd = next((i for i, item in enumerate(items) if not _is_path(item)), None)
    if odd is not None:
        raise TypeError(
            "Paths and other objects are mixed: expected paths alone or arrays alone, "
            f"but video {odd} is a {type(items[odd]).__name__}; load the files, for "
            "instance with numpy.load."
        )
    return as_recordings_of_files([Path(item) for item in items])


def _list_if_paths(videos: Any) -> Sequence[Any]:
    """Return the items of what may hold paths, or none."""
    if isinstance(videos, (list, tuple)):
        return videos
    shape = getattr(videos, "shape", None)
    if isinstance(shape, tuple) and len(shape) == 1 and shape[0]:
        return list(videos) if _is_path(next(iter(videos))) else ()
    return ()


def _is_path(item: Any) -> bool:
    return isinstance(item, (str, os.PathLike))


def _has_features(path: str | os.PathLike[str]) -> bool:
    return Path(path).suffix.lower() in SUFFIXES


def as_recordings_of_files(
    paths: list[Path], read: Callable[[Path], Any] | None = None
) -> Recordings:
    """Return files as recordings, called by their names, or by paths if names recur.

    Parameters
    ----------
    paths : list of Path
        Files of features.
    read : callable, default=None
        As in `FeatureFile`.

    Returns
    -------
    Recordings
    """
    names = [path.stem for path in paths]
    if len({*names}) < len(names):
        names = [str(path) for path in paths]
    return Recordings([FeatureFile(path, read=read) for path in paths], names)


def read_features(path: str | os.PathLike[str]) -> NDArray[Any]:
    """Read one array of features, which must be plain numbers in two dimensions.

    Parameters
    ----------
    path : str or path-like
        A ``.npy`` or ``.txt`` file.

    Returns
    -------
    ndarray of shape (n_frames, n_features)
        float32 of texts and of ``.npy`` files that hold it, else float64, as arrays are
        where videos are checked.
    """
    array = read_array(path, 2)
    _refuse_empty(path, array.shape)
    with np.errstate(over="ignore"):  # infinity is found where all videos are checked
        return np.ascontiguousarray(array, dtype=_type_of_features(array.dtype))


def _type_of_features(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return np.dtype(np.float32 if dtype.name == "float32" else np.float64)


def _refuse_empty(path: str | os.PathLike[str], shape: tuple[int, ...]) -> None:
    if 0 in shape:
        raise ValueError(f"{os.fspath(path)!r} is empty: its shape is {shape}.")
