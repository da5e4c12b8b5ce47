"""Decoding of video files into frames and their times."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skvas._optional import import_optional

# Containers round times; a frame may be late by this much, in seconds.
LATENESS = 1e-3
# The boxes of MP4 files without whose ends frames are missing.
_MP4_BOXES = (b"mdat", b"moof", b"moov")


def check_file(path: str | os.PathLike[str]) -> Path:
    """Return the path of an existing file, and never the address of a stream.

    Parameters
    ----------
    path : str or path-like
        The file.

    Returns
    -------
    Path
        Its absolute path.

    Raises
    ------
    OSError
        If the file does not exist or is a folder.
    """
    file = Path(path).absolute()
    file.stat()
    if file.is_dir():
        raise IsADirectoryError(21, "Is a directory, expected a video", os.fspath(path))
    return file


def read_frames(path: str | os.PathLike[str]) -> Iterator[tuple[float, Any]]:
    """Yield the frames of the first video stream of a file, at rising times.

    Times count from where players begin: the start of the first stream with sound or
    pictures, which in MPEG files, and in parts cut from a longer one, is not zero.

    Parameters
    ----------
    path : str or path-like
        The file, in any format of FFmpeg.

    Yields
    ------
    time : float
        Time of the frame in seconds. The frame rate may vary.
    frame : av.VideoFrame
        The frame.

    Raises
    ------
    OSError
        If the file does not exist or cannot be read.
    ValueError
        If the file has no video, or is empty, or an MP4 file whose end is missing, or
        FFmpeg cannot decode what is there; the message names the file.
    """
    av = import_optional("av", "video")
    file, number = check_file(path), -1
    try:
        # Names and notes in a file may be in any encoding, or damaged.
        with av.open(str(file), metadata_errors="replace") as container:
            streams = filter(_is_moving, container.streams.video)
            if (stream := next(streams, None)) is None:
                raise ValueError("it has no video stream")
            if "mp4" in container.format.name:
                _check_end(file)
            stream.thread_type = "AUTO"
            rate = stream.average_rate or stream.guessed_rate
            start = _start(container)
            time: Any = -np.inf  # then fractions, which are exact
            for number, frame in enumerate(container.decode(stream)):
                # Some formats have a rate instead of times.
                known = frame.pts is not None
                stamp = frame.pts * frame.time_base - start if known else number / rate
                # Times may start anew, or be rounded to those of other frames.
                time = stamp if stamp > time else time + 1 / rate
                yield float(time), frame
    except OSError:
        raise
    except (ValueError, av.error.FFmpegError) as error:
        raise ValueError(
            f"{os.fspath(path)!r} cannot be decoded as a video (after {number + 1} "
            f"frames): {error}."
        ) from error
    if number < 0:
        raise ValueError(f"{os.fspath(path)!r} has a video stream without frames.")


def pixel_shape(path: str | os.PathLike[str]) -> float:
    """Return the width of a pixel of a video, as it is shown, over its height.

    Parameters
    ----------
    path : str or path-like
        The file, of which the video stream has been read.

    Returns
    -------
    float
        1 for square pixels, and where the file does not tell.
    """
    av = import_optional("av", "video")
    with av.open(str(check_file(path)), metadata_errors="replace") as container:
        stream = next(filter(_is_moving, container.streams.video))
        return float(stream.sample_aspect_ratio or 1)


def _is_moving(stream: Any) -> bool:
    """Tell moving pictures, and sound, from the cover of a file of sound."""
    return not stream.disposition & type(stream.disposition).attached_pic


def _start(container: Any) -> Fraction:
    """Return the time at which the first stream starts; 0 if it is before 0."""
    streams = filter(_is_moving, container.streams.video + container.streams.audio)
    starts = [s.start_time * s.time_base for s in streams if s.start_time is not None]
    return max(Fraction(0), min(starts, default=Fraction(0)))


def _check_end(file: Path) -> None:
    """Refuse an MP4 file that ends before its last box does.

    FFmpeg takes what is there as the whole, where the list of frames comes first.
    """
    end, start = file.stat().st_size, 0
    with file.open("rb") as stream:
        while start + 8 <= end:
            stream.seek(start)
            head = stream.read(16)
            size, kind = int.from_bytes(head[:4], "big"), head[4:8]
            if size == 1:  # the size is too large for its place
                size = int.from_bytes(head[8:], "big")
            if size < 8:  # to the end of the file
                return
            start += size
            if start > end and kind in _MP4_BOXES:
                raise ValueError(
                    f"the file was cut off; {start - end} bytes are missing at its end"
                )


def shown_at(
    frames: Iterable[tuple[float, Any]], instants: Iterable[float]
) -> Iterator[tuple[float, Any]]:
    """Yield the frame that is on the screen at each instant.

    Parameters
    ----------
    frames : iterable of (float, object)
        Increasing times, and frames.
    instants : iterable of float
        Increasing. Instants after the time of the last frame are left out.

    Yields
    ------
    time : float
        The instant.
    frame : object
        The latest frame up to that time; if there is none, the first frame.
    """
    instants = iter(instants)
    instant = next(instants, None)
    shown, latest = None, -np.inf
    for time, frame in frames:
        while shown is not None and instant is not None and instant + LATENESS < time:
            yield instant, shown
            instant = next(instants, None)
        shown, latest = frame, time
    while instant is not None and instant <= latest + LATENESS:
        yield instant, shown
        instant = next(instants, None)


def resampled(
    frames: Iterable[tuple[float, Any]], fps: float
) -> Iterator[tuple[float, Any]]:
    """Yield frames at a constant rate, from the first frame's time on.

    Parameters
    ----------
    frames : iterable of (float, object)
        Increasing times, and frames.
    fps : float
        Frames per second. Above the rate of the video, frames repeat.

    Yields
    ------
    time : float
        The time, a multiple of ``1 / fps`` after the first.
    frame : object
        The frame on the screen at that time.
    """
    frames = iter(frames)
    first = next(frames, None)
    if first is None:
        return
    instants = (first[0] + number / fps for number in itertools.count())
    yield from shown_at(itertools.chain([first], frames), instants)


def to_image(frame: Any, width: int | None, height: int | None) -> NDArray[np.uint8]:
    """Return a frame as an upright image.

    Parameters
    ----------
    frame : av.VideoFrame
        The frame.
    width, height : int or None
        Size to scale the frame to; None: no scaling.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
        Red, green and blue.
    """
    quarter_turns = round(frame.rotation / 90) % 4  # counterclockwise
    if quarter_turns % 2:
        width, height = height, width
    image = frame.to_ndarray(format="rgb24", width=width, height=height)
    return np.rot90(image, quarter_turns)
