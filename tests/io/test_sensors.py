from __future__ import annotations

import gc
import json
import os
import sys
from datetime import datetime

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skvas.exceptions import InvalidParameterError
from skvas.io import _clock, _columns, read_poses, read_recordings, read_sensors
from skvas.io._clock import find_pauses
from tests.conftest import data_folder


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def table(times, *columns, names=("time", "x", "y"), mark=","):
    """Spell out a table, one line a row."""
    rows = [mark.join(names[: 1 + len(columns)])]
    rows += [mark.join(map(str, row)) for row in zip(times, *columns, strict=True)]
    return "\n".join(rows) + "\n"


TIMES = np.arange(50) / 10
X = np.sin(TIMES)
DAY = [f"12:00:{second:04.1f}" for second in TIMES]


@pytest.mark.timeout(20)
@pytest.mark.parametrize("suffix", [".csv", ".json", ".h5", ".slp", ".c3d", ".npy"])
def test_row_73_pipes_in_a_folder_are_refused_and_not_waited_for(tmp_path, suffix):
    if not hasattr(os, "mkfifo"):
        pytest.skip("this system has no pipes with names")
    needed = {".h5": "h5py", ".slp": "sleap_io", ".c3d": "ezc3d"}
    pytest.importorskip(needed.get(suffix, "os"))
    os.mkfifo(tmp_path / f"a{suffix}")
    with pytest.raises(OSError, match="no regular file") as caught:
        read_recordings(tmp_path)
    assert caught.value.filename == str(tmp_path / f"a{suffix}")


def test_folder_is_read_in_the_order_of_names(tmp_path):
    write(tmp_path / "b.csv", table(TIMES, X, X))
    write(tmp_path / "a.tsv", table(TIMES[:20], X[:20], X[:20], mark="\t"))
    write(tmp_path / "notes.md", "no table")
    found = read_sensors(tmp_path)
    assert (found.names, found.fps) == (["a", "b"], [10, 10])
    assert found.feature_names == ["x", "y"]
    assert_allclose(found[1], np.column_stack([X, X]))
    assert found.notes == []


@pytest.mark.parametrize("mark", [",", ";", "\t", " "])
def test_comments_above_a_table_are_passed_over(tmp_path, mark):
    plain = read_sensors(write(tmp_path / "plain.csv", table(TIMES, X, X, mark=mark)))
    above = "# made by a logger; version 2, of today\n\n  % 10 Hz\n"
    text = above + table(TIMES, X, X, mark=mark)
    found = read_sensors(write(tmp_path / "commented.csv", text))
    assert (found.feature_names, found.fps) == (["x", "y"], [10])
    assert_array_equal(found[0], plain[0])
    # Names may be the last comment, as NumPy writes them.
    found = read_sensors(
        write(tmp_path / "named.csv", above + "# " + text[len(above) :])
    )
    assert (found.feature_names, found.fps) == (["x", "y"], [10])
    assert_array_equal(found[0], plain[0])


def test_space_around_quotation_marks_is_of_no_matter(tmp_path):
    text = '"time" ,"x" \n' + "".join(
        f'"{t}" ,"{x}" \r\n' for t, x in zip(TIMES, X, strict=True)
    )
    found = read_sensors(write(tmp_path / "a.csv", text.rstrip("\r\n")))
    assert (found.fps, found.feature_names) == ([10], ["x"])
    assert_allclose(found[0][:, 0], X)


def test_quotation_marks_in_comments_are_of_no_matter(tmp_path):
    text = '# "made by a logger\n' + table(TIMES, X)
    assert_allclose(read_sensors(write(tmp_path / "a.csv", text))[0][:, 0], X)


def test_comments_keep_the_numbers_of_lines(tmp_path):
    text = "# one\n# two\n" + table(TIMES, X) + "5.0,?\n"
    with pytest.raises(ValueError, match="line 54 of 'a.csv', column 'x': '[?]'"):
        read_sensors(write(tmp_path / "a.csv", text))


@pytest.mark.parametrize("text", ["# nothing else\n", "#\n%\n", "# time,x\n"])
def test_comments_alone_are_no_table(tmp_path, text):
    with pytest.raises(ValueError, match="is no table: it is empty"):
        read_sensors(write(tmp_path / "a.csv", text))


def test_tables_of_savetxt_are_read(tmp_path):
    values = np.column_stack([TIMES, X])
    np.savetxt(tmp_path / "a.txt", values, header="made by numpy\ntime x")
    found = read_sensors(tmp_path)
    assert (found.feature_names, found.fps) == (["x"], [10])
    assert_allclose(found[0][:, 0], X)


