"""Scores of a segmentation, against their definitions."""

from __future__ import annotations

import tracemalloc
from dataclasses import asdict
from functools import cache
from itertools import groupby, permutations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from skvas.metrics import (
    edit_score,
    f1_majority,
    f1_overlap,
    f1_sampled,
    match_labels,
    miou,
    mof,
    segmentation_report,
)

SCORES = [mof, miou, f1_majority, edit_score, f1_overlap]


@st.composite
def labellings(draw, n_actions=4, n_clusters=5):
    """Small data sets of true and predicted labels; some labels may be absent."""
    lengths = draw(st.lists(st.integers(1, 12), min_size=1, max_size=3))

    def side(n):
        return [
            np.array(draw(st.lists(st.integers(0, n - 1), min_size=m, max_size=m)))
            for m in lengths
        ]

    return side(n_actions), side(n_clusters)


def one_to_one_maps(clusters, actions):
    """Every way to give clusters an action of their own, or none."""
    slots = [*actions, *[None] * len(clusters)]
    for chosen in set(permutations(slots, len(clusters))):
        yield dict(zip(clusters, chosen, strict=True))


def report_scores(report):
    """The figures of a report alone."""
    return {k: v for k, v in asdict(report).items() if isinstance(v, float)}


@given(labellings(n_actions=3, n_clusters=4))
def test_matching_is_the_best_of_all_one_to_one_maps(labels):
    true, pred = labels
    t, p = np.concatenate(true).tolist(), np.concatenate(pred).tolist()
    best = max(
        sum(mapping[b] == a for a, b in zip(t, p, strict=True))
        for mapping in one_to_one_maps(sorted(set(p)), sorted(set(t)))
    )
    mapping = match_labels(true, pred)
    assert sum(mapping.get(b) == a for a, b in zip(t, p, strict=True)) == best
    assert len(set(mapping.values())) == len(mapping)
    assert mof(true, pred) == best / len(t)


@given(labellings())
def test_no_cluster_is_matched_with_an_action_that_it_never_meets(labels):
    true, pred = labels
    pairs = set(zip(np.concatenate(pred), np.concatenate(true), strict=True))
    assert set(match_labels(true, pred).items()) <= pairs


def test_a_cluster_without_a_partner_is_left_out():
    assert match_labels(list("aaaab"), [0, 0, 0, 1, 0]) == {0: "a"}


def test_equally_good_matchings_are_told_apart_by_their_unions():
    # Clusters 0 and 1 both hold half of a, but 0 also holds a frame of b.
    true = list("aaaabbbb")
    assert match_labels(true, [0, 0, 1, 1, 0, 2, 2, 2]) == {1: "a", 2: "b"}
    # Four frames agree with 1 as b and 2 as c, or the other way round: the ratios of
    # the two add up to 1/5 + 2/5, or to 1/3 + 1/4.
    true, pred = list("abbbbccc"), [0, 0, 1, 2, 2, 1, 2, 2]
    assert match_labels(true, pred) == {0: "a", 1: "b", 2: "c"}


@given(labellings())
def test_miou_is_the_mean_over_true_actions_of_shared_over_joint_frames(labels):
    true, pred = labels
    report = segmentation_report(true, pred)
    t = np.concatenate(true)
    p = [report.mapping[0].get(cluster) for cluster in np.concatenate(pred)]
    expected = {}
    for action in set(t.tolist()):
        ours = {i for i, name in enumerate(t) if name == action}
        theirs = {i for i, name in enumerate(p) if name == action}
        expected[action] = len(ours & theirs) / len(ours | theirs)
    assert report.iou == expected
    assert_allclose(report.miou, np.mean(list(expected.values())))


@given(labellings(), st.permutations(range(5)))
def test_no_score_depends_on_how_clusters_are_called(labels, names):
    true, pred = labels
    renamed = [np.array([f"c{names[v]}" for v in video]) for video in pred]
    for matching in ("global", "per_video"):
        ours = segmentation_report(true, pred, matching=matching, random_state=0)
        theirs = segmentation_report(true, renamed, matching=matching, random_state=0)
        assert report_scores(ours) == report_scores(theirs)
        for a, b in zip(ours.mapping, theirs.mapping, strict=True):
            assert {f"c{names[k]}": v for k, v in a.items()} == b


