"""What one batch of pairs of videos costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from skvas.nn._model import Model
from skvas.options._settings import Settings
from skvas.training._labelled import LabelledFrames
from skvas.training._sampling import Pairs
from skvas.transport import FGWResult, unit
from skvas.videos._batch import VideoBatch, join, spread_evenly
from skvas.videos._frames import spread_frames

# Dimensions, or frames, whose spectrum is taken at each step.
RANK_FRAMES = 256


@dataclass(frozen=True)
class Losses:
    """What one batch of pairs gives.

    Parameters
    ----------
    total : Tensor of shape ()
        Is descended.
    parts : mapping of str to float Tensor of shape ()
        Terms and diagnostics, detached; their means over an epoch are recorded.
    """

    total: Tensor
    parts: Mapping[str, Tensor]


@dataclass(frozen=True)
class Objective:
    """The weighted sum of the losses of one task or of both.

    Parameters
    ----------
    segmentation : segmentation task, default=None
        Frames against actions.
    alignment : alignment task, default=None
        Frames of one video against those of its partner.
    beta : float, default=1.0
        Weight of the alignment beside the segmentation.
    teacher : ndarray of shape (K, D_in), default=None
        Actions among the features whose segmentation supervises training, fixed. None:
        the segmentation of the model itself does.
    labelled : LabelledFrames, default=None
        Frames whose label the user has given.
    n_aligned : int, default=None
        Frames of a video that are aligned at most, evenly spread. None: all.
    """

    segmentation: Any = None
    alignment: Any = None
    beta: float = 1.0
    teacher: np.ndarray | None = None
    labelled: LabelledFrames | None = None
    n_aligned: int | None = None

    @classmethod
    def of(
        cls,
        settings: Settings,
        start: np.ndarray | None = None,
        labelled: LabelledFrames | None = None,
    ) -> Objective:
        """Return the objective of some settings.

        Parameters
        ----------
        settings : Settings
            Of one task or of both.
        start : ndarray of shape (K, D_in), default=None
            The actions that training starts from.
        labelled : LabelledFrames, default=None
            Frames whose label the user has given.
        """
        segments = settings.segmenting is not None
        return cls(
            settings.segmentation_task() if segments else None,
            settings.alignment_task() if settings.aligning is not None else None,
            settings.beta,
            start if segments and settings.is_taught_by_start() else None,
            labelled,
            settings.training["n_aligned"],
        )

    def __call__(self, model: Model, pairs: Pairs, progress: float) -> Losses:
        """Return the losses of a batch when a share of the training is over."""
        if self.alignment is None:
            losses = self._segment(model, pairs)
        elif self.segmentation is None:
            losses = self._align(model, pairs, progress)
        else:
            losses = self._do_both(model, pairs, progress)
        if self.labelled is None:
            return losses
        added = self.labelled.loss(model.embed, pairs.x.frames.device)
        parts = {**losses.parts, "loss_labels": added.detach()}
        return Losses(losses.total + added, parts)

    def _segment(self, model: Model, pairs: Pairs) -> Losses:
        x = model.embed(pairs.x)
        loss, found = self._segmentation_loss(x, pairs.x, model)
        rank = effective_rank(x, pairs.x.mask)
        return Losses(loss, {**_segmentation_parts(found), "embedding_rank": rank})

    def _align(self, model: Model, pairs: Pairs, progress: float) -> Losses:
        x, y = model.embed(pairs.x), model.embed(pairs.y)
        loss, found = self._alignment_loss(x, y, pairs, progress)
        parts = {
            "objective_alignment": found.objective.mean(),
            "embedding_rank": effective_rank(x, pairs.x.mask),
        }
        return Losses(loss, parts)

    def _do_both(self, model: Model, pairs: Pairs, progress: float) -> Losses:
        both = join(pairs.x, pairs.y)  # segmented in one batch, in half of the time
        embeddings = model.embed(both)
        n_pairs = len(pairs.x.lengths)
        x = embeddings[:n_pairs, : pairs.x.frames.shape[1]]
        y = embeddings[n_pairs:, : pairs.y.frames.shape[1]]
        mean, found = self._segmentation_loss(embeddings, both, model)
        loss_xy, found_xy = self._alignment_loss(x, y, pairs, progress)
        segmentation = 2 * mean  # of x, and of y
        parts = {
            "loss_segmentation": segmentation.detach(),
            "loss_alignment": loss_xy.detach(),
            **_segmentation_parts(found),
            "objective_alignment": found_xy.objective.mean(),
            "embedding_rank": effective_rank(x, pairs.x.mask),
        }
        return Losses(segmentation + self.beta * loss_xy, parts)

    def _alignment_loss(
        self, x: Tensor, y: Tensor, pairs: Pairs, progress: float
    ) -> tuple[Tensor, FGWResult]:
        batch_x, batch_y = pairs.x, pairs.y
        if self.n_aligned is not None:
            x, batch_x = spread_evenly(x, batch_x, self.n_aligned)
            y, batch_y = spread_evenly(y, batch_y, self.n_aligned)
        loss: tuple[Tensor, FGWResult] = self.alignment.at(progress).loss(
            x, y, batch_x, batch_y
        )
        return loss

    def _segmentation_loss(
        self, embeddings: Tensor, batch: VideoBatch, model: Model
    ) -> tuple[Tensor, FGWResult]:
        teacher = None
        if self.teacher is not None:
            actions = torch.from_numpy(self.teacher).to(batch.frames)
            teacher = unit(batch.frames), actions
        return self.segmentation.loss(embeddings, batch, model.actions(), teacher)


def effective_rank(embeddings: Tensor, mask: Tensor) -> Tensor:
    """Return how many dimensions the embeddings fill: exp of the spectrum's entropy.

    Of more than 256 dimensions, those that 256 evenly spread frames fill.
    """
    frames = embeddings.detach()[mask]
    if frames.shape[1] > RANK_FRAMES:  # the cost is cubic
        few = torch.from_numpy(spread_frames(len(frames), RANK_FRAMES))
        frames = frames[few.to(frames.device)].T
    spectrum = torch.linalg.eigvalsh(frames.T @ frames).clamp_min(0)
    total = spectrum.sum().clamp_min(torch.finfo(spectrum.dtype).tiny)
    return torch.special.entr(spectrum / total).sum().exp()


def _segmentation_parts(found: FGWResult) -> dict[str, Tensor]:
    """Return what the plans of a batch say about the state of the segmentation."""
    usage = found.plan.sum(dim=1)  # (B, K)
    entropy = torch.special.entr(usage).sum(dim=1).exp()
    return {
        "objective_segmentation": found.objective.mean(),
        "actions_used": entropy.mean(),
    }
