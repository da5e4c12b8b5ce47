"""
Videos that share no order, and repeat actions
==============================================

Not every activity has one order. skvas measures whether the videos share an order, and
chooses start and matching accordingly. You can also set them.
"""

# %%
# Two collections
# ---------------
# The same recordings of seven exercises with the left arm: all sessions in one order,
# and each session in its own order.

import matplotlib.pyplot as plt

from skvas import ActionSegmenter, JointAlignSegment, VideoAligner
from skvas.datasets import load_spar, make_videos
from skvas.display import AlignmentDisplay, SegmentationDisplay, save_figures
from skvas.metrics import label_agreement, mof

collections = {"one order": load_spar(), "any order": load_spar("shuffled")}

# %%
# What `fit` finds
# ----------------
# `shared_order_` compares how well pairs of videos match forwards and backwards. Near
# 0, they share no order. `matching_` follows from it: "monotone" is the path of lowest
# cost that never goes back in time; "plan" matches each frame with the frame that
# receives most of its mass.

models = {}
for name, data in collections.items():
    model = JointAlignSegment(7, max_epochs=5, random_state=0).fit(data.videos[::2])
    models[name] = model
    print(
        f"{name}: shared order {model.shared_order_.value:.2f}, matching "
        f"{model.matching_}, start {model.chosen_['start']}, "
        f"MoF {mof(data.labels[::2], model.labels_):.3f}"
    )

# %%
# Matches that may cross
# ----------------------
# On top, matches run forward in time. Below, each exercise of one session matches the
# same exercise of the other session, whatever its place.

figure, axes = plt.subplots(2, 1, figsize=(11, 6.4), layout="constrained")
for ax, (name, data) in zip(axes, collections.items(), strict=True):
    AlignmentDisplay.from_estimator(
        models[name],
        data.videos[0],
        data.videos[2],
        labels_x=data.labels[0],
        labels_y=data.labels[2],
        names=[data.names[0], data.names[2]],
        action_names=data.action_names,
        fps=2,
        kind="threads",
        ax=ax,
    )
    ax.set_title(name)
axes[0].set_xlabel("")

# %%
# Actions that come back
# ----------------------
# Here each action is a movement in one direction, so videos match better forwards even
# if their actions come in any order. If you know better, set ``matching="nearest"`` or
# ``"plan"``.

data = make_videos(8, n_actions=6, shared_order=False, repeat=0.3, random_state=5)
for matching in ("monotone", "nearest", "plan"):
    aligner = VideoAligner(matching=matching, max_epochs=0, random_state=0)
    matches = aligner.fit(data.videos).align(data.videos[0], data.videos[1]).matches_x
    found = label_agreement(matches, data.labels[0], data.labels[1])
    print(f"{matching:9} {found.agreement:.3f} of the matches have one label")

# %%
# The segmentation needs no order: an action can occur twice, or not at all.

segmenter = ActionSegmenter(6, max_epochs=0, random_state=0).fit(data.videos)
display = SegmentationDisplay.from_estimator(
    segmenter,
    data.videos[:6],
    data.labels[:6],
    names=data.names[:6],
    action_names=data.action_names,
)

# %%
# Run as a script, the example writes its pictures to files.

for path in save_figures("order"):
    print(f"picture written to {path}")
