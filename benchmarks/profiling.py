"""Where the time of a training goes."""

from __future__ import annotations

import collections
import contextlib
import functools
from unittest.mock import patch

import torch

from benchmarks.measure import clock
from skvas.nn._model import Model
from skvas.tasks import _alignment, _segmentation
from skvas.tasks._alignment import AlignmentTask
from skvas.tasks._segmentation import SegmentationTask
from skvas.training._adam import Adam
from skvas.training._sampling import PairSampler

PARTS = ("solver", "encoder", "losses", "optimizer", "sampling and padding")


class Stopwatch:
    """Seconds spent in each part of `fit`; time inside a part inside is not counted."""

    def __init__(self):
        self.seconds = collections.Counter()
        self._inside = []
        self._since = clock()

    def _lap(self):
        now = clock()
        if self._inside:
            self.seconds[self._inside[-1]] += now - self._since
        self._since = now

    @contextlib.contextmanager
    def part(self, name):
        self._lap()
        self._inside.append(name)
        try:
            yield
        finally:
            self._lap()
            self._inside.pop()

    def rename(self, name):
        """Go on under another name."""
        self._lap()
        self._inside[-1] = name

    def timed(self, function, name):
        @functools.wraps(function)
        def run(*args, **options):
            with self.part(name):
                return function(*args, **options)

        return run


def shares_of_training(model, videos):
    """Fit a model; return the share of the epochs' time that each part took.

    What is left is the rest of the loop. The encoder's part is its forward pass, and of
    the backward pass what follows the gradient of the embeddings.
    """
    watch, marks = Stopwatch(), []  # the time and the seconds so far, epoch by epoch
    embed, epoch = Model.embed, PairSampler.epoch

    def watched_embed(self, frames):
        with watch.part("encoder"):
            embeddings = embed(self, frames)
        if embeddings.requires_grad:
            embeddings.register_hook(lambda _: watch.rename("encoder"))
        return embeddings

    def watched_epoch(self):
        if not marks:
            watch.seconds.clear()
            note(None)
        batches = epoch(self)
        while batch := watch.timed(next, "sampling and padding")(batches, None):
            yield batch

    def note(record):
        marks.append((clock(), watch.seconds.copy()))

    backward = torch.Tensor.backward
    solve = _alignment.fused_gromov_wasserstein
    with contextlib.ExitStack() as stack:
        for owner, name, new in (
            (Model, "embed", watched_embed),
            (PairSampler, "epoch", watched_epoch),
            *(
                (task, "fused_gromov_wasserstein", watch.timed(solve, "solver"))
                for task in (_alignment, _segmentation)
            ),
            (torch.Tensor, "backward", watch.timed(backward, "losses")),
            (Adam, "step", watch.timed(Adam.step, "optimizer")),
            *(
                (task, "loss", watch.timed(task.loss, "losses"))
                for task in (SegmentationTask, AlignmentTask)
            ),
        ):
            stack.enter_context(patch.object(owner, name, new))
        model.set_params(training__callback=note).fit(videos)
    total = marks[-1][0] - marks[0][0]
    return {name: marks[-1][1][name] / total for name in PARTS}
