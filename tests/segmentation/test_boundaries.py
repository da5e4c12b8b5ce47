"""Boundaries that move to where the frames change."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from skvas import ActionSegmenter, JointAlignSegment, load
from skvas.datasets import make_videos
from skvas.labels._reading import read_labels
from skvas.metrics import miou
from skvas.segmentation import _boundaries
from skvas.segmentation._boundaries import (
    MovedLabeller,
    are_known_by_frames,
    choose_boundaries,
    move_boundaries,
    settle_boundaries,
    ways_of_known,
)
from skvas.segmentation._labeller import TimelineLabeller
from skvas.segmentation._look import look_at
from skvas.segmentation._named import Settled
from skvas.videos._views import Views
from tests.models import SEGMENTERS, quick

CENTRES = 2 * np.random.RandomState(1).standard_normal((4, 6))
TRUE = np.repeat([0, 1, 2, 1, 3], [90, 60, 120, 50, 180])


def make(labels, *, noise=0.3, seed=0):
    """Make frames that jump from the centre of one action to that of the next."""
    rng = np.random.RandomState(seed)
    return CENTRES[labels] + noise * rng.standard_normal((len(labels), 6))


def views_of(videos):
    return Views(videos, videos, lambda x: x)


def moved(labels, frames):
    """Return the labels of one video with its boundaries moved."""
    (found,) = move_boundaries([labels], views_of([frames]))
    return found


def shifted(labels, by):
    """Return labels whose boundaries come so many frames later."""
    return np.r_[np.full(by, labels[0]), labels[:-by]] if by else labels


def collection(n=6, by=4):
    """Return videos, their labels, and labels whose boundaries are late."""
    rng = np.random.RandomState(0)
    true = [TRUE[rng.randint(60) :] for _ in range(n)]
    videos = [make(labels, seed=seed) for seed, labels in enumerate(true)]
    return videos, true, [shifted(labels, by) for labels in true]


@pytest.mark.parametrize("by", [0, 1, 5])
def test_boundaries_move_to_where_frames_jump(by):
    assert (moved(shifted(TRUE, by), make(TRUE)) == TRUE).all()


def test_boundaries_move_by_one_percent_of_the_video_at_most():
    found = moved(shifted(TRUE, 12), make(TRUE, noise=0.01))
    assert (found == shifted(TRUE, 7)).all()
    few = np.repeat([0, 1], 20)  # one frame is more than 1 % of 40
    assert (moved(shifted(few, 3), make(few)) == shifted(few, 2)).all()


def test_boundaries_stay_where_nothing_changes():
    labels = shifted(TRUE, 3)
    assert (moved(labels, np.ones((len(TRUE), 6))) == labels).all()
    assert (moved(labels, np.zeros((len(TRUE), 1))) == labels).all()


def test_features_of_any_scale_and_offset_count_alike():
    frames, labels = make(TRUE), shifted(TRUE, 4)
    other = frames * np.array([1e-9, 1, 1e9, 1, 1, 1]) + 1e3
    assert (moved(labels, other) == moved(labels, frames)).all()


@given(st.lists(st.integers(1, 40), min_size=1, max_size=8), st.integers(0, 99))
def test_segments_stay_as_many_and_in_their_order(lengths, seed):
    rng = np.random.RandomState(seed)
    labels = np.repeat(np.arange(len(lengths)) % 3, lengths)
    found = moved(labels, rng.standard_normal((len(labels), 2)))
    edges = [np.flatnonzero(np.diff(each)) for each in (labels, found)]
    assert len(found) == len(labels)
    assert len(edges[0]) == len(edges[1])
    assert np.abs(edges[0] - edges[1]).max(initial=0) <= max(1, 0.01 * len(labels))
    assert (found[np.r_[0, edges[1] + 1]] == labels[np.r_[0, edges[0] + 1]]).all()


def test_no_segment_is_taken_away():
    labels = np.repeat([0, 1, 2], [150, 3, 150])
    looks = np.repeat([0, 2], [150, 153])  # the middle one looks like the last
    for swapped in (looks, looks[::-1]):
        assert set(moved(labels, make(swapped))) == {0, 1, 2}


@pytest.fixture
def sizes(monkeypatch):
    """Frames that each boundary was placed among, and that told either side."""
    noted = []

    def note(frames, one, other):
        noted.append((len(frames), len(other), len(one)))
        return np.zeros(len(frames))

    monkeypatch.setattr(_boundaries, "_nearer", note)
    return noted


def test_segments_look_as_they_do_away_from_the_boundary(sizes):
    moved(np.repeat([0, 1, 2, 3], [100, 6, 100, 194]), np.ones((400, 1)))
    # The reach is 4. A third of the frames that come before the boundary, and three at
    # least, have to be left; else all of them are looked at.
    assert sizes == [(8, 96, 6), (8, 6, 96), (8, 96, 190)]
    sizes.clear()
    for n in (14, 15):  # of which the reach of 10 leaves 4 or 5
        moved(np.repeat([0, 1], [1000 - n, n]), np.ones((1000, 1)))
    assert sizes == [(20, 976, 14), (20, 975, 5)]


def test_some_frames_tell_a_long_segment(sizes):
    moved(np.repeat([0, 1], [50_000, 1900]), np.ones((51_900, 1)))
    # All but the reach of 519 are away from the boundary: every 49th of the first.
    assert sizes == [(1038, 1010, 1381)]


def test_a_feature_without_noise_does_not_outvote_all_others():
    labels = np.repeat([0, 1], 250)
    still = np.repeat([0.0, 1.0], [253, 247])[:, None]
    assert (moved(labels, np.hstack([make(labels), still])) == labels).all()


def test_frames_know_boundaries_that_are_off_and_no_others():
    videos, true, late = collection()
    assert are_known_by_frames(late, views_of(videos))
    assert not are_known_by_frames(true, views_of(videos))
    rng = np.random.RandomState(0)
    noise = [rng.standard_normal(video.shape) for video in videos]
    assert not are_known_by_frames(late, views_of(noise))


def test_half_of_the_features_judge_the_other_half():
    # Each feature jumps at frames of its own: what one half says is news to the other.
    videos, true, _ = collection()
    rng = np.random.RandomState(0)
    apart = [
        np.column_stack([np.roll(f, rng.randint(-5, 6)) for f in video.T])
        for video in videos
    ]
    assert not are_known_by_frames(true, views_of(apart))


def test_one_video_or_one_feature_tells_nothing():
    videos, _, late = collection()
    assert not are_known_by_frames(late[:1], views_of(videos[:1]))
    assert not are_known_by_frames(late, views_of([video[:, :1] for video in videos]))


def test_of_many_videos_a_sample_decides_by_both_halves(monkeypatch):
    videos, _, late = collection()
    monkeypatch.setattr(_boundaries, "sample_videos", lambda n: np.array([0, 2, 5]))
    looked = []
    monkeypatch.setattr(
        _boundaries,
        "known_again",
        lambda seen, _: looked.append((len(seen), seen[0].shape[1])) or 0.0,
    )
    assert not are_known_by_frames(late, views_of([video[:, :5] for video in videos]))
    assert looked == [(3, 2)] * 2 + [(3, 3)] * 2


def test_choice():
    videos, true, late = collection()
    views = views_of(videos)
    for asked, where, labels in (
        ("auto", "frames", true),
        ("frames", "frames", true),
        ("decoded", "decoded", late),
    ):
        found = choose_boundaries(late, views, asked)
        assert found[0] == where
        assert all(map(np.array_equal, found[1], labels))
    assert choose_boundaries(true, views, "auto")[0] == "decoded"


def test_frames_move_boundaries_that_are_given_by_a_share_of_the_way():
    videos, true, late = collection()
    views = views_of(videos)
    unknown = [np.full(len(labels), -1) for labels in true]
    assert len(ways_of_known(unknown, views)) == 0
    assert_array_equal(ways_of_known([true[0], *unknown[1:]], views), np.zeros(4))
    reach = len(late[0]) // 100
    ways = ways_of_known([late[0], *unknown[1:-1], true[5]], views)
    assert_array_equal(ways, [min(4 / reach, 1)] * 4 + [0] * 4)
    half = np.where(np.arange(len(late[0])) < 200, late[0], -1)
    assert len(ways_of_known([half, *unknown[1:]], views)) == 0  # as it may be seen
    one = np.zeros(len(late[0]), int)
    assert len(ways_of_known([one, *unknown[1:]], views)) == 0


def test_labels_say_whether_boundaries_move():
    videos, true, late = collection()
    views, names = views_of(videos), np.arange(4)
    lengths = [len(video) for video in videos]
    settled = Settled(None, None, names, late, None)
    for asked, labels, where in (
        ("auto", true[0], "frames"),
        ("auto", late[0], "decoded"),
        ("frames", late[0], "frames"),
        ("decoded", true[0], "decoded"),
    ):
        given = read_labels([labels, *[None] * 5], lengths, single=False)
        found = settle_boundaries(settled, views, given, asked)
        assert found.boundaries == where
        assert (found.labels[0] == labels).all()
        expected = true[1] if where == "frames" else late[1]
        assert (found.labels[1] == expected).all()
    assert settle_boundaries(settled, views, None, "auto").boundaries == "frames"


def test_related_videos_say_whether_boundaries_move():
    videos, true, late = collection()
    settled = Settled(None, None, np.arange(4), [*true, *late], None)
    views = views_of([*videos, *videos])
    for related, where in ((range(6), "decoded"), (range(6, 12), "frames")):
        found = settle_boundaries(settled, views, None, "auto", np.array(related))
        assert found.boundaries == where
        expected = late if where == "decoded" else true
        assert all(map(np.array_equal, found.labels[6:], expected))


@pytest.mark.parametrize(
    ("by", "on_timeline", "trial", "where"),
    [
        (0, False, False, "frames"),
        (0, True, False, "frames"),
        (1, False, True, "frames"),
        (1, False, False, "decoded"),
        (1, True, True, "decoded"),
        (4, False, True, "decoded"),
        (4, True, True, "decoded"),
    ],
)
def test_given_boundaries_say_whether_frames_know_them(
    monkeypatch, by, on_timeline, trial, where
):
    videos, true, late = collection()
    lengths = [len(video) for video in videos]
    monkeypatch.setattr(_boundaries, "are_known_by_frames", lambda *_: trial)
    base = TimelineLabeller(None, None) if on_timeline else None
    settled = Settled(base, None, np.arange(4), late, None)
    y = read_labels([shifted(true[0], by), *[None] * 5], lengths, single=False)
    found = settle_boundaries(settled, views_of(videos), y, "auto")
    assert found.boundaries == where
    if where == "frames":
        assert (found.labels[1] == true[1]).all()


@pytest.mark.parametrize("trial", [True, False])
def test_trial_decides_where_too_few_boundaries_are_given(monkeypatch, trial):
    videos, true, late = collection()
    lengths = [len(video) for video in videos]
    monkeypatch.setattr(_boundaries, "are_known_by_frames", lambda *_: trial)
    settled = Settled(None, None, np.arange(4), late, None)
    monkeypatch.setattr(_boundaries, "ENOUGH", 5)  # one more than there are
    part = np.where(np.arange(lengths[0]) < 200, true[0], -1)
    for labels in (part, true[0]):
        y = read_labels([labels, *[None] * 5], lengths, single=False)
        found = settle_boundaries(settled, views_of(videos), y, "auto")
        assert found.boundaries == ("frames" if trial else "decoded")


class _Late:
    """Labels every boundary four frames late."""

    def labels(self, views):
        return self.labels_and_shares(views)[0]

    def labels_and_shares(self, views):
        labels = [shifted(TRUE, 4) for _ in views.videos]
        return labels, [0.7 * np.eye(4)[each] + 0.1 * np.arange(4) for each in labels]


def test_actions_swap_their_shares_where_labels_move():
    views = views_of([make(TRUE)])
    labeller, base = MovedLabeller(_Late()), _Late()
    (labels,), (shares,) = labeller.labels_and_shares(views)
    (before,), (old,) = base.labels_and_shares(views)
    assert (labels == TRUE).all()
    assert (labeller.labels(views)[0] == labels).all()
    assert (labeller.shares(views)[0] == shares).all()
    assert (np.sort(shares) == np.sort(old)).all()
    rows = np.arange(len(TRUE))
    assert (shares[rows, labels] == old[rows, before]).all()
    assert (shares[rows, before] == old[rows, labels]).all()
    codes, certainty = look_at(labeller, views)
    assert (codes[0] == labels).all()
    assert (certainty[0] == shares[rows, labels]).all()


# --- estimators ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def sharp():
    """Videos whose actions jump, longer than what labels are smoothed by."""
    return make_videos(
        6,
        n_actions=4,
        n_frames=(300, 400),
        noise=0.5,
        shared_order=False,
        random_state=0,
    )


@pytest.fixture(scope="module", params=SEGMENTERS)
def pair(request, sharp):
    """A model whose boundaries are moved, and the same model without."""
    return [
        quick(
            request.param,
            n_actions=4,
            max_epochs=0,
            n_frames=256,
            n_refine=10,
            max_iter=25,
            boundaries=where,
        ).fit(sharp.videos)
        for where in ("frames", "decoded")
    ]


def test_estimator_moves_its_boundaries(pair, sharp):
    moves, plain = pair
    assert moves.settings_.segmenting["boundaries"] == "frames"
    assert plain.settings_.segmenting["boundaries"] == "decoded"
    assert miou(sharp.labels, moves.labels_) > miou(sharp.labels, plain.labels_)
    for ours, theirs in zip(moves.labels_, plain.labels_, strict=True):
        edges = [np.flatnonzero(np.diff(labels)) for labels in (ours, theirs)]
        assert np.abs(edges[0] - edges[1]).max() <= 0.01 * len(ours)


def test_predict_moves_them_as_fit_does(pair, sharp):
    moves, plain = pair
    for video, ours, theirs in zip(
        sharp.videos, moves.labels_, plain.labels_, strict=True
    ):
        assert (moves.predict(video) == ours).all()
        assert (plain.predict(video) == theirs).all()
        shares, before = moves.predict_proba(video), plain.predict_proba(video)
        assert shares == pytest.approx(before) or (ours != theirs).any()
        assert shares.sum(axis=1) == pytest.approx(1, abs=1e-5)


def test_saved_models_move_them_too(pair, sharp, tmp_path):
    moves, _ = pair
    moves.save(tmp_path / "model")
    loaded = load(tmp_path / "model")
    assert all(map(np.array_equal, loaded.predict(sharp.videos), moves.labels_))


def test_models_from_before_leave_them(pair, sharp):
    moves, plain = pair
    old = {**moves.settings_.segmenting}
    del old["boundaries"]
    settings = moves.settings_
    moves.settings_ = type(settings)(**{**vars(settings), "segmenting": old})
    try:
        found = moves.predict(sharp.videos)
    finally:
        moves.settings_ = settings
    assert all(map(np.array_equal, found, plain.labels_))


@pytest.mark.parametrize("cls", SEGMENTERS)
def test_labelled_frames_keep_their_labels(cls, sharp):
    y = [None] * 6
    y[0] = shifted(sharp.labels[0], 3)
    model = quick(cls, n_actions=4, max_epochs=0, boundaries="frames")
    model.fit(sharp.videos, y)
    assert (model.labels_[0] == y[0]).all()
    assert model.settings_.segmenting["boundaries"] == "frames"
    assert model.predict_proba(sharp.videos[1]).dtype == np.float32


def test_auto_moves_them_where_that_helps(sharp):
    model = ActionSegmenter(4, max_epochs=0, random_state=0).fit(sharp.videos)
    assert model.settings_.segmenting["boundaries"] == "frames"
    lone = ActionSegmenter(4, max_epochs=0, random_state=0).fit(sharp.videos[0])
    assert lone.settings_.segmenting["boundaries"] == "decoded"
    published = JointAlignSegment(4, recipe="paper", max_epochs=0, random_state=0)
    published.fit(sharp.videos)
    assert published.settings_.segmenting["boundaries"] == "decoded"
