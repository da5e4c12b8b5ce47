"""Optional compilation of the solver's loop by torch."""

from __future__ import annotations

import functools
import types
import warnings
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor

from skvas.exceptions import CompilationWarning

__all__ = ["compiled_solver"]

# Number of compiled steps to keep, one for each kind of problem.
KEPT = 256
Backend = str | Callable[..., Any]
_backend: ContextVar[Backend | None] = ContextVar("backend", default=None)


@contextmanager
def compiled_solver(backend: Backend = "inductor") -> Iterator[None]:
    """Compile the loop of the solver for all solves inside the `with` block.

    Each iteration becomes one compiled function of tensors; on a GPU it is one CUDA
    graph, launched as a whole. Each batch shape is compiled once in a process, which
    takes seconds, and up to a minute with Sinkhorn sweeps. Compilation pays off for
    many batches of few shapes, as in training, on a device that waits for Python. On a
    CPU it takes 7 to 36 % of the time of mirror descent with one hard marginal away,
    and makes sweeps slower. The numba kernels are faster and remain in use.

    Parameters
    ----------
    backend : str or callable, default="inductor"
        Compiler, as in `torch.compile`.

    Warns
    -----
    CompilationWarning
        If a step cannot be compiled: on a GPU without Triton, on a CPU without a C++
        compiler, or with a custom structure that reads values of tensors. The step then
        runs uncompiled, with the same result.

    See Also
    --------
    skvas.transport.fused_gromov_wasserstein : The solver.

    Notes
    -----
    It is a context manager, and not an argument of the solver, so that it also applies
    to the solves of estimators: `with compiled_solver(): model.fit(videos)`. It applies
    to the current thread (or asyncio task) only, and not to the processes of `n_jobs`.
    A fitted model does not record its use: results agree up to float32 rounding.
    Problems in the log domain are solved uncompiled.

    It was tested on CPUs. **It was never run on a GPU.**

    Examples
    --------
    >>> import torch
    >>> from skvas.transport import Distinct, compiled_solver
    >>> from skvas.transport import fused_gromov_wasserstein
    >>> cost = 1 - torch.eye(3)[None]
    >>> with compiled_solver("eager"):  # traced, but not compiled
    ...     result = fused_gromov_wasserstein(cost, Distinct(), Distinct())
    >>> result.plan.argmax(dim=2)
    tensor([[0, 1, 2]])
    """
    token = _backend.set(backend)
    try:
        yield
    finally:
        _backend.reset(token)


def compilation_wanted() -> bool:
    """Return whether solves are inside `compiled_solver`."""
    return _backend.get() is not None


def compiled_step(
    step: Callable[..., Any], like: Tensor, *kind: Hashable
) -> Callable[..., Any]:
    """Return a step of a loop, compiled for one kind of problem.

    Parameters
    ----------
    step : callable
        A pure function of tensors and of constants of a kind of problem.
    like : Tensor
        Gives shape, type and device.
    *kind : Hashable
        Further constants of a kind of problem.
    """
    backend = _backend.get()
    assert backend is not None
    where = like.shape, like.dtype, like.device
    return _step_of_kind(step, backend, where, kind)


@functools.lru_cache(maxsize=KEPT)
def _step_of_kind(
    step: Callable[..., Any],
    backend: Backend,
    where: tuple[torch.Size, torch.dtype, torch.device],
    kind: tuple[Hashable, ...],
) -> _CompiledStep:
    return _CompiledStep(step, backend, where[2])


class _CompiledStep:
    """A step, compiled at its first call; uncompiled if that fails."""

    def __init__(
        self, step: Callable[..., Any], backend: Backend, device: torch.device
    ) -> None:
        self.step = step
        self.on_gpu = device.type == "cuda"
        # torch stores compiled code with the code of a function, tries each at every
        # call, and gives up after eight. So each kind has a copy of the function.
        alone = types.FunctionType(
            step.__code__.replace(), step.__globals__, step.__name__
        )
        graphs = self.on_gpu and backend == "inductor"
        self.compiled: Callable[..., Any] | None = torch.compile(
            alone,
            fullgraph=True,
            dynamic=False,
            backend=backend,
            mode="reduce-overhead" if graphs else None,
        )

    def __call__(self, *arguments: Any) -> Any:
        if self.compiled is None:
            return self.step(*arguments)
        try:
            return self._run(self.compiled, *arguments)
        except Exception as error:  # of any compiler; errors of the step recur below
            self.compiled = None
            first_line = str(error).partition("\n")[0]
            warnings.warn(
                f"The solver runs uncompiled; it could not be compiled: {first_line}",
                CompilationWarning,
                stacklevel=2,
            )
            return self.step(*arguments)

    def _run(self, compiled: Callable[..., Any], *arguments: Any) -> Any:
        if not self.on_gpu:
            return compiled(*arguments)
        # A CUDA graph writes its results to the same memory at every launch.
        torch.compiler.cudagraph_mark_step_begin()  # type: ignore[no-untyped-call]
        state = compiled(*arguments)
        return type(state)(*(None if x is None else x.clone() for x in state))


def can_sync(tensor: Tensor) -> bool:
    """Return whether values of a tensor may be read.

    Reading makes a GPU wait, and a compiled loop cannot depend on values.
    """
    return not tensor.is_cuda and not torch.compiler.is_compiling()
