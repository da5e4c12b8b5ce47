"""What the two estimators that label frames share."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sklearn.base import ClusterMixin
from torch import Tensor

from skvas._base import BaseVideoEstimator, Model
from skvas._batch import VideoBatch, pad
from skvas._output import mirror
from skvas._training import SegmentationTask, k_means, refine, thin, time_slices
from skvas._typing import Videos
from skvas.decoding import plan_to_labels
from skvas.nn import Prototypes
from skvas.transport import FGWResult, unit
from skvas.validation import check_choice, check_integer, check_real, is_single_video

STARTS = ("time", "kmeans", "random")


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

    def _segmentation_task(self) -> SegmentationTask:
        return SegmentationTask(
            alpha=self.alpha,
            eps=self.eps,
            radius=self.radius,
            rho=self._resolve("rho"),
            lambda_actions=self._resolve("lambda_actions"),
            tau=self.tau,
            max_iter=self.max_iter,
        )

    def _start_prototypes(
        self, model: Model, features: list[np.ndarray], rng: np.random.RandomState
    ) -> Prototypes:
        """Place the action embeddings where the recipe says."""
        batch = thin(features, self.n_frames, self._device())
        with torch.no_grad():
            embeddings = model.embed(batch.frames)
        start = self._resolve("start")
        if start == "time":
            vectors = time_slices(embeddings, batch, self.n_actions)
        elif start == "kmeans":
            vectors = k_means(embeddings, batch, self.n_actions, rng)
        else:
            drawn = rng.standard_normal((self.n_actions, embeddings.shape[2]))
            vectors = unit(torch.from_numpy(drawn).to(embeddings))
        task, n_rounds = self._segmentation_task(), self._resolve("n_refine")
        return Prototypes(refine(vectors, embeddings, batch, task, n_rounds))

    def _segment(self, embeddings: list[np.ndarray]) -> list[tuple[np.ndarray, float]]:
        """Return the rows of each video's plan, summing to 1, and its objective."""
        task = self._segmentation_task()
        common = (self.prototypes_, task, str(self._device()))
        return self._in_jobs(_segment_one, [(e, *common) for e in embeddings])


def segmentation_parts(found: FGWResult) -> dict[str, Tensor]:
    """Return what a batch's plans say of the state of the segmentation."""
    usage = found.plan.sum(dim=1)  # (B, K)
    entropy = torch.special.entr(usage).sum(dim=1).exp()
    return {
        "objective_segmentation": found.objective.mean(),
        "actions_used": entropy.mean(),
    }


def _segment_one(
    embedding: np.ndarray, prototypes: np.ndarray, task: SegmentationTask, device: str
) -> tuple[np.ndarray, float]:
    batch: VideoBatch = pad([embedding], torch.device(device))
    actions = torch.from_numpy(prototypes).to(batch.frames)
    found = task.solve(batch.frames, batch, actions)
    shares = found.plan[0] * len(embedding)
    return shares.cpu().numpy(), float(found.objective)
