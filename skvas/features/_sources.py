"""Frames as they come: from a camera, or from a video at its own speed."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import numpy as np

from skvas._optional import import_optional
from skvas.features._decoding import to_image
from skvas.features._frame_features import FrameFeatures

Item = TypeVar("Item")

# FFmpeg's devices for cameras, by operating system.
CAMERAS = {"linux": "v4l2", "darwin": "avfoundation", "win32": "dshow"}


def read_camera(name: str) -> Iterator[tuple[float, Any]]:
    """Yield the frames of a camera, until it is taken away.

    Parameters
    ----------
    name : str
        As FFmpeg names it, such as ``/dev/video0``.

    Yields
    ------
    time : float
        Seconds since the first frame.
    frame : av.VideoFrame
        The frame.

    Raises
    ------
    OSError
        If there is no such camera; names it.
    """
    av = import_optional("av", "video")
    first = None
    try:
        form = CAMERAS.get(sys.platform)
        with av.open(name, format=form, metadata_errors="replace") as container:
            for frame in container.decode(video=0):
                now = time.monotonic()
                first = now if first is None else first
                yield now - first, frame
    except (OSError, ValueError, av.error.FFmpegError) as error:
        raise OSError(f"the camera {name!r} cannot be read: {error}.") from error


def compute_as_they_come(
    extractor: FrameFeatures, frames: Iterable[tuple[float, Any]]
) -> Iterator[tuple[float, np.ndarray]]:
    """Compute the features of one frame after another.

    Parameters
    ----------
    extractor : FrameFeatures
        What computes them; its `fps`, `batch_size` and `cache` play no part.
    frames : iterable of (float, av.VideoFrame)
        Times and frames.

    Yields
    ------
    time : float
        The time of the frame.
    features : float32 ndarray of shape (n_features,)
        Its features.
    """
    backbone = extractor._make_backbone()
    size = backbone.size if extractor.size is None else extractor.size
    for moment, frame in frames:
        images = to_image(frame, size, size)[None]
        yield moment, np.asarray(backbone.compute(images), dtype=np.float32)[0]


def in_real_time(
    items: Iterable[tuple[float, Item]],
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[tuple[float, Item]]:
    """Yield what has times when its time has come, counted from the first.

    Parameters
    ----------
    items : iterable of (float, object)
        Increasing times in seconds, and anything.
    clock, sleep : callable
        The time now, and a way to wait.

    Yields
    ------
    time : float
        Its time.
    item : object
        What comes at that time.
    """
    ahead = None
    for moment, item in items:
        ahead = clock() - moment if ahead is None else ahead
        early = moment + ahead - clock()
        if early > 0:
            sleep(early)
        yield moment, item
