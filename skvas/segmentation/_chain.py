"""A hidden Markov model of actions, whose shares and durations the videos tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from skvas.videos._frames import spread_frames

# Videos, and evenly spread frames of each, that the model is learned from at most.
LEARNED_VIDEOS, LEARNED_FRAMES = 256, 512
# Rounds of expectation and maximisation at most; fewer where no probability moves more.
N_ROUNDS, MOVED = 20, 1e-3
# What is expected of a segment before any was seen: its share of the video, and how
# many segments this is worth. Frames that each action has before any was seen.
EXPECTED_DURATION, EXPECTED_SEGMENTS, EXPECTED_FRAMES = 0.02, 2.0, 1.0
# Share by which the scatter within actions is widened, as it was fitted to the frames
# that it judges; and the least variance, of unit frames.
WIDENED, LEAST_VARIANCE = 0.05, 1e-6
# The least mean duration of a segment, in frames.
LEAST_DURATION = 1.5
# Deviations from the mean of an action that are correlated by a half at a lag of one
# frame are worth so many frames less: the sum of the correlations over all lags, where
# a Gaussian filter has smoothed noise.
FRAMES_A_HALF = float(np.sqrt(np.pi / np.log(2)))
TINY = np.finfo(np.float64).tiny


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
    """

    means: np.ndarray
    variances: np.ndarray
    shares: np.ndarray
    durations: np.ndarray
    correlated: float

    @classmethod
    def learn(
        cls,
        frames: Sequence[np.ndarray],
        shares: Sequence[np.ndarray],
        correlated: float,
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

        Returns
        -------
        ActionChain
        """
        thin, guess = _thin(frames), _thin(shares)
        durations = np.full(guess[0].shape[1], EXPECTED_DURATION)
        model = cls._fitted(thin, guess, durations, correlated)
        for _ in range(N_ROUNDS):
            found, leaves = model._expect(thin)
            durations = _mean_durations(found, leaves)
            model = cls._fitted(thin, found, durations, correlated)
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
    ) -> ActionChain:
        """Return the model of most likelihood where frames are shared out."""
        mass, means = _means(frames, shares)
        squares = np.sum([np.einsum("nd,nd->d", x, x) for x in frames], axis=0)
        within = (squares - mass @ means**2) / mass.sum()
        variances = (1 + WIDENED) * np.maximum(within, 0) + LEAST_VARIANCE
        spoken = EXPECTED_FRAMES + np.sum(
            [_evidence_of_frame(len(s), correlated) * s.sum(axis=0) for s in shares],
            axis=0,
        )
        return cls(means, variances, spoken / spoken.sum(), durations, correlated)

    def _expect(
        self, frames: list[np.ndarray]
    ) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Return posteriors of videos, (n_i, K), and how often actions end, (K,)."""
        lengths = np.array([len(video) for video in frames])
        likelihoods = np.ones((len(frames), lengths.max(), len(self.means)))
        for row, video in zip(likelihoods, frames, strict=True):
            row[: len(video)] = self._likelihoods(video)
        transitions = np.stack([self._transitions(length) for length in lengths])
        posteriors, staying = forward_backward(
            likelihoods, transitions, self.shares, lengths
        )
        found = [row[:n] for row, n in zip(posteriors, lengths, strict=True)]
        pairs = zip(found, staying, strict=True)
        return found, [row[:-1].sum(axis=0) - stays for row, stays in pairs]

    def _likelihoods(self, video: np.ndarray) -> np.ndarray:
        """Return likelihoods of the frames, (n, K), the largest of each being 1."""
        scaled = self.means / self.variances
        log = video @ scaled.T - 0.5 * (scaled * self.means).sum(axis=1)
        log -= log.max(axis=1, keepdims=True)
        found: np.ndarray = np.exp(
            log * _evidence_of_frame(len(video), self.correlated)
        )
        return found

    def _transitions(self, n_frames: int) -> np.ndarray:
        """Return the probability of each action after each, (K, K)."""
        n_actions = len(self.means)
        if n_actions == 1:
            return np.ones((1, 1))
        leave = 1 / np.maximum(self.durations * n_frames, LEAST_DURATION)
        found = np.tile(self.shares, (n_actions, 1))
        np.fill_diagonal(found, 0)
        found *= (leave / found.sum(axis=1))[:, None]
        np.fill_diagonal(found, 1 - leave)
        return found


def correlated_share(
    frames: Sequence[np.ndarray], shares: Sequence[np.ndarray]
) -> float:
    """Return the share of a video over which neighbouring frames say the same.

    Smoothed features, and movements within an action, deviate from its mean for many
    frames in turn: a model that counted each of them would see actions everywhere.

    Parameters
    ----------
    frames : sequence of ndarray of shape (n_i, D)
        Unit frames of each video.
    shares : sequence of ndarray of shape (n_i, K)
        How they are shared out among actions.
    """
    frames, shares = _thin(frames), _thin(shares)
    _, means = _means(frames, shares)
    off = [x - means[s.argmax(axis=1)] for x, s in zip(frames, shares, strict=True)]
    variances = np.mean(np.concatenate(off) ** 2, axis=0)
    off = [x / np.sqrt(variances + LEAST_VARIANCE) for x in off]
    total = np.mean(np.concatenate(off) ** 2)
    if total == 0:
        return 0.0
    longest = max(map(len, off))
    at_lag = [1.0]
    while at_lag[-1] > 0.5 and len(at_lag) < longest:
        lag = len(at_lag)
        products = [(x[lag:] * x[:-lag]).mean(axis=1) for x in off if len(x) > lag]
        at_lag.append(float(np.concatenate(products).mean() / total))
    half = np.interp(-0.5, -np.array(at_lag), np.arange(len(at_lag)))
    return float(FRAMES_A_HALF * half / np.median([len(x) for x in off]))


def forward_backward(
    likelihoods: np.ndarray,
    transitions: np.ndarray,
    start: np.ndarray,
    lengths: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Find the posteriors of hidden states by the scaled recursions.

    Parameters
    ----------
    likelihoods : ndarray of shape (B, N, K)
        Of each frame in each state, up to a factor of each frame; 1 where padded.
    transitions : ndarray of shape (B, K, K)
        Probability of each state after each; rows sum to 1.
    start : ndarray of shape (K,)
        Probabilities of the first state.
    lengths : int64 ndarray of shape (B,)
        Real frames of each video.

    Returns
    -------
    posteriors : ndarray of shape (B, N, K)
        Probability of each state at each frame, arbitrary where padded.
    staying : ndarray of shape (B, K)
        Expected number of frames that are followed by another of the same state.
    """
    n_frames = likelihoods.shape[1]
    is_real = np.arange(n_frames) < lengths[:, None]  # (B, N)
    ahead, scale = np.empty_like(likelihoods), np.empty(likelihoods.shape[:2])
    state = start * likelihoods[:, 0]
    for t in range(n_frames):
        if t > 0:
            state = np.matmul(state[:, None], transitions)[:, 0] * likelihoods[:, t]
        scale[:, t] = state.sum(axis=1)
        state = state / scale[:, t, None]
        ahead[:, t] = state
    back = np.ones_like(likelihoods)
    staying = np.zeros_like(state)
    reverse = transitions.transpose(0, 2, 1)
    stay = np.diagonal(transitions, axis1=1, axis2=2)
    for t in range(n_frames - 2, -1, -1):
        real = is_real[:, t + 1, None]
        seen = likelihoods[:, t + 1] * back[:, t + 1] / scale[:, t + 1, None]
        staying += np.where(real, ahead[:, t] * stay * seen, 0)
        back[:, t] = np.where(real, np.matmul(seen[:, None], reverse)[:, 0], 1)
    posteriors = ahead * back
    posteriors /= posteriors.sum(axis=2, keepdims=True)
    return posteriors, staying


def _thin(arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return evenly spread frames of evenly spread videos, double precision."""
    chosen = [arrays[i] for i in spread_frames(len(arrays), LEARNED_VIDEOS)]
    thin = [array[spread_frames(len(array), LEARNED_FRAMES)] for array in chosen]
    return [np.asarray(array, dtype=np.float64) for array in thin]


def _means(
    frames: list[np.ndarray], shares: list[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the number of frames of each action, (K,), and their mean, (K, D)."""
    pairs = zip(shares, frames, strict=True)
    sums = np.sum([share.T @ video for share, video in pairs], axis=0)
    mass: np.ndarray = np.sum([share.sum(axis=0) for share in shares], axis=0)
    return mass, sums / np.maximum(mass, TINY)[:, None]


def _evidence_of_frame(n_frames: int, correlated: float) -> float:
    """Return how many independent frames each frame of a video is worth, at most 1."""
    return 1 / max(1.0, correlated * n_frames)


def _mean_durations(shares: list[np.ndarray], leaves: list[np.ndarray]) -> np.ndarray:
    """Return the mean duration of a segment of each action, as a share of a video."""
    spent = np.sum([share.mean(axis=0) for share in shares], axis=0)
    ended = np.sum([share[-1] for share in shares], axis=0) + np.sum(leaves, axis=0)
    found: np.ndarray = (spent + EXPECTED_SEGMENTS * EXPECTED_DURATION) / (
        ended + EXPECTED_SEGMENTS
    )
    return found
