"""
Bring your own encoder
======================

`encoder` takes any `torch.nn.Module` that maps features of shape (B, N, n_features) to
embeddings of shape (B, N, D).
"""

# %%
# A network that sees neighbouring frames
# ---------------------------------------
# Our default embeds each frame by itself. This network convolves neighbouring frames
# and adds the result to the features. Padded frames are zero, and so are those beyond
# the ends, so the embedding of a video does not depend on the rest of its batch.

import torch
from torch import nn

from skvas import ActionSegmenter, Training
from skvas.datasets import load_spar
from skvas.display import SegmentationDisplay, save_figures
from skvas.metrics import segmentation_report


class Neighbours(nn.Module):
    def __init__(self, n_features, width=9):
        super().__init__()
        self.look = nn.Conv1d(n_features, 64, width, padding=width // 2)
        self.add = nn.Linear(64, n_features)
        nn.init.zeros_(self.add.weight)  # start as the identity
        nn.init.zeros_(self.add.bias)

    def forward(self, frames):  # (B, N, n_features)
        seen = torch.relu(self.look(frames.transpose(1, 2))).transpose(1, 2)
        return frames + self.add(seen)


# %%
# Train it
# --------
# The network receives the output of `features`: by default whitened components, whose
# number :class:`~skvas.preprocessing.WhitenedViews` chooses. A network that sees
# neighbours needs frames at their own rate, so we set `n_frames` beyond the longest
# video: every step then uses all frames. The recordings are ten sessions of seven
# exercises, with the left arm.

data = load_spar()
videos, labels = data.videos[::2], data.labels[::2]
ours = ActionSegmenter(7, random_state=0).fit(videos)
width = ours.features_.transform(videos[0]).shape[1]
torch.manual_seed(0)
theirs = ActionSegmenter(
    7, encoder=Neighbours(width), random_state=0, training=Training(n_frames=1000)
)
theirs.fit(videos)
for name, model in (("frame by frame", ours), ("with neighbours", theirs)):
    report = segmentation_report(labels, model.labels_, random_state=0)
    print(
        f"{name:16} MoF {report.mof:.3f}  mIoU {report.miou:.3f}  "
        f"edit score {report.edit:.3f}"
    )

# %%
# Look at the segments
# --------------------

display = SegmentationDisplay.from_estimator(
    theirs,
    videos[:8],
    labels[:8],
    names=data.names[:16:2],
    action_names=data.action_names,
    fps=2,
)

# %%
# `fit` trains a copy, `encoder_`, and leaves your network unchanged. A tuple such as
# ``encoder=(128, 40)`` gives the widths of a plain network, and a text is a name of
# :data:`skvas.nn.ENCODERS`: ``encoder="temporal"`` sees neighbours, too. A class that
# you add to this dict can be chosen by its name, and model files hold it if it has a
# method ``config`` that returns its arguments as a dict.

print(theirs.encoder_)

# %%
# Run as a script, the example writes its pictures to files.

for path in save_figures("encoder"):
    print(f"picture written to {path}")
