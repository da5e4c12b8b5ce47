"""The nearest frames of all other videos."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skvas.videos import _anywhere
from skvas.videos._anywhere import is_clear_anywhere, nearest_anywhere
from skvas.videos._frames import unit


def test_nearest_frames_are_of_other_videos():
    rng = np.random.default_rng(0)
    videos = [unit(rng.normal(size=(n, 3)).astype(np.float32)) for n in (4, 1, 6)]
    frames, nearest = nearest_anywhere(videos)
    every, owners = np.concatenate(videos), np.repeat([0, 1, 2], [4, 1, 6])
    assert_array_equal(frames, np.arange(11))
    for frame, found in zip(frames, nearest, strict=True):
        others = np.flatnonzero(owners != owners[frame])
        off = np.linalg.norm(every[others] - every[frame], axis=1)
        assert found == others[off.argmin()]


def test_many_frames_are_thinned_out(monkeypatch):
    monkeypatch.setattr(_anywhere, "MOST_FRAMES", 5)
    videos = [np.eye(10, dtype=np.float32)] * 2
    frames, nearest = nearest_anywhere(videos)
    assert_array_equal(frames, [2, 6, 10, 14, 18])
    assert set(nearest) <= set(frames)


@pytest.mark.parametrize(
    ("in_pairs", "anywhere", "expected"),
    [(0.44, 0.99, True), (0.45, 0.99, False), (0.1, 0.45, True), (0.1, 0.44, False)],
)
def test_anywhere_is_far_clearer_than_pairs(in_pairs, anywhere, expected):
    assert is_clear_anywhere(in_pairs, anywhere) is expected
