from itertools import combinations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.ndimage import gaussian_filter1d

from skvas.timeline import _cut
from skvas.timeline._cut import (
    Draw,
    Gaussians,
    Passing,
    comes_back,
    cut,
    cut_often,
    cut_once,
    held_out_losses,
    likeliest,
    merge_segments,
)
from skvas.timeline._segments import (
    LEAST_VARIANCE,
    Statistics,
    best_segments,
    segment_losses,
    square_losses,
)


def signals_of(order, *, n_videos=12, length=15, noise=1.5, seed=0, n_features=10):
    """Frames of videos at the positions of a timeline whose actions are known."""
    rng = np.random.default_rng(seed)
    actions = np.repeat(order, length)
    means = rng.normal(size=(max(order) + 1, n_features))
    shape = (n_videos, len(actions), n_features)
    return means[actions] + noise * rng.normal(size=shape), actions


def same_partition(a, b):
    return ((a[:, None] == a) == (b[:, None] == b)).all()


def agreement(a, b):
    return ((a[:, None] == a) == (b[:, None] == b)).mean()


def drawn(statistics, actions):
    contiguous = np.arange(len(actions)) * (actions.max() + 1) // len(actions)
    return Draw(statistics, actions, contiguous, gain=10.0)


@pytest.mark.parametrize("n_positions", [149, 151, 206, 299, 331])
def test_actions_change_at_any_position_of_a_long_timeline(n_positions):
    change = 2 * (n_positions // 4) + 1
    frames = np.where(np.arange(n_positions) < change, 0.0, 5.0)[:, None]
    found = cut_often(Statistics(frames, frames**2 + 0.1), 2).actions
    assert len(found) == n_positions
    assert_array_equal(np.flatnonzero(np.diff(found)), [change - 1])


def test_gain_of_a_draw_is_that_of_one_segment_more():
    statistics = Passing(signals_of([0, 1, 2, 0, 1, 2])[0]).statistics()
    _, losses = best_segments(segment_losses(statistics), 10)
    assert_allclose(cut_often(statistics, 3).gain, losses[8] - losses[9])


def test_positions_that_do_not_differ_are_cut_into_equal_parts():
    found = cut(np.ones((5, 9, 2)), 3, np.random.RandomState(0))
    assert_array_equal(found.actions, [0, 0, 0, 1, 1, 1, 2, 2, 2])
    assert_array_equal(found.shares, np.eye(3)[found.actions])
    assert_array_equal(found.boundaries, [3, 6])
    assert not found.recurring


def test_each_draw_takes_the_likeliest_actions_of_all_draws():
    signals, actions = signals_of([0, 1, 2, 0, 1, 2], noise=0.5)
    statistics = Passing(signals).statistics()
    stuck = np.where(actions == 2, 1, np.arange(90) >= 75)  # two of them joined
    draws = [drawn(statistics, stuck.astype(np.int64) * 2)]
    alone = likeliest(draws, 3)
    together = likeliest([*draws, drawn(statistics, actions)], 3)
    assert not same_partition(alone[0], actions)
    for found in together:
        assert same_partition(found, actions)
    [led] = likeliest(draws, 3, [drawn(statistics, actions)])
    assert same_partition(led, actions)


def test_segments_cost_less_once_it_is_known_that_actions_come_back():
    signals, _ = signals_of([0, 1, 2, 0, 1, 2, 1], noise=2.5, length=6, seed=2)
    draw = cut_often(Passing(signals).statistics(), 3)
    [found] = likeliest([draw], 3)
    assert np.count_nonzero(np.diff(found)) > np.count_nonzero(np.diff(draw.actions))


@pytest.mark.parametrize("recurring", [True, False])
def test_cut_goes_by_the_likeliest_actions_where_they_may_come_back(
    recurring, monkeypatch
):
    signals, actions = signals_of([0, 1, 2])
    once_more = np.repeat([0, 1, 2, 0], [5, 15, 15, 10])
    monkeypatch.setattr(
        _cut, "likeliest", lambda draws, *_: np.tile(once_more, (len(draws), 1))
    )
    found = cut(signals, 3, np.random.RandomState(0), recurring=recurring)
    assert_array_equal(found.actions, once_more if recurring else actions)


def test_draws_that_show_no_coming_back_vote_by_contiguous_segments(monkeypatch):
    signals, actions = signals_of([0, 1, 2])
    once_more = np.repeat([0, 1, 2, 0], [5, 15, 15, 10])
    shown = iter([True] * 6 + [False] * 10)
    monkeypatch.setattr(_cut, "comes_back", lambda *_: next(shown))
    monkeypatch.setattr(
        _cut, "likeliest", lambda draws, *_: np.tile(once_more, (len(draws), 1))
    )
    found = cut(signals, 3, np.random.RandomState(0))
    assert not found.recurring
    assert_array_equal(found.actions, actions)
    assert 0.6 < found.shares[-1, actions[-1]] < 0.9


def test_draws_that_show_no_coming_back_lead_to_actions_as_well(monkeypatch):
    signals, _ = signals_of([0, 1, 2])
    shown, asked = iter([True] * 6 + [False] * 10), []

    def note(draws, n_actions, others):
        asked.append((len(draws), n_actions, len(others)))
        return np.array([draw.actions for draw in draws])

    monkeypatch.setattr(_cut, "comes_back", lambda *_: next(shown))
    monkeypatch.setattr(_cut, "likeliest", note)
    cut(signals, 3, np.random.RandomState(0))
    assert asked == [(6, 3, 10)]


def test_contiguous_segments_are_found_on_features_as_they_were_before_smoothing(
    monkeypatch,
):
    blurs = {"cut_once": [], "cut_often": []}
    for name, noted in blurs.items():
        find = getattr(_cut, name)

        def note(statistics, n_actions, find=find, noted=noted):
            noted.append(statistics.blur)
            return find(statistics, n_actions)

        monkeypatch.setattr(_cut, name, note)
    cut(signals_of([0, 1, 2])[0], 3, np.random.RandomState(0), blur=2.5)
    assert set(blurs["cut_once"]) == {2.5}
    assert set(blurs["cut_often"]) == {0.0}


def test_others_features_may_show_whether_actions_come_back():
    back, _ = signals_of([0, 1, 2, 0, 1, 2], noise=0.5)
    once, _ = signals_of([0, 1, 2], length=30, noise=0.5, seed=1)
    for signals, judged_by, expected in ((back, once, False), (once, back, True)):
        found = cut(signals, 3, np.random.RandomState(0), judged_by=judged_by)
        assert found.recurring == expected
    by_itself, told = (
        cut(back, 3, np.random.RandomState(0), judged_by=judged_by)
        for judged_by in (None, back)
    )
    assert_array_equal(by_itself.shares, told.shares)


def test_contiguous_segments_are_found_on_whitened_features_alone():
    signals, _ = signals_of([0, 1, 2])
    other, _ = signals_of([0, 1, 2], seed=5, length=15)
    both = np.concatenate([signals, 9 * other[:, ::-1] ** 3], axis=2)
    one = cut(signals, 3, np.random.RandomState(0), recurring=False)
    two = cut(both, 3, np.random.RandomState(0), recurring=False, n_whitened=10)
    assert_array_equal(one.actions, two.actions)


def before_bursts(seed):
    """Two calm actions, and one of bursts that come at other moments in each video."""
    rng = np.random.default_rng(seed)
    actions = np.repeat([0, 1, 2], [30, 30, 60])
    level = np.array([0.0, 1.0, 1.0])[actions]
    frames = level[:, None] + 0.2 * rng.normal(size=(12, 120, 4))
    bursts = gaussian_filter1d(rng.normal(size=(12, 60, 4)), 2, axis=1)
    frames[:, 60:] += 3 * bursts / bursts.std()
    return frames, actions


def cut_once_by(signals, planned):
    rng = np.random.RandomState(0)
    return cut(signals, 3, rng, recurring=False, planned=planned).actions


@pytest.mark.parametrize("seed", range(4))
def test_bursts_are_one_action_where_plans_say_so(seed):
    signals, actions = before_bursts(seed)
    by_squares = cut_once_by(signals, None)
    assert agreement(by_squares, actions) < 0.9
    found = cut_once_by(signals, lambda: [actions] * 12)
    assert same_partition(found, actions)
    hidden = np.where(np.arange(120) % 10, -1, actions)
    found = cut_once_by(signals, lambda: [hidden] * 12)
    assert same_partition(found, actions)


def test_squares_stay_where_plans_agree_with_likelihood_hardly_better():
    signals, actions = before_bursts(0)
    by_squares = cut_once_by(signals, None)
    for planned in ([by_squares] * 12, [actions] * 7 + [by_squares] * 5):
        found = cut_once_by(signals, lambda planned=planned: planned)
        assert_array_equal(found, by_squares)


def test_plans_are_not_made_where_both_cuts_are_alike():
    signals, actions = signals_of([0, 1, 2], noise=0.5)

    def planned():
        pytest.fail("plans were made")

    assert same_partition(cut_once_by(signals, planned), actions)


@pytest.mark.parametrize("in_draws", [True, False])
def test_movements_stay_as_squares_cut_them(in_draws, monkeypatch):
    signals, actions = before_bursts(0)
    as_lines, find = np.arange(120) // 40, _cut.contiguous_losses

    def losses(*given):
        return find(*given)._replace(have_courses=not in_draws)

    monkeypatch.setattr(_cut, "cut_once", lambda *_: (as_lines, in_draws))
    monkeypatch.setattr(_cut, "contiguous_losses", losses)
    found = cut_once_by(signals, lambda: [actions] * 12)
    assert same_partition(found, as_lines)


def through(corners, lengths):
    """Statistics of a way that goes from each corner to the next one in a line."""
    ends = np.cumsum([0, *lengths])
    means = np.stack([np.interp(np.arange(ends[-1]), ends, c) for c in corners], axis=1)
    return Statistics(means, means**2)


def test_movements_are_cut_where_they_turn():
    way = through([[0, 10, 10, 3], [0, 0, 8, 9]], [30, 20, 10])
    ends = np.flatnonzero(np.diff(cut_once(way, 3)[0]))
    assert_allclose(ends, [29, 49], atol=1)
    by_means, _ = best_segments(square_losses(way), 3)
    assert abs(np.flatnonzero(np.diff(by_means[-1])) - [29, 49]).max() > 5


def test_fitted_gaussians_have_the_loss_of_their_segments():
    signals, _ = signals_of([0, 1, 2], length=3)
    statistics = Passing(signals).statistics()
    actions = np.array([0, 0, 0, 1, 1, 1, 1, 2, 2])
    losses = Gaussians.of(statistics, actions, 3).losses(statistics)
    # At the fitted variances the quadratic terms sum to the length, but for the floor.
    first = losses[:3, 0].sum()
    variance = statistics.square[:3].mean(0) - statistics.mean[:3].mean(0) ** 2
    floored = variance + LEAST_VARIANCE
    assert first == pytest.approx(3 * (np.log(floored) + variance / floored).sum())


def test_merging_joins_alike_segments_that_are_no_neighbours():
    signals, actions = signals_of([0, 1, 0, 2, 1])
    statistics = Passing(signals).statistics()
    merged = merge_segments(statistics, np.repeat(np.arange(5), 15), 3)
    assert same_partition(merged, actions)


def test_merging_takes_the_least_rise_of_the_loss_at_each_step():
    signals, _ = signals_of([0, 1, 2, 0, 3, 1, 4, 2, 0], noise=2.5, n_features=3)
    statistics = Passing(signals).statistics()
    segments = np.repeat(np.arange(9), 15)

    def loss_of(merged):
        total = 0.0
        for action in np.unique(merged):
            mean, square = (
                each[merged == action].mean(axis=0)
                for each in (statistics.mean, statistics.square)
            )
            variance = square - mean**2 + LEAST_VARIANCE
            total += (merged == action).sum() * np.log(variance).sum()
        return total

    merged = segments
    for _ in range(6):
        pairs = combinations(np.unique(merged), 2)
        tried = [np.where(merged == b, a, merged) for a, b in pairs]
        merged = min(tried, key=loss_of)
    assert same_partition(merge_segments(statistics, segments, 3), merged)


def shows_coming_back(signals, n_actions, others=None):
    draw = cut_often(Passing(signals).statistics(), n_actions)
    others = signals if others is None else others
    return comes_back(draw, Passing(others).statistics())


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ([0, 1, 2, 3, 4, 5], False),
        ([0, 1, 2, 1], True),
        ([0, 1, 2, 3, 1, 2], True),
        ([0, 1, 2, 1, 3, 1], True),
        ([0, 1, 2, 3, 4, 5, 0, 1, 2], True),
        ([0, 1, 0, 2, 0, 3, 0, 4], True),  # rest between the others
    ],
)
def test_actions_come_back_where_more_segments_are_needed(order, expected):
    signals, _ = signals_of(order)
    assert shows_coming_back(signals, max(order) + 1) is expected


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("ABCDEF", False),
        ("ABCDEBAFGA", False),  # no pair, three times at most
        ("ABCDEFABC", True),
        ("RARBRCRD", True),  # rest between the others
    ],
)
def test_returning_pairs_and_rest_show_it_by_themselves(order, expected):
    actions = np.repeat([ord(name) - ord("A") for name in order], 3)
    nothing = Statistics(np.zeros((len(actions), 2)), np.ones((len(actions), 2)))
    assert comes_back(drawn(nothing, actions), nothing) is expected


