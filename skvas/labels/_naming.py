"""From labels of some frames to the actions of all frames."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Protocol

import numpy as np
from scipy.optimize import linear_sum_assignment, minimize_scalar
from scipy.special import log_softmax, softmax

from skvas.decoding import cheapest_labels, labels_to_segments
from skvas.metrics import miou
from skvas.videos._frames import labelled_videos

# Rounds in which the frames without labels are labelled and the classes learned anew.
N_ROUNDS = 3
# What a frame that was labelled so weighs, beside one that was labelled by the user.
GUESS_WEIGHT = 0.3
# Share of the covariance within classes that is replaced by equal variances.
SHRINKAGE = 0.1
# Probability that nothing falls below, so that no part of the evidence is a veto.
FLOOR = 1e-3
# Log probability of a label that cannot be.
IMPOSSIBLE = 99 * np.log(FLOOR)
# Price of a change of label, in the unit of log probabilities.
PRICE = 3.0
# Log probabilities are divided by the temperature: where labels are too few to tell it,
# and at least and at most.
USUAL, COLDEST, HOTTEST = 1.6, 0.5, 10.0

# Frames whose parts are in float64 at a time.
ROWS = 1 << 16


@dataclass(frozen=True)
class BaseNaming(ABC):
    """Log probabilities of actions, and the labels and probabilities that follow.

    Attributes
    ----------
    temperature : float, default=1.0
        What log probabilities are divided by, so that as many frames are right as
        their probabilities say.
    """

    temperature: float = field(default=1.0, kw_only=True)

    @abstractmethod
    def log_probabilities(
        self, parts: np.ndarray, frames: np.ndarray, known: np.ndarray | None = None
    ) -> np.ndarray:
        """Return the log probabilities of a video's frames, (n_frames, n_actions).

        Parameters
        ----------
        parts : ndarray of shape (n_frames, n_parts)
            Probabilities of the parts.
        frames : ndarray of shape (n_frames, n_features)
            Features.
        known : int64 ndarray of shape (n_frames,), default=None
            Labels, -1 where there is none. None: there are no labels.
        """

    def logs_of(
        self, videos: Iterable[tuple[np.ndarray, np.ndarray, np.ndarray | None]]
    ) -> Iterator[np.ndarray]:
        """Yield the log probabilities of each video.

        Parameters
        ----------
        videos : iterable of tuple
            What `log_probabilities` takes.
        """
        return (self.log_probabilities(*video) for video in videos)

    def decode(self, logs: np.ndarray) -> np.ndarray:
        """Return labels (n_frames,) from log probabilities (n_frames, n_actions)."""
        found: np.ndarray = logs.argmax(axis=1)
        return found

    @property
    @abstractmethod
    def n_actions(self) -> int:
        """Number of actions."""

    def temper(self, logs: np.ndarray) -> np.ndarray:
        """Return calibrated log probabilities from log probabilities."""
        found: np.ndarray = log_softmax(logs / self.temperature, axis=1)
        return found

    def calibrate(self, logs: np.ndarray) -> np.ndarray:
        """Return calibrated probabilities from log probabilities."""
        found: np.ndarray = softmax(logs / self.temperature, axis=1)
        return found


@dataclass(frozen=True)
class Naming(BaseNaming):
    r"""Tells actions by the part of the videos that a frame is in, and by the frame.

    The log probability of action k at a frame with features f, in part m with
    probability :math:`p_m`, is up to a constant

    .. math:: u \log \left(\sum_m p_m s_{mk}\right)
              + v \log \operatorname{softmax}_k (f^\top w_k + b_k).

    Parts are moments of a timeline, or actions that were found without labels.

    Attributes
    ----------
    shares : ndarray of shape (n_parts, n_actions)
        :math:`s`, rows sum to 1.
    weights : ndarray of shape (n_features, n_actions)
        :math:`w`, by linear discriminants.
    bias : ndarray of shape (n_actions,)
        :math:`b`.
    by_part, by_frame : float
        :math:`u` and :math:`v`.
    """

    shares: np.ndarray
    weights: np.ndarray
    bias: np.ndarray
    by_part: float
    by_frame: float

    @property
    def n_actions(self) -> int:
        """Number of actions."""
        return self.shares.shape[1]

    def log_probabilities(
        self, parts: np.ndarray, frames: np.ndarray, known: np.ndarray | None = None
    ) -> np.ndarray:
        """Weigh parts and frames; a frame with a label has no other."""
        return self.weigh(_in_blocks(parts, self.shares), frames, known)

    def weigh(
        self, by_part: np.ndarray, frames: np.ndarray, known: np.ndarray | None = None
    ) -> np.ndarray:
        """Do what `log_probabilities` does, from what the parts of frames tell alone.

        Parameters
        ----------
        by_part : ndarray of shape (n_frames, n_actions)
            Probabilities of the parts times `shares`.
        frames, known : ndarray
            As in `log_probabilities`.
        """
        total = self.by_part * np.log(by_part + FLOOR)
        if self.by_frame:
            told = log_softmax(frames @ self.weights + self.bias, axis=1)
            # Frames of videos that fit has not seen may lie far from all classes.
            total += self.by_frame * np.maximum(told, np.log(FLOOR))
        normed: np.ndarray = log_softmax(total, axis=1)
        if known is not None:
            given = known >= 0
            normed[given] = IMPOSSIBLE * (1 - one_hot(known[given], total.shape[1]))
        return normed

    def decode(self, logs: np.ndarray) -> np.ndarray:
        """Return the most probable labels where each change has a price."""
        return cheapest_labels(-logs, PRICE)


@dataclass(frozen=True)
class Evidence:
    """What tells actions: parts of the videos, features of the frames, or both.

    Attributes
    ----------
    parts : list of ndarray of shape (n_i, n_parts)
        Probabilities of the parts at the frames of each video.
    frames : list of ndarray of shape (n_i, n_features)
        Features.
    shares : callable
        From labels of frames, one array a video, and the number of actions to the
        shares of the parts.
    by_part, by_frame : float
        How much each counts.
    used : bool ndarray of shape (n_features,) or None, default=None
        Which features count. None: all.
    """

    parts: Sequence[np.ndarray]
    frames: Sequence[np.ndarray]
    shares: Callable[[Sequence[np.ndarray], int], np.ndarray]
    by_part: float
    by_frame: float
    used: np.ndarray | None = None

    def learn(
        self, codes: Sequence[np.ndarray], n_actions: int, n_classes: int
    ) -> Naming:
        """Learn what tells the actions, from some labels.

        Parameters
        ----------
        codes : sequence of int64 ndarray of shape (n_i,)
            Labels, -1 where there is none.
        n_actions : int
            Number of actions.
        n_classes : int
            Number of labels. Actions that have none are told by their parts at first.
        """
        n_features = self.frames[0].shape[1]
        empty = np.zeros((n_features, n_actions)), np.zeros(n_actions)
        shares = self.shares(codes, n_actions)
        naming = Naming(shares, *empty, self.by_part, self.by_frame)
        if not self.by_frame:
            return naming
        known = np.concatenate(codes)
        frames = np.concatenate(self.frames)
        told = _in_blocks(np.concatenate(self.parts), shares)
        guess = told * (GUESS_WEIGHT if self.by_part else 0.0)
        can_be = np.arange(n_actions) < (n_classes if not self.by_part else n_actions)
        for _ in range(N_ROUNDS):
            members = np.where(known[:, None] >= 0, one_hot(known, n_actions), guess)
            weights, bias = discriminants(frames, members, self.used)
            naming = replace(
                naming, weights=weights, bias=np.where(can_be, bias, IMPOSSIBLE)
            )
            found = np.exp(naming.weigh(told, frames))
            guess = GUESS_WEIGHT * found
        return naming


class Candidate(Protocol):
    """What tells actions, as `Evidence` is."""

    @property
    def parts(self) -> Sequence[np.ndarray]: ...

    @property
    def frames(self) -> Sequence[np.ndarray]: ...

    def learn(
        self, codes: Sequence[np.ndarray], n_actions: int, n_classes: int
    ) -> BaseNaming: ...


class Chosen(NamedTuple):
    """What tells the actions, and how it was chosen."""

    candidate: Candidate
    temperature: float
    """Of its probabilities."""
    logs: list[dict[int, np.ndarray]]
    """Log probabilities of the frames of the videos of each fold with hidden labels."""
    score: float | None
    """Mean mIoU of hidden labels; None if there were none to hide."""


def choose_evidence(
    candidates: Sequence[Candidate],
    codes: Sequence[np.ndarray],
    folds: Sequence[Sequence[np.ndarray]],
    n_actions: int,
    n_classes: int,
    *,
    margin: float = 0.0,
    n_favoured: int = 1,
) -> Chosen:
    """Choose what tells the actions by cross-validation on labelled frames.

    Parameters
    ----------
    candidates : sequence of Evidence or AnchoredEvidence
        The first is taken where the others are no better.
    codes : sequence of int64 ndarray of shape (n_i,)
        Labels, -1 where there is none.
    folds : sequence of sequence of bool ndarray of shape (n_i,)
        The frames whose labels are hidden in each fold.
    n_actions, n_classes : int
        Numbers of actions and of labels.
    margin : float, default=0.0
        What mIoU must gain before the first ones are left.
    n_favoured : int, default=1
        How many these are.

    Returns
    -------
    Chosen
        The one whose labels of hidden frames have the largest mIoU.
    """
    if not folds:
        return Chosen(candidates[0], USUAL, [], None)
    scores = np.zeros(len(candidates))
    logs: list[list[dict[int, np.ndarray]]] = [[] for _ in candidates]
    for hidden in folds:
        true = np.concatenate([c[h] for c, h in zip(codes, hidden, strict=True)])
        for j, candidate in enumerate(candidates):
            told, found = _tell_hidden(candidate, codes, hidden, n_actions, n_classes)
            scores[j] += miou(true, found, matching=None)
            logs[j].append(told)
    gains = np.zeros(len(candidates))
    gains[:n_favoured] = margin * len(folds)
    best = int((scores + gains).argmax())
    heat = temperature_of_hidden(logs[best], codes, folds)
    return Chosen(candidates[best], heat, logs[best], float(scores[best] / len(folds)))


def _tell_hidden(
    candidate: Candidate,
    codes: Sequence[np.ndarray],
    hidden: Sequence[np.ndarray],
    n_actions: int,
    n_classes: int,
) -> tuple[dict[int, np.ndarray], np.ndarray]:
    """Learn from labels that are not hidden, and label the other frames.

    Returns the log probabilities of each video that has hidden labels, and the labels
    of their frames.
    """
    shown = hide(codes, hidden)
    naming = candidate.learn(shown, n_actions, n_classes)
    told = {
        i: naming.log_probabilities(candidate.parts[i], candidate.frames[i], shown[i])
        for i, flags in enumerate(hidden)
        if flags.any()
    }
    found = [naming.decode(log)[hidden[i]] for i, log in told.items()]
    return told, np.concatenate(found)


def hide(codes: Sequence[np.ndarray], hidden: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return labels without those that are hidden, -1 in their place."""
    return [np.where(h, -1, c) for h, c in zip(hidden, codes, strict=True)]


