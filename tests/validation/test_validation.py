import datetime
import pathlib
import sys

import numpy as np
import pytest
import sklearn
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_array_equal
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.preprocessing import StandardScaler

from skvas import ActionSegmenter
from skvas._optional import compiled, import_optional
from skvas.datasets import Recordings
from skvas.exceptions import InvalidParameterError
from skvas.io import SegmentTable
from skvas.metrics import segmentation_report
from skvas.transport import _iterations
from skvas.validation import (
    check_choice,
    check_fps,
    check_integer,
    check_labels,
    check_real,
    check_seconds,
    check_videos,
    is_single_video,
    naming_video,
    unchanged_on_failure,
    warn_of_transposed,
)

VIDEO = np.arange(12.0).reshape(4, 3)
WIDE = np.arange(16.0).reshape(4, 4)  # a width that no pose has


class Estimator(BaseEstimator):
    pass


class HasArray:
    def __init__(self, array):
        self._array = array

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self._array, dtype=dtype)


def object_vector(items):
    vector = np.empty(len(items), dtype=object)
    for index, item in enumerate(items):
        vector[index] = item
    return vector


def with_value(value, dtype=np.float64):
    video = VIDEO.astype(dtype)
    video[2, 1] = value
    return video


# What is one video, what are many


@pytest.mark.parametrize(
    "video",
    [
        VIDEO,
        VIDEO.tolist(),
        list(VIDEO),
        tuple(VIDEO),
        [torch.tensor(row, requires_grad=True) for row in VIDEO],
        HasArray(VIDEO),
        torch.tensor(VIDEO),
        torch.tensor(VIDEO, requires_grad=True),
        VIDEO.astype(object),
    ],
    ids=lambda video: type(video).__name__,
)
def test_two_axes_are_one_video(video):
    assert is_single_video(video)
    (checked,) = check_videos(video)
    assert_array_equal(checked, VIDEO)


@pytest.mark.parametrize(
    "videos",
    [
        [VIDEO, VIDEO],
        (VIDEO, VIDEO),
        object_vector([VIDEO, VIDEO]),
        np.stack([WIDE, WIDE]),
        np.stack([VIDEO, VIDEO]).tolist(),
        HasArray(np.stack([WIDE, WIDE])),
        torch.tensor(np.stack([WIDE, WIDE])),
        [VIDEO.tolist(), torch.tensor(VIDEO)],
    ],
    ids=lambda videos: type(videos).__name__,
)
def test_collections_of_two_axes_are_many_videos(videos):
    assert not is_single_video(videos)
    checked = check_videos(videos)
    assert len(checked) == 2
    for video in checked:
        assert_array_equal(video, VIDEO if video.shape[1] == 3 else WIDE)


def test_lengths_may_differ():
    assert [len(video) for video in check_videos([VIDEO, VIDEO[:1]])] == [4, 1]


def test_list_of_one_is_many():
    assert not is_single_video([VIDEO])
    assert not is_single_video(WIDE[None])
    assert len(check_videos([VIDEO])) == 1


@pytest.mark.parametrize(
    "empty", [[], (), np.empty(0, dtype=object), np.empty((0, 4, 3))]
)
def test_empty_collection_is_refused(empty):
    assert not is_single_video(empty)
    with pytest.raises(ValueError, match="at least one video"):
        check_videos(empty)


