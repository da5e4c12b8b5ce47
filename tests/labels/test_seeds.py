"""Vectors that stand for actions."""

from __future__ import annotations

import tracemalloc
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from skvas import ActionSegmenter, JointAlignSegment
from skvas.datasets import make_videos
from skvas.exceptions import InvalidParameterError
from skvas.labels._reading import read_labels
from skvas.labels._seeds import join_names, read_prototypes, sow
from skvas.metrics import miou
from tests.models import quick

RNG = np.random.default_rng(0)
MEANS = {"stir": [5.0, 0.0, 0.0], "pour": [0.0, 3.0, 0.0]}
VIDEO = np.array([MEANS["stir"]] * 10 + [MEANS["pour"]] * 10)
VIDEO = VIDEO + 0.3 * RNG.standard_normal(VIDEO.shape)


def test_names_are_sorted_and_vectors_have_unit_length():
    named = read_prototypes(MEANS)
    assert named.names.tolist() == ["pour", "stir"]
    assert_allclose(named.vectors, [[0, 1, 0], [1, 0, 0]])
    assert read_prototypes([[1, 2], [3, 4]]).names.tolist() == [0, 1]
    assert read_prototypes(None) is None


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_vectors_may_be_tensors_as_networks_return_them(dtype):
    values = torch.tensor([[0.0, 2.0], [3.0, 4.0]], dtype=dtype, requires_grad=True)
    for prototypes in (values, {0: values[0], 1: values[1]}):
        named = read_prototypes(prototypes)
        assert_allclose(named.vectors, [[0, 1], [0.6, 0.8]])


def test_index_of_a_table_names_the_vectors():
    table = pd.DataFrame(MEANS).T
    for given in (table, pd.Series(MEANS)):
        named = read_prototypes(given)
        assert named.names.tolist() == ["pour", "stir"]
        assert_allclose(named.vectors, [[0, 1, 0], [1, 0, 0]])
    assert read_prototypes(table.reset_index(drop=True)).names.tolist() == [0, 1]


@pytest.mark.parametrize("scale", [1e-300, 1e-200, 1e200])
def test_vectors_and_frames_may_be_of_any_scale(scale):
    vectors = {name: scale * np.array(mean) for name, mean in MEANS.items()}
    named = read_prototypes(vectors)
    assert_allclose(named.vectors, [[0, 1, 0], [1, 0, 0]])
    given = join_names(None, named, [len(VIDEO)])
    (codes,) = sow(given, named, [VIDEO]).codes
    assert (codes >= 0).any()
    assert_array_equal(sow(given, named, [scale * VIDEO]).codes[0], codes)


def test_columns_of_a_table_are_those_of_the_videos():
    table = pd.DataFrame(MEANS, index=["x", "y", "z"]).T
    videos = [pd.DataFrame(video, columns=["x", "y", "z"]) for video in [VIDEO] * 2]
    model = ActionSegmenter(prototypes=table, max_epochs=0, random_state=0)
    found = model.fit(videos).labels_[0]
    assert found.tolist() == ["stir"] * 10 + ["pour"] * 10
    for other in (table[["z", "y", "x"]], table.rename(columns={"x": "w"})):
        with pytest.raises(InvalidParameterError, match="select prototypes"):
            ActionSegmenter(prototypes=other).fit(videos)


def test_columns_of_prototypes_of_the_embedding_are_their_own():
    videos = [pd.DataFrame(video, columns=["x", "y", "z"]) for video in [VIDEO] * 2]
    options = {"max_epochs": 0, "random_state": 0}
    embedded = ActionSegmenter(2, **options).fit(videos).transform(videos[0])
    embedded = np.asarray(embedded)
    assert embedded.shape[1] != 3
    means = [embedded[:10].mean(axis=0), embedded[10:].mean(axis=0)]
    columns = [f"e{i}" for i in range(embedded.shape[1])]
    table = pd.DataFrame(means, index=["stir", "pour"], columns=columns)
    found = ActionSegmenter(prototypes=table, **options).fit(videos).labels_[0]
    assert found.tolist() == ["stir"] * 10 + ["pour"] * 10


def test_a_name_has_one_vector():
    table = pd.DataFrame(np.eye(3), index=["stir", "pour", "stir"])
    with pytest.raises(InvalidParameterError, match="several rows of the name 'stir'"):
        read_prototypes(table)
    twice = {"caf\u00e9": [1, 0], "cafe\u0301": [0, 1]}
    with pytest.raises(InvalidParameterError, match="look the same"):
        read_prototypes(twice)


def test_most_similar_frames_are_labelled_unless_the_user_did():
    named = read_prototypes(MEANS)
    y = read_labels([["rest"] * 2 + [None] * 18], [20], single=False)
    labels = join_names(y, named, [20])
    assert labels.names.tolist() == ["pour", "rest", "stir"]
    sown = sow(labels, named, [VIDEO])
    assert_array_equal(sown.codes[0][:2], [1, 1])
    assert set(sown.codes[0][2:10]) == {-1, 2}
    assert set(sown.codes[0][10:]) == {-1, 0}


def sown(vectors, frames, y=None):
    """Return the labels of frames that resemble vectors, and their names."""
    named = read_prototypes(vectors)
    given = None if y is None else read_labels([y], [len(frames)], single=False)
    labels = sow(join_names(given, named, [len(frames)]), named, [np.array(frames)])
    return labels.codes[0], labels.names.tolist()


