"""Published settings, as dictionaries of estimator arguments.

Every setting goes with `recipe="paper"`, which it names. Those of a data set are
arguments of :class:`skvas.JointAlignSegment`, as in
``JointAlignSegment(**BREAKFAST["coffee"], random_state=0)``; `ALIGNMENT` is one of
:class:`skvas.VideoAligner`.

References
----------
.. [1] *Joint Self-Supervised Video Alignment and Action Segmentation*, ICCV 2025,
   supplementary material.
"""

from __future__ import annotations

from typing import Any

__all__ = [
    "ALIGNMENT",
    "BREAKFAST",
    "DESKTOP_ASSEMBLY",
    "FIFTY_SALADS",
    "YOUTUBE_INSTRUCTIONS",
]

_BREAKFAST: dict[str, Any] = {
    "recipe": "paper",
    "features": "standardise",
    "encoder": (128, 40),
    "alpha": 0.5,
    "radius": 0.04,
    "rho": 0.2,
    "lambda_actions": 0.1,
    "max_epochs": 50,
    "lr": 1e-3,
    "weight_decay": 1e-4,
}
BREAKFAST: dict[str, dict[str, Any]] = {
    "pancake": {**_BREAKFAST, "n_actions": 14},
    "salat": {**_BREAKFAST, "n_actions": 8},
    "friedegg": {**_BREAKFAST, "n_actions": 9},
    "scrambledegg": {**_BREAKFAST, "n_actions": 12},
    "sandwich": {**_BREAKFAST, "n_actions": 9},
    "juice": {**_BREAKFAST, "n_actions": 8},
    "milk": {**_BREAKFAST, "n_actions": 5},
    "tea": {**_BREAKFAST, "n_actions": 7},
    "cereals": {**_BREAKFAST, "n_actions": 5},
    "coffee": {**_BREAKFAST, "n_actions": 7},
}

_YOUTUBE: dict[str, Any] = {
    "recipe": "paper",
    "features": None,
    "encoder": (32, 32),
    "alpha": 0.3,
    "radius": 0.04,
    "rho": 0.15,
    "lambda_actions": 0.12,
    "max_epochs": 30,
    "lr": 1e-4,
    "weight_decay": 1e-5,
}
YOUTUBE_INSTRUCTIONS: dict[str, dict[str, Any]] = {
    "changing_tire": {**_YOUTUBE, "n_actions": 11},
    "coffee": {**_YOUTUBE, "n_actions": 10},
    "cpr": {**_YOUTUBE, "n_actions": 7},
    "jump_car": {**_YOUTUBE, "n_actions": 12},
    "repot": {**_YOUTUBE, "n_actions": 8},
}

_SALADS: dict[str, Any] = {
    "recipe": "paper",
    "features": None,
    "encoder": (128, 40),
    "alpha": 0.3,
    "radius": 0.04,
    "rho": 0.15,
    "max_epochs": 30,
    "lr": 1e-3,
    "weight_decay": 1e-4,
}
FIFTY_SALADS: dict[str, dict[str, Any]] = {
    "eval": {**_SALADS, "n_actions": 12, "lambda_actions": 0.11},
    "mid": {**_SALADS, "n_actions": 19, "lambda_actions": 0.15},
}

DESKTOP_ASSEMBLY: dict[str, Any] = {
    "recipe": "paper",
    "features": None,
    "encoder": (128, 40),
    "n_actions": 22,
    "alpha": 0.3,
    "radius": 0.02,
    "rho": 0.25,
    "lambda_actions": 0.16,
    "max_epochs": 30,
    "lr": 1e-3,
    "weight_decay": 1e-4,
}

# Published for an image backbone, which is to be given as `encoder`.
ALIGNMENT: dict[str, Any] = {
    "recipe": "paper",
    "features": None,
    "alpha": 0.3,
    "radius": 0.02,
    "rho": 0.35,
    "max_epochs": 200,
    "lr": 1e-5,
    "weight_decay": 1e-5,
}
