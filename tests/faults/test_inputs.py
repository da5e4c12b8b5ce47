"""Faults, rows 1 to 23 and 30 to 32: bad and odd videos in each estimator."""

from __future__ import annotations

import gc
import timeit
import weakref
from datetime import datetime

import numpy as np
import pytest
import torch
from scipy import sparse

from skvas import ActionSegmenter, JointAlignSegment, VideoAligner
from skvas.exceptions import DegenerateFramesWarning
from tests.models import (
    ESTIMATORS,
    SEGMENTERS,
    assert_same_outputs,
    assert_same_state,
    fitted_once,
    outputs,
    quick,
    shared_out,
    small_videos,
)

VIDEOS = small_videos()
NEW = small_videos(7)[5:]
METHODS = ("fit", "predict", "transform", "score")

every = pytest.mark.parametrize("cls", ESTIMATORS)
every_method = pytest.mark.parametrize("method", METHODS)


@pytest.fixture(scope="module")
def fitted():
    """One fitted estimator of each class, to be read only."""
    return {cls: fitted_once(cls) for cls in ESTIMATORS}


def changed(index, video):
    """Return the videos with one of them replaced."""
    return [video if i == index else v for i, v in enumerate(VIDEOS)]


def poisoned(value):
    video = VIDEOS[4].copy()
    video[11, 2] = value
    return changed(4, video)


def refuses(estimator, method, videos, kind=(ValueError, TypeError), match=None):
    """Require an error of a method, and that the estimator stays as it was."""
    before = vars(estimator).copy()
    with pytest.raises(kind, match=match):
        getattr(estimator, method)(videos)
    assert_same_state(estimator, before)


def refuses_everywhere(estimator, videos, kind=(ValueError, TypeError), match=None):
    for method in METHODS:
        refuses(estimator, method, videos, kind, match)


def require_sound(estimator, videos):
    """Require answers for each frame that are in range and finite."""
    for method, results in outputs(estimator, videos).items():
        for result in results:
            assert np.isfinite(result).all(), method
    if hasattr(estimator, "prototypes_"):
        for labels in outputs(estimator, videos)["predict"]:
            assert set(labels) <= set(range(estimator.n_actions))
    assert np.isfinite(estimator.score(videos))


def slowdown(estimator, videos, others):
    """Return how much longer some videos take than others, best against best."""
    seconds = [
        [timeit.timeit(lambda v=v: estimator.predict(v), number=1) for v in pair]
        for pair in [(videos, others)] * 10
    ]
    return np.divide(*np.min(seconds, axis=0))


def same_answers(estimator, videos, expected):
    assert_same_outputs(outputs(estimator, videos), outputs(estimator, expected))


@every
@every_method
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_row_01_number_that_is_none_names_the_video(cls, method, value, fitted):
    message = "video 4: .*" + ("NaN" if np.isnan(value) else "infinity")
    refuses(fitted[cls], method, poisoned(value), ValueError, message)
    refuses(fitted[cls], method, poisoned(value)[4], ValueError, "^Input X contains")


@every
def test_row_01_failed_first_fit_leaves_nothing_behind(cls):
    refuses(quick(cls), "fit", poisoned(np.nan), ValueError, "video 4")


@every
@pytest.mark.parametrize("empty", [[], (), np.empty(0, dtype=object)])
def test_row_02_no_video_at_all(cls, empty, fitted):
    refuses_everywhere(fitted[cls], empty, ValueError, "at least one video")


@every
def test_row_03_video_without_frames_or_features(cls, fitted):
    no_frames = changed(3, np.empty((0, 5)))
    refuses_everywhere(fitted[cls], no_frames, ValueError, r"video 3: .*0 sample\(s\)")
    no_features = [np.empty((20, 0))] * 2
    message = r"video 0: .*0 feature\(s\)"
    refuses_everywhere(fitted[cls], no_features, ValueError, message)


@every
@pytest.mark.filterwarnings("ignore::skvas.exceptions.RadiusWarning")
def test_row_04_one_frame_video(cls, fitted):
    one = NEW[0][:1]
    require_sound(fitted[cls], one)
    assert fitted[cls].predict(one).shape == (1,)
    assert fitted[cls].transform([one])[0].shape == (1, fitted[cls].n_embedding_)
    refuses(quick(cls), "fit", one, ValueError, "n_samples = 1")
    among_others = quick(cls).fit([*VIDEOS, one])
    require_sound(among_others, [one, VIDEOS[0]])


