from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_t

from skvas._on_demand import Shelf
from skvas.live import _emissions
from skvas.live._emissions import FAR, FREEDOM, WEIGHT, fit_gaussians, repetition


def classes_of_frames(n_classes=3, n=60, width=5, noise=0.5, seed=0):
    rng = np.random.RandomState(seed)
    centres = 3 * rng.randn(n_classes, width)
    classes = np.repeat(np.arange(n_classes), n)
    features = centres[classes] + noise * rng.randn(len(classes), width)
    return features, classes


def fitted(features, classes, n_classes):
    return fit_gaussians([features], [classes], n_classes)


def test_frames_are_nearest_to_the_class_they_are_of():
    features, classes = classes_of_frames()
    gaussians = fitted(features, classes, 3)
    found = [gaussians.distances(gaussians.project(f)).argmin() for f in features]
    assert (np.array(found) == classes).mean() > 0.98


def test_discriminants_have_unit_variance_within_classes():
    features, classes = classes_of_frames(n=2000, noise=2.0)
    gaussians = fitted(features, classes, 3)
    rest = gaussians.project(features) - gaussians.means[classes]
    np.testing.assert_allclose(rest.var(axis=0), 1, atol=0.1)
    np.testing.assert_allclose(gaussians.variances, 1, atol=0.15)


def test_variances_are_those_of_each_class_drawn_to_those_of_all():
    sizes = [6, 4, 1, 0]
    classes = np.repeat(np.arange(4), sizes)
    features = 3 * np.eye(3)[classes] + np.random.RandomState(0).randn(11, 3)
    gaussians = fitted(features, classes, 4)
    parts = np.split(gaussians.project(features), np.cumsum(sizes)[:-1])
    squares = [((part - part.mean(axis=0)) ** 2).sum(axis=0) for part in parts[:3]]
    pooled = sum(squares) / (11 - 3)
    own = np.array([squares[0] / 5, squares[1] / 3, pooled, pooled])
    expected = 0.8 * own + 0.2 * pooled
    expected[:, 2:] = pooled[2:]  # three classes have frames, which two directions tell
    np.testing.assert_allclose(gaussians.variances, expected)


def test_directions_of_noise_are_left_behind_those_that_tell_classes_apart():
    features, classes = classes_of_frames()
    loud = np.hstack([features, 50 * np.random.RandomState(1).randn(len(features), 1)])
    gaussians = fitted(loud, classes, 3)
    first = np.abs(gaussians.directions[:, 0]) * loud.std(axis=0)
    assert first[-1] < 0.3 * first.max()


def test_directions_that_tell_no_class_apart_tell_only_what_is_unlike_all():
    features, classes = classes_of_frames(n_classes=2, width=5)
    features[classes == 1, 4] *= 3
    gaussians = fitted(features, classes, 2)
    frame = gaussians.project(features[0])
    for j in range(1, 5):
        moved = frame + 10 * np.eye(5)[j]
        farther = gaussians.distances(moved) - gaussians.distances(frame)
        np.testing.assert_allclose(farther, farther[0], rtol=1e-4)
        assert farther[0] > 10
    assert np.ptp(gaussians.variances[:, 0]) > 0
    spare = fit_gaussians([features], [classes], 2, spare=True)
    assert (np.ptp(spare.variances, axis=0) > 0.1).any()
    assert (np.ptp(spare.variances, axis=0) > 0).all()


def test_how_long_frames_repeat_each_other_is_seen_where_they_tell_classes_apart():
    features, classes = classes_of_frames(n_classes=2, width=2)
    drift = 5 * np.sin(np.linspace(0, 12, len(features)))
    expected = fitted(features, classes, 2).weight
    found = fitted(np.column_stack([features, drift]), classes, 2).weight
    assert found == pytest.approx(expected, rel=0.2)


