"""Plans to labels and matches, monotone paths, labels to segments."""

from __future__ import annotations

import time
import tracemalloc
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_allclose, assert_array_equal

from skvas import decoding
from skvas.decoding import (
    Segment,
    labels_to_segments,
    monotone_path,
    path_to_matches,
    plan_to_labels,
    plan_to_matches,
    segments_to_labels,
)


def costs(max_side):
    """Small cost matrices, ties and negative entries among them."""
    shape = st.tuples(st.integers(1, max_side), st.integers(1, max_side))
    return hnp.arrays(float, shape, elements=st.integers(-4, 20).map(lambda v: v / 4))


def price_of(cost, path, drop_cost=0.0):
    """Cost of a chain of pairs, by the definition."""
    pairs = [tuple(pair) for pair in path]
    left_out = sum(cost.shape) - len({i for i, _ in pairs}) - len({j for _, j in pairs})
    return sum(cost[pair] for pair in pairs) + drop_cost * left_out


def full_paths(n, m):
    """Every path of warping steps from the first cell to the last."""
    if n == 1 and m == 1:
        return [[(0, 0)]]
    before = [(n - 1, m - 1), (n - 1, m), (n, m - 1)]
    return [
        [*path, (n - 1, m - 1)]
        for a, b in before
        if a > 0 and b > 0
        for path in full_paths(a, b)
    ]


def chains(n, m, after=None):
    """Every chain of pairs in which neither index falls, the empty one included."""
    found = [[]]
    for pair in np.ndindex(n, m):
        if after is None or (
            pair != after and pair[0] >= after[0] and pair[1] >= after[1]
        ):
            found += [[pair, *rest] for rest in chains(n, m, pair)]
    return found


def test_labels_are_the_row_wise_mode_and_the_lowest_index_wins_a_tie():
    labels = plan_to_labels([[0.0, 0.2, 0.2], [0.3, 0.1, 0.0]])
    assert_array_equal(labels, [1, 0])
    assert labels.dtype == np.int64


def test_matches_are_minus_one_only_above_one_half_or_without_mass():
    plan = np.array([[0.1, 0.2], [0.3, 0.1], [0.1, 0.2], [0.0, 0.0]])
    assert_array_equal(plan_to_matches(plan), [1, 0, 1, -1])
    background = [0.5, 0.51, 0.0, 0.0]
    assert_array_equal(plan_to_matches(plan, background), [1, -1, 1, -1])


@given(costs(5))
def test_path_is_the_cheapest_of_all_warping_paths(cost):
    path = monotone_path(cost)
    steps = {tuple(step) for step in np.diff(path, axis=0)}
    assert steps <= {(1, 1), (1, 0), (0, 1)}
    assert_array_equal(path[0], [0, 0])
    assert_array_equal(path[-1], np.array(cost.shape) - 1)
    cheapest = min(price_of(cost, other) for other in full_paths(*cost.shape))
    assert_allclose(price_of(cost, path), cheapest)


@pytest.mark.parametrize("dtype", [float, np.float32, np.int64, bool])
def test_compiled_path_is_that_of_numpy(dtype, monkeypatch):
    pytest.importorskip("numba")
    rng = np.random.default_rng(0)
    # Few values, so that there are ties; one strip of rows, and several.
    shapes = [
        *rng.integers(1, 12, (50, 2)),
        *rng.integers(1, 3 * decoding.ROWS, (30, 2)),
    ]
    shapes.append((2 * decoding.STEPS + 9, decoding.ROWS + 8))
    costs = [rng.integers(0, 3, shape).astype(dtype) for shape in shapes]
    # Sums of many numbers near one, whose last digits decide.
    costs += [(1 + rng.random((400, 300)) / 1e4).astype(dtype) for _ in range(3)]
    compiled = [monotone_path(cost.T) for cost in costs]
    monkeypatch.setattr(decoding, "compiled", lambda function: None)
    for most in (decoding.SMALL_CELLS, 0):
        monkeypatch.setattr(decoding, "SMALL_CELLS", most)
        for path, cost in zip(compiled, costs, strict=True):
            assert_array_equal(monotone_path(cost.T), path)


@given(costs(3), st.integers(0, 16).map(lambda v: v / 4))
def test_path_with_drops_is_the_cheapest_of_all_chains(cost, drop_cost):
    path = monotone_path(cost, drop_cost=drop_cost)
    assert (np.diff(path, axis=0) >= 0).all()
    assert len({tuple(pair) for pair in path}) == len(path)
    options = chains(*cost.shape)
    cheapest = min(price_of(cost, other, drop_cost) for other in options)
    assert_allclose(price_of(cost, path, drop_cost), cheapest)


