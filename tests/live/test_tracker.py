from __future__ import annotations

import copy
import json
import math
import pickle
from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_array_equal
from sklearn.exceptions import NotFittedError

import skvas
from skvas import (
    ActionSegmenter,
    JointAlignSegment,
    Recordings,
    Segmenting,
    Training,
    VideoAligner,
)
from skvas.datasets import make_videos
from skvas.decoding import labels_to_segments
from skvas.exceptions import InvalidParameterError, ModelFileError
from skvas.live import LiveTracker, LiveWarning, _saved, load_tracker
from skvas.live._saved import read_state, write_state
from tests.live.models import (
    MODELS,
    N_ACTIONS,
    data,
    learned,
    new_video,
    ordered,
    posed,
    relabelled,
    tracker,
    unordered,
)

LAGS = [0, 1, 7, math.inf]


def named(video):
    return pd.DataFrame(video, columns=[f"c{i}" for i in range(video.shape[1])])


@cache
def of_frames(live=False):
    """Fit a segmenter to data frames."""
    training = Training(live=live)
    model = ActionSegmenter(N_ACTIONS, training=training, max_epochs=0, random_state=0)
    return model.fit([*map(named, data().videos[:6])])


def live_embedder():
    return of_frames(live=True).embedder()


def in_pieces(stream, video, sizes):
    """Push a video in pieces of some sizes in turn; return all answers, joined."""
    parts, start, turn = [], 0, 0
    while start < len(video):
        size = sizes[turn % len(sizes)]
        parts.append(stream.push(video[start : start + size]))
        start, turn = start + size, turn + 1
    recording = stream.finish()
    parts.append(recording.rest)
    return parts, recording


def joined(parts):
    names = ["labels", "probabilities", "progress", "spread"]
    return {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in names
        if getattr(parts[0], name) is not None
    }


def state_of(stream):
    """Return all that a tracker knows, for comparison."""
    return pickle.dumps(
        (
            vars(stream._standing) | {"features": None},
            stream._before and (stream._before[0].state(), stream._before[1]),
            vars(stream._filter) | {"chain": None},
            stream._course and stream._course.state(),
            stream._kept,
            vars(stream._monitor) | {"habits": None},
            stream._pending,
            stream._runs,
            stream._action,
            stream._since,
            stream._last,
            stream.n_frames_,
            stream.warnings_,
        )
    )


@pytest.mark.parametrize("make", MODELS)
@pytest.mark.parametrize("lag", LAGS)
@pytest.mark.parametrize("sizes", [[1], [0, 3, 1, 20]])
def test_pieces_of_any_size_equal_one_push_bit_for_bit(make, lag, sizes):
    whole, recording = in_pieces(tracker(make, lag=lag), new_video(), [1000])
    parts, again = in_pieces(tracker(make, lag=lag), new_video(), sizes)
    assert again.segments == recording.segments
    assert again.warnings == recording.warnings
    expected, found = joined(whole), joined(parts)
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values, strict=True)


@pytest.mark.parametrize("lag", LAGS)
def test_each_frame_is_answered_once_and_at_most_lag_frames_later(lag):
    stream, video = tracker(lag=lag), new_video()
    n_final = 0
    for number, frame in enumerate(video, 1):
        found = stream.push(frame[None])
        assert found.start == n_final
        n_final += len(found)
        assert number - n_final <= lag
        if lag == 0:
            assert n_final == number
        elif n_final and lag < math.inf:
            assert number - n_final >= lag - lag // 4
    rest = stream.finish().rest
    assert (rest.start, rest.start + len(rest)) == (n_final, len(video))


def test_steps_of_an_ordered_recording_are_told_as_they_come():
    stream = tracker()
    found, true = stream.push(new_video()), data().labels[8]
    assert (relabelled(found.labels, true) == true).mean() > 0.9
    assert stream.warnings_ == []
    assert np.corrcoef(found.progress, np.arange(len(true)))[0, 1] > 0.98
    assert ((found.spread >= 0) & (found.spread < 0.5)).all()


def test_progress_and_spread_are_mean_and_standard_deviation_of_the_position():
    chain = learned().chain()
    mean = chain.start @ chain.positions
    variance = chain.start @ chain.positions**2 - mean**2
    found = tracker().push(np.full((1, new_video().shape[1]), np.nan))
    np.testing.assert_allclose(found.progress, [mean])
    np.testing.assert_allclose(found.spread, [variance**0.5])


def test_actions_are_told_without_a_timeline_as_well():
    found, true = tracker(unordered).push(new_video()), data().labels[8]
    assert (relabelled(found.labels, true) == true).mean() > 0.85
    assert found.progress is None
    assert found.spread is None


@pytest.mark.parametrize("make", MODELS)
def test_answers_look_at_no_later_frame(make):
    video = new_video().copy()
    expected = tracker(make).push(video)
    video[60:] = np.random.RandomState(0).randn(*video[60:].shape)
    found = tracker(make).push(video)
    np.testing.assert_array_equal(found.probabilities[:60], expected.probabilities[:60])


def test_probabilities_are_distributions_and_labels_their_largest():
    found = tracker(lag=5).push(new_video())
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1)
    np.testing.assert_array_equal(found.labels, found.probabilities.argmax(axis=1))
    assert found.probabilities.shape == (len(found), N_ACTIONS)


