"""Corrections of a report, read as labels for `fit`."""

from __future__ import annotations

import json

import numpy as np
import pytest

from skvas import ActionSegmenter, JointAlignSegment, Recordings, Timeline
from skvas.datasets import make_videos
from skvas.decoding import labels_to_segments
from skvas.io import read_corrections
from skvas.labels import frame_labels


def segment(start, end, label, checked=True):
    return {"start": start, "end": end, "label": label, "checked": checked}


def video(name, *segments, n_frames=9):
    return {"name": name, "n_frames": n_frames, "segments": list(segments)}


def page(*videos, **changes):
    saved = {"format": "skvas corrections", "version": 1, "videos": list(videos)}
    return json.dumps(saved | changes)


@pytest.fixture
def read(tmp_path):
    def read(text, names=None, **options):
        (tmp_path / "c.json").write_text(text, encoding="utf-8")
        return read_corrections(tmp_path / "c.json", names, **options)

    return read


def test_checked_segments_are_labels_and_others_are_not(read):
    a = video("a", segment(0, 4, "pour"), segment(4, 9, "stir", checked=False))
    b = video("b", segment(0, 9, "pour", checked=False))
    assert read(page(a, b)) == [[(0, 4, "pour")], None]


def test_checked_segments_without_an_action_are_kept_and_no_labels(read):
    a, b = video("a", segment(0, 9, None)), video("b", segment(0, 9, None, False))
    y = read(page(a, b))
    assert y == [[(0, 9, None)], None]
    videos = [np.zeros((9, 1))] * 2
    assert [labels.tolist() for labels in frame_labels(y, videos)] == [[None] * 9] * 2
    c = video("c", segment(0, 4, 3), segment(4, 9, None))
    assert read(page(c)) == [[(0, 4, 3), (4, 9, None)]]
    d = video("d", segment(0, 9, "pour"))
    assert read(page(c, d))[0] == [(0, 4, "3"), (4, 9, None)]


def test_segments_without_an_action_count_as_none(read):
    a = video("a", segment(0, 4, None), segment(4, 9, "pour"))
    assert read(page(a, video("b", segment(0, 9, 0, False)))).n_actions == 2
    assert read(page(video("a", segment(0, 9, None)))).n_actions is None


def test_integers_stay_integers_unless_an_action_has_a_name(read):
    a = video("a", segment(0, 4, 0), segment(4, 9, 3))
    assert read(page(a)) == [[(0, 4, 0), (4, 9, 3)]]
    b = video("b", segment(0, 9, "pour"))
    assert read(page(a, b)) == [[(0, 4, "0"), (4, 9, "3")], [(0, 9, "pour")]]


def test_names_put_recordings_in_the_order_of_fit(read):
    a, b = video("a", segment(0, 9, "pour")), video("b", segment(0, 9, 0, False))
    assert read(page(a, b), ["c", "b", "a"]) == [None, None, [(0, 9, "pour")]]


def test_names_are_found_however_systems_write_their_accents(read):
    one, apart = "\u00e9", "e\u0301"
    saved = page(video(one, segment(0, 9, 1)), video("b"), anchors=[anchor(one, "b")])
    found = read(saved, names=["b", apart])
    assert found == [None, [(0, 9, 1)]]
    assert found.anchors == {(0, 1): [(4, 3)]}
    both = page(video(one, segment(0, 9, 1)), video(apart, segment(0, 9, 2)))
    assert read(both) == [[(0, 9, 1)], [(0, 9, 2)]]


def test_halves_that_are_known_are_labels(read):
    half = segment(4, 9, "stir", checked=False) | {"known": [4, 6]}
    whole = segment(0, 4, "pour") | {"known": [0, 4]}
    none = segment(0, 9, "pour", checked=False) | {"known": None}
    text = page(video("a", whole, half), video("b", none))
    assert read(text) == [[(0, 4, "pour"), (4, 6, "stir")], None]


def anchor(*videos, frames=(3, 4)):
    return {"videos": list(videos), "frames": list(frames)}


def test_anchors_are_pairs_of_frames_in_the_order_of_fit(read):
    text = page(
        *map(video, "abc"),
        anchors=[anchor("a", "b"), anchor("c", "a"), anchor("a", "b")],
    )
    pairs = {(0, 1): [(3, 4), (3, 4)], (0, 2): [(4, 3)]}
    assert read(text).anchors == pairs
    assert read(text, ["b", "a", "c"]).anchors == {
        (0, 1): [(4, 3), (4, 3)],
        (1, 2): [(4, 3)],
    }
    assert read(page(video("a"))).anchors == {}


