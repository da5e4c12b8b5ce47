"""Alignment of two videos by their positions on a timeline."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from skvas.alignment._result import Alignment
from skvas.timeline._model import Axis, path_frames
from skvas.timeline._paths import Passage
from skvas.videos._jobs import decode_in_jobs
from skvas.videos._views import Views


@dataclass(frozen=True)
class TimelineMatcher:
    """Matches frames of pairs of videos that stand at one position of a timeline.

    Parameters
    ----------
    axis : Axis
        The timeline.
    n_jobs : int, default=None
        Processes, by joblib.
    """

    axis: Axis
    n_jobs: int | None = None

    def look(self, views: Views) -> list[Passage]:
        """Return where each video passes."""
        frames = path_frames(views.embeddings, views.details)
        width = len(self.axis.template.frames)
        passages: list[Passage] = decode_in_jobs(
            _follow,
            frames,
            (self.axis,),
            width=width,
            n_jobs=self.n_jobs,
            step="placing recordings on the timeline",
        )
        return passages


def align_passages(x: Passage, y: Passage) -> Alignment:
    """Align two videos in time linear in their lengths.

    A frame is matched with the frame of the other video that stands at the same
    position, or with none where the other video lacks that moment.

    Parameters
    ----------
    x, y : Passage
        Where the videos pass the timeline.

    Returns
    -------
    Alignment
        Its plan is sparse, and `cost` the mean cost of both videos on the timeline.
    """
    partners_x, lacking_x = _partners(x, y)
    partners_y, lacking_y = _partners(y, x)
    plan = (_plan(partners_x, lacking_x, len(partners_y)) / 2).tocsr()
    plan += (_plan(partners_y, lacking_y, len(partners_x)) / 2).T.tocsr()
    return Alignment(
        np.where(lacking_x, -1, np.rint(partners_x).astype(np.int64)),
        np.where(lacking_y, -1, np.rint(partners_y).astype(np.int64)),
        plan,
        lacking_x.astype(float),
        lacking_y.astype(float),
        float(x.costs.mean() + y.costs.mean()) / 2,
        "monotone",
    )


def _partners(x: Passage, y: Passage) -> tuple[np.ndarray, np.ndarray]:
    """Return the (fractional) partner of each frame of x, and whether y lacks it."""
    partners = np.interp(x.positions, np.arange(len(y.frames)), y.frames)
    return partners, y.lacking()[np.rint(x.positions).astype(np.int64)]


def _plan(partners: np.ndarray, lacking: np.ndarray, m: int) -> csr_array:
    """Share the mass of each frame out among the two frames beside its partner."""
    n = len(partners)
    rows = np.flatnonzero(~lacking)
    before = np.floor(partners[rows]).astype(np.int64)
    after = np.minimum(before + 1, m - 1)
    share = partners[rows] - before
    masses = np.concatenate([1 - share, share]) / n
    cells = np.tile(rows, 2), np.concatenate([before, after])
    plan = csr_array((masses, cells), shape=(n, m))
    plan.eliminate_zeros()
    return plan


def _follow(frames: list[np.ndarray], axis: Axis) -> list[Passage]:
    return [axis.follow(video) for video in frames]
