import copy
import pickle
import re

import numpy as np
import pytest
import sklearn
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags

from skvas import Recordings, Timeline
from skvas.datasets import make_videos
from skvas.decoding import labels_to_segments
from skvas.exceptions import DegenerateFramesWarning, InvalidParameterError
from skvas.io import SegmentTable, TimedSegment
from skvas.labels import _reading
from skvas.metrics import mof
from skvas.preprocessing import Interpolate
from skvas.preprocessing._pipelines import last_step
from skvas.timeline import _model
from skvas.timeline._model import Axis
from skvas.timeline._paths import Passage


@pytest.fixture(scope="module")
def data():
    return make_videos(10, n_actions=5, n_frames=(90, 130), random_state=1)


@pytest.fixture(scope="module")
def timeline(data):
    return Timeline(5, random_state=0).fit(data.videos)


def agree(labels, truth):
    """Share of frames whose labels are right, after the best match of names."""
    return mof(truth, labels)


def test_actions_are_found(data, timeline):
    assert agree(timeline.labels_, data.labels) > 0.95


def test_videos_that_share_an_order_are_told(timeline):
    assert timeline.order_.verdict == "yes"
    assert timeline.is_related_.all()


def test_showing_a_timeline_spells_out_no_video(timeline, monkeypatch):
    monkeypatch.setattr(Passage, "__repr__", pytest.fail)
    assert "Timeline" in timeline._repr_html_()


def test_videos_of_fit_have_the_same_answers_again(data, timeline):
    for again, first in zip(
        timeline.predict(data.videos), timeline.labels_, strict=True
    ):
        assert_array_equal(again, first)
    for again, first in zip(
        timeline.to_timeline(data.videos), timeline.positions_, strict=True
    ):
        assert_array_equal(again, first)


def test_new_video_is_placed_without_fitting_again(data):
    half = Timeline(5, random_state=0).fit(data.videos[:6])
    assert agree(half.predict(data.videos[6:]), data.labels[6:]) > 0.9


def test_positions_lead_back_to_their_frames(data, timeline):
    video = data.videos[2]
    frames = timeline.from_timeline(timeline.to_timeline(video), video)
    assert np.abs(frames - np.arange(len(video))).mean() < 2
    assert_allclose(timeline.from_timeline([0.0, 1.0], video)[0], 0, atol=5)


def test_one_video_gives_one_answer_and_many_a_container(data, timeline):
    video = data.videos[0]
    assert timeline.predict(video).shape == (len(video),)
    assert timeline.transform(video).shape == (len(video), 1)
    assert timeline.predict([video]).shape == (1,)
    assert isinstance(timeline.transform([video]), list)


def test_positions_are_a_column_with_a_name(data, timeline):
    framed = copy.deepcopy(timeline).set_output(transform="pandas")
    (frame,) = framed.transform(data.videos[:1])
    assert_array_equal(frame.columns, timeline.get_feature_names_out())
    assert_array_equal(frame["timeline0"], timeline.positions_[0])
    recordings = Recordings(data.videos[:2], ["a", "b"], fps=25)
    found = timeline.transform(recordings)
    assert (found.names, found.fps) == (["a", "b"], [25, 25])


def test_probabilities_follow_the_labels(data, timeline):
    for shares, labels in zip(
        timeline.predict_proba(data.videos), timeline.labels_, strict=True
    ):
        assert_allclose(shares.sum(axis=1), 1)
        assert (shares.argmax(axis=1) == labels).mean() > 0.95


def test_boundaries_lie_where_labels_change(timeline):
    changes = [
        positions[1:][np.diff(labels) != 0]
        for positions, labels in zip(timeline.positions_, timeline.labels_, strict=True)
    ]
    for found in changes:
        assert_allclose(found, timeline.boundaries_, atol=0.03)
    assert (timeline.boundary_confidence_ > 0.5).all()


