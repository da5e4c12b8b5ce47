"""What drifts through each recording, and how much of it there is."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, OneToOneFeatureMixin
from sklearn.utils.validation import check_is_fitted

from skvas._on_demand import lengths_of
from skvas._typing import Self, Videos
from skvas.preprocessing._standardizer import moments, standardise
from skvas.validation import (
    check_choice,
    check_integer,
    check_videos,
    unchanged_on_failure,
)
from skvas.videos._containers import VideoTransformerMixin

# Share of the median video of `fit` from which a video loses its whole trend.
_WHOLE = 0.5
# Share of a video before and after which nothing counts as a shift: a few frames differ
# from all others by chance.
_EDGE = 0.05
# Cosines over a video that tell what is slow: the first is like a trend, and those from
# the fourth to the sixth are what an activity may well have by itself.
_COSINES, _FASTER = 6, slice(3, 6)


class Detrend(OneToOneFeatureMixin, VideoTransformerMixin, BaseEstimator):
    """Take away what drifts through each video from its beginning to its end.

    Sensors get warm, an estimated direction turns away, it gets dark. Such a drift has
    nothing to do with what is done, and is another one in each recording. Here a line,
    or a polynomial, is fitted to each feature of a video and subtracted, and its mean
    with it, as what drifts starts anywhere. Sensors slip, too, and cameras are pushed:
    what shifts at one moment has a polynomial before it, and another one after it. All
    of the activity that looks like it is lost as well: where videos share an order, a
    feature that rises with it.

    Parameters
    ----------
    degree : int, default=1
        Degree of the polynomial: 0 for a mean, 1 for a line, more for what turns on its
        way.
    shift : bool, default=False
        Whether there is one polynomial before the moment at which all features of a
        video together shift most, and one from there on.

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
    Polynomials are fitted by least squares over all frames, in float64. Of fewer than
    ``degree + 2`` frames they have a lower degree. The moment of a shift is the one at
    which two means a feature leave the least of standardised features, .05 of the
    video and a frame or more from both ends; a video of one frame has none. Where
    features come frame by frame nothing of this is known yet: this transformer has no
    method `stream`.

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

    def __init__(self, *, degree: int = 1, shift: bool = False) -> None:
        self.degree = degree
        self.shift = shift

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
        check_integer("degree", self.degree, low=0)
        check_choice("shift", self.shift, (True, False))
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
        fitted, whole = self._as_fitted(), _WHOLE * self.usual_length_
        found = []
        for video in checked:
            edges = [0, len(video)]
            if fitted.shift and len(video) > 1:
                edges.insert(1, moment_of_shift(video))
            share = min(1.0, (len(video) / whole) ** 2)
            found.append(without_trends(video, self.mean_, fitted.degree, edges, share))
        return self._wrap_output(found, videos)


def moment_of_shift(video: np.ndarray) -> int:
    """Return the first frame after the moment at which features shift most.

    Parameters
    ----------
    video : ndarray of shape (n_frames, n_features)
        The video, of two frames or more.

    Returns
    -------
    int
        Where two means a feature, before and after, explain most of the variance of
        standardised features.
    """
    totals = np.cumsum(standardise(video, *moments([video]))[:-1], axis=0)
    before = np.arange(1, len(video))
    explained = np.square(totals).sum(axis=1) / (before * before[::-1])
    edge = max(1, round(_EDGE * len(video)))
    return edge + int(explained[edge - 1 : len(video) - edge].argmax())


def without_trends(
    video: np.ndarray,
    mean: np.ndarray,
    degree: int,
    edges: Sequence[int],
    share: float = 1.0,
) -> np.ndarray:
    """Subtract a mean, and a share of the polynomials that are left in each feature.

    Parameters
    ----------
    video : ndarray of shape (n_frames, n_features)
        The video.
    mean : ndarray of shape (n_features,)
        Mean of each feature over all videos.
    degree : int
        Degree of the polynomials, of few frames a lower one.
    edges : sequence of int
        Where parts with a polynomial each begin, and where the last one ends.
    share : float, default=1.0
        How much of them is subtracted.

    Returns
    -------
    float32 or float64 ndarray of shape (n_frames, n_features)
        Of the type of `video`.
    """
    rest = video - mean
    for first, last in pairwise(edges):
        part = rest[first:last]
        length = last - first
        highest = max(min(degree, length - 2), 0)
        powers = np.vander(np.linspace(-1, 1, length), highest + 1, increasing=True)
        basis = np.linalg.qr(powers)[0]
        part -= share * (basis @ (basis.T @ part))
    found: np.ndarray = rest.astype(video.dtype)
    return found


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
