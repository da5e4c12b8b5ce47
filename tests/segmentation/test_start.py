"""Where the action embeddings start."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.cluster import AgglomerativeClustering

from skvas.segmentation import _start
from skvas.segmentation._start import (
    SETTLED,
    WardTree,
    k_means,
    refine,
    time_slices,
    vote,
)
from skvas.tasks import _segmentation
from skvas.tasks._segmentation import SegmentationTask, Trial, solve_together
from skvas.videos._batch import pad, spread_batch

CPU = torch.device("cpu")
lengths = st.lists(st.integers(1, 12), min_size=1, max_size=4)
TASK = SegmentationTask(
    alpha=0.3,
    eps=0.1,
    radius=0.6,
    rho=0.0,
    lambda_actions=0.2,
    tau=0.1,
    max_iter=10,
)


def unit_videos(lengths, seed=0, d=4):
    rng = np.random.default_rng(seed)
    videos = [rng.standard_normal((n, d)) for n in lengths]
    return [
        (v / np.linalg.norm(v, axis=1, keepdims=True)).astype(np.float32)
        for v in videos
    ]


def batched(videos):
    batch = pad(videos, CPU)
    return batch.frames, batch


def refined(start, embeddings, batch, task, n_rounds):
    trial = Trial(task, replace(batch, frames=embeddings), start)
    return refine([trial], n_rounds)[0].prototypes


def unit_rows(vectors):
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def assert_same_rows(found, expected):
    order, other = (np.lexsort(rows.T) for rows in (found, expected))
    np.testing.assert_allclose(found[order], expected[other], atol=1e-6)


def slices_by_loop(videos, k):
    """Return the sum and the number of the frames of each slice of time."""
    sums, counts = np.zeros((k, videos[0].shape[1])), np.zeros(k, dtype=int)
    for video in videos:
        for i, frame in enumerate(video):
            where = i * k // len(video)
            sums[where] += frame
            counts[where] += 1
    return sums, counts


@given(lengths, st.integers(1, 6), st.integers(0, 99))
def test_time_slices_are_the_mean_directions_of_equal_parts(lengths, k, seed):
    videos = unit_videos(lengths, seed)
    found = time_slices(*batched(videos), k).numpy()
    sums, counts = slices_by_loop(videos, k)
    full = (counts > 0) & (np.linalg.norm(sums, axis=1) > 1e-3)
    np.testing.assert_allclose(found[full], unit_rows(sums[full]), atol=1e-4)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)


@given(st.lists(st.integers(1, 3), min_size=1, max_size=3), st.integers(4, 9))
def test_slice_without_frames_takes_the_nearest_frame_of_the_first_video(lengths, k):
    videos = unit_videos(lengths)
    found = time_slices(*batched(videos), k).numpy()
    _, counts = slices_by_loop(videos, k)
    for empty in np.flatnonzero(counts == 0):
        np.testing.assert_allclose(
            found[empty], videos[0][empty * len(videos[0]) // k], atol=1e-6
        )


def test_time_slices_do_not_depend_on_the_order_of_the_videos():
    videos = unit_videos([12, 7, 9])
    forth = time_slices(*batched(videos), 3)
    back = time_slices(*batched(videos[::-1]), 3)
    torch.testing.assert_close(forth, back)


@pytest.mark.parametrize("sizes", [(10, 14), (300, 500)])  # few, and WARD_FRAMES
@pytest.mark.parametrize("in_order", [True, False])
def test_k_means_finds_planted_groups_in_order_of_time(sizes, in_order):
    rng = np.random.default_rng(0)
    centres = np.eye(4, dtype=np.float32)[[2, 0, 3]]
    videos = [
        np.repeat(centres, n, axis=0) + 0.01 * rng.standard_normal((3 * n, 4))
        for n in sizes
    ]
    found = k_means(*batched(videos), 3, in_order=in_order).numpy()
    np.testing.assert_allclose(found, centres, atol=0.02)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)


@pytest.mark.parametrize(("in_order", "n_frames"), [(True, 1024), (False, 2048)])
def test_wards_clusters_are_of_few_frames(in_order, n_frames, monkeypatch):
    seen, pdist = [], _start.pdist

    def spy(frames):
        seen.append(len(frames))
        return pdist(frames)

    monkeypatch.setattr(_start, "pdist", spy)
    k_means(*batched(unit_videos([1500, 1000])), 3, in_order=in_order)
    assert seen == [n_frames]


@given(lengths, st.integers(1, 9), st.integers(0, 99))
def test_one_tree_has_the_clusters_of_each_number(lengths, k, seed):
    embeddings, batch = batched(unit_videos([*lengths, 2], seed))
    tree = WardTree.of(embeddings, batch)
    frames = embeddings[batch.mask].numpy()
    k = min(k, len(frames))
    model = AgglomerativeClustering(k, linkage="ward").fit(frames)
    expected = [frames[model.labels_ == label].mean(axis=0) for label in range(k)]
    assert_same_rows(tree.centres(k), np.stack(expected))


def test_k_means_ignores_padding():
    # One group far from zero: a padded frame would pull a centre to the origin.
    videos = [np.tile(np.float32([[0, 1], [1, 0]]), (n, 1)) for n in (2, 20)]
    found = k_means(*batched(videos), 2).numpy()
    assert sorted(found.round(5).tolist()) == [[0.0, 1.0], [1.0, 0.0]]


@pytest.mark.filterwarnings("error")
def test_k_means_with_fewer_distinct_frames_than_actions_repeats_a_centre():
    videos = [np.tile(np.float32([[0, 1]]), (5, 1)), np.float32([[1, 0], [1, 0]])]
    found = k_means(*batched(videos), 4)
    assert found.shape == (4, 2)
    assert len(np.unique(found.numpy().round(5), axis=0)) == 2
    torch.testing.assert_close(found.norm(dim=1), torch.ones(4))


def test_k_means_of_frames_that_differ_by_rounding_repeats_a_centre():
    rounding = np.finfo(np.float32).eps * (np.arange(16) % 5)
    frames = np.tile(unit_videos([2])[0], (8, 1)) * (1 + rounding[:, None])
    found = k_means(*batched([frames.astype(np.float32)]), 7).numpy()
    assert found.shape == (7, frames.shape[1])
    assert len(np.unique(found.round(4), axis=0)) == 2


def test_frames_that_look_like_distances_are_frames():
    frames = np.array([[0, 1], [1, 0]], np.float32)  # scipy would warn
    found = k_means(*batched([frames]), 2)
    np.testing.assert_array_equal(found, frames)


def test_k_means_of_a_single_frame_is_that_frame():
    found = k_means(*batched([np.float32([[0.6, 0.8]])]), 2)
    torch.testing.assert_close(found, torch.tensor([[0.6, 0.8]] * 2))


@given(lengths, st.integers(1, 4), st.integers(0, 99))
def test_round_of_refinement_moves_each_action_to_its_barycentre(lengths, k, seed):
    embeddings, batch = batched(unit_videos(lengths, seed))
    start = torch.from_numpy(unit_videos([k], seed + 1)[0])
    found = refined(start, embeddings, batch, TASK, 1).numpy()
    plan = TASK.solve(embeddings, batch, start).plan.numpy()
    sums = np.zeros((k, embeddings.shape[2]))
    for b, n in enumerate(lengths):
        for i in range(n):
            # A frame counts the same in a long video and in a short one.
            sums += n * plan[b, i][:, None] * embeddings[b, i].numpy()
    clear = np.linalg.norm(sums, axis=1) > 1e-2
    np.testing.assert_allclose(found[clear], unit_rows(sums[clear]), atol=1e-3)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)


def test_rounds_follow_each_other():
    embeddings, batch = batched(unit_videos([12, 9]))
    start = torch.from_numpy(unit_videos([3], 1)[0])
    twice = refined(start, embeddings, batch, TASK, 2)
    once = refined(start, embeddings, batch, TASK, 1)
    assert torch.equal(refined(start, embeddings, batch, TASK, 0), start)
    assert torch.equal(refined(once, embeddings, batch, TASK, 1), twice)
    assert not torch.equal(once, twice)


def test_rounds_end_where_no_action_moves():
    rng = np.random.default_rng(0)
    centres = np.eye(4, dtype=np.float32)[[2, 0, 3]]
    noise = [0.1 * rng.standard_normal((60, 4)) for _ in range(2)]
    embeddings, batch = batched([np.repeat(centres, 20, axis=0) + n for n in noise])
    starts = []

    def solve(embeddings, batch, prototypes):
        starts.append(prototypes)
        return TASK.solve(embeddings, batch, prototypes)

    start = torch.from_numpy(unit_rows(centres + 0.3))
    found = refined(start, embeddings, batch, SimpleNamespace(solve=solve), 50)
    ways = [
        float((1 - (after * before).sum(dim=1)).max())
        for before, after in pairwise([*starts, found])
    ]
    assert 2 < len(ways) < 10
    assert ways[-1] < SETTLED <= min(ways[:-1])


def test_trials_are_refined_side_by_side_as_each_would_be_alone():
    embeddings, batch = batched(unit_videos([40, 33, 28]))
    frames = replace(batch, frames=embeddings)
    shorter = spread_batch(unit_videos([40, 33, 28]), 30, CPU)
    weights, starts = (0.3, 0.1, 0.02), [unit_videos([3], seed)[0] for seed in (1, 2)]
    trials = [
        Trial(replace(TASK, lambda_actions=weight, alpha=alpha), where, start)
        for weight in weights
        for alpha in (0.3, 0.6)
        for where in (frames, shorter)
        for start in [*map(torch.from_numpy, starts), torch.eye(4)]
    ]
    together = refine(trials, 40)
    for trial, found in zip(trials, together, strict=True):
        [alone] = refine([trial], 40)
        assert torch.equal(found.prototypes, alone.prototypes)
    plans = solve_together(together)
    for trial, plan in zip(together, plans, strict=True):
        frames = trial.batch.frames
        alone = trial.task.solve(frames, trial.batch, trial.prototypes).plan
        assert torch.equal(plan, alone)


def test_trials_that_fill_a_batch_make_another(monkeypatch):
    embeddings, batch = batched(unit_videos([60, 45]))
    trials = [
        Trial(
            replace(TASK, lambda_actions=weight),
            replace(batch, frames=embeddings),
            torch.from_numpy(unit_videos([3])[0]),
        )
        for weight in (0.1, 0.2, 0.3, 0.4, 0.5)
    ]
    expected = solve_together(trials)
    sizes, solve = [], _segmentation.fused_gromov_wasserstein

    def spy(cost, *args, **options):
        sizes.append(len(cost))
        return solve(cost, *args, **options)

    monkeypatch.setattr(_segmentation, "fused_gromov_wasserstein", spy)
    monkeypatch.setattr(_segmentation, "TOGETHER", 2 * (2 * 60 * 3))
    found = solve_together(trials)
    assert sizes == [4, 4, 2]
    for one, other in zip(found, expected, strict=True):
        assert torch.equal(one, other)


def test_action_without_mass_stays_where_it_is():
    embeddings, batch = batched(unit_videos([6]))
    plan = torch.zeros(1, 6, 2)
    plan[:, :, 0] = 1 / 6
    task = SimpleNamespace(solve=lambda *_: SimpleNamespace(plan=plan))
    start = torch.from_numpy(unit_videos([2], 1)[0])
    found = refined(start, embeddings, batch, task, 3)
    assert torch.equal(found[1], start[1])
    assert not torch.equal(found[0], start[0])


def test_thinning_spreads_long_videos_and_keeps_short_ones():
    videos = [np.arange(n, dtype=np.float32)[:, None] for n in (20, 3)]
    batch = spread_batch(videos, 5, CPU)
    assert batch.lengths.tolist() == [5, 3]
    assert batch.frames[0, :, 0].tolist() == [2, 6, 10, 14, 18]
    assert batch.frames[1, :3, 0].tolist() == [0, 1, 2]


def random_plan(seed, k=4):
    plan = torch.from_numpy(np.random.default_rng(seed).random((2, 15, k)) ** 8)
    return plan / plan.sum(dim=(1, 2), keepdim=True)


@given(st.permutations(range(4)), st.integers(0, 99))
def test_vote_does_not_depend_on_how_a_plan_numbers_the_actions(order, seed):
    plan = random_plan(seed)
    voted = vote([plan, plan[:, :, order]], np.array([2.0, 1.0]))
    torch.testing.assert_close(voted, plan)


def test_votes_weigh_as_they_should():
    a, b = random_plan(0), random_plan(0) + 0.1 * random_plan(1)
    torch.testing.assert_close(vote([a, b], np.array([3.0, 1.0])), 0.75 * a + 0.25 * b)
    torch.testing.assert_close(vote([a, b], np.array([0.0, 1.0])), b)


def test_all_take_part_in_how_a_plan_is_renumbered():
    """The last plan resembles the first as it is, and the average the other way."""
    labels = [[0, 1, 1, 1, 1], [0, 1, 0, 0, 0], [0, 1, 0, 0, 0], [0, 1, 0, 1, 0]]
    plans = [torch.eye(2)[torch.tensor(row)][None] for row in labels]
    voted = vote(plans, np.array([3.0, 2.0, 2.0, 1.0]))
    expected = torch.tensor([3.0, 5.0, 0.0, 1.0, 0.0]) / 8
    torch.testing.assert_close(voted[0, :, 0], expected)
