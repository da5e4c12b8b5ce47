"""The table of segments: what it refuses, and its ways from and to labels of frames."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skvas.io import SegmentTable, TimedSegment
from tests.models import Counted


def table(*rows, video="a"):
    return SegmentTable(TimedSegment(video, *row) for row in rows)


@pytest.mark.parametrize(
    ("start", "end"),
    [(1, 1), (2, 1), (-1, 1), (0, np.inf), (np.nan, 1), (0, np.nan), (-2, -1)],
)
def test_row_51_segment_refuses_times_out_of_order(start, end):
    with pytest.raises(ValueError, match="0 <= start < end"):
        TimedSegment("a", start, end, "pour")


@pytest.mark.parametrize(
    "arguments",
    [(1, 0, 1, "x"), ("a", "0", 1, "x"), ("a", 0, True, "x"), ("a", 0, 1, 3)],
)
def test_segment_refuses_other_types(arguments):
    with pytest.raises(TypeError, match="must be"):
        TimedSegment(*arguments)


def test_segment_refuses_half_of_a_surrogate_pair():
    with pytest.raises(ValueError, match="surrogate"):
        TimedSegment("a", 0, 1, "x\ud800")


def test_segments_are_found_by_video_in_one_pass():
    names = [Counted(f"v{i}") for i in range(30)]
    found = SegmentTable(TimedSegment(n, s, s + 1, n) for n in names for s in range(3))
    Counted.n = 0
    for name in names:
        assert set(found.to_labels(name, fps=1)) == {name}
    assert found.videos == names
    assert Counted.n <= 6 * len(found.segments)


def test_segment_keeps_plain_floats():
    segment = TimedSegment("a", np.float32(0.5), np.int64(2), "x")
    assert (type(segment.start), type(segment.end)) == (float, float)
    assert str(TimedSegment("a", -0.0, 1, "x").start) == "0.0"


def test_row_51_table_refuses_overlap_and_names_both():
    with pytest.raises(ValueError, match=r"'a' overlap: 'stir'.*'pour'"):
        table((1, 3, "pour"), (0, 1.5, "stir"))


def test_segments_of_different_videos_may_overlap():
    rows = [TimedSegment("a", 0, 2, "x"), TimedSegment("b", 1, 3, "x")]
    assert len(SegmentTable(rows)) == 2


def test_table_refuses_what_is_no_segment():
    with pytest.raises(TypeError, match="TimedSegment"):
        SegmentTable([("a", 0, 1, "x")])


def test_table_keeps_order_of_videos_and_of_time():
    rows = [
        TimedSegment("b", 5, 6, "z"),
        TimedSegment("a", 0, 1, "x"),
        TimedSegment("b", 0, 1, "y"),
    ]
    found = SegmentTable(rows)
    assert [row.label for row in found] == ["y", "z", "x"]
    assert found.videos == ["b", "a"]
    assert found == SegmentTable(found)


labels = st.lists(st.sampled_from(["a", "b", "", "Ω"]), min_size=1, max_size=30)


@given(labels, st.floats(0.01, 1000))
def test_labels_survive_the_way_to_segments_and_back(labels, fps):
    found = SegmentTable.from_labels(labels, "v", fps=fps)
    assert found.to_labels("v", fps=fps).tolist() == labels
    runs = 1 + sum(a != b for a, b in zip(labels, labels[1:], strict=False))
    assert len(found) == runs


@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.floats(0.01, 9)), min_size=2, max_size=20
    ),
    st.floats(0, 10),
)
def test_labels_of_variable_frame_rate_survive(frames, offset):
    labels = [label for label, _ in frames]
    times = offset + np.cumsum([step for _, step in frames])
    found = SegmentTable.from_labels(labels, "v", times=times)
    assert found.to_labels("v", times=times).tolist() == labels
    assert found.segments[0].start == times[0]
    assert found.segments[-1].end == pytest.approx(
        times[-1] + np.median(np.diff(times))
    )


@given(st.floats(1, 120), st.data())
def test_times_rounded_to_milliseconds_keep_the_labels(fps, data):
    expected = data.draw(labels)
    found = SegmentTable.from_labels(expected, "v", fps=fps)
    rounded = SegmentTable(
        TimedSegment(r.video, round(r.start, 3), round(r.end, 3), r.label)
        for r in found
    )
    assert rounded.to_labels("v", fps=fps).tolist() == expected


def test_numbers_get_names_and_negative_ones_become_gaps():
    found = SegmentTable.from_labels(
        [[-1, 0, 0, -1, 1], [1]], ["u", "v"], fps=1, action_names=["cut", "mix"]
    )
    assert [(r.video, r.start, r.end, r.label) for r in found] == [
        ("u", 1, 3, "cut"),
        ("u", 4, 5, "mix"),
        ("v", 0, 1, "mix"),
    ]
    spelled = found.to_labels("u", fps=1, n_frames=6, fill="-")
    assert spelled.tolist() == ["-", "cut", "cut", "-", "mix", "-"]


def test_object_array_of_labels_is_many_videos():
    many = np.empty(2, dtype=object)
    many[:] = [np.array([0, 1]), np.array([2, 2])]
    assert SegmentTable.from_labels(many, ["u", "v"], fps=1).videos == ["u", "v"]


def test_gap_without_fill_names_the_frame():
    with pytest.raises(ValueError, match="frame 2 of video 'a'"):
        table((0, 2, "x"), (3, 4, "y")).to_labels("a", fps=1)


def test_number_without_a_name_is_refused():
    with pytest.raises(ValueError, match="only 1 names"):
        SegmentTable.from_labels([0, 1], "v", fps=1, action_names=["cut"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "either fps"),
        ({"fps": 1, "times": [0, 1]}, "either fps"),
        ({"fps": 0}, "fps must be"),
        ({"times": []}, "one for each of"),
        ({"times": [1, 0]}, "rising"),
        ({"times": [0, np.nan]}, "rising"),
    ],
)
def test_frame_rate_and_times_must_make_sense(options, message):
    with pytest.raises(ValueError, match=message):
        SegmentTable.from_labels(["x", "y"], "v", **options)
    if "times" not in options:
        options = options | {"n_frames": 2}
    with pytest.raises(ValueError, match=message):
        table((0, 2, "x")).to_labels("a", **options)


@pytest.mark.parametrize(
    ("names", "options"),
    [("u", {"fps": 1}), (["u"], {"fps": 1}), (["u", "v"], {"times": [[0, 1]]})],
)
def test_numbers_of_names_and_videos_must_agree(names, options):
    with pytest.raises(ValueError, match="each of 2"):
        SegmentTable.from_labels([[0, 1], [1, 1, 1]], names, **options)


def test_a_lone_frame_with_a_time_lasts_a_second():
    table = SegmentTable.from_labels(["x"], "v", times=[2.0])
    assert table.segments == (TimedSegment("v", 2, 3, "x"),)
    assert table.to_labels("v", times=[2.0]).tolist() == ["x"]
    with pytest.raises(ValueError, match="rising"):
        SegmentTable.from_labels(["x"], "v", times=[np.nan])


def test_times_must_be_one_for_each_frame():
    with pytest.raises(ValueError, match=r"each of 2 frames.*\(3,\)"):
        SegmentTable.from_labels(["x", "y"], "v", times=[0, 1, 2])


def test_names_must_differ():
    with pytest.raises(ValueError, match="differ"):
        SegmentTable.from_labels([[0], [1]], ["u", "u"], fps=1)


def test_unknown_video_is_named_with_those_there_are():
    with pytest.raises(KeyError, match="'b'.*'a'"):
        table((0, 1, "x")).to_labels("b", fps=1)


@pytest.mark.parametrize("package", ["pandas", "polars"])
def test_data_frame_becomes_the_table_it_was_made_of(package):
    frames = pytest.importorskip(package)
    rows = table((0, 2, "x"), (2.5, 3, "y"))
    frame = frames.DataFrame(
        {
            "End": [3, 2],
            "note": [None, "hm"],
            "action": ["y", "x"],
            " start": [2.5, 0.0],
            "recording": ["a", "a"],
        }
    )
    assert SegmentTable.from_frame(frame) == rows
    alone = frame[["End", "action", " start"]]
    assert SegmentTable.from_frame(alone, "a") == rows
    assert len(SegmentTable.from_frame(frame[:0])) == 0


def test_data_frames_of_tables_and_models_are_read():
    pandas = pytest.importorskip("pandas")
    rows = SegmentTable([*table((0, 2, "x")), *table((0, 2.5, "y"), video="b")])
    assert SegmentTable.from_frame(rows.to_frame()) == rows
    records = [dict(recording="a", start=0, end=15, frames=15, action="x")]
    frame = pandas.DataFrame(records)
    with pytest.raises(ValueError, match="its times are frames"):
        SegmentTable.from_frame(frame)


@pytest.mark.parametrize("package", ["pandas", "polars"])
def test_cells_of_data_frames_are_read_as_they_are_meant(package):
    frames = pytest.importorskip(package)
    durations = np.array([0, 1500, 2000], dtype="m8[ms]")
    columns = {"video": [7, 7], "start": durations[:2], "end": durations[1:]}
    found = SegmentTable.from_frame(frames.DataFrame({**columns, "label": [3.0, None]}))
    # A missing label made the integer a float.
    assert [*found] == [TimedSegment("7", 0, 1.5, "3"), TimedSegment("7", 1.5, 2, "")]


@pytest.mark.parametrize(
    ("change", "error", "reason"),
    [
        ({"start": [0, None]}, ValueError, "row 2 of the data frame: start is missing"),
        ({"end": ["1,5", "2"]}, TypeError, "row 1 .* end must be a number .*'1,5'"),
        ({"end": np.array([1, 2], "M8[s]")}, TypeError, "row 1 .* from the start of"),
        ({"end": [1.0, 0.5]}, ValueError, "row 2 .* expected 0 <= start < end"),
        ({"end": [3, 4]}, ValueError, "'a' overlap"),
        ({"video": ["a", None]}, ValueError, "row 2 .* name of the video is missing"),
        ({"label": ["x", 1.5]}, TypeError, "row 2 .* text or an integer, got 1.5"),
        ({"Label": ["x", "y"]}, ValueError, "has the column label twice"),
    ],
)
def test_row_51_data_frames_that_hold_no_segments_are_refused(change, error, reason):
    pandas = pytest.importorskip("pandas")
    good = {"video": ["a", "a"], "start": [0, 1], "end": [1, 2], "label": ["x", "y"]}
    assert len(SegmentTable.from_frame(pandas.DataFrame(good))) == 2
    with pytest.raises(error, match=reason):
        SegmentTable.from_frame(pandas.DataFrame({**good, **change}))


def test_what_is_no_data_frame_of_segments_is_refused():
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame({"video": ["a"], "start": [0], "end": [1], "label": ["x"]})
    with pytest.raises(TypeError, match="collect"):
        SegmentTable.from_frame(frame.lazy())
    arrays = type("Table", (dict,), {"columns": [np.zeros(9)]})()  # as in pyarrow
    rows = [("a", 0, 1, "x")]
    for other in ("a.csv", rows, {"start": [0]}, frame.to_numpy(), arrays):
        with pytest.raises(TypeError, match="must be a data frame of pandas or polars"):
            SegmentTable.from_frame(other)
    with pytest.raises(ValueError, match="no column start, label; .*It has 'end'"):
        SegmentTable.from_frame(frame[["end"]], "a")
    with pytest.raises(ValueError, match="no column video; .*only video.* as video"):
        SegmentTable.from_frame(frame.drop("video"))
    with pytest.raises(ValueError, match="in the column 'video'; leave out video='b'"):
        SegmentTable.from_frame(frame, "b")


def test_data_frame_has_the_columns():
    pandas = pytest.importorskip("pandas")
    frame = table((0, 2, "x"), (2.5, 3, "y")).to_frame()
    expected = pandas.DataFrame(
        {
            "video": ["a", "a"],
            "start": [0.0, 2.5],
            "end": [2.0, 3.0],
            "label": ["x", "y"],
            "seconds": [2.0, 0.5],
        }
    )
    pandas.testing.assert_frame_equal(frame, expected)


def test_pyannote_annotation_has_all_segments():
    core = pytest.importorskip("pyannote.core")
    rows = [*table((0, 2, "x"), (2, 3, "a b")), *table((0, 1, "y"), video="b")]
    found = SegmentTable(rows).to_pyannote()
    assert list(found) == ["a", "b"]
    tracks = [(s, label) for s, _, label in found["a"].itertracks(yield_label=True)]
    assert tracks == [(core.Segment(0, 2), "x"), (core.Segment(2, 3), "a b")]


def test_a_video_without_labels_is_told_to_be_left_out():
    with pytest.raises(ValueError, match="video 1 has no labels"):
        SegmentTable.from_labels([["x", "y"], None], ["u", "v"], fps=1)
