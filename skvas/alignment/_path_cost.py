"""What monotone paths between two videos sum up."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

# Means of costs up to this are rounding: all frames are equal.
NO_COST = 1e-6


# Cost of being before one frame of an anchor and after the other, for each frame of
# both videos: more than a path without.
APART = 20.0
# Costs that are looked at together where the least of each frame is found.
PIECE_COSTS = 1 << 22


@dataclass(frozen=True)
class View:
    """A video as alignments see it.

    Parameters
    ----------
    embedding : ndarray of shape (N, D)
        Unit embeddings, which frames are transported between; features, where an
        encoder is yet to embed them.
    detail : ndarray of shape (N, F), default=None
        What monotone paths look at as well.
    positions : ndarray of shape (N,), default=None
        Where the frames stand on a common axis, in any unit; beside details alone.
    is_trained : bool, default=True
        Whether the embedding was learned.
    pins : bool ndarray of shape (N,), default=None
        Which frames have a partner that paths have to pass together with them. Those of
        two videos are partners in their order.
    bends : float32 ndarray of shape (N, 1 + n_anchors), default=None
        What a frame keeps of its embedding, and how far it leans to each anchor, where
        the embedding is yet to be bent.
    """

    embedding: np.ndarray
    detail: np.ndarray | None = None
    positions: np.ndarray | None = None
    is_trained: bool = True
    pins: np.ndarray | None = None
    bends: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.embedding)

    def bent(self) -> View:
        """Return the video with its embedding bent."""
        if self.bends is None:
            return self
        kept, leans = self.bends[:, :1], self.bends[:, 1:]
        embedding = np.hstack([kept * self.embedding, leans])
        return replace(self, embedding=embedding, bends=None)


class PathCost:
    """What monotone paths between two videos sum up.

    The cosine cost of the embeddings. Where the videos have details, the squared
    distances between these are added, and how far frames stand apart on a common axis,
    where both have positions; each divided by its mean over all pairs of frames. If the
    embeddings are trained, half of the least that either frame costs with any other is
    taken off: it is nothing where two frames are each other's cheapest, and frames that
    look like none of the other video weigh no more than others. Before training even
    the cheapest may be chance.

    Parameters
    ----------
    x, y : View
        The videos.
    entries : int, default=PIECE_COSTS
        Costs that are looked at together where the least of each frame is found.
    """

    def __init__(self, x: View, y: View, entries: int = PIECE_COSTS) -> None:
        self.embeddings = x.embedding, y.embedding
        self.pins: list[tuple[np.ndarray, np.ndarray]] | None = None
        if x.pins is not None and y.pins is not None:
            # Pins up to a frame, and before it.
            up_to = ((np.cumsum(pins), pins) for pins in (x.pins, y.pins))
            self.pins = [(count, count - pins) for count, pins in up_to]
        self.details: tuple[np.ndarray, np.ndarray] | None = None
        self.positions: tuple[np.ndarray, np.ndarray] | None = None
        self.least: tuple[np.ndarray, np.ndarray] | None = None
        if x.detail is None or y.detail is None:
            return
        self.details = x.detail, y.detail
        self.squares = _squares(x.detail), _squares(y.detail)
        # Means over all pairs of frames, without the pairs.
        cosine = 1 - _mean(x.embedding) @ _mean(y.embedding)
        products = _mean(x.detail) @ _mean(y.detail)
        squares = sum(part.mean(dtype=float) for part in self.squares)
        self.weights = _inverse(cosine), _inverse(squares - 2 * products)
        if x.positions is not None and y.positions is not None:
            both, dtype = (x.positions, y.positions), x.embedding.dtype
            scale = _inverse(_mean_difference(*both))
            of_x, of_y = ((scale * each).astype(dtype) for each in both)
            self.positions = of_x, of_y
        if x.is_trained:
            self.least = self._least(entries)

    def __call__(
        self, rows: np.ndarray | slice, columns: np.ndarray | slice
    ) -> np.ndarray:
        """Return the costs between some frames of x and some of y."""
        cost = self._sum(rows, columns)
        if self.least is not None:
            least_x, least_y = self.least
            cost -= 0.5 * (least_x[rows, None] + least_y[columns])
            np.maximum(cost, 0, out=cost)  # least but for rounding
        if self.pins is not None:
            # What lies beside a pin may be matched with it, since all that comes before
            # a first frame must be.
            (to_x, before_x), (to_y, before_y) = self.pins
            apart = before_x[rows, None] > to_y[columns]
            apart |= to_x[rows, None] < before_y[columns]
            cost += APART * (len(to_x) + len(to_y)) * apart
        return cost

    def _sum(self, rows: np.ndarray | slice, columns: np.ndarray | slice) -> np.ndarray:
        x, y = self.embeddings
        cost = 1 - x[rows] @ y[columns].T
        if self.details is not None:
            (x, y), (squares_x, squares_y) = self.details, self.squares
            distance = squares_x[rows, None] + squares_y[columns]
            distance -= 2 * x[rows] @ y[columns].T
            weight, detail_weight = self.weights
            cost = weight * cost + detail_weight * np.maximum(distance, 0)
        if self.positions is not None:
            of_x, of_y = self.positions
            cost += np.abs(of_x[rows, None] - of_y[columns])
        return cost

    def _least(self, entries: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the least that each frame of x costs, and each of y."""
        x, y = self.embeddings
        least_x, least_y = np.empty_like(x[:, 0]), np.full_like(y[:, 0], np.inf)
        size = max(1, entries // len(y))
        for start in range(0, len(x), size):
            rows = slice(start, start + size)
            cost = self._sum(rows, slice(None))
            least_x[rows] = cost.min(axis=1)
            np.minimum(least_y, cost.min(axis=0), out=least_y)
        return least_x, least_y


def _squares(frames: np.ndarray) -> np.ndarray:
    return np.einsum("nd,nd->n", frames, frames)


def _mean(frames: np.ndarray) -> np.ndarray:
    return frames.mean(axis=0, dtype=float)


def _mean_difference(x: np.ndarray, y: np.ndarray) -> float:
    """Return the mean absolute difference of all pairs of two sets of numbers."""
    rising = np.sort(y)
    below = np.searchsorted(rising, x)
    sums = np.append(0.0, rising.cumsum())
    # Of each of x: from those below it up to it, and from it up to the others.
    total = (2 * below - len(y)) * x + sums[-1] - 2 * sums[below]
    return float(total.mean() / len(y))


def _inverse(mean: float) -> float:
    return 1 / float(mean) if mean > NO_COST else 0.0
