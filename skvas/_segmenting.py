"""What the two estimators that label frames share."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import torch
from sklearn.base import ClusterMixin
from torch import Tensor

from skvas._base import BaseVideoEstimator, Model, is_auto
from skvas._batch import VideoBatch, pad, unpad
from skvas._output import mirror
from skvas._training import SegmentationTask, k_means, refine, thin, time_slices
from skvas._typing import Videos
from skvas.decoding import plan_to_labels
from skvas.metrics import consistency_score, match_pairs
from skvas.nn import Prototypes
from skvas.transport import FGWResult, unit
from skvas.validation import check_choice, check_integer, check_real, is_single_video

STARTS = ("time", "kmeans", "random")
# Pairs of `lambda_actions` and `alpha` that "auto" chooses from.
BALANCES = ((0.3, 0.3), (0.1, 0.3), (0.1, 0.6))
# Frames a video, and rounds of refinement, that the choice is made on.
CHOICE_FRAMES, CHOICE_ROUNDS = 128, 5


class SegmentingEstimator(ClusterMixin, BaseVideoEstimator):
    """Label frames by transport to the action embeddings."""

    def predict(self, videos: Videos) -> Any:
        """Label every frame with its action.

        Parameters
        ----------
        videos : array-like of shape (n_frames, n_features), or a list of them
            One video or many.

        Returns
        -------
        int64 ndarray of shape (n_frames,), or an object array of them
            Actions 0 ... n_actions - 1.

        Raises
        ------
        ValueError, TypeError
            If a video is not what `fit` has seen; names the video.
        NotFittedError
            If `fit` was not called.
        """
        found = self._segment(self._embed(self._check_seen(videos)))
        labels = [plan_to_labels(shares) for shares, _ in found]
        return mirror(labels, is_single_video(videos))

    def predict_proba(self, videos: Videos) -> Any:
        """Share every frame out among the actions.

        Parameters
        ----------
        videos : array-like of shape (n_frames, n_features), or a list of them
            One video or many.

        Returns
        -------
        float32 ndarray of shape (n_frames, n_actions), or an object array of them
            Rows of the transport plan, summing to 1.

        Raises
        ------
        ValueError, TypeError
            If a video is not what `fit` has seen; names the video.
        NotFittedError
            If `fit` was not called.
        """
        found = self._segment(self._embed(self._check_seen(videos)))
        return mirror([shares for shares, _ in found], is_single_video(videos))

    def _check_segmentation(self) -> None:
        check_integer("n_actions", self.n_actions, low=1)
        check_real("lambda_actions", self._resolve("lambda_actions"), low=0)
        check_choice("start", self._resolve("start"), STARTS)
        check_integer("n_refine", self._resolve("n_refine"), low=0)

    def _resolve(self, name: str) -> Any:
        chosen = getattr(self, "chosen_", {})
        if name in chosen and is_auto(getattr(self, name)):
            return chosen[name]
        return super()._resolve(name)

    def _segmentation_task(self) -> SegmentationTask:
        return SegmentationTask(
            alpha=self._resolve("alpha"),
            eps=self.eps,
            radius=self.radius,
            rho=self._resolve("rho"),
            lambda_actions=self._resolve("lambda_actions"),
            tau=self._resolve("tau"),
            max_iter=self.max_iter,
        )

    def _start(
        self, model: Model, features: list[np.ndarray], rng: np.random.RandomState
    ) -> None:
        """Place the action embeddings where the recipe says, or the data do."""
        self.chosen_: dict[str, Any] = {}
        embeddings, batch = self._survey(model, features, rng)
        seed = int(rng.randint(2**31))
        if self.recipe == "informed" and len(features) > 1:
            self.chosen_ = self._choose(embeddings, batch, seed)
        vectors = self._place(embeddings, batch, self._resolve("start"), seed)
        task, n_rounds = self._segmentation_task(), self._resolve("n_refine")
        vectors = refine(vectors, embeddings, batch, task, n_rounds)
        model.prototypes = Prototypes(vectors)

    def _place(
        self, embeddings: Tensor, batch: VideoBatch, start: str, seed: int
    ) -> Tensor:
        """Return the action embeddings before any refinement, (K, D)."""
        rng = np.random.RandomState(seed)
        if start == "time":
            return time_slices(embeddings, batch, self.n_actions)
        if start == "kmeans":
            return k_means(embeddings, batch, self.n_actions, rng)
        drawn = rng.standard_normal((self.n_actions, embeddings.shape[2]))
        return unit(torch.from_numpy(drawn).to(embeddings))

    def _choose(
        self, embeddings: Tensor, batch: VideoBatch, seed: int
    ) -> dict[str, Any]:
        """Choose what was left open so that segments agree best across videos.

        Frames of pairs of videos are matched in the space before training, whatever
        the setting; the labels of matched frames should tell of each other. Nothing
        but the frames is looked at.
        """
        settings = self._open_settings()
        if len(settings) == 1:
            return settings[0]
        few = thin(unpad(embeddings, batch.lengths), CHOICE_FRAMES, embeddings.device)
        matches = match_pairs(unpad(few.frames, few.lengths), random_state=seed)
        starts = {str(setting.get("start", self.start)) for setting in settings}
        placed = {start: self._place(few.frames, few, start, seed) for start in starts}
        scores = []
        for setting in settings:
            self.chosen_ = setting  # what the task below resolves "auto" to
            task, start = self._segmentation_task(), self._resolve("start")
            vectors = refine(placed[start], few.frames, few, task, CHOICE_ROUNDS)
            plans = task.solve(few.frames, few, vectors).plan
            labels = [plan_to_labels(plan) for plan in unpad(plans, few.lengths)]
            found = consistency_score(labels, matches)
            scores.append(found.score if self._in_order() else found.free)
        return settings[int(np.argmax(scores))]

    def _open_settings(self) -> list[dict[str, Any]]:
        """List the values to choose from for the parameters that are "auto"."""
        settings: list[dict[str, Any]] = []
        for start, (weight, alpha) in product(STARTS[:2], BALANCES):
            every = {"start": start, "lambda_actions": weight, "alpha": alpha}
            still_open = {n: v for n, v in every.items() if is_auto(getattr(self, n))}
            if still_open not in settings:
                settings.append(still_open)
        return settings

    def _segment(self, embeddings: list[np.ndarray]) -> list[tuple[np.ndarray, float]]:
        """Return the rows of each video's plan, summing to 1, and its objective."""
        task = self._segmentation_task()
        common = (self.prototypes_, task, str(self._device()))
        return self._in_jobs(_segment, embeddings, len(self.prototypes_), *common)


def segmentation_parts(found: FGWResult) -> dict[str, Tensor]:
    """Return what a batch's plans say of the state of the segmentation."""
    usage = found.plan.sum(dim=1)  # (B, K)
    entropy = torch.special.entr(usage).sum(dim=1).exp()
    return {
        "objective_segmentation": found.objective.mean(),
        "actions_used": entropy.mean(),
    }


def _segment(
    embeddings: list[np.ndarray],
    prototypes: np.ndarray,
    task: SegmentationTask,
    device: str,
) -> list[tuple[np.ndarray, float]]:
    batch: VideoBatch = pad(embeddings, torch.device(device))
    actions = torch.from_numpy(prototypes).to(batch.frames)
    found = task.solve(batch.frames, batch, actions)
    lengths = batch.lengths.to(found.plan.device)
    shares = unpad(found.plan * lengths[:, None, None], batch.lengths)
    return list(zip(shares, found.objective.tolist(), strict=True))
