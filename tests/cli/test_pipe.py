"""Frames that come as lines on the standard input of `live`."""

from __future__ import annotations

import io
import json
import re
import sys
import tracemalloc
from itertools import repeat

import numpy as np
import pytest

import skvas
from skvas.__main__ import _open_standard_streams
from skvas.cli._pipe import frames_of_lines
from skvas.datasets import make_videos
from tests.tables import K, run


def read(monkeypatch, text, n_features=3, names=None):
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))
    return np.array(list(frames_of_lines(n_features, names)))


@pytest.mark.parametrize("mark", [",", ", ", ";", "\t"])
def test_empty_cell_is_nan_in_its_column(monkeypatch, mark):
    rows = [["1", "2", "3"], ["4", "", "6"], ["", "", ""], ["7", "8", ""]]
    text = "".join(mark.join(row) + "\r\n" for row in rows) + "\n"
    expected = [[float(cell or "nan") for cell in row] for row in rows]
    np.testing.assert_array_equal(read(monkeypatch, text), expected)


def test_true_and_false_are_numbers_as_in_tables(monkeypatch):
    found = read(monkeypatch, "True,1,\nfalse,2,TRUE\n")
    np.testing.assert_array_equal(found, [[1, 1, np.nan], [0, 2, 1]])


def test_cells_may_stand_between_spaces(monkeypatch):
    found = read(monkeypatch, "1 2  3\n\n 4 nan 6\n")
    np.testing.assert_array_equal(found, [[1, 2, 3], [4, np.nan, 6]])


def test_empty_line_between_frames_is_told_once(monkeypatch, capsys):
    text = "\nx,y\n\n1,2\n\n3,4\n\n\n5,6\n\n"
    found = read(monkeypatch, text, 2)
    np.testing.assert_array_equal(found, [[1, 2], [3, 4], [5, 6]])
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith("line 5 of the standard input is empty")
    read(monkeypatch, "\n1,2\n3,4\n\n\n", 2)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("text", ["", "\n \n", "x,y,z\n"])
def test_input_without_a_frame_is_an_error(tmp_path, monkeypatch, capsys, text):
    videos = make_videos(3, n_actions=K, n_features=3, random_state=0).videos
    skvas.ActionSegmenter(K, max_epochs=0).fit(videos).save(tmp_path / "model")
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))
    assert run("live", tmp_path / "model", "-") == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert re.fullmatch(r"\S.*standard input has no frame; .* 3 numbers.*\n", err)


@pytest.mark.parametrize("mark", [";", "\t"])
def test_commas_beside_other_marks_are_those_of_numbers(monkeypatch, mark):
    text = "x, y;z\r\n1,5;-2\r\n;2,5e3\r\n".replace(";", mark)
    found = read(monkeypatch, text, 2, ["x, y", "z"])
    np.testing.assert_array_equal(found, [[1.5, -2], [np.nan, 2500]])
    with pytest.raises(ValueError, match=r"line 1 .* is no numbers: '1;1\.000,5'"):
        read(monkeypatch, "1;1.000,5\n", 2)


@pytest.mark.parametrize("first", ["", "x,y,z\n"])
def test_mark_of_byte_order_is_passed_over(monkeypatch, first):
    found = read(monkeypatch, f"\ufeff{first}1,2,3\n", names=["x", "y", "z"])
    np.testing.assert_array_equal(found, [[1, 2, 3]])


def test_lines_are_utf8_whatever_the_system_writes_in(monkeypatch):
    lines = io.BytesIO("\ufeffwärme,y\n1,2\n".encode())
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(lines, encoding="cp1252"))
    _open_standard_streams()
    found = list(frames_of_lines(2, ["wärme", "y"]))
    np.testing.assert_array_equal(found, [[1, 2]])


def test_lines_that_are_no_utf8_are_refused_by_name(monkeypatch):
    lines = io.BytesIO("wärme,y\n1,2\n".encode("cp1252"))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(lines, encoding="cp1252"))
    _open_standard_streams()
    with pytest.raises(ValueError, match=r"standard input is not UTF-8.*0xe4"):
        next(frames_of_lines(2))


@pytest.mark.parametrize("line", ["4,5", "4,,5,6", "4 5", "4,5,6,", "x,y", "4,five,6"])
def test_line_of_another_kind_is_named(monkeypatch, line):
    with pytest.raises(ValueError, match=rf"line 3 of the .*'{line}'"):
        read(monkeypatch, f"1,2,3\n\n{line}\n")


def test_first_line_may_have_names(monkeypatch):
    found = read(monkeypatch, 'x,"y",z\n1,2,3\n', names=["x", "y", "z"])
    np.testing.assert_array_equal(found, [[1, 2, 3]])
    assert read(monkeypatch, "\na b c\n1 2 3\n").tolist() == [[1, 2, 3]]
    with pytest.raises(ValueError, match=r"line 1 .* names x, z, u; .* fitted to x, y"):
        read(monkeypatch, "x,z,u\n1,2,3\n", names=["x", "y", "z"])
    with pytest.raises(ValueError, match="line 2 of the standard input is no numbers"):
        read(monkeypatch, "a,b,c\na,b,c\n")
    with pytest.raises(ValueError, match=r"line 1 .* has 4 cells, .* has 3 features"):
        read(monkeypatch, "time,a,b,c\n")


