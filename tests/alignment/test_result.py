"""What an alignment is, decoded from plans that are known; and warping along it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from skvas import Alignment
from skvas.alignment._path_cost import PathCost, View, _mean_difference
from skvas.alignment._result import MATCHINGS, make_alignment
from skvas.exceptions import InvalidParameterError
from tests.strategies import seeds, tensor

sizes = st.integers(1, 7)
matchings = st.sampled_from(MATCHINGS)


def decode(plan, cost, matching="monotone"):
    """Decode a plan whose first row and column are virtual."""
    plan, cost = np.asarray(plan, float), np.asarray(cost, float)
    return make_alignment(plan, cost, 1.5, matching)


def drawn(seed, n, m, background=0.3):
    """Return a plan with virtual frames, and costs."""
    plan = tensor(seed, n + 1, m + 1, low=0.01).numpy()
    plan[0] *= background * m
    plan[:, 0] *= background * n
    return plan / plan.sum(), tensor(seed + 1, n, m).numpy()


@given(sizes, sizes, matchings, seeds)
def test_parts_have_the_shapes_of_the_videos(n, m, matching, seed):
    plan, cost = drawn(seed, n, m)
    found = decode(plan, cost, matching)
    assert found.matches_x.shape == found.background_x.shape == (n,)
    assert found.matches_y.shape == found.background_y.shape == (m,)
    assert found.matches_x.dtype == found.matches_y.dtype == np.int64
    assert_array_equal(found.plan, plan[1:, 1:])
    assert (found.cost, found.matching) == (1.5, matching)


@given(sizes, sizes, matchings, seeds)
def test_matches_are_in_range_and_minus_one_only_for_background(n, m, matching, seed):
    found = decode(*drawn(seed, n, m), matching)
    nothing_left = (found.background_x > 0.5).all() or (found.background_y > 0.5).all()
    for matches, background, other in (
        (found.matches_x, found.background_x, m),
        (found.matches_y, found.background_y, n),
    ):
        assert (matches >= -1).all()
        assert (matches < other).all()
        expected = background > 0.5
        if matching == "monotone" and nothing_left:
            expected = np.ones_like(expected)
        assert_array_equal(matches == -1, expected)


@given(sizes, sizes, seeds)
def test_background_is_the_share_of_the_virtual_frame(n, m, seed):
    plan, cost = drawn(seed, n, m)
    found = decode(plan, cost)
    for i in range(n):
        share = plan[i + 1, 0] / sum(plan[i + 1])
        assert found.background_x[i] == pytest.approx(share)
    for j in range(m):
        share = plan[0, j + 1] / sum(plan[:, j + 1])
        assert found.background_y[j] == pytest.approx(share)


@given(sizes, sizes, seeds)
def test_monotone_matches_never_fall(n, m, seed):
    found = decode(*drawn(seed, n, m))
    for matches in (found.matches_x, found.matches_y):
        assert (np.diff(matches[matches >= 0]) >= 0).all()
    assert (np.diff(found.to_path(), axis=0) >= 0).all()


@given(sizes, sizes, matchings, seeds)
def test_path_has_each_matched_pair_once(n, m, matching, seed):
    found = decode(*drawn(seed, n, m), matching)
    expected = {(i, j) for i, j in enumerate(found.matches_x) if j >= 0}
    expected |= {(i, j) for j, i in enumerate(found.matches_y) if i >= 0}
    assert [tuple(pair) for pair in found.to_path()] == sorted(expected)
    assert found.to_path().shape == (len(expected), 2)


@given(sizes, sizes, st.sampled_from(["plan", "nearest"]), seeds)
def test_other_matchings_take_the_best_partner_of_each_frame(n, m, matching, seed):
    plan, cost = drawn(seed, n, m, background=0.0)
    found = decode(plan, cost, matching)
    if matching == "plan":
        best_x, best_y = plan[1:, 1:].argmax(axis=1), plan[1:, 1:].argmax(axis=0)
    else:
        best_x, best_y = cost.argmin(axis=1), cost.argmin(axis=0)
    assert_array_equal(found.matches_x, best_x)
    assert_array_equal(found.matches_y, best_y)


@given(sizes, sizes, matchings, seeds)
def test_exchanging_the_videos_exchanges_the_matches(n, m, matching, seed):
    plan, cost = drawn(seed, n, m)
    forth, back = decode(plan, cost, matching), decode(plan.T, cost.T, matching)
    assert_array_equal(forth.matches_x, back.matches_y)
    assert_array_equal(forth.background_y, back.background_x)


def test_matching_decides_between_order_plan_and_nearest():
    # Frame 0 is nearest to frame 1, and the plan sends it to frame 2; both cross.
    cost = [[0.2, 0.1, 0.9], [0.1, 0.2, 0.9], [0.9, 0.9, 0.0]]
    plan = np.zeros((4, 4))
    plan[1:, 1:] = [[0, 0, 1], [1, 0, 0], [0, 1, 0]]
    matches = {name: decode(plan, cost, name).matches_x.tolist() for name in MATCHINGS}
    assert matches == {
        "monotone": [0, 1, 2],
        "plan": [2, 0, 1],
        "nearest": [1, 0, 2],
    }


def test_background_frames_are_stepped_over():
    plan = np.zeros((4, 3))
    plan[1, 1] = plan[3, 2] = 1.0
    plan[2, 0] = 1.0  # frame 1 of x has no counterpart
    found = decode(plan, [[0, 1], [0.5, 0.5], [1, 0]])
    assert found.matches_x.tolist() == [0, -1, 1]
    assert found.matches_y.tolist() == [0, 2]
    assert found.background_x.tolist() == [0, 1, 0]


@pytest.mark.parametrize("matching", MATCHINGS)
def test_nothing_but_background_gives_an_empty_path(matching):
    plan = np.zeros((3, 4))
    plan[1:, 0] = plan[0, 1:] = 1.0
    found = decode(plan, np.zeros((2, 3)), matching)
    assert (found.matches_x == -1).all()
    assert (found.matches_y == -1).all()
    assert found.to_path().shape == (0, 2)


def test_row_without_mass_is_no_division_by_zero():
    found = decode(np.zeros((3, 3)), np.eye(2))
    assert (found.background_x == 0).all()


def test_unknown_matching_is_refused():
    with pytest.raises(InvalidParameterError, match="matching"):
        decode(np.ones((2, 2)), np.ones((1, 1)), "best")


def test_alignment_is_frozen():
    found = decode(np.ones((2, 2)), np.ones((1, 1)))
    with pytest.raises(AttributeError):
        found.cost = 0.0


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


@pytest.mark.parametrize("dtype", [bool, np.int8, np.uint16, np.int64])
def test_fraction_that_is_filled_in_keeps_its_digits(partly, dtype):
    warped = partly.warp(np.array([1, 0, 1], dtype), fill=0.1)
    assert_array_equal(warped, [1, 0.1, 0.1, 0])


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


def test_video_warped_onto_itself_is_itself():
    cost = 1.0 - np.eye(5)
    plan = np.pad(np.eye(5) / 6, ((1, 0), (1, 0)))
    found = make_alignment(plan, cost, 0.0, "monotone")
    signal = np.arange(5) ** 2
    assert_array_equal(found.warp(signal), signal)
    assert_array_equal(found.warp(signal, onto="y"), signal)


def views(seed=0, detail=True):
    rng = np.random.default_rng(seed)
    made = []
    for n in (6, 9):
        frames = rng.standard_normal((n, 4)).astype(np.float32)
        frames /= np.linalg.norm(frames, axis=1, keepdims=True)
        details = rng.standard_normal((n, 3)).astype(np.float32)
        made.append(View(frames, 5 * details if detail else None))
    return made


ALL = slice(None)


def less_least(cost):
    least_x, least_y = cost.min(axis=1), cost.min(axis=0)
    return cost - (least_x[:, None] + least_y) / 2


@pytest.mark.parametrize("piece", [1 << 22, 20, 1])
def test_paths_weigh_embeddings_and_details_alike(piece):
    x, y = views()
    cosine = 1 - x.embedding @ y.embedding.T
    squares = ((x.detail[:, None] - y.detail) ** 2).sum(axis=2)
    expected = less_least(cosine / cosine.mean() + squares / squares.mean())
    found = PathCost(x, y, piece)(ALL, ALL)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    assert found.min() == 0


@pytest.mark.parametrize("piece", [1 << 22, 20, 1])
def test_paths_weigh_what_stands_apart_on_an_axis_as_much(piece):
    x, y = views()
    before = PathCost(*(replace(view, is_trained=False) for view in (x, y)))(ALL, ALL)
    at_x, at_y = np.array([0, 0, 2, 3, 3, 7.5]), np.array([0, 1, 1, 1, 4, 6, 8, 9, 9])
    apart = abs(at_x[:, None] - at_y)
    expected = less_least(before + apart / apart.mean())
    x, y = replace(x, positions=at_x), replace(y, positions=at_y)
    found = PathCost(x, y, piece)(ALL, ALL)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    assert found.dtype == np.float32


@pytest.mark.parametrize("placed", [[0], [1], []])
def test_positions_count_where_both_videos_have_them(placed):
    both = views()
    for i in placed:
        both[i] = replace(both[i], positions=np.linspace(0, 1, len(both[i])))
    assert_array_equal(PathCost(*both)(ALL, ALL), PathCost(*views())(ALL, ALL))


def test_videos_at_one_position_are_not_told_apart_by_it():
    one = [replace(view, positions=np.full(len(view), 3.0)) for view in views()]
    assert_array_equal(PathCost(*one)(ALL, ALL), PathCost(*views())(ALL, ALL))


@given(st.data())
def test_mean_difference_is_that_of_all_pairs(data):
    numbers = st.lists(st.integers(-9, 9), min_size=1, max_size=8)
    x, y = (np.array(data.draw(numbers), dtype=float) for _ in range(2))
    expected = abs(x[:, None] - y).mean()
    assert _mean_difference(x, y) == pytest.approx(expected, abs=1e-12)


def test_paths_pay_all_that_pairs_cost_before_training():
    x, y = (replace(view, is_trained=False) for view in views())
    trained = PathCost(*views())(ALL, ALL)
    found = PathCost(x, y)(ALL, ALL)
    np.testing.assert_allclose(less_least(found), trained, rtol=1e-4, atol=1e-6)
    assert found.mean() == pytest.approx(2, rel=1e-5)


def test_paths_without_details_go_by_the_cosine_cost():
    x, y = views(detail=False)
    expected = 1 - x.embedding @ y.embedding.T
    np.testing.assert_allclose(PathCost(x, y)(ALL, ALL), expected, rtol=1e-6)


def test_costs_of_some_frames_are_those_among_all():
    path_cost = PathCost(*views())
    rows, columns = np.array([4, 0]), np.array([1, 7, 8])
    np.testing.assert_allclose(
        path_cost(rows, columns),
        path_cost(ALL, ALL)[np.ix_(rows, columns)],
        rtol=1e-5,
        atol=1e-6,
    )


@pytest.mark.parametrize("still", ["embedding", "detail"])
def test_what_is_the_same_in_all_frames_has_no_say_in_paths(still):
    x, y = views()
    parts = [
        vars(view) | {still: getattr(x, still)[[0] * len(view)]} for view in (x, y)
    ]
    found = PathCost(*(View(**part) for part in parts))(ALL, ALL)
    if still == "detail":
        other = 1 - x.embedding @ y.embedding.T
    else:
        other = ((x.detail[:, None] - y.detail) ** 2).sum(axis=2)
    expected = less_least(other / other.mean())
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_alignment_prints_how_much_is_matched():
    matches = np.array([0, -1, 1]), np.array([0, 2])
    alignment = Alignment(
        *matches, np.zeros((3, 2)), np.zeros(3), np.zeros(2), 0.5, "monotone"
    )
    lines = str(alignment).splitlines()
    assert [line.split() for line in lines[1:3]] == [
        ["x", "3", "2", "1"],
        ["y", "2", "2", "0"],
    ]
    assert lines[3] == "monotone matches, cost 0.500"
