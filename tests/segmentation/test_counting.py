"""The number of actions, estimated from the frames alone."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import skvas
import skvas.estimators._labelling as labelling
from skvas import ActionSegmenter, JointAlignSegment
from skvas.exceptions import InvalidParameterError
from skvas.metrics import SharedOrder
from skvas.segmentation import _choice, _start
from tests.models import SEGMENTERS, assert_same_outputs, outputs, quick
from tests.models import small_videos as make

every_segmenter = pytest.mark.parametrize("cls", SEGMENTERS)
VIDEOS = make(4)


@pytest.fixture(autouse=True)
def no_timeline(monkeypatch):
    """Count as where videos share no order."""
    monkeypatch.setattr(labelling, "count_on_timeline", lambda *_, **__: None)


def counting(cls, n_actions, **options):
    return quick(cls, n_actions=n_actions, max_epochs=0, **options)


def score_that_prefers(number):
    """Return a stand-in for `modularity_score` that is highest for so many labels."""

    def score(labels, matches, ordered):
        return -abs(max(found.max() for found in labels) + 1 - number)

    return score


@every_segmenter
def test_number_of_the_highest_score_is_taken(cls, monkeypatch):
    monkeypatch.setattr(_choice, "modularity_score", score_that_prefers(4))
    model = counting(cls, (2, 6)).fit(VIDEOS)
    assert_array_equal(model.n_actions_scores_["n_actions"], [2, 3, 4, 5, 6])
    assert model.n_actions_scores_["score"].argmax() == 2
    assert model.n_actions_ == 4
    assert model.prototypes_.shape == (4, model.n_embedding_)
    assert model.n_actions == (2, 6)
    fixed = counting(cls, 4).fit(VIDEOS)
    assert_same_outputs(outputs(model, VIDEOS), outputs(fixed, VIDEOS))


def test_clusters_of_all_numbers_are_of_one_tree(monkeypatch):
    grown, ward = [], _start.ward

    def spy(frames):
        grown.append(len(frames))
        return ward(frames)

    monkeypatch.setattr(_start, "ward", spy)
    monkeypatch.setattr(_choice, "modularity_score", score_that_prefers(3))
    counting(ActionSegmenter, (2, 3)).fit(VIDEOS)
    few = len(grown)
    grown.clear()
    counting(ActionSegmenter, (2, 9)).fit(VIDEOS)
    assert len(grown) == few


@pytest.mark.parametrize("n_actions", [3, 5])
def test_plain_actions_are_counted(n_actions):
    # Actions that rest at one place each have no parts to be taken for actions.
    rng = np.random.default_rng(n_actions)
    places = 4 * rng.standard_normal((n_actions, 6))
    videos = [
        np.repeat(places, rng.integers(12, 24, n_actions), axis=0) for _ in range(6)
    ]
    videos = [video + 0.5 * rng.standard_normal(video.shape) for video in videos]
    model = ActionSegmenter("auto", max_epochs=0, random_state=0).fit(videos)
    assert_array_equal(model.n_actions_scores_["n_actions"], np.arange(2, 21))
    assert model.n_actions_ == n_actions


@every_segmenter
def test_range_of_one_number_is_that_number(cls):
    model, fixed = counting(cls, (3, 3)).fit(VIDEOS), counting(cls, 3).fit(VIDEOS)
    assert model.n_actions_ == fixed.n_actions_ == 3
    assert model.n_actions_scores_ is None
    assert_same_outputs(outputs(model, VIDEOS), outputs(fixed, VIDEOS))


def test_parameters_of_the_user_are_counted_with(monkeypatch):
    tried, refine = set(), _choice.refine

    def spy(trials, n_rounds):
        tried.update((trial.task.lambda_actions, trial.task.alpha) for trial in trials)
        return refine(trials, n_rounds)

    monkeypatch.setattr(_choice, "refine", spy)
    counting(ActionSegmenter, (2, 3), alpha=0.4, lambda_actions=0.2).fit(VIDEOS)
    assert tried == {(0.2, 0.4)}


def test_no_more_actions_are_tried_than_there_are_frames():
    videos = [np.eye(3), np.eye(3)[[1, 2, 0]]]
    options = {"features": None, "radius": 0.4}
    model = counting(ActionSegmenter, "auto", **options).fit(videos)
    assert_array_equal(model.n_actions_scores_["n_actions"], np.arange(2, 7))


@pytest.mark.parametrize("shared", [True, False])
def test_monotone_matches_count_where_order_is_shared(shared, monkeypatch):
    asked = set()

    def score(labels, matches, ordered):
        asked.add(ordered)
        return 0.0

    monkeypatch.setattr(_choice, "modularity_score", score)
    monkeypatch.setattr(SharedOrder, "is_shared", shared)
    counting(ActionSegmenter, (2, 3)).fit(VIDEOS)
    assert asked == {shared}


def test_count_depends_on_the_seed_alone():
    first, second = (
        counting(ActionSegmenter, (2, 5)).fit(VIDEOS).n_actions_scores_["score"]
        for _ in range(2)
    )
    assert_array_equal(first, second)


@every_segmenter
def test_model_file_and_checkpoint_keep_what_was_counted(cls, tmp_path):
    options = {"max_epochs": 1, "checkpoint": tmp_path / "run"}
    model = quick(cls, n_actions=(2, 4), **options).fit(VIDEOS)
    resumed = quick(cls, n_actions=(2, 4), **options).fit(VIDEOS)
    model.save(tmp_path / "model")
    for other in (resumed, skvas.load(tmp_path / "model")):
        assert other.n_actions == (2, 4)
        assert other.n_actions_ == model.n_actions_
        for name, column in model.n_actions_scores_.items():
            assert_array_equal(other.n_actions_scores_[name], column)


@every_segmenter
def test_range_is_refused_where_nothing_tells_frames_apart(cls):
    with pytest.raises(InvalidParameterError, match='needs recipe="informed"'):
        counting(cls, "auto", recipe="paper").fit(VIDEOS)
    for value, shown in (((2, 4), r"\(2, 4\)"), ("auto", "'auto'")):
        told = f"^n_actions={shown} needs two videos or more"
        with pytest.raises(InvalidParameterError, match=told):
            counting(cls, value).fit(VIDEOS[0])


@pytest.mark.parametrize("value", [(4, 2), (0, 3), (2, 3, 4), (2,), (2, 3.5), "many"])
def test_what_is_no_range_is_refused(value):
    with pytest.raises(InvalidParameterError, match="n_actions must be"):
        counting(JointAlignSegment, value).fit(VIDEOS)
