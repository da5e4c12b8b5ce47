from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skvas.live._usual import ALWAYS, Usual


def of_orders(*orders, n_actions=3, n_frames=10):
    labels = [np.repeat(order, n_frames) for order in orders]
    return Usual.of(labels, n_actions)


def test_order_is_that_of_most_recordings():
    usual = of_orders(*[[0, 1, 2]] * 19, [1, 0, 2])
    assert_array_equal(usual.earlier, np.triu(np.ones((3, 3), dtype=bool), 1))
    # One pair is swapped in a quarter of the recordings, and has no order.
    some = of_orders(*[[0, 1, 2]] * 15, *[[1, 0, 2]] * 5)
    assert not some.earlier[0, 1]
    assert some.earlier[0, 2]
    assert some.earlier[1, 2]


@pytest.mark.parametrize("n", [2, 3, 4, 5, 6, 8, 12, 30])
def test_actions_in_any_order_have_none(n):
    rng = np.random.default_rng(0)
    n_known = [
        of_orders(*[rng.permutation(6) for _ in range(n)], n_actions=6).earlier.sum()
        for _ in range(20)
    ]
    assert np.mean(n_known) < 0.5


def test_two_actions_that_recur_have_no_order():
    usual = of_orders(*[[0, 1, 0, 1, 2]] * 9, *[[0, 1, 0, 1, 0, 1, 2]] * 9)
    assert (usual.most_often[:2] == ALWAYS).all()
    assert not usual.earlier[0, 1]
    assert usual.earlier[0, 2]


def test_how_often_an_action_is_done_is_known_for_each():
    usual = of_orders(*[[0, 1, 0, 2]] * 9, *[[0, 1, 0, 2, 1]] * 9)
    assert_array_equal(usual.most_often, [2, ALWAYS, 1])
    assert (of_orders(*[[0, 1, 2]] * 4).most_often == ALWAYS).all()  # too few


@pytest.mark.parametrize(("n_again", "is_known"), [(10, True), (11, False)])
def test_where_most_recordings_do_some_action_again_that_is_usual(n_again, is_known):
    orders = [[*range(12), *([k] if k < n_again else [])] for k in range(20)]
    usual = of_orders(*orders, n_actions=12)
    assert_array_equal(usual.most_often, 1 if is_known else ALWAYS)


def test_share_of_recordings_that_have_an_action():
    usual = of_orders(*[[0, 1, 2]] * 5, *[[0, 2]] * 5)
    assert_array_equal(usual.had, [11 / 12, 6 / 12, 11 / 12])


def test_short_runs_are_no_steps():
    labels = [np.repeat([0, 1, 0, 2], [10, 2, 10, 10]), np.repeat([0, 1, 2], 10)]
    usual = Usual.of(labels * 5, 3)
    assert_array_equal(usual.most_often, [1, 1, 1])
    assert_array_equal(usual.shortest, [10, 10, 10])
    assert usual.had[1] == 0.5


def test_action_that_no_recording_has_is_known_by_nothing():
    usual = of_orders(*[[0, 1]] * 9)
    assert usual.had[2] < 0.1
    assert usual.most_often[2] == ALWAYS
    assert usual.shortest[2] == 1
