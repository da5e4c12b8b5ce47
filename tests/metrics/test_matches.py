"""Scores of matches."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skvas.metrics import label_agreement, matching_error


@given(st.data())
def test_agreement_is_counted_over_matched_frames_and_over_all(data):
    n, m = data.draw(st.integers(1, 9)), data.draw(st.integers(1, 9))
    x = data.draw(st.lists(st.sampled_from("ab"), min_size=n, max_size=n))
    y = data.draw(st.lists(st.sampled_from("ab"), min_size=m, max_size=m))
    matches = data.draw(st.lists(st.integers(-1, m - 1), min_size=n, max_size=n))
    result = label_agreement(matches, x, y)
    same = [x[i] == y[j] for i, j in enumerate(matches) if j >= 0]
    assert result.matched == len(same) / n
    assert result.agreement_of_all == sum(same) / n
    if same:
        assert result.agreement == sum(same) / len(same)
    else:
        assert np.isnan(result.agreement)


def test_error_is_the_mean_distance_where_both_sides_have_a_match():
    assert matching_error([0, 5, -1, 2, 9], [2, 4, 3, -1, 9]) == 1
    assert matching_error(np.uint8([0, 1]), np.uint8([3, 3])) == 2.5
    assert matching_error([4, 0], [0, 0]) == 2
    assert np.isnan(matching_error([-1, 0], [0, -1]))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (([0, 1, 2], "aab", "ab"), "got a str"),
        (([0, 1, 2], list("aab"), list("ab")), "frame 2, but labels_y has 2"),
        (([0, 1], list("aab"), list("ab")), "3 labels for 2"),
        (([0.0, 1.0], list("aa"), list("ab")), "integers"),
        (([0, -2], list("aa"), list("ab")), "-2; use -1"),
        (([], [], list("ab")), "non-empty"),
        (([0, 1], list("ab"), [0, 1]), "'a' and 0 are never equal"),
    ],
)
def test_matches_that_cannot_be_scored_are_refused(arguments, words):
    with pytest.raises((ValueError, TypeError), match=words):
        label_agreement(*arguments)


def test_a_video_without_frames_has_labels_of_any_kind():
    assert label_agreement([-1, -1], list("ab"), []).matched == 0


def test_truth_of_another_length_is_refused():
    with pytest.raises(ValueError, match="2 frames and true has 3"):
        matching_error([0, 1], [0, 1, 2])