@pytest.mark.parametrize(
    ("container", "hint"),
    [
        ((video for video in [VIDEO]), "list or an array"),
        (map(np.abs, [VIDEO]), "list or an array"),
        ({"a": VIDEO}.values(), "list or an array"),
        (3.0, "list or an array"),
        (None, "list or an array"),
        (object(), "list or an array"),
        ({"a": VIDEO}, "values"),
        ({1, 2}, "no order"),
        ("video.npy", "load the file"),
        (b"video.npy", "load the file"),
        (pathlib.Path("video.npy"), "load the file"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_holds_no_arrays_is_a_type_error_with_a_hint(container, hint):
    with pytest.raises(TypeError, match=hint):
        check_videos(container)


@pytest.mark.parametrize(
    "item", ["a.npy", pathlib.Path("a.npy"), {"a": VIDEO}, {1}, iter([VIDEO])]
)
def test_such_a_thing_inside_a_list_is_named(item):
    with pytest.raises(TypeError, match=r"^video 1: .*" + type(item).__name__):
        check_videos([VIDEO, item])


@pytest.mark.parametrize(
    "matrix",
    [
        sparse.csr_array(VIDEO),
        sparse.coo_matrix(VIDEO),
        torch.tensor(VIDEO).to_sparse(),
    ],
    ids=lambda value: type(value).__name__,
)
def test_sparse_is_a_type_error_that_asks_for_dense(matrix):
    for videos in (matrix, [VIDEO, matrix]):
        with pytest.raises(TypeError, match="Sparse .* dense"):
            check_videos(videos)


# Shapes


@pytest.mark.parametrize(
    ("videos", "message"),
    [
        (VIDEO[0], "Expected 2D array, got 1D"),
        ([1.0, 2.0], "Expected 2D array, got 1D"),
        (np.float64(3), "Expected 2D array, got scalar"),
        ([[1.0, 2.0], [3.0]], "frames differ in their number"),
        ([[[1.0, 2.0], [3.0]]], "video 0: its frames differ"),
        ([VIDEO, VIDEO[0]], "video 1: Expected 2D array, got 1D"),
        ([VIDEO[0], VIDEO], "video 0: Expected 2D array, got 1D"),
        ([VIDEO, VIDEO[None]], "video 1: X has 12 features, but video 0 has 3"),
        ([VIDEO[None, None]], "video 0: Found array with dim 4"),
        (np.zeros((1, 2, 3, 4)), "dim 4"),
        (np.empty((0, 3)), r"^Found array with 0 sample\(s\)"),
        ([VIDEO, np.empty((0, 3))], r"^video 1: Found array with 0 sample\(s\)"),
        ([VIDEO, np.empty((4, 0))], r"^video 1: Found array with 0 feature\(s\)"),
        ([np.empty((0, 5, 3))], r"^video 0: Found array with 0 sample\(s\)"),
        ([VIDEO, VIDEO, VIDEO[:, :2]], "^video 2: X has 2 features, but video 0 has 3"),
    ],
)
def test_wrong_shapes_are_value_errors_naming_the_video(videos, message):
    with pytest.raises(ValueError, match=message):
        check_videos(videos)


@pytest.mark.parametrize("n_axes", [2, 3])
def test_poses_in_a_list_are_frames_of_their_coordinates(n_axes):
    pose = np.arange(4.0 * 5 * n_axes).reshape(4, 5, n_axes)
    assert not is_single_video([pose])
    (video,) = check_videos([pose])
    assert_array_equal(video, pose.reshape(4, 5 * n_axes))


@pytest.mark.parametrize("n_axes", [2, 3])
@pytest.mark.parametrize("make", [np.asarray, HasArray, torch.tensor])
def test_row_74_one_array_of_poses_is_refused_with_both_ways_to_say_it(n_axes, make):
    poses = make(np.zeros((279, 17, n_axes)))
    with pytest.raises(ValueError, match=r"279 frames .*\[array\].* list\(array\)"):
        check_videos(poses)


@pytest.mark.parametrize(
    "channels", [[np.zeros(90)] * 3, [np.zeros(90), np.zeros(80)]], ids=["3", "ragged"]
)
def test_row_74_list_of_channels_is_refused_with_both_ways_to_say_it(channels):
    with pytest.raises(ValueError, match=r"column_stack.*channel\[:, None\]"):
        check_videos(channels)


def test_row_74_none_in_a_list_is_named():
    with pytest.raises(TypeError, match="video 1: .*None: .* leave recordings out"):
        check_videos([VIDEO, None])


@pytest.mark.parametrize(
    ("item", "hint"),
    [
        ("clips/a.mp4", "skvas extract"),
        ("clips/A.MOV", "skvas extract"),
        (pathlib.Path("a.csv"), "read_sensors"),
        ("a.slp", "read_poses"),
        ("a.h5", r"read_poses.*fit_files.* read, a function"),
        ("folder", "load_folder"),
        ({"videos": [VIDEO], "labels": None}, r"fit\(data.videos\)"),
    ],
)
def test_row_74_what_must_be_read_first_says_with_what(item, hint):
    for videos in (item, [VIDEO, item]):
        with pytest.raises(TypeError, match=hint):
            check_videos(videos)


def test_row_74_columns_that_are_no_numbers_are_named():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"x": [1.0, 2.0], "when": ["a", "b"]})
    dates = frame.assign(when=pandas.to_datetime(["2024-01-01", "2024-01-02"]))
    for odd in (frame, dates):
        with pytest.raises(
            ValueError, match=r"'when' hold dates or text.*read_sensors"
        ):
            check_videos([odd])


@pytest.mark.parametrize("package", ["pandas", "polars"])
def test_row_74_categories_are_text_unless_they_are_numbers(package):
    frames = pytest.importorskip(package)
    frame = frames.DataFrame({"x": [1.0, 2.0], "state": ["a", "b"]})
    if package == "pandas":
        frame["state"] = frame["state"].astype("category")
        numbers = frames.DataFrame({"x": [1.0, 2.0]}, dtype="category")
        assert_array_equal(check_videos([numbers])[0], [[1], [2]])
    else:
        frame = frame.with_columns(frame["state"].cast(frames.Categorical))
    with pytest.raises(ValueError, match=r"column.* 'state' hold.*column of 0 and 1"):
        check_videos([frame])


def test_row_74_groups_of_a_data_frame_say_how_to_pass_them():
    pandas = pytest.importorskip("pandas")
    groups = pandas.DataFrame({"x": [1.0, 2.0], "trial": [1, 2]}).groupby("trial")
    with pytest.raises(TypeError, match=r"\[frame for _, frame in groups\]"):
        check_videos(groups)
    assert len(check_videos([frame for _, frame in groups])) == 2


def test_nan_is_located_and_has_remedies():
    video = np.zeros((20, 3))
    video[[4, 5, 6, 11], 1] = np.nan
    with pytest.raises(
        ValueError, match=r"4 of 20 frames, first in frames 4 to 6.*Int"
    ):
        check_videos([VIDEO, video])


def test_named_recordings_are_named_in_errors():
    recordings = Recordings([VIDEO, VIDEO[:, :2]], ["anna", "ben"])
    with pytest.raises(ValueError, match=r"^video 1 \(ben\): X has 2 features"):
        check_videos(recordings)


@pytest.mark.parametrize("package", ["pandas", "polars"])
def test_row_74_one_column_of_a_data_frame_is_refused_with_a_way_to_pass_it(package):
    frames = pytest.importorskip(package)
    with pytest.raises(ValueError, match=r"single column.*frame\[\[.name.\]\]"):
        check_videos(frames.Series([1.0, 2.0]))


def test_exchanged_axes_are_warned_of():
    walks = np.random.default_rng(0).normal(size=(3, 90, 6)).cumsum(axis=1)
    warn_of_transposed(list(walks))
    warn_of_transposed([walk.T for walk in walks[:1]])
    images = np.repeat(np.random.default_rng(0).normal(size=(3, 10, 90)), 3, axis=1)
    warn_of_transposed(list(images))  # few frames, many features
    warn_of_transposed([walk.T[:1] for walk in walks])
    for n_frames in (2, 6):
        message = rf"{n_frames} frames and 90 features.*video\.T"
        with pytest.warns(UserWarning, match=message):
            warn_of_transposed([walk.T[:n_frames] for walk in walks])


def test_matrix_class_is_refused():
    with pytest.warns(PendingDeprecationWarning):
        matrix = np.matrix(VIDEO)
    with pytest.raises(TypeError, match=r"np\.matrix"):
        check_videos(matrix)


def test_one_frame_counts_among_others_and_not_alone():
    with pytest.raises(ValueError, match="n_samples = 1.* minimum of 2"):
        check_videos([VIDEO[:1]], min_total_frames=2)
    with pytest.raises(ValueError, match="minimum of 5 is required by Estimator"):
        check_videos(VIDEO, estimator=Estimator(), min_total_frames=5)
    assert len(check_videos([VIDEO, VIDEO[:1]], min_total_frames=5)) == 2


def test_min_frames_holds_for_each_video():
    with pytest.raises(ValueError, match=r"^video 1: Found array with 1 sample"):
        check_videos([VIDEO, VIDEO[:1]], min_frames=2)


# Numbers


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_bad_number_is_reported_with_its_video(value, dtype):
    videos = [VIDEO] * 7 + [with_value(value, dtype)]
    with pytest.raises(ValueError, match="^video 7: Input X contains (NaN|infinity)"):
        check_videos(videos)


def test_single_video_has_no_number_in_its_messages():
    with pytest.raises(ValueError, match="^Input X contains NaN"):
        check_videos(with_value(np.nan))


def test_allow_nan_lets_nan_pass_but_not_infinity():
    (video,) = check_videos(with_value(np.nan), ensure_all_finite="allow-nan")
    assert np.isnan(video[2, 1])
    video = with_value(np.nan)
    video[3, 0] = np.inf
    for infinite in (with_value(np.inf), video):
        with pytest.raises(ValueError, match="infinity in 1 .* frame [23].*Mark"):
            check_videos(infinite, ensure_all_finite="allow-nan")


def test_assume_finite_skips_the_check():
    with sklearn.config_context(assume_finite=True):
        (video,) = check_videos(with_value(np.nan))
    assert np.isnan(video[2, 1])


BEYOND_FLOAT64 = [[[10**400]]]
if np.finfo(np.longdouble).max > np.finfo(np.float64).max:
    BEYOND_FLOAT64.append(np.array([[np.longdouble("1e400")]]))


@pytest.mark.parametrize("video", BEYOND_FLOAT64)
def test_numbers_beyond_float64_are_refused(video):
    with pytest.raises(ValueError, match="infinity|too large"):
        check_videos(video)
    with pytest.raises(ValueError, match=r"^video 1: .*(infinity|too large)"):
        check_videos([[[1.0]], video])


def test_float16_that_overflowed_is_refused():
    with np.errstate(over="ignore"):
        video = (VIDEO * 1e4).astype(np.float16)
    with pytest.raises(ValueError, match="infinity"):
        check_videos(video)


@pytest.mark.parametrize(
    "video",
    [
        VIDEO + 1j,
        torch.tensor(VIDEO + 1j),
        VIDEO.astype("M8[D]"),
        VIDEO.astype("m8[s]"),
        VIDEO.astype(str),
        VIDEO.astype("S4"),
        [[1, "2"]],
        np.array([[1, "2"]], dtype=object),
        np.array([["a", "b"]], dtype=object),
        np.zeros((4, 3), dtype=[("x", float)]),
        [[None, 1.0]],
    ],
    ids=lambda video: str(getattr(video, "dtype", "list")),
)
def test_what_is_no_real_number_is_a_value_error(video):
    with pytest.raises(ValueError, match="^video 1: "):
        check_videos([VIDEO, video])


@pytest.mark.parametrize("value", [1j, datetime.datetime(2000, 1, 1), {"a": 1}])
def test_objects_that_are_no_numbers_are_a_type_error(value):
    with pytest.raises(TypeError, match="^video 0: float"):
        check_videos([with_value(value, object)])


@pytest.mark.parametrize(
    "masked",
    [
        np.ma.array(VIDEO),
        [np.ma.array(VIDEO)],
        np.ma.array(VIDEO[None]),
        [np.ma.array(row) for row in VIDEO],
    ],
)
def test_masked_arrays_are_refused(masked):
    with pytest.raises(ValueError, match="mask would be ignored"):
        check_videos(masked)


@pytest.mark.parametrize(
    "dtype",
    ["bool", "int8", "int16", "int64", "uint8", "uint64", "float16", "longdouble"]
    + [">i4", ">f8", "object"],
)
def test_other_numbers_become_float64(dtype):
    (video,) = check_videos(VIDEO.astype(dtype))
    assert video.dtype == np.float64
    assert_array_equal(video, VIDEO.astype(bool) if dtype == "bool" else VIDEO)


@pytest.mark.parametrize("dtype", ["<f4", ">f4"])
def test_float32_stays_float32(dtype):
    (video,) = check_videos(VIDEO.astype(dtype))
    assert video.dtype == np.float32
    assert video.dtype.isnative
    assert_array_equal(video, VIDEO)


LAYOUTS = {
    "C": np.ascontiguousarray,
    "F": np.asfortranarray,
    "strided": lambda video: np.repeat(video, 2, axis=0)[::2],
    "columns": lambda video: np.repeat(video, 3, axis=1)[:, ::3],
    "reversed": lambda video: video[::-1].copy()[::-1],
    "big-endian": lambda video: video.astype(video.dtype.newbyteorder(">")),
    "unaligned": lambda video: np.frombuffer(
        b"x" + video.tobytes(), dtype=video.dtype, offset=1
    ).reshape(video.shape),
}


@given(
    video=hnp.arrays(
        st.sampled_from([np.float32, np.float64]),
        hnp.array_shapes(min_dims=2, max_dims=2),
        elements={"allow_nan": False, "allow_infinity": False},
    ),
    layout=st.sampled_from(sorted(LAYOUTS)),
    read_only=st.booleans(),
)
def test_layout_changes_no_bit_of_result_or_input(video, layout, read_only):
    laid_out = LAYOUTS[layout](video)
    laid_out.flags.writeable = laid_out.flags.writeable and not read_only
    before = laid_out.tobytes()
    (checked,) = check_videos([laid_out])
    assert checked.tobytes() == video.tobytes()
    assert checked.dtype == video.dtype
    assert checked.flags.c_contiguous
    assert checked.flags.aligned
    assert laid_out.tobytes() == before


def test_result_shares_memory_and_cannot_be_written_to():
    mine = VIDEO.copy()
    (checked,) = check_videos(mine)
    assert np.shares_memory(checked, mine)
    with pytest.raises(ValueError, match="read-only"):
        checked[0, 0] = 1
    mine[0, 0] = 1  # the user's own array is as writable as before


def test_memmap_is_not_copied(tmp_path):
    np.save(tmp_path / "video.npy", VIDEO)
    mapped = np.load(tmp_path / "video.npy", mmap_mode="r")
    (checked,) = check_videos([mapped])
    assert np.shares_memory(checked, mapped)
    assert_array_equal(checked, VIDEO)


def test_subnormal_numbers_are_kept():
    video = VIDEO * 5e-324
    assert check_videos(video)[0].tobytes() == video.tobytes()


# Tensors


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_tensor_of_32_bits_or_bfloat16_becomes_float32(dtype):
    (video,) = check_videos([torch.tensor(VIDEO, dtype=dtype)])
    assert video.dtype == np.float32
    assert_array_equal(video, VIDEO)


def test_tensor_keeps_its_gradient_and_its_numbers():
    tensor = torch.tensor(VIDEO, requires_grad=True)
    (video,) = check_videos([tensor * 1])
    assert tensor.requires_grad
    assert_array_equal(video, tensor.detach().numpy())


def test_tensor_on_any_device(device):
    tensor = torch.tensor(VIDEO, device=device)
    assert_array_equal(check_videos([tensor])[0], VIDEO)


def test_negated_view_of_a_tensor_is_resolved():
    tensor = torch.tensor(VIDEO - 1j * VIDEO).conj().imag
    assert tensor.is_neg()
    assert_array_equal(check_videos(tensor)[0], VIDEO)


# Data frames


def test_pandas_frames_give_their_names():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(VIDEO, columns=list("abc"))
    estimator = Estimator()
    check_videos([frame, frame], estimator=estimator)
    assert_array_equal(estimator.feature_names_in_, ["a", "b", "c"])
    with pytest.raises(ValueError, match=r"^video 1: (?s:.)*same order"):
        check_videos([frame, frame[list("bac")]], estimator=estimator, reset=False)


def test_columns_are_compared_without_an_estimator_too():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(VIDEO, columns=list("abc"))
    with pytest.raises(ValueError, match=r"^video 1: (?s:.)*same order"):
        check_videos([frame, frame[list("bac")]])


def test_the_column_that_is_named_is_no_other_spelling_of_the_same():
    pandas = pytest.importorskip("pandas")
    first, other = (
        pandas.DataFrame(VIDEO[:, :2], columns=names)
        for names in (["caf\u00e9", "x"], ["cafe\u0301", "y"])
    )
    with pytest.raises(ValueError, match="column 1 is 'y', and 'x' in video 0"):
        check_videos([first, other], estimator=Estimator())


@pytest.mark.parametrize("package", ["pandas", "polars"])
@pytest.mark.parametrize("names", ["bac", "abd"])
def test_columns_of_fit_are_compared_with_those_of_its_first_frame(package, names):
    frames = pytest.importorskip(package)
    first, other = (
        frames.DataFrame({name: [0.0, 1.0] for name in some}) for some in ("abc", names)
    )
    message = (
        "^video 1: Data frames must have the same columns in the same order, but "
        "column . is .*in video 0"
    )
    with pytest.raises(ValueError, match=message) as caught:
        check_videos([first, other], estimator=Estimator())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("names", [["x", "x", "y"], [0, 1, 0]])
def test_a_column_that_is_there_twice_is_named(names):
    pandas = pytest.importorskip("pandas")
    frame, whole = (pandas.DataFrame(VIDEO, columns=c) for c in (names, list("abc")))
    message = f"^video 1: Data frames must have .* {names[0]!r} is there 2 times: "
    for options in ({}, {"estimator": Estimator()}):
        with pytest.raises(ValueError, match=message) as caught:
            check_videos([whole, frame], **options)
        assert "\n" not in str(caught.value)
    frame = frame.astype(object)  # whose columns are looked at for texts
    with pytest.raises(ValueError, match=r"^Data frames must .* frame\.loc\["):
        check_videos(frame)


class Table:
    """A table whose columns are arrays, as in pyarrow."""

    def __init__(self, values):
        self.columns, self.column_names = [*np.transpose(values)], ["x", "y", "z"]
        self.shape = np.shape(values)

    def __array__(self, dtype=None, copy=None):
        return np.column_stack(self.columns)


def test_tables_may_have_arrays_as_columns():
    [found] = check_videos([Table(VIDEO)])
    assert_array_equal(found, VIDEO)


def test_columns_beside_those_of_a_fit_of_recordings_are_named():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(VIDEO, columns=list("abc")).assign(time=1.0)
    with pytest.raises(
        ValueError, match="X has 4 features, 'time' among them, .*had 3"
    ):
        check_videos([frame], reset=False, feature_names=list("abc"))


@pytest.mark.parametrize("dtype", ["float64", "Int64", "Float64", "category"])
def test_pandas_types_of_numbers_are_numbers(dtype):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(VIDEO.astype(dtype if dtype == "float64" else float))
    assert_array_equal(check_videos(frame.astype(dtype))[0], VIDEO)


def test_missing_value_of_pandas_is_nan():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(VIDEO).astype("Int64")
    with pytest.raises(ValueError, match="^video 0: Input X contains NaN"):
        check_videos([frame.mask(frame > 5)])


def test_column_without_a_number_is_named():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(VIDEO, columns=list("abc"), dtype=float)
    with pytest.raises(ValueError, match=r"in all frames of feature b\. Leave"):
        check_videos([frame, frame.assign(b=np.nan)])


def test_pandas_strings_and_dates_are_refused():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(VIDEO)
    for bad in (frame.astype(str), frame.apply(pandas.to_datetime)):
        with pytest.raises(ValueError, match="Expected real numbers"):
            check_videos(bad)


def test_series_of_videos_is_many():
    pandas = pytest.importorskip("pandas")
    assert len(check_videos(pandas.Series([VIDEO, VIDEO[:2]]))) == 2


def test_polars_frames_that_are_yet_to_be_read_are_refused_with_a_hint():
    lazy = pytest.importorskip("polars").LazyFrame({"a": [0.0, 1.0]})
    for videos in (lazy, [lazy, lazy]):
        with pytest.raises(TypeError, match="got a LazyFrame: read its .* collect"):
            check_videos(videos)


def test_polars_frames_give_their_names():
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame(VIDEO.astype(np.float32), schema=list("abc"))
    estimator = Estimator()
    videos = check_videos([frame, frame], estimator=estimator)
    assert videos[0].dtype == np.float32
    assert_array_equal(estimator.feature_names_in_, ["a", "b", "c"])
    with pytest.raises(ValueError, match="same order"):
        check_videos(frame.select("b", "a", "c"), estimator=estimator, reset=False)


# The estimator


def test_features_are_learned_and_compared():
    estimator = Estimator()
    check_videos([VIDEO, VIDEO], estimator=estimator)
    assert estimator.n_features_in_ == 3
    with pytest.raises(
        ValueError, match="^video 0: X has 2 features, but Estimator is expecting 3"
    ):
        check_videos([VIDEO[:, :2]], estimator=estimator, reset=False)
    with pytest.raises(ValueError, match="^video 1: X has 2 features.*3 features"):
        check_videos([VIDEO, VIDEO[:, :2]], estimator=estimator, reset=False)


@pytest.mark.parametrize(
    "bad", [[VIDEO[:, :2], VIDEO], [VIDEO[:, :2], with_value(np.nan)[:, :2]], []]
)
def test_failed_check_leaves_the_estimator_as_it_was(bad):
    estimator = Estimator()
    with pytest.raises(ValueError, match="video"):
        check_videos(bad, estimator=estimator)
    assert vars(estimator) == {}
    check_videos(VIDEO, estimator=estimator)
    with pytest.raises(ValueError, match="video"):
        check_videos(bad, estimator=estimator)
    assert vars(estimator) == {"n_features_in_": 3}


def test_failed_check_keeps_old_feature_names():
    pandas = pytest.importorskip("pandas")
    estimator = Estimator()
    check_videos(pandas.DataFrame(VIDEO, columns=list("abc")), estimator=estimator)
    with pytest.raises(ValueError, match="video 1"):
        check_videos([VIDEO, VIDEO[:, :2]], estimator=estimator)
    assert_array_equal(estimator.feature_names_in_, ["a", "b", "c"])


def test_interrupt_gives_attributes_back():
    estimator = Estimator()
    estimator.kept = 1

    def work():
        with unchanged_on_failure(estimator):
            estimator.kept = 2
            estimator.new = 3
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()
    assert vars(estimator) == {"kept": 1}


def test_success_keeps_new_attributes():
    estimator = Estimator()
    with unchanged_on_failure(estimator):
        estimator.new = 3
    assert estimator.new == 3


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (TypeError, TypeError),
        (ValueError, ValueError),
        (InvalidParameterError, InvalidParameterError),
        (OverflowError, ValueError),
    ],
)
def test_named_errors_keep_their_kind(raised, expected):
    with pytest.raises(expected, match="^video 7: why$") as caught, naming_video(7):
        raise raised("why")
    assert type(caught.value) is expected


