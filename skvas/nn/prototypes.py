"""The action embeddings."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from skvas.transport import unit

__all__ = ["Prototypes"]


class Prototypes(nn.Module):
    """K unit vectors, one an action, trained with the encoder.

    Parameters
    ----------
    vectors : Tensor of shape (K, D)
        Where to start; scaled to length one.

    Examples
    --------
    >>> import torch
    >>> from skvas.nn import Prototypes
    >>> Prototypes(torch.tensor([[3.0, 4.0]]))()
    tensor([[0.6000, 0.8000]], grad_fn=<...>)
    """

    def __init__(self, vectors: Tensor) -> None:
        super().__init__()
        self.vectors = nn.Parameter(unit(vectors.clone()))

    def forward(self) -> Tensor:
        """Return the unit vectors.

        Returns
        -------
        Tensor of shape (K, D)
        """
        return unit(self.vectors)

    @torch.no_grad()
    def renormalise(self) -> None:
        """Put the stored vectors back on the sphere after a step of the optimiser."""
        self.vectors.copy_(unit(self.vectors))