def table_price(cost, drop_cost):
    """Cheapest chain by a plain dynamic programme over last pairs, cell by cell."""
    n, m = cost.shape
    best = np.empty((n, m))
    answer = drop_cost * (n + m)
    for i, j in np.ndindex(n, m):
        before = drop_cost * (i + j)
        for a, b in np.ndindex(i + 1, j + 1):
            if (a, b) != (i, j):
                skipped = max(i - a - 1, 0) + max(j - b - 1, 0)
                before = min(before, best[a, b] + drop_cost * skipped)
        best[i, j] = cost[i, j] + before
        answer = min(answer, best[i, j] + drop_cost * (n - i + m - j - 2))
    return answer


@pytest.mark.parametrize("shape", [(1, 9), (9, 1), (8, 12), (13, 7)])
@pytest.mark.parametrize("drop_cost", [0.05, 0.2, 0.6])
def test_path_with_drops_costs_what_a_plain_table_says(shape, drop_cost):
    cost = np.random.default_rng(0).random(shape)
    path = monotone_path(cost, drop_cost=drop_cost)
    assert_allclose(price_of(cost, path, drop_cost), table_price(cost, drop_cost))


@given(costs(5))
def test_path_with_expensive_drops_is_the_warping_path(cost):
    cost = cost - cost.min()  # else a chain may gain by visiting more pairs
    path = monotone_path(cost, drop_cost=1e3)
    assert_allclose(price_of(cost, path), price_of(cost, monotone_path(cost)))
    assert_array_equal(np.unique(path[:, 0]), np.arange(cost.shape[0]))
    assert_array_equal(np.unique(path[:, 1]), np.arange(cost.shape[1]))


def test_path_is_empty_where_dropping_everything_is_cheapest():
    path = monotone_path(np.ones((3, 4)), drop_cost=0.1)
    assert path.shape == (0, 2)
    matches_xy, matches_yx = path_to_matches(path, np.ones((3, 4)))
    assert_array_equal(matches_xy, [-1] * 3)
    assert_array_equal(matches_yx, [-1] * 4)


def test_path_prefers_the_diagonal_where_all_costs_tie():
    assert_array_equal(monotone_path(np.zeros((3, 3))), [[0, 0], [1, 1], [2, 2]])


@pytest.mark.parametrize("is_compiled", [False, True])
@pytest.mark.parametrize("shape", [(3, 5), (5, 3), (4, 600), (900, 700)])
@pytest.mark.parametrize("sign", [1, -1])
def test_path_keeps_to_the_matrix_whatever_its_costs(
    sign, shape, is_compiled, monkeypatch
):
    if not is_compiled:
        monkeypatch.setattr(decoding, "compiled", lambda function: None)
    huge = np.full(shape, sign * np.finfo(float).max)
    path = monotone_path(huge)
    assert_array_equal(path[[0, -1]], [[0, 0], np.array(shape) - 1])
    assert {*map(tuple, np.diff(path, axis=0).tolist())} <= {(0, 1), (1, 0), (1, 1)}
    cost = np.random.default_rng(0).normal(size=shape)
    assert_array_equal(monotone_path(2.0**1020 * cost), monotone_path(cost))


def test_drops_may_cost_as_much_as_there_are_numbers():
    cost = np.random.default_rng(0).random((6, 8))
    expected = monotone_path(cost, drop_cost=1e9)
    assert_array_equal(monotone_path(cost, drop_cost=1e308), expected)
    expected = monotone_path(cost, drop_cost=0.25)
    scaled = monotone_path(2.0**1020 * cost, drop_cost=2.0**1018)
    assert_array_equal(scaled, expected)


@pytest.mark.parametrize("drop_cost", [None, 0.3])
def test_path_does_not_depend_on_dtype_or_memory_layout(drop_cost):
    cost = np.random.default_rng(0).integers(0, 8, (9, 7))
    expected = monotone_path(cost, drop_cost=drop_cost)
    for same in (cost.astype(np.float32), np.asfortranarray(cost), cost[::-1][::-1]):
        assert_array_equal(monotone_path(same, drop_cost=drop_cost), expected)


@pytest.mark.parametrize("drop_cost", [None, 0.1])
def test_path_of_a_thousand_frames_is_fast_and_takes_a_byte_a_cell(drop_cost):
    cost = np.random.default_rng(0).random((1000, 1000))
    seconds = []
    for _ in range(3):
        start = time.process_time()  # other processes may share the core
        monotone_path(cost, drop_cost=drop_cost)
        seconds.append(time.process_time() - start)
    assert min(seconds) < 0.5  # some 0.02 s
    tracemalloc.start()
    monotone_path(cost, drop_cost=drop_cost)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.5 * cost.size


def test_compiled_path_of_a_single_frame_takes_little_memory(monkeypatch):
    monkeypatch.setattr(decoding, "STEPS", 64)
    cost = np.random.default_rng(0).random((1, 4000))
    tracemalloc.start()
    decoding._path_by_strips(cost)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100 * cost.size


