"""Costs between embeddings."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from skvas.transport._precision import at_least_float32, full_precision

__all__ = ["cosine_cost", "squared_distance", "unit"]


def unit(x: Tensor) -> Tensor:
    """Scale vectors to length one; a zero vector stays zero.

    Parameters
    ----------
    x : Tensor of shape (..., D)

    Returns
    -------
    Tensor of shape (..., D)

    Examples
    --------
    >>> import torch
    >>> from skvas.transport import unit
    >>> unit(torch.tensor([[3.0, 4.0], [0.0, 0.0]]))
    tensor([[0.6000, 0.8000],
            [0.0000, 0.0000]])
    """
    # Scaled first: squares of very large or small numbers leave the range of the type,
    # and so does the gradient at a zero vector.
    largest = x.detach().abs().amax(dim=-1, keepdim=True)
    scaled = x / torch.where(largest > 0, largest, 1.0)  # of length 0 or at least 1
    return F.normalize(scaled, dim=-1, eps=0.5)


def cosine_cost(x: Tensor, y: Tensor) -> Tensor:
    r"""Return :math:`1 - \langle x_i, y_j \rangle` of unit embeddings.

    Parameters
    ----------
    x : Tensor of shape (B, N, D)
        Embeddings of length one (or zero).
    y : Tensor of shape (B, M, D) or (M, D)
        Embeddings of length one (or zero).

    Returns
    -------
    Tensor of shape (B, N, M)
        Costs in [0, 2], in float32 or float64. They are computed in full precision,
        independent of `torch.autocast` and `torch.set_float32_matmul_precision`.

    Examples
    --------
    >>> import torch
    >>> from skvas.transport import cosine_cost
    >>> cosine_cost(torch.eye(2)[None], torch.eye(2)[None])[0]
    tensor([[0., 1.],
            [1., 0.]])
    """
    with full_precision(x.device):
        return 1 - at_least_float32(x) @ at_least_float32(y).mT


def squared_distance(x: Tensor, y: Tensor) -> Tensor:
    """Return squared Euclidean distances between embeddings.

    Parameters
    ----------
    x : Tensor of shape (B, N, D)
    y : Tensor of shape (B, M, D)

    Returns
    -------
    Tensor of shape (B, N, M)
        Distances in float32 or float64, computed in full precision like `cosine_cost`.

    Examples
    --------
    >>> import torch
    >>> from skvas.transport import squared_distance
    >>> squared_distance(torch.eye(2)[None], torch.eye(2)[None])[0]
    tensor([[0., 2.],
            [2., 0.]])
    """
    with full_precision(x.device):
        x, y = at_least_float32(x), at_least_float32(y)
        # Far from zero the squares would leave no digits for their difference. A frame
        # of the video itself, not the mean, which padding would change.
        near = y[:, :1].detach()
        x, y = x - near, y - near
        squares_x = x.square().sum(dim=-1)[:, :, None]
        squares_y = y.square().sum(dim=-1)[:, None, :]
        return (squares_x + squares_y - 2 * x @ y.mT).clamp_min(0)
