"""Clusters of frames: whether other videos have them, and how long they last."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score

from skvas.decoding import n_segments, segments_an_action
from skvas.videos._frames import spread_frames

# Times that the videos are halved at random, and frames of each that are looked at.
N_DRAWS, MAX_FRAMES = 6, 128


def repeatability(
    videos: Sequence[np.ndarray], n_clusters: int, *, n_draws: int = N_DRAWS
) -> float:
    """Measure whether halves of the videos cluster their frames alike.

    The frames of each half of the videos are clustered by k-means, and those of all
    videos are labelled by both: noise gives clusters that the other half lacks.

    Parameters
    ----------
    videos : sequence of ndarray of shape (n_i, D)
        Unit frames of at least two videos.
    n_clusters : int
        Number of clusters.
    n_draws : int, default=6
        Times that the videos are halved.

    Returns
    -------
    float
        Mean adjusted Rand index over the draws: 1 where halves agree, 0 by chance, and
        where frames do not differ.
    """
    rng = np.random.RandomState(0)  # the same halves whatever the features
    frames = [video[spread_frames(len(video), MAX_FRAMES)] for video in videos]
    every, middle = np.concatenate(frames), len(frames) // 2
    found = []
    for _ in range(n_draws):
        order, seed = rng.permutation(len(frames)), int(rng.randint(2**31))
        halves = [
            np.concatenate([frames[i] for i in half])
            for half in (order[:middle], order[middle:])
        ]
        k = min(n_clusters, *(len(np.unique(half, axis=0)) for half in halves))
        if k == 1:  # which any two halves agree on
            return 0.0
        models = [cluster_frames(half, k, seed) for half in halves]
        found.append(adjusted_rand_score(*(model.predict(every) for model in models)))
    return float(np.mean(found))


def stretches(videos: Sequence[np.ndarray], n_clusters: int) -> tuple[float, float]:
    """Measure how often clusters of frames come, and how long they stay.

    Parameters
    ----------
    videos : sequence of ndarray of shape (n_i, D)
        Unit frames.
    n_clusters : int
        Number of clusters, by k-means.

    Returns
    -------
    times : float
        How often a cluster comes in a video that has it, on average.
    length : float
        Frames that it stays, in the median video.
    """
    some = np.concatenate([v[spread_frames(len(v), MAX_FRAMES)] for v in videos])
    k = min(n_clusters, len(np.unique(some, axis=0)))
    model = cluster_frames(some, k, 0)
    labels = [model.predict(video) for video in videos]
    lengths = [len(codes) / n_segments([codes]) for codes in labels]
    return segments_an_action(labels), float(np.median(lengths))


def cluster_frames(frames: np.ndarray, k: int, seed: int) -> KMeans:
    """Fit k-means to frames (n, D), which may differ by rounding alone."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return KMeans(k, n_init=3, random_state=seed).fit(frames)
