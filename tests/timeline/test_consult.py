"""Passages of a template by what other videos say."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skvas.datasets import make_videos
from skvas.timeline._consult import BLOCKS, OTHERS, _pairs, consult
from skvas.timeline._paths import follow, unit

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


def errors(data, passages):
    """Return how far positions are from the true time, in positions, by video."""
    return np.array(
        [
            np.abs(passage.positions - time * (N_POSITIONS - 1)).mean()
            for passage, time in zip(passages, data.times, strict=True)
        ]
    )


def test_passage_that_is_off_is_put_right(data):
    off = list(data.passages)
    wrong = np.minimum(off[3].positions + 12, N_POSITIONS - 1)
    off[3] = replace(off[3], positions=wrong)
    before, after = errors(data, off), errors(data, consult(data.frames, off))
    assert before[3] > 8
    assert after[3] < 1
    # One of seven says something else of the others: a median does not mind.
    sound = errors(data, data.passages)
    assert (np.delete(after, 3) < np.delete(sound, 3) + 0.5).all()


def test_passages_never_fall_and_frames_are_their_inverse(data):
    for found, video in zip(
        consult(data.frames, data.passages), data.frames, strict=True
    ):
        assert found.positions.shape == (len(video),)
        assert found.frames.shape == found.costs.shape == (N_POSITIONS,)
        for values, last in (
            (found.positions, N_POSITIONS),
            (found.frames, len(video)),
        ):
            assert (np.diff(values) >= 0).all()
            assert values[0] >= 0
            assert values[-1] <= last - 1
        inside = np.arange(found.positions[0] + 1, found.positions[-1] - 1)
        back = np.interp(found.frames, np.arange(len(video)), found.positions)
        assert_allclose(back[inside.astype(int)], inside.astype(int), atol=1e-6)


def test_lone_video_and_copies_stay_where_they_are(data):
    video, passage = data.frames[0], data.passages[0]
    for n_copies in (1, 2, 3):
        for found in consult([video] * n_copies, [passage] * n_copies):
            assert_allclose(found.positions, passage.positions, atol=1e-9)
            assert_array_equal(found.costs, passage.costs)


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
    assert [len(p.positions) for p in found] == [len(v) for v in frames]
    # Matched evenly with the others, each is where they are at the same share of time.
    shares = [
        np.interp(np.linspace(0, 1, 50), np.linspace(0, 1, len(v)), p.positions)
        for v, p in zip(frames, passages, strict=True)
    ]
    expected = np.median(shares, axis=0)
    for video, passage in zip(frames, found, strict=True):
        there = np.interp(
            np.linspace(0, 1, 50), np.linspace(0, 1, len(video)), passage.positions
        )
        assert_allclose(there, expected, atol=0.02 * len(frames[0]))


@pytest.mark.parametrize("n_videos", [1, 2, 3, 8, 11, 12, 20, 31, 128])
def test_each_video_is_matched_with_as_many_others(n_videos):
    pairs = _pairs(n_videos)
    assert len(set(pairs)) == len(pairs)
    count = Counter(video for pair in pairs for video in pair)
    expected = min(OTHERS, n_videos - 1)
    assert [count[video] for video in range(n_videos)] == [expected] * n_videos
