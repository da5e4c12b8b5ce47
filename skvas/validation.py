"""Checks of user input: videos, labels and parameters.

This module alone decides what the package accepts as one video or as many.
"""

from __future__ import annotations

import math
import re
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from numbers import Integral, Real
from os import PathLike
from typing import Any, Literal, TypeVar, overload

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_array, validate_data

from skvas._on_demand import (
    OnDemand,
    Shelf,
    VideosOnDemand,
    is_on_demand,
    is_sequence_of_videos,
)
from skvas._printing import shorten
from skvas._typing import Labels, Videos
from skvas.exceptions import InvalidParameterError

__all__ = [
    "VIDEO_SUFFIXES",
    "check_choice",
    "check_integer",
    "check_labels",
    "check_memory",
    "check_n_actions",
    "check_numbers",
    "check_real",
    "check_total_frames",
    "check_video",
    "check_videos",
    "is_single_video",
    "list_videos",
    "naming",
    "naming_video",
    "unchanged_on_failure",
    "warn_of_transposed",
]

Choice = TypeVar("Choice")

# How the names of video files end, in small letters.
VIDEO_SUFFIXES = (
    ".avi",
    ".m4v",
    ".mkv",
    ".mov",
    ".mp4",
    ".mpeg",
    ".mpg",
    ".webm",
    ".wmv",
)
_BYTES = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_NO_CONTAINER = (str, bytes, PathLike, Mapping, Set, Iterator)
_TABLE_SUFFIXES = (".csv", ".tsv", ".parquet")
_POSE_SUFFIXES = (".h5", ".hdf5", ".slp", ".c3d", ".json")


@contextmanager
def naming_video(index: int | None, name: str | None = None) -> Iterator[None]:
    """Prefix the message of an error inside with the index of a video.

    Parameters
    ----------
    index : int or None
        Index of the video in the user's list; None leaves errors unchanged.
    name : str, default=None
        What the user calls the video.

    Examples
    --------
    >>> from skvas.validation import naming_video
    >>> try:
    ...     with naming_video(7):
    ...         raise ValueError("too short")
    ... except ValueError as error:
    ...     print(error)
    video 7: too short
    """
    if index is None:
        yield
        return
    called = "" if name is None else f" ({name})"
    with naming(f"video {index}{called}"):
        yield


