"""Measure segmentation on real takes of one action each, put together at random.

``python -m benchmarks.takes`` needs the packages ``aeon`` and ``pybullet``, which have
such takes. "watch": four activities that a smart watch recorded, accelerations and
turns; "windows" are means and deviations of them over a second, and "channel" is one of
the six alone, another one in each collection. "speakers": nine people who say the same
vowels, as cepstra. "motions": six to nine of ten motions by motion capture (walking, a
kick, a cartwheel, ...), each recorded once: recordings have other speeds, amplitudes,
postures and noise. Recordings have them in one order, in a loose one (some left out or
swapped), in any order, or again and again; or they have some of them only: two or more,
at most about half, in any order, or half of them in one order.

When actions found without an order replace a timeline or a chain, when motion is a
view, when plans choose how a timeline is cut, when few features become levels and what
tells that recordings have some actions only was decided on other collections of the
same takes.
"""

from __future__ import annotations

import json
from functools import partial
from itertools import cycle
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter1d

from benchmarks.kinds import print_scores

SOURCES = ("watch", "windows", "speakers", "motions", "channel")
ORDERS = ("one order", "loose", "any order", "again")
SOME_ONLY = ("some", "half")
KINDS = tuple(
    f"{source}, {order}"
    for orders in (ORDERS, SOME_ONLY)
    for source in SOURCES
    for order in orders
)
N_RECORDINGS = dict(zip(SOURCES, (16, 16, 10, 14, 16), strict=True))
MOTIONS = (
    *("walk", "run", "jump", "crawl", "punch", "kick"),
    *("dance_a", "cartwheel", "spin", "roll"),
)
# Frames a second of motions, and frames up to which one is short: it is repeated more.
RATE, SHORT = 30, 70
# Frames of a take of the watch that are taken at least, and of a window.
FEWEST, WINDOW = 40, 10
# Probability that an action is left out, and swapped with the next one, in a loose
# order, and segments of an action that comes again and again; and probability that an
# action is left out where recordings have half of them.
LOOSE, TIMES, HALF = 0.15, 2.5, 0.5


def main():
    print_scores("takes", __doc__, KINDS, lambda: partial(collect, load_takes()))


def load_takes():
    """Return takes of each action by source: lists of lists of (n, d) arrays."""
    try:
        from aeon.datasets import load_classification
        from pybullet_data import getDataPath
    except ImportError as error:
        raise ImportError(f"{error}; pip install aeon pybullet") from error

    takes = {}
    for source, name in (("watch", "BasicMotions"), ("speakers", "JapaneseVowels")):
        series, actions = load_classification(name)
        takes[source] = [
            [np.asarray(series[i]).T for i in np.flatnonzero(actions == action)]
            for action in np.unique(actions)
        ]
    folder = Path(getDataPath()) / "data" / "motions"
    read = [_read_motion(folder / f"humanoid3d_{name}.txt") for name in MOTIONS]
    return takes | {"motions": [[motion] for motion in read]}


def _read_motion(file):
    """Return height and rotations of a body, at an even rate."""
    frames = np.array(json.loads(file.read_text())["Frames"])
    times = np.append(0, frames[:-1, 0].cumsum())
    even = np.arange(0, times[-1], 1 / RATE)
    numbers = np.delete(frames, (0, 1, 3), axis=1).T  # durations, places on the floor
    return np.column_stack([np.interp(even, times, number) for number in numbers])


