"""Labels of some videos, carried over the timeline to all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from skvas._typing import Labels
from skvas.validation import naming_video

# Cost at which a labelled video's say at a position falls by a factor of e.
FIT_WIDTH = 0.2


def label_shares(
    posteriors: Sequence[np.ndarray],
    costs: Sequence[np.ndarray],
    labels: Sequence[np.ndarray],
    n_labels: int,
) -> np.ndarray:
    """Give each position of a template the labels of the frames that may be there.

    A video's say at a position falls with its mean cost there, as
    ``exp(-cost / 0.2)``.

    Parameters
    ----------
    posteriors : sequence of ndarray of shape (n_i, n_positions)
        Where each labelled video's frames may be.
    costs : sequence of ndarray of shape (n_i, n_positions)
        Cost of each of these frames at each position.
    labels : sequence of int64 ndarray of shape (n_i,)
        Label of each frame, 0 to n_labels - 1; -1 where it has none.
    n_labels : int
        Number of labels.

    Returns
    -------
    ndarray of shape (n_positions, n_labels)
        Rows sum to 1. A position that no labelled frame may be at has the shares of
        the nearest position that has some.
    """
    total = np.zeros((posteriors[0].shape[1], n_labels))
    for posterior, cost, label in zip(posteriors, costs, labels, strict=True):
        known = label >= 0
        visits = posterior[known]
        mass = visits.sum(axis=0)
        safe = np.where(mass > 0, mass, 1)
        fit = np.exp(-(visits * cost[known]).sum(axis=0) / safe / FIT_WIDTH)
        # A video has one vote at a position, shared among the frames that may be there.
        everywhere = posterior.sum(axis=0)
        votes = visits.T @ np.eye(n_labels)[label[known]]
        total += (fit / everywhere)[:, None] * votes
    return _fill(total)


def _fill(votes: np.ndarray) -> np.ndarray:
    """Normalise rows; rows without votes take those of the nearest row with some."""
    mass = votes.sum(axis=1)
    # Votes from frames far away are rounding, not evidence.
    known = np.flatnonzero(mass > np.finfo(float).eps * mass.max())
    middles = (known[1:] + known[:-1]) / 2
    nearest = known[np.searchsorted(middles, np.arange(len(votes)))]
    return votes[nearest] / mass[nearest, None]


def check_partial_labels(
    y: Labels, lengths: Sequence[int]
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Check labels of some frames and number them.

    Parameters
    ----------
    y : list of (None or array-like of shape (n_frames_i,))
        Labels of each video; None, -1 or NaN where there is none.
    lengths : sequence of int
        Number of frames of each video.

    Returns
    -------
    names : ndarray of shape (n_labels,)
        The labels that occur, sorted.
    codes : list of int64 ndarray of shape (n_frames_i,)
        Positions in `names`; -1 where a frame has no label.

    Raises
    ------
    ValueError
        If labels are not one a frame, or there is none.
    """
    if len(y) != len(lengths):
        raise ValueError(
            f"y must have labels or None for each of the {len(lengths)} videos, got "
            f"{len(y)}."
        )
    known, values = [], []
    for index, (labels, n_frames) in enumerate(zip(y, lengths, strict=True)):
        with naming_video(index):
            given, flags = _known_labels(labels, n_frames)
        known.append(flags)
        values.append(given)
    if not any(flags.any() for flags in known):
        raise ValueError("y has no label; give that of one frame at least.")
    names, inverse = np.unique(np.concatenate(values), return_inverse=True)
    parts = np.split(inverse, np.cumsum([len(v) for v in values])[:-1])
    codes = []
    for flags, part in zip(known, parts, strict=True):
        code = np.full(len(flags), -1, dtype=np.int64)
        code[flags] = part
        codes.append(code)
    return names, codes


def _known_labels(labels: Any, n_frames: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the labels that a video has, and which of its frames have one."""
    if labels is None:
        return np.array([], dtype=np.int64), np.zeros(n_frames, dtype=bool)
    array = np.asarray(labels)
    if array.shape != (n_frames,):
        raise ValueError(
            f"expected one label for each of the {n_frames} frames, got an array of "
            f"shape {array.shape}."
        )
    if array.dtype == object:
        flags = np.array([v is not None and v == v and v != -1 for v in array])
        return np.array(array[flags].tolist()), flags
    if array.dtype.kind in "iuf":
        flags = ~np.isnan(array.astype(float)) & (array != -1)
        whole = array[flags]
        return whole if array.dtype.kind != "f" else whole.astype(np.int64), flags
    return array, np.ones(n_frames, dtype=bool)
