"""Recordings that begin late or stop early, and the part of the timeline they pass."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from skvas._on_demand import lengths_of
from skvas.decoding import monotone_path
from skvas.timeline._average import average
from skvas.timeline._discriminants import find_discriminants
from skvas.timeline._paths import Passage, block_means, follow
from skvas.videos._frames import spread

# Blocks of neighbouring frames that two sides are compared by, at most.
BLOCKS = 96
# A position that a video leaves out costs as much as a frame does at its nearest
# position, and so much of the way to what it costs at any.
PRICE = 0.1
# It costs less in short videos, by this for the logarithm of their relative length,
# which counts up to a factor of two. Lengths of more than a factor of four are of other
# frame rates, and tell nothing.
BY_LENGTH, MOST, OTHER_RATE = 0.5, np.log(2), np.log(4)
# A video that passes less than this share of an axis is a part, and one that passes
# more than this share is whole.
PART, WHOLE = 0.8, 0.92
# Parts are of no account where they are fewer than this, or a smaller share.
FEWEST_PARTS, LEAST_PARTS = 2, 0.15
# What parts leave out by one half of the whole videos must overlap so far with what
# they leave out by the other half: where it does not, it is noise.
AGREED = 2 / 3
# Videos of which an axis is made, at least: so many, and such a share.
FEWEST_WHOLE, LEAST_WHOLE = 3, 0.25
# Videos that the first axis is chosen from, and others that each is compared with.
CANDIDATES, OTHERS = 8, 12
# Times that the axis is averaged, before discriminants are put beside it.
N_ROUNDS = 3


def find_whole(videos: Sequence[np.ndarray]) -> np.ndarray | None:
    """Tell the videos that show all of an activity from those that show a part of it.

    The first axis is the video along which frames of the others cost least, where these
    need not pass all of it. Then the axis is the average of the videos that do. Two
    halves of these must agree on what the others leave out.

    Parameters
    ----------
    videos : sequence of ndarray of shape (n_i, D)
        Unit frames.

    Returns
    -------
    int64 ndarray or None
        The numbers of the whole videos, rising; of few, the videos that show most. None
        where (nearly) all videos are whole, or which are not is not sure.
    """
    n_videos = len(videos)
    fewest = max(FEWEST_WHOLE, round(LEAST_WHOLE * n_videos))
    if n_videos <= fewest:
        return None
    lengths = np.array(lengths_of(videos))
    thin = [_thin_out(video) for video in videos]
    axis, whole = thin[_widest(thin, lengths)], np.arange(n_videos)
    for _ in range(N_ROUNDS):
        ratios = lengths / np.median(lengths[whole])
        whole = _those_of_most(_passed(thin, axis, ratios), fewest)
        axis = average([thin[i] for i in whole], axis, np.inf)
    near = [follow(thin[i], axis, limit=np.inf).frames for i in whole]
    found = find_discriminants([thin[i] for i in whole], near)
    views = [found.append(video) for video in thin]
    ratios = lengths / np.median(lengths[whole])
    axis = average([views[i] for i in whole], found.append(axis), np.inf)
    passed = _passed(views, axis, ratios)
    parts = np.flatnonzero(passed.mean(axis=1) < PART)
    if len(parts) < max(FEWEST_PARTS, LEAST_PARTS * n_videos):
        return None
    whole = _those_of_most(passed, fewest)
    halves = [
        average([views[i] for i in half], axis, np.inf)
        for half in (whole[::2], whole[1::2])
    ]
    left_out = [~_passed([views[i] for i in parts], h, ratios[parts]) for h in halves]
    return whole if _overlap(*left_out) >= AGREED else None


def passed_part(
    video: np.ndarray, template: np.ndarray, least: float
) -> tuple[int, int] | None:
    """Find the positions of a template that a video passes.

    Parameters
    ----------
    video : ndarray of shape (n_frames, D)
        Unit frames.
    template : ndarray of shape (n_positions, D)
        Unit frames.
    least : float
        Share of the positions from which on a video is whole.

    Returns
    -------
    tuple of two int, or None
        The first position, and the one after the last. None where it is whole.
    """
    thin = _thin_out(template)
    cost = 1 - _thin_out(video) @ thin.T
    start, stop, _ = _open_path(cost, len(video) / len(template))
    if stop - start >= least * len(thin):
        return None
    scale = len(template) / len(thin)
    return int(start * scale), int(np.ceil(stop * scale))


def follow_part(
    video: np.ndarray,
    template: np.ndarray,
    part: tuple[int, int] | None,
    *,
    limit: float,
) -> Passage:
    """Match a video with a part of a template.

    Parameters
    ----------
    video : ndarray of shape (n_frames, D)
        Unit frames.
    template : ndarray of shape (n_positions, D)
        Unit frames.
    part : tuple of two int, or None
        What `passed_part` returns.
    limit : float
        Bytes that the path may take.

    Returns
    -------
    Passage
    """
    if part is None:
        return follow(video, template, limit=limit)
    start, stop = part
    passage = follow(video, template[start:stop], limit=limit)
    outside = start, len(template) - stop
    costs = np.pad(passage.costs, outside, constant_values=passage.costs.mean())
    frames = np.pad(passage.frames, outside, mode="edge")
    return Passage(passage.positions + start, frames, costs, part)


def _thin_out(video: np.ndarray) -> np.ndarray:
    return block_means(video, min(len(video), BLOCKS))


def _passed(
    videos: Sequence[np.ndarray], axis: np.ndarray, ratios: np.ndarray
) -> np.ndarray:
    """Tell the positions of an axis that each video passes, (n_videos, n_positions)."""
    passed = np.zeros((len(videos), len(axis)), dtype=bool)
    for row, video, ratio in zip(passed, videos, ratios, strict=True):
        start, stop, _ = _open_path(1 - video @ axis.T, ratio)
        row[start:stop] = True
    return passed


def _those_of_most(passed: np.ndarray, fewest: int) -> np.ndarray:
    """Return the whole videos, or those that show most."""
    shares = passed.mean(axis=1)
    return np.flatnonzero(shares >= min(WHOLE, np.sort(shares)[-fewest]))


def _overlap(one: np.ndarray, other: np.ndarray) -> float:
    """Return how far two sets overlap in each row, at most 1; the mean."""
    either = (one | other).sum(axis=1)
    return float(((one & other).sum(axis=1) / np.maximum(either, 1)).mean())


def _widest(videos: Sequence[np.ndarray], lengths: np.ndarray) -> int:
    """Return the video that shows what the others do, and all of it."""
    candidates, others = (spread(len(videos), n) for n in (CANDIDATES, OTHERS))

    def cost_of(i: int) -> float:
        rest = others[others != i]
        paths = [
            _open_path(1 - videos[j] @ videos[i].T, lengths[j] / lengths[i])
            for j in rest
        ]
        return float(np.mean([cost for _, _, cost in paths]))

    return int(min(candidates, key=cost_of))


def _open_path(cost: np.ndarray, ratio: float) -> tuple[int, int, float]:
    """Return the columns that the rows pass, from and to, and the mean of the costs.

    The path may begin and end at any column, at a price for each that it leaves out.
    `ratio` is the length of the rows' side, divided by that of the columns'.
    """
    n_rows, n_columns = cost.shape
    nearest = cost.min(axis=1).mean()
    share = PRICE + told_by_length(ratio)
    outside = np.full((1, n_columns), nearest + share * (cost.mean() - nearest))
    whole = np.concatenate([outside, cost, outside])
    rows, columns = monotone_path(whole).T
    inside = (rows > 0) & (rows <= n_rows)
    passed = columns[inside]
    return (
        int(passed[0]),
        int(passed[-1]) + 1,
        float(whole[rows, columns][inside].mean()),
    )


def told_by_length(ratio: float) -> float:
    """Return what the relative length of a video adds to `PRICE`.

    Parameters
    ----------
    ratio : float
        Its length, divided by that of whole videos.
    """
    log = float(np.log(ratio))
    if abs(log) > OTHER_RATE:
        return 0.0
    return float(BY_LENGTH * np.clip(log, -MOST, MOST))
