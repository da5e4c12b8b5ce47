"""The unlabelled score: do labels agree with matches."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy.spatial.distance import cdist
from sklearn.metrics import adjusted_mutual_info_score

from skvas.decoding import monotone_path, path_to_matches
from skvas.metrics import (
    SharedOrder,
    consistency_score,
    match_pairs,
    modularity_score,
    shared_order,
)
from skvas.metrics._order import may_be_shared


def ordered_videos(n_videos=6, seed=0, noise=0.3):
    """Videos of four actions in one order, with their true labels."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(4, 5))
    labels = [np.repeat(np.arange(4), rng.integers(5, 15, 4)) for _ in range(n_videos)]
    videos = [
        centres[video] + noise * rng.normal(size=(len(video), 5)) for video in labels
    ]
    return videos, labels


def test_both_terms_are_the_information_of_labels_of_matched_frames():
    videos, labels = ordered_videos(3)
    rng = np.random.default_rng(1)
    found = [np.where(rng.random(len(v)) < 0.3, 3 - v, v) for v in labels]
    own, monotone, free = [], [], []
    for i, j in [(0, 1), (0, 2), (1, 2)]:
        cost = cdist(videos[i], videos[j])
        matches = path_to_matches(monotone_path(cost), cost)
        own += [*found[i], *found[j]]
        monotone += [*found[j][matches[0]], *found[i][matches[1]]]
        free += [*found[j][cost.argmin(axis=1)], *found[i][cost.argmin(axis=0)]]
    result = consistency_score(found, videos)
    assert result.n_pairs == 3
    assert np.isclose(result.monotone, adjusted_mutual_info_score(own, monotone))
    assert np.isclose(result.free, adjusted_mutual_info_score(own, free))
    assert np.isclose(result.score, result.monotone * result.free)


def test_score_falls_as_labels_get_worse():
    videos, labels = ordered_videos()
    rng = np.random.default_rng(0)
    scores = []
    for share in (0.0, 0.2, 0.5, 1.0):
        wrong = [
            np.where(rng.random(len(v)) < share, rng.integers(0, 4, len(v)), v)
            for v in labels
        ]
        scores.append(consistency_score(wrong, videos, random_state=0).score)
    assert scores == sorted(scores, reverse=True)
    assert scores[0] > 0.8
    assert scores[-1] < 0.01


def test_labels_that_are_all_equal_score_nothing():
    videos, labels = ordered_videos()
    result = consistency_score([np.zeros(len(video)) for video in labels], videos)
    assert (result.score, result.monotone, result.free) == (0, 0, 0)


def test_score_does_not_depend_on_how_labels_are_called():
    videos, labels = ordered_videos()
    renamed = [np.array(list("dbca"))[video] for video in labels]
    assert consistency_score(renamed, videos) == consistency_score(labels, videos)


def test_two_negative_terms_give_no_positive_score():
    videos = [np.arange(4.0)[:, None]] * 2
    result = consistency_score([[0, 1, 1, 1], [1, 1, 1, 1]], videos)
    assert result.monotone < 0
    assert result.free < 0
    assert result.score == 0


def test_pairs_are_drawn_by_the_seed():
    videos, labels = ordered_videos(10)
    scores = [
        consistency_score(labels, videos, n_pairs=5, random_state=seed)
        for seed in (0, 0, 1)
    ]
    assert scores[0] == scores[1]
    assert scores[0] != scores[2]
    assert scores[0].n_pairs == 5


def test_few_videos_are_matched_in_all_their_pairs_and_each_pair_once():
    videos = [np.full((1, 1), float(i)) for i in range(6)]
    matches = match_pairs(videos, n_pairs=99)
    pairs = {frozenset(p) for p in zip(matches.frames, matches.free, strict=True)}
    assert matches.n_pairs == len(pairs) == 15
    assert all(len(pair) == 2 for pair in pairs)
    assert match_pairs(videos, n_pairs=4).n_pairs == 4


def test_matches_made_once_give_the_same_score():
    videos, labels = ordered_videos()
    matches = match_pairs(videos, n_pairs=7, random_state=3)
    direct = consistency_score(labels, videos, n_pairs=7, random_state=3)
    assert consistency_score(labels, matches) == direct


def test_long_videos_are_thinned_out_evenly():
    videos = [np.linspace(0, 1, n)[:, None] for n in (1000, 150)]
    matches = match_pairs(videos)
    assert len(matches.frames) == 300 + 150
    assert np.ptp(np.diff(matches.frames[:300])) <= 1
    assert_array_equal(matches.frames[300:], np.arange(1000, 1150))
    # The videos are one ramp: a partner lies at the same share of its video.
    ramp = np.concatenate(videos)[:, 0]
    assert np.abs(ramp[matches.free] - ramp[matches.frames]).max() < 0.01
    assert np.abs(ramp[matches.monotone] - ramp[matches.frames]).max() < 0.01


