"""What labels of some frames add to the loss."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from skvas.transport import unit
from skvas.videos._batch import VideoBatch, pad
from skvas.videos._frames import labelled_videos, spread_frames

# Labelled videos that every step looks at, at most, and evenly spread frames of each.
MAX_VIDEOS, MAX_FRAMES = 32, 128
# Weight of the loss, and the scale of its cosines.
WEIGHT, TEMPERATURE = 0.3, 0.1


@dataclass(frozen=True)
class LabelledFrames:
    r"""Labelled frames, which every step of training looks at.

    The loss is the cross-entropy of their labels under the model

    .. math:: P(k \mid f) \propto \exp(f^\top c_k / 0.1),

    where :math:`c_k` is the mean of the embeddings of label k, scaled to length one: a
    prototypical network.

    Attributes
    ----------
    batch : VideoBatch
        Frames of labelled videos.
    codes : int64 Tensor of shape (B, N)
        Their labels, 0 to n_classes - 1; -1 where there is none.
    n_classes : int
        Number of labels, at least 2.

    References
    ----------
    .. [1] J. Snell, K. Swersky, R. Zemel, "Prototypical Networks for Few-shot
       Learning", NeurIPS 2017.
    """

    batch: VideoBatch
    codes: Tensor
    n_classes: int

    @classmethod
    def of(
        cls, features: Sequence[np.ndarray], codes: Sequence[np.ndarray] | None
    ) -> LabelledFrames | None:
        """Choose labelled frames of some videos.

        Parameters
        ----------
        features : sequence of ndarray of shape (n_i, D)
            What the encoder sees of the videos.
        codes : sequence of int64 ndarray of shape (n_i,) or None
            Labels of their frames, -1 where there is none. None: no labels.

        Returns
        -------
        LabelledFrames or None
            None where there are fewer than two labels to tell apart.
        """
        labelled = labelled_videos(codes or ())
        labelled = [labelled[i] for i in spread_frames(len(labelled), MAX_VIDEOS)]
        videos, kept, times = [], [], []
        for i in labelled:
            assert codes is not None
            known = np.flatnonzero(codes[i] >= 0)
            seen = np.union1d(
                spread_frames(len(codes[i]), MAX_FRAMES),
                known[spread_frames(len(known), MAX_FRAMES)],
            )
            videos.append(features[i][seen])
            kept.append(codes[i][seen])
            times.append(seen)
        names = np.unique(np.concatenate(kept)) if kept else np.empty(0, dtype=np.int64)
        names = names[names >= 0]
        if len(names) < 2:
            return None
        batch = pad(videos, torch.device("cpu"), times)
        shape = len(kept), batch.frames.shape[1]
        numbered = np.full(shape, -1, dtype=np.int64)
        for row, code in zip(numbered, kept, strict=True):
            row[: len(code)] = np.where(code < 0, -1, np.searchsorted(names, code))
        return cls(batch, torch.from_numpy(numbered), len(names))

    def loss(
        self, embed: Callable[[VideoBatch], Tensor], device: torch.device
    ) -> Tensor:
        """Return the weighted cross-entropy of the labels.

        Parameters
        ----------
        embed : callable
            From a batch to unit embeddings, (B, N, D).
        device : torch.device
            Where the model is.
        """
        codes = self.codes.to(device)
        known = codes >= 0
        frames, labels = embed(self.batch.to(device))[known], codes[known]
        members = F.one_hot(labels, self.n_classes).to(frames.dtype)
        classes = unit(members.T @ frames)
        return WEIGHT * F.cross_entropy(frames @ classes.T / TEMPERATURE, labels)
