"""A few videos as the rooms above look at them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from skvas._on_demand import choose


@dataclass(frozen=True)
class Views:
    """Videos, their features, and their embeddings once they are asked for.

    Parameters
    ----------
    videos : sequence of ndarray of shape (n_i, n_features)
        The videos, checked.
    features : sequence of float32 ndarray of shape (n_i, D_in)
        What the encoder sees of them.
    embed : callable
        From features to unit embeddings, a sequence of arrays each.
    clean : callable, default=None
        From videos to `details`, a sequence of arrays each. None: they are the videos.
    """

    videos: Sequence[np.ndarray]
    features: Sequence[np.ndarray]
    embed: Callable[[Sequence[np.ndarray]], Sequence[np.ndarray]]
    clean: Callable[[Sequence[np.ndarray]], Sequence[np.ndarray]] | None = None

    def choose(self, where: np.ndarray) -> Views:
        """Return some of the videos; these views themselves if it is all of them."""
        if len(where) == len(self.videos):
            return self
        return Views(
            choose(self.videos, where),
            choose(self.features, where),
            lambda _: choose(self.embeddings, where),
            self.clean,
        )

    @cached_property
    def details(self) -> Sequence[np.ndarray]:
        """What frames of the videos are compared by, beside their embeddings."""
        return self.videos if self.clean is None else self.clean(self.videos)

    @cached_property
    def embeddings(self) -> Sequence[np.ndarray]:
        """Unit embeddings, float32 (n_i, D)."""
        return self.embed(self.features)