@pytest.mark.parametrize("make", MODELS)
def test_an_action_is_told_until_another_is_far_more_probable(make):
    rng = np.random.RandomState(4)
    # Mere noise, so that two actions are likely now and then.
    noisy = [new_video() + 4 * rng.randn(*new_video().shape) for _ in range(3)]
    video = np.concatenate(noisy)
    stream, told, now = tracker(make), [], []
    for frame in video:
        found = stream.push(frame[None])
        told.append(int(found.labels[0]))
        now.append(stream.current_.action)
        shares = found.probabilities[0]
        best = int(shares.argmax())
        lead = (1 - learned(make).doubt) * learned(make).lead
        if len(told) == 1 or shares[best] > shares[told[-2]] + lead:
            assert told[-1] == best
        else:
            assert told[-1] == told[-2]
        assert stream.current_.probability == pytest.approx(shares[told[-1]])
    assert now == told
    likeliest = tracker(make).push(video).probabilities.argmax(axis=1)
    assert np.count_nonzero(np.diff(told)) < np.count_nonzero(np.diff(likeliest))


def test_rate_of_frames_is_that_of_the_recordings_unless_given():
    recordings = Recordings(data().videos[:3], fps=25)
    model = ActionSegmenter(2, max_epochs=0, random_state=0).fit(recordings)
    assert model.stream().fps == 25
    with pytest.warns(UserWarning, match="fps is 5, and .* 25 frames a second") as told:
        assert model.stream(fps=5).fps == 5
    assert told[0].filename == __file__
    assert model.stream(fps=25.5).fps == 25.5
    assert tracker().fps is None


def test_frames_of_another_rate_are_told_by_their_times():
    video = np.concatenate([new_video()] * 2)[:120]
    stream = tracker(fps=10)
    slow = np.arange(120) / 8
    stream.push(video[:30], times=slow[:30])
    stream.push(video[30:50], times=slow[30:50])
    before = pickle.dumps(stream._last), stream.n_frames_
    for n in (51, 120):
        with pytest.raises(ValueError, match="every 0.1 s, but .* came every 0.125 s"):
            stream.push(video[50:n], times=slow[50:n])
    assert (pickle.dumps(stream._last), stream.n_frames_) == before
    near = np.arange(120) / 10.4 + 0.02 * np.sin(np.arange(120))
    assert tracker(fps=10).push(video, times=near).labels.shape == (120,)


def test_a_rate_is_told_over_the_frames_whose_times_are_known(tmp_path):
    video, slow = np.concatenate([new_video()] * 2)[:120], np.arange(120) / 8
    stream = tracker(fps=10)
    stream.push(video[:45], times=slow[:45])
    stream.push(video[45:50])
    stream.push(video[50:90], times=slow[50:90])
    stream.save(tmp_path / "tracker")
    for other in (stream, load_tracker(tmp_path / "tracker"), stream.copy()):
        with pytest.raises(ValueError, match="came every 0.125 s"):
            other.push(video[90:110], times=slow[90:110])


def test_dates_are_no_times():
    stream = tracker(fps=25)
    dates = pd.date_range("2026-01-01", periods=2, freq="40ms")
    with pytest.raises(TypeError, match="numbers of seconds, got"):
        stream.push(new_video()[:2], times=dates)
    assert stream.n_frames_ == 0


def test_a_recording_goes_on_where_the_model_is_fitted_anew():
    videos = data().videos
    model = ActionSegmenter(3, max_epochs=0, random_state=0).fit(videos[:5])
    expected = model.predict(videos[5])
    stream = model.stream(lag=math.inf)
    stream.push(videos[5])
    model.set_params(n_actions=5).fit(videos[:5])
    assert_array_equal(stream.finish().labels, expected)


@pytest.mark.parametrize("make", [make for make in MODELS if make is not posed])
def test_frames_unlike_any_tell_of_no_step(make):
    rng = np.random.default_rng(0)
    video = new_video()
    strange = 6 * video.std(axis=0) * rng.standard_normal((60, video.shape[1]))
    middle = len(video) // 2
    usual = {(w.kind, w.action) for w in warned(make, video)}
    found = warned(make, np.concatenate([video[:middle], strange, video[middle:]]))
    assert [w.kind for w in found].count("unfamiliar") == 1
    assert {(w.kind, w.action) for w in found} - usual == {("unfamiliar", None)}


def warned(make, video):
    """Return what is unusual about a recording."""
    stream = tracker(make)
    stream.push(video)
    return stream.warnings_


@pytest.mark.parametrize("make", MODELS)
def test_with_all_of_the_recording_it_answers_as_predict_does(make):
    stream = tracker(make, lag=math.inf)
    assert len(stream.push(new_video())) == 0
    recording = stream.finish()
    assert_array_equal(recording.labels, make().predict(new_video()))
    shares = make().predict_proba(new_video())
    np.testing.assert_allclose(recording.rest.probabilities, shares, atol=1e-6)


def test_at_the_end_positions_are_those_given_all_frames():
    ends = []
    for lag in (1000, math.inf):
        stream = tracker(lag=lag)
        stream.push(new_video())
        ends.append(stream.finish().rest)
    assert_array_equal(ends[1].progress, ends[0].progress)
    assert_array_equal(ends[1].spread, ends[0].spread)


def test_at_the_end_frames_that_cannot_be_read_are_as_the_last_one():
    stream, video = tracker(lag=math.inf), new_video().copy()
    video[:2] = video[40:43] = np.nan
    stream.push(video)
    video[:2], video[40:43] = video[2], video[39]
    assert_array_equal(stream.finish().labels, ordered().predict(video))


def test_row_71_saved_tracker_that_labels_at_the_end_needs_its_model(tmp_path):
    stream, path = tracker(lag=math.inf), tmp_path / "tracker"
    stream.push(new_video()[:50])
    stream.save(path)
    again = load_tracker(path, model=ordered())
    for other in (stream, again):
        other.push(new_video()[50:])
    assert again.finish().segments == stream.finish().segments
    for missing in (None, "model"):
        with pytest.raises(InvalidParameterError, match="give the fitted model"):
            load_tracker(path, model=missing)
    with pytest.raises(InvalidParameterError, match="not the one"):
        load_tracker(path, model=unordered())


