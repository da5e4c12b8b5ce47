from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from skvas.live import _trial
from skvas.live._chain import ActionRates
from skvas.live._emissions import fit_moments
from skvas.live._model import WIDE, _try_settings
from skvas.live._trial import (
    LEAD,
    Setting,
    _hold_out,
    _right,
    _Trial,
    choose_setting,
    collection_helps,
)

N_FACTORS = 7


def videos(n_videos=4, *, noise, common=0.0, shift=0.0, seed=0):
    """Make two actions in turn, which differ in one of three features."""
    rng = np.random.RandomState(seed)
    labels = [np.tile(np.repeat([0, 1], 15), 3) for _ in range(n_videos)]
    found = []
    for known in labels:
        frames = noise * rng.randn(len(known), 3)
        frames[:, 0] += 2 * known + shift * rng.randn()
        frames += common * np.cumsum(rng.randn(len(known), 3), axis=0)
        found.append(frames)
    return found, labels


def test_lone_video_has_the_usual_setting():
    found, labels = videos(1, noise=0.1)
    assert choose_setting(found, labels, 2) == Setting(False, 1.0, LEAD)


def test_of_equals_the_usual_setting_is_chosen():
    found, labels = videos(noise=1e-3)
    assert choose_setting(found, labels, 2) == Setting(False, 1.0, LEAD)


def test_frames_that_tell_less_than_they_say_have_less_weight():
    clear, labels = videos(noise=0.5)
    drifting, _ = videos(noise=0.5, common=0.6)
    factors = [choose_setting(v, labels, 2).factor for v in (clear, drifting)]
    assert factors[1] < factors[0]


def on_a_timeline(shift, n_videos=6):
    """Videos that all go through the same levels at one pace, and where they are."""
    rng = np.random.RandomState(1)
    levels = np.repeat(rng.randn(8, 5), 10, axis=0)
    found = [
        levels + shift * rng.randn(5) + 0.3 * rng.randn(80, 5) for _ in range(n_videos)
    ]
    moments = [np.arange(80)] * n_videos
    return found, moments, moments


def test_frames_of_the_collection_help_where_levels_say_the_moment():
    assert collection_helps(*on_a_timeline(shift=0.0))


def test_frames_of_the_collection_do_not_help_where_levels_are_a_persons_own():
    assert not collection_helps(*on_a_timeline(shift=3.0))
    assert not collection_helps(*on_a_timeline(shift=3.0, n_videos=2))


@pytest.mark.parametrize("shift", [0.0, 3.0])
def test_what_helps_does_not_depend_on_how_frames_repeat_each_other(shift, monkeypatch):
    def light(*parts):
        return replace(fit_moments(*parts), weight=1e-6)

    expected = collection_helps(*on_a_timeline(shift))
    monkeypatch.setattr(_trial, "fit_moments", light)
    assert collection_helps(*on_a_timeline(shift)) == expected


def test_frames_of_the_collection_have_to_help_clearly(monkeypatch):
    monkeypatch.setattr(_trial, "CLEARLY", 9.0)
    assert not collection_helps(*on_a_timeline(shift=0.0))


def test_right_frames_are_those_of_a_filter_with_each_weight():
    rng = np.random.RandomState(0)
    labels = np.repeat([0, 1, 0], 6)
    chain = ActionRates.of([labels], 2).chain()
    distances = rng.rand(2, len(labels), 2)
    distances -= distances.min(axis=2, keepdims=True)
    weights = rng.rand(2, N_FACTORS)
    found = _right([_Trial(distances, weights, labels, chain)])[0]
    for view, factor in np.ndindex(2, N_FACTORS):
        state, told, held = chain.start, [], 0
        for t, row in enumerate(distances[view]):
            state = state @ chain.transitions if t else state
            state = state * np.exp(-0.5 * weights[view, factor] * row)[chain.classes]
            state = state / state.sum()
            shares = np.bincount(chain.actions[chain.steps], state, 2)
            best = int(shares.argmax())
            if t == 0 or shares[best] > shares[held] + LEAD:
                held = best
            told.append((best, held))
        expected = (np.array(told) == labels[:, None]).mean(axis=0)
        np.testing.assert_allclose(found[view, factor], expected)


def test_no_frame_counts_for_more_than_an_independent_one():
    found, labels = videos(noise=0.5)
    for trial in _hold_out(found, labels, 2, np.arange(2), None, False):
        assert trial.weights.max() == 1


def test_long_videos_are_told_by_their_first_frames(monkeypatch):
    found, labels = videos(noise=0.5)
    whole = _hold_out(found, labels, 2, np.array([1]), None, False)[0]
    monkeypatch.setattr(_trial, "LONGEST", 40)
    part = _hold_out(found, labels, 2, np.array([1]), None, False)[0]
    np.testing.assert_array_equal(part.labels, whole.labels[:40])
    np.testing.assert_allclose(part.distances, whole.distances[:, :40])


def test_wide_frames_are_cut_down_to_the_same_setting():
    narrow, labels = videos(noise=0.5, common=0.6)
    turned = np.linalg.qr(np.random.RandomState(1).randn(2 * WIDE, 3))[0].T
    wide = [video @ turned for video in narrow]
    assert _try_settings(wide, np.arange(4), labels, 2, None, False).factor < 1


def test_videos_too_large_for_memory_have_the_usual_setting():
    huge = [np.broadcast_to(np.float32(0), (1 << 12, 1 << 12))] * 4
    assert _try_settings(huge, np.arange(4), [], 2, None, False) == Setting()


def test_settings_are_tried_with_motion_where_models_look_at_it(monkeypatch):
    found, labels = videos(noise=0.5)
    widths, fit = [], _trial.fit_gaussians

    def note(features, *arguments, spare):
        widths.append(features[0].shape[1])
        return fit(features, *arguments, spare=spare)

    monkeypatch.setattr(_trial, "fit_gaussians", note)
    n = found[0].shape[1]
    for reach, expected in ((None, {n, 2 * n}), (0.1, {2 * n, 3 * n})):
        widths.clear()
        _try_settings(found, np.arange(4), labels, 2, reach, False)
        assert set(widths) == expected
