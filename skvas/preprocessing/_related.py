"""Features that go their own way in each video, and which do not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.feature_selection import SelectorMixin
from sklearn.utils.validation import check_is_fitted

from skvas._on_demand import choose, each
from skvas._typing import Self, Videos
from skvas.preprocessing._motion import Motion
from skvas.preprocessing._smoothing import course_and_spread, motion_sigma
from skvas.preprocessing._standardizer import moments, standardise
from skvas.validation import (
    check_real,
    check_videos,
    is_single_video,
    unchanged_on_failure,
)
from skvas.videos._containers import VideoTransformerMixin, list_like_input
from skvas.videos._streams import Stateless

# Videos that are looked at, at most, and the fewest that tell anything; numbers of them
# that are in memory at once.
_MAX_VIDEOS, _MIN_VIDEOS, _MANY_NUMBERS = 32, 3, 1 << 24
# Parts of the videos that are left out in turn; features that are held against each
# other at once, and times that they are, at most.
_PARTS, _AT_ONCE, _PASSES = 8, 64, 4
# Share of a video that is averaged, and deviations from the mean that count.
_REACH, _FARTHEST = 0.01, 4.0
# So few features of few videos may well be predicted by none of the others.
_FEW_FEATURES = 5
# Frames of a video that are looked at, about.
_N_FRAMES = 200
# The penalty of a regression, in units of the features' variance: times features over
# videos, which are what there is to learn from.
_PENALTY = 0.3
# Share of its variance that some feature has to be predicted by: else none is related.
_SOME = 0.2
# What is nothing but rounding.
_ROUNDING = 1e-6


class SelectRelated(VideoTransformerMixin, SelectorMixin, BaseEstimator):
    """Drop the features that go their own way in each video.

    What an activity does to one feature has to do with what it does to others. Noise,
    drifting sensors and whatever else wanders through a recording does not: wherever it
    goes along with another feature, it does so in that video alone. So a feature is
    kept where a linear combination of others, learned from some videos, predicts it in
    the rest of them; or predicts how much it moves about. Features that wander do great
    harm to principal components and clusters, as frames are near each other in time
    rather than in what is done.

    Parameters
    ----------
    least : float, default=1.0
        Standard errors, over videos, by which the prediction of a feature has to be
        better than its mean.

    Attributes
    ----------
    support_ : bool ndarray of shape (n_features_in_,)
        Which features are kept: those that are predicted, and those that have two
        values at most, which cannot wander. All are kept of fewer than three videos, of
        fewer than five features of fewer than eight, where at most one would be left,
        and where none is predicted by .2 of its variance.
    n_features_in_ : int
        Number of features seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if the videos were data frames with string names.

    See Also
    --------
    WhitenedViews : Principal components, which features that wander spoil.

    Notes
    -----
    At most 32 videos are looked at, at frames half a standard deviation of a Gaussian
    apart that has .01 of the video. Of each feature its smoothed course and the
    logarithm of how much it varies about it are predicted by ridge regression on those
    of all others, with a penalty of .3 times the features over the videos; an eighth of
    the videos is left out in turn. Fewer than eight videos are taken piece by piece.
    Features that are dropped predict no others, so that this is repeated until none is,
    four times at most. More than 64 features are predicted in groups, drawn at random
    and always alike. The cost is linear in the number of videos and features.

    That features related to each other are those of the activity is an assumption:
    another person's whole skeleton would be kept.

    Examples
    --------
    >>> import numpy as np
    >>> from skvas.datasets import make_videos
    >>> from skvas.preprocessing import SelectRelated
    >>> rng = np.random.default_rng(0)
    >>> videos = [
    ...     np.hstack([video, rng.normal(size=(len(video), 2)).cumsum(axis=0)])
    ...     for video in make_videos(10, n_features=6, random_state=0).videos
    ... ]
    >>> SelectRelated().fit(videos).get_support(indices=True)
    array([0, 1, 2, 3, 4, 5])
    """

    def __init__(self, *, least: float = 1.0) -> None:
        self.least = least

    def fit(self, videos: Videos, y: Any = None) -> Self:
        """Learn which features others predict.

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
        check_real("least", self.least)
        with unchanged_on_failure(self):
            checked = check_videos(videos, estimator=self)
            self.support_ = _related(_draw(checked), self.least)
        return self

    def transform(self, videos: Videos) -> Any:
        """Leave out the features that are not kept.

        Parameters
        ----------
        videos : array-like of shape (n_frames, n_features), or a collection of them
            Videos with the features seen in `fit`.

        Returns
        -------
        ndarray of shape (n_frames, n_features_out), or list of them
            One array for one video, a list for many; data frames after `set_output`.
        """
        check_is_fitted(self, "support_")
        checked = check_videos(videos, estimator=self, reset=False)
        return self._wrap_output([video[:, self.support_] for video in checked], videos)

    def stream(self) -> ColumnStream:
        """Return what transforms the frames of a recording as they come.

        Returns
        -------
        ColumnStream
            Its method `push` takes frames, (n_frames, n_features), and returns what is
            kept of them.
        """
        check_is_fitted(self, "support_")
        return ColumnStream(self.support_)

    def inverse_transform(self, videos: Videos) -> Any:
        """Put zeros in the place of the features that were left out.

        Parameters
        ----------
        videos : array-like of shape (n_frames, n_features_out), or a collection of them
            Videos as `transform` returns them.

        Returns
        -------
        ndarray of shape (n_frames, n_features), or list of them
            One array for one video, a list for many.
        """
        check_is_fitted(self, "support_")
        checked = check_videos(videos)
        n_kept = int(self.support_.sum())
        found = []
        for video in checked:
            if video.shape[1] != n_kept:
                raise ValueError(
                    f"X has {video.shape[1]} features, but {n_kept} of "
                    f"{len(self.support_)} were kept."
                )
            whole = np.zeros((len(video), len(self.support_)), video.dtype)
            whole[:, self.support_] = video
            found.append(whole)
        return list_like_input(found, is_single_video(videos))

    def _get_support_mask(self) -> np.ndarray:
        check_is_fitted(self, "support_")
        return self.support_


