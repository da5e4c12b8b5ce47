"""What recordings usually do, and what to say of one that does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from skvas.decoding import labels_to_segments
from skvas.exceptions import ModelFileError
from skvas.live._usual import MIN_SHARE, USUALLY, Usual, shares
from skvas.videos._stored import check_array, check_type

# A step is the current one once it has been the likeliest for this share of its
# shortest duration.
CONFIRMED = 0.6
LEAST_FRAMES = 2.0
# A step takes much too long beyond so many times its longest duration.
TOO_LONG = 1.5
# Frames are unlike anything seen at so many times the distance that one in a hundred
# frames of the collection keeps.
UNFAMILIAR, QUANTILE = 2.0, 0.99
# At so many times that distance they tell of no step.
ALIEN = 4.0
# Farther off they are no stranger, or all frames after them would be as strange.
STRANGEST = 2 * ALIEN
# Weight of the newest frame in that distance, for frames that do not repeat each other.
NEWEST = 0.2
# A step that never began is told at the end where more of the recordings have it.
NEARLY_ALL = 0.85
# What trackers of older files do not know of a recording.
LATER = (
    "spent",
    "missed",
    "strayed",
    "excused",
    "doubted",
    "ahead",
    "n_alien",
    "n_unseen",
)


@dataclass(frozen=True)
class Habits:
    """What the steps of a collection were like.

    Attributes
    ----------
    shortest, longest : ndarray of shape (n_steps,)
        Frames that each step took.
    most_often : ndarray of shape (n_steps,)
        How many times a recording usually has the step, at most.
    unexpected : bool ndarray of shape (n_steps, n_steps)
        After which step (first axis) which one should not come.
    is_ordered : bool
        Whether each step but the last comes before the next one.
    familiar : float
        Mean squared distance to the nearest class that few frames exceed.
    had : ndarray of shape (n_steps,), default=None
        Share of the recordings that have each step. None: not known, as in older
        files, and then a step is only compared with the one right before it.
    """

    shortest: np.ndarray
    longest: np.ndarray
    most_often: np.ndarray
    unexpected: np.ndarray
    is_ordered: bool
    familiar: float
    had: np.ndarray | None = None

    def is_alien(self, distance: float) -> bool:
        """Tell whether a frame so far off is unlike any seen, and tells of no step."""
        return distance > ALIEN * self.familiar

    @classmethod
    def of_steps(
        cls,
        steps: Sequence[np.ndarray],
        n_steps: int,
        familiar: float,
        whole: float = 1.0,
    ) -> Habits:
        """Learn from the step of each frame, where all videos share an order.

        `steps` are those of recordings from start to end, which `whole` is the share
        of.
        """
        counts = np.array([np.bincount(s, minlength=n_steps) for s in steps])
        done = np.where(counts > 0, counts, np.inf).min(axis=0)
        have = (counts > MIN_SHARE * np.median(counts, axis=0)).sum(axis=0)
        return cls(
            np.where(np.isfinite(done), done, 1).astype(float),
            np.maximum(counts.max(axis=0), 1).astype(float),
            np.ones(n_steps),
            np.tri(n_steps, k=-1, dtype=bool),
            True,
            familiar,
            shares(have, len(counts) / whole),
        )

    @classmethod
    def of_actions(
        cls, labels: Sequence[np.ndarray], n_actions: int, familiar: float
    ) -> Habits:
        """Learn from the action of each frame, where each video has its own order."""
        longest = np.ones(n_actions)
        for run in (run for video in labels for run in labels_to_segments(video)):
            longest[run.label] = max(longest[run.label], run.end - run.start)
        usual = Usual.of(labels, n_actions)
        return cls(
            usual.shortest,
            longest,
            usual.most_often,
            usual.earlier.T,
            False,
            familiar,
            usual.had,
        )


MESSAGES = {
    "skipped": "{} was skipped",
    "repeated": "{} is done again",
    "out of order": "{} comes out of order",
    "missing": "{} never began",
    "too long": "{} takes much longer than ever seen",
    "unfamiliar": "frames are unlike any seen in fit",
    "incomplete": "frames lack some numbers, which are guessed from those before",
    "unreadable": "frames have NaN alone; the state is held",
}


@dataclass(frozen=True)
class LiveWarning:
    """Something unusual about a recording that is still going on.

    Parameters
    ----------
    kind : str
        "skipped", "repeated", "out of order", "too long", "unfamiliar" (frames unlike
        any seen in `fit`), "incomplete" (a frame lacks some numbers; told once),
        "unreadable" (a frame has no number; told of the first one, and of stretches
        that last) or "missing" (the recording is over, and
        nearly all of `fit` have that step).
    frame : int
        The frame at which it was noticed.
    action : int or str, default=None
        The action that is meant; None where it is about none.
    position : float, default=None
        Where that step starts on the timeline; None where there is no timeline.
    name : str, default=None
        What the action is called, if `name_actions` has named it. None: by its label.

    Examples
    --------
    >>> from skvas.live import LiveWarning
    >>> print(LiveWarning("skipped", 120, 3, 0.4))
    action 3 was skipped (frame 120)
    >>> print(LiveWarning("skipped", 120, 3, 0.4, "plate"))
    action plate was skipped (frame 120)
    """

    kind: str
    frame: int
    action: int | str | None = None
    position: float | None = None
    name: str | None = None

    def __str__(self) -> str:
        called = self.action if self.name is None else self.name
        subject = "the recording" if called is None else f"action {called}"
        return f"{MESSAGES[self.kind].format(subject)} (frame {self.frame})"


class Monitor:
    """Watch the steps of a recording.

    Parameters
    ----------
    habits : Habits
        What is usual.
    rate : float
        Weight of the newest frame in the mean distance to what was seen.
    """

    def __init__(self, habits: Habits, rate: float) -> None:
        self.habits = habits
        self.rate = rate
        n_steps = len(habits.shortest)
        self.needed = np.maximum(LEAST_FRAMES, CONFIRMED * habits.shortest)
        self.often = np.zeros(n_steps)  # times that it was the current one
        self.step = -1  # the current one
        self.candidate, self.waiting = -1, 0
        self.spent = np.zeros(n_steps)  # frames, as far as they are its own
        # Whether a step was told as skipped, came too early or too late, and may have
        # been done unseen, or before the recording was joined; and whether it will turn
        # out to be skipped, as `ahead` has begun before it and others.
        nothing = np.zeros((4, n_steps), dtype=bool)
        self.missed, self.strayed, self.excused, self.doubted = nothing
        self.ahead = -1
        self.distance = 1.0
        self.stayed = 0.0  # frames spent at the current step since it is that
        self.is_late = self.is_strange = False
        self.n_alien = 0  # frames up to now that tell of no step
        self.n_unseen = 0  # as many, or not to be read, since the current step was seen

    def watch(
        self, shares: np.ndarray, distance: float
    ) -> list[tuple[str, int | None]]:
        """Take in a frame, and return kinds of warnings and their steps.

        Parameters
        ----------
        shares : ndarray of shape (n_steps,)
            Probabilities of the steps.
        distance : float
            Mean squared distance of the frame to the nearest class.
        """
        found: list[tuple[str, int | None]] = []
        if self._look_at(distance):
            found.append(("unfamiliar", None))
        self.n_alien = self.n_alien + 1 if self.is_alien else 0
        if self.is_alien:
            self.hold()
            return found
        likeliest = int(shares.argmax())
        if likeliest == self.step:
            self.n_unseen = 0
        self.waiting = self.waiting + 1 if likeliest == self.candidate else 1
        self.candidate = likeliest
        self.spent += shares
        if likeliest != self.step and self.waiting >= self.needed[likeliest]:
            found += self._enter(likeliest)
        if self.step >= 0 and not self.is_late:
            self.stayed += float(shares[self.step])
            limit = TOO_LONG * float(self.habits.longest[self.step])
            self.is_late = self.stayed > limit
            if self.is_late:
                found.append(("too long", self.step))
        return found

    def hold(self) -> None:
        """Take in a frame that tells of no step."""
        self.n_unseen += 1

    def missing(self, n_left_out: int = 0) -> list[int]:
        """Return the steps that a recording lacks which is over, but for those told.

        Nor are those that may have been done in its last frames, unseen; so many of
        these count in no recording.
        """
        habits, begun = self.habits, self.often > 0
        if habits.had is None or not begun.any():
            return []
        # Those before a step that has begun were told by then, or are over.
        is_last = ~habits.unexpected[begun].any(axis=0)
        lacks = (is_last & (habits.had > NEARLY_ALL)) | self.doubted
        lacks &= ~begun & (self.spent < self.needed)
        lacks &= ~self._may_be_unseen(lacks, self.n_unseen - n_left_out)
        found: list[int] = np.flatnonzero(lacks).tolist()
        return found

    @property
    def lingers(self) -> bool:
        """Whether the current step takes longer than ever, and frames tell of it."""
        is_long = self.step >= 0 and self.stayed > float(self.habits.longest[self.step])
        return is_long and not self.is_alien

    @property
    def is_alien(self) -> bool:
        """Whether frames are so unlike any seen that they tell of no step."""
        return self.habits.is_alien(self.distance)

    @property
    def is_interrupted(self) -> bool:
        """Whether frames are alien, and were not for longer than others were seen.

        After that they are what the rest of the recording looks like.
        """
        return self.is_alien and self.n_alien <= self.spent.sum()

    def _look_at(self, distance: float) -> bool:
        """Take in a distance, and return whether frames became strange by it."""
        was_strange, familiar = self.is_strange, self.habits.familiar
        mean = self.distance + self.rate * (distance - self.distance)
        self.distance = min(mean, STRANGEST * familiar)
        limit = familiar if was_strange else UNFAMILIAR * familiar
        self.is_strange = self.distance > limit
        return self.is_strange and not was_strange

    def state(self) -> dict[str, Any]:
        """Return what is known, as numbers and arrays."""
        fixed = ("habits", "rate", "needed")
        return {name: now for name, now in vars(self).items() if name not in fixed}

    def restore(self, state: Any) -> None:
        """Go on from what `state` has returned; a file may hold anything."""
        known = self.state()
        state = {name: known[name] for name in LATER} | state
        if state.keys() != known.keys():
            raise ModelFileError("a monitor has something else")
        for name, now in known.items():
            if isinstance(now, np.ndarray):
                check_array(name, state[name], now.shape, now.dtype.type, low=0)
            else:
                check_type(name, state[name], type(now))
        steps = range(-1, len(self.often))
        if any(state[name] not in steps for name in ("step", "candidate", "ahead")):
            raise ModelFileError("a monitor is at no step")
        vars(self).update(state)

    def _enter(self, step: int) -> list[tuple[str, int | None]]:
        """Make another step the current one."""
        habits, before = self.habits, self.step
        self.step, self.is_late = step, False
        self.stayed = float(self.waiting - 1)
        self.often[step] += 1
        if habits.is_ordered:  # then the course of the steps tells more
            return []
        if self.often[step] > habits.most_often[step]:
            return [("repeated", step)]
        if habits.had is None:
            is_odd = before >= 0 and habits.unexpected[before, step]
            return [("out of order", step)] if is_odd else []
        return self._compare(step) if self.often[step] == 1 else []

    def _compare(self, step: int) -> list[tuple[str, int | None]]:
        """Compare a step that begins for the first time with all that have begun.

        Steps that came too early or too late are compared with no other one: those
        after them would be blamed.
        """
        habits = self.habits
        assert habits.had is not None
        found: list[tuple[str, int | None]] = []
        begun = self.often > 0
        begun[step] = False
        if self.doubted[step]:
            found.append(("out of order", self.ahead))
            self.strayed[self.ahead] = True
            self.doubted[:] = False
        early = begun & habits.unexpected[:, step] & ~self.strayed
        if self.missed[step] or early.any():
            found.append(("out of order", step))
            self.strayed |= early
            self.strayed[step] = True
        due = habits.unexpected[step] & (habits.had > USUALLY) & ~begun
        due &= ~self.missed & ~self.excused & (self.spent < self.needed)
        unseen = self._may_be_unseen(due, self.n_unseen)
        self.excused |= unseen
        self.doubted &= ~unseen
        due &= ~unseen
        if due.sum() < 2 or (due & self.doubted).any():
            self.missed |= due
            self.doubted &= ~due
            found += [("skipped", int(missed)) for missed in np.flatnonzero(due)]
        elif begun.any():  # rather this step comes early than that all of them lack
            self.doubted, self.ahead = due, step
        else:
            self.excused |= due
        return found

    def _may_be_unseen(self, lacking: np.ndarray, n_unseen: int) -> np.ndarray:
        """Return which of some steps may have been done in so many unseen frames.

        Each of them after those that usually come before it.
        """
        frames = np.where(lacking, self.needed - self.spent, 0.0)
        found: np.ndarray = lacking & (
            frames + self.habits.unexpected @ frames <= n_unseen
        )
        return found
