"""Labels of frames where some labels were given."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from skvas._on_demand import each, lengths_of
from skvas.labels._anchored import AnchoredEvidence
from skvas.labels._naming import (
    BaseNaming,
    Candidate,
    Evidence,
    choose_evidence,
    hide_in_turn,
    shares_of_found,
)
from skvas.labels._outlook import Outlook, asked_frames, look_out
from skvas.labels._reading import PartialLabels
from skvas.labels._stamps import fill_between
from skvas.segmentation._labeller import (
    AnyLabeller,
    ChainLabeller,
    TimelineLabeller,
    directions,
)
from skvas.timeline._carry import label_shares
from skvas.timeline._model import path_frames
from skvas.timeline._routes import average_routes
from skvas.videos._frames import sample_videos, spread_frames
from skvas.videos._views import Views

# Frames of a video, and labelled ones, that classes are learned from.
FRAMES = 256
# Probabilities of parts that are kept from the first pass over the videos, at most.
CACHED = 50_000_000
# Probability of the moment that the cheapest path gives a frame. Posteriors alone are
# worse for videos that fit has not seen, whose costs are higher.
ON_PATH = 0.5
# Share of the frames between a timestamp and the end of its segment that take its
# label: on a timeline, and elsewhere.
SURE, HALF_SURE = 0.8, 0.5
# Folds of cross-validation, at most.
N_FOLDS = 5
# What mIoU of hidden labels must gain before transport to anchored actions is left.
MARGIN = 0.06
# Weight of a one-to-one matching of found actions with labels, where one video is
# labelled; it falls with their number.
ONE_TO_ONE = 0.3


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

    base: Any
    naming: BaseNaming

    @property
    def actions(self) -> np.ndarray:
        """The actions among the embeddings."""
        found: np.ndarray = self.base.actions
        return found

    @property
    def space(self) -> str:
        """Where frames are compared with actions."""
        return str(self.base.space)

    @property
    def recurring(self) -> bool:
        """Whether an action may come back."""
        return bool(self.base.recurring)

    def labels(self, views: Views) -> list[np.ndarray]:
        """Return the action of each frame, (n_i,)."""
        return self.decode(parts_of(self.base, views), views)

    def decode(
        self,
        parts: Iterable[np.ndarray],
        views: Views,
        codes: Sequence[np.ndarray] | None = None,
    ) -> list[np.ndarray]:
        """Return the action of each frame, from the parts that it may be in.

        `codes`: labels of some frames, -1 where there is none; None: there are none.
        """
        known = [None] * len(views.videos) if codes is None else codes
        seen = zip(parts, frame_features(views), known, strict=True)
        return [self.naming.labels(*video) for video in seen]

    def shares(self, views: Views) -> list[np.ndarray]:
        """Return the probabilities of the actions at each frame, (n_i, K)."""
        return [shares.astype(np.float32) for _, shares in self.tell(views)]

    def tell(self, views: Views) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield the actions of each video's frames, and their probabilities."""
        pairs = zip(parts_of(self.base, views), frame_features(views), strict=True)
        for pair in pairs:
            logs = self.naming.log_probabilities(*pair)
            yield self.naming.decode(logs), self.naming.calibrate(logs)

    def objectives(self, views: Views) -> list[float]:
        """Return the value of each video's transport problem."""
        found: list[float] = self.base.objectives(views)
        return found

    def segment(self, views: Views) -> list[tuple[np.ndarray, float]]:
        """Return the shares of each video, and the value of its problem."""
        return list(zip(self.shares(views), self.objectives(views), strict=True))


def parts_of(
    base: AnyLabeller,
    views: Views,
    found: Sequence[np.ndarray] | None = None,
) -> Iterator[np.ndarray]:
    """Yield the parts that the frames of each video may be in, (n_i, n_parts).

    Parameters
    ----------
    base : FrameLabeller, ChainLabeller or TimelineLabeller
        What was found without labels.
    views : Views
        Some videos.
    found : sequence of int64 ndarray of shape (n_i,), default=None
        Labels that `base` gives them, where they are known already.
    """
    if isinstance(base, TimelineLabeller):
        timeline = base.timeline
        numbers = np.arange(len(timeline.moments))
        for path in path_frames(views.embeddings, views.details):
            probable = timeline.posteriors(path)
            positions = timeline.follow(path).positions
            nearest = np.rint(np.interp(positions, timeline.moments, numbers))
            probable *= 1 - ON_PATH
            probable[np.arange(len(path)), nearest.astype(np.int64)] += ON_PATH
            yield probable.astype(np.float32)
    else:
        eye = np.eye(len(base.actions), dtype=np.float32)
        for labels in base.labels(views) if found is None else found:
            yield eye[labels]


