"""How many actions a timeline has."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skvas.timeline._cut import Passing, held_out_losses, merge_segments
from skvas.timeline._segments import Statistics, best_segments, segment_losses

# Most segments that are looked at, halves of the videos that are drawn, and the share
# of the halves' answers that the range leaves out on either side.
MOST_SEGMENTS, N_HALVES, LEFT_OUT = 20, 8, 0.1
# Segments are merged to actions as long as the gain over a single action falls by no
# more than this share: for the number, and for the least likely number.
LOST, MOST_LOST = 0.05, 0.2


@dataclass(frozen=True)
class Count:
    """A number of actions, and how sure it is.

    Attributes
    ----------
    n_actions : int
        The number.
    likely : tuple of two int
        From few actions, whose merging loses much, to one action a segment; one in ten
        halves of the videos is left out on either side.
    """

    n_actions: int
    likely: tuple[int, int]


def count_actions(
    signals: np.ndarray, rng: np.random.RandomState, *, low: int, high: int
) -> Count:
    """Choose the number of actions that other videos confirm.

    One half of the videos is cut into any number of segments, whose loss is taken on
    the other half. The segments are as many as where this loss lies farthest below the
    straight line between its ends. They are then merged to actions while the other half
    loses little.

    Parameters
    ----------
    signals : ndarray of shape (n_videos, n_positions, d)
        Features of the frame with which each video passes each position.
    rng : RandomState
        Draws the halves.
    low, high : int
        Smallest and largest number.

    Returns
    -------
    Count
    """
    passing = Passing(signals)
    high = min(high, passing.n_positions)
    low = min(low, high)
    if passing.n_videos < 2 or passing.n_features == 0 or low == high:
        return Count(low, (low, high))
    answers = []
    for _ in range(N_HALVES):
        chosen = rng.permutation(passing.n_videos) < passing.n_videos // 2
        half, rest = passing.statistics(chosen), passing.statistics(~chosen)
        answers.append(_answers(half, rest))
    few, number, many = np.clip(np.array(answers).T, low, high)
    least = np.quantile(few, LEFT_OUT, method="nearest")
    largest = np.quantile(many, 1 - LEFT_OUT, method="nearest")
    return Count(int(np.median(number)), (int(least), int(largest)))


def _answers(half: Statistics, rest: Statistics) -> tuple[int, int, int]:
    """Return the least likely, the best and the largest number that one half gives."""
    most = min(MOST_SEGMENTS, len(half))
    cuts, _ = best_segments(segment_losses(half), most)
    segments = cuts[_elbow(held_out_losses(half, rest, cuts))]
    n_segments = int(segments.max()) + 1
    merged = [merge_segments(half, segments, k + 1) for k in range(n_segments)]
    losses = held_out_losses(half, rest, np.array(merged))
    gain = losses[0] - losses[-1]
    few, number = (
        int(np.argmax(losses <= losses[-1] + lost * gain)) + 1
        for lost in (MOST_LOST, LOST)
    )
    return few, number, n_segments


def _elbow(losses: np.ndarray) -> int:
    """Return where a curve lies farthest below the line between its ends."""
    line = np.linspace(losses[0], losses[-1], len(losses))
    return int((line - losses).argmax())
