"""What is one video and what are many, and arrays of what users pass."""

from __future__ import annotations

import mimetypes
import sys
from collections.abc import Iterator, Mapping, Sequence, Set
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from skvas._on_demand import is_sequence_of_videos, refuse_cut_short
from skvas._typing import Videos
from skvas.validation._naming import naming_video

# Types of video files by the ends of their names, in small letters.
_VIDEO_TYPES = {
    ".3gp": "video/3gpp",
    ".asf": "video/x-ms-asf",
    ".avi": "video/x-msvideo",
    ".dv": "video/dv",
    ".flv": "video/x-flv",
    ".m2ts": "video/mp2t",
    ".m4v": "video/mp4",
    ".mkv": "video/matroska",
    ".mov": "video/quicktime",
    ".mp4": "video/mp4",
    ".mpeg": "video/mpeg",
    ".mpg": "video/mpeg",
    ".mts": "video/mp2t",
    ".mxf": "video/mxf",
    ".ogv": "video/ogg",
    ".ts": "video/mp2t",
    ".vob": "video/mpeg",
    ".webm": "video/webm",
    ".wmv": "video/x-ms-wmv",
    ".y4m": "video/x-yuv4mpeg",
}
VIDEO_SUFFIXES = tuple(_VIDEO_TYPES)
_NO_CONTAINER = (str, bytes, PathLike, Mapping, Set, Iterator)
_TABLE_SUFFIXES = (".csv", ".tsv", ".parquet")
_POSE_SUFFIXES = (".slp", ".c3d", ".json")
_ANY_SUFFIXES = (".h5", ".hdf5", ".npz", ".mat", ".pt", ".pkl")


def media_type(file: str | PathLike[str]) -> str | None:
    """Return the type of a media file by its name, the same on all systems for videos.

    Parameters
    ----------
    file : str or path-like
        The file, which need not be there.

    Returns
    -------
    str or None
        None for a name that says nothing.

    Examples
    --------
    >>> from skvas.validation import media_type
    >>> media_type("tea01.MP4"), media_type("tea01")
    ('video/mp4', None)
    """
    known = _VIDEO_TYPES.get(Path(file).suffix.lower())
    # What systems say of others depends on what is installed.
    return known or mimetypes.guess_type(fspath(file))[0]


def is_single_video(videos: Videos) -> bool:
    """Return whether the input is a single video, as opposed to a collection.

    An object with two axes is a single video, and so is a list of rows. A list, a
    tuple, a 1-D object array or a 3-D array whose items have two axes is a collection,
    even with a single item; so is a list of poses, which have three, and a sequence of
    your own, with a length and items. An empty list is an empty collection.

    Parameters
    ----------
    videos : array-like of shape (n_frames, n_features), or a collection of them
        The user's input. Its values are not checked.

    Returns
    -------
    bool
        True for a single video.

    Raises
    ------
    TypeError
        If the input is a generator, a dict, a set, a string, a path, a sparse matrix
        or another object that is not a container of numbers.
    ValueError
        If it can be meant in two ways: one array of three axes whose last has a length
        of 2 or 3 may be many videos, or the poses of one. A list of channels may be
        meant as rows.

    Examples
    --------
    >>> import numpy as np
    >>> from skvas.validation import is_single_video
    >>> is_single_video(np.zeros((100, 3)))
    True
    >>> is_single_video([np.zeros((100, 3))])
    False
    """
    refuse_container(videos)
    if is_sequence_of_videos(videos):
        return False
    if isinstance(videos, (list, tuple)):
        items = videos
        for index, item in enumerate(items):
            with naming_video(index):
                refuse_container(item)
    elif not hasattr(videos, "shape") and not hasattr(videos, "__array__"):
        hint = "make a list or an array of it first"
        if hasattr(videos, "groups"):  # of a data frame
            hint = "pass the data frames of its groups: [frame for _, frame in groups]"
        raise _not_a_container(videos, hint)
    else:
        n_dims = count_axes(videos)
        if n_dims == 3:
            _refuse_poses(videos)
        if n_dims != 1:
            return n_dims != 3
        array = to_numpy(videos)
        if array.dtype != object:
            return True
        items = list(array)
    # One item with two axes makes a collection, whose other items are then in error.
    if len(items) > 0 and max(map(count_axes, items)) <= 1:
        _refuse_channels(items)
        return True
    return False


