"""Models are the same where integers of NumPy have 32 bits, and are read elsewhere."""

from __future__ import annotations

import numpy as np
import pytest

import skvas
from tests.models import (
    ESTIMATORS,
    SEGMENTERS,
    assert_same_outputs,
    outputs,
    quick,
    small_videos,
)
from tests.short_integers import shorten_integers

VIDEOS = small_videos()


@pytest.mark.parametrize("cls", ESTIMATORS)
def test_model_of_short_integers_is_saved_and_read(cls, tmp_path, monkeypatch):
    expected = outputs(quick(cls).fit(VIDEOS), VIDEOS)
    with monkeypatch.context() as patch:
        shorten_integers(patch)
        model = quick(cls).fit(VIDEOS)
        assert_same_outputs(outputs(model, VIDEOS), expected)
        model.save(tmp_path / "model")
        assert_same_outputs(outputs(skvas.load(tmp_path / "model"), VIDEOS), expected)
    assert_same_outputs(outputs(skvas.load(tmp_path / "model"), VIDEOS), expected)


@pytest.mark.parametrize("cls", SEGMENTERS)
def test_labels_are_learned_with_short_integers(cls, tmp_path, monkeypatch):
    y = [np.repeat(["a", "b", "c"], 10), *[None] * (len(VIDEOS) - 1)]
    expected = outputs(quick(cls).fit(VIDEOS, y), VIDEOS)
    with monkeypatch.context() as patch:
        shorten_integers(patch)
        model = quick(cls).fit(VIDEOS, y)
        model.save(tmp_path / "model")
    assert_same_outputs(outputs(skvas.load(tmp_path / "model"), VIDEOS), expected)


def test_anchors_are_learned_with_short_integers(tmp_path, monkeypatch):
    anchors = {(0, 1): [(5, 7), (12, 11)]}
    with monkeypatch.context() as patch:
        shorten_integers(patch)
        model = quick(skvas.VideoAligner).fit(VIDEOS, anchors=anchors)
        model.save(tmp_path / "model")
    expected = quick(skvas.VideoAligner).fit(VIDEOS, anchors=anchors)
    found = skvas.load(tmp_path / "model")
    assert_same_outputs(outputs(found, VIDEOS), outputs(expected, VIDEOS))