def test_row_77_anchors_that_no_page_saved_are_refused(read):
    for wrong, message in (
        (anchor("a", "d"), "'d', which is not there"),
        (anchor(["a"], ["b"]), r"names \['a'\], which is not there"),
        (anchor("a", "a"), "two videos each"),
        (anchor("a", "b", frames=(3,)), "two videos each"),
        (anchor("a", "b", frames=(3, 9)), "'b' has no frame 9"),
        (anchor("a", "b", frames=(-1, 3)), "'a' has no frame -1"),
        (anchor("a", "b", frames=(0.5, 3)), "no frame 0.5"),
        ({"videos": ["a", "b"]}, "two frames of an anchor"),
        (3, "two videos of an anchor"),
    ):
        with pytest.raises(ValueError, match=message):
            read(page(*map(video, "ab"), anchors=[wrong]))
    with pytest.raises(ValueError, match="'b', which is not among the names"):
        read(page(*map(video, "ab"), anchors=[anchor("a", "b")]), ["a"])
    for known in ([0, 10], [4, 2], [0], "x", [0.5, 2]):
        bad = segment(0, 9, "pour") | {"known": known}
        with pytest.raises(ValueError, match="known|two frames"):
            read(page(video("a", bad)))


def test_row_77_corrections_of_recordings_that_are_not_there_are_refused(read):
    a, b = video("a", segment(0, 9, "pour")), video("b", segment(0, 9, 0, False))
    with pytest.raises(ValueError, match="'a', which is not among the names"):
        read(page(a, b), ["c", "b"])
    with pytest.raises(ValueError, match="'a', which is not among the names"):
        read(page(a, b), ["c", "b"], missing="warn")  # nothing is left
    with pytest.raises(ValueError, match="missing"):
        read(page(a, b), missing="drop")


def test_recordings_that_are_gone_are_left_out_if_asked(read):
    videos = [video(name, segment(0, 9, "pour")) for name in "abc"]
    text = page(*videos, anchors=[anchor("a", "b"), anchor("b", "c")])
    with pytest.warns(UserWarning, match="c.json' corrects 'a', which is not there"):
        found = read(text, ["b", "d", "c"], missing="warn")
    assert found == [[(0, 9, "pour")], None, [(0, 9, "pour")]]
    assert found.anchors == {(0, 2): read(text).anchors[1, 2]}


def test_row_77_two_recordings_of_one_name_are_refused(read):
    text = page(video("a", segment(0, 9, "pour")))
    with pytest.raises(ValueError, match="c.json.*names must differ"):
        read(text, ["a", "b", "a"])


def test_corrections_are_in_frames_beside_tables_in_seconds(read):
    y = [*read(page(video("a", segment(0, 2, "pour")))), [(0.5, 1, "stir")]]
    corrected, table = frame_labels(y, [np.zeros((9, 1))] * 2, fps=4)
    assert corrected.tolist() == ["pour"] * 2 + [None] * 7
    assert table.tolist() == [None] * 2 + ["stir"] * 2 + [None] * 5


def test_row_77_corrections_of_other_recordings_are_refused(read, tmp_path):
    data = make_videos(2, n_actions=3, n_frames=(60, 60), random_state=0)
    text = page(*(video(name, segment(0, 9, 0), n_frames=60) for name in "ab"))
    turned = Recordings(data.videos, ["b", "a"])
    y = read(text)
    told = "video 0: the corrections of 'a' stand where the recordings have 'b'"
    model = ActionSegmenter(2, max_epochs=0, random_state=0)
    with pytest.raises(ValueError, match=told):
        model.fit(turned, y)
    model.fit(turned, read(text, turned.names))
    with pytest.raises(ValueError, match=told):
        model.score(turned, y)
    with pytest.raises(ValueError, match=told):
        model.report(turned, tmp_path / "page.html", corrections=y)
    with pytest.raises(ValueError, match=told):
        Timeline(2, random_state=0).fit(data.videos).labels(y, turned)
    with pytest.raises(ValueError, match=told):
        Timeline(2, random_state=0).fit(turned).labels(y)
    Timeline(2, random_state=0).fit(data.videos).labels(y)


@pytest.mark.parametrize("names", [None, ["c", "d"], ["a", "d"]])
def test_corrections_are_of_recordings_whose_names_say_nothing_else(read, names):
    known = ["recording 1", "recording 0"] if names is None else ["a", "b"]
    y = read(page(*(video(name, segment(0, 9, 0)) for name in known)))
    videos = Recordings([np.zeros((9, 1))] * 2, names)
    assert [labels[0] for labels in frame_labels(y, videos)] == [0, 0]


