"""How much of what was found is found again by halves of the videos."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from skvas._printing import tell, unheard
from skvas.labels._doubt import doubt_for, lower
from skvas.metrics._compare import match_clusters
from skvas.segmentation._labeller import BaseLabeller, Labeller, directions
from skvas.videos._views import Views

# Videos that are halved, at most.
ASKED = 40


@dataclass(frozen=True)
class FoundAgain:
    """How often halves of the videos lead to the labels that all of them led to.

    Parameters
    ----------
    share : float
        Share of frames that are labelled alike from the half that lacks them.
    of_actions : list of float or None
        The same of the frames of each action; None where it has none.
    doubt : float
        Weight of equal shares beside those of the actions, with which the most probable
        action has a share of `share` on average; 0 where that is no less by itself.
    """

    share: float
    of_actions: list[float | None]
    doubt: float


def find_again(
    base: BaseLabeller,
    labels: Sequence[np.ndarray],
    views: Views,
    learn: Callable[[Views], BaseLabeller],
) -> FoundAgain:
    """Label each video by what is learned from halves of the videos that lack it.

    Actions that were learned from a half are matched one to one with those that are
    known, by the frames of all videos that they share. Of more than 40 videos, as many
    are drawn.

    Parameters
    ----------
    base : BaseLabeller
        What all videos led to.
    labels : sequence of int64 ndarray of shape (n_i,)
        The action of each frame.
    views : Views
        The videos, two or more.
    learn : callable
        Finds as many actions in some of the videos, whose embeddings are their features
        as they are before training.
    """
    rng = np.random.RandomState(0)  # the same halves whatever the features
    where = np.sort(rng.permutation(len(labels))[:ASKED])
    views, labels = views.choose(where), [labels[i] for i in where]
    untrained = replace(views, embed=directions)
    n, n_actions = len(labels), len(base.actions)
    is_first = np.zeros(n, dtype=bool)
    is_first[rng.permutation(n)[: n // 2]] = True
    every = np.concatenate(labels)
    seen, alike = np.bincount(every, minlength=n_actions), np.zeros(n_actions)
    tell("asking halves of the recordings")
    with unheard():
        for half in (is_first, ~is_first):
            learned = learn(untrained.choose(np.flatnonzero(half)))
            found = learned.labels(untrained)
            partners = np.full(n_actions, -1)
            actions, matched = match_clusters(every, np.concatenate(found), n_actions)
            partners[actions] = matched
            for i in np.flatnonzero(~half):
                again = labels[i][partners[labels[i]] == found[i]]
                alike += np.bincount(again, minlength=n_actions)
        largest = np.concatenate([s.max(axis=1) for s in base.shares(views)])
    share = float(alike.sum() / seen.sum())
    return FoundAgain(
        share,
        [float(a / s) if s else None for a, s in zip(alike, seen, strict=True)],
        doubt_for(float(largest.mean()), share, n_actions),
    )


@dataclass(frozen=True)
class DoubtingLabeller:
    r"""Labels frames as another labeller does, but is less sure of it.

    A share s becomes :math:`(1 - d) s + d / K`.

    Parameters
    ----------
    base : Labeller
        Labels frames.
    doubt : float
        The weight d of equal shares.
    n_actions : int
        Number K of actions.
    """

    base: Labeller
    doubt: float
    n_actions: int

    def labels(self, views: Views) -> list[np.ndarray]:
        """Return the action of each frame, (n_i,)."""
        return self.base.labels(views)

    def shares(self, views: Views) -> list[np.ndarray]:
        """Return how each frame is shared out among the actions, (n_i, K)."""
        return [self.lower(shares) for shares in self.base.shares(views)]

    def labels_and_shares(
        self, views: Views
    ) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Return what `labels` and `shares` do, with no work done twice."""
        found, shares = self.base.labels_and_shares(views)
        return found, [self.lower(video) for video in shares]

    def lower(self, shares: np.ndarray) -> np.ndarray:
        """Return the shares with equal ones beside them."""
        return lower(shares, self.doubt, self.n_actions)
