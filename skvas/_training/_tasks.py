"""The two tasks as transport problems over embeddings: the same in fit and predict."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from skvas._batch import VideoBatch
from skvas._training._virtual import VirtualFrame
from skvas.nn import (
    alignment_loss,
    intra_video_loss,
    segmentation_loss,
    transport_loss,
)
from skvas.transport import (
    Distinct,
    FGWResult,
    OutsideBand,
    TemporalBand,
    Virtual,
    consistency_prior,
    cosine_cost,
    fused_gromov_wasserstein,
    optimality_prior,
    squared_distance,
    temporal_order,
)


@dataclass(frozen=True)
class SegmentationTask:
    """Frames against actions (METHOD.md, section 5).

    The parameters are those of `skvas.ActionSegmenter`.
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


@dataclass(frozen=True)
class AlignmentTask:
    """Frames of one video against those of another (METHOD.md, section 4).

    The parameters are those of `skvas.VideoAligner`.
    """

    alpha: float
    eps: float
    radius: float
    rho: float
    virtual: VirtualFrame
    tau: float
    max_iter: int

    @property
    def cosine_weight(self) -> float:
        """By how much an entry of log T falls as its cosine cost rises."""
        return (1 - self.alpha) / self.eps

    def with_virtual_share(self, share: float) -> AlignmentTask:
        """Give virtual frames a share of the video, where they had that of a frame."""
        if self.virtual.mass is not None:
            return self
        return replace(self, virtual=replace(self.virtual, mass=share))

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
            Virtual(TemporalBand(batch_x.lengths, self.radius)),
            Virtual(OutsideBand(batch_y.lengths, self.radius)),
            p=p,
            q=q,
            alpha=self.alpha,
            eps=self.eps,
            solver="projected",
            max_iter=self.max_iter,
            sinkhorn_tol=1e-3,
        )

    def loss(
        self, x: Tensor, y: Tensor, batch_x: VideoBatch, batch_y: VideoBatch
    ) -> tuple[Tensor, FGWResult]:
        """Hold the softmax over the frames of y against the plan."""
        found = self.solve(x.detach(), y.detach(), batch_x, batch_y)
        targets = matched_shares(found.plan)
        mask_x, mask_y = batch_x.mask, batch_y.mask
        loss = alignment_loss(x, y, targets, mask_x, mask_y, tau=self.tau)
        return loss, found

    def _cost(
        self, x: Tensor, y: Tensor, batch_x: VideoBatch, batch_y: VideoBatch
    ) -> Tensor:
        cost = cosine_cost(x, y)
        if self.rho > 0:
            lengths_x = batch_x.lengths.to(cost.device)
            lengths_y = batch_y.lengths.to(cost.device)
            prior = temporal_order(lengths_x, lengths_y, *cost.shape[1:])
            cost = cost.add_(prior, alpha=self.rho)
        return cost


@dataclass(frozen=True)
class VAVATask:
    """VAVA's alignment, the baseline (METHOD.md, section 10).

    `phi` mixes the consistency prior with the optimality prior, and falls during
    training. The parameters are those of `skvas.VideoAligner`.
    """

    eps: float
    virtual: VirtualFrame
    phi: float
    moment: float = 1.0
    delta: float = 3.0
    contrastive: float = 0.5

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
        off = (j - best.argmin(dim=2, keepdim=True)).abs() / m[:, None, None]
        moment = self.phi / (gap.square() + 1) + (1 - self.phi) / (off.square() + 1)
        return distance - self.eps * log_prior - self.moment * moment


def matched_shares(plan: Tensor) -> Tensor:
    """Cut the virtual frames off a plan, and scale each real row to a mass of one."""
    mass = plan[:, 1].sum(dim=1)  # (B,), of the first frame, as of all
    return plan[:, 1:, 1:] / mass[:, None, None]
