"""The methods that accuracy.py compares: ours, and what a user would take instead."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skvas import ActionSegmenter, Aligning, JointAlignSegment, VideoAligner
from skvas.decoding import monotone_path, path_to_matches
from skvas.metrics import linear_warp, uniform_segmentation
from skvas.preprocessing import Framewise, VideoStandardizer, WhitenedViews

# Components of the plain projection, where there are as many features.
N_COMPONENTS = 16
# Quantile of the costs beyond which frames may go unmatched, where any may.
UNMATCHED = "2%"


@dataclass
class Found:
    """What a method found: labels, embeddings and matches, each where it has them.

    Parameters
    ----------
    labels : list of ndarray, default=None
        One label a frame.
    predict : callable, default=None
        From a list of new videos to their labels.
    embed : callable, default=None
        From a list of videos to a list of embeddings.
    match : dict of str to callable, default=None
        For each way of matching, from two videos to the matches of both.
    background : callable, default=None
        From two videos to the probabilities of background of both.
    """

    labels: list | None = None
    predict: Callable | None = None
    embed: Callable | None = None
    match: dict[str, Callable] | None = None
    background: Callable | None = None


@dataclass(frozen=True)
class Method:
    """A way to find segments or matches.

    Parameters
    ----------
    run : callable
        From videos, number of actions and seed to what it found.
    seeded : bool, default=True
        Whether the seed makes a difference.
    """

    run: Callable[[list[np.ndarray], int, int], Found]
    seeded: bool = True


def uniform(videos, n_actions, seed):
    def predict(new):
        return uniform_segmentation(new, n_actions)

    return Found(predict(videos), predict)


def whitened(videos):
    return WhitenedViews().fit(videos).transform


def projected(videos):
    """Standardise over all frames and keep the first principal components."""
    frames = np.concatenate(videos)
    n_components = min(N_COMPONENTS, frames.shape[1])
    steps = make_pipeline(StandardScaler(), PCA(n_components, random_state=0))
    return Framewise(steps).fit(videos).transform


def k_means(videos, n_actions, seed, *, prepare):
    view = prepare(videos)
    model = KMeans(n_actions, n_init=10, random_state=seed)
    model.fit(np.concatenate(view(videos)))

    def predict(new):
        return [model.predict(video) for video in view(new)]

    return Found(predict(videos), predict)


def hidden_markov(videos, n_actions, seed, *, prepare):
    from hmmlearn.hmm import GaussianHMM

    view = prepare(videos)
    model = GaussianHMM(n_actions, covariance_type="diag", n_iter=50, random_state=seed)
    model.fit(np.concatenate(view(videos)), [len(video) for video in videos])

    def predict(new):
        return [model.predict(video) for video in view(new)]

    return Found(predict(videos), predict)


def change_points(videos, n_actions, seed, *, prepare):
    """Cut each video by itself into K segments; cluster the means of all segments."""
    import ruptures

    segments, lengths = [], []
    for video in prepare(videos)(videos):
        n_cuts = min(n_actions, len(video)) - 1
        ends = ruptures.KernelCPD("linear", min_size=1).fit_predict(video, n_cuts)
        pieces = np.split(video, ends[:-1])
        segments += [piece.mean(axis=0) for piece in pieces]
        lengths += [len(piece) for piece in pieces]
    model = KMeans(n_actions, n_init=10, random_state=seed)
    labels = model.fit_predict(np.array(segments), sample_weight=lengths)
    return Found(_split(np.repeat(labels, lengths), videos))


def linear(videos, n_actions, seed):
    def match(x, y):
        return linear_warp(len(x), len(y)), linear_warp(len(y), len(x))

    return Found(match={"path": match})


def dynamic_time_warping(videos, n_actions, seed):
    return Found(match={"path": _library_dtw})


def embedding(videos, n_actions, seed, *, transformer):
    """Match in features, without any model."""
    fitted = transformer.fit(videos)
    return Found(embed=fitted.transform, match=_in_embedding(fitted.transform))


def estimator(videos, n_actions, seed, *, make):
    """Fit one of ours."""
    model = make(n_actions, seed).fit(videos)
    found = Found(embed=model.transform, match=_in_embedding(model.transform))
    if hasattr(model, "labels_"):
        found.labels, found.predict = list(model.labels_), model.predict
    if hasattr(model, "align"):
        found.match["own"] = lambda x, y: _both(model.align(x, y), "matches")
        found.background = lambda x, y: _both(model.align(x, y), "background")
    return found


def _both(alignment, name):
    return getattr(alignment, f"{name}_x"), getattr(alignment, f"{name}_y")


def _split(frames, videos):
    return np.split(frames, np.cumsum([len(video) for video in videos])[:-1])


def _in_embedding(embed):
    return {
        "nearest": lambda x, y: _nearest(_cost(embed, x, y)),
        "monotone": lambda x, y: _monotone(_cost(embed, x, y)),
    }


def _cost(embed, x, y):
    a, b = (np.asarray(frames, dtype=float) for frames in embed([x, y]))
    scale = [np.linalg.norm(v, axis=1, keepdims=True) for v in (a, b)]
    a, b = (v / np.maximum(s, 1e-12) for v, s in zip((a, b), scale, strict=True))
    return 1 - a @ b.T


def _nearest(cost):
    return cost.argmin(axis=1), cost.argmin(axis=0)


def _monotone(cost):
    return path_to_matches(monotone_path(cost), cost)


def _library_dtw(x, y):
    from dtaidistance import dtw, dtw_ndim

    a, b = (np.ascontiguousarray(_z_scores(video)) for video in (x, y))
    _, sums = dtw_ndim.warping_paths(a, b, use_c=True)
    path = np.array(dtw.best_path(sums))
    cost = np.linalg.norm(a[path[:, 0]] - b[path[:, 1]], axis=1)
    return _partners(path, cost, len(a)), _partners(path[:, ::-1], cost, len(b))


def _z_scores(video):
    return StandardScaler().fit_transform(video.astype(float))


def _partners(path, cost, n):
    """Return each frame's nearest partner of those on the path."""
    order = np.lexsort((cost, path[:, 0]))
    frames, first = np.unique(path[order, 0], return_index=True)
    matches = np.full(n, -1)
    matches[frames] = path[order[first], 1]
    return matches


