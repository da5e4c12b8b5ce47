"""Training over several processes: each takes its share of every batch."""

from __future__ import annotations

import atexit
import logging
import multiprocessing
import os
import pickle
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from skvas._optional import import_optional

# Name of the package, and of what it logs to.
FABRIC = "lightning_fabric"


class Team:
    """The processes that train one model, as one of them sees them; here, a lone one.

    Attributes
    ----------
    rank : int
        Which of the processes this is.
    size : int
        How many there are.
    """

    rank = 0
    size = 1

    def add_up(self, tensors: Sequence[Tensor]) -> None:
        """Replace tensors by their sums over the team."""

    def join_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace gradients by their sums over the team.

        A parameter that some of the team have used has one in all.
        """

    def any(self, answer: bool) -> bool:
        """Tell whether one of the team says yes."""
        return answer

    def check_agreement(self, digest: str) -> None:
        """Raise an error if others have come here with other data."""


ALONE = Team()


class FabricTeam(Team):
    """A team whose members talk to each other by Lightning Fabric.

    Parameters
    ----------
    fabric : lightning_fabric.Fabric
        Launched.
    """

    def __init__(self, fabric: Any) -> None:
        self.fabric = fabric
        self.rank = fabric.global_rank
        self.size = fabric.world_size

    def add_up(self, tensors: Sequence[Tensor]) -> None:
        joined = torch.cat([tensor.reshape(-1) for tensor in tensors])
        summed = self.fabric.all_reduce(joined, reduce_op="sum")
        parts = summed.split([tensor.numel() for tensor in tensors])
        for tensor, part in zip(tensors, parts, strict=True):
            tensor.copy_(part.view_as(tensor))

    def join_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        trained = [p for p in parameters if p.requires_grad]
        used = [float(p.grad is not None) for p in trained]
        users = torch.tensor(used, device=self.fabric.device)
        self.add_up([users])
        shared = [p for p, n in zip(trained, users.tolist(), strict=True) if n]
        for parameter in shared:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        self.add_up([p.grad for p in shared if p.grad is not None])

    def any(self, answer: bool) -> bool:
        votes = torch.tensor(float(answer), device=self.fabric.device)
        return bool(self.fabric.all_reduce(votes, reduce_op="sum") > 0)

    def check_agreement(self, digest: str) -> None:
        self.fabric.barrier()
        if self.fabric.broadcast(digest) != digest:
            raise ValueError(
                f"process {self.rank} has prepared another training than process 0; "
                "give all the same videos, the same parameters and, as random_state, "
                "the same int."
            )


def is_launched() -> bool:
    """Tell whether torchrun has started this process."""
    return "TORCHELASTIC_RUN_ID" in os.environ


def join_team(n_processes: int, device: torch.device) -> tuple[Team, torch.device]:
    """Join the processes that torchrun has started.

    Parameters
    ----------
    n_processes : int
        How many there should be.
    device : torch.device
        Where to compute; of several GPUs, each process has its own.

    Returns
    -------
    team : Team
        The processes.
    device : torch.device
        Where this one computes.

    Raises
    ------
    ValueError
        If there are more or fewer.
    """
    size = int(os.environ["WORLD_SIZE"])
    if size != n_processes:
        raise ValueError(
            f"devices={n_processes}, but torchrun has started {size} processes; "
            "they must be as many."
        )
    local = int(os.environ["LOCAL_WORLD_SIZE"])
    fabric = _fabric(device, local, "ddp", num_nodes=size // local)
    with _unnoticed():
        fabric.launch()
    atexit.register(leave_team)
    return FabricTeam(fabric), fabric.device


def leave_team() -> None:
    """End the connections of this process to its team, if it has any.

    A process that ends with them open may be aborted: their threads still hold
    tensors, which cannot be freed once Python is gone.
    """
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def launch(
    work: Callable[[Team, torch.device], object],
    n_processes: int,
    device: torch.device,
    strategy: str = "auto",
) -> None:
    """Do work in new processes, and wait for them.

    Parameters
    ----------
    work : callable
        Called with the team and the device in each process. What it returns is lost.
    n_processes : int
        How many to start.
    device : torch.device
        Where to compute; of several GPUs, each process has its own.
    strategy : {"auto", "fork", "spawn"}, default="auto"
        How to start them. "auto": fork, which is quick, on a CPU, where forked
        processes can train; spawn else.

    Raises
    ------
    ValueError
        If this process may not start others.
    """
    if multiprocessing.current_process().daemon:
        raise ValueError(
            f"devices={n_processes} starts processes, which a daemon process, such as "
            "a worker of multiprocessing.Pool, may not do; use devices=1 in it."
        )
    if strategy == "auto":
        strategy = "fork" if device.type == "cpu" and _can_fork() else "spawn"
    fabric = _fabric(device, n_processes, f"ddp_{strategy}")
    before = multiprocessing.active_children()
    try:
        with _unnoticed():
            fabric.launch(_Work(work))
    except BaseException:  # such as an interrupt, which may end this process alone
        for child in set(multiprocessing.active_children()).difference(before):
            child.kill()
            child.join()
        raise


def _can_fork() -> bool:
    """Tell whether a forked process can train, by one that tries.

    If torch knows a device besides the CPU, the first gradient in a process starts
    threads, and torch refuses to compute any after a fork. On macOS nothing is tried:
    system libraries may end a forked process at any time.
    """
    methods = multiprocessing.get_all_start_methods()
    if sys.platform == "darwin" or "fork" not in methods:
        return False
    trial = multiprocessing.get_context("fork").Process(target=_try_gradient)
    with _unnoticed():
        trial.start()
    trial.join()
    return trial.exitcode == 0


def _try_gradient() -> None:
    """End this process with an error code if torch refuses gradients in it."""
    torch.set_num_threads(1)  # a fork loses OpenMP's threads
    try:
        torch.ones(1, requires_grad=True).backward()
    except RuntimeError:
        sys.exit(1)


class _Work:
    """What a new process does; can be pickled if the work can."""

    def __init__(self, work: Callable[[Team, torch.device], object]) -> None:
        self.work = work

    def __getstate__(self) -> bytes:
        # By value: torch's own way would let processes train in one shared memory.
        return pickle.dumps(self.work)

    def __setstate__(self, state: bytes) -> None:
        self.work = pickle.loads(state)
        logging.getLogger(FABRIC).setLevel(logging.WARNING)  # a new process says all

    def __call__(self, fabric: Any) -> None:
        # A forked process has lost OpenMP's threads; and processes share the cores.
        torch.set_num_threads(1)
        fabric.barrier()  # none is gone before another one has found it
        self.work(FabricTeam(fabric), fabric.device)
        leave_team()


@contextmanager
def _unnoticed() -> Iterator[None]:
    """Let Fabric say nothing, and leave no trace in the environment."""
    logger = logging.getLogger(FABRIC)
    level = logger.level
    before = {name: os.environ.get(name) for name in ("MASTER_PORT", "USE_LIBUV")}
    if sys.platform == "win32":  # torch 2.6 would ask for what it lacks there
        os.environ.setdefault("USE_LIBUV", "0")
    logger.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            # What a fork loses, OpenMP's threads, is seen to.
            warnings.filterwarnings("ignore", ".*fork", DeprecationWarning)
            yield
    finally:
        logger.setLevel(level)
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def _fabric(
    device: torch.device, n_processes: int, strategy: str, *, num_nodes: int = 1
) -> Any:
    return import_optional(FABRIC, "distributed").Fabric(
        accelerator=device.type,
        devices=n_processes,
        strategy=strategy,
        num_nodes=num_nodes,
    )
