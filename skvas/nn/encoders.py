"""Encoders: modules from frames (B, N, D_in) to embeddings (B, N, D).

To add one, write a class such as those below and put it into `ENCODERS`: estimators
then take its name as `encoder`, and model files hold it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor, nn

from skvas.validation import check_integer
from skvas.videos._stored import check_array, check_type
from skvas.videos._streams import Stateless

__all__ = [
    "ENCODERS",
    "CausalConvEncoder",
    "FrameStream",
    "MLPEncoder",
    "ResidualEncoder",
    "TemporalConvEncoder",
]


class FrameStream(Stateless):
    """Embed frames as they come, with a network that embeds each by itself.

    What the method `stream` of a network of your own may return.

    Parameters
    ----------
    encoder : torch.nn.Module
        From frames (B, N, D_in) to embeddings (B, N, D).

    Examples
    --------
    >>> import numpy as np
    >>> from torch import nn
    >>> from skvas.nn import FrameStream
    >>> FrameStream(nn.Linear(64, 40)).push(np.zeros((3, 64))).shape
    (3, 40)
    """

    def __init__(self, encoder: nn.Module) -> None:
        self.encoder = encoder

    def push(self, frames: np.ndarray) -> np.ndarray:
        """Embed the next frames of a video.

        Parameters
        ----------
        frames : ndarray of shape (n, D_in)

        Returns
        -------
        ndarray of shape (n, D)
        """
        dtype = next((p.dtype for p in self.encoder.parameters()), torch.float32)
        own = np.array(frames, dtype=float)  # of any layout and byte order
        with torch.no_grad():
            embedded: Tensor = self.encoder(torch.from_numpy(own).to(dtype)[None])
        return embedded[0].numpy()


class LayerStream(Stateless):
    """Embed frames as they come, with layers as arrays: quicker for single frames.

    Parameters
    ----------
    layers : sequence of Linear
        Rectified between two of them.
    is_added : bool
        Whether frames are added to what the layers make of them.
    """

    def __init__(self, layers: Iterable[nn.Linear], *, is_added: bool) -> None:
        self.layers = [_arrays(layer) for layer in layers]
        self.is_added = is_added

    def push(self, frames: np.ndarray) -> np.ndarray:
        """Embed the next frames of a video, (n, D_in)."""
        (weight, bias), *others = self.layers
        hidden = frames @ weight + bias
        for weight, bias in others:
            hidden = np.maximum(hidden, 0) @ weight + bias
        return frames + hidden if self.is_added else hidden


class MLPEncoder(nn.Module):
    """Embed each frame by itself: the encoder of the paper.

    Parameters
    ----------
    n_features : int
        D_in, features of a frame.
    widths : sequence of int, default=(128, 40)
        Widths of the layers; the last is the dimension D of the embedding.
    generator : torch.Generator, default=None
        Draws the weights; None: torch's global generator.

    References
    ----------
    .. [1] *Joint Self-Supervised Video Alignment and Action Segmentation*, ICCV 2025,
       section 4.

    Examples
    --------
    >>> import torch
    >>> from skvas.nn import MLPEncoder
    >>> MLPEncoder(64)(torch.zeros(2, 100, 64)).shape
    torch.Size([2, 100, 40])
    """

    def __init__(
        self,
        n_features: int,
        widths: Sequence[int] = (128, 40),
        *,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        sizes = [n_features, *widths]
        layers: list[nn.Module] = []
        for n_in, n_out in zip(sizes[:-1], sizes[1:], strict=True):
            layers += [_linear(n_in, n_out, generator), nn.ReLU()]
        self.layers = nn.Sequential(*layers[:-1])

    def config(self) -> dict[str, Any]:
        """Return the arguments that make an encoder of the same sizes.

        Returns
        -------
        dict of str to object
            Numbers, texts and tuples of them.
        """
        layers = self._linear_layers()
        widths = tuple(layer.out_features for layer in layers)
        return {"n_features": layers[0].in_features, "widths": widths}

    def forward(self, frames: Tensor) -> Tensor:
        """Embed frames.

        Parameters
        ----------
        frames : Tensor of shape (B, N, D_in)

        Returns
        -------
        Tensor of shape (B, N, D)
            Of any length: the estimators scale embeddings to length one.
        """
        return self.layers(frames)

    def _linear_layers(self) -> list[nn.Linear]:
        return [layer for layer in self.layers if isinstance(layer, nn.Linear)]

    def stream(self) -> LayerStream:
        """Return what embeds frames as they come.

        Returns
        -------
        LayerStream
            Its method `push` takes arrays (n, D_in).
        """
        return LayerStream(self._linear_layers(), is_added=False)


class ResidualEncoder(nn.Module):
    """Start as the identity, and learn what to add to it.

    The last layer starts at zero, so that training sets out from the features as they
    are and can only move away from a good start.

    Parameters
    ----------
    n_features : int
        D_in, features of a frame, and the dimension of the embedding.
    hidden : int, default=128
        Width of the hidden layer.
    generator : torch.Generator, default=None
        Draws the weights; None: torch's global generator.

    Examples
    --------
    >>> import torch
    >>> from skvas.nn import ResidualEncoder
    >>> frames = torch.ones(1, 2, 3)
    >>> bool((ResidualEncoder(3)(frames) == frames).all())
    True
    """

    starts_as_identity = True

    def __init__(
        self,
        n_features: int,
        hidden: int = 128,
        *,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        self.added = MLPEncoder(n_features, (hidden, n_features), generator=generator)
        for parameter in self.added.layers[-1].parameters():
            nn.init.zeros_(parameter)

    def config(self) -> dict[str, Any]:
        """Return the arguments that make an encoder of the same sizes.

        Returns
        -------
        dict of str to object
            Numbers.
        """
        added = self.added.config()
        return {"n_features": added["n_features"], "hidden": added["widths"][0]}

    def forward(self, frames: Tensor) -> Tensor:
        """Embed frames.

        Parameters
        ----------
        frames : Tensor of shape (B, N, D_in)

        Returns
        -------
        Tensor of shape (B, N, D_in)
        """
        return frames + self.added(frames)

    def stream(self) -> LayerStream:
        """Return what embeds frames as they come.

        Returns
        -------
        LayerStream
            Its method `push` takes arrays (n, D_in).
        """
        return LayerStream(self.added._linear_layers(), is_added=True)


class _Convolutions(nn.Module):
    """Layers of three taps, and what the last adds to a frame: at first nothing."""

    starts_as_identity = True
    reaches: Any

    def __init__(
        self, n_features: int, hidden: int, n_layers: int, generator: Generator | None
    ) -> None:
        super().__init__()
        widths = [n_features, *[hidden] * n_layers]
        self.layers = nn.ModuleList(
            _linear(3 * n_in, n_out, generator)
            for n_in, n_out in zip(widths[:-1], widths[1:], strict=True)
        )
        self.added = _linear(widths[-1], n_features, generator)
        for parameter in self.added.parameters():
            nn.init.zeros_(parameter)

    def config(self) -> dict[str, Any]:
        """Return the arguments that make an encoder of the same sizes.

        Returns
        -------
        dict of str to object
            Numbers and a tuple of them.
        """
        return {
            "n_features": self.added.out_features,
            "hidden": self.added.in_features,
            "reaches": tuple(torch.as_tensor(self.reaches).tolist()),
        }


class TemporalConvEncoder(_Convolutions):
    """Start as the identity, and learn what a frame's neighbours in time add to it.

    Each layer is a convolution of three taps: the frame itself, and those that lie a
    share of the video before and after it. Since they reach for shares and not for
    numbers of frames, a video looks the same at any frame rate, and in training, which
    sees few of its frames. Beyond its ends a video stands still.

    Parameters
    ----------
    n_features : int
        D_in, features of a frame, and the dimension of the embedding.
    hidden : int, default=64
        Width of the layers.
    reaches : sequence of float, default=(0.01, 0.02, 0.04)
        How far the outer taps of each layer lie, as a share of the video, in [0, 1].
    generator : torch.Generator, default=None
        Draws the weights; None: torch's global generator.

    Attributes
    ----------
    takes_lengths : bool
        True: estimators call it with the lengths of the videos, too.

    See Also
    --------
    CausalConvEncoder : Sees no later frame.

    References
    ----------
    .. [1] Y. A. Farha and J. Gall, "MS-TCN: Multi-Stage Temporal Convolutional Network
       for Action Segmentation", CVPR 2019, whose convolutions reach for frames.

    Examples
    --------
    >>> import torch
    >>> from skvas.nn import TemporalConvEncoder
    >>> frames = torch.ones(1, 2, 3)
    >>> bool((TemporalConvEncoder(3)(frames) == frames).all())
    True
    """

    takes_lengths = True
    reaches: Tensor

    def __init__(
        self,
        n_features: int,
        hidden: int = 64,
        reaches: Sequence[float] = (0.01, 0.02, 0.04),
        *,
        generator: Generator | None = None,
    ) -> None:
        super().__init__(n_features, hidden, len(reaches), generator)
        taps = torch.tensor(tuple(reaches), dtype=torch.float32)
        self.register_buffer("reaches", taps)

    def forward(self, frames: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Embed frames.

        Parameters
        ----------
        frames : Tensor of shape (B, N, D_in)
        lengths : int64 Tensor of shape (B,), default=None
            Real frames of each video; the others make no difference to these. None:
            all are real.

        Returns
        -------
        Tensor of shape (B, N, D_in)
        """
        if lengths is None:
            lengths = torch.full((len(frames),), frames.shape[1])
        lengths = lengths.to(frames.device)[:, None]  # (B, 1)
        hidden = frames
        for layer, reach in zip(self.layers, self.reaches, strict=True):
            hidden = layer(_with_neighbours(hidden, lengths, reach)).relu()
        return frames + self.added(hidden)


