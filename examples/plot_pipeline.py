"""
Pipelines, cross-validation and grid search
===========================================

The estimators take lists of videos of any lengths, and go into scikit-learn's pipelines
and searches as they are. `Framewise` puts any of its transformers before them.
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
from skvas.metrics import make_segmentation_scorer, mof
from skvas.preprocessing import Framewise

data = load_spar()
model = make_pipeline(
    Framewise(make_pipeline(StandardScaler(), PCA(12, whiten=True))),
    ActionSegmenter(7, features=None, max_epochs=0, random_state=0),
)
model  # noqa: B018

# %%
# Segment people that were not seen
# ---------------------------------
# Each person was recorded twice; `GroupKFold` keeps both recordings on one side. Videos
# are segmented by models that were fitted to other people.

folds = GroupKFold(3)
found = cross_val_predict(model, data.videos, groups=data.subjects, cv=folds)
fold_of = np.empty(len(data.videos), dtype=int)
for fold, (_, held_out) in enumerate(folds.split(data.videos, groups=data.subjects)):
    fold_of[held_out] = fold
score = mof(data.labels, found, matching="per_group", groups=fold_of)
print(f"MoF, actions named in each fold by itself: {score:.3f}")

# %%
# Search
# ------
# With labels of some videos, parameters can be chosen by any measure of segmentation,
# those of the transformers included.

search = GridSearchCV(
    model,
    {
        "framewise__transformer__pca__n_components": [4, 8, 12],
        "actionsegmenter__lambda_actions": [0.03, 0.1, 0.3],
    },
    scoring=make_segmentation_scorer("miou"),
    cv=folds,
)
search.fit(data.videos, data.labels, groups=data.subjects)
print(search.best_params_)

# %%
# The mean over the folds of each setting:

grid = search.cv_results_["mean_test_score"].reshape(3, 3)
figure, ax = plt.subplots(figsize=(5.4, 4), layout="constrained")
image = ax.imshow(grid, cmap="viridis")
ax.set_xticks(range(3), [4, 8, 12])
ax.set_yticks(range(3), [0.03, 0.1, 0.3])
ax.set(xlabel="components", ylabel="lambda_actions", title="mIoU on people not seen")
middle = (grid.min() + grid.max()) / 2
for (row, column), value in np.ndenumerate(grid):
    colour = "white" if value < middle else "black"
    ax.text(column, row, f"{value:.3f}", ha="center", va="center", color=colour)
figure.colorbar(image, label="mIoU")
