"""Many files: what is written, skipped and reported, here and on a cluster."""

from __future__ import annotations

import os
import pickle
import shutil
import signal
import time
import warnings
from fractions import Fraction
from functools import partial
from pathlib import Path, PureWindowsPath

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClusterMixin, clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skvas import (
    ActionSegmenter,
    FilesReport,
    VideoAligner,
    _atomic,
    fit_files,
    predict_files,
)
from skvas.applications import _label_folder
from skvas.exceptions import FailedFilesWarning, InvalidParameterError
from skvas.features import VideoFeatures
from skvas.io import read_segments
from skvas.preprocessing import Framewise
from tests.held_files import hold_files
from tests.models import quick, small_videos

VIDEOS = small_videos(6)
FORMATS = ["csv", "json", "eaf", "textgrid", "srt", "vtt"]


@pytest.fixture(scope="module")
def model():
    return quick(ActionSegmenter, max_epochs=0).fit(VIDEOS)


@pytest.fixture(scope="module")
def other():
    return quick(ActionSegmenter, n_actions=2, max_epochs=0).fit(VIDEOS)


@pytest.fixture
def paths(tmp_path):
    """Files of features, an hour old."""
    (tmp_path / "in").mkdir()
    files = [tmp_path / "in" / f"v{i}.npy" for i in range(len(VIDEOS))]
    for file, video in zip(files, VIDEOS, strict=True):
        np.save(file, video)
        make_older(file)
    return files


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


def make_older(file, seconds=3600):
    os.utime(file, (time.time() - seconds,) * 2)


def statuses(report):
    return [record["status"] for record in report.records]


def contents(folder):
    """Return what is in files, but for the notes, which hold times."""
    files = (file for file in folder.iterdir() if file.suffix != ".notes")
    return {file.name: file.read_bytes() for file in files}


def labels_in(file):
    return [int(line) for line in file.read_text().splitlines()]


def test_each_file_gets_its_labels(model, paths, out):
    report = predict_files(model, paths, out)
    assert statuses(report) == ["written"] * 6
    for path, video, record in zip(paths, VIDEOS, report.records, strict=True):
        file = out / f"{path.stem}.txt"
        assert labels_in(file) == model.predict(video).tolist()
        assert record == {
            "path": str(path),
            "output": str(file),
            "status": "written",
            "n_frames": len(video),
            "error": None,
        }


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_of_segments_is_written(model, paths, out, form):
    names = ["pour", "stir", "drink"]
    predict_files(model, paths[:1], out, format=form, fps=25, action_names=names)
    table = read_segments(out / f"v0.{form}")
    found = table.to_labels("v0", fps=25, n_frames=len(VIDEOS[0]))
    assert found.tolist() == [names[label] for label in model.predict(VIDEOS[0])]