def test_single_draw_is_of_one_mind(data):
    for n_draws, is_sure in ((1, True), (16, False)):
        found = Timeline(9, n_draws=n_draws, random_state=0).fit(data.videos[:4])
        assert (found.boundary_confidence_ == 1).all() == is_sure


def test_boundaries_of_a_video_lie_where_its_labels_change(data, timeline):
    found = timeline.boundaries(data.videos)
    for video, labels in zip(found, timeline.labels_, strict=True):
        assert_array_equal(video[:, 0], np.flatnonzero(np.diff(labels)) + 1)
    assert_array_equal(timeline.boundaries(data.videos[3]), found[3])


def test_boundaries_of_videos_that_pass_between_positions_lie_there_as_well():
    options = {"n_actions": 5, "n_frames": (60, 150), "n_features": 3, "noise": 0.1}
    videos = make_videos(4, **options, random_state=6).videos
    timeline = Timeline(5, random_state=0).fit(videos)
    pairs = zip(timeline.boundaries(videos), timeline.predict(videos), strict=True)
    for boundaries, labels in pairs:
        assert {*np.flatnonzero(np.diff(labels)) + 1} <= {*boundaries[:, 0]}


def test_timeline_has_as_many_actions_as_asked_for():
    options = {"n_actions": 5, "n_frames": (20, 20), "noise": 1.0}
    videos = make_videos(5, **options, random_state=5).videos
    timeline = Timeline(8, recurring=False, random_state=0).fit(videos)
    assert len(np.unique(np.concatenate(timeline.labels_))) == 8


def test_boundary_that_a_video_blurs_has_less_confidence(data, timeline):
    clear = timeline.boundaries(data.videos[0])
    assert (clear[:, 1] > 0.8).all()
    blurred = data.videos[0].copy()
    end = int(clear[1, 0])
    blurred[end - 15 : end + 15] = blurred.mean(axis=0)
    doubtful = timeline.boundaries(blurred)
    assert doubtful[1, 1] < 0.8
    assert_allclose(doubtful[3, 1], clear[3, 1], atol=0.1)


def test_timeline_of_one_action_has_no_boundaries(data):
    one = Timeline(1, random_state=0).fit(data.videos[:3])
    assert one.boundaries(data.videos[0]).shape == (0, 2)


def test_shares_of_labels_are_those_that_labels_follow(data, timeline):
    y = [data.labels[0]] + [None] * 9
    names, shares = timeline.label_shares(y)
    assert_array_equal(names, np.arange(5))
    for share, label in zip(shares[1:], timeline.labels(y)[1:], strict=True):
        assert_allclose(share.sum(axis=1), 1)
        assert_array_equal(share.argmax(axis=1), label)


def test_labels_of_one_video_reach_all_others(data, timeline):
    names = np.array(["a", "b", "c", "d", "e"])
    y = [names[data.labels[0]]] + [None] * 9
    carried = timeline.labels(y)
    right = [
        (found == names[truth]).mean()
        for found, truth in zip(carried, data.labels, strict=True)
    ]
    assert np.mean(right) > 0.95
    assert_array_equal(carried[0], y[0])


def test_many_labelled_segments_are_carried_over_as_many_moments(monkeypatch):
    frames = np.random.default_rng(0).normal(size=(600, 4)).cumsum(axis=0)
    timeline = Timeline(random_state=0).fit([frames, frames + 0.1])
    finer, asked = Axis.finer, []

    def spy(axis, n_moments):
        found = finer(axis, n_moments)
        asked.append(len(found.moments))
        return found

    monkeypatch.setattr(Axis, "finer", spy)
    few, many = np.arange(600) // 150, np.arange(600) // 60
    for labels in (few, many):
        timeline.labels([labels, None])
    assert asked == [300, 400]  # 40 of each segment, or as many as there are


def test_given_labels_are_kept_and_gaps_filled(data, timeline):
    y = [np.where(np.arange(len(t)) % 7 == 0, t, -1) for t in data.labels]
    y[3][0] = 4
    carried = timeline.labels(y)
    assert carried[3][0] == 4
    right = [(c == t).mean() for c, t in zip(carried, data.labels, strict=True)]
    assert np.mean(right) > 0.95


