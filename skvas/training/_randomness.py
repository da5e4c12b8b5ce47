"""The global generators of torch, for networks that cannot be given one."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor

# The generators belong to the process: one training at a time may seed them.
_LOCK = threading.RLock()


class GlobalGenerators:
    """The generators that a network on a device draws from, such as for dropout.

    Parameters
    ----------
    device : torch.device
        Where the network is; no other device is touched.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device

    @contextmanager
    def seeded(self, seed: int) -> Iterator[None]:
        """Seed the generators, and leave them as they were."""
        with _LOCK:
            before = self.states()
            try:
                torch.default_generator.manual_seed(seed)
                if self.device.type == "cuda":
                    with torch.cuda.device(self.device):
                        torch.cuda.manual_seed(seed)
                yield
            finally:
                self.restore(before)

    def states(self) -> dict[str, Tensor]:
        """Return the states of the generators."""
        found = {"cpu": torch.get_rng_state()}
        if self.device.type == "cuda":
            found["device"] = torch.cuda.get_rng_state(self.device)
        return found

    def restore(self, states: Mapping[str, Tensor]) -> None:
        """Put the generators into these states."""
        torch.set_rng_state(states["cpu"])
        if self.device.type == "cuda" and "device" in states:
            torch.cuda.set_rng_state(states["device"], self.device)
