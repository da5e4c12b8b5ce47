"""Model files: round trips, what is refused, and files of released formats."""

from __future__ import annotations

import hashlib
import importlib
import io
import json
import os
import pickle
import tracemalloc
import zipfile
from dataclasses import is_dataclass, replace
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, PowerTransformer, StandardScaler

import skvas
from skvas import ActionSegmenter, JointAlignSegment, Recordings, VideoAligner
from skvas.datasets import FeatureFile
from skvas.exceptions import (
    InvalidParameterError,
    ModelFileError,
    ModelVersionWarning,
)
from skvas.nn import MLPEncoder, ResidualEncoder, TemporalConvEncoder
from skvas.persistence._arrays import DTYPES, read_arrays, write_arrays
from skvas.persistence._state import FORMAT_VERSION
from skvas.preprocessing import (
    CompressTails,
    Detrend,
    Framewise,
    LevelFeatures,
    SelectRelated,
    VideoStandardizer,
)
from tests.models import (
    ESTIMATORS,
    SEGMENTERS,
    assert_same_outputs,
    fitted_once,
    outputs,
    quick,
    small_videos,
)

VIDEOS = small_videos()
NEW = small_videos(7)[5:]
GOLDEN = Path(__file__).parent / "golden"
every = pytest.mark.parametrize("cls", ESTIMATORS)


class Own(torch.nn.Module):
    """An encoder of a user's own."""

    def __init__(self, n_features=5, width=4):
        super().__init__()
        self.linear = torch.nn.Linear(n_features, width)
        self.norm = torch.nn.LayerNorm(width)

    def forward(self, frames):
        return self.norm(self.linear(frames))


class Derived(ActionSegmenter):
    """An estimator of a user's own."""


@pytest.fixture(scope="module")
def model_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "joint"
    fitted_once(JointAlignSegment).save(path)
    return path


def assert_equal(ours, theirs, name=""):
    """Require the same type and the same bits, all the way down."""
    assert type(ours) is type(theirs), name
    if isinstance(theirs, torch.nn.Module):
        assert ours.training == theirs.training
        assert_equal(dict(ours.state_dict()), dict(theirs.state_dict()), name)
    elif isinstance(theirs, torch.Tensor):
        assert_equal(ours.numpy(), theirs.numpy(), name)
    elif isinstance(theirs, np.ndarray) and theirs.dtype == object:
        assert_equal(list(ours), list(theirs), name)
    elif isinstance(theirs, np.ndarray):
        assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape), name
        assert ours.tobytes() == theirs.tobytes(), name
    elif isinstance(theirs, dict):
        assert list(ours) == list(theirs), name
        for key in theirs:
            assert_equal(ours[key], theirs[key], f"{name}.{key}")
    elif isinstance(theirs, (list, tuple)):
        assert len(ours) == len(theirs), name
        for one, other in zip(ours, theirs, strict=True):
            assert_equal(one, other, name)
    elif hasattr(theirs, "get_params") or is_dataclass(theirs):
        assert_equal(vars(ours), vars(theirs), name)
    elif isinstance(theirs, np.random.RandomState):
        assert_equal(ours.get_state(), theirs.get_state(), name)
    else:
        assert ours == theirs, name


def round_trip(estimator, path, **options):
    estimator.save(path)
    return skvas.load(path, **options)


@every
@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"recipe": "paper"},
        {"features": Framewise(StandardScaler())},
        {"features": Framewise(make_pipeline(StandardScaler(), PCA(3)))},
        {"features": VideoStandardizer(), "encoder": (8, 4)},
        {"encoder": MLPEncoder(4, (6,)), "features": Framewise(PCA(4))},
        {"random_state": np.random.RandomState(3), "device": torch.device("cpu")},
        {"eps": np.float32(0.1), "max_iter": np.int64(4)},
    ],
    ids=lambda p: "-".join(p) or "default",
)
def test_loaded_estimator_equals_the_saved_one_bit_for_bit(cls, parameters, tmp_path):
    estimator = quick(cls, **parameters).fit(VIDEOS)
    loaded = round_trip(estimator, tmp_path / "model")
    assert_equal(loaded, estimator)
    assert_same_outputs(outputs(loaded, NEW), outputs(estimator, NEW))


@pytest.mark.parametrize("n_actions", [2, None, (4, 5)])
def test_number_of_actions_set_after_fit_survives(n_actions, model_file, tmp_path):
    estimator = skvas.load(model_file).set_params(n_actions=n_actions)
    loaded = round_trip(estimator, tmp_path / "model")
    assert loaded.n_actions == n_actions
    assert_same_outputs(outputs(loaded, NEW), outputs(estimator, NEW))


