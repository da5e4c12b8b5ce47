"""The virtual frame of a pair of videos: what leaving frames unmatched costs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from skvas.exceptions import InvalidParameterError
from skvas.transport import add_virtual_frame, virtual_masses
from skvas.validation import check_real
from skvas.videos._batch import VideoBatch
from skvas.videos._frames import spread_frames

# Frames of each video, evenly spread, whose costs a quantile is taken of.
QUANTILE_FRAMES = 256
# Share of a video that can stay unmatched, at most, where costs tell it.
MOST = 0.99


@dataclass(frozen=True)
class Quantile:
    """A quantile of the costs between the real frames of a pair of videos.

    Parameters
    ----------
    share : float
        In (0, 1).
    """

    share: float

    def of(self, cost: Tensor) -> Tensor:
        """Return the quantile of one pair's costs (N, M), a scalar."""
        return torch.quantile(cost.flatten(), self.share)


def parse_quantile(name: str, value: Any, **limits: Any) -> float | Quantile:
    """Return a number, or the quantile that such as "30%" names.

    Raises
    ------
    InvalidParameterError
        If the text is no percentage between 0 and 100, or the number is not within the
        limits, those of `check_real`.
    """
    if not isinstance(value, str):
        return check_real(name, value, **limits)
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*%\s*", value)
    share = float(found[1]) / 100 if found else 0.0
    if not 0 < share < 1:
        raise InvalidParameterError(
            f'{name} must be a number or a quantile of the costs such as "30%", '
            f"between 0% and 100%, got {value!r}."
        )
    return Quantile(share)


@dataclass(frozen=True)
class VirtualFrame:
    """The partner of all frames that have no counterpart.

    Parameters
    ----------
    zeta : float or Quantile
        What it costs to leave a frame unmatched.
    mass : float, Quantile or None
        Share of a video that can stay unmatched. A quantile of the costs: a frame
        counts as unmatched if its cheapest match costs more than the quantile. None:
        one frame.
    """

    zeta: float | Quantile
    mass: float | Quantile | None

    def join(
        self, cost: Tensor, batch_x: VideoBatch, batch_y: VideoBatch
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Put the virtual frame before both videos.

        Parameters
        ----------
        cost : Tensor of shape (B, N, M)
            Costs between real frames.
        batch_x, batch_y : VideoBatch
            Give masks and lengths.

        Returns
        -------
        cost : Tensor of shape (B, N + 1, M + 1)
        p, q : Tensor of shape (B, N + 1) and (B, M + 1)
            Masses, the virtual frame's first.
        """
        zeta: float | Tensor
        if isinstance(self.zeta, Quantile):
            spread = _spread(cost, batch_x, batch_y)
            zeta = torch.stack([self.zeta.of(pair) for pair in spread])  # (B,)
        else:
            zeta = self.zeta
        virtual_x, virtual_y = self._masses(cost, batch_x, batch_y)
        return (
            add_virtual_frame(cost, zeta),
            virtual_masses(batch_x.mask, virtual_x, cost),
            virtual_masses(batch_y.mask, virtual_y, cost),
        )

    def _masses(
        self, cost: Tensor, batch_x: VideoBatch, batch_y: VideoBatch
    ) -> tuple[float | Tensor | None, float | Tensor | None]:
        """Return the masses of both virtual frames, as shares of those of real ones.

        That of x takes frames of y, and the reverse. Where a of all x and b of all y
        can go unmatched, what is left of both is the same mass.
        """
        if not isinstance(self.mass, Quantile):
            return self.mass, self.mass
        shares = []
        for pair in _spread(cost, batch_x, batch_y):
            dear = pair > self.mass.of(pair)
            shares.append([_mean(dear.all(dim=dim)) for dim in (1, 0)])
        a, b = (
            torch.stack(share).clamp_max(MOST) for share in zip(*shares, strict=True)
        )
        return b * (1 - a) / (1 - b), a * (1 - b) / (1 - a)


def _spread(cost: Tensor, batch_x: VideoBatch, batch_y: VideoBatch) -> Iterator[Tensor]:
    """Yield each pair's costs between real frames that are evenly spread."""
    lengths = zip(batch_x.lengths.tolist(), batch_y.lengths.tolist(), strict=True)
    for pair, sizes in zip(cost, lengths, strict=True):
        rows, columns = (
            torch.from_numpy(spread_frames(size, QUANTILE_FRAMES)).to(cost.device)
            for size in sizes
        )
        yield pair[rows[:, None], columns]


def _mean(chosen: Tensor) -> Tensor:
    """Return the share that is chosen, that of one at least."""
    return chosen.float().sum().clamp_min(1) / len(chosen)
