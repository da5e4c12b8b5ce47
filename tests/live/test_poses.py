"""Streams of models of poses."""

from __future__ import annotations

import warnings
from functools import cache

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skvas
from skvas import ActionSegmenter, JointAlignSegment, Training, VideoAligner
from skvas.exceptions import InvalidParameterError, ModelFileError
from skvas.live import load_tracker
from skvas.live._model import LiveModel
from skvas.live._saved import read_state, write_state
from skvas.metrics import mof
from skvas.preprocessing import Interpolate, PoseFeatures
from tests.live.models import new_video, posed, tracker

K, N_POINTS = 4, 6


@cache
def data():
    """Return bodies that take stances in any order, and wander through the picture."""
    rng = np.random.default_rng(0)
    stances = rng.normal(size=(K, N_POINTS, 2))
    videos, labels = [], []
    for _ in range(10):
        true = np.repeat(rng.permutation(K), rng.integers(20, 40, K))
        body = stances[true] + rng.normal(0, 0.1, (len(true), N_POINTS, 2))
        place = np.cumsum(rng.normal(0, 0.4, (len(true), 1, 2)), axis=0)
        videos.append(rng.uniform(50, 150) * (body + place + rng.normal(0, 5, 2)))
        labels.append(true)
    return videos, labels


def flat(video):
    return video.reshape(len(video), -1)


def learn(cls=ActionSegmenter, poses=None, **options):
    poses = PoseFeatures("xy") if poses is None else poses
    videos = [flat(video) for video in data()[0][:6]]
    count = {} if cls is VideoAligner else {"n_actions": K}
    features = make_pipeline(poses, "auto")
    return cls(features=features, random_state=0, **count, **options).fit(videos)


@cache
def model(is_live=False):
    if not is_live:
        return learn(max_epochs=0)
    training = Training(live=True)
    return learn(poses=PoseFeatures("xy", causal=True), training=training, max_epochs=0)


def streamed(fitted):
    """Return the share of the frames of other recordings that streams label right."""
    videos, labels = data()
    found = [fitted.stream().push(flat(video)).labels for video in videos[6:]]
    return mof(labels[6:], found)


@pytest.mark.parametrize("is_live", [False, True])
def test_bodies_that_wander_are_followed(is_live):
    assert streamed(model(is_live)) > 0.95
    raw = ActionSegmenter(K, features="standardise", max_epochs=0, random_state=0)
    assert streamed(raw.fit([flat(video) for video in data()[0][:6]])) < 0.7


def test_answers_do_not_depend_on_where_a_body_is_or_how_large():
    video = flat(data()[0][7])
    here = model().stream().push(video)
    there = model().stream().push(3 * video + 1000)
    assert_allclose(here.probabilities, there.probabilities, atol=1e-6)


@pytest.mark.parametrize("is_live", [False, True])
def test_missing_points_are_guessed_and_bodies_out_of_view_are_held(is_live, tmp_path):
    videos, labels = data()
    video = videos[8].copy()
    rng = np.random.default_rng(1)
    video[rng.random(video.shape[:2]) < 0.2] = np.nan
    video[30:35] = np.nan
    stream = model(is_live).stream()
    first = stream.push(flat(video[:32])).labels
    stream.save(tmp_path / "tracker")
    read = load_tracker(tmp_path / "tracker", model=model(is_live))
    rest = read.push(flat(video[32:])).labels
    assert_array_equal(rest, stream.push(flat(video[32:])).labels)
    whole = model(is_live).stream().push(flat(videos[8])).labels
    assert (np.concatenate([first, rest]) == whole).mean() > 0.9
    kinds = [warning.kind for warning in stream.warnings_]
    assert kinds.count("incomplete") == kinds.count("unreadable") == 1


@cache
def with_confidence():
    """Return a model of points with their confidence, and videos of such."""
    videos = [np.dstack([v, np.ones((*v.shape[:2], 1))]) for v in data()[0]]
    features = make_pipeline(PoseFeatures("xyc"), "auto")
    fitted = ActionSegmenter(K, features=features, max_epochs=0, random_state=0)
    return fitted.fit([flat(video) for video in videos[:6]]), videos


def test_points_of_low_confidence_are_missing():
    fitted, videos = with_confidence()
    unsure, missing = videos[8].copy(), videos[8].copy()
    unsure[20:25, 2] = [1e5, 1e5, 0.1]
    unsure[40:44] = [1e5, 1e5, 0.1]
    missing[20:25, 2, :2] = missing[40:44, :, :2] = np.nan
    one, other = fitted.stream(), fitted.stream()
    assert_array_equal(
        one.push(flat(unsure)).probabilities, other.push(flat(missing)).probabilities
    )
    assert one.warnings_ == other.warnings_
    assert {"incomplete", "unreadable"} <= {warning.kind for warning in one.warnings_}


def test_recordings_end_where_all_points_have_a_low_confidence():
    fitted, videos = with_confidence()
    pause = np.full_like(videos[8][:11], 0.1)
    stream = fitted.stream(fps=10, reset_after=1)
    stream.push(flat(np.concatenate([videos[8], pause])))
    assert [recording.n_frames for recording in stream.ended_] == [len(videos[8])]


@pytest.mark.parametrize("cls", [ActionSegmenter, JointAlignSegment, VideoAligner])
def test_training_for_live_use_takes_causal_poses(cls, tmp_path):
    training = Training(live=True)
    with pytest.raises(InvalidParameterError, match="PoseFeatures or Interpolate"):
        learn(cls, training=training)
    poses = PoseFeatures("xy", causal=True)
    fitted = learn(cls, poses, training=training, max_epochs=1)
    assert fitted.is_causal_
    fitted.save(tmp_path / "model")
    video = flat(data()[0][6])
    video[10:14, 3] = np.nan
    embedded = skvas.load(tmp_path / "model").embedder().push(video)
    assert_allclose(embedded, fitted.transform(video), atol=1e-5)


