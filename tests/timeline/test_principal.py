from collections.abc import Sequence

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skvas import JointAlignSegment, Timeline, load
from skvas._on_demand import Shelf
from skvas.datasets import make_videos
from skvas.exceptions import ModelFileError
from skvas.persistence._timeline import check_axis
from skvas.timeline import _principal
from skvas.timeline._model import path_frames
from skvas.timeline._principal import WIDE, principal_directions, project
from skvas.videos._frames import unit

DATA = make_videos(6, n_actions=4, n_frames=(60, 90), noise=0.5, random_state=0)


def widen(videos, width=WIDE + 40):
    """Turn videos into a space of many more features, by a rotation."""
    n = videos[0].shape[1]
    rotation = np.linalg.qr(np.random.RandomState(0).standard_normal((width, n)))[0]
    return [(video @ rotation.T).astype(np.float32) for video in videos]


class OnDemand(Sequence):
    """A sequence of videos that is no list to `fit`."""

    def __init__(self, videos):
        self.videos = videos

    def __len__(self):
        return len(self.videos)

    def __getitem__(self, index):
        return self.videos[index]


def test_frames_that_are_not_wide_stay_as_they_are():
    assert principal_directions([np.ones((9, WIDE))]) is None


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_wide_frames_that_do_not_differ_are_cut_into_equal_parts(value):
    videos = [np.full((20, WIDE + 9), value) for _ in range(4)]
    timeline = Timeline(2, random_state=0).fit(videos)
    assert timeline.model_.template.directions is None
    assert timeline.labels_[0].tolist() == [0] * 10 + [1] * 10


def test_directions_hold_what_frames_differ_by():
    videos = [unit(video) for video in widen(DATA.videos)]
    directions = principal_directions(videos)
    n = directions.shape[1]
    assert n <= DATA.videos[0].shape[1]
    assert_allclose(directions.T @ directions, np.eye(n), atol=1e-4)
    x, y = (project(video, directions) for video in videos[:2])
    assert x.dtype == np.float32
    assert_allclose(x @ y.T, videos[0] @ videos[1].T, atol=1e-4)


def test_directions_are_those_of_the_largest_scatter(monkeypatch):
    monkeypatch.setattr(_principal, "N_DIRECTIONS", 2)
    rng = np.random.RandomState(0)
    scale = np.r_[5.0, 3.0, np.full(WIDE, 0.1)]
    video = rng.standard_normal((400, WIDE + 2)) * scale
    directions = principal_directions([video])
    assert (np.abs(directions[:2]) ** 2).sum() == pytest.approx(2, abs=0.1)


def test_wide_videos_have_the_timeline_of_narrow_ones(monkeypatch):
    videos = widen(DATA.videos)
    projected = JointAlignSegment(4, max_epochs=0, random_state=0).fit(videos)
    assert projected.timeline_.model_.template.directions.shape[1] < WIDE
    monkeypatch.setattr(_principal, "WIDE", 10**6)
    whole = JointAlignSegment(4, max_epochs=0, random_state=0).fit(videos)
    assert whole.timeline_.model_.template.directions is None
    pairs = zip(projected.timeline_.positions_, whole.timeline_.positions_, strict=True)
    assert max(np.abs(a - b).max() for a, b in pairs) < 0.02


def test_wide_videos_on_demand_are_labelled_as_those_in_memory():
    videos = widen(DATA.videos)
    one, other = (
        JointAlignSegment(4, max_epochs=0, random_state=0).fit(given)
        for given in (videos, OnDemand(videos))
    )
    for a, b in zip(one.labels_, other.labels_, strict=True):
        assert_array_equal(a, b)
    assert_array_equal(one.predict(videos[0]), one.labels_[0])


@pytest.mark.parametrize(("width", "is_kept"), [(WIDE + 40, False), (WIDE // 2, True)])
def test_wide_frames_on_demand_are_not_kept(width, is_kept):
    shelf = Shelf(1e9)
    videos = shelf.keep(widen(DATA.videos, width))
    left = shelf.left
    found = path_frames(DATA.videos, videos)
    assert (shelf.left < left) == is_kept
    assert len(found) == len(videos)


def test_model_of_wide_videos_is_saved_with_its_directions(tmp_path):
    videos = widen(DATA.videos)
    model = JointAlignSegment(4, max_epochs=0, random_state=0).fit(videos)
    model.save(tmp_path / "model")
    loaded = load(tmp_path / "model")
    assert_array_equal(loaded.predict(videos[1]), model.labels_[1])
    template = loaded.timeline_.model_.template
    template.directions[0, 0] = np.nan
    with pytest.raises(ModelFileError, match="directions"):
        check_axis(loaded.timeline_.model_, len(template.directions))


def test_timeline_of_wide_videos_labels_new_ones():
    videos = widen(DATA.videos)
    timeline = Timeline(4, random_state=0).fit(videos[:5])
    positions = timeline.to_timeline(videos[5])
    assert (np.diff(positions) >= 0).all()
    assert len(timeline.predict(videos[5])) == len(videos[5])
