from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from skvas.live import LiveWarning
from skvas.live._habits import LATER, MESSAGES, Habits, Monitor

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


def test_frames_tell_of_steps_again_soon_after_the_strangest():
    watched = monitor()
    watch(watched, [(0, 12)])
    watch(watched, [(0, 1)], distance=1e9)
    assert watched.is_alien
    watch(watched, [(1, 4)])
    assert not watched.is_alien


def test_strange_frames_interrupt_a_recording_for_no_longer_than_it_was():
    watched = monitor()
    watch(watched, [(0, 12)])
    assert not watched.is_interrupted
    watch(watched, [(0, 12)], distance=1e9)
    assert watched.is_interrupted
    watch(watched, [(0, 1)], distance=1e9)
    assert watched.is_alien
    assert not watched.is_interrupted


def test_frames_that_are_somewhat_strange_end_no_stretch_of_strange_ones():
    watched = monitor()
    assert [w[1] for w in watch(watched, [(0, 9)], distance=9.0)] == ["unfamiliar"]
    watch(watched, [(0, 9), (1, 9)], distance=1.8)  # between once and twice 1.2
    assert watch(watched, [(1, 4)], distance=9.0) == []


def of_orders(*orders, n_actions=5):
    """Learn from orders of actions, of which each takes ten frames."""
    labels = [np.repeat(order, 10) for order in orders]
    return Habits.of_actions(labels, n_actions, 1.2)


# Two of 22 recordings skip a step, and two swap some.
OFTEN = of_orders(
    *[[0, 1, 2, 3, 4]] * 18,
    [0, 2, 3, 4],
    [0, 1, 2, 4],
    [0, 2, 1, 3, 4],
    [0, 1, 3, 2, 4],
)


def said(order, habits=OFTEN):
    """Return what is said of actions of ten frames, without the frames."""
    told = watch(monitor(habits), [(step, 10) for step in order])
    return [w[1:] for w in told]


def test_usual_orders_of_actions_give_no_warning():
    assert not OFTEN.is_ordered
    assert said([0, 1, 2, 3, 4]) == []


def test_skipped_action_is_told_once_a_later_one_has_begun():
    assert said([0, 1, 3, 4]) == [("skipped", 2)]
    assert said([1, 2, 3, 4]) == [("skipped", 0)]
    told = watch(monitor(OFTEN), [(0, 10), (1, 10), (3, 10)])
    assert told == [(25, "skipped", 2)]


def test_swapped_action_is_told_and_not_the_one_after_it():
    assert said([0, 2, 1, 3, 4]) == [("skipped", 1), ("out of order", 1)]


def test_repeated_action_is_told_and_not_the_one_after_it():
    assert said([0, 1, 2, 1, 3, 4]) == [("repeated", 1)]


def test_action_that_comes_early_is_told_and_not_those_that_it_passes():
    assert said([0, 3, 1, 2, 4]) == [("out of order", 3)]
    assert said([0, 3, 4]) == [("skipped", 1), ("skipped", 2)]  # once there are two


def lacking(order, habits=OFTEN):
    watched = monitor(habits)
    watch(watched, [(step, 10) for step in order])
    return watched.missing()


def test_last_actions_that_never_began_are_missing():
    assert lacking([0, 1, 2, 3, 4]) == []
    assert lacking([0, 1, 2]) == [3, 4]
    assert lacking([0, 1, 3]) == [4]  # 2 was told as skipped
    assert lacking([0, 4]) == [1, 2, 3]  # in doubt up to now
    assert lacking([3, 4]) == []
    assert lacking([2, 3]) == [4]
    assert lacking([]) == []
    assert lacking([0, 1, 2], replace(OFTEN, had=None)) == []


@pytest.mark.parametrize(
    ("n_unseen", "n_left_out", "told"),
    [(5, 0, [3, 4]), (6, 0, [4]), (11, 0, [4]), (12, 0, []), (20, 8, []), (20, 9, [4])],
)
def test_last_actions_that_may_have_been_done_unseen_are_not_missing(
    n_unseen, n_left_out, told
):
    watched = monitor(OFTEN)
    watch(watched, [(0, 10), (1, 10), (2, 10)])
    for _ in range(n_unseen):
        watched.hold()
    assert watched.needed[3:].tolist() == [6, 6]
    assert watched.missing(n_left_out) == told


def test_last_actions_that_some_recordings_lack_are_not_missing():
    habits = of_orders(*[[0, 1, 2, 3, 4]] * 16, *[[0, 1, 2]] * 4)
    assert lacking([0, 1], habits) == [2]


