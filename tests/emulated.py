"""A GPU that is not there: tensors that claim to lie on one, and a log of its costs.

``with emulated_gpu() as log:`` makes ``device="cuda"`` work on any machine. Tensors on
it hold their numbers on the CPU, so that results are those of the CPU; what a GPU would
refuse (an operator over tensors of two devices) is refused and noted in `log.mixed`,
what makes the host wait for the device in `log.waits`, and what is copied from one to
the other in `log.copies`.

To C++ the tensors lie on torch's "meta" device, which it tells from the CPU and which
needs no driver; `device` and `is_cuda` say "cuda:0" to Python. Operators come to
`__torch_dispatch__` below autograd, so modules, optimisers and backward passes work.

Kernels and their rounding are those of the CPU. A blocking copy to the device is no
wait here, though CUDA makes the host wait for it. Foreach and fused optimisers, graphs
and streams are not emulated.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

PACKAGE = str(Path(__file__).resolve().parents[1] / "skvas")
GPU, STAND_IN, CPU = torch.device("cuda:0"), torch.device("meta"), torch.device("cpu")
aten = torch.ops.aten

# Operators whose result, or its shape, depends on values: the host waits for them.
WAITS = {
    aten._local_scalar_dense,
    aten._linalg_check_errors,
    aten._linalg_eigh,
    aten._linalg_svd,
    aten.allclose,
    aten._unique2,
    aten.bincount,
    aten.equal,
    aten.is_nonzero,
    aten.masked_select,
    aten.nonzero,
    aten.repeat_interleave,
    aten.unique_consecutive,
    aten.unique_dim,
}
# Operators that take their index tensors from the CPU as well.
INDEXING = {aten.index, aten.index_put, aten.index_put_, aten._index_put_impl_}
# Operators that do not take lone numbers on the CPU for tensors on the device.
STRICT = {aten.cat, aten.stack, aten.gather, aten.index_select, aten.scatter}
COPIES = {aten._to_copy, aten.copy_, aten.copy}


@dataclass(frozen=True)
class Event:
    """One operator that cost something, and the line of skvas that called it.

    Of a copy, how many numbers.
    """

    operator: str
    where: str
    size: int = 0


@dataclass
class Log:
    """What would have cost something on a GPU."""

    waits: list[Event] = field(default_factory=list)
    copies: list[Event] = field(default_factory=list)
    mixed: list[Event] = field(default_factory=list)


_logs: list[Log] = []


def _note(kind: str, operator: str, size: int = 0) -> None:
    if _logs:
        getattr(_logs[-1], kind).append(Event(operator, _caller(), size))


def _caller() -> str:
    """Return the innermost line of skvas, or else of whoever is no part of torch."""
    torch_folder, outside = str(Path(torch.__file__).parent), ""
    frame = sys._getframe(1)
    while frame is not None:
        file = frame.f_code.co_filename
        line = f"{file}:{frame.f_lineno} in {frame.f_code.co_name}"
        if file.startswith(PACKAGE):
            return line
        if not outside and file != __file__ and not file.startswith(torch_folder):
            outside = line
        frame = frame.f_back
    return outside


class EmulatedTensor(Tensor):
    """A tensor that claims to lie on a GPU; `held` has its numbers, on the CPU."""

    held: Tensor

    @staticmethod
    def __new__(cls, held: Tensor):
        return Tensor._make_wrapper_subclass(
            cls,
            held.size(),
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            device=STAND_IN,
        )

    def __init__(self, held: Tensor):
        self.held = held

    __torch_function__ = torch._C._disabled_torch_function_impl

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        return _run(func, args, kwargs or {})

    device = property(lambda self: GPU)
    is_cuda = property(lambda self: True)
    is_meta = property(lambda self: False)
    is_cpu = property(lambda self: False)

    def get_device(self):
        return 0

    def data_ptr(self):
        return self.held.data_ptr()

    def tolist(self):
        _note("waits", "tolist")
        _note("copies", "tolist", self.numel())
        return self.held.tolist()

    def numpy(self, *, force=False):
        if force:
            return self.detach().cpu().numpy()
        raise TypeError(
            "can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu() to "
            "copy the tensor to host memory first."
        )

    def __array__(self, dtype=None, copy=None):
        return self.numpy()

    def __repr__(self, *, tensor_contents=None):
        return f"Emulated({self.held!r})"

    def __deepcopy__(self, memo):
        if id(self) not in memo:
            memo[id(self)] = self._with(self.held.detach().clone(), memo)
        return memo[id(self)]

    def _with(self, held, memo):
        made = EmulatedTensor(held).requires_grad_(self.requires_grad)
        made._is_param = getattr(self, "_is_param", False)
        if self.grad is not None:
            made.grad = copy.deepcopy(self.grad, memo)
        return made

    def __reduce_ex__(self, protocol):
        is_param = getattr(self, "_is_param", False)
        return _restore, (self.held.detach(), self.requires_grad, is_param)


def _restore(held: Tensor, requires_grad: bool, is_param: bool) -> EmulatedTensor:
    made = EmulatedTensor(held).requires_grad_(requires_grad)
    made._is_param = is_param
    return made


def emulate(tensor: Tensor) -> EmulatedTensor:
    """Put a tensor on the emulated GPU; nothing is noted."""
    if isinstance(tensor, EmulatedTensor):
        return tensor
    return EmulatedTensor(tensor.detach().clone()).requires_grad_(tensor.requires_grad)


def _is_gpu(value) -> bool:
    if isinstance(value, torch.device):
        return value.type == "cuda"
    return isinstance(value, str) and value.partition(":")[0] == "cuda"


def _leaves(value):
    """Yield what lists, tuples and dicts hold; torch's own walk takes far longer."""
    if type(value) is dict:
        value = list(value.values())
    if type(value) not in (list, tuple):
        yield value
        return
    for part in value:
        yield from _leaves(part)