@pytest.mark.parametrize("names", ["abce", "abdc", "aacd", [3, 2, 1, 0]])
def test_row_71_model_of_other_labels_is_another_one(names, tmp_path):
    def fit(names):
        y = [np.array(list(names))[data().labels[0]], *[None] * 7]
        model = JointAlignSegment(max_epochs=0, random_state=0)
        return model.fit(data().videos[:8], y)

    fit("abcd").stream(lag=math.inf).save(tmp_path / "tracker")
    load_tracker(tmp_path / "tracker", model=fit("abcd"))
    with pytest.raises(InvalidParameterError, match="not the one"):
        load_tracker(tmp_path / "tracker", model=fit(names))


def test_segments_of_a_recording_are_its_labels():
    stream = tracker()
    labels = stream.push(new_video()).labels
    recording = stream.finish()
    assert recording.n_frames == len(labels)
    np.testing.assert_array_equal(recording.labels, labels)
    assert recording.segments == labels_to_segments(labels)


@pytest.mark.parametrize("model", [JointAlignSegment, ActionSegmenter])
def test_actions_have_the_names_of_the_labels_that_were_given(model, tmp_path):
    names = np.array(["cut", "mix", "pour", "stir"], dtype=object)
    y = [names[data().labels[0]], *[None] * 7]
    options = {"segmenting": Segmenting(segment_on="timeline")}
    if model is ActionSegmenter:
        options = {}
    named = model(max_epochs=0, random_state=0, **options).fit(data().videos[:8], y)
    stream = named.stream()
    found = stream.push(new_video())
    assert (found.labels == names[data().labels[8]]).mean() > 0.85
    assert stream.current_.action == found.labels[-1]
    assert {step.action for step in stream.next_} <= {*names, None}
    stream.save(tmp_path / "tracker")
    again = load_tracker(tmp_path / "tracker")
    assert again.current_ == stream.current_
    assert again.finish().segments == stream.finish().segments
    assert stream._runs[0] == (0, named.classes_.tolist().index(found.labels[0]))


@pytest.mark.parametrize("is_saved", [False, True])
def test_warnings_call_actions_by_their_names(is_saved, tmp_path):
    model = copy.copy(ordered()).name_actions([*"wxyz"])
    video, true = new_video(), data().labels[8]
    stream = model.stream()
    stream.push(video[true < 2])
    if is_saved:
        stream.save(tmp_path / "tracker")
        stream = load_tracker(tmp_path / "tracker")
    stream.push(video[true == 3])
    (warning,) = stream.warnings_
    assert warning.name == "wxyz"[warning.action]
    assert str(warning).startswith(f"action {warning.name} was skipped")
    assert stream.current_.action in range(N_ACTIONS)


def test_trackers_of_older_files_know_no_names_of_actions(tmp_path):
    stream, path = tracker(), tmp_path / "tracker"
    stream.push(np.full((1, 16), np.nan))
    stream.save(path)
    state = read_state(path)
    drop(state, "action_names")
    for warning in state["warnings"]:
        drop(warning, "name")
    write_state(path, state)
    assert load_tracker(path).action_names is None
    assert load_tracker(path).warnings_ == stream.warnings_


def test_recording_without_frames_is_empty():
    recording = tracker().finish()
    assert (recording.n_frames, recording.segments, len(recording.labels)) == (0, [], 0)


def test_the_step_that_is_told_is_not_the_next_one():
    options = {"n_actions": 5, "n_features": 8, "n_frames": (90, 120), "noise": 1.5}
    *videos, new = make_videos(8, random_state=0, **options).videos
    model = JointAlignSegment(5, max_epochs=0, random_state=0).fit(videos)
    stream = model.stream()
    for frame in new:
        stream.push(frame[None])
        assert stream.current_.action not in {step.action for step in stream.next_}


def test_current_step_and_the_next_one():
    stream = tracker(fps=10)
    assert stream.current_ is None
    assert stream.next_ == []
    labels = stream.push(new_video()[:15]).labels
    now = stream.current_
    assert (now.action, now.frame, now.since) == (labels[-1], 14, 0)
    assert 0 < now.progress < 0.3
    (following,) = stream.next_
    order = ordered().timeline_.model_.cut.actions
    order = order[np.r_[True, np.diff(order) != 0]]
    assert following.action == order[1]
    assert following.probability > 0.9
    starts = np.flatnonzero(tracker().push(new_video()).labels == order[1])
    assert abs(following.n_frames - (starts[0] - 14)) < 15
    assert following.seconds == following.n_frames / 10


@pytest.mark.parametrize("make", MODELS)
def test_current_step_began_where_its_action_was_first_told(make, tmp_path):
    stream, video = tracker(make), np.tile(new_video(), (2, 1))
    video[:2] = video[30:50] = np.nan
    told = []
    for number, frame in enumerate(video):
        told += stream.push(frame[None]).labels.tolist()
        since = stream.current_ and stream.current_.since
        if since is not None:
            assert set(told[since:]) == {stream.current_.action}
            assert since == 0 or told[since - 1] != told[since]
        if number == 60:
            stream.save(tmp_path / "tracker")
            stream = load_tracker(tmp_path / "tracker").copy()
    stream.reset()
    stream.push(video[2:10])
    assert stream.current_.since == 0


def test_trackers_of_older_files_take_what_began_with_the_step(tmp_path):
    stream, path = tracker(), tmp_path / "tracker"
    stream.push(new_video())
    stream.save(path)
    state = read_state(path)
    drop(state, "since")
    state["monitor"]["since"] = 70
    write_state(path, state)
    assert load_tracker(path).current_.since == 70


