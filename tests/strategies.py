"""Small problems for property tests: what a batch shares, and one cost each."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass

import torch
from hypothesis import strategies as st

from skvas.exceptions import RadiusWarning
from skvas.transport import (
    Dense,
    Distinct,
    OutsideBand,
    TemporalBand,
    Virtual,
    fused_gromov_wasserstein,
)
from skvas.transport._marginals import make_marginal
from skvas.transport._problem import FGWProblem

SOLVERS = ["mirror", "projected"]
# None is hard, 0 free, what lies between is relaxed.
WEIGHTS = [None, 0.0, 0.05, 0.5]


def band(cls, lengths, radius):
    """Build a band structure; that short videos round the radius is no news here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RadiusWarning)
        return cls(lengths, radius)


def tensor(seed, *shape, low=0.0, high=1.0, dtype=torch.float64):
    """Return uniform numbers that depend on the seed alone."""
    generator = torch.Generator().manual_seed(seed)
    values = torch.rand(*shape, generator=generator, dtype=torch.float64)
    return (low + (high - low) * values).to(dtype)


@dataclass(frozen=True)
class Setting:
    """What the problems of a batch share. `task` names the structure of the columns."""

    task: str = "align"
    radius: float = 0.2
    virtual: bool = False
    alpha: float = 0.3
    eps: float = 0.5
    lambda_x: float | None = None
    lambda_y: float | None = None

    @property
    def weights(self):
        return {"lambda_x": self.lambda_x, "lambda_y": self.lambda_y}

    def structures(self, lengths_x, lengths_y, size_y):
        """Build the structures of rows and columns, virtual frames counted."""
        less = 1 if self.virtual else 0
        x = band(TemporalBand, [n - less for n in lengths_x], self.radius)
        if self.task == "align":
            y = band(OutsideBand, [m - less for m in lengths_y], self.radius)
        elif self.task == "segment":
            y = Distinct()
        else:
            matrix = tensor(7, 40, 40, low=-1)[: size_y - less, : size_y - less]
            y = Dense(matrix + matrix.mT)
        return (Virtual(x), Virtual(y)) if self.virtual else (x, y)

    def problem(self, cost, p=None, q=None):
        """Return the problem of an unpadded batch (B, N, M)."""
        batch, n, m = cost.shape
        return FGWProblem(
            cost,
            *self.structures([n] * batch, [m] * batch, m),
            make_marginal(p, None, self.lambda_x, cost, dim=1),
            make_marginal(q, None, self.lambda_y, cost, dim=2),
            self.alpha,
            self.eps,
        )

    def solve(self, costs, *, masses=None, pad=(0, 0), fill=0.0, **options):
        """Solve a list of (n, m) costs as one batch, padded by `pad` more than needed.

        `fill` stands at padded entries. `masses` has a pair (p, q) for each cost.
        """
        lengths_x = [len(cost) for cost in costs]
        lengths_y = [cost.shape[1] for cost in costs]
        n, m = max(lengths_x) + pad[0], max(lengths_y) + pad[1]
        padded = costs[0].new_full((len(costs), n, m), fill)
        p, q = padded.new_ones(len(costs), n), padded.new_ones(len(costs), m)
        for b, cost in enumerate(costs):
            padded[b, : len(cost), : cost.shape[1]] = cost
            if masses is not None:
                p[b, : len(cost)], q[b, : cost.shape[1]] = masses[b]
        arguments = {
            "mask_x": mask(lengths_x, n, padded.device),
            "mask_y": mask(lengths_y, m, padded.device),
            "p": p,
            "q": q,
            "alpha": self.alpha,
            "eps": self.eps,
        }
        return fused_gromov_wasserstein(
            padded,
            *self.structures(lengths_x, lengths_y, m),
            **arguments | self.weights | options,
        )


def mask(lengths, size, device="cpu"):
    """Return True at real frames, (B, size)."""
    return torch.arange(size, device=device) < torch.tensor(
        lengths, device=device
    ).unsqueeze(1)


def log_floats(low, high):
    """Draw numbers whose logarithms are uniform."""
    return st.floats(math.log(low), math.log(high)).map(math.exp)


seeds = st.integers(0, 2**32 - 1)


@st.composite
def drawn_settings(
    draw,
    *,
    tasks=("align", "segment", "dense"),
    weights_x=tuple(WEIGHTS),
    weights_y=tuple(WEIGHTS),
    eps=(0.1, 10.0),
    least_radius=0.02,
    largest_alpha=1.0,
    virtual=None,
):
    """Draw what the problems of a batch share."""
    return Setting(
        task=draw(st.sampled_from(tasks)),
        radius=draw(st.floats(least_radius, 0.6)),
        virtual=draw(st.booleans()) if virtual is None else virtual,
        alpha=draw(
            st.sampled_from([0.0, 0.3, largest_alpha]) | st.floats(0, largest_alpha)
        ),
        eps=draw(log_floats(*eps)),
        lambda_x=draw(st.sampled_from(weights_x)),
        lambda_y=draw(st.sampled_from(weights_y)),
    )


@st.composite
def drawn_costs(draw, *, max_batch=3, max_size=7, min_size=2, scale=(0.1, 3.0)):
    """Draw the costs of a batch, each with a length and a scale of its own."""
    size = st.integers(min_size, max_size)
    return [
        tensor(draw(seeds), draw(size), draw(size)) * draw(log_floats(*scale))
        for _ in range(draw(st.integers(1, max_batch)))
    ]
