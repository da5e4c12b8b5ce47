"""Principal directions of frames, wide ones too."""

from __future__ import annotations

import numpy as np
from scipy.linalg import eigh

__all__ = ["largest_directions"]


def largest_directions(frames: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the directions along which frames scatter most about zero.

    They come from the products of features or, where those are fewer, of frames: a
    singular value decomposition of wide frames takes several times as long, and finds
    all the directions that nobody asked for.

    Parameters
    ----------
    frames : ndarray of shape (n_frames, D)
        Rows.
    n : int
        How many to return, at most.

    Returns
    -------
    scatter : ndarray of shape (m,)
        Sums of squares along the directions, decreasing.
    directions : ndarray of shape (m, D)
        Orthonormal rows, where the scatter is no rounding.
    """
    is_wide = len(frames) < frames.shape[1]
    products = frames @ frames.T if is_wide else frames.T @ frames
    size = len(products)
    scatter, vectors = eigh(products, subset_by_index=[max(0, size - n), size - 1])
    scatter, vectors = scatter[::-1], vectors[:, ::-1]
    if is_wide:
        vectors = frames.T @ (vectors / np.sqrt(np.where(scatter > 0, scatter, 1)))
    return scatter, vectors.T
