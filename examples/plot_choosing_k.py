"""
Choose the number of actions
============================

Without labels there is nothing to score a segmentation with, but two answers can be
held against each other: where two videos are matched frame by frame, matched frames
should have the same action. `consistency_score` measures it.
"""

# %%
# Score every K
# -------------
# The matches depend on the videos alone and are made once. Segmenting without training
# is quick enough to try every number of actions.

import matplotlib.pyplot as plt
import numpy as np

from skvas import ActionSegmenter
from skvas.datasets import load_spar
from skvas.metrics import consistency_score, match_pairs, miou
from skvas.preprocessing import WhitenedViews

data = load_spar()
space = WhitenedViews().fit_transform(data.videos)
matches = match_pairs(space, random_state=0)
numbers = list(range(2, 13))
scores, truth = [], []
for k in numbers:
    model = ActionSegmenter(k, max_epochs=0, random_state=0).fit(data.videos)
    scores.append(consistency_score(model.labels_, matches).score)
    truth.append(miou(data.labels, model.labels_))
best = numbers[int(np.argmax(scores))]
print(f"most consistent: {best} actions; labelled: {len(data.action_names)}")

# %%
# Look at the curve
# -----------------
# The score, on the left, knows no labels; the overlap with the labels, on the right,
# is here to check it. Take the peak as advice: a coarser or a finer cut may be as true,
# and the curve shows how much it costs.

figure, ax = plt.subplots(figsize=(8, 4), layout="constrained")
ax.plot(numbers, scores, "o-", color="#4477aa", label="consistency (no labels)")
ax.axvline(best, color="#4477aa", linewidth=1, linestyle=":")
ax.set(xlabel="number of actions", xticks=numbers, ylim=(0, None))
ax.set_ylabel("consistency", color="#4477aa")
right = ax.twinx()
right.plot(numbers, truth, "s--", color="#aa3377", label="mIoU with the labels")
right.set(ylim=(0, None))
right.set_ylabel("mIoU", color="#aa3377")
handles = ax.get_lines()[:1] + right.get_lines()
ax.legend(handles=handles, loc="lower right", frameon=False)
