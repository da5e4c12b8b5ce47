"""Pairs of frames that are known to show the same moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from skvas._printing import shorten
from skvas.alignment._path_cost import View
from skvas.alignment._result import Alignment

ANCHOR_KINDS = ("hard", "soft")
# Share of a video, to either side, in which frames lean towards an anchor.
REACH = 0.02
# Cosine by which frames of an anchor are alike, whatever they show.
STRENGTH = {"hard": 1.0, "soft": 0.7}


def check_anchors(anchors: Any, n_x: int, n_y: int, *, in_order: bool) -> np.ndarray:
    """Check pairs of frames of two videos.

    Parameters
    ----------
    anchors : sequence of pairs of int
        What the user gave.
    n_x, n_y : int
        Numbers of frames.
    in_order : bool
        Whether matches may not go back in time.

    Returns
    -------
    int64 ndarray of shape (n_anchors, 2)
        Sorted by frame of x; of no anchors, if none came.

    Raises
    ------
    ValueError
        If they are no pairs of frames, or contradict each other.
    """
    try:
        pairs = np.asarray(anchors)
    except ValueError:  # rows of several lengths
        pairs = np.empty(0, dtype=object)
    if pairs.size == 0 and pairs.dtype != object:
        return np.empty((0, 2), dtype=np.int64)
    if pairs.ndim != 2 or pairs.shape[1] != 2 or pairs.dtype.kind not in "iu":
        raise ValueError(
            "anchors must be pairs (frame of x, frame of y) of integers, got "
            f"{shorten(anchors)}."
        )
    for i, j in pairs.tolist():
        if not (0 <= i < n_x and 0 <= j < n_y):
            raise ValueError(
                f"the anchor ({i}, {j}) is not inside the videos, which have {n_x} and "
                f"{n_y} frames."
            )
    pairs = np.unique(pairs.astype(np.int64), axis=0)
    refuse_contradictions(pairs, in_order=in_order)
    if len(np.unique(pairs[:, 1])) < len(pairs):
        raise ValueError("two anchors name one frame of y; give one of them.")
    return pairs


def refuse_contradictions(pairs: np.ndarray, *, in_order: bool) -> None:
    """Refuse pairs of frames, sorted by the first, that cannot all be matches."""
    for (i, j), (k, m) in zip(pairs[:-1].tolist(), pairs[1:].tolist(), strict=True):
        if i == k or (in_order and m <= j):
            raise ValueError(
                f"the anchors ({i}, {j}) and ({k}, {m}) contradict each other"
                + (": matches and timelines do not go back in time." if i != k else ".")
            )


def bend(
    x: View, y: View, anchors: np.ndarray, kind: str, *, in_order: bool = True
) -> tuple[View, View]:
    """Make frames of anchors alike, and those near them a little.

    Each anchor adds a dimension in which only its frames and their neighbours are
    away from 0. Costs, plans and paths follow once embeddings are bent. Where videos
    have positions, those of y move such that the frames of an anchor stand at one, and
    the frames between it and the next one, or the end, by as much less as they are
    nearer to that.

    Parameters
    ----------
    x, y : View
        Two videos.
    anchors : int64 ndarray of shape (n_anchors, 2)
        Pairs of frames.
    kind : {"hard", "soft"}
        Whether paths have to pass them.
    in_order : bool, default=True
        Whether there are paths: matches may not go back in time.

    Returns
    -------
    tuple of View
        The videos, with `bends`; details have more dimensions.
    """
    bent = []
    for view, frames in zip((x, y), anchors.T, strict=True):
        lean = _lean(len(view), frames) * STRENGTH[kind]  # (N, n_anchors)
        rest = np.sqrt(np.maximum(1 - (lean**2).sum(axis=1, keepdims=True), 0))
        bends = np.hstack([rest, lean]).astype(np.float32)
        detail = view.detail
        if detail is not None:
            scale = np.sqrt(2 * np.einsum("nd,nd->n", detail, detail).mean())
            detail = np.hstack([detail, scale * lean]).astype(detail.dtype)
        pins = None
        if kind == "hard" and in_order:
            pins = np.zeros(len(view), dtype=bool)
            pins[frames] = True
        bent.append(replace(view, detail=detail, pins=pins, bends=bends))
    if x.positions is not None and y.positions is not None:
        moved = _moved(y.positions, x.positions, anchors, STRENGTH[kind] ** 2)
        bent[1] = replace(bent[1], positions=moved)
    return bent[0], bent[1]


def _moved(
    positions: np.ndarray, others: np.ndarray, anchors: np.ndarray, share: float
) -> np.ndarray:
    """Move positions of y towards those of x, (frame of x, of y) by this share."""
    in_x, in_y = anchors.T  # both rise: only paths have positions
    known = np.concatenate([[-1], in_y, [len(positions)]])
    ways = np.concatenate([[0], share * (others[in_x] - positions[in_y]), [0]])
    return positions + np.interp(np.arange(len(positions)), known, ways)


def pin(alignment: Alignment, anchors: np.ndarray) -> Alignment:
    """Let anchors be matches, whatever was found.

    Monotone matches before an anchor do not come after it, nor the reverse.

    Parameters
    ----------
    alignment : Alignment
        What was found.
    anchors : int64 ndarray of shape (n_anchors, 2)
        Pairs of frames.

    Returns
    -------
    Alignment
    """
    matches_x, matches_y = alignment.matches_x.copy(), alignment.matches_y.copy()
    background_x = alignment.background_x.copy()
    background_y = alignment.background_y.copy()
    i, j = anchors.T
    matches_x[i], matches_y[j] = j, i
    background_x[i], background_y[j] = 0, 0
    if alignment.matching == "monotone":
        for one, other in anchors.tolist():
            _bound(matches_x, one, other)
            _bound(matches_y, other, one)
    return replace(
        alignment,
        matches_x=matches_x,
        matches_y=matches_y,
        background_x=background_x,
        background_y=background_y,
    )


def _bound(matches: np.ndarray, frame: int, partner: int) -> None:
    """Move matches that are on the other side of a pair, in place; not background."""
    before, after = matches[:frame], matches[frame + 1 :]
    np.minimum(before, partner, out=before)
    np.maximum(after, partner, out=after, where=after >= 0)


def _lean(n_frames: int, frames: Sequence[int] | np.ndarray) -> np.ndarray:
    """Return how far each frame leans towards each anchor: 1 at it, 0 far away."""
    reach = max(1.0, REACH * n_frames)
    away = np.abs(np.arange(n_frames)[:, None] - np.asarray(frames)) / (reach + 1)
    lean = np.maximum(1 - away, 0)
    # A frame between two anchors leans to both, but by no more than its whole length.
    total = np.sqrt((lean**2).sum(axis=1, keepdims=True))
    leaned: np.ndarray = lean / np.maximum(total, 1)
    # The frame of an anchor is that of no other.
    leaned[np.asarray(frames)] = np.eye(len(frames))
    return leaned
