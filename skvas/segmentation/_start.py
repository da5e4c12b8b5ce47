"""Where training starts: prototypes from what the data already say."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.cluster.hierarchy import ward
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import pdist
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from torch import Tensor

from skvas.tasks._segmentation import Trial, solve_together
from skvas.timeline._cut import clusters
from skvas.transport import unit
from skvas.transport._precision import full_precision
from skvas.videos._batch import VideoBatch
from skvas.videos._frames import spread_frames

# Frames of all videos together that Ward's clusters are found from: where videos share
# an order, time tells their actions as well, and fewer do.
WARD_FRAMES, ORDERED_WARD_FRAMES = 2048, 1024
# Cosine cost of moving below which an action stays.
SETTLED = 1e-5


def time_slices(embeddings: Tensor, batch: VideoBatch, n_actions: int) -> Tensor:
    """Return the mean embedding of each of K equal slices of time, (K, D).

    A slice that no frame falls into, as all videos are shorter than K, takes the frame
    of the first video that is nearest in time.
    """
    n, device = embeddings.shape[1], embeddings.device
    lengths = batch.lengths.to(device)
    slices = torch.arange(n, device=device) * n_actions // lengths[:, None]  # (B, N)
    frames, where = embeddings[batch.mask], slices[batch.mask]
    sums = embeddings.new_zeros(n_actions, embeddings.shape[2])
    sums.index_add_(0, where, frames)
    empty = torch.bincount(where, minlength=n_actions) == 0
    times = (torch.arange(n_actions, device=device) * lengths[0]) // n_actions
    sums[empty] = embeddings[0, times[empty]]
    return unit(sums)


@dataclass(frozen=True)
class WardTree:
    """Ward's clusters of frames, of which any number can be had.

    Parameters
    ----------
    frames : ndarray of shape (n, D)
        The frames.
    merges : ndarray of shape (n - 1, 4)
        Each step that makes one cluster of two, as scipy has it.
    n_distinct : int
        Frames that differ.
    """

    frames: np.ndarray
    merges: np.ndarray
    n_distinct: int

    @classmethod
    def of(
        cls, embeddings: Tensor, batch: VideoBatch, *, in_order: bool = False
    ) -> WardTree:
        """Join frames of all videos, evenly spread."""
        frames = embeddings[batch.mask].cpu().numpy()
        n_frames = ORDERED_WARD_FRAMES if in_order else WARD_FRAMES
        few = frames[spread_frames(len(frames), n_frames)]
        merges = np.empty((0, 4))
        if len(few) > 1:  # which scipy asks for
            merges = ward(pdist(few))
        return cls(few, merges, len(np.unique(few, axis=0)))

    def centres(self, n_clusters: int) -> np.ndarray:
        """Return the mean of each of at most so many clusters, (n, D)."""
        n = min(n_clusters, self.n_distinct)
        if n == 1:
            return self.frames.mean(axis=0, keepdims=True)
        labels = clusters(self.merges, n)
        return np.stack(
            [self.frames[labels == k].mean(axis=0) for k in range(1, n + 1)]
        )


def k_means(
    embeddings: Tensor,
    batch: VideoBatch,
    n_actions: int,
    *,
    in_order: bool = False,
    tree: WardTree | None = None,
) -> Tensor:
    """Return k-means centres of the frames of all videos, ordered by mean time.

    They start from Ward's clusters of frames evenly spread, so nothing is random;
    `tree` has them where they are known.
    """
    tree = tree or WardTree.of(embeddings, batch, in_order=in_order)
    frames = embeddings[batch.mask].cpu().numpy()
    lengths = batch.lengths.to(embeddings)
    n = torch.arange(embeddings.shape[1], device=embeddings.device)
    times = (n / lengths[:, None])[batch.mask].cpu().numpy()
    start = tree.centres(n_actions)
    model = KMeans(len(start), init=start, n_init=1, random_state=0)
    with warnings.catch_warnings():  # of frames that differ by rounding alone
        warnings.simplefilter("ignore", ConvergenceWarning)
        labels, centres = model.fit_predict(frames), model.cluster_centers_
    used = np.unique(labels)
    order = used[np.argsort([times[labels == k].mean() for k in used])]
    # Fewer distinct frames than actions: the rest start as copies of the first.
    order = np.concatenate([order, np.repeat(order[:1], n_actions - len(order))])
    return unit(torch.from_numpy(centres[order]).to(embeddings))


def refine(trials: Sequence[Trial], n_rounds: int) -> list[Trial]:
    """Alternate plans with barycentres: each action moves to the mean of its frames.

    A trial is over before all rounds where none of its actions moves any more.
    """
    refined = list(trials)
    going = list(range(len(refined)))
    for _ in range(n_rounds):
        if not going:
            break
        plans = solve_together([refined[i] for i in going])
        ways = []
        for i, plan in zip(going, plans, strict=True):
            batch, before = refined[i].batch, refined[i].prototypes
            moved = barycentres(plan, batch.frames, batch, before)
            ways.append((1 - (moved * before).sum(dim=1)).max())
            refined[i] = replace(refined[i], prototypes=moved)
        far = torch.stack(ways).tolist()
        going = [i for i, way in zip(going, far, strict=True) if way >= SETTLED]
    return refined


def barycentres(
    plan: Tensor, embeddings: Tensor, batch: VideoBatch, prototypes: Tensor
) -> Tensor:
    """Return the unit mean of the frames that a plan (B, N, K) gives each action.

    All frames weigh the same. An action without mass keeps its prototype.
    """
    shares = plan * batch.lengths.to(plan.device)[:, None, None]
    with full_precision(plan.device):
        sums = torch.einsum("bnk,bnd->kd", shares, embeddings)
    moved = sums.norm(dim=1, keepdim=True) > torch.finfo(sums.dtype).eps
    return torch.where(moved, unit(sums), prototypes)


def vote(plans: Sequence[Tensor], weights: np.ndarray) -> Tensor:
    """Average plans (B, N, K) that number the actions differently.

    The actions of each plan are matched one to one with those of the vote so far, by
    the mass that they share: at first with the plan of the largest weight, then with
    the average of all.
    """
    voted = plans[int(weights.argmax())]
    for _ in range(2):
        total = torch.zeros_like(voted)
        for plan, weight in zip(plans, weights / weights.sum(), strict=True):
            with full_precision(plan.device):
                shared = torch.einsum("bnk,bnl->kl", voted, plan)
            partners = linear_sum_assignment(shared.cpu().numpy(), maximize=True)[1]
            total += float(weight) * plan[:, :, partners]
        voted = total
    return voted