def _with_neighbours(frames: Tensor, lengths: Tensor, reach: Tensor) -> Tensor:
    """Put the frames that lie `reach` before and after beside each, (B, N, 3 D)."""
    n = torch.arange(frames.shape[1], device=frames.device)
    step = (reach.clamp(0, 1) * lengths).round().long()  # (B, 1)
    taps = []
    for at in (n - step, n + step):
        at = torch.minimum(at.clamp_min(0), lengths - 1)  # (B, N)
        taps.append(frames.gather(1, at[:, :, None].expand_as(frames)))
    return torch.cat([taps[0], frames, taps[1]], dim=2)


class CausalConvEncoder(_Convolutions):
    """Start as the identity, and learn what earlier frames add to a frame.

    Each layer is a convolution of three taps: the frame itself, and those that lie once
    and twice a number of frames before it. Before its start a video stands still. No
    tap reaches for a later frame, nor for a share of a video whose end is not known: so
    frames can be embedded as they come, at the rate of the videos of training.

    Parameters
    ----------
    n_features : int
        D_in, features of a frame, and the dimension of the embedding.
    hidden : int, default=64
        Width of the layers.
    reaches : sequence of int, default=(3, 6, 12)
        How many frames lie between the taps of each layer, 1 or more.
    generator : torch.Generator, default=None
        Draws the weights; None: torch's global generator.

    Attributes
    ----------
    takes_times : bool
        True: estimators call it with the numbers of the frames, too, as training sees
        few frames of a video.

    See Also
    --------
    TemporalConvEncoder : Sees later frames, too.

    References
    ----------
    .. [1] S. Bai, J. Z. Kolter and V. Koltun, "An Empirical Evaluation of Generic
       Convolutional and Recurrent Networks for Sequence Modeling", 2018.

    Examples
    --------
    >>> import torch
    >>> from skvas.nn import CausalConvEncoder
    >>> encoder, frames = CausalConvEncoder(3), torch.ones(1, 20, 3)
    >>> bool((encoder(frames) == frames).all())
    True
    >>> encoder.stream().push(frames[0, :15].numpy()).shape
    (15, 3)
    """

    takes_times = True

    def __init__(
        self,
        n_features: int,
        hidden: int = 64,
        reaches: Sequence[int] = (3, 6, 12),
        *,
        generator: Generator | None = None,
    ) -> None:
        super().__init__(n_features, hidden, len(reaches), generator)
        self.reaches = tuple(reaches)
        for reach in self.reaches:
            check_integer("a reach", reach, low=1)

    @classmethod
    def for_videos(
        cls, n_features: int, n_frames: int, *, generator: Generator | None = None
    ) -> CausalConvEncoder:
        """Return one whose taps reach for .01, .02 and .04 of a usual video.

        Parameters
        ----------
        n_features : int
            Features of a frame.
        n_frames : int
            Frames of a usual video.
        generator : torch.Generator, default=None
            Draws the weights; None: torch's global generator.

        Returns
        -------
        CausalConvEncoder
        """
        reaches = [max(1, round(share * n_frames)) for share in (0.01, 0.02, 0.04)]
        return cls(n_features, reaches=reaches, generator=generator)

    def forward(self, frames: Tensor, times: Tensor | None = None) -> Tensor:
        """Embed frames.

        Parameters
        ----------
        frames : Tensor of shape (B, N, D_in)
        times : int64 Tensor of shape (B, N), default=None
            The number of each frame in its video, rising: a tap takes the frame that is
            nearest. None: no frame was left out.

        Returns
        -------
        Tensor of shape (B, N, D_in)
        """
        if times is None:
            times = torch.arange(frames.shape[1], device=frames.device)
            times = times.repeat(len(frames), 1)
        hidden = frames
        for layer, reach in zip(self.layers, self.reaches, strict=True):
            taps = [_before(hidden, times, by) for by in (2 * reach, reach)]
            hidden = layer(torch.cat([*taps, hidden], dim=2)).relu()
        return frames + self.added(hidden)

    def stream(self) -> CausalConvStream:
        """Return what embeds frames as they come.

        Returns
        -------
        CausalConvStream
        """
        return CausalConvStream(self)