def collect(takes, kind, seed):
    """Make a collection: videos, labels and the number of actions.

    Parameters
    ----------
    takes : dict of str to list of list of ndarray
        What `load_takes` returns.
    kind : str
        Of `KINDS`.
    seed : int
        Of the collection.
    """
    source, order = kind.split(", ")
    rng = np.random.RandomState(1000 * KINDS.index(kind) + seed)
    known = takes["watch" if source in ("windows", "channel") else source]
    n_actions = rng.randint(6, 10) if source == "motions" else len(known)
    chosen = rng.permutation(len(known))[:n_actions]
    shuffled = [rng.permutation(len(known[action])) for action in chosen]
    of_actions = [
        cycle([known[action][i] for i in numbers])
        for action, numbers in zip(chosen, shuffled, strict=True)
    ]
    channel = rng.randint(known[0][0].shape[1]) if source == "channel" else None
    videos, labels = [], []
    for _ in range(N_RECORDINGS[source]):
        actions = _order_of(order, n_actions, rng)
        frames, lengths = _put_together(source, of_actions, actions, rng)
        if channel is not None:
            frames = frames[:, [channel]]
        videos.append(frames.astype(np.float32))
        labels.append(np.repeat(actions, lengths))
    return videos, labels, n_actions


def _order_of(order, n_actions, rng):
    actions = list(range(n_actions))
    if order == "loose":
        for at in range(n_actions - 1):
            if rng.uniform() < LOOSE:
                actions[at], actions[at + 1] = actions[at + 1], actions[at]
        return [a for a in actions if rng.uniform() > LOOSE] or actions
    if order == "any order":
        return rng.permutation(n_actions).tolist()
    if order == "some":
        n_own = rng.randint(2, max(n_actions // 2 + 1, 3))
        return rng.permutation(n_actions)[:n_own].tolist()
    if order == "half":
        own = [a for a in actions if rng.uniform() > HALF]
        return own or [int(rng.randint(n_actions))]
    if order == "again":
        actions = [rng.randint(n_actions)]
        while len(actions) < TIMES * n_actions:
            others = [k for k in range(n_actions) if k != actions[-1]]
            actions.append(int(rng.choice(others)))
    return actions


def _put_together(source, takes, actions, rng):
    """Return the frames of one recording, and how many each of its actions has."""
    if source == "motions":
        return _move(takes, actions, rng)
    parts = []
    for action in actions:
        if source == "speakers":
            said = [next(takes[action]) for _ in range(rng.randint(2, 5))]
            parts.append(np.concatenate(said))
        else:
            take = next(takes[action])
            n_frames = rng.randint(FEWEST, len(take) + 1)
            first = rng.randint(len(take) - n_frames + 1)
            parts.append(take[first : first + n_frames])
    frames = np.concatenate(parts)
    if source == "windows":
        padded = np.pad(
            frames, ((WINDOW // 2, WINDOW - 1 - WINDOW // 2), (0, 0)), "edge"
        )
        seen = np.lib.stride_tricks.sliding_window_view(padded, WINDOW, axis=0)
        frames = np.hstack([seen.mean(axis=-1), seen.std(axis=-1)])
    return frames, [len(part) for part in parts]


def _move(takes, actions, rng):
    """Let a person of their own posture and amplitudes do motions."""
    n_numbers = next(takes[0]).shape[1]
    posture = 0.08 * rng.standard_normal(n_numbers)
    styles = 0.04 * rng.standard_normal((len(takes), n_numbers))
    amplitudes = rng.uniform(0.8, 1.2, n_numbers)
    parts = []
    for action in actions:
        take = next(takes[action])
        n_times = rng.randint(1, 5 if len(take) < SHORT else 3)
        whole = np.tile(take, (n_times, 1))
        pace = np.exp(0.2 * rng.standard_normal())
        at = np.linspace(0, len(whole) - 1, round(len(whole) / pace))
        known = np.arange(len(whole))
        part = np.column_stack([np.interp(at, known, number) for number in whole.T])
        centre = part.mean(axis=0)
        part = centre + amplitudes * (part - centre) + posture + styles[action]
        parts.append(part)
    frames = gaussian_filter1d(np.concatenate(parts), 1.5, axis=0)
    frames += 0.02 * rng.standard_normal(frames.shape)
    return frames, [len(part) for part in parts]


if __name__ == "__main__":
    main()
