"""The border where lists of arrays become padded tensors, and tensors arrays again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from skvas._on_demand import lengths_of
from skvas.videos._frames import spread_frames

# Time of padded frames, after all others.
NEVER = 1 << 62


@dataclass(frozen=True)
class VideoBatch:
    """Videos of any lengths as one padded tensor.

    Parameters
    ----------
    frames : Tensor of shape (B, N, D)
        Features, 0 at padded frames.
    lengths : int64 Tensor of shape (B,)
        Real frames of each video, on the CPU.
    chosen : tuple of int64 ndarray of shape (n_i,), default=None
        Numbers of the real frames in their videos, rising. None: no frame was left out.
    """

    frames: Tensor
    lengths: Tensor
    chosen: tuple[np.ndarray, ...] | None = None

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

    @property
    def times(self) -> Tensor:
        """Number of each frame in its video, rising, (B, N), on the CPU.

        Where frames were left out, padded frames are later than any other.
        """
        shape = self.frames.shape[:2]
        if self.chosen is None:
            return torch.arange(shape[1]).repeat(shape[0], 1)
        numbers = np.full(shape, NEVER, dtype=np.int64)
        for row, chosen in zip(numbers, self.chosen, strict=True):
            row[: len(chosen)] = chosen
        return torch.from_numpy(numbers)

    @property
    def repeated(self) -> Tensor:
        """The frames, with copies of a video's last one where it is padded."""
        where = torch.arange(self.frames.shape[1]).minimum(self.lengths[:, None] - 1)
        where = where.to(self.frames.device)[:, :, None]
        return torch.take_along_dim(self.frames, where, 1)

    def take(self, videos: np.ndarray) -> VideoBatch:
        """Return a batch of some of the videos, each as often as it is named."""
        kept = self.chosen and tuple(self.chosen[video] for video in videos)
        index = torch.from_numpy(videos)
        frames = self.frames[index.to(self.frames.device)]
        return VideoBatch(frames, self.lengths[index], kept)

    def to(self, device: torch.device) -> VideoBatch:
        """Return the batch with its frames on a device."""
        return replace(self, frames=self.frames.to(device))


def pad(
    videos: Sequence[np.ndarray],
    device: torch.device,
    chosen: Sequence[np.ndarray] | None = None,
) -> VideoBatch:
    """Stack videos of shapes (n_i, D) into a float32 batch on a device.

    `chosen` are the numbers of their frames, (n_i,); None: none was left out.
    """
    lengths = [len(video) for video in videos]
    frames = np.zeros((len(videos), max(lengths), videos[0].shape[1]), dtype=np.float32)
    for row, video in zip(frames, videos, strict=True):
        row[: len(video)] = video
    kept = None if chosen is None else tuple(chosen)
    return VideoBatch(torch.from_numpy(frames), torch.tensor(lengths), kept).to(device)


def spread_batch(
    videos: Sequence[np.ndarray], n_frames: int, device: torch.device
) -> VideoBatch:
    """Batch at most `n_frames` frames of each video, evenly spread."""
    chosen = [spread_frames(n, n_frames) for n in lengths_of(videos)]
    few = [video[where] for video, where in zip(videos, chosen, strict=True)]
    return pad(few, device, chosen)


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
        batch.chosen and tuple(map(np.take, batch.chosen, chosen)),
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
    chosen = None
    if first.chosen is not None and second.chosen is not None:
        chosen = first.chosen + second.chosen
    return VideoBatch(torch.cat(padded), lengths, chosen)


def unpad(values: Tensor, lengths: Tensor) -> list[np.ndarray]:
    """Cut each item of a batch to its real frames and hand it back as an array."""
    arrays = values.detach().cpu().numpy()
    return [a[:n].copy() for a, n in zip(arrays, lengths.tolist(), strict=True)]
