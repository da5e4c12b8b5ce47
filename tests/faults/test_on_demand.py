"""Recordings on disk: the answers of arrays in memory, and what may go wrong."""

from __future__ import annotations

import builtins
import errno
import gc
import os
import subprocess
import sys
import tempfile
import tracemalloc

import numpy as np
import pytest
from sklearn.decomposition import PCA, IncrementalPCA
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import StandardScaler

from skvas import (
    ActionSegmenter,
    JointAlignSegment,
    Segmenting,
    Timeline,
    Training,
    VideoAligner,
    fit_files,
    step_report,
    transfer_labels,
)
from skvas._on_demand import Kept, OnDemand, Shelf, choose, each
from skvas.datasets import FeatureFile, load_folder, make_videos
from skvas.datasets._on_disk import open_files
from skvas.preprocessing import Framewise, Interpolate, VideoStandardizer, WhitenedViews
from skvas.preprocessing import _whitened as whitening
from skvas.validation import check_videos
from tests.models import assert_same_outputs, outputs

VIDEOS = [
    video.astype(np.float32)
    for video in make_videos(5, n_actions=3, n_frames=(60, 90), random_state=0).videos
]
SMALL = Training(n_frames=24, batch_size=1, memory_limit=30_000)  # most of it on disk


class Given:
    """A sequence of the user's, which makes each array anew."""

    def __init__(self, videos=VIDEOS):
        self.videos = videos
        self.looks = 0

    def __len__(self):
        return len(self.videos)

    def __getitem__(self, index):
        self.looks += 1
        return self.videos[index].copy()


@pytest.fixture
def folder(tmp_path):
    for number, video in enumerate(VIDEOS):
        np.save(tmp_path / f"v{number}.npy", video)
    return tmp_path


def paths_of(folder):
    return sorted(folder.glob("*.npy"))


def maps_of(folder):
    return [np.load(path, mmap_mode="r") for path in paths_of(folder)]


def quick(cls=ActionSegmenter, **more):
    if cls is not VideoAligner:
        # No choice: it is not what is tested, and takes most of the time.
        plain = Segmenting(start="time", alpha=0.3, lambda_actions=0.1, n_refine=1)
        more = {"n_actions": 3, "segmenting": plain, **more}
    return cls(**{"max_epochs": 1, "random_state": 0, "training": SMALL, **more})


# The same answers


@pytest.mark.parametrize("cls", [ActionSegmenter, VideoAligner, JointAlignSegment])
def test_answers_are_those_of_arrays_in_memory_bit_for_bit(cls, folder):
    expected = quick(cls).fit(VIDEOS)
    for videos in (Given(), maps_of(folder), paths_of(folder)):
        found = quick(cls).fit(videos)
        assert_same_outputs(outputs(found, VIDEOS), outputs(expected, VIDEOS))
        for name, values in expected.history_.items():
            if name != "seconds":
                np.testing.assert_array_equal(found.history_[name], values)
    if cls is not VideoAligner:
        for labels, wanted in zip(found.labels_, expected.labels_, strict=True):
            np.testing.assert_array_equal(labels, wanted)


@pytest.mark.parametrize("dtype", [np.float64, ">f4", np.float16, np.int64])
def test_files_keep_the_digits_that_arrays_have(dtype, tmp_path):
    far = [(1e4 * video + 2**27).astype(np.float64) for video in VIDEOS]
    near = np.dtype(dtype).itemsize < 8
    videos = [video.astype(dtype) for video in (VIDEOS if near else far)]
    features = tmp_path / "features"
    features.mkdir()
    for number, video in enumerate(videos):
        np.save(features / f"v{number}.npy", video)
    expected = check_videos(videos)
    for given in (
        load_folder(tmp_path),
        load_folder(tmp_path, on_demand=True),
        [file.T.T for file in load_folder(tmp_path, on_demand=True)],
        open_files(paths_of(features)),
        maps_of(features),
    ):
        for mine, video, wanted in zip(
            given, check_videos(given), expected, strict=True
        ):
            assert video.dtype == wanted.dtype
            np.testing.assert_array_equal(video, wanted)
            if isinstance(mine, FeatureFile):
                assert FeatureFile(mine.filename).dtype == wanted.dtype
    model, wanted = (quick(max_epochs=0).fit(v) for v in (paths_of(features), videos))
    assert_same_outputs(outputs(model, videos), outputs(wanted, videos))


