"""Labels of frames and how certain they are, both from one look at the videos."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from skvas.segmentation._again import DoubtingLabeller
from skvas.segmentation._boundaries import MovedLabeller, move_boundaries
from skvas.segmentation._labeller import Labeller, TimelineLabeller
from skvas.timeline._model import TimelineModel
from skvas.timeline._paths import Passage
from skvas.videos._views import Views

# Runs of frames of a long video that share one certainty.
BLOCKS = 500


def look_at(
    labeller: Labeller,
    views: Views,
    frames: Sequence[np.ndarray] | None = None,
    passages: Sequence[Passage] | None = None,
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return the action of each frame, and the share that this action has there.

    Parameters
    ----------
    labeller : Labeller
        Labels frames.
    views : Views
        Some videos.
    frames : sequence of ndarray of shape (n_i, D), default=None
        Their frames for paths, if they are known.
    passages : sequence of Passage, default=None
        Where each passes the timeline of the labeller, if that is known.

    Returns
    -------
    codes : list of int64 ndarray of shape (n_i,)
        What `labeller.labels` returns.
    certainty : list of ndarray of shape (n_i,)
        Entries of `labeller.shares`; on a timeline, means over runs of neighbouring
        frames where a video has more than 500.
    """
    if isinstance(labeller, DoubtingLabeller):
        codes, certainty = look_at(labeller.base, views, frames, passages)
        return codes, [labeller.lower(sure) for sure in certainty]
    if isinstance(labeller, MovedLabeller):
        codes, certainty = look_at(labeller.base, views, frames, passages)
        return move_boundaries(codes, views), certainty
    if isinstance(labeller, TimelineLabeller):
        frames = labeller.frames(views) if frames is None else frames
        codes = _codes(labeller, frames, passages)
        shares = [_shares(labeller.timeline, video) for video in frames]
    else:
        codes, shares = labeller.labels_and_shares(views)
    return codes, [
        share[np.arange(len(code)), code]
        for share, code in zip(shares, codes, strict=True)
    ]


def _codes(
    labeller: TimelineLabeller,
    frames: Sequence[np.ndarray],
    passages: Sequence[Passage] | None,
) -> list[np.ndarray]:
    timeline = labeller.timeline
    if passages is None:
        passages = [timeline.follow(video) for video in frames]
    return [timeline.actions(passage.positions) for passage in passages]


def _shares(timeline: TimelineModel, video: np.ndarray) -> np.ndarray:
    return timeline.posteriors(video, n_blocks=BLOCKS) @ timeline.cut.shares
