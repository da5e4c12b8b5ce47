"""
Segment recordings into actions
===============================

Without labels, `ActionSegmenter` finds the actions in recordings of one activity, and
their starts and ends.
"""

# %%
# The recordings
# --------------
# Ten people did seven shoulder exercises with each arm and wore a watch on the wrist.
# A frame is a window of one second; there are two frames per second.

# sphinx_gallery_thumbnail_number = 2

import matplotlib.pyplot as plt

from skvas import ActionSegmenter, Segmenting
from skvas.datasets import load_spar
from skvas.display import HistoryDisplay, SegmentationDisplay, save_figures
from skvas.metrics import segmentation_report, uniform_segmentation

data = load_spar()
print(f"{len(data.videos)} recordings, {data.videos[0].shape[1]} features a frame")

# %%
# One of them, standardised: a row for each feature, a column for each frame.

video = data.videos[0]
standardised = (video - video.mean(axis=0)) / video.std(axis=0)
figure, ax = plt.subplots(figsize=(10, 2.8), layout="constrained")
image = ax.imshow(standardised.T, aspect="auto", cmap="RdBu_r", vmin=-3, vmax=3)
ax.set(xlabel=f"frame of {data.names[0]}", ylabel="feature", yticks=range(0, 18, 5))
figure.colorbar(image, label="standard deviations", pad=0.01)

# %%
# Fit
# ---
# We choose the number of actions, and `fit` chooses the rest. `chosen_` holds its
# choices, which use no labels.

segmenter = ActionSegmenter(n_actions=7, random_state=0).fit(data.videos)
print(segmenter.chosen_)

# %%
# How good is it?
# ---------------
# Found actions have no names. One Hungarian matching over all videos pairs them with
# the labelled actions. Every method has to beat the uniform cut, which splits each
# video into equal parts.

uniform = uniform_segmentation(data.videos, 7)
for name, found in (("uniform cut", uniform), ("found", segmenter.labels_)):
    report = segmentation_report(data.labels, found, random_state=0)
    print(f"{name:12} MoF {report.mof:.3f}  F1 {report.f1:.3f}  mIoU {report.miou:.3f}")

# %%
# Look at the segments
# --------------------
# Each video has three strips: the labels, the found actions, and the uniform cut. A
# found action has the colour of the labelled action that it is paired with.

shown = slice(0, 6)
display = SegmentationDisplay.from_estimator(
    segmenter,
    data.videos[shown],
    data.labels[shown],
    names=data.names[shown],
    action_names=data.action_names,
    fps=2,
    uniform=True,
)

# %%
# What the structure does
# -----------------------
# `alpha` is the weight of the temporal structure. Whitening, training and a chain of
# actions also keep segments together. Without them, only the structure does. Ten of the
# recordings are enough to see it.

plain = ActionSegmenter(
    7,
    features="standardise",
    segmenting=Segmenting(decoder="plan"),
    max_epochs=0,
    random_state=0,
)
figure, axes = plt.subplots(3, 1, figsize=(10, 5), layout="constrained")
words = {0.0: "none", 0.3: "some", 0.6: "much"}
for ax, (alpha, word) in zip(axes, words.items(), strict=True):
    found = plain.set_params(segmenting__alpha=alpha).fit_predict(data.videos[:10])
    SegmentationDisplay.from_predictions(
        data.labels[:1],
        list(found[:1]),
        names=[f"{word} ({alpha})"],
        action_names=data.action_names,
        ax=ax,
    )
    if ax is not axes[-1]:
        ax.set_xlabel("")
        ax.get_legend().remove()
axes[0].set_title("Weight of the structure in time")

# %%
# Look at the training
# --------------------
# The loss should fall, and the embedding should keep several dimensions. An embedding
# with one dimension has collapsed, and `fit` warns of it.

history = HistoryDisplay.from_estimator(segmenter)

# %%
# Run as a script, the example writes its pictures to files.

for path in save_figures("segmentation"):
    print(f"picture written to {path}")
