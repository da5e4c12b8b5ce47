"""Segmentation scores in scikit-learn's model selection."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import sklearn
from sklearn.base import BaseEstimator
from sklearn.cluster import KMeans
from sklearn.model_selection import GridSearchCV, KFold, cross_validate
from sklearn.preprocessing import FunctionTransformer

from skvas import ActionSegmenter
from skvas.datasets import make_videos
from skvas.exceptions import InvalidParameterError
from skvas.metrics import (
    SharedOrder,
    consistency_score,
    make_consistency_scorer,
    make_segmentation_scorer,
    segmentation_report,
    shared_order,
)
from skvas.preprocessing import Framewise

METRICS = ["mof", "miou", "f1", "f1_majority", "edit", "f1_10", "f1_25", "f1_50"]


class FrameKMeans(BaseEstimator):
    """Cluster the frames of a list of videos."""

    def __init__(self, n_clusters=2):
        self.n_clusters = n_clusters

    def fit(self, videos, y=None):
        model = KMeans(self.n_clusters, n_init=5, random_state=0)
        self.model_ = model.fit(np.concatenate(videos))
        return self

    def predict(self, videos):
        labels = np.empty(len(videos), dtype=object)
        for index, video in enumerate(videos):
            labels[index] = self.model_.predict(video)
        return labels


def data_set(n_videos=6):
    """Videos of three actions far apart, and their labels as text."""
    rng = np.random.default_rng(0)
    labels = [np.repeat(list("abc"), rng.integers(3, 9, 3)) for _ in range(n_videos)]
    place = {"a": 0.0, "b": 10.0, "c": 20.0}
    videos = [
        np.array([[place[name]] for name in video]) + rng.normal(size=(len(video), 1))
        for video in labels
    ]
    return videos, labels


@pytest.mark.parametrize("metric", METRICS)
def test_grid_search_over_lists_of_videos_finds_the_number_of_actions(metric):
    videos, labels = data_set()
    search = GridSearchCV(
        FrameKMeans(),
        {"n_clusters": [1, 3]},
        scoring=make_segmentation_scorer(metric),
        cv=3,
    )
    search.fit(videos, labels)
    assert search.best_params_ == {"n_clusters": 3}
    assert search.best_score_ == 1


@pytest.mark.parametrize("average", ["videos", None])
@pytest.mark.parametrize("metric", METRICS)
def test_scorer_and_report_agree(metric, average):
    videos, labels = data_set()
    rng = np.random.default_rng(0)
    videos = [video + rng.normal(scale=9, size=video.shape) for video in videos]
    model = FrameKMeans(2).fit(videos)
    options = {
        "matching": "per_video",
        "average": average,
        "background": ["c"],
        "random_state": 3,
    }
    scorer = pickle.loads(pickle.dumps(make_segmentation_scorer(metric, **options)))
    score = scorer(model, videos, labels)
    assert score == scorer(model, videos, labels)
    if metric != "f1_majority":
        report = segmentation_report(labels, model.predict(videos), **options)
        assert score == getattr(report, metric)


def test_groups_reach_the_scorer_by_metadata_routing():
    videos, labels = data_set()
    labels[3:] = [np.array(list("zab"))[v.view(np.int32) - 97] for v in labels[3:]]
    groups = ["x"] * 3 + ["y"] * 3
    scorer = make_segmentation_scorer("mof", matching="per_group")
    with sklearn.config_context(enable_metadata_routing=True):
        result = cross_validate(
            FrameKMeans(3),
            videos,
            labels,
            scoring=scorer.set_score_request(groups=True),
            cv=KFold(2, shuffle=True, random_state=0),
            params={"groups": groups},
        )
    assert result["test_score"].tolist() == [1, 1]


def test_unknown_metrics_and_matchings_are_refused():
    with pytest.raises(ValueError, match="metric"):
        make_segmentation_scorer("accuracy")
    with pytest.raises(ValueError, match="matching"):
        make_segmentation_scorer("mof", matching="per_frame")
    with pytest.raises(ValueError, match="average"):
        make_segmentation_scorer("mof", average="frames")


class Labeller:
    """Predict fixed labels."""

    def __init__(self, labels):
        self.labels = labels

    def predict(self, videos):
        return self.labels


RAMPS = [np.linspace(0, 1, n)[:, None] for n in (20, 30, 40)]


@pytest.mark.parametrize(("shared", "name"), [(True, "score"), (False, "free")])
def test_consistency_scorer_takes_the_matches_that_the_order_allows(
    shared, name, monkeypatch
):
    monkeypatch.setattr(SharedOrder, "is_shared", shared)
    labels = [(ramp[:, 0] * 7).astype(int) % 3 for ramp in RAMPS]
    scorer = pickle.loads(pickle.dumps(make_consistency_scorer()))
    found = scorer(Labeller(labels), RAMPS)
    assert found == getattr(consistency_score(labels, RAMPS, random_state=0), name)
    assert found < 1


def test_consistency_scorer_matches_in_the_space_of_its_transformer():
    """Of two columns one orders the frames, and the other is large and of no use."""
    rng = np.random.default_rng(0)
    videos = [np.hstack([ramp, 100 * rng.normal(size=ramp.shape)]) for ramp in RAMPS]
    labels = [ramp[:, 0] > 0.5 for ramp in RAMPS]
    first = Framewise(FunctionTransformer(lambda frames: frames[:, :1]))
    assert make_consistency_scorer(first)(Labeller(labels), videos) > 0.9
    assert make_consistency_scorer()(Labeller(labels), videos) < 0.5
    assert not hasattr(first, "transformer_")


def test_consistency_scorer_opens_files(tmp_path):
    labels = [ramp[:, 0] > 0.5 for ramp in RAMPS]
    paths = [tmp_path / f"{len(ramp)}.npy" for ramp in RAMPS]
    for path, ramp in zip(paths, RAMPS, strict=True):
        np.save(path, ramp)
    scorer = make_consistency_scorer(Framewise(FunctionTransformer(None)))
    assert scorer(Labeller(labels), paths) == scorer(Labeller(labels), RAMPS)


def test_consistency_scorer_checks_what_it_is_given():
    with pytest.raises(InvalidParameterError, match="n_pairs"):
        make_consistency_scorer(n_pairs=0)


@pytest.mark.parametrize("scale", [2.0**-30, 2.0**-7, 2.0**10])
def test_consistency_scorer_gives_one_verdict_at_any_scale_of_the_features(scale):
    videos = make_videos(
        6,
        n_actions=4,
        n_frames=(30, 40),
        n_features=6,
        shared_order=False,
        random_state=3,
    ).videos
    labels = [np.arange(len(video)) * 4 // len(video) for video in videos]
    scaled = [scale * video for video in videos]
    assert shared_order(scaled, random_state=0) == shared_order(videos, random_state=0)
    scorer = make_consistency_scorer()
    assert scorer(Labeller(labels), scaled) == scorer(Labeller(labels), videos)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_shared_order_scales_no_frame_that_has_unit_length(dtype, monkeypatch):
    """Unit length up to rounding: costs are those of the frames as they came."""
    rng = np.random.default_rng(0)
    videos = [rng.normal(size=(n, 5)) for n in (20, 30)]
    videos = [
        (video / np.linalg.norm(video, axis=1, keepdims=True)).astype(dtype)
        for video in videos
    ]
    videos[1][7] = 0
    costs = []
    monkeypatch.setattr(
        "skvas.metrics._order._gain_of_order", lambda cost: costs.append(cost) or 0.0
    )
    shared_order(videos)
    expected = 1 - videos[0] @ videos[1].T
    found = next(cost for cost in costs if cost.shape == expected.shape)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("dtype", "largest"), [(np.float32, 1e38), (np.float64, 1e308)]
)
def test_shared_order_scales_frames_of_any_length(dtype, largest):
    """Squares of these numbers leave the range of their type."""
    angles = np.linspace(0, 3, 50)
    video = np.column_stack([np.cos(angles), np.sin(angles)])
    lengths = np.geomspace(1 / largest, largest, 50)[:, None]
    videos = [(video * lengths)[::step].astype(dtype) for step in (1, 2, 3)]
    assert shared_order(videos, random_state=0).value > 0.9


def test_what_has_no_label_is_not_scored():
    data = make_videos(4, n_actions=3, n_frames=(30, 40), random_state=0)
    model = ActionSegmenter(3, max_epochs=0, random_state=0).fit(data.videos)
    scorer = make_segmentation_scorer("mof", matching=None)
    right = [np.asarray(model.predict(video)) for video in data.videos]
    wrong = [labels.copy() for labels in right]
    for labels in wrong:
        labels[:10] = (labels[:10] + 1) % 3
    assert scorer(model, data.videos, wrong) < 0.8
    assert scorer(model, data.videos, [right[0], None, None, right[3]]) == 1
    some = [np.where(np.arange(len(v)) < 10, -1, v) for v in wrong]
    assert scorer(model, data.videos, some) == 1
    assert scorer(model, data.videos[0], some[0]) == 1
    assert scorer(model, data.videos, [one.astype(float) for one in some]) == 1
    spelled = [np.array([None if v < 0 else v for v in one], object) for one in some]
    assert scorer(model, data.videos, spelled) == 1
    with pytest.raises(ValueError, match="y has labels of no video"):
        scorer(model, data.videos, [None] * 4)


def test_labels_and_groups_of_other_videos_are_refused():
    data = make_videos(4, n_actions=3, n_frames=(30, 40), random_state=0)
    model = ActionSegmenter(3, max_epochs=0, random_state=0).fit(data.videos)
    score = make_segmentation_scorer("mof")
    with pytest.raises(ValueError, match="y has labels of 3 video"):
        score(model, data.videos, data.labels[:3])
    with pytest.raises(TypeError, match="y is None"):
        score(model, data.videos, None)
    with pytest.raises(TypeError, match="timestamps"):
        score(model, data.videos, [{0: "pour"}] * 4)
    with sklearn.config_context(enable_metadata_routing=True):
        grouped = make_segmentation_scorer("mof", matching="per_group")
        grouped.set_score_request(groups=True)
        y = [*data.labels[:3], None]
        assert 0 < grouped(model, data.videos, y, groups=list("abab")) <= 1
        with pytest.raises(ValueError, match="groups has 5 entries for 4 videos"):
            grouped(model, data.videos, y, groups=list("ababa"))
