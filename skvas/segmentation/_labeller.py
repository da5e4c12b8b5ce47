"""What a fitted estimator labels frames with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol

import numpy as np
import torch
from torch import nn

from skvas._on_demand import each, lengths_of
from skvas.decoding import plan_to_labels
from skvas.metrics import match_pairs
from skvas.nn._model import embed, on_device
from skvas.segmentation._chain import ActionChain
from skvas.segmentation._choice import agreement
from skvas.timeline._model import TimelineModel, path_frames
from skvas.training._survey import CHOICE_FRAMES
from skvas.transport import unit
from skvas.videos._batch import pad, unpad
from skvas.videos._frames import sample_videos, spread_frames
from skvas.videos._jobs import decode_in_jobs
from skvas.videos._views import Views

# Share of the consistency before training that has to be there after it.
MIN_CONSISTENCY_RATIO = 0.98
# Probability of the moment that the cheapest path gives a frame. Posteriors alone are
# worse for videos that fit has not seen, whose costs are higher.
ON_PATH = 0.5


class Labeller(Protocol):
    """Labels frames."""

    def labels(self, views: Views) -> list[np.ndarray]:
        """Return the action of each frame, (n_i,)."""

    def shares(self, views: Views) -> list[np.ndarray]:
        """Return how each frame is shared out among the actions, (n_i, K)."""

    def labels_and_shares(
        self, views: Views
    ) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Return what `labels` and `shares` do, with no work done twice."""


class BaseLabeller(Labeller, Protocol):
    """Labels frames where no label was given.

    Attributes
    ----------
    actions : ndarray of shape (K, D)
        Unit vectors.
    space : {"features", "embedding", "timeline"}
        Where frames are compared with the actions.
    recurring : bool
        Whether an action may come back.
    n_parts : int
        Number of parts of a video that labels are carried by: moments of a timeline,
        or actions.
    """

    @property
    def actions(self) -> np.ndarray: ...
    @property
    def space(self) -> str: ...
    @property
    def recurring(self) -> bool: ...
    @property
    def n_parts(self) -> int: ...

    def parts(
        self, views: Views, found: Sequence[np.ndarray] | None = None
    ) -> Iterator[np.ndarray]:
        """Yield the parts that the frames of each video may be in, (n_i, n_parts).

        `found`: what `labels` returns, where that is known already.
        """


class _LabelsInAnyOrder:
    """What labellers have in common that keep no action from coming back."""

    recurring = True

    def labels_and_shares(
        self: Labeller, views: Views
    ) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Return what `labels` and `shares` do, with no work done twice."""
        shares = self.shares(views)
        return [plan_to_labels(share) for share in shares], shares

    @property
    def n_parts(self: BaseLabeller) -> int:
        """The number of parts, which are the actions."""
        return len(self.actions)

    def parts(
        self: BaseLabeller, views: Views, found: Sequence[np.ndarray] | None = None
    ) -> Iterator[np.ndarray]:
        """Yield the parts that the frames of each video may be in, (n_i, n_parts)."""
        eye = np.eye(len(self.actions), dtype=np.float32)
        for labels in self.labels(views) if found is None else found:
            yield eye[labels]


@dataclass(frozen=True)
class FrameLabeller(_LabelsInAnyOrder):
    """Labels frames by transport to the actions.

    Parameters
    ----------
    task : segmentation task
        The problem.
    actions : ndarray of shape (K, D)
        Unit vectors, among the features or the embeddings.
    space : {"features", "embedding"}
        Where frames are compared with them.
    device : torch.device
        Where to compute.
    n_jobs : int, default=None
        Processes, by joblib.
    encoder : Module, default=None
        Embeds frames where they are labelled, so that they stay on the device. None:
        the views have embedded them.
    """

    task: Any
    actions: np.ndarray
    space: str
    device: torch.device
    n_jobs: int | None = None
    encoder: nn.Module | None = None

    def labels(self, views: Views) -> list[np.ndarray]:
        """Return the action of each frame, (n_i,)."""
        return self._decode(_label, views)

    def shares(self, views: Views) -> list[np.ndarray]:
        """Return how each frame is shared out among the actions, (n_i, K)."""
        return [shares for shares, _ in self._decode(_segment, views)]

    def objectives(self, views: Views) -> list[float]:
        """Return the value of each video's transport problem."""
        return [objective for _, objective in self._decode(_segment, views)]

    def frames(self, views: Views) -> Sequence[np.ndarray]:
        """Return what is compared with the actions, unit vectors."""
        if self.space == "features":
            return directions(views.features)
        return views.embeddings if self.encoder is None else views.features

    def _decode(self, decode: Callable[..., list[Any]], views: Views) -> list[Any]:
        placed = None if self.encoder is None else on_device(self.encoder, self.device)
        common = (self.actions, self.task, str(self.device), placed)
        return decode_in_jobs(
            decode,
            self.frames(views),
            common,
            width=len(self.actions),
            n_jobs=self.n_jobs,
            step="labelling recordings",
        )


