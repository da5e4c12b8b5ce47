from __future__ import annotations

import itertools

import numpy as np
import pytest
from torch import nn

from skvas.features import FrameFeatures
from skvas.features._decoding import read_frames, resampled, shown_at
from skvas.features._sources import compute_as_they_come, in_real_time, read_camera
from tests.clips import grey, write_clip


@pytest.mark.parametrize(
    ("backbone", "size"),
    [
        (lambda frames: frames.mean(axis=(1, 2)), 16),
        (nn.Flatten(), 16),
        (nn.Flatten(), None),
    ],
)
def test_features_of_frames_as_they_come_are_those_of_the_file(
    tmp_path, backbone, size
):
    path = write_clip(tmp_path / "clip.mp4", grey([10, 80, 160, 240]))
    extractor = FrameFeatures(backbone, size=size, device="cpu")
    found = list(compute_as_they_come(extractor, read_frames(path)))
    expected = extractor.extract(path)
    np.testing.assert_array_equal([time for time, _ in found], expected.times)
    np.testing.assert_array_equal([row for _, row in found], expected.features)
    assert found[0][1].dtype == expected.features.dtype


def test_real_time_waits_for_what_is_early_and_for_nothing_late():
    now = [100.0]
    waits = []

    def sleep(seconds):
        waits.append(round(seconds, 6))
        now[0] += seconds

    items = in_real_time(
        [(5.0, "a"), (5.5, "b"), (6.0, "c"), (6.5, "d")],
        clock=lambda: now[0],
        sleep=sleep,
    )
    assert next(items) == (5.0, "a")
    now[0] += 0.2
    assert next(items) == (5.5, "b")
    now[0] += 0.7  # too late for c
    assert [item for _, item in items] == ["c", "d"]
    assert waits == [0.3, 0.3]


def test_camera_that_is_not_there_is_named():
    pytest.importorskip("av")
    with pytest.raises(OSError, match="/dev/no-camera"):
        list(itertools.islice(read_camera("/dev/no-camera"), 1))


@pytest.mark.parametrize("kind", ["ExternalError", "UnknownError", "EOFError"])
def test_camera_that_cannot_be_read_is_named(monkeypatch, kind):
    av = pytest.importorskip("av")

    def fail(*_, **__):
        raise getattr(av.error, kind)(1, "the device is gone")

    monkeypatch.setattr(av, "open", fail)
    with pytest.raises(OSError, match=r"the camera 'webcam' .* the device is gone"):
        next(read_camera("webcam"))


def test_no_frames_are_none_at_any_rate():
    assert list(resampled(iter([]), 5)) == []
    assert list(shown_at(iter([]), [0.0, 1.0])) == []
