"""
Compare with an HMM, change points and DTW
==========================================

Other packages answer parts of the same questions: a hidden Markov model (hmmlearn) and
change points (ruptures) segment, and dynamic time warping (dtaidistance) aligns. Here
all of them get the same recordings, without labels, and the same scores.
"""

# %%
# The recordings
# --------------
# Ten sessions of seven shoulder exercises, with the left arm. Every method gets the
# number of exercises. To segment, every method gets the whitened features that skvas
# makes by default, which suit the others better than plain ones, too. A package that is
# not installed is left out: ``pip install hmmlearn ruptures dtaidistance``.

import logging
from importlib.util import find_spec

import matplotlib.pyplot as plt
import numpy as np
from sklearn.cluster import KMeans
from sklearn.preprocessing import StandardScaler

from skvas import JointAlignSegment
from skvas.datasets import load_spar
from skvas.display import SegmentationDisplay, save_figures
from skvas.metrics import (
    label_agreement,
    linear_warp,
    segmentation_report,
    uniform_segmentation,
)
from skvas.preprocessing import WhitenedViews

data = load_spar()
videos, true = data.videos[::2], data.labels[::2]
lengths = [len(video) for video in videos]
whitened = [np.asarray(v, float) for v in WhitenedViews().fit_transform(videos)]
K = len(data.action_names)

found = {"uniform cut": uniform_segmentation(lengths, K)}

# %%
# A hidden Markov model
# ---------------------
# A state is a Gaussian cloud of frames, and frames tend to stay in their state. All
# recordings are fitted together, so states mean the same in all of them.

if find_spec("hmmlearn"):
    from hmmlearn.hmm import GaussianHMM

    logging.getLogger("hmmlearn").setLevel(logging.ERROR)
    hmm = GaussianHMM(K, n_iter=20, random_state=0)
    hmm.fit(np.concatenate(whitened), lengths)
    found["hidden Markov model"] = [hmm.predict(video) for video in whitened]

# %%
# Change points
# -------------
# Each recording by itself is cut where its mean changes most. The pieces know nothing
# of other recordings: k-means of their means has to tell which of them belong together.

if find_spec("ruptures"):
    import ruptures

    pieces, sizes = [], []
    for video in whitened:
        ends = ruptures.KernelCPD("linear", min_size=2).fit_predict(video, K - 1)
        parts = np.split(video, ends[:-1])
        pieces += [part.mean(axis=0) for part in parts]
        sizes += [len(part) for part in parts]
    clusters = KMeans(K, n_init=10, random_state=0)
    labels = clusters.fit_predict(np.array(pieces), sample_weight=sizes)
    labels = np.split(np.repeat(labels, sizes), np.cumsum(lengths)[:-1])
    found["change points, k-means"] = labels

# %%
# Both tasks in one model
# -----------------------

model = JointAlignSegment(K, random_state=0).fit(videos)
found["JointAlignSegment"] = list(model.labels_)

print(f"{'segmentation':24}    MoF     F1   mIoU   edit")
for name, labels in found.items():
    report = segmentation_report(true, labels, random_state=0)
    scores = (report.mof, report.f1, report.miou, report.edit)
    print(f"{name:24}" + "".join(f"{score:7.3f}" for score in scores))

# %%
# One recording as each of them cuts it. Colours are paired with the labels by the
# Hungarian matching of the scores.

figure, axes = plt.subplots(
    len(found), 1, figsize=(10, 1.5 * len(found)), sharex=True, layout="constrained"
)
for ax, (name, labels) in zip(axes, found.items(), strict=True):
    SegmentationDisplay.from_predictions(
        true,
        labels,
        names=data.names[::2],
        action_names=data.action_names,
        fps=2,
        ax=ax,
    )
    ax.set_ylim(0.94, -0.06)  # the first recording
    ax.set_yticks([0.2, 0.64], ["labelled", "found"])
    ax.tick_params(axis="y", labelsize="small")
    ax.set_title(name)
    if ax is not axes[0]:
        ax.get_legend().remove()
    if ax is not axes[-1]:
        ax.set_xlabel("")

# %%
# Dynamic time warping
# --------------------
# It finds the path of lowest cost between two recordings, as `align` does. What differs
# is the distance of frames: of features, or of what was learned from all recordings.


def warp(x, y):
    """Return the frame of y on the path at each frame of x."""
    from dtaidistance import dtw, dtw_ndim

    x, y = (StandardScaler().fit_transform(video.astype(float)) for video in (x, y))
    path = np.array(dtw.best_path(dtw_ndim.warping_paths(x, y, use_c=True)[1]))
    return path[np.searchsorted(path[:, 0], np.arange(len(x))), 1]


match = {
    "linear warping": lambda x, y: linear_warp(len(x), len(y)),
    "JointAlignSegment": lambda x, y: model.align(x, y).matches_x,
}
if find_spec("dtaidistance"):
    match["dynamic time warping"] = warp
pairs = [(i, i + 3) for i in range(0, 7, 2)]
for name, how in match.items():
    agreement = np.mean(
        [
            label_agreement(
                how(videos[i], videos[j]), true[i], true[j]
            ).agreement_of_all
            for i, j in pairs
        ]
    )
    print(f"{name:24} {agreement:.3f} of the matched frames have the same label")

# %%
# When to use which
# -----------------
# - **A hidden Markov model** fits where frames of an action look alike and it matters
#   how actions follow each other. It has no notion of the place in a recording.
# - **Change points** fit a single recording, or actions that are known by nothing but
#   the change between them.
# - **Dynamic time warping** fits a pair of recordings whose features compare as they
#   are. It must match every frame, in order.
# - **skvas** fits several recordings of one activity: what they have in common helps
#   each of them. These sessions have one order and features without gaps. The file
#   `benchmarks/results/accuracy.md` of the repository has the same rivals, at their
#   best settings, on ten data sets.

# %%
# Run as a script, the example writes its pictures to files.

for path in save_figures("rivals"):
    print(f"picture written to {path}")
