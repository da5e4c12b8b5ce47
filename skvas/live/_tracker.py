"""Follow a recording while it goes on."""

from __future__ import annotations

import copy
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from skvas._printing import shorten
from skvas._typing import Self
from skvas.decoding import Segment
from skvas.exceptions import InvalidParameterError, ModelFileError
from skvas.labels._doubt import lower
from skvas.live._answers import (
    LiveFrames,
    LiveRecording,
    LiveStep,
    NextStep,
    join_frames,
)
from skvas.live._course import LASTING, Course
from skvas.live._embedder import LiveEmbedder
from skvas.live._filter import Filter, Seen, smooth
from skvas.live._frames import check_frames
from skvas.live._habits import MESSAGES, NEWEST, LiveWarning, Monitor
from skvas.live._missing import SeenFeatures
from skvas.live._model import LiveModel, spread_out
from skvas.live._saved import read_state, write_state
from skvas.preprocessing._bodies import PoseStream
from skvas.preprocessing._running import Standing
from skvas.validation import check_fps, check_integer, check_real, check_seconds
from skvas.videos._stored import (
    check_array,
    check_count,
    check_probabilities,
    check_texts,
    check_type,
)
from skvas.videos._underflow import underflow_to_zero

# From frames to the actions of a whole recording, and their probabilities.
Whole = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
# Frames with a lag are made final a quarter of the lag at a time.
PARTS = 4
# Times of frames may be off by this share of a frame, and their mean rate, once there
# are so many, by this share of the rate.
TOLERANCE = 0.5
MANY_TIMES, DRIFT = 50, 0.1
# Steps that come next with less probability are not told.
UNLIKELY = 0.05
# A pause that ends a recording lasts so many frames, at least: one that follows another
# may be late by less.
SHORTEST_PAUSE = 2


