"""Gaps and poses."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.decomposition import PCA
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import skvas
from skvas import ActionSegmenter, JointAlignSegment, Recordings, VideoAligner
from skvas.preprocessing import (
    Framewise,
    Interpolate,
    PoseFeatures,
    VideoStandardizer,
    WhitenedViews,
)
from skvas.preprocessing._bodies import Whole
from skvas.preprocessing._framewise import takes_nan
from skvas.preprocessing._last_seen import FADES, PRIOR

RNG = np.random.default_rng(0)
POSE = np.cumsum(RNG.normal(size=(60, 7, 3)), axis=0)


@parametrize_with_checks(
    [Interpolate(), Interpolate(causal=True)],
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


# Gaps


def test_gaps_are_closed_by_straight_lines_and_ends_repeated():
    video = np.array([[np.nan], [1.0], [np.nan], [np.nan], [4.0], [np.nan]])
    (closed,) = Interpolate().fit_transform([video])
    assert_allclose(closed.ravel(), [1, 1, 2, 3, 4, 4])


def test_one_number_closes_all_gaps():
    lone = np.array([[np.nan]] * 3 + [[2.0]] + [[np.nan]] * 9)
    assert_array_equal(Interpolate().fit_transform([lone])[0], 2)
    assert_array_equal(Interpolate().fit_transform([lone[3:]])[0], 2)


def test_longer_gaps_stay():
    video = np.array([[0.0, 0.0], [np.nan] * 2, [np.nan, 2.0], [3.0, 3.0]])
    (closed,) = Interpolate(max_gap=1).fit_transform([video])
    assert np.isnan(closed[1:3, 0]).all()
    assert_allclose(closed[:, 1], [0, 1, 2, 3])


def test_gaps_are_closed_by_earlier_frames_alone():
    video = np.array([[np.nan], [6.0], [8.0], [np.nan], [np.nan], [3.0]])
    features = Interpolate(causal=True).fit([np.array([[1.0], [np.nan], [3.0]])])
    (closed,) = features.transform([video])
    mean = 2.0 + (4 + 6) / (2 + PRIOR)
    left = np.exp(-np.arange(1, 3) / FADES)
    assert_allclose(closed[:3, 0], [2, 6, 8])
    assert_allclose(closed[3:5, 0], mean + (8 - mean) * left)
    assert closed[5, 0] == 3.0
    (same,) = features.transform([video.astype(np.float32)])
    assert same.dtype == np.float32


def test_gaps_are_closed_as_frames_come():
    rng = np.random.default_rng(0)
    video = rng.normal(5, 1, size=(40, 3))
    video[rng.random(video.shape) < 0.3] = np.nan
    features = Interpolate(causal=True).fit([video])
    (whole,) = features.transform([video])
    assert np.isfinite(whole).all()
    stream, pieces = features.stream(), []
    for start in range(0, 40, 7):
        pieces.append(stream.push(video[start : start + 7]))
        state, stream = stream.state(), features.stream()
        stream.restore(state)
    assert_array_equal(np.concatenate(pieces), whole)
    assert not hasattr(Interpolate(), "stream")


def test_causal_gaps_have_no_longest_one():
    with pytest.raises(ValueError, match="max_gap must be None .* got 3"):
        Interpolate(3, causal=True).fit([POSE[:, 0]])
    features = Interpolate(causal=True).fit([POSE[:, 0]]).set_params(causal=False)
    assert not hasattr(features.fit([POSE[:, 0]]), "mean_")


def test_videos_without_gaps_are_unchanged_and_without_numbers_stay_empty():
    full, empty = np.ones((3, 2)), np.full((3, 2), np.nan)
    found = Interpolate().fit_transform([full, empty])
    assert_array_equal(found[0], full)
    assert np.isnan(found[1]).all()


def test_recordings_keep_their_names():
    recordings = Recordings(
        [POSE, POSE[:9]], ["a", "b"], fps=30, feature_names=list("abcde")
    )
    for transformer in (Interpolate(), PoseFeatures()):
        found = transformer.fit_transform(recordings)
        assert (found.names, found.fps) == (["a", "b"], [30, 30])
        assert found.feature_names is None


@pytest.mark.parametrize(
    "transformer",
    [
        Interpolate(),
        VideoStandardizer(),
        Framewise(StandardScaler()),
        Framewise(StandardScaler(), per_video=True),
        make_pipeline(Interpolate(), VideoStandardizer()),
    ],
)
def test_features_that_go_on_one_to_one_keep_their_names(transformer):
    videos = RNG.normal(size=(2, 9, 2))
    recordings = Recordings(videos, ["a", "b"], feature_names=["knee", "hip"])
    found = transformer.fit_transform(recordings)
    assert found.feature_names == ["knee", "hip"]
    assert transformer.fit_transform(Recordings(videos)).feature_names is None


@pytest.mark.parametrize(
    "transformer",
    [
        PoseFeatures("xy"),
        Framewise(PCA()),
        Framewise(make_pipeline(StandardScaler(), FunctionTransformer(np.abs))),
    ],
)
def test_features_that_become_others_lose_their_names(transformer):
    first, second = RNG.normal(size=(9, 2)), RNG.normal(size=(8, 2))
    second[:, 0] = 1.0
    recordings = Recordings([first, second], feature_names=["knee", "hip"])
    assert transformer.fit_transform(recordings).feature_names is None


@pytest.mark.parametrize(
    ("transformer", "takes"),
    [
        (SimpleImputer(), True),
        (Framewise(SimpleImputer()), True),
        (make_pipeline(SimpleImputer(), StandardScaler(), WhitenedViews()), True),
        (make_pipeline(StandardScaler(), WhitenedViews()), False),
        (make_pipeline(Interpolate(), WhitenedViews()), True),
        (PoseFeatures(), True),
        (WhitenedViews(), False),
        ("whitened", False),
        (None, False),
    ],
)
def test_what_takes_nan(transformer, takes):
    assert takes_nan(transformer) is takes


# Poses


guessed = pytest.mark.filterwarnings("ignore:.*of the positions are missing")


def still(*args, **parameters):
    return PoseFeatures(*args, velocity=False, **parameters)


def test_place_and_size_do_not_matter():
    features = still().fit(POSE[None].tolist())
    near, far = features.transform([POSE, 3 * POSE + [5.0, -80.0, 2.0]])
    assert_allclose(near, far, atol=1e-5)
    assert_allclose(near.reshape(60, 7, 3).mean(axis=1), 0, atol=1e-5)


def test_what_is_not_asked_for_is_not_done():
    features = still(center=None, scale=None)
    (found,) = features.fit_transform([POSE])
    assert_allclose(found, POSE.reshape(60, 21), rtol=1e-6)


def test_body_is_placed_at_the_points_of_choice():
    (found,) = still(center=[1, 2]).fit_transform([POSE])
    found = found.reshape(60, 7, 3)
    assert_allclose(found[:, 1], -found[:, 2], atol=1e-5)


@pytest.mark.parametrize("scale", ["frame", "recording"])
def test_positions_that_stay_where_they_are_are_in_sizes_of_the_body(scale):
    features = still(center=None, scale=scale).fit([POSE])
    near, far = features.transform([POSE, 3 * POSE])
    assert_allclose(near, far, atol=1e-4)


def test_body_that_shrinks_to_a_point_keeps_its_usual_size():
    pose = np.full((5, 2, 2), 10.0)
    pose[:, :, 0] += [-2, 2]
    pose[3] = 10
    (found,) = still("xy", center=None, scale="frame").fit_transform([pose])
    assert_allclose(found[3], 5)
    assert_allclose(found[0], [4, 5, 6, 5])


@pytest.mark.parametrize("up", [0, 1, 2])
def test_turned_bodies_face_one_way(up):
    angle = np.linspace(0, 3, 60)
    a, b = [axis for axis in range(3) if axis != up]
    turned = POSE.copy()
    turned[..., a] = np.cos(angle)[:, None] * POSE[..., a]
    turned[..., a] -= np.sin(angle)[:, None] * POSE[..., b]
    turned[..., b] = np.sin(angle)[:, None] * POSE[..., a]
    turned[..., b] += np.cos(angle)[:, None] * POSE[..., b]
    features = still(turn=(0, 1), up=up)
    one, other = features.fit_transform([POSE, turned])
    assert_allclose(one, other, atol=1e-4)
    direction = one.reshape(60, 7, 3)[:, 1] - one.reshape(60, 7, 3)[:, 0]
    assert (direction[:, a] > 0).all()
    assert_allclose(direction[:, b], 0, atol=1e-5)


@pytest.mark.parametrize(
    ("layout", "up"), [("xyz", 0), ("xyz", 1), ("xyz", 2), ("xy", 1)]
)
def test_bodies_that_walk_look_the_same_to_a_camera_that_is_turned(layout, up):
    rng = np.random.default_rng(0)
    n_axes = len(layout)
    plane = [0, 1] if n_axes == 2 else [axis for axis in range(3) if axis != up]
    two = np.concatenate([POSE, POSE[::-1] + 3], axis=1)[..., :n_axes]
    walking = two + np.cumsum(rng.normal(size=(60, 1, n_axes)), axis=0)
    rotation = np.eye(n_axes)
    rotation[np.ix_(plane, plane)] = [[0.6, -0.8], [0.8, 0.6]]
    features = PoseFeatures(layout, n_bodies=2, turn=(0, 1), up=up)
    one, other = features.fit_transform([walking, walking @ rotation.T])
    assert_allclose(one, other, atol=1e-4)
    unlike = PoseFeatures(layout, n_bodies=2, up=up)
    one, other = unlike.fit_transform([walking, walking @ rotation.T])
    assert np.abs(one[:, -n_axes:] - other[:, -n_axes:]).max() > 0.05


def test_flat_bodies_are_turned_in_their_plane():
    angle = 1.0
    rotation = np.array(
        [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    )
    flat = POSE[..., :2]
    one, other = still(turn=(0, 1)).fit_transform([flat, flat @ rotation.T])
    assert_allclose(one, other, atol=1e-4)


def test_unsure_points_are_left_out_and_interpolated():
    confidence = np.ones((60, 7, 1))
    wrong = POSE.copy()
    wrong[30, 2], confidence[30, 2] = 1e6, 0.1
    (found,) = still("xyzc").fit_transform([np.dstack([wrong, confidence])])
    straight = POSE.copy()
    straight[30, 2] = (POSE[29, 2] + POSE[31, 2]) / 2
    assert_allclose(found, still().fit_transform([straight])[0], atol=1e-5)


def test_points_that_are_long_gone_take_their_mean_place_in_the_body():
    gone = POSE.copy()
    gone[10:50, 3] = np.nan
    gone[:, 4] = np.nan
    with pytest.warns(UserWarning, match="24%"):
        (found,) = still(max_gap=5).fit_transform([gone])
    found = found.reshape(60, 7, 3)
    assert np.isfinite(found).all()
    seen = np.r_[0:10, 50:60]
    expected = np.broadcast_to(found[seen, 3].mean(axis=0), (40, 3))
    assert_allclose(found[10:50, 3], expected, atol=1e-5)
    assert_array_equal(found[:, 4], 0)


def test_point_that_is_never_seen_is_at_the_centre_of_a_body_that_stays():
    pose = POSE.copy()
    pose[:, 4] = np.nan
    pose[20:50, 2] = np.nan
    with pytest.warns(UserWarning, match="are missing"):
        (found,) = still(center=None, scale=None, max_gap=5).fit_transform([pose])
    found = found.reshape(60, 7, 3)
    centre, shown = np.nanmean(pose, axis=1), ~np.isnan(pose[:, 2, 0])
    assert_allclose(found[shown, 4], centre[shown], rtol=1e-5, atol=1e-5)
    in_body = np.mean((pose[:, 2] - centre)[shown], axis=0)
    expected = found[20:50, 4] + in_body
    assert_allclose(found[20:50, 2], expected, rtol=1e-4, atol=1e-4)


@guessed
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize(
    "way", [{}, {"scale": "frame"}, {"center": [0, 6]}, {"center": None}], ids=str
)
def test_body_that_stands_still_does_so_while_half_of_it_is_hidden(way, causal):
    pose = np.tile(POSE[:1] + 20, (60, 1, 1))
    pose[25:45, 3:] = np.nan
    features = PoseFeatures("xyz", max_gap=0, causal=causal, **way)
    (found,) = features.fit_transform([pose])
    assert_allclose(found, np.broadcast_to(found[:1], found.shape), atol=1e-4)
    assert_allclose(found[:, 21:], 0, atol=1e-6)


@guessed
def test_body_stays_where_no_frame_shows_all_points():
    pose = np.tile(POSE[:1] + 20, (60, 1, 1))
    pose[:30, :3] = pose[20:45, 4] = pose[40:, 5:] = np.nan
    features = PoseFeatures("xyz", max_gap=0, scale="frame")
    (found,) = features.fit_transform([pose])
    assert_allclose(found, np.broadcast_to(found[:1], found.shape), atol=1e-4)


@guessed
@pytest.mark.parametrize("causal", [False, True])
def test_frames_that_show_all_points_are_placed_as_without_gaps(causal):
    pose = POSE.copy()
    pose[25:45, 3:] = np.nan
    shown = np.r_[:25, 45:60]
    features = still("xyz", max_gap=0, causal=causal, scale=None)
    (found,), (whole,) = (features.fit_transform([x]) for x in (pose, POSE))
    assert_array_equal(found[shown], whole[shown])


@guessed
def test_points_never_seen_together_are_placed_each_by_themselves():
    pose = POSE.copy()
    pose[:30, :3] = pose[30:, 3:] = np.nan
    (found,) = still(max_gap=0, scale=None).fit_transform([pose])
    found = found.reshape(60, 7, 3)
    assert_allclose(found[:30, 3:].mean(axis=1), 0, atol=1e-5)
    assert_allclose(found[30:, :3].mean(axis=1), 0, atol=1e-5)


@guessed
@pytest.mark.parametrize("causal", [False, True])
def test_bodies_that_turn_around_are_placed_at_the_points_that_are_seen(causal):
    angle = np.arange(60) * np.pi / 5
    direction = np.stack([np.cos(angle), np.sin(angle)], axis=-1)[:, None]
    pose = np.array([[3.0], [1.0], [-2.0], [-4.0]]) * direction
    pose[40:46, 2:] = np.nan
    features = still("xy", max_gap=0, scale=None, causal=causal)
    (found,) = features.fit_transform([pose])
    assert_allclose(found[40:46, :2], direction[40:46, 0], atol=1e-6)


@guessed
@pytest.mark.parametrize("causal", [False, True])
def test_size_of_a_frame_is_by_the_points_that_it_shows(causal):
    body = POSE[0] - POSE[0].mean(axis=0)
    sizes = np.linspace(1, 1.3, 60)[:, None, None]
    pose = sizes * body
    pose[25:45, [0, 4, 5]] = np.nan
    features = still("xyz", max_gap=0, scale="frame", center=[1], causal=causal)
    (found,), (whole,) = (features.fit_transform([x]) for x in (pose, sizes * body))
    assert_allclose(found, whole, atol=1e-5)


@guessed
def test_points_near_the_centre_do_not_tell_the_size_of_a_frame():
    pose = np.tile([[0.0, 0.1], [0.0, -0.1], [3.0, 0.0], [-3.0, 0.0]], (60, 1, 1))
    pose[30:, 2:] = np.nan
    pose[30:, :2] *= 2
    (found,) = still("xy", scale="frame").fit_transform([pose])
    assert_allclose(found[30:, 1], 2 * found[0, 1])


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_features_do_not_depend_on_the_unit(scale):
    features = PoseFeatures("xyz", turn=(0, 1)).fit([POSE])
    assert_allclose(*features.transform([POSE, scale * POSE]), rtol=1e-5, atol=1e-6)


def test_what_float32_cannot_hold_is_refused():
    features = PoseFeatures("xyz", scale=None).fit([POSE])
    with pytest.raises(ValueError, match=r"video 1: features overflow in float32"):
        features.transform([POSE, 1e40 * POSE])


def test_many_missing_points_are_warned_of():
    gone = POSE.copy()
    gone[:, :3] = np.nan
    with pytest.warns(UserWarning, match=r"video 1: 43% of .* missing") as told:
        PoseFeatures().fit_transform([POSE, gone])
    assert told[0].filename == __file__
    features = PoseFeatures().fit([POSE])
    with pytest.warns(UserWarning, match=r"^43% of the positions are missing"):
        features.transform([gone])


def test_velocity_is_in_body_sizes_a_frame():
    walk = np.arange(60.0)[:, None, None] * [2.0, 0.0] + [[0, 3], [0, -3]]
    features = PoseFeatures(velocity=True, center="mean")
    (found,) = features.fit_transform([walk])
    assert found.shape == (60, 4 + 4 + 2)
    assert_allclose(found[:, 4:8], 0, atol=1e-6)
    assert_allclose(found[:, 8:], np.broadcast_to([2 / 3, 0], (60, 2)), atol=1e-5)


@pytest.mark.parametrize("scale", ["frame", "recording", None])
def test_velocity_does_not_depend_on_the_place(scale):
    features = PoseFeatures(scale=scale)
    here, there = features.fit_transform([POSE, POSE + [1000.0, 500.0, -200.0]])
    assert_allclose(here, there, atol=1e-4)


def test_velocity_between_bodies_is_in_sizes_of_the_first():
    place = np.arange(60.0)[:, None, None] * [2.0, 0.0, 0.0]
    sizes = RNG.uniform(1, 2, size=(60, 1, 1))
    body = POSE[:1] - POSE[:1].mean(axis=1, keepdims=True)
    both = np.concatenate([sizes * body, body + 1000 + place], axis=1)
    (found,) = PoseFeatures(scale="frame", n_bodies=2).fit_transform([both])
    size = sizes[:, 0] * np.sqrt((body**2).sum() / 7)
    expected = np.hstack([2 / size, np.zeros((60, 2))])
    assert_allclose(found[:, -6:-3], expected, atol=1e-4)


@pytest.mark.parametrize("span", [2, 3, 8, 9])
def test_velocity_is_measured_around_each_frame(span):
    square = (np.arange(60.0) ** 2)[:, None]
    half = span // 2
    found = Whole().change("", square, span)
    inner = np.arange(half, 60 - half)
    assert_allclose(found[inner, 0], 2 * inner)


def test_velocity_over_one_frame_is_the_step_to_the_next():
    square = (np.arange(6.0) ** 2)[:, None]
    found = Whole().change("", square, 1)
    assert_allclose(found[:, 0], [1, 3, 5, 7, 9, 9])
    assert_allclose(Whole().change("", square[:1], 1), 0)


def test_two_bodies_are_normalised_each_and_linked():
    shifted = 5 * POSE + 100.0
    both = np.concatenate([POSE, shifted], axis=1)
    (found,) = still(n_bodies=2).fit_transform([both])
    assert found.shape == (60, 2 * 21 + 3)
    assert_allclose(found[:, :21], found[:, 21:42], atol=1e-4)


@pytest.mark.parametrize(
    ("parameters", "videos", "message"),
    [
        ({}, [np.zeros((5, 12))], "points of 2 or of 3"),
        ({"layout": "xyz"}, [np.zeros((5, 10))], "10 features cannot be 'xyz'"),
        ({"n_bodies": 2}, [np.zeros((5, 3, 2))], "each of 2 bodies"),
        ({"center": [9]}, [POSE], "points 0 to 6"),
        ({"turn": (0, 7)}, [POSE], "points 0 to 6"),
        ({"center": 0}, [POSE], r"center must be .* such as \[0\].* got 0\."),
        ({"center": []}, [POSE], r"center must be .* got \[\]\."),
        ({"turn": (0,)}, [POSE], "turn must be two"),
        ({"turn": 3}, [POSE], r"turn must be two .* got 3\."),
        ({"layout": "yx"}, [POSE], "layout must be one of"),
    ],
)
def test_what_cannot_be_poses_is_refused(parameters, videos, message):
    with pytest.raises(ValueError, match=message):
        PoseFeatures(**parameters).fit(videos)


# Estimators


def gappy(n_videos=4):
    """Return poses that go through three stances, with gaps."""
    rng = np.random.default_rng(1)
    stances = rng.normal(size=(3, 5, 2))
    videos = []
    for index in range(n_videos):
        stance = np.repeat(stances, 15 + index, axis=0)
        video = stance + rng.normal(scale=0.1, size=stance.shape) + 10 * index
        video[5:9, 1] = np.nan
        videos.append(video)
    return videos


@pytest.mark.parametrize("cls", [ActionSegmenter, JointAlignSegment, VideoAligner])
@pytest.mark.parametrize(
    "features",
    [
        PoseFeatures("xy"),
        make_pipeline(Interpolate(), WhitenedViews()),
        make_pipeline(SimpleImputer(), StandardScaler()),
    ],
    ids=["poses", "interpolate", "imputer"],
)
def test_estimators_take_gaps_if_their_features_do(cls, features, tmp_path):
    videos = gappy()
    kwargs = {} if cls is VideoAligner else {"n_actions": 3}
    model = cls(features=features, max_epochs=1, random_state=0, **kwargs).fit(videos)
    answers = model.predict(videos)
    assert [len(answer) for answer in answers] == [len(video) for video in videos]
    model.save(tmp_path / "model")
    loaded = skvas.load(tmp_path / "model")
    for one, other in zip(loaded.predict(videos), answers, strict=True):
        assert_array_equal(one, other)


def test_gaps_that_stay_open_are_refused_by_name():
    videos = gappy()
    model = ActionSegmenter(3, features=Interpolate(max_gap=2), max_epochs=0)
    with pytest.raises(ValueError, match=r"video 0: .*leaves NaN in 4 of 45 .*max_gap"):
        model.fit(videos)


@pytest.mark.parametrize("features", [Interpolate(), "auto"])
def test_feature_that_a_recording_lacks_is_no_gap_to_be_filled(features):
    videos = gappy()
    videos[0][:, 0, 1] = np.nan
    model = ActionSegmenter(3, features=features, max_epochs=0)
    with pytest.raises(
        ValueError, match=r"video 0: .*feature 1\b.*, or the feature"
    ) as caught:
        model.fit(videos)
    assert "gap" not in str(caught.value)
