"""Gaps (NaN) are closed for models that were fitted to recordings without any."""

from __future__ import annotations

import argparse
import csv
import re

import numpy as np
import pytest

import skvas
from skvas.cli._files import load_recordings
from skvas.cli._gaps import ReadWithoutGaps, check_columns
from skvas.datasets import FeatureFile
from skvas.features import VideoFeatures
from skvas.io import read_recordings
from skvas.preprocessing import Interpolate
from tests.tables import fit, run, write_recording, write_recordings


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return write_recordings(tmp_path_factory.mktemp("data") / "whole")


@pytest.fixture(scope="module")
def model(whole):
    return fit(whole, whole.parent / "model")


@pytest.fixture
def gappy(whole, tmp_path):
    """One recording with a gap, called as that without."""
    video = np.array(read_recordings(whole)[1])
    video[20:50, 2] = video[-30:, 0] = np.nan  # more than the second that is closed
    (tmp_path / "gappy").mkdir()
    write_recording(tmp_path / "gappy" / "r1.csv", video)
    return tmp_path / "gappy"


def closed(gappy):
    return Interpolate().fit_transform(list(read_recordings(gappy)))


def test_gaps_are_closed_for_every_command(model, gappy, tmp_path, capsys):
    loaded, (video,) = skvas.load(model), closed(gappy)
    out = tmp_path / "out"
    assert run("predict", model, gappy, "-o", out) == 0
    assert "gaps of r1 are closed by straight lines" in capsys.readouterr().err
    found = np.loadtxt(out / "r1.txt", dtype=int)
    np.testing.assert_array_equal(found, loaded.predict(video))
    for command in ("report", "timeline"):
        assert run(command, model, gappy, "-o", tmp_path / f"{command}.csv") == 0
    with open(tmp_path / "timeline.csv", newline="") as stream:
        positions = [float(row["position"]) for row in csv.DictReader(stream)]
    expected = loaded.timeline_.to_timeline(video)
    np.testing.assert_allclose(positions, expected, atol=1e-6)
    assert run("report", model, gappy, "-o", tmp_path / "page.html") == 0


def test_recordings_without_gaps_are_as_they_were(model, whole, tmp_path, capsys):
    assert run("predict", model, whole, "-o", tmp_path) == 0
    assert "are closed" not in capsys.readouterr().err
    for name, video in zip(("r0", "r1"), read_recordings(whole), strict=False):
        found = np.loadtxt(tmp_path / f"{name}.txt", dtype=int)
        np.testing.assert_array_equal(found, skvas.load(model).predict(video))


@pytest.mark.parametrize("transposed", [False, True])
def test_gaps_of_features_are_closed_along_time(
    model, gappy, whole, tmp_path, transposed
):
    features = tmp_path / "data" / "features"
    features.mkdir(parents=True)
    (video,), (gaps,) = closed(gappy), read_recordings(gappy)
    np.save(features / "a.npy", gaps.T if transposed else gaps)
    out, loaded = tmp_path / "out", skvas.load(model)
    read = ReadWithoutGaps(None, loaded)(features / "a.npy")
    np.testing.assert_allclose(read, np.float32(video), rtol=1e-5)
    assert run("predict", model, tmp_path / "data", "-o", out) == 0
    expected = loaded.predict(np.float32(video))
    np.testing.assert_array_equal(np.loadtxt(out / "a.txt", dtype=int), expected)
    np.save(tmp_path / "b.npy", read_recordings(whole)[0])
    files = features / "a.npy", tmp_path / "b.npy"
    assert run("align", model, *files, "-o", tmp_path / "m.csv") == 0


def test_gaps_of_what_a_function_reads_are_closed_and_its_times_kept(model, gappy):
    (video,), (gaps,) = closed(gappy), read_recordings(gappy)
    timed = VideoFeatures(gaps, np.arange(len(gaps)) / 7)
    read = ReadWithoutGaps({"plain": gaps, "timed": timed}.get, skvas.load(model))
    np.testing.assert_array_equal(read("plain"), video)
    np.testing.assert_array_equal(read("timed").features, video)
    assert read("timed").times is timed.times


def test_model_of_recordings_with_gaps_aligns_such(whole, gappy, tmp_path):
    for name in ("r0", "r2"):
        (gappy / f"{name}.csv").write_text((whole / f"{name}.csv").read_text())
    model = fit(gappy, tmp_path / "model")
    np.save(tmp_path / "a.npy", read_recordings(gappy)[1])
    np.save(tmp_path / "b.npy", read_recordings(gappy)[0])
    out = ("-o", tmp_path / "m.csv")
    assert run("align", model, tmp_path / "a.npy", tmp_path / "b.npy", *out) == 0


def test_model_of_recordings_with_gaps_names_a_column_without_numbers(
    whole, gappy, tmp_path, capsys
):
    model = fit(gappy, tmp_path / "model")
    video = np.array(read_recordings(whole)[0])
    video[:, 1] = np.nan
    write_recording(gappy / "r1.csv", video)
    assert run("report", model, gappy) == 1
    assert "'r1' has no finite number in column y; leave" in capsys.readouterr().err


def test_column_without_numbers_is_named_with_its_recording(
    model, whole, tmp_path, capsys
):
    features = tmp_path / "data" / "features"
    features.mkdir(parents=True)
    video = np.array(read_recordings(whole)[0])
    np.save(features / "a.npy", video)
    video[:, 1] = np.nan
    np.save(features / "b.npy", video)
    data = tmp_path / "data"
    for command in (
        ("fit", data, "-k", 3, "-o", tmp_path / "m"),
        ("report", model, data),
    ):
        assert run(*command) == 1
        said = capsys.readouterr().err
        assert re.search(r"'b' has no finite number in column 1; leave", said)
    assert run("predict", model, data, "-o", tmp_path / "out") == 1
    assert re.search(r"b\.npy' has no finite number", capsys.readouterr().err)
    with pytest.raises(ValueError, match="'b' has no finite number in column reach"):
        check_columns(video, "b", ["turn", "reach", "grip", "lift"])


def test_timeline_names_the_recording_that_it_cannot_place(whole, tmp_path, capsys):
    two = [np.asarray(video)[:, :2] for video in read_recordings(whole)]
    model = tmp_path / "model"  # which knows no names of columns
    skvas.JointAlignSegment(3, max_epochs=0, random_state=0).fit(two).save(model)
    for more in ((), ("-o", tmp_path / "t.csv")):
        assert run("timeline", model, whole, *more) == 1
        assert "skvas timeline: r0: X has 4 features" in capsys.readouterr().err


def test_features_stay_in_their_files(model, whole, tmp_path, capsys):
    features = tmp_path / "set" / "features"
    features.mkdir(parents=True)
    videos = [np.array(video) for video in read_recordings(whole)]
    videos[1][20:26, 2] = np.nan
    for number, video in enumerate(videos):
        np.save(features / f"r{number}.npy", video.T)
    options = argparse.Namespace(folder=str(tmp_path / "set"), activity=None)
    data = load_recordings(options, skvas.load(model))
    assert "gaps of r1 are closed" in capsys.readouterr().err
    for found, wanted in zip(data, Interpolate().fit_transform(videos), strict=True):
        assert isinstance(found, FeatureFile)
        assert found.shape == wanted.shape
        np.testing.assert_array_equal(found, wanted)
