"""
Choose the number of actions
============================

The number of actions can be estimated without labels: from recordings in one order, by
the segments of their timeline that help to explain them; else, by how often matched
frames have the same action, beyond chance.
"""

# %%
# Let fit choose
# --------------
# `n_actions="auto"` tries 2 to 20 actions; a tuple gives another range. The recordings
# are ten sessions of seven exercises, with the left arm.

import matplotlib.pyplot as plt

from skvas import ActionSegmenter
from skvas.datasets import load_spar
from skvas.display import save_figures
from skvas.metrics import miou

data = load_spar()
videos, labels = data.videos[::2], data.labels[::2]
model = ActionSegmenter((2, 10), max_epochs=0, random_state=0).fit(videos)
print(f"estimated: {model.n_actions_} actions; labelled: {len(data.action_names)}")

# %%
# Look at the curve
# -----------------
# Above, likely numbers have the score 1; this uses no labels. Below, the overlap with
# the labels checks it: one exercise more would be right. Expect an error of a factor of
# 1.3 to 1.5, and look at the results for the next larger numbers, too.

numbers, scores = model.n_actions_scores_.values()
tried = numbers[1::2]
truth = [
    miou(labels, ActionSegmenter(k, max_epochs=0, random_state=0).fit_predict(videos))
    for k in tried.tolist()
]
figure, axes = plt.subplots(2, 1, figsize=(8, 5), sharex=True, layout="constrained")
axes[0].plot(numbers, scores, "o-", color="#0072b2", clip_on=False)
axes[0].set(title="Likely numbers", ylabel="score", ylim=(0, None))
axes[1].plot(tried, truth, "o-", color="#0072b2")
axes[1].set(title="Overlap with the labels", ylabel="mIoU", ylim=(0, 1))
axes[1].set(xlabel="number of actions", xticks=numbers)
for ax in axes:
    ax.axvline(model.n_actions_, color="#d55e00", linestyle=":", label="estimated")
    ax.axvline(len(data.action_names), color="0.5", linestyle="--", label="labelled")
    ax.spines[["top", "right"]].set_visible(False)
axes[0].legend(frameon=False)

# %%
# Run as a script, the example writes its pictures to files.

for path in save_figures("choosing_k"):
    print(f"picture written to {path}")
