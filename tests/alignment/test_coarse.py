"""Alignment coarse to fine against alignment in full, and batches of videos."""

from __future__ import annotations

import warnings
import weakref

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import issparse

from skvas.alignment import _coarse, _matcher
from skvas.alignment._coarse import alignment_memory
from skvas.alignment._path_cost import PathCost, View
from skvas.alignment._result import Alignment
from skvas.exceptions import CoarseAlignmentWarning, InvalidParameterError
from skvas.tasks import _virtual
from skvas.tasks._alignment import AlignmentTask
from skvas.tasks._virtual import Quantile, VirtualFrame
from skvas.transport import cosine_cost
from skvas.validation import check_memory
from skvas.videos import _jobs
from tests.models import ALIGNERS, quick, small_videos

N, M, RADIUS = 400, 330, 0.04
MATCHINGS = ["monotone", "plan", "nearest"]
coarsely = pytest.mark.filterwarnings("ignore::skvas.exceptions.CoarseAlignmentWarning")


def embedding(n, warp, seed):
    """Draw a smooth path on the sphere, run through at a pace of its own."""
    rng = np.random.default_rng(seed)
    time = np.linspace(0, 1, n) ** warp * 6 * np.pi
    waves = np.stack([np.sin(time * (k + 1) / 7 + k) for k in range(20)], axis=1)
    noisy = waves + 0.2 * rng.standard_normal(waves.shape)
    return (noisy / np.linalg.norm(noisy, axis=1, keepdims=True)).astype(np.float32)


def make_task(virtual_mass=None, zeta=0.5):
    return AlignmentTask(
        alpha=0.3,
        eps=0.07,
        radius=RADIUS,
        rho=0.35,
        virtual=VirtualFrame(zeta, virtual_mass),
        tau=0.1,
        max_iter=25,
    )


def align(x, y, task, matching, limit):
    x, y = (v if isinstance(v, View) else View(v) for v in (x, y))
    (solution,) = _matcher._solve([x], y, task, "cpu", limit)
    return solution.align(matching)


