from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skvas.datasets import make_videos
from skvas.timeline import _average, _template
from skvas.timeline._average import average, medoid
from skvas.timeline._paths import follow
from skvas.timeline._template import build_template
from skvas.videos._frames import unit


def build(videos, limit=1e9):
    return build_template(videos, limit=limit)


def positions(template):
    last = len(template.frames) - 1
    return [passage.positions / last for passage in template.passages]


@pytest.fixture(scope="module")
def data():
    data = make_videos(8, n_features=12, warp=0.4, noise=0.5, random_state=0)
    data.frames = [unit(video) for video in data.videos]
    return data


def test_lone_video_is_its_own_template(data):
    template = build(data.frames[:1])
    assert_array_equal(template.frames, data.frames[0])
    assert_allclose(positions(template)[0], np.linspace(0, 1, len(data.frames[0])))


def test_copies_have_the_positions_of_a_lone_video(data):
    template = build([data.frames[0]] * 4)
    for found in positions(template):
        assert_allclose(found, np.linspace(0, 1, len(found)), atol=1e-9)


def test_template_has_the_length_of_the_median_video(data):
    lengths = [len(video) for video in data.frames]
    assert len(build(data.frames).frames) == round(float(np.median(lengths)))


def test_frames_at_one_position_show_one_moment(data):
    template = build(data.frames)
    grid = np.linspace(0, 1, 200)
    times = np.array(
        [
            np.interp(grid, found, time)
            for found, time in zip(positions(template), data.times, strict=True)
        ]
    )
    linear = np.array(
        [np.interp(grid, np.linspace(0, 1, len(t)), t) for t in data.times]
    )
    assert times.std(axis=0).mean() < 0.25 * linear.std(axis=0).mean()


def spread_of_moments(data):
    """Return how far apart are the times that videos pass one position at."""
    template = build([unit(video) for video in data.videos])
    grid = np.linspace(0, 1, 200)
    passed = [
        np.interp(grid, found, time)
        for found, time in zip(positions(template), data.times, strict=True)
    ]
    return np.std(passed, axis=0).mean()


def test_other_videos_have_a_say_where_paths_are_often_off(monkeypatch):
    kind = {"n_features": 4, "n_frames": (80, 160), "noise": 1.0, "warp": 0.8}
    many = [make_videos(12, random_state=seed, **kind) for seed in range(10)]
    heard = np.mean([spread_of_moments(data) for data in many])

    def nobody(videos, passages):
        return [passage.frames for passage in passages]

    monkeypatch.setattr(_average, "consult", nobody)
    alone = np.mean([spread_of_moments(data) for data in many])
    assert heard < 0.95 * alone


def test_related_videos_are_asked_in_all_rounds_but_the_last(data, monkeypatch):
    asked, consult = [], _average.consult

    def spy(videos, passages):
        asked.append(len(videos))
        return consult(videos, passages)

    monkeypatch.setattr(_average, "consult", spy)
    stranger = data.frames[0][::-1].copy()
    template = build([*data.frames, stranger])
    assert template.is_related.tolist() == [True] * len(data.frames) + [False]
    assert asked == [len(data.frames)] * _template.N_ROUNDS


def test_positions_are_as_precise_as_paths_between_pairs(data):
    template = build(data.frames)
    by_template, by_pairs = [], []
    for i in range(4):
        for j in range(4, 8):
            x, y = data.frames[i], data.frames[j]
            truth, other = data.times[i], data.times[j]
            one, two = template.passages[i], template.passages[j]
            index = np.arange(len(template.frames))
            there = np.interp(one.positions, index, two.frames)
            pair = follow(x, y, limit=1e9).positions
            for matched, errors in ((there, by_template), (pair, by_pairs)):
                found = np.interp(matched, np.arange(len(y)), other)
                errors.append(np.abs(found - truth).mean())
    assert np.mean(by_template) <= 1.1 * np.mean(by_pairs)


def test_each_position_stands_for_the_same_mean_share_of_time(data):
    template = build(data.frames)
    shares = np.mean(
        [
            passage.frames / len(video)
            for passage, video in zip(template.passages, data.frames, strict=True)
        ],
        axis=0,
    )
    assert_allclose(shares, np.linspace(0, 1, len(shares)), atol=0.05)


def test_videos_of_one_frame_say_nothing_of_the_length(data):
    ones = [frames[9:10] for frames in data.frames]
    template = build([*data.frames[:3], *ones])
    median = np.median([len(frames) for frames in data.frames[:3]])
    assert len(template.frames) == round(median)


def test_all_related_videos_stand_for_the_whole_where_hardly_any_is(data):
    template = build(data.frames)
    parts = [replace(passage, part=(0, 9)) for passage in template.passages]
    related = np.arange(8) != 2
    for passages, whole in (
        (parts, np.flatnonzero(related)),
        ([template.passages[0], *parts[1:]], np.flatnonzero(related)),
        ([*template.passages[:4], *parts[4:]], [0, 1, 3]),
    ):
        found = replace(template, passages=passages, is_related=related).whole
        assert_array_equal(found, whole)


def turning(*lengths):
    """Return frames that turn by a radian each so many of them."""
    angles = np.concatenate(
        [k + (np.arange(n) + 0.5) / n for k, n in enumerate(lengths)]
    )
    return np.column_stack([np.cos(angles), np.sin(angles)])


def test_long_videos_have_no_more_say_in_how_time_is_spent():
    short, long = turning(20, 140), turning(490, 10)
    found = average([short] * 3 + [long], short, np.inf)
    spent = (np.arctan2(found[:, 1], found[:, 0]) < 1).mean()
    assert spent == pytest.approx((3 * 20 / 160 + 490 / 500) / 4, abs=0.03)


def test_medoid_is_close_to_others_and_not_to_one_alone():
    angles = np.array([0.0, np.arccos(0.9), np.arccos(0.9) + np.arccos(0.7)])
    videos = [np.array([[np.cos(a), np.sin(a)]]).repeat(9, axis=0) for a in angles]
    assert medoid(videos) == 1


def test_unrelated_video_changes_others_by_less_than_a_hundredth(data):
    rng = np.random.default_rng(3)
    stranger = unit(np.cumsum(rng.normal(size=(180, 12)), axis=0))
    alone, joined = build(data.frames), build([*data.frames, stranger])
    assert joined.is_related.tolist() == [True] * 8 + [False]
    pairs = zip(positions(alone), positions(joined), strict=False)
    assert np.mean([np.abs(a - b).mean() for a, b in pairs]) < 0.01


def test_medoid_is_no_unrelated_video(data):
    rng = np.random.default_rng(4)
    strangers = [unit(rng.normal(size=(150, 12))) for _ in range(2)]
    assert medoid([*strangers, *data.frames]) >= 2


def test_little_memory_changes_little(data):
    full, coarse = build(data.frames), build(data.frames, limit=1e5)
    pairs = zip(positions(full), positions(coarse), strict=True)
    assert np.mean([np.abs(a - b).mean() for a, b in pairs]) < 0.01


def test_very_short_and_very_long_videos_share_a_template(data):
    videos = [data.frames[0][:1], *data.frames[1:4], np.repeat(data.frames[4], 20, 0)]
    template = build(videos, limit=1e7)
    found = positions(template)
    assert [len(position) for position in found] == [len(video) for video in videos]
    assert all((np.diff(position) >= 0).all() for position in found)
