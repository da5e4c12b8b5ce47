"""Labels of frames where some labels were given."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import repeat
from typing import NamedTuple

import numpy as np
from scipy.special import logit

from skvas._on_demand import choose, each, lengths_of
from skvas.decoding import n_segments, segments_an_action
from skvas.labels._anchored import AnchoredEvidence
from skvas.labels._chained import (
    USUAL_CHAINED,
    ChainedNaming,
    Succession,
    known_labels,
    tell_all,
)
from skvas.labels._naming import (
    BaseNaming,
    Candidate,
    Evidence,
    Naming,
    choose_evidence,
    hide,
    hide_in_turn,
    share_told,
    shares_of_found,
    temperature_of_hidden,
)
from skvas.labels._outlook import Outlook, asked_frames, look_out
from skvas.labels._reading import PartialLabels
from skvas.labels._stamps import HALF_SURE, SURE
from skvas.options._groups import DECODED
from skvas.segmentation._again import FoundAgain
from skvas.segmentation._labeller import (
    BaseLabeller,
    ChainLabeller,
    TimelineLabeller,
    directions,
    pick,
)
from skvas.timeline._carry import (
    FIT_WIDTH,
    SEGMENT_MOMENTS,
    label_shares,
    moments_for,
)
from skvas.timeline._model import path_frames
from skvas.timeline._routes import average_routes
from skvas.videos._frames import (
    labelled_videos,
    nearest_of,
    sample_videos,
    spread_frames,
)
from skvas.videos._views import Views

# Frames of a video, and labelled ones, that classes are learned from; of each labelled
# segment so many, where no order is shared, and of a video at most.
FRAMES = 256
SEGMENT_FRAMES, MANY_FRAMES = 16, 1024
# Probabilities of parts that are kept from the first pass over the videos, at most, or
# are learned from, unless parts are few.
CACHED = 50_000_000
# Folds of cross-validation, at most.
N_FOLDS = 5
# What mIoU of hidden labels must gain before transport to anchored actions is left, and
# before looks count as much as places on a timeline, or more.
MARGIN, LOOK_MARGIN = 0.06, 0.03
# Weights of the place on a timeline and of the look: as they mostly are, and where many
# labels show that looks tell more.
PLACED, LOOKED = ((1.0, 0.3), (1.0, 0.0)), ((1.0, 1.0), (0.3, 1.0))
# No share of frames that are right is taken for less, or for more than the rest, and
# weights are far less below such a share of others.
RARELY, FAR_LESS = 0.01, 0.7
# Actions recur where labelled videos show so many segments of each, and more.
RECURS = 1.5
# Weight of a one-to-one matching of found actions with labels, where one video is
# labelled; it falls with their number.
ONE_TO_ONE = 0.3
# Moments of a timeline that labelled frames fit less than so often as is usual have the
# labels that what was found there has at other moments, or none if it has none.
SELDOM = 0.1
# What recordings of a part of the activity are farther from the template than whole
# ones: as far as two frames can be.
FARTHEST = 2.0


@dataclass(frozen=True)
class NamedLabeller:
    """Labels frames by what was learned from some labels.

    Parameters
    ----------
    base : FrameLabeller, ChainLabeller or TimelineLabeller
        What was found without labels.
    naming : BaseNaming
        What was learned from them.
    """

    base: BaseLabeller
    naming: BaseNaming

    def labels(self, views: Views) -> list[np.ndarray]:
        """Return the action of each frame, (n_i,)."""
        return self.decode(self.base.parts(views), views)

    def decode(
        self,
        parts: Iterable[np.ndarray],
        views: Views,
        codes: Sequence[np.ndarray] | None = None,
    ) -> list[np.ndarray]:
        """Return the action of each frame, from the parts that it may be in.

        `codes`: labels of some frames, -1 where there is none; None: there are none.
        """
        return [self.naming.decode(logs) for logs in self._logs(parts, views, codes)]

    def shares(self, views: Views) -> list[np.ndarray]:
        """Return the probabilities of the actions at each frame, (n_i, K)."""
        calibrate = self.naming.calibrate
        logs = self._logs(self.base.parts(views), views)
        return [calibrate(video).astype(np.float32) for video in logs]

    def labels_and_shares(
        self, views: Views
    ) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Return what `labels` and `shares` do, with no work done twice; in float64."""
        decode, calibrate = self.naming.decode, self.naming.calibrate
        logs = self._logs(self.base.parts(views), views)
        found = [(decode(video), calibrate(video)) for video in logs]
        return [codes for codes, _ in found], [shares for _, shares in found]

    def _logs(
        self,
        parts: Iterable[np.ndarray],
        views: Views,
        codes: Sequence[np.ndarray] | None = None,
    ) -> Iterator[np.ndarray]:
        """Yield the log probabilities of the actions at the frames of each video."""
        known = [None] * len(views.videos) if codes is None else codes
        seen = zip(parts, frame_features(views), known, strict=True)
        return self.naming.logs_of(seen)


