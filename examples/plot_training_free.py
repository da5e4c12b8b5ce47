"""
Answers without training
========================

``max_epochs=0`` trains nothing. `fit` whitens the features, finds actions in the data
and refines them by a few rounds of transport; the joint model also puts recordings that
share an order on one timeline. This takes about a second, and often gives most of the
accuracy.
"""

# %%
# With and without training
# -------------------------
# Ten sessions of seven exercises, with the left arm. A first fit loads what is
# compiled, so that none of the two that are timed pays for it.

import time

import matplotlib.pyplot as plt

from skvas import JointAlignSegment
from skvas.datasets import load_spar
from skvas.display import EmbeddingDisplay, save_figures
from skvas.metrics import (
    retrieval_precision,
    segmentation_report,
    uniform_segmentation,
)

data = load_spar()
videos, labels = data.videos[::2], data.labels[::2]
uniform = segmentation_report(labels, uniform_segmentation(videos, 7), random_state=0)
print(f"{'uniform cut':14} MoF {uniform.mof:.3f}  mIoU {uniform.miou:.3f}")
JointAlignSegment(7, max_epochs=1).fit([video[:40] for video in videos[:3]])
models = {}
for name, epochs in (("training-free", 0), ("trained", "auto")):
    started = time.perf_counter()
    model = JointAlignSegment(7, max_epochs=epochs, random_state=0).fit(videos)
    took = time.perf_counter() - started
    report = segmentation_report(labels, model.labels_, random_state=0)
    nearest = retrieval_precision(model.transform(videos), labels)
    print(
        f"{name:14} MoF {report.mof:.3f}  mIoU {report.miou:.3f}  "
        f"nearest 5 frames of one label {nearest[5]:.3f}  {took:.1f} s"
    )
    models[name] = model

# %%
# What training adds
# ------------------
# Frames on the two principal axes of the embedding, coloured by the labelled exercise.
# Training moves frames of one exercise together.

figure, axes = plt.subplots(1, 2, figsize=(12, 4.8), layout="constrained")
for ax, (name, model) in zip(axes, models.items(), strict=True):
    EmbeddingDisplay.from_estimator(
        model, videos, labels, action_names=data.action_names, ax=ax
    )
    ax.set_title(name)
axes[0].get_legend().remove()

# %%
# Use it for a first look: are the features informative, and how many actions are there
# (:ref:`sphx_glr_auto_examples_plot_choosing_k.py`)? Then train.

# %%
# Run as a script, the example writes its pictures to files.

for path in save_figures("training_free"):
    print(f"picture written to {path}")
