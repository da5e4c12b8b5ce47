"""Real recordings that any machine gets from the package registry."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import RandomState
from numpy.typing import NDArray
from sklearn.utils import Bunch

from skvas.datasets._pickled import read_pickled_object
from skvas.validation import check_choice, check_random_state

_WINDOW = 50  # samples: one second
_STEP = 25

_DESCR = """SPAR: shoulder exercises recorded by a smart watch.

20 sessions of {n_actions} exercises ({actions}), {n_frames} frames in
all. A session is one person and one side of the body; it is joined from one recording
per exercise, in {order} order. A frame is a window of one second, half overlapping;
its 18 features are the mean, the standard deviation and the mean absolute difference
of consecutive samples, each for the 3 axes of acceleration and the 3 of rotation.
"""


def load_spar(
    order: str = "canonical",
    *,
    random_state: int | RandomState | None = 0,
) -> Bunch:
    """Load the SPAR recordings of shoulder exercises as videos of 18 features.

    Ten people did seven physiotherapy exercises with either arm, each exercise some
    twenty times in a row, wearing a smart watch (50 Hz, 3 axes of acceleration and 3
    of rotation) [1]_. The recordings ship inside the package seglearn [2]_, which must
    be installed, and is not imported.

    **The sessions are joined from separate recordings.** In the original data every
    exercise is a recording of its own. One video here is the seven recordings of one
    person and side, one after another: real signals and real people, but the order of
    the exercises, and the instant changes between them, are ours.

    Parameters
    ----------
    order : {"canonical", "shuffled"}, default="canonical"
        "canonical": all sessions go through the exercises in the order of
        `action_names`. "shuffled": each in a random order of its own.
    random_state : int, RandomState instance or None, default=0
        Draws the orders where `order` is "shuffled".

    Returns
    -------
    Bunch
        With the fields

        videos : list of 20 float32 arrays of shape (n_frames_i, 18)
            Means, then standard deviations, then mean absolute differences of the six
            channels over windows of one second that overlap by half, computed inside
            each recording. 280 to 615 frames a session.
        labels : list of 20 int arrays of shape (n_frames_i,)
            The exercise, as a position in `action_names`.
        names : list of str
            Person and side of each session.
        subjects : int array of shape (20,)
            The person of each session, for splits that keep people apart.
        action_names : list of str
            PEN (pendulum), ABD (abduction), FEL (forward elevation), IR (internal
            rotation), ER (external rotation), TRAP (trapezius extension), ROW
            (upright row).
        DESCR : str
            A description of the data.

    Raises
    ------
    ImportError
        If seglearn is not installed.
    ValueError
        If `order` is neither of the two, or seglearn's file is not what it was.

    See Also
    --------
    make_videos : Synthetic videos of any size.
    load_folder : Your own features.

    References
    ----------
    .. [1] D. M. Burns, N. Leung, M. Hardisty, C. M. Whyne, P. Henry, S. McLachlin,
       "Shoulder physiotherapy exercise recognition: machine learning the inertial
       signals from a smartwatch", Physiological Measurement 39(7), 2018.
    .. [2] D. M. Burns, C. M. Whyne, "Seglearn: a Python package for learning sequences
       and time series", Journal of Machine Learning Research 19(83), 2018.

    Examples
    --------
    >>> from skvas.datasets import load_spar
    >>> spar = load_spar()
    >>> len(spar.videos), spar.videos[0].shape[1]
    (20, 18)
    >>> spar.names[0]
    'person01_left'
    """
    check_choice("order", order, ("canonical", "shuffled"))
    rng = check_random_state(random_state)
    recordings, action_names = _read_recordings()
    videos, labels = [], []
    for session in recordings.values():
        actions = np.arange(len(action_names))
        if order == "shuffled":
            actions = rng.permutation(actions)
        parts = [_window_features(session[int(action)]) for action in actions]
        videos.append(np.concatenate(parts))
        labels.append(np.repeat(actions, [len(part) for part in parts]))
    return Bunch(
        videos=videos,
        labels=labels,
        names=[f"person{person:02d}_{side}" for person, side in recordings],
        subjects=np.array([person for person, _ in recordings]),
        action_names=action_names,
        DESCR=_DESCR.format(
            n_actions=len(action_names),
            actions=", ".join(action_names),
            n_frames=sum(map(len, videos)),
            order="the same" if order == "canonical" else "a random",
        ),
    )


def _locate() -> Path:
    """Return the path of the recordings inside seglearn, without importing it."""
    spec = find_spec("seglearn")
    for folder in (spec.submodule_search_locations if spec else None) or ():
        file = Path(folder) / "data" / "watch_dataset.npy"
        if file.is_file():
            return file
    raise ImportError(
        "load_spar reads recordings that ship inside the package seglearn, which is "
        "not installed or has no data/watch_dataset.npy. Install it with: "
        'pip install "skvas[examples]"'
    )


def _read_recordings() -> tuple[
    dict[tuple[int, str], dict[int, NDArray[Any]]], list[str]
]:
    """Return the recordings by session and exercise, and the exercises' names."""
    file = _locate()
    data = read_pickled_object(file)
    try:
        names = [str(name) for name in data["y_labels"]]
        keys = [np.asarray(data[name], dtype=int) for name in ("subject", "side", "y")]
        signals = [np.asarray(signal, dtype=np.float64) for signal in data["X"]]
        sessions: dict[tuple[int, str], dict[int, NDArray[Any]]] = {}
        for person, side, action, signal in zip(*keys, signals, strict=True):
            session = (int(person), ("left", "right")[side])
            sessions.setdefault(session, {})[int(action)] = signal
        complete = all(
            set(session) == set(range(len(names))) for session in sessions.values()
        )
        regular = all(
            signal.ndim == 2 and signal.shape[1] == 6 and len(signal) >= _WINDOW
            for signal in signals
        )
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise ValueError(f"{str(file)!r} is not the SPAR data set: {error}.") from error
    if not (complete and regular and sessions):
        raise ValueError(
            f"{str(file)!r} is not the SPAR data set: expected one recording of 6 "
            f"channels for each person, side and exercise."
        )
    return dict(sorted(sessions.items())), names


def _window_features(signal: NDArray[Any]) -> NDArray[np.float32]:
    """Describe each window of a signal (n_samples, 6) by 18 numbers."""
    windows = np.lib.stride_tricks.sliding_window_view(signal, _WINDOW, axis=0)
    windows = windows[::_STEP]  # (n_windows, 6, _WINDOW)
    differences = np.abs(np.diff(windows, axis=2))
    features = [windows.mean(axis=2), windows.std(axis=2), differences.mean(axis=2)]
    return np.concatenate(features, axis=1).astype(np.float32)
