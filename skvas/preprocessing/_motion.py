"""How much features vary, as standard logarithms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from skvas._on_demand import lengths_of

# What a feature at rest varies by, as a share of what it usually does: its logarithm is
# not to tell one degree of rest from another.
_AT_REST = 0.1
# Variance of a logarithm that is rounding.
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Motion:
    """What features usually vary by.

    Attributes
    ----------
    usual : ndarray of shape (n_features,)
        Mean over the frames of a collection of what standard features vary by.
    mean, scale : ndarray of shape (n_features,)
        Of the logarithm of .1 + the share of `usual` that a frame has. A feature that
        always varies alike has the scale 0.
    """

    usual: np.ndarray
    mean: np.ndarray
    scale: np.ndarray

    @classmethod
    def of(
        cls, videos: Sequence[np.ndarray], vary: Callable[[np.ndarray], np.ndarray]
    ) -> Motion:
        """Learn what is usual in a collection.

        Parameters
        ----------
        videos : sequence of ndarray of shape (n_i, n_features)
            The collection.
        vary : callable
            From a video to what its features vary by at some frames, (m, n_features).
        """
        lengths = lengths_of(videos)
        shares = np.divide(lengths, sum(lengths))
        usual = np.zeros(videos[0].shape[1])
        for video, share in zip(videos, shares, strict=True):
            usual += share * vary(video).mean(axis=0)
        unscaled = cls(usual, np.zeros_like(usual), np.ones_like(usual))
        mean, squares = np.zeros((2, len(usual)))
        for video, share in zip(videos, shares, strict=True):
            logarithms = unscaled.standard(vary(video))
            mean += share * logarithms.mean(axis=0)
            squares += share * (logarithms**2).mean(axis=0)
        variance = squares - mean**2
        scale = np.sqrt(np.where(variance > _ROUNDING, variance, 0))
        return cls(usual, mean, scale)

    def standard(self, spread: np.ndarray) -> np.ndarray:
        """Return the standard logarithms of what features vary by."""
        share = spread / np.where(self.usual > 0, self.usual, 1)
        known = self.scale > 0
        logarithms = np.log(_AT_REST + share) - self.mean
        standard: np.ndarray = logarithms / np.where(known, self.scale, 1) * known
        return standard
