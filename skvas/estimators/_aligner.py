"""Self-supervised video alignment."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import Any

import joblib
import numpy as np

from skvas._on_demand import lengths_of
from skvas._typing import Self, Videos
from skvas.alignment._anchors import ANCHOR_KINDS
from skvas.alignment._joined_anchors import JoinedAnchors, join_anchors
from skvas.alignment._result import MATCHINGS
from skvas.applications._diagnosis import diagnose
from skvas.datasets._on_disk import open_files
from skvas.datasets._recordings import names_of, remember
from skvas.estimators._base import Prepared, Trained, fitting
from skvas.estimators._matching import MatchesFrames
from skvas.estimators._reports import ReportsVideos
from skvas.estimators._streams import StreamsFrames
from skvas.live._model import learn_positions
from skvas.metrics._order import may_be_shared
from skvas.options import Aligning
from skvas.options._declare import ANSWERS, declare, parameter
from skvas.options._kinds import Anything, Auto, Choice
from skvas.options._settings import Settings
from skvas.preprocessing._features import bodies_of, streamed_videos, tails_of
from skvas.timeline._model import (
    Axis,
    build_axis,
    find_order,
    has_order,
    path_frames,
)
from skvas.timeline._order import BlockOrder
from skvas.transport._threads import spare_threads
from skvas.validation import (
    check_choice,
    check_random_state,
    warn_of_second_video,
)

__all__ = ["VideoAligner"]


@declare
@dataclass(kw_only=True, eq=False, repr=False)
class VideoAligner(MatchesFrames, StreamsFrames, ReportsVideos):
    r"""Learn an embedding in which the same moments of different videos are close.

    Frames of pairs of videos are matched by fused Gromov-Wasserstein optimal transport,
    whose structure sends neighbours in time to neighbours in time (VAOT). The plan
    supervises the encoder.

    Attributes
    ----------
    timeline_ : Timeline or None
        One axis of time for all videos, without actions: a :class:`skvas.Timeline` on
        the embedding, for two or more videos that share an order
        (``timeline_.order_.verdict`` is "yes"), after training in the informed recipe.
        None elsewhere.

    See Also
    --------
    JointAlignSegment : Both tasks in one model.
    Aligning, Training : The groups of parameters.
    transfer_labels : Labels of some videos for others.
    skvas.display.AlignmentDisplay : Pictures of matches.

    References
    ----------
    .. [1] *Joint Self-Supervised Video Alignment and Action Segmentation*, ICCV 2025,
       section 3.2.
    .. [2] Liu et al., "Learning to Align Sequential Actions in the Wild", CVPR 2022.

    Examples
    --------
    >>> from skvas import VideoAligner
    >>> from skvas.datasets import make_videos
    >>> videos = make_videos(4, random_state=0).videos
    >>> aligner = VideoAligner(max_epochs=0, reference=0).fit(videos)
    >>> aligner.predict(videos[0])[:3]
    array([0, 1, 2])
    """

    aligning: Aligning | None = parameter(None, Aligning)
    matching: str = parameter("auto", Auto(Choice(MATCHINGS)), ANSWERS)
    reference: Any = parameter(None, Anything(), ANSWERS)

    _fitted = {**MatchesFrames._fitted, **StreamsFrames._fitted}

    def fit(
        self,
        videos: Videos,
        y: Any = None,
        *,
        anchors: Any = None,
        anchor_kind: str = "hard",
    ) -> Self:
        """Learn an embedding of frames, and choose the reference.

        Parameters
        ----------
        videos : array-like of shape (n_frames, n_features), or a list of them
            Videos of one activity; a lone one is its own partner.
            Also a list of paths to ``.npy`` or ``.txt`` files, or a sequence of your
            own that has a length and gives arrays. Of these, and of read-only memory
            maps, one at a time is in memory (see ``memory_limit`` of
            :class:`skvas.Training`).
        y : object, default=None
            Ignored; here for scikit-learn's convention.
        anchors : dict of (int, int) to array-like of int of shape (n_anchors, 2), \
