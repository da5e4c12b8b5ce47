"""Whether all videos keep the order of their timeline, by what its actions explain."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from skvas._on_demand import lengths_of
from skvas.metrics._consistency import matched_information
from skvas.segmentation._labeller import FrameLabeller, pick
from skvas.timeline._model import TimelineModel
from skvas.videos._frames import sample_videos, spread_frames
from skvas.videos._views import Views

# Frames of each video that are looked at.
SEEN_FRAMES = 64
# Share of the variance that plans explain, which the timeline has to explain as well.
LEAST_EXPLAINED = 0.9
# Adjusted mutual information from which on the actions of plans are known again in
# other videos.
KNOWN_AGAIN = 0.65
# Segments of an action in a video, on average, up to which actions are steps.
MOST_SEGMENTS = 1.35
# Shrinkage of covariances towards multiples of the identity.
SHRINKAGE = 0.1


def keeps_order(timeline: TimelineModel, plans: FrameLabeller, views: Views) -> bool:
    """Tell whether the actions of a timeline may stand for the videos it is made of.

    Videos may share an order on the whole, and yet skip, swap and repeat steps. Paths
    along the timeline then call frames by the step that others have there. Plans, which
    know no order, explain the features better, one finds their actions again in videos
    that they were not learned from, and an action is one segment of a video. All must
    be so: where features vary more from video to video than from step to step, or come
    and go within a step, plans explain much that is no step.

    Parameters
    ----------
    timeline : TimelineModel
        Of all videos.
    plans : FrameLabeller
        Labels frames without regard to order.
    views : Views
        The videos of the timeline; of more than 128, a sample is looked at.

    Returns
    -------
    bool
    """
    chosen = sample_videos(len(views.videos))
    some = views.choose(chosen)
    few = [spread_frames(n, SEEN_FRAMES) for n in lengths_of(some.features)]
    features = pick(some.features, few)
    passages = [timeline.template.passages[index] for index in chosen]
    along = [timeline.actions(passage.positions) for passage in passages]
    planned = plans.labels(some)
    on_axis, free = pick(along, few), pick(planned, few)
    if explained(features, on_axis) >= LEAST_EXPLAINED * explained(features, free):
        return True
    is_step = segments_an_action(planned) <= MOST_SEGMENTS
    return not is_step or known_again(features, free) < KNOWN_AGAIN


def explained(features: Sequence[np.ndarray], labels: Sequence[np.ndarray]) -> float:
    """Return the share of the variance of frames that the means of labels explain.

    Parameters
    ----------
    features : sequence of ndarray of shape (n_i, d)
        Frames of each video.
    labels : sequence of int ndarray of shape (n_i,)
        Their labels.

    Returns
    -------
    float
        0 to 1; 0 for frames that do not vary.
    """
    frames, codes = np.concatenate(features).astype(float), np.concatenate(labels)
    frames -= frames.mean(axis=0)
    members = np.eye(codes.max() + 1)[codes]  # (n_frames, n_labels)
    sums, counts = members.T @ frames, members.sum(axis=0)
    between = ((sums**2).sum(axis=1) / np.maximum(counts, 1)).sum()
    total = (frames**2).sum()
    return float(between / total) if total > 0 else 0.0


def segments_an_action(labels: Sequence[np.ndarray]) -> float:
    """Return how many segments an action has in a video that has it, on average.

    Parameters
    ----------
    labels : sequence of int ndarray of shape (n_i,)
        Labels of the frames of each video.

    Returns
    -------
    float
        At least 1.
    """
    counts = [
        (1 + np.count_nonzero(np.diff(codes))) / len(np.unique(codes))
        for codes in labels
    ]
    return float(np.mean(counts))


def known_again(features: Sequence[np.ndarray], labels: Sequence[np.ndarray]) -> float:
    """Return how well labels are predicted in videos that they are not learned from.

    Linear discriminants of every other video predict the labels of the rest, and the
    other way round.

    Parameters
    ----------
    features : sequence of ndarray of shape (n_i, d)
        Frames of each video.
    labels : sequence of int ndarray of shape (n_i,)
        Their labels.

    Returns
    -------
    float
        Adjusted mutual information of predictions and labels, the mean of both ways.
    """
    halves = [
        (np.concatenate(features[start::2]), np.concatenate(labels[start::2]))
        for start in (0, 1)
    ]
    scores = []
    for (frames, codes), (others, true) in (halves, halves[::-1]):
        if len(np.unique(codes)) < 2:
            return 0.0
        rule = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=SHRINKAGE)
        predicted = rule.fit(frames, codes).predict(others)
        scores.append(matched_information(true, predicted))
    return float(np.mean(scores))
