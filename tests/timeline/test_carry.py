import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skvas.datasets import make_videos
from skvas.timeline import Timeline
from skvas.timeline._carry import MANY_MOMENTS, carried, label_shares, moments_for


def test_video_that_fits_badly_has_less_say():
    posterior = np.eye(2)
    shares = label_shares(
        [posterior, posterior],
        [np.zeros((2, 2)), np.full((2, 2), 0.5)],
        [np.array([0, 0]), np.array([1, 1])],
        2,
    )
    assert (shares[:, 0] > 0.9).all()
    assert_allclose(shares.sum(axis=1), 1)


def test_say_falls_with_the_mean_cost_of_labelled_frames():
    rng = np.random.default_rng(0)
    posteriors, costs = rng.dirichlet(np.ones(3), (2, 6)), rng.uniform(size=(2, 6, 3))
    labels = np.array([[0, 0, 1, 1, -1, -1], [1, 0, 0, -1, 1, 1]])
    votes = np.zeros((3, 2))
    for posterior, cost, label in zip(posteriors, costs, labels, strict=True):
        weights = posterior[label >= 0]
        for position in range(3):
            own = weights[:, position]
            mean = np.average(cost[label >= 0, position], weights=own)
            share = np.bincount(label[label >= 0], own) / posterior[:, position].sum()
            votes[position] += np.exp(-mean / 0.2) * share
    shares = label_shares(posteriors, costs, labels, 2)
    assert_allclose(shares, votes / votes.sum(axis=1, keepdims=True))


def test_moments_follow_the_video_of_most_labelled_segments():
    unknown = np.full(50, -1)
    few, many = np.repeat([0, 1], 25), np.repeat([0, 1, -1, 1, 0], 10)
    assert moments_for([unknown, few]) == 80
    assert moments_for([many, unknown, few]) == 120  # no label is no change
    assert moments_for([np.arange(2000)]) == MANY_MOMENTS


def test_long_video_has_one_vote():
    long = np.repeat(np.eye(2), [10, 10], axis=0)
    shares = label_shares(
        [np.eye(2), np.eye(2), long],
        [np.zeros((2, 2)), np.zeros((2, 2)), np.zeros((20, 2))],
        [np.array([0, 0])] * 2 + [np.ones(20, dtype=int)],
        2,
    )
    assert_allclose(shares, [[2 / 3, 1 / 3]] * 2)


def test_positions_without_labels_have_those_of_the_nearest():
    shares = label_shares(
        [np.eye(4)], [np.zeros((4, 4))], [np.array([0, -1, -1, 1])], 2
    )
    assert_array_equal(shares, np.eye(2)[[0, 0, 1, 1]])


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("rest", [0.0, 1e-45])
def test_positions_that_no_frame_may_be_at_have_labels_too(rest, kind):
    posterior = np.array([[1, rest, 0], [0, 0, 1]], dtype=kind)
    labels = np.array([0, 1])
    shares = label_shares([posterior], [np.zeros((2, 3), dtype=kind)], [labels], 2)
    assert_array_equal(shares, np.eye(2)[[0, 0, 1]])


def test_votes_that_are_rounding_count_for_nothing():
    posterior = np.array([[1, 0, 0], [0, 1, 0], [0, 1e-30, 1]])
    labels = np.array([0, -1, 1])
    shares = label_shares([posterior], [np.zeros((3, 3))], [labels], 2)
    assert_array_equal(shares, np.eye(2)[[0, 0, 1]])


def test_labelled_videos_are_in_memory_one_at_a_time():
    data = make_videos(3, n_actions=3, n_frames=(1500, 1600), random_state=0)
    timeline = Timeline(None, random_state=0).fit(data.videos)
    video, codes = timeline._frames_of_fit()[0], data.labels[0]
    timeline.model_.carry([video], [codes], 3)  # what is made once
    peaks = []
    for n_videos in (2, 8):
        tracemalloc.start()
        timeline.model_.carry([video] * n_videos, [codes] * n_videos, 3)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.1 * peaks[0]


def test_pieces_of_a_video_have_one_vote_together():
    rng = np.random.default_rng(0)
    posteriors, costs = rng.dirichlet(np.ones(5), (2, 30)), rng.uniform(size=(2, 30, 5))
    labels = rng.integers(-1, 3, (2, 30))
    videos = [*zip(posteriors, costs, labels, strict=True)]
    pieces = [[[part[k::3] for part in video] for k in range(3)] for video in videos]
    assert_allclose(carried(pieces, 3), label_shares(posteriors, costs, labels, 3))


def test_long_videos_are_looked_at_a_few_frames_at_a_time():
    data = make_videos(
        3, n_actions=3, n_features=4, n_frames=(300, 320), random_state=0
    )
    timeline = Timeline(3, memory_limit="1MB", random_state=0).fit(data.videos)
    model, n = timeline.model_, 100
    frames = np.repeat(timeline._frames_of_fit()[0], n, axis=0)
    codes = np.repeat(data.labels[0], n)
    n_bytes = 8 * len(frames) * len(model.moments)  # of all distributions
    for answer in (
        lambda: model.carry([frames], [codes], 3),
        lambda: model.action_shares(frames),
        lambda: model.boundaries(frames),
    ):
        tracemalloc.start()
        answer()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 0.5 * n_bytes
