"""Checkpoints: what is kept, what resuming gives, and what is refused."""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.decomposition import PCA
from torch import nn

import skvas
from skvas import ActionSegmenter, JointAlignSegment, VideoAligner
from skvas.exceptions import CheckpointError, InvalidParameterError
from skvas.persistence._arrays import read_arrays, write_arrays
from skvas.preprocessing import Framewise
from tests.models import (
    ESTIMATORS,
    assert_same_outputs,
    assert_same_state,
    fitted_once,
    outputs,
    quick,
    small_videos,
)

VIDEOS = small_videos()
every = pytest.mark.parametrize("cls", ESTIMATORS)


class Stop(Exception):
    """Ends a training from a callback."""


def stop_at(epoch):
    def callback(record):
        if record["epoch"] == epoch:
            raise Stop

    return callback


@contextmanager
def every_epoch_is_written():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("skvas.training._checkpoint.SHARE", np.inf)
        yield


def interrupted(cls, path, *, at=2, **parameters):
    """Leave the checkpoint of a training of 4 epochs that was stopped after some."""
    parameters = {"max_epochs": 4, "checkpoint": path} | parameters
    estimator = quick(cls, **parameters, callback=stop_at(at))
    with every_epoch_is_written(), pytest.raises(Stop):
        estimator.fit(VIDEOS)
    return parameters


@pytest.fixture(scope="module")
def one_run(tmp_path_factory):
    """The checkpoint of a segmenter that was interrupted, and its parameters."""
    path = tmp_path_factory.mktemp("checkpoints") / "run"
    return path.read_bytes, interrupted(ActionSegmenter, path)


@pytest.fixture
def kept(one_run, tmp_path):
    """Parameters of a training that was interrupted, with a checkpoint of its own."""
    read, parameters = one_run
    (tmp_path / "run").write_bytes(read())
    return parameters | {"checkpoint": tmp_path / "run"}


def assert_same_fit(found, expected):
    assert_same_outputs(outputs(found, VIDEOS), outputs(expected, VIDEOS))
    ours, theirs = found.encoder_.state_dict(), expected.encoder_.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    assert vars(found).keys() == vars(expected).keys()
    for name in set(expected.history_) - {"seconds"}:
        np.testing.assert_array_equal(found.history_[name], expected.history_[name])


class Dropping(nn.Module):
    """An encoder that draws random numbers, and remembers how often it was asked."""

    def __init__(self, n_features):
        super().__init__()
        self.linear = nn.Linear(n_features, 6)
        self.register_buffer("calls", torch.zeros((), dtype=torch.int64))

    def forward(self, frames):
        self.calls += self.training
        return nn.functional.dropout(self.linear(frames), 0.3, self.training)


@every
@pytest.mark.parametrize("recipe", ["informed", "paper"])
def test_resumed_fit_equals_an_uninterrupted_one_bit_for_bit(cls, recipe, tmp_path):
    parameters = interrupted(cls, tmp_path / "run", recipe=recipe)
    resumed = quick(cls, **parameters).fit(VIDEOS)
    expected = fitted_once(cls, recipe=recipe, max_epochs=4)
    assert_same_fit(resumed, expected)


def test_state_of_dropout_and_buffers_is_kept(tmp_path):
    torch.manual_seed(0)
    encoder = Dropping(5)
    parameters = {"encoder": encoder, "features": None}
    resumed = quick(
        ActionSegmenter,
        **interrupted(ActionSegmenter, tmp_path / "run", **parameters),
    ).fit(VIDEOS)
    expected = quick(ActionSegmenter, max_epochs=4, **parameters).fit(VIDEOS)
    assert_same_fit(resumed, expected)
    assert resumed.encoder_.calls == expected.encoder_.calls > 0


def test_encoder_in_half_precision_resumes_bit_for_bit(tmp_path):
    torch.manual_seed(0)
    parameters = {"encoder": nn.Linear(5, 6).bfloat16(), "features": None}
    resumed = quick(
        ActionSegmenter,
        **interrupted(ActionSegmenter, tmp_path / "run", **parameters),
    ).fit(VIDEOS)
    expected = quick(ActionSegmenter, max_epochs=4, **parameters).fit(VIDEOS)
    assert_same_fit(resumed, expected)
    assert resumed.encoder_.weight.dtype == torch.bfloat16