def test_transformers_that_work_in_place_take_checked_videos():
    (video,) = check_videos(VIDEO)
    StandardScaler(copy=False).fit_transform(video)
    assert_array_equal(video, VIDEO)


# Labels


@pytest.mark.parametrize(
    ("labels", "videos"),
    [
        ([0, 1, 1, 2], VIDEO),
        ([0, 1, 1, 2], [VIDEO]),
        (["a", "b", "a", "b"], 4),
        ([["a", "b", "a", "b"]], [4]),
        (np.array(list("abab"), dtype=object), 4),
        (torch.tensor([0, 1, 1, 2]), VIDEO),
        ([HasArray([0, 1, 1, 2])], [VIDEO]),
    ],
)
def test_labels_of_one_video(labels, videos):
    (checked,) = check_labels(labels, videos)
    assert checked.shape == (4,)


@pytest.mark.parametrize(
    "labels",
    [
        [[0, 1], [1, 1]],
        np.array([[0, 1], [1, 1]]),
        object_vector([np.array([0, 1]), np.array([1, 1])]),
        ([0, 1], np.array([1, 1])),
    ],
)
def test_labels_of_many_videos(labels):
    checked = check_labels(labels, [VIDEO[:2], VIDEO[:2]])
    assert_array_equal(checked, [[0, 1], [1, 1]])