def _replaced(change, value):
    """Return a copy of lists, tuples and dicts with all that they hold changed."""
    if type(value) is dict:
        return {name: _replaced(change, part) for name, part in value.items()}
    if type(value) in (list, tuple):
        return type(value)([_replaced(change, part) for part in value])
    return change(value)


def _held(x):
    return x.held if isinstance(x, EmulatedTensor) else x


def _run(func, args, kwargs):
    """Run an operator on what its tensors hold; note what it would cost."""
    tensors = [x for x in _leaves((args, kwargs)) if isinstance(x, Tensor)]
    emulated = [x for x in tensors if isinstance(x, EmulatedTensor)]
    device = kwargs.get("device")
    to_gpu = device is not None and torch.device(device).type == STAND_IN.type
    to_cpu = device is not None and not to_gpu
    if not emulated and not to_gpu:
        return func(*args, **kwargs)

    packet = func.overloadpacket
    on_cpu = [x for x in tensors if not isinstance(x, EmulatedTensor)]
    if packet in COPIES:
        to_cpu = _note_copy(packet, args, to_cpu, to_gpu)
    elif emulated and on_cpu:
        _check_devices(func, args, kwargs)
    if _makes_host_wait(packet, args, kwargs):
        _note("waits", str(func))

    held = {id(x.held): x for x in emulated}
    args, kwargs = _replaced(_held, (args, kwargs))
    if to_gpu:
        kwargs = {**kwargs, "device": CPU}
    out = func(*args, **kwargs)
    return _replaced(lambda x: _give(x, held, to_cpu), out)


def _give(x, held, to_cpu):
    """Return an output as its caller expects it."""
    if not isinstance(x, Tensor):
        return x
    if id(x) in held:  # written in place
        known = held[id(x)]
        if known.shape != x.shape:
            raise RuntimeError("not emulated: a shape that changes in place")
        return known
    return x if to_cpu else EmulatedTensor(x)


def _note_copy(packet, args, to_cpu, to_gpu) -> bool:
    """Note a copy from device to device; tell whether the result is on the CPU."""
    if packet is aten._to_copy:
        from_gpu = isinstance(args[0], EmulatedTensor)
        to_gpu = to_gpu or (from_gpu and not to_cpu)
    else:  # from the second argument to the first
        from_gpu, to_gpu = (isinstance(args[i], EmulatedTensor) for i in (1, 0))
    size = max(x.numel() for x in args[:2] if isinstance(x, Tensor))
    if from_gpu and not to_gpu:
        _note("copies", "to the host", size)
        _note("waits", "to the host")
    elif to_gpu and not from_gpu and not (packet is aten.copy_ and args[1].ndim == 0):
        _note("copies", "to the device", size)
    return not to_gpu


def _check_devices(func, args, kwargs) -> None:
    """Refuse tensors of two devices, as CUDA does."""
    packet = func.overloadpacket
    if packet in INDEXING:
        indices = [x for x in args[1] if x is not None]
        if any(not isinstance(x, EmulatedTensor) for x in indices):
            _note("copies", "to the device")
        args = (args[0], *args[2:])
    for position, argument in enumerate(func._schema.arguments):
        name = argument.name
        value = args[position] if position < len(args) else kwargs.get(name)
        written = argument.alias_info is not None and argument.alias_info.is_write
        for x in _leaves(value):
            plain = isinstance(x, Tensor) and not isinstance(x, EmulatedTensor)
            if plain and (x.ndim > 0 or written or packet in STRICT):
                _note("mixed", str(func))
                raise RuntimeError(
                    "Expected all tensors to be on the same device, but found at least "
                    f"two devices, cuda:0 and cpu! ({func}, {name})"
                )


