"""Synthetic videos with known actions and alignment."""

from __future__ import annotations

import numpy as np
from numpy.random import RandomState
from numpy.typing import NDArray
from sklearn.utils import Bunch

from skvas._printing import shorten
from skvas.exceptions import InvalidParameterError
from skvas.validation import check_integer, check_random_state, check_real

_BACKGROUND = -1


def make_videos(
    n_videos: int = 10,
    *,
    n_actions: int = 5,
    n_frames: tuple[int, int] = (150, 250),
    n_features: int = 16,
    noise: float = 0.3,
    warp: float = 0.3,
    drop: float = 0.0,
    swap: float = 0.0,
    repeat: float = 0.0,
    background: float = 0.0,
    shared_order: bool = True,
    random_state: int | RandomState | None = None,
) -> Bunch:
    r"""Make videos of one activity, with known actions and known alignment.

    An action is a short curve in feature space, so that a frame depends on its action
    and on the progress within the action. At progress :math:`u` in (0, 1) the features
    are :math:`c + \cos(\pi u) a + \sin(\pi u) b` plus noise, where c, a and b are
    random vectors of the action with standard deviations 1, 0.5 and 0.5.

    Parameters
    ----------
    n_videos : int, default=10
        Number of videos.
    n_actions : int, default=5
        Number of different actions.
    n_frames : tuple of two ints, default=(150, 250)
        Minimum and maximum number of frames of a video, both inclusive.
    n_features : int, default=16
        Number of features.
    noise : float, default=0.3
        Standard deviation of the Gaussian noise of the features.
    warp : float, default=0.3
        Strength of the time warps. The duration of an action is multiplied by a
        log-normal factor, and the progress within it is raised to a log-normal
        exponent; `warp` is the standard deviation of both logarithms. 0: all videos
        have the same timing, up to their length.
    drop : float, default=0.0
        Probability that a video lacks an action. A video has at least one action.
    swap : float, default=0.0
        Probability that an action is swapped with the next one.
    repeat : float, default=0.0
        Probability that an action occurs a second time elsewhere in the video.
    background : float, default=0.0
        Fraction of background frames, which belong to no action, in [0, 1]. Each action
        keeps at least one frame. Background segments lie before, between and after the
        actions, and all of them differ.
    shared_order : bool, default=True
        Whether all videos have one order of actions (before drops, swaps and repeats).
        False draws a random order for each video.
    random_state : int, RandomState instance or None, default=None
        Source of all randomness. Pass an int for reproducible videos.

    Returns
    -------
    Bunch
        The data, with the fields

        videos : list of float32 arrays of shape (n_frames_i, n_features)
            The videos.
        labels : list of int arrays of shape (n_frames_i,)
            The action of each frame; -1 for background.
        times : list of float arrays of shape (n_frames_i,)
            The true latent position of each frame: its action plus the progress within
            it; NaN for background. Frames with equal positions match.
        names, action_names : list of str
            Names of the videos and of the actions.
        DESCR : str
            A description of the data.

    Raises
    ------
    InvalidParameterError
        If an argument has the wrong type or is outside its range.

    See Also
    --------
    load_spar : Real recordings.

    Examples
    --------
    >>> from skvas.datasets import make_videos
    >>> data = make_videos(n_videos=3, n_actions=4, n_frames=(50, 60), random_state=0)
    >>> [video.shape for video in data.videos]
    [(56, 16), (60, 16), (54, 16)]
    >>> sorted(set(data.labels[0].tolist()))
    [0, 1, 2, 3]
    """
    counts = {"n_videos": n_videos, "n_actions": n_actions, "n_features": n_features}
    for name, count in counts.items():
        check_integer(name, count, low=1)
    shortest = 2 * n_actions if repeat else n_actions  # one frame for each segment
    low, high = _check_n_frames(n_frames, shortest)
    check_real("noise", noise, low=0)
    check_real("warp", warp, low=0)
    shares = {"drop": drop, "swap": swap, "repeat": repeat, "background": background}
    for name, value in shares.items():
        check_real(name, value, low=0, high=1)
    rng = check_random_state(random_state)

    curves = rng.standard_normal((n_actions, 3, n_features)) * [[1.0], [0.5], [0.5]]
    durations = rng.uniform(0.5, 1.5, size=n_actions)
    videos, labels, times = [], [], []
    for _ in range(n_videos):
        order = _draw_order(n_actions, shared_order, drop, swap, repeat, rng)
        n = int(rng.randint(low, high + 1))
        weights = durations[order] * np.exp(warp * rng.standard_normal(len(order)))
        segments = _draw_segments(order, weights, n, background, rng)
        parts = [_draw_segment(action, k, curves, warp, rng) for action, k in segments]
        x, y, t = (np.concatenate(p) for p in zip(*parts, strict=True))
        videos.append((x + noise * rng.standard_normal(x.shape)).astype(np.float32))
        labels.append(y)
        times.append(t)
    return Bunch(
        videos=videos,
        labels=labels,
        times=times,
        names=[f"video{i:02d}" for i in range(n_videos)],
        action_names=[f"action{k}" for k in range(n_actions)],
        DESCR=f"{n_videos} synthetic videos of {n_actions} actions, made by "
        f"skvas.datasets.make_videos.",
    )