@pytest.mark.parametrize("read", [read_sensors, read_recordings])
def test_files_and_folders_that_are_passed_over_are_named(tmp_path, read):
    for name in ("a.csv", "b.csv", "b.dat", ".hidden.dat", "notes.md", "day2/c.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write(tmp_path / name, table(TIMES, X))
    for name in ("clip.mp4", "labels.eaf", "walks.model", "page.html", "day2/d.csv"):
        write(tmp_path / name, "")
    for name in ("empty", ".cache", "photos"):
        (tmp_path / name).mkdir()
    write(tmp_path / ".cache" / "c.csv", "")
    found = read(tmp_path)
    assert found.names == ["a", "b"]
    assert found.notes == [
        "passed over: 1 file of another kind (b.dat), 1 folder with tables (day2)"
    ]
    for name in ("e.xlsx", "c.dat", "d"):
        write(tmp_path / name, "")
    assert read(tmp_path).notes == [
        "passed over: 4 files of another kind (b.dat, c.dat, d, ...), 1 folder with "
        "tables (day2)"
    ]
    assert read([tmp_path / "a.csv"]).notes == []


@pytest.mark.parametrize("mark", [",", ";", "\t", " "])
def test_separators_are_found(tmp_path, mark):
    found = read_sensors(write(tmp_path / "a.csv", table(TIMES, X, mark=mark)))
    assert_allclose(found[0][:, 0], X)


def test_space_separates_numbers_with_commas_for_decimals(tmp_path):
    file = write(tmp_path / "a.txt", "0,0 1,25 7,5\n0,1 1,50 7,6\n0,2 2,00 -7,8\n")
    found = read_sensors(file, time=None, fps=10)
    assert_array_equal(found[0], [[0, 1.25, 7.5], [0.1, 1.5, 7.6], [0.2, 2, -7.8]])
    file = write(tmp_path / "b.txt", "0, 1, 7\n0, 3, 7\n0, 2, 7\n")
    found = read_sensors(file, time=None, fps=10)
    assert_array_equal(found[0], [[0, 1, 7], [0, 3, 7], [0, 2, 7]])


@pytest.mark.parametrize("name", ["Heart rate", '"Heart rate"', '" a ""b"" c"'])
def test_space_in_the_name_of_a_lone_column_separates_nothing(tmp_path, name):
    found = read_sensors(write(tmp_path / "a.csv", f"{name}\n72\n\n74\n"))
    assert found.feature_names == [name.strip('" ').replace('""', '"')]
    assert_array_equal(found[0], [[72], [np.nan], [74]])


@pytest.mark.parametrize("name", ["Acc; x", "Acc\tx", "Acc, x"])
def test_marks_inside_quotation_marks_separate_nothing(tmp_path, name):
    text = table(TIMES, X, names=("time", f'"{name}"'))
    found = read_sensors(write(tmp_path / "a.csv", text))
    assert (found.feature_names, found.fps) == ([name], [10])


@pytest.mark.parametrize("line", ["sep={}\n", '"sep={}"\r\n', "\ufeffSEP={}\n"])
@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_line_that_tells_the_separator_is_no_part_of_a_table(tmp_path, line, mark):
    text = line.format(mark) + table(TIMES, X, mark=mark)
    (tmp_path / "a.csv").write_bytes(text.encode())
    found = read_sensors(tmp_path)
    assert (found.feature_names, found.fps, found.notes) == (["x"], [10], [])
    assert_allclose(found[0][:, 0], X)
    (tmp_path / "a.csv").write_bytes((text + "5.0\n").encode())
    with pytest.raises(ValueError, match="line 53 has 1 cells"):
        read_sensors(tmp_path)


def test_decimal_commas_beside_semicolons(tmp_path):
    text = table(TIMES, X, mark=";").replace(".", ",")
    assert_allclose(read_sensors(write(tmp_path / "a.csv", text))[0][:, 0], X)


def test_marks_line_ends_quotes_and_names_are_optional(tmp_path):
    text = "\ufeff" + 'time,"x, left"\r\n0.0,1\r\n0.1,"2"\r\n0.2,\r\n'
    (tmp_path / "a.csv").write_bytes(text.encode())
    found = read_sensors(tmp_path / "a.csv", max_gap=0)
    assert found.feature_names == ["x, left"]
    assert_array_equal(found[0], [[1], [2], [np.nan]])
    assert found.notes == ["1 frames have gaps, marked as NaN"]
    bare = read_sensors(write(tmp_path / "b.csv", "1,2\n3,4\n"))
    assert bare.feature_names == ["column 0", "column 1"]
    assert bare.fps is None
    assert_array_equal(bare[0], [[1, 2], [3, 4]])


@pytest.mark.parametrize(
    ("name", "scale"),
    [
        ("time_ms", 1e3),
        ("Time (ms)", 1e3),
        ("timestamp [us]", 1e6),
        ("t [µs]", 1e6),
        ("time (min)", 1 / 60),
        ("time_h", 1 / 3600),
        ("Time (days)", 1 / 86400),
        ("time [d]", 1 / 86400),
        ("t", 1),
        ("seconds", 1),
    ],
)
def test_units_are_in_the_names(tmp_path, name, scale):
    text = table(TIMES * scale, X, names=(name, "x"))
    assert read_sensors(write(tmp_path / "a.csv", text)).fps == [10]


@pytest.mark.parametrize("name", ["Time [1/100 s]", "time (h:mm:ss)", "t (10 ms)"])
def test_units_of_several_words_are_asked_for(tmp_path, name):
    file = write(tmp_path / "a.csv", table(TIMES, X, names=(name, "x")))
    with pytest.raises(ValueError, match=r"the unit of times in column .* is unclear"):
        read_sensors(file)
    assert read_sensors(file, time_unit="s").fps == [10]


@pytest.mark.parametrize("scale", [1, 1e3, 1e6, 1e9])
def test_clocks_since_1970_have_the_unit_of_their_size(tmp_path, scale):
    times = np.round((1_657_534_648 + TIMES) * scale, 1)
    text = table(times.tolist(), X, names=("timestamp", "x"))
    assert read_sensors(write(tmp_path / "a.csv", text)).fps == [10]


@pytest.mark.parametrize(
    ("times", "unit", "rate"),
    [
        (120_000_000 + np.arange(50) * 10_000, "us", 100),
        (3600 * 10**9 + np.arange(50) * 10**7, "ns", 100),
        (1_500 * 10**9 + np.arange(50) * 10**7, "ns", 100),
        (2 * 86_400_000 + np.arange(50) * 10, "ms", 100),
        (20240501120000 + np.arange(50), "s", 1),
        (45231.5 + np.arange(50) / 86_400, "d", 1),
    ],
)
def test_large_numbers_that_are_no_likely_dates_have_no_sure_unit(
    tmp_path, times, unit, rate
):
    text = table(times.tolist(), X, names=("timestamp", "x"))
    file = write(tmp_path / "a.csv", text)
    with pytest.raises(ValueError, match="unit of times in column 'timestamp' is uncl"):
        read_sensors(file)
    assert read_sensors(file, time_unit=unit).fps == [rate]


def test_time_of_day_says_no_unit(tmp_path):
    text = table(43_200 + TIMES, X, names=("time of day", "x"))
    assert read_sensors(write(tmp_path / "a.csv", text)).fps == [10]


@pytest.mark.parametrize("name", ["T", "T (degC)", "t_skin", "response_time"])
@pytest.mark.parametrize("other", [20 + TIMES / 10, 20 + X])
def test_what_may_be_no_time_is_none_beside_a_time(tmp_path, name, other):
    text = table(other, X, TIMES, names=(name, "x", "time_s"))
    found = read_sensors(write(tmp_path / "a.csv", text))
    assert found.fps == [10]
    is_doubtful = name in ("T", "response_time") and other[1] == 20.01
    assert found.feature_names == ["x"] if is_doubtful else [name, "x"]


def test_dates_of_an_index_without_a_name_are_times_beside_others():
    moments = pd.date_range("2024-05-01", periods=50, freq="100ms")
    frame = pd.DataFrame({"response_time": 20 + X, "x": X}, index=moments)
    assert read_sensors(frame).fps == [10]


def test_row_73_unclear_units_are_asked_for(tmp_path):
    file = write(tmp_path / "a.csv", table(np.arange(50) * 100, X))
    with pytest.raises(ValueError, match=r"recording 'a': .*step by 100.*time_unit"):
        read_sensors(file)
    assert read_sensors(file, time_unit="ms").fps == [10]
    assert read_sensors(file, time_unit="s").fps == [0.01]


@pytest.mark.parametrize(
    "shown",
    [
        "2024-05-01 23:59:5{}.{}",
        "2024-05-01T23:59:5{}.{}Z",
        "2024/05/01 23:59:5{}.{}",
        "2024-05-01 23:59:5{}.{}+0200",
        "01.05.2024 23:59:5{}.{}",
        "5/1/2024 11:59:5{}.{} PM",
        "31/5/2024 11:59:5{}.{}",
        "23:59:5{}.{}00",
        "111:59:5{}.{}",
    ],
)
def test_dates_are_times(tmp_path, shown):
    times = [shown.format(i // 10, i % 10) for i in range(50)]
    found = read_sensors(write(tmp_path / "a.csv", table(times, X)))
    assert found.fps == [10]
    assert_allclose(found[0][:, 0], X)


class OlderDatetime(datetime):
    """Reads less of ISO's forms, as that of Python 3.10."""

    @classmethod
    def fromisoformat(cls, text):
        raise ValueError(text)


@pytest.mark.parametrize("zone", ["Z", "+02", "-0330", "+05:30", ""])
def test_dates_are_the_same_times_in_older_pythons(monkeypatch, zone):
    shown = f"2024-05-01 23:59:59.25{zone}"
    expected = _clock._parse_date(shown, day_first=False)
    assert expected is not None
    monkeypatch.setattr(_clock, "datetime", OlderDatetime)
    assert _clock._parse_date(shown, day_first=False) == expected


def test_dates_that_may_be_read_in_two_ways_are_refused(tmp_path):
    times = [f"{day}/05/2024 23:59:59" for day in range(1, 6)]
    file = write(tmp_path / "a.csv", table(times, X[:5]))
    with pytest.raises(ValueError, match=r"'1/05/2024 23:59:59' may have the day or"):
        read_sensors(file)


def test_times_of_day_go_on_after_midnight(tmp_path):
    times = ["23:59:59.8", "23:59:59.9", "00:00:00.0", "00:00:00.1", "00:00:00.2"]
    found = read_sensors(write(tmp_path / "a.csv", table(times, X[:5])))
    assert found.fps == [10]
    assert_allclose(found[0][:, 0], X[:5])


@pytest.mark.parametrize(("before", "after"), [("AM", "PM"), ("PM", "AM")])
@pytest.mark.parametrize("date", ["", "5/13/2024 "])
def test_twelve_is_the_first_hour_of_half_a_day(tmp_path, before, after, date):
    times = [f"11:59:59.{tenth} {before}" for tenth in range(10)]
    times += [f"12:00:0{i // 10}.{i % 10} {after}" for i in range(50)]
    if date and after == "AM":
        times = times[10:]  # else the date would be the next one
    times = [date + time for time in times]
    text = table(times, np.arange(len(times)))
    found = read_sensors(write(tmp_path / "a.csv", text))
    assert found.fps == [10]
    assert len(found[0]) == len(times)


@pytest.mark.parametrize(
    ("n_rows", "n_swapped"), [(12, 1), (30, 2), (500, 4), (9, 0), (20, 1), (100, 2)]
)
def test_few_samples_may_be_out_of_order(tmp_path, n_rows, n_swapped):
    def read_with(n_swapped):
        rows = np.arange(n_rows)
        for place in range(1, 1 + 3 * n_swapped, 3):
            rows[[place, place + 1]] = rows[[place + 1, place]]
        return read_sensors(write(tmp_path / "a.csv", table(rows / 10, rows)))

    assert_allclose(read_with(n_swapped)[0][:, 0], np.arange(n_rows))
    with pytest.raises(ValueError, match=r"first at line 4 of 'a\.csv'"):
        read_with(n_swapped + 1)


def test_rate_that_changes_a_little_is_not_constant(tmp_path):
    times = np.r_[np.arange(1000) / 30, 1000 / 30 + np.arange(1000) / 28]
    write(tmp_path / "a.csv", table(times, times))
    found = read_sensors(tmp_path, fps=29)
    assert found.notes == ["1 of 1 resampled to 29 frames a second"]
    assert_allclose(found[0][:, 0], np.arange(len(found[0])) / 29, atol=1e-9)
    assert len(read_sensors(tmp_path)[0]) != len(times)


def test_durations_of_more_than_a_day_have_no_midnight(tmp_path):
    minutes = np.arange(23 * 60 + 40, 24 * 60 + 25)
    times = [f"{minute // 60}:{minute % 60:02}:00" for minute in minutes]
    found = read_sensors(write(tmp_path / "a.csv", table(times, minutes)))
    assert found.fps == pytest.approx([1 / 60], rel=1e-3)
    times += [f"0:{minute}:00" for minute in range(25, 60)]  # of another recording
    write(tmp_path / "a.csv", table(times, np.arange(len(times))))
    with pytest.raises(ValueError, match="goes back"):
        read_sensors(tmp_path)


def test_time_of_day_beside_a_date_is_the_time(tmp_path):
    text = table(["2024-05-01"] * 50, DAY, X, names=("date", "time", "x"))
    found = read_sensors(write(tmp_path / "a.csv", text))
    assert (found.fps, found.feature_names) == ([10], ["x"])
    assert found.notes == ["left out: date"]


def test_date_that_goes_on_at_midnight_is_not_the_time(tmp_path):
    dates = ["2024-05-01"] * 3 + ["2024-05-02"] * 4
    times = [f"23:59:59.{k}" for k in (7, 8, 9)] + [f"00:00:00.{k}" for k in range(4)]
    names = ("date", "time", "x")
    write(tmp_path / "a.csv", table(dates, times, X[:7], names=names))
    found = read_sensors(tmp_path)
    assert (found.fps, found.feature_names) == ([10], ["x"])
    assert_allclose(found[0][:, 0], X[:7])
    days = [f"2024-05-{day:02}" for day in range(1, 8)]
    write(tmp_path / "a.csv", table(days, times, X[:7], names=names))
    assert read_sensors(tmp_path).fps == pytest.approx([1 / 86400], rel=1e-4)


@pytest.mark.parametrize(
    ("times", "message"),
    [
        (
            ["12h00"] * 50,
            r"column 'time' holds neither .*line 2 of 'a.csv' has '12h00'",
        ),
        (
            [*TIMES[:40], "late", *TIMES[41:]],
            r"line 42 of 'a.csv'.*'late' is no number",
        ),
        (
            [1_657_534_648] * 50,
            r"'time' do not advance in 100% of the rows.*too coarse",
        ),
        (["2024-05-01 12:00:00"] * 50, r"'time' do not advance in 100%"),
        (1_657_534_648 + np.arange(50) // 25, r"'time' do not advance in 98%"),
        ([0.0] * 50, r"'time' do not advance in 100%"),
    ],
)
def test_row_73_times_that_are_none_are_refused(tmp_path, times, message):
    with pytest.raises(ValueError, match=r"recording 'a': .*" + message):
        read_sensors(write(tmp_path / "a.csv", table(times, X)))
    assert read_sensors(tmp_path / "a.csv", time=None, columns=["x"], fps=5).fps == [5]


@pytest.mark.parametrize("n", [20, 500])
def test_row_73_two_recordings_in_one_file_are_refused(tmp_path, n):
    times = [*np.arange(n) / 10, *np.arange(n) / 10]
    write(tmp_path / "a.csv", table(times, np.arange(2 * n)))
    message = (
        rf"column 'time' goes back by {(n - 1) / 10:g} s at line {n + 2} of 'a.csv'; "
        "two recordings in one file"
    )
    with pytest.raises(ValueError, match=message):
        read_sensors(tmp_path)


def test_tables_of_many_recordings_are_refused_with_a_way_to_cut_them():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"time": [*TIMES, *TIMES], "x": [*X, *X]})
    frame["trial"] = ["a"] * 50 + ["b"] * 50
    with pytest.raises(ValueError, match=r"dict\(list\(frame.groupby\(column\)\)\)"):
        read_sensors(frame)
    groups = frame.groupby("trial")
    for wrong in (groups, list(groups)):
        with pytest.raises(TypeError, match=r"dict\(list\(groups\)\)"):
            read_sensors(wrong)
    assert read_sensors(dict(list(groups))).names == ["a", "b"]


def test_polars_frames_that_are_yet_to_be_read_are_refused_with_a_hint():
    lazy = pytest.importorskip("polars").LazyFrame({"time": [0.0, 1.0]})
    with pytest.raises(TypeError, match="got a LazyFrame: read its .* collect"):
        read_sensors(lazy)


def test_samples_that_are_hardly_out_of_order_are_sorted(tmp_path):
    times = np.arange(500) / 10
    times[[100, 101, 102]] = times[[102, 100, 101]]
    write(tmp_path / "a.csv", table(times, times, np.sin(9 * times)))
    found = read_sensors(tmp_path)[0]
    assert_allclose(found[:, 0], np.sort(times))
    assert_allclose(found[:, 1], np.sin(9 * np.sort(times)))


def test_samples_of_a_coarse_clock_may_be_hardly_out_of_order(tmp_path):
    times = np.arange(600) // 3 / 10  # three samples of one time
    times[[200, 201]] = times[[201, 200]]
    assert times[200] > times[201]
    write(tmp_path / "a.csv", table(times, times))
    found = read_sensors(tmp_path)[0][:, 0]
    assert (np.diff(found) > -1e-9).all()


@pytest.mark.parametrize(
    "name", ["Zeit", "Zeit (s)", "tiempo", "temps", "elapsed_s", "t_s", "timestampS"]
)
def test_times_have_other_names(tmp_path, name):
    text = table(TIMES, X, names=(name, "x"))
    found = read_sensors(write(tmp_path / "a.csv", text))
    assert (found.fps, found.feature_names) == ([10], ["x"])


def test_other_meanings_of_names_of_times_are_features(tmp_path):
    text = table(np.cos(TIMES), X, names=("temps", "x"))
    found = read_sensors(write(tmp_path / "a.csv", text))
    assert (found.fps, found.feature_names) == (None, ["temps", "x"])


def test_columns_that_may_be_times_are_named(tmp_path):
    for name in "ab":
        write(tmp_path / f"{name}.csv", table(TIMES, X, names=("secs", "x")))
    found = read_sensors(tmp_path)
    assert found.feature_names == ["secs", "x"]
    assert found.notes == [
        "column 'secs' rises steadily in all recordings: is it the time? Then give "
        "time='secs'"
    ]
    assert read_sensors(tmp_path, time="secs").fps == [10, 10]
    assert read_sensors(tmp_path, time=None).notes == []


@pytest.mark.parametrize("form", ["2024-05-01 12:00:{}", "12:00:{}", "{}"])
def test_columns_without_a_name_that_may_be_times_are_named(tmp_path, form):
    times = [form.format(f"{10 + t:.1f}") for t in TIMES]
    write(tmp_path / "a.csv", table(times, X, names=("", "x")))
    found = read_sensors(tmp_path)
    assert found.notes == [
        "left out: (no name)",
        "column '' rises steadily in all recordings: is it the time? Then give time=''",
    ]
    unit = "s" if form == "{}" else "auto"
    assert read_sensors(tmp_path, time="", time_unit=unit).fps == [10]


def test_dates_that_can_be_read_in_two_ways_may_be_times(tmp_path):
    dates = [f"01/05/2024 {hour}:00:00" for hour in range(12)]
    dates += [f"02/05/2024 {hour}:00:00" for hour in range(12)]
    text = table(dates, X[:24], names=("at", "x"))
    found = read_sensors(write(tmp_path / "a.csv", text))
    assert "column 'at' rises steadily" in found.notes[1]


def test_numbers_of_frames_with_gaps_are_no_feature(tmp_path):
    text = table(2 * np.r_[:30, 50:70], X, names=("frame", "x"))
    found = read_sensors(write(tmp_path / "a.csv", text))
    assert found.feature_names == ["x"]
    assert found.notes == ["left out: frame"]


def test_first_line_of_words_that_come_again_is_a_sample(tmp_path):
    text = "0.1,2,walk\n0.2,3,walk\n0.3,4,sit\n"
    found = read_sensors(write(tmp_path / "a.csv", text), labels="column 2")
    assert_allclose(found[0], [[0.1, 2], [0.2, 3], [0.3, 4]])
    assert [found.action_names[label] for label in found.labels[0]] == [
        *("walk", "walk", "sit")
    ]


def test_first_line_of_numbers_and_another_word_has_names(tmp_path):
    text = "1,2,state\n3,4,run\n5,6,walk\n"
    found = read_sensors(write(tmp_path / "a.csv", text), labels="state")
    assert_allclose(found[0], [[3, 4], [5, 6]])


@pytest.mark.parametrize("ends", [",,", ",", ",,,,"])
@pytest.mark.parametrize("of_names", [True, False])
def test_separators_at_the_ends_of_lines_are_no_columns(tmp_path, ends, of_names):
    head, *rows = table(TIMES, X).splitlines()
    lines = [head + ends * of_names, *(row + ends for row in rows)]
    found = read_sensors(write(tmp_path / "a.csv", "\n".join(lines)))
    assert (found.feature_names, found.notes) == (["x"], [])


def test_cells_below_no_name_are_told(tmp_path):
    write(tmp_path / "a.csv", "time,x,,\n0.1,1,,\n0.2,2,,5\n")
    with pytest.raises(ValueError, match=r"a\.csv.* leaves 2 columns without a name"):
        read_sensors(tmp_path)


def test_a_second_column_of_times_is_no_feature(tmp_path):
    text = table(TIMES, TIMES, X, names=("time", "seconds_elapsed", "x"))
    found = read_sensors(write(tmp_path / "a.csv", text))
    assert found.feature_names == ["x"]
    assert found.notes == ["left out: seconds_elapsed"]


def test_irregular_times_are_resampled_to_one_rate_and_it_is_said(tmp_path):
    rng = np.random.default_rng(0)
    times = np.sort(rng.uniform(0, 10, 1000))
    write(tmp_path / "a.csv", table(times, np.sin(times)))
    write(tmp_path / "b.csv", table(times[::2], np.sin(times[::2])))
    found = read_sensors(tmp_path, fps=20)
    assert found.notes == ["2 of 2 resampled to 20 frames a second"]
    expected = np.sin(times[0] + np.arange(len(found[0])) / 20)
    assert_allclose(found[0][:, 0], expected, atol=0.05)
    assert_allclose(found[1][:, 0], expected[: len(found[1])], atol=0.05)
    rate = read_sensors(tmp_path).fps
    assert rate[0] == rate[1] == pytest.approx(75, rel=0.1)


def test_slower_frames_are_means_of_samples(tmp_path):
    noise = np.tile([1.0, -1.0], 500)
    write(tmp_path / "a.csv", table(np.arange(1000) / 100, noise))
    found = read_sensors(tmp_path, fps=10)
    assert np.abs(found[0][1:-1]).max() < 0.12


@pytest.mark.parametrize("factor", [2, 4, 10])
def test_frames_are_means_of_as_many_samples(tmp_path, factor):
    samples = np.random.default_rng(0).normal(size=600)
    write(tmp_path / "a.csv", table(np.round(np.arange(600) / 50, 6), samples))
    found = read_sensors(tmp_path, fps=50 / factor)[0][1:-1, 0]
    first = factor - factor // 2
    expected = [
        samples[start : start + factor].mean()
        for start in range(first, first + factor * len(found), factor)
    ]
    assert_allclose(found, expected)


@pytest.mark.parametrize("share", [0.1, 0.3])
@pytest.mark.parametrize("jitter", [0.0, 0.1])
def test_lost_samples_do_not_slow_the_rate_down(tmp_path, share, jitter):
    rng = np.random.default_rng(0)
    times = np.arange(2000) / 100 + rng.uniform(-jitter, jitter, 2000) / 100
    times = times[rng.random(2000) >= share].round(4)
    write(tmp_path / "a.csv", table(times, np.sin(times)))
    assert read_sensors(tmp_path).fps == [pytest.approx(100, rel=0.01)]


@pytest.mark.parametrize("rate", [60, 400, 700, 800])
def test_clocks_of_milliseconds_keep_the_rate(tmp_path, rate):
    times = np.floor(np.arange(2000) / rate * 1000).astype(int)
    write(tmp_path / "a.csv", table(times, np.sin(times), names=("time_ms", "x")))
    assert read_sensors(tmp_path).fps == [pytest.approx(rate, rel=0.01)]


def test_rows_without_a_time_are_told(tmp_path):
    times = [*TIMES[:10], "", *TIMES[11:]]
    write(tmp_path / "a.csv", table(times, X))
    found = read_sensors(tmp_path)
    assert found.fps == [10]
    assert "left out: 1 rows without a time" in found.notes


def test_long_gaps_stay_and_short_ones_are_closed(tmp_path):
    times = np.r_[0:2:0.1, 2.5:5:0.1, 9:12:0.1]
    write(tmp_path / "a.csv", table(times.round(3), times))
    found = read_sensors(tmp_path, fps=10)
    frame_times = np.arange(len(found[0])) / 10
    gap = (frame_times > 4.95) & (frame_times < 8.95)
    assert_array_equal(np.isnan(found[0][:, 0]), gap)
    assert_allclose(found[0][~gap, 0], frame_times[~gap], atol=1e-6)
    assert found.notes[1] == f"{gap.sum()} frames have gaps, marked as NaN"
    assert np.isfinite(read_sensors(tmp_path, fps=10, max_gap=5)[0]).all()


@pytest.mark.parametrize("step", [1, 10, 60])
def test_slow_sensors_at_irregular_times_have_no_gaps_but_long_ones(tmp_path, step):
    moved = np.random.default_rng(0).uniform(-0.2, 0.2, 60)
    times = (np.arange(60) + moved) * step
    lost = np.r_[times[:20], times[21:40], times[45:]]  # one sample, and five in a row
    write(tmp_path / "a.csv", table(lost, lost, names=("time_s", "x")))
    (found,) = read_sensors(tmp_path, fps=1 / step)
    frame_times = lost[0] + np.arange(len(found)) * step
    gap = (frame_times > lost[38]) & (frame_times < lost[39])
    assert gap.sum() >= 5
    assert_array_equal(np.isnan(found[:, 0]), gap)
    assert_allclose(found[~gap, 0], frame_times[~gap])


def test_a_slow_channel_beside_a_quick_one_has_no_gaps(tmp_path):
    slow = [x if row % 20 == 0 else "" for row, x in enumerate(TIMES)]  # every 2 s
    write(tmp_path / "a.csv", table(TIMES, X, slow))
    (found,) = read_sensors(tmp_path)
    assert_allclose(found[:, 1], np.minimum(TIMES, 4))


def test_a_channel_that_fails_for_long_keeps_its_gap(tmp_path):
    failing = [x if row < 15 or row > 30 else "" for row, x in enumerate(TIMES)]
    write(tmp_path / "a.csv", table(TIMES, X, failing))
    (found,) = read_sensors(tmp_path)
    assert np.isnan(found[15:31, 1]).all()
    assert np.isfinite(found).sum() == 2 * 50 - 16


@pytest.mark.parametrize("max_gap", [-1, "long", None])
def test_longest_gap_is_a_number_or_auto(tmp_path, max_gap):
    write(tmp_path / "a.csv", table(TIMES, X))
    with pytest.raises(InvalidParameterError, match="max_gap must be"):
        read_sensors(tmp_path, max_gap=max_gap)


@pytest.mark.parametrize("words", [("True", "False"), ("true", "false")])
def test_true_and_false_are_numbers_as_in_data_frames(tmp_path, words):
    door = [words[row >= 30] for row in range(50)]
    door[3] = ""
    write(tmp_path / "a.csv", table(TIMES, X, door))
    write(tmp_path / "b.csv", table(TIMES, X, np.arange(50) % 2))
    found = read_sensors(tmp_path)
    assert found.feature_names == ["x", "y"]
    assert_allclose(found[0][:, 1], np.arange(50) < 30)
    assert not found.notes


def test_labels_that_are_true_and_false_keep_their_words(tmp_path):
    door = [str(row < 30) for row in range(50)]
    write(tmp_path / "a.csv", table(TIMES, X, door))
    found = read_sensors(tmp_path, labels="y")
    assert found.feature_names == ["x"]
    assert found.action_names == ["True", "False"]


def test_true_among_numbers_is_an_error_and_among_words_a_word(tmp_path):
    write(tmp_path / "a.csv", table(TIMES, [*X[:9], "true", *X[10:]]))
    with pytest.raises(ValueError, match="line 11 of 'a.csv', column 'x': 'true'"):
        read_sensors(tmp_path)
    write(tmp_path / "a.csv", table(TIMES, X, ["true", "maybe"] * 25))
    assert read_sensors(tmp_path).notes == ["left out: y"]


def test_a_table_without_names_may_start_with_true(tmp_path):
    rows = table(TIMES, X, [True, False] * 25).split("\n", 1)[1]
    found = read_sensors(write(tmp_path / "a.csv", rows), time="column 0")
    assert_allclose(found[0][:, 1], [1, 0] * 25)


def test_nullable_booleans_of_pandas_are_numbers():
    pandas = pytest.importorskip("pandas")
    door = pandas.array([True, None, False] * 10, dtype="boolean")
    frame = pandas.DataFrame({"time": TIMES[:30], "x": X[:30], "door": door})
    found = read_sensors(frame)
    assert_allclose(found[0][:3, 1], [1, 0.5, 0])


def test_frames_hardly_longer_than_the_time_between_samples_are_interpolated(tmp_path):
    write(tmp_path / "a.csv", table(TIMES, 3 * TIMES))
    (found,) = read_sensors(tmp_path, fps=9)
    assert_allclose(found[:, 0], np.arange(len(found)) / 3)


def test_mean_of_samples_is_that_of_those_that_are_there(tmp_path):
    values = [*TIMES[:20], "", *TIMES[21:]]
    write(tmp_path / "a.csv", table(TIMES, values))
    (found,) = read_sensors(tmp_path, fps=5)
    plain = read_sensors(write(tmp_path / "b.csv", table(TIMES, TIMES)), fps=5)[0]
    lacking = np.abs(found[:, 0] - plain[:, 0]) > 1e-9
    assert_array_equal(np.flatnonzero(lacking), [10])
    assert found[10, 0] in (TIMES[19], TIMES[21])


def test_labels_of_frames_are_those_of_the_nearest_samples(tmp_path):
    names = [f"n{i}" for i in range(50)]
    text = table(TIMES, TIMES, names, names=("time", "x", "label"))
    found = read_sensors(write(tmp_path / "a.csv", text), fps=3, labels="label")
    labels = [found.action_names[code] for code in found.labels[0]]
    assert labels == [f"n{round(10 * i / 3)}" for i in range(len(labels))]


def test_marks_of_no_label_are_no_actions(tmp_path):
    for name, words in (("a", ["0", "-1", "", "1", "NA"]), ("b", ["-1"] * 5)):
        times = [k / 10 for k in range(5)]
        text = table(times, times, words, names=("time", "x", "label"))
        write(tmp_path / f"{name}.csv", text)
    found = read_sensors(tmp_path, labels="label")
    assert found.action_names == ["0", "1"]
    assert [labels.tolist() for labels in found.labels] == [
        [0, -1, -1, 1, -1],
        [-1] * 5,
    ]


@pytest.mark.parametrize("name", ["a.tsv", "a.txt"])
def test_two_files_of_one_name_are_both_named(tmp_path, name):
    for file in ("a.csv", name):
        write(tmp_path / file, table(TIMES, X, X))
    with pytest.raises(ValueError, match=r"called 'a': .*a\.csv' and .*'; move one"):
        read_sensors(tmp_path)


@pytest.mark.parametrize("fps", [None, 7])
def test_frames_long_before_the_first_sample_are_a_gap(tmp_path, fps):
    values = [*[""] * 20, *X[20:40], *[""] * 10]  # nothing up to 2 s, nor from 4 s on
    write(tmp_path / "a.csv", table(TIMES, values, X))
    (found,) = read_sensors(tmp_path, fps=fps, max_gap=0.55)
    seconds = np.arange(len(found)) / (fps or 10)
    expected = (seconds < 1.45) | (seconds > 4.45)
    assert_array_equal(np.isnan(found[:, 0]), expected)


def test_rate_of_recordings_is_the_median(tmp_path):
    for name, step in (("a", 0.1), ("b", 0.1), ("c", 0.02)):
        write(tmp_path / f"{name}.csv", table(np.arange(60) * step, np.arange(60)))
    assert read_sensors(tmp_path).fps == [10, 10, 10]


def test_columns_in_any_other_order_are_put_in_that_of_the_first(tmp_path):
    names = ["time", "x", "y", "z"]
    write(tmp_path / "a.csv", table(TIMES, X, 2 * X, 3 * X, names=names))
    names = ["time", "z", "x", "y"]
    write(tmp_path / "b.csv", table(TIMES, 3 * X, X, 2 * X, names=names))
    assert_allclose(*read_sensors(tmp_path))


def test_columns_are_picked_and_others_left_out(tmp_path):
    text = "index,time,x,label,who,y\n" + "".join(
        f"{i},{i / 10},{i},{i // 25},anna,{-i}\n" for i in range(50)
    )
    file = write(tmp_path / "a.csv", text)
    found = read_sensors(file, labels="label")
    assert found.feature_names == ["x", "y"]
    assert found.notes == ["left out: index, who"]
    assert found.action_names == ["0", "1"]
    assert_array_equal(found.labels[0], np.repeat([0, 1], 25))
    assert read_sensors(file, columns=["y"]).feature_names == ["y"]


def test_row_73_order_of_columns_does_not_matter_and_missing_ones_do(tmp_path):
    write(tmp_path / "a.csv", table(TIMES, X, -X))
    write(tmp_path / "b.csv", table(TIMES, -X, X, names=("time", "y", "x")))
    assert_allclose(*read_sensors(tmp_path))
    write(tmp_path / "c.csv", table(TIMES, X))
    with pytest.raises(ValueError, match=r"'a' and 'c' differ in column\(s\) 'y'"):
        read_sensors(tmp_path)


def test_row_73_a_cell_that_is_no_number_is_named(tmp_path):
    write(tmp_path / "b.csv", table(TIMES, X, X))
    file = write(tmp_path / "a.csv", table(TIMES, [*X[:8], "ERR", *X[9:]], X))
    message = r"recording 'a': line 10 of 'a.csv', column 'x': 'ERR' is no number"
    for source, options in ((file, {}), (tmp_path, {}), (file, {"columns": ["x"]})):
        with pytest.raises(ValueError, match=message):
            read_sensors(source, **options)
    assert read_sensors(tmp_path, columns=["y"]).feature_names == ["y"]
    half = [*X[:8], *["ERR"] * 42]
    write(tmp_path / "a.csv", table(TIMES, half, X))
    with pytest.raises(ValueError, match=r"differ: line 10 of 'a.csv', column 'x'"):
        read_sensors(tmp_path)


def test_row_73_a_row_of_a_data_frame_is_named():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"x": [*X[:8], "ERR", *X[9:]], "y": X})
    with pytest.raises(ValueError, match=r"row 9, column 'x': 'ERR' is no number"):
        read_sensors(frame)


