"""Which frames of a video are looked at, and which videos of many."""

from __future__ import annotations

import numpy as np

# Choices look at so many videos, whatever their number.
SEEN_VIDEOS = 128
# Numbers that a processor's cache holds.
BLOCK = 1 << 16


def sample_frames(
    n_frames: int, n_samples: int, rng: np.random.RandomState
) -> np.ndarray:
    """Draw one frame from each of `n_samples` equal strata, in time order.

    A video that is not longer is used whole.
    """
    if n_frames <= n_samples:
        return np.arange(n_frames)
    edges = np.arange(n_samples) * (n_frames / n_samples)
    drawn = edges + rng.random_sample(n_samples) * (n_frames / n_samples)
    return np.minimum(drawn.astype(np.int64), n_frames - 1)


def sample_videos(n_videos: int) -> np.ndarray:
    """Return the videos that choices look at: all, or the same sample of 128 each time.

    Parameters
    ----------
    n_videos : int
        How many there are.

    Returns
    -------
    int64 ndarray
        Their positions, rising.
    """
    if n_videos <= SEEN_VIDEOS:
        return np.arange(n_videos)
    drawn = np.random.RandomState(0).permutation(n_videos)[:SEEN_VIDEOS]
    return np.sort(drawn)


def spread_frames(n_frames: int, n_samples: int) -> np.ndarray:
    """Take the middle frame of each of `n_samples` equal strata; nothing is random."""
    if n_frames <= n_samples:
        return np.arange(n_frames)
    middles = (np.arange(n_samples) + 0.5) * (n_frames / n_samples)
    return middles.astype(np.int64)


def frame_blocks(frames: np.ndarray, n_numbers: int = BLOCK) -> list[slice]:
    """Cut a video (n_frames, D) into runs of frames of at most so many numbers.

    A run has one frame at least.
    """
    n = max(1, n_numbers // frames.shape[1])
    return [slice(start, start + n) for start in range(0, len(frames), n)]