def test_input_that_cannot_be_scored_is_refused():
    videos, labels = ordered_videos()
    with pytest.raises(ValueError, match="two videos"):
        consistency_score(labels[:1], videos[:1])
    with pytest.raises(ValueError, match="6 video"):
        consistency_score(labels[:2], videos)
    with pytest.raises(ValueError, match="n_pairs"):
        match_pairs(videos, n_pairs=0)


def test_modularity_is_that_of_the_graph_of_matched_frames():
    videos, labels = ordered_videos(4)
    matches = match_pairs(videos)
    rng = np.random.default_rng(1)
    found = [np.where(rng.random(len(v)) < 0.3, 3 - v, v) for v in labels]
    flat = np.concatenate(found)
    expected = []
    for partners in (matches.free, matches.monotone):
        graph = nx.MultiDiGraph(zip(matches.frames, partners, strict=True))
        groups = [set(np.flatnonzero(flat == label)) & set(graph) for label in range(4)]
        expected.append(nx.community.modularity(graph, groups))
    score = modularity_score(found, matches)
    assert np.isclose(score, expected[0])
    assert modularity_score(found, videos) == score
    both = modularity_score(found, matches, ordered=True)
    assert np.isclose(both, np.mean(expected))


def test_modularity_is_highest_for_the_true_number_of_labels():
    videos, labels = ordered_videos()
    merged = [video // 2 for video in labels]
    # Every other frame: halves that nothing tells apart.
    halved = [2 * video + np.arange(len(video)) % 2 for video in labels]
    scores = [modularity_score(found, videos) for found in (merged, labels, halved)]
    assert max(scores) == scores[1]
    assert modularity_score([0 * video for video in labels], videos) == 0


@pytest.mark.parametrize(
    ("order", "verdict"),
    [
        (SharedOrder(0.4, 0.05, 30, 200), "yes"),
        (SharedOrder(0.15, 0.02, 30, 200), "undecided"),  # above 0, but small
        (SharedOrder(0.05, 0.05, 30, 200), "no"),
        (SharedOrder(0.2, 0.11, 30, 200), "undecided"),  # may be both
        (SharedOrder(0.15, 0.1, 30, 200), "undecided"),
        (SharedOrder(-0.1, 0.05, 30, 200), "no"),
        (SharedOrder(-0.1, 0.05, 6, 200), "undecided"),  # three videos
        (SharedOrder(0.4, 0.05, 6, 200), "undecided"),
        (SharedOrder(0.8, 0.05, 6, 200), "yes"),
        (SharedOrder(-0.1, 0.05, 30, 30), "undecided"),  # short videos
        (SharedOrder(0.9, float("inf"), 1, 200), "undecided"),
    ],
)
def test_verdict_on_order(order, verdict):
    assert order.verdict == verdict
    assert may_be_shared(order) is (verdict != "no")


def test_shared_order_is_one_where_paths_cost_as_little_as_nearest_neighbours():
    angles = np.linspace(0, 1, 20)
    videos = [
        np.column_stack([np.cos(a), np.sin(a), np.full(20, 0.2 * i)])
        for i, a in enumerate([angles, angles])
    ]
    assert shared_order(videos).value == pytest.approx(1)  # though that is not 0
    there_and_back = [np.concatenate([video, video[::-1]]) for video in videos]
    assert shared_order(there_and_back).value == pytest.approx(0)


def test_number_of_frames_is_that_of_the_median_video():
    videos = [np.random.default_rng(n).normal(size=(n, 3)) for n in (20, 30, 90)]
    assert shared_order(videos, random_state=0).n_frames == 30


@pytest.mark.parametrize(("scale", "offset"), [(1, 1e9), (1e-200, 0), (1e200, 0)])
def test_scores_depend_on_no_unit_and_no_offset(scale, offset):
    videos, labels = ordered_videos(3)
    videos = [np.round(64 * video) for video in videos]  # exact with any offset
    moved = [scale * video + offset for video in videos]
    matches, expected = match_pairs(moved), match_pairs(videos)
    assert_array_equal(matches.free, expected.free)
    assert_array_equal(matches.monotone, expected.monotone)
    assert modularity_score(labels, moved) == modularity_score(labels, videos)


def test_frames_that_tie_do_so_far_from_zero():
    video = np.repeat([[0.0], [1.0]], 4, axis=0)
    matches = match_pairs([video, video + 0.0])
    assert_array_equal(matches.free, np.tile(np.repeat([8, 12, 0, 4], 4), 1))
