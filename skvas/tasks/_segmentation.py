"""Segmentation: frames against actions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

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

# Entries of plans above which trials are no longer solved in one batch.
TOGETHER = 1 << 22


@dataclass(frozen=True)
class SegmentationTask:
    """Frames against actions.

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
        cost = self._cost(embeddings, batch, prototypes)
        return self._solve(cost, batch.lengths, batch.solver_mask, self.lambda_actions)

    def _cost(
        self, embeddings: Tensor, batch: VideoBatch, prototypes: Tensor
    ) -> Tensor:
        cost = cosine_cost(embeddings, prototypes)
        if self.rho > 0:
            lengths = batch.lengths.to(cost.device)
            actions = torch.full_like(lengths, len(prototypes))
            prior = temporal_order(lengths, actions, *cost.shape[1:])
            cost = cost.add_(prior, alpha=self.rho)
        return cost

    def _solve(
        self,
        cost: Tensor,
        lengths: Tensor,
        mask: Tensor | None,
        lambda_actions: float | Tensor,
    ) -> FGWResult:
        return fused_gromov_wasserstein(
            cost,
            TemporalBand(lengths, self.radius),
            Distinct(),
            mask_x=mask,
            lambda_y=lambda_actions,
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
class Trial:
    """Actions that a task looks for among frames.

    Parameters
    ----------
    task : segmentation task
        The problem.
    batch : VideoBatch
        Its frames are unit embeddings (B, N, D).
    prototypes : Tensor of shape (K, D)
        Unit embeddings of the actions.
    """

    task: Any
    batch: VideoBatch
    prototypes: Tensor

    @property
    def kind(self) -> object:
        """What trials of one batch have in common: all but the weight of actions."""
        if type(self.task) is not SegmentationTask:
            return id(self)  # a task of somebody else: nothing is known of it
        task = replace(self.task, lambda_actions=0.0)
        return task, self.batch.frames.shape[:2], len(self.prototypes)


def solve_together(trials: Sequence[Trial]) -> list[Tensor]:
    """Return the plan (B, N, K) of each trial, from as few solves as can be.

    Plans are those that `solve` of each task finds, to the bit where both are compiled.
    """
    plans: dict[int, Tensor] = {}
    for group in _groups(trials):
        some = [trials[i] for i in group]
        found = _solve_alike(some).split([len(trial.batch.lengths) for trial in some])
        plans.update(zip(group, found, strict=True))
    return [plans[i] for i in range(len(trials))]


def _groups(trials: Sequence[Trial]) -> list[list[int]]:
    """Return numbers of trials that make one batch, not too large a one."""
    alike: dict[object, list[int]] = {}
    for i, trial in enumerate(trials):
        alike.setdefault(trial.kind, []).append(i)
    groups = []
    for members in alike.values():
        first = trials[members[0]]
        n_entries = first.batch.frames.shape[:2].numel() * len(first.prototypes)
        size = max(1, TOGETHER // n_entries)
        groups += [members[i : i + size] for i in range(0, len(members), size)]
    return groups


def _solve_alike(trials: Sequence[Trial]) -> Tensor:
    """Return the plans of trials of one kind, one below the other."""
    first = trials[0]
    if len(trials) == 1:
        return first.task.solve(first.batch.frames, first.batch, first.prototypes).plan
    costs, weights = [], []
    for trial in trials:
        batch = trial.batch
        cost = trial.task._cost(batch.frames, batch, trial.prototypes)
        costs.append(cost)
        weights.append(cost.new_full((len(cost), 1), trial.task.lambda_actions))
    cost, batches = torch.cat(costs), [trial.batch for trial in trials]
    weight = torch.cat(weights).expand(-1, cost.shape[2])
    padded = any(batch.solver_mask is not None for batch in batches)
    mask = torch.cat([batch.mask for batch in batches]) if padded else None
    lengths = torch.cat([batch.lengths for batch in batches])
    return first.task._solve(cost, lengths, mask, weight).plan
