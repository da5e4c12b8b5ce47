"""What a scripted annotator does, and what is counted."""

from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from benchmarks import annotator
from benchmarks.labels import Fit
from skvas.datasets import make_videos


class Session:
    """Three wrong boundaries, of two edits each; the score rises with every one."""

    scores = (0.9, 0.97, 0.985, 1.0)

    def __init__(self, *_):
        self.looks = 0

    def boundaries(self):
        return [(0.0, 0, (0, 1))]

    def look(self, video, window):
        self.looks += 1
        return 2

    def score(self):
        return self.scores[self.looks]


@pytest.mark.parametrize("order", ["least certain", "random"])
def test_scores_are_those_after_the_edits_beside_them(order, monkeypatch):
    monkeypatch.setattr(annotator, "Session", Session)
    way = annotator.Way(order=order)
    found = annotator.annotate(None, {}, way, np.random.RandomState(0))
    assert found["edits"] == 6
    for goal, n_edits in ((0.9, 0), (0.97, 2), (0.98, 4), (1, 6)):
        assert next(n for n, f1 in found["curve"] if f1 >= goal) == n_edits


def test_what_somebody_saw_is_known_to_the_next_fit():
    data = make_videos(3, n_actions=3, n_frames=(30, 40), random_state=0)
    fit = Fit(data.videos, data.labels, seed=0)
    session = annotator.Session(fit, annotator.call(fit), annotator.mean_share)
    session.labels[0] = fit.labels[0].copy()
    session.known[0][:] = True
    session.refit()
    assert_array_equal(session.labels[0], fit.labels[0])
    assert all(video > 0 for _, video, _ in session.boundaries())
    assert session.score() > 0.8


def test_actions_that_no_frame_has_keep_their_number():
    labels = np.array([0, 0, 2, 2])
    model = SimpleNamespace(labels_=[labels])
    fit = SimpleNamespace(model=model, labels=[labels], lengths=[4], n_classes=3)
    assert_array_equal(annotator.found(fit)[0], labels)
    assert annotator.call(fit) == {0: 0, 1: 1, 2: 2}
