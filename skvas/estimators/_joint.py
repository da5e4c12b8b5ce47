"""Alignment and segmentation by one model."""

from __future__ import annotations

import warnings
from dataclasses import KW_ONLY, dataclass, replace
from typing import Any

import numpy as np

from skvas._on_demand import lengths_of
from skvas._typing import Labels, Self, Videos
from skvas.alignment._result import MATCHINGS
from skvas.datasets._on_disk import open_files
from skvas.datasets._recordings import names_of, remember
from skvas.estimators._base import Fitted, Trained, fitting
from skvas.estimators._labelling import LabelsFrames
from skvas.estimators._matching import MatchesFrames
from skvas.estimators._reports import ReportsVideos
from skvas.estimators._streams import StreamsFrames
from skvas.exceptions import InvalidParameterError
from skvas.labels._reading import PartialLabels
from skvas.options import Aligning, Segmenting
from skvas.options._declare import ANSWERS, declare, group_of, parameter
from skvas.options._groups import TIMELINE
from skvas.options._kinds import (
    Anything,
    Auto,
    Choice,
    NumberOfActions,
    Real,
    is_auto,
)
from skvas.preprocessing._features import smoothing_of
from skvas.segmentation._choice import Start
from skvas.segmentation._labeller import (
    BaseLabeller,
    TimelineLabeller,
)
from skvas.segmentation._named import Settled
from skvas.segmentation._order import carries_labels, keeps_order
from skvas.timeline import BlockOrder, Timeline
from skvas.timeline._cut import N_DRAWS
from skvas.timeline._model import (
    TimelineModel,
    build_timeline,
    find_order,
    may_have_order,
    path_frames,
)
from skvas.transport._threads import spare_threads
from skvas.validation import check_random_state, is_single_video
from skvas.videos._views import Views

__all__ = ["JointAlignSegment"]

# Draws of videos that vote on the actions of a half of them: where these lie is asked,
# and not how sure they are.
DRAWS_OF_HALVES = 4


