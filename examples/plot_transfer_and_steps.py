"""
Label one video, and check the others
=====================================

Annotate one recording and transfer its labels to the others. A report then lists the
recordings that skip a step, repeat one, or take unusually long.
"""

# %%
# Recordings, some of them unusual
# --------------------------------
# One recording lacks a step. In another, two steps are swapped.

# sphinx_gallery_thumbnail_number = 2

import matplotlib.pyplot as plt
import numpy as np

from skvas import JointAlignSegment, VideoAligner, step_report, transfer_labels
from skvas.datasets import load_spar, make_videos
from skvas.display import SegmentationDisplay, save_figures

STEPS = ["open", "fill", "close", "shake", "store"]
data = make_videos(9, n_actions=5, n_frames=(140, 240), random_state=0)


def edit(index, order):
    video, labels = data.videos[index], data.labels[index]
    frames = np.concatenate([np.flatnonzero(labels == step) for step in order])
    data.videos[index], data.labels[index] = video[frames], labels[frames]


edit(4, [0, 1, 2, 4])  # nobody shakes
edit(7, [0, 2, 1, 3, 4])  # closed before it is filled

# %%
# Transfer labels
# ---------------
# Only the first video is annotated. A frame of another video takes the label of its
# match.

model = JointAlignSegment(5, random_state=0).fit(data.videos)
annotated, others = data.videos[0], data.videos[1:]
transfer = transfer_labels(model, annotated, data.labels[0], others)
right = [
    np.mean(found == true)
    for found, true in zip(transfer.labels, data.labels[1:], strict=True)
]
print(f"labels right: {np.mean(right):.3f} on average, {min(right):.3f} at the least")

# %%
# The confidence is low where matches are poor.

figure, ax = plt.subplots(figsize=(6.5, 3.8), layout="constrained")
confidence = [np.mean(each) for each in transfer.confidence]
ax.scatter(confidence, right, color="#0072b2")
for i, (x, y) in enumerate(zip(confidence, right, strict=True), start=1):
    if i in (4, 7):
        ax.annotate(
            f"{data.names[i]} (edited)", (x, y), (6, -3), textcoords="offset points"
        )
ax.set(xlabel="mean confidence of a video", ylabel="share of labels that are right")
ax.spines[["top", "right"]].set_visible(False)

# %%
# How many to annotate
# --------------------
# The same on ten real recordings, and without training. The first one, two or four are
# annotated, and the labels of the last six are compared with the truth. Several
# annotated recordings correct each other's errors.

real = load_spar()
exercises, known = real.videos[::2], real.labels[::2]  # with the left arm
aligner = VideoAligner(max_epochs=0, random_state=0).fit(exercises)
truth = np.concatenate(known[4:])
for n in (1, 2, 4):
    carried = transfer_labels(aligner, exercises[:n], known[:n], exercises[4:])
    share = np.mean(np.concatenate(carried.labels) == truth)
    print(f"{n} annotated: {share:.3f} of the labels right")

# %%
# Report the steps
# ----------------
# Fitted with the labels of the annotated video, a model knows the steps by name and
# tells them apart as the annotator does. The report lists the segments in seconds, the
# z-score of their duration, and their status. If a step was left out, what is found of
# it is too short to be a step, and it is reported as skipped. Of two swapped steps, the
# timeline keeps one in its place.

true = [np.array(STEPS)[labels] for labels in data.labels]
one_annotated = [true[0], *[None] * len(others)]
named = JointAlignSegment(random_state=0).fit(data.videos, one_annotated)
report = step_report(named, data.videos, fps=10, names=data.names)
for record in report.records:
    if record["status"] != "usual":
        start = "" if record["start"] is None else f"at {record['start']:5.1f} s"
        score = "" if record["z_score"] is None else f"z = {record['z_score']:+.1f}"
        print(
            f"{record['video']}  {record['step']:6} {record['status']:12} "
            f"{start:11} {score}"
        )

# %%
# See them
# --------
# ``report.to_frame()`` returns the report as a table, and
# :func:`skvas.io.write_segments` writes segments in the formats of annotation tools.

display = SegmentationDisplay.from_estimator(
    named, data.videos, true, names=data.names, fps=10
)

# %%
# Run as a script, the example writes its pictures to files.

for path in save_figures("transfer_and_steps"):
    print(f"picture written to {path}")