@pytest.mark.parametrize("cls", SEGMENTERS)
@pytest.mark.filterwarnings("ignore::skvas.exceptions.RadiusWarning")
@pytest.mark.parametrize("start", ["time", "kmeans", "random"])
@pytest.mark.filterwarnings("ignore:n_actions=.* is more than the")
def test_row_05_fewer_frames_than_actions(cls, start):
    short = [video[:4] for video in VIDEOS]
    estimator = quick(cls, n_actions=7, start=start)
    require_sound(estimator.fit(short), [video[:2] for video in NEW])
    with pytest.raises(ValueError, match=r"Found 6 frame\(s\) .* minimum of 7"):
        estimator.fit([video[:3] for video in VIDEOS[:2]])


@pytest.mark.parametrize(
    ("cls", "features"),
    [
        (JointAlignSegment, "auto"),
        (JointAlignSegment, None),
        (ActionSegmenter, "auto"),
        (VideoAligner, None),
    ],
)
def test_row_06_still_frames_are_sound(cls, features):
    video = VIDEOS[4].copy()
    video[5:15] = 1.0
    for odd in (video, np.ones_like(video)):
        estimator = quick(cls, features=features).fit(changed(4, odd))
        require_sound(estimator, changed(4, odd))


@every
def test_row_06_zero_frames_are_sound_and_warned_of_once(cls):
    video = VIDEOS[4].copy()
    video[5:15] = 0.0
    require_sound(quick(cls).fit(changed(4, video)), changed(4, video))
    estimator = quick(cls, features=None)
    with pytest.warns(DegenerateFramesWarning, match="^10 frame") as caught:
        estimator.fit(changed(4, video))
    assert len(caught) == 1
    assert caught[0].filename == __file__
    require_sound(estimator, changed(4, video))


@every
@pytest.mark.filterwarnings("ignore::skvas.exceptions.DegenerateFramesWarning")
def test_row_06_zero_frame_keeps_a_cosine_of_zero(cls):
    video = VIDEOS[0].copy()
    video[3] = 0.0
    estimator = quick(cls, features=None, max_epochs=0).fit(changed(0, video))
    assert (estimator.transform(video)[3] == 0).all()
    assert (np.linalg.norm(estimator.transform(video)[4:], axis=1) > 0.99).all()


@every
@pytest.mark.parametrize("features", ["auto", None])
@pytest.mark.parametrize("recipe", ["informed", "paper"])
@pytest.mark.parametrize("value", [0.0, 2.0])
def test_row_07_all_frames_equal_in_all_videos(cls, features, recipe, value):
    videos = [np.full((n, 5), value) for n in (20, 30, 25)]
    estimator = quick(cls, features=features, recipe=recipe)
    with pytest.warns(DegenerateFramesWarning) as caught:
        estimator.fit(videos)
    assert len(caught) == 1
    require_sound(estimator, videos)
    if cls in SEGMENTERS and recipe == "informed":  # the paper's has an order in time
        assert len(np.unique(np.concatenate(list(estimator.labels_)))) == 1


@every
def test_row_08_copies_of_a_video_get_the_same_answers(cls, fitted):
    repeated = quick(cls).fit([VIDEOS[0], VIDEOS[1], VIDEOS[0]])
    for estimator in (fitted[cls], repeated):
        found = outputs(estimator, [NEW[0], NEW[1], NEW[0].copy()])
        for method, results in found.items():
            if results[0].dtype == np.int64:
                np.testing.assert_array_equal(results[0], results[2], err_msg=method)
            np.testing.assert_allclose(results[0], results[2], rtol=0, atol=1e-5)


@every
def test_row_08_copies_of_a_frame_get_the_same_embedding(cls):
    estimator = fitted_once(cls, features=None)
    twice = np.repeat(NEW[0], 2, axis=0)
    require_sound(estimator, twice)
    embeddings = estimator.transform(twice)
    np.testing.assert_array_equal(embeddings[::2], embeddings[1::2])


@every
def test_row_09_other_features_are_named_with_both_numbers(cls, fitted):
    odd = changed(3, np.ones((20, 4)))
    message = "video 3: .*4 features.* 5 features"
    refuses_everywhere(fitted[cls], odd, ValueError, message)
    for method in ("predict", "transform", "score"):
        other = [np.ones((20, 4))] * 2
        refuses(fitted[cls], method, other, ValueError, message.replace("3", "0"))


