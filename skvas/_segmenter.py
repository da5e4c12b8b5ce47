"""Unsupervised action segmentation."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from sklearn.utils import check_random_state
from torch import nn

from skvas._base import Model, effective_rank
from skvas._output import mirror
from skvas._segmenting import SegmentingEstimator, segmentation_parts
from skvas._training import Callback, Losses, Pairs
from skvas._typing import Device, Videos
from skvas.validation import check_videos, is_single_video, unchanged_on_failure

__all__ = ["ActionSegmenter"]


class ActionSegmenter(SegmentingEstimator):
    r"""Find the actions of videos of one activity, and which is going on in each frame.

    Each frame is embedded and transported to K action embeddings by fused
    Gromov-Wasserstein optimal transport, whose structure keeps frames that are close in
    time together (ASOT). The plan serves as pseudo-label for encoder and actions.

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
        Weight of the temporal order prior. "auto": 0 if informed, 0.15 otherwise.
    lambda_actions : float or "auto", default="auto"
        How strongly all actions are pulled to the same share of a video; 0 not at
        all. "auto": 0.3 or 0.1, chosen (see Notes), if informed; 0.11 otherwise.
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
        Videos in a step of the training.
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
    encoder_ : torch.nn.Module
        The trained encoder, on the CPU.
    features_ : transformer or None
        The fitted preprocessing.
    history_ : dict of str to ndarray of shape (n_epochs,)
        `loss` and diagnostics of each epoch: `objective_segmentation` of the
        transport problem, `embedding_rank` and `actions_used` (effective numbers of
        dimensions and of actions), `seconds`.
    n_iter_ : int
        Epochs made.
    chosen_ : dict
        The settings that were chosen where "auto" left a choice.
    shared_order_ : skvas.metrics.SharedOrder or None
        How far the videos of `fit` share an order; None if there was one only.
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

    def __init__(
        self,
        n_actions: int | tuple[int, int] | str = 8,
        *,
        recipe: str = "informed",
        features: Any = "auto",
        encoder: nn.Module | tuple[int, ...] | str | None = None,
        start: str = "auto",
        segment_on: str = "auto",
        n_refine: int | str = "auto",
        alpha: float | str = "auto",
        eps: float = 0.07,
        radius: float = 0.04,
        rho: float | str = "auto",
        lambda_actions: float | str = "auto",
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
        self.n_refine = n_refine
        self.alpha = alpha
        self.eps = eps
        self.radius = radius
        self.rho = rho
        self.lambda_actions = lambda_actions
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
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.callback = callback
        self.checkpoint = checkpoint
        self.checkpoint_interval = checkpoint_interval
        self.random_state = random_state

    def fit(self, videos: Videos, y: Any = None) -> ActionSegmenter:
        """Learn an embedding of frames and one prototype per action.

        Parameters
        ----------
        videos : array-like of shape (n_frames, n_features), or a list of them
            Videos of one activity; several are better than one.
        y : object, default=None
            Ignored; here for scikit-learn's convention.

        Returns
        -------
        ActionSegmenter
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
        return self

    def score(self, videos: Videos, y: Any = None) -> float:
        """Return minus the mean objective of the transport problems, a frame's weight.

        Parameters
        ----------
        videos : array-like of shape (n_frames, n_features), or a list of them
            One video or many.
        y : object, default=None
            Ignored; here for scikit-learn's convention.

        Returns
        -------
        float
            Higher is better. Values under other `eps`, `alpha`, `n_actions`, `rho` or
            `lambda_actions` do not compare.
        """
        features = self._features(self._check_seen(videos))
        objectives = [objective for _, objective in self._segment(features)]
        return -float(np.average(objectives, weights=[len(v) for v in features]))

    def _check_parameters(self) -> None:
        super()._check_parameters()
        self._check_segmentation()

    def _compute(self, model: Model, pairs: Pairs, progress: float) -> Losses:
        x = model.embed(pairs.x)
        loss, found = self._segmentation_task().loss(x, pairs.x, model.actions())
        rank = effective_rank(x, pairs.x.mask)
        return Losses(loss, {**segmentation_parts(found), "embedding_rank": rank})