@pytest.mark.parametrize(
    ("labels", "lengths", "message"),
    [
        ([0, 1], 3, "^expected one label a frame, got 2 labels for 3 frames"),
        ([[0, 1], [1]], [2, 2], "^video 1: .*got 1 labels for 2 frames"),
        ([[0, 1]], [2, 2], r"labels of 2 video\(s\), got 1"),
        ([0, 1], [1, 1], r"labels of 2 video\(s\), got 1"),
        ([[[0], [1]]], [2], r"^video 0: .*shape \(2, 1\)"),
        ([[0.0, np.nan]], [2], "^video 0: .*NaN"),
        ([["a", "b"], ["a", None]], [2, 2], "^video 1: 1 of 2 frames .* frame 1: None"),
        ([np.array([None, "a", None])], [3], "^video 0: 2 of 3 frames .* frame 0"),
        ([["a", float("nan"), "b", None]], [4], "2 of 4 frames .* frame 1: nan"),
        ([["a", float("nan"), "b"]], [3], "1 of 3 frames .* frame 1: nan"),
        ([None, None], 2, "2 of 2 frames"),
    ],
)
def test_labels_that_do_not_fit_are_value_errors(labels, lengths, message):
    with pytest.raises(ValueError, match=message):
        check_labels(labels, lengths)


