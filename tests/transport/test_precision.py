"""Reduced precision around the solver: it must not reach the solver's products.

Where the processor has no unit for bfloat16, "medium" products are exact anyway.
"""

from __future__ import annotations

import sys
import threading
from contextlib import contextmanager, suppress

import pytest
import torch

import skvas.transport._iterations as iterations_module
from skvas import JointAlignSegment
from skvas.datasets import make_videos
from skvas.transport import (
    Dense,
    FGWResult,
    OutsideBand,
    TemporalBand,
    cosine_cost,
    fused_gromov_wasserstein,
    published_iteration,
    squared_distance,
    unit,
)
from skvas.transport._precision import full_precision
from tests.strategies import SOLVERS, tensor

CPU = torch.device("cpu")


@contextmanager
def matmul_precision(name):
    torch.set_float32_matmul_precision(name)
    try:
        yield
    finally:
        torch.set_float32_matmul_precision("highest")


AROUND = {
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    "medium": lambda: matmul_precision("medium"),
    "high": lambda: matmul_precision("high"),
}
reduced = pytest.mark.parametrize("around", AROUND.values(), ids=AROUND)


def paths(seed, batch, n):
    steps = tensor(seed, batch, n, 16, low=-1, dtype=torch.float32)
    return unit(steps.cumsum(dim=1))


@reduced
@pytest.mark.parametrize("structure", ["band", "dense"])
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("batch", [1, 2])
def test_plans_are_the_same_bit_for_bit(around, structure, solver, batch, monkeypatch):
    monkeypatch.setattr(iterations_module, "COMPILED_ENTRIES", sys.maxsize)
    cost = cosine_cost(paths(0, batch, 160), paths(1, batch, 150))
    y = OutsideBand(150, 0.1)
    if structure == "dense":
        y = Dense(y.dense(150))
    problem = cost, TemporalBand(160, 0.1), y
    expected = fused_gromov_wasserstein(*problem, solver=solver, max_iter=5)
    with around():
        found = fused_gromov_wasserstein(*problem, solver=solver, max_iter=5)
    for name in FGWResult.__dataclass_fields__:
        assert torch.equal(getattr(found, name), getattr(expected, name))


SYMMETRIC = tensor(2, 128, 1) + tensor(2, 128, 1).mT
PRODUCTS = {
    "cosine_cost": cosine_cost,
    "squared_distance": squared_distance,
    "Dense": lambda x, y: Dense(SYMMETRIC).apply(y, 1),
    "TemporalBand": lambda x, y: TemporalBand(128, 0.1).apply(x, 1),
    "published_iteration": lambda x, y: published_iteration(x, max_iter=2).plan,
}


@reduced
@pytest.mark.parametrize("product", PRODUCTS.values(), ids=PRODUCTS)
def test_public_products_are_the_same_bit_for_bit(around, product):
    x, y = (tensor(seed, 1, 128, 120, dtype=torch.float32) for seed in (0, 1))
    expected = product(x, y)
    with around():
        found = product(x, y)
    assert found.dtype == torch.float32
    assert torch.equal(found, expected)


def test_costs_of_what_autocast_made_are_those_of_its_values():
    x, y = paths(0, 1, 20).bfloat16(), paths(1, 1, 30)
    for product in (cosine_cost, squared_distance):
        assert torch.equal(product(x, y), product(x.float(), y))
        assert torch.equal(product(y, x), product(y, x.float()))


@reduced
def test_start_of_a_fit_is_the_same_under_reduced_precision(around):
    videos = make_videos(3, n_frames=(90, 120), random_state=0).videos
    model = JointAlignSegment(4, max_epochs=0, device="cpu", random_state=0)
    expected = model.fit(videos).labels_
    with around():
        found = model.fit(videos).labels_
    assert all((a == b).all() for a, b in zip(found, expected, strict=True))


@pytest.mark.parametrize("recipe", ["informed", "paper"])
def test_estimators_fit_and_predict_under_autocast(recipe):
    videos = make_videos(3, n_frames=(30, 40), random_state=0).videos
    model = JointAlignSegment(
        3, max_epochs=2, recipe=recipe, device="cpu", random_state=0
    )
    with torch.autocast("cpu", dtype=torch.bfloat16):
        labels = model.fit(videos).predict(videos)
        embedded = model.transform(videos)
    assert [len(each) for each in labels] == [len(each) for each in videos]
    assert all(each.dtype == "float32" for each in embedded)


# --- the caller's own settings ------------------------------------------------------


def test_settings_of_the_caller_are_set_back_even_by_an_error():
    with matmul_precision("medium"), torch.autocast("cpu", dtype=torch.bfloat16):
        with suppress(ZeroDivisionError), full_precision(CPU):
            assert torch.get_float32_matmul_precision() == "highest"
            assert not torch.is_autocast_enabled("cpu")
            1 / 0  # noqa: B018
        assert torch.get_float32_matmul_precision() == "medium"
        assert torch.is_autocast_enabled("cpu")


def test_products_stay_exact_until_the_last_thread_leaves():
    """Each thread setting back what it found would lower the other's precision."""
    inside, may_leave, seen = threading.Event(), threading.Event(), []

    def first():
        with full_precision(CPU):
            inside.set()
            may_leave.wait(10)

    with matmul_precision("medium"):
        thread = threading.Thread(target=first)
        thread.start()
        assert inside.wait(10)
        with full_precision(CPU):
            may_leave.set()
            thread.join(10)
            seen.append(torch.get_float32_matmul_precision())
        seen.append(torch.get_float32_matmul_precision())
    assert seen == ["highest", "medium"]


@pytest.mark.skipif(
    not hasattr(torch.backends, "fp32_precision"), reason="torch 2.9 brought it"
)
def test_precision_that_was_set_for_one_backend_is_raised_and_set_back():
    backend = torch.backends.mkldnn.matmul
    backend.fp32_precision = "bf16"
    try:
        with pytest.raises(RuntimeError):
            torch.get_float32_matmul_precision()  # it cannot say what was set
        with full_precision(CPU):
            assert backend.fp32_precision == "ieee"
        assert backend.fp32_precision == "bf16"
    finally:
        torch.set_float32_matmul_precision("highest")
