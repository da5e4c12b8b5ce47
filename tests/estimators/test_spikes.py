"""A single frame that is absurdly far off changes nothing but itself."""

from __future__ import annotations

import pickle
import warnings

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline

import skvas
from skvas import ActionSegmenter, JointAlignSegment, Timeline, Training, VideoAligner
from skvas.datasets import Recordings, load_spar, make_videos
from skvas.exceptions import ModelFileError, SpikesWarning
from skvas.metrics import segmentation_report
from skvas.preprocessing import Interpolate
from skvas.preprocessing._spikes import without_spikes
from tests.models import once

CLEAN = make_videos(8, n_actions=4, n_frames=(120, 150), random_state=0).videos
WHERE, FRAME = 3, 60
FEATURES = {
    "auto": "auto",
    "standardise": "standardise",
    "gaps": make_pipeline(Interpolate(), "auto"),
}

every_estimator = pytest.mark.parametrize(
    "cls", [ActionSegmenter, VideoAligner, JointAlignSegment, Timeline]
)


def with_spike(video, value=1e3):
    spoiled = video.copy()
    spoiled[FRAME] += (value * video.std(axis=0)).astype(video.dtype)
    return spoiled


def mended(video):
    """Return the video with a line in the place of the frame."""
    line = video.copy()
    line[FRAME] = (video[FRAME - 1].astype(float) + video[FRAME + 1]) / 2
    return line


def replaced(video):
    return [*CLEAN[:WHERE], video, *CLEAN[WHERE + 1 :]]


def quick(cls, **options):
    if cls is not Timeline:
        options["max_epochs"] = 0
    if cls is not VideoAligner:
        options["n_actions"] = 4
    return cls(random_state=0, **options)


@once
def fitted(cls):
    """Fit to the clean videos."""
    return quick(cls).fit(CLEAN)


def learned(model):
    return model.positions_ if isinstance(model, Timeline) else model.labels_


@every_estimator
@pytest.mark.parametrize("features", FEATURES)
def test_row_87_fit_sees_a_line_in_the_place_of_an_absurd_frame(cls, features):
    options = {"features": FEATURES[features]}
    with pytest.warns(SpikesWarning, match=f"^recording {WHERE}: .* frame {FRAME} of"):
        model = quick(cls, **options).fit(replaced(with_spike(CLEAN[WHERE])))
    line = quick(cls, **options).fit(replaced(mended(CLEAN[WHERE])))
    if cls is VideoAligner:
        np.testing.assert_array_equal(model.reference_, line.reference_)
        return
    for found, expected in zip(learned(model), learned(line), strict=True):
        np.testing.assert_array_equal(found, expected)


@every_estimator
def test_row_87_answers_see_a_line_in_the_place_of_an_absurd_frame(cls, tmp_path):
    model = fitted(cls)
    skvas.save(model, tmp_path / "model")
    spoiled, line = with_spike(CLEAN[WHERE]), mended(CLEAN[WHERE])
    for each in (model, skvas.load(tmp_path / "model")):
        for method in ("predict", "transform"):
            answer = getattr(each, method)
            with pytest.warns(SpikesWarning, match="^recording 0: .* in frame 60 of"):
                found = answer(spoiled)
            np.testing.assert_array_equal(found, answer(line))
    if hasattr(model, "align"):
        with pytest.warns(SpikesWarning):
            found = model.align(CLEAN[0], spoiled)
        expected = model.align(CLEAN[0], line)
        np.testing.assert_array_equal(found.matches_x, expected.matches_x)


@every_estimator
@pytest.mark.parametrize("method", ["fit", "predict", "transform"])
def test_the_warning_is_of_the_line_that_asked(cls, method):
    model = fitted(cls)
    with pytest.warns(SpikesWarning) as told:
        getattr(model, method)(replaced(with_spike(CLEAN[WHERE])))
    told = [warning for warning in told if warning.category is SpikesWarning]
    assert [warning.filename for warning in told] == [__file__]


@pytest.mark.parametrize("cls", [JointAlignSegment, Timeline])
def test_row_87_timelines_of_models_see_the_line_too(cls):
    model = fitted(cls)
    timeline = model if cls is Timeline else model.timeline_
    with pytest.warns(SpikesWarning):
        found = timeline.to_timeline(with_spike(CLEAN[WHERE]))
    np.testing.assert_array_equal(found, timeline.to_timeline(mended(CLEAN[WHERE])))


@pytest.mark.parametrize("cls", [ActionSegmenter, JointAlignSegment])
@pytest.mark.parametrize("value", [1e3, 1e34])
def test_streams_that_answer_at_the_end_see_the_line_too(cls, value):
    model, spoiled = fitted(cls), with_spike(CLEAN[WHERE], value)
    stream = model.stream(lag=float("inf"))
    stream.push(spoiled)
    with pytest.warns(SpikesWarning, match="^the recording: .* in frame 60 of"):
        found = stream.finish().rest
    with pytest.warns(SpikesWarning):
        np.testing.assert_array_equal(found.labels, model.predict(spoiled))
    with pytest.warns(SpikesWarning):
        shares = model.predict_proba(spoiled)
    np.testing.assert_allclose(found.probabilities, shares, atol=1e-6)