@pytest.mark.parametrize("labels", [[4, 7, 2], ["b", "c", "a"]])
def test_names_belong_to_labels_whatever_these_are(paths, out, labels):
    y = [np.array(labels)[np.arange(len(v)) * 3 // len(v)] for v in VIDEOS]
    named = quick(ActionSegmenter, max_epochs=0).fit(VIDEOS, y)
    named.name_actions([f"step {label}" for label in named.classes_])
    predict_files(named, paths[:1], out, format="csv", fps=25)
    found = read_segments(out / "v0.csv").to_labels("v0", fps=25, n_frames=len(y[0]))
    assert found.tolist() == [f"step {label}" for label in named.predict(VIDEOS[0])]


@pytest.mark.parametrize("labels", [[4, 7, 2], ["b", "c", "a"]])
def test_names_that_are_told_belong_to_the_order_of_the_actions(paths, out, labels):
    y = [np.array(labels)[np.arange(len(v)) * 3 // len(v)] for v in VIDEOS]
    model = quick(ActionSegmenter, max_epochs=0).fit(VIDEOS, y)
    called = {label: f"step {label}" for label in model.classes_.tolist()}
    expected = [called[label] for label in model.predict(VIDEOS[0]).tolist()]
    for names in ([*called.values()], called):
        predict_files(model, paths[:1], out, action_names=names, overwrite=True)
        assert (out / "v0.txt").read_text().splitlines() == expected
    first = {model.classes_[0]: "first"}
    predict_files(model, paths[:1], out, action_names=first, overwrite=True)
    shown = {label: str(label) for label in called} | {
        model.classes_.tolist()[0]: "first"
    }
    expected = [shown[label] for label in model.predict(VIDEOS[0]).tolist()]
    assert (out / "v0.txt").read_text().splitlines() == expected


def test_wrong_names_are_refused_before_any_file_is_read(model, paths, out):
    for names in (["a"] * 9, {7: "a"}, ["a", "a", "b"]):
        with pytest.raises(ValueError, match="action_names"):
            predict_files(model, paths, out, action_names=names)
    assert not out.exists()


class Plain(ClusterMixin, BaseEstimator):
    """Another package's clusterer, which says nothing of its labels."""

    def fit(self, videos, y=None):
        self.is_fitted_ = True
        return self

    def predict(self, video):
        return np.array([0, -1, 1])[np.arange(len(video)) * 3 // len(video)]


def test_frames_that_another_model_leaves_out_have_no_name(paths, out):
    predict_files(
        Plain().fit(VIDEOS), paths[:1], out, format="csv", fps=1, action_names=["a"]
    )
    table = read_segments(out / "v0.csv")
    assert [segment.label for segment in table.segments] == ["a", "1"]


@pytest.mark.parametrize("form", ["txt", "csv"])
def test_actions_with_negative_labels_are_written(paths, out, form):
    y = [np.array([-3, -2, 4])[np.arange(len(v)) * 3 // len(v)] for v in VIDEOS]
    model = quick(ActionSegmenter, max_epochs=0).fit(VIDEOS, y)
    predict_files(model, paths[:1], out, format=form, fps=None if form == "txt" else 1)
    table = read_segments(out / f"v0.{form}", fps=1 if form == "txt" else None)
    found = table.to_labels("v0", fps=1, n_frames=len(y[0]))
    assert found.tolist() == [str(label) for label in model.predict(VIDEOS[0])]


def test_second_call_goes_on_with_what_is_left(model, paths, out):
    predict_files(model, paths[:4], out)
    (out / "v1.txt").unlink()
    before = contents(out)
    seen = []
    report = predict_files(model, paths, out, callback=seen.append)
    assert [i for i, s in enumerate(statuses(report)) if s == "skipped"] == [0, 2, 3]
    assert seen == sorted(report.records, key=lambda r: r["status"])
    assert before.items() <= contents(out).items()


def test_file_of_another_kind_says_that_read_is_needed(model, tmp_path):
    file = tmp_path / "a.h5"
    file.write_bytes(b"\x89HDF\r\n\x1a\n")
    with pytest.warns(FailedFilesWarning):
        report = predict_files(model, [file], tmp_path / "out")
    assert "neither a .npy file nor text" in report.records[0]["error"]
    assert "a function that reads such files, as read" in report.records[0]["error"]
    with pytest.raises(ValueError, match="as read"):
        fit_files(clone(model), [file])


def test_features_that_have_changed_are_labelled_again(model, paths, out):
    predict_files(model, paths, out)
    np.save(paths[2], VIDEOS[0])
    make_older(paths[2], seconds=-5)
    report = predict_files(model, paths, out)
    assert statuses(report).count("written") == 1
    assert labels_in(out / "v2.txt") == model.predict(VIDEOS[0]).tolist()


def test_features_with_older_times_are_labelled_again(model, paths, out):
    predict_files(model, paths, out)
    np.save(paths[2], VIDEOS[0])
    make_older(paths[2], seconds=7200)
    report = predict_files(model, paths, out)
    assert [i for i, s in enumerate(statuses(report)) if s == "written"] == [2]
    assert labels_in(out / "v2.txt") == model.predict(VIDEOS[0]).tolist()
    assert statuses(predict_files(model, paths, out)) == ["skipped"] * 6


def test_features_of_another_size_are_labelled_again(model, paths, out):
    predict_files(model, paths, out)
    status = paths[2].stat()
    np.save(paths[2], VIDEOS[2][:-1])
    os.utime(paths[2], ns=(status.st_atime_ns, status.st_mtime_ns))
    assert statuses(predict_files(model, paths, out)).count("written") == 1


def test_features_that_changed_while_they_were_read_are_labelled_again(
    model, paths, out
):
    def change():
        np.save(paths[0], VIDEOS[1])

    predict_files(model, paths, out, read=asking(lambda: None))
    (out / "v0.txt").unlink()
    predict_files(model, paths, out, read=asking(change))
    report = predict_files(model, paths, out)
    assert [i for i, s in enumerate(statuses(report)) if s == "written"] == [0]


def test_labels_of_damaged_notes_or_none_are_skipped_where_younger(model, paths, out):
    predict_files(model, paths, out)
    notes = out / ".skvas-txt.notes"
    for damaged in (
        notes.read_bytes()[:-20],
        b'\xff\n[1]\n"a"\n[[], 1, 2, 3, 4]\n{',
        b"",
    ):
        notes.write_bytes(damaged)
        assert statuses(predict_files(model, paths, out)) == ["skipped"] * 6
    notes.unlink()
    os.utime(out / "v0.txt", (0, 0))
    assert statuses(predict_files(model, paths, out)) == ["written"] + ["skipped"] * 5


def test_line_of_notes_that_was_cut_off_costs_no_other(model, paths, out):
    predict_files(model, paths[:1], out)
    with open(out / ".skvas-txt.notes", "a") as file:
        file.write('["v1.txt", ')
    predict_files(model, paths, out)
    for path in paths[1:]:
        make_older(path, seconds=7200)
    report = predict_files(model, paths, out)
    assert statuses(report) == ["skipped"] + ["written"] * 5


def test_copied_labels_are_skipped_where_younger(model, paths, out, tmp_path):
    predict_files(model, paths, out)
    shutil.copytree(out, tmp_path / "copy", copy_function=shutil.copy)
    report = predict_files(model, paths, tmp_path / "copy")
    assert statuses(report) == ["skipped"] * 6


def test_row_58_callback_may_change_the_records_it_is_given(model, paths, out):
    for _ in range(2):  # written, and then skipped
        report = predict_files(model, paths, out, callback=dict.clear)
        assert [record["path"] for record in report.records] == list(map(str, paths))


def test_overwriting_skips_nothing(model, paths, out):
    predict_files(model, paths, out)
    assert statuses(predict_files(model, paths, out, overwrite=True)) == ["written"] * 6


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_bad_files_are_reported_and_the_others_labelled(model, paths, out, n_jobs):
    paths[0].write_bytes(b"junk")
    np.save(paths[1], np.zeros((9, 2)))
    np.save(paths[2], np.full_like(VIDEOS[2], np.nan))
    paths[3].unlink()
    with pytest.warns(FailedFilesWarning, match=r"2 written, 0 skipped, 4 failed"):
        report = predict_files(model, paths, out, n_jobs=n_jobs)
    assert statuses(report) == ["failed"] * 4 + ["written"] * 2
    errors = [record["error"] for record in report.failed]
    for error, reason in zip(
        errors, ("v0.npy", "2 features", "NaN", "No such file"), strict=True
    ):
        assert reason in error
    assert sorted(file.name for file in out.glob("*.txt")) == ["v4.txt", "v5.txt"]
    assert len(str(report).splitlines()) == 5


def test_failed_files_are_tried_again(model, paths, out):
    paths[0].write_bytes(b"junk")
    with pytest.warns(FailedFilesWarning):
        predict_files(model, paths, out)
    np.save(paths[0], VIDEOS[0])
    assert statuses(predict_files(model, paths, out))[0] == "written"


def test_report_is_a_table(model, paths, out):
    pytest.importorskip("pandas")
    frame = predict_files(model, paths, out).to_frame()
    assert frame.columns.tolist() == ["path", "output", "status", "n_frames", "error"]
    assert frame.n_frames.tolist() == [len(video) for video in VIDEOS]


def test_number_of_processes_changes_no_file(model, paths, tmp_path):
    for n_jobs in (None, 2):
        predict_files(model, paths, tmp_path / str(n_jobs), n_jobs=n_jobs)
    assert contents(tmp_path / "None") == contents(tmp_path / "2")


def test_labels_of_two_models_are_not_mixed(model, other, paths, out):
    predict_files(model, paths[:2], out)
    before = contents(out)
    for change in ({}, {"action_names": list("abc")}):
        labeller = model if change else other
        with pytest.raises(InvalidParameterError, match="another model"):
            predict_files(labeller, paths, out, **change)
        assert contents(out) == before
    predict_files(other, paths, out, overwrite=True)
    assert labels_in(out / "v0.txt") == other.predict(VIDEOS[0]).tolist()


def asking(ask):
    """Return a reader that asks something before it reads its first file."""
    asked = []

    def read(path):
        if not asked:
            asked.append(path)
            ask()
        return np.load(path)

    return read


def test_calls_at_once_do_not_mix_labels_of_two_models(model, other, paths, out):
    def label_by_other():
        assert not list(out.glob("*.txt"))
        with pytest.raises(
            InvalidParameterError, match="a call at work.*another model"
        ):
            predict_files(other, paths[:2], out)

    report = predict_files(model, paths, out, read=asking(label_by_other))
    assert statuses(report) == ["written"] * 6
    with pytest.raises(InvalidParameterError, match="has labels of another model"):
        predict_files(other, paths, out)
    assert statuses(predict_files(model, paths, out)) == ["skipped"] * 6


def test_call_ends_where_another_model_takes_its_folder(model, other, paths, out):
    def label_by_other():
        predict_files(other, paths, out, overwrite=True)

    with pytest.raises(InvalidParameterError, match="has labels of another model"):
        predict_files(model, paths, out, read=asking(label_by_other))
    for path, video in zip(paths, VIDEOS, strict=True):
        assert labels_in(out / f"{path.stem}.txt") == other.predict(video).tolist()


def read_and_take(path, out, mark):
    (out / ".skvas-txt").write_text(mark)
    return np.load(path)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_other_model_is_told_from_a_worker(model, paths, out, n_jobs):
    read = partial(read_and_take, out=out, mark="others")
    expected = "^out_dir has a call at work.*; name another out_dir, or label again by "
    with pytest.raises(InvalidParameterError, match=expected):
        predict_files(model, paths, out, read=read, n_jobs=n_jobs)


def fail(path):
    raise ValueError("not today")


def test_mark_that_somebody_removes_is_set_again(model, other, paths, out):
    predict_files(model, paths[:1], out, read=asking((out / ".skvas-txt").unlink))
    with pytest.raises(InvalidParameterError, match="has labels of another model"):
        predict_files(other, paths, out)


def test_without_locks_labels_are_not_mixed_either(
    model, other, paths, out, monkeypatch
):
    monkeypatch.setattr(_label_folder, "fcntl", None)

    def label_by_other():
        predict_files(other, paths[:2], out)

    with pytest.raises(InvalidParameterError, match="has labels of another model"):
        predict_files(model, paths, out, read=asking(label_by_other))
    assert statuses(predict_files(other, paths[:2], out)) == ["skipped"] * 2


def test_another_model_takes_a_folder_over_where_files_in_use_cannot_be_replaced(
    model, other, paths, out, monkeypatch
):
    hold_files(monkeypatch)
    monkeypatch.setattr(_label_folder, "fcntl", None)

    def label_by_other():
        predict_files(other, paths[:2], out)

    with pytest.raises(InvalidParameterError, match="has labels of another model"):
        predict_files(model, paths, out, read=asking(label_by_other))


def test_names_that_a_folder_takes_for_one_are_refused(model, paths, out, monkeypatch):
    monkeypatch.setattr(_atomic, "_ignores_case", lambda folder: True)
    with pytest.raises(InvalidParameterError, match="takes 'A' and 'a' for one"):
        predict_files(model, paths[:2], out, names=["A", "a"])
    assert not out.exists()


def test_interrupted_call_without_labels_leaves_the_folder_to_others(
    model, other, paths, out
):
    with pytest.raises(KeyboardInterrupt):
        predict_files(model, paths, out, read=fail, callback=stop)
    assert statuses(predict_files(other, paths, out)) == ["written"] * 6


def test_labels_that_another_model_wrote_late_are_replaced(model, other, paths, out):
    predict_files(other, paths[:1], out)
    mark = (out / ".skvas-txt").read_bytes()
    predict_files(model, paths[:2], out, overwrite=True)
    (out / ".skvas-txt").write_bytes(mark)
    assert statuses(predict_files(other, paths[:3], out)) == ["written"] * 3


def test_leftovers_of_a_kill_are_nobodys_labels(model, other, paths, out):
    predict_files(model, paths[:1], out)
    (out / "v0.txt").unlink()
    (out / ".0123456789abcdef.tmp.txt").write_text("0\n")
    assert statuses(predict_files(other, paths, out)) == ["written"] * 6


def stop(record):
    raise KeyboardInterrupt


def test_overwriting_that_ended_early_goes_on(model, other, paths, out):
    predict_files(model, paths, out)
    with pytest.raises(KeyboardInterrupt):
        predict_files(other, paths, out, overwrite=True, callback=stop)
    report = predict_files(other, paths, out)
    assert statuses(report) == ["skipped"] + ["written"] * 5
    for path, video in zip(paths, VIDEOS, strict=True):
        assert labels_in(out / f"{path.stem}.txt") == other.predict(video).tolist()
    assert statuses(predict_files(other, paths, out)) == ["skipped"] * 6


def test_frame_rates_and_names_of_any_type_are_the_same_ones(model, paths, out):
    names = ["take", "pour", "stir"]
    expected = "written"
    for of_type in (int, float, np.float32, np.int64, Fraction):
        for action_names in (names, tuple(names), np.array(names), pd.Series(names)):
            options = {"fps": of_type(25), "action_names": action_names}
            report = predict_files(model, paths[:1], out, format="csv", **options)
            assert statuses(report) == [expected]
            expected = "skipped"


def test_labels_that_overwriting_left_out_are_replaced_later(model, other, paths, out):
    names = [f"tea/{path.stem}" for path in paths]
    for form in ("txt", "csv"):
        predict_files(model, paths, out, names=names, format=form, fps=1)
    predict_files(other, paths[:1], out, names=names[:1], fps=1, overwrite=True)
    report = predict_files(other, paths[:3], out, names=names[:3], fps=1)
    assert statuses(report) == ["skipped", "written", "written"]
    report = predict_files(other, paths, out, names=names, fps=1)
    assert statuses(report) == ["skipped"] * 3 + ["written"] * 3
    report = predict_files(model, paths, out, names=names, format="csv", fps=1)
    assert statuses(report) == ["skipped"] * 6


def test_row_57_features_are_not_overwritten_by_labels(model, tmp_path):
    paths = [tmp_path / f"v{i}.txt" for i in range(2)]
    for path, video in zip(paths, VIDEOS, strict=False):
        np.savetxt(path, video)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "v1.txt").hardlink_to(paths[1])
    before = contents(tmp_path / "out") | {path: path.read_bytes() for path in paths}
    for out in (tmp_path, tmp_path / "out"):
        with pytest.raises(InvalidParameterError, match=r"which is one of paths"):
            predict_files(model, paths, out, overwrite=True)
    after = contents(tmp_path / "out") | {path: path.read_bytes() for path in paths}
    assert after == before


def test_same_model_fitted_again_goes_on(model, paths, out):
    predict_files(model, paths[:2], out)
    again = quick(ActionSegmenter, max_epochs=0, n_jobs=2).fit(VIDEOS)
    assert statuses(predict_files(again, paths, out))[:2] == ["skipped"] * 2


def test_files_of_another_origin_are_not_taken_for_ours(model, paths, out):
    out.mkdir()
    (out / "v3.txt").write_text("by hand")
    with pytest.raises(InvalidParameterError, match=r"v3\.txt.*has not written"):
        predict_files(model, paths, out)
    assert contents(out) == {"v3.txt": b"by hand"}
    assert statuses(predict_files(model, paths[:2], out)) == ["written"] * 2


def test_formats_lie_side_by_side(model, paths, out):
    for options in ({}, {"format": "csv", "fps": 10}):
        assert statuses(predict_files(model, paths, out, **options)) == ["written"] * 6


def test_names_put_files_into_folders(model, paths, out):
    names = [f"tea/{path.stem}" for path in paths]
    predict_files(model, paths, out, names=names, format="csv", fps=1)
    assert read_segments(out / "tea" / "v0.csv").videos == ["v0"]


def test_features_stored_the_other_way_round_are_turned(model, paths, out):
    np.save(paths[0], VIDEOS[0].T)
    predict_files(model, paths[:1], out)
    assert labels_in(out / "v0.txt") == model.predict(VIDEOS[0]).tolist()


def read_with_times(path, step):
    video = np.load(path)
    return VideoFeatures(video, step * np.arange(len(video)))


def test_reader_may_know_the_times(model, paths, out):
    read = partial(read_with_times, step=0.5)
    predict_files(model, paths, out, read=read, format="csv", n_jobs=2)
    end = list(read_segments(out / "v5.csv"))[-1].end
    assert end == len(VIDEOS[5]) / 2


def read_with_warnings(path):
    if path.stem != "v0":
        warnings.warn("half of it is missing", UserWarning, stacklevel=2)
    return np.load(path)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_warnings_name_the_files_that_drew_them(model, paths, out, n_jobs):
    with pytest.warns(UserWarning, match="missing") as caught:
        predict_files(model, paths, out, read=read_with_warnings, n_jobs=n_jobs)
    told = [str(warning.message) for warning in caught]
    assert told == [f"{paths[1]} and 4 more: half of it is missing"]


def test_times_that_nobody_knows_are_asked_for(model, paths, out):
    with pytest.raises(InvalidParameterError, match="give fps"):
        predict_files(model, paths, out, format="srt")
    assert not out.exists()


def test_times_that_a_reader_does_not_know_are_asked_for(model, paths, out):
    with pytest.warns(FailedFilesWarning, match="give fps"):
        report = predict_files(model, paths, out, format="srt", read=np.load)
    assert statuses(report) == ["failed"] * 6
    report = predict_files(model, paths, out, format="srt", read=np.load, fps=25)
    assert statuses(report) == ["written"] * 6


def test_labels_in_folders_of_another_model_are_not_mixed(model, paths, out):
    names = [f"tea/{path.stem}" for path in paths]
    predict_files(model, paths[:1], out, names=names[:1])
    with pytest.raises(InvalidParameterError, match="another model"):
        predict_files(model, paths[1:], out, action_names=list("abc"))


def test_pipeline_labels_files_and_goes_on(paths, out):
    steps = make_pipeline(Framewise(StandardScaler()), quick(ActionSegmenter))
    pipeline = steps.fit(VIDEOS)
    predict_files(pipeline, paths[:3], out)
    assert labels_in(out / "v0.txt") == pipeline.predict(VIDEOS[0]).tolist()
    report = predict_files(pipeline, paths, out)
    assert statuses(report) == ["skipped"] * 3 + ["written"] * 3


def refitted(pipeline):
    return clone(pipeline).fit(VIDEOS)


def with_processes(pipeline):
    return pipeline.set_params(actionsegmenter__n_jobs=2)


def pickled(pipeline):
    return pickle.loads(pickle.dumps(pipeline))


@pytest.mark.parametrize("change", [refitted, with_processes, pickled])
def test_pipeline_goes_on_in_another_process(paths, out, change):
    steps = make_pipeline(Framewise(StandardScaler()), quick(ActionSegmenter))
    predict_files(steps.fit(VIDEOS), paths[:3], out)
    report = predict_files(change(steps), paths, out)
    assert statuses(report) == ["skipped"] * 3 + ["written"] * 3


class Told(StandardScaler):
    """A scaler that tells a file whenever it is unpickled."""

    def __init__(self, file=None):
        super().__init__()
        self.file = file

    def __setstate__(self, state):
        super().__setstate__(state)
        if "mean_" in state:
            with open(self.file, "a") as told:
                told.write("unpickled\n")


def test_model_is_sent_once_to_each_worker(paths, out, tmp_path):
    told = tmp_path / "told"
    steps = make_pipeline(Framewise(Told(str(told))), quick(ActionSegmenter))
    predict_files(steps.fit(VIDEOS), paths, out, n_jobs=2)
    assert 1 <= len(told.read_text().splitlines()) <= 2


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_row_56_bad_paths_do_not_stop_the_others(model, paths, out, n_jobs):
    predict_files(model, paths, out, format="textgrid", fps=25)
    loop, long = paths[0].with_name("loop.npy"), paths[0].with_name("n" * 248 + ".npy")
    loop.symlink_to(loop)
    (out / "loop.textgrid").write_text("")
    np.save(long, VIDEOS[0])
    within = {
        "names": [*(path.stem for path in paths), "loop", "n" * 300 + "/a", long.stem]
    }
    bad = [loop, paths[0], long]
    with pytest.warns(FailedFilesWarning, match="0 written, 6 skipped, 3 failed"):
        report = predict_files(
            model,
            [*paths, *bad],
            out,
            format="textgrid",
            fps=25,
            n_jobs=n_jobs,
            **within,
        )
    assert [record["path"] for record in report.failed] == list(map(str, bad))


def test_row_41_file_that_cannot_be_written_ends_the_run_and_is_named(
    model, paths, out, monkeypatch
):
    predict_files(model, paths[:2], out)
    before = contents(out)

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"No space left.*v2\.txt"):
        predict_files(model, paths, out)
    assert contents(out) == before


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"format": "doc"}, "format"),
        ({"fps": 0}, "fps"),
        ({"paths": "v0.npy"}, "must be a list of files"),
        ({"names": ["a"]}, "names must be one for each of 6"),
        ({"names": ["a", "a", "b", "c", "d", "e"]}, "tell them apart by names"),
        ({"names": ["../a", "b", "c", "d", "e", "f"]}, "leaves out_dir"),
        ({"model": quick(VideoAligner, max_epochs=0).fit(VIDEOS)}, "must label frames"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(model, paths, out, change, reason):
    with pytest.raises(InvalidParameterError, match=reason):
        predict_files(**{"model": model, "paths": paths, "out_dir": out} | change)
    assert not out.exists()


def test_files_of_a_folder_may_end_in_capitals(tmp_path):
    for index, video in enumerate(VIDEOS[:3]):
        np.save(tmp_path / f"v{index}.npy", video)
        (tmp_path / f"v{index}.npy").rename(tmp_path / f"v{index}.NPY")
    model = fit_files(quick(ActionSegmenter, max_epochs=0), tmp_path)
    assert model.recordings_["names"] == ["v0", "v1", "v2"]


@pytest.mark.parametrize("name", ["\\a", "C:a", "C:\\a", "..\\a"])
def test_labels_stay_in_their_folder_on_windows(model, paths, out, monkeypatch, name):
    monkeypatch.setattr(_atomic, "PurePath", PureWindowsPath)
    with pytest.raises(InvalidParameterError, match="leaves out_dir"):
        predict_files(model, paths[:1], out, names=[name])
    assert not out.exists()


def test_model_must_be_fitted(paths, out):
    with pytest.raises(NotFittedError):
        predict_files(quick(ActionSegmenter), paths, out)


def test_report_of_nothing_is_empty(model, out):
    assert predict_files(model, [], out) == FilesReport([])


@pytest.fixture(scope="module")
def cluster():
    """Two processes of Dask on this machine."""
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def kill_once(path, flag):
    """Read a video; the first process that comes to the third one kills itself."""
    if path.stem == "v2":
        try:
            Path(flag).touch(exist_ok=False)
        except FileExistsError:
            pass
        else:
            os.kill(os.getpid(), signal.SIGKILL)
    return np.load(path)


def test_row_33_cluster_writes_the_same_files(model, paths, tmp_path, cluster):
    predict_files(model, paths, tmp_path / "here")
    with joblib.parallel_config("dask"):
        report = predict_files(model, paths, tmp_path / "there", n_jobs=-1)
    assert statuses(report) == ["written"] * 6
    assert contents(tmp_path / "here") == contents(tmp_path / "there")


def test_row_55_killed_worker_of_a_cluster_loses_nothing(
    model, paths, tmp_path, cluster
):
    predict_files(model, paths, tmp_path / "here")
    read = partial(kill_once, flag=str(tmp_path / "killed"))
    with joblib.parallel_config("dask"):
        report = predict_files(model, paths, tmp_path / "there", read=read, n_jobs=-1)
    assert (tmp_path / "killed").exists()
    assert statuses(report) == ["written"] * 6
    assert contents(tmp_path / "here") == contents(tmp_path / "there")


@pytest.mark.filterwarnings("ignore:A worker stopped:UserWarning")
def test_killed_process_of_this_machine_costs_only_what_it_had(model, paths, tmp_path):
    read = partial(kill_once, flag=str(tmp_path / "killed"))
    out = tmp_path / "there"
    with pytest.raises(Exception, match="terminated"):
        predict_files(model, paths, out, read=read, n_jobs=2)
    report = predict_files(model, paths, out, read=read, n_jobs=2)
    assert not report.failed
    predict_files(model, paths, tmp_path / "here")
    # The other process may be killed while it writes, and leave a hidden file behind.
    left = {n: data for n, data in contents(out).items() if ".tmp" not in n}
    assert contents(tmp_path / "here") == left
