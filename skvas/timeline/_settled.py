"""Which features tell most: chosen from the videos, without labels."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from skvas._on_demand import choose, each, lengths_of
from skvas.exceptions import DegenerateFramesWarning
from skvas.preprocessing import (
    CompressTails,
    Detrend,
    LevelFeatures,
    SelectRelated,
    WhitenedViews,
)
from skvas.preprocessing._drift import excess_of_trend
from skvas.preprocessing._features import (
    apply_features,
    fit_features,
    quietly,
    spread_of,
    transform_one,
)
from skvas.preprocessing._pipelines import (
    all_steps,
    last_step,
    with_last_step,
    with_step_before_last,
)
from skvas.preprocessing._repeatability import repeatability, stretches
from skvas.preprocessing._standardizer import moments
from skvas.preprocessing._tails import heaviness
from skvas.timeline._model import find_order, has_order
from skvas.timeline._order import BlockOrder
from skvas.videos._frames import unit

# Videos that are looked at, at most, and clusters that are looked for where nothing
# says how many actions there are.
MAX_VIDEOS, N_CLUSTERS = 32, 8
# Adjusted Rand index from which clusters of frames are found again in other videos;
# those that come often in a video, which are many to compare, from the second one on.
REPEATS, OFTEN_REPEATS = 0.4, 0.3
# Recordings may differ as each has some of the actions only, and the view "video" then
# takes these away: beyond the first share of the variance of a feature, where no order
# is shared, and clusters of the view "collection" are found again so many times as well
# as those of that view, and so well.
APART, TOGETHER, TOLD_APART = 0.08, 1.2, 0.3
# Recordings differ so much from each other that views of the collection tell these
# apart, and not what happens in them, beyond this share of the variance of a feature;
# beyond the second one, where clusters are found again without that view, and so many
# times as well.
BETWEEN, PERHAPS, WITHOUT = 0.35, 0.2, 1.4
# Components keep their variance where clusters of unwhitened frames are found again,
# and those of whitened frames less than half as well, less than .4 times as well in
# the view of the video alone: of fewer than so many videos, which hardly tell how well,
# less than .15 times as well.
WHITENED_REPEATS, ALONE_REPEATS, MANY, FEW_REPEAT = 0.5, 0.4, 6, 0.15
# In any order less than .25 times as well, unless clusters of unwhitened frames are
# states: found again so well, or often in a video, or where whitened components are
# noise of single frames by so much. Others may be parts of movements.
MOVEMENTS_REPEAT, SURELY, ALL_NOISE = 0.25, 0.85, 0.8
# They are then smoothed by so many frames in the median video, and clusters of frames
# come less often than so in a video, or stay for so many frames. Where these come so
# often, unwhitened components are smoothed by fewer frames, and whitened ones in any
# order by as many, if clusters stay nearly as long.
NOISE_FRAMES, OFTEN, LONG = 4, 5.0, 16.0
FEWER_FRAMES, NEARLY_LONG = 1, 14.0
# They are not smoothed at all where features stand still from frame to frame so often,
# in so many first frames: those are states of a machine or a game, and have no noise.
STILL, SEEN_FRAMES = 0.8, 2000
# Where videos share an order, components keep their variance only if more than so much
# of them is noise of single frames, and the order is less firm than so, or by so much
# firmer then.
NOISY, FIRM, MORE = 0.3, 0.5, 0.1
# Motion is all there is where clusters of whitened frames are found again less than so,
# and those of motion so well; and those of unwhitened frames less than so many times as
# well, or than the second number and stay for fewer frames than so.
NOTHING, SOMETHING, WORSE, HARDLY_BETTER, BRIEF = 0.1, 0.3, 0.75, 1.5, 12.0
# Where videos share an order, motion has to repeat so much, and so many times as much
# as places, or to add to them; at a first look by so much. So many times as much as
# unwhitened ones is enough to take the place of components that keep their variance, or
# so much that it is found again surely.
MUCH, CLEARLY, AT_FIRST = 0.45, 1.1, 0.3
# Motion that repeats less than places may tell what these do not: clusters of both side
# by side are then found again so many times as well as those of places.
BESIDE = 1.05
# Values of features span powers of ten from this excess kurtosis on.
HEAVY = 15.0
# Recordings drift where so much more of what they differ by is slow than not, no firm
# order is shared, and clusters without trends are found again so many times as well: as
# clusters without means alone, too. Motion hardly knows of a drift, and tells enough
# where it is found again so well.
SLOW, STEADIER, ENOUGH = 3.0, 1.1, 0.7
# Features are so few that directions may not tell their levels apart: where clusters of
# levels are found again so well, and better.
FEW_FEATURES, LEVELS_REPEAT = 3, 0.9


def kinds_to_expect(n_actions: tuple[int, int] | None) -> int:
    """Return how many kinds of frames to look for, where there are so many actions."""
    if n_actions is None:
        return N_CLUSTERS
    low, high = n_actions
    return low if low == high else N_CLUSTERS


def settle_features(
    fitted: WhitenedViews | Pipeline,
    videos: Sequence[np.ndarray],
    n_clusters: int,
    features: Sequence[np.ndarray] | None = None,
) -> WhitenedViews | Pipeline | None:
    """Fit other features where these tell more.

    Values that span powers of ten are compressed. Recordings that drift lose their
    trends, or their shift at one moment, where what is left is found again better and
    no firm order is shared. Of few features it is levels that are whitened, where
    clusters of these are found again nearly always. What is whitened goes without the
    features that wander through each video in a way of their own, and without the view
    "collection" where recordings differ so much from each other that it would tell
    these apart; or without the view "video", if they differ as each has some of the
    actions only. Components stay unwhitened where whitening drowns in noise what videos
    share and what lasts. Else motion is a further view, where clusters of it are found
    again in other videos, and no worse than those of the other views, or these better
    with motion beside them; and the only one where these are not found again at all.
    Where videos share an order, motion mostly adds nothing to a place in it: there
    clusters of it, or of both, have to be found again better, and as well as those of
    unscaled places. And there alignment needs whitened components, and noise does not
    repeat in order: so they stay unwhitened only if motion is no view, frames are noisy
    one by one or recordings differ, and the order is told better so, or is not firm in
    any case. Where clusters come often in a video and last, and no order is shared,
    smoothing is light; where features are states, which stand still, they are neither
    smoothed nor whitened.

    Parameters
    ----------
    fitted : WhitenedViews or Pipeline
        Fitted; a pipeline ends with such views.
    videos : sequence of ndarray of shape (n_i, n_features)
        The videos, checked.
    n_clusters : int
        Clusters of frames that are looked for in other videos.
    features : sequence of float32 ndarray of shape (n_i, D), default=None
        What `fitted` makes of them. None: it is made of those that are looked at.

    Returns
    -------
    WhitenedViews, Pipeline or None
        Fitted; None where `fitted` is best.
    """
    if spread_of(fitted) is None or len(videos) < 2:
        return None
    before = with_last_step(fitted, None)
    if before is not None:
        videos = each(partial(quietly, before), videos)
    whitened, better = last_step(fitted), None
    added: dict[str, Any] = {}

    def look_anew(name: str, step: Any) -> _Look:
        nonlocal better, videos
        added[name] = step
        videos = each(partial(transform_one, step), videos)
        better = _fit_anew(whitened, videos)
        return _Look.at(choose(videos, drawn), better, n_clusters)

    with warnings.catch_warnings():  # of what `whitened` has warned of
        warnings.simplefilter("ignore", DegenerateFramesWarning)
        drawn = np.random.RandomState(0).permutation(len(videos))[:MAX_VIDEOS]
        seen = None if features is None else choose(features, drawn)
        look = _Look.at(choose(videos, drawn), whitened, n_clusters, seen)
        tails = _find_tails(look)
        if tails is not None:
            look = look_anew("tails", tails)
        steady = _find_drift(look, videos)
        if steady is not None:
            look = look_anew("steady", steady)
        levels = _find_levels(look)
        if levels is not None:
            look = look_anew("levels", levels)
        if _shows_states(look):
            better = _fit_anew(whitened, videos, whiten=False, smoothing=0.0)
        else:
            related = _find_related(videos) if levels is None else None
            if related is not None:
                look = look_anew("related", related)
            by_one = _look_together(look, videos) or _look_alone(look, videos)
            if by_one is not None:
                better, look = by_one.whitened, by_one
            better = _settle_views(look, videos) or better
    if better is None:
        return None
    for step in all_steps(before)[-1:]:  # what follows knows no names of features
        if hasattr(step, "set_output"):
            step.set_output(transform="default")
    settled = with_last_step(fitted, better)
    for name, one in added.items():
        settled = with_step_before_last(settled, name, one)
    return settled


def _find_tails(look: _Look) -> CompressTails | None:
    """Fit what compresses tails, if most features have heavy ones."""
    is_few = look.n_varying <= FEW_FEATURES
    if is_few or heaviness(look.videos) < HEAVY:
        return None
    return CompressTails().fit(look.videos)


def _find_drift(look: _Look, videos: Sequence[np.ndarray]) -> Detrend | None:
    """Fit what takes trends or a shift away, if recordings tell more without."""
    is_few = len(videos) < MANY or look.n_varying <= FEW_FEATURES
    if is_few or look.whitened.causal:
        return None
    drifts = excess_of_trend(look.seen) >= SLOW and not is_firm(look.order)
    if not drifts or look.moved >= ENOUGH:
        return None
    flat = look.of([video - video.mean(axis=0) for video in look.videos])
    least = max(OFTEN_REPEATS, STEADIER * max(look.plain, flat.plain))
    line = Detrend().fit(videos)
    ways = [line, line._as_fitted(degree=0, shift=True)]  # both learn the same
    looks = [look.of([transform_one(w, v) for v in look.videos]) for w in ways]
    steady, without = max(zip(ways, looks, strict=True), key=lambda way: way[1].plain)
    if without.plain < least:
        return None
    if has_order(without.order) and not has_order(look.order):  # by what is left of it
        return None
    return steady


def _find_levels(look: _Look) -> LevelFeatures | None:
    """Fit levels of few features, if they tell more than directions do."""
    if look.n_varying > FEW_FEATURES:
        return None
    levels = LevelFeatures().fit(look.videos)
    lifted = look.of([transform_one(levels, video) for video in look.videos])
    if lifted.plain < LEVELS_REPEAT:
        return None
    return levels if lifted.plain > look.plain else None


def _find_related(videos: Sequence[np.ndarray]) -> SelectRelated | None:
    """Fit what leaves out features that go their own way, if there are any."""
    selector = SelectRelated().fit(videos)
    return None if selector.support_.all() else selector


def _shows_states(look: _Look) -> bool:
    """Tell whether features stand still, and what comes often has no order."""
    is_still = stand_still(look.videos, look.whitened)
    return is_still and look.comes_often and not has_order(look.order)


def stand_still(videos: Sequence[np.ndarray], whitened: WhitenedViews) -> bool:
    """Tell whether features hardly ever change from one frame to the next."""
    varies, n_still, n_steps = whitened.scale_ > 0, 0, 0
    for video in videos:
        changes = np.diff(np.asarray(video[:SEEN_FRAMES])[:, varies], axis=0)
        n_still += int((changes == 0).sum())
        n_steps += changes.size
    return n_still >= STILL * max(n_steps, 1)


def _look_together(look: _Look, videos: Sequence[np.ndarray]) -> _Look | None:
    """Look at the collection alone, where each recording has some actions only."""
    if len(videos) < MANY or look.between <= APART or has_order(look.order):
        return None
    together = look.by(("collection",), videos)
    least = TOGETHER * look.by(("video",), look.videos).plain
    return together if together.plain >= max(TOLD_APART, least) else None


def _look_alone(look: _Look, videos: Sequence[np.ndarray]) -> _Look | None:
    """Look at each video alone, where the view of the collection does harm."""
    if look.between <= PERHAPS or (look.between <= BETWEEN and len(videos) < MANY):
        return None
    alone = look.by(("video",), videos)
    if look.between > BETWEEN:
        return alone
    if alone.plain_at_first <= look.plain_at_first:  # a sixth of the work
        return None
    return alone if alone.plain >= max(REPEATS, WITHOUT * look.plain) else None


def _settle_views(look: _Look, videos: Sequence[np.ndarray]) -> WhitenedViews | None:
    """Fit views that tell more than those of some videos, which are looked at."""
    order, whitened = look.order, look.whitened
    if not has_order(order):
        order = None
    alone = whitened.views == ("video",)
    share = ALONE_REPEATS if alone else WHITENED_REPEATS
    share = share if len(videos) >= MANY else FEW_REPEAT
    may_stay, moves = True, None
    if order is not None:
        moves = look.moves_in_order()
        is_noisy = alone or look.noise > NOISY
        may_stay = is_noisy and not moves and look.tells_order(order)
    elif look.is_all_motion():
        return _fit_anew(whitened, videos, views=("motion",))
    is_plain = may_stay and look.is_drowned(share, order is not None) and look.lasts()
    if is_plain and not (order is None and look.moves_more()):
        n_frames = FEWER_FRAMES if look.comes_often else NOISE_FRAMES
        smoothing = _smoothing_over(n_frames, whitened, videos)
        return _fit_anew(whitened, videos, whiten=False, smoothing=smoothing)
    if moves is None:
        moves = look.moves()
    if moves:
        return _fit_anew(whitened, videos, views=(*whitened.views, "motion"))
    smoothing = _smoothing_over(NOISE_FRAMES, whitened, videos)
    if order is None and smoothing < whitened.smoothing and look.comes_often_and_stays:
        return _fit_anew(whitened, videos, smoothing=smoothing)
    return None


def share_between(whitened: WhitenedViews, videos: Sequence[np.ndarray]) -> float:
    """Return how much of a feature's variance lies between videos, on average.

    0 where nothing varies within any video, so that no other view tells anything.
    """
    varies = whitened.scale_ > 0
    shares = []
    for video in videos:
        peak, _, scale = moments([video])
        deviation = scale[varies] * (peak / whitened.peak_)[varies]
        shares.append((deviation / whitened.scale_[varies]) ** 2)
    within = np.average(shares, axis=0, weights=lengths_of(videos))
    return 1 - float(within.mean()) if within.any() else 0.0


@dataclass(frozen=True)
class _Look:
    """A look at some videos: whitened, not whitened, and at their motion.

    Parameters
    ----------
    whitened : WhitenedViews
        Fitted.
    videos : sequence of ndarray of shape (n_i, n_features)
        The videos.
    seen : sequence of ndarray of shape (n_i, D)
        Their whitened frames.
    n_clusters : int
        Clusters that are looked for in other videos.
    """

    whitened: WhitenedViews
    videos: Sequence[np.ndarray]
    seen: Sequence[np.ndarray]
    n_clusters: int

    @classmethod
    def at(
        cls,
        videos: Sequence[np.ndarray],
        whitened: WhitenedViews,
        n_clusters: int,
        seen: Sequence[np.ndarray] | None = None,
    ) -> _Look:
        """Look at some videos; `seen`: whitened, if they are already."""
        seen = apply_features(whitened, videos) if seen is None else seen
        return cls(whitened, videos, seen, n_clusters)

    def by(self, views: tuple[str, ...], videos: Sequence[np.ndarray]) -> _Look:
        """Look at the same videos in other views, fitted to all of `videos`."""
        fitted = _fit_anew(self.whitened, videos, views=views)
        return _Look.at(self.videos, fitted, self.n_clusters)

    def of(self, videos: Sequence[np.ndarray]) -> _Look:
        """Look at what was made of the videos, in the same views."""
        return _Look.at(videos, _fit_anew(self.whitened, videos), self.n_clusters)

    @property
    def n_varying(self) -> int:
        """Number of features that are not constant."""
        return int((self.whitened.scale_ > 0).sum())

    @cached_property
    def between(self) -> float:
        """How much of a feature's variance lies between videos."""
        return share_between(self.whitened, self.videos)

    @cached_property
    def order(self) -> BlockOrder | None:
        """The order that the videos share, as whitened frames tell it."""
        return find_order(self.seen)

    @cached_property
    def unscaled(self) -> list[np.ndarray]:
        """Frames whose components keep their variance."""
        scale = spread_of(self.whitened)
        return [video * scale for video in self.seen]

    @cached_property
    def directions(self) -> list[np.ndarray]:
        """Directions of unscaled frames."""
        return [unit(video) for video in self.unscaled]

    @cached_property
    def repeats(self) -> float:
        """How well clusters of whitened frames are found again in other videos."""
        return repeatability([unit(video) for video in self.seen], self.n_clusters)

    @cached_property
    def plain(self) -> float:
        """How well those of unscaled ones are."""
        return repeatability(self.directions, self.n_clusters)

    @property
    def plain_at_first(self) -> float:
        """How well these are by one pair of halves of the videos."""
        return repeatability(self.directions, self.n_clusters, n_draws=1)

    @cached_property
    def motion(self) -> Sequence[np.ndarray]:
        """Whitened frames of motion alone."""
        alone = _fit_anew(self.whitened, self.videos, views=("motion",))
        return apply_features(alone, self.videos)

    @cached_property
    def ways(self) -> list[np.ndarray]:
        """Directions of motion."""
        return [unit(video) for video in self.motion]

    @cached_property
    def moved(self) -> float:
        """How well clusters of motion are found again."""
        return repeatability(self.ways, self.n_clusters)

    @property
    def moved_at_first(self) -> float:
        """How well these are by one pair of halves of the videos."""
        return repeatability(self.ways, self.n_clusters, n_draws=1)

    @cached_property
    def beside(self) -> float:
        """How well clusters of whitened frames with motion beside them are."""
        both = zip(self.seen, self.motion, strict=True)
        return repeatability([unit(np.hstack(one)) for one in both], self.n_clusters)

    def is_drowned(self, share: float, in_order: bool) -> bool:
        """Tell whether clusters repeat, and whitened ones less than a share as well.

        Of movements in any order they have to repeat less than that.
        """
        if self.plain < max(OFTEN_REPEATS, self.repeats / share):
            return False
        if self.plain < REPEATS:
            return self.comes_often
        is_clear = in_order or self.plain >= self.repeats / MOVEMENTS_REPEAT
        return is_clear or self.are_states()

    def are_states(self) -> bool:
        """Tell whether clusters of unscaled frames stand for what goes on in them."""
        return self.plain >= SURELY or self.comes_often or self.noise > ALL_NOISE

    @cached_property
    def noise(self) -> float:
        """How much of whitened components is noise of single frames."""
        return noise_of(self.whitened, self.videos)

    @cached_property
    def times_and_length(self) -> tuple[float, float]:
        """How often clusters of unscaled frames come in a video, and stay for."""
        smoothing = _smoothing_over(NOISE_FRAMES, self.whitened, self.videos)
        light = self.whitened._as_fitted(smoothing=smoothing)
        frames, scale = apply_features(light, self.videos), spread_of(light)
        return stretches([unit(video * scale) for video in frames], self.n_clusters)

    @property
    def comes_often(self) -> bool:
        """Whether a cluster of unscaled frames comes often in a video."""
        return self.times_and_length[0] >= OFTEN

    @property
    def comes_often_and_stays(self) -> bool:
        """Whether a cluster of unscaled frames does, and stays for some frames."""
        return self.comes_often and self.times_and_length[1] >= NEARLY_LONG

    def lasts(self) -> bool:
        """Tell whether clusters of unscaled frames last, as steps of an activity do.

        Those of sound do not: it is loud and quiet again within each word, in all
        recordings alike.
        """
        return not self.comes_often or self.times_and_length[1] >= LONG

    def is_all_motion(self) -> bool:
        """Tell whether clusters of motion are found again, and none of places are.

        Signals about zero, as those of vibrations or of a brain, differ in amplitude.
        """
        if self.repeats >= NOTHING or self.moved < SOMETHING:
            return False
        if self.plain < WORSE * self.moved:
            return True
        _, length = self.times_and_length
        return self.plain < HARDLY_BETTER * self.moved and length < BRIEF

    def moves(self) -> bool:
        """Tell whether motion is found again, as well as places or adding to them."""
        if self.moved < REPEATS:
            return False
        return self.moved >= self.repeats or self.adds_to_places()

    def adds_to_places(self) -> bool:
        """Tell whether places are found again better with motion beside them."""
        return self.beside >= BESIDE * self.repeats

    def moves_more(self) -> bool:
        """Tell whether motion is found again clearly better than unscaled frames."""
        return self.moves() and self.moved >= min(CLEARLY * self.plain, SURELY)

    def moves_in_order(self) -> bool:
        """Tell whether motion tells more than places, and no less than unscaled ones.

        By itself, or beside places.
        """
        if self.moved_at_first < AT_FIRST or self.moved < MUCH:
            return False
        tells_more = self.moved >= CLEARLY * self.repeats or self.adds_to_places()
        return tells_more and (self.moved >= self.plain or self.beside >= self.plain)

    def tells_order(self, order: BlockOrder) -> bool:
        """Tell whether unscaled frames tell order better, or it is not firm anyway."""
        if not is_firm(order):
            return True
        by_unscaled = find_order(self.unscaled)
        return by_unscaled is not None and by_unscaled.value > order.value + MORE


