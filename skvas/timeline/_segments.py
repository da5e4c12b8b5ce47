"""Contiguous segments of least loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from skvas._optional import compiled
from skvas.videos._frames import running_sums

# Actions are movements where lines leave less than this share of the squares that twice
# as many means leave.
CLEARLY_LESS = 0.9
# They have a course of their own where lines leave less than this share of the squares
# that as many means leave.
HALF = 0.5
# Least variance of a feature within an action, as a share of its variance over all
# frames: without it a segment of two positions would explain everything.
LEAST_VARIANCE = 0.2
# Variances that are multiplied before one logarithm is taken of them.
CHUNK = 16
# Starts of segments that are looked at together.
ROWS = 8


@dataclass(frozen=True)
class Statistics:
    """The features at each position.

    Attributes
    ----------
    mean, square : ndarray of shape (n_positions, d)
        Their mean and mean square over videos.
    blur : float, default=0.0
        Standard deviation, in positions, of the Gaussian that they were smoothed by.
    """

    mean: np.ndarray
    square: np.ndarray
    blur: float = 0.0

    def __len__(self) -> int:
        return len(self.mean)

    @property
    def sharp(self) -> Statistics:
        """With the mean as it was before it was smoothed, nearly."""
        if not self.blur:
            return self
        around = np.pad(self.mean, ((1, 1), (0, 0)), mode="edge")
        mean = self.mean - self.blur**2 / 2 * np.diff(around, 2, axis=0)
        return Statistics(mean, self.square)


def square_losses(statistics: Statistics) -> np.ndarray:
    """Return the sum of squares of every segment's means about their own mean.

    Parameters
    ----------
    statistics : Statistics
        Of the features at each position; their spread over videos is not looked at.

    Returns
    -------
    ndarray of shape (n_positions + 1, n_positions + 1)
        Entry (i, j) is the loss of the positions i to j - 1; infinite where i >= j.
    """
    edges = np.arange(len(statistics) + 1)
    total = running_sums(statistics.mean)
    squares = running_sums((statistics.mean**2).sum(axis=1, keepdims=True))[:, 0]
    length = np.maximum(edges - edges[:, None], 1)
    between = _products(total, total)
    losses: np.ndarray = squares - squares[:, None] - between / length
    losses[edges <= edges[:, None]] = np.inf
    return losses


def line_gains(statistics: Statistics) -> np.ndarray:
    """Return by how much a line lowers the square loss of every segment.

    Parameters
    ----------
    statistics : Statistics
        Of the features at each position; their spread over videos is not looked at.

    Returns
    -------
    ndarray of shape (n_positions + 1, n_positions + 1)
        Entry (i, j) is the gain of the positions i to j - 1 by a line in place of a
        mean; 0 where i >= j.
    """
    edges = np.arange(len(statistics) + 1)
    centred = statistics.mean - statistics.mean.mean(axis=0)
    time = edges[:-1] - edges.mean()
    total, moment = running_sums(centred), running_sums(time[:, None] * centred)
    length = edges - edges[:, None]
    middle = (edges + edges[:, None] - 1) / 2 - edges.mean()
    tilt = _products(moment, moment) + middle**2 * _products(total, total)
    tilt -= 2 * middle * _products(moment, total)
    is_line = length > 1
    gains: np.ndarray = np.zeros(length.shape)
    gains[is_line] = 12 * tilt[is_line] / (length**3 - length)[is_line]
    return gains


class Contiguous(NamedTuple):
    """The square loss of every segment that may be an action."""

    losses: np.ndarray
    """Entry (i, j) is that of the positions i to j - 1; infinite where i >= j."""
    are_movements: bool
    """Whether squares are those about lines."""
    have_courses: bool
    """Whether lines would leave less than half of what means leave."""


def contiguous_losses(statistics: Statistics, n_actions: int) -> Contiguous:
    """Return the square loss of every segment that may be an action.

    Actions are states, each with a mean, or movements, each along a line. They are
    movements where as many lines as there are actions explain the timeline clearly
    better than twice as many means, which have as many parameters. Smoothing turns the
    steps between states into slopes, which many short actions mostly are: so lines are
    looked for in what is sharpened.

    Parameters
    ----------
    statistics : Statistics
        Of the features at each position; their spread over videos is not looked at.
    n_actions : int
        Number of actions, at most that of positions.

    Returns
    -------
    Contiguous
    """
    by_means = square_losses(statistics)
    sharp = statistics.sharp
    by_sharp_means = by_means if sharp is statistics else square_losses(sharp)
    by_lines = by_sharp_means - line_gains(sharp)
    n_means = min(2 * n_actions, len(statistics))
    _, of_means = best_segments(by_sharp_means, n_means)
    _, of_lines = best_segments(by_lines, n_actions)
    are_movements = bool(of_lines[-1] < CLEARLY_LESS * of_means[-1])
    have_courses = bool(of_lines[-1] < HALF * of_means[n_actions - 1])
    losses = by_lines if are_movements else by_means
    return Contiguous(losses, are_movements, have_courses)


def segment_losses(
    statistics: Statistics, edges: np.ndarray | None = None
) -> np.ndarray:
    """Return the loss of every segment: length times mean logarithm of its variances.

    That is the negative log-likelihood of a Gaussian with a mean and variances of its
    own, up to constants. The variances are over the positions of the segment and over
    the videos, so that positions at which the videos differ weigh less.

    Parameters
    ----------
    statistics : Statistics
        Of the features at each position.
    edges : int64 ndarray of shape (n + 1,), default=None
        Where segments may start and end, rising from 0 to the number of positions.
        None: anywhere.

    Returns
    -------
    ndarray of shape (n + 1, n + 1)
        Entry (i, j) is the loss of the positions from edge i to before edge j; infinite
        where i >= j.
    """
    edges = np.arange(len(statistics) + 1) if edges is None else edges
    mean, square = (
        np.ascontiguousarray(running_sums(each)[edges].T)
        for each in (statistics.mean, statistics.square)
    )
    find_losses = compiled(_losses_by_cells) or _losses_by_rows
    losses: np.ndarray = find_losses(mean, square, edges.astype(float))
    return losses


def _losses_by_rows(
    mean: np.ndarray, square: np.ndarray, edges: np.ndarray
) -> np.ndarray:
    """Return the losses of `segment_losses` from running sums, (d, n + 1)."""
    n = len(edges) - 1
    losses = np.full((n + 1, n + 1), np.inf)
    for first in range(0, n, ROWS):
        starts, stops = slice(first, first + ROWS), slice(first + 1, n + 1)
        length = edges[stops] - edges[starts, None]
        share = 1 / np.maximum(length, 1)
        square_of_mean = share * (mean[:, None, stops] - mean[:, starts, None])
        square_of_mean *= square_of_mean
        variance = share * (square[:, None, stops] - square[:, starts, None])
        variance -= square_of_mean
        np.maximum(variance, 0, out=variance)
        variance += LEAST_VARIANCE
        chunks = range(0, len(variance), CHUNK)
        products = [variance[at : at + CHUNK].prod(axis=0) for at in chunks]
        found = length * np.log(products).sum(axis=0)
        losses[starts, stops] = np.where(length > 0, found, np.inf)
    return losses


def _losses_by_cells(
    mean: np.ndarray, square: np.ndarray, edges: np.ndarray
) -> np.ndarray:
    """Return the losses of `_losses_by_rows`, one start after another."""
    n_features, n_edges = mean.shape
    losses = np.full((n_edges, n_edges), np.inf)
    share, product = np.empty(n_edges), np.empty(n_edges)
    for start in range(n_edges - 1):
        loss = losses[start, start + 1 :]
        length = edges[start + 1 :] - edges[start]
        n_stops = len(length)
        for i in range(n_stops):
            share[i] = 1 / length[i]
        loss[:] = 0.0
        for chunk in range(0, n_features, CHUNK):
            product[:] = 1.0
            for feature in range(chunk, min(chunk + CHUNK, n_features)):
                first, second = mean[feature, start + 1 :], square[feature, start + 1 :]
                first_start, second_start = mean[feature, start], square[feature, start]
                for i in range(n_stops):
                    centre = share[i] * (first[i] - first_start)
                    variance = share[i] * (second[i] - second_start) - centre * centre
                    product[i] *= max(variance, 0.0) + LEAST_VARIANCE
            for i in range(n_stops):
                loss[i] += np.log(product[i])
        for i in range(n_stops):
            loss[i] *= length[i]
    return losses


def best_segments(losses: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Find the contiguous segments of least total loss, for each number of them.

    Parameters
    ----------
    losses : ndarray of shape (n + 1, n + 1)
        As `segment_losses` returns them.
    most : int
        Largest number of segments, at most n.

    Returns
    -------
    cuts : int64 ndarray of shape (most, n)
        Row s - 1 holds the number of the segment of each position, of s segments.
    least : ndarray of shape (most,)
        Their losses.
    """
    n = len(losses) - 1
    find_starts = compiled(_starts_by_cells) or _starts_by_rows
    starts, least = find_starts(losses, most)
    cuts = np.zeros((most, n), dtype=np.int64)
    for s in range(most):
        stop = n
        for segment in range(s, 0, -1):
            start = starts[segment, stop]
            cuts[s, start:stop] = segment
            stop = start
    return cuts, least


