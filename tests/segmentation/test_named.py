"""Labels of some frames beside what was found without them."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy.ndimage import gaussian_filter1d

import skvas.segmentation._named as named
from skvas import ActionSegmenter, JointAlignSegment, load
from skvas.datasets import make_videos
from skvas.labels import _reading
from skvas.labels._anchored import AnchoredActions
from skvas.labels._naming import Evidence, Naming
from skvas.metrics import hide_labels, miou
from skvas.options import Segmenting
from skvas.segmentation._labeller import ON_PATH
from skvas.timeline._carry import SEGMENT_MOMENTS
from skvas.timeline._model import Axis
from skvas.timeline._routes import average_routes
from skvas.timeline._states import BYTES_A_CELL

DATA = make_videos(6, n_actions=4, n_frames=(60, 90), random_state=3)
TRUE = np.concatenate(DATA.labels)


def test_frames_are_hidden_as_the_nearest_that_was_looked_at():
    kept, codes = [np.array([0, 4, 9])], [np.zeros(10)]
    (found,) = named._spread_out([np.array([True, False, True])], kept, codes)
    assert_array_equal(np.flatnonzero(found), [0, 1, 2, 7, 8, 9])


@pytest.fixture(scope="module")
def fit():
    """Return a function that fits with some labels, once for each."""
    kept = {}

    def fitted(key, y, **parameters):
        if key not in kept:
            model = JointAlignSegment(random_state=0, **parameters)
            kept[key] = model.fit(DATA.videos, y)
        return kept[key]

    return fitted


def one_video(*which):
    return [DATA.labels[i] if i in which else None for i in range(len(DATA.videos))]


def test_what_hidden_labels_are_held_against_is_tempered():
    hot = Naming(np.eye(3), np.zeros((2, 3)), np.zeros(3), 1.0, 0.0, temperature=5.0)
    logs = {1: np.log([[0.8, 0.1, 0.1], [0.2, 0.3, 0.5]])}
    frames, kept, nothing = [np.zeros((2, 2))] * 2, [np.arange(2)] * 2, np.full(2, -1)
    found = named._followed_up(hot, logs, frames, kept, [nothing] * 2)
    assert list(found) == [1]
    assert_array_equal(found[1], hot.temper(logs[1]))


def test_looks_have_to_gain_before_they_count_as_much_as_places(monkeypatch):
    asked, choose = [], named.choose_evidence

    def note(candidates, *given, margin, n_favoured):
        first = [(one.by_part, one.by_frame) for one in candidates[:n_favoured]]
        asked.append((margin, n_favoured, first))
        return choose(candidates, *given, margin=margin, n_favoured=n_favoured)

    monkeypatch.setattr(named, "choose_evidence", note)
    videos, y = DATA.videos[:3], one_video(0, 1)[:3]
    JointAlignSegment(max_epochs=0, random_state=0).fit(videos, y)
    assert asked == [(0.03, 2, [*named.PLACED])]


@pytest.mark.parametrize("max_epochs", [0, 4])
def test_one_labelled_video_names_all(fit, max_epochs):
    model = fit(("one", max_epochs), one_video(2), max_epochs=max_epochs)
    assert model.n_actions_ == 4
    assert miou(TRUE, np.concatenate(model.labels_), matching=None) > 0.9


def test_one_timestamp_a_segment_names_all(fit):
    labels = DATA.labels[2]
    starts = np.flatnonzero(np.r_[True, np.diff(labels) != 0])
    y = [None] * 6
    y[2] = {int(frame) + 4: int(labels[frame + 4]) for frame in starts}
    model = fit("stamps", y, max_epochs=4)
    assert miou(TRUE, np.concatenate(model.labels_), matching=None) > 0.85


def test_short_action_of_a_long_labelled_video_is_known_in_others():
    centres, rng = 4 * np.eye(3).repeat(2, axis=1), np.random.default_rng(0)
    labels = [np.repeat([0, 1, 2], [1500, 5, 1500])]
    labels += [np.repeat([0, 1, 2], rng.integers(80, 120, 3)) for _ in range(4)]
    videos = [centres[c] + 0.3 * rng.normal(size=(len(c), 6)) for c in labels]
    on_timeline = Segmenting(segment_on="timeline")
    model = JointAlignSegment(3, segmenting=on_timeline, max_epochs=0, random_state=0)
    model.fit(videos, [labels[0], *[None] * 4])
    for found, true in zip(model.labels_, labels, strict=True):
        assert np.mean(found[true == 1] == 1) > 0.5


def test_moments_that_no_labelled_frame_may_be_at_have_shares():
    parts = {0: np.array([[1, 0, 0, 0], [0, 0, 0, 1]], dtype=np.float32)}
    costs = {0: np.zeros((2, 4))}
    codes = [np.array([0, -1]), np.array([-1])]
    actions = np.array([0, 0, 1, 1])
    shares = named._Placed(parts, costs, actions).shares(codes, 2)
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    assert shares[1, 0] > shares[2, 0]


def test_moments_that_labelled_frames_lack_are_named_as_the_same_action_elsewhere():
    """Three rounds of two actions; the labelled video has the second one alone."""
    parts = {0: np.eye(6, dtype=np.float32)[[2, 2, 3, 3]]}
    costs, codes = {0: np.zeros((4, 6))}, [np.array([1, 1, 0, 0])]
    actions = np.tile([0, 1], 3)
    shares = named._Placed(parts, costs, actions).shares(codes, 2)
    np.testing.assert_allclose(shares, np.eye(2)[1 - actions])


@pytest.mark.parametrize("n_classes", [4, 3])
def test_one_labelled_round_names_all_rounds(n_classes):
    rng = np.random.default_rng(0)
    centres = 3 * np.eye(4).repeat(2, axis=1)
    labels = [
        np.concatenate([np.repeat(k, rng.integers(12, 20)) for k in [0, 1, 2, 3] * n])
        for n in (1, 3, 3, 3, 3, 3)
    ]
    videos = [centres[c] + 0.4 * rng.normal(size=(len(c), 8)) for c in labels]
    timeline = Segmenting(segment_on="timeline")
    model = JointAlignSegment(4, segmenting=timeline, max_epochs=0, random_state=0)
    given = np.where(labels[0] < n_classes, labels[0], -1)
    model.fit(videos, [given, *[None] * 5])
    found, true = np.concatenate(model.labels_), np.concatenate(labels)
    assert miou(true, found, matching=None) > 0.9


def test_frames_without_labels_say_nothing_of_moments():
    parts = {0: np.eye(6, dtype=np.float32)[[0, 1, 2, 3]]}
    codes = [np.array([1, 0, -1, 0])]
    placed = named._Placed(parts, {0: np.zeros((4, 6))}, np.tile([0, 1], 3))
    np.testing.assert_allclose(placed.shares(codes, 2)[2], [0, 1])


def test_labels_of_a_found_action_share_the_moments_that_no_label_reaches():
    """Found actions are matched one to one only where some have no label."""
    parts = {0: np.eye(4, dtype=np.float32)[[0, 0, 0, 1, 1]]}
    placed = named._Placed(parts, {0: np.zeros((5, 4))}, np.array([0, 1, 0, 1]))
    codes = [np.array([1, 1, 0, 1, 1])]
    np.testing.assert_allclose(placed.shares(codes, 2)[2], [1 / 3, 2 / 3])


def test_a_moment_that_fewer_labelled_frames_reach_keeps_their_label():
    passed = np.repeat([0, 1, 2], [12, 4, 2])
    parts = {0: np.eye(3, dtype=np.float32)[passed]}
    placed = named._Placed(parts, {0: np.zeros((18, 3))}, np.array([0, 1, 0]))
    shares = placed.shares([np.array([0, 1, 1])[passed]], 2)
    np.testing.assert_allclose(shares[2], [0, 1])


def test_shares_of_moments_do_not_depend_on_the_numbers_of_labels():
    parts, costs = {0: np.full((6, 6), 0.01) + 0.94 * np.eye(6)}, {0: 1 - np.eye(6)}
    placed = named._Placed(parts, costs, np.repeat([0, 1, 2], 2))
    last_is_hidden = placed.shares([np.array([0, 0, -1, -1, 1, 1])], 3)
    middle_is_hidden = placed.shares([np.array([0, 0, -1, -1, 2, 2])], 3)
    np.testing.assert_allclose(middle_is_hidden[:, [0, 2, 1]], last_is_hidden)


def test_each_of_many_labelled_segments_is_looked_at():
    codes = np.repeat(np.arange(50) % 2, 40)
    looked_at = named._looked_at(codes, named.SEGMENT_FRAMES)
    assert np.bincount(looked_at // 40).min() >= named.SEGMENT_FRAMES - 1
    assert len(named._looked_at(codes, 5)) <= 2 * named.FRAMES
    many = np.repeat(np.arange(5000) % 2, 40)
    looked_at = named._looked_at(many, named.SEGMENT_FRAMES)
    assert len(looked_at) <= named.FRAMES + named.MANY_FRAMES


ONCE, OFTEN = [0, 1, 2], [0, 1, 0, 2, 1, 2]


@pytest.mark.parametrize(
    ("first", "stamps", "decoder", "told"),
    [
        (ONCE, False, "plan", AnchoredActions),
        (OFTEN, False, "plan", Naming),
        (OFTEN, True, "plan", Naming),
        (ONCE, False, "chain", Naming),
    ],
)
def test_actions_that_recur_in_labelled_videos_are_not_told_by_transport(
    first, stamps, decoder, told
):
    rng = np.random.default_rng(0)
    labels = [
        np.repeat(order, rng.integers(12, 24, len(order)))
        for order in (first, [2, 0, 1], [1, 0, 2], [2, 1, 0], [0, 2, 1])
    ]
    centres = 2 * np.eye(3).repeat(2, axis=1)
    videos = [centres[c] + 0.5 * rng.normal(size=(len(c), 6)) for c in labels]
    options = Segmenting(segment_on="features", decoder=decoder)
    model = ActionSegmenter(3, segmenting=options, max_epochs=0, random_state=0)
    model.fit(videos, hide_labels(labels, keep=[0], timestamps=stamps, random_state=0))
    naming = model.naming_
    assert type(getattr(naming, "told", naming)) is told


@pytest.mark.parametrize("make", [ActionSegmenter, JointAlignSegment])
def test_timestamps_of_no_label_are_those_of_an_unlabelled_video(make):
    labels = DATA.labels[2]
    starts = np.flatnonzero(np.diff(labels, prepend=-1))
    stamps = {int(frame) + 4: int(labels[frame + 4]) for frame in starts}
    model = make(max_epochs=0, random_state=0)
    expected = model.fit(DATA.videos, [None, stamps, *[None] * 4]).labels_
    for empty in ({}, {3: None}, [(3, -1)]):
        found = model.fit(DATA.videos, [empty, stamps, *[None] * 4]).labels_
        assert_array_equal(np.concatenate(found), np.concatenate(expected))


@pytest.mark.parametrize(
    ("shared", "of_segment"), [(True, SEGMENT_MOMENTS), (False, named.SEGMENT_FRAMES)]
)
def test_more_frames_of_a_labelled_segment_are_looked_at_on_a_timeline(
    shared, of_segment, monkeypatch
):
    asked, looked_at = set(), named._looked_at

    def spy(codes, of_segment):
        asked.add(of_segment)
        return looked_at(codes, of_segment)

    monkeypatch.setattr(named, "_looked_at", spy)
    segment_on = "timeline" if shared else "features"
    options = Segmenting(segment_on=segment_on)
    model = JointAlignSegment(segmenting=options, max_epochs=0, random_state=0)
    model.fit(DATA.videos, one_video(0))
    assert asked == {of_segment}


def test_many_labelled_segments_have_moments_of_their_own(tmp_path, monkeypatch):
    rng = np.random.RandomState(0)
    curve = gaussian_filter1d(rng.standard_normal((600, 6)), 6, axis=0)
    videos, labels = [], []
    for bend in (0.8, 1, 1.2):
        at = (599 * np.linspace(0, 1, 450) ** bend).astype(int)
        noise = 0.1 * curve.std() * rng.standard_normal((450, 6))
        videos.append(curve[at] + noise)
        labels.append(at // 30)
    y = [labels[0], None, None]
    model = JointAlignSegment(max_epochs=0, random_state=0).fit(videos, y)
    assert len(model.timeline_.model_.moments) == 300
    assert len(model.naming_.shares) == 450  # all, fewer than 40 a segment
    for ours, found in zip(model.labels_[1:], model.predict(videos[1:]), strict=True):
        assert_array_equal(found, ours)
    model.save(tmp_path / "model.skvas")
    again = load(tmp_path / "model.skvas").predict(videos)
    right = np.concatenate(again[1:]) == np.concatenate(labels[1:])
    monkeypatch.setattr(named, "moments_for", lambda codes: 1)
    coarse = JointAlignSegment(max_epochs=0, random_state=0).fit(videos, y)
    assert len(coarse.naming_.shares) == 300
    before = np.concatenate(coarse.labels_[1:]) == np.concatenate(labels[1:])
    assert right.mean() > before.mean()
    assert right.mean() > 0.97


def test_many_videos_have_fewer_moments_for_labels(monkeypatch):
    videos = [np.random.RandomState(0).standard_normal((400, 3))] * 3
    y = [np.arange(400) // 20, None, None]
    timeline = Segmenting(segment_on="timeline")
    for most, expected in ((1 << 30, 400), (350, 350), (100, 300)):
        monkeypatch.setattr(named, "CACHED", most * named.FRAMES * len(videos))
        model = JointAlignSegment(segmenting=timeline, max_epochs=0, random_state=0)
        assert len(model.fit(videos, y).naming_.shares) == expected


@pytest.mark.parametrize(("shared", "sure"), [(True, 0.8), (False, 0.5)])
def test_timestamps_reach_further_on_a_timeline_and_ask_what_was_found(
    shared, sure, monkeypatch
):
    asked = []

    def spy(frames, codes, found, share):
        asked.append((share, len(np.unique(found)) > 1))
        return codes

    monkeypatch.setattr(_reading, "fill_between", spy)
    options = {"n_actions": 3, "n_frames": (60, 90), "shared_order": shared}
    videos = make_videos(6, random_state=3, **options).videos
    model = JointAlignSegment(3, max_epochs=1, random_state=0)
    model.fit(videos, [{5: 0, 30: 1}, *[None] * 5])
    assert (model.segment_on_ == "timeline") == shared
    assert set(asked) == {(sure, shared)}


def test_segments_of_timestamps_end_where_found_actions_do():
    data = make_videos(8, n_frames=(90, 130), noise=1, random_state=1)
    videos, labels = data.videos, data.labels
    starts = np.r_[0, np.flatnonzero(np.diff(labels[0])) + 1].tolist()
    y = [{start + 2: labels[0][start] for start in starts}, *[None] * 7]
    model = JointAlignSegment(5, max_epochs=0, random_state=0).fit(videos, y)
    found, true = map(np.concatenate, (model.labels_[1:], labels[1:]))
    assert (found == true).mean() > 0.97  # .82 by the embedding alone


@pytest.mark.parametrize("max_epochs", [0, 4])
def test_actions_without_a_label_are_found_as_well(fit, max_epochs):
    y = [np.where(labels < 2, labels, -1) for labels in DATA.labels[:2]] + [None] * 4
    model = fit(("few", max_epochs), y, n_actions=4, max_epochs=max_epochs)
    assert model.classes_.tolist() == [0, 1, 2, 3]
    found = np.concatenate(model.labels_)
    assert (
        miou(np.where(TRUE < 2, TRUE, 9), np.where(found < 2, found, 9), matching=None)
        > 0.7
    )
    assert len(np.unique(found)) == 4


def test_labels_do_not_depend_on_what_is_kept(fit, monkeypatch):
    model = fit(("one", 4), one_video(2), max_epochs=4)
    monkeypatch.setattr(named, "CACHED", 0)
    again = JointAlignSegment(max_epochs=4, random_state=0)
    again.fit(DATA.videos, one_video(2))
    for ours, theirs in zip(model.labels_, again.labels_, strict=True):
        assert_array_equal(ours, theirs)


def test_labelled_videos_alone_pass_the_timeline_by_way_of_others(monkeypatch):
    asked, compared, shares = [], [], named._Placed.shares

    def spy(axis, paths, which, frames, posteriors):
        asked.append((list(which), len(paths)))
        return average_routes(axis, paths, which, frames, posteriors)

    def shares_of_moments(placed, *what):
        compared.append(len(placed.costs))
        return shares(placed, *what)

    monkeypatch.setattr(named, "average_routes", spy)
    monkeypatch.setattr(named._Placed, "shares", shares_of_moments)
    timeline = Segmenting(segment_on="timeline")
    model = JointAlignSegment(max_epochs=0, segmenting=timeline, random_state=0)
    model.fit(DATA.videos, one_video(1, 4))
    assert asked == [([1, 4], 6)]
    assert {*compared} == {2}
    assert miou(TRUE, np.concatenate(model.labels_), matching=None) > 0.9


def test_parts_of_long_videos_are_spelt_out_in_pieces(monkeypatch):
    timeline = Segmenting(segment_on="timeline")
    model = JointAlignSegment(max_epochs=0, segmenting=timeline, random_state=0)
    model.fit(DATA.videos, one_video(1, 4))
    base = model._found_labeller()
    few = 20 * BYTES_A_CELL * base.n_parts  # 20 distributions, shared by all frames
    short = replace(base, timeline=replace(base.timeline, limit=few))
    views = model._view([np.repeat(DATA.videos[0], 200, axis=0)])
    (path,) = short.frames(views)
    expected = (1 - ON_PATH) * short.timeline.posteriors(path)
    monkeypatch.setattr(Axis, "posteriors", pytest.fail)
    (found,) = short.parts(views)
    on_path = (found - expected).argmax(axis=1)
    expected[np.arange(len(path)), on_path] += ON_PATH
    assert_array_equal(found, expected.astype(np.float32))


@pytest.mark.parametrize(
    ("told", "kept", "expected"),
    [
        (0.9, 0.3, [(0.3, 1.0)]),
        (0.9, 0.55, [(0.3942, 1.0)]),
        (0.7, 0.6, [(1.0, 0.3), (1.0, 0.0)]),  # hardly more than places tell
        (0.2, -0.5, [(1.0, 0.3), (1.0, 0.0)]),  # less than by chance
        (0.5, 0.7, [(1.0, 0.3), (1.0, 0.0)]),
        (1.0, 1.0, [(1.0, 0.3), (1.0, 0.0)]),
    ],
)
def test_looks_count_fully_where_they_tell_a_lone_video_far_better(
    told, kept, expected, monkeypatch
):
    monkeypatch.setattr(named, "share_told", lambda *_: told)
    placed = Evidence([], [], None, 1.0, 0.3)
    base = SimpleNamespace(timeline=SimpleNamespace(order=SimpleNamespace(value=kept)))
    codes = [np.array([0, 1]), np.array([-1, -1])]
    ways = named._balanced(placed, base, codes, 4, 4)
    found = [(way.by_part, way.by_frame) for way in ways]
    np.testing.assert_allclose(found, expected, atol=1e-3)
    both = named._balanced(placed, base, codes[:1] * 2, 4, 4)
    may_lead = named.LOOKED if told > kept else ()
    assert [(w.by_part, w.by_frame) for w in both] == [*named.PLACED, *may_lead]


def test_a_labelled_loop_whose_looks_tell_it_is_named_by_them():
    """Rounds differ in number, so that their places say little."""
    rng = np.random.default_rng(0)
    looks = 2.5 * rng.normal(size=(4, 6))
    videos, labels = [], []
    for _ in range(8):
        turns = [0, *[1, 2] * rng.integers(1, 5), 3] * 2
        codes = np.repeat(turns, rng.integers(8, 14, len(turns)))
        labels.append(codes)
        videos.append(looks[codes] + rng.normal(size=(len(codes), 6)))
    timeline = Segmenting(segment_on="timeline")
    model = JointAlignSegment(segmenting=timeline, max_epochs=0, random_state=0)
    model.fit(videos, [labels[0], *[None] * 7])
    assert model.naming_.by_frame == 1
    found, true = np.concatenate(model.labels_[1:]), np.concatenate(labels[1:])
    assert miou(true, found, matching=None) > 0.9