def test_vava_resumes_at_the_share_of_the_training_that_is_over(tmp_path):
    parameters = interrupted(VideoAligner, tmp_path / "run", method="vava")
    resumed = quick(VideoAligner, **parameters).fit(VIDEOS)
    assert_same_fit(
        resumed, quick(VideoAligner, method="vava", max_epochs=4).fit(VIDEOS)
    )


@every
def test_training_that_the_callback_ended_does_not_go_on(cls, tmp_path):
    def enough(record):
        return record["epoch"] == 2

    parameters = {"max_epochs": 4, "checkpoint": tmp_path / "run"}
    ended = quick(cls, **parameters, callback=enough).fit(VIDEOS)
    assert ended.history_["epoch"].tolist() == [1, 2]
    assert ended.n_iter_ == 2
    again = quick(cls, **parameters).fit(VIDEOS)
    assert_same_fit(again, ended)
    afresh = quick(cls, max_epochs=4, callback=enough).fit(VIDEOS)
    assert_same_fit(afresh, ended)


def test_callback_is_told_of_the_epochs_that_were_left(tmp_path):
    records = []
    parameters = interrupted(ActionSegmenter, tmp_path / "run", at=3)
    fitted = quick(ActionSegmenter, **parameters, callback=records.append).fit(VIDEOS)
    assert [record["epoch"] for record in records] == [4]
    assert fitted.history_["epoch"].tolist() == [1, 2, 3, 4]
    assert fitted.n_iter_ == 4


def test_preparation_and_choice_are_not_made_again(tmp_path, monkeypatch):
    parameters = interrupted(JointAlignSegment, tmp_path / "run")
    expected = fitted_once(JointAlignSegment, max_epochs=4)

    def fail(*args, **options):
        raise AssertionError("made again")

    for name in (
        "_labelling.choose_start",
        "_base.Survey.of",
        "_base.fit_features",
    ):
        monkeypatch.setattr(f"skvas.estimators.{name}", fail)
    resumed = quick(JointAlignSegment, **parameters).fit(VIDEOS)
    assert resumed.chosen_ == expected.chosen_
    assert resumed.shared_order_ == expected.shared_order_
    assert_same_fit(resumed, expected)


def test_what_is_prepared_is_kept_before_the_first_epoch(tmp_path, monkeypatch):
    def compute(*_):
        raise Stop

    estimator = quick(ActionSegmenter, checkpoint=tmp_path / "run")
    monkeypatch.setattr("skvas.training._objective.Objective.__call__", compute)
    with pytest.raises(Stop):
        estimator.fit(VIDEOS)
    assert (tmp_path / "run").is_file()


def test_finished_training_is_loaded_and_not_made_again(tmp_path):
    records = []
    estimator = quick(
        ActionSegmenter, checkpoint=tmp_path / "run", callback=records.append
    )
    first = estimator.fit(VIDEOS).encoder_.state_dict()
    again = estimator.fit(VIDEOS)
    assert len(records) == estimator.max_epochs
    assert all(torch.equal(first[n], w) for n, w in again.encoder_.state_dict().items())


