"""
Frames without a counterpart
============================

Waiting, talking, looking for a tool: some frames of a video have no counterpart in the
other video. `virtual_mass` is the share of a video that can stay unmatched.
"""

# %%
# Videos with background
# ----------------------
# Two fifths of the frames belong to no action, and no two stretches of background look
# alike.

import matplotlib.pyplot as plt
import numpy as np

from skvas import Aligning, VideoAligner
from skvas.datasets import make_videos
from skvas.display import AlignmentDisplay, save_figures

data = make_videos(10, n_actions=4, background=0.4, random_state=0)
print(f"{np.mean(np.concatenate(data.labels) == -1):.0%} of the frames are background")

# %%
# How much can stay unmatched
# ---------------------------
# The virtual frame receives frames without a counterpart. By default it has the mass of
# one frame, as published. With `virtual_mass=0.4` it receives up to two fifths of a
# video. If you do not know the share of background, use a quantile of the costs: with
# `virtual_mass="3%"` it is the share of frames without a partner among the cheapest 3 %
# of all pairs of frames. *Recall* is the share of background that is found, *precision*
# the share of found background that is background.

quick = {"max_epochs": 10, "random_state": 0}
aligners = {
    None: VideoAligner(**quick),
    0.4: VideoAligner(**quick, aligning=Aligning(virtual_mass=0.4)),
    "3%": VideoAligner(**quick, aligning=Aligning(virtual_mass="3%")),
}
for share, aligner in aligners.items():
    aligner.fit(data.videos)
    true, found = [], []
    for i in range(10):
        alignment = aligner.align(data.videos[i], data.videos[(i + 1) % 10])
        true.append(data.labels[i] == -1)
        found.append(alignment.matches_x == -1)
    true, found = np.concatenate(true), np.concatenate(found)
    recall = np.mean(found[true])
    precision = np.mean(true[found]) if found.any() else float("nan")
    print(f"virtual_mass={share}: recall {recall:.2f}, precision {precision:.2f}")

# %%
# See the difference
# ------------------
# Grey on the timelines is labelled background. On top, every frame must match. Below,
# background stays unmatched.

titles = {None: "Every frame must match", "3%": "Background stays unmatched"}
figure, axes = plt.subplots(2, 1, figsize=(11, 6.4), layout="constrained")
for ax, share in zip(axes, (None, "3%"), strict=True):
    AlignmentDisplay.from_estimator(
        aligners[share],
        data.videos[0],
        data.videos[1],
        labels_x=data.labels[0],
        labels_y=data.labels[1],
        names=data.names[:2],
        action_names=data.action_names,
        background=-1,
        kind="threads",
        ax=ax,
    )
    ax.set_title(titles[share])
axes[0].set_xlabel("")

# %%
# How certain is it?
# ------------------
# `background_x` is the share of each frame's mass that goes to the virtual frame.

alignment = aligners["3%"].align(data.videos[0], data.videos[1])
figure, ax = plt.subplots(figsize=(10, 2.6), layout="constrained")
ax.fill_between(
    np.arange(len(data.labels[0])),
    data.labels[0] == -1,
    step="mid",
    color="0.85",
    label="background by the labels",
)
ax.plot(alignment.background_x, color="#0072b2", label="probability of background")
ax.set(
    xlabel=f"frame of {data.names[0]}",
    ylabel="probability",
    xlim=(0, len(data.labels[0])),
    ylim=(0, 1.05),
)
ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2, frameon=False)
ax.spines[["top", "right"]].set_visible(False)

# %%
# Run as a script, the example writes its pictures to files.

for path in save_figures("background"):
    print(f"picture written to {path}")
