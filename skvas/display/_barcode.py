"""Segments drawn as strips of colour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skvas._optional import import_optional
from skvas.decoding import labels_to_segments
from skvas.display._style import colour, hatch, ink

# Names of at most so many letters stand in the segments; longer ones are numbered.
SHORT_NAME = 5
SMALLEST_FONT, LARGEST_FONT = 5.0, 8.0


@dataclass(frozen=True)
class Strip:
    """The segments of one video at one height.

    Parameters
    ----------
    codes : int64 ndarray of shape (n_frames,)
        Action of each frame, -1 for background.
    bottom, height : float
        Where it is drawn, in units of the axes.
    """

    codes: NDArray[np.int64]
    bottom: float
    height: float


def draw_strips(
    ax: Any, strips: Sequence[Strip], names: Sequence[str], *, scale: float, style: str
) -> list[Any]:
    """Draw strips, one collection an action, and return the handles of a legend.

    Parameters
    ----------
    ax : matplotlib Axes
        Where to draw.
    strips : sequence of Strip
        What to draw.
    names : sequence of str
        Names of the actions.
    scale : float
        How much of the axis a frame takes.
    style : {"plain", "tagged", "hatched"}
        Whether actions differ by colour alone, by the tags that `annotate_strips`
        writes as well, or by hatching as well.

    Returns
    -------
    list of matplotlib Patch
        One an action that occurs, background last.
    """
    collections = import_optional("matplotlib.collections", "plot")
    handles = {}
    for code, boxes in _boxes(strips, scale).items():
        look = _look(code, hatched=style == "hatched")
        corners = [[(x, b), (y, b), (y, t), (x, t)] for x, y, b, t in boxes]
        ax.add_collection(
            collections.PolyCollection(corners, label=_label(code, names), **look),
            autolim=False,
        )
        handles[code] = _handle(code, names, look, tagged=style == "tagged")
    return [handles[code] for code in sorted(handles, key=lambda c: (c < 0, c))]


def annotate_strips(
    ax: Any, strips: Sequence[Strip], names: Sequence[str], *, scale: float
) -> None:
    """Write into each segment with room for it the tag of its action."""
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


def _boxes(
    strips: Sequence[Strip], scale: float
) -> dict[int, list[tuple[float, float, float, float]]]:
    """Map each action to left, right, bottom and top of its segments."""
    boxes: dict[int, list[tuple[float, float, float, float]]] = {}
    for strip in strips:
        for segment in labels_to_segments(strip.codes):
            sides = (segment.start * scale, segment.end * scale)
            box = (*sides, strip.bottom, strip.bottom + strip.height)
            boxes.setdefault(segment.label, []).append(box)
    return boxes


def _look(code: int, *, hatched: bool) -> dict[str, Any]:
    fill = colour(code)
    return {
        "facecolor": fill,
        "edgecolor": ink(fill),  # the colour of the hatch
        "hatch": hatch(code, always=hatched),
        "linewidth": 0,
    }


def _label(code: int, names: Sequence[str]) -> str:
    return "background" if code < 0 else names[code]


def _tags(names: Sequence[str]) -> list[str]:
    """Return what stands in a segment: the name, or a number where names are long."""
    if all(len(name) <= SHORT_NAME for name in names):
        return list(names)
    return [str(number + 1) for number in range(len(names))]


def _handle(
    code: int, names: Sequence[str], look: dict[str, Any], *, tagged: bool
) -> Any:
    """Return a patch for the legend, with the tag before the name where they differ."""
    patches = import_optional("matplotlib.patches", "plot")
    label, tag = _label(code, names), "" if code < 0 else _tags(names)[code]
    if tagged and tag not in ("", label):
        label = f"{tag}  {label}"
    return patches.Patch(label=label, **look)