@every
@pytest.mark.parametrize(
    "videos",
    [
        np.zeros(5),
        [np.zeros((2, 3, 4, 5)), np.zeros((2, 3, 4, 5))],
        np.zeros((4, 5, 3)),
        [np.zeros(90)] * 5,
        [[[1.0, 2.0], [3.0]], [[1.0, 2.0], [3.0, 4.0]]],
        [[[[[1.0, 2.0]]]], [[[[1.0, 2.0]]]]],
        3.0,
        None,
        np.float64(1),
        np.zeros((2, 2, 3, 4)),
    ],
    ids=[
        "1-D",
        "4-D in a list",
        "poses",
        "channels",
        "ragged",
        "nested",
        "scalar",
        "None",
        "0-D",
        "4-D",
    ],
)
def test_row_10_wrong_shapes_are_not_guessed_at(cls, videos, fitted):
    refuses_everywhere(fitted[cls], videos)


@every
def test_row_10_poses_in_a_list_are_taken(cls):
    poses = [video[:, :4].reshape(-1, 2, 2) for video in VIDEOS]
    flat = [video[:, :4] for video in VIDEOS]
    one, other = (quick(cls, max_epochs=0).fit(v).predict(v) for v in (poses, flat))
    for found, expected in zip(one, other, strict=True):
        np.testing.assert_array_equal(found, expected)


@every
def test_row_11_objects_are_taken_where_they_are_numbers(cls, fitted):
    same_answers(fitted[cls], NEW[0].astype(object), NEW[0])
    for value in ("word", "1.5"):
        mixed = NEW[0].astype(object)
        mixed[2, 2] = value
        refuses_everywhere(fitted[cls], [NEW[1], mixed], match="video 1")
    refuses_everywhere(fitted[cls], np.full((9, 5), "word", dtype=object))


@every
@pytest.mark.parametrize(
    "video",
    [
        np.ones((9, 5), dtype=complex),
        np.full((9, 5), "2024-01-01", dtype="datetime64[D]"),
        np.full((9, 5), datetime(2024, 1, 1), dtype=object),
        np.full((9, 5), "1.5"),
    ],
    ids=["complex", "datetime", "datetime objects", "numeric strings"],
)
def test_row_12_what_is_no_real_number_is_refused(cls, video, fitted):
    refuses_everywhere(fitted[cls], [NEW[0], video], match="video 1")


@pytest.mark.filterwarnings("ignore::skvas.exceptions.UnlikeRecordingsWarning")
@every
def test_row_12_truth_values_are_numbers(cls, fitted):
    truth = NEW[0] > 0
    same_answers(fitted[cls], truth, truth.astype(np.float64))


@every
@pytest.mark.parametrize(
    "dtype", ["f2", "i1", "i2", "i4", "i8", "u1", np.longdouble, "f8"]
)
def test_row_13_other_numbers_give_the_labels_of_float32(cls, dtype, fitted):
    whole = np.clip(np.rint(NEW[0] * 8), 0, 100)
    same_answers(fitted[cls], whole.astype(dtype), whole.astype(np.float64))
    np.testing.assert_array_equal(
        fitted[cls].predict(whole.astype(dtype)),
        fitted[cls].predict(whole.astype(np.float32)),
    )


@every
def test_row_13_overflow_to_infinity_is_caught(cls, fitted):
    with np.errstate(over="ignore"):
        video = (NEW[0] * 1e6).astype(np.float16)
    refuses_everywhere(fitted[cls], [NEW[1], video], ValueError, "video 1: .*infinity")


@every
def test_row_14_float64_agrees_with_float32(cls, fitted):
    exact = quick(cls).fit([video.astype(np.float64) for video in VIDEOS])
    ours = exact.predict([video.astype(np.float64) for video in VIDEOS])
    theirs = fitted[cls].predict(VIDEOS)
    same = np.concatenate(list(ours)) == np.concatenate(list(theirs))
    assert same.mean() >= 0.999


@pytest.mark.parametrize(
    ("cls", "scale"), shared_out([1e-30, 1e-12, 1e12, 1e30, 1e100, 1e-100])
)
def test_row_15_any_scale_gives_the_same_answers_by_default(cls, scale, fitted):
    scaled = [video.astype(np.float64) * scale for video in VIDEOS]
    found = quick(cls).fit(scaled).predict(scaled)
    expected = fitted[cls].predict(VIDEOS)
    same = np.concatenate(list(found)) == np.concatenate(list(expected))
    assert same.mean() > 0.98


