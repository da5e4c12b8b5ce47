"""The template: what all videos have in common, moment by moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from skvas._on_demand import choose, each, keep_of, lengths_of
from skvas._printing import tell
from skvas.timeline._alignability import alignability, is_related
from skvas.timeline._average import average, frames_at, mean_at, medoid
from skvas.timeline._discriminants import Discriminants, find_discriminants
from skvas.timeline._parts import WHOLE, follow_part, passed_part
from skvas.timeline._paths import Passage, follow
from skvas.timeline._principal import principal_directions, project
from skvas.videos._frames import sample_videos, unit

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
    least_share : float
        A video that passes a smaller share of the positions begins late or stops early,
        and is matched with those alone. 0: none does.
    """

    frames: np.ndarray
    passages: list[Passage] = field(repr=False)  # long; notebooks show the rest
    alignability: np.ndarray
    is_related: np.ndarray
    discriminants: Discriminants | None
    directions: np.ndarray | None = None
    least_share: float = 0.0

    @property
    def whole(self) -> np.ndarray:
        """Numbers of the related videos that pass all positions, or nearly all."""
        related = np.flatnonzero(self.is_related)
        whole = [i for i in related if self.passages[i].part is None]
        return np.array(whole) if len(whole) > 1 else related

    def view(self, video: np.ndarray) -> np.ndarray:
        """Return a video's unit frames as paths to the template see them."""
        if self.directions is not None:
            video = project(video, self.directions)
        return self.discriminants.append(video) if self.discriminants else video

    def follow(self, view: np.ndarray, *, limit: float) -> Passage:
        """Match a video with the template, as `view` sees it, in `limit` bytes."""
        return follow_part(view, self.frames, self.part_of(view), limit=limit)

    def part_of(self, view: np.ndarray) -> tuple[int, int] | None:
        """Return the positions that a video passes, from and to; None: all."""
        if not self.least_share:
            return None
        return passed_part(view, self.frames, self.least_share)


def build_template(
    videos: Sequence[np.ndarray],
    *,
    limit: float,
    whole: np.ndarray | None = None,
) -> Template:
    """Average all videos along their monotone paths.

    Starts from the medoid of the videos. Each round matches every video with the
    template, averages the frames that are matched with each position, and moves the
    positions so that each stands for the same mean share of the videos' time. In all
    rounds but the last one, other videos have a say in where a video passes. Videos
    that are unrelated to the first average are left out of the next ones. At last the
    directions in which positions differ more than videos do are put beside the frames,
    for one round more. Of more than 128 videos a sample of as many is averaged, and the
    others are matched with the template only; and so are those that begin late or stop
    early. Frames of more than 256 numbers are looked at along 64 principal directions.

    Parameters
    ----------
    videos : sequence of ndarray of shape (n_i, D)
        Unit frames.
    limit : float
        Bytes that a path may take.
    whole : int64 ndarray, default=None
        Numbers of the videos that are averaged, where others are parts of the activity.

    Returns
    -------
    Template
    """
    directions = principal_directions(videos)
    if directions is not None:
        videos = keep_of(videos)(project(video, directions) for video in videos)
    every = videos
    seen = sample_videos(len(videos)) if whole is None else whole
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
    related = is_related(alignability(videos, template))
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
    least = 0.0 if whole is None else WHOLE
    found = Template(
        template, [], np.zeros(0), related, discriminants, directions, least
    )
    passages = [found.follow(view, limit=limit) for view in views]
    saved = alignability(views, template, [passage.part for passage in passages])
    all_related = is_related(saved)
    all_related[seen] = related
    return replace(found, passages=passages, alignability=saved, is_related=all_related)
