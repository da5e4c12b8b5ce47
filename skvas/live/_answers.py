"""What a tracker answers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skvas.decoding import Segment, segments_to_labels
from skvas.live._habits import LiveWarning


@dataclass(frozen=True, eq=False)
class LiveFrames:
    """Frames of a stream whose answers are final.

    Attributes
    ----------
    start : int
        Number of the first of these frames in the recording.
    labels : ndarray of shape (n,) or None
        Action of each frame, as `predict` names them; None where the model has none.
        Without a lag, an action gives way to another that is more probable by 0.7
        before these are lowered, so that answers do not flicker (or to any that is more
        probable, where held-out videos of `fit` were labelled better so); with a lag,
        it is the most probable one; with an infinite lag, that of `predict`.
    probabilities : float64 ndarray of shape (n, n_actions) or None
        Probabilities of the actions; rows sum to 1. Equal shares are mixed in, so that
        the largest is, on average over some videos of `fit`, that of `predict_proba`
        times the share of frames that a stream labels as it does the whole video.
    progress : float64 ndarray of shape (n,) or None
        Position on the timeline, between 0 and 1; None where there is none.
    spread : float64 ndarray of shape (n,) or None
        Standard deviation of that position.

    Examples
    --------
    >>> import numpy as np
    >>> from skvas.live import LiveFrames
    >>> frames = LiveFrames(10, np.array([2, 2]), np.eye(3)[[2, 2]], None, None)
    >>> len(frames)
    2
    """

    start: int
    labels: np.ndarray | None
    probabilities: np.ndarray | None
    progress: np.ndarray | None
    spread: np.ndarray | None

    def __len__(self) -> int:
        for part in (self.labels, self.progress):
            if part is not None:
                return len(part)
        return 0


@dataclass(frozen=True)
class LiveStep:
    """The step of a recording now.

    Attributes
    ----------
    action : int, str or None
        The action that is told; None where the model has no actions.
    probability : float
        Its probability.
    progress, spread : float or None
        Position on the timeline, and its standard deviation; None where there is none.
    frame : int
        The newest frame.
    since : int
        The frame at which that became the action; 0 where the model has none.

    Examples
    --------
    >>> from skvas.live import LiveStep
    >>> LiveStep(2, 0.9, 0.5, 0.01, 120, 100).action
    2
    """

    action: int | str | None
    probability: float
    progress: float | None
    spread: float | None
    frame: int
    since: int


@dataclass(frozen=True)
class NextStep:
    """A step that may come next.

    Attributes
    ----------
    action : int, str or None
        The action; None is the end of the recording.
    probability : float
        How likely it is the next step, lowered as the probabilities of actions are.
    n_frames : float
        Expected number of frames until then.
    seconds : float or None
        The same in seconds; None where the tracker knows no rate of frames.

    Examples
    --------
    >>> from skvas.live import NextStep
    >>> NextStep(3, 0.95, 40.0, 1.6).seconds
    1.6
    """

    action: int | str | None
    probability: float
    n_frames: float
    seconds: float | None


@dataclass(frozen=True, eq=False)
class LiveRecording:
    """What is known of a recording once it is over.

    Attributes
    ----------
    n_frames : int
        Number of frames.
    segments : list of Segment
        Runs of frames of one action; empty where the model has no actions.
    warnings : list of LiveWarning
        All that was unusual.
    rest : LiveFrames
        The frames that `finish` has made final. Of a recording that has ended by
        itself, all that no push has returned.

    Examples
    --------
    >>> from skvas.datasets import make_videos
    >>> from skvas import ActionSegmenter
    >>> videos = make_videos(6, n_actions=4, random_state=0).videos
    >>> tracker = ActionSegmenter(4, max_epochs=0).fit(videos[:5]).stream()
    >>> frames = tracker.push(videos[5])
    >>> tracker.finish().labels.shape == (len(videos[5]),)
    True
    """

    n_frames: int
    segments: list[Segment]
    warnings: list[LiveWarning]
    rest: LiveFrames

    @property
    def labels(self) -> np.ndarray:
        """Action of each frame, of shape (n_frames,); (0,) if the model has none."""
        n_labelled = self.n_frames if self.segments else 0
        labels: np.ndarray = segments_to_labels(self.segments, n_labelled)
        return labels


def join_frames(first: LiveFrames, later: LiveFrames, stop: int) -> LiveFrames:
    """Return the answers of frames and of those after them, up to one, as one.

    Parameters
    ----------
    first, later : LiveFrames
        Of neighbouring frames.
    stop : int
        Number of the first frame that is left out.

    Returns
    -------
    LiveFrames
    """
    start = min(first.start, stop)
    parts = [
        (first.labels, later.labels),
        (first.probabilities, later.probabilities),
        (first.progress, later.progress),
        (first.spread, later.spread),
    ]
    joined = [
        None if a is None or b is None else np.concatenate([a, b])[: stop - start]
        for a, b in parts
    ]
    return LiveFrames(start, *joined)
