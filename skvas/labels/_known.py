"""What is known of the videos that labels are of: names, and when frames were."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from skvas._typing import Videos
from skvas.datasets._recordings import given_names, recordings_of
from skvas.exceptions import InvalidParameterError
from skvas.io._table import frame_edges
from skvas.validation import check_fps


@dataclass(frozen=True)
class Clock:
    """When the frames of a video are: by their rate, by their times, or unknown."""

    fps: float | None = None
    times: np.ndarray | None = None

    @property
    def is_known(self) -> bool:
        return self.fps is not None or self.times is not None

    def frame(self, seconds: float, n_frames: int) -> int:
        """Return the frame whose start is nearest, of two the first; -1 before all."""
        if self.fps is not None:
            # Python rounds halves to even numbers.
            return math.ceil(seconds * self.fps - 0.5)
        edges = frame_edges("", n_frames, None, self.times)
        middles = (edges[1:] + edges[:-1]) / 2
        early = seconds <= edges[0] - (edges[1] - edges[0]) / 2
        late = seconds > edges[-1] + (edges[-1] - edges[-2]) / 2
        return int(np.searchsorted(middles, seconds)) - early + late


# Where times are numbers of frames.
BY_NUMBER = Clock()


@dataclass(frozen=True)
class Known:
    """What is known of the videos that labels are of.

    Attributes
    ----------
    names : list of str or None
        Their names, if they were given some.
    clocks : list of Clock
        When the frames of each are.
    """

    names: list[str] | None
    clocks: list[Clock]

    @classmethod
    def of(cls, videos: Videos) -> Known | None:
        """Return what recordings know; None of other videos."""
        known = recordings_of(videos)
        if known is None:
            return None
        clocks = [Clock(**known.clock(index)) for index in range(len(known))]
        return cls(given_names(known.names), clocks)

    @classmethod
    def of_fit(cls, recordings: Mapping[str, Any]) -> Known:
        """Return what an estimator keeps of the recordings of `fit`."""
        names, times = recordings["names"], recordings["times"]
        rates = recordings["fps"] or [None] * len(names)
        clocks = [Clock(rate) for rate in rates]
        if times is not None:
            clocks = [Clock(times=found) for found in times]
        return cls(given_names(names), clocks)


def find_clocks(fps: Any, known: Known | None, n_videos: int) -> list[Clock]:
    """Return the clock by which rows of each video are read."""
    if isinstance(fps, str):
        if fps != "recordings":
            raise InvalidParameterError(
                "fps must be a number of frames per second, a sequence of such, or "
                f"'recordings', got {fps!r}."
            )
        clocks = [BY_NUMBER] if known is None else known.clocks
        if not all(clock.is_known for clock in clocks):
            raise InvalidParameterError(
                'fps="recordings" needs Recordings that know the rate of their frames; '
                "give it as a number, or as Recordings(videos, fps=...)."
            )
        return clocks
    if fps is None or not np.iterable(fps):
        check_fps(fps, none_ok=True)
        return [Clock(fps)] * n_videos
    rates = list(fps)
    if len(rates) != n_videos:
        raise InvalidParameterError(
            f"fps has {len(rates)} rates for {n_videos} videos; give one for each."
        )
    for index, rate in enumerate(rates):
        check_fps(rate, name=f"fps[{index}]")
    return [Clock(rate) for rate in rates]
