"""Embedding frames as they come, with models that were trained for live use."""

from __future__ import annotations

import copy
import math
import pickle
from functools import cache

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from sklearn.preprocessing import StandardScaler
from torch import nn

import skvas
from skvas import (
    ActionSegmenter,
    JointAlignSegment,
    Segmenting,
    Training,
    VideoAligner,
)
from skvas.datasets import make_videos
from skvas.exceptions import InvalidParameterError, ModelFileError
from skvas.live import load_tracker
from skvas.nn import FrameStream
from skvas.preprocessing import PoseFeatures
from tests.live.models import N_ACTIONS, data, new_video, ordered

LIVE = Training(live=True)


def fitted(cls=ActionSegmenter, encoder=None, features="auto"):
    return _fitted(cls, encoder, features)


@cache
def _fitted(cls, encoder, features):
    options = {"encoder": encoder, "features": features, "training": LIVE}
    if cls is not VideoAligner:  # nothing is left to choose, which takes long
        group = Segmenting(start="time", alpha=0.3, lambda_actions=0.3, n_refine=2)
        options |= {"n_actions": N_ACTIONS, "segmenting": group}
    model = cls(**options, max_epochs=1, random_state=0)
    return model.fit(data().videos[:4])


ENCODERS = [None, "causal", (8, 5)]


@pytest.mark.parametrize("encoder", ENCODERS)
def test_frames_in_pieces_are_embedded_as_by_transform(encoder):
    model, video = fitted(encoder=encoder), new_video()
    embedder, whole = model.embedder(), model.transform(video)
    found = []
    for pieces in ([len(video)], [1] * len(video), [3, 0, 40, len(video) - 43]):
        parts = np.split(video, np.cumsum(pieces)[:-1])
        found.append(np.concatenate([embedder.push(part) for part in parts]))
        embedder.reset()
    assert found[0].dtype == np.float32
    np.testing.assert_allclose(found[0], whole, atol=1e-5)
    for other in found[1:]:
        np.testing.assert_array_equal(other, found[0])


@pytest.mark.parametrize("encoder", ENCODERS)
def test_embedding_depends_on_no_later_frame_bit_for_bit(encoder):
    model, video = fitted(encoder=encoder), new_video()
    changed = video.copy()
    changed[41:] = 50
    before, after = model.transform(video), model.transform(changed)
    np.testing.assert_array_equal(before[:41], after[:41])
    assert not np.array_equal(before, after)


def test_memory_does_not_grow_with_the_recording():
    embedder, sizes = fitted(encoder="causal").embedder(), []
    for _ in range(2):
        embedder.push(np.tile(new_video(), (2, 1)))
        sizes.append(len(pickle.dumps(embedder)))
    assert sizes[1] <= sizes[0] + 100


@pytest.mark.parametrize("is_pickle", [False, True])
def test_a_copy_goes_on_by_itself(is_pickle):
    video = new_video()
    embedder = fitted(encoder="causal").embedder()
    embedder.push(video[:20])
    other = pickle.loads(pickle.dumps(embedder)) if is_pickle else embedder.copy()
    expected = embedder.push(video[20:])
    np.testing.assert_array_equal(other.push(video[20:]), expected)


def test_frames_that_cannot_be_read_are_passed_over():
    video = new_video()
    broken = np.insert(video, [0, 30, 30], np.nan, axis=0)
    embedder = fitted().embedder()
    found = embedder.push(broken)
    is_lost = np.isnan(broken).any(axis=1)
    assert np.isnan(found[is_lost]).all()
    embedder.reset()
    np.testing.assert_array_equal(found[~is_lost], embedder.push(video))


def test_frames_of_another_width_are_refused_and_change_nothing():
    video = new_video()
    embedder = fitted().embedder()
    embedder.push(video[:20])
    with pytest.raises(ValueError, match="shape"):
        embedder.push(video[20:, :3])
    whole = fitted().transform(video)
    np.testing.assert_allclose(embedder.push(video[20:]), whole[20:], atol=1e-5)


