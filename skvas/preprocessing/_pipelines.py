"""The last step of a preprocessing, which may be a name."""

from __future__ import annotations

from typing import Any

from sklearn.pipeline import Pipeline


def last_step(features: Any) -> Any:
    """Return the last step of a pipeline; of anything else, that itself."""
    has_steps = isinstance(features, Pipeline) and features.steps
    return features.steps[-1][1] if has_steps else features


def with_last_step(features: Any, last: Any) -> Any:
    """Return a preprocessing with another last step; None is no step.

    Parameters
    ----------
    features : Pipeline or object
        The preprocessing, which is left alone. What is no pipeline is its last step.
    last : object
        In place of its last step.

    Returns
    -------
    Pipeline or object
        None if no step is left.
    """
    if not isinstance(features, Pipeline):
        return last
    *steps, (name, _) = features.steps
    if last is not None:
        steps.append((name, last))
    return Pipeline(steps, memory=features.memory) if steps else None
