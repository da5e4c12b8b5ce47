"""Transformers of videos beside each other, as scikit-learn joins them."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.impute import MissingIndicator
from sklearn.pipeline import FeatureUnion, make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer

import skvas
from skvas import JointAlignSegment, Recordings
from skvas.datasets import make_videos
from skvas.preprocessing import Framewise, Interpolate, LevelFeatures, VideoStandardizer

LENGTHS = {"equal": (60, 60), "others": (50, 70)}


def videos_of(lengths):
    return list(make_videos(4, n_frames=LENGTHS[lengths], random_state=0).videos)


def side_by_side(*parts):
    return [np.concatenate(video, axis=1) for video in zip(*parts, strict=True)]


def assert_same(found, expected):
    for video, wanted in zip(found, expected, strict=True):
        np.testing.assert_array_equal(video, wanted)


@pytest.mark.parametrize("lengths", LENGTHS)
def test_features_of_each_video_are_joined(lengths):
    videos = videos_of(lengths)
    union = make_union(VideoStandardizer(), Framewise(PCA(2, random_state=0)))
    own = VideoStandardizer().fit_transform(videos)
    shared = Framewise(PCA(2, random_state=0)).fit_transform(videos)
    assert_same(union.fit_transform(videos), side_by_side(own, shared))
    assert_same(union.transform(videos[1:]), side_by_side(own[1:], shared[1:]))
    beside = make_union("passthrough", VideoStandardizer()).fit_transform(videos)
    assert_same(beside, side_by_side(videos, own))


@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize("n_jobs", [None, 2])
def test_recordings_know_what_they_knew(lengths, n_jobs):
    videos = videos_of(lengths)
    columns = [f"c{i}" for i in range(videos[0].shape[1])]
    known = Recordings(videos, list("abcd"), fps=25, feature_names=columns)
    levels = ("levels", LevelFeatures(n_levels=3))
    union = FeatureUnion([("own", VideoStandardizer()), levels], n_jobs=n_jobs)
    found = union.fit_transform(known)
    assert (found.names, found.fps) == (list("abcd"), [25] * 4)
    assert found.feature_names is None  # of levels there are none
    assert_same(found, union.fit_transform(videos))
    once = make_union(VideoStandardizer()).fit_transform(known)
    assert once.feature_names == columns
    twice = make_union(VideoStandardizer(), Interpolate()).fit_transform(known)
    assert twice.feature_names is None  # each would be there twice


@pytest.mark.parametrize("container", ["pandas", "polars"])
def test_recordings_of_data_frames_know_what_they_knew(container):
    pytest.importorskip(container)
    videos = videos_of("others")
    columns = [f"c{i}" for i in range(videos[0].shape[1])]
    known = Recordings(videos, list("abcd"), fps=25, feature_names=columns)
    with config_context(transform_output=container):
        own = VideoStandardizer().fit_transform(known)
        levels = LevelFeatures(n_levels=2).fit_transform(known)
    assert (own.names, own.fps, own.feature_names) == (list("abcd"), [25] * 4, columns)
    assert list(own[1].columns) == columns
    assert (levels.names, levels.feature_names) == (list("abcd"), None)
    assert len(levels[1].columns) == 2 * len(columns)


@pytest.mark.parametrize("lengths", LENGTHS)
def test_unions_stand_before_an_estimator_and_within_it(lengths, tmp_path):
    videos = videos_of(lengths)
    parts = make_union("passthrough", VideoStandardizer())
    options = {"max_epochs": 0, "random_state": 0}
    before = make_pipeline(parts, JointAlignSegment(4, **options)).fit(videos)
    assert [len(labels) for labels in before.predict(videos)] == [*map(len, videos)]
    features = make_pipeline(clone(parts), "auto")
    within = JointAlignSegment(4, features=features, **options).fit(videos)
    assert_same(within.predict(videos), before.predict(videos))
    assert not hasattr(features[0].transformer_list[1][1], "n_features_in_")
    within.save(tmp_path / "model")
    assert_same(skvas.load(tmp_path / "model").predict(videos), within.predict(videos))


def test_what_a_union_leaves_out_is_left_out():
    videos = videos_of("others")
    union = FeatureUnion([("own", VideoStandardizer()), ("none", "drop")])
    dropped = JointAlignSegment(4, features=union, max_epochs=0, random_state=0)
    without = JointAlignSegment(
        4, features=VideoStandardizer(), max_epochs=0, random_state=0
    )
    assert_same(dropped.fit(videos).labels_, without.fit(videos).labels_)


@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize("weights", [{"own": 2}, {"own": 0.5, "gaps": 1}])
def test_parts_have_weights(lengths, weights):
    videos = videos_of(lengths)
    columns = [f"c{i}" for i in range(videos[0].shape[1])]
    parts = [("own", VideoStandardizer()), ("gaps", Interpolate())]
    union = FeatureUnion(parts, transformer_weights=weights)
    own = VideoStandardizer().fit_transform(videos)
    expected = side_by_side([weights["own"] * v for v in own], videos)
    assert_same(union.fit_transform(videos), expected)
    known = union.fit_transform(Recordings(videos, list("abcd"), feature_names=columns))
    assert_same(known, expected)
    assert known.names == list("abcd")


def test_gaps_pass_a_union_whose_next_step_closes_them():
    videos = videos_of("others")
    videos[0][3:5, 1] = np.nan
    gaps = Framewise(MissingIndicator(features="all"))
    features = make_pipeline(make_union("passthrough", gaps), Interpolate(), "auto")
    model = JointAlignSegment(4, features=features, max_epochs=0, random_state=0)
    assert len(model.fit(videos).predict(videos[0])) == len(videos[0])


@pytest.mark.parametrize("container", ["pandas", "polars"])
def test_parts_within_an_estimator_pass_arrays(container):
    pytest.importorskip(container)
    videos = videos_of("others")
    parts = make_union(VideoStandardizer(), LevelFeatures())
    model = JointAlignSegment(4, max_epochs=0, random_state=0)
    function = FunctionTransformer(feature_names_out="one-to-one")
    steps = [make_pipeline(part, "auto") for part in (parts, function)]
    for features in (parts, *steps):
        expected = clone(model).set_params(features=features).fit(videos)
        with config_context(transform_output=container):
            found = clone(model).set_params(features=features).fit(videos)
        assert_same(found.labels_, expected.labels_)
    alone = clone(model).set_params(features=parts).fit(videos)
    parts.set_output(transform=container)
    assert_same(model.set_params(features=parts).fit(videos).labels_, alone.labels_)


def test_unions_that_would_make_data_frames_say_what_to_do():
    pytest.importorskip("pandas")
    videos = videos_of("others")
    union = make_union(VideoStandardizer(), LevelFeatures())
    expected = union.fit_transform(videos)
    with config_context(transform_output="pandas"):
        with pytest.raises(TypeError, match=r"set_output\(transform=.default"):
            union.fit_transform(videos)
        assert_same(union.set_output(transform="default").transform(videos), expected)


def test_numpy_does_all_else_as_to_lists():
    videos = VideoStandardizer().fit_transform(videos_of("equal"))
    plain = list(videos)
    assert np.shape(videos) == np.shape(plain)
    assert_same(np.mean(videos, axis=1), np.mean(plain, axis=1))
    for joined in (np.concatenate([videos, videos]), np.vstack([videos, videos])):
        assert_same(joined, plain + plain)
    assert_same(np.hstack([videos, plain]), side_by_side(plain, plain))
    with pytest.raises(ValueError, match="shorter"):
        np.hstack([videos, plain[1:]])
