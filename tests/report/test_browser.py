"""The page of a report in a real browser, where there is one."""

from __future__ import annotations

import io
import json
import re
import shutil
import time
from itertools import cycle

import numpy as np
import pytest

from skvas import ActionSegmenter, VideoAligner, report_html
from skvas.datasets import make_videos
from skvas.io import Corrections, read_corrections, read_segments
from skvas.labels import frame_labels
from skvas.report._report_html import Shown, write_report
from tests.clips import write_clip

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))),
    None,
)
FPS, BITS = 25, 10
PATIENCE = 60  # seconds, for what takes one where nothing else works
HOSTILE = "<!--<script </script x=></script><img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="no Playwright")
    if CHROMIUM is None:
        pytest.skip("there is no Chromium; on Debian, apt-get install chromium")
    with playwright.sync_playwright() as started:
        # Root has no sandbox.
        options = {"executable_path": CHROMIUM, "args": ["--no-sandbox"]}
        try:
            chromium = started.chromium.launch(**options)
        except playwright.Error as error:
            pytest.skip(f"{CHROMIUM} does not start: {error}")
        yield chromium
        chromium.close()


@pytest.fixture
def visit(browser):
    """Open a file; whatever the console says against it fails the test."""
    complaints, contexts = [], []

    def visit(path, *, width=1200, scheme="light"):
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme
        )
        context.set_default_timeout(1000 * PATIENCE)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda m: complaints.append(m.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(dialog.message))
        page.on("request", lambda r: check_local(r.url))
        page.goto(path.as_uri())
        return page

    def check_local(url):
        if not url.startswith(("file:", "data:", "blob:")):
            complaints.append(url)

    yield visit
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def page(visit, tmp_path):
    labels = [np.repeat([0, 1, 2], [30, 40, 30]), np.repeat([0, 1, 2], [20, 20, 60])]
    positions = [np.cumsum(np.linspace(0.01, 0.02, 100)) / 1.5 for _ in labels]
    certainty = [np.repeat([0.9, 0.8, 0.9], [40, 20, 40]), np.full(100, 0.7)]
    path = report_html(
        labels,
        tmp_path / "report.html",
        positions=[np.clip(p, 0, 1) for p in positions],
        certainty=certainty,
        fps=10,
        names=["first", "second"],
    )
    return visit(path)


def wait_until(page, expression):
    """Wait until an expression holds; the page lets Playwright run no text in it."""
    started = time.monotonic()
    while not page.evaluate(expression):
        assert time.monotonic() - started < PATIENCE, f"never: {expression}"
        page.wait_for_timeout(50)


def wait_for_drawing(page):
    """Wait until the page has drawn what it had to draw."""
    page.evaluate(
        "new Promise(go => requestAnimationFrame(() => requestAnimationFrame(go)))"
    )


def status(page):
    return page.inner_text("#status")


def saved(page, button, path):
    with page.expect_download() as download:
        page.click(button)
    download.value.save_as(path)
    return path


def x_of(page, frame, n_frames=100):
    """Return where a frame of the longest recording is, on the axis of real time."""
    box = page.locator("#canvas").bounding_box()
    gutter = 150
    return box["x"] + gutter + frame / n_frames * (box["width"] - gutter - 8)


def y_of(page, row):
    return page.locator("#canvas").bounding_box()["y"] + 24 + 28 * row + 14


def test_row_76_texts_of_others_stay_texts(visit, tmp_path):
    path = report_html(
        [[HOSTILE, "b"], ["b", HOSTILE]],
        tmp_path / f"{'x' * 20}.html",
        names=[HOSTILE, "two"],
        title=HOSTILE,
    )
    page = visit(path)
    assert page.inner_text("h1") == HOSTILE
    assert HOSTILE in status(page)
    assert page.locator("img").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["", "x" * 90])
def test_page_fits_a_narrow_screen(visit, tmp_path, scheme, name):
    labels = [[f"{i}{name}" for i in range(25) for _ in range(4)]] * 3
    page = visit(
        report_html(labels, tmp_path / "report.html"), width=400, scheme=scheme
    )
    assert page.evaluate("document.documentElement.scrollWidth") == 400


def test_long_texts_are_cut_between_characters(visit, tmp_path):
    labels = [["😀" * 40, "a"], ["a" + "😀" * 40, "b"]]
    names = ["😀" * 40, "a" + "😀" * 40]
    page = visit(report_html(labels, tmp_path / "r.html", names=names), width=400)
    page.evaluate("""() => {
      window.drawn = [];
      const canvas = document.getElementById("canvas").getContext("2d");
      canvas.fillText = (text) => window.drawn.push(text);
    }""")
    page.keyboard.press("l")
    wait_until(page, "drawn.filter(text => text.includes('…')).length >= 3")
    assert page.evaluate("drawn.every(text => text.isWellFormed())")


def test_names_from_right_to_left_turn_no_times(visit, tmp_path):
    names = ["\u05e9\u05dc\u05d5\u05dd 12", "\u05db\u05df"]
    page = visit(report_html([["\u05d3"] * 9] * 2, tmp_path / "r.html", names=names))
    for key in ("a", "ArrowDown", "l", "a"):
        page.keyboard.press(key)
    lefts = """name => {
      const box = document.createRange();
      box.selectNode(name.nextSibling);
      return [name, box].map(part => part.getBoundingClientRect().left);
    }"""
    for place in ("#status", "#anchors"):
        for name in page.locator(f"{place} bdi").all():
            before, after = name.evaluate(lefts)
            assert before < after
    assert page.locator("bdi").all_inner_texts() == [names[1], "\u05d3", *names]


def test_rows_fit_beside_scroll_bars(page):
    page.evaluate("document.body.style.width = '700px'")  # as a scroll bar does
    widths = "['canvas', 'rows'].map(id => document.getElementById(id).clientWidth)"
    wait_until(page, f"new Set({widths}).size === 1")


def test_rows_are_printed_in_their_full_width_and_texts_in_dark_ink(visit, tmp_path):
    labels = [np.repeat(np.arange(4), 25)] * 2
    page = visit(report_html(labels, tmp_path / "r.html"), scheme="dark")
    page.emulate_media(media="print")
    # Paper is narrower than the screen, and nothing is measured anew for it.
    widths = page.evaluate("""() => {
      document.body.style.width = "700px";
      return ["canvas", "rows"].map((id) => document.getElementById(id).clientWidth);
    }""")
    assert widths[0] == widths[1] < 700
    ink = "getComputedStyle(document.body).color"
    assert page.evaluate(ink) == "rgb(27, 27, 27)"


