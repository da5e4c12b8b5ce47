import warnings

import numpy as np

from skvas.preprocessing._repeatability import repeatability, stretches


def videos(n=8, noise=0.05, seed=0):
    """Frames near three directions, in an order of each video's own."""
    rng = np.random.default_rng(seed)
    places = np.eye(3)[[rng.integers(0, 3, 90) for _ in range(n)]]
    frames = places + rng.normal(scale=noise, size=places.shape)
    return [video / np.linalg.norm(video, axis=1, keepdims=True) for video in frames]


def test_clusters_that_all_videos_have_are_found_again():
    assert repeatability(videos(), 3) > 0.99


def test_clusters_of_noise_are_not():
    noise = videos(noise=5.0)
    assert repeatability(noise, 8) < 0.5


def test_fewer_frames_than_clusters_are_no_error():
    frames = [np.eye(3)[:1], np.eye(3)[1:2]]
    assert np.isfinite(repeatability(frames, 5))


def test_fewer_distinct_frames_than_clusters_are_no_warning():
    still = [np.repeat(np.eye(4)[[i % 4]], 20, axis=0) for i in range(12)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isfinite(repeatability(still, 8))


def test_frames_that_do_not_differ_have_no_clusters():
    assert repeatability([np.ones((20, 3))] * 4, 3) == 0
    one_differs = [np.ones((20, 3)), np.ones((20, 3)), np.eye(3)]
    assert repeatability(one_differs, 3) == 0


def test_stretches_are_those_of_all_frames():
    places = np.eye(3)
    first = places[np.repeat([0, 1, 0, 1, 0], [50, 10, 40, 60, 40])]
    second = places[np.repeat([2, 0, 2], [1000, 1, 799])]
    times, length = stretches([first, second], 3)
    assert times == np.mean([5 / 2, 3 / 2])
    assert length == np.median([200 / 5, 1800 / 3])
    assert stretches([np.ones((20, 3))] * 2, 3) == (1, 20)


def test_frames_that_differ_by_rounding_alone_are_no_warning():
    frames = np.repeat(np.eye(3, dtype=np.float32), 8, axis=0)
    frames[::2] *= 1 + np.float32(1e-6)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        repeatability([frames] * 4, 5)
        stretches([frames] * 4, 5)
