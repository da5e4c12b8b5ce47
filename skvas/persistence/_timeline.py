"""The parts of a timeline and of names in a model file, and what is checked of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from skvas.exceptions import ModelFileError
from skvas.labels._anchored import AnchoredActions
from skvas.labels._naming import Naming
from skvas.labels._outlook import Outlook
from skvas.timeline._count import Count
from skvas.timeline._cut import Cut
from skvas.timeline._discriminants import Discriminants
from skvas.timeline._model import Axis, TimelineModel
from skvas.timeline._order import BlockOrder
from skvas.timeline._paths import Passage
from skvas.timeline._template import Template
from skvas.validation import check_integer, check_real

RECORDS: dict[str, Any] = {
    cls.__name__: cls
    for cls in (
        AnchoredActions,
        Axis,
        BlockOrder,
        Count,
        Cut,
        Discriminants,
        Naming,
        Outlook,
        Passage,
        Template,
        TimelineModel,
    )
}


def check_axis(axis: Any, n_frame: int) -> None:
    """Refuse an axis that no fit makes.

    Parameters
    ----------
    axis : Axis
        What a file says; also a TimelineModel, whose actions are not looked at.
    n_frame : int
        Length of the vectors that paths compare.
    """
    if not isinstance(axis, Axis):
        raise ModelFileError("timeline_ is not as fit makes it")
    _check_template(axis.template, n_frame)
    n_positions = len(axis.template.frames)
    moments = axis.moments
    _check_array("moments", moments, (None,), np.int64)
    if (np.diff(moments) <= 0).any() or not 0 <= moments[0] <= moments[-1]:
        raise ModelFileError("the moments of the timeline are not in order")
    if moments[-1] >= n_positions:
        raise ModelFileError("the moments of the timeline are not on it")
    if axis.order is not None:
        _check_kind("order", axis.order, BlockOrder)
        check_real("order", axis.order.value)
        check_integer("n_pairs", axis.order.n_pairs, low=1)
        _check_kind("error", axis.order.error, float)
    _check_kind("limit", axis.limit, float)
    if not axis.limit > 0:
        raise ModelFileError("the timeline has no memory to work in")


def check_actions(timeline: Any, n_actions: int) -> None:
    """Refuse actions of an axis that no fit makes.

    Parameters
    ----------
    timeline : TimelineModel
        What a file says, found to be an axis.
    n_actions : int
        Number of actions.
    """
    _check_kind("timeline_", timeline, TimelineModel)
    _check_cut(timeline.cut, len(timeline.moments), n_actions)
    _check_kind("count", timeline.count, Count)
    for value in (timeline.count.n_actions, *timeline.count.likely):
        check_integer("count", value, low=1)


def check_naming(naming: Any, names: Any, n_parts: int, n_actions: int) -> None:
    """Refuse names of actions that no fit makes.

    Parameters
    ----------
    naming : Naming, AnchoredActions or None
        What a file says that labels taught.
    names : ndarray of shape (n_actions,)
        Names of the actions.
    n_parts : int
        Number of moments of the timeline, or of actions found without labels.
    n_actions : int
        Number of actions.
    """
    is_names = names.shape == (n_actions,) and names.dtype.kind in "iU"
    if not is_names or len(np.unique(names)) != n_actions:
        raise ModelFileError("classes_ is not as fit makes it")
    if naming is None:
        return
    if not isinstance(naming, (Naming, AnchoredActions)):
        raise ModelFileError("naming_ is not as fit makes it")
    _check_array("shares", naming.shares, (n_parts, n_actions), np.floating)
    if naming.shares.min() < 0:
        raise ModelFileError("shares of naming_ are negative")
    check_real("temperature", naming.temperature, low=0, low_open=True)
    if isinstance(naming, AnchoredActions):
        _check_array("vectors", naming.vectors, (None, n_actions), np.floating)
        _check_array("extra", naming.extra, (n_actions,), np.floating)
        _check_array("masses", naming.masses, (n_actions,), np.floating)
        if naming.masses.min() <= 0:
            raise ModelFileError("masses of naming_ are not positive")
        return
    _check_array("weights", naming.weights, (None, n_actions), np.floating)
    _check_array("bias", naming.bias, (n_actions,), np.floating)
    for weight in (naming.by_part, naming.by_frame):
        check_real("a weight of naming_", weight, low=0)


def check_outlook(outlook: Any, n_embedding: int, n_actions: int) -> None:
    """Refuse notes for `query` that no fit makes.

    Parameters
    ----------
    outlook : Outlook
        What a file says.
    n_embedding, n_actions : int
        Sizes of the model.
    """
    _check_kind("outlook_", outlook, Outlook)
    _check_array("distance", outlook.distance, (None,), np.floating)
    _check_array("vectors", outlook.vectors, (None, n_embedding), np.floating)
    shape = (len(outlook.vectors),)
    for name, kind in (
        ("video", np.int64),
        ("frame", np.int64),
        ("doubt", np.floating),
    ):
        _check_array(name, getattr(outlook, name), shape, kind)
    _check_array("is_labelled", outlook.is_labelled, shape, np.bool_)
    _check_array("found", outlook.found, shape, np.int64)
    _check_array("rivals", outlook.rivals, (*shape, 2), np.int64)
    for numbers, bound in (
        (outlook.video, len(outlook.distance)),
        (outlook.found, n_actions),
        (outlook.rivals, n_actions),
    ):
        if not ((numbers >= 0) & (numbers < bound)).all():
            raise ModelFileError("outlook_ is not as fit makes it")
    _check_kind("on_template", outlook.on_template, bool)
    if outlook.place is not None:
        _check_array("place", outlook.place, shape, np.floating)


def _check_template(template: Any, n_frame: int) -> None:
    _check_kind("template", template, Template)
    found = template.discriminants
    if template.directions is not None:
        shape = (n_frame, None)
        _check_array("directions", template.directions, shape, np.floating)
        n_frame = template.directions.shape[1]
    n_seen = n_frame
    if found is not None:
        _check_kind("discriminants", found, Discriminants)
        _check_array("centre", found.centre, (n_frame,), np.floating)
        _check_array("directions", found.directions, (n_frame, None), np.floating)
        n_seen += found.directions.shape[1]
    _check_array("frames", template.frames, (None, n_seen), np.floating)
    n_positions, n_videos = len(template.frames), len(template.passages)
    _check_array("alignability", template.alignability, (n_videos,), np.floating)
    _check_array("is_related", template.is_related, (n_videos,), np.bool_)
    for passage in template.passages:
        _check_kind("passage", passage, Passage)
        _check_array("positions", passage.positions, (None,), np.floating)
        _check_array("frames", passage.frames, (n_positions,), np.floating)
        _check_array("costs", passage.costs, (n_positions,), np.floating)


def _check_cut(cut: Any, n_moments: int, n_actions: int) -> None:
    _check_kind("cut", cut, Cut)
    _check_array("actions", cut.actions, (n_moments,), np.int64)
    if not ((cut.actions >= 0) & (cut.actions < n_actions)).all():
        raise ModelFileError("the timeline has actions of no number")
    _check_array("shares", cut.shares, (n_moments, n_actions), np.floating)
    _check_array("boundaries", cut.boundaries, (None,), np.int64, fewest=0)
    n_boundaries = len(cut.boundaries)
    _check_array("confidence", cut.confidence, (n_boundaries,), np.floating, fewest=0)
    _check_kind("recurring", cut.recurring, bool)


def _check_kind(name: str, value: Any, kind: type) -> None:
    if type(value) is not kind:
        raise ModelFileError(f"{name} of the timeline is no {kind.__name__}")


def _check_array(
    name: str,
    value: Any,
    shape: tuple[int | None, ...],
    kind: Any,
    *,
    fewest: int = 1,
) -> None:
    """Check type, shape (None is any length) and that all is finite."""
    is_such = isinstance(value, np.ndarray) and np.issubdtype(value.dtype, kind)
    if not is_such or value.ndim != len(shape) or len(value) < fewest:
        raise ModelFileError(f"{name} of the timeline is not as fit makes it")
    if any(want not in (None, n) for n, want in zip(value.shape, shape, strict=True)):
        raise ModelFileError(f"{name} of the timeline has shape {value.shape}")
    if not np.isfinite(value).all():
        raise ModelFileError(f"{name} of the timeline is not finite")
