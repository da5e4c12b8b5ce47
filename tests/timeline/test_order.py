import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

from skvas.datasets import make_videos
from skvas.timeline import BlockOrder, _order
from skvas.timeline._average import average
from skvas.timeline._order import COMPARED, block_order, gain_of_order
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
    assert order.n_videos == 2
    assert np.isinf(order.error)
    assert order.verdict == verdict


def test_three_videos_have_a_standard_error():
    order = block_order(frames_of(True, 3), np.random.RandomState(0))
    assert np.isfinite(order.error)


@pytest.mark.parametrize(
    ("value", "error", "verdict"),
    [
        (0.4, 0.14, "yes"),
        (0.4, 0.16, "undecided"),
        (0.24, 0.02, "undecided"),
        (0.1, 0.14, "no"),
    ],
)
def test_verdict_needs_a_standard_error_of_distance(value, error, verdict):
    assert BlockOrder(value, error, 8).verdict == verdict


@pytest.mark.parametrize("n_videos", [2, 3, 8, 20])
def test_no_video_has_a_part_in_the_average_that_it_is_compared_with(
    n_videos, monkeypatch
):
    asked = []

    def note(others, start, limit):
        asked.append((others, start))
        return average(others, start, limit)

    monkeypatch.setattr(_order, "average", note)
    block_order(frames_of(True, n_videos), np.random.RandomState(0))
    assert len(asked) == min(n_videos, 8)
    assert sum(n_videos - len(others) for others, _ in asked) == n_videos
    for others, start in asked:
        assert any(np.array_equal(start, other) for other in others)


def test_what_is_a_video_s_own_averages_out():
    # Slow signals of their own hide the order from pairs of videos.
    rng = np.random.RandomState(0)
    data = make_videos(16, n_actions=6, noise=1.0, random_state=0)
    videos = []
    for video in data.videos:
        own = gaussian_filter1d(rng.normal(size=video.shape), 15, axis=0)
        videos.append(unit(video + 2 * own / own.std()))
    pairs = [block_order(videos[i : i + 2], rng).value for i in range(0, 10, 2)]
    order = block_order(videos, rng)
    assert order.verdict == "yes"
    assert order.value > 1.5 * np.mean(pairs)


def test_some_of_many_videos_are_compared():
    order = block_order(frames_of(True) * 10, np.random.RandomState(0))
    assert order.n_videos == COMPARED
    assert order.verdict == "yes"


def test_gain_is_one_for_a_copy_and_none_where_frames_are_equal():
    rng = np.random.RandomState(0)
    video = unit(np.cumsum(rng.normal(size=(60, 8)), axis=0))
    assert gain_of_order(1 - video @ video.T) == pytest.approx(1)
    assert gain_of_order(np.zeros((9, 9))) == 0


def test_blocks_are_swapped_at_many_places():
    # Swapped at a quarter or at half, a movement that is done four times is as it was.
    rng = np.random.RandomState(0)
    video = np.tile(unit(np.cumsum(rng.normal(size=(20, 8)), axis=0)), (4, 1))
    assert gain_of_order(1 - video @ video.T) == pytest.approx(1)


def test_motions_inside_blocks_count_for_nothing():
    # Each action is a movement; videos go through the actions in orders of their own.
    # Time reversal would break the movements, swapped blocks keep them.
    rng = np.random.RandomState(0)
    moves = [unit(np.cumsum(rng.normal(size=(20, 8)), axis=0)) for _ in range(6)]
    videos = [np.concatenate([moves[k] for k in rng.permutation(6)]) for _ in range(8)]
    assert block_order(videos, rng).verdict == "no"
