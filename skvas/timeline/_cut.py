"""From the frames that pass each position to actions on the positions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

from skvas.decoding import cheapest_labels
from skvas.metrics import mof
from skvas.timeline._segments import (
    LEAST_VARIANCE,
    Statistics,
    best_segments,
    contiguous_losses,
    segment_losses,
)
from skvas.timeline._signals import standardised

# Short segments that an action is put together from, on average, and equal parts of the
# timeline that they are made of: later, actions may change at any position.
PIECES, PARTS = 3, 150
# Prices of another segment where actions may come back, as shares of what the next one
# would explain: where it is asked whether they do, and once it is known.
PRICE, LOW_PRICE = 0.75, 0.3
# Rounds in which actions and their positions are estimated in turn, at most.
N_ROUNDS = 20
# Draws of videos that vote on the actions.
N_DRAWS = 16
# Actions come back where they then explain other videos better by this share, and where
# one of them has so many segments.
CLEARLY, OFTEN = 0.15, 4
# Contiguous actions are those of likelihood where so many more frames have the action
# that was found without an order.
MORE_AGREE = 0.1
# Two cuts agree on a boundary up to this share of the timeline.
TOLERANCE = 0.02


@dataclass(frozen=True)
class Cut:
    """Actions of the positions of a timeline.

    Attributes
    ----------
    actions : int64 ndarray of shape (n_positions,)
        The action of each position, numbered as they first occur.
    shares : float64 ndarray of shape (n_positions, n_actions)
        How often draws of the videos agree with each action; rows sum to 1.
    recurring : bool
        Whether an action was allowed to come back in most draws.
    boundaries : int64 ndarray of shape (n_boundaries,)
        First position of every segment but the first.
    confidence : float64 ndarray of shape (n_boundaries,)
        Share of the draws that have a boundary within 2 % of the timeline.
    """

    actions: np.ndarray
    shares: np.ndarray
    recurring: bool
    boundaries: np.ndarray
    confidence: np.ndarray


class Passing:
    """The frames of all videos at each position, ready to be drawn from.

    Parameters
    ----------
    signals : ndarray of shape (n_videos, n_positions, d)
        Features of the frame with which each video passes each position. Features
        that do not vary are left out; all others are scaled to unit variance.
    blur : float, default=0.0
        Standard deviation, in positions, of the Gaussian that features were smoothed
        by.
    """

    def __init__(self, signals: np.ndarray, blur: float = 0.0) -> None:
        self.blur = blur
        scaled = standardised(signals)
        self.n_videos, self.n_positions, self.n_features = scaled.shape
        self._first = scaled.reshape(self.n_videos, -1)
        self._second = self._first**2

    def draw(self, rng: np.random.RandomState) -> np.ndarray:
        """Draw as many videos as there are, and return how often each was drawn."""
        videos = rng.randint(self.n_videos, size=self.n_videos)
        return np.bincount(videos, minlength=self.n_videos)

    def statistics(self, weights: np.ndarray | None = None) -> Statistics:
        """Average over videos with weights, all the same where there are none."""
        if weights is None:
            weights = np.ones(self.n_videos)
        weights = (weights / weights.sum()).astype(self._first.dtype)
        shape = (self.n_positions, self.n_features)
        mean, square = weights @ self._first, weights @ self._second
        means, squares = (x.reshape(shape).astype(float) for x in (mean, square))
        return Statistics(means, squares, self.blur)


def cut(
    signals: np.ndarray,
    n_actions: int,
    rng: np.random.RandomState,
    *,
    n_whitened: int | None = None,
    recurring: bool | None = None,
    n_draws: int = N_DRAWS,
    blur: float = 0.0,
    judged_by: np.ndarray | None = None,
    planned: Callable[[], Sequence[np.ndarray]] | None = None,
) -> Cut:
    """Cut a timeline into actions on which draws of the videos agree.

    Each draw takes videos with replacement and gives two cuts: the contiguous segments
    of least squares, one an action, and one in which actions may come back, by
    likelihood. The second depends on where it starts, so that each draw then takes the
    likeliest of those that the starts of all draws lead to. Positions are joined by how
    often they are of one action. A draw votes by its second cut if that shows that
    actions come back, and by its first one if not.

    Squares of means take bursts that come at other moments in each video for steps;
    likelihood, which weighs by how much videos differ, misses steps at which they do,
    and cuts movements. Actions that were found without an order, in each video by
    itself, tell which: the first cuts are those of likelihood where they agree with
    these clearly better, and actions are no movements.

    Parameters
    ----------
    signals : ndarray of shape (n_videos, n_positions, d)
        Features of the frame with which each video passes each position.
    n_actions : int
        Number of actions, at most the number of positions.
    rng : RandomState
        Draws the videos.
    n_whitened : int, default=None
        How many of the features, the first ones, are whitened features of the frames:
        contiguous segments are found on these alone. None: all.
    recurring : bool, default=None
        Whether an action may come back. None: in the draws that show that they do.
    n_draws : int, default=16
        Number of draws.
    blur : float, default=0.0
        Standard deviation, in positions, of the Gaussian that whitened features were
        smoothed by.
    judged_by : ndarray of shape (n_videos, n_positions, d'), default=None
        Features by which draws show whether actions come back. None: `signals`.
    planned : callable, default=None
        Returns the actions that the videos have at each position if they are found
        without an order, int arrays of shape (n_positions,), -1 where a video does not
        pass. None: nothing is known, and contiguous actions are those of least squares.

    Returns
    -------
    Cut
    """
    passing = Passing(signals)
    plain = Passing(signals[..., :n_whitened], blur)
    judging = passing
    if recurring is None and judged_by is not None:
        judging = Passing(judged_by)
    n_positions = passing.n_positions
    if n_actions == 1 or passing.n_features == 0 or n_positions <= n_actions:
        return _trivial(n_positions, n_actions)
    once, likely, often = [], [], []
    came_back = np.full(n_draws, bool(recurring))
    for i in range(n_draws):
        counts = passing.draw(rng)
        contiguous, are_movements = cut_once(plain.statistics(counts), n_actions)
        once.append(contiguous)
        often.append(cut_often(passing.statistics(counts), n_actions))
        likely.append(contiguous if are_movements else often[-1].contiguous)
        if recurring is None:
            shown = often[-1]
            if judging is not passing:
                shown = cut_often(judging.statistics(counts), n_actions)
            rest = counts == 0
            # A draw of few videos may have left out none.
            others = judging.statistics(rest if rest.any() else counts)
            came_back[i] = comes_back(shown, others)
    drawn = np.array(once)
    if planned is not None and not came_back.all():
        drawn = _as_planned(drawn, np.array(likely), plain, n_actions, planned)
    if came_back.any():
        mixed = list(zip(often, came_back, strict=True))
        back = [draw for draw, is_back in mixed if is_back]
        rest = [draw for draw, is_back in mixed if not is_back]
        drawn[came_back] = likeliest(back, n_actions, rest)
    return _agree(drawn, n_actions, bool(came_back.mean() > 0.5))


def cut_once(statistics: Statistics, n_actions: int) -> tuple[np.ndarray, bool]:
    """Cut the mean of some videos into contiguous actions by least squares.

    Squares are those about a mean of each action, or about a line: see
    `contiguous_losses`.

    Parameters
    ----------
    statistics : Statistics
        Of the features at each position.
    n_actions : int
        Number of actions.

    Returns
    -------
    actions : int64 ndarray of shape (n_positions,)
        Actions of the positions.
    are_movements : bool
        Whether squares are those about lines.
    """
    losses, are_movements, _ = contiguous_losses(statistics, n_actions)
    cuts, _ = best_segments(losses, n_actions)
    return cuts[-1], are_movements


@dataclass(frozen=True)
class Draw:
    """Actions of some videos that may come back.

    Attributes
    ----------
    statistics : Statistics
        Of the features at each position.
    actions : int64 ndarray of shape (n_positions,)
        Actions of the positions.
    contiguous : int64 ndarray of shape (n_positions,)
        As many actions that do not come back, by the same likelihood.
    gain : float
        What one segment more than the actions were put together from would explain.
    """

    statistics: Statistics
    actions: np.ndarray
    contiguous: np.ndarray
    gain: float


def cut_often(statistics: Statistics, n_actions: int) -> Draw:
    """Cut the mean of some videos into actions that may come back.

    Parameters
    ----------
    statistics : Statistics
        Of the features at each position.
    n_actions : int
        Number of actions.

    Returns
    -------
    Draw
    """
    n_pieces = min(PIECES * n_actions, len(statistics) - 1)
    n_parts = min(max(PARTS, n_pieces + 1), len(statistics))
    edges = np.linspace(0, len(statistics), n_parts + 1).round().astype(np.int64)
    cuts, losses = best_segments(segment_losses(statistics, edges), n_pieces + 1)
    gain = float(losses[n_pieces - 1] - losses[n_pieces])
    rows = cuts[[n_pieces - 1, n_actions - 1]]
    pieces, contiguous = rows.repeat(np.diff(edges), axis=1)
    actions = merge_segments(statistics, pieces, n_actions)
    actions, _ = _settle(statistics, actions, n_actions, PRICE * gain)
    return Draw(statistics, actions, contiguous, gain)


def likeliest(
    draws: Sequence[Draw], n_actions: int, others: Sequence[Draw] = ()
) -> np.ndarray:
    """Let each draw take the likeliest actions that those of any draw lead to.

    Parameters
    ----------
    draws : sequence of Draw
        What was found from different videos.
    n_actions : int
        Number of actions.
    others : sequence of Draw, default=()
        Draws that lead to actions as well, and take none.

    Returns
    -------
    int64 ndarray of shape (n_draws, n_positions)
    """
    started = [_in_order(draw.actions) for draw in (*draws, *others)]
    starts = np.unique(started, axis=0)
    chosen = []
    for draw in draws:
        price = LOW_PRICE * draw.gain
        found = [_settle(draw.statistics, start, n_actions, price) for start in starts]
        chosen.append(found[int(np.argmin([loss for _, loss in found]))][0])
    return np.array(chosen)


def merge_segments(
    statistics: Statistics, segments: np.ndarray, n_actions: int
) -> np.ndarray:
    """Join segments, neighbours or not, to actions at the least loss of each step.

    Parameters
    ----------
    statistics : Statistics
        Of the features at each position.
    segments : int64 ndarray of shape (n_positions,)
        The segment of each position, 0 to n_segments - 1.
    n_actions : int
        Number of actions.

    Returns
    -------
    int64 ndarray of shape (n_positions,)
        Actions 0 to n_actions - 1.
    """
    action_of = left = np.arange(segments.max() + 1)
    members = np.eye(len(action_of))[segments]  # (n_positions, n_segments)
    sums = np.stack([members.T @ statistics.mean, members.T @ statistics.square])
    length = members.sum(axis=0)
    own = _losses(sums, length)
    joint = _losses(sums[:, :, None] + sums[:, None], length[:, None] + length)
    rise = joint - own[:, None] - own
    rise[np.tril_indices(len(length))] = np.inf
    for _ in range(len(length) - n_actions):
        a, b = np.unravel_index(rise.argmin(), rise.shape)
        sums[:, a] += sums[:, b]
        length[a] += length[b]
        own[a] = joint[a, b]
        action_of = np.where(action_of == b, a, action_of)
        rise[b] = rise[:, b] = np.inf
        left = left[left != b]
        others = left[left != a]
        pairs = np.minimum(a, others), np.maximum(a, others)
        joint[pairs] = _losses(
            sums[:, [a]] + sums[:, others], length[a] + length[others]
        )
        rise[pairs] = joint[pairs] - own[pairs[0]] - own[pairs[1]]
    _, action_of = np.unique(action_of, return_inverse=True)
    return action_of[segments]


def held_out_losses(
    fitted: Statistics, rest: Statistics, cuts: np.ndarray
) -> np.ndarray:
    """Return the loss of cuts on other videos than those that they were made on.

    Parameters
    ----------
    fitted, rest : Statistics
        Of the videos that each segment's Gaussian is fitted to, and of the others.
    cuts : int64 ndarray of shape (n_cuts, n_positions)
        The segment of each position.

    Returns
    -------
    ndarray of shape (n_cuts,)
    """
    positions = np.arange(cuts.shape[1])
    losses = [
        Gaussians.of(fitted, cut, cut.max() + 1).losses(rest)[positions, cut].sum()
        for cut in cuts
    ]
    return np.array(losses)


def comes_back(draw: Draw, others: Statistics) -> bool:
    """Tell whether a draw shows that actions come back.

    That is so where a pair of neighbouring actions occurs twice in the same order, and
    where one action occurs four times, as rest between the others does. An action that
    occurs a second or third time may as well be another one that looks alike: it comes
    back where other videos are explained clearly better so. Explained is what the loss
    falls by from that of a single action. Where actions only look alike, contiguous
    ones explain as much.

    Parameters
    ----------
    draw : Draw
        The actions of some videos.
    others : Statistics
        Of videos that were not drawn.

    Returns
    -------
    bool
    """
    actions = draw.actions
    order = actions[np.r_[True, actions[1:] != actions[:-1]]]
    pairs = np.column_stack([order[:-1], order[1:]])
    if len(np.unique(pairs, axis=0)) < len(pairs) or np.bincount(order).max() >= OFTEN:
        return True
    cuts = np.array([np.zeros_like(actions), draw.contiguous, actions])
    single, once, often = held_out_losses(draw.statistics, others, cuts)
    return bool(0 < CLEARLY * (single - often) < once - often)


def _as_planned(
    drawn: np.ndarray,
    likely: np.ndarray,
    plain: Passing,
    n_actions: int,
    planned: Callable[[], Sequence[np.ndarray]],
) -> np.ndarray:
    """Choose between contiguous actions of draws, (n_draws, n_positions), by plans."""
    cuts = [_agree(each, n_actions, False).actions for each in (drawn, likely)]
    if mof(*cuts) > 1 - MORE_AGREE:
        return drawn
    if contiguous_losses(plain.statistics(), n_actions).have_courses:
        return drawn
    labels = planned()
    by_squares, by_likelihood = (
        mof(labels, [actions] * len(labels), background=-1) for actions in cuts
    )
    return likely if by_likelihood >= by_squares + MORE_AGREE else drawn


def _losses(sums: np.ndarray, length: np.ndarray) -> np.ndarray:
    """Return the loss of groups of positions from sums of means and mean squares."""
    first, second = sums / length[..., None]
    variance = np.maximum(second - first**2, 0) + LEAST_VARIANCE
    loss: np.ndarray = length * np.log(variance).sum(axis=-1)
    return loss


def _settle(
    statistics: Statistics, actions: np.ndarray, n_actions: int, price: float
) -> tuple[np.ndarray, float]:
    """Estimate actions and their positions in turn; return these and their loss."""
    positions = np.arange(len(actions))
    for _ in range(N_ROUNDS):
        losses = Gaussians.of(statistics, actions, n_actions).losses(statistics)
        new = cheapest_labels(losses, price)
        if (new == actions).all():
            break
        actions = new
    n_changes = np.count_nonzero(actions[1:] != actions[:-1])
    return actions, float(losses[positions, actions].sum() + price * n_changes)


def _in_order(actions: np.ndarray) -> np.ndarray:
    """Return actions numbered as they first occur."""
    _, first, numbers = np.unique(actions, return_index=True, return_inverse=True)
    ordered: np.ndarray = np.argsort(np.argsort(first))[numbers]
    return ordered


@dataclass(frozen=True)
class Gaussians:
    """Mean and variance of each action, both (n_actions, d), and which have frames."""

    mean: np.ndarray
    variance: np.ndarray
    is_used: np.ndarray

    @classmethod
    def of(
        cls, statistics: Statistics, actions: np.ndarray, n_actions: int
    ) -> Gaussians:
        """Fit one Gaussian an action."""
        members = np.eye(n_actions)[actions]  # (n_positions, n_actions)
        length = np.maximum(members.sum(axis=0), 1)[:, None]
        mean = members.T @ statistics.mean / length
        square = members.T @ statistics.square / length
        variance = np.maximum(square - mean**2, 0) + LEAST_VARIANCE
        return cls(mean, variance, members.any(axis=0))

    def losses(self, statistics: Statistics) -> np.ndarray:
        """Return the loss of each position under each action, (n_positions, K)."""
        precision = 1 / self.variance
        losses: np.ndarray = statistics.square @ precision.T
        losses -= 2 * statistics.mean @ (self.mean * precision).T
        losses += (self.mean**2 * precision + np.log(self.variance)).sum(axis=1)
        losses[:, ~self.is_used] = np.inf
        return losses


def _trivial(n_positions: int, n_actions: int) -> Cut:
    """Cut positions that don't differ, or are too few to ask, into equal parts."""
    actions = np.arange(n_positions) * n_actions // n_positions
    _, actions = np.unique(actions, return_inverse=True)
    boundaries = np.flatnonzero(np.diff(actions)) + 1
    shares = np.eye(n_actions)[actions]
    return Cut(actions, shares, False, boundaries, np.ones(len(boundaries)))


def _agree(drawn: np.ndarray, n_actions: int, recurring: bool) -> Cut:
    """Join positions by how often the draws, (n_draws, n_positions), join them."""
    together = np.mean(drawn[:, :, None] == drawn[:, None], axis=0)
    apart = squareform(1 - together, checks=False)
    n_groups = min(n_actions, len(np.unique(drawn, axis=1).T))
    actions = _in_order(clusters(linkage(apart, "average"), n_groups))
    members = np.eye(n_actions)[actions]
    shares = together @ members / np.maximum(members.sum(axis=0), 1)
    shares /= shares.sum(axis=1, keepdims=True)
    boundaries = np.flatnonzero(np.diff(actions)) + 1
    confidence = _found_again(boundaries, drawn)
    return Cut(actions, shares, recurring, boundaries, confidence)


def clusters(merges: np.ndarray, n_clusters: int) -> np.ndarray:
    """Cut a tree of clusters into exactly so many.

    Merges count in their order: by their heights, all of one height would be done, or
    none.

    Parameters
    ----------
    merges : ndarray of shape (n - 1, 4)
        Each step that makes one cluster of two, as scipy has it.
    n_clusters : int
        At most n.

    Returns
    -------
    int32 ndarray of shape (n,)
        The cluster of each, 1 to n_clusters.
    """
    numbered = merges.copy()
    numbered[:, 2] = np.arange(1, len(merges) + 1)
    found: np.ndarray = fcluster(numbered, len(merges) + 1 - n_clusters, "distance")
    return found


def _found_again(boundaries: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """Return the share of the draws with a boundary near each of ours."""
    radius = max(1, round(TOLERANCE * drawn.shape[1]))
    changes = np.pad(np.diff(drawn, axis=1) != 0, ((0, 0), (1, 0)))
    near = [
        changes[:, max(b - radius, 0) : b + radius + 1].any(axis=1).mean()
        for b in boundaries
    ]
    return np.array(near)
