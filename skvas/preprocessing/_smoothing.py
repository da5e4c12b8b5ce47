"""Smoothing along time, and how much frames vary within its reach."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from scipy.ndimage import gaussian_filter1d

from skvas.videos._frames import spread_frames

# Radius, in frames, from which a Gaussian is applied by Fourier transforms.
_LONG_KERNEL = 64
# Frames apart from each other that are smoothed at once.
_AT_ONCE = 16


def smooth(frames: np.ndarray, smoothing: float) -> np.ndarray:
    """Smooth along time with a Gaussian, repeating the first and the last frame."""
    sigma = smoothing * len(frames)
    radius = int(4 * sigma + 0.5)
    if radius == 0:
        return frames
    smoothed: np.ndarray
    if radius < _LONG_KERNEL:
        smoothed = gaussian_filter1d(
            frames, sigma, axis=0, mode="nearest", radius=radius
        )
        return smoothed
    # Imported here: it takes as long as half of skvas.
    from scipy.signal import oaconvolve

    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)[:, None]
    padded = np.pad(frames, ((radius, radius), (0, 0)), mode="edge")
    smoothed = oaconvolve(padded, kernel / kernel.sum(), mode="valid", axes=0)
    return smoothed


def smooth_causally(frames: np.ndarray, newest: float) -> np.ndarray:
    """Smooth along time with an exponential mean, which starts as the first frame."""
    return go_on_smoothing(frames, newest, frames[0])


def go_on_smoothing(
    frames: np.ndarray, newest: float, before: np.ndarray
) -> np.ndarray:
    """Return the exponential means after each frame; `before` was the last one."""
    # Imported here: it takes as long as half of skvas.
    from scipy.signal import lfilter

    start = (1 - newest) * before[None]
    smoothed: np.ndarray = lfilter([newest], [1, newest - 1], frames, axis=0, zi=start)[
        0
    ]
    return smoothed


def weight_of_newest(sigma: float) -> float:
    """Return the weight of the newest frame in an exponential mean.

    It has the variance of one over the independent frames that a Gaussian of this
    standard deviation averages.
    """
    n_averaged = max(1.0, 2 * np.sqrt(np.pi) * sigma)
    return float(2 / (1 + n_averaged))


def motion_sigma(reach: float, n_frames: float) -> float:
    """Return the standard deviation of motion's Gaussian: a frame at least."""
    return max(reach * n_frames, 1.0)


def smooth_few(frames: np.ndarray, smoothing: float) -> np.ndarray:
    """Smooth as `smooth` does, and return frames half a standard deviation apart."""
    parts = [
        weights @ frames[near]
        for near, weights in _neighbourhoods(len(frames), smoothing * len(frames))
    ]
    return np.concatenate(parts)


def spread_nearby(
    frames: np.ndarray,
    sigma: float,
    standardise: Callable[[np.ndarray], np.ndarray],
) -> np.ndarray:
    """Return how much frames vary about their smoothed course.

    Parameters
    ----------
    frames : ndarray of shape (n, D)
        The frames of a video.
    sigma : float
        Standard deviation of the Gaussian that weighs neighbours, in frames.
    standardise : callable
        Makes standard frames of some frames.

    Returns
    -------
    ndarray of shape (m, D)
        Weighted standard deviations at `few_centres`.
    """
    return course_and_spread(frames, sigma, standardise)[1]


def course_and_spread(
    frames: np.ndarray,
    sigma: float,
    standardise: Callable[[np.ndarray], np.ndarray],
) -> tuple[np.ndarray, np.ndarray]:
    """Return the smoothed course of frames, and what `spread_nearby` returns.

    Parameters
    ----------
    frames, sigma, standardise
        As `spread_nearby` takes them.

    Returns
    -------
    course, spread : ndarray of shape (m, D)
        Weighted means and standard deviations at `few_centres`.
    """
    courses, spreads = [], []
    for near, weights in _neighbourhoods(len(frames), sigma):
        standard = standardise(frames[near])
        mean = weights @ standard
        standard *= standard
        courses.append(mean)
        spreads.append(np.sqrt(np.maximum(weights @ standard - mean * mean, 0)))
    return np.concatenate(courses), np.concatenate(spreads)


def few_centres(n_frames: int, sigma: float) -> np.ndarray:
    """Return frames half a standard deviation apart, or all of them."""
    step = max(1, int(sigma / 2))
    return spread_frames(n_frames, -(-n_frames // step))


def _neighbourhoods(n: int, sigma: float) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield frames, and what they weigh in smoothed ones, a few of these at a time."""
    radius = int(4 * sigma + 0.5)
    centres = few_centres(n, sigma)
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / max(sigma, 1e-9)) ** 2)
    kernel /= kernel.sum()
    for start in range(0, len(centres), _AT_ONCE):
        some = centres[start : start + _AT_ONCE]
        first, last = max(some[0] - radius, 0), min(some[-1] + radius, n - 1)
        near = some[:, None] + np.arange(-radius, radius + 1)
        weights = np.zeros((len(some), last - first + 1))
        rows = np.arange(len(some))[:, None]
        np.add.at(weights, (rows, near.clip(0, n - 1) - first), kernel)
        yield slice(first, last + 1), weights
