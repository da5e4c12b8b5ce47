"""Scores of embeddings, against their definitions."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.spatial.distance import cdist
from sklearn.svm import SVC

from skvas.metrics import (
    _embeddings,
    kendall_tau,
    phase_classification,
    phase_progression,
    retrieval_precision,
)


def random_videos(n_videos=4, n_phases=3, seed=0, n_features=3):
    """Noise in place of embeddings, phases in order, lengths that differ."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(8, 14, n_videos)
    videos = [rng.normal(size=(n, n_features)) for n in lengths]
    labels = [
        np.sort(np.append(rng.integers(0, n_phases, n - 3), [0, 1, 2])) for n in lengths
    ]
    return videos, labels


@pytest.fixture(params=[_embeddings._BLOCK, 30], ids=["one block", "many blocks"])
def block(request, monkeypatch):
    """The size of a block of distances, so small that every video needs several."""
    monkeypatch.setattr(_embeddings, "_BLOCK", request.param)


@pytest.mark.usefixtures("block")
def test_kendall_tau_counts_pairs_of_frames_in_the_same_order():
    videos, _ = random_videos()
    scores = []
    for i, x in enumerate(videos):
        for j, y in enumerate(videos):
            if i == j:
                continue
            nearest = cdist(x, y).argmin(axis=1)
            first, second = np.triu_indices(len(x), 1)
            order = np.sign(nearest[second] - nearest[first])
            # tau-b: time has no ties, neighbours may.
            scores.append(order.sum() / np.sqrt(len(order) * np.abs(order).sum()))
    assert_allclose(kendall_tau(videos), np.mean(scores))


def test_kendall_tau_of_a_collapsed_embedding_is_zero():
    assert kendall_tau([np.ones((5, 2)), np.ones((7, 2))]) == 0


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_kendall_tau_does_not_depend_on_the_unit(scale):
    videos, _ = random_videos()
    assert kendall_tau([scale * video for video in videos]) == kendall_tau(videos)


def test_kendall_tau_is_exact_far_from_the_origin():
    steps = np.arange(60.0)[:, None]
    far = [(steps + 1e6).astype(np.float32), (steps + 1e6 + 0.25).astype(np.float32)]
    assert_allclose(kendall_tau(far), 1)


@pytest.mark.usefixtures("block")
def test_retrieval_precision_looks_at_all_other_videos_and_never_at_its_own():
    videos, labels = random_videos()
    owner = np.repeat(np.arange(4), [len(v) for v in videos])
    frames, phases = np.concatenate(videos), np.concatenate(labels)
    distance = cdist(frames, frames)
    distance[owner[:, None] == owner] = np.inf
    order = distance.argsort(axis=1)
    expected = {k: np.mean(phases[order[:, :k]] == phases[:, None]) for k in (1, 5, 10)}
    found = retrieval_precision(videos, labels, k=(1, 5, 10))
    assert list(found) == [1, 5, 10]
    assert_allclose(list(found.values()), list(expected.values()))


def test_retrieval_precision_of_few_neighbours_is_that_of_the_nearest_ones():
    rng = np.random.default_rng(0)
    videos = [rng.normal(size=(n, 3)) for n in (1500, 900)]
    labels = [rng.integers(0, 4, len(video)) for video in videos]
    alone = {k: retrieval_precision(videos, labels, k=[k])[k] for k in (1, 4, 60)}
    assert_allclose(alone[1], nearest_alike(videos, labels))
    assert retrieval_precision(videos, labels, k=(1, 4, 60)) == pytest.approx(alone)


def nearest_alike(videos, labels):
    """Return the share of frames with the phase of the nearest one elsewhere."""
    cost = cdist(*videos)
    forth = labels[0] == labels[1][cost.argmin(axis=1)]
    back = labels[1] == labels[0][cost.argmin(axis=0)]
    return np.concatenate([forth, back]).mean()


