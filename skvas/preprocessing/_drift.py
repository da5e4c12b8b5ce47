"""What drifts through each recording, and how much of it there is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, OneToOneFeatureMixin
from sklearn.utils.validation import check_is_fitted

from skvas._on_demand import lengths_of
from skvas._typing import Self, Videos
from skvas.preprocessing._standardizer import moments
from skvas.validation import check_integer, check_videos, unchanged_on_failure
from skvas.videos._containers import VideoTransformerMixin

# Share of the median video of `fit` from which a video loses its whole trend.
_WHOLE = 0.5
# Cosines over a video that tell what is slow: the first is like a trend, and those from
# the fourth to the sixth are what an activity may well have by itself.
_COSINES, _FASTER = 6, slice(3, 6)


class Detrend(OneToOneFeatureMixin, VideoTransformerMixin, BaseEstimator):
    """Take away what drifts through each video from its beginning to its end.

    Sensors get warm, an estimated direction turns away, it gets dark. Such a drift has
    nothing to do with what is done, and is another one in each recording. Here a line,
    or a polynomial, is fitted to each feature of a video and subtracted, and its mean
    with it, as what drifts starts anywhere. So is all of the activity that looks like
    it: where videos share an order, a feature that rises with it is lost.

    Parameters
    ----------
    degree : int, default=1
        Degree of the polynomial: 1 for a line, more for what turns on its way.

    Attributes
    ----------
    mean_ : ndarray of shape (n_features_in_,)
        Mean of each feature over the training frames.
    usual_length_ : float
        Median length of the training videos, in frames. Of a video of less than half of
        it, `mean_` and a share of what remains is subtracted: the square of its length
        over that half. A short passage hardly drifts, and rises or falls by itself.
    n_features_in_ : int
        Number of features seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if the videos were data frames with string names.

    See Also
    --------
    SelectRelated : Drops features that go their own way, if others do not.
    WhitenedViews : Components, which features that drift spoil.

    Notes
    -----
    Polynomials are fitted by least squares over all frames, in float64. A video of
    fewer than ``degree + 2`` frames has a polynomial of a lower degree. Where features
    come frame by frame there is no such line: this transformer has no method `stream`.

    Examples
    --------
    >>> import numpy as np
    >>> from skvas.preprocessing import Detrend
    >>> video = np.array([[5.0], [4.0], [7.0], [6.0]])
    >>> Detrend().fit([video]).transform(video).round(2)
    array([[ 0.4],
           [-1.2],
           [ 1.2],
           [-0.4]])
    """

    def __init__(self, *, degree: int = 1) -> None:
        self.degree = degree

    def fit(self, videos: Videos, y: Any = None) -> Self:
        """Learn how long videos are, and their mean.

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
        check_integer("degree", self.degree, low=1)
        with unchanged_on_failure(self):
            checked = check_videos(videos, estimator=self)
            peak, mean, _ = moments(checked)
            self.mean_ = peak * mean
            self.usual_length_ = float(np.median(lengths_of(checked)))
            self._note_parameters()
        return self

    def transform(self, videos: Videos) -> Any:
        """Subtract the trend of each video.

        Parameters
        ----------
        videos : array-like of shape (n_frames, n_features), or a collection of them
            Videos with the features seen in `fit`.

        Returns
        -------
        ndarray of shape (n_frames, n_features), or list of them
            One array for one video, a list for many; data frames after `set_output`.
        """
        check_is_fitted(self, "usual_length_")
        checked = check_videos(videos, estimator=self, reset=False)
        degree = self._as_fitted().degree
        whole = _WHOLE * self.usual_length_
        found = [
            without_trend(v, self.mean_, degree, min(1.0, (len(v) / whole) ** 2))
            for v in checked
        ]
        return self._wrap_output(found, videos)


def without_trend(
    video: np.ndarray, mean: np.ndarray, degree: int, share: float = 1.0
) -> np.ndarray:
    """Subtract a mean, and a share of the polynomial that is left in each feature.

    Parameters
    ----------
    video : ndarray of shape (n_frames, n_features)
        The video.
    mean : ndarray of shape (n_features,)
        Mean of each feature over all videos.
    degree : int
        Degree of the polynomial, of few frames a lower one.
    share : float, default=1.0
        How much of it is subtracted.

    Returns
    -------
    float32 or float64 ndarray of shape (n_frames, n_features)
        Of the type of `video`.
    """
    degree = max(min(degree, len(video) - 2), 0)
    powers = np.vander(np.linspace(-1, 1, len(video)), degree + 1, increasing=True)
    basis = np.linalg.qr(powers)[0]
    rest = video - mean
    found: np.ndarray = rest - share * (basis @ (basis.T @ rest))
    return found.astype(video.dtype)


def excess_of_trend(videos: Sequence[np.ndarray]) -> float:
    """Tell how much more of what differs between videos is slow than an activity is.

    Parameters
    ----------
    videos : sequence of ndarray of shape (n_i, D)
        Whitened frames of two videos or more.

    Returns
    -------
    float
        How much each video differs from the mean of all by the slowest cosine, over
        what it does by faster ones, on average over features: about 1 to 2 of most
        activities, 4 of those that have few long steps. 0 where no feature varies.
    """
    found = []
    for video in videos:
        places = (np.arange(len(video)) + 0.5) / len(video)
        cosines = np.cos(np.pi * np.outer(np.arange(1, _COSINES + 1), places))
        found.append(cosines @ (video - video.mean(axis=0)) / len(video))
    power = np.var(found, axis=0)
    variance = np.average([v.var(axis=0) for v in videos], axis=0)
    varies = variance > 0
    if not varies.any():
        return 0.0
    shares = (power[:, varies] / variance[varies]).mean(axis=1)
    faster = shares[_FASTER].mean()
    return float(shares[0] / faster) if faster > 0 else 0.0