def test_models_of_mapped_memory_are_saved(model_file, tmp_path):
    joblib.dump(skvas.load(model_file), tmp_path / "kept")
    mapped = joblib.load(tmp_path / "kept", mmap_mode="r")
    mapped.save(tmp_path / "model")
    assert (tmp_path / "model").read_bytes() == Path(model_file).read_bytes()


@pytest.mark.parametrize(
    "made", [np.memmap, pd.DataFrame, torch.tensor, FeatureFile, "object"]
)
def test_references_of_any_kind_are_saved(made, tmp_path):
    np.save(tmp_path / "video.npy", VIDEOS[1])
    if made is np.memmap:
        reference = np.load(tmp_path / "video.npy", mmap_mode="r")
    elif made is FeatureFile:
        reference = FeatureFile(tmp_path / "video.npy")
    else:
        reference = VIDEOS[1].astype(made) if made == "object" else made(VIDEOS[1])
    estimator = quick(VideoAligner, reference=reference).fit(VIDEOS)
    loaded = round_trip(estimator, tmp_path / "model")
    assert_array_equal(loaded.reference, VIDEOS[1])
    assert_same_outputs(outputs(loaded, NEW), outputs(estimator, NEW))


@pytest.mark.parametrize("names", [["pour", "stir"], [4, 2]])
def test_prototypes_in_a_data_frame_are_saved(names, tmp_path):
    frame = pd.DataFrame(VIDEOS[0][:2], index=names)
    estimator = quick(JointAlignSegment, prototypes=frame, n_actions=None).fit(VIDEOS)
    loaded = round_trip(estimator, tmp_path / "model")
    assert_array_equal([*loaded.prototypes.values()], VIDEOS[0][:2])
    assert_same_outputs(outputs(loaded, NEW), outputs(estimator, NEW))


@pytest.mark.parametrize("cls", SEGMENTERS)
@pytest.mark.parametrize("names", [["pour", "stir"], np.array(["a", "b"]), [4, 2]])
def test_named_prototypes_survive(cls, names, tmp_path):
    vectors = {name: VIDEOS[0][k] for k, name in enumerate(names)}
    estimator = quick(cls, prototypes=vectors, n_actions=None).fit(VIDEOS)
    loaded = round_trip(estimator, tmp_path / "model")
    assert list(loaded.prototypes) == list(vectors)
    assert_equal(list(loaded.prototypes.values()), list(vectors.values()))
    assert_same_outputs(outputs(loaded, NEW), outputs(estimator, NEW))


def test_single_video_and_names_of_features_survive(tmp_path):
    frame = pd.DataFrame(VIDEOS[0], columns=list("abcde"))
    estimator = quick(JointAlignSegment, reference=0).fit(frame)
    loaded = round_trip(estimator.set_output(transform="pandas"), tmp_path / "model")
    assert_equal(loaded, estimator)
    assert isinstance(loaded.transform(frame), pd.DataFrame)


def test_texts_of_numpy_survive_as_texts(tmp_path):
    names = np.array(["one", "two", "three", "four", "five"])
    recordings = Recordings(VIDEOS, names, feature_names=np.array(list("abcde")))
    estimator = quick(JointAlignSegment, recipe=np.str_("paper")).fit(recordings)
    loaded = round_trip(estimator, tmp_path / "model")
    assert loaded.recordings_["names"] == names.tolist()
    assert loaded.recipe == "paper"
    assert_same_outputs(outputs(loaded, NEW), outputs(estimator, NEW))


def test_timeline_of_many_thousands_of_recordings_survives(model_file, tmp_path):
    estimator = skvas.load(model_file)
    axis, times = estimator.timeline_.model_, 2000
    many = replace(
        axis.template,
        passages=axis.template.passages * times,
        alignability=np.tile(axis.template.alignability, times),
        is_related=np.tile(axis.template.is_related, times),
    )
    estimator.timeline_.model_ = replace(axis, template=many)
    loaded = round_trip(estimator, tmp_path / "model")
    assert_equal(loaded.timeline_.model_, estimator.timeline_.model_)


def test_loaded_estimator_can_be_fitted_again(model_file):
    loaded = skvas.load(model_file)
    assert_same_outputs(
        outputs(loaded.fit(VIDEOS), NEW),
        outputs(fitted_once(JointAlignSegment), NEW),
    )


