"""What a few labels give, and what others make of them."""

import re
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks import labels
from skvas.datasets import make_videos


@pytest.mark.parametrize("method", ["k-NN, whitened", "logistic, embedding"])
def test_rivals_tell_classes_of_few_frames_apart(method):
    frames = np.array([[0.0, 0.0], [0.9, 0.0], [1.0, 0.0], [0.0, 0.1]])
    fit = SimpleNamespace(features=[frames], embedding=[frames], lengths=[4])
    (found,) = labels.METHODS[method](fit, [np.array([0, 1, 1, -1])])
    assert found.tolist() == [0, 1, 1, 0]


def test_rivals_see_unseen_videos_in_the_embedding_that_they_learned_in(monkeypatch):
    data = make_videos(3, n_actions=3, n_frames=(30, 40), random_state=0)
    seen = {}

    def note(fit, y, **_):
        seen["frames"] = [*fit.embedding], [*fit.features]
        return [np.zeros(n, dtype=int) for n in fit.lengths]

    monkeypatch.setattr(labels, "METHODS", dict.fromkeys(labels.METHODS, note))
    twice = [video for video in data.videos for _ in range(2)]
    labels._unseen(twice, [codes for codes in data.labels for _ in range(2)])
    for frames in seen["frames"]:
        for one, other in zip(frames[:3], frames[3:], strict=True):
            np.testing.assert_allclose(one, other, atol=1e-5)


def test_rows_of_methods_that_are_not_measured_again_stay(tmp_path, monkeypatch):
    monkeypatch.setattr(labels, "_saved", lambda *_: [])  # the rest is quicker
    monkeypatch.setattr(labels, "_unseen", lambda *_: {})
    data = make_videos(3, n_actions=3, n_frames=(30, 40), random_state=0)
    earlier = {"named": {"skvas": {"1 videos": [0.75]}}}
    found = labels.measure(data, 1, ["k-NN, whitened"])
    found = labels._beside(found, earlier)
    labels.write(tmp_path, {"sets": {"made": found}})
    table = (tmp_path / "labels.md").read_text(encoding="utf-8")
    assert "\n| | 1 videos | " in table
    assert "\n| skvas | 0.750 |" in table
    assert re.search(r"\n\| k-NN, whitened \| \d", table)
    assert "Of an earlier run: skvas." in table