def temperature_of_hidden(
    logs: Sequence[dict[int, np.ndarray]],
    codes: Sequence[np.ndarray],
    folds: Sequence[Sequence[np.ndarray]],
) -> float:
    """Return the temperature at which hidden labels are most probable.

    Parameters
    ----------
    logs : sequence of dict of int to ndarray
        Log probabilities of the frames of some videos in each fold.
    codes : sequence of int64 ndarray of shape (n_i,)
        Labels.
    folds : sequence of sequence of bool ndarray of shape (n_i,)
        The frames whose labels were hidden.
    """
    told, true = [], []
    for found, hidden in zip(logs, folds, strict=True):
        for i, log in found.items():
            told.append(log[hidden[i]])
            true.append(codes[i][hidden[i]])
    return best_temperature(np.concatenate(told), np.concatenate(true))


def best_temperature(logs: np.ndarray, codes: np.ndarray) -> float:
    """Return the temperature at which labels are most probable.

    Parameters
    ----------
    logs : ndarray of shape (n_frames, n_actions)
        Log probabilities of the actions.
    codes : int64 ndarray of shape (n_frames,)
        The labels.

    Returns
    -------
    float
        From 0.5 to 10.

    References
    ----------
    .. [1] C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, "On Calibration of Modern Neural
       Networks", ICML 2017, temperature scaling.
    """
    frames = np.arange(len(codes))

    def surprise(heat: float) -> float:
        cooled = log_softmax(logs / np.exp(heat), axis=1)
        return -float(cooled[frames, codes].mean())

    bounds = np.log(COLDEST), np.log(HOTTEST)
    heat = minimize_scalar(surprise, bounds=bounds, method="bounded").x
    return float(np.exp(heat))


