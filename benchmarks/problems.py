"""The problems that are timed: the same for all, seeded."""

from __future__ import annotations

import math

import torch

from skvas.transport import (
    Distinct,
    OutsideBand,
    TemporalBand,
    cosine_cost,
    fused_gromov_wasserstein,
    unit,
)

ALPHA, EPS, RADIUS, MAX_ITER = 0.3, 0.07, 0.04, 25


def embeddings(n, batch=1, seed=0, noise=0.5, dim=40, pace=1.0):
    """Draw a smooth path on the sphere, with noise, (B, n, dim).

    Where the pace is above 1 it begins slowly, where it is below, fast.
    """
    generator = torch.Generator().manual_seed(seed)
    time = 6 * math.pi * torch.linspace(0, 1, n) ** pace
    waves = [torch.sin(time * (k + 1) / 7 + k) for k in range(dim)]
    path = torch.stack(waves, dim=1)
    return unit(path + noise * torch.randn(batch, n, dim, generator=generator))


def alignment_cost(n, m=None, batch=1):
    m = n if m is None else m
    return cosine_cost(embeddings(n, batch, seed=1), embeddings(m, batch, seed=2))


def segmentation_cost(n, k, batch=1):
    frames = embeddings(n, batch, seed=1)
    return cosine_cost(frames, embeddings(k, 1, seed=2, noise=0.2)[0])


def align(cost, **options):
    n, m = cost.shape[1:]
    options = {"alpha": ALPHA, "eps": EPS, "max_iter": MAX_ITER, **options}
    radius = options.pop("radius", RADIUS)
    return fused_gromov_wasserstein(
        cost,
        TemporalBand(n, radius),
        OutsideBand(m, radius),
        solver="projected",
        **options,
    )


def segment(cost, **options):
    options = {"alpha": ALPHA, "eps": EPS, "max_iter": MAX_ITER, **options}
    lengths = options.pop("lengths", cost.shape[1])
    return fused_gromov_wasserstein(
        cost, TemporalBand(lengths, RADIUS), Distinct(), **options
    )


def floor(cost, sweeps=20):
    """Build the least that any solver of this kind moves through memory.

    An iteration is one exponential, three copies and two products with a vector for
    each of 20 sweeps.
    """
    batch, n, m = cost.shape
    out = torch.empty_like(cost)
    u, v = torch.ones(batch, 1, n), torch.ones(batch, 1, m)

    def run():
        for _ in range(MAX_ITER):
            torch.exp(cost, out=out)
            for _ in range(3):
                out.copy_(cost)
            for _ in range(sweeps):
                if batch == 1:
                    torch.bmm(cost, v.mT)
                else:  # in a batch, products with columns take twice as long
                    torch.bmm(v, cost.mT)
                torch.bmm(u, cost)

    return run


def segmentation_floor(cost):
    """Build the least that a mirror descent moves: an exponential, four passes."""
    out = torch.empty_like(cost)

    def run():
        for _ in range(MAX_ITER):
            torch.exp(cost, out=out)
            for _ in range(4):
                out.copy_(cost)

    return run


def relaxed_segmentations(quick):
    """Yield sizes of batches, costs, and runs of what segmenters solve by default."""
    for batch, n, k in ((1, 256, 8), (32, 256, 8), (128, 256, 8), (8, 1000, 20)):
        if quick and batch > 1:
            continue
        cost = segmentation_cost(n, k, batch)
        row = {"N": n, "M": k, "B": batch}
        yield row, cost, lambda c=cost: segment(c, lambda_y=0.1)
