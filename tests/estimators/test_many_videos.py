"""Choices look at a sample of many videos, and at all of few."""

from __future__ import annotations

import numpy as np
import pytest

from skvas import JointAlignSegment, Segmenting, Training
from skvas.applications._diagnosis import diagnose
from skvas.datasets import make_videos
from skvas.metrics import shared_order
from skvas.metrics._order import draw_pairs
from skvas.timeline._template import build_template
from skvas.videos import _frames
from skvas.videos._frames import sample_videos

DATA = make_videos(14, n_actions=3, n_frames=(40, 60), random_state=0)
VIDEOS = DATA.videos


@pytest.fixture
def few_are_seen(monkeypatch):
    monkeypatch.setattr(_frames, "SEEN_VIDEOS", 8)


def test_sample_is_all_of_few_videos_and_the_same_of_many():
    assert sample_videos(128).tolist() == list(range(128))
    seen = sample_videos(1000)
    assert len({*seen.tolist()}) == len(seen) == 128
    assert (np.diff(seen) > 0).all()
    np.testing.assert_array_equal(seen, sample_videos(1000))


def test_pairs_of_many_videos_are_drawn_without_listing_all():
    pairs = draw_pairs(10**6, 40, np.random.RandomState(0))
    assert len({*map(tuple, pairs.tolist())}) == 40
    assert (pairs[:, 0] != pairs[:, 1]).all()
    assert pairs.min() >= 0
    assert pairs.max() < 10**6
    every = draw_pairs(4, 100, np.random.RandomState(0))
    assert {*map(tuple, every.tolist())} == {
        (i, j) for i in range(4) for j in range(4) if i != j
    }


def test_order_of_many_videos_reads_those_that_were_drawn():
    videos = [VIDEOS[i % 14] for i in range(300)]
    found = shared_order(videos, n_pairs=12, random_state=0)
    assert found.n_pairs == 12
    assert found.verdict == "yes"


def test_videos_that_no_choice_has_seen_are_labelled_as_the_others(few_are_seen):
    plain = Segmenting(start="time", alpha=0.3, lambda_actions=0.1, n_refine=2)
    model = JointAlignSegment(
        3,
        segmenting=plain,
        training=Training(n_frames=32),
        max_epochs=1,
        random_state=0,
    ).fit(VIDEOS)
    assert len(model.labels_) == len(model.outlook_.distance) == 14
    seen = sample_videos(14).tolist()
    assert {*model.outlook_.video.tolist()} == {*seen}
    assert {query.video for query in model.query(20, kind="recordings")} == {*seen}
    for labels, again in zip(model.labels_, model.predict(VIDEOS), strict=True):
        assert (labels == again).mean() > 0.9
    unseen = [i for i in range(14) if i not in seen]
    agreement = []
    for i in unseen:
        table = np.zeros((3, 3))
        np.add.at(table, (model.labels_[i], DATA.labels[i]), 1)
        agreement.append(table.max(axis=1).sum() / table.sum())
    assert np.mean(agreement) > 0.7


def test_labelled_videos_may_be_asked_for_whether_seen_or_not(few_are_seen):
    plain = Segmenting(start="time", alpha=0.3, lambda_actions=0.1, n_refine=1)
    unseen = next(i for i in range(14) if i not in sample_videos(14))
    y = [None] * 14
    y[unseen] = DATA.labels[unseen]
    model = JointAlignSegment(
        3,
        segmenting=plain,
        max_epochs=0,
        random_state=0,
        training=Training(n_frames=32),
    ).fit(VIDEOS, y)
    assert unseen in model.outlook_.video
    assert model.outlook_.is_labelled.any()


def test_template_is_averaged_over_a_sample_and_all_have_positions(few_are_seen):
    frames = [v / np.linalg.norm(v, axis=1, keepdims=True) for v in VIDEOS]
    found = build_template(frames, limit=1e9)
    assert [len(passage.positions) for passage in found.passages] == [
        len(video) for video in VIDEOS
    ]
    assert found.is_related.shape == found.alignability.shape == (14,)
    assert found.is_related.all()


def test_recording_unlike_the_others_is_found_among_many(few_are_seen):
    odd = np.random.default_rng(0).normal(size=(50, VIDEOS[0].shape[1]))
    unit = [v / np.linalg.norm(v, axis=1, keepdims=True) for v in [*VIDEOS, odd]]
    assert diagnose(unit, unit, None, None, True)["unlike"] == [14]


def test_as_many_pairs_are_drawn_as_there_are_at_most():
    pairs = draw_pairs(300, 10**6, np.random.RandomState(0))
    assert len(np.unique(pairs, axis=0)) == len(pairs) == 300 * 299