@pytest.mark.parametrize("encoder", ENCODERS)
def test_frames_too_large_for_the_network_are_refused_and_change_nothing(encoder):
    video = new_video().astype(float)
    huge = np.vstack([video[20:22], np.full_like(video[:1], 1e200)])
    model = fitted(encoder=encoder, features=None)
    embedder, tracker = model.embedder(), model.stream()
    gappy = video.copy()
    gappy[24:30, 3] = np.nan  # which is guessed from what was seen before
    whole = embedder.push(video), tracker.push(gappy)
    for stream in (embedder, tracker):
        stream.reset()
        stream.push(video[:20])
        with pytest.raises(ValueError, match="features overflow in float32"):
            stream.push(huge)
    np.testing.assert_array_equal(embedder.push(video[20:]), whole[0][20:])
    found = tracker.push(gappy[20:]).probabilities
    np.testing.assert_array_equal(found, whole[1].probabilities[20:])


@pytest.mark.parametrize("cls", [ActionSegmenter, JointAlignSegment, VideoAligner])
def test_models_say_whether_they_need_later_frames(cls, tmp_path):
    model = fitted(cls)
    assert model.is_causal_
    model.save(tmp_path / "model")
    loaded = skvas.load(tmp_path / "model")
    assert loaded.is_causal_
    assert ("live", "features and encoder see no later frame") in model.summary().facts
    np.testing.assert_array_equal(
        loaded.embedder().push(new_video()), model.embedder().push(new_video())
    )


def test_other_models_need_later_frames():
    assert not ordered().is_causal_
    assert "live" not in dict(ordered().summary().facts)
    temporal = copy.copy(fitted())
    temporal.encoder_ = skvas.nn.TemporalConvEncoder(fitted().n_embedding_)
    assert not temporal.is_causal_


def test_taps_reach_for_frames_of_the_median_video():
    assert fitted(encoder="causal").encoder_.reaches == (1, 2, 4)


def test_at_the_end_a_stream_answers_as_predict():
    video = new_video()
    for cls in (ActionSegmenter, JointAlignSegment):
        tracker = fitted(cls).stream(lag=math.inf)
        for part in np.array_split(video, 3):
            tracker.push(part)
        found = tracker.finish()
        np.testing.assert_array_equal(found.labels, fitted(cls).predict(video))


class Own(nn.Module):
    """A network of the user's that embeds frames one by one, and says so."""

    def __init__(self, n_features):
        super().__init__()
        self.layer = nn.Linear(n_features, 3)

    def forward(self, frames):
        return self.layer(frames)

    def stream(self):
        return FrameStream(self)


class OwnStream:
    """What embeds frames as they come, and no more."""

    def __init__(self, encoder):
        self.push = FrameStream(encoder).push


class Forgetful(Own):
    """A network whose stream cannot be saved."""

    def stream(self):
        return OwnStream(self)


def test_own_parts_with_streams_are_taken():
    torch.manual_seed(0)
    width = data().videos[0].shape[1]
    model = fitted(encoder=Own(width), features=StandardScaler())
    embedder, video = model.embedder(), new_video()
    np.testing.assert_allclose(embedder.push(video), model.transform(video), atol=1e-5)


def test_published_settings_are_whitened_where_they_standardise_whole_videos():
    model = ActionSegmenter(
        N_ACTIONS, recipe="breakfast/coffee", max_epochs=0, training=LIVE
    ).fit(data().videos[:3])
    assert model.is_causal_
    assert model.features_.causal


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"encoder": "temporal"}, "encoder 'temporal'"),
        ({"encoder": nn.Linear(4, 2)}, "encoder 'Linear'"),
        ({"features": "standardise"}, "features 'standardise'"),
        ({"features": PoseFeatures()}, "features 'PoseFeatures'"),
    ],
)
def test_row_82_parts_that_look_at_later_frames_are_refused(options, named):
    model = ActionSegmenter(N_ACTIONS, training=LIVE, **options)
    with pytest.raises(InvalidParameterError, match=named):
        model.fit(data().videos[:3])
    assert not hasattr(model, "encoder_")


def test_row_82_no_embedder_where_later_frames_are_needed():
    with pytest.raises(ValueError, match=r"Training\(live=True\)"):
        ordered().embedder()