@pytest.mark.parametrize(
    "features",
    [
        None,
        "standardise",
        make_pipeline(Interpolate(), WhitenedViews()),
        StandardScaler(),
        make_pipeline(make_union("passthrough", VideoStandardizer()), "standardise"),
        make_union(make_pipeline(Interpolate(), VideoStandardizer()), Interpolate()),
    ],
    ids=["none", "standardise", "pipeline", "scaler", "union", "union of pipelines"],
)
def test_preprocessing_is_learned_from_one_video_at_a_time(features):
    model = quick(features=features, max_epochs=0).fit(Given())
    expected = quick(features=features, max_epochs=0).fit(VIDEOS)
    for video, wanted in zip(
        model.transform(VIDEOS), expected.transform(VIDEOS), strict=True
    ):
        np.testing.assert_allclose(np.abs(video), np.abs(wanted), atol=1e-4)


def test_transformer_that_learns_in_chunks_gets_each_frame_once(monkeypatch):
    monkeypatch.setattr("skvas.preprocessing._framewise.CHUNK", 100)
    sizes = []

    class Counting(IncrementalPCA):
        def partial_fit(self, frames, y=None):
            sizes.append(len(frames))
            return super().partial_fit(frames)

    checked = check_videos(Given(), shelf=Shelf(0))
    found = Framewise(Counting(3)).fit(checked).transformer_
    assert sum(sizes) == sum(map(len, VIDEOS)) == found.n_samples_seen_
    assert len(sizes) > 1
    assert min(sizes) >= 100


