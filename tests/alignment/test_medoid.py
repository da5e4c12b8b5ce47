from types import SimpleNamespace

import numpy as np
import pytest
import torch

from skvas.alignment import _matcher
from skvas.alignment._matcher import medoid, medoid_partners


class Apart:
    """Stands for an alignment: what two videos cost is how far they are apart."""

    def solve(self, x, y, batch_x, batch_y):
        apart = (x[:, 0] - y[:, 0]).abs().sum(dim=1)
        return SimpleNamespace(objective=apart)


def find(places, rng):
    videos = [np.full((3 + i % 4, 1), place) for i, place in enumerate(places)]
    others = medoid_partners(len(videos), rng)
    return medoid(videos, Apart(), torch.device("cpu"), others)


@pytest.mark.parametrize("n_pairs", [16, 50, 512])
@pytest.mark.parametrize("n_videos", [2, 5, 16, 40])
def test_medoid_is_nearest_to_the_others(n_videos, n_pairs, monkeypatch):
    monkeypatch.setattr(_matcher, "MEDOID_PAIRS", n_pairs)
    for seed in range(5):
        places = np.random.default_rng(seed).random(n_videos).round(2)
        others = np.arange(n_videos)
        if n_videos > _matcher.MEDOID_VIDEOS:
            drawn = np.random.RandomState(seed).permutation(n_videos)
            others = drawn[: _matcher.MEDOID_VIDEOS]
        costs = [
            np.mean([abs(places[i] - places[j]) for j in others if j != i])
            for i in range(n_videos)
        ]
        found = find(places, np.random.RandomState(seed))
        assert costs[found] == pytest.approx(min(costs))


def test_lone_video_is_its_own_medoid():
    assert find([0.5], np.random.RandomState(0)) == 0
