"""One axis of time for all videos, for users who want nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from skvas._on_demand import lengths_of
from skvas._printing import shorten
from skvas._typing import Labels, Self, Videos
from skvas.datasets._on_disk import open_files
from skvas.datasets._recordings import (
    features_of_fit,
    names_of,
    names_of_fit,
    refuse_other_features,
    refuse_other_order,
    remember,
)
from skvas.exceptions import InvalidParameterError
from skvas.labels._known import Known
from skvas.labels._reading import PartialLabels, read_labels
from skvas.labels._stamps import SURE
from skvas.preprocessing._features import (
    check_features,
    features_and_details,
    fit_features,
    smoothing_of,
    warn_of_degenerate_frames,
)
from skvas.preprocessing._framewise import finiteness_of, takes_nan
from skvas.preprocessing._pipelines import last_step, with_last_step
from skvas.preprocessing._spikes import learn_reach, without_spikes
from skvas.timeline._alignability import alignability
from skvas.timeline._average import frames_at
from skvas.timeline._carry import moments_for
from skvas.timeline._model import (
    Axis,
    TimelineModel,
    build_axis,
    build_timeline,
    path_frames,
)
from skvas.timeline._order import BlockOrder
from skvas.timeline._paths import Passage
from skvas.timeline._settled import kinds_to_expect, settle_features
from skvas.validation import (
    check_choice,
    check_integer,
    check_memory,
    check_n_actions,
    check_numbers,
    check_random_state,
    check_videos,
    is_single_video,
    naming_video,
    unchanged_on_failure,
    warn_of_second_video,
)
from skvas.validation._containers import refuse_container
from skvas.videos._containers import VideoTransformerMixin, like_input
from skvas.videos._frames import labelled_videos
from skvas.videos._underflow import underflow_to_zero

# Frames for paths of checked videos.
Prepare = Callable[[Sequence[np.ndarray]], Sequence[np.ndarray]]


@dataclass(frozen=True, eq=False)
class Density:
    """How the videos pass the moments of a timeline.

    Attributes
    ----------
    n_videos : int64 ndarray of shape (n_positions,)
        How many videos have each moment, without those that are unrelated.
    costs : float64 ndarray of shape (n_videos, n_positions)
        Cosine cost of each video at each moment, between 0 and 2.

    Examples
    --------
    >>> from skvas.datasets import make_videos
    >>> from skvas import Timeline
    >>> videos = make_videos(5, random_state=0).videos
    >>> density = Timeline(n_actions=5, random_state=0).fit(videos).density()
    >>> density.costs.shape[0], int(density.n_videos.max())
    (5, 5)
    """

    n_videos: np.ndarray
    costs: np.ndarray


class Timeline(ClusterMixin, VideoTransformerMixin, BaseEstimator):
    """Put all videos of one activity on one axis of time, and cut it into actions.

    The axis is a template, an average of all videos along their monotone paths. Every
    frame of every video has a position on it, between 0 and 1: two frames of two
    videos at one position show the same moment. The template is cut into actions once,
    for all videos together. Nothing is trained; videos must share an order
    (`order_` tells).

    Parameters
    ----------
    n_actions : int, tuple of two int, "auto" or None, default="auto"
        Number of actions. A tuple is the smallest and the largest to choose from;
        "auto" is (2, 20). The choice is rough: see `n_actions_range_`. None: no actions
        are looked for.
    recurring : {"auto", True, False}, default="auto"
        Whether an action may come back later. "auto": in those draws of the videos that
        find two neighbouring actions that come back in the same order, or one action
        that occurs four times, or that explain the videos which were not drawn better
        by 15 % if actions come back.
    features : transformer, {"whitened", "standardise", "auto"} or None, default="auto"
        What frames are compared by, as in :class:`skvas.JointAlignSegment`: "auto" is
        "whitened", without features that go their own way in each video, and whitened
        otherwise, or not at all, where that tells more. None: the features as they are.
        Beside them, paths compare the frames themselves, standardised in each video.
    n_draws : int, default=16
        Draws of videos that vote on the cut.
    memory_limit : int, str or None, default="1GB"
        Bytes, or a text such as "500MB", that the work on one video may take. Longer
        videos are matched coarse to fine. None: no limit.
    random_state : int, RandomState or None, default=None
        Draws videos. Pass an int for the same answer at every call.

    Attributes
    ----------
    template_ : ndarray of shape (n_positions, D)
        Unit frames of the template, as paths compare them: features beside the frames
        as they are. It has as many positions as the median of the videos that pass all
        of it has frames.
    positions_ : list of ndarray of shape (n_frames_i,)
        The position of each frame, between 0 and 1; it never falls.
    labels_ : int64 ndarray of shape (n_frames,), or an object array of them
        The action of each frame, numbered as they first occur on the timeline. This and
        the next five are None where no actions were looked for.
    n_actions_ : int
        Number of actions.
    n_actions_range_ : tuple of two int
        Range that the number of actions is likely to lie in; the number itself where
        it was given.
    recurring_ : bool
        Whether actions were allowed to come back, in most draws where it is "auto".
    boundaries_ : ndarray of shape (n_boundaries,)
        Positions where one action ends and the next begins.
    boundary_confidence_ : ndarray of shape (n_boundaries,)
        Share of the draws that have a boundary within 2 % of the timeline.
    alignability_ : ndarray of shape (n_videos,)
        Share of its cost that each video saves by the template's order: 1 for a copy
        of the template, about 0 for an unrelated video.
    is_related_ : bool ndarray of shape (n_videos,)
        False for unrelated videos, which have positions but no say in the template and
        the actions.
    is_whole_ : bool ndarray of shape (n_videos,)
        False for videos that begin late or stop early: they have positions on the part
        of the axis that they pass, and no say in the template. They are looked for
        where videos share an order.
    order_ : BlockOrder or None
        Whether the videos share an order; None for a lone video.
    features_ : transformer or None
        The fitted preprocessing. That of the `timeline_` of a model is the model's.
    reach_ : float64 ndarray of shape (n_features_in_,) or None
        How far values of recordings usually lie from the mean; single ones that are
        absurdly far off are replaced, as estimators do, which tell more of it.
    recordings_ : dict of str to list, ndarray or None
        What is known of the videos: `names`, `n_frames`, `fps`, `media`,
        `feature_names`, `times` and `clock`, as estimators keep it.
    n_features_in_ : int
        Number of features seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if the videos were data frames with such names.

    See Also
    --------
    skvas.VideoAligner, skvas.JointAlignSegment : Train an embedding first. Their
        `timeline_` is a timeline on it.

    Examples
    --------
    >>> from skvas.datasets import make_videos
    >>> from skvas import Timeline
    >>> data = make_videos(6, n_actions=4, random_state=0)
    >>> timeline = Timeline(n_actions=4, random_state=0).fit(data.videos)
    >>> timeline.order_.verdict
    'yes'
    >>> [len(positions) for positions in timeline.positions_[:2]]
    [188, 213]
    >>> timeline.predict(data.videos[0])[[0, -1]]
    array([0, 3])
    """

    template_: np.ndarray
    positions_: list[np.ndarray]
    labels_: np.ndarray | None
    n_actions_: int | None
    n_actions_range_: tuple[int, int] | None
    recurring_: bool | None
    boundaries_: np.ndarray | None
    boundary_confidence_: np.ndarray | None
    alignability_: np.ndarray
    is_related_: np.ndarray
    is_whole_: np.ndarray
    order_: BlockOrder | None
    features_: Any
    reach_: np.ndarray | None
    recordings_: dict[str, Any]

    def __init__(
        self,
        n_actions: int | tuple[int, int] | str | None = "auto",
        *,
        recurring: bool | str = "auto",
        features: Any = "auto",
        n_draws: int = 16,
        memory_limit: int | str | None = "1GB",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_actions = n_actions
        self.recurring = recurring
        self.features = features
        self.n_draws = n_draws
        self.memory_limit = memory_limit
        self.random_state = random_state

    @underflow_to_zero()
    def fit(self, videos: Videos, y: Any = None) -> Self:
        """Build the template, place all frames on it and cut it into actions.

        Parameters
        ----------
        videos : array-like of shape (n_frames, n_features), or a list of them
            Videos of one activity.
        y : object, default=None
            Ignored.

        Returns
        -------
        self
            The fitted timeline.

        Raises
        ------
        ValueError, TypeError
            If a parameter or a video is not as described; names the video. After any
            error the timeline is as it was before.
        """
        n_actions = self._check_parameters()
        videos = open_files(videos)
        with unchanged_on_failure(self):
            checked = check_videos(
                videos,
                estimator=self,
                min_total_frames=2,
                ensure_all_finite=finiteness_of(self.features),
            )
            warn_of_second_video(checked, y, stacklevel=4)
            rng = check_random_state(self.random_state)
            recordings = remember(videos, lengths_of(checked))
            reach = learn_reach(checked)
            checked = without_spikes(checked, reach, recordings["names"])
            fitted = self._learn_features(checked, n_actions)
            features, details = features_and_details(fitted, checked)
            warn_of_degenerate_frames(fitted, features)
            frames = path_frames(features, details)
            self._keep(
                self._build(frames, features, details, n_actions, rng, fitted),
                fitted,
                partial(_prepare, fitted),
                frames,
                recordings,
                is_single_video(videos),
                reach,
            )
        return self

    def to_timeline(self, videos: Videos) -> np.ndarray:
        """Return the position of each frame.

        Parameters
        ----------
        videos : array-like of shape (n_frames, n_features), or a list of them
            One video or many, new ones or those of `fit`.

        Returns
        -------
        float64 ndarray of shape (n_frames,), or an object array of them
            Positions between 0 and 1, which never fall.

        Raises
        ------
        ValueError, TypeError
            If a video is not what `fit` has seen; names the video.
        NotFittedError
            If `fit` was not called.
        """
        videos = open_files(videos)
        passages = self._follow(videos)
        return like_input(
            [self._scale(p.positions) for p in passages], is_single_video(videos)
        )

    def transform(self, videos: Videos) -> Any:
        """Return the position of each frame as a feature.

        Parameters
        ----------
        videos : array-like of shape (n_frames, n_features), or a list of them
            One video or many.

        Returns
        -------
        float64 ndarray of shape (n_frames, 1), or list of them
            What `to_timeline` returns, with a second axis. One array for one video, a
            list for many, :class:`skvas.Recordings` for such; data frames after
            `set_output`.

        Raises
        ------
        ValueError, TypeError
            If a video is not what `fit` has seen; names the video.
        NotFittedError
            If `fit` was not called.
        """
        videos = open_files(videos)
        passages = self._follow(videos)
        columns = [self._scale(p.positions)[:, None] for p in passages]
        return self._wrap_output(columns, videos)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Name the column that `transform` returns.

        Parameters
        ----------
        input_features : object, default=None
            Ignored; here for scikit-learn's convention.

        Returns
        -------
        ndarray of str of shape (1,)
            ``timeline0``.
        """
        check_is_fitted(self, "template_")
        return np.array(["timeline0"], dtype=object)

    def from_timeline(self, positions: Any, video: Videos) -> np.ndarray:
        """Return the frames with which a video passes some positions.

        Parameters
        ----------
        positions : array-like of shape (n,)
            Positions between 0 and 1.
        video : array-like of shape (n_frames, n_features)
            One video.

        Returns
        -------
        float64 ndarray of shape (n,)
            Fractional frames, between 0 and n_frames - 1. NaN before and after what a
            video shows that begins late or stops early.

        Raises
        ------
        ValueError, TypeError
            If positions are not as described, or it is not one video as `fit` has seen.
        NotFittedError
            If `fit` was not called.
        """
        video = open_files(video)
        if not is_single_video(video):
            raise ValueError(
                "video must be one video of shape (n_frames, n_features), got a "
                "collection; ask for one at a time."
            )
        wanted = _check_positions(positions)
        (passage,) = self._follow(video)
        at = wanted * (len(passage.frames) - 1)
        return np.where(_is_shown(at, passage), _frames_passed(at, passage), np.nan)

    def fit_predict(self, videos: Videos, y: Any = None) -> np.ndarray:
        """Fit to videos, and return the action of each frame.

        Parameters
        ----------
        videos : array-like of shape (n_frames, n_features), or a list of them
            Videos of one activity.
        y : object, default=None
            Ignored.

        Returns
        -------
        int64 ndarray of shape (n_frames,), or an object array of them
            `labels_`.

        Raises
        ------
        ValueError, TypeError
            As in `fit`, or if `n_actions` is None.
        """
        if self.n_actions is None:
            raise InvalidParameterError(
                "n_actions=None looks for no actions: set it to a number, a range or "
                '"auto", or call fit and to_timeline for positions.'
            )
        labels: Any = self.fit(videos, y).labels_
        return labels

    @underflow_to_zero()
    def predict(self, videos: Videos) -> np.ndarray:
        """Label every frame with the action at its position.

        Parameters
        ----------
        videos : array-like of shape (n_frames, n_features), or a list of them
            One video or many.

        Returns
        -------
        int64 ndarray of shape (n_frames,), or an object array of them
            Actions 0 ... ``n_actions_ - 1``.

        Raises
        ------
        ValueError
            If the timeline has no actions (``n_actions=None``).
        """
        model = self._model_with_actions()
        videos = open_files(videos)
        passages = self._follow(videos)
        return like_input(
            [model.actions(p.positions) for p in passages], is_single_video(videos)
        )

    @underflow_to_zero()
    def predict_proba(self, videos: Videos) -> np.ndarray:
        """Share every frame out among the actions.

        Each frame has a distribution over positions, the expected alignment of
        soft-DTW, and each position one over actions, from the draws of the videos.

        Parameters
        ----------
        videos : array-like of shape (n_frames, n_features), or a list of them
            One video or many.

        Returns
        -------
        float64 ndarray of shape (n_frames, n_actions_), or an object array of them
            Rows sum to 1.

        Raises
        ------
        ValueError
            If the timeline has no actions (``n_actions=None``).
        """
        model = self._model_with_actions()
        videos = open_files(videos)
        frames = self._see(videos)
        return like_input(
            [model.action_shares(f) for f in frames], is_single_video(videos)
        )

    def stack(
        self, signals: Sequence[Any] | np.ndarray, length: int | None = None
    ) -> np.ndarray:
        """Bring signals of the videos of `fit` onto the timeline.

        Parameters
        ----------
        signals : list of array-like of shape (n_frames_i, ...)
            For each video of `fit` numbers for each of its frames; or paths to files of
            features for all of them. Recordings must be in the order of `fit`. For a
            video without a signal pass an array of NaN.
        length : int, default=None
            Number of equally spaced positions. None: those of the template.

        Returns
        -------
        float64 ndarray of shape (n_videos, length, ...)
            The frame nearest to each position. NaN where a video lacks the moment: few
            frames of it stand for many positions, and match them badly.

        Raises
        ------
        ValueError, TypeError
            If there is not one signal for each video and one entry for each frame, if
            entries are no numbers or differ in shape, if recordings are in another
            order than those of `fit`, or `length` is less than 1.
        NotFittedError
            If `fit` was not called.
        """
        check_is_fitted(self, "template_")
        length = check_integer("length", length, low=1, none_ok=True)
        n_positions = len(self.template_)
        at = np.linspace(0, n_positions - 1, length or n_positions)
        nearest = np.rint(at).astype(np.int64)
        arrays = self._check_signals(open_files(signals))
        stacked = []
        for array, passage in zip(arrays, self.model_.template.passages, strict=True):
            entries = frames_at(array, _frames_passed(at, passage)).astype(float)
            entries[passage.lacking()[nearest]] = np.nan
            stacked.append(entries)
        return np.array(stacked)

    @underflow_to_zero()
    def labels(self, y: Labels, videos: Videos | None = None) -> list[np.ndarray]:
        """Carry the labels of some frames over the timeline to all.

        Parameters
        ----------
        y : list with an entry for each video
            Labels of some frames, each entry in one of the forms that
            :meth:`skvas.ActionSegmenter.fit` takes: labels of frames, segments or
            timestamps.
        videos : list of array-like of shape (n_frames_i, n_features), default=None
            The videos, also new ones. None: those of `fit`, which the `timeline_` of a
            model and the file of :func:`skvas.save` do not keep.

        Returns
        -------
        list of ndarray of shape (n_frames_i,)
            A label for every frame, int64 or str; labels that were given are kept.
            Those of a video that is unrelated to the others (`is_related_`) are carried
            as well, from positions that mean nothing.

        Raises
        ------
        ValueError
            If labels are not as described, or there is none, or the videos are needed.
        """
        given, shares = self._label_shares(y, videos)
        codes = given.over([share.argmax(axis=1) for share in shares])
        return [given.names[code] for code in codes]

    @underflow_to_zero()
    def label_shares(
        self, y: Labels, videos: Videos | None = None
    ) -> tuple[np.ndarray, list[np.ndarray]]:
        """Carry the labels of some frames to all as probabilities.

        Parameters
        ----------
        y : list with an entry for each video
            Labels of some frames, as in `labels`.
        videos : list of array-like of shape (n_frames_i, n_features), default=None
            As in `labels`.

        Returns
        -------
        names : ndarray of shape (n_labels,)
            The labels that occur, sorted.
        shares : list of float64 ndarray of shape (n_frames_i, n_labels)
            How probable each of them is at each frame, as far as its position tells;
            rows sum to 1. A frame's own label is not read back from it.

        Raises
        ------
        ValueError
            If labels are not as described, or there is none, or the videos are needed.
        """
        given, shares = self._label_shares(y, videos)
        return given.names, list(shares)

    @underflow_to_zero()
    def boundaries(self, videos: Videos) -> np.ndarray:
        """Find in each video where one action ends and the next begins.

        Parameters
        ----------
        videos : array-like of shape (n_frames, n_features), or a list of them
            One video or many, new ones or those of `fit`.

        Returns
        -------
        float64 ndarray of shape (n_boundaries, 2), or an object array of them
            For each of `boundaries_` the first frame after it, and a confidence: the
            share of the draws that have the boundary within 2 % of the timeline, times
            the probability that the video passes it within 2 % of its frames.

        Raises
        ------
        ValueError
            If the timeline has no actions (``n_actions=None``).
        """
        model = self._model_with_actions()
        videos = open_files(videos)
        found = [model.boundaries(frames) for frames in self._see(videos)]
        return like_input(found, is_single_video(videos))

    def lacking(self, videos: Videos) -> np.ndarray:
        """Tell which moments of the timeline each video lacks.

        Parameters
        ----------
        videos : array-like of shape (n_frames, n_features), or a list of them
            One video or many, new ones or those of `fit`.

        Returns
        -------
        bool ndarray of shape (n_positions,), or an object array of them
            True where few frames of a video stand for many positions, and match them at
            more than twice their mean cost, and worse than frames that look the same;
            and before and after what a video shows that begins late or stops early.

        Raises
        ------
        ValueError, TypeError
            If a video is not what `fit` has seen; names the video.
        NotFittedError
            If `fit` was not called.
        """
        videos = open_files(videos)
        passages = self._follow(videos)
        return like_input([p.lacking() for p in passages], is_single_video(videos))

    def alignability(self, videos: Videos) -> np.ndarray:
        """Measure how much of its cost each video saves by the template's order.

        Parameters
        ----------
        videos : array-like of shape (n_frames, n_features), or a list of them
            One video or many. Those of `fit` have `alignability_`.

        Returns
        -------
        float64 ndarray of shape (n_videos,)
            1 for a copy of the template, about 0 for an unrelated video.

        Raises
        ------
        ValueError, TypeError
            If a video is not what `fit` has seen; names the video.
        NotFittedError
            If `fit` was not called.
        """
        videos = open_files(videos)
        frames = self._see(videos)
        template = self.model_.template
        found = []
        for view in map(template.view, frames):
            part = template.part_of(view)
            found.append(alignability([view], template.frames, [part]))
        return np.concatenate(found)

    def density(self) -> Density:
        """Tell how many of the videos of `fit` have each moment, and how well.

        Videos that are unrelated (`is_related_`) have none, and costs all the same.

        Returns
        -------
        Density
            Number of videos and costs at the positions of the template.

        Raises
        ------
        NotFittedError
            If `fit` was not called.
        """
        check_is_fitted(self, "template_")
        passages = self.model_.template.passages
        absent = np.array([passage.lacking() for passage in passages])
        costs = np.array([passage.costs for passage in passages])
        return Density((~absent[self.is_related_]).sum(axis=0), costs)

    def __sklearn_tags__(self) -> Tags:
        """Declare whether videos may have gaps."""
        tags: Tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = takes_nan(self.features)
        return tags

    def _check_parameters(self) -> tuple[int, int] | None:
        check_choice("recurring", self.recurring, ("auto", True, False))
        check_features("features", self.features)
        check_integer("n_draws", self.n_draws, low=1)
        check_memory(self.memory_limit)
        return None if self.n_actions is None else check_n_actions(self.n_actions)

    def _learn_features(
        self, videos: Sequence[np.ndarray], n_actions: tuple[int, int] | None
    ) -> Any:
        """Fit the preprocessing."""
        last = last_step(self.features)
        is_left = isinstance(last, str) and last == "auto"
        asked = with_last_step(self.features, "whitened") if is_left else self.features
        fitted = fit_features(asked, videos, offset=0)
        if not is_left:
            return fitted
        return settle_features(fitted, videos, kinds_to_expect(n_actions)) or fitted

    def _build(
        self,
        frames: Sequence[np.ndarray],
        features: Sequence[np.ndarray],
        details: Sequence[np.ndarray],
        n_actions: tuple[int, int] | None,
        rng: np.random.RandomState,
        preprocessing: Any,
    ) -> Axis:
        limit = check_memory(self.memory_limit)
        if n_actions is None:
            return build_axis(frames, features, limit=limit)
        return build_timeline(
            frames,
            features,
            rng,
            videos=details,
            n_actions=n_actions,
            recurring=None if self.recurring == "auto" else bool(self.recurring),
            n_draws=self.n_draws,
            smoothing=smoothing_of(preprocessing),
            limit=limit,
        )

    def _keep(
        self,
        model: Axis,
        features: Any,
        prepare: Prepare,
        frames: Sequence[np.ndarray] | None,
        recordings: dict[str, Any],
        single: bool,
        reach: np.ndarray | None,
    ) -> None:
        """Set what answers need, and what users see of the model."""
        self.model_, self._prepare, self._frames = model, prepare, frames
        self.features_ = features
        self.recordings_, self.reach_ = recordings, reach
        template = model.template
        self.template_ = template.frames
        self.positions_ = [self._scale(p.positions) for p in template.passages]
        self.alignability_ = template.alignability
        self.is_related_ = template.is_related
        self.is_whole_ = np.array([p.part is None for p in template.passages])
        self.order_ = model.order
        self.labels_ = self.n_actions_ = self.n_actions_range_ = None
        self.recurring_ = self.boundaries_ = self.boundary_confidence_ = None
        if not isinstance(model, TimelineModel):
            return
        self.labels_ = like_input(model.labels, single)
        self.n_actions_ = model.count.n_actions
        self.n_actions_range_ = model.count.likely
        self.recurring_ = model.cut.recurring
        self.boundaries_ = self._scale(model.changes)
        self.boundary_confidence_ = model.cut.confidence

    def _scale(self, positions: np.ndarray) -> np.ndarray:
        """Map positions of the template to [0, 1]."""
        return positions / max(len(self.model_.template.frames) - 1, 1)

    def _see(self, videos: Videos) -> Sequence[np.ndarray]:
        """Check videos against those of `fit`, and return their frames for paths."""
        check_is_fitted(self, "template_")
        refuse_other_features(videos, names_of_fit(self))
        finite = finiteness_of(self.features_)
        checked = check_videos(
            videos,
            estimator=self,
            reset=False,
            ensure_all_finite=finite,
            feature_names=features_of_fit(self),
        )
        names = names_of(videos, len(checked))
        reach = getattr(self, "reach_", None)  # pickles may be older
        return self._prepare(without_spikes(checked, reach, names))

    def _follow(self, videos: Videos) -> list[Passage]:
        return [self.model_.follow(frames) for frames in self._see(videos)]

    def _model_with_actions(self) -> TimelineModel:
        check_is_fitted(self, "template_")
        if not isinstance(self.model_, TimelineModel):
            raise ValueError(
                "This timeline has no actions; set n_actions, or use JointAlignSegment."
            )
        return self.model_

    def _frames_of_fit(self) -> Sequence[np.ndarray]:
        check_is_fitted(self, "template_")
        if self._frames is None:
            raise ValueError(
                "This timeline does not keep the videos of fit; pass videos as well."
            )
        return self._frames

    def _label_shares(
        self, y: Labels, videos: Videos | None
    ) -> tuple[PartialLabels, Iterator[np.ndarray]]:
        """Return the labels that were given, and shares video by video."""
        if videos is None:
            frames = self._frames_of_fit()
            known: Known | None = Known.of_fit(self.recordings_)
        else:
            videos = open_files(videos)
            frames, known = self._see(videos), Known.of(videos)
        given = read_labels(
            y, lengths_of(frames), single=False, to_learn=False, known=known
        )
        if not len(given.names):
            raise ValueError("y has no label; give that of one frame at least.")
        some = labelled_videos(given.codes)
        shown, labelled = [frames[i] for i in some], given.of(some)
        each = zip(shown, labelled.codes, labelled.is_stamped, strict=True)
        found = [self._found(v) if is_stamped else code for v, code, is_stamped in each]
        filled = labelled.filled(shown, found, SURE)
        model = self.model_.finer(moments_for(filled))
        at_moments = model.carry(shown, filled, len(given.names))
        return given, (model.expect(video, at_moments) for video in frames)

    def _found(self, frames: np.ndarray) -> np.ndarray:
        """Return the actions of frames: one, if the timeline has none."""
        if not isinstance(self.model_, TimelineModel):
            return np.zeros(len(frames), dtype=np.int64)
        return self.model_.actions(self.model_.follow(frames).positions)

    def _check_signals(self, signals: Sequence[Any] | np.ndarray) -> list[np.ndarray]:
        lengths = [len(positions) for positions in self.positions_]
        if isinstance(signals, Mapping):
            refuse_container(signals)
        try:
            n_signals = len(signals)
        except TypeError:
            n_signals = None
        if n_signals != len(lengths):
            found = shorten(signals) if n_signals is None else n_signals
            raise ValueError(
                f"signals must be a list of one array for each of the {len(lengths)} "
                f"videos of fit, got {found}."
            )
        refuse_other_order(signals, self.recordings_["names"])
        arrays: list[np.ndarray] = []
        for index, (signal, n_frames) in enumerate(zip(signals, lengths, strict=True)):
            with naming_video(index):
                if signal is None:
                    raise TypeError(
                        f"expected an array of {n_frames} entries, got None; for a "
                        "video without a signal pass an array of NaN."
                    )
                array = check_numbers(signal)
                arrays.append(array)
                if array.ndim == 0 or len(array) != n_frames:
                    raise ValueError(
                        f"expected one entry for each of the {n_frames} frames, got "
                        f"shape {array.shape}."
                    )
                if array.shape[1:] != arrays[0].shape[1:]:
                    raise ValueError(
                        f"entries have shape {array.shape[1:]}, and those of video 0 "
                        f"have {arrays[0].shape[1:]}; give all videos the same."
                    )
        return arrays


