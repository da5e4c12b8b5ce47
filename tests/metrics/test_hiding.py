"""Labels that are hidden from a fit."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skvas.exceptions import InvalidParameterError
from skvas.metrics import hide_labels

Y = [np.repeat(["a", "b", "a"], [3, 4, 2 + i]) for i in range(6)]


@pytest.mark.parametrize(
    ("y", "reason"),
    [
        (None, "got a NoneType"),
        ([0, 0, 1], "video 0, got 0"),
        ([{3: "a"}, ["a", "b"]], "frame_labels spells labels out"),
        ([[(0, 3, "a")]], "frame_labels spells labels out"),
    ],
)
def test_labels_that_are_no_arrays_are_refused(y, reason):
    with pytest.raises(TypeError, match=reason):
        hide_labels(y)


def test_frames_without_a_label_are_no_timestamps():
    y = [np.repeat([-1, 0, 1], 10), np.repeat(["", "a", "b"], 10)]
    for seed in range(5):
        number, text = hide_labels(y, keep=2, timestamps=True, random_state=seed)
        assert (*number.values(),) == (0, 1)
        assert (*text.values(),) == ("a", "b")


def test_number_of_videos_keep_their_labels():
    found = hide_labels(Y, keep=2, random_state=0)
    kept = [i for i, labels in enumerate(found) if labels is not None]
    assert len(kept) == 2
    for i in kept:
        assert_array_equal(found[i], Y[i])
    assert sum(labels is not None for labels in hide_labels(Y, keep=0.5)) == 3
    assert sum(labels is not None for labels in hide_labels(Y, keep=0.01)) == 1


def test_named_videos_keep_their_labels():
    found = hide_labels(Y, keep=np.array([4, 1]))
    assert [i for i, labels in enumerate(found) if labels is not None] == [1, 4]


def test_draws_follow_the_random_state():
    def drawn(seed):
        found = hide_labels(Y, keep=1, timestamps=True, random_state=seed)
        return [None if labels is None else dict(labels) for labels in found]

    assert drawn(3) == drawn(3)
    assert len({str(drawn(seed)) for seed in range(9)}) > 1


def test_timestamps_are_one_frame_of_each_segment():
    (stamps,) = hide_labels(Y[:1], timestamps=True, random_state=1)
    first, second, third = sorted(stamps)
    assert first < 3 <= second < 7 <= third < 9
    assert [stamps[frame] for frame in (first, second, third)] == ["a", "b", "a"]


def test_videos_without_labels_stay_so_and_are_not_drawn():
    y = [None, *Y[1:3], None, Y[4], None]
    for seed in range(9):
        found = hide_labels(y, keep=2, random_state=seed)
        kept = [i for i, labels in enumerate(found) if labels is not None]
        assert len(kept) == 2
        assert {*kept} < {1, 2, 4}
        (stamps,) = filter(None, hide_labels(y, timestamps=True, random_state=seed))
        assert len(stamps) == 3
    assert sum(labels is not None for labels in hide_labels(y, keep=0.67)) == 2
    assert sum(labels is not None for labels in hide_labels(y, keep=0.6)) == 2
    found = hide_labels(y, keep=[0, 2])
    assert found[0] is None
    assert_array_equal(found[2], Y[2])
    with pytest.raises(InvalidParameterError, match="from 1 to 3"):
        hide_labels(y, keep=4)
    with pytest.raises(ValueError, match="labels of no video"):
        hide_labels([None, None])
    with pytest.raises(ValueError, match="labels of no video"):
        hide_labels([[-1, -1], None])


@pytest.mark.parametrize("none", [None, float("nan"), -1, -1.0, ""])
def test_frames_without_a_label_stay_so(none):
    y = [[none, none], ["a", none]]
    for seed in range(4):
        first, second = hide_labels(y, keep=1, random_state=seed)
        assert first is None
        assert second.tolist() in (["a", -1], ["a", ""])
    assert hide_labels(y, keep=[1], timestamps=True, random_state=0)[1] == {0: "a"}


def test_masked_frames_have_no_label():
    given = np.ma.masked_array([3, 3, 5, 5], [False, False, False, True])
    (found,) = hide_labels([given])
    assert found.tolist() == [3, 3, 5, -1]
    (stamps,) = hide_labels([given], timestamps=True, random_state=0)
    assert sorted(stamps.values()) == [3, 5]
    assert 3 not in stamps


def test_labels_are_copied():
    found = hide_labels(Y, keep=[0])
    found[0][0] = "z"
    assert Y[0][0] == "a"


MASK = [False, True, False, False, True, False]


@pytest.mark.parametrize(
    "keep",
    [0, 7, -1, 1.5, 0.0, "all", True, [], [6], [0.5], [1.0], MASK, np.array(MASK)],
)
def test_odd_numbers_of_videos_are_refused(keep):
    with pytest.raises(InvalidParameterError, match="^keep must be"):
        hide_labels(Y, keep=keep)


def test_positions_name_a_video_with_labels():
    with pytest.raises(InvalidParameterError, match="one of them with labels"):
        hide_labels([None, *Y], keep=[0])
