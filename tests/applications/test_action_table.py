from __future__ import annotations

import codecs
import copy
import csv
from pathlib import PureWindowsPath

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import skvas
from skvas import (
    ActionSegmenter,
    JointAlignSegment,
    Recordings,
    VideoAligner,
    _atomic,
    step_report,
    transfer_labels,
)
from skvas.applications._action_table import ActionTable, tabulate
from skvas.applications._names import labels_meant, rename_actions
from skvas.display import (
    AlignmentDisplay,
    EmbeddingDisplay,
    SegmentationDisplay,
    TimelineDisplay,
)
from skvas.exceptions import InvalidParameterError
from skvas.io import SegmentTable, read_segments
from tests.models import Counted, quick, small_videos

VIDEOS = small_videos(3)
MEDIA = ["anna.mp4", None, "carl.wav"]
RECORDINGS = Recordings(VIDEOS, ["anna", "ben", "carl"], fps=[10, 20, 40], media=MEDIA)


@pytest.fixture(scope="module")
def model():
    return quick(JointAlignSegment, max_epochs=0).fit(RECORDINGS)


def test_confidence_is_the_mean_probability_of_the_action_itself():
    shares = np.array([[0.4, 0.6], [0.8, 0.2], [0.7, 0.3]])
    videos = Recordings([np.zeros((3, 1))])
    table = tabulate(videos, [np.array([0, 0, 1])], ["pour", "stir"], [shares])
    assert_allclose([r["confidence"] for r in table.records], [0.6, 0.3])


def test_recordings_with_other_features_are_refused():
    pandas = pytest.importorskip("pandas")
    features = [f"joint {i}" for i in range(VIDEOS[0].shape[1])]
    model = quick(JointAlignSegment, max_epochs=0)
    model.fit(Recordings(VIDEOS, feature_names=features))
    model.predict(VIDEOS)
    model.predict(Recordings(VIDEOS))
    model.predict(Recordings(VIDEOS, feature_names=features)[:2])
    turned = Recordings(VIDEOS, feature_names=features[::-1])
    for method in (model.predict, model.transform, model.to_table, model.score):
        with pytest.raises(ValueError, match="same in another order.*'joint 0', 'jo"):
            method(turned)
    frames = [pandas.DataFrame(video, columns=features) for video in VIDEOS]
    with pytest.raises(ValueError, match="same in another order"):
        quick(JointAlignSegment, max_epochs=0).fit(frames).predict(turned)
    other = Recordings(VIDEOS, feature_names=["x", *features[1:]])
    with pytest.raises(ValueError, match="lacking 'joint 0'; unseen 'x'"):
        step_report(model, other)


def test_pictures_and_transfers_refuse_other_features_as_well():
    features = [f"joint {i}" for i in range(VIDEOS[0].shape[1])]
    model = quick(JointAlignSegment, max_epochs=0)
    model.fit(Recordings(VIDEOS, feature_names=features))
    turned = Recordings(VIDEOS, feature_names=features[::-1])
    one, other = turned[:1], turned[1:]
    for display in (EmbeddingDisplay, SegmentationDisplay, TimelineDisplay):
        with pytest.raises(ValueError, match="same in another order"):
            display.from_estimator(model, turned)
    with pytest.raises(ValueError, match="same in another order"):
        AlignmentDisplay.from_estimator(model, one, other[:1])
    labels = list(model.labels_)
    for known, new in ((one, VIDEOS[1:]), (VIDEOS[:1], other)):
        with pytest.raises(ValueError, match="same in another order"):
            transfer_labels(model, known, labels[:1], new)


def test_fit_keeps_names_rates_and_media():
    media = ["a.mp4", None, "c.mp4"]
    features = [f"joint {i}" for i in range(VIDEOS[0].shape[1])]
    named = Recordings(
        VIDEOS, ["a", "b", "c"], fps=25, media=media, feature_names=features
    )
    found = quick(VideoAligner, max_epochs=0).fit(named).recordings_
    assert found == {
        "names": ["a", "b", "c"],
        "n_frames": [len(video) for video in VIDEOS],
        "fps": [25.0] * 3,
        "media": media,
        "feature_names": features,
        "times": None,
        "clock": None,
    }
    plain = quick(VideoAligner, max_epochs=0).fit(VIDEOS).recordings_
    assert (plain["names"][2], plain["fps"], plain["media"]) == (
        "recording 2",
        None,
        None,
    )


