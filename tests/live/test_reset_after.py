"""Streams that follow several recordings, each of which ends by itself."""

from __future__ import annotations

import copy
import math
import pickle

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skvas import ActionSegmenter, Training, VideoAligner
from skvas.exceptions import InvalidParameterError
from skvas.live import load_tracker
from skvas.live._saved import read_state, write_state
from tests.live.models import (
    MODELS,
    N_ACTIONS,
    causal,
    data,
    new_video,
    ordered,
    tracker,
    unordered,
)

FPS, PAUSE = 10, 1.0  # the eleventh frame after one that can be read is of another
AUTO = {"fps": FPS, "reset_after": PAUSE}
LAGS = [0, 7, math.inf]
FIELDS = ["labels", "probabilities", "progress", "spread"]
EVERY = [*MODELS, causal]


def blind(n):
    return np.full((n, 16), np.nan)


def recordings():
    """Return three recordings; frames of the second cannot be read for a while."""
    second = new_video(9).copy()
    second[20:29] = np.nan
    second[40:44, 3] = np.nan
    return [new_video(8), second, new_video(8)[:60]]


def stream_of_all():
    """Return the recordings among frames that cannot be read, and which is where."""
    pauses = [blind(n) for n in (3, 11, 40, 4)]
    parts, starts, n_frames = [pauses[0]], [], 3
    for video, pause in zip(recordings(), pauses[1:], strict=True):
        starts.append(n_frames)
        parts += [video, pause]
        n_frames += len(video) + len(pause)
    return np.concatenate(parts), starts


def follow(stream, frames, sizes, times=None):
    """Push frames in pieces; return recordings that were over, and their answers."""
    over, answers, parts, start, turn = [], [], [], 0, 0
    while start < len(frames):
        piece = slice(start, start + sizes[turn % len(sizes)])
        found = stream.push(frames[piece], None if times is None else times[piece])
        for recording in stream.ended_:
            over.append(recording)
            answers.append([*parts, recording.rest])
            parts = []
        parts.append(found)
        start, turn = piece.stop, turn + 1
    over.append(stream.finish())
    return over, [*answers, [*parts, over[-1].rest]]


def joined(parts, n_frames):
    """Join answers of the frames of a recording, which must follow each other."""
    start = 0
    for part in parts:
        if len(part):
            assert part.start == start
            start += len(part)
    assert start >= n_frames
    return {
        name: np.concatenate([getattr(part, name) for part in parts])[:n_frames]
        for name in FIELDS
        if getattr(parts[0], name) is not None
    }


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        assert_array_equal(found[name], values, strict=True)


def saved(stream, tmp_path):
    """Return all that a tracker knows, as its file has it."""
    stream.save(tmp_path / "state")
    return (tmp_path / "state").read_bytes(), stream.ended_


@pytest.mark.parametrize("make", EVERY)
@pytest.mark.parametrize("lag", LAGS)
@pytest.mark.parametrize("sizes", [[1000], [1], [0, 3, 1, 20], [50]])
def test_each_recording_is_told_as_by_itself(make, lag, sizes):
    frames, _ = stream_of_all()
    over, answers = follow(tracker(make, lag=lag, **AUTO), frames, sizes)
    assert len(over) == 3
    for recording, parts, video in zip(over, answers, recordings(), strict=True):
        alone = tracker(make, lag=lag, fps=FPS)
        first = alone.push(video)
        expected = alone.finish()
        assert recording.n_frames == len(video)
        assert recording.segments == expected.segments
        assert_same(
            joined(parts, len(video)), joined([first, expected.rest], len(video))
        )
        # What was said of the pause, before the recording was known to be over, stays.
        told = [w for w in recording.warnings if w.frame < len(video)]
        assert told == expected.warnings
        late = [w for w in recording.warnings if w.frame >= len(video)]
        assert {w.kind for w in late} <= {"unreadable"}


@pytest.mark.parametrize("make", [ordered, unordered])
@pytest.mark.parametrize("lag", LAGS)
@pytest.mark.parametrize("is_timed", [False, True])
def test_pieces_of_any_size_end_recordings_alike(make, lag, is_timed):
    frames, starts = stream_of_all()
    times = None
    if is_timed:  # with jitter, and without most frames of the last pause
        times = 1e9 + np.arange(len(frames)) / FPS
        times += 0.2 / FPS * np.sin(np.arange(len(frames)))
        kept = np.r_[: starts[2] - 36, starts[2] : len(frames)]
        frames, times = frames[kept], times[kept]
    over, answers = follow(tracker(make, lag=lag, **AUTO), frames, [1000], times)
    assert len(over) == 3
    for sizes in ([1], [7, 0, 30]):
        again, found = follow(tracker(make, lag=lag, **AUTO), frames, sizes, times)
        for number, (one, other) in enumerate(zip(over, again, strict=True)):
            assert one.n_frames == other.n_frames
            assert one.segments == other.segments
            assert one.warnings == other.warnings
            told = [joined(parts[number], one.n_frames) for parts in (answers, found)]
            assert_same(*told)


