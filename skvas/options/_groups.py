"""The three groups of parameters that estimators take."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from skvas.options._declare import (
    ANSWERS,
    NOTHING,
    OptionGroup,
    declare,
    parameter,
)
from skvas.options._kinds import (
    AnyCallable,
    Auto,
    Choice,
    FilePath,
    Integer,
    Memory,
    Optional,
    Real,
    RealOrQuantile,
    Registered,
    TruthValue,
)
from skvas.tasks._registry import ALIGNMENT_TASKS, SEGMENTATION_TASKS

STARTS = ("time", "kmeans", "random")
SPACES = ("features", "embedding")
TEACHERS = ("start", "self")
PATHS = (EMBEDDING, BOTH, TIMELINE) = ("embedding", "both", "timeline")
DECODERS = (PLAN, CHAIN) = ("plan", "chain")
BOUNDARIES = (DECODED, FRAMES) = ("decoded", "frames")

POSITIVE = Real(low=0, low_open=True)
NOT_NEGATIVE = Real(low=0)
SHARE = Real(low=0, high=1)
INNER_SHARE = Real(low=0, high=1, low_open=True, high_open=True)


@declare
@dataclass(kw_only=True, eq=False, repr=False)
class Segmenting(OptionGroup):
    """How frames are transported to actions.

    Parameters
    ----------
    method : str, default="asot"
        The transport problem and its loss: a key of
        `skvas.tasks.SEGMENTATION_TASKS`.
    start : {"time", "kmeans", "random", "auto"}, default="auto"
        Where the actions start: the mean frames of equal slices of time, for videos
        that share an order; k-means centres; or random directions. "auto": chosen by
        `fit` if the recipe chooses (see the Notes of the estimator).
    n_refine : int or "auto", default="auto"
        Rounds before training in which each action moves to the barycentre of its
        frames, at most: they end where no action moves any more. "auto": 10 in the
        informed recipe, 0 in the published ones.
    teacher : {"start", "self", "auto"}, default="auto"
        Which segmentation supervises training. "start": the one found before training,
        kept fixed. "self": the current model's, as published. "auto": "start" in the
        joint model of the informed recipe if the embedding starts as the features, as
        with all encoders of skvas but "mlp"; "self" elsewhere.
    segment_on : {"features", "embedding", "timeline", "auto"}, default="auto"
        Where frames are compared with actions. "timeline", in the joint model only: all
        videos are put on one axis of time, which is cut into actions once. "auto": the
        timeline in the joint model of the informed recipe, for two videos or more that
        share an order, or three or more of which that is undecided while the actions of
        the timeline are known again in other videos nearly as well as those found
        without it; unless many of them skip, swap or repeat steps: a chain of
        actions (`decoder`) then explains more than 1 / .95 of what the timeline does of
        the features' variance, by steps that are known again in other videos; or steps
        that come once, but for a rest between them, are known again far better; or such
        that come in rounds, better. Labels may be carried over one that would be left:
        where two videos or more have any, if those that are hidden in turn are told
        better by it, else if its labels are known again in other videos nearly as well.
        Else the embedding, unless training lowered the consistency score by more than
        2 %.
    recurring : bool or "auto", default="auto"
        Whether an action of the timeline may come back later in a video. "auto": where
        the videos say so (see :class:`skvas.Timeline`). Nothing else uses it: `fit`
        refuses it where `segment_on` is something else, and warns where it comes to be.
    decoder : {"plan", "chain", "auto"}, default="auto"
        How frames are labelled if not on the timeline: `fit` refuses it where
        `segment_on` is "timeline", and warns where it comes to be. "plan": by the
        action that the transport plan gives most of their mass; `lambda_actions` holds
        actions to equal shares of each video. "chain": by a hidden Markov model, which
        learns shares and durations of the actions from the videos: for actions of very
        unequal length, that are often lacking or come back many times. It compares
        features before training, unless `segment_on` is "embedding". "auto": the chain
        in the informed recipe, for two videos or more, if labels of matched frames
        agree better by it than chance has it; else the plan.
    boundaries : {"decoded", "frames", "auto"}, default="auto"
        Where one segment ends and the next begins. "decoded": where the timeline, the
        plan or the chain has it, all of which look at smoothed frames. "frames": within
        1 % of the video, where its frames, which are not smoothed, change most from one
        segment to the other. "auto": "frames" in the informed recipe, for two videos or
        more, if labels are known again in other videos clearly better so; else
        "decoded". Where whole videos are labelled, it is "frames" if these leave the
        boundaries of the labels in place, "decoded" if they do not, and in between as
        without labels, or on a timeline "decoded".
    alpha : float or "auto", default="auto"
        Weight of the temporal structure against the matching cost, in [0, 1]. "auto":
        chosen by `fit` if the recipe chooses, else the recipe's value.
    eps : float, default=0.07
        Entropic regularisation, positive.
    radius : float or "auto", default="auto"
        Frames within this share of the video are temporal neighbours, in (0, 1).
        "auto": 0.04, and 0.02 in the recipes of Desktop Assembly and of VAOT; 0.01 if
        the recipe chooses, and actions come three times or more in videos of 400 frames
        or more.
    rho : float or "auto", default="auto"
        Weight of the temporal order prior. "auto": 0 in the informed recipe, the
        published value in the others.
    lambda_actions : float or "auto", default="auto"
        How strongly actions are held to equal shares of each video. "auto": chosen by
        `fit` if the recipe chooses, else the recipe's value.

    See Also
    --------
    skvas.ActionSegmenter, skvas.JointAlignSegment : Take it as `segmenting`.

    Examples
    --------
    >>> from skvas import ActionSegmenter, Segmenting
    >>> ActionSegmenter(4, segmenting=Segmenting(alpha=0.5))
    ActionSegmenter(n_actions=4, segmenting=Segmenting(alpha=0.5))
    >>> ActionSegmenter(4).set_params(segmenting__alpha=0.5).segmenting
    Segmenting(alpha=0.5)
    """

    method: str = parameter("asot", Registered(SEGMENTATION_TASKS))
    start: str = parameter("auto", Auto(Choice(STARTS)))
    n_refine: int | str = parameter("auto", Auto(Integer(0)))
    teacher: str = parameter("auto", Auto(Choice(TEACHERS)))
    segment_on: str = parameter("auto", Auto(Choice((*SPACES, TIMELINE))), ANSWERS)
    recurring: bool | str = parameter("auto", Auto(TruthValue()), ANSWERS)
    decoder: str = parameter("auto", Auto(Choice(DECODERS)), ANSWERS)
    boundaries: str = parameter("auto", Auto(Choice(BOUNDARIES)), ANSWERS)
    alpha: float | str = parameter("auto", Auto(SHARE))
    eps: float = parameter(0.07, POSITIVE)
    radius: float | str = parameter("auto", Auto(INNER_SHARE))
    rho: float | str = parameter("auto", Auto(NOT_NEGATIVE))
    lambda_actions: float | str = parameter("auto", Auto(NOT_NEGATIVE))


@declare
@dataclass(kw_only=True, eq=False, repr=False)
class Aligning(OptionGroup):
    """How frames of one video are transported to those of another.

    Parameters
    ----------
    method : str, default="vaot"
        The transport problem and its loss: a key of `skvas.tasks.ALIGNMENT_TASKS`.
        "vaot": fused Gromov-Wasserstein transport with structure in time. "vava": the
        baseline, Kantorovich transport with an optimality prior, which has no use for
        `alpha`, `radius` and `rho`.
    alpha : float or "auto", default="auto"
        Weight of the temporal structure against the matching cost, in [0, 1]. "auto":
        that of the segmentation in the joint model, as published; elsewhere 0.3, or
        that of the recipe.
    eps : float, default=0.07
        Entropic regularisation, positive.
    radius : float or "auto", default="auto"
        Frames within this share of the video are temporal neighbours, in (0, 1).
        "auto": 0.04, and 0.02 in the recipes of Desktop Assembly and of VAOT.
    rho : float or "auto", default="auto"
        Weight of the temporal order prior. "auto": 0.35 in the informed recipe if the
        videos share an order and 0 otherwise; the published value in the others.
    zeta : float or str, default=0.5
        Cost of leaving a frame unmatched. A text such as "30%" is a quantile of the
        costs between the frames of the two videos.
    virtual_mass : float or str, default=None
        Share of a video that can stay unmatched, in (0, 1]; 1: all of it. A text such
        as "30%": the share of frames with no partner below this quantile of the costs.
        None: one frame, as published.
    path_on : {"embedding", "both", "timeline", "auto"}, default="auto"
        Distances that monotone paths add up: the cosine cost of the embeddings; both
        that and the squared distance of the features, standardised within each video;
        or these two and how far frames stand apart on `timeline_`, where the model has
        one. Each distance is divided by its mean. After training, half of each frame's
        smallest cost is subtracted, so that frames which match nothing well do not
        dominate the path. "auto": "timeline" in the informed recipe, "embedding" in the
        published ones.
    memory_limit : int, str or None, default="2GB"
        Bytes, or a text such as "500MB", that the alignment of two videos may use. For
        longer videos, evenly spread frames are aligned in full and the others between
        them, with a warning; their plan is sparse, and keeps the largest entries of
        each frame where all would not fit. None: no limit.

    See Also
    --------
    skvas.VideoAligner, skvas.JointAlignSegment : Take it as `aligning`.

    Examples
    --------
    >>> from skvas import Aligning, VideoAligner
    >>> VideoAligner(aligning=Aligning(zeta="30%"))
    VideoAligner(aligning=Aligning(zeta='30%'))
    """

    method: str = parameter("vaot", Registered(ALIGNMENT_TASKS))
    alpha: float | str = parameter("auto", Auto(SHARE))
    eps: float = parameter(0.07, POSITIVE)
    radius: float | str = parameter("auto", Auto(INNER_SHARE))
    rho: float | str = parameter("auto", Auto(NOT_NEGATIVE))
    zeta: float | str = parameter(0.5, RealOrQuantile())
    virtual_mass: float | str | None = parameter(
        None, Optional(RealOrQuantile(low=0, high=1, low_open=True))
    )
    path_on: str = parameter("auto", Auto(Choice(PATHS)), ANSWERS)
    memory_limit: int | str | None = parameter("2GB", Memory(), ANSWERS)


@declare
@dataclass(kw_only=True, eq=False, repr=False)
class Training(OptionGroup):
    """How the encoder is trained.

    Parameters
    ----------
    lr : float or "auto", default="auto"
        Learning rate of Adam. "auto": the recipe's value.
    weight_decay : float or "auto", default="auto"
        Weight decay of Adam. "auto": the recipe's value.
    tau : float or "auto", default="auto"
        Temperature of the softmax in the losses. "auto": the recipe's value.
    n_frames : int, default=256
        Frames drawn from each video in a step, one from each of as many equal strata.
    n_aligned : int, None or "auto", default="auto"
        How many of these are aligned with those of the other video, evenly spread: the
        cost of an alignment grows with the square. None: all. "auto": 128 in the
        informed recipe, all in the published ones.
    augment : float, default=0.0
        How much the features of a video are varied each time that it is drawn: each
        feature is scaled by a factor about 1 with this standard deviation, and shifted
        by half as many of its own standard deviations. 0: not at all. What is learned
        so may hold better for other people, cameras and sensors than those of `fit`.
    batch_size : int or "auto", default="auto"
        Pairs of videos in a step. "auto": 4 in the informed recipe, 1 in the published
        ones.
    max_iter : int, default=25
        Iterations of the transport solver, in training and afterwards.
    memory_limit : int, str or None, default="500MB"
        Bytes, or a text such as "2GB", that `fit` and answers keep in memory of what
        they make of recordings on disk: files, read-only memory maps, and sequences of
        your own that give one array at a time. The rest goes to a temporary file.
        Recordings are read one at a time, whatever the limit, as often as they are
        looked at. Answers do not depend on it, and recordings in memory are not
        counted. None: no limit.
    callback : callable, default=None
        Called at the end of each epoch with its number, losses and diagnostics in a
        dict. Where it returns True, training ends with that epoch.
    checkpoint : str or path-like, default=None
        File that keeps the training. If it exists, `fit` resumes from it and ends with
        the weights of an uninterrupted training; the file stays. A file of other videos
        or parameters is an error. It is written as often as costs 2 % of the time.
    live : bool, default=False
        Whether what is learned needs no later frame, for use while recordings go on:
        streams then compare embeddings, and `embedder` makes them as frames come.
        Features "whitened", and "auto" in place of "standardise", are then
        ``WhitenedViews(causal=True, smoothing=0)``. Features and encoders that look at
        later frames are an error; "causal" is an encoder that sees earlier ones.
    devices : int, default=1
        Processes that train together, each with a share of every batch, and each on its
        own GPU if there are GPUs; needs the extra ``distributed``. The weights equal
        those of one process up to rounding. Under torchrun, give the number of
        processes that it started.

    See Also
    --------
    skvas.JointAlignSegment : Takes it as `training`, as the other estimators do.

    Examples
    --------
    >>> from skvas import Training, VideoAligner
    >>> VideoAligner(training=Training(batch_size=8), max_epochs=5)
    VideoAligner(max_epochs=5, training=Training(batch_size=8))
    """

    lr: float | str = parameter("auto", Auto(POSITIVE))
    weight_decay: float | str = parameter("auto", Auto(NOT_NEGATIVE))
    tau: float | str = parameter("auto", Auto(POSITIVE))
    n_frames: int = parameter(256, Integer(2))
    n_aligned: int | str | None = parameter("auto", Auto(Optional(Integer(2))))
    augment: float = parameter(0.0, NOT_NEGATIVE)
    batch_size: int | str = parameter("auto", Auto(Integer(1)))
    max_iter: int = parameter(25, Integer(0))
    memory_limit: int | str | None = parameter("500MB", Memory(), NOTHING)
    callback: Callable[[Mapping[str, Any]], object] | None = parameter(
        None, Optional(AnyCallable()), NOTHING
    )
    checkpoint: str | os.PathLike[str] | None = parameter(
        None, Optional(FilePath()), NOTHING
    )
    live: bool = parameter(False, TruthValue())
    devices: int = parameter(1, Integer(1), NOTHING)