@pytest.mark.parametrize("labels", [[["a", "b"], None], [None, None]])
def test_a_video_without_labels_is_told_to_be_left_out(labels):
    first = labels.index(None)
    with pytest.raises(ValueError, match=f"video {first} has no labels .None.: leave"):
        check_labels(labels, [2, 2])


def test_without_lengths_there_are_as_many_frames_as_labels():
    found = check_labels([[0, 1, 1], ["a"]])
    assert [video.tolist() for video in found] == [[0, 1, 1], ["a"]]
    assert [video.tolist() for video in check_labels([0, 1])] == [[0, 1]]
    with pytest.raises(ValueError, match="video 0: expected labels of shape"):
        check_labels([0, [1, 1]])
    with pytest.raises(ValueError, match="at least one frame"):
        check_labels([])
    for number in (3, np.array(3)):
        with pytest.raises(ValueError, match=r"labels of shape \(n_frames,\), got"):
            check_labels(number)


@pytest.mark.parametrize("kind", [object, "string"])
def test_labels_that_pandas_says_are_missing_are_value_errors(kind):
    pandas = pytest.importorskip("pandas")
    labels = pandas.Series(["a", pandas.NA], dtype=kind)
    with pytest.raises(ValueError, match="^video 0: 1 of 2 frames have no label"):
        check_labels([labels], [2])
    (marked,) = check_labels([labels], [2], missing_ok=True)
    assert marked.tolist() == ["a", -1]
    (marked,) = check_labels([["", pandas.NA]], [2], missing_ok=True)
    assert marked.tolist() == ["", -1]