@pytest.mark.parametrize("fps", [None, 10, 20])
def test_cells_without_a_number_are_closed_at_any_rate(tmp_path, fps):
    values = [0, 1, "", 3, 4, *[""] * 30, 35, 36, ""]
    write(tmp_path / "a.csv", table(np.arange(len(values)) / 10, values))
    found = read_sensors(tmp_path, fps=fps)
    (rate,) = found.fps
    at = np.arange(len(found[0])) / rate * 10
    gap = (at > 4) & (at < 35)
    assert_array_equal(np.isnan(found[0][:, 0]), gap)
    assert_allclose(found[0][~gap, 0], np.minimum(at[~gap], 36), atol=1e-6)
    untimed = read_sensors(tmp_path, time=None, columns=["x"], fps=10)
    assert_array_equal(np.isnan(untimed[0][:, 0]), np.isin(range(38), range(5, 35)))


def test_channel_that_is_empty_in_one_recording_is_a_gap(tmp_path):
    write(tmp_path / "a.csv", table(TIMES, X, [""] * 50))
    assert read_sensors(tmp_path).notes == ["left out: y"]
    write(tmp_path / "b.csv", table(TIMES, X, X))
    found = read_sensors(tmp_path)
    assert found.feature_names == ["x", "y"]
    assert np.isnan(found[0][:, 1]).all()
    assert found.notes == [
        "1 empty column in some recordings: 'y' of 'a'",
        "50 frames have gaps, marked as NaN",
    ]
    write(tmp_path / "c.csv", table(TIMES, [""] * 50))
    with pytest.raises(ValueError, match=r"differ in column\(s\) 'y'"):
        read_sensors(tmp_path)
    with pytest.raises(ValueError, match=r"'c': it has no column .* not empty"):
        read_sensors(tmp_path / "c.csv")


