"""The steps of a preprocessing; the last one may be a name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sklearn.pipeline import Pipeline

from skvas.preprocessing._framewise import PASS
from skvas.videos._containers import kept_names


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


def with_step_before_last(features: Any, name: str, step: Any) -> Pipeline:
    """Return a preprocessing with one step more, the one before the last.

    Parameters
    ----------
    features : Pipeline or transformer
        The preprocessing, which is left alone. What is no pipeline is its last step.
    name : str
        Of the step; underscores are added if another one is called so.
    step : transformer
        The step.
    """
    is_pipeline = isinstance(features, Pipeline)
    steps = list(features.steps) if is_pipeline else [("features", features)]
    while name in dict(steps):
        name += "_"
    steps.insert(-1, (name, step))
    return Pipeline(steps, memory=features.memory if is_pipeline else None)


def all_steps(transformer: Any) -> list[Any]:
    """Return the steps of pipelines within pipelines that do anything.

    Parameters
    ----------
    transformer : transformer or None
        What is no pipeline is one step, None is none.
    """
    if isinstance(transformer, Pipeline):
        return [inner for _, step in transformer.steps for inner in all_steps(step)]
    is_nothing = transformer is None or isinstance(transformer, str)
    assert not is_nothing or transformer in (None, PASS)
    return [] if is_nothing else [transformer]


def named_steps(
    steps: Sequence[Any], names: list[str] | None
) -> Iterator[tuple[Any, list[str] | None]]:
    """Yield each step with the names of the features that it takes.

    Parameters
    ----------
    steps : sequence of transformer
        Fitted.
    names : list of str, or None
        Names of what the first takes; None: they have none.

    Yields
    ------
    step : transformer
    names : list of str, or None
        Some of `names`; None behind a step that makes features of its own.
    """
    for step in steps:
        yield step, names
        names = kept_names(step, names)
