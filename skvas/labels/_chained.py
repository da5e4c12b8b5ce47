"""Actions told by what else labelled videos do before and after."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import log_softmax

from skvas.decoding import segment_orders, segments_an_action
from skvas.labels._naming import FLOOR, BaseNaming, discriminants, one_hot
from skvas.videos._succession import (
    correlated_share,
    deviations,
    evidence_of_frame,
    forward_backward,
    transitions,
)

# Share of its frames that a video has labels of to tell what follows what.
MOSTLY = 0.5
# What is taken for seen before any video was: changes from each action to each other,
# first segments of each, and segments of each that last so long a share of a video.
CHANGES, STARTS, SEGMENTS, DURATION = 0.1, 0.5, 1.0, 0.05
# Weight of the discriminants of all features, beside 1 of what else tells the actions.
# More would suit videos like the labelled ones, and mislead where others were recorded
# in another way, or labelled videos show an action once or twice. The weights are the
# other way round where these have so many segments of each action.
BY_LOOK = 0.3
SELDOM, OFTEN = 2, 6
# Share of their correlation that makes frames worth less: what tells the actions knows
# some of what deviates from them for long.
COUNTED = 0.3
# Log probabilities are divided by it where labels are too few to tell.
USUAL_CHAINED = 2.0
# Numbers that videos which are chained together have, at most.
CELLS = 1 << 20


def tell_all(codes: Sequence[np.ndarray], n_actions: int) -> bool:
    """Tell whether videos most of whose frames have labels have each action.

    Parameters
    ----------
    codes : sequence of int64 ndarray of shape (n_i,)
        Labels, -1 where there is none.
    n_actions : int
        Number of actions.
    """
    known = {label for labels in known_labels(codes) for label in labels.tolist()}
    return len(known) == n_actions


def known_labels(codes: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return the labels of videos most of whose frames have one, without gaps.

    Parameters
    ----------
    codes : sequence of int64 ndarray of shape (n_i,)
        Labels, -1 where there is none.
    """
    return [codes[i][codes[i] >= 0] for i in _which_tell(codes)]


