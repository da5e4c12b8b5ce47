"""Directions in which the moments of a timeline differ more than the videos do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh, svd

from skvas.videos._frames import spread, unit

# Number of discriminants, and their weight beside the frames themselves.
N_DISCRIMINANTS, WEIGHT = 8, 2.0
# Principal directions of the template that discriminants are looked for in, and its
# evenly spread positions that are looked at, at most.
N_PRINCIPAL, N_POSITIONS = 64, 300
# Share of the scatter within positions that is taken as equal in all directions.
SHRINKAGE = 0.1
# Directions with less than this share of the largest scatter are rounding.
MIN_SCATTER = 1e-10


@dataclass(frozen=True)
class Discriminants:
    """Fisher's linear discriminants of the positions of a template.

    Attributes
    ----------
    centre : ndarray of shape (D,)
        Mean frame of the template.
    directions : ndarray of shape (D, n_discriminants)
        By decreasing ratio of the scatter between positions to that between videos.
    """

    centre: np.ndarray
    directions: np.ndarray

    def append(self, frames: np.ndarray) -> np.ndarray:
        """Return unit frames with their discriminants beside them."""
        found = unit((frames - self.centre) @ self.directions)
        return unit(np.hstack([frames, WEIGHT * found]))


def find_discriminants(
    videos: Sequence[np.ndarray], passed: Sequence[np.ndarray]
) -> Discriminants:
    """Find the directions that tell positions apart whatever the video.

    Parameters
    ----------
    videos : sequence of ndarray of shape (n_i, D)
        Unit frames.
    passed : sequence of ndarray of shape (n_positions,)
        The (fractional) frame with which each video passes each position.

    Returns
    -------
    Discriminants
        With no direction where videos do not differ at a position, or positions not
        from each other.
    """
    chosen = spread(len(passed[0]), N_POSITIONS)
    index = [np.rint(frames[chosen]).astype(np.int64) for frames in passed]
    mean = np.mean([v[i] for v, i in zip(videos, index, strict=True)], axis=0)
    centre = mean.mean(axis=0)
    _, scatter, basis = svd(mean - centre, full_matrices=False)
    basis = basis[:N_PRINCIPAL][scatter[:N_PRINCIPAL] > MIN_SCATTER * scatter[0]].T
    within = np.zeros((basis.shape[1],) * 2)
    for video, i in zip(videos, index, strict=True):
        rest = (video[i] - mean) @ basis
        within += rest.T @ rest
    isotropic = np.trace(within) / max(len(within), 1)
    if isotropic <= MIN_SCATTER * len(videos) * len(chosen):
        return Discriminants(centre, basis[:, :0])
    within = (1 - SHRINKAGE) * within + SHRINKAGE * isotropic * np.eye(len(within))
    between = np.cov(((mean - centre) @ basis).T).reshape(within.shape)
    _, vectors = eigh(between, within)
    return Discriminants(centre, basis @ vectors[:, : -N_DISCRIMINANTS - 1 : -1])
