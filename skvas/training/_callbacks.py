"""What is told to the outside: steps of a fit, and the end of each epoch."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import TypeAlias

from skvas._printing import listening

logger = logging.getLogger("skvas")

# Seconds between two lines of one step.
EVERY = 10.0

# Called with the record of the epoch: its number, losses and diagnostics. True ends the
# training there, an exception the fit.
Callback: TypeAlias = Callable[[Mapping[str, float]], object]


def announce(record: Mapping[str, float], max_epochs: int, verbose: int) -> None:
    """Tell of an epoch in one line, as often as `verbose` asks for.

    The line goes to the logger `skvas` if its records of level INFO are shown, and else
    to the standard error: who asks for progress sees it without setting up logging.
    """
    if not verbose:
        return
    epoch = int(record["epoch"])
    every = 1 if verbose > 1 else max(1, max_epochs // 10)
    if epoch % every and epoch != max_epochs:
        return
    shown = "  ".join(
        f"{name}={value:.4g}" for name, value in record.items() if name != "epoch"
    )
    left = ""
    if "seconds" in record and epoch < max_epochs:
        left = f", about {record['seconds'] * (max_epochs - epoch):.0f} s left"
    _show(f"epoch {epoch} of {max_epochs}{left}  {shown}")


class StepLog:
    """Listens to the steps of a fit, and shows a line for each that begins.

    Counted parts have a line every ten seconds, or each where `verbose` is above 1.
    """

    def __init__(self, verbose: int) -> None:
        self.verbose = verbose
        self.step = ""
        self.told = time.perf_counter()

    def __call__(self, step: str, done: int, total: int) -> None:
        """Show the step, if it is new or the last line is old."""
        now = time.perf_counter()
        if step == self.step and self.verbose < 2 and now - self.told < EVERY:
            return
        self.step, self.told = step, now
        _show(f"{step}{_how_far(done, total)}")


def _how_far(done: int, total: int) -> str:
    if not done:
        return ""
    return f", {done} of {total}" if total else f", {done} frames"


def progress(verbose: int) -> AbstractContextManager[None]:
    """Show the steps of what is done inside, where `verbose` asks for it."""
    return listening(StepLog(int(verbose)) if verbose else None)


def _show(line: str) -> None:
    if logger.isEnabledFor(logging.INFO) and logger.hasHandlers():
        logger.info(line)
    else:
        print(f"[skvas] {line}", file=sys.stderr)  # noqa: T201
