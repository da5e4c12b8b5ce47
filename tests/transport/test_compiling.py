"""The compiled loop against the loop as it is, and what may not happen inside either.

What cannot be compiled as a whole is a warning, and warnings are errors here.
"""

from __future__ import annotations

import copy
import dataclasses
import shutil
import sys
import threading
import warnings
from unittest import mock

import pytest
import torch

import skvas.transport._compiling as compiling_module
import skvas.transport._iterations as iterations_module
import skvas.transport._result as result_module
from skvas import JointAlignSegment, Segmenting
from skvas.datasets import make_videos
from skvas.exceptions import CompilationWarning, ConvergenceWarning
from skvas.transport import (
    Distinct,
    Structure,
    TemporalBand,
    compiled_solver,
    fused_gromov_wasserstein,
)
from tests.models import quick
from tests.strategies import SOLVERS, Setting, tensor

both_solvers = pytest.mark.parametrize("solver", SOLVERS)
LENGTHS = [(12, 9), (7, 10), (12, 10)]
SETTINGS = {
    "two hard sides": Setting(),
    "relaxed actions": Setting("segment", lambda_y=0.1),
    "both relaxed": Setting(lambda_x=0.5, lambda_y=0.1),
    "virtual frames": Setting(virtual=True),
    "own matrix": Setting("dense"),
    "no structure": Setting(alpha=0.0),
}
each_setting = pytest.mark.parametrize("setting", SETTINGS.values(), ids=SETTINGS)


@pytest.fixture(autouse=True)
def nothing_compiled(monkeypatch):
    """Forget what other tests compiled, and what could not be."""
    compiling_module._step_of_kind.cache_clear()
    # Sweeps are compiled one by one.
    monkeypatch.setattr(result_module, "FINAL_SWEEPS", 5)


class Counting:
    """A compiler that counts the graphs it is given, and runs them as they are."""

    def __init__(self):
        self.count = 0

    def __call__(self, graph, inputs):
        self.count += 1
        return graph.forward


def drawn(seed, lengths, dtype=torch.float64):
    return [tensor(seed + b, *size, dtype=dtype) for b, size in enumerate(lengths)]


def assert_same(found, expected, tolerance=1e-9):
    largest = expected.plan.abs().max()
    assert (found.plan - expected.plan).abs().max() <= tolerance * largest
    for name in ("objective", "error_x", "error_y"):
        torch.testing.assert_close(
            getattr(found, name),
            getattr(expected, name),
            rtol=tolerance,
            atol=tolerance,
        )
    assert torch.equal(found.n_iter, expected.n_iter)
    assert torch.equal(found.converged, expected.converged)


# --- the same results ---------------------------------------------------------------


@both_solvers
@each_setting
def test_compiled_loop_finds_the_plans_of_the_loop(setting, solver):
    options = {"pad": (2, 1), "solver": solver, "max_iter": 4, "sinkhorn_iter": 2}
    expected = setting.solve(drawn(0, LENGTHS), **options)
    with compiled_solver("eager"):
        found = setting.solve(drawn(0, LENGTHS), **options)
    assert_same(found, expected)


@both_solvers
def test_compiled_problems_stop_each_by_itself(solver):
    setting = Setting(alpha=0.1, eps=1.0, lambda_y=0.5)
    costs = [*drawn(0, LENGTHS), torch.zeros(4, 4, dtype=torch.float64)]
    options = {"solver": solver, "tol": 1e-5, "max_iter": 60, "sinkhorn_iter": 5}
    expected = setting.solve(costs, **options)
    assert len(expected.n_iter.unique()) > 1
    with compiled_solver("eager"):
        found = setting.solve(costs, **options)
    assert_same(found, expected)


@both_solvers
def test_plans_are_the_same_where_autograd_traces_and_inputs_are_not_changed(solver):
    setting = Setting(virtual=True)
    costs = drawn(0, LENGTHS, torch.float32)
    kept = [cost.clone() for cost in costs]
    options = {"solver": solver, "max_iter": 4, "sinkhorn_iter": 2}
    expected = setting.solve(costs, **options)
    with compiled_solver("aot_eager"):
        found = setting.solve(costs, **options)
    assert_same(found, expected, tolerance=1e-5)
    assert all(map(torch.equal, costs, kept))