def test_table_of_fit_has_its_labels_and_seconds(model):
    table = model.to_table()
    assert table.unit == "seconds"
    labels = tabulate(RECORDINGS, list(model.labels_), [*"012"]).records
    assert table.records == labels
    last = [r for r in table.records if r["recording"] == "carl"][-1]
    assert_allclose(last["end"], len(VIDEOS[2]) / 40)
    assert_allclose(last["seconds"], last["end"] - last["start"])


def test_table_of_new_recordings_has_confidences(model):
    table = model.to_table(Recordings(VIDEOS[:1], ["dora"], fps=5))
    assert {r["recording"] for r in table.records} == {"dora"}
    assert all(0 < r["confidence"] <= 1 for r in table.records)
    assert_allclose(table.records[-1]["end"], len(VIDEOS[0]) / 5)
    shares = model.predict_proba(VIDEOS[0])[: table.records[0]["end"].__ceil__()]
    assert shares.shape[1] == model.n_actions_


@pytest.mark.parametrize("segment_on", ["embedding", "timeline"])
@pytest.mark.parametrize("is_labelled", [False, True])
def test_table_has_what_two_looks_give_from_one(segment_on, is_labelled, monkeypatch):
    y = [np.arange(len(VIDEOS[0])) * 3 // len(VIDEOS[0]), None, None]
    options = {"max_epochs": 0, "segment_on": segment_on}
    fitted = quick(JointAlignSegment, **options).fit(VIDEOS, y if is_labelled else None)
    labels, shares = fitted.predict(VIDEOS), fitted.predict_proba(VIDEOS)
    recordings = Recordings(VIDEOS)
    expected = tabulate(recordings, labels, [*"012"], shares, fitted.classes_.tolist())
    looks, look = [], JointAlignSegment._look
    monkeypatch.setattr(
        JointAlignSegment, "_look", lambda *args: looks.append(1) or look(*args)
    )
    assert fitted.to_table(recordings).records == expected.records
    assert looks == [1]


def test_without_a_rate_times_are_frames(model):
    found = model.to_table(VIDEOS[0])
    assert found.unit == "frames"
    assert found.records[-1]["end"] == len(VIDEOS[0])
    assert "frames" in found.records[0]
    with pytest.raises(ValueError, match="no frame rate is known"):
        found.to_segments()
    assert model.to_table(VIDEOS[0], fps=5).unit == "seconds"


def test_rate_of_fit_is_that_of_new_recordings():
    one_rate = Recordings(VIDEOS, ["a", "b", "c"], fps=25)
    fitted = quick(ActionSegmenter, max_epochs=0).fit(one_rate)
    assert_allclose(fitted.to_table(VIDEOS[0]).records[-1]["end"], len(VIDEOS[0]) / 25)


def test_times_of_frames_are_used_where_they_vary(model):
    times = np.cumsum(np.arange(1, len(VIDEOS[0]) + 1)) / 10
    table = model.to_table(Recordings(VIDEOS[:1], ["a"], times=[times]))
    starts = {r["start"] for r in table.records}
    assert starts <= {*times.tolist()}


def test_table_of_fit_has_the_times_of_its_frames(tmp_path):
    times = [5 + np.cumsum(np.arange(1, len(video) + 1)) / 10 for video in VIDEOS]
    known = Recordings(VIDEOS, ["a", "b", "c"], times=times)
    fitted = quick(ActionSegmenter, max_epochs=0).fit(known)
    fitted.save(tmp_path / "model")
    expected = [(r["start"], r["end"]) for r in fitted.to_table(known).records]
    for model in (fitted, skvas.load(tmp_path / "model")):
        assert [(r["start"], r["end"]) for r in model.to_table().records] == expected
    assert fitted.to_table(fps=5).records[0]["start"] == 0
    for stamps in times:
        stamps -= stamps[0]
    assert [(r["start"], r["end"]) for r in fitted.to_table().records] == expected


@pytest.fixture
def named(model):
    return copy.deepcopy(model).name_actions(["run", "fly", "land"])


def test_names_of_actions_are_shown_and_saved(model, tmp_path):
    model = copy.deepcopy(model)
    assert model.action_names_ is None
    model.name_actions({0: "take off", 2: "land"})
    assert model.action_names_ == ["take off", "1", "land"]
    assert {r["action"] for r in model.to_table().records} <= {*model.action_names_}
    model.name_actions(["run", "fly"])
    assert model.action_names_ == ["run", "fly", "land"]
    model.save(tmp_path / "model")
    loaded = skvas.load(tmp_path / "model")
    assert loaded.action_names_ == ["run", "fly", "land"]
    assert loaded.recordings_ == model.recordings_
    assert loaded.to_table().records == model.to_table().records


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ({3: "x"}, r"action 3; there are 0 \(run\), 1 \(fly\), 2 \(land\)"),
        ({"a": "x"}, "action 'a'; there are"),
        (["x", "y", "z", "a"], "4 names for 3 actions: 0, 1, 2"),
        ({0: 1}, "must be a text"),
        ({0: " "}, "must be a text"),
        ({0: "x", 1: "x"}, "two actions would be called 'x'"),
        ({0: "x", "0": "y"}, "action 0 has two names"),
        ("xyz", "a dict or a list"),
        ({"x", "y", "z"}, "a dict or a list"),
        (5, "a dict or a list"),
    ],
)
def test_names_that_make_no_sense_are_refused(named, names, message):
    with pytest.raises((ValueError, TypeError), match=message):
        named.name_actions(names)