def test_no_more_neighbours_are_asked_for_than_the_longest_video_has():
    videos, labels = [np.eye(8), np.eye(4, 8)], [[0] * 8, [0] * 4]
    assert retrieval_precision(videos, labels, k=[4]) == {4: 1}
    with pytest.raises(ValueError, match="asks for 5 .* have only 4 frames"):
        retrieval_precision(videos, labels, k=[5])


def test_phase_that_ends_some_videos_alone_is_an_event():
    rng = np.random.default_rng(0)
    videos = [rng.normal(size=(12, 2)) for _ in range(4)]
    phases = [np.repeat(order, 4) for order in ([0, 1, 2], [0, 2, 1])] * 2
    every = phase_progression(videos[:2], phases[:2], videos[2:], phases[2:])
    events = phase_progression(
        videos[:2], phases[:2], videos[2:], phases[2:], last_phase=False
    )
    assert events == every


def test_phase_progression_is_the_fit_of_least_squares_on_other_videos():
    videos, labels = random_videos(n_videos=6)
    labels[1][:] = 0  # one video without the phases 1 and 2
    scores = []
    for phase in range(3):
        sides = []
        for part in (range(4), range(4, 6)):
            rows, targets = [], []
            for v in part:
                n, where = len(labels[v]), np.flatnonzero(labels[v] == phase)
                if len(where):
                    rows.append(np.hstack([videos[v], np.ones((n, 1))]))
                    targets.append((np.arange(n) - where.max()) / n)
            sides.append((np.concatenate(rows), np.concatenate(targets)))
        (a, b), (c, d) = sides
        residual = d - c @ np.linalg.lstsq(a, b, rcond=None)[0]
        scores.append(1 - (residual**2).sum() / ((d - d.mean()) ** 2).sum())
    found = phase_progression(videos[:4], labels[:4], videos[4:], labels[4:])
    assert_allclose(found, np.mean(scores))


def test_phase_progression_ignores_phases_that_one_side_lacks():
    time = [np.arange(n, dtype=float)[:, None] / n for n in (10, 10)]
    train = [["a"] * 5 + ["b"] * 5]
    test = [["a"] * 5 + ["c"] * 5]
    assert_allclose(phase_progression(time[:1], train, time[1:], test), 1)
    with pytest.raises(ValueError, match="no phase in common"):
        phase_progression(time[:1], [["x"] * 10], time[1:], test)


def test_phase_progression_may_leave_out_the_phase_that_ends_the_videos():
    # The embedding knows how far away the ends of a and b are, not that of the video.
    phases = [
        np.repeat(list("abc"), n) for n in ((3, 4, 9), (5, 2, 3), (2, 6, 2), (4, 4, 0))
    ]
    videos = [
        np.transpose([np.arange(len(p)) - np.flatnonzero(p == c)[-1] for c in "ab"])
        / len(p)
        for p in phases
    ]
    split = (videos[:2], phases[:2], videos[2:], phases[2:])
    assert phase_progression(*split) < 0.99
    assert_allclose(phase_progression(*split, last_phase=False), 1)
    one = [["a"] * len(video) for video in videos]
    with pytest.raises(ValueError, match="no phase in common.*another phase follows"):
        phase_progression(videos, one, videos, one, last_phase=False)


def test_phase_progression_leaves_out_phases_of_a_single_test_frame():
    time = np.arange(10.0)[:, None] / 10
    labels = [["a"] * 5 + ["b"] * 5]
    one = time[:1] + 0.3
    with pytest.raises(ValueError, match="two frames or more"):
        phase_progression([time], labels, [one], [["a"]])
    both = phase_progression([time], labels, [time, one], [*labels, ["c"]])
    assert_allclose(both, 1)


