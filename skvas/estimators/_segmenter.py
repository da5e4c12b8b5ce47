"""Unsupervised action segmentation."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np

from skvas._on_demand import lengths_of
from skvas._typing import Labels, Self, Videos
from skvas.datasets._on_disk import open_files
from skvas.datasets._recordings import names_of
from skvas.estimators._base import fitting
from skvas.estimators._labelling import LabelsFrames
from skvas.estimators._reports import ReportsVideos
from skvas.estimators._streams import StreamsFrames
from skvas.exceptions import InvalidParameterError
from skvas.options import Segmenting
from skvas.options._declare import ANSWERS, declare, group_of, parameter
from skvas.options._groups import TIMELINE
from skvas.options._kinds import Anything, NumberOfActions, is_auto
from skvas.transport._threads import spare_threads
from skvas.validation import check_random_state, is_single_video

__all__ = ["ActionSegmenter"]


@declare
@dataclass(eq=False, repr=False)
class ActionSegmenter(LabelsFrames, StreamsFrames, ReportsVideos):
    r"""Segment videos into actions, without labels (ASOT).

    Each frame is transported to one of K action embeddings by fused Gromov-Wasserstein
    optimal transport, whose structure holds neighbouring frames together. The plan
    supervises the encoder and the actions.

    Parameters
    ----------
    n_actions : int, tuple of two int, "auto" or None, default=None
        Number of actions K. A video need not contain all of them. A tuple of the
        smallest and the largest: the number is estimated (see Notes). "auto": from 2 to
        20, or the published number in the recipe of a data set. None: the number of
        labels if `y` has some, else that of the recipe, else 8. With labels, a number
        above theirs leaves the other actions to be found, without a name.

    See Also
    --------
    JointAlignSegment : Both tasks in one model.
    Segmenting, Training : The groups of parameters.
    skvas.metrics.segmentation_report : Scores against labels.
    skvas.display.SegmentationDisplay : Pictures of segments.

    References
    ----------
    .. [1] Xu and Gould, "Temporally Consistent Unbalanced Optimal Transport for
       Unsupervised Action Segmentation", CVPR 2024.

    Examples
    --------
    >>> from skvas import ActionSegmenter
    >>> from skvas.datasets import make_videos
    >>> videos = make_videos(6, n_actions=4, random_state=0).videos
    >>> model = ActionSegmenter(4, max_epochs=0).fit(videos)
    >>> sorted(set(model.predict(videos[0]).tolist()))
    [0, 1, 2, 3]
    """

    n_actions: int | tuple[int, int] | str | None = parameter(None, NumberOfActions())
    _: KW_ONLY
    segmenting: Segmenting | None = parameter(None, Segmenting)
    prototypes: Any = parameter(None, Anything(), ANSWERS)

    _fitted = {**LabelsFrames._fitted, **StreamsFrames._fitted}

    def fit(self, videos: Videos, y: Labels = None) -> Self:
        """Learn an embedding of frames and one prototype per action.

        Parameters
        ----------
        videos : array-like of shape (n_frames, n_features), or a list of them
            Videos of one activity; several are better than one.
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
        ActionSegmenter
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
            rng = check_random_state(self.random_state)
            told, names = self._told_by(given), names_of(videos, len(checked))
            prepared = self._prepare(checked, rng=rng, names=names, **told)
            start = self._find_start(prepared, given, rng)
            settings = self._resolve(start, len(checked))
            trained = self._train(prepared, settings, rng)
            settled = self._settle_labels(trained, start, given)
            single = is_single_video(videos)
            self._keep(
                trained,
                videos,
                live_=self._learn_to_stream(trained, settled),
                **self._learned_labels(trained, start, settled, single),
            )
        return self

    @spare_threads()
    def score(self, videos: Videos, y: Labels = None) -> float:
        """Return the share of right labels, or minus the objective without labels.

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
            with the right label. Without, minus the mean objective of the transport
            problems over frames: higher is better, and values under other values of
            `segmenting` or `n_actions`, or of videos of other lengths, do not compare.

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
        objectives = self._transport_labeller().objectives(views)
        return -float(np.average(objectives, weights=lengths_of(views.videos)))

    def _check_parameters(self) -> None:
        super()._check_parameters()
        self._check_segmentation()
        group = group_of(self, "segmenting")
        for name, value, refused in (
            ("segment_on", group.segment_on, group.segment_on == TIMELINE),
            ("recurring", group.recurring, not is_auto(group.recurring)),
        ):
            if refused:
                raise InvalidParameterError(
                    f"{name}={value!r} needs a model that learns to align videos: use "
                    f'JointAlignSegment, or {name}="auto".'
                )
