"""Videos that begin late or stop early."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skvas import JointAlignSegment
from skvas.alignment._joined_anchors import join_anchors
from skvas.datasets import make_videos
from skvas.timeline import Timeline, _model, _partial, _parts, _template
from skvas.timeline._partial import allow_parts
from skvas.timeline._parts import (
    PART,
    find_whole,
    follow_part,
    passed_part,
    told_by_length,
)
from skvas.timeline._paths import follow
from skvas.timeline._routes import average_routes
from skvas.timeline._template import Template, build_template
from skvas.videos._frames import unit

# What each video shows of the activity, as shares of its own time.
SHOWN = [(0.5, 1), (0, 0.6), (0.25, 0.75)] + [(0, 1)] * 7
PARTS, WHOLE = np.arange(3), np.arange(3, 10)


@pytest.fixture(scope="module")
def data():
    data = make_videos(10, n_actions=6, noise=0.5, warp=0.3, random_state=0)
    for i, (start, stop) in enumerate(SHOWN):
        n = len(data.videos[i])
        rows = slice(round(start * n), round(stop * n))
        data.videos[i] = data.videos[i][rows]
        data.times[i] = data.times[i][rows]
        data.labels[i] = data.labels[i][rows]
    data.frames = [unit(video) for video in data.videos]
    return data


@pytest.fixture(scope="module")
def timeline(data):
    return Timeline(6, random_state=0).fit(data.videos)


def build(videos):
    template = build_template(videos, limit=1e9)
    return allow_parts(template, videos, videos, limit=1e9)


def test_whole_videos_are_told_from_parts(data):
    assert_array_equal(find_whole(data.frames), WHOLE)


def test_nothing_is_a_part_where_all_videos_are_whole(data):
    whole = data.frames[3:]
    assert find_whole(whole) is None
    assert build(whole).least_share == PART
    # One of eight is no more than an accident.
    assert find_whole([data.frames[0], *whole]) is None


def test_halves_of_the_whole_videos_must_agree_on_what_is_left_out(data, monkeypatch):
    assert find_whole(data.frames) is not None
    monkeypatch.setattr(_parts, "AGREED", 1.0)
    assert find_whole(data.frames) is None


def test_parts_must_make_stretches_of_time_known_better(data, monkeypatch):
    rivals = build_template(data.frames, limit=1e9)
    assert build(data.frames).least_share == _parts.WHOLE
    monkeypatch.setattr(_partial, "BETTER", 2.0)
    found = build(data.frames)
    # What fit would call a part, and must not, is not called so later.
    assert found.least_share == 0
    assert_array_equal(found.frames, rivals.frames)


@pytest.mark.parametrize("n_videos", [1, 2, 3])
def test_few_videos_cannot_tell(data, n_videos):
    assert find_whole(data.frames[:n_videos]) is None


def test_template_is_that_of_whole_videos(data):
    found = build(data.frames)
    assert_array_equal(found.whole, WHOLE)
    assert_allclose(found.frames, build(data.frames[3:]).frames)
    assert found.is_related.all()


def test_parts_pass_the_positions_that_they_show(data, timeline):
    assert timeline.is_whole_.tolist() == [False] * 3 + [True] * 7
    errors = []
    for found, times in zip(timeline.positions_, data.times, strict=True):
        passed = np.mean(
            [np.interp(found, timeline.positions_[i], data.times[i]) for i in WHOLE],
            axis=0,
        )
        errors.append(np.abs(passed - times).mean() / 6)  # of six actions
    assert max(errors) < 0.02


def test_a_part_is_followed_within_its_positions(data):
    template = build(data.frames)
    view = template.view(data.frames[0])
    start, stop = template.part_of(view)
    found = template.follow(view, limit=1e9)
    inside = follow(view, template.frames[start:stop], limit=1e9)
    assert found.part == (start, stop)
    assert_array_equal(found.positions, inside.positions + start)
    assert_array_equal(found.frames[start:stop], inside.frames)
    assert (found.frames[:start] == inside.frames[0]).all()
    assert (found.frames[stop:] == inside.frames[-1]).all()
    assert found.costs.mean() == pytest.approx(inside.costs.mean())
    lacking = found.lacking()
    assert lacking[:start].all()
    assert lacking[stop:].all()
    assert_array_equal(lacking[start:stop], inside.lacking())
    whole = follow(view, template.frames, limit=1e9)
    same = follow_part(view, template.frames, None, limit=1e9)
    assert_array_equal(same.positions, whole.positions)


def test_new_parts_are_found_by_a_timeline_of_whole_videos(data):
    timeline = Timeline(6, random_state=0).fit(data.videos[3:])
    assert timeline.is_whole_.all()
    for video, times in zip(data.videos[:3], data.times[:3], strict=True):
        found = timeline.to_timeline(video)
        passed = np.interp(found, timeline.positions_[0], data.times[3])
        assert np.abs(passed - times).mean() / 6 < 0.02
        assert timeline.lacking(video).any()


def test_parts_that_were_not_looked_at_are_as_new_ones(data, monkeypatch):
    for module in (_partial, _template):
        monkeypatch.setattr(module, "sample_videos", lambda n: np.arange(3, n))
    timeline = Timeline(6, random_state=0).fit(data.videos)
    assert_array_equal(np.flatnonzero(~timeline.is_whole_), PARTS)
    template = timeline.model_.template
    assert template.is_related.all()
    assert template.alignability.min() > 0.5
    for video, positions in zip(data.videos, timeline.positions_, strict=True):
        assert_array_equal(timeline.to_timeline(video), positions)


def test_frames_of_a_part_are_nowhere_else(data, timeline):
    axis = timeline.model_
    frames = timeline._prepare(data.videos[:1])[0]
    start, stop = axis.template.part_of(axis.template.view(frames))
    outside = (axis.moments < start) | (axis.moments >= stop)
    for found in (axis.posteriors(frames), axis.posteriors(frames, n_blocks=4)):
        assert found.shape == (len(frames), len(axis.moments))
        assert_allclose(found.sum(axis=1), 1)
        assert outside.any()
        assert (found[:, outside] == 0).all()


def test_nothing_is_matched_where_a_part_does_not_pass(data, timeline):
    stacked = timeline.stack([video[:, 0] for video in data.videos])
    assert np.isnan(stacked[0, :10]).all()
    assert not np.isnan(stacked[4, :10]).any()
    n_videos = (~np.isnan(stacked)).sum(axis=0)
    assert_array_equal(timeline.density().n_videos, n_videos)


def test_answers_are_those_of_fit(data, timeline):
    for video, positions in zip(data.videos, timeline.positions_, strict=True):
        assert_array_equal(timeline.to_timeline(video), positions)
    labels = timeline.predict(data.videos)
    for found, expected in zip(labels, timeline.labels_, strict=True):
        assert_array_equal(found, expected)
    alignable = timeline.alignability(data.videos)
    assert alignable[PARTS].min() > 0.5


def test_boundaries_that_a_part_does_not_pass_have_no_confidence(data, timeline):
    (first,) = timeline.boundaries(data.videos[:1])
    before = timeline.boundaries_ < timeline.positions_[0][0] - 0.05
    assert before.any()
    assert (first[before] == 0).all()
    assert (np.diff(first[:, 0]) >= 0).all()


@pytest.mark.parametrize("every", [10, 3])
def test_whole_videos_of_other_frame_rates_are_no_parts(data, every):
    template = build(data.frames[3:])
    view = template.view(data.frames[4])[::every]
    assert passed_part(view, template.frames, PART) is None


def test_short_videos_leave_out_moments_at_less_unless_rates_differ():
    assert told_by_length(1.0) == 0
    assert told_by_length(0.3) == told_by_length(0.5) < told_by_length(0.7) < 0
    assert told_by_length(2.0) == -told_by_length(0.5)
    assert told_by_length(0.2) == told_by_length(5.0) == 0


def test_one_labelled_part_gives_labels_to_all(data):
    y = [data.labels[0], *[None] * 9]
    model = JointAlignSegment(6, max_epochs=0, random_state=0).fit(data.videos, y)
    assert not model.timeline_.is_whole_[0]
    assert_array_equal(model.labels_[0], data.labels[0])
    kept = np.isin(np.concatenate(data.labels[3:]), np.unique(data.labels[0]))
    right = np.concatenate(model.labels_[3:]) == np.concatenate(data.labels[3:])
    assert right[kept].mean() > 0.8
    assert np.isfinite(np.concatenate(model.predict_proba(data.videos))).all()


def test_whole_videos_are_asked_about_first(data):
    model = JointAlignSegment(6, max_epochs=0, random_state=0).fit(data.videos)
    assert not model.timeline_.is_whole_[: len(PARTS)].any()
    distance = model.outlook_.distance
    assert distance[PARTS].min() > distance[WHOLE].max()


def test_actions_are_known_where_half_of_the_videos_are_parts():
    data = make_videos(12, n_actions=6, noise=0.5, warp=0.3, random_state=1)
    rng = np.random.RandomState(0)
    rows = []
    for i, video in enumerate(data.videos):
        n, cut = len(video), rng.uniform(0.3, 0.6)
        late = slice(round(cut * n), None), slice(0, round(cut * n)), slice(None)
        rows.append(late[min(i % 4, 2)])
    videos = [video[row] for video, row in zip(data.videos, rows, strict=True)]
    labels = [label[row] for label, row in zip(data.labels, rows, strict=True)]
    timeline = Timeline(6, random_state=0).fit(videos)
    found = np.concatenate(timeline.labels_)
    # Actions are numbered as they first occur, and so are those of `make_videos`.
    assert (found == np.concatenate(labels)).mean() > 0.85


def test_parts_with_anchors_pass_their_part_and_the_anchors(data, timeline):
    axis, late = timeline.model_, timeline.model_.template.passages[0]
    # A frame of the late video shows what another one shows before its part begins.
    place = late.part[0] - 10
    other = int(np.searchsorted(axis.template.passages[5].positions, place))
    lengths = [len(video) for video in data.videos]
    anchors = join_anchors({(0, 5): np.array([[0, other]])}, lengths)
    frames = timeline._prepare(data.videos)
    for kind in ("hard", "soft"):
        found = anchors.bend(axis, frames, kind).template.passages[0]
        assert found.part[0] < late.part[0]
        assert found.part[1] == late.part[1]
        assert found.positions[0] < late.positions[0] - 3
        assert found.positions[-1] == pytest.approx(late.positions[-1], abs=5)
        assert not found.lacking()[round(found.positions[0])]


def test_parts_vote_with_the_mean_of_whole_videos_where_they_do_not_pass(timeline):
    axis = timeline.model_
    rng = np.random.RandomState(0)
    frames = [rng.normal(size=(len(p.positions), 2)) for p in axis.template.passages]
    stacked = _model._at_moments(frames, axis)
    for number in PARTS:
        start, stop = axis.template.passages[number].part
        outside = (axis.moments < start) | (axis.moments >= stop)
        assert_allclose(stacked[number, outside], stacked[WHOLE].mean(axis=0)[outside])
        assert not np.allclose(
            stacked[number, ~outside], stacked[WHOLE].mean(axis=0)[~outside]
        )


def test_a_part_between_two_moments_has_one(data, timeline, monkeypatch):
    axis = replace(timeline.model_, moments=np.array([0, 60, 120]))
    (frames,) = timeline._prepare(data.videos[:1])
    for part, moment in (((61, 63), 2), ((121, 125), 2), ((0, 1), 0)):
        monkeypatch.setattr(Template, "part_of", lambda self, view, part=part: part)
        assert_array_equal(axis.posteriors(frames)[0], np.eye(3)[moment])


def test_routes_do_not_say_where_parts_are(data, timeline):
    axis, frames = timeline.model_, timeline._prepare(data.videos)
    asked = [np.arange(5), np.arange(5)]
    own = [axis.posteriors(frames[i])[:5] for i in (0, 4)]
    part, whole = average_routes(axis, frames, [0, 4], asked, own)
    assert_allclose(part, own[0])
    assert not np.allclose(whole, own[1])
