"""A few videos as the rooms above look at them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True)
class Views:
    """Videos, their features, and their embeddings once they are asked for.

    Parameters
    ----------
    videos : list of ndarray of shape (n_i, n_features)
        The videos, checked.
    features : list of float32 ndarray of shape (n_i, D_in)
        What the encoder sees of them.
    embed : callable
        From features to unit embeddings, a list of arrays each.
    clean : callable, default=None
        From videos to `details`, a list of arrays each. None: they are the videos.
    """

    videos: list[np.ndarray]
    features: list[np.ndarray]
    embed: Callable[[list[np.ndarray]], list[np.ndarray]]
    clean: Callable[[list[np.ndarray]], list[np.ndarray]] | None = None

    @cached_property
    def details(self) -> list[np.ndarray]:
        """What frames of the videos are compared by, beside their embeddings."""
        return self.videos if self.clean is None else self.clean(self.videos)

    @cached_property
    def embeddings(self) -> list[np.ndarray]:
        """Unit embeddings, float32 (n_i, D)."""
        return self.embed(self.features)
