"""Video files that tests render for themselves."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

CLOCK = Fraction(1, 1000)


def write_clip(
    path,
    images,
    *,
    fps=10,
    times=None,
    sound=False,
    layout="faststart",
    pixels="1/1",
    title="",
):
    """Write images (N, height, width, 3) as a video; `times` are those of frames.

    `sound`: with a tone, as long as the video. `layout`: of MP4 files, `pixels`: the
    width of a pixel over its height, `title`: a note in the file.
    """
    av = pytest.importorskip("av")
    images = np.asarray(images, dtype=np.uint8)
    with av.open(str(path), "w", options={"movflags": layout}) as clip:
        clip.metadata["title"] = title
        options = {"crf": "1", "x264-params": f"sar={pixels}"}
        stream = clip.add_stream("libx264", rate=fps, options=options)
        stream.height, stream.width = images.shape[1:3]
        stream.pix_fmt = "yuv420p"
        tone = clip.add_stream("aac", rate=8000) if sound else None
        if times is not None:
            stream.time_base = stream.codec_context.time_base = CLOCK
        for number, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            if times is not None:
                frame.pts, frame.time_base = round(times[number] / CLOCK), CLOCK
            clip.mux(stream.encode(frame))
        clip.mux(stream.encode())
        if tone is not None:
            for start in range(0, 8000 * len(images) // fps, 1024):
                _beep(clip, tone, np.sin(np.arange(start, start + 1024) / 3) / 4)
            clip.mux(tone.encode())
    return path


def _beep(clip, stream, samples):
    av = pytest.importorskip("av")
    frame = av.AudioFrame.from_ndarray(
        samples[None].astype(np.float32), format="fltp", layout="mono"
    )
    frame.sample_rate = 8000
    clip.mux(stream.encode(frame))


def write_sound(path):
    """Write a file that has sound and no video."""
    av = pytest.importorskip("av")
    with av.open(str(path), "w") as clip:
        stream = clip.add_stream("aac", rate=8000)
        _beep(clip, stream, np.zeros(1024))
        clip.mux(stream.encode())
    return path


def write_song(path, image):
    """Write an MP3 file of a tone with a picture as its cover."""
    av = pytest.importorskip("av")
    with av.open(str(path), "w", format="mp3") as clip:
        tone = clip.add_stream("libmp3lame", rate=8000)
        cover = clip.add_stream("mjpeg", rate=1)
        cover.height, cover.width = image.shape[:2]
        cover.pix_fmt = "yuvj420p"
        clip.mux(cover.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        clip.mux(cover.encode())
        _beep(clip, tone, np.zeros(576))
        clip.mux(tone.encode())
    return path


def grey(values, height=48, width=64):
    """Return images of one brightness each, (N, height, width, 3)."""
    images = np.asarray(values, dtype=np.uint8)[:, None, None, None]
    return np.broadcast_to(images, (len(images), height, width, 3))


def write_turning(path, values):
    """Write a video (.ts) of which the second half has higher frames."""
    parts = []
    for half, height in zip(np.array_split(values, 2), (48, 96), strict=True):
        parts.append(write_clip(path, grey(half, height)).read_bytes())
    path.write_bytes(b"".join(parts))
    return path


def read_clip(path):
    """Return the times and the images of a video."""
    av = pytest.importorskip("av")
    with av.open(str(path)) as clip:
        frames = list(clip.decode(clip.streams.video[0]))
        times = np.array([frame.time for frame in frames])
        return times, np.array([f.to_ndarray(format="rgb24") for f in frames])
