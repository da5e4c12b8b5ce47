"""Fitted estimators as arrays and plain JSON, and back, by a fixed list of types.

What is not in the list is refused, on the way out as on the way in: no name in a file
is ever imported, and nothing in it is run.
"""

from __future__ import annotations

import copy
import importlib
import inspect
import json
import math
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import sklearn
import torch
from sklearn.pipeline import Pipeline
from torch import nn

from skvas.exceptions import InvalidParameterError, ModelFileError
from skvas.labels._reading import MAX_LENGTH
from skvas.metrics import SharedOrder
from skvas.nn import ENCODERS
from skvas.options import Aligning, Segmenting, Training
from skvas.options._declare import check_declared
from skvas.options._kinds import is_auto
from skvas.options._settings import Settings
from skvas.persistence._arrays import is_storable, write_arrays
from skvas.persistence._timeline import FORMER_NAMES, RECORDS
from skvas.timeline import Timeline
from skvas.validation import check_integer, check_real
from skvas.videos._stored import check_type

# Characters of the names that any number of frames may have. In memory each frame has
# all of them, in a file one number.
LONG_NAME, BYTES_OF_CHARACTER = 200, 4
FORMAT = "skvas"
FORMAT_VERSION = 2


# Transformers that may be in a model file: their state is numbers, texts, arrays and
# each other. What calls a function of the user's cannot be here.
TRANSFORMERS = {
    "CompressTails": "skvas.preprocessing",
    "Detrend": "skvas.preprocessing",
    "FastICA": "sklearn.decomposition",
    "FeatureUnion": "sklearn.pipeline",
    "Framewise": "skvas.preprocessing",
    "FunctionTransformer": "sklearn.preprocessing",  # of no function: "passthrough"
    "GaussianRandomProjection": "sklearn.random_projection",
    "IncrementalPCA": "sklearn.decomposition",
    "Interpolate": "skvas.preprocessing",
    "LevelFeatures": "skvas.preprocessing",
    "MaxAbsScaler": "sklearn.preprocessing",
    "MinMaxScaler": "sklearn.preprocessing",
    "Normalizer": "sklearn.preprocessing",
    "PCA": "sklearn.decomposition",
    "Pipeline": "sklearn.pipeline",
    "PoseFeatures": "skvas.preprocessing",
    "PowerTransformer": "sklearn.preprocessing",
    "QuantileTransformer": "sklearn.preprocessing",
    "RobustScaler": "sklearn.preprocessing",
    "SelectRelated": "skvas.preprocessing",
    "SimpleImputer": "sklearn.impute",
    "StandardScaler": "sklearn.preprocessing",
    "TruncatedSVD": "sklearn.decomposition",
    "VarianceThreshold": "sklearn.feature_selection",
    "VideoStandardizer": "skvas.preprocessing",
    "WhitenedViews": "skvas.preprocessing",
}
_ORDER_TYPES = {"value": float, "error": float, "n_pairs": int, "n_frames": int}
GROUPS = {cls.__name__: cls for cls in (Segmenting, Aligning, Training)}


def transformer_class(name: str) -> type | None:
    """Return a class of the list, or None."""
    if name not in TRANSFORMERS:
        return None
    found: type = getattr(importlib.import_module(TRANSFORMERS[name]), name)
    return found