@pytest.mark.parametrize("options", [{}, {"index": False}])
def test_numbers_for_names_of_columns_are_no_frame(tmp_path, options):
    values = np.cos(np.arange(12.0).reshape(4, 3))
    frame = pytest.importorskip("pandas").DataFrame(values)[[0, 1, 2]]
    frame.to_csv(tmp_path / "a.csv", **options)
    found = read_sensors(tmp_path, fps=10)
    assert_allclose(found[0], values)
    assert found.feature_names == ["0", "1", "2"]
    assert found.notes == ([] if options else ["left out: (no name)"])
    frame[::-1].iloc[[1, 0, 2]].to_csv(tmp_path / "a.csv", **options)
    assert read_sensors(tmp_path, fps=10)[0].shape == (3, 3)


@pytest.mark.parametrize(
    "form", ["2024-05-01 12:00:{}", "01.05.2024 12:00:{}", "1:00:{}"]
)
def test_first_rows_with_times_are_samples(tmp_path, form):
    times = [form.format(f"{10 + t:.1f}") for t in TIMES]
    _, *rows = table(times, X).splitlines()
    for name in "ab":
        write(tmp_path / f"{name}.csv", "\n".join(rows))
    found = read_sensors(tmp_path, time="column 0")
    assert (found.fps, found.feature_names) == ([10, 10], ["column 1"])
    assert_allclose(found[1][:, 0], X)


