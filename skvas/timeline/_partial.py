"""Whether videos of a timeline begin late or stop early."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from skvas._on_demand import choose, each
from skvas.metrics._known import known_again
from skvas.timeline._alignability import alignability, is_related
from skvas.timeline._parts import PART, find_whole
from skvas.timeline._principal import project
from skvas.timeline._template import Template, build_template
from skvas.videos._frames import sample_videos, spread_frames

# Frames of a video, and equal stretches of the timeline, by which it is told how far
# frames are known again by their positions.
SEEN_FRAMES, STRETCHES = 256, 12
# Parts must make them known again so many times as well: what noise alone leaves out
# makes them known worse.
BETTER = 1.015


def allow_parts(
    template: Template,
    frames: Sequence[np.ndarray],
    whitened: Sequence[np.ndarray],
    *,
    limit: float,
) -> Template:
    """Let videos begin late or stop early, where they do.

    If some seem to, the template is built anew from the others. It is kept if frames of
    one stretch of time are then better known again in other videos. If none does,
    new videos may.

    Parameters
    ----------
    template : Template
        Of all videos, which pass all of it, and share an order.
    frames : sequence of ndarray of shape (n_i, D)
        Their unit frames.
    whitened : sequence of ndarray of shape (n_i, d)
        Their whitened features.
    limit : float
        Bytes that the work on one video may take.

    Returns
    -------
    Template
    """
    seen = sample_videos(len(frames))
    whole = find_whole(_narrowed(choose(frames, seen), template))
    if whole is not None:
        parted = build_template(frames, limit=limit, whole=seen[whole])
        if _known(parted, whitened) >= BETTER * _known(template, whitened):
            return parted
    views = each(template.view, frames)
    open_to_parts = replace(template, least_share=PART)
    if any(open_to_parts.part_of(view) is not None for view in choose(views, seen)):
        return template
    others = np.setdiff1d(np.arange(len(frames)), seen)
    return _pass_parts(open_to_parts, views, others, limit)


def _pass_parts(
    template: Template, views: Sequence[np.ndarray], others: np.ndarray, limit: float
) -> Template:
    """Let videos that were not looked at pass their parts, as new ones would."""
    parts = {int(i): template.part_of(views[i]) for i in others}
    late = np.array([i for i, part in parts.items() if part is not None], dtype=int)
    if not len(late):
        return template
    passages, saved = [*template.passages], template.alignability.copy()
    for i in late:
        passages[i] = template.follow(views[i], limit=limit)
    of_late = [parts[int(i)] for i in late]
    saved[late] = alignability(choose(views, late), template.frames, of_late)
    related = template.is_related.copy()
    related[late] = is_related(saved)[late]
    return replace(template, passages=passages, alignability=saved, is_related=related)


def _narrowed(frames: Sequence[np.ndarray], template: Template) -> Sequence[np.ndarray]:
    if template.directions is None:
        return frames
    return each(partial(project, directions=template.directions), frames)


def _known(template: Template, whitened: Sequence[np.ndarray]) -> float:
    """Return how well stretches of the timeline are known again in other videos."""
    features, codes = [], []
    for i in sample_videos(len(whitened)):
        positions = template.passages[i].positions
        few = spread_frames(len(positions), SEEN_FRAMES)
        stretch = positions[few] / len(template.frames) * STRETCHES
        codes.append(stretch.astype(np.int64))
        features.append(np.asarray(whitened[i])[few])
    return known_again(features, codes)
