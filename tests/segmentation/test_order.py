"""Whether videos keep the order of their timeline."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from skvas.segmentation import _order
from skvas.segmentation._order import (
    explained,
    keeps_order,
    known_again,
    segments_an_action,
)
from skvas.videos._views import Views

ORDER = np.repeat([0, 1, 2], 20)
CENTRES = np.array([[3.0, 0.0], [0.0, 3.0], [-3.0, -3.0]])


def make(orders, *, noise=0.3, seed=0):
    """Make frames of actions that come in a given order in each video."""
    rng = np.random.RandomState(seed)
    return [CENTRES[order] + noise * rng.standard_normal((60, 2)) for order in orders]


def ask(features, along, free, chosen=None):
    """Ask with labels that are known, of all videos or of some."""
    passages = [SimpleNamespace(positions=labels) for labels in along]
    timeline = SimpleNamespace(
        actions=lambda positions: positions, template=SimpleNamespace(passages=passages)
    )
    kept = range(len(free)) if chosen is None else chosen
    plans = SimpleNamespace(labels=lambda views: [free[i] for i in kept])
    return keeps_order(timeline, plans, Views(features, features, lambda x: x))


SWAPPED = [ORDER, ORDER[::-1], np.roll(ORDER, 20), ORDER, ORDER[::-1], ORDER]


def test_explained_is_the_share_of_the_variance_between_labels():
    frames = [np.array([[0.0], [2.0]]), np.array([[10.0], [12.0]])]
    labels = [np.array([0, 0]), np.array([2, 2])]
    assert explained(frames, labels) == pytest.approx(100 / 104)
    assert explained(frames, [np.zeros(2, int)] * 2) == 0
    assert explained([np.ones((4, 2))], [np.array([0, 0, 1, 1])]) == 0


def test_actions_are_known_again_in_other_videos_or_are_of_one_video():
    features = make(SWAPPED)
    assert known_again(features, SWAPPED) > 0.9
    rng = np.random.RandomState(1)
    assert known_again(features, [rng.permutation(ORDER) for _ in SWAPPED]) < 0.1
    assert known_again(features, [np.zeros(60, int) for _ in SWAPPED]) == 0
    ours = [(labels + (i % 2)) % 3 for i, labels in enumerate(SWAPPED)]
    merged = [np.where(labels == i % 2, 2, 0) for i, labels in enumerate(SWAPPED)]
    assert known_again(features, ours) > 0.9  # other names, the same actions
    assert known_again(features, merged) < 0.5  # each half knows its own alone


def test_order_is_kept_where_the_timeline_explains_as_much():
    assert ask(make([ORDER] * 6), [ORDER] * 6, [ORDER] * 6)


def test_order_is_not_kept_where_videos_swap_their_steps():
    assert not ask(make(SWAPPED), [ORDER] * 6, SWAPPED)


def test_plans_are_not_believed_that_differ_from_video_to_video():
    turned = [np.roll(CENTRES, i, axis=0)[ORDER] for i in range(6)]
    features = [frames + 0.01 * i for i, frames in enumerate(turned)]
    own = [(ORDER + i) % 3 for i in range(6)]
    along, free = [ORDER] * 6, [(labels + i // 2) % 3 for i, labels in enumerate(own)]
    assert explained(features, along) < 0.9 * explained(features, free)
    assert known_again(features, free) < 0.65
    assert ask(features, along, free)


def test_plans_are_not_believed_whose_actions_come_and_go():
    flicker = [np.where(np.arange(60) % 10 < 5, 2 - ORDER, ORDER) for _ in range(6)]
    assert not ask(make(SWAPPED), [ORDER] * 6, SWAPPED)
    assert segments_an_action(SWAPPED) == 1
    assert segments_an_action(flicker) > 1.35
    assert known_again(make(flicker), flicker) > 0.9
    assert ask(make(flicker), [ORDER] * 6, flicker)


def test_of_many_videos_the_same_sample_is_labelled_both_ways(monkeypatch):
    chosen = np.array([1, 2, 4])
    monkeypatch.setattr(_order, "sample_videos", lambda n: chosen)
    assert ask(make(SWAPPED), SWAPPED, SWAPPED, chosen)