def test_first_rows_of_few_numbers_are_frames(tmp_path):
    for text, n in (("0,1\n1,1\n", 2), ("0\n1\n", 2), ("0,2,1\n1,2,3\n", 2)):
        assert len(read_sensors(write(tmp_path / "a.csv", text))[0]) == n


@pytest.mark.parametrize("cells", [["walk", "", "run"], [0, "", 1], ["", "", ""]])
def test_empty_cells_of_labels_are_no_action(tmp_path, cells):
    write(tmp_path / "a.csv", table(cells, X[:3], names=("label", "x")))
    found = read_sensors(tmp_path, labels="label")
    assert found.action_names == [str(cell) for cell in cells if cell != ""]
    assert_array_equal(found.labels[0], [0, -1, 1] if any(cells) else [-1, -1, -1])


def test_line_of_units_is_no_sample(tmp_path):
    names, *rows = table(TIMES * 1e3, X, X).splitlines()
    write(tmp_path / "a.csv", "\n".join([names, "ms,m/s2,-", *rows]))
    found = read_sensors(tmp_path)
    assert_allclose(found[0], np.column_stack([X, X]))
    assert found.fps == [10]
    assert found.notes == ["1 of 1 have units below the names of columns: ms, m/s2, -"]


@pytest.mark.parametrize("mark", ["\t", " ", ","])
def test_decimal_commas_beside_other_marks(tmp_path, mark):
    rows = [
        mark.join(f'"{cell:.3f}"' if mark == "," else f"{cell:.3f}" for cell in row)
        for row in zip(TIMES, X, strict=True)
    ]
    text = "\n".join(row.replace(".", ",") for row in rows)
    found = read_sensors(write(tmp_path / "a.csv", f"time{mark}x\n{text}"))
    assert found.fps == [10]
    assert_allclose(found[0][:, 0], X, atol=1e-3)
    if mark != " ":
        assert read_sensors(write(tmp_path / "b.csv", text))[0].shape == (50, 2)


