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

# Names up to this length are written into segments; longer names are numbered.
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
        Position on the vertical axis, in data units.
    """

    codes: NDArray[np.int64]
    bottom: float
    height: float


def draw_strips(
    ax: Any, strips: Sequence[Strip], names: Sequence[str], *, scale: float, style: str
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
    style : {"plain", "tagged", "hatched"}
        "plain" distinguishes actions by colour alone; "tagged" also by the tags of
        `annotate_strips`; "hatched" also by hatching.

    Returns
    -------
    list of matplotlib Patch
        One patch for each action that occurs, background last.
    """
    collections = import_optional("matplotlib.collections", "plot")
    handles = {}
    for code, boxes in _boxes(strips, scale).items():
        patch = _patch_style(code, hatched=style == "hatched")
        corners = [[(x, b), (y, b), (y, t), (x, t)] for x, y, b, t in boxes]
        ax.add_collection(
            collections.PolyCollection(corners, label=_label(code, names), **patch),
            autolim=False,
        )
        handles[code] = _handle(code, names, patch, tagged=style == "tagged")
    return [handles[code] for code in sorted(handles, key=lambda c: (c < 0, c))]


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


def _label(code: int, names: Sequence[str]) -> str:
    return "background" if code < 0 else names[code]


def _tags(names: Sequence[str]) -> list[str]:
    """Return the tag of each action: its name, or a number if any name is long."""
    if all(len(name) <= SHORT_NAME for name in names):
        return list(names)
    return [str(number + 1) for number in range(len(names))]


def _handle(
    code: int, names: Sequence[str], style: dict[str, Any], *, tagged: bool
) -> Any:
    """Return a legend patch; a tag that differs from the name precedes the name."""
    patches = import_optional("matplotlib.patches", "plot")
    label, tag = _label(code, names), "" if code < 0 else _tags(names)[code]
    if tagged and tag not in ("", label):
        label = f"{tag}  {label}"
    return patches.Patch(label=label, **style)