def list_videos(videos: Videos) -> Sequence[Any]:
    """Return the videos of the input as a list, unchecked and unconverted.

    Parameters
    ----------
    videos : array-like of shape (n_frames, n_features), or a collection of them
        The user's input.

    Returns
    -------
    list
        The items of a collection, or the single video. A sequence of the user's, which
        is neither a list nor an array, is returned as it is.

    Raises
    ------
    TypeError
        As in `is_single_video`.

    Examples
    --------
    >>> import numpy as np
    >>> from skvas.validation import list_videos
    >>> len(list_videos(np.zeros((100, 4)))), len(list_videos(np.zeros((2, 100, 4))))
    (1, 2)
    """
    if is_sequence_of_videos(videos):
        return videos  # type: ignore[no-any-return]
    return [videos] if is_single_video(videos) else items_of(videos)


def refuse_container(item: Any) -> None:
    """Raise for types that are not arrays of numbers, with a hint."""
    if sparse.issparse(item) or _is_sparse_tensor(item):
        raise TypeError(
            "Sparse data was passed, but dense data is required: "
            "convert it with .toarray() (SciPy) or .to_dense() (torch)."
        )
    if isinstance(item, _NO_CONTAINER):
        if isinstance(item, Iterator):
            hint = "make a list or an array of it first"
        elif isinstance(item, Mapping) and "videos" in item:
            hint = "pass its videos, as in fit(data.videos)"
        elif isinstance(item, Mapping) and "data" in item:
            hint = "pass its arrays, one for each recording: fit([data.data])"
        elif isinstance(item, Mapping):
            hint = "pass its arrays as a list: list(videos.values())"
        elif isinstance(item, Set):
            hint = "a set has no order; pass a list"
        else:
            hint = _hint_for_path(item)
        raise _not_a_container(item, hint)
    if item is None:
        raise TypeError(
            "Expected an array of shape (n_frames, n_features), got None: give a list "
            "or an array, and leave recordings out that have none."
        )
    if hasattr(item, "data_vars"):
        raise _not_a_container(item, "read its poses with skvas.io.read_poses(dataset)")
    if hasattr(item, "collect_schema") and not hasattr(item, "__array__"):
        raise _not_a_container(item, "read its rows first, by its method collect")


def _hint_for_path(path: Any) -> str:
    """Say how to read what a path leads to, as far as its name tells."""
    name = path.decode(errors="replace") if isinstance(path, bytes) else str(path)
    name = name.lower()
    if name.endswith(VIDEO_SUFFIXES):
        return (
            "a video has no features yet; run 'skvas extract' on the file, or use "
            "skvas.features.FrameFeatures"
        )
    if name.endswith(_TABLE_SUFFIXES):
        return (
            "read the file first, with skvas.io.read_sensors (signals) or "
            "skvas.io.read_poses (DeepLabCut)"
        )
    if name.endswith(_POSE_SUFFIXES):
        return "read the file first, with skvas.io.read_poses"
    if name.endswith(_ANY_SUFFIXES):
        return (
            "read the file first: poses with skvas.io.read_poses, features as an "
            "array; or give skvas.fit_files the paths and, as read, a function that "
            "reads one"
        )
    return (
        "load the file first, for instance with numpy.load, or a folder with "
        "skvas.datasets.load_folder, skvas.io.read_sensors or skvas.io.read_poses"
    )


