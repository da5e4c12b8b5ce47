"""Fewer directions for wide frames, so that paths cost the same whatever the width."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from skvas._on_demand import choose
from skvas.videos._directions import largest_directions
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
    scatter, directions = largest_directions(frames, N_DIRECTIONS)
    if scatter[0] <= 0:
        return None
    kept: np.ndarray = directions[scatter > MIN_SCATTER * scatter[0]].T
    return kept


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
