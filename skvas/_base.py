"""What the three estimators share: the border, the recipes, fitting and decoding."""

from __future__ import annotations

import copy
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

import joblib
import numpy as np
import torch
from joblib import Parallel, delayed
from sklearn.base import BaseEstimator, clone
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from skvas._batch import VideoBatch, check_device, pad, unpad
from skvas._checkpoint import Checkpoint, identify, kept
from skvas._model_state import save_state, version
from skvas._output import VideoTransformerMixin
from skvas._training import (
    ALONE,
    Losses,
    Pairs,
    PairSampler,
    Team,
    is_launched,
    join_team,
    launch,
    thin,
    train,
)
from skvas._typing import Videos
from skvas.exceptions import (
    CollapseWarning,
    DegenerateFramesWarning,
    InvalidParameterError,
    ModelVersionWarning,
)
from skvas.metrics import shared_order
from skvas.nn import (
    MLPEncoder,
    Prototypes,
    ResidualEncoder,
    TemporalConvEncoder,
)
from skvas.preprocessing import VideoStandardizer, WhitenedViews
from skvas.transport import unit
from skvas.transport._precision import at_least_float32
from skvas.transport._threads import calm
from skvas.validation import check_choice, check_integer, check_real, check_videos

# What a parameter given as "auto" stands for, unless `fit` has chosen something else.
RECIPES: dict[str, dict[str, Any]] = {
    "informed": {
        "start": "time",
        "teacher": "start",
        "n_refine": 10,
        "alpha": 0.3,
        "rho": 0.0,
        "lambda_actions": 0.3,
        "tau": 0.2,
        "max_epochs": 20,
        "lr": 2e-3,
        "weight_decay": 1e-4,
    },
    "paper": {
        "start": "random",
        "teacher": "self",
        "n_refine": 0,
        "alpha": 0.3,
        "rho": 0.15,
        "lambda_actions": 0.11,
        "tau": 0.1,
        "max_epochs": 30,
        "lr": 1e-3,
        "weight_decay": 1e-4,
    },
}
# Of the features of the informed recipe; see WhitenedViews.
OFFSET = 0.5
# Embeddings that fill fewer dimensions than this have collapsed.
COLLAPSED_RANK = 1.5
# Frames that one job decodes: enough to be worth a process.
FRAMES_A_JOB = 20_000
# Videos are decoded in batches of at most so many entries of padded plans, of which at
# most this share of the real ones is padding.
ENTRIES_A_BATCH, PADDING = 1 << 20, 0.25


@dataclass
class Model:
    """The networks while they are trained.

    Parameters
    ----------
    encoder : Module
        From features to embeddings of any length.
    prototypes : Prototypes or None
        None where nothing is segmented.
    """

    encoder: nn.Module
    prototypes: Prototypes | None

    def embed(self, batch: VideoBatch) -> Tensor:
        """Return unit embeddings, (B, N, D)."""
        return embed(self.encoder, batch)

    def actions(self) -> Tensor:
        """Return the unit embeddings of the actions, (K, D)."""
        assert self.prototypes is not None
        return self.prototypes()

    def modules(self) -> nn.ModuleDict:
        """Return what is trained."""
        found = nn.ModuleDict({"encoder": self.encoder})
        if self.prototypes is not None:
            found["prototypes"] = self.prototypes
        return found

    def to(self, device: torch.device) -> None:
        """Move the networks to a device."""
        self.modules().to(device)


