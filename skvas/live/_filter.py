"""Where a recording is now, and where it was a moment ago."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from skvas.live._chain import Chain
from skvas.videos._stored import check_count, check_probabilities, check_type

# Likelihoods are at least this small beside the largest, in logarithms: beyond, numbers
# would be subnormal, and slow.
LEAST = -300.0
# Frames that cannot be read and are made up for by moves, at most.
CAUGHT_UP = 64


@dataclass(frozen=True)
class Seen:
    """A frame that has no final answer yet.

    Attributes
    ----------
    posterior : ndarray of shape (n_states,)
        Given all frames up to this one.
    likelihood : ndarray of shape (n_states,) or None
        Of the frame itself, up to a factor; None where it could not be read.
    n_moves : int
        Moves between the frame before it and this one.
    """

    posterior: np.ndarray
    likelihood: np.ndarray | None
    n_moves: int


class Filter:
    """A forward recursion over the states of a chain.

    Parameters
    ----------
    chain : Chain
        The states.
    """

    def __init__(self, chain: Chain) -> None:
        self.chain = chain
        self.posterior = chain.start
        self.has_started = False
        self.n_held = 0

    def see(self, scores: np.ndarray) -> Seen:
        """Take in a frame by the log-likelihoods of its classes, (n_classes,)."""
        scores = scores - scores.max()
        likelihood = np.exp(np.maximum(scores, LEAST))[self.chain.classes]
        n_moves = min(self.n_held + 1, CAUGHT_UP) if self.has_started else 0
        predicted = self.posterior
        for _ in range(n_moves):
            predicted = predicted @ self.chain.transitions
        joint = predicted * likelihood
        self.posterior = joint / joint.sum()
        self.has_started, self.n_held = True, 0
        return Seen(self.posterior, likelihood, n_moves)

    def hold(self) -> Seen:
        """Take in a frame that cannot be read: the state stays."""
        self.n_held += 1
        return Seen(self.posterior, None, 0)

    def state(self) -> list[Any]:
        """Return what is known, as numbers and arrays."""
        return [self.posterior, self.has_started, self.n_held]

    def restore(self, state: Any) -> None:
        """Go on from what `state` has returned; a file may hold anything."""
        posterior, has_started, n_held = state
        shape = self.posterior.shape
        self.posterior = check_probabilities("posterior", posterior, shape, np.float64)
        self.has_started = check_type("has_started", has_started, bool)
        self.n_held = check_count("n_held", n_held)


def smooth(seen: list[Seen], transitions: np.ndarray) -> list[np.ndarray]:
    """Return the posteriors of frames given all of them.

    Parameters
    ----------
    seen : list of Seen
        Neighbouring frames, in order.
    transitions : ndarray of shape (n_states, n_states)
        Of the chain.

    Returns
    -------
    list of ndarray of shape (n_states,)
    """
    later = np.ones(len(transitions))
    found = []
    for frame in reversed(seen):
        joint = frame.posterior * later
        found.append(joint / joint.sum())
        if frame.likelihood is not None:
            later = later * frame.likelihood
        for _ in range(frame.n_moves):
            later = transitions @ later
        later = later / later.max()
    return found[::-1]