@pytest.mark.parametrize("features", ["auto", None])
@pytest.mark.parametrize(("cls", "scale"), shared_out([1e300, 1e-300, 1e-42, 1e38]))
def test_row_15_extreme_scale_is_answered_soundly_or_refused(cls, features, scale):
    scaled = [video.astype(np.float64) * scale for video in VIDEOS]
    estimator = quick(cls, features=features)
    try:
        embeddings = estimator.fit(scaled).transform(scaled)
    except ValueError as error:
        assert "rescale" in str(error)  # noqa: PT017
        return
    require_sound(estimator, scaled)
    for embedding in embeddings:
        np.testing.assert_allclose(np.linalg.norm(embedding, axis=1), 1, atol=1e-3)


@every
def test_row_15_mixed_scales_are_sound(cls):
    scales = np.array([1e-30, 1e-3, 1.0, 1e3, 1e30])
    videos = [video.astype(np.float64) * scales for video in VIDEOS]
    require_sound(quick(cls).fit(videos), videos)


@every
def test_row_16_subnormal_numbers_are_sound(cls):
    videos = [video.astype(np.float64) for video in VIDEOS]
    for video in videos:
        video[::3] *= 1e-310
    require_sound(quick(cls).fit(videos), videos)


@every
def test_row_16_subnormal_numbers_count_as_zeros_and_cost_no_more(cls, fitted):
    zeros = [video.astype(np.float64) for video in VIDEOS]
    for video in zeros:
        video[::3, 1:3] = 0.0
    subnormal = [np.where(video == 0, 1e-310, video) for video in zeros]
    found = outputs(fitted[cls], subnormal)
    assert_same_outputs(found, outputs(fitted[cls], zeros))
    assert slowdown(fitted[cls], subnormal, zeros) < 3


@every
@pytest.mark.parametrize(
    "layout",
    [
        np.asfortranarray,
        lambda v: np.repeat(v, 2, axis=0)[::2],
        lambda v: v[::-1].copy()[::-1],
        lambda v: v.astype(v.dtype.newbyteorder()),
    ],
    ids=["F-order", "strided", "negative stride", "other byte order"],
)
def test_row_17_layout_changes_no_bit(cls, layout, fitted):
    video = layout(NEW[0])
    before = video.tobytes()
    same_answers(fitted[cls], video, NEW[0])
    assert video.tobytes() == before


@every
def test_row_17_read_only_and_mapped_files_are_taken(cls, fitted, tmp_path):
    frozen = NEW[0].copy()
    frozen.flags.writeable = False
    same_answers(fitted[cls], frozen, NEW[0])
    np.save(tmp_path / "video.npy", NEW[0])
    mapped = np.load(tmp_path / "video.npy", mmap_mode="r")
    same_answers(fitted[cls], mapped, NEW[0])
    all_frozen = [video.copy() for video in VIDEOS]
    for video in all_frozen:
        video.flags.writeable = False
    refit = quick(cls).fit(all_frozen)
    assert_same_outputs(outputs(refit, NEW), outputs(fitted[cls], NEW))


@every
def test_row_18_masked_arrays_are_refused(cls, fitted):
    masked = np.ma.masked_array(NEW[0], mask=NEW[0] > 0)
    refuses_everywhere(fitted[cls], [NEW[1], masked], ValueError, "video 1: Masked")


@pytest.mark.parametrize(("cls", "library"), shared_out(["pandas", "polars"]))
def test_row_19_data_frames_bring_names_that_are_held_to(cls, library, fitted):
    make = pytest.importorskip(library).DataFrame
    names = list("abcde")
    frames = [make(dict(zip(names, video.T, strict=True))) for video in VIDEOS]
    estimator = quick(cls).fit(frames)
    assert estimator.feature_names_in_.tolist() == names
    found = outputs(estimator, frames)
    assert_same_outputs(found, outputs(fitted[cls], VIDEOS))
    with pytest.raises(ValueError, match="feature names"):
        estimator.predict(frames[0][names[::-1]])


@every
def test_row_20_tensors_are_detached_and_taken(cls, fitted, device):
    tensor = torch.from_numpy(NEW[0].copy()).to(device).requires_grad_()
    same_answers(fitted[cls], tensor, NEW[0])
    same_answers(fitted[cls], [tensor * 1], [NEW[0]])
    assert tensor.grad is None
    short = torch.from_numpy(NEW[0]).bfloat16()
    same_answers(fitted[cls], short, short.float().numpy())


