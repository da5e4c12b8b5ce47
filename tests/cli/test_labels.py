"""Labels made by hand: all are read, or one is refused by its name."""

from __future__ import annotations

import re
import shutil

import numpy as np
import pytest

import skvas
from skvas.cli._files import media_of
from skvas.datasets import make_videos
from skvas.io import read_recordings
from tests.tables import FPS, fit, run, write_recordings


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    return write_recordings(tmp_path_factory.mktemp("data") / "raw")


def write_labels(file, *rows):
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(["video,start,end,label", *rows]) + "\n")


def fit_labels(raw, tmp_path, labels):
    command = ("fit", raw, "--epochs", 0, "-o", tmp_path / "model")
    return run(*command, "--labels", labels)


def seconds_of(raw, index=0):
    return len(read_recordings(raw)[index]) / FPS


@pytest.mark.parametrize(("start", "end"), [(0, 2), (-0.04, 1.2), (1, 1.05), (0, 0.02)])
def test_segment_behind_the_end_is_refused(raw, tmp_path, capsys, start, end):
    """Times are given from the end, in seconds; the first row is a mistake of place."""
    last = seconds_of(raw)
    row = f"r0,{last + start:g},{last + end:g},b"
    write_labels(tmp_path / "y.csv", "r0,0,1.1,a", row)
    assert fit_labels(raw, tmp_path, tmp_path / "y.csv") == 1
    said = capsys.readouterr().err
    assert re.search(
        rf"y\.csv' has the segment 'b' from .* but 'r0' goes from 0 to {last:g} s", said
    )
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize("beyond", [-0.04, 0, 0.0005, 0.04])
def test_last_frame_may_be_rounded(raw, tmp_path, beyond):
    last = seconds_of(raw)
    rows = f"r0,0,{last - 1:g},a", f"r0,{last - 1:g},{last + beyond:g},b"
    write_labels(tmp_path / "y.csv", *rows)
    assert fit_labels(raw, tmp_path, tmp_path / "y.csv") == 0
    assert skvas.load(tmp_path / "model").classes_.tolist() == ["a", "b"]


@pytest.mark.parametrize("mark", ["", "nan", "NA", "None", "-1"])
def test_segments_may_say_that_they_have_no_label(raw, tmp_path, capsys, mark):
    write_labels(tmp_path / "y.csv", "r0,0,1,a", f"r0,1,1.5,{mark}", "r0,1.5,2,b")
    assert fit_labels(raw, tmp_path, tmp_path / "y.csv") == 0
    assert skvas.load(tmp_path / "model").classes_.tolist() == ["a", "b"]
    assert "recordings, 2 names" in capsys.readouterr().err
    frames = [*"ab", *[mark or "nan"] * (len(read_recordings(raw)[1]) - 2)]
    (tmp_path / "y").mkdir()
    (tmp_path / "y" / "r1.txt").write_text("\n".join(frames))
    labels = "--labels", tmp_path / "y"
    assert run("evaluate", tmp_path / "model", raw, *labels) == 0


def test_folder_is_evaluated_as_its_files_are(tmp_path, capsys):
    videos = make_videos(4, n_actions=2, n_frames=(40, 50), random_state=0)
    pairs = zip(videos.videos, videos.labels, strict=True)
    for i, (video, labels) in enumerate(pairs):
        words = np.where(labels == 1, "-1", "a") if i < 3 else ["-1"] * len(labels)
        for part in ("features", "groundTruth"):
            (tmp_path / part).mkdir(exist_ok=True)
        np.save(tmp_path / "features" / f"v{i}.npy", video)
        (tmp_path / "groundTruth" / f"v{i}.txt").write_text("\n".join(words))
    model = tmp_path / "model"
    assert run("fit", tmp_path, "--epochs", 0, "-k", 2, "-o", model) == 0
    capsys.readouterr()
    said = []
    for labels in ([], ["--labels", tmp_path / "groundTruth"]):
        assert run("evaluate", model, tmp_path, *labels) == 0
        said.append(capsys.readouterr().out)
    assert said[0] == said[1]


def test_two_files_about_one_video_are_refused(raw, tmp_path, capsys):
    for name, label in (("r0.csv", "a"), ("old/r0.csv", "b")):
        write_labels(tmp_path / "y" / name, f"r0,0,1,{label}")
    assert fit_labels(raw, tmp_path, tmp_path / "y") == 1
    said = capsys.readouterr().err
    assert str(tmp_path / "y" / "r0.csv") in said
    assert str(tmp_path / "y" / "old" / "r0.csv") in said
    assert "both have labels of 'r0'" in said


