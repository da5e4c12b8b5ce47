"""Anchors of many videos, joined into moments that they share; they bend timelines."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import combinations
from numbers import Integral
from typing import Any

import numpy as np

from skvas.alignment._anchors import bend, check_anchors, refuse_contradictions
from skvas.alignment._path_cost import View
from skvas.timeline._model import Axis
from skvas.timeline._parts import follow_part
from skvas.timeline._paths import Passage


@dataclass(frozen=True)
class JoinedAnchors:
    """Frames of several videos that show the same moments, as anchors say.

    Attributes
    ----------
    frames : list of dict of int to int
        For each moment the frame of each video that has it.
    """

    frames: list[dict[int, int]]

    def codes(self, lengths: Sequence[int]) -> list[np.ndarray]:
        """Return the number of each frame's moment, -1 where it has none."""
        codes = [np.full(n, -1, dtype=np.int64) for n in lengths]
        for number, members in enumerate(self.frames):
            for video, frame in members.items():
                codes[video][frame] = number
        return codes

    def check_order(self) -> None:
        """Refuse moments that videos pass in orders which contradict each other.

        Raises
        ------
        ValueError
            If they do, also by way of other videos; names the videos.
        """
        for one, other in combinations(self._videos(), 2):
            both = [m for m in self.frames if one in m and other in m]
            pairs = np.array(sorted((m[one], m[other]) for m in both))
            with _naming(one, other):
                refuse_contradictions(pairs, in_order=True)
        self._sort([0.0] * len(self.frames))

    def bend(self, axis: Axis, frames: Sequence[np.ndarray], kind: str) -> Axis:
        """Let the paths of videos along an axis pass their moments together.

        A moment stands at the median of its places, as far as the order of moments
        allows. An axis that is too short for all of them stays as it is.

        Parameters
        ----------
        axis : Axis
            One axis for all videos.
        frames : sequence of ndarray of shape (n_i, D)
            Their unit frames for paths.
        kind : {"hard", "soft"}
            Whether paths have to pass the moments.

        Raises
        ------
        ValueError
            If videos pass moments in different orders; names them.
        """
        self.check_order()
        passages = list(axis.template.passages)
        places = self._places(passages)
        if places is None:
            warnings.warn(
                f"anchors show {len(self.frames)} moments, more than the "
                f"{len(axis.template.frames)} positions of the timeline, which they "
                "leave as it is. Give fewer anchors, or videos of more frames.",
                UserWarning,
                stacklevel=2,
            )
            return axis
        for video in self._videos():
            pairs = [
                (members[video], place)
                for members, place in zip(self.frames, places, strict=True)
                if video in members
            ]
            view = View(axis.template.view(frames[video]))
            bent = bend(view, View(axis.template.frames), np.array(sorted(pairs)), kind)
            one, other = (each.bent().embedding for each in bent)
            part = _widened(passages[video].part, [place for _, place in pairs])
            passage = follow_part(one, other, part, limit=axis.limit)
            passages[video] = _pinned(passage, pairs) if kind == "hard" else passage
        return replace(axis, template=replace(axis.template, passages=passages))

    def _videos(self) -> list[int]:
        return sorted({video for members in self.frames for video in members})

    def _sort(self, places: Sequence[float]) -> list[int]:
        """Return the moments in an order that all videos keep, if they can by place."""
        waiting = {video: self._moments_of(video) for video in self._videos()}
        order: list[int] = []
        while any(waiting.values()):
            first = {moments[0] for moments in waiting.values() if moments}
            free = [m for m in first if all(waiting[v][0] == m for v in self.frames[m])]
            if not free:
                left = [str(video) for video, moments in waiting.items() if moments]
                raise ValueError(
                    f"anchors contradict each other: videos {', '.join(left)} would "
                    "pass their moments in no common order."
                )
            order.append(min(free, key=lambda m: (places[m], m)))
            for video in self.frames[order[-1]]:
                del waiting[video][0]
        return order

    def _moments_of(self, video: int) -> list[int]:
        """Return the moments of a video in the order of its frames."""
        known = [m for m, members in enumerate(self.frames) if video in members]
        return sorted(known, key=lambda m: self.frames[m][video])

    def _places(self, passages: Sequence[Passage]) -> list[int] | None:
        """Return the position of each moment, None where there are too few."""
        medians = [
            float(np.median([passages[v].positions[f] for v, f in members.items()]))
            for members in self.frames
        ]
        order = self._sort(medians)
        last = len(passages[0].frames) - 1
        if len(order) > last + 1:
            return None
        places, least = [0] * len(order), 0
        for rank, moment in enumerate(order):
            room = last - (len(order) - 1 - rank)  # for those that come later
            places[moment] = min(max(round(medians[moment]), least), room)
            least = places[moment] + 1
        return places