def test_recording_is_over_once_the_pause_has_passed():
    stream, video = tracker(**AUTO), new_video()
    stream.push(video)
    for _ in range(10):
        assert len(stream.push(blind(1))) == 1  # answered as they come
        assert stream.ended_ == []
    assert stream.n_frames_ == len(video) + 10
    assert len(stream.push(blind(1))) == 0
    (over,) = stream.ended_
    assert (over.n_frames, over.segments[-1].end) == (len(video), len(video))
    assert (over.rest.start, len(over.rest)) == (len(video), 0)
    assert (stream.n_frames_, stream.current_, stream.warnings_) == (0, None, [])
    assert len(stream.push(blind(500))) == 0
    assert (stream.ended_, stream.n_frames_, stream.warnings_) == ([], 0, [])
    found = stream.push(video[:5])
    assert (found.start, len(found), stream.n_frames_) == (0, 5, 5)


def test_shorter_pauses_are_part_of_a_recording():
    video = new_video().copy()
    video[30:39] = np.nan
    streams = tracker(**AUTO), tracker(fps=FPS)
    for stream in streams:
        stream.push(video)
    over = [stream.finish() for stream in streams]
    assert over[0].segments == over[1].segments
    assert over[0].warnings == over[1].warnings


def test_answers_are_of_the_recording_that_goes_on():
    frames, starts = stream_of_all()
    stream = tracker(**AUTO)
    found = stream.push(frames)
    assert [recording.rest.start for recording in stream.ended_] == [0, 0]
    assert [len(r.rest) for r in stream.ended_] == [len(v) for v in recordings()[:2]]
    assert (found.start, len(found)) == (0, len(frames) - starts[2])
    assert stream.n_frames_ == len(found)
    stream.push(frames[:0])
    assert stream.ended_ == []


@pytest.mark.parametrize("lag", LAGS)
def test_frames_that_cannot_be_read_make_no_recording(lag):
    stream = tracker(lag=lag, **AUTO)
    for _ in range(3):
        assert len(stream.push(blind(50))) == 0
        assert (stream.ended_, stream.n_frames_) == ([], 0)
    over = stream.finish()
    assert (over.n_frames, over.segments, over.warnings) == (0, [], [])
    assert len(over.rest) == 0


@pytest.mark.parametrize("lag", LAGS)
def test_end_of_the_last_recording_is_its_last_frame_to_be_read(lag, tmp_path):
    stream = tracker(unordered, lag=lag, **AUTO)
    frames = np.concatenate([new_video(), blind(9)])
    stream.push(frames, times=np.arange(len(frames)) / FPS)
    over = stream.finish()
    assert over.n_frames == len(over.labels) == len(new_video())
    stream.save(tmp_path / "tracker")
    load_tracker(tmp_path / "tracker", model=unordered())
    stream.reset()
    assert stream.push(new_video()[:5]).start == 0


def test_steps_that_never_began_are_told_of_each_recording():
    video, true = new_video(), data().labels[8]
    begun = video[true != N_ACTIONS - 1]
    stream = tracker(**AUTO)
    stream.push(np.concatenate([begun, blind(11), video, blind(11)]))
    missing = [
        [(w.kind, w.frame) for w in recording.warnings if w.kind == "missing"]
        for recording in stream.ended_
    ]
    assert missing == [[("missing", len(begun) - 1)], []]


def test_steps_that_never_began_are_told_where_nothing_follows_but_a_pause():
    begun = new_video()[data().labels[8] != N_ACTIONS - 1]
    told = []
    for reset_after in (5, None):
        stream = tracker(fps=FPS, reset_after=reset_after)
        stream.push(np.concatenate([begun, blind(4 * FPS)]))
        told.append([w.kind for w in stream.finish().warnings].count("missing"))
    assert told == [1, 0]  # without, frames that nobody saw are of the recording


def test_row_70_gap_in_time_ends_a_recording_only_after_the_pause(tmp_path):
    stream, video = tracker(**AUTO), new_video()
    stream.push(video[:30], times=np.arange(30) / FPS)
    before = saved(stream, tmp_path)
    for late in (-5.0, 3.5, 3.9):  # the last frame was at 2.9 s
        with pytest.raises(ValueError, match="frame 30 comes"):
            stream.push(video[:2], times=[late, late + 0.1])
    # A gap that is too short, after one that ends the recording.
    with pytest.raises(ValueError, match="frame 2 comes 0.7 s after the one before"):
        stream.push(video[:3], times=[100.0, 100.1, 100.8])
    assert saved(stream, tmp_path) == before
    found = stream.push(video[:3], times=[100.0, 100.1, 100.2])
    assert (found.start, len(found)) == (0, 3)
    assert [recording.n_frames for recording in stream.ended_] == [30]
    stream.push(video[3:4], times=[100.3])
    assert stream.ended_ == []


