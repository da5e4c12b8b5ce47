"""Files of segments: exact round trips or a clear refusal, and hostile input."""

from __future__ import annotations

import codecs
import contextlib
import errno
import json
import os
import re
import struct
import time
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from skvas.datasets import load_folder
from skvas.io import SegmentTable, TimedSegment, read_segments, write_segments

ONE_VIDEO = ["eaf", "textgrid", "srt", "vtt", "txt"]
FORMATS = ["csv", "json", *ONE_VIDEO]


def rate(form):
    """Return the options of a format: only the ground truth counts in frames."""
    return {"fps": 10} if form == "txt" else {}


def round_trip(table, folder, form):
    file = Path(folder, f"v.{form}")
    write_segments(table, file, **rate(form))
    return read_segments(file, **rate(form))


def rows(labels, steps, *, gaps=False):
    """Lay labels out one after another, each `step` tenths of a second long."""
    edges = np.concatenate([[0], np.cumsum(steps)]) / 10
    return SegmentTable(
        TimedSegment("v", start, end, label)
        for number, (start, end, label) in enumerate(
            zip(edges[:-1], edges[1:], labels, strict=True)
        )
        if not (gaps and number % 2 and number < len(labels) - 1)
    )


def same(found, table):
    assert [(r.video, r.label) for r in found] == [(r.video, r.label) for r in table]
    times = [[(r.start, r.end) for r in t] for t in (found, table)]
    np.testing.assert_allclose(*times, rtol=0, atol=5.001e-4)


def test_textgrids_keep_microseconds(tmp_path):
    table = SegmentTable([TimedSegment("v", 0.123456, 1.654321, "x")])
    (found,) = round_trip(table, tmp_path, "textgrid")
    assert (found.start, found.end) == (0.123456, 1.654321)


def test_file_of_elan_links_to_its_media_by_both_ways(tmp_path):
    media, file = tmp_path / "clips" / "a b.mp4", tmp_path / "out" / "v.eaf"
    file.parent.mkdir()
    table = rows(["x", "y"], [5, 5])
    write_segments(table, file, media=media)
    same(read_segments(file), table)
    (link,) = ElementTree.parse(file).iter("MEDIA_DESCRIPTOR")
    assert link.attrib == {
        "MEDIA_URL": (tmp_path / "clips" / "a b.mp4").as_uri(),
        "RELATIVE_MEDIA_URL": "./../clips/a b.mp4",
        "MIME_TYPE": "video/mp4",
    }
    with pytest.raises(ValueError, match="media was given, but a csv file"):
        write_segments(table, tmp_path / "v.csv", media=media)


NASTY = [
    "pour <milk> & stir",
    "<i>",
    "</i><b>",
    "{\\an8}",
    '"',
    "a,b;c\td",
    "🥤 日本語 é",
    "e\u0301",
    "&amp;",
    "]]>",
    "=1+1",
    "# no comment",
    "0",
    "None",
    "a\u2028b",
    "a\x85b",
    "مرحبا",
    "a  b",
]
HARD = [
    "two\nlines",
    "a\r\nb",
    "a\rb",
    "",
    " ",
    " a",
    "a\n\nb",
    "a\n7",
    "a\\Nb",
    "\\n",
    "a\x00b",
    "\x01",
    "\ufeffa",
    "\ufffe",
    "00:00:00,000 --> 00:00:01,000",
    "a --> b",
    "NOTE\nx",
    "-5",
    "x\n1e5",
    "\x1c",
    "\u3000",
    '"\n"',
]
texts = st.one_of(
    st.sampled_from(NASTY + HARD), st.text(max_size=12), st.text("<&>\"'\\\n\r ;-{}")
)


@pytest.mark.parametrize("form", FORMATS)
@given(
    st.lists(st.tuples(texts, st.integers(1, 90)), min_size=1, max_size=5),
    st.booleans(),
)
def test_row_51_every_label_comes_back_or_is_refused(
    form, tmp_path_factory, drawn, gaps
):
    table = rows(*zip(*drawn, strict=True), gaps=gaps)
    folder = tmp_path_factory.mktemp("io")
    try:
        found = round_trip(table, folder, form)
    except ValueError:
        assert form not in ("json", "csv")
        assert os.listdir(folder) == []
    else:
        same(found, table)


@pytest.mark.parametrize("form", FORMATS)
@given(st.lists(st.sampled_from(NASTY), min_size=1, max_size=6, unique=True))
@example(NASTY)
def test_row_51_every_format_holds_special_characters(form, tmp_path_factory, labels):
    table = rows(labels, [7] * len(labels))
    same(round_trip(table, tmp_path_factory.mktemp("io"), form), table)


@pytest.mark.parametrize("form", ["csv", "json", "eaf", "textgrid", "srt", "vtt"])
def test_row_51_line_breaks_in_labels_come_back(form, tmp_path):
    table = rows(["two\nlines", "x"], [5, 5])
    same(round_trip(table, tmp_path, form), table)


