import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from skvas.alignment._by_timeline import align_passages
from skvas.timeline._paths import Passage, follow
from skvas.videos._frames import unit


def walk(rng, n, d=6):
    """Unit frames that change slowly."""
    return unit(np.cumsum(rng.normal(size=(n, d)), axis=0))


@given(st.integers(0, 2**32 - 1), st.integers(1, 30), st.integers(1, 30))
def test_alignment_is_whole_monotone_and_symmetric(seed, n, m):
    rng = np.random.default_rng(seed)
    template = walk(rng, int(rng.integers(1, 30)))
    x, y = (follow(walk(rng, k), template, limit=np.inf) for k in (n, m))
    found, back = align_passages(x, y), align_passages(y, x)
    assert found.plan.shape == (n, m)
    kept_x, kept_y = found.matches_x >= 0, found.matches_y >= 0
    assert (np.diff(found.matches_x[kept_x]) >= 0).all()
    assert found.matches_x.max() < m
    assert_array_equal(found.background_x, ~kept_x)
    assert_allclose(found.plan.sum(), (kept_x.mean() + kept_y.mean()) / 2)
    assert_allclose(found.plan.toarray(), back.plan.toarray().T)
    assert_array_equal(found.matches_x, back.matches_y)
    assert found.cost == back.cost
    path = found.to_path()
    assert (path[1:] >= path[:-1]).all()
    assert (np.diff(path, axis=0) > 0).any(axis=1).all()  # no pair is there twice
    assert {*path[:, 0]} == {*np.flatnonzero(kept_x), *found.matches_y[kept_y]}
    assert {*path[:, 1]} == {*np.flatnonzero(kept_y), *found.matches_x[kept_x]}


def test_video_is_aligned_with_itself_frame_by_frame():
    rng = np.random.default_rng(0)
    template = walk(rng, 40)
    times = np.sort(rng.uniform(0, 39, 60)).round().astype(int)
    passage = follow(template[times], template, limit=np.inf)
    matches = align_passages(passage, passage).matches_x
    assert (matches == np.arange(60)).mean() > 0.9
    assert np.abs(matches - np.arange(60))[matches >= 0].max() <= 1


def test_mass_lies_beside_the_match():
    ends = np.array([0.0, 1.0])
    x = Passage(np.array([0.0, 0.25, 1.0]), np.array([0.0, 2.0]), ends)
    y = Passage(ends, ends, ends)
    found = align_passages(x, y)
    assert_array_equal(found.matches_x, [0, 0, 1])
    assert_array_equal(found.matches_y, [0, 2])
    forth = np.array([[1, 0], [0.75, 0.25], [0, 1]]) / 3
    back = np.array([[1, 0], [0, 0], [0, 1]]) / 2
    assert_allclose(found.plan.toarray(), (forth + back) / 2)
    assert found.cost == 0.5


def test_moment_that_the_other_video_lacks_is_background():
    positions = np.arange(100.0)
    whole = Passage(positions, positions, np.full(100, 0.1))
    frames = np.r_[np.arange(40.0), np.full(30, 39.5), np.arange(40.0, 70)]
    costs = np.where((positions >= 40) & (positions < 70), 0.9, 0.1)
    gap = Passage(np.r_[positions[:40], positions[70:]], frames, costs)
    found = align_passages(whole, gap)
    assert (found.matches_x[45:65] == -1).all()
    assert (found.background_x[:35] == 0).all()
    kept = found.matches_x >= 0
    assert_allclose(found.plan.sum(), (kept.mean() + 1) / 2)
    assert not found.plan[[50, 60]].sum()
    assert (found.matches_y >= 0).all()