@dataclass(frozen=True)
class Succession:
    """What labelled videos do after what, for how long, and what it looks like.

    Attributes
    ----------
    first : ndarray of shape (K,)
        Probability that a video begins with each action.
    follow : ndarray of shape (K, K)
        Probability that each action follows each, once that ends.
    durations : ndarray of shape (K,)
        Mean duration of a segment of each action, as a share of the video.
    weights : ndarray of shape (n_features, K)
        Linear discriminants of the frames.
    bias : ndarray of shape (K,)
        What is added to their products with frames.
    correlated : float
        Share of a video over which neighbouring frames say the same.
    by_look : float, default=0.3
        Weight of the discriminants, from 0.3 to 1.
    """

    first: np.ndarray
    follow: np.ndarray
    durations: np.ndarray
    weights: np.ndarray
    bias: np.ndarray
    correlated: float
    by_look: float = BY_LOOK

    @classmethod
    def learn(
        cls,
        frames: Sequence[np.ndarray],
        kept: Sequence[np.ndarray],
        codes: Sequence[np.ndarray],
        n_actions: int,
    ) -> Succession | None:
        """Learn from the videos most of whose frames have labels.

        Parameters
        ----------
        frames : sequence of ndarray of shape (n_kept_i, n_features)
            Features of some frames of each video, in order.
        kept : sequence of int64 ndarray of shape (n_kept_i,)
            Which frames these are: not evenly spread ones.
        codes : sequence of int64 ndarray of shape (n_i,)
            The labels of all frames, -1 where there is none.
        n_actions : int
            Number of actions.

        Returns
        -------
        Succession or None
            None where no video tells.
        """
        told = _which_tell(codes)
        if not told:
            return None
        labels = known_labels(codes)
        few = [codes[i][kept[i]] for i in told]
        seen = [frames[i][code >= 0] for i, code in zip(told, few, strict=True)]
        first, ended = np.full(n_actions, STARTS), np.full(n_actions, SEGMENTS)
        follow = np.full((n_actions, n_actions), CHANGES)
        spent = np.full(n_actions, SEGMENTS * DURATION)
        for label, segments in zip(labels, segment_orders(labels), strict=True):
            first[segments[0]] += 1
            np.add.at(follow, (segments[:-1], segments[1:]), 1)
            ended += np.bincount(segments, minlength=n_actions)
            spent += np.bincount(label, minlength=n_actions) / len(label)
        np.fill_diagonal(follow, n_actions == 1)
        members = [one_hot(code[code >= 0], n_actions) for code in few]
        weights, bias = discriminants(np.concatenate(seen), np.concatenate(members))
        often = segments_an_action(labels)
        return cls(
            first / first.sum(),
            follow / follow.sum(axis=1, keepdims=True),
            spent / ended,
            weights,
            bias,
            COUNTED * correlated_share(deviations(seen, members)),
            float(np.interp(often, (SELDOM, OFTEN), (BY_LOOK, 1))),
        )

    def follow_up(
        self,
        logs: Sequence[np.ndarray],
        frames: Sequence[np.ndarray],
        codes: Sequence[np.ndarray | None],
    ) -> list[np.ndarray]:
        """Return log probabilities of actions, given what all frames of a video tell.

        Parameters
        ----------
        logs : sequence of ndarray of shape (n_i, K)
            Log probabilities of each frame by itself.
        frames : sequence of ndarray of shape (n_i, n_features)
            Features.
        codes : sequence of int64 ndarray of shape (n_i,), or None
            Labels, -1 where there is none. None: there are none.

        Returns
        -------
        list of ndarray of shape (n_i, K)
        """
        videos = zip(logs, frames, codes, strict=True)
        return self.chain([self.likelihoods(*video) for video in videos])

    def likelihoods(
        self, logs: np.ndarray, frames: np.ndarray, code: np.ndarray | None
    ) -> np.ndarray:
        """Return likelihoods of a video's frames, (n, K), the largest of each being 1.

        Takes what `follow_up` takes of each video.
        """
        look = log_softmax(frames @ self.weights + self.bias, axis=1)
        total = (1 + BY_LOOK - self.by_look) * np.maximum(logs, np.log(FLOOR))
        total = total + self.by_look * np.maximum(look, np.log(FLOOR))
        total -= total.max(axis=1, keepdims=True)
        found: np.ndarray = np.exp(
            total * evidence_of_frame(len(frames), self.correlated)
        )
        if code is not None:
            known = np.flatnonzero(code >= 0)
            found[known] = one_hot(code[known], found.shape[1])
        return found

    def chain(self, likelihoods: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return log probabilities of actions from the likelihoods of videos."""
        lengths = [len(video) for video in likelihoods]
        steps = [transitions(self.follow, self.durations, n) for n in lengths]
        found, _ = forward_backward(likelihoods, steps, self.first)
        total = 1 + FLOOR * len(self.first)
        return [np.log((posteriors + FLOOR) / total) for posteriors in found]


@dataclass(frozen=True)
class ChainedNaming(BaseNaming):
    """Tells actions by frames, and by those that come before and after them.

    Frames tell little where labelled videos are few; what follows what, and for how
    long, is known from each of them.

    Attributes
    ----------
    told : BaseNaming
        Tells the actions of each frame.
    succession : Succession
        What labelled videos do after what.
    """

    told: BaseNaming
    succession: Succession

    @property
    def n_actions(self) -> int:
        """Number of actions."""
        return len(self.succession.first)

    def log_probabilities(
        self, parts: np.ndarray, frames: np.ndarray, known: np.ndarray | None = None
    ) -> np.ndarray:
        """Return the log probabilities of a video's frames, (n_frames, n_actions)."""
        (found,) = self.logs_of([(parts, frames, known)])
        return found

    def logs_of(
        self, videos: Iterable[tuple[np.ndarray, np.ndarray, np.ndarray | None]]
    ) -> Iterator[np.ndarray]:
        """Yield the log probabilities of each video, several computed at once."""
        waiting: list[np.ndarray] = []
        longest = 0
        for parts, frames, known in videos:
            longest = max(longest, len(frames))
            if waiting and (len(waiting) + 1) * longest * self.n_actions > CELLS:
                yield from self.succession.chain(waiting)
                waiting, longest = [], len(frames)
            logs = self.told.temper(self.told.log_probabilities(parts, frames, known))
            waiting.append(self.succession.likelihoods(logs, frames, known))
        if waiting:
            yield from self.succession.chain(waiting)


def _which_tell(codes: Sequence[np.ndarray]) -> list[int]:
    """Return the videos most of whose frames have labels."""
    return [i for i, code in enumerate(codes) if (code >= 0).mean() >= MOSTLY]
