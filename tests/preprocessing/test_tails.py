"""Values that span powers of ten are compressed."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import kurtosis
from sklearn.pipeline import make_pipeline

from skvas import (
    ActionSegmenter,
    JointAlignSegment,
    Timeline,
    Training,
    VideoAligner,
    load,
)
from skvas.datasets import make_videos
from skvas.exceptions import ModelFileError
from skvas.live._model import LiveModel
from skvas.metrics import miou, mof
from skvas.preprocessing import CompressTails, Detrend, Interpolate, PoseFeatures
from skvas.preprocessing import _tails as tails
from skvas.preprocessing._features import (
    clean_videos,
    fit_features,
    streamed_videos,
    tails_of,
)
from skvas.preprocessing._tails import TailStream
from skvas.timeline import _settled
from tests.models import once, quick

RNG = np.random.default_rng(0)
VIDEOS = [RNG.standard_t(3, size=(n, 4)) + 7 for n in (40, 60, 50)]
N_ACTIONS = 5


@once
def muscles():
    """Make recordings whose features span powers of ten, in any order of actions."""
    data = make_videos(
        12, n_actions=N_ACTIONS, noise=0.8, shared_order=False, random_state=0
    )
    scale = np.concatenate(data.videos).std(axis=0)
    videos = [np.exp(3 * video / scale) for video in data.videos]
    return [video.astype(np.float32) for video in videos], data.labels


@once
def fitted():
    videos, _ = muscles()
    return ActionSegmenter(N_ACTIONS, max_epochs=0, random_state=0).fit(videos[:9])


def test_usual_values_are_in_units_of_their_deviation():
    rng = np.random.default_rng(0)
    videos = [5 + 3 * rng.normal(size=(4000, 2)) for _ in range(4)]
    found = CompressTails().fit(videos)
    assert_allclose(found.center_, 5, atol=0.15)
    assert_allclose(found.scale_, 3, rtol=0.03)
    one = found.transform([[5.3, 5 + 3e6]])
    assert_allclose(one, [[np.arcsinh(0.1), np.arcsinh(1e6)]], atol=0.06)


def test_many_frames_are_taken_evenly(monkeypatch):
    monkeypatch.setattr(tails, "_SEEN_FRAMES", 50)
    expected = np.median(np.concatenate([video[::3] for video in VIDEOS]), axis=0)
    assert_array_equal(CompressTails().fit(VIDEOS).center_, expected)


def test_features_that_seldom_differ_have_a_scale():
    rare = np.zeros((100, 3))
    rare[:5, 0] = 1
    rare[:, 1] = 7
    rare[:, 2] = np.arange(100)
    compressed = CompressTails().fit([rare])
    assert_allclose(compressed.scale_[:2], [rare[:, 0].std(), 1])
    assert_array_equal(compressed.transform(rare)[:, 1], 0)


def test_largest_numbers_stay_finite():
    huge = np.array([[1e308, -1e308], [0.1, 0.2], [0.2, 0.3], [0.3, 0.4]])
    found = CompressTails().fit([huge]).transform(huge)
    assert found.dtype == np.float32
    assert np.isfinite(found).all()
    assert found[0, 0] > 700


def test_heaviness_is_the_kurtosis_of_what_varies():
    frames = np.concatenate(VIDEOS)
    expected = kurtosis(frames, axis=0)
    assert_allclose(tails.heaviness(VIDEOS), np.median(expected))
    constant = [np.c_[video, np.ones((len(video), 5))] for video in VIDEOS]
    assert_allclose(tails.heaviness(constant), np.median(expected))
    assert tails.heaviness([np.ones((9, 2))]) == 0


def test_values_over_powers_of_ten_are_told_apart():
    model, (videos, labels) = fitted(), muscles()
    assert [*model.features_.named_steps] == ["tails", "features"]
    assert "compressed" in str(model.summary())
    assert miou(labels[:9], model.labels_) > 0.95
    assert miou(labels[9:], model.predict(videos[9:])) > 0.95
    plain = ActionSegmenter(N_ACTIONS, max_epochs=0, features="whitened")
    assert miou(labels[:9], plain.fit(videos[:9]).labels_) < 0.7


@pytest.mark.parametrize("cls", [JointAlignSegment, VideoAligner])
def test_all_estimators_look_at_tails(cls):
    model = quick(cls, max_epochs=0).fit(muscles()[0])
    assert "tails" in model.features_.named_steps


def test_a_timeline_of_its_own_looks_at_tails_as_well():
    timeline = Timeline(N_ACTIONS, random_state=0).fit(muscles()[0])
    assert "tails" in timeline.features_.named_steps


@pytest.mark.parametrize(("value", "expected"), [(14.9, False), (15.1, True)])
def test_tails_have_to_be_heavy(value, expected, monkeypatch):
    videos, _ = muscles()
    whitened = fit_features("whitened", videos)
    look = _settled._Look.at(videos, whitened, N_ACTIONS)
    monkeypatch.setattr(_settled, "heaviness", lambda _: value)
    assert (_settled._find_tails(look) is not None) == expected
    three = [video[:, :3] for video in videos]
    whitened = fit_features("whitened", three)
    few = _settled._Look(whitened, three, [], N_ACTIONS)
    assert _settled._find_tails(few) is None
    padded = [np.hstack([video, np.ones((len(video), 5))]) for video in three]
    whitened = fit_features("whitened", padded)
    beside = _settled._Look(whitened, padded, [], N_ACTIONS)
    assert _settled._find_tails(beside) is None


def test_what_sees_no_later_frame_compresses_as_well():
    videos, labels = muscles()
    live = ActionSegmenter(
        N_ACTIONS, max_epochs=0, training=Training(live=True), random_state=0
    ).fit(videos[:9])
    assert live.is_causal_
    assert "tails" in live.features_.named_steps
    embedder = live.embedder()
    pieces = [embedder.push(part) for part in np.array_split(videos[9], 7)]
    assert_allclose(np.concatenate(pieces), live.transform(videos[9]), atol=1e-5)
    found = [live.stream().push(video).labels for video in videos[9:]]
    assert mof(labels[9:], found) > 0.93


@pytest.mark.parametrize("cls", [ActionSegmenter, JointAlignSegment])
def test_streams_and_files_know_tails(cls, tmp_path):
    videos, labels = muscles()
    model = cls(N_ACTIONS, max_epochs=0, random_state=0).fit(videos[:9])
    model.save(tmp_path / "model")
    found = {}
    for name, same in (("model", model), ("file", load(tmp_path / "model"))):
        assert_array_equal(same.predict(videos[9]), model.predict(videos[9]))
        found[name] = [same.stream().push(video).labels for video in videos[9:]]
        tracker = same.stream()
        pieces = [tracker.push(part).labels for part in np.array_split(videos[9], 9)]
        assert_array_equal(np.concatenate(pieces), found[name][0])
    for one, other in zip(found["model"], found["file"], strict=True):
        assert_array_equal(one, other)
    plain = cls(N_ACTIONS, max_epochs=0, features="whitened").fit(videos[:9])
    without = [plain.stream().push(video).labels for video in videos[9:]]
    assert mof(labels[9:], without) < 0.9 < 0.93 < mof(labels[9:], found["model"])


def test_streams_guess_what_is_missing_of_compressed_frames():
    videos, _ = muscles()
    video, model = videos[9].copy(), fitted()
    video[7, :5] = np.nan
    found = model.stream().push(video).labels
    assert (found != model.stream().push(videos[9]).labels).mean() < 0.03


def test_streams_follow_bodies_by_what_is_compressed(monkeypatch):
    rng = np.random.default_rng(0)
    points = [rng.normal(size=(n, 10)).cumsum(axis=0) for n in (60, 80, 70, 50)]
    features = make_pipeline(PoseFeatures("xy"), CompressTails(), "whitened")
    model = quick(ActionSegmenter, features=features, max_epochs=0).fit(points[:3])
    shown = streamed_videos(model.features_, points[:1])[0]
    assert tails_of(model.features_).push(shown).shape == shown.shape
    seen, push = [], TailStream.push
    monkeypatch.setattr(
        TailStream, "push", lambda self, x: seen.append(x.shape) or push(self, x)
    )
    whole = model.stream().push(points[3]).labels
    assert seen == [(len(points[3]), shown.shape[1])]
    tracker = model.stream()
    pieces = [tracker.push(part).labels for part in np.array_split(points[3], 6)]
    assert_array_equal(np.concatenate(pieces), whole)


def test_streams_compress_what_comes_first():
    tails = CompressTails().fit(VIDEOS)
    after = [[tails, Detrend()], [Interpolate(), tails]]
    for pipeline in (tails, *(make_pipeline(*steps) for steps in after)):
        assert_array_equal(tails_of(pipeline).center, tails.center_)
    for other in (None, Detrend(), make_pipeline(Detrend(), tails)):
        assert tails_of(other) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda tails: tails["scale"].fill(0),
        lambda tails: tails["center"].fill(np.nan),
        lambda tails: tails.update(center=np.zeros(3)),
        lambda tails: tails.pop("scale"),
    ],
)
def test_forged_tails_of_streams_are_refused(change):
    tails = {name: value.copy() for name, value in fitted().live_["tails"].items()}
    change(tails)
    with pytest.raises(ModelFileError):
        LiveModel.from_state(fitted().live_ | {"tails": tails})


def test_streams_of_older_files_compress_nothing():
    state = {**fitted().live_}
    del state["tails"]
    assert LiveModel.from_state(state).tails is None


def test_positions_as_they_come_are_those_of_compressed_frames():
    data = make_videos(9, n_actions=N_ACTIONS, noise=0.8, random_state=0)
    scale = np.concatenate(data.videos).std(axis=0)
    videos = [np.exp(3 * v / scale).astype(np.float32) for v in data.videos]
    model = quick(VideoAligner, max_epochs=1).fit(videos[:8])
    assert model.live_["tails"] is not None
    found = model.stream().push(videos[8]).progress
    assert np.abs(found - np.linspace(0, 1, len(found))).mean() < 0.1


def test_paths_compare_what_is_compressed():
    videos, _ = muscles()
    short = CompressTails().fit(videos)
    compressed = short.transform(videos)
    assert_array_equal(clean_videos(short, videos[:1])[0], compressed[0])
    both = make_pipeline(CompressTails(), Detrend(), "passthrough").fit(videos)
    expected = both.transform(videos[:1])[0]
    assert_array_equal(clean_videos(both, videos[:1])[0], expected)
    gaps = [np.where(np.arange(len(v))[:, None] == 3, np.nan, v) for v in videos]
    closed = make_pipeline(Interpolate(), CompressTails()).fit(gaps)
    expected = closed.transform(gaps[:1])[0]
    assert_array_equal(clean_videos(closed, gaps[:1])[0], expected)