def test_row_73_thousands_are_no_decimals(tmp_path):
    write(tmp_path / "a.csv", table(TIMES, ['"1,234"'] * 50, ['"0.5"'] * 50))
    with pytest.raises(ValueError, match=r"'1,234' is no number.*point for decimals"):
        read_sensors(tmp_path)


@pytest.mark.parametrize("data", [b"", b"PAR1", b"PAR1" + b"x" * 40 + b"PAR1"])
def test_row_73_damaged_parquet_is_refused_by_name(tmp_path, data):
    pytest.importorskip("polars")
    (tmp_path / "a.parquet").write_bytes(data)
    with pytest.raises(ValueError, match=r"recording 'a': .*a\.parquet' is no table"):
        read_sensors(tmp_path)


def test_row_73_damaged_parquet_is_refused_where_polars_panics(tmp_path, monkeypatch):
    polars = pytest.importorskip("polars")

    def panic(source):
        raise polars.exceptions.PanicException("assertion failed")

    monkeypatch.setattr(polars, "read_parquet", panic)
    (tmp_path / "a.pq").write_bytes(b"PAR1")
    with pytest.raises(ValueError, match=r"'a': .*a\.pq' is no table: assertion fail"):
        read_sensors(tmp_path)


@pytest.mark.parametrize("name", ["a[1].parquet", "a*.parquet", "x=1.pq"])
def test_a_path_to_parquet_is_one_file(name, tmp_path):
    polars = pytest.importorskip("polars")
    polars.DataFrame({"x": X}).write_parquet(tmp_path / "b.parquet")
    (tmp_path / "b.parquet").rename(tmp_path / name)
    polars.DataFrame({"x": X}).write_parquet(tmp_path / "ab.parquet")
    found = read_sensors(tmp_path / name)
    assert (found.names, found.feature_names) == ([(tmp_path / name).stem], ["x"])
    assert_array_equal(found[0][:, 0], X)


