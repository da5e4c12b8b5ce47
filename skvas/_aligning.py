"""What the two estimators that match frames share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from skvas._alignment import MATCHINGS, Alignment, PathCost, View, make_alignment
from skvas._base import BaseVideoEstimator, is_auto
from skvas._batch import pad, unpad
from skvas._coarse import align_coarsely, alignment_memory, parse_memory
from skvas._output import mirror
from skvas._training import (
    AlignmentTask,
    VAVATask,
    VirtualFrame,
    parse_quantile,
    thin,
)
from skvas._typing import Videos
from skvas.exceptions import InvalidParameterError
from skvas.preprocessing import VideoStandardizer
from skvas.validation import check_choice, check_videos, is_single_video

# Frames of a video that the choice of the reference looks at, and videos that each is
# compared with.
REFERENCE_FRAMES, REFERENCE_VIDEOS = 64, 32
# What monotone paths go by.
PATHS = ("embedding", "both")
# Weight of the order prior between videos of a shared order, as published for VAOT.
ORDERED_RHO = 0.35


class AligningEstimator(BaseVideoEstimator):
    """Match frames of two videos by transport between their embeddings."""

    def align(self, x: Videos, y: Videos) -> Alignment:
        """Find which moment of one video is which moment of another.

        Parameters
        ----------
        x, y : array-like of shape (n_frames, n_features)
            Two videos of the activity.

        Returns
        -------
        Alignment
            Matches in both directions, the plan, probabilities of background and the
            cost. Videos too long for `memory_limit` are aligned coarse to fine, and
            their plan is sparse.

        Raises
        ------
        ValueError, TypeError
            If a video is not what `fit` has seen, or either is a list.
        NotFittedError
            If `fit` was not called.
        MemoryError
            If the baseline would need more than `memory_limit`.
        """
        for name, video in (("x", x), ("y", y)):
            if not is_single_video(video):
                raise ValueError(
                    f"{name} must be one video of shape (n_frames, n_features), got a "
                    "collection; align one pair at a time."
                )
        pair = [self._check_seen(x)[0], self._check_seen(y)[0]]
        one, other = self._views(pair)
        return _align([one], other, *self._how_to_align())[0]

    def match(self, videos: Videos) -> Any:
        """Match every frame with a frame of the reference video.

        Parameters
        ----------
        videos : array-like of shape (n_frames, n_features), or a list of them
            One video or many.

        Returns
        -------
        int64 ndarray of shape (n_frames,), or an object array of them
            Positions in `reference_`; -1 for background.

        Raises
        ------
        ValueError, TypeError
            If a video is not what `fit` has seen; names the video.
        NotFittedError
            If `fit` was not called.
        """
        found = self._align_to_reference(self._views(self._check_seen(videos)))
        return mirror([a.matches_x for a in found], is_single_video(videos))

    def _check_alignment(self) -> None:
        self._virtual_frame()
        check_choice("matching", self.matching, (*MATCHINGS, "auto"))
        check_choice("path_on", self.path_on, (*PATHS, "auto"))
        parse_memory(self.memory_limit)

    def _alignment_task(self, progress: float = 1.0) -> AlignmentTask | VAVATask:
        return AlignmentTask(
            alpha=self._resolve("alpha"),
            eps=self.eps,
            radius=self.radius,
            rho=self._alignment_rho(),
            virtual=self._virtual_frame(),
            tau=self._resolve("tau"),
            max_iter=self.max_iter,
        )

    def _virtual_frame(self) -> VirtualFrame:
        mass = self.virtual_mass
        if mass is not None:
            mass = parse_quantile("virtual_mass", mass, low=0, low_open=True)
        return VirtualFrame(parse_quantile("zeta", self.zeta), mass)

    def _alignment_rho(self) -> float:
        """Return the weight of the order prior between videos."""
        if self.recipe == "informed" and is_auto(self.rho) and self._in_order():
            return ORDERED_RHO
        return self._resolve("rho")

    def _views(self, videos: list[np.ndarray]) -> list[View]:
        """Embed videos, and add the details that paths look at, if any."""
        embeddings = self._embed(videos)
        if self.matching_ != "monotone" or self.path_on_ == "embedding":
            return [View(embedding) for embedding in embeddings]
        details = VideoStandardizer().fit(videos).transform(videos)
        return [
            View(embedding, np.asarray(detail), self.n_iter_ > 0)
            for embedding, detail in zip(embeddings, details, strict=True)
        ]

    def _costs(self, embeddings: list[np.ndarray]) -> list[float]:
        """Return what it costs to align embedded videos with the reference."""
        found = self._align_to_reference([View(e) for e in embeddings])
        return [alignment.cost for alignment in found]

    def _align_to_reference(self, videos: list[View]) -> list[Alignment]:
        reference = self._views([self.reference_])[0]
        how = self._how_to_align()
        return self._in_jobs(_align, videos, len(reference), reference, *how)

    def _how_to_align(self) -> tuple[AlignmentTask | VAVATask, str, str, float]:
        """Return what `_align` takes beside embeddings."""
        limit = parse_memory(self.memory_limit)
        return self._alignment_task(), self.matching_, str(self._device()), limit

    def _store_alignment(
        self,
        videos: list[np.ndarray],
        embeddings: list[np.ndarray],
        rng: np.random.RandomState,
    ) -> None:
        """Keep what matching needs: the kind of match, and the reference."""
        self.matching_ = self.matching
        if self.matching == "auto":
            self.matching_ = "monotone" if self._in_order() else "plan"
        self.path_on_ = self.path_on
        if self.path_on == "auto":
            self.path_on_ = "both" if self.recipe == "informed" else "embedding"
        self.reference_ = self._choose_reference(videos, embeddings, rng)

    def _choose_reference(
        self,
        videos: list[np.ndarray],
        embeddings: list[np.ndarray],
        rng: np.random.RandomState,
    ) -> np.ndarray:
        """Return the reference that was asked for, or the medoid."""
        if self.reference is None:
            return videos[self._medoid(embeddings, rng)].copy()
        if isinstance(self.reference, (int, np.integer)):
            if not 0 <= self.reference < len(videos):
                raise InvalidParameterError(
                    f"reference must be a position in the {len(videos)} videos of fit, "
                    f"got {self.reference}."
                )
            return videos[self.reference].copy()
        if not is_single_video(self.reference):
            raise InvalidParameterError(
                "reference must be one video, its position, or None; got a collection."
            )
        return check_videos(self.reference, estimator=self, reset=False)[0].copy()

    def _medoid(self, embeddings: list[np.ndarray], rng: np.random.RandomState) -> int:
        """Return the video whose alignments with (some of) the others cost least."""
        n_videos = len(embeddings)
        others = np.arange(n_videos)
        if n_videos > REFERENCE_VIDEOS:
            others = rng.permutation(n_videos)[:REFERENCE_VIDEOS]
        task, device = self._alignment_task(), self._device()
        batch_y = thin([embeddings[j] for j in others], REFERENCE_FRAMES, device)
        costs = np.empty(n_videos)
        with torch.no_grad():
            for i, embedding in enumerate(embeddings):
                batch_x = thin([embedding] * len(others), REFERENCE_FRAMES, device)
                found = task.solve(batch_x.frames, batch_y.frames, batch_x, batch_y)
                pair_costs = found.objective.cpu().numpy()[others != i]
                costs[i] = pair_costs.mean() if len(pair_costs) else 0.0
        return int(costs.argmin())


def _align(
    videos: list[View],
    reference: View,
    task: AlignmentTask | VAVATask,
    matching: str,
    device: str,
    limit: float,
) -> list[Alignment]:
    """Align videos with one, in one batch where that fits, else coarse to fine."""
    target = torch.device(device)
    longest = max(len(video) for video in videos)
    needed = alignment_memory(longest, len(reference))
    if needed > limit:
        if not isinstance(task, AlignmentTask):
            raise MemoryError(
                f'method="vava" needs about {needed / 1e9:.2g} GB to align {longest} '
                f"with {len(reference)} frames, more than memory_limit, and has no "
                'coarse form. Raise memory_limit, or use method="vaot".'
            )
        return [
            align_coarsely(video, reference, task, matching, target, limit)
            for video in videos
        ]
    every = slice(None)
    with _telling_what_was_needed(longest, len(reference)), torch.no_grad():
        batch_x = pad([video.embedding for video in videos], target)
        batch_y = pad([reference.embedding] * len(videos), target)
        found = task.solve(batch_x.frames, batch_y.frames, batch_x, batch_y)
        plans = unpad(found.plan, batch_x.lengths + 1)  # the virtual frame is first
        return [
            make_alignment(
                plan, PathCost(video, reference)(every, every), objective, matching
            )
            for video, plan, objective in zip(
                videos, plans, found.objective.tolist(), strict=True
            )
        ]


@contextmanager
def _telling_what_was_needed(n: int, m: int) -> Iterator[None]:
    """Turn torch's errors of a lack of memory into one that says what to do."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        lacking = isinstance(error, (MemoryError, torch.OutOfMemoryError))
        if not lacking and "DefaultCPUAllocator" not in str(error):
            raise
        raise MemoryError(
            f"Aligning {n} with {m} frames in full needs about "
            f"{alignment_memory(n, m) / 1e9:.2g} GB, which cannot be had. Set "
            "memory_limit to less than what is free, to align coarse to fine."
        ) from error
