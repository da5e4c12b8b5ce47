"""
Ten minutes of labelling
========================

Actions that are found without labels have no names. A few labels name them, in all
recordings: which ones are worth the time, and what do they give?
"""

# %%
# Which recording first?
# ----------------------
# Ten sessions of seven exercises, without labels. `query` names the recording to
# begin with: the one closest to the template of all.

import matplotlib.pyplot as plt
import numpy as np

from skvas import JointAlignSegment
from skvas.datasets import load_spar
from skvas.display import SegmentationDisplay, save_figures
from skvas.metrics import hide_labels, miou

data = load_spar()
videos, names = data.videos[:10], np.array(data.action_names)
true = [names[labels] for labels in data.labels[:10]]

unnamed = JointAlignSegment(7, max_epochs=0, random_state=0).fit(videos)
(first,) = unnamed.query(1)
print(f"label recording {first.video}: {first.why}")

# %%
# Seven clicks
# ------------
# One click in each exercise of this recording is a matter of a minute. `y` has a dict
# from frame to label for it, and None for all others. Scores compare names: no
# prediction is renamed.

y = hide_labels(true, keep=[first.video], timestamps=True, random_state=0)
print({frame: str(label) for frame, label in y[first.video].items()})

clicked = JointAlignSegment(max_epochs=5, random_state=0).fit(videos, y)
others = [i for i in range(len(true)) if i != first.video]


def named_miou(model):
    return miou(
        [true[i] for i in others], [model.labels_[i] for i in others], matching=None
    )


print(f"seven clicks: mIoU {named_miou(clicked):.3f} by name, of the other videos")

# %%
# The whole recording
# -------------------
# To label each of its frames takes ten minutes. If recordings share an order, as these
# do, the clicks have already said most of it.

y = hide_labels(true, keep=[first.video])
labelled = JointAlignSegment(max_epochs=5, random_state=0).fit(videos, y)
print(f"one recording: mIoU {named_miou(labelled):.3f}")

# %%
# The rows of a video are its true actions and the named ones.

fig, ax = plt.subplots(figsize=(9, 4), layout="constrained")
shown = others[:4]
SegmentationDisplay.from_predictions(
    [true[i] for i in shown],
    [clicked.labels_[i] for i in shown],
    names=[data.names[i] for i in shown],
    fps=2,
    ax=ax,
)

# %%
# What next?
# ----------
# More labels are worth most where names are uncertain, in frames that resemble no
# labelled one.

for query in clicked.query(3):
    print(f"video {query.video}, frame {query.frame}: {query.why}")

# %%
# Run as a script, the example writes its pictures to files.

for path in save_figures("few_labels"):
    print(f"picture written to {path}")