@pytest.mark.parametrize(
    ("cost", "words"),
    [
        ([[np.nan]], "NaN"),
        ([[np.inf]], "infinity"),
        ([1.0, 2.0], "matrix"),
        (np.zeros((0, 3)), "non-empty"),
    ],
)
def test_unusable_costs_are_refused(cost, words):
    with pytest.raises(ValueError, match=words):
        monotone_path(cost)


def test_unusable_arguments_are_refused():
    with pytest.raises(TypeError, match="real numbers"):
        plan_to_labels([["a"]])
    with pytest.raises(ValueError, match="drop_cost"):
        monotone_path([[1.0]], drop_cost=np.nan)
    with pytest.raises(ValueError, match="3 rows"):
        plan_to_matches(np.ones((3, 2)), [0.1])
    with pytest.raises(ValueError, match="background contains NaN"):
        plan_to_matches([[1.0]], [np.nan])
    with pytest.raises(ValueError, match="leaves"):
        path_to_matches([[0, 1]], [[1.0]])
    with pytest.raises(ValueError, match="integers"):
        path_to_matches([[0.0, 0.0]], [[1.0]])


@given(costs(6))
def test_matches_of_a_path_are_the_cheapest_partners(cost):
    path = monotone_path(cost, drop_cost=0.5)
    matches_xy, matches_yx = path_to_matches(path, cost)
    for i in range(cost.shape[0]):
        partners = path[path[:, 0] == i, 1]
        best = partners[cost[i, partners].argmin()] if len(partners) else -1
        assert matches_xy[i] == best
    for j in range(cost.shape[1]):
        partners = path[path[:, 1] == j, 0]
        best = partners[cost[partners, j].argmin()] if len(partners) else -1
        assert matches_yx[j] == best


labelled_frames = st.one_of(
    st.lists(st.integers(-2, 3)),
    st.lists(st.sampled_from(["", "mix", "<&>", "väl\n", "🏊"]), min_size=1),
)


@given(labelled_frames)
def test_segments_and_labels_are_an_exact_round_trip(labels):
    segments = labels_to_segments(labels)
    assert all(a.label != b.label for a, b in pairwise(segments))
    back = segments_to_labels(segments, len(labels))
    assert back.tolist() == labels
    assert labels_to_segments(back) == segments


def test_segments_hold_plain_numbers_and_any_label_survives():
    (segment,) = labels_to_segments(np.array([3, 3]))
    assert [type(v) for v in (segment.start, segment.end, segment.label)] == [int] * 3
    mixed = [Segment(0, 1, "a"), Segment(1, 3, 2)]
    assert segments_to_labels(mixed, 3).tolist() == ["a", 2, 2]


@pytest.mark.parametrize(
    "segments",
    [
        [Segment(0, 2, 0), Segment(3, 4, 1)],  # a gap
        [Segment(0, 2, 0), Segment(1, 4, 1)],  # an overlap
        [Segment(0, 0, 0), Segment(0, 4, 1)],  # an empty segment
        [Segment(0, 4, 1), Segment(4, 3, 1)],  # one that runs backwards
        [Segment(0, 3, 0)],  # too short
        [],
    ],
)
def test_segments_that_do_not_tile_the_video_are_refused(segments):
    with pytest.raises(ValueError, match="frame"):
        segments_to_labels(segments, 4)


def test_labels_of_several_videos_are_refused():
    with pytest.raises(ValueError, match="one video"):
        labels_to_segments([[1, 2], [1, 2]])


@pytest.mark.parametrize("price", [0.0, 0.7, 5.0])
def test_cheapest_labels_are_the_best_of_all(price):
    losses = np.random.default_rng(0).random((6, 3))
    sequences = np.array(np.meshgrid(*[range(3)] * 6)).reshape(6, -1).T
    total = losses[np.arange(6), sequences].sum(axis=1)
    total += price * (np.diff(sequences) != 0).sum(axis=1)
    assert_array_equal(
        decoding.cheapest_labels(losses, price), sequences[total.argmin()]
    )


@pytest.mark.parametrize("dtype", [float, np.float32])
def test_compiled_labels_are_those_of_numpy(dtype):
    rng = np.random.default_rng(0)
    for _ in range(50):
        # Few values, so that there are ties; a label may be none.
        losses = rng.integers(0, 3, rng.integers(1, 12, 2)).astype(dtype)
        losses[:, rng.random(losses.shape[1]) < 0.2] = np.inf
        price = float(rng.integers(0, 3))
        assert_array_equal(
            decoding.cheapest_labels(losses, price),
            decoding._labels_by_frames(losses, price),
        )


@pytest.mark.parametrize("price", ["x", np.nan, np.inf])
def test_price_of_a_dropped_frame_is_a_number(price):
    with pytest.raises(ValueError, match="drop_cost must be a finite number"):
        monotone_path(np.ones((3, 3)), drop_cost=price)
