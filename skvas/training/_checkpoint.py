"""Checkpoints: a training in a file, which `fit` goes on from."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from skvas._on_demand import lengths_of
from skvas.exceptions import CheckpointError, InvalidParameterError, ModelFileError
from skvas.persistence._arrays import parse_json, read_arrays, write_arrays
from skvas.persistence._state import StateReader, StateWriter, version
from skvas.training._loop import CheckpointHook, TrainingState

FORMAT = "skvas checkpoint"
FORMAT_VERSION = 2
# Share of the time of a training that is spent on writing at most.
SHARE = 0.02

T = TypeVar("T")


class Checkpoint(CheckpointHook):
    """The file of one training.

    Parameters
    ----------
    path : str or path-like
        The file. If it is there, it is read now.
    identity : mapping of str to str
        What must be the same for a training to go on, see `identify`.

    Attributes
    ----------
    found : bool
        Whether the file was there.

    Raises
    ------
    CheckpointError
        If the file is no checkpoint, is damaged, or is that of another training.
    OSError
        If the file cannot be read; names it.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        identity: Mapping[str, str],
    ) -> None:
        self.path = path
        self.identity = dict(identity)
        self.found = os.path.lexists(path)
        self._due = 0.0
        self._prepared: dict[str, Any] = {}
        self._content: dict[str, Any] = {}
        if self.found:
            self._content = _read(path, self.identity)
            self._prepared = self._content["prepared"]

    def once(self, name: str, prepare: Callable[[], T]) -> T:
        """Return what an earlier fit has prepared, or prepare it now.

        Parameters
        ----------
        name : str
            Of a step before training.
        prepare : callable
            Makes what a model file can hold.
        """
        if name not in self._prepared:
            self._prepared[name] = prepare()
        return self._prepared[name]

    @contextmanager
    def in_file(self) -> Iterator[Checkpoint]:
        """Yield a checkpoint that processes may share: this one."""
        yield self

    def reopened(self) -> Checkpoint:
        """Read the file again, as another process may have written it."""
        return Checkpoint(self.path, self.identity)

    def begin(self, state: TrainingState) -> None:
        """Put a training where the file says, or write the file for the first time.

        Parameters
        ----------
        state : TrainingState
            Changed in place.
        """
        if not self.found:
            self._write(state)
            return
        content = self._content
        state.modules.load_state_dict(_as_tensors(content["weights"]))
        moments = {int(i): _as_tensors(m) for i, m in content["optimizer"].items()}
        state.optimizer.restore(moments)
        columns = content["history"]
        rows = zip(*(column.tolist() for column in columns.values()), strict=True)
        state.records[:] = [dict(zip(columns, row, strict=True)) for row in rows]
        state.rng.set_state(content["rng"].get_state())
        state.is_over = content.get("is_over", False)
        if state.generators is not None:
            state.generators.restore(_as_tensors(content["torch"]))

    def end_epoch(self, state: TrainingState, *, last: bool) -> None:
        """Write the file if that is due, and when the training is over.

        Parameters
        ----------
        state : TrainingState
            At the end of an epoch.
        last : bool
            Whether it was the last.
        """
        if last or time.perf_counter() >= self._due:
            self._write(state)

    def _write(self, state: TrainingState) -> None:
        if not self.writes:
            return
        started = time.perf_counter()
        moments = state.optimizer.moments
        names = state.records[0] if state.records else ()
        writer = StateWriter()
        content = {
            "prepared": self._prepared,
            "weights": as_arrays(state.modules.state_dict()),
            "optimizer": {str(i): as_arrays(m) for i, m in moments.items()},
            "history": {n: np.array([r[n] for r in state.records]) for n in names},
            "rng": state.rng,
            "is_over": state.is_over,
            "torch": as_arrays(state.generators.states() if state.generators else {}),
        }
        nodes = {name: writer.node(part, name) for name, part in content.items()}
        texts = {
            "format": FORMAT,
            "format_version": str(FORMAT_VERSION),
            "identity": json.dumps(self.identity),
            "state": json.dumps(nodes, allow_nan=False),
        }
        write_arrays(self.path, writer.arrays, texts)
        ended = time.perf_counter()
        self._due = ended + (ended - started) / SHARE


class NoCheckpoint(CheckpointHook):
    """Stands where no training is saved."""

    def once(self, name: str, prepare: Callable[[], T]) -> T:
        """Prepare a step before training."""
        return prepare()

    @contextmanager
    def in_file(self) -> Iterator[Checkpoint]:
        """Yield a checkpoint that processes may share, removed afterwards."""
        with TemporaryDirectory() as folder:
            yield Checkpoint(Path(folder, "run"), {})


