"""Known pairs of frames bend an alignment."""

from __future__ import annotations

import numpy as np
import pytest

from skvas import Aligning, JointAlignSegment, VideoAligner
from skvas.alignment._anchors import bend, check_anchors
from skvas.alignment._path_cost import PathCost, View
from skvas.exceptions import CoarseAlignmentWarning
from tests.models import quick, small_videos

VIDEOS = small_videos()
ANCHORS = [(5, 12), (20, 21)]


@pytest.fixture(scope="module", params=["monotone", "plan", "nearest"])
def model(request):
    return quick(VideoAligner, matching=request.param, max_epochs=0).fit(VIDEOS)


def test_hard_anchors_are_matches(model):
    found = model.align(*VIDEOS[:2], anchors=ANCHORS)
    for i, j in ANCHORS:
        assert found.matches_x[i] == j
        assert found.matches_y[j] == i
    if model.matching_ == "monotone":
        for matches in (found.matches_x, found.matches_y):
            assert (np.diff(matches[matches >= 0]) >= 0).all()


def test_frames_near_a_hard_anchor_follow_it(model):
    free = model.align(*VIDEOS[:2])
    partner = int(free.matches_x[15]) - 6
    bent = model.align(*VIDEOS[:2], anchors=[(15, partner)])
    assert bent.plan[15, partner] > 2 * free.plan[15, partner]
    if model.matching_ == "monotone":
        assert bent.matches_x[14] <= partner < free.matches_x[14]


def test_soft_anchors_pull_and_may_be_overruled(model):
    free = model.align(*VIDEOS[:2])
    bent = model.align(*VIDEOS[:2], anchors=[(5, 12)], anchor_kind="soft")
    assert bent.plan[5, 12] > free.plan[5, 12]


def test_joint_model_takes_anchors():
    model = quick(JointAlignSegment, max_epochs=0).fit(VIDEOS)
    found = model.align(*VIDEOS[:2], anchors=ANCHORS)
    assert all(found.matches_x[i] == j for i, j in ANCHORS)


def test_videos_that_are_aligned_coarsely_take_anchors():
    few = Aligning(memory_limit=9000)
    model = quick(VideoAligner, max_epochs=0, aligning=few).fit(VIDEOS)
    with pytest.warns(CoarseAlignmentWarning):
        found = model.align(*VIDEOS[:2], anchors=ANCHORS)
    assert all(found.matches_x[i] == j for i, j in ANCHORS)


def test_bent_frames_keep_unit_length():
    frames = np.random.default_rng(0).standard_normal((9, 3)).astype(np.float32)
    x = View(frames / np.linalg.norm(frames, axis=1, keepdims=True))
    for view in (
        each.bent() for each in bend(x, x, np.array([[2, 3], [4, 7]]), "hard")
    ):
        np.testing.assert_allclose(np.linalg.norm(view.embedding, axis=1), 1, rtol=1e-6)
        assert view.embedding.dtype == np.float32


def test_passing_an_anchor_apart_costs_more_than_any_path():
    x = View(np.eye(4, dtype=np.float32))
    bent = (view.bent() for view in bend(x, x, np.array([[0, 2]]), "hard"))
    cost = PathCost(*bent)(slice(None), slice(None))
    assert cost[0, 2] < 1
    assert cost[0, 1] > cost[1:, [0, 1, 3]].sum()


@pytest.mark.parametrize(
    ("anchors", "reason"),
    [
        ([(0, 99)], "not inside the videos"),
        ([(-1, 0)], "not inside the videos"),
        ([(0, 1, 2)], "pairs"),
        ([(0.5, 1)], "pairs"),
        ("ab", "pairs"),
        ([(3, 4), (3, 5)], "contradict"),
        ([(3, 4), (5, 4)], "contradict|one frame of y"),
        ([(3, 8), (5, 4)], r"\(3, 8\) and \(5, 4\) contradict.*back in time"),
    ],
)
def test_row_72_bad_anchors_are_one_value_error(anchors, reason):
    model = quick(VideoAligner, matching="monotone", max_epochs=0).fit(VIDEOS)
    with pytest.raises(ValueError, match=reason):
        model.align(*VIDEOS[:2], anchors=anchors)


def test_row_72_anchors_may_cross_where_matches_may():
    assert len(check_anchors([(3, 8), (5, 4)], 9, 9, in_order=False)) == 2


def test_anchors_and_timelines_exclude_each_other(model):
    with pytest.raises(ValueError, match='via="pair"'):
        model.align(*VIDEOS[:2], anchors=ANCHORS, via="timeline")
