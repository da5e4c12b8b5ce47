"""
Long videos
===========

Segmentation takes time and memory in proportion to the length of a video, so hours of
frames are no problem. Alignment takes time and memory in proportion to the product of
both lengths, so it uses fewer frames.
"""

# %%
# Segment
# -------
# Running sums apply the temporal structure, so its matrix is never made. We fit to
# short videos and segment longer and longer ones: by transport to the actions, as
# videos without a timeline are.

import time

import matplotlib.pyplot as plt
import numpy as np

from skvas import JointAlignSegment, Segmenting
from skvas.datasets import make_videos
from skvas.display import SegmentationDisplay, save_figures
from skvas.metrics import label_agreement, mof

data = make_videos(8, n_actions=6, n_frames=(900, 1100), random_state=1)
by_transport = Segmenting(segment_on="embedding")
model = JointAlignSegment(6, segmenting=by_transport, max_epochs=0, random_state=0)
model.fit(data.videos)


def stretch(array, length):
    return array[np.arange(length) * len(array) // length]


lengths = [2_000, 6_000, 20_000, 60_000]
seconds = []
model.predict(stretch(data.videos[0], lengths[0]))  # what is loaded at its first use
for length in lengths:
    video = stretch(data.videos[0], length)
    started = time.perf_counter()
    labels = model.predict(video)
    seconds.append(time.perf_counter() - started)
    right = mof(stretch(data.labels[0], length), labels)
    print(f"{length:6} frames: {seconds[-1]:5.2f} s, MoF {right:.3f}")

# %%
# Sixty thousand frames are more than half an hour at 30 frames a second.

figure, ax = plt.subplots(figsize=(6.5, 3.8), layout="constrained")
ax.loglog(lengths, seconds, "o-", color="#0072b2", label="measured")
slope = [seconds[-1] * length / lengths[-1] for length in lengths]
ax.loglog(lengths, slope, "--", color="0.5", label="in proportion to the length")
ax.set(xlabel="frames", ylabel="seconds to segment")
ax.set_xticks(lengths, [f"{length:,}" for length in lengths])
ax.set_xticks([], minor=True)
ticks = [0.02, 0.05, 0.1, 0.2, 0.5, 1, 2]
ticks = [tick for tick in ticks if min(seconds) / 2 < tick < 2 * max(seconds)]
ax.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
ax.set_yticks([], minor=True)
ax.legend(frameon=False)
ax.spines[["top", "right"]].set_visible(False)

# %%
# Align
# -----
# A plan between two videos of 60 000 frames would have 3.6 thousand million entries.
# `align` respects `memory_limit` of `aligning`: it aligns evenly spread frames in full,
# then the others between them, which takes minutes here. A moment lasts longer than a
# frame, so it is faster to align every n-th frame and give the frames between them the
# nearest match.

long_x, long_y = video, stretch(data.videos[1], 60_000)
step = 60
started = time.perf_counter()
alignment = model.align(long_x[::step], long_y[::step])
took = time.perf_counter() - started
matches = np.repeat(alignment.matches_x, step) * step
truth = [stretch(data.labels[i], 60_000) for i in (0, 1)]
agreement = label_agreement(matches, *truth).agreement
print(f"aligned in {took:.2f} s; {agreement:.3f} of the frames have their label")

# %%
# Look at it
# ----------
# The time axis is in seconds, as in a recording of 33 minutes.

display = SegmentationDisplay.from_predictions(
    truth,
    [labels, model.predict(long_y)],
    names=data.names[:2],
    action_names=data.action_names,
    fps=30,
)

# %%
# Run as a script, the example writes its pictures to files.

for path in save_figures("long_videos"):
    print(f"picture written to {path}")