def _draw_order(
    n_actions: int,
    shared_order: bool,
    drop: float,
    swap: float,
    repeat: float,
    rng: RandomState,
) -> list[int]:
    """Draw the actions of one video, in the order in which they happen."""
    start = range(n_actions) if shared_order else rng.permutation(n_actions)
    order = [int(action) for action in start]
    kept = [action for action in order if rng.uniform() >= drop]
    order = kept or [order[rng.randint(n_actions)]]
    i = 0
    while i < len(order) - 1:
        if rng.uniform() < swap:
            order[i], order[i + 1] = order[i + 1], order[i]
            i += 1  # a swapped pair stays swapped
        i += 1
    for action in list(order):
        # Beside itself a second occurrence would be no repetition but one long action.
        places = [
            p
            for p in range(len(order) + 1)
            if action not in order[max(p - 1, 0) : p + 1]
        ]
        if rng.uniform() < repeat and places:
            order.insert(places[rng.randint(len(places))], action)
    return order


def _draw_segments(
    order: list[int],
    weights: NDArray[np.float64],
    n_frames: int,
    background: float,
    rng: RandomState,
) -> list[tuple[int, int]]:
    """Share the frames of a video out among its actions and the gaps around them."""
    n_background = min(round(background * n_frames), n_frames - len(order))
    lengths = 1 + _share_out(n_frames - n_background - len(order), weights)
    gaps = _share_out(n_background, rng.uniform(size=len(order) + 1))
    segments = [(_BACKGROUND, int(gaps[0]))]
    for action, length, gap in zip(order, lengths, gaps[1:], strict=True):
        segments += [(action, int(length)), (_BACKGROUND, int(gap))]
    return [(action, length) for action, length in segments if length]


def _share_out(total: int, weights: NDArray[np.float64]) -> NDArray[np.int64]:
    """Split an integer in proportion to the weights."""
    edges = np.rint(total * np.cumsum(weights) / np.sum(weights)).astype(np.int64)
    return np.diff(edges, prepend=0)


def _draw_segment(
    action: int,
    length: int,
    curves: NDArray[np.float64],
    warp: float,
    rng: RandomState,
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float64]]:
    """Draw the features without noise, the labels and the times of one segment."""
    progress = (np.arange(length) + 0.5) / length
    progress **= np.exp(warp * rng.standard_normal())
    labels = np.full(length, action, dtype=np.int64)
    times: NDArray[np.float64]
    if action == _BACKGROUND:
        centre, start, rise = rng.standard_normal((3, curves.shape[2])) * [
            [1],
            [0.5],
            [0.5],
        ]
        times = np.full(length, np.nan)
    else:
        centre, start, rise = curves[action]
        times = action + progress
    angle = np.pi * progress[:, None]
    return centre + np.cos(angle) * start + np.sin(angle) * rise, labels, times


def _check_n_frames(n_frames: tuple[int, int], shortest: int) -> tuple[int, int]:
    try:
        low, high = n_frames
    except (TypeError, ValueError):
        raise InvalidParameterError(
            f"n_frames must be a pair (minimum, maximum), got {shorten(n_frames)}."
        ) from None
    low = check_integer("n_frames[0]", low, low=1)
    high = check_integer("n_frames[1]", high, low=1)
    if not shortest <= low <= high:
        raise InvalidParameterError(
            f"n_frames must be a pair (minimum, maximum) in this order, with a minimum "
            f"of at least {shortest} frames for these actions, got {n_frames!r}."
        )
    return low, high
