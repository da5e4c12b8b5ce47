"""Transfer of labels between videos by alignment."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from itertools import compress
from typing import Any

import numpy as np

from skvas._printing import name_first
from skvas._typing import Labels, Videos
from skvas.datasets._on_disk import open_files
from skvas.datasets._recordings import list_known
from skvas.validation import (
    check_labels,
    is_single_video,
    is_unlabelled,
    naming,
)
from skvas.videos._containers import like_input
from skvas.videos._frames import nearest_of

__all__ = ["LabelTransfer", "transfer_labels"]

# Cosine cost at which the weight of a match is 1/e.
WIDTH = 0.5
# Videos that a warning names, at most.
MOST_NAMED = 5
REMEDY = (
    "pass more labels, or set zeta or virtual_mass of Aligning such that fewer frames "
    "stay unmatched."
)


@dataclass(frozen=True, eq=False)
class LabelTransfer:
    """Transferred labels and their confidence.

    Attributes
    ----------
    labels : ndarray of shape (n_frames,), or an object array of them
        Label of each frame; -1 or "" in a video of which no frame has a counterpart.
    confidence : ndarray of shape (n_frames,), or an object array of them
        Sum of the votes for the label divided by the number of videos with labels, in
        [0, 1]. It is low if labelled videos disagree, if the matched frames are
        dissimilar, or if a frame has no counterpart.

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
    r"""Transfer labels from a few labelled videos to others of the same activity.

    Each video is aligned with each labelled video. For each frame, the matched frame in
    each labelled video votes for its label with weight :math:`\exp(-c / 0.5)`, where c
    is the cosine cost of the match. A labelled video casts no vote for a frame without
    a counterpart in it. A frame without any vote has confidence 0 and the label of the
    nearest frame with a vote. A video without any vote gets no labels (-1, or "" where
    labels are strings), and a warning names it.

    Parameters
    ----------
    estimator : VideoAligner or JointAlignSegment
        An estimator fitted to the videos to label, or to others of the activity.
    labelled_videos : array-like of shape (n_frames, n_features), or a list of them
        Videos with known labels.
    labels : array-like of shape (n_frames,), or a list of them
        Labels of their frames, integers or strings; -1, None, NaN or "" where a frame
        has none.
    videos : array-like of shape (n_frames, n_features), or a list of them
        Videos to label, in the order of the result.

    Returns
    -------
    LabelTransfer
        The labels and their confidence.

    Raises
    ------
    ValueError, TypeError
        If the number of labels is not the number of frames, if some videos have
        integers and others strings, if the features of a video differ from those of
        `fit`, or if no frame of any video has a counterpart with a label.
    NotFittedError
        If the estimator is not fitted.

    See Also
    --------
    LabelTransfer : What it returns.
    ActionSegmenter, JointAlignSegment : Their `fit` takes labels of some frames.

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
            "estimator must align videos, as VideoAligner and JointAlignSegment do, "
            f"got {type(estimator).__name__}."
        )
    labelled_videos, videos = open_files(labelled_videos), open_files(videos)
    known_labels = check_labels(labels, labelled_videos, missing_ok=True)
    flat = [label for part in known_labels for label in part.tolist()]
    has_label = np.array([not is_unlabelled(label) for label in flat])
    some = [*compress(flat, has_label)]
    if not some:
        raise ValueError("labels has no label of any frame.")
    if len({isinstance(label, str) for label in some}) > 1:
        raise ValueError(
            "labels mix integers and strings; give labels of one kind for all videos."
        )
    codes = np.full(len(flat), -1)
    names, codes[has_label] = np.unique(np.array(some), return_inverse=True)
    coded = np.split(codes, np.cumsum([len(part) for part in known_labels])[:-1])
    matcher = estimator._matcher(is_late=False)  # votes look at embeddings
    looked_at = []
    for name, given in (("labelled_videos", labelled_videos), ("videos", videos)):
        with naming(name):
            looked_at.append(matcher.look(estimator._view(list_known(given))))
    teachers, targets = looked_at
    pairs = zip(teachers, coded, strict=True)
    known = [(teacher, code) for teacher, code in pairs if (code >= 0).any()]
    no_label = np.array([""]) if names.dtype.kind == "U" else np.array([-1])
    found, confidence, lacking = [], [], []
    for index, target in enumerate(targets):
        votes = _votes(matcher, target, known, len(names))
        if votes.any():
            winner, share = _elect(votes, len(known))
            found.append(names[winner])
            confidence.append(share)
        else:
            lacking.append(f"video {index}")
            found.append(np.repeat(no_label, len(target)))
            confidence.append(np.zeros(len(target)))
    if lacking:
        _tell_of(lacking, len(found))
    single = is_single_video(videos)
    return LabelTransfer(like_input(found, single), like_input(confidence, single))


def _votes(
    matcher: Any, video: Any, known: list[tuple[Any, np.ndarray]], n_labels: int
) -> np.ndarray:
    """Return the votes for each label of each frame of a video, (N, n_labels)."""
    votes = np.zeros((len(video), n_labels))
    for teacher, codes in known:
        matches = matcher.align(video, teacher).matches_x
        frames = np.flatnonzero((matches >= 0) & (codes[matches] >= 0))
        partners = matches[frames]
        found, other = video.embedding[frames], teacher.embedding[partners]
        cost = np.maximum(1 - (found * other).sum(axis=1), 0)  # but for rounding
        votes[frames, codes[partners]] += np.exp(-cost / WIDTH)
    return votes


def _elect(votes: np.ndarray, n_voters: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the winner of each frame and its share of the maximum of votes."""
    voted = np.flatnonzero(votes.any(axis=1))
    nearest = nearest_of(voted, len(votes))
    return votes.argmax(axis=1)[nearest], votes.max(axis=1) / n_voters


def _tell_of(lacking: list[str], n_videos: int) -> None:
    """Warn of videos that got no labels, and refuse to label none."""
    reason = "no frame has a counterpart that has a label in labelled_videos"
    if len(lacking) == n_videos:
        raise ValueError(f"videos: {reason}; {REMEDY}")
    warnings.warn(
        f"videos: {name_first(lacking, MOST_NAMED)} got no labels, as {reason}; "
        f"{REMEDY}",
        UserWarning,
        stacklevel=3,
    )
