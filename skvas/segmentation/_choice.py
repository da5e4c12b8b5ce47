"""What the data choose before training: settings, the number of actions, the start."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from skvas._printing import tell
from skvas.decoding import n_segments, plan_to_labels
from skvas.metrics import (
    PairMatches,
    SharedOrder,
    consistency_score,
    modularity_score,
)
from skvas.segmentation._start import (
    WardTree,
    barycentres,
    k_means,
    refine,
    time_slices,
    vote,
)
from skvas.tasks._segmentation import Trial, solve_together
from skvas.training._survey import Survey
from skvas.transport import unit
from skvas.videos._batch import VideoBatch, unpad

# The two settings, as different as can be, that each number of actions is tried with.
TRIALS: tuple[dict[str, Any], ...] = (
    {"start": "kmeans", "lambda_actions": 0.3, "alpha": 0.3},
    {"start": "time", "lambda_actions": 0.1, "alpha": 0.6},
)
# Scores of a number and of its two neighbours are averaged with these weights.
SMOOTHING = (0.25, 0.5, 0.25)
# Where actions come back often, frames within the first of these shares of a video are
# neighbours in time: where such starts find so many segments an action with the second,
# in videos of so many frames, of which it has enough to be smooth within.
SHORT_RADIUS, PROBE_RADIUS, OFTEN, LONG = 0.01, 0.02, 3, 400
PROBE_STARTS = ("kmeans", "time")
# Rounds of refinement of each candidate.
CHOICE_ROUNDS = 5
# Times that a random start is drawn for the choice, and how steeply the votes of
# settings fall with their consistency.
N_RESTARTS, VOTE_POWER = 3, 8
# Where no order is shared, settings vote on features that are whitened by so much too:
# components are divided by this power of their standard deviations.
PARTLY_WHITENED = 0.75


@dataclass(frozen=True)
class Start:
    """Where training starts, and how that was found.

    Parameters
    ----------
    vectors : ndarray of shape (K, D)
        Embeddings of the actions.
    chosen : dict of str to object
        Settings that were chosen.
    scores : dict of str to ndarray or None
        Each number of actions that was tried, and its score; None if none was.
    order : SharedOrder or None
        How far the videos share an order; None for a lone video.
    """

    vectors: np.ndarray
    chosen: dict[str, Any]
    scores: dict[str, np.ndarray] | None
    order: SharedOrder | None

    @property
    def in_order(self) -> bool:
        """Whether the videos share an order; a lone video does with itself."""
        return self.order is None or self.order.is_shared


def choose_start(
    survey: Survey,
    task: Any,
    n_actions: tuple[int, int],
    *,
    start: str,
    n_refine: int,
    candidates: Sequence[Mapping[str, Any]],
    seed: int,
    spread: np.ndarray | None = None,
    places: np.ndarray | None = None,
    may_shorten: bool = False,
) -> Start:
    """Find the action embeddings that training starts from.

    Parameters
    ----------
    survey : Survey
        What the data say.
    task : segmentation task
        The problem; candidates replace some of its values.
    n_actions : tuple of two int
        The smallest and the largest number of actions.
    start : {"time", "kmeans", "random"}
        Where actions start if candidates do not say.
    n_refine : int
        Rounds of refinement.
    candidates : sequence of mapping
        Settings to choose from; one or none leave no choice.
    seed : int
        Draws random starts.
    spread : ndarray of shape (D_in,), default=None
        What whitening divided each feature by; None if it did not.
    places : bool ndarray of shape (D_in,), default=None
        Features that tell the number of actions, where motion is beside them: a
        movement has fewer motions than places. None: all of them.
    may_shorten : bool, default=False
        Whether to look closer at time where actions come back often.
    """
    counted = survey if places is None else survey.seen_by(places)
    number, scores = _choose_number(counted, task, n_actions, candidates)
    chosen: dict[str, Any] = {}
    if may_shorten and _come_often(survey, task, number):
        chosen["radius"] = SHORT_RADIUS
        task = with_values(task, chosen)
    if len(survey.batch.lengths) > 1 and len(candidates) > 1:
        spaces = [survey.few]
        if spread is not None and not survey.in_order:
            spaces.append(survey.seen_by(spread ** (1 - PARTLY_WHITENED)).few)
        election = _Election(survey, task, number, start, seed, spaces)
        vectors, elected = election.hold(candidates)
        chosen |= elected
        task = with_values(task, elected)
    else:
        vectors = _place(
            survey.embeddings, survey.batch, number, start, survey.in_order, seed
        )
    frames = replace(survey.batch, frames=survey.embeddings)
    [found] = refine([Trial(task, frames, vectors)], n_refine)
    return Start(found.prototypes.cpu().numpy(), chosen, scores, survey.order)


def open_candidates(
    candidates: Sequence[Mapping[str, Any]], open_names: set[str]
) -> list[dict[str, Any]]:
    """Keep of candidates the values of open parameters, and each result once."""
    kept: list[dict[str, Any]] = []
    for candidate in candidates:
        still_open = {n: v for n, v in candidate.items() if n in open_names}
        if still_open not in kept:
            kept.append(still_open)
    return kept


def agreement(labels: list[np.ndarray], matches: PairMatches, in_order: bool) -> float:
    """Return how much the labels of matched frames tell about each other."""
    found = consistency_score(labels, matches)
    return found.score if in_order else found.free


def _choose_number(
    survey: Survey,
    task: Any,
    n_actions: tuple[int, int],
    candidates: Sequence[Mapping[str, Any]],
) -> tuple[int, dict[str, np.ndarray] | None]:
    """Return the number of actions whose labels agree best across videos.

    Matched frames of pairs of videos should have one label more often than by chance.
    Labels of too few actions agree by chance, those of too many no longer agree.
    """
    low, high = n_actions
    if low == high:
        return low, None
    few = survey.few
    open_names = {name for candidate in candidates for name in candidate}
    numbers = range(low, max(low, min(high, int(few.lengths.sum()))) + 1)
    found = np.zeros((len(numbers), len(TRIALS)))
    tree = WardTree.of(few.frames, few, in_order=survey.in_order)
    for i, number in enumerate(numbers):
        tell("trying numbers of actions", i, len(numbers))
        tried = []
        for values in TRIALS:
            place = _place(
                few.frames, few, number, values["start"], survey.in_order, tree=tree
            )
            known = {n: v for n, v in values.items() if n in open_names}
            tried.append(Trial(with_values(task, known), few, place))
        for j, (_, plan) in enumerate(_run(tried)):
            found[i, j] = modularity_score(
                _labels(plan, few), survey.matches_to_count, ordered=survey.in_order
            )
    score = ndimage.correlate1d(found.mean(axis=1), SMOOTHING, mode="nearest")
    scores = {"n_actions": np.array(numbers), "score": score}
    return numbers[int(score.argmax())], scores


def _come_often(survey: Survey, task: Any, n_actions: int) -> bool:
    """Tell whether actions come back often in each video, wherever they start."""
    few, probe = survey.few, with_values(task, {"radius": PROBE_RADIUS})
    has_neighbours = SHORT_RADIUS * int(few.lengths.min()) >= 0.5  # frames
    if survey.order is None or survey.order.n_frames < LONG or not has_neighbours:
        return False
    trials = [
        Trial(probe, few, _place(few.frames, few, n_actions, start, survey.in_order))
        for start in PROBE_STARTS
    ]
    for _, plan in _run(trials):
        labels = _labels(plan, few)
        if n_segments(labels) < OFTEN * n_actions * len(labels):
            return False
    return True


@dataclass(frozen=True)
class _Election:
    """Lets candidates vote on the segmentation that training starts from.

    Frames of pairs of videos are matched in the space before training, whatever the
    candidate. The candidate with the highest consistency score is chosen. Plans are
    averaged with weights score**8; the start is the barycentres of the average. Each
    candidate is tried in each space; the first is the space before training.
    """

    survey: Survey
    task: Any
    n_actions: int
    start: str
    seed: int
    spaces: Sequence[VideoBatch]

    def hold(
        self, candidates: Sequence[Mapping[str, Any]]
    ) -> tuple[Tensor, dict[str, Any]]:
        """Return where the actions start, (K, D), and the chosen candidate."""
        survey = self.survey
        trials, standing = [], []
        for space in self.spaces:
            for place, candidate in self._placed(candidates, space):
                trials.append(Trial(with_values(self.task, candidate), space, place))
                standing.append(dict(candidate))
        tell("trying settings", 0, len(trials))
        tried = _run(trials)
        plans = [plan for _, plan in tried]
        scores = [
            agreement(_labels(plan, trial.batch), survey.matches, survey.in_order)
            for trial, plan in tried
        ]
        best = int(np.argmax(scores))
        vectors, chosen = tried[best][0].prototypes, standing[best]
        weights = np.clip(scores, 0, None) ** VOTE_POWER
        weights[best] = max(weights[best], np.finfo(float).tiny)
        few = survey.few
        start = barycentres(vote(plans, weights), few.frames, few, vectors)
        return start, chosen

    def _placed(
        self, candidates: Sequence[Mapping[str, Any]], space: VideoBatch
    ) -> Iterator[tuple[Tensor, Mapping[str, Any]]]:
        """Yield each candidate with each of the places that its start may give."""
        placed: dict[str, list[Tensor]] = {}
        for candidate in candidates:
            start = candidate.get("start", self.start)
            if start not in placed:
                n_places = N_RESTARTS if start == "random" else 1
                placed[start] = [
                    _place(
                        space.frames,
                        space,
                        self.n_actions,
                        start,
                        self.survey.in_order,
                        self.seed + restart,
                    )
                    for restart in range(n_places)
                ]
            for vectors in placed[start]:
                yield vectors, candidate


def _place(
    embeddings: Tensor,
    batch: VideoBatch,
    n_actions: int,
    start: str,
    in_order: bool,
    seed: int = 0,
    tree: WardTree | None = None,
) -> Tensor:
    """Return the actions before any refinement, (K, D).

    The seed is of random ones, the tree of k-means: None where it is yet to be grown.
    """
    if start == "time":
        return time_slices(embeddings, batch, n_actions)
    if start == "kmeans":
        return k_means(embeddings, batch, n_actions, in_order=in_order, tree=tree)
    rng = np.random.RandomState(seed)
    drawn = rng.standard_normal((n_actions, embeddings.shape[2]))
    return unit(torch.from_numpy(drawn).to(embeddings))


def _run(trials: Sequence[Trial]) -> list[tuple[Trial, Tensor]]:
    """Refine actions a little; return them with the plans they lead to."""
    refined = refine(trials, CHOICE_ROUNDS)
    return list(zip(refined, solve_together(refined), strict=True))


def _labels(plan: Tensor, batch: VideoBatch) -> list[np.ndarray]:
    return [plan_to_labels(shares) for shares in unpad(plan, batch.lengths)]


def with_values(task: Any, values: Mapping[str, Any]) -> Any:
    """Return a task with those of the values that it has fields for."""
    names = {field.name for field in fields(task)}
    return replace(task, **{n: v for n, v in values.items() if n in names})
