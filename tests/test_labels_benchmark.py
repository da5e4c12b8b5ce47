"""What a few labels give, and what others make of them."""

import numpy as np

from benchmarks import labels
from skvas.datasets import make_videos


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
