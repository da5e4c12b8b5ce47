"""Passages of a template by what other videos say."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skvas.datasets import make_videos
from skvas.timeline._consult import BLOCKS, OTHERS, _pairs, consult
from skvas.timeline._paths import follow
from skvas.videos._frames import unit

N_POSITIONS = 80


@pytest.fixture(scope="module")
def data():
    """Videos that keep a common time, and where they pass it."""
    data = make_videos(
        7, n_actions=5, n_frames=(60, 90), noise=0.3, warp=0.5, random_state=0
    )
    data.frames = [unit(video) for video in data.videos]
    data.times = [time / 5 for time in data.times]  # of the activity, from 0 to 1
    grid = np.linspace(0, 1, N_POSITIONS)
    template = np.mean(
        [
            video[np.rint(np.interp(grid, time, np.arange(len(time)))).astype(int)]
            for video, time in zip(data.frames, data.times, strict=True)
        ],
        axis=0,
    )
    data.template = unit(template)
    data.passages = [follow(v, data.template, limit=1e9) for v in data.frames]
    return data


def errors(data, passed):
    """Return how far frames are from where they should pass, in positions, by video."""
    grid = np.linspace(0, 1, N_POSITIONS)
    return np.array(
        [
            np.abs(np.interp(frames, np.arange(len(time)), time) - grid).mean()
            * (N_POSITIONS - 1)
            for frames, time in zip(passed, data.times, strict=True)
        ]
    )


def test_passage_that_is_off_is_put_right(data):
    off = list(data.passages)
    wrong = np.minimum(off[3].positions + 12, N_POSITIONS - 1)
    off[3] = replace(off[3], positions=wrong)
    sound = [passage.frames for passage in data.passages]
    shifted = np.interp(np.arange(N_POSITIONS), wrong, np.arange(len(wrong)))
    before = errors(data, [*sound[:3], shifted, *sound[4:]])
    after = errors(data, consult(data.frames, off))
    assert before[3] > 8
    assert after[3] < 1
    # One of seven says something else of the others: a median does not mind.
    assert (np.delete(after, 3) < np.delete(errors(data, sound), 3) + 0.5).all()


def test_frames_never_fall(data):
    found = consult(data.frames, data.passages)
    for frames, video in zip(found, data.frames, strict=True):
        assert frames.shape == (N_POSITIONS,)
        assert (np.diff(frames) >= 0).all()
        assert frames[0] >= 0
        assert frames[-1] <= len(video) - 1


def test_lone_video_and_copies_stay_where_they_are(data):
    video, passage = data.frames[0], data.passages[0]
    for n_copies in (1, 2, 3):
        for frames in consult([video] * n_copies, [passage] * n_copies):
            inside = (frames > 0) & (frames < len(video) - 1)
            back = np.interp(frames, np.arange(len(video)), passage.positions)
            assert inside.sum() > N_POSITIONS - 5
            assert_allclose(back[inside], np.flatnonzero(inside), atol=1e-9)


def test_long_videos_are_looked_at_by_means_of_their_frames(monkeypatch):
    data = make_videos(3, n_frames=(500, 700), random_state=0)
    frames = [unit(video) for video in data.videos]
    sizes = []

    def spy(x, y, *, limit):
        sizes.extend((len(x), len(y)))
        return np.repeat(np.arange(len(x))[:, None], 2, axis=1)

    monkeypatch.setattr("skvas.timeline._consult.cheapest_path", spy)
    passages = [follow(video, frames[0], limit=1e9) for video in frames]
    found = consult(frames, passages)
    assert set(sizes) == {BLOCKS}
    # Matched evenly with the others, each is where they are at the same share of time.
    shares = [
        np.interp(np.linspace(0, 1, 50), np.linspace(0, 1, len(v)), p.positions)
        for v, p in zip(frames, passages, strict=True)
    ]
    expected = np.median(shares, axis=0)
    for video, passed in zip(frames, found, strict=True):
        assert passed.shape == (len(frames[0]),)
        there = np.interp(
            np.linspace(0, len(video) - 1, 50), passed, np.arange(len(passed))
        )
        assert_allclose(there, expected, atol=0.02 * len(frames[0]))


@pytest.mark.parametrize("n_videos", [1, 2, 3, 8, 11, 12, 20, 31, 128])
def test_each_video_is_matched_with_as_many_others(n_videos):
    pairs = _pairs(n_videos)
    assert len(set(pairs)) == len(pairs)
    count = Counter(video for pair in pairs for video in pair)
    expected = min(OTHERS, n_videos - 1)
    assert [count[video] for video in range(n_videos)] == [expected] * n_videos