def test_labels_of_the_user_stay_where_frames_resemble_vectors():
    given = ["rest"] * 10 + [None] * 10
    codes, names = sown(MEANS, VIDEO, given)
    assert_array_equal(codes[:10], names.index("rest"))
    assert set(codes[10:]) == {-1, names.index("pour")}


def test_timestamps_do_not_stand_for_segments_beside_vectors():
    named = read_prototypes(MEANS)
    stamps = read_labels([{0: "stir", 19: "pour"}], [20], single=False)
    labels = sow(join_names(stamps, named, [20]), named, [VIDEO])
    assert stamps.is_stamped == [True]
    assert_array_equal(labels.filled([VIDEO], [np.zeros(20)], 1.0), labels.codes)


def test_frames_may_all_be_closer_to_one_vector():
    frames = [[5.0, 0.0, 0.0]] * 10 + [[5.0, 1.0, 0.0]] * 10
    codes, names = sown(MEANS, frames)
    assert set(codes[:10]) == {-1, names.index("stir")}
    assert set(codes[10:]) == {-1, names.index("pour")}


def test_a_name_with_few_frames_labels_one_of_them():
    codes, names = sown(MEANS, [[5.0, 0.0, 0.0]] * 2 + [[0.0, 3.0, 0.0]] * 2)
    assert np.count_nonzero(codes == names.index("stir")) == 1
    assert np.count_nonzero(codes == names.index("pour")) == 1


def test_frames_are_sure_that_resemble_one_vector_far_more_than_the_next():
    corners = np.eye(4)
    clear, between = [0.5, 0.0, 0.0, 0.86], [0.8, 0.6, 0.0, 0.0]
    frames = [*[clear] * 5, *[between] * 20, *[corners[1]] * 25, *[corners[2]] * 25]
    codes, _ = sown(corners[:3], frames)
    assert (codes[:5] == 0).all()
    assert (codes[5:25] == -1).all()


def test_one_video_at_a_time_is_compared_with_vectors():
    class Made(Sequence):
        def __len__(self):
            return 20

        def __getitem__(self, index):
            if index >= len(self):
                raise IndexError(index)
            return np.tile(VIDEO, (100, 50)).astype(np.float32)

    named = read_prototypes({name: mean * 50 for name, mean in MEANS.items()})
    labels = join_names(None, named, [2000] * 20)
    tracemalloc.start()
    sow(labels, named, Made())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10 * Made()[0].nbytes


@pytest.mark.parametrize("cls", [ActionSegmenter, JointAlignSegment])
@pytest.mark.parametrize("embedded", [False, True])
def test_prototypes_name_actions_without_labels(cls, embedded):
    data = make_videos(5, n_actions=4, n_frames=(60, 90), random_state=3)
    names, frames = np.array(["pour", "stir", "take", "wait"]), data.videos
    if embedded:
        frames = cls(4, max_epochs=0, random_state=0).fit(frames).transform(frames)
    joined, true = np.concatenate(frames), np.concatenate(data.labels)
    vectors = {n: joined[true == k].mean(axis=0) for k, n in enumerate(names)}
    model = cls(prototypes=vectors, max_epochs=0, random_state=0).fit(data.videos)
    assert model.n_actions_ == 4
    assert_array_equal(model.classes_, names)
    found = np.concatenate(list(model.predict(data.videos)))
    _, codes = np.unique(found, return_inverse=True)
    assert miou(true, codes, matching=None) > 0.9


@pytest.mark.parametrize(
    "prototypes",
    [
        "pour",
        [1.0, 2.0],
        {},
        {"a": [1.0], "b": [1.0, 2.0]},
        [[0.0, 0.0, 0.0]],
        [[np.nan, 1.0, 1.0]],
        {None: [1.0, 2.0]},
        {"": [1.0, 2.0]},
        {-1: MEANS["stir"], 0: MEANS["pour"]},
        {"a": MEANS["stir"], 0: MEANS["pour"]},
        {"a": MEANS["stir"], "a\0": MEANS["pour"]},
        {"\ud800": MEANS["stir"]},
        {2**63: MEANS["stir"]},
        np.ones((2, 4)),
    ],
)
def test_odd_prototypes_are_refused(prototypes):
    videos = [VIDEO, VIDEO[::-1]]
    model = quick(ActionSegmenter, n_actions=None, prototypes=prototypes)
    with pytest.raises(InvalidParameterError, match="prototypes"):
        model.fit(videos)
    assert not hasattr(model, "labels_")


def test_names_of_labels_and_prototypes_are_of_one_kind():
    model = quick(ActionSegmenter, prototypes=MEANS)
    with pytest.raises(InvalidParameterError, match="both"):
        model.fit([VIDEO], [[1] * 20])


@pytest.mark.parametrize("n_actions", [1, (1, 1)])
def test_fewer_actions_than_prototypes_are_refused(n_actions):
    model = ActionSegmenter(n_actions, prototypes=MEANS, max_epochs=0)
    with pytest.raises(InvalidParameterError, match="2 .*'stir' is one of prototypes"):
        model.fit([VIDEO])
    y = [["rest"] * 4 + ["sip"] * 2 + [None] * 14]
    with pytest.raises(InvalidParameterError, match="4 labels .*'rest' is first in"):
        model.fit([VIDEO], y)
