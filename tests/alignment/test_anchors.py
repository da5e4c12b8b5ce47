"""Known pairs of frames bend an alignment."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from skvas import Aligning, JointAlignSegment, VideoAligner
from skvas.alignment._anchors import bend, check_anchors, pin
from skvas.alignment._path_cost import PathCost, View
from skvas.alignment._result import Alignment, make_alignment
from skvas.exceptions import CoarseAlignmentWarning
from skvas.timeline._paths import unit
from tests.models import fitted_once, quick, small_videos

VIDEOS = small_videos()
ANCHORS = [(5, 12), (20, 21)]


@pytest.fixture(scope="module", params=["monotone", "plan", "nearest"])
def model(request):
    return fitted_once(VideoAligner, matching=request.param, max_epochs=0)


def test_hard_anchors_are_matches(model):
    found = model.align(*VIDEOS[:2], anchors=ANCHORS)
    for i, j in ANCHORS:
        assert found.matches_x[i] == j
        assert found.matches_y[j] == i
    if model.matching_ == "monotone":
        assert in_order(found)


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
    far = model.align(*VIDEOS[:2], anchors=[(2, 28)], anchor_kind="soft")
    assert far.matches_x[2] != 28


def test_joint_model_takes_anchors():
    model = quick(JointAlignSegment, max_epochs=0).fit(VIDEOS)
    found = model.align(*VIDEOS[:2], anchors=ANCHORS)
    assert all(found.matches_x[i] == j for i, j in ANCHORS)


def test_videos_that_are_aligned_coarsely_take_anchors():
    few = Aligning(memory_limit=9000)
    model = quick(VideoAligner, max_epochs=0, aligning=few).fit(VIDEOS)
    with pytest.warns(CoarseAlignmentWarning):
        found = model.align(*VIDEOS[:2], anchors=ANCHORS)
    assert_pinned(found, ANCHORS)


def test_bent_frames_keep_unit_length():
    frames = np.random.default_rng(0).standard_normal((9, 3)).astype(np.float32)
    x = View(frames / np.linalg.norm(frames, axis=1, keepdims=True))
    for view in (
        each.bent() for each in bend(x, x, np.array([[2, 3], [4, 7]]), "hard")
    ):
        np.testing.assert_allclose(np.linalg.norm(view.embedding, axis=1), 1, rtol=1e-6)
        assert view.embedding.dtype == np.float32


def test_frame_of_an_anchor_is_like_no_frame_of_the_next_one():
    frames = np.random.default_rng(0).standard_normal((9, 3)).astype(np.float32)
    x = View(frames / np.linalg.norm(frames, axis=1, keepdims=True))
    one, other = (
        v.bent().embedding for v in bend(x, x, np.array([[2, 4], [3, 5]]), "hard")
    )
    np.testing.assert_allclose(one[[2, 3]] @ other[[4, 5]].T, np.eye(2), atol=1e-6)


def test_details_lean_to_anchors_by_as_much_as_frames_differ():
    rng = np.random.default_rng(0)
    frames = unit(rng.normal(size=(300, 3))).astype(np.float32)
    detail = rng.normal(size=(300, 4))
    view = View(frames, detail - detail.mean(axis=0))
    bent, _ = bend(view, view, np.array([[50, 50]]), "hard")
    before, after = (
        ((found[50] - found[200]) ** 2).sum() for found in (view.detail, bent.detail)
    )
    pairs = view.detail[:, None] - view.detail
    assert after - before == pytest.approx((pairs**2).sum(axis=2).mean())


@pytest.mark.parametrize(("kind", "share"), [("hard", 1.0), ("soft", 0.49)])
def test_anchors_move_positions_together(kind, share):
    at_x, at_y = np.arange(5.0), np.linspace(0, 10, 11)
    x, y = (
        View(unit(np.ones((len(at), 2))).astype(np.float32), positions=at)
        for at in (at_x, at_y)
    )
    bent_x, bent_y = bend(x, y, np.array([[1, 3], [3, 8]]), kind)
    ways = np.array([0.5, 1, 1.5, 2, 2.6, 3.2, 3.8, 4.4, 5, 10 / 3, 5 / 3])
    np.testing.assert_allclose(bent_y.positions, at_y - share * ways)
    np.testing.assert_array_equal(bent_x.positions, at_x)


def in_order(found):
    """Return whether no match goes back in time, one way or the other."""
    matches = found.matches_x, found.matches_y
    one_way = all((np.diff(m[m >= 0]) >= 0).all() for m in matches)
    return one_way and bool((np.diff(found.to_path(), axis=0) >= 0).all())


def assert_pinned(found, anchors):
    for i, j in anchors:
        assert (found.matches_x[i], found.matches_y[j]) == (j, i)
        assert found.background_x[i] == found.background_y[j] == 0
    assert in_order(found), anchors


@given(st.data())
def test_matches_keep_their_order_around_any_anchors(data):
    n, m = (data.draw(st.integers(1, 9)) for _ in range(2))
    size = data.draw(st.integers(1, min(n, m, 3)))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    sides = [np.sort(rng.choice(k, size, replace=False)) for k in (n, m)]
    anchors = np.column_stack(sides)
    x, y = (View(unit(rng.normal(size=(k, 3))).astype(np.float32)) for k in (n, m))
    plan = rng.random((n + 1, m + 1)) ** data.draw(st.sampled_from([1, 20]))
    cost = PathCost(*(view.bent() for view in bend(x, y, anchors, "hard")))
    every = slice(None)
    found = make_alignment(plan, cost(every, every), 0.0, "monotone")
    assert_pinned(pin(found, anchors), anchors)
    back = pin(
        make_alignment(plan.T, cost(every, every).T, 0.0, "monotone"), anchors[:, ::-1]
    )
    assert_pinned(back, anchors[:, ::-1])


@pytest.mark.parametrize(
    ("matching", "matches_x", "matches_y"),
    [
        ("monotone", [1, 1, 1, -1, 3], [0, 2, 2, 2]),
        ("plan", [3, 3, 1, -1, 3], [0, 2, 0, 0]),
    ],
)
def test_only_matches_that_keep_an_order_are_moved_to_their_side_of_an_anchor(
    matching, matches_x, matches_y
):
    nothing = np.zeros(5), np.zeros(4)
    plan = np.full((5, 4), 1 / 20)
    before = np.array([3, 3, 0, -1, 3]), np.zeros(4, dtype=np.int64)
    free = Alignment(*before, plan, *nothing, 0.0, matching)
    found = pin(free, np.array([[2, 1]]))
    assert found.matches_x.tolist() == matches_x
    assert found.matches_y.tolist() == matches_y


def test_paths_pass_anchors_wherever_they_are():
    model = fitted_once(VideoAligner, matching="monotone", max_epochs=0)
    last = [len(video) - 1 for video in VIDEOS[:2]]
    one = [(i, j) for i in (0, 7, last[0]) for j in (0, 12, last[1])]
    some = [[anchor] for anchor in one]
    some += [[(5, 5), (6, 20)], [(0, 12), (1, 13)], [(0, 3), last], [(4, 0), (9, 1)]]
    for anchors in some:
        assert_pinned(model.align(*VIDEOS[:2], anchors=anchors), anchors)
        back = [anchor[::-1] for anchor in anchors]
        assert_pinned(model.align(*VIDEOS[1::-1], anchors=back), back)


def test_path_starts_at_an_anchor_of_the_first_frame():
    model = fitted_once(VideoAligner, matching="monotone", max_epochs=0)
    found = model.align(*VIDEOS[:2], anchors=[(0, 12)])
    before = found.matches_y[:12]
    assert (before[before >= 0] == 0).all()
    # What comes next follows on, rather than being pushed to frame 12.
    assert (found.matches_x[1:8] > 12).mean() > 0.5


def test_being_before_one_side_and_after_the_other_costs_more_than_any_path():
    x = View(np.eye(4, dtype=np.float32))
    bent = (view.bent() for view in bend(x, x, np.array([[1, 2]]), "hard"))
    cost = PathCost(*bent)(slice(None), slice(None))
    apart = np.array([[0, 0, 0, 1], [0, 0, 0, 0], [1, 1, 0, 0], [1, 1, 0, 0]]) > 0
    assert cost[1, 2] < 1
    assert cost[apart].min() > cost[~apart].sum()


@pytest.mark.parametrize(
    ("anchors", "reason"),
    [
        ([(0, 99)], "not inside the videos"),
        ([(-1, 0)], "not inside the videos"),
        ([(0, 1, 2)], "pairs"),
        ([(0.5, 1)], "pairs"),
        ([(0, 1), (2,)], "pairs"),
        ("ab", "pairs"),
        ([(3, 4), (3, 5)], "contradict"),
        ([(3, 4), (5, 4)], "contradict|one frame of y"),
        ([(3, 8), (5, 4)], r"\(3, 8\) and \(5, 4\) contradict.*back in time"),
    ],
)
def test_row_72_bad_anchors_are_one_value_error(anchors, reason):
    model = fitted_once(VideoAligner, matching="monotone", max_epochs=0)
    with pytest.raises(ValueError, match=reason):
        model.align(*VIDEOS[:2], anchors=anchors)


@pytest.mark.parametrize("none", [[], (), np.empty((0, 2), dtype=int)])
def test_no_anchor_changes_nothing(model, none):
    found, plain = model.align(*VIDEOS[:2], anchors=none), model.align(*VIDEOS[:2])
    assert_array_equal(found.plan, plain.plan)
    assert_array_equal(found.matches_x, plain.matches_x)


def test_row_72_a_frame_of_y_has_one_anchor_also_where_anchors_may_cross():
    with pytest.raises(ValueError, match="two anchors name one frame of y"):
        check_anchors([(3, 4), (5, 4)], 9, 9, in_order=False)


def test_row_72_anchors_may_cross_where_matches_may():
    assert len(check_anchors([(3, 8), (5, 4)], 9, 9, in_order=False)) == 2


def test_anchors_and_timelines_exclude_each_other(model):
    with pytest.raises(ValueError, match='via="pair"'):
        model.align(*VIDEOS[:2], anchors=ANCHORS, via="timeline")
