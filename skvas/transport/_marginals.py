"""What is asked of the mass of each row or column of a plan."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor


class Facts(NamedTuple):
    """What the host knows of a side of each problem."""

    all_hard: list[bool]
    any_hard: list[bool]
    all_real: list[bool]  # whether every item has mass

    def take(self, positions: list[int]) -> Facts:
        """Return what is known of some problems of the batch."""
        return Facts(*([each[i] for i in positions] for each in self))


def read(questions: Sequence[Tensor]) -> list[list[bool]]:
    """Read truth values (B,) from their device, all at one wait."""
    answers: list[list[bool]] = torch.stack(tuple(questions)).tolist()
    return answers


@dataclass(frozen=True)
class Marginal:
    r"""Masses to be met, each with the weight of its Kullback-Leibler penalty.

    One number says the kind: an infinite weight is a *hard* marginal, a finite one
    *relaxed*, and 0 leaves it *free*. Items may differ, so that a virtual frame can be
    relaxed among frames that are not.

    Parameters
    ----------
    mass : Tensor of shape (B, N)
        Masses, 0 at padded items.
    weight : Tensor of shape (B, N)
        Weights :math:`\lambda`, in [0, inf].
    known : Facts or None, default=None
        Answers to `questions`, where they were asked before; None: each look at `facts`
        asks, and makes a GPU wait.

    Notes
    -----
    What a loop reads again and again is kept from the first time on. A compiled loop
    can read what is kept, but cannot be the first.
    """

    mass: Tensor
    weight: Tensor
    known: Facts | None = None

    def questions(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return what `Facts` has, on the device, each (B,)."""
        hard = self.hard
        return hard.all(dim=1), hard.any(dim=1), (self.mass > 0).all(dim=1)

    @property
    def facts(self) -> Facts:
        return self.known or Facts(*read(self.questions()))

    @property
    def all_hard(self) -> bool:
        """Whether all masses of all problems are constraints."""
        return all(self.facts.all_hard)

    @property
    def any_hard(self) -> bool:
        """Whether any mass of any problem is a constraint."""
        return any(self.facts.any_hard)

    @property
    def all_real(self) -> bool:
        """Whether every item of every problem has mass."""
        return all(self.facts.all_real)

    @functools.cached_property
    def log_mass(self) -> Tensor:
        """The logarithm of the mass, 0 where there is none."""
        return finite_log(self.mass)

    @property
    def hard(self) -> Tensor:
        """Where the mass is a constraint, (B, N)."""
        return torch.isinf(self.weight)

    @functools.cached_property
    def soft_weight(self) -> Tensor:
        """The weight where the mass is a wish, and 0 where it is a constraint."""
        return self.weight.masked_fill(self.hard, 0.0)

    def take(self, index: Tensor) -> Marginal:
        """Return the marginals of some problems of the batch."""
        known = None if self.known is None else self.known.take(index.tolist())
        return Marginal(self.mass[index], self.weight[index], known)

    def double(self) -> Marginal:
        """Return the marginals in float64."""
        return Marginal(self.mass.double(), self.weight.double(), self.known)

    def penalty(self, found: Tensor) -> Tensor:
        r"""Return :math:`\sum_i \lambda_i KL(found_i | mass_i)` of soft items, (B,)."""
        missing = self.mass - found
        divergence = missing.add_(found * self._log_ratio(found))  # (B, N)
        return divergence.mul_(self.soft_weight).sum(dim=1)  # (B,)

    def gradient(self, found: Tensor) -> Tensor:
        """Return the derivative of `penalty` by the masses found, (B, N)."""
        return self.soft_weight * self._log_ratio(found)

    def _log_ratio(self, found: Tensor) -> Tensor:
        tiny = torch.finfo(found.dtype).tiny
        return (found.clamp_min(tiny) / self._least_mass).log()

    @functools.cached_property
    def _least_mass(self) -> Tensor:
        return self.mass.clamp_min(torch.finfo(self.mass.dtype).tiny)

    def damping(self, eps: float) -> Tensor:
        r"""Return Sinkhorn's exponent, :math:`\lambda / (\lambda + \epsilon)`."""
        soft = self.soft_weight
        # 1 is for what is hard, and not for what rounds to it.
        most = 1 - torch.finfo(soft.dtype).eps / 2
        return torch.where(self.hard, 1.0, (soft / (soft + eps)).clamp_max(most))

    def missed(self, found: Tensor, pull: Tensor | None = None) -> Tensor:
        """Return the sum of the errors of the hard masses, (B,).

        With `pull` (B, N), the potentials of Sinkhorn in the unit of costs, those of
        the relaxed ones as well, which are as large as their pull bears.
        """
        wanted, counted = self.mass, self.hard
        if pull is not None:
            counted = self.weight > 0
            borne = pull / self.weight.masked_fill(~counted, math.inf)
            wanted = wanted * torch.exp(-borne)
        return torch.where(counted, (found - wanted).abs(), 0.0).sum(dim=1)

    def relative_error(self, found: Tensor) -> Tensor:
        """Return the largest relative error of the hard masses, (B,)."""
        if self.known is not None and not self.any_hard:
            return found.new_zeros(len(found))
        error = (found - self.mass).abs_() / self._least_mass
        counted = self.hard & (self.mass > 0)
        return error.masked_fill_(~counted, 0.0).amax(dim=1)


def finite_log(mass: Tensor) -> Tensor:
    """Return the logarithm of masses, 0 where there is none."""
    return mass.masked_fill(mass <= 0, 1.0).log_()


def make_marginal(
    mass: Tensor | None,
    mask: Tensor | None,
    weight: float | Tensor | None,
    like: Tensor,
    dim: int,
) -> Marginal:
    """Build the marginal along `dim` of a batch of plans shaped `like`.

    No mass means uniform over the real items; no weight means hard.
    """
    batch, size = len(like), like.shape[dim]
    whole = mass is None and mask is None
    if mass is None:
        mass = torch.ones(batch, size, dtype=like.dtype, device=like.device)
    mass = mass.to(like).expand(batch, size)
    if mask is not None:
        mass = mass * mask
    mass = mass / mass.sum(dim=1, keepdim=True)
    known = None
    if not isinstance(weight, Tensor):
        number = math.inf if weight is None else float(weight)
        if whole:
            hard = [math.isinf(number)] * batch
            known = Facts(hard, hard, [True] * batch)
        weight = like.new_full((), number)
    return Marginal(mass, weight.to(like).expand(batch, size), known)
