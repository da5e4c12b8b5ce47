"""What to label next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import Any

import numpy as np

from skvas.videos._frames import spread_frames

# Frames of a video that may be asked for, and of all that coverage is measured on.
ASKED, COVERED = 64, 2048


@dataclass(frozen=True)
class Query:
    """One thing to label.

    Attributes
    ----------
    video : int
        Position of the video in those of `fit`.
    frame : int or None
        The frame; None: the whole recording.
    why : str
        Why a label there tells much.

    Examples
    --------
    >>> from skvas.labels import Query
    >>> Query(3, None, "the recording closest to the template").video
    3
    """

    video: int
    frame: int | None
    why: str


@dataclass(frozen=True)
class Outlook:
    """Evenly spread frames of the videos of `fit`, and what is known of them.

    Attributes
    ----------
    video, frame : int64 ndarray of shape (n,)
        Which frames.
    vectors : float32 ndarray of shape (n, D)
        Their embeddings.
    doubt : float64 ndarray of shape (n,)
        One minus the lead of the most probable action over the next; 1 where there
        were no labels.
    rivals : int64 ndarray of shape (n, 2)
        The two most probable actions.
    found : int64 ndarray of shape (n,)
        The action that was found without labels.
    is_labelled : bool ndarray of shape (n,)
        Whether the frame had a label.
    distance : float64 ndarray of shape (n_videos,)
        How far each video is from the template; 0 where there is none.
    on_template : bool
        Whether there is one.
    place : float64 ndarray of shape (n,) or None, default=None
        Where frames are on the template, from 0 to 1; None: there is none.
    """

    video: np.ndarray
    frame: np.ndarray
    vectors: np.ndarray
    doubt: np.ndarray
    rivals: np.ndarray
    found: np.ndarray
    is_labelled: np.ndarray
    distance: np.ndarray
    on_template: bool
    place: np.ndarray | None = None

    def vectors_of_videos(self) -> list[np.ndarray]:
        """Return the frames of each video that has some, in order."""
        starts = 1 + np.flatnonzero(np.diff(self.video))
        return np.split(self.vectors, starts)

    def without(self, videos: Sequence[int]) -> Outlook:
        """Return what is known of the other videos, and of those of these with labels.

        All, if nothing without a label is left.
        """
        kept = ~np.isin(self.video, videos)
        kept |= np.isin(self.video, self.video[self.is_labelled])
        if self.is_labelled[kept].all():
            return self
        of_frames = {
            name: value[kept]
            for name, value in vars(self).items()
            if name not in ("distance", "on_template") and value is not None
        }
        return replace(self, **of_frames)

    def recordings(self, n: int, last: Sequence[int] = ()) -> list[Query]:
        """Return up to n whole recordings without labels, the best one first.

        Those of `last` come after all others.

        On a template the first is the closest to it, and each further one covers most
        of what those before it, and labelled frames, leave far away. Elsewhere each
        adds most to the actions that were found without labels: the sum, over the
        actions, of the square root of the number of frames, so that a first frame of
        an action counts more than a thousandth.
        """
        open_videos = set(self.video.tolist())
        open_videos -= set(self.video[self.is_labelled].tolist())
        choose = self._unlike_labels if self.on_template else self._richest
        turns = open_videos.difference(last), open_videos.intersection(last)
        found = chain.from_iterable(choose(sorted(turn)) for turn in turns)
        return [Query(best, None, why) for best, why in islice(found, n)]

    def _unlike_labels(self, candidates: list[int]) -> Iterator[tuple[int, str]]:
        """Yield recordings that are far from labelled frames, and why."""
        seen = spread_frames(len(self.video), COVERED)
        far = self._far_from_labels(seen)
        if candidates and not self.is_labelled.any():
            best = candidates.pop(int(np.argmin(self.distance[candidates])))
            yield best, "the recording closest to the template"
            far = np.minimum(far, self._from(self.video == best, seen))
        near = {video: self._from(self.video == video, seen) for video in candidates}
        while candidates:  # how far frames are on average once each is labelled
            left = [np.minimum(far, near[video]).mean() for video in candidates]
            best = candidates.pop(int(np.argmin(left)))
            yield best, "the recording with most that no labelled frame resembles"
            far = np.minimum(far, near[best])

    def _richest(self, candidates: list[int]) -> Iterator[tuple[int, str]]:
        """Yield recordings with many frames of found actions that lack labels."""
        shown = self._frames_of_actions(self.is_labelled).sum(axis=0)
        counts = self._frames_of_actions(np.ones(len(self.video), dtype=bool))
        why = "the recording with most of the actions that were found"
        if shown.any():
            why = "the recording that adds most to the labelled actions"
        while candidates:
            added = np.sqrt(shown + counts[candidates]).sum(axis=1)
            best = candidates.pop(int(added.argmax()))
            yield best, why
            why = "the recording that adds most to the labelled actions"
            shown = shown + counts[best]

    def _frames_of_actions(self, which: np.ndarray) -> np.ndarray:
        """Estimate how many frames of each found action such frames stand for.

        Returns an array of shape (n_videos, n_found). The last frame that may be asked
        for tells the length of a video.
        """
        counts = np.zeros((len(self.distance), self.found.max() + 1))
        np.add.at(counts, (self.video[which], self.found[which]), 1)
        n_asked = np.bincount(self.video, minlength=len(counts))
        length = np.zeros(len(counts))
        np.maximum.at(length, self.video, self.frame + 1.0)
        scaled: np.ndarray = counts * (length / np.maximum(n_asked, 1))[:, None]
        return scaled

    def frames(self, n: int, names: Sequence[Any]) -> list[Query]:
        """Return up to n frames, of as many videos as there are.

        First typical frames of the actions that were found without labels, where none
        of their frames has one, the most frequent action first. Then, on a template,
        frames that are far from labelled ones in its time; elsewhere those that most
        frames resemble which are uncertain and unlike labelled ones.
        """
        queries: list[Query] = []
        seen = spread_frames(len(self.video), COVERED)
        far, asked = self._far_from_labels(seen), self.is_labelled.copy()
        lacking = self._actions_without_labels()
        visited: set[int] = set()
        while len(queries) < n and not asked.all():
            fresh = ~asked & ~np.isin(self.video, list(visited))
            if not fresh.any():  # every video was asked for: another round
                visited, fresh = set(), ~asked
            if lacking:
                best = self._typical(lacking.pop(0), fresh)
                why = "typical of frames that look alike and have no label"
            elif self.place is not None:
                gap = _distance_to_nearest(self.place, self.place[asked])
                best = int(np.where(fresh, gap, -1.0).argmax())
                why = "far in time from all labelled frames"
            else:
                best = self._telling(fresh, far, seen)
                one, other = (names[k] for k in self.rivals[best])
                why = "resembles many frames that no labelled frame resembles"
                if one != other:
                    why = f"may be {one!s} or {other!s}, and resembles many such frames"
            queries.append(Query(int(self.video[best]), int(self.frame[best]), why))
            asked[best] = True
            visited.add(int(self.video[best]))
            far = np.minimum(far, self._from(np.array([best]), seen))
        return queries

    def first_recording_then_frames(self, n: int, names: Sequence[Any]) -> list[Query]:
        """Return up to n things to label; nothing being labelled, a recording first."""
        if self.is_labelled.any():
            return self.frames(n, names)
        (first,) = self.recordings(1)
        rest = replace(self, is_labelled=self.video == first.video)
        return [first, *rest.frames(n - 1, names)]

    def _actions_without_labels(self) -> list[int]:
        """Return found actions that have no labelled frame, frequent ones first."""
        count = np.bincount(self.found)
        count[self.found[self.is_labelled]] = 0
        order = np.argsort(-count, kind="stable")
        return [int(action) for action in order[: int((count > 0).sum())]]

    def _typical(self, action: int, fresh: np.ndarray) -> int:
        """Return the frame of a found action that is closest to its mean.

        One of the fresh frames, if the action has some.
        """
        members = self.found == action
        closeness = self.vectors @ self.vectors[members].mean(axis=0)
        can_be = members & fresh if (members & fresh).any() else members
        return int(np.where(can_be, closeness, -np.inf).argmax())

    def _telling(self, fresh: np.ndarray, far: np.ndarray, seen: np.ndarray) -> int:
        """Return the frame that resembles most of what is uncertain and far."""
        candidates = np.flatnonzero(fresh)
        candidates = candidates[spread_frames(len(candidates), COVERED)]
        closer = far - (1 - self.vectors[candidates] @ self.vectors[seen].T)
        gained = np.maximum(closer, 0) @ self.doubt[seen]
        return int(candidates[gained.argmax()])

    def _far_from_labels(self, seen: np.ndarray) -> np.ndarray:
        if not self.is_labelled.any():
            return np.full(len(seen), 2.0)
        return self._from(self.is_labelled, seen)

    def _from(self, which: np.ndarray, seen: np.ndarray) -> np.ndarray:
        """Return the cosine cost between each frame seen and the nearest of some."""
        frames, some = self.vectors[seen], self.vectors[which]
        nearest = np.full(len(frames), -np.inf, dtype=some.dtype)
        for start in range(0, len(some), COVERED):
            closeness = frames @ some[start : start + COVERED].T
            np.maximum(nearest, closeness.max(axis=1), out=nearest)
        return np.maximum(1 - nearest, 0).astype(float)


def _distance_to_nearest(places: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return how far places are from the nearest of others, 1 if there are none."""
    if not len(known):
        return np.ones(len(places))
    known = np.sort(known)
    after = np.searchsorted(known, places).clip(1, max(len(known) - 1, 1))
    last = np.minimum(after, len(known) - 1)
    return np.minimum(abs(places - known[after - 1]), abs(places - known[last]))