def write_tiers(file, **tiers):
    """Write a file of Praat whose tiers have one interval of two seconds each."""
    lines = ['"ooTextFile"', '"TextGrid"', "0 2 <exists>", len(tiers)]
    lines += [f'"IntervalTier" "{t}" 0 2 1 0 2 "{tiers[t]}"' for t in tiers]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(map(str, lines)) + "\n")


def test_tier_of_labels_can_be_named(raw, tmp_path, capsys):
    """Files of ELAN and Praat often have a tier of notes, or of another coder."""
    write_tiers(tmp_path / "y" / "r0.TextGrid", anna="a", ben="b")
    write_labels(tmp_path / "y" / "r1.csv", "r1,0,2,c")
    assert fit_labels(raw, tmp_path, tmp_path / "y") == 1
    said = capsys.readouterr().err
    assert "--tier" in said
    assert "'anna', 'ben'" in said
    model, labels = tmp_path / "model", ("--labels", tmp_path / "y", "--tier", "ben")
    assert run("fit", raw, "--epochs", 0, "-o", model, *labels) == 0
    assert skvas.load(model).classes_.tolist() == ["b", "c"]
    assert run("evaluate", model, raw, *labels) == 0


@pytest.mark.parametrize("labels", [[], ["--labels", "y.csv"]])
def test_tier_without_files_that_have_tiers_is_refused(
    raw, tmp_path, capsys, monkeypatch, labels
):
    monkeypatch.chdir(tmp_path)
    write_labels(tmp_path / "y.csv", "r0,0,1,a")
    command = ("fit", raw, "-o", "model", *labels)
    assert run(*command, "--tier", "anna") == 1
    assert "--tier has no use" in capsys.readouterr().err


def test_what_was_read_is_told(raw, tmp_path, capsys):
    write_labels(tmp_path / "y" / "r0.csv", "r0,0,1,a", "r0,1,2,b")
    write_labels(tmp_path / "y" / "new.csv", "r2,0,1,a", "r2,1,2,c")
    assert fit_labels(raw, tmp_path, tmp_path / "y") == 0
    assert "labels of 2 of 3 recordings, 3 names\n" in capsys.readouterr().err


def test_what_systems_put_beside_labels_is_passed_over(raw, tmp_path, capsys):
    write_labels(tmp_path / "y" / "r0.csv", "r0,0,1,a", "r0,1,2,b")
    for name in ("._r0.eaf", "~$r0.csv"):
        (tmp_path / "y" / name).write_bytes(b"\x00\x05")
    assert fit_labels(raw, tmp_path, tmp_path / "y") == 0
    assert "labels of 1 of 3 recordings, 2 names\n" in capsys.readouterr().err


def test_headers_may_have_capitals(raw, tmp_path, capsys):
    (tmp_path / "y.csv").write_text(
        "Video; Start;END;Label\nr0;0,0;1,0;a\nr0;1,0;2;b\n"
    )
    assert fit_labels(raw, tmp_path, tmp_path / "y.csv") == 0
    (tmp_path / "y.csv").write_text("start,end,label\n0,1,a\n")
    assert fit_labels(raw, tmp_path, tmp_path / "y.csv") == 1
    assert "a table without a column video is called" in capsys.readouterr().err
    (tmp_path / "y").mkdir()
    (tmp_path / "y.csv").rename(tmp_path / "y" / "r1.csv")
    assert fit_labels(raw, tmp_path, tmp_path / "y") == 0
    assert "labels of 1 of 3 recordings, 1 names" in capsys.readouterr().err
    (tmp_path / "y.csv").write_text("video,start,label\nr0,0,a\n")
    assert fit_labels(raw, tmp_path, tmp_path / "y.csv") == 1
    assert "no column end; expected video,start,end,label" in capsys.readouterr().err


def test_nothing_left_to_label_is_told(raw, tmp_path, capsys):
    model, out = fit(raw, tmp_path / "first"), tmp_path / "out"
    assert run("predict", model, raw, "-o", out) == 0
    assert fit_labels(raw, tmp_path, out) == 0
    todo = tmp_path / "todo"
    assert run("label", tmp_path / "model", raw, "-o", todo) == 1
    assert "all recordings have labels" in capsys.readouterr().err
    assert not todo.exists()


