"""
One model for both tasks, against two
=====================================

`JointAlignSegment` trains for both tasks at once. How much does it save compared with
one model per task, and what does it cost?
"""

# %%
# Measure
# -------
# Ten sessions of seven exercises, in order. All models train for the same number of
# epochs. A first fit loads what is compiled, so that none of the cases pays for it.
# "MoF" is the share of frames with the correct action, "labels agree" the share of
# frames whose match has the same label.

import pickle
import time

import matplotlib.pyplot as plt
import numpy as np

from skvas import ActionSegmenter, JointAlignSegment, VideoAligner
from skvas.datasets import load_spar
from skvas.display import save_figures
from skvas.metrics import label_agreement, mof

data = load_spar()
videos, labels = data.videos[::2], data.labels[::2]
options = {"max_epochs": 5, "device": "cpu", "random_state": 0}
cases = {
    "two models": (ActionSegmenter(7, **options), VideoAligner(**options)),
    "one model": (JointAlignSegment(7, **options),),
}


def agreement(model):
    """Return the share of matched frames that agree, over pairs of sessions."""
    pairs = [(i, (i + 3) % len(videos)) for i in range(len(videos))]
    found = [
        label_agreement(
            model.align(videos[i], videos[j]).matches_x, labels[i], labels[j]
        )
        for i, j in pairs
    ]
    return float(np.mean([each.agreement_of_all for each in found]))


def measure(models):
    started = time.perf_counter()
    for model in models:
        model.fit(videos)
    seconds = time.perf_counter() - started
    weights = sum(p.numel() for m in models for p in m.encoder_.parameters())
    return {
        "seconds to fit": seconds,
        "numbers learned": weights + models[0].prototypes_.size,
        "MiB of pickle": len(pickle.dumps(models)) / 2**20,
        "MoF": mof(labels, models[0].labels_),
        "labels agree": agreement(models[-1]),
    }


JointAlignSegment(7, max_epochs=1).fit([video[:40] for video in videos[:3]])
results = {name: measure(models) for name, models in cases.items()}

# %%
# Compare
# -------

print(f"{'':16}" + "".join(f"{case:>12}" for case in results))
for name in results["one model"]:
    form = "12,.0f" if results["one model"][name] > 1000 else "12.3f"
    row = "".join(f"{result[name]:{form}}" for result in results.values())
    print(f"{name:16}{row}")

# %%
# The joint model has half as many parameters. Its pickle is no smaller, as it keeps the
# timeline of its videos and what it knows of each action. Time depends on the work of a
# step, which contains both tasks. Below, blue is what the models cost, and orange is
# how good they are.

names = list(results["one model"])
two, one = (list(results[case].values()) for case in ("two models", "one model"))
ratios = [a / b for a, b in zip(one, two, strict=True)]
figure, ax = plt.subplots(figsize=(8, 3), layout="constrained")
colours = ["#56b4e9"] * 3 + ["#e69f00"] * 2
bars = ax.barh(names, ratios, color=colours)
ax.bar_label(bars, [f"{ratio:.2f}" for ratio in ratios], label_type="center")
ax.axvline(1, color="black", linewidth=1)
ax.set(
    xlabel="one joint model, as a share of two models",
    xlim=(0, 1.15 * max(*ratios, 1)),
)
ax.invert_yaxis()
ax.spines[["top", "right"]].set_visible(False)

# %%
# Run as a script, the example writes its pictures to files.

for path in save_figures("joint"):
    print(f"picture written to {path}")
