"""Measure the page of a report: how fast it is written, opened and played.

``python -m benchmarks.page`` makes 30 recordings of three minutes at 30 frames a
second and nine videos of 320 x 240. It needs Chromium, and
``pip install -e '.[browser,video]'``.
Figures go to ``results/page.md`` and ``.json``.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np

from benchmarks.arguments import out_folder
from benchmarks.measure import machine, threads
from benchmarks.report import table
from skvas import JointAlignSegment, report_html
from skvas.datasets import make_videos

N_RECORDINGS, MINUTES, FPS = 30, 3, 30
N_PLAYERS, SECONDS, PLAYER_FPS = 9, 40, 25
# Milliseconds between two looks at the players, and looks.
EVERY, N_LOOKS = 100, 100
OPENED = """() => {
  const [page] = performance.getEntriesByType("navigation");
  const paints = performance.getEntriesByType("paint").map((p) => p.startTime);
  return [page.domContentLoadedEventEnd, ...paints];
}"""
PLAYERS = """() => [...document.querySelectorAll("video")].map((v) => {
  const { droppedVideoFrames, totalVideoFrames } = v.getVideoPlaybackQuality();
  const { stalls = 0, seeks = 0 } = v;
  return [v.currentTime, stalls, seeks, droppedVideoFrames, totalVideoFrames];
})"""
COUNT = """() => {
  for (const v of document.querySelectorAll("video")) {
    v.stalls = v.seeks = 0;
    v.addEventListener("waiting", () => { v.stalls += 1; });
    v.addEventListener("seeking", () => { v.seeks += 1; });
  }
}"""


def main():
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.page", description=__doc__
    )
    here = Path(__file__).parent / "results"
    parser.add_argument("--out", type=out_folder, default=here)
    options = parser.parse_args()
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        parser.error(f"{error}; pip install -e '.[browser,video]'")
    options.out.mkdir(parents=True, exist_ok=True)
    warnings.simplefilter("ignore")
    rows = []
    with threads(1), tempfile.TemporaryDirectory() as name, sync_playwright() as driver:
        folder = Path(name)
        chromium = driver.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        rows += written_and_opened(chromium, folder)
        rows += played(chromium, folder)
        about = machine() | {"Chromium": chromium.version}
        chromium.close()
    out = options.out / "page"
    content = {"about": about, "rows": rows}
    out.with_suffix(".json").write_text(json.dumps(content, indent=1), encoding="utf-8")
    lines = [
        "# The page of a report",
        "",
        f"{N_RECORDINGS} recordings of {MINUTES} minutes at {FPS} frames a second, "
        f"three curves; {N_PLAYERS} players of 320 x 240 at {PLAYER_FPS} frames a "
        "second, each with a warp of its own, looked at for ten seconds. `python -m "
        "benchmarks.page`.",
        "",
        *table(rows),
        "",
    ]
    out.with_suffix(".md").write_text("\n".join(lines), encoding="utf-8")
    print("\n".join(lines))


def written_and_opened(chromium, folder):
    n_frames = MINUTES * 60 * FPS
    data = make_videos(
        N_RECORDINGS,
        n_actions=9,
        n_features=16,
        n_frames=(n_frames - 200, n_frames + 200),
        warp=0.6,
        random_state=0,
    )
    model = JointAlignSegment(9, max_epochs=1, random_state=0).fit(data.videos)
    path = folder / "page.html"
    began = time.perf_counter(), time.process_time()
    model.report(data.videos, path, features=[0, 1, 2], fps=FPS)
    wall, cpu = time.perf_counter() - began[0], time.process_time() - began[1]
    times = []
    for _ in range(5):
        page = chromium.new_page(viewport={"width": 1200, "height": 900})
        page.goto(path.as_uri())
        page.wait_for_selector("#status:not(:empty)")
        page.wait_for_timeout(300)
        times.append(max(page.evaluate(OPENED)) / 1000)
        page.close()
    return [
        {"what": "has a timeline", "measured": str(model.timeline_ is not None)},
        {
            "what": "written, seconds (of the CPU)",
            "measured": f"{wall:.2f} ({cpu:.2f})",
        },
        {"what": "size, kB", "measured": f"{path.stat().st_size / 1000:.0f}"},
        {
            "what": "opened and painted, seconds, median and slowest of 5",
            "measured": f"{np.median(times):.2f}, {max(times):.2f}",
        },
    ]


def played(chromium, folder):
    """Play nine videos at once, and look at what they show."""
    rng = np.random.default_rng(0)
    positions, media = [], []
    for index in range(N_PLAYERS):
        speed = np.repeat(rng.uniform(0.7, 1.5, 8), SECONDS * PLAYER_FPS // 8)
        passed = np.cumsum(speed)
        positions.append((passed - passed[0]) / (passed[-1] - passed[0]))
        media.append(folder / f"{index}.mp4")
        write_film(media[-1], len(speed), rng)
    labels = [np.searchsorted([0.3, 0.6], row) for row in positions]
    path = folder / "players.html"
    options = {"positions": positions, "media": media, "fps": PLAYER_FPS}
    page = chromium.new_page(viewport={"width": 1200, "height": 1400})
    page.goto(report_html(labels, path, **options).as_uri())
    page.wait_for_function(
        "[...document.querySelectorAll('video')].every((v) => v.readyState > 3)"
    )
    page.keyboard.press("k")
    page.wait_for_timeout(1000)
    page.evaluate(COUNT)
    first, errors = np.array(page.evaluate(PLAYERS)), []
    for _ in range(N_LOOKS):
        page.wait_for_timeout(EVERY)
        last = np.array(page.evaluate(PLAYERS))
        frames = last[:, 0] * PLAYER_FPS - 0.5
        place = np.interp(frames[0], np.arange(len(positions[0])), positions[0])
        errors += [
            abs(frame - np.interp(place, row, np.arange(len(row))))
            for frame, row in zip(frames[1:], positions[1:], strict=True)
        ]
    shown = last[:, 4] - first[:, 4]
    dropped = last[:, 3] - first[:, 3]
    moved = last[0, 0] - first[0, 0]
    return [
        {
            "what": "seconds that the leading player moved on",
            "measured": f"{moved:.1f}",
        },
        {"what": "stalls of 9 players", "measured": f"{last[:, 1].sum():.0f}"},
        {"what": "seeks of 9 players", "measured": f"{last[:, 2].sum():.0f}"},
        {
            "what": "frames dropped, of those decoded",
            "measured": f"{dropped.sum():.0f} of {shown.sum():.0f}",
        },
        {
            "what": "frames from the moment, median and 95 %",
            "measured": f"{np.median(errors):.2f}, {np.quantile(errors, 0.95):.2f}",
        },
    ]


def write_film(path, n_frames, rng):
    """Write a video with things that move, as a codec has to work for."""
    import av

    noise = rng.integers(0, 256, (240, 320, 3), dtype=np.uint8) // 4
    with av.open(str(path), "w", options={"movflags": "faststart"}) as film:
        stream = film.add_stream("libx264", rate=PLAYER_FPS)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for frame in range(n_frames):
            image = np.roll(noise, frame, axis=1)
            image[60:180, frame % 280 : frame % 280 + 40] = 220
            picture = av.VideoFrame.from_ndarray(image, format="rgb24")
            film.mux(stream.encode(picture))
        film.mux(stream.encode())


if __name__ == "__main__":
    main()
