"""Draw the picture of a report: ``python docs/screenshot.py``.

The recordings are made up: a figure raises its arms, waves, squats and bows, at a pace
of its own. It needs Chromium and ``pip install -e '.[browser]'``.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import numpy as np
from playwright.sync_api import sync_playwright
from sklearn.pipeline import make_pipeline

from skvas import JointAlignSegment, Recordings
from skvas.io import Corrections
from skvas.preprocessing import PoseFeatures, WhitenedViews

NAMES = ["anna", "ben", "cleo", "dora", "emil", "fay", "gus", "hana"]
STEPS = ["stand", "raise arms", "wave", "squat", "bow"]
FPS = 15
POINTS = ["head", "neck", "hip"]
POINTS += [f"{side} {joint}" for side in "lr" for joint in ("elbow", "hand")]
POINTS += [f"{side} {joint}" for side in "lr" for joint in ("knee", "foot")]
EDGES = [
    ("head", "neck"),
    ("neck", "hip"),
    ("neck", "l elbow"),
    ("l elbow", "l hand"),
    ("neck", "r elbow"),
    ("r elbow", "r hand"),
    ("hip", "l knee"),
    ("l knee", "l foot"),
    ("hip", "r knee"),
    ("r knee", "r foot"),
]


def pose(step, time):
    """Return the points of a figure in a step, x and y with y up."""
    swing = np.sin(9 * time)
    arm, fore, bend, lean = -1.3, -1.4, 0.0, 0.0
    if step == 1:
        arm, fore = 0.9, 1.3
    elif step == 2:
        arm, fore = 0.3, 1.2 + 0.5 * swing
    elif step == 3:
        arm, fore, bend = 0.1, 0.1, 0.55
    elif step == 4:
        lean, arm, fore = 1.0, -1.5, -1.5
    hip = np.array([0.0, 1.0 - 0.45 * bend])
    neck = hip + 0.6 * np.array([np.sin(lean), np.cos(lean)])
    head = neck + 0.22 * np.array([np.sin(lean), np.cos(lean)])
    found = [head, neck, hip]
    for side in (-1, 1):
        elbow = neck + 0.32 * np.array([side * np.cos(arm), np.sin(arm)])
        found += [elbow, elbow + 0.3 * np.array([side * np.cos(fore), np.sin(fore)])]
    for side in (-1, 1):
        knee = np.array([side * (0.12 + 0.3 * bend), 0.5])
        found += [knee, np.array([side * 0.16, 0.0])]
    return np.array(found)


def record(rng):
    """Return the poses of one recording."""
    lengths = rng.integers(25, 70, len(STEPS))
    steps = np.repeat(np.arange(len(STEPS)), lengths)
    times = np.arange(len(steps)) / FPS
    poses = np.array([pose(*pair) for pair in zip(steps, times, strict=True)])
    kernel = np.hanning(9) / np.hanning(9).sum()
    ends = np.pad(poses, ((4, 4), (0, 0), (0, 0)), mode="edge")
    smooth = np.apply_along_axis(np.convolve, 0, ends, kernel, mode="valid")
    return smooth + rng.normal(scale=0.01, size=smooth.shape)


def main():
    """Fit the recordings, and take the picture."""
    rng = np.random.default_rng(4)
    walks = [record(rng) for _ in NAMES]
    videos = Recordings(walks, NAMES, fps=FPS, feature_names=POINTS)
    features = make_pipeline(PoseFeatures("xy"), WhitenedViews(offset=0.5))
    model = JointAlignSegment(len(STEPS), features=features, random_state=0)
    model.fit(videos)
    order = list(dict.fromkeys(model.labels_[0].tolist()))
    names = [STEPS[order.index(k)] for k in range(len(STEPS))]
    end = int((model.labels_[2] != model.labels_[2][0]).argmax())
    known = Corrections([None] * len(NAMES))
    known[2] = [(0, end, names[int(model.labels_[2][0])])]
    shot = Path(__file__).with_name("_static") / "report.png"
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        page = model.report(
            videos,
            Path(folder, "report.html"),
            edges=EDGES,
            up="y",
            action_names=names,
            corrections=known,
            title="Morning exercises",
        )
        chromium = driver.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        view = chromium.new_page(viewport={"width": 1050, "height": 892})
        view.goto(page.as_uri())
        for key in ("]", "]", "l"):
            view.keyboard.press(key)
        view.wait_for_timeout(300)
        view.screenshot(path=shot)
        chromium.close()


if __name__ == "__main__":
    main()
