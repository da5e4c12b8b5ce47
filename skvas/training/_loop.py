"""The training loop, the only one."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from skvas._printing import tell
from skvas.training._adam import Adam
from skvas.training._callbacks import Callback, announce
from skvas.training._distributed import ALONE, Team
from skvas.training._objective import Losses
from skvas.training._randomness import GlobalGenerators
from skvas.training._sampling import Pairs, PairSampler


@dataclass
class TrainingState:
    """All that the rest of a training depends on, between two epochs.

    Parameters
    ----------
    modules : Module
        What is trained.
    optimizer : Adam
        Of its parameters.
    rng : RandomState
        What batches are drawn by.
    records : list of dict
        One for each epoch that is over.
    generators : GlobalGenerators, default=None
        What the modules draw from, if they draw at all.
    is_over : bool, default=False
        Whether the callback has ended it.
    """

    modules: nn.Module
    optimizer: Adam
    rng: np.random.RandomState
    records: list[dict[str, float]]
    generators: GlobalGenerators | None = None
    is_over: bool = False


class CheckpointHook:
    """Saves a training, so that it can resume where it stopped; this one, nothing.

    Attributes
    ----------
    writes : bool
        Whether this process is the one, of a team, that writes.
    """

    writes = True

    def begin(self, state: TrainingState) -> None:
        """Restore the training, if there is one to resume."""

    def end_epoch(self, state: TrainingState, *, last: bool) -> None:
        """Save the training."""


UNSAVED = CheckpointHook()


def train(
    compute: Callable[[Pairs, float], Losses],
    sampler: PairSampler,
    modules: nn.Module,
    *,
    lr: float,
    weight_decay: float,
    max_epochs: int,
    after_step: Callable[[], None],
    team: Team = ALONE,
    checkpoint: CheckpointHook = UNSAVED,
    callback: Callback | None = None,
    verbose: int = 0,
    generators: GlobalGenerators | None = None,
) -> dict[str, np.ndarray]:
    """Minimise a loss over batches of pairs by Adam.

    Parameters
    ----------
    compute : callable
        From a batch of pairs, and the share of the training that is over, to `Losses`.
    sampler : PairSampler
        Gives the batches.
    modules : Module
        What is trained, in place.
    lr, weight_decay : float
        Of Adam.
    max_epochs : int
        Passes over the videos.
    after_step : callable
        Called after each step of the optimiser, to put parameters back on the sphere.
    team : Team, default=ALONE
        The processes that train together.
    checkpoint : CheckpointHook, default=UNSAVED
        Saves the training, and resumes it.
    callback : callable, default=None
        Called with the record of each epoch; True ends the training.
    verbose : int, default=0
        0 is silent, 1 logs about ten lines, 2 one line an epoch.
    generators : GlobalGenerators, default=None
        What the modules draw from, if they draw at all.

    Returns
    -------
    dict of str to ndarray of shape (n_epochs,)
        The mean of each part over each epoch, beside `epoch`, `loss` and `seconds`.
    """
    modules.train()
    optimizer = Adam(modules.parameters(), lr=lr, weight_decay=weight_decay)
    records: list[dict[str, float]] = []
    state = TrainingState(modules, optimizer, sampler.rng, records, generators)
    checkpoint.begin(state)
    if len(records) < max_epochs:
        tell("training", len(records), max_epochs)
    for epoch in range(len(records), max_epochs):
        if state.is_over:
            break
        started = time.perf_counter()
        seen: list[dict[str, Tensor]] = []
        for pairs in sampler.epoch():
            losses = compute(pairs, epoch / max_epochs)
            optimizer.forget_gradients()
            (losses.total * pairs.weight).backward()
            team.join_gradients(modules.parameters())
            optimizer.step()
            after_step()
            parts = {"loss": losses.total.detach(), **losses.parts}
            seen.append({name: part * pairs.weight for name, part in parts.items()})
        means = {name: torch.stack([p[name] for p in seen]).mean() for name in seen[0]}
        team.add_up(list(means.values()))
        values = torch.stack([mean.double() for mean in means.values()]).tolist()
        found = dict(zip(means, values, strict=True))
        seconds = time.perf_counter() - started
        records.append({"epoch": epoch + 1, **found, "seconds": seconds})
        announce(records[-1], max_epochs, verbose)
        checkpoint.end_epoch(state, last=epoch + 1 == max_epochs)
        # The user's own record, to keep or to change.
        answer = callback(dict(records[-1])) if callback is not None else None
        state.is_over = team.any(isinstance(answer, (bool, np.bool_)) and bool(answer))
        if state.is_over:
            checkpoint.end_epoch(state, last=True)
    modules.eval()
    names = records[0] if records else ("epoch", "loss", "seconds")
    return {name: np.array([record[name] for record in records]) for name in names}
