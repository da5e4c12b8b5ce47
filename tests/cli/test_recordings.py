"""Single recordings of sensors and poses, for the commands that take one or two."""

import csv
import json
import re

import numpy as np
import pytest

import skvas
from skvas.cli import _live
from skvas.cli._gaps import close_in
from skvas.datasets import make_videos
from skvas.io import read_poses, read_sensors
from tests.tables import FPS, K, fit, run, write_recording, write_recordings


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    return write_recordings(tmp_path_factory.mktemp("data") / "raw")


@pytest.fixture(scope="module")
def model(tables):
    return fit(tables, tables.parent / "model")


@pytest.fixture(scope="module")
def poses(tmp_path_factory):
    """Write two tables of DeepLabCut, some of whose points were not found."""
    folder = tmp_path_factory.mktemp("data") / "poses"
    folder.mkdir()
    names = "bodyparts,a,a,a,b,b,b\ncoords,x,y,likelihood,x,y,likelihood\n"
    videos = make_videos(2, n_actions=K, n_features=4, random_state=0).videos
    for name, video in zip("rs", videos, strict=True):
        lines = [
            f"{i},{x0},{y0},0.9,{x1},{y1},{0.1 if i % 7 == 0 else 0.9}"
            for i, (x0, y0, x1, y1) in enumerate(video.tolist())
        ]
        (folder / f"{name}.csv").write_text(names + "\n".join(lines))
    return folder


@pytest.fixture(scope="module")
def of_poses(poses):
    return fit(poses, poses.parent / "model", "--fps", 5)


