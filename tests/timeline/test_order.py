import numpy as np
import pytest

from skvas.datasets import make_videos
from skvas.decoding import monotone_path
from skvas.timeline import BlockOrder
from skvas.timeline._order import (
    _path_cost,
    alignability,
    block_order,
    gain_of_order,
    is_related,
)
from skvas.videos._frames import unit


def frames_of(shared_order, n_videos=8):
    data = make_videos(n_videos, noise=1.0, shared_order=shared_order, random_state=0)
    return [unit(video) for video in data.videos]


@pytest.mark.parametrize(("shared", "verdict"), [(True, "yes"), (False, "no")])
def test_verdict_is_whether_videos_share_an_order(shared, verdict):
    order = block_order(frames_of(shared), np.random.RandomState(0))
    assert order.verdict == verdict
    assert 0 < order.error < 0.2


@pytest.mark.parametrize(("shared", "verdict"), [(True, "yes"), (False, "undecided")])
def test_two_videos_have_a_verdict_where_it_is_clear(shared, verdict):
    order = block_order(frames_of(shared, 2), np.random.RandomState(0))
    assert order.n_pairs == 2
    assert np.isinf(order.error)
    assert order.verdict == verdict


def test_three_videos_have_a_standard_error():
    order = block_order(frames_of(True, 3), np.random.RandomState(0))
    assert np.isfinite(order.error)


@pytest.mark.parametrize(
    ("value", "error", "n_pairs", "verdict"),
    [
        (0.4, 0.2, 60, "yes"),
        (0.4, 0.28, 60, "undecided"),
        (0.4, 0.28, 56, "yes"),
        (0.4, 0.32, 56, "undecided"),
        (0.21, 0.01, 60, "undecided"),
        (0.12, 0.04, 56, "undecided"),
        (0.1, 0.04, 56, "no"),
    ],
)
def test_verdict_needs_a_standard_error_of_distance(value, error, n_pairs, verdict):
    assert BlockOrder(value, error, n_pairs).verdict == verdict


def test_gain_is_one_for_a_copy_and_none_where_frames_are_equal():
    rng = np.random.RandomState(0)
    video = unit(np.cumsum(rng.normal(size=(60, 8)), axis=0))
    assert gain_of_order(1 - video @ video.T, rng) == pytest.approx(1)
    assert gain_of_order(np.zeros((9, 9)), rng) == 0


def test_motions_inside_blocks_count_for_nothing():
    # Each action is a movement; videos go through the actions in orders of their own.
    # Time reversal would break the movements, permuted blocks keep them.
    rng = np.random.RandomState(0)
    moves = [unit(np.cumsum(rng.normal(size=(20, 8)), axis=0)) for _ in range(6)]
    videos = [np.concatenate([moves[k] for k in rng.permutation(6)]) for _ in range(8)]
    assert block_order(videos, rng).verdict == "no"


def test_unrelated_video_is_told_by_what_order_saves():
    videos = frames_of(True)
    noise = unit(np.random.default_rng(0).normal(size=(200, videos[0].shape[1])))
    rng = np.random.RandomState(0)
    saved = alignability([*videos, noise, videos[0]], videos[0], rng)
    related = is_related(saved)
    assert related.tolist() == [True] * 8 + [False, True]
    assert saved[-1] == pytest.approx(1)
    assert abs(saved[-2]) < 0.1


def test_all_videos_are_kept_where_order_tells_little():
    assert is_related(np.array([0.1, 0.0, -0.1, 0.2])).all()


@pytest.mark.parametrize("shape", [(6, 15), (15, 6), (1, 4), (4, 1)])
def test_cost_of_a_path_is_that_of_the_cheapest_partner_of_each_row(shape):
    cost = np.random.default_rng(0).random(shape)
    path = monotone_path(cost)
    cheapest = [min(cost[i, j] for i, j in path if i == row) for row in range(shape[0])]
    assert _path_cost(cost) == pytest.approx(np.mean(cheapest))
