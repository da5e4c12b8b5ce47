"""Faults, row 83: names with accents, which macOS writes as characters of their own."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from skvas import (
    ActionSegmenter,
    JointAlignSegment,
    Recordings,
    report_html,
    step_report,
    transfer_labels,
)
from skvas.datasets import load_folder, make_videos
from skvas.display import SegmentationDisplay
from skvas.io import read_poses, read_segments, read_sensors
from skvas.labels import frame_labels
from skvas.metrics import (
    label_agreement,
    mof,
    phase_classification,
    segmentation_report,
)
from skvas.validation import check_labels, check_videos

ONE, APART = "\u00e9", "e\u0301"
DATA = make_videos(4, random_state=0)
QUICK = {"max_epochs": 0, "device": "cpu", "random_state": 0}


def named(spelling, labels=DATA.labels):
    """Return labels as texts, of which action 1 has an accent."""
    return [np.array(["x", spelling, *"abcdefgh"])[codes] for codes in labels]


def frames(spelling):
    names = [spelling, *map(str, range(1, DATA.videos[0].shape[1]))]
    return [pd.DataFrame(video, columns=names) for video in DATA.videos]


@pytest.fixture(scope="module")
def fitted():
    """One fitted by data frames and labels of two annotators; to be read only."""
    y = [named(ONE)[0], named(APART)[1], None, None]
    videos = [frames(ONE)[0], *frames(APART)[1:]]
    return JointAlignSegment(**QUICK).fit(videos, y)


def test_row_83_labels_of_two_annotators_are_one_action(fitted):
    assert ONE in fitted.classes_.tolist()
    assert APART not in fitted.classes_.tolist()
    assert fitted.score(frames(ONE), named(APART)) == 1.0
    read = frame_labels([[(0, 1, ONE), (0, 2, APART)], {0: APART}], [np.eye(3)] * 2)
    assert [labels.tolist() for labels in read] == [[ONE, ONE, None], [ONE, None, None]]
    with pytest.raises(ValueError, match="two labels"):
        frame_labels([[(0, 1, ONE), (0, 2, "e")]], [np.eye(3)])


def test_row_83_columns_of_fit_are_known_again(fitted):
    assert fitted.feature_names_in_[0] == ONE
    assert_array_equal(fitted.predict(frames(APART))[0], fitted.predict(frames(ONE))[0])
    assert len(fitted.timeline_.transform(frames(APART))) == 4
    fitted.stream().push(frames(APART)[0][:3])
    others = ["e", *fitted.feature_names_in_[1:]]
    with pytest.raises(ValueError, match="names should match"):
        fitted.predict([frames(ONE)[0].set_axis(others, axis=1)])
    assert len(check_videos([frames(ONE)[0], frames(APART)[1]])) == 2


def test_row_83_features_of_recordings_are_known_again():
    names = [[first, "b", *map(str, range(10))] for first in (ONE, APART, "e")]
    n_features = DATA.videos[0].shape[1]
    one, apart, other = (
        Recordings(DATA.videos, feature_names=found[:n_features]) for found in names
    )
    model = ActionSegmenter(3, **QUICK).fit(one)
    assert len(model.predict(apart)) == 4
    with pytest.raises(ValueError, match=f"lacking '{ONE}'; unseen 'e'"):
        model.predict(other)


def test_row_83_actions_are_named_by_either_spelling(fitted, tmp_path):
    model = ActionSegmenter(**QUICK).fit(DATA.videos, named(ONE))
    assert "stroke" in model.name_actions({APART: "stroke"}).action_names_
    with pytest.raises(ValueError, match="two actions would be called"):
        model.name_actions({"x": ONE, "a": APART})
    page = fitted.report(frames(ONE), tmp_path / "a.html", features=[APART])
    assert ONE in page.read_text(encoding="utf-8")


def test_row_83_scores_do_not_depend_on_spelling():
    true, found = named(ONE), named(APART)
    assert mof(true, found, matching=None) == 1.0
    report = segmentation_report(true, found, matching=None, background=APART)
    assert report.mof == 1.0
    assert ONE not in report.iou
    assert label_agreement([0], [ONE], [APART]).agreement == 1.0
    twice = DATA.videos * 2
    scores = phase_classification(twice, named(ONE) * 2, twice, named(APART) * 2)
    assert scores == phase_classification(twice, true * 2, twice, true * 2)


def test_row_83_labels_keep_the_first_spelling():
    numbers = np.arange(2)
    objects = np.array([APART, 1], dtype=object)
    one, two, three = check_labels([np.array([ONE, "e"]), objects, numbers])
    assert (one.tolist(), two.tolist()) == ([ONE, "e"], [ONE, 1])
    assert (two.dtype, three is numbers) == (objects.dtype, True)


def test_row_83_pictures_and_pages_have_one_action(fitted, tmp_path):
    display = SegmentationDisplay.from_predictions(
        named(ONE), named(APART), matching=None
    )
    assert APART not in display.action_names
    display = SegmentationDisplay.from_predictions(
        None, named(APART), action_names={ONE: "stroke"}
    )
    assert "stroke" in display.action_names
    labels = [[ONE, "a", "a"], [APART, "a", "a"]]
    report_html(labels, tmp_path / "a.html", corrections=[{2: APART}, None])
    assert APART not in (tmp_path / "a.html").read_text(encoding="utf-8")
    collection = [labels for labels in named(APART) for _ in range(2)]
    steps = step_report(fitted, frames(ONE), collection=collection)
    assert "extra" not in {record["status"] for record in steps.records}


def test_row_83_transferred_labels_have_one_spelling(fitted):
    teachers = [named(ONE)[0], named(APART)[1]]
    found = transfer_labels(fitted, frames(ONE)[:2], teachers, frames(ONE)[2:])
    assert APART not in {*np.concatenate(found.labels).tolist()}


def test_row_83_prototypes_and_labels_share_names():
    means = {APART: DATA.videos[0][DATA.labels[0] == 1].mean(axis=0)}
    model = ActionSegmenter(prototypes=means, **QUICK)
    y = [named(ONE)[0], None, None, None]
    assert APART not in model.fit(DATA.videos, y).classes_.tolist()


def test_row_83_tables_share_columns_and_labels(tmp_path):
    for name, spelling in (("a", ONE), ("b", APART)):
        text = f"time_s,{spelling},{spelling}tat\n0,1,{spelling}\n1,2,x\n2,3,x\n"
        (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8")
    found = read_sensors(tmp_path, labels=f"{APART}tat")
    assert (found.feature_names, found.action_names) == ([ONE], [ONE, "x"])
    found = read_sensors(tmp_path, columns=APART, labels=f"{ONE}tat")
    assert found.feature_names == [ONE]
    odd = pd.DataFrame({ONE: [1.0, 2.0], APART: [3.0, 4.0]})
    with pytest.raises(ValueError, match="recording 'a': two columns .* the same"):
        read_sensors({"a": odd})


def test_row_83_poses_share_points(tmp_path):
    for name, spelling in (("a", ONE), ("b", APART)):
        parts = ",".join(["bodyparts", *[spelling] * 3])
        lines = ["scorer,n,n,n", parts, "coords,x,y,likelihood", "0,1,2,1", "1,2,3,1"]
        text = "\n".join(lines)
        (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8")
    assert read_poses(tmp_path).feature_names == [ONE]
    assert read_poses(tmp_path, keypoints=[APART]).feature_names == [ONE]


def test_row_83_folders_have_one_action(tmp_path):
    for folder in ("features", "groundTruth"):
        (tmp_path / folder).mkdir()
    for name, words in (("a", [ONE, "b"]), ("b", ["b", APART])):
        np.save(tmp_path / "features" / f"{name}.npy", np.eye(2))
        (tmp_path / "groundTruth" / name).write_text("\n".join(words), encoding="utf-8")
    assert load_folder(tmp_path).action_names == ["b", ONE]
    mapping = tmp_path / "mapping.txt"
    mapping.write_text(f"0 {APART}\n1 b\n", encoding="utf-8")
    data = load_folder(tmp_path)
    assert data.action_names == [APART, "b"]
    assert [labels.tolist() for labels in data.labels] == [[0, 1], [1, 0]]
    mapping.write_text(f"0 {APART}\n1 {ONE}\n", encoding="utf-8")
    with pytest.raises(ValueError, match="occurs twice"):
        load_folder(tmp_path)


def test_row_83_tiers_are_found(tmp_path):
    text = (
        'File type = "ooTextFile"\nObject class = "TextGrid"\n\n0\n1\n<exists>\n1\n'
        f'"IntervalTier"\n"{ONE}"\n0\n1\n1\n0\n1\n"pour"\n'
    )
    (tmp_path / "v.TextGrid").write_text(text, encoding="utf-8")
    (row,) = read_segments(tmp_path / "v.TextGrid", tier=APART)
    assert row.label == "pour"