class BaseVideoEstimator(VideoTransformerMixin, BaseEstimator):
    """Border, recipe, training and decoding of the three estimators.

    A subclass names its parameters in `__init__`, says what its loss is in `_compute`,
    and stores what it learned.
    """

    def transform(self, videos: Videos) -> Any:
        """Embed every frame.

        Parameters
        ----------
        videos : array-like of shape (n_frames, n_features), or a list of them
            One video or many.

        Returns
        -------
        ndarray of shape (n_frames, n_embedding), or a list of them
            Unit vectors, float32; a frame whose features are all zero stays zero.

        Raises
        ------
        ValueError, TypeError
            If a video is not what `fit` has seen; names the video.
        NotFittedError
            If `fit` was not called.
        """
        return self._wrap_output(self._embed(self._check_seen(videos)), videos)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Name the dimensions of the embedding.

        Parameters
        ----------
        input_features : object, default=None
            Ignored; here for scikit-learn's convention.

        Returns
        -------
        ndarray of str of shape (n_embedding,)
            ``<class name>0``, ``<class name>1``, ...
        """
        check_is_fitted(self)
        prefix = type(self).__name__.lower()
        return np.array([f"{prefix}{d}" for d in range(self.n_embedding_)], object)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted estimator to a file, for :func:`skvas.load`.

        The file holds numbers and texts only, in the layout of safetensors, and can be
        sent to others. It is written whole or not at all.

        Parameters
        ----------
        path : str or path-like
            The file; replaced if it is there.

        Raises
        ------
        InvalidParameterError
            If a part of the estimator cannot be in a model file, such as a `callback`
            or a transformer of your own; names it.
        NotFittedError
            If `fit` was not called.
        OSError
            If the file cannot be written; names it, and leaves an old one as it was.

        Notes
        -----
        Of an encoder of your own only the weights are kept: give :func:`skvas.load`
        a network to put them in. The path of a `checkpoint` is not kept: whoever reads
        a model shall write no file by surprise. Pickles of estimators work as
        everywhere in scikit-learn, but whoever loads a pickle runs what is in it.
        """
        check_is_fitted(self)
        save_state(self, path)

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_skvas_version": version()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Warn of a pickle that another version of skvas wrote."""
        state = dict(state)
        written = state.pop("_skvas_version", "0.1.0")
        if written != version():
            warnings.warn(
                f"This {type(self).__name__} was pickled by skvas {written} and is "
                f"loaded by {version()}; what it predicts may differ. Models that are "
                "kept are better written with save.",
                ModelVersionWarning,
                stacklevel=2,
            )
        super().__setstate__(state)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []  # embeddings are float32
        return tags

    def _resolve(self, name: str) -> Any:
        """Return a parameter, or what the recipe says where it is "auto"."""
        value = getattr(self, name)
        recipe = check_choice("recipe", self.recipe, tuple(RECIPES))
        return RECIPES[recipe][name] if is_auto(value) else value

    def _check_parameters(self) -> None:
        """Refuse a parameter out of its range before anything is done."""
        check_real("eps", self.eps, low=0, low_open=True)
        check_real("alpha", self._resolve("alpha"), low=0, high=1)
        check_real("radius", self.radius, low=0, high=1, low_open=True, high_open=True)
        check_real("rho", self._resolve("rho"), low=0)
        check_real("tau", self._resolve("tau"), low=0, low_open=True)
        check_integer("max_iter", self.max_iter, low=0)
        check_integer("max_epochs", self._resolve("max_epochs"), low=0)
        check_real("lr", self._resolve("lr"), low=0, low_open=True)
        check_real("weight_decay", self._resolve("weight_decay"), low=0)
        check_integer("n_frames", self.n_frames, low=2)
        check_integer("batch_size", self.batch_size, low=1)
        verbose = self.verbose
        check_integer(
            "verbose", int(verbose) if isinstance(verbose, bool) else verbose, low=0
        )
        check_device(self.device)
        _check_encoder(self.encoder)
        if self.callback is not None and not callable(self.callback):
            raise InvalidParameterError(
                f"callback must be None or callable, got {self.callback!r}."
            )
        if not isinstance(self.checkpoint, (str, os.PathLike, type(None))):
            raise InvalidParameterError(
                f"checkpoint must be None or the path of a file, got "
                f"{self.checkpoint!r}."
            )
        if not is_auto(self.checkpoint_interval):
            check_integer("checkpoint_interval", self.checkpoint_interval, low=1)
        check_integer("devices", self.devices, low=1)
        check_choice("strategy", self.strategy, ("auto", "fork", "spawn"))

    def _check_seen(self, videos: Videos) -> list[np.ndarray]:
        """Check videos against those of `fit`."""
        check_is_fitted(self)
        return check_videos(videos, estimator=self, reset=False)

    def _begin(
        self, videos: list[np.ndarray], rng: np.random.RandomState
    ) -> tuple[Model, list[np.ndarray], Checkpoint | None]:
        """Prepare a training, or take up the one that the checkpoint holds.

        Returns the networks, the features that the encoder sees, and the checkpoint.
        """
        for name in self._learned():
            delattr(self, name)  # what an earlier fit has left
        checkpoint = self._open_checkpoint(videos)
        if checkpoint is not None and checkpoint.found:
            for name, value in checkpoint.attributes.items():
                setattr(self, name, value)
            features = self._features(videos)
            model = self._build(features, rng)
            vectors = checkpoint.weights.get("prototypes.vectors")
            if vectors is not None:
                placed = torch.from_numpy(vectors).to(self._device())
                model.prototypes = Prototypes(placed)
            return model, features, checkpoint
        features = self._fit_features(videos)
        model = self._build(features, rng)
        self._start(model, features, rng)
        if checkpoint is not None:
            checkpoint.attributes = {name: vars(self)[name] for name in self._learned()}
        return model, features, checkpoint

    def _learned(self) -> list[str]:
        """List what `fit` has learned, beside what videos look like (`..._in_`)."""
        names = (name for name in vars(self) if name.endswith("_"))
        return [name for name in names if not name.endswith("_in_")]

    def _open_checkpoint(self, videos: list[np.ndarray]) -> Checkpoint | None:
        if self.checkpoint is None:
            return None
        identity = identify(self, videos, self._device())
        return Checkpoint(self.checkpoint, self.checkpoint_interval, identity)

    def _start(
        self, model: Model, features: list[np.ndarray], rng: np.random.RandomState
    ) -> None:
        """See what the data say before training."""
        self._survey(model, features, rng)

    def _fit_features(self, videos: list[np.ndarray]) -> list[np.ndarray]:
        """Fit the preprocessing, and return the features that the encoder sees."""
        features = self.features
        if isinstance(features, str):
            check_choice("features", features, ("auto", "standardise"))
            if features == "standardise":
                features = VideoStandardizer()
            else:
                informed = self.recipe == "informed"
                features = WhitenedViews(offset=OFFSET) if informed else None
        self.features_ = None if features is None else clone(features).fit(videos)
        seen = self._features(videos)
        if not isinstance(self.features_, WhitenedViews):  # which warns itself
            _warn_of_degenerate_frames(seen)
        return seen

    def _features(self, videos: list[np.ndarray]) -> list[np.ndarray]:
        """Return the features that the encoder sees, float32."""
        if self.features_ is None:
            seen = videos
        else:
            seen = [np.asarray(video) for video in self.features_.transform(videos)]
        return [
            _as_float32(video, index if len(videos) > 1 else None)
            for index, video in enumerate(seen)
        ]

    def _build(self, features: list[np.ndarray], rng: np.random.RandomState) -> Model:
        """Make the encoder; all of torch's randomness descends from `rng`."""
        n_features = features[0].shape[1]
        with _seeded(rng):
            if isinstance(self.encoder, nn.Module):
                encoder = copy.deepcopy(self.encoder)
            elif self.encoder == "temporal":
                encoder = TemporalConvEncoder(n_features)
            elif self.encoder is not None:
                encoder = MLPEncoder(n_features, self.encoder)
            elif self.recipe == "informed":
                encoder = ResidualEncoder(n_features)
            else:
                encoder = MLPEncoder(n_features)
        # At rest until it is trained: the start must not see dropout.
        return Model(encoder.to(self._device()).eval(), None)

    def _survey(
        self, model: Model, features: list[np.ndarray], rng: np.random.RandomState
    ) -> tuple[Tensor, VideoBatch]:
        """Embed some frames of each video before training, and find their order."""
        batch = thin(features, self.n_frames, self._device())
        with torch.no_grad():
            embeddings = model.embed(batch)
        self.shared_order_ = None
        if len(features) > 1:
            arrays = unpad(embeddings, batch.lengths)
            self.shared_order_ = shared_order(arrays, random_state=rng)
        return embeddings, batch

    def _in_order(self) -> bool:
        """Tell whether the videos share an order; a lone video does with itself."""
        return self.shared_order_ is None or self.shared_order_.is_shared

    def _train(
        self,
        model: Model,
        features: list[np.ndarray],
        rng: np.random.RandomState,
        compute: Callable[[Model, Pairs, float], Losses],
        checkpoint: Checkpoint | None,
    ) -> dict[str, np.ndarray]:
        """Train the model, in as many processes as `devices` says."""
        parameters = model.modules().parameters()
        if self._resolve("max_epochs") and not any(p.requires_grad for p in parameters):
            raise ValueError(
                "encoder has no parameters to train; set max_epochs=0 to use it as is."
            )
        run = partial(self._run, model, features, rng, compute)
        device = self._device()
        if self.devices == 1:
            history = run(checkpoint, ALONE, device)
        elif is_launched():
            team, own = join_team(self.devices, device)
            weights = [w.cpu().numpy() for w in model.modules().state_dict().values()]
            team.check_agreement(joblib.hash([features, rng.get_state(), weights]))
            history = run(checkpoint, team, own)
        else:
            model.to(torch.device("cpu"))  # on its way to other processes
            with kept(checkpoint) as file:
                launch(partial(run, file), self.devices, device, self.strategy)
                history = run(file.reopened(), ALONE, device)
        _warn_of_collapse(history)
        return history

    def _run(
        self,
        model: Model,
        features: list[np.ndarray],
        rng: np.random.RandomState,
        compute: Callable[[Model, Pairs, float], Losses],
        checkpoint: Checkpoint | None,
        team: Team,
        device: torch.device,
    ) -> dict[str, np.ndarray]:
        """Run the training loop, as one of a team."""
        model.to(device)
        sampler = PairSampler(
            features,
            self.n_frames,
            self.batch_size,
            rng,
            device,
            rank=team.rank,
            n_ranks=team.size,
        )
        if checkpoint is not None:
            checkpoint.writes = team.rank == 0
        own = isinstance(self.encoder, nn.Module)  # may well be worth all threads
        n_entries = self.batch_size * self.n_frames**2
        with _seeded(rng), nullcontext() if own else calm(n_entries, device):
            return train(
                partial(compute, model),
                sampler,
                model.modules(),
                lr=self._resolve("lr"),
                weight_decay=self._resolve("weight_decay"),
                max_epochs=self._resolve("max_epochs"),
                after_step=model.prototypes.renormalise if model.prototypes else _pass,
                team=team,
                checkpoint=checkpoint,
                callback=self.callback if team.rank == 0 else None,
                verbose=int(self.verbose) if team.rank == 0 else 0,
            )

    def _store(
        self, model: Model, history: dict[str, np.ndarray], features: list[np.ndarray]
    ) -> list[np.ndarray]:
        """Keep what was learned, on the CPU, where any machine can load it.

        Returns the embeddings of the videos of `fit`.
        """
        self.encoder_ = model.encoder.cpu().eval()
        if model.prototypes is not None:
            self.prototypes_ = model.actions().detach().cpu().numpy()
        self.history_ = history
        self.n_iter_ = len(history["epoch"])
        self.device_ = str(self._device())
        embeddings = self._embed_features(features)
        self.n_embedding_ = embeddings[0].shape[1]
        return embeddings

    def _device(self) -> torch.device:
        return check_device(self.device)

    def _embed(self, videos: list[np.ndarray]) -> list[np.ndarray]:
        """Embed checked videos, each by itself."""
        return self._embed_features(self._features(videos))

    def _embed_features(self, features: list[np.ndarray]) -> list[np.ndarray]:
        """Embed videos whose features are those that the encoder sees."""
        device = self._device()
        encoder = _on(self.encoder_, device)
        embeddings = []
        with torch.no_grad():
            for video in features:
                batch = pad([video], device)
                embeddings += unpad(embed(encoder, batch), batch.lengths)
        return embeddings

    def _in_jobs(
        self,
        decode: Callable[..., list[Any]],
        videos: Sequence[Any],
        width: int,
        *common: Any,
    ) -> list[Any]:
        """Decode videos in batches of similar length, in `n_jobs` processes.

        How videos are grouped depends on their lengths alone: results are the same for
        any `n_jobs`. `width` is the width of their plans; `decode` takes a list of
        videos, embedded, and what is common to all, and returns a list.
        """
        groups = group_by_length([len(video) for video in videos], width)
        jobs: list[list[list[int]]] = [[]]
        size = 0
        for group in groups:
            if size >= FRAMES_A_JOB:
                jobs.append([])
                size = 0
            jobs[-1].append(group)
            size += sum(len(videos[index]) for index in group)
        done = Parallel(n_jobs=self.n_jobs)(
            delayed(_decode_groups)(
                decode, [[videos[i] for i in group] for group in job], common
            )
            for job in jobs
        )
        results: list[Any] = [None] * len(videos)
        order = [index for group in groups for index in group]
        decoded = [result for job in done for result in job]
        for index, result in zip(order, decoded, strict=True):
            results[index] = result
        return results


