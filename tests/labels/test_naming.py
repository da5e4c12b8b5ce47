"""What some labels teach about all frames."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import log_softmax
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from skvas.labels import _naming
from skvas.labels._naming import (
    SHRINKAGE,
    USUAL,
    Evidence,
    best_temperature,
    choose_evidence,
    discriminants,
    hide_in_turn,
    one_hot,
    share_told,
    shares_of_found,
)

RNG = np.random.default_rng(0)
LABELS = np.repeat([0, 1, 2], 40)
FRAMES = 4 * np.eye(3)[LABELS] @ RNG.standard_normal((3, 5))
FRAMES = FRAMES + RNG.standard_normal(FRAMES.shape)


def test_discriminants_are_those_of_scikit_learn():
    weights, bias = discriminants(FRAMES, one_hot(LABELS, 3))
    rival = LinearDiscriminantAnalysis(
        solver="lsqr", shrinkage=SHRINKAGE, priors=[1 / 3] * 3
    )
    rival.fit(FRAMES / FRAMES.std(), LABELS)
    ours = np.exp(log_softmax(FRAMES @ weights + bias, axis=1)).argmax(axis=1)
    agree = (ours == rival.predict(FRAMES / FRAMES.std())).mean()
    assert agree > 0.98


def test_discriminants_leave_features_out():
    used = np.array([True, False, True, True, False])
    weights, _ = discriminants(FRAMES, one_hot(LABELS, 3), used)
    alone, _ = discriminants(FRAMES[:, used], one_hot(LABELS, 3))
    assert_allclose(weights[used], alone)
    assert (weights[~used] == 0).all()


@pytest.mark.parametrize("n_frames", [7, 8, 9])
def test_parts_are_weighed_in_blocks_of_frames(n_frames, monkeypatch):
    monkeypatch.setattr(_naming, "ROWS", 4)
    parts, shares = RNG.uniform(size=(n_frames, 5)), RNG.uniform(size=(5, 3))
    assert_allclose(_naming._in_blocks(parts, shares), parts @ shares)


def test_class_without_frames_is_never_found():
    weights, bias = discriminants(FRAMES, one_hot(LABELS, 4))
    assert np.isfinite(weights).all()
    assert (FRAMES @ weights + bias).argmax(axis=1).max() == 2


def test_equal_frames_give_finite_discriminants():
    weights, bias = discriminants(np.ones((4, 3)), one_hot(np.array([0, 0, 1, 1]), 2))
    assert np.isfinite(weights).all()
    assert np.isfinite(bias).all()


def test_found_actions_take_the_names_of_their_frames():
    found = [np.array([0, 0, 1, 1, 2, 2])]
    codes = [np.array([1, 1, 0, -1, -1, -1])]
    shares = shares_of_found(found, codes, 3, 3, one_to_one=0.3)
    assert_allclose(shares.sum(axis=1), 1)
    assert_array_equal(shares.argmax(axis=1), [1, 0, 2])  # the third has no name


def evidence(by_part, by_frame, parts=None):
    n = len(LABELS)
    parts = np.full((n, 1), 1.0) if parts is None else parts

    def shares(codes, n_actions):
        return np.full((parts.shape[1], n_actions), 1 / n_actions)

    return Evidence([parts], [FRAMES], shares, by_part, by_frame)


def test_a_few_labels_name_all_frames():
    codes = np.full(len(LABELS), -1)
    for label in range(3):
        codes[np.flatnonzero(label == LABELS)[:3]] = label
    naming = evidence(0.0, 1.0).learn([codes], 3, 3)
    logs = naming.log_probabilities(np.ones((len(LABELS), 1)), FRAMES)
    found = naming.decode(logs)
    assert (found == LABELS).mean() > 0.97


@pytest.mark.parametrize(("by_frame", "n_looks"), [(0.0, 0), (0.3, 1)])
def test_learning_looks_at_parts_once(by_frame, n_looks, monkeypatch):
    looks, product = [], _naming._in_blocks

    def in_blocks(parts, shares):
        looks.append(parts.shape)
        return product(parts, shares)

    monkeypatch.setattr(_naming, "_in_blocks", in_blocks)
    monkeypatch.delattr(_naming.Naming, "log_probabilities")
    parts = one_hot(LABELS, 3)
    evidence(1.0, by_frame, parts).learn([LABELS], 3, 3)
    assert looks == [parts.shape] * n_looks


def test_parts_in_blocks_tell_the_same(monkeypatch):
    parts = RNG.random((len(LABELS), 4))
    whole = evidence(1.0, 0.3, parts).learn([LABELS], 3, 3)
    monkeypatch.setattr(_naming, "ROWS", 7)
    found = evidence(1.0, 0.3, parts).learn([LABELS], 3, 3)
    assert_allclose(found.weights, whole.weights)
    assert_allclose(found.bias, whole.bias)


def test_evidence_that_tells_hidden_labels_is_chosen():
    misled = Evidence(
        [np.ones((len(LABELS), 1))],
        [RNG.standard_normal(FRAMES.shape)],
        evidence(0.0, 1.0).shares,
        0.0,
        1.0,
    )
    good = evidence(0.0, 1.0)
    hidden = [[np.arange(len(LABELS)) % 2 == 0]]
    known = choose_evidence([misled, good], [LABELS], hidden, 3, 3)
    assert known.candidate is good
    alone = choose_evidence([misled], [LABELS], hidden, 3, 3)
    assert alone.score < known.score <= 1
    nothing = choose_evidence([misled, good], [LABELS], [], 3, 3)
    assert nothing == (misled, USUAL, [], None)
    wide = choose_evidence([misled, good], [LABELS], hidden, 3, 3, margin=1.0)
    assert wide.candidate is misled
    assert wide.score == alone.score  # without the margin
    turns = [*hidden, [np.arange(len(LABELS)) % 2 == 1]]
    assert 0.9 < choose_evidence([good], [LABELS], turns, 3, 3).score <= 1


def test_temperature_is_that_of_hidden_labels():
    even = np.arange(len(LABELS)) % 2 == 0
    told = choose_evidence([evidence(0.0, 1.0)], [LABELS], [[even]], 3, 3)
    naming = told.candidate.learn([np.where(even, -1, LABELS)], 3, 3)
    parts, shown = np.ones((len(LABELS), 1)), np.where(even, -1, LABELS)
    assert_array_equal(told.logs[0][0], naming.log_probabilities(parts, FRAMES, shown))
    free = naming.log_probabilities(parts, FRAMES)
    assert told.temperature == best_temperature(free[even], LABELS[even]) != USUAL


@pytest.mark.parametrize("heat", [0.7, 1.0, 3.0])
def test_temperature_makes_probabilities_true(heat):
    rng = np.random.default_rng(0)
    logs = log_softmax(2 * rng.standard_normal((20_000, 4)), axis=1)
    drawn = [rng.multinomial(1, row).argmax() for row in np.exp(logs)]
    found = best_temperature(heat * logs, np.array(drawn))
    assert found == pytest.approx(heat, rel=0.05)


def test_temperature_stays_in_its_range():
    sure = np.log(np.array([[0.98, 0.01, 0.01]] * 5))
    assert best_temperature(sure, np.zeros(5, dtype=int)) == pytest.approx(0.5, 1e-3)
    assert best_temperature(sure, np.ones(5, dtype=int)) == pytest.approx(10, 1e-3)


def test_probabilities_are_tempered_and_labels_are_not():
    naming = evidence(0.0, 1.0).learn([LABELS], 3, 3)
    parts = np.ones((len(LABELS), 1))
    assert_allclose(
        naming.calibrate(naming.log_probabilities(parts, FRAMES)),
        np.exp(naming.log_probabilities(parts, FRAMES)),
    )
    hot = replace(naming, temperature=3.0)
    expected = np.exp(naming.log_probabilities(parts, FRAMES) / 3)
    expected /= expected.sum(axis=1, keepdims=True)
    assert_allclose(hot.calibrate(hot.log_probabilities(parts, FRAMES)), expected)
    logs = naming.log_probabilities(parts, FRAMES)
    assert_allclose(np.exp(hot.temper(logs)), expected)
    assert_array_equal(hot.decode(logs), naming.decode(logs))


def test_labelled_videos_are_hidden_in_turn():
    codes = [np.array([0, 0, -1]), np.array([-1]), np.array([1, -1, 1])]
    folds = hide_in_turn(codes, 5)
    assert [[h.tolist() for h in fold] for fold in folds] == [
        [[True, True, False], [False], [False] * 3],
        [[False] * 3, [False], [True, False, True]],
    ]


def test_stretches_of_a_lone_video_are_hidden_where_all_labels_have_two():
    twice = np.array([0, 0, 1, 1, 0, 0, 1, 1])
    folds = hide_in_turn([twice], 5)
    assert [fold[0].tolist() for fold in folds] == [
        [True] * 4 + [False] * 4,
        [False] * 4 + [True] * 4,
    ]
    assert hide_in_turn([np.array([0, 0, 1, 1])], 5) == []
    assert hide_in_turn([np.array([-1, -1])], 5) == []


def test_labels_of_a_lone_video_that_its_other_stretches_tell():
    codes = np.array([0, 0, 1, 1, 2, 2, 0, 0, 1, 1, -1, -1])
    frames = np.eye(3)[[0, 0, 1, 1, 2, 2, 0, 0, 2, 2, 1, 1]] * 9.0
    parts = [np.ones((12, 1)), np.ones((2, 1))]
    other = np.full(2, -1), frames[:2]

    def shares(codes, n_actions):
        return np.full((1, n_actions), 1 / n_actions)

    look = Evidence(parts, [frames, other[1]], shares, 0.0, 1.0)
    # Action 2 comes once, and action 1 looks like it the second time.
    told = share_told(look, [codes, other[0]], 3, 3)
    assert told == pytest.approx(4 / 10)
    once = np.array([0] * 4 + [1] * 4 + [2] * 4)
    assert share_told(look, [once, other[0]], 3, 3) == 0


def test_actions_without_labels_are_not_found_where_no_parts_tell_them():
    known = np.where((LABELS < 2) & (np.arange(len(LABELS)) % 2 == 0), LABELS, -1)
    naming = evidence(0.0, 1.0).learn([known], 3, 2)
    found = naming.log_probabilities(np.ones((len(LABELS), 1)), FRAMES)
    assert (np.exp(found[:, 2]) < 0.01).all()


def test_part_that_is_left_over_may_be_any_action():
    found, codes = np.array([0, 0, 1, 1, 2]), np.array([1, 1, 0, 0, -1])
    shares = shares_of_found([found], [codes], 3, 2, one_to_one=0.3)
    assert_allclose(shares, [[0, 1], [1, 0], [0.5, 0.5]])


def test_first_candidates_are_left_for_more_than_a_margin():
    rng = np.random.default_rng(0)
    codes = [np.repeat([0, 1], 20), np.repeat([1, 0], 20)]
    frames = [np.eye(2)[code] + rng.normal(scale=0.6, size=(40, 2)) for code in codes]
    parts = [np.eye(2)[np.roll(code, 8)] for code in codes]
    folds = hide_in_turn(codes, 2)

    def shares(codes, n_actions):
        return np.array([[0.9, 0.1], [0.1, 0.9]])

    ways = [(1.0, 0.0), (1.0, 0.0), (0.0, 1.0)]
    candidates = [Evidence(parts, frames, shares, *way) for way in ways]
    scores = [choose_evidence([c], codes, folds, 2, 2).score for c in candidates]
    gain = scores[2] - scores[0]
    assert gain > 0.02
    for margin, favoured, best in [
        (0, 1, 2),
        (gain / 2, 2, 2),
        (1.5 * gain, 2, 0),
        (2 * gain, 2, 0),
    ]:
        chosen = choose_evidence(
            candidates, codes, folds, 2, 2, margin=margin, n_favoured=favoured
        )
        assert chosen.candidate is candidates[best]
    chosen = choose_evidence(candidates, codes, folds, 2, 2, margin=2 * gain)
    assert chosen.candidate is candidates[0]