def test_loading_leaves_global_random_numbers_alone(model_file):
    before = torch.get_rng_state(), np.random.get_state()[1]  # noqa: NPY002
    skvas.load(model_file)
    assert torch.equal(torch.get_rng_state(), before[0])
    np.testing.assert_array_equal(np.random.get_state()[1], before[1])  # noqa: NPY002


def test_own_encoder_gives_its_weights_to_the_network_passed(tmp_path):
    estimator = quick(JointAlignSegment, features=None, encoder=Own()).fit(VIDEOS)
    path = tmp_path / "model"
    with pytest.raises(ModelFileError, match=r"encoder=Own\(\.\.\.\)"):
        round_trip(estimator, path)
    given_encoder = Own()
    before = given_encoder.linear.weight.clone()
    loaded = skvas.load(path, encoder=given_encoder)
    assert torch.equal(given_encoder.linear.weight, before)
    assert_same_outputs(outputs(loaded, NEW), outputs(estimator, NEW))
    with pytest.raises(ModelFileError, match="do not fit"):
        skvas.load(path, encoder=Own(width=9))


class Direction(torch.nn.Module):
    """An encoder of a user's own that cannot take frames of zeros."""

    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(5, 4)

    def forward(self, frames):
        return self.linear(frames / frames.norm(dim=-1, keepdim=True))


class Mirrored(torch.nn.Module):
    """An encoder of a user's own that cannot take fewer than four frames."""

    def __init__(self):
        super().__init__()
        self.taps = torch.nn.Conv1d(5, 4, 7, padding=3, padding_mode="reflect")

    def forward(self, frames):
        return self.taps(frames.mT).mT


@every
@pytest.mark.parametrize("make", [Direction, Mirrored])
def test_own_encoder_need_not_take_any_frames(cls, make, tmp_path):
    estimator = quick(cls, features=None, encoder=make()).fit(VIDEOS)
    loaded = round_trip(estimator, tmp_path / "model", encoder=make())
    assert_same_outputs(outputs(loaded, NEW), outputs(estimator, NEW))


@every
def test_preprocessing_need_not_take_zeros(cls, tmp_path):
    videos = [np.exp(video) for video in VIDEOS]
    estimator = quick(cls, features=PowerTransformer(method="box-cox")).fit(videos)
    loaded = round_trip(estimator, tmp_path / "model")
    expected = outputs(estimator, [np.exp(video / 9) for video in NEW])
    assert_same_outputs(outputs(loaded, [np.exp(video / 9) for video in NEW]), expected)


def test_row_45_preprocessing_that_makes_nan_is_refused(tmp_path):
    path = tmp_path / "model"
    features = Framewise(StandardScaler())
    quick(ActionSegmenter, features=features).fit(VIDEOS).save(path)
    key = "features_.transformer_.scale_"
    forge(path, path, arrays=lambda a: a[key].fill(np.nan))
    assert_refused(path)


def test_row_45_steps_of_a_preprocessing_are_checked(tmp_path):
    known, path = tmp_path / "known", tmp_path / "model"
    steps = (CompressTails(), Detrend(), SelectRelated(), LevelFeatures(), "whitened")
    quick(ActionSegmenter, features=make_pipeline(*steps)).fit(VIDEOS).save(known)
    scale = "features_.steps.0.1.scale_"
    mean = "features_.steps.1.1.mean_"
    support = "features_.steps.2.1.support_"
    highest = "features_.steps.3.1.high_"
    variance = "features_.steps.4.1.explained_variance_.0"
    for change in (
        lambda a: a[scale].fill(np.nan),
        lambda a: a[mean].fill(np.nan),
        lambda a: a[variance].fill(np.inf),
        lambda a: a[highest].fill(np.nan),
        lambda a: a.update({support: np.flatnonzero(a[support])}),
    ):
        forge(path, known, arrays=change)
        assert_refused(path)


def test_encoder_is_refused_where_it_is_of_no_use(model_file):
    with pytest.raises(InvalidParameterError, match="of no use"):
        skvas.load(model_file, encoder=Own())
    with pytest.raises(InvalidParameterError, match="torch.nn.Module"):
        skvas.load(model_file, encoder=(3, 4))


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"training__callback": print}, "callback"),
        ({"features": Framewise(FunctionTransformer(np.abs))}, "features.transformer"),
        (
            {"features": Framewise(make_pipeline(StandardScaler(), memory="cache"))},
            "memory",
        ),
    ],
)
def test_what_cannot_be_saved_is_named_and_no_file_is_left(parameters, named, tmp_path):
    estimator = fitted_once(JointAlignSegment).set_params(**parameters)
    with pytest.raises(InvalidParameterError, match=named):
        estimator.save(tmp_path / "model")
    assert os.listdir(tmp_path) == []


