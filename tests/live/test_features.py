from __future__ import annotations

import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

from skvas import JointAlignSegment, Segmenting, VideoAligner
from skvas.estimators._streams import causal_embedding
from skvas.live._features import CausalFeatures, Standing
from skvas.preprocessing import Framewise, WhitenedViews
from tests.live.models import data, ordered


def random_videos():
    rng = np.random.RandomState(0)
    return [3 + 2 * rng.randn(40, 3) + rng.randn(3) for _ in range(4)]


def frame_by_frame(features, video):
    standing = Standing(features)
    return np.array([standing.see(frame) for frame in video])


@pytest.mark.parametrize("embeds", [False, True])
def test_frames_one_by_one_are_those_of_the_whole_video(embeds):
    model = ordered()
    embedding = causal_embedding(model.features_, model.encoder_) if embeds else None
    features = CausalFeatures.of(data().videos[:8], embedding)
    video = np.asarray(data().videos[8], dtype=float)
    found = frame_by_frame(features, video)
    assert found.shape == (len(video), features.width)
    np.testing.assert_allclose(found, features.follow(video), atol=1e-9)


def test_standardised_by_what_was_seen_with_the_collection_as_prior():
    videos = random_videos()
    features = CausalFeatures.of(videos, None)
    joined = np.concatenate(videos)
    np.testing.assert_allclose(features.mean, joined.mean(axis=0))
    np.testing.assert_allclose(features.scale, joined.std(axis=0))
    assert features.prior == 4.0
    # By hand: two frames that lie 1 and 3 deviations above the mean.
    video = features.mean + features.scale * np.array([[1.0], [3.0]])
    first = 1 - 1 / 5
    second = 3 - 4 / 6
    spread = 4 * features.deviation**2
    expected = [
        first / np.sqrt((spread + first**2) / 5),
        second / np.sqrt((spread + first**2 + second**2) / 6),
    ]
    np.testing.assert_allclose(features.follow(video), expected)


def test_a_long_recording_outweighs_the_collection():
    features = CausalFeatures.of(random_videos(), None)
    rng = np.random.RandomState(1)
    video = features.mean + features.scale * (4 + 0.5 * rng.randn(3000, 3))
    found = features.follow(video)
    assert found[:3].mean() > 1
    assert abs(found[-1000:].mean()) < 0.1
    assert abs(found[-1000:].std() - 1) < 0.1


def test_features_that_do_not_vary_tell_nothing():
    videos = random_videos()
    for video in videos:
        video[:, 1] = 7
    features = CausalFeatures.of(videos, None)
    strange = videos[0].copy()
    strange[:, 1] = 1e9
    assert not features.follow(strange)[:, 1].any()
    assert np.isfinite(features.follow(strange)).all()


def test_feature_that_varies_between_videos_alone_is_kept_finite():
    videos = random_videos()
    for level, video in enumerate(videos):
        video[:, 0] = level
    found = CausalFeatures.of(videos, None).follow(videos[3])
    assert np.isfinite(found).all()
    assert np.abs(found).max() < 20


def test_embedding_is_that_of_the_model_where_the_recording_is_standardised_alike():
    views = WhitenedViews(smoothing=0, offset=0.5)
    model = JointAlignSegment(4, features=views, max_epochs=2, random_state=0)
    model.fit(data().videos[:8])
    whitened = model.features_
    embedding = causal_embedding(whitened, model.encoder_)
    video = np.asarray(data().videos[8], dtype=float)
    z = (video - video.mean(axis=0)) / video.std(axis=0)
    c = (video / whitened.peak_ - whitened.mean_) / whitened.scale_
    expected = model.transform(video)
    found = embedding.embed(z, c) / np.sqrt(expected.shape[1])
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize(
    "options",
    [
        {"encoder": "temporal"},
        {"features": None},
        {"features": Framewise(StandardScaler())},
    ],
)
def test_encoder_that_sees_later_frames_or_other_features_is_left_out(options):
    segmenting = Segmenting(segment_on="timeline")
    model = JointAlignSegment(
        4, max_epochs=0, random_state=0, segmenting=segmenting, **options
    ).fit(data().videos[:8])
    assert causal_embedding(model.features_, model.encoder_) is None
    assert model.live_["features"]["embedding"] is None
    assert len(model.stream().push(data().videos[8])) == len(data().videos[8])


def test_paper_encoder_is_a_chain_of_layers():
    model = VideoAligner(encoder=(8, 6), max_epochs=0).fit(data().videos[:3])
    embedding = causal_embedding(model.features_, model.encoder_)
    assert not embedding.adds
    z = np.random.RandomState(0).randn(5, 16)
    assert embedding.embed(z, z).shape == (5, 6)