@contextmanager
def naming(what: str) -> Iterator[None]:
    """Prefix the message of an error inside with the name of an argument.

    Parameters
    ----------
    what : str
        What the error is about.

    Examples
    --------
    >>> from skvas.validation import naming
    >>> try:
    ...     with naming("reference"):
    ...         raise ValueError("too short")
    ... except ValueError as error:
    ...     print(error)
    reference: too short
    """
    try:
        yield
    except (ValueError, TypeError, OverflowError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        if isinstance(error, InvalidParameterError):
            kind = InvalidParameterError
        raise kind(f"{what}: {error}") from error


@contextmanager
def unchanged_on_failure(estimator: object | None) -> Iterator[None]:
    """Restore the attributes of an estimator if the block fails.

    A keyboard interrupt counts as a failure. Attributes are restored by reference:
    in-place changes of their values persist.

    Parameters
    ----------
    estimator : object or None
        The object to restore; None: no object.

    Examples
    --------
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skvas.validation import unchanged_on_failure
    >>> scaler = StandardScaler()
    >>> try:
    ...     with unchanged_on_failure(scaler):
    ...         scaler.mean_ = 3.0
    ...         raise ValueError
    ... except ValueError:
    ...     print(hasattr(scaler, "mean_"))
    False
    """
    if estimator is None:
        yield
        return
    before = vars(estimator).copy()
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
        raise


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
    _refuse_container(videos)
    if is_sequence_of_videos(videos):
        return False
    if isinstance(videos, (list, tuple)):
        items = videos
        for index, item in enumerate(items):
            with naming_video(index):
                _refuse_container(item)
    elif not hasattr(videos, "shape") and not hasattr(videos, "__array__"):
        raise _not_a_container(videos, "make a list or an array of it first")
    else:
        n_dims = _n_dims(videos)
        if n_dims == 3:
            _refuse_poses(videos)
        if n_dims != 1:
            return n_dims != 3
        array = _to_numpy(videos)
        if array.dtype != object:
            return True
        items = list(array)
    # One item with two axes makes a collection, whose other items are then in error.
    if len(items) > 0 and max(map(_n_dims, items)) <= 1:
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
    return [videos] if is_single_video(videos) else _items(videos)


def check_videos(
    videos: Videos,
    *,
    estimator: BaseEstimator | None = None,
    reset: bool = True,
    min_frames: int = 1,
    min_total_frames: int = 1,
    ensure_all_finite: bool | Literal["allow-nan"] = True,
    shelf: Shelf | None = None,
) -> Any:
    """Check videos and convert them to a list of arrays.

    A single video is an object with two axes, frames and features: an array, a list of
    rows, a pandas or polars data frame, a torch tensor (detached and moved to the CPU)
    or an object with ``__array__``. A collection is a list, a tuple, a 1-D object array
    or a 3-D array of such objects, or a sequence of your own, with a length and items.
    Its videos may differ in length, but must have the same number of features. A video
    in a collection may have three axes, such as poses of shape (n_frames, n_points,
    n_axes): the last two become one.

    Parameters
    ----------
    videos : array-like of shape (n_frames, n_features), or a collection of them
        The input, which is never changed.
    estimator : estimator, default=None
        The estimator that received the videos. Its `n_features_in_` and
        `feature_names_in_` are set if `reset` is True, else compared. Error messages
        contain its name.
    reset : bool, default=True
        Whether to set the features of the estimator: True in `fit`, False elsewhere.
    min_frames : int, default=1
        Minimum number of frames of each video.
    min_total_frames : int, default=1
        Minimum number of frames of all videos together.
    ensure_all_finite : bool or "allow-nan", default=True
        True rejects NaN and infinity, unless scikit-learn's setting `assume_finite`
        is on; "allow-nan" accepts NaN; False accepts both.
    shelf : Shelf, default=None
        Where what is made of videos is kept, if those on disk stay there: files,
        read-only memory maps, and sequences of your own. Each is checked now, and again
        each time that it is looked at. None: all are read into memory.

    Returns
    -------
    list of ndarray of shape (n_frames_i, n_features), or a sequence of them
        One read-only, C-contiguous array for each video, in native byte order: float32
        if the video is float32, else float64. An array that needs no conversion shares
        its memory with the input.

    Raises
    ------
    ValueError
        If there is no video, or if a video has a wrong shape, values that are not
        finite real numbers, or features that differ from those of the first video or
        of `fit`. For a collection, the message starts with the index of the invalid
        video, as in ``video 7: ...``. The attributes of `estimator` are left unchanged.
    TypeError
        If the input is a generator, a dict, a set, a string, a path or sparse.

    Examples
    --------
    >>> import numpy as np
    >>> from skvas.validation import check_videos
    >>> videos = check_videos([np.zeros((100, 3)), np.ones((80, 3), dtype=int)])
    >>> [video.shape for video in videos]
    [(100, 3), (80, 3)]
    >>> check_videos([np.zeros((100, 3)), np.zeros((80, 4))])
    Traceback (most recent call last):
        ...
    ValueError: video 1: X has 4 features, but video 0 has 3 features.
    """
    single = is_single_video(videos)
    items = list_videos(videos)
    if not len(items):
        raise ValueError("Expected at least one video, got an empty collection.")
    # Without an estimator, a bare one still compares the columns of data frames.
    owner = BaseEstimator() if estimator is None else estimator
    names = getattr(videos, "names", None) if isinstance(videos, list) else None

    def check(index: int, item: Any) -> np.ndarray:
        called = None if names is None else names[index]
        with naming_video(None if single else index, called):
            return _check_video(item, estimator, min_frames, ensure_all_finite)

    known = isinstance(videos, VideosOnDemand)
    stay = isinstance(videos, OnDemand) or (
        shelf is not None and (items is videos or any(map(is_on_demand, items)))
    )
    if isinstance(videos, OnDemand):
        shelf = videos.shelf
    looked_at = videos if known else VideosOnDemand(items, check, shelf or Shelf(0))
    checked: list[np.ndarray] = []
    width = 0
    with unchanged_on_failure(estimator):
        for index in range(1 if known else len(items)):
            if stay:
                item = video = videos[0] if known else looked_at.add()
            else:
                item = items[index]
                video = check(index, item)
                checked.append(video)
            with naming_video(None if single else index, names and names[index]):
                width = width or video.shape[1]
                _check_same_width(video, width)
                named = item if hasattr(item, "columns") else video
                learn = reset and not index
                validate_data(owner, named, reset=learn, skip_check_array=True)
        lengths = looked_at.lengths if stay else [len(video) for video in checked]
        check_total_frames(lengths, min_total_frames, estimator=estimator)
    return looked_at if stay else checked


def check_total_frames(
    lengths: Sequence[int], minimum: int, *, estimator: BaseEstimator | None = None
) -> None:
    """Check that videos have enough frames together.

    Parameters
    ----------
    lengths : sequence of int
        The number of frames of each video.
    minimum : int
        The smallest number of frames of all videos.
    estimator : estimator, default=None
        The estimator that needs them, for the message.

    Raises
    ------
    ValueError
        If there are fewer.

    Examples
    --------
    >>> from skvas.validation import check_total_frames
    >>> check_total_frames([100, 80], 8)
    """
    n_frames = sum(lengths)
    if n_frames < minimum:
        by = f" by {type(estimator).__name__}" if estimator is not None else ""
        raise ValueError(
            f"Found {n_frames} frame(s) in {len(lengths)} video(s) (n_samples = "
            f"{n_frames}) while a minimum of {minimum} is required{by}."
        )


def check_video(
    video: Any,
    *,
    min_frames: int = 1,
    ensure_all_finite: bool | Literal["allow-nan"] = True,
) -> np.ndarray:
    """Check one video and convert it, as `check_videos` does each of many.

    Parameters
    ----------
    video : array-like of shape (n_frames, n_features) or (n_frames, n_points, n_axes)
        The input, which is never changed; of poses the last two axes become one.
    min_frames : int, default=1
        Minimum number of frames.
    ensure_all_finite : bool or "allow-nan", default=True
        As in `check_videos`.

    Returns
    -------
    ndarray of shape (n_frames, n_features)
        Read-only, C-contiguous, in native byte order: float32 if the video is float32,
        else float64.

    Raises
    ------
    ValueError, TypeError
        As `check_videos`.

    Examples
    --------
    >>> import numpy as np
    >>> from skvas.validation import check_video
    >>> check_video([[1, 2], [3, 4]])
    array([[1., 2.],
           [3., 4.]])
    """
    return _check_video(video, None, min_frames, ensure_all_finite)


def check_numbers(values: Any) -> np.ndarray:
    """Convert an array of any shape, and refuse what `check_video` refuses as well.

    Parameters
    ----------
    values : array-like
        Real numbers: an array, a list, a data frame or a tensor.

    Returns
    -------
    ndarray
        In the same shape and type. NaN and infinity may be among them.

    Raises
    ------
    ValueError, TypeError
        If it is masked, sparse or no array, or holds dates, texts or complex numbers.

    Examples
    --------
    >>> from skvas.validation import check_numbers
    >>> check_numbers([[[1, 2]], [[3, 4]]]).shape
    (2, 1, 2)
    """
    array = _to_numpy(values)
    _check_kind(array)
    return array


def check_labels(
    labels: Labels, videos_or_lengths: Videos | Sequence[int] | int | None = None
) -> list[np.ndarray]:
    """Check labels of frames and convert them to a list of 1-D arrays.

    Parameters
    ----------
    labels : array-like of shape (n_frames,), or a collection of them
        One label for each frame, a number or a string. A flat array has the labels of
        one video; a list, tuple, 1-D object array or 2-D array of flat arrays has those
        of several videos.
    videos_or_lengths : videos, sequence of int, or int, default=None
        The videos of the labels, or their numbers of frames. An int is the number of
        frames of a single video. None: as many frames as there are labels.

    Returns
    -------
    list of ndarray of shape (n_frames_i,)
        The labels of each video, in their original type.

    Raises
    ------
    ValueError
        If the number of labels is not the number of frames, if labels are not 1-D or
        contain NaN or None, or if a video has None for its labels.
    TypeError
        If the labels are a generator, a dict, a set or a string.

    Examples
    --------
    >>> from skvas.validation import check_labels
    >>> check_labels([[0, 0, 1], ["a", "b"]], [3, 2])
    [array([0, 0, 1]), array(['a', 'b'], dtype='<U1')]
    >>> check_labels([[0, 0, 1], [1, 1]], [3, 4])
    Traceback (most recent call last):
        ...
    ValueError: video 1: expected one label a frame, got 2 labels for 4 frames.
    """
    lengths: list[int] | list[None] | None = None
    if videos_or_lengths is not None:
        lengths = _lengths(videos_or_lengths)
    single = _is_flat(labels)
    if not single or (lengths is not None and len(lengths) > 1):
        _refuse_unlabelled(labels)
    items = [labels] if single else _items(labels)
    if lengths is None:
        if _n_dims(labels) and len(labels) == 0:
            raise ValueError("Expected labels of at least one frame, got none.")
        lengths = [None] * len(items)
    if len(items) != len(lengths):
        raise ValueError(
            f"Expected labels of {len(lengths)} video(s), got {len(items)}."
        )
    checked = []
    for index, (item, n_frames) in enumerate(zip(items, lengths, strict=True)):
        with naming_video(None if single else index):
            checked.append(_check_frame_labels(item, n_frames))
    return checked


@overload
def check_real(
    name: str,
    value: Any,
    *,
    low: float | None = ...,
    high: float | None = ...,
    low_open: bool = ...,
    high_open: bool = ...,
    none_ok: Literal[False] = ...,
) -> float: ...
@overload
def check_real(
    name: str,
    value: Any,
    *,
    low: float | None = ...,
    high: float | None = ...,
    low_open: bool = ...,
    high_open: bool = ...,
    none_ok: bool,
) -> float | None: ...
def check_real(
    name: str,
    value: Any,
    *,
    low: float | None = None,
    high: float | None = None,
    low_open: bool = False,
    high_open: bool = False,
    none_ok: bool = False,
) -> float | None:
    """Check that a parameter is a finite real number within bounds.

    Parameters
    ----------
    name : str
        Name of the parameter, for the message.
    value : object
        The user's value. NumPy scalars are numbers; bools and strings are not.
    low, high : float, default=None
        Bounds; None: no bound.
    low_open, high_open : bool, default=False
        Whether the bound itself is excluded.
    none_ok : bool, default=False
        Whether None is a valid value.

    Returns
    -------
    float or None
        The value.

    Raises
    ------
    InvalidParameterError
        If the value is invalid.

    Examples
    --------
    >>> from skvas.validation import check_real
    >>> check_real("alpha", 1, low=0, high=1)
    1.0
    """
    if none_ok and value is None:
        return None
    number = math.nan
    if isinstance(value, Real) and not isinstance(value, bool):
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
    if not (
        math.isfinite(number)
        and (low is None or number > low or (number == low and not low_open))
        and (high is None or number < high or (number == high and not high_open))
    ):
        bounds = _describe_bounds(low, high, low_open, high_open)
        raise _invalid(name, value, f"a finite number{bounds}", none_ok)
    return number


@overload
def check_integer(
    name: str,
    value: Any,
    *,
    low: int | None = ...,
    high: int | None = ...,
    none_ok: Literal[False] = ...,
) -> int: ...
@overload
def check_integer(
    name: str,
    value: Any,
    *,
    low: int | None = ...,
    high: int | None = ...,
    none_ok: bool,
) -> int | None: ...
def check_integer(
    name: str,
    value: Any,
    *,
    low: int | None = None,
    high: int | None = None,
    none_ok: bool = False,
) -> int | None:
    """Check that a parameter is an integer within bounds.

    Parameters
    ----------
    name : str
        Name of the parameter, for the message.
    value : object
        The user's value. NumPy integers are integers; bools, strings and floats are
        not, even whole floats.
    low, high : int, default=None
        Inclusive bounds; None: no bound.
    none_ok : bool, default=False
        Whether None is a valid value.

    Returns
    -------
    int or None
        The value.

    Raises
    ------
    InvalidParameterError
        If the value is invalid.

    Examples
    --------
    >>> from skvas.validation import check_integer
    >>> check_integer("n_actions", 8, low=1)
    8
    """
    if none_ok and value is None:
        return None
    if (
        isinstance(value, bool)
        or not isinstance(value, Integral)
        or (low is not None and int(value) < low)
        or (high is not None and int(value) > high)
    ):
        bounds = _describe_bounds(low, high, False, False)
        raise _invalid(name, value, f"an integer{bounds}", none_ok)
    return int(value)


def check_choice(name: str, value: Any, choices: Sequence[Choice]) -> Choice:
    """Check that a parameter is one of the allowed values.

    Parameters
    ----------
    name : str
        Name of the parameter, for the message.
    value : object
        The user's value.
    choices : sequence
        Allowed values, of plain types such as str, bool or None.

    Returns
    -------
    object
        The choice that equals the value.

    Raises
    ------
    InvalidParameterError
        If no choice equals the value.

    Examples
    --------
    >>> from skvas.validation import check_choice
    >>> check_choice("recipe", "paper", ("informed", "paper"))
    'paper'
    """
    for choice in choices:
        # The type first: comparing an array with a string has no truth value.
        if isinstance(value, type(choice)) and value == choice:
            return choice
    raise _invalid(name, value, "one of " + ", ".join(map(repr, choices)), False)


def _invalid(
    name: str, value: Any, expected: str, none_ok: bool
) -> InvalidParameterError:
    if none_ok:
        expected += " or None"
    shown = shorten(value)
    if not isinstance(value, (Real, str)) or isinstance(value, bool):
        shown += f" of type {type(value).__name__}"
    return InvalidParameterError(f"{name} must be {expected}, got {shown}.")


def _describe_bounds(
    low: float | None, high: float | None, low_open: bool, high_open: bool
) -> str:
    if low is not None and high is not None:
        return f" in {'(' if low_open else '['}{low}, {high}{')' if high_open else ']'}"
    if low is not None:
        return f" {'>' if low_open else '>='} {low}"
    if high is not None:
        return f" {'<' if high_open else '<='} {high}"
    return ""


def _refuse_container(item: Any) -> None:
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


def _n_dims(item: Any) -> int:
    """Count axes without conversion; in nested lists, along the first items."""
    if isinstance(item, (list, tuple)):
        return 1 + (_n_dims(item[0]) if len(item) else 0)
    shape = getattr(item, "shape", None)
    if isinstance(shape, tuple):
        return len(shape)
    if hasattr(item, "__array__"):
        return np.asarray(item).ndim
    return 0


def _items(collection: Any) -> list[Any]:
    if isinstance(collection, (list, tuple)):
        return list(collection)
    return list(_to_numpy(collection))


def _is_flat(labels: Any) -> bool:
    """Return whether labels are those of one video."""
    _refuse_container(labels)
    if isinstance(labels, (list, tuple)):
        return len(labels) == 0 or max(map(_n_dims, labels)) == 0
    array = _to_numpy(labels)
    return array.ndim < 2 and (
        array.dtype != object or max(map(_n_dims, array), default=0) == 0
    )


def _to_numpy(item: Any) -> np.ndarray:
    """Make an array of one video's data; masks and sparse formats are refused."""
    _refuse_container(item)
    if isinstance(item, np.ma.MaskedArray):
        raise ValueError(
            "Masked arrays are not supported because the mask would be ignored: "
            "fill them with .filled(value), or drop the masked frames."
        )
    if isinstance(item, np.matrix):
        raise TypeError("np.matrix is not supported: convert it with numpy.asarray.")
    if isinstance(item, (list, tuple)):
        # Rows may be tensors or masked arrays, which NumPy would join in silence.
        rows = [_to_numpy(row) if _n_dims(row) else row for row in item]
        if len({np.shape(row) for row in rows}) > 1:
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


def _refuse_column(item: Any, array: np.ndarray) -> None:
    """Refuse one column of a data frame, and say how to pass it."""
    if array.ndim == 1 and (hasattr(item, "iloc") or hasattr(item, "to_frame")):
        raise ValueError(
            "Expected 2D array, got 1D array instead: a single column of a data frame. "
            'Pass a data frame of one column: frame[["name"]], or column.to_frame().'
        )


def _refuse_columns_of_text(item: Any) -> None:
    """Refuse columns of a data frame that hold dates or texts, by their names."""
    if not hasattr(item, "columns") or not hasattr(item, "dtypes"):
        return
    odd = [
        str(name)
        for name, dtype in zip(item.columns, list(item.dtypes), strict=True)
        if re.search(r"date|time|duration|str|utf8|object", str(dtype).lower())
        if not _holds_numbers(item[name])
    ]
    if odd:
        raise ValueError(
            f"Expected real numbers, but column(s) {', '.join(map(repr, odd))} hold "
            "dates or text. Drop them, or let skvas.io.read_sensors make a frame rate "
            "of a column of times."
        )


def _holds_numbers(column: Any) -> bool:
    values = np.asarray(column)
    return values.dtype == object and all(isinstance(v, Real) for v in values)


def _check_kind(array: np.ndarray) -> None:
    """Reject types that NumPy would silently convert to numbers."""
    if array.dtype.kind in "mM":
        raise ValueError(
            f"Expected real numbers, got dates or times ({array.dtype}): give the "
            "frame rate instead, or let skvas.io.read_sensors find it."
        )
    if array.dtype.kind == "c":
        raise ValueError(
            "Complex data not supported: pass real and imaginary parts, or magnitudes, "
            "as features of their own."
        )
    if array.dtype.kind in "USTV":
        raise ValueError(f"Expected real numbers, got data of type {array.dtype}.")
    if array.dtype == object:
        for value in array.flat:
            if isinstance(value, (str, bytes)):
                raise ValueError(f"Expected real numbers, got the string {value!r}.")


def _check_video(
    item: Any,
    estimator: BaseEstimator | None,
    min_frames: int,
    ensure_all_finite: bool | Literal["allow-nan"],
) -> np.ndarray:
    _refuse_columns_of_text(item)
    array = _to_numpy(item)
    _refuse_column(item, array)
    _check_kind(array)
    if array.ndim == 3:  # poses
        array = array.reshape(len(array), math.prod(array.shape[1:]))
    if array.dtype.kind == "f" and not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    # pandas' own types (nullable numbers) are left to scikit-learn, which knows them.
    data = item if hasattr(item, "iloc") else array
    try:
        # An overflow becomes an infinity, which check_array rejects.
        with np.errstate(over="ignore", invalid="ignore"):
            video = data
            if not _is_checked(data, min_frames):
                video = check_array(
                    data,
                    dtype=[np.float64, np.float32],
                    order="C",
                    ensure_all_finite=ensure_all_finite,
                    ensure_min_samples=min_frames,
                    estimator=estimator,
                    input_name="X",
                )
    except OverflowError as error:
        raise ValueError(f"A number is too large for float64: {error}.") from error
    except ValueError as error:
        raise _locate_gaps(data, error) from error
    view: np.ndarray = np.require(video, requirements=["C", "A"]).view()
    view.flags.writeable = False
    return view


def _is_checked(data: Any, min_frames: int) -> bool:
    """Tell of an array that has nothing to convert or to refuse, as most have."""
    return (
        type(data) is np.ndarray
        and data.ndim == 2
        and data.dtype in (np.float64, np.float32)
        and data.flags.c_contiguous
        and len(data) >= max(min_frames, 1)
        and data.shape[1] > 0
        and bool(np.isfinite(data.sum()))
    )


def _locate_gaps(data: Any, error: ValueError) -> ValueError:
    """Return an error about NaN or infinity that says where, and what to do."""
    if "Input X contains" not in str(error):
        return error
    with np.errstate(over="ignore", invalid="ignore"):
        if hasattr(data, "iloc"):  # pandas has a missing value of its own
            frames = data.to_numpy(dtype=np.float64, na_value=np.nan)
        else:
            frames = np.asarray(data, dtype=np.float64)
    # Not what is in the frames: where NaN may pass, there may be NaN beside infinity.
    kind = "NaN" if "contains NaN" in str(error) else "infinity"
    bad = np.isnan(frames) if kind == "NaN" else np.isinf(frames)
    rows = np.flatnonzero(bad.any(axis=1))
    if not len(rows):
        return error
    run = np.flatnonzero(np.diff(rows) > 1)
    last = rows[run[0]] if len(run) else rows[-1]
    where = f"frame {rows[0]}" if last == rows[0] else f"frames {rows[0]} to {last}"
    remedies = (
        "Fill short gaps with skvas.preprocessing.Interpolate (of poses, with "
        "PoseFeatures), before or in features=; or cut the recording there."
        if kind == "NaN"
        else "Mark such values as NaN and fill them with "
        "skvas.preprocessing.Interpolate, or cut the recording there."
    )
    return ValueError(
        f"Input X contains {kind} in {len(rows)} of {len(frames)} frames, first in "
        f"{where}. {remedies}"
    )


def warn_of_transposed(videos: Sequence[np.ndarray]) -> None:
    """Warn if all videos look as if frames and features were exchanged.

    Parameters
    ----------
    videos : sequence of ndarray of shape (n_frames_i, n_features)
        Checked videos of one fit. They look exchanged if they all have one shape, with
        more features than frames, and if neighbouring frames are not clearly more alike
        than neighbouring features.

    Examples
    --------
    >>> import numpy as np
    >>> from skvas.validation import warn_of_transposed
    >>> walk = np.random.default_rng(0).normal(size=(500, 6)).cumsum(axis=0)
    >>> warn_of_transposed([walk, walk])
    """
    if isinstance(videos, VideosOnDemand):
        shapes = {*videos.shapes}
    else:
        shapes = {video.shape for video in videos}
    n_frames, n_features = next(iter(shapes))
    if len(videos) < 2 or len(shapes) > 1 or n_features <= n_frames or n_frames < 2:
        return
    first = np.asarray(videos[0], dtype=np.float64)
    first = first / (np.abs(first).max() or 1.0)
    of_time, of_features = (np.abs(np.diff(first, axis=k)).mean() for k in (0, 1))
    if of_time < 0.8 * of_features:
        return
    warnings.warn(
        f"Each of the {len(videos)} videos has {n_frames} frames and {n_features} "
        "features. If rows are features and columns are frames, pass "
        "[video.T for video in videos].",
        UserWarning,
        stacklevel=4,
    )


def _check_same_width(video: np.ndarray, width: int) -> None:
    if video.shape[1] != width:
        raise ValueError(
            f"X has {video.shape[1]} features, but video 0 has {width} features."
        )


def _lengths(videos_or_lengths: Any) -> list[int]:
    if isinstance(videos_or_lengths, Integral):
        return [int(videos_or_lengths)]
    if _n_dims(videos_or_lengths) == 1 and all(
        isinstance(n, Integral) for n in videos_or_lengths
    ):
        return [int(n) for n in videos_or_lengths]
    return [len(_to_numpy(video)) for video in list_videos(videos_or_lengths)]


def _refuse_unlabelled(labels: Any) -> None:
    """Refuse None in place of all labels of a video, as folders have it."""
    lacking = [index for index, item in enumerate(labels) if item is None]
    if lacking:
        raise ValueError(
            f"video {lacking[0]} has no labels (None): leave it out, of labels and "
            "videos alike, as in labelled = [i for i, y in enumerate(labels) if y is "
            "not None]."
        )


def _check_frame_labels(item: Any, n_frames: int | None) -> np.ndarray:
    labels = _to_numpy(item)
    if labels.ndim != 1:
        raise ValueError(
            f"expected labels of shape (n_frames,), got an array of shape "
            f"{labels.shape}."
        )
    if n_frames is not None and len(labels) != n_frames:
        raise ValueError(
            f"expected one label a frame, got {len(labels)} labels for "
            f"{n_frames} frames."
        )
    if labels.dtype.kind == "f" and not np.isfinite(labels).all():
        raise ValueError("labels contain NaN or infinity.")
    is_list = isinstance(item, (list, tuple))
    if labels.dtype == object or (is_list and labels.dtype.kind == "U"):
        values = item if is_list else labels  # NaN in a list would become a text
        missing = [i for i, value in enumerate(values) if is_missing(value)]
        if missing:
            raise ValueError(
                f"{len(missing)} of {len(labels)} frames have no label, first frame "
                f"{missing[0]}: {values[missing[0]]!r}; leave them out, or give them a "
                "label of their own, such as that of background."
            )
    return labels


def is_missing(value: Any) -> bool:
    """Return whether an entry is None, NaN, or what pandas has for missing ones."""
    if value is None or type(value).__name__ == "NAType":
        return True
    is_array = getattr(value, "ndim", 0) > 0  # in a cell of a data frame
    return not is_array and bool(value != value)


def check_n_actions(
    value: Any, *, auto: int | tuple[int, int] = (2, 20)
) -> tuple[int, int]:
    """Check a number of actions, or a range to choose it from.

    Parameters
    ----------
    value : int, tuple of two int or "auto"
        What the user passed.
    auto : int or tuple of two int, default=(2, 20)
        What "auto" stands for.

    Returns
    -------
    tuple of two int
        The smallest and the largest number.

    Raises
    ------
    InvalidParameterError
        If the value is anything else.

    Examples
    --------
    >>> from skvas.validation import check_n_actions
    >>> check_n_actions(7), check_n_actions((3, 9))
    ((7, 7), (3, 9))
    """
    if isinstance(value, str) and value == "auto":
        value = auto
    if isinstance(value, tuple) and len(value) == 2:
        low = check_integer("the smallest of n_actions", value[0], low=1)
        return low, check_integer("the largest of n_actions", value[1], low=low)
    if isinstance(value, (str, tuple)):
        raise InvalidParameterError(
            "n_actions must be an integer, a tuple of the smallest and the largest "
            f'to choose from, or "auto", got {value!r}.'
        )
    return (check_integer("n_actions", value, low=1),) * 2


def check_memory(limit: Any) -> float:
    """Check an amount of memory.

    Parameters
    ----------
    limit : int, str or None
        What the user passed: bytes, or a text such as "500MB" or "2GB".

    Returns
    -------
    float
        Bytes; infinity for None.

    Raises
    ------
    InvalidParameterError
        If the value is anything else, or not positive.

    Examples
    --------
    >>> from skvas.validation import check_memory
    >>> check_memory("1.5 MB")
    1500000.0
    """
    if limit is None:
        return np.inf
    if isinstance(limit, str):
        parts = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?B)\s*", limit.upper())
        size = float(parts[1]) * _BYTES[parts[2]] if parts else 0.0
    else:
        size = float(limit) if isinstance(limit, (int, np.integer)) else 0.0
    if size <= 0 or isinstance(limit, bool):
        raise InvalidParameterError(
            'memory_limit must be None, a positive number of bytes or such as "2GB", '
            f"got {shorten(limit)}."
        )
    return size
