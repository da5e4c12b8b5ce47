import numpy as np
import pytest

from skvas.datasets import make_videos
from skvas.decoding import monotone_path
from skvas.metrics._order import path_cost
from skvas.timeline._alignability import alignability, is_related
from skvas.videos._frames import unit


def test_unrelated_video_is_told_by_what_order_saves():
    data = make_videos(8, noise=1.0, random_state=0)
    videos = [unit(video) for video in data.videos]
    noise = unit(np.random.default_rng(0).normal(size=(200, videos[0].shape[1])))
    saved = alignability([*videos, noise, videos[0]], videos[0])
    related = is_related(saved)
    assert related.tolist() == [True] * 8 + [False, True]
    assert saved[-1] == pytest.approx(1)
    assert abs(saved[-2]) < 0.1


@pytest.mark.parametrize("n_frames", [2, 3])
def test_copies_of_a_short_template_save_all(n_frames):
    video = unit(np.random.default_rng(0).normal(size=(n_frames, 4)))
    assert alignability([video], video) == pytest.approx(1)


def test_what_a_video_saves_has_nothing_to_do_with_the_others():
    data = make_videos(4, noise=1.0, random_state=0)
    videos = [unit(video) for video in data.videos]
    saved = alignability(videos, videos[0])
    alone = [alignability([video], videos[0])[0] for video in reversed(videos)]
    assert saved[::-1].tolist() == alone


def test_all_videos_are_kept_where_order_tells_little():
    assert is_related(np.array([0.1, 0.0, -0.1, 0.2])).all()


@pytest.mark.parametrize("shape", [(6, 15), (15, 6), (1, 4), (4, 1)])
def test_cost_of_a_path_is_that_of_the_cheapest_partner_of_each_row(shape):
    cost = np.random.default_rng(0).random(shape)
    path = monotone_path(cost)
    cheapest = [min(cost[i, j] for i, j in path if i == row) for row in range(shape[0])]
    assert path_cost(cost) == pytest.approx(np.mean(cheapest))