@pytest.mark.parametrize("encoder", ENCODERS)
def test_streams_tell_frames_by_their_embeddings_in_pieces_of_any_size(encoder):
    model, video = fitted(encoder=encoder), new_video()
    tracker, found = model.stream(), []
    for pieces in ([len(video)], [1] * len(video), [3, 0, 40, len(video) - 43]):
        parts = np.split(video, np.cumsum(pieces)[:-1])
        answers = [tracker.push(part) for part in parts]
        found.append(np.concatenate([a.probabilities for a in answers]))
        tracker.reset()
    for other in found[1:]:
        np.testing.assert_array_equal(other, found[0])
    right = found[0].argmax(axis=1) == model.predict(video)
    assert right.mean() > 0.6


@pytest.mark.parametrize("encoder", ENCODERS)
def test_a_tracker_goes_on_from_a_copy_a_pickle_and_a_file(encoder, tmp_path):
    model, video = fitted(encoder=encoder), new_video()
    tracker = model.stream()
    tracker.push(video[:40])
    tracker.save(tmp_path / "tracker")
    others = [
        tracker.copy(),
        pickle.loads(pickle.dumps(tracker)),
        load_tracker(tmp_path / "tracker", model=model),
    ]
    expected = tracker.push(video[40:]).probabilities
    for other in others:
        np.testing.assert_array_equal(other.push(video[40:]).probabilities, expected)


def test_a_saved_tracker_that_embeds_needs_its_model(tmp_path):
    tracker = fitted().stream()
    tracker.push(new_video()[:9])
    tracker.save(tmp_path / "tracker")
    with pytest.raises(InvalidParameterError, match="give the fitted model"):
        load_tracker(tmp_path / "tracker")
    with pytest.raises(InvalidParameterError, match="not the one"):
        load_tracker(tmp_path / "tracker", model=ordered())


@pytest.mark.parametrize("state", [None, [], [[], [[np.zeros(3)]]], [[[1, 2]], []]])
def test_embedders_of_hostile_files_are_refused(state, tmp_path, monkeypatch):
    tracker = fitted(encoder="causal").stream()
    monkeypatch.setattr(tracker._embedder, "state", lambda: state)
    tracker.save(tmp_path / "tracker")
    with pytest.raises(ModelFileError, match="cannot be loaded"):
        load_tracker(tmp_path / "tracker", model=fitted(encoder="causal"))


def test_trackers_of_own_streams_are_pickled_and_not_saved(tmp_path):
    torch.manual_seed(0)
    width = data().videos[0].shape[1]
    own = {"encoder": Forgetful(width), "features": StandardScaler()}
    tracker = fitted(**own).stream()
    tracker.push(new_video()[:9])
    with pytest.raises(InvalidParameterError, match="pickle the tracker"):
        tracker.save(tmp_path / "tracker")
    assert not (tmp_path / "tracker").exists()
    other = pickle.loads(pickle.dumps(tracker))
    assert other.current_ == tracker.current_


def test_a_file_whose_streams_need_what_the_model_lacks_is_refused(tmp_path):
    model = copy.copy(ordered())
    model.live_ = {**model.live_, "on_embedding": True}
    model.save(tmp_path / "model")
    with pytest.raises(ModelFileError, match="live_ does not fit"):
        skvas.load(tmp_path / "model")


def test_warnings_are_those_of_recordings_that_are_out_of_order():
    model = fitted(JointAlignSegment)
    assert model.timeline_ is not None
    tracker = model.stream()
    tracker.push(new_video())
    assert not [w for w in tracker.finish().warnings if w.kind != "too long"]
    labels = model.predict(new_video())
    skipped = labels[len(labels) // 2]
    tracker.reset()
    tracker.push(new_video()[labels != skipped])
    told = [w.action for w in tracker.warnings_ if w.kind == "skipped"]
    assert told == [skipped]


def test_copies_share_what_was_learned():
    videos = make_videos(5, n_actions=3, n_features=6, random_state=0).videos
    model = JointAlignSegment(
        3, max_epochs=1, encoder="causal", training=Training(live=True), random_state=0
    ).fit(videos)
    tracker = model.stream()
    tracker.push(videos[0][:20])
    for one, other in (
        (tracker._embedder, tracker.copy()._embedder),
        (tracker._embedder, tracker._embedder.copy()),
    ):
        assert other.features is one.features
        assert other.encoder.args[0] is one.encoder.args[0]
        expected = copy.deepcopy(one).push(videos[0][20:40])
        assert_array_equal(other.push(videos[0][20:40]), expected)
        assert other._seen is other._stream.streams[0] is not one._seen