def group_by_length(lengths: Sequence[int], width: int) -> list[list[int]]:
    """Group videos that are worth a batch: alike in length, and not too many.

    Parameters
    ----------
    lengths : sequence of int
        Frames of each video.
    width : int
        Width of the plans.

    Returns
    -------
    list of list of int
        Positions, from the shortest to the longest video; each in one group.
    """
    groups: list[list[int]] = []
    real = 0
    for index in sorted(range(len(lengths)), key=lambda i: (lengths[i], i)):
        padded = lengths[index] * (len(groups[-1]) + 1) if groups else 0
        real += lengths[index]
        wasted = padded > (1 + PADDING) * real
        if not groups or wasted or padded * width > ENTRIES_A_BATCH:
            groups.append([])
            real = lengths[index]
        groups[-1].append(index)
    return groups


@contextmanager
def _seeded(rng: np.random.RandomState) -> Iterator[None]:
    """Let torch's randomness descend from `rng`, and leave its generators alone."""
    seed = int(rng.randint(2**31))
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        yield


def is_auto(value: Any) -> bool:
    return isinstance(value, str) and value == "auto"


def _check_encoder(encoder: Any) -> None:
    named = isinstance(encoder, str) and encoder == "temporal"
    if isinstance(encoder, tuple) and len(encoder) > 0:
        for width in encoder:
            check_integer("a width of encoder", width, low=1)
    elif not (encoder is None or named or isinstance(encoder, nn.Module)):
        raise InvalidParameterError(
            'encoder must be None, "temporal", a tuple of layer widths, or a '
            "torch.nn.Module from (B, N, n_features) to (B, N, D), got "
            f"{encoder!r}."
        )