def takers_of_names(model, folder, names):
    return [
        lambda: copy.deepcopy(model).name_actions(names),
        lambda: step_report(model, RECORDINGS, action_names=names),
        lambda: model.report(RECORDINGS, folder / "page.html", action_names=names),
    ]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ({99: "x"}, r"names: there is no action 99; there are 0.*name these"),
        (["x", "y", "z", "a"], "names: there are 4 names for 3 actions: 0, 1, 2; give"),
        (["x", "x", "y"], "names: two actions would be called 'x'; give each"),
        ({0: "x", 1: "x"}, "names: two actions would be called 'x'; give each"),
        ({0: "x", "0": "y"}, "names: action 0 has two names"),
        ({0: None}, "names: the name of action 0 must be a text"),
        ({"x", "y", "z"}, "names must be a dict or a list"),
    ],
)
def test_row_85_reports_refuse_the_names_that_name_actions_refuses(
    model, tmp_path, names, message
):
    for take in takers_of_names(model, tmp_path, names):
        with pytest.raises((ValueError, TypeError), match=message):
            take()
    assert list(tmp_path.iterdir()) == []


def test_reports_keep_the_names_that_they_are_not_given(model, tmp_path):
    named = copy.deepcopy(model).name_actions({0: "take", 1: "pour", 2: "land"})
    names = {1: "stir", "land": "lift"}
    expected = {"take", "stir", "lift"}
    report = step_report(named, RECORDINGS, action_names=names)
    assert {record["step"] for record in report.records} == expected
    page = named.report(RECORDINGS, tmp_path / "page.html", action_names=names)
    assert '"actions":["take","stir","lift"]' in page.read_text(encoding="utf-8")
    assert named.action_names_ == ["take", "pour", "land"]


@pytest.mark.parametrize(
    ("labels", "names", "expected"),
    [
        ([1, 2, 3], {1: "pour", 2: "stir"}, ["pour", "stir", "3"]),
        ([0, 5, 10], {5: "pour", "10": "stir"}, ["0", "pour", "stir"]),
        (["1", "3", "4", "walk"], {"3": "x", 4: "y"}, ["1", "x", "y", "walk"]),
        (["pour", "stir"], {"stir": "mix"}, ["pour", "mix"]),
        (["pour", "stir"], {1: "mix"}, ["pour", "mix"]),
        ([0, 5, 10], ["a", "b"], ["a", "b", "10"]),
    ],
)
def test_actions_are_named_by_the_labels_that_are_shown(labels, names, expected):
    known = [str(label) for label in labels]
    assert rename_actions(known, labels, names) == expected


