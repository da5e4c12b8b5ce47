"""Boundaries where the frames themselves change from one segment to the next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from skvas.labels._reading import PartialLabels
from skvas.metrics._known import known_again
from skvas.options._groups import BOUNDARIES, DECODED, FRAMES
from skvas.preprocessing._standardizer import standardise_within
from skvas.segmentation._labeller import Labeller, TimelineLabeller
from skvas.segmentation._named import Settled
from skvas.videos._frames import sample_videos, spread_frames
from skvas.videos._views import Views

# Share of a video that a boundary moves by, at most: about what labels are smoothed by.
REACH = 0.01
# A segment looks like its frames that the boundary cannot reach, if these are so many,
# and at least this share of it.
FEWEST, CORE = 3, 1 / 3
# Frames of a long segment that tell it, about.
TELLING_FRAMES = 1000
# Weight of each feature's own variance, against the mean of all features.
OWN_VARIANCE = 0.5
# Frames of each video, and features, by which it is decided whether boundaries move.
SEEN_FRAMES, SEEN_FEATURES = 240, 256
# Frames know boundaries that are given where they move enough of them by this share of
# the way at most, on average, and don't from the other on.
NEAR, FAR, ENOUGH = 0.1, 0.5, 3
# Adjusted mutual information that labels known again in other videos must gain.
LEAST_GAIN = 0.0125


@dataclass(frozen=True)
class MovedLabeller:
    """Labels frames as another labeller does, but for its boundaries.

    Parameters
    ----------
    base : Labeller
        Labels frames.
    """

    base: Labeller

    def labels(self, views: Views) -> list[np.ndarray]:
        """Return the action of each frame, (n_i,)."""
        return move_boundaries(self.base.labels(views), views)

    def shares(self, views: Views) -> list[np.ndarray]:
        """Return how each frame is shared out among the actions, (n_i, K)."""
        return self.labels_and_shares(views)[1]

    def labels_and_shares(
        self, views: Views
    ) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Return what `labels` and `shares` do, with no work done twice.

        Where a frame has another action now, the two actions swap their shares.
        """
        found, shares = self.base.labels_and_shares(views)
        moved = move_boundaries(found, views)
        return moved, [
            _swap(*video) for video in zip(shares, found, moved, strict=True)
        ]


def settle_boundaries(
    settled: Settled,
    views: Views,
    given: PartialLabels | None,
    boundaries: str,
    related: np.ndarray | None = None,
) -> Settled:
    """Decide where segments begin, once all else of the labels is known.

    Where whole videos are labelled, "auto" asks how far frames move the boundaries of
    the labels. If hardly at all, boundaries move; if far, they stay. In between the
    trial of `are_known_by_frames` decides, but on a timeline they stay: it carries
    boundaries as they are.

    Parameters
    ----------
    settled : Settled
        How frames are labelled, and the labels.
    views : Views
        The videos of `fit`.
    given : PartialLabels or None
        Labels of some of their frames, which stay.
    boundaries : {"decoded", "frames", "auto"}
        Where segments shall begin.
    related : int64 ndarray, default=None
        Positions of the videos that "auto" asks. None: all.

    Returns
    -------
    Settled
        With the labels then, and what "auto" stands for.
    """
    if boundaries not in BOUNDARIES and given is not None:
        is_carried = isinstance(settled.base, TimelineLabeller)
        ways = ways_of_known(given.codes, views)
        if len(ways) >= ENOUGH and ways.mean() <= NEAR:
            boundaries = FRAMES
        elif len(ways) and (is_carried or ways.mean() >= FAR):
            boundaries = DECODED
    where, moved = choose_boundaries(settled.labels, views, boundaries, related)
    labels = moved if given is None else given.over(moved)
    return replace(settled, labels=labels, boundaries=where)


def ways_of_known(codes: Sequence[np.ndarray], views: Views) -> np.ndarray:
    """Return how far frames move boundaries that are known, as shares of the way.

    Parameters
    ----------
    codes : sequence of int64 ndarray of shape (n_i,)
        Labels of frames; -1 where there is none.
    views : Views
        The videos.

    Returns
    -------
    ndarray of shape (n_boundaries,)
        Of the videos of which every frame has a label.
    """
    chosen = [i for i, video in enumerate(codes) if (video >= 0).all()]
    if not chosen:
        return np.empty(0)
    ways = []
    frames = standardised(views.choose(np.array(chosen)))
    for labels, video in zip([codes[i] for i in chosen], frames, strict=True):
        edges, moved = _edges(labels), _edges(_move(labels, video))
        ways.append(np.abs(moved - edges)[1:-1] / _reach(len(labels)))
    return np.concatenate(ways)


def choose_boundaries(
    found: list[np.ndarray],
    views: Views,
    boundaries: str,
    related: np.ndarray | None = None,
) -> tuple[str, list[np.ndarray]]:
    """Decide whether boundaries move, and return the labels then.

    Parameters
    ----------
    found : list of int64 ndarray of shape (n_i,)
        The action of each frame.
    views : Views
        The videos.
    boundaries : {"decoded", "frames", "auto"}
        "auto" moves them where that helps (see `are_known_by_frames`).
    related : int64 ndarray, default=None
        Positions of the videos that "auto" asks. None: all.

    Returns
    -------
    boundaries : {"decoded", "frames"}
        Where they are.
    labels : list of int64 ndarray of shape (n_i,)
        The labels.
    """
    if boundaries == DECODED:
        return DECODED, found
    if boundaries != FRAMES and not are_known_by_frames(found, views, related):
        return DECODED, found
    return FRAMES, move_boundaries(found, views)