def test_the_end_comes_after_the_last_step():
    stream = tracker()
    stream.push(new_video())
    assert [step.action for step in stream.next_] == [None]
    assert stream.next_[0].seconds is None


@pytest.mark.parametrize("make", MODELS)
def test_recording_may_be_joined_in_the_middle(make):
    labels = tracker(make).push(new_video()).labels
    shares = [
        (tracker(make).push(new_video()[start:]).labels == labels[start:])[10:].mean()
        for start in range(20, 71, 10)
    ]
    assert np.mean(shares) > 0.95


def test_skipped_and_repeated_steps_are_warned_of():
    video, true = new_video(), data().labels[8]
    parts = [video[true == k] for k in range(N_ACTIONS)]
    actions = [
        int(np.bincount(ordered().predict(video)[true == k]).argmax())
        for k in range(N_ACTIONS)
    ]

    def said(order):
        stream = tracker()
        stream.push(np.concatenate([parts[k] for k in order]))
        kinds = ("skipped", "repeated", "out of order")
        return [(w.kind, w.action) for w in stream.warnings_ if w.kind in kinds]

    assert said([0, 1, 2, 3]) == []
    assert said([0, 1, 3]) == [("skipped", actions[2])]
    assert said([0, 1, 0, 1, 2, 3]) == [
        ("repeated", actions[0]),
        ("repeated", actions[1]),
    ]
    assert said([0, 2, 1, 3]) == [
        ("skipped", actions[1]),
        ("out of order", actions[1]),
    ]


def test_skipped_repeated_and_swapped_actions_are_warned_of_without_a_timeline():
    made = make_videos(20, n_actions=5, n_frames=(80, 110), random_state=1)
    model = ActionSegmenter(5, max_epochs=0, random_state=0).fit(made.videos[:19])
    video, true = made.videos[19], made.labels[19]
    parts = [video[true == k] for k in range(5)]
    names = relabelled(model.predict(video), true)
    called = dict(zip(model.predict(video).tolist(), names.tolist(), strict=True))

    def said(order):
        stream = model.stream()
        stream.push(np.concatenate([parts[k] for k in order]))
        return [(w.kind, called[w.action]) for w in stream.warnings_]

    assert said([0, 1, 2, 3, 4]) == []
    assert said([0, 1, 3, 4]) == [("skipped", 2)]
    assert said([0, 1, 2, 1, 3, 4]) == [("repeated", 1)]
    assert said([0, 2, 1, 3, 4]) == [("skipped", 1), ("out of order", 1)]


@pytest.mark.parametrize("make", [ordered, unordered])
def test_last_step_that_never_began_is_told_at_the_end(make, tmp_path):
    video, true = new_video(), data().labels[8]
    stream = make().stream()
    stream.push(video[true != N_ACTIONS - 1])
    assert "missing" not in {w.kind for w in stream.warnings_}
    found = stream.finish().warnings[-1]
    last = make().predict(video)[true == N_ACTIONS - 1]
    assert (found.kind, found.action) == ("missing", np.bincount(last).argmax())
    assert found.frame == stream.n_frames_ - 1
    assert str(found).endswith(f"never began (frame {found.frame})")
    stream.save(tmp_path / "tracker")
    assert load_tracker(tmp_path / "tracker").warnings_ == stream.warnings_
    stream.reset()
    stream.push(video)
    assert "missing" not in {w.kind for w in stream.finish().warnings}
    stream.reset()
    unseen = true == N_ACTIONS - 1
    stream.push(np.where(unseen[:, None], np.nan, video))
    assert "missing" not in {w.kind for w in stream.finish().warnings}


def test_step_that_takes_much_too_long_is_warned_of_once():
    video, true = new_video(), data().labels[8]
    slow = np.concatenate([video[true == 0], np.repeat(video[true == 1], 8, axis=0)])
    stream = tracker()
    stream.push(slow)
    late = [w for w in stream.warnings_ if w.kind == "too long"]
    assert len(late) == 1
    assert late[0].action == stream.current_.action


@pytest.mark.parametrize("make", [ordered, unordered])
def test_too_long_is_the_step_that_is_told(make):
    video, true = new_video(), data().labels[8]
    stream = make().stream()
    stream._model = replace(stream._model, lead=1.0)  # the first one is told for ever
    stream.push(video[true == 0])
    first = stream.current_.action
    stream.push(np.repeat(video[true == 1], 8, axis=0))
    late = [w.action for w in stream.warnings_ if w.kind == "too long"]
    assert late == [first] == [stream.current_.action]


@pytest.mark.parametrize("make", [ordered, unordered])
def test_frames_count_until_a_step_takes_longer_than_ever(make):
    video = new_video()
    waits = [np.repeat(video[:1], n, axis=0) for n in (500, 5000)]
    short, long = (tracker(make), tracker(make))
    for stream, wait in zip((short, long), waits, strict=True):
        stream.push(wait)
    assert short._standing.n_frames == long._standing.n_frames < 500
    labels = [stream.push(video).labels for stream in (short, long)]
    assert_array_equal(*labels)
    # The steps of the recording count again.
    assert long._standing.n_frames > short._model.habits.longest.max()


def test_frames_unlike_any_seen_are_warned_of():
    strange = new_video().copy()
    strange[40:60] += 8 * np.random.RandomState(0).randn(20, strange.shape[1])
    stream = tracker()
    stream.push(strange)
    (warning,) = [w for w in stream.warnings_ if w.kind == "unfamiliar"]
    assert 40 <= warning.frame < 60
    assert "unlike any" in str(warning)


