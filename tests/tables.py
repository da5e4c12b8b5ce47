"""Small folders of tables of sensors, and the command line that reads them."""

from __future__ import annotations

from skvas.cli import main
from skvas.datasets import make_videos

K, FPS = 3, 25


def run(*arguments):
    """Run the command line, and return its exit code."""
    return main([str(argument) for argument in arguments])


def write_recordings(folder, n=3):
    """Write r0.csv, r1.csv, ... with times and four columns, at 25 Hz."""
    folder.mkdir(parents=True)
    videos = make_videos(n, n_actions=K, n_features=4, random_state=0).videos
    for number, video in enumerate(videos):
        write_recording(folder / f"r{number}.csv", video)
    return folder


def write_recording(file, video):
    """Write one table; NaN is an empty cell."""
    rows = [
        ",".join([f"{frame / FPS:g}", *("" if x != x else f"{x:.4f}" for x in row)])
        for frame, row in enumerate(video.tolist())
    ]
    file.write_text("\n".join(["time,x,y,z,w", *rows]) + "\n")


def fit(folder, out, *options):
    """Fit a model without training, and return its file."""
    assert run("fit", folder, "-k", K, "--epochs", 0, "-o", out, *options) == 0
    return out
