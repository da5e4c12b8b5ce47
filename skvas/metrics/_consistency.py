"""Scores without labels: the agreement of a segmentation with an alignment."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import isqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.random import sample_without_replacement

from skvas._typing import Labels, Videos
from skvas.decoding import monotone_path, path_to_matches
from skvas.metrics._baselines import linear_warp
from skvas.metrics._compare import Codes, encode, over_power_of_two
from skvas.validation import (
    check_choice,
    check_integer,
    check_labels,
    check_random_state,
    check_videos,
)

# Longer videos are subsampled to this many frames.
_MAX_FRAMES = 300
# Standard deviations, and frames, from the mean of a count by chance from which on its
# probability is less than what numbers tell apart.
_REACH = 12


@dataclass(frozen=True, eq=False)
class PairMatches:
    """Matched frames of pairs of videos, for :func:`consistency_score`.

    Frames are numbered consecutively through all videos.

    Parameters
    ----------
    frames : ndarray of int64, shape (L,)
        For each pair, the frames of both videos.
    monotone : ndarray of int64, shape (L,)
        Their partners on the cheapest monotone path.
    free : ndarray of int64, shape (L,)
        Their nearest neighbours, in any order.
    lengths : tuple of int
        Number of frames of each video.
    n_pairs : int
        Number of pairs.

    Examples
    --------
    >>> import numpy as np
    >>> from skvas.metrics import match_pairs
    >>> match_pairs([np.zeros((3, 1)), np.zeros((2, 1)), np.zeros((4, 1))]).lengths
    (3, 2, 4)
    """

    frames: Codes
    monotone: Codes
    free: Codes
    lengths: tuple[int, ...]
    n_pairs: int


@dataclass(frozen=True)
class ConsistencyScore:
    """Mutual information between the labels of matched frames.

    Parameters
    ----------
    score : float
        Product of `monotone` and `free`; a negative factor counts as 0.
    monotone : float
        Adjusted mutual information over monotone matches. It is high if actions come
        in one order and the labels follow that order.
    free : float
        Adjusted mutual information over nearest neighbours, in any order.
    n_pairs : int
        Number of matched pairs of videos.

    Examples
    --------
    >>> import numpy as np
    >>> from skvas.metrics import consistency_score
    >>> video = np.array([[0.0], [5.0]])
    >>> consistency_score([["a", "b"], ["a", "b"]], [video, video]).score
    1.0
    """

    score: float
    monotone: float
    free: float
    n_pairs: int


def match_pairs(
    videos: Videos,
    *,
    n_pairs: int = 40,
    random_state: int | np.random.RandomState | None = None,
) -> PairMatches:
    """Match frames across random pairs of videos, in order and by nearest neighbours.

    Parameters
    ----------
    videos : arrays of shape (n_frames_i, D)
        At least two videos, in a space with meaningful Euclidean distances. A video of
        more than 300 frames is subsampled to 300 evenly spaced frames.
    n_pairs : int, default=40
        Number of distinct pairs; all pairs if there are fewer.
    random_state : int, RandomState instance or None, default=None
        Draws the pairs.

    Returns
    -------
    PairMatches
        The matches. Pass them to :func:`consistency_score` to compare several
        segmentations of the same videos: matching is the slow part.

    See Also
    --------
    consistency_score : Score a segmentation by the matches.

    Examples
    --------
    >>> import numpy as np
    >>> from skvas.metrics import match_pairs
    >>> matches = match_pairs([np.array([[0.0], [2.0]]), np.array([[2.1], [0.1]])])
    >>> matches.frames, matches.free
    (array([0, 1, 2, 3]), array([3, 2, 1, 0]))
    """
    arrays = check_videos(videos)
    wanted = check_integer("n_pairs", n_pairs, low=1)
    n = len(arrays)
    if n < 2:
        raise ValueError(f"Expected at least two videos to match, got {n}.")
    n_all = n * (n - 1) // 2
    drawn = sample_without_replacement(
        n_all, min(wanted, n_all), random_state=check_random_state(random_state)
    )
    pairs = [_pair(int(number)) for number in np.sort(drawn)]
    offsets = np.cumsum([0, *map(len, arrays)])
    kept = {
        i: linear_warp(min(len(arrays[i]), _MAX_FRAMES), len(arrays[i]))
        for i in {*np.ravel(pairs).tolist()}
    }
    thin = {i: arrays[i][frames] for i, frames in kept.items()}
    where = {i: offsets[i] + frames for i, frames in kept.items()}
    parts = [_match(thin[i], thin[j], where[i], where[j]) for i, j in pairs]
    frames, monotone, free = (np.concatenate(part) for part in zip(*parts, strict=True))
    return PairMatches(
        frames, monotone, free, tuple(len(video) for video in arrays), len(parts)
    )


def consistency_score(
    labels: Labels,
    videos: Videos | PairMatches,
    *,
    n_pairs: int = 40,
    random_state: int | np.random.RandomState | None = None,
) -> ConsistencyScore:
    """Score a segmentation without labels, by its agreement with an alignment.

    Frames of pairs of videos are matched in a reference space that does not depend on
    the segmentation, once along the cheapest monotone path (dynamic time warping) and
    once by nearest neighbours, in both directions. In a good segmentation matched
    frames have related labels. The score measures this relation by the adjusted mutual
    information, which is corrected for chance and so for the number of labels.

    Parameters
    ----------
    labels : array-like of shape (n_frames_i,), one a video
        Labels of all frames; a label stands for the same action in all videos.
    videos : arrays of shape (n_frames_i, D), or PairMatches
        The videos in the reference space, or their matches from :func:`match_pairs`.
    n_pairs : int, default=40
        Number of pairs of videos; see :func:`match_pairs`. Ignored for matches.
    random_state : int, RandomState instance or None, default=None
        Draws the pairs. Ignored for matches.

    Returns
    -------
    ConsistencyScore
        Both values of mutual information and their product. All three are 0 if all
        labels are equal.

    See Also
    --------
    match_pairs : The matches that it takes.
    make_consistency_scorer : The same for searches of scikit-learn.

    References
    ----------
    .. [1] N. X. Vinh, J. Epps and J. Bailey, "Information theoretic measures for
       clusterings comparison", JMLR 11, 2010.

    Examples
    --------
    >>> import numpy as np
    >>> from skvas.metrics import consistency_score
    >>> videos = [np.linspace(0, 1, n)[:, None] for n in (20, 30, 40)]
    >>> good = [video[:, 0] > 0.5 for video in videos]
    >>> bad = [np.arange(len(video)) % 2 for video in videos]
    >>> round(consistency_score(good, videos).score, 2)
    1.0
    >>> round(consistency_score(bad, videos).score, 2)
    0.0
    """
    codes, matches = _match_labels(labels, videos, n_pairs, random_state)
    monotone = matched_information(codes[matches.frames], codes[matches.monotone])
    free = matched_information(codes[matches.frames], codes[matches.free])
    return ConsistencyScore(
        score=max(monotone, 0.0) * max(free, 0.0),
        monotone=monotone,
        free=free,
        n_pairs=matches.n_pairs,
    )


def modularity_score(
    labels: Labels,
    videos: Videos | PairMatches,
    *,
    ordered: bool = False,
    n_pairs: int = 40,
    random_state: int | np.random.RandomState | None = None,
) -> float:
    r"""Score a number of actions without labels, by the modularity of the labels.

    Frames of pairs of videos are matched as in :func:`match_pairs`. The score is the
    modularity of the labels on the graph of matched frames: the share of matched frames
    with equal labels, minus the share expected under random matching. With too few
    labels, many agree by chance; with too many, few agree. To compare segmentations
    into the same number of actions, use :func:`consistency_score`.

    Parameters
    ----------
    labels : array-like of shape (n_frames_i,), one a video
        Labels of all frames; a label stands for the same action in all videos.
    videos : arrays of shape (n_frames_i, D), or PairMatches
        The videos in a space with meaningful Euclidean distances, or their matches
        from :func:`match_pairs`.
    ordered : bool, default=False
        Whether videos share an order. True averages the modularity over monotone
        matches and over nearest neighbours; False uses nearest neighbours alone.
    n_pairs : int, default=40
        Number of pairs of videos; see :func:`match_pairs`. Ignored for matches.
    random_state : int, RandomState instance or None, default=None
        Draws the pairs. Ignored for matches.

    Returns
    -------
    float
        The modularity: 0 at chance level, for instance if all labels are equal, and
        at most 1 - 1/K for K labels.

    References
    ----------
    .. [1] M. E. J. Newman and M. Girvan, "Finding and evaluating community structure
       in networks", Physical Review E 69, 2004.

    Examples
    --------
    >>> import numpy as np
    >>> from skvas.metrics import modularity_score
    >>> videos = [np.repeat([[0.0], [5.0], [9.0]], n, axis=0) for n in (2, 3, 4)]
    >>> for labels in ([0, 0, 1], [0, 1, 2]):
    ...     repeated = [np.repeat(labels, n) for n in (2, 3, 4)]
    ...     print(round(modularity_score(repeated, videos), 2))
    0.44
    0.67
    """
    check_choice("ordered", ordered, (True, False))
    codes, matches = _match_labels(labels, videos, n_pairs, random_state)
    own = codes[matches.frames]
    ways = [matches.free, matches.monotone] if ordered else [matches.free]
    return float(np.mean([_modularity(own, codes[partners]) for partners in ways]))


def _match_labels(
    labels: Labels,
    videos: Videos | PairMatches,
    n_pairs: int,
    random_state: int | np.random.RandomState | None,
) -> tuple[Codes, PairMatches]:
    """Return the labels of all frames as integers, and the matches, found or given."""
    if isinstance(videos, PairMatches):
        matches = videos
    else:
        matches = match_pairs(videos, n_pairs=n_pairs, random_state=random_state)
    return np.concatenate(encode(check_labels(labels, matches.lengths))[0]), matches


def _pair(number: int) -> tuple[int, int]:
    """Return a pair i < j by its number in the order (0, 1), (0, 2), (1, 2), (0, 3)."""
    j = (1 + isqrt(1 + 8 * number)) // 2
    return number - j * (j - 1) // 2, j


def _match(
    x: NDArray[Any], y: NDArray[Any], frames_x: Codes, frames_y: Codes
) -> tuple[Codes, Codes, Codes]:
    """Return the frames of both videos with their monotone and their free partners."""
    cost = _distances(x, y)
    to_y, to_x = path_to_matches(monotone_path(cost), cost)
    return (
        np.append(frames_x, frames_y),
        np.append(frames_y[to_y], frames_x[to_x]),
        np.append(frames_y[cost.argmin(axis=1)], frames_x[cost.argmin(axis=0)]),
    )


def _distances(x: NDArray[Any], y: NDArray[Any]) -> NDArray[np.float64]:
    """Return the Euclidean distances of frames over a power of two, float64."""
    origin = x[0].astype(float)  # not the mean: integers stay integers, and tie
    x, y = x - origin, y - origin
    peak = max(np.abs(x).max(), np.abs(y).max())
    x, y = over_power_of_two(x, peak), over_power_of_two(y, peak)
    squares = -2 * x @ y.T
    squares += np.einsum("nd,nd->n", x, x)[:, None]
    squares += np.einsum("md,md->m", y, y)
    distances: NDArray[np.float64] = np.sqrt(np.maximum(squares, 0))
    return distances


def _modularity(labels: Codes, matched: Codes) -> float:
    """Return the share of equal labels minus its expectation under chance."""
    n_labels = int(max(labels.max(), matched.max())) + 1
    counts = [np.bincount(side, minlength=n_labels) for side in (labels, matched)]
    chance = counts[0] @ counts[1] / len(labels) ** 2
    return float(np.mean(labels == matched) - chance)


def matched_information(labels: Codes, matched: Codes) -> float:
    """Return the adjusted mutual information; 0, and not 1, for a single label.

    It is that of scikit-learn, which checks its input at length and adds up the
    information that is due to chance term by term.
    """
    n_labels = int(max(labels.max(), matched.max())) + 1
    pairs = np.bincount(labels * n_labels + matched, minlength=n_labels**2)
    counts = pairs.reshape(n_labels, n_labels)
    counts = counts[counts.any(axis=1)][:, counts.any(axis=0)]
    if 1 in counts.shape:
        return 0.0
    by_row, by_column = counts.sum(axis=1), counts.sum(axis=0)
    own = (_entropy(by_row) + _entropy(by_column)) / 2
    shared = 2 * own - _entropy(counts[counts > 0])
    by_chance = _expected_information(by_row, by_column)
    least = np.finfo(float).eps  # all that can be known is known by chance
    return float(_apart(shared - by_chance, least) / _apart(own - by_chance, least))


def _entropy(counts: Codes) -> float:
    """Return the entropy of a distribution by its counts."""
    shares = counts / counts.sum()
    return float(-(shares * np.log(shares)).sum())


def _expected_information(rows: Codes, columns: Codes) -> float:
    """Return the mutual information of two labellings with these counts, by chance.

    Equation 24 of [1]_ of `consistency_score`: how many frames have both of two labels
    has a hypergeometric distribution. Its tails are left out: no digit is theirs.
    """
    n = int(rows.sum())
    numbers = np.arange(1.0, n + 1)
    logs = np.log(numbers)
    ways = np.append(0, np.cumsum(logs))  # logarithms of factorials
    total = 0.0
    for a, b in product(rows.tolist(), columns.tolist()):
        mean = a * b / n
        reach = _REACH * (1 + np.sqrt(mean * (1 - a / n) * (1 - b / n)))
        low = max(1, a + b - n, int(mean - reach))
        high = min(a, b, int(mean + reach) + 1)
        neither = n - a - b
        log_chance = ways[a] + ways[b] + ways[n - a] + ways[n - b] - ways[n]
        log_chance = log_chance - ways[low : high + 1]
        log_chance -= ways[a - high : a - low + 1][::-1]
        log_chance -= ways[b - high : b - low + 1][::-1]
        log_chance -= ways[neither + low : neither + high + 1]
        known = logs[low - 1 : high] + (logs[n - 1] - logs[a - 1] - logs[b - 1])
        total += float(numbers[low - 1 : high] * known @ np.exp(log_chance))
    return total / n


def _apart(value: float, least: float) -> float:
    """Return a number that is not between 0 and `least`, of the same sign."""
    return min(value, -least) if value < 0 else max(value, least)