default=None
            Pairs of frames that are known to show the same moment, by the positions of
            their videos: ``{(0, 1): [(12, 15)]}``, as
            :func:`skvas.io.read_corrections` reads them. Where one frame has anchors to
            several, all show one moment. In training, frames of one moment are drawn
            together and apart from those of others, if there are two moments or more.
            The videos pass them together on the timeline, if it has as many positions;
            else a warning says that it stays as it is. Moments may come in different
            orders only where there is none, and matches may go back in time.
        anchor_kind : {"hard", "soft"}, default="hard"
            How they bend the timeline. "hard": its passages go through them. "soft":
            they count as similar frames, and may be overruled.

        Returns
        -------
        VideoAligner
            The estimator.

        Raises
        ------
        ValueError, TypeError
            If a parameter, a video or an anchor is not as described, or anchors
            contradict each other; names the videos. After any error, and after an
            interrupt from the keyboard, the estimator is as it was before.
        CheckpointError
            If the checkpoint is damaged or belongs to another training.
        OSError
            If the checkpoint cannot be read or written; names it. The file keeps what
            it had.
        """
        self._check_parameters()
        check_choice("anchor_kind", anchor_kind, ANCHOR_KINDS)
        videos = open_files(videos)
        with fitting(self):
            checked = self._check_videos(videos, self.features, min_total_frames=2)
            warn_of_second_video(checked, y)
            lengths = lengths_of(checked)
            self._check_reference(len(lengths))
            joined = join_anchors(anchors, lengths)
            rng = check_random_state(self.random_state)
            told = {} if joined is None else {"anchors": joblib.hash(joined.frames)}
            codes = None if joined is None else joined.codes(lengths)
            names = names_of(videos, len(checked))
            prepared = self._prepare(checked, told, rng, codes=codes, names=names)
            order = prepared.checkpoint.once(
                "order", lambda: self._survey(prepared, rng).order
            )
            settings = self._recipe.resolve(
                self,
                in_order=order is None or order.is_shared,
                monotone=may_be_shared(order),
                n_videos=len(checked),
            )
            shared = self._shared_order(prepared, settings)
            if joined is not None and (settings.matching == "monotone" or shared):
                joined.check_order()
            trained = self._train(prepared, settings, rng)
            matches = self._learned_matches(trained, rng)
            views, axis = trained.views, self._find_axis(trained, shared)
            if joined is not None:
                axis = self._bend(axis, joined, anchor_kind, trained)
            self._keep(
                trained,
                videos,
                diagnosis_=diagnose(
                    views.embeddings,
                    views.features,
                    None,
                    None,
                    False,
                    strangers=trained.strangers,
                    matching=self.matching,
                ),
                shared_order_=order,
                timeline_=self._as_timeline(
                    axis,
                    trained.preprocessing,
                    trained.encoder,
                    remember(videos, lengths),
                    trained.reach,
                ),
                live_=None if axis is None else self._learn_to_stream(trained, axis),
                path_on_=self._learned_paths(trained, axis),
                **matches,
            )
        return self

    @spare_threads()
    def predict(self, videos: Videos) -> np.ndarray:
        """Match every frame with a frame of the reference video.

        Parameters
        ----------
        videos : array-like of shape (n_frames, n_features), or a list of them
            One video or many.

        Returns
        -------
        int64 ndarray of shape (n_frames,), or an object array of them
            Positions in `reference_`; -1 for background.

        Raises
        ------
        ValueError, TypeError
            If a video is not what `fit` has seen; names the video.
        NotFittedError
            If `fit` was not called.

        Warns
        -----
        UnlikeRecordingsWarning
            If a video is unlike those of `fit`, see :meth:`unlike`.
        """
        return self.match(videos)

    @spare_threads()
    def score(self, videos: Videos, y: Any = None) -> float:
        """Return minus the mean cost of the alignments with the reference.

        Parameters
        ----------
        videos : array-like of shape (n_frames, n_features), or a list of them
            One video or many.
        y : object, default=None
            Ignored; here for scikit-learn's convention.

        Returns
        -------
        float
            Higher is better. Values under other values of `aligning`, or of videos of
            other lengths, do not compare.

        Raises
        ------
        ValueError, TypeError
            If a video is not what `fit` has seen; names the video.
        NotFittedError
            If `fit` was not called.
        """
        return -float(np.mean(self._alignment_costs(self._view(videos))))

    def _shared_order(
        self, prepared: Prepared, settings: Settings
    ) -> BlockOrder | None:
        """Return the order that all videos share, None where they get no axis."""
        if not settings.max_epochs or not self._starts_as_features():
            return None
        features = prepared.related_features
        if not self._may_share_order(prepared.preprocessing, features):
            return None
        order = find_order(features)
        return order if has_order(order) else None

    def _find_axis(self, trained: Trained, shared: BlockOrder | None) -> Axis | None:
        """Put all videos on one axis, if they share an order."""
        if shared is None or not len(trained.history["epoch"]):
            return None
        views = trained.related_views
        axis = build_axis(
            path_frames(views.embeddings, views.details),
            views.features,
            limit=trained.settings.memory_limit(),
            order=shared,
        )
        return self._with_strangers(axis, trained)

    def _bend(
        self, axis: Axis | None, joined: JoinedAnchors, kind: str, trained: Trained
    ) -> Axis | None:
        """Let paths along the axis pass the moments of anchors together."""
        if axis is not None:
            views = trained.views
            return joined.bend(axis, path_frames(views.embeddings, views.details), kind)
        if not len(trained.history["epoch"]):
            warnings.warn(
                "anchors have no effect: nothing is trained (max_epochs=0), and there "
                "is no timeline for them to bend; give them to align.",
                stacklevel=3,
            )
        return None

    def _learn_to_stream(self, trained: Trained, axis: Axis) -> dict[str, Any]:
        """Return what streams need, which tell positions on the axis."""
        causal = self._causal_embeddings(trained.views)
        bodies = bodies_of(trained.preprocessing)
        tails = tails_of(trained.preprocessing) if causal is None else None
        shown = streamed_videos(trained.preprocessing, trained.given, tails)
        learned = learn_positions(shown, axis, embeddings=causal)
        return replace(learned, bodies=bodies, tails=tails).state()