@dataclass(frozen=True)
class ChainLabeller(_LabelsInAnyOrder):
    """Labels frames by a hidden Markov model of the actions.

    Parameters
    ----------
    chain : ActionChain
        The model.
    transport : FrameLabeller
        Its actions are the directions of the means of the model.
    """

    chain: ActionChain
    transport: FrameLabeller

    @property
    def actions(self) -> np.ndarray:
        """The actions among the frames."""
        return self.transport.actions

    @property
    def space(self) -> str:
        """Where frames are compared with the actions."""
        return self.transport.space

    def labels(self, views: Views) -> list[np.ndarray]:
        """Return the action of each frame, (n_i,)."""
        return [plan_to_labels(shares) for shares in self.shares(views)]

    def frames(self, views: Views) -> Sequence[np.ndarray]:
        """Return what the model looks at, unit vectors."""
        constant = self.chain.constant
        if constant > 0:
            return directions(views.features, constant)
        return self.transport.frames(views)

    def shares(self, views: Views) -> list[np.ndarray]:
        """Return the probabilities of the actions at each frame, (n_i, K)."""
        return decode_in_jobs(
            _posteriors,
            self.frames(views),
            (self.chain,),
            width=len(self.chain.means),
            n_jobs=self.transport.n_jobs,
            step="labelling recordings",
        )


