"""The fused Gromov-Wasserstein problem: each formula of it, once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from skvas.transport._marginals import Marginal
from skvas.transport.structures import Structure

PIECE = 1 << 17  # entries of a product that is summed at once: it stays in cache


@dataclass(frozen=True)
class FGWProblem:
    r"""A batch of entropic fused Gromov-Wasserstein problems.

    .. math:: E(T) = (1 - \alpha) \langle C, T \rangle
              + \tfrac{\alpha}{2} \langle C_x T C_y, T \rangle - \epsilon H(T)
              + \lambda_x KL(T 1 | p) + \lambda_y KL(T^\top 1 | q)

    Parameters
    ----------
    cost : Tensor of shape (B, N, M)
        Matching cost :math:`C`, 0 at padded entries.
    structure_x, structure_y : Structure
        :math:`C_x` and :math:`C_y`.
    rows, columns : Marginal
        The masses :math:`p` and :math:`q` with their weights.
    alpha, eps : float
        Weights of the structures and of the entropy.
    """

    cost: Tensor
    structure_x: Structure
    structure_y: Structure
    rows: Marginal
    columns: Marginal
    alpha: float
    eps: float

    @property
    def real(self) -> Tensor:
        """Where an entry may carry mass, (B, N, M)."""
        return (self.rows.mass > 0)[:, :, None] & (self.columns.mass > 0)[:, None, :]

    def take(self, index: Tensor) -> FGWProblem:
        """Return some problems of the batch; `index` lies on the CPU."""
        return FGWProblem(
            self.cost[index],
            self.structure_x.take(index),
            self.structure_y.take(index),
            self.rows.take(index),
            self.columns.take(index),
            self.alpha,
            self.eps,
        )

    def double(self) -> FGWProblem:
        """Return the problem in float64."""
        return replace(
            self,
            cost=self.cost.double(),
            rows=self.rows.double(),
            columns=self.columns.double(),
        )

    def placed(self) -> FGWProblem:
        """Return the problem with structures as `Structure.placed` has them."""
        structure_x = self.structure_x.placed(self.cost, 1)
        structure_y = self.structure_y.placed(self.cost, 2)
        return replace(self, structure_x=structure_x, structure_y=structure_y)

    def structural(self, plan: Tensor) -> Tensor:
        """Return Cx T Cy, (B, N, M)."""
        if self.alpha == 0:
            return torch.zeros_like(plan)
        inner = self.structure_y.apply(plan, dim=2)
        return self.structure_x.write(inner, 1, torch.empty_like(plan))

    def linearise(self, plan: Tensor) -> Tensor:
        """Return the gradient without entropy and penalties, (B, N, M)."""
        return torch.lerp(self.cost, self.structural(plan), self.alpha)

    def linearise_into(self, plan: Tensor, work: Tensor) -> Tensor:
        """Overwrite `plan` by its linearisation; `work`, shaped like it, is scratch."""
        if self.alpha == 0:
            return plan.copy_(self.cost)
        self.structure_y.write(plan, 2, work)
        linear = self.structure_x.write(work, 1, plan)
        return torch.lerp(self.cost, linear, self.alpha, out=linear)

    def gradient(
        self,
        plan: Tensor,
        linear: Tensor | None = None,
        sums: tuple[Tensor, Tensor] | None = None,
        log_plan: Tensor | None = None,
    ) -> Tensor:
        """Return the gradient of E, (B, N, M); what is known is as for `objective`."""
        linear = self.linearise(plan) if linear is None else linear
        log_plan = plan.log() if log_plan is None else log_plan
        slope = linear.add(log_plan, alpha=self.eps)
        for side, found, dim in self._wishes(sums or _masses(plan)):
            slope += side.gradient(found).unsqueeze(dim)
        return slope

    def objective(
        self,
        plan: Tensor,
        linear: Tensor | None = None,
        quadratic: Tensor | None = None,
        sums: tuple[Tensor, Tensor] | None = None,
        log_plan: Tensor | None = None,
    ) -> Tensor:
        """Return E(T), (B,).

        If known, `linear` is `linearise(plan)`, `quadratic` <Cx T Cy, T> (B,), `sums`
        are the masses of rows (B, N) and columns (B, M), and `log_plan` is the
        logarithm, any finite number where the plan is 0.
        """
        if linear is None and quadratic is None:
            linear = self.linearise(plan)
        sums = sums or _masses(plan)
        value = 0.5 * _sum_by_rows(self._twice_worth, plan, self.cost, linear, log_plan)
        value -= self.eps * sums[1].sum(dim=1)
        if quadratic is not None:
            value += self.alpha / 2 * quadratic
        for side, found, _ in self._wishes(sums):
            value += side.penalty(found)
        return value

    def _twice_worth(
        self,
        plan: Tensor,
        cost: Tensor,
        linear: Tensor | None,
        log_plan: Tensor | None,
    ) -> Tensor:
        """Return twice what entries add to cost, structures and <T, log T>.

        Structures are left out where `linear` is not known.
        """
        if log_plan is None:
            log_plan = plan.clamp_min(torch.finfo(plan.dtype).tiny).log()
        if linear is None:
            twice = cost * (2 * (1 - self.alpha))
        else:  # linear + (1 - alpha) C is 2 (1 - alpha) C + alpha Cx T Cy
            twice = linear.add(cost, alpha=1 - self.alpha)
        return twice.add_(log_plan, alpha=2 * self.eps).mul_(plan)

    def _wishes(
        self, sums: tuple[Tensor, Tensor]
    ) -> list[tuple[Marginal, Tensor, int]]:
        """Return each side that has penalties, its masses and what they sum over."""
        sides = (self.rows, sums[0], 2), (self.columns, sums[1], 1)
        return [side for side in sides if not side[0].all_hard]

    def log_range(self) -> Tensor:
        """Estimate the spread of log T over a solve, in nats, (B,).

        Where rows (or columns) keep their masses p, no entry of Cx T Cy exceeds the
        largest entry of Cx p times that of Cy. Where neither must, they are given a
        margin of 4.
        """
        highest = self.cost.amax(dim=(1, 2)).clamp_min(0)
        lowest = self.cost.amin(dim=(1, 2)).clamp_max(0)
        reach = torch.zeros_like(highest)
        if self.alpha > 0:
            p, q = self.rows.mass[:, :, None], self.columns.mass[:, None, :]
            # Structures say nothing of padded frames.
            by_row = (self.structure_x.apply(p, dim=1).abs() * (p > 0)).amax((1, 2))
            by_column = (self.structure_y.apply(q, dim=2).abs() * (q > 0)).amax((1, 2))
            by_row = by_row * _like(self.structure_y.largest(), by_row)
            by_column = by_column * _like(self.structure_x.largest(), by_row)
            kept_rows, kept_columns = self.rows.hard.all(1), self.columns.hard.all(1)
            reach = torch.minimum(
                torch.where(kept_rows, by_row, torch.inf),
                torch.where(kept_columns, by_column, torch.inf),
            )
            loose = 4 * torch.minimum(by_row, by_column)
            reach = torch.where(kept_rows | kept_columns, reach, loose)
        spread = (1 - self.alpha) * (highest - lowest) + self.alpha * reach
        return spread / self.eps


def _like(value: float | Tensor, other: Tensor) -> float | Tensor:
    """Return a tensor as another is, and a number as it is."""
    return value.to(other) if isinstance(value, Tensor) else value


def _masses(plan: Tensor) -> tuple[Tensor, Tensor]:
    """Return the masses of rows (B, N) and of columns (B, M)."""
    return plan.sum(dim=2), plan.sum(dim=1)


def _sum_by_rows(terms: Callable[..., Tensor], *tensors: Tensor | None) -> Tensor:
    """Sum what is computed entry by entry, some rows at a time, (B,).

    A matrix product would round off too much over millions of entries.
    """
    shape = next(each.shape for each in tensors if each is not None)
    if shape.numel() <= PIECE:
        return terms(*tensors).sum(dim=(1, 2))
    rows = max(1, PIECE * shape[1] // shape.numel())
    parts = []
    for start in range(0, shape[1], rows):
        some = (None if x is None else x[:, start : start + rows] for x in tensors)
        parts.append(terms(*some).sum(dim=(1, 2)))
    return torch.stack(parts).sum(dim=0)
