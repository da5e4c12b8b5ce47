"""Which state follows which: positions of a timeline, or actions with durations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from skvas.decoding import labels_to_segments, n_segments

# Positions that a frame may move on by, at most, without being a jump: the paths that
# moves are counted on pass quickly what they match badly.
FARTHEST = 40
# Share of the moves that stands for moves which were never seen.
UNSEEN = 1e-3
# Jumps that one recording more than those of the collection is expected to have.
EXPECTED_JUMPS = 0.03
# Share of the jumps that lead to the start of a step; the others lead anywhere.
TO_STARTS = 0.5
# Each step that a jump passes over makes it less likely by this factor, down to a least
# one.
PASSED_OVER, FARTHEST_JUMP = 0.1, 1e-4
# Share of the recordings that start anywhere, and of the timeline that counts as its
# start.
JOINED, BEGINNING = 0.1, 0.02
# Phases of an action, and of a step of a timeline, at most; and of all steps together,
# but for one or two of each.
N_PHASES, STEP_PHASES, ALL_PHASES = 8, 16, 160
# A step's squared coefficient of variation counts as many recordings more, with that of
# all steps; which in turn counts as a few more with a usual one.
SHARED, FEW, USUAL = 4.0, 2.0, 0.25
# Changes between actions that are added to those that were counted.
ADDED = 1.0
# Probability that a frame is in any action, whatever came before.
SUDDEN = 1e-4


@dataclass(frozen=True)
class Chain:
    """A Markov chain of hidden states, and what they stand for.

    Attributes
    ----------
    transitions : ndarray of shape (n_states, n_states)
        Probability of each state after each; rows sum to 1.
    start : ndarray of shape (n_states,)
        Probabilities before the first frame.
    classes : int64 ndarray of shape (n_states,)
        The Gaussian of each state.
    steps : int64 ndarray of shape (n_states,)
        The step that each state is part of.
    actions : int64 ndarray of shape (n_steps,)
        The action of each step.
    remaining : ndarray of shape (n_states,)
        Frames until the step of each state is over, on average.
    following : ndarray of shape (n_steps, n_steps + 1)
        Probability of each step after each; the last column is the end.
    positions : ndarray of shape (n_states,) or None
        Position of each state on the timeline, between 0 and 1.
    """

    transitions: np.ndarray
    start: np.ndarray
    classes: np.ndarray
    steps: np.ndarray
    actions: np.ndarray
    remaining: np.ndarray
    following: np.ndarray
    positions: np.ndarray | None

    @cached_property
    def doing(self) -> np.ndarray:
        """The action of each state, (n_states,)."""
        doing: np.ndarray = self.actions[self.steps]
        return doing

    def shares(self, posterior: np.ndarray, n_actions: int) -> np.ndarray:
        """Return the probabilities of the actions from those of the states."""
        shares = np.bincount(self.doing, posterior, n_actions)
        return shares / shares.sum()


@dataclass(frozen=True)
class PositionRates:
    """How recordings move along a timeline.

    Attributes
    ----------
    actions : int64 ndarray of shape (n_positions,)
        The action of each position.
    moves : ndarray of shape (n_moves,)
        Probability that a frame is 0, 1, 2 ... positions after the one before it.
    jump : float
        Probability that it is somewhere else.
    phases : int64 ndarray of shape (n_steps,)
        Phases of each step: what its duration is like, as in `ActionRates`.
    advance : ndarray of shape (n_steps,)
        Probability that a frame ends a phase.
    """

    actions: np.ndarray
    moves: np.ndarray
    jump: float
    phases: np.ndarray
    advance: np.ndarray

    @classmethod
    def of(cls, positions: Sequence[np.ndarray], actions: np.ndarray) -> PositionRates:
        """Count moves and jumps.

        Parameters
        ----------
        positions : sequence of float ndarray of shape (n_i,)
            Where each video's frames are on the timeline; they never fall.
        actions : int64 ndarray of shape (n_positions,)
            The action of each position.
        """
        moves = np.concatenate([np.zeros(1), *(np.diff(p) for p in positions)])[1:]
        is_jump = moves > FARTHEST
        small = moves[~is_jump]
        whole = np.floor(small).astype(np.int64)
        counts = np.zeros(FARTHEST + 2)
        counts += np.bincount(whole, 1 - (small - whole), minlength=FARTHEST + 2)
        counts += np.bincount(whole + 1, small - whole, minlength=FARTHEST + 2)
        counts = counts[: FARTHEST + 1]
        counts[1] += 1  # as long as nothing was seen
        rare = np.exp(-np.arange(FARTHEST + 1))
        counts += UNSEEN * counts.sum() * rare
        one_more = float(np.median([len(p) for p in positions]))
        jump = (EXPECTED_JUMPS + is_jump.sum()) / (one_more + len(moves))
        steps = steps_of(actions)
        spent = [
            np.bincount(steps[np.rint(p).astype(np.int64)], minlength=steps[-1] + 1)
            for p in positions
        ]
        phases, advance = step_phases([t[t > 0].tolist() for t in np.array(spent).T])
        return cls(
            actions, counts / counts.sum(), min(float(jump), 0.5), phases, advance
        )

    @property
    def n_steps(self) -> int:
        """Number of runs of positions of one action."""
        return n_segments([self.actions])

    def chain(self) -> Chain:
        """Return the chain of positions."""
        n = len(self.actions)
        step_of = steps_of(self.actions)
        first = np.flatnonzero(np.diff(step_of, prepend=-1))
        transitions = np.zeros((n, n))
        for move, probability in enumerate(self.moves):
            to = np.minimum(np.arange(n) + move, n - 1)
            np.add.at(transitions, (np.arange(n), to), probability)
        landing = _landing(step_of, first)
        transitions = (1 - self.jump) * transitions + self.jump * landing
        start = np.full(n, JOINED / n)
        beginning = max(1, round(BEGINNING * n))
        start[:beginning] += (1 - JOINED) / beginning
        ends = np.r_[first[1:], n]
        speed = float(self.moves @ np.arange(len(self.moves)))
        remaining = (ends[step_of] - np.arange(n)) / speed
        following = np.eye(len(first) + 1)[1:]
        positions = np.arange(n) / max(n - 1, 1)
        return Chain(
            transitions,
            start,
            np.arange(n),
            step_of,
            self.actions[first],
            remaining,
            following,
            positions,
        )


@dataclass(frozen=True)
class ActionRates:
    """Which action follows which, and how long actions last.

    An action passes through phases, each of which may end at any frame. Its duration
    thus has a negative binomial distribution, with the mean and, as far as whole
    phases allow, the variance that was seen.

    Attributes
    ----------
    first : ndarray of shape (n_actions,)
        Probability of each action at the start.
    following : ndarray of shape (n_actions, n_actions + 1)
        Probability of each action after each; the last column is the end.
    phases : int64 ndarray of shape (n_actions,)
        Phases of each action.
    advance : ndarray of shape (n_actions,)
        Probability that a frame ends a phase.
    """

    first: np.ndarray
    following: np.ndarray
    phases: np.ndarray
    advance: np.ndarray

    @classmethod
    def of(cls, labels: Sequence[np.ndarray], n_actions: int) -> ActionRates:
        """Count actions, changes and durations.

        Parameters
        ----------
        labels : sequence of int64 ndarray of shape (n_i,)
            The action of each frame.
        n_actions : int
            Number of actions.
        """
        first = np.full(n_actions, ADDED / n_actions)
        following = np.full((n_actions, n_actions + 1), ADDED / n_actions)
        following[np.arange(n_actions), np.arange(n_actions)] = 0
        lasted: list[list[int]] = [[] for _ in range(n_actions)]
        for video in labels:
            runs = labels_to_segments(video)
            first[runs[0].label] += 1
            following[runs[-1].label, n_actions] += 1
            for run in runs:
                lasted[run.label].append(run.end - run.start)
            for run, after in zip(runs[:-1], runs[1:], strict=True):
                following[run.label, after.label] += 1
        phases, advance = action_phases(lasted)
        return cls(
            first / first.sum(),
            following / following.sum(axis=1, keepdims=True),
            phases,
            advance,
        )

    @property
    def n_steps(self) -> int:
        """Number of actions."""
        return len(self.phases)

    def chain(self) -> Chain:
        """Return the chain of phases."""
        n_actions = len(self.phases)
        steps = np.repeat(np.arange(n_actions), self.phases)
        stops = np.cumsum(self.phases)
        starts, n = stops - self.phases, int(stops[-1])
        advance = self.advance[steps]
        transitions = np.diag(1 - advance)
        inner = np.setdiff1d(np.arange(n), stops - 1)
        transitions[inner, inner + 1] = advance[inner]
        after = self.following[:, :n_actions] + 1e-12
        after /= after.sum(axis=1, keepdims=True)
        transitions[np.ix_(stops - 1, starts)] += self.advance[:, None] * after
        transitions *= 1 - SUDDEN
        transitions[:, starts] += SUDDEN / n_actions
        start = np.zeros(n)
        start[starts] = self.first
        return Chain(
            transitions,
            start,
            steps,
            steps,
            np.arange(n_actions),
            (stops[steps] - np.arange(n)) / advance,
            self.following,
            None,
        )


def steps_of(actions: np.ndarray) -> np.ndarray:
    """Return the step of each position, from the action of each."""
    steps: np.ndarray = np.r_[0, np.cumsum(np.diff(actions) != 0)].astype(np.int64)
    return steps


def step_phases(lasted: Sequence[Sequence[float]]) -> tuple[np.ndarray, np.ndarray]:
    """Return the phases of steps of a timeline, and how likely a frame ends one.

    Steps vary about as much as each other, relative to their means, which tells more
    than the few recordings of one step do.

    Parameters
    ----------
    lasted : sequence of sequence of float
        Durations of each step. One that was never seen lasts as long as the others.

    Returns
    -------
    phases : int64 ndarray of shape (n_steps,)
    advance : ndarray of shape (n_steps,)
    """
    known, means = _durations(lasted)
    squares = np.array([((d / d.mean() - 1) ** 2).sum() for d in known])
    freedom = np.array([len(durations) - 1.0 for durations in known])
    shared = (squares.sum() + FEW * USUAL) / (freedom.sum() + FEW)
    variation = (squares + SHARED * shared) / (freedom + SHARED)
    most = min(STEP_PHASES, max(2, ALL_PHASES // len(means)))
    fitting = 1 / (variation + 1 / means)
    return _whole_phases(fitting, means, np.clip(means // 2, 1, most))


def action_phases(lasted: Sequence[Sequence[float]]) -> tuple[np.ndarray, np.ndarray]:
    """Return the phases of actions in any order, and how likely a frame ends one.

    Each tells by itself how much it varies, with one duration more that lies as far
    from the mean as those of a single phase do.

    Parameters
    ----------
    lasted : sequence of sequence of float
        Durations of each action. One that was never seen lasts as long as the others.

    Returns
    -------
    phases : int64 ndarray of shape (n_actions,)
    advance : ndarray of shape (n_actions,)
    """
    known, means = _durations(lasted)
    squares = np.array([((d - d.mean()) ** 2).sum() for d in known])
    variances = (squares + means * (means - 1)) / [len(d) + 1 for d in known]
    most = np.clip(np.floor(means), 1, N_PHASES)
    return _whole_phases(means**2 / (variances + means), means, most)


def _durations(
    lasted: Sequence[Sequence[float]],
) -> tuple[list[np.ndarray], np.ndarray]:
    """Return durations of each part, those of all where there are none, and means."""
    usual = [n for durations in lasted for n in durations]
    known = [np.array(durations or usual, dtype=float) for durations in lasted]
    return known, np.array([durations.mean() for durations in known])


def _whole_phases(
    fitting: np.ndarray, means: np.ndarray, most: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return whole numbers of phases near those that fit, and how likely each ends.

    Of r phases, each of which takes a frame at least, the duration has the variance
    ``mean**2 / r - mean``.
    """
    phases = np.clip(np.rint(fitting), 1, most)
    return phases.astype(np.int64), phases / means


def _landing(step_of: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Return where a jump from each position leads to, (n, n)."""
    passed = passed_over(step_of)
    likely = np.maximum(PASSED_OVER**passed, FARTHEST_JUMP)
    to_starts = np.zeros_like(likely)
    to_starts[:, first] = likely[:, first]
    landing: np.ndarray = (1 - TO_STARTS) * _rows(likely) + TO_STARTS * _rows(to_starts)
    return landing


def passed_over(steps: np.ndarray) -> np.ndarray:
    """Return how many steps a jump passes over, from each of some to each, (n, n).

    Back, these are those that are to be done again.
    """
    apart = steps - steps[:, None]
    passed: np.ndarray = np.where(apart > 0, apart - 1, -apart)
    return passed


def _rows(weights: np.ndarray) -> np.ndarray:
    """Return rows that sum to 1."""
    scaled: np.ndarray = weights / weights.sum(axis=1, keepdims=True)
    return scaled
