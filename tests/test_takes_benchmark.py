"""Collections that are put together from takes of one action each."""

import json

import numpy as np
import pytest

from benchmarks import takes


@pytest.fixture(scope="module")
def known():
    rng = np.random.RandomState(0)
    return {
        "watch": [[rng.normal(size=(100, 6)) for _ in range(20)] for _ in range(4)],
        "speakers": [[rng.normal(size=(12, 12)) for _ in range(9)] for _ in range(9)],
        "motions": [[rng.normal(size=(n, 41))] for n in range(20, 120, 10)],
    }


@pytest.mark.parametrize("kind", takes.KINDS)
def test_each_frame_has_a_label_and_each_action_frames(kind, known):
    videos, labels, n_actions = takes.collect(known, kind, 0)
    source, order = kind.split(", ")
    assert len(videos) == takes.N_RECORDINGS[source]
    assert [*map(len, videos)] == [*map(len, labels)]
    assert {*np.concatenate(labels).tolist()} == {*range(n_actions)}
    widths = {"watch": 6, "windows": 12, "speakers": 12, "motions": 41, "channel": 1}
    width = widths[source]
    assert {video.shape[1] for video in videos} == {width}
    orders = {
        tuple(codes[np.flatnonzero(np.diff(codes, prepend=-1))]) for codes in labels
    }
    assert (len(orders) == 1) is (order == "one order")
    comes_back = any(len(actions) > n_actions for actions in orders)
    assert comes_back is (order == "again")
    again, _, _ = takes.collect(known, kind, 0)
    assert all((a == b).all() for a, b in zip(videos, again, strict=True))


def test_motions_are_read_at_an_even_rate(tmp_path):
    frames = [[0.05, 7, height, 7, *range(40)] for height in np.arange(22) / 20]
    (tmp_path / "motion.txt").write_text(json.dumps({"Frames": frames}))
    motion = takes._read_motion(tmp_path / "motion.txt")
    assert motion.shape == (32, 41)
    np.testing.assert_allclose(motion[:, 0], np.arange(32) / 30, atol=1e-9)
    np.testing.assert_allclose(motion[:, 1:], np.tile(range(40), (32, 1)))