def hide_in_turn(codes: Sequence[np.ndarray], most: int) -> list[list[np.ndarray]]:
    """Return folds for cross-validation, none where labels are too few.

    Labelled videos are hidden in turn. Those of a lone labelled video are hidden by
    every other stretch of each label, if each has two or more.

    Parameters
    ----------
    codes : sequence of int64 ndarray of shape (n_i,)
        Labels, -1 where there is none.
    most : int
        Number of folds, at most.

    Returns
    -------
    list of list of bool ndarray of shape (n_i,)
    """
    some = labelled_videos(codes)
    group = [np.full(len(code), -1) for code in codes]
    if len(some) > 1:
        n_folds = min(most, len(some))
        for place, i in enumerate(some):
            group[i][codes[i] >= 0] = place % n_folds
    elif some:
        n_folds = 2
        (i,) = some
        group[i] = _stretches_in_turn(codes[i])
        if (group[i] < 0).sum() > (codes[i] < 0).sum():
            return []
    return [[g == fold for g in group] for fold in range(n_folds)] if some else []


def share_told(
    candidate: Candidate, codes: Sequence[np.ndarray], n_actions: int, n_classes: int
) -> float:
    """Return how many labels of the labelled videos are told by their others.

    Parameters
    ----------
    candidate : Candidate
        Tells actions.
    codes : sequence of int64 ndarray of shape (n_i,)
        Labels, -1 where there is none.
    n_actions, n_classes : int
        Numbers of actions and of labels.

    Returns
    -------
    float
        Share of the labelled frames. Every other stretch of each label is hidden; a
        label with one stretch is never told.
    """
    every, n_right = np.concatenate(codes), 0
    turns = [_stretches_in_turn(code) for code in codes]
    for turn in (0, 1):
        hidden = [of_video == turn for of_video in turns]
        where = np.concatenate(hidden)
        if where.any():
            _, found = _tell_hidden(candidate, codes, hidden, n_actions, n_classes)
            n_right += int((found == every[where]).sum())
    return n_right / int((every >= 0).sum())


