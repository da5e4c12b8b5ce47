"""Checks of labels of frames."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence, Set
from itertools import chain
from numbers import Integral, Real
from os import PathLike
from typing import Any

import numpy as np

from skvas._printing import shorten
from skvas._typing import Labels, Videos
from skvas.validation._containers import (
    count_axes,
    items_of,
    list_videos,
    refuse_container,
    to_numpy,
)
from skvas.validation._naming import find_respellings, naming_video


def check_labels(
    labels: Labels,
    videos_or_lengths: Videos | Sequence[int] | int | None = None,
    *,
    missing_ok: bool = False,
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
    missing_ok : bool, default=False
        Whether frames may have no label: None and NaN then become -1. So do the frames
        of a video that has None for its labels, if the number of frames is known.

    Returns
    -------
    list of ndarray of shape (n_frames_i,)
        The labels of each video, in their original type. Texts that are the same to a
        reader, but for how a system writes accents, are spelled as the first of them.

    Raises
    ------
    ValueError
        If the number of labels is not the number of frames, if labels are not 1-D or
        contain infinity or, without `missing_ok`, NaN or None, or if a video has None
        for its labels.
    TypeError
        If the labels are None, a generator, a dict, a set, a string or a path.

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
    several = not single or (lengths is not None and len(lengths) > 1)
    if several and (single or not missing_ok or lengths is None):
        _refuse_unlabelled(labels)
    items = [labels] if single else items_of(labels)
    if lengths is None:
        if count_axes(labels) and len(labels) == 0:
            raise ValueError("Expected labels of at least one frame, got none.")
        lengths = [None] * len(items)
    if not lengths:
        raise ValueError("Expected labels of at least one video, got none.")
    if len(items) != len(lengths):
        raise ValueError(
            f"Expected labels of {len(lengths)} video(s), got {len(items)}."
        )
    checked = []
    for index, (item, n_frames) in enumerate(zip(items, lengths, strict=True)):
        with naming_video(None if single else index):
            given = _mark_missing(item, n_frames) if missing_ok else item
            checked.append(_check_frame_labels(given, n_frames))
    return respell(checked)


def respell(labels: Sequence[np.ndarray], *more: Hashable) -> list[np.ndarray]:
    """Spell labels that are the same to a reader as the first of them is.

    Parameters
    ----------
    labels : sequence of ndarray of shape (n_frames_i,)
        The labels of videos, true ones and predicted ones if they are compared.
    *more : hashable
        Labels that come before them.

    Returns
    -------
    list of ndarray of shape (n_frames_i,)
        The same arrays where nothing is spelled otherwise.

    Examples
    --------
    >>> import numpy as np
    >>> from skvas.validation import respell
    >>> one, other = respell([np.array(["\u00e9"]), np.array(["e\u0301"])])
    >>> bool(one[0] == other[0])
    True
    """
    of_text = [array.tolist() for array in labels if array.dtype.kind in "UO"]
    first_of = find_respellings(chain(more, *of_text))
    if not first_of:
        return list(labels)
    return [_respelled(array, first_of) for array in labels]


def _respelled(array: np.ndarray, first_of: Mapping[str, str]) -> np.ndarray:
    if array.dtype.kind not in "UO":
        return array
    values = [first_of.get(value, value) for value in array.tolist()]
    return np.array([*values, None], dtype=object)[:-1].astype(array.dtype.kind)


def is_missing(value: Any) -> bool:
    """Return whether an entry is None, NaN, or what pandas has for missing ones.

    Parameters
    ----------
    value : object
        A label, or the cell of a table.

    Returns
    -------
    bool

    Examples
    --------
    >>> from skvas.validation import is_missing
    >>> is_missing(float("nan")), is_missing("pour")
    (True, False)
    """
    if value is None or type(value).__name__ == "NAType":
        return True
    is_array = getattr(value, "ndim", 0) > 0  # in a cell of a data frame
    return not is_array and bool(value != value)


def is_unlabelled(value: Any) -> bool:
    """Return whether the label of a frame says that it has none.

    Parameters
    ----------
    value : object
        A label.

    Returns
    -------
    bool
        True for -1, the empty text and what `is_missing` says.

    Examples
    --------
    >>> from skvas.validation import is_unlabelled
    >>> is_unlabelled(-1), is_unlabelled(0)
    (True, False)
    """
    return is_missing(value) or (isinstance(value, (str, Real)) and value in ("", -1))


# What says in a file, whose labels are texts, that a frame has none: also what pandas
# reads as missing.
NO_NAMES = frozenset(
    ("", "-1", "nan", "NaN", "NA", "N/A", "n/a", "<NA>", "null", "NULL", "None")
)


def without_marks(texts: Sequence[str]) -> list[str]:
    """Put the empty text in place of what says, in a file, that there is no label.

    Parameters
    ----------
    texts : sequence of str
        Labels of frames, from a file.

    Returns
    -------
    list of str

    Examples
    --------
    >>> from skvas.validation import without_marks
    >>> without_marks(["pour", "-1", "NA"])
    ['pour', '', '']
    """
    return ["" if text in NO_NAMES else text for text in texts]


# What has no frames, or no order of them.
_NO_LABELS = (type(None), str, bytes, PathLike, Mapping, Set, Iterator)


def _is_flat(labels: Any) -> bool:
    """Return whether labels are those of one video."""
    if isinstance(labels, _NO_LABELS) or hasattr(labels, "columns"):
        raise _no_labels(labels)
    refuse_container(labels)
    if isinstance(labels, (list, tuple)):
        return len(labels) == 0 or max(map(count_axes, labels)) == 0
    array = to_numpy(labels)
    if array.ndim == 0:
        raise ValueError(
            f"Expected labels of shape (n_frames,), got {shorten(labels)} alone: give "
            "the labels of all frames in a list."
        )
    return array.ndim < 2 and (
        array.dtype != object or max(map(count_axes, array), default=0) == 0
    )


def _no_labels(given: Any) -> TypeError:
    """Make the error for what has no order of frames, with a hint."""
    if given is None:
        hint = "leave recordings out that have none"
    elif hasattr(given, "columns"):
        hint = 'pass a column of it, as in frame["label"]'
    elif isinstance(given, (Iterator, Set)):
        hint = "make a list of it first, in the order of the frames or videos"
    elif isinstance(given, Mapping):
        hint = "pass its arrays as a list, in the order of the videos"
    else:
        hint = "read files of labels with skvas.io.read_segments"
    kind = "None" if given is None else f"a {type(given).__name__}"
    return TypeError(
        "Expected labels of frames, of shape (n_frames,), or a list of such arrays, "
        f"got {kind}: {hint}."
    )


def _lengths(videos_or_lengths: Any) -> list[int]:
    if isinstance(videos_or_lengths, Integral):
        return [int(videos_or_lengths)]
    if count_axes(videos_or_lengths) == 1 and all(
        isinstance(n, Integral) for n in videos_or_lengths
    ):
        return [int(n) for n in videos_or_lengths]
    return [len(to_numpy(video)) for video in list_videos(videos_or_lengths)]


def _refuse_unlabelled(labels: Any) -> None:
    """Refuse None in place of all labels of a video, as folders have it."""
    lacking = [index for index, item in enumerate(labels) if item is None]
    if lacking:
        raise ValueError(
            f"video {lacking[0]} has no labels (None): leave it out, of labels and "
            "videos alike, as in labelled = [i for i, y in enumerate(labels) if y is "
            "not None]."
        )


def _mark_missing(item: Any, n_frames: int | None) -> Any:
    """Put -1 in place of labels that are missing."""
    if item is None:
        return np.full(n_frames or 0, -1)
    labels = to_numpy(item)
    if labels.ndim != 1 or not (
        isinstance(item, (list, tuple)) or labels.dtype.kind in "fO"
    ):
        return item
    missing = np.array([is_unlabelled(v) and not _is_text(v) for v in item], dtype=bool)
    if not missing.any():
        return item
    marked = np.array([*item, None], dtype=object)[:-1]
    marked[missing] = -1
    are_whole = all(isinstance(v, Real) and float(v).is_integer() for v in marked)
    return marked.astype(np.int64) if are_whole else marked


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _check_frame_labels(item: Any, n_frames: int | None) -> np.ndarray:
    labels = to_numpy(item)
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
    if labels.dtype.kind == "f" and (labels != np.rint(labels)).any():
        odd = labels[labels != np.rint(labels)][0]
        raise ValueError(
            f"labels must be integers or strings, got {odd:g}; of probabilities of "
            "actions, take the most likely one: shares.argmax(axis=1)."
        )
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
