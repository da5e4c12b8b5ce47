"""Gaps (NaN) of recordings, closed for models that take none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline

from skvas._on_demand import is_on_demand
from skvas._printing import name_first
from skvas.cli._lines import say
from skvas.datasets import FeatureFile, Recordings
from skvas.datasets._folder import orient_features
from skvas.datasets._on_disk import read_features
from skvas.features import VideoFeatures
from skvas.preprocessing import Interpolate
from skvas.preprocessing._framewise import takes_nan
from skvas.preprocessing._gaps import close_gaps

__all__ = ["ReadWithoutGaps", "check_columns", "close_all", "close_in"]


def close_all(data: Recordings, model: Any) -> Recordings:
    """Return recordings that a model takes, and say how many had gaps.

    What is in files stays there.
    """
    if np.ndim(data[0]) == 3:  # poses, of which a point may never be seen
        return data
    closed, changed = [], []
    for name, video in zip(data.names, data, strict=True):
        frames = np.asarray(video)
        whole = close_in(frames, name, model, data.feature_names)
        if whole is not frames:
            changed.append(name)
            video = _closed_when_read(video) if is_on_demand(video) else whole
        closed.append(video)
    if changed:
        say(f"gaps of {name_first(changed)} are closed by straight lines")
    return data.replace(closed, feature_names=data.feature_names)


def _closed_when_read(video: FeatureFile) -> FeatureFile:
    return FeatureFile(
        video.filename, read=lambda _: close_gaps(np.asarray(video), None)
    )


def close_in(
    video: np.ndarray, name: str, model: Any, columns: list[str] | None = None
) -> np.ndarray:
    """Return the frames of one recording as a model takes them.

    The array itself if it has no gap, or if the preprocessing of the model takes gaps.
    """
    features = model.features_
    takes = takes_nan(features)
    first = features.steps[0][1] if isinstance(features, Pipeline) else features
    if not takes or isinstance(first, Interpolate):
        check_columns(video, name, columns)
    return video if takes else close_gaps(video, None)


def check_columns(
    video: np.ndarray, name: str, columns: list[str] | None = None
) -> None:
    """Refuse a recording in which a feature has no number: no line could close that."""
    missing = np.isnan(video)
    if missing.any() and missing.all(axis=0).any():
        column = int(missing.all(axis=0).argmax())
        called = columns[column] if columns else column
        raise ValueError(
            f"{name!r} has no finite number in column {called}; leave the recording "
            "out, or the column."
        )


class ReadWithoutGaps:
    """Read files of features for `predict_files`, in whatever process."""

    def __init__(self, read: Any, model: Any) -> None:
        self.read, self.model = read, model

    def __call__(self, path: Path) -> Any:
        found = (self.read or read_features)(path)
        features = getattr(found, "features", found)
        features = orient_features(features, self.model.n_features_in_)
        features = close_in(features, str(path), self.model)
        times = getattr(found, "times", None)
        return features if times is None else VideoFeatures(features, times)
