"""Where a few videos pass a template, by way of the others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from skvas.timeline._model import Axis
from skvas.timeline._paths import follow
from skvas.videos._frames import spread

# Routes of all the videos together that are looked at, at most.
N_ROUTES = 40
# So many routes count as much as the video's own alignment with the template.
OWN = 10


def average_routes(
    axis: Axis,
    paths: Sequence[np.ndarray],
    which: Sequence[int],
    frames: Sequence[np.ndarray],
    posteriors: Sequence[np.ndarray],
) -> list[np.ndarray]:
    """Average where some videos may be with where other videos say that they are.

    A route is the cheapest path from a video to another one, which passes the template
    at known positions. Errors of an alignment with the template are its own, and
    those of routes by different videos differ, so that the mean of many has smaller
    ones; and where routes disagree, the mean is as wide as they are. Videos that begin
    late or stop early have no routes, and are none.

    Parameters
    ----------
    axis : Axis
        What all the videos share.
    paths : sequence of ndarray of shape (n_i, D)
        Unit frames of the videos that the axis was made of.
    which : sequence of int
        The videos that are asked about.
    frames : sequence of int64 ndarray of shape (n_asked_i,)
        Frames of each of them.
    posteriors : sequence of ndarray of shape (n_asked_i, n_moments)
        Distributions of these frames by their own alignment with the template.

    Returns
    -------
    list of ndarray of shape (n_asked_i, n_moments)
        Rows sum to 1.
    """
    template = axis.template
    whole = template.whole
    n_routes = N_ROUTES // max(len(which), 1)
    if not n_routes or len(whole) < 2:
        return list(posteriors)
    views = [template.view(paths[i]) for i in which]
    is_part = [template.passages[i].part is not None for i in which]
    numbers = np.arange(len(axis.moments))
    total = [np.zeros(posterior.shape) for posterior in posteriors]
    count = np.zeros(len(which))
    for other in whole[spread(len(whole), n_routes + 1)]:
        view = template.view(paths[other])
        passed = np.interp(template.passages[other].positions, axis.moments, numbers)
        for k, video in enumerate(which):
            if video == other or count[k] == n_routes or is_part[k]:
                continue
            at = follow(views[k], view, limit=axis.limit).positions[frames[k]]
            _add(total[k], np.interp(at, np.arange(len(view)), passed))
            count[k] += 1
    return [
        ((OWN * posterior + visits) / (OWN + n)).astype(posterior.dtype)
        for posterior, visits, n in zip(posteriors, total, count, strict=True)
    ]


def _add(total: np.ndarray, at: np.ndarray) -> None:
    """Add one at a fractional column of each row, shared among its neighbours."""
    rows = np.arange(len(total))
    before = np.floor(at).astype(np.int64)
    share = at - before
    total[rows, before] += 1 - share
    total[rows, np.minimum(before + 1, total.shape[1] - 1)] += share
