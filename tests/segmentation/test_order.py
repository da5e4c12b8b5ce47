"""Whether videos keep the order of their timeline."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from skvas.labels._reading import PartialLabels
from skvas.segmentation import _order
from skvas.segmentation._labeller import TimelineLabeller
from skvas.segmentation._named import Settled
from skvas.segmentation._order import (
    Told,
    are_loose,
    are_rounds,
    are_some,
    carries_labels,
    explained,
    keeps_order,
    known_again,
    segments_an_action,
    share_of_returns,
    share_of_same_next,
)
from skvas.timeline import BlockOrder
from skvas.videos._views import Views

ORDER = np.repeat([0, 1, 2], 20)
CENTRES = np.array([[3.0, 0.0], [0.0, 3.0], [-3.0, -3.0], [0.0, 0.0]])
SWAPPED = [ORDER, ORDER[::-1], np.roll(ORDER, 20), ORDER, ORDER[::-1], ORDER]
COMES = np.random.RandomState(0).randint(2, size=(6, 12)).repeat(5, axis=1)
FLICKER = [np.where(comes == 1, 2 - ORDER, ORDER) for comes in COMES]
ONE_WRONG = [ORDER, ORDER, *SWAPPED[2:]]
# Two actions come back, in most videos.
TWICE, ONCE = np.repeat([0, 1, 0, 1, 2, 3], 10), np.repeat([0, 1, 2, 3], 15)
BACK = [TWICE, TWICE[::-1], np.roll(TWICE, 20), TWICE, ONCE, ONCE[::-1]]
BACK_WRONG = [BACK[0], BACK[2], *BACK[2:]]
# Three of four actions in each video, and in most of them.
SOME = [np.roll(np.arange(4), shift)[:3].repeat(20) for shift in range(6)]
MOST = [ONCE, *SOME[1:]]
FIRST_GIVEN = [ORDER, *[np.full(60, -1)] * 5]
YES, UNDECIDED = BlockOrder(0.5, 0.05, 6), BlockOrder(0.25, 0.05, 6)


def make(orders, *, noise=0.3, seed=0):
    """Make frames of actions that come in a given order in each video."""
    rng = np.random.RandomState(seed)
    return [CENTRES[order] + noise * rng.standard_normal((60, 2)) for order in orders]


def between_rests(orders):
    """Let the second half of each step be a rest."""
    return [np.where(np.arange(60) % 20 < 10, order, 3) for order in orders]


@pytest.fixture
def ask(monkeypatch):
    """Ask with labels that are known, of all videos or of some."""

    def ask(
        features, along, free, *, kept=None, chained=None, correlated=0.01, order=YES
    ):
        kept = range(len(free)) if kept is None else kept
        passages = [SimpleNamespace(positions=labels) for labels in along]
        timeline = SimpleNamespace(
            actions=lambda positions: positions,
            template=SimpleNamespace(passages=passages),
            order=order,
        )
        plans = SimpleNamespace(labels=lambda views: [free[i] for i in kept])
        labels = free if chained is None else chained
        chain = SimpleNamespace(chain=SimpleNamespace(correlated=correlated))

        def best_chain(*_):
            ask.n_chains += 1
            return chain, [labels[i] for i in kept]

        monkeypatch.setattr(_order, "best_chain", best_chain)
        views = Views(features, features, lambda x: x)
        every = np.arange(len(views.videos))
        return keeps_order(timeline, plans, plans, views, every)

    ask.n_chains = 0
    return ask


@pytest.mark.parametrize("noise", [2.2, 5])
def test_timeline_of_undecided_order_is_known_again_as_well(noise, ask):
    features = make(SWAPPED, noise=noise)
    known = known_again(features, SWAPPED)
    assert (known < 0.35) is (noise == 5)
    assert known_again(features, [ORDER] * 6) < 0.75 * known
    assert ask(features, SWAPPED, SWAPPED, order=UNDECIDED)
    assert not ask(features, [ORDER] * 6, SWAPPED, correlated=0.08, order=UNDECIDED)
    assert ask(features, [ORDER] * 6, SWAPPED, correlated=0.08)
    assert not ask(make(SWAPPED), [ORDER] * 6, SWAPPED, order=UNDECIDED)
    nothing = [np.zeros(60, int)] * 6  # is known
    assert ask(features, [ORDER] * 6, nothing, order=UNDECIDED)
    assert not ask(features, nothing, nothing, order=UNDECIDED)
    assert ask(features, nothing, nothing)


@pytest.mark.parametrize(("along", "free"), [(-0.01, -0.02), (-0.02, -0.01), (0, 0)])
def test_what_is_known_by_chance_keeps_no_timeline_of_undecided_order(
    along, free, ask, monkeypatch
):
    known = iter([free, along] * 2)
    monkeypatch.setattr(_order, "known_again", lambda *_: next(known))
    assert not ask(make(SWAPPED), SWAPPED, [ORDER] * 6, order=UNDECIDED)
    known = iter([along, free] * 2)
    assert not ask_of_labels(make(SWAPPED), SWAPPED, [ORDER] * 6, order=UNDECIDED)
    assert ask_of_labels(make(SWAPPED), SWAPPED, [ORDER] * 6)


def test_timeline_of_undecided_order_may_still_miss_rounds(ask):
    features = make(ROUNDS, noise=1.5)
    assert known_again(features, LATE) > 0.75 * known_again(features, ROUNDS)
    assert not ask(features, LATE, ROUNDS, correlated=0.08, order=UNDECIDED)


def test_explained_is_the_share_of_the_variance_between_labels():
    frames = [np.array([[0.0], [2.0]]), np.array([[10.0], [12.0]])]
    labels = [np.array([0, 0]), np.array([2, 2])]
    assert explained(frames, labels) == pytest.approx(100 / 104)
    assert explained(frames, [np.zeros(2, int)] * 2) == 0
    assert explained([np.ones((4, 2))], [np.array([0, 0, 1, 1])]) == 0


def test_actions_are_known_again_in_other_videos_or_are_of_one_video():
    features = make(SWAPPED)
    assert known_again(features, SWAPPED) > 0.9
    rng = np.random.RandomState(1)
    assert known_again(features, [rng.permutation(ORDER) for _ in SWAPPED]) < 0.1
    assert known_again(features, [np.zeros(60, int) for _ in SWAPPED]) == 0
    ours = [(labels + (i % 2)) % 3 for i, labels in enumerate(SWAPPED)]
    rare = [np.where(np.arange(60) == 7, 3, SWAPPED[0]), *SWAPPED[1:]]
    assert known_again(features, rare) > 0.9  # an action of one frame is not learned
    merged = [np.where(labels == i % 2, 2, 0) for i, labels in enumerate(SWAPPED)]
    assert known_again(features, ours) > 0.9  # other names, the same actions
    assert known_again(features, merged) < 0.5  # each half knows its own alone


def test_order_is_kept_where_the_chain_explains_no_more(ask):
    assert ask(make([ORDER] * 6), [ORDER] * 6, [ORDER] * 6)
    assert ask(make(SWAPPED), SWAPPED, SWAPPED, chained=[ORDER] * 6)
    nearly = [np.where(np.arange(60) == 20, 0, labels) for labels in SWAPPED]
    assert explained(make(SWAPPED), nearly) / explained(make(SWAPPED), SWAPPED) > 0.95
    assert ask(make(SWAPPED), nearly, SWAPPED)


def test_no_chain_is_learned_where_the_timeline_tells_as_much_as_plans(ask):
    for noise in (0.3, 1.0):  # of which labels explain nearly all, or less
        assert ask(make(SWAPPED, noise=noise), SWAPPED, SWAPPED)
    assert ask.n_chains == 0
    late = [np.roll(ORDER, i % 2) for i in range(6)]
    ask(make([ORDER] * 6), late, [ORDER] * 6)
    assert ask.n_chains == 1


def test_a_chain_is_learned_where_the_timeline_is_known_again_but_explains_less(ask):
    features, merged = make(SWAPPED), [np.minimum(labels, 1) for labels in SWAPPED]
    assert known_again(features, merged) > known_again(features, SWAPPED) - 0.01
    assert explained(features, merged) < 0.9 * explained(features, SWAPPED)
    ask(features, merged, SWAPPED)
    assert ask.n_chains == 1


def test_a_chain_is_learned_where_the_timeline_explains_as_much_by_chance(ask):
    rng = np.random.RandomState(0)
    features = make(SWAPPED)
    split = [2 * labels + rng.randint(2, size=60) for labels in SWAPPED]
    assert explained(features, split) > explained(features, SWAPPED)
    assert known_again(features, split) < 0.9 * known_again(features, SWAPPED)
    ask(features, split, SWAPPED)
    assert ask.n_chains == 1


def test_order_is_not_kept_where_videos_swap_their_steps(ask):
    assert not ask(make(SWAPPED), [ORDER] * 6, SWAPPED)


def test_plans_are_not_believed_that_differ_from_video_to_video(ask):
    turned = [(labels + i) % 3 for i, labels in enumerate(SWAPPED)]
    assert known_again(make(SWAPPED), turned) < 0.65
    assert ask(make(SWAPPED), [ORDER] * 6, turned, chained=SWAPPED)


@pytest.mark.parametrize(("noise", "low", "high"), [(2.2, 0.35, 0.65), (5, 0, 0.35)])
def test_noisy_timeline_is_left_if_its_actions_are_known_again_far_less(
    noise, low, high, ask
):
    features = make(SWAPPED, noise=noise)
    assert low < known_again(features, SWAPPED) < high
    assert known_again(features, [ORDER] * 6) < 0.75 * known_again(features, SWAPPED)
    assert ask(features, [ORDER] * 6, SWAPPED) is (low == 0)
    assert ask(features, [ORDER] * 6, SWAPPED, correlated=0.08)
    assert ask(features, SWAPPED, SWAPPED)


def test_noisy_actions_that_come_and_go_leave_no_timeline(ask):
    features = make(FLICKER, noise=2.2)
    assert 0.35 < known_again(features, FLICKER) < 0.65
    assert known_again(features, SWAPPED) < 0.2
    assert ask(features, SWAPPED, FLICKER)


def test_actions_that_come_and_go_have_to_be_known_again_surely(ask):
    assert segments_an_action(SWAPPED) == 1
    assert segments_an_action(FLICKER) > 1.35
    along = [ORDER, ORDER, *FLICKER[2:]]
    for noise, keeps in ((0.3, False), (1.5, True)):
        features = make(FLICKER, noise=noise)
        assert known_again(features, FLICKER) > 0.65
        assert (known_again(features, FLICKER) < 0.92) is keeps
        assert ask(features, along, FLICKER) is keeps


def test_frames_that_deviate_alike_have_to_be_known_again_surely(ask):
    assert segments_an_action(BACK) < 1.35
    for noise, keeps in ((0.3, False), (1.0, True)):
        features = make(BACK, noise=noise)
        assert known_again(features, BACK) > 0.65
        assert (known_again(features, BACK) < 0.92) is keeps
        assert not ask(features, BACK_WRONG, BACK)
        assert ask(features, BACK_WRONG, BACK, correlated=0.08) is keeps


@pytest.mark.parametrize(
    ("along", "keeps"), [(BACK[1:] + BACK[:1], False), (BACK_WRONG, True)]
)
def test_timeline_that_explains_next_to_nothing_is_left(along, keeps, ask):
    features = make(BACK, noise=1.0)
    share = explained(features, along) / explained(features, BACK)
    assert (share > 0.45) is keeps
    assert ask(features, along, BACK, correlated=0.08) is keeps


def test_timeline_is_left_where_it_misses_steps_between_rests(ask):
    steps, along = between_rests(SWAPPED), between_rests(ONE_WRONG)
    features = make(steps, noise=0.9)
    assert segments_an_action(steps) == 1.5
    assert segments_an_action(steps, rests=True) == 1
    assert 0.65 < known_again(features, steps) < 0.92
    assert known_again(features, along) < 0.75 * known_again(features, steps)
    assert explained(features, along) > 0.45 * explained(features, steps)
    assert not ask(features, along, steps, correlated=0.08)
    assert ask.n_chains == 0


@pytest.mark.parametrize(("blur", "far_less"), [(0.15, True), (0.2, False)])
def test_timeline_is_left_where_a_chain_tells_steps_that_plans_blur(
    blur, far_less, ask
):
    steps, along = between_rests(SWAPPED), between_rests([ORDER] * 6)
    features, rng = make(steps, noise=0.9), np.random.RandomState(0)
    blurred = [np.where(rng.uniform(size=60) < blur, 0, labels) for labels in steps]
    known, of_order = known_again(features, blurred), known_again(features, along)
    assert 0.35 < known < 0.65
    assert (of_order < 0.75 * known) is far_less
    assert explained(features, along) < 0.97 * explained(features, blurred)
    assert not ask(features, along, blurred, chained=steps, correlated=0.08)
    assert ask(features, along, blurred, correlated=0.08)


def test_timeline_is_kept_where_more_than_a_rest_comes_back(ask):
    twice = [np.where(np.arange(60) % 20 < 10, order, 2 - order) for order in SWAPPED]
    features = make(twice, noise=1.5)
    along = [twice[0], twice[3], *twice[2:]]
    assert known_again(features, along) < 0.75 * known_again(features, twice)
    assert 0.65 < known_again(features, twice) < 0.92
    assert segments_an_action(twice, rests=True) > 1.15
    assert ask(features, along, twice, correlated=0.08)


def rounds(n_rounds, order=(0, 1, 2)):
    return np.tile(order, n_rounds).repeat(60 // len(order) // n_rounds)


ROUNDS = [rounds(n) for n in (2, 4, 5, 2, 4, 5)]
BLOCKS = [
    np.repeat([*[0, 1] * n, *[2, 3] * n, *[4, 5] * n], 3) for n in (1, 2, 3, 1, 2, 3)
]
# .7 and .6 of the actions are followed by the one that mostly follows.
MOSTLY, MIXED = ([rounds(n), rounds(2, (0, 2, 1))] for n in (5, 3))
LATE = [ROUNDS[0], np.roll(ROUNDS[1], 2), *ROUNDS[2:]]


def test_rounds_are_told_by_what_follows():
    assert share_of_same_next(ROUNDS) == 1
    assert share_of_same_next(BLOCKS) == 27 / 33
    assert share_of_same_next([rounds(3), rounds(2, (0, 2, 1))]) == 8 / 13
    # What comes before 1, 2 and 3 is always the same, and what comes after 0 is not.
    assert share_of_same_next([np.array([0, 1, 0, 2, 0, 3])]) == 3 / 5
    assert share_of_same_next([rounds(5, (0, 1))]) == 0  # two can but take turns
    assert share_of_same_next([np.zeros(9, int)]) == 0


def test_returns_are_to_the_action_before():
    assert share_of_returns(ROUNDS) == 0
    assert share_of_returns([np.array([0, 0, 1, 0, 2, 0, 1]), np.zeros(9, int)]) == 0.5
    assert share_of_returns([np.zeros(9, int)]) == 0


def test_timeline_is_left_where_it_misses_rounds(ask):
    features = make(ROUNDS, noise=1.5)
    known = known_again(features, ROUNDS)
    assert 0.65 < known < 0.92
    assert 0.75 * known < known_again(features, LATE) < 0.95 * known
    share = explained(features, LATE) / explained(features, ROUNDS)
    assert 0.45 < share < 0.95
    assert segments_an_action(ROUNDS, rests=True) > 1.15
    assert not ask(features, LATE, ROUNDS, correlated=0.08)
    assert ask.n_chains == 0


def test_timeline_is_left_where_a_chain_tells_rounds_that_plans_blur(ask):
    features, rng = make(ROUNDS, noise=1.5), np.random.RandomState(0)
    blurred = [np.where(rng.uniform(size=60) < 0.08, 0, video) for video in ROUNDS]
    assert known_again(features, blurred) > 0.65
    assert share_of_same_next(blurred) < 0.85
    along = [np.roll(v, 3 * (i in (1, 3))) for i, v in enumerate(ROUNDS)]
    assert not ask(features, along, blurred, chained=ROUNDS, correlated=0.08)
    assert ask(features, along, blurred, correlated=0.08)


@pytest.mark.parametrize(
    ("labels", "theirs", "by_order", "expected"),
    [
        (ROUNDS, (0.7, 0.5), (0.66, 0.47), True),
        (BLOCKS, (0.7, 0.5), (0.5, 0.4), True),
        (ROUNDS, (0.6, 0.5), (0.3, 0.2), False),
        (ROUNDS, (0.7, 0.5), (0.67, 0.4), False),
        (ROUNDS, (0.7, 0.5), (0.5, 0.48), False),
        (SWAPPED, (0.7, 0.5), (0.3, 0.2), False),
        ([ONCE] * 6, (0.7, 0.5), (0.3, 0.2), False),
        (FLICKER, (0.7, 0.5), (0.3, 0.2), False),
        (MOSTLY, (0.7, 0.5), (0.52, 0.37), True),
        (MOSTLY, (0.7, 0.5), (0.53, 0.37), False),
        (MOSTLY, (0.7, 0.5), (0.52, 0.38), False),
        (MIXED, (0.7, 0.5), (0.3, 0.2), False),
    ],
)
def test_rounds_are_known_better_and_follow_each_other(
    labels, theirs, by_order, expected
):
    assert share_of_same_next([ONCE] * 6) == 1
    assert share_of_same_next(FLICKER) > 0.7
    assert share_of_returns(FLICKER) > 0.25
    assert share_of_same_next(MIXED) < 0.7 < share_of_same_next(MOSTLY) < 0.8
    assert are_rounds(labels, Told(*theirs), Told(*by_order)) is expected


@pytest.mark.parametrize(
    ("labels", "theirs", "by_order", "expected"),
    [
        (SWAPPED, (0.7, 0.5), (0.66, 0.47), True),
        (SWAPPED, (0.69, 0.5), (0.3, 0.2), False),
        (SWAPPED, (0.7, 0.5), (0.67, 0.47), False),
        (SWAPPED, (0.7, 0.5), (0.66, 0.48), False),
        ([ONCE] * 6, (0.9, 0.5), (0.3, 0.2), False),
        ([ORDER] * 6, (0.9, 0.5), (0.3, 0.2), False),  # next to two alone there is one
        (BACK, (0.9, 0.5), (0.3, 0.2), False),
    ],
)
def test_steps_that_come_once_may_keep_no_order(labels, theirs, by_order, expected):
    assert 0 < share_of_same_next(SWAPPED) < 0.8
    assert share_of_same_next([ORDER] * 6) == 0
    assert 0 < share_of_same_next(BACK) < 0.8
    assert segments_an_action(BACK) > 1.15
    assert are_loose(labels, Told(*theirs), Told(*by_order)) is expected


@pytest.mark.parametrize(
    ("labels", "theirs", "by_order", "expected"),
    [
        (SOME, (0.7, 0.5), (0.52, 0.37), True),
        (SOME, (0.64, 0.5), (0.3, 0.2), False),
        (SOME, (0.7, 0.5), (0.53, 0.37), False),
        (SOME, (0.7, 0.5), (0.52, 0.38), False),
        (MOST, (0.7, 0.5), (0.52, 0.37), False),
    ],
)
def test_each_video_may_have_some_actions_only(labels, theirs, by_order, expected):
    assert are_some(labels, Told(*theirs), Told(*by_order)) is expected


def test_timeline_is_left_where_a_chain_finds_some_actions_in_each_video(
    ask, monkeypatch
):
    features, given = make(SWAPPED, noise=2.2), []
    assert ask(features, [ORDER] * 6, SWAPPED, chained=BACK, correlated=0.08)
    monkeypatch.setattr(_order, "are_some", lambda *told: given.append(told) or True)
    assert not ask(features, [ORDER] * 6, SWAPPED, chained=BACK, correlated=0.08)
    [(labels, theirs, by_order)] = given
    assert labels == BACK
    assert theirs.known == max(known_again(features, BACK), 0)
    assert by_order.explained == explained(features, [ORDER] * 6)


def test_plans_alone_say_that_an_order_is_loose(ask):
    features = make(SWAPPED, noise=1.4)
    late = [np.roll(labels, 2 * (i in (1, 2))) for i, labels in enumerate(SWAPPED)]
    known = known_again(features, SWAPPED)
    assert 0.7 < known < 0.92
    assert 0.85 * known < known_again(features, late) < 0.95 * known
    share = explained(features, late) / explained(features, SWAPPED)
    assert 0.45 < share < 0.95
    assert not ask(features, late, SWAPPED, correlated=0.08)
    assert ask.n_chains == 0
    assert ask(features, late, late, chained=SWAPPED, correlated=0.08)


def test_of_many_videos_the_same_sample_is_labelled_both_ways(ask, monkeypatch):
    chosen = np.array([1, 2, 4])
    monkeypatch.setattr(_order, "sample_videos", lambda n: chosen)
    assert ask(make(SWAPPED), SWAPPED, SWAPPED, kept=chosen)


def ask_of_labels(
    features, carried, compared, *, scores=(None, None), order=YES, given=FIRST_GIVEN
):
    """Ask whether labels may be carried, of two ways that each found some."""
    timeline = TimelineLabeller(SimpleNamespace(order=order), None)
    ways = [
        Settled(base, None, np.arange(3), labels, None, score=score)
        for base, labels, score in zip(
            (timeline, None), (carried, compared), scores, strict=True
        )
    ]
    labels = PartialLabels(np.arange(3), given, [False] * 6)
    views = Views(features, features, lambda x: x)
    return carries_labels(*ways, labels, views, np.arange(6))


def test_hidden_labels_tell_whether_a_timeline_carries_them():
    features = make(SWAPPED)
    assert ask_of_labels(features, [ORDER] * 6, SWAPPED, scores=(0.6, 0.5))
    assert ask_of_labels(features, [ORDER] * 6, SWAPPED, scores=(0.5, 0.5))
    assert not ask_of_labels(features, SWAPPED, [ORDER] * 6, scores=(0.5, 0.6))


@pytest.mark.parametrize(("noise", "carries"), [(2.2, True), (1.5, False)])
def test_labels_that_are_known_again_as_well_are_carried(noise, carries):
    features = make(SWAPPED, noise=noise)
    nearly = [np.where(np.arange(60) == 20, 0, labels) for labels in SWAPPED]
    known = known_again(features, SWAPPED)
    assert known_again(features, nearly) > 0.9 * known
    assert (known < 0.8) is carries
    assert ask_of_labels(features, nearly, SWAPPED) is carries
    assert known_again(features, [ORDER] * 6) < 0.75 * known
    assert not ask_of_labels(features, [ORDER] * 6, SWAPPED)


@pytest.mark.parametrize(
    ("noise", "blur", "carries"),
    [(2.2, 0.2, True), (2.2, 0.4, False), (1.7, 0.2, False)],
)
def test_undecided_order_carries_labels_that_are_known_again_half_as_well(
    noise, blur, carries
):
    features, rng = make(SWAPPED, noise=noise), np.random.RandomState(0)
    blurred = [np.where(rng.uniform(size=60) < blur, 0, v) for v in SWAPPED]
    known = known_again(features, SWAPPED)
    assert (known < 0.65) is (noise == 2.2)
    assert known < 0.8
    share = known_again(features, blurred) / known
    assert share < 0.75
    assert (share > 0.45) is (blur == 0.2)
    assert ask_of_labels(features, blurred, SWAPPED, order=UNDECIDED) is carries
    assert not ask_of_labels(features, blurred, SWAPPED)


@pytest.mark.parametrize(
    ("value", "carries"), [(0.5, False), (0.82, False), (0.85, True)]
)
def test_order_that_looks_contradict_carries_labels(value, carries):
    features, order = make(SWAPPED), BlockOrder(value, 0.02, 6)
    every_third = np.arange(60) % 3 == 0
    places = [
        np.where(every_third, (SWAPPED[i] + 1 + i % 2) % 3, SWAPPED[i])
        for i in range(6)
    ]
    agreement = np.mean([a == b for a, b in zip(places[1:], SWAPPED[1:], strict=True)])
    assert agreement == pytest.approx(2 / 3)
    assert known_again(features, places) < 0.75 * known_again(features, SWAPPED)
    assert ask_of_labels(features, places, SWAPPED, order=order) is carries


def test_given_labels_say_nothing_of_others():
    features = make(SWAPPED, noise=2.2)
    half = [SWAPPED[0], SWAPPED[1], *[np.full(60, -1)] * 4]
    wrong = [*SWAPPED[:2], *[np.roll(ORDER, 7 * i) for i in range(4)]]
    loose = BlockOrder(0.3, 0.02, 6)
    assert not ask_of_labels(features, wrong, SWAPPED, order=loose, given=half)
    most = [*SWAPPED[:5], np.full(60, -1)]
    assert not ask_of_labels(features, SWAPPED, SWAPPED, given=most)  # one is left
