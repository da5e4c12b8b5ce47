"""Outputs never replace what a command reads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.tables import FPS, fit, run, write_recordings


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    return fit(write_recordings(folder / "raw"), folder / "model")


@pytest.fixture
def raw(tmp_path):
    return write_recordings(tmp_path / "raw")


def contents(folder):
    return {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.mark.parametrize("command", ["fit", "report", "timeline"])
def test_row_57_recordings_are_not_overwritten(model, raw, capsys, command):
    before = contents(raw)
    read = [raw] if command == "fit" else [model, raw]
    (raw.parent / "link").symlink_to(raw / "r2.csv")
    for out in (raw / "r1.csv", raw.parent / "link"):
        assert run(command, *read, "-o", out) == 1
        (said,) = capsys.readouterr().err.splitlines()
        assert f"-o {out} would overwrite {raw}" in said
    assert run(command, *read, "-o", raw / "new.csv") == 1
    assert "would become a recording of" in capsys.readouterr().err
    assert contents(raw) == before


@pytest.mark.parametrize(
    ("name", "message"),
    [("r1.csv", "holds data; give another"), ("new.csv", "would become a recording")],
)
def test_checkpoint_is_no_recording(raw, tmp_path, capsys, name, message):
    before = contents(raw)
    command = ("fit", raw, "-k", 3, "--epochs", 1, "-o", tmp_path / "model")
    assert run(*command, "--checkpoint", raw / name) == 1
    assert message in capsys.readouterr().err
    assert contents(raw) == before
    assert run(*command, "--checkpoint", raw / "run") == 0


def test_row_57_labels_and_corrections_are_not_overwritten(model, raw, capsys):
    labels = raw.parent / "labels"
    labels.mkdir()
    (labels / "a.csv").write_text("video,start,end,label\nr0,0,1,a\n")
    corrections = raw.parent / "corrections.html"
    corrections.write_text(
        json.dumps({"format": "skvas corrections", "version": 1, "videos": []})
    )
    before = contents(raw.parent)
    for given in (labels, labels / "a.csv"):
        command = ("fit", raw, "--epochs", 0, "--labels", given)
        assert run(*command, "-o", labels / "a.csv") == 1
        assert "would overwrite" in capsys.readouterr().err
    command = ("report", model, raw, "--corrections", corrections)
    assert run(*command, "-o", corrections) == 1
    assert "would overwrite" in capsys.readouterr().err
    assert contents(raw.parent) == before


def test_row_57_features_and_their_labels_are_not_overwritten(tmp_path, capsys):
    data = tmp_path / "data"
    (data / "features").mkdir(parents=True)
    (data / "groundTruth").mkdir()
    for number in range(3):
        video = np.random.default_rng(number).normal(size=(40, 2))
        np.save(data / "features" / f"v{number}.npy", video)
        (data / "groundTruth" / f"v{number}.txt").write_text("a\n" * 20 + "b\n" * 20)
    (data / "mapping.txt").write_text("0 a\n1 b\n")
    before = contents(data)
    for out in ("features/v1.npy", "groundTruth/v2.txt", "mapping.txt"):
        assert run("fit", data, "-k", 2, "--epochs", 0, "-o", data / out) == 1
        assert "would overwrite" in capsys.readouterr().err
    model = fit(data, tmp_path / "model")
    for part in ("features", "groundTruth", "groundTruth/new"):
        out = ("-o", data / part, "--overwrite")
        assert run("predict", model, data, *out) == 1
        assert "among the recordings" in capsys.readouterr().err
    assert contents(data) == before
    assert run("predict", model, data, "-o", data / "found") == 0
    assert run("report", model, data, "-o", data / "steps.csv") == 0


def test_folders_of_recordings_are_known_where_case_is_ignored(
    model, tmp_path, monkeypatch, capsys
):
    data = tmp_path / "data"
    (data / "features").mkdir(parents=True)
    np.save(data / "features" / "v.npy", np.eye(9, 2))
    (data / "FEATURES").symlink_to(data / "features")  # on macOS it is a name of it
    monkeypatch.setattr(Path, "resolve", lambda path, strict=False: path.absolute())
    for out in ("FEATURES", "FEATURES/new"):
        assert run("predict", model, data, "-o", data / out) == 1
        assert "among the recordings" in capsys.readouterr().err


@pytest.mark.parametrize("form", ["csv", "txt", "json"])
def test_predict_puts_no_recording_beside_the_recordings(model, raw, capsys, form):
    before = contents(raw)
    command = ("predict", model, raw, "-o", raw, "--format", form)
    for more in ((), ("--overwrite",)):
        assert run(*command, *more) == 1
        said = capsys.readouterr().err
        assert f"would put {form} files among the recordings" in said
    if form != "txt":
        assert run("label", model, raw, "-o", raw, "--format", form) == 1
        assert "among the recordings" in capsys.readouterr().err
    assert contents(raw) == before


@pytest.mark.parametrize("command", ["predict", "label"])
def test_file_is_no_folder_of_outputs(model, raw, tmp_path, capsys, command):
    out = tmp_path / "labels.txt"
    out.write_text("mine")
    assert run(command, model, raw, "-o", out) == 1
    (said,) = capsys.readouterr().err.splitlines()
    assert said == f"skvas {command}: -o {out} is a file; name a folder."


def test_files_that_are_no_recordings_may_lie_beside_them(model, raw):
    before = contents(raw)
    command = ("predict", model, raw, "-o", raw, "--format", "eaf")
    assert run(*command) == 0
    assert run(*command, "--overwrite") == 0
    page = raw / "page.html"
    assert run("report", model, raw, "-o", page) == 0
    assert run("report", model, raw, "-o", page) == 0
    assert before.items() <= contents(raw).items()


def test_labels_that_somebody_made_are_never_replaced(model, raw, tmp_path, capsys):
    out = tmp_path / "out"
    out.mkdir()
    (out / "r0.txt").write_text("mine")
    for options in ((), ("--overwrite",)):
        assert run("predict", model, raw, "-o", out, *options) == 1
        said = capsys.readouterr().err
        assert "r0.txt', which skvas has not written; name another folder." in said
        assert "overwrite" not in said
    assert (out / "r0.txt").read_text() == "mine"
    assert len(list(out.iterdir())) == 1


def test_labels_of_another_model_are_told_with_the_option(model, raw, tmp_path, capsys):
    command = ("predict", model, raw, "-o", tmp_path / "out")
    assert run(*command) == 0
    assert run(*command, "--names", "0=stand") == 1
    said = capsys.readouterr().err
    assert "by --overwrite" in said
    assert "overwrite=True" not in said
    assert run(*command, "--names", "0=stand", "--overwrite") == 0


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("report", "corrections.json"),
        ("report", "steps.xlsx"),
        ("report", "steps.pdf"),
        ("report", "steps.txt"),
        ("timeline", "positions.XLSX"),
        ("timeline", "positions.html"),
    ],
)
def test_row_57_tables_are_no_other_kind_of_file(raw, tmp_path, capsys, command, name):
    out = tmp_path / name
    out.write_text("by hand")
    assert run(command, "no model is read", raw, "-o", out) == 1
    (said,) = capsys.readouterr().err.splitlines()
    assert f"-o '{out}': " in said
    assert "are written as .csv" in said
    assert out.read_text() == "by hand"


@pytest.mark.parametrize("command", ["report", "timeline"])
@pytest.mark.parametrize("name", ["table", "table.CSV"])
def test_tables_need_no_suffix(model, raw, tmp_path, command, name):
    assert run(command, model, raw, "-o", tmp_path / name) == 0
    assert (tmp_path / name).read_text().startswith("video,")


def test_no_processes_are_refused_before_anything(model, raw, tmp_path, capsys):
    assert run("predict", model, raw, "-o", tmp_path / "out", "-j", "0") == 1
    assert "--jobs must be a number of processes" in capsys.readouterr().err


def test_names_may_be_given_again(model, tmp_path, capsys):
    own = tmp_path / "own"
    own.write_bytes(model.read_bytes())
    assert run("name", own, "0=stand") == 0
    assert run("name", own, "stand=rest") == 0
    assert "0 = rest" in capsys.readouterr().err
    assert run("name", own, "sit=rest") == 1
    assert "there are 0 (rest), 1" in capsys.readouterr().err


@pytest.mark.parametrize("form", ["txt", "csv"])
def test_labels_of_tables_at_another_rate_are_told_apart(
    model, raw, tmp_path, capsys, form
):
    out = tmp_path / "out"
    command = ("predict", model, raw, "-o", out, "--format", form)
    assert run(*command) == 0
    assert run(*command, "--fps", FPS) == 0  # the rate that fit has seen
    before = contents(out)
    assert run(*command, "--fps", FPS / 5) == 1
    assert "another frame rate" in capsys.readouterr().err
    assert contents(out) == before
    assert run(*command, "--fps", FPS / 5, "--overwrite") == 0
    assert contents(out) != before


@pytest.mark.skipif(sys.platform != "linux", reason="names of files may be any bytes")
@pytest.mark.parametrize("command", ["report", "timeline"])
def test_names_that_are_no_text_are_refused_by_name(
    model, raw, tmp_path, capsys, command
):
    os.rename(raw / "r1.csv", os.path.join(os.fsencode(raw), b"caf\xe9.csv"))
    assert run(command, model, raw, "-o", tmp_path / "out.csv") == 1
    said = capsys.readouterr().err
    assert "video is no valid text: 'caf\\udce9' has half of a surrogate" in said
    assert not (tmp_path / "out.csv").exists()


def test_names_that_the_standard_output_lacks_are_written_by_number(model, raw):
    (raw / "r1.csv").rename(raw / "東京.csv")
    done = subprocess.run(
        [sys.executable, "-m", "skvas", "timeline", model, raw],
        env={**os.environ, "PYTHONIOENCODING": "cp1252"},
        capture_output=True,
        check=True,
    )
    assert b"\\u6771\\u4eac" in done.stdout
