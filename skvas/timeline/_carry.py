"""Labels of some videos, carried over the timeline to all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from skvas.decoding import n_segments
from skvas.videos._frames import nearest_of

# Where some frames of a video may be, what they cost there, and their labels.
Piece = tuple[np.ndarray, np.ndarray, np.ndarray]
# Cost at which a labelled video's say at a position falls by a factor of e.
FIT_WIDTH = 0.2
# Moments for each labelled segment of a video, and at most.
SEGMENT_MOMENTS, MANY_MOMENTS = 40, 1024


def moments_for(labels: Sequence[np.ndarray]) -> int:
    """Return how many moments labelled segments need, lest they be rounded much.

    Parameters
    ----------
    labels : sequence of int64 ndarray of shape (n_i,)
        Labels of the frames of videos, -1 where there is none.
    """
    known = [label[label >= 0] for label in labels]
    most = max(n_segments([label]) for label in known if len(label))
    return min(SEGMENT_MOMENTS * most, MANY_MOMENTS)


def label_shares(
    posteriors: Iterable[np.ndarray],
    costs: Iterable[np.ndarray],
    labels: Sequence[np.ndarray],
    n_labels: int,
) -> np.ndarray:
    """Give each position of a template the labels of the frames that may be there.

    A video's say at a position falls with its mean cost there, as
    ``exp(-cost / 0.2)``.

    Parameters
    ----------
    posteriors : iterable of ndarray of shape (n_i, n_positions)
        Where each labelled video's frames may be; looked at one by one.
    costs : iterable of ndarray of shape (n_i, n_positions)
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
    videos = zip(posteriors, costs, labels, strict=True)
    return carried(([video] for video in videos), n_labels)


def carried(videos: Iterable[Iterable[Piece]], n_labels: int) -> np.ndarray:
    """Do what `label_shares` does for videos in pieces of their frames.

    Parameters
    ----------
    videos : iterable of iterable of tuple
        For each piece of each video where its frames may be, what they cost there, and
        their labels; looked at one by one.
    n_labels : int
        Number of labels.

    Returns
    -------
    ndarray of shape (n_positions, n_labels)
    """
    total = np.zeros((1, n_labels))
    for pieces in videos:
        sums = [_add_up(*piece, n_labels) for piece in pieces]
        mass, costs, everywhere, votes = (sum(s) for s in zip(*sums, strict=True))
        safe = np.where(mass > 0, mass, 1)
        fit = np.exp(-costs / safe / FIT_WIDTH)
        # A video has one vote at a position, shared among the frames that may be there,
        # if it passes there, and not between all that are looked at.
        everywhere = np.maximum(everywhere, np.finfo(np.float32).tiny)
        total = total + (fit / everywhere)[:, None] * votes
    return _fill(total)


def _add_up(
    posterior: np.ndarray, cost: np.ndarray, label: np.ndarray, n_labels: int
) -> tuple[np.ndarray, ...]:
    """Sum over frames, at each position: labelled ones, their costs, all, and votes."""
    known = label >= 0
    visits = posterior[known]
    votes = visits.T @ np.eye(n_labels)[label[known]]
    costs = (visits * cost[known]).sum(axis=0)
    return visits.sum(axis=0), costs, posterior.sum(axis=0), votes


def _fill(votes: np.ndarray) -> np.ndarray:
    """Normalise rows; rows without votes take those of the nearest row with some."""
    mass = votes.sum(axis=1)
    # Votes from frames far away are rounding, not evidence.
    known = np.flatnonzero(mass > np.finfo(float).eps * mass.max())
    nearest = nearest_of(known, len(votes))
    return votes[nearest] / mass[nearest, None]