def test_labels_of_no_video_are_refused():
    for nothing in ([], np.empty((0, 3), dtype=int)):
        with pytest.raises(ValueError, match="at least one"):
            check_labels(nothing, [])


@pytest.mark.parametrize(
    ("labels", "hint"),
    [
        ("steps.csv", "str: read files of labels with skvas.io.read_segments"),
        ({0: [1]}, "dict: pass its arrays as a list, in the order of the videos"),
        (None, "None: leave recordings out that have none"),
    ],
)
def test_an_error_of_labels_speaks_of_labels(labels, hint):
    with pytest.raises(TypeError, match=rf"labels of frames.*\(n_frames,\).*{hint}"):
        check_labels(labels)
    with pytest.raises(TypeError, match=hint):
        segmentation_report(labels, [[0, 1]])


@pytest.mark.parametrize("labels", ["abc", {0: 1}, {1}, iter([1])])
def test_labels_in_no_sequence_are_a_type_error(labels):
    with pytest.raises(TypeError, match="got a"):
        check_labels(labels, 3)


# Parameters


@pytest.mark.parametrize("value", [True, False])
def test_truth_values_of_numpy_are_those_of_python(value):
    found = check_choice("whiten", np.bool_(value), (True, False))
    assert found is value
    ActionSegmenter(2, max_epochs=0, verbose=np.False_).fit(np.eye(40, 3))