@pytest.mark.skipif(
    shutil.which("g++") is None or sys.platform != "linux",
    reason="torch compiles for a CPU where it finds a compiler of C++",
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")
@both_solvers
def test_inductor_finds_the_plans_of_the_loop(solver):
    setting = Setting(lambda_y=0.1)
    options = {"solver": solver, "max_iter": 4, "sinkhorn_iter": 2}
    expected = setting.solve(drawn(0, LENGTHS, torch.float32), **options)
    with compiled_solver():
        found = setting.solve(drawn(0, LENGTHS, torch.float32), **options)
    assert_same(found, expected, tolerance=1e-5)


def test_first_last_and_other_iterations_are_compiled_where_there_are_sweeps():
    compiler = Counting()
    with compiled_solver(compiler):
        Setting().solve(drawn(0, LENGTHS), solver="projected", sinkhorn_iter=2)
    assert compiler.count == 3


def test_kernels_are_used_where_they_are_faster(monkeypatch):
    pytest.importorskip("numba")
    monkeypatch.setattr(iterations_module, "COMPILED_ENTRIES", 0)
    compiler = Counting()
    with compiled_solver(compiler):
        Setting().solve(drawn(0, LENGTHS, torch.float32), solver="projected")
    assert compiler.count == 0


# --- what is compiled, and when -----------------------------------------------------


@both_solvers
def test_lengths_of_videos_are_not_compiled_in(solver):
    compiler = Counting()
    counts, options = [], {"solver": solver, "max_iter": 4, "sinkhorn_iter": 2}
    for shorter in (0, 1, 3):
        lengths = [(12, 10), (12 - shorter, 10 - shorter)]
        with compiled_solver(compiler):
            Setting().solve(drawn(0, lengths), pad=(1, 1), **options)
        counts.append(compiler.count)
    assert counts == [counts[0]] * 3


def test_any_number_of_shapes_is_compiled():
    """Left to itself torch gives up after eight."""
    compiler = Counting()
    with compiled_solver(compiler):
        for size in range(2, 12):
            Setting("segment", lambda_y=0.1).solve(drawn(0, [(size, 3)]), max_iter=3)
    assert compiler.count == 10


def test_estimators_are_reached_and_find_the_same(monkeypatch):
    monkeypatch.setattr(iterations_module, "COMPILED_ENTRIES", sys.maxsize)
    videos = make_videos(3, n_frames=(20, 30), random_state=0).videos
    # A timeline solves no transport, nor does a chain; and nothing is chosen.
    group = Segmenting(
        segment_on="embedding",
        decoder="plan",
        start="time",
        alpha=0.3,
        lambda_actions=0.1,
        n_refine=1,
    )
    model = quick(JointAlignSegment, segmenting=group, max_epochs=1)
    shorter = [video[:15] for video in videos]
    expected = model.fit(videos).predict(shorter)
    compiler = Counting()
    with compiled_solver(compiler):
        model.fit(videos)
        after_fit = compiler.count
        found = model.predict(shorter)
    assert 0 < after_fit < compiler.count
    assert all((a == b).all() for a, b in zip(found, expected, strict=True))


def test_nothing_is_compiled_outside_of_the_block_or_in_other_threads():
    compiler = Counting()

    def solve():
        Setting().solve(drawn(0, LENGTHS), max_iter=2, sinkhorn_iter=2)

    with compiled_solver(compiler):
        thread = threading.Thread(target=solve)
        thread.start()
        thread.join()
    solve()
    assert compiler.count == 0
    with compiled_solver(compiler):
        solve()
    assert compiler.count > 0


def test_problems_that_need_logs_are_solved_as_they_are():
    setting, costs = Setting(eps=1e-4), drawn(0, LENGTHS)
    expected = setting.solve(costs, solver="projected", max_iter=2)
    compiler = Counting()
    with compiled_solver(compiler):
        found = setting.solve(costs, solver="projected", max_iter=2)
    assert compiler.count == 0
    assert_same(found, expected)


class Reading(Structure):
    """A structure that looks at values, as no compiled code can."""

    def apply(self, plan, dim):
        return plan if float(plan.sum()) > 0 else -plan

    def dense(self, size):
        return torch.eye(size, dtype=torch.float64)[None]

    def largest(self):
        return 1.0


@both_solvers
def test_what_cannot_be_compiled_runs_as_it_is_with_a_warning(solver):
    cost = tensor(0, 2, 6, 5)
    problem = cost, Reading(), Distinct()
    expected = fused_gromov_wasserstein(*problem, solver=solver, max_iter=4)
    with (
        compiled_solver("eager"),
        pytest.warns(CompilationWarning, match=r"could not be compiled: \S") as caught,
    ):
        found = fused_gromov_wasserstein(*problem, solver=solver, max_iter=4)
    assert_same(found, expected)
    assert len(caught) <= 3  # once for each step, not for each iteration


@pytest.mark.filterwarnings("ignore::skvas.exceptions.CompilationWarning")
def test_errors_of_ones_own_structure_come_through():
    class Broken(Reading):
        def apply(self, plan, dim):
            raise ZeroDivisionError("of the structure")

    problem = tensor(0, 1, 4, 4), TemporalBand(4, 0.3), Broken()
    with compiled_solver("eager"), pytest.raises(ZeroDivisionError, match="structure"):
        fused_gromov_wasserstein(*problem, solver="projected", max_iter=2)


# --- GPUs, as far as a CPU can tell -------------------------------------------------


def without_values(value):
    """Put all tensors that something holds on a device where they have no values."""
    if isinstance(value, torch.Tensor):
        return value.to("meta")
    if isinstance(value, tuple):
        parts = map(without_values, value)
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    if dataclasses.is_dataclass(value):
        names = [field.name for field in dataclasses.fields(value)]
        parts = {name: without_values(getattr(value, name)) for name in names}
        return dataclasses.replace(value, **parts)
    if isinstance(value, Structure):
        placed = copy.copy(value)
        parts = {k: without_values(v) for k, v in vars(value).items()}
        vars(placed).update(parts)
        return placed
    return value


def begun(solver, setting, tol):
    """Return the step of a solver, and its arguments once the loop has begun."""
    name = {"projected": "_linearised_step", "mirror": "_mirror_step"}[solver]
    step = getattr(iterations_module, name)
    seen = []

    def spy(*arguments):
        seen.append(arguments)
        return step(*arguments)

    placed = mock.patch.object(
        iterations_module, "compilation_wanted", return_value=True
    )
    plain = mock.patch.object(iterations_module, "compiled_step", return_value=spy)
    with placed, plain, warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        setting.solve(drawn(0, LENGTHS), pad=(1, 2), solver=solver, max_iter=3, tol=tol)
    return step, seen[1]


@both_solvers
@each_setting
@pytest.mark.parametrize("tol", [None, 1e-3])
def test_an_iteration_on_a_gpu_reads_no_value_of_a_tensor(setting, solver, tol):
    step, (rules, state, work, _) = begun(solver, setting, tol)
    rules, state = without_values(rules), without_values(state)
    gpu = mock.PropertyMock(return_value=True)
    with torch.no_grad():
        with pytest.raises(RuntimeError, match="meta"):
            bool(state.done.all())  # reading one is an error
        with mock.patch.object(torch.Tensor, "is_cuda", gpu):
            found = step(rules, state, work, 10)
    for name in ("shape", "dtype"):
        kept = [getattr(x, name, None) for x in state]
        assert [getattr(x, name, None) for x in found] == kept


@pytest.mark.parametrize(
    ("backend", "device", "mode"),
    [
        ("inductor", "cuda", "reduce-overhead"),
        ("inductor", "cpu", None),
        ("eager", "cuda", None),
    ],
)
def test_graphs_are_what_inductor_makes_on_a_gpu(backend, device, mode, monkeypatch):
    compiler = mock.Mock()
    monkeypatch.setattr(torch, "compile", compiler)
    compiling_module._CompiledStep(lambda: None, backend, torch.device(device))
    assert compiler.call_args.kwargs["mode"] == mode


def test_results_of_a_cuda_graph_are_copied_out_of_its_memory(monkeypatch):
    compiled_with = {}

    def compile_nothing(step, **options):
        compiled_with.update(options)
        return step

    monkeypatch.setattr(torch, "compile", compile_nothing)
    monkeypatch.setattr(torch.compiler, "cudagraph_mark_step_begin", mock.Mock())
    step = compiling_module._CompiledStep(
        lambda state: state, "inductor", torch.device("cuda")
    )
    state = iterations_module._Linearised(torch.ones(2), None, *torch.ones(3, 1))
    found = step(state)
    assert compiled_with["mode"] == "reduce-overhead"
    assert compiled_with["fullgraph"]
    assert found.f is None
    assert torch.equal(found.plan, state.plan)
    assert found.plan.data_ptr() != state.plan.data_ptr()
    torch.compiler.cudagraph_mark_step_begin.assert_called_once()