def test_file_is_written_as_often_as_costs_little(tmp_path, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(
        "skvas.training._checkpoint.time.perf_counter", lambda: clock[0]
    )
    monkeypatch.setattr(
        "skvas.training._checkpoint.write_arrays", lambda *_: advance(0.01)
    )
    writings = []

    def advance(seconds):
        writings.append(len(clock))
        clock[0] += seconds

    def epoch_of_100_ms(record):
        clock.append(None)
        clock[0] += 0.1

    quick(
        ActionSegmenter,
        max_epochs=13,
        checkpoint=tmp_path / "run",
        callback=epoch_of_100_ms,
    ).fit(VIDEOS)
    assert writings == [1, 6, 12, 13]


def test_random_state_need_not_be_a_number(tmp_path):
    rng = np.random.RandomState(0)
    parameters = interrupted(ActionSegmenter, tmp_path / "run", random_state=rng)
    resumed = quick(ActionSegmenter, **parameters).fit(VIDEOS)
    assert_same_fit(resumed, fitted_once(ActionSegmenter, max_epochs=4))
    interrupted(ActionSegmenter, tmp_path / "other", random_state=None)
    quick(
        ActionSegmenter,
        checkpoint=tmp_path / "other",
        max_epochs=4,
        random_state=None,
    ).fit(VIDEOS)


def test_names_of_features_are_those_of_the_videos(kept):
    frames = [pd.DataFrame(video, columns=list("abcde")) for video in VIDEOS]
    named = quick(ActionSegmenter, **kept).fit(frames)
    assert named.feature_names_in_.tolist() == list("abcde")
    assert not hasattr(quick(ActionSegmenter, **kept).fit(VIDEOS), "feature_names_in_")


def test_transformer_of_the_user_is_kept_fitted(tmp_path):
    features = Framewise(PCA(3))
    parameters = interrupted(ActionSegmenter, tmp_path / "run", features=features)
    resumed = quick(ActionSegmenter, **parameters).fit(VIDEOS)
    assert_same_fit(
        resumed, quick(ActionSegmenter, features=features, max_epochs=4).fit(VIDEOS)
    )


def test_refit_keeps_nothing_of_an_earlier_fit(tmp_path):
    estimator = quick(JointAlignSegment, max_epochs=4).fit(small_videos(3))
    estimator.set_params(
        training__callback=stop_at(2), training__checkpoint=tmp_path / "run"
    )
    before = vars(estimator).copy()
    with pytest.raises(Stop):
        estimator.fit(VIDEOS)
    assert_same_state(estimator, before)
    arrays, _ = read_arrays(tmp_path / "run")
    assert not any(name.startswith("prepared.encoder_") for name in arrays)
    resumed = estimator.set_params(training__callback=None).fit(VIDEOS)
    assert_same_fit(resumed, fitted_once(JointAlignSegment, max_epochs=4))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"max_epochs": 5}, "max_epochs=4; this one has max_epochs=5"),
        ({"alpha": 0.6}, "segmenting.alpha='auto'; this one has segmenting.alpha=0.6"),
        ({"random_state": 1}, "random_state=0; this one has random_state=1"),
        ({"encoder": (7,)}, "encoder=None; this one has encoder=(7,)"),
        ({"features": Framewise(PCA(2))}, "features=Framewise"),
    ],
)
def test_row_42_checkpoint_of_other_parameters_is_refused(change, named, tmp_path):
    path = tmp_path / "run"
    parameters = interrupted(ActionSegmenter, path, features=Framewise(PCA(3)))
    content = path.read_bytes()
    estimator = quick(ActionSegmenter, **parameters | change)
    before = vars(estimator).copy()
    with pytest.raises(CheckpointError, match="cannot resume") as caught:
        estimator.fit(VIDEOS)
    assert named in str(caught.value)
    assert str(path) in str(caught.value)
    assert path.read_bytes() == content
    assert_same_state(estimator, before)


def test_parameters_that_change_no_weights_may_differ(tmp_path):
    parameters = interrupted(JointAlignSegment, tmp_path / "run")
    changes = {
        "path_on": "embedding",
        "segment_on": "embedding",
        "n_jobs": 2,
        "verbose": 1,
        "reference": 0,
        "matching": "plan",
        "memory_limit": None,
        "eps": np.float64(0.07),
    }
    resumed = quick(JointAlignSegment, **parameters | changes).fit(VIDEOS)
    assert (resumed.path_on_, resumed.segment_on_) == ("embedding", "embedding")
    expected = fitted_once(JointAlignSegment, max_epochs=4)
    for ours, theirs in zip(
        resumed.transform(VIDEOS), expected.transform(VIDEOS), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)


def test_row_42_checkpoint_of_other_data_is_refused(kept):
    changed = [video.copy() for video in VIDEOS]
    changed[3][7, 1] += 1e-4
    for videos in (VIDEOS[:-1], VIDEOS[::-1], changed):
        with pytest.raises(CheckpointError, match="videos="):
            quick(ActionSegmenter, **kept).fit(videos)


def test_row_42_checkpoint_of_another_estimator_is_refused(kept, tmp_path):
    with pytest.raises(CheckpointError, match="estimator=ActionSegmenter"):
        quick(JointAlignSegment, **kept).fit(VIDEOS)
    other = interrupted(
        ActionSegmenter, tmp_path / "own", encoder=Dropping(5), features=None
    )
    with pytest.raises(CheckpointError, match="encoder=Dropping"):
        quick(ActionSegmenter, **other | {"encoder": nn.Linear(5, 6)}).fit(VIDEOS)
    layers = nn.Linear(5, 6), nn.ReLU(), nn.Linear(6, 4)
    own = interrupted(
        ActionSegmenter,
        tmp_path / "relu",
        encoder=nn.Sequential(*layers),
        features=None,
    )
    tanh = nn.Sequential(layers[0], nn.Tanh(), layers[2])
    with pytest.raises(CheckpointError, match="encoder=Sequential"):
        quick(ActionSegmenter, **own | {"encoder": tanh}).fit(VIDEOS)


