"""Two synchronised videos side by side."""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skvas._atomic import naming_file, replacing
from skvas._optional import import_optional
from skvas._printing import tell
from skvas.features._decoding import pixel_shape, read_frames, shown_at, to_image
from skvas.validation import check_integer, check_seconds

__all__ = ["write_synchronised"]

CONTAINERS = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska"}
_CLOCK = Fraction(1, 30_000)  # common frame rates are multiples of it
_BAR = 6  # height of the bars of progress, in pixels
_GAP = 4  # width of the line between the videos
_LIGHT, _DARK = (235, 235, 235), (90, 90, 90)
_DIM = 0.3

_Image = NDArray[np.uint8]


def write_synchronised(
    video_x: str | os.PathLike[str],
    video_y: str | os.PathLike[str],
    alignment: Any,
    path: str | os.PathLike[str],
    *,
    times_x: ArrayLike | None = None,
    times_y: ArrayLike | None = None,
    height: int = 360,
) -> None:
    """Write a video that shows two videos side by side, synchronised.

    The left video, x, plays at its own speed. The right side shows the matched frame of
    y. At frames of x without a match it shows the previous match, darkened, or the
    first match if there is no previous one. A bar under each video shows the current
    position in it. There is no sound.

    Parameters
    ----------
    video_x, video_y : str or path-like
        Two video files.
    alignment : Alignment
        Result of ``align(x, y)`` for the features of the frames of both videos.
    path : str or path-like
        The file to write, ``.mp4``, ``.mov`` or ``.mkv``; an existing file is replaced.
    times_x, times_y : array-like of shape (n_frames,), default=None
        Times in seconds of the aligned frames, from :meth:`FrameFeatures.extract`.
        None: all frames of the video were aligned.
    height : int, default=360
        Height of both videos in pixels: even, at least 16. Aspect ratios are kept.

    Raises
    ------
    OSError
        If a file cannot be read or written; the message names it. No partly written
        file is left.
    ValueError
        If a file is not a video, if its frames are not the aligned frames, or if no
        frame has a match.

    See Also
    --------
    FrameFeatures : From video files to features.

    Notes
    -----
    The matched frames of y are stored uncompressed in a temporary file.

    Examples
    --------
    A clip that brightens, beside a clip that brightens twice as fast:

    >>> import tempfile
    >>> from pathlib import Path
    >>> import av
    >>> import numpy as np
    >>> from skvas import VideoAligner
    >>> from skvas.features import FrameFeatures, write_synchronised
    >>> def write(path, values):
    ...     with av.open(str(path), "w") as clip:
    ...         stream = clip.add_stream("libx264", rate=10)
    ...         stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
    ...         for value in values:
    ...             image = np.full((48, 64, 3), value, np.uint8)
    ...             clip.mux(stream.encode(av.VideoFrame.from_ndarray(image)))
    ...         clip.mux(stream.encode())
    >>> def brightness(frames):
    ...     angles = frames.mean(axis=(1, 2, 3)) / 255
    ...     return np.column_stack([np.cos(angles), np.sin(angles)])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     x, y, out = (Path(folder, name) for name in ("x.mp4", "y.mp4", "xy.mp4"))
    ...     write(x, range(0, 250, 10))
    ...     write(y, range(0, 250, 20))
    ...     videos = FrameFeatures(brightness, size=8).transform([x, y])
    ...     aligner = VideoAligner(features=None, max_epochs=0).fit(videos)
    ...     write_synchronised(x, y, aligner.align(*videos), out, height=48)
    ...     out.stat().st_size > 0
    True
    """
    height = check_integer("height", height, low=16)
    if height % 2:
        raise ValueError(f"height must be even, got {height}.")
    suffix = Path(path).suffix.lower()
    if suffix not in CONTAINERS:
        raise ValueError(
            f"{os.fspath(path)!r} must end in one of {', '.join(CONTAINERS)}, which "
            "is the format to write."
        )
    matches = np.asarray(alignment.matches_x)
    n_x, n_y = len(matches), len(alignment.matches_y)
    if not (matches >= 0).any():
        raise ValueError(
            "alignment has no match, so the videos cannot be synchronised."
        )
    with tempfile.TemporaryDirectory() as folder:
        wanted = np.unique(matches[matches >= 0])
        frames_y = _frames(video_y, times_y, n_y, "y")
        file = Path(folder, "frames")
        width = _keep(frames_y, wanted, height, file, video_y)
        frames_x = _frames(video_x, times_x, n_x, "x")
        with file.open("rb") as stream, replacing(path) as temporary:
            images_y = _Images(stream, height, width)
            pictures = _side_by_side(
                frames_x, video_x, matches, n_y, wanted, images_y, height
            )
            _encode(pictures, n_x, temporary, CONTAINERS[suffix])


