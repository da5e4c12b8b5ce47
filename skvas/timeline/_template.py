"""The template: what all videos have in common, moment by moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from skvas._on_demand import choose, each, keep_of, lengths_of
from skvas._printing import tell
from skvas.timeline._alignability import alignability, is_related
from skvas.timeline._consult import consult
from skvas.timeline._discriminants import Discriminants, find_discriminants
from skvas.timeline._paths import Passage, follow, mean_cost
from skvas.timeline._principal import principal_directions, project
from skvas.videos._frames import sample_videos, spread, unit

# Frames of a video that the choice of the medoid looks at, the videos that may be it,
# and the videos that each of them is compared with.
MEDOID_FRAMES, MEDOID_CANDIDATES, MEDOID_OTHERS = 64, 16, 24
# Rounds of averaging; more change nothing.
N_ROUNDS = 2


@dataclass(frozen=True)
class Template:
    """One axis for all videos.

    Attributes
    ----------
    frames : ndarray of shape (n_positions, D')
        Unit frames as `view` returns them, as many as the median video has of those
        with more than one. Each position stands for the same mean share of a video's
        time.
    passages : list of Passage
        Where each video passes.
    alignability : ndarray of shape (n_videos,)
        Share of its cost that each video saves by the template's order.
    is_related : bool ndarray of shape (n_videos,)
        Whether the video was averaged, or could be; unrelated ones only have positions.
    discriminants : Discriminants or None
        What is looked at beside the frames; None for a lone video.
    directions : ndarray of shape (D, D'') or None
        Along which wide frames are looked at; None where they are as they were given.
    """

    frames: np.ndarray
    passages: list[Passage] = field(repr=False)  # long; notebooks show the rest
    alignability: np.ndarray
    is_related: np.ndarray
    discriminants: Discriminants | None
    directions: np.ndarray | None = None

    def view(self, video: np.ndarray) -> np.ndarray:
        """Return a video's unit frames as paths to the template see them."""
        if self.directions is not None:
            video = project(video, self.directions)
        return self.discriminants.append(video) if self.discriminants else video


def build_template(
    videos: Sequence[np.ndarray],
    rng: np.random.RandomState,
    *,
    limit: float,
) -> Template:
    """Average all videos along their monotone paths.

    Starts from the medoid of the videos. Each round matches every video with the
    template, averages the frames that are matched with each position, and moves the
    positions so that each stands for the same mean share of the videos' time. In all
    rounds but the last one, other videos have a say in where a video passes. Videos
    that are unrelated to the first average are left out of the next ones. At last the
    directions in which positions differ more than videos do are put beside the frames,
    for one round more. Of more than 128 videos a sample of as many is averaged, and the
    others are matched with the template only. Frames of more than 256 numbers are
    looked at along 64 principal directions.

    Parameters
    ----------
    videos : sequence of ndarray of shape (n_i, D)
        Unit frames.
    rng : RandomState
        Draws the permutations that tell unrelated videos.
    limit : float
        Bytes that a path may take.

    Returns
    -------
    Template
    """
    directions = principal_directions(videos)
    if directions is not None:
        videos = keep_of(videos)(project(video, directions) for video in videos)
    every, seen = videos, sample_videos(len(videos))
    if len(seen) < len(every):
        videos = choose(every, seen)
    template = videos[medoid(videos)]
    # Videos of one frame say nothing about how long the axis is.
    lengths = [n for n in lengths_of(videos) if n > 1] or [1]
    n_positions = round(float(np.median(lengths)))
    template = frames_at(template, np.linspace(0, len(template) - 1, n_positions))
    step, n_rounds = "putting the recordings on one timeline", N_ROUNDS + 3
    tell(step, 0, n_rounds)
    passages = [follow(video, template, limit=limit) for video in videos]
    n_videos = len(videos)
    if n_videos == 1:
        return Template(
            template, passages, np.ones(1), np.ones(1, dtype=bool), None, directions
        )
    template = unit(mean_at(videos, [passage.frames for passage in passages]))
    related = is_related(alignability(videos, template, rng))
    kept = np.flatnonzero(related).tolist()
    for done in range(N_ROUNDS):
        tell(step, done + 1, n_rounds)
        template = average(choose(videos, kept), template, limit, consulting=True)
    tell(step, N_ROUNDS + 1, n_rounds)
    passages = [follow(video, template, limit=limit) for video in videos]
    near = [passages[i].frames for i in kept]
    discriminants = find_discriminants(choose(videos, kept), near)
    views = each(discriminants.append, videos)
    template = unit(mean_at(choose(views, kept), near))
    tell(step, N_ROUNDS + 2, n_rounds)
    template = average(choose(views, kept), template, limit)
    if videos is not every:
        views = each(discriminants.append, every)
    passages = [follow(view, template, limit=limit) for view in views]
    saved = alignability(views, template, rng)
    all_related = is_related(saved)
    all_related[seen] = related
    return Template(template, passages, saved, all_related, discriminants, directions)


def medoid(videos: Sequence[np.ndarray]) -> int:
    """Return the video whose paths with (some of) the others cost least.

    Parameters
    ----------
    videos : sequence of ndarray of shape (n_i, D)
        Unit frames.

    Returns
    -------
    int
        Position of the video.
    """
    candidates = spread(len(videos), MEDOID_CANDIDATES)
    others = spread(len(videos), MEDOID_OTHERS)
    thin = {
        i: videos[i][spread(len(videos[i]), MEDOID_FRAMES)]
        for i in {*candidates.tolist(), *others.tolist()}
    }
    # The median, so that a few unrelated videos have no say.
    costs = [
        np.median([mean_cost(thin[i], thin[j]) for j in others if j != i] or [0.0])
        for i in candidates
    ]
    return int(candidates[np.argmin(costs)])


def average(
    videos: Sequence[np.ndarray],
    template: np.ndarray,
    limit: float,
    *,
    consulting: bool = False,
) -> np.ndarray:
    """Average videos along their paths through a template, in equal steps of time.

    Parameters
    ----------
    videos : sequence of ndarray of shape (n_i, D)
        Unit frames.
    template : ndarray of shape (n_positions, D)
        Unit frames that the videos are matched with.
    limit : float
        Bytes that a path may take.
    consulting : bool, default=False
        Whether other videos have a say in where a video passes.

    Returns
    -------
    ndarray of shape (n_positions, D)
        Unit frames.
    """
    passages = [follow(video, template, limit=limit) for video in videos]
    if consulting:
        passed = consult(videos, passages)
    else:
        passed = [passage.frames for passage in passages]
    mean = mean_at(videos, passed)
    return unit(_in_equal_steps(mean, _shares_of_time(videos, passed)))


def mean_at(videos: Sequence[np.ndarray], passed: Sequence[np.ndarray]) -> np.ndarray:
    """Average the frames that pass each position.

    Parameters
    ----------
    videos : sequence of ndarray of shape (n_i, d)
        Any features of the frames.
    passed : sequence of ndarray of shape (n_positions,)
        The (fractional) frame with which each video passes each position.

    Returns
    -------
    ndarray of shape (n_positions, d)
    """
    total = np.zeros((len(passed[0]), videos[0].shape[1]))
    for video, frames in zip(videos, passed, strict=True):
        total += frames_at(video, frames)
    return total / len(videos)


def frames_at(video: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """Return the frames nearest to fractional ones.

    Parameters
    ----------
    video : ndarray of shape (n_frames, ...)
        One entry a frame.
    frames : float ndarray of shape (n,)
        In [0, n_frames - 1].

    Returns
    -------
    ndarray of shape (n, ...)
    """
    return video[np.rint(frames).astype(np.int64)]


def _shares_of_time(
    videos: Sequence[np.ndarray], passed: Sequence[np.ndarray]
) -> np.ndarray:
    """Return the mean share of their time that videos have spent at each position."""
    shares = [frames / n for n, frames in zip(lengths_of(videos), passed, strict=True)]
    mean: np.ndarray = np.mean(shares, axis=0)
    return mean


def _in_equal_steps(template: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Resample a template so that shares rise by equal steps."""
    span = shares[-1] - shares[0]
    if span <= 0:
        return template
    wanted = np.linspace(0, 1, len(template))
    index = np.interp(wanted, (shares - shares[0]) / span, np.arange(len(template)))
    return frames_at(template, index)