@pytest.mark.parametrize("form", ["csv", "json", "eaf", "textgrid", "srt", "vtt"])
def test_row_51_gaps_come_back(form, tmp_path):
    table = rows(["x", "gap", "x"], [5, 5, 5], gaps=True)
    assert len(table) == 2
    same(round_trip(table, tmp_path, form), table)


@pytest.mark.parametrize(
    ("form", "label"),
    [
        ("txt", "two\nlines"),
        ("txt", " a"),
        ("txt", ""),
        ("eaf", "\x01"),
        ("eaf", "a\rb"),
        ("textgrid", ""),
        ("srt", "a\n\nb"),
        ("srt", "a\\Nb"),
        ("vtt", "a\n\nb"),
    ],
)
def test_row_51_refusal_names_file_and_way_out_and_leaves_the_old_file(
    tmp_path, form, label
):
    file = tmp_path / f"v.{form}"
    file.write_bytes(b"old")
    with pytest.raises(ValueError, match=rf"v\.{form}") as caught:
        write_segments(rows([label, "x"], [5, 5]), file, **rate(form))
    assert "csv or json" in str(caught.value)
    assert file.read_bytes() == b"old"


floats = st.floats(0, 1e7, allow_subnormal=True)


@given(st.lists(st.tuples(floats, texts, texts), max_size=6))
def test_json_holds_any_time_and_csv_milliseconds(tmp_path_factory, drawn):
    table = SegmentTable(
        TimedSegment(f"{video}{i}", start, start + 1, label)
        for i, (start, video, label) in enumerate(drawn)
    )
    folder = tmp_path_factory.mktemp("io")
    assert round_trip(table, folder, "json") == table
    found = round_trip(table, folder, "csv")
    assert [(r.video, r.start, r.label) for r in found] == [
        (r.video, round(r.start, 3), r.label) for r in table
    ]


@pytest.mark.parametrize("form", ONE_VIDEO)
def test_one_video_formats_refuse_two_and_none(form, tmp_path):
    two = SegmentTable([TimedSegment(v, 0, 1, "x") for v in "ab"])
    for table in (two, SegmentTable([])):
        with pytest.raises(ValueError, match="one video"):
            write_segments(table, tmp_path / f"v.{form}", **rate(form))


@pytest.mark.parametrize("form", ["eaf", "textgrid", "srt", "vtt"])
def test_segment_shorter_than_the_unit_is_refused(form, tmp_path):
    table = SegmentTable([TimedSegment("v", 0, 1e-9, "x")])
    with pytest.raises(ValueError, match=rf"v\.{form}"):
        write_segments(table, tmp_path / f"v.{form}")


@pytest.mark.parametrize("form", ["srt", "vtt"])
def test_time_past_what_subtitles_can_say_is_refused(form, tmp_path):
    table = SegmentTable([TimedSegment("v", 400_000, 400_001, "x")])
    with pytest.raises(ValueError, match=rf"v\.{form}"):
        write_segments(table, tmp_path / f"v.{form}")


def test_frames_of_ground_truth_need_a_frame_rate(tmp_path):
    file = tmp_path / "v.txt"
    with pytest.raises(ValueError, match="fps"):
        write_segments(rows(["x"], [5]), file)
    file.write_text("x\n")
    with pytest.raises(ValueError, match="fps"):
        read_segments(file)


def test_gap_is_refused_by_ground_truth(tmp_path):
    table = SegmentTable([TimedSegment("v", 1, 2, "x")])
    with pytest.raises(ValueError, match="lies in no segment"):
        write_segments(table, tmp_path / "v.txt", fps=10)


def test_ground_truth_is_what_load_folder_reads(tmp_path):
    (tmp_path / "features").mkdir()
    (tmp_path / "groundTruth").mkdir()
    np.save(tmp_path / "features" / "v.npy", np.zeros((12, 2)))
    write_segments(rows(["b", "a"], [5, 7]), tmp_path / "groundTruth" / "v.txt", fps=10)
    data = load_folder(tmp_path)
    assert data.labels[0].tolist() == [1] * 5 + [0] * 7
    assert data.action_names == ["a", "b"]


@pytest.mark.parametrize(
    ("option", "form"), [("tier", "csv"), ("fps", "eaf"), ("tier", "json")]
)
def test_option_that_does_nothing_is_refused(option, form, tmp_path):
    with pytest.raises(ValueError, match=option):
        read_segments(tmp_path / f"v.{form}", **{option: 3})


def test_space_behind_separators_is_no_part_of_labels(tmp_path):
    (tmp_path / "v.csv").write_text('start, end, label\n0, 1.5, pour\n1.5, 2, "a, b"\n')
    assert [row.label for row in read_segments(tmp_path / "v.csv")] == ["pour", "a, b"]
    (tmp_path / "v.csv").write_text("start,end,label\n0,1.5, pour\n")
    assert [row.label for row in read_segments(tmp_path / "v.csv")] == [" pour"]


