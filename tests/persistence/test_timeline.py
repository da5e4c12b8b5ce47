"""Timelines and what labels taught, in model files: each part is as a fit makes it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from skvas import ActionSegmenter, JointAlignSegment
from skvas.datasets import make_videos
from skvas.exceptions import InvalidParameterError, ModelFileError
from skvas.labels._anchored import AnchoredActions
from skvas.labels._chained import ChainedNaming
from skvas.labels._naming import Naming
from skvas.persistence._timeline import (
    check_actions,
    check_axis,
    check_naming,
    check_outlook,
)

K = 3
DATA = make_videos(4, n_actions=K, n_frames=(20, 30), random_state=0)
Y = [*DATA.labels[:2], None, None]
REFUSED = (ModelFileError, InvalidParameterError)  # both become one as a file is read


def changed(whole, path, change):
    """Return a copy of an object with one of its parts, or a part of that, changed."""
    name, _, rest = path.partition(".")
    part = getattr(whole, name)
    return replace(
        whole, **{name: changed(part, rest, change) if rest else change(part)}
    )


def less(array):
    return array[..., :-1]


def reversed_(array):
    return array[::-1].copy()


def raised(array):
    return array + 1000


def lowered(array):
    return array - 1000


def to(value):
    return lambda _: value


def as_type(dtype):
    return lambda array: array.astype(dtype)


def of_first(name, change):
    return lambda parts: (changed(parts[0], name, change), *parts[1:])


@pytest.fixture(scope="module")
def joint():
    return JointAlignSegment(max_epochs=0, random_state=0).fit(DATA.videos, Y)


@pytest.fixture(scope="module")
def chained():
    return ActionSegmenter(max_epochs=0, random_state=0).fit(DATA.videos, Y)


def n_compared(axis):
    """Return the length of what paths to a template compare, before it is projected."""
    return len(axis.template.discriminants.centre)


@pytest.mark.parametrize(
    ("path", "change"),
    [
        ("moments", reversed_),
        ("moments", raised),
        ("moments", lambda array: np.array([-1, *array[1:]])),
        ("moments", as_type(float)),
        ("order", to(0.5)),
        ("order.value", to("high")),
        ("order.n_videos", to(1)),
        ("order.error", to(1)),
        ("limit", to(0.0)),
        ("limit", to("1GB")),
        ("template", to(None)),
        ("template.frames", less),
        ("template.alignability", less),
        ("template.is_related", less),
        ("template.is_related", as_type(np.int64)),
        ("template.passages", lambda parts: parts[1:]),
        ("template.passages", to((3, 3, 3, 3))),
        ("template.passages", of_first("positions", to(None))),
        ("template.passages", of_first("frames", less)),
        ("template.passages", of_first("costs", less)),
        ("template.passages", of_first("part", to((3, 3)))),
        ("template.passages", of_first("part", to((-1, 3)))),
        ("template.passages", of_first("part", to((0, 10**6)))),
        ("template.passages", of_first("part", to((0.0, 3.0)))),
        ("template.passages", of_first("part", to([0, 3]))),
        ("template.least_share", to(1.5)),
        ("template.directions", lambda _: np.eye(9)),
        ("template.discriminants", to(3)),
        ("template.discriminants.centre", less),
        ("template.discriminants.directions", lambda array: array[1:]),
    ],
)
def test_axis_of_another_make_is_refused(joint, path, change):
    axis = joint.timeline_.model_
    check_axis(axis, n_compared(axis))
    check_axis(replace(axis, order=None), n_compared(axis))
    turned = changed(axis, "template.directions", lambda _: np.eye(n_compared(axis)))
    check_axis(turned, n_compared(axis))
    with pytest.raises(REFUSED):
        check_axis(changed(axis, path, change), n_compared(axis))


@pytest.mark.parametrize(
    ("path", "change"),
    [
        ("cut", to(None)),
        ("cut.actions", less),
        ("cut.actions", lambda array: array + 1),  # one is K then
        ("cut.shares", less),
        ("cut.boundaries", as_type(float)),
        ("cut.confidence", less),
        ("cut.recurring", to(1)),
        ("count", to(None)),
        ("count.n_actions", to(0)),
        ("count.likely", to((0, 3))),
        ("count.likely", to(("2", "3"))),
    ],
)
def test_actions_of_another_make_are_refused(joint, path, change):
    axis = joint.timeline_.model_
    check_actions(axis, K)
    with pytest.raises(REFUSED):
        check_actions(changed(axis, path, change), K)


def test_what_is_no_timeline_is_refused(joint):
    with pytest.raises(ModelFileError, match="timeline_"):
        check_axis(joint.timeline_.model_.template, 9)
    with pytest.raises(ModelFileError, match="timeline_"):
        check_actions(joint.timeline_.model_.template, K)


def naming_of(model):
    timeline = getattr(model, "timeline_", None)
    n_parts = K if timeline is None else len(timeline.model_.moments)
    return model.naming_, range(n_parts, n_parts + 1)


@pytest.mark.parametrize(
    ("path", "change"),
    [
        ("shares", less),
        ("shares", lambda array: array[1:]),
        ("shares", np.negative),
        ("temperature", to(0.0)),
        ("temperature", to("warm")),
        ("weights", less),
        ("bias", less),
        ("by_part", to(-1.0)),
        ("by_frame", to(np.inf)),
    ],
)
def test_naming_of_another_make_is_refused(joint, path, change):
    naming, n_parts = naming_of(joint)
    assert type(naming) is Naming
    check_naming(None, joint.classes_, n_parts, K)
    check_naming(naming, joint.classes_, n_parts, K)
    with pytest.raises(REFUSED):
        check_naming(changed(naming, path, change), joint.classes_, n_parts, K)


@pytest.mark.parametrize(
    ("path", "change"),
    [
        ("temperature", to(0.0)),
        ("told", to(None)),
        ("told.temperature", to(-1.0)),
        ("told.shares", less),
        ("told.vectors", less),
        ("told.extra", less),
        ("told.masses", less),
        ("told.masses", lambda array: np.array([0.0, *array[1:]])),
        ("succession", to(None)),
        ("succession.first", less),
        ("succession.first", np.zeros_like),
        ("succession.follow", less),
        ("succession.follow", np.zeros_like),
        ("succession.durations", less),
        ("succession.durations", np.zeros_like),
        ("succession.weights", less),
        ("succession.bias", less),
        ("succession.correlated", to(-0.1)),
        ("succession.by_look", to(1.1)),
    ],
)
def test_chain_of_names_of_another_make_is_refused(chained, path, change):
    naming, n_parts = naming_of(chained)
    assert (type(naming), type(naming.told)) == (ChainedNaming, AnchoredActions)
    check_naming(naming, chained.classes_, n_parts, K)
    with pytest.raises(REFUSED):
        check_naming(changed(naming, path, change), chained.classes_, n_parts, K)


@pytest.mark.parametrize(
    "names",
    [np.arange(K + 1), np.arange(K + 1) % K, np.zeros(K, int), np.arange(K) / 2],
)
def test_names_of_another_make_are_refused(names):
    with pytest.raises(ModelFileError, match="classes_"):
        check_naming(None, names, range(K, K + 1), K)


@pytest.mark.parametrize(
    ("path", "change"),
    [
        ("distance", as_type(str)),
        ("vectors", less),
        ("video", lowered),
        ("video", lambda array: array + 1),  # one is that of no recording
        ("frame", as_type(float)),
        ("doubt", less),
        ("is_labelled", as_type(np.int64)),
        ("found", lowered),
        ("found", lambda array: array + 1),
        ("rivals", less),
        ("rivals", lowered),
        ("rivals", lambda array: array + 1),
        ("on_template", to(1)),
        ("place", less),
    ],
)
def test_notes_of_another_make_are_refused(joint, path, change):
    outlook, width = joint.outlook_, joint.n_embedding_
    check_outlook(outlook, width, K)
    check_outlook(replace(outlook, place=None), width, K)
    with pytest.raises(ModelFileError, match="outlook_"):
        check_outlook(joint.naming_, width, K)
    with pytest.raises(REFUSED):
        check_outlook(changed(outlook, path, change), width, K)
