"""The list of videos, which NumPy joins to another feature by feature."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np


class VideoList(list[Any]):
    """A list of arrays, one a video, whose features can be joined to those of others.

    scikit-learn's `FeatureUnion` joins what its transformers return along the second
    axis, by `np.concatenate` or `np.hstack`. Of plain lists that is the axis of time
    where all videos are equally long, and an error where they are not.
    """

    def __array_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
    ) -> Any:
        """Join the features of each video; leave everything else to NumPy."""
        if func is np.hstack or (
            func is np.concatenate and _axis(*args, **kwargs) == 1
        ):
            parts = args[0]
            _refuse_data_frames(parts)
            videos = zip(*parts, strict=True)
            first = next(part for part in parts if isinstance(part, VideoList))
            return first._joined([np.concatenate(v, axis=1) for v in videos], parts)
        return np.empty(0).__array_function__(func, (), args, kwargs)

    def __mul__(self, weight: Any) -> VideoList:
        """Return each video times a number, as unions weigh their parts."""
        return self._joined([np.asarray(video) * weight for video in self], [self])

    __rmul__ = __mul__

    def _joined(self, videos: Sequence[np.ndarray], parts: Sequence[Any]) -> VideoList:
        """Return the joined videos, in a list that knows what this one does."""
        return VideoList(videos)


def _axis(arrays: Any, axis: int | None = 0, *args: Any, **kwargs: Any) -> int | None:
    """Return the axis of a call of `np.concatenate`."""
    return axis


def _refuse_data_frames(parts: Sequence[Any]) -> None:
    """Refuse data frames of transformers, which a union would make one frame of."""
    made = [part for part in parts if isinstance(part, VideoList)]
    if all(hasattr(video, "columns") for part in made for video in part):
        raise TypeError(
            "A FeatureUnion of videos cannot make data frames: call its "
            'set_output(transform="default").'
        )
