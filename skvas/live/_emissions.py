"""How likely a frame is in each state: diagonal Gaussians of discriminants."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.linalg import eigh

from skvas._on_demand import lengths_of
from skvas.videos._directions import largest_directions
from skvas.videos._frames import frame_blocks, spread_over

# Discriminants, and the principal directions that they are looked for in, at most.
N_DISCRIMINANTS, N_PRINCIPAL = 16, 64
# Evenly spread frames that principal directions are found from.
PRINCIPAL_FRAMES = 1024
# Share of the scatter within classes that is taken as equal in all directions.
SHRINKAGE = 0.1
# Share of the pooled variance in the variance of a class: of an action, which has many
# frames, and of a position, which has one a video.
POOLED, POOLED_OF_MOMENTS = 0.2, 0.8
# Directions with less than this share of the largest scatter are rounding.
MIN_SCATTER = 1e-6
# What the scatter within classes adds to that between them, so that it, not rounding,
# says which of the directions come first that tell no class apart.
TIE_BREAK = 1e-6
# A frame counts as this many independent ones, divided by the time over which
# neighbouring frames repeat each other.
WEIGHT = 1.5
# It tells at most this share of what an independent one would about its moment: what a
# person does otherwise than others lasts longer than what repeats itself.
MOST_WEIGHT = 0.2
# Autocorrelation below which frames count as independent, and lags that are looked at.
INDEPENDENT, N_LAGS = 0.05, 200
# Discriminants beyond so many standard deviations tell nothing more.
FAR = 50.0
# Numbers of frames that are copied at a time.
COPIED = 1 << 19
# Degrees of freedom of Student's distribution, which frames that are unlike those of
# other people do not surprise as much.
FREEDOM = 8.0


@dataclass(frozen=True)
class Gaussians:
    """A Gaussian of independent discriminants for each class of frames.

    Attributes
    ----------
    centre : ndarray of shape (width,)
        Taken off the features of a frame.
    directions : ndarray of shape (width, d)
        From there to discriminants with a variance within classes of about 1.
    means, variances : ndarray of shape (n_classes, d)
        Of each class.
    weight : float
        What one frame's log-likelihood is multiplied with, as neighbouring frames
        repeat each other.
    """

    centre: np.ndarray
    directions: np.ndarray
    means: np.ndarray
    variances: np.ndarray
    weight: float

    def project(self, features: np.ndarray) -> np.ndarray:
        """Return the discriminants of one frame, or of many."""
        return np.clip(_products(features, self.centre, self.directions), -FAR, FAR)

    def distances(self, discriminants: np.ndarray) -> np.ndarray:
        """Return the squared distances of one frame, or of many, to each class."""
        apart = discriminants[..., None, :] - self.means
        distances: np.ndarray = np.einsum(
            "...d,...d,...d->...", apart, apart, self._precisions
        )
        return distances

    @cached_property
    def _precisions(self) -> np.ndarray:
        """Inverse variances, (n_classes, d)."""
        precisions: np.ndarray = 1 / self.variances
        return precisions

    def scores(self, distances: np.ndarray) -> np.ndarray:
        """Return log-likelihoods of a frame from its distances."""
        scores: np.ndarray = -0.5 * self.weight * (distances + self.log_determinants)
        return scores

    def robust(self, distances: np.ndarray) -> np.ndarray:
        """Return log-likelihoods of a frame with heavy tails, from its distances.

        They are those of Student's distribution, up to a number that is common to all
        classes.
        """
        n = FREEDOM + self.means.shape[1]
        logs = n * np.log1p(distances / FREEDOM) + self.log_determinants
        scores: np.ndarray = -0.5 * self.weight * logs
        return scores

    @cached_property
    def log_determinants(self) -> np.ndarray:
        """Return the logarithm of each class's product of variances."""
        logs: np.ndarray = np.log(self.variances).sum(axis=1)
        return logs