def _frames(
    path: str | os.PathLike[str], times: ArrayLike | None, n_frames: int, name: str
) -> Iterator[tuple[float, Any]]:
    """Yield the aligned frames; raise if their number is wrong."""
    frames = read_frames(path)
    if times is not None:
        instants = check_seconds(times, name=f"times_{name}")
        if instants.shape != (n_frames,) or not (np.diff(instants) > 0).all():
            raise ValueError(
                f"times_{name} must be increasing, one for each of {n_frames} aligned "
                f"frames, got an array of shape {instants.shape}."
            )
        frames = shown_at(frames, instants.tolist())
    count = 0
    for count, pair in enumerate(frames, start=1):
        if count > n_frames:
            break
        yield pair
    if count != n_frames:
        found = "more" if count > n_frames else str(count)
        raise ValueError(
            f"{os.fspath(path)!r} has {found} frames, but {n_frames} were aligned; "
            f"pass their times as times_{name}, from FrameFeatures.extract."
        )


def _keep(
    frames: Iterator[tuple[float, Any]],
    wanted: NDArray[np.int64],
    height: int,
    file: Path,
    video: str | os.PathLike[str],
) -> int:
    """Store the images of the wanted frames in a file, and return their width."""
    kept, width = set(wanted.tolist()), 0
    with naming_file(file, "written"), file.open("wb") as stream:
        for index, (_, frame) in enumerate(frames):
            tell("reading the frames to show", index, int(wanted[-1]) + 1)
            if index in kept:
                width = width or _width(frame, height, video)
                image = to_image(frame, width, height)
                stream.write(image.tobytes())
    return width


class _Images:
    """Images of one size in an open file, of which one at a time is in memory.

    A memory map would not do: Windows removes no file that is mapped, and where a disk
    is full, a map that is written ends the process.
    """

    def __init__(self, stream: BinaryIO, height: int, width: int) -> None:
        self.stream, self.shape = stream, (height, width, 3)

    def __getitem__(self, index: int) -> _Image:
        size = math.prod(self.shape)
        self.stream.seek(index * size)
        return np.frombuffer(self.stream.read(size), np.uint8).reshape(self.shape)


def _side_by_side(
    frames_x: Iterator[tuple[float, Any]],
    video_x: str | os.PathLike[str],
    matches: NDArray[np.int64],
    n_y: int,
    wanted: NDArray[np.int64],
    images_y: _Images,
    height: int,
) -> Iterator[tuple[float, _Image]]:
    """Yield the time and the picture of each frame of x."""
    matched = matches >= 0
    latest = np.maximum.accumulate(np.where(matched, np.arange(len(matches)), -1))
    latest[latest < 0] = matched.argmax()  # before the first match: that one
    shown = matches[latest]
    rows = np.searchsorted(wanted, shown)
    line = np.full((height + _BAR, _GAP, 3), 255, np.uint8)
    width = 0
    for i, (time, frame) in enumerate(frames_x):
        image_y = images_y[int(rows[i])]
        if not matched[i]:
            image_y = (_DIM * image_y).astype(np.uint8)
        width = width or _width(frame, height, video_x)
        image_x = to_image(frame, width, height)
        left = _with_bar(image_x, (i + 1) / len(matches), _LIGHT)
        colour = _LIGHT if matched[i] else _DARK
        right = _with_bar(image_y, (shown[i] + 1) / n_y, colour)
        yield time, np.hstack([left, line, right])


def _width(frame: Any, height: int, video: str | os.PathLike[str]) -> int:
    """Return the even width of a frame of a video that is shown at a height."""
    wide, high = frame.width * pixel_shape(video), frame.height
    if round(frame.rotation / 90) % 2:
        wide, high = high, wide
    return max(2, 2 * round(height * wide / high / 2))


def _with_bar(image: _Image, share: float, colour: tuple[int, int, int]) -> _Image:
    """Put a progress bar below an image."""
    bar = np.zeros((_BAR, image.shape[1], 3), np.uint8)
    bar[1:-1, : round(share * image.shape[1])] = colour
    return np.vstack([image, bar])


def _encode(
    pictures: Iterator[tuple[float, _Image]],
    n_pictures: int,
    file: Path,
    container: str,
) -> None:
    """Write pictures as a video, each at its own time after the first."""
    av = import_optional("av", "video")
    with av.open(str(file), "w", format=container) as out:
        options = {"crf": "20", "preset": "veryfast"}
        stream = out.add_stream("libx264", rate=30, options=options)
        stream.pix_fmt = "yuv420p"
        stream.time_base = stream.codec_context.time_base = _CLOCK
        tick, start = -1, 0.0
        for number, (time, picture) in enumerate(pictures):
            tell("writing the film", number, n_pictures)
            if number == 0:
                start = time
                stream.height, stream.width = picture.shape[:2]
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            tick = max(tick + 1, round((time - start) / _CLOCK))  # must increase
            frame.pts, frame.time_base = tick, _CLOCK
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
