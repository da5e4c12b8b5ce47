"""One look at the videos gives the labels and shares that two would."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import skvas.segmentation._look as look
from skvas import JointAlignSegment
from skvas.datasets import make_videos
from skvas.timeline._model import path_frames
from tests.models import quick

DATA = make_videos(5, n_actions=3, n_frames=(50, 60), warp=0.6, random_state=0)


@pytest.fixture(scope="module")
def model():
    return quick(JointAlignSegment, n_actions=3, segment_on="timeline").fit(DATA.videos)


def as_before(labeller, views):
    codes = labeller.labels(views)
    shares = labeller.shares(views)
    return codes, [s[np.arange(len(c)), c] for s, c in zip(shares, codes, strict=True)]


def check(found, expected):
    for one, other in zip(found[0], expected[0], strict=True):
        assert_array_equal(one, other)
    for one, other in zip(found[1], expected[1], strict=True):
        assert_allclose(one, other, rtol=1e-6)


def test_of_a_timeline(model):
    views, labeller = model._view(DATA.videos), model._labeller()
    check(look.look_at(labeller, views), as_before(labeller, views))
    frames = path_frames(views.embeddings, views.details)
    passages = [model.timeline_.model_.follow(video) for video in frames]
    check(look.look_at(labeller, views, frames, passages), as_before(labeller, views))


def test_of_features_and_of_labels():
    for y in (None, [DATA.labels[0], *[None] * 4]):
        model = JointAlignSegment(3, max_epochs=0, random_state=0).fit(DATA.videos, y)
        views, labeller = model._view(DATA.videos), model._labeller()
        check(look.look_at(labeller, views), as_before(labeller, views))


def test_long_videos_have_certainty_by_runs_of_frames(model, monkeypatch):
    views, labeller = model._view(DATA.videos), model._labeller()
    exact = look.look_at(labeller, views)
    monkeypatch.setattr(look, "BLOCKS", 10)
    coarse = look.look_at(labeller, views)
    for one, other in zip(coarse[0], exact[0], strict=True):
        assert_array_equal(one, other)
    rough, fine = np.concatenate(coarse[1]), np.concatenate(exact[1])
    assert len(np.unique(coarse[1][0])) <= 10 + 2 * 3
    assert np.abs(rough - fine).mean() < 0.1
