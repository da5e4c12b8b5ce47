"""Which settings tell recordings best that the likelihoods were not learned from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from skvas.live._chain import ActionRates, Chain
from skvas.live._emissions import Gaussians, fit_gaussians, fit_moments
from skvas.preprocessing._running import RunningMoments
from skvas.timeline._average import frames_at
from skvas.videos._frames import spread

# Parts that recordings are split into; each is told by what the others teach.
FOLDS = 4
# What the weight of a frame's log-likelihood may be multiplied with.
FACTORS = 2.0 ** np.arange(-3, 4)
# What is told at once gives way to another action that is so much more probable; or to
# any that is more probable, where so many more frames are then right.
LEAD, WORTH = 0.7, 0.02
# Parts that recordings on a timeline are split into, frames of a recording that are
# placed, the share of the timeline within which they are placed rightly, and by how
# much the logarithm of that probability has to rise.
HALVES, PLACED, NEAR, CLEARLY = 2, 100, 0.02, 0.1
# First frames of a recording that are told, at most, and those that are looked at
# together.
LONGEST, BLOCK = 4000, 256
# Likelihoods are at least this small beside the largest, in logarithms: they are single
# precision, in half the time.
LEAST = -80.0


@dataclass(frozen=True)
class Setting:
    """How actions are told.

    Attributes
    ----------
    both : bool
        Whether frames standardised by the collection alone are looked at, too.
    factor : float
        What the weight of a frame's log-likelihood is multiplied with.
    lead : float
        By how much an action has to be more probable than the one that is told.
    """

    both: bool = False
    factor: float = 1.0
    lead: float = LEAD


def choose_setting(
    videos: Sequence[np.ndarray],
    labels: Sequence[np.ndarray],
    n_actions: int,
    reach: float | None = None,
    *,
    spare: bool = False,
) -> Setting:
    """Return the setting with which most frames of held-out videos are right.

    Parameters
    ----------
    videos : sequence of ndarray of shape (n_i, n_features)
        The videos.
    labels : sequence of int64 ndarray of shape (n_i,)
        The action of each frame.
    n_actions : int
        Number of actions.
    reach : float, default=None
        That of motion, if it is looked at: see :meth:`RunningMoments.of`.
    spare : bool, default=False
        Whether all directions tell actions: see `fit_gaussians`.

    Returns
    -------
    Setting
        The usual one for a single video.
    """
    if len(videos) < 2:
        return Setting()
    folds = min(FOLDS, len(videos))
    trials = [
        trial
        for fold in range(folds)
        for trial in _hold_out(
            videos, labels, n_actions, np.arange(fold, len(videos), folds), reach, spare
        )
    ]
    shares = _right(trials).mean(axis=0)
    shares[..., 1] += WORTH
    # Of equals, the one closest to the usual one.
    shares -= 1e-9 * np.abs(np.log2(FACTORS))[:, None]
    shares[1] -= 1e-9
    both, factor, held = np.unravel_index(shares.argmax(), shares.shape)
    return Setting(bool(both), float(FACTORS[factor]), LEAD if held else 0.0)


def collection_helps(
    videos: Sequence[np.ndarray],
    places: Sequence[np.ndarray],
    passed: Sequence[np.ndarray],
) -> bool:
    """Tell whether to look at frames standardised by the collection alone, too.

    They do not depend on what a recording has shown before, and carry what a person or
    a camera does to all frames. They are looked at if frames of held-out videos, each
    by itself, are then placed clearly better on the timeline.

    Parameters
    ----------
    videos : sequence of ndarray of shape (n_i, n_features)
        Two videos or more.
    places : sequence of int64 ndarray of shape (n_i,)
        The moment of the timeline at which each frame is.
    passed : sequence of int64 ndarray of shape (n_moments,)
        The frame with which each video passes each moment.

    Returns
    -------
    bool
    """
    logs = np.zeros((2, len(FACTORS)))
    for first in range(HALVES):
        out = range(first, len(videos), HALVES)
        inner = [i for i in range(len(videos)) if i not in out]
        features = RunningMoments.of([videos[i] for i in inner], both=True)
        followed = [*map(features.follow, videos)]
        for view, width in enumerate((features.narrow, features.width)):
            seen = [frames[:, :width] for frames in followed]
            passing = [frames_at(seen[i], passed[i]) for i in inner]
            taught = [seen[i] for i in inner], [places[i] for i in inner]
            gaussians = fit_moments(passing, taught, len(passed[0]))
            gaussians = replace(gaussians, weight=1.0)
            for i in out:
                frames = seen[i]
                some = spread(len(frames), PLACED)
                found = _placed(gaussians, frames[some], places[i][some])
                logs[view] += found / len(videos)
    own, both = logs.max(axis=1)
    return bool(both > own + CLEARLY)


def _placed(gaussians: Gaussians, frames: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Return the mean log probability of places near the right ones, by factor."""
    distances = gaussians.distances(gaussians.project(frames))
    logs = gaussians.robust(distances)
    moments = np.arange(logs.shape[1])
    radius = max(1, NEAR * len(moments))
    is_near = np.abs(moments - places[:, None]) <= radius
    scaled = FACTORS[:, None, None] * (logs - logs.max(axis=1, keepdims=True))
    shares = np.exp(scaled)
    near = (shares * is_near).sum(axis=2) / shares.sum(axis=2)
    found: np.ndarray = np.log(np.maximum(near, 1e-12)).mean(axis=1)
    return found


