"""How much of what was found is found again by halves of the videos."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from skvas.segmentation._labeller import BaseLabeller, Labeller
from skvas.videos._frames import sample_videos
from skvas.videos._views import Views

# Times that the videos are halved; two videos, once.
N_HALVINGS = 2


@dataclass(frozen=True)
class FoundAgain:
    """How often halves of the videos lead to the labels that all of them led to.

    Parameters
    ----------
    share : float
        Share of frames that are labelled alike from the half that lacks them.
    of_actions : list of float or None
        The same of the frames of each action; None where it has none.
    """

    share: float
    of_actions: list[float | None]


def find_again(
    views: Views,
    labels: Sequence[np.ndarray],
    n_actions: int,
    learn: Callable[[Views], BaseLabeller],
) -> FoundAgain:
    """Label each video by what is learned from halves of the videos that lack it.

    Actions that were learned from a half are matched one to one with those that are
    known, by the frames of all videos that they share. Of more than 128 videos, a
    sample of as many is looked at.

    Parameters
    ----------
    views : Views
        Two videos or more.
    labels : sequence of int64 ndarray of shape (n_i,)
        The action of each of their frames, as all videos led to it.
    n_actions : int
        Number of actions.
    learn : callable
        Finds as many actions in some of the videos.
    """
    where = sample_videos(len(labels))
    views, labels = views.choose(where), [labels[i] for i in where]
    rng = np.random.RandomState(0)  # the same halves whatever the seed
    n, counts = len(labels), np.zeros((n_actions, 2), dtype=np.int64)
    for _ in range(N_HALVINGS if n > 2 else 1):
        is_first = np.zeros(n, dtype=bool)
        is_first[rng.permutation(n)[: n // 2]] = True
        for half in (is_first, ~is_first):
            found = learn(views.choose(np.flatnonzero(half))).labels(views)
            tables = [
                _tabulate(*pair, n_actions) for pair in zip(labels, found, strict=True)
            ]
            partners = linear_sum_assignment(np.sum(tables, axis=0), maximize=True)[1]
            others = np.sum([tables[i] for i in np.flatnonzero(~half)], axis=0)
            counts[:, 0] += others[np.arange(n_actions), partners]
            counts[:, 1] += others.sum(axis=1)
    alike, seen = counts.T
    return FoundAgain(
        float(alike.sum() / seen.sum()),
        [float(a / s) if s else None for a, s in zip(alike, seen, strict=True)],
    )


def _tabulate(one: np.ndarray, other: np.ndarray, n_actions: int) -> np.ndarray:
    """Count the frames of each pair of actions, (K, K)."""
    pairs = np.bincount(one * n_actions + other, minlength=n_actions**2)
    return pairs.reshape(n_actions, n_actions)


@dataclass(frozen=True)
class DoubtingLabeller:
    r"""Labels frames as another labeller does, but is less sure of it.

    With probability r the other labeller is right, and else nothing is known: a share s
    becomes :math:`r s + (1 - r) / K`.

    Parameters
    ----------
    base : Labeller
        Labels frames.
    found_again : float
        The probability r.
    """

    base: Labeller
    found_again: float

    def labels(self, views: Views) -> list[np.ndarray]:
        """Return the action of each frame, (n_i,)."""
        return self.base.labels(views)

    def shares(self, views: Views) -> list[np.ndarray]:
        """Return how each frame is shared out among the actions, (n_i, K)."""
        return [self._doubt(shares) for shares in self.base.shares(views)]

    def labels_and_shares(
        self, views: Views
    ) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Return what `labels` and `shares` do, with no work done twice."""
        found, shares = self.base.labels_and_shares(views)
        return found, [self._doubt(video) for video in shares]

    def _doubt(self, shares: np.ndarray) -> np.ndarray:
        doubted: np.ndarray = self.found_again * shares
        doubted += (1 - self.found_again) / shares.shape[1]
        return doubted
