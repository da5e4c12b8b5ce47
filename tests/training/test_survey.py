"""What the data say before training."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import nn

from skvas.nn._model import Model
from skvas.training import _survey
from skvas.training._survey import Survey
from skvas.transport import unit
from tests.models import small_videos, two_actions_each

FEATURES = [video.astype(np.float32) for video in small_videos(12)]


def survey_of(features=FEATURES, *, n_frames=24, seed=0):
    rng = np.random.RandomState(seed)
    model = Model(nn.Identity())
    return Survey.of(model, features, n_frames, torch.device("cpu"), rng)


def test_frames_are_unit_vectors_in_any_scale():
    survey, scale = survey_of(), np.arange(1.0, 6.0)
    torch.testing.assert_close(survey.embeddings, unit(survey.batch.frames))
    seen = survey.seen_by(scale)
    scaled = survey.batch.frames * torch.from_numpy(scale).float()
    torch.testing.assert_close(seen.embeddings, unit(scaled))
    assert seen.batch is survey.batch
    assert seen.order is survey.order


def test_order_is_asked_of_two_videos_or_more():
    alone, several = survey_of(FEATURES[:1]), survey_of()
    assert alone.order is None
    assert alone.in_order
    assert several.order.n_frames == int(np.median([len(v) for v in FEATURES]))
    for value in (0.0, 0.5):
        order = replace(several.order, value=value, error=0.1)
        assert replace(several, order=order).in_order is bool(value)


def test_frames_of_the_same_pairs_are_matched_whatever_the_seed():
    # Of twelve videos, 40 of 66 pairs are drawn.
    one, other = survey_of(seed=0).matches, survey_of(seed=1).matches
    np.testing.assert_array_equal(one.frames, other.frames)
    np.testing.assert_array_equal(one.free, other.free)


def test_numbers_are_compared_anywhere_where_pairs_have_little_in_common(monkeypatch):
    videos, labels = two_actions_each(8)
    survey = survey_of(videos, n_frames=40)
    no = replace(survey.order, value=0.0, error=0.01, n_frames=60)
    found = replace(survey, order=no).matches_to_count
    np.testing.assert_array_equal(found.frames, np.arange(8 * 40))
    codes = np.concatenate(labels)
    np.testing.assert_array_equal(codes[found.free], codes)
    assert (found.free // 40 != found.frames // 40).all()
    undecided = replace(survey, order=replace(no, error=0.2))
    assert undecided.matches_to_count is undecided.matches
    three = survey_of(two_actions_each(3)[0])
    three = replace(three, order=no)
    assert three.matches_to_count is three.matches
    monkeypatch.setattr(_survey, "is_clear_anywhere", lambda *_: False)
    again = replace(survey, order=no)
    assert again.matches_to_count is again.matches
