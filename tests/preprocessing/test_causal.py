"""Features that depend on no later frame, at once and as frames come."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import FunctionTransformer, Normalizer, StandardScaler

from skvas.exceptions import DegenerateFramesWarning, InvalidParameterError
from skvas.preprocessing import (
    Framewise,
    Interpolate,
    PoseFeatures,
    VideoStandardizer,
    WhitenedViews,
)
from skvas.preprocessing._causal import is_causal, open_stream
from skvas.preprocessing._running import RunningMoments


def make_videos(lengths=(60, 80, 70)):
    rng = np.random.default_rng(0)
    return [5 + rng.normal(size=(n, 4)).cumsum(axis=0) for n in lengths]


def causal(**options):
    return WhitenedViews(n_components=3, causal=True, offset=0.5, **options)


@pytest.mark.parametrize("view", ["video", "collection"])
def test_causal_view_is_what_its_definition_says(view):
    videos = make_videos()
    views = causal(views=(view,), smoothing=0.05).fit(videos)
    # The exponential mean averages as many frames as the Gaussian in the median video.
    newest = 2 / (1 + 2 * np.sqrt(np.pi) * 0.05 * 70)
    moments = replace(RunningMoments.of(videos), prior=0.3 * 70)
    standardise = moments.follow if view == "video" else moments.standardise
    smooth = []
    for video in videos:
        rows = standardise(video)
        means = [rows[0]]
        for row in rows[1:]:
            means.append(newest * row + (1 - newest) * means[-1])
        smooth.append(np.array(means))
    joined = np.concatenate(smooth)
    variances, directions = np.linalg.eigh(joined.T @ joined / len(joined))
    for video, rows in zip(videos, smooth, strict=True):
        found = views.transform(video)
        expected = rows @ directions[:, ::-1][:, :3] / np.sqrt(variances[::-1][:3])
        np.testing.assert_allclose(np.abs(found[:, :3]), np.abs(expected), atol=1e-5)
        np.testing.assert_allclose(found[:, 3], 0.5 * np.sqrt(3), atol=1e-6)


def test_collection_counts_for_less_where_recordings_differ():
    way = np.linspace(-1, 1, 40)[:, None]
    alike = causal().fit([way, way[::-1]])
    assert alike.prior_ == pytest.approx(0.3 * 40)
    apart = causal().fit([way + 1, way - 1])
    assert apart.prior_ == pytest.approx(0.3 * 40 * (way**2).mean() ** 2, rel=1e-3)


def test_without_smoothing_a_frame_counts_alone():
    video = make_videos()[0]
    views = causal(views=("collection",), smoothing=0).fit(make_videos())
    assert views.newest_ == 1
    changed = video.copy()
    changed[:30] = 0
    np.testing.assert_array_equal(
        views.transform(video)[30:], views.transform(changed)[30:]
    )


@pytest.mark.parametrize("smoothing", [0, 0.05])
def test_causal_motion_is_what_its_definition_says(smoothing):
    videos = make_videos()
    views = causal(views=("motion",), smoothing=smoothing).fit(videos)
    newest = 2 / (1 + 2 * np.sqrt(np.pi) * max(0.003 * 70, 1))
    joined = np.concatenate(videos)
    varied = []
    for video in videos:
        rows = (video - joined.mean(axis=0)) / joined.std(axis=0)
        mean, square = rows[0], rows[0] ** 2
        spread = []
        for row in rows:
            mean = newest * row + (1 - newest) * mean
            square = newest * row**2 + (1 - newest) * square
            spread.append(np.sqrt(np.maximum(square - mean**2, 0)))
        varied.append(np.array(spread))
    usual = np.concatenate(varied).mean(axis=0)
    logarithms = [np.log(0.1 + spread / usual) for spread in varied]
    mean = np.concatenate(logarithms).mean(axis=0)
    scale = np.concatenate(logarithms).std(axis=0)
    np.testing.assert_allclose(views.usual_motion_, usual)
    np.testing.assert_allclose(views.motion_mean_, mean)
    np.testing.assert_allclose(views.motion_scale_, scale)
    expected = (logarithms[1] - mean) / scale @ views.components_[0].T
    expected /= np.sqrt(views.explained_variance_[0])
    newest = 2 / (1 + max(1, 2 * np.sqrt(np.pi) * smoothing * 70))
    smooth = expected[0]
    for row, found in zip(expected, views.transform(videos[1]), strict=True):
        smooth = newest * row + (1 - newest) * smooth
        np.testing.assert_allclose(found[:3], smooth, atol=1e-4)


@pytest.mark.parametrize("at", [0, 1, 30, 58])
def test_causal_features_depend_on_no_later_frame_bit_for_bit(at):
    videos = make_videos()
    views = causal(views=("video", "motion", "collection")).fit(videos)
    changed = videos[0].copy()
    changed[at + 1 :] = -100
    before, after = views.transform(videos[0]), views.transform(changed)
    np.testing.assert_array_equal(before[: at + 1], after[: at + 1])
    assert not np.array_equal(before, after)


TRANSFORMERS = [
    None,
    causal(),
    causal(smoothing=0, whiten=False),
    causal(views=("collection", "motion", "video")),
    causal(views=("motion",), smoothing=0),
    Framewise(StandardScaler()),
    Framewise(make_pipeline(StandardScaler(), PCA(2))),
    Framewise(FrozenEstimator(Normalizer().fit([[1.0] * 4]))),
    make_pipeline(Framewise(StandardScaler()), causal()),
]


@pytest.mark.parametrize("transformer", TRANSFORMERS)
def test_frames_in_pieces_are_transformed_as_the_whole_video(transformer):
    *videos, new = make_videos()
    whole = new
    if transformer is not None:
        transformer = clone(transformer).fit(videos)
        whole = transformer.transform(new)
    assert is_causal(transformer)
    found = []
    for pieces in ([70], [1] * 70, [3, 0, 50, 17]):
        stream = open_stream(transformer)
        parts = np.split(new, np.cumsum(pieces)[:-1])
        found.append(np.concatenate([stream.push(part) for part in parts]))
    np.testing.assert_allclose(found[0], whole, atol=1e-5)
    for other in found[1:]:
        np.testing.assert_array_equal(other, found[0])


@pytest.mark.parametrize(
    "transformer",
    [
        WhitenedViews(),
        VideoStandardizer(),
        Interpolate(),
        PoseFeatures(),
        Framewise(StandardScaler(), per_video=True),
        Framewise(FunctionTransformer(np.cumsum)),
        Framewise(FeatureUnion([("f", FunctionTransformer()), ("n", Normalizer())])),
        Framewise(FrozenEstimator(VideoStandardizer())),
        make_pipeline(Interpolate(), causal()),
    ],
)
def test_what_may_look_at_later_frames_is_not_causal(transformer):
    assert not is_causal(transformer)


def test_two_streams_of_one_transformer_do_not_meet():
    *videos, new = make_videos()
    views = causal().fit(videos)
    alone = views.stream().push(new)
    one, other = views.stream(), views.stream()
    one.push(new[::-1])
    np.testing.assert_array_equal(other.push(new), alone)


def test_a_stream_goes_on_after_a_pickle():
    *videos, new = make_videos()
    stream = causal().fit(videos).stream()
    stream.push(new[:20])
    other = pickle.loads(pickle.dumps(stream))
    np.testing.assert_array_equal(other.push(new[20:]), stream.push(new[20:]))


def test_many_frames_are_thinned_after_smoothing(monkeypatch):
    videos = make_videos((300, 400))
    expected = causal(smoothing=0.05).fit(videos)
    monkeypatch.setattr("skvas.preprocessing._whitened._MANY_NUMBERS", 0)
    found = causal(smoothing=0.05).fit(videos)
    for mine, theirs in zip(
        found.explained_variance_, expected.explained_variance_, strict=True
    ):
        np.testing.assert_allclose(mine, theirs, rtol=0.1)
        assert not np.array_equal(mine, theirs)


def test_equal_frames_give_zeros_and_a_warning():
    videos = [np.full((20, 3), 7.0), np.full((9, 3), 7.0)]
    with pytest.warns(DegenerateFramesWarning):
        views = WhitenedViews(causal=True).fit(videos)
    assert not views.transform(videos[0]).any()
    assert not views.stream().push(videos[0]).any()


def test_causal_must_be_a_bool():
    with pytest.raises(InvalidParameterError, match="causal"):
        WhitenedViews(causal="yes").fit(make_videos())


def test_nothing_stays_of_what_was_learned_for_another_setting():
    views = causal(views=("motion", "video")).fit(make_videos())
    views.set_params(causal=False, views=("video",)).fit(make_videos())
    fresh = WhitenedViews(n_components=3, offset=0.5, views=("video",))
    assert vars(views).keys() == vars(fresh.fit(make_videos())).keys()