@dataclass(frozen=True)
class TimelineLabeller:
    """Labels frames by their positions on the timeline of all videos.

    Parameters
    ----------
    timeline : TimelineModel
        The axis and its actions.
    transport : FrameLabeller
        Labels frames without regard to order, by actions among the embeddings.
    """

    timeline: TimelineModel
    transport: FrameLabeller

    space = "timeline"

    @property
    def actions(self) -> np.ndarray:
        """The actions among the embeddings."""
        return self.transport.actions

    @property
    def recurring(self) -> bool:
        """Whether an action may come back."""
        return self.timeline.cut.recurring

    def labels(self, views: Views) -> list[np.ndarray]:
        """Return the action of each frame, (n_i,)."""
        return self._decode(_actions, self.frames(views))

    def shares(self, views: Views) -> list[np.ndarray]:
        """Return how each frame is shared out among the actions, (n_i, K)."""
        return self._decode(_action_shares, self.frames(views))

    def labels_and_shares(
        self, views: Views
    ) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Return what `labels` and `shares` do, with no work done twice."""
        frames = self.frames(views)
        return self._decode(_actions, frames), self._decode(_action_shares, frames)

    @property
    def n_parts(self) -> int:
        """The number of parts, which are the moments."""
        return len(self.timeline.moments)

    def with_parts(self, n_parts: int) -> TimelineLabeller:
        """Return the same with so many parts, as far as it has fewer moments."""
        return replace(self, timeline=self.timeline.finer(n_parts))

    def of(self, videos: np.ndarray) -> TimelineLabeller:
        """Return the same with the passages of some of the videos alone."""
        return replace(self, timeline=self.timeline.of(videos))

    def parts(
        self, views: Views, found: Sequence[np.ndarray] | None = None
    ) -> Iterator[np.ndarray]:
        """Yield the parts that the frames of each video may be in, (n_i, n_parts)."""
        timeline = self.timeline
        numbers = np.arange(self.n_parts)
        for path in self.frames(views):
            positions = timeline.follow(path).positions
            nearest = np.rint(np.interp(positions, timeline.moments, numbers))
            parts = np.empty((len(path), self.n_parts), dtype=np.float32)
            for rows, probable in timeline.each_posterior(path):
                probable *= 1 - ON_PATH
                on_path = nearest[rows].astype(np.int64)
                probable[np.arange(len(probable)), on_path] += ON_PATH
                parts[rows] = probable
            yield parts

    def frames(self, views: Views) -> Sequence[np.ndarray]:
        """Return what is compared with the timeline, unit vectors."""
        return path_frames(views.embeddings, views.details)

    def _decode(
        self, decode: Callable[..., list[Any]], frames: Sequence[np.ndarray]
    ) -> list[Any]:
        return decode_in_jobs(
            decode,
            frames,
            (self.timeline,),
            width=len(self.timeline.template.frames),
            n_jobs=self.transport.n_jobs,
            step="labelling recordings",
        )


def choose_labeller(
    labellers: Sequence[FrameLabeller], views: Views, in_order: bool
) -> tuple[FrameLabeller, list[np.ndarray]]:
    """Return the labeller to keep, and its labels.

    Of more than 128 videos, a sample of as many decides.

    Parameters
    ----------
    labellers : sequence of FrameLabeller
        One, or the one before training and the one after it: training serves two
        tasks, or pseudo-labels alone, and may blur the actions.
    views : Views
        The videos of `fit`.
    in_order : bool
        Whether they share an order.
    """
    if len(labellers) == 1:
        return labellers[0], labellers[0].labels(views)
    some = views.choose(sample_videos(len(views.videos)))
    labels = [labeller.labels(some) for labeller in labellers]
    few = [spread_frames(n, CHOICE_FRAMES) for n in lengths_of(some.features)]
    matches = match_pairs(pick(directions(some.features), few), random_state=0)
    before, after = (agreement(pick(found, few), matches, in_order) for found in labels)
    best = int(after >= MIN_CONSISTENCY_RATIO * before)
    found = labels[best] if some is views else labellers[best].labels(views)
    return labellers[best], found


def pick(
    arrays: Iterable[np.ndarray], frames: Sequence[np.ndarray]
) -> list[np.ndarray]:
    """Return some frames of each video."""
    return [array[where] for array, where in zip(arrays, frames, strict=True)]


def directions(
    features: Sequence[np.ndarray], constant: float = 0.0
) -> Sequence[np.ndarray]:
    """Scale frames to length one, as embeddings are.

    Beside a constant, if there is one: the larger, the more their length counts.
    """
    return each(partial(_directions, constant=constant), features)


def _directions(video: np.ndarray, constant: float) -> np.ndarray:
    if constant > 0:
        column = np.full((len(video), 1), constant, dtype=video.dtype)
        video = np.hstack([video, column])
    found: np.ndarray = unit(torch.tensor(video)).numpy()
    return found


def _segment(
    frames: list[np.ndarray],
    actions: np.ndarray,
    task: Any,
    device: str,
    encoder: nn.Module | None = None,
) -> list[tuple[np.ndarray, float]]:
    """Return rows of the plans, summing to 1, and the objectives of a batch."""
    batch = pad(frames, torch.device(device))
    embedded = batch.frames if encoder is None else embed(encoder, batch)
    found = task.solve(embedded, batch, torch.from_numpy(actions).to(embedded))
    lengths = batch.lengths.to(found.plan.device)
    shares = unpad(found.plan * lengths[:, None, None], batch.lengths)
    return list(zip(shares, found.objective.tolist(), strict=True))


def _label(
    frames: list[np.ndarray],
    actions: np.ndarray,
    task: Any,
    device: str,
    encoder: nn.Module | None = None,
) -> list[np.ndarray]:
    """Return the action of each frame of a batch."""
    found = _segment(frames, actions, task, device, encoder)
    return [plan_to_labels(shares) for shares, _ in found]


def _posteriors(frames: list[np.ndarray], chain: ActionChain) -> list[np.ndarray]:
    return [shares.astype(np.float32) for shares in chain.posteriors(frames)]


def _actions(frames: list[np.ndarray], timeline: TimelineModel) -> list[np.ndarray]:
    return [timeline.actions(timeline.follow(video).positions) for video in frames]


def _action_shares(
    frames: list[np.ndarray], timeline: TimelineModel
) -> list[np.ndarray]:
    return [timeline.action_shares(video).astype(np.float32) for video in frames]