def test_labels_may_have_any_form_that_fit_takes(data, timeline):
    labels = data.labels[0]
    edges = np.r_[0, np.flatnonzero(np.diff(labels)) + 1, len(labels)].tolist()
    some = np.where(np.arange(len(labels)) < edges[3], labels, np.nan)
    segments = [(a, b, labels[a]) for a, b in zip(edges[:3], edges[1:], strict=False)]
    expected = timeline.labels([some, *[None] * 9])
    for entry in (segments, [None if np.isnan(v) else int(v) for v in some]):
        found = timeline.labels([entry, *[None] * 9])
        assert found[0].dtype == np.int64
        for ours, theirs in zip(found, expected, strict=True):
            assert_array_equal(ours, theirs)
    names = np.array(["", "a", "b", "c"])
    words = names[np.where(np.isnan(some), 0, some + 1).astype(int)]
    found = timeline.labels([words, *[None] * 9])
    for ours, theirs in zip(found, expected, strict=True):
        assert_array_equal(ours, names[theirs + 1])


def test_timestamps_stand_for_their_segments(data, timeline):
    labels = data.labels[0]
    edges = np.r_[0, np.flatnonzero(np.diff(labels)) + 1].tolist()
    # Close to the starts: the ends of segments are found, not halves of the distance.
    stamps = {start + 2: labels[start] for start in edges}
    carried = timeline.labels([stamps, {}, *[None] * 8])
    right = [(c == t).mean() for c, t in zip(carried, data.labels, strict=True)]
    assert np.mean(right) > 0.95


def test_segments_of_timestamps_end_where_actions_do(data, timeline, monkeypatch):
    asked = []
    monkeypatch.setattr(
        _reading,
        "fill_between",
        lambda _, codes, found, share: asked.append(found) or codes,
    )
    y = [None, {5: "a", 60: "b"}, *[None] * 8]
    timeline.labels(y)
    bare = Timeline(None, random_state=0).fit(data.videos)
    bare.labels(y)
    given, none = asked
    assert_array_equal(given, timeline.labels_[1])
    assert not none.any()


@pytest.mark.parametrize("clock", ["fps", "times"])
def test_tables_of_segments_are_in_seconds_of_the_recordings(clock):
    data = make_videos(3, n_actions=3, random_state=0)
    names = ["a", "b", "c"]
    edges = [np.arange(len(video) + 1) / 2 for video in data.videos]
    known = {"fps": 2}
    if clock == "times":
        edges = [edge**1.3 for edge in edges]
        known = {"times": [edge[:-1] for edge in edges]}
    recordings = Recordings(data.videos, names, **known)
    timeline = Timeline(3, random_state=0).fit(recordings)
    rows = [
        TimedSegment("b", edges[1][s.start], edges[1][s.end], f"step {s.label}")
        for s in labels_to_segments(data.labels[1])
    ]
    words = np.array(["step 0", "step 1", "step 2"])
    expected = timeline.labels([None, words[data.labels[1]], None])
    for videos in (None, recordings):
        found = timeline.labels(SegmentTable(rows), videos)
        for one, other in zip(found, expected, strict=True):
            assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("first", "others", "message"),
    [
        (lambda t: t, [None] * 8, "each of the 10 videos, got 9"),
        (lambda t: t[1:], [None] * 9, "video 0: expected one label for each of the"),
        (lambda t: t + 0.5, [None] * 9, "video 0: labels must be integers or strings"),
        (lambda t: [*t[1:], "a"], [None] * 9, "mixes integers and strings"),
        (lambda t: np.full(len(t), -1), [None] * 9, "y has no label"),
        (lambda t: [""] * len(t), [None] * 9, "y has no label"),
    ],
)
def test_wrong_labels_are_refused_by_name(data, timeline, first, others, message):
    y = [first(data.labels[0]), *others]
    for answer in (timeline.labels, timeline.label_shares):
        with pytest.raises(ValueError, match=message):
            answer(y)


