"""Features as how near they are to each of some levels."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from skvas._typing import Self, Videos
from skvas.validation import check_integer, check_videos, unchanged_on_failure
from skvas.videos._containers import VideoTransformerMixin
from skvas.videos._streams import Stateless

# What is below the lowest level, and above the highest one: so much of the frames.
_OUTSIDE = 0.005


class LevelFeatures(
    ClassNamePrefixFeaturesOutMixin, VideoTransformerMixin, BaseEstimator
):
    """Tell how near each feature is to each of some levels.

    Frames are compared by their directions, of which one or two features have few: all
    that are twice as far from the middle as another one point the same way. Here each
    feature becomes several, one a level, evenly spaced: 1 at that level, 0 at all
    others, and in proportion between two neighbours. So a sensor that stands at several
    levels, as the power of a machine does, tells all of them apart.

    Parameters
    ----------
    n_levels : int, default=8
        Levels of each feature, two at least.

    Attributes
    ----------
    low_, high_ : ndarray of shape (n_features_in_,)
        The lowest and the highest level of each feature: .005 of the frames are below,
        and above. Values there count as these.
    n_features_in_ : int
        Number of features seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if the videos were data frames with string names.

    See Also
    --------
    WhitenedViews : Components of what comes out, as of any features.
    Framewise : Splines of scikit-learn, for levels of other kinds.

    Examples
    --------
    >>> import numpy as np
    >>> from skvas.preprocessing import LevelFeatures
    >>> video = np.array([[0.0], [2.0], [2.5], [4.0]])
    >>> LevelFeatures(n_levels=3).fit([video]).transform(video).round(2)
    array([[1.  , 0.  , 0.  ],
           [0.  , 1.  , 0.  ],
           [0.  , 0.75, 0.25],
           [0.  , 0.  , 1.  ]], dtype=float32)
    """

    def __init__(self, *, n_levels: int = 8) -> None:
        self.n_levels = n_levels

    def fit(self, videos: Videos, y: Any = None) -> Self:
        """Learn where the levels are.

        Parameters
        ----------
        videos : array-like of shape (n_frames, n_features), or a collection of them
            Training videos.
        y : object, default=None
            Ignored.

        Returns
        -------
        self
            The fitted transformer.
        """
        check_integer("n_levels", self.n_levels, low=2)
        with unchanged_on_failure(self):
            frames = np.concatenate(list(check_videos(videos, estimator=self)))
            ends = np.quantile(frames, [_OUTSIDE, 1 - _OUTSIDE], axis=0)
            self.low_, self.high_ = ends.astype(float)
            self._n_features_out = self.n_levels * self.n_features_in_
        return self

    def transform(self, videos: Videos) -> Any:
        """Tell how near frames are to the levels.

        Parameters
        ----------
        videos : array-like of shape (n_frames, n_features), or a collection of them
            Videos with the features seen in `fit`.

        Returns
        -------
        float32 ndarray of shape (n_frames, n_features * n_levels), or list of them
            The levels of the first feature, then those of the next one. One array for
            one video, a list for many; data frames after `set_output`.
        """
        check_is_fitted(self, "low_")
        checked = check_videos(videos, estimator=self, reset=False)
        low, high, n_levels = self.low_, self.high_, self._n_levels_of_fit
        found = [near_levels(video, low, high, n_levels) for video in checked]
        return self._wrap_output(found, videos)

    def stream(self) -> LevelStream:
        """Return what transforms the frames of a recording as they come.

        Returns
        -------
        LevelStream
            Its method `push` takes frames, (n_frames, n_features), and returns how near
            they are to the levels.
        """
        check_is_fitted(self, "low_")
        return LevelStream(self.low_, self.high_, self._n_levels_of_fit)

    @property
    def _n_levels_of_fit(self) -> int:
        return self._n_features_out // self.n_features_in_

    def __sklearn_tags__(self) -> Tags:
        """Declare that results are float32."""
        tags: Tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags


class LevelStream(Stateless):
    """Tell how near the frames of a recording are to levels, as they come.

    Parameters
    ----------
    low, high : ndarray of shape (n_features,)
        The lowest and the highest level of each feature.
    n_levels : int
        Levels of each feature.
    """

    def __init__(self, low: np.ndarray, high: np.ndarray, n_levels: int) -> None:
        self.low, self.high, self.n_levels = low, high, n_levels

    def push(self, frames: np.ndarray) -> np.ndarray:
        """Return how near the next frames are to the levels.

        Parameters
        ----------
        frames : ndarray of shape (n, n_features)
            Frames of the recording.

        Returns
        -------
        float32 ndarray of shape (n, n_features * n_levels)
        """
        return near_levels(frames, self.low, self.high, self.n_levels)


def near_levels(
    frames: np.ndarray, low: np.ndarray, high: np.ndarray, n_levels: int
) -> np.ndarray:
    """Tell how near frames are to evenly spaced levels of each feature.

    Parameters
    ----------
    frames : ndarray of shape (n_frames, n_features)
        The frames.
    low, high : ndarray of shape (n_features,)
        The lowest and the highest level of each feature.
    n_levels : int
        Levels of each feature.

    Returns
    -------
    float32 ndarray of shape (n_frames, n_features * n_levels)
    """
    width = np.where(high > low, high - low, 1.0)
    place = np.clip((frames - low) / width, 0, 1) * (n_levels - 1)
    away = np.abs(place[:, :, None] - np.arange(n_levels))
    near = np.maximum(1 - away, 0).astype(np.float32)
    return near.reshape(len(frames), -1)
