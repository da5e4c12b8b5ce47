"""Which actions recordings usually have, how often, and which comes before which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from skvas.decoding import Segment, join_equal, labels_to_segments

# What is so in more than this share of the recordings is usual.
USUALLY = 0.8
# Runs of frames shorter than this share of the median of their action are no steps.
MIN_SHARE = 0.3
# An order holds where recordings that it was not learned from break so few pairs of it.
MOST_BROKEN = 0.1
# An action that is done again is worth a warning where fewer of the recordings that
# have it do it again. Each action counts as many recordings more, like those of all
# actions; of fewer recordings nothing is said.
MOST_AGAIN, POOLED, FEWEST = 0.15, 10.0, 5
# Of no action it is where more than this share of the recordings do any again.
MOST_DO_AGAIN = 0.5
# So many times are never too many.
ALWAYS = 1e9


@dataclass(frozen=True)
class Usual:
    """What is usual of the actions of a collection.

    Attributes
    ----------
    had : ndarray of shape (n_actions,)
        Share of the recordings that have each action, as far as so many tell it.
    most_often : ndarray of shape (n_actions,)
        How many times a recording usually has the action, at most.
    earlier : bool ndarray of shape (n_actions, n_actions)
        Which action usually comes before which, by the first time of each.
    shortest : ndarray of shape (n_actions,)
        The fewest frames of a step of each action.
    """

    had: np.ndarray
    most_often: np.ndarray
    earlier: np.ndarray
    shortest: np.ndarray

    @classmethod
    def of(cls, labels: Sequence[np.ndarray], n_actions: int) -> Usual:
        """Learn from the action of each frame of some recordings.

        Parameters
        ----------
        labels : sequence of int64 ndarray of shape (n_i,)
            The action of each frame.
        n_actions : int
            Number of actions.
        """
        often = np.zeros((len(labels), n_actions))
        starts = np.full((len(labels), n_actions), np.inf)
        shortest = np.full(n_actions, np.inf)
        for number, steps in enumerate(_steps(labels, n_actions)):
            for step in steps:
                action = step.label
                often[number, action] += 1
                starts[number, action] = min(starts[number, action], step.start)
                shortest[action] = min(shortest[action], step.end - step.start)
        most_often = _most_often(often)
        return cls(
            shares((often > 0).sum(axis=0), len(labels)),
            most_often,
            _earlier(starts, most_often == ALWAYS),
            np.where(np.isfinite(shortest), shortest, 1.0),
        )


def shares(counts: np.ndarray, n: np.ndarray | float) -> np.ndarray:
    """Return shares of `n` recordings, as far as so many tell them.

    By the rule of succession: of few, no share is near 0 or 1.
    """
    found: np.ndarray = (counts + 1) / (n + 2)
    return found


def _steps(labels: Sequence[np.ndarray], n_actions: int) -> list[list[Segment]]:
    """Return the runs of each recording that are long enough for steps."""
    videos = [labels_to_segments(video) for video in labels]
    lasted: list[list[int]] = [[] for _ in range(n_actions)]
    for run in (run for runs in videos for run in runs):
        lasted[run.label].append(run.end - run.start)
    # The median over frames, of which runs that are no steps have few.
    least = [
        MIN_SHARE * np.median(np.repeat(frames, frames)) if frames else 0.0
        for frames in lasted
    ]
    kept = [[r for r in runs if r.end - r.start >= least[r.label]] for runs in videos]
    return [join_equal(runs) for runs in kept]


def _most_often(often: np.ndarray) -> np.ndarray:
    """Return how many times each action is done at most, where that is usual."""
    done = [times[times > 0] for times in often.T]
    usual = np.array([max(1, int(np.median(d))) if len(d) else 1 for d in done])
    is_more = often > usual
    if is_more.any(axis=1).mean() > MOST_DO_AGAIN:
        return np.full(len(usual), ALWAYS)
    more = is_more.sum(axis=0)
    known = np.array([len(d) for d in done])
    pooled = shares(more.sum(), known.sum())
    rates = (more + POOLED * pooled) / (known + POOLED)
    return np.where((known >= FEWEST) & (rates < MOST_AGAIN), usual, ALWAYS)


def _earlier(starts: np.ndarray, recurs: np.ndarray) -> np.ndarray:
    """Return which action usually comes before which, (n_actions, n_actions).

    None does where recordings break the order that all others have. Which of two
    actions that recur comes first says nothing.
    """
    known = np.isfinite(starts)
    both = known[:, :, None] & known[:, None, :] & ~(recurs[:, None] & recurs)
    forth = both & (starts[:, :, None] < starts[:, None, :])
    back = forth.transpose(0, 2, 1)
    n_forth, n_both = forth.sum(axis=0), both.sum(axis=0)
    right = wrong = 0
    for number in range(len(starts)):
        others = shares(n_forth - forth[number], n_both - both[number]) > USUALLY
        right += int((others & forth[number]).sum())
        wrong += int((others & back[number]).sum())
    holds = right > 0 and wrong <= MOST_BROKEN * (right + wrong)
    found: np.ndarray = holds & (shares(n_forth, n_both) > USUALLY)
    return found