class StateWriter:
    """Turn objects into JSON nodes, and collect their arrays.

    Attributes
    ----------
    arrays : dict of str to ndarray
        What was collected, by where it was found.
    classes : set of str
        Names of the transformers that were met.
    """

    def __init__(self) -> None:
        self.arrays: dict[str, np.ndarray] = {}
        self.classes: set[str] = set()

    def state(self, value: Any, name: str = "") -> dict[str, Any]:
        """Return the attributes of an object as nodes."""
        prefix = f"{name}." if name else ""
        return {key: self.node(part, prefix + key) for key, part in vars(value).items()}

    def node(self, value: Any, name: str) -> Any:
        """Return an object as a node; `name` says where it was found."""
        if value is None or type(value) in (bool, int, str):
            return value
        if isinstance(value, np.str_):
            return str(value)
        if type(value) is float:
            return value if math.isfinite(value) else _node("float", text=str(value))
        if isinstance(value, nn.Module):
            return self._module(value, name)
        if isinstance(value, np.generic) and is_storable(value.dtype):
            return _node("scalar", array=self._keep(np.asarray(value), name))
        if isinstance(value, np.dtype) and is_storable(value):
            return _node("dtype", text=value.str)
        value = _as_plain(value, name)
        write = self._WRITERS.get(type(value))
        if write is None and type(value) is transformer_class(type(value).__name__):
            write = StateWriter._transformer
        if write is None:
            raise _refusal(value, name)
        return write(self, value, name)

    def _keep(self, array: np.ndarray, name: str) -> str:
        self.arrays[name] = array
        return name

    def _list(self, value: list[Any], name: str) -> Any:
        return [self.node(part, f"{name}.{i}") for i, part in enumerate(value)]

    def _tuple(self, value: tuple[Any, ...], name: str) -> Any:
        return _node("tuple", items=self._list(list(value), name))

    def _dict(self, value: dict[Any, Any], name: str) -> Any:
        items = {str(k): self.node(part, f"{name}.{k}") for k, part in value.items()}
        if all(isinstance(key, str) for key in value):
            return _node("dict", items=items)
        if any(type(k) is not int and not isinstance(k, np.integer) for k in value):
            raise _refusal(value, name)
        return _node("numbered", items=items)

    def _array(self, value: np.ndarray, name: str) -> Any:
        if is_storable(value.dtype):
            # BLAS may round differently where axes lie in another order.
            is_fortran = value.flags.f_contiguous and not value.flags.c_contiguous
            kept = value.T if is_fortran else value
            return _node("array", array=self._keep(kept, name), fortran=is_fortran)
        parts = value.tolist() if value.ndim == 1 else []
        if parts and all(type(part) is str for part in parts):
            dtype = "object" if value.dtype == object else value.dtype.str
            return _node("texts", items=parts, dtype=dtype)
        alike = parts and all(
            isinstance(part, np.ndarray)
            and part.ndim > 0
            and (part.dtype, part.shape[1:]) == (parts[0].dtype, parts[0].shape[1:])
            for part in parts
        )
        if alike and parts[0].dtype.kind == "U" and parts[0].ndim == 1:
            return self._named_videos(parts, name)
        if not alike or not is_storable(parts[0].dtype):
            raise _refusal(value, name)
        lengths = np.array([len(part) for part in parts], dtype=np.int64)
        return _node(
            "videos",
            array=self._keep(np.concatenate(parts), name),
            lengths=self._keep(lengths, f"{name}.lengths"),
        )

    def _named_videos(self, parts: list[np.ndarray], name: str) -> Any:
        """Write texts of frames as numbers, and each text once."""
        width = parts[0].dtype.itemsize // BYTES_OF_CHARACTER
        n_frames = sum(map(len, parts))
        if not _has_room(width, n_frames):
            raise InvalidParameterError(
                f"{name} has names of up to {width} characters for {n_frames} frames, "
                "more than a model file may make of its numbers; give actions names of "
                f"at most {LONG_NAME} characters."
            )
        names, joined = np.unique(np.concatenate(parts), return_inverse=True)
        codes = np.empty(len(parts), object)
        codes[:] = np.split(joined, np.cumsum([len(p) for p in parts])[:-1])
        # Texts of one type, whether or not the longest occurs.
        texts = np.array(names.tolist(), object)
        return _node(
            "named_videos",
            names=self._array(texts, f"{name}.names"),
            codes=self._array(codes, f"{name}.codes"),
            width=width,
        )

    def _random_state(self, value: np.random.RandomState, name: str) -> Any:
        return _node("random_state", state=self.node(value.get_state(), name))

    def _device(self, value: torch.device, name: str) -> Any:
        return _node("device", text=str(value))

    def _order(self, value: SharedOrder, name: str) -> Any:
        return _node("shared_order", items=self.state(value, name))

    def _group(self, value: Any, name: str) -> Any:
        # Whoever loads a model shall write no file of the sender's choice.
        parts = {**value.get_params(), "checkpoint": None}
        if "checkpoint" not in value.get_params():
            del parts["checkpoint"]
        items = {key: self.node(part, f"{name}.{key}") for key, part in parts.items()}
        return _node("group", name=type(value).__name__, items=items)

    def _settings(self, value: Settings, name: str) -> Any:
        return _node("settings", items=self.state(value, name))

    def _record(self, value: Any, name: str) -> Any:
        return _node("record", name=type(value).__name__, items=self.state(value, name))

    def _timeline(self, value: Timeline, name: str) -> Any:
        # How it sees videos is known from the model around it.
        return self.node(value.model_, name)

    def _transformer(self, value: Any, name: str) -> Any:
        _refuse_memory(value)
        self.classes.add(type(value).__name__)
        return _node(
            "transformer", name=type(value).__name__, state=self.state(value, name)
        )

    def _module(self, value: nn.Module, name: str) -> Any:
        weights = {}
        for key, tensor in value.state_dict().items():
            if not isinstance(tensor, torch.Tensor):
                raise _refusal(tensor, f"{name}.{key}")
            if tensor.dtype == torch.bfloat16 or tensor.is_complex():
                raise _refusal(tensor, f"{name}.{key}")
            weights[key] = self._keep(tensor.detach().cpu().numpy(), f"{name}.{key}")
        fixed = [key for key, p in value.named_parameters() if not p.requires_grad]
        own = [key for key, cls in ENCODERS.items() if cls is type(value)]
        parts = {}
        if own and not hasattr(value, "config"):
            raise InvalidParameterError(
                f"{name} is the encoder {own[0]!r} of {type(value).__name__}, which a "
                "model file cannot hold without a method config() that returns the "
                "arguments of its class as a dict, such as n_features, without "
                "generator. The class may get it after fit, too."
            )
        if own:
            parts["config"] = self.node(
                ENCODERS[own[0]].config(value), f"{name}.config"
            )
        return _node(
            "encoder" if own else "foreign_encoder",
            **parts,
            name=own[0] if own else type(value).__name__,
            weights=weights,
            fixed=fixed,
            training=value.training,
        )

    _WRITERS: Mapping[type, Callable[[StateWriter, Any, str], Any]] = {
        list: _list,
        tuple: _tuple,
        dict: _dict,
        np.ndarray: _array,
        np.random.RandomState: _random_state,
        torch.device: _device,
        SharedOrder: _order,
        Settings: _settings,
        Segmenting: _group,
        Aligning: _group,
        Training: _group,
        Timeline: _timeline,
        **dict.fromkeys(RECORDS.values(), _record),
    }


