"""VAVA's alignment, the baseline."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from skvas.nn import (
    intra_video_loss,
    transport_loss,
)
from skvas.tasks._virtual import VirtualFrame
from skvas.transport import (
    Distinct,
    FGWResult,
    consistency_prior,
    fused_gromov_wasserstein,
    optimality_prior,
    squared_distance,
    temporal_order,
)
from skvas.videos._batch import VideoBatch


@dataclass(frozen=True)
class VAVATask:
    """VAVA's alignment, the baseline.

    `phi` mixes the consistency prior with the optimality prior, and falls to 0 during
    training. The other parameters are those of `skvas.Aligning`.
    """

    eps: float
    virtual: VirtualFrame
    phi: float = 0.0
    moment: float = 1.0
    delta: float = 3.0
    contrastive: float = 0.5

    def at(self, progress: float) -> VAVATask:
        """Return the task when this share of the training is over."""
        return replace(self, phi=0.999 * (1 - progress))

    def solve(
        self, x: Tensor, y: Tensor, batch_x: VideoBatch, batch_y: VideoBatch
    ) -> FGWResult:
        """Find which frame of y each frame of x is.

        Parameters
        ----------
        x, y : Tensor of shape (B, N, D) and (B, M, D)
            Unit embeddings of the frames of the batches.
        batch_x, batch_y : VideoBatch
            Give masks and lengths.

        Returns
        -------
        FGWResult
            With plans of shape (B, N + 1, M + 1): row 0 and column 0 are virtual.
        """
        cost, p, q = self.virtual.join(
            self._cost(x, y, batch_x, batch_y), batch_x, batch_y
        )
        return fused_gromov_wasserstein(
            cost,
            Distinct(),
            Distinct(),
            p=p,
            q=q,
            alpha=0.0,
            eps=self.eps,
            solver="projected",
            max_iter=1,
            sinkhorn_tol=1e-3,
        )

    def loss(
        self, x: Tensor, y: Tensor, batch_x: VideoBatch, batch_y: VideoBatch
    ) -> tuple[Tensor, FGWResult]:
        """Transport squared distance, and keep each video's frames apart."""
        found = self.solve(x.detach(), y.detach(), batch_x, batch_y)
        transported = transport_loss(x, y, found.plan[:, 1:, 1:])
        spread = intra_video_loss(x, batch_x.mask) + intra_video_loss(y, batch_y.mask)
        return transported + self.contrastive * spread, found

    def _cost(
        self, x: Tensor, y: Tensor, batch_x: VideoBatch, batch_y: VideoBatch
    ) -> Tensor:
        """Return squared distances, with the priors' terms inside (B, N, M).

        A penalty eps KL(T | Q) is the entropy with -eps log Q in the cost.
        """
        n, m = batch_x.lengths.to(x.device), batch_y.lengths.to(x.device)
        distance = squared_distance(x, y)
        padded = ~batch_y.mask[:, None, :]
        best = distance.masked_fill(padded, torch.inf)
        along = consistency_prior(n, m, *distance.shape[1:], delta=self.delta)
        around = optimality_prior(best, n, m, delta=self.delta)
        prior = self.phi * along + (1 - self.phi) * around
        log_prior = prior.clamp_min(torch.finfo(prior.dtype).tiny).log()

        gap = temporal_order(n, m, *distance.shape[1:])
        j = torch.arange(distance.shape[2], device=x.device)
        off = (j - best.argmin(dim=2, keepdim=True)).abs() / m[:, None, None].float()
        moment = self.phi / (gap.square() + 1) + (1 - self.phi) / (off.square() + 1)
        return distance - self.eps * log_prior - self.moment * moment