def test_phase_classification_reports_held_out_beside_the_published_protocol():
    # Noise of many dimensions: learnt by heart, but there is nothing to learn.
    videos, labels = random_videos(n_videos=12, n_features=60)
    train, test = (videos[:8], labels[:8]), (videos[8:], labels[8:])
    result = phase_classification(*train, *test)
    x, y = np.concatenate(test[0]), np.concatenate(test[1])
    by_heart = SVC().fit(x, y)
    learnt = SVC().fit(np.concatenate(train[0]), np.concatenate(train[1]))
    assert result.same_videos == by_heart.score(x, y) > 0.95
    assert result.held_out == learnt.score(x, y) < 0.6
    assert result.classifier.startswith("SVC")


def test_phase_classification_fits_on_a_share_of_the_videos_drawn_by_its_seed():
    videos, labels = random_videos(n_videos=12)
    train, test = (videos[:8], labels[:8]), (videos[8:], labels[8:])
    x, y = np.concatenate(test[0]), np.concatenate(test[1])
    possible = {SVC().fit(*pair).score(x, y) for pair in zip(*train, strict=True)}
    found = [
        phase_classification(*train, *test, fraction=0.1, random_state=seed)
        for seed in (0, 0, 1, 2, 3)
    ]
    assert {result.held_out for result in found} <= possible
    assert found[0] == found[1]
    assert len({result.held_out for result in found}) > 1
    assert found[0].fraction == 0.1


def test_phase_classification_rounds_its_share_of_videos_down():
    # Each video is a phase of its own: right are the frames of those fitted on.
    labels = [[index] * 4 for index in range(7)]
    videos = [np.full((4, 7), 9.0 * np.eye(7)[index]) for index in range(7)]
    found = phase_classification(videos, labels, videos, labels, fraction=0.5)
    assert found.held_out == found.same_videos == 3 / 7
    labels, videos = [[i] * 2 for i in range(25)], [*9 * np.eye(25)[:, None]]
    videos = [np.repeat(video, 2, axis=0) for video in videos]
    found = phase_classification(videos, labels, videos, labels, fraction=0.28)
    assert found.held_out == 7 / 25  # 0.28 * 25 = 7.000000000000001 is safe, and
    found = phase_classification(videos, labels, videos, labels, fraction=0.56)
    assert found.held_out == 14 / 25


def test_test_videos_of_a_single_phase_leave_the_held_out_score():
    videos, labels = random_videos()
    zeros = [np.zeros(len(videos[0]), dtype=int)]
    result = phase_classification(videos, labels, videos[:1], zeros)
    assert 0 <= result.held_out <= 1
    assert np.isnan(result.same_videos)


def test_phases_of_two_kinds_are_refused():
    videos, labels = random_videos()
    texts = [[f"{phase}" for phase in video] for video in labels]
    with pytest.raises(TypeError, match="are never equal; give both as text"):
        phase_classification(videos, labels, videos, texts)


def test_input_that_cannot_be_scored_is_refused():
    videos, labels = random_videos()
    with pytest.raises(ValueError, match="at least two videos"):
        kendall_tau(videos[0])
    with pytest.raises(ValueError, match="99 neighbours"):
        retrieval_precision(videos, labels, k=[99])
    for k in (5, []):
        with pytest.raises(ValueError, match="k must be a sequence of one integer"):
            retrieval_precision(videos, labels, k=k)
    with pytest.raises(ValueError, match="fraction"):
        phase_classification(videos, labels, videos, labels, fraction=0)
    with pytest.raises(ValueError, match="training videos .* single phase"):
        phase_classification(videos[:1], [np.zeros(len(videos[0]))], videos, labels)
    other = [video[:, :2] for video in videos]
    with pytest.raises(ValueError, match="features"):
        phase_progression(videos, labels, other, labels)
    with pytest.raises(ValueError, match="video 0"):
        retrieval_precision(videos, [label[1:] for label in labels])


def test_kendall_tau_takes_videos_of_two_frames():
    x = np.arange(2.0)[:, None]
    assert kendall_tau([x, x + 0.1]) == 1
    assert kendall_tau([x, x[::-1]]) == -1
    assert kendall_tau([x, np.arange(3.0)[:, None]]) == pytest.approx(
        (1 + 2 / np.sqrt(6)) / 2
    )
