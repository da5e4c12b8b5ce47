"""Labels of some frames in all their forms."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from skvas import Recordings
from skvas.exceptions import InvalidParameterError
from skvas.io import SegmentTable, TimedSegment, read_segments
from skvas.labels import frame_labels
from skvas.labels._known import Known
from skvas.labels._reading import COLUMNS, read_labels
from skvas.validation import is_single_video, list_videos

VIDEOS = [np.zeros((6, 2)), np.zeros((4, 2))]
SPELLED = [None, "pour", "pour", None, "stir", "stir"]
MASK = [1, 0, 0, 1, 0, 0]
ROWS = [(1, 3, "pour"), (4, 6, "stir")]


def read(y, videos=VIDEOS):
    lengths = [len(video) for video in list_videos(videos)]
    return read_labels(y, lengths, single=is_single_video(videos))


@pytest.mark.parametrize(
    "entry",
    [
        SPELLED,
        np.array(SPELLED, dtype=object),
        ["", "pour", "pour", float("nan"), "stir", "stir"],
        np.array(["", "pour", "pour", "", "stir", "stir"]),
        np.ma.array(["x", "pour", "pour", "x", "stir", "stir"], mask=MASK),
        ["", "pour", "pour", np.ma.masked, "stir", "stir"],
        [-1.0, "pour", "pour", np.float32(-1), "stir", "stir"],
        np.ma.array(SPELLED, dtype=object),
        pd.Series(SPELLED),
        pd.Series(["x", "pour", "pour", "x", "stir", "stir"]).replace("x", pd.NA),
        ROWS,
        [list(row) for row in ROWS],
        np.array(ROWS, dtype=object),
        pd.DataFrame(ROWS, columns=["start", "end", "label"]),
        pd.DataFrame(ROWS, columns=["start", "end", "label"]).assign(note="", by="me"),
        {1: "pour", 2: "pour", 4: "stir", 5: "stir"},
        [(1, "pour"), (2, "pour"), (4, "stir"), (5, "stir")],
    ],
)
def test_all_forms_say_the_same(entry):
    found = read([entry, None])
    assert found.names.tolist() == ["pour", "stir"]
    assert found.codes[0].tolist() == [-1, 0, 0, -1, 1, 1]
    assert found.codes[1].tolist() == [-1] * 4


def test_masked_texts_may_all_be_numbers():
    entry = np.ma.array(["x", "7", "7", "x", "3", "3"], mask=MASK)
    found = read([entry, None])
    assert found.names.tolist() == ["3", "7"]
    assert found.codes[0].tolist() == [-1, 1, 1, -1, 0, 0]


@pytest.mark.parametrize(
    "entry",
    [
        [-1, 7, 7, -1, 3, 3],
        np.array([-1, 7, 7, -1, 3, 3], dtype=np.int8),
        np.array([np.nan, 7, 7, -1, 3, 3]),
        [None, 7, 7.0, None, np.int64(3), 3],
        np.ma.array([0, 7, 7, 9, 3, 3], mask=MASK),
        np.ma.array([[1, 3, 7], [3, 4, 9], [4, 6, 3]], mask=np.eye(9)[5].reshape(3, 3)),
        [(1, 3, 7), (4, 6, 3)],
        np.array([(1, 3, 7), (4, 6, 3)]),
    ],
)
def test_integers_stay_integers(entry):
    found = read([entry, None])
    assert found.names.tolist() == [3, 7]
    assert found.names.dtype == np.int64
    assert found.codes[0].tolist() == [-1, 1, 1, -1, 0, 0]


def test_labels_that_were_given_count_and_timestamps_alone_are_spread():
    given = read([[0, 0, -1, 1, 1, -1], {0: 0, 3: 1}])
    assert given.is_stamped == [False, True]
    found = given.over([np.full(6, 2), np.full(4, 2)])
    assert [labels.tolist() for labels in found] == [[0, 0, 2, 1, 1, 2], [0, 2, 2, 1]]
    frames = [np.zeros((6, 2)), np.array([[0, 0], [0, 0], [9, 9], [9, 9]])]
    filled = given.filled(frames, [np.zeros(6), np.zeros(4)], 1.0)
    assert [codes.tolist() for codes in filled] == [[0, 0, -1, 1, 1, -1], [0, 0, 1, 1]]


def test_masked_labels_of_many_videos_stay_masked():
    y = np.ma.array([[1, 2, 3, 3], [3, 3, 2, 1]], mask=[[0, 1, 1, 1], [1, 1, 0, 0]])
    found = read(y, [VIDEOS[1]] * 2)
    assert found.names.tolist() == [1, 2]
    assert found.codes[0].tolist() == [0, -1, -1, -1]
    assert found.codes[1].tolist() == [-1, -1, 1, 0]
    alone = read(y[0], VIDEOS[1])
    assert alone.codes[0].tolist() == [0, -1, -1, -1]


def segments(video, rows):
    return SegmentTable(TimedSegment(video, *row) for row in rows)


def test_seconds_are_read_with_a_frame_rate():
    table = SegmentTable([TimedSegment("tea", 0.5, 1.5, "pour")])
    for entry in (table, [(0.5, 1.5, "pour")]):
        spelled = frame_labels([entry, None], VIDEOS, fps=2)
        assert spelled[0].tolist() == [None, "pour", "pour", None, None, None]
    stamped = frame_labels([{3.0: "end"}, None], VIDEOS, fps=2)
    assert stamped[0].tolist() == [None] * 5 + ["end"]


def test_seconds_are_those_of_each_recording():
    rows = [(0.5, 1.0, "pour")]
    two = Recordings(VIDEOS, ["tea", "milk"], fps=[2, 4])
    for entries in ([rows, rows], [segments("tea", rows), segments("milk", rows)]):
        for fps in ("recordings", [2, 4]):
            tea, milk = frame_labels(entries, two, fps=fps)
            assert tea.tolist() == [None, "pour", None, None, None, None]
            assert milk.tolist() == [None, None, "pour", "pour"]
    faster = frame_labels([rows, None], two, fps=4)[0]  # in place of what they know
    assert faster.tolist() == [None, None, "pour", "pour", None, None]


def test_seconds_are_held_against_the_times_of_frames():
    times = [[0, 0.1, 0.2, 1.0, 2.0, 3.0], [0, 1, 2, 3]]
    known = Recordings(VIDEOS, ["tea", "milk"], times=times)
    rows = [(0.14, 1.6, "pour"), (2.2, 4.0, "stir")]
    (spelled, _) = frame_labels([rows, None], known, fps="recordings")
    assert spelled.tolist() == [None, "pour", "pour", "pour", "stir", "stir"]
    stamps = [(0.16, "a"), (4.0, "b")]
    (spelled, _) = frame_labels([stamps, None], known, fps="recordings")
    assert spelled.tolist() == [None, None, "a", None, None, "b"]
    with pytest.raises(ValueError, match=r"not inside the 6 frames"):
        frame_labels([[(2.0, 4.6, "pour")], None], known, fps="recordings")


@pytest.mark.parametrize("mark", ["", "nan", "NaN", "NA", "<NA>", "null", "None"])
def test_rows_of_a_file_without_a_label_are_as_pandas_reads_them(mark, tmp_path):
    file = tmp_path / "tea.csv"
    file.write_text(f"start,end,label\n0,1,pour\n1,2,{mark}\n2,2.01,{mark}\n")
    tea = Recordings(VIDEOS[:1], ["tea"], fps=2)
    wanted = [["pour", "pour", None, None, None, None]]
    for y in ([read_segments(file)], read_segments(file)):
        assert [labels.tolist() for labels in frame_labels(y, tea)] == wanted
    spelled = frame_labels([pd.read_csv(file)[:2]], tea, fps=2)
    assert [labels.tolist() for labels in spelled] == wanted


def test_other_words_of_a_file_are_labels():
    rows = [(0, 1, "none"), (1, 2, "0"), (2, 2.5, "Na"), (2.5, 3, "-1")]
    spelled = frame_labels([segments("tea", rows), None], VIDEOS, fps=2)[0]
    assert spelled.tolist() == ["none", "none", "0", "0", "Na", None]


def test_table_of_all_recordings_is_split_by_their_names():
    known = Recordings(VIDEOS, ["tea", "milk"], fps=2)
    table = SegmentTable(
        [TimedSegment("milk", 0, 1, "pour"), TimedSegment("tea", 1, 2, "stir")]
    )
    found = read_labels(table, [6, 4], single=False, known=Known.of(known))
    assert found.names.tolist() == ["pour", "stir"]
    assert found.codes[0].tolist() == [-1, -1, 1, 1, -1, -1]
    assert found.codes[1].tolist() == [0, 0, -1, -1]
    spelled = frame_labels(table, known)
    assert spelled[1].tolist() == ["pour", "pour", None, None]
    with pytest.raises(ValueError, match="'milk', which is no name of a recording"):
        frame_labels(table, Recordings(VIDEOS, ["tea", "milk2"], fps=2))
    with pytest.raises(ValueError, match="an entry for each of the 2 videos"):
        frame_labels(table, VIDEOS, fps=2)


def test_names_are_found_however_systems_write_their_accents():
    one, apart = "\u00e9", "e\u0301"
    table = SegmentTable([TimedSegment(one, 0, 1, "a")])
    videos = Recordings([np.zeros((3, 1))] * 2, ["b", apart], fps=2)
    found = frame_labels(table, videos)
    assert [labels.tolist() for labels in found] == [[None] * 3, ["a", "a", None]]
    assert table.to_labels(apart, fps=2).tolist() == ["a", "a"]


def test_segments_of_another_recording_are_refused():
    known = Recordings(VIDEOS, ["tea", "milk"], fps=2)
    milk = segments("milk", [(0, 1, "pour")])
    with pytest.raises(ValueError, match="video 0: .* of 'milk', .* is 'tea'"):
        frame_labels([milk, None], known)
    other = segments("a name in another program", [(0, 1, "pour")])
    assert frame_labels([other, None], known)[0][0] == "pour"


@pytest.mark.parametrize(
    ("fps", "message"),
    [
        ([2], "fps has 1 rates for 2 videos"),
        ([2, 0], r"fps\[1\] must be a number of frames"),
        ("recordings", "needs Recordings that know the rate"),
    ],
)
def test_rates_that_are_not_there_are_refused(fps, message):
    for videos in (VIDEOS, Recordings(VIDEOS)):
        with pytest.raises(InvalidParameterError, match=message):
            frame_labels([None, None], videos, fps=fps)


def test_rate_of_a_table_of_segments_must_be_known():
    table = segments("tea", [(0, 1, "pour")])
    for videos in (VIDEOS, Recordings(VIDEOS)):
        with pytest.raises(ValueError, match=r"video 0: .*give Recordings\("):
            frame_labels([table, None], videos)


def test_segments_between_frames_have_as_many_frames_as_they_are_long():
    rows = [(0.25, 0.75, "a"), (0.75, 1.25, "b"), (1.25, 1.75, "c"), (1.75, 2.75, "d")]
    table = SegmentTable(TimedSegment("tea", *row) for row in rows)
    for entry in (rows, table):
        spelled = frame_labels([entry, None], VIDEOS, fps=2)
        assert spelled[0].tolist() == ["a", "b", "c", "d", "d", None]


@pytest.mark.parametrize("times", [(1, 1.2), (2, 3.3)])
def test_refused_segments_in_seconds_name_the_frame_rate(times):
    with pytest.raises(ValueError, match=r"video 0: .*the 6 frames at 2 a second"):
        frame_labels([[(*times, "pour")], None], VIDEOS, fps=2)


def test_segments_behind_the_end_are_refused():
    rows = [TimedSegment("tea", 0.5, 1.5, "pour"), TimedSegment("tea", 2, 3.4, "stir")]
    spelled = frame_labels([SegmentTable(rows), None], VIDEOS, fps=2)
    assert spelled[0].tolist() == [None, "pour", "pour", None, "stir", "stir"]
    for late in (TimedSegment("tea", 2, 4, "stir"), TimedSegment("tea", 8, 9, "sip")):
        table = SegmentTable([rows[0], late])
        with pytest.raises(
            ValueError, match="video 0: .*not inside .* goes from 0 to 3 s"
        ):
            frame_labels([table, None], VIDEOS, fps=2)


def test_one_video_has_its_entry_alone():
    (spelled,) = frame_labels({1: "a"}, VIDEOS[0])
    assert spelled.tolist() == [None, "a", None, None, None, None]


@pytest.mark.parametrize(
    "entry",
    [
        [],
        (),
        {},
        np.empty((0, 3)),
        pd.DataFrame(columns=["start", "end", "label"]),
        SegmentTable([]),
    ],
)
def test_an_empty_table_has_no_labels(entry):
    assert len(read([entry, [-1] * 4]).names) == 0
    assert frame_labels(entry, VIDEOS[0])[0].tolist() == [None] * 6


@pytest.mark.parametrize("none", [None, -1, "", float("nan")])
def test_row_without_a_label_takes_none_from_another(none):
    rows = [(0, 6, none), (1, 3, "pour"), (4, 6, "stir")]
    for entry in (rows, rows[::-1], pd.DataFrame(rows[::-1], columns=COLUMNS)):
        assert frame_labels(entry, VIDEOS[0])[0].tolist() == SPELLED
    assert frame_labels([(1, "pour"), (1, none)], VIDEOS[0])[0][1] == "pour"


def test_nothing_labelled_has_no_names():
    assert len(read([None, [-1] * 4]).names) == 0


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ([0, 1], "one label for each of the 6 frames"),
        (np.empty(0), "one label for each of the 6 frames"),
        ([[0, 1, 2, 3]], "rows of \\[4\\] entries.*in a list: fit"),
        ([0.5, 1, 1, 1, 1, 1], "integers or strings"),
        ([(1,), (2, 3)], "rows of"),
        ([object()] * 6, "integers or strings"),
        ([b"a"] * 6, "integers or strings"),
        ("aaaaa", "the text 'aaaaa'"),
        ([(0.5, 2, "a")], "no whole frame.*fps"),
        (
            [(0.0, 2.0, "a")],
            r"0\.0 may be a frame or a second: .*integers.*fps",
        ),
        ([(0, 2.0, "a")], r"2\.0 may be a frame or a second"),
        ({2.0: "a"}, r"2\.0 may be a frame or a second"),
        (np.array([[0, 2.0, 1]]), "may be a frame or a second"),
        (
            pd.DataFrame({"start": [0.0], "end": [2.0], "label": ["a"]}),
            "may be a frame or a second",
        ),
        ([(np.float64(0.5), 2, "a")], "(?<!np.float64.)0.5 is no whole frame"),
        ([(3, 3, "a")], "empty"),
        ([(3, 7, "a")], "not inside the 6 frames"),
        ([(0, 3, "a"), (2, 4, "b")], "frame 2 has two labels, 'a' and 'b'"),
        ({6: "a"}, "not inside the 6 frames"),
        ([(1, "a"), (1, "b")], "frame 1 has two labels"),
        ({"1": "a"}, "a number as a time"),
        (pd.DataFrame({"start": [0], "end": [2]}), "label is missing"),
        (
            pd.DataFrame([(0, 2, "a", "b")], columns=[*COLUMNS, "label"]),
            "label .* twice",
        ),
        (SegmentTable([TimedSegment("v", 0, 1, "a")]), "is in seconds"),
        (np.full(6, 2**63, dtype=np.uint64), "9223372036854775808 is too large"),
        ([-(2**63) - 1] * 6, "too large"),
        ([1e30] * 6, "too large"),
        (np.ma.array(np.arange(5), mask=True), "one label for each of the 6 frames"),
        (np.ma.array([[1, 3, 7]], mask=[[1, 0, 0]]), "a number as a time"),
        (["a", "a", "a", "a", "a", "b" * 1001], "at most 1000 characters"),
        (["a", "a", "a", "\ud800", None, None], "no valid text"),
        (["a", "a", "a", "a", "a", "b"], "'b' has one frame alone"),
    ],
)
def test_row_68_bad_labels_are_one_value_error_that_names_the_video(entry, reason):
    with pytest.raises(ValueError, match=f"^video 1: .*{reason}"):
        read([None, entry], [VIDEOS[1], VIDEOS[0]])


@pytest.mark.parametrize("nothing", [None, np.nan, float("nan")])
def test_a_video_may_be_without_labels_in_any_way(nothing):
    found = frame_labels(pd.Series([["a", "a"], nothing]), [np.ones((2, 1))] * 2)
    assert found[1].tolist() == [None, None]


@pytest.mark.parametrize("missing", [np.nan, -1, "None", "NaT"])
def test_row_68_texts_of_what_is_missing_are_refused(missing):
    labels = np.array(["a", "a", missing])
    assert labels.dtype.kind == "U"
    with pytest.raises(ValueError, match="^video 0: '.*' is a text here, not a miss"):
        frame_labels([labels], [np.ones((3, 1))])
    numbers = frame_labels([np.array(["1", "-1", "2"])], [np.ones((3, 1))])
    assert numbers[0].tolist() == ["1", "-1", "2"]


def test_one_frame_that_stands_by_itself_is_no_slip():
    labels = np.full(12, None, dtype=object)
    labels[:8], labels[9] = "a", "b"
    assert read(labels, np.ones((12, 2))).names.tolist() == ["a", "b"]
    for slip in (8, 4):
        labels[8:] = None
        labels[slip] = "b"
        with pytest.raises(ValueError, match="'b' has one frame alone"):
            read(labels, np.ones((12, 2)))


def test_row_68_rows_of_texts_are_refused_with_the_way_out():
    rows = np.array([(0, 2, "pour"), (2, 3, "stir")])
    with pytest.raises(ValueError, match="got '0'; an array that has texts has no num"):
        frame_labels([rows], [np.ones((3, 1))])


def test_labels_of_files_are_spelled_out(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((4, 2)))
    found = frame_labels([[(0, 1, "x")]], [tmp_path / "a.npy"], fps=2)
    assert found[0].tolist() == ["x", "x", None, None]


def test_row_68_labels_of_other_numbers_of_videos_are_refused():
    with pytest.raises(ValueError, match="each of the 2 videos, got 1"):
        read([SPELLED])
    with pytest.raises(ValueError, match="one dict for all"):
        read({1: "a"})
    with pytest.raises(ValueError, match="one int for all"):
        read(3)
    with pytest.raises(ValueError, match="one DataFrame for all; .*from_frame"):
        read(pd.DataFrame(ROWS, columns=COLUMNS))
    with pytest.raises(ValueError, match="one NoneType for all"):
        frame_labels(None, VIDEOS)


@pytest.mark.parametrize("fps", [0, -2, float("nan"), "25"])
def test_row_68_odd_frame_rates_are_refused(fps):
    with pytest.raises(ValueError, match="^fps must be a number of frames"):
        frame_labels([[(0, 1, "a")], None], VIDEOS, fps=fps)


def test_row_68_integers_and_strings_do_not_mix():
    told = "mixes integers and strings, such as 'a' in video 0 and 1 in video "
    with pytest.raises(ValueError, match=f"{told}1; give"):
        read([["a"] * 6, [1] * 4])
    with pytest.raises(ValueError, match=f"{told}0; give"):
        read([["a", "a", 1, 1, 1, 1], None])
    with pytest.raises(ValueError, match="such as 1 and 'a'; give"):
        read_labels([(0, 2, 1), (3, 4, "a")], [6], single=True)


def test_timestamps_are_told_by_their_form():
    assert read([{1: "a"}, None]).is_stamped == [True, False]
    assert read([[(1, "a")], [(0, 2, "a")]]).is_stamped == [True, False]
    assert read([[None, "a", None, None, None, None], None]).is_stamped[0] is False


def test_class_of_one_frame_may_be_a_timestamp():
    assert read([{1: "a", 3: "b"}, ["a"] * 4]).names.tolist() == ["a", "b"]


def test_actions_without_a_label_are_named_after_the_others():
    names = read([SPELLED, None]).action_names(4)
    assert names.tolist() == ["pour", "stir", "action 2", "action 3"]
    assert read([[7, 7, 3, 3, 3, 3], None]).action_names(4).tolist() == [3, 7, 8, 9]
    most = 2**63 - 1
    beside = read([[most, most, 0, 0, most - 1, most - 1], None]).action_names(5)
    assert beside.tolist() == [0, most - 1, most, 1, 2]
    taken = read([["action 1"] * 6, None]).action_names(2)
    assert taken.tolist() == ["action 1", "action 1'"]


def test_given_labels_replace_found_ones():
    found = [np.zeros(6, int), np.ones(4, int)]
    merged = read([SPELLED, None]).over(found)
    assert merged[0].tolist() == [0, 0, 0, 0, 1, 1]
    assert merged[1].tolist() == [1] * 4


def test_times_before_a_recording_are_refused():
    times = [100 + np.arange(6.0), 100 + np.arange(4.0)]
    known = Recordings(VIDEOS, ["tea", "milk"], times=times)
    early = segments("tea", [(0, 2, "pour")])
    for y in (early, [early, None]):
        with pytest.raises(ValueError, match="video 0: .*is not inside the video"):
            frame_labels(y, known)
    for rows in ([(0.0, 101.0, "pour")], [(50.0, "pour")]):
        with pytest.raises(ValueError, match="video 0: .*not inside the 6 frames"):
            frame_labels([rows, None], known, fps="recordings")
    (spelled, _) = frame_labels([[(99.6, 101, "pour")], None], known, fps="recordings")
    assert spelled[0] == "pour"


def test_a_segment_that_labels_no_frame_is_refused():
    known = Recordings(VIDEOS, ["tea", "milk"], fps=1)
    rows = [(0, 2, "pour"), (2.6, 3.4, "tap"), (4, 6, "stir")]
    for given, fps in ((segments("tea", rows), None), (rows, "recordings")):
        with pytest.raises(ValueError, match="video 0: .*'tap'.*shorter than a frame"):
            frame_labels([given, None], known, fps=fps)
