"""Samplers of frames and of pairs of videos, driven by a generator."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from skvas.videos._batch import VideoBatch, pad
from skvas.videos._frames import sample_frames


@dataclass(frozen=True)
class Pairs:
    """A batch of pairs of videos of one activity, or a process's share of it.

    Parameters
    ----------
    x, y : VideoBatch
        The videos, and their partners.
    weight : float, default=1.0
        How much of the batch it is.
    """

    x: VideoBatch
    y: VideoBatch
    weight: float = 1.0


class PairSampler:
    """Give each video once an epoch, with a partner drawn at random.

    Parameters
    ----------
    videos : sequence of ndarray of shape (n_i, D)
        Features.
    n_frames : int
        Frames drawn from each video.
    batch_size : int
        Pairs in a batch.
    rng : RandomState
        Source of all randomness.
    device : torch.device
        Where the batches are put.
    augment : float, default=0.0
        How much features are varied, see `vary`.
    rank, n_ranks : int, default=0 and 1
        Which of how many processes this is. All draw the same batches, and each takes
        its share.
    """

    def __init__(
        self,
        videos: Sequence[np.ndarray],
        n_frames: int,
        batch_size: int,
        rng: np.random.RandomState,
        device: torch.device,
        *,
        augment: float = 0.0,
        rank: int = 0,
        n_ranks: int = 1,
    ) -> None:
        self.videos = videos
        self.n_frames = n_frames
        self.batch_size = batch_size
        self.rng = rng
        self.device = device
        self.augment = augment
        self.rank = rank
        self.n_ranks = n_ranks

    def epoch(self) -> Iterator[Pairs]:
        """Yield the batches of one epoch, or this process's shares of them."""
        n_videos = len(self.videos)
        order = self.rng.permutation(n_videos)
        # A shift of 1 ... n - 1 never pairs a video with itself; a lone one must.
        shifts = 1 + self.rng.randint(max(n_videos - 1, 1), size=n_videos)
        partners = (order + shifts) % n_videos
        for start in range(0, n_videos, self.batch_size):
            chosen = slice(start, start + self.batch_size)
            xs, ys = self._draw(order[chosen]), self._draw(partners[chosen])
            mine = slice(self.rank, None, self.n_ranks)
            weight = len(xs[mine]) / len(xs)
            if not weight:  # too few for all: take one that does not count
                mine = slice(1)
            yield Pairs(self._pad(xs[mine]), self._pad(ys[mine]), weight)

    def _draw(self, indices: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return frames of some videos, and their numbers."""
        drawn = []
        for index in indices:
            video = self.videos[index]
            chosen = sample_frames(len(video), self.n_frames, self.rng)
            frames = video[chosen]
            if self.augment:
                frames = vary(frames, self.augment, self.rng)
            drawn.append((frames, chosen))
        return drawn

    def _pad(self, drawn: list[tuple[np.ndarray, np.ndarray]]) -> VideoBatch:
        frames, times = zip(*drawn, strict=True)
        return pad(frames, self.device, times)


def vary(frames: np.ndarray, spread: float, rng: np.random.RandomState) -> np.ndarray:
    """Scale and shift each feature of a video at random, as other people would.

    Parameters
    ----------
    frames : ndarray of shape (n_frames, D)
        Features.
    spread : float
        Standard deviation of the factors, about 1; that of the shifts is half of it,
        times the feature's own.
    rng : RandomState
        Draws a factor and a shift for each feature, the same for all frames.

    Returns
    -------
    ndarray of shape (n_frames, D)
        Of the same type.
    """
    factors, shifts = rng.standard_normal((2, frames.shape[1])) * spread
    varied: np.ndarray = frames * (1 + factors) + shifts / 2 * frames.std(axis=0)
    return varied.astype(frames.dtype)
