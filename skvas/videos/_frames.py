"""Which frames of a video are looked at, and which videos of many; unit frames."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from skvas._on_demand import lengths_of

# Choices look at so many videos, whatever their number.
SEEN_VIDEOS = 128
# Numbers that a processor's cache holds.
BLOCK = 1 << 16
# What is said of features that float32 does not hold.
NOT_IN_FLOAT32 = (
    "features {} in float32; rescale them, or use features=WhitenedViews()."
)


def sample_frames(
    n_frames: int, n_samples: int, rng: np.random.RandomState
) -> np.ndarray:
    """Draw one frame from each of `n_samples` equal strata, in time order.

    A video that is not longer is used whole.
    """
    if n_frames <= n_samples:
        return np.arange(n_frames, dtype=np.int64)
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
        return np.arange(n_videos, dtype=np.int64)
    drawn = np.random.RandomState(0).permutation(n_videos)[:SEEN_VIDEOS]
    return np.sort(drawn).astype(np.int64)


def running_sums(frames: np.ndarray) -> np.ndarray:
    """Add up frames one after another, from none on, (n + 1, D), in float64."""
    return np.vstack([np.zeros(frames.shape[1]), frames.cumsum(axis=0, dtype=float)])


def spread_frames(n_frames: int, n_samples: int) -> np.ndarray:
    """Take the middle frame of each of `n_samples` equal strata; nothing is random."""
    if n_frames <= n_samples:
        return np.arange(n_frames, dtype=np.int64)
    middles = (np.arange(n_samples) + 0.5) * (n_frames / n_samples)
    return middles.astype(np.int64)


def spread(n: int, most: int) -> np.ndarray:
    """Return evenly spread numbers below n, each once, with both ends.

    `spread_frames` takes middles instead.

    Parameters
    ----------
    n : int
        Positive.
    most : int
        How many to return, at most.

    Returns
    -------
    int64 ndarray
    """
    return np.linspace(0, n - 1, min(n, most)).round().astype(np.int64)


def spread_over(videos: Sequence[np.ndarray], most: int) -> np.ndarray:
    """Return frames that are evenly spread over all videos, one after another.

    Parameters
    ----------
    videos : sequence of ndarray of shape (n_i, D)
        The videos; one at a time is in memory where they are on demand.
    most : int
        How many to return, at most.

    Returns
    -------
    ndarray of shape (n, D)
    """
    ends = np.cumsum([0, *lengths_of(videos)])
    chosen = spread(int(ends[-1]), most)
    return np.concatenate(
        [
            videos[i][chosen[(chosen >= start) & (chosen < end)] - start]
            for i, (start, end) in enumerate(pairwise(ends))
        ]
    )


def nearest_of(known: np.ndarray, n: int) -> np.ndarray:
    """Return for each number below n the nearest of some, the smaller of two.

    Parameters
    ----------
    known : int64 ndarray of shape (n_known,)
        At least one number, rising.
    n : int
        How many numbers to answer for.

    Returns
    -------
    int64 ndarray of shape (n,)
    """
    middles = (known[1:] + known[:-1]) / 2
    return known[np.searchsorted(middles, np.arange(n))]


def frame_blocks(frames: np.ndarray, n_numbers: int = BLOCK) -> list[slice]:
    """Cut a video (n_frames, D) into runs of frames of at most so many numbers.

    A run has one frame at least.
    """
    n = max(1, n_numbers // frames.shape[1])
    return [slice(start, start + n) for start in range(0, len(frames), n)]


def labelled_videos(codes: Sequence[np.ndarray]) -> list[int]:
    """Return the positions of the videos with a label.

    Parameters
    ----------
    codes : sequence of int64 ndarray of shape (n_i,)
        Labels of the frames of each, -1 where there is none.
    """
    return [i for i, code in enumerate(codes) if (code >= 0).any()]


def unit(frames: np.ndarray) -> np.ndarray:
    """Scale rows to length one; rows of length zero stay zero.

    Parameters
    ----------
    frames : ndarray of shape (..., D)
        Rows.

    Returns
    -------
    ndarray of shape (..., D)
    """
    norms = np.linalg.norm(frames, axis=-1, keepdims=True)
    scaled: np.ndarray = frames / np.where(norms > 0, norms, 1)
    return scaled


def to_float32(frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cast features for the networks, and refuse those that are not finite then.

    Embeddings are divided by their lengths: squares must be in range as well.

    Parameters
    ----------
    frames : ndarray of shape (n_frames, D)
        Features.

    Returns
    -------
    cast : float32 ndarray of shape (n_frames, D)
    squares : float32 ndarray of shape (n_frames,)
        Squared lengths.
    """
    with np.errstate(over="ignore", under="ignore"):
        cast = frames.astype(np.float32, copy=False)
        squares = np.einsum("nd,nd->n", cast, cast)
    if not np.isfinite(squares).all():
        rows = np.flatnonzero(~np.isfinite(frames.astype(float)).all(axis=1))
        if len(rows):
            raise ValueError(
                f"features are NaN or infinite in {len(rows)} of {len(frames)} frames, "
                f"first in frame {rows[0]}; the preprocessing in features= must make "
                "finite numbers."
            )
        raise ValueError(NOT_IN_FLOAT32.format("overflow"))
    return cast, squares
