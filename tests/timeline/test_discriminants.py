import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skvas import JointAlignSegment, Segmenting, load
from skvas.datasets import make_videos
from skvas.timeline._discriminants import find_discriminants
from skvas.videos._frames import unit


def straight(n):
    """Where a video passes that is as long as the template."""
    return np.arange(n, dtype=float)


def test_directions_are_those_that_tell_positions_and_not_videos_apart():
    rng = np.random.default_rng(0)
    frames = np.zeros((8, 50, 6))
    frames[..., 0] = np.sin(np.linspace(0, 3, 50))  # the moment
    frames[..., 1] = 5 * rng.normal(size=(8, 50))  # the video
    frames += 0.05 * rng.normal(size=frames.shape)
    found = find_discriminants(list(frames), [straight(50)] * 8)
    first = found.directions[:, 0] / np.linalg.norm(found.directions[:, 0])
    assert abs(first[0]) > 0.99
    assert found.directions.shape[1] <= 8


@pytest.mark.parametrize("n_videos", [1, 3])
def test_copies_have_no_discriminants(n_videos):
    frames = unit(np.random.default_rng(1).normal(size=(20, 5)))
    found = find_discriminants([frames] * n_videos, [straight(20)] * n_videos)
    assert found.directions.shape == (5, 0)
    assert_allclose(found.append(frames), frames)


def test_frames_that_are_all_equal_have_no_discriminants():
    frames = np.ones((20, 5)) / np.sqrt(5)
    found = find_discriminants([frames, frames], [straight(20)] * 2)
    assert found.directions.shape == (5, 0)


def test_frames_stay_unit_beside_their_discriminants():
    rng = np.random.default_rng(2)
    videos = [unit(rng.normal(size=(30, 12))) for _ in range(3)]
    found = find_discriminants(videos, [straight(30)] * 3)
    assert_allclose(np.linalg.norm(found.append(videos[0]), axis=1), 1)
    assert found.append(videos[0]).shape == (30, 20)
    beside = np.linalg.norm(found.append(videos[0])[:, 12:], axis=1)
    assert_allclose(beside, 2 / np.sqrt(5))  # of twice the length of the frames


def test_discriminants_are_of_what_differs_from_the_centre():
    rng = np.random.default_rng(3)
    videos = [unit(2 + rng.normal(size=(30, 12))) for _ in range(3)]
    found = find_discriminants(videos, [straight(30)] * 3)
    assert_allclose(found.centre, np.mean(videos, axis=(0, 1)))
    assert_allclose(found.append(found.centre[None])[:, 12:], 0)


def test_model_without_discriminants_is_saved_and_read(tmp_path):
    (video,) = make_videos(1, n_actions=3, random_state=0).videos
    model = JointAlignSegment(
        3,
        segmenting=Segmenting(segment_on="timeline"),
        max_epochs=0,
        random_state=0,
    ).fit([video] * 4)
    found = model.timeline_.model_.template.discriminants
    assert found.directions.shape[1] == 0
    model.save(tmp_path / "model")
    assert_array_equal(load(tmp_path / "model").predict(video), model.labels_[0])
