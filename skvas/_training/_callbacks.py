"""What is told to the outside at the end of each epoch."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import TypeAlias

logger = logging.getLogger("skvas")

# Called with the record of the epoch: its number, losses and diagnostics. An exception
# that it raises ends the training.
Callback: TypeAlias = Callable[[Mapping[str, float]], object]


def announce(record: Mapping[str, float], max_epochs: int, verbose: int) -> None:
    """Write one line an epoch to the logger `skvas`, as often as `verbose` asks for."""
    epoch = int(record["epoch"])
    every = 1 if verbose > 1 else max(1, max_epochs // 10)
    if verbose and (epoch % every == 0 or epoch == max_epochs):
        shown = "  ".join(
            f"{name}={value:.4g}" for name, value in record.items() if name != "epoch"
        )
        logger.info("epoch %d/%d  %s", epoch, max_epochs, shown)
