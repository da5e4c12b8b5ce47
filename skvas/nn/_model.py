"""The networks of an estimator: an encoder and, where frames are labelled, actions."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Generator, Tensor, nn

from skvas.nn.encoders import ENCODERS
from skvas.nn.prototypes import Prototypes
from skvas.transport import unit
from skvas.transport._threads import all_threads, single_threaded
from skvas.videos._batch import VideoBatch, pad, unpad
from skvas.videos._frames import to_float32


@dataclass
class Model:
    """The networks while they are trained.

    Parameters
    ----------
    encoder : Module
        From features to embeddings of any length.
    prototypes : Prototypes, default=None
        The action embeddings; None where nothing is segmented.
    """

    encoder: nn.Module
    prototypes: Prototypes | None = None

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

    def renormalise(self) -> None:
        """Put the actions back on the sphere after a step of the optimiser."""
        if self.prototypes is not None:
            self.prototypes.renormalise()


def build_encoder(
    encoder: Any,
    default: str | tuple[int, ...],
    n_features: int,
    generator: Generator,
    n_frames: int,
) -> nn.Module:
    """Make the encoder that the parameter `encoder` stands for.

    Parameters
    ----------
    encoder : Module, str, tuple of int or None
        A network, which is copied; a name of `ENCODERS`; widths of layers; or None.
    default : str or tuple of int
        What None stands for.
    n_features : int
        Features of a frame.
    generator : Generator
        Draws the weights.
    n_frames : int
        Frames of a usual video.
    """
    if isinstance(encoder, nn.Module):
        return copy.deepcopy(encoder)
    encoder = default if encoder is None else encoder
    if isinstance(encoder, tuple):
        return ENCODERS["mlp"](n_features, encoder, generator=generator)
    make = getattr(ENCODERS[encoder], "for_videos", None)
    if make is not None:
        return make(n_features, n_frames, generator=generator)
    return ENCODERS[encoder](n_features, generator=generator)


def is_causal(encoder: Any) -> bool:
    """Return whether no frame's embedding depends on a later frame.

    Parameters
    ----------
    encoder : Module, str or tuple of int
        A network; a name of `ENCODERS`; or widths of layers.

    Returns
    -------
    bool
        Whether it has a method `stream`, which embeds frames as they come.
    """
    if isinstance(encoder, tuple):
        encoder = "mlp"
    named = ENCODERS[encoder] if isinstance(encoder, str) else encoder
    return hasattr(named, "stream")


def embed(encoder: nn.Module, batch: VideoBatch) -> Tensor:
    """Return unit embeddings (B, N, D) of frames (B, N, D_in), float32.

    Raises
    ------
    ValueError
        If the encoder fails, does not keep the first two axes, or makes what is not
        finite of frames that are not padded.
    TypeError
        If it makes what is no tensor.
    """
    ours = is_ours(encoder)
    # To divide by the length of a frame of zeros gives gradients that are NaN.
    frames = batch.frames if ours else batch.repeated
    weight = next(encoder.parameters(), frames)
    dtype = weight.dtype if weight.is_floating_point() else frames.dtype
    more = []
    if getattr(encoder, "takes_lengths", False):
        more.append(batch.lengths)
    if getattr(encoder, "takes_times", False):
        more.append(batch.times.to(frames.device))
    # A network of the user's may well be worth all threads.
    with single_threaded(frames.numel(), frames.device) if ours else all_threads():
        # Plans need float32, whatever an encoder, or autocast around it, makes.
        embeddings = unit(_apply(encoder, frames.to(dtype), more).float())
    if embeddings.ndim != 3 or embeddings.shape[:2] != frames.shape[:2]:
        raise ValueError(
            f"encoder made {tuple(embeddings.shape)} of frames {tuple(frames.shape)}; "
            "it must keep the first two axes, and have three."
        )
    # To look costs a wait for the device, which encoders of skvas need not.
    if not ours and not embeddings[batch.mask].isfinite().all():
        raise ValueError(
            "encoder made NaN or infinity of frames that are finite; look for "
            "logarithms, roots and divisions in it, or, if it comes in training, "
            "lower lr."
        )
    return embeddings


def _apply(encoder: nn.Module, frames: Tensor, more: list[Tensor]) -> Tensor:
    """Call an encoder; where it fails, say what it was given."""
    try:
        made = encoder(frames, *more)
    except torch.OutOfMemoryError:
        raise
    except (RuntimeError, ValueError, TypeError, IndexError) as error:
        raise ValueError(
            f"encoder failed on frames (B, N, D) of shape {tuple(frames.shape)}, which "
            "the preprocessing in features= made of the videos (features=None: as they "
            f"are): {error}"
        ) from error
    if not isinstance(made, Tensor):
        raise TypeError(
            "encoder must return a tensor (B, N, D), got a "
            f"{type(made).__name__}; wrap it in a module that returns the "
            "embeddings alone, as nn.LSTM has them first."
        )
    return made


def is_ours(encoder: nn.Module) -> bool:
    """Return whether an encoder is one of skvas, all of whose state is its weights."""
    return type(encoder).__module__.startswith("skvas.")


@dataclass(frozen=True)
class _Copy:
    """An encoder of skvas on a device, and the weights that it had."""

    module: nn.Module
    device: torch.device
    weights: dict[str, Tensor]

    def is_of(self, encoder: nn.Module, device: torch.device) -> bool:
        weights = encoder.state_dict()
        if self.device != device or self.weights.keys() != weights.keys():
            return False
        return all(
            known.device == weights[name].device and torch.equal(known, weights[name])
            for name, known in self.weights.items()
        )


_copies: WeakKeyDictionary[nn.Module, _Copy] = WeakKeyDictionary()


def on_device(encoder: nn.Module, device: torch.device) -> nn.Module:
    """Return an encoder on a device; the one that is given stays where it is.

    Of encoders of skvas the copy is kept until their weights change.

    Parameters
    ----------
    encoder : Module
        On the CPU.
    device : torch.device
        Where it is needed.
    """
    if device.type == "cpu":
        return encoder
    if not is_ours(encoder):
        return copy.deepcopy(encoder).to(device)
    kept = _copies.get(encoder)
    if kept is None or not kept.is_of(encoder, device):
        weights = {name: w.clone() for name, w in encoder.state_dict().items()}
        kept = _Copy(copy.deepcopy(encoder).to(device), device, weights)
        _copies[encoder] = kept
    return kept.module


class EmbeddingStream:
    """Embed the frames of one video as they come.

    Parameters
    ----------
    encoder : Module
        Causal, on the CPU.
    """

    def __init__(self, encoder: Any) -> None:
        self._stream = encoder.stream()

    def push(self, frames: np.ndarray) -> np.ndarray:
        """Return unit embeddings of the next frames, float32 (n, D), one or more."""
        seen, _ = to_float32(frames)  # before the encoder changes
        # One by one: products of matrices round by the number of rows.
        return np.concatenate([_unit(self._stream.push(row[None])) for row in seen])

    def state(self) -> Any:
        """Return what was seen, as numbers and arrays."""
        return self._stream.state()

    def restore(self, state: Any) -> None:
        """Go on from what `state` has returned."""
        self._stream.restore(state)


def _unit(row: np.ndarray) -> np.ndarray:
    """Scale a frame, (1, D), to length one; zeros stay zeros."""
    peak = np.abs(row).max()
    scaled = row / peak if peak > 0 else row
    length = np.sqrt((scaled**2).sum())
    found: np.ndarray = scaled / length if length > 0 else scaled
    return found.astype(np.float32, copy=False)


def embed_videos(
    encoder: nn.Module,
    features: Sequence[np.ndarray],
    device: torch.device,
    keep: Callable[[Iterable[np.ndarray]], Sequence[np.ndarray]] = list,
) -> Sequence[np.ndarray]:
    """Embed videos, each by itself; the encoder is left where it is.

    Parameters
    ----------
    encoder : Module
        From features to embeddings.
    features : sequence of ndarray of shape (n_i, D_in)
        The videos.
    device : torch.device
        Where to compute.
    keep : callable, default=list
        Gathers the embeddings of one video after the other.
    """
    placed = on_device(encoder, device)

    def embedded() -> Iterator[np.ndarray]:
        for video in features:
            batch = pad([video], device)
            yield from unpad(embed(placed, batch), batch.lengths)

    with torch.no_grad():
        return keep(embedded())