def test_labels_of_frames_are_read_back(raw, tmp_path, capsys):
    """They are what `predict` writes by default, and need no frame rate."""
    model, out = fit(raw, tmp_path / "first"), tmp_path / "out"
    assert run("predict", model, raw, "-o", out) == 0
    (out / "readme.txt").write_text("labels of today\n")
    for labels in (out, out / "r1.txt"):
        assert fit_labels(raw, tmp_path, labels) == 0
        index = read_recordings(raw).names.index("r1")
        found = skvas.load(tmp_path / "model").labels_[index]
        written = (out / "r1.txt").read_text().split()
        np.testing.assert_array_equal(found.astype(str), written)
    assert "labels of 1 of 3 recordings" in capsys.readouterr().err
    (out / "r1.txt").write_text("0\n1\n2\n")
    assert fit_labels(raw, tmp_path, out) == 1
    assert re.search(r"r1\.txt' has 3 labels, one a line", capsys.readouterr().err)


@pytest.mark.parametrize("command", ["label", "predict"])
def test_labels_of_activities_are_read_back(tmp_path, capsys, command):
    data, form = tmp_path / "data", "eaf" if command == "label" else "txt"
    for seed, activity in enumerate(["tea", "coffee"]):
        folder = data / activity / "features"
        folder.mkdir(parents=True)
        for i, video in enumerate(make_videos(2, random_state=seed).videos):
            np.save(folder / f"v{i}.npy", video)
    model, out = fit(data, tmp_path / "first"), tmp_path / "out"
    fps = ("--fps", FPS) if command == "label" else ()
    assert run(command, model, data, "-o", out, "--format", form, *fps) == 0
    again = ("fit", data, "--epochs", 0, "-o", tmp_path / "model", *fps)
    assert run(*again, "--labels", out) == 0
    n_labelled = 1 if command == "label" else 4
    assert f"labels of {n_labelled} of 4 recordings" in capsys.readouterr().err


def test_folder_without_labels_says_what_to_put_there(raw, tmp_path, capsys):
    (tmp_path / "y").mkdir()
    (tmp_path / "y" / "readme.txt").write_text("nothing yet\n")
    assert fit_labels(raw, tmp_path, tmp_path / "y") == 1
    said = capsys.readouterr().err
    assert "no files of segments" in said
    assert "called as its recording" in said


def test_names_go_to_the_labels_of_the_files(raw, tmp_path, capsys):
    rows = (f"r0,{start},{start + 1},{label}" for start, label in enumerate("134w"))
    write_labels(tmp_path / "y.csv", *rows)
    assert fit_labels(raw, tmp_path, tmp_path / "y.csv") == 0
    assert run("name", tmp_path / "model", "3=stand", "w=walk") == 0
    assert "1 = 1, 3 = stand, 4 = 4, w = walk" in capsys.readouterr().err
    command = ("predict", tmp_path / "model", raw, "-o", tmp_path / "out")
    assert run(*command, "--names", "4=sit") == 0
    found = {f.read_text() for f in (tmp_path / "out").glob("*.txt")}
    assert set("\n".join(found).split()) == {"1", "stand", "sit", "walk"}
    assert run("name", tmp_path / "model", "0=x") == 1
    assert "action '0'; there are 1, 3 (stand), 4, w (walk)" in capsys.readouterr().err


def test_labels_and_media_are_found_however_systems_write_accents(
    raw, tmp_path, capsys
):
    apart, one = "e\u0301", "\u00e9"
    folder = tmp_path / "raw"
    shutil.copytree(raw, folder)
    (folder / "r0.csv").rename(folder / f"{apart}.csv")
    write_labels(tmp_path / "y.csv", f"{one},0,1,a")
    command = ("fit", folder, "--epochs", 0, "-o", tmp_path / "model")
    assert run(*command, "--labels", tmp_path / "y.csv") == 0
    assert "labels of 1 of" in capsys.readouterr().err
    model = skvas.load(tmp_path / "model")
    assert apart in model.recordings_["names"]
    (tmp_path / f"{one}.mp4").touch()
    assert media_of(str(tmp_path), [apart]) == [str(tmp_path / f"{one}.mp4")]