def test_json_has_the_keys_of_tables(tmp_path):
    record = {"recording": "a", "start": 0, "end": 1, "action": "pour"}
    file = tmp_path / "v.json"
    file.write_text(json.dumps([record]))
    assert list(read_segments(file)) == [TimedSegment("a", 0, 1, "pour")]
    del record["recording"]
    file.write_text(json.dumps([record]))
    assert list(read_segments(file)) == [TimedSegment("v", 0, 1, "pour")]
    assert read_segments(file, video="w").videos == ["w"]
    file.write_text(json.dumps([record | {"Action": "stir"}]))
    with pytest.raises(ValueError, match="segment 0 has label twice"):
        read_segments(file)
    file.write_text(json.dumps([{"start": 0, "end": 1}]))
    with pytest.raises(ValueError, match="of which video may be left out"):
        read_segments(file)


def test_suffix_that_says_nothing_is_refused_and_format_helps(tmp_path):
    table = rows(["x"], [5])
    with pytest.raises(ValueError, match="suffix"):
        write_segments(table, tmp_path / "v.doc")
    with pytest.raises(ValueError, match="format must be"):
        write_segments(table, tmp_path / "v.csv", format="doc")
    write_segments(table, tmp_path / "v.doc", format="csv")
    assert read_segments(tmp_path / "v.doc", format="csv") == table


def test_path_that_leads_nowhere_is_told_as_such(tmp_path):
    with pytest.raises(FileNotFoundError, match="no file or folder '.*nosuch'"):
        read_segments(tmp_path / "nosuch")
    with pytest.raises(IsADirectoryError, match="is a folder, not a file"):
        read_segments(tmp_path)


def test_suffix_may_have_capitals(tmp_path):
    write_segments(rows(["x"], [5]), tmp_path / "v.TextGrid")
    assert len(read_segments(tmp_path / "v.TextGrid")) == 1


def test_only_tables_are_written(tmp_path):
    with pytest.raises(TypeError, match="SegmentTable"):
        write_segments([TimedSegment("v", 0, 1, "x")], tmp_path / "v.csv")


def test_video_can_be_named(tmp_path):
    write_segments(rows(["x"], [5]), tmp_path / "v.vtt")
    assert read_segments(tmp_path / "v.vtt", video="w").videos == ["w"]


@pytest.mark.parametrize("form", FORMATS)
def test_missing_file_is_named(form, tmp_path):
    with pytest.raises(FileNotFoundError, match=rf"none\.{form}"):
        read_segments(tmp_path / f"none.{form}", **rate(form))


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("mark", ["crlf", codecs.BOM_UTF8, "utf-16", "utf-32"])
def test_row_51_line_ends_and_marks_of_other_systems_are_read(form, mark, tmp_path):
    if form == "eaf" and mark == "utf-32":
        mark = "utf-16"  # XML parsers need not know the former
    table = rows(["x é", "y"], [5, 5])
    file = tmp_path / f"v.{form}"
    write_segments(table, file, **rate(form))
    text = file.read_bytes().decode().replace("\r\n", "\n")
    if mark == "crlf":
        data = text.replace("\n", "\r\n").encode()
    elif isinstance(mark, bytes):
        data = mark + text.encode()
    else:
        text = text.replace("encoding='UTF-8'", f"encoding='{mark}'")
        data = text.encode(mark)
    file.write_bytes(data)
    same(read_segments(file, **rate(form)), table)