@every
def test_row_20_graph_of_a_tensor_is_let_go(cls):
    leaf = torch.from_numpy(np.stack([video[:30] for video in VIDEOS])).requires_grad_()
    tensors = list(leaf * 1)
    graph = [weakref.ref(tensor) for tensor in tensors]
    estimator = quick(cls).fit(tensors)
    estimator.predict(tensors)
    del tensors
    gc.collect()
    assert [tensor() for tensor in graph] == [None] * len(graph)


@every
@pytest.mark.parametrize(
    "make", [sparse.csr_matrix, sparse.csr_array, lambda v: torch.tensor(v).to_sparse()]
)
def test_row_21_sparse_is_a_type_error_asking_for_dense(cls, make, fitted):
    refuses_everywhere(fitted[cls], make(NEW[0]), TypeError, "dense")
    refuses_everywhere(fitted[cls], [make(NEW[0])], TypeError, "dense")


@every
@pytest.mark.parametrize(
    ("make", "hint"),
    [
        (lambda: (video for video in VIDEOS), "list"),
        (lambda: dict(enumerate(VIDEOS)), "values"),
        (lambda: "videos.csv", "read_sensors"),
        (lambda: {1.0, 2.0}, "order"),
    ],
    ids=["generator", "dict", "path", "set"],
)
def test_row_22_what_holds_no_arrays_is_a_type_error_with_a_hint(
    cls, make, hint, fitted
):
    for method in METHODS:
        refuses(fitted[cls], method, make(), TypeError, hint)


@every
def test_row_23_one_video_and_a_list_of_one_have_the_same_labels(cls):
    alone, listed = quick(cls).fit(VIDEOS[0]), quick(cls).fit([VIDEOS[0]])
    assert_same_outputs(outputs(alone, NEW[0]), outputs(listed, [NEW[0]]))
    if cls in SEGMENTERS:
        assert alone.labels_.dtype == np.int64
        assert listed.labels_.dtype == object
        np.testing.assert_array_equal(alone.labels_, listed.labels_[0])


@pytest.mark.filterwarnings("ignore::skvas.exceptions.UnlikeRecordingsWarning")
@every
@pytest.mark.filterwarnings("ignore::skvas.exceptions.RadiusWarning")
def test_row_30_very_different_lengths_do_not_touch_each_other(cls, fitted):
    long = np.tile(NEW[0], (10_000 // len(NEW[0]), 1))
    together = outputs(fitted[cls], [NEW[1][:1], long, NEW[1]])
    for index, video in enumerate([NEW[1][:1], long, NEW[1]]):
        alone = outputs(fitted[cls], [video])
        for method, results in together.items():
            np.testing.assert_array_equal(results[index], alone[method][0])


@every
def test_row_31_poisoned_video_is_the_only_one_reported(cls, fitted):
    expected = outputs(fitted[cls], NEW)
    refuses(fitted[cls], "predict", poisoned(np.nan), ValueError, "^video 4: ")
    assert_same_outputs(outputs(fitted[cls], NEW), expected)


@every
@pytest.mark.parametrize("batch_size", [1, 2, 100])
def test_row_32_batch_size_of_training_does_not_matter_to_decoding(cls, batch_size):
    untrained = quick(cls, batch_size=batch_size, max_epochs=0).fit(VIDEOS)
    expected = fitted_once(cls, max_epochs=0)
    assert_same_outputs(outputs(untrained, NEW), outputs(expected, NEW))


@pytest.mark.parametrize(("cls", "batch_size"), shared_out([1, 100]))
def test_row_32_any_batch_size_trains(cls, batch_size):
    estimator = quick(cls, batch_size=batch_size, max_epochs=1).fit(VIDEOS)
    require_sound(estimator, NEW)


@every
@pytest.mark.parametrize("exponent", [200, 25, -25, -200])
def test_row_15_features_lost_in_float32_name_the_video(cls, exponent):
    # At 25 the numbers themselves are in range, but not their squares.
    scale, fault = 10.0**exponent, "overflow" if exponent > 0 else "vanish"
    odd = changed(2, VIDEOS[2].astype(np.float64) * scale)
    message = f"video 2: features {fault} in float32; rescale"
    refuses(quick(cls, features=None), "fit", odd, ValueError, message)
    estimator = fitted_once(cls, features=None)
    refuses(estimator, "predict", odd, ValueError, message)
    refuses(estimator, "predict", odd[2], ValueError, "^features")