def test_a_single_frame_may_have_a_label_of_its_own(data, timeline):
    y = [np.r_[data.labels[0][:-1], 9], *[None] * 9]
    found = timeline.labels(y)
    assert found[0][-1] == 9


def test_stacked_signals_stand_at_one_moment(data, timeline):
    times = timeline.stack([time[:, None] for time in data.times], length=50)
    assert times.shape == (10, 50, 1)
    assert np.nanstd(times, axis=0).mean() < 0.3


def test_stacked_signals_are_numbers_as_those_of_videos(data, timeline):
    expected = timeline.stack(data.times)
    tensors = [torch.tensor(time, requires_grad=True) for time in data.times]
    assert_array_equal(timeline.stack(tensors), expected)
    for odd, said in (
        (np.ma.masked_less(data.times[1], 3), "mask would be ignored"),
        (data.labels[1].astype("M8[s]"), "dates"),
        (data.labels[1].astype(str), "real numbers"),
        (data.times[1] * 1j, "Complex"),
    ):
        with pytest.raises(ValueError, match=f"video 1: .*{said}"):
            timeline.stack([data.times[0], odd, *data.times[2:]])


def test_stacked_signals_move_on_between_the_positions_of_the_template(data):
    slow = np.repeat(data.videos[0], 4, axis=0)
    videos = [slow, *data.videos[1:]]
    timeline = Timeline(None, random_state=0).fit(videos)
    found = timeline.stack([np.arange(len(video)) for video in videos], length=400)
    passed = timeline.from_timeline(np.linspace(0, 1, 400), slow)
    shown = ~np.isnan(found[0])
    assert_allclose(found[0][shown], passed[shown], atol=0.5 + 1e-9)


def test_signals_of_recordings_come_in_the_order_of_fit(data):
    names = [f"take {k}" for k in range(10)]
    videos = Recordings(data.videos, names)
    timeline = Timeline(None, random_state=0).fit(videos)
    assert_array_equal(
        timeline.stack(videos, 20), timeline.stack(list(data.videos), 20)
    )
    others = Recordings(data.videos, [f"other {name}" for name in names])
    assert_array_equal(timeline.stack(others, 20), timeline.stack(videos, 20))
    swapped = [names[1], names[0], *names[2:]]
    with pytest.raises(ValueError, match="video 0: .* 'take 1', and that of fit 'tak"):
        timeline.stack(Recordings(data.videos, swapped), 20)