BOMB = """<?xml version="1.0" encoding="CODE"?>
<!DOCTYPE l [<!ENTITY a "aaaa"> <!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>
<ANNOTATION_DOCUMENT>&b;</ANNOTATION_DOCUMENT>"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_row_51_entity_bomb_is_refused_before_it_is_expanded(tmp_path, encoding):
    file = tmp_path / "v.eaf"
    file.write_bytes(BOMB.replace("CODE", encoding).encode(encoding))
    with pytest.raises(ValueError, match=r"v\.eaf.*document type"):
        read_segments(file)


def test_row_51_external_entity_is_refused(tmp_path):
    file = tmp_path / "v.eaf"
    file.write_text('<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>')
    with pytest.raises(ValueError, match="document type"):
        read_segments(file)


def csv_of(*lines):
    return "\n".join(["video,start,end,label", *lines])


def textgrid_of(*times, short=False):
    head = 'File type = "ooTextFile"\nObject class = "TextGrid"\n\n'
    if short:
        body = f'0\n9\n<exists>\n1\n"IntervalTier"\n"t"\n0\n9\n{len(times)}\n'
        return head + body + "".join(f'{a}\n{b}\n"x"\n' for a, b in times)
    body = "xmin = 0\nxmax = 9\ntiers? <exists>\nsize = 1\nitem []:\n    item [1]:\n"
    body += '        class = "IntervalTier"\n        name = "t"\n        xmin = 0\n'
    body += f"        xmax = 9\n        intervals: size = {len(times)}\n"
    for a, b in times:
        body += f"        intervals [1]:\n            xmin = {a}\n"
        body += f'            xmax = {b}\n            text = "x"\n'
    return head + body


def srt_of(*times):
    return "".join(f"1\n{a} --> {b}\nx\n\n" for a, b in times)


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("csv", ""),
        ("csv", "video,start,end"),
        ("csv", csv_of("v,0,1")),
        ("csv", csv_of("v,0,1,x,y")),
        ("csv", csv_of("v,0,one,x")),
        ("csv", csv_of('v,0,1,"x')),
        ("csv", csv_of("v,0,nan,x")),
        ("csv", csv_of("v,2,1,x")),
        ("csv", csv_of("v,-1,1,x")),
        ("csv", csv_of("v,0,2,x", "v,1,3,y")),
        ("csv", csv_of("v,0,1_0,x")),
        ("csv", csv_of("v,0,\uff11,x")),
        ("csv", "video,start,end,label,label\nv,0,1,x,y"),
        ("json", "{"),
        ("json", '[{"video": "v", "start": 0, "start": 1, "end": 2, "label": "x"}]'),
        ("json", "{}"),
        ("json", "[1]"),
        ("json", '[{"video": "v"}]'),
        ("json", "[" * 100_000),
        ("json", '[{"video": "v", "start": 0, "end": NaN, "label": "x"}]'),
        ("json", '[{"video": "v", "start": "0", "end": 1, "label": "x"}]'),
        ("json", '[{"video": "v", "start": 0, "end": 1, "label": "\\ud800"}]'),
        ("eaf", "no xml"),
        ("eaf", "<a/>"),
        ("textgrid", "nonsense"),
        ("textgrid", textgrid_of((0, 2), (1, 3))),
        ("textgrid", textgrid_of((2, 1))),
        ("textgrid", textgrid_of((-1, 2))),
        ("textgrid", textgrid_of((-1, 2), short=True)),
        ("textgrid", textgrid_of((0, "1,5"))),
        ("textgrid", textgrid_of((0, 1)).replace("size = 1", "size = 2")),
        ("textgrid", textgrid_of((0, 1)) + '"more"'),
        ("textgrid", textgrid_of((0, 1)).replace('"x"', 'x"y')),
        ("textgrid", textgrid_of((0, 1))[:-5]),
        ("textgrid", textgrid_of((0, 1)).replace("Interval", "Odd")),
        ("textgrid", textgrid_of((0, 1)).replace('"TextGrid"', '"Sound"')),
        ("srt", srt_of(("00:00:02,000", "00:00:01,000"))),
        (
            "srt",
            srt_of(("00:00:00,000", "00:00:02,000"), ("00:00:01,000", "00:00:03,000")),
        ),
        ("srt", "Nothing but\nplain text.\n"),
        ("srt", srt_of(("-00:00:01,000", "00:00:02,000"))),
        ("srt", srt_of(("00:61:00,000", "00:62:00,000"))),
        ("srt", srt_of(("00:00:01,5", "00:00:02,5"))),
        ("srt", srt_of(("00:00:01,000", "00:00:02,000")) + "lost\n"),
        ("srt", "1\n00:00:01,000 -> 00:00:02,000\nx\n"),
        ("srt", "1\n"),
        ("vtt", "1\n00:00:00.000 --> 00:00:01.000\nx\n"),
        ("vtt", "WEBVTTX\n\n00:00.000 --> 00:01.000\nx\n"),
        ("vtt", "WEBVTT\n\n00:01 --> 00:02\nx\n"),
        ("vtt", "WEBVTT\n\n00:00.000 --> 00:01.000\nx\n\nlost\n"),
        ("vtt", "WEBVTT\n00:00.000 --> 00:01.000\nx\n"),
        ("txt", "x\n\nx"),
    ],
)
def test_row_51_broken_file_is_a_value_error_that_names_it(form, text, tmp_path):
    file = tmp_path / f"v.{form}"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=rf"v\.{form}.* cannot be read as {form}: .+"):
        read_segments(file, **rate(form))


EAF = """<ANNOTATION_DOCUMENT><HEADER/><TIME_ORDER>
<TIME_SLOT TIME_SLOT_ID="a" TIME_VALUE="500"/>
<TIME_SLOT TIME_SLOT_ID="b" TIME_VALUE="900"/>
</TIME_ORDER><TIER TIER_ID="t"><ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="n"
TIME_SLOT_REF1="a" TIME_SLOT_REF2="b"><ANNOTATION_VALUE>x</ANNOTATION_VALUE>
</ALIGNABLE_ANNOTATION></ANNOTATION></TIER></ANNOTATION_DOCUMENT>"""


def test_row_51_elan_without_a_schema_is_read(tmp_path):
    (tmp_path / "v.eaf").write_text(EAF)
    assert list(read_segments(tmp_path / "v.eaf")) == [TimedSegment("v", 0.5, 0.9, "x")]


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (' TIER_ID="t"', "", "TIER has no TIER_ID"),
        ('REF2="b"', 'REF2="c"', "time slot c, which is not there"),
        ('\nTIME_SLOT_REF1="a"', "", "has no TIME_SLOT_REF1"),
        ("ANNOTATION_VALUE", "VALUE", "has no ANNOTATION_VALUE"),
        ('"900"', '"9.5"', "'9.5', no whole number"),
        ('ID="b"', 'ID="a"', "slot a twice"),
        ("<HEADER/>", '<HEADER TIME_UNITS="PAL-frames"/>', "in PAL-frames"),
    ],
)
def test_row_51_elan_says_what_it_lacks(tmp_path, old, new, reason):
    (tmp_path / "v.eaf").write_text(EAF.replace(old, new))
    with pytest.raises(ValueError, match=rf"v\.eaf' cannot be read as eaf: .*{reason}"):
        read_segments(tmp_path / "v.eaf")


def reference(name, owner, label):
    return (
        f'<ANNOTATION><REF_ANNOTATION ANNOTATION_ID="{name}" ANNOTATION_REF="{owner}">'
        f"<ANNOTATION_VALUE>{label}</ANNOTATION_VALUE></REF_ANNOTATION></ANNOTATION>"
    )


def with_tiers(**references):
    tiers = [f'<TIER TIER_ID="{k}">{v}</TIER>' for k, v in references.items()]
    return EAF.replace(
        "</ANNOTATION_DOCUMENT>", "".join(tiers) + "</ANNOTATION_DOCUMENT>"
    )


def test_references_have_the_times_of_what_they_refer_to(tmp_path):
    file = tmp_path / "v.eaf"
    file.write_text(
        with_tiers(deep=reference("p", "o", "z"), up=reference("o", "n", "y"))
    )
    for tier, label in [("up", "y"), ("deep", "z"), ("t", "x"), (None, "x")]:
        expected = [TimedSegment("v", 0.5, 0.9, label)]
        assert list(read_segments(file, tier=tier)) == expected
    file.write_text(with_tiers(actions=reference("o", "n", "y")))
    assert [row.label for row in read_segments(file)] == ["y"]


@pytest.mark.parametrize(
    ("references", "reason"),
    [
        (reference("o", "gone", "y"), "refers to gone, which is not there"),
        (reference("o", "p", "y") + reference("p", "o", "z"), "in a circle"),
        (reference("o", "n", "y") + reference("p", "n", "z"), "divide n .* no times"),
        (reference("n", "n", "y"), "annotation n twice"),
    ],
)
def test_references_without_times_are_refused(tmp_path, references, reason):
    (tmp_path / "v.eaf").write_text(with_tiers(up=references))
    with pytest.raises(ValueError, match=rf"v\.eaf' cannot be read as eaf: .*{reason}"):
        read_segments(tmp_path / "v.eaf", tier="up")


def test_textgrid_of_points_alone_is_refused(tmp_path):
    head = textgrid_of(short=True).partition('"IntervalTier"')[0]
    text = head + '"TextTier"\n"beats"\n0\n9\n1\n2.5\n"x"\n'
    (tmp_path / "v.TextGrid").write_text(text)
    with pytest.raises(ValueError, match="tiers of points alone, 'beats'"):
        read_segments(tmp_path / "v.TextGrid")


def test_elan_names_the_segment_that_is_too_short(tmp_path):
    pytest.importorskip("pympi")
    table = SegmentTable(
        [TimedSegment("v", 0, 1, "x"), TimedSegment("v", 1, 1.0003, "blink")]
    )
    with pytest.raises(ValueError, match="v.eaf' cannot be written: .*blink.*json"):
        write_segments(table, tmp_path / "v.eaf")


def binary_grid(*labels):
    """Compose Praat's binary file of one tier, a second a label."""

    def string(text):
        if text.isascii():
            return struct.pack(">h", len(text)) + text.encode()
        data = text.encode("utf-16-be")
        return struct.pack(">hh", -1, len(data) // 2) + data

    extent = struct.pack(">dd", 0, len(labels))
    data = b"ooBinaryFile\x08TextGrid" + extent + b"\x01" + struct.pack(">i", 1)
    data += b"\x0cIntervalTier" + string("t") + extent
    data += struct.pack(">i", len(labels))
    for number, label in enumerate(labels):
        data += struct.pack(">dd", number, number + 1) + string(label)
    return data


def test_row_51_binary_textgrid_is_read(tmp_path):
    (tmp_path / "v.TextGrid").write_bytes(binary_grid("a", "", "\u8a9e \U0001f964"))
    assert list(read_segments(tmp_path / "v.TextGrid")) == [
        TimedSegment("v", 0, 1, "a"),
        TimedSegment("v", 2, 3, "\u8a9e \U0001f964"),
    ]


@pytest.mark.parametrize("form", ["binary", "long", "short"])
def test_row_51_textgrid_cut_short_anywhere_is_refused(form, tmp_path):
    data = binary_grid("pour", "stir", "\u8a9e")
    if form != "binary":
        text = textgrid_of((0, 1), (1, 2), (2, 3), short=form == "short")
        data = text.rstrip().encode()
    for end in range(len(data)):
        (tmp_path / "v.TextGrid").write_bytes(data[:end])
        with pytest.raises(ValueError, match=r"cannot be read as textgrid: \w"):
            read_segments(tmp_path / "v.TextGrid")
    (tmp_path / "v.TextGrid").write_bytes(data + b" 7")
    with pytest.raises(ValueError, match="goes on after its last tier"):
        read_segments(tmp_path / "v.TextGrid")


@pytest.mark.parametrize("short", [True, False])
def test_row_51_exponents_and_comments_of_textgrids_are_read(short, tmp_path):
    text = textgrid_of(("1e-05", "2.5E+0"), short=short)
    text = text.replace('"t"', '"t" ! a comment with "quotes"')
    (tmp_path / "v.TextGrid").write_text(text)
    assert [(r.start, r.end) for r in read_segments(tmp_path / "v.TextGrid")] == [
        (1e-5, 2.5)
    ]


def test_row_51_one_of_two_tiers_of_one_name_is_not_guessed(tmp_path):
    text = textgrid_of((0, 1), short=True)
    head, tier = text.split('"IntervalTier"')
    both = f'{head[:-2]}2\n"IntervalTier"{tier}"IntervalTier"{tier}'
    (tmp_path / "v.TextGrid").write_text(both)
    with pytest.raises(ValueError, match="2 tiers of the name 't'"):
        read_segments(tmp_path / "v.TextGrid", tier="t")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_row_51_long_hours_and_missing_gaps_of_subtitles_are_read(end, tmp_path):
    text = "1\n100:00:01,000 --> 100:00:02,000\na\n2\n"
    text += "100:00:02.500 --> 101:00:00,000\n"
    (tmp_path / "v.srt").write_bytes((text + "b\nc\n").replace("\n", end).encode())
    assert list(read_segments(tmp_path / "v.srt")) == [
        TimedSegment("v", 360_001, 360_002, "a"),
        TimedSegment("v", 360_002.5, 363_600, "b\nc"),
    ]


@pytest.mark.parametrize("form", ["srt", "vtt"])
def test_row_51_subtitles_cut_inside_times_are_refused(form, tmp_path):
    write_segments(rows(["pour", "stir"], [5, 5]), tmp_path / f"v.{form}")
    data = (tmp_path / f"v.{form}").read_bytes()
    start = data.rindex(b"2\n00:00:00")
    for end in range(start + 1, data.rindex(b"\nstir") - 3):
        (tmp_path / f"v.{form}").write_bytes(data[:end])
        with pytest.raises(ValueError, match=rf"cannot be read as {form}: "):
            read_segments(tmp_path / f"v.{form}")


def test_row_51_lines_of_old_systems_are_frames(tmp_path):
    (tmp_path / "v.txt").write_bytes(b"a\ra\rb\r")
    assert len(read_segments(tmp_path / "v.txt", fps=1)) == 2


@pytest.mark.parametrize("form", FORMATS)
@given(st.binary(max_size=200))
@example(b"\xff\xfe\x00")
@example(b"ooBinaryFile\x08TextGrid")
def test_row_51_junk_is_a_value_error_or_a_table(form, tmp_path_factory, data):
    file = tmp_path_factory.mktemp("io") / f"v.{form}"
    file.write_bytes(data)
    with contextlib.suppress(ValueError):
        assert isinstance(read_segments(file, **rate(form)), SegmentTable)


def test_columns_may_stand_in_any_order_beside_others(tmp_path):
    file = tmp_path / "v.csv"
    file.write_text("end,note,label,start,video,seconds\n2,hm,x,1,v,77\n")
    assert read_segments(file).segments == (TimedSegment("v", 1, 2, "x"),)


def test_tables_of_models_are_segments_if_they_are_in_seconds(tmp_path):
    file = tmp_path / "v.csv"
    file.write_text(
        "recording,start,end,seconds,action,confidence\na,0.0,1.5,1.5,x,0.9\n"
    )
    assert read_segments(file).segments == (TimedSegment("a", 0, 1.5, "x"),)
    for head in (
        "recording,start,end,frames,action",
        "Recording,Start,End, Frames,Action",
    ):
        file.write_text(f"{head}\na,0,15,15,x\n")
        with pytest.raises(ValueError, match="its times are frames"):
            read_segments(file)
    file.write_text("video,start,end,label,frames\na,0,1.5,x,15\n")
    assert read_segments(file).segments == (TimedSegment("a", 0, 1.5, "x"),)
    file.write_text("frames,action,start,end\n15,x,0,1.5\n")
    assert read_segments(file).segments == (TimedSegment("v", 0, 1.5, "x"),)


@pytest.mark.parametrize(
    "head", ["recording,start,end,label", "Video,start,end,action"]
)
def test_each_column_may_be_called_as_in_the_table_of_a_model(tmp_path, head):
    file = tmp_path / "v.csv"
    file.write_text(f"{head}\na,0,1.5,x\nb,0,1,y\n")
    expected = TimedSegment("a", 0, 1.5, "x"), TimedSegment("b", 0, 1, "y")
    assert read_segments(file).segments == expected
    file.write_text("video,recording,start,end,label\na,7,0,1.5,x\n")
    assert read_segments(file).videos == ["a"]


@pytest.mark.parametrize(
    "text",
    [
        "video;start;end;label\nv;1,5;2;mix, stir\nv;2;1000,125;x\n",
        "video;start;end;label\nv;1.5;2;mix, stir\nv;2;1000.125;x\n",
        "sep=;\r\nvideo;start;end;label\r\nv;1,5;2;mix, stir\r\nv;2;1000,125;x\r\n",
        "video\tstart\tend\tlabel\nv\t1,5\t2\tmix, stir\nv\t2\t1000,125\tx\n",
        'video,start,end,label\nv,"1,5",2,"mix, stir"\nv,2,"1000,125",x\n',
    ],
)
def test_tables_of_spreadsheets_of_any_language_are_read(tmp_path, text):
    file = tmp_path / "v.csv"
    file.write_bytes(text.encode())
    expected = (
        TimedSegment("v", 1.5, 2, "mix, stir"),
        TimedSegment("v", 2, 1000.125, "x"),
    )
    assert read_segments(file).segments == expected


def test_lines_below_one_that_tells_what_separates_cells_keep_their_numbers(tmp_path):
    (tmp_path / "v.csv").write_text("sep=;\nvideo;start;end;label\nv;0;one;x\n")
    with pytest.raises(ValueError, match="line 3"):
        read_segments(tmp_path / "v.csv")


def test_commas_that_may_separate_thousands_are_refused(tmp_path):
    (tmp_path / "v.csv").write_text('video,start,end,label\nv,0,"1,500",x\n')
    with pytest.raises(ValueError, match="line 2.*1,500"):
        read_segments(tmp_path / "v.csv")


def test_json_is_a_list_of_records(tmp_path):
    write_segments(rows(["é"], [5]), tmp_path / "v.json")
    text = (tmp_path / "v.json").read_text(encoding="utf-8")
    expected = {"video": "v", "start": 0.0, "end": 0.5, "label": "é", "seconds": 0.5}
    assert json.loads(text) == [expected]
    assert "é" in text


def test_cues_with_settings_notes_and_names_are_read(tmp_path):
    file = tmp_path / "v.vtt"
    file.write_text(
        "WEBVTT - title\nKind: captions\n\nSTYLE\n::cue { color: red }\n\n"
        "first\n00:01.000 --> 00:02.500 align:left\npour &amp; stir\n\n"
        "NOTE\nnot a label\n\nsecond\n01:00:02.500 --> 01:00:03.000\nserve\n"
    )
    assert [(r.start, r.end, r.label) for r in read_segments(file)] == [
        (1.0, 2.5, "pour & stir"),
        (3602.5, 3603.0, "serve"),
    ]


def test_short_textgrid_is_read(tmp_path):
    file = tmp_path / "v.TextGrid"
    file.write_text(textgrid_of((0, 1.5), (2, 3), short=True))
    assert [(r.start, r.end) for r in read_segments(file)] == [(0, 1.5), (2, 3)]


def tiers(folder, **named):
    elan = pytest.importorskip("pympi.Elan")
    eaf = elan.Eaf()
    for name, labels in named.items():
        eaf.add_tier(name)
        for number, label in enumerate(labels):
            eaf.add_annotation(name, number * 1000, number * 1000 + 500, label)
    eaf.to_file(str(folder / "v.eaf"))
    return folder / "v.eaf"


def test_only_tier_with_content_is_read(tmp_path):
    file = tiers(tmp_path, empty=[], steps=["x", "y"])
    assert [r.label for r in read_segments(file)] == ["x", "y"]


def test_tier_must_be_named_where_there_are_several(tmp_path):
    file = tiers(tmp_path, steps=["x"], hands=["left"])
    with pytest.raises(ValueError, match="'steps', 'hands'"):
        read_segments(file)
    with pytest.raises(ValueError, match="'none'"):
        read_segments(file, tier="none")
    assert [r.label for r in read_segments(file, tier="hands")] == ["left"]


def test_our_own_tier_goes_first(tmp_path):
    file = tiers(tmp_path, notes=["x"], actions=["pour"])
    assert [r.label for r in read_segments(file)] == ["pour"]


def test_annotation_without_a_time_is_refused(tmp_path):
    file = tiers(tmp_path, steps=["x"])
    file.write_text(file.read_text().replace('TIME_VALUE="500"', ""))
    with pytest.raises(ValueError, match="no time"):
        read_segments(file)


def test_missing_package_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pysubs2", None)
    with pytest.raises(ImportError, match=r"skvas\[io\]"):
        write_segments(rows(["x"], [5]), tmp_path / "v.srt")


RUN = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "\uff1d1",
    "'",
    "'=1",
    "1",
]


