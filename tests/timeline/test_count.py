import numpy as np
import pytest

from skvas.timeline import _count
from skvas.timeline._count import count_actions
from skvas.timeline._cut import Passing


def signals_of(order, *, n_videos=12, length=15, noise=1.0, seed=0):
    """Frames of videos at the positions of a timeline whose actions are known."""
    rng = np.random.default_rng(seed)
    actions = np.repeat(order, length)
    means = rng.normal(size=(max(order) + 1, 10))
    return means[actions] + noise * rng.normal(size=(n_videos, len(actions), 10))


def count(signals, low=2, high=14):
    return count_actions(signals, np.random.RandomState(0), low=low, high=high)


@pytest.mark.parametrize("order", ["ABC", "ABCDE", "ABCDEFG", "ABCDEABCD", "ARBRCRDR"])
def test_number_of_actions_is_that_of_different_segments(order):
    codes = [ord(name) - ord("A") for name in order]
    codes = np.unique(codes, return_inverse=True)[1].tolist()
    found = count(signals_of(codes))
    low, high = found.likely
    assert low <= found.n_actions <= high
    assert low <= len(set(order)) <= high
    assert abs(found.n_actions - len(set(order))) <= 1


@pytest.mark.parametrize(("order", "least"), [(range(35), 21), (range(26), 16)])
def test_many_actions_are_counted_among_more_segments(order, least):
    signals = signals_of(order, noise=0.5)
    assert count(signals, high=40).n_actions >= least
    assert count(signals, high=20).likely[1] == 20


def test_more_segments_are_looked_at_where_their_loss_hardly_bends(monkeypatch):
    looked_at = []
    find = _count.best_segments

    def recorded(losses, most):
        looked_at.append(most)
        return find(losses, most)

    monkeypatch.setattr(_count, "best_segments", recorded)
    for order in (range(5), range(26), [0, 1]):
        _count._answers(Passing(signals_of(order, noise=0.5)).statistics())
    _count._answers(Passing(signals_of([0, 1], length=6)).statistics())
    assert looked_at == [20, 20, 40, 20, 12]
    noise = np.random.default_rng(0).normal(size=(5, 100, 10))
    looked_at.clear()
    _count._answers(Passing(noise).statistics())
    assert looked_at == [20, 40, 80]


@pytest.mark.parametrize("n_videos", [1, 2, 3])
def test_few_videos_show_as_many_actions_as_many_do(n_videos):
    found = count(signals_of(range(7), n_videos=n_videos))
    assert 6 <= found.n_actions <= 8


@pytest.mark.parametrize("n_actions", [2, 3, 5])
def test_movements_are_counted_where_they_turn(n_actions):
    rng = np.random.default_rng(0)
    corners = 10 * rng.normal(size=(n_actions + 1, 5))
    times, ends = np.arange(30 * n_actions), 30 * np.arange(n_actions + 1)
    way = np.stack([np.interp(times, ends, c) for c in corners.T], axis=1)
    found = count(way + rng.normal(size=(8, *way.shape)))
    assert found.n_actions == n_actions


def test_number_of_actions_keeps_to_its_bounds():
    signals = signals_of([0, 1, 2, 3, 4])
    for low, high in [(2, 4), (6, 9)]:
        found = count(signals, low, high)
        assert low <= found.likely[0] <= found.n_actions <= found.likely[1] <= high


def test_number_may_exceed_the_positions_if_it_has_to():
    signals = signals_of([0, 1], length=2)
    assert count(signals, 6, 9) == _count.Count(6, (6, 6))
    assert count(signals, 2, 9).likely[1] <= 4


def test_range_is_wider_than_that_of_the_draws(monkeypatch):
    monkeypatch.setattr(_count, "_answers", lambda drawn: (5, 6, 8))
    found = count(signals_of([0, 1, 2]))
    assert (found.n_actions, found.likely) == (6, (4, 10))


def test_range_leaves_out_one_draw_of_ten_on_either_side(monkeypatch):
    answers = iter([(5 + k, 13, 20 + k) for k in range(8)])
    monkeypatch.setattr(_count, "_answers", lambda _: next(answers))
    found = count(signals_of([0, 1, 2]), 2, 40)
    assert (found.n_actions, found.likely) == (13, (4, 33))  # of 6 and 26


@pytest.mark.parametrize(("n_lines", "expected"), [(9, (9, 9)), (1, (1, 5))])
def test_range_of_a_draw_holds_the_number_of_movements(n_lines, expected, monkeypatch):
    found = iter([5, n_lines])
    monkeypatch.setattr(_count, "_elbow", lambda losses: (next(found), 0.5))
    losses = _count.contiguous_losses
    monkeypatch.setattr(
        _count, "contiguous_losses", lambda *s: (losses(*s)[0], True, True)
    )
    statistics = Passing(signals_of(range(5))).statistics()
    few, number, many = _count._answers(statistics)
    assert (number, many) == expected
    assert few <= number


def test_number_is_the_median_of_draws_of_videos(monkeypatch):
    answers = iter([(2, n, 12) for n in (3, 4, 4, 4, 7, 7, 9, 9)])
    drawn = []

    def recorded(statistics):
        drawn.append(statistics.mean)
        return next(answers)

    monkeypatch.setattr(_count, "_answers", recorded)
    assert count(signals_of([0, 1, 2])).n_actions == 5
    assert len({mean.tobytes() for mean in drawn}) == 8


def test_range_of_numbers_is_kept_where_there_is_nothing_to_choose_by():
    found = count(np.ones((1, 9, 2)), 2, 20)
    assert (found.n_actions, found.likely) == (2, (2, 9))


def test_loss_that_does_not_fall_is_of_one_segment_and_asks_for_no_more():
    n_segments, bend = _count._elbow(np.ones(20))
    assert n_segments == 1
    assert bend >= _count.HARDLY
