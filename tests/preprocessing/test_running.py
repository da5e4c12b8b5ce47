from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from skvas.exceptions import ModelFileError
from skvas.preprocessing import _running
from skvas.preprocessing._running import RunningMoments, Standing
from skvas.videos._frames import frame_blocks


def random_videos():
    rng = np.random.RandomState(0)
    return [3 + 2 * rng.randn(40, 3) + rng.randn(3) for _ in range(4)]


def frame_by_frame(features, video):
    standing = Standing(features)
    return np.array([standing.see(frame) for frame in video])


@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("reach", [None, 0.1])
def test_frames_one_by_one_are_those_of_the_whole_video(both, reach):
    *videos, video = random_videos()
    features = RunningMoments.of(videos, both=both, reach=reach)
    found = frame_by_frame(features, video)
    assert found.shape == (len(video), features.width)
    np.testing.assert_allclose(found, features.follow(video), atol=1e-9)


def test_collection_counts_for_less_where_recordings_differ():
    way = np.linspace(-1, 1, 40)[:, None]
    within = (way**2).mean()
    for step, prior in (
        (0.5, 4.0),  # of 40 frames
        (1.0, 4 * within),
        (2.0, within),
        (100.0, 0.2),
    ):
        features = RunningMoments.of([way + step, way - step])
        assert features.prior == pytest.approx(prior, rel=1e-3)
    still = RunningMoments.of([np.zeros((40, 1)), np.ones((40, 1))])
    assert np.isfinite(still.follow(np.ones((9, 1)))).all()
    assert RunningMoments.of([np.ones((40, 1))] * 2).prior == 4.0


def test_standardised_by_what_was_seen_with_the_collection_as_prior():
    videos = random_videos()
    features = RunningMoments.of(videos)
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
    features = RunningMoments.of(random_videos())
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
    features = RunningMoments.of(videos)
    strange = videos[0].copy()
    strange[:, 1] = 1e9
    assert not features.follow(strange)[:, 1].any()
    assert np.isfinite(features.follow(strange)).all()


def test_features_far_from_zero_are_standardised_as_near_it():
    videos = random_videos()
    expected = RunningMoments.of(videos).follow(videos[0])
    far = [video + 5e6 for video in videos]
    found = RunningMoments.of(far).follow(far[0])
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_what_hardly_varies_within_videos_is_not_blown_up():
    noise = np.random.RandomState(0).randn(4, 40, 1)
    videos = [level + 1e-6 * video for level, video in enumerate(noise)]
    features = RunningMoments.of(videos)
    apart = np.array([[1.5 - 1e-6], [1.5 + 1e-6]])  # about the mean
    assert np.abs(features.follow(apart)).max() < 1e-5


def test_rounding_of_single_precision_tells_nothing():
    videos = [
        np.float32(5e6) + video.astype(np.float32) * 0 for video in random_videos()
    ]
    videos[0][:3] = np.nextafter(np.float32(5e6), np.float32(6e6))
    assert not RunningMoments.of(videos).scale.any()


def test_feature_that_varies_between_videos_alone_is_kept_finite():
    videos = random_videos()
    for level, video in enumerate(videos):
        video[:, 0] = level
    found = RunningMoments.of(videos).follow(videos[3])
    assert np.isfinite(found).all()
    assert np.abs(found).max() < 20


def test_frames_standardised_by_the_collection_depend_on_no_other_frame():
    videos = random_videos()
    found = RunningMoments.of(videos, both=True).follow(videos[0])[:, 3:]
    joined = np.concatenate(videos)
    expected = (videos[0] - joined.mean(axis=0)) / joined.std(axis=0)
    np.testing.assert_allclose(found, expected)


@pytest.mark.parametrize("both", [False, True])
def test_long_recording_is_followed_block_by_block_to_the_same_bits(both, monkeypatch):
    videos = random_videos()
    features = RunningMoments.of(videos, both=both)
    whole = [features.follow(video) for video in videos]
    few = partial(frame_blocks, n_numbers=7 * videos[0].shape[1])
    monkeypatch.setattr(_running, "frame_blocks", few)
    for video, expected in zip(videos, whole, strict=True):
        np.testing.assert_array_equal(features.follow(video), expected)


def test_motion_of_another_width_is_refused():
    standing = Standing(RunningMoments.of(random_videos(), reach=0.1))
    standing.see(np.zeros(3))
    *state, means = standing.state()
    standing.restore([*state, means])
    with pytest.raises(ModelFileError, match="means"):
        standing.restore([*state, means[:3]])