def test_row_51_spreadsheets_run_no_label(tmp_path):
    table = SegmentTable(
        TimedSegment(video, start, start + 1, label)
        for video in ("=v", "é")
        for start, label in enumerate(RUN)
    )
    write_segments(table, tmp_path / "v.csv", excel=True)
    data = (tmp_path / "v.csv").read_bytes()
    assert data.startswith(codecs.BOM_UTF8)
    found = read_segments(tmp_path / "v.csv")
    cells = [re.sub(r"^([\t\r\n])=", r"\1'=", label) for label in RUN]
    expected = [*(f"'{label}" for label in cells[:-1]), "1"]
    assert [r.label for r in found] == expected * 2
    assert found.videos == ["'=v", "é"]
    # Elsewhere cells end at other signs.
    others = rows(["ok;=1+1\t @2;x", "a-b"], [5, 5])
    write_segments(others, tmp_path / "w.csv", excel=True)
    labels = [r.label for r in read_segments(tmp_path / "w.csv")]
    assert labels == ["ok;'=1+1\t' @2;x", "a-b"]
    write_segments(table, tmp_path / "v.csv")
    assert read_segments(tmp_path / "v.csv") == table


def test_only_csv_is_for_spreadsheets(tmp_path):
    with pytest.raises(ValueError, match="excel"):
        write_segments(rows(["x"], [5]), tmp_path / "v.json", excel=True)


