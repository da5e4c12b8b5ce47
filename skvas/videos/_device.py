"""The device that is computed on."""

from __future__ import annotations

import logging

import torch

from skvas._typing import Device
from skvas.exceptions import InvalidParameterError

logger = logging.getLogger("skvas")


def check_device(device: Device) -> torch.device:
    """Turn the parameter `device` into a device that is there.

    Raises
    ------
    InvalidParameterError
        If the device is not known.
    RuntimeError
        If CUDA is asked for and there is none.
    """
    if device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        logger.debug('device="auto": no CUDA device found, using the CPU.')
        return torch.device("cpu")
    try:
        chosen = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise InvalidParameterError(
            f'device must be "auto", "cpu", "cuda" or a torch.device, got {device!r}.'
        ) from error
    if chosen.type == "cuda" and not torch.cuda.is_available():
        raise RuntimeError(
            f"device={device!r}, but torch finds no CUDA device; "
            'use device="auto" or "cpu".'
        )
    return chosen