def is_firm(order: BlockOrder | None) -> bool:
    """Tell whether videos share an order, and surely."""
    return order is not None and has_order(order) and order.value >= FIRM


def noise_of(whitened: WhitenedViews, videos: Sequence[np.ndarray]) -> float:
    """Return how much of whitened components is noise of single frames, in the median.

    That is half of the mean square by which neighbouring frames differ, where they are
    not smoothed, as a share of the variance; 0 of videos of one frame each.
    """
    frames = apply_features(whitened._as_fitted(smoothing=0), videos)
    steps = np.concatenate([np.diff(video, axis=0) for video in frames])
    variance = np.concatenate(frames).var(axis=0)
    varies = variance > 0
    if not len(steps) or not varies.any():
        return 0.0
    noise = (steps[:, varies] ** 2).mean(axis=0) / 2 / variance[varies]
    return float(np.median(noise))


def _smoothing_over(
    n_frames: int, whitened: WhitenedViews, videos: Sequence[np.ndarray]
) -> float:
    """Return the smoothing over so many frames of a usual video, at most as it is."""
    return min(whitened.smoothing, n_frames / float(np.median(lengths_of(videos))))


def _fit_anew(
    whitened: WhitenedViews, videos: Sequence[np.ndarray], **parameters: Any
) -> WhitenedViews:
    fitted: WhitenedViews = fit_features(
        clone(whitened).set_params(**parameters), videos
    )
    return fitted