def test_attributes_of_the_user_are_not_saved(tmp_path):
    estimator = fitted_once(ActionSegmenter, max_epochs=0)
    estimator.remark = "of my own"
    with pytest.raises(InvalidParameterError, match="'remark' is neither"):
        estimator.save(tmp_path / "model")
    del estimator.remark
    assert_equal(round_trip(estimator, tmp_path / "model"), estimator)


def test_unfitted_and_derived_estimators_are_not_saved(tmp_path):
    with pytest.raises(NotFittedError):
        quick(JointAlignSegment).save(tmp_path / "model")
    with pytest.raises(InvalidParameterError, match="class of your own"):
        quick(Derived).fit(VIDEOS).save(tmp_path / "model")


def test_failed_write_leaves_the_old_file(model_file, tmp_path, monkeypatch):
    path = tmp_path / "model"
    path.write_bytes(model_file.read_bytes())
    estimator = skvas.load(path)

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="model"):
        estimator.save(path)
    assert path.read_bytes() == model_file.read_bytes()
    assert os.listdir(tmp_path) == ["model"]


def test_missing_file_and_folder_are_errors_of_the_system(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        skvas.load(tmp_path / "nowhere")
    with pytest.raises(IsADirectoryError):
        skvas.load(tmp_path)


def test_row_47_model_of_a_gpu_loads_where_there_is_none(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    estimator = fitted_once(JointAlignSegment).set_params(device="cuda")
    loaded = round_trip(estimator, tmp_path / "model")
    assert loaded.device == "cuda"
    expected = outputs(estimator.set_params(device="cpu"), NEW)
    assert_same_outputs(outputs(loaded.set_params(device="cpu"), NEW), expected)


# Hostile files: each is built from a good one, and signed anew, so that it is its
# content that is refused and not its digest.


def forge(path, source, *, arrays=None, texts=None, state=None):
    """Write a file with changes to the arrays, texts and state of another."""
    found, about = read_arrays(source)
    tree = json.loads(about["state"])
    if arrays is not None:
        arrays(found)
    if state is not None:
        state(tree)
    about |= {"state": json.dumps(tree)} | (texts or {})
    write_arrays(path, found, about)


def raw(path, header, data=b""):
    """Write a file of any header, with the digest that it should have."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    digest = hashlib.sha256(text + data).hexdigest().encode()
    text = text.replace(b"0" * 64, digest, 1)
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)


def entry(dtype="F32", shape=(1,), offsets=(0, 4)):
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


SIGNED = {"__metadata__": {"sha256": "0" * 64, "format": "skvas"}}


class Bomb:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, trace):
        self.trace = trace

    def __reduce__(self):
        return open, (str(self.trace), "w")


def zip_bomb():
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../schema.json", b"0" * 10**7)
    return stream.getvalue()


def first_float(arrays, value):
    arrays["encoder_.added.layers.0.weight"][0, 0] = value


FILES = {
    "pickle": lambda p, trace: p.write_bytes(pickle.dumps(Bomb(trace))),
    "joblib": lambda p, trace: joblib.dump(Bomb(trace), p),
    "torch": lambda p, trace: torch.save(Bomb(trace), p),
    "zip bomb": lambda p, _: p.write_bytes(zip_bomb()),
    "empty": lambda p, _: p.write_bytes(b""),
    "short": lambda p, _: p.write_bytes(b"skvas"),
    "endless header": lambda p, _: p.write_bytes(b"\xff" * 64),
    "large header": lambda p, _: p.write_bytes((2**22).to_bytes(8, "little")),
    "no JSON": lambda p, _: raw(p, b"{" * 9),
    "no object": lambda p, _: raw(p, b"[]"),
    "nesting": lambda p, _: raw(p, b"[" * 100_000),
    "no texts": lambda p, _: raw(p, {"a": entry()}, b"1234"),
    "unsigned": lambda p, _: raw(p, {"__metadata__": {"format": "skvas"}}),
    "wrong digest": lambda p, _: raw(p, {"__metadata__": {"sha256": "1" * 64}}),
    "key twice": lambda p, _: raw(p, b'{"__metadata__": {}, "__metadata__": {}}'),
    "NaN in JSON": lambda p, _: raw(p, b'{"__metadata__": {"sha256": NaN}}'),
    "30,000 arrays": lambda p, _: raw(
        p, SIGNED | {str(i): entry(shape=[0], offsets=[0, 0]) for i in range(30_000)}
    ),
    "huge shape": lambda p, _: raw(
        p, SIGNED | {"a": entry(shape=[2**30, 2**30], offsets=[0, 2**62])}
    ),
    "negative shape": lambda p, _: raw(p, SIGNED | {"a": entry(shape=[-1])}, b"1234"),
    "overlap": lambda p, _: raw(p, SIGNED | {"a": entry(), "b": entry()}, b"1234"),
    "hidden bytes": lambda p, _: raw(p, SIGNED | {"a": entry()}, b"12345678"),
    "unknown type": lambda p, _: raw(p, SIGNED | {"a": entry("O8")}, b"1234"),
    "no flags": lambda p, _: raw(
        p, SIGNED | {"a": entry("BOOL", [4])}, b"\x00\x01\x02\x03"
    ),
}


@pytest.mark.parametrize(
    "write", [joblib.dump, lambda x, p: p.write_bytes(pickle.dumps(x))]
)
def test_pickle_is_told_from_a_damaged_file(write, tmp_path):
    write({"n_actions": 3}, tmp_path / "model")
    with pytest.raises(ModelFileError, match="like a pickle.*joblib.load"):
        skvas.load(tmp_path / "model")


def timeline(state):
    return state["timeline_"]["items"]


FORGERIES = {
    "foreign": {"texts": {"format": "other"}},
    "newer": {"texts": {"format_version": "3"}},
    "older": {"texts": {"format_version": "1"}},
    "version 0": {"texts": {"format_version": "0"}},
    "version of words": {"texts": {"format_version": "one"}},
    "unknown estimator": {"texts": {"estimator": "os.system"}},
    "another estimator": {"texts": {"estimator": "VideoAligner"}},
    "state is no JSON": {"texts": {"state": "{"}},
    "nested state": {"texts": {"state": "[" * 50_000}},
    "state is a list": {"texts": {"state": "[]"}},
    "array of no use": {"arrays": lambda a: a.update({"../../x": np.ones(3)})},
    "NaN weight": {"arrays": lambda a: first_float(a, np.nan)},
    "infinite weight": {"arrays": lambda a: first_float(a, np.inf)},
    "no weights": {"arrays": lambda a: a.pop("encoder_.added.layers.0.bias")},
    "weight of another shape": {
        "arrays": lambda a: a.update(
            {"encoder_.added.layers.0.weight": np.ones((3, 3), np.float32)}
        )
    },
    "weights of whole numbers": {
        "arrays": lambda a: a.update(
            {k: v.astype(np.int64) for k, v in a.items() if k.startswith("encoder_")}
        )
    },
    "prototypes of another shape": {
        "arrays": lambda a: a.update(prototypes_=np.ones((9, 2), np.float32))
    },
    "NaN prototypes": {"arrays": lambda a: a["prototypes_"].fill(np.nan)},
    "NaN reference": {"arrays": lambda a: a["reference_"].fill(np.nan)},
    "NaN features": {"arrays": lambda a: a["features_.scale_"].fill(np.nan)},
    "negative lengths": {"arrays": lambda a: a["labels_.lengths"].fill(-1)},
    "unknown kind": {"state": lambda s: s.update(labels_={"kind": "pickle"})},
    "number that is a text": {
        "state": lambda s: s.update(
            prototypes={"kind": "numbered", "items": {"a": [1.0] * 5}}
        )
    },
    "kind of no text": {"state": lambda s: s.update(labels_={"kind": []})},
    "extra parts": {"state": lambda s: s["encoder_"].update(code="import os")},
    "unknown transformer": {
        "state": lambda s: s["features_"].update(name="FunctionTransformer")
    },
    "path to a class": {"state": lambda s: s["features_"].update(name="os.system")},
    "unknown encoder": {"state": lambda s: s["encoder_"].update(name="Sequential")},
    "another encoder": {
        "state": lambda s: s["encoder_"].update(name="TemporalConvEncoder")
    },
    "hidden method": {"state": lambda s: s.update(predict=None)},
    "magic attribute": {"state": lambda s: s.update(__class__=None)},
    "unknown attribute": {"state": lambda s: s.update(other=1)},
    "parameter out of range": {"state": lambda s: s.update(eps=-1.0)},
    "device of no type": {"state": lambda s: s.update(device=3)},
    "missing attribute": {"state": lambda s: s.pop("n_embedding_")},
    "missing attribute that may be None": {"state": lambda s: s.pop("shared_order_")},
    "no order": {"state": lambda s: s.update(shared_order_=3)},
    "order of texts": {
        "state": lambda s: s["shared_order_"]["items"].update(value="9")
    },
    "unknown matching": {"state": lambda s: s.update(matching_="guess")},
    "unknown path": {"state": lambda s: s.update(path_on_="guess")},
    "unknown space": {"state": lambda s: s.update(segment_on_="guess")},
    "space without a timeline": {"state": lambda s: s.update(timeline_=None)},
    "timeline of another kind": {"state": lambda s: s.update(timeline_=3)},
    "timeline of another class": {
        "state": lambda s: s["timeline_"].update(name="Passage")
    },
    "part of an unknown class": {
        "state": lambda s: s["timeline_"].update(name="Popen")
    },
    "moments off the timeline": {
        "arrays": lambda a: a.update(
            {"timeline_.moments": a["timeline_.moments"] + 1000}
        )
    },
    "actions of no number": {"arrays": lambda a: a["timeline_.cut.actions"].fill(-1)},
    "NaN template": {"arrays": lambda a: a["timeline_.template.frames"].fill(np.nan)},
    "template of another width": {
        "arrays": lambda a: a.update(
            {"timeline_.template.frames": a["timeline_.template.frames"][:, 1:]}
        )
    },
    "timeline without memory": {"state": lambda s: timeline(s).update(limit=0.0)},
    "recurring of no truth": {
        "state": lambda s: timeline(s)["cut"]["items"].update(recurring=1)
    },
    "likely numbers of texts": {
        "state": lambda s: timeline(s)["count"]["items"].update(
            likely={"kind": "tuple", "items": ["2", "3"]}
        )
    },
    "labels of no action": {"arrays": lambda a: a["labels_"].fill(77)},
    "labels that are no integers": {
        "arrays": lambda a: a.update(labels_=a["labels_"].astype(float))
    },
    "labels of other recordings": {
        "state": lambda s: s["recordings_"]["items"].update(n_frames=[1] * len(VIDEOS))
    },
    "name of two recordings": {
        "state": lambda s: s["recordings_"]["items"].update(names=["a"] * len(VIDEOS))
    },
    "name of two actions": {"state": lambda s: s.update(action_names_=["a"] * 3)},
    "consistency of nothing": {
        "state": lambda s: s["diagnosis_"]["items"].update(consistency=None)
    },
    "huge number of features": {"state": lambda s: s.update(n_features_in_=10**12)},
    "other number of features": {"state": lambda s: s.update(n_features_in_=6)},
    "other number of actions": {"state": lambda s: s.update(n_actions_=4)},
    "number of actions of no type": {"state": lambda s: s.update(n_actions_="3")},
    "other dimension": {"state": lambda s: s.update(n_embedding_=3)},
}


def assert_refused(path):
    """Require the one error class, within memory that the file's size explains."""
    tracemalloc.start()
    try:
        with pytest.raises(ModelFileError, match="cannot be loaded as a model"):
            skvas.load(path)
        allowed = 40 * 2**20 + 10 * path.stat().st_size
        assert tracemalloc.get_traced_memory()[1] < allowed
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", FILES)
def test_row_45_hostile_file_is_refused(name, tmp_path):
    trace = tmp_path / "trace"
    FILES[name](tmp_path / "model", trace)
    assert_refused(tmp_path / "model")
    assert not trace.exists()


@pytest.mark.parametrize("name", FORGERIES)
def test_row_45_forged_model_is_refused(name, model_file, tmp_path):
    path = tmp_path / "model"
    forge(path, model_file)
    skvas.load(path)  # unchanged, it loads
    forge(path, model_file, **FORGERIES[name])
    assert_refused(path)


def test_row_45_paths_by_a_timeline_that_is_none_are_refused(tmp_path):
    quick(VideoAligner, max_epochs=0).fit(VIDEOS).save(tmp_path / "model")
    path = tmp_path / "forged"
    forge(path, tmp_path / "model", state=lambda s: s.update(path_on_="embedding"))
    assert skvas.load(path).path_on_ == "embedding"
    forge(path, tmp_path / "model", state=lambda s: s.update(path_on_="timeline"))
    assert_refused(path)


def test_row_45_times_that_are_not_those_of_the_frames_are_refused(tmp_path):
    name, known, path = "recordings_.times", tmp_path / "known", tmp_path / "model"
    times = [np.arange(len(video)) / 5 for video in VIDEOS]
    recordings = Recordings(VIDEOS, times=times)
    quick(ActionSegmenter, max_epochs=0).fit(recordings).save(known)
    for change in (
        lambda a: a[name].fill(0),
        lambda a: a[name].fill(np.nan),
        lambda a: a.update({name: a[name].astype(np.float32)}),
        lambda a: a.update({f"{name}.lengths": a[f"{name}.lengths"][::-1].copy()}),
        lambda a: a.update({f"{name}.lengths": np.array([len(a[name])])}),
    ):
        forge(path, known, arrays=change)
        assert_refused(path)
    forge(path, known, state=lambda s: s["recordings_"]["items"].update(times=[0.0]))
    assert_refused(path)


@pytest.mark.parametrize("clock", ["tick", ["tick"], ["tick", "fortnight"], [3, "s"]])
def test_clocks_that_no_fit_keeps_are_refused(model_file, tmp_path, clock):
    path = tmp_path / "model"
    forge(
        path, model_file, state=lambda s: s["recordings_"]["items"].update(clock=clock)
    )
    assert_refused(path)
    forge(
        path,
        model_file,
        state=lambda s: s["recordings_"]["items"].update(clock=[None, "s"]),
    )
    assert skvas.load(path).recordings_["clock"] == [None, "s"]


def test_row_45_pipe_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "model")
    assert_refused(tmp_path / "model")


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (0, "PCG64"),
        (1, 3),
        (2, 625),
        (2, -1),
        (2, 3.0),
        (3, 2),
        (4, {"kind": "float", "text": "nan"}),
        (5, 0),
    ],
)
def test_row_45_state_of_random_numbers_is_one_of_numpy(place, value, tmp_path):
    known, path = tmp_path / "known", tmp_path / "model"
    rng = np.random.RandomState(0)
    quick(ActionSegmenter, max_epochs=0, random_state=rng).fit(VIDEOS).save(known)

    def change(state):
        state["random_state"]["state"]["items"][place : place + 1] = [value]

    forge(path, known, state=change)
    assert_refused(path)