class LiveTracker:
    """Follow one recording after another while it goes on.

    Made by the method `stream` of a fitted estimator. Every frame costs the same time,
    however long the recording, and only the lists of steps and of warnings grow; with
    an infinite lag, frames are kept until the end, and what each says of the position
    on the timeline, if there is one. Frames may be pushed one at a time or many: the
    answers are the same, bit for bit.

    Parameters
    ----------
    model : LiveModel
        What `fit` has kept.
    fps : float, default=None
        Frames per second. None: times are told in frames.
    lag : int or float, default=0
        A frame is final when so many later frames have been seen, at the latest. With
        ``lag=0`` at once, with infinity at the end.
    classes : array-like of shape (n_actions,), default=None
        Names of the actions, integers or strings. None: 0, 1, 2 ...
    whole : callable, default=None
        Labels a whole recording: from frames (n_frames, n_features), which may lack
        numbers (NaN), to the number of the action of each frame, (n_frames,), and
        probabilities, (n_frames, n_actions). If `lag` is infinite, `finish` answers by
        it. None: by the frames as they were seen.
    embedder : LiveEmbedder, default=None
        Embeds frames, where the model tells them by their embeddings.
    feature_names : sequence of str, default=None
        Names of the features in `fit`, which columns of data frames are held against.
    action_names : sequence of str, default=None
        What warnings call the actions. None: by their labels.
    reset_after : float, default=None
        Seconds without a frame that can be read, after which a recording is over, and
        the next frame that can be read begins another. Frames before the first that can
        be read, and after the last, then count in no recording. None: a recording goes
        on until `finish` or `reset`, and all frames count.

    Attributes
    ----------
    n_frames_ : int
        Frames of the recording up to now.
    current_ : LiveStep or None
        The step now, by all frames up to now; None before the first that can be read.
    next_ : list of NextStep
        Steps that may come next, the likeliest first.
    warnings_ : list of LiveWarning
        What was unusual up to now; `finish` adds what is missing at the end.
    ended_ : list of LiveRecording
        Recordings that have ended by themselves (`reset_after`) in the last push. What
        no push has returned of their frames is in `rest`.

    See Also
    --------
    load_tracker : Read a tracker that was saved.
    LiveEmbedder : Embeddings alone, as frames come.

    Examples
    --------
    >>> from skvas.datasets import make_videos
    >>> from skvas import ActionSegmenter
    >>> videos = make_videos(6, n_actions=4, random_state=0).videos
    >>> model = ActionSegmenter(4, max_epochs=0).fit(videos[:5])
    >>> tracker = model.stream(fps=25)
    >>> for frame in videos[5]:
    ...     found = tracker.push(frame[None])
    >>> tracker.n_frames_ == len(videos[5])
    True
    >>> bool(tracker.current_.action == found.labels[-1])
    True
    """

    def __init__(
        self,
        model: LiveModel,
        *,
        fps: float | None = None,
        lag: float = 0,
        classes: Any = None,
        whole: Whole | None = None,
        embedder: LiveEmbedder | None = None,
        feature_names: Sequence[str] | None = None,
        action_names: Sequence[str] | None = None,
        reset_after: float | None = None,
    ) -> None:
        check_fps(fps, none_ok=True)
        if lag != math.inf:
            check_integer("lag", lag, low=0)
        self.fps = fps
        self.lag = lag
        self.reset_after = _check_pause(reset_after, fps)
        self.classes = np.arange(model.n_actions) if classes is None else classes
        self.feature_names = None if feature_names is None else [*feature_names]
        self.action_names = None if action_names is None else [*action_names]
        self._names: list[Any] = np.asarray(self.classes).tolist()
        self._model = model
        self._chain = model.chain()
        self._step_chain = model.step_chain()
        self._whole = whole if lag == math.inf else None
        self._embedder = embedder
        self.reset()

    def reset(self) -> None:
        """Forget the recording, and wait for the first frame of another."""
        bodies = self._model.bodies
        self._poses = None if bodies is None else PoseStream(bodies)
        self._known = SeenFeatures(self._model.features)
        self._standing = Standing(self._model.features)
        # That of before strange frames that have come to count, and how many frames in
        # a row are not alien by it.
        self._before: tuple[Standing, int] | None = None
        if self._embedder is not None:
            self._embedder.reset()
        self._filter = Filter(self._chain)
        steps, shortest = self._step_chain, self._model.habits.shortest
        self._course = None if steps is None else Course(steps, shortest)
        rate = NEWEST * self._model.gaussians.weight
        self._monitor = Monitor(self._model.habits, rate)
        self._pending: list[Seen] = []
        self._kept: list[np.ndarray] = []  # frames, where all are labelled at the end
        self._runs: list[tuple[int, int]] = []  # first frame and action of each
        # The first time since when all are known, and the last, with their frames.
        self._began: tuple[float, int] | None = None
        self._last: tuple[float, int] | None = None
        # Whether the frames now cannot be read, and that was told.
        self._was_held = self._is_over = False
        self._action: int | None = None
        self._since = 0  # the frame from which on it is told
        # Frames' time from the last frame that could be read to the last one pushed.
        self._quiet = 0.0
        self.n_frames_ = 0
        self.warnings_: list[LiveWarning] = []
        self.ended_: list[LiveRecording] = []

    @underflow_to_zero()
    def push(self, frames: Any, times: Any = None) -> LiveFrames:
        """Take in the next frames.

        Parameters
        ----------
        frames : array-like of shape (n_frames, n_features)
            The next frames, one or more. Numbers that a frame lacks (NaN) are guessed
            from the frames before; one that lacks all cannot be read, and the state is
            held. Both are warned of in `warnings_`. A data frame must have the columns
            of `fit`, in their order.
        times : array-like of shape (n_frames,), default=None
            Their times in seconds, one every ``1 / fps``; they are only checked. Frames
            without times count as well: the next time has to be as much later. A gap
            ends the recording where it makes `reset_after` pass.

        Returns
        -------
        LiveFrames
            The frames that have become final: with a lag those that lie so far back.
            They are of the recording that goes on; others are in `ended_`.

        Raises
        ------
        ValueError, TypeError
            If frames are not as described, or leave another gap in time. The tracker is
            as it was before.
        RuntimeError
            If the recording is over: call `reset` first.
        """
        if self._is_over:
            raise RuntimeError(
                "The recording is over, as finish was called; call reset to follow "
                "another one."
            )
        checked = check_frames(frames, self._model.n_features, self.feature_names)
        seconds = self._check_times(times, len(checked))
        bodies = self._model.bodies
        shown = checked if bodies is None else bodies.visible(checked)
        spans, quiet = self._spans(~np.isnan(shown).all(axis=1), seconds)
        # A frame may yet be refused after a recording has ended.
        other = self if len(spans) == 1 else self.copy()
        ended: list[LiveRecording] = []
        for number, span in enumerate(spans, 1):
            found = other._take_in(
                checked[span], shown[span], None if seconds is None else seconds[span]
            )
            if number < len(spans):
                over = other.finish()
                rest = join_frames(found, over.rest, over.n_frames)
                ended.append(replace(over, rest=rest))
                other.reset()
        other._quiet, other.ended_ = quiet, ended
        vars(self).update(vars(other))
        return found

    @underflow_to_zero()
    def finish(self) -> LiveRecording:
        """End the recording.

        Steps that never began, and nearly all recordings of `fit` have, are added to
        `warnings_`, unless they may have been done in last frames that could not be
        read, or were unlike any seen in `fit`. With `reset_after`, frames at the end
        that cannot be read do not count, although `push` may have returned answers, and
        warned of them.

        Returns
        -------
        LiveRecording
            All of it, and the frames that were not final yet.

        Raises
        ------
        RuntimeError
            If it is over already.
        """
        if self._is_over:
            raise RuntimeError("The recording is over already; call reset.")
        n_left_out = 0 if self.reset_after is None else self._filter.n_held
        n_frames = self.n_frames_ - n_left_out
        if self._is_smoothed:
            n_final = self.n_frames_ - len(self._pending)
            left = self._pending[: max(0, n_frames - n_final)]
            posteriors = smooth(left, self._chain.transitions)
        else:  # for a recording of which no frame could be read
            posteriors = [self._filter.posterior] * n_frames
        start = n_frames - len(posteriors)
        rest = self._answer(posteriors, start, whole=self._label_whole(n_frames))
        self._pending, self._kept = [], []
        self._began = self._last = None  # which may be of a frame that does not count
        self.n_frames_ = n_frames
        self._is_over = True
        for step in self._monitor.missing(n_left_out):
            self._warn("missing", step, n_frames - 1)
        stops = [first for first, _ in self._runs][1:] + [n_frames]
        segments = [
            Segment(first, stop, self._names[action])
            for (first, action), stop in zip(self._runs, stops, strict=False)
        ]
        return LiveRecording(n_frames, segments, list(self.warnings_), rest)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the tracker to a file, for :func:`skvas.live.load_tracker`.

        The file has all that is needed to go on, as numbers and texts only; but where
        `lag` is infinite, or the model was trained with ``Training(live=True)``, the
        model has to be given when the file is read. It is written whole or not at all.

        Parameters
        ----------
        path : str or path-like
            The file; replaced if it exists.

        Raises
        ------
        InvalidParameterError
            If features or encoder are your own and their streams cannot be saved.
        OSError
            If the file cannot be written; names it, and leaves an old one unchanged.
        """
        seen, course, before = self._pending, self._course, self._before
        n_features = self._model.n_features
        n_states = len(self._chain.start)
        unseen = np.zeros(n_states)
        state = {
            "model": self._model.state(),
            "classes": self._names,
            "feature_names": self.feature_names,
            "action_names": self.action_names,
            "fps": None if self.fps is None else float(self.fps),
            "reset_after": self.reset_after,
            "quiet": self._quiet,
            "lag": None if self.lag == math.inf else int(self.lag),
            "known": self._known.state(),
            "poses": None if self._poses is None else self._poses.state(),
            "standing": self._standing.state(),
            "before": None if before is None else [before[0].state(), before[1]],
            "embedder": None if self._embedder is None else self._embedder.state(),
            "filter": self._filter.state(),
            "course": None if course is None else course.state(),
            "frames": np.array(self._kept).reshape(-1, n_features),
            "needs_whole": self._whole is not None,
            "monitor": self._monitor.state(),
            "posteriors": np.array([s.posterior for s in seen]).reshape(-1, n_states),
            "likelihoods": np.array(
                [unseen if s.likelihood is None else s.likelihood for s in seen]
            ).reshape(-1, n_states),
            "moves": [s.n_moves for s in seen],
            "runs": [list(run) for run in self._runs],
            "time": None if self._last is None else self._last[0],
            "timed": None if self._last is None else self._last[1],
            "began": None if self._began is None else [*self._began],
            "flags": [self._was_held, self._is_over],
            "action": self._action,
            "since": self._since,
            "n_frames": self.n_frames_,
            "warnings": [asdict(warning) for warning in self.warnings_],
        }
        write_state(path, state)

    def copy(self) -> Self:
        """Return a tracker that goes on from here by itself.

        Returns
        -------
        LiveTracker
            With a state of its own; what the model has learned is shared.
        """
        other = copy.copy(self)
        model = self._model
        parts = [model, model.features, model.habits, model.bodies]
        parts += [self._chain, self._step_chain, self._whole]
        if self._embedder is not None:
            parts += self._embedder.learned()
        shared = {id(part): part for part in parts}
        for name, value in vars(self).items():
            vars(other)[name] = copy.deepcopy(value, dict(shared))
        return other

    def _for_labels(self) -> LiveTracker:
        """Return a tracker that does not look for skipped, repeated or swapped steps.

        That is half of the work of a frame, and changes no label.
        """
        other = copy.copy(self)
        other._step_chain = None
        other.reset()
        return other

    @property
    @underflow_to_zero()
    def current_(self) -> LiveStep | None:
        """The step now, by all frames up to now; None before the first to be read."""
        if not self._filter.has_started:
            return None
        posterior = self._filter.posterior
        action, probability, progress, spread = None, 1.0, None, None
        if self._action is not None:
            action = self._names[self._action]
            probability = float(self._told(posterior)[self._action])
        if self._chain.positions is not None:
            progress, spread = self._place(posterior)
        frame = self.n_frames_ - 1
        return LiveStep(action, probability, progress, spread, frame, self._since)

    @property
    @underflow_to_zero()
    def next_(self) -> list[NextStep]:
        """Steps that may come next, the likeliest first; not the one that is told."""
        if not self._filter.has_started or self._model.n_actions == 0:
            return []
        chain, posterior = self._chain, self._filter.posterior
        n_steps = len(chain.actions)
        now = np.bincount(chain.steps, posterior, n_steps)
        waits = np.bincount(chain.steps, posterior * chain.remaining, n_steps)
        chances, delays = now @ chain.following, waits @ chain.following
        told = lower(chances, self._model.doubt, len(chances))
        found = []
        for step in np.argsort(-chances, kind="stable"):
            if chances[step] < UNLIKELY:
                break
            if step < n_steps and chain.actions[step] == self._action:
                continue  # it is held until another one is clearly more probable
            n_frames = float(delays[step] / chances[step])
            found.append(
                NextStep(
                    self._names[chain.actions[step]] if step < n_steps else None,
                    float(told[step]),
                    n_frames,
                    None if self.fps is None else n_frames / self.fps,
                )
            )
        return found

    def _spans(
        self, can_be_read: np.ndarray, seconds: np.ndarray | None
    ) -> tuple[list[slice], float]:
        """Share frames out among this recording and those that begin after it.

        Each but the last is over by its end; frames between them count in none. Returns
        the frames' time since the last one that could be read as well.
        """
        n_frames = len(can_be_read)
        if self.reset_after is None:
            return [slice(n_frames)], 0.0
        assert self.fps is not None
        limit = self.reset_after * self.fps
        spans, start, quiet = [], 0, self._quiet
        has_begun = self._filter.has_started
        for number, step in enumerate(self._steps(n_frames, seconds)):
            quiet = quiet + step if has_begun else 0.0
            if quiet > limit:
                spans.append(slice(start, number))
                has_begun, quiet = False, 0.0
            if can_be_read[number]:
                start = start if has_begun else number
                has_begun, quiet = True, 0.0
        return [*spans, slice(start if has_begun else n_frames, n_frames)], quiet

    def _steps(self, n_frames: int, seconds: np.ndarray | None) -> list[float]:
        """Return how long after the one before it each frame comes, in frames."""
        if seconds is None or not n_frames:
            return [1.0] * n_frames
        assert self.fps is not None
        before = seconds[0] - 1 / self.fps
        if self._last is not None:
            time, frame = self._last
            before = time + (self.n_frames_ - 1 - frame) / self.fps
        steps: list[float] = (np.diff(seconds, prepend=before) * self.fps).tolist()
        return steps

    def _take_in(
        self, checked: np.ndarray, shown: np.ndarray, seconds: np.ndarray | None
    ) -> LiveFrames:
        """Take in frames of one recording, and what can be seen of them."""
        began, last = self._follow(seconds, len(checked))
        final: list[np.ndarray] = []
        told: list[int | None] = []
        poses, known, embedder = self._poses, self._known, self._embedder
        tails = self._model.tails
        lacks = np.isnan(shown)
        can_be_read = ~lacks.all(axis=1)
        has_holes = lacks.any(axis=1) & can_be_read
        whole = None if self._whole is None else checked.copy()
        embedded = None
        if embedder is not None:  # which may refuse frames
            known = known.copy()
        elif poses is not None:
            checked = poses.describe(shown)
        if tails is not None:
            checked = tails.push(checked)
        if poses is None and not (embedder and embedder.closes_gaps):
            known.complete(checked)
        if embedder is not None:  # at once, which is faster, and the same
            embedded = embedder.push(checked)
        self._known = known
        for number, frame in enumerate(checked):
            if has_holes[number]:
                self._warn_of_holes()
            if not can_be_read[number]:
                seen = self._hold()
            elif embedded is None:
                seen = self._see(self._look_at(frame))
            else:
                seen = self._see(spread_out(embedded[number]))
            if self._is_smoothed:
                self._pending.append(seen)
            told.append(self._action)
            if whole is not None:
                self._kept.append(whole[number])
            self.n_frames_ += 1
            final += self._settle()
        self._began, self._last = began, last
        if self.lag == math.inf:
            return self._answer([], 0)
        start = self.n_frames_ - len(self._pending) - len(final)
        return self._answer(final, start, told if self.lag == 0 else None)

    @property
    def _counts(self) -> bool:
        """Whether the next frame counts for mean and variance of the recording.

        One that is alien does where the recording has varied less than others, as after
        a wait: nothing else would ever be told.
        """
        monitor = self._monitor
        is_strange = monitor.is_interrupted and self._standing.has_varied
        return not (monitor.lingers or is_strange)

    def _look_at(self, frame: np.ndarray) -> np.ndarray:
        """Return the features of a frame, by what counts of the recording up to now.

        Strange frames that last longer than the recording did are what it now looks
        like, until some in a row look again as it did before.
        """
        if self._before is not None:
            gaussians = self._model.gaussians
            standing, n = self._before
            found = gaussians.project(standing.see(frame, counts=False))
            distance = float(gaussians.distances(found).min()) / len(found)
            n = 0 if self._model.habits.is_alien(distance) else n + 1
            self._before = standing, n
            if n >= LASTING:
                self._standing, self._before = standing, None
        elif self._monitor.is_alien and self._counts and self._standing.has_varied:
            self._before = self._standing.copy(), 0
        return self._standing.see(frame, counts=self._counts)

    def _see(self, features: np.ndarray) -> Seen:
        gaussians = self._model.gaussians
        discriminants = gaussians.project(features)
        distances = gaussians.distances(discriminants)
        # Nothing has told the action yet that unreadable frames were given.
        lead = self._model.lead if self._filter.has_started else 0.0
        seen = self._filter.see(gaussians.scores(distances))
        self._decide(seen.posterior, lead)
        self._was_held = False
        distance = float(distances.min()) / len(discriminants)
        chain = self._chain
        shares = np.bincount(chain.steps, seen.posterior, len(chain.actions))
        for kind, step in self._monitor.watch(shares, distance):
            if kind == "too long":
                step = self._shown(step, shares)
            self._warn(kind, step)
        if self._course is not None and self._monitor.is_alien:
            self._course.hold()
        elif self._course is not None:
            robust = gaussians.robust(distances)
            for said in self._course.see(robust):
                self._warn(*said)
        return seen

    def _shown(self, step: int | None, shares: np.ndarray) -> int | None:
        """Return the step that is told in place of one that is only the likeliest."""
        if self._action is None:
            return step
        told = np.flatnonzero(self._chain.actions == self._action)
        if step in told or not len(told):
            return step
        shown = int(told[shares[told].argmax()])
        is_long = self.n_frames_ - self._since > self._model.habits.longest[shown]
        return shown if is_long else step

    def _hold(self) -> Seen:
        seen = self._filter.hold()
        self._monitor.hold()
        # In fewer frames no step begins unseen; the first of a recording is told.
        lasting = max(LASTING, float(self._monitor.needed.min()))
        is_new = self._filter.n_held >= lasting or not self._has_told("unreadable")
        if is_new and not self._was_held:
            self._warn("unreadable", None)
            self._was_held = True
        if self._course is not None:
            self._course.hold()
        self._decide(seen.posterior, self._model.lead)
        return seen

    def _decide(self, posterior: np.ndarray, lead: float) -> None:
        """Change the action that is told, if another is more probable by so much."""
        if not self._model.n_actions:
            return
        shares = self._chain.shares(posterior, self._model.n_actions)
        best = int(shares.argmax())
        if self._action is None or shares[best] > shares[self._action] + lead:
            self._action, self._since = best, self.n_frames_

    def _warn_of_holes(self) -> None:
        """Warn of the first frame of a recording that lacks some numbers."""
        if not self._has_told("incomplete"):
            self._warn("incomplete", None)

    def _has_told(self, kind: str) -> bool:
        return any(warning.kind == kind for warning in self.warnings_)

    def _warn(self, kind: str, step: int | None, frame: int | None = None) -> None:
        chain, action, position, name = self._chain, None, None, None
        if step is not None and self._model.n_actions:
            action = self._names[chain.actions[step]]
            if self.action_names is not None:
                name = self.action_names[chain.actions[step]]
        if step is not None and chain.positions is not None:
            position = float(chain.positions[int(np.argmax(chain.steps == step))])
        frame = self.n_frames_ if frame is None else frame
        self.warnings_.append(LiveWarning(kind, frame, action, position, name))

    def _settle(self) -> list[np.ndarray]:
        """Take the frames that are final out of those that are pending."""
        if self.lag == 0:
            return [self._pending.pop().posterior]
        if self.lag == math.inf:
            return []
        part = max(1, int(self.lag) // PARTS)
        n_final = len(self._pending) - (int(self.lag) - part + 1)
        if n_final < part:
            return []
        found = smooth(self._pending, self._chain.transitions)[:n_final]
        del self._pending[:n_final]
        return found

    @property
    def _is_smoothed(self) -> bool:
        """Tell whether answers are made of what was seen of each frame."""
        return self._whole is None or self._chain.positions is not None

    def _label_whole(self, n_frames: int) -> tuple[np.ndarray, np.ndarray] | None:
        """Label so many frames together, as they were pushed."""
        if self._whole is None or not self._filter.has_started:
            return None
        return self._whole(np.array(self._kept[:n_frames]))

    def _answer(
        self,
        posteriors: list[np.ndarray],
        start: int,
        told: list[int | None] | None = None,
        whole: tuple[np.ndarray, np.ndarray] | None = None,
    ) -> LiveFrames:
        """Wrap posteriors of neighbouring frames, and note their actions.

        `told` are the actions that were told at once; None: the most probable ones.
        `whole` are the actions and probabilities of all frames, which count instead.
        """
        labels = probabilities = progress = spread = None
        if self._model.n_actions:
            if whole is not None:
                codes, probabilities = whole
            else:
                shares = [self._told(posterior) for posterior in posteriors]
                probabilities = np.array(shares).reshape(-1, self._model.n_actions)
                codes = probabilities.argmax(axis=1)
            if told is not None:
                codes = np.array(told, dtype=np.int64)
            labels = np.asarray(self.classes)[codes]
            for frame, code in enumerate(codes.tolist(), start):
                if not self._runs or self._runs[-1][1] != code:
                    self._runs.append((frame, code))
        if self._chain.positions is not None:
            places = np.array([self._place(posterior) for posterior in posteriors])
            progress, spread = places.reshape(-1, 2).T.copy()
        return LiveFrames(start, labels, probabilities, progress, spread)

    def _told(self, posterior: np.ndarray) -> np.ndarray:
        """Return the probabilities of the actions, no more sure than they should be."""
        model = self._model
        shares = self._chain.shares(posterior, model.n_actions)
        return lower(shares, model.doubt, model.n_actions)

    def _place(self, posterior: np.ndarray) -> tuple[float, float]:
        """Return mean and standard deviation of the position."""
        positions = self._chain.positions
        assert positions is not None
        mean = float(posterior @ positions)
        return mean, math.sqrt(float(posterior @ (positions - mean) ** 2))

    def _check_times(self, times: Any, n_frames: int) -> np.ndarray | None:
        """Return times in seconds, one a frame."""
        if times is None:
            return None
        if self.fps is None:
            raise InvalidParameterError(
                "times are held against the rate of frames, which is missing; give "
                "fps to stream."
            )
        try:
            checked = check_seconds(times)
        except ValueError:  # no numbers
            checked = np.array(np.nan)
        if checked.shape != (n_frames,) or not np.isfinite(checked).all():
            raise ValueError(
                f"times must be {n_frames} finite numbers, one a frame, got "
                f"{shorten(times)}."
            )
        return checked

    def _follow(
        self, seconds: np.ndarray | None, n_frames: int
    ) -> tuple[tuple[float, int] | None, tuple[float, int] | None]:
        """Check that frames follow each other.

        Returns the first time since when all are known and the last, with their frames.
        """
        if seconds is None:
            return (None if n_frames else self._began), self._last
        self._refuse_gaps(seconds)
        if not n_frames:
            return self._began, self._last
        last = float(seconds[-1]), self.n_frames_ + n_frames - 1
        began = self._began or (float(seconds[0]), self.n_frames_)
        self._check_rate(last[0] - began[0], last[1] - began[1])
        return began, last

    def _refuse_gaps(self, times: np.ndarray) -> None:
        """Refuse times that do not follow each other, and the last one before them."""
        assert self.fps is not None
        frames = self.n_frames_ + np.arange(len(times))
        if self._last is not None:
            times = np.insert(times, 0, self._last[0])
            frames = np.insert(frames, 0, self._last[1])
        steps, expected = np.diff(times) * self.fps, np.diff(frames)
        most = np.minimum(TOLERANCE * expected, DRIFT * expected.clip(MANY_TIMES))
        wrong = np.flatnonzero(abs(steps - expected) > most)
        if not len(wrong):
            return
        before, frame = frames[wrong[0]], frames[wrong[0] + 1]
        known = "the one before it" if frame == before + 1 else f"frame {before}"
        remedy = "push frames of NaN for those that were lost, or call reset"
        if steps[wrong[0]] < expected[wrong[0]]:
            remedy = "sample frames at even times, or leave times out"
        raise ValueError(
            f"frames must come every {1 / self.fps:.4g} s, but frame {frame} comes "
            f"{steps[wrong[0]] / self.fps:.4g} s after {known}; {remedy}."
        )

    def _check_rate(self, seconds: float, n_frames: int) -> None:
        """Refuse frames that come at another rate, each not far from its time."""
        assert self.fps is not None
        if n_frames < MANY_TIMES or abs(seconds * self.fps / n_frames - 1) <= DRIFT:
            return
        raise ValueError(
            f"frames must come every {1 / self.fps:.4g} s, but {n_frames} of them came "
            f"every {seconds / n_frames:.4g} s; sample them at {self.fps:.4g} a second."
        )


@underflow_to_zero()
def load_tracker(path: str | os.PathLike[str], *, model: Any = None) -> LiveTracker:
    """Read a tracker that `save` has written, and go on from there.

    Nothing in the file is run, and what it holds is checked.

    Parameters
    ----------
    path : str or path-like
        The file.
    model : estimator, default=None
        The fitted model whose stream it is. Needed where `lag` is infinite and frames
        have actions, as the model labels them at the end, and where the model was
        trained with ``Training(live=True)``, as it embeds frames.

    Returns
    -------
    LiveTracker
        Equal to the one that was saved, bit for bit; but `ended_` is empty.

    Raises
    ------
    ModelFileError
        If the file is no saved tracker, is damaged, or holds what no tracker has.
    InvalidParameterError
        If `model` is needed and missing, or is another one.
    OSError
        If the file cannot be read; names it.

    See Also
    --------
    LiveTracker : What it returns.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from skvas import ActionSegmenter
    >>> from skvas.datasets import make_videos
    >>> from skvas.live import load_tracker
    >>> videos = make_videos(6, n_actions=4, random_state=0).videos
    >>> tracker = ActionSegmenter(4, max_epochs=0).fit(videos[:5]).stream()
    >>> frames = tracker.push(videos[5][:50])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     tracker.save(Path(folder, "tracker"))
    ...     restored = load_tracker(Path(folder, "tracker"))
    >>> restored.current_ == tracker.current_
    True
    """
    try:
        state = read_state(path)
        tracker = _restored(state)
        needs_whole = check_type("needs_whole", state["needs_whole"], bool)
    except OSError:
        raise
    except Exception as error:  # a hostile file may fail anywhere
        reason = str(error) or type(error).__name__
        raise ModelFileError(
            f"{os.fspath(path)!r} cannot be loaded as a tracker: {reason.rstrip('.')}."
        ) from error
    if needs_whole or tracker._model.on_embedding:
        other = _stream_of(model, tracker)
        tracker._whole = other._whole if needs_whole else None
        tracker._embedder = other._embedder
    if tracker._embedder is not None:
        try:
            tracker._embedder.restore(state["embedder"])
        except Exception as error:  # a hostile file may hold anything
            raise ModelFileError(
                f"{os.fspath(path)!r} cannot be loaded as a tracker: {error}."
            ) from error
    return tracker


def _restored(state: dict[str, Any]) -> LiveTracker:
    """Return the tracker of a state; nothing in it is trusted."""
    lag = math.inf if state["lag"] is None else state["lag"]
    model, names = LiveModel.from_state(state["model"]), state["classes"]
    kinds = {type(name) for name in names}
    classes = np.array(names, dtype=str if kinds == {str} else np.int64)
    is_known = kinds in ({int}, {str}, set()) and len(names) == model.n_actions
    if not is_known or len(np.unique(classes)) < len(names):
        raise ModelFileError("the names of the actions are not as a tracker has them")
    # The last one is younger than trackers.
    options = {"fps": state["fps"], "lag": lag, "reset_after": state.get("reset_after")}
    tracker = LiveTracker(model, classes=classes, **options)
    n_features = model.n_features
    # Younger than trackers.
    tracker.feature_names = _check_names(state.get("feature_names"), n_features)
    tracker.action_names = _check_names(state.get("action_names"), model.n_actions)
    if "known" in state:  # younger than trackers
        tracker._known.restore(state["known"])
    if tracker._poses is not None:
        tracker._poses.restore(state["poses"])
    tracker._standing.restore(state["standing"])
    if state.get("before") is not None:  # younger than trackers
        standing, n = state["before"]
        tracker._before = Standing(model.features), check_count("before", n)
        tracker._before[0].restore(standing)
    tracker._filter.restore(state["filter"])
    tracker._quiet = check_real("quiet", state.get("quiet", 0.0))
    if tracker._course is not None:
        tracker._course.restore(state["course"])
    monitor = dict(state["monitor"])
    since = monitor.pop("since", 0)  # where trackers of older files have it
    tracker._since = check_count("since", state.get("since", since))
    tracker._monitor.restore(monitor)
    tracker._pending = _pending(state, len(tracker._chain.start))
    tracker.n_frames_ = check_count("n_frames", state["n_frames"])
    if tracker._filter.n_held > tracker.n_frames_:
        raise ModelFileError("more frames were held than pushed")
    tracker._runs = _runs(state, model.n_actions, tracker.n_frames_)
    time = check_real("time", state["time"], none_ok=True)
    if time is not None:  # its frame is younger than trackers, which had the last one
        frame = state.get("timed", tracker.n_frames_ - 1)
        tracker._last = time, check_count("timed", frame)
        if tracker._last[1] >= tracker.n_frames_:
            raise ModelFileError("the last time is of a frame that was not pushed")
    began = state.get("began")  # younger than trackers
    if began is not None:
        first = check_real("began", began[0])
        tracker._began = float(first), check_count("began", began[1])
    was_held, is_over = state["flags"]
    tracker._was_held = check_type("flags", was_held, bool)
    tracker._is_over = check_type("flags", is_over, bool)
    if state["action"] is not None:
        tracker._action = check_count("action", state["action"])
        if tracker._action >= model.n_actions:
            raise ModelFileError("the action that is told is none of the model")
    if state["needs_whole"] and not tracker._is_over:
        shape = (tracker.n_frames_, n_features)
        tracker._kept = list(_check_kept(state["frames"], shape))
    tracker.warnings_ = [LiveWarning(**parts) for parts in state["warnings"]]
    for warning in tracker.warnings_:
        if warning.kind not in MESSAGES or warning.action not in (None, *names):
            raise ModelFileError("a warning is of an unknown kind or action")
        check_count("the frame of a warning", warning.frame)
        check_real("the position of a warning", warning.position, none_ok=True)
        if warning.name is not None:
            check_type("the name of a warning", warning.name, str)
    return tracker


def _check_pause(value: Any, fps: float | None) -> float | None:
    """Return the seconds after which a recording is over, if there are any."""
    seconds = check_real("reset_after", value, low=0, low_open=True, none_ok=True)
    if seconds is None:
        return None
    if fps is None:
        raise InvalidParameterError(
            f"reset_after={shorten(value)} is a number of seconds, and the rate of "
            "frames is missing; give fps as well."
        )
    if seconds * fps < SHORTEST_PAUSE:
        raise InvalidParameterError(
            f"reset_after={shorten(value)} must last {SHORTEST_PAUSE} frames or more, "
            f"{SHORTEST_PAUSE / fps:.4g} s at {fps:.4g} frames a second."
        )
    return seconds


def _runs(
    state: dict[str, Any], n_actions: int, n_frames: int
) -> list[tuple[int, int]]:
    """Return the first frame and the action of each run of a state."""
    runs = [
        (check_count("runs", frame), check_count("runs", action))
        for frame, action in state["runs"]
    ]
    edges = [*(frame for frame, _ in runs), n_frames]
    if min(np.diff(edges), default=1) < 1 or any(k >= n_actions for _, k in runs):
        raise ModelFileError("runs are out of order, or of actions of no number")
    return runs


def _pending(state: dict[str, Any], n_states: int) -> list[Seen]:
    """Return the frames of a state that have no final answer yet."""
    moves = [check_count("moves", n) for n in state["moves"]]
    found, likely = state["posteriors"], state["likelihoods"]
    shape = (len(moves), n_states)
    check_probabilities("posteriors", found, shape, np.float64, fewest=0)
    check_array("likelihoods", likely, shape, np.float64, low=0, fewest=0)
    likelihoods = [row if row.any() else None for row in likely]
    return [Seen(*parts) for parts in zip(found, likelihoods, moves, strict=True)]


def _stream_of(fitted: Any, tracker: LiveTracker) -> LiveTracker:
    """Return another stream of the fitted model that a tracker comes from."""
    if not hasattr(fitted, "stream"):
        raise InvalidParameterError(
            "The tracker embeds frames, or answers at the end, as the model does that "
            f"it comes from; give the fitted model as model, got {shorten(fitted)}."
        )
    other: LiveTracker = fitted.stream(lag=math.inf)
    mine, theirs = tracker._model, other._model
    is_lost = mine.on_embedding and other._embedder is None
    # Frames look the same to models that learned other labels on one timeline.
    is_same = (
        tracker._names == other._names
        and np.array_equal(mine.gaussians.means, theirs.gaussians.means)
        and np.array_equal(tracker._chain.actions, other._chain.actions)
    )
    if is_lost or not is_same:
        raise InvalidParameterError(
            "model is not the one that the tracker comes from; give that one."
        )
    return other


def _check_names(value: Any, n: int) -> list[str] | None:
    """Check the names of features or actions, which may be unknown."""
    if value is None:
        return None
    if len(check_texts("names", value)) != n:
        raise ModelFileError("there are not as many names as features or actions")
    return value


def _check_kept(value: Any, shape: tuple[int, int]) -> np.ndarray:
    """Check frames that are labelled at the end; some may be NaN."""
    if not isinstance(value, np.ndarray) or value.dtype != np.float64:
        raise ModelFileError("the frames are no numbers")
    if value.shape != shape or np.isinf(value).any():
        raise ModelFileError("the frames are not as a tracker has them")
    return value
