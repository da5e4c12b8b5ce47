"""From timestamps to segments."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skvas.labels._stamps import fill_between


def stepwise(lengths, rng, n_features=3):
    """Make frames of segments with means far apart, and the segment of each frame."""
    labels = np.repeat(np.arange(len(lengths)), lengths)
    means = 10 * rng.standard_normal((len(lengths), n_features))
    return means[labels] + rng.standard_normal((len(labels), n_features)), labels


def fill(frames, codes, sure):
    """Spread timestamps where all frames were found to show one action."""
    return fill_between(frames, codes, np.zeros(len(codes), dtype=int), sure)


def test_labels_spread_within_their_true_segments():
    frames, labels = stepwise([30, 11, 50, 20], np.random.default_rng(0))
    codes = np.full(len(labels), -1)
    for stamp in (29, 35, 42, 100):
        codes[stamp] = labels[stamp]
    filled = fill(frames, codes, 0.5)
    known = filled >= 0
    assert_array_equal(filled[known], labels[known])
    assert known.mean() > 0.5
    assert known[[0, -1]].all()  # the ends have one neighbour only


def test_all_frames_are_labelled_where_ends_are_sure():
    frames, labels = stepwise([30, 11, 50, 20], np.random.default_rng(0))
    codes = np.full(len(labels), -1)
    for stamp in (29, 35, 42, 100):
        codes[stamp] = labels[stamp]
    assert_array_equal(fill(frames, codes, 1.0), labels)


def test_boundary_is_that_of_least_squared_distance():
    rng = np.random.default_rng(0)
    codes = np.full(14, -1)
    codes[[2, 11]] = 0, 1
    for _ in range(10):
        frames = rng.standard_normal((14, 3))
        losses = [
            sum(part.var(axis=0).sum() * len(part) for part in np.split(frames, [stop]))
            for stop in range(3, 12)
        ]
        found = fill(frames, codes, 1.0)
        assert np.count_nonzero(found == 0) == 3 + np.argmin(losses)


def test_one_found_action_that_ends_between_stamps_is_where_a_segment_ends():
    frames, labels = stepwise([30, 11, 50, 20], np.random.default_rng(0))
    codes = np.full(len(labels), -1)
    codes[[10, 35, 60, 100]] = range(4)
    found = np.repeat([4, 2, 4, 7, 5], [25, 20, 40, 3, 23])  # two end in the last gap
    expected = np.repeat(range(4), [25, 20, 46, 20])
    assert_array_equal(fill_between(frames, codes, found, 1.0), expected)
    assert_array_equal(fill(frames, codes, 1.0), labels)


@pytest.mark.parametrize(("start", "end"), [(10, 17), (11, 11), (25, 25), (26, 17)])
def test_found_actions_end_between_stamps_or_elsewhere(start, end):
    frames, _ = stepwise([17, 13], np.random.default_rng(0))
    codes = np.full(30, -1)
    codes[[10, 25]] = 0, 1
    found = np.repeat([0, 1], [start, 30 - start])
    filled = fill_between(frames, codes, found, 1.0)
    assert_array_equal(filled, np.repeat([0, 1], [end, 30 - end]))


def test_share_of_the_way_from_a_stamp_to_the_end_of_its_segment_is_labelled():
    frames, _ = stepwise([10, 10], np.random.default_rng(0))
    codes = np.full(20, -1)
    codes[[2, 17]] = 0, 1
    expected = np.repeat([0, -1, 1], [6, 8, 6])  # 3 frames beyond each stamp
    assert_array_equal(fill(frames, codes, 0.5), expected)


def test_stamps_of_one_label_in_a_row_are_one_segment():
    frames, labels = stepwise([40, 40], np.random.default_rng(1))
    codes = np.full(80, -1)
    codes[[5, 30]], codes[60] = 0, 1
    filled = fill(frames, codes, 0.5)
    assert (filled[:31] == 0).all()
    assert (filled[filled >= 0] == labels[filled >= 0]).all()


def test_one_stamp_fills_the_video():
    codes = np.array([-1, -1, 4, -1])
    assert_array_equal(fill(np.zeros((4, 2)), codes, 0.5), [4] * 4)


def test_without_stamps_nothing_is_filled():
    codes = np.full(4, -1)
    assert_array_equal(fill(np.zeros((4, 2)), codes, 0.5), codes)


def test_neighbouring_stamps_keep_their_labels():
    codes = np.array([0, 1, 0, 1])
    assert_array_equal(fill(np.ones((4, 2)), codes, 0.5), codes)


def test_wide_frames_take_little_memory():
    frames, _ = stepwise([500, 500], np.random.default_rng(2), n_features=400)
    codes = np.full(1000, -1)
    codes[[10, 400, 990]] = 0, 1, 0
    tracemalloc.start()
    fill(frames, codes, 0.5)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5 * frames.nbytes


def test_long_gaps_are_searched_at_spread_places():
    frames, labels = stepwise([3000, 5000], np.random.default_rng(2))
    codes = np.full(8000, -1)
    codes[10], codes[7990] = 0, 1
    filled = fill(frames, codes, 0.5)
    wrong = (filled >= 0) & (filled != labels)
    assert not wrong.any()
