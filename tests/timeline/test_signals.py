"""What tells moments apart counts once, whatever its scale."""

import numpy as np

from skvas.timeline._signals import principal_components, standardised


def drawn(n_features, n_videos=4, n_positions=50):
    rng = np.random.default_rng(0)
    return rng.normal(3.0, 2.0, (n_videos, n_positions, n_features)).astype("float32")


def test_scale_and_place_do_not_matter():
    signals = drawn(5)
    scaled = standardised(signals)
    np.testing.assert_allclose(scaled.mean(axis=(0, 1)), 0, atol=1e-5)
    np.testing.assert_allclose(scaled.std(axis=(0, 1)), 1, rtol=1e-4)
    moved = standardised(signals * np.float32([1, 2, 4, 8, 16]) + 64)
    np.testing.assert_allclose(moved, scaled, atol=1e-4)


def test_features_that_hold_nothing_but_rounding_are_left_out():
    rounding = 1000 + 1e-2 * drawn(1)
    assert standardised(np.concatenate([drawn(2), rounding], axis=2)).shape[2] == 2
    assert principal_components(np.ones((3, 8, 4))).shape == (3, 8, 0)


def test_what_is_told_four_times_counts_once():
    three = drawn(3)
    many = np.concatenate([three, -three, 2 * three, three + 1], axis=2)
    components = principal_components(many)
    assert components.shape == (4, 50, 3)
    frames = components.reshape(-1, 3)
    covariance = frames.T @ frames / len(frames)
    np.testing.assert_allclose(covariance, np.diag(np.diag(covariance)), atol=1e-3)
    told = np.linalg.lstsq(frames, standardised(three).reshape(-1, 3), rcond=None)[1]
    np.testing.assert_allclose(told, 0, atol=1e-3)


def test_features_that_tell_different_things_all_count():
    assert principal_components(drawn(6, n_positions=400)).shape[2] == 6


def test_components_are_as_many_as_the_entropy_of_their_shares_says():
    one, other = drawn(1, n_positions=400), drawn(3, n_positions=400)[..., 1:]
    signals = np.concatenate([one, one, one, other], axis=2)
    shares = np.array([0.6, 0.2, 0.2])
    assert 2.5 < np.exp(-(shares * np.log(shares)).sum()) < 3
    assert principal_components(signals).shape[2] == 3


def test_what_varies_most_comes_first():
    one, other = drawn(1), drawn(2)[..., 1:]
    weighted = np.concatenate([one, one, one, other], axis=2)
    [most, *_] = np.moveaxis(principal_components(weighted), 2, 0)
    assert abs(np.corrcoef(most.ravel(), one.ravel())[0, 1]) > 0.95
