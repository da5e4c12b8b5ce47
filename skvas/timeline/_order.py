"""Whether videos share an order: each video, and the average of others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from skvas._on_demand import choose
from skvas.metrics._order import NO_ROOM, path_cost
from skvas.timeline._average import average, medoid
from skvas.videos._frames import spread

# Videos that are compared, at most, in so many groups at most: each group with the
# average of all others.
COMPARED, N_GROUPS = 64, 8
# Evenly spread frames of each video that are looked at.
ORDER_FRAMES = 128
# The null cuts the average at so many places of its middle half, one after the other,
# and swaps both blocks. More blocks would break up few long actions.
N_CUTS = 9
# Videos share an order, or do not, where the value is more than one standard error from
# the level: those with a shared order have .15 to .8, others up to .2.
LEVEL = 0.25
# Two videos have no standard error. Pairs of recordings that share no order have up to
# .40, of made ones .7 at most, in one of thirty more than this.
SURE_OF_TWO = 0.5


@dataclass(frozen=True)
class BlockOrder:
    """How much better videos match others in their own order than with blocks swapped.

    Attributes
    ----------
    value : float
        Mean over videos, each matched with the average of others: 1 where a path that
        keeps the order matches as closely as free choice does, 0 where it does no
        better than one through an average of which two blocks were swapped.
    error : float
        Standard error of the mean; infinite for two videos, which have a verdict only
        if the value is more than .5.
    n_videos : int
        Videos that were compared with the average of others.

    Examples
    --------
    >>> from skvas.timeline import BlockOrder
    >>> BlockOrder(0.4, 0.02, 20).verdict, BlockOrder(0.25, 0.01, 20).verdict
    ('yes', 'undecided')
    """

    value: float
    error: float
    n_videos: int

    @property
    def verdict(self) -> str:
        """Whether the videos share an order: "yes", "no" or "undecided"."""
        if np.isinf(self.error):
            return "yes" if self.value > SURE_OF_TWO else "undecided"
        if self.value - self.error > LEVEL:
            return "yes"
        return "no" if self.value + self.error < LEVEL else "undecided"


def block_order(videos: Sequence[np.ndarray], rng: np.random.RandomState) -> BlockOrder:
    """Measure how much the order of other videos tells of each.

    What is a person's own averages out of the others, so that few pairs of videos may
    match in order and all of them still share it.

    Parameters
    ----------
    videos : sequence of ndarray of shape (n_i, D)
        Unit frames of at least two videos.
    rng : RandomState
        Draws the videos and the groups.

    Returns
    -------
    BlockOrder
    """
    drawn = rng.permutation(len(videos))[:COMPARED]
    thin = [video[spread(len(video), ORDER_FRAMES)] for video in choose(videos, drawn)]
    n_videos, centre = len(thin), medoid(thin)
    values = []
    for group in np.array_split(np.arange(n_videos), min(n_videos, N_GROUPS)):
        others = choose(thin, np.delete(np.arange(n_videos), group))
        start = others[medoid(others)] if centre in group else thin[centre]
        template = average(others, start, np.inf)
        values += [gain_of_order(1 - thin[i] @ template.T) for i in group]
    error = np.inf if n_videos == 2 else np.std(values, ddof=1) / np.sqrt(n_videos)
    return BlockOrder(float(np.mean(values)), float(error), n_videos)


def gain_of_order(cost: np.ndarray) -> float:
    r"""Compare a monotone path with one through swapped blocks.

    With the mean costs of rows along the path (:math:`m`), along paths through columns
    of which two blocks were swapped (:math:`r`) and at their cheapest columns
    (:math:`n`), the gain is :math:`(r - m) / (r - n)`.

    Parameters
    ----------
    cost : ndarray of shape (N, M)
        Cost of matching frames of a video and of others' average.

    Returns
    -------
    float
        At most 1; about 0 where the order tells nothing.
    """
    n_columns = cost.shape[1]
    cuts = np.linspace(n_columns / 4, 3 * n_columns / 4, N_CUTS).astype(int)
    null = float(np.mean([path_cost(np.roll(cost, -cut, axis=1)) for cut in cuts]))
    room = null - float(cost.min(axis=1).mean())
    return (null - path_cost(cost)) / room if room > NO_ROOM else 0.0