@pytest.mark.parametrize("n_blind", [0, 4])
def test_gap_ends_a_recording_over_frames_without_times(n_blind):
    stream, video = tracker(**AUTO), new_video()
    stream.push(video[:10], times=5 + np.arange(10) / FPS)
    stream.push(np.concatenate([video[10:20], blind(n_blind)]))  # until 6.9 s and more
    if not n_blind:
        with pytest.raises(ValueError, match="comes 1.9 s after frame 9"):
            stream.push(video[:1], times=[7.8])
    found = stream.push(video[:1], times=[8.0])
    assert (found.start, stream.n_frames_) == (0, 1)
    assert [recording.n_frames for recording in stream.ended_] == [20]
    stream.reset()
    stream.push(video[:10])  # at times that nobody knows
    stream.push(video[10:11], times=[8.0])
    assert (stream.ended_, stream.n_frames_) == ([], 11)
    stream.reset()
    stream.push(np.concatenate([video[:10], blind(10)]))
    stream.push(blind(1), times=[8.0])
    assert [recording.n_frames for recording in stream.ended_] == [10]


def test_times_of_a_pause_that_has_passed_do_not_matter():
    stream, video = tracker(**AUTO), new_video()
    stream.push(video, times=np.arange(len(video)) / FPS)
    stream.push(blind(3), times=[50.0, 70.0, 60.0])
    stream.push(video, times=np.arange(len(video)) / FPS)
    assert stream.finish().n_frames == len(video)


def test_row_69_frame_that_the_encoder_refuses_ends_no_recording(tmp_path):
    options = {"features": None, "training": Training(live=True), "max_epochs": 0}
    model = ActionSegmenter(N_ACTIONS, random_state=0, **options)
    stream, video = model.fit(data().videos[:6]).stream(**AUTO), new_video()
    stream.push(np.concatenate([video, blind(5)]))
    before = saved(stream, tmp_path)
    wrong = np.concatenate([blind(6), video[:5]])
    wrong[-1] = 1e200
    with pytest.raises(ValueError, match="features overflow in float32"):
        stream.push(wrong)
    assert saved(stream, tmp_path) == before
    stream.push(np.concatenate([blind(6), video]))
    (over,) = stream.ended_
    assert over.segments == stream.finish().segments


@pytest.mark.parametrize("make", EVERY)
@pytest.mark.parametrize("lag", LAGS)
@pytest.mark.parametrize("place", ["recording", "pause", "idle"])
def test_copies_pickles_and_files_end_recordings_alike(make, lag, place, tmp_path):
    frames, starts = stream_of_all()
    n_seen = {
        "recording": 40,
        "pause": starts[1] - 5,
        "idle": starts[2] - 5,
    }[place]
    stream = tracker(make, lag=lag, **AUTO)
    stream.push(frames[:n_seen])
    stream.save(tmp_path / "tracker")
    others = [
        stream.copy(),
        copy.deepcopy(stream),
        pickle.loads(pickle.dumps(stream)),
        load_tracker(tmp_path / "tracker", model=make()),
    ]
    found = stream.push(frames[n_seen:])
    ended, end = stream.ended_, stream.finish()
    for other in others:
        assert other.reset_after == PAUSE
        answers = other.push(frames[n_seen:])
        assert_array_equal(answers.probabilities, found.probabilities)
        for one, same in zip(
            [*ended, end], [*other.ended_, other.finish()], strict=True
        ):
            assert one.segments == same.segments
            assert one.warnings == same.warnings
            assert_array_equal(one.rest.probabilities, same.rest.probabilities)


def test_trackers_of_older_files_end_no_recording(tmp_path):
    stream, path = tracker(), tmp_path / "tracker"
    stream.push(new_video())
    stream.save(path)
    state = read_state(path)
    del state["reset_after"], state["quiet"]
    write_state(path, state)
    older = load_tracker(path)
    older.push(blind(100))
    assert (older.reset_after, older.ended_) == (None, [])
    assert older.n_frames_ == len(new_video()) + 100


@pytest.mark.parametrize("make", EVERY)
def test_memory_does_not_grow_with_recordings(make, tmp_path):
    stream, sizes = tracker(make, **AUTO), []
    for _ in range(3):
        for _ in range(5):
            stream.push(np.concatenate([new_video(), blind(100)]))
            assert len(stream.ended_) == 1
        sizes.append(len(pickle.dumps(stream)))
    assert max(sizes) - min(sizes) < 100


def test_positions_alone_are_followed_through_recordings():
    aligner = VideoAligner(max_epochs=1, random_state=0).fit(data().videos[:8])
    stream = aligner.stream(**AUTO)
    found = stream.push(np.concatenate([new_video(), blind(20), new_video()]))
    (over,) = stream.ended_
    assert over.rest.labels is None
    assert_array_equal(over.rest.progress, found.progress)


@pytest.mark.parametrize("value", [0, -1, "1", math.inf, math.nan, True, 0.19])
def test_row_71_pauses_out_of_range_are_refused(value):
    with pytest.raises(InvalidParameterError, match="reset_after"):
        tracker(fps=FPS, reset_after=value)


def test_row_71_pauses_need_a_rate():
    with pytest.raises(InvalidParameterError, match="reset_after=1.* give fps"):
        tracker(reset_after=1)
