"""Whitened principal components of videos."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from scipy.linalg import eigh
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
)
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from skvas._on_demand import lengths_of
from skvas._printing import levels_to_user
from skvas._typing import Self, Videos
from skvas.exceptions import DegenerateFramesWarning, InvalidParameterError
from skvas.preprocessing._motion import Motion
from skvas.preprocessing._running import PRIOR_SHARE, RunningMoments, Standing
from skvas.preprocessing._smoothing import (
    few_centres,
    motion_sigma,
    smooth,
    smooth_causally,
    smooth_few,
    spread_nearby,
    weight_of_newest,
)
from skvas.preprocessing._standardizer import moments, standardise
from skvas.validation import (
    check_choice,
    check_integer,
    check_real,
    check_videos,
    forget_fit,
    is_single_video,
    naming_video,
    unchanged_on_failure,
)
from skvas.videos._containers import VideoTransformerMixin, available
from skvas.videos._directions import largest_directions
from skvas.videos._stored import check_array

__all__ = ["WhitenedViews"]


_VIEWS = ("video", "collection", "motion")


# Standard deviation of the Gaussian within which motion counts, as a share of a video;
# and that of older fits that smoothed nothing, which otherwise had the smoothing's.
_REACH, _OLDER_REACH = 0.003, 0.01


# Directions with less than this share of the largest variance are rounding errors, or
# too weak to scale to unit variance.
_MIN_RELATIVE_VARIANCE = 1e-7


# Beyond so many numbers in all videos, principal directions are found from frames that
# lie half a standard deviation of the Gaussian filter apart: the second moments of
# smoothed frames do not change between two of them.
_MANY_NUMBERS = 1 << 24


# Frames that the collection counts as, as a share of the median video: less where
# recordings differ more than within.
SMOOTHED_PRIOR_SHARE = 0.3


def _is_causal(transformer: WhitenedViews) -> bool:
    """Make a method available that needs no later frame."""
    return transformer._as_fitted().causal


class WhitenedViews(
    ClassNamePrefixFeaturesOutMixin, VideoTransformerMixin, BaseEstimator
):
    """Reduce the features of videos to a few whitened components, in several views.

    Each view standardises the features, smooths them along time and projects them onto
    their principal directions, scaled to unit variance. The view "video" standardises
    within each video, which removes differences between recordings. The view
    "collection" standardises over all training frames, which keeps these differences.
    The two views side by side are a good start for alignment and segmentation, which
    training can improve. A third one, "motion", takes in place of each feature the
    logarithm of how much it varies nearby, within a Gaussian of .003 of the video and
    of a frame at least: it tells walking from standing where both pass the same places.

    Parameters
    ----------
    n_components : int, default=24
        Maximum number of components of a view. Directions with a variance of at most
        1e-7 of the largest are left out. A view without directions is one column of
        zeros.
    smoothing : float, default=0.01
        Standard deviation of the Gaussian filter along time, as a fraction of the
        video's length, in [0, 1]; 0 disables smoothing.
    views : tuple of {"video", "collection", "motion"}, \
            default=("video", "collection")
        The views, in the order of their columns.
    whiten : bool, default=True
        Whether to scale components to unit variance. False keeps their variance, so
        that frames are only rotated and projected.
    offset : float, default=0.0
        If positive, a constant column is appended: `offset` times the root mean square
        length of a training frame. It keeps frames near the mean close to each other
        when frames are scaled to unit length afterwards, as estimators do.
    causal : bool, default=False
        Whether a frame's components depend on no later frame, so that frames can be
        transformed as they come. The view "video" then standardises by the mean and the
        variance of the recording so far, which start as those of the collection and
        count as .3 of the median training video, or less where recordings differ more
        from each other than within themselves. Smoothing is exponential, over as many
        frames in any video: those that the Gaussian filter averages in the median
        training video.

    Attributes
    ----------
    components_ : list of ndarray of shape (n_components_i, n_features_in_)
        Principal directions of each view: unit vectors by decreasing variance. Their
        signs make the largest weight of each direction positive.
    explained_variance_ : list of ndarray of shape (n_components_i,)
        Variance of the training frames along each direction; of the view "motion"
        before its components are smoothed, as all are, which leaves them a variance
        below 1.
    peak_, mean_, scale_ : ndarray of shape (n_features_in_,)
        Largest magnitude of each feature over the training frames, and its mean and
        standard deviation in units of that magnitude. The scale of a constant feature
        is 0. The view "collection" standardises with them.
    deviation_ : ndarray of shape (n_features_in_,)
        With `causal`, the mean standard deviation within a video, in units of `scale_`.
    prior_, newest_ : float
        With `causal`, the frames that the collection counts as, and the weight of the
        newest frame in the exponential mean.
    motion_newest_ : float
        With `causal` and the view "motion", the weight of the newest frame in the
        exponential means that tell how much a feature has varied lately.
    usual_motion_ : ndarray of shape (n_features_in_,)
        With the view "motion", the mean over training frames of what a feature varies
        by, in units of `scale_`.
    motion_mean_, motion_scale_ : ndarray of shape (n_features_in_,)
        Mean and standard deviation of the logarithm of .1 + its share of
        `usual_motion_`.
    motion_reach_ : float
        With the view "motion", the standard deviation of its Gaussian as a share of the
        video.
    n_features_in_ : int
        Number of features seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if the videos were data frames with string names.

    See Also
    --------
    Framewise : Any scikit-learn transformer, applied to the frames of videos.

    Notes
    -----
    All training frames have equal weight, so that a long video has more weight than a
    short one. Beyond 16 million numbers in all, principal directions are found from
    smoothed frames half a standard deviation of the filter apart, which tell as much as
    all frames. The cost is O(n_frames n_features^2). The memory is one video and one
    square matrix of n_features rows, or all frames if there are fewer frames than
    features. Features are not centred again after smoothing: a frame at the mean is
    mapped to zero, and so is the view "video" of a constant video or a single frame.

    Results are computed in float64 and returned in float32. Features are first divided
    by their largest magnitude, so that results do not depend on their unit, up to
    1e300. A feature that varies by less than the rounding error of its type counts as
    constant and contributes nothing.

    Examples
    --------
    >>> import numpy as np
    >>> from skvas.preprocessing import WhitenedViews
    >>> rng = np.random.default_rng(0)
    >>> videos = [rng.normal(size=(60, 5)), rng.normal(size=(80, 5))]
    >>> views = WhitenedViews(n_components=3).fit(videos)
    >>> [video.shape for video in views.transform(videos)]
    [(60, 6), (80, 6)]
    >>> views.get_feature_names_out()[:4]
    array(['video0', 'video1', 'video2', 'collection0'], dtype=object)
    """

    def __init__(
        self,
        *,
        n_components: int = 24,
        smoothing: float = 0.01,
        views: Sequence[str] = ("video", "collection"),
        whiten: bool = True,
        offset: float = 0.0,
        causal: bool = False,
    ) -> None:
        self.n_components = n_components
        self.smoothing = smoothing
        self.views = views
        self.whiten = whiten
        self.offset = offset
        self.causal = causal

    def fit(self, videos: Videos, y: Any = None) -> Self:
        """Learn the principal directions of each view.

        Parameters
        ----------
        videos : array-like of shape (n_frames, n_features), or a collection of them
            Training videos, with at least two frames in total.
        y : object, default=None
            Ignored.

        Returns
        -------
        self
            The fitted transformer.
        """
        self._check_parameters()
        with unchanged_on_failure(self):
            checked = check_videos(videos, estimator=self, min_total_frames=2)
            forget_fit(self)
            self.peak_, self.mean_, self.scale_ = moments(checked)
            if self.causal:
                self._learn_to_run(checked)
            if "motion" in self.views:
                self._learn_motion(checked)
            fitted = [self._fit_view(view, checked) for view in self.views]
            self.components_ = [components for components, _ in fitted]
            self.explained_variance_ = [variance for _, variance in fitted]
            self._n_features_out = sum(map(len, self.components_)) + (self.offset > 0)
            self._warn_of_empty_views()
            self._note_parameters()
        return self

    def transform(self, videos: Videos) -> Any:
        """Project the frames of each video onto the components of each view.

        Parameters
        ----------
        videos : array-like of shape (n_frames, n_features), or a collection of them
            Videos with the features seen in `fit`.

        Returns
        -------
        float32 ndarray of shape (n_frames, n_features_out), or list of them
            One array for one video, a list for many; data frames after `set_output`.
        """
        check_is_fitted(self, "components_")
        checked = check_videos(videos, estimator=self, reset=False)
        single, fitted = is_single_video(videos), self._as_fitted()
        results = []
        for index, video in enumerate(checked):
            with naming_video(None if single else index):
                results.append(fitted._transform_one(video))
        return self._wrap_output(results, videos)

    @available(_is_causal)
    def stream(self) -> ViewsStream:
        """Return what transforms the frames of a recording as they come.

        Available if `causal`.

        Returns
        -------
        ViewsStream
            Its method `push` takes frames, (n_frames, n_features), and returns their
            components.
        """
        check_is_fitted(self, "components_")
        return ViewsStream(self._as_fitted())

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Get the names of the components: the name of the view and a number.

        Parameters
        ----------
        input_features : array-like of str of shape (n_features_in_,), default=None
            Checked against the features seen in `fit`, and not used otherwise.

        Returns
        -------
        ndarray of str
            The names.
        """
        super().get_feature_names_out(input_features)
        fitted = self._as_fitted()
        names = [
            f"{view}{number}"
            for view, components in zip(fitted.views, self.components_, strict=True)
            for number in range(len(components))
        ]
        if fitted.offset > 0:
            names.append("offset")
        return np.asarray(names, dtype=object)

    @property
    def reach(self) -> float:
        """Standard deviation of the Gaussian of motion, as a share of the video."""
        older = float(self.smoothing) if self.smoothing > 0 else _OLDER_REACH
        return float(getattr(self, "motion_reach_", older))

    def __sklearn_tags__(self) -> Tags:
        """Declare that results are float32."""
        tags: Tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags

    def _check_parameters(self) -> None:
        check_integer("n_components", self.n_components, low=1)
        check_real("smoothing", self.smoothing, low=0, high=1)
        check_choice("whiten", self.whiten, (True, False))
        check_choice("causal", self.causal, (True, False))
        check_real("offset", self.offset, low=0)
        views = self.views
        if (
            not isinstance(views, (tuple, list))
            or not views
            or any(view not in _VIEWS for view in views)
            or len(set(views)) < len(views)
        ):
            raise InvalidParameterError(
                f"views must be a tuple of distinct values of {_VIEWS}, got {views!r}."
            )

    def _learn_to_run(self, videos: Sequence[np.ndarray]) -> None:
        """Learn what a recording starts with, and how far to smooth it."""
        usual = float(np.median(lengths_of(videos)))
        learned = RunningMoments.of(videos)
        self.deviation_ = learned.deviation
        trust = learned.prior / (PRIOR_SHARE * usual)
        self.prior_ = SMOOTHED_PRIOR_SHARE * usual * trust**2
        self.newest_ = weight_of_newest(self.smoothing * usual)

    def _learn_motion(self, videos: Sequence[np.ndarray]) -> None:
        """Learn how much each feature usually varies nearby."""
        self.motion_reach_ = _REACH
        if self.causal:
            usual = float(np.median(lengths_of(videos)))
            self.motion_newest_ = weight_of_newest(motion_sigma(self.reach, usual))
        learned = Motion.of(videos, self._vary)
        self.usual_motion_ = learned.usual
        self.motion_mean_, self.motion_scale_ = learned.mean, learned.scale

    def _vary(self, video: np.ndarray) -> np.ndarray:
        """Return how much each feature varies nearby, at a few frames of a video.

        With `causal`, how much it has varied lately, at all frames.
        """
        if self.causal:
            return self._still().vary(np.asarray(video, dtype=float))
        standard = partial(self._standardise, "collection", video)
        return spread_nearby(video, motion_sigma(self.reach, len(video)), standard)

    def _usual_motion(self) -> Motion:
        return Motion(self.usual_motion_, self.motion_mean_, self.motion_scale_)

    def _motion(self, video: np.ndarray) -> np.ndarray:
        """Return the standard logarithms of what `_vary` returns."""
        return self._usual_motion().standard(self._vary(video))

    def _running(self) -> RunningMoments:
        """Return what makes the features of frames as they come, for all views."""
        still = self._still()
        moves = "motion" in self.views
        return replace(still, motion=self._usual_motion()) if moves else still

    def _still(self) -> RunningMoments:
        """Return what standardises the frames of both other views."""
        mean, scale = self.mean_ * self.peak_, self.scale_ * self.peak_
        newest = self.motion_newest_ if "motion" in self.views else 1.0
        return RunningMoments(
            mean, scale, self.deviation_, self.prior_, both=True, newest=newest
        )

    def _standardise(
        self, view: str, video: np.ndarray, frames: np.ndarray | None = None
    ) -> np.ndarray:
        """Standardise the frames of a video, or some that are made of them."""
        if self.causal:
            running = replace(self._still(), both=False)
            ours = running.follow if view == "video" else running.standardise
            return ours(np.asarray(video, dtype=float))
        frames = video if frames is None else frames
        if view == "video":
            return standardise(frames, *moments([video]))
        return standardise(frames, self.peak_, self.mean_, self.scale_)

    def _fit_view(
        self, view: str, videos: Sequence[np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray]:
        n_frames, n_features = sum(lengths_of(videos)), videos[0].shape[1]
        is_many = n_frames * n_features > _MANY_NUMBERS
        smoothed = (self._smooth_video(view, video, is_many) for video in videos)
        return _principal_directions(smoothed, n_frames, n_features, self.n_components)

    def _smooth_video(self, view: str, video: np.ndarray, thin: bool) -> np.ndarray:
        """Return smoothed standard frames of a video, or enough of them."""
        if view == "motion":
            few = self._motion(video)
            return few * np.sqrt(len(video) / len(few))
        if self.causal:
            every = smooth_causally(self._standardise(view, video), self.newest_)
            step = max(1, int(0.5 / self.newest_)) if thin else 1
            return every[::step] * np.sqrt(len(every) / len(every[::step]))
        if not thin:
            return smooth(self._standardise(view, video), self.smoothing)
        few = smooth_few(video, self.smoothing)
        # They stand for all frames of the video.
        return self._standardise(view, video, few) * np.sqrt(len(video) / len(few))

    def _warn_of_empty_views(self) -> None:
        empty = [
            view
            for view, variance in zip(self.views, self.explained_variance_, strict=True)
            if not variance.any()
        ]
        if empty:
            warnings.warn(
                f"No feature varies in the view(s) {', '.join(empty)}: each of them is "
                "a single column of zeros.",
                DegenerateFramesWarning,
                stacklevel=levels_to_user(),
            )

    def _length(self) -> float:
        """Return the root mean square length of a training frame."""
        variance = np.concatenate(self.explained_variance_)
        return float(np.sqrt((variance > 0).sum() if self.whiten else variance.sum()))

    def _transform_one(self, video: np.ndarray) -> np.ndarray:
        # An overflow becomes infinity or NaN, which is checked at the end.
        with np.errstate(over="ignore", invalid="ignore"):
            scores = []
            for view, components, variance in zip(
                self.views, self.components_, self.explained_variance_, strict=True
            ):
                if view == "motion":
                    projected = self._project_motion(video, components)
                else:
                    projected = self._standardise(view, video) @ components.T
                if self.whiten:
                    projected /= np.sqrt(np.where(variance > 0, variance, 1))
                scores.append(projected)
            # Smoothing after the projection is the same as before it, and less work.
            joined = np.hstack(scores)
            if self.causal:
                smoothed = smooth_causally(joined, self.newest_)
            else:
                smoothed = smooth(joined, self.smoothing)
            if self.offset > 0:
                column = np.full((len(video), 1), self.offset * self._length())
                smoothed = np.hstack([smoothed, column])
            result = smoothed.astype(np.float32)
        if not np.isfinite(result).all():
            raise ValueError(
                "X is too far from the training videos: its components exceed the "
                "range of float32."
            )
        return result

    def _project_motion(self, video: np.ndarray, components: np.ndarray) -> np.ndarray:
        """Return the components of a video's motion, between a few frames by lines."""
        few = self._motion(video) @ components.T
        if len(few) == len(video):
            return few
        centres = few_centres(len(video), motion_sigma(self.reach, len(video)))
        every = np.arange(len(video))
        return np.stack([np.interp(every, centres, one) for one in few.T], axis=1)


class ViewsStream:
    """Transform the frames of a recording as they come, as a causal transformer does.

    Frame by frame: the results do not depend on how many are pushed at once, and equal
    those of `transform` but for rounding.

    Parameters
    ----------
    views : WhitenedViews
        Fitted, and causal.
    """

    def __init__(self, views: WhitenedViews) -> None:
        n_features, running = len(views.mean_), views._running()
        parts = []
        for view, components, variance in zip(
            views.views, views.components_, views.explained_variance_, strict=True
        ):
            weights = np.zeros((running.width, len(components)))
            rows = {
                "video": slice(n_features),
                "motion": slice(n_features, running.narrow),
                "collection": slice(running.narrow, None),
            }[view]
            scale = np.sqrt(np.where(variance > 0, variance, 1)) if views.whiten else 1
            weights[rows] = components.T / scale
            parts.append(weights)
        self._weights = np.hstack(parts)
        self._offset = views.offset * views._length() if views.offset > 0 else None
        self._newest = views.newest_
        self._standing = Standing(running)
        self._mean: np.ndarray | None = None

    def push(self, frames: np.ndarray) -> np.ndarray:
        """Transform the next frames of the recording.

        Parameters
        ----------
        frames : ndarray of shape (n_frames, n_features)
            Finite numbers.

        Returns
        -------
        float32 ndarray of shape (n_frames, n_features_out)
        """
        n_columns = self._weights.shape[1]
        seen = np.empty((len(frames), n_columns + (self._offset is not None)))
        for row, frame in zip(seen, frames, strict=True):
            new = self._standing.see(frame) @ self._weights
            if self._mean is not None:
                new = self._newest * new + (1 - self._newest) * self._mean
            row[:n_columns] = self._mean = new
        if self._offset is not None:
            seen[:, -1] = self._offset
        return seen.astype(np.float32)

    def state(self) -> list[Any]:
        """Return what was seen, as numbers and arrays."""
        return [self._standing.state(), self._mean]

    def restore(self, state: Any) -> None:
        """Go on from what `state` has returned.

        Parameters
        ----------
        state : list
            Refused if it is not as another stream of the transformer has it.
        """
        standing, mean = state
        self._standing.restore(standing)
        if mean is not None:
            check_array("mean", mean, self._weights.shape[1:], np.float64)
        self._mean = mean


def _joined(videos: Iterator[np.ndarray], least: int) -> Iterator[np.ndarray]:
    """Yield the frames of all videos, so many at a time or more, but for the last.

    The product of a few wide frames is as large as that of many, and takes as long to
    be added up.
    """
    waiting: list[np.ndarray] = []
    for video in videos:
        waiting.append(video)
        if sum(map(len, waiting)) >= least:
            yield video if len(waiting) == 1 else np.concatenate(waiting)
            waiting = []
    if waiting:
        yield np.concatenate(waiting)


def _principal_directions(
    videos: Iterator[np.ndarray], n_frames: int, n_features: int, n_components: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the directions of largest variance about zero, and the variances."""
    blocks = _joined(videos, n_features)
    first = next(blocks)
    if len(first) < n_features:
        scatter, directions = largest_directions(first, n_components)
        variance = scatter / n_frames
    else:
        moment = first.T @ first
        for frames in blocks:
            moment += frames.T @ frames
        largest = [max(0, n_features - n_components), n_features - 1]
        variance, directions = eigh(moment / n_frames, subset_by_index=largest)
        variance, directions = variance[::-1], directions.T[::-1]
    kept = variance[:n_components] > _MIN_RELATIVE_VARIANCE * variance[0]
    if not kept.any():
        return np.zeros((1, n_features)), np.zeros(1)
    directions, variance = (
        directions[:n_components][kept],
        variance[:n_components][kept],
    )
    # The first of the weights that are largest up to rounding: two correlated features
    # have equal weights, and rounding must not decide on the sign.
    weights = np.abs(directions)
    leading = np.argmax(weights > 0.999 * weights.max(axis=1, keepdims=True), axis=1)
    signs = np.sign(directions[np.arange(len(directions)), leading])
    return directions * signs[:, None], variance
