"""How many actions a timeline has."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skvas.timeline._cut import Passing, held_out_losses, merge_segments
from skvas.timeline._segments import (
    Statistics,
    best_segments,
    contiguous_losses,
    segment_losses,
)

# Segments that are looked at: more of them where the loss bends by less than this share
# of what it falls by.
N_SEGMENTS, HARDLY = (20, 40, 80), 0.2
# Draws of the videos, and the share of their answers that the range leaves out on
# either side.
N_DRAWS, LEFT_OUT = 8, 0.1
# Segments are merged to actions as long as the gain over a single action falls by no
# more than this share: for the number, and for the least likely number.
LOST, MOST_LOST = 0.1, 0.3
# By these factors the range is wider than that of the draws, which don't say how fine
# the steps are that people count.
FEWER, MORE = 0.8, 1.25


@dataclass(frozen=True)
class Count:
    """A number of actions, and how sure it is.

    Attributes
    ----------
    n_actions : int
        The number.
    likely : tuple of two int
        From few actions, whose merging loses much, to one action a segment, and a
        quarter more; one draw of the videos in ten is left out on either side.
    """

    n_actions: int
    likely: tuple[int, int]


def count_actions(
    signals: np.ndarray, rng: np.random.RandomState, *, low: int, high: int
) -> Count:
    """Choose the number of actions.

    Videos are drawn with replacement, and cut into any number of segments. The segments
    are as many as where their loss lies farthest below the straight line between its
    ends; where it nearly is that line, more segments are looked at. They are then
    merged to actions while that loses little. Movements along lines (see
    `contiguous_losses`) are counted by the loss of lines, and not merged.

    Parameters
    ----------
    signals : ndarray of shape (n_videos, n_positions, d)
        Features of the frame with which each video passes each position.
    rng : RandomState
        Draws the videos.
    low, high : int
        Smallest and largest number.

    Returns
    -------
    Count
    """
    passing = Passing(signals)
    high = min(high, max(low, passing.n_positions))
    if passing.n_features == 0 or low == high:
        return Count(low, (low, high))
    answers = []
    for _ in range(N_DRAWS):
        answers.append(_answers(passing.statistics(passing.draw(rng))))
    few, number, many = np.transpose(answers)
    least = np.floor(FEWER * np.quantile(few, LEFT_OUT, method="nearest"))
    largest = np.ceil(MORE * np.quantile(many, 1 - LEFT_OUT, method="nearest"))
    found = np.clip([least, np.median(number), largest], low, high).astype(int)
    least, middle, largest = found.tolist()
    return Count(middle, (least, largest))


def _answers(drawn: Statistics) -> tuple[int, int, int]:
    """Return the least likely, the best and the largest number that one draw gives."""
    of_segments = segment_losses(drawn)
    for n in N_SEGMENTS:
        most = min(n, len(drawn))
        cuts, losses = best_segments(of_segments, most)
        n_segments, bend = _elbow(losses)
        if bend >= HARDLY or most == len(drawn):
            break
    segments = cuts[n_segments - 1]
    merged = [merge_segments(drawn, segments, k + 1) for k in range(n_segments)]
    merged_losses = held_out_losses(drawn, drawn, np.array(merged))
    gain = merged_losses[0] - merged_losses[-1]
    few, number = (
        int(np.argmax(merged_losses <= merged_losses[-1] + lost * gain)) + 1
        for lost in (MOST_LOST, LOST)
    )
    by_lines, are_movements, _ = contiguous_losses(drawn, n_segments)
    if are_movements:
        number, _ = _elbow(best_segments(by_lines, most)[1])
    return min(few, number), number, max(number, n_segments)


def _elbow(losses: np.ndarray) -> tuple[int, float]:
    """Find where losses lie farthest below a line to their ends.

    Returns
    -------
    n_segments : int
        For how many segments they do.
    bend : float
        How far they do, as a share of what they fall by.
    """
    below = np.linspace(losses[0], losses[-1], len(losses)) - losses
    fall = losses[0] - losses[-1]
    return int(below.argmax()) + 1, float(below.max() / fall) if fall > 0 else 1.0