def test_warnings_say_what_is_meant():
    assert str(LiveWarning("too long", 3, 2)) == (
        "action 2 takes much longer than ever seen (frame 3)"
    )


@pytest.mark.parametrize("model", [ordered, unordered])
@pytest.mark.parametrize("n", [5, 30])
def test_what_follows_strange_frames_is_told_as_without_them(model, n):
    video = new_video()
    usual = model().stream()
    expected = usual.push(video).labels
    half = len(video) // 2
    strange = np.random.default_rng(0).normal(size=(n, video.shape[1]))
    broken = [video[:half], 30 * video.std() * strange, video[half:]]
    stream = model().stream()
    found = stream.push(np.concatenate(broken)).labels
    assert (found[half + n :] == expected[half:]).mean() > 0.9
    told = {w.kind for w in stream.finish().warnings}
    assert told - {"unfamiliar"} == {w.kind for w in usual.finish().warnings}


def interrupted(n):
    """Return a video, how long it goes on, and what it is after n strange frames."""
    video = new_video()
    half = len(video) // 2
    strange = 30 * video.std() * np.random.default_rng(0).normal(size=(n, 16))
    return half, np.concatenate([video[:half], strange, video[half:]])


@pytest.mark.parametrize("model", [ordered, unordered])
@pytest.mark.parametrize("n", [60, 300])
def test_recording_goes_on_after_more_strange_frames_than_it_had(model, n):
    expected = model().stream().push(new_video()).labels
    half, broken = interrupted(n)
    stream = model().stream()
    found = stream.push(broken).labels
    assert (found[half + n :] == expected[half:]).mean() > 0.8
    assert stream._before is None
    assert {w.kind for w in stream.finish().warnings} == {"unfamiliar"}


def test_frames_in_a_row_say_that_a_recording_goes_on():
    half, broken = interrupted(60)
    stream = unordered().stream()
    stream.push(broken[: half + 60])
    told = []
    for frame in broken[half + 60 :]:
        stream.push(frame[None])
        if stream._before is None:
            break
        told.append(stream._before[1])
    assert told == [1, 2, 3, 4]


def test_recording_that_has_changed_is_as_it_looks_now():
    video = new_video()
    signs = np.random.RandomState(0).choice([-1, 1], size=video.shape[1])
    stream = unordered().stream()
    stream.push(video[:20])
    stream.push(np.concatenate([video[20:], video, video]) + 9 * video.std(0) * signs)
    assert stream._before is not None
    assert stream._standing.n_frames > 100


def test_trackers_know_what_was_before_strange_frames(tmp_path):
    half, broken = interrupted(60)
    for stop in (half + 50, half + 62):
        stream, path = unordered().stream(lag=4), tmp_path / "tracker"
        stream.push(broken[:stop])
        assert stream._before is not None
        stream.save(path)
        others = [load_tracker(path), stream.copy()]
        others[0].save(tmp_path / "again")
        assert path.read_bytes() == (tmp_path / "again").read_bytes()
        wanted = stream.push(broken[stop:]).probabilities
        for other in others:
            assert_array_equal(other.push(broken[stop:]).probabilities, wanted)
        state = read_state(path)
        state["before"][1] = -1
        write_state(path, state)
        with pytest.raises(ModelFileError, match="cannot be loaded as a tracker"):
            load_tracker(path)
        drop(state, "before")  # as in older files
        write_state(path, state)
        assert load_tracker(path)._before is None


def test_row_69_frames_with_nan_hold_the_state_and_are_warned_of():
    video = new_video().copy()
    stream = tracker()
    stream.push(video[:40])
    before = stream.current_
    blind = np.full((4, 16), np.nan)
    found = stream.push(blind)
    np.testing.assert_array_equal(found.progress, np.full(4, before.progress))
    assert [w.kind for w in stream.warnings_] == ["unreadable"]
    assert stream.n_frames_ == 44
    stream.push(video[44:])
    expected = tracker()
    expected.push(video)
    assert abs(stream.current_.progress - expected.current_.progress) < 0.05


def test_row_69_single_frames_with_nan_are_warned_of_once_and_long_gaps_each():
    video = new_video().copy()
    video[10:40:2] = np.nan
    stream = tracker()
    stream.push(video)
    assert [(w.kind, w.frame) for w in stream.warnings_] == [("unreadable", 10)]
    least = int(np.ceil(stream._monitor.needed.min()))
    assert least > 5  # so many frames a step takes to begin
    video[50 : 50 + least] = np.nan
    stream.reset()
    stream.push(video)
    told = [w.frame for w in stream.warnings_ if w.kind == "unreadable"]
    assert told == [10, 50 + least - 1]


@pytest.mark.parametrize("make", MODELS)
def test_labels_are_the_same_without_a_look_at_steps(make):
    video = np.vstack([new_video()[:30], new_video()[60:], new_video()[:40]])
    video[20:24] = np.nan
    stream = make().stream(lag=20)
    labels_alone = stream._for_labels()
    stream.push(video)
    labels_alone.push(video)
    assert labels_alone._course is None
    assert_array_equal(labels_alone.finish().labels, stream.finish().labels)


@pytest.mark.parametrize("make", [ordered, unordered])
def test_frames_before_the_first_to_be_read_do_not_hold_an_action(make):
    stream = make().stream()
    stream._model = replace(stream._model, lead=1.0)
    before = stream.push(np.full((5, 16), np.nan)).labels
    assert stream.current_ is None
    found = stream.push(new_video()[60:])
    assert found.labels[0] == found.probabilities[0].argmax() != before[-1]