def test_steps_that_look_nearly_alike_do_not_come_back():
    signals, actions = signals_of([0, 1, 2, 1])
    steps = np.arange(len(actions)) // 15
    assert shows_coming_back(signals, 3)
    signals[:, steps == 3, :3] += 2
    assert not shows_coming_back(signals, 4)


def test_actions_that_change_slowly_do_not_come_back():
    signals, actions = signals_of([0, 1, 2, 3], noise=0.5)
    phase = np.linspace(-1, 1, 15).tolist() * 4
    signals += np.outer(phase, np.linspace(-1, 1, 10))
    cuts, losses = best_segments(segment_losses(Passing(signals).statistics()), 12)
    assert losses[3] - losses[7] > 0.2 * (losses[0] - losses[3])  # more segments help
    assert not shows_coming_back(signals, 4)


def test_little_that_is_explained_besides_does_not_show_it():
    # The third step is nearly the second, which then comes back.
    rng = np.random.default_rng(0)
    steps = np.repeat([0.0, 10.0, 11.0, 10.0], 15)[:, None]
    signals = steps + 0.1 * rng.normal(size=(12, 60, 6))
    statistics = Passing(signals).statistics()
    actions = np.repeat([0, 1, 2, 1], 15)
    draw = Draw(statistics, actions, np.repeat([0, 1, 2], [15, 15, 30]), gain=1.0)
    cuts = np.array([np.zeros_like(actions), draw.contiguous, actions])
    single, once, often = held_out_losses(statistics, statistics, cuts)
    assert 0 < once - often < 0.05 * (single - often)
    assert not comes_back(draw, statistics)


