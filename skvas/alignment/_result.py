"""The alignment of two videos."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import csr_array

from skvas._printing import format_table
from skvas.decoding import monotone_path, path_to_matches, plan_to_matches
from skvas.validation import check_choice
from skvas.videos._frames import nearest_of

__all__ = ["Alignment"]


MATCHINGS = ("monotone", "plan", "nearest")


@dataclass(frozen=True, eq=False)
class Alignment:
    """Matches between the frames of two videos, with the plan behind them.

    Attributes
    ----------
    matches_x : int64 ndarray of shape (N,)
        Matched frame of y for each frame of x; -1 for background.
    matches_y : int64 ndarray of shape (M,)
        Matched frame of x for each frame of y; -1 for background.
    plan : ndarray or scipy.sparse.csr_array of shape (N, M)
        Transport plan between the real frames. A row sums to less than the mass of its
        frame if the virtual frame received a part of that mass. If the videos are too
        long for `memory_limit`, the plan is sparse and lacks its smallest entries.
    background_x : ndarray of shape (N,)
        Probability that each frame of x has no counterpart.
    background_y : ndarray of shape (M,)
        Probability that each frame of y has no counterpart.
    cost : float
        Value of the transport objective. Under one fitted model, it compares between
        pairs of the same lengths N and M only, also not with (M, N), as the radius is
        rounded to whole frames of each video.
    matching : {"monotone", "plan", "nearest"}
        Rule by which matches were derived from plan and embeddings.

    See Also
    --------
    skvas.display.AlignmentDisplay : Its picture.
    skvas.metrics.label_agreement : Its score against labels.
    skvas.features.write_synchronised : Play both videos in step.

    Examples
    --------
    >>> from skvas import VideoAligner
    >>> from skvas.datasets import make_videos
    >>> videos = make_videos(3, random_state=0).videos
    >>> aligner = VideoAligner(max_epochs=0).fit(videos)
    >>> alignment = aligner.align(videos[0], videos[1])
    >>> alignment.matches_x.shape == (len(videos[0]),)
    True
    """

    matches_x: np.ndarray
    matches_y: np.ndarray
    plan: np.ndarray | csr_array
    background_x: np.ndarray
    background_y: np.ndarray
    cost: float
    matching: str

    def __str__(self) -> str:
        """Spell out how many frames of both videos are matched."""
        sides = (("x", self.matches_x), ("y", self.matches_y))
        rows = [
            {
                "video": name,
                "frames": len(matches),
                "matched": int((matches >= 0).sum()),
                "background": int((matches < 0).sum()),
            }
            for name, matches in sides
        ]
        return f"{format_table(rows)}\n{self.matching} matches, cost {self.cost:.3f}"

    def to_path(self) -> np.ndarray:
        """Return the matched pairs of frames, in time order.

        Returns
        -------
        int64 ndarray of shape (L, 2)
            The distinct pairs (i, j) matched in either direction, sorted by i and then
            by j. With monotone matching both indices are non-decreasing. In an
            alignment by a timeline, whose frames are rounded, a pair of one direction
            may cross one of the other: these exchange frames.

        Examples
        --------
        >>> from skvas import VideoAligner
        >>> from skvas.datasets import make_videos
        >>> videos = make_videos(2, random_state=0).videos
        >>> path = VideoAligner(max_epochs=0).fit(videos).align(*videos).to_path()
        >>> bool((path[1:] >= path[:-1]).all())
        True
        """
        i, j = np.arange(len(self.matches_x)), np.arange(len(self.matches_y))
        forth = np.column_stack([i, self.matches_x])[self.matches_x >= 0]
        back = np.column_stack([self.matches_y, j])[self.matches_y >= 0]
        pairs = np.concatenate([forth, back])
        if self.matching == "monotone":
            pairs = np.sort(pairs, axis=0)  # the same ones where none cross
        return np.unique(pairs, axis=0)

    def warp(
        self, array: ArrayLike, *, onto: str = "x", fill: Any = None
    ) -> np.ndarray:
        """Warp an array of one video onto the time axis of the other.

        Entries are copied and never interpolated, so that images, signals and labels
        of any type can be warped.

        Parameters
        ----------
        array : array-like of shape (n_frames, ...)
            One entry for each frame of y if `onto` is "x", of x if `onto` is "y".
        onto : {"x", "y"}, default="x"
            The video that gives the time axis of the result.
        fill : object, default=None
            Entry for background frames, such as NaN. None: the entry at the nearest
            frame that is not background; in a tie, at the earlier one.

        Returns
        -------
        ndarray of shape (N, ...) or (M, ...)
            Entry i is the entry of `array` at the match of frame i. The type is that of
            `array`, promoted to hold `fill` if necessary.

        Raises
        ------
        ValueError
            If the length of `array` is not the number of frames, or if no frame is
            matched and `fill` is None.

        Examples
        --------
        >>> import numpy as np
        >>> from skvas import Alignment
        >>> matches, plan, chance = np.array([0, -1, 2]), np.eye(3) / 3, np.zeros(3)
        >>> alignment = Alignment(matches, matches, plan, chance, chance, 0.0, "plan")
        >>> alignment.warp([5, 6, 7])
        array([5, 5, 7])
        >>> alignment.warp([5, 6, 7], fill=np.nan)
        array([ 5., nan,  7.])
        """
        check_choice("onto", onto, ("x", "y"))
        there, back = self.matches_x, self.matches_y
        if onto == "y":
            there, back = back, there
        entries = np.asarray(array)
        if entries.ndim == 0 or len(entries) != len(back):
            raise ValueError(
                f"array must have one entry for each of the {len(back)} frames of "
                f"{'y' if onto == 'x' else 'x'} to be warped onto {onto}, got shape "
                f"{entries.shape}."
            )
        matched = there >= 0
        if fill is None:
            return entries[there[_nearest(matched)]]
        room = np.min_scalar_type(fill)
        if room.kind in "fc" and entries.dtype.kind in "biu":
            room = np.asarray(fill).dtype  # the least would round most fractions
        kind = np.promote_types(entries.dtype, room)
        warped = np.full((len(there), *entries.shape[1:]), fill, dtype=kind)
        warped[matched] = entries[there[matched]]
        return warped


def _nearest(matched: np.ndarray) -> np.ndarray:
    """Return for each frame the nearest one that is matched, the earlier of two."""
    frames = np.flatnonzero(matched)
    if len(frames) == 0:
        raise ValueError(
            "No frame is matched, so there is nothing to warp; pass fill, the entry "
            "for background frames."
        )
    return nearest_of(frames, len(matched))


def make_alignment(
    plan: np.ndarray, cost: np.ndarray, objective: float, matching: str
) -> Alignment:
    """Decode a plan with virtual frames, and the costs between real ones.

    Parameters
    ----------
    plan : ndarray of shape (N + 1, M + 1)
        Row 0 and column 0 are virtual.
    cost : ndarray of shape (N, M)
        Cost between real frames.
    objective : float
        Value of the objective at the plan.
    matching : {"monotone", "plan", "nearest"}
        "monotone" takes the cheapest path, "nearest" the cheapest partner, "plan" the
        partner that most of the mass goes to.

    Returns
    -------
    Alignment
    """
    check_choice("matching", matching, MATCHINGS)
    tiny = np.finfo(plan.dtype).tiny
    real = plan[1:, 1:]
    background_x = plan[1:, 0] / np.maximum(plan[1:].sum(axis=1), tiny)
    background_y = plan[0, 1:] / np.maximum(plan[:, 1:].sum(axis=0), tiny)
    if matching == "monotone":
        matches = _monotone_matches(cost, background_x <= 0.5, background_y <= 0.5)
    else:
        shares = real if matching == "plan" else cost.max() - cost + 1
        matches = (
            plan_to_matches(shares, background_x),
            plan_to_matches(shares.T, background_y),
        )
    return Alignment(*matches, real, background_x, background_y, objective, matching)


def _monotone_matches(
    cost: np.ndarray, kept_x: np.ndarray, kept_y: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Match along the cheapest path through the frames that are not background."""
    rows, columns = np.flatnonzero(kept_x), np.flatnonzero(kept_y)
    matches_x = np.full(len(kept_x), -1, dtype=np.int64)
    matches_y = np.full(len(kept_y), -1, dtype=np.int64)
    if len(rows) and len(columns):
        kept = cost[np.ix_(rows, columns)]
        forth, back = path_to_matches(monotone_path(kept), kept)
        matches_x[rows], matches_y[columns] = columns[forth], rows[back]
    return matches_x, matches_y
