"""Objects as nodes: groups of parameters and settings, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest

from skvas import Aligning, JointAlignSegment, Segmenting, Training
from skvas.exceptions import InvalidParameterError, ModelFileError
from skvas.options._settings import Settings
from skvas.persistence._state import StateReader, StateWriter, check_settings
from skvas.recipes import INFORMED

SETTINGS = INFORMED.resolve(JointAlignSegment()).labelled_by(
    "embedding", recurring=True, decoder="plan", boundaries="decoded"
)


def round_trip(value):
    writer = StateWriter()
    node = writer.node(value, "value")
    return StateReader(dict(writer.arrays), None).node(node)


@pytest.mark.parametrize(
    "group", [Segmenting(alpha=0.4), Aligning(zeta="30%"), Training(lr=0.1)]
)
def test_group_comes_back(group):
    found = round_trip(group)
    assert type(found) is type(group)
    assert found.get_params() == group.get_params()


@pytest.mark.parametrize("keys", [["b", "a"], list(np.array(["b", "a"])), [3, -1]])
def test_keys_may_be_texts_or_whole_numbers(keys):
    found = round_trip(dict(zip(keys, ["one", "two"], strict=True)))
    assert list(found.items()) == list(zip(keys, ["one", "two"], strict=True))
    assert {type(key) for key in found} <= {str, int}


@pytest.mark.parametrize("keys", [[1, "a"], [True], [None], [(1, 2)], [1.0]])
def test_other_keys_are_refused(keys):
    with pytest.raises(InvalidParameterError, match="value is a builtins.dict"):
        StateWriter().node(dict.fromkeys(keys), "value")


def test_path_of_a_checkpoint_is_not_kept():
    assert round_trip(Training(checkpoint="secret")).checkpoint is None


def test_settings_come_back():
    found = round_trip(SETTINGS)
    assert isinstance(found, Settings)
    assert found == SETTINGS


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"segmenting": {**SETTINGS.segmenting, "alpha": "auto"}}, ModelFileError),
        ({"segmenting": {**SETTINGS.segmenting, "alpha": 7}}, InvalidParameterError),
        ({"aligning": {**SETTINGS.aligning, "zeta": "3"}}, InvalidParameterError),
        ({"training": {**SETTINGS.training, "other": 1}}, TypeError),
        ({"training": {}}, TypeError),
        ({"max_epochs": -1}, InvalidParameterError),
        ({"beta": "one"}, InvalidParameterError),
    ],
)
def test_settings_that_no_fit_makes_are_refused(change, error):
    with pytest.raises(error):
        check_settings(replace(SETTINGS, **change))


def named_videos(width, n_frames):
    videos = np.empty(2, object)
    videos[:] = [np.full(n_frames, "pour", f"<U{width}") for _ in videos]
    return videos


@pytest.mark.parametrize(("width", "n_frames"), [(200, 50_000), (1000, 8000)])
def test_names_of_frames_come_back(width, n_frames):
    found = round_trip(named_videos(width, n_frames))
    assert found[0].dtype == f"<U{width}"
    assert (found[1] == "pour").all()


def test_long_names_of_many_frames_are_refused_both_ways():
    videos = named_videos(201, 42_000)
    with pytest.raises(InvalidParameterError, match="names of at most 200 characters"):
        StateWriter().node(videos, "labels_")
    writer = StateWriter()
    node = writer.node(named_videos(200, 42_000), "labels_") | {"width": 1000}
    with pytest.raises(ModelFileError, match="far larger than the file"):
        StateReader(dict(writer.arrays), None).node(node)


def test_texts_of_which_one_is_long_take_no_memory():
    texts = np.array(["a"] * 4000 + ["b" * 1000])
    assert round_trip(texts).tolist() == texts.tolist()
    node = {"kind": "texts", "items": ["a"] * 5000 + ["b" * 1000], "dtype": "<U1000"}
    with pytest.raises(ModelFileError, match="mostly blank"):
        StateReader({}, None).node(node)
