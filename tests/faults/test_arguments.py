"""Faults, row 84: what users pass to functions in place of what is meant."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from skvas import ActionSegmenter, Recordings, step_report
from skvas.datasets import load_folder, make_videos
from skvas.exceptions import InvalidParameterError
from skvas.io import (
    SegmentTable,
    TimedSegment,
    read_corrections,
    read_poses,
    read_recordings,
    read_segments,
    read_sensors,
    write_segments,
)
from skvas.metrics import (
    label_agreement,
    matching_error,
    modularity_score,
    mof,
    phase_progression,
    shared_order,
    uniform_segmentation,
)

LABELS = [[0, 0, 1], [1, 0]]
VIDEOS = [np.eye(3), np.eye(3)[:2]]
TABLE = SegmentTable([TimedSegment("a", 0, 1, "x")])


@pytest.mark.parametrize(
    ("labels", "hint"),
    [
        ((row for row in LABELS), "got a generator: make a list of it first"),
        ({1, 2}, "got a set: make a list of it first"),
        (pd.DataFrame({"label": [0, 1]}), 'a column of it, as in frame["label"]'),
        (3, "got 3 alone: give the labels of all frames in a list"),
        (np.int64(3), "alone: give the labels of all frames in a list"),
        ([[0.5, 0, 1], [1, 0]], "got 0.5; of probabilities of actions"),
    ],
)
def test_row_84_what_are_no_labels_is_told(labels, hint):
    with pytest.raises((TypeError, ValueError)) as caught:
        mof(labels, LABELS)
    assert hint in str(caught.value)
    assert "n_features" not in str(caught.value)


def test_row_84_labels_of_other_libraries_are_taken():
    tensors = [torch.tensor(row) for row in LABELS]
    series = [pd.Series(row, index=range(5, 5 + len(row))) for row in LABELS]
    for labels in (tensors, series, [np.array(row, float) for row in LABELS]):
        assert mof(labels, LABELS) == mof(LABELS, labels) == 1.0


@pytest.mark.parametrize("groups", ["ab", {"a": 0, "b": 1}, {"a", "b"}, [[1], [2]]])
def test_row_84_groups_that_are_no_list_of_groups_are_refused(groups):
    with pytest.raises(TypeError, match="groups must be"):
        mof(LABELS, LABELS, matching="per_group", groups=groups)


@pytest.mark.parametrize("background", [True, float("nan"), {0: "none"}])
def test_row_84_background_that_is_no_label_is_refused(background):
    with pytest.raises(TypeError, match="background must be"):
        mof(LABELS, LABELS, background=background)


def test_row_84_background_of_truth_values_is_one():
    assert mof([[True, False]], [[True, True]], background=False) == 1.0


def test_row_84_texts_are_no_truth_values():
    with pytest.raises(InvalidParameterError, match="ordered must be one of True"):
        modularity_score(LABELS, VIDEOS, ordered="no")
    with pytest.raises(InvalidParameterError, match="last_phase must be one of True"):
        phase_progression(VIDEOS, LABELS, VIDEOS, LABELS, last_phase="no")


@pytest.mark.parametrize("embeddings", [None, {"a": VIDEOS[0]}, iter(VIDEOS)])
def test_row_84_embeddings_in_no_list_are_refused(embeddings):
    with pytest.raises(TypeError, match=r"Expected an array of shape \(n_frames"):
        shared_order(embeddings)


def test_row_84_matches_and_their_labels_are_those_of_one_pair():
    with pytest.raises(ValueError, match=r"Expected labels of 1 video\(s\), got 2"):
        label_agreement([0, 1], ["a", "b"], [["a"], ["b"]])
    for labels in (3, iter("ab"), None):
        with pytest.raises((TypeError, ValueError), match="Expected labels of"):
            label_agreement([0, 1], ["a", "b"], labels)
    masked = np.ma.masked_array([0, 1, 2], [0, 1, 0])
    with pytest.raises(ValueError, match="whose mask would be ignored"):
        matching_error(masked, [0, 1, 2])


@pytest.mark.parametrize("make", [np.array, pd.Series, torch.tensor, tuple])
def test_row_84_lengths_may_come_in_any_row(make):
    found = uniform_segmentation(make([2, 4]), 2)
    assert [labels.tolist() for labels in found] == [[0, 1], [0, 0, 1, 1]]


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        (b"a.csv", "os.fsdecode"),
        (["a.csv"], "pass them one by one"),
        (None, "got None"),
        (3, "got 3 of type int"),
        (pd.DataFrame({"a": [1, 2]}), "of type DataFrame"),
    ],
)
def test_row_84_what_is_no_path_is_told(path, hint):
    readers = [read_segments, read_corrections, load_folder]
    readers.append(lambda path: write_segments(TABLE, path))
    if not isinstance(path, (list, pd.DataFrame)):
        readers.append(read_recordings)
    for read in readers:
        with pytest.raises(
            TypeError, match="must be a str or a pathlib.Path"
        ) as caught:
            read(path)
        assert hint in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("source", [b"a", None, 3, np.eye(3), [np.eye(3)], [["a.csv"]]])
def test_row_84_what_is_no_table_is_told(source):
    with pytest.raises(TypeError, match=r"a file or a data frame, got .*; give paths"):
        read_sensors(source)
    with pytest.raises(TypeError, match="source must be a str or a pathlib.Path"):
        read_recordings(source)


@pytest.fixture
def walk(tmp_path):
    file = tmp_path / "walk.csv"
    file.write_text("time_s,x,y\n0,1,2\n1,2,3\n2,3,4\n")
    return file


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"columns": [1]}, "columns must be a list of names"),
        ({"columns": {"x", "y"}}, "columns must be a list of names"),
        ({"columns": []}, "columns must be a list of names"),
        ({"columns": 1}, "columns must be a list of names"),
        ({"columns": ["x", "x"]}, "columns has a name twice"),
        ({"labels": ["x"]}, "labels must be the name of a column"),
        ({"time": False}, "time must be the name of a column"),
        ({"media": "a.mp4"}, r"media must be a dict .*; pass \{'walk': file\}"),
        ({"media": {"run": "a.mp4"}}, r"but of \['run'\]; the recordings are 'walk'"),
    ],
)
def test_row_84_options_of_tables_are_told(walk, options, message):
    with pytest.raises((TypeError, ValueError), match=message):
        read_sensors(walk, **options)


def test_row_84_columns_may_be_anything_in_an_order(walk):
    for columns in ("x", ("x",), np.array(["x"]), pd.Index(["x"]), iter("x")):
        assert read_sensors(walk, columns=columns).feature_names == ["x"]
    assert read_sensors(walk, media={}).media is None


def test_row_84_options_of_poses_are_told(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((4, 3, 2)))
    for name in ("keypoints", "individuals"):
        with pytest.raises(TypeError, match=f"{name} must be a list of texts"):
            read_poses(tmp_path, **{name: "nose"})
    with pytest.raises(TypeError, match="media must be a dict"):
        read_poses(tmp_path, media=["a.mp4"])
    with pytest.raises(ValueError, match="media has no file of a recording"):
        read_poses(tmp_path, media={"b": "b.mp4"})


def test_row_84_labels_of_segments_are_whole_numbers():
    table = SegmentTable.from_labels([0.0, 1.0], "a", fps=1)
    assert [row.label for row in table] == ["0", "1"]
    names = pd.Series(["x", "y"], index=[5, 6])
    table = SegmentTable.from_labels([0, 1], "a", fps=1, action_names=names)
    assert [row.label for row in table] == ["x", "y"]
    with pytest.raises(ValueError, match="integers or strings, got 0.5"):
        SegmentTable.from_labels([0.5, 1.0], "a", fps=1)
    for video in (Path("a"), 0, None, ["a"]):
        with pytest.raises(KeyError, match="There is no video"):
            table.to_labels(video, fps=1)
    with pytest.raises(TypeError, match="names must be the name of the video, or a"):
        SegmentTable.from_labels([0, 1], None, fps=1)
    with pytest.raises(TypeError, match="a list of TimedSegment objects, got None"):
        SegmentTable(None)


def test_row_84_one_rate_in_a_list_is_of_one_recording():
    assert Recordings(VIDEOS, fps=np.array(2)).fps == [2.0] * len(VIDEOS)
    with pytest.raises(ValueError, match="fps must be one for each of 2 recording"):
        Recordings(VIDEOS, fps=[2])


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        ({"videos": {"a": VIDEOS[0]}}, "list(videos.values()), and list(videos) as"),
        ({"videos": "walks"}, "skvas.io.read_recordings reads files"),
        ({"videos": None}, "videos must be a list of arrays, got a NoneType"),
        (
            {"videos": VIDEOS, "media": {"a": "a.mp4", "b": "b.mp4"}},
            "media must be one for each recording, in a",
        ),
        (
            {"videos": VIDEOS, "names": {"a", "b"}},
            "names must be one for each recording, in a list",
        ),
    ],
)
def test_row_84_what_makes_no_recordings_is_told(arguments, hint):
    with pytest.raises(TypeError) as caught:
        Recordings(**arguments)
    assert hint in str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"activity": ["tea"]}, "activity must be a text or None"),
        ({"split": ["a"]}, "split must be a str or a pathlib.Path"),
        ({"on_demand": "no"}, "on_demand must be one of True, False"),
    ],
)
def test_row_84_options_of_folders_are_told(tmp_path, options, message):
    with pytest.raises((TypeError, ValueError), match=message):
        load_folder(tmp_path, **options)


def test_row_84_steps_are_compared_with_labels_of_their_kind():
    videos = make_videos(2, random_state=0).videos
    model = ActionSegmenter(5, max_epochs=0, random_state=0).fit(videos)
    with pytest.raises(TypeError, match="are never equal"):
        step_report(model, videos, collection=[[*"aabbcc"]])
    with pytest.raises(TypeError, match="estimator must segment videos"):
        step_report(videos, model)