def test_row_45_key_of_random_numbers_has_the_length_of_numpy(tmp_path):
    known, path = tmp_path / "known", tmp_path / "model"
    rng = np.random.RandomState(0)
    quick(ActionSegmenter, max_epochs=0, random_state=rng).fit(VIDEOS).save(known)
    forge(path, known, arrays=lambda a: a["random_state.1"].resize(623))
    assert_refused(path)


def mutations(data, n_mutations, seed):
    """Yield copies of a file with bytes changed, cut, put in or cut off."""
    rng = np.random.default_rng(seed)
    header = 8 + int.from_bytes(data[:8], "little")
    for number in range(n_mutations):
        changed = bytearray(data)
        place = int(rng.integers(header if number % 2 else len(data)))
        junk = rng.bytes(int(rng.integers(1, 9)))
        kind = number % 4
        if kind == 0:
            changed[place] ^= 1 << int(rng.integers(8))
        elif kind == 1:
            changed[place : place + len(junk)] = junk
        elif kind == 2:
            changed[place:place] = junk
        else:
            del changed[place:]
        if changed != data:
            yield bytes(changed)


def test_row_45_every_mutation_is_refused(model_file, tmp_path):
    n_mutations = int(os.environ.get("SKVAS_MUTATIONS", "300"))
    path = tmp_path / "model"
    for data in mutations(model_file.read_bytes(), n_mutations, seed=0):
        path.write_bytes(data)
        with pytest.raises(ModelFileError):
            skvas.load(path)


