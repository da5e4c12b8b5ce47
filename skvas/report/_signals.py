"""Warps and curves of recordings, with few numbers."""

from __future__ import annotations

import base64
import heapq
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skvas.io._table import frame_edges
from skvas.videos._frames import spread

# Positions are whole numbers up to this.
SCALE = 100_000
# Knots of the warps of all recordings together, and of one at least and at most.
N_KNOTS, FEWEST_KNOTS, MOST_KNOTS = 8000, 16, 400
# Units of time in a usual step of frames without straight times.
N_UNITS = 32
# Points of all curves together, and of one at least and at most.
N_POINTS, FEWEST_POINTS, MOST_POINTS = 60_000, 40, 1000
# Share of the values of a curve above and below its range.
OUTSIDE = 0.005


def thin_warp(
    positions: NDArray[np.float64], n_recordings: int
) -> tuple[list[int], list[int]]:
    """Return knots of a warp, frames and positions, between which it is straight.

    Parameters
    ----------
    positions : float64 ndarray of shape (n_frames,)
        Between 0 and 1, never falling.
    n_recordings : int
        Number of recordings on the page, which share the room.

    Returns
    -------
    frames, places : list of int
        Frames rise from 0 to n_frames - 1; places are positions times `SCALE`.
    """
    knots = _knots(positions, _most(n_recordings), tolerance=0.25 / len(positions))
    places = np.rint(positions[knots] * SCALE).astype(np.int64)
    return knots.tolist(), places.tolist()


def pack_times(times: NDArray[np.float64], n_recordings: int) -> dict[str, Any]:
    """Return a clock, off by a quarter of the shortest step at most.

    Parameters
    ----------
    times : float64 ndarray of shape (n_frames,)
        The second at which each frame starts.
    n_recordings : int
        Number of recordings on the page, which share the room.

    Returns
    -------
    dict
        Lists `frames`, which rise from 0 to n_frames, where the last frame ends, and
        `seconds`, between which the clock is straight. Where it is so nowhere, the
        second `first` and the `steps` of all frames in a `unit` of seconds.
    """
    edges = frame_edges("", len(times), None, times)
    # So that the middle of each frame stays on its side of the edges.
    tolerance = 0.25 * float(np.diff(edges).min())
    knots = _knots(edges, _most(n_recordings), tolerance=tolerance)
    straight = np.interp(np.arange(len(edges)), knots, edges[knots])
    if np.abs(straight - edges).max() <= tolerance:
        return {"frames": knots.tolist(), "seconds": edges[knots].tolist()}
    unit = min(float(np.median(np.diff(edges))) / N_UNITS, tolerance)
    ends = np.rint((edges - edges[0]) / unit).astype(np.int64)
    return {"first": float(edges[0]), "unit": unit, "steps": np.diff(ends).tolist()}


def _most(n_recordings: int) -> int:
    return int(np.clip(N_KNOTS // n_recordings, FEWEST_KNOTS, MOST_KNOTS))


def _knots(
    values: NDArray[np.float64], most: int, tolerance: float
) -> NDArray[np.int64]:
    """Choose points whose straight lines are near all others.

    As Douglas and Peucker do, but the worst point of all comes first, so that any
    number of points is a good choice.
    """
    keep = {0, len(values) - 1}
    pending = [_farthest(values, 0, len(values) - 1)]
    while len(keep) < most:
        far, first, worst, last = heapq.heappop(pending)
        if -far <= tolerance:
            break
        keep.add(worst)
        heapq.heappush(pending, _farthest(values, first, worst))
        heapq.heappush(pending, _farthest(values, worst, last))
    return np.array(sorted(keep), dtype=np.int64)


def _farthest(
    values: NDArray[np.float64], first: int, last: int
) -> tuple[float, int, int, int]:
    """Return minus the distance of the point farthest from a line, and where it is."""
    slope = (values[last] - values[first]) / max(last - first, 1)
    line = values[first] + slope * np.arange(last - first + 1)
    far = np.abs(values[first : last + 1] - line)
    worst = int(far.argmax())
    return -float(far[worst]), first, first + worst, last


def pack_curves(curves: Sequence[NDArray[np.float64]]) -> list[str]:
    """Return curves of recordings as bytes in base64, one text for each recording.

    Parameters
    ----------
    curves : list of float64 ndarray of shape (n_frames_i, n_curves)
        NaN where there is no value.

    Returns
    -------
    list of str
        All points of the first curve, then of the next. 0 is the bottom of the range
        of a curve over all recordings, 255 its top.
    """
    n_curves = curves[0].shape[1]
    most = N_POINTS // (len(curves) * n_curves)
    n_points = int(np.clip(most, FEWEST_POINTS, MOST_POINTS))
    thin = [_filled(curve)[spread(len(curve), n_points)] for curve in curves]
    low, high = np.quantile(np.concatenate(thin), [OUTSIDE, 1 - OUTSIDE], axis=0)
    width = np.where(high > low, high - low, 1)
    return [
        base64.b64encode(
            np.rint(255 * np.clip((t - low) / width, 0, 1)).astype(np.uint8).T.tobytes()
        ).decode()
        for t in thin
    ]


def _filled(curve: NDArray[np.float64]) -> NDArray[np.float64]:
    """Put values between their neighbours where there are none."""
    filled = np.zeros_like(curve)
    frames = np.arange(len(curve))
    for column, values in zip(filled.T, curve.T, strict=True):
        known = np.isfinite(values)
        if known.any():
            column[:] = np.interp(frames, frames[known], values[known])
    return filled