class ColumnStream(Stateless):
    """Leave out features of a recording as it comes.

    Parameters
    ----------
    support : bool ndarray of shape (n_features,)
        Which features are kept.
    """

    def __init__(self, support: np.ndarray) -> None:
        self.support = support

    def push(self, frames: np.ndarray) -> np.ndarray:
        """Return what is kept of the next frames.

        Parameters
        ----------
        frames : ndarray of shape (n, n_features)
            Frames of the recording.

        Returns
        -------
        ndarray of shape (n, n_features_out)
        """
        return frames[:, self.support]


def _draw(videos: Sequence[np.ndarray]) -> Sequence[np.ndarray]:
    """Return the videos that are looked at."""
    most = _MANY_NUMBERS // (2 * _N_FRAMES * videos[0].shape[1])
    order = np.random.RandomState(0).permutation(len(videos))
    return choose(videos, order[: min(max(most, _PARTS), _MAX_VIDEOS)])


def _related(videos: Sequence[np.ndarray], least: float) -> np.ndarray:
    """Tell which features are kept, (n_features,); those that are constant are."""
    kept = np.full(videos[0].shape[1], True)
    if len(videos) < _MIN_VIDEOS:
        return kept
    low, high = _range(videos)
    varies = np.flatnonzero(low < high)
    if len(varies) and (len(videos) >= _PARTS or len(varies) >= _FEW_FEATURES):
        varying = each(lambda video: video[:, varies], videos)
        two = _has_two_values(varying, low[varies], high[varies])
        kept[varies] = _related_varying(varying, two, least)
    return kept


