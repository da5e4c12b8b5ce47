"""What estimators that align answer with: matches of the frames of two videos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from sklearn.utils.validation import check_is_fitted
from torch import nn

from skvas._typing import Device, Videos
from skvas.alignment._anchors import ANCHOR_KINDS, bend, check_anchors, pin
from skvas.alignment._by_timeline import TimelineMatcher, align_passages
from skvas.alignment._matcher import FrameMatcher, medoid, medoid_partners
from skvas.alignment._result import Alignment
from skvas.datasets._on_disk import open_files
from skvas.estimators._base import (
    BaseVideoEstimator,
    Fitted,
    Trained,
)
from skvas.exceptions import InvalidParameterError
from skvas.nn._model import embed_videos
from skvas.options._declare import group_of
from skvas.options._groups import BOTH, TIMELINE
from skvas.preprocessing._features import features_and_details, fill_gaps
from skvas.preprocessing._spikes import without_spikes
from skvas.tasks._registry import fields_beside
from skvas.timeline import Timeline
from skvas.timeline._model import Axis, path_frames
from skvas.timeline._paths import Passage
from skvas.timeline._timeline import make_timeline
from skvas.transport._threads import spare_threads
from skvas.validation import (
    check_choice,
    is_single_video,
    naming,
)
from skvas.videos._containers import like_input
from skvas.videos._device import check_device
from skvas.videos._views import Views

VIAS = ("pair", "timeline")

AnyAxis = TypeVar("AnyAxis", bound=Axis)


class MatchesFrames(BaseVideoEstimator):
    """Answer with matches between the frames of two videos."""

    _shared_doc = """
    Parameters
    ----------
    aligning : Aligning, default=None
        How frames of two videos are transported to each other:
        :class:`skvas.Aligning`. None: its defaults.
    matching : {"monotone", "plan", "nearest", "auto"}, default="auto"
        From plan to matches: the cheapest monotone path, for videos that share an
        order; the partner with most of the mass; or the nearest embedding. "auto":
        "plan" if :func:`~skvas.metrics.shared_order` finds that no order is shared,
        "monotone" if it finds one or cannot tell. Frames with most of their mass on the
        virtual frame are background.
    reference : int or array-like of shape (n_frames, n_features), default=None
        The video that others are matched with: its position in the videos of `fit`, or
        the video itself, which may be poses of shape (n_frames, n_points, n_axes).
        None: the medoid, whose alignments with the others cost least on average.

    Attributes
    ----------
    reference_ : ndarray of shape (n_frames, n_features)
        The video that others are matched with.
    matching_ : {"monotone", "plan", "nearest"}
        How matches are found, "auto" resolved.
    path_on_ : {"embedding", "both", "timeline"}
        Distances that monotone paths add up, "auto" resolved; "timeline" only where
        there is one.
    """

    _fitted = BaseVideoEstimator._fitted | {
        "reference_": Fitted(np.ndarray),
        "matching_": Fitted(str),
        "path_on_": Fitted(str),
        "timeline_": Fitted((Timeline, type(None)), absent=lambda: None),
    }
    reference_: np.ndarray
    matching_: str
    path_on_: str
    timeline_: Timeline | None

    @spare_threads()
    def align(
        self,
        x: Videos | int,
        y: Videos | int,
        *,
        via: str = "pair",
        anchors: Any = None,
        anchor_kind: str = "hard",
    ) -> Alignment:
        """Find which moment of one video is which moment of another.

        Parameters
        ----------
        x, y : array-like of shape (n_frames, n_features)
            Two videos of the activity, or poses of shape (n_frames, n_points, n_axes).
            With ``via="timeline"`` also the position of a video of `fit`, whose place
            on the timeline is known.
        via : {"pair", "timeline"}, default="pair"
            "pair": solve the transport problem between the two videos, and take the
            path of least cost between them (see `path_on_`). "timeline": match the
            frames that stand at one position of `timeline_`, in time linear in the
            lengths once these positions are known. A frame is background where the
            other video lacks its moment, `cost` is the mean cosine cost of both videos
            on the timeline, and the plan is sparse: each frame's mass lies on the two
            frames beside its match, half of it from either side.
        anchors : array-like of int of shape (n_anchors, 2), default=None
            Pairs (frame of x, frame of y) that are known to show the same moment. Plan
            and path bend towards them; frames within 2 % of a video lean with them.
            With ``via="pair"`` only.
        anchor_kind : {"hard", "soft"}, default="hard"
            "hard": anchors are matches. "soft": they count as similar frames, with a
            cosine of about 0.5 whatever they show, and may be overruled.

        Returns
        -------
        Alignment
            Matches in both directions, the plan, probabilities of background and the
            cost. Videos too long for the memory limit are aligned coarse to fine, and
            their plan is sparse.

        Raises
        ------
        ValueError, TypeError
            If a video is not what `fit` has seen, or either is a list, or there is no
            timeline; if anchors are no pairs of frames, or contradict each other.
        NotFittedError
            If `fit` was not called.
        MemoryError
            If the baseline would need more than the memory limit.

        Notes
        -----
        With ``via="pair"``, ``align(y, x)`` is not ``align(x, y)`` reversed: the
        transport problem compares frames of x that are neighbours within `radius` with
        frames of y that are not. So the plan, the probabilities of background and the
        cost differ, and with the plan the matches of ``matching="plan"``. Those of
        "monotone" and "nearest" are the same up to background, which the plan decides:
        with `virtual_mass`, which makes many frames background, many differ. With
        ``via="timeline"`` both directions are the same.
        """
        check_choice("anchor_kind", anchor_kind, ANCHOR_KINDS)
        if check_choice("via", via, VIAS) == "timeline":
            if anchors is not None:
                raise ValueError(
                    'anchors bend the alignment of a pair; use via="pair" with them.'
                )
            return align_passages(self._passage("x", x), self._passage("y", y))
        matcher = self._matcher()
        both = [self._view_one("x", x), self._view_one("y", y)]
        (one,), (other,) = map(matcher.look, both)
        in_order = self.matching_ == "monotone"
        given = () if anchors is None else anchors
        pairs = check_anchors(given, len(one), len(other), in_order=in_order)
        if not len(pairs):
            return matcher.align(one, other)
        bent = bend(one, other, pairs, anchor_kind, in_order=in_order)
        found = matcher.align(*bent)
        return pin(found, pairs) if anchor_kind == "hard" else found

    @spare_threads()
    def match(self, videos: Videos, *, via: str = "pair") -> np.ndarray:
        """Match every frame with a frame of the reference video.

        Parameters
        ----------
        videos : array-like of shape (n_frames, n_features), or a list of them
            One video or many.
        via : {"pair", "timeline"}, default="pair"
            How, as in `align`.

        Returns
        -------
        int64 ndarray of shape (n_frames,), or an object array of them
            Positions in `reference_`; -1 for background.

        Raises
        ------
        ValueError, TypeError
            If a video is not what `fit` has seen; names the video. If there is no
            timeline.
        NotFittedError
            If `fit` was not called.

        Warns
        -----
        UnlikeRecordingsWarning
            If a video is unlike those of `fit`, see :meth:`unlike`.
        """
        videos = open_files(videos)
        by_timeline = check_choice("via", via, VIAS) == "timeline"
        views = self._view(videos)
        self._warn_of_unlike(videos, views)
        if by_timeline:
            follower = self._follower()
            (common,) = follower.look(self._look([self.reference_]))
            passages = follower.look(views)
            found = [align_passages(p, common).matches_x for p in passages]
        else:
            matcher = self._matcher()
            (reference,) = matcher.look(self._look([self.reference_]))
            found = matcher.match(matcher.look(views), reference)
        return like_input(found, is_single_video(videos))

    def _view_one(self, name: str, video: Any) -> Views:
        if isinstance(video, (int, np.integer)):
            raise TypeError(
                f"{name} must be a video, got {video}; the position of a video of fit "
                'goes with via="timeline".'
            )
        with naming(name):
            video = open_files(video)
            if self._are_poses(video):
                return self._view([video])
            if is_single_video(video):
                return self._view(video)
        raise ValueError(
            f"{name} must be one video of shape (n_frames, n_features), got a "
            "collection; align one pair at a time."
        )

    def _are_poses(self, video: Any) -> bool:
        """Tell whether an array has the points of each frame of one video."""
        shape = getattr(video, "shape", ())
        return len(shape) == 3 and np.prod(shape[1:]) == self.n_features_in_

    def _follower(self) -> TimelineMatcher:
        check_is_fitted(self)
        if self.timeline_ is None:
            raise ValueError(
                'via="timeline" needs a model with a timeline, and timeline_ is None: '
                "the videos of fit share no order or do not keep it, are fewer than "
                "two, or no embedding was trained from an informed start. "
                'Use via="pair".'
            )
        return TimelineMatcher(self.timeline_.model_, self.n_jobs)

    def _passage(self, name: str, video: Any) -> Passage:
        """Return where a video passes the timeline, known for those of `fit`."""
        follower = self._follower()
        if isinstance(video, bool) or not isinstance(video, (int, np.integer)):
            return follower.look(self._view_one(name, video))[0]
        passages = follower.axis.template.passages
        if not 0 <= video < len(passages):
            raise ValueError(
                f"{name} must be a video, or a position in the {len(passages)} videos "
                f"of fit, got {video}."
            )
        return passages[video]

    def _alignment_costs(self, views: Views) -> list[float]:
        return self._matcher().costs(views, self._look([self.reference_]))

    def _matcher(self, *, is_late: bool = True) -> FrameMatcher:
        """Return what matches videos.

        `is_late`: whether frames are embedded only where they are aligned, on a device.
        """
        check_is_fitted(self)
        is_late &= self._device.type != "cpu"
        return FrameMatcher(
            self.settings_.alignment_task(),
            self.matching_,
            self.path_on_,
            self.settings_.memory_limit(),
            self.n_iter_ > 0,
            self._device,
            self.n_jobs,
            self.encoder_ if is_late else None,
            self._follower() if self.path_on_ == TIMELINE else None,
        )

    def _learned_matches(
        self, trained: Trained, rng: np.random.RandomState
    ) -> dict[str, Any]:
        """Return the kind of match, and the reference."""
        settings = trained.settings
        assert settings.aligning is not None
        task = settings.alignment_task()
        return {
            "reference_": self._choose_reference(task, trained, rng),
            "matching_": settings.matching,
        }

    def _learned_paths(self, trained: Trained, axis: Axis | None) -> str:
        """Return what paths add up, now that it is known whether there is an axis."""
        assert trained.settings.aligning is not None
        asked: str = trained.settings.aligning["path_on"]
        return BOTH if asked == TIMELINE and axis is None else asked

    def _as_timeline(
        self,
        axis: Axis | None,
        features: Any,
        encoder: nn.Module,
        recordings: dict[str, Any],
        reach: np.ndarray | None,
    ) -> Timeline | None:
        """Return an axis as users hold it: for raw videos."""
        if axis is None:
            return None
        prepare = _FramesForPaths(features, encoder, self.device)
        names = getattr(self, "feature_names_in_", None)
        return make_timeline(
            axis, features, prepare, self.n_features_in_, names, recordings, reach
        )

    def _check_parameters(self) -> None:
        super()._check_parameters()
        group: Any = group_of(self, "aligning")
        default, beside = type(group)(), fields_beside(group.method)
        for name, value in group.get_params(deep=False).items():
            if name in beside and value != getattr(default, name):
                raise InvalidParameterError(
                    f"{name} of Aligning has no use in method={group.method!r}, got "
                    f"{value!r}; leave it out."
                )

    def _choose_reference(
        self, task: Any, trained: Trained, rng: np.random.RandomState
    ) -> np.ndarray:
        """Return the reference that was asked for, or the medoid."""
        asked, related = self.reference, trained.related
        # Drawn in any case: a timeline's draws, which follow, are then the same.
        others = medoid_partners(len(related), rng)
        if asked is None:
            embeddings = trained.related_views.embeddings
            asked = related[medoid(embeddings, task, self._device, others)]
        if isinstance(asked, (int, np.integer)):
            return trained.views.videos[int(asked)].copy()
        given = self._check_given_reference()
        (video,) = without_spikes(given, trained.reach, ["reference"])
        return fill_gaps(video).copy()

    def _check_reference(self, n_videos: int) -> None:
        """Refuse a reference that is no video, before anything is trained."""
        asked = self.reference
        if asked is None:
            return
        if isinstance(asked, (bool, int, np.integer)):
            if isinstance(asked, bool) or not 0 <= asked < n_videos:
                raise InvalidParameterError(
                    f"reference must be a position in the {n_videos} videos of fit, "
                    f"got {asked}."
                )
            return
        with naming("reference"):
            if self._are_poses(asked) or is_single_video(asked):
                self._check_given_reference()
                return
        raise InvalidParameterError(
            "reference must be one video, its position, or None; got a collection."
        )

    @staticmethod
    def _with_strangers(axis: AnyAxis, trained: Trained) -> AnyAxis:
        """Put the videos that had no say on the axis of the others."""
        strangers = trained.strangers
        if not strangers:
            return axis
        views = trained.views.choose(np.array(strangers))
        frames = path_frames(views.embeddings, views.details)
        return axis.with_strangers(frames, strangers)

    def _check_given_reference(self) -> Sequence[np.ndarray]:
        asked = [self.reference] if self._are_poses(self.reference) else self.reference
        return self._check_videos(asked, self.features, reset=False)


@dataclass(frozen=True)
class _FramesForPaths:
    """Turn checked videos into what paths along a timeline compare of them."""

    features: Any
    encoder: nn.Module
    device: Device

    @spare_threads()
    def __call__(self, checked: Sequence[np.ndarray]) -> Sequence[np.ndarray]:
        device = check_device(self.device)
        seen, details = features_and_details(self.features, checked)
        return path_frames(embed_videos(self.encoder, seen, device), details)
