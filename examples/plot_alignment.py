"""
Align recordings of one activity
================================

`VideoAligner` learns an embedding in which the same moments of different recordings are
close, and matches the frames of two recordings.
"""

# %%
# Fit
# ---
# For synthetic videos the truth is known: `times` is the progress of the activity in
# each frame.

import numpy as np

from skvas import VideoAligner
from skvas.datasets import make_videos
from skvas.display import AlignmentDisplay, TimelineDisplay, save_figures
from skvas.metrics import dtw_matches, label_agreement, linear_warp

data = make_videos(
    10, n_actions=6, noise=0.8, warp=0.6, n_frames=(120, 260), random_state=0
)
aligner = VideoAligner(random_state=0).fit(data.videos)
print(f"matching: {aligner.matching_}, shared order: {aligner.shared_order_.value:.2f}")

# %%
# Two videos
# ----------
# The plan holds the mass that each frame sends to each frame of the other video. The
# path is the alignment: the monotone path of lowest cost, by embedding, features and
# timeline.

alignment = aligner.align(data.videos[0], data.videos[1])
display = AlignmentDisplay.from_estimator(
    aligner,
    data.videos[0],
    data.videos[1],
    labels_x=data.labels[0],
    labels_y=data.labels[1],
    action_names=data.action_names,
    names=data.names[:2],
)

# %%
# The same alignment as threads between two timelines. Threads lean where one video is
# ahead of the other.

display.plot(kind="threads")

# %%
# How far is it from the truth?
# -----------------------------
# For every frame we compare its progress with that of its match, in actions.

rng = np.random.default_rng(0)
pairs = [rng.choice(10, 2, replace=False) for _ in range(20)]
videos, labels, times = data.videos, data.labels, data.times
methods = {
    "linear warping": lambda i, j: linear_warp(len(videos[i]), len(videos[j])),
    "DTW of features": lambda i, j: dtw_matches(videos[i], videos[j]),
    "VideoAligner": lambda i, j: aligner.align(videos[i], videos[j]).matches_x,
}
for name, match in methods.items():
    right, off = [], []
    for i, j in pairs:
        matches = match(i, j)
        right.append(label_agreement(matches, labels[i], labels[j]).agreement)
        kept = matches >= 0
        off.append(np.abs(times[j][matches[kept]] - times[i][kept]).mean())
    print(
        f"{name:16} same action {np.mean(right):.3f}, off by {np.mean(off):.3f} actions"
    )

# %%
# All videos on one time
# ----------------------
# Each video is warped onto the time of the reference, whose alignments with the others
# have the lowest cost. Equal actions now stand below each other.

timelines = TimelineDisplay.from_estimator(
    aligner,
    data.videos,
    data.labels,
    names=data.names,
    action_names=data.action_names,
)

# %%
# `warp` takes any array with one entry per frame: signals, labels, or the frames
# themselves.

warped = alignment.warp(data.videos[1])
print(f"video 1 on the time of video 0: {warped.shape}")

# %%
# Run as a script, the example writes its pictures to files.

for path in save_figures("alignment"):
    print(f"picture written to {path}")