def rows_of(path):
    with open(path, newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture
def waits(monkeypatch):
    """Note the times of frames that are played, and wait for none."""
    times = []

    def play(frames):
        for moment, frame in frames:
            times.append(moment)
            yield moment, frame

    monkeypatch.setattr(_live, "in_real_time", play)
    return times


def test_tables_of_sensors_are_aligned_in_seconds(tables, model, tmp_path):
    files = [tables / f"r{i}.csv" for i in (0, 1)]
    assert run("align", model, *files, "-o", tmp_path / "m.csv") == 0
    expected = skvas.load(model).align(*read_sensors(files))
    rows = rows_of(tmp_path / "m.csv")
    assert [int(row["frame_b"]) for row in rows] == expected.matches_x.tolist()
    for side in "ab":
        assert [float(row[f"seconds_{side}"]) for row in rows] == pytest.approx(
            [int(row[f"frame_{side}"]) / FPS for row in rows]
        )


def test_columns_and_rate_of_a_table_are_those_of_fit(tables, model, tmp_path):
    video = read_sensors(tables)[1]
    times = np.arange(2 * len(video)) / (2 * FPS)
    twice = np.repeat(video, 2, axis=0)
    rows = np.column_stack([twice[:, ::-1], np.zeros(len(twice)), times])
    lines = ["w,z,y,x,more,time", *(",".join(map(repr, r)) for r in rows.tolist())]
    (tmp_path / "b.txt").write_text("\n".join(lines))
    first, out = tables / "r0.csv", tmp_path / "m.csv"
    assert run("align", model, first, tmp_path / "b.txt", "-o", out) == 0
    (read,) = read_sensors(tmp_path / "b.txt", fps=FPS, columns=[*"xyzw"])
    assert len(read) == len(video)
    expected = skvas.load(model).align(read_sensors(first)[0], read)
    matches = [int(row["frame_b"]) for row in rows_of(out)]
    assert matches == expected.matches_x.tolist()


def test_gaps_of_a_table_are_closed_for_align(tables, model, tmp_path):
    video = read_sensors(tables)[1]
    video[20:60, 2] = np.nan
    write_recording(tmp_path / "b.csv", video)
    files = tables / "r0.csv", tmp_path / "b.csv"
    assert run("align", model, *files, "-o", tmp_path / "m.csv") == 0
    loaded = skvas.load(model)
    read = [read_sensors(file)[0] for file in files]
    expected = loaded.align(read[0], close_in(read[1], "b", loaded))
    rows = rows_of(tmp_path / "m.csv")
    assert [int(row["frame_b"]) for row in rows] == expected.matches_x.tolist()


@pytest.mark.filterwarnings("ignore:fps is")
def test_live_plays_a_table_by_its_times(tables, model, waits, capsys):
    file = tables / "r1.csv"
    assert run("live", model, file, "--json") == 0
    video = read_sensors(file)[0]
    assert waits == pytest.approx(np.arange(len(video)) / FPS)
    stream = skvas.load(model).stream()
    stream.push(video)
    out = map(json.loads, capsys.readouterr().out.splitlines())
    told = [(r["frame"], r["action"]) for r in out if "time" in r]
    assert told == [(s.start, s.label) for s in stream.finish().segments]
    waits.clear()
    assert run("live", model, file, "--fps", 5) == 0
    assert np.diff(waits) == pytest.approx(0.2)


@pytest.mark.filterwarnings("ignore:fps is")
def test_live_knows_which_column_has_the_times(tables, model, waits, tmp_path, capsys):
    text = (tables / "r1.csv").read_text().replace("time,", "tick,")
    (tmp_path / "a.csv").write_text(text)
    assert run("live", model, tmp_path / "a.csv", "--time", "tick") == 0
    assert waits[:3] == pytest.approx([0, 0.04, 0.08])
    command = "live", model, tmp_path / "a.csv", "--time", "tick", "--time-unit", "ms"
    waits.clear()
    assert run(*command, "--fps", 25000) == 0
    assert waits[:2] == pytest.approx([0, 4e-5])


def test_poses_are_learned_for_live_use(poses, waits, tmp_path, capsys):
    model = fit(poses, tmp_path / "model", "--fps", 5, "--live")
    loaded = skvas.load(model)
    assert loaded.is_causal_
    capsys.readouterr()
    assert run("live", model, poses / "r.csv") == 0
    stream, pose = loaded.stream(), read_poses(poses, fps=5)[0]
    stream.push(np.reshape(pose, (len(pose), -1)))
    told = re.findall(r"^frame (\d+): action (\d+)", capsys.readouterr().out, re.M)
    segments = stream.finish().segments
    assert told == [(str(s.start), str(s.label)) for s in segments]


def test_poses_are_aligned_and_followed(poses, of_poses, waits, tmp_path, capsys):
    files = [poses / f"{name}.csv" for name in "rs"]
    assert run("align", of_poses, *files, "-o", tmp_path / "m.csv") == 0
    loaded, read = skvas.load(of_poses), read_poses(poses, fps=5)
    flat = [np.reshape(video, (len(video), -1)) for video in read]
    rows = rows_of(tmp_path / "m.csv")
    expected = loaded.align(*flat).matches_x
    assert [int(row["frame_b"]) for row in rows] == expected.tolist()
    assert [float(row["seconds_a"]) for row in rows[:3]] == [0, 0.2, 0.4]  # as of fit
    np.save(tmp_path / "s.npy", read[1])
    again = files[0], tmp_path / "s.npy"
    assert run("align", of_poses, *again, "-o", tmp_path / "n.csv") == 0
    assert (tmp_path / "n.csv").read_text() == (tmp_path / "m.csv").read_text()

    capsys.readouterr()
    assert run("live", of_poses, files[1]) == 0
    assert waits == []  # no file says when its frames were
    out, err = capsys.readouterr()
    assert f"{len(flat[1])} frames, " in err
    assert out.count("warning: frames lack some numbers") == 1
    stream = loaded.stream()
    stream.push(flat[1])
    told = re.findall(r"^frame (\d+): action (\d+)", out, re.MULTILINE)
    segments = stream.finish().segments
    assert told == [(str(s.start), str(s.label)) for s in segments]


def test_live_follows_poses_at_the_rate_of_fit(poses, of_poses, waits, monkeypatch):
    twice = np.repeat(read_poses(poses)[0], 2, axis=0)
    read = lambda *a, **k: skvas.Recordings([twice], fps=10)  # noqa: E731
    monkeypatch.setattr("skvas.cli._files.read_recordings", read)
    assert run("live", of_poses, poses / "r.csv") == 0
    assert len(waits) == len(twice) // 2
    assert waits[:3] == pytest.approx([0, 0.2, 0.4])


REFUSED = [
    (["align", "A", "gone.csv", "-o", "m.csv"], "no folder 'gone.csv'"),
    (["align", "A", "FOLDER", "-o", "m.csv"], "3 recordings; name one file"),
    (["live", "FOLDER"], "3 recordings; name one file"),
    (["align", "A", "OTHER", "-o", "m.csv"], "lacking.*'w'|no column"),
    (["live", "OTHER"], "lacking.*'w'|no column"),
    (["align", "V", "V", "-o", "m.csv", "--time", "t"], "--time has no use for A"),
    (["live", "V", "--time-unit", "ms"], r"--time-unit has no use for '.*v\.npy'"),
    (["live", "-", "--time", "t"], "--time has no use for '-'"),
    (["align", "A", "A", "-o", "m.csv", "--weights", "w"], "--weights has no use"),
    (["align", "A", "A", "-o", "m.mp4"], r"must end in \.csv"),
    (["align", "A", "A", "-o", "A"], "would overwrite"),
    (["align", "P", "A", "-o", "m.csv"], "not those of fit"),
    (["live", "P"], "not those of fit"),
]


@pytest.mark.parametrize(("arguments", "message"), REFUSED)
def test_what_is_no_such_recording_is_refused_in_one_line(
    arguments, message, tables, poses, model, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    np.save(tmp_path / "v.npy", read_sensors(tables)[0])
    (tmp_path / "other.csv").write_text("time,x,y,z\n0,1,2,3\n0.04,1,2,3\n")
    places = {
        "FOLDER": tables,
        "A": tables / "r0.csv",
        "P": poses / "r.csv",
        "V": tmp_path / "v.npy",
        "OTHER": tmp_path / "other.csv",
    }
    command, *rest = [str(places.get(a, a)) for a in arguments]
    assert run(command, model, *rest) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert re.search(message, line)
    assert not (tmp_path / "m.csv").exists()


def test_features_have_the_times_of_the_rate_of_fit(tables, model, tmp_path):
    video = read_sensors(tables)[0]
    np.save(tmp_path / "v.npy", video)
    command = "align", model, tables / "r1.csv", tmp_path / "v.npy", "--time", "time"
    assert run(*command, "-o", tmp_path / "m.csv") == 0
    second = rows_of(tmp_path / "m.csv")[1]
    assert list(second) == [
        "frame_a",
        "frame_b",
        "seconds_a",
        "seconds_b",
        "background",
    ]
    assert float(second["seconds_b"]) == int(second["frame_b"]) / FPS
    assert run(*command, "-o", tmp_path / "m.csv", "--fps", FPS) == 0
    assert rows_of(tmp_path / "m.csv")[1] == second


def scores_of(model, folder, capsys, *options):
    assert run("evaluate", model, folder, "--json", *options) == 0
    found = json.loads(capsys.readouterr().out)
    return found["segmentation"]["JointAlignSegment"], found["alignment"]


def test_tables_are_scored_by_files_of_labels(tables, model, tmp_path, capsys):
    command = "predict", model, tables, "--format", "csv", "-o", tmp_path / "labels"
    assert run(*command) == 0
    labels = ["--labels", tmp_path / "labels"]
    capsys.readouterr()
    segments, matches = scores_of(model, tables, capsys, *labels)
    assert segments["MoF"] == segments["F1@50"] == 1
    assert matches["JointAlignSegment"]["agreement"] > 0.9

    # Of one recording no label, of another that of its first segment: right, and wrong.
    (tmp_path / "labels" / "r2.csv").unlink()
    file = tmp_path / "labels" / "r1.csv"
    header, first, *_ = file.read_text().split("\n")
    file.write_text(f"{header}\n{first}\n")
    segments, matches = scores_of(model, tables, capsys, *labels)
    assert segments["MoF"] == 1
    assert matches["JointAlignSegment"]["agreement"] > 0.95
    video, start, end, _, seconds = first.split(",")
    file.write_text(f"{header}\n{video},{start},{end},2,{seconds}\n")
    segments, matches = scores_of(
        model, tables, capsys, *labels, "--matching", "global"
    )
    n_wrong = round(float(end) * FPS)
    n_frames = len(read_sensors(tables / "r0.csv")[0])
    assert segments["MoF"] == pytest.approx(n_frames / (n_frames + n_wrong))
    assert matches["JointAlignSegment"]["agreement"] < 0.05


@pytest.mark.parametrize("kind", ["tables", "poses"])
def test_recordings_without_labels_cannot_be_scored(kind, request, capsys):
    folder = request.getfixturevalue(kind)
    fitted = request.getfixturevalue({"tables": "model", "poses": "of_poses"}[kind])
    assert run("evaluate", fitted, folder, "--fps", FPS) == 1
    assert "has no labels to evaluate by; give files" in capsys.readouterr().err


def test_poses_are_scored(poses, of_poses, tmp_path, capsys):
    command = "predict", of_poses, poses, "--format", "csv", "-o", tmp_path / "labels"
    assert run(*command) == 0
    capsys.readouterr()
    options = "--labels", tmp_path / "labels"
    segments, matches = scores_of(of_poses, poses, capsys, *options)
    assert segments["MoF"] == 1
    assert matches["JointAlignSegment"]["matched"] == 1