def test_videos_that_were_left_out_tell_whether_actions_come_back():
    back, _ = signals_of([0, 1, 2, 3, 1])
    once, _ = signals_of([0, 1, 1, 2, 3])
    assert shows_coming_back(back, 4)
    assert not shows_coming_back(back, 4, once)


@pytest.mark.parametrize("n_videos", [1, 12])
def test_draws_are_asked_about_the_videos_that_they_left_out(n_videos, monkeypatch):
    signals, _ = signals_of([0, 1, 2], n_videos=n_videos)
    asked = []
    monkeypatch.setattr(_cut, "comes_back", lambda *both: asked.append(both))
    cut(signals, 3, np.random.RandomState(0))
    rng = np.random.RandomState(0)
    for draw, others in asked:
        counts = np.bincount(rng.randint(n_videos, size=n_videos), minlength=n_videos)
        out = counts == 0 if n_videos > 1 else counts
        kept = Passing(signals).statistics(out).mean
        assert_allclose(others.mean, kept, rtol=1e-5)
        if n_videos > 1:
            assert not np.allclose(draw.statistics.mean, others.mean, rtol=0.01)
    assert len(asked) == 16


def test_actions_of_two_videos_come_back():
    signals, actions = signals_of([0, 1, 2, 3, 0, 1, 2], n_videos=2, noise=0.5)
    found = cut(signals, 4, np.random.RandomState(0))
    assert found.recurring
    assert_array_equal(found.actions, actions)


