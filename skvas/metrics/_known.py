"""Labels that are known again in other videos."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from skvas.metrics._consistency import matched_information

# Shrinkage of covariances towards multiples of the identity.
SHRINKAGE = 0.1


def known_again(features: Sequence[np.ndarray], labels: Sequence[np.ndarray]) -> float:
    """Return how well labels are predicted in videos that they are not learned from.

    Linear discriminants of every other video predict the labels of the rest, and the
    other way round.

    Parameters
    ----------
    features : sequence of ndarray of shape (n_i, d)
        Frames of each video.
    labels : sequence of int ndarray of shape (n_i,)
        Their labels.

    Returns
    -------
    float
        Adjusted mutual information of predictions and labels, the mean of both ways.
    """
    halves = [
        (np.concatenate(features[start::2]), np.concatenate(labels[start::2]))
        for start in (0, 1)
    ]
    scores = []
    for (frames, codes), (others, true) in (halves, halves[::-1]):
        kept = np.bincount(codes)[codes] > 1  # one frame has no scatter
        if len(np.unique(codes[kept])) < 2:
            return 0.0
        rule = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=SHRINKAGE)
        predicted = rule.fit(frames[kept], codes[kept]).predict(others)
        scores.append(matched_information(true, predicted))
    return float(np.mean(scores))
