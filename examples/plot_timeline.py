"""
One timeline for all recordings
===============================

A timeline is one axis of time for all videos of an activity. Every frame of every video
has a position on it, between 0 and 1, and two frames at one position show the same
moment. So signals can be averaged over videos, moments compared, and unusual videos
found.
"""

# %%
# Build it
# --------
# :class:`skvas.Timeline` needs no training. Here it takes the sensors of a watch during
# seven exercises, recorded in 20 sessions. `order_` tells whether the sessions share an
# order, without which no common axis makes sense.

import matplotlib.pyplot as plt
import numpy as np

from skvas import Timeline, VideoAligner
from skvas.datasets import load_spar
from skvas.display import CommonTimeDisplay, save_figures
from skvas.metrics import label_agreement

data = load_spar()
timeline = Timeline(7, random_state=0).fit(data.videos)
print(f"shared order: {timeline.order_.verdict} ({timeline.order_.value:.2f})")
print(f"first session: {len(data.videos[0])} frames at positions")
print(timeline.positions_[0][:5].round(4), "...")

# %%
# All videos in common time
# -------------------------
# Rows are sessions, stretched to the timeline and coloured by the labelled exercise,
# which the timeline does not know: labels line up where the alignment is right. The
# curve on top shows how fast the template, the average of all videos, changes. The
# boundaries that were found are as high as their confidence.

display = CommonTimeDisplay.from_timeline(
    timeline, data.labels, names=data.names, action_names=data.action_names
)

# %%
# A signal of all videos
# ----------------------
# `stack` brings any signal of the videos onto the timeline: here how far the watch is
# tilted about its second axis, on either arm. Averaged at equal shares of each
# session's own time, the steps blur; in common time they are sharp.

channel = [np.abs(video[:, 1]) for video in data.videos]
length = 300
common = timeline.stack(channel, length=length)  # (n_videos, length)
grid = np.linspace(0, 1, length)
own = np.array([np.interp(grid, np.linspace(0, 1, len(c)), c) for c in channel])

figure, axes = plt.subplots(2, 1, figsize=(9, 5), sharex=True, layout="constrained")
for ax, stack, title in zip(
    axes, (own, common), ("share of the session", "timeline"), strict=True
):
    ax.plot(grid, stack.T, color="0.8", linewidth=0.5)
    ax.plot(grid, np.nanmean(stack, axis=0), color="#d55e00", label="mean of sessions")
    spread = np.nanmean(np.nanstd(stack, axis=0))
    ax.set(title=f"{title}: standard deviation {spread:.3f}", ylabel="tilt")
axes[0].legend(loc="upper right")
axes[1].set_xlabel("share of the session, or position on the timeline")

# %%
# What a video lacks, and what does not belong
# --------------------------------------------
# One session loses its sixth exercise, and another one is cut into blocks and shuffled.
# `density` counts the videos that have each moment, and `alignability_` is the share of
# its cost that a video saves by the order of the template: about 0 for an unrelated
# one. A missing exercise is found if none of its neighbours looks like it.

videos, labels = list(data.videos), list(data.labels)
sixth = labels[3] == 5
videos[3], labels[3] = videos[3][~sixth], labels[3][~sixth]
blocks = np.array_split(np.arange(len(videos[8])), 12)
shuffled = np.concatenate([blocks[i] for i in np.random.default_rng(0).permutation(12)])
videos[8], labels[8] = videos[8][shuffled], labels[8][shuffled]

changed = Timeline(7, random_state=0).fit(videos)
print("alignability:", changed.alignability_.round(2))
print("unrelated:", [data.names[i] for i in np.flatnonzero(~changed.is_related_)])
counts = changed.density().n_videos
print(f"fewest videos: {counts.min()}, at {counts.argmin() / len(counts):.2f}")
display = CommonTimeDisplay.from_timeline(
    changed, labels, names=data.names, action_names=data.action_names
)

# %%
# On a trained embedding
# ----------------------
# :class:`~skvas.VideoAligner` and :class:`~skvas.JointAlignSegment` put their videos on
# a timeline after training. Any two of them then align by their positions, without a
# transport problem for the pair. Here ten of the sessions do, those of the left arm.

left, exercises = data.videos[::2], data.labels[::2]
model = VideoAligner(random_state=0).fit(left)
pairs = [(i, i + 1) for i in range(len(left) - 1)]
for via in ("pair", "timeline"):
    found = [
        label_agreement(
            model.align(left[i], left[j], via=via).matches_x,
            exercises[i],
            exercises[j],
        )
        for i, j in pairs
    ]
    print(f"{via}: {np.mean([f.agreement_of_all for f in found]):.3f} of frames agree")

# %%
# Run as a script, the example writes its pictures to files.

for path in save_figures("timeline"):
    print(f"picture written to {path}")
