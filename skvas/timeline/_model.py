"""A timeline and its actions, built from frames that were prepared elsewhere."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from skvas._on_demand import choose, each, keep_of, lengths_of
from skvas._typing import Self
from skvas.exceptions import DegenerateFramesWarning, InvalidParameterError
from skvas.preprocessing import WhitenedViews
from skvas.preprocessing._standardizer import standardise_within
from skvas.timeline._alignability import alignability
from skvas.timeline._average import frames_at
from skvas.timeline._carry import Piece, carried
from skvas.timeline._count import Count, count_actions
from skvas.timeline._cut import N_DRAWS, TOLERANCE, Cut, cut
from skvas.timeline._order import BlockOrder, block_order
from skvas.timeline._partial import allow_parts
from skvas.timeline._paths import Passage
from skvas.timeline._principal import is_wide
from skvas.timeline._signals import principal_components
from skvas.timeline._states import BYTES_A_CELL, position_posteriors, shared_posteriors
from skvas.timeline._template import Template, build_template
from skvas.videos._frames import frame_blocks, spread, unit

# Positions that distributions are over, and videos that actions are found from, at
# most.
MOMENTS, VOTERS = 300, 256
# Frames whose distributions are made of shared ones at a time, at least.
FEWEST_AT_ONCE = 256
# Components of motion that tell where actions come back, and videos that they are
# learned from, at most.
MOTION_COMPONENTS, MOVERS = 12, 32


@dataclass(frozen=True)
class Axis:
    """The axis of videos that share a timeline, and where each of them passes.

    Attributes
    ----------
    template : Template
        The axis, and where each video passes.
    moments : int64 ndarray of shape (n_moments,)
        The positions that distributions are over: all, or some 300 of them.
    order : BlockOrder or None
        Whether the videos share an order; None for a lone video.
    limit : float
        Bytes that the work on one video may take.
    """

    template: Template
    moments: np.ndarray
    order: BlockOrder | None
    limit: float

    def finer(self, n_moments: int) -> Self:
        """Return the same, with distributions over so many positions, or all of them.

        Over as many as there are, if these are no fewer.
        """
        if n_moments <= len(self.moments):
            return self
        moments = spread(len(self.template.frames), n_moments)
        return replace(self, moments=moments)

    def follow(self, frames: np.ndarray) -> Passage:
        """Match a video's unit frames with the template."""
        return self.template.follow(self.template.view(frames), limit=self.limit)

    def with_strangers(
        self, frames: Sequence[np.ndarray], where: Sequence[int]
    ) -> Self:
        """Put videos that had no say on the axis, which only have positions there.

        `where`: their positions among all videos, ascending.
        """
        template = self.template
        views = each(template.view, frames)
        passed = [template.follow(view, limit=self.limit) for view in views]
        parts = [passage.part for passage in passed]
        saved = alignability(views, template.frames, parts)
        passages = [*template.passages]
        shares, related = template.alignability.tolist(), template.is_related.tolist()
        for index, passage, share in zip(where, passed, saved, strict=True):
            passages.insert(index, passage)
            shares.insert(index, share)
            related.insert(index, False)
        every = replace(
            template,
            passages=passages,
            alignability=np.array(shares),
            is_related=np.array(related),
        )
        return replace(self, template=every)

    def of(self, videos: Sequence[int] | np.ndarray) -> Self:
        """Return the same with the passages of some of the videos alone."""
        template = self.template
        few = replace(
            template,
            passages=[template.passages[index] for index in videos],
            alignability=template.alignability[videos],
            is_related=template.is_related[videos],
        )
        return replace(self, template=few)

    def posteriors(self, frames: np.ndarray, n_blocks: int | None = None) -> np.ndarray:
        """Give each frame a distribution over the moments, (n_frames, n_moments).

        `n_blocks`: the number of runs of neighbouring frames that share one, at most.
        """
        view = self.template.view(frames)
        passed, limit = self._moments_passed(view), self.limit
        template = self.template.frames[self.moments[passed]]
        if n_blocks is not None:
            limit = min(limit, n_blocks * BYTES_A_CELL * len(template))
        return self._widen(position_posteriors(view, template, limit=limit), passed)

    def each_posterior(self, frames: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
        """Yield frames, and what `posteriors` returns of them, as many as fit.

        All at once, unless frames share distributions.
        """
        view = self.template.view(frames)
        passed = self._moments_passed(view)
        template = self.template.frames[self.moments[passed]]
        shared, row_of = shared_posteriors(view, template, limit=self.limit)
        shared = self._widen(shared, passed)
        if row_of is None:
            yield slice(len(frames)), shared
            return
        n_at_once = max(len(shared), FEWEST_AT_ONCE)
        for start in range(0, len(frames), n_at_once):
            rows = slice(start, start + n_at_once)
            yield rows, shared[row_of[rows]]

    def _moments_passed(self, view: np.ndarray) -> slice:
        """Return the moments that a video passes."""
        part = self.template.part_of(view)
        if part is None:
            return slice(None)
        start, stop = np.searchsorted(self.moments, part)
        return slice(min(start, len(self.moments) - 1), max(stop, start + 1))

    def _widen(self, shares: np.ndarray, passed: slice) -> np.ndarray:
        """Return distributions over some moments as such over all of them."""
        if shares.shape[1] == len(self.moments):
            return shares
        wide = np.zeros((len(shares), len(self.moments)), dtype=shares.dtype)
        wide[:, passed] = shares
        return wide

    def expect(self, frames: np.ndarray, at_moments: np.ndarray) -> np.ndarray:
        """Return what frames have of something that moments have, (n_frames, d)."""
        return np.concatenate([p @ at_moments for _, p in self.each_posterior(frames)])

    def carry(
        self,
        labelled: Sequence[np.ndarray],
        labels: Sequence[np.ndarray],
        n_labels: int,
    ) -> np.ndarray:
        """Give the moments labels of some videos, (n_moments, n_labels).

        Labels run from 0 to n_labels - 1, with -1 for frames that have none.
        """
        template = self.template.frames[self.moments]

        def pieces(frames: np.ndarray, codes: np.ndarray) -> Iterator[Piece]:
            view = self.template.view(frames)
            for rows, posterior in self.each_posterior(frames):
                yield posterior, 1 - view[rows] @ template.T, codes[rows]

        return carried(map(pieces, labelled, labels), n_labels)


@dataclass(frozen=True)
class TimelineModel(Axis):
    """An axis and the actions on it.

    Attributes
    ----------
    template, moments, order, limit
        As in `Axis`.
    cut : Cut
        The actions of the moments.
    count : Count
        Number of actions and its range.
    """

    cut: Cut
    count: Count

    def finer(self, n_moments: int) -> Self:
        """Do so. Each position has the action of the nearest one that had any."""
        found = super().finer(n_moments)
        if found is self:
            return self
        nearest = self._nearest_moments(found.moments)
        actions, shares = self.cut.actions[nearest], self.cut.shares[nearest]
        boundaries = 1 + np.flatnonzero(np.diff(actions))
        cut = replace(self.cut, actions=actions, shares=shares, boundaries=boundaries)
        return replace(found, cut=cut)

    @property
    def labels(self) -> list[np.ndarray]:
        """The action of each frame of the videos that were put on the axis."""
        return [self.actions(passed.positions) for passed in self.template.passages]

    @property
    def changes(self) -> np.ndarray:
        """The positions where one action ends and the next begins, (n_boundaries,)."""
        starts = self.cut.boundaries
        middles: np.ndarray = (self.moments[starts - 1] + self.moments[starts]) / 2
        return middles

    def actions(self, positions: np.ndarray) -> np.ndarray:
        """Return the actions at (fractional) positions of the template."""
        return self.cut.actions[self._nearest_moments(positions)]

    def _nearest_moments(self, positions: np.ndarray) -> np.ndarray:
        """Return the numbers of the moments nearest to positions of the template."""
        numbers = np.arange(len(self.moments))
        return frames_at(numbers, np.interp(positions, self.moments, numbers))

    def action_shares(self, frames: np.ndarray) -> np.ndarray:
        """Give each frame a distribution over the actions, (n_frames, n_actions)."""
        return self.expect(frames, self.cut.shares)

    def boundaries(self, frames: np.ndarray) -> np.ndarray:
        """Return the first frame after each boundary and its confidence, (n, 2).

        The confidence is that of the cut times the probability that the video passes
        the boundary within 2 % of its frames.
        """
        starts = self.cut.boundaries
        nearest = self._nearest_moments(self.follow(frames).positions)
        first = np.searchsorted(nearest, starts)
        last = len(frames) - 1
        radius = max(1, round(TOLERANCE * len(frames)))
        before = np.concatenate(
            [p.cumsum(axis=1)[:, starts - 1] for _, p in self.each_posterior(frames)]
        )
        early, late = np.maximum(first - radius, 0), np.minimum(first + radius, last)
        boundary = np.arange(len(starts))
        passed = before[early, boundary] - before[late, boundary]
        confidence = self.cut.confidence * np.clip(passed, 0, 1)
        return np.column_stack([np.minimum(first, last).astype(float), confidence])


def build_axis(
    frames: Sequence[np.ndarray],
    whitened: Sequence[np.ndarray],
    *,
    limit: float = 1e9,
    order: BlockOrder | None = None,
    n_moments: int = MOMENTS,
) -> Axis:
    """Put prepared videos on one axis.

    Parameters
    ----------
    frames : sequence of ndarray of shape (n_i, D)
        Unit frames for paths: the embedding next to the features of the frame
        itself, standardised within the video and not smoothed. Smoothed features make
        positions less precise.
    whitened : sequence of ndarray of shape (n_i, d)
        Whitened features, which tell whether videos share an order.
    limit : float, default=1e9
        Bytes that the work on one video may take.
    order : BlockOrder, default=None
        Whether the videos share an order, where that is known already.
    n_moments : int, default=300
        Positions that distributions are over, at most.

    Returns
    -------
    Axis
    """
    if order is None:
        order = find_order(whitened)
    template = build_template(frames, limit=limit)
    if has_order(order):
        template = allow_parts(template, frames, whitened, limit=limit)
    return Axis(template, spread(len(template.frames), n_moments), order, limit)


def build_timeline(
    frames: Sequence[np.ndarray],
    whitened: Sequence[np.ndarray],
    rng: np.random.RandomState,
    *,
    embedding: Sequence[np.ndarray] | None = None,
    videos: Sequence[np.ndarray] | None = None,
    n_actions: tuple[int, int],
    recurring: bool | None = None,
    n_draws: int = N_DRAWS,
    smoothing: float = 0.0,
    limit: float = 1e9,
    order: BlockOrder | None = None,
    planned: Callable[[np.ndarray], Sequence[np.ndarray]] | None = None,
) -> TimelineModel:
    """Build the timeline of prepared videos, and cut it into actions.

    Parameters
    ----------
    frames : sequence of ndarray of shape (n_i, D)
        Unit frames for paths, as in `build_axis`.
    whitened : sequence of ndarray of shape (n_i, d)
        Whitened features, which tell actions apart.
    rng : RandomState
        Draws videos.
    embedding : sequence of ndarray of shape (n_i, e), default=None
        A trained embedding, which tells actions apart as well.
    videos : sequence of ndarray of shape (n_i, n_features), default=None
        The videos. Their motion tells actions that come back apart as well, where it
        passes the timeline as steadily as whitened features do. None: it does not.
    n_actions : tuple of two int
        Smallest and largest number of actions; equal where the number is known.
    recurring : bool, default=None
        Whether actions may come back. None: as the videos say.
    n_draws : int, default=16
        Draws of videos that vote on the actions.
    smoothing : float, default=0.0
        Standard deviation of the Gaussian that whitened features were smoothed by, as a
        share of the video.
    limit : float, default=1e9
        Bytes that the work on one video may take.
    order : BlockOrder, default=None
        Whether the videos share an order, where that is known already.
    planned : callable, default=None
        Takes positions of videos, and returns actions of their frames that were found
        without an order, int arrays of shape (n_i,). None: nothing is known of these.

    Returns
    -------
    TimelineModel
    """
    low, high = n_actions
    longest = max(lengths_of(frames))
    if low > longest:  # before long work
        raise InvalidParameterError(
            f"n_actions={low} is more than the {longest} frames of the longest video; "
            "give fewer actions."
            if low == high
            else f"The longest video has {longest} frame(s): too few for {low} actions "
            "or more; give n_actions."
        )
    axis = build_axis(
        frames,
        whitened,
        limit=limit,
        order=order,
        n_moments=max(MOMENTS, low),
    )
    n_positions = len(axis.template.frames)
    if low > n_positions:
        raise InvalidParameterError(
            f"n_actions={low} is more than the {n_positions} frames of the median "
            "video, which the timeline has as positions; give fewer actions."
            if low == high
            else f"The timeline has {n_positions} position(s), as many as the median "
            f"video has frames: too few for {low} actions or more; give n_actions."
        )
    plain = _at_moments(whitened, axis)
    signals = judged_by = plain
    if embedding is not None:
        learned = _at_moments(embedding, axis)
        # What it tells several times would lead cuts astray, but tells best whether
        # actions come back.
        signals = _beside(plain, principal_components(learned))
        judged_by = _beside(plain, learned)
    count = Count(low, (low, low))
    if low < high:
        count = count_actions(signals, rng, low=low, high=high)
    if videos is not None and recurring is not False:
        motion = _motion_at_moments(videos, axis)
        if steadiness(motion) >= steadiness(plain):
            signals, judged_by = (_beside(s, motion) for s in (signals, judged_by))
    found = cut(
        signals,
        count.n_actions,
        rng,
        n_whitened=plain.shape[2],
        recurring=recurring,
        n_draws=n_draws,
        blur=smoothing * len(axis.moments),
        judged_by=None if embedding is None else judged_by,
        planned=None if planned is None else partial(_labels_passing, planned, axis),
    )
    return TimelineModel(**vars(axis), cut=found, count=count)


def count_on_timeline(
    embedded: Sequence[np.ndarray],
    whitened: Sequence[np.ndarray],
    n_actions: tuple[int, int],
) -> Count | None:
    """Estimate the number of actions of videos that share an order.

    Parameters
    ----------
    embedded : sequence of ndarray of shape (n_i, e)
        Unit frames.
    whitened : sequence of ndarray of shape (n_i, d)
        Whitened features.
    n_actions : tuple of two int
        Smallest and largest number.

    Returns
    -------
    Count or None
        None where videos are not known to share an order.
    """
    order = find_order(whitened)
    if not has_order(order):
        return None
    frames = path_frames(embedded, whitened)
    axis = build_axis(frames, whitened, order=order)
    rng = np.random.RandomState(0)
    low, high = n_actions
    return count_actions(_at_moments(whitened, axis), rng, low=low, high=high)


def find_order(whitened: Sequence[np.ndarray]) -> BlockOrder | None:
    """Measure whether videos share an order; None for a lone video.

    Asked again, it says the same.

    Parameters
    ----------
    whitened : sequence of ndarray of shape (n_i, d)
        Whitened features.

    Returns
    -------
    BlockOrder or None
    """
    if len(whitened) < 2:
        return None
    return block_order(each(unit, whitened), np.random.RandomState(0))


def has_order(order: BlockOrder | None) -> bool:
    """Tell whether videos are known to share an order."""
    return order is not None and order.verdict == "yes"


def may_have_order(order: BlockOrder | None) -> bool:
    """Tell whether videos may share an order, of three or more if it is undecided."""
    if order is None or order.verdict == "no":
        return False
    return order.verdict == "yes" or bool(np.isfinite(order.error))


def path_frames(
    embedded: Sequence[np.ndarray], videos: Sequence[np.ndarray]
) -> Sequence[np.ndarray]:
    """Put the directions of embedded and of raw frames side by side.

    Parameters
    ----------
    embedded : sequence of ndarray of shape (n_i, D)
        Embeddings, or whitened features.
    videos : sequence of ndarray of shape (n_i, n_features)
        The videos.

    Returns
    -------
    sequence of ndarray of shape (n_i, D + n_features)
        Unit frames, for paths.
    """
    if is_wide(embedded[0].shape[1] + videos[0].shape[1]):  # kept once they are narrow
        return each(_path_frames, embedded, videos)
    keep = keep_of(videos)
    pairs = zip(embedded, videos, strict=True)
    return keep(_path_frames(*pair) for pair in pairs)


def _path_frames(embedded: np.ndarray, video: np.ndarray) -> np.ndarray:
    detail = standardise_within(video)
    shape = len(video), embedded.shape[1] + detail.shape[1]
    found = np.empty(shape, np.result_type(embedded, detail))
    for rows in frame_blocks(found):
        found[rows] = unit(np.hstack([unit(embedded[rows]), unit(detail[rows])]))
    return found


def steadiness(signals: np.ndarray) -> float:
    """Measure how far videos pass the same moments alike, and other moments otherwise.

    Parameters
    ----------
    signals : ndarray of shape (n_videos, n_moments, d)
        The frames with which each video passes each moment.

    Returns
    -------
    float
        The scatter of the mean over moments, divided by that of the videos within
        moments: infinite where all pass them alike, and 0 where nothing varies.
    """
    across = float(signals.mean(axis=0).var(axis=0).sum())
    within = float(signals.var(axis=0).mean(axis=0).sum())
    if within > 0:
        return across / within
    return np.inf if across > 0 else 0.0


def _at_moments(frames: Sequence[np.ndarray], axis: Axis) -> np.ndarray:
    """Stack the frames with which related videos pass each moment, (V, L, d)."""
    return _passing(choose(frames, _voters(axis)), axis)


def _beside(*signals: np.ndarray) -> np.ndarray:
    return np.concatenate(signals, axis=2)


def _motion_at_moments(videos: Sequence[np.ndarray], axis: Axis) -> np.ndarray:
    """Stack the motion with which related videos pass each moment, (V, L, d)."""
    voters = choose(videos, _voters(axis))
    views = WhitenedViews(n_components=MOTION_COMPONENTS, views=("motion",))
    with warnings.catch_warnings():  # of nothing that moves
        warnings.simplefilter("ignore", DegenerateFramesWarning)
        views.fit(choose(voters, spread(len(voters), MOVERS)))
    return _passing((views.transform([video])[0] for video in voters), axis)


def _passing(frames: Iterable[np.ndarray], axis: Axis) -> np.ndarray:
    """Stack the frames with which related videos, given in order, pass each moment."""
    passages = [axis.template.passages[i] for i in _voters(axis)]
    stacked = [
        frames_at(np.asarray(video), passage.frames[axis.moments])
        for video, passage in zip(frames, passages, strict=True)
    ]
    return _filled(np.array(stacked, dtype=np.float32), axis)


def _labels_passing(
    planned: Callable[[np.ndarray], Sequence[np.ndarray]], axis: Axis
) -> list[np.ndarray]:
    """Return labels of related videos at the moments, -1 where parts do not pass."""
    voters = _voters(axis)
    found = []
    for codes, index in zip(planned(voters), voters, strict=True):
        passage = axis.template.passages[index]
        labels = frames_at(codes, passage.frames[axis.moments])
        if passage.part is not None:
            labels[_outside(passage.part, axis)] = -1
        found.append(labels)
    return found


def _outside(part: tuple[int, int], axis: Axis) -> np.ndarray:
    """Tell which moments are outside a part of the template."""
    outside: np.ndarray = (axis.moments < part[0]) | (axis.moments >= part[1])
    return outside


def _filled(stacked: np.ndarray, axis: Axis) -> np.ndarray:
    """Give parts the mean of whole videos where they do not pass, in place."""
    parts = [axis.template.passages[i].part for i in _voters(axis)]
    whole = [part is None for part in parts]
    if all(whole) or not any(whole):
        return stacked
    mean = stacked[whole].mean(axis=0)
    for frames, part in zip(stacked, parts, strict=True):
        if part is not None:
            outside = _outside(part, axis)
            frames[outside] = mean[outside]
    return stacked


def _voters(axis: Axis) -> np.ndarray:
    """Return the videos that actions are found from."""
    related = np.flatnonzero(axis.template.is_related)
    return related[spread(len(related), VOTERS)]