def rewritten(path, change):
    arrays, texts = read_arrays(path)
    change(arrays, texts)
    write_arrays(path, arrays, texts)


def lost_in_random_numbers(arrays, texts):
    state = json.loads(texts["state"])
    state["rng"]["state"]["items"][2] = 10**9
    texts["state"] = json.dumps(state)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lost_in_random_numbers, "state of random numbers"),
        (lambda arrays, texts: texts.update(format_version="1"), "format 1"),
        (lambda arrays, texts: texts.update(format="skvas"), "checkpoint of skvas"),
        (lambda arrays, texts: texts.pop("state"), "state"),
        (lambda arrays, texts: arrays.pop("rng.1"), "rng.1"),
        (
            lambda arrays, texts: texts.update(
                identity=texts["identity"].replace(skvas.__version__, "99.0")
            ),
            "skvas=99.0",
        ),
    ],
)
def test_row_42_checkpoint_of_another_version_or_form_is_refused(change, reason, kept):
    rewritten(kept["checkpoint"], change)
    with pytest.raises(CheckpointError, match=reason):
        quick(ActionSegmenter, **kept).fit(VIDEOS)


def test_row_42_truncated_or_damaged_checkpoint_is_refused(kept):
    path = kept["checkpoint"]
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[-100] ^= 1
    for content in (b"", whole[:7], whole[:500], whole[:-1], whole + b"x", flipped):
        path.write_bytes(content)
        with pytest.raises(CheckpointError, match="cannot resume"):
            quick(ActionSegmenter, **kept).fit(VIDEOS)
        assert path.read_bytes() == content


def test_model_file_and_checkpoint_are_not_taken_for_each_other(tmp_path):
    fitted = quick(ActionSegmenter, checkpoint=tmp_path / "run").fit(VIDEOS)
    fitted.save(tmp_path / "model")
    with pytest.raises(CheckpointError, match="checkpoint of skvas"):
        quick(ActionSegmenter, checkpoint=tmp_path / "model").fit(VIDEOS)
    with pytest.raises(ValueError, match="model of skvas"):
        skvas.load(tmp_path / "run")


def test_model_file_does_not_name_the_checkpoint(tmp_path):
    fitted = quick(ActionSegmenter, checkpoint=tmp_path / "run").fit(VIDEOS)
    fitted.save(tmp_path / "model")
    assert str(tmp_path).encode() not in (tmp_path / "model").read_bytes()
    assert skvas.load(tmp_path / "model").training.checkpoint is None

    def name_it(arrays, texts):
        state = json.loads(texts["state"])
        state["training"]["items"]["checkpoint"] = str(tmp_path / "there")
        texts["state"] = json.dumps(state)

    rewritten(tmp_path / "model", name_it)
    with pytest.raises(ValueError, match="names a checkpoint"):
        skvas.load(tmp_path / "model")


def test_transformer_that_no_file_can_hold_is_refused_before_training(tmp_path):
    class Own(PCA):
        pass

    estimator = quick(
        ActionSegmenter, features=Framewise(Own(2)), checkpoint=tmp_path / "run"
    )
    with pytest.raises(InvalidParameterError, match="checkpoint needs features"):
        estimator.fit(VIDEOS)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"checkpoint": 3}, "checkpoint must be None or the path"),
        ({"lr": 0}, "lr must"),
    ],
)
def test_parameters_out_of_range_are_refused(parameters, named):
    with pytest.raises(InvalidParameterError, match=named):
        quick(ActionSegmenter, **parameters).fit(VIDEOS)


def test_folder_that_is_not_there_is_told_before_training(tmp_path):
    records = []
    path = Path(tmp_path, "gone", "run")
    estimator = quick(ActionSegmenter, checkpoint=path, callback=records.append)
    with pytest.raises(FileNotFoundError) as caught:
        estimator.fit(VIDEOS)
    assert caught.value.filename == str(path)
    assert records == []