@given(labellings())
def test_a_segmentation_matches_itself_perfectly(labels):
    true, _ = labels
    report = segmentation_report(true, [video + 7 for video in true], random_state=0)
    figures = report_scores(report)
    assert figures.pop("recall") == 1
    # Precision supposes that each action occurs once in each video.
    n_segments = sum(len(list(groupby(video))) for video in true)
    n_actions = len(set(np.concatenate(true).tolist()))
    precision, f1 = figures.pop("precision"), figures.pop("f1")
    assert_allclose(precision, n_segments / (len(true) * n_actions))
    assert_allclose(f1, 2 * precision / (precision + 1))
    assert set(figures.values()) == {1.0}


@given(labellings())
def test_scopes_of_the_matching_nest(labels):
    true, pred = labels
    videos = list(range(len(true)))

    def scores(**options):
        return report_scores(segmentation_report(true, pred, random_state=0, **options))

    assert scores() == scores(matching="per_group", groups=["x"] * len(true))
    per_video = scores(matching="per_video")
    per_group = scores(matching="per_group", groups=videos)
    of_actions = {"f1", "precision", "miou"}  # those of groups have names of their own
    assert {k for k, v in per_video.items() if per_group[k] != v} <= of_actions
    mean = scores(matching="per_video", average="videos")
    assert mean == scores(matching="per_group", groups=videos, average="groups")
    assert mean == scores(matching="per_group", groups=videos, average="videos")
    assert per_video["mof"] >= scores()["mof"] >= scores(matching=None)["mof"]


def test_a_group_has_its_own_matching_and_all_videos_one_score():
    true = [list("aabb"), list("aabb"), list("aaab")]
    pred = [[0, 0, 1, 1], [1, 1, 0, 0], [1, 1, 1, 1]]
    report = segmentation_report(
        true, pred, matching="per_group", groups=["x", "y", "y"]
    )
    assert report.mapping[0] == {0: "a", 1: "b"}
    assert report.mapping[1] == report.mapping[2] == {1: "a", 0: "b"}
    assert report.mof == 11 / 12
    assert report.iou == {
        ("x", "a"): 1,
        ("x", "b"): 1,
        ("y", "a"): 5 / 6,
        ("y", "b"): 2 / 3,
    }
    assert report.miou == 3.5 / 4
    assert str(report).splitlines()[4].split() == ["x", "a", "1.000"]
    assert (report.matching, report.background) == ("per_group", None)


def test_groups_that_share_a_name_share_no_action():
    true = [["take", "pour"], ["take", "pour"], ["take", "stir"]]
    pred = [[0, 1], [0, 1], [5, 5]]
    options = {"matching": "per_group", "groups": ["tea", "tea", "egg"]}
    assert miou(true, pred, **options) == (1 + 1 + 0.5 + 0) / 4
    alone = [miou(true[:2], pred[:2]), miou(true[2:], pred[2:])]
    assert alone == [1, 0.25]
    assert miou(true, pred, **options, average="groups") == np.mean(alone)


def test_a_perfect_segmentation_of_several_activities_has_a_perfect_f1():
    true = [
        np.repeat([f"{k}_{i}" for i in range(k)], 5) for k in (2, 3, 7) for _ in "ab"
    ]
    pred = [np.unique(video, return_inverse=True)[1] for video in true]
    options = {"matching": "per_group", "groups": [2, 2, 3, 3, 7, 7]}
    report = segmentation_report(true, pred, **options, random_state=0)
    assert set(report_scores(report).values()) == {1.0}
    assert f1_majority(true, pred, **options) == 1
    assert f1_sampled(true, pred, **options) == 1