@pytest.mark.parametrize("end", [1e12, 1e300])
def test_row_51_more_frames_than_any_video_has_are_refused(tmp_path, end):
    table = SegmentTable([TimedSegment("v", 0, end, "x")])
    for fps in (30, 1e9):
        with pytest.raises(ValueError, match=r"v\.txt' cannot be written.*frames"):
            write_segments(table, tmp_path / "v.txt", fps=fps)


def test_row_51_label_too_long_for_csv_is_referred_to_json(tmp_path):
    table = rows(["x" * 200_000], [5])
    with pytest.raises(ValueError, match=r"v\.csv.*limit.*; write json instead"):
        write_segments(table, tmp_path / "v.csv")
    assert round_trip(table, tmp_path, "json") == table


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("textgrid", '"ooTextFile" "TextGrid" ' + "1" * 100_000 + "x"),
        ("textgrid", '"ooTextFile" "TextGrid" ' + '"' * 100_001),
        ("textgrid", '"ooTextFile" "TextGrid" ' + "a" * 100_000 + '"'),
        ("textgrid", '"ooTextFile" "TextGrid" ' + "1e" * 50_000 + "."),
        ("srt", "1" + " " * 100_000 + "x"),
        ("srt", "0:0:0,000" + " " * 100_000 + "-->"),
        ("srt", "1" * 100_000),
        ("vtt", "WEBVTT" + "\n \n" * 100_000 + "x"),
        ("vtt", "WEBVTT\n\n" + "1 " * 100_000 + "-->"),
        ("eaf", "<a>" * 100_000),
    ],
)
def test_row_51_no_text_takes_long_to_refuse(tmp_path, form, text):
    (tmp_path / f"v.{form}").write_text(text)
    started = time.perf_counter()
    with pytest.raises(ValueError, match=f"cannot be read as {form}") as caught:
        read_segments(tmp_path / f"v.{form}")
    assert len(str(caught.value)) < 1000
    assert time.perf_counter() - started < 20  # some .02 s alone


