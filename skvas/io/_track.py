"""Points of one recording, as all formats of poses are read into."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from skvas.validation import spelled_as

# Rows for each that is there, beyond which numbers are taken for no numbers of frames.
_SPARSE = 1000


def frames_between(numbers: Sequence[int]) -> range | None:
    """Return the frames from the first number to the last, by the step that all share.

    None where the numbers leave out so many that they are none of frames.
    """
    first = min(numbers)
    step = math.gcd(*(number - first for number in numbers)) or 1
    frames = range(first, max(numbers) + 1, step)
    return frames if len(frames) <= _SPARSE * len(numbers) else None


@dataclass(frozen=True)
class Track:
    """Points of one recording.

    Parameters
    ----------
    points : float64 ndarray of shape (n_frames, n_points, n_axes)
        Positions; NaN where there is none. The points of each individual stand one
        after another.
    confidence : float64 ndarray of shape (n_frames, n_points), default=None
        How sure each position is, in [0, 1].
    individuals, keypoints : list of str
        Whose points they are, and which; empty where the format names none.
    fps : float, default=None
        Frames per second.
    name : str, default=None
        Name of the recording, where the file says it better than its own name.
    computed : list of str
        Keypoints that are no places, such as angles of joints: they are taken only
        where they are asked for by name.
    frames : range, default=None
        Numbers of the frames in their video, where the file numbers them.
    """

    points: np.ndarray
    confidence: np.ndarray | None = None
    individuals: list[str] = field(default_factory=list)
    keypoints: list[str] = field(default_factory=list)
    fps: float | None = None
    name: str | None = None
    computed: list[str] = field(default_factory=list)
    frames: range | None = None

    @property
    def names(self) -> list[str]:
        """Names of all points."""
        if len(self.individuals) < 2:
            return self.keypoints
        return [
            f"{who} {point}" for who in self.individuals for point in self.keypoints
        ]

    def choose(
        self, individuals: Sequence[str] | None, keypoints: Sequence[str] | None
    ) -> Track:
        """Return the points of some individuals, and some points of each."""
        left_out = self.computed if keypoints is None else []
        if left_out:
            keypoints = [name for name in self.keypoints if name not in self.computed]
        if individuals is None and keypoints is None:
            return self
        owners = self.individuals or [""]
        who = _positions("individual", individuals, self.individuals, len(owners))
        n_points = self.points.shape[1] // len(owners)
        which = _positions("point", keypoints, self.keypoints, n_points)
        places = [i * n_points + j for i in who for j in which]
        seen = None if self.confidence is None else self.confidence[:, places]
        return replace(
            self,
            points=self.points[:, places],
            confidence=seen,
            individuals=[owners[i] for i in who],
            keypoints=[self.keypoints[j] for j in which] if self.keypoints else [],
            computed=left_out,
        )

    def masked(self, min_confidence: float) -> Track:
        """Return the points with those that are unsure or incomplete as NaN.

        A confidence that is NaN is not known, and says nothing against a point.
        """
        missing = ~np.isfinite(self.points).all(axis=-1)
        if self.confidence is not None and min_confidence > 0:
            missing |= self.confidence < min_confidence
        points = self.points.astype(np.float64)
        points[missing] = np.nan
        return replace(self, points=points)


def _positions(
    what: str, wanted: Sequence[str] | None, known: list[str], n: int
) -> list[int]:
    if wanted is None:
        return list(range(n))
    wanted = [*map(spelled_as(known), wanted)]
    missing = [name for name in wanted if name not in known]
    if missing:
        raise ValueError(
            f"there is no {what} {', '.join(map(repr, missing))}; there are "
            f"{', '.join(map(repr, known)) or 'no names'}"
        )
    return [known.index(name) for name in wanted]
