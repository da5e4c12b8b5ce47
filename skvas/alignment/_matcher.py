"""What a fitted estimator matches frames with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn

from skvas._on_demand import choose, each
from skvas._printing import tell
from skvas.alignment._by_timeline import TimelineMatcher
from skvas.alignment._coarse import (
    CoarseSolution,
    PlacedPairs,
    alignment_memory,
    solve_coarsely,
)
from skvas.alignment._path_cost import PathCost, View
from skvas.alignment._result import Alignment, make_alignment
from skvas.nn._model import embed, on_device
from skvas.preprocessing._standardizer import standardise_within
from skvas.tasks._alignment import AlignmentTask
from skvas.videos._batch import VideoBatch, pad, spread_batch, unpad
from skvas.videos._frames import sample_videos
from skvas.videos._jobs import decode_in_jobs
from skvas.videos._views import Views

# Frames of a video that the choice of the medoid looks at, videos that each is compared
# with, pairs of them that are aligned at once, and iterations of these alignments, of
# which only the cost is asked for.
MEDOID_FRAMES, MEDOID_VIDEOS, MEDOID_PAIRS, MEDOID_ITER = 32, 16, 512, 5


@dataclass(frozen=True)
class FrameMatcher:
    """Matches frames of pairs of videos by transport between their embeddings.

    Parameters
    ----------
    task : alignment task
        The problem.
    matching : {"monotone", "plan", "nearest"}
        How plans become matches.
    path_on : {"embedding", "both", "timeline"}
        Distances that monotone paths add up.
    memory_limit : float
        Bytes that one alignment may use.
    is_trained : bool
        Whether the embedding was learned.
    device : torch.device
        Where to compute.
    n_jobs : int, default=None
        Processes, by joblib.
    encoder : Module, default=None
        Embeds videos where they are aligned, so that they stay on the device. None: the
        views have embedded them.
    follower : TimelineMatcher, default=None
        Puts videos on the timeline, if paths go by it.
    """

    task: Any
    matching: str
    path_on: str
    memory_limit: float
    is_trained: bool
    device: torch.device
    n_jobs: int | None = None
    encoder: nn.Module | None = None
    follower: TimelineMatcher | None = None

    def look(self, views: Views) -> Sequence[View]:
        """Return the videos as alignments see them: with details for paths, if any."""
        if self.matching != "monotone" or self.path_on == "embedding":
            return self._look_plainly(views)
        make = partial(View, is_trained=self.is_trained)
        details = each(standardise_within, views.details)
        if self.follower is None:
            return each(make, self._frames(views), details)
        positions = [passage.positions for passage in self.follower.look(views)]
        return each(make, self._frames(views), details, positions)

    def _look_plainly(self, views: Views) -> Sequence[View]:
        return each(View, self._frames(views))

    def _frames(self, views: Views) -> Sequence[np.ndarray]:
        return views.embeddings if self.encoder is None else views.features

    def align(self, x: View, y: View) -> Alignment:
        """Align two videos."""
        tell("aligning")
        (solution,) = _solve([x], y, *self._how())
        return solution.align(self.matching)

    def match(self, videos: Sequence[View], reference: View) -> list[np.ndarray]:
        """Return the frame of one video that each frame of many videos matches."""
        return self._decode(partial(_matches, self.matching), videos, reference)

    def costs(self, views: Views, reference: Views) -> list[float]:
        """Return what it costs to align each video with the reference."""
        (other,) = self._look_plainly(reference)
        return self._decode(_costs, self._look_plainly(views), other)

    def _decode(
        self,
        decode: Callable[..., list[Any]],
        videos: Sequence[View],
        reference: View,
    ) -> list[Any]:
        return decode_in_jobs(
            decode,
            videos,
            (reference, *self._how()),
            width=len(reference),
            n_jobs=self.n_jobs,
            step="matching recordings",
        )

    def _how(self) -> tuple[Any, str, float, nn.Module | None]:
        placed = None if self.encoder is None else on_device(self.encoder, self.device)
        return self.task, str(self.device), self.memory_limit, placed


def medoid_partners(n_videos: int, rng: np.random.RandomState) -> np.ndarray:
    """Draw those among sampled videos with which each is compared to find the medoid.

    Parameters
    ----------
    n_videos : int
        How many videos there are.
    rng : RandomState
        Draws them where they are many.

    Returns
    -------
    int64 ndarray
        Positions in the sample.
    """
    n_videos = len(sample_videos(n_videos))
    if n_videos > MEDOID_VIDEOS:
        return rng.permutation(n_videos)[:MEDOID_VIDEOS]
    return np.arange(n_videos)


def medoid(
    embeddings: Sequence[np.ndarray],
    task: Any,
    device: torch.device,
    others: np.ndarray,
) -> int:
    """Return the video whose alignments with (some of) the others cost least.

    Of more than 128 videos, one of a sample of as many.

    Parameters
    ----------
    embeddings : sequence of ndarray of shape (n_i, D)
        Unit embeddings.
    task : alignment task
        The problem.
    device : torch.device
        Where to compute.
    others : int64 ndarray
        Positions in the sample, as `medoid_partners` draws them.
    """
    if isinstance(task, AlignmentTask):
        task = replace(task, max_iter=min(task.max_iter, MEDOID_ITER))
    candidates = sample_videos(len(embeddings))
    embeddings = choose(embeddings, candidates)
    n_videos = len(embeddings)
    if n_videos == 1:
        return 0
    thin = spread_batch(embeddings, MEDOID_FRAMES, device)
    costs = np.empty((n_videos, len(others)))
    with torch.no_grad():
        for some in np.array_split(np.arange(n_videos), -(-costs.size // MEDOID_PAIRS)):
            batch_x = thin.take(np.repeat(some, len(others)))
            batch_y = thin.take(np.tile(others, len(some)))
            found = task.solve(batch_x.frames, batch_y.frames, batch_x, batch_y)
            costs[some] = found.objective.cpu().numpy().reshape(len(some), -1)
    is_other = others != np.arange(n_videos)[:, None]
    means = np.average(costs, axis=1, weights=is_other)
    return int(candidates[means.argmin()])


@dataclass(frozen=True)
class _FullSolution:
    """The solved problem of two videos: the plan (N + 1, M + 1), and its cost."""

    x: View
    y: View
    plan: np.ndarray
    cost: float

    def align(self, matching: str) -> Alignment:
        """Read matches off the plan; `matching` says how."""
        every = slice(None)
        with _name_needed_memory(len(self.x), len(self.y)):
            path_cost = PathCost(self.x, self.y)(every, every)
            return make_alignment(self.plan, path_cost, self.cost, matching)


def _matches(matching: str, videos: list[View], *how: Any) -> list[np.ndarray]:
    return [found.align(matching).matches_x for found in _solve(videos, *how)]


def _costs(videos: list[View], *how: Any) -> list[float]:
    return [found.cost for found in _solve(videos, *how)]


def _solve(
    videos: list[View],
    reference: View,
    task: Any,
    device: str,
    limit: float,
    encoder: nn.Module | None = None,
) -> list[CoarseSolution | _FullSolution]:
    """Solve videos against one, in one batch where all fit, else each by itself.

    One that does not fit is solved coarsely.
    """
    place = partial(_place, reference, torch.device(device), encoder)
    longest = max(len(video) for video in videos)
    needed = alignment_memory(longest, len(reference))
    if needed > limit and len(videos) > 1:
        how = task, device, limit, encoder
        return [_solve([video], reference, *how)[0] for video in videos]
    if needed > limit:
        if not isinstance(task, AlignmentTask):
            raise MemoryError(
                f"{type(task).__name__} needs about {needed / 1e9:.2g} GB to align "
                f"{longest} with {len(reference)} frames, more than memory_limit, and "
                "has no coarse form. Raise memory_limit of Aligning, or set its method "
                'to "vaot".'
            )
        return [solve_coarsely(place(videos), task, limit)]
    with _name_needed_memory(longest, len(reference)), torch.no_grad():
        pairs = place(videos)
        batch_x, batch_y = pairs.batch_x, pairs.batch_y
        found = task.solve(batch_x.frames, batch_y.frames, batch_x, batch_y)
        plans = unpad(found.plan, batch_x.lengths + 1)  # the virtual frame is first
        return [
            _FullSolution(x, pairs.y, plan, cost)
            for x, plan, cost in zip(
                pairs.x, plans, found.objective.tolist(), strict=True
            )
        ]


def _place(
    y: View, device: torch.device, encoder: nn.Module | None, x: list[View]
) -> PlacedPairs:
    """Bring videos to a device; embed and bend them there, if that is to be done."""
    if encoder is None:
        x, y = [view.bent() for view in x], y.bent()
        batch_x = pad([view.embedding for view in x], device)
        return PlacedPairs(x, y, batch_x, pad([y.embedding] * len(x), device))
    views, n = [*x, y], len(x)
    batch = pad([view.embedding for view in views], device)
    with torch.no_grad():
        embedded = embed(encoder, batch)
    bends = [view.bends for view in views if view.bends is not None]
    if bends:
        kept, leans = pad(bends, device).frames.tensor_split([1], dim=2)
        embedded = torch.cat([kept * embedded, leans], dim=2)
    arrays = unpad(embedded, batch.lengths)
    seen = [
        replace(view, embedding=array, bends=None)
        for view, array in zip(views, arrays, strict=True)
    ]
    lengths_x, lengths_y = batch.lengths[:n], batch.lengths[n:].expand(n)
    frames_x = embedded[:n, : int(lengths_x.max())]
    frames_y = embedded[n:, : len(y)].expand(n, -1, -1)
    batches = VideoBatch(frames_x, lengths_x), VideoBatch(frames_y, lengths_y)
    return PlacedPairs(seen[:n], seen[n], *batches)


@contextmanager
def _name_needed_memory(n: int, m: int) -> Iterator[None]:
    """Turn torch's errors of a lack of memory into one that says what to do."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        lacking = isinstance(error, (MemoryError, torch.OutOfMemoryError))
        if not lacking and "DefaultCPUAllocator" not in str(error):
            raise
        raise MemoryError(
            f"Aligning {n} with {m} frames in full needs about "
            f"{alignment_memory(n, m) / 1e9:.2g} GB, which is not available. Set "
            "memory_limit of Aligning to less than what is free, to align coarse to "
            "fine."
        ) from error
