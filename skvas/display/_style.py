"""Colours, axes and time scales shared by the displays."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skvas._optional import import_optional
from skvas._printing import shorten
from skvas.datasets._recordings import mean_rates, recordings_of
from skvas.display._drawn import ENDS
from skvas.display._short import no_formulas, show_names
from skvas.validation import is_unlabelled, respell

# The first seven are those of Okabe and Ito ("Color Universal Design", 2008, black left
# out); each further one is as far as can be, in OKLab, from all before it in the eyes
# of people with normal, protan, deutan and tritan vision.
COLOURS = (
    "#0072b2",
    "#e69f00",
    "#009e73",
    "#cc79a7",
    "#56b4e9",
    "#d55e00",
    "#f0e442",
    "#780f00",
    "#4b1e87",
    "#9687ff",
    "#96ffa5",
    "#c3000f",
    "#5a2db4",
    "#a5b496",
    "#96d2ff",
    "#5a2d4b",
    "#965ae1",
    "#b42d87",
    "#b4d287",
    "#00694b",
)
BACKGROUND = "#e4e4e4"
HIGHLIGHT = "#d55e00"
HATCHES = (
    *("", "////", "....", "xxxx", "----"),
    *("\\\\\\\\", "||||", "++++", "oo", "**"),
)
# The colours of time, and what a scale of them is called.
PROGRESS, OWN_TIME = "viridis", "share of the video's own time"
# Points of a row of a legend, and of what a column has beside its names and a letter,
# where texts have 10 points.
LEGEND_ROW, LEGEND_MARK, LEGEND_LETTER = 13, 35, 4.6
# Points of the smallest name of a row, and points that its row has at least.
SMALLEST_NAME, NARROWEST_ROW = 4.0, 4.5
# Share of the width of a figure that a legend may take, before the figure grows.
LEGEND_SHARE = 0.3
# Largest integer label that is its own code; the picture has a name for each below it.
LARGEST = 999
# Codes of frames without an action, with their names in legends and their hatches.
UNLABELLED, UNMATCHED, LACKING = -2, -3, -4
NO_ACTION = {
    -1: "background",
    UNLABELLED: "no label",
    UNMATCHED: "no counterpart",
    LACKING: "lacking",
}
NO_ACTION_HATCHES = {UNLABELLED: "..", UNMATCHED: "////", LACKING: "////"}
# The grey of these hatches.
HATCHED = "0.45"
# Letters of whose time an axis shows, and in what, on one line.
LONGEST_LABEL = 44
# Duration in seconds above which an axis shows minutes.
LONG = 180
HOUR = 3600
# Share of the step between ticks by which a limit may miss a tick.
ROUNDING = 1e-6
# Seconds from tick to tick.
CLOCK_STEPS = (
    *(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5),
    *(1, 2, 5, 10, 15, 30),
    *(60 * minutes for minutes in (1, 2, 5, 10, 30)),
    *(HOUR * 10**power * hours for power in range(4) for hours in (1, 2, 5)),
)

ActionNames = Sequence[str] | NDArray[Any] | Mapping[Any, str] | None


def colour(code: int) -> str:
    """Return the colour of an action; what is none is grey."""
    return BACKGROUND if code < 0 else COLOURS[code % len(COLOURS)]


def hatch(code: int, *, always: bool) -> str:
    """Return the hatch of an action; without `always`, only if colours run out.

    Greys differ in their hatches, too: background has none.
    """
    if code < 0:
        return NO_ACTION_HATCHES.get(code, "")
    turn = code // len(COLOURS)
    return HATCHES[(turn + (code if always else 0)) % len(HATCHES)]


def ink(background: str) -> str:
    """Return black or white, whichever has more contrast on a colour."""
    return "black" if luminance(background) > 0.18 else "white"


def luminance(shade: str) -> float:
    """Return how bright a colour is, from 0 to 1."""
    red, green, blue = (int(shade[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return float(0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2)


def check_has(estimator: Any, method: str, display: type, instead: str) -> None:
    """Raise TypeError if an estimator lacks an attribute that a display needs.

    Parameters
    ----------
    estimator : object
        The user's estimator.
    method : str
        Name of the method or attribute.
    display : type
        Class of the display.
    instead : str
        Names of estimators with the attribute.
    """
    if not hasattr(estimator, method):
        raise TypeError(
            f"{display.__name__} needs an estimator with {method}, such as {instead}; "
            f"got {type(estimator).__name__}."
        )


def is_axes(ax: Any) -> bool:
    """Tell whether something is one axes of matplotlib."""
    return isinstance(ax, import_optional("matplotlib.axes", "plot").Axes)


def check_ax(ax: Any) -> Any:
    """Return the axes that a user gave; raise TypeError unless they are one."""
    if not is_axes(ax):
        raise TypeError(
            f"ax must be one Axes of matplotlib, got {type(ax).__name__}: pass one "
            "entry of an array of axes, or figure.subplots() of a figure."
        )
    return ax


def make_axes(ax: Any, figsize: tuple[float, float]) -> Any:
    """Return the user's axes, or the axes of a new figure."""
    if ax is not None:
        return check_ax(ax)
    pyplot = import_optional("matplotlib.pyplot", "plot")
    return pyplot.subplots(figsize=figsize, layout="constrained")[1]


