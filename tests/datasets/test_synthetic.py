from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from skvas.datasets import make_videos


def order(labels):
    """Return the actions of a video in the order in which they come."""
    starts = np.flatnonzero(np.diff(labels, prepend=-2))
    return [int(k) for k in labels[starts] if k >= 0]


shares = st.floats(0, 1)


@given(
    n_actions=st.integers(1, 6),
    n_features=st.integers(1, 4),
    drop=shares,
    swap=shares,
    repeat=shares,
    background=shares,
    shared_order=st.booleans(),
    warp=st.floats(0, 1),
    seed=st.integers(0, 2**32 - 1),
)
def test_videos_are_well_formed_whatever_is_asked(seed, **options):
    data = make_videos(3, n_frames=(12, 30), random_state=seed, **options)
    assert len(data.action_names) == options["n_actions"]
    for video, labels, times in zip(data.videos, data.labels, data.times, strict=True):
        assert video.dtype == np.float32
        assert video.shape == (len(labels), options["n_features"])
        assert 12 <= len(video) <= 30
        assert len(times) == len(labels)
        assert np.isfinite(video).all()
        assert set(labels.tolist()) <= set(range(-1, options["n_actions"]))
        assert (labels >= 0).any()
        assert_array_equal(np.isnan(times), labels == -1)
        assert_array_equal(np.floor(times[labels >= 0]), labels[labels >= 0])
        same = (labels[1:] == labels[:-1]) & (labels[1:] >= 0)
        assert (np.diff(times)[same] > 0).all()


def test_same_seed_gives_the_same_videos():
    first, again, other = (make_videos(random_state=s) for s in (3, 3, 4))
    for x, y in zip(first.videos, again.videos, strict=True):
        assert_array_equal(x, y)
    assert not np.array_equal(first.videos[0][:50], other.videos[0][:50])


def test_plain_videos_go_through_all_actions_in_one_order():
    data = make_videos(random_state=0)
    assert [order(labels) for labels in data.labels] == [[0, 1, 2, 3, 4]] * 10


def test_without_noise_equal_times_have_equal_features():
    data = make_videos(2, noise=0.0, warp=0.5, random_state=0)
    (x, y), (s, t) = data.videos, data.times
    for k in range(x.shape[1]):
        # Times rise through the video, so that one curve can be read at the other's.
        inside = data.labels[0] == 2
        knots = data.labels[1] == 2
        read = np.interp(s[inside], t[knots], y[knots, k])
        assert_allclose(x[inside, k][2:-2], read[2:-2], atol=0.05)


def test_without_warp_all_videos_run_alike():
    data = make_videos(4, n_frames=(100, 100), noise=0.0, warp=0.0, random_state=0)
    for video, times in zip(data.videos, data.times, strict=True):
        assert_array_equal(video, data.videos[0])
        assert_array_equal(times, data.times[0])


def test_warp_makes_the_same_action_last_differently():
    def spread(warp):
        data = make_videos(n_frames=(100, 100), warp=warp, random_state=0)
        return np.std([np.sum(labels == 0) for labels in data.labels])

    assert spread(0.0) < spread(0.2) < spread(0.8)


def test_noise_is_what_separates_a_video_from_its_noiseless_self():
    quiet, loud = (
        make_videos(n_features=50, noise=noise, random_state=0) for noise in (0.0, 0.7)
    )
    differences = loud.videos[0] - quiet.videos[0]
    assert differences.std() == pytest.approx(0.7, rel=0.05)


def test_frames_of_one_action_change_with_its_progress():
    data = make_videos(1, noise=0.0, random_state=0)
    frames = data.videos[0][data.labels[0] == 0]
    assert np.linalg.norm(frames[-1] - frames[0]) > 1
    assert np.linalg.norm(np.diff(frames, axis=0), axis=1).max() < 1


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_drop_is_the_share_of_missing_actions(share):
    data = make_videos(300, n_frames=(20, 20), drop=share, random_state=0)
    kept = np.mean([len(order(labels)) / 5 for labels in data.labels])
    # An empty video keeps one action of its five.
    assert kept == pytest.approx(1 - share + share**5 / 5, abs=0.03)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_swap_is_the_share_of_exchanged_pairs(share):
    data = make_videos(300, n_actions=2, n_frames=(9, 9), swap=share, random_state=0)
    swapped = np.mean([order(labels) == [1, 0] for labels in data.labels])
    assert swapped == pytest.approx(share, abs=0.06)


def test_swapped_pair_is_not_swapped_again():
    data = make_videos(2, n_actions=5, swap=1.0, random_state=0)
    assert [order(labels) for labels in data.labels] == [[1, 0, 3, 2, 4]] * 2


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_repeat_is_the_share_of_actions_that_come_twice(share):
    data = make_videos(300, n_frames=(20, 20), repeat=share, random_state=0)
    found = [order(labels) for labels in data.labels]
    assert np.mean([len(o) / 5 for o in found]) == pytest.approx(1 + share, abs=0.03)
    assert max(o.count(k) for o in found for k in range(5)) <= 2


def test_background_is_its_share_of_the_frames():
    data = make_videos(n_frames=(200, 200), background=0.4, random_state=0)
    for labels in data.labels:
        assert np.sum(labels == -1) == 80


def test_every_action_keeps_a_frame():
    data = make_videos(n_frames=(5, 6), background=1.0, warp=3.0, random_state=0)
    assert [order(labels) for labels in data.labels] == [[0, 1, 2, 3, 4]] * 10


def test_orders_differ_where_none_is_shared():
    data = make_videos(shared_order=False, random_state=0)
    assert len({tuple(order(labels)) for labels in data.labels}) > 5


def test_global_random_state_is_left_alone():
    before = np.random.get_state()[1].copy()  # noqa: NPY002 - it is what is tested
    make_videos(random_state=0)
    assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


@pytest.mark.parametrize(
    ("options", "error", "reason"),
    [
        ({"n_videos": 0}, ValueError, "n_videos must be an integer >= 1"),
        ({"n_actions": 2.5}, TypeError, "n_actions must be an integer"),
        ({"n_features": True}, TypeError, "n_features must be an integer"),
        ({"n_frames": 100}, TypeError, "n_frames must be a pair"),
        ({"n_frames": (9, 8)}, ValueError, "in this order"),
        ({"n_frames": (4, 8)}, ValueError, "at least 5 frames"),
        ({"n_frames": (9, 20), "repeat": 0.1}, ValueError, "at least 10 frames"),
        ({"n_frames": (9.0, 20)}, TypeError, r"n_frames\[0\] must be an integer"),
        ({"noise": -1}, ValueError, "noise must be a finite number >= 0"),
        ({"noise": np.nan}, ValueError, "noise must be a finite number"),
        ({"warp": np.inf}, ValueError, "warp must be a finite number"),
        ({"drop": 1.1}, ValueError, r"drop must be a finite number in \[0, 1\]"),
        ({"swap": "much"}, TypeError, "swap must be a finite number"),
        ({"repeat": -0.1}, ValueError, "repeat must"),
        ({"background": None}, TypeError, "background must"),
    ],
)
def test_argument_out_of_range_is_reported(options, error, reason):
    with pytest.raises(error, match=reason):
        make_videos(**options)