def test_frames_are_asked_for_where_a_video_has_some():
    data = make_videos(8, n_actions=4, random_state=0)
    late = [video[len(video) // 2 :] for video in data.videos[:3]]
    timeline = Timeline(None, random_state=0).fit([*late, *data.videos[3:]])
    assert not timeline.is_whole_[0]
    found = timeline.from_timeline([0, 0.2, 0.6, 0.9], late[0])
    assert_array_equal(np.isnan(found), [True, True, False, False])
    again = timeline.from_timeline(timeline.positions_[0], late[0])
    assert np.abs(again - np.arange(len(late[0]))).max() < 2
    whole = timeline.from_timeline([0, 0.2, 0.9, 1], data.videos[3])
    assert not np.isnan(whole).any()


@pytest.mark.parametrize("seed", [1, 3])
def test_videos_that_look_the_same_lack_nothing(seed):
    videos = make_videos(8, n_actions=5, noise=0, random_state=seed).videos
    timeline = Timeline(None, random_state=0).fit(videos)
    assert not np.any(np.stack(timeline.lacking(videos)))


def test_moments_that_a_video_lacks_are_nan():
    data = make_videos(10, n_actions=6, noise=0.3, random_state=2)
    videos, labels = list(data.videos), list(data.labels)
    kept = labels[4] != 3
    videos[4], labels[4] = videos[4][kept], labels[4][kept]
    timeline = Timeline(6, random_state=0).fit(videos)
    found = timeline.stack([label[:, None] for label in labels])[:, :, 0]
    others = np.delete(found, 4, axis=0)
    dropped = np.nanmedian(others, axis=0) == 3
    assert np.isnan(found[4, dropped]).mean() > 0.8
    assert np.isnan(found[4, ~dropped]).mean() < 0.1
    assert np.isnan(others).mean() < 0.05
    density = timeline.density()
    assert_array_equal(density.n_videos, 10 - np.isnan(found).sum(axis=0))
    assert density.costs[4, dropped].mean() > 2 * density.costs[4, ~dropped].mean()


@pytest.mark.parametrize(("cost", "lacks"), [(0.1, False), (0.9, True)])
def test_moments_passed_quickly_are_lacking_only_where_they_match_badly(cost, lacks):
    frames = np.r_[np.arange(40.0), np.full(30, 40.0), np.arange(41.0, 71)]
    costs = np.full(100, 0.2)
    costs[40:70] = cost
    found = Passage(np.zeros(71), frames, costs).lacking()
    assert found[45:65].all() == found.any() == lacks
    assert not Passage(np.zeros(100), np.arange(100.0), costs).lacking().any()
    assert not Passage(np.zeros(1), frames[39:42], costs[39:42]).lacking().any()


def test_frames_of_a_short_video_may_stand_for_many_moments_each():
    edges = np.cumsum([0, *[1, 1, 58] * 10])  # of the positions of 30 frames
    frames = np.interp(np.arange(600) + 0.5, edges, np.arange(31)) - 0.5
    costs = np.full(600, 0.1)
    costs[122:180] = 0.9
    assert not Passage(np.zeros(30), frames, costs).lacking().any()


@pytest.mark.parametrize("recurring", [True, False])
def test_actions_come_back_if_they_are_said_to(recurring):
    order = [0, 1, 2, 0, 1]
    means = 3 * np.eye(3).repeat(2, axis=1)
    rng = np.random.default_rng(0)
    videos = [np.repeat(means[order], rng.integers(9, 15, 5), axis=0) for _ in range(5)]
    videos = [video + rng.normal(size=video.shape) for video in videos]
    found = Timeline(3, recurring=recurring, random_state=0).fit(videos)
    assert found.recurring_ == recurring
    segments = [1 + np.count_nonzero(np.diff(labels)) for labels in found.labels_]
    assert (np.median(segments) == 3) != recurring


def test_number_of_actions_may_be_left_open(data):
    timeline = Timeline(random_state=0).fit(data.videos)
    low, high = timeline.n_actions_range_
    assert low <= timeline.n_actions_ <= high
    assert low <= 5 <= high


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n_actions", 0),
        ("n_actions", "many"),
        ("n_actions", (5, 3)),
        ("n_actions", (1, 2, 3)),
        ("recurring", "yes"),
        ("features", "white"),
        ("features", StandardScaler),
        ("n_draws", 0),
        ("random_state", -1),
        ("memory_limit", 0),
    ],
)
def test_wrong_parameter_is_refused_by_name(data, name, value):
    with pytest.raises(InvalidParameterError, match=name):
        Timeline().set_params(**{name: value}).fit(data.videos)


