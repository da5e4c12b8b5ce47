"""
One model for both tasks, against two
=====================================

`JointAlignSegment` trains for both tasks at once. How much does it save compared with
one model per task, and what does it cost? We measure each case in its own process.
"""

# %%
# Measure
# -------
# Each process reports the time of `fit`, the number of learned parameters, the size of
# the pickled models, and the increase of peak memory. All models train for the same
# number of epochs.

import json
import subprocess
import sys

import matplotlib.pyplot as plt

from skvas.display import save_figures

PROGRAM = """
import json, pickle, resource, sys, time
from pathlib import Path
import numpy as np
from skvas import ActionSegmenter, JointAlignSegment, VideoAligner
from skvas.datasets import load_spar
from skvas.metrics import label_agreement, mof

def peak():
    # In MiB. Where a process has a status file, that is the more exact: what
    # getrusage tells includes the peak of the process that started this one.
    if Path("/proc/self/status").exists():
        status = Path("/proc/self/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) / 1024
    unit = 2**20 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit

videos, labels = load_spar().videos, load_spar().labels
options = dict(max_epochs=3, device="cpu", random_state=0)
warm_up = JointAlignSegment(7, max_epochs=0).fit([v[:40] for v in videos[:3]])
before = peak()
started = time.perf_counter()
if sys.argv[1] == "one model":
    models = [JointAlignSegment(7, **options).fit(videos)]
else:
    models = [ActionSegmenter(7, **options), VideoAligner(**options)]
    models = [model.fit(videos) for model in models]
seconds = time.perf_counter() - started
memory = peak() - before
learned = sum(p.numel() for m in models for p in m.encoder_.parameters())
learned += models[0].prototypes_.size
pairs = [(i, (i + 7) % 20) for i in range(20)]
found = [
    label_agreement(
        models[-1].align(videos[i], videos[j]).matches_x, labels[i], labels[j]
    )
    for i, j in pairs
]
print(json.dumps({
    "seconds to fit": seconds,
    "numbers learned": learned,
    "MiB of pickle": len(pickle.dumps(models)) / 2**20,
    "MiB of memory": memory,
    "MoF": mof(labels, models[0].labels_),
    "labels agree": float(np.mean([f.agreement_of_all for f in found])),
}))
"""


def measure(case):
    command = [sys.executable, "-c", PROGRAM, case]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


results = {case: measure(case) for case in ("two models", "one model")}

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
# timeline of its videos and what it knows of each action. Time and peak memory depend
# on the work of a step, which contains both tasks; two models that are fitted one after
# the other do not add their peaks. "MoF" is the share of frames with the correct
# action, "labels agree" the share of frames whose match has the same label.

names = list(results["one model"])
two, one = (list(results[case].values()) for case in ("two models", "one model"))
ratios = [a / b for a, b in zip(one, two, strict=True)]
figure, ax = plt.subplots(figsize=(8, 3.4), layout="constrained")
colours = ["#56b4e9"] * 4 + ["#e69f00"] * 2
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
