"""What frames of a recording that is still going on may be."""

from __future__ import annotations

from typing import Any

import numpy as np


def check_frames(frames: Any, n_features: int) -> np.ndarray:
    """Return frames as float64, (n, n_features); NaN is let through."""
    array = np.asarray(frames)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"frames must be real numbers, got dtype {array.dtype}.")
    if array.ndim != 2 or array.shape[1] != n_features:
        raise ValueError(
            f"frames must have the shape (n_frames, {n_features}), as the videos of "
            f"fit had {n_features} features, got {array.shape}."
        )
    if np.isinf(array).any():
        raise ValueError(
            "frames contain infinity; replace it, or by NaN where a frame cannot be "
            "read."
        )
    return array.astype(float)
