"""The three estimators, small and quick, and small videos for them."""

from __future__ import annotations

import copy
import functools
import inspect

import numpy as np

from skvas import (
    ActionSegmenter,
    Aligning,
    JointAlignSegment,
    Segmenting,
    Training,
    VideoAligner,
)
from skvas.datasets import make_videos

ESTIMATORS = [ActionSegmenter, VideoAligner, JointAlignSegment]
SEGMENTERS = [ActionSegmenter, JointAlignSegment]
ALIGNERS = [VideoAligner, JointAlignSegment]


def shared_out(values):
    """Pair the joint model with each value, and each other estimator with every other.

    For tests whose values and estimators need not all meet.
    """
    values = list(values)
    return [
        *((JointAlignSegment, value) for value in values),
        *((ActionSegmenter, value) for value in values[::2]),
        *((VideoAligner, value) for value in values[1::2]),
    ]


def two_actions_each(n_videos):
    """Make videos of 40 frames and two actions, which only the neighbours have too."""
    eye, rng = np.eye(n_videos, dtype=np.float32), np.random.RandomState(0)
    labels = [np.repeat([k, (k + 1) % n_videos], 20) for k in range(n_videos)]
    noise = 0.01 * rng.standard_normal((n_videos, 40, n_videos)).astype(np.float32)
    return [eye[y] + off for y, off in zip(labels, noise, strict=True)], labels


QUICK = {
    "n_actions": 3,
    "n_refine": 2,
    "max_epochs": 2,
    "n_frames": 24,
    "batch_size": 3,
    "max_iter": 8,
    "device": "cpu",
    "random_state": 0,
}


GROUPS = {"segmenting": Segmenting, "aligning": Aligning, "training": Training}


def grouped(cls, **parameters):
    """Put parameters into the groups that have them; all groups with that name."""
    known = inspect.signature(cls).parameters
    arranged = {name: value for name, value in parameters.items() if name in known}
    for name, value in parameters.items():
        if name in known:
            continue
        if "__" in name:
            group, _, name = name.partition("__")
            arranged.setdefault(group, {})[name] = value
            continue
        homes = [
            group
            for group, kind in GROUPS.items()
            if group in known and name in inspect.signature(kind).parameters
        ]
        assert homes, f"{cls.__name__} has no parameter {name}"
        for group in homes:
            home = arranged.setdefault(group, {})
            if isinstance(home, dict):  # else the test has given the group itself
                home[name] = value
    return {
        name: GROUPS[name](**value)
        if name in GROUPS and isinstance(value, dict)
        else value
        for name, value in arranged.items()
    }


def quick(cls, **parameters):
    """Make an estimator that is fitted in a fraction of a second.

    Parameters of groups may be given by their own names.
    """
    known = _flat_names(cls)
    defaults = {name: value for name, value in QUICK.items() if name in known}
    return cls(**grouped(cls, **defaults | parameters))


def _flat_names(cls):
    own = set(inspect.signature(cls).parameters)
    groups = [kind for group, kind in GROUPS.items() if group in own]
    return own.union(*(inspect.signature(kind).parameters for kind in groups))


def small_data(n_videos=5, **options):
    """Make videos of 30 to 40 frames, 5 features and 3 actions."""
    defaults = {
        "n_actions": 3,
        "n_frames": (30, 40),
        "n_features": 5,
        "noise": 0.2,
        "random_state": 0,
    }
    return make_videos(n_videos, **defaults | options)


def small_videos(n_videos=5, **options):
    return small_data(n_videos, **options).videos


def once(make):
    """Call a function once for the same arguments, and return copies; a decorator.

    For tests of what comes after a fit; arguments are to be hashable.
    """
    make_once = functools.cache(make)

    @functools.wraps(make)
    def copied(*args, **parameters):
        return copy.deepcopy(make_once(*args, **parameters))

    return copied


@once
def fitted_once(cls, **parameters):
    """Fit a quick estimator to `small_videos()`."""
    return quick(cls, **parameters).fit(small_videos())


def outputs(estimator, videos):
    """Return all that an estimator says of videos, as one list of arrays a method."""
    found = {}
    for method in ("predict", "predict_proba", "transform", "match"):
        if hasattr(estimator, method):
            results = getattr(estimator, method)(videos)
            single = isinstance(results, np.ndarray) and results.dtype != object
            found[method] = [results] if single else list(results)
    return found


def assert_same_outputs(found, expected):
    """Require equality bit for bit."""
    assert found.keys() == expected.keys()
    for method, results in expected.items():
        assert len(found[method]) == len(results)
        for ours, theirs in zip(found[method], results, strict=True):
            np.testing.assert_array_equal(ours, theirs, err_msg=method)


def assert_same_state(estimator, before):
    """Require the very attributes of before."""
    now = vars(estimator)
    assert now.keys() == before.keys()
    assert all(now[name] is value for name, value in before.items())


def plain_params(estimator):
    """Return all parameters, those of groups by their names, without the groups."""
    return {
        name: value
        for name, value in estimator.get_params().items()
        if not isinstance(value, tuple(GROUPS.values()))
    }


class Counted(str):
    """A name that counts how often it is compared with others."""

    n = 0
    __hash__ = str.__hash__

    def __eq__(self, other):
        Counted.n += 1
        return str.__eq__(self, other)
