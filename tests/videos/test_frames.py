"""Which frames of a video are looked at."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from skvas.videos._frames import (
    nearest_of,
    running_sums,
    sample_frames,
    spread,
    spread_over,
    unit,
)


@given(st.integers(1, 500), st.integers(1, 60), st.integers(0, 99))
def test_one_frame_is_drawn_from_each_of_equal_parts(n, n_samples, seed):
    drawn = sample_frames(n, n_samples, np.random.RandomState(seed))
    n_parts = min(n, n_samples)
    starts = np.arange(n_parts) * n // n_parts
    stops = -(-np.arange(1, n_parts + 1) * n // n_parts)
    assert len(drawn) == n_parts
    assert ((starts <= drawn) & (drawn < stops)).all()


@given(st.integers(1, 500), st.integers(1, 60))
def test_spread_numbers_are_distinct_and_span_all(n, most):
    numbers = spread(n, most)
    assert len(numbers) == min(n, most) == len(np.unique(numbers))
    assert numbers[0] == 0
    assert most == 1 or numbers[-1] == n - 1


@given(st.lists(st.integers(1, 9), min_size=1, max_size=5), st.integers(1, 30))
def test_frames_spread_over_videos_are_those_spread_over_all_in_a_row(lengths, most):
    joined = np.arange(sum(lengths))[:, None]
    videos = np.split(joined, np.cumsum(lengths)[:-1])
    assert_array_equal(spread_over(videos, most), joined[spread(len(joined), most)])


@given(st.lists(st.booleans(), min_size=1, max_size=12).filter(any))
def test_nearest_is_what_a_plain_search_finds(is_known):
    known = np.flatnonzero(is_known)
    found = nearest_of(known, len(is_known))
    # min takes the first of two.
    assert found.tolist() == [
        min(known, key=lambda k: abs(k - i)) for i in range(len(is_known))
    ]


def test_rows_are_scaled_to_length_one_and_zeros_stay():
    found = unit(np.array([[3.0, 4.0], [0.0, 0.0], [0.0, -1e-9]]))
    assert_allclose(found, [[0.6, 0.8], [0, 0], [0, -1]])


def test_running_sums_do_not_round_as_their_frames_do():
    frames = np.full((100_000, 1), 0.1, dtype=np.float32)
    sums = running_sums(frames)
    expected = np.arange(len(frames) + 1) * float(frames[0, 0])
    assert_allclose(sums[:, 0], expected, rtol=1e-10)
