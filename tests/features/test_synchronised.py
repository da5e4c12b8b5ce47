"""Two videos side by side: each frame of x beside its match, at x's own time."""

from __future__ import annotations

import os
from types import SimpleNamespace

import numpy as np
import pytest

from skvas.features import FrameFeatures, write_synchronised
from tests.clips import grey, read_clip, write_clip, write_turning
from tests.held_files import hold_files

pytest.importorskip("av")

X = np.arange(20, 220, 20)  # brightness of the frames of x
Y = np.arange(230, 30, -25)
MATCHES = np.array([0, 0, 1, 3, 2, 2, 7, 6, 5, 4])


def aligned(matches, n_y=8):
    return SimpleNamespace(matches_x=np.array(matches), matches_y=np.zeros(n_y, int))


@pytest.fixture
def clips(tmp_path):
    return (
        write_clip(tmp_path / "x.mp4", grey(X)),
        write_clip(tmp_path / "y.mp4", grey(Y, height=48, width=48)),
    )


def panels(images, width_x=64):
    """Return the brightness of both videos in each frame."""
    video = images[:, :40].astype(float)
    return (
        video[:, :, 4 : width_x - 4].mean(axis=(1, 2, 3)),
        video[:, :, width_x + 10 : -4].mean(axis=(1, 2, 3)),
    )


def test_each_frame_stands_beside_its_match(clips, tmp_path):
    out = tmp_path / "out.mp4"
    write_synchronised(*clips, aligned(MATCHES), out, height=48)
    times, images = read_clip(out)
    np.testing.assert_allclose(times, np.arange(len(X)) / 10, atol=1e-4)
    assert images.shape[1:] == (48 + 6, 64 + 4 + 48, 3)
    left, right = panels(images)
    np.testing.assert_allclose(left, X, atol=8)
    np.testing.assert_allclose(right, Y[MATCHES], atol=8)
    assert sorted(os.listdir(tmp_path)) == ["out.mp4", "x.mp4", "y.mp4"]


def test_frames_of_another_size_are_scaled_to_the_first(clips, tmp_path):
    turning = write_turning(tmp_path / "turning.ts", X)
    matches = aligned(np.arange(8), n_y=len(X))
    write_synchronised(clips[1], turning, matches, tmp_path / "out.mp4", height=48)
    _, right = panels(read_clip(tmp_path / "out.mp4")[1], width_x=48)
    np.testing.assert_allclose(right, X[:8], atol=8)


def test_frame_without_match_stands_beside_the_last_one_darkened(clips, tmp_path):
    matches = [-1, 3, -1, -1, 1, 5, 6, 6, 7, -1]
    write_synchronised(*clips, aligned(matches), tmp_path / "out.mp4", height=48)
    _, right = panels(read_clip(tmp_path / "out.mp4")[1])
    shown = Y[[3, 3, 3, 3, 1, 5, 6, 6, 7, 7]] * np.where(np.less(matches, 0), 0.3, 1)
    np.testing.assert_allclose(right, shown, atol=8)


def test_bars_show_where_in_each_video_one_is(clips, tmp_path):
    write_synchronised(*clips, aligned(MATCHES), tmp_path / "out.mp4", height=48)
    bar = read_clip(tmp_path / "out.mp4")[1][:, 50:52].mean(axis=(1, 3))
    left, right = (bar[:, :64] > 128).mean(axis=1), (bar[:, 68:] > 128).mean(axis=1)
    np.testing.assert_allclose(left, np.arange(1, 11) / 10, atol=0.08)
    np.testing.assert_allclose(right, (MATCHES + 1) / len(Y), atol=0.08)


def test_variable_frame_rate_of_x_is_kept(clips, tmp_path):
    times = np.cumsum(np.random.RandomState(1).uniform(0.02, 0.4, len(X))).round(3)
    write_clip(tmp_path / "x.mp4", grey(X), times=times)
    write_synchronised(*clips, aligned(MATCHES), tmp_path / "out.mkv", height=48)
    found = read_clip(tmp_path / "out.mkv")[0]
    np.testing.assert_allclose(found, times - times[0], atol=2e-3)


def test_film_of_a_part_starts_at_once(clips, tmp_path):
    out = tmp_path / "out.mp4"
    times = np.array([0.5, 0.6, 0.9])
    write_synchronised(*clips, aligned([0, 1, 2]), out, times_x=times, height=48)
    np.testing.assert_allclose(read_clip(out)[0], times - times[0], atol=1e-4)


