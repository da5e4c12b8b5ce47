"""Whether all videos keep the order of their timeline, by a chain that knows none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from skvas._on_demand import choose, lengths_of
from skvas.decoding import segment_orders, segments_an_action
from skvas.labels._reading import PartialLabels
from skvas.metrics._known import known_again
from skvas.segmentation._decoder import (
    MOST_SEGMENTS,
    ONCE,
    SMOOTHED,
    Referee,
    best_chain,
)
from skvas.segmentation._labeller import FrameLabeller, TimelineLabeller, pick
from skvas.segmentation._named import Settled
from skvas.timeline._model import TimelineModel, has_order
from skvas.videos._frames import sample_videos, spread_frames
from skvas.videos._views import Views

# Frames of each video that are looked at.
SEEN_FRAMES = 64
# Shares of the variance that a chain explains: a timeline that explains the first one
# stays, and one that explains less than the second is none.
ENOUGH_EXPLAINED, LEAST_EXPLAINED = 0.95, 0.45
# Adjusted mutual information from which on actions are known again in other videos if
# frames are noisy, if they are not, and so well that their place need not be told; and
# from which on nearly all of their frames are.
KNOWN_AT_ALL, KNOWN_AGAIN, KNOWN_WELL, KNOWN_SURELY = 0.35, 0.65, 0.8, 0.92
# Actions of a timeline are known again half as well, or far less, than those of plans,
# or miss steps, below the first three shares of that, and tell as much from the last
# one on.
HALF_AS_WELL, FAR_LESS, MISSED, AS_WELL = 0.45, 0.75, 0.85, 0.97
# Actions come in rounds if so many of them are followed by the one that mostly follows:
# the second share, if those of a timeline tell far less than they do, and at most the
# third share goes right back to the one before. Steps that come once, and are known
# again so well, keep no order below the first share.
SAME_NEXT, MOSTLY_SAME, SELDOM_BACK = 0.8, 0.7, 0.25
KNOWN_IF_LOOSE = 0.7
# A video has at most so many of the actions where each leaves some out.
SOME = 0.75


def keeps_order(
    timeline: TimelineModel,
    plans: FrameLabeller,
    before: FrameLabeller,
    views: Views,
    related: np.ndarray,
) -> bool:
    """Tell whether the actions of a timeline may stand for the videos it is made of.

    Videos may share an order on the whole, and yet skip, swap and repeat steps. Paths
    along the timeline then call frames by the step that others have there, and a chain
    of actions, which knows no order, explains the features better. That alone says
    little: features may vary more from video to video than from step to step, and those
    of tools that are in use come and go within a step. So a timeline is left only if,
    besides, actions found without an order are known again in videos that they were not
    learned from, and either nearly all frames are, or actions do not come and go, or
    the timeline explains next to nothing. Where frames are noisy, no chain is known
    again so well: then it is left if such actions do not come and go, and those of the
    timeline are known again far less. It is left as well if these are known again less,
    and explain less, than actions that happen once, but for a rest between them, or
    than actions that come in rounds; and if they do far less than actions of which each
    video has some only. Where it is undecided whether videos share an order, the
    actions of the timeline have to be known again nearly as well besides.

    Parameters
    ----------
    timeline : TimelineModel
        Of all videos, which are not known to lack a shared order.
    plans : FrameLabeller
        Labels frames without regard to order.
    before : FrameLabeller
        Labels them so before training, where a chain is learned.
    views : Views
        The videos of the timeline.
    related : int ndarray
        Positions of those that are no strangers; of more than 128, a sample is looked
        at.

    Returns
    -------
    bool
    """
    chosen = related[sample_videos(len(related))]
    some = views.choose(chosen)
    few = [spread_frames(n, SEEN_FRAMES) for n in lengths_of(some.features)]
    features = pick(some.features, few)
    passages = [timeline.template.passages[index] for index in chosen]
    planned = plans.labels(some)
    by_plans = measure_labels(features, pick(planned, few))
    are_known = by_plans.known >= KNOWN_AT_ALL
    is_decided = has_order(timeline.order)
    if is_decided and not are_known:
        return True
    on_axis = [timeline.actions(p.positions) for p in passages]
    by_order = measure_labels(features, pick(on_axis, few))
    is_far_less = by_order.known < FAR_LESS * by_plans.known
    if not is_decided and (is_far_less or not are_known):
        return not is_far_less and by_order.known > 0
    share = by_order.known / by_plans.known
    is_noisy = by_plans.known < KNOWN_AGAIN
    explains = by_order.explained >= AS_WELL * by_plans.explained
    if explains and share >= (FAR_LESS if is_noisy else AS_WELL):
        return True
    given = planned, by_plans, by_order
    if are_missed(*given) or are_loose(*given):
        return False
    chained, found = best_chain(before, some, Referee.of(some))
    by_chain = measure_labels(features, pick(found, few))
    if are_missed(found, by_chain, by_order) or are_some(found, by_chain, by_order):
        return False
    is_steady = segments_an_action(planned) <= MOST_SEGMENTS
    actions_last = is_steady and chained.chain.correlated < SMOOTHED
    if is_noisy:
        return not (is_far_less and actions_last)
    if by_order.explained >= ENOUGH_EXPLAINED * by_chain.explained:
        return True
    if by_order.explained < LEAST_EXPLAINED * by_chain.explained or actions_last:
        return False
    return by_chain.known < KNOWN_SURELY


def carries_labels(
    carried: Settled,
    compared: Settled,
    given: PartialLabels,
    views: Views,
    related: np.ndarray,
) -> bool:
    """Tell whether a timeline may carry labels, though videos may not keep its order.

    Where two videos or more have labels, those of each that are hidden tell. Labels of
    one say nothing of others. Then labels that were found by the look of frames are
    known again by it, however wrong they are, and those that were carried to other
    actions are not. So a timeline may carry them where they are known again nearly as
    well, unless the look of frames is known well; or half as well, where the order is
    undecided and looks are not known again. And it carries them where the look of
    frames contradicts an order that is kept: labels by place are right for about the
    share to which it is; those by look at best where both agree, and where those by
    place are wrong.

    Parameters
    ----------
    carried, compared : Settled
        Labels on the timeline, and without one.
    given : PartialLabels
        Labels of some frames.
    views : Views
        The videos.
    related : int ndarray
        Positions of those that are no strangers; of more than 128, a sample is looked
        at.

    Returns
    -------
    bool
    """
    if carried.score is not None and compared.score is not None:
        return carried.score >= compared.score
    assert isinstance(carried.base, TimelineLabeller)
    sample = related[sample_videos(len(related))]
    seen = [spread_frames(len(codes), SEEN_FRAMES) for codes in given.codes]
    few = [n[codes[n] < 0] for n, codes in zip(seen, given.codes, strict=True)]
    chosen = [index for index in sample if len(few[index])]
    if len(chosen) < 2:
        return False
    free = choose(few, chosen)
    features = pick(choose(views.features, chosen), free)
    placed, looked = (
        pick(choose(settled.labels, chosen), free) for settled in (carried, compared)
    )
    order = carried.base.timeline.order
    assert order is not None
    same = np.concatenate(placed) == np.concatenate(looked)
    if same.mean() + (1 - order.value) < order.value:
        return True
    by_place, by_look = (
        known_beyond_chance(features, codes) for codes in (placed, looked)
    )
    if by_look < KNOWN_AGAIN and not has_order(order):
        return by_place > 0 and by_place >= HALF_AS_WELL * by_look
    return by_look < KNOWN_WELL and by_place >= FAR_LESS * by_look


def known_in_others(labels: Sequence[np.ndarray], views: Views) -> float:
    """Return how well labels are known again in videos they are not learned from.

    Of more than 128 videos, a sample is looked at.

    Parameters
    ----------
    labels : sequence of int ndarray of shape (n_i,)
        Labels of the frames of each video.
    views : Views
        The videos.

    Returns
    -------
    float
        0 to 1; `KNOWN_AGAIN` or more where frames are hardly noisy. 0 of a lone video.
    """
    if len(views.videos) == 1:
        return 0.0
    chosen = sample_videos(len(views.videos))
    features, codes = choose(views.features, chosen), choose(labels, chosen)
    few = [spread_frames(len(code), SEEN_FRAMES) for code in codes]
    return known_beyond_chance(pick(features, few), pick(codes, few))


def known_beyond_chance(
    features: Sequence[np.ndarray], labels: Sequence[np.ndarray]
) -> float:
    """Return how well labels are known again, 0 where that is less than by chance."""
    return max(known_again(features, labels), 0.0)


class Told(NamedTuple):
    """What labels tell of frames."""

    known: float
    """How well they are known again in other videos, 0 to 1."""
    explained: float
    """The share of the variance that their means explain."""


def measure_labels(
    features: Sequence[np.ndarray], labels: Sequence[np.ndarray]
) -> Told:
    """Measure what labels tell of frames, (n_i, d) of each video."""
    return Told(known_beyond_chance(features, labels), explained(features, labels))


def are_missed(labels: Sequence[np.ndarray], theirs: Told, by_order: Told) -> bool:
    """Tell whether labels are steps or rounds that the actions of a timeline miss."""
    given = labels, theirs, by_order
    return are_steps(*given) or are_rounds(*given)


def are_steps(labels: Sequence[np.ndarray], theirs: Told, by_order: Told) -> bool:
    """Tell whether labels are steps that the actions of a timeline miss.

    Parameters
    ----------
    labels : sequence of int ndarray of shape (n_i,)
        Labels of the frames of each video.
    theirs, by_order : Told
        What they tell, and what actions of the timeline do.

    Returns
    -------
    bool
    """
    are_known = theirs.known >= KNOWN_AGAIN
    is_less = _tell_less(by_order, theirs, MISSED)
    return are_known and is_less and segments_an_action(labels, rests=True) <= ONCE


def are_loose(labels: Sequence[np.ndarray], theirs: Told, by_order: Told) -> bool:
    """Tell whether labels are steps that come once, in an order that is not kept.

    So they say themselves that a timeline is none; its actions have to tell less. Only
    plans are asked, which a chain that breaks or joins steps is not as sure as.

    Parameters
    ----------
    labels, theirs, by_order
        As in `are_steps`.

    Returns
    -------
    bool
    """
    come_once = segments_an_action(labels) <= ONCE
    is_loose = come_once and 0 < share_of_same_next(labels) < SAME_NEXT
    are_known = theirs.known >= KNOWN_IF_LOOSE
    return is_loose and are_known and _are_better(theirs, by_order)


def are_rounds(labels: Sequence[np.ndarray], theirs: Told, by_order: Told) -> bool:
    """Tell whether labels are rounds of actions, not as many of them in each video.

    A position of a timeline is one action, so that it knows other numbers of rounds
    less well. Tools that come and go have no next one.

    Parameters
    ----------
    labels, theirs, by_order
        As in `are_steps`.

    Returns
    -------
    bool
    """
    is_far_less = _tell_less(by_order, theirs, FAR_LESS)
    goes_on = is_far_less and share_of_returns(labels) <= SELDOM_BACK
    least = MOSTLY_SAME if goes_on else SAME_NEXT
    comes_back = segments_an_action(labels) > MOST_SEGMENTS
    are_better = _are_better(theirs, by_order)
    return are_better and comes_back and share_of_same_next(labels) >= least


def are_some(labels: Sequence[np.ndarray], theirs: Told, by_order: Told) -> bool:
    """Tell whether each video has some actions only, which a timeline cannot know.

    Parameters
    ----------
    labels, theirs, by_order
        As in `are_steps`.

    Returns
    -------
    bool
    """
    n_labels = int(max(codes.max() for codes in labels)) + 1
    n_own = float(np.mean([len(np.unique(codes)) for codes in labels]))
    are_known = theirs.known >= KNOWN_AGAIN and n_own <= SOME * n_labels
    return are_known and _tell_less(by_order, theirs, FAR_LESS)


def _are_better(theirs: Told, by_order: Told) -> bool:
    """Tell whether labels are known again, and tell more than those of a timeline."""
    is_less = _tell_less(by_order, theirs, ENOUGH_EXPLAINED)
    return theirs.known >= KNOWN_AGAIN and is_less


def _tell_less(by_order: Told, theirs: Told, share: float) -> bool:
    """Tell whether labels of a timeline tell less than a share of what others do."""
    return (
        by_order.known < share * theirs.known
        and by_order.explained < share * theirs.explained
    )


def explained(features: Sequence[np.ndarray], labels: Sequence[np.ndarray]) -> float:
    """Return the share of the variance of frames that the means of labels explain.

    Parameters
    ----------
    features : sequence of ndarray of shape (n_i, d)
        Frames of each video.
    labels : sequence of int ndarray of shape (n_i,)
        Their labels.

    Returns
    -------
    float
        0 to 1; 0 for frames that do not vary.
    """
    frames, codes = np.concatenate(features).astype(float), np.concatenate(labels)
    frames -= frames.mean(axis=0)
    members = np.eye(codes.max() + 1)[codes]  # (n_frames, n_labels)
    sums, counts = members.T @ frames, members.sum(axis=0)
    between = ((sums**2).sum(axis=1) / np.maximum(counts, 1)).sum()
    total = (frames**2).sum()
    return float(between / total) if total > 0 else 0.0


def share_of_same_next(labels: Sequence[np.ndarray]) -> float:
    """Return how many segments are followed by the action that mostly follows theirs.

    Parameters
    ----------
    labels : sequence of int ndarray of shape (n_i,)
        Labels of the frames of each video.

    Returns
    -------
    float
        0 to 1; 0 where others follow on fewer than three actions, as in one order of
        three: that says nothing.
    """
    n_labels = int(max(codes.max() for codes in labels)) + 1
    follows = np.zeros((n_labels, n_labels))
    for order in segment_orders(labels):
        np.add.at(follows, (order[:-1], order[1:]), 1)
    if np.count_nonzero(follows.sum(axis=1)) < 3:
        return 0.0
    return float(follows.max(axis=1).sum() / follows.sum())


def share_of_returns(labels: Sequence[np.ndarray]) -> float:
    """Return how many segments go right back to the action before theirs.

    Parameters
    ----------
    labels : sequence of int ndarray of shape (n_i,)
        Labels of the frames of each video.

    Returns
    -------
    float
        0 to 1; 0 where no video has three segments.
    """
    orders = segment_orders(labels)
    n_between = sum(max(len(order) - 2, 0) for order in orders)
    n_back = sum(int((order[2:] == order[:-2]).sum()) for order in orders)
    return n_back / max(n_between, 1)