def _frames_passed(at: np.ndarray, passage: Passage) -> np.ndarray:
    """Return the (fractional) frames at (fractional) positions of the template."""
    frames: np.ndarray = np.interp(at, np.arange(len(passage.frames)), passage.frames)
    return frames


def _is_shown(at: np.ndarray, passage: Passage) -> np.ndarray:
    """Tell the (fractional) positions between a video's beginning and its end."""
    start, stop = passage.part or (0, len(passage.frames))
    nearest = np.rint(at)
    shown: np.ndarray = (nearest >= start) & (nearest < stop)
    return shown


def _check_positions(positions: Any) -> np.ndarray:
    """Return positions on the timeline as float64."""
    try:
        given = np.asarray(positions)
        if np.ma.isMaskedArray(positions):
            raise TypeError  # NumPy would drop the mask
        if given.dtype.kind not in "biufO":  # NumPy would read numbers in texts
            raise TypeError
        wanted = given.astype(float)
    except (TypeError, ValueError):
        raise ValueError(
            "positions must be numbers between 0 and 1, in a list or an array, got "
            f"{shorten(positions)}."
        ) from None
    if wanted.ndim != 1:
        raise ValueError(
            "positions must be one-dimensional, got an array of shape "
            f"{wanted.shape}; they come first, and the video second."
        )
    outside = wanted[~((wanted >= 0) & (wanted <= 1))]
    if len(outside):
        raise ValueError(f"positions must be between 0 and 1, got {outside[0]}.")
    return wanted


