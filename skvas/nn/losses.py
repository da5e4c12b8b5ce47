"""Losses: pure functions from tensors to a scalar.

Plans are pseudo-labels: no gradient goes through them. Padded frames count nowhere.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from skvas.transport import squared_distance

__all__ = [
    "alignment_loss",
    "intra_video_loss",
    "segmentation_loss",
    "transport_loss",
]


def segmentation_loss(
    embeddings: Tensor,
    prototypes: Tensor,
    targets: Tensor,
    mask: Tensor,
    *,
    tau: float = 0.1,
) -> Tensor:
    r"""Return the cross-entropy between a plan and the softmax over actions.

    Parameters
    ----------
    embeddings : Tensor of shape (B, N, D)
        Unit embeddings of frames.
    prototypes : Tensor of shape (K, D)
        Unit embeddings of actions.
    targets : Tensor of shape (B, N, K)
        Plan with rows summing to 1.
    mask : bool Tensor of shape (B, N)
        True at real frames.
    tau : float, default=0.1
        Temperature of the softmax.

    Returns
    -------
    Tensor of shape ()
        Mean over the frames of each video, then over videos.

    References
    ----------
    .. [1] Xu and Gould, "Temporally Consistent Unbalanced Optimal Transport for
       Unsupervised Action Segmentation", CVPR 2024, equation 10.

    Examples
    --------
    >>> import torch
    >>> from skvas.nn import segmentation_loss
    >>> eye = torch.eye(2)
    >>> mask = torch.ones(1, 2, dtype=torch.bool)
    >>> segmentation_loss(eye[None], eye, eye[None], mask, tau=1.0)
    tensor(0.3133)
    """
    log_probability = F.log_softmax(embeddings @ prototypes.mT / tau, dim=2)
    return _mean_over_frames(-(targets * log_probability).sum(dim=2), mask)


def alignment_loss(
    x: Tensor,
    y: Tensor,
    targets: Tensor,
    mask_x: Tensor,
    mask_y: Tensor,
    *,
    tau: float = 0.1,
) -> Tensor:
    r"""Return the cross-entropy between a plan and the softmax over the other's frames.

    Parameters
    ----------
    x : Tensor of shape (B, N, D)
        Unit embeddings of the first videos.
    y : Tensor of shape (B, M, D)
        Unit embeddings of the second videos.
    targets : Tensor of shape (B, N, M)
        Plan, with rows that sum to 1 where a frame is wholly matched.
    mask_x, mask_y : bool Tensor of shape (B, N) and (B, M)
        True at real frames.
    tau : float, default=0.1
        Temperature of the softmax.

    Returns
    -------
    Tensor of shape ()
        Mean over the frames of each x, then over pairs.

    References
    ----------
    .. [1] *Joint Self-Supervised Video Alignment and Action Segmentation*, ICCV 2025,
       section 3.2.

    Examples
    --------
    >>> import torch
    >>> from skvas.nn import alignment_loss
    >>> eye = torch.eye(2)[None]
    >>> mask = torch.ones(1, 2, dtype=torch.bool)
    >>> alignment_loss(eye, eye, eye, mask, mask, tau=1.0)
    tensor(0.3133)
    """
    logits = (x @ y.mT / tau).masked_fill(~mask_y[:, None, :], -torch.inf)
    log_probability = F.log_softmax(logits, dim=2)
    log_probability = log_probability.masked_fill(~mask_y[:, None, :], 0.0)
    return _mean_over_frames(-(targets * log_probability).sum(dim=2), mask_x)


def transport_loss(x: Tensor, y: Tensor, plan: Tensor) -> Tensor:
    """Return the squared distance that a plan transports, the loss of VAVA.

    Parameters
    ----------
    x : Tensor of shape (B, N, D)
    y : Tensor of shape (B, M, D)
    plan : Tensor of shape (B, N, M)
        0 at padded frames.

    Returns
    -------
    Tensor of shape ()
        Mean over pairs.

    References
    ----------
    .. [1] Liu et al., "Learning to Align Sequential Actions in the Wild", CVPR 2022,
       section 3.2.

    Examples
    --------
    >>> import torch
    >>> from skvas.nn import transport_loss
    >>> eye = torch.eye(2)[None]
    >>> transport_loss(eye, eye, eye.flip(1) / 2)
    tensor(2.)
    """
    return (plan * squared_distance(x, y)).sum(dim=(1, 2)).mean()


def intra_video_loss(
    embeddings: Tensor, mask: Tensor, *, window: float = 0.06, margin: float = 2.0
) -> Tensor:
    r"""Attract frames close in time and repel far ones, within each video.

    A pair at a distance of :math:`g` frames is weighted :math:`g^2 + 1`: inversely if
    it is within the window, where its squared distance counts, and directly outside,
    where it counts what it lacks to the margin. Weights are scaled to a mean of one on
    each side.

    Parameters
    ----------
    embeddings : Tensor of shape (B, N, D)
        Unit embeddings.
    mask : bool Tensor of shape (B, N)
        True at real frames.
    window : float, default=0.06
        Frames closer than this share of the video attract each other.
    margin : float, default=2.0
        Squared distance beyond which far frames do not repel each other.

    Returns
    -------
    Tensor of shape ()
        Mean over pairs of frames of each video, then over videos.

    References
    ----------
    .. [1] Haresh et al., "Learning by Aligning Videos in Time", CVPR 2021, equation 7.
    .. [2] Liu et al., "Learning to Align Sequential Actions in the Wild", CVPR 2022,
       section 3.3.

    Examples
    --------
    >>> import torch
    >>> from skvas.nn import intra_video_loss
    >>> mask = torch.ones(1, 2, dtype=torch.bool)
    >>> intra_video_loss(torch.eye(2)[None], mask, window=0.4)
    tensor(2.)
    """
    distance = squared_distance(embeddings, embeddings)  # (B, N, N)
    i = torch.arange(embeddings.shape[1], device=embeddings.device)
    gap = (i[:, None] - i[None, :]).abs()  # (N, N)
    real = mask[:, :, None] & mask[:, None, :] & (gap > 0)
    reach = (window * mask.sum(dim=1).float()).clamp_min(1)
    close = gap <= reach[:, None, None]  # (B, N, N)
    squares = gap.square().to(distance.dtype) + 1
    near = _weighted_mean(distance, real & close, 1 / squares)
    far = _weighted_mean(F.relu(margin - distance), real & ~close, squares)
    return (near + far).mean()


def _weighted_mean(values: Tensor, chosen: Tensor, weights: Tensor) -> Tensor:
    weights = weights * chosen  # (B, N, N)
    total = weights.sum(dim=(1, 2)).clamp_min(torch.finfo(values.dtype).tiny)
    return (values * weights).sum(dim=(1, 2)) / total


def _mean_over_frames(values: Tensor, mask: Tensor) -> Tensor:
    values = torch.where(mask, values, 0.0)
    return (values.sum(dim=1) / mask.sum(dim=1)).mean()
