"""Problems of any size and scale: no NaN, no plan without mass, no infinite objective.

Ten thousand of them, with the figures in the log:
``HYPOTHESIS_PROFILE=campaign python -m pytest tests/transport/test_campaign.py
--timeout=0 --log-cli-level=INFO``
"""

from __future__ import annotations

import logging
import time
from collections import Counter

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from skvas.transport import fused_gromov_wasserstein
from tests.strategies import SOLVERS, WEIGHTS, Setting, log_floats, mask, seeds, tensor

LARGEST = 500


class Tally:
    """What was solved, and how well."""

    def __init__(self):
        self.counts = Counter()
        self.entries = 0
        self.error = 0.0
        self.start = time.perf_counter()

    def add(self, arguments, found):
        kinds = (kind(arguments[side]) for side in ("lambda_x", "lambda_y"))
        self.counts["-".join([arguments["solver"], *kinds])] += 1
        self.counts["problems"] += len(found.plan)
        self.entries += found.plan.numel()
        self.error = max(self.error, *found.error_x.tolist(), *found.error_y.tolist())

    def lines(self):
        yield from (f"{name}: {n}" for name, n in sorted(self.counts.items()))
        yield f"entries of their plans: {self.entries:,}"
        yield f"largest relative error of a hard marginal: {self.error:.1e}"
        yield f"seconds: {time.perf_counter() - self.start:.0f}"


def kind(weight):
    return {None: "hard", 0.0: "free"}.get(weight, "relaxed")


@pytest.fixture(scope="module")
def tally():
    """Count what is solved, and say it at the end."""
    tally = Tally()
    yield tally
    logging.getLogger(__name__).info("\n".join(["campaign", *tally.lines()]))


@st.composite
def extreme_problems(draw):
    """Draw the arguments of the solver: a batch of up to three problems."""
    lengths_x = draw(st.lists(st.integers(1, LARGEST), min_size=1, max_size=3))
    n = max(lengths_x)
    task = draw(st.sampled_from(["align", "segment"]))
    longest = LARGEST if task == "align" else 30
    size = st.integers(1, longest)
    lengths_y = [draw(size) for _ in lengths_x]
    m = max(lengths_y)
    dtype = draw(st.sampled_from([torch.float32, torch.float64]))
    scales = [draw(log_floats(1e-20, 1e20)) for _ in lengths_x]
    seed, low = draw(seeds), draw(st.sampled_from([0.0, -1.0]))
    cost = torch.stack(
        [scale * tensor(seed + b, n, m, low=low) for b, scale in enumerate(scales)]
    ).to(dtype)
    setting = Setting(task, radius=draw(st.floats(0.01, 0.9)))
    structure_x, structure_y = setting.structures(lengths_x, lengths_y, m)
    mask_x, mask_y = mask(lengths_x, n), mask(lengths_y, m)
    if draw(st.booleans()):  # holes: at least the first item stays
        mask_x[:, 1:] &= tensor(seed + 7, len(lengths_x), n - 1) < 0.7
        mask_y[:, 1:] &= tensor(seed + 8, len(lengths_x), m - 1) < 0.7
    masses = {}
    if draw(st.booleans()):
        masses = {
            "p": tensor(seed + 9, len(lengths_x), n, low=0.01, dtype=dtype),
            "q": tensor(seed + 10, len(lengths_x), m, low=0.01, dtype=dtype),
        }
    return {
        "cost": cost,
        "structure_x": structure_x,
        "structure_y": structure_y,
        "mask_x": mask_x,
        "mask_y": mask_y,
        **masses,
        "alpha": draw(st.sampled_from([0.0, 0.3, 1.0]) | st.floats(0, 1)),
        "eps": draw(log_floats(1e-4, 1e2)),
        "lambda_x": draw(st.sampled_from(WEIGHTS)),
        "lambda_y": draw(st.sampled_from(WEIGHTS)),
        "solver": draw(st.sampled_from(SOLVERS)),
        "max_iter": draw(st.integers(0, 8)),
    }


@given(extreme_problems())
def test_plan_is_finite_and_has_mass_whatever_the_problem(tally, arguments):
    found = fused_gromov_wasserstein(**arguments)
    for value in (found.plan, found.objective, found.error_x, found.error_y):
        assert value.isfinite().all()
    assert (found.plan >= 0).all()
    assert (found.plan.sum(dim=(1, 2)) > 0).all()
    real = arguments["mask_x"][:, :, None] & arguments["mask_y"][:, None, :]
    assert (found.plan[~real] == 0).all()
    assert torch.maximum(found.error_x, found.error_y).max() < 1e-3
    tally.add(arguments, found)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("weights", [(None, 0.05), (0.05, None), (None, None)])
def test_hard_masses_are_met_where_costs_exceed_the_digits_of_eps(solver, weights):
    setting = Setting(eps=1e-4, lambda_x=weights[0], lambda_y=weights[1])
    costs = [1e20 * tensor(seed, 40, 30, low=-1).float() for seed in range(3)]
    found = setting.solve(costs, solver=solver, max_iter=3)
    assert torch.maximum(found.error_x, found.error_y).max() < 1e-3


@pytest.mark.parametrize("sign", [-1, 1])
def test_mass_that_nothing_holds_stays_within_what_numbers_can_say(sign):
    setting = Setting(eps=0.1, lambda_x=0.0, lambda_y=0.0, alpha=0.0)
    costs = [sign * scale * torch.ones(5, 4) for scale in (1.0, 1e3, 1e6)]
    found = setting.solve(costs, solver="projected", max_iter=2)
    total = found.plan.sum(dim=(1, 2)).log()
    # Within reach the minimum is exp(-C / eps) in each entry.
    torch.testing.assert_close(total[0], torch.tensor(20.0).log() - sign * 10)
    torch.testing.assert_close(total[1:], torch.full((2,), -sign * 30.0))