def test_row_45_mutations_of_a_signed_state_load_or_are_refused(model_file, tmp_path):
    n_mutations = int(os.environ.get("SKVAS_MUTATIONS", "300"))
    arrays, texts = read_arrays(model_file)
    state, rng = texts["state"], np.random.default_rng(1)
    path, n_refused = tmp_path / "model", 0
    for _ in range(n_mutations):
        at, other = rng.integers(len(state), size=2)
        changed = state[:at] + state[other : other + 5] + state[at + rng.integers(9) :]
        write_arrays(path, arrays, texts | {"state": changed})
        try:
            skvas.load(path)
        except ModelFileError:
            n_refused += 1
    assert n_refused > 0.8 * n_mutations


def test_file_of_another_version_warns(model_file, tmp_path):
    path = tmp_path / "model"
    forge(path, model_file, texts={"skvas": "0.0.1"})
    with pytest.warns(ModelVersionWarning, match=r"skvas 0\.0\.1"):
        skvas.load(path)


def test_other_scikit_learn_warns_where_its_transformers_are_in(tmp_path):
    path = tmp_path / "model"
    quick(JointAlignSegment, features=Framewise(StandardScaler())).fit(VIDEOS).save(
        path
    )
    forge(path, path, texts={"scikit-learn": "0.1"})
    with pytest.warns(ModelVersionWarning, match=r"scikit-learn 0\.1"):
        skvas.load(path)