def fit_gaussians(
    features: Sequence[np.ndarray],
    classes: Sequence[np.ndarray],
    n_classes: int,
    videos: tuple[Sequence[np.ndarray], Sequence[np.ndarray]] | None = None,
    *,
    pooled: float = POOLED,
    spare: bool = False,
) -> Gaussians:
    """Find directions that tell classes of frames apart, and Gaussians along them.

    Parameters
    ----------
    features : sequence of ndarray of shape (n_i, width)
        Frames of each video.
    classes : sequence of int64 ndarray of shape (n_i,)
        The class of each frame.
    n_classes : int
        Number of classes; one may have no frame.
    videos : tuple of two sequences of ndarray, default=None
        For each video the features of its frames in order, (n_i, width), and their
        classes: these tell over how many frames neighbours repeat each other. None:
        those above.
    pooled : float, default=0.2
        Share of the pooled variance in the variance of a class.
    spare : bool, default=False
        Whether classes are told by directions in which they have one mean as well, by
        how much they vary there. Else these tell what is unlike all classes.

    Returns
    -------
    Gaussians
    """
    videos = (features, classes) if videos is None else videos
    joined = np.concatenate(classes)
    if isinstance(features, list):  # in memory: at once, which is faster
        features = [np.concatenate(features)]
    centre = _mean(features)
    basis = principal(features, centre)
    scores = np.concatenate([(run - centre) @ basis for run in _runs(features)])
    means, counts = _means(scores, joined, n_classes)
    rest = scores - means[joined]
    freedom = max(len(rest) - int((counts > 0).sum()), 1)
    within = rest.T @ rest / freedom
    isotropic = np.trace(within) / max(len(within), 1)
    if isotropic <= 0:  # no class has two different frames
        within, isotropic = np.eye(len(within)), 1.0
    weighted = np.sqrt(counts / counts.sum())[:, None] * means
    between = weighted.T @ weighted + TIE_BREAK * within
    within = (1 - SHRINKAGE) * within + SHRINKAGE * isotropic * np.eye(len(within))
    _, vectors = eigh(between, within)
    kept = vectors[:, ::-1][:, :N_DISCRIMINANTS]
    directions = basis @ kept
    means = means @ kept
    rest = rest @ kept
    variances = _variances(rest, joined, counts, freedom, pooled)
    n_telling = kept.shape[1]
    if not spare:
        n_telling = max(int((counts > 0).sum()) - 1, 1)
        variances[:, n_telling:] = _pooled(rest[:, n_telling:], freedom)
    telling = directions[:, :n_telling]
    residuals = [
        (_products(videos[0][i], centre, telling) - means[where, :n_telling])
        / np.sqrt(variances[where, :n_telling])
        for i, where in enumerate(videos[1])
    ]
    weight = min(1.0, WEIGHT / repetition(residuals))
    return Gaussians(centre, directions, means, variances, weight)


def fit_moments(
    passing: Sequence[np.ndarray],
    videos: tuple[Sequence[np.ndarray], Sequence[np.ndarray]],
    n_moments: int,
) -> Gaussians:
    """Find directions that tell moments of a timeline apart, and Gaussians along them.

    Parameters
    ----------
    passing : sequence of ndarray of shape (n_moments, width)
        The frames with which each video passes the moments.
    videos : tuple of two sequences of ndarray
        As in `fit_gaussians`, the classes being moments.
    n_moments : int
        Number of moments.

    Returns
    -------
    Gaussians
    """
    moments = [np.arange(n_moments)] * len(passing)
    found = fit_gaussians(passing, moments, n_moments, videos, pooled=POOLED_OF_MOMENTS)
    return replace(found, weight=min(MOST_WEIGHT, found.weight))


def repetition(residuals: Sequence[np.ndarray]) -> float:
    """Return how many neighbouring frames tell as much as one independent frame.

    That is the integrated autocorrelation time, ``1 + 2 (r_1 + r_2 + ...)``, up to the
    first lag whose autocorrelation is negligible.

    Parameters
    ----------
    residuals : sequence of ndarray of shape (n_i, d)
        What classes do not explain of each video's frames.

    Returns
    -------
    float
        1 or more.
    """
    lengths = np.array([len(r) for r in residuals])
    n_lags = min(N_LAGS, int(lengths.max()) - 1)
    # One after the other, with so many zeros between them that none meets the next.
    apart = np.concatenate([np.pad(r, ((0, n_lags), (0, 0))) for r in residuals])
    line, width = apart.ravel(), apart.shape[1]
    total = float(line @ line)
    time = 1.0
    for lag in range(1, n_lags + 1):
        shifted = float(line[lag * width :] @ line[: -lag * width])
        n_pairs = int(np.maximum(lengths - lag, 0).sum())
        correlation = shifted / n_pairs * int(lengths.sum()) / max(total, 1e-300)
        if correlation < INDEPENDENT:
            break
        time += 2 * correlation
    return time