AnyCheckpoint = Checkpoint | NoCheckpoint


def identify(
    name: str,
    parameters: Mapping[str, Any],
    videos: Sequence[np.ndarray],
    device: torch.device,
) -> dict[str, str]:
    """Describe what the result of a training depends on.

    Parameters
    ----------
    name : str
        The class of the estimator.
    parameters : mapping of str to object
        Its parameters that training depends on.
    videos : sequence of ndarray of shape (n_i, D)
        The data, checked.
    device : torch.device
        Where the training runs.

    Returns
    -------
    dict of str to str
        Short texts, equal where trainings are.
    """
    return {
        "skvas": version(),
        "estimator": name,
        **{key: _describe(key, value) for key, value in parameters.items()},
        "device": device.type,
        "videos": _fingerprint(videos),
    }


def _describe(name: str, value: Any) -> str:
    """Tell a parameter in a few words; a digest stands for what is long."""
    if isinstance(value, np.random.RandomState):
        return "RandomState"  # the checkpoint has its state
    if isinstance(value, nn.Module):
        # Its weights are those of the checkpoint from here on.
        shapes = {key: tensor.shape for key, tensor in value.state_dict().items()}
        text = f"{value} {shapes}"
        return f"{type(value).__name__} ({_digest(text.encode())})"
    writer = StateWriter()
    if isinstance(value, np.generic):
        value = value.item()
    try:
        text = json.dumps(writer.node(value, name))
    except InvalidParameterError as error:
        raise InvalidParameterError(
            f"checkpoint needs {name} that a model file can hold, got {value!r}; "
            "transform the videos before fit, or set checkpoint=None."
        ) from error
    if len(text) <= 40 and not writer.arrays:
        return text
    parts = [text.encode(), *(array.tobytes() for array in writer.arrays.values())]
    return f"{type(value).__name__} ({_digest(*parts)})"


def _fingerprint(videos: Sequence[np.ndarray]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for video in videos:
        digest.update(f"{video.dtype.str}{video.shape}".encode())
        digest.update(np.ascontiguousarray(video).reshape(-1).view(np.uint8).data)
    n_frames = sum(lengths_of(videos))
    return f"{len(videos)} of {n_frames} frames ({digest.hexdigest()})"


def _digest(*parts: bytes) -> str:
    digest = hashlib.blake2b(digest_size=8)
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def _read(path: str | os.PathLike[str], identity: Mapping[str, str]) -> dict[str, Any]:
    """Return what a file holds, once it is seen to be that of this training."""
    try:
        arrays, texts = read_arrays(path)
        if texts.get("format") != FORMAT:
            raise CheckpointError("it does not say that it is a checkpoint of skvas")
        if int(texts["format_version"]) != FORMAT_VERSION:
            raise CheckpointError(
                f"it is of format {texts['format_version']}, this version of skvas "
                f"knows {FORMAT_VERSION}"
            )
        _check_same(parse_json(texts["identity"]), identity)
        reader = StateReader(arrays, None)
        nodes = parse_json(texts["state"])
        return {name: reader.node(node) for name, node in nodes.items()}
    except OSError:
        raise
    except Exception as error:  # a damaged file may fail anywhere
        reason = str(error) or type(error).__name__
        raise CheckpointError(
            f"fit cannot resume from checkpoint={os.fspath(path)!r}: "
            f"{reason.rstrip('.')}. Name another file, or remove this one to start "
            "afresh."
        ) from error


def _check_same(saved: Mapping[str, str], now: Mapping[str, str]) -> None:
    different = [n for n in {**saved, **now} if saved.get(n) != now.get(n)]
    if different:
        then = ", ".join(f"{name}={_show(saved.get(name))}" for name in different)
        here = ", ".join(f"{name}={_show(now.get(name))}" for name in different)
        raise CheckpointError(f"it is of a fit with {then}; this one has {here}")


def _show(described: str | None) -> str:
    """Return a description as Python writes the value, if it tells all of it."""
    try:
        return repr(StateReader({}, None).node(parse_json(described or "null")))
    except ModelFileError:
        return str(described)


def as_arrays(tensors: Mapping[str, Tensor]) -> dict[str, np.ndarray]:
    """Return tensors as arrays; bfloat16, which NumPy lacks, as float32."""
    return {
        name: (t.float() if t.dtype == torch.bfloat16 else t).detach().cpu().numpy()
        for name, t in tensors.items()
    }


def _as_tensors(arrays: Mapping[str, np.ndarray]) -> dict[str, Tensor]:
    return {name: torch.from_numpy(array) for name, array in arrays.items()}