@dataclass(frozen=True)
class Shown:
    """A video to draw, with its name and frame rate where they are known."""

    video: Any
    name: str | None = None
    fps: float | None = None


def recording_of(video: Any) -> Shown:
    """Return the only one of some recordings, or any other video as it is."""
    known = recordings_of(video)
    if known is None or len(known) != 1:
        return Shown(video)
    rate = mean_rates(known)
    return Shown(known[0], known.names[0], None if rate is None else rate[0])


def scale_time(axis: Any, fps: float | None, n_frames: int, of: str = "") -> float:
    """Label a time axis, and return the length of a frame on it.

    Parameters
    ----------
    axis : matplotlib Axis
        The axis.
    fps : float or None
        Frames per second; None: the unit of the axis is frames.
    n_frames : int
        Number of frames shown, which decides between seconds and minutes.
    of : str, default=""
        Owner of the time axis, for its label.
    """
    ticker = import_optional("matplotlib.ticker", "plot")
    whose = f" of {of}" if of else ""
    if fps is None:
        axis.set_label_text(f"frame{whose}")
        whole = ticker.MaxNLocator("auto", steps=[1, 2, 5, 10], integer=True)
        _set_ticks(axis, whole, ticker.ScalarFormatter())
        return 1.0
    unit = _unit(max([n_frames / fps, *_ends_beside(axis)]))
    told = f"in {unit} ({fps:g} frames/s)"
    between = " " if len(whose) + len(told) <= LONGEST_LABEL else "\n"
    axis.set_label_text(f"time{whose}{between}{told}")
    for other in _drawn_beside(axis):  # ticks of a shared axis are its own, too
        text = other.get_label_text()
        other.set_label_text(re.sub(r"\bin (h:)?(min:)?s \(", f"in {unit} (", text))
    if unit == "s":
        _set_ticks(axis, ticker.AutoLocator(), ticker.ScalarFormatter())
    else:
        _set_ticks(axis, _clock_locator(), _format_hours if "h" in unit else _format)
    return 1 / fps


def set_end(axis: Any, end: float) -> None:
    """Let a time axis go from 0 to an end, or on to what others drew on a shared one.

    Parameters
    ----------
    axis : matplotlib Axis
        The axis.
    end : float
        Where the recording ends on it.
    """
    axis.axes.__dict__.setdefault(ENDS, {})[axis.axis_name] = end
    around = [0.0, end, *_ends_beside(axis)]
    start, end = min(around), max(around)
    limit = getattr(axis.axes, f"set_{axis.axis_name}lim")
    limit(start, end)


def _ends_beside(axis: Any) -> list[float]:
    """Return where what others drew on a shared axis ends, else nothing.

    For displays, these are the ends of recordings; for all else, the limits.
    """
    others = _drawn_beside(axis)
    ends = [o.axes.__dict__.get(ENDS, {}).get(o.axis_name) for o in others]
    return _limits(axis) if None in ends else ends


def _limits(axis: Any) -> list[float]:
    return list(getattr(axis.axes, f"get_{axis.axis_name}lim")())


def _drawn_beside(axis: Any) -> list[Any]:
    """Return the axis of others that share it and have data, but of no inset."""
    ax, name = axis.axes, axis.axis_name
    shared = getattr(ax, f"get_shared_{name}_axes")().get_siblings(ax)
    own = [ax, *ax.child_axes]
    others = [other for other in shared if other not in own and other.has_data()]
    return [getattr(other, f"{name}axis") for other in others]


def _unit(seconds: float) -> str:
    if seconds <= LONG:
        return "s"
    return "min:s" if seconds < HOUR else "h:min:s"


def _set_ticks(axis: Any, locator: Any, formatter: Any) -> None:
    axis.set_major_locator(locator)
    axis.set_major_formatter(formatter)


def clock_step(span: float, n_ticks: int) -> float:
    """Return the seconds from tick to tick, of which a span holds `n_ticks` at most."""
    steps = (step for step in CLOCK_STEPS if span <= step * n_ticks)
    return next(steps, CLOCK_STEPS[-1])


