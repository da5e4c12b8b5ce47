"""Transport to actions that labels anchor."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skvas.labels import _anchored
from skvas.labels._anchored import AnchoredEvidence, _left_over
from skvas.labels._naming import shares_of_found

RNG = np.random.default_rng(0)
TRUE = np.repeat([0, 1, 2], 20)
N_EMBEDDING = 6


def video(rng, spread=0.3):
    frames = np.eye(3, N_EMBEDDING)[TRUE] + spread * rng.standard_normal((60, 6))
    frames /= np.linalg.norm(frames, axis=1, keepdims=True)
    return np.hstack([frames, rng.standard_normal((60, 2))])  # and something else


FRAMES = [video(RNG) for _ in range(3)]
NOTHING = np.full(60, -1)


def evidence(found=TRUE, frames=FRAMES):
    parts = [np.eye(3)[found]] * len(frames)
    shares = partial(
        lambda codes, n: shares_of_found(
            [found] * len(frames), codes, 3, n, one_to_one=0.3
        )
    )
    return AnchoredEvidence(parts, frames, shares, N_EMBEDDING)


def label(actions, *seen):
    return actions.decode(actions.log_probabilities(*seen))


def test_a_labelled_video_names_the_others():
    given = evidence()
    actions = given.learn([TRUE, NOTHING, NOTHING], 3, 3)
    for part, frames in zip(given.parts, FRAMES, strict=True):
        assert (label(actions, part, frames) == TRUE).mean() > 0.95
        assert_allclose(
            actions.calibrate(actions.log_probabilities(part, frames)).sum(axis=1),
            1,
            rtol=1e-6,
        )


def test_labelled_videos_teach_that_are_in_no_sample(monkeypatch):
    monkeypatch.setattr(_anchored, "sample_videos", lambda n: np.arange(1, n))
    actions = evidence().learn([TRUE, NOTHING, NOTHING], 3, 3)
    assert_array_equal(actions.extra, 0)
    found = label(actions, np.eye(3)[TRUE], FRAMES[1])
    assert (found == TRUE).mean() > 0.95


def test_actions_without_labels_are_those_found_that_fit_no_label():
    given = evidence()
    codes = np.where(TRUE == 2, -1, 1 - TRUE)  # names in another order, one lacking
    actions = given.learn([codes, NOTHING, NOTHING], 3, 2)
    found = label(actions, given.parts[1], FRAMES[1])
    assert (found == np.array([1, 0, 2])[TRUE]).mean() > 0.9


def test_actions_without_labels_start_from_the_frames_of_parts_left_over():
    members = np.zeros((60, 3))
    members[TRUE == 0, 1] = members[TRUE == 1, 2] = 1  # none is of the first action
    sums = _left_over(np.eye(3)[TRUE], members, FRAMES[0])
    assert_allclose(sums[:, 0], FRAMES[0][TRUE == 2].sum(axis=0))
    assert_array_equal(sums[:, 1:], 0)


def test_actions_move_to_the_frames_that_they_take_without_labels():
    actions = evidence().learn([TRUE, NOTHING, NOTHING], 3, 3)
    sums = [frames[:, :N_EMBEDDING].T @ np.eye(3)[TRUE] for frames in FRAMES]
    of_all, of_labels = (
        total / np.linalg.norm(total, axis=0) for total in (sum(sums), sums[0])
    )
    close = (of_all * actions.vectors).sum(axis=0)
    assert (close > (of_all * of_labels).sum(axis=0)).all()


def test_labelled_frames_place_an_action_no_more_than_those_that_it_takes():
    labelled, other = np.eye(3, 8)[TRUE], np.eye(3, 8)[TRUE]
    other[:, 3:6] = 0.6 * np.eye(3)[TRUE]  # tilted, each action its own way
    other /= np.linalg.norm(other, axis=1, keepdims=True)
    given = evidence(frames=[labelled, other])
    vectors = given.learn([TRUE, NOTHING], 3, 3).vectors
    between = (labelled + other)[[0, 20, 40], :N_EMBEDDING]
    between /= np.linalg.norm(between, axis=1, keepdims=True)
    assert_allclose(vectors, between.T, atol=0.01)


def test_actions_without_labels_take_fewer_frames_than_others_as_close():
    halfway = np.zeros((60, 8))
    halfway[:, [0, 2]] = 0.5**0.5  # between the first action and the last
    given = evidence()
    codes = np.where(TRUE == 2, -1, TRUE)
    actions = given.learn([codes, NOTHING, NOTHING], 3, 2)
    alike = replace(
        actions,
        shares=np.ones((3, 3)) / 3,
        vectors=np.eye(N_EMBEDDING, 3),
        masses=np.ones(3) / 3,
    )
    (found,) = alike.transport(given.parts[:1], [halfway], [NOTHING])
    assert (found[:, 2] < 0.5 * found[:, 0]).all()


def test_frames_are_shared_out_in_full():
    actions = evidence().learn([TRUE, NOTHING, NOTHING], 3, 3)
    for shares in actions.transport(evidence().parts, FRAMES, [TRUE, NOTHING, NOTHING]):
        assert_allclose(shares.sum(axis=1), 1, rtol=1e-5)


def test_labelled_frames_keep_their_labels_and_draw_their_neighbours():
    given = evidence()
    actions = given.learn([TRUE, NOTHING, NOTHING], 3, 3)
    known = NOTHING.copy()
    known[8:11] = 2
    labels = label(actions, given.parts[1], FRAMES[1], known)
    assert_array_equal(labels[8:11], 2)
    free = actions.log_probabilities(given.parts[1], FRAMES[1])
    bent = actions.log_probabilities(given.parts[1], FRAMES[1], known)
    assert (bent[[7, 11], 2] > free[[7, 11], 2]).all()


def test_votes_of_parts_decide_between_frames_that_look_alike():
    alike = [np.hstack([np.ones((60, 6)) / 6**0.5, np.zeros((60, 2))])] * 2
    given = evidence(frames=alike)
    actions = given.learn([TRUE, NOTHING], 3, 3)
    assert (label(actions, given.parts[1], alike[1]) == TRUE).mean() > 0.9


def test_expected_masses_lie_between_labelled_and_equal_shares():
    codes = np.repeat([0, 1, -1], [30, 10, 20])
    masses = evidence().learn([codes, NOTHING, NOTHING], 3, 2).masses
    assert_allclose(masses, 0.5 / 3 + 0.5 * np.array([30, 10, 20]) / 60)


@pytest.mark.parametrize("n_more", [20, 200])
def test_labels_of_a_frame_do_not_depend_on_other_videos(n_more):
    given = evidence()
    actions = given.learn([TRUE, NOTHING, NOTHING], 3, 3)
    alone = actions.transport(given.parts[:1], FRAMES[:1], [NOTHING])[0]
    parts = [given.parts[0], np.ones((n_more, 3)) / 3]
    frames = [FRAMES[0], np.ones((n_more, 8)) / 6**0.5]
    both = actions.transport(parts, frames, [NOTHING, np.full(n_more, -1)])[0]
    assert_allclose(alone, both, atol=1e-4)
