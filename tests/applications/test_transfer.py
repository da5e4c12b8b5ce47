import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skvas import (
    ActionSegmenter,
    Alignment,
    JointAlignSegment,
    VideoAligner,
    transfer_labels,
)
from skvas.datasets import load_spar, make_videos
from skvas.metrics import linear_warp, mof
from skvas.nn._model import embed_videos


class Seen:
    """A video as alignments see it."""

    def __init__(self, video):
        self.number, self.embedding = video[0, 0], video[:, 1:]

    def __len__(self):
        return len(self.embedding)


class Stub:
    """Aligns by a table, from the first feature of two videos to matches."""

    def __init__(self, table):
        self.table = table

    def _view(self, videos):
        return videos

    def _matcher(self, *, is_late=True):
        return self

    def look(self, videos):
        return [Seen(np.asarray(video)) for video in videos]

    def align(self, x, y):
        matches = np.array(self.table[x.number, y.number])
        n, m = len(x), len(y)
        return Alignment(
            matches,
            np.full(m, -1),
            np.zeros((n, m)),
            np.zeros(n),
            np.zeros(m),
            0.0,
            "plan",
        )


def video(number, *embeddings):
    return np.array([[number, *embedding] for embedding in embeddings], dtype=float)


EAST, NORTH = (1, 0), (0, 1)


def test_frame_takes_the_label_of_its_match():
    stub = Stub({(1, 2): [1, 0, 1]})
    found = transfer_labels(
        stub, video(2, EAST, NORTH), ["a", "b"], video(1, NORTH, EAST, EAST)
    )
    assert_array_equal(found.labels, ["b", "a", "b"])
    assert_allclose(found.confidence, [1, 1, np.exp(-2)])


def test_nearer_match_has_the_greater_say():
    stub = Stub({(1, 2): [0], (1, 3): [0], (1, 4): [0]})
    teachers = [video(2, NORTH), video(3, NORTH), video(4, EAST)]
    found = transfer_labels(stub, teachers, [[5], [5], [6]], video(1, EAST))
    assert_array_equal(found.labels, [6])
    assert_allclose(found.confidence, [1 / 3])


def test_two_can_outvote_one():
    stub = Stub({(1, 2): [0], (1, 3): [0], (1, 4): [0]})
    teachers = [video(n, EAST) for n in (2, 3, 4)]
    found = transfer_labels(stub, teachers, [[6], [5], [5]], video(1, EAST))
    assert_array_equal(found.labels, [5])
    assert_allclose(found.confidence, [2 / 3])


def test_frame_without_counterpart_takes_the_nearest_label_and_no_confidence():
    stub = Stub({(1, 2): [-1, 0, -1, -1, 1]})
    found = transfer_labels(
        stub, video(2, EAST, EAST), ["a", "b"], video(1, *[EAST] * 5)
    )
    assert_array_equal(found.labels, ["a", "a", "a", "b", "b"])
    assert_allclose(found.confidence, [0, 1, 0, 0, 1])


@pytest.mark.parametrize(
    ("mark", "kind"), [(-1, int), (-1, float), ("", str), (None, object)]
)
def test_frames_without_a_label_have_no_say(mark, kind):
    data = make_videos(3, n_actions=3, random_state=0)
    aligner = VideoAligner(max_epochs=0, random_state=0).fit(data.videos)
    labels = np.array(data.labels[0]).astype(kind)
    partly = labels.copy()
    partly[:5] = mark
    whole = transfer_labels(aligner, data.videos[0], labels, data.videos[1]).labels
    found = transfer_labels(aligner, data.videos[0], partly, data.videos[1]).labels
    assert_array_equal(found, whole)
    nothing = np.full_like(labels, mark)
    with pytest.raises(ValueError, match="labels has no label of any frame"):
        transfer_labels(aligner, data.videos[0], nothing, data.videos[1])


def test_labels_of_two_kinds_in_one_video_are_refused():
    data = make_videos(2, random_state=0)
    aligner = VideoAligner(max_epochs=0, random_state=0).fit(data.videos)
    mixed = np.array(["a"] * len(data.videos[0]), dtype=object)
    mixed[-1] = 3
    with pytest.raises(ValueError, match="labels mix integers and strings"):
        transfer_labels(aligner, data.videos[0], mixed, data.videos[1])


def test_video_without_any_counterpart_is_an_error():
    stub = Stub({(1, 2): [-1, -1]})
    with pytest.raises(ValueError, match="no frame has a counterpart"):
        transfer_labels(stub, video(2, EAST), ["a"], video(1, EAST, EAST))