@pytest.mark.filterwarnings("ignore::skvas.exceptions.ModelVersionWarning")
def test_row_46_golden_file_loads_and_predicts_what_it_did():
    loaded = skvas.load(GOLDEN / f"model-{FORMAT_VERSION}")
    expected = json.loads((GOLDEN / f"model-{FORMAT_VERSION}.json").read_text())
    found = loaded.predict(NEW)
    assert [labels.tolist() for labels in found] == expected["predict"]
    np.testing.assert_allclose(
        loaded.transform(NEW[0])[0], expected["transform"], atol=1e-5
    )
    assert not loaded.is_causal_


@pytest.mark.filterwarnings("ignore::skvas.exceptions.ModelVersionWarning")
def test_row_71_model_of_before_streams_has_none_and_says_so():
    loaded = skvas.load(GOLDEN / "model-2")
    assert loaded.live_ is None
    with pytest.raises(ValueError, match="fit it again"):
        loaded.stream()


def test_row_46_file_that_is_older_than_an_attribute_is_as_if_nothing_was_kept(
    model_file, tmp_path
):
    path, known = tmp_path / "model", skvas.load(model_file)
    may_lack = {name for name, made in known._fitted.items() if made.absent}
    assert may_lack >= {"live_", "naming_", "outlook_", "chain_", "timeline_"}
    for name in (may_lack - {"timeline_"}) | {"classes_"}:

        def without(parts, name=name):
            for key in [k for k in parts if k.split(".")[0] == name]:
                del parts[key]

        forge(path, model_file, state=without, arrays=without)
        loaded = skvas.load(path)
        assert hasattr(loaded, name)
        for labels, other in zip(loaded.predict(NEW), known.predict(NEW), strict=True):
            np.testing.assert_array_equal(labels, other)