# An array of texts has room for so many times what they are, at most, unless it has few
# characters.
MOST_BLANK, FEW_CHARACTERS = 16, 2**22


class StateReader:
    """Turn JSON nodes and arrays into objects.

    Parameters
    ----------
    arrays : dict of str to ndarray
        The arrays of the file; each is taken out once.
    encoder : Module or None
        What takes the weights of an encoder whose class is not one of skvas.
    """

    def __init__(
        self, arrays: dict[str, np.ndarray], encoder: nn.Module | None
    ) -> None:
        self.arrays = arrays
        self.encoder = encoder
        self.used_encoder = False

    def restore(self, cls: Any, state: Any) -> Any:
        """Return an object of a trusted class with these attributes."""
        if not isinstance(state, dict):
            raise ModelFileError(f"a {cls.__name__} has no attributes")
        for name in state:
            if not name.isidentifier() or name[:2] == "__" or hasattr(cls, name):
                raise ModelFileError(f"{name!r} is no attribute of a {cls.__name__}")
        restored = cls.__new__(cls)
        for name, parameter in inspect.signature(cls).parameters.items():
            if name not in state:  # younger than the file
                if parameter.default is inspect.Parameter.empty:
                    raise ModelFileError(f"{cls.__name__} lacks its parameter {name!r}")
                vars(restored)[name] = parameter.default
        for name, node in state.items():
            vars(restored)[name] = self.node(node)
        return restored

    def node(self, node: Any) -> Any:
        """Return the object that a node stands for."""
        if isinstance(node, list):
            return [self.node(part) for part in node]
        if not isinstance(node, dict):
            return node
        parts = dict(node)
        kind = parts.pop("kind", None)
        read = self._READERS.get(kind) if isinstance(kind, str) else None
        if read is None:
            raise ModelFileError(f"it holds something of the unknown kind {kind!r}")
        return read(self, **parts)

    def _take(self, name: Any) -> np.ndarray:
        if not isinstance(name, str) or name not in self.arrays:
            raise ModelFileError(f"array {name!r} is not there, or used twice")
        return self.arrays.pop(name)

    def _float(self, text: str) -> float:
        if text not in ("inf", "-inf", "nan"):
            raise ModelFileError(f"{text!r} is no special number")
        return float(text)

    def _scalar(self, array: str) -> Any:
        return self._take(array)[()]

    def _tuple(self, items: list[Any]) -> tuple[Any, ...]:
        return tuple(self.node(part) for part in items)

    def _dict(self, items: dict[str, Any]) -> dict[str, Any]:
        return {key: self.node(part) for key, part in items.items()}

    def _numbered(self, items: dict[str, Any]) -> dict[int, Any]:
        return {int(key): self.node(part) for key, part in items.items()}

    def _array(self, array: str, fortran: bool) -> np.ndarray:
        taken = self._take(array)
        return taken.T if fortran else taken

    def _texts(self, items: list[str], dtype: str) -> np.ndarray:
        if not all(isinstance(item, str) for item in items):
            raise ModelFileError("a list of texts holds something else")
        lengths = list(map(len, items))
        most = max(MOST_BLANK * sum(lengths), FEW_CHARACTERS)
        if len(items) * max(lengths, default=0) > most:
            raise ModelFileError("a list of texts is mostly blank")
        # The type of texts follows from the longest.
        return np.array(items, object if dtype == "object" else np.str_)

    def _videos(self, array: str, lengths: str) -> np.ndarray:
        joined, counts = self._take(array), self._take(lengths)
        if (
            joined.ndim == 0
            or counts.ndim != 1
            or counts.dtype != np.int64
            or (counts < 0).any()
            or sum(counts.tolist()) != len(joined)
        ):
            raise ModelFileError(f"{array!r} does not split into videos")
        videos = np.empty(len(counts), object)
        parts = np.split(joined, np.cumsum(counts)[:-1])
        videos[:] = [part.copy() for part in parts]
        return videos

    def _named_videos(self, names: Any, codes: Any, width: int) -> np.ndarray:
        texts, numbers = self.node(names), self.node(codes)
        check_integer("width", width, low=1)
        is_such = texts.dtype == object and max(map(len, texts)) <= width <= MAX_LENGTH
        if not is_such:
            raise ModelFileError("names of actions are not as fit makes them")
        if not _has_room(width, sum(part.size for part in numbers)):
            raise ModelFileError("the names of frames are far larger than the file")
        texts = texts.astype(f"<U{width}")
        videos = np.empty(len(numbers), object)
        for index, part in enumerate(numbers):
            if part.dtype != np.int64 or (part < 0).any():
                raise ModelFileError("names of frames are not as fit makes them")
            videos[index] = texts[part]
        return videos

    def _random_state(self, state: Any) -> np.random.RandomState:
        parts = self.node(state)
        if not _is_random_state(parts):
            raise ModelFileError("the state of random numbers is not as NumPy has it")
        restored = np.random.RandomState(0)
        restored.set_state(parts)
        return restored

    def _device(self, text: str) -> torch.device:
        return torch.device(text)

    def _dtype(self, text: str) -> np.dtype:
        dtype = np.dtype(text)
        if not is_storable(dtype):
            raise ModelFileError(f"{text!r} is no type of numbers")
        return dtype

    def _order(self, items: dict[str, Any]) -> SharedOrder:
        restored = SharedOrder(**{key: self.node(part) for key, part in items.items()})
        for name, kind in _ORDER_TYPES.items():
            check_type(f"shared_order_.{name}", getattr(restored, name), kind)
        return restored

    def _group(self, name: str, items: dict[str, Any]) -> Any:
        if name not in GROUPS:
            raise ModelFileError(f"{name!r} is no group of parameters")
        return GROUPS[name](**{key: self.node(part) for key, part in items.items()})

    def _settings(self, items: dict[str, Any]) -> Settings:
        restored = Settings(**{key: self.node(part) for key, part in items.items()})
        check_settings(restored)
        return restored

    def _record(self, name: str, items: dict[str, Any]) -> Any:
        if name not in RECORDS:
            raise ModelFileError(f"{name!r} is no part of a timeline")
        now = FORMER_NAMES.get(name, {})
        parts = {now.get(key, key): self.node(part) for key, part in items.items()}
        return RECORDS[name](**parts)

    def _transformer(self, name: str, state: Any) -> Any:
        cls = transformer_class(name)
        if cls is None:
            raise ModelFileError(f"{name!r} is no transformer that skvas trusts")
        restored = self.restore(cls, state)
        _refuse_memory(restored)
        return restored

    def _weights(self, weights: dict[str, str]) -> dict[str, torch.Tensor]:
        arrays = {key: self._take(name) for key, name in weights.items()}
        for key, array in arrays.items():
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                raise ModelFileError(f"weight {key!r} of the encoder is not finite")
        return {key: torch.from_numpy(array) for key, array in arrays.items()}

    def _encoder(
        self,
        name: str,
        weights: Any,
        fixed: list[str],
        training: bool,
        config: Any = None,
    ) -> nn.Module:
        if name not in ENCODERS:
            raise ModelFileError(
                f"{name!r} is no key of skvas.nn.ENCODERS; add it before loading"
            )
        tensors = self._weights(weights)
        with torch.device("meta"):  # neither memory nor random numbers
            module = ENCODERS[name](**self.node(config))
        module.load_state_dict(tensors, assign=True)
        for weight in module.state_dict().values():
            if not weight.is_floating_point():
                raise ModelFileError("a weight of the encoder is no floating number")
        return _set_modes(module, fixed, training)

    def _foreign_encoder(
        self, name: str, weights: Any, fixed: list[str], training: bool
    ) -> nn.Module:
        if self.encoder is None:
            raise ModelFileError(
                f"its encoder {name!r} is of a class that skvas does not know; pass "
                f"one to take the weights, as in load(path, encoder={name}(...))"
            )
        self.used_encoder = True
        tensors = self._weights(weights)
        module = copy.deepcopy(self.encoder)
        expected = {k: (t.shape, t.dtype) for k, t in module.state_dict().items()}
        if expected != {k: (t.shape, t.dtype) for k, t in tensors.items()}:
            raise ModelFileError(
                f"the weights of its encoder {name!r} do not fit the encoder given"
            )
        module.load_state_dict(tensors)
        return _set_modes(module, fixed, training)

    _READERS: Mapping[str, Callable[..., Any]] = {
        "float": _float,
        "scalar": _scalar,
        "tuple": _tuple,
        "dict": _dict,
        "numbered": _numbered,
        "array": _array,
        "texts": _texts,
        "videos": _videos,
        "named_videos": _named_videos,
        "random_state": _random_state,
        "device": _device,
        "dtype": _dtype,
        "shared_order": _order,
        "group": _group,
        "settings": _settings,
        "record": _record,
        "transformer": _transformer,
        "encoder": _encoder,
        "foreign_encoder": _foreign_encoder,
    }