def test_all_rows_and_steps_are_printed(visit, tmp_path):
    labels = [np.repeat(np.arange(10), 5)] * 80
    page = visit(report_html(labels, tmp_path / "r.html"))
    page.select_option("#filter", "all")
    heights = "[document.getElementById('canvas'), document.querySelector('.scroll')]"
    heights += ".map((e) => [e.clientHeight, e.scrollHeight])"
    shown = page.evaluate(heights)
    assert shown[0][0] < 28 * 80
    assert shown[1][0] < shown[1][1]
    page.emulate_media(media="print")
    wait_until(page, f"{heights}[0][0] > {28 * 80}")
    table = page.evaluate(heights)[1]
    assert table[0] == table[1]
    assert page.locator("#undo").is_hidden()
    page.emulate_media(media="screen")
    wait_until(page, f"{heights}[0][0] === {shown[0][0]}")


def test_clicks_between_near_boundaries_go_where_they_are(visit, tmp_path):
    labels = [np.arange(9000) // 90 % 7] * 2
    page = visit(report_html(labels, tmp_path / "r.html"))
    page.select_option("#axis", "real")
    for frame in (4550, 4540):
        page.mouse.click(x_of(page, frame, 9000), y_of(page, 0))
        at = int(re.search(r"frame (\d+)", status(page))[1])
        assert abs(at - frame) <= 9000 / 1000


def test_axis_is_zoomed_around_a_moment_and_follows_it(visit, tmp_path):
    labels = [np.arange(9000) // 90 % 7] * 2
    page = visit(report_html(labels, tmp_path / "r.html"))
    page.select_option("#axis", "real")
    x, y = x_of(page, 4500, 9000), y_of(page, 0)
    page.mouse.click(x, y)
    for _ in range(20):
        page.keyboard.press("+")
    # Forty frames are in view, and a click is exact.
    box = page.locator("#canvas").bounding_box()
    for by in (-10, 10):
        page.mouse.click(x + by * (box["width"] - 158) / 40, y)
        assert f"frame {4500 + by}:" in status(page)
    page.keyboard.press("]")
    start = int(re.search(r"frame (\d+)", status(page))[1])
    page.mouse.move(x, y)
    page.mouse.wheel(0, 0)
    page.keyboard.down("Shift")
    page.mouse.wheel(0, 200)
    page.keyboard.up("Shift")
    page.mouse.click(x, y)
    moved = int(re.search(r"frame (\d+)", status(page))[1])
    assert moved > start
    page.keyboard.down("Control")
    for _ in range(20):
        page.mouse.wheel(0, 400)
    page.keyboard.up("Control")
    page.mouse.click(x_of(page, 9000, 9000) - 1, y)
    assert int(re.search(r"frame (\d+)", status(page))[1]) > 8950


def test_names_are_told_by_what_they_do_not_share(visit, tmp_path):
    names = [f"Line 3, shift {s}, camera on the left above" for s in "ABC"]
    page = visit(report_html([[0, 1]] * 3, tmp_path / "r.html", names=names))
    page.evaluate("""() => {
      window.drawn = [];
      const draw = CanvasRenderingContext2D.prototype.fillText;
      CanvasRenderingContext2D.prototype.fillText = function (text, ...rest) {
        window.drawn.push(text);
        draw.call(this, text, ...rest);
      };
    }""")
    page.keyboard.press("ArrowDown")
    wait_until(page, "window.drawn.length > 5")
    drawn = page.evaluate("window.drawn")
    assert {text[:2] for text in drawn if text.startswith("…")} == {"…A", "…B", "…C"}
    box = page.locator("#canvas").bounding_box()
    page.mouse.move(box["x"] + 20, y_of(page, 1))
    assert page.locator("#canvas").get_attribute("title") == names[1]


def test_keys_walk_through_recordings(page):
    assert status(page) == "first, 0.00 s: 0 (segment 1 of 3)"
    walk = {
        "]": "first, 3.00 s: 1 (segment 2 of 3)",
        "ArrowLeft": "first, 2.90 s: 0 (segment 1 of 3)",
        "l": "first, 3.90 s: 1 (segment 2 of 3)",
        "j": "first, 2.90 s: 0 (segment 1 of 3)",
        "ArrowRight": "first, 3.00 s: 1 (segment 2 of 3)",
        "ArrowDown": "second, 3.00 s: 1 (segment 2 of 3)",
        "[": "second, 2.00 s: 1 (segment 2 of 3)",
        "ArrowUp": "first, 2.00 s: 0 (segment 1 of 3)",
        "u": "second, 2.00 s: 1 (segment 2 of 3)",
    }
    for key, expected in walk.items():
        page.keyboard.press(key)
        assert status(page) == expected, key
    page.keyboard.press("[")
    assert status(page).startswith("No earlier boundary.")


def test_brackets_may_lie_behind_alt_and_other_shortcuts_are_the_browser_s(page):
    press = """keys => document.body.dispatchEvent(
      new KeyboardEvent("keydown", { bubbles: true, ...keys }))"""
    for modifiers in ({"altKey": True}, {"altKey": True, "ctrlKey": True}):
        page.evaluate(press, {"key": "]", **modifiers})
        assert status(page).startswith("first, 3.00 s")
        page.evaluate(press, {"key": "ArrowLeft"})
        assert status(page).startswith("first, 2.90 s")
    for modifier in ("altKey", "ctrlKey", "metaKey"):
        page.evaluate(press, {"key": "l", modifier: True})
    page.evaluate(press, {"key": "]", "metaKey": True})
    assert status(page).startswith("first, 2.90 s")


def test_seconds_are_those_of_the_frames(visit, tmp_path):
    labels = [np.zeros(40, int)] * 2
    page = visit(report_html(labels, tmp_path / "r.html", fps=0.4))
    page.keyboard.press("l")
    assert status(page).startswith("recording 0, 2.50 s")
    times = [np.r_[np.arange(10) / 10, 1:31]] * 2  # the last frames are seconds apart
    shown = Shown(labels, labels, ["a", "b"], [4.0] * 2, times=times)
    page = visit(write_report(shown, tmp_path / "r.html"))
    for expected in (1, 2, 3, 2):
        page.keyboard.press("j" if status(page).startswith("a, 3.00 s") else "l")
        assert status(page).startswith(f"a, {expected}.00 s")
    for _ in range(10):  # a busy machine may draw nothing for a second
        began, started = float(status(page).split()[1]), time.monotonic()
        page.keyboard.press("k")
        page.wait_for_timeout(1000)
        page.keyboard.press("k")
        moved = float(status(page).split()[1]) - began
        assert moved < time.monotonic() - started + 0.01  # rounded to hundredths
        if moved > 0.5:
            break
    assert moved > 0.5


def test_least_certain_boundaries_come_in_order_until_checked(page):
    seen = []
    for _ in range(4):
        page.keyboard.press("u")
        seen.append(status(page).split(":")[0])
    assert seen[:2] == ["second, 2.00 s", "second, 4.00 s"]
    assert sorted(seen[2:]) == ["first, 3.00 s", "first, 7.00 s"]
    for name in ("first", "second"):
        page.keyboard.press("ArrowUp" if name == "first" else "ArrowDown")
        page.click("#check-all")
    page.keyboard.press("u")
    assert status(page).startswith("No boundary is left")


def test_dragged_boundary_comes_back_as_labels_for_fit(visit, tmp_path):
    data = make_videos(4, n_actions=3, n_frames=(80, 99), random_state=0)
    rows = [labels.tolist() for labels in data.labels]
    page = visit(report_html(rows, tmp_path / "report.html", fps=10))
    page.select_option("#axis", "real")
    longest = max(map(len, rows))
    cut = rows[1].index(1)
    page.mouse.move(x_of(page, cut, longest), y_of(page, 1))
    page.mouse.down()
    page.mouse.move(x_of(page, cut + 4, longest), y_of(page, 1), steps=4)
    page.mouse.move(x_of(page, cut + 7, longest), y_of(page, 1), steps=4)
    page.mouse.up()
    assert f"{(cut + 7) / 10:.2f} s" in status(page)
    y = read_corrections(saved(page, "#save-json", tmp_path / "c.json"))
    # Nobody looked at the other end of the second segment.
    end = (cut + 7 + len(rows[1]) - rows[1][::-1].index(1)) // 2
    assert y == [None, [(0, cut + 7, 0), (cut + 7, end, 1)], None, None]
    model = ActionSegmenter(3, max_epochs=0, random_state=0).fit(data.videos, y=y)
    expected = frame_labels(y, data.videos)[1][:end].tolist()
    assert model.labels_[1][:end].tolist() == expected


@pytest.fixture
def fingers(page):
    """Put fingers on frames of recordings, at real time."""
    page.select_option("#axis", "real")
    touch = page.context.new_cdp_session(page)

    def fingers(kind, *frames):
        points = [{"x": x_of(page, f), "y": y_of(page, i), "id": i} for i, f in frames]
        event = {"type": f"touch{kind}", "touchPoints": points}
        touch.send("Input.dispatchTouchEvent", event)

    return fingers


def test_a_finger_that_scrolls_corrects_nothing(page, fingers):
    fingers("Start", (0, 30))
    for frame in (35, 40):
        fingers("Move", (0, frame))
    fingers("Cancel")
    page.get_by_text("first, 4.00 s: 1 (segment 2 of 3)").wait_for()
    page.keyboard.press("[")
    assert status(page).startswith("first, 3.00 s")
    assert page.is_disabled("#undo")


def test_a_second_finger_loses_no_correction(page, fingers, tmp_path):
    fingers("Start", (0, 30))
    for frame in (35, 40):
        fingers("Move", (0, frame))
    fingers("Start", (0, 40), (1, 80))
    fingers("Move", (0, 40), (1, 85))
    fingers("End")
    page.get_by_text("first, 4.00 s: 1 (segment 2 of 3)").wait_for()
    page.reload()
    y = read_corrections(saved(page, "#save-json", tmp_path / "c.json"))
    assert y == [[(0, 40, 0), (40, 55, 1)], None]


def test_keys_end_a_drag(page, tmp_path):
    page.select_option("#axis", "real")
    page.mouse.move(x_of(page, 70), y_of(page, 0))
    page.mouse.down()
    page.mouse.move(x_of(page, 80), y_of(page, 0), steps=2)
    page.keyboard.press("m")
    page.mouse.move(x_of(page, 90), y_of(page, 0), steps=2)
    page.mouse.up()
    assert status(page).startswith("No segment follows.")
    page.keyboard.press("z")
    assert read_corrections(saved(page, "#save-json", tmp_path / "c.json")) == [
        None,
        None,
    ]


def test_corrections_are_made_undone_kept_and_discarded(page, tmp_path):
    def corrections():
        text = saved(page, "#save-json", tmp_path / "c.json").read_text()
        return [
            [(s["start"], s["end"], s["label"], s["checked"]) for s in v["segments"]]
            for v in json.loads(text)["videos"]
        ]

    before = corrections()
    page.keyboard.press("l")
    page.keyboard.press("s")
    split = [(0, 10, 0, False), (10, 30, 0, False), *before[0][1:]]
    assert corrections()[0] == split
    page.keyboard.press("2")
    relabelled = [(0, 10, 0, False), (10, 30, 2, True), *before[0][1:]]
    assert corrections()[0] == relabelled
    page.keyboard.press("m")
    assert corrections()[0][1:] == [(10, 70, 2, True), (70, 100, 2, False)]
    page.keyboard.press("z")
    assert corrections()[0] == relabelled
    page.keyboard.press("z")
    page.keyboard.press("z")
    assert corrections() == before
    page.keyboard.press("y")
    page.keyboard.press("y")
    assert corrections()[0] == relabelled
    assert page.is_enabled("#redo")
    page.fill("#name", "pour")
    page.click("#rename")
    assert page.is_disabled("#redo")
    assert corrections()[0][1] == (10, 30, "pour", True)
    assert corrections()[1][2] == (40, 100, "pour", False)
    page.fill("#name", "taste")
    page.click("#add")
    assert corrections()[0][1] == (10, 30, "taste", True)
    page.reload()
    assert corrections()[0][1] == (10, 30, "taste", True)
    page.click("#reset")
    assert page.inner_text("#reset") == "Press again to discard"
    assert corrections()[0][1] == (10, 30, "taste", True)
    page.dblclick("#reset")
    assert corrections() == before
    assert page.inner_text("#reset") == "Discard all corrections"
    page.reload()
    assert corrections() == before


def test_nothing_but_the_reader_takes_back_the_first_press_to_discard(page):
    page.keyboard.press("c")
    page.click("#reset")
    page.evaluate("document.getElementById('reset').dispatchEvent(new Event('blur'))")
    late = "new StorageEvent('storage', {key: Object.keys(localStorage)[0]})"
    page.evaluate(f"dispatchEvent({late})")
    assert page.inner_text("#reset") == "Press again to discard"
    page.focus("#name")
    assert page.inner_text("#reset") == "Discard all corrections"
    page.dblclick("#reset")
    page.get_by_text("Segments checked: 0 of 6;").wait_for()
    page.keyboard.press("z")
    page.get_by_text("Segments checked: 1 of 6;").wait_for()
    page.keyboard.press("z")
    assert page.is_disabled("#undo")


def test_corrections_in_two_tabs_are_one(page, tmp_path):
    other = page.context.new_page()
    other.goto(page.url)
    page.keyboard.press("c")
    wait_until(other, "document.getElementById('undo').disabled === false")
    other.keyboard.press("]")
    other.keyboard.press("c")
    page.get_by_text("Segments checked: 2 of 6;").wait_for()
    y = read_corrections(saved(page, "#save-json", tmp_path / "c.json"))
    assert y == [[(0, 30, 0), (30, 70, 1)], None]
    other.dblclick("#reset")
    page.get_by_text("Segments checked: 0 of 6;").wait_for()
    page.keyboard.press("z")
    other.get_by_text("Segments checked: 2 of 6;").wait_for()


def test_pages_of_other_places_keep_their_own_corrections(visit, tmp_path):
    paths = []
    for name in ("tea", "walks"):
        (tmp_path / name).mkdir()
        paths.append(report_html([[0, 1]] * 2, tmp_path / name / "report.html"))
    page = visit(paths[0])
    page.keyboard.press("c")
    other = page.context.new_page()
    other.goto(paths[1].as_uri())
    assert other.inner_text("#edited").startswith("Segments checked: 0 of 4;")
    other.goto(paths[0].as_uri())
    assert other.inner_text("#edited").startswith("Segments checked: 1 of 4;")


def test_names_of_actions_are_loaded_for_recordings_of_which_nothing_is_known(
    page, visit, tmp_path
):
    for name in ("rise", "walk", "walk"):  # the last two become one
        page.fill("#name", name)
        page.click("#rename")
        page.keyboard.press("]")
    page.click("#check-all")
    path = saved(page, "#save-json", tmp_path / "c.json")
    assert read_corrections(path)[1] is None
    other = visit(tmp_path / "report.html")  # in a browser that has kept nothing
    other.set_input_files("#load", path)
    other.get_by_text("c.json is loaded.").wait_for()
    loaded = saved(other, "#save-json", tmp_path / "d.json").read_text()
    assert loaded == path.read_text()
    assert other.inner_text("#legend").split() == page.inner_text("#legend").split()
    # What somebody said on this page stays.
    other.keyboard.press("ArrowDown")
    other.keyboard.press("c")
    own = saved(other, "#save-json", tmp_path / "e.json").read_text()
    other.set_input_files("#load", path)
    other.get_by_text("c.json is loaded.").wait_for()
    assert saved(other, "#save-json", tmp_path / "f.json").read_text() == own


def test_actions_are_joined_by_one_name(page, tmp_path):
    page.fill("#name", "pour")
    page.keyboard.press("Enter")
    page.keyboard.press("]")  # a key of the page, not of the field
    assert page.input_value("#name") == ""
    page.fill("#name", "pour")
    page.keyboard.press("Enter")
    assert status(page).startswith("1 and pour are one action now")
    page.click("#check-all")
    y = read_corrections(saved(page, "#save-json", tmp_path / "c.json"))
    assert y[0] == [(0, 30, "pour"), (30, 70, "pour"), (70, 100, "2")]
    page.keyboard.press("z")
    page.keyboard.press("z")
    assert status(page) == "first, 3.00 s: 1 (segment 2 of 3)"
    for name, said in {"POUR": "Mind that", "no action": "What has no"}.items():
        page.fill("#name", name)
        page.click("#rename")
        assert status(page).startswith(said)
        page.keyboard.press("Escape")


def test_capitals_and_usual_shortcuts_are_keys(page):
    for key in ("C", "Control+z", "Control+y", "Control+Shift+Z", "Z"):
        page.keyboard.press(key)
        done = page.is_enabled("#undo")
        assert done == (key not in ("Control+z", "Z"))
    page.keyboard.press("Shift+L")
    assert status(page).startswith("first, 9.90 s")


def test_focus_stays_where_it_was(page):
    page.select_option("#filter", "all")
    step = page.locator("#steps button").nth(4)
    step.focus()
    page.keyboard.press("c")
    assert step.evaluate("e => e === document.activeElement")
    page.focus("#undo")
    page.keyboard.press("Enter")
    assert page.locator("#redo").evaluate("e => e === document.activeElement")


def test_all_steps_of_the_chosen_recording_are_told(visit, tmp_path):
    labels = [np.arange(400) % 2, np.arange(400) % 2]
    page = visit(report_html(labels, tmp_path / "r.html"))
    page.select_option("#filter", "all")
    assert page.locator("#steps tr").count() == 300
    assert page.inner_text("#more").startswith("The first 300 of 800")
    page.select_option("#filter", "lead")
    assert page.locator("#steps tr").count() == 400
    assert page.inner_text("#more") == ""


def test_saved_corrections_are_loaded_into_another_page(page, visit, tmp_path):
    for key in ("c", "]", "3", "ArrowDown", "c"):
        page.keyboard.press(key)
    page.fill("#name", "7")
    page.click("#add")
    for key in ("a", "ArrowUp", "l", "a"):
        page.keyboard.press(key)
    path = saved(page, "#save-json", tmp_path / "c.json")
    text = path.read_text()
    # Another fit has found other segments, and one recording is no longer there.
    labels = [np.repeat([1, 0], 50), np.zeros(40, int)]
    other = visit(
        report_html(labels, tmp_path / "o.html", names=["second", "third"], fps=10)
    )
    other.set_input_files("#load", path)
    other.get_by_text("c.json is loaded. Not on this page: first.").wait_for()
    found = json.loads(saved(other, "#save-json", tmp_path / "d.json").read_text())
    assert found["videos"][0] == json.loads(text)["videos"][1]
    assert found["anchors"] == []
    other.keyboard.press("z")
    assert "checked" not in status(other)
    of_third = {"name": "third", "n_frames": 99, "segments": []}
    anchor = {"videos": ["second", "third"], "frames": [4, 98]}
    videos = [json.loads(text)["videos"][1], of_third]
    anchored = json.dumps({**json.loads(text), "videos": videos, "anchors": [anchor]})
    for content, said in {
        "{": "this is no file of corrections",
        text.replace('"version":1', '"version":2'): "a later version",
        text.replace('"n_frames":100', '"n_frames":99'): "second has 99 frames",
        text.replace('"start":20', '"start":21'): "the segments of second leave gaps",
        anchored: "third has 99 frames",
    }.items():
        path.write_text(content)
        other.set_input_files("#load", path)
        other.get_by_text(f"c.json is not taken: {said}").wait_for()
        assert other.is_disabled("#undo")
    # The same page takes back all of it, anchors too.
    path.write_text(text)
    page.dblclick("#reset")
    page.set_input_files("#load", path)
    page.get_by_text("c.json is loaded.").wait_for()
    assert saved(page, "#save-json", tmp_path / "d.json").read_text() == text


def test_a_browser_that_keeps_nothing_asks_before_work_is_lost(browser, tmp_path):
    context = browser.new_context()
    context.add_init_script(
        "Object.defineProperty(window, 'localStorage', {get() { throw Error('no') }})"
    )
    page = context.new_page()
    asked = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    page.goto(report_html([[0, 1]] * 2, tmp_path / "r.html").as_uri())
    assert page.locator("#lost").is_visible()
    page.click("#check")
    page.reload()
    assert asked == ["beforeunload"]
    page.click("#check")
    saved(page, "#save-json", tmp_path / "c.json")
    page.reload()
    assert asked == ["beforeunload"]
    context.close()


def test_another_tab_ends_a_drag(page):
    other = page.context.new_page()
    other.goto(page.url)
    page.select_option("#axis", "real")
    page.mouse.move(x_of(page, 70), y_of(page, 0))
    page.mouse.down()
    page.mouse.move(x_of(page, 75), y_of(page, 0), steps=2)
    other.keyboard.press("m")
    other.keyboard.press("m")
    page.get_by_text("recordings: 1 of").wait_for()
    page.mouse.move(x_of(page, 80), y_of(page, 0), steps=2)
    page.mouse.up()
    assert "(segment 1 of 1, checked)" in status(page)


def test_boundaries_move_by_keys(page, tmp_path):
    page.keyboard.press("]")
    for key in ("ArrowRight", "ArrowRight", "i", "l", "o"):
        page.keyboard.press(key)
    (rows, _) = read_corrections(saved(page, "#save-json", tmp_path / "c.json"))
    assert rows == [(0, 32, 0), (32, 43, 1), (43, 100, 2)]


@pytest.mark.parametrize(
    ("names", "key", "told"),
    [
        (["0", "1", "2"], "1", "1"),
        (["5", "9", "10"], "9", "9"),
        (["pour", "stir", "sip"], "2", "stir"),
        (["pour", "stir", "1"], "1", "1"),
        (["pour", "stir", "1"], "2", "pour"),  # no action is called so: it stays
    ],
)
def test_digits_give_the_action_of_that_name_or_place(
    visit, tmp_path, names, key, told
):
    labels = [np.repeat(names, 10).tolist(), np.repeat(names, 12).tolist()]
    page = visit(report_html(labels, tmp_path / "report.html"))
    page.keyboard.press(key)
    assert page.locator("#label option:checked").inner_text() == told
    item = page.locator("#legend li", has_text=re.compile(f"^{told}$"))
    assert item.get_attribute("title") == (f"key {key}" if told != "pour" else None)


def test_keys_in_the_list_of_actions_join_no_segments_on_their_way(page, tmp_path):
    def rows():
        return read_corrections(saved(page, "#save-json", tmp_path / "c.json"))[0]

    page.focus("#label")
    page.keyboard.press("ArrowDown")
    page.evaluate("document.getElementById('next').click()")  # as a film goes on
    page.keyboard.press("ArrowDown")
    assert rows() == [(0, 30, 1), (30, 70, 2)]
    page.dblclick("#reset")
    page.click("#check-all")
    page.focus("#label")
    for key in ("ArrowUp", "ArrowDown", "ArrowDown"):
        page.keyboard.press(key)
    assert rows() == [(0, 30, 0), (30, 100, 2)]
    page.click("#undo")
    assert rows() == [(0, 30, 0), (30, 70, 1), (70, 100, 2)]


def test_keys_work_after_a_click_in_a_list(visit, tmp_path):
    page = visit(report_html([["cut", "pour", "stir"] * 2], tmp_path / "r.html"))
    page.click("#label")
    page.select_option("#label", "1")
    page.keyboard.press("s")
    assert status(page).startswith(
        "A segment starts here already. recording 0, frame 0: pour"
    )
    page.focus("#label")
    page.keyboard.press("s")
    assert status(page).startswith("recording 0, frame 0: stir")


def test_same_moments_bend_the_warps_and_are_saved_as_anchors(page, tmp_path):
    page.keyboard.press("]")
    page.keyboard.press("a")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("]")
    assert status(page) == "second, 4.00 s: 2 (segment 3 of 3)"
    page.keyboard.press("a")  # frame 30 of the first is frame 40 of the second
    page.keyboard.press("ArrowUp")
    assert status(page).startswith("first, 3.00 s")
    y = read_corrections(saved(page, "#save-json", tmp_path / "c.json"))
    assert y == [None, None]
    assert y.anchors == {(0, 1): [(30, 40)]}
    page.reload()
    page.keyboard.press("]")
    page.keyboard.press("ArrowDown")
    assert status(page).startswith("second, 4.00 s")
    page.keyboard.press("j")  # an earlier moment is no later one of the other
    page.keyboard.press("a")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("l")
    page.keyboard.press("l")
    page.keyboard.press("a")
    assert status(page).startswith("This contradicts")
    page.keyboard.press("Escape")
    page.get_by_label("Remove anchor 1").click()
    page.keyboard.press("[")
    page.keyboard.press("ArrowDown")
    assert status(page).startswith("second, 3.00 s")
    page.keyboard.press("z")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowDown")
    assert page.locator("#anchors li").count() == 1


def test_anchors_of_a_page_are_those_that_align_takes(visit, tmp_path):
    data = make_videos(3, n_actions=2, n_frames=(40, 50), random_state=0)
    model = VideoAligner(max_epochs=0, random_state=0).fit(data.videos)
    page = visit(model.report(data.videos, tmp_path / "r.html"))
    for key in ("ArrowDown", "l", "a", "ArrowUp", "l", "ArrowRight", "a"):
        page.keyboard.press(key)
    y = read_corrections(saved(page, "#save-json", tmp_path / "c.json"))
    (((i, j), pairs),) = y.anchors.items()
    found = model.align(data.videos[i], data.videos[j], anchors=pairs)
    ((f, g),) = pairs
    assert (i, j) == (0, 1)
    assert found.matches_x[f] == g
    again = visit(model.report(data.videos, tmp_path / "again.html", corrections=y))
    later = read_corrections(saved(again, "#save-json", tmp_path / "c.json"))
    assert later.anchors == y.anchors


def test_corrections_of_one_page_are_in_the_next(visit, tmp_path):
    labels = [["a"] * 20 + ["b"] * 20, ["a"] * 30 + ["b"] * 10]
    y = Corrections([[(0, 12, "c"), (12, 30, "a")], None])
    page = visit(report_html(labels, tmp_path / "r.html", corrections=y))
    saved(page, "#save-json", tmp_path / "c.json")
    assert read_corrections(tmp_path / "c.json") == [
        [(0, 12, "c"), (12, 30, "a")],
        None,
    ]
    page.keyboard.press("]")
    page.keyboard.press("]")
    page.keyboard.press("i")
    assert page.is_enabled("#undo")
    page.dblclick("#reset")
    saved(page, "#save-json", tmp_path / "c.json")
    assert read_corrections(tmp_path / "c.json")[0] == [(0, 12, "c"), (12, 30, "a")]


def test_what_was_checked_is_kept_where_more_of_a_step_was_found(visit, tmp_path):
    y = Corrections([[(10, 20, "a")], [(0, 5, "a"), (30, 40, "a")]])
    labels = [["a"] * 40 + ["b"] * 10] * 2
    options = {"corrections": y, "certainty": [np.ones(50)] * 2}
    page = visit(report_html(labels, tmp_path / "r.html", **options))
    assert read_corrections(saved(page, "#save-json", tmp_path / "c.json")) == y
    page.keyboard.press("u")  # no boundary between two parts of a step
    assert status(page) == "recording 0, frame 40: b (segment 4 of 4)"


def test_segments_are_saved_for_elan(visit, tmp_path):
    label = "<&\"'> \x01 \ud800 é 😀"
    labels = [[label] * 20 + [""] * 5 + ["b"] * 15]
    page = visit(report_html(labels, tmp_path / "r.html", fps=30, names=["a&b"]))
    table = read_segments(saved(page, "#save-elan", tmp_path / "s.eaf"))
    assert [(s.start, s.end) for s in table] == [(0, 0.667), (0.833, 1.333)]
    assert [s.label for s in table] == ["<&\"'> \ufffd \ufffd é 😀", "b"]
    page = visit(report_html(labels, tmp_path / "r.html"))
    assert page.is_disabled("#save-elan")


def pixels(page):
    """Return the picture of the first pose."""
    return page.evaluate("document.querySelector('figure canvas').toDataURL()")


def test_the_chosen_picture_is_in_view_and_the_page_stays(visit, tmp_path):
    options = {"poses": [np.zeros((9, 2, 2))] * 9}
    page = visit(report_html([[0] * 9] * 9, tmp_path / "r.html", **options), width=500)
    page.evaluate("window.scrollTo(0, 400)")
    before = page.evaluate("window.scrollY")
    assert before > 0
    for _ in range(8):
        page.keyboard.press("ArrowDown")
    spans = page.evaluate("""() => [".lead", "#players"].map((name) => {
      const box = document.querySelector(name).getBoundingClientRect();
      return [box.top, box.bottom];
    })""")
    assert spans[1][0] - 1 <= spans[0][0] < spans[0][1] <= spans[1][1] + 1
    assert page.evaluate("window.scrollY") == before


def test_poses_move_and_turn(visit, tmp_path):
    pose = np.zeros((50, 3, 3))
    pose[:, 1] = [1, 0, 0]
    pose[:, 2, 1] = np.linspace(0, 1, 50)
    pose[10:, 0] = np.nan
    labels = [np.repeat([0, 1], 25)] * 2
    options = {"poses": [pose] * 2, "edges": [("hip", "knee"), (1, 2)]}
    options["point_names"] = ["hip", "knee", "toe"]
    page = visit(report_html(labels, tmp_path / "r.html", **options))
    wait_for_drawing(page)
    assert page.get_by_label("Pose of recording 1").is_visible()
    pictures = [pixels(page)]
    page.keyboard.press("l")
    wait_for_drawing(page)
    pictures.append(pixels(page))
    page.fill("#turn", "90")
    wait_for_drawing(page)
    pictures.append(pixels(page))
    assert len(set(pictures)) == 3
    page.emulate_media(forced_colors="active")
    border = "all => all.map(figure => getComputedStyle(figure).borderColor)"
    assert len({*page.locator("figure").evaluate_all(border)}) == 2
    page.click("#check-all")
    page.keyboard.press("a")
    assert page.locator("figure.held").count() == 1
    page.dblclick("#reset")
    assert page.locator("figure.held").count() == 0
    page.keyboard.press("k")
    page.evaluate("old => { window.old = old }", pictures[-1])
    wait_until(page, "document.querySelector('figure canvas').toDataURL() !== old")


def test_segments_are_saved_as_tables_and_texts_that_skvas_reads(page, tmp_path):
    table = read_segments(saved(page, "#save-csv", tmp_path / "s.csv"))
    assert [(s.video, s.start, s.end, s.label) for s in table][:2] == [
        ("first", 0, 3, "0"),
        ("first", 3, 7, "1"),
    ]
    page.keyboard.press("ArrowDown")
    text = saved(page, "#save-text", tmp_path / "s.txt").read_text()
    assert text == "0\n" * 20 + "1\n" * 20 + "2\n" * 60


def test_table_of_steps_jumps(page):
    page.select_option("#filter", "all")
    assert page.locator("#steps tr").count() == 6
    page.get_by_label("Go to 2 of second").click()
    assert status(page) == "second, 4.00 s: 2 (segment 3 of 3)"


def test_hundreds_of_recordings_scroll(visit, tmp_path):
    labels = [np.repeat([0, 1, 2, 3], 25)] * 500
    page = visit(report_html(labels, tmp_path / "report.html"))
    assert page.evaluate("document.getElementById('canvas').height") < 2000
    page.evaluate("document.getElementById('rows').scrollTop = 1e6")
    box = page.locator("#canvas").bounding_box()
    page.mouse.click(box["x"] + 300, box["y"] + box["height"] - 10)
    assert status(page).startswith("recording 499,")


def test_last_frames_are_seen(visit, tmp_path):
    page = visit(report_html([["a"], ["a"] * 9 + ["b"]], tmp_path / "r.html"))
    wait_for_drawing(page)
    first, last = page.evaluate("""() => {
      const canvas = document.getElementById("canvas");
      const { width, height } = canvas;
      const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
      const pixel = (x, y) => [...data.slice(4 * (y * width + x)).slice(0, 3)];
      return [pixel(152, 40), pixel(width - 7, 68)];
    }""")
    assert (first, last) == ([0, 114, 178], [230, 159, 0])


def test_density_tells_how_many_recordings_have_a_moment(visit, tmp_path):
    shown = Shown([np.zeros(50, int)] * 2, [np.zeros(50, int)] * 2, ["a", "b"], None)
    lacking = [np.arange(100) >= 50, np.zeros(100, bool)]
    page = visit(write_report(shown, tmp_path / "report.html", lacking=lacking))
    wait_for_drawing(page)
    # The area lies below the axis; both recordings have the first half, one the second.
    heights = page.evaluate("""() => {
      const canvas = document.getElementById("canvas");
      const pen = canvas.getContext("2d");
      const { data, width } = pen.getImageData(0, 26, 1000, 26);
      const rows = Array.from({ length: 26 }, (_, row) => row);
      const dark = (x, row) => data[4 * (row * width + x)] < 230;
      const grey = (x) => rows.filter((row) => dark(x, row)).length;
      return [grey(300), grey(900)];
    }""")
    assert heights[0] > 22
    assert heights[1] == pytest.approx(heights[0] / 2, abs=2)


def bars(n_frames):
    """Return images that show their number as a bar code, (N, 48, 160, 3)."""
    bits = np.arange(n_frames)[:, None] >> np.arange(BITS) & 1
    rows = np.repeat(np.where(bits, 230, 20).astype(np.uint8), 16, axis=1)
    return np.broadcast_to(rows[:, None, :, None], (n_frames, 48, 160, 3))


def numbers_on_screen(page, n_videos):
    """Read the bar codes of all players from one picture of the screen."""
    pyplot = pytest.importorskip("matplotlib.pyplot")
    boxes = page.locator("video").evaluate_all(
        "all => all.map(v => v.getBoundingClientRect().toJSON())"
    )
    picture = pyplot.imread(io.BytesIO(page.screenshot()))
    assert len(boxes) == n_videos
    numbers = []
    for box in boxes:
        y = int(box["y"] + box["height"] / 2)
        x = box["x"] + (np.arange(BITS) + 0.5) * box["width"] / BITS
        bits = picture[y, x.astype(int), 0] > 0.5
        numbers.append(int((bits << np.arange(BITS)).sum()))
    return numbers


def numbers_at_rest(page, n_videos, fps=(FPS,)):
    """Read the bar codes once all players stand still, on the frames of their times.

    Pictures come late where the machine is busy; those that never come are as they are.
    """
    settle(page)
    seen, started = [], time.monotonic()
    while time.monotonic() < started + PATIENCE / 2:
        page.wait_for_timeout(100)
        seen.append(numbers_on_screen(page, n_videos))
        if len(seen) > 2 and seen[-3] == seen[-2] == seen[-1] == numbers_due(page, fps):
            break
    return seen[-1]


def numbers_due(page, fps):
    """Return the frames of the times where the players are."""
    times = page.locator("video").evaluate_all("all => all.map(v => v.currentTime)")
    return [int(time * rate) for time, rate in zip(times, cycle(fps), strict=False)]


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """Four videos of known warp, and their positions."""
    folder = tmp_path_factory.mktemp("clips")
    rng = np.random.default_rng(0)
    positions, media = [], []
    for index in range(4):
        speed = np.repeat(rng.uniform(0.5, 2, 5), rng.integers(60, 110, 5))
        passed = np.cumsum(speed)
        positions.append((passed - passed[0]) / (passed[-1] - passed[0]))
        path = folder / f"clip {index} #.mp4"
        media.append(write_clip(path, bars(len(speed)), fps=FPS))
    labels = [np.searchsorted([0.2, 0.4, 0.6, 0.8], p) for p in positions]
    return folder, labels, positions, media


def open_clips(visit, clips, **options):
    folder, labels, positions, media = clips
    path = folder / "report.html"
    options |= {"positions": positions, "media": media, "fps": FPS}
    page = visit(report_html(labels, path, **options))
    settle(page)
    return page


def settle(page):
    """Wait until all players show the frame that they shall."""
    players = "[...document.querySelectorAll('video')]"
    page.wait_for_timeout(50)
    wait_until(page, f"{players}.every(v => v.readyState > 1 && !v.seeking)")


@pytest.mark.parametrize(("embed", "n_seeks"), [(False, 10), (True, 5)])
def test_all_players_show_the_same_moment_after_a_seek(visit, clips, embed, n_seeks):
    _, labels, positions, _ = clips
    page = open_clips(visit, clips, embed=embed)
    page.select_option("#axis", "real")
    longest = max(map(len, labels))
    rng = np.random.default_rng(0)
    errors = []
    for _ in range(n_seeks):
        lead = rng.integers(4)
        frame = rng.integers(len(labels[lead]))
        x = x_of(page, frame + 0.5, longest)
        page.mouse.click(min(x, 1180), y_of(page, lead))
        shown = numbers_at_rest(page, 4)
        place = positions[lead][shown[lead]]
        assert abs(shown[lead] - frame) <= 2  # a pixel is most of a frame
        errors += [
            abs(number - np.interp(place, positions[i], np.arange(len(positions[i]))))
            for i, number in enumerate(shown)
            if i != lead
        ]
    assert np.median(errors) <= 1
    assert np.quantile(errors, 0.95) <= 3


def test_all_players_stay_at_the_same_moment_while_playing(visit, clips):
    _, _, positions, _ = clips
    page = open_clips(visit, clips)
    numbers_on_screen(page, 4)  # the first picture of a page takes long
    page.keyboard.press("k")
    errors, leads = [], []
    started = time.monotonic()
    while time.monotonic() < started + 6 or len(leads) < 12:
        page.wait_for_timeout(150)
        shown = numbers_on_screen(page, 4)
        place = positions[0][min(shown[0], len(positions[0]) - 1)]
        leads.append(shown[0])
        errors += [
            abs(number - np.interp(place, positions[i], np.arange(len(positions[i]))))
            for i, number in enumerate(shown)
            if i
        ]
    page.keyboard.press("k")
    assert leads[-1] > leads[0] + 50
    assert np.median(errors) <= 1
    assert np.quantile(errors, 0.95) <= 3


def test_videos_of_other_frame_rates_show_the_moment(visit, tmp_path):
    media = [
        write_clip(tmp_path / f"{fps}.mp4", bars(4 * fps), fps=fps) for fps in (30, 12)
    ]
    labels = [np.repeat([0, 1], 20)] * 2  # four seconds, ten labels a second
    page = visit(report_html(labels, tmp_path / "r.html", media=media, fps=10))
    settle(page)
    page.keyboard.press("]")
    # At 2.05 s, the middle of the frame.
    assert numbers_at_rest(page, 2, fps=(30, 12)) == [61, 24]


def test_players_of_clocks_of_the_day_count_from_their_first_time(visit, tmp_path):
    clip = write_clip(tmp_path / "a.mp4", bars(100), fps=FPS)
    rows, late = [np.repeat([0, 1], 50)] * 2, np.linspace(0, 0.01, 100)
    times = [start + np.arange(100) / FPS + late for start in (1.7e9, 0)]
    shown = Shown(rows, rows, ["a", "b"], [FPS] * 2, [FPS] * 2, times)
    page = visit(write_report(shown, tmp_path / "r.html", media=[clip] * 2))
    settle(page)
    page.keyboard.press("]")
    assert numbers_at_rest(page, 2) == [50, 50]
    page.keyboard.press("k")
    wait_until(page, "[...document.querySelectorAll('video')].every(v => !v.paused)")
    page.keyboard.press("k")
    assert 50 <= numbers_at_rest(page, 2)[0] < 99
    table = read_segments(saved(page, "#save-elan", tmp_path / "s.eaf"))
    assert [(s.start, s.end) for s in table] == [(0, 2.005), (2.005, 4.01)]


def test_a_held_player_stays_and_follows_its_anchor_at_once(visit, tmp_path):
    clip = write_clip(tmp_path / "a.mp4", bars(1000), fps=FPS)
    options = {"media": [clip] * 2, "fps": FPS}
    page = visit(report_html([[0] * 1000] * 2, tmp_path / "r.html", **options))

    settle(page)
    for key in ("l", "a", "ArrowDown"):
        page.keyboard.press(key)
    assert numbers_at_rest(page, 2) == [25, 25]
    page.keyboard.press("k")
    seen = [(25, 25)]
    while len(seen) < 10 and seen[-1][1] < 75:  # well before the end, however slow
        seen.append(tuple(numbers_on_screen(page, 2)))
    page.keyboard.press("k")
    held, moving = map(set, zip(*seen, strict=True))
    assert held == {25}
    assert len(moving) > 1
    page.keyboard.press("Escape")
    first, second = numbers_at_rest(page, 2)
    assert first == second > 25
    for key in ("a", "ArrowUp", "l", "a"):
        page.keyboard.press(key)
    assert numbers_at_rest(page, 2) == [second + 25, second]
    page.get_by_label("Remove anchor 1").click()
    assert numbers_at_rest(page, 2) == [second + 25] * 2


def test_players_that_stop_are_sent_to_their_frame_twice(visit, tmp_path):
    # What a busy machine shows late, after the first time, no test can bring about.
    clip = write_clip(tmp_path / "a.mp4", bars(1000), fps=FPS)
    options = {"media": [clip] * 2, "fps": FPS}
    page = visit(report_html([[0] * 1000] * 2, tmp_path / "r.html", **options))
    settle(page)
    page.keyboard.press("k")
    wait_until(page, "[...document.querySelectorAll('video')].every(v => !v.paused)")
    page.evaluate("""window.seeks = [0, 0];
      document.querySelectorAll("video").forEach((v, i) => {
        v.addEventListener("seeking", () => { if (v.paused) window.seeks[i] += 1; });
      });""")
    page.keyboard.press("k")
    wait_until(page, "window.seeks.every(n => n > 1)")
    assert numbers_at_rest(page, 2) == numbers_due(page, [FPS])


def test_whole_frames_are_the_same_in_recordings_of_one_length(visit, tmp_path):
    clip = write_clip(tmp_path / "a.mp4", bars(200), fps=FPS)
    options = {"media": [clip] * 2, "fps": FPS}
    page = visit(report_html([[0] * 200] * 2, tmp_path / "r.html", **options))
    settle(page)
    for second in range(1, 6):
        page.keyboard.press("l")
        assert numbers_at_rest(page, 2) == [second * FPS] * 2


def test_only_the_chosen_recording_is_heard(visit, tmp_path):
    clip = write_clip(tmp_path / "a.mp4", bars(300), sound=True)
    options = {"media": [clip, clip], "fps": 10}
    page = visit(report_html([[0] * 300] * 2, tmp_path / "r.html", **options))
    settle(page)

    def muted():
        return page.locator("video").evaluate_all("all => all.map(v => v.muted)")

    assert muted() == [True, True]
    page.keyboard.press("h")
    assert muted() == [False, True]
    page.keyboard.press("ArrowDown")
    assert muted() == [True, False]
    page.keyboard.press("k")
    # Their names say what is on, and "Pause, pressed" would be the contrary.
    for name in ("Pause", "Sound on"):
        assert page.get_by_role("button", name=name).count() == 1
        assert page.get_by_role("button", name=name, pressed=True).count() == 0
    heard = "document.querySelectorAll('video')[1].webkitAudioDecodedByteCount"
    wait_until(page, f"{heard} > 0")
    page.click("#sound")
    assert muted() == [True, True]


def test_row_76_player_says_that_a_file_cannot_be_played(visit, tmp_path):
    odd = tmp_path / "odd.mp4"
    odd.write_bytes(b"no movie at all")
    path = report_html([[0, 1]], tmp_path / "r.html", media=[odd], fps=10)
    page = visit(path)
    page.get_by_text("recording 0: this file cannot be played here").wait_for()
    assert page.locator("figure canvas").count() == 0


def test_a_file_that_cannot_be_played_gives_way_to_the_figure(visit, tmp_path):
    odd = tmp_path / "odd.mp4"
    odd.write_bytes(b"no movie at all")
    options = {"media": [odd], "fps": 10, "poses": [np.zeros((2, 3, 2))]}
    page = visit(report_html([[0, 1]], tmp_path / "r.html", **options))
    page.locator("figure canvas").wait_for()
    assert page.locator("video").is_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_follows_the_rules_of_accessibility(visit, tmp_path, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    labels = [np.repeat([0, 1, 2], 30), np.repeat([0, 2], 45), np.repeat([2, -1], 45)]
    options = {"certainty": [np.ones(90)] * 3, "curves": [np.zeros((90, 2))] * 3}
    options["poses"] = [np.zeros((90, 2, 3))] * 3
    page = visit(report_html(labels, tmp_path / "r.html", **options), scheme=scheme)
    for key in ("c", "a", "ArrowDown", "a"):
        page.keyboard.press(key)
    assert page.locator("#anchors li").count() == 1
    page.select_option("#filter", "all")
    page.click("summary")
    found = axe.Axe().run(page).response["violations"]
    assert [(rule["id"], rule["impact"]) for rule in found] == []
