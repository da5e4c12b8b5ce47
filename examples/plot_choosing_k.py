"""
Choose the number of actions
============================

The number of actions can be estimated without labels. Frames of two videos are matched,
and matched frames should have the same action more often than by chance. With too few
actions they often agree by chance; with too many they disagree.
"""

# %%
# Let fit choose
# --------------
# `n_actions="auto"` tries 2 to 20 actions; a tuple gives another range.

import matplotlib.pyplot as plt

from skvas import ActionSegmenter
from skvas.datasets import load_spar
from skvas.metrics import miou

data = load_spar()
model = ActionSegmenter((2, 12), max_epochs=0, random_state=0).fit(data.videos)
print(f"estimated: {model.n_actions_} actions; labelled: {len(data.action_names)}")

# %%
# Look at the curve
# -----------------
# The score on the left axis uses no labels. The overlap with the labels, on the right
# axis, checks it. Take the peak as advice: on other recordings the estimate was off by
# a factor of 1.5, and a coarser or finer segmentation may be just as valid. The curve
# shows how much it costs.

numbers, scores = model.n_actions_scores_.values()
truth = [
    miou(
        data.labels,
        ActionSegmenter(k, max_epochs=0, random_state=0).fit(data.videos).labels_,
    )
    for k in numbers.tolist()
]
figure, ax = plt.subplots(figsize=(8, 4), layout="constrained")
ax.plot(numbers, scores, "o-", color="#4477aa", label="score (no labels)")
ax.axvline(model.n_actions_, color="#4477aa", linewidth=1, linestyle=":")
ax.set(xlabel="number of actions", xticks=numbers, ylim=(0, None))
ax.set_ylabel("modularity", color="#4477aa")
right = ax.twinx()
right.plot(numbers, truth, "s--", color="#aa3377", label="mIoU with the labels")
right.set(ylim=(0, None))
right.set_ylabel("mIoU", color="#aa3377")
handles = ax.get_lines()[:1] + right.get_lines()
ax.legend(handles=handles, loc="lower right", frameon=False)