NOT_NUMBERS = [
    True,
    np.True_,
    "3",
    None,
    np.nan,
    np.inf,
    -np.inf,
    1j,
    10**400,
    np.array(1.0),
    [1.0],
    torch.tensor(1.0),
]


@pytest.mark.parametrize("value", NOT_NUMBERS, ids=repr)
def test_what_is_no_finite_number_is_refused(value):
    with pytest.raises(InvalidParameterError, match="^eps must be a finite number"):
        check_real("eps", value)


@pytest.mark.parametrize(
    "value", [v for v in NOT_NUMBERS if type(v) is not int] + [2.5, 2.0], ids=repr
)
def test_what_is_no_integer_is_refused(value):
    with pytest.raises(InvalidParameterError, match="^n_actions must be an integer"):
        check_integer("n_actions", value)


@pytest.mark.parametrize("kind", [int, float, np.float32, np.int8, np.float64])
def test_numbers_of_numpy_are_numbers(kind):
    value = check_real("eps", kind(2))
    assert type(value) is float
    assert value == 2


@pytest.mark.parametrize("kind", [int, np.int8, np.uint64])
def test_integers_of_numpy_are_integers(kind):
    value = check_integer("n_actions", kind(2))
    assert type(value) is int
    assert value == 2


@given(
    value=st.floats(-2, 2) | st.sampled_from([0.0, 1.0]),
    low_open=st.booleans(),
    high_open=st.booleans(),
)
def test_bounds_hold_with_or_without_their_ends(value, low_open, high_open):
    inside = 0 <= value <= 1
    inside &= not (low_open and value == 0)
    inside &= not (high_open and value == 1)
    options = {"low": 0, "high": 1, "low_open": low_open, "high_open": high_open}
    if inside:
        assert check_real("alpha", value, **options) == value
    else:
        with pytest.raises(InvalidParameterError, match="alpha.*in .0, 1.,"):
            check_real("alpha", value, **options)


def test_integer_bounds_are_included():
    assert check_integer("n", 1, low=1, high=1) == 1
    for value in (0, 2):
        with pytest.raises(InvalidParameterError, match=r"in \[1, 1\], got"):
            check_integer("n", value, low=1, high=1)


def test_bounds_of_numbers_are_included_unless_they_are_open():
    assert check_real("alpha", 0, low=0, high=1) == 0
    assert check_real("alpha", 1, low=0, high=1) == 1


