"""From one labelled frame a segment to segments."""

from __future__ import annotations

import numpy as np

from skvas.videos._frames import running_sums

# Places between two timestamps at which a segment may end, at most.
N_PLACES = 200
# Share of the frames between a timestamp and the end of its segment that take its
# label: on a timeline, and elsewhere.
SURE, HALF_SURE = 0.8, 0.5


def fill_between(
    frames: np.ndarray, codes: np.ndarray, found: np.ndarray, sure: float
) -> np.ndarray:
    """Spread timestamps over the segments that they stand in.

    Between two timestamps of different labels one segment ends and the next begins:
    where exactly one found action ends there, at its end. The other boundaries are
    those of least total squared distance of frames from the means of their segments,
    found by dynamic programming.

    Parameters
    ----------
    frames : ndarray of shape (n_frames, D)
        Features of a video.
    codes : int64 ndarray of shape (n_frames,)
        Labels of some of its frames, or of none; -1 elsewhere.
    found : int64 ndarray of shape (n_frames,)
        Actions of its frames that were found without labels.
    sure : float
        Share of the frames between a timestamp and the end of its segment that are
        taken to be of its label: the ends are uncertain.

    Returns
    -------
    int64 ndarray of shape (n_frames,)
        Labels of these frames, and of the ends of the video; -1 elsewhere.
    """
    stamps = np.flatnonzero(codes >= 0)
    if not len(stamps):
        return codes
    changes = np.flatnonzero(np.diff(codes[stamps])) + 1
    # Timestamps of one label in a row stand for one segment.
    labels = codes[stamps[np.r_[0, changes]]]
    last, first = stamps[changes - 1], stamps[changes]
    starts = np.flatnonzero(np.diff(found)) + 1
    ends = [_places(a + 1, b, starts) for a, b in zip(last, first, strict=True)]
    boundaries = _best_boundaries(
        frames, [np.array([0]), *ends, np.array([len(codes)])]
    )
    filled = np.full(len(codes), -1, dtype=np.int64)
    for label, start, stop, low, high in zip(
        labels,
        boundaries[:-1],
        boundaries[1:],
        stamps[np.r_[0, changes]],
        stamps[np.r_[changes - 1, len(stamps) - 1]],
        strict=True,
    ):
        low -= int(sure * (low - start)) if start > 0 else low
        high += int(sure * (stop - 1 - high)) if stop < len(codes) else stop - 1 - high
        filled[low : high + 1] = label
    return filled


def _places(low: int, high: int, starts: np.ndarray) -> np.ndarray:
    """Return the one start of a found action from low to high, or whole numbers.

    Whole numbers are evenly spread where there are many.
    """
    between = starts[(starts >= low) & (starts <= high)]
    if len(between) == 1:
        return between
    n = min(high - low + 1, N_PLACES)
    return np.unique(np.linspace(low, high, n).round().astype(np.int64))


def _best_boundaries(frames: np.ndarray, places: list[np.ndarray]) -> np.ndarray:
    """Choose one of each row of places so that segments between them fit best."""
    sums = running_sums(frames)
    squares = np.r_[0, np.einsum("nd,nd->n", frames, frames, dtype=float).cumsum()]
    best = np.zeros(1)
    came_from = []
    for starts, stops in zip(places, places[1:], strict=False):
        # A start at a time: all differences at once are large where frames are wide.
        total = [((sums[stops] - sums[start]) ** 2).sum(axis=1) for start in starts]
        length = stops[None] - starts[:, None]  # (n_starts, n_stops)
        loss = squares[stops] - squares[starts][:, None]
        loss = loss - np.array(total) / length + best[:, None]
        came_from.append(loss.argmin(axis=0))
        best = loss.min(axis=0)
    chosen, index = [int(places[-1][0])], 0
    for starts, source in zip(places[-2::-1], came_from[::-1], strict=True):
        index = int(source[index])
        chosen.append(int(starts[index]))
    return np.array(chosen[::-1])