def _has_room(width: int, n_frames: int) -> bool:
    """Tell whether frames may have names of a width, which the file has as numbers."""
    return width <= LONG_NAME or width * n_frames <= 4 * FEW_CHARACTERS


def _node(kind: str, **parts: Any) -> dict[str, Any]:
    return {"kind": kind, **parts}


def _as_plain(value: Any, name: str) -> Any:
    """Return what a parameter or array is read as, where it is of another library."""
    if isinstance(value, torch.Tensor):
        return value.detach().cpu().numpy()
    if name == "prototypes" and hasattr(value, "to_numpy"):
        return dict(zip(value.index.tolist(), value.to_numpy(), strict=True))
    if isinstance(value, np.memmap) or (
        name == "reference" and hasattr(value, "__array__")
    ):
        dtype = getattr(value, "dtype", np.dtype(object))
        return np.array(value, float if dtype.kind == "O" else dtype)
    return value


def _refusal(value: Any, name: str) -> InvalidParameterError:
    kind = type(value)
    return InvalidParameterError(
        f"{name} is a {kind.__module__}.{kind.__qualname__}, which a model file cannot "
        "hold: only numbers, texts, arrays, the encoders and transformers of skvas, "
        f"and {', '.join(n for n, m in TRANSFORMERS.items() if 'sklearn' in m)} of "
        "scikit-learn. Replace it (callback=None), or pickle the estimator, for "
        "nobody but yourself."
    )


