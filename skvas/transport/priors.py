"""Temporal priors of plans, and virtual frames."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = [
    "add_virtual_frame",
    "consistency_prior",
    "optimality_prior",
    "temporal_order",
    "virtual_masses",
]


def temporal_order(lengths_x: Tensor, lengths_y: Tensor, n: int, m: int) -> Tensor:
    """Return the temporal order prior |i/N - j/M| of every pair of frames.

    Parameters
    ----------
    lengths_x, lengths_y : int Tensor of shape (B,)
        Numbers N and M of real frames (or actions) of each problem.
    n, m : int
        Padded lengths.

    Returns
    -------
    float32 Tensor of shape (B, n, m)
        The prior; its entries at padded frames are arbitrary.

    Examples
    --------
    >>> import torch
    >>> from skvas.transport import temporal_order
    >>> temporal_order(torch.tensor([2]), torch.tensor([4]), 2, 4)[0]
    tensor([[0.0000, 0.2500, 0.5000, 0.7500],
            [0.5000, 0.2500, 0.0000, 0.2500]])
    """
    sizes_x, sizes_y = lengths_x.float(), lengths_y.float()
    i = torch.arange(n, device=lengths_x.device) / sizes_x[:, None]  # (B, n)
    j = torch.arange(m, device=lengths_y.device) / sizes_y[:, None]  # (B, m)
    return (i[:, :, None] - j[:, None, :]).abs()


def add_virtual_frame(cost: Tensor, zeta: float | Tensor) -> Tensor:
    """Prepend a virtual frame with cost `zeta` to both sequences.

    Parameters
    ----------
    cost : Tensor of shape (B, N, M)
        Costs between real frames.
    zeta : float or Tensor of shape (B,)
        Cost of matching with a virtual frame. A pair with a higher cost is better left
        unmatched.

    Returns
    -------
    Tensor of shape (B, N + 1, M + 1)
        The costs; row 0 and column 0 are the virtual frames.

    References
    ----------
    .. [1] *Joint Self-Supervised Video Alignment and Action Segmentation*, ICCV 2025,
       section 3.2.

    Examples
    --------
    >>> import torch
    >>> from skvas.transport import add_virtual_frame
    >>> add_virtual_frame(torch.zeros(1, 1, 2), 0.5)[0]
    tensor([[0.5000, 0.5000, 0.5000],
            [0.5000, 0.0000, 0.0000]])
    """
    padded = F.pad(cost, (1, 0, 1, 0))
    zeta = torch.as_tensor(zeta, dtype=cost.dtype, device=cost.device).reshape(-1, 1)
    padded[:, 0, :] = zeta
    padded[:, :, 0] = zeta
    return padded


def virtual_masses(mask: Tensor, share: float | Tensor | None, like: Tensor) -> Tensor:
    """Return the masses of a sequence with a prepended virtual frame.

    Parameters
    ----------
    mask : bool Tensor of shape (B, N)
        True at real frames.
    share : float, Tensor of shape (B,) or None
        Mass of the virtual frame divided by the mass of all real frames. None: the mass
        of one frame, as in the paper.
    like : Tensor
        Gives the floating-point type.

    Returns
    -------
    Tensor of shape (B, N + 1)
        The masses, which sum to 1; 0 at padded frames.

    Examples
    --------
    >>> import torch
    >>> from skvas.transport import virtual_masses
    >>> virtual_masses(torch.ones(1, 3, dtype=torch.bool), 1.0, torch.ones(1))
    tensor([[0.5000, 0.1667, 0.1667, 0.1667]])
    """
    real = mask.to(like.dtype)
    count = real.sum(dim=1, keepdim=True)
    if share is None:
        virtual = torch.ones_like(count)
    else:
        share = torch.as_tensor(share, dtype=count.dtype, device=count.device)
        virtual = share.reshape(-1, 1) * count
    masses = torch.cat([virtual, real], dim=1)
    return masses / masses.sum(dim=1, keepdim=True)


def consistency_prior(
    lengths_x: Tensor, lengths_y: Tensor, n: int, m: int, *, delta: float = 1.0
) -> Tensor:
    r"""Return VAVA's consistency prior: a Gaussian around the diagonal.

    Parameters
    ----------
    lengths_x, lengths_y : int Tensor of shape (B,)
        Number of real frames of each sequence.
    n, m : int
        Padded lengths.
    delta : float, default=1.0
        Standard deviation of the Gaussian in the distance
        :math:`|i/N - j/M| / \sqrt{1/N^2 + 1/M^2}`.

    Returns
    -------
    float32 Tensor of shape (B, n, m)

    References
    ----------
    .. [1] Liu et al., "Learning to Align Sequential Actions in the Wild", CVPR 2022,
       equation 4.

    Examples
    --------
    >>> import torch
    >>> from skvas.transport import consistency_prior
    >>> two = torch.tensor([2])
    >>> consistency_prior(two, two, 2, 2).argmax(dim=2)
    tensor([[0, 1]])
    """
    gap = temporal_order(lengths_x, lengths_y, n, m)
    scale = _spacing(lengths_x, lengths_y)
    return _gaussian(gap / scale[:, None, None], delta)


def optimality_prior(
    cost: Tensor, lengths_x: Tensor, lengths_y: Tensor, *, delta: float = 1.0
) -> Tensor:
    """Return VAVA's optimality prior: a Gaussian around each row's cheapest column.

    Parameters
    ----------
    cost : Tensor of shape (B, N, M)
        Infinite at padded columns.
    lengths_x, lengths_y : int Tensor of shape (B,)
        Number of real frames of each sequence.
    delta : float, default=1.0
        Standard deviation of the Gaussian, as in `consistency_prior`.

    Returns
    -------
    Tensor of shape (B, N, M)

    References
    ----------
    .. [1] Liu et al., "Learning to Align Sequential Actions in the Wild", CVPR 2022,
       equation 5.

    Examples
    --------
    >>> import torch
    >>> from skvas.transport import optimality_prior
    >>> two = torch.tensor([2])
    >>> optimality_prior(torch.eye(2)[None], two, two).argmax(dim=2)
    tensor([[1, 0]])
    """
    best = cost.argmin(dim=2, keepdim=True)  # (B, N, 1)
    j = torch.arange(cost.shape[2], device=cost.device)
    gap = (j - best).abs() / lengths_y[:, None, None].float()
    scale = _spacing(lengths_x, lengths_y)
    return _gaussian(gap / scale[:, None, None], delta).to(cost)


def _spacing(lengths_x: Tensor, lengths_y: Tensor) -> Tensor:
    return (1 / lengths_x.float().square() + 1 / lengths_y.float().square()).sqrt()


def _gaussian(distance: Tensor, delta: float) -> Tensor:
    norm = delta * math.sqrt(2 * math.pi)
    return torch.exp(-distance.square() / (2 * delta**2)) / norm
