"""The solver on a GPU that is emulated: one device, the CPU's plans, few waits."""

from __future__ import annotations

import copy
import math
import pickle
import warnings

import numpy as np
import pytest
import torch
from torch import nn

from skvas.exceptions import ConvergenceWarning
from skvas.transport import (
    Dense,
    add_virtual_frame,
    cosine_cost,
    fused_gromov_wasserstein,
    temporal_order,
    unit,
    virtual_masses,
)
from tests.emulated import EmulatedTensor, emulate, emulated_gpu
from tests.strategies import SOLVERS, Setting, mask, tensor

MOST_WAITS = 3
both_solvers = pytest.mark.parametrize("solver", SOLVERS)


@pytest.fixture
def log():
    """What was noted of the GPU that is emulated during a test."""
    with emulated_gpu() as log:
        yield log


# --- the emulation -------------------------------------------------------------------


def test_what_is_made_on_the_gpu_lies_there(log):
    made = [
        torch.arange(3, device="cuda"),
        torch.zeros(2, device=torch.device("cuda", 0)),
        torch.full((2,), 1.0, device="cuda:0"),
        torch.tensor([1.0, 2.0], device="cuda"),
        torch.as_tensor(np.ones(2), device="cuda"),
        torch.from_numpy(np.ones(2)).to("cuda"),
        torch.randn(3, generator=torch.Generator().manual_seed(0)).to("cuda:0"),
        torch.ones(2).cuda(),
    ]
    made += [torch.ones(2).to(made[0]), torch.ones(2).to(device="cuda")]
    made += [made[0].new_zeros(2), made[0].new_tensor([1]), made[0] + 1]
    made += [torch.zeros_like(made[0]), made[1][:1], made[1].to(torch.float64)]
    for each in made:
        assert each.device == torch.device("cuda:0")
        assert each.is_cuda
    assert torch.ones(2).device.type == "cpu"
    assert made[0].cpu().device.type == "cpu"
    assert made[0].cpu().numpy().tolist() == [0, 1, 2]
    assert torch.cuda.is_available()


def test_tensors_of_two_devices_do_not_mix(log):
    x = torch.ones(3, device="cuda")
    for mix in (
        lambda: x + torch.ones(3),
        lambda: torch.cat([x, torch.ones(3)]),
        lambda: x.index_select(0, torch.tensor([0])),
        lambda: torch.ones(3).add_(x),
        lambda: torch.tensor(1.0).add_(x[0]),
        lambda: torch.mul(x, x, out=torch.empty(3)),
        lambda: torch.stack([x[0], torch.tensor(1.0)]),
    ):
        with pytest.raises(RuntimeError, match="same device"):
            mix()
    assert len(log.mixed) == 7
    assert "test_emulated.py" in log.mixed[0].where
    # As on a GPU: a lone number, and an index, may come from the CPU.
    assert (x + torch.tensor(1.0)).tolist() == [2, 2, 2]
    assert x[torch.tensor([0, 1])].tolist() == [1, 1]
    assert len(log.mixed) == 7


@pytest.mark.parametrize(
    "look",
    [
        lambda x: x.sum().item(),
        lambda x: bool(x.any()),
        lambda x: int(x.sum()),
        lambda x: x.tolist(),
        lambda x: x.cpu(),
        lambda x: x.to("cpu"),
        lambda x: torch.ones(3).copy_(x),
        lambda x: x.nonzero(),
        lambda x: torch.where(x > 1),
        lambda x: x[x > 1],
        lambda x: x.masked_select(x > 1),
        lambda x: x.unique(),
        lambda x: torch.equal(x, x),
        lambda x: torch.allclose(x, x),
        lambda x: torch.linalg.eigvalsh(x[:, None] * x),
        lambda x: x.__setitem__(x > 1, x[:2].clone()),
        lambda x: torch.cuda.synchronize(),
    ],
)
def test_what_makes_the_host_wait_is_noted(log, look):
    x = torch.arange(1.0, 4.0, device="cuda")
    assert log.waits == []
    look(x)
    assert len(log.waits) >= 1


def test_what_needs_no_wait_is_none(log):
    x = torch.arange(1.0, 4.0, device="cuda")
    x[x > 2] = 0.0
    assert torch.where(x > 1, x, 0.0).masked_fill(x > 1, 2.0).shape == (3,)
    assert x[1:].device.type == "cuda"
    assert len(x) == x.numel() == 3
    assert log.waits == log.copies == []


def test_copies_are_noted_and_conversion_without_one_is_an_error(log):
    x = torch.ones(3).to("cuda")
    assert [event.operator for event in log.copies] == ["to the device"]
    assert log.waits == []
    x.cpu()
    assert [event.operator for event in log.copies] == ["to the device", "to the host"]
    for convert in (np.asarray, lambda x: x.numpy()):
        with pytest.raises(TypeError, match="cuda:0"):
            convert(x)


def test_module_is_trained_as_on_the_cpu(log):
    def trained(device):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(4, 8), nn.LayerNorm(8), nn.GRU(8, 2))
        weights = list(model.parameters())
        model.to(device)
        assert all(w is p for w, p in zip(weights, model.parameters(), strict=True))
        assert all(isinstance(p, nn.Parameter) for p in model.parameters())
        optimizer = torch.optim.Adam(model.parameters(), lr=0.1, weight_decay=0.1)
        frames = tensor(0, 5, 4, dtype=torch.float32).to(device)
        for _ in range(3):
            optimizer.zero_grad()
            y = model(frames)[0]
            loss = torch.einsum("nd,nd->", y, y) - torch.linalg.eigvalsh(y.mT @ y)[0]
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
        copied = copy.deepcopy(model)
        model.load_state_dict(copied.state_dict())
        return model.cpu(), copied

    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        model, copied = trained("cuda")
        expected, _ = trained("cpu")
    assert next(copied.parameters()).is_cuda
    for found, wanted in zip(model.parameters(), expected.parameters(), strict=True):
        assert type(found) is nn.Parameter
        torch.testing.assert_close(found, wanted)
    assert log.mixed == []