def test_row_74_wrong_inputs_are_refused_by_name(data, timeline):
    with pytest.raises(ValueError, match="video must be one video"):
        timeline.from_timeline([0.5], data.videos)
    with pytest.raises(ValueError, match="between 0 and 1"):
        timeline.from_timeline([1.5], data.videos[0])
    shape = re.escape(str(data.videos[0].shape))
    with pytest.raises(ValueError, match=f"shape {shape}; they come first") as caught:
        timeline.from_timeline(data.videos[0], [0, 0.5])
    assert len(str(caught.value)) < 200
    for odd in (["a"], ["0.5"], [1j], np.array([0.5j]), [[0], [0, 1]]):
        with pytest.raises(ValueError, match="positions must be numbers between 0 and"):
            timeline.from_timeline(odd, data.videos[0])
    for odd in (None, 5, (times for times in data.times), data.times[:3]):
        with pytest.raises(ValueError, match="each of the 10 videos of fit, got"):
            timeline.stack(odd)
    with pytest.raises(ValueError, match="video 1: expected one entry"):
        timeline.stack([data.times[0]] * 10)
    mixed = [*data.videos[:4], data.videos[4][:, :3], *data.times[5:]]
    with pytest.raises(ValueError, match=r"video 4: entries have shape \(3,\)"):
        timeline.stack(mixed)
    with pytest.raises(TypeError, match="video 0: expected an array of .* of NaN"):
        timeline.stack([None, *data.times[1:]])
    with pytest.raises(TypeError, match=r"list\(videos.values\(\)\)"):
        timeline.stack(dict(enumerate(data.times)))
    with pytest.raises(ValueError, match="positions must be numbers between 0 and"):
        timeline.from_timeline(np.ma.masked_less([0.1, 0.5], 0.2), data.videos[0])


def test_videos_of_another_width_are_refused_and_change_nothing(data, timeline):
    with pytest.raises(ValueError, match="3 features.*16 features"):
        timeline.predict(data.videos[0][:, :3])
    assert timeline.n_features_in_ == 16


@pytest.mark.parametrize("container", ["pandas", "polars"])
def test_containers_that_scikit_learn_is_told_to_make_change_no_answer(
    data, timeline, container
):
    pytest.importorskip(container)
    with sklearn.config_context(transform_output=container):
        again = Timeline(5, random_state=0).fit(data.videos)
        found = again.predict(data.videos[0])
    assert_array_equal(found, timeline.labels_[0])


def in_scenes(n_videos=10):
    """Unit vectors, as networks make them of images: each video has its own scene."""
    rng = np.random.default_rng(3)
    usual = 40 * np.exp(1.1 * rng.normal(size=6))
    ways = np.linalg.qr(rng.normal(size=(128, 40)))[0].T
    starts, ends = rng.normal(size=(2, 6, 40)) * np.exp(-0.05 * np.arange(40))
    videos, truth = [], []
    for _ in range(n_videos):
        scene, parts, codes = 1.5 * rng.normal(size=40), [], []
        for action, length in enumerate(usual):
            n = max(8, int(length * np.exp(0.4 * rng.normal())))
            time = np.linspace(0, 1, n)[:, None]
            parts.append(starts[action] + 0.8 * time * (ends - starts)[action])
            codes += [action] * n
        frames = np.concatenate(parts) * 0.7 + scene
        frames += np.cumsum(0.05 * rng.normal(size=frames.shape), axis=0)
        seen = frames @ ways + 0.05 * rng.normal(size=(len(codes), 128))
        videos.append(seen / np.linalg.norm(seen, axis=1, keepdims=True))
        truth.append(np.array(codes))
    return videos, truth


def test_features_are_those_that_tell_most():
    videos, truth = in_scenes()
    auto = Timeline(6, random_state=0).fit(videos)
    assert last_step(auto.features_).views == ("video",)
    whitened = Timeline(6, features="whitened", random_state=0).fit(videos)
    assert agree(auto.labels_, truth) > agree(whitened.labels_, truth) + 0.1


def test_features_that_wander_are_left_out_unless_all_are_asked_for(data):
    rng = np.random.default_rng(0)
    videos = [
        np.hstack([v, rng.normal(size=(len(v), 4)).cumsum(axis=0)]) for v in data.videos
    ]
    timeline = Timeline(5, random_state=0).fit(videos)
    related = timeline.features_.steps[0][1]
    assert_array_equal(related.support_, [True] * 16 + [False] * 4)
    every = Timeline(5, features="whitened", random_state=0).fit(videos)
    assert every.features_.n_features_in_ == 20
    assert agree(timeline.labels_, data.labels) > 0.95


