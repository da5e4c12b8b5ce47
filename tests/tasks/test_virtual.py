"""The virtual frame, by numbers and by quantiles of the costs, against NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from skvas.exceptions import InvalidParameterError
from skvas.tasks import _virtual
from skvas.tasks._virtual import Quantile, VirtualFrame, parse_quantile
from skvas.videos._batch import VideoBatch

LENGTHS = ([7, 4, 5], [6, 6, 3])


def batches():
    return [
        VideoBatch(torch.zeros(3, max(sizes), 1), torch.tensor(sizes))
        for sizes in LENGTHS
    ]


def random_costs(seed=0):
    """Return costs (3, 7, 6), whose padded entries are far off."""
    cost = np.random.default_rng(seed).uniform(0, 2, (3, 7, 6))
    for pair, n, m in zip(cost, *LENGTHS, strict=True):
        pair[n:] = pair[:, m:] = -100
    return torch.from_numpy(cost)


def real_parts(cost):
    return [pair[:n, :m].numpy() for pair, n, m in zip(cost, *LENGTHS, strict=True)]


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_quantile_is_that_of_the_costs_between_real_frames(share):
    cost = random_costs()
    joined, _, _ = VirtualFrame(Quantile(share), None).join(cost, *batches())
    expected = [np.quantile(part, share) for part in real_parts(cost)]
    np.testing.assert_allclose(joined[:, 0, 0], expected)
    np.testing.assert_allclose(joined[:, 3, 0], expected)
    assert (joined[:, 1:, 1:] == cost).all()


def test_quantile_of_long_videos_is_that_of_evenly_spread_frames(monkeypatch):
    cost = random_costs()
    monkeypatch.setattr(_virtual, "QUANTILE_FRAMES", 3)
    joined, _, _ = VirtualFrame(Quantile(0.5), None).join(cost, *batches())
    spread = {7: [1, 3, 5], 4: [0, 2, 3], 5: [0, 2, 4], 6: [1, 3, 5], 3: [0, 1, 2]}
    expected = [
        np.median(pair[np.ix_(spread[n], spread[m])])
        for pair, n, m in zip(cost.numpy(), *LENGTHS, strict=True)
    ]
    np.testing.assert_allclose(joined[:, 0, 0], expected)


def test_mass_is_the_share_of_frames_whose_cheapest_partner_costs_more():
    cost = random_costs(1)
    _, p, q = VirtualFrame(0.5, Quantile(0.2)).join(cost, *batches())
    for b, part in enumerate(real_parts(cost)):
        limit = np.quantile(part, 0.2)
        unmatched = [
            max((part.min(axis=axis) > limit).sum(), 1) / part.shape[1 - axis]
            for axis in (1, 0)
        ]
        for masses, n in ((p[b], part.shape[0]), (q[b], part.shape[1])):
            assert (masses[n + 1 :] == 0).all()
            np.testing.assert_allclose(masses[1 : n + 1], masses[1])
            np.testing.assert_allclose(masses.sum(), 1)
        # The virtual frame of each video takes what is unmatched of the other one.
        np.testing.assert_allclose(q[b, 0] / (1 - p[b, 0]), unmatched[0])
        np.testing.assert_allclose(p[b, 0] / (1 - q[b, 0]), unmatched[1])


def test_mass_of_frames_of_one_video_goes_to_the_virtual_frame_of_the_other():
    x, y = np.eye(4)[[0, 1, 2, 2, 2, 2]], np.eye(4)[[0, 1]]  # four lack a partner
    cost = torch.from_numpy(1 - x @ y.T)[None]
    sizes = [VideoBatch(torch.zeros(1, n, 1), torch.tensor([n])) for n in (6, 2)]
    _, p, q = VirtualFrame(0.5, Quantile(0.1)).join(cost, *sizes)
    a, b = 4 / 6, 1 / 2  # of y one frame, at least
    np.testing.assert_allclose(p[0, 0], b * (1 - a) / (1 - a * b))
    np.testing.assert_allclose(q[0, 0], a * (1 - b) / (1 - a * b))


def test_one_frame_at_least_may_go_unmatched():
    cost = torch.eye(3)[None].repeat(3, 1, 1)
    batch = VideoBatch(torch.zeros(3, 3, 1), torch.tensor([3, 3, 3]))
    _, p, _ = VirtualFrame(0.5, Quantile(0.9)).join(cost, batch, batch)
    np.testing.assert_allclose(p, 1 / 4)  # of three frames, and the virtual one


@pytest.mark.parametrize(
    ("text", "share"), [("30%", 0.3), (" 2.5 % ", 0.025), ("99.9%", 0.999)]
)
def test_percentages_are_quantiles(text, share):
    assert parse_quantile("zeta", text) == Quantile(pytest.approx(share))


def test_numbers_stay_numbers():
    assert parse_quantile("zeta", 0.7) == 0.7


@pytest.mark.parametrize("value", ["", "30", "0%", "100%", "half", "-3%", "1e1%", "%"])
def test_other_texts_are_refused_by_name(value):
    with pytest.raises(InvalidParameterError, match=r"zeta must be .*30%"):
        parse_quantile("zeta", value)