def test_labels_of_some_frames_name_actions_of_videos_on_demand():
    y = [None] * len(VIDEOS)
    y[1] = np.repeat(["a", "b", "c"], -(-len(VIDEOS[1]) // 3))[: len(VIDEOS[1])]
    found, expected = (quick(max_epochs=0).fit(v, y) for v in (Given(), VIDEOS))
    for labels, wanted in zip(
        found.predict(Given()), expected.predict(VIDEOS), strict=True
    ):
        assert labels.tolist() == wanted.tolist()


def test_frames_in_memory_do_not_grow_with_the_number_of_videos():
    def peak(n):
        videos = Given([VIDEOS[i % 5] for i in range(n)])
        checked = check_videos(videos, shelf=Shelf(30_000))
        WhitenedViews().fit(checked)
        tracemalloc.start()
        kept = checked.shelf.keep(video.astype(np.float32) for video in checked)
        WhitenedViews().fit(each(np.negative, kept))
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    few, many = peak(20), peak(100)
    assert many < few + 80 * 2000  # of 18 kB each


def test_memory_of_a_shelf_is_free_again_when_nobody_looks_at_it():
    shelf = Shelf(100)
    first = shelf.keep([np.zeros(10), np.zeros(10)])  # one of them on disk
    view = choose(first, [0])
    assert shelf.left == 20
    del first
    assert shelf.left == 20
    del view
    gc.collect()
    assert shelf.left == 100
    np.testing.assert_array_equal(shelf.keep([np.ones(12)])[0], np.ones(12))
    assert shelf.left == 100


def test_shelf_gives_back_what_was_put_on_it_in_memory_or_not():
    arrays = [np.arange(6.0).reshape(3, 2), np.zeros((0, 2)), np.ones((4, 1), np.int8)]
    for limit in (0, 60, np.inf):
        kept = Shelf(limit).keep(iter(arrays))
        assert isinstance(kept, Kept)
        assert kept.lengths == [3, 0, 4]
        for array, back in zip(arrays, kept, strict=True):
            assert back.dtype == array.dtype
            np.testing.assert_array_equal(back, array)
        np.testing.assert_array_equal(choose(kept, [2, 0])[1], arrays[0])
        assert [len(part) for part in kept[1:]] == [0, 4]
        with pytest.raises(IndexError):
            kept[3]


def test_read_only_map_lets_its_pages_go_and_a_writeable_one_stays(folder):
    writeable = [np.load(path, mmap_mode="c") for path in paths_of(folder)]
    assert isinstance(check_videos(writeable, shelf=Shelf(0)), list)
    checked = check_videos(maps_of(folder), shelf=Shelf(0))
    assert isinstance(checked, OnDemand)
    assert not isinstance(checked[0], np.memmap)
    np.testing.assert_array_equal(checked[3], VIDEOS[3])


def test_thinned_frames_have_the_directions_of_all_frames(monkeypatch):
    rng = np.random.default_rng(0)
    videos = [rng.normal(size=(n, 6)).cumsum(axis=0) for n in (900, 1400)]
    every = WhitenedViews(n_components=3).fit(videos)
    monkeypatch.setattr(whitening, "_MANY_NUMBERS", 0)
    few = WhitenedViews(n_components=3).fit(videos)
    for mine, theirs in zip(
        few.explained_variance_, every.explained_variance_, strict=True
    ):
        np.testing.assert_allclose(mine, theirs, rtol=5e-3)
    for mine, theirs in zip(few.components_, every.components_, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=2e-2)


# Folders


@pytest.mark.parametrize("cls", [ActionSegmenter, JointAlignSegment, VideoAligner])
def test_paths_are_taken_wherever_videos_are(cls, folder, tmp_path):
    paths = [str(path) for path in paths_of(folder)]
    model = quick(cls, max_epochs=0).fit(paths)
    expected = quick(cls, max_epochs=0).fit(VIDEOS)
    assert_same_outputs(outputs(model, paths), outputs(expected, VIDEOS))
    assert model.score(paths) == expected.score(VIDEOS)
    assert model.report(paths, tmp_path / "page.html").is_file()
    if hasattr(model, "to_table"):
        assert model.to_table(paths).records[0]["recording"] == "v0"
        assert step_report(model, paths).records[0]["video"] == "v0"


def test_one_path_is_one_video(folder):
    paths = [str(path) for path in paths_of(folder)]
    model = quick(JointAlignSegment, max_epochs=0).fit(VIDEOS)
    for name in ("predict", "predict_proba", "transform"):
        found, wanted = (getattr(model, name)(v) for v in (paths[0], VIDEOS[0]))
        np.testing.assert_array_equal(found, wanted)
    for via in ("pair", "timeline"):
        found = model.align(paths[0], paths_of(folder)[1], via=via)
        wanted = model.align(*VIDEOS[:2], via=via)
        np.testing.assert_array_equal(found.matches_x, wanted.matches_x)
    np.testing.assert_array_equal(
        quick(max_epochs=0).fit(paths[0]).labels_,
        quick(max_epochs=0).fit(VIDEOS[0]).labels_,
    )
    with pytest.raises(ValueError, match="x must be one video"):
        model.align(paths, paths[0])
    with pytest.raises(TypeError, match="got a str: load the file first"):
        model.stream().push(paths[0])


def test_timelines_take_paths(folder):
    paths = [str(path) for path in paths_of(folder)]
    timeline = Timeline(n_actions=3, random_state=0).fit(paths)
    expected = Timeline(n_actions=3, random_state=0).fit(VIDEOS)
    assert timeline.recordings_["names"][0] == "v0"
    for name in (
        "to_timeline",
        "transform",
        "predict",
        "predict_proba",
        "boundaries",
        "lacking",
        "alignability",
        "stack",
    ):
        found, wanted = (
            getattr(line, name)(videos)
            for line, videos in ((timeline, paths), (expected, VIDEOS))
        )
        for mine, theirs in zip(found, wanted, strict=True):
            np.testing.assert_array_equal(mine, theirs)
    y = [{0: "a"}, *[None] * 4]
    shares, wanted = (timeline.label_shares(y, v) for v in (paths, VIDEOS))
    np.testing.assert_array_equal(shares[1][2], wanted[1][2])
    frames, wanted = (timeline.from_timeline([0.5], v[0]) for v in (paths, VIDEOS))
    assert frames == wanted


def test_labels_are_transferred_between_paths(folder):
    model = quick(VideoAligner, max_epochs=0).fit(VIDEOS)
    labels = np.arange(len(VIDEOS[0])) // 30
    paths = paths_of(folder)
    found = transfer_labels(model, paths[0], labels, paths[1:])
    wanted = transfer_labels(model, VIDEOS[0], labels, VIDEOS[1:])
    for mine, theirs in zip(found.labels, wanted.labels, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_paths_may_be_in_arrays_and_columns_and_end_in_capitals(folder):
    pandas = pytest.importorskip("pandas")
    for path in paths_of(folder):
        path.rename(path.with_suffix(".NPY"))
    paths = [str(path) for path in sorted(folder.glob("*.NPY"))]
    table = pandas.DataFrame({"file": paths}, index=list("abcde"))
    for given in (paths, tuple(paths), np.array(paths), table["file"]):
        assert open_files(given).names == ["v0", "v1", "v2", "v3", "v4"]
        for video, wanted in zip(check_videos(open_files(given)), VIDEOS, strict=True):
            np.testing.assert_array_equal(video, wanted)


@pytest.mark.parametrize(
    ("videos", "message"),
    [
        (["v0.npy", VIDEOS[1]], "Paths and other objects.*video 1 is a ndarray"),
        ([VIDEOS[0], "v1.txt"], "Paths and other objects.*video 0 is a ndarray"),
        (["v0.npy", "v1.csv"], "^video 1: .*read_sensors"),
        (np.array(["v0.mp4", "v1.npy"]), "^video 0: .*skvas extract"),
        (["v0.npy", b"v1.npy"], "video 1 is a bytes"),
    ],
)
def test_row_22_what_is_no_list_of_paths_to_features_is_told(videos, message):
    with pytest.raises(TypeError, match=message):
        quick().fit(videos)


def test_fit_files_reads_a_folder_of_files_or_one_with_labels(folder, tmp_path):
    expected = quick().fit(VIDEOS)
    model = fit_files(quick(), folder)
    assert model.recordings_["names"] == [f"v{i}" for i in range(5)]
    assert_same_outputs(outputs(model, VIDEOS), outputs(expected, VIDEOS))
    features = tmp_path / "set" / "features"
    features.mkdir(parents=True)
    for path in paths_of(folder):
        np.save(features / path.name, np.load(path).T)  # stored the other way round
    data = load_folder(tmp_path / "set", on_demand=True)
    assert isinstance(data[0], FeatureFile)
    assert str(data).endswith("4 features") or f"{VIDEOS[0].shape[1]} features" in str(
        data
    )
    model = fit_files(quick(), tmp_path / "set")
    assert_same_outputs(outputs(model, VIDEOS), outputs(expected, VIDEOS))


def test_fit_files_takes_what_a_function_reads(folder):
    calls = []

    def read(path):
        calls.append(path)
        return np.load(path) * 2

    model = fit_files(quick(max_epochs=0), paths_of(folder), read=read)
    assert {*calls} == {*paths_of(folder)}
    expected = quick(max_epochs=0).fit([2 * video for video in VIDEOS])
    assert_same_outputs(outputs(model, VIDEOS), outputs(expected, VIDEOS))


def test_file_whose_rows_are_columns_has_the_type_that_is_read(folder):
    path = paths_of(folder)[0]
    file = FeatureFile(path, read=lambda path: np.load(path).astype(np.float64))
    assert file.dtype == np.float64
    turned = file.T
    assert turned.shape == file.shape[::-1]
    assert turned.dtype == np.asarray(turned).dtype == np.float64


@pytest.mark.parametrize(
    ("paths", "more", "message"),
    [
        ([], {}, "got none"),
        (["a.npy"], {"activity": "tea"}, "needs a folder"),
        ("no/folder", {}, "no/folder"),
        ("no/folder", {"read": np.load}, "list of them"),
    ],
)
def test_fit_files_says_what_it_needs(paths, more, message):
    with pytest.raises((ValueError, OSError), match=message):
        fit_files(quick(), paths, **more)


# Faults


class Meddling(WhitenedViews):
    """Preprocessing in whose `fit` something happens to the third file."""

    happen = None

    def fit(self, videos, y=None):
        super().fit(videos)
        type(self).happen()
        return self


def cut_short(path):
    os.truncate(path, path.stat().st_size - 8)


def replace_by_other(path):
    np.save(path, np.zeros((70, VIDEOS[0].shape[1]), np.float32))
    os.utime(path, ns=(1, 1))


@pytest.mark.parametrize("kind", ["files", "maps"])
@pytest.mark.parametrize(
    ("meddle", "error"),
    [
        (replace_by_other, ValueError),
        (os.unlink, OSError),
        (cut_short, ValueError),
    ],
    ids=["changed", "vanished", "damaged"],
)
def test_row_79_file_that_changes_in_the_middle_of_a_fit_is_named(
    folder, monkeypatch, kind, meddle, error
):
    model = quick(max_epochs=0).fit(VIDEOS)
    before = vars(model).copy()
    paths = paths_of(folder)
    monkeypatch.setattr(Meddling, "happen", staticmethod(lambda: meddle(paths[2])))
    model.set_params(features=Meddling())
    before["features"] = model.features
    videos = paths if kind == "files" else maps_of(folder)
    with pytest.raises(error, match=r"v2\.npy"):
        model.fit(videos)
    assert vars(model) == before


CUT = """
import os, sys
import numpy as np
from skvas import ActionSegmenter
from skvas.datasets import make_videos
from skvas.preprocessing import VideoStandardizer

(video,) = make_videos(1, n_frames=(300, 300), random_state=0).videos
stacked = np.stack([video, video])
model = ActionSegmenter(3, max_epochs=0)
fitted = ActionSegmenter(3, max_epochs=0).fit([video])
for number, (saved, look) in enumerate(
    [
        (video, lambda a: model.fit([video, a])),
        (video, lambda a: fitted.predict([video, a])),
        (video, lambda a: VideoStandardizer().fit([video, a])),
        (stacked, lambda a: model.fit(a)),
        (stacked, lambda a: model.fit([video, a[1][10:]])),
    ]
):
    path = f"{sys.argv[1]}/{number}.npy"
    np.save(path, saved)
    mapped = np.load(path, mmap_mode="r")
    os.truncate(path, 128)
    try:
        look(mapped)
    except ValueError as error:
        print(error)
"""


def test_row_79_map_of_a_file_cut_short_is_named_and_python_goes_on(tmp_path):
    command = [sys.executable, "-c", CUT, tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    for number, (line, index) in enumerate(zip(lines, (1, 1, 1, 0, 1), strict=True)):
        assert line.startswith(
            f"video {index}: '{tmp_path}/{number}.npy' has 128 bytes"
        )


def test_map_of_many_videos_stays_on_disk(tmp_path):
    videos = np.stack([video[:60] for video in VIDEOS])
    np.save(tmp_path / "all.npy", videos)
    stacked = np.load(tmp_path / "all.npy", mmap_mode="r")
    checked = check_videos(stacked, shelf=Shelf(0))
    assert isinstance(checked, OnDemand)
    for video, wanted in zip(checked, videos, strict=True):
        np.testing.assert_array_equal(video, wanted)
    found, expected = (quick(max_epochs=0).fit(v) for v in (stacked, videos))
    assert_same_outputs(outputs(found, videos), outputs(expected, videos))


def test_row_79_checkpoint_of_files_is_kept_and_resumed(folder):
    run = folder / "run"
    training = Training(
        n_frames=24, batch_size=1, checkpoint=run, callback=lambda record: 1 / 0
    )
    with pytest.raises(ZeroDivisionError):
        quick(training=training, max_epochs=2).fit(paths_of(folder))
    written = run.read_bytes()
    os.rename(folder / "v2.npy", folder / "w2.npz")
    again = quick(training=Training(n_frames=24, batch_size=1, checkpoint=run))
    paths = [folder / f"v{i}.npy" for i in range(5)]
    with pytest.raises(OSError, match=r"v2\.npy"):
        again.set_params(max_epochs=2).fit(paths)
    assert run.read_bytes() == written
    os.rename(folder / "w2.npz", folder / "v2.npy")
    again.fit(paths)
    assert again.n_iter_ == 2


def test_row_80_sequence_that_gives_another_array_is_named():
    class Growing(Given):
        def __getitem__(self, index):
            video = super().__getitem__(index)
            return video if self.looks < 8 or index != 3 else video[:-1]

    model = quick(max_epochs=0)
    with pytest.raises(ValueError, match=r"video 3 was float32 of shape .*same array"):
        model.fit(Growing())
    assert not hasattr(model, "labels_")


def test_row_80_sequence_that_gives_other_numbers_is_named():
    class Augmented(Given):
        def __getitem__(self, index):
            return super().__getitem__(index) + np.float32(self.looks)

    with pytest.raises(ValueError, match=r"video \d had other numbers.*at random"):
        quick(max_epochs=0).fit(Augmented())


def test_gaps_are_the_same_gaps_at_each_look():
    first, again = np.uint32([0x7FC00000, 0x7FC00001]).view(np.float32)

    class Gaps(Given):
        def __getitem__(self, index):
            video = super().__getitem__(index)
            video[-1, 0] = first if self.looks < 6 else again
            return video

    checked = check_videos(Gaps(), ensure_all_finite="allow-nan", shelf=Shelf(0))
    assert np.isnan(checked[0][-1, 0])


@pytest.mark.parametrize(
    ("videos", "message"),
    [
        (Given([VIDEOS[0], VIDEOS[1][:, :2]]), r"^video 1: X has 2 features"),
        (Given([VIDEOS[0], np.full((50, VIDEOS[0].shape[1]), np.nan)]), r"^video 1: "),
        (range(3), r"^video 0: "),
        (Given([]), "at least one video"),
    ],
    ids=["width", "nan", "numbers", "empty"],
)
def test_row_80_what_a_sequence_gives_is_checked_as_in_a_list(videos, message):
    with pytest.raises(ValueError, match=message):
        quick().fit(videos)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"memory_limit": 9_000, "n_frames": 2}, r"bytes of video \d, which must be"),
        ({"memory_limit": 100_000, "n_frames": 9000}, "bytes of a batch of pairs"),
    ],
)
def test_row_81_limit_below_what_is_needed_at_once_says_how_much(more, message):
    video = np.random.default_rng(0).normal(size=(700, 4)).astype(np.float32)
    training = Training(batch_size=1, **more)
    with pytest.raises(ValueError, match=message):
        quick(training=training).fit(Given([video, video]))