def test_features_may_be_made_by_any_transformer(data, timeline):
    gaps = [video.copy() for video in data.videos]
    for video in gaps:
        video[10:13, 2] = np.nan
    for features in (None, StandardScaler(), make_pipeline(Interpolate(), "auto")):
        videos = gaps if isinstance(features, Pipeline) else data.videos
        found = Timeline(5, features=features, random_state=0).fit(videos)
        assert agree(found.labels_, data.labels) > 0.9
        assert_array_equal(found.predict(videos)[3], found.labels_[3])
    with pytest.raises(ValueError, match="NaN"):
        timeline.predict(gaps)
    assert found.get_params()["features"] is features
    assert get_tags(found).input_tags.allow_nan
    assert not get_tags(timeline).input_tags.allow_nan


def test_frames_without_features_are_told_of(data):
    videos = [*data.videos[:5], np.zeros((30, 16))]
    with pytest.warns(DegenerateFramesWarning, match="30 frame") as told:
        Timeline(5, features=None, random_state=0).fit(videos)
    assert told[0].filename == __file__


def test_two_videos_are_asked_for_an_order(data):
    order = Timeline(None, random_state=0).fit(data.videos[:2]).order_
    assert order.n_videos == 2
    assert np.isinf(order.error)


def test_features_of_other_names_are_refused(data):
    names = [f"joint {i}" for i in range(data.videos[0].shape[1])]
    known = Recordings(data.videos, feature_names=names)
    timeline = Timeline(5, random_state=0).fit(known)
    assert timeline.recordings_["feature_names"] == names
    assert_array_equal(timeline.predict(known)[0], timeline.labels_[0])
    turned = [video[:, ::-1] for video in data.videos]
    for ask in (timeline.predict, timeline.to_timeline, timeline.boundaries):
        with pytest.raises(ValueError, match="the same in another order"):
            ask(Recordings(turned, feature_names=names[::-1]))


def test_fit_is_the_same_again_and_after_pickling(data, timeline):
    again = clone(timeline).fit(data.videos)
    copy = pickle.loads(pickle.dumps(timeline))
    for other in (again, copy):
        assert_array_equal(other.template_, timeline.template_)
        assert_array_equal(other.predict(data.videos[0]), timeline.labels_[0])


def test_timeline_without_actions_has_the_same_positions(data, timeline):
    bare = Timeline(None, random_state=0).fit(data.videos)
    for ours, theirs in zip(bare.positions_, timeline.positions_, strict=True):
        assert_array_equal(ours, theirs)
    assert bare.order_ == timeline.order_
    with pytest.raises(ValueError, match="n_actions=None looks for no actions"):
        bare.fit_predict(data.videos)
    for answer in (bare.predict, bare.predict_proba):
        with pytest.raises(ValueError, match="has no actions; set n_actions"):
            answer(data.videos)


def test_labels_of_one_video_reach_new_ones(data):
    half = Timeline(None, random_state=0).fit(data.videos[:6])
    carried = half.labels([data.labels[6], None, None, None], data.videos[6:])
    right = [(c == t).mean() for c, t in zip(carried, data.labels[6:], strict=True)]
    assert np.mean(right) > 0.9


def test_new_videos_are_measured_as_those_of_fit(data, timeline):
    assert_allclose(timeline.alignability(data.videos), timeline.alignability_)
    stranger = np.random.default_rng(0).normal(size=(110, 16))
    assert timeline.alignability(stranger)[0] < 0.3
    part = data.videos[0][data.labels[0] != 2]
    lacking = timeline.lacking(part)
    assert lacking.shape == (len(timeline.template_),)
    middle = timeline.boundaries_[1:3].mean() * len(lacking)
    assert lacking[int(middle)]
    assert not timeline.lacking(data.videos)[0].any()


def test_row_62_lone_video_is_a_timeline_of_itself(data):
    video = data.videos[0]
    timeline = Timeline(5, random_state=0).fit(video)
    assert_allclose(timeline.positions_[0], np.linspace(0, 1, len(video)))
    assert timeline.order_ is None
    assert timeline.alignability_.tolist() == [1.0]
    assert agree([timeline.labels_], data.labels[:1]) > 0.8


