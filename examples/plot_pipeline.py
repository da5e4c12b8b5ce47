"""
Pipelines, cross-validation and grid search
===========================================

The estimators take lists of videos of any lengths, and work in scikit-learn's pipelines
and searches. `Framewise` applies any of its transformers to the frames of videos.
"""

# %%
# A pipeline
# ----------

import matplotlib.pyplot as plt
import numpy as np
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skvas import ActionSegmenter
from skvas.datasets import load_spar
from skvas.display import save_figures
from skvas.metrics import make_segmentation_scorer, mof
from skvas.preprocessing import Framewise

data = load_spar()
videos, labels, people = data.videos[:12], data.labels[:12], data.subjects[:12]
model = make_pipeline(
    Framewise(make_pipeline(StandardScaler(), PCA(12, whiten=True))),
    ActionSegmenter(7, features=None, max_epochs=0, random_state=0),
)
model  # noqa: B018

# %%
# Segment people outside the training set
# ---------------------------------------
# Each of six people was recorded twice; `GroupKFold` keeps both recordings in one fold.
# Each fold is segmented by a model that was fitted to the other people.

folds = GroupKFold(2)
found = cross_val_predict(model, videos, groups=people, cv=folds)
fold_of = np.empty(len(videos), dtype=int)
for fold, (_, held_out) in enumerate(folds.split(videos, groups=people)):
    fold_of[held_out] = fold
score = mof(labels, found, matching="per_group", groups=fold_of)
print(f"MoF, actions matched within each fold: {score:.3f}")

# %%
# Search
# ------
# If some videos are labelled, a score of segmentation can choose parameters, also those
# of the transformers. Two underscores lead to the parameters of a group, here
# `lambda_actions` of `segmenting`.
#
# A search gives labels to `fit` as well, which then learns from them. Here labels only
# choose the parameters of a model that learns without, so its `fit` ignores them.


class WithoutLabels(ActionSegmenter):
    def fit(self, videos, y=None):
        return super().fit(videos)


components, weights = [4, 12], [0.03, 0.3]
search = GridSearchCV(
    make_pipeline(
        model[0], WithoutLabels(7, features=None, max_epochs=0, random_state=0)
    ),
    {
        "framewise__transformer__pca__n_components": components,
        "withoutlabels__segmenting__lambda_actions": weights,
    },
    scoring=make_segmentation_scorer("miou"),
    cv=folds,
    refit=False,  # the best one is not needed here
)
search.fit(videos, labels, groups=people)
print(search.best_params_)

# %%
# The mean over the folds of each setting. `cv_results_` lists all weights for the first
# number of components, then for the second.

grid = search.cv_results_["mean_test_score"].reshape(2, 2).T
figure, ax = plt.subplots(figsize=(5.4, 4), layout="constrained")
image = ax.imshow(grid, cmap="viridis")
ax.set_xticks(range(2), components)
ax.set_yticks(range(2), weights)
ax.set(
    xlabel="principal components",
    ylabel="weight of equal shares",
    title="Overlap with the labels, on held-out people",
)
middle = (grid.min() + grid.max()) / 2
for (row, column), value in np.ndenumerate(grid):
    colour = "white" if value < middle else "black"
    ax.text(column, row, f"{value:.3f}", ha="center", va="center", color=colour)
figure.colorbar(image, label="mIoU")

# %%
# Run as a script, the example writes its pictures to files.

for path in save_figures("pipeline"):
    print(f"picture written to {path}")