def is_of_itself(timeline: Timeline) -> bool:
    """Tell a timeline that was fitted to videos from the one that a model has.

    Parameters
    ----------
    timeline : Timeline
        A fitted one.
    """
    return getattr(timeline._prepare, "func", None) is _prepare


def restore_timeline(parts: dict[str, Any]) -> Timeline:
    """Return a fitted timeline from what tells all of it, with nothing left to check.

    Parameters
    ----------
    parts : dict of str to object
        Parameters, and `model_`, `features_`, `recordings_`, `n_features_in_`,
        `single` and, if there are such, `feature_names_in_` and `reach_`.

    Returns
    -------
    Timeline
        Without the frames of fit.
    """
    timeline = Timeline()
    for name, value in parts.items():
        if name not in ("model_", "features_", "recordings_", "single", "reach_"):
            setattr(timeline, name, value)
    features, recordings = parts["features_"], parts["recordings_"]
    prepare = partial(_prepare, features)
    model, single = parts["model_"], parts["single"]
    reach = parts.get("reach_")
    timeline._keep(model, features, prepare, None, recordings, single, reach)
    return timeline


def make_timeline(
    model: Axis,
    features: Any,
    prepare: Prepare,
    n_features: int,
    names: np.ndarray | None,
    recordings: dict[str, Any],
    reach: np.ndarray | None,
) -> Timeline:
    """Return a fitted timeline whose model was built elsewhere.

    Parameters
    ----------
    model : Axis
        Also a TimelineModel, which has actions.
    features : transformer or None
        The fitted preprocessing.
    prepare : callable
        From checked videos to the frames that the model compares.
    n_features : int
        Number of features of a frame.
    names : ndarray of str of shape (n_features,) or None
        Their names.
    recordings : dict of str to list or None
        What is known of the videos, as `remember` returns it.
    reach : ndarray of shape (n_features,) or None
        How far their values usually lie from the mean; None if unknown.

    Returns
    -------
    Timeline
        With the parameters that describe the model.
    """
    limit = int(model.limit) if np.isfinite(model.limit) else None
    timeline = Timeline(None, features=features, memory_limit=limit)
    if isinstance(model, TimelineModel):
        timeline.n_actions = model.count.n_actions
        timeline.recurring = model.cut.recurring
    timeline.n_features_in_ = n_features
    if names is not None:
        timeline.feature_names_in_ = names
    timeline._keep(
        model, features, prepare, None, recordings, single=False, reach=reach
    )
    return timeline


def _prepare(features: Any, checked: Sequence[np.ndarray]) -> Sequence[np.ndarray]:
    """Turn checked videos into what paths compare of them."""
    return path_frames(*features_and_details(features, checked))