def test_tensors_outlive_the_block():
    with emulated_gpu():
        x = torch.ones(3, device="cuda")
    assert (x + x).cpu().tolist() == [2, 2, 2]
    assert pickle.loads(pickle.dumps(x)).is_cuda
    assert emulate(torch.ones(2)).is_cuda
    assert not torch.ones(2).is_cuda


# --- the solver ----------------------------------------------------------------------

SETTINGS = {
    "hard": {},
    "hard rows": {"lambda_y": 0.1},
    "hard columns": {"lambda_x": 0.1},
    "relaxed": {"lambda_x": 0.2, "lambda_y": 0.3},
    "free": {"lambda_x": 0.0, "lambda_y": 0.0},
    "segmentation": {"task": "segment", "lambda_y": 0.1},
    "own matrix": {"task": "dense"},
    "virtual": {"virtual": True},
    "logs": {"eps": 1e-4},
    "weights by item": {
        "lambda_y": torch.tensor([[math.inf, 0.1, math.inf, 0.1, 0.5]]).double()
    },
}


def solved(setting, device, solver, **options):
    costs = [tensor(0, 6, 5), tensor(1, 4, 5), tensor(2, 6, 3)]
    if isinstance(setting.lambda_y, torch.Tensor):
        options["lambda_y"] = setting.lambda_y.to(device)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return setting.solve([c.to(device) for c in costs], solver=solver, **options)


@both_solvers
@pytest.mark.parametrize("tol", [None, 1e-3])
@pytest.mark.parametrize("name", SETTINGS)
def test_solver_keeps_to_the_device_and_waits_little(name, tol, solver):
    setting = Setting(**SETTINGS[name])
    expected = solved(setting, "cpu", solver, tol=tol, max_iter=5)
    with emulated_gpu() as log:
        found = solved(setting, "cuda", solver, tol=tol, max_iter=5)
        n_waits = len(log.waits)
    assert log.mixed == []
    assert n_waits <= MOST_WAITS, log.waits
    for field in vars(expected):
        value = getattr(found, field)
        assert isinstance(value, EmulatedTensor)
        if field.startswith("error"):
            assert (value.cpu() - getattr(expected, field)).abs().max() < 1e-10
            continue
        torch.testing.assert_close(value.cpu(), getattr(expected, field))


@both_solvers
def test_number_of_waits_does_not_grow_with_iterations_or_problems(solver):
    counts = []
    for n_problems, max_iter in [(1, 2), (4, 2), (4, 9)]:
        with emulated_gpu() as log:
            costs = [tensor(b, 6, 5).to("cuda") for b in range(n_problems)]
            before = len(log.copies)
            Setting().solve(costs, solver=solver, max_iter=max_iter)
            counts.append((len(log.waits), len(log.copies) - before))
    assert len(set(counts)) == 1


@both_solvers
def test_problem_without_masks_waits_twice(solver):
    with emulated_gpu() as log:
        cost = tensor(0, 2, 6, 5).to("cuda")
        structures = Setting().structures([6, 6], [5, 5], 5)
        fused_gromov_wasserstein(cost, *structures, solver=solver, max_iter=3)
    assert len(log.waits) == 2


def test_batch_of_which_some_need_logs_waits_as_little(log):
    costs = [tensor(0, 6, 5), 1e3 * tensor(1, 4, 5)]
    expected = Setting(eps=0.1).solve(costs, max_iter=3)
    found = Setting(eps=0.1).solve([c.to("cuda") for c in costs], max_iter=3)
    assert len(log.waits) <= MOST_WAITS
    torch.testing.assert_close(found.plan.cpu(), expected.plan)


def test_bad_values_on_the_device_are_refused_by_name(log):
    cost = torch.ones(2, 3, 3, device="cuda")
    structures = Setting("segment").structures([3, 3], [3, 3], 3)
    p = torch.tensor([[1.0, 1, 1], [1, -1, 1]], device="cuda")
    with pytest.raises(ValueError, match=r"^p must be finite .* problem 1"):
        fused_gromov_wasserstein(cost, *structures, p=p)
    cost[1, 0, 0] = math.nan
    with pytest.raises(ValueError, match=r"^cost must be finite .* problem 1"):
        fused_gromov_wasserstein(cost, *structures)


def test_costs_and_priors_are_made_where_embeddings_are(log):
    lengths = [torch.tensor(each, device="cuda") for each in ([6, 4], [5, 3])]
    x, y = (unit(tensor(s, 2, n, 4).to("cuda")) for s, n in ((0, 6), (1, 5)))
    cost = cosine_cost(x, y) + 0.1 * temporal_order(*lengths, 6, 5)
    cost = add_virtual_frame(cost, 0.5)
    real = mask([6, 4], 6, "cuda")
    masses = virtual_masses(real, 0.3, cost)
    assert cost.is_cuda
    assert masses.is_cuda
    assert log.waits == log.mixed == []


def test_matrix_of_ones_own_is_looked_at_once(log):
    Dense(torch.eye(3, device="cuda"))
    assert len(log.waits) == 1