def _stretches_in_turn(codes: np.ndarray) -> np.ndarray:
    """Give the stretches of each label 0 and 1 in turn; -1 where it has only one."""
    turns = np.full(len(codes), -1)
    runs = [run for run in labels_to_segments(codes) if run.label >= 0]
    counts = Counter(run.label for run in runs)
    seen: Counter[Any] = Counter()
    for run in runs:
        if counts[run.label] > 1:
            turns[run.start : run.end] = seen[run.label] % 2
            seen[run.label] += 1
    return turns


def shares_of_found(
    found: Sequence[np.ndarray],
    codes: Sequence[np.ndarray],
    n_found: int,
    n_actions: int,
    *,
    one_to_one: float,
) -> np.ndarray:
    """Name actions that were found without labels.

    Found actions are matched one to one with labels, so that most frames agree. Those
    left over stand for the actions that have no label.

    Parameters
    ----------
    found : sequence of int64 ndarray of shape (n_i,)
        The found action of each frame.
    codes : sequence of int64 ndarray of shape (n_i,)
        Labels, -1 where there is none.
    n_found, n_actions : int
        Numbers of found actions and of actions, `n_found` at least the other.
    one_to_one : float
        Weight of the matching, beside the labels of the frames of each found action.

    Returns
    -------
    ndarray of shape (n_found, n_actions)
        Rows sum to 1.
    """
    table = np.zeros((n_found, n_actions))
    for part, code in zip(found, codes, strict=True):
        known = code >= 0
        np.add.at(table, (part[known], code[known]), 1)
    rows, columns = linear_sum_assignment(table, maximize=True)
    matched = np.zeros_like(table)
    matched[rows, columns] = 1
    mass = table.sum(axis=1, keepdims=True)
    shares = (1 - one_to_one) * table / np.maximum(mass, 1) + one_to_one * matched
    shares += (shares.sum(axis=1, keepdims=True) == 0) / n_actions
    normed: np.ndarray = shares / shares.sum(axis=1, keepdims=True)
    return normed