def _makes_host_wait(packet, args, kwargs) -> bool:
    if packet is aten.repeat_interleave:
        return kwargs.get("output_size") is None
    if packet in WAITS:
        return True
    if packet not in INDEXING:
        return False
    by_mask = [
        x
        for x in args[1]
        if isinstance(x, EmulatedTensor) and x.dtype in (torch.bool, torch.uint8)
    ]
    if packet is aten.index or not by_mask:
        return bool(by_mask)
    # A lone number is written by masked_fill, which does not ask where.
    accumulate = args[3] if len(args) > 3 else kwargs.get("accumulate", False)
    return accumulate or args[2].numel() != 1 or len(args[1]) != 1


class _Operators(TorchDispatchMode):
    """Sees operators without tensors too: factories."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        return _run(func, args, kwargs or {})


class _Functions(TorchFunctionMode):
    """Turns "cuda" into the stand-in before torch looks for a driver."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        if func is Tensor.cuda:
            return args[0].to(STAND_IN)
        if func is Tensor.pin_memory:
            return args[0]
        if func is Tensor.type and len(args) + len(kwargs) == 1:
            return func(*args).replace("torch.", "torch.cuda.")
        if func in (torch.tensor, torch.as_tensor, torch.asarray):
            return self._from_data(func, args, kwargs)
        if func is Tensor.new_tensor:
            kwargs.setdefault("device", args[0].device)
            kwargs.setdefault("dtype", args[0].dtype)
            return self._from_data(torch.tensor, args[1:], kwargs)
        if func is torch.quantile and isinstance(args[0], EmulatedTensor):
            # Made of operators that change shapes in place, and of no wait.
            return EmulatedTensor(func(args[0].held, *args[1:], **kwargs))
        known = {GPU: STAND_IN, torch.device("cuda"): STAND_IN}
        args = tuple(
            known.get(x, x) if isinstance(x, torch.device) else x for x in args
        )
        if func is Tensor.to and len(args) > 1 and _is_gpu(args[1]):
            args = (args[0], STAND_IN, *args[2:])
        if _is_gpu(kwargs.get("device")):
            kwargs["device"] = STAND_IN
        return func(*args, **kwargs)

    @staticmethod
    def _from_data(func, args, kwargs):
        """Build a tensor from Python's or NumPy's data on the CPU, and then move it."""
        device = kwargs.pop("device", None)
        if func is torch.as_tensor and len(args) > 2:
            args, device = args[:2], args[2]
        data = args[0] if args else kwargs["data"]
        if isinstance(data, EmulatedTensor):
            dtype = args[1] if len(args) > 1 else kwargs.get("dtype")
            target = CPU if device and not _is_gpu(device) else STAND_IN
            made = data.to(target, dtype or data.dtype)
            return made.detach().clone() if func is torch.tensor else made
        made = func(*args, **kwargs)
        return made.to(STAND_IN) if _is_gpu(device) else made


@contextmanager
def emulated_gpu() -> Iterator[Log]:
    """Pretend that there is one GPU, and note what its use would cost."""
    log = Log()
    with ExitStack() as stack:
        for name, value in {
            "is_available": True,
            "device_count": 1,
            "current_device": 0,
            "get_device_name": "emulated",
            "mem_get_info": (1 << 36, 1 << 36),
            "get_rng_state": torch.zeros(16, dtype=torch.uint8),
        }.items():
            stack.enter_context(mock.patch.object(torch.cuda, name, _constant(value)))
        for name in ("set_rng_state", "manual_seed", "manual_seed_all", "empty_cache"):
            stack.enter_context(mock.patch.object(torch.cuda, name, _constant(None)))
        stack.enter_context(mock.patch.object(torch.cuda, "synchronize", _synchronize))
        no_cudnn = mock.patch("torch.backends.cudnn.is_acceptable", _constant(False))
        stack.enter_context(no_cudnn)
        # Or optimisers would ask its stream whether a graph is captured.
        none = mock.patch("torch.accelerator.current_accelerator", _constant(None))
        stack.enter_context(none)
        stack.enter_context(mock.patch.object(nn.Module, "_apply", _moved_in_place))
        stack.enter_context(_Functions())
        stack.enter_context(_Operators())
        _logs.append(log)
        stack.callback(_logs.remove, log)
        yield log


def _synchronize(device=None):
    _note("waits", "synchronize")


_apply = nn.Module._apply


def _moved_in_place(module, *args, **kwargs):
    """Move a module such that its parameters stay the same objects, as on a GPU."""
    future = torch.__future__
    before = future.get_swap_module_params_on_conversion()
    future.set_swap_module_params_on_conversion(True)
    try:
        return _apply(module, *args, **kwargs)
    finally:
        future.set_swap_module_params_on_conversion(before)


def _constant(value):
    return lambda *_, **__: value
