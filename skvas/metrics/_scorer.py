"""Segmentation scores for scikit-learn's model selection."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from functools import partial
from typing import Any

import numpy as np
from sklearn.metrics import make_scorer

from skvas._typing import Labels
from skvas.metrics._compare import MATCHINGS
from skvas.metrics._segmentation import (
    edit_score,
    f1_majority,
    f1_overlap,
    f1_sampled,
    miou,
    mof,
)
from skvas.validation import check_choice

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
    background: Hashable | None = None,
    random_state: int | np.random.RandomState | None = 0,
) -> Any:
    """Make a scorer of segmentations for `GridSearchCV` and its kin.

    Parameters
    ----------
    metric : {"mof", "miou", "f1", "f1_majority", "edit", "f1_10", "f1_25", "f1_50"}
        The score, named as in :class:`SegmentationReport`.
    matching : {"global", "per_group", "per_video", None}, default="global"
        Over which frames of the test videos clusters are matched with actions; see
        :func:`segmentation_report`. "per_group" needs the groups of the test videos, by
        metadata routing: ``scorer.set_score_request(groups=True)``.
    background : int or str, default=None
        A true label that is no action.
    random_state : int, RandomState instance or None, default=0
        Draws the frames of "f1"; an integer makes a search repeatable.

    Returns
    -------
    callable
        A scorer ``scorer(estimator, videos, labels)``, where `labels` is a list of one
        label array a video; greater is better.

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
    options: dict[str, Any] = {"matching": matching, "background": background}
    if name == "f1":
        options["random_state"] = random_state
    return make_scorer(_score, metric=name, **options)


def _score(
    labels_true: Labels,
    labels_pred: Labels,
    *,
    metric: str,
    groups: Iterable[Hashable] | None = None,
    **options: Any,
) -> float:
    return _METRICS[metric](labels_true, labels_pred, groups=groups, **options)
