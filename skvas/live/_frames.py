"""What frames of a recording that is still going on may be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from skvas._printing import name_first
from skvas.validation import are_same_names, check_video, spelled_as

FLOATS = (np.dtype(np.float32), np.dtype(np.float64))
# Columns that a message names, at most.
MOST_NAMED = 5


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
    _check_columns(getattr(frames, "columns", ()), names)
    if array.shape[1] != n_features:
        raise _other_shape(n_features, shape)
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
    one = ": pass a lone frame as [frame]" if shape == (n_features,) else ""
    return ValueError(
        f"frames must have the shape (n_frames, {n_features}), as the videos of "
        f"fit had {n_features} features, got {shape}{one}."
    )


def _check_columns(columns: Any, names: Sequence[str] | None) -> None:
    """Refuse columns with other names, or in another order, than those of `fit`."""
    is_named = len(columns) and all(isinstance(name, str) for name in columns)
    if names is None or not is_named or are_same_names(columns, names):
        return
    found = [*map(spelled_as(names), columns)]
    odd = {
        "unknown": [name for name in found if name not in names],
        "missing": [name for name in names if name not in found],
        "there twice": [n for n in dict.fromkeys(found) if found.count(n) > 1],
    }
    told = [
        f"{name_first([*map(repr, some)], most=MOST_NAMED)} "
        f"{'is' if len(some) == 1 else 'are'} {what}"
        for what, some in odd.items()
        if some
    ]
    if not told:
        number = next(n for n, name in enumerate(names) if found[n] != name)
        told = [f"column {number} is {found[number]!r} and was {names[number]!r}"]
    raise ValueError(
        f"frames must have the columns of fit, in their order, but {', '.join(told)}."
    )