def write_as_pandas_does(path, columns, index):
    polars = pytest.importorskip("polars")
    if not hasattr(polars, "read_parquet_metadata"):
        pytest.skip("this version of polars reads no notes")
    note = json.dumps({"index_columns": index})
    polars.DataFrame(columns).write_parquet(path, metadata={"pandas": note})
    return path


def test_index_of_pandas_in_parquet_is_no_feature(tmp_path):
    path = tmp_path / "a.parquet"
    rows = {"time": TIMES, "x": X}
    ids = np.arange(len(X)) * 7
    counted = {"kind": "range", "start": 0, "stop": len(X), "step": 1}
    for columns, index in (
        (rows | {"id": ids}, "id"),
        (rows | {"__index_level_0__": ids}, "__index_level_0__"),
        (rows, counted),
    ):
        found = read_sensors(write_as_pandas_does(path, columns, [index]))
        assert (found.feature_names, found.fps) == (["x"], [10])
    days = np.datetime64("2024-05-01") + (1000 * TIMES).astype("timedelta64[ms]")
    columns = {"x": X, "__index_level_0__": days}
    found = read_sensors(write_as_pandas_does(path, columns, ["__index_level_0__"]))
    assert (found.feature_names, found.fps) == (["x"], [10])


def test_row_73_folder_is_no_parquet(tmp_path):
    polars = pytest.importorskip("polars")
    (tmp_path / "a.parquet").mkdir()
    polars.DataFrame({"x": X}).write_parquet(tmp_path / "a.parquet" / "b.parquet")
    with pytest.raises(OSError, match=r"could not be read: .*a\.parquet'"):
        read_sensors([tmp_path / "a.parquet"])


def test_what_reads_parquet_is_named_where_it_is_missing(tmp_path, monkeypatch):
    pytest.importorskip("pandas")
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    for library in ("polars", "pyarrow", "fastparquet"):
        monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ImportError, match=r'polars is needed .* "skvas\[io\]"'):
        read_sensors(tmp_path)


@pytest.mark.parametrize("unit", ["ns", "us", "ms"])
@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_durations_of_data_frames_are_times(library, unit):
    make = pytest.importorskip(library).DataFrame
    times = (np.arange(50) * 2 * np.timedelta64(1, "s")).astype(f"timedelta64[{unit}]")
    found = read_sensors(make({"time": times, "x": X}))
    assert (found.fps, found.feature_names) == ([0.5], ["x"])


def test_names_of_columns_of_data_frames_may_be_numbers():
    pandas = pytest.importorskip("pandas")
    found = read_sensors(pandas.DataFrame(np.column_stack([X, -X])), fps=10)
    assert found.feature_names == ["0", "1"]
    assert_array_equal(found[0], np.column_stack([X, -X]))


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_arrays_in_the_cells_of_a_data_frame_are_no_numbers(library):
    make = pytest.importorskip(library).DataFrame
    cells = [np.array([1.0, 2.0])] * 50
    found = read_sensors(make({"time": TIMES, "x": X, "patch": cells}))
    assert (found.feature_names, found.notes) == (["x"], ["left out: patch"])


@pytest.mark.parametrize("zone", [None, "Europe/Berlin"])
def test_times_may_be_the_index_of_a_data_frame(zone):
    pandas = pytest.importorskip("pandas")
    dates = pandas.Timestamp("2024-05-01 12:00", tz=zone) + pandas.to_timedelta(
        TIMES, "s"
    )
    who = pandas.MultiIndex.from_arrays([[1] * 50, TIMES], names=["who", "time"])
    numbers = pandas.Index(TIMES, name="time")
    for index in (dates, dates.rename("at"), dates - dates[0], numbers, who):
        found = read_sensors(pandas.DataFrame({"x": X}, index=index))
        assert (found.fps, found.feature_names) == ([10], ["x"])
    beside = pandas.DataFrame({"time": TIMES, "x": X}, index=dates.rename("time"))
    assert read_sensors(beside).feature_names == ["x"]


def test_an_index_without_times_is_no_feature():
    pandas = pytest.importorskip("pandas")
    for index in (None, range(50, 100), np.arange(50) % 7):
        frame = pandas.DataFrame({"x": X}, index=index)
        assert read_sensors(frame, fps=10).notes == []
        found = read_sensors(frame.rename_axis("trial"), fps=10)
        assert (found.feature_names, found.notes) == (["x"], ["left out: trial"])


@pytest.mark.parametrize("names", [["x", "x"], [1, "1"]])
def test_row_73_columns_of_one_name_are_refused(names):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(np.column_stack([X, X]), columns=names)
    with pytest.raises(ValueError, match=f"has the column '{names[0]}' twice; rename"):
        read_sensors(frame, fps=10)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a,b\n1,2\n,\n3,4\n5,6\n,\n\n", [[1, 2], [np.nan] * 2, [3, 4], [5, 6]]),
        (";\na;b\n1;2\n ; \n\n3;4\n;\n", [[1, 2], [np.nan] * 2, [3, 4]]),
        ("index,a\n0,1\n,\n2,3\n", [[1], [np.nan], [3]]),
        ("\na\n1\n\n3\n\n\n", [[1], [np.nan], [3]]),
        ("a\r\r\n1\r\r\n\r\r\n3\r\r\n", [[1], [np.nan], [3]]),
        ("# a\n\n1\n\n3\n", [[1], [np.nan], [3]]),
        ("a,b\n1,2\n\n3,4\n", [[1, 2], [3, 4]]),
    ],
)
def test_rows_without_values_are_gaps(tmp_path, text, expected):
    (tmp_path / "a.csv").write_bytes(text.encode())
    found = read_sensors(tmp_path, fps=10, max_gap=0)
    assert_array_equal(found[0], expected)
    notes = [note for note in found.notes if "left out" not in note]
    gaps = int(np.isnan(expected).any(axis=1).sum())
    assert notes == [f"{gaps} frames have gaps, marked as NaN"] * (gaps > 0)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_data_frames_and_parquet(library, tmp_path):
    make = pytest.importorskip(library).DataFrame
    frame = make({"time": TIMES, "x": X, "who": ["anna"] * 50})
    found = read_sensors({"anna": frame, "ben": frame})
    assert (found.names, found.fps) == (["anna", "ben"], [10, 10])
    assert read_sensors([frame]).names == ["recording 0"]
    if library == "polars":
        frame.write_parquet(tmp_path / "a.parquet")
        assert_allclose(read_sensors(tmp_path)[0][:, 0], X)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "it is empty"),
        (",\n,\n", "it is empty"),
        ('time,x\n0.1,1\n0.2,"2\n0.3,3\n', r"a\.csv' .*line 3 .*mark not closed"),
        ('time,x\n0.1,"1\n0.2,2\n0.3,"3\n', r"a\.csv' .*line 2 .*mark not closed"),
        (f"time,x\n0.1,{'1' * 200_000}\n", r"a\.csv' .*line 2 .*field limit"),
        (f"# time,x\n0.1,{'1' * 200_000}\n", r"a\.csv' .*field limit"),
        ("time,x\n", "no rows"),
        ("time,x\n1,2\n3\n", "line 3 has 1 cells and the first 2"),
        ("x,x\n1,2\n", "'x' twice"),
        ("time,name\n0.1,a\n0.2,b\n", "no column of numbers"),
        (
            "time,x\n0.3,1\n0.2,2\n0.1,3\n",
            r"do not rise, first at line 3 of 'a\.csv'; .*time=None with fps=; "
            "in a shell, --time none --fps",
        ),
    ],
)
def test_row_73_what_is_no_table_is_refused_by_name(tmp_path, text, message):
    write(tmp_path / "a.csv", text)
    with pytest.raises(ValueError, match=r"recording 'a': .*" + message):
        read_sensors(tmp_path)


@pytest.mark.parametrize("read", [read_sensors, read_recordings])
def test_an_empty_list_has_no_recordings(read):
    with pytest.raises(ValueError, match="to read: the list is empty"):
        read([])


@pytest.mark.parametrize("read", [read_sensors, read_poses])
def test_an_empty_dict_has_no_recordings(read):
    with pytest.raises(ValueError, match="to read: the dict is empty"):
        read({})


