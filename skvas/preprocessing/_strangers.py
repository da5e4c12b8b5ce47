"""Videos that have nothing to do with the others."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import clone

from skvas._on_demand import choose, each, lengths_of
from skvas.exceptions import DegenerateFramesWarning
from skvas.preprocessing._features import (
    apply_features,
    collection_of,
    fit_features,
    quietly,
)
from skvas.preprocessing._pipelines import last_step, with_last_step
from skvas.videos._frames import sample_videos, spread_frames, unit

# Frames of a video that are looked at, and videos that it is compared with.
SEEN_FRAMES, PARTNERS = 64, 12
# Of fewer videos nothing is usual.
FEWEST = 5
# Standard deviations of a normal distribution in its median absolute deviation.
NORMAL = 1.4826
# A video is far off where its frames are so many robust standard deviations, and so
# many times, further from others' frames than is usual: one of the pairs is enough.
FAR = ((4.0, 1.5), (8.0, 1.3))
# It may lack steps, so that all of it is standardised otherwise. Those of a stranger
# are further off than is usual in the view of the collection as well, so many times.
BEYOND = 1.1
# What is nearer than this is near, however little is usual where frames are clean.
NEAR = 0.2
# Less than this share of the usual variance in that view is none.
STILL = 0.01
# Videos that tell what is usual of new ones, at most.
HALVED = 32
# A video of less than so many times the usual length is short.
SHORT = 0.5


def find_unlike(videos: Sequence[np.ndarray]) -> list[int]:
    """Find the videos whose frames are far from those of the others.

    Parameters
    ----------
    videos : sequence of ndarray of shape (n_i, D)
        Features or embeddings, whose directions are compared.

    Returns
    -------
    list of int
        Their positions; none of fewer than five videos.
    """
    if len(videos) < FEWEST:
        return []
    few = [_thin(video) for video in videos]
    distances = _distances(few, few, _draw_others(len(few)))
    return np.flatnonzero(distances > far_from(distances, FAR[:1])).tolist()


def find_strangers(videos: Sequence[np.ndarray], collection: np.ndarray) -> list[int]:
    """Find the videos that have nothing to do with the others, or that stand still.

    Parameters
    ----------
    videos : sequence of ndarray of shape (n_i, D)
        Whitened features.
    collection : bool ndarray of shape (D,)
        Which of them are the view "collection".

    Returns
    -------
    list of int
        Their positions; none of fewer than five videos, and no short ones.
    """
    if len(videos) < FEWEST:
        return []
    few = [_thin(video) for video in videos]
    measured = _measure_apart(few, collection)
    usual = Usual.of(videos, measured, collection)
    return np.flatnonzero(usual.are_strange(videos, measured)).tolist()


class Measured(NamedTuple):
    """How far frames of videos are from those of others, (n_videos,) each.

    In all features and in the view of the collection; and their variance there.
    """

    distance: np.ndarray
    within: np.ndarray
    variance: np.ndarray


@dataclass(frozen=True)
class Usual:
    """What videos look like, to tell strangers.

    Attributes
    ----------
    frames : list of float32 ndarray of shape (n_i, D)
        A few frames of some of them.
    collection : bool ndarray of shape (D,)
        Which features are the view "collection".
    far, beyond : float
        Frames of strangers are further than this from those of others, in all features
        and in that view.
    least : float
        Frames of videos that stand still vary less than this in that view.
    length : float
        The frames of the usual video.
    """

    frames: list[np.ndarray]
    collection: np.ndarray
    far: float
    beyond: float
    least: float
    length: float

    @classmethod
    def of(
        cls,
        videos: Sequence[np.ndarray],
        measured: Measured,
        collection: np.ndarray,
    ) -> Usual:
        """Learn it from videos, and how far they are apart."""
        known = np.random.RandomState(0).permutation(sample_videos(len(videos)))
        return cls(
            [_thin(videos[int(i)]).astype(np.float32) for i in known[:PARTNERS]],
            collection,
            max(NEAR, far_from(measured.distance, FAR)),
            max(NEAR, BEYOND * float(np.median(measured.within))),
            STILL * float(np.median(measured.variance)),
            float(np.median(lengths_of(videos))),
        )

    def are_strange(
        self, videos: Sequence[np.ndarray], measured: Measured
    ) -> np.ndarray:
        """Tell which videos are strangers, (n_videos,), of which no short one is.

        Frames are smoothed over a share of the video: those of short ones are far off
        by noise.
        """
        is_far = (measured.distance > self.far) & (measured.within > self.beyond)
        is_short = np.array(lengths_of(videos)) < SHORT * self.length
        strange: np.ndarray = is_far | (measured.variance < self.least)
        return strange & ~is_short

    def find(self, videos: Sequence[np.ndarray]) -> np.ndarray:
        """Tell which other videos are strangers, (n_videos,)."""
        few = [_thin(video) for video in videos]
        others = [range(len(self.frames))] * len(few)
        measured = _measure(few, self.frames, others, self.collection)
        return self.are_strange(videos, measured)


def learn_usual(
    fitted: Any, videos: Sequence[np.ndarray], features: Sequence[np.ndarray]
) -> Usual | None:
    """Learn what new videos usually look like.

    They are further from those that the views were fitted to than these from each
    other. So the views are fitted to halves of at most 32 videos, and the other half
    tells what is usual.

    Parameters
    ----------
    fitted : transformer or None
        The preprocessing.
    videos : sequence of ndarray of shape (n_i, n_features)
        The videos of the fit that are no strangers.
    features : sequence of ndarray of shape (n_i, D)
        What the preprocessing makes of them.

    Returns
    -------
    Usual or None
        None of fewer than five videos, or without a view of the collection.
    """
    collection, before = collection_of(fitted), with_last_step(fitted, None)
    if collection is None or len(videos) < FEWEST:
        return None
    drawn = np.random.RandomState(0).permutation(len(videos))[:HALVED]
    seen = choose(videos, drawn)
    if before is not None:
        seen = each(partial(quietly, before), seen)
    one, other = (choose(seen, range(k, len(seen), 2)) for k in range(2))
    found = []
    with warnings.catch_warnings():  # of what the views of all videos have warned of
        warnings.simplefilter("ignore", DegenerateFramesWarning)
        for half, new in ((one, other), (other, one)):
            views = fit_features(clone(last_step(fitted)), half)
            columns = collection_of(views)
            assert columns is not None
            known = [_thin(video) for video in apply_features(views, half)[:PARTNERS]]
            few = [_thin(video) for video in apply_features(views, new)]
            found.append(_measure(few, known, [range(len(known))] * len(few), columns))
    measured = Measured(*map(np.concatenate, zip(*found, strict=True)))
    return Usual.of(features, measured, collection)


def far_from(distances: np.ndarray, pairs: Sequence[tuple[float, float]]) -> float:
    """Return the distance that is far off, where those of all videos are these."""
    usual = float(np.median(distances))
    spread = NORMAL * float(np.median(np.abs(distances - usual)))
    return min(max(usual + n * spread, times * usual) for n, times in pairs)


def _measure_apart(few: Sequence[np.ndarray], collection: np.ndarray) -> Measured:
    return _measure(few, few, _draw_others(len(few)), collection)


def _measure(
    few: Sequence[np.ndarray],
    known: Sequence[np.ndarray],
    others: Sequence[Sequence[int]],
    collection: np.ndarray,
) -> Measured:
    """Compare a few frames of each video with those of others among the known."""
    within = [video[:, collection] for video in few]
    theirs = [video[:, collection] for video in known]
    variances = np.array([video.var(axis=0).sum() for video in within])
    return Measured(
        _distances(few, known, others), _distances(within, theirs, others), variances
    )


def _draw_others(n: int) -> list[list[int]]:
    """Draw the videos that each one is compared with."""
    known, rng = sample_videos(n), np.random.RandomState(0)
    return [rng.permutation(known[known != i])[:PARTNERS].tolist() for i in range(n)]


def _distances(
    few: Sequence[np.ndarray],
    known: Sequence[np.ndarray],
    others: Sequence[Sequence[int]],
) -> np.ndarray:
    """Return how far the frames of each video are from the nearest of others, (n,)."""
    theirs, found = [unit(video).T for video in known], []
    for video, some in zip(map(unit, few), others, strict=True):
        nearest = [1 - (video @ theirs[i]).max(axis=1).mean() for i in some]
        found.append(float(np.median(nearest)))
    return np.array(found)


def _thin(video: np.ndarray) -> np.ndarray:
    return video[spread_frames(len(video), SEEN_FRAMES)]
