"""The tasks by name. Add one here, in a file of its own, or from outside skvas."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from skvas.tasks._alignment import AlignmentTask
from skvas.tasks._segmentation import SegmentationTask
from skvas.tasks._vava import VAVATask

# A task is a frozen dataclass with the methods `solve` and `loss`. Its fields are
# parameters of the estimators, by name, or have defaults.
SEGMENTATION_TASKS: dict[str, Any] = {"asot": SegmentationTask}
ALIGNMENT_TASKS: dict[str, Any] = {"vaot": AlignmentTask, "vava": VAVATask}


def make_task(cls: Any, values: Mapping[str, Any]) -> Any:
    """Make a task of those values that it has fields for."""
    return cls(**{f.name: values[f.name] for f in fields(cls) if f.name in values})


def fields_beside(method: str) -> set[str]:
    """Return the fields that other alignment tasks have, and that of a method not."""
    known = {n: {f.name for f in fields(cls)} for n, cls in ALIGNMENT_TASKS.items()}
    return set().union(*known.values()) - known[method]
