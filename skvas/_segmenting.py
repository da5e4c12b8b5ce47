"""What the two estimators that label frames share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import product
from typing import Any

import numpy as np
import torch
from scipy import ndimage
from sklearn.base import ClusterMixin
from torch import Tensor

from skvas._base import BaseVideoEstimator, Model, is_auto
from skvas._batch import VideoBatch, pad, unpad
from skvas._output import mirror
from skvas._training import (
    SegmentationTask,
    barycentres,
    k_means,
    refine,
    spread_frames,
    thin,
    time_slices,
    vote,
)
from skvas._typing import Videos
from skvas.decoding import plan_to_labels
from skvas.exceptions import InvalidParameterError
from skvas.metrics import (
    PairMatches,
    consistency_score,
    match_pairs,
    modularity_score,
)
from skvas.nn import Prototypes
from skvas.transport import FGWResult, unit
from skvas.validation import check_choice, check_integer, check_real, is_single_video

STARTS = ("time", "kmeans", "random")
SPACES = ("features", "embedding")
# Numbers of actions that "auto" chooses from, and the two settings, as unlike as can
# be, that each is tried with.
N_ACTIONS = (2, 20)
TRIALS: tuple[dict[str, Any], ...] = (
    {"start": "kmeans", "lambda_actions": 0.3, "alpha": 0.3},
    {"start": "time", "lambda_actions": 0.1, "alpha": 0.6},
)
# Scores of a number and of its two neighbours are averaged with these weights.
SMOOTHING = (0.25, 0.5, 0.25)
# Pairs of `lambda_actions` and `alpha` that "auto" chooses from.
BALANCES = ((0.3, 0.3), (0.1, 0.3), (0.3, 0.6), (0.1, 0.6))
# Frames a video, and rounds of refinement, that the choice is made on.
CHOICE_FRAMES, CHOICE_ROUNDS = 128, 5
# Times that a random start is drawn for the choice, and how steeply the votes of
# settings fall with their consistency.
N_RESTARTS, VOTE_POWER = 3, 8
# Share of the consistency before training that has to be there after it.
WORTH = 0.98


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
            Actions 0 ... ``n_actions_ - 1``.

        Raises
        ------
        ValueError, TypeError
            If a video is not what `fit` has seen; names the video.
        NotFittedError
            If `fit` was not called.
        """
        found = self._segment(self._features(self._check_seen(videos)))
        labels = _labels(shares for shares, _ in found)
        return mirror(labels, is_single_video(videos))

    def predict_proba(self, videos: Videos) -> Any:
        """Share every frame out among the actions.

        Parameters
        ----------
        videos : array-like of shape (n_frames, n_features), or a list of them
            One video or many.

        Returns
        -------
        float32 ndarray of shape (n_frames, n_actions_), or an object array of them
            Rows of the transport plan, summing to 1.

        Raises
        ------
        ValueError, TypeError
            If a video is not what `fit` has seen; names the video.
        NotFittedError
            If `fit` was not called.
        """
        found = self._segment(self._features(self._check_seen(videos)))
        return mirror([shares for shares, _ in found], is_single_video(videos))

    def _check_segmentation(self) -> None:
        low, high = self._range_of_actions()
        if low < high and self.recipe != "informed":
            raise InvalidParameterError(
                f'n_actions={self.n_actions!r} needs recipe="informed", which tells '
                "frames apart before training; give the number of actions."
            )
        check_real("lambda_actions", self._resolve("lambda_actions"), low=0)
        check_choice("start", self._resolve("start"), STARTS)
        check_integer("n_refine", self._resolve("n_refine"), low=0)
        check_choice("segment_on", self.segment_on, (*SPACES, "auto"))
        if self.segment_on == "features":
            self._check_start_as_features("segment_on")

    def _range_of_actions(self) -> tuple[int, int]:
        """Return the smallest and the largest number of actions."""
        allowed = N_ACTIONS if is_auto(self.n_actions) else self.n_actions
        if isinstance(allowed, tuple) and len(allowed) == 2:
            low = check_integer("the smallest of n_actions", allowed[0], low=1)
            return low, check_integer("the largest of n_actions", allowed[1], low=low)
        if isinstance(allowed, (str, tuple)):
            raise InvalidParameterError(
                "n_actions must be an integer, a tuple of the smallest and the largest "
                f'to choose from, or "auto", got {allowed!r}.'
            )
        return (check_integer("n_actions", allowed, low=1),) * 2

    def _check_start_as_features(self, name: str) -> None:
        if not self._starts_as_features():
            raise InvalidParameterError(
                f'{name}="{getattr(self, name)}" needs recipe="informed" and '
                'encoder=None or "temporal", whose embedding starts as the features.'
            )

    def _starts_as_features(self) -> bool:
        as_features = self.encoder is None or isinstance(self.encoder, str)
        return self.recipe == "informed" and as_features

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
        settings = self._open_settings()
        few = thin(unpad(embeddings, batch.lengths), CHOICE_FRAMES, embeddings.device)
        self._count_actions(few)
        if self.recipe == "informed" and len(features) > 1 and len(settings) > 1:
            vectors = self._elect(settings, few, seed)
        else:
            start = self._resolve("start")
            vectors = self._place(embeddings, batch, self.n_actions_, start, seed)
        task, n_rounds = self._segmentation_task(), self._resolve("n_refine")
        vectors = refine(vectors, embeddings, batch, task, n_rounds)
        model.prototypes = Prototypes(vectors)
        self.prototypes_ = model.actions().detach().cpu().numpy()

    def _count_actions(self, few: VideoBatch) -> None:
        """Settle the number of actions where `n_actions` leaves a choice.

        That number is taken whose labels agree best across videos: matched frames of
        pairs of videos should have one label more often than by chance. Labels of too
        few actions agree by chance, those of too many no longer agree.
        """
        low, high = self._range_of_actions()
        self.n_actions_ = low
        self.n_actions_scores_: dict[str, np.ndarray] | None = None
        if low == high:
            return
        if len(few.lengths) < 2:
            raise InvalidParameterError(
                f"n_actions={self.n_actions!r} needs two videos or more, whose frames "
                "can be matched; give the number of actions."
            )
        matches = _match(unpad(few.frames, few.lengths))
        n_frames = int(few.lengths.sum())
        numbers = range(low, max(low, min(high, n_frames)) + 1)
        scores = np.zeros((len(numbers), len(TRIALS)))
        for (i, number), (j, setting) in product(enumerate(numbers), enumerate(TRIALS)):
            self.chosen_ = setting  # what the task resolves "auto" to
            start = self._place(few.frames, few, number, setting["start"])
            labels = _labels(unpad(self._try(start, few)[1], few.lengths))
            scores[i, j] = modularity_score(labels, matches, ordered=self._in_order())
        self.chosen_ = {}
        score = ndimage.correlate1d(scores.mean(axis=1), SMOOTHING, mode="nearest")
        self.n_actions_ = numbers[int(score.argmax())]
        self.n_actions_scores_ = {"n_actions": np.array(numbers), "score": score}

    def _place(
        self,
        embeddings: Tensor,
        batch: VideoBatch,
        n_actions: int,
        start: str,
        seed: int = 0,
    ) -> Tensor:
        """Return the action embeddings before any refinement, (K, D).

        The seed is that of a random start.
        """
        if start == "time":
            return time_slices(embeddings, batch, n_actions)
        if start == "kmeans":
            return k_means(embeddings, batch, n_actions)
        rng = np.random.RandomState(seed)
        drawn = rng.standard_normal((n_actions, embeddings.shape[2]))
        return unit(torch.from_numpy(drawn).to(embeddings))

    def _try(self, start: Tensor, few: VideoBatch) -> tuple[Tensor, Tensor]:
        """Refine action embeddings a little; return them and the plans they lead to."""
        task = self._segmentation_task()
        vectors = refine(start, few.frames, few, task, CHOICE_ROUNDS)
        return vectors, task.solve(few.frames, few, vectors).plan

    def _elect(
        self, settings: list[dict[str, Any]], few: VideoBatch, seed: int
    ) -> Tensor:
        """Choose what was left open, and return where the actions start, (K, D).

        The setting is chosen whose segments agree best across videos: frames of pairs
        of videos are matched in the space before training, whatever the setting, and
        the labels of matched frames should tell of each other. Nothing but the frames
        is looked at. All settings vote, those that agree most above all, on the
        segmentation whose barycentres are the start.
        """
        matches = _match(unpad(few.frames, few.lengths))
        plans, scores, tried = [], [], []
        for start, setting in self._candidates(settings, few, seed):
            self.chosen_ = setting  # what the task resolves "auto" to
            vectors, plan = self._try(start, few)
            labels = _labels(unpad(plan, few.lengths))
            scores.append(self._consistency(labels, matches))
            plans.append(plan)
            tried.append((vectors, setting))
        best = int(np.argmax(scores))
        vectors, self.chosen_ = tried[best]
        weights = np.clip(scores, 0, None) ** VOTE_POWER
        weights[best] = max(weights[best], np.finfo(float).tiny)
        return barycentres(vote(plans, weights), few.frames, few, vectors)

    def _candidates(
        self, settings: list[dict[str, Any]], few: VideoBatch, seed: int
    ) -> Iterator[tuple[Tensor, dict[str, Any]]]:
        """Yield each setting with each of the places that its start may give."""
        placed: dict[str, list[Tensor]] = {}
        for setting in settings:
            start = str(setting.get("start", self.start))
            if start not in placed:
                n_places = N_RESTARTS if start == "random" else 1
                placed[start] = [
                    self._place(few.frames, few, self.n_actions_, start, seed + restart)
                    for restart in range(n_places)
                ]
            for vectors in placed[start]:
                yield vectors, setting

    def _open_settings(self) -> list[dict[str, Any]]:
        """List the values to choose from for the parameters that are "auto"."""
        settings: list[dict[str, Any]] = []
        for start, (weight, alpha) in product(STARTS[:2], BALANCES):
            every = {"start": start, "lambda_actions": weight, "alpha": alpha}
            still_open = {n: v for n, v in every.items() if is_auto(getattr(self, n))}
            if still_open not in settings:
                settings.append(still_open)
        return settings

    def _store_segmentation(
        self,
        start: np.ndarray,
        features: list[np.ndarray],
        embeddings: list[np.ndarray],
    ) -> list[np.ndarray]:
        """Settle in which space frames are told apart, and return their labels.

        `start` are the action embeddings before training.
        """
        actions = {"features": start, "embedding": self.prototypes_}
        choice: tuple[str, ...] = (self.segment_on,)
        if self.segment_on == "auto":
            trained = self.n_iter_ > 0 and len(features) > 1
            both = self._starts_as_features() and trained
            choice = SPACES if both else ("embedding",)
        spaces = {"embedding": embeddings}
        if "features" in choice:
            spaces["features"] = _directions(features)
        labels = {}
        for space in choice:
            found = self._segment_in(spaces[space], actions[space])
            labels[space] = _labels(shares for shares, _ in found)
        self.segment_on_ = choice[0]
        if len(choice) > 1:
            self.segment_on_ = self._better(labels, spaces["features"])
        self.prototypes_ = actions[self.segment_on_]
        return labels[self.segment_on_]

    def _better(
        self, labels: dict[str, list[np.ndarray]], features: list[np.ndarray]
    ) -> str:
        """Return the space after training, unless that has cost consistency.

        Training serves two tasks, or pseudo-labels alone, and may blur the actions.
        """
        few = [spread_frames(len(video), CHOICE_FRAMES) for video in features]
        matches = _match(_pick(features, few))
        before, after = (
            self._consistency(_pick(labels[space], few), matches) for space in SPACES
        )
        return "embedding" if after >= WORTH * before else "features"

    def _segment(self, features: list[np.ndarray]) -> list[tuple[np.ndarray, float]]:
        """Segment videos whose features are those that the encoder sees."""
        if self.segment_on_ == "features":
            return self._segment_in(_directions(features), self.prototypes_)
        return self._segment_in(self._embed_features(features), self.prototypes_)

    def _segment_in(
        self, frames: list[np.ndarray], actions: np.ndarray
    ) -> list[tuple[np.ndarray, float]]:
        """Return the rows of each video's plan, summing to 1, and its objective.

        Frames and actions are of length one.
        """
        common = (actions, self._segmentation_task(), str(self._device()))
        return self._in_jobs(_segment, frames, len(actions), *common)

    def _consistency(self, labels: list[np.ndarray], matches: PairMatches) -> float:
        found = consistency_score(labels, matches)
        return found.score if self._in_order() else found.free


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


def _match(videos: list[np.ndarray]) -> PairMatches:
    """Match frames of the same pairs of videos whatever the seed."""
    return match_pairs(videos, random_state=0)


def _labels(plans: Iterable[np.ndarray]) -> list[np.ndarray]:
    return [plan_to_labels(plan) for plan in plans]


def _directions(features: list[np.ndarray]) -> list[np.ndarray]:
    """Scale frames to length one, as embeddings are."""
    return [unit(torch.tensor(video)).numpy() for video in features]


def _pick(arrays: list[np.ndarray], frames: list[np.ndarray]) -> list[np.ndarray]:
    return [array[where] for array, where in zip(arrays, frames, strict=True)]
