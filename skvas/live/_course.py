"""Which steps were done, passed over and done again, as probabilities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from skvas.live._chain import PASSED_OVER, PositionRates, passed_over, steps_of
from skvas.live._filter import CAUGHT_UP
from skvas.live._habits import CONFIRMED, LEAST_FRAMES
from skvas.videos._stored import check_array, check_count, check_probabilities

# Probability that a step is followed by another one than the next, and that a recording
# starts with another one than the first, or inside a step.
JUMP = 0.01
# Probability that the work paused while so many frames could not be read, or more.
PAUSED, LASTING = 0.5, 5
# What is so probable is warned of, once it has been so for a while.
SURE = 0.98
# Likelihoods are at least this small beside the largest, in logarithms, and
# probabilities below the second number are none every few frames: numbers would be
# subnormal, and slow.
LEAST, NOTHING, FEW = -80.0, 1e-100, 16
# What may have become of a step: passed over, done in its turn, done after it was
# passed over, done again. Before any of them, nothing has.
MISSED, DONE, LATE, AGAIN = range(4)
KINDS = ("skipped", "repeated", "out of order")


@dataclass(frozen=True)
class StepChain:
    """A Markov chain of the phases of steps that follow each other, but for jumps.

    A step passes through phases, each of which may end at any frame, so that a step
    that takes next to no time is as improbable as it was rare. From the end of a step a
    recording goes on to the next one, or jumps to another one.

    Attributes
    ----------
    starts : int64 ndarray of shape (n_phases,)
        The first position of each phase.
    sizes : ndarray of shape (n_phases,)
        Positions of each phase.
    steps : int64 ndarray of shape (n_phases,)
        The step of each phase.
    first, last : int64 ndarray of shape (n_steps,)
        The first and the last phase of each step.
    start : ndarray of shape (n_phases,)
        Probabilities at the first frame.
    stay, advance : ndarray of shape (n_phases,)
        Probability to stay in a phase, and to go on to the next one of the step.
    onward : ndarray of shape (n_steps, n_steps)
        Probability to go on from the last phase of each step to each step.
    """

    starts: np.ndarray
    sizes: np.ndarray
    steps: np.ndarray
    first: np.ndarray
    last: np.ndarray
    start: np.ndarray
    stay: np.ndarray
    advance: np.ndarray
    onward: np.ndarray

    @classmethod
    def of(cls, rates: PositionRates) -> StepChain:
        """Return the chain of a timeline's steps.

        Parameters
        ----------
        rates : PositionRates
            Of the timeline.
        """
        lengths = np.bincount(steps_of(rates.actions))
        phases = np.minimum(rates.phases, lengths)  # as many positions at least
        # As long as before, where positions are too few.
        ends = np.minimum(rates.advance * phases / rates.phases, 1.0)
        n_steps, n = len(phases), int(phases.sum())
        steps = np.repeat(np.arange(n_steps), phases)
        last = np.cumsum(phases) - 1
        first = last - phases + 1
        before = np.cumsum(lengths) - lengths
        parts = np.arange(n) - first[steps]
        starts = before[steps] + lengths[steps] * parts // phases[steps]
        advance = ends[steps]
        onward = ends[:, None] * _onward(n_steps)
        stay = 1 - advance
        stay[-1] = 1 - onward[-1].sum()  # after the last step nothing is next
        advance[last] = 0
        start = np.full(n, JUMP / n)
        start[first] += JUMP * PASSED_OVER ** np.maximum(np.arange(n_steps) - 1, 0)
        start[0] += 1 - start.sum()
        sizes = np.diff(np.r_[starts, lengths.sum()]).astype(float)
        return cls(starts, sizes, steps, first, last, start, stay, advance, onward)

    def likelihoods(self, scores: np.ndarray) -> np.ndarray:
        """Return the likelihoods of phases from log-likelihoods of positions."""
        shares = np.exp(scores - scores.max())
        means = np.add.reduceat(shares, self.starts) / self.sizes
        found: np.ndarray = np.maximum(means / means.max(), np.exp(LEAST))
        return found


class Course:
    """What has become of each step of a recording, as probabilities.

    Together with the forward recursion over the phases of steps runs one over what has
    become of each step on the way there, so that probabilities are those given all
    frames up to now, with all ways that may have been taken.

    Parameters
    ----------
    chain : StepChain
        The phases of steps.
    shortest : ndarray of shape (n_steps,)
        Frames that each step took at least.
    """

    def __init__(self, chain: StepChain, shortest: np.ndarray) -> None:
        self.chain = chain
        self.needed = np.maximum(LEAST_FRAMES, CONFIRMED * shortest)
        n_steps, n = len(chain.first), len(chain.start)
        numbers = np.arange(n_steps)
        # Who enters a step passes earlier ones.
        self.passes = numbers < numbers[:, None]
        # Probability of each phase (the last column), and that this has become of each
        # step on the way there.
        self.table = np.zeros((n, 4 * n_steps + 1))
        self.table[:, -1] = chain.start
        self.joint[:, MISSED] = self.passes[chain.steps] * chain.start[:, None]
        self.joint[np.arange(n), DONE, chain.steps] = chain.start
        self.n_seen = self.n_held = 0
        # For so many frames each kind of warning has been sure.
        self.waited = np.zeros((len(KINDS), n_steps))
        self.told = np.zeros((len(KINDS), n_steps), dtype=bool)

    @property
    def posterior(self) -> np.ndarray:
        """Probability of each phase, (n_phases,)."""
        return self.table[:, -1]

    @property
    def joint(self) -> np.ndarray:
        """Probability of each phase and what became of each step, (n, 4, n_steps)."""
        return _unfold(self.table)

    def see(self, scores: np.ndarray) -> list[tuple[str, int]]:
        """Take in a frame, and return kinds of warnings and their steps.

        Parameters
        ----------
        scores : ndarray of shape (n_positions,)
            Log-likelihoods of the positions.
        """
        if self.n_seen:
            self._catch_up()
        likelihood = self.chain.likelihoods(scores)
        became = likelihood @ self.table  # of all phases, times the frame's likelihood
        likelihood /= became[-1]
        self.table *= likelihood[:, None]
        self.n_seen, self.n_held = self.n_seen + 1, 0
        if self.n_seen % FEW == 0:
            self.table[self.table < NOTHING] = 0
        return self._sure(became / became[-1])

    def hold(self) -> None:
        """Take in a frame that cannot be read: the state stays."""
        self.n_held += 1

    def state(self) -> list[Any]:
        """Return what is known, as numbers and arrays."""
        return [self.table, self.waited, self.told, self.n_seen, self.n_held]

    def restore(self, state: Any) -> None:
        """Go on from what `state` has returned; a file may hold anything."""
        table, waited, told, n_seen, n_held = state
        shape = self.waited.shape
        self.table = check_array("table", table, self.table.shape, np.float64, low=0)
        check_probabilities("table", self.posterior, (len(table),))
        self.waited = check_array("waited", waited, shape, np.float64, low=0)
        self.told = check_array("told", told, shape, np.bool_)
        self.n_seen = check_count("n_seen", n_seen)
        self.n_held = check_count("n_held", n_held)

    def _catch_up(self) -> None:
        """Go on to the next frame, from the last one that could be read."""
        self._move()
        paused = self.table.copy() if self.n_held >= LASTING else None
        for _ in range(min(self.n_held, CAUGHT_UP - 1)):
            self._move()
        if paused is not None:
            self.table += PAUSED * (paused - self.table)

    def _move(self) -> None:
        """Go on by one frame."""
        chain, table = self.chain, self.table
        entering = chain.onward.T @ table[chain.last]
        self._enter(_unfold(entering), entering[:, -1])
        going_on = table[:-1] * chain.advance[:-1, None]
        table *= chain.stay[:, None]
        table[1:] += going_on
        table[chain.first] += entering

    def _enter(self, became: np.ndarray, entering: np.ndarray) -> None:
        """Note what becomes of steps where others are entered.

        Parameters
        ----------
        became : ndarray of shape (n_steps, 4, n_steps)
            Probability that a step is entered (first axis), and that this has become of
            each step before; changed in place.
        entering : ndarray of shape (n_steps,)
            Probability that each step is entered.
        """
        untouched = np.maximum(entering[:, None] - became.sum(axis=1), 0)
        became[:, MISSED] += self.passes * untouched
        own = np.einsum("ici->ci", became)  # a view: of the step that is entered itself
        own[AGAIN] += own[DONE] + own[LATE]
        own[DONE] = untouched.diagonal()
        own[LATE] = own[MISSED]
        own[MISSED] = 0

    def _sure(self, became: np.ndarray) -> list[tuple[str, int]]:
        """Return what has become sure for long enough, and was not told.

        Parameters
        ----------
        became : ndarray of shape (4 * n_steps + 1,)
            Probability that this has become of each step, whatever the phase.
        """
        is_sure = warned_of(became) > SURE
        self.waited += 1
        self.waited *= is_sure
        now = int(self.chain.steps[self.posterior.argmax()])
        fresh = (self.waited >= self.needed[now]) & ~self.told
        if not fresh.any():
            return []
        self.told |= fresh
        # A step may be done once more after that, which is told as well.
        again = KINDS.index("repeated")
        steps = np.flatnonzero(fresh[again])
        joint = self.joint
        joint[:, DONE, steps] += joint[:, AGAIN, steps]
        joint[:, AGAIN, steps] = 0
        self.told[again] = False
        return [(KINDS[kind], int(step)) for kind, step in np.argwhere(fresh)]


def warned_of(became: np.ndarray) -> np.ndarray:
    """Return how probable each kind of warning is for each step, (3, n_steps).

    Parameters
    ----------
    became : ndarray of shape (4 * n_steps + 1,)
        Probability that this has become of each step, whatever the phase.
    """
    missed, _, late, again = _unfold(became[None])[0]
    return np.array([missed + late, again, late])


def _unfold(table: np.ndarray) -> np.ndarray:
    """Return a view of rows of a table, (n, 4, n_steps)."""
    found: np.ndarray = table[:, :-1].reshape(len(table), 4, -1)
    return found


def _onward(n_steps: int) -> np.ndarray:
    """Return how probable it is to go on from each step to each, rows sum to 1 or less.

    Each step that a jump passes over beyond one makes it less likely.
    """
    numbers = np.arange(n_steps)
    passed = passed_over(numbers)
    onward = JUMP * PASSED_OVER ** np.maximum(passed - 1.0, 0)
    onward[passed == 0] = 0  # it goes on, or to the next one
    onward[numbers[:-1], numbers[1:]] = 1 - onward[:-1].sum(axis=1)
    return onward