def are_known_by_frames(
    found: Sequence[np.ndarray], views: Views, related: np.ndarray | None = None
) -> bool:
    """Tell whether frames know boundaries better than the labels do.

    Boundaries are moved by half of the features. By the other half, linear
    discriminants of some videos then have to know the actions of others again better
    than before, the mean of both ways. Of more than 128 videos, a sample is looked at.

    Parameters
    ----------
    found : sequence of int64 ndarray of shape (n_i,)
        The action of each frame.
    views : Views
        The videos.
    related : int64 ndarray, default=None
        Positions of the videos that are asked. None: all.

    Returns
    -------
    bool
        False for a lone video, and for a single feature.
    """
    asked = np.arange(len(found)) if related is None else related
    chosen = asked[sample_videos(len(asked))]
    n_features = views.details[0].shape[1]
    if len(chosen) < 2 or n_features < 2:
        return False
    drawn = np.random.RandomState(0).permutation(n_features)[:SEEN_FEATURES]
    halves = drawn[::2], drawn[1::2]
    frames = standardised(views.choose(chosen))
    pairs = zip([found[i] for i in chosen], frames, strict=True)
    old, *moved = zip(*(_try(*pair, halves) for pair in pairs), strict=True)
    gains = []
    for half in moved:
        seen, new = zip(*half, strict=True)
        gains.append(known_again(seen, new) - known_again(seen, old))
    return bool(np.mean(gains) > LEAST_GAIN)


def _try(
    labels: np.ndarray, video: np.ndarray, halves: tuple[np.ndarray, np.ndarray]
) -> tuple[Any, ...]:
    """Return some labels, and twice features with the labels that others have moved."""
    few = spread_frames(len(video), SEEN_FRAMES)
    moved = (
        (video[np.ix_(few, seen)], _move(labels, video[:, moving])[few])
        for moving, seen in (halves, halves[::-1])
    )
    return labels[few], *moved


def move_boundaries(found: Sequence[np.ndarray], views: Views) -> list[np.ndarray]:
    """Move the boundaries of labels to where frames change from segment to segment.

    A boundary moves by up to 1 % of the video. Frames are those of the video,
    standardised within it and not smoothed; on either side they are compared with the
    means of the two segments away from the boundary, in units of the variance within
    them, and the boundary of least squares is taken.

    Parameters
    ----------
    found : sequence of int64 ndarray of shape (n_i,)
        The action of each frame.
    views : Views
        The videos.

    Returns
    -------
    list of int64 ndarray of shape (n_i,)
        The labels; segments stay as many as they were, and in their order.
    """
    pairs = zip(found, standardised(views), strict=True)
    return [_move(labels, frames) for labels, frames in pairs]


def standardised(views: Views) -> Iterator[np.ndarray]:
    """Yield the frames of each video, standardised within it, (n_i, n_features)."""
    return (standardise_within(video) for video in views.details)


def _move(labels: np.ndarray, frames: np.ndarray) -> np.ndarray:
    edges, reach = _edges(labels), _reach(len(labels))
    actions = labels[edges[:-1]]
    for i in range(1, len(edges) - 1):
        first, edge, stop = edges[i - 1 : i + 2]
        low, high = max(first + 1, edge - reach), min(stop - 1, edge + reach)
        if low < edge < high:
            near_end = low if _is_core(low - first, edge - first) else edge
            near_start = high if _is_core(stop - high, stop - edge) else edge
            before = _thin(frames[first:near_end])
            after = _thin(frames[near_start:stop])
            losses = np.r_[0, _nearer(frames[low:high], after, before).cumsum()]
            best = int(losses.argmin())
            edges[i] = low + best if losses[best] < losses[edge - low] else edge
    return np.repeat(actions, np.diff(edges))


def _edges(labels: np.ndarray) -> np.ndarray:
    """Return where segments start, and the end of the last."""
    return np.r_[0, np.flatnonzero(np.diff(labels)) + 1, len(labels)]


def _reach(n_frames: int) -> int:
    return max(1, int(REACH * n_frames))


def _thin(frames: np.ndarray) -> np.ndarray:
    return frames[:: max(1, len(frames) // TELLING_FRAMES)]


def _is_core(n_left: int, n_frames: int) -> bool:
    return n_left >= max(FEWEST, CORE * n_frames)


def _nearer(frames: np.ndarray, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return by how much each frame is nearer to the mean of some than of others."""
    mean, mean_of_others = (side.mean(axis=0, dtype=float) for side in (one, other))
    squares = ((one - mean) ** 2).sum(axis=0)
    squares += ((other - mean_of_others) ** 2).sum(axis=0)
    variance = squares / (len(one) + len(other))
    variance = OWN_VARIANCE * variance + (1 - OWN_VARIANCE) * variance.mean()
    variance += np.finfo(np.float32).eps
    gain = (frames - mean_of_others) ** 2 - (frames - mean) ** 2
    nearer: np.ndarray = (gain / variance).sum(axis=1)
    return nearer


def _swap(shares: np.ndarray, old: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Swap the shares of the old and the new action of each frame that has another."""
    at = np.flatnonzero(old != new)
    swapped = shares.copy()
    swapped[at, new[at]] = shares[at, old[at]]
    swapped[at, old[at]] = shares[at, new[at]]
    return swapped
