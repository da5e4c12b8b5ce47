"""What moments of a timeline are told apart by, on one scale."""

from __future__ import annotations

import numpy as np
from scipy.special import entr

from skvas.videos._directions import largest_directions

# Features that vary less than this share of their magnitude hold nothing but rounding.
CONSTANT = 1e-3


def standardised(signals: np.ndarray) -> np.ndarray:
    """Scale features to unit variance, and leave out those that do not vary.

    Parameters
    ----------
    signals : ndarray of shape (n_videos, n_positions, d)
        Features of the frame with which each video passes each position.

    Returns
    -------
    ndarray of shape (n_videos, n_positions, n_kept)
    """
    mean, std = signals.mean(axis=(0, 1)), signals.std(axis=(0, 1))
    kept = std > CONSTANT * np.abs(mean)
    scaled: np.ndarray = (signals[..., kept] - mean[kept]) / std[kept]
    return scaled


def principal_components(signals: np.ndarray) -> np.ndarray:
    """Return as many principal components of features as these fill dimensions.

    Features that tell the same would count as often as there are of them.

    Parameters
    ----------
    signals : ndarray of shape (n_videos, n_positions, d)
        As above.

    Returns
    -------
    ndarray of shape (n_videos, n_positions, n_components)
        Of the standardised features. Their number is the exponential of the entropy of
        the shares of the variance that they hold.
    """
    scaled = standardised(signals)
    if not scaled.shape[2]:
        return scaled
    frames = scaled.reshape(-1, scaled.shape[2])
    scatter, directions = largest_directions(frames, frames.shape[1])
    shares = scatter.clip(0) / scatter.clip(0).sum()
    n_components = round(float(np.exp(entr(shares).sum())))
    components = frames @ directions[:n_components].T
    return components.reshape(*signals.shape[:2], n_components)
