"""Videos as chains of actions: what follows what, and what a frame tells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft

from skvas._optional import compiled
from skvas.videos._frames import spread_frames

# Videos, and evenly spread frames of each, that are looked at, at most.
LEARNED_VIDEOS, LEARNED_FRAMES = 256, 512
# The least variance, of unit frames.
LEAST_VARIANCE = 1e-6
# The least mean duration of a segment, in frames.
LEAST_DURATION = 1.5
# Deviations from the mean of an action that are correlated by a half at a lag of one
# frame are worth so many frames less: the sum of the correlations over all lags, where
# a Gaussian filter has smoothed noise.
FRAMES_A_HALF = float(np.sqrt(np.pi / np.log(2)))
TINY = np.finfo(np.float64).tiny


def deviations(
    frames: Sequence[np.ndarray], shares: Sequence[np.ndarray]
) -> list[np.ndarray]:
    """Return frames less the mean of their action, each number of one variance.

    Parameters
    ----------
    frames : sequence of ndarray of shape (n_i, D)
        Unit frames of each video.
    shares : sequence of ndarray of shape (n_i, K)
        How they are shared out among actions.

    Returns
    -------
    list of ndarray of shape (m_i, D)
        Of evenly spread frames of evenly spread videos.
    """
    frames, shares = thin_out(frames), thin_out(shares)
    _, means = mean_frames(frames, shares)
    off = [x - means[s.argmax(axis=1)] for x, s in zip(frames, shares, strict=True)]
    variances = np.mean(np.concatenate(off) ** 2, axis=0)
    return [x / np.sqrt(variances + LEAST_VARIANCE) for x in off]


def correlated_share(off: Sequence[np.ndarray]) -> float:
    """Return the share of a video over which neighbouring frames say the same.

    Smoothed features, and movements within an action, deviate from its mean for many
    frames in turn: a model that counted each of them would see actions everywhere.

    Parameters
    ----------
    off : sequence of ndarray of shape (n_i, D)
        What `deviations` returns.
    """
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


def correlated_shares(off: Sequence[np.ndarray]) -> np.ndarray:
    """Return `correlated_share` of each number of frames by itself, (D,).

    What drifts slowly within an action tells little of it; what does not drift tells
    as much as ever.
    """
    lengths = np.array([len(x) for x in off])
    size = next_fast_len(2 * lengths.max(), real=True)
    power = np.sum([np.abs(rfft(x, size, axis=0)) ** 2 for x in off], axis=0)
    lags = np.arange(lengths.max())[:, None]
    at_lag = irfft(power, size, axis=0)[: len(lags)]
    at_lag /= np.maximum(lengths - lags, 0).sum(axis=1, keepdims=True)
    at_lag /= np.maximum(at_lag[0], LEAST_VARIANCE)
    at_lag[-1] = 0.0
    after = (at_lag <= 0.5).argmax(axis=0)[None]
    before = np.maximum(after - 1, 0)
    high, low = (np.take_along_axis(at_lag, lag, axis=0) for lag in (before, after))
    half = before + (high - 0.5) / np.maximum(high - low, TINY) * (after > 0)
    shares_of_video: np.ndarray = FRAMES_A_HALF * half[0] / np.median(lengths)
    return shares_of_video


def evidence_of_frame(n_frames: int, correlated: Any) -> Any:
    """Return how many independent frames each frame of a video is worth, at most 1.

    Parameters
    ----------
    n_frames : int
        Frames of the video.
    correlated : float, or ndarray of shape (D,)
        What `correlated_share` returns, or `correlated_shares`.

    Returns
    -------
    float, or ndarray of shape (D,)
        Of whole frames, or of each of their numbers.
    """
    return 1 / np.maximum(1.0, correlated * n_frames)


def transitions(follow: np.ndarray, durations: np.ndarray, n_frames: int) -> np.ndarray:
    """Return the probability of each action after each, from frame to frame, (K, K).

    Parameters
    ----------
    follow : ndarray of shape (K, K)
        How likely each action is to follow each, of any scale; the diagonal counts for
        nothing.
    durations : ndarray of shape (K,)
        Mean duration of a segment of each action, as a share of the video.
    n_frames : int
        Frames of the video.
    """
    if len(follow) == 1:
        return np.ones((1, 1))
    leave = 1 / np.maximum(durations * n_frames, LEAST_DURATION)
    found = follow.copy()
    np.fill_diagonal(found, 0)
    found *= (leave / found.sum(axis=1))[:, None]
    np.fill_diagonal(found, 1 - leave)
    return found


def forward_backward(
    likelihoods: Sequence[np.ndarray],
    transitions: Sequence[np.ndarray],
    start: np.ndarray,
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Find the posteriors of hidden states by the scaled recursions.

    Parameters
    ----------
    likelihoods : sequence of ndarray of shape (n_i, K)
        Of each frame of each video in each state, up to a factor of each frame.
    transitions : sequence of ndarray of shape (K, K)
        Probability of each state after each, of each video; rows sum to 1.
    start : ndarray of shape (K,)
        Probabilities of the first state.

    Returns
    -------
    posteriors : list of ndarray of shape (n_i, K)
        Probability of each state at each frame.
    staying : list of ndarray of shape (K,)
        Expected number of frames that are followed by another of the same state.
    """
    by_cells = compiled(_states_by_cells)
    if by_cells is None:
        return _states_by_frames(likelihoods, transitions, start)
    videos = zip(likelihoods, transitions, strict=True)
    found = [by_cells(np.ascontiguousarray(x), steps, start) for x, steps in videos]
    return [posteriors for posteriors, _ in found], [staying for _, staying in found]