def _refuse_poses(videos: Any) -> None:
    """Refuse one array that may be many videos, or the poses of one."""
    shape = tuple(getattr(videos, "shape", None) or np.asarray(videos).shape)
    n, points, axes = shape
    if n and axes in (2, 3) and not isinstance(videos, np.ma.MaskedArray):
        raise ValueError(
            f"One array of shape {shape} has two meanings. If it is one recording of "
            f"{n} frames of {points} points, pass it in a list: [array]. If it is {n} "
            f"recordings of {points} frames and {axes} features, pass list(array)."
        )


def _refuse_channels(items: Sequence[Any]) -> None:
    """Refuse 1-D arrays that are channels, or recordings of one channel."""
    shapes = [getattr(item, "shape", None) for item in items]
    if not all(isinstance(shape, tuple) and len(shape) == 1 for shape in shapes):
        return
    if any(isinstance(item, np.ma.MaskedArray) for item in items):
        return
    lengths = [shape[0] for shape in shapes if shape is not None]
    if len({*lengths}) > 1 or len(lengths) < lengths[0]:
        raise ValueError(
            f"A list of {len(lengths)} one-dimensional arrays has two meanings. If "
            "they are the channels of one recording, pass "
            "numpy.column_stack(channels). If each is a recording of one channel, "
            "pass [channel[:, None] for channel in channels]."
        )


def _not_a_container(item: Any, hint: str) -> TypeError:
    return TypeError(
        "Expected an array of shape (n_frames, n_features) or a list of such arrays, "
        f"got a {type(item).__name__}: {hint}."
    )


def _is_tensor(item: Any) -> bool:
    torch = sys.modules.get("torch")  # a tensor implies that torch is imported
    return torch is not None and isinstance(item, torch.Tensor)


def _is_sparse_tensor(item: Any) -> bool:
    return _is_tensor(item) and item.layout is not sys.modules["torch"].strided


def count_axes(item: Any) -> int:
    """Count axes without conversion; in nested lists, along the first items."""
    if isinstance(item, (list, tuple)):
        return 1 + (count_axes(item[0]) if len(item) else 0)
    shape = getattr(item, "shape", None)
    if isinstance(shape, tuple):
        return len(shape)
    if hasattr(item, "__array__"):
        return np.asarray(item).ndim
    return 0


def items_of(collection: Any) -> list[Any]:
    """Return the items of a collection, unchecked and unconverted."""
    if isinstance(collection, (list, tuple)):
        return list(collection)
    if isinstance(collection, np.memmap):
        return list(collection)  # maps, which `numpy.asarray` would make arrays
    return list(to_numpy(collection))


def to_numpy(item: Any) -> np.ndarray:
    """Make an array of one video's data; masks and sparse formats are refused."""
    refuse_container(item)
    refuse_cut_short(item)
    if isinstance(item, np.ma.MaskedArray):
        raise ValueError(
            "Masked arrays are not supported because the mask would be ignored: "
            "fill them with .filled(value), or drop the masked frames."
        )
    if isinstance(item, np.matrix):
        raise TypeError("np.matrix is not supported: convert it with numpy.asarray.")
    if isinstance(item, (list, tuple)):
        # Rows may be tensors or masked arrays, which NumPy would join in silence.
        rows = [to_numpy(row) if count_axes(row) else row for row in item]
        shapes = [*dict.fromkeys(map(np.shape, rows))]
        if len({*map(len, shapes)}) > 1:
            raise ValueError(
                f"it is a {type(item).__name__} of items of different shapes, "
                f"{shapes[0]} and {shapes[1]}; give its frames alone, and labels as y."
            )
        if len(shapes) > 1:
            raise ValueError(
                "its frames differ in their number of features; give each as many."
            )
        return np.asarray(rows)
    if not _is_tensor(item):
        return np.asarray(item)
    torch = sys.modules["torch"]
    tensor = item.detach().cpu().resolve_conj().resolve_neg()
    numpy_floats = (torch.float16, torch.float32, torch.float64)
    if tensor.is_floating_point() and tensor.dtype not in numpy_floats:
        tensor = tensor.float()
    return np.asarray(tensor)
