"""Timelines of their own in files: they come back, and hostile ones do not."""

from __future__ import annotations

import json
from functools import partial

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.exceptions import NotFittedError
from sklearn.preprocessing import StandardScaler

import skvas
from skvas import JointAlignSegment, Recordings, Timeline
from skvas.datasets import make_videos
from skvas.exceptions import InvalidParameterError, ModelFileError
from skvas.persistence._arrays import read_arrays, write_arrays
from skvas.preprocessing import Framewise

VIDEOS = make_videos(5, n_actions=3, random_state=0).videos
fit = partial(Timeline, random_state=0)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("timeline") / "timeline"
    skvas.save(fit(3).fit(VIDEOS), path)
    return path


@pytest.mark.parametrize(
    "timeline",
    [
        fit(3),
        fit(None, features=None, memory_limit=None),
        fit((2, 4), features=Framewise(StandardScaler()), recurring=True),
        fit(3, features="standardise", n_draws=2),
    ],
)
def test_timelines_come_back(tmp_path, timeline):
    known = Recordings(VIDEOS, [*"abcde"], fps=25)
    timeline.fit(known)
    skvas.save(timeline, tmp_path / "a")
    again = skvas.load(tmp_path / "a")
    skvas.save(again, tmp_path / "b")
    for found in (again, skvas.load(tmp_path / "b")):
        assert type(found) is Timeline
        assert repr(found) == repr(timeline)
        assert found.recordings_ == timeline.recordings_
        assert_array_equal(found.template_, timeline.template_)
        for x, y in zip(found.positions_, timeline.positions_, strict=True):
            assert_array_equal(x, y)
        new = make_videos(6, n_actions=3, random_state=0).videos[5]
        assert_array_equal(found.to_timeline(new), timeline.to_timeline(new))
        if timeline.n_actions is not None:
            assert_array_equal(found.predict_proba(new), timeline.predict_proba(new))
            assert_array_equal(found.boundaries_, timeline.boundaries_)
        with pytest.raises(ValueError, match="pass videos as well"):
            found.labels([["a"] * len(VIDEOS[0]), *[None] * 4])


def test_labels_of_a_lone_video_stay_those_of_one(tmp_path):
    timeline = fit(3).fit(VIDEOS[0])
    skvas.save(timeline, tmp_path / "a")
    assert_array_equal(skvas.load(tmp_path / "a").labels_, timeline.labels_)


def test_timelines_of_tiny_numbers_come_back(tmp_path):
    tiny = [video * np.float32(1e-25) for video in VIDEOS]
    timeline = fit(3).fit(tiny)
    skvas.save(timeline, tmp_path / "a")
    assert_array_equal(skvas.load(tmp_path / "a").predict(tiny[0]), timeline.labels_[0])


def test_what_is_no_timeline_of_its_own_is_refused(tmp_path):
    model = JointAlignSegment(3, max_epochs=0, random_state=0).fit(VIDEOS)
    with pytest.raises(InvalidParameterError, match="save the model"):
        skvas.save(model.timeline_, tmp_path / "a")
    with pytest.raises(NotFittedError):
        skvas.save(Timeline(), tmp_path / "a")
    with pytest.raises(TypeError, match="got StandardScaler"):
        skvas.save(StandardScaler(), tmp_path / "a")

    class Own(Timeline):
        pass

    with pytest.raises(InvalidParameterError, match="a class of your own"):
        skvas.save(Own(3, random_state=0).fit(VIDEOS), tmp_path / "a")
    assert not list(tmp_path.iterdir())
    skvas.save(model, tmp_path / "b")
    assert_array_equal(skvas.load(tmp_path / "b").predict(VIDEOS[0]), model.labels_[0])


@pytest.mark.parametrize(
    "change",
    [
        lambda state: state.pop("model_"),
        lambda state: state.update(_prepare=3),
        lambda state: state.update(n_features_in_=7),
        lambda state: state.update(n_features_in_=10**9),
        lambda state: state.update(single=1),
        lambda state: state.update(n_draws=0),
        lambda state: state.update(features="other"),
        lambda state: state.update(recordings_=None),
        lambda state: state["recordings_"]["items"].update(n_frames=[1] * 5),
        lambda state: state["recordings_"]["items"].update(names=[1] * 5),
        lambda state: state["model_"]["items"].update(limit=-1.0),
        lambda state: state["model_"]["items"].update(moments=None),
        lambda state: state["model_"]["items"]["count"]["items"].update(n_actions=9),
        lambda state: state["features_"]["state"].update(mean_=None),
        lambda state: state.update(
            feature_names_in_={"kind": "texts", "items": ["x"], "dtype": "object"}
        ),
        lambda state: state.clear(),
    ],
)
def test_timelines_that_no_fit_makes_are_refused(file, tmp_path, change):
    arrays, texts = read_arrays(file)
    state = json.loads(texts["state"])
    change(state)
    write_arrays(tmp_path / "a", arrays, {**texts, "state": json.dumps(state)})
    with pytest.raises(ModelFileError, match="cannot be loaded as a model"):
        skvas.load(tmp_path / "a")


def test_numbers_that_no_fit_makes_are_refused(file, tmp_path):
    arrays, texts = read_arrays(file)
    for name, array in arrays.items():
        if array.dtype.kind != "f" or not array.size:
            continue
        broken = {**arrays, name: np.full_like(array, np.nan)}
        write_arrays(tmp_path / "a", broken, texts)
        with pytest.raises(ModelFileError):
            skvas.load(tmp_path / "a")
