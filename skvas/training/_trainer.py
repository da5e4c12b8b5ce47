"""The trainer: one loop, its settings, and the processes that share it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

import joblib
import numpy as np
import torch

from skvas.exceptions import CollapseWarning
from skvas.nn._model import Model, is_ours
from skvas.training._callbacks import Callback
from skvas.training._checkpoint import AnyCheckpoint, as_arrays
from skvas.training._distributed import ALONE, Team, is_launched, join_team, launch
from skvas.training._loop import train
from skvas.training._objective import Losses
from skvas.training._randomness import GlobalGenerators
from skvas.training._sampling import Pairs, PairSampler
from skvas.transport._threads import all_threads, single_threaded

# Embeddings that fill fewer dimensions than this have collapsed.
COLLAPSED_RANK = 1.5

# What a batch of pairs costs when this share of the training is over.
BatchLoss = Callable[[Model, Pairs, float], Losses]


@dataclass(frozen=True)
class Trainer:
    """Trains a model by an objective.

    Parameters
    ----------
    training : mapping of str to object
        Values of :class:`skvas.Training`: lr, weight_decay, n_frames, batch_size and
        augment.
    max_epochs : int
        Passes over the videos.
    device : torch.device
        Where to train; of several processes, each takes a GPU of its own.
    checkpoint : Checkpoint or NoCheckpoint
        Saves the training, and resumes it.
    devices : int, default=1
        Processes that train together.
    callback : callable, default=None
        Called at the end of each epoch.
    verbose : int, default=0
        How much progress is shown.
    """

    training: Mapping[str, Any]
    max_epochs: int
    device: torch.device
    checkpoint: AnyCheckpoint
    devices: int = 1
    callback: Callback | None = None
    verbose: int = 0

    def fit(
        self,
        model: Model,
        objective: BatchLoss,
        features: Sequence[np.ndarray],
        rng: np.random.RandomState,
    ) -> dict[str, np.ndarray]:
        """Train the model in place.

        Parameters
        ----------
        model : Model
            What is trained.
        objective : callable
            From the model, a batch of pairs, and the share of the training that is
            over, to `Losses`.
        features : sequence of ndarray of shape (n_i, D_in)
            What the encoder sees of the videos.
        rng : RandomState
            Source of all randomness.

        Returns
        -------
        dict of str to ndarray of shape (n_epochs,)
            The mean of each part of the losses over each epoch.
        """
        parameters = model.modules().parameters()
        if self.max_epochs and not any(p.requires_grad for p in parameters):
            raise ValueError(
                "encoder has no parameters to train; set max_epochs=0 to use it as is."
            )
        run = partial(self._run, model, objective, features, rng)
        if self.devices == 1:
            history = run(self.checkpoint, ALONE, self.device)
        elif is_launched():
            team, own = join_team(self.devices, self.device)
            weights = as_arrays(model.modules().state_dict())
            team.check_agreement(
                joblib.hash([list(features), rng.get_state(), [*weights.values()]])
            )
            history = run(self.checkpoint, team, own)
        else:
            model.to(torch.device("cpu"))  # on its way to other processes
            with self.checkpoint.in_file() as file:
                launch(partial(run, file), self.devices, self.device)
                history = run(file.reopened(), ALONE, self.device)
        _warn_of_collapse(history)
        return history

    def _run(
        self,
        model: Model,
        objective: BatchLoss,
        features: Sequence[np.ndarray],
        rng: np.random.RandomState,
        checkpoint: AnyCheckpoint,
        team: Team,
        device: torch.device,
    ) -> dict[str, np.ndarray]:
        """Run the training loop, as one of a team."""
        model.to(device)
        n_frames, batch_size = self.training["n_frames"], self.training["batch_size"]
        sampler = PairSampler(
            features,
            n_frames,
            batch_size,
            rng,
            device,
            augment=self.training["augment"],
            rank=team.rank,
            n_ranks=team.size,
        )
        checkpoint.writes = team.rank == 0
        seed = int(rng.randint(2**31))
        # No encoder of ours draws at random.
        generators = None if is_ours(model.encoder) else GlobalGenerators(device)
        # A network of the user's may well be worth all threads.
        n_entries = batch_size * n_frames**2
        threads = all_threads() if generators else single_threaded(n_entries, device)
        with generators.seeded(seed) if generators else nullcontext(), threads:
            return train(
                partial(objective, model),
                sampler,
                model.modules(),
                lr=self.training["lr"],
                weight_decay=self.training["weight_decay"],
                max_epochs=self.max_epochs,
                after_step=model.renormalise,
                team=team,
                checkpoint=checkpoint,
                callback=self.callback if team.rank == 0 else None,
                verbose=self.verbose if team.rank == 0 else 0,
                generators=generators,
            )


def _warn_of_collapse(history: dict[str, np.ndarray]) -> None:
    rank = history.get("embedding_rank", np.empty(0))
    if len(rank) and rank[-1] < min(COLLAPSED_RANK, 0.99 * rank[0]):
        warnings.warn(
            f"The embedding has collapsed to {rank[-1]:.2f} effective dimensions: "
            "frames can hardly be told apart. Train for fewer epochs (max_epochs), or "
            "with a smaller lr.",
            CollapseWarning,
            stacklevel=5,
        )
