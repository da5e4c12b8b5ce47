"""The loop of the solver compiled by torch, for those who ask for it."""

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

# Kinds of problems whose compiled steps are kept.
KEPT = 256
Backend = str | Callable[..., Any]
_backend: ContextVar[Backend | None] = ContextVar("backend", default=None)


@contextmanager
def compiled_solver(backend: Backend = "inductor") -> Iterator[None]:
    """Compile the loop of the solver for all solves inside the `with` block.

    One iteration becomes one compiled function of tensors, on a GPU one CUDA graph,
    which is launched as a whole. Each shape of a batch is compiled once in a process,
    which takes seconds, up to a minute with Sinkhorn sweeps. So this pays where many
    batches of few shapes are solved, as in training, on a device that would wait for
    Python. On a CPU the mirror descent with one hard side took half of its time; the
    kernels of numba are faster than compiled sweeps, and go on to be used.

    Parameters
    ----------
    backend : str or callable, default="inductor"
        Compiler, as `torch.compile` takes it.

    Warns
    -----
    CompilationWarning
        Where a step could not be compiled (a GPU without Triton, a CPU without a
        compiler for C++, a structure of one's own that reads values of tensors). It is
        then run as it is, with the same result.

    See Also
    --------
    skvas.transport.fused_gromov_wasserstein : What is compiled.

    Notes
    -----
    It is a block and no argument of the solver, so that it reaches the solves of
    estimators: `with compiled_solver(): model.fit(videos)`. It holds in this thread (or
    task of asyncio) alone, and not in the processes of `n_jobs`. Whether it was used is
    no part of a model: results agree to the rounding of float32. Problems that need the
    log domain are solved as they are.

    It was tested on CPUs. **Nothing here was ever run on a GPU.**

    Examples
    --------
    >>> import torch
    >>> from skvas.transport import Distinct, compiled_solver
    >>> from skvas.transport import fused_gromov_wasserstein
    >>> cost = 1 - torch.eye(3)[None]
    >>> with compiled_solver("eager"):  # traced, and then run as it is
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
    """Tell whether solves are inside `compiled_solver`."""
    return _backend.get() is not None


def compiled_step(
    step: Callable[..., Any], like: Tensor, *kind: Hashable
) -> Callable[..., Any]:
    """Return a step of a loop as compiled for one kind of problem.

    Parameters
    ----------
    step : callable
        A pure function of tensors, and of what is the same for a kind of problem.
    like : Tensor
        Gives shape, type and device.
    *kind : Hashable
        What else problems of one kind share.
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
    """A step, compiled when first called; as it was, if it cannot be compiled."""

    def __init__(
        self, step: Callable[..., Any], backend: Backend, device: torch.device
    ) -> None:
        self.step = step
        self.on_gpu = device.type == "cuda"
        # torch keeps what it compiled beside the code of a function, tries one after
        # the other at each call, and gives up after eight. So each kind has a copy.
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
        except Exception as error:  # of any of several compilers; ours come again below
            self.compiled = None
            first_line = str(error).partition("\n")[0]
            warnings.warn(
                f"The solver runs as it is, as it could not be compiled: {first_line}",
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
    """Tell whether to read a value of a tensor is free: it makes a GPU wait.

    A loop that is compiled cannot depend on values either.
    """
    return not tensor.is_cuda and not torch.compiler.is_compiling()
