import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from skvas import Alignment
from skvas._alignment import make_alignment


def alignment(matches_x, matches_y):
    n, m = len(matches_x), len(matches_y)
    return Alignment(
        np.array(matches_x),
        np.array(matches_y),
        np.zeros((n, m)),
        np.zeros(n),
        np.zeros(m),
        0.0,
        "plan",
    )


@pytest.fixture
def partly():
    """Frames 1 and 2 of x, and frame 0 of y, are background."""
    return alignment([2, -1, -1, 1], [-1, 3, 0])


def test_warp_takes_the_entry_of_the_matched_frame(partly):
    assert_array_equal(partly.warp([10, 11, 12], fill=-1), [12, -1, -1, 11])
    assert_array_equal(partly.warp(list("abcd"), onto="y", fill="-"), ["-", "d", "a"])


def test_background_takes_the_nearest_matched_frame_the_earlier_of_two(partly):
    assert_array_equal(partly.warp([10, 11, 12]), [12, 12, 11, 11])
    middle = alignment([0, -1, 1], [0, 2])
    assert_array_equal(middle.warp(["a", "b"]), ["a", "a", "b"])


def test_images_are_warped_whole_and_keep_their_type(partly):
    frames = np.arange(24, dtype=np.uint8).reshape(3, 2, 2, 2)
    warped = partly.warp(frames)
    assert warped.dtype == np.uint8
    assert_array_equal(warped, frames[[2, 2, 1, 1]])


def test_type_makes_room_for_what_is_filled_in(partly):
    numbers = partly.warp([10, 11, 12], fill=np.nan)
    assert_array_equal(numbers, [12.0, np.nan, np.nan, 11.0])
    names = partly.warp(["a", "b", "c"], fill="background")
    assert_array_equal(names, ["c", "background", "background", "b"])


def test_array_of_another_length_is_refused(partly):
    with pytest.raises(ValueError, match="each of the 3 frames of y.*got shape"):
        partly.warp([1, 2, 3, 4])
    with pytest.raises(ValueError, match="each of the 4 frames of x"):
        partly.warp([1, 2, 3], onto="y")
    with pytest.raises(ValueError, match="onto must be one of"):
        partly.warp([1, 2, 3], onto="z")


def test_nothing_matched_needs_a_fill():
    nothing = alignment([-1, -1], [-1])
    with pytest.raises(ValueError, match="No frame is matched"):
        nothing.warp([5])
    assert_array_equal(nothing.warp([5], fill=0), [0, 0])


@given(st.lists(st.integers(-1, 3), min_size=1, max_size=9))
def test_nearest_is_what_a_plain_search_finds(matches):
    found = alignment(matches, [-1] * 4)
    matched = [i for i, j in enumerate(matches) if j >= 0]
    if matched:
        nearest = [min(matched, key=lambda i: abs(i - k)) for k in range(len(matches))]  # noqa: B023
        assert_array_equal(found.warp(range(4)), [matches[i] for i in nearest])


def test_video_warped_onto_itself_is_itself():
    cost = 1.0 - np.eye(5)
    plan = np.pad(np.eye(5) / 6, ((1, 0), (1, 0)))
    found = make_alignment(plan, cost, 0.0, "monotone")
    signal = np.arange(5) ** 2
    assert_array_equal(found.warp(signal), signal)
    assert_array_equal(found.warp(signal, onto="y"), signal)