@pytest.mark.parametrize(
    ("frames", "error", "message"),
    [
        (np.zeros((3, 4)), ValueError, r"\(n_frames, 16\).*got \(3, 4\)"),
        (np.zeros(16), ValueError, r"got \(16,\)"),
        (np.full((2, 16), np.inf), ValueError, "infinity"),
        (np.full((2, 16), "a"), ValueError, "real numbers"),
        (np.ma.array(np.zeros((2, 16)), mask=True), ValueError, "mask"),
        ([np.zeros((3, 16))], ValueError, r"got \(1, 3, 16\)"),
        ({}, TypeError, "dict"),
    ],
)
def test_row_69_frames_of_another_shape_or_kind_change_nothing(frames, error, message):
    stream = tracker(lag=3)
    stream.push(new_video()[:20])
    before = state_of(stream)
    with pytest.raises(error, match=message):
        stream.push(frames)
    assert state_of(stream) == before


def frames_in_other_ways(video):
    with_gap = named(video).astype("Float64")
    with_gap.iloc[3, 2] = pd.NA
    numbers = video.copy()
    numbers[3, 2] = np.nan
    return [
        (named(video), video),
        (with_gap, numbers),
        (video.astype(object), video),
        (video.tolist(), video),
        ([*video], video),
        (torch.tensor(video, requires_grad=True), video),
        (video.reshape(len(video), 8, 2), video),
        (video[:0], video[:0]),
    ]


@pytest.mark.parametrize("way", range(8))
def test_frames_may_be_all_that_predict_takes(way):
    frames, array = frames_in_other_ways(new_video())[way]
    for make in (tracker, live_embedder):
        found, expected = make().push(frames), make().push(array)
        if make is tracker:
            found, expected = found.probabilities, expected.probabilities
        assert_array_equal(found, expected)


@pytest.mark.parametrize("is_saved", [False, True])
def test_row_69_columns_are_those_of_fit(is_saved, tmp_path):
    model, frames = of_frames(), named(new_video())
    stream, path = model.stream(lag=3), tmp_path / "tracker"
    stream.push(frames[:20])
    if is_saved:
        stream.save(path)
        stream = load_tracker(path)
    before = state_of(stream)
    for wrong in (frames[frames.columns[::-1]], frames.rename(columns={"c1": "x"})):
        with pytest.raises(ValueError, match="columns of fit"):
            stream.push(wrong[20:])
        with pytest.raises(ValueError, match="columns of fit"):
            live_embedder().push(wrong[20:])
    for wrong, told in (
        (frames.assign(time=0.0), "but 'time' is unknown"),
        (frames.drop(columns="c1"), "but 'c1' is missing"),
        (frames[frames.columns[:-6]], "'c14' and 1 more are missing"),
        (frames.rename(columns={"c1": "x"}), "'x' is unknown, 'c1' is missing"),
        (frames[frames.columns[::-1]], "column 0 is 'c15' and was 'c0'"),
    ):
        with pytest.raises(ValueError, match=f"columns of fit.*{told}"):
            stream.push(wrong[20:])
    assert state_of(stream) == before
    stream.push(new_video()[20:40])  # without names, in the order of fit
    stream.push(frames[40:])


def test_trackers_of_older_files_know_no_columns(tmp_path):
    stream, path = of_frames().stream(), tmp_path / "tracker"
    stream.save(path)
    state = read_state(path)
    drop(state, "feature_names")
    write_state(path, state)
    again, frames = load_tracker(path), named(new_video())
    assert again.feature_names is None
    again.push(frames[frames.columns[::-1]])


def test_frames_with_names_are_labelled_at_the_end_without_a_warning():
    stream, frames = of_frames().stream(lag=math.inf), named(new_video())
    stream.push(frames)
    assert_array_equal(stream.finish().labels, of_frames().predict(frames))


def test_row_70_gap_in_time_is_refused_and_changes_nothing():
    stream, video = tracker(fps=10), new_video()
    stream.push(video[:5], times=np.arange(5) / 10)
    before = state_of(stream)
    stream.push(video[:0])
    with pytest.raises(ValueError, match=r"every 0.1 s, but frame 5 comes 0.6 s"):
        stream.push(video[5:7], times=[1.0, 1.1])
    with pytest.raises(ValueError, match=r"frame 6 comes -0.1 s"):
        stream.push(video[5:7], times=[0.5, 0.4])
    with pytest.raises(ValueError, match="2 finite numbers"):
        stream.push(video[5:7], times=[0.5])
    for times in (["a", "b"], list(range(999))):
        with pytest.raises(ValueError, match=r"2 finite numbers") as caught:
            stream.push(video[5:7], times=times)
        assert len(str(caught.value)) < 200
    assert state_of(stream) == before
    stream.push(video[5:7], times=[0.5, 0.6])


def test_row_70_a_frame_that_comes_early_was_not_lost():
    stream, video = tracker(fps=10), new_video()
    with pytest.raises(
        ValueError, match="0.04 s after the one before it; sample .*even"
    ):
        stream.push(video[:3], times=[0.0, 0.1, 0.14])


def test_one_frame_that_is_no_row_says_how_to_pass_it():
    stream, video = tracker(), new_video()
    for lone in (video[0], video[0].tolist()):
        with pytest.raises(ValueError, match=r"pass a lone frame as \[frame\]"):
            stream.push(lone)
    with pytest.raises(ValueError, match=r"got \(1,\)\.$"):
        stream.push(video[0, :1])
    assert len(stream.push([video[0]]).progress) == 1