def _clock_locator() -> Any:
    """Return a locator of ticks at round seconds, minutes or hours."""
    ticker = import_optional("matplotlib.ticker", "plot")

    class ClockLocator(ticker.Locator):  # type: ignore[name-defined]
        def __call__(self) -> Any:
            return self.tick_values(*self.axis.get_view_interval())

        def tick_values(self, vmin: float, vmax: float) -> Any:
            low, high = sorted((vmin, vmax))
            letters = 7 if high >= HOUR else 5
            n_ticks = min(9, max(1, self.axis.get_tick_space() * 4 // letters))
            step = clock_step(high - low, n_ticks)
            first, last = np.ceil(low / step - ROUNDING), high / step + ROUNDING
            return np.arange(first, np.floor(last) + 1) * step

        def __reduce__(self) -> Any:  # a class in a function cannot be pickled
            return _clock_locator, (), self.__dict__

    return ClockLocator()


def _format(seconds: float, _: Any = None) -> str:
    """Write seconds as min:s, with decimals where there are any."""
    minutes, rest = divmod(abs(round(seconds, 3)), 60)
    return f"{_sign(seconds)}{minutes:.0f}:{_two_digits(rest)}"


def _format_hours(seconds: float, _: Any = None) -> str:
    """Write seconds as h:min:s, with decimals where there are any."""
    hours, rest = divmod(abs(round(seconds, 3)), HOUR)
    minutes, rest = divmod(rest, 60)
    return f"{_sign(seconds)}{hours:.0f}:{minutes:02.0f}:{_two_digits(rest)}"


def _sign(seconds: float) -> str:
    return "-" if seconds <= -0.0005 else ""


def _two_digits(seconds: float) -> str:
    return (
        f"{seconds:06.3f}".rstrip("0").rstrip(".")
        if seconds % 1
        else f"{seconds:02.0f}"
    )


def check_names(
    names: Sequence[Any] | None, n_videos: int, of: str = "video"
) -> list[str]:
    """Return the names of videos; by default, their indices."""
    if names is None:
        return [f"{of} {index}" for index in range(n_videos)]
    if isinstance(names, str) or len(names) != n_videos:
        raise ValueError(
            f"names must be {n_videos} name(s), one for each video, got "
            f"{shorten(names)}."
        )
    return [str(name) for name in names]


def encode_labels(
    labels: Sequence[NDArray[Any]],
    action_names: ActionNames = None,
    background: Any = None,
) -> tuple[list[NDArray[np.int64]], list[Any], list[str]]:
    """Encode labels by codes, which are the same in all pictures of some actions.

    An integer is its own code. Other labels have their place in a mapping of names;
    without one, they are numbered as they appear.

    Returns
    -------
    codes : list of int64 ndarray
        -1 for background, -2 for frames without a label.
    values : list
        Label of each code; some may not occur.
    names : list of str
        Name of each code.

    Raises
    ------
    TypeError
        If `action_names` is neither a sequence nor a mapping.
    """
    _check_action_names(action_names)
    named = list(action_names) if isinstance(action_names, Mapping) else []
    labels = respell(labels, *named, background)
    seen = list_labels(labels)
    no_action = {v: UNLABELLED for v in seen if is_unlabelled(v)} | {background: -1}
    values = _order([v for v in seen if v not in no_action], action_names)
    codes = place_labels(labels, values, no_action)
    return codes, values, [name_label(value, action_names) for value in values]


def _check_action_names(action_names: Any) -> None:
    """Refuse a lone text, which is a sequence of letters, and what has no order."""
    is_text = isinstance(action_names, (str, bytes))
    has_places = hasattr(action_names, "__len__") and hasattr(
        action_names, "__getitem__"
    )
    if action_names is not None and (is_text or not has_places):
        raise TypeError(
            "action_names must be a list of texts, or a dict from labels to texts, got "
            f"{shorten(action_names)}: pass ['take', 'pour'] or {{0: 'take'}}."
        )


def list_labels(labels: Sequence[NDArray[Any]]) -> list[Any]:
    """Return the labels that occur: integers by value, others by appearance."""
    seen = list(dict.fromkeys(v for array in labels for v in list_values(array)))
    return sorted(seen) if all(isinstance(value, int) for value in seen) else seen


def list_values(array: NDArray[Any]) -> list[Any]:
    """Return the labels of a video, each at least once, strings as they appear."""
    return (np.unique(array) if array.dtype.kind in "iu" else array).tolist()


def place_labels(
    labels: Sequence[NDArray[Any]],
    values: Sequence[Any],
    no_action: Mapping[Any, int] | None = None,
) -> list[NDArray[np.int64]]:
    """Replace labels by their places among some values, or by codes of no action."""
    code_of = {value: code for code, value in enumerate(values)} | dict(no_action or {})
    return [_encode_row(array, code_of) for array in labels]


def _order(seen: Sequence[Any], action_names: ActionNames) -> list[Any]:
    """Return the label of each code: those that have names, and those that occur."""
    named = _named_labels(action_names)
    if not all(isinstance(value, int) for value in seen):
        return list(dict.fromkeys([*named, *seen] if {*named} & {*seen} else seen))
    own = [v for v in (*seen, *named) if isinstance(v, int) and 0 <= v <= LARGEST]
    as_given = dict(zip(seen, seen, strict=True))  # False and True equal 0 and 1
    numbers = range(max(own, default=-1) + 1)
    further = [value for value in seen if value not in numbers]
    return [as_given.get(number, number) for number in numbers] + further


def _named_labels(action_names: ActionNames) -> list[Any]:
    if action_names is None:
        return []
    is_mapping = isinstance(action_names, Mapping)
    return list(action_names if is_mapping else range(len(action_names)))


def _encode_row(array: NDArray[Any], code_of: dict[Any, int]) -> NDArray[np.int64]:
    if array.dtype.kind not in "iu":
        values = array.tolist()
        return np.array([code_of.get(value, -1) for value in values], dtype=np.int64)
    found, places = np.unique(array, return_inverse=True)
    codes = [code_of.get(value, -1) for value in found.tolist()]
    return np.array(codes, dtype=np.int64)[places]


def name_label(value: Any, action_names: ActionNames) -> str:
    """Return the name of a label; an integer may be a position in the names."""
    if isinstance(action_names, Mapping):
        return str(action_names.get(value, value))
    if action_names is None or not isinstance(value, int):
        return str(value)
    return str(action_names[value]) if 0 <= value < len(action_names) else str(value)


def add_legend(
    ax: Any,
    handles: Sequence[Any],
    *,
    tags: Sequence[str] = (),
    left: float = 1.005,
    grow: bool = False,
) -> None:
    """Put a legend to the right of the axes, in as few columns as possible.

    Tags stand before names. With `grow`, the figure becomes higher where the legend
    would be too wide.
    """
    figure = ax.figure.get_figure(root=True)
    labels = show_names([handle.get_label() for handle in handles])
    if tags:
        pairs = zip(no_formulas(tags), labels, strict=True)
        labels = [f"{tag}  {name}" if tag else name for tag, name in pairs]
    points = 72 * 10 / _rc("font.size")  # of an inch, where texts have 10
    height = figure.get_figheight() * ax.get_position().height
    n_rows = max(1, int(height * points / LEGEND_ROW))
    if grow:
        column = LEGEND_MARK + LEGEND_LETTER * max(map(len, labels), default=0)
        n_columns = max(1, int(LEGEND_SHARE * figure.get_figwidth() * points / column))
        least = -(-len(labels) // n_columns)
        if least > n_rows:
            n_rows = least
            more = n_rows * LEGEND_ROW / points - height
            figure.set_figheight(figure.get_figheight() + more)
    legend = ax.legend(
        handles=handles,
        labels=["name"] * len(labels),
        loc="upper left",
        bbox_to_anchor=(left, 1.01),
        ncols=-(-len(handles) // n_rows),
        fontsize="small",
        frameon=False,
        handlelength=1.4,
        labelspacing=0.3,
    )
    # A legend leaves out names that begin with an underscore when it is made.
    for text, label in zip(legend.get_texts(), labels, strict=True):
        text.set_text(label)


def name_rows(ax: Any, places: ArrayLike, names: Sequence[str]) -> None:
    """Name rows along the vertical axis, which has its limits already.

    Names are smaller where rows are narrow; where they are too narrow, not all rows
    have one.

    Parameters
    ----------
    ax : matplotlib Axes
        Axes of the rows.
    places : array-like of float
        Middles of the rows, in data units.
    names : sequence of str
        Their names, as they are to be shown.
    """
    places = np.asarray(places)
    figure = ax.figure.get_figure(root=True)
    height = 72 * figure.get_figheight() * ax.get_position().height
    gaps = np.diff(np.sort(places)) / np.ptp(ax.get_ylim())
    row = height * float(gaps.min(initial=1.0))
    step = max(1, int(np.ceil(NARROWEST_ROW / row)))
    size = np.clip(0.9 * row * step, SMALLEST_NAME, 5 / 6 * _rc("font.size"))
    ax.set_yticks(places[::step], names[::step])
    ax.tick_params(axis="y", labelsize=float(size))


def _rc(name: str) -> Any:
    """Return a setting of matplotlib."""
    return import_optional("matplotlib", "plot").rcParams[name]
