"""The device that is computed on."""

from __future__ import annotations

import logging

import torch

from skvas._printing import shorten
from skvas._typing import Device
from skvas.exceptions import InvalidParameterError

logger = logging.getLogger("skvas")


def check_device(device: Device) -> torch.device:
    """Turn the parameter `device` into a device that is there.

    Raises
    ------
    InvalidParameterError
        If the device is not known, not supported or not there.
    """
    if device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        logger.debug('device="auto": no CUDA device found, using the CPU.')
        return torch.device("cpu")
    try:
        chosen = torch.device(device)
    except (RuntimeError, TypeError, ValueError) as error:
        raise InvalidParameterError(
            'device must be "auto", "cpu", "cuda" or a torch.device, got '
            f"{shorten(device)}."
        ) from error
    if chosen.type == "cpu":
        return torch.device("cpu")  # there is but one, whatever its number
    n_gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if chosen.type == "cuda" and (chosen.index or 0) < n_gpus:
        return chosen
    wanted = "torch finds no CUDA device" if not n_gpus else "there is no such device"
    if chosen.type != "cuda":
        wanted = "only the CPU and CUDA are supported"
    there = ", ".join(['"cpu"', *(f'"cuda:{index}"' for index in range(n_gpus))])
    raise InvalidParameterError(
        f'device={str(device)!r}, but {wanted}; use device="auto" or one of those that '
        f"are there: {there}."
    )