def align_both(x, y, task, matching, monkeypatch, frames=150):
    """Align coarse to fine, and in full."""
    monkeypatch.setattr(_coarse, "COARSE_FRAMES", frames)
    monkeypatch.setattr(_virtual, "QUANTILE_FRAMES", frames // 2)
    monkeypatch.setattr(_coarse, "BLOCK_ENTRIES", 50 * len(y))
    monkeypatch.setattr(_coarse, "PIECE_FRAMES", 60)
    limits = (alignment_memory(frames, frames), np.inf)
    return [align(x, y, task, matching, limit) for limit in limits]


def agreement(found, expected, reach):
    """Return the share of frames matched alike, or with neither matched."""
    both = (found >= 0) & (expected >= 0)
    near = np.abs(found - expected) <= reach
    return np.where(both, near, (found < 0) == (expected < 0)).mean()


@coarsely
def test_coarse_path_sees_details_as_the_full_one_does(monkeypatch):
    flat = np.tile(np.eye(1, 5, dtype=np.float32), (N, 1))  # tells nothing
    x = View(flat, embedding(N, 1.0, 0))
    y = View(flat[:M], embedding(M, 1.3, 1))
    coarse, full = align_both(x, y, make_task(), "monotone", monkeypatch)
    assert agreement(coarse.matches_x, full.matches_x, RADIUS * M) >= 0.98
    truth = np.linspace(0, 1, N) ** (1 / 1.3) * M
    assert np.abs(full.matches_x - truth).mean() < 0.02 * M


@coarsely
@pytest.mark.parametrize("matching", MATCHINGS)
@pytest.mark.parametrize(
    "task",
    [
        make_task(),
        make_task(virtual_mass=0.3),
        make_task(virtual_mass=Quantile(0.2), zeta=Quantile(0.3)),
    ],
    ids=["one frame", "background", "quantiles"],
)
def test_coarse_alignment_agrees_with_the_full_one(task, matching, monkeypatch):
    x, y = embedding(N, 1.0, 0), embedding(M, 1.3, 1)
    coarse, full = align_both(x, y, task, matching, monkeypatch)
    assert issparse(coarse.plan)
    assert coarse.plan.data.min() * N > 0.5e-4  # smaller entries are left out
    assert agreement(coarse.matches_x, full.matches_x, RADIUS * M) >= 0.98
    assert agreement(coarse.matches_y, full.matches_y, RADIUS * N) >= 0.98
    assert np.abs(coarse.plan.toarray() - full.plan).sum() < 0.15
    assert np.abs(coarse.background_x - full.background_x).max() < 0.05
    assert np.abs(coarse.background_y - full.background_y).max() < 0.05
    assert coarse.cost == pytest.approx(full.cost, abs=0.02 + 0.02 * abs(full.cost))


@coarsely
def test_refined_plan_has_the_masses_of_frames(monkeypatch):
    x, y = embedding(N, 1.0, 0), embedding(M, 1.3, 1)
    coarse, _ = align_both(x, y, make_task(), "plan", monkeypatch)
    rows = coarse.plan.sum(axis=1) / (1 - coarse.background_x)
    columns = coarse.plan.sum(axis=0) / (1 - coarse.background_y)
    np.testing.assert_allclose(rows, 1 / (N + 1), rtol=0.03)
    np.testing.assert_allclose(columns, 1 / (M + 1), rtol=0.1)


@coarsely
def test_monotone_matches_of_long_videos_never_run_back(monkeypatch):
    x, y = embedding(N, 1.0, 0), embedding(M, 1.3, 1)
    coarse, _ = align_both(x, y, make_task(), "monotone", monkeypatch)
    for matches in (coarse.matches_x, coarse.matches_y):
        assert (np.diff(matches[matches >= 0]) >= 0).all()


@pytest.mark.parametrize("kept", [(False, True), (True, False)])
def test_nothing_is_matched_where_all_of_a_video_is_background(kept):
    cost = PathCost(View(embedding(4, 1.0, 0)), View(embedding(3, 1.0, 1)))
    frames = np.full(4, kept[0]), np.full(3, kept[1])
    for matches in _coarse._match_in_order(cost, *frames, size=9, piece=9):
        assert (matches == -1).all()


@coarsely
def test_rows_are_refined_in_blocks_that_fit_the_limit(monkeypatch):
    x, y = embedding(N, 1.0, 0), embedding(M, 1.3, 1)
    shapes, limit = [], 350_000

    def recorded(*pair):
        shapes.append(cosine_cost(*pair).shape)
        return cosine_cost(*pair)

    monkeypatch.setattr(_coarse, "cosine_cost", recorded)
    found = align(x, y, make_task(), "plan", limit)
    blocks = [shape for shape in shapes if shape[2] == M]
    assert all(1 < n_rows < limit / (32 * M) for _, n_rows, _ in blocks)
    assert sum(n_rows for _, n_rows, _ in blocks) % N == 0
    assert found.plan.shape == (N, M)


@coarsely
def test_paths_are_sought_in_pieces_that_fit_the_limit(monkeypatch):
    x, y = (
        View(embedding(n, 1.0, seed), np.random.default_rng(seed).random((n, 3)))
        for seed, n in enumerate((N, M))
    )
    sizes, limit, compute = [], 2_000_000, PathCost._sum

    def recorded(*arguments):
        costs = compute(*arguments)
        sizes.append(costs.size)
        return costs

    monkeypatch.setattr(PathCost, "_sum", recorded)
    found = align(x, y, make_task(), "monotone", limit)
    assert (found.matches_x >= 0).sum() > N / 2
    assert len(sizes) > 4
    assert max(sizes) <= limit / 64


@pytest.mark.parametrize(("n", "m"), [(300, 110), (110, 300)])
def test_pieces_of_paths_are_of_like_size_on_either_side(n, m):
    cost = PathCost(View(embedding(n, 1.0, 0)), View(embedding(m, 1.3, 1)))
    corners = _coarse._corners(cost, np.arange(n), np.arange(m), size=100, piece=40)
    assert corners[0] == (0, 0)
    assert corners[-1] == (n - 1, m - 1)
    longest = np.diff(corners, axis=0).max(axis=1)
    assert (longest[:-1] >= 40).all()
    assert longest.max() < 40 + n / 100 + m / 100 + 1


@coarsely
def test_sparse_plan_keeps_the_largest_entries_that_fit_the_limit(monkeypatch):
    monkeypatch.setattr(_coarse, "COARSE_FRAMES", 100)
    x, y = embedding(N, 1.0, 0), embedding(M, 1.3, 1)
    task, most = make_task(), 20
    ample = align(x, y, task, "plan", alignment_memory(N, M) - 1)
    tight = align(x, y, task, "plan", 16 * most * N)
    full, few = ample.plan.toarray(), tight.plan.toarray()
    counts = np.count_nonzero(few, axis=1)
    assert np.count_nonzero(full, axis=1).max() > most == counts.max()
    kept = few > 0
    np.testing.assert_allclose(few[kept], full[kept], rtol=1e-3)
    for row, is_kept in zip(full, kept, strict=True):
        assert row[~is_kept].max() <= row[is_kept].min() * 1.001
    np.testing.assert_array_equal(tight.matches_x, ample.matches_x)
    np.testing.assert_array_equal(tight.matches_y, ample.matches_y)


@coarsely
@pytest.mark.filterwarnings("ignore::skvas.exceptions.RadiusWarning")
@pytest.mark.parametrize(("n", "m"), [(1, 1), (1, 30), (30, 2)])
def test_tiny_videos_can_be_aligned_under_a_tiny_limit(n, m):
    x, y = embedding(n, 1.0, 0), embedding(m, 1.0, 1)
    for matching in MATCHINGS:
        found = align(x, y, make_task(), matching, 1.0)
        assert found.plan.shape == (n, m)
        assert found.matches_x.shape == (n,)


@pytest.mark.parametrize("cls", ALIGNERS)
def test_limit_says_what_is_done(cls):
    videos = small_videos()
    estimator = quick(cls, memory_limit=1).fit(videos)
    n, m = map(len, videos[:2])
    told = f"more than memory_limit: {n} and {m} frames are aligned, and small"
    with pytest.warns(CoarseAlignmentWarning, match=told):
        found = estimator.align(videos[0], videos[1])
    assert issparse(found.plan)
    estimator.set_params(aligning__memory_limit="1GB").fit(videos)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert isinstance(estimator.align(videos[0], videos[1]).plan, np.ndarray)


@coarsely
@pytest.mark.parametrize("matching", MATCHINGS)
def test_only_videos_that_do_not_fit_are_aligned_coarsely(matching):
    reference = View(embedding(120, 1.0, 0))
    videos = [View(embedding(n, 1.1, n)) for n in (118, 120, 124)]
    limit = alignment_memory(120, 120)
    solutions = _matcher._solve(videos, reference, make_task(), "cpu", limit)
    together = [solution.align(matching) for solution in solutions]
    assert [issparse(found.plan) for found in together] == [False, False, True]
    for video, found in zip(videos, together, strict=True):
        alone = align(video, reference, make_task(), matching, limit)
        np.testing.assert_array_equal(found.matches_x, alone.matches_x)
        assert found.cost == alone.cost


@coarsely
@pytest.mark.parametrize("limit", [None, 1])
@pytest.mark.parametrize("cls", ALIGNERS)
def test_score_decodes_no_alignment(cls, limit, monkeypatch):
    videos = small_videos()
    estimator = quick(cls, max_epochs=0, memory_limit=limit).fit(videos)
    expected = estimator.score(videos)
    for kind in (_coarse.CoarseSolution, _matcher._FullSolution):
        monkeypatch.delattr(kind, "align")
    assert estimator.score(videos) == expected


@coarsely
@pytest.mark.parametrize("limit", [None, 1])
@pytest.mark.parametrize("via", ["pair", "timeline"])
def test_match_keeps_no_plan(via, limit, monkeypatch):
    videos = small_videos(6)
    made, alive, make = [], [], Alignment.__init__

    def counted(self, *fields):
        make(self, *fields)
        made.append(weakref.ref(self))
        alive.append(sum(one() is not None for one in made))

    estimator = quick(ALIGNERS[1], max_epochs=0, memory_limit=limit).fit(videos)
    monkeypatch.setattr(Alignment, "__init__", counted)
    estimator.match(videos, via=via)
    assert len(alive) == len(videos)
    assert max(alive) <= 2


def test_baseline_that_does_not_fit_says_so():
    videos = small_videos()
    options = {"aligning__method": "vava", "memory_limit": 1}
    estimator = quick(ALIGNERS[0], max_epochs=0, **options).fit(videos)
    with pytest.raises(MemoryError, match="memory_limit"):
        estimator.align(videos[0], videos[1])


@pytest.mark.parametrize(
    ("limit", "size"),
    [("2GB", 2e9), ("1.5 mb", 1.5e6), ("10B", 10), (7, 7), (None, np.inf)],
)
def test_memory_is_read(limit, size):
    assert check_memory(limit) == size


@pytest.mark.parametrize("limit", ["2 GiB", "much", "0GB", 0, -1, 1.5, True, ["2GB"]])
def test_memory_that_is_none_is_refused(limit):
    with pytest.raises(InvalidParameterError, match="memory_limit must be"):
        check_memory(limit)


def test_estimate_covers_what_is_used():
    n, m = 1000, 900
    entry = np.dtype(np.float32).itemsize
    assert alignment_memory(n, m) >= 5 * n * m * entry


@given(st.lists(st.integers(1, 3000), min_size=1, max_size=40), st.integers(1, 500))
def test_groups_hold_each_video_once_with_little_padding(lengths, width):
    groups = _jobs.group_by_length(lengths, width)
    assert sorted(sum(groups, [])) == list(range(len(lengths)))
    for group in groups:
        real = sum(lengths[i] for i in group)
        padded = len(group) * max(lengths[i] for i in group)
        assert padded <= (1 + _jobs.PADDING) * real
        assert len(group) == 1 or padded * width <= _jobs.ENTRIES_A_BATCH


def test_equal_videos_are_decoded_in_one_batch(monkeypatch):
    sizes = []
    solve = AlignmentTask.solve

    def spy(self, x, y, batch_x, batch_y):
        sizes.append(len(x))
        return solve(self, x, y, batch_x, batch_y)

    videos = [
        small_videos(1, random_state=seed, n_frames=(33, 33))[0] for seed in range(4)
    ]
    estimator = quick(ALIGNERS[0], max_epochs=0).fit(videos)
    monkeypatch.setattr(AlignmentTask, "solve", spy)
    estimator.match(videos)
    assert sizes == [4]