def test_corrections_beside_tables_are_no_recording(tmp_path):
    write(tmp_path / "walk.csv", table(TIMES, X))
    saved = '{"format": "skvas corrections", "version": 1, "videos": []}'
    write(tmp_path / "corrections.json", saved)
    found = read_recordings(tmp_path)
    assert (found.names, found.notes) == (["walk"], [])


def test_missing_files_columns_and_folders_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        read_sensors(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match=r"no tables: .*\.csv"):
        read_sensors(tmp_path)
    file = write(tmp_path / "a.csv", table(TIMES, X))
    for options in ({"time": "when"}, {"columns": ["z"]}, {"labels": "label"}):
        with pytest.raises(ValueError, match=r"no column '\w+'; it has 'time', 'x'"):
            read_sensors(file, **options)


@pytest.mark.skipif(data_folder() is None, reason="no real data")
def test_files_of_a_phone(real_data):
    found = read_sensors(real_data / "tug_sensors" / "raw_csv", fps=25, labels="label")
    assert found.names[0] == "s01_01_sp"
    assert found.notes == [
        "485 of 6058 rows have the time of the row before: averaged",
        "5 of 5 resampled to 25 frames a second",
    ]
    assert found.feature_names == [f"{a}_{b}" for b in ("acc", "gyro") for a in "xyz"]
    assert found.action_names[0] == "SEATED"
    assert [len(v) for v in found] == [len(y) for y in found.labels]
    assert all(np.isfinite(video).all() for video in found)


def test_letters_of_another_encoding_are_told_with_the_remedy(tmp_path):
    file = tmp_path / "r.csv"
    file.write_text("Zeit;größe\n0;1,5\n1;2,5\n", encoding="cp1252")
    with pytest.raises(ValueError, match=r"r\.csv.*not utf-8 text.*; save it as UTF-8"):
        read_sensors(file)


def test_few_samples_of_an_even_clock_may_become_many_frames(tmp_path):
    rows = [f"{60 * i},{i}" for i in range(4)]
    (tmp_path / "walk.csv").write_text("\n".join(["time,x", *rows]))
    found = read_sensors(tmp_path, fps=25, max_gap=120, time_unit="s")
    assert len(found[0]) == 180 * 25 + 1


def test_row_73_even_times_far_apart_do_not_fill_the_memory(tmp_path):
    write(tmp_path / "a.csv", table(np.arange(200) / 1000, np.arange(200)))
    write(tmp_path / "b.csv", "time_s,x\n0,1\n4e9,2\n8e9,3\n")
    with pytest.raises(ValueError, match="'b': 3 samples would be .* lower fps"):
        read_sensors(tmp_path)
    write(tmp_path / "b.csv", "time_s,x\n0,1\n60,2\n120,3\n")
    assert len(read_sensors(tmp_path, fps=1000)[1]) == 120_001


def test_row_73_times_too_close_for_a_rate_are_told(tmp_path):
    write(tmp_path / "a.csv", "time_s,x\n0,1\n1e-310,2\n2e-310,3\n")
    with pytest.raises(ValueError, match="'a': its usual step of 1e-310 s is too"):
        read_sensors(tmp_path)


def test_clock_that_jumps_is_refused_by_name(tmp_path):
    rows = [f"{0.1 * i:g},{i}" for i in range(50)] + ["1657534648,50"]
    (tmp_path / "walk.csv").write_text("\n".join(["time,x", *rows]))
    with pytest.raises(ValueError, match="'walk': 51 samples would be .* after 50 sam"):
        read_sensors(tmp_path)


@pytest.mark.parametrize("mark", [",", " "])
def test_garbage_collector_does_not_look_at_rows_of_a_table(mark):
    _, _, rows = _columns._split(table(TIMES, X, mark=mark))
    gc.collect()
    assert not any(map(gc.is_tracked, rows))


def timed(rate, n_rows, start=0.0):
    times = start + np.arange(n_rows) / rate
    return pd.DataFrame({"time_s": times, "x": np.sin(times), "trial": start})


@pytest.mark.parametrize(("rate", "is_told"), [(1, True), (4, True), (6, False)])
def test_rates_that_differ_much_are_told_where_their_median_is_taken(rate, is_told):
    tables = {"quick": timed(10, 300), "slow": timed(rate, 30)}
    note = f"from {rate} a second ('slow') to 10 ('quick')"
    assert any(note in n for n in read_sensors(tables).notes) == is_told
    assert not any("differ" in n for n in read_sensors(tables, fps=10).notes)


def test_rows_of_one_time_are_averaged_and_it_is_said():
    table = timed(10, 100)
    table.loc[50:52, "time_s"] = table["time_s"][50]
    table.loc[50:52, "x"] = [1.0, 2.0, 6.0]
    found = read_sensors({"a": table}, fps=10, columns="x")
    assert found[0][50] == pytest.approx(3)
    assert "2 of 100 rows have the time of the row before: averaged" in found.notes
    assert not any("time of the row" in n for n in read_sensors([timed(10, 100)]).notes)
    twice = pd.concat([timed(10, 100)] * 2).sort_values("time_s")
    notes = read_sensors({"a": twice}).notes
    assert any("100 of 200 rows" in n and "of several sensors" in n for n in notes)


@pytest.mark.parametrize("column", ["trial", None])
def test_pauses_that_part_recordings_are_told(column):
    parts = [timed(10, 300, start) for start in (0.0, 600.0, 900.0)]
    table = pd.concat(parts).drop(columns=[] if column else "trial")
    (note,) = (n for n in read_sensors({"a": table}).notes if "pauses" in n)
    assert "'a' has 2 pauses, with 90% of the time, the longest of 570.1 s" in note
    assert "after row 300; " in note
    assert ("cut it there, where column 'trial' changes" in note) == bool(column)
    days = pd.concat([timed(10, 300), timed(10, 300, 86400.0 * 3)])
    with pytest.raises(ValueError, match="wrong time out.* It has one pause, .*cut it"):
        read_sensors({"a": days})


def test_lost_samples_and_rare_events_are_no_pauses_between_recordings():
    rng = np.random.default_rng(0)
    times = np.arange(5000) / 20
    lost = times
    for start in rng.uniform(0, 250, 30):
        lost = lost[(lost < start) | (lost > start + rng.uniform(0, 5))]
    events = np.cumsum(np.exp(2 * rng.normal(size=2000)))  # a few have most of the time
    one = times[(times < 100) | (times > 200)]  # not most of the time
    bursts = (np.arange(200)[:, None] * 60 + np.arange(5) / 50).ravel()
    for found in (times, lost, events, one, bursts):
        assert not len(find_pauses(found, 1.0))
    assert find_pauses(times[(times < 90) | (times > 230)], 1.0).tolist() == [1799]


@pytest.mark.parametrize("zone", ["Z", " UTC", " gmt", " +0200", "+02:00"])
def test_zones_behind_a_time_are_read(tmp_path, zone):
    rows = [f"2024-05-01 12:00:00.{k}{zone},{k}" for k in range(3)]
    (tmp_path / "a.csv").write_text("\n".join(["time,x", *rows]))
    assert read_sensors(tmp_path).fps == [10]


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ("1.234,5;1.235,5;1,5", "line 2.*'1.234,5' is no number. .*points between"),
        ("1,5;1.234.567,8;1.234.568,0", "line 3.*points between thousands"),
        ('"1,234.5";"1,235.5";1.5', "line 2.*without other commas"),
    ],
)
def test_numbers_with_marks_between_thousands_are_not_left_out(tmp_path, cells, reason):
    rows = [f"{k};{cell}" for k, cell in enumerate(cells.split(";"))]
    (tmp_path / "a.csv").write_text("\n".join(["x;force", *rows]))
    with pytest.raises(ValueError, match=reason):
        read_sensors(tmp_path)
    found = read_sensors(tmp_path, columns="x")
    assert found.feature_names == ["x"]
