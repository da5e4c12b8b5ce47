from __future__ import annotations

import numpy as np
import pytest

from skvas.live import LiveWarning
from skvas.live._habits import ALWAYS, EVIDENCE, KINDS, Habits, Monitor

STEPS = [np.repeat([0, 1, 2], [10, 20, 10]), np.repeat([0, 1, 2], [14, 16, 10])]


def watch(monitor, order, *, distance=1.0, evidence=np.inf):
    """Show one-hot steps, each for some frames; return the warnings with frames."""
    told, frame = [], 0
    for step, n_frames in order:
        for _ in range(n_frames):
            shares = np.eye(len(monitor.done))[step]
            told += [
                (frame, *w) for w in monitor.watch(frame, shares, distance, evidence)
            ]
            frame += 1
    return told


def monitor(habits=None):
    return Monitor(habits or Habits.of_steps(STEPS, 3, 1.2), 0.2)


def test_usual_recording_gives_no_warning():
    assert watch(monitor(), [(0, 12), (1, 18), (2, 12)]) == []


def test_step_is_skipped_once_a_later_one_is_confirmed():
    assert watch(monitor(), [(0, 12), (2, 12)]) == [(17, "skipped", 1)]


def test_jump_needs_evidence_for_each_step_that_it_passes_over():
    usual = [(0, 12), (1, 18), (2, 12)]
    assert watch(monitor(), usual, evidence=-1.0) == []
    for order in ([(0, 12), (2, 12)], [(0, 12), (1, 18), (0, 12)], [(1, 18)]):
        assert watch(monitor(), order, evidence=0.9 * EVIDENCE) == []
        assert len(watch(monitor(), order, evidence=1.1 * EVIDENCE)) == 1
    assert watch(monitor(), [(2, 12)], evidence=1.9 * EVIDENCE) == []
    assert len(watch(monitor(), [(2, 12)], evidence=2.1 * EVIDENCE)) == 2


def test_step_that_was_passed_quickly_is_skipped_and_one_begun_is_not():
    assert watch(monitor(), [(0, 12), (1, 7), (2, 12)]) == [(24, "skipped", 1)]
    assert watch(monitor(), [(0, 12), (1, 9), (2, 12)]) == []


def test_step_that_comes_again_is_repeated_and_a_late_one_is_out_of_order():
    again = watch(monitor(), [(0, 12), (1, 18), (0, 12)])
    assert [w[1:] for w in again] == [("repeated", 0)]
    late = watch(monitor(), [(0, 12), (2, 10), (1, 18)])
    assert [w[1:] for w in late] == [("skipped", 1), ("out of order", 1)]


def test_brief_doubt_is_no_step():
    assert watch(monitor(), [(0, 12), (2, 5), (0, 2), (1, 18), (2, 10)]) == []


def test_step_takes_too_long_at_one_and_a_half_times_the_longest():
    assert watch(monitor(), [(0, 40)]) == [(21, "too long", 0)]


def test_strange_frames_are_told_once_and_again_after_familiar_ones():
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


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_warning_has_words(kind):
    assert str(LiveWarning(kind, 5, 2)).endswith("(frame 5)")
