"""Poses as they come."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skvas.exceptions import ModelFileError
from skvas.preprocessing import PoseFeatures
from skvas.preprocessing._bodies import PoseStream
from skvas.preprocessing._last_seen import FADES
from skvas.preprocessing._poses import find_bodies

WAYS = [
    {},
    {"turn": (0, 1)},
    {"turn": (0, 1), "up": 2},
    {"scale": "frame"},
    {"scale": None, "center": None},
    {"center": [0, 1]},
    {"n_bodies": 2},
    {"velocity_span": 1},
    {"velocity": False},
]


guessed = pytest.mark.filterwarnings("ignore:.*of the positions are missing")


def walk(n_frames=60, seed=0):
    """Return a body of eight points that wander."""
    rng = np.random.default_rng(seed)
    return np.cumsum(rng.normal(size=(n_frames, 8, 3)), axis=0)


def with_gaps():
    pose = walk()
    pose[:4] = pose[30:33] = np.nan
    pose[4:8, 0] = pose[5:20, 2] = pose[40:, 1] = pose[:, 5] = np.nan
    return pose


def causal(layout="xyz", **parameters):
    return PoseFeatures(layout, causal=True, **parameters).fit([walk()])


def rows(pose):
    return pose.reshape(len(pose), -1)


@pytest.mark.parametrize("size", [1, 7])
@pytest.mark.parametrize("way", WAYS, ids=str)
def test_pieces_of_any_size_equal_the_whole_bit_for_bit(way, size):
    features, frames = causal(**way), rows(with_gaps())
    whole = features.stream().push(frames)
    stream, pieces = features.stream(), []
    for start in range(0, len(frames), size):
        pieces.append(stream.push(frames[start : start + size]))
        assert len(stream.push(frames[:0])) == 0
        state, stream = stream.state(), features.stream()
        stream.restore(state)
    assert_array_equal(np.concatenate(pieces), whole)
    assert np.isfinite(whole).all()


@guessed
@pytest.mark.parametrize("way", WAYS, ids=str)
def test_stream_is_as_transform_and_looks_at_no_later_frame(way):
    features, pose = causal(**way), with_gaps()
    (found,) = features.transform([pose])
    assert_array_equal(features.stream().push(rows(pose)).astype(np.float32), found)
    pose[35:] = 7.0
    (changed,) = features.transform([pose])
    assert_array_equal(changed[:35], found[:35])
    assert (changed[35] != found[35]).any()


def test_recording_without_gaps_and_of_one_size_is_placed_as_ever():
    still = {"velocity": False, "turn": (0, 1)}
    body = walk(1)[0] - walk(1)[0].mean(axis=0)
    pose = body + np.arange(40.0)[:, None, None]
    (found,) = causal(**still).transform([pose])
    assert_allclose(found, PoseFeatures("xyz", **still).fit_transform([pose])[0])


@pytest.mark.parametrize("scale", ["frame", "recording"])
def test_place_and_size_do_not_matter(scale):
    features, pose = causal(scale=scale), walk()
    near, far = features.transform([pose, 3 * pose + [400.0, -80.0, 2.0]])
    assert_allclose(near, far, atol=1e-4)


def test_size_is_the_geometric_mean_up_to_each_frame():
    body = np.array([[1.0, 0.0], [-1.0, 0.0]])
    pose = np.arange(1.0, 7)[:, None, None] * body  # of sizes 1 to 6
    features = PoseFeatures("xy", causal=True, velocity=False)
    (found,) = features.fit_transform([pose])
    sizes = np.arange(1.0, 7)
    mean = np.exp(np.cumsum(np.log(sizes)) / sizes)
    assert_allclose(found[:, 0], sizes / mean, rtol=1e-6)


@guessed
def test_points_that_are_missing_do_not_shrink_a_body():
    square = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
    pose = np.tile(square, (6, 1, 1))
    pose[4, [1, 3]] = np.nan
    features = PoseFeatures("xy", causal=True, scale="frame", velocity=False)
    (found,) = features.fit_transform([pose])
    assert_allclose(found[4, [0, 1, 4, 5]], [1, 0, -1, 0])


@pytest.mark.parametrize(("span", "reach"), [(1, 1), (2, 2), (8, 8), (9, 8)])
def test_velocity_is_measured_over_as_many_earlier_frames(span, reach):
    square = np.arange(30.0) ** 2
    pose = square[:, None, None] * [1.0, 0.0] + [[0, 3], [0, -3]]
    features = PoseFeatures("xy", causal=True, velocity_span=span)
    (found,) = features.fit_transform([pose])
    start = np.maximum(np.arange(30) - reach, 0)
    steps = np.maximum(np.arange(30) - start, 1)
    assert_allclose(found[:, -2], (square - square[start]) / steps / 3, rtol=1e-5)


@guessed
def test_body_that_comes_into_view_does_not_dash_there():
    pose = walk() / 100 + [1000.0, 0.0, 0.0]
    pose[:20] = np.nan
    (found,) = causal().transform([pose])
    assert_array_equal(found[:20], 0)
    (later,) = causal().transform([pose[20:]])
    assert_array_equal(found[20:], later)


def test_points_stand_in_for_the_centre_before_it_is_seen():
    pose = walk()
    pose[:40, 0] = np.nan
    features = causal(center=[0], velocity=False)
    (found,) = features.transform([pose])
    (others,) = causal(velocity=False).transform([pose])
    assert_array_equal(found[:40], others[:40])
    assert_array_equal(found[40:, :3], 0)


def test_one_point_far_away_does_not_spoil_the_size():
    pose, wrong = walk(120), walk(120)
    wrong[2, 3] *= 1000
    right, spoilt = causal(velocity=False).transform([pose, wrong])
    share = np.linalg.norm(spoilt[100:], axis=1) / np.linalg.norm(right[100:], axis=1)
    assert share.min() > 0.9


@guessed
def test_missing_point_goes_from_its_last_place_to_its_mean_one():
    pose = np.tile([[3.0, 1.0], [-3.0, 1.0], [0.0, -2.0]], (60, 1, 1))
    pose[10:20, 2, 1] = -5.0
    pose[20:, 2] = np.nan
    features = PoseFeatures("xy", causal=True, scale=None, velocity=False)
    (found,) = features.fit_transform([pose])
    in_body = (10 * -2.0 + 10 * -4.0) / 20
    left = np.exp(-np.arange(1, 41) / FADES)
    assert_allclose(found[20:, 5], in_body + (-4.0 - in_body) * left, rtol=1e-6)


@guessed
def test_unsure_points_are_missing():
    sure, unsure = with_gaps(), with_gaps()
    confidence = np.where(np.isnan(sure[..., :1]), 0.2, 0.9)
    unsure[np.isnan(unsure)] = 99.0
    confidence[:, 5] = np.nan
    features = PoseFeatures("xyzc", causal=True)
    (found,) = features.fit_transform([np.dstack([unsure, confidence])])
    assert_array_equal(found, causal().transform([sure])[0])


def test_velocity_of_the_place_is_there_where_bodies_are_placed():
    widths = {"mean": 24 + 24 + 3, None: 24 + 24}
    for center, width in widths.items():
        found = causal(center=center).stream().push(rows(walk()))
        assert found.shape == (60, width)


def test_many_missing_points_are_warned_of():
    pose = walk()
    pose[::2, :4] = np.nan
    with pytest.warns(UserWarning, match=r"^25% of .* missing, and are guessed\.$"):
        causal().transform([pose])


def test_stream_is_there_for_what_needs_no_later_frame():
    assert not hasattr(PoseFeatures("xyz"), "stream")
    assert isinstance(causal().stream(), PoseStream)


def test_older_streams_know_of_no_usual_offsets():
    features, frames = causal(), rows(walk())
    stream, older = features.stream(), features.stream()
    stream.push(frames[:30])
    state = stream.state()
    del state["usual"]
    older.restore(state)
    assert_array_equal(older.push(frames[30:]), stream.push(frames[30:]))


@guessed
def test_point_that_comes_late_does_not_move_a_body_that_is_half_hidden():
    pose = np.tile(walk()[:1], (60, 1, 1))
    pose[:30, 6] = pose[20:, 3:6] = pose[:, 7] = np.nan
    (found,) = causal(scale=None, velocity=False).transform([pose])
    place = pose[:, :3] - found[:, :9].reshape(60, 3, 3)
    assert_allclose(place, np.broadcast_to(place[:1], place.shape), atol=1e-5)


@guessed
def test_streams_place_hidden_bodies_by_the_mean_of_frames_that_showed_all():
    pose = walk(1) + walk() / 100
    pose[40:, 5:] = np.nan
    (found,) = causal(scale=None, velocity=False).transform([pose])
    around = (pose - pose.mean(axis=1, keepdims=True))[:40].mean(axis=0)
    place = (pose[40:] - around)[:, :5].mean(axis=1, keepdims=True)
    seen = (pose[40:] - place)[:, :5].reshape(20, 15)
    assert_allclose(found[40:, :15], seen, rtol=1e-4, atol=1e-5)


def broken(state, change):
    change(state)
    return state


@pytest.mark.parametrize(
    "change",
    [
        lambda state: state.pop("past"),
        lambda state: state["last"].update(tail=np.zeros(3)),
        lambda state: state["last"].update({"place 0": np.zeros(2)}),
        lambda state: state["past"].update({"change 0": np.full((2, 24), np.nan)}),
        lambda state: state["past"].update({"change 0": np.zeros((2, 3))}),
        lambda state: state["seen"].update({"shape 0": [np.zeros(24)] * 3}),
        lambda state: state["usual"].update({"tail": state["usual"]["place 0"]}),
        lambda state: state["usual"].update({"place 0": [np.zeros(24)] * 2}),
        lambda state: state["usual"].update({"place 0": [np.zeros(24)] * 3}),
        lambda state: state["usual"]["place 0"].__setitem__(0, np.full(24, np.nan)),
        lambda state: state["usual"]["place 0"].__setitem__(1, np.full(24, -1.0)),
        lambda state: state["usual"]["size 0"].__setitem__(1, np.zeros(24)),
        lambda state: state["sizes"].update({"size 0": [np.inf, 3]}),
        lambda state: state["sizes"].update({"size 0": [1.0, -3]}),
        lambda state: state["sizes"].update({"size 7": [1.0, 3]}),
    ],
)
def test_state_that_no_stream_has_is_refused(change):
    stream = PoseStream(find_bodies(causal()))
    stream.push(rows(walk()))
    with pytest.raises((ModelFileError, KeyError, ValueError)):
        stream.restore(broken(stream.state(), change))
