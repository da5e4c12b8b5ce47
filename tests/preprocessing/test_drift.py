"""What drifts through recordings is taken away, where that tells more."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.signal import detrend
from sklearn.pipeline import Pipeline, make_pipeline

from skvas import ActionSegmenter, JointAlignSegment, Timeline, Training, load
from skvas.datasets import make_videos
from skvas.exceptions import InvalidParameterError
from skvas.metrics import miou
from skvas.preprocessing import Detrend, SelectRelated
from skvas.preprocessing._drift import (
    excess_of_trend,
    in_equal_parts,
    moment_of_shift,
)
from skvas.preprocessing._features import clean_videos, fit_features
from skvas.timeline import _settled
from skvas.timeline._order import BlockOrder
from skvas.timeline._settled import settle_features
from tests.models import once

RNG = np.random.default_rng(0)
VIDEOS = [RNG.normal(size=(n, 3)) + 7 for n in (40, 60, 50)]
N_ACTIONS = 5


def walking(video, rng):
    """Add a smooth walk of its own to each feature of a video."""
    t = np.linspace(0, 1, len(video))[:, None]
    start, slope, bend = 2 * rng.normal(size=(3, video.shape[1]))
    return video + start + slope * t + 0.3 * bend * t**2


@once
def sensors():
    """Make recordings of actions in any order, whose sensors drift."""
    rng = np.random.default_rng(0)
    places, videos, labels = rng.normal(size=(N_ACTIONS, 8)), [], []
    for _ in range(12):
        order = np.concatenate([rng.permutation(N_ACTIONS) for _ in range(3)])
        labels.append(np.repeat(order, rng.integers(10, 30, size=len(order))))
        frames = places[labels[-1]]
        frames = frames + 0.6 * rng.normal(size=frames.shape)
        videos.append(walking(frames, rng).astype(np.float32))
    return videos, labels


@pytest.mark.parametrize("degree", [1, 3])
def test_polynomials_are_taken_away(degree):
    t = np.linspace(0, 1, 60)
    added = 1e3 * np.stack([t**k for k in range(degree + 1)], axis=1)
    added = added @ RNG.normal(size=(degree + 1, 3))
    fitted = Detrend(degree=degree).fit(VIDEOS)
    assert_allclose(
        fitted.transform(VIDEOS[1] + added), fitted.transform(VIDEOS[1]), atol=1e-9
    )


def test_lines_are_those_of_scipy():
    for video, found in zip(VIDEOS, Detrend().fit_transform(VIDEOS), strict=True):
        assert_allclose(found, detrend(video, axis=0), atol=1e-12)


def test_short_passages_keep_most_of_their_trend():
    rising = np.linspace(0, 1, 50)[:, None]
    fitted = Detrend().fit([rising])
    assert_allclose(fitted.transform(rising), 0, atol=1e-12)
    assert_allclose(fitted.transform(rising[:25]), 0, atol=1e-12)
    short = rising[:5]
    assert_allclose(fitted.transform(short), (short - 0.5) * (1 - 0.2**2), atol=1e-12)


@pytest.mark.parametrize("n_frames", [1, 2, 3])
def test_few_frames_have_a_lower_degree(n_frames):
    few = Detrend(degree=2).fit_transform([VIDEOS[0][:n_frames]])[0]
    assert few.shape == (n_frames, 3)
    expected = detrend(VIDEOS[0][:n_frames], axis=0, type="constant")
    if n_frames < 3:
        assert_allclose(few, expected, atol=1e-12)
    else:
        assert_allclose(few, detrend(VIDEOS[0][:n_frames], axis=0), atol=1e-12)


def test_types_and_constant_features_stay():
    videos = [np.c_[video, np.full(len(video), 1e6)] for video in VIDEOS]
    videos = [video.astype(np.float32) for video in videos]
    found = Detrend().fit_transform(videos)
    assert {video.dtype for video in found} == {np.dtype(np.float32)}
    assert all(np.abs(video[:, 3]).max() < 1e-3 for video in found)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("degree", -1),
        ("degree", 1.5),
        ("degree", "line"),
        ("shift", "once"),
        ("about", "line"),
    ],
)
def test_other_parameters_are_refused(name, value):
    with pytest.raises(InvalidParameterError, match=name):
        Detrend(**{name: value}).fit(VIDEOS)


@pytest.mark.parametrize("degree", [0, 2])
def test_what_shifts_at_one_moment_is_taken_away(degree):
    at, n_frames = 27, len(VIDEOS[1])
    added = np.linspace(-1, 1, n_frames)[:, None] ** degree * RNG.normal(size=3)
    added[at:] += 50
    fitted = Detrend(degree=degree, shift=True).fit(VIDEOS)
    (found,) = fitted.transform([VIDEOS[1] + added])
    parts = [VIDEOS[1][:at], VIDEOS[1][at:]]
    alone = Detrend(degree=degree).fit(VIDEOS)
    expected = [alone.transform(part) for part in parts]
    assert_allclose(found, np.concatenate(expected), atol=1e-9)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("n_frames", [2, 3, 60])
def test_moment_of_a_shift_leaves_least_of_all_features(n_frames, seed):
    rng = np.random.default_rng(seed)
    video = 7 + rng.normal(size=(n_frames, 4)) * [1e-3, 1, 1e5, 0]
    video[n_frames // 10 + 1 :, :3] += 0.4 * video.std(axis=0)[:3]
    edge = max(1, round(0.05 * n_frames))
    scale = np.array([*video.std(axis=0)[:3], np.inf])
    left = [
        sum(
            (((part - part.mean(axis=0)) / scale) ** 2).sum()
            for part in np.split(video, [at])
        )
        for at in range(edge, n_frames - edge + 1)
    ]
    assert moment_of_shift(video) == edge + np.argmin(left)


@pytest.mark.parametrize("shift", [False, True])
def test_what_videos_share_stays_about_a_course(shift):
    time = np.linspace(0, 1, 640)[:, None]
    course = 5 + np.hstack([4 * time, np.sin(7 * time), 20 * (time > 0.5)])
    added = np.where(time < 0.3, -1, 1) if shift else 2 * time - 1
    signs = np.array([[1, -1, 3], [-1, 1, -3]])
    videos = [course + added * sign for sign in signs]
    way = Detrend(degree=0 if shift else 1, shift=shift, about="course")
    for found in way.fit_transform(videos):
        assert_allclose(found, course - course.mean(axis=0), atol=0.02)
    (short,) = way.transform([videos[0][::20]])
    assert_allclose(short + course.mean(axis=0), videos[0][::20], atol=0.1)


@pytest.mark.parametrize(("n_frames", "n_parts"), [(1, 4), (7, 3), (12, 4), (3, 64)])
def test_equal_parts_are_means_over_time(n_frames, n_parts):
    video = RNG.normal(size=(n_frames, 2))
    fine = np.repeat(video, n_parts, axis=0)
    means = fine.reshape(n_parts, n_frames, 2).mean(axis=1)
    assert_allclose(in_equal_parts(video, n_parts), means, atol=1e-12)


def test_a_fit_without_a_course_forgets_it():
    way = Detrend(about="course").fit(VIDEOS)
    assert way.course_.shape == (64, 3)
    assert not hasattr(way.set_params(about="mean").fit(VIDEOS), "course_")


def test_single_frames_at_the_ends_are_no_shift():
    video = RNG.normal(size=(60, 3))
    video[[0, -1]] += 40
    assert 3 <= moment_of_shift(video) <= 57


def test_short_passages_keep_most_of_their_shift():
    stepping = np.repeat([[0.0], [1.0]], 25, axis=0)
    fitted = Detrend(degree=0, shift=True).fit([stepping])
    assert_allclose(fitted.transform(stepping), 0, atol=1e-12)
    short = stepping[22:27]
    left = (short - 0.5) * (1 - 0.2**2)
    assert_allclose(fitted.transform(short), left, atol=1e-12)
    left = -0.5 * (1 - 0.04**2)
    assert_allclose(fitted.transform(short[:1]), [[left]], atol=1e-12)


def test_constant_videos_have_any_moment():
    found = Detrend(degree=0, shift=True).fit_transform([np.full((9, 2), 3.0)])
    assert_array_equal(found[0], 0)


def test_excess_is_that_of_what_is_slow_in_each_video():
    videos, _ = sensors()
    still = Detrend().fit_transform(videos)
    seen, left = (fit_features("whitened", v).transform(v) for v in (videos, still))
    assert excess_of_trend(left) < 1 < 3 < excess_of_trend(seen)


def test_excess_of_what_all_videos_share_is_none():
    rng = np.random.default_rng(0)
    noise = [rng.normal(size=(n, 1)) for n in (50, 70, 60, 40)]
    rising = [v + np.linspace(0, 9, len(v))[:, None] for v in noise]
    assert excess_of_trend(rising) < 3 * excess_of_trend(noise)
    assert excess_of_trend([np.ones((9, 2))] * 2) == 0


def settle(videos):
    whitened = fit_features("whitened", videos)
    return settle_features(whitened, videos, N_ACTIONS)


def assert_tells_others(model, videos, labels, path):
    """Check what a model says of other recordings, and again from its file."""
    found = model.predict(videos)
    assert miou(labels, found) > 0.85
    model.save(path)
    same = load(path).predict(videos)
    assert_array_equal(np.concatenate(same), np.concatenate(found))


def test_sensors_that_drift_lose_their_trends():
    videos, labels = sensors()
    model = ActionSegmenter(N_ACTIONS, max_epochs=0, random_state=0).fit(videos[:9])
    assert [*model.features_.named_steps] == ["steady", "features"]
    assert "drift" in str(model.summary())
    assert miou(labels[:9], model.labels_) > 0.9
    assert miou(labels[9:], model.predict(videos[9:])) > 0.85
    plain = ActionSegmenter(N_ACTIONS, max_epochs=0, features="whitened")
    assert miou(labels[:9], plain.fit(videos[:9]).labels_) < 0.6


def test_sensors_that_slip_lose_their_shift(tmp_path):
    videos, labels = sensors()
    rng, moving = np.random.default_rng(2), []
    places = rng.normal(size=(N_ACTIONS, 8))
    for codes in labels:
        video = places[codes] + 0.6 * rng.normal(size=(len(codes), 8))
        video[int(rng.uniform(0.2, 0.8) * len(video)) :] += 2 * rng.normal(size=8)
        moving.append(video)
    model = ActionSegmenter(N_ACTIONS, max_epochs=0, random_state=0).fit(moving[:9])
    steady = model.features_.named_steps["steady"]
    assert (steady.degree, steady.shift) == (0, True)
    assert "one moment" in str(model.summary())
    assert miou(labels[:9], model.labels_) > 0.9
    assert_tells_others(model, moving[9:], labels[9:], tmp_path / "model")
    plain = ActionSegmenter(N_ACTIONS, max_epochs=0, features="whitened")
    assert miou(labels[:9], plain.fit(moving[:9]).labels_) < 0.6


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"degree": 0}, "the mean of each"),
        ({}, "a line through each"),
        ({"degree": 2}, "a curve through each"),
        ({"shift": True}, "a shift at one moment of each"),
    ],
)
def test_summary_tells_what_was_taken_away(parameters, told):
    features = make_pipeline(Detrend(**parameters), "whitened")
    model = ActionSegmenter(2, max_epochs=0, features=features, random_state=0)
    assert told in str(model.fit(VIDEOS).summary())


def test_what_hardly_tells_keeps_its_trends():
    videos, labels = sensors()
    rng = np.random.default_rng(1)
    places = rng.normal(size=(N_ACTIONS, 8))
    steady = [places[y] + 0.6 * rng.normal(size=(len(y), 8)) for y in labels]
    few_features = [video[:, :3] for video in videos]
    for given in (steady, videos[:5], few_features):
        assert "steady" not in getattr(settle(given), "named_steps", {})


@once
def assembly():
    """Make recordings of steps in one order, whose sensors drift along lines."""
    rng = np.random.default_rng(0)
    places, videos, labels = rng.normal(size=(N_ACTIONS, 8)), [], []
    for _ in range(12):
        lengths = rng.integers(15, 45, size=N_ACTIONS)
        labels.append(np.repeat(np.arange(N_ACTIONS), lengths))
        frames = places[labels[-1]] + 0.6 * rng.normal(size=(lengths.sum(), 8))
        line = np.linspace(-1, 1, len(frames))[:, None]
        videos.append(frames + 2 * line * rng.normal(size=8))
    return videos, labels


def test_sensors_that_drift_about_a_course_keep_it(tmp_path):
    videos, labels = assembly()
    model = JointAlignSegment(
        N_ACTIONS,
        features=make_pipeline(Detrend(about="course"), "auto"),
        max_epochs=0,
        random_state=0,
    ).fit(videos[:9])
    assert miou(labels[:9], model.labels_) > 0.9
    assert_tells_others(model, videos[9:], labels[9:], tmp_path / "model")
    plain = JointAlignSegment(N_ACTIONS, max_epochs=0, features="whitened")
    assert miou(labels[:9], plain.fit(videos[:9]).labels_) < 0.8


def test_a_firm_order_keeps_trends():
    made = make_videos(12, n_actions=N_ACTIONS, noise=0.5, random_state=0)
    rng = np.random.default_rng(0)
    scale = np.concatenate(made.videos).std(axis=0)
    videos = [walking(v / scale, rng) for v in made.videos]
    seen = fit_features("whitened", videos).transform(videos)
    assert excess_of_trend(seen) > _settled.SLOW
    assert "steady" not in getattr(settle(videos), "named_steps", {})


@pytest.mark.parametrize(
    ("excess", "before", "flat", "line", "shift", "moved", "expected"),
    [
        (2.9, 0.4, 0.4, 0.9, 0.4, 0.4, None),
        (3.1, 0.4, 0.8, 0.9, 0.4, 0.69, "line"),
        (3.1, 0.4, 0.8, 0.4, 0.9, 0.69, "shift"),
        (3.1, 0.4, 0.4, 0.89, 0.9, 0.4, "shift"),
        (3.1, 0.4, 0.4, 0.9, 0.89, 0.4, "line"),
        (3.1, 0.85, 0.4, 0.9, 0.9, 0.4, None),
        (3.1, 0.1, 0.1, 0.29, 0.29, 0.1, None),
        (3.1, 0.4, 0.85, 0.9, 0.9, 0.4, None),
        (3.1, 0.4, 0.4, 0.9, 0.9, 0.71, None),
    ],
)
def test_trends_have_to_be_clear_and_the_rest_found_again(
    excess, before, flat, line, shift, moved, expected, monkeypatch
):
    videos, _ = sensors()
    look = _settled._Look.at(videos, fit_features("whitened", videos), N_ACTIONS)
    vars(look).update(plain=before, moved=moved)
    found = iter([flat, line, shift])
    monkeypatch.setattr(_settled, "excess_of_trend", lambda _: excess)
    monkeypatch.setattr(_settled, "repeatability", lambda *_: next(found))
    steady = _settled._find_drift(look, videos)
    kept = {
        "line": {"degree": 1, "shift": False, "about": "mean"},
        "shift": {"degree": 0, "shift": True, "about": "mean"},
    }
    assert (steady and steady.get_params()) == kept.get(expected)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (0.0, 0.0, True),
        (0.3, 0.3, True),
        (0.3, 0.0, True),
        (0.0, 0.3, False),
        (0.6, 0.6, False),
    ],
)
def test_orders_that_are_firm_or_only_of_what_is_left_keep_trends(
    before, after, expected, monkeypatch
):
    videos, _ = sensors()
    look = _settled._Look.at(videos, fit_features("whitened", videos), N_ACTIONS)
    found = iter([BlockOrder(value, 0.01, 8) for value in (before, after)])
    vars(look)["order"] = next(found)
    monkeypatch.setattr(_settled, "find_order", lambda _: next(found))
    assert (_settled._find_drift(look, videos) is not None) == expected


@pytest.mark.parametrize("n_varying", [3, 4])
def test_trends_are_of_four_features_at_least_that_vary(n_varying, monkeypatch):
    videos = [
        np.hstack([video[:, :n_varying], np.ones((len(video), 5))])
        for video in sensors()[0]
    ]
    look = _settled._Look.at(videos, fit_features("whitened", videos), N_ACTIONS)
    vars(look).update(plain=0.4, moved=0.4, order=BlockOrder(0.0, 0.01, 8))
    found = iter([0.4, 0.9, 0.4])
    monkeypatch.setattr(_settled, "excess_of_trend", lambda _: 4)
    monkeypatch.setattr(_settled, "repeatability", lambda *_: next(found))
    assert (_settled._find_drift(look, videos) is not None) == (n_varying > 3)


def test_features_that_see_no_later_frame_keep_trends():
    videos, _ = sensors()
    live = ActionSegmenter(
        N_ACTIONS, max_epochs=0, training=Training(live=True), random_state=0
    )
    assert not hasattr(live.fit(videos).features_, "named_steps")


def test_streams_and_files_know_trends(tmp_path):
    videos, labels = sensors()
    model = ActionSegmenter(N_ACTIONS, max_epochs=0, random_state=0).fit(videos[:9])
    model.save(tmp_path / "model")
    for same in (model, load(tmp_path / "model")):
        assert_array_equal(same.predict(videos[9]), model.predict(videos[9]))
        tracker = same.stream()
        assert len(tracker.push(videos[9]).labels) == len(videos[9])


def test_what_paths_compare_has_no_trend_and_no_column_that_was_dropped():
    videos, _ = sensors()
    steady = Detrend().fit(videos)
    still = steady.transform(videos)
    (found,) = clean_videos(steady, videos[:1])
    assert_array_equal(found, still[0])
    related = SelectRelated(least=-1e9).fit(still)
    related.support_[2] = False
    both = Pipeline([("steady", steady), ("related", related)])
    (found,) = clean_videos(both, videos[:1])
    assert_array_equal(found, np.delete(still[0], 2, axis=1))


def test_a_timeline_of_its_own_knows_trends():
    videos, _ = sensors()
    timeline = Timeline(N_ACTIONS, random_state=0).fit(videos)
    assert "steady" in timeline.features_.named_steps