@dataclass(frozen=True)
class _Trial:
    """A held-out video.

    Attributes
    ----------
    distances : ndarray of shape (2, n, n_actions)
        Minus twice the log-likelihoods, the smallest of a frame 0, without and with
        the view of the collection.
    weights : ndarray of shape (2, n_factors)
        What log-likelihoods are multiplied with.
    labels : int64 ndarray of shape (n,)
        The action of each frame.
    chain : Chain
        Of the other videos.
    """

    distances: np.ndarray
    weights: np.ndarray
    labels: np.ndarray
    chain: Chain


def _hold_out(
    videos: Sequence[np.ndarray],
    labels: Sequence[np.ndarray],
    n_actions: int,
    out: np.ndarray,
    reach: float | None,
    spare: bool,
) -> list[_Trial]:
    """Look at some videos with what the others teach."""
    inner = np.setdiff1d(np.arange(len(videos)), out)
    features = RunningMoments.of([videos[i] for i in inner], both=True, reach=reach)
    taught = [labels[i] for i in inner]
    chain = ActionRates.of(taught, n_actions).chain()
    seen = [features.follow(videos[i]) for i in inner]
    held = [features.follow(videos[i][:LONGEST]) for i in out]
    distances, weights = [], []
    for width in (features.narrow, features.width):
        frames = [x[:, :width] for x in seen]
        gaussians = fit_gaussians(frames, taught, n_actions, spare=spare)
        distances.append([_distances(gaussians, x[:, :width]) for x in held])
        weights.append(np.minimum(1.0, gaussians.weight * FACTORS))
    return [
        _Trial(np.array(views), np.array(weights), labels[i][:LONGEST], chain)
        for i, views in zip(out, zip(*distances, strict=True), strict=True)
    ]


def _distances(gaussians: Gaussians, frames: np.ndarray) -> np.ndarray:
    """Return minus twice the log-likelihoods, (n, K), the smallest of a frame 0."""
    discriminants = gaussians.project(frames)
    found = gaussians.distances(discriminants) + gaussians.log_determinants
    result: np.ndarray = found - found.min(axis=1, keepdims=True)
    return result


def _right(trials: list[_Trial]) -> np.ndarray:
    """Return the shares of right frames, (n_videos, 2, n_factors, 2).

    The axes are the views, the factors, and whether an action is held.
    """
    lengths = np.array([len(trial.labels) for trial in trials])
    n_videos, n_actions = len(trials), trials[0].distances.shape[2]
    n_states = max(len(trial.chain.start) for trial in trials)
    distances = np.zeros((lengths.max(), n_videos, 2, 1, n_actions), np.float32)
    true = np.full((lengths.max(), n_videos, 1), -1)
    transitions = np.zeros((n_videos, n_states, n_states), np.float32)
    state = np.zeros((n_videos, 2 * len(FACTORS), n_states), np.float32)
    of_action = np.zeros((n_videos, n_states, n_actions), np.float32)
    for i, (trial, n) in enumerate(zip(trials, lengths, strict=True)):
        chain, k = trial.chain, len(trial.chain.start)
        distances[:n, i, :, 0] = trial.distances.transpose(1, 0, 2)
        true[:n, i, 0] = trial.labels
        transitions[i, :k, :k] = chain.transitions
        state[i, :, :k] = chain.start
        of_action[i, np.arange(k), chain.actions[chain.steps]] = 1
    weights = np.array([trial.weights for trial in trials], np.float32)[..., None]
    right = np.zeros((*state.shape[:2], 2))
    held = None
    for start in range(0, len(distances), BLOCK):
        logs = -0.5 * weights * distances[start : start + BLOCK]
        shares = np.exp(np.maximum(logs, LEAST))
        shares = shares.reshape(-1, *state.shape[:2], n_actions)
        for now in range(len(shares)):
            if start + now > 0:
                state = state @ transitions
            state = state * (shares[now] @ of_action.transpose(0, 2, 1))
            state = state / state.sum(axis=-1, keepdims=True)
            shares[now] = state @ of_action
        best = shares.argmax(axis=-1)
        told = _hold(shares, best, held)
        held = told[-1]
        for way, actions in enumerate((best, told)):
            right[..., way] += (actions == true[start : start + BLOCK]).sum(axis=0)
    found: np.ndarray = right / lengths[:, None, None]
    return found.reshape(n_videos, 2, len(FACTORS), 2)


def _hold(shares: np.ndarray, best: np.ndarray, held: np.ndarray | None) -> np.ndarray:
    """Return the action that is told at each frame where one gives way to a lead."""
    told = best.copy()
    where = tuple(np.indices(best.shape[1:]))
    limit = shares.max(axis=-1) - LEAD
    for now in range(len(best)):
        if held is not None:
            stays = shares[now][(*where, held)] >= limit[now]
            told[now] = np.where(stays, held, best[now])
        held = told[now]
    return told
