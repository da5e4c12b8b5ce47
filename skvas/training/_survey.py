"""What the data say before training, looked at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from skvas._on_demand import choose, lengths_of
from skvas._printing import tell
from skvas.metrics import PairMatches, SharedOrder, match_pairs, shared_order
from skvas.metrics._consistency import matched_information
from skvas.nn._model import Model
from skvas.preprocessing._repeatability import cluster_frames
from skvas.transport import unit
from skvas.videos._anywhere import MANY, is_clear_anywhere, nearest_anywhere
from skvas.videos._batch import VideoBatch, spread_batch, unpad
from skvas.videos._frames import sample_videos

# Frames of a video that choices look at, and clusters that tell how to match them.
CHOICE_FRAMES, N_CLUSTERS = 128, 8


@dataclass(frozen=True)
class Survey:
    """Frames of all videos as the encoder embeds them before training.

    Parameters
    ----------
    embeddings : Tensor of shape (B, N, D)
        Unit embeddings of evenly spread frames.
    batch : VideoBatch
        Their features.
    order : SharedOrder or None
        How far the videos share an order; None for a lone video.
    """

    embeddings: Tensor
    batch: VideoBatch
    order: SharedOrder | None

    @classmethod
    def of(
        cls,
        model: Model,
        features: Sequence[np.ndarray],
        n_frames: int,
        device: torch.device,
        rng: np.random.RandomState,
    ) -> Survey:
        """Embed at most `n_frames` frames of each video, and look for a shared order.

        Of more than 128 videos, a sample of as many is looked at.

        Parameters
        ----------
        model : Model
            Before training.
        features : sequence of ndarray of shape (n_i, D_in)
            What the encoder sees of the videos.
        n_frames : int
            Frames of a video.
        device : torch.device
            Where to compute.
        rng : RandomState
            Draws the pairs of videos that are compared.
        """
        features = choose(features, sample_videos(len(features)))
        batch = spread_batch(features, n_frames, device)
        with torch.no_grad():
            embeddings = model.embed(batch)
        order = None
        if len(features) > 1:
            tell("asking whether the recordings share an order")
            arrays = unpad(embeddings, batch.lengths)
            n_median = int(np.median(lengths_of(features)))
            order = replace(shared_order(arrays, random_state=rng), n_frames=n_median)
        return cls(embeddings, batch, order)

    @classmethod
    def of_features(
        cls,
        features: Sequence[np.ndarray],
        n_frames: int,
        device: torch.device,
        order: SharedOrder | None,
    ) -> Survey:
        """Look at features as they are, where the order of the videos is known.

        Parameters
        ----------
        features : sequence of ndarray of shape (n_i, D_in)
            The videos.
        n_frames : int
            Frames of a video.
        device : torch.device
            Where to compute.
        order : SharedOrder or None
            How far the videos share an order.
        """
        batch = spread_batch(features, n_frames, device)
        return cls(unit(batch.frames), batch, order)

    @property
    def in_order(self) -> bool:
        """Whether the videos share an order; a lone video does with itself."""
        return self.order is None or self.order.is_shared

    @cached_property
    def few(self) -> VideoBatch:
        """Embeddings of the frames that choices look at."""
        arrays = unpad(self.embeddings, self.batch.lengths)
        return spread_batch(arrays, CHOICE_FRAMES, self.embeddings.device)

    def seen_by(self, scale: np.ndarray) -> Survey:
        """Look at the same frames as unit vectors of features that are rescaled.

        Parameters
        ----------
        scale : ndarray of shape (D_in,)
            What each feature is multiplied by.
        """
        by = torch.from_numpy(scale).to(self.batch.frames)
        return Survey(unit(self.batch.frames * by), self.batch, self.order)

    @cached_property
    def matches(self) -> PairMatches:
        """Matched frames of pairs of videos, the same whatever the seed."""
        return match_pairs(unpad(self.few.frames, self.few.lengths), random_state=0)

    @cached_property
    def matches_to_count(self) -> PairMatches:
        """Matched frames by which numbers of actions are compared.

        They are those of pairs, unless the videos share no order, and clusters of their
        frames agree far better with the nearest frames of all other videos: then each
        video has some of the actions only.
        """
        pairs, arrays = self.matches, unpad(self.few.frames, self.few.lengths)
        if self.order is None or self.order.verdict != "no" or len(arrays) < MANY:
            return pairs
        one, other = nearest_anywhere(arrays)
        every = np.concatenate(arrays)
        codes = cluster_frames(every[one], N_CLUSTERS, 0).predict(every)
        in_pairs = matched_information(codes[pairs.frames], codes[pairs.free])
        anywhere = matched_information(codes[one], codes[other])
        if not is_clear_anywhere(in_pairs, anywhere):
            return pairs
        return replace(pairs, frames=one, monotone=other, free=other)
