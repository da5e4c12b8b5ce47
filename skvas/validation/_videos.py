"""Checks of videos."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Sequence
from numbers import Real
from typing import Any, Literal

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_array, validate_data

from skvas._on_demand import (
    OnDemand,
    Shelf,
    VideosOnDemand,
    copy_of_map,
    is_on_demand,
)
from skvas._printing import name_first
from skvas._typing import Videos
from skvas.validation._containers import is_single_video, list_videos, to_numpy
from skvas.validation._naming import (
    are_same_names,
    name_key,
    naming_video,
    unchanged_on_failure,
)


def check_videos(
    videos: Videos,
    *,
    estimator: BaseEstimator | None = None,
    reset: bool = True,
    min_frames: int = 1,
    min_total_frames: int = 1,
    ensure_all_finite: bool | Literal["allow-nan"] = True,
    shelf: Shelf | None = None,
    feature_names: Sequence[str] | None = None,
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
    feature_names : sequence of str, default=None
        What recordings called the features of `fit`, which data frames must do too
        where the estimator has no `feature_names_in_`. None: it is not known.

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
            data = copy_of_map(item) if stay else item
            return _check_video(data, estimator, min_frames, ensure_all_finite)

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
                named = _with_names(item) if hasattr(item, "columns") else video
                learn = reset and not index
                if index and (reset or estimator is None):
                    _refuse_unlike_first(item, items[0])
                if feature_names and not hasattr(owner, "feature_names_in_"):
                    _refuse_other_columns(item, feature_names)
                    named = video  # whose fit had arrays, too
                if learn or not _has_columns_of(owner, item):
                    validate_data(owner, named, reset=learn, skip_check_array=True)
        lengths = looked_at.lengths if stay else [len(video) for video in checked]
        check_total_frames(lengths, min_total_frames, estimator=estimator)
    return looked_at if stay else checked


def check_total_frames(
    lengths: Sequence[int],
    minimum: int,
    *,
    estimator: BaseEstimator | None = None,
    hint: str = "",
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
    hint : str, default=""
        What to do, for the message.

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
            f"{n_frames}) while a minimum of {minimum} is required{by}{hint}."
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
    array = to_numpy(values)
    _check_kind(array)
    return array


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


def warn_of_second_video(
    videos: Sequence[np.ndarray], y: Any, *, stacklevel: int = 3
) -> None:
    """Warn if a `y` that has no use looks like another video.

    Parameters
    ----------
    videos : sequence of ndarray of shape (n_frames_i, n_features)
        Checked videos of one fit.
    y : object
        What `fit` was given beside them.
    stacklevel : int, default=3
        Frames up to whoever called `fit`; a decorator of `fit` is one more.

    Examples
    --------
    >>> import numpy as np
    >>> from skvas.validation import warn_of_second_video
    >>> warn_of_second_video([np.zeros((9, 2))], np.zeros(9))
    """
    shape = tuple(getattr(y, "shape", ()))
    if len(videos) > 1 or len(shape) != 2 or shape[1] < 2:
        return
    if shape[1] == videos[0].shape[1]:
        warnings.warn(
            f"fit takes videos as its first argument, and ignores y, an array of shape "
            f"{shape}. If it is another video, pass both in a list: fit([x, y]).",
            UserWarning,
            stacklevel=stacklevel,
        )


def _has_columns_of(estimator: Any, frame: Any) -> bool:
    """Return whether a data frame has the columns of `fit`, whatever their spelling."""
    known = getattr(estimator, "feature_names_in_", None)
    columns = getattr(frame, "columns", None)
    return known is not None and columns is not None and are_same_names(columns, known)


def _refuse_unlike_first(frame: Any, first: Any) -> None:
    """Refuse a data frame that has other columns than the first one, or another order.

    scikit-learn would call those of the first one those of fit.
    """
    columns, known = ([*getattr(item, "columns", ())] for item in (frame, first))
    is_named = all(isinstance(name, str) for name in [*columns, *known])
    if not columns or not known or not is_named or are_same_names(columns, known):
        return
    place = _first_unlike(columns, known)
    raise ValueError(
        "Data frames must have the same columns in the same order, but column "
        f"{place} is {columns[place]!r}, and {known[place]!r} in video 0. If only the "
        "order differs, pass frame[columns], with the columns of one of them."
    )


def _refuse_other_columns(frame: Any, names: Sequence[str]) -> None:
    """Refuse as many columns with other names, or in another order."""
    columns = list(getattr(frame, "columns", ()))
    is_named = all(isinstance(name, str) for name in columns)
    if not columns or not is_named or are_same_names(columns, names):
        return
    if len(columns) != len(names):
        keys = {name_key(name) for name in names}
        unseen = [repr(name) for name in columns if name_key(name) not in keys]
        more = f", {name_first(unseen)} among them" if unseen else ""
        raise ValueError(
            f"X has {len(columns)} features{more}, and fit had {len(names)}: pass "
            f"frame[columns], with {name_first([*map(repr, names)])}."
        )
    place = _first_unlike(columns, names)
    raise ValueError(
        "Expected the features of fit, in their order, but column "
        f"{place} is {columns[place]!r} and was {names[place]!r}."
    )


def _first_unlike(columns: Sequence[str], known: Sequence[str]) -> int:
    """Return the place of the first name that is not the one known there."""
    pairs = zip(columns, known, strict=True)
    return next(i for i, (a, b) in enumerate(pairs) if not are_same_names([a], [b]))


def _with_names(frame: Any) -> Any:
    """Return the data frame, or its columns in a way that scikit-learn knows.

    Before 1.9 it asks for the interchange format of data frames, which polars 2 lacks.
    """
    probe = BaseEstimator()
    validate_data(probe, frame, skip_check_array=True)
    return frame if hasattr(probe, "feature_names_in_") else _Columns(frame)


class _Columns:
    """As much of the interchange format of data frames as names need."""

    def __init__(self, frame: Any) -> None:
        self.shape, self.columns = frame.shape, frame.columns

    def __dataframe__(self) -> _Columns:
        return self

    def column_names(self) -> Any:
        return self.columns


def _refuse_column(item: Any, array: np.ndarray) -> None:
    """Refuse one column of a data frame, and say how to pass it."""
    if array.ndim == 1 and (hasattr(item, "iloc") or hasattr(item, "to_frame")):
        raise ValueError(
            "Expected 2D array, got 1D array instead: a single column of a data frame. "
            'Pass a data frame of one column: frame[["name"]], or column.to_frame().'
        )


def _refuse_repeated_columns(item: Any) -> None:
    """Refuse a data frame that has a column twice, as joined ones may."""
    if not hasattr(item, "dtypes"):  # a table of pyarrow has arrays as columns
        return
    called = [*getattr(item, "columns", ())]
    if len({*called}) < len(called):
        twice = next(name for name in called if called.count(name) > 1)
        raise ValueError(
            f"Data frames must have each column once, but {twice!r} is there "
            f"{called.count(twice)} times: rename columns, or keep the first of each, "
            "as in frame.loc[:, ~frame.columns.duplicated()]."
        )


def _refuse_columns_of_text(item: Any) -> None:
    """Refuse columns of a data frame that hold dates or texts, by their names."""
    if not hasattr(item, "columns") or not hasattr(item, "dtypes"):
        return
    odd = [
        str(name)
        for name, dtype in zip(item.columns, list(item.dtypes), strict=True)
        if re.search(r"date|time|duration|str|utf8|object|cat|enum", str(dtype).lower())
        if not _holds_numbers(item[name])
    ]
    if odd:
        raise ValueError(
            f"Expected real numbers, but column(s) {', '.join(map(repr, odd))} hold "
            "dates or text. Drop them; let skvas.io.read_sensors make a frame rate of "
            "a column of times; and give each word of a state a column of 0 and 1, as "
            "pandas.get_dummies does."
        )


def _holds_numbers(column: Any) -> bool:
    values = np.asarray(column)
    if values.dtype.kind in "fiub":  # as categories may be
        return True
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
    _refuse_repeated_columns(item)
    _refuse_columns_of_text(item)
    array = to_numpy(item)
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
    message = f"Input X contains {kind} in {len(rows)} of {len(frames)} frames"
    empty = np.flatnonzero(bad.all(axis=0))
    if len(empty):
        called = data.columns[empty[0]] if hasattr(data, "columns") else empty[0]
        return ValueError(
            f"{message}, and in all frames of feature {called}. Leave the recording "
            "out, or the feature."
        )
    remedies = (
        "Fill short gaps with skvas.preprocessing.Interpolate (of poses, with "
        "PoseFeatures), before or in features=; or cut the recording there."
        if kind == "NaN"
        else "Mark such values as NaN and fill them with "
        "skvas.preprocessing.Interpolate, or cut the recording there."
    )
    return ValueError(f"{message}, first in {where}. {remedies}")


def _check_same_width(video: np.ndarray, width: int) -> None:
    if video.shape[1] != width:
        raise ValueError(
            f"X has {video.shape[1]} features, but video 0 has {width} features."
        )