def look_out(
    embeddings: Sequence[np.ndarray],
    asked: Sequence[np.ndarray],
    found: Sequence[np.ndarray],
    codes: Sequence[np.ndarray] | None,
    probabilities: Sequence[np.ndarray] | None,
    distance: np.ndarray | None,
    places: Sequence[np.ndarray] | None = None,
) -> Outlook:
    """Note what `query` needs to know of the videos of `fit`.

    Parameters
    ----------
    embeddings : sequence of ndarray of shape (n_i, D)
        Unit embeddings of all frames.
    asked : sequence of int64 ndarray of shape (n_asked_i,)
        Frames of each video that may be asked for.
    found : sequence of int64 ndarray of shape (n_i,)
        Actions of all frames that were found without labels.
    codes : sequence of int64 ndarray of shape (n_i,) or None
        Labels, -1 where there is none; None without labels.
    probabilities : sequence of ndarray of shape (n_asked_i, K) or None
        Probabilities of the actions at the frames of `asked`; None without labels.
    distance : ndarray of shape (n_videos,) or None
        Distance of each video from the template; None: there is none.
    places : sequence of float64 ndarray of shape (n_i,) or None, default=None
        Where all frames are on the template, from 0 to 1; None: there is none.

    Returns
    -------
    Outlook
    """
    numbers = np.arange(len(asked), dtype=np.int64)
    video = np.repeat(numbers, [len(where) for where in asked])
    # Of videos that are not asked for, nothing is read.
    vectors = np.concatenate([embeddings[i][k] for i, k in enumerate(asked) if len(k)])
    doubt, rivals = np.ones(len(video)), np.zeros((len(video), 2), dtype=np.int64)
    labelled = np.zeros(len(video), dtype=bool)
    if codes is not None and probabilities is not None:
        pairs = zip(codes, asked, strict=True)
        labelled = np.concatenate([code[where] >= 0 for code, where in pairs])
        likely = np.concatenate(probabilities)
        if likely.shape[1] > 1:
            rivals = np.argsort(-likely, axis=1, kind="stable")[:, :2]
            lead = np.take_along_axis(likely, rivals, axis=1)
            doubt = 1 - (lead[:, 0] - lead[:, 1])
    return Outlook(
        video,
        np.concatenate(asked),
        vectors.astype(np.float32),
        doubt.astype(float),
        rivals.astype(np.int64),
        np.concatenate([f[k] for f, k in zip(found, asked, strict=True)]),
        labelled,
        np.zeros(len(asked)) if distance is None else distance.astype(float),
        distance is not None,
        None
        if places is None
        else np.concatenate([p[k] for p, k in zip(places, asked, strict=True)]),
    )


def asked_frames(n_frames: int, known: np.ndarray | None = None) -> np.ndarray:
    """Return the frames of a video that may be asked for, and labelled ones.

    Parameters
    ----------
    n_frames : int
        Length of the video.
    known : int64 ndarray, default=None
        Its labelled frames.

    Returns
    -------
    int64 ndarray of shape (n,)
    """
    spread = spread_frames(n_frames, ASKED)
    if known is None or not len(known):
        return spread
    return np.union1d(spread, known[spread_frames(len(known), ASKED)])
