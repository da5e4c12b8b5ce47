"""Collections of a robot's recordings, by a robot that is a number."""

import sys

import numpy as np
import pytest

from benchmarks import robots


class Line:
    """An arm on a line, which is done beyond 3."""

    def reset(self):
        self.place = np.zeros(robots.N_NUMBERS + 3)
        return self.place.copy(), {}

    def step(self, action):
        assert np.abs(action).max() <= 1
        self.place[:3] += 0.1 * action[:3]
        return self.place.copy(), 0.0, False, False, {"success": self.place[0] > 3}


class Policy:
    def get_action(self, observation):
        return np.append(self._desired_pos(observation), 0.0)

    @staticmethod
    def _desired_pos(observation):
        if observation[0] < 1:
            return np.array([2.0, 0, 0])
        if observation[0] < 2:
            return np.array([1.0, 0, 0])
        return np.array([0.5, 0, 0])


def test_steps_are_the_branches_that_a_policy_takes():
    recordings = robots._tidy(robots.record(Line(), Policy()))
    assert len(recordings) == robots.N_RECORDINGS
    for frames, steps in recordings:
        assert frames.shape == (len(steps), robots.N_NUMBERS)
        assert set(steps.tolist()) == {0, 1, 2}
        expected = np.digitize(frames[:, 0], [1, 2])
        assert (steps == expected).mean() > 0.9


def test_tracing_is_as_it_was():
    before = sys.gettrace()
    robots._decide(Policy(), np.zeros(20))
    assert sys.gettrace() is before


@pytest.fixture(scope="module")
def tasks():
    rng = np.random.RandomState(0)
    steps = np.repeat([0, 1, 2], 10)
    frames = [rng.normal(size=(30, robots.N_NUMBERS)) for _ in range(8)]
    return {
        f"task {k}": [(x.astype(np.float32), steps) for x in frames] for k in "abcdefg"
    }


@pytest.mark.parametrize("kind", robots.KINDS)
def test_each_frame_has_a_label_and_each_action_frames(kind, tasks):
    videos, labels, n_actions = robots.collect(tasks, kind, 0)
    assert len(videos) == 8
    assert [*map(len, videos)] == [*map(len, labels)]
    assert {*np.concatenate(labels).tolist()} == {*range(n_actions)}
    width = {"arm": 4, "network": 64, "row, network": 64}.get(kind, 18)
    assert {video.shape[1] for video in videos} == {width}
    again, _, _ = robots.collect(tasks, kind, 0)
    assert all((a == b).all() for a, b in zip(videos, again, strict=True))


def test_tasks_come_in_one_order_or_in_any(tasks):
    def orders(kind):
        _, labels, _ = robots.collect(tasks, kind, 1)
        return {tuple(codes[::30].tolist()) for codes in labels}

    assert len(orders("row")) == 1
    assert len(orders("any order")) > 1
