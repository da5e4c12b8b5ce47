"""What is told to the outside at the end of each epoch."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping
from typing import TypeAlias

logger = logging.getLogger("skvas")

# Called with the record of the epoch: its number, losses and diagnostics. An exception
# that it raises ends the training.
Callback: TypeAlias = Callable[[Mapping[str, float]], object]


def announce(record: Mapping[str, float], max_epochs: int, verbose: int) -> None:
    """Tell of an epoch in one line, as often as `verbose` asks for.

    The line goes to the logger `skvas` if its records of level INFO are shown, and else
    to the standard error: who asks for progress sees it without setting up logging.
    """
    epoch = int(record["epoch"])
    every = 1 if verbose > 1 else max(1, max_epochs // 10)
    if not verbose or (epoch % every and epoch != max_epochs):
        return
    shown = "  ".join(
        f"{name}={value:.4g}" for name, value in record.items() if name != "epoch"
    )
    line = f"epoch {epoch}/{max_epochs}  {shown}"
    if logger.isEnabledFor(logging.INFO) and logger.hasHandlers():
        logger.info(line)
    else:
        print(f"[skvas] {line}", file=sys.stderr)  # noqa: T201