def _states_by_frames(
    likelihoods: Sequence[np.ndarray],
    transitions: Sequence[np.ndarray],
    start: np.ndarray,
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Do what `_states_by_cells` does, for all videos and states at once."""
    lengths = np.array([len(video) for video in likelihoods])
    n_frames = lengths.max()
    padded = np.ones((len(lengths), n_frames, len(start)))
    for row, video in zip(padded, likelihoods, strict=True):
        row[: len(video)] = video
    is_real = np.arange(n_frames) < lengths[:, None]  # (B, N)
    steps = np.stack(transitions)
    ahead, scale = np.empty_like(padded), np.empty(padded.shape[:2])
    state = start * padded[:, 0]
    for t in range(n_frames):
        if t > 0:
            state = np.matmul(state[:, None], steps)[:, 0] * padded[:, t]
        scale[:, t] = state.sum(axis=1)
        state = state / scale[:, t, None]
        ahead[:, t] = state
    back = np.ones_like(padded)
    staying = np.zeros_like(state)
    reverse = steps.transpose(0, 2, 1)
    stay = np.diagonal(steps, axis1=1, axis2=2)
    for t in range(n_frames - 2, -1, -1):
        real = is_real[:, t + 1, None]
        seen = padded[:, t + 1] * back[:, t + 1] / scale[:, t + 1, None]
        staying += np.where(real, ahead[:, t] * stay * seen, 0)
        back[:, t] = np.where(real, np.matmul(seen[:, None], reverse)[:, 0], 1)
    posteriors = ahead * back
    posteriors /= posteriors.sum(axis=2, keepdims=True)
    return [row[:n] for row, n in zip(posteriors, lengths, strict=True)], list(staying)


def _states_by_cells(likelihoods: Any, transitions: Any, start: Any) -> Any:
    """Find the posteriors of one video, and the frames that stay, cell by cell."""
    n_frames, n_states = likelihoods.shape
    posteriors = np.empty((n_frames, n_states))  # those of the past alone, at first
    scale = np.empty(n_frames)
    for t in range(n_frames):
        scale[t] = 0.0
        for k in range(n_states):
            chance = start[k]
            if t > 0:
                chance = 0.0
                for before in range(n_states):
                    chance += posteriors[t - 1, before] * transitions[before, k]
            posteriors[t, k] = chance * likelihoods[t, k]
            scale[t] += posteriors[t, k]
        for k in range(n_states):
            posteriors[t, k] /= scale[t]
    staying = np.zeros(n_states)
    seen = np.empty(n_states)
    back = np.ones(n_states)
    for t in range(n_frames - 2, -1, -1):
        for k in range(n_states):
            seen[k] = likelihoods[t + 1, k] * back[k] / scale[t + 1]
            staying[k] += posteriors[t, k] * transitions[k, k] * seen[k]
        total = 0.0
        for k in range(n_states):
            back[k] = 0.0
            for after in range(n_states):
                back[k] += transitions[k, after] * seen[after]
            posteriors[t, k] *= back[k]
            total += posteriors[t, k]
        for k in range(n_states):
            posteriors[t, k] /= total
    return posteriors, staying


def thin_out(arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return evenly spread frames of evenly spread videos, double precision.

    Parameters
    ----------
    arrays : sequence of ndarray of shape (n_i, D)
        One a video.
    """
    chosen = spread_frames(len(arrays), LEARNED_VIDEOS)
    return [_thin_out_one(arrays[i]) for i in chosen]  # none stays in memory


def _thin_out_one(array: np.ndarray) -> np.ndarray:
    thin = array[spread_frames(len(array), LEARNED_FRAMES)]
    return np.asarray(thin, dtype=np.float64)


def mean_frames(
    frames: list[np.ndarray], shares: list[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the number of frames of each action, (K,), and their mean, (K, D).

    Parameters
    ----------
    frames : list of ndarray of shape (n_i, D)
        Frames of each video.
    shares : list of ndarray of shape (n_i, K)
        How they are shared out among actions.
    """
    pairs = zip(shares, frames, strict=True)
    sums = np.sum([share.T @ video for share, video in pairs], axis=0)
    mass: np.ndarray = np.sum([share.sum(axis=0) for share in shares], axis=0)
    return mass, sums / np.maximum(mass, TINY)[:, None]