def test_row_46_file_of_a_wider_range_of_a_parameter_is_read(model_file, tmp_path):
    path = tmp_path / "model"

    def widen(parts):
        parts["settings_"]["items"]["aligning"]["items"]["virtual_mass"] = 5.0

    forge(path, model_file, state=widen)
    assert skvas.load(path).settings_.aligning["virtual_mass"] == 5.0


def test_row_46_file_of_format_1_is_refused_in_plain_words():
    with pytest.raises(ModelFileError, match=r"skvas 0\.1\.0.*fit the model again"):
        skvas.load(GOLDEN / "model-1")


def test_row_46_each_format_has_a_golden_file():
    for version in range(1, FORMAT_VERSION + 1):
        assert read_arrays(GOLDEN / f"model-{version}")[1]["format_version"] == str(
            version
        )


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(st.text(), st.sampled_from(list(DTYPES))),
    st.dictionaries(st.text().filter(lambda key: key != "sha256"), st.text()),
    st.lists(st.integers(0, 3), max_size=3),
)
def test_arrays_and_texts_come_back(tmp_path, dtypes, texts, shape):
    dtypes.pop("__metadata__", None)
    arrays = {name: np.ones(shape, DTYPES[d]) for name, d in dtypes.items()}
    write_arrays(tmp_path / "arrays", arrays, texts)
    found, about = read_arrays(tmp_path / "arrays")
    assert about == texts
    assert_equal(found, arrays)


def test_loading_imports_and_runs_nothing_that_the_file_names(
    model_file, tmp_path, monkeypatch
):
    (tmp_path / "evil.py").write_text("raise SystemExit(3)")
    monkeypatch.syspath_prepend(tmp_path)
    path = tmp_path / "model"
    forge(path, model_file, state=lambda s: s["features_"].update(name="evil.x"))
    with pytest.raises(ModelFileError):
        skvas.load(path)
    with pytest.raises(SystemExit):  # as it would be, if anything imported it
        importlib.import_module("evil")


def test_residual_encoder_of_another_width_survives(tmp_path):
    encoder = ResidualEncoder(5, hidden=7)
    estimator = quick(JointAlignSegment, encoder=encoder, features=None).fit(VIDEOS)
    assert_equal(round_trip(estimator, tmp_path / "model"), estimator)


@pytest.mark.parametrize("reaches", [(0.3,), (0.1, 0.2, 0.4, 0.5)])
def test_temporal_encoder_of_other_layers_survives(tmp_path, reaches):
    encoder = TemporalConvEncoder(5, hidden=7, reaches=reaches)
    estimator = quick(JointAlignSegment, encoder=encoder, features=None).fit(VIDEOS)
    restored = round_trip(estimator, tmp_path / "model")
    assert_equal(restored, estimator)
    assert restored.encoder_.reaches.tolist() == pytest.approx(reaches)
