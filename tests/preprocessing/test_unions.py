"""Transformers of videos beside each other, as scikit-learn joins them."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.pipeline import FeatureUnion, make_pipeline, make_union

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
