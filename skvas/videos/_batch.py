"""The border where lists of arrays become padded tensors, and tensors arrays again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from skvas.videos._frames import spread_frames


@dataclass(frozen=True)
class VideoBatch:
    """Videos of any lengths as one padded tensor.

    Parameters
    ----------
    frames : Tensor of shape (B, N, D)
        Features, 0 at padded frames.
    lengths : int64 Tensor of shape (B,)
        Real frames of each video, on the CPU.
    """

    frames: Tensor
    lengths: Tensor

    @property
    def mask(self) -> Tensor:
        """True at real frames, (B, N)."""
        n = torch.arange(self.frames.shape[1], device=self.frames.device)
        return n < self.lengths.to(self.frames.device)[:, None]

    @property
    def solver_mask(self) -> Tensor | None:
        """The mask, or None where nothing is padded, which is faster to solve."""
        full = bool((self.lengths == self.frames.shape[1]).all())
        return None if full else self.mask


def pad(videos: Sequence[np.ndarray], device: torch.device) -> VideoBatch:
    """Stack videos of shapes (n_i, D) into a float32 batch on a device."""
    lengths = [len(video) for video in videos]
    frames = np.zeros((len(videos), max(lengths), videos[0].shape[1]), dtype=np.float32)
    for row, video in zip(frames, videos, strict=True):
        row[: len(video)] = video
    return VideoBatch(torch.from_numpy(frames).to(device), torch.tensor(lengths))


def spread_batch(
    videos: Sequence[np.ndarray], n_frames: int, device: torch.device
) -> VideoBatch:
    """Batch at most `n_frames` frames of each video, evenly spread."""
    few = [video[spread_frames(len(video), n_frames)] for video in videos]
    return pad(few, device)


def spread_evenly(
    values: Tensor, batch: VideoBatch, n_frames: int
) -> tuple[Tensor, VideoBatch]:
    """Keep at most `n_frames` frames of each video, and their values (B, N, D)."""
    if values.shape[1] <= n_frames:
        return values, batch
    chosen = [spread_frames(n, n_frames) for n in batch.lengths.tolist()]
    index = np.zeros((len(chosen), max(map(len, chosen))), dtype=np.int64)
    for row, frames in zip(index, chosen, strict=True):
        row[: len(frames)] = frames
    where = torch.from_numpy(index).to(values.device)[:, :, None]
    kept = VideoBatch(
        torch.take_along_dim(batch.frames, where, 1),
        torch.tensor([len(frames) for frames in chosen]),
    )
    padded = ~kept.mask[:, :, None]
    kept.frames.masked_fill_(padded, 0)
    return torch.take_along_dim(values, where, 1).masked_fill(padded, 0), kept


def join(first: VideoBatch, second: VideoBatch) -> VideoBatch:
    """Put the videos of one batch behind those of another, padded alike."""
    batches = first, second
    longest = max(batch.frames.shape[1] for batch in batches)
    padded = [
        F.pad(batch.frames, (0, 0, 0, longest - batch.frames.shape[1]))
        for batch in batches
    ]
    lengths = torch.cat([batch.lengths for batch in batches])
    return VideoBatch(torch.cat(padded), lengths)


def unpad(values: Tensor, lengths: Tensor) -> list[np.ndarray]:
    """Cut each item of a batch to its real frames and hand it back as an array."""
    arrays = values.detach().cpu().numpy()
    return [a[:n].copy() for a, n in zip(arrays, lengths.tolist(), strict=True)]
