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
    forget_fit,
    unchanged_on_failure,
)
from skvas.videos._containers import VideoTransformerMixin
from skvas.videos._frames import running_sums

# Share of the median video of `fit` from which a video loses its whole trend.
_WHOLE = 0.5
# Share of a video before and after which nothing counts as a shift: a few frames differ
# from all others by chance.
_EDGE = 0.05
# Equal parts of the time of a video in which its course is known.
_PLACES = 64
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
    of the activity that looks like it is lost as well, such as a feature that rises
    with it where videos share an order, unless they drift about a course that they
    share.

    Parameters
    ----------
    degree : int, default=1
        Degree of the polynomial: 0 for a mean, 1 for a line, more for what turns on its
        way.
    shift : bool, default=False
        Whether there is one polynomial before the moment at which all features of a
        video together shift most, and one from there on.
    about : {"mean", "course"}, default="mean"
        What features drift away from. "course": the mean of all training videos at
        each share of their time, so that only what a video differs by from it has a
        polynomial and shifts: for videos that share an order.

    Attributes
    ----------
    mean_ : ndarray of shape (n_features_in_,)
        Mean of each feature over the training frames.
    course_ : ndarray of shape (64, n_features_in_)
        About a course, how far the mean video is from `mean_` in equal parts of its
        time.
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

    def __init__(
        self, *, degree: int = 1, shift: bool = False, about: str = "mean"
    ) -> None:
        self.degree = degree
        self.shift = shift
        self.about = about

    def fit(self, videos: Videos, y: Any = None) -> Self:
        """Learn how long videos are, and their mean, or mean course.

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
        check_choice("about", self.about, ("mean", "course"))
        with unchanged_on_failure(self):
            checked = check_videos(videos, estimator=self)
            forget_fit(self)
            peak, mean, _ = moments(checked)
            self.mean_ = peak * mean
            if self.about == "course":
                course = np.zeros((_PLACES, len(mean)))
                for video in checked:
                    course += in_equal_parts(video - self.mean_, _PLACES)
                self.course_ = course / len(checked)
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
            rest = away = video - self.mean_
            if fitted.about == "course":
                away = rest - in_equal_parts(self.course_, len(video))
            edges = [0, len(video)]
            if fitted.shift and len(video) > 1:
                edges.insert(1, moment_of_shift(away))
            share = min(1.0, (len(video) / whole) ** 2)
            rest = rest - share * trends(away, fitted.degree, edges)
            found.append(rest.astype(video.dtype))
        return self._wrap_output(found, videos)


def in_equal_parts(video: np.ndarray, n_parts: int) -> np.ndarray:
    """Average a video over equal parts of its time, which may be parts of frames.

    Parameters
    ----------
    video : ndarray of shape (n_frames, n_features)
        The video.
    n_parts : int
        Number of parts.

    Returns
    -------
    float64 ndarray of shape (n_parts, n_features)
    """
    total = running_sums(video)
    at = np.linspace(0, len(video), n_parts + 1)
    frames = np.minimum(at.astype(np.int64), len(video) - 1)
    at_edges = total[frames] + (at - frames)[:, None] * video[frames]
    parts: np.ndarray = np.diff(at_edges, axis=0) * (n_parts / len(video))
    return parts


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


def trends(video: np.ndarray, degree: int, edges: Sequence[int]) -> np.ndarray:
    """Fit a polynomial to each feature of each part of a video.

    Parameters
    ----------
    video : ndarray of shape (n_frames, n_features)
        The video.
    degree : int
        Degree of the polynomials, of few frames a lower one.
    edges : sequence of int
        Where parts with a polynomial each begin, and where the last one ends.

    Returns
    -------
    ndarray of shape (n_frames, n_features)
        Their values.
    """
    found = np.empty(video.shape)
    for first, last in pairwise(edges):
        length = last - first
        highest = max(min(degree, length - 2), 0)
        powers = np.vander(np.linspace(-1, 1, length), highest + 1, increasing=True)
        basis = np.linalg.qr(powers)[0]
        found[first:last] = basis @ (basis.T @ video[first:last])
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
