"""Anchors of many videos, joined into moments that they share, given to `fit`."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skvas import Training, VideoAligner
from skvas.alignment._joined_anchors import JoinedAnchors, join_anchors
from skvas.datasets import make_videos
from tests.models import assert_same_state

DATA = make_videos(5, n_actions=3, n_frames=(40, 60), random_state=0)
LENGTHS = list(map(len, DATA.videos))
# Two frames away from what is matched without them.
ANCHORS = {(0, 1): [(10, 12), (30, 29)], (1, 3): [(12, 9)]}


def make(**parameters):
    return VideoAligner(max_epochs=2, random_state=0, **parameters)


@pytest.fixture(scope="module")
def plain():
    return make().fit(DATA.videos)


@pytest.fixture(scope="module")
def bent():
    return make().fit(DATA.videos, anchors=ANCHORS)


def test_anchors_that_can_do_nothing_are_told():
    with pytest.warns(UserWarning, match="anchors have no effect: nothing is trained"):
        make().set_params(max_epochs=0).fit(DATA.videos, anchors=ANCHORS)


def test_videos_pass_their_moments_together(plain, bent):
    for model, are_matched in ((plain, False), (bent, True)):
        pairs = [(i, j, p) for (i, j), some in ANCHORS.items() for p in some]
        pairs.append((0, 3, (10, 9)))  # by way of video 1
        found = [
            model.align(i, j, via="timeline").matches_x[one] == other
            for i, j, (one, other) in pairs
        ]
        assert found == [are_matched] * 4
    for passage in bent.timeline_.model_.template.passages:
        assert (np.diff(passage.positions) >= 0).all()
        assert (np.diff(passage.frames) >= 0).all()


@pytest.mark.parametrize("anchor", [(20, 24), (20, 21), (0, 12), (12, 0), (45, 40)])
def test_moments_are_matched_both_ways(anchor):
    one, other = anchor
    model = VideoAligner(max_epochs=1, random_state=0)
    model.fit(DATA.videos, anchors={(0, 1): [anchor]})
    for i, j, a, b in ((0, 1, one, other), (1, 0, other, one)):
        found = model.align(i, j, via="timeline")
        assert found.matches_x[a] == b
        assert found.matches_y[b] == a
        assert found.background_x[a] == found.background_y[b] == 0


def test_videos_without_moments_keep_their_frames(plain, bent):
    assert bent.align(2, 4, via="timeline").matches_x.shape == (LENGTHS[2],)
    assert len(bent.timeline_.model_.template.frames) == len(
        plain.timeline_.model_.template.frames
    )


def test_training_draws_frames_of_a_moment_together(plain, bent):
    cosines = []
    for model in (plain, bent):
        found = [model.transform(video) for video in DATA.videos]
        pairs = [(found[0][10], found[1][12]), (found[0][30], found[1][29])]
        cosines.append(np.mean([one @ other for one, other in pairs]))
    assert cosines[1] > cosines[0]


def test_soft_anchors_pull_and_may_be_overruled(plain):
    soft = make().fit(DATA.videos, anchors=ANCHORS, anchor_kind="soft")
    away = [
        abs(int(model.align(0, 1, via="timeline").matches_x[10]) - 12)
        for model in (plain, soft)
    ]
    assert away[1] <= away[0]


def test_no_anchor_changes_nothing(plain):
    again = make().fit(DATA.videos, anchors={(0, 1): []})
    for video in DATA.videos:
        assert_array_equal(again.transform(video), plain.transform(video))


def test_anchors_of_three_videos_are_one_moment():
    anchors = {(0, 1): [(1, 2)], (2, 3): [(3, 4)], (1, 2): [(2, 3)], (4, 0): [(9, 8)]}
    joined = join_anchors(anchors, [10] * 5)
    assert joined.frames == [{0: 1, 1: 2, 2: 3, 3: 4}, {4: 9, 0: 8}]
    codes = joined.codes([10] * 5)
    assert [code.max() for code in codes] == [1, 0, 0, 0, 1]


def test_moments_keep_the_order_of_every_video(plain):
    """Which their median places alone may not say."""
    axis = plain.timeline_.model_
    places = JoinedAnchors([{0: 6, 1: 40}, {0: 7, 2: 2}])._places(
        axis.template.passages
    )
    assert places[0] < places[1]


def test_moments_of_different_videos_stand_where_these_pass_them(plain):
    passages = plain.timeline_.model_.template.passages
    late, early = passages[0].positions[30], passages[1].positions[5]
    places = JoinedAnchors([{0: 30}, {1: 5}])._places(passages)
    assert places == [round(late), round(early)]


def test_moments_at_the_end_have_a_position_each(plain):
    passages = plain.timeline_.model_.template.passages
    last = len(passages[0].frames) - 1
    ends = [{video: len(passages[video].positions) - 1} for video in range(3)]
    assert JoinedAnchors(ends)._places(passages) == [last - 2, last - 1, last]


def test_more_moments_than_positions_are_left_out_with_a_warning(plain):
    axis = plain.timeline_.model_
    many = JoinedAnchors([{video: frame} for video in (0, 1) for frame in range(35)])
    embeddings = [np.empty(0)] * len(DATA.videos)
    with pytest.warns(UserWarning, match="70 moments, more than the 47 positions"):
        assert many.bend(axis, embeddings, "hard") is axis


@pytest.mark.parametrize(
    ("frames", "reason"),
    [
        (
            [{0: 20, 1: 21}, {0: 25, 1: 10}],
            r"videos 0 and 1: the anchors \(20, 21\) and \(25, 10\) contradict",
        ),
        (
            [{0: 1, 1: 2}, {1: 1, 2: 2}, {2: 1, 0: 2}, {3: 4, 4: 5}],
            "videos 0, 1, 2 would pass their moments in no common order",
        ),
    ],
)
def test_row_72_moments_in_different_orders_are_refused(frames, reason, plain):
    crossing = JoinedAnchors(frames)
    embeddings = [np.empty(0)] * len(DATA.videos)
    for kind in ("hard", "soft"):
        with pytest.raises(ValueError, match=reason):
            crossing.bend(plain.timeline_.model_, embeddings, kind)


@pytest.mark.filterwarnings("ignore:anchors have no effect")
def test_row_72_anchors_of_fit_may_cross_where_matches_may():
    model = VideoAligner(max_epochs=0, random_state=0, matching="plan")
    crossing = {(0, 1): [(20, 21), (25, 10)]}
    model.fit(DATA.videos, anchors=crossing)
    assert model.timeline_ is None
    model.set_params(matching="monotone")
    with pytest.raises(ValueError, match="do not go back in time"):
        model.fit(DATA.videos, anchors=crossing)


def test_row_72_anchors_that_cross_are_refused_before_training():
    epochs = []
    training = Training(callback=epochs.append)
    model = VideoAligner(max_epochs=2, matching="plan", training=training)
    with pytest.raises(ValueError, match="timelines do not go back in time"):
        model.fit(DATA.videos, anchors={(0, 1): [(20, 21), (25, 10)]})
    assert not epochs


@pytest.mark.parametrize(
    ("anchors", "reason"),
    [
        ([(1, 2)], "must be a dict"),
        ({(0, 9): [(1, 2)]}, "two different positions among the 5 videos"),
        ({(0, 0): [(1, 2)]}, "two different positions"),
        ({0: [(1, 2)]}, "two different positions"),
        ({(0, 1): [(1, 99)]}, "^videos 0 and 1: .*not inside the videos"),
        ({(0, 1): "ab"}, "^videos 0 and 1: anchors must be pairs"),
        ({(0, 1): 5}, "^videos 0 and 1: anchors must be pairs"),
        ({(0, 1): [(1, 2)], (1, 2): [(2, 3)], (0, 2): [(4, 3)]}, "1 and 4 of video 0"),
        ({(0, 1): [(20, 21), (25, 10)]}, "^videos 0 and 1: .*do not go back in time"),
    ],
)
def test_row_72_bad_anchors_of_fit_leave_the_estimator_as_it_was(anchors, reason):
    model = make()
    before = dict(vars(model))
    with pytest.raises(ValueError, match=reason):
        model.fit(DATA.videos, anchors=anchors)
    assert_same_state(model, before)


def test_row_72_other_kinds_of_anchors_are_refused():
    with pytest.raises(ValueError, match="anchor_kind"):
        make().fit(DATA.videos, anchors=ANCHORS, anchor_kind="firm")
