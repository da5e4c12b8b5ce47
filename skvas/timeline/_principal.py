"""Fewer directions for wide frames, so that paths cost the same whatever the width."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.linalg import eigh

from skvas._on_demand import choose
from skvas.videos._frames import spread, spread_over, unit

# Frames of more numbers than this are wide, and are looked at along so many directions,
# which are found from so many evenly spread frames of so many videos.
WIDE, N_DIRECTIONS, N_FRAMES, N_VIDEOS = 256, 64, 1024, 16
# Directions with less than this share of the largest scatter are rounding.
MIN_SCATTER = 1e-6


def is_wide(width: int) -> bool:
    """Tell whether frames of so many numbers are looked at along fewer directions."""
    return width > WIDE


def principal_directions(videos: Sequence[np.ndarray]) -> np.ndarray | None:
    """Find the directions that hold most of wide frames.

    Parameters
    ----------
    videos : sequence of ndarray of shape (n_i, D)
        Unit frames. Of more than 16 videos as many are looked at.

    Returns
    -------
    ndarray of shape (D, n_directions) or None
        Orthonormal columns, at most 64. None where frames are not wide, or all zero.
    """
    if not is_wide(videos[0].shape[1]):
        return None
    some = choose(videos, spread(len(videos), N_VIDEOS))
    frames = spread_over(some, N_FRAMES)
    n, n_kept = len(frames), min(len(frames), N_DIRECTIONS)
    scatter, vectors = eigh(frames @ frames.T, subset_by_index=[n - n_kept, n - 1])
    if scatter[-1] <= 0:
        return None
    kept = scatter > MIN_SCATTER * scatter[-1]
    directions: np.ndarray = frames.T @ (vectors[:, kept] / np.sqrt(scatter[kept]))
    return directions


def project(video: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """Return unit frames along some directions.

    Parameters
    ----------
    video : ndarray of shape (n_frames, D)
        Frames.
    directions : ndarray of shape (D, n_directions)
        Orthonormal columns.

    Returns
    -------
    float32 ndarray of shape (n_frames, n_directions)
    """
    return unit(video @ directions).astype(np.float32)
