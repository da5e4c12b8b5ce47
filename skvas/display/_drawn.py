"""What displays have drawn on axes, so that what is drawn next replaces it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from skvas._optional import import_optional
from skvas.display._fonts import complete_fonts

# Attributes of axes: the traces of a display, and where the recordings that it drew
# end, by the name of the axis of time.
TRACES, ENDS = "_skvas_traces", "_skvas_ends"


@dataclass
class Traces:
    """What a display has left on axes.

    Parameters
    ----------
    artists : list of matplotlib Artist
        Children of the axes.
    others : list
        What stands beside the axes, such as colour bars and panels.
    before, after : list
        Settings of the axes, before the display drew and after.
    """

    artists: list[Any]
    others: list[Any]
    before: list[Any]
    after: list[Any]


@contextmanager
def redrawing(ax: Any) -> Iterator[list[Any]]:
    """Replace what a display has drawn on axes by what is drawn inside.

    What others have drawn stays, a legend too.

    Parameters
    ----------
    ax : matplotlib Axes
        The axes.

    Yields
    ------
    list
        What is drawn beside the axes is to be added to it: colour bars, and axes.
    """
    _erase(ax)
    there, legend = {id(child) for child in ax.get_children()}, ax.get_legend()
    before = [get() for get, _ in _settings(ax)]
    others: list[Any] = []
    try:
        yield others
        complete_fonts(ax, others)
    finally:
        if legend is not None and ax.get_legend() is not legend:
            ax.add_artist(legend)
        artists = [child for child in ax.get_children() if id(child) not in there]
        after = [get() for get, _ in _settings(ax)]
        setattr(ax, TRACES, Traces(artists, others, before, after))


def _erase(ax: Any) -> None:
    """Remove what a display has left on axes, but not what others changed since."""
    traces = ax.__dict__.pop(TRACES, None)
    ax.__dict__.pop(ENDS, None)
    if traces is None:
        return
    for other in traces.others:
        if getattr(other, "ax", other).figure is not None:
            with suppress(AttributeError):  # of a bar whose axes were cleared
                other.remove()
    there = {id(child) for child in ax.get_children()}
    for artist in traces.artists:
        if id(artist) in there:
            artist.remove()
    pairs = zip(_settings(ax), traces.before, traces.after, strict=True)
    for (get, put), old, new in pairs:
        if get() == new and old != new:
            put(old)
    ax.relim()
    for collection in ax.collections:  # which relim of matplotlib 3.10 leaves out
        ax.update_datalim(collection.get_datalim(ax.transData))


def _settings(ax: Any) -> list[tuple[Callable[[], Any], Callable[[Any], Any]]]:
    """Return how to read and how to write each setting that displays change."""
    usual = import_optional("matplotlib", "plot").rcParams
    ticks = {"length": "ytick.major.size", "labelsize": "ytick.labelsize"}
    axes = (ax.xaxis, ax.yaxis)
    return [
        (ax.get_title, ax.set_title),
        (ax.title.get_fontsize, ax.title.set_fontsize),
        (ax.get_xlabel, ax.set_xlabel),
        (ax.get_ylabel, ax.set_ylabel),
        (ax.get_aspect, ax.set_aspect),
        (ax.get_autoscalex_on, ax.set_autoscalex_on),
        (ax.get_autoscaley_on, ax.set_autoscaley_on),
        (ax.yaxis.get_inverted, ax.yaxis.set_inverted),
        (lambda: ax.axison, lambda on: ax.axis("on" if on else "off")),
        *(
            (
                lambda key=key: ax.yaxis.get_tick_params().get(key, usual[ticks[key]]),
                lambda value, key=key: ax.tick_params(axis="y", **{key: value}),
            )
            for key in ticks
        ),
        *((axis.get_major_locator, axis.set_major_locator) for axis in axes),
        *((axis.get_major_formatter, axis.set_major_formatter) for axis in axes),
        *((spine.get_visible, spine.set_visible) for spine in ax.spines.values()),
    ]