def discriminants(
    frames: np.ndarray, members: np.ndarray, used: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Fit linear discriminants of equal priors to frames of uncertain class.

    Parameters
    ----------
    frames : ndarray of shape (n_frames, n_features)
        Features.
    members : ndarray of shape (n_frames, n_classes)
        How far each frame counts for each class.
    used : bool ndarray of shape (n_features,), default=None
        Which features count. None: all.

    Returns
    -------
    weights : ndarray of shape (n_features, n_classes)
        0 for features that do not count.
    bias : ndarray of shape (n_classes,)
        A large negative number for classes without frames.
    """
    full = np.zeros((frames.shape[1], members.shape[1]))
    kept = np.ones(frames.shape[1], dtype=bool) if used is None else used
    x = frames[:, kept].astype(float)
    mass = members.sum(axis=0)
    means = members.T @ x / np.maximum(mass, np.finfo(float).tiny)[:, None]
    each = members.sum(axis=1)
    scatter = (x * each[:, None]).T @ x - (means * mass[:, None]).T @ means
    scatter /= each.sum()
    level = np.trace(scatter) / len(scatter)
    if level <= np.finfo(float).eps:  # frames do not differ within their classes
        level = 1.0
    ridge = SHRINKAGE * level * np.eye(len(scatter))
    covariance = (1 - SHRINKAGE) * scatter + ridge
    weights = np.linalg.solve(covariance, means.T)  # (n_kept, n_classes)
    bias = -0.5 * np.einsum("kd,dk->k", means, weights)
    bias = np.where(mass > 1e-6 * mass.max(), bias, IMPOSSIBLE)
    full[kept] = weights
    return full, bias


def _in_blocks(parts: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Return the product of matrices, of which the first is long and in float32."""
    found = np.empty((len(parts), shares.shape[1]))
    for start in range(0, len(parts), ROWS):
        rows = slice(start, start + ROWS)
        found[rows] = parts[rows] @ shares
    return found


def one_hot(codes: np.ndarray, n_labels: int) -> np.ndarray:
    """Return a row for each code: 1 at its label, all 0 if it is negative.

    Parameters
    ----------
    codes : int64 ndarray of shape (n,)
        Labels.
    n_labels : int
        Their number.

    Returns
    -------
    ndarray of shape (n, n_labels)
    """
    rows = np.zeros((len(codes), n_labels))
    known = np.flatnonzero(codes >= 0)
    rows[known, codes[known]] = 1
    return rows
