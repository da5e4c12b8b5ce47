"""Alignment and segmentation by one model."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import torch
from sklearn.utils import check_random_state
from torch import Tensor, nn

from skvas._aligning import AligningEstimator
from skvas._base import Model, effective_rank
from skvas._batch import VideoBatch, join
from skvas._output import mirror
from skvas._segmenting import SegmentingEstimator, segmentation_parts
from skvas._training import Callback, Losses, Pairs
from skvas._typing import Device, Videos
from skvas.transport import unit
from skvas.validation import (
    check_choice,
    check_real,
    check_videos,
    is_single_video,
    unchanged_on_failure,
)

__all__ = ["JointAlignSegment"]

TEACHERS = ("start", "self")


class JointAlignSegment(SegmentingEstimator, AligningEstimator):
    r"""Align videos and segment them into actions, with one model (VASOT).

    One encoder and one set of action embeddings are trained by both tasks: frames are
    transported to the actions, and frames of pairs of videos to each other, by fused
    Gromov-Wasserstein optimal transport with structure in time; the plans serve as
    pseudo-labels. The loss of a pair is
    :math:`L_{seg}(X) + L_{seg}(Y) + \beta L_{align}(X, Y)`.

    Parameters
    ----------
    n_actions : int, tuple of two int or "auto", default=8
        Number of actions K. A video need not contain all of them. A tuple of the
        smallest and the largest: the number is estimated (see Notes). "auto": from 2 to
        20.
    recipe : {"informed", "paper"}, default="informed"
        Where training starts, and what "auto" below stands for. "informed": from
        whitened features and action embeddings found in the data themselves. "paper":
        from a random network, as published.
    features : transformer, None, "standardise" or "auto", default="auto"
        Preprocessing of the videos, cloned and fitted in `fit`, such as
        ``Framewise(StandardScaler())``; None takes them as they are. "standardise":
        :class:`~skvas.preprocessing.VideoStandardizer`. "auto":
        :class:`~skvas.preprocessing.WhitenedViews` if informed, None otherwise.
    encoder : torch.nn.Module, tuple of int or "temporal", default=None
        Network from features (B, N, n_features) to embeddings (B, N, D), copied before
        it is trained; its output is scaled to length one. One with the attribute
        `takes_lengths` is called with the lengths of the videos as well. A tuple gives
        the widths of the layers of an :class:`~skvas.nn.MLPEncoder`. "temporal":
        :class:`~skvas.nn.TemporalConvEncoder`, which sees a frame's neighbours. None:
        :class:`~skvas.nn.ResidualEncoder` if informed, widths (128, 40) otherwise.
    start : {"time", "kmeans", "random", "auto"}, default="auto"
        Where the action embeddings start: means of K equal slices of time, which
        suits videos of a shared order; k-means centres; or random vectors. "auto":
        a vote of "time" and "kmeans" (see Notes) if informed; "random" otherwise.
    segment_on : {"features", "embedding", "auto"}, default="auto"
        Where frames are told apart: in the embedding, or in the features (scaled to
        length one), where training starts with the informed recipe. "auto": in the
        embedding, unless labels of matched frames told more of each other before
        training (see Notes).
    teacher : {"start", "self", "auto"}, default="auto"
        Whose segmentation of the frames is the pseudo-label: that by the features and
        the actions as they are before training, which keeps the actions where the
        alignment would blur them; or that by the embedding and its actions at each
        step, as published. "auto": "start" if informed and `encoder` is None or
        "temporal", "self" otherwise.
    n_refine : int or "auto", default="auto"
        Rounds, before training, of segmenting with the embeddings as they are and
        moving each action to the mean of its frames. "auto": 10 if informed, else 0.
    alpha : float or "auto", default="auto"
        Weight of the temporal structure against the matching cost, in [0, 1]. "auto":
        0.3 or 0.6, chosen (see Notes), if informed; 0.3 otherwise.
    eps : float, default=0.07
        Entropic regularisation, positive.
    radius : float, default=0.04
        Frames within this share of the video are temporal neighbours, in (0, 1).
    rho : float or "auto", default="auto"
        Weight of the temporal order prior. "auto": 0.15 as published; if
        informed, 0 for segmentation, and for alignment 0.35 where order is shared.
    lambda_actions : float or "auto", default="auto"
        How strongly all actions are pulled to the same share of a video; 0 not at
        all. "auto": 0.3 or 0.1, chosen (see Notes), if informed; 0.11 otherwise.
    beta : float, default=1.0
        Weight of the alignment loss.
    zeta : float or str, default=0.5
        Cost of leaving a frame unmatched. Such as "30%": this quantile of the costs
        between the frames of the two videos.
    virtual_mass : float or str, default=None
        How much of a video can go unmatched, as a share of it. Such as "30%": the share
        of its frames whose cheapest partner costs more than this quantile of the costs.
        None: one frame, as published.
    matching : {"monotone", "plan", "nearest", "auto"}, default="auto"
        From plan to matches: the cheapest monotone path (see `path_on`), for videos of
        a shared order; the partner that gets most of the plan's mass; or the nearest
        embedding. "auto": "plan" where :func:`~skvas.metrics.shared_order` finds no
        shared order, else "monotone".
        Frames whose mass sits mostly on the virtual frame are background in each.
    path_on : {"embedding", "both", "auto"}, default="auto"
        What monotone paths go by: the cosine cost of the embeddings alone, or with it
        the squared distance of the features, standardised within each video, both
        scaled to a mean of one and, after training, less half of the least that each
        of the two frames costs with any frame. "auto": "both" if informed, "embedding"
        otherwise.
    reference : int or array-like of shape (n_frames, n_features), default=None
        The video that `match` matches others with: its position in the videos of
        `fit`, or the video itself. None: the medoid, whose alignments with the others
        cost least on average.
    tau : float or "auto", default="auto"
        Temperature of the softmax in the loss. "auto": 0.2 if informed, 0.1 otherwise.
    max_iter : int, default=25
        Iterations of the transport solver.
    max_epochs : int or "auto", default="auto"
        Passes over the videos. 0 is the training-free mode. "auto": 20 if informed,
        30 otherwise.
    lr : float or "auto", default="auto"
        Learning rate of Adam. "auto": 2e-3 if informed, 1e-3 otherwise.
    weight_decay : float or "auto", default="auto"
        Weight decay of Adam. "auto": 1e-4.
    n_frames : int, default=256
        Frames drawn from each video at each step of the training, one from each of as
        many equal strata.
    batch_size : int, default=4
        Pairs of videos in a step of the training.
    device : {"auto", "cpu", "cuda"} or torch.device, default="auto"
        Where to compute; "auto" takes a GPU if there is one.
    devices : int, default=1
        Processes that train together, each with a share of every batch, and each on a
        GPU of its own if there are GPUs; needs the extra ``distributed``. Weights are
        those of one process but for rounding. Where torchrun has started the processes,
        their number.
    strategy : {"auto", "fork", "spawn"}, default="auto"
        How such processes are started where torchrun has not. "auto": "fork" on a CPU,
        if the system can, "spawn" else, which needs a script with
        ``if __name__ == "__main__"``.
    memory_limit : int, str or None, default="2GB"
        Bytes, or such as "500MB", that the alignment of two videos may use. Longer
        videos are aligned coarse to fine, with a warning: evenly spread frames in
        full, the others fitted in. None: no limit.
    n_jobs : int, default=None
        Processes that decode videos in `predict`, by joblib. Results do not depend on
        it.
    verbose : int, default=0
        1 shows some ten lines of progress, 2 one an epoch: on the standard error or,
        where logging shows records of level INFO, by the logger ``skvas``.
    callback : callable, default=None
        Called at the end of each epoch with a dict of its number, losses and
        diagnostics.
    checkpoint : str or path-like, default=None
        File that the training is kept in. Where it is there, `fit` goes on from it,
        and ends with the same weights as if it had never been stopped; the file stays.
        One of other videos or other parameters is an error. None: nothing is kept.
    checkpoint_interval : int or "auto", default="auto"
        Epochs from one writing of the checkpoint to the next. "auto": as few as cost
        some 2 % of the time, so one unless epochs are short.
    random_state : int, RandomState or None, default=None
        Source of all randomness; an int makes `fit` reproducible.

    Attributes
    ----------
    labels_ : int64 ndarray of shape (n_frames,), or an object array of them
        Action of each frame of the videos of `fit`.
    n_actions_ : int
        Number of actions, estimated where `n_actions` left a choice.
    n_actions_scores_ : dict of str to ndarray or None
        Each `n_actions` that was tried, and its `score`; None if none was.
    prototypes_ : ndarray of shape (n_actions_, n_embedding)
        Action embeddings, of length one, in the space of `segment_on_`.
    segment_on_ : {"features", "embedding"}
        Where frames are told apart, "auto" resolved.
    reference_ : ndarray of shape (n_frames, n_features)
        The video that `match` matches others with.
    matching_ : {"monotone", "plan", "nearest"}
        How matches are found, "auto" resolved.
    path_on_ : {"embedding", "both"}
        What monotone paths go by, "auto" resolved.
    shared_order_ : skvas.metrics.SharedOrder or None
        How far the videos of `fit` share an order; None if there was one only.
    encoder_ : torch.nn.Module
        The trained encoder, on the CPU.
    features_ : transformer or None
        The fitted preprocessing.
    history_ : dict of str to ndarray of shape (n_epochs,)
        `loss` of each epoch, its parts `loss_segmentation` and `loss_alignment`, and
        diagnostics: `objective_segmentation` and `objective_alignment` of the
        transport problems that give the pseudo-labels, `embedding_rank` and
        `actions_used` (effective numbers of dimensions and of actions), `seconds`.
    n_iter_ : int
        Epochs made.
    chosen_ : dict
        The settings that were chosen where "auto" left a choice.
    n_embedding_ : int
        Dimension of the embedding.
    n_features_in_ : int
        Features of a frame in `fit`.
    feature_names_in_ : ndarray of str of shape (n_features_in_,)
        Their names, where all of them were strings.
    device_ : str
        Where `fit` computed.

    Notes
    -----
    What the informed recipe leaves to `fit` ("auto") is chosen without labels: before
    training, frames of pairs of videos are matched by nearest neighbours and, where
    videos share an order, by monotone paths; that setting is taken whose labels of
    matched frames tell most of each other (:func:`~skvas.metrics.consistency_score`).
    All settings then vote on the segmentation that training starts from, the more the
    better they score.

    So is the number of actions, if it may be one of several: that is taken with which
    matched frames have one action most often beyond chance
    (:func:`~skvas.metrics.modularity_score`), on average over two quick segmentations
    and smoothed over neighbouring numbers. Expect it to be off by a factor of 1.5, and
    look at `n_actions_scores_` for others that score as well.

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

    def __init__(
        self,
        n_actions: int | tuple[int, int] | str = 8,
        *,
        recipe: str = "informed",
        features: Any = "auto",
        encoder: nn.Module | tuple[int, ...] | str | None = None,
        start: str = "auto",
        segment_on: str = "auto",
        teacher: str = "auto",
        n_refine: int | str = "auto",
        alpha: float | str = "auto",
        eps: float = 0.07,
        radius: float = 0.04,
        rho: float | str = "auto",
        lambda_actions: float | str = "auto",
        beta: float = 1.0,
        zeta: float | str = 0.5,
        virtual_mass: float | str | None = None,
        matching: str = "auto",
        path_on: str = "auto",
        reference: Any = None,
        tau: float | str = "auto",
        max_iter: int = 25,
        max_epochs: int | str = "auto",
        lr: float | str = "auto",
        weight_decay: float | str = "auto",
        n_frames: int = 256,
        batch_size: int = 4,
        device: Device = "auto",
        devices: int = 1,
        strategy: str = "auto",
        memory_limit: int | str | None = "2GB",
        n_jobs: int | None = None,
        verbose: int = 0,
        callback: Callback | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        checkpoint_interval: int | str = "auto",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_actions = n_actions
        self.recipe = recipe
        self.features = features
        self.encoder = encoder
        self.start = start
        self.segment_on = segment_on
        self.teacher = teacher
        self.n_refine = n_refine
        self.alpha = alpha
        self.eps = eps
        self.radius = radius
        self.rho = rho
        self.lambda_actions = lambda_actions
        self.beta = beta
        self.zeta = zeta
        self.virtual_mass = virtual_mass
        self.matching = matching
        self.path_on = path_on
        self.reference = reference
        self.tau = tau
        self.max_iter = max_iter
        self.max_epochs = max_epochs
        self.lr = lr
        self.weight_decay = weight_decay
        self.n_frames = n_frames
        self.batch_size = batch_size
        self.device = device
        self.devices = devices
        self.strategy = strategy
        self.memory_limit = memory_limit
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.callback = callback
        self.checkpoint = checkpoint
        self.checkpoint_interval = checkpoint_interval
        self.random_state = random_state

    def fit(self, videos: Videos, y: Any = None) -> JointAlignSegment:
        """Learn an embedding of frames, one prototype per action, and a reference.

        Parameters
        ----------
        videos : array-like of shape (n_frames, n_features), or a list of them
            Videos of one activity; a lone one is its own partner.
        y : object, default=None
            Ignored; here for scikit-learn's convention.

        Returns
        -------
        JointAlignSegment
            The estimator.

        Raises
        ------
        ValueError, TypeError
            If a parameter or a video is not as described; the estimator is then left
            as it was. So with any error, and with an interrupt from the keyboard.
        CheckpointError
            If the checkpoint is damaged, or is that of another training.
        OSError
            If the checkpoint cannot be read or written; names it. What was kept in it
            before stays.
        """
        self._check_parameters()
        with unchanged_on_failure(self):
            fewest = max(2, self._range_of_actions()[0])
            checked = check_videos(videos, estimator=self, min_total_frames=fewest)
            rng = check_random_state(self.random_state)
            model, features, checkpoint = self._begin(checked, rng)
            start = self.prototypes_
            history = self._train(model, features, rng, self._compute, checkpoint)
            embeddings = self._store(model, history, features)
            labels = self._store_segmentation(start, features, embeddings)
            self.labels_ = mirror(labels, is_single_video(videos))
            self._store_alignment(checked, embeddings, rng)
        return self

    def score(self, videos: Videos, y: Any = None) -> float:
        """Return minus the objectives of both tasks, weighed as in the loss.

        Parameters
        ----------
        videos : array-like of shape (n_frames, n_features), or a list of them
            One video or many.
        y : object, default=None
            Ignored; here for scikit-learn's convention.

        Returns
        -------
        float
            Minus the mean over videos of the segmentation's objective and `beta` times
            the cost of the alignment with the reference. Higher is better. Values
            under other parameters of the transport problems do not compare.
        """
        features = self._features(self._check_seen(videos))
        segmented = [objective for _, objective in self._segment(features)]
        aligned = self._costs(self._embed_features(features))
        return -float(np.mean(segmented) + self.beta * np.mean(aligned))

    def _check_parameters(self) -> None:
        super()._check_parameters()
        self._check_segmentation()
        self._check_alignment()
        check_real("beta", self.beta, low=0)
        check_choice("teacher", self._resolve("teacher"), TEACHERS)
        if self.teacher == "start":
            self._check_start_as_features("teacher")

    def _teacher(self, batch: VideoBatch) -> tuple[Tensor, Tensor] | None:
        """Return the frames and actions whose plan is the pseudo-label, or None."""
        if self._resolve("teacher") == "self" or not self._starts_as_features():
            return None
        # Until training is over, prototypes_ are those that it starts from.
        start = torch.from_numpy(self.prototypes_).to(batch.frames)
        return unit(batch.frames), start

    def _compute(self, model: Model, pairs: Pairs, progress: float) -> Losses:
        both = join(pairs.x, pairs.y)  # segmented in one batch, in half of the time
        embeddings = model.embed(both)
        n_pairs = len(pairs.x.lengths)
        x = embeddings[:n_pairs, : pairs.x.frames.shape[1]]
        y = embeddings[n_pairs:, : pairs.y.frames.shape[1]]
        mean, found = self._segmentation_task().loss(
            embeddings, both, model.actions(), self._teacher(both)
        )
        loss_xy, found_xy = self._alignment_task().loss(x, y, pairs.x, pairs.y)
        segmentation = 2 * mean  # of x, and of y
        parts = {
            "loss_segmentation": segmentation.detach(),
            "loss_alignment": loss_xy.detach(),
            **segmentation_parts(found),
            "objective_alignment": found_xy.objective.mean(),
            "embedding_rank": effective_rank(x, pairs.x.mask),
        }
        return Losses(segmentation + self.beta * loss_xy, parts)