def _aligner(**options: Any):
    return partial(
        estimator, make=lambda k, seed: VideoAligner(random_state=seed, **options)
    )


def _segmenter(kind, **options: Any):
    return partial(
        estimator, make=lambda k, seed: kind(k, random_state=seed, **options)
    )


METHODS: dict[str, Method] = {
    "uniform cut": Method(uniform, seeded=False),
    "k-means, whitened": Method(partial(k_means, prepare=whitened)),
    "k-means, PCA": Method(partial(k_means, prepare=projected)),
    "HMM, whitened": Method(partial(hidden_markov, prepare=whitened)),
    "HMM, PCA": Method(partial(hidden_markov, prepare=projected)),
    "change points + k-means": Method(partial(change_points, prepare=whitened)),
    "linear warp": Method(linear, seeded=False),
    "DTW, z-scored": Method(dynamic_time_warping, seeded=False),
    "z-scored features": Method(
        partial(embedding, transformer=VideoStandardizer()), seeded=False
    ),
    "whitened features": Method(
        partial(embedding, transformer=WhitenedViews()), seeded=False
    ),
    "joint": Method(_segmenter(JointAlignSegment)),
    "joint, training-free": Method(_segmenter(JointAlignSegment, max_epochs=0)),
    "joint, paper": Method(_segmenter(JointAlignSegment, recipe="paper")),
    "ASOT": Method(_segmenter(ActionSegmenter)),
    "ASOT, paper": Method(_segmenter(ActionSegmenter, recipe="paper")),
    "VAOT": Method(_aligner()),
    "VAOT, unmatched": Method(_aligner(aligning=Aligning(virtual_mass=UNMATCHED))),
    "VAOT, paper": Method(_aligner(recipe="paper")),
    "VAVA": Method(_aligner(aligning=Aligning(method="vava"))),
}
