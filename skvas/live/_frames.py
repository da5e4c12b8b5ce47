"""What frames of a recording that is still going on may be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from skvas.validation import are_same_names, check_video

FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


def check_frames(
    frames: Any, n_features: int, names: Sequence[str] | None = None
) -> np.ndarray:
    """Return frames as float64, (n, n_features), a copy; NaN is let through.

    Parameters
    ----------
    frames : array-like
        What was pushed: all that may be one video, poses too, and a list of rows.
    n_features : int
        Features of a frame in `fit`.
    names : sequence of str, default=None
        Their names, which columns of a data frame are held against.
    """
    shape = _shape(frames)
    if len(shape) == 1:
        raise _other_shape(n_features, shape)
    if type(frames) is np.ndarray and frames.dtype in FLOATS and len(shape) == 2:
        array = frames  # as most frames are: not worth half the time of a step
    else:
        array = check_video(frames, min_frames=0, ensure_all_finite=False)
    if array.shape[1] != n_features:
        raise _other_shape(n_features, shape)
    _check_columns(getattr(frames, "columns", ()), names)
    if np.isinf(array).any():
        raise ValueError(
            "frames contain infinity; replace it, or by NaN where a frame cannot be "
            "read."
        )
    return array.astype(float)


def _shape(frames: Any) -> tuple[int, ...]:
    """Return the shape of an array, or of a list by its first row."""
    if isinstance(frames, (list, tuple)):
        return len(frames), *(np.shape(frames[0]) if frames else ())
    return tuple(getattr(frames, "shape", ()))


def _other_shape(n_features: int, shape: tuple[int, ...]) -> ValueError:
    return ValueError(
        f"frames must have the shape (n_frames, {n_features}), as the videos of "
        f"fit had {n_features} features, got {shape}."
    )


def _check_columns(columns: Any, names: Sequence[str] | None) -> None:
    """Refuse columns with other names, or in another order, than those of `fit`."""
    is_named = all(isinstance(name, str) for name in columns)
    if names is None or not is_named or are_same_names(columns, names):
        return
    for number, (found, name) in enumerate(zip(columns, names, strict=False)):
        if found != name:
            raise ValueError(
                "frames must have the columns of fit, in their order, but column "
                f"{number} is {found!r} and was {name!r}."
            )
