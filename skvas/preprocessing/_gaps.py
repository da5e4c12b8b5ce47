"""Gaps in recordings, closed between the frames around them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, OneToOneFeatureMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from skvas._typing import Self, Videos
from skvas.exceptions import InvalidParameterError
from skvas.preprocessing._last_seen import PRIOR, LastSeen
from skvas.validation import (
    check_choice,
    check_integer,
    check_videos,
    forget_fit,
    unchanged_on_failure,
)
from skvas.videos._containers import VideoTransformerMixin, available

__all__ = ["Interpolate", "close_gaps"]


def close_gaps(frames: np.ndarray, max_gap: int | None) -> np.ndarray:
    """Interpolate runs of NaN in each column, and repeat the values at the ends.

    Parameters
    ----------
    frames : ndarray of shape (n_frames, n_columns)
        Numbers, NaN where there is none.
    max_gap : int or None
        Longest run that is closed, in frames; longer ones stay NaN. None: any.

    Returns
    -------
    ndarray of shape (n_frames, n_columns)
        The array itself if it has no gap, else a copy. A column without any number
        stays NaN.
    """
    missing = np.isnan(frames)
    if not missing.any():
        return frames
    closed = frames.copy()
    at = np.arange(len(frames))
    for column in np.flatnonzero(missing.any(axis=0)):
        gaps = missing[:, column]
        if gaps.all():
            continue
        filled = np.interp(at, at[~gaps], frames[~gaps, column])
        to_close = gaps & (_run_lengths(gaps) <= (max_gap or len(frames)))
        closed[to_close, column] = filled[to_close]
    return closed


def _run_lengths(flags: np.ndarray) -> np.ndarray:
    """Return for each frame the length of the run of equal flags that it is in."""
    starts = np.flatnonzero(np.diff(flags, prepend=~flags[:1]))
    lengths = np.diff(starts, append=len(flags))
    return np.repeat(lengths, lengths)


def _mean_of(videos: Sequence[np.ndarray]) -> np.ndarray:
    """Return the mean of the numbers of each feature; 0 where there is none."""
    totals, counts = 0.0, 0.0
    for video in videos:
        totals = totals + np.nansum(video, axis=0, dtype=float)
        counts = counts + (~np.isnan(video)).sum(axis=0)
    mean: np.ndarray = totals / np.maximum(counts, 1)
    return mean


class GapStream(LastSeen):
    """Close the gaps of a recording as its frames come.

    Parameters
    ----------
    mean : float64 ndarray of shape (n_features,)
        What the mean of the recording starts as.
    """

    def __init__(self, mean: np.ndarray) -> None:
        super().__init__(len(mean), PRIOR)
        self.mean = mean

    def push(self, frames: np.ndarray) -> np.ndarray:
        """Return the next frames without NaN.

        Parameters
        ----------
        frames : ndarray of shape (n_frames, n_features)
            NaN where a number is missing.

        Returns
        -------
        float64 ndarray of shape (n_frames, n_features)
        """
        rest = frames - self.mean
        self.complete(rest)
        return np.where(np.isnan(frames), rest + self.mean, frames)


class Interpolate(OneToOneFeatureMixin, VideoTransformerMixin, BaseEstimator):
    """Close gaps (NaN) by straight lines between the frames around them.

    Each feature is interpolated by itself, within one recording. A gap at the start or
    the end takes the nearest value. With `causal`, gaps are closed by earlier frames
    alone.

    Parameters
    ----------
    max_gap : int, default=None
        Longest gap that is closed, in frames. Longer ones stay NaN, and estimators
        refuse them and say where they are. None: gaps of any length.
    causal : bool, default=False
        Whether frames depend on no later frame, for ``Training(live=True)`` and
        `stream`. A number that is missing then goes from the last one that was seen of
        the feature to its mean in the recording up to then, as exp(-age / 15 frames).
        That mean starts as the one of the training videos, which counts as 20 frames.
        All gaps are closed, so `max_gap` must be None.

    Attributes
    ----------
    mean_ : float64 ndarray of shape (n_features_in_,)
        With `causal`, the means of the numbers that training videos have; 0 of a
        feature without any.
    n_features_in_ : int
        Number of features seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if the videos were data frames with string names.

    See Also
    --------
    PoseFeatures : For poses, with their confidence.

    Examples
    --------
    >>> import numpy as np
    >>> from skvas.preprocessing import Interpolate
    >>> video = np.array([[1.0], [np.nan], [3.0], [np.nan], [np.nan], [6.0]])
    >>> Interpolate(max_gap=1).fit_transform([video])[0].ravel()
    array([ 1.,  2.,  3., nan, nan,  6.])
    """

    closes_gaps = True

    def __init__(self, max_gap: int | None = None, *, causal: bool = False) -> None:
        self.max_gap = max_gap
        self.causal = causal

    def fit(self, videos: Videos, y: Any = None) -> Self:
        """Check the videos and record their number of features, and means if asked.

        Parameters
        ----------
        videos : array-like of shape (n_frames, n_features), or a collection of them
            Videos, NaN where a number is missing.
        y : object, default=None
            Ignored.

        Returns
        -------
        self
            The fitted transformer.
        """
        check_integer("max_gap", self.max_gap, low=1, none_ok=True)
        check_choice("causal", self.causal, (True, False))
        if self.causal and self.max_gap is not None:
            raise InvalidParameterError(
                f"max_gap must be None with causal=True, which closes all gaps; got "
                f"{self.max_gap!r}."
            )
        with unchanged_on_failure(self):
            checked = check_videos(
                videos, estimator=self, ensure_all_finite="allow-nan"
            )
            forget_fit(self)
            if self.causal:
                self.mean_ = _mean_of(checked)
            self._note_parameters()
        return self

    def transform(self, videos: Videos) -> Any:
        """Close the gaps of each video.

        Parameters
        ----------
        videos : array-like of shape (n_frames, n_features), or a collection of them
            Videos with the features seen in `fit`.

        Returns
        -------
        ndarray of shape (n_frames, n_features), or list of them
            One array for one video, a list for many, :class:`skvas.Recordings` for
            such; data frames after `set_output`.
        """
        fitted = self._as_fitted()
        check_is_fitted(self, "mean_" if fitted.causal else "n_features_in_")
        checked = check_videos(
            videos, estimator=self, reset=False, ensure_all_finite="allow-nan"
        )
        return self._wrap_output([fitted._close(video) for video in checked], videos)

    @available(lambda self: self._as_fitted().causal)
    def stream(self) -> GapStream:
        """Return what closes the gaps of a recording as its frames come.

        Available if `causal`.

        Returns
        -------
        GapStream
            Its method `push` takes frames, (n_frames, n_features), and returns them
            without NaN: in pieces of any size the same, bit for bit.
        """
        check_is_fitted(self, "mean_")
        return GapStream(self.mean_)

    def _close(self, video: np.ndarray) -> np.ndarray:
        if not self.causal:
            return close_gaps(video, self.max_gap)
        return GapStream(self.mean_).push(video).astype(video.dtype)

    def __sklearn_tags__(self) -> Tags:
        """Declare that NaN is taken, and types are kept."""
        tags: Tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
