"""Recordings of a folder are in one order, on whatever system it is read."""

from __future__ import annotations

from pathlib import PurePath

import numpy as np
import pytest

from skvas import ActionSegmenter, fit_files
from skvas.cli._files import videos_in
from skvas.cli._inputs import label_files
from skvas.datasets import load_folder, make_videos
from skvas.io import read_recordings, read_sensors

NAMES = ["B", "C", "a"]


@pytest.fixture(autouse=True)
def windows(monkeypatch):
    """Compare paths without case, as Windows does."""

    def is_before(one, other):
        return str(one).lower() < str(other).lower()

    monkeypatch.setattr(PurePath, "__lt__", is_before)


def write_features(folder):
    folder.mkdir(parents=True)
    videos = make_videos(3, n_actions=2, random_state=0).videos
    for name, video in zip(NAMES, videos, strict=True):
        np.save(folder / f"{name}.npy", video)


def test_features_are_in_the_order_of_their_names(tmp_path):
    write_features(tmp_path / "one" / "features")
    assert load_folder(tmp_path / "one").names == NAMES
    model = ActionSegmenter(2, max_epochs=0)
    found = fit_files(model, tmp_path / "one" / "features").recordings_
    assert found["names"] == NAMES


def test_activities_are_in_the_order_of_their_names(tmp_path):
    for activity in NAMES:
        write_features(tmp_path / activity / "features")
    assert load_folder(tmp_path).activities == [a for a in NAMES for _ in NAMES]


def test_tables_are_in_the_order_of_their_names(tmp_path):
    for name in NAMES:
        (tmp_path / f"{name}.csv").write_text("time,x\n0.0,1\n0.5,2\n1.0,3\n")
    assert read_sensors(tmp_path).names == NAMES
    assert read_recordings(tmp_path).names == NAMES
    assert [file.stem for file in label_files(str(tmp_path))] == NAMES


def test_videos_are_in_the_order_of_their_names(tmp_path):
    for name in NAMES:
        (tmp_path / f"{name}.mp4").write_bytes(b"")
    assert [file.stem for file in videos_in(tmp_path)] == NAMES
