"""Single values that are absurdly far off."""

from __future__ import annotations

import numpy as np
import pytest

from skvas._on_demand import Mapped, OnDemand, Shelf
from skvas.exceptions import SpikesWarning
from skvas.preprocessing._spikes import FAR, FEW, RARE, learn_reach, without_spikes

NAMES = [f"recording {i}" for i in range(9)]


def movements(n_videos=6, n_frames=200, n_features=4, dtype=np.float64):
    rng = np.random.default_rng(0)
    walks = rng.normal(size=(n_videos, n_frames, n_features))
    return [walk.astype(dtype) for walk in walks]


class Read(OnDemand):
    """Videos that are made at each look."""

    def __init__(self, videos):
        self.videos, self.lengths = videos, [len(video) for video in videos]
        self.shelf = Shelf(0)

    def _look_at(self, index):
        return self.videos[index].copy()


def mend(videos, reach=None):
    known = learn_reach(videos) if reach is None else reach
    with pytest.warns(SpikesWarning) as told:
        found = without_spikes(videos, known, NAMES)
    assert len(told) == 1
    return found, str(told[0].message)


def test_clean_videos_are_returned_themselves():
    videos = movements()
    assert without_spikes(videos, learn_reach(videos), NAMES) is videos
    assert without_spikes(videos, None, NAMES) is videos


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("value", [1e3, -1e6, 1e30])
def test_lines_between_neighbours_replace_a_frame(dtype, value):
    videos = movements(dtype=dtype)
    clean = [video.copy() for video in videos]
    videos[2][50] = value
    spoiled = videos[2].copy()
    found, message = mend(videos)
    np.testing.assert_allclose(
        found[2][50], (clean[2][49] + clean[2][51]) / 2, rtol=1e-6
    )
    rest = np.arange(200) != 50
    np.testing.assert_array_equal(found[2][rest], clean[2][rest])
    assert all(a is b for i, (a, b) in enumerate(zip(found, videos)) if i != 2)  # noqa: B905
    assert found[2].dtype == dtype
    np.testing.assert_array_equal(videos[2], spoiled)
    assert message.startswith("recording 2: ")
    assert "first in frame 50 of feature 0" in message


def test_other_features_of_the_frame_stay():
    videos = movements()
    videos[0][0, 3] = videos[4][-1, 1] = 1e5
    found, message = mend(videos)
    assert found[0][0, 3] == videos[0][1, 3]
    assert found[4][-1, 1] == videos[4][-2, 1]
    np.testing.assert_array_equal(found[0][:, :3], videos[0][:, :3])
    assert message.startswith("recording 0 and 1 more: ")


@pytest.mark.parametrize(("n_frames", "most"), [(RARE, FEW), (1000, 10)])
def test_more_than_few_frames_are_no_errors(n_frames, most):
    videos = movements(n_frames=n_frames)
    videos[1][5 : 5 + most, 0] = 1e6
    found, _ = mend(videos)
    assert np.abs(found[1]).max() < FAR
    videos[1][5 + most, 0] = 1e6
    assert without_spikes(videos, learn_reach(videos), NAMES) is videos


def test_short_recordings_have_none():
    videos = movements(n_frames=RARE - 1)
    videos[1][5] = 1e6
    assert without_spikes(videos, learn_reach(videos), NAMES) is videos


def test_values_that_many_recordings_have_are_right():
    videos = movements(n_videos=8)
    for video in videos[:3]:
        video[50] = 1e4
    assert without_spikes(videos, learn_reach(videos), NAMES) is videos


def test_values_that_a_recording_comes_near_to_are_right():
    videos = movements()
    videos[1][:, 0] *= 100
    videos[1][50, 0] = 1500
    assert without_spikes(videos, learn_reach(videos), NAMES) is videos


@pytest.mark.parametrize("level", [1e5, -1e5])
def test_a_recording_at_another_level_is_right(level):
    videos = movements()
    videos[1] += level
    assert without_spikes(videos, learn_reach(videos), NAMES) is videos
    videos[1][50] = 0
    found, _ = mend(videos)
    assert np.abs(found[1] - level).max() < FAR


@pytest.mark.parametrize("kind", ["states", "events", "rectified", "constant", "heavy"])
def test_features_with_far_values_by_nature_stay(kind):
    rng = np.random.default_rng(1)
    noise = rng.normal(size=(8, 500, 5))
    features = {
        "states": noise > 0,
        "events": noise > 2.9,
        "rectified": np.maximum(noise - 2.5, 0),
        "constant": np.ones_like(noise),
        "heavy": np.tan(np.pi * (rng.random(noise.shape) - 0.5)),
    }[kind]
    videos = [*features.astype(float)]
    reach = learn_reach(videos)
    assert not reach.any()
    videos[0][50] = 1e9
    assert without_spikes(videos, reach, NAMES) is videos


def test_gaps_stay_and_are_no_neighbours():
    videos = movements()
    for video in videos:
        video[100:110] = np.nan
        video[:, 3] = np.nan
    assert without_spikes(videos, learn_reach(videos), NAMES) is videos
    videos[2][110, :3] = 1e6
    found, _ = mend(videos)
    between = (videos[2][111, 0] * 11 + videos[2][99, 0]) / 12
    assert found[2][110, 0] == pytest.approx(between)
    np.testing.assert_array_equal(np.isnan(found[2]), np.isnan(videos[2]))


def test_videos_on_demand_stay_so():
    videos = movements()
    clean = Read(videos)
    assert without_spikes(clean, learn_reach(clean), NAMES) is clean
    videos[2][50] = 1e6
    expected, _ = mend(videos)
    found, _ = mend(Read(videos))
    assert isinstance(found, Mapped)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_lone_recording_tells_of_others_and_not_of_itself():
    first, second = movements(n_videos=2)
    reach = learn_reach([first])
    second[50] = 1e6
    assert np.abs(mend([second], reach)[0][0]).max() < FAR
    assert without_spikes([second], learn_reach([second]), NAMES)[0] is second


@pytest.mark.parametrize("factor", [1e-300, 1e-30, 1e30, 1e290])
def test_units_do_not_matter(factor):
    videos = movements()
    videos[2][50] = 1e6
    expected, _ = mend(videos)
    found, _ = mend([video * factor for video in videos])
    np.testing.assert_allclose(found[2] / factor, expected[2], rtol=1e-9)
