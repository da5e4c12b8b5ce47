"""Other solvers of the same problem; each is left out where it is not installed.

Our product loss is the square loss of the matrices Cx and -Cy / 4, up to a constant
where both marginals are hard.
"""

from __future__ import annotations

import importlib.util

import numpy as np
import torch
import torch.nn.functional as F

from benchmarks.problems import ALPHA, EPS, MAX_ITER, RADIUS
from skvas.transport import Distinct, OutsideBand, TemporalBand

SLOW = {"published, convolutions": 1024, "POT": 2048, "fugw": 512, "POT ot.batch": 512}


def _matrices(n, m, dtype):
    cx = TemporalBand(n, RADIUS).dense(n)[0].to(dtype)
    cy = OutsideBand(m, RADIUS).dense(m)[0].to(dtype)
    return cx, -cy / 4


def pot(cost):
    """Entropic fused Gromov-Wasserstein by projected gradients, float64, one by one."""
    import ot

    n, m = cost.shape[1:]
    cx, cy = (matrix.numpy() for matrix in _matrices(n, m, torch.float64))
    arrays = cost.double().numpy()

    def run():
        plans = [
            ot.gromov.entropic_fused_gromov_wasserstein(
                array,
                cx,
                cy,
                loss_fun="square_loss",
                epsilon=EPS,
                alpha=ALPHA,
                max_iter=MAX_ITER,
                tol=0,
                solver="PGD",
            )
            for array in arrays
        ]
        return np.stack(plans)

    return run


def pot_batch(cost, segments=False):
    """POT's own batched solver, float32, 50 inner iterations."""
    import ot.batch

    batch, n, m = cost.shape
    cx, cy = _matrices(n, m, torch.float32)
    if segments:
        cy = -Distinct().dense(m)[0].float() / 4
    cx, cy = cx.expand(batch, n, n), cy.expand(batch, m, m)

    def run():
        found = ot.batch.solve_gromov_batch(
            cx, cy, reg=EPS, M=cost, alpha=ALPHA, max_iter=MAX_ITER, tol=0
        )
        return found.plan.numpy()

    return run


def fugw(cost):
    """Block coordinate descent, float32, 25 steps of 50 sweeps, almost balanced."""
    from fugw.solvers.dense import FUGWSolver

    n, m = cost.shape[1:]
    cx, cy = _matrices(n, m, torch.float32)
    solver = FUGWSolver(nits_bcd=MAX_ITER, nits_uot=50)

    def run():
        # Its local cost holds each plan twice.
        found = solver.solve(
            alpha=ALPHA, rho_s=1e6, rho_t=1e6, eps=EPS, F=cost[0], Ds=cx, Dt=cy
        )
        return found["pi"].numpy()[None]

    return run


def ott(cost):
    """OTT-JAX, jit, float32, 50 inner iterations; compilation is not timed."""
    import jax
    from ott.geometry import geometry
    from ott.problems.quadratic import quadratic_problem
    from ott.solvers.linear import sinkhorn
    from ott.solvers.quadratic import gromov_wasserstein

    n, m = cost.shape[1:]
    cx, cy = _matrices(n, m, torch.float32)
    inner = sinkhorn.Sinkhorn(max_iterations=50, min_iterations=50, threshold=-1.0)
    # Dividing the whole objective by alpha makes the weight of the structure one.
    solver = gromov_wasserstein.GromovWasserstein(
        linear_solver=inner,
        epsilon=EPS / ALPHA,
        max_iterations=MAX_ITER,
        min_iterations=MAX_ITER,
        threshold=-1.0,
    )

    @jax.jit
    def solve(c, x, y):
        problem = quadratic_problem.QuadraticProblem(
            geometry.Geometry(cost_matrix=x),
            geometry.Geometry(cost_matrix=y),
            geometry.Geometry(cost_matrix=c),
            fused_penalty=(1 - ALPHA) / ALPHA,
        )
        return solver(problem).matrix

    arrays = [jax.numpy.asarray(each.numpy()) for each in (cost[0], cx, cy)]

    def run():
        return np.asarray(solve(*arrays))[None]

    return run


def published(cost):
    """Build a re-derivation of the published form: convolutions and one sweep.

    The kernel of the second convolution is as long as the video: O(N M^2).
    """
    n, m = cost.shape[1:]
    cx, cy = TemporalBand(n, RADIUS), OutsideBand(m, RADIUS)
    reach = cx.widths[0]
    i = torch.arange(-reach, reach + 1)
    kernel_x = ((i != 0) / RADIUS)[None, None]
    j = torch.arange(1 - m, m).abs()
    kernel_y = ((j < 1) | (j > cy.widths[0])).float()[None, None]
    one = cost[0]

    def run():
        plan = torch.full_like(one, 1 / one.numel())
        for _ in range(MAX_ITER):
            inner = F.conv1d(plan[:, None], kernel_y, padding=m - 1)[:, 0]
            structural = F.conv1d(inner.T[:, None], kernel_x, padding=reach)[:, 0].T
            slope = ALPHA * structural + (1 - ALPHA) * one
            kernel = torch.exp((slope.min() - slope) / EPS)
            u = 1 / (n * kernel.sum(dim=1) / m)
            v = 1 / (m * (u @ kernel))
            plan = u[:, None] * kernel * v
        return plan.numpy()[None]

    return run


def installed():
    """Return the rivals that can be run here, by name."""
    table = {
        "POT": ("ot", pot),
        "POT ot.batch": ("ot.batch", pot_batch),
        "fugw": ("fugw", fugw),
        "OTT-JAX": ("ott", ott),
    }
    found = {name: build for name, (package, build) in table.items() if _has(package)}
    return {"published, convolutions": published, **found}


def _has(package):
    try:
        return importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:
        return False
