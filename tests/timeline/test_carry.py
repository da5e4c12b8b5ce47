import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skvas.timeline._carry import check_partial_labels, label_shares

LENGTHS = [3, 2]


def test_codes_are_places_in_the_sorted_names():
    names, codes = check_partial_labels([["b", None, "a"], ["a", "a"]], LENGTHS)
    assert names.tolist() == ["a", "b"]
    assert [code.tolist() for code in codes] == [[1, -1, 0], [0, 0]]


@pytest.mark.parametrize(
    "y",
    [
        [[7, -1, 5], None],
        [np.array([7, np.nan, 5]), [-1, -1]],
        [[7, None, 5], np.full(2, np.nan)],
    ],
)
def test_missing_labels_have_three_names(y):
    names, codes = check_partial_labels(y, LENGTHS)
    assert names.tolist() == [5, 7]
    assert names.dtype.kind == "i"
    assert [code.tolist() for code in codes] == [[1, -1, 0], [-1, -1]]


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([[1, 2, 3]], "each of the 2 videos"),
        ([[1, 2, 3], [1]], "video 1: expected one label for each of the 2 frames"),
        ([None, [-1, -1]], "no label"),
    ],
)
def test_wrong_labels_are_refused_by_name(y, message):
    with pytest.raises(ValueError, match=message):
        check_partial_labels(y, LENGTHS)


def test_video_that_fits_badly_has_less_say():
    posterior = np.eye(2)
    shares = label_shares(
        [posterior, posterior],
        [np.zeros((2, 2)), np.full((2, 2), 0.5)],
        [np.array([0, 0]), np.array([1, 1])],
        2,
    )
    assert (shares[:, 0] > 0.9).all()
    assert_allclose(shares.sum(axis=1), 1)


def test_long_video_has_one_vote():
    long = np.repeat(np.eye(2), [10, 10], axis=0)
    shares = label_shares(
        [np.eye(2), np.eye(2), long],
        [np.zeros((2, 2)), np.zeros((2, 2)), np.zeros((20, 2))],
        [np.array([0, 0])] * 2 + [np.ones(20, dtype=int)],
        2,
    )
    assert_allclose(shares, [[2 / 3, 1 / 3]] * 2)


def test_positions_without_labels_have_those_of_the_nearest():
    shares = label_shares(
        [np.eye(4)], [np.zeros((4, 4))], [np.array([0, -1, -1, 1])], 2
    )
    assert_array_equal(shares, np.eye(2)[[0, 0, 1, 1]])