def test_quotes_are_those_of_tables(monkeypatch):
    names = ["f,b", "x y"]
    found = read(monkeypatch, '"x y","f,b",z\n"1","2,5","3"\n4,"",6\n', 2, names)
    np.testing.assert_array_equal(found, [[2.5, 1], [np.nan, 4]])
    found = read(monkeypatch, '"a;b",c\n"1","2"\n', 2, ["c", "a;b"])
    assert found.tolist() == [[2, 1]]
    assert read(monkeypatch, '"1" "2.5"\n3 4\n', 2).tolist() == [[1, 2.5], [3, 4]]
    assert read(monkeypatch, '"1,5"\n2\n', 1).tolist() == [[1.5], [2]]
    with pytest.raises(ValueError, match="line 1 of the .* has 1 cells"):
        read(monkeypatch, '"1,2,3\n', 3)
    with pytest.raises(ValueError, match="line 1 of the standard input cannot be read"):
        read(monkeypatch, f"{'1' * 140_000},2,3\n", 3)


def test_first_name_may_be_empty_as_that_of_row_numbers(monkeypatch):
    found = read(monkeypatch, ",x,y\n0,1,2\n1,3,\n", 2, names=["x", "y"])
    np.testing.assert_array_equal(found, [[1, 2], [3, np.nan]])
    assert np.isnan(read(monkeypatch, ",\n1,2\n", 2)[0]).all()


def test_cells_are_numbers_as_those_of_tables_are(monkeypatch):
    found = read(monkeypatch, "1,NA,null\n2,-,3\n")
    np.testing.assert_array_equal(found, [[1, np.nan, np.nan], [2, np.nan, 3]])
    with pytest.raises(ValueError, match="line 2 of the standard input is no numbers"):
        read(monkeypatch, "1,2,3\n1_000,2,3\n")


@pytest.mark.parametrize("written", ["inf", "-Infinity", "1e999"])
def test_line_of_an_infinite_number_is_named(written, monkeypatch):
    with pytest.raises(ValueError, match=r"line 2 .* has an infinite number: '2,"):
        read(monkeypatch, f"1,2,3\n2,{written},3\n")


def test_columns_are_taken_by_their_names(monkeypatch):
    names, table = ["x", "y"], "time;y;note;x\n0,1;2,5;ok;3\n0,2;;;4\n"
    found = read(monkeypatch, table, 2, names)
    np.testing.assert_array_equal(found, [[3, 2.5], [4, np.nan]])
    with pytest.raises(ValueError, match=r"line 3 .* has 2 cells, the names .* are 4"):
        read(monkeypatch, "time;y;note;x\n0;1;a;2\n1;2\n", 2, names)
    with pytest.raises(ValueError, match="line 2 of the standard input is no numbers"):
        read(monkeypatch, "time;y;note;x\n0;1;a;no\n", 2, names)
    with pytest.raises(ValueError, match="names x, y, x; .* to be there once"):
        read(monkeypatch, "x;y;x\n", 2, names)


@pytest.mark.parametrize("end", ["", "1,2\n", "interrupt"])
def test_frames_that_wait_are_told_however_a_recording_ends(
    tmp_path, monkeypatch, capsys, end
):
    videos = make_videos(3, n_actions=K, n_features=3, random_state=0).videos
    skvas.ActionSegmenter(K, max_epochs=0).fit(videos).save(tmp_path / "model")
    lines = [",".join(map(str, row)) + "\n" for row in videos[0]]

    def pipe():
        yield from lines
        if end == "interrupt":
            raise KeyboardInterrupt
        yield end

    told = []
    for lag in (0, 10_000):
        monkeypatch.setattr(sys, "stdin", pipe())
        code = run("live", tmp_path / "model", "-", "--lag", lag)
        assert code == {"": 0, "1,2\n": 1, "interrupt": 130}[end]
        told.append(re.findall("action . [(]", capsys.readouterr().out))
    assert told[1] == told[0]
    assert len(told[0]) == K


@pytest.mark.parametrize("end", ["", "1,2\n", "interrupt"])
def test_steps_that_never_began_are_told_where_a_recording_is_over(
    tmp_path, monkeypatch, capsys, end
):
    data = make_videos(9, n_actions=K, n_features=3, random_state=0)
    model = skvas.ActionSegmenter(K, max_epochs=0).fit(data.videos)
    model.save(tmp_path / "model")
    last = int(np.asarray(model.labels_[0])[-1])
    begun = data.videos[0][data.labels[0] != data.labels[0][-1]]

    def pipe():
        yield from (",".join(map(str, row)) + "\n" for row in begun)
        if end == "interrupt":
            raise KeyboardInterrupt
        yield end

    monkeypatch.setattr(sys, "stdin", pipe())
    run("live", tmp_path / "model", "-", "--json")
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    told = [r["action"] for r in records if r.get("warning") == "missing"]
    assert told == ([] if end == "1,2\n" else [last])