def test_text_in_place_of_a_list_of_names_is_refused(model, tmp_path):
    """Its letters would be names of actions in files and on pages."""
    file, labels = tmp_path / "page.html", list(model.labels_)
    for take in (
        lambda: skvas.predict_files(model, [], tmp_path / "out", action_names="abc"),
        lambda: step_report(model, RECORDINGS, action_names="abc"),
        lambda: model.report(RECORDINGS, file, action_names="abc"),
        lambda: skvas.report_html(labels, file, action_names="abc"),
        lambda: SegmentTable.from_labels(labels[0], "v", fps=1, action_names="abc"),
    ):
        with pytest.raises(TypeError, match="action_names must be a (dict or a )?list"):
            take()
    with pytest.raises(TypeError, match="^names must be a list of texts"):
        skvas.predict_files(model, ["a.npy"], tmp_path / "out", names="a")
    assert list(tmp_path.iterdir()) == []


def test_series_name_actions_by_their_index(model):
    names = pd.Series({1: "stir", 2: "drink"})
    assert rename_actions([*"012"], [0, 1, 2], names) == ["0", "stir", "drink"]
    assert rename_actions([*"012"], [0, 1, 2], names.reset_index(drop=True)) == [
        "stir",
        "drink",
        "2",
    ]
    named = copy.deepcopy(model).name_actions(names)
    report = step_report(model, RECORDINGS, action_names=names)
    assert {record["step"] for record in report.records} <= {*named.action_names_, 0}


def test_texts_of_numbers_are_labels_where_some_have_names(named):
    named.name_actions({1: "stir", 2: "0"})
    assert labels_meant(named, np.array(["0", "1", "2", "stir", "x"])) == [
        2,
        1,
        2,
        1,
        "x",
    ]


def test_tables_of_seconds_are_no_labels_of_frames(model, tmp_path):
    with pytest.raises(InvalidParameterError, match="format must be one of .* got 'tx"):
        model.to_table(RECORDINGS).write(tmp_path / "out", "txt")
    assert list(tmp_path.iterdir()) == []


def test_names_from_an_array_are_texts_of_python():
    names = rename_actions(["0", "1"], [0, 1], np.array(["pour", "stir"]))
    assert [type(name) for name in names] == [str, str]


@pytest.mark.parametrize("labels", [[1, 2, 3], ["1", "2", "walk"]])
def test_places_are_no_labels_where_labels_are_numbers(labels):
    with pytest.raises(ValueError, match="action 0; there are 1, 2, "):
        rename_actions(list(map(str, labels)), labels, {0: "x"})


def test_names_go_to_labels_that_are_numbers():
    y = [np.repeat([1, 2], [5, len(VIDEOS[0]) - 5]), None, None]
    fitted = quick(ActionSegmenter, max_epochs=0).fit(VIDEOS, y)
    fitted.name_actions({1: "pour", 2: "stir"})
    assert fitted.action_names_ == ["pour", "stir", "3"]
    assert fitted.to_table().records[0]["action"] == "pour"