@pytest.mark.parametrize("n_short", [3, 12])
def test_row_63_videos_of_one_frame_leave_the_others_in_place(data, timeline, n_short):
    short = [data.videos[i % 10][7 * i : 7 * i + 1] for i in range(n_short)]
    features = "whitened"  # others may be settled on where a frame has a place
    joined = Timeline(5, features=features, random_state=0).fit([*data.videos, *short])
    for positions, before in zip(
        joined.positions_[:10], timeline.positions_, strict=True
    ):
        assert np.abs(positions - before).mean() < 0.02
    for positions, labels in zip(
        joined.positions_[10:], joined.labels_[10:], strict=True
    ):
        assert_allclose(positions, [0.5])
        assert labels.shape == (1,)


@pytest.mark.filterwarnings("ignore::skvas.exceptions.DegenerateFramesWarning")
def test_row_63_timeline_of_videos_of_one_frame_has_one_position(data):
    timeline = Timeline(1, random_state=0).fit([video[:1] for video in data.videos])
    assert all(positions.tolist() == [0.0] for positions in timeline.positions_)
    assert timeline.order_.verdict != "yes"


@pytest.mark.parametrize("n_long", [1, 2])
def test_row_64_lengths_may_differ_a_thousandfold(data, n_long):
    rng = np.random.default_rng(0)
    long = [np.repeat(video, 100, axis=0) for video in data.videos[:n_long]]
    long = [video + 0.1 * rng.normal(size=video.shape) for video in long]
    short = [video[::10] for video in data.videos[n_long:3]]
    timeline = Timeline(None, random_state=0).fit([*short, *long])
    for positions in timeline.positions_:
        assert (np.diff(positions) >= 0).all()
        assert positions[0] < 0.05
        assert positions[-1] > 0.95
    assert (timeline.alignability_ > 0.5).all()


def test_row_65_unrelated_video_is_found_and_has_no_say(data, timeline):
    rng = np.random.default_rng(0)
    for stranger in (
        np.cumsum(rng.normal(size=(110, 16)), axis=0),
        rng.normal(size=(110, 16)),
    ):
        joined = Timeline(5, random_state=0).fit([*data.videos, stranger])
        assert joined.is_related_.tolist() == [True] * 10 + [False]
        assert joined.alignability_.argmin() == 10
        assert joined.density().n_videos.max() == 10
        assert len(joined.density().costs) == 11
        assert agree(joined.labels_[:10], data.labels) > 0.95
        change = [
            np.abs(now - before).mean()
            for now, before in zip(joined.positions_, timeline.positions_, strict=False)
        ]
        assert max(change) < 0.01


def test_row_66_copies_of_a_video_are_one(data):
    alone = Timeline(5, random_state=0).fit([data.videos[0]] * 3)
    among = Timeline(5, random_state=0).fit([*data.videos, data.videos[0]])
    for one, other in ((0, 1), (0, 2)):
        assert_array_equal(alone.positions_[one], alone.positions_[other])
        assert_array_equal(alone.labels_[one], alone.labels_[other])
    assert_array_equal(among.positions_[0], among.positions_[10])


def test_row_67_more_actions_than_positions_are_refused():
    rng = np.random.default_rng(0)
    videos = [rng.normal(size=(6, 3)), rng.normal(size=(6, 3))]
    with pytest.raises(InvalidParameterError, match="n_actions=7 is more than the 6"):
        Timeline(7).fit(videos)
    assert 2 <= Timeline((2, 7)).fit(videos).n_actions_ <= 6


@pytest.mark.parametrize("n_actions", [300, (300, 400)])
def test_more_actions_than_frames_are_refused_before_long_work(
    data, n_actions, monkeypatch
):
    monkeypatch.setattr(_model, "build_axis", pytest.fail)
    with pytest.raises(InvalidParameterError, match=r"longest video.* give"):
        Timeline(n_actions).fit(data.videos)