@pytest.mark.parametrize("is_saved", [False, True])
def test_row_70_gap_over_frames_without_times_is_refused(is_saved, tmp_path):
    stream, video = tracker(fps=10), new_video()
    stream.push(video[:3], times=[0, 0.1, 0.2])
    stream.push(video[3:10])
    if is_saved:
        stream.save(tmp_path / "tracker")
        stream = load_tracker(tmp_path / "tracker")
    before = state_of(stream)
    for late in (0.1, 0.3, 2.0, 100.0):
        remedy = "sample" if late < 1 else "push"
        told = f"frame 10 comes {late - 0.2:.4g} s after frame 2; {remedy}"
        with pytest.raises(ValueError, match=told):
            stream.push(video[10:11], times=[late])
    with pytest.raises(ValueError, match="frame 11 comes 8.9 s after the one before"):
        stream.push(video[10:12], times=[1.1, 10.0])
    assert state_of(stream) == before
    stream.push(video[10:13], times=[1.1, 1.2, 1.3])


def test_trackers_of_older_files_have_the_time_of_their_last_frame(tmp_path):
    stream, path = tracker(fps=10), tmp_path / "tracker"
    stream.push(new_video()[:3], times=[0, 0.1, 0.2])
    stream.save(path)
    state = read_state(path)
    drop(state, "timed")
    write_state(path, state)
    assert state_of(load_tracker(path)) == state_of(stream)


def test_times_need_a_rate():
    with pytest.raises(InvalidParameterError, match="give fps"):
        tracker().push(new_video()[:2], times=[0, 1])


def test_row_71_push_after_finish_is_refused_until_reset():
    stream = tracker()
    first = stream.push(new_video())
    stream.finish()
    before = state_of(stream)
    for call in (lambda: stream.push(new_video()[:1]), stream.finish):
        with pytest.raises(RuntimeError, match="reset"):
            call()
    assert state_of(stream) == before
    stream.reset()
    again = stream.push(new_video())
    np.testing.assert_array_equal(again.probabilities, first.probabilities)


def test_row_71_unfitted_model_has_no_stream():
    with pytest.raises(NotFittedError):
        JointAlignSegment(3).stream()


def test_row_71_aligner_without_a_timeline_has_no_stream():
    videos = data().videos[:2]
    for options, videos_of_fit, reason in (
        ({"max_epochs": 0}, videos, "no embedding was trained.* max_epochs above 0"),
        ({"max_epochs": 1}, videos[:1], "share no order, or are fewer than two"),
    ):
        aligner = VideoAligner(random_state=0, **options).fit(videos_of_fit)
        assert aligner.live_ is None
        with pytest.raises(ValueError, match=reason):
            aligner.stream()
    model = JointAlignSegment(2, max_epochs=0).fit(videos)
    model.live_ = None  # as in a file of a version without streams
    with pytest.raises(ValueError, match="a version of skvas without streams"):
        model.stream()


@pytest.mark.parametrize(
    "options", [{"fps": 0}, {"fps": "25"}, {"lag": -1}, {"lag": 1.5}, {"lag": None}]
)
def test_parameters_out_of_range_are_refused(options):
    with pytest.raises(InvalidParameterError, match=next(iter(options))):
        tracker(**options)


@pytest.mark.parametrize("make", MODELS)
@pytest.mark.parametrize("lag", [0, 6])
def test_copies_pickles_and_files_go_on_alike_and_apart(make, lag, tmp_path):
    video, stream = new_video().copy(), tracker(make, lag=lag, fps=25)
    video[20], video[28:34, 3] = np.nan, np.nan
    stream.push(video[:30])
    stream.save(tmp_path / "tracker")
    others = [
        stream.copy(),
        copy.deepcopy(stream),
        pickle.loads(pickle.dumps(stream)),
        load_tracker(tmp_path / "tracker"),
    ]
    expected = stream.push(video[30:])
    end = stream.finish()
    for other in others:
        assert isinstance(other, LiveTracker)
        found = other.push(video[30:])
        np.testing.assert_array_equal(found.probabilities, expected.probabilities)
        again = other.finish()
        assert again.segments == end.segments
        assert again.warnings == end.warnings
        assert (other.fps, other.lag) == (25, lag)


@pytest.mark.parametrize("make", MODELS)
def test_tracker_that_is_read_writes_the_same_file(make, tmp_path):
    stream, frames = tracker(make, lag=4), new_video()[:30].copy()
    frames[-2:] = np.nan  # held, which a state knows as well
    frames[-3:, 2] = np.nan
    stream.push(frames)
    stream.save(tmp_path / "one")
    load_tracker(tmp_path / "one").save(tmp_path / "two")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_saved_model_streams_as_the_one_that_was_saved(tmp_path):
    for make in MODELS:
        make().save(tmp_path / "model")
        found = skvas.load(tmp_path / "model").stream().push(new_video())
        np.testing.assert_array_equal(
            found.probabilities, tracker(make).push(new_video()).probabilities
        )


def test_file_of_something_else_is_refused(tmp_path):
    ordered().save(tmp_path / "model")
    with pytest.raises(ModelFileError, match="a tracker of skvas"):
        load_tracker(tmp_path / "model")
    with pytest.raises(OSError, match="nothing"):
        load_tracker(tmp_path / "nothing")


@pytest.mark.parametrize(("version", "when"), [(1, "an earlier"), (3, "a later")])
def test_file_of_another_version_is_refused(version, when, tmp_path, monkeypatch):
    monkeypatch.setattr(_saved, "FORMAT_VERSION", version)
    tracker().save(tmp_path / "tracker")
    monkeypatch.undo()
    with pytest.raises(ModelFileError, match=f"by {when} version"):
        load_tracker(tmp_path / "tracker")


def drop(state, name):
    del state[name]


