"""Labels that are hidden from a fit, to measure what few of them give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np

from skvas._printing import shorten
from skvas._typing import Labels
from skvas.decoding import labels_to_segments
from skvas.exceptions import InvalidParameterError
from skvas.validation import (
    check_choice,
    check_labels,
    check_random_state,
    is_unlabelled,
)


def hide_labels(
    y: Labels,
    *,
    keep: int | float | Sequence[int] = 1,
    timestamps: bool = False,
    random_state: int | np.random.RandomState | None = None,
) -> list[Any]:
    """Hide most labels of videos, to measure what a few of them give.

    Parameters
    ----------
    y : list of array-like of shape (n_frames_i,), or None
        Labels of the frames of the videos; -1, None, NaN, "" or a mask where a frame
        has none. None for a video without labels, which stays one.
    keep : int, float or sequence of int, default=1
        Videos that keep their labels: how many of those that have some, which share of
        them (at least one), or which ones.
    timestamps : bool, default=False
        Whether they keep a random frame of each segment alone.
    random_state : int, RandomState instance or None, default=None
        Draws the videos and the frames.

    Returns
    -------
    list
        For `fit`: None for a video without labels; else its labels, or a dict from
        frame to label.

    Raises
    ------
    ValueError
        If `keep` names no video with labels, no video has labels, or they are not as
        described.

    See Also
    --------
    skvas.labels.frame_labels : Labels in seconds, as labels of frames.

    Examples
    --------
    >>> from skvas.metrics import hide_labels
    >>> y = [["a", "a", "b"], ["a", "b", "b"]]
    >>> [labels is None for labels in hide_labels(y, keep=[1])]
    [True, False]
    >>> sorted(hide_labels(y, keep=[0], timestamps=True, random_state=0)[0].values())
    [np.str_('a'), np.str_('b')]
    """
    rng = check_random_state(random_state)
    check_choice("timestamps", timestamps, (True, False))
    if y is None or isinstance(y, (str, Mapping)) or hasattr(y, "columns"):
        raise TypeError(
            "y must be a list with the labels of each video, as arrays, or None; got a "
            f"{type(y).__name__}."
        )
    given = list(y)
    for index, item in enumerate(given):
        if item is not None and (np.ndim(item) != 1 or isinstance(item, Mapping)):
            raise TypeError(
                f"y must have an array of labels, one a frame, for video {index}, got "
                f"{shorten(item)}; skvas.labels.frame_labels spells labels out."
            )
        if isinstance(item, np.ma.MaskedArray):
            given[index] = item.tolist()  # None where it is masked
    given = [[] if item is None else item for item in given]
    labels = check_labels(given, [len(item) for item in given], missing_ok=True)
    labelled = [
        i for i, video in enumerate(labels) if not all(map(is_unlabelled, video))
    ]
    if not labelled:
        raise ValueError("y has labels of no video; give those of one at least.")
    kept = _kept(keep, len(labels), labelled, rng)
    hidden: list[Any] = [None] * len(labels)
    for index in [index for index in kept if index in labelled]:
        hidden[index] = labels[index].copy()
        if timestamps:
            drawn = [
                int(rng.randint(segment.start, segment.end))
                for segment in labels_to_segments(labels[index])
                if not is_unlabelled(segment.label)
            ]
            hidden[index] = {frame: labels[index][frame] for frame in drawn}
    return hidden


def _kept(
    keep: Any, n_videos: int, labelled: list[int], rng: np.random.RandomState
) -> list[int]:
    """Return the positions of the videos that keep their labels."""
    chosen: Any = ()
    n = len(labelled)
    if isinstance(keep, (bool, str)):
        pass
    elif isinstance(keep, Real):
        number: Any = keep
        if not isinstance(keep, Integral):
            number = max(1, round(float(keep) * n)) if 0 < float(keep) <= 1 else 0
        if 1 <= number <= n:
            chosen = rng.choice(labelled, int(number), replace=False).tolist()
    elif np.ndim(keep) == 1 and all(_is_position(i, n_videos) for i in keep):
        chosen = keep
    kept = sorted({int(i) for i in chosen})
    if not set(kept).isdisjoint(labelled):
        return kept
    raise InvalidParameterError(
        f"keep must be a number of videos from 1 to {n}, a share in (0, 1], or "
        f"positions of videos, one of them with labels, got {shorten(keep)}; for a "
        "mask, pass np.flatnonzero(mask)."
    )


def _is_position(value: Any, n_videos: int) -> bool:
    is_whole = isinstance(value, Integral) and not isinstance(value, bool)
    return is_whole and value in range(n_videos)