@given(labellings(), st.sampled_from(["global", "per_video", None]))
def test_an_average_is_the_mean_of_what_parts_score_alone(labels, matching):
    true, pred = labels
    groups = [0, 1, 0][: len(true)]
    for average, parts in (("videos", range(len(true))), ("groups", groups)):
        options = {"matching": matching, "average": average}
        options |= {"groups": groups} if average == "groups" else {}
        names = pred
        if matching is not None:  # parts alone may pair others of as many frames
            paired = segmentation_report(true, pred, matching=matching).mapping
            names = [
                [mapping.get(c, c + 90) for c in p.tolist()]
                for mapping, p in zip(paired, pred, strict=True)
            ]
        for score in SCORES:
            alone = [
                score(
                    [t for t, part in zip(true, parts, strict=True) if part == one],
                    [p for p, part in zip(names, parts, strict=True) if part == one],
                    matching=None,
                )
                for one in set(parts)
            ]
            assert_allclose(score(true, pred, **options), np.mean(alone))


def test_an_average_over_videos_does_not_weigh_them_by_their_length():
    true = [np.repeat([0, 1], 5), np.repeat([0, 1], 250), [9, 9]]
    pred = [true[0], np.zeros(500, int), [0, 1]]
    options = {"matching": "per_video", "background": 9}
    assert mof(true, pred, **options) == 260 / 510
    assert mof(true, pred, **options, average="videos") == 0.75
    report = segmentation_report(true, pred, **options, average="videos")
    assert (report.mof, report.miou, report.average) == (0.75, 0.625, "videos")


def test_without_matching_names_count():
    true, pred = list("aabb"), list("bbaa")
    assert mof(true, pred) == 1
    assert mof(true, pred, matching=None) == 0
    report = segmentation_report(list("aabb"), list("abcb"), matching=None)
    assert report.mof == 0.5
    assert report.iou == {"a": 0.5, "b": 1 / 3}


def edit_distance(a, b):
    """Levenshtein distance by its recursion."""

    @cache
    def distance(i, j):
        if i == 0 or j == 0:
            return i + j
        return min(
            distance(i - 1, j) + 1,
            distance(i, j - 1) + 1,
            distance(i - 1, j - 1) + (a[i - 1] != b[j - 1]),
        )

    return distance(len(a), len(b))


@given(labellings(n_actions=4, n_clusters=4))
def test_edit_score_is_the_levenshtein_distance_of_segments(labels):
    true, pred = labels
    expected = []
    for t, p in zip(true, pred, strict=True):
        a, b = ([key for key, _ in groupby(side)] for side in (t, p))
        expected.append(1 - edit_distance(a, b) / max(len(a), len(b)))
    assert_allclose(edit_score(true, pred, matching=None), np.mean(expected))


def runs(labels):
    """Segments as (start, end, label)."""
    segments, start = [], 0
    for label, run in groupby(labels):
        end = start + len(list(run))
        segments.append((start, end, label))
        start = end
    return segments


def overlap_f1(true, pred, threshold):
    """F1 at an overlap, one predicted segment after another."""
    hits = false = missed = 0
    for t, p in zip(true, pred, strict=True):
        segments = runs(t)
        taken = [False] * len(segments)
        for start, end, label in runs(p):
            ratios = [
                max(min(end, b) - max(start, a), 0)
                / (max(end, b) - min(start, a))
                * (label == name)
                for a, b, name in segments
            ]
            best = int(np.argmax(ratios))
            if ratios[best] >= threshold and not taken[best]:
                taken[best] = True
                hits += 1
            else:
                false += 1
        missed += taken.count(False)
    return 2 * hits / (2 * hits + false + missed)


@given(labellings(n_actions=3, n_clusters=3), st.sampled_from([0.1, 0.25, 0.5, 0.75]))
def test_f1_at_an_overlap_counts_hits_false_alarms_and_misses(labels, threshold):
    true, pred = labels
    ours = f1_overlap(true, pred, threshold=threshold, matching=None)
    assert_allclose(ours, overlap_f1(true, pred, threshold))


def test_a_true_segment_is_hit_once_only():
    true, pred = [0, 0, 0, 0, 0, 0], [0, 0, 1, 0, 0, 0]
    # Both predictions overlap it by a quarter or more: one hit in 1 + 3 segments.
    assert f1_overlap(true, pred, threshold=0.25, matching=None) == 2 * 1 / (1 + 3)


@pytest.mark.parametrize("true", ["aabaaaa", "aaaabaa"])
def test_a_predicted_segment_is_of_the_true_one_that_it_overlaps_most(true):
    score = f1_overlap([*true], [*"aaaaaaa"], threshold=0.5, matching=None)
    assert score == 2 * 1 / (3 + 1)