class CausalConvStream:
    """Embed frames as they come, with a causal encoder.

    Parameters
    ----------
    encoder : CausalConvEncoder
        The encoder.

    Attributes
    ----------
    rings : list of ndarray of shape (2 * reach_i, D_i)
        The last frames that each layer has seen; none before the first frame.
    """

    def __init__(self, encoder: CausalConvEncoder) -> None:
        self.reaches = encoder.reaches
        self.layers = [_arrays(layer) for layer in encoder.layers]
        self.added = _arrays(encoder.added)
        self.rings: list[np.ndarray] = []

    def push(self, frames: np.ndarray) -> np.ndarray:
        """Embed the next frames of a video.

        Parameters
        ----------
        frames : ndarray of shape (n, D_in)

        Returns
        -------
        ndarray of shape (n, D_in)
        """
        if not len(frames):
            return frames
        n, hidden, rings = len(frames), frames, []
        for number, reach in enumerate(self.reaches):
            # A video stands still before it starts.
            start = np.repeat(hidden[:1], 2 * reach, axis=0)
            seen = np.concatenate([self.rings[number] if self.rings else start, hidden])
            rings.append(seen[n:].copy())
            weight, bias = self.layers[number]
            taps = np.concatenate([seen[:n], seen[reach : reach + n], hidden], axis=1)
            hidden = np.maximum(taps @ weight + bias, 0)
        self.rings = rings
        weight, bias = self.added
        embedded: np.ndarray = frames + (hidden @ weight + bias)
        return embedded

    def state(self) -> list[Any]:
        """Return the rings.

        Returns
        -------
        list of ndarray
        """
        return self.rings

    def restore(self, state: Any) -> None:
        """Go on from what `state` has returned.

        Parameters
        ----------
        state : list of ndarray
            Refused if it is not as another stream of the encoder has it.
        """
        rings = check_type("rings", state, list)
        if rings:
            layers = zip(rings, self.reaches, self.layers, strict=True)
            for ring, reach, (weight, _) in layers:
                shape = (2 * reach, len(weight) // 3)
                check_array("a ring", ring, shape, np.float32)
        self.rings = rings


def _arrays(layer: nn.Module) -> tuple[np.ndarray, np.ndarray]:
    """Return the transposed weight and the bias of a layer, float32."""
    weight, bias = (layer.get_parameter(n).detach() for n in ("weight", "bias"))
    return np.ascontiguousarray(
        weight.float().cpu().numpy().T
    ), bias.float().cpu().numpy()


def _before(frames: Tensor, times: Tensor, by: int) -> Tensor:
    """Return the frame that lies nearest to `by` before each, (B, N, D)."""
    wanted = times - by
    after = torch.searchsorted(times, wanted)  # none is later than its frame
    before = (after - 1).clamp_min(0)
    distances = times.gather(1, after) - wanted, wanted - times.gather(1, before)
    at = torch.where(distances[0] <= distances[1], after, before)
    # Before the start, the first frame; its time may be any.
    return frames.gather(1, at[:, :, None].expand_as(frames))


def _linear(n_in: int, n_out: int, generator: Generator | None) -> nn.Linear:
    """Make a float32 layer with torch's initial weights, drawn by a generator."""
    layer = nn.Linear(n_in, n_out, device="meta")  # where nothing is drawn
    layer.weight = nn.Parameter(torch.empty(n_out, n_in, dtype=torch.float32))
    layer.bias = nn.Parameter(torch.empty(n_out, dtype=torch.float32))
    nn.init.kaiming_uniform_(layer.weight, a=math.sqrt(5), generator=generator)
    bound = 1 / math.sqrt(n_in)
    nn.init.uniform_(layer.bias, -bound, bound, generator=generator)
    return layer


# The encoders by name: of what `encoder` takes, and of what model files hold.
ENCODERS: dict[str, Any] = {
    "mlp": MLPEncoder,
    "residual": ResidualEncoder,
    "temporal": TemporalConvEncoder,
    "causal": CausalConvEncoder,
}
