"""Self-supervised video alignment."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from sklearn.utils import check_random_state
from torch import nn

from skvas._aligning import AligningEstimator
from skvas._base import Model, effective_rank
from skvas._training import AlignmentTask, Callback, Losses, Pairs, VAVATask
from skvas._typing import Device, Videos
from skvas.validation import check_choice, check_videos, unchanged_on_failure

__all__ = ["VideoAligner"]


class VideoAligner(AligningEstimator):
    r"""Learn an embedding in which the same moments of different videos are close.

    Frames of pairs of videos are matched by fused Gromov-Wasserstein optimal transport,
    whose structure sends neighbours in time to neighbours in time (VAOT). The plan
    serves as pseudo-label for the encoder.

    Parameters
    ----------
    method : {"vaot", "vava"}, default="vaot"
        Fused Gromov-Wasserstein transport with structure priors, or the baseline:
        Kantorovich transport with an optimality prior.
    recipe : {"informed", "paper"}, default="informed"
        Where training starts, and what "auto" below stands for. "informed": from
        whitened features. "paper": from a random network, as published.
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
    alpha : float or "auto", default="auto"
        Weight of the temporal structure against the matching cost, in [0, 1]. "auto":
        0.3.
    eps : float, default=0.07
        Entropic regularisation, positive.
    radius : float, default=0.04
        Frames within this share of the video are temporal neighbours, in (0, 1).
    rho : float or "auto", default="auto"
        Weight of the temporal order prior. "auto": 0.15 as published; if
        informed, 0.35 where videos share an order, else 0.
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
        The video that `predict` matches others with: its position in the videos of
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
    reference_ : ndarray of shape (n_frames, n_features)
        The video that `predict` matches others with.
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
        `loss` and diagnostics of each epoch: `objective_alignment` of the transport
        problem, `embedding_rank` (effective number of dimensions), `seconds`.
    n_iter_ : int
        Epochs made.
    n_embedding_ : int
        Dimension of the embedding.
    n_features_in_ : int
        Features of a frame in `fit`.
    feature_names_in_ : ndarray of str of shape (n_features_in_,)
        Their names, where all of them were strings.
    device_ : str
        Where `fit` computed.

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

    def __init__(
        self,
        *,
        method: str = "vaot",
        recipe: str = "informed",
        features: Any = "auto",
        encoder: nn.Module | tuple[int, ...] | str | None = None,
        alpha: float | str = "auto",
        eps: float = 0.07,
        radius: float = 0.04,
        rho: float | str = "auto",
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
        self.method = method
        self.recipe = recipe
        self.features = features
        self.encoder = encoder
        self.alpha = alpha
        self.eps = eps
        self.radius = radius
        self.rho = rho
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

    def fit(self, videos: Videos, y: Any = None) -> VideoAligner:
        """Learn an embedding of frames, and choose the reference.

        Parameters
        ----------
        videos : array-like of shape (n_frames, n_features), or a list of them
            Videos of one activity; a lone one is its own partner.
        y : object, default=None
            Ignored; here for scikit-learn's convention.

        Returns
        -------
        VideoAligner
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
            checked = check_videos(videos, estimator=self, min_total_frames=2)
            rng = check_random_state(self.random_state)
            model, features, checkpoint = self._begin(checked, rng)
            history = self._train(model, features, rng, self._compute, checkpoint)
            embeddings = self._store(model, history, features)
            self._store_alignment(checked, embeddings, rng)
        return self

    def predict(self, videos: Videos) -> Any:
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
        """
        return self.match(videos)

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
            Higher is better. Values under other `eps`, `alpha`, `rho`, `zeta` or
            `virtual_mass` do not compare.
        """
        return -float(np.mean(self._costs(self._embed(self._check_seen(videos)))))

    def _check_parameters(self) -> None:
        super()._check_parameters()
        self._check_alignment()
        check_choice("method", self.method, ("vaot", "vava"))

    def _alignment_task(self, progress: float = 1.0) -> AlignmentTask | VAVATask:
        if self.method == "vaot":
            return super()._alignment_task()
        return VAVATask(
            eps=self.eps,
            virtual=self._virtual_frame(),
            phi=0.999 * (1 - progress),
        )

    def _compute(self, model: Model, pairs: Pairs, progress: float) -> Losses:
        x, y = model.embed(pairs.x), model.embed(pairs.y)
        loss, found = self._alignment_task(progress).loss(x, y, pairs.x, pairs.y)
        parts = {
            "objective_alignment": found.objective.mean(),
            "embedding_rank": effective_rank(x, pairs.x.mask),
        }
        return Losses(loss, parts)
