"""Segments drawn as strips of colour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skvas._optional import import_optional
from skvas.decoding import labels_to_segments
from skvas.display._style import NO_ACTION, colour, hatch, ink

# Names up to this length are written into segments; longer names are numbered.
SHORT_NAME = 5
SMALLEST_FONT, LARGEST_FONT = 5.0, 8.0


@dataclass(frozen=True)
class Strip:
    """The segments of one video at one height.

    Parameters
    ----------
    codes : int64 ndarray of shape (n_frames,)
        Action of each frame, -1 for background, -2 without a label.
    bottom, height : float
        Position on the vertical axis, in data units.
    """

    codes: NDArray[np.int64]
    bottom: float
    height: float


def draw_strips(
    ax: Any,
    strips: Sequence[Strip],
    names: Sequence[str],
    *,
    scale: float,
    hatched: bool = False,
) -> list[Any]:
    """Draw strips, one collection for each action, and return legend handles.

    Parameters
    ----------
    ax : matplotlib Axes
        Axes to draw on.
    strips : sequence of Strip
        Strips to draw.
    names : sequence of str
        Names of the actions.
    scale : float
        Length of a frame on the time axis.
    hatched : bool, default=False
        Whether to distinguish actions by hatching as well as by colour.

    Returns
    -------
    list of matplotlib Patch
        One patch for each action that occurs; background and no label come last.
    """
    collections = import_optional("matplotlib.collections", "plot")
    patches = import_optional("matplotlib.patches", "plot")
    handles = {}
    for code, boxes in _boxes(strips, scale).items():
        patch = _patch_style(code, hatched=hatched)
        patch["label"] = NO_ACTION.get(code) or names[code]
        corners = [[(x, b), (y, b), (y, t), (x, t)] for x, y, b, t in boxes]
        ax.add_collection(collections.PolyCollection(corners, **patch), autolim=False)
        handles[code] = patches.Patch(**patch)
    return [handles[code] for code in sorted(handles, key=lambda c: (c < 0, abs(c)))]


def annotate_strips(
    ax: Any, strips: Sequence[Strip], names: Sequence[str], *, scale: float
) -> None:
    """Write the tag of its action into each segment that has room for it."""
    figure = ax.figure.get_figure(root=True)
    figure.draw_without_rendering()  # a layout engine moves the axes
    corner, unit = ax.transData.transform([(0, 0), (1, 1)])
    width, height = np.abs(unit - corner) * 72 / figure.dpi  # points
    tags = _tags(names)
    for code, boxes in _boxes(strips, scale).items():
        if code < 0:
            continue
        for left, right, bottom, top in boxes:
            size = min(LARGEST_FONT, 0.75 * (top - bottom) * height)
            needed = (0.65 * len(tags[code]) + 0.4) * size
            if size >= SMALLEST_FONT and (right - left) * width >= needed:
                ax.text(
                    (left + right) / 2,
                    (bottom + top) / 2,
                    tags[code],
                    ha="center",
                    va="center_baseline",
                    fontsize=size,
                    color=ink(colour(code)),
                    clip_on=True,
                )


def list_tags(strips: Sequence[Strip], names: Sequence[str]) -> list[str]:
    """Return the tags that stand in segments instead of names, for a legend.

    One for each handle of `draw_strips`, empty where nothing but the name is needed.
    """
    codes = np.unique(np.concatenate([strip.codes for strip in strips])).tolist()
    tags = _tags(names)
    found = [tags[k] if tags[k] != names[k] else "" for k in codes if k >= 0]
    return found + [""] * (len(codes) - len(found))


def _boxes(
    strips: Sequence[Strip], scale: float
) -> dict[int, list[tuple[float, float, float, float]]]:
    """Map each action to the left, right, bottom and top of its segments."""
    boxes: dict[int, list[tuple[float, float, float, float]]] = {}
    for strip in strips:
        for segment in labels_to_segments(strip.codes):
            sides = (segment.start * scale, segment.end * scale)
            box = (*sides, strip.bottom, strip.bottom + strip.height)
            boxes.setdefault(segment.label, []).append(box)
    return boxes


def _patch_style(code: int, *, hatched: bool) -> dict[str, Any]:
    fill = colour(code)
    return {
        "facecolor": fill,
        "edgecolor": ink(fill),  # the colour of the hatch
        "hatch": hatch(code, always=hatched),
        "linewidth": 0,
    }


def _tags(names: Sequence[str]) -> list[str]:
    """Return the tag of each action: its name, or a number if any name is long."""
    if all(len(name) <= SHORT_NAME for name in names):
        return list(names)
    return [str(number + 1) for number in range(len(names))]
