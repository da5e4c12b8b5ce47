"""From frames to actions off the timeline: by plans, or by a chain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from scipy.special import stdtrit

from skvas.decoding import n_segments, segments_an_action
from skvas.metrics import PairMatches, match_pairs
from skvas.metrics._consistency import matched_information
from skvas.metrics._known import known_again
from skvas.options._groups import CHAIN, PLAN
from skvas.segmentation._chain import ActionChain
from skvas.segmentation._labeller import (
    ChainLabeller,
    FrameLabeller,
    directions,
    pick,
)
from skvas.segmentation._start import k_means
from skvas.timeline._model import find_order, has_order
from skvas.training._survey import CHOICE_FRAMES
from skvas.transport import unit
from skvas.videos._anywhere import IN_PAIRS, MANY, is_clear_anywhere, nearest_anywhere
from skvas.videos._batch import spread_batch
from skvas.videos._frames import sample_videos, spread_frames
from skvas.videos._succession import correlated_share, correlated_shares, deviations
from skvas.videos._views import Views

# Groups of videos that are left out in turn, at most, and parts of each of two videos.
MAX_GROUPS, PARTS_OF_TWO = 20, 4
# Probability, on both sides, of a difference that is no accident.
CONFIDENCE = 0.8
# Share of a video over which smoothed frames deviate from their action alike, at most;
# some of their numbers drift if a quarter does so over so many times the share of all.
SMOOTHED, DRIFTS = 0.042, 1.4
# Beside so many times the usual length of a frame, directions tell how far out it is.
# Adjusted mutual information from which on actions by that are known again in others,
# and how many times as much as plans they tell where no other chain is better.
CONSTANT, KNOWN_BY_LENGTH, FAR_MORE = 1.25, 0.72, 1.4
# Deviations that last longer have silenced a chain if it has less than this share of
# the segments of the plans: a chain with the second share is then tried.
SILENCED, TRIED = 0.5, 0.02
# Actions come once in a video up to so many segments of one, on average, and come back
# from the second number on.
ONCE, MOST_SEGMENTS = 1.15, 1.35


def choose_decoder(
    labeller: FrameLabeller,
    labels: list[np.ndarray],
    views: Views,
    decoder: str,
    before: FrameLabeller,
    *,
    clearly: bool = True,
) -> tuple[FrameLabeller | ChainLabeller, list[np.ndarray]]:
    """Return the labeller to keep, and its labels: by plans, or by a chain of actions.

    Plans hold all actions to equal shares of each video, which often is right and
    which a chain can't know. So a chain has to be better by more than chance: labels
    of matched frames agree better by it. One that also looks at the length of frames
    has to tell far more than plans, unless another chain is better than these as well.
    And where actions come once by plans, it must not break them into pieces that come
    back, which a rest may. Of more than 128 videos, a sample of as many is looked at.

    Parameters
    ----------
    labeller : FrameLabeller
        Labels by transport.
    labels : list of int64 ndarray of shape (n_i,)
        Its labels of the videos of `fit`.
    views : Views
        The videos of `fit`.
    decoder : {"plan", "chain", "auto"}
        "auto" chooses, where there is more than one video.
    before : FrameLabeller
        Labels by transport where a chain is to be learned: before training, if that is
        open. Training draws frames to the actions that the plans gave them.
    clearly : bool, default=True
        Whether a chain has to be better by more than chance. Plans that look at short
        times, where actions come back often, are no more probable than a chain.
    """
    if decoder == PLAN or (decoder != CHAIN and len(labels) == 1):
        return labeller, labels
    every, seen = views, sample_videos(len(labels))
    views, some = every.choose(seen), [labels[i] for i in seen]
    referee = Referee.of(views) if len(labels) > 1 else None
    plain, plain_labels = _best_by_direction(before, views, referee)
    chained, found = _or_by_length(plain, plain_labels, before, views, referee)
    if decoder != CHAIN:
        assert referee is not None
        if _breaks(some, found):
            return labeller, labels
        is_better = referee.prefers(found, some, clearly=clearly)
        if is_better and chained is not plain:
            is_better = referee.tells_no_less(
                found, some, views.features, times=FAR_MORE
            ) or referee.prefers(plain_labels, some, clearly=clearly)
        if not is_better:
            return labeller, labels
    return chained, found if views is every else chained.labels(every)


def _breaks(planned: list[np.ndarray], chained: list[np.ndarray]) -> bool:
    """Tell whether a chain breaks what comes once into pieces that come back."""
    comes_once = segments_an_action(planned) <= ONCE
    return comes_once and segments_an_action(chained, rests=True) > MOST_SEGMENTS


def best_chain(
    labeller: FrameLabeller, views: Views, referee: Referee | None
) -> tuple[ChainLabeller, list[np.ndarray]]:
    """Learn chains of several starts, and keep the first in doubt.

    If plans look at features, and at nothing learned, the last chain looks at the
    length of frames as well. It is kept where its actions are known again in other
    videos, and tell no less: directions are the more accidental the nearer a frame is
    to the mean.

    Parameters
    ----------
    labeller : FrameLabeller
        Labels by transport, that the first chain starts from.
    views : Views
        The videos.
    referee : Referee or None
        Compares both; None keeps the first.

    Returns
    -------
    ChainLabeller
        The chain.
    list of int64 ndarray of shape (n_i,)
        Its labels.
    """
    found = _best_by_direction(labeller, views, referee)
    return _or_by_length(*found, labeller, views, referee)


def _best_by_direction(
    labeller: FrameLabeller, views: Views, referee: Referee | None
) -> tuple[ChainLabeller, list[np.ndarray]]:
    """Learn chains from the plans and from k-means; keep the first in doubt.

    Where some numbers of frames drift, a third one lets each tell as much as it does by
    itself: else those that drift silence the others. Where all deviate alike for whole
    segments, hardly a frame of these counts, and a chain may call all frames by one
    action: then another one lets frames count for more.
    """
    frames, shares = labeller.frames(views), labeller.shares(views)
    off = deviations(frames, shares)
    correlated = correlated_share(off)
    chained = _chained(labeller, frames, shares, correlated)
    labels = chained.labels(views)
    if referee is None:
        return chained, labels
    others: list[tuple[list[np.ndarray], float, np.ndarray | None]]
    others = [(_clusters(frames, labeller), correlated, None)]
    if correlated > SMOOTHED:
        apart = correlated_shares(off)
        if np.quantile(apart, 0.75) > DRIFTS * correlated:
            others.append((shares, correlated, apart))
        planned = [share.argmax(axis=1) for share in shares]
        if n_segments(labels) < SILENCED * n_segments(planned):
            others.append((shares, TRIED, None))
    for start in others:
        other = _chained(labeller, frames, *start)
        found = other.labels(views)
        if referee.prefers(found, labels):
            chained, labels = other, found
    return chained, labels


def _or_by_length(
    chained: ChainLabeller,
    labels: list[np.ndarray],
    labeller: FrameLabeller,
    views: Views,
    referee: Referee | None,
) -> tuple[ChainLabeller, list[np.ndarray]]:
    """Return a chain and its labels, or those by length where these tell no less."""
    if referee is None or not _sees_features(labeller, views):
        return chained, labels
    other = _chained_by_length(labeller, views, referee)
    found = other.labels(views)
    is_kept = referee.tells_no_less(found, labels, views.features)
    return (other, found) if is_kept else (chained, labels)


def _chained(
    labeller: FrameLabeller,
    frames: Sequence[np.ndarray],
    shares: list[np.ndarray],
    correlated: float,
    correlations: np.ndarray | None = None,
) -> ChainLabeller:
    chain = ActionChain.learn(frames, shares, correlated, correlations)
    return _labeller_by(chain, labeller)


def _sees_features(labeller: FrameLabeller, views: Views) -> bool:
    """Tell whether plans look at directions of features, and at nothing learned."""
    if labeller.space == "features":
        return True
    (seen,), (own,) = directions(views.features[:1]), views.embeddings[:1]
    return seen.shape == own.shape and np.allclose(seen, own, atol=1e-4)


def _chained_by_length(
    labeller: FrameLabeller, views: Views, referee: Referee
) -> ChainLabeller:
    """Learn a chain of the clusters of features beside a constant."""
    few = np.concatenate(pick(views.features, referee.frames)).astype(float)
    constant = CONSTANT * float(np.sqrt((few**2).sum(axis=1).mean()))
    frames = directions(views.features, constant)
    clusters = _clusters(frames, labeller)
    correlated = correlated_share(deviations(frames, clusters))
    chain = replace(ActionChain.learn(frames, clusters, correlated), constant=constant)
    return _labeller_by(chain, labeller)


def _labeller_by(chain: ActionChain, labeller: FrameLabeller) -> ChainLabeller:
    """Return what labels by a chain, and by transport to the means of it."""
    means = chain.means[:, :-1] if chain.constant > 0 else chain.means
    actions = unit(torch.from_numpy(means.astype(np.float32))).numpy()
    return ChainLabeller(chain, replace(labeller, actions=actions))


def _clusters(
    frames: Sequence[np.ndarray], labeller: FrameLabeller
) -> list[np.ndarray]:
    """Return the nearest cluster of each frame, as shares (n_i, K)."""
    n_actions = len(labeller.actions)
    batch = spread_batch(frames, CHOICE_FRAMES, labeller.device)
    centres = k_means(batch.frames, batch, n_actions).cpu().numpy()
    eye = np.eye(n_actions, dtype=np.float32)
    return [eye[(video @ centres.T).argmax(axis=1)] for video in frames]


@dataclass(frozen=True)
class Referee:
    """Compares labels by how well those of matched frames agree.

    Parameters
    ----------
    frames : list of int64 ndarray
        Frames of each video that are looked at.
    matches : PairMatches
        Their nearest neighbours in other videos.
    groups : int64 ndarray of shape (n_frames,)
        The group of videos that each of them belongs to, or part of one of two videos.
    directions : list of float32 ndarray of shape (n_i, D)
        What is matched.
    features : sequence of float32 ndarray of shape (n_i, D)
        Of all frames.
    """

    frames: list[np.ndarray]
    matches: PairMatches
    groups: np.ndarray
    directions: list[np.ndarray]
    features: Sequence[np.ndarray]

    @classmethod
    def of(cls, views: Views) -> Referee:
        """Match frames of videos, more than one, by nearest neighbours."""
        few = [spread_frames(len(video), CHOICE_FRAMES) for video in views.features]
        seen = pick(directions(views.features), few)
        matches = match_pairs(seen, random_state=0)
        n_parts = PARTS_OF_TWO if len(few) == 2 else 1
        parts = [
            video * n_parts + np.arange(n) * n_parts // n
            for video, n in enumerate(matches.lengths)
        ]
        n_all = n_parts * len(few)
        groups = np.concatenate(parts) * min(n_all, MAX_GROUPS) // n_all
        return cls(few, matches, groups, seen, views.features)

    @cached_property
    def anywhere(self) -> tuple[np.ndarray, np.ndarray]:
        """Some frames, and the nearest to each in all other videos."""
        return nearest_anywhere(self.directions)

    @cached_property
    def in_order(self) -> bool:
        """Whether videos share an order, so that they have the same actions."""
        return has_order(find_order(self.features))

    def _matches_for(
        self, codes: Sequence[np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the matched frames by which labellings are compared.

        They are those of pairs of videos, unless the better labels agree far better
        with the nearest frames of all other videos: then pairs have few actions in
        common, or one of them has what the other lacks.
        """
        pairs = self.matches.frames, self.matches.free
        told = [matched_information(c[pairs[0]], c[pairs[1]]) for c in codes]
        if len(self.directions) < MANY or max(told) >= IN_PAIRS:  # of 1 at most
            return pairs
        one, other = self.anywhere
        far = [matched_information(c[one], c[other]) for c in codes]
        best = int(np.argmax(far))
        is_clear = is_clear_anywhere(told[best], far[best]) and not self.in_order
        return self.anywhere if is_clear else pairs

    def prefers(
        self, new: list[np.ndarray], old: list[np.ndarray], *, clearly: bool = True
    ) -> bool:
        """Tell whether new labels agree better than old ones, by more than chance.

        The standard error of the difference in adjusted mutual information is that of
        leaving out each group in turn. Not `clearly`: any difference is enough.
        """
        codes = [np.concatenate(pick(labels, self.frames)) for labels in (new, old)]
        one, other = self._matches_for(codes)
        if not clearly:
            return _gain(codes, one, other) > 0
        n = int(self.groups.max()) + 1
        without = [
            (self.groups[one] != g) & (self.groups[other] != g) for g in range(n)
        ]
        found = [_gain(codes, one[kept], other[kept]) for kept in without if kept.any()]
        gains = np.array(found)
        if len(gains) < max(n, 3):
            return False
        error = np.sqrt((n - 1) / n * ((gains - gains.mean()) ** 2).sum())
        least = stdtrit(n - 1, (1 + CONFIDENCE) / 2) * error
        return bool(_gain(codes, one, other) > max(least, 1e-9))

    def tells_no_less(
        self,
        new: list[np.ndarray],
        old: list[np.ndarray],
        features: Sequence[np.ndarray],
        *,
        times: float = 1.0,
    ) -> bool:
        """Tell whether new labels agree and are known again so many times as well.

        Both count together, and new ones have to be known again in other videos.
        """
        few, told = pick(features, self.frames), []
        both = [pick(labels, self.frames) for labels in (new, old)]
        one, other = self._matches_for([np.concatenate(codes) for codes in both])
        for codes in both:
            known, every = known_again(few, codes), np.concatenate(codes)
            agree = matched_information(every[one], every[other])
            told.append((known, max(known, 0.0) * max(agree, 0.0)))
        (known, by_new), (_, by_old) = told
        return known >= KNOWN_BY_LENGTH and by_new >= times * by_old


def _gain(codes: list[np.ndarray], one: np.ndarray, other: np.ndarray) -> float:
    new, old = (matched_information(c[one], c[other]) for c in codes)
    return new - old
