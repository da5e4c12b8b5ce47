"""What to label next."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from skvas.labels._outlook import _distance_to_nearest, asked_frames, look_out

CORNERS = np.eye(4, dtype=np.float32)


def outlook(groups, codes=None, probabilities=None, distance=None, found=None):
    """Look out over videos whose frames are corners of a cube, by number."""
    videos = [CORNERS[list(group)] for group in groups]
    asked = [np.arange(len(video)) for video in videos]
    if found is None:
        found = [np.zeros(len(video), dtype=np.int64) for video in videos]
    return look_out(videos, asked, found, codes, probabilities, distance)


def test_recordings_without_a_template_show_most_of_the_found_actions():
    found = [np.array([0] * 6), np.array([0, 1, 1, 2]), np.array([3, 3, 3])]
    view = outlook([[0] * 6, [0, 1, 1, 2], [3, 3, 3]], found=found)
    asked = view.recordings(3)
    assert [(q.video, q.frame) for q in asked] == [(1, None), (2, None), (0, None)]
    assert "most of the actions" in asked[0].why
    assert all("adds most" in query.why for query in asked[1:])


def test_recordings_count_by_their_frames_not_by_those_that_may_be_asked_for():
    videos = [CORNERS[np.zeros(n, dtype=int)] for n in (10, 100)]
    asked = [np.arange(10), np.array([0, 99])]
    found = [np.zeros(len(video), dtype=np.int64) for video in videos]
    view = look_out(videos, asked, found, None, None, None)
    assert [query.video for query in view.recordings(2)] == [1, 0]


def test_frames_on_a_template_are_far_in_time_from_labelled_ones():
    codes = [np.array([0, -1, -1]), np.full(3, -1)]
    likely = [np.full((3, 2), 0.5)] * 2
    places = [np.array([0.0, 0.2, 0.5]), np.array([0.1, 0.6, 1.0])]
    videos, asked = [CORNERS[[0, 0, 0]]] * 2, [np.arange(3)] * 2
    found = [np.zeros(3, dtype=np.int64)] * 2
    view = look_out(videos, asked, found, codes, likely, np.array([0.1, 0.1]), places)
    queries = view.frames(5, ["pour", "stir"])
    assert [(q.video, q.frame) for q in queries[:2]] == [(1, 2), (0, 2)]
    assert "time" in queries[0].why
    assert len({(q.video, q.frame) for q in queries}) == 5


def test_videos_that_may_show_something_else_are_asked_for_last():
    groups = [[0, 1, 2], [0, 3], [1, 1], [2, 2]]
    codes = [np.array([0, -1, -1]), *(np.full(2, -1) for _ in range(3))]
    likely = [np.full((len(group), 2), 0.5) for group in groups]
    view = outlook(groups, codes, likely, np.full(4, 0.1))
    assert 1 in [query.video for query in view.recordings(3)]
    assert [query.video for query in view.recordings(3, last=[1])][-1] == 1
    assert len(view.recordings(2, last=[1, 2, 3])) == 2
    rest = view.without([1])
    assert {query.video for query in rest.frames(9, ["a", "b"])} == {0, 2, 3}
    assert view.without([0, 1]).is_labelled.any()  # what is near them is known
    both = view.without([1, 2, 3])  # video 0 has labels, and frames without one
    assert {query.video for query in both.frames(9, ["a", "b"])} == {0}
    full = [np.array([0, 0, 0]), *codes[1:]]
    told = outlook(groups, full, likely, np.full(4, 0.1)).without([1, 2, 3])
    assert {query.video for query in told.frames(9, ["a", "b"])} == {1, 2, 3}


@pytest.mark.parametrize("known", [[], [0.5], [0.9, 0.1], [0.9, 0.1, 0.6, 0.3]])
def test_distance_in_time_is_that_to_the_nearest(known):
    places = np.linspace(0, 1, 7)
    plain = [min((abs(p - k) for k in known), default=1.0) for p in places]
    found = _distance_to_nearest(places, np.array(known))
    np.testing.assert_allclose(found, plain)


def test_first_recording_is_the_closest_to_the_template():
    found = outlook([[0, 0], [0, 1, 2]], distance=np.array([0.1, 0.2])).recordings(1)
    assert found[0].video == 0
    assert "template" in found[0].why


def test_closest_to_the_template_is_found_among_recordings_that_are_asked_for_first():
    view = outlook([[0], [1], [2]], distance=np.array([0.3, 0.1, 0.2]))
    assert [q.video for q in view.recordings(2, last=[0])] == [1, 2]


def test_recordings_that_resemble_those_before_come_after_others():
    groups = [[0] * 4, [2, 2, 2, 3], [2, 2, 2], [1, 1]]
    codes = [np.full(len(g), 0 if i == 0 else -1) for i, g in enumerate(groups)]
    likely = [np.full((len(group), 2), 0.5) for group in groups]
    view = outlook(groups, codes, likely, distance=np.full(4, 0.1))
    assert [query.video for query in view.recordings(3)] == [1, 3, 2]


def test_next_recording_has_what_labelled_ones_lack():
    codes = [np.array([0, 0, 1]), np.array([-1, -1]), np.array([-1] * 3)]
    likely = [np.full((len(c), 2), 0.5) for c in codes]
    found = outlook([[0, 0, 1], [0, 1], [2, 3, 1]], codes, likely).recordings(5)
    assert [q.video for q in found] == [2, 1]


@pytest.mark.parametrize(("label", "first"), [(0, []), (-1, [0])])
def test_further_recordings_have_what_those_before_lack(label, first):
    codes = [np.array([label, label]), np.full(2, -1), np.full(3, -1)]
    likely = [np.full((len(c), 2), 0.5) for c in codes]
    groups, distance = [[0, 0], [0, 0], [2, 3, 1]], np.array([0.1, 0.2, 0.9])
    found = outlook(groups, codes, likely, distance=distance).recordings(5)
    assert [q.video for q in found] == [*first, 2, 1]
    assert "no labelled frame resembles" in found[-1].why


def test_frames_that_are_uncertain_and_far_come_first_one_a_video():
    codes = [np.array([0, -1]), np.array([-1, -1]), np.array([-1, -1])]
    likely = [
        np.array([[1.0, 0.0], [1.0, 0.0]]),
        np.array([[0.6, 0.4], [0.5, 0.5]]),
        np.array([[0.5, 0.5], [0.9, 0.1]]),
    ]
    view = outlook([[0, 0], [0, 1], [2, 3]], codes, likely)
    found = view.frames(6, ["pour", "stir"])
    assert [(q.video, q.frame) for q in found[:2]] == [(1, 1), (2, 0)]
    assert "pour" in found[0].why
    asked = [(q.video, q.frame) for q in found]
    assert len(set(asked)) == len(asked) == 5  # all but the labelled one


def test_a_frame_that_many_resemble_comes_before_a_stranger():
    codes = [np.array([0, 0]), np.full(2, -1), np.full(3, -1)]
    likely = [np.full((2, 2), 0.5), np.full((2, 2), 0.5), np.full((3, 2), 0.5)]
    view = outlook([[0, 0], [3, 1], [1, 1, 2]], codes, likely)
    assert [(q.video, q.frame) for q in view.frames(1, [0, 1])] == [(1, 1)]


def test_frames_count_by_their_uncertainty():
    codes = [np.array([0, 0]), np.full(4, -1)]
    likely = [np.full((2, 2), 0.5), np.array([[0.9, 0.1]] * 3 + [[0.5, 0.5]])]
    view = outlook([[0, 0], [1, 1, 1, 2]], codes, likely)
    assert [(q.video, q.frame) for q in view.frames(1, [0, 1])] == [(1, 3)]


def test_without_labels_a_recording_comes_first():
    view = outlook([[0, 0], [0, 1, 2], [3, 3]])
    found = view.first_recording_then_frames(3, [0, 1])
    assert [(q.video, q.frame) for q in found] == [(1, None), (2, 0), (0, 0)]
    codes = [np.array([0, 0]), np.full(3, -1), np.full(2, -1)]
    likely = [np.full((len(c), 2), 0.5) for c in codes]
    view = outlook([[0, 0], [0, 1, 2], [3, 3]], codes, likely)
    found = view.first_recording_then_frames(3, [0, 1])
    assert found == view.frames(3, [0, 1])


def test_found_actions_without_labels_come_first_frequent_ones_before():
    groups = [[0, 1, 1], [2, 2, 2, 2], [3]]
    found = [np.array([0, 1, 1]), np.array([2] * 4), np.array([3])]
    codes = [np.array([0, -1, -1]), np.full(4, -1), np.array([-1])]
    likely = [np.full((len(c), 4), 0.25) for c in codes]
    asked = outlook(groups, codes, likely, found=found).frames(3, list("abcd"))
    assert [q.video for q in asked] == [1, 0, 2]
    assert "typical" in asked[0].why


def test_typical_frames_are_of_a_fresh_video_where_that_shows_the_action():
    found = [np.array([0, 0, 0, 0, 1, 1]), np.array([1])]
    asked = outlook([[0, 0, 0, 0, 1, 1], [2]], found=found).frames(2, [0, 1])
    assert [(q.video, q.frame) for q in asked] == [(0, 0), (1, 0)]
    found[1][:] = 0
    asked = outlook([[0, 0, 0, 0, 1, 1], [2]], found=found).frames(2, [0, 1])
    assert [(q.video, q.frame) for q in asked] == [(0, 0), (0, 4)]


@pytest.mark.parametrize("distance", [None, np.zeros(40)])
def test_many_labelled_frames_are_not_compared_with_all_at_once(distance):
    rng = np.random.default_rng(0)
    videos = [rng.standard_normal((200, 4)).astype(np.float32) for _ in range(40)]
    codes = [np.full(200, 0 if i < 39 else -1) for i in range(40)]
    likely = [np.full((200, 2), 0.5)] * 40
    asked, found = [np.arange(200)] * 40, [np.zeros(200, dtype=np.int64)] * 40
    view = look_out(videos, asked, found, codes, likely, distance)
    tracemalloc.start()
    queries = [*view.frames(2, ["pour", "stir"]), *view.recordings(2)]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [query.video for query in queries] == [39, 39, 39]
    assert peak < 8000 * 7800 * 4 / 3  # a third of the costs between all these frames


@pytest.mark.parametrize("n_frames", [2047, 2048, 2049, 4097])
def test_each_labelled_frame_counts_however_many_there_are(n_frames):
    frames = [np.tile(CORNERS[:1], (n_frames, 1)), CORNERS[1:2]]
    for place in (0, 2046, 2047, n_frames - 1):
        few = frames[0].copy()
        few[min(place, n_frames - 1)] = CORNERS[1]
        asked = [np.arange(len(video)) for video in (few, frames[1])]
        found = [np.zeros(len(video), dtype=np.int64) for video in (few, frames[1])]
        view = look_out([few, frames[1]], asked, found, None, None, None)
        assert view._from(view.video == 0, np.array([n_frames]))[0] == 0


@pytest.mark.parametrize("n_frames", [1, 50, 5000])
def test_labelled_frames_are_among_those_asked_for(n_frames):
    known = np.array([n_frames - 1])
    assert n_frames - 1 in asked_frames(n_frames, known)
    assert len(asked_frames(n_frames)) <= 64


def test_many_labelled_frames_are_asked_for_all_along_the_video():
    known = np.arange(1, 3001, 2)
    asked = asked_frames(5000, known)
    labelled = asked[np.isin(asked, known)]
    assert labelled[0] < 100
    assert labelled[-1] > 2900
    assert np.diff(labelled).max() < 100