def test_last_steps_that_never_began_are_missing():
    def habits(steps, **options):
        return Habits.of_steps(steps, 3, 1.2, **options)

    assert lacking([0, 1], habits(STEPS * 5)) == [2]
    assert lacking([1], habits(STEPS * 5)) == [2]
    assert lacking([0, 2], habits(STEPS * 5)) == []  # which the course tells
    assert lacking([0, 1], habits(STEPS)) == []  # of two recordings
    assert lacking([0, 1], habits(STEPS * 5, whole=0.7)) == []
    # A timeline is passed as a whole, but steps that are left out are short.
    short = [np.repeat([0, 1, 2], [10, 20, 1])] * 2
    assert lacking([0, 1], habits([*STEPS * 5, *short])) == []


def test_actions_before_a_recording_was_joined_are_not_skipped():
    assert said([2, 3, 4]) == []
    assert said([3, 4, 2]) == [("out of order", 2)]


def test_actions_unseen_before_the_first_one_are_not_skipped_later():
    watched = monitor(OFTEN)
    for _ in range(6):  # room for one of three
        watched.hold()
    assert watch(watched, [(3, 10), (4, 10)]) == []


def test_action_that_may_have_been_done_is_not_skipped():
    watched = monitor(OFTEN)
    assert watch(watched, [(0, 10), (1, 3), (0, 1), (1, 4), (2, 10)]) == []


@pytest.mark.parametrize(("n_unseen", "told"), [(2, ["skipped"]), (6, []), (60, [])])
def test_action_that_may_have_been_done_unseen_is_not_skipped(n_unseen, told):
    watched = monitor(OFTEN)
    watch(watched, [(0, 10), (1, 10)])
    for _ in range(n_unseen):
        watched.hold()
    assert [w[1] for w in watch(watched, [(3, 10), (4, 10)])] == told


@pytest.mark.parametrize(
    ("n_unseen", "told"), [(6, [("skipped", 3)]), (11, [("skipped", 3)]), (12, [])]
)
def test_actions_that_unseen_frames_have_no_room_for_are_skipped(n_unseen, told):
    watched = monitor(OFTEN)
    watch(watched, [(0, 10), (1, 10)])
    for _ in range(n_unseen):
        watched.hold()
    assert [w[1:] for w in watch(watched, [(4, 10)])] == told


def test_action_that_is_skipped_after_unseen_frames_is_told():
    watched = monitor(OFTEN)
    watch(watched, [(0, 10), (1, 5)])
    for _ in range(60):
        watched.hold()
    told = watch(watched, [(1, 5), (3, 10), (4, 10)])
    assert [w[1:] for w in told] == [("skipped", 2)]


def test_actions_in_any_order_are_only_told_the_second_time():
    habits = of_orders(*[np.random.default_rng(i).permutation(5) for i in range(20)])
    assert said([4, 2, 0, 3, 1], habits) == []
    assert said([4, 2, 3, 1], habits) == []
    assert said([4, 2, 0, 2, 3, 1], habits) == [("repeated", 2)]


def test_actions_that_come_back_are_told_of_by_nothing():
    orders = [np.random.default_rng(i).integers(0, 5, 30) for i in range(20)]
    assert said(orders[0], of_orders(*orders[1:])) == []


def test_habits_of_older_files_compare_neighbours_alone():
    unexpected = np.zeros((5, 5), dtype=bool)
    unexpected[1, 3] = True
    habits = replace(OFTEN, unexpected=unexpected, had=None)
    assert said([0, 1, 3, 4], habits) == [("out of order", 3)]
    assert said([0, 2, 1, 3, 4], habits) == [("out of order", 3)]


def test_monitors_of_older_files_go_on():
    watched = monitor(OFTEN)
    watch(watched, [(0, 10), (1, 10)])
    state = {name: now for name, now in watched.state().items() if name not in LATER}
    other = monitor(OFTEN)
    other.restore(state)
    assert watch(other, [(2, 10)]) == []
    assert watch(other, [(4, 10)]) == [(5, "skipped", 3)]


def test_warning_of_no_action_is_about_the_recording():
    said = str(LiveWarning("too long", 9))
    assert said == "the recording takes much longer than ever seen (frame 9)"


@pytest.mark.parametrize("kind", MESSAGES)
def test_each_kind_of_warning_has_words(kind):
    assert str(LiveWarning(kind, 5, 2)).endswith("(frame 5)")
