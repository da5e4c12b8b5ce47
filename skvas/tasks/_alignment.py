"""Alignment: frames of one video against those of another."""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import Tensor

from skvas.nn import (
    alignment_loss,
)
from skvas.tasks._virtual import VirtualFrame
from skvas.transport import (
    FGWResult,
    OutsideBand,
    TemporalBand,
    Virtual,
    cosine_cost,
    fused_gromov_wasserstein,
    temporal_order,
)
from skvas.videos._batch import VideoBatch


@dataclass(frozen=True)
class AlignmentTask:
    """Frames of one video against those of another.

    The parameters are those of `skvas.Aligning` and `skvas.Training`.
    """

    alpha: float
    eps: float
    radius: float
    rho: float
    virtual: VirtualFrame
    tau: float
    max_iter: int

    def at(self, progress: float) -> AlignmentTask:
        """Return the task when this share of the training is over: it stays."""
        return self

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


def matched_shares(plan: Tensor) -> Tensor:
    """Cut the virtual frames off a plan, and scale each real row to a mass of one."""
    mass = plan[:, 1].sum(dim=1)  # (B,), of the first frame, as of all
    return plan[:, 1:, 1:] / mass[:, None, None]