def test_csv_has_milliseconds(model, tmp_path):
    model.to_csv(tmp_path / "a.csv", RECORDINGS)
    with (tmp_path / "a.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == list(model.to_table(RECORDINGS).records[0])
    assert all(len(row["end"].partition(".")[2]) <= 3 for row in rows)


def test_row_51_spreadsheets_run_no_name(tmp_path):
    recordings = Recordings(VIDEOS[:1], ["=v"])
    table = tabulate(recordings, [np.zeros(len(VIDEOS[0]), int)], ["+pour"])
    table.to_csv(tmp_path / "a.csv", excel=True)
    data = (tmp_path / "a.csv").read_bytes()
    assert data.startswith(codecs.BOM_UTF8)
    assert data.decode("utf-8-sig").split()[1].startswith("'=v,0,")
    assert data.decode().split()[1].endswith(",'+pour")


def test_a_file_of_elan_for_each_recording(model, tmp_path):
    pytest.importorskip("pympi")
    files = model.to_eaf(tmp_path / "labels")
    assert [file.name for file in files] == ["anna.eaf", "ben.eaf", "carl.eaf"]
    found = read_segments(files[0])
    expected = [r for r in model.to_table().records if r["recording"] == "anna"]
    assert [row.label for row in found] == [r["action"] for r in expected]
    assert_allclose([r.end for r in found], [r["end"] for r in expected], atol=1e-3)
    linked = ["/anna.mp4" in file.read_text() for file in files]
    assert linked == [True, False, False]
    assert "audio/x-wav" in model.to_eaf(tmp_path, RECORDINGS)[2].read_text()


def test_names_with_a_folder_are_written_into_one(tmp_path):
    recordings = Recordings(VIDEOS[:1], ["tea/anna"], fps=10)
    table = tabulate(recordings, [np.zeros(len(VIDEOS[0]), int)], ["pour"])
    (file,) = table.write(tmp_path / "labels", "csv")
    assert file == tmp_path / "labels" / "tea" / "anna.csv"
    assert read_segments(file).videos == ["tea/anna"]


def test_files_of_many_recordings_are_written_in_one_pass(tmp_path):
    row = {"start": 0.0, "end": 1.0, "seconds": 1.0, "action": "pour"}
    names = [Counted(f"v{i}") for i in range(30)]
    table = ActionTable([{"recording": name, **row} for name in names], "seconds")
    Counted.n = 0
    files = table.write(tmp_path, "csv")
    assert [file.stem for file in files] == names
    assert Counted.n <= 12 * len(names)


def test_names_stay_in_the_folder(model, tmp_path):
    for name in ("../a", "/a", ""):
        outside = Recordings(VIDEOS[:2], ["b", name], fps=5)
        with pytest.raises(ValueError, match=f"{name!r} leaves the folder"):
            model.to_table(outside).write(tmp_path / "out", "csv")
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["\\a", "C:a", "C:\\a", "..\\a"])
def test_names_stay_in_the_folder_on_windows(model, tmp_path, monkeypatch, name):
    monkeypatch.setattr(_atomic, "PurePath", PureWindowsPath)
    outside = Recordings(VIDEOS[:1], [name], fps=5)
    with pytest.raises(ValueError, match="leaves the folder"):
        model.to_table(outside).write(tmp_path / "out", "csv")


def test_names_that_a_folder_takes_for_one_are_refused(model, tmp_path, monkeypatch):
    table = model.to_table(Recordings(VIDEOS[:2], ["Tea", "tea"], fps=5))
    monkeypatch.setattr(_atomic, "_ignores_case", lambda folder: True)
    with pytest.raises(ValueError, match="takes 'Tea' and 'tea' for one"):
        table.write(tmp_path, "csv")
    assert list(tmp_path.iterdir()) == []
    monkeypatch.undo()
    assert len(table.write(tmp_path, "csv")) == 2


def test_table_prints_and_shows_in_notebooks(model):
    table = model.to_table()
    assert str(table).splitlines()[0].split()[0] == "recording"
    assert len(str(table).splitlines()) == len(table) + 1
    assert "Times in seconds." in table._repr_html_()
    assert "more rows" not in table._repr_html_()
    pandas = pytest.importorskip("pandas")
    assert isinstance(table.to_frame(), pandas.DataFrame)


def test_labels_that_fit_was_given_are_the_names():
    y = [np.repeat(["up", "down"], [5, len(VIDEOS[0]) - 5]), None, None]
    fitted = quick(ActionSegmenter, max_epochs=0).fit(RECORDINGS, y)
    names = {r["action"] for r in fitted.to_table(RECORDINGS).records}
    assert names <= {str(label) for label in fitted.classes_}
    first = fitted.to_table().records[0]
    assert first["action"] == str(fitted.labels_[0][0])
    fitted.name_actions({0: "lift"})
    assert fitted.action_names_[1:] == [str(label) for label in fitted.classes_[1:]]
    if fitted.labels_[0][0] == fitted.classes_[0]:
        assert fitted.to_table().records[0]["action"] == "lift"


def test_table_without_segments_is_a_header(tmp_path):
    ActionTable([], "frames").to_csv(tmp_path / "a.csv")
    header = "recording,start,end,frames,action"
    assert (tmp_path / "a.csv").read_text().split() == [header]


def test_files_have_the_rate_that_is_given(model, tmp_path):
    model.to_csv(tmp_path / "a.csv", fps=4)
    with open(tmp_path / "a.csv", newline="") as stream:
        first, *_ = csv.DictReader(stream)
    expected = model.to_table(fps=4).records[0]
    assert float(first["end"]) == pytest.approx(expected["end"], abs=1e-3)
    pytest.importorskip("pympi")
    files = model.to_eaf(tmp_path, fps=4)
    assert len(read_segments(files[0])) > 0
