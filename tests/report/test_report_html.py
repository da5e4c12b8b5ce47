"""The page of a report: what is in the file, and what it may do."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import subprocess
import time
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

import skvas
from skvas import (
    ActionSegmenter,
    JointAlignSegment,
    Recordings,
    VideoAligner,
    report_html,
    step_report,
)
from skvas.datasets import make_videos
from skvas.display._style import COLOURS
from skvas.io import (
    Corrections,
    SegmentTable,
    TimedSegment,
    read_corrections,
    write_segments,
)
from skvas.io._corrections import CheckedRows
from skvas.preprocessing import PoseFeatures
from skvas.report._media import video_type
from skvas.report._page import MODULES
from skvas.report._signals import SCALE, pack_curves, pack_times, thin_warp
from skvas.validation import VIDEO_SUFFIXES
from tests.models import quick

POSES = [np.zeros((4, 2, 2)), np.zeros((3, 2, 2))]
LABELS = [["pour", "pour", "stir", "stir"], ["pour", "stir", "pour"]]
HOSTILE = (
    "</script x='</script><script>alert(1)</script><!-- \u2028 {{script}} &amp; \"'"
)


class Page(HTMLParser):
    """Collects the elements, texts and attributes of a page."""

    def __init__(self, path):
        super().__init__()
        self.elements = []
        self.texts = {}
        self.named = None
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self.named = dict(attrs).get("id", tag)

    def handle_endtag(self, tag):
        self.named = None

    def handle_data(self, data):
        self.texts[self.named] = self.texts.get(self.named, "") + data

    @property
    def data(self):
        return json.loads(self.texts["data"])

    @property
    def policy(self):
        (text,) = [
            attrs["content"]
            for tag, attrs in self.elements
            if attrs.get("http-equiv") == "Content-Security-Policy"
        ]
        return {r.split()[0]: r.split()[1:] for r in text.split("; ")}


@pytest.fixture
def write(tmp_path):
    def write(labels=LABELS, **options):
        return Page(report_html(labels, tmp_path / "report.html", **options))

    return write


@pytest.mark.parametrize("names", [["pour", "stir"], {0: "pour", 1: "stir"}])
def test_actions_that_do_not_occur_may_have_names(write, names):
    unlabelled = write([np.full(4, -1)], action_names=names)
    assert unlabelled.data["actions"] == ["pour", "stir"]
    first = write([np.array([0, 0, -1])], action_names=names)
    assert first.data["actions"] == ["pour", "stir"]


def test_page_has_the_segments(write):
    page = write(names=["a", "b"], fps=2, title="Tea")
    assert page.texts["title"] == page.texts["h1"] == "Tea"
    assert page.data["actions"] == page.data["labels"] == ["pour", "stir"]
    first, second = page.data["videos"]
    assert (first["name"], first["length"], first["fps"]) == ("a", 4, 2)
    assert (first["starts"], first["codes"]) == ([0, 2], [0, 1])
    assert (second["starts"], second["codes"]) == ([0, 1, 2], [0, 1, 0])
    assert page.data["colours"] == list(COLOURS)


def test_frames_without_an_action_are_no_action(write):
    (video,) = write([[-1, -1, 4, 4, 7]]).data["videos"]
    assert video["codes"] == [-1, 0, 1]
    page = write([["", "pour"]], action_names=None)
    assert page.data["videos"][0]["codes"] == [-1, 0]
    assert page.data["actions"] == ["pour"]


def test_names_of_actions_are_what_corrections_call_them(write):
    assert write([[0, 1]]).data["labels"] == [0, 1]
    for names in (["pour", "stir"], np.array(["pour", "stir"])):
        assert write([[0, 1]], action_names=names).data["labels"] == ["pour", "stir"]


def test_row_76_page_runs_and_loads_nothing_of_others(write):
    page = write(
        [[HOSTILE, "stir"]],
        names=[HOSTILE],
        title=HOSTILE,
        curves=[np.zeros((2, 1))],
        curve_names=[HOSTILE],
    )
    clean = write()
    tags = [tag for tag, _ in page.elements]
    assert tags == [tag for tag, _ in clean.elements]
    assert page.texts["title"] == HOSTILE
    assert page.data["videos"][0]["name"] == page.data["actions"][0] == HOSTILE
    assert not {*"<>&\u2028"} & {*page.texts["data"]}
    for tag, attrs in page.elements:
        assert not any(name.startswith("on") for name in attrs), tag
        assert not {"src", "srcset", "style"} & attrs.keys(), tag
        assert attrs.get("href", "#").startswith("#"), tag


def test_policy_allows_the_script_and_style_of_the_page_alone(write):
    page = write()
    for rule, name in (("script-src", "script"), ("style-src", "style")):
        digest = hashlib.sha256(page.texts[name].encode()).digest()
        assert page.policy[rule] == [f"'sha256-{base64.b64encode(digest).decode()}'"]
    for rule in ("default-src", "media-src", "base-uri", "form-action"):
        assert page.policy[rule] == ["'none'"]


def test_script_makes_no_markup_and_no_code_of_texts(write):
    script = write().texts["script"]
    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write", script)
    assert not re.search(r"\beval\b|new Function|fetch\(|XMLHttpRequest", script)


def test_controls_of_the_script_are_in_the_page(write):
    page = write()
    there = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
    assert len(there) == len(set(there))
    assert {*re.findall(r'\$\("([\w-]+)"\)', page.texts["script"])} <= {*there}
    buttons = {attrs["id"] for tag, attrs in page.elements if tag == "button"}
    clicks = page.texts["script"].split("const clicks = {")[1].split("\n};")[0]
    acts = {*re.findall(r'^  "?([\w-]+)"?[:,]', clicks, re.MULTILINE)}
    assert buttons - {"rename"} == acts  # that one submits its form


def test_script_is_one_file_of_all_modules(write):
    script = write().texts["script"]
    assert not re.search(r"^(import|export)\b", script, re.MULTILINE)
    names = re.findall(r"^(?:function|const|let) (\w+)", script, re.MULTILINE)
    assert len(names) == len(set(names))
    for name in MODULES:
        for link in re.findall(r'from "\./([\w.]+)"', _source(name)):
            assert MODULES.index(link) < MODULES.index(name)


def _source(name):
    return files(skvas).joinpath("report", name).read_text(encoding="utf-8")


def test_modules_of_the_script_do_what_their_own_tests_say():
    node = shutil.which("node")
    if node is None:
        pytest.skip("there is no Node.js")
    tests = Path(__file__).with_name("modules.test.mjs")
    run = subprocess.run([node, "--test", tests], capture_output=True, text=True)
    assert run.returncode == 0, run.stdout


def test_poses_of_all_recordings_are_in_the_page(write, tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"movie")
    poses = [np.random.default_rng(0).normal(size=(n, 3, 2)) for n in (4, 3)]
    poses[1][0, 2] = np.nan
    options = {"media": [tmp_path / "a.mp4", None], "fps": 2, "edges": [(0, "toe")]}
    page = write(poses=poses, point_names=["hip", "knee", "toe"], **options)
    assert page.data["poses"] == {"points": 3, "axes": 2, "edges": [[0, 2]]}
    first, second = (video["pose"] for video in page.data["videos"])
    assert len(base64.b64decode(first)) == poses[0].size
    found = np.frombuffer(base64.b64decode(second), np.uint8).reshape(3, 3, 2)
    assert (found[0, 2] == 255).all()
    seen = found[1:] / 127 - 1
    assert np.abs(seen).max() <= 1
    # Images have their y axis down, the page has it up.
    down = -np.corrcoef(seen[..., 1].ravel(), poses[1][1:, :, 1].ravel())[0, 1]
    assert down > 0.99


@pytest.mark.parametrize("up", ["z", "-z", "x", "y", None])
def test_axis_that_points_up_is_the_second_of_a_figure(write, up):
    poses = [np.zeros((n, 2, 3)) for n in (4, 3)]
    axis = "xyz".index(up[-1] if up else "y")
    for pose in poses:
        pose[:, 1, axis] = 1
    page = write(poses=poses, edges=[(0, 1)], up=up)
    packed = base64.b64decode(page.data["videos"][0]["pose"])
    low, high = np.frombuffer(packed, np.uint8).reshape(4, 2, 3)[0]
    assert sorted([low[1], high[1]]) == [0, 254]
    assert (high[1] == 0) == (up == "-z")
    assert (low[[0, 2]] == high[[0, 2]]).all()


def test_figures_fill_the_picture_wherever_they_are(write):
    pose = np.zeros((4, 2, 2))
    pose[:, 1] = 1, -2
    far = pose + [100.0, -7.0]
    unseen = np.full((4, 2, 2), np.nan)
    page = write([[0] * 4] * 3, poses=[pose, far, unseen])
    here, there, nowhere = (
        np.frombuffer(base64.b64decode(video["pose"]), np.uint8).reshape(4, 2, 2)
        for video in page.data["videos"]
    )
    # Two are high and one is wide: the height fills the picture.
    assert here[0].tolist() == [[64, 0], [190, 254]]
    assert (there == here).all()
    assert (nowhere == 255).all()


def test_pages_keep_corrections_by_what_these_depend_on(write):
    curves = [np.zeros((4, 1)), np.ones((3, 1))]
    ids = {write(**options).data["id"] for options in ({}, {"curves": curves})}
    assert len(ids) == 1
    others = [{"names": ["a", "c"]}, {"corrections": [[(0, 1, "x")], None]}]
    ids |= {write(**options).data["id"] for options in others}
    assert len(ids) == 3


def test_long_poses_are_thinned(write):
    pose = np.random.default_rng(0).normal(size=(20_000, 30, 3))
    pose[:] = np.linspace(0, 1, len(pose))[:, None, None]
    page = write([np.zeros(len(pose), int)] * 3, poses=[pose] * 3)
    packed = [base64.b64decode(video["pose"]) for video in page.data["videos"]]
    assert sum(map(len, packed)) <= 1_500_000
    heights = np.frombuffer(packed[0], np.uint8).reshape(-1, 30, 3)[:, 0, 0]
    assert (heights[0], heights[-1]) == (0, 254)


def test_corrections_are_marked_and_replace_what_was_found(write):
    y = Corrections([[(1, 3, "taste")], None], {(0, 1): [(1, 2)]})
    page = write(corrections=y)
    first, second = page.data["videos"]
    assert page.data["actions"] == ["pour", "taste", "stir"]
    assert (first["starts"], first["codes"]) == ([0, 1, 3], [0, 1, 2])
    assert first["known"] == [0, 3, 0]
    assert second["known"] == [0, 0, 0]
    assert page.data["anchors"] == [[0, 1, 1, 2]]


@pytest.mark.parametrize("clock", ["fps", "times"])
def test_labels_in_seconds_are_shown_as_checked(tmp_path, clock):
    videos = make_videos(3, n_actions=2, n_frames=(30, 40), random_state=0).videos
    times = [np.arange(len(video)) / 2 for video in videos]
    when = {"fps": 2} if clock == "fps" else {"times": times}
    known = Recordings(videos, ["a", "b", "c"], **when)
    rows = [TimedSegment("b", 1, 5, "x"), TimedSegment("b", 5, 7, "y")]
    y = SegmentTable(rows)
    model = quick(ActionSegmenter, n_actions=2).fit(known, y)
    for corrections in (y, [None, y, None]):  # as fit takes them
        path = model.report(known, tmp_path / "a.html", corrections=corrections)
        data = Page(path).data
        seen = [sum(video["known"]) for video in data["videos"]]
        assert seen[0] == seen[2] == 0 < seen[1]
        found = data["videos"][1]
        place = found["starts"].index(10)  # of second 5
        assert data["actions"][found["codes"][place]] == "y"
        assert data["actions"][found["codes"][place - 1]] == "x"


def test_labels_in_seconds_need_a_rate(write):
    y = [SegmentTable([TimedSegment("a", 0, 1, "stir")]), None]
    with pytest.raises(ValueError, match="video 0: .*rate of frames is not known"):
        write(corrections=y)
    page = write(corrections=y, fps=2)
    assert page.data["videos"][0]["codes"] == [page.data["actions"].index("stir")]


@pytest.mark.parametrize(
    ("checked", "starts", "known"),
    [
        ([(2, 4)], [0, 2, 4, 8], [0, 3, 0, 0]),
        ([(0, 6)], [0, 6, 8], [3, 0, 0]),
        ([(0, 2), (6, 8)], [0, 2, 6, 8], [3, 0, 3, 0]),
        ([(0, 4)], [0, 8], [1, 0]),
        ([(4, 8), (8, 9)], [0, 8], [2, 3]),
        ([(0, 8), (8, 9)], [0, 8], [3, 3]),
    ],
)
def test_corrections_are_known_where_more_of_a_step_was_found(
    write, checked, starts, known
):
    labels = ["a"] * 8 + ["b"]
    y = [[(a, b, labels[a]) for a, b in checked]]
    (video,) = write([labels], corrections=y).data["videos"]
    assert (video["starts"], video["known"]) == (starts, known)
    assert {*video["status"]} == {"usual"}


@pytest.mark.parametrize("labels", [LABELS, [[0, 0, 1, 1], [0, 1, 0]]])
def test_corrections_without_an_action_are_shown_again(write, labels):
    rows = CheckedRows([(1, 3, None)], "a", 4)
    first, second = write(labels, corrections=[rows, None]).data["videos"]
    assert (first["starts"], first["codes"]) == ([0, 1, 3], [0, -1, 1])
    assert (first["known"], second["known"]) == ([0, 3, 0], [0, 0, 0])


@pytest.mark.parametrize(
    ("names", "lengths", "message"),
    [
        (["b", "a"], [5, 4], "video 0.*of 'a' stand where the recordings have 'b'"),
        (["a", "b"], [4, 9], "video 1.*of 'b' are of 5 frames, but .* has 9"),
    ],
)
def test_anchors_alone_are_of_their_recordings(
    write, tmp_path, names, lengths, message
):
    videos = [
        {"name": name, "n_frames": n_frames, "segments": []}
        for name, n_frames in (("a", 4), ("b", 5))
    ]
    anchor = {"videos": ["a", "b"], "frames": [1, 2]}
    saved = {"format": "skvas corrections", "version": 1, "videos": videos}
    (tmp_path / "c.json").write_text(json.dumps({**saved, "anchors": [anchor]}))
    corrections = read_corrections(tmp_path / "c.json")
    labels = [np.zeros(n_frames, int) for n_frames in (4, 5)]
    page = write(labels, names=["a", "b"], corrections=corrections)
    assert page.data["anchors"] == [[0, 1, 1, 2]]
    labels = [np.zeros(n_frames, int) for n_frames in lengths]
    with pytest.raises(ValueError, match=message):
        write(labels, names=names, corrections=corrections)


def test_row_77_anchors_that_are_not_there_are_refused(write):
    none = Corrections([None, None], {(0, 1): []})
    assert write(corrections=none).data["anchors"] == []
    for frame in (-1, 9):
        y = Corrections([None, None], {(0, 1): [(1, frame)]})
        with pytest.raises(ValueError, match=f"video 1: .*anchor at frame {frame}"):
            write(corrections=y)


def test_corrections_know_actions_by_their_names(write):
    y = [[(0, 2, "stir"), (2, 4, "0")], None]
    page = write(
        [[0, 0, 0, 0], [0, 0, 0]], action_names=["pour", "stir"], corrections=y
    )
    assert page.data["videos"][0]["codes"] == [1, 0]
    assert page.data["labels"] == ["pour", "stir"]


def test_corrections_that_are_numbers_are_those_labels(write):
    y = [np.array([-1, 5, 5, 1]), None]
    page = write([[0, 0, 1, 1], [0, 1, 0]], corrections=y)
    assert page.data["labels"] == [0, 1, 5]
    assert page.data["videos"][0]["codes"] == [0, 2, 1]
    assert page.data["videos"][0]["known"] == [0, 3, 3]


def test_row_76_half_characters_in_names_are_written(write):
    page = write(names=["a\udcff", "b"], title="\ud800")
    assert page.data["videos"][0]["name"] == "a\udcff"


def test_steps_are_judged_as_step_report_does(tmp_path):
    videos = make_videos(6, n_actions=3, random_state=0).videos
    model = ActionSegmenter(3, max_epochs=0, random_state=0).fit(videos)
    page = Page(model.report(videos[:2], tmp_path / "r.html", fps=5))
    for name, video in enumerate(page.data["videos"]):
        records = [
            r
            for r in step_report(model, videos[:2]).records
            if r["video"] == name and r["start"] is not None
        ]
        assert video["status"] == [r["status"] for r in records]
        assert video["z"] == [
            None if r["z_score"] is None else round(r["z_score"], 2) for r in records
        ]


def test_swapped_steps_are_those_of_step_report(tmp_path, monkeypatch):
    videos = make_videos(6, n_actions=3, random_state=0).videos
    model = ActionSegmenter(3, max_epochs=0, random_state=0).fit(videos)
    usual = list(dict.fromkeys(model.labels_[0].tolist()))
    swapped = np.repeat([usual[0], usual[2], usual[1]], len(videos[0]) // 3)
    swapped = np.append(swapped, [usual[1]] * (len(videos[0]) - len(swapped)))
    # As if a timeline lacked the second step.
    lacking = np.where(np.arange(len(swapped)) < 9, usual[0], usual[2])
    monkeypatch.setattr(
        "skvas.estimators._reports.look_at",
        lambda *_: ([lacking], [np.full(len(lacking), 0.9)]),
    )
    monkeypatch.setattr(
        ActionSegmenter, "_labels_in_any_order", lambda *_: [swapped], raising=False
    )
    (video,) = Page(model.report(videos[:1], tmp_path / "r.html")).data["videos"]
    assert video["codes"] == [usual[0], usual[2], usual[1]]
    assert "out_of_order" in video["status"]
    assert video["skipped"] == []
    assert min(video["sure"]) < 0.9  # where predict says otherwise


def test_certainty_of_a_boundary_is_that_of_the_frames_around(write):
    certainty = [[0, 0, 1, 1, 0.5, 0, 9]]
    page = write([["a", "a", "a", "a", "b", "b", "b"]], certainty=certainty)
    assert page.data["videos"][0]["sure"] == [
        pytest.approx((1 + 1 + 0.5) / 3, abs=1e-4)
    ]


@pytest.mark.parametrize("n_frames", [1, 2, 5000])
def test_warp_of_few_knots_is_near_that_of_all_frames(n_frames):
    rng = np.random.default_rng(0)
    speed = np.repeat(rng.random(n_frames // 50 + 1), 50)[:n_frames]
    positions = np.cumsum(speed) / speed.sum()
    frames, places = thin_warp(positions, 30)
    assert len(frames) <= 266
    assert frames[0] == 0
    assert frames[-1] == n_frames - 1
    back = np.interp(np.arange(n_frames), frames, places) / SCALE
    assert np.abs(back - positions).max() < 1 / n_frames


@pytest.mark.parametrize("steps", [[1, 1, 1, 1, 2], [1, 1, 2, 5], [1, 0.1, 9]])
def test_clock_of_many_odd_frames_is_right(steps):
    rng = np.random.default_rng(0)
    times = 7 + np.cumsum(rng.choice(steps, 5000)) / 30
    clock = pack_times(times, 100)
    found = clock["first"] + clock["unit"] * np.cumsum([0, *clock["steps"]])
    np.testing.assert_allclose(found[:-1], times, atol=0.25 / 30)


def test_clock_keeps_the_middles_of_short_frames_on_their_side():
    rng = np.random.default_rng(0)
    times = np.cumsum(rng.gamma(0.3, size=400) + 1e-4)
    clock = pack_times(times, 1)
    if "steps" in clock:
        ticks = np.cumsum([0, *clock["steps"]])
        edges = clock["first"] + clock["unit"] * ticks
    else:
        edges = np.interp(np.arange(401), clock["frames"], clock["seconds"])
    middles = (times[1:] + times[:-1]) / 2
    assert (np.searchsorted(edges, middles, "right") - 1 == np.arange(399)).all()


def test_clock_of_even_frames_is_short():
    times = np.r_[np.arange(3000) / 30, 200 + np.arange(3000) / 25]
    assert len(pack_times(times, 100)["frames"]) <= 4


def test_curves_share_a_range_and_skip_what_is_missing():
    up = np.linspace(0, 10, 3000)[:, None]
    up[100:200] = np.nan
    low, high = (
        np.frombuffer(base64.b64decode(t), np.uint8)
        for t in pack_curves([up, up[:20] + 5])
    )
    assert len(low) == 1000
    assert (low[0], low[-1]) == (0, 255)
    assert (np.diff(low.astype(int)) >= 0).all()
    assert set(high) <= {127, 128, 129}


def test_types_of_videos_do_not_depend_on_the_system(tmp_path, monkeypatch):
    monkeypatch.setattr("mimetypes.guess_type", lambda name: (None, None))
    found = {suffix: video_type(f"clip{suffix}") for suffix in VIDEO_SUFFIXES}
    assert all(kind.startswith("video/") for kind in found.values())
    assert video_type("CLIP.MP4") == "video/mp4"
    write_segments(
        SegmentTable.from_labels(["x"], "v", fps=1), tmp_path / "v.eaf", media="v.m4v"
    )
    assert 'MIME_TYPE="video/mp4"' in (tmp_path / "v.eaf").read_text(encoding="utf-8")


def test_media_are_linked_relative_to_the_page(tmp_path):
    (tmp_path / "clips #1").mkdir()
    clip = tmp_path / "clips #1" / "a%b?.mp4"
    clip.write_bytes(b"movie")
    (tmp_path / "out").mkdir()
    options = {"media": [clip, None], "fps": 25}
    page = Page(report_html(LABELS, tmp_path / "out" / "r.html", **options))
    assert [v["media"] for v in page.data["videos"]] == [
        "../clips%20%231/a%25b%3F.mp4",
        None,
    ]
    assert page.policy["media-src"] == ["'self'", "file:"]
    page = Page(report_html(LABELS, tmp_path / "r.html", embed=True, **options))
    assert page.data["videos"][0]["media"] == "data:video/mp4;base64,bW92aWU="
    assert page.policy["media-src"] == ["data:"]


def test_row_76_media_of_damaged_names_are_linked(tmp_path):
    clip = tmp_path / "a\udcff.mp4"
    try:
        clip.write_bytes(b"movie")
    except (OSError, UnicodeError):
        pytest.skip("files have no such names here")
    options = {"media": [clip, None], "fps": 25}
    page = Page(report_html(LABELS, tmp_path / "r.html", **options))
    assert page.data["videos"][0]["media"] == "a%FF.mp4"


def test_thirty_recordings_of_three_minutes_are_small_and_quick(tmp_path):
    rng = np.random.default_rng(0)
    n_frames = 3 * 60 * 30
    labels = [np.sort(rng.integers(0, 9, n_frames)) for _ in range(30)]
    positions = [np.sort(rng.random(n_frames)) for _ in range(30)]
    curves = [rng.random((n_frames, 3)) for _ in range(30)]
    began = time.perf_counter()
    path = report_html(
        labels, tmp_path / "r.html", positions=positions, curves=curves, fps=30
    )
    assert time.perf_counter() - began < 30  # some .2 s alone
    assert path.stat().st_size < 300_000


def test_five_hundred_recordings_fit_in_a_page(tmp_path):
    labels = [np.repeat([0, 1, 2, 3], 250)] * 500
    positions = [np.linspace(0, 1, 1000) ** 2] * 500
    path = report_html(labels, tmp_path / "r.html", positions=positions)
    assert path.stat().st_size < 400_000


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"labels": []}, "at least one frame"),
        ({"names": ["a", "a"]}, "'a' is there twice"),
        ({"names": ["a"]}, "2 name"),
        ({"fps": 0}, "fps"),
        ({"fps": [2]}, "fps must be .* each of the 2 recordings"),
        ({"positions": [[0, 1, 2, 3], [0, 0, 0]]}, "video 0: .*between 0 and 1"),
        ({"positions": [[0, 0, 0, 0], [1, 0, 1]]}, "video 1: .*never fall"),
        ({"positions": [[0, 0, 0], [0, 0, 1]]}, "video 0: .*4 frames"),
        ({"positions": [[0, 0, 0, 0]]}, "each of the 2 recordings"),
        ({"certainty": [[0, 0, 0, np.nan], [0, 0, 0]]}, "video 0: .*finite"),
        ({"curves": [np.zeros((4, 4)), np.zeros((3, 4))]}, "1 to 3 columns"),
        ({"curves": [np.zeros((4, 1)), np.zeros((3, 2))]}, "1 to 3 columns"),
        ({"curve_names": ["x"]}, "0 name"),
        ({"media": ["a.mp4"], "fps": 2}, "2 file"),
        ({"edges": [(0, 1)]}, "no use without poses"),
        ({"poses": [np.zeros((4, 2, 2))]}, "each of the 2 recordings"),
        ({"poses": [np.zeros((4, 2, 2)), np.zeros((3, 1, 2))]}, "the same points"),
        ({"poses": [np.zeros((4, 2, 4)), np.zeros((3, 2, 4))]}, "video 0: .*2 or 3"),
        ({"poses": POSES, "up": "w"}, "up"),
        ({"poses": POSES, "up": "z"}, "only 2 axes"),
        ({"poses": POSES, "edges": [(0, 2)]}, "index below 2"),
        ({"poses": POSES, "edges": [(0, "hip")]}, "'hip'"),
        ({"poses": POSES, "edges": [(0, 0.5)]}, "0.5"),
        ({"poses": POSES, "edges": ["ab"]}, "pairs of points"),
        ({"poses": POSES, "edges": [0, 1]}, "pairs of points, got 0"),
        ({"poses": POSES, "point_names": ["hip"]}, "2 name"),
        ({"corrections": [None]}, "each of the 2 videos"),
        ({"corrections": [[(0, 9, "pour")], None]}, "video 0"),
        ({"corrections": Corrections([None] * 2, {(0, 1): [(0, 9)]})}, "frame 9"),
        ({"media": ["a.mp4", None]}, "needs fps"),
        ({"labels": [[0.5, 1]]}, "integers or strings"),
        ({"action_names": ["x", "x"], "labels": [[0, 1]]}, "the same name"),
    ],
)
def test_row_75_bad_input_is_named_and_leaves_no_file(tmp_path, options, message):
    labels = options.pop("labels", LABELS)
    with pytest.raises(ValueError, match=message):
        report_html(labels, tmp_path / "report.html", **options)
    assert list(tmp_path.iterdir()) == []


def test_row_75_missing_media_and_odd_media_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no-such.mp4"):
        report_html(LABELS, tmp_path / "r.html", media=["no-such.mp4", None], fps=2)
    (tmp_path / "notes.txt").write_text("no movie")
    media = [tmp_path / "notes.txt", None]
    with pytest.raises(ValueError, match="no video by its name"):
        report_html(LABELS, tmp_path / "r.html", media=media, fps=2, embed=True)
    with pytest.raises(TypeError, match="embed"):
        report_html(LABELS, tmp_path / "r.html", embed="yes")
    with pytest.raises(TypeError, match="title"):
        report_html(LABELS, tmp_path / "r.html", title=3)
    assert [file.name for file in tmp_path.iterdir()] == ["notes.txt"]


@pytest.fixture(scope="module")
def steady():
    """Videos that share an order, and so have a timeline."""
    return make_videos(6, n_actions=5, n_features=8, warp=0.6, random_state=0).videos


def test_swapped_steps_are_found_beside_the_timeline(steady, tmp_path):
    def frames(videos):
        return [pd.DataFrame(video, columns=list("abcdefgh")) for video in videos]

    model = quick(JointAlignSegment, n_actions=5, segment_on="timeline")
    labels = model.fit(frames(steady)).labels_
    first, second, *rest = dict.fromkeys(labels[2])
    parts = [steady[2][labels[2] == k] for k in (second, first, *rest)]
    swapped = frames([np.concatenate(parts)])
    (video,) = Page(model.report(swapped, tmp_path / "r.html")).data["videos"]
    assert video["status"].count("out_of_order") == 1
    assert video["skipped"] == []
    named = clone(model).set_params(n_actions=None).fit(frames(steady), labels)
    assert named._labels_in_any_order(swapped) is None


def test_model_shows_its_timeline(steady, tmp_path):
    model = quick(JointAlignSegment, n_actions=5, segment_on="timeline").fit(steady)
    assert model.timeline_ is not None
    page = Page(
        model.report(steady, tmp_path / "r.html", features=[0, 5], fps=10, title="Tea")
    )
    assert page.data["common"] == "timeline"
    assert page.data["features"] == ["0", "5"]
    assert max(page.data["density"]) == 6
    for video, frames in zip(page.data["videos"], steady, strict=True):
        assert video["length"] == len(frames)
        at = np.interp(np.arange(len(frames)), video["frames"], video["places"])
        positions = model.timeline_.to_timeline(frames)
        assert np.abs(at / SCALE - positions).max() < 1 / len(frames)
        assert len(video["sure"]) == len(video["starts"]) - 1
        assert all(0 <= sure <= 1 for sure in video["sure"])


def test_aligner_shows_recordings_without_actions(steady, tmp_path):
    model = quick(VideoAligner).fit(steady)
    assert model.timeline_ is not None
    page = Page(model.report(steady, tmp_path / "r.html"))
    assert page.data["actions"] == []
    assert page.data["common"] == "timeline"
    assert all(video["codes"] == [-1] for video in page.data["videos"])


def test_model_shows_what_recordings_and_it_know(steady, tmp_path):
    for name in ("0.mp4", "1.wav"):
        (tmp_path / name).write_bytes(b"media")
    files = [tmp_path / name for name in ("0.mp4", "1.wav", "gone.mp4")]
    known = Recordings(
        steady[:3],
        ["anna", "ben", "cleo"],
        fps=[10, 20, 25],
        media=files,
        feature_names=[f"joint {i}" for i in range(8)],
    )
    model = ActionSegmenter(3, max_epochs=0, random_state=0).fit(known)
    model.name_actions(["pour", "stir", "taste"])
    shown = [3, "joint 5"]
    page = Page(model.report(known, tmp_path / "r.html", features=shown))
    assert page.data["features"] == ["joint 3", "joint 5"]
    videos = page.data["videos"]
    assert [v["name"] for v in videos] == ["anna", "ben", "cleo"]
    assert [v["fps"] for v in videos] == [10, 20, 25]
    assert [v["media"] for v in videos] == ["0.mp4", None, None]
    with pytest.raises(ValueError, match="pass those to send as media"):
        model.report(known, tmp_path / "sent.html", embed=True)
    assert not (tmp_path / "sent.html").exists()
    assert page.data["actions"] == page.data["labels"] == ["pour", "stir", "taste"]
    page = Page(model.report(list(known), tmp_path / "r.html", fps=5))
    assert [v["name"] for v in page.data["videos"]][0] == "recording 0"
    assert {v["fps"] for v in page.data["videos"]} == {5}
    other = {0: "a", 1: "b", 2: "c"}
    page = Page(model.report(known, tmp_path / "r.html", action_names=other))
    assert page.data["actions"] == ["a", "b", "c"]


def test_model_shows_the_times_of_frames(steady, tmp_path):
    times = [5 + np.cumsum(np.where(np.arange(len(v)) < 40, 0.02, 0.1)) for v in steady]
    known = Recordings(steady, times=times)
    model = quick(JointAlignSegment, n_actions=3).fit(known)
    page = Page(model.report(known, tmp_path / "r.html"))
    for video, stamps in zip(page.data["videos"], times, strict=True):
        found = np.interp(np.arange(len(stamps)), *video["times"].values())
        np.testing.assert_allclose(found, stamps, atol=0.025)
        assert video["times"]["seconds"][-1] == pytest.approx(stamps[-1] + 0.1)
    page = Page(model.report(known, tmp_path / "r.html", fps=5))
    assert {v["times"] for v in page.data["videos"]} == {None}


def test_page_compares_durations_of_other_rates_in_seconds(write):
    texts = ["aabbcc", "abbbcc", "aaabccc", "aabbbbccc"]
    slow = write([list(text) for text in texts], fps=10)
    doubled = [[letter for letter in texts[0] for _ in range(2)], *map(list, texts[1:])]
    mixed = write(doubled, fps=[20, 10, 10, 10])
    for name in ("status", "z", "skipped"):
        known = [video[name] for video in slow.data["videos"]]
        assert [video[name] for video in mixed.data["videos"]] == known
    assert any(score for video in slow.data["videos"] for score in video["z"])


def test_poses_that_a_model_was_fitted_to_are_its_figures(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    walks = [rng.normal(size=(30, 4, 2)).cumsum(axis=0) for _ in range(3)]
    known = Recordings(walks, fps=10, feature_names=["hip", "knee", "toe", "head"])
    features = PoseFeatures("xy")
    model = ActionSegmenter(2, max_epochs=0, features=features, random_state=0)
    model.fit(known)
    page = Page(model.report(known, tmp_path / "r.html", edges=[("hip", "head")]))
    assert page.data["poses"] == {"points": 4, "axes": 2, "edges": [[0, 3]]}
    flat = [walk.reshape(30, 8) for walk in walks]
    with monkeypatch.context() as patch:
        patch.setattr(ActionSegmenter, "_show", None)  # what takes long is not begun
        with pytest.raises(ValueError, match="edges needs poses"):
            model.report(flat, tmp_path / "r.html", edges=[(0, 1)])
        with pytest.raises(ValueError, match="up has no use"):
            model.report(flat, tmp_path / "r.html", up="y")
    page = Page(model.report(flat, tmp_path / "r.html", edges=[(0, 1)], poses=walks))
    assert page.data["videos"][2]["pose"] is not None


def test_figures_beside_other_features_know_the_names_of_their_points(tmp_path):
    rng = np.random.default_rng(0)
    walks = [rng.normal(size=(30, 4, 2)).cumsum(axis=0) for _ in range(3)]
    poses = Recordings(walks, fps=10, feature_names=["hip", "knee", "toe", "head"])
    made = PoseFeatures().fit_transform(poses)
    model = ActionSegmenter(2, max_epochs=0, random_state=0).fit(made)
    edges = [("hip", "head")]
    page = Page(model.report(made, tmp_path / "r.html", poses=poses, edges=edges))
    assert page.data["poses"]["edges"] == [[0, 3]]


def test_anchors_of_poses_are_taken_by_align():
    rng = np.random.default_rng(0)
    walks = [rng.normal(size=(30, 4, 2)).cumsum(axis=0) for _ in range(3)]
    model = VideoAligner(max_epochs=0, features=PoseFeatures("xy"), random_state=0)
    found = model.fit(walks).align(walks[0], walks[1], anchors=[(10, 14)])
    assert found.matches_x[10] == 14


def test_segments_too_short_for_a_step_are_brief(write):
    usual = np.repeat([0, 1], 50)
    blip = usual.copy()
    blip[20:23] = 1
    page = write([usual] * 5 + [blip])
    assert page.data["videos"][5]["status"] == ["usual", "brief", "usual", "usual"]


def test_row_75_model_names_what_is_wrong(steady, tmp_path):
    model = ActionSegmenter(4, max_epochs=0, random_state=0)
    with pytest.raises(NotFittedError):
        model.report(steady, tmp_path / "r.html")
    model.fit(steady)
    for options, message in (
        ({"features": [8]}, "an index below 8"),
        ({"features": ["x"]}, "'x'"),
        ({"features": [0, 1, 2, 3]}, "at most 3"),
        ({"features": "x"}, "at most 3"),
        ({"features": 1}, "at most 3"),
        ({"poses": []}, "each of the 6 recordings, got 0"),
        ({"fps": -1}, "fps"),
        ({"names": ["a"] * 6}, "twice"),
    ):
        with pytest.raises(ValueError, match=message):
            model.report(steady, tmp_path / "r.html", **options)
    with pytest.raises(ValueError, match="8 features"):
        model.report([video[:, :5] for video in steady], tmp_path / "r.html")
    assert list(tmp_path.iterdir()) == []


def test_page_is_part_of_the_package():
    folder = files(skvas).joinpath("report")
    for name in ("template.html", "style.css", *MODULES):
        assert folder.joinpath(name).is_file()


def test_a_recording_without_labels_is_told_to_be_left_out(tmp_path):
    with pytest.raises(ValueError, match="video 1 has no labels"):
        report_html([LABELS[0], None], tmp_path / "page.html")
    with pytest.raises(ValueError, match="video 0 has no labels"):
        report_html([None, LABELS[0]], tmp_path / "page.html")


def test_a_recording_without_frames_is_refused_by_name(tmp_path):
    with pytest.raises(ValueError, match="'recording 0' has no frames to show; leave"):
        report_html([[], [0]], tmp_path / "page.html")