def join_anchors(anchors: Any, lengths: Sequence[int]) -> JoinedAnchors | None:
    """Check pairs of frames of many videos, and join those of one moment.

    Parameters
    ----------
    anchors : dict of (int, int) to sequence of pairs of int, or None
        For two positions of videos the pairs (frame of one, frame of the other).
    lengths : sequence of int
        Numbers of frames of the videos.

    Returns
    -------
    JoinedAnchors or None
        None where there is no anchor.

    Raises
    ------
    ValueError
        If anchors are something else, or contradict each other, also by way of other
        videos; names the videos.
    """
    if anchors is None:
        return None
    if not isinstance(anchors, Mapping):
        raise ValueError(
            "anchors must be a dict from two positions of videos to pairs of their "
            f"frames, such as {{(0, 1): [(12, 15)]}}, got {type(anchors).__name__}."
        )
    moments: list[dict[int, int]] = []
    for videos, pairs in anchors.items():
        one, other = _check_positions(videos, len(lengths))
        with _naming(one, other):
            found = check_anchors(pairs, lengths[one], lengths[other], in_order=False)
        for i, j in found.tolist():
            moments = _join(moments, {one: i, other: j})
    return JoinedAnchors(moments) if moments else None


@contextmanager
def _naming(one: int, other: int) -> Iterator[None]:
    """Let errors name the videos that they are about."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"videos {one} and {other}: {error}") from None


def _check_positions(videos: Any, n_videos: int) -> tuple[int, int]:
    is_pair = isinstance(videos, tuple) and len(videos) == 2
    if is_pair and all(isinstance(video, Integral) for video in videos):
        one, other = map(int, videos)
        if one != other and min(one, other) >= 0 and max(one, other) < n_videos:
            return one, other
    raise ValueError(
        "the keys of anchors must be two different positions among the "
        f"{n_videos} videos of fit, got {videos!r}."
    )


def _join(moments: list[dict[int, int]], pair: dict[int, int]) -> list[dict[int, int]]:
    """Add a pair of frames to the moments; those that it connects become one."""
    touched = [m for m in moments if m.items() & pair.items()]
    joined: dict[int, int] = {}
    for members in (*touched, pair):
        for video, frame in members.items():
            if joined.setdefault(video, frame) != frame:
                raise ValueError(
                    f"anchors contradict each other: frames {joined[video]} and "
                    f"{frame} of video {video} would show one moment."
                )
    return [m for m in moments if not any(m is t for t in touched)] + [joined]


def _widened(
    part: tuple[int, int] | None, places: Sequence[int]
) -> tuple[int, int] | None:
    """Return a part of the timeline that has some positions as well; None: all."""
    if part is None:
        return None
    return min(part[0], *places), max(part[1], *(place + 1 for place in places))


def _pinned(passage: Passage, pairs: Sequence[tuple[int, int]]) -> Passage:
    """Let a passage go through pairs (frame, position), and rise elsewhere."""
    positions, frames = passage.positions.copy(), passage.frames.copy()
    costs = passage.costs.copy()
    costs[[place for _, place in pairs]] = 0  # the video has that moment
    for frame, place in pairs:
        for line, at, value in ((positions, frame, place), (frames, place, frame)):
            line[: at + 1] = np.minimum(line[: at + 1], value)
            line[at:] = np.maximum(line[at:], value)
    return replace(passage, positions=positions, frames=frames, costs=costs)