def _is_random_state(parts: Any) -> bool:
    """Tell whether NumPy can take a state, of which it checks little itself."""
    if type(parts) is not tuple or len(parts) != 5:
        return False
    name, key, place, has_gauss, gauss = parts
    return (
        name == "MT19937"
        and isinstance(key, np.ndarray)
        and (key.dtype, key.shape) == (np.uint32, (624,))
        and type(place) is type(has_gauss) is int
        and 0 <= place <= 624
        and has_gauss in (0, 1)
        and type(gauss) is float
        and math.isfinite(gauss)
    )


def _refuse_memory(transformer: Any) -> None:
    # A cache is a folder of pickles, which a pipeline would load.
    if isinstance(transformer, Pipeline) and transformer.memory is not None:
        raise InvalidParameterError(
            "A Pipeline in a model file must have memory=None, for a cache is a folder "
            f"of pickles; got {transformer.memory!r}."
        )


def check_settings(settings: Settings) -> None:
    """Refuse settings that no fit makes."""
    for cls, values in (
        (Training, settings.training),
        (Segmenting, settings.segmenting),
        (Aligning, settings.aligning),
    ):
        if values is None:
            continue
        if any(is_auto(value) for value in values.values()):
            raise ModelFileError(f"settings of {cls.__name__} are not resolved")
        check_declared(cls(**_as_fit_takes_them(values)))
    if settings.segmenting is not None:
        settings.segmentation_task()
    if settings.aligning is not None:
        settings.alignment_task()
    check_integer("max_epochs", settings.max_epochs, low=0)
    check_real("beta", settings.beta, low=0)