@pytest.mark.parametrize("kind", ["data frames", "recordings"])
def test_live_knows_the_names_of_the_model(tmp_path, monkeypatch, capsys, kind):
    pandas = pytest.importorskip("pandas")
    data = make_videos(3, n_actions=K, n_features=2, random_state=0)
    videos = [pandas.DataFrame(video, columns=["x", "y"]) for video in data.videos]
    given = videos
    if kind == "recordings":
        given = skvas.Recordings(data.videos, feature_names=["x", "y"])
    model = skvas.ActionSegmenter(K, max_epochs=0).fit(given)
    with pytest.raises(ValueError, match="columns of fit"):
        model.stream().push(videos[0][["y", "x"]])
    model.save(tmp_path / "model")
    table = videos[0].to_csv(index=False)
    monkeypatch.setattr(sys, "stdin", io.StringIO(table))
    assert run("live", tmp_path / "model", "-") == 0
    assert f"{len(videos[0])} frames, " in capsys.readouterr().err
    monkeypatch.setattr(sys, "stdin", io.StringIO(table.replace("x,y", "x,z")))
    assert run("live", tmp_path / "model", "-") == 1
    assert "has the names x, z" in capsys.readouterr().err


def test_memory_of_live_does_not_grow_with_the_recording(tmp_path, monkeypatch):
    videos = make_videos(3, n_actions=K, n_features=2, random_state=0).videos
    skvas.ActionSegmenter(K, max_epochs=0).fit(videos).save(tmp_path / "model")
    peaks = []
    for n_lines in (100, 500, 8500):  # the first to make what is made once
        monkeypatch.setattr(sys, "stdin", repeat("0.5,0.5\n", n_lines))
        tracemalloc.start()
        assert run("live", tmp_path / "model", "-") == 0
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] < peaks[1] + 16 * 8000  # bytes


def lines_of(*parts):
    return [",".join(map(str, row)) + "\n" for part in parts for row in part]


@pytest.mark.parametrize("lag", [0, 5, 10_000])
def test_each_recording_of_a_pipe_is_told_as_by_itself(
    tmp_path, monkeypatch, capsys, lag
):
    data = make_videos(9, n_actions=K, n_features=3, random_state=0)
    skvas.ActionSegmenter(K, max_epochs=0).fit(data.videos).save(tmp_path / "model")
    begun = data.videos[0][data.labels[0] != data.labels[0][-1]]
    pause = np.full((11, 3), np.nan)

    def told(*parts):
        monkeypatch.setattr(sys, "stdin", iter(lines_of(*parts)))
        options = ["--lag", lag, "--fps", 10, "--reset-after", 1, "--json"]
        assert run("live", tmp_path / "model", "-", *options) == 0
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    found = told(pause[:4], begun, pause, pause, data.videos[1], pause[:3])
    expected = []
    for video, start in ((begun, 4), (data.videos[1], 4 + len(begun) + 22)):
        for record in told(video):
            expected.append(record | {"time": round(record["time"] + start / 10, 6)})
    assert any(record.get("warning") == "missing" for record in expected)
    is_told_of_pause = [r.get("warning") == "unreadable" for r in found]
    assert sum(is_told_of_pause) == 2
    found = [r for r, is_of in zip(found, is_told_of_pause, strict=True) if not is_of]
    assert found == expected


def test_pauses_of_live_are_told_in_words(tmp_path, monkeypatch, capsys):
    data = make_videos(9, n_actions=K, n_features=3, random_state=0)
    skvas.ActionSegmenter(K, max_epochs=0).fit(data.videos).save(tmp_path / "model")
    begun = data.videos[0][data.labels[0] != data.labels[0][-1]]
    lines = lines_of(begun, np.full((11, 3), np.nan), data.videos[1])
    options = ["--fps", 10, "--reset-after", 1]
    monkeypatch.setattr(sys, "stdin", iter(lines))
    assert run("live", tmp_path / "model", "-", *options) == 0
    out, err = capsys.readouterr()
    n, again = len(begun), (len(begun) + 11) / 10
    end = rf"never began \(frame {n - 1}\) at {(n - 1) / 10:.2f} s\n"
    assert re.search(rf"{end}frame 0: action .* at {again:.2f} s", out)
    assert f"{len(lines)} frames, " in err


def test_pauses_that_no_source_can_have_are_refused(tmp_path, monkeypatch, capsys):
    videos = make_videos(3, n_actions=K, n_features=3, random_state=0).videos
    skvas.ActionSegmenter(K, max_epochs=0).fit(videos).save(tmp_path / "model")
    command = ["live", tmp_path / "model"]
    monkeypatch.setattr(sys, "stdin", iter(lines_of(videos[0])))
    assert run(*command, "-", "--reset-after", 1) == 1
    assert "give fps" in capsys.readouterr().err
    assert run(*command, "-", "--reset-after", 0, "--fps", 10) == 1
    assert "reset_after" in capsys.readouterr().err
    assert run(*command, "a.mp4", "--reset-after", 1, "--fps", 10) == 1
    assert "--reset-after has no use for 'a.mp4'" in capsys.readouterr().err