@pytest.mark.parametrize(
    "change",
    [
        lambda s: drop(s, "monitor"),
        lambda s: drop(s["model"]["habits"], "longest"),
        lambda s: s["model"]["gaussians"].update(weight=-1.0),
        lambda s: s["filter"].__setitem__(0, np.zeros(3)),
        lambda s: s["filter"].__setitem__(1, 1),
        lambda s: s["filter"].__setitem__(2, 31),
        lambda s: s.update(reset_after=1.0),
        lambda s: s.update(quiet="a"),
        lambda s: s.update(course=None),
        lambda s: s["course"].__setitem__(0, s["course"][0] * 2),
        lambda s: s["course"].__setitem__(1, np.zeros((4, 3))),
        lambda s: s["course"].__setitem__(2, np.zeros((3, 4))),
        lambda s: s.update(needs_whole=1),
        lambda s: s.update(needs_whole=True, frames=np.zeros((2, 16))),
        lambda s: s["standing"][1].__setitem__(0, np.nan),
        lambda s: s["known"][0].__setitem__(0, np.nan),
        lambda s: s["known"].__setitem__(1, np.zeros(3)),
        lambda s: s["known"][2].__setitem__(0, -1.0),
        lambda s: s["known"].pop(),
        lambda s: s["flags"].append(1),
        lambda s: s["monitor"].update(step=77),
        lambda s: s["monitor"].update(often=np.zeros(3)),
        lambda s: s["monitor"].update(habits=1),
        lambda s: s.update(moves=[1, 1]),
        lambda s: s.update(n_frames=-3),
        lambda s: s.update(since=-3),
        lambda s: s.update(lag=-3),
        lambda s: s.update(action=4),
        lambda s: s.update(needs_whole=True, frames=[[0.0] * 16] * 30),
        lambda s: s.update(runs=[[0, "a"]]),
        lambda s: s.update(runs=[[0, 4]]),
        lambda s: s.update(runs=[[5, 1], [2, 0]]),
        lambda s: s.update(runs=[[0, 1], [30, 0]]),
        lambda s: s.update(time="nan"),
        lambda s: s.update(time=1.0, timed=30),
        lambda s: s.update(time=1.0, timed=None),
        lambda s: s.update(warnings=[{"kind": "evil", "frame": 1}]),
        lambda s: s.update(warnings=[{"kind": "skipped", "frame": 1, "action": 9}]),
        lambda s: s.update(warnings=[{"kind": "skipped", "frame": "1"}]),
        lambda s: s.update(warnings=[{"kind": "skipped", "frame": 1, "position": "a"}]),
        lambda s: s.update(classes=[0, 1, 2]),
        lambda s: s.update(classes=[0, 1, 2, 2]),
        lambda s: s.update(classes=[0, 1, 2, "a"]),
        lambda s: s.update(feature_names=["a", "b"]),
        lambda s: s.update(feature_names=[0] * 16),
        lambda s: s.update(feature_names="a" * 16),
        lambda s: s.update(action_names=["a"]),
        lambda s: s.update(warnings=[{"kind": "skipped", "frame": 1, "name": 1}]),
    ],
)
def test_saved_tracker_that_no_tracker_is_is_refused(change, tmp_path):
    stream, path = tracker(lag=4), tmp_path / "tracker"
    stream.push(new_video()[:30])
    stream.save(path)
    state = read_state(path)
    change(state)
    write_state(path, state)
    with pytest.raises(ModelFileError, match="cannot be loaded as a tracker"):
        load_tracker(path)


def test_trackers_of_older_files_know_of_no_holes(tmp_path):
    stream, path = tracker(), tmp_path / "tracker"
    stream.push(new_video()[:30])
    stream.save(path)
    state = read_state(path)
    drop(state, "known")
    write_state(path, state)
    frames = new_video()[30:]
    expected = stream.push(frames).probabilities
    assert_array_equal(load_tracker(path).push(frames).probabilities, expected)


def test_state_of_a_tracker_does_not_grow(tmp_path):
    stream = tracker(lag=5)
    sizes = []
    for _ in range(3):
        stream.push(np.tile(new_video()[:10], (10, 1)))
        stream._runs.clear()
        stream.warnings_.clear()
        sizes.append(len(state_of(stream)))
    assert max(sizes) - min(sizes) < 100


def test_only_frames_are_kept_for_a_model_that_labels_all_of_them_at_the_end(tmp_path):
    stream = tracker(unordered, lag=math.inf)
    assert stream.push(new_video()[:40]).start == 0
    assert len(stream._kept) == 40
    assert not stream._pending
    stream.save(tmp_path / "tracker")
    again = load_tracker(tmp_path / "tracker", model=unordered())
    assert again.finish().rest.start == 0
    stream.reset()
    stream.push(np.full((5, new_video().shape[1]), np.nan))
    assert len(stream.finish().labels) == 5


def test_huge_and_constant_features_do_no_harm():
    stream = tracker()
    stream.push(new_video()[:30])
    frame = np.full((1, 16), 1e300)
    assert np.isfinite(stream.push(frame).probabilities).all()
    assert json.dumps(stream.current_.progress)


@pytest.mark.parametrize("scale", [1e-100, 1e100])
def test_streams_do_not_depend_on_the_unit_of_the_features(scale):
    videos = make_videos(4, n_actions=3, n_frames=(40, 60), random_state=0).videos
    found = []
    for by in (1.0, scale):
        scaled = [by * np.asarray(video, dtype=float) for video in videos]
        model = JointAlignSegment(3, max_epochs=0, random_state=0).fit(scaled)
        found.append(model.stream(fps=10).push(scaled[0]).labels)
    assert_array_equal(*found)


@pytest.mark.parametrize("make", MODELS)
def test_copies_share_what_was_learned(make):
    stream = tracker(make)
    stream.push(new_video()[:20])
    other = stream.copy()
    assert other._model is stream._model
    assert other._known.features is stream._known.features
    assert other._monitor.habits is stream._monitor.habits
