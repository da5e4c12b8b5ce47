"""Few features are told apart by their levels, where these tell more."""

import functools

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.pipeline import make_pipeline

from skvas import ActionSegmenter, JointAlignSegment, Timeline, VideoAligner, load
from skvas.exceptions import InvalidParameterError
from skvas.metrics import mof
from skvas.preprocessing import LevelFeatures
from skvas.preprocessing._features import fit_features
from skvas.timeline import _settled
from skvas.timeline._settled import settle_features
from tests.models import quick

N_LEVELS = 6


def sensors(*, n_features=1, noise=0.15, seed=0, n_videos=8):
    """Features at one of six levels for a while, in any order."""
    rng = np.random.default_rng(seed)
    levels = rng.permuted(np.tile(np.arange(6.0), (n_features, 1)), axis=1).T
    videos, labels = [], []
    for _ in range(n_videos):
        order = rng.permutation(np.tile(np.arange(N_LEVELS), 2))
        label = np.repeat(order, rng.integers(20, 50, len(order)))
        shape = len(label), n_features
        videos.append(levels[label] + noise * rng.normal(size=shape))
        labels.append(label)
    return videos, labels


@functools.cache
def fitted():
    videos, labels = sensors()
    return JointAlignSegment(N_LEVELS, max_epochs=0).fit(videos[:6]), videos, labels


def test_a_feature_is_shared_out_between_the_two_nearest_levels():
    videos = [np.array([[0.0, 5.0]]), np.array([[8.0, 5.0]])]
    levels = LevelFeatures(n_levels=5).fit(videos)
    levels.low_, levels.high_ = np.array([0.0, 5.0]), np.array([8.0, 5.0])
    first, constant = np.split(levels.transform([[3.0, 5.0], [9.0, 4.0]]), 2, axis=1)
    assert_allclose(first, [[0, 0.5, 0.5, 0, 0], [0, 0, 0, 0, 1]])
    assert_allclose(constant, [[1, 0, 0, 0, 0]] * 2)
    assert len(levels.get_feature_names_out()) == 10


def test_a_few_frames_that_are_far_off_are_no_level():
    videos, _ = sensors()
    known = LevelFeatures().fit(videos)
    videos[0][:3] = 1e6
    assert_allclose(LevelFeatures().fit(videos).high_, known.high_, atol=0.2)


def test_levels_are_two_at_least():
    with pytest.raises(InvalidParameterError, match="n_levels"):
        LevelFeatures(n_levels=1).fit([np.zeros((3, 1))])


@pytest.mark.parametrize("n_features", [1, 2, 3])
@pytest.mark.parametrize("noise", [0.0, 0.15])
def test_all_levels_of_few_features_are_told_apart(n_features, noise):
    videos, labels = sensors(n_features=n_features, noise=noise)
    model = JointAlignSegment(N_LEVELS, max_epochs=0).fit(videos[:6])
    assert mof(labels[:6], model.labels_) > 0.95
    assert mof(labels[6:], model.predict(videos[6:])) > 0.95


def test_directions_alone_do_not_tell_levels_of_one_feature():
    model, videos, labels = fitted()
    assert [name for name, _ in model.features_.steps] == ["levels", "features"]
    assert "8 of each feature" in str(model.summary())
    plain = JointAlignSegment(N_LEVELS, max_epochs=0, features="whitened")
    found = mof(labels[:6], plain.fit(videos[:6]).labels_)
    assert found < 0.92 < 0.97 < mof(labels[:6], model.labels_)


def test_constant_columns_are_not_counted():
    videos, labels = sensors()
    wide = [np.hstack([video, np.zeros((len(video), 5))]) for video in videos]
    model = JointAlignSegment(N_LEVELS, max_epochs=0).fit(wide)
    assert "levels" in model.features_.named_steps
    assert mof(labels, model.labels_) > 0.95


def test_levels_that_are_set_after_fit_are_for_the_next_fit():
    videos, _ = sensors()
    levels = LevelFeatures(n_levels=8).fit(videos)
    before = levels.transform(videos[0])
    levels.set_params(n_levels=3)
    assert_array_equal(levels.transform(videos[0]), before)
    assert_array_equal(levels.stream().push(videos[0]), before)
    assert levels.fit(videos).transform(videos[0]).shape[1] == 3


@pytest.mark.parametrize("cls", [ActionSegmenter, VideoAligner])
def test_all_estimators_look_at_levels(cls):
    _, videos, _ = fitted()
    assert "levels" in cls(max_epochs=0).fit(videos).features_.named_steps


def test_levels_are_not_asked_whether_they_go_their_own_way(monkeypatch):
    videos, _ = sensors()
    monkeypatch.setattr(_settled, "_find_related", lambda _: pytest.fail("asked"))
    settled = settle_features(fit_features("whitened", videos), videos, N_LEVELS)
    assert [*settled.named_steps] == ["levels", "features"]


def test_four_features_stay_as_they_are():
    videos, _ = sensors(n_features=4)
    whitened = fit_features("whitened", videos)
    assert _settled._find_levels(_settled._Look(whitened, videos, [], N_LEVELS)) is None


def test_levels_that_are_not_found_again_are_none():
    rng = np.random.default_rng(0)
    videos = [rng.normal(size=(200, 1)).cumsum(axis=0) for _ in range(8)]
    model = quick(ActionSegmenter, n_actions=4, max_epochs=0).fit(videos)
    assert not hasattr(model.features_, "steps")


@pytest.mark.parametrize(
    ("of_levels", "of_directions", "expected"),
    [(0.95, 0.96, False), (0.95, 0.94, True), (0.89, 0.5, False)],
)
def test_levels_have_to_be_found_again_better(
    of_levels, of_directions, expected, monkeypatch
):
    videos, _ = sensors()
    whitened = fit_features("whitened", videos)

    def repeatability(frames, n_clusters):
        return of_levels if frames[0].shape[1] > 3 else of_directions

    monkeypatch.setattr(_settled, "repeatability", repeatability)
    found = _settled._find_levels(_settled._Look.at(videos, whitened, N_LEVELS))
    assert (found is not None) == expected


def test_streams_and_files_know_levels(tmp_path):
    model, videos, labels = fitted()
    video = videos[7].astype(np.float32)
    model.save(tmp_path / "model")
    for same in (model, load(tmp_path / "model")):
        assert_array_equal(same.predict(video), model.predict(video))
        tracker = same.stream(fps=10)
        at_once = tracker.push(video).labels
        tracker = same.stream(fps=10)
        pieces = [tracker.push(part).labels for part in np.array_split(video, 9)]
        assert_array_equal(np.concatenate(pieces), at_once)
    found = [model.predict(videos[6]), at_once]
    assert mof(labels[6:], found) > 0.9


def test_a_timeline_of_its_own_looks_at_levels_as_well():
    rng = np.random.default_rng(0)
    steps = rng.permutation(N_LEVELS)
    lengths = rng.integers(20, 50, size=(8, N_LEVELS))
    labels = [np.repeat(steps, length) for length in lengths]
    videos = [
        label[:, None] + 0.1 * rng.normal(size=(len(label), 1)) for label in labels
    ]
    found = Timeline(N_LEVELS, random_state=0).fit(videos)
    assert mof(labels, found.labels_) > 0.95


def test_levels_are_steps_of_ones_own_as_well():
    videos, labels = sensors(n_features=4)
    features = make_pipeline(LevelFeatures(n_levels=16), "auto")
    model = JointAlignSegment(N_LEVELS, max_epochs=0, features=features)
    assert mof(labels, model.fit(videos).labels_) > 0.95