@dataclass(frozen=True)
class Settled:
    """How frames are labelled, and what is known of the videos of `fit`.

    Parameters
    ----------
    labeller : FrameLabeller, ChainLabeller, TimelineLabeller or NamedLabeller
        Labels frames.
    labels : list of int64 ndarray of shape (n_i,)
        The action of each frame of `fit`.
    outlook : Outlook
        What may be labelled next.
    """

    labeller: Any
    labels: list[np.ndarray]
    outlook: Outlook


def settle(
    base: AnyLabeller,
    found: list[np.ndarray],
    views: Views,
    given: PartialLabels | None,
    sown: PartialLabels | None = None,
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
    sown : PartialLabels, default=None
        These, and labels that were found for others. None: none were.
    """
    distance = places = None
    if isinstance(base, TimelineLabeller):
        template = base.timeline.template
        last = max(len(template.frames) - 1, 1)
        distance = np.array([passage.costs.mean() for passage in template.passages])
        places = [passage.positions / last for passage in template.passages]
    if given is None:
        asked = _asked(lengths_of(views.videos), None)
        outlook = look_out(views.embeddings, asked, found, None, None, distance, places)
        return Settled(base, found, outlook)
    asked = _asked(lengths_of(views.videos), given.codes)
    labeller, named, likely = name_actions(base, found, views, sown or given, asked)
    outlook = look_out(
        views.embeddings, asked, found, given.codes, likely, distance, places
    )
    return Settled(labeller, given.over(named), outlook)


def _asked(
    lengths: Sequence[int], codes: Sequence[np.ndarray] | None
) -> list[np.ndarray]:
    """Return the frames that may be asked for, of a sample of the videos if many."""
    sample = {*sample_videos(len(lengths)).tolist()}
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


def name_actions(
    base: AnyLabeller,
    found: Sequence[np.ndarray],
    views: Views,
    labels: PartialLabels,
    asked: Sequence[np.ndarray],
) -> tuple[NamedLabeller, list[np.ndarray], list[np.ndarray]]:
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

    Returns
    -------
    NamedLabeller
        What was learned.
    list of int64 ndarray of shape (n_i,)
        The action of each frame of `fit`.
    list of ndarray of shape (n_asked_i, K)
        Probabilities of the actions at the frames of `asked`.
    """
    n_actions, n_classes = len(base.actions), len(labels.names)
    is_shared = isinstance(base, TimelineLabeller)
    seen, sure = (views.embeddings, SURE) if is_shared else (views.features, HALF_SURE)
    codes = [
        fill_between(seen[i], code, sure) if labels.is_stamped[i] else code
        for i, code in enumerate(labels.codes)
    ]
    kept = [
        np.union1d(_looked_at(code), where)
        for code, where in zip(codes, asked, strict=True)
    ]
    few = _pick(codes, kept)
    features = frame_features(views)
    frames = _pick(features, kept)
    n_parts = n_actions
    if isinstance(base, TimelineLabeller):
        n_parts = len(base.timeline.moments)
    is_small = sum(map(len, found)) * n_parts <= CACHED
    cached = list(parts_of(base, views, found)) if is_small else None
    few_parts = [
        part[where]
        for part, where in zip(
            cached or parts_of(base, views, found), kept, strict=True
        )
    ]
    candidates: list[Candidate]
    if isinstance(base, TimelineLabeller):
        candidates = [*_on_timeline(base, views, kept, few_parts, frames, few)]
    else:
        candidates = _on_found(base, found, kept, few_parts, frames, views)
    folds = hide_in_turn(few, N_FOLDS)
    margin = MARGIN if isinstance(candidates[0], AnchoredEvidence) else 0.0
    chosen, heat = choose_evidence(
        candidates, few, folds, n_actions, n_classes, margin=margin
    )
    naming = replace(chosen.learn(few, n_actions, n_classes), temperature=heat)
    labeller = NamedLabeller(base, naming)
    likely = [
        naming.probabilities(p, f)[np.searchsorted(k, a)]
        for p, f, k, a in zip(few_parts, frames, kept, asked, strict=True)
    ]
    decoded = labeller.decode(cached or parts_of(base, views, found), views, codes)
    return labeller, decoded, likely


def _looked_at(codes: np.ndarray) -> np.ndarray:
    """Choose evenly spread frames, and evenly spread labelled ones."""
    known = np.flatnonzero(codes >= 0)
    spread = spread_frames(len(codes), FRAMES)
    if len(known):
        spread = np.union1d(spread, known[spread_frames(len(known), FRAMES)])
    return spread


def _on_timeline(
    base: TimelineLabeller,
    views: Views,
    kept: Sequence[np.ndarray],
    parts: Sequence[np.ndarray],
    frames: Sequence[np.ndarray],
    codes: Sequence[np.ndarray],
) -> list[Evidence]:
    model = base.timeline
    template = model.template.frames[model.moments]
    paths = path_frames(views.embeddings, views.details)
    costs = [1 - model.template.view(path) @ template.T for path in _pick(paths, kept)]
    some = [i for i, code in enumerate(codes) if (code >= 0).any()]
    surer = average_routes(
        model, paths, some, [kept[i] for i in some], [parts[i] for i in some]
    )
    placed = dict(zip(some, surer, strict=True))
    shares = partial(_shares_of_moments, placed, costs, model.cut.actions)
    return [
        Evidence(parts, frames, shares, by_part, by_frame)
        # More weight for frames would suit the videos of fit, and mislead in others.
        for by_part, by_frame in ((1.0, 0.3), (1.0, 0.0))
    ]


def _on_found(
    base: AnyLabeller,
    found: Sequence[np.ndarray],
    kept: Sequence[np.ndarray],
    parts: Sequence[np.ndarray],
    frames: Sequence[np.ndarray],
    views: Views,
) -> list[Candidate]:
    shares = partial(_shares_of_found, _pick(found, kept), parts[0].shape[1])
    n_embedding = views.embeddings[0].shape[1]
    is_embedding = np.arange(frames[0].shape[1]) < n_embedding
    anchored = AnchoredEvidence(parts, frames, shares, n_embedding)
    judged = [
        Evidence(parts, frames, shares, by_part, by_frame, is_embedding)
        for by_part, by_frame in ((0.3, 0.3), (1.0, 0.3), (0.0, 1.0))
    ]
    # Actions of any share and duration, which chains find, are not for transport.
    if isinstance(base, ChainLabeller):
        return [*judged, anchored]
    return [anchored, *judged]


def _pick(
    arrays: Sequence[np.ndarray], frames: Sequence[np.ndarray]
) -> list[np.ndarray]:
    return [array[where] for array, where in zip(arrays, frames, strict=True)]


def _shares_of_moments(
    parts: Mapping[int, np.ndarray],
    costs: Sequence[np.ndarray],
    actions: np.ndarray,
    codes: Sequence[np.ndarray],
    n_actions: int,
) -> np.ndarray:
    some = [i for i, code in enumerate(codes) if (code >= 0).any()]
    shares = label_shares(
        [parts[i] for i in some],
        [costs[i] for i in some],
        [codes[i] for i in some],
        n_actions,
    )
    n_classes = 1 + max(code.max() for code in codes)
    if n_classes == n_actions:
        return shares
    # Where labelled videos have frames without labels, actions without labels may be.
    visits = sum(parts[i].sum(axis=0) for i in some)
    known = sum(parts[i][codes[i] >= 0].sum(axis=0) for i in some)
    sure = known / visits
    found = [actions[parts[i].argmax(axis=1)] for i in some]
    guess = shares_of_found(
        found, [codes[i] for i in some], n_actions, n_actions, one_to_one=1.0
    )[actions]
    mixed: np.ndarray = sure[:, None] * shares + (1 - sure[:, None]) * guess
    return mixed


def _shares_of_found(
    found: Sequence[np.ndarray],
    n_found: int,
    codes: Sequence[np.ndarray],
    n_actions: int,
) -> np.ndarray:
    n_labelled = sum((code >= 0).any() for code in codes)
    weight = ONE_TO_ONE / max(n_labelled, 1)
    return shares_of_found(found, codes, n_found, n_actions, one_to_one=weight)