@pytest.mark.parametrize("recurring", [True, False, None])
def test_cut_finds_actions_that_happen_once(recurring):
    signals, actions = signals_of([0, 1, 2, 3, 4])
    found = cut(signals, 5, np.random.RandomState(0), recurring=recurring)
    assert_array_equal(found.actions, actions)
    assert_allclose(found.confidence, 1)
    assert_array_equal(found.boundaries, [15, 30, 45, 60])
    assert found.recurring == bool(recurring)


def test_cut_finds_actions_that_come_back():
    signals, actions = signals_of([0, 1, 2, 3, 0, 1, 2])
    found = cut(signals, 4, np.random.RandomState(0))
    assert found.recurring
    assert_array_equal(found.actions, actions)


def test_spread_over_videos_is_evidence_as_well():
    # Two actions of one mean: in the second the videos differ, in the first they don't.
    rng = np.random.default_rng(0)
    scale = np.repeat([0.3, 2.0], 20)[:, None]
    signals = scale * rng.normal(size=(12, 40, 6))
    often = cut_often(Passing(signals).statistics(), 2).actions
    assert agreement(often, np.repeat([0, 1], 20)) > 0.9


def test_doubtful_boundary_has_less_confidence():
    signals, _ = signals_of([0, 1, 2], noise=0.3)
    rng = np.random.default_rng(1)
    noise = rng.normal(size=signals.shape)
    signals[:, :30] = noise[:, :30]  # nothing tells the first two actions apart
    found = cut(signals, 3, np.random.RandomState(0), recurring=False)
    clear = found.boundaries == 30
    assert found.confidence[clear] == 1
    assert (found.confidence[~clear] < 0.8).all()


