"""What labelled videos do before and after tells the actions of others."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.ndimage import gaussian_filter1d

from skvas.labels._chained import (
    CELLS,
    CHANGES,
    DURATION,
    ChainedNaming,
    Succession,
    known_labels,
    tell_all,
)
from skvas.labels._naming import Naming
from skvas.videos._succession import correlated_share, deviations

N_FEATURES = 4
ORDERS = [[0, 1, 2], [0, 2, 1], [0, 1, 2, 0]]


def video(order, seed, spread=0.6, n=30):
    rng = np.random.default_rng(seed)
    labels = np.repeat(order, n)
    frames = np.eye(3, N_FEATURES)[labels]
    return frames + spread * rng.standard_normal(frames.shape), labels


FRAMES, LABELS = map(
    list, zip(*(video(order, seed) for seed, order in enumerate(ORDERS)), strict=True)
)


def naming(n_actions=3):
    """Tell actions by the largest feature, a little."""
    weights = np.eye(N_FEATURES, n_actions)
    return Naming(
        np.ones((1, n_actions)), weights, np.zeros(n_actions), 0.0, 1.0, temperature=1.0
    )


def learn(frames, codes):
    """Learn from all frames."""
    return Succession.learn(frames, [np.arange(len(code)) for code in codes], codes, 3)


def chained():
    return ChainedNaming(naming(), learn(FRAMES, LABELS))


def test_all_actions_are_told_by_videos_most_of_whose_frames_have_labels():
    nothing = np.full(4, -1)
    assert tell_all([np.array([0, 0, 1, -1]), nothing], 2)
    assert not tell_all([np.array([0, 0, 1, -1]), nothing], 3)
    assert not tell_all([np.array([0, 1, -1, -1, -1]), nothing], 2)


def seen(frames, known=None):
    return np.ones((len(frames), 1)), frames, known


def test_orders_and_durations_are_counted():
    found = learn(FRAMES, LABELS)
    assert_allclose(found.first, np.array([3.5, 0.5, 0.5]) / 4.5)
    changes = CHANGES + np.array([[0, 2, 1], [0, 0, 2], [1, 1, 0]])
    np.fill_diagonal(changes, 0)
    assert_allclose(found.follow, changes / changes.sum(axis=1, keepdims=True))
    spent = DURATION + 2 / 3 + np.array([0.5, 0.25, 0.25])
    assert_allclose(found.durations, spent / [5, 4, 4])


def test_only_videos_most_of_which_is_labelled_tell():
    half = LABELS[0].copy()
    half[44:] = -1
    nothing = np.full(len(LABELS[1]), -1)
    assert learn(FRAMES[:2], [half, nothing]) is None
    both = learn(FRAMES[:2], [half, LABELS[1]])
    alone = learn(FRAMES[1:2], LABELS[1:2])
    for name, value in vars(alone).items():
        assert_array_equal(getattr(both, name), value)


def test_frames_that_are_looked_at_change_no_durations():
    every = learn(FRAMES, LABELS)
    kept = [np.unique([*np.flatnonzero(code == 1), 0, 44, 89]) for code in LABELS]
    looked_at = [frames[at] for frames, at in zip(FRAMES, kept, strict=True)]
    few = Succession.learn(looked_at, kept, LABELS, 3)
    for name in ("first", "follow", "durations"):
        assert_array_equal(getattr(every, name), getattr(few, name))
    assert not np.array_equal(every.weights, few.weights)


def test_frames_without_a_label_are_not_looked_at():
    codes = [np.where(np.arange(len(code)) % 3 == 0, -1, code) for code in LABELS]
    odd = [np.where(c[:, None] < 0, 9.0, f) for f, c in zip(FRAMES, codes, strict=True)]
    for name, value in vars(learn(FRAMES, codes)).items():
        assert_array_equal(getattr(learn(odd, codes), name), value)


def test_what_follows_what_tells_more_than_frames_do():
    frames, labels = video([0, 1, 2], 9, spread=0.3)
    frames[40:42, :3] = [0, 0.3, 0.5]  # of action 1, and look like those of 2
    by_frames = naming().log_probabilities(*seen(frames)).argmax(axis=1)
    by_all = chained().decode(chained().log_probabilities(*seen(frames)))
    assert (by_frames[40:42] == 2).all()
    assert_array_equal(by_all, labels)


def test_look_of_labelled_videos_tells_what_else_tells_nothing():
    frames, labels = video([0, 1, 2], 9, spread=0.3)
    blind = replace(naming(), weights=np.zeros((N_FEATURES, 3)))
    found = replace(chained(), told=blind)
    by_all = found.decode(found.log_probabilities(*seen(frames)))
    assert (by_all == labels).mean() > 0.95


def test_labels_are_known_of_videos_most_of_which_have_some():
    whole, part = np.array([0, 1, -1, 1]), np.array([0, 1, -1, -1, -1])
    assert_array_equal(known_labels([part, whole]), [[0, 1, 1]])
    assert known_labels([part]) == []


def test_look_counts_more_where_labelled_videos_show_actions_often():
    weights = []
    for n in (1, 2, 4, 6, 9):
        frames, labels = np.tile(FRAMES[0], (n, 1)), np.tile(LABELS[0], n)
        weights.append(learn([frames], [labels]).by_look)
    assert_allclose(weights, [0.3, 0.3, 0.65, 1, 1])


def test_look_and_what_else_tells_change_places():
    rarely = chained().succession
    often = replace(rarely, by_look=1.0)
    look = np.log([[0.8, 0.1, 0.1]])
    told = np.log([[0.1, 0.8, 0.1]])
    blind = {"weights": np.zeros((N_FEATURES, 3)), "correlated": 0.0}
    both = [replace(one, bias=look[0], **blind) for one in (rarely, often)]
    found = [one.likelihoods(told, FRAMES[0][:1], None) for one in both]
    assert_allclose(found[0][:, ::-1], found[1][:, [2, 0, 1]])
    assert found[0].argmax() == 1
    assert found[1].argmax() == 0


def test_log_probabilities_are_tempered_before_they_are_chained():
    one = chained()
    hot = replace(one, told=replace(one.told, temperature=5.0))
    logs = hot.told.temper(hot.told.log_probabilities(*seen(FRAMES[0])))
    (expected,) = one.succession.follow_up([logs], FRAMES[:1], [None])
    found = hot.log_probabilities(*seen(FRAMES[0]))
    assert_array_equal(found, expected)
    assert np.abs(found - one.log_probabilities(*seen(FRAMES[0]))).max() > 0.1


def test_correlated_frames_count_as_fewer():
    smooth = [gaussian_filter1d(frames, 3, axis=0) for frames in FRAMES]
    members = [np.eye(3)[labels] for labels in LABELS]
    found = learn(smooth, LABELS).correlated
    assert found == 0.3 * correlated_share(deviations(smooth, members)) > 0


def test_labels_are_certain():
    known = np.where(np.arange(len(LABELS[0])) < 10, LABELS[0], -1)
    flat = np.zeros((len(known), 3))
    (found,) = chained().succession.follow_up(
        [flat], [np.zeros_like(FRAMES[0])], [known]
    )
    (free,) = chained().succession.follow_up([flat], [np.zeros_like(FRAMES[0])], [None])
    assert (np.exp(found[:10, 0]) > 0.99).all()
    assert (np.exp(free[:10, 0]) < 0.99).any()


def test_labelled_frames_keep_their_labels_and_draw_their_neighbours():
    frames, labels = video([0, 1, 2], 9)
    known = np.full(len(labels), -1)
    known[50:53] = 0
    free = chained().log_probabilities(*seen(frames))
    bent = chained().log_probabilities(*seen(frames, known))
    assert_array_equal(bent[50:53].argmax(axis=1), 0)
    assert (bent[[49, 53], 0] > free[[49, 53], 0]).all()


def test_probabilities_are_probabilities():
    found = np.exp(chained().log_probabilities(*seen(FRAMES[0])))
    assert_allclose(found.sum(axis=1), 1)


@pytest.mark.parametrize("cells", [1, 1000, CELLS])
def test_batch_mates_change_nothing(cells, monkeypatch):
    monkeypatch.setattr("skvas.labels._chained.CELLS", cells)
    videos = [seen(frames[:n]) for frames, n in zip(FRAMES, (90, 3, 120), strict=True)]
    videos.append(seen(FRAMES[0], np.where(LABELS[0] == 1, 1, -1)))
    for one, found in zip(videos, chained().logs_of(iter(videos)), strict=True):
        assert_array_equal(chained().log_probabilities(*one), found)
