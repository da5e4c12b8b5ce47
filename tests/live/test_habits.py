from __future__ import annotations

import numpy as np
import pytest

from skvas.live import LiveWarning
from skvas.live._habits import ALWAYS, MESSAGES, Habits, Monitor

STEPS = [np.repeat([0, 1, 2], [10, 20, 10]), np.repeat([0, 1, 2], [14, 16, 10])]


def watch(monitor, order, *, distance=1.0):
    """Show one-hot steps, each for some frames; return the warnings with frames."""
    told, frame = [], 0
    for step, n_frames in order:
        for _ in range(n_frames):
            shares = np.eye(len(monitor.often))[step]
            told += [(frame, *w) for w in monitor.watch(shares, distance)]
            frame += 1
    return told


def monitor(habits=None):
    return Monitor(habits or Habits.of_steps(STEPS, 3, 1.2), 0.2)


def test_usual_recording_gives_no_warning():
    assert watch(monitor(), [(0, 12), (1, 18), (2, 12)]) == []


def test_step_is_the_current_one_after_a_share_of_its_shortest_duration():
    watched = monitor()
    watch(watched, [(0, 5)])
    assert watched.step == -1
    watch(watched, [(0, 1)])
    assert watched.step == 0


def test_brief_doubt_is_no_step():
    watched = monitor()
    watch(watched, [(0, 12), (2, 5), (0, 2)])
    assert watched.step == 0
    watched = monitor()
    watch(watched, [(0, 12), (2, 5), (0, 2), (1, 18)])
    assert watched.step == 1


def test_step_takes_too_long_at_one_and_a_half_times_the_longest():
    assert watch(monitor(), [(0, 40)]) == [(21, "too long", 0)]


def test_strange_frames_are_told_once_and_again_after_familiar_ones():
    watched = monitor()
    assert watch(watched, [(0, 12)], distance=2.3) == []
    watched = monitor()
    assert [w[1] for w in watch(watched, [(0, 9)], distance=9.0)] == ["unfamiliar"]
    assert watch(watched, [(0, 1)], distance=9.0) == []
    watch(watched, [(1, 18)], distance=0.9)
    assert [w[1] for w in watch(watched, [(1, 4)], distance=9.0)] == ["unfamiliar"]


def test_actions_in_any_order_that_come_once_are_warned_of_the_second_time():
    labels = [np.repeat(order, 10) for order in ([0, 1, 2], [2, 0, 1], [1, 2, 0])]
    habits = Habits.of_actions(labels, 3, 1.2)
    assert not habits.is_ordered
    told = watch(monitor(habits), [(0, 10), (1, 10), (0, 10)])
    assert ("repeated", 0) in [w[1:] for w in told]


def test_actions_that_often_come_back_are_never_repeated():
    habits = Habits.of_actions([np.repeat([0, 1, 0], 10)] * 3, 2, 1.2)
    assert (habits.most_often == ALWAYS).all()


def test_changes_are_unexpected_only_where_those_seen_are_likely_all():
    often = Habits.of_actions([np.repeat([0, 1, 2], 10)] * 5, 3, 1.2)
    assert often.unexpected[0, 2]
    assert not often.unexpected[0, 1]
    assert not often.unexpected[2].any()  # nothing is known of what follows
    once = Habits.of_actions([np.repeat([0, 1, 2], 10)], 3, 1.2)
    assert not once.unexpected.any()
    for n_others, is_known in ((5, False), (10, True)):
        orders = [[0, 2, 1], *[[0, 1, 2]] * n_others]  # two changes are seen once
        some = Habits.of_actions([np.repeat(order, 10) for order in orders], 3, 1.2)
        assert some.unexpected[1, 0] == is_known


def test_warning_of_no_action_is_about_the_recording():
    said = str(LiveWarning("too long", 9))
    assert said == "the recording takes much longer than ever seen (frame 9)"


@pytest.mark.parametrize("kind", MESSAGES)
def test_each_kind_of_warning_has_words(kind):
    assert str(LiveWarning(kind, 5, 2)).endswith("(frame 5)")