def test_row_77_corrections_of_another_frame_rate_are_refused(read):
    data = make_videos(2, n_actions=3, random_state=0)
    lengths = [len(video) for video in data.videos]
    half = lengths[1] // 2
    y = read(page(video("a", n_frames=9), video("b", segment(0, 9, 0), n_frames=half)))
    told = f"video 1: the corrections of 'b' are of {half} frames, but .* {lengths[1]};"
    model = ActionSegmenter(2, max_epochs=0, random_state=0)
    with pytest.raises(ValueError, match=told):
        model.fit(data.videos, y)
    with pytest.raises(ValueError, match="the corrections of 'b' are of"):
        model.fit(data.videos[1], y[1])
    model.fit(data.videos)
    with pytest.raises(ValueError, match=told):
        model.report(data.videos, "page.html", corrections=y)
    assert frame_labels(y[1:], [data.videos[1][:half]])[0][0] == 0


def test_fit_takes_them_exactly(read):
    data = make_videos(4, n_actions=3, random_state=0)
    rows = []
    for index, labels in enumerate(data.labels[:2]):
        edges = [0, *(np.flatnonzero(np.diff(labels)) + 1).tolist(), len(labels)]
        segments = [
            segment(a, b, f"step {labels[a]}")
            for a, b in zip(edges, edges[1:], strict=False)
        ]
        rows.append(video(str(index), *segments, n_frames=len(labels)))
    rows += [video(str(i), n_frames=len(data.labels[i])) for i in (2, 3)]
    y = read(page(*rows))
    spelled = frame_labels(y, data.videos)
    for labels, found in zip(data.labels[:2], spelled, strict=False):
        assert found.tolist() == [f"step {label}" for label in labels]
    model = ActionSegmenter(max_epochs=0, random_state=0).fit(data.videos, y=y)
    assert model.labels_[0].tolist() == spelled[0].tolist()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "no corrections"),
        ('{"format": "labels"}', "no corrections"),
        (page(version=2), "version 2"),
        (page(videos=None), "list of videos"),
        (page(3), "a name"),
        (page({"name": 3}), "a name"),
        (page(video("a"), video("a")), "'a' twice"),
        (page({"name": "a", "n_frames": 3}), "'a': expected a list of segments"),
        (page(video("a", 3)), "an object as segment"),
        (page(video("a", segment(0, 10, "x"))), "not inside the 9 frames"),
        (page(video("a", segment(-1, 3, "x"))), "from -1 to 3"),
        (page(video("a", segment(2, 2, "x"))), "empty"),
        (page(video("a", segment(0, 3, "x"), segment(2, 5, "x"))), "overlaps"),
        (page(video("a", segment(0, 3.5, "x"))), "3.5"),
        (page(video("a", segment(True, 3, "x"))), "True"),
        (page(video("a", segment(0, 3, 1.5))), "label, got 1.5"),
        (page(video("a", segment(0, 3, "x", "yes"))), "whether checked"),
        (page(video("a", segment(0, 3, "x"), n_frames=None)), "got None"),
    ],
)
def test_row_77_what_no_page_saved_is_refused_and_the_file_named(read, text, message):
    with pytest.raises(ValueError, match=rf"c\.json'.*{message}"):
        read(text)


@pytest.mark.parametrize(
    "saved",
    [
        page("x" * 10**6),
        page(version="1" * 10**6),
        page(videos="x" * 10**6),
        page(video("a", segment(0, 3, ["x" * 10**6]))),
        page(video("a"), anchors=[anchor("x" * 10**6, "a")]),
        page(*[video("x" * 10**6)] * 2),
    ],
)
def test_row_77_messages_show_the_start_of_what_is_long(read, saved):
    with pytest.raises(ValueError, match=r"c\.json'") as caught:
        read(saved)
    assert len(str(caught.value)) < 1000


def test_row_77_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"gone\.json"):
        read_corrections(tmp_path / "gone.json")


def test_all_actions_of_a_page_are_counted_and_fit_finds_as_many(tmp_path):
    data = make_videos(4, n_actions=3, random_state=0)
    videos = []
    for i, labels in enumerate(data.labels):
        segments = [
            {"start": s.start, "end": s.end, "label": int(s.label), "checked": False}
            for s in labels_to_segments(labels)
        ]
        segments[0]["checked"] = i == 0
        videos.append({"name": str(i), "n_frames": len(labels), "segments": segments})
    page = {"format": "skvas corrections", "version": 1, "videos": videos}
    (tmp_path / "c.json").write_text(json.dumps(page))
    y = read_corrections(tmp_path / "c.json")
    assert (len(y[0]), y[1:], y.n_actions) == (1, [None] * 3, 3)
    model = JointAlignSegment(max_epochs=0, random_state=0)
    assert model.fit(data.videos, y).n_actions_ == 3
    assert model.set_params(n_actions=2).fit(data.videos, y).n_actions_ == 2
    named = model.set_params(n_actions=None, prototypes={0: data.videos[0][0]})
    assert named.fit(data.videos, y).n_actions_ == 3
    assert model.set_params(prototypes=None).fit(data.videos, list(y)).n_actions_ == 1
