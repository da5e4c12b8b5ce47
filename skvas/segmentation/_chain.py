"""A hidden Markov model of actions, whose shares and durations the videos tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from skvas.videos._succession import (
    LEAST_VARIANCE,
    evidence_of_frame,
    forward_backward,
    mean_frames,
    thin_out,
    transitions,
)

# Rounds of expectation and maximisation at most; fewer where no probability moves more.
N_ROUNDS, MOVED = 20, 1e-3
# What is expected of a segment before any was seen: its share of the video, and how
# many segments this is worth. Frames that each action has before any was seen.
EXPECTED_DURATION, EXPECTED_SEGMENTS, EXPECTED_FRAMES = 0.02, 2.0, 1.0
# Share by which the scatter within actions is widened, as it was fitted to the frames
# that it judges.
WIDENED = 0.05


@dataclass(frozen=True)
class ActionChain:
    """Actions as states of a Markov chain, with Gaussian frames of one common scatter.

    Nothing holds actions to equal shares of a video: they may be rare, lacking, or
    come back many times.

    Attributes
    ----------
    means : ndarray of shape (K, D)
        Mean frame of each action.
    variances : ndarray of shape (D,)
        Variance of frames about the mean of their action.
    shares : ndarray of shape (K,)
        Share of all frames that each action has.
    durations : ndarray of shape (K,)
        Mean duration of a segment of each action, as a share of the video.
    correlated : float
        Share of a video over which neighbouring frames say the same.
    correlations : ndarray of shape (D,)
        The same of each number of the frames, which tells the less of actions.
    constant : float, default=0
        What stands beside the features of a frame before it is scaled to length one,
        so that it also tells how far out the frame is. 0: frames are as plans see them.
    """

    means: np.ndarray
    variances: np.ndarray
    shares: np.ndarray
    durations: np.ndarray
    correlated: float
    correlations: np.ndarray
    constant: float = 0.0

    @classmethod
    def learn(
        cls,
        frames: Sequence[np.ndarray],
        shares: Sequence[np.ndarray],
        correlated: float,
        correlations: np.ndarray | None = None,
    ) -> ActionChain:
        """Learn the model from a first guess, by expectation and maximisation.

        Parameters
        ----------
        frames : sequence of ndarray of shape (n_i, D)
            Unit frames of each video.
        shares : sequence of ndarray of shape (n_i, K)
            First guess of how frames are shared out among actions; rows sum to 1.
        correlated : float
            Share of a video over which neighbouring frames say the same.
        correlations : ndarray of shape (D,), default=None
            The same of each number of the frames. None: `correlated` for all.

        Returns
        -------
        ActionChain
        """
        thin, guess = thin_out(frames), thin_out(shares)
        if correlations is None:
            correlations = np.full(thin[0].shape[1], correlated)
        apart = correlated, correlations
        durations = np.full(guess[0].shape[1], EXPECTED_DURATION)
        model = cls._fitted(thin, guess, durations, *apart)
        for _ in range(N_ROUNDS):
            found, leaves = model._expect(thin)
            durations = _mean_durations(found, leaves)
            model = cls._fitted(thin, found, durations, *apart)
            pairs = zip(found, guess, strict=True)
            if max(float(np.abs(new - old).max()) for new, old in pairs) < MOVED:
                break
            guess = found
        return model

    def posteriors(self, frames: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return the probability of each action at each frame, (n_i, K).

        Parameters
        ----------
        frames : sequence of ndarray of shape (n_i, D)
            Unit frames of each video.
        """
        found, _ = self._expect([np.asarray(x, dtype=np.float64) for x in frames])
        return found

    @classmethod
    def _fitted(
        cls,
        frames: list[np.ndarray],
        shares: list[np.ndarray],
        durations: np.ndarray,
        correlated: float,
        correlations: np.ndarray,
    ) -> ActionChain:
        """Return the model of most likelihood where frames are shared out."""
        mass, means = mean_frames(frames, shares)
        squares = np.sum([np.einsum("nd,nd->d", x, x) for x in frames], axis=0)
        within = (squares - mass @ means**2) / mass.sum()
        variances = (1 + WIDENED) * np.maximum(within, 0) + LEAST_VARIANCE
        spoken = EXPECTED_FRAMES + np.sum(
            [evidence_of_frame(len(s), correlated) * s.sum(axis=0) for s in shares],
            axis=0,
        )
        learned = means, variances, spoken / spoken.sum(), durations
        return cls(*learned, correlated, correlations)

    def _expect(
        self, frames: list[np.ndarray]
    ) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Return posteriors of videos, (n_i, K), and how often actions end, (K,)."""
        likelihoods = [self._likelihoods(video) for video in frames]
        steps = [self._transitions(len(video)) for video in frames]
        found, staying = forward_backward(likelihoods, steps, self.shares)
        pairs = zip(found, staying, strict=True)
        return found, [row[:-1].sum(axis=0) - stays for row, stays in pairs]

    def _likelihoods(self, video: np.ndarray) -> np.ndarray:
        """Return likelihoods of the frames, (n, K), the largest of each being 1."""
        worth = evidence_of_frame(len(video), self.correlations)
        scaled = worth * self.means / self.variances
        log = video @ scaled.T - 0.5 * (scaled * self.means).sum(axis=1)
        found: np.ndarray = np.exp(log - log.max(axis=1, keepdims=True))
        return found

    def _transitions(self, n_frames: int) -> np.ndarray:
        """Return the probability of each action after each, (K, K)."""
        follow = np.tile(self.shares, (len(self.means), 1))
        return transitions(follow, self.durations, n_frames)


def _mean_durations(shares: list[np.ndarray], leaves: list[np.ndarray]) -> np.ndarray:
    """Return the mean duration of a segment of each action, as a share of a video."""
    spent = np.sum([share.mean(axis=0) for share in shares], axis=0)
    ended = np.sum([share[-1] for share in shares], axis=0) + np.sum(leaves, axis=0)
    found: np.ndarray = (spent + EXPECTED_SEGMENTS * EXPECTED_DURATION) / (
        ended + EXPECTED_SEGMENTS
    )
    return found