def test_scale_and_turn_of_the_features_change_no_distance():
    features, classes = classes_of_frames(width=12)
    features[:, :6] *= np.linspace(0.5, 3, 6)  # so that noise has directions
    turn = np.linalg.qr(np.random.RandomState(1).randn(12, 12))[0]
    found, expected = (
        gaussians.distances(gaussians.project(frames))
        for frames in (3 * features @ turn, features)
        for gaussians in [fitted(frames, classes, 3)]
    )
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("copied", [_emissions.COPIED, 100])
def test_frames_on_demand_teach_what_those_in_memory_do_bit_for_bit(
    copied, monkeypatch
):
    monkeypatch.setattr(_emissions, "COPIED", copied)
    features, classes = (np.array_split(x, 7) for x in classes_of_frames(width=8))
    found, expected = (
        fit_gaussians(videos, classes, 3)
        for videos in (Shelf(0).keep(features), features)
    )
    for name, value in vars(expected).items():
        np.testing.assert_array_equal(getattr(found, name), value, err_msg=name)


def test_class_without_frames_has_pooled_variances():
    features, classes = classes_of_frames()
    gaussians = fitted(features, classes, 4)
    assert np.isfinite(gaussians.means).all()
    assert (gaussians.variances[3] > 0).all()


@pytest.mark.parametrize("n_classes", [1, 2])
def test_equal_frames_give_finite_numbers(n_classes):
    features = np.ones((6, 3))
    classes = np.arange(6) % n_classes
    gaussians = fitted(features, classes, n_classes)
    distances = gaussians.distances(gaussians.project(np.array([5.0, 1, 1])))
    assert np.isfinite(distances).all()
    assert np.isfinite(gaussians.log_determinants).all()


def test_repetition_is_the_integrated_autocorrelation_time():
    rng = np.random.RandomState(0)
    noise = rng.randn(20000, 2)
    assert repetition([noise]) == pytest.approx(1, abs=0.1)
    smooth = np.zeros_like(noise)
    for t in range(1, len(noise)):
        smooth[t] = 0.8 * smooth[t - 1] + noise[t]
    # 1 + 2 (.8 + .8^2 + ...) = 9, cut where a lag's correlation falls below .05
    assert repetition([smooth]) == pytest.approx(8.6, abs=0.8)


def test_frames_of_short_videos_repeat_each_other_as_long():
    rng = np.random.RandomState(0)
    means = rng.randn(20000, 2).cumsum(axis=0)
    averages = (means[5:] - means[:-5]) / 5  # 1 + 2 (.8 + .6 + .4 + .2) = 5
    short = np.array_split(averages, 2500)
    assert repetition([averages]) == pytest.approx(5, abs=0.3)
    assert repetition(short) == pytest.approx(5, abs=0.3)


def test_frames_that_are_far_off_have_bounded_discriminants():
    features, classes = classes_of_frames()
    gaussians = fitted(features, classes, 3)
    for frame in (1e9 * features[0], -1e9 * features[0]):
        assert np.abs(gaussians.project(frame)).max() == FAR


def test_repeating_frames_count_less():
    features, classes = classes_of_frames()
    again = np.repeat(features, 5, axis=0), np.repeat(classes, 5)
    all_frames, all_classes = [features], [classes]
    weights = [
        fit_gaussians(all_frames, all_classes, 3, videos).weight
        for videos in ((all_frames, all_classes), tuple([part] for part in again))
    ]
    once, often = weights
    assert once == 1.0
    assert often == pytest.approx(WEIGHT / 5, rel=0.3)


def test_robust_scores_are_those_of_students_distribution():
    features, classes = classes_of_frames()
    gaussians = fitted(features, classes, 3)
    frame = gaussians.project(features[0])
    scores = gaussians.robust(gaussians.distances(frame))
    expected = gaussians.weight * np.array(
        [
            multivariate_t(mean, np.diag(variance), df=FREEDOM).logpdf(frame)
            for mean, variance in zip(gaussians.means, gaussians.variances, strict=True)
        ]
    )
    np.testing.assert_allclose(np.diff(scores), np.diff(expected), rtol=1e-6)


def test_wide_frames_are_learned_from_a_few_at_a_time(monkeypatch):
    features, classes = classes_of_frames()
    whole = fitted(features, classes, 3)
    monkeypatch.setattr(_emissions, "COPIED", 7 * features.shape[1])
    parts = fitted(features, classes, 3)
    np.testing.assert_array_equal(parts.centre, whole.centre)
    np.testing.assert_allclose(np.abs(parts.means), np.abs(whole.means), atol=1e-9)
    np.testing.assert_allclose(parts.weight, whole.weight)
    np.testing.assert_allclose(
        parts.project(features), (features - parts.centre) @ parts.directions
    )