def name_labeller(base: BaseLabeller, naming: BaseNaming) -> NamedLabeller:
    """Label frames by what was learned from some labels.

    Parameters
    ----------
    base : FrameLabeller, ChainLabeller or TimelineLabeller
        What was found without labels. A timeline gets as many moments as labels tell
        of.
    naming : BaseNaming
        What was learned from them.
    """
    if isinstance(base, TimelineLabeller) and isinstance(naming, Naming):
        base = base.with_parts(len(naming.shares))
    return NamedLabeller(base, naming)


@dataclass(frozen=True)
class Settled:
    """How frames are labelled, and what is known of the videos of `fit`.

    Parameters
    ----------
    base : FrameLabeller, ChainLabeller or TimelineLabeller
        Labels frames where no label was given.
    naming : BaseNaming or None
        What was learned from labels; None if there were none.
    names : ndarray of shape (K,)
        Names of the actions: labels, and numbers where there are none.
    labels : list of int64 ndarray of shape (n_i,)
        The action of each frame of `fit`.
    outlook : Outlook
        What may be labelled next.
    boundaries : {"decoded", "frames"}, default="decoded"
        Where segments begin.
    again : FoundAgain, default=None
        How often halves of the videos lead to the same labels. None: it is not known.
    score : float, default=None
        The mIoU of labels that are hidden, one labelled video after the other. None:
        fewer than two videos have labels.
    """

    base: BaseLabeller
    naming: BaseNaming | None
    names: np.ndarray
    labels: list[np.ndarray]
    outlook: Outlook
    boundaries: str = DECODED
    again: FoundAgain | None = None
    score: float | None = None

    @property
    def doubt(self) -> float:
        """Weight of equal shares beside those of the actions."""
        return 0.0 if self.again is None else self.again.doubt


def settle(
    base: BaseLabeller,
    found: list[np.ndarray],
    views: Views,
    given: PartialLabels | None,
    sown: PartialLabels | None,
    related: np.ndarray,
) -> Settled:
    """Label the frames of `fit`, by labels of some of them if there are any.

    Parameters
    ----------
    base : FrameLabeller, ChainLabeller or TimelineLabeller
        What was found without labels.
    found : list of int64 ndarray of shape (n_i,)
        Its labels of the frames of `fit`.
    views : Views
        The videos of `fit`.
    given : PartialLabels or None
        Labels of some of their frames.
    sown : PartialLabels or None
        Those of the related videos, and labels that were found for others of their
        frames. None: none were.
    related : int64 ndarray
        Positions of the videos that labels are learned with; the others are labelled as
        new ones are.
    """
    lengths = lengths_of(views.videos)
    distance = places = None
    if isinstance(base, TimelineLabeller):
        template = base.timeline.template
        last = max(len(template.frames) - 1, 1)
        distance = np.array([p.costs.mean() for p in template.passages])
        distance += [FARTHEST * (p.part is not None) for p in template.passages]
        places = [passage.positions / last for passage in template.passages]
    if given is None:
        asked = _asked(lengths, related, None)
        outlook = look_out(views.embeddings, asked, found, None, None, distance, places)
        return Settled(base, None, np.arange(len(base.actions)), found, outlook)
    asked, known = _asked(lengths, related, given.codes), given.of(related)
    named = learn_naming(
        base.of(related) if isinstance(base, TimelineLabeller) else base,
        choose(found, related),
        views.choose(related),
        sown or known,
        choose(asked, related),
        known.codes,
    )
    labels, likely = _with_strangers(base, named, views, asked, related)
    outlook = look_out(
        views.embeddings, asked, found, given.codes, likely, distance, places
    )
    return Settled(
        base,
        named.naming,
        given.action_names(len(base.actions)),
        given.over(labels),
        outlook,
        score=named.score,
    )