@pytest.mark.parametrize(("label", "none"), [("a", ""), (4, -1)])
def test_video_without_any_counterpart_gets_no_labels_beside_others(label, none):
    stub = Stub({(1, 2): [0], (3, 2): [1, 1]})
    to_label = [video(1, EAST), video(3, EAST, EAST)]
    with pytest.warns(UserWarning, match="videos: video 1 got no labels"):
        found = transfer_labels(stub, [video(2, EAST, EAST)], [[label, None]], to_label)
    assert [labels.tolist() for labels in found.labels] == [[label], [none, none]]
    assert [shares.tolist() for shares in found.confidence] == [[1], [0, 0]]


def test_videos_without_a_label_do_not_lower_the_confidence():
    stub = Stub({(1, 2): [0], (1, 4): [0]})
    teachers = [video(2, EAST), video(4, EAST)]
    found = transfer_labels(stub, teachers, [["a"], [None]], video(1, EAST))
    assert_array_equal(found.labels, ["a"])
    assert_allclose(found.confidence, [1])


def test_containers_and_types_of_labels_are_kept():
    data = make_videos(4, n_actions=3, n_frames=(40, 60), random_state=0)
    aligner = VideoAligner(max_epochs=0).fit(data.videos)
    names = np.array(["take", "pour", "stir"])[data.labels[0]]
    many = transfer_labels(aligner, data.videos[0], names, data.videos[1:])
    one = transfer_labels(aligner, data.videos[:1], [names], data.videos[1])
    assert many.labels.shape == (3,)
    assert one.labels.dtype == names.dtype
    assert_array_equal(one.labels, many.labels[0])
    assert_array_equal(one.confidence, many.confidence[0])


def test_labels_must_fit_and_the_estimator_must_align():
    data = make_videos(3, n_actions=3, n_frames=(40, 60), random_state=0)
    aligner = VideoAligner(max_epochs=0).fit(data.videos)
    with pytest.raises(ValueError, match="expected one label a frame"):
        transfer_labels(aligner, data.videos[0], data.labels[1], data.videos[2])
    kinds = [data.labels[0], data.labels[1].astype(str)]
    with pytest.raises(ValueError, match="labels mix integers and strings"):
        transfer_labels(aligner, data.videos[:2], kinds, data.videos[2])
    gap = data.videos[1] * np.nan
    with pytest.raises(ValueError, match="^labelled_videos: video 1: .*NaN"):
        transfer_labels(aligner, [data.videos[0], gap], data.labels[:2], data.videos)
    with pytest.raises(ValueError, match="^videos: video 1: .*NaN"):
        transfer_labels(
            aligner, data.videos[:1], data.labels[:1], [data.videos[0], gap]
        )
    with pytest.raises(TypeError, match="got ActionSegmenter"):
        transfer_labels(
            ActionSegmenter(3), data.videos[0], data.labels[0], data.videos[1]
        )


def test_three_annotated_recordings_label_the_rest():
    spar = load_spar()
    taught, rest = slice(0, 6, 2), slice(6, 20, 3)
    model = JointAlignSegment(7, max_epochs=0, random_state=0).fit(spar.videos)
    found = transfer_labels(
        model, spar.videos[taught], spar.labels[taught], spar.videos[rest]
    )
    truth = spar.labels[rest]
    linear = [
        spar.labels[0][linear_warp(len(labels), len(spar.labels[0]))]
        for labels in truth
    ]
    accuracy = mof(truth, list(found.labels), matching=None)
    assert accuracy > 0.9
    assert accuracy > mof(truth, linear, matching=None)
    # Where it is surer, it is right more often.
    right = np.concatenate(list(found.labels)) == np.concatenate(truth)
    confidence = np.concatenate(list(found.confidence))
    sure = confidence >= np.median(confidence)
    assert right[sure].mean() > right[~sure].mean() + 0.02


def test_each_video_is_embedded_once(monkeypatch):
    videos = make_videos(5, random_state=0).videos
    aligner = VideoAligner(max_epochs=0).fit(videos)
    embedded = []

    def count(encoder, features, *rest):
        embedded.extend(features)
        return embed_videos(encoder, features, *rest)

    monkeypatch.setattr("skvas.estimators._base.embed_videos", count)
    labels = [np.zeros(len(video), int) for video in videos[:2]]
    transfer_labels(aligner, videos[:2], labels, videos[2:])
    assert len(embedded) == len(videos)


def test_confidence_is_at_most_one():
    data = make_videos(4, random_state=0)
    aligner = VideoAligner(max_epochs=0).fit(data.videos)
    video, labels = data.videos[0], data.labels[0]
    assert transfer_labels(aligner, video, labels, video).confidence.max() <= 1
