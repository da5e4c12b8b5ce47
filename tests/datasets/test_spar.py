from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skvas.datasets import _spar, load_spar
from skvas.datasets._spar import _window_features

ACTIONS = ["PEN", "ABD", "FEL", "IR", "ER", "TRAP", "ROW"]


@pytest.fixture(scope="module")
def canonical():
    return load_spar()


@pytest.fixture(scope="module")
def shuffled():
    return load_spar("shuffled")


def orders(data):
    """Return the exercises of each session in the order in which they come."""
    return [y[np.flatnonzero(np.diff(y, prepend=-1))].tolist() for y in data.labels]


def test_sessions_are_twenty_of_seven_exercises(canonical):
    assert len(canonical.videos) == len(set(canonical.names)) == 20
    assert canonical.action_names == ACTIONS
    assert_array_equal(canonical.subjects, np.repeat(np.arange(1, 11), 2))
    lengths = [len(video) for video in canonical.videos]
    assert (min(lengths), max(lengths)) == (280, 615)
    for video, labels in zip(canonical.videos, canonical.labels, strict=True):
        assert video.shape == (len(labels), 18)
        assert video.dtype == np.float32
        assert np.isfinite(video).all()
        assert labels.dtype.kind == "i"


def test_canonical_sessions_share_one_order(canonical):
    assert orders(canonical) == [list(range(7))] * 20


def test_shuffled_sessions_have_orders_of_their_own(shuffled):
    found = orders(shuffled)
    assert all(sorted(order) == list(range(7)) for order in found)
    assert len({tuple(order) for order in found}) > 15


def test_shuffling_moves_recordings_and_changes_none(canonical, shuffled):
    for i in range(20):
        for action in range(7):
            assert_array_equal(
                canonical.videos[i][canonical.labels[i] == action],
                shuffled.videos[i][shuffled.labels[i] == action],
            )


def test_shuffled_orders_follow_the_random_state(shuffled):
    assert orders(load_spar("shuffled")) == orders(shuffled)
    assert orders(load_spar("shuffled", random_state=1)) != orders(shuffled)


def test_recordings_are_those_that_seglearn_loads(canonical):
    from seglearn.datasets import load_watch

    data = load_watch()
    for signal, person, side, action in zip(
        data["X"], data["subject"], data["side"], data["y"], strict=True
    ):
        name = f"person{person:02d}_{'right' if side else 'left'}"
        i = canonical.names.index(name)
        found = canonical.videos[i][canonical.labels[i] == action]
        assert_array_equal(found, _window_features(signal))


def test_window_features_are_the_plain_loops():
    signal = np.random.default_rng(0).standard_normal((137, 6))
    expected = []
    for start in range(0, 137 - 50 + 1, 25):
        window = signal[start : start + 50]
        jumps = [abs(window[i + 1] - window[i]) for i in range(49)]
        expected.append([*window.mean(0), *window.std(0), *np.mean(jumps, axis=0)])
    assert_allclose(_window_features(signal), expected, rtol=1e-5, atol=1e-6)


def test_seglearn_is_not_imported():
    code = "import sys; from skvas.datasets import load_spar; load_spar()"
    code += "; assert 'seglearn' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_missing_package_is_reported_with_the_extra(monkeypatch):
    monkeypatch.setattr(_spar, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"skvas\[examples\]"):
        load_spar()


def test_order_is_one_of_two():
    with pytest.raises(ValueError, match="order must be one of 'canonical'"):
        load_spar("random")


def recordings(n=60):
    """Return a data set of one person, one side and two exercises."""
    return {
        "X": [np.zeros((n, 6)), np.ones((n, 6))],
        "y": np.array([0, 1]),
        "subject": np.array([1, 1]),
        "side": np.array([0.0, 0.0]),
        "y_labels": ["up", "down"],
    }


def load_from(monkeypatch, tmp_path, data):
    np.save(tmp_path / "a.npy", np.array(data, dtype=object))
    monkeypatch.setattr(_spar, "_locate", lambda: tmp_path / "a.npy")
    return load_spar()


def test_other_file_of_the_same_form_is_read(monkeypatch, tmp_path):
    data = load_from(monkeypatch, tmp_path, recordings())
    assert data.labels[0].tolist() == [0, 1]


@pytest.mark.parametrize(
    "change",
    [
        {"X": [np.zeros((60, 5)), np.zeros((60, 5))]},
        {"X": [np.zeros((60, 6)), np.zeros((49, 6))]},
        {"X": [np.zeros((60, 6))]},
        {"X": ["a", "b"]},
        {"y": np.array([0, 0])},
        {"side": np.array([0.0, 7.0])},
        {"subject": None},
        {"y_labels": 3},
    ],
)
def test_file_of_another_form_is_reported(monkeypatch, tmp_path, change):
    with pytest.raises(ValueError, match="is not the SPAR data set"):
        load_from(monkeypatch, tmp_path, recordings() | change)


def test_file_without_a_dictionary_is_reported(monkeypatch, tmp_path):
    with pytest.raises(ValueError, match="is not the SPAR data set"):
        load_from(monkeypatch, tmp_path, 3)