def test_f1_at_an_overlap_of_many_segments_takes_little_memory():
    rng = np.random.RandomState(0)
    true, pred = rng.randint(2, size=(2, 20_000)).repeat(2, axis=1)
    tracemalloc.start()
    try:
        f1_overlap(true, pred, matching=None)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 20 * (true.nbytes + pred.nbytes)


def test_f1_of_majorities_by_hand():
    true = [list("aaabb"), list("ccccc")]
    pred = [[0, 1, 1, 0, 2], [0, 0, 0, 1, 1]]
    assert match_labels(true, pred) == {0: "c", 1: "a", 2: "b"}
    # a is right in 2 frames of 3, b in 1 of 2, which is no more than half, c in 3 of 5.
    precision, recall = 2 / (2 * 3), 2 / 3  # two videos of three actions; 3 segments
    expected = 2 * precision * recall / (precision + recall)
    assert_allclose(f1_majority(true, pred), expected)


def test_sampled_f1_is_that_of_frames_drawn_one_by_one():
    true = [np.repeat([0, 1, 2], [4, 9, 30]), np.repeat([1, 0], [2, 13])]
    rng = np.random.default_rng(0)
    pred = [np.where(rng.random(len(t)) < 0.45, 3, t) for t in true]
    found = []
    for _ in range(4000):
        n_found = 0
        for t, p in zip(true, pred, strict=True):
            for start, end, label in runs(t):
                drawn = rng.integers(start, end, size=15)
                n_found += (p[drawn] == label).sum() > 7.5
        found.append(n_found)
    found = np.array(found)
    precision, recall = found / (2 * 3), found / 5
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-9)
    report = segmentation_report(
        true, pred, matching=None, f1_draws=4000, random_state=0
    )
    assert 0.1 < f1.mean() < 0.9
    assert_allclose(report.f1, f1.mean(), atol=0.01)
    assert_allclose(report.precision, precision.mean(), atol=0.01)
    assert_allclose(report.recall, recall.mean(), atol=0.01)


def test_sampled_f1_repeats_with_its_seed_only():
    true, pred = np.repeat(range(9), 20), np.tile(range(2), 90)
    scores = [f1_sampled(true, pred, random_state=seed) for seed in (0, 0, 1)]
    assert scores[0] == scores[1] != scores[2]
    report = segmentation_report(true, pred, random_state=0)
    assert report.f1 == scores[0]
    assert report.sampling == "15 frames a segment with replacement, 50 draws"


@given(labellings(n_actions=3), st.integers(0, 2))
@example(  # a tie that predictions on background could decide
    (
        [np.array([0]), np.repeat([0, 2], [10, 1]), np.array([0, 0, 0, 0, 1, 2])],
        [np.array([0]), np.append([0] * 9, [3, 2]), np.array([0, 0, 0, 0, 0, 3])],
    ),
    0,
)
def test_background_frames_count_nowhere_whatever_is_predicted_there(labels, seed):
    true, pred = labels
    true = [np.append(video, 1) for video in true]  # at least one frame to score
    pred = [np.append(video, 1) for video in pred]
    rng = np.random.default_rng(seed)
    other = [
        np.where(t == 0, rng.integers(0, 9, len(t)), p)
        for t, p in zip(true, pred, strict=True)
    ]
    options = {"background": 0, "random_state": 0}
    report = segmentation_report(true, pred, **options)
    # Names of clusters that are only seen on background do not matter either.
    assert report_scores(segmentation_report(true, other, **options)) == report_scores(
        report
    )
    t, p = np.concatenate(true), np.concatenate(pred)
    assert report.mof == mof(t[t != 0], p[t != 0])
    assert report.miou == miou(t[t != 0], p[t != 0])
    assert 0 not in report.iou
    assert report.background == 0


def test_background_separates_segments_on_both_sides():
    true, pred = [1, 1, 0, 0, 1, 2], [5, 5, 5, 5, 5, 6]
    assert edit_score(true, pred, background=0) == 1
    assert f1_overlap(true, pred, threshold=1, background=0) == 1
    assert f1_majority(true, [5, 5, 5, 5, 6, 6], background=0) == 2 * 2 / (2 + 3)