def test_message_names_the_type_of_what_does_not_look_like_a_number_or_a_text():
    for value, shown in ((2.5, "2.5"), ("8", "'8'"), ([8], "[8] of type list")):
        with pytest.raises(InvalidParameterError) as caught:
            check_integer("n", value)
        assert str(caught.value) == f"n must be an integer, got {shown}."


def test_one_sided_bounds_are_named():
    with pytest.raises(InvalidParameterError, match="tol must be a finite number > 0"):
        check_real("tol", 0, low=0, low_open=True)
    with pytest.raises(InvalidParameterError, match="<= 3 or None, got 4"):
        check_integer("n", 4, high=3, none_ok=True)


def test_none_is_a_value_only_where_allowed():
    assert check_real("lambda_x", None, none_ok=True) is None
    assert check_integer("n", None, none_ok=True) is None


@pytest.mark.parametrize("value", ["plain", None, 1, True, np.array(["a"]), ["a"]])
def test_what_is_no_choice_is_refused(value):
    with pytest.raises(InvalidParameterError, match="recipe must be one of 'a', 'b'"):
        check_choice("recipe", value, ("a", "b"))


def test_choices_are_told_apart_by_type():
    assert check_choice("whiten", None, (True, None)) is None
    with pytest.raises(InvalidParameterError, match="one of True, None, got 1"):
        check_choice("whiten", 1, (True, None))


def test_invalid_parameter_is_a_value_error_and_a_type_error():
    assert issubclass(InvalidParameterError, ValueError)
    assert issubclass(InvalidParameterError, TypeError)


def test_long_values_are_cut_in_messages():
    with pytest.raises(InvalidParameterError) as caught:
        check_choice("recipe", list(range(1000)), ("a",))
    assert len(str(caught.value)) < 200


# Optional packages


def test_missing_package_names_the_extra():
    with pytest.raises(ImportError, match=r'pip install "skvas\[video\]"') as caught:
        import_optional("no_such_package.part", "video")
    assert caught.value.name == "no_such_package"


def test_package_that_fails_inside_raises_its_own_error(tmp_path, monkeypatch):
    (tmp_path / "half_there.py").write_text("import no_such_package")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="no_such_package") as caught:
        import_optional("half_there", "video")
    assert "skvas" not in str(caught.value)


def test_nothing_is_compiled_that_cannot_be_kept(monkeypatch):
    pytest.importorskip("numba")

    def njit(**options):
        def refuse(function):
            raise RuntimeError("cannot cache function: no locator available")

        return refuse

    monkeypatch.setattr("numba.njit", njit)
    for name in ("_kernels", "_descent_kernel"):
        monkeypatch.delitem(sys.modules, f"skvas.transport.{name}", raising=False)
        assert _iterations._imported.__wrapped__(name) is None
    assert compiled.__wrapped__(abs) is None


@pytest.mark.parametrize(
    ("videos", "message"),
    [
        ([[[1.0, 2.0], [3.0]]], "its frames differ in their number of features"),
        ([(np.ones((5, 2)), np.ones(5))], r"tuple.*\(5, 2\) and \(5,\).*labels as y"),
        (
            [(np.ones((5, 2)), "anna")],
            r"tuple.*\(5, 2\) and \(\); give its frames alone",
        ),
        ([np.ones((9, 2), complex)], r"Complex data not supported: pass real[^[]*$"),
        ({"data": np.ones((9, 2)), "target": 0}, r"fit\(\[data\.data\]\)"),
    ],
)
def test_message_says_what_to_pass_and_not_what_came(videos, message):
    with pytest.raises((ValueError, TypeError), match=message):
        check_videos(videos)


def test_rates_of_frames_are_numbers_that_times_can_be_made_of():
    assert [check_fps(rate) for rate in (1e-9, np.float32(25), 1e9)] == [1e-9, 25, 1e9]
    assert check_fps(None, none_ok=True) is None
    for rate in (0, -1, 1e-320, 1e308, np.nan, np.inf, True, np.True_, "25", None):
        with pytest.raises(InvalidParameterError, match=r"from 1e-09 to 1e\+09, got"):
            check_fps(rate)
    with pytest.raises(InvalidParameterError, match=r"^fps\[1\] must be .* or None"):
        check_fps(0, name="fps[1]", none_ok=True)


MOMENTS = np.datetime64("2026-01-01", "ms") + 40 * np.arange(4)


@pytest.mark.parametrize(
    "times",
    [MOMENTS, MOMENTS - MOMENTS[0], MOMENTS.tolist()],
    ids=["dates", "durations", "objects"],
)
def test_dates_are_no_seconds(times):
    """Their integers count milliseconds or nanoseconds."""
    with pytest.raises(TypeError, match="times must be numbers of seconds, got"):
        Recordings([VIDEO], times=[times])
    with pytest.raises(TypeError, match="times must be numbers of seconds, got"):
        SegmentTable.from_labels(list("aabb"), "v", times=times)


def test_texts_are_no_seconds():
    with pytest.raises(ValueError, match="times must be numbers of seconds, got"):
        check_seconds(["now", "later"])
