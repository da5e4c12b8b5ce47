"""Numbers that frames lack, by what the recording and the collection say."""

from __future__ import annotations

import numpy as np

from skvas.preprocessing._last_seen import PRIOR, LastSeen
from skvas.preprocessing._running import RunningMoments


class SeenFeatures(LastSeen):
    """What was seen of each feature of a recording, in units of the collection.

    Parameters
    ----------
    features : RunningMoments
        The moments of the collection.
    """

    def __init__(self, features: RunningMoments) -> None:
        super().__init__(len(features.mean), PRIOR)
        self.features = features

    def complete(self, frames: np.ndarray) -> None:
        """Put numbers in the place of those that the next frames lack (NaN).

        As those of `LastSeen`, whose means start at that of the collection. A frame
        that lacks all is left as it is.

        Parameters
        ----------
        frames : float64 ndarray of shape (n, n_features)
            Changed in place.
        """
        features, lacks = self.features, np.isnan(frames)
        scaled = features.standardise(frames)
        super().complete(scaled)
        if lacks.any():
            lacks[lacks.all(axis=1)] = False
            frames[lacks] = (features.mean + features.scale * scaled)[lacks]