@pytest.mark.parametrize("kind", [list, tuple, set, np.array])
def test_background_may_have_several_labels(kind):
    true = [["begin", "a", "a", "b", "end"], ["begin", "a", "b", "b", "end"]]
    pred = [[3, 1, 1, 1, 3], [1, 1, 2, 2, 2]]
    one = [[("" if x in ("begin", "end") else x) for x in video] for video in true]
    both = kind(["begin", "end"])
    for score in SCORES:
        assert score(true, pred, background=both) == score(one, pred, background="")
    assert match_labels(true, pred, background=both) == {1: "a", 2: "b"}
    assert mof(true, [["end"] * 5] * 2, background=both) == 0
    assert mof(true, true, background=both, matching=None) == 1
    assert set(segmentation_report(true, pred, background=both).iou) == {"a", "b"}
    assert mof(true, pred, background=kind([])) == mof(true, pred)


def test_a_cluster_that_is_called_like_the_background_is_a_cluster():
    assert mof([0, 0, 1, 1, 2], [9, 9, 0, 0, 1], background=0) == 1


@pytest.mark.parametrize("matching", ["global", "per_video", "per_group"])
@pytest.mark.parametrize(
    ("background", "actions", "clusters"),
    [(-1, [0, 1], [-1, 1]), ("SIL", ["a", "b"], ["SIL", "x"])],
)
def test_background_that_was_predicted_stands_for_no_action(
    matching, background, actions, clusters
):
    true = [actions[0]] * 2 + [actions[1]] * 2 + [background] * 2
    pred = [clusters[0]] * 2 + [clusters[1]] * 2 + [background] * 2
    groups = [0] if matching == "per_group" else None
    report = segmentation_report(
        true, pred, background=background, matching=matching, groups=groups
    )
    assert report.mof == 0.5
    assert report.mapping == ({clusters[1]: actions[1]},)
    assert report.edit == 0.5  # it forms no segment either
    options = {"background": background, "matching": matching, "groups": groups}
    few = segmentation_report(true[2:4], [background, clusters[1]], **options)
    assert few.edit == 1
    assert list(report.iou.values()) == [0, 1]
    nothing = mof(true[:4], [background] * 4, background=background)
    assert nothing == 0


def test_background_predicted_by_name_is_a_mistake_but_no_segment():
    true, pred = [1, 1, 1, 1], [1, 1, 0, 1]
    options = {"matching": None, "background": 0}
    assert mof(true, pred, **options) == 0.75
    assert edit_score(true, pred, **options) == 0.5  # two segments for one
    assert edit_score(true, [0, 0, 1, 1], **options) == 1
    assert edit_score(true, [0, 0, 0, 0], **options) == 0
    assert f1_overlap(true, [0, 0, 0, 0], **options) == 0


def test_a_video_of_background_alone_is_passed_over():
    true, pred = [[1, 1, 2], [0, 0]], [[3, 3, 4], [4, 3]]
    for matching in ("global", "per_video"):
        for score in (mof, miou, edit_score, f1_overlap):
            assert score(true, pred, background=0, matching=matching) == 1


def test_more_clusters_than_actions_and_fewer():
    true = list("aaaabbbb")
    many = segmentation_report(true, [0, 0, 0, 1, 2, 2, 3, 3], random_state=0)
    assert many.iou == {"a": 0.75, "b": 0.5}
    assert many.mof == 5 / 8
    few = segmentation_report(true, [0] * 8, random_state=0)
    assert few.iou == {"a": 0.5, "b": 0.0}
    assert (few.mof, few.miou, few.edit) == (0.5, 0.25, 0.5)


@pytest.mark.parametrize("score", SCORES)
def test_all_containers_give_the_same_score(score):
    true, pred = np.array([[0, 0, 1], [1, 2, 2]]), np.array([[3, 3, 3], [3, 4, 5]])
    boxed = np.empty(2, dtype=object)
    boxed[:] = list(pred)
    expected = score(true, pred)
    assert score(list(true), tuple(pred)) == expected
    assert score([["a", "a", "b"], ["b", "c", "c"]], boxed) == expected
    assert score(true[0], pred[0]) == score([true[0]], pred[0].tolist())


