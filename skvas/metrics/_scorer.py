"""Segmentation scores for scikit-learn's model selection."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import compress
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.metrics import make_scorer

from skvas._typing import Labels, Videos
from skvas.datasets._on_disk import open_files
from skvas.metrics._compare import (
    AVERAGES,
    MATCHINGS,
    Background,
    background_labels,
    check_groups,
)
from skvas.metrics._consistency import consistency_score, match_pairs
from skvas.metrics._order import shared_order
from skvas.metrics._segmentation import (
    edit_score,
    f1_majority,
    f1_overlap,
    f1_sampled,
    miou,
    mof,
)
from skvas.validation import check_choice, check_integer, is_unlabelled

_METRICS: dict[str, Callable[..., float]] = {
    "mof": mof,
    "miou": miou,
    "f1": f1_sampled,
    "f1_majority": f1_majority,
    "edit": edit_score,
    "f1_10": partial(f1_overlap, threshold=0.10),
    "f1_25": partial(f1_overlap, threshold=0.25),
    "f1_50": partial(f1_overlap, threshold=0.50),
}


def make_segmentation_scorer(
    metric: str,
    *,
    matching: str | None = "global",
    average: str | None = None,
    background: Background = None,
    random_state: int | np.random.RandomState | None = 0,
) -> Any:
    """Make a scorer of segmentations for `GridSearchCV` and similar tools.

    Parameters
    ----------
    metric : {"mof", "miou", "f1", "f1_majority", "edit", "f1_10", "f1_25", "f1_50"}
        Name of the score, as in :class:`SegmentationReport`.
    matching : {"global", "per_group", "per_video", None}, default="global"
        Set of test frames over which clusters are matched with actions; see
        :func:`segmentation_report`. "per_group" needs the groups of the test videos, by
        metadata routing: ``scorer.set_score_request(groups=True)``.
    average : {"groups", "videos", None}, default=None
        Of what the score is a mean; see :func:`segmentation_report`. "groups" needs
        groups as well.
    background : int, str or collection of them, default=None
        True label or labels of frames without an action.
    random_state : int, RandomState instance or None, default=0
        Draws the frames for "f1"; an integer makes a search reproducible.

    Returns
    -------
    callable
        A scorer ``scorer(estimator, videos, labels)``, where `labels` is a list of one
        label array a video, or None for a video that is not scored; greater is better.
        Frames without a label (-1, None, NaN, "") are not scored either.

    See Also
    --------
    make_consistency_scorer : For videos without labels.
    segmentation_report : All scores of a segmentation.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.cluster import KMeans
    >>> from skvas.metrics import make_segmentation_scorer
    >>> frames = np.array([[0.0], [0.1], [5.0], [5.1]])
    >>> scorer = make_segmentation_scorer("mof")
    >>> scorer(KMeans(2, random_state=0).fit(frames), frames, ["a", "a", "b", "b"])
    1.0
    """
    name = check_choice("metric", metric, tuple(_METRICS))
    check_choice("matching", matching, MATCHINGS)
    check_choice("average", average, AVERAGES)
    options: dict[str, Any] = {
        "matching": matching,
        "average": average,
        "background": background,
    }
    if name == "f1":
        options["random_state"] = random_state
    return make_scorer(_score, metric=name, **options)


def _score(
    labels_true: Labels,
    labels_pred: Labels,
    *,
    metric: str,
    groups: Iterable[Hashable] | None = None,
    background: Background = None,
    **options: Any,
) -> float:
    if labels_true is None:
        raise TypeError("y is None; a score needs the labels of every frame.")
    videos, found = list(labels_true), labels_pred
    if any(isinstance(item, Mapping) for item in videos):
        raise TypeError(
            "y has timestamps, but a score needs the labels of frames; "
            "skvas.labels.frame_labels spells labels out."
        )
    if any(item is not None for item in videos) and not any(map(np.ndim, videos)):
        videos, found = [videos], [labels_pred]  # labels of the frames of one video
    has = [item is not None for item in videos]
    if not any(has):
        raise ValueError("y has labels of no video to score against.")
    if len(has) != len(found):
        raise ValueError(f"y has labels of {len(has)} video(s) for {len(found)}.")
    if groups is not None:
        how = options["matching"], options["average"]
        groups = [*compress(check_groups(groups, *how, len(has)), has)]
    true, background = _spelled([*compress(videos, has)], background)
    return _METRICS[metric](
        true, [*compress(found, has)], groups=groups, background=background, **options
    )


def _spelled(labels: list[Any], background: Background) -> tuple[list[Any], Background]:
    """Give frames without a label that of the background, which no score counts."""
    values = [np.asarray(item).tolist() for item in labels]
    known = [v for video in values for v in video if not is_unlabelled(v)]
    if len(known) == sum(map(len, values)):
        return labels, background
    unknown = "" if known and isinstance(known[0], str) else -1
    left_out = background_labels(background) or (unknown,)
    spelled = [[left_out[0] if is_unlabelled(v) else v for v in one] for one in values]
    return spelled, left_out


def make_consistency_scorer(
    transformer: Any = None, *, n_pairs: int = 40, random_state: int = 0
) -> Callable[..., float]:
    """Make a scorer that needs no labels, for `GridSearchCV` and similar tools.

    It returns the consistency score of the predicted labels; see
    :func:`consistency_score`. Unlike the estimators' own `score`, its values are
    comparable between settings, also between numbers of actions.

    Parameters
    ----------
    transformer : transformer of videos, default=None
        Maps videos to the space in which frames are matched, for instance
        :class:`skvas.preprocessing.WhitenedViews`. A clone is fitted to the scored
        videos at each call, so that the space does not depend on the setting. None
        matches the videos as they are.
    n_pairs : int, default=40
        Number of pairs of videos; see :func:`match_pairs`.
    random_state : int, default=0
        Draws the pairs.

    Returns
    -------
    callable
        A scorer ``scorer(estimator, videos, y=None)``; greater is better. It needs at
        least two videos and ignores `y`. It returns `ConsistencyScore.score` if
        :func:`shared_order` finds a shared order of the videos, else
        `ConsistencyScore.free`.

    See Also
    --------
    make_segmentation_scorer : For videos with labels.
    consistency_score : The score.

    Examples
    --------
    >>> from sklearn.model_selection import GridSearchCV, KFold
    >>> from skvas import ActionSegmenter, Segmenting
    >>> from skvas.datasets import make_videos
    >>> from skvas.metrics import make_consistency_scorer
    >>> from skvas.preprocessing import WhitenedViews
    >>> videos = make_videos(6, n_actions=4, n_frames=(40, 60), random_state=0).videos
    >>> search = GridSearchCV(
    ...     ActionSegmenter(
    ...         segmenting=Segmenting(start="time", lambda_actions=0.3, alpha=0.3),
    ...         max_epochs=0,
    ...     ),
    ...     {"n_actions": [2, 4]},
    ...     scoring=make_consistency_scorer(WhitenedViews()),
    ...     cv=KFold(2),
    ... )
    >>> search.fit(videos).best_params_
    {'n_actions': 4}
    """
    check_integer("n_pairs", n_pairs, low=1)
    return _ConsistencyScorer(transformer, n_pairs, random_state)


@dataclass(frozen=True)
class _ConsistencyScorer:
    transformer: Any
    n_pairs: int
    random_state: int

    def __call__(self, estimator: Any, videos: Videos, y: Any = None) -> float:
        space = videos = open_files(videos)
        if self.transformer is not None:
            space = clone(self.transformer).fit_transform(videos)
        matches = match_pairs(
            space, n_pairs=self.n_pairs, random_state=self.random_state
        )
        found = consistency_score(estimator.predict(videos), matches)
        order = shared_order(space, random_state=self.random_state)
        return found.score if order.is_shared else found.free