@declare
@dataclass(eq=False, repr=False)
class JointAlignSegment(LabelsFrames, MatchesFrames, StreamsFrames, ReportsVideos):
    r"""Align videos and segment them into actions, with one model (VASOT).

    Both tasks train one encoder and one set of action embeddings: frames are
    transported to the actions, and frames of pairs of videos to each other, by fused
    Gromov-Wasserstein optimal transport with structure in time. The plans supervise
    training. The loss of a pair is
    :math:`L_{seg}(X) + L_{seg}(Y) + \beta L_{align}(X, Y)`.

    Parameters
    ----------
    n_actions : int, tuple of two int, "auto" or None, default=None
        Number of actions K. A video need not contain all of them. A tuple of the
        smallest and the largest: the number is estimated (see Notes). "auto": from 2 to
        20, or the published number in the recipe of a data set. None: the number of
        labels if `y` has some, else that of the recipe, else 8. With labels, a number
        above theirs leaves the other actions to be found, without a name.
    beta : float, default=1.0
        Weight of the alignment loss.

    Attributes
    ----------
    timeline_ : Timeline or None
        One axis of time for all videos, and the actions on it, where `segment_on_` is
        "timeline": a :class:`skvas.Timeline` on the embedding. Its own labels are those
        of the model before boundaries move to where frames change (`boundaries` of
        :class:`skvas.Segmenting`). None elsewhere, as where the videos share no order,
        or where many of them skip, swap or repeat steps.

    See Also
    --------
    ActionSegmenter, VideoAligner : One of the two tasks alone.
    Segmenting, Aligning, Training : The groups of parameters.
    Timeline : One axis of time, without a trained model.
    load : Read what `save` has written.

    References
    ----------
    .. [1] *Joint Self-Supervised Video Alignment and Action Segmentation*, ICCV 2025,
       section 3.3.

    Examples
    --------
    >>> from skvas import JointAlignSegment
    >>> from skvas.datasets import make_videos
    >>> videos = make_videos(6, n_actions=4, random_state=0).videos
    >>> model = JointAlignSegment(4, max_epochs=0).fit(videos)
    >>> model.predict(videos[0]).shape == (len(videos[0]),)
    True
    >>> model.align(videos[0], videos[1]).matches_x.shape == (len(videos[0]),)
    True
    """

    n_actions: int | tuple[int, int] | str | None = parameter(None, NumberOfActions())
    _: KW_ONLY
    segmenting: Segmenting | None = parameter(None, Segmenting)
    prototypes: Any = parameter(None, Anything(), ANSWERS)
    aligning: Aligning | None = parameter(None, Aligning)
    matching: str = parameter("auto", Auto(Choice(MATCHINGS)), ANSWERS)
    reference: Any = parameter(None, Anything(), ANSWERS)
    beta: float = parameter(1.0, Real(low=0))

    _fitted = {
        **LabelsFrames._fitted,
        **MatchesFrames._fitted,
        **StreamsFrames._fitted,
        "timeline_": Fitted((Timeline, type(None)), labels=True, absent=lambda: None),
    }

    def fit(self, videos: Videos, y: Labels = None) -> Self:
        """Learn an embedding of frames, one prototype per action, and a reference.

        Parameters
        ----------
        videos : array-like of shape (n_frames, n_features), or a list of them
            Videos of one activity; a lone one is its own partner.
            Also a list of paths to ``.npy`` or ``.txt`` files, or a sequence of your
            own that has a length and gives arrays. Of these, and of read-only memory
            maps, one at a time is in memory (see ``memory_limit`` of
            :class:`skvas.Training`).
        y : list with an entry for each video, default=None
            Labels of some frames. The entry of a video is None; an array of shape
            (n_frames,) of integers or strings, where -1, None, NaN or "" mark frames
            without a label; a table of segments, as rows (start, end, label) in frames
            or a data frame with these columns; or timestamps, one or more frames of
            each segment of the video, as a dict from frame to label or rows (frame,
            label); or a :class:`~skvas.io.SegmentTable`, if the videos are
            :class:`~skvas.Recordings` that know their rate. See
            :func:`skvas.labels.frame_labels` for rows in seconds. None, or no label at
            all: nothing is known.

        Returns
        -------
        JointAlignSegment
            The estimator.

        Raises
        ------
        ValueError, TypeError
            If a parameter, a video or its labels are not as described, or there are
            more labels than actions; names the video. After any error, and after an
            interrupt from the keyboard, the estimator is as it was before.
        CheckpointError
            If the checkpoint is damaged or belongs to another training.
        OSError
            If the checkpoint cannot be read or written; names it. The file keeps what
            it had.
        """
        self._check_parameters()
        videos = open_files(videos)
        with fitting(self):
            checked, given = self._check_input(videos, y)
            self._check_reference(len(checked))
            rng = check_random_state(self.random_state)
            told, names = self._told_by(given), names_of(videos, len(checked))
            prepared = self._prepare(checked, rng=rng, names=names, **told)
            start = self._find_start(prepared, given, rng)
            settings = self._resolve(start, len(checked))
            trained = self._train(prepared, settings, rng)
            matches = self._learned_matches(trained, rng)
            timeline, settled = self._settle(trained, start, given, rng)
            self._warn_of_unused(settled)
            single = is_single_video(videos)
            self._keep(
                trained,
                videos,
                timeline_=self._as_timeline(
                    timeline,
                    trained.preprocessing,
                    trained.encoder,
                    remember(videos, lengths_of(checked)),
                    trained.reach,
                ),
                live_=self._learn_to_stream(trained, settled),
                path_on_=self._learned_paths(trained, timeline),
                **self._learned_labels(trained, start, settled, single),
                **matches,
            )
        return self

    @spare_threads()
    def score(self, videos: Videos, y: Labels = None) -> float:
        """Return the share of right labels, or minus the objectives without labels.

        Parameters
        ----------
        videos : array-like of shape (n_frames, n_features), or a list of them
            One video or many.
        y : list with an entry for each video, default=None
            Labels of some frames, as in `fit`; at least of one, if `fit` had labels.
            They may be names that `name_actions` gave; a text that is a label of `fit`
            means that one. Ignored if `fit` had none, and none is such a name.

        Returns
        -------
        float
            With labels, in `fit` or by name, and here, the share of labelled frames
            with the right label. Without, minus the mean over videos of the
            segmentation's objective plus `beta` times the cost of the alignment with
            the reference: higher is better, and values under other parameters of the
            transport problems, or of videos of other lengths, do not compare.

        Raises
        ------
        ValueError, TypeError
            If a video is not what `fit` has seen, or `fit` had labels and `y`, which is
            given, has none: scores of two kinds would be averaged over folds. Also if
            `y` has strings that are no names where `fit` had integers, or the reverse.
        NotFittedError
            If `fit` was not called.
        """
        videos = open_files(videos)
        views = self._view(videos)
        named = self._share_of_right(views, videos, y)
        if named is not None:
            return named
        segmented = self._transport_labeller().objectives(views)
        aligned = self._alignment_costs(views)
        return -float(np.mean(segmented) + self.settings_.beta * np.mean(aligned))

    def _check_parameters(self) -> None:
        super()._check_parameters()
        self._check_segmentation()
        self._refuse_unused()

    def _refuse_unused(self) -> None:
        """Refuse what the user asks for where frames are labelled otherwise."""
        group = group_of(self, "segmenting")
        if is_auto(group.segment_on):
            return
        name, others = "recurring", '"timeline"'
        if group.segment_on == TIMELINE:
            name, others = "decoder", '"features", "embedding"'
        value = getattr(group, name)
        if not is_auto(value):
            raise InvalidParameterError(
                f"{name}={value!r} has no use with segment_on={group.segment_on!r}: "
                f'leave {name} at "auto", or set segment_on to {others} or "auto".'
            )

    def _warn_of_unused(self, settled: Settled) -> None:
        """Warn of what the user asks for where `fit` has chosen to label otherwise."""
        group, found = group_of(self, "segmenting"), settled.base.space
        name, others = "recurring", '"timeline"'
        if found == TIMELINE:
            name, others = "decoder", '"features" or "embedding"'
        value = getattr(group, name)
        if is_auto(group.segment_on) and not is_auto(value):
            warnings.warn(
                f"{name}={value!r} has no use: fit chose segment_on={found!r} by what "
                f"the videos say. Set segment_on to {others}, or leave {name} at "
                '"auto".',
                UserWarning,
                stacklevel=3,
            )

    def _settle(
        self,
        trained: Trained,
        start: Start,
        given: PartialLabels | None,
        rng: np.random.RandomState,
    ) -> tuple[TimelineModel | None, Settled]:
        """Label frames, on a timeline if it is sure to hold or carries labels better.

        Returns
        -------
        TimelineModel or None
            The timeline that frames are labelled on, if they are.
        Settled
        """
        timeline = self._find_timeline(trained, rng)
        if timeline is not None and self._is_sure(timeline, trained):
            return timeline, self._settle_labels(trained, start, given, timeline)
        settled = self._settle_labels(trained, start, given)
        if timeline is not None and given is not None and self.prototypes is None:
            carried = self._settle_labels(trained, start, given, timeline)
            if carries_labels(carried, settled, given, trained.views, trained.related):
                return timeline, carried
        return None, settled

    def _is_sure(self, timeline: TimelineModel, trained: Trained) -> bool:
        """Tell whether a timeline was asked for, or videos keep its order."""
        segmenting = trained.settings.segmenting
        assert segmenting is not None
        if segmenting["segment_on"] == TIMELINE:
            return True
        plans, before = (self._plans(trained, s) for s in ("embedding", "features"))
        return keeps_order(timeline, plans, before, trained.views, trained.related)

    def _find_timeline(
        self, trained: Trained, rng: np.random.RandomState
    ) -> TimelineModel | None:
        """Put all videos on one timeline, if they may be segmented by it."""
        related, segmenting = trained.related_views, trained.settings.segmenting
        assert segmenting is not None
        assert trained.actions is not None
        asked, recurring = segmenting["segment_on"], segmenting["recurring"]
        n_actions = len(trained.actions)
        if asked != TIMELINE:
            n_frames = np.median(lengths_of(related.videos))
            may_be = n_actions <= n_frames and self._starts_as_features()
            if not (is_auto(asked) and may_be):
                return None
            if not self._may_share_order(trained.preprocessing, related.features):
                return None
        drawn = np.random.RandomState(rng.randint(2**31))
        order = find_order(related.features)
        if asked != TIMELINE and not may_have_order(order):
            return None
        timeline = self._build_timeline(
            trained,
            related,
            drawn,
            order,
            None if is_auto(recurring) else bool(recurring),
        )
        return self._with_strangers(timeline, trained)

    def _build_timeline(
        self,
        trained: Trained,
        views: Views,
        rng: np.random.RandomState,
        order: BlockOrder | None,
        recurring: bool | None,
        n_draws: int = N_DRAWS,
    ) -> TimelineModel:
        """Put videos on a timeline, and cut it into as many actions as were learned."""
        assert trained.actions is not None
        n_actions = len(trained.actions)
        plans = self._plans(trained, "embedding")
        return build_timeline(
            path_frames(views.embeddings, views.details),
            views.features,
            rng,
            embedding=views.embeddings,
            videos=views.details,
            n_actions=(n_actions, n_actions),
            recurring=recurring,
            n_draws=n_draws,
            smoothing=smoothing_of(trained.preprocessing),
            limit=trained.settings.memory_limit(),
            order=order,
            planned=lambda chosen: plans.labels(views.choose(chosen)),
        )

    def _learn_again(
        self, trained: Trained, start: Start, base: BaseLabeller, views: Views
    ) -> BaseLabeller:
        if not isinstance(base, TimelineLabeller):
            return super()._learn_again(trained, start, base, views)
        rng, known = np.random.RandomState(0), base.timeline
        timeline = self._build_timeline(
            trained, views, rng, known.order, base.recurring, DRAWS_OF_HALVES
        )
        return replace(base, timeline=timeline)

    def _found_labeller(self) -> BaseLabeller:
        if self.timeline_ is None:
            return super()._found_labeller()
        model = self.timeline_.model_
        assert isinstance(model, TimelineModel)
        return TimelineLabeller(model, self._transport_labeller())