def test_row_81_transformer_that_needs_all_frames_says_so():
    videos = Given(VIDEOS * 5)
    with pytest.raises(ValueError, match=r"PCA needs all frames.*IncrementalPCA"):
        quick(features=PCA(2)).fit(videos)
    roomy = Training(n_frames=24, batch_size=1)
    quick(features=PCA(2), training=roomy, max_epochs=0).fit(videos)


def test_row_81_full_disk_names_the_folder_of_temporary_files(monkeypatch):
    class Full:
        def seek(self, *where):
            return 0

        def write(self, data):
            raise OSError(errno.ENOSPC, "No space left on device")

        def close(self):
            pass

    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **kwargs: Full())
    model = quick()
    with pytest.raises(OSError, match="No space left") as caught:
        model.fit(Given(VIDEOS * 5))
    assert caught.value.filename == tempfile.gettempdir()
    assert not builtins.any(name.endswith("_") for name in vars(model))


def test_batches_that_a_training_would_take_are_none_of_answers(folder):
    model = quick(max_epochs=0).fit(paths_of(folder))
    expected = model.predict(paths_of(folder))
    model.set_params(training__n_frames=9000)
    for found, labels in zip(model.predict(paths_of(folder)), expected, strict=True):
        np.testing.assert_array_equal(found, labels)
    with pytest.raises(ValueError, match="bytes of a batch of pairs"):
        model.fit(paths_of(folder))
    model.set_params(training__memory_limit=1000)
    with pytest.raises(ValueError, match="bytes of video"):
        model.predict(paths_of(folder))
