"""Segmentation: frames against actions."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from skvas.nn import (
    segmentation_loss,
)
from skvas.transport import (
    Distinct,
    FGWResult,
    TemporalBand,
    cosine_cost,
    fused_gromov_wasserstein,
    temporal_order,
)
from skvas.videos._batch import VideoBatch


@dataclass(frozen=True)
class SegmentationTask:
    """Frames against actions (METHOD.md, section 5).

    The parameters are those of `skvas.Segmenting` and `skvas.Training`.
    """

    alpha: float
    eps: float
    radius: float
    rho: float
    lambda_actions: float
    tau: float
    max_iter: int

    def solve(
        self, embeddings: Tensor, batch: VideoBatch, prototypes: Tensor
    ) -> FGWResult:
        """Find which action each frame belongs to.

        Parameters
        ----------
        embeddings : Tensor of shape (B, N, D)
            Unit embeddings of the frames of `batch`.
        batch : VideoBatch
            Gives mask and lengths.
        prototypes : Tensor of shape (K, D)
            Unit embeddings of the actions.

        Returns
        -------
        FGWResult
            With plans of shape (B, N, K).
        """
        cost = cosine_cost(embeddings, prototypes)
        if self.rho > 0:
            lengths = batch.lengths.to(cost.device)
            actions = torch.full_like(lengths, len(prototypes))
            prior = temporal_order(lengths, actions, *cost.shape[1:])
            cost = cost.add_(prior, alpha=self.rho)
        return fused_gromov_wasserstein(
            cost,
            TemporalBand(batch.lengths, self.radius),
            Distinct(),
            mask_x=batch.solver_mask,
            lambda_y=self.lambda_actions,
            alpha=self.alpha,
            eps=self.eps,
            max_iter=self.max_iter,
        )

    def loss(
        self,
        embeddings: Tensor,
        batch: VideoBatch,
        prototypes: Tensor,
        teacher: tuple[Tensor, Tensor] | None = None,
    ) -> tuple[Tensor, FGWResult]:
        """Hold the softmax over actions against the plan.

        It is the plan of the teacher's frames (B, N, D) and actions (K, D) if there is
        one, else that of the embeddings and prototypes themselves.
        """
        frames, actions = teacher or (embeddings.detach(), prototypes.detach())
        found = self.solve(frames, batch, actions)
        mask = batch.mask
        targets = found.plan * mask.sum(dim=1)[:, None, None]  # rows sum to 1
        loss = segmentation_loss(embeddings, prototypes, targets, mask, tau=self.tau)
        return loss, found
