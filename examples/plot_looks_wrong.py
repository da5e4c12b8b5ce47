"""
When the result looks wrong
===========================

Each picture but the last has a fault above and its remedy below. The page :doc:`my
result looks wrong <../guide/looks_wrong>` explains them.
"""

# %%
# Every recording has its own actions
# -----------------------------------
# A sensor sits elsewhere in each recording, so the features tell recordings apart.
# Scaled within each recording, they can be compared.

import matplotlib.pyplot as plt
import numpy as np

from skvas import ActionSegmenter, Aligning, Segmenting, Timeline, VideoAligner
from skvas.datasets import make_videos
from skvas.display import (
    AlignmentDisplay,
    CommonTimeDisplay,
    SegmentationDisplay,
    save_figures,
)
from skvas.preprocessing import Interpolate

QUICK = {"max_epochs": 0, "random_state": 0}


def two(titles, draws, height=2.2):
    """Draw the fault above and the remedy below."""
    figure, axes = plt.subplots(2, 1, figsize=(9, 2 * height), layout="constrained")
    for ax, title, draw in zip(axes, titles, draws, strict=True):
        draw(ax)
        ax.set_title(title)
    axes[0].set_xlabel("")


def segments(model, data, videos=None, n=4):
    """Return a function that draws the segments of the first videos."""
    found = model.fit_predict(data.videos if videos is None else videos)
    return lambda ax: SegmentationDisplay.from_predictions(None, list(found)[:n], ax=ax)


data = make_videos(5, n_actions=4, n_frames=(80, 120), random_state=0)
rng = np.random.default_rng(0)
moved = [video + 9 * rng.normal(size=video.shape[1]) for video in data.videos]
free = Segmenting(start="kmeans", lambda_actions=0.01, alpha=0.3)
shared = {"segmenting": free, **QUICK}
two(
    ("Colours follow recordings", "With features scaled in each recording"),
    (
        segments(ActionSegmenter(4, features=None, **shared), data, moved),
        segments(ActionSegmenter(4, features="standardise", **shared), data, moved),
    ),
)

# %%
# Segments are shredded
# ---------------------

noisy = make_videos(5, n_actions=4, noise=3.0, n_frames=(80, 120), random_state=0)
loose, firm = Segmenting(alpha=0.0), Segmenting(alpha=0.6)
plain = {"features": "standardise", **QUICK}
two(
    ("Without structure in time", "With much structure in time"),
    (
        segments(ActionSegmenter(4, segmenting=loose, **plain), noisy),
        segments(ActionSegmenter(4, segmenting=firm, **plain), noisy),
    ),
)

# %%
# Segments are equal parts
# ------------------------
# These features hold nothing but noise: no setting helps, other features do.

empty = [rng.normal(size=video.shape) for video in data.videos]
start = {"start": "time", "lambda_actions": 5.0, "rho": 2.0, "n_refine": 0}
equal = Segmenting(decoder="plan", **start)
four = segments(ActionSegmenter(4, **QUICK), data)
two(
    ("Features say nothing", "Features that change with the actions"),
    (
        segments(ActionSegmenter(4, segmenting=equal, **QUICK), data, empty),
        four,
    ),
)

# %%
# Two actions are one
# -------------------

two(
    ("Two actions of four", "Four actions"),
    (segments(ActionSegmenter(2, **QUICK), data), four),
)

# %%
# The film plays backwards
# ------------------------
# A swing goes out and comes back: frames of both halves look alike.

phase = [np.linspace(0, np.pi, n) for n in (40, 55, 48)]
swings = [
    np.column_stack([np.sin(p), np.sin(p) ** 2, 0.1 * rng.normal(size=len(p))])
    for p in phase
]


def threads(matching, videos, labels=None, **options):
    """Return a function that draws the matches of the first two videos."""
    model = VideoAligner(matching=matching, features=None, **QUICK, **options)
    model.fit(videos)
    named = {} if labels is None else {"labels_x": labels[0], "labels_y": labels[1]}
    return lambda ax: AlignmentDisplay.from_estimator(
        model, *videos[:2], kind="threads", ax=ax, **named
    )


two(
    ("Matches cross", "Matches forwards in time"),
    (threads("nearest", swings), threads("monotone", swings)),
)

# %%
# Matches are forced
# ------------------
# The second recording lacks the third action.

videos, labels = list(data.videos[:3]), list(data.labels[:3])
kept = labels[1] != 2
videos[1], labels[1] = videos[1][kept], labels[1][kept]
room = Aligning(virtual_mass=0.3)
two(
    ("Every frame has a partner", "With room for frames without a partner"),
    (
        threads("plan", videos, labels, aligning=Aligning(zeta=10.0)),
        threads("plan", videos, labels, aligning=room),
    ),
)

# %%
# Steps come in any order, but matches run forwards
# -------------------------------------------------

mixed = make_videos(4, n_actions=4, shared_order=False, random_state=1)
two(
    ("Matches forwards in time", "Matches by the transport plan"),
    (
        threads("monotone", mixed.videos, mixed.labels),
        threads("plan", mixed.videos, mixed.labels),
    ),
)

# %%
# It differs from run to run
# --------------------------
# Three seeds, one recording. A start that is found in the data is the same for each.


def seeds(start):
    """Return a function that draws the segments of one video under three seeds."""
    how = Segmenting(start=start, lambda_actions=0.1, alpha=0.3)
    model = ActionSegmenter(4, segmenting=how, max_epochs=0)
    found = []
    for seed in range(3):
        model.set_params(random_state=seed)
        found.append(model.fit_predict(noisy.videos[:4])[0])
    names = [f"seed {seed}" for seed in range(3)]
    return lambda ax: SegmentationDisplay.from_predictions(
        None, found, names=names, ax=ax
    )


two(
    ("From a random start", "From a start in the data"),
    (seeds("random"), seeds("kmeans")),
)

# %%
# An error names NaN
# ------------------

gappy = data.videos[0][:, 0].copy()
gappy[30:38] = np.nan
closed = Interpolate(max_gap=10).fit_transform([gappy[:, None]])[0]


def curve(values):
    """Return a function that draws one feature of a recording."""

    def draw(ax):
        ax.plot(values, color="#0072b2")
        ax.set(xlabel="frame", ylabel="first feature")

    return draw


two(
    ("A gap, marked by NaN", "Closed by Interpolate(max_gap=10)"),
    (curve(gappy), curve(closed)),
    height=1.6,
)

# %%
# A recording is unlike the others
# --------------------------------

strange = [*data.videos, rng.normal(size=data.videos[0].shape)]
timeline = Timeline(None, random_state=0).fit(strange)
display = CommonTimeDisplay.from_timeline(timeline)

# %%
# Run as a script, the example writes its pictures to files.

for path in save_figures("looks_wrong"):
    print(f"picture written to {path}")
