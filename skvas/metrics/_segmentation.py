"""Scores of an action segmentation."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from skvas._printing import format_table
from skvas._typing import Labels
from skvas.metrics._compare import (
    Background,
    Codes,
    Comparison,
    actions_in,
    compare,
    indices_of,
)
from skvas.validation import check_integer, check_random_state, check_real

# Frames drawn from each true segment.
_N_SAMPLED = 15


@dataclass(frozen=True)
class SegmentationReport:
    """Scores of a segmentation and their protocol.

    All scores are fractions; 1 is perfect.

    Parameters
    ----------
    mof : float
        Correct frames over all frames.
    f1, precision, recall : float
        F1 score, precision and recall of segments, by sampled frames; see
        :func:`f1_sampled`.
    miou : float
        Mean of `iou`, unless it is a mean over groups or videos of such means.
    edit : float
        Segmental edit score; see :func:`edit_score`.
    f1_10, f1_25, f1_50 : float
        Segmental F1 scores at an overlap of 10, 25 and 50 %; see :func:`f1_overlap`.
    iou : dict
        Intersection over union of each true action, over the frames of all videos; 0
        for an action without a cluster. If each group has a matching, a key is the pair
        of group and action.
    mapping : tuple of dict
        For each video, a dict from cluster to action. Clusters without an action are
        absent.
    matching : {"global", "per_group", "per_video", None}
        Set of frames over which clusters were matched with actions.
    average : {"groups", "videos", None}
        Of what the scores are means; None: of nothing, all videos have one score.
    background : int, str, collection of them or None
        True label or labels of the frames left out.
    sampling : str
        Description of how the frames for `f1` were drawn.

    Examples
    --------
    >>> from skvas.metrics import segmentation_report
    >>> report = segmentation_report(["a", "a", "b", "b"], [7, 7, 7, 3], random_state=0)
    >>> report.mof, report.matching, report.sampling
    (0.75, 'global', '15 frames a segment with replacement, 50 draws')
    """

    mof: float
    f1: float
    precision: float
    recall: float
    miou: float
    edit: float
    f1_10: float
    f1_25: float
    f1_50: float
    iou: dict[Hashable, float]
    mapping: tuple[dict[Hashable, Hashable], ...]
    matching: str | None
    average: str | None
    background: Background
    sampling: str

    def __str__(self) -> str:
        """Spell out the scores, and the overlap of each action, as two tables."""
        scores = {
            "MoF": self.mof,
            "F1": self.f1,
            "mIoU": self.miou,
            "edit": self.edit,
            "F1@10": self.f1_10,
            "F1@25": self.f1_25,
            "F1@50": self.f1_50,
        }
        overlaps = [
            {**self._told(action), "IoU": float(value)}
            for action, value in self.iou.items()
        ]
        tables = [format_table([scores], decimals=3)]
        tables += [format_table(overlaps, decimals=3)] if overlaps else []
        return "\n\n".join(tables)

    def _told(self, action: Hashable) -> dict[str, str]:
        if self.matching == "per_group" and isinstance(action, tuple):
            return {"group": str(action[0]), "action": str(action[1])}
        return {"action": str(action)}


def segmentation_report(
    labels_true: Labels,
    labels_pred: Labels,
    *,
    matching: str | None = "global",
    groups: Iterable[Hashable] | None = None,
    average: str | None = None,
    background: Background = None,
    f1_draws: int = 50,
    random_state: int | np.random.RandomState | None = None,
) -> SegmentationReport:
    """Score a segmentation by every measure of the literature.

    Parameters
    ----------
    labels_true : array-like of shape (n_frames,), or a collection of them
        True action of each frame, integers or strings; one array a video.
    labels_pred : array-like of shape (n_frames,), or a collection of them
        Predicted cluster of each frame. The number of clusters may differ from the
        number of actions. The names of clusters matter only if `matching` is None.
    matching : {"global", "per_group", "per_video", None}, default="global"
        Set of frames over which clusters are matched one to one with actions, so that
        most frames agree: all frames (the literature's protocol), the frames of each
        group (the activity), or the frames of each video (the most generous). Matching
        only renames clusters; over what a score is computed is `average`. None:
        predictions name actions, as a supervised method's predictions do.
    groups : iterable of length n_videos, default=None
        The group of each video, for `matching="per_group"` or `average="groups"`. With
        the first, groups have no action in common: of one name there are as many
        actions as groups that have it, and a video is expected to have those of its
        group.
    average : {"groups", "videos", None}, default=None
        Over what scores are computed. "videos": each video is scored by itself, and the
        report has the mean of their scores; with `matching="per_video"` these are the
        figures of [1]_, and those per video of [2]_. "groups": the same for groups;
        with `matching="per_group"` it is the protocol that evaluates each activity
        alone. None: frames and segments of all videos are counted together.
    background : int, str or collection of them, default=None
        True label or labels of frames without an action. These frames are left out of
        the matching and of all scores, whatever their prediction. Segments, true or
        predicted, end at a left-out frame. Background predicted at any other frame is
        a mistake and forms no predicted segment. A prediction means background if it is
        such a label; unless `matching` is None, only if the label is a text or
        negative, as clusters are numbered from 0 on. None: every label is an action,
        also -1 and "", which `fit` takes for no label.
    f1_draws : int, default=50
        Number of draws for `f1`, which is their mean.
    random_state : int, RandomState instance or None, default=None
        Draws the frames for `f1`.

    Returns
    -------
    SegmentationReport
        The scores and the protocol.

    Raises
    ------
    ValueError
        If labels and predictions differ in length, or all true frames are background.

    See Also
    --------
    mof, miou, edit_score, f1_majority, f1_overlap : Single scores.
    make_segmentation_scorer : The same for searches of scikit-learn.
    uniform_segmentation : The baseline to beat.

    References
    ----------
    .. [1] S. Sarfraz et al., "Temporally-weighted hierarchical clustering for
       unsupervised action segmentation", CVPR 2021.
    .. [2] M. Xu and S. Gould, "Temporally consistent unbalanced optimal transport for
       unsupervised action segmentation", CVPR 2024.

    Examples
    --------
    >>> from skvas.metrics import segmentation_report
    >>> true = [["take", "take", "pour", "pour"], ["take", "pour", "pour", "stir"]]
    >>> pred = [[1, 1, 0, 0], [1, 1, 0, 0]]
    >>> report = segmentation_report(true, pred, random_state=0)
    >>> report.mof
    0.75
    >>> report.mapping[0]
    {1: 'take', 0: 'pour'}
    >>> {action: round(iou, 2) for action, iou in report.iou.items()}
    {'take': 0.75, 'pour': 0.6, 'stir': 0.0}
    """
    rng = check_random_state(random_state)
    draws = check_integer("f1_draws", f1_draws, low=1)
    pair = compare(labels_true, labels_pred, matching, groups, background, average)
    parts = pair.parts()
    of_segments = [_f1_of_shares(part, draws, rng) for part in parts]
    f1, precision, recall = np.mean(of_segments, axis=0).tolist()
    return SegmentationReport(
        mof=_mean(_mof, parts),
        f1=f1,
        precision=precision,
        recall=recall,
        miou=_mean(_miou, parts),
        edit=_mean(_edit, parts),
        f1_10=_mean(partial(_f1_overlap, threshold=0.10), parts),
        f1_25=_mean(partial(_f1_overlap, threshold=0.25), parts),
        f1_50=_mean(partial(_f1_overlap, threshold=0.50), parts),
        iou=dict(zip(pair.actions, _iou(pair).tolist(), strict=True)),
        mapping=pair.mapping,
        matching=matching,
        average=average,
        background=background,
        sampling=f"{_N_SAMPLED} frames a segment with replacement, {draws} draws",
    )


def match_labels(
    labels_true: Labels, labels_pred: Labels, *, background: Background = None
) -> dict[Hashable, Hashable]:
    """Match clusters one to one with actions (Hungarian method).

    Parameters
    ----------
    labels_true, labels_pred : array-like of shape (n_frames,), or collections of them
        True action and predicted cluster of each frame. All videos share one matching.
    background : int, str or collection of them, default=None
        True label or labels of the frames to leave out.

    Returns
    -------
    dict
        From cluster to action. The matching maximises the number of frames that agree;
        ties are broken by the largest sum of intersections over unions. A cluster or
        an action is absent if it shares no frame with the partner left for it.

    References
    ----------
    .. [1] H. W. Kuhn, "The Hungarian method for the assignment problem", Naval Research
       Logistics Quarterly 2, 1955.

    Examples
    --------
    >>> from skvas.metrics import match_labels
    >>> match_labels(["a", "a", "b", "b"], [7, 7, 7, 3])
    {7: 'a', 3: 'b'}
    """
    return compare(labels_true, labels_pred, "global", None, background).mapping[0]


def mof(
    labels_true: Labels,
    labels_pred: Labels,
    *,
    matching: str | None = "global",
    groups: Iterable[Hashable] | None = None,
    average: str | None = None,
    background: Background = None,
) -> float:
    """Return the share of correct frames (mean over frames).

    Parameters
    ----------
    labels_true, labels_pred : array-like of shape (n_frames,), or collections of them
        True action and predicted cluster of each frame.
    matching : {"global", "per_group", "per_video", None}, default="global"
        Set of frames over which clusters are matched with actions; None if predictions
        name actions. :func:`segmentation_report` describes the protocol.
    groups : iterable of length n_videos, default=None
        The group of each video, for `matching="per_group"` or `average="groups"`.
    average : {"groups", "videos", None}, default=None
        Score each group or each video by itself, and return the mean of their scores.
        None: all videos have one score. :func:`segmentation_report` describes it.
    background : int, str or collection of them, default=None
        True label or labels of the frames to leave out.

    Returns
    -------
    float
        Number of correct frames over number of frames.

    See Also
    --------
    segmentation_report : All scores of a segmentation.
    miou : The same weight for each action.

    Examples
    --------
    >>> from skvas.metrics import mof
    >>> mof(["a", "a", "b", "b"], [7, 7, 7, 3])
    0.75
    """
    pair = compare(labels_true, labels_pred, matching, groups, background, average)
    return _mean(_mof, pair.parts())


def miou(
    labels_true: Labels,
    labels_pred: Labels,
    *,
    matching: str | None = "global",
    groups: Iterable[Hashable] | None = None,
    average: str | None = None,
    background: Background = None,
) -> float:
    """Return the mean intersection over union of the true actions (mIoU).

    Parameters
    ----------
    labels_true, labels_pred : array-like of shape (n_frames,), or collections of them
        True action and predicted cluster of each frame.
    matching : {"global", "per_group", "per_video", None}, default="global"
        Set of frames over which clusters are matched with actions; None if predictions
        name actions. :func:`segmentation_report` describes the protocol.
    groups : iterable of length n_videos, default=None
        The group of each video, for `matching="per_group"` or `average="groups"`.
    average : {"groups", "videos", None}, default=None
        Score each group or each video by itself, and return the mean of their scores.
        None: all videos have one score. :func:`segmentation_report` describes it.
    background : int, str or collection of them, default=None
        True label or labels of the frames to leave out.

    Returns
    -------
    float
        The mean over true actions; an action without a cluster counts 0. With a
        matching for each group, actions of one name in two groups are two.

    See Also
    --------
    segmentation_report : All scores of a segmentation.
    mof : The share of correct frames.

    Examples
    --------
    >>> from skvas.metrics import miou
    >>> round(miou(["a", "a", "b", "b"], [7, 7, 7, 3]), 4)
    0.5833
    """
    pair = compare(labels_true, labels_pred, matching, groups, background, average)
    return _mean(_miou, pair.parts())


def f1_sampled(
    labels_true: Labels,
    labels_pred: Labels,
    *,
    matching: str | None = "global",
    groups: Iterable[Hashable] | None = None,
    average: str | None = None,
    background: Background = None,
    f1_draws: int = 50,
    random_state: int | np.random.RandomState | None = None,
) -> float:
    r"""Return the F1 score of segments, by sampled frames.

    From each true segment, 15 frames are drawn with replacement. The segment counts as
    found if more than half of them are correct. Then

    .. math:: \text{precision} = \frac{\text{found}}{\text{videos} \times
              \text{actions}}, \qquad \text{recall} = \frac{\text{found}}{\text{true
              segments}},

    where videos times actions are counted over the whole data set; with a matching for
    each group, over each group, and added up. The score is the mean over draws.

    Parameters
    ----------
    labels_true, labels_pred : array-like of shape (n_frames,), or collections of them
        True action and predicted cluster of each frame.
    matching : {"global", "per_group", "per_video", None}, default="global"
        Set of frames over which clusters are matched with actions; None if predictions
        name actions. :func:`segmentation_report` describes the protocol.
    groups : iterable of length n_videos, default=None
        The group of each video, for `matching="per_group"` or `average="groups"`.
    average : {"groups", "videos", None}, default=None
        Score each group or each video by itself, and return the mean of their scores.
        None: all videos have one score. :func:`segmentation_report` describes it.
    background : int, str or collection of them, default=None
        True label or labels of the frames to leave out.
    f1_draws : int, default=50
        Number of draws.
    random_state : int, RandomState instance or None, default=None
        Draws the frames.

    Returns
    -------
    float
        The mean F1 score.

    See Also
    --------
    segmentation_report : All scores of a segmentation.
    f1_majority : The same without random draws.

    Notes
    -----
    The literature's precision assumes that each action occurs once in each video. If
    actions repeat, precision and score can exceed 1. If most actions are absent, a
    perfect segmentation scores below 1.

    Examples
    --------
    >>> from skvas.metrics import f1_sampled
    >>> f1_sampled(["a", "a", "b", "b"], [7, 7, 3, 3], random_state=0)
    1.0
    """
    rng = check_random_state(random_state)
    draws = check_integer("f1_draws", f1_draws, low=1)
    pair = compare(labels_true, labels_pred, matching, groups, background, average)
    return _mean(lambda part: _f1_of_shares(part, draws, rng)[0], pair.parts())


def f1_majority(
    labels_true: Labels,
    labels_pred: Labels,
    *,
    matching: str | None = "global",
    groups: Iterable[Hashable] | None = None,
    average: str | None = None,
    background: Background = None,
) -> float:
    """Return the F1 score of segments, by all of their frames.

    It is the deterministic form of :func:`f1_sampled`: a segment counts as found if
    more than half of its frames are correct.

    Parameters
    ----------
    labels_true, labels_pred : array-like of shape (n_frames,), or collections of them
        True action and predicted cluster of each frame.
    matching : {"global", "per_group", "per_video", None}, default="global"
        Set of frames over which clusters are matched with actions; None if predictions
        name actions. :func:`segmentation_report` describes the protocol.
    groups : iterable of length n_videos, default=None
        The group of each video, for `matching="per_group"` or `average="groups"`.
    average : {"groups", "videos", None}, default=None
        Score each group or each video by itself, and return the mean of their scores.
        None: all videos have one score. :func:`segmentation_report` describes it.
    background : int, str or collection of them, default=None
        True label or labels of the frames to leave out.

    Returns
    -------
    float
        The F1 score.

    See Also
    --------
    segmentation_report : All scores of a segmentation.
    f1_overlap : Segments that overlap by a given share.

    Examples
    --------
    >>> from skvas.metrics import f1_majority
    >>> f1_majority(["a", "a", "b", "b"], [7, 7, 7, 3])
    0.5
    """
    pair = compare(labels_true, labels_pred, matching, groups, background, average)
    return _mean(_f1_majority, pair.parts())


def edit_score(
    labels_true: Labels,
    labels_pred: Labels,
    *,
    matching: str | None = "global",
    groups: Iterable[Hashable] | None = None,
    average: str | None = None,
    background: Background = None,
) -> float:
    """Return the segmental edit score, which ignores the lengths of segments.

    The score of a video is 1 - d / n, where d is the Levenshtein distance between the
    sequences of true and predicted segments, and n the length of the longer sequence.

    Parameters
    ----------
    labels_true, labels_pred : array-like of shape (n_frames,), or collections of them
        True action and predicted cluster of each frame.
    matching : {"global", "per_group", "per_video", None}, default="global"
        Set of frames over which clusters are matched with actions; None if predictions
        name actions. :func:`segmentation_report` describes the protocol.
    groups : iterable of length n_videos, default=None
        The group of each video, for `matching="per_group"` or `average="groups"`.
    average : {"groups", "videos", None}, default=None
        Score each group or each video by itself, and return the mean of their scores.
        None: all videos have one score. :func:`segmentation_report` describes it.
    background : int, str or collection of them, default=None
        True label or labels of the frames to leave out.

    Returns
    -------
    float
        Mean over videos, in [0, 1]; the literature reports it in percent. Clusters
        without an action form segments too. Videos with nothing but background are
        left out.

    See Also
    --------
    segmentation_report : All scores of a segmentation.

    References
    ----------
    .. [1] C. Lea et al., "Segmental spatiotemporal CNNs for fine-grained action
       segmentation", ECCV 2016.

    Examples
    --------
    >>> from skvas.metrics import edit_score
    >>> edit_score([0, 0, 0, 1, 1], [0, 1, 0, 1, 1], matching=None)
    0.5
    """
    pair = compare(labels_true, labels_pred, matching, groups, background, average)
    return _mean(_edit, pair.parts())


def f1_overlap(
    labels_true: Labels,
    labels_pred: Labels,
    *,
    threshold: float = 0.5,
    matching: str | None = "global",
    groups: Iterable[Hashable] | None = None,
    average: str | None = None,
    background: Background = None,
) -> float:
    """Return the segmental F1 score at a threshold of overlap (F1@k).

    Each predicted segment is compared with the true segment of its label that has the
    largest intersection over union with it. The prediction is a true positive if that
    ratio is at least `threshold` and no earlier prediction was matched with the same
    true segment; otherwise it is a false positive. True segments without a match are
    false negatives. Segments are counted over all videos.

    Parameters
    ----------
    labels_true, labels_pred : array-like of shape (n_frames,), or collections of them
        True action and predicted cluster of each frame.
    threshold : float, default=0.5
        Minimum intersection over union, in (0, 1].
    matching : {"global", "per_group", "per_video", None}, default="global"
        Set of frames over which clusters are matched with actions; None if predictions
        name actions. :func:`segmentation_report` describes the protocol.
    groups : iterable of length n_videos, default=None
        The group of each video, for `matching="per_group"` or `average="groups"`.
    average : {"groups", "videos", None}, default=None
        Score each group or each video by itself, and return the mean of their scores.
        None: all videos have one score. :func:`segmentation_report` describes it.
    background : int, str or collection of them, default=None
        True label or labels of the frames to leave out.

    Returns
    -------
    float
        The F1 score as a fraction. A threshold of 0.5 gives ``F1@50`` of the supervised
        literature.

    See Also
    --------
    segmentation_report : All scores of a segmentation.
    f1_majority : Segments in which most frames are correct.

    References
    ----------
    .. [1] C. Lea et al., "Temporal convolutional networks for action segmentation and
       detection", CVPR 2017.

    Examples
    --------
    >>> from skvas.metrics import f1_overlap
    >>> f1_overlap([0, 0, 0, 0, 1, 1], [0, 0, 1, 1, 1, 1], threshold=0.25)
    1.0
    >>> f1_overlap([0, 0, 0, 0, 1, 1], [0, 1, 1, 1, 1, 1], threshold=0.5)
    0.0
    """
    least = check_real("threshold", threshold, low=0, low_open=True, high=1)
    pair = compare(labels_true, labels_pred, matching, groups, background, average)
    return _mean(partial(_f1_overlap, threshold=least), pair.parts())


def _mean(score: Callable[[Comparison], float], parts: list[Comparison]) -> float:
    return float(np.mean([score(part) for part in parts]))


def _mof(pair: Comparison) -> float:
    true, pred = _frames(pair)
    return float((true == pred).mean())


def _miou(pair: Comparison) -> float:
    return float(_iou(pair).mean())


def _iou(pair: Comparison) -> NDArray[np.float64]:
    """Return the intersection over union of each action, (K,)."""
    true, pred = _frames(pair)
    k = len(pair.actions)
    n_true = np.bincount(true, minlength=k)
    n_pred = np.bincount(pred[(pred >= 0) & (pred < k)], minlength=k)
    n_both = np.bincount(true[true == pred], minlength=k)
    return n_both / (n_true + n_pred - n_both)


def _frames(pair: Comparison) -> tuple[Codes, Codes]:
    """Return the frames of all videos, without background."""
    true, pred = np.concatenate(pair.true), np.concatenate(pair.pred)
    return true[true >= 0], pred[true >= 0]


def _segments(codes: Codes) -> tuple[NDArray[np.intp], NDArray[np.intp], Codes]:
    """Return starts, ends and codes of the runs that are not background."""
    starts = np.flatnonzero(np.diff(codes, prepend=-2))
    ends = np.append(starts[1:], len(codes))
    real = codes[starts] >= 0
    return starts[real], ends[real], codes[starts[real]]


def _right_frames(pair: Comparison) -> tuple[Codes, Codes]:
    """Return the number of correct frames and the length of each true segment."""
    right, length = [], []
    for true, pred in zip(pair.true, pair.pred, strict=True):
        starts, ends, _ = _segments(true)
        total = np.append(0, np.cumsum(true == pred))
        right.append(total[ends] - total[starts])
        length.append(ends - starts)
    return np.concatenate(right), np.concatenate(length)


def _f1_majority(pair: Comparison) -> float:
    right, length = _right_frames(pair)
    return _f1_of_found(pair, np.array([(2 * right > length).sum()]))[0]


def _f1_of_shares(
    pair: Comparison, draws: int, rng: np.random.RandomState
) -> tuple[float, float, float]:
    right, length = _right_frames(pair)
    # Of frames drawn with replacement the number of right ones is binomial.
    hits = rng.binomial(_N_SAMPLED, right / length, size=(draws, len(right)))
    return _f1_of_found(pair, (2 * hits > _N_SAMPLED).sum(axis=1))


def _f1_of_found(
    pair: Comparison, found: NDArray[np.int64]
) -> tuple[float, float, float]:
    """Return F1, precision and recall, each a mean over draws."""
    n_expected = _n_expected(pair)
    n_segments = sum(len(_segments(true)[0]) for true in pair.true)
    # The harmonic mean of found / expected and found / segments.
    f1 = 2 * found / (n_expected + n_segments)
    return (
        float(f1.mean()),
        float((found / n_expected).mean()),
        float((found / n_segments).mean()),
    )


def _n_expected(pair: Comparison) -> int:
    """Count the videos times the actions of each group."""
    n_expected = 0
    for videos in indices_of(pair.groups).values():
        seen = actions_in([pair.true[index] for index in videos])
        n_expected += len(videos) * len(seen)
    return n_expected


def _edit(pair: Comparison) -> float:
    scores = []
    for true, pred in zip(pair.true, pair.pred, strict=True):
        a, b = _segments(true)[2], _segments(pred)[2]
        if len(a):
            scores.append(1 - _levenshtein(a, b) / max(len(a), len(b)))
    return float(np.mean(scores))


def _levenshtein(a: Codes, b: Codes) -> int:
    """Return the least number of insertions, deletions and replacements."""
    offset = np.arange(len(b) + 1)
    row = offset
    for code in a:
        best = row + 1  # delete
        best[1:] = np.minimum(best[1:], row[:-1] + (b != code))
        # Insertions run along the row, one each: a running minimum of what is left.
        row = np.minimum.accumulate(best - offset) + offset
    return int(row[-1])


def _f1_overlap(pair: Comparison, threshold: float) -> float:
    n_right = n_true = n_pred = 0
    for true, pred in zip(pair.true, pair.pred, strict=True):
        starts, ends, _ = _segments(true)
        p_starts, p_ends, _ = _segments(pred)
        n_true += len(starts)
        n_pred += len(p_starts)
        # Each run of right frames is all that a true and a predicted segment share.
        first, last, _ = _segments(np.where(true == pred, true, -1))
        of = np.searchsorted(starts, first, side="right") - 1
        by = np.searchsorted(p_starts, first, side="right") - 1
        both = last - first
        ratio = both / ((p_ends - p_starts)[by] + (ends - starts)[of] - both)
        order = np.lexsort((-ratio, by))
        best = order[np.unique(by[order], return_index=True)[1]]
        # The first prediction to reach a true segment takes it; later ones are false.
        n_right += len(np.unique(of[best][ratio[best] >= threshold]))
    return 2 * n_right / (n_true + n_pred)
