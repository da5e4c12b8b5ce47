"""
Videos that share no order, and repeat actions
==============================================

Not every activity is done in one order. skvas looks whether the videos share one, and
starts and matches accordingly; you can also tell it.
"""

# %%
# Two collections
# ---------------
# The same recordings of seven exercises, joined in one order and in an order of each
# session's own.

import matplotlib.pyplot as plt

from skvas import JointAlignSegment
from skvas.datasets import load_spar, make_videos
from skvas.display import AlignmentDisplay, SegmentationDisplay
from skvas.metrics import label_agreement, mof

collections = {"one order": load_spar(), "any order": load_spar("shuffled")}

# %%
# What `fit` makes of them
# ------------------------
# `shared_order_` compares how well pairs of videos match forwards with how well they
# match backwards; near 0, there is no order to speak of. `matching_` follows from it:
# the cheapest path that never goes back in time, or for each frame the one to which the
# plan sends most of it.

models = {}
for name, data in collections.items():
    model = JointAlignSegment(7, max_epochs=5, random_state=0).fit(data.videos)
    models[name] = model
    print(
        f"{name}: shared order {model.shared_order_.value:.2f}, matching "
        f"{model.matching_}, start {model.chosen_['start']}, "
        f"MoF {mof(data.labels, model.labels_):.3f}"
    )

# %%
# Matches that may cross
# ----------------------
# On top, matches in time order. Below, each exercise of one session is matched with
# wherever the other session has it.

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
# Here each action is a movement with a direction of its own, so that videos match
# better forwards even where their actions come in any order. You know better: say
# ``matching="nearest"`` or ``"plan"``.

data = make_videos(12, n_actions=6, shared_order=False, repeat=0.3, random_state=5)
for matching in ("monotone", "nearest", "plan"):
    model = JointAlignSegment(6, matching=matching, max_epochs=0, random_state=0)
    model.fit(data.videos)
    matches = model.align(data.videos[0], data.videos[1]).matches_x
    found = label_agreement(matches, data.labels[0], data.labels[1])
    print(f"{matching:9} {found.agreement:.3f} of the matches have one label")

# %%
# The segmentation does not mind: an action may come twice, or not at all.

display = SegmentationDisplay.from_estimator(
    model,
    data.videos[:6],
    data.labels[:6],
    names=data.names[:6],
    action_names=data.action_names,
)