def _starts_by_rows(losses: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Return where the last of s + 1 segments starts, (most, n + 1), and the losses."""
    starts = np.zeros((most, len(losses)), dtype=np.int64)
    best = losses[0]
    least = [best[-1]]
    for s in range(1, most):
        total = best[:, None] + losses
        starts[s] = total.argmin(axis=0)
        best = np.take_along_axis(total, starts[s][None], axis=0)[0]
        least.append(best[-1])
    return starts, np.array(least)


def _starts_by_cells(losses: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Return what `_starts_by_rows` does, one start after another."""
    n_edges = len(losses)
    starts = np.zeros((most, n_edges), dtype=np.int64)
    least = np.empty(most)
    best = losses[0].copy()
    least[0] = best[-1]
    for s in range(1, most):
        shortest = np.full(n_edges, np.inf)
        for start in range(s, n_edges - 1):
            loss, by = losses[start, start + 1 :], best[start]
            least_sum, its_start = shortest[start + 1 :], starts[s, start + 1 :]
            for i in range(len(loss)):
                total = by + loss[i]
                its_start[i] = start if total < least_sum[i] else its_start[i]
                least_sum[i] = min(total, least_sum[i])
        best = shortest
        least[s] = best[-1]
    return starts, least


def _products(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Multiply what two running sums, (n + 1, d), rise by from each edge to each."""
    products = first @ second.T
    own = products.diagonal()
    rises: np.ndarray = own[:, None] + own - products - products.T
    return rises
