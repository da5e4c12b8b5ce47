"""Labels of a few videos, carried over to the rest by alignment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from skvas._typing import Labels, Videos
from skvas.validation import check_labels, is_single_video, list_videos
from skvas.videos._containers import like_input

__all__ = ["LabelTransfer", "transfer_labels"]

# Cosine cost at which a match counts 1/e of a perfect one.
WIDTH = 0.5


@dataclass(frozen=True)
class LabelTransfer:
    """Labels that were carried over, and how sure they are.

    Attributes
    ----------
    labels : ndarray of shape (n_frames,), or an object array of them
        Label of each frame.
    confidence : ndarray of shape (n_frames,), or an object array of them
        Votes for the label, from 0 to 1 as a share of the labelled videos: low where
        these disagree, where the matched frames look different, or where there is no
        counterpart.

    Examples
    --------
    >>> import numpy as np
    >>> from skvas import LabelTransfer
    >>> LabelTransfer(np.array(["a", "b"]), np.array([0.9, 0.4])).labels[0]
    np.str_('a')
    """

    labels: np.ndarray
    confidence: np.ndarray


def transfer_labels(
    estimator: Any, labelled_videos: Videos, labels: Labels, videos: Videos
) -> LabelTransfer:
    r"""Label videos as one or a few annotated ones of the same activity are labelled.

    Each video is aligned with each annotated one, and each frame takes a vote: its
    matched frame in every annotated video speaks for its own label with the weight
    :math:`\exp(-c / 0.5)`, where c is the cosine cost of the match. Frames without a
    counterpart in an annotated video get no vote from it; a frame that gets none at
    all takes the label, and no confidence, of the nearest frame that does.

    Parameters
    ----------
    estimator : VideoAligner or JointAlignSegment
        Fitted, on the videos to label or others of the activity.
    labelled_videos : array-like of shape (n_frames, n_features), or a list of them
        The annotated videos.
    labels : array-like of shape (n_frames,), or a list of them
        Their labels, integers or strings.
    videos : array-like of shape (n_frames, n_features), or a list of them
        The videos to label, in the order that the result has.

    Returns
    -------
    LabelTransfer
        The labels and their confidence.

    Raises
    ------
    ValueError, TypeError
        If labels are not one a frame, a video is not what `fit` has seen, or a video
        has no frame with a counterpart.
    NotFittedError
        If the estimator is not fitted.

    Examples
    --------
    >>> from skvas import VideoAligner, transfer_labels
    >>> from skvas.datasets import make_videos
    >>> data = make_videos(4, random_state=0)
    >>> aligner = VideoAligner(max_epochs=0).fit(data.videos)
    >>> found = transfer_labels(
    ...     aligner, data.videos[0], data.labels[0], data.videos[1:]
    ... )
    >>> bool((found.labels[0] == data.labels[1]).mean() > 0.9)
    True
    """
    if not hasattr(estimator, "align"):
        raise TypeError(
            "estimator must align videos, as VideoAligner and JointAlignSegment do; "
            f"got {type(estimator).__name__}."
        )
    taught = check_labels(labels, labelled_videos)
    names, codes = np.unique(np.concatenate(taught), return_inverse=True)
    coded = np.split(codes, np.cumsum([len(part) for part in taught])[:-1])
    matcher = estimator._matcher()
    teachers, targets = (
        matcher.look(estimator._view(list_videos(some)))
        for some in (labelled_videos, videos)
    )
    known = list(zip(teachers, coded, strict=True))
    elected = [
        _elect(_votes(matcher, target, known, len(names)), len(known))
        for target in targets
    ]
    single = is_single_video(videos)
    return LabelTransfer(
        like_input([names[winner] for winner, _ in elected], single),
        like_input([confidence for _, confidence in elected], single),
    )


def _votes(
    matcher: Any, video: Any, known: list[tuple[Any, np.ndarray]], n_labels: int
) -> np.ndarray:
    """Return the votes for each label of each frame of a video, (N, n_labels)."""
    votes = np.zeros((len(video), n_labels))
    for teacher, codes in known:
        matches = matcher.align(video, teacher).matches_x
        frames = np.flatnonzero(matches >= 0)
        partners = matches[frames]
        found, other = video.embedding[frames], teacher.embedding[partners]
        cost = 1 - (found * other).sum(axis=1)
        votes[frames, codes[partners]] += np.exp(-cost / WIDTH)
    return votes


def _elect(votes: np.ndarray, n_voters: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the winner of each frame and its share of all votes there could be."""
    heard = np.flatnonzero(votes.any(axis=1))
    if len(heard) == 0:
        raise ValueError(
            "A video to label has no frame with a counterpart in the labelled ones; "
            "label another video too, or raise zeta of the estimator."
        )
    middles = (heard[1:] + heard[:-1]) / 2
    nearest = heard[np.searchsorted(middles, np.arange(len(votes)))]
    return votes.argmax(axis=1)[nearest], votes.max(axis=1) / n_voters