def _as_fit_takes_them(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings to be checked, without what older fits took and this refuses."""
    mass = values.get("virtual_mass")
    if isinstance(mass, (int, float)) and 1 < mass < math.inf:
        return {**values, "virtual_mass": 1.0}
    return dict(values)


def _set_modes(module: nn.Module, fixed: list[str], training: bool) -> nn.Module:
    parameters = dict(module.named_parameters())
    for name, parameter in parameters.items():
        parameter.requires_grad_(name not in fixed)
    return module.train(training)


def version() -> str:
    """Return the version of skvas."""
    # Known only once all of the package is imported.
    return str(sys.modules["skvas"].__version__)


def save_state(estimator: Any, path: str | os.PathLike[str]) -> None:
    """Write a fitted estimator to a file, whole or not at all.

    Parameters
    ----------
    estimator : BaseVideoEstimator
        One of skvas, not of a class derived from it.
    path : str or path-like
        The file; replaced if it is there.
    """
    cls = type(estimator)
    if not cls.__module__.startswith("skvas."):
        raise InvalidParameterError(
            f"{cls.__module__}.{cls.__qualname__} is a class of your own, which "
            "skvas.load does not know; pickle the estimator, for nobody but yourself."
        )
    for name in estimator._foreign_attributes():
        raise InvalidParameterError(
            f"{name!r} is neither a parameter nor made by fit, and no part of a model "
            "file; delete the attribute, or pickle the estimator."
        )
    writer = StateWriter()
    state = writer.state(estimator)
    write_model(path, cls.__name__, state, writer)


def write_model(
    path: str | os.PathLike[str], name: str, state: dict[str, Any], writer: StateWriter
) -> None:
    """Write the nodes of a class and their arrays to a file.

    Parameters
    ----------
    path : str or path-like
        The file; replaced if it is there.
    name : str
        The class.
    state : dict of str to object
        Nodes of its attributes.
    writer : StateWriter
        What made them.
    """
    texts = {
        "format": FORMAT,
        "format_version": str(FORMAT_VERSION),
        "skvas": version(),
        "estimator": name,
        "state": json.dumps(state, separators=(",", ":"), allow_nan=False),
    }
    if any(TRANSFORMERS[name].startswith("sklearn") for name in writer.classes):
        texts["scikit-learn"] = sklearn.__version__
    write_arrays(path, writer.arrays, texts)
