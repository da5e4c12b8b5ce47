"""Encoders: modules from frames (B, N, D_in) to embeddings (B, N, D)."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

__all__ = ["MLPEncoder", "ResidualEncoder"]


class MLPEncoder(nn.Module):
    """Embed each frame by itself: the encoder of the paper.

    Parameters
    ----------
    n_features : int
        D_in, features of a frame.
    widths : sequence of int, default=(128, 40)
        Widths of the layers; the last is the dimension D of the embedding.

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

    def __init__(self, n_features: int, widths: Sequence[int] = (128, 40)) -> None:
        super().__init__()
        sizes = [n_features, *widths]
        layers: list[nn.Module] = []
        for n_in, n_out in zip(sizes[:-1], sizes[1:], strict=True):
            layers += [nn.Linear(n_in, n_out), nn.ReLU()]
        self.layers = nn.Sequential(*layers[:-1])

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

    Examples
    --------
    >>> import torch
    >>> from skvas.nn import ResidualEncoder
    >>> frames = torch.ones(1, 2, 3)
    >>> bool((ResidualEncoder(3)(frames) == frames).all())
    True
    """

    def __init__(self, n_features: int, hidden: int = 128) -> None:
        super().__init__()
        self.added = MLPEncoder(n_features, (hidden, n_features))
        for parameter in self.added.layers[-1].parameters():
            nn.init.zeros_(parameter)

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
