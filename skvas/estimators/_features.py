"""From videos to the features that the encoder sees."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.base import clone

from skvas.exceptions import DegenerateFramesWarning
from skvas.preprocessing import VideoStandardizer, WhitenedViews
from skvas.preprocessing._repeatability import repeatability
from skvas.timeline._model import find_order
from skvas.timeline._paths import unit

# A constant beside the whitened components, as WhitenedViews says.
OFFSET = 0.5
NAMES = ("auto", "whitened", "standardise")
# Components keep their variance where clusters of whitened frames repeat less than half
# as well over videos as those of unwhitened frames, which have to repeat themselves.
# From this number of videos; smoothed by so many frames in the median video.
WHITENED_REPEATS, PLAIN_REPEATS, MIN_VIDEOS, NOISE_FRAMES = 0.5, 0.4, 6, 4


def choose_features(videos: list[np.ndarray], n_clusters: int) -> WhitenedViews:
    """Whiten components, unless that drowns what the videos have in common in noise.

    Videos that share an order are always whitened: alignment needs it, and noise does
    not repeat in order.

    Parameters
    ----------
    videos : list of ndarray of shape (n_i, n_features)
        The videos, checked.
    n_clusters : int
        Clusters of frames that are looked for in other videos.
    """
    whitened: WhitenedViews = fit_features("whitened", videos)
    if len(videos) < MIN_VIDEOS:
        return whitened
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DegenerateFramesWarning)
        seen = apply_features(whitened, videos)
    rng = np.random.RandomState(0)
    scale = np.sqrt(np.concatenate([*whitened.explained_variance_, [1.0]]))
    scale[-1] = np.linalg.norm(scale[:-1]) / np.sqrt((scale[:-1] > 0).sum() or 1)
    whitened_repeats, plain_repeats = (
        repeatability([unit(video * by) for video in seen], n_clusters, rng)
        for by in (np.ones_like(scale), scale)
    )
    if whitened_repeats > WHITENED_REPEATS * plain_repeats:
        return whitened
    order = find_order(seen, rng)
    if plain_repeats < PLAIN_REPEATS or (order and order.verdict == "yes"):
        return whitened
    length = float(np.median([len(video) for video in videos]))
    smoothing = min(whitened.smoothing, NOISE_FRAMES / length)
    return WhitenedViews(whiten=False, offset=OFFSET, smoothing=smoothing).fit(videos)


def fit_features(features: Any, videos: list[np.ndarray]) -> Any:
    """Return the fitted preprocessing, or None.

    Parameters
    ----------
    features : transformer, {"whitened", "standardise"} or None
        What is cloned and fitted.
    videos : list of ndarray of shape (n_i, n_features)
        The videos, checked.
    """
    if isinstance(features, str):
        whitened = features == "whitened"
        features = WhitenedViews(offset=OFFSET) if whitened else VideoStandardizer()
    return None if features is None else clone(features).fit(videos)


def apply_features(transformer: Any, videos: list[np.ndarray]) -> list[np.ndarray]:
    """Return the features that the encoder sees, float32.

    Raises
    ------
    ValueError
        If features are too large or too small for float32; names the video.
    """
    seen = videos
    if transformer is not None:
        seen = [np.asarray(video) for video in transformer.transform(videos)]
    several = len(videos) > 1
    return [
        _as_float32(video, index if several else None)
        for index, video in enumerate(seen)
    ]


def warn_of_degenerate_frames(transformer: Any, features: list[np.ndarray]) -> None:
    """Warn once of frames that are zero, or if all frames are equal."""
    if isinstance(transformer, WhitenedViews):  # which warns itself
        return
    n_zero = sum(int((~video.any(axis=1)).sum()) for video in features)
    if n_zero:
        fault = f"{n_zero} frame(s) have no feature but 0"
    elif all((video == features[0][0]).all() for video in features):
        fault = "All frames are equal"
    else:
        return
    warnings.warn(
        f"{fault}: they match anything equally well. Drop them, or use other features.",
        DegenerateFramesWarning,
        stacklevel=4,
    )


def _as_float32(video: np.ndarray, index: int | None) -> np.ndarray:
    """Cast features for the networks, and refuse those that would be lost."""
    with np.errstate(over="ignore", under="ignore"):
        cast = video.astype(np.float32, copy=False)
        # Embeddings are divided by their lengths: squares must be in range as well.
        squares = np.einsum("nd,nd->n", cast, cast)
    overflown = not np.isfinite(squares).all()
    vanished = (squares < np.finfo(np.float32).tiny) & video.any(axis=1)
    if overflown or vanished.any():
        fault = "overflow" if overflown else "vanish"
        raise ValueError(
            f"{'' if index is None else f'video {index}: '}features {fault} in "
            "float32; rescale them, or use features=WhitenedViews()."
        )
    return cast