@pytest.mark.parametrize(
    "change",
    [
        lambda bodies: bodies.pop("up"),
        lambda bodies: bodies.update(layout="zy"),
        lambda bodies: bodies.update(layout="xyz"),
        lambda bodies: bodies.update(n_points=10**9),
        lambda bodies: bodies.update(n_points=5),
        lambda bodies: bodies.update(n_bodies=0),
        lambda bodies: bodies.update(n_bodies=True),
        lambda bodies: bodies.update(up=3),
        lambda bodies: bodies.update(min_confidence=2.0),
        lambda bodies: bodies.update(scale="big"),
        lambda bodies: bodies.update(velocity=1),
        lambda bodies: bodies.update(velocity=False),
        lambda bodies: bodies.update(velocity_span=0),
        lambda bodies: bodies.update(center="mean"),
        lambda bodies: bodies.update(center=[8]),
        lambda bodies: bodies.update(turn=[0]),
        lambda bodies: bodies.update(turn=[-1, 0]),
    ],
)
def test_bodies_that_no_fit_knows_are_refused(change, tmp_path):
    state = posed().live_ | {"bodies": dict(posed().live_["bodies"])}
    LiveModel.from_state(state)
    change(state["bodies"])
    with pytest.raises((ModelFileError, ValueError)):
        LiveModel.from_state(state)
    stream, path = posed().stream(), tmp_path / "tracker"
    stream.save(path)
    saved = read_state(path)
    change(saved["model"]["bodies"])
    write_state(path, saved)
    with pytest.raises(ModelFileError, match="cannot be loaded as a tracker"):
        load_tracker(path)


def test_older_files_know_of_no_bodies(tmp_path):
    stream, path = tracker(), tmp_path / "tracker"
    stream.save(path)
    state = read_state(path)
    del state["model"]["bodies"], state["poses"]
    write_state(path, state)
    expected = stream.push(new_video()).probabilities
    assert_array_equal(load_tracker(path).push(new_video()).probabilities, expected)


def test_training_for_live_use_closes_gaps_by_earlier_frames(tmp_path):
    videos = [flat(video).copy() for video in data()[0]]
    rng = np.random.default_rng(0)
    for video in videos:
        video[rng.random(video.shape) < 0.1] = np.nan
    training = Training(live=True)
    options = {"training": training, "max_epochs": 1, "random_state": 0}
    features = make_pipeline(Interpolate(), "auto")
    with pytest.raises(InvalidParameterError, match="Interpolate with causal=True"):
        ActionSegmenter(K, features=features, **options).fit(videos[:6])
    features = make_pipeline(Interpolate(causal=True), "auto")
    fitted = ActionSegmenter(K, features=features, **options).fit(videos[:6])
    fitted.save(tmp_path / "model")
    loaded = skvas.load(tmp_path / "model")
    embedded = loaded.embedder().push(videos[7])
    assert_allclose(embedded, fitted.transform(videos[7]), atol=1e-5)
    stream = loaded.stream()
    stream.push(videos[7][:40])
    stream.save(tmp_path / "tracker")
    again = load_tracker(tmp_path / "tracker", model=loaded)
    one, other = (t.push(videos[7][40:]).probabilities for t in (stream, again))
    assert_array_equal(one, other)


def test_scalers_close_no_gaps():
    training = Training(live=True)
    options = {"training": training, "max_epochs": 0, "random_state": 0}
    videos = [flat(video) for video in data()[0]]
    fitted = ActionSegmenter(K, features=StandardScaler(), **options).fit(videos[:6])
    broken = videos[7].copy()
    broken[30], broken[40, 2] = np.nan, np.nan
    stream = fitted.stream()
    assert len(stream.push(broken).labels) == len(broken)
    kinds = [warning.kind for warning in stream.warnings_]
    assert {"unreadable", "incomplete"} <= {*kinds}
    assert np.isnan(fitted.embedder().push(broken)[[30, 40]]).all()


@pytest.mark.parametrize(
    "features",
    [Interpolate(causal=True), PoseFeatures("xy", causal=True, scale=None)],
    ids=["gaps", "poses"],
)
def test_refused_frames_change_no_features(features):
    training = Training(live=True)
    options = {"training": training, "max_epochs": 0, "random_state": 0}
    videos = [flat(video) for video in data()[0]]
    fitted = ActionSegmenter(K, features=features, **options).fit(videos[:6])
    video = videos[7].copy()
    video[35:40, 3] = np.nan
    for make in (fitted.embedder, fitted.stream):
        one, other = make(), make()
        one.push(video[:30])
        huge = video[30:31].copy()
        huge[0, 3] = 1e300
        with pytest.raises(ValueError, match="overflow"):
            one.push(huge)
        other.push(video[:30])
        found = [s.push(video[30:]) for s in (one, other)]
        answers = [getattr(f, "probabilities", f) for f in found]
        assert_array_equal(*answers)


def test_streams_know_the_gaps_of_the_recordings_of_fit():
    rng = np.random.default_rng(0)
    videos = [video + 3000 for video in data()[0]]
    for video in videos[:6]:
        video[:, rng.choice(N_POINTS, 2, replace=False)] = np.nan
    features = make_pipeline(PoseFeatures("xy"), "auto")
    fitted = ActionSegmenter(K, features=features, max_epochs=0, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        fitted.fit([flat(video) for video in videos[:6]])
    assert streamed(fitted) > 0.95
