"""Standardisation within each video."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import (
    BaseEstimator,
    OneToOneFeatureMixin,
)
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from skvas._on_demand import lengths_of
from skvas._typing import Self, Videos
from skvas.validation import (
    check_videos,
)
from skvas.videos._containers import VideoTransformerMixin
from skvas.videos._frames import frame_blocks


class VideoStandardizer(OneToOneFeatureMixin, VideoTransformerMixin, BaseEstimator):
    r"""Standardise features within each video, as in the paper.

    Each feature is standardised over the video to mean 0 and standard deviation 1, and
    divided by :math:`\sqrt{D}`, so that a frame has a length of about 1. A feature that
    is constant within a video becomes 0.

    A frame of zeros counts like any other. The published code leaves such frames out of
    mean and deviation, and they stay 0.

    Attributes
    ----------
    n_features_in_ : int
        Number of features seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if the videos were data frames with string names.

    See Also
    --------
    WhitenedViews : The default of the estimators.
    Framewise : Any scikit-learn transformer, applied to the frames of videos.

    References
    ----------
    .. [1] *Joint Self-Supervised Video Alignment and Action Segmentation*, ICCV 2025,
       section 4.

    Examples
    --------
    >>> import numpy as np
    >>> from skvas.preprocessing import VideoStandardizer
    >>> video = np.array([[1.0, 5.0], [3.0, 5.0]])
    >>> VideoStandardizer().fit_transform([video])[0].round(3)
    array([[-0.707,  0.   ],
           [ 0.707,  0.   ]], dtype=float32)
    """

    def fit(self, videos: Videos, y: Any = None) -> Self:
        """Check the videos and record their number of features.

        Parameters
        ----------
        videos : array-like of shape (n_frames, n_features), or a collection of them
            Videos.
        y : object, default=None
            Ignored.

        Returns
        -------
        self
            The fitted transformer.
        """
        check_videos(videos, estimator=self)
        return self

    def transform(self, videos: Videos) -> Any:
        """Standardise each video.

        Parameters
        ----------
        videos : array-like of shape (n_frames, n_features), or a collection of them
            Videos with the features seen in `fit`.

        Returns
        -------
        float32 ndarray of shape (n_frames, n_features), or list of them
            One array for one video, a list for many; data frames after `set_output`.
        """
        check_is_fitted(self, "n_features_in_")
        checked = check_videos(videos, estimator=self, reset=False)
        results = [standardise_within(video) for video in checked]
        return self._wrap_output(results, videos)

    def __sklearn_tags__(self) -> Tags:
        """Declare that results are float32."""
        tags: Tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags


def standardise_within(video: np.ndarray) -> np.ndarray:
    """Standardise one video as :class:`VideoStandardizer` does.

    Parameters
    ----------
    video : ndarray of shape (n_frames, n_features)
        Finite numbers.

    Returns
    -------
    float32 ndarray of shape (n_frames, n_features)
    """
    known, root = moments([video]), np.sqrt(video.shape[1])
    found = np.empty(video.shape, dtype=np.float32)
    for rows in frame_blocks(video):
        found[rows] = standardise(video[rows], *known) / root
    return found


def moments(videos: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Compute peak, mean and standard deviation of each feature over all frames.

    Mean and deviation are in units of the peak, where nothing overflows or underflows.
    """
    extremes = [np.maximum(v.max(axis=0), -v.min(axis=0)) for v in videos]
    peak = np.max(extremes, axis=0)
    peak = np.where(peak > 0, peak, 1).astype(np.float64)
    n_frames = sum(lengths_of(videos))
    mean = np.zeros(videos[0].shape[1])
    for video in videos:
        mean += added_up(video, peak)
    mean /= n_frames
    variance = np.zeros_like(mean)
    for video in videos:
        variance += added_up(video, peak, mean)
    scale = np.sqrt(variance / n_frames)
    rounding = max(np.finfo(video.dtype).eps for video in videos)
    return peak, mean, np.where(scale > rounding, scale, 0)


def standardise(
    video: np.ndarray, peak: np.ndarray, mean: np.ndarray, scale: np.ndarray
) -> np.ndarray:
    standard = np.empty(video.shape)
    known = scale > 0
    for rows in frame_blocks(video):
        block = np.divide(video[rows], peak, out=standard[rows])
        block -= mean
        block /= np.where(known, scale, 1)
    standard[:, ~known] = 0
    return standard


def added_up(
    video: np.ndarray, peak: np.ndarray, mean: np.ndarray | None = None
) -> np.ndarray:
    """Add up frames in units of the peak, or the squares of their distance to a mean.

    The frames are added one after the other, whatever the blocks.
    """
    total = np.empty((0, video.shape[1]))
    for rows in frame_blocks(video):
        block = np.vstack([total, video[rows] / peak])
        if mean is not None:
            added = block[len(total) :]
            added -= mean
            np.square(added, out=added)
        total = block.sum(axis=0, keepdims=True)
    return total[0]
