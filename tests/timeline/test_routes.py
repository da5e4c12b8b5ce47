"""Positions of a few videos by way of the others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skvas.datasets import make_videos
from skvas.timeline._model import Axis
from skvas.timeline._routes import N_ROUTES, OWN, _add, average_routes
from skvas.timeline._states import position_posteriors
from skvas.timeline._template import build_template
from skvas.videos._frames import unit


@pytest.fixture(scope="module")
def data():
    data = make_videos(
        8, n_actions=4, n_frames=(60, 90), noise=0.8, warp=0.5, random_state=0
    )
    data.frames = [unit(video) for video in data.videos]
    data.template = build_template(data.frames, limit=1e9)
    data.moments = np.arange(len(data.template.frames))
    data.posteriors = [
        position_posteriors(data.template.view(f), data.template.frames, limit=1e9)
        for f in data.frames
    ]
    return data


def routed(data, which, frames=None, template=None, paths=None):
    if frames is None:
        frames = [np.arange(len(data.frames[i])) for i in which]
    return average_routes(
        Axis(template or data.template, data.moments, order=None, limit=1e9),
        paths or data.frames,
        which,
        frames,
        [data.posteriors[i][k] for i, k in zip(which, frames, strict=True)],
    )


def test_video_whose_own_alignment_is_off_is_put_right(data):
    true = data.posteriors[2]
    data.posteriors[2] = np.roll(true, 9, axis=1)
    (found,) = routed(data, [2])
    data.posteriors[2] = true
    middle = slice(15, -15)
    error = np.abs((found - true) @ data.moments)[middle]
    assert error.max() < 9
    # Seven routes against one alignment, which counts as ten.
    assert_allclose(error.mean(), 9 * 10 / 17, atol=0.7)


def test_rows_sum_to_one_and_have_the_frames_asked_for(data):
    frames = [np.array([0, 7, 50]), np.array([3])]
    found = routed(data, [2, 5], frames)
    assert [f.shape for f in found] == [(n, len(data.moments)) for n in (3, 1)]
    for rows in found:
        assert_allclose(rows.sum(axis=1), 1)
    # Half as many routes for each of two videos, yet more than there are partners.
    (alone,) = routed(data, [2], frames[:1])
    assert_array_equal(found[0], alone)


def test_unrelated_videos_are_no_routes(data):
    is_related = np.arange(len(data.frames)) < 3
    template = replace(data.template, is_related=is_related)
    (found,) = routed(data, [0], template=template)
    blank = [*data.frames[:3], *[np.zeros_like(f) for f in data.frames[3:]]]
    (same,) = routed(data, [0], template=template, paths=blank)
    assert_array_equal(found, same)
    assert np.abs(found - routed(data, [0])[0]).max() > 0.1


def test_route_of_a_video_by_itself_is_none(data):
    template = replace(data.template, is_related=np.arange(len(data.frames)) < 2)
    (found,) = routed(data, [0], template=template)
    by_the_other = (OWN + 1) * found - OWN * data.posteriors[0]
    assert (np.count_nonzero(by_the_other > 1e-6, axis=1) <= 2).all()
    assert_allclose(by_the_other.max(axis=1), 0.75, atol=0.26)


def test_few_routes_are_by_videos_from_all_over_the_collection(data):
    which = [0] * (N_ROUTES // 4)  # four routes each
    blank = [*data.frames[:5], *[f[::-1].copy() for f in data.frames[5:]]]
    found, other = (routed(data, which, paths=paths)[0] for paths in (None, blank))
    assert np.abs(found - other).max() > 0.01


def test_place_between_two_moments_is_shared_out():
    total = np.zeros((3, 3))
    _add(total, np.array([0.25, 1.0, 2.0]))
    assert_array_equal(total, [[0.75, 0.25, 0], [0, 1, 0], [0, 0, 1]])


def test_many_videos_need_no_routes(data):
    which = [0] * (N_ROUTES + 1)
    for found in routed(data, which):
        assert_array_equal(found, data.posteriors[0])
