"""Problems of any size and scale: no NaN, no plan without mass, no infinite objective.

Ten thousand batches of them, with the figures in the log:
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
# Plans of one problem alone and in its batch differ by rounding, which a problem may
# magnify: by how much of the largest entry they may, and in what share of problems.
SAME = {torch.float32: 1e-5, torch.float64: 1e-9}
MOST_DIFFERENT = 0.05
# The reported error of hard masses, relative.
MOST_ERROR = 1e-3


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
        self.counts["batches"] += 1
        self.counts["problems"] += len(found.plan)
        self.counts["problems that converged"] += int(found.converged.sum())
        self.entries += found.plan.numel()
        self.error = max(self.error, *found.error_x.tolist(), *found.error_y.tolist())

    def compare(self, found, alone):
        """Compare the plan of a problem in its batch with that of it alone."""
        error = (found - alone).abs().max() / alone.max()
        self.counts["compared with the same alone"] += 1
        self.counts["of these, different"] += int(error > SAME[found.dtype])

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


weights = st.sampled_from(WEIGHTS) | log_floats(1e-6, 1e8)


@st.composite
def extreme_problems(draw):
    """Draw a setting, lengths and the arguments of the solver: up to three problems."""
    lengths_x = draw(st.lists(st.integers(1, LARGEST), min_size=1, max_size=3))
    n = max(lengths_x)
    task = draw(st.sampled_from(["align", "segment", "dense"]))
    size = st.integers(1, LARGEST if task == "align" else 30)
    lengths_y = [draw(size) for _ in lengths_x]
    m = max(lengths_y)
    dtype = draw(st.sampled_from([torch.float32, torch.float64]))
    scales = draw(st.sampled_from([(1e-20, 1e20), (1e-7, 1e-5), (1e-2, 1e3)]))
    seed = draw(seeds)
    low, high = draw(st.sampled_from([(0.0, 1.0), (-1.0, 1.0), (-1.0, 0.0)]))
    cost = torch.stack(
        [
            draw(log_floats(*scales)) * tensor(seed + b, n, m, low=low, high=high)
            for b in range(len(lengths_x))
        ]
    ).to(dtype)
    setting = Setting(task, radius=draw(log_floats(1e-9, 0.9)))
    mask_x, mask_y = mask(lengths_x, n), mask(lengths_y, m)
    if draw(st.booleans()):  # holes: at least the first item stays
        mask_x[:, 1:] &= tensor(seed + 7, len(lengths_x), n - 1) < 0.7
        mask_y[:, 1:] &= tensor(seed + 8, len(lengths_x), m - 1) < 0.7
    masses = {}
    if draw(st.booleans()):  # the largest at most 1e4 times the smallest
        spread = draw(st.floats(0, 4))
        masses = {
            "p": (10 ** -(spread * tensor(seed + 9, len(lengths_x), n))).to(dtype),
            "q": (10 ** -(spread * tensor(seed + 10, len(lengths_x), m))).to(dtype),
        }
    return (setting, lengths_x, lengths_y), {
        "cost": cost,
        "mask_x": mask_x,
        "mask_y": mask_y,
        **masses,
        "alpha": draw(st.sampled_from([0.0, 0.3, 1.0]) | st.floats(0, 1)),
        "eps": draw(log_floats(1e-9, 1e2)),
        "lambda_x": draw(weights),
        "lambda_y": draw(weights),
        "solver": draw(st.sampled_from(SOLVERS)),
        "max_iter": draw(st.integers(0, 8)),
        "step": draw(st.none() | log_floats(1e-3, 1e3)),
        "tol": draw(st.none() | log_floats(1e-8, 1e-2)),
    }


def solve(sides, arguments):
    setting, lengths_x, lengths_y = sides
    structures = setting.structures(lengths_x, lengths_y, max(lengths_y))
    names = ("structure_x", "structure_y")
    return fused_gromov_wasserstein(
        **arguments, **dict(zip(names, structures, strict=True))
    )


def alone(sides, arguments, index):
    """Return one problem of a batch by itself, without padding."""
    setting, lengths_x, lengths_y = sides
    n, m = lengths_x[index], lengths_y[index]
    one = slice(index, index + 1)
    cut = {"cost": (one, slice(n), slice(m))}
    cut |= dict.fromkeys(("mask_x", "p"), (one, slice(n)))
    cut |= dict.fromkeys(("mask_y", "q"), (one, slice(m)))
    arguments = {k: v[cut[k]] if k in cut else v for k, v in arguments.items()}
    return (setting, [n], [m]), arguments


@pytest.mark.filterwarnings("ignore::skvas.exceptions.ConvergenceWarning")
@given(extreme_problems())
def test_plan_is_finite_and_has_mass_whatever_the_problem(tally, problem):
    sides, arguments = problem
    found = solve(sides, arguments)
    for value in (found.plan, found.objective, found.error_x, found.error_y):
        assert value.isfinite().all()
    assert (found.plan >= 0).all()
    assert (found.plan.sum(dim=(1, 2)) > 0).all()
    real = arguments["mask_x"][:, :, None] & arguments["mask_y"][:, None, :]
    assert (found.plan[~real] == 0).all()
    assert torch.maximum(found.error_x, found.error_y).max() < MOST_ERROR
    tally.add(arguments, found)
    if len(found.plan) > 1:
        (_, (n,), (m,)), _ = part = alone(sides, arguments, 0)
        tally.compare(found.plan[0, :n, :m], solve(*part).plan[0])


def test_few_problems_magnify_what_is_rounded(tally):
    """After the test above, and of what it solved."""
    compared = tally.counts["compared with the same alone"]
    assert tally.counts["of these, different"] <= 5 + MOST_DIFFERENT * compared


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
