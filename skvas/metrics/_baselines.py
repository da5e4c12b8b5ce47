"""Baselines that any method has to beat."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import euclidean_distances

from skvas._typing import Videos
from skvas.decoding import monotone_path, path_to_matches
from skvas.metrics._compare import over_power_of_two
from skvas.validation import check_integer, check_videos, is_single_video


@overload
def uniform_segmentation(
    lengths_or_videos: int, n_actions: int
) -> NDArray[np.int64]: ...
@overload
def uniform_segmentation(
    lengths_or_videos: Sequence[int] | Videos, n_actions: int
) -> Any: ...
def uniform_segmentation(
    lengths_or_videos: int | Sequence[int] | Videos, n_actions: int
) -> Any:
    """Cut each video into equal parts.

    Parameters
    ----------
    lengths_or_videos : int, sequence of int, array of shape (N, D), or list of arrays
        The videos, or their numbers of frames.
    n_actions : int
        Number of parts, K.

    Returns
    -------
    ndarray of int64, or list of ndarray
        One array for each video, or a single array for one length or one video. Frame
        i of N has the label floor(i K / N).

    See Also
    --------
    segmentation_report : Scores against labels.

    Examples
    --------
    >>> from skvas.metrics import uniform_segmentation
    >>> uniform_segmentation([4, 5], 2)
    [array([0, 0, 1, 1]), array([0, 0, 0, 1, 1])]
    """
    k = check_integer("n_actions", n_actions, low=1)
    given: Any = lengths_or_videos
    single = isinstance(given, Integral)
    if single:
        given = [given]
    shape = getattr(given, "shape", ())
    if isinstance(shape, tuple) and len(shape) == 1:  # of pandas or torch, too
        given = list(np.asarray(given))
    counts = isinstance(given, (list, tuple, range)) and len(given) > 0
    if counts and np.ndim(given[0]) == 0:
        lengths = [check_integer("length", length, low=1) for length in given]
    else:
        single = is_single_video(given)
        lengths = [len(video) for video in check_videos(given)]
    labels = [np.arange(length, dtype=np.int64) * k // length for length in lengths]
    return labels[0] if single else labels


def linear_warp(n: int, m: int) -> NDArray[np.int64]:
    """Match the frames of two videos as if both ran at a constant speed.

    Parameters
    ----------
    n, m : int
        Numbers of frames of x and of y.

    Returns
    -------
    ndarray of int64, shape (n,)
        For each frame of x, the frame of y at the same relative time: the middle of
        frame i of x lies in frame ``result[i]`` of y.

    See Also
    --------
    dtw_matches : Dynamic time warping.
    label_agreement : Score the matches.

    Examples
    --------
    >>> from skvas.metrics import linear_warp
    >>> linear_warp(6, 3)
    array([0, 0, 1, 1, 2, 2])
    >>> linear_warp(3, 6)
    array([1, 3, 5])
    """
    n, m = check_integer("n", n, low=1), check_integer("m", m, low=1)
    return (2 * np.arange(n, dtype=np.int64) + 1) * m // (2 * n)


def dtw_matches(x: ArrayLike, y: ArrayLike) -> NDArray[np.int64]:
    """Match the frames of two videos by dynamic time warping of their features.

    Parameters
    ----------
    x : array-like of shape (N, D)
        Features of one video. Each feature is standardised within its video to mean
        zero and standard deviation one; constant features become zero.
    y : array-like of shape (M, D)
        Features of the other video.

    Returns
    -------
    ndarray of int64, shape (N,)
        For each frame of x, the frame of y that the warping path pairs it with; if
        there are several, the nearest one. The path minimises the sum of Euclidean
        distances.

    See Also
    --------
    linear_warp : The simpler baseline.
    label_agreement : Score the matches.

    References
    ----------
    .. [1] H. Sakoe and S. Chiba, "Dynamic programming algorithm optimization for spoken
       word recognition", IEEE Transactions on Acoustics, Speech, and Signal Processing
       26, 1978.

    Examples
    --------
    >>> import numpy as np
    >>> from skvas.metrics import dtw_matches
    >>> x = np.array([[0.0], [0.0], [1.0], [3.0]])
    >>> dtw_matches(x, x[1:])
    array([0, 0, 1, 2])
    """
    a, b = check_videos([x, y])
    cost = euclidean_distances(_z_scores(a), _z_scores(b))
    return path_to_matches(monotone_path(cost), cost)[0]


def _z_scores(video: NDArray[Any]) -> NDArray[np.float64]:
    peak = np.abs(video).max(axis=0)
    scaled = over_power_of_two(video.astype(float), peak)
    centred = scaled - scaled.mean(axis=0)
    scale = centred.std(axis=0)
    # The rounding error of a constant feature is not a signal.
    noise = 10 * np.finfo(video.dtype).eps * np.abs(scaled).max(axis=0)
    return np.where(scale > noise, centred, 0) / np.where(scale > noise, scale, 1)