@pytest.mark.parametrize(
    ("true", "pred", "options", "words"),
    [
        ([[0, 1], [0]], [[0, 1], [0, 0]], {}, "video 1.*2 labels for 1"),
        ([[0, 1], [0]], [[0, 1]], {}, "2 video"),
        ([0, 1], [0], {}, "1 labels for 2"),
        ([], [], {}, "at least one frame"),
        ([0, 0], [0, 1], {"background": 0}, "no frame to evaluate"),
        ([0, 1], [0, 1], {"matching": "both"}, "matching"),
        ([0, 1], [0, 1], {"matching": "per_group"}, "groups is missing"),
        ([0, 1], [0, 1], {"groups": [0]}, "groups is given"),
        ([0, 1], [0, 1], {"average": "groups"}, "groups is missing"),
        ([0, 1], [0, 1], {"average": "frames"}, "average"),
        ([0, 1], [0, 1], {"background": [0, 1]}, r"every frame is background \(0, 1\)"),
        ([0, 1], [0, 1], {"matching": "per_group", "groups": [0, 1]}, "2 entries"),
    ],
)
def test_input_that_cannot_be_scored_is_refused(true, pred, options, words):
    with pytest.raises(ValueError, match=words):
        mof(true, pred, **options)


def test_arguments_of_the_wrong_type_are_refused():
    with pytest.raises(TypeError, match="background is '0', but the labels are num"):
        mof([0, 1], [0, 1], background="0")
    with pytest.raises(TypeError, match="background is 0, but the labels are text"):
        mof(["a"], ["a"], background=0)
    with pytest.raises(TypeError, match="background is 0, but the labels are text"):
        mof(["a"], ["a"], background=["a", 0])
    with pytest.raises(TypeError, match=r"collection of labels, got \[\['a'\]\]"):
        mof(["a"], ["a"], background=[["a"]])
    with pytest.raises(TypeError, match="such as '1' and 1 are never equal"):
        mof(["1", "2"], [1, 2], matching=None)
    with pytest.raises(TypeError, match="str"):
        mof("aab", "aab")
    with pytest.raises(ValueError, match="threshold"):
        f1_overlap([0], [0], threshold=0)
    with pytest.raises(ValueError, match="f1_draws"):
        f1_sampled([0], [0], f1_draws=0)


def test_report_prints_tables():
    report = segmentation_report(["a", "a", "b", "b"], [7, 7, 7, 3], random_state=0)
    scores, overlaps = str(report).split("\n\n")
    assert scores.splitlines()[0].split()[:3] == ["MoF", "F1", "mIoU"]
    assert scores.splitlines()[1].split()[0] == "0.750"
    assert overlaps.splitlines()[1].split() == ["a", "0.667"]


@pytest.mark.parametrize("score", [segmentation_report, mof, match_labels])
def test_a_video_without_labels_is_told_to_be_left_out(score):
    with pytest.raises(ValueError, match="video 1 has no labels"):
        score([["a", "b"], None], [[0, 1], [0, 0]])
    with pytest.raises(ValueError, match="video 0 has no labels"):
        score([None, ["a", "b"]], [[0, 1], [0, 0]])


@pytest.mark.parametrize("seed", range(40))
def test_a_group_is_scored_as_it_is_alone(seed):
    """Ties are broken by what is in the group, not by actions that it lacks."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 9, 3)
    true = [rng.integers(0, 4, n) for n in sizes]
    pred = [rng.integers(0, 5, n) for n in sizes]
    for score in (f1_overlap, miou, edit_score):
        alone = [score([t], [p]) for t, p in zip(true, pred, strict=True)]
        groups = {"groups": ["x", "y", "z"], "average": "groups"}
        together = score(true, pred, matching="per_group", **groups)
        assert together == pytest.approx(np.mean(alone))
    true = [[*[0] * 5, *[1] * 5, 0, 0, 1, 1], [1, 1, 1, 1]]
    pred = [[1, 2, 2, 2, 2, 2, 2, 0, 0, 0, 2, 2, 2, 2], [3, 0, 0, 3]]
    report = segmentation_report(true, pred, matching="per_video", average="videos")
    assert report.mapping[1] == segmentation_report(true[1:], pred[1:]).mapping[0]