def _products(
    frames: np.ndarray, centre: np.ndarray, directions: np.ndarray
) -> np.ndarray:
    """Return frames along directions from a centre, wide ones a few at a time."""
    if frames.ndim == 1:
        product: np.ndarray = (frames - centre) @ directions
        return product
    blocks = frame_blocks(frames, COPIED)
    return np.concatenate([(frames[rows] - centre) @ directions for rows in blocks])


def _runs(features: Sequence[np.ndarray]) -> Iterator[np.ndarray]:
    """Yield all frames, a few at a time, as if they were in one array.

    Products of other numbers of frames are rounded otherwise, and rounding alone tells
    apart the directions along which the means of all classes are equal.
    """
    n = max(1, COPIED // features[0].shape[1])
    left = features[0][:0]
    # By their numbers: of videos that are on demand one at a time is in memory.
    for i in range(len(features)):
        left = np.concatenate([left, features[i]]) if len(left) else features[i]
        whole = len(left) // n * n
        yield from (left[start : start + n] for start in range(0, whole, n))
        left = left[whole:]
    if len(left):
        yield left


def _mean(features: Sequence[np.ndarray]) -> np.ndarray:
    """Return the mean frame, as if all frames were in one array."""
    total = np.zeros((1, features[0].shape[1]))
    for i in range(len(features)):
        total = _added(total, features[i])
    mean: np.ndarray = total[0] / sum(lengths_of(features))
    return mean


def _added(total: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """Add frames to a total of shape (1, width), one after the other."""
    for rows in frame_blocks(frames, COPIED):
        block = np.vstack([total, frames[rows]])
        total = np.add.reduce(block, axis=0, keepdims=True)
    return total


def principal(features: Sequence[np.ndarray], centre: np.ndarray) -> np.ndarray:
    """Return the principal directions of some frames, as columns.

    Parameters
    ----------
    features : sequence of ndarray of shape (n_i, width)
        Frames of each video.
    centre : ndarray of shape (width,)
        Taken off each frame.
    """
    some = spread_over(features, PRINCIPAL_FRAMES) - centre
    scatter, directions = largest_directions(some, N_PRINCIPAL)
    kept = scatter > MIN_SCATTER * scatter[0]
    if not kept.any():  # all frames are equal
        kept[0] = True
    columns: np.ndarray = directions[kept].T
    return columns


def _means(
    scores: np.ndarray, classes: np.ndarray, n_classes: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean and the number of the frames of each class."""
    counts = np.bincount(classes, minlength=n_classes).astype(float)
    sums = _sums(scores, classes, n_classes)
    return sums / np.maximum(counts, 1)[:, None], counts


def _sums(scores: np.ndarray, classes: np.ndarray, n_classes: int) -> np.ndarray:
    """Add up the frames of each class, (n_classes, d)."""
    columns = [np.bincount(classes, column, n_classes) for column in scores.T]
    return np.stack(columns, axis=1)


def _variances(
    rest: np.ndarray,
    classes: np.ndarray,
    counts: np.ndarray,
    freedom: int,
    share: float,
) -> np.ndarray:
    """Return the variances of the classes, shrunk to the pooled ones."""
    pooled = _pooled(rest, freedom)
    sums = _sums(rest**2, classes, len(counts))
    several = counts > 1
    own = np.tile(pooled, (len(counts), 1))
    own[several] = sums[several] / (counts[several, None] - 1)
    return (1 - share) * own + share * pooled


def _pooled(rest: np.ndarray, freedom: int) -> np.ndarray:
    """Return the variances within all classes together."""
    found: np.ndarray = np.maximum((rest**2).sum(axis=0) / freedom, 1e-3)
    return found