@pytest.mark.parametrize(
    ("name", "writer"),
    [
        ("a.eaf", "pympi.Elan.Eaf.to_file"),
        ("a.TextGrid", "pympi.Praat.TextGrid.to_file"),
    ],
)
def test_row_41_full_disk_of_temporary_files_names_the_file(
    tmp_path, monkeypatch, name, writer
):
    def fill(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    pytest.importorskip("pympi")
    monkeypatch.setattr(writer, fill)
    table = SegmentTable([TimedSegment("a", 0, 1, "pour")])
    with pytest.raises(OSError, match="could not be written: No space") as caught:
        write_segments(table, tmp_path / name)
    assert caught.value.filename == str(tmp_path / name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("mark", [",", ";"])
def test_table_without_names_of_videos_is_of_the_video_that_it_is_called_after(
    tmp_path, mark
):
    path = tmp_path / "tea01.csv"
    path.write_text("start,end,label\n0,1,pour\n1,2.5,stir\n".replace(",", mark))
    found = [(row.video, row.end, row.label) for row in read_segments(path)]
    assert found == [("tea01", 1, "pour"), ("tea01", 2.5, "stir")]
    assert read_segments(path, video="tea02").videos == ["tea02"]
    path.write_text("video,start,end,label\ntea03,0,1,pour\n")
    assert read_segments(path).videos == ["tea03"]
    assert read_segments(path, video="tea03").videos == ["tea03"]
    with pytest.raises(
        ValueError, match=r"tea01\.csv' names its videos, such as 'tea03'"
    ):
        read_segments(path, video="tea02")