def _with_strangers(
    base: BaseLabeller,
    named: Named,
    views: Views,
    asked: Sequence[np.ndarray],
    related: np.ndarray,
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return the labels of all videos, and how likely actions are where it is asked.

    Those that are not related are labelled as new videos are.
    """
    strangers = np.setdiff1d(np.arange(len(asked)), related)
    if not len(strangers):
        return named.labels, named.likely
    labels = dict(zip(related.tolist(), named.labels, strict=True))
    likely = dict(zip(related.tolist(), named.likely, strict=True))
    labeller = name_labeller(base, named.naming)
    told = labeller.labels_and_shares(views.choose(strangers))
    for index, codes, shares in zip(strangers.tolist(), *told, strict=True):
        labels[index], likely[index] = codes, shares[asked[index]]
    every = range(len(asked))
    return [labels[i] for i in every], [likely[i] for i in every]


def _asked(
    lengths: Sequence[int], related: np.ndarray, codes: Sequence[np.ndarray] | None
) -> list[np.ndarray]:
    """Return the frames that may be asked for.

    Of many related videos, of a sample; and of those that are not.
    """
    sample = {*range(len(lengths))}.difference(related.tolist())
    sample.update(related[sample_videos(len(related))].tolist())
    nothing = np.empty(0, dtype=np.int64)
    asked = []
    for index, n in enumerate(lengths):
        known = nothing if codes is None else np.flatnonzero(codes[index] >= 0)
        is_seen = index in sample or len(known)
        asked.append(asked_frames(n, known) if is_seen else nothing)
    return asked


def frame_features(views: Views) -> Sequence[np.ndarray]:
    """Put embeddings and directions of features side by side.

    Parameters
    ----------
    views : Views
        Of some videos.

    Returns
    -------
    sequence of ndarray of shape (n_i, D + d)
    """
    return each(_side_by_side, views.embeddings, directions(views.features))


def _side_by_side(*parts: np.ndarray) -> np.ndarray:
    return np.hstack(parts)


class Named(NamedTuple):
    """What was learned from some labels, and the labels of all frames."""

    naming: BaseNaming
    labels: list[np.ndarray]
    """The action of each frame of `fit`, (n_i,) of each video."""
    likely: list[np.ndarray]
    """Probabilities of the actions at the frames asked for, (n_asked_i, K)."""
    score: float | None
    """As in `Settled`."""


def learn_naming(
    base: BaseLabeller,
    found: Sequence[np.ndarray],
    views: Views,
    labels: PartialLabels,
    asked: Sequence[np.ndarray],
    given: Sequence[np.ndarray],
) -> Named:
    """Learn from some labels what tells the actions, and label all frames.

    Parameters
    ----------
    base : FrameLabeller, ChainLabeller or TimelineLabeller
        What was found without labels.
    found : sequence of int64 ndarray of shape (n_i,)
        Its labels of the frames of `fit`.
    views : Views
        The videos of `fit`.
    labels : PartialLabels
        Labels of some of their frames.
    asked : sequence of int64 ndarray of shape (n_asked_i,)
        Frames of each video whose probabilities are of interest.
    given : sequence of int64 ndarray of shape (n_i,)
        Those of the labels that the user gave.

    Returns
    -------
    Named
    """
    n_actions, n_classes = len(base.actions), len(labels.names)
    is_shared = isinstance(base, TimelineLabeller)
    if is_shared:
        codes = labels.filled(views.embeddings, found, SURE)
    else:  # actions that were found end elsewhere about as often as not
        endless = [np.zeros_like(actions) for actions in found]
        codes = labels.filled(views.features, endless, HALF_SURE)
    if isinstance(base, TimelineLabeller):
        few_enough = CACHED // (FRAMES * len(codes))
        base = base.with_parts(min(moments_for(codes), few_enough))
    of_segment = SEGMENT_MOMENTS if is_shared else SEGMENT_FRAMES
    kept = [
        np.union1d(_looked_at(code, of_segment), where)
        for code, where in zip(codes, asked, strict=True)
    ]
    few = pick(codes, kept)
    features = frame_features(views)
    frames = pick(features, kept)
    parts = partial(base.parts, views, found)
    is_small = sum(map(len, found)) * base.n_parts <= CACHED
    cached = list(parts()) if is_small else None
    few_parts = pick(cached or parts(), kept)
    candidates: list[Candidate]
    margin, n_favoured = 0.0, 1
    if isinstance(base, TimelineLabeller):
        placed = _on_timeline(base, views, kept, few_parts, frames, few)
        candidates = [*_balanced(placed, base, few, n_actions, n_classes)]
        margin, n_favoured = LOOK_MARGIN, len(PLACED)
    else:
        often = segments_an_action(known_labels(codes))
        recurs = isinstance(base, ChainLabeller) or often > RECURS
        candidates = _on_found(recurs, found, kept, few_parts, frames, views)
        margin = MARGIN if isinstance(candidates[0], AnchoredEvidence) else 0.0
    folds = hide_in_turn(few, N_FOLDS)
    numbers = n_actions, n_classes
    chosen = choose_evidence(
        candidates, few, folds, *numbers, margin=margin, n_favoured=n_favoured
    )
    naming = replace(
        chosen.candidate.learn(few, n_actions, n_classes),
        temperature=chosen.temperature,
    )
    if not is_shared:
        naming = _with_succession(naming, frames, kept, given, few, folds, chosen.logs)
    shown = zip(few_parts, frames, repeat(None, len(kept)), strict=True)
    likely = [
        naming.calibrate(told)[np.searchsorted(k, a)]
        for told, k, a in zip(naming.logs_of(shown), kept, asked, strict=True)
    ]
    decoded = NamedLabeller(base, naming).decode(cached or parts(), views, codes)
    are_many = n_labelled(few) > 1
    return Named(naming, decoded, likely, chosen.score if are_many else None)


def _with_succession(
    naming: BaseNaming,
    frames: Sequence[np.ndarray],
    kept: Sequence[np.ndarray],
    given: Sequence[np.ndarray],
    codes: Sequence[np.ndarray],
    folds: Sequence[Sequence[np.ndarray]],
    logs: Sequence[Mapping[int, np.ndarray]],
) -> BaseNaming:
    """Let what labelled videos do after what have a say, where any of them tells.

    Parameters
    ----------
    naming : BaseNaming
        Tells the actions of each frame.
    frames : sequence of ndarray of shape (n_kept_i, n_features)
        Features of some frames of each video.
    kept : sequence of int64 ndarray of shape (n_kept_i,)
        Which frames these are.
    given : sequence of int64 ndarray of shape (n_i,)
        The labels of all frames as they were given, -1 where there is none.
    codes : sequence of int64 ndarray of shape (n_kept_i,)
        Those of some frames as they were filled.
    folds : sequence of sequence of bool ndarray of shape (n_kept_i,)
        The frames whose labels were hidden in turn.
    logs : sequence of mapping of int to ndarray
        What `naming` then told of them.
    """
    if not tell_all(given, naming.n_actions):
        return naming
    succession = Succession.learn(frames, kept, given, naming.n_actions)
    assert succession is not None
    heat = USUAL_CHAINED
    if n_labelled(codes) > 1:
        everywhere = [_spread_out(hidden, kept, given) for hidden in folds]
        heat = temperature_of_hidden(
            [
                _followed_up(naming, told, frames, kept, hide(given, hidden))
                for told, hidden in zip(logs, everywhere, strict=True)
            ],
            codes,
            folds,
        )
    return ChainedNaming(naming, succession, temperature=heat)


def n_labelled(codes: Sequence[np.ndarray]) -> int:
    """Count the videos with labels, of which -1 is none."""
    return len(labelled_videos(codes))


def _followed_up(
    naming: BaseNaming,
    logs: Mapping[int, np.ndarray],
    frames: Sequence[np.ndarray],
    kept: Sequence[np.ndarray],
    codes: Sequence[np.ndarray],
) -> dict[int, np.ndarray]:
    """Chain the log probabilities of some videos, by what labels of others tell."""
    tempered = [naming.temper(log) for log in logs.values()]
    succession = Succession.learn(frames, kept, codes, naming.n_actions)
    if succession is not None:
        seen = [frames[i] for i in logs], [codes[i][kept[i]] for i in logs]
        tempered = succession.follow_up(tempered, *seen)
    return dict(zip(logs, tempered, strict=True))


def _spread_out(
    hidden: Sequence[np.ndarray],
    kept: Sequence[np.ndarray],
    codes: Sequence[np.ndarray],
) -> list[np.ndarray]:
    """Hide all frames whose nearest one, of those that were kept, is hidden."""
    spread = []
    for flags, at, code in zip(hidden, kept, codes, strict=True):
        every = np.zeros(len(code), dtype=bool)
        every[at] = flags
        spread.append(every[nearest_of(at, len(code))])
    return spread


def _looked_at(codes: np.ndarray, of_segment: int) -> np.ndarray:
    """Choose evenly spread frames, and labelled ones: so many of a segment, or more."""
    known = np.flatnonzero(codes >= 0)
    spread = spread_frames(len(codes), FRAMES)
    if len(known):
        n_frames = max(FRAMES, of_segment * n_segments([codes[known]]))
        few = spread_frames(len(known), min(n_frames, MANY_FRAMES))
        spread = np.union1d(spread, known[few])
    for short in np.setdiff1d(codes[known], codes[spread]):  # between all of these
        where = np.flatnonzero(codes == short)
        spread = np.union1d(spread, where[spread_frames(len(where), FRAMES)])
    return spread


def _on_timeline(
    base: TimelineLabeller,
    views: Views,
    kept: Sequence[np.ndarray],
    parts: Sequence[np.ndarray],
    frames: Sequence[np.ndarray],
    codes: Sequence[np.ndarray],
) -> Evidence:
    model = base.timeline
    template = model.template.frames[model.moments]
    paths = path_frames(views.embeddings, views.details)
    some = labelled_videos(codes)
    seen = {i: model.template.view(paths[i][kept[i]]) for i in some}
    costs = {i: 1 - view @ template.T for i, view in seen.items()}
    surer = average_routes(
        model, paths, some, [kept[i] for i in some], [parts[i] for i in some]
    )
    placed = _Placed(dict(zip(some, surer, strict=True)), costs, model.cut.actions)
    return Evidence(parts, frames, placed.shares, *PLACED[0])


def _balanced(
    placed: Evidence,
    base: TimelineLabeller,
    codes: Sequence[np.ndarray],
    n_actions: int,
    n_classes: int,
) -> list[Evidence]:
    """Return what may tell actions on a timeline: weights of place and of look.

    Stretches of the labelled videos are hidden in turn, and say how much looks tell;
    places tell about the share to which order is kept. Weights that follow from both
    shares are those of boosting [1]_. Of a lone labelled video looks count fully where
    places have far less; of several, looks may lead where they have more weight, and
    these videos, hidden in turn, choose.

    References
    ----------
    .. [1] J. Zhu, H. Zou, S. Rosset, T. Hastie, "Multi-class AdaBoost", Statistics and
       Its Interface 2, 2009, equation (1).
    """
    ways: tuple[tuple[float, float], ...] = PLACED
    is_lone, order = n_labelled(codes) < 2, base.timeline.order
    if order is None:
        ways += () if is_lone else LOOKED
    else:
        look = replace(placed, by_part=0.0, by_frame=1.0)
        told = share_told(look, codes, n_actions, n_classes)
        by_place, by_look = (
            logit(np.clip(share, RARELY, 1 - RARELY)) + np.log(max(n_actions - 1, 1))
            for share in (order.value, told)
        )
        if not is_lone and by_place < by_look:
            ways += LOOKED
        elif is_lone and by_look > 0 and by_place < FAR_LESS * by_look:
            ways = ((max(by_place / by_look, LOOKED[1][0]), 1.0),)
    return [replace(placed, by_part=part, by_frame=frame) for part, frame in ways]


def _on_found(
    recurs: bool,
    found: Sequence[np.ndarray],
    kept: Sequence[np.ndarray],
    parts: Sequence[np.ndarray],
    frames: Sequence[np.ndarray],
    views: Views,
) -> list[Candidate]:
    shares = partial(_shares_of_found, pick(found, kept), parts[0].shape[1])
    n_embedding = views.embeddings[0].shape[1]
    is_embedding = np.arange(frames[0].shape[1]) < n_embedding
    anchored = AnchoredEvidence(parts, frames, shares, n_embedding)
    judged = [
        Evidence(parts, frames, shares, by_part, by_frame, is_embedding)
        for by_part, by_frame in ((0.3, 0.3), (1.0, 0.3), (0.0, 1.0))
    ]
    # Actions of any share and duration, which chains find, are not for transport, nor
    # are those that come more than once.
    return [*judged, anchored] if recurs else [anchored, *judged]


@dataclass(frozen=True)
class _Placed:
    """Frames of labelled videos on a timeline.

    Parameters
    ----------
    parts : mapping of int to ndarray of shape (n_i, n_moments)
        Probability of each moment at the frames of each video.
    costs : mapping of int to ndarray of shape (n_i, n_moments)
        What the frames cost there.
    actions : int64 ndarray of shape (n_moments,)
        The action that was found at each moment.
    """

    parts: Mapping[int, np.ndarray]
    costs: Mapping[int, np.ndarray]
    actions: np.ndarray

    @cached_property
    def fitting(self) -> dict[int, np.ndarray]:
        """How far the frames of each video may be at each moment, and fit."""
        costs = self.costs
        return {i: p * np.exp(-costs[i] / FIT_WIDTH) for i, p in self.parts.items()}

    @cached_property
    def found(self) -> dict[int, np.ndarray]:
        """The action that was found at each frame of each video."""
        return {i: self.actions[p.argmax(axis=1)] for i, p in self.parts.items()}

    def shares(self, codes: Sequence[np.ndarray], n_actions: int) -> np.ndarray:
        """Return the shares of the actions at each moment, (n_moments, n_actions).

        Parameters
        ----------
        codes : sequence of int64 ndarray of shape (n_i,)
            Labels of the frames of all videos, -1 where there is none.
        n_actions : int
            Number of actions.
        """
        some = labelled_videos(codes)
        parts, labels = [self.parts[i] for i in some], [codes[i] for i in some]
        costs = [self.costs[i] for i in some]
        shares = label_shares(parts, costs, labels, n_actions)
        fitting = [self.fitting[i][codes[i] >= 0].sum(axis=0) for i in some]
        told = np.sum(fitting, axis=0)
        sure = np.minimum(1, told / (SELDOM * told.mean()))
        known = np.concatenate(labels)
        has_all = len(np.unique(known[known >= 0])) == n_actions
        guess = shares_of_found(
            [self.found[i] for i in some],
            labels,
            n_actions,
            n_actions,
            one_to_one=0.0 if has_all else 1.0,
        )[self.actions]
        mixed: np.ndarray = sure[:, None] * shares + (1 - sure[:, None]) * guess
        return mixed


def _shares_of_found(
    found: Sequence[np.ndarray],
    n_found: int,
    codes: Sequence[np.ndarray],
    n_actions: int,
) -> np.ndarray:
    weight = ONE_TO_ONE / max(n_labelled(codes), 1)
    return shares_of_found(found, codes, n_found, n_actions, one_to_one=weight)