def _related_varying(
    videos: Sequence[np.ndarray], cannot_wander: np.ndarray, least: float
) -> np.ndarray:
    """Do what `_related` does, with features of which none is constant."""
    looks, every = _look(videos), np.full(videos[0].shape[1], True)
    kept = every
    for _ in range(_PASSES):
        known = np.flatnonzero(kept)
        found, most = kept & cannot_wander, 0.0
        for group in _groups(known):
            gains = _gains([look[:, :, group] for look in looks])
            error = gains.std(axis=0, ddof=1) / np.sqrt(len(gains)) + _ROUNDING
            # Its course or its motion is enough.
            found[group] |= (gains.mean(axis=0) / error).max(axis=0) > least
            most = max(most, gains.mean(axis=0).max())
        if found.sum() < 2 or most < _SOME:
            return every
        if found[known].all():
            break
        kept = found
    return kept


def _look(videos: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return the course of features and how much they move, (n_frames_i, 2, D) each.

    Few videos are looked at piece by piece. Each column has mean 0 in each of them, and
    1 as mean square over all frames.
    """
    known = moments(videos)

    def standard(frames: np.ndarray) -> np.ndarray:
        return standardise(frames, *known).clip(-_FARTHEST, _FARTHEST)

    courses, spreads = [], []
    for video in videos:
        sigma = motion_sigma(_REACH, len(video))
        course, spread = course_and_spread(video, sigma, standard)
        courses.append(course.astype(np.float32))
        spreads.append(np.where(spread > _ROUNDING, spread, 0).astype(np.float32))
    motion = Motion.of(spreads, np.asarray)
    looks = [
        np.stack([course, motion.standard(spread)], axis=1, dtype=np.float32)
        for course, spread in zip(courses, spreads, strict=True)
    ]
    n_pieces = -(-_PARTS // len(looks))
    looks = [p for look in looks for p in np.array_split(look, n_pieces) if len(p)]
    for look in looks:
        look -= look.mean(axis=0)
    frames = sum(map(len, looks))
    squares = sum((look**2).sum(axis=0, dtype=float) for look in looks) / frames
    root = np.sqrt(np.where(squares > _ROUNDING, squares, np.inf))
    return [(look / root).astype(np.float32) for look in looks]


def _has_two_values(
    videos: Sequence[np.ndarray], low: np.ndarray, high: np.ndarray
) -> np.ndarray:
    """Tell which features have no value between their ends, (n_features,)."""
    either = [((video == low) | (video == high)).all(axis=0) for video in videos]
    found: np.ndarray = np.all(either, axis=0)
    return found


def _range(videos: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return the least and the largest value of each feature, (n_features,) each."""
    ends = [(video.min(axis=0), video.max(axis=0)) for video in videos]
    low, high = zip(*ends, strict=True)
    return np.min(low, axis=0), np.max(high, axis=0)


def _groups(features: np.ndarray) -> list[np.ndarray]:
    """Deal features out to groups of about the same size."""
    dealt = np.random.RandomState(0).permutation(features)
    return np.array_split(dealt, -(-len(dealt) // _AT_ONCE))


def _gains(looks: Sequence[np.ndarray]) -> np.ndarray:
    """Return what is gained by predicting each column of videos that were left out.

    Parameters
    ----------
    looks : sequence of ndarray of shape (n_frames_i, 2, D)
        Columns of mean 0.

    Returns
    -------
    ndarray of shape (n_videos, 2, D)
        Mean squares, less those of what the other columns leave unexplained.
    """
    columns = [look.reshape(len(look), -1).astype(float) for look in looks]
    products = np.stack([column.T @ column / len(column) for column in columns])
    gains = np.einsum("vii->vi", products).copy()
    n_parts = min(_PARTS, len(looks))
    for part in range(n_parts):
        is_out = np.arange(len(looks)) % n_parts == part
        learned = products[~is_out].mean(axis=0)
        penalty = _PENALTY * len(learned) / (~is_out).sum()
        # Row i, over its diagonal, is the residual of predicting i by all others.
        inverse = np.linalg.inv(learned + penalty * np.eye(len(learned)))
        residuals = inverse / np.diag(inverse)[:, None]
        gains[is_out] -= np.einsum(
            "vij,ij->vi", residuals @ products[is_out], residuals
        )
    return gains.reshape(len(looks), *looks[0].shape[1:])