def _decode_groups(
    decode: Callable[..., list[Any]],
    groups: Sequence[list[Any]],
    common: tuple[Any, ...],
) -> list[Any]:
    with torch.no_grad():
        return [result for group in groups for result in decode(group, *common)]


def _on(module: nn.Module, device: torch.device) -> nn.Module:
    """Return a module on a device; the one on the CPU is left where it is."""
    return module if device.type == "cpu" else copy.deepcopy(module).to(device)


def embed(encoder: nn.Module, batch: VideoBatch) -> Tensor:
    """Return unit embeddings (B, N, D) of frames (B, N, D_in)."""
    frames = batch.frames
    lengths = (batch.lengths,) if getattr(encoder, "takes_lengths", False) else ()
    # Under autocast it makes bfloat16, which neither plans nor NumPy can use.
    embeddings = unit(at_least_float32(encoder(frames, *lengths)))
    if embeddings.ndim != 3 or embeddings.shape[:2] != frames.shape[:2]:
        raise ValueError(
            f"encoder made {tuple(embeddings.shape)} of frames {tuple(frames.shape)}; "
            "it must keep the first two axes, and have three."
        )
    return embeddings


def _as_float32(video: np.ndarray, index: int | None) -> np.ndarray:
    """Cast features for the networks, and refuse those that would be lost."""
    with np.errstate(over="ignore", under="ignore"):
        cast = video.astype(np.float32, copy=False)
        # Embeddings are divided by their lengths: squares must be in range as well.
        squares = np.einsum("nd,nd->n", cast, cast)
    overflown = not np.isfinite(squares).all()
    vanished = (squares < np.finfo(np.float32).tiny) & video.any(axis=1)
    if overflown or vanished.any():
        fault = "overflow" if overflown else "vanish"
        raise ValueError(
            f"{'' if index is None else f'video {index}: '}features {fault} in "
            "float32; rescale them, or use features=WhitenedViews()."
        )
    return cast