@pytest.mark.parametrize(("off", "confidence"), [(2, 1.0), (4, 1.0), (6, 0.5)])
def test_boundaries_within_two_percent_of_the_timeline_are_the_same(off, confidence):
    drawn = np.repeat([[0, 1]] * 4, 100, axis=1)
    drawn[0] = np.roll(drawn[0], off) | (np.arange(200) > 150)
    drawn[0, :50] = 0
    drawn[1] = np.arange(200) >= 100 - off
    found = _cut._agree(drawn, 2, False)
    assert_array_equal(found.boundaries, [100])
    assert_array_equal(found.confidence, [confidence])


def test_features_that_do_not_vary_count_for_nothing():
    signals, _ = signals_of([0, 1, 2])
    constant = np.full((*signals.shape[:2], 1), 3.0)
    constant += 1e-6 * np.random.default_rng(0).normal(size=constant.shape)
    both = np.concatenate([signals, constant], axis=2)
    one, two = (cut(s, 3, np.random.RandomState(0)).actions for s in (signals, both))
    assert_array_equal(one, two)


def test_shares_are_distributions_that_favour_the_action():
    signals, _ = signals_of([0, 1, 2, 3], noise=6.0, length=8)
    found = cut(signals, 4, np.random.RandomState(0))
    assert_allclose(found.shares.sum(axis=1), 1)
    assert (found.shares.argmax(axis=1) == found.actions).mean() > 0.9


@pytest.mark.parametrize(("n_actions", "expected"), [(3, 3), (4, 4), (6, 4)])
def test_positions_that_are_equally_far_apart_are_joined_one_pair_at_a_time(
    n_actions, expected
):
    drawn = np.array([[0, 0, 0, 1, 2], [0, 1, 1, 2, 2]])
    found = _cut._agree(drawn, n_actions, False)
    assert found.actions.max() + 1 == expected
    assert found.shares.shape == (5, n_actions)


@pytest.mark.parametrize("n_actions", [1, 4, 10])
def test_frames_that_do_not_differ_are_cut_into_equal_parts(n_actions):
    found = cut(np.ones((3, 10, 2)), n_actions, np.random.RandomState(0))
    assert_array_equal(found.actions, np.arange(10) * n_actions // 10)
    assert found.shares.shape == (10, n_actions)
