"""The parts of a timeline and of names in a model file, and what is checked of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from skvas.exceptions import ModelFileError
from skvas.labels._anchored import AnchoredActions
from skvas.labels._chained import BY_LOOK, ChainedNaming, Succession
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
from skvas.videos._stored import check_array, check_type

RECORDS: dict[str, Any] = {
    cls.__name__: cls
    for cls in (
        AnchoredActions,
        Axis,
        BlockOrder,
        ChainedNaming,
        Count,
        Cut,
        Discriminants,
        Naming,
        Outlook,
        Passage,
        Succession,
        Template,
        TimelineModel,
    )
}
# Names that parts had in files of before.
FORMER_NAMES = {"BlockOrder": {"n_pairs": "n_videos"}}


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
    check_array("timeline_.moments", moments, (None,), np.int64)
    if moments[0] < 0 or (np.diff(moments) <= 0).any():
        raise ModelFileError("the moments of the timeline are not in order")
    if moments[-1] >= n_positions:
        raise ModelFileError("the moments of the timeline are not on it")
    if axis.order is not None:
        check_type("timeline_.order", axis.order, BlockOrder)
        check_real("order", axis.order.value)
        check_integer("n_videos", axis.order.n_videos, low=2)
        check_type("timeline_.order.error", axis.order.error, float)
    check_type("timeline_.limit", axis.limit, float)
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
    check_type("timeline_", timeline, TimelineModel)
    _check_cut(timeline.cut, len(timeline.moments), n_actions)
    check_type("timeline_.count", timeline.count, Count)
    for value in (timeline.count.n_actions, *timeline.count.likely):
        check_integer("count", value, low=1)


def check_naming(naming: Any, names: Any, n_parts: range, n_actions: int) -> None:
    """Refuse names of actions that no fit makes.

    Parameters
    ----------
    naming : Naming, AnchoredActions, ChainedNaming or None
        What a file says that labels taught.
    names : ndarray of shape (n_actions,)
        Names of the actions.
    n_parts : range
        How many moments of the timeline there may be, or actions found without labels.
    n_actions : int
        Number of actions.
    """
    is_names = names.shape == (n_actions,) and names.dtype.kind in "iU"
    if not is_names or len(np.unique(names)) != n_actions:
        raise ModelFileError("classes_ is not as fit makes it")
    if naming is None:
        return
    if isinstance(naming, ChainedNaming):
        check_real("temperature", naming.temperature, low=0, low_open=True)
        check_type("succession of naming_", naming.succession, Succession)
        _check_succession(naming.succession, n_actions)
        naming = naming.told
    if not isinstance(naming, (Naming, AnchoredActions)):
        raise ModelFileError("naming_ is not as fit makes it")
    check_array("naming_.shares", naming.shares, (None, n_actions), low=0)
    if len(naming.shares) not in n_parts:
        raise ModelFileError("naming_.shares is not as fit makes it")
    check_real("temperature", naming.temperature, low=0, low_open=True)
    if isinstance(naming, AnchoredActions):
        check_array("naming_.vectors", naming.vectors, (None, n_actions))
        check_array("naming_.extra", naming.extra, (n_actions,))
        check_array("naming_.masses", naming.masses, (n_actions,))
        if naming.masses.min() <= 0:
            raise ModelFileError("masses of naming_ are not positive")
        return
    check_array("naming_.weights", naming.weights, (None, n_actions))
    check_array("naming_.bias", naming.bias, (n_actions,))
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
    check_type("outlook_", outlook, Outlook)
    check_array("outlook_.distance", outlook.distance, (None,))
    check_array("outlook_.vectors", outlook.vectors, (None, n_embedding))
    shape = (len(outlook.vectors),)
    check_array("outlook_.video", outlook.video, shape, np.int64, low=0)
    check_array("outlook_.frame", outlook.frame, shape, np.int64)
    check_array("outlook_.doubt", outlook.doubt, shape)
    check_array("outlook_.is_labelled", outlook.is_labelled, shape, np.bool_)
    check_array("outlook_.found", outlook.found, shape, np.int64, low=0)
    check_array("outlook_.rivals", outlook.rivals, (*shape, 2), np.int64, low=0)
    for numbers, bound in (
        (outlook.video, len(outlook.distance)),
        (outlook.found, n_actions),
        (outlook.rivals, n_actions),
    ):
        if (numbers >= bound).any():
            raise ModelFileError("outlook_ is not as fit makes it")
    check_type("outlook_.on_template", outlook.on_template, bool)
    if outlook.place is not None:
        check_array("outlook_.place", outlook.place, shape)


def _check_template(template: Any, n_frame: int) -> None:
    check_type("timeline_.template", template, Template)
    found = template.discriminants
    if template.directions is not None:
        check_array("template.directions", template.directions, (n_frame, None))
        n_frame = template.directions.shape[1]
    n_seen = n_frame
    if found is not None:
        check_type("template.discriminants", found, Discriminants)
        check_array("discriminants.centre", found.centre, (n_frame,))
        # There are none where videos do not differ at a position.
        shape = (n_frame, None)
        check_array("discriminants.directions", found.directions, shape, fewest=0)
        n_seen += found.directions.shape[1]
    check_array("template.frames", template.frames, (None, n_seen))
    check_real("template.least_share", template.least_share, low=0, high=1)
    n_positions, n_videos = len(template.frames), len(template.passages)
    check_array("template.alignability", template.alignability, (n_videos,))
    check_array("template.is_related", template.is_related, (n_videos,), np.bool_)
    for passage in template.passages:
        check_type("a passage", passage, Passage)
        check_array("passage.positions", passage.positions, (None,))
        check_array("passage.frames", passage.frames, (n_positions,))
        check_array("passage.costs", passage.costs, (n_positions,))
        _check_part(passage.part, n_positions)


def _check_part(part: Any, n_positions: int) -> None:
    if part is None:
        return
    check_type("passage.part", part, tuple)
    is_pair = len(part) == 2 and all(type(number) is int for number in part)
    if not is_pair or not 0 <= part[0] < part[1] <= n_positions:
        raise ModelFileError("a passage is not as fit makes it")


def _check_cut(cut: Any, n_moments: int, n_actions: int) -> None:
    check_type("timeline_.cut", cut, Cut)
    check_array("cut.actions", cut.actions, (n_moments,), np.int64, low=0)
    if (cut.actions >= n_actions).any():
        raise ModelFileError("the timeline has actions of no number")
    check_array("cut.shares", cut.shares, (n_moments, n_actions))
    check_array("cut.boundaries", cut.boundaries, (None,), np.int64, fewest=0)
    check_array("cut.confidence", cut.confidence, cut.boundaries.shape, fewest=0)
    check_type("cut.recurring", cut.recurring, bool)


def _check_succession(succession: Succession, n_actions: int) -> None:
    """Refuse what no labelled videos do after what."""
    check_array("naming_.first", succession.first, (n_actions,), low=0)
    check_array("naming_.follow", succession.follow, (n_actions, n_actions), low=0)
    check_array("naming_.durations", succession.durations, (n_actions,), low=0)
    check_array("naming_.weights", succession.weights, (None, n_actions))
    check_array("naming_.bias", succession.bias, (n_actions,))
    check_real("correlated", succession.correlated, low=0)
    check_real("by_look", succession.by_look, low=BY_LOOK, high=1)
    rates = succession.first, succession.follow.sum(axis=1), succession.durations
    if min(rate.min() for rate in rates) <= 0:
        raise ModelFileError("rates of naming_ are not positive")