def _warn_of_degenerate_frames(features: list[np.ndarray]) -> None:
    """Warn once of frames that are zero, or if all frames are equal."""
    n_zero = sum(int((~video.any(axis=1)).sum()) for video in features)
    if n_zero:
        fault = f"{n_zero} frame(s) have no feature but 0"
    elif all((video == features[0][0]).all() for video in features):
        fault = "All frames are equal"
    else:
        return
    warnings.warn(
        f"{fault}: they match anything equally well. Drop them, or use other features.",
        DegenerateFramesWarning,
        stacklevel=5,
    )


def _warn_of_collapse(history: dict[str, np.ndarray]) -> None:
    rank = history.get("embedding_rank", np.empty(0))
    if len(rank) and rank[-1] < min(COLLAPSED_RANK, 0.99 * rank[0]):
        warnings.warn(
            f"The embedding has collapsed to {rank[-1]:.2f} effective dimensions: "
            "frames can hardly be told apart. Train for fewer epochs (max_epochs), or "
            "with a smaller lr.",
            CollapseWarning,
            stacklevel=4,
        )


def effective_rank(embeddings: Tensor, mask: Tensor) -> Tensor:
    """Return how many dimensions the embeddings fill: exp of the spectrum's entropy."""
    frames = embeddings.detach()[mask]
    spectrum = torch.linalg.eigvalsh(frames.T @ frames).clamp_min(0)
    return torch.special.entr(spectrum / spectrum.sum()).sum().exp()


def _pass() -> None:
    """Do nothing after a step: there is nothing to put back on the sphere."""