@pytest.mark.parametrize("pixels", ["2/1", "1/2"])
def test_pixels_that_are_not_square_are_shown_in_their_shape(clips, tmp_path, pixels):
    out = tmp_path / "out.mp4"
    write_clip(tmp_path / "y.mp4", grey(Y), pixels=pixels)
    write_synchronised(*clips, aligned(MATCHES), out, height=48)
    width = {"2/1": 128, "1/2": 32}[pixels]
    assert read_clip(out)[1].shape[2] == 64 + 4 + width


def test_alignment_of_some_frames_needs_their_times(clips, tmp_path):
    out = tmp_path / "out.mp4"

    def mean(frames):
        return frames.mean(axis=(1, 2))

    x, y = FrameFeatures(mean, fps=5).extract(list(clips))
    alignment = aligned([0, 1, 2, 2, 3], n_y=len(y.times))
    with pytest.raises(ValueError, match=r"y\.mp4.*more frames.*times_y"):
        write_synchronised(*clips, alignment, out, height=48)
    write_synchronised(
        *clips, alignment, out, times_x=x.times, times_y=y.times, height=48
    )
    left, right = panels(read_clip(out)[1])
    np.testing.assert_allclose(left, X[::2], atol=8)
    np.testing.assert_allclose(right, Y[::2][[0, 1, 2, 2, 3]], atol=8)


def test_films_are_written_where_files_in_use_cannot_be_removed(
    clips, tmp_path, monkeypatch
):
    hold_files(monkeypatch)
    write_synchronised(*clips, aligned(MATCHES), tmp_path / "out.mp4", height=48)
    assert len(read_clip(tmp_path / "out.mp4")[1]) == len(X)


def test_alignment_of_other_videos_is_refused_and_leaves_nothing(clips, tmp_path):
    out = tmp_path / "out.mp4"
    with pytest.raises(ValueError, match=r"x\.mp4.*10 frames, but 12 were aligned"):
        write_synchronised(*clips, aligned([0] * 12), out, height=48)
    with pytest.raises(ValueError, match=r"x\.mp4.*more frames, but 9 were aligned"):
        write_synchronised(*clips, aligned([0] * 9), out, height=48)
    with pytest.raises(ValueError, match=r"y\.mp4.*8 frames, but 9 were aligned"):
        write_synchronised(*clips, aligned(MATCHES, 9), out, height=48)
    assert sorted(os.listdir(tmp_path)) == ["x.mp4", "y.mp4"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"alignment": aligned([-1] * len(X))}, "no match"),
        ({"path": "out.doc"}, "must end in"),
        ({"height": 47}, "even"),
        ({"height": 0}, "height must be"),
        ({"times_x": [0.0]}, "times_x must be"),
        ({"times_y": np.arange(8)[::-1]}, "times_y must be"),
        ({"times_y": [0, 1, 2, 3, 3, 4, 5, 6]}, "times_y must be"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(clips, tmp_path, change, message):
    arguments = {"alignment": aligned(MATCHES), "path": "out.mp4", "height": 48}
    arguments |= change
    arguments["path"] = tmp_path / arguments["path"]
    with pytest.raises(ValueError, match=message):
        write_synchronised(*clips, **arguments)
    assert sorted(os.listdir(tmp_path)) == ["x.mp4", "y.mp4"]


def test_broken_video_leaves_the_old_file(clips, tmp_path):
    out = tmp_path / "out.mp4"
    out.write_bytes(b"old")
    clips[0].write_bytes(clips[0].read_bytes()[:-500])
    with pytest.raises(ValueError, match=r"x\.mp4.*cannot be decoded"):
        write_synchronised(*clips, aligned(MATCHES), out, height=48)
    assert out.read_bytes() == b"old"
    assert len(os.listdir(tmp_path)) == 3


def test_folder_that_is_not_there_is_named(clips, tmp_path):
    out = tmp_path / "gone" / "out.mp4"
    with pytest.raises(FileNotFoundError, match=r"gone/out\.mp4"):
        write_synchronised(*clips, aligned(MATCHES), out, height=48)


def test_row_41_full_disk_is_an_error_that_names_the_temporary_file(clips, tmp_path):
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    try:
        with pytest.raises(OSError, match=r"could not be written: .*frames'"):
            write_synchronised(*clips, aligned(MATCHES), tmp_path / "o.mp4", height=48)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert sorted(os.listdir(tmp_path)) == ["x.mp4", "y.mp4"]
