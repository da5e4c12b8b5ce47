"""Actions anchored by labels: one transport problem for labelled and other frames."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from skvas.labels._naming import FLOOR, BaseNaming, one_hot
from skvas.transport import (
    Distinct,
    TemporalBand,
    fused_gromov_wasserstein,
    unit,
)
from skvas.videos._batch import VideoBatch, pad, unpad
from skvas.videos._frames import labelled_videos, sample_videos

# Rounds in which frames are transported and the actions placed anew.
N_ROUNDS = 3
# The problem: weight and radius of the structure in time, entropy, and the penalty of
# other shares than the expected ones.
ALPHA, RADIUS, EPS, WEIGHT_OF_SHARES = 0.5, 0.04, 0.07, 0.1
# What a frame costs beyond its cosine cost: at an action that its part does not vote
# for; at an action without labels, which would else take the frames of the others; at
# another action than that of its label.
DISSENT, UNNAMED, FORBIDDEN = 0.2, 0.3, 2.0
# How far expected shares of actions are equal, beside those of labelled frames.
EQUAL = 0.5


@dataclass(frozen=True)
class AnchoredActions(BaseNaming):
    r"""Tells actions by transport of a video's frames to actions that labels anchor.

    A frame with embedding f, in part m with probability :math:`p_m`, costs

    .. math:: 1 - f^\top a_k + 0.2 (1 - \sum_m p_m s_{mk}) + e_k

    at action k, and 2 more if it has another label. Plans are those of fused
    Gromov-Wasserstein optimal transport with structure in time; masses of actions are
    drawn to `masses`.

    Attributes
    ----------
    shares : ndarray of shape (n_parts, n_actions)
        :math:`s`, rows sum to 1.
    vectors : ndarray of shape (D, n_actions)
        :math:`a`, unit vectors of the embedding.
    extra : ndarray of shape (n_actions,)
        :math:`e`, 0.3 for actions that have no label.
    masses : ndarray of shape (n_actions,)
        Expected shares of the actions, sum to 1.
    """

    shares: np.ndarray
    vectors: np.ndarray
    extra: np.ndarray
    masses: np.ndarray

    @property
    def n_actions(self) -> int:
        """Number of actions."""
        return len(self.masses)

    def log_probabilities(
        self, parts: np.ndarray, frames: np.ndarray, known: np.ndarray | None = None
    ) -> np.ndarray:
        """Return the logarithms of the plan of a video, whose rows sum to 1."""
        known = np.full(len(parts), -1) if known is None else known
        (plan,) = self.transport([parts], [frames], [known])
        logs: np.ndarray = np.log((plan + FLOOR) / (1 + FLOOR * plan.shape[1]))
        return logs

    def transport(
        self,
        parts: Sequence[np.ndarray],
        frames: Sequence[np.ndarray],
        codes: Sequence[np.ndarray],
    ) -> list[np.ndarray]:
        """Return how each frame is shared out among the actions, rows sum to 1.

        Parameters
        ----------
        parts, frames, codes : sequence of ndarray
            What `log_probabilities` takes, one a video.
        """
        n_embedding, n_actions = self.vectors.shape
        told = [one_hot(code, n_actions) for code in codes]
        extra = [
            DISSENT * (1 - part @ self.shares) + self.extra + _forbidden(members)
            for part, members in zip(parts, told, strict=True)
        ]
        device = torch.device("cpu")
        batch = pad([_float(video[:, :n_embedding]) for video in frames], device)
        costs = pad([_float(cost) for cost in extra], device).frames  # (B, N, K)
        costs += 1 - batch.frames @ torch.from_numpy(_float(self.vectors))
        return _plans(costs, batch, torch.from_numpy(_float(self.masses)))


@dataclass(frozen=True)
class AnchoredEvidence:
    """Frames among which `AnchoredActions` are learned.

    Attributes
    ----------
    parts : list of ndarray of shape (n_i, n_parts)
        Probabilities of the parts, actions that were found without labels.
    frames : list of ndarray of shape (n_i, at least n_embedding)
        Embeddings, and what else is known of the frames.
    shares : callable
        From labels of frames, one array a video, and the number of actions to the
        shares of the parts.
    n_embedding : int
        Dimensions of the embedding.
    """

    parts: Sequence[np.ndarray]
    frames: Sequence[np.ndarray]
    shares: Callable[[Sequence[np.ndarray], int], np.ndarray]
    n_embedding: int

    def learn(
        self, codes: Sequence[np.ndarray], n_actions: int, n_classes: int
    ) -> AnchoredActions:
        """Place the actions, from some labels.

        Actions with labels start at their labelled frames, the others at the actions
        that were found without labels and fit no label.

        Parameters
        ----------
        codes : sequence of int64 ndarray of shape (n_i,)
            Labels, -1 where there is none.
        n_actions, n_classes : int
            Numbers of actions and of labels.
        """
        some = set(sample_videos(len(codes)).tolist())
        some |= {*labelled_videos(codes)}
        parts, frames, known = (
            [each[i] for i in sorted(some)] for each in (self.parts, self.frames, codes)
        )
        joined = np.concatenate(frames)[:, : self.n_embedding].astype(float)
        members = one_hot(np.concatenate(known), n_actions)
        anchors = joined.T @ members  # (D, K)
        counts = members.sum(axis=0)
        start = anchors + _left_over(np.concatenate(parts), members, joined)
        actions = AnchoredActions(
            self.shares(codes, n_actions),
            _unit(start),
            np.where(counts > 0, 0.0, UNNAMED),
            _expected(counts),
        )
        is_open = np.concatenate(known)[:, None] < 0
        for _ in range(N_ROUNDS):
            plans = np.concatenate(actions.transport(parts, frames, known))
            placed = _unit(anchors + joined.T @ (plans * is_open))
            actions = replace(actions, vectors=placed)
        return actions


def _expected(counts: np.ndarray) -> np.ndarray:
    """Return shares of actions; those without labels have the mean of the others."""
    has_labels = counts > 0
    mean = counts[has_labels].mean() if has_labels.any() else 1.0
    told = np.where(has_labels, counts, mean)
    shares: np.ndarray = EQUAL / len(counts) + (1 - EQUAL) * told / told.sum()
    return shares


def _left_over(
    parts: np.ndarray, members: np.ndarray, frames: np.ndarray
) -> np.ndarray:
    """Return sums of the frames of parts that fit no label, (D, K).

    Columns of actions with labels are 0.
    """
    lacking = np.flatnonzero(members.sum(axis=0) == 0)
    table = parts.T @ members
    rows, columns = linear_sum_assignment(table, maximize=True)
    free = rows[np.isin(columns, lacking)]
    sums = np.zeros((frames.shape[1], members.shape[1]))
    sums[:, columns[np.isin(columns, lacking)]] = frames.T @ parts[:, free]
    return sums


def _forbidden(members: np.ndarray) -> np.ndarray:
    """Return what frames with a label cost at other actions."""
    has_label = members.sum(axis=1, keepdims=True)
    found: np.ndarray = FORBIDDEN * (has_label - members)
    return found


def _plans(costs: Tensor, batch: VideoBatch, masses: Tensor) -> list[np.ndarray]:
    found = fused_gromov_wasserstein(
        costs,
        TemporalBand(batch.lengths, RADIUS),
        Distinct(),
        mask_x=batch.solver_mask,
        q=masses.expand(len(costs), -1).contiguous(),
        lambda_y=WEIGHT_OF_SHARES,
        alpha=ALPHA,
        eps=EPS,
    )
    plans = found.plan
    rows = plans.sum(dim=2, keepdim=True)
    return unpad(plans / torch.where(rows > 0, rows, 1), batch.lengths)


def _unit(columns: np.ndarray) -> np.ndarray:
    scaled: np.ndarray = unit(torch.from_numpy(columns.T.copy())).numpy().T
    return scaled


def _float(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array, dtype=np.float32)
