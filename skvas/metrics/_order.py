"""Whether videos share an order, judged without labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.utils.random import sample_without_replacement

from skvas.decoding import monotone_path
from skvas.validation import check_integer, check_random_state, check_videos

# Frames whose lengths differ from 1 by less are left as they are, bit for bit.
UNIT_TOLERANCE = 1e-4
# With fewer pairs (four videos have twelve) or shorter videos the test tells little:
# of three videos without a shared order, up to half pass it.
MIN_PAIRS, MIN_FRAMES = 12, 60
# Pairs that may be listed to draw some of them.
LISTED = 1 << 16
# Room between two costs below which frames can't be told apart.
NO_ROOM = 1e-9
# Values of sets that share an order, where the test tells; where it does not.
CLEAR, CLEAR_OF_FEW = 0.2, 0.5


@dataclass(frozen=True)
class SharedOrder:
    """How much better videos match forwards than backwards.

    Attributes
    ----------
    value : float
        Mean over pairs of videos. It is 1 if the monotone path costs as little as
        nearest neighbours, and 0 if it costs as much as the path through the reversed
        video.
    error : float
        Standard error of the mean as if pairs were independent; infinite for a single
        pair. Pairs share videos: means of four to ten videos vary 1.2 to 1.8 times as
        much from collection to collection.
    n_pairs : int
        Number of pairs of videos.
    n_frames : int, default=60
        Frames of the median video.

    Examples
    --------
    >>> from skvas.metrics import SharedOrder
    >>> SharedOrder(0.5, 0.1, 20).is_shared
    True
    >>> SharedOrder(0.02, 0.05, 42, 30).verdict, SharedOrder(0.02, 0.05, 30).verdict
    ('undecided', 'no')
    """

    value: float
    error: float
    n_pairs: int
    n_frames: int = MIN_FRAMES

    @property
    def is_shared(self) -> bool:
        """Whether the value is above 0 by more than two standard errors."""
        return self.value > 2 * self.error

    @property
    def verdict(self) -> str:
        """Whether the videos share an order: "yes", "no" or "undecided".

        It is undecided for fewer than four videos and for videos of fewer than 60
        frames, unless the value is very clear; and where the value may be both 0 and
        that of videos with an order. Matches are then monotone, unless you say
        otherwise.
        """
        tells = self.n_pairs >= MIN_PAIRS and self.n_frames >= MIN_FRAMES
        if self.is_shared and self.value >= (CLEAR if tells else CLEAR_OF_FEW):
            return "yes"
        is_absent = not self.is_shared and self.value + self.error < CLEAR
        return "no" if tells and is_absent else "undecided"


def shared_order(
    embeddings: Sequence[np.ndarray] | np.ndarray,
    *,
    n_pairs: int = 30,
    n_frames: int = 200,
    random_state: int | np.random.RandomState | None = None,
) -> SharedOrder:
    r"""Test whether the actions of videos come in one order.

    The cost between frames is the cosine cost, so that the scale of the embeddings
    does not matter. For each pair of videos x and y three mean costs are computed over
    the frames of x: :math:`m` along the cheapest monotone path through y, :math:`r`
    along the cheapest monotone path through y reversed in time, and :math:`n` for
    nearest neighbours. The value of the pair is :math:`(r - m) / (r - n)`.

    Parameters
    ----------
    embeddings : sequence of ndarray of shape (n_i, D)
        Embeddings of at least two videos. Frames are scaled to unit length; frames of
        zeros stay zero.
    n_pairs : int, default=30
        Maximum number of ordered pairs, drawn at random.
    n_frames : int, default=200
        Maximum number of frames used of each video, evenly spaced.
    random_state : int, RandomState or None, default=None
        Draws the pairs.

    Returns
    -------
    SharedOrder
        The mean over pairs and its standard error.

    Raises
    ------
    ValueError
        If there are fewer than two videos.

    Examples
    --------
    >>> import numpy as np
    >>> from skvas.metrics import shared_order
    >>> angles = np.linspace(0, 3, 50)
    >>> video = np.column_stack([np.cos(angles), np.sin(angles)])
    >>> shared_order([video, video[::2], video[::3]], random_state=0).is_shared
    True
    """
    check_integer("n_pairs", n_pairs, low=1)
    check_integer("n_frames", n_frames, low=2)
    videos = check_videos(embeddings)
    if len(videos) < 2:
        raise ValueError("shared_order needs at least two videos, got one.")
    pairs = draw_pairs(len(videos), n_pairs, check_random_state(random_state))
    thin = {
        i: _to_unit_length(videos[i][:: -(-len(videos[i]) // n_frames)])
        for i in np.unique(pairs)
    }
    values = [_gain_of_order(1 - thin[i] @ thin[j].T) for i, j in pairs]
    spread = np.std(values, ddof=1) if len(values) > 1 else np.inf
    error = float(spread / np.sqrt(len(values)))
    n_median = int(np.median([len(video) for video in videos]))
    return SharedOrder(float(np.mean(values)), error, len(values), n_median)


def draw_pairs(n_videos: int, n_pairs: int, rng: np.random.RandomState) -> np.ndarray:
    """Draw ordered pairs of different videos, each pair once.

    Parameters
    ----------
    n_videos : int
        At least two.
    n_pairs : int
        How many; all pairs if there are fewer.
    rng : RandomState
        Draws them.

    Returns
    -------
    int64 ndarray of shape (n_pairs, 2)
    """
    n_all = n_videos * (n_videos - 1)
    n_pairs = min(n_pairs, n_all)
    if n_all <= LISTED:
        drawn = rng.choice(n_all, size=n_pairs, replace=False)
    else:
        drawn = sample_without_replacement(n_all, n_pairs, random_state=rng)
    i, shift = np.divmod(drawn.astype(np.int64), n_videos - 1)
    return np.column_stack([i, (i + 1 + shift) % n_videos])


def may_be_shared(order: SharedOrder | None) -> bool:
    """Return whether matches keep the order of time where nobody says otherwise.

    Parameters
    ----------
    order : SharedOrder or None
        How far videos share an order; None for a lone one.

    Returns
    -------
    bool
    """
    return order is None or order.verdict != "no"


def _to_unit_length(video: np.ndarray) -> np.ndarray:
    """Scale frames to unit length, except zeros and frames that have it already."""
    largest = np.abs(video).max(axis=1, keepdims=True)
    # Divided first: squares of very large and small numbers leave the type's range.
    scaled = video / np.where(largest > 0, largest, 1)
    lengths = np.linalg.norm(scaled, axis=1, keepdims=True)  # 0, or at least 1
    with np.errstate(over="ignore"):
        is_unit = np.abs(largest * lengths - 1) <= UNIT_TOLERANCE
    is_kept = is_unit | (largest == 0)
    return np.where(is_kept, video, scaled / np.where(is_kept, 1, lengths))


def _gain_of_order(cost: np.ndarray) -> float:
    forwards, backwards = path_cost(cost), path_cost(cost[:, ::-1])
    free = cost.min(axis=1).mean()
    room = backwards - free
    # If all frames are alike, there is no evidence for an order.
    return float((backwards - forwards) / room) if room > NO_ROOM else 0.0


def path_cost(cost: np.ndarray) -> float:
    """Return the mean over the rows of the least cost on their part of the path.

    Parameters
    ----------
    cost : ndarray of shape (N, M)
        Cost of matching frames of two sides.

    Returns
    -------
    float
    """
    rows, columns = monotone_path(cost).T
    starts = np.searchsorted(rows, np.arange(len(cost)))
    return float(np.minimum.reduceat(cost[rows, columns], starts).mean())