@pytest.mark.parametrize("order", ["original", "shuffled"])
def test_one_absurd_frame_does_not_lower_the_accuracy(order):
    data = load_spar() if order == "original" else load_spar("shuffled")
    videos, labels = data.videos[:10], data.labels[:10]
    model = JointAlignSegment(7, max_epochs=0, random_state=0).fit(videos)
    spoiled = [with_spike(video) for video in videos]
    with pytest.warns(SpikesWarning, match=" and 9 more: "):
        found = segmentation_report(labels, model.predict(spoiled)).mof
    assert found > segmentation_report(labels, model.predict(videos)).mof - 0.01


def test_reference_of_the_user_has_no_absurd_frame():
    with pytest.warns(SpikesWarning, match="^reference: "):
        model = quick(VideoAligner, reference=with_spike(CLEAN[0])).fit(CLEAN)
    np.testing.assert_array_equal(model.reference_, mended(CLEAN[0]))


def test_warnings_have_the_names_of_recordings():
    recordings = Recordings(CLEAN, names=[f"walk {i}" for i in range(len(CLEAN))])
    model = quick(ActionSegmenter).fit(recordings)
    spoiled = Recordings([CLEAN[0], with_spike(CLEAN[1])], names=["anna", "ben"])
    with pytest.warns(SpikesWarning, match="^ben: "):
        model.predict(spoiled)


def test_videos_on_disk_are_as_those_in_memory(tmp_path):
    spoiled, maps = replaced(with_spike(CLEAN[WHERE])), []
    for i, video in enumerate(spoiled):
        np.save(tmp_path / f"{i}.npy", video)
        maps.append(np.load(tmp_path / f"{i}.npy", mmap_mode="r"))
    with pytest.warns(SpikesWarning):
        model = quick(JointAlignSegment).fit(spoiled)
    with pytest.warns(SpikesWarning):
        found = quick(JointAlignSegment).fit(maps)
    for one, other in zip(found.labels_, model.labels_, strict=True):
        np.testing.assert_array_equal(one, other)
    with pytest.warns(SpikesWarning):
        labels = model.predict(maps)
    for one, other in zip(labels, model.labels_, strict=True):
        np.testing.assert_array_equal(one, other)


def test_models_that_need_no_later_frame_answer_as_streams_do():
    training = Training(live=True)
    with pytest.warns(SpikesWarning):
        model = quick(ActionSegmenter, training=training).fit(
            replaced(with_spike(CLEAN[WHERE]))
        )
    assert model.is_causal_
    assert model.reach_ is None
    spoiled = with_spike(CLEAN[0])
    with warnings.catch_warnings():
        warnings.simplefilter("error", SpikesWarning)
        found = model.transform(spoiled)
    np.testing.assert_allclose(model.embedder().push(spoiled), found, rtol=0, atol=1e-5)


@pytest.mark.parametrize("cls", [JointAlignSegment, Timeline])
def test_older_models_take_values_as_they_come(cls, tmp_path, monkeypatch):
    model = fitted(cls)
    expected = model.predict(CLEAN[0])
    del model.reach_
    if cls is not Timeline:
        others = {n: v for n, v in cls._fitted.items() if n != "reach_"}
        monkeypatch.setattr(cls, "_fitted", others)
    skvas.save(model, tmp_path / "old")
    monkeypatch.undo()
    older = skvas.load(tmp_path / "old")
    assert older.reach_ is None
    np.testing.assert_array_equal(older.predict(CLEAN[0]), expected)
    with warnings.catch_warnings():
        warnings.simplefilter("error", SpikesWarning)
        older.predict(with_spike(CLEAN[0]))


@every_estimator
def test_pickles_may_be_older_than_an_attribute(cls):
    model = fitted(cls)
    expected = model.predict(CLEAN[0])
    del model.reach_
    if cls is not Timeline:
        del model.usual_
    older = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(older.predict(CLEAN[0]), expected)


@pytest.mark.parametrize("cls", [JointAlignSegment, Timeline])
@pytest.mark.parametrize("reach", [np.ones(3), -np.ones(16), np.full(16, np.inf)])
def test_files_with_another_reach_are_refused(cls, reach, tmp_path):
    model = fitted(cls)
    model.reach_ = reach
    skvas.save(model, tmp_path / "model")
    with pytest.raises(ModelFileError, match="reach_"):
        skvas.load(tmp_path / "model")


def test_clean_data_have_no_absurd_values():
    for data in (load_spar(), load_spar("shuffled")):
        model = quick(VideoAligner).fit(data.videos)
        assert without_spikes(data.videos, model.reach_, data.names) is data.videos
