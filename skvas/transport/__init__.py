"""Optimal transport between structured sequences, the core of skvas."""

from skvas.transport._compat import published_iteration
from skvas.transport._compiling import compiled_solver
from skvas.transport._result import FGWResult
from skvas.transport._solvers import fused_gromov_wasserstein
from skvas.transport.costs import cosine_cost, squared_distance, unit
from skvas.transport.priors import (
    add_virtual_frame,
    consistency_prior,
    optimality_prior,
    temporal_order,
    virtual_masses,
)
from skvas.transport.structures import (
    Dense,
    Distinct,
    OutsideBand,
    Structure,
    TemporalBand,
    Virtual,
)

__all__ = [
    "Dense",
    "Distinct",
    "FGWResult",
    "OutsideBand",
    "Structure",
    "TemporalBand",
    "Virtual",
    "add_virtual_frame",
    "compiled_solver",
    "consistency_prior",
    "cosine_cost",
    "fused_gromov_wasserstein",
    "optimality_prior",
    "published_iteration",
    "squared_distance",
    "temporal_order",
    "unit",
    "virtual_masses",
]
