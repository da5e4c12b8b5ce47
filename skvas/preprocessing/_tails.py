"""Features whose values span powers of ten."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, OneToOneFeatureMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from skvas._on_demand import lengths_of
from skvas._typing import Self, Videos
from skvas.preprocessing._standardizer import moments, standardise
from skvas.validation import check_videos, unchanged_on_failure
from skvas.videos._containers import VideoTransformerMixin
from skvas.videos._frames import frame_blocks
from skvas.videos._streams import Stateless

# Frames that medians are taken of, about as many at most.
_SEEN_FRAMES = 20_000
# Median absolute deviations of a normal distribution in a standard deviation.
_DEVIATION = 1.4826


class CompressTails(OneToOneFeatureMixin, VideoTransformerMixin, BaseEstimator):
    r"""Compress features whose values span powers of ten.

    The activity of muscles, the power of sound in a band and counts of events are small
    most of the time, and now and then a hundred times as large. What tells how frames
    differ by squares sees these moments alone. Here a value :math:`x` of a feature
    becomes

    .. math:: \operatorname{asinh}\frac{x - m}{1.48 \, d},

    with its median :math:`m` and median absolute deviation :math:`d`: usual values stay
    in proportion, and beyond these it grows as a logarithm does, to both sides.

    Attributes
    ----------
    center_ : ndarray of shape (n_features_in_,)
        Median of each feature over the training frames: of many, over every second or
        third and so on, some 20,000.
    scale_ : ndarray of shape (n_features_in_,)
        1.48 times the median absolute deviation, which is the standard deviation of a
        normal distribution; that of all frames where half of these have one value, and
        1 where all have.
    n_features_in_ : int
        Number of features seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if the videos were data frames with string names.

    See Also
    --------
    WhitenedViews : Components, which a few large values would make.
    Framewise : Quantiles or powers of scikit-learn, for tails of other kinds.

    Examples
    --------
    >>> import numpy as np
    >>> from skvas.preprocessing import CompressTails
    >>> video = np.array([[0.0], [1.0], [2.0], [3.0], [1000.0]])
    >>> CompressTails().fit([video]).transform(video).round(2)
    array([[-1.11],
           [-0.63],
           [ 0.  ],
           [ 0.63],
           [ 7.21]], dtype=float32)
    """

    def fit(self, videos: Videos, y: Any = None) -> Self:
        """Learn what is usual.

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
        with unchanged_on_failure(self):
            checked = check_videos(videos, estimator=self)
            step = -(-sum(lengths_of(checked)) // _SEEN_FRAMES)
            frames = np.concatenate([video[::step] for video in checked])
            center = np.median(frames, axis=0)
            usual = _DEVIATION * np.median(np.abs(frames - center), axis=0)
            peak, _, scale = moments(checked)
            scale = np.where(usual > 0, usual, peak * scale)
            self.center_ = center.astype(np.float64)
            self.scale_ = np.where(scale > 0, scale, 1.0)
        return self

    def transform(self, videos: Videos) -> Any:
        """Shrink what is far from usual.

        Parameters
        ----------
        videos : array-like of shape (n_frames, n_features), or a collection of them
            Videos with the features seen in `fit`.

        Returns
        -------
        float32 ndarray of shape (n_frames, n_features), or list of them
            One array for one video, a list for many; data frames after `set_output`.
        """
        check_is_fitted(self, "scale_")
        checked = check_videos(videos, estimator=self, reset=False)
        tails = self.stream()
        return self._wrap_output([tails.push(video) for video in checked], videos)

    def stream(self) -> TailStream:
        """Return what transforms the frames of a recording as they come.

        Returns
        -------
        TailStream
            Its method `push` takes frames, (n_frames, n_features), and returns them
            compressed.
        """
        check_is_fitted(self, "scale_")
        return TailStream(self.center_, self.scale_)

    def __sklearn_tags__(self) -> Tags:
        """Declare that results are float32."""
        tags: Tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags


@dataclass(frozen=True)
class TailStream(Stateless):
    """Compress the frames of a recording as they come.

    Parameters
    ----------
    center, scale : ndarray of shape (n_features,)
        As those of :class:`CompressTails`.
    """

    center: np.ndarray
    scale: np.ndarray

    def push(self, frames: np.ndarray) -> np.ndarray:
        """Return the next frames, compressed.

        Parameters
        ----------
        frames : ndarray of shape (n, n_features)
            Frames of the recording. What is NaN stays so.

        Returns
        -------
        float32 ndarray of shape (n, n_features)
        """
        largest = np.finfo(np.float64).max
        with np.errstate(over="ignore"):
            away = np.clip((frames - self.center) / self.scale, -largest, largest)
        return np.arcsinh(away).astype(np.float32)


def heaviness(videos: Sequence[np.ndarray]) -> float:
    """Return the excess kurtosis of features, in the median of those that vary.

    Parameters
    ----------
    videos : sequence of ndarray of shape (n_i, n_features)
        The videos.

    Returns
    -------
    float
        0 of a normal distribution, 3 of an exponential one to both sides; 0 where
        nothing varies.
    """
    known = moments(videos)
    varies = known[-1] > 0
    if not varies.any():
        return 0.0
    total = np.zeros(len(varies))
    for video in videos:
        for rows in frame_blocks(video):
            squares = np.square(standardise(video[rows], *known))
            total += np.square(squares).sum(axis=0)
    return float(np.median(total[varies])) / sum(lengths_of(videos)) - 3
