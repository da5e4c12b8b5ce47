"""Segments drawn as strips of colour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skvas._optional import import_optional
from skvas.decoding import labels_to_segments
from skvas.display._fonts import complete_fonts
from skvas.display._short import no_formulas
from skvas.display._style import (
    HATCHED,
    NO_ACTION,
    NO_ACTION_HATCHES,
    OWN_TIME,
    PROGRESS,
    colour,
    hatch,
    ink,
)

# Names up to this length are written into segments; longer names are numbered.
SHORT_NAME = 5
SMALLEST_FONT, LARGEST_FONT = 5.0, 8.0


@dataclass(frozen=True)
class Strip:
    """The segments of one video at one height.

    Parameters
    ----------
    codes : int64 ndarray of shape (n_frames,)
        Action of each frame, or a negative code of `NO_ACTION`.
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
        One patch for each action that occurs; what is no action comes last.
    """
    boxes = _boxes(strips, scale)
    return [
        _draw_boxes(ax, boxes[code], code, names, hatched=hatched)
        for code in sorted(boxes, key=lambda c: (c < 0, abs(c)))
    ]


def annotate_strips(
    ax: Any, strips: Sequence[Strip], names: Sequence[str], *, scale: float
) -> None:
    """Write the tag of its action into each segment that has room for it."""
    figure = ax.figure.get_figure(root=True)
    complete_fonts(ax, quiet=True)
    figure.draw_without_rendering()  # a layout engine moves the axes
    corner, unit = ax.transData.transform([(0, 0), (1, 1)])
    width, height = np.abs(unit - corner) * 72 / figure.dpi  # points
    tags = _tags(names)
    texts = no_formulas(tags)
    for code, boxes in _boxes(strips, scale).items():
        if code < 0:
            continue
        fill = colour(code)
        # Nobody can read a number that lies on a hatch.
        box = {"facecolor": fill, "linewidth": 0, "boxstyle": "round,pad=0.1"}
        style = {"color": ink(fill), "bbox": box if hatch(code, always=False) else None}
        for left, right, bottom, top in boxes:
            size = min(LARGEST_FONT, 0.75 * (top - bottom) * height)
            needed = (0.65 * len(tags[code]) + 0.4) * size
            if size >= SMALLEST_FONT and (right - left) * width >= needed:
                ax.text(
                    (left + right) / 2,
                    (bottom + top) / 2,
                    texts[code],
                    ha="center",
                    va="center_baseline",
                    fontsize=size,
                    clip_on=True,
                    **style,
                )


def draw_times(
    ax: Any, row: NDArray[np.float64], extent: tuple[float, float, float, float]
) -> Any:
    """Draw shares of a time as one row of colours, and return the image.

    Parameters
    ----------
    ax : matplotlib Axes
        Axes to draw on.
    row : float ndarray
        Shares of the time, NaN for none.
    extent : tuple of float
        Left, right, bottom and top.
    """
    return ax.imshow(
        row[None],
        cmap=PROGRESS,
        vmin=0,
        vmax=1,
        aspect="auto",
        interpolation="nearest",
        extent=extent,
    )


def draw_progress(
    ax: Any, rows: Sequence[NDArray[np.float64]], *, scale: float, missing: int
) -> tuple[Any, list[Any]]:
    """Draw rows, 0.9 high, that are coloured by the time in each video.

    Parameters
    ----------
    ax : matplotlib Axes
        Axes to draw on.
    rows : sequence of float ndarray
        Shares of the time of the video, NaN where a moment is missing.
    scale : float
        Length of an entry on the time axis.
    missing : int
        Code, of `NO_ACTION`, of what is missing.

    Returns
    -------
    bar : matplotlib Colorbar
        The scale of colours, below the axes.
    handles : list of matplotlib Patch
        The mark of what is missing, if anything is.
    """
    for place, row in enumerate(rows):
        image = draw_times(ax, row, (0, len(row) * scale, place + 0.9, place))
    bar = ax.figure.colorbar(image, ax=ax, location="bottom", shrink=0.4, aspect=40)
    bar.set_label(OWN_TIME)
    codes = [np.where(np.isnan(row), missing, 0) for row in rows]
    strips = [Strip(code, place, 0.9) for place, code in enumerate(codes)]
    gaps = _boxes(strips, scale).get(missing)
    return bar, [_draw_boxes(ax, gaps, missing, [], hatched=False)] if gaps else []


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


def _draw_boxes(
    ax: Any,
    boxes: Sequence[tuple[float, float, float, float]],
    code: int,
    names: Sequence[str],
    *,
    hatched: bool,
) -> Any:
    """Draw the segments of one action, and return its mark in a legend."""
    collections = import_optional("matplotlib.collections", "plot")
    patches = import_optional("matplotlib.patches", "plot")
    style = _patch_style(code, hatched=hatched)
    style["label"] = NO_ACTION.get(code) or names[code]
    corners = [[(x, b), (y, b), (y, t), (x, t)] for x, y, b, t in boxes]
    ax.add_collection(collections.PolyCollection(corners, **style), autolim=False)
    return patches.Patch(**style)


def _patch_style(code: int, *, hatched: bool) -> dict[str, Any]:
    fill = colour(code)
    return {
        "facecolor": fill,
        # the colour of the hatch
        "edgecolor": HATCHED if code in NO_ACTION_HATCHES else ink(fill),
        "hatch": hatch(code, always=hatched),
        "linewidth": 0,
    }


def _tags(names: Sequence[str]) -> list[str]:
    """Return the tag of each action: its name, or a number if any name is long."""
    if all(len(name) <= SHORT_NAME for name in names):
        return list(names)
    return [str(number + 1) for number in range(len(names))]
