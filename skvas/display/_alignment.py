"""Plots of the alignment of two videos."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array

from skvas._optional import import_optional
from skvas._typing import Labels, Self, Videos
from skvas.alignment._result import Alignment
from skvas.datasets._recordings import (
    names_of_fit,
    rate_of_fit,
    refuse_other_features,
)
from skvas.decoding import labels_to_segments
from skvas.display._barcode import Strip, draw_strips, draw_times
from skvas.display._drawn import redrawing
from skvas.display._known import known_names
from skvas.display._short import show_names
from skvas.display._style import (
    BACKGROUND,
    HATCHED,
    HIGHLIGHT,
    NO_ACTION,
    NO_ACTION_HATCHES,
    PROGRESS,
    UNMATCHED,
    ActionNames,
    add_legend,
    check_has,
    check_names,
    colour,
    encode_labels,
    make_axes,
    recording_of,
    scale_time,
    set_end,
)
from skvas.validation import check_choice, check_fps, check_labels, naming

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Maximum number of threads drawn.
N_THREADS = 90
# The grey of threads without an action, which are finer than what they join.
THREAD = "0.7"
# Cells along each side of the image of a sparse plan.
N_CELLS = 1000
HATCH = NO_ACTION_HATCHES[UNMATCHED]


class AlignmentDisplay:
    """Plot of an alignment: a plan with its matched path, or threads between videos.

    Parameters
    ----------
    alignment : Alignment
        The alignment, as returned by the `align` method of an estimator.
    labels_x, labels_y : array-like of shape (n_frames,), default=None
        Labels of the frames, which colour the timelines; pass both or neither.
    names : sequence of two str, default=("x", "y")
        Names of the videos.
    action_names : sequence of str, or mapping from label to str, default=None
        Names of the actions; an integer label is a position in a sequence.
    background : int or str, default=None
        Label of frames without an action.
    fps : float or sequence of two float, default=None
        Frames per second, of both videos or of each. None: the unit of the time axes is
        frames.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes, set by `plot`.
    figure_ : matplotlib Figure or SubFigure
        The figure of the axes.

    See Also
    --------
    SegmentationDisplay : Segments of videos.
    CommonTimeDisplay : All videos in common time.
    save_figures : Write figures to files.

    Examples
    --------
    >>> from skvas import VideoAligner
    >>> from skvas.datasets import make_videos
    >>> from skvas.display import AlignmentDisplay
    >>> videos = make_videos(2, random_state=0).videos
    >>> aligner = VideoAligner(max_epochs=0).fit(videos)
    >>> display = AlignmentDisplay.from_estimator(aligner, *videos, kind="threads")
    >>> [text.get_text() for text in display.ax_.get_yticklabels()]
    ['x', 'y']
    """

    ax_: Axes
    figure_: Figure | Any

    def __init__(
        self,
        alignment: Alignment,
        *,
        labels_x: Labels | None = None,
        labels_y: Labels | None = None,
        names: Sequence[str] = ("x", "y"),
        action_names: ActionNames = None,
        background: Any = None,
        fps: float | Sequence[float] | None = None,
    ) -> None:
        self.alignment = alignment
        self.labels_x = labels_x
        self.labels_y = labels_y
        self.names = names
        self.action_names = action_names
        self.background = background
        self.fps = fps

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        x: Videos,
        y: Videos,
        *,
        labels_x: Labels | None = None,
        labels_y: Labels | None = None,
        names: Sequence[str] | None = None,
        action_names: ActionNames = None,
        background: Any = None,
        fps: float | Sequence[float] | None = None,
        kind: str = "plan",
        hatch: bool = False,
        ax: Axes | None = None,
    ) -> Self:
        """Align two videos and draw the alignment.

        Parameters
        ----------
        estimator : estimator
            A fitted estimator with an `align` method.
        x, y : array-like of shape (n_frames, n_features), or Recordings of one
            Two videos. Of recordings, such as ``recordings[:1]``, name and frame rate
            are shown.
        labels_x, labels_y : array-like of shape (n_frames,), default=None
            Labels of the frames, which colour the timelines; pass both or neither.
            A list of one such array will do.
        names : sequence of two str, default=None
            Names of the videos. None: those that recordings know, else "x" and "y".
        action_names : sequence of str, or mapping from label to str, default=None
            Names of the actions; an integer label is a position in a sequence. None:
            those that the estimator has by `name_actions`, if the labels are those
            that it predicts.
        background : int or str, default=None
            Label of frames without an action.
        fps : float or sequence of two float, default=None
            Frames per second, of both videos or of each. None: what recordings know, or
            the rate that all recordings of `fit` had; if neither is known, the unit of
            the time axes is frames.
        kind : {"plan", "threads"}, default="plan"
            "plan" draws the transport plan as an image, and the matched path on it;
            "threads" draws the two timelines, and lines between matched frames.
        hatch : bool, default=False
            Whether to distinguish actions by hatching as well, for print without
            colours.
        ax : matplotlib Axes, default=None
            Axes to draw on. None: a new figure.

        Returns
        -------
        AlignmentDisplay
            The plotted display.

        Raises
        ------
        TypeError
            If the estimator has no `align` method.
        """
        check_has(estimator, "align", cls, "VideoAligner or JointAlignSegment")
        for given in (x, y):
            refuse_other_features(given, names_of_fit(estimator))
        one, other = recording_of(x), recording_of(y)
        if names is None:
            names = (one.name or "x", other.name or "y")
        if fps is None:
            kept = rate_of_fit(estimator)
            rates = (one.fps or kept, other.fps or kept)
            fps = None if None in rates else rates  # type: ignore[assignment]
        videos = (one.video, other.video)
        alignment = estimator.align(*videos)
        labels = _labels_of_pair(labels_x, labels_y, alignment)
        display = cls(
            alignment,
            labels_x=labels_x,
            labels_y=labels_y,
            names=names,
            action_names=known_names(estimator, action_names, labels, videos),
            background=background,
            fps=fps,
        )
        return display.plot(ax, kind=kind, hatch=hatch)

    def plot(
        self, ax: Axes | None = None, *, kind: str = "plan", hatch: bool = False
    ) -> Self:
        """Draw the alignment; frames without a counterpart are hatched.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on. None: a new figure.
        kind : {"plan", "threads"}, default="plan"
            "plan" draws the transport plan as an image, and the matched path on it;
            "threads" draws the two timelines, and lines between matched frames.
        hatch : bool, default=False
            Whether to distinguish actions by hatching as well, for print without
            colours.

        Returns
        -------
        AlignmentDisplay
            The display.
        """
        check_choice("kind", kind, ("plan", "threads"))
        rates = self._rates()
        names = show_names(check_names(self.names, 2))
        codes, actions = self._encode()
        size = (6.5, 5.2) if kind == "plan" else (9.0, 3.4)
        self.ax_ = make_axes(ax, size)
        self.figure_ = self.ax_.figure
        draw = self._plot_plan if kind == "plan" else self._plot_threads
        with redrawing(self.ax_):
            handles = draw(names, codes, actions, rates, hatch)
            if handles:
                has_margin = kind == "plan" and codes is not None
                left = 1.06 if has_margin else 1.005
                add_legend(self.ax_, handles, left=left, grow=ax is None)
        return self

    def _rates(self) -> tuple[float | None, float | None]:
        """Return the frame rate of each video."""
        if self.fps is None or np.ndim(self.fps) == 0:
            rate = check_fps(self.fps, none_ok=True)
            return rate, rate
        both = [check_fps(rate, none_ok=True) for rate in self.fps]  # type: ignore[union-attr]
        if len(both) != 2:
            raise ValueError(
                "fps must be one number, or one for each of two videos, got "
                f"{self.fps}."
            )
        return both[0], both[1]

    def _encode(self) -> tuple[list[NDArray[np.int64]] | None, list[str]]:
        """Return codes of the labels of both videos, and their names."""
        both = _labels_of_pair(self.labels_x, self.labels_y, self.alignment)
        if both is None:
            return None, []
        codes, _, actions = encode_labels(both, self.action_names, self.background)
        return codes, actions

    def _plot_plan(
        self,
        names: list[str],
        codes: list[NDArray[np.int64]] | None,
        actions: list[str],
        rates: tuple[float | None, float | None],
        hatch: bool,
    ) -> list[Any]:
        colors = import_optional("matplotlib.colors", "plot")
        ax, alignment = self.ax_, self.alignment
        n, m = alignment.plan.shape
        right = scale_time(ax.xaxis, rates[0], n, of=names[0]) * n
        top = scale_time(ax.yaxis, rates[1], m, of=names[1]) * m
        set_end(ax.xaxis, right)
        set_end(ax.yaxis, top)
        image = _image(alignment.plan)
        peak = max(float(np.quantile(image, 0.999)), np.finfo(float).tiny)
        ax.imshow(
            image.T,
            cmap="Greys",
            norm=colors.PowerNorm(0.5, vmin=0, vmax=peak, clip=True),
            origin="lower",
            aspect="auto",
            extent=(0, right, 0, top),
            interpolation="antialiased",
        )
        handles = self._draw_path(right / n, top / m)
        handles += self._mark_background(right / n, top / m)
        if codes is not None:
            handles += self._draw_margins(codes, actions, (right / n, top / m), hatch)
        return handles

    def _draw_path(self, step_x: float, step_y: float) -> list[Any]:
        """Draw matched pairs: as a line if matching is monotone, else as dots."""
        path = self.alignment.to_path() + 0.5  # centres of frames
        style: dict[str, Any] = {"linestyle": "", "marker": ".", "markersize": 3}
        if self.alignment.matching == "monotone":
            # The line breaks at frames without a counterpart.
            breaks = np.flatnonzero((np.diff(path, axis=0) > 1).any(axis=1)) + 1
            path = np.insert(path, breaks, np.nan, axis=0)
            style = {"linewidth": 1.6}
        x, y = path[:, 0] * step_x, path[:, 1] * step_y
        return list(
            self.ax_.plot(x, y, color=HIGHLIGHT, label="matched frames", **style)
        )

    def _mark_background(self, step_x: float, step_y: float) -> list[Any]:
        """Hatch the unmatched frames of both videos."""
        style: dict[str, Any] = {
            "facecolor": "none",
            "edgecolor": "0.6",
            "hatch": HATCH,
            "linewidth": 0,
        }
        spans: list[Any] = []
        sides = (
            (self.ax_.axvspan, self.alignment.matches_x, step_x),
            (self.ax_.axhspan, self.alignment.matches_y, step_y),
        )
        for draw, matches, step in sides:
            spans += [
                draw(run.start * step, run.end * step, **style)
                for run in labels_to_segments(matches < 0)
                if run.label
            ]
        if spans:
            spans[0].set_label(NO_ACTION[UNMATCHED])
        return spans[:1]

    def _draw_margins(
        self,
        codes: list[NDArray[np.int64]],
        actions: list[str],
        steps: tuple[float, float],
        hatch: bool,
    ) -> list[Any]:
        """Draw the labels of x above the plan, and those of y to its right."""
        inset_x = self.ax_.inset_axes((0, 1.01, 1, 0.04), sharex=self.ax_)
        inset_y = self.ax_.inset_axes((1.01, 0, 0.04, 1), sharey=self.ax_)
        handles: dict[str, Any] = {}
        for inset, code, step in zip((inset_x, inset_y), codes, steps, strict=True):
            inset.axis("off")
            strips = [Strip(code, 0, 1)]
            drawn = draw_strips(inset, strips, actions, scale=step, hatched=hatch)
            handles |= {handle.get_label(): handle for handle in drawn}
        inset_x.set_ylim(0, 1)
        inset_y.set_xlim(0, 1)
        for collection in inset_y.collections:  # drawn along x, but needed along y
            for path in collection.get_paths():
                path.vertices = np.asarray(path.vertices)[:, ::-1]
        return list(handles.values())

    def _plot_threads(
        self,
        names: list[str],
        codes: list[NDArray[np.int64]] | None,
        actions: list[str],
        rates: tuple[float | None, float | None],
        hatch: bool,
    ) -> list[Any]:
        collections = import_optional("matplotlib.collections", "plot")
        ax, alignment = self.ax_, self.alignment
        n, m = alignment.plan.shape
        steps = self._scale_both(rates)
        set_end(ax.xaxis, max(n * steps[0], m * steps[1]))
        ax.set_ylim(-0.14, 1.14)
        ax.set_yticks([1, 0], names)
        ax.spines[["top", "right", "left"]].set_visible(False)
        ax.tick_params(axis="y", length=0)
        path = alignment.to_path()
        n_shown = min(N_THREADS, len(path))
        shown = path[np.linspace(0, len(path) - 1, n_shown).astype(int)]
        ends = (shown + 0.5) * steps
        ax.add_collection(
            collections.LineCollection(
                [[(i, 0.93), (j, 0.07)] for i, j in ends],
                colors=self._thread_colours(shown, codes),
                linewidths=1.0,
                alpha=0.85,
            )
        )
        if codes is None:
            self._draw_progress(steps)
            handles = []
        else:
            drawn: dict[str, Any] = {}
            for code, bottom, step in zip(codes, (0.93, -0.07), steps, strict=True):
                strips = [Strip(code, bottom, 0.14)]
                found = draw_strips(ax, strips, actions, scale=step, hatched=hatch)
                drawn |= {handle.get_label(): handle for handle in found}
            handles = [drawn[name] for name in actions if name in drawn]
            handles += [h for name, h in drawn.items() if name not in actions]
        # One hatch on another cannot be read: labels stay on the outer half.
        height = 0.07 if hatch and codes is not None else 0.14
        opaque = hatch or codes is None
        return handles + self._cover_background(steps, height, opaque=opaque)

    def _scale_both(
        self, rates: tuple[float | None, float | None]
    ) -> NDArray[np.float64]:
        """Label the axis of time that both videos share; return their frames on it."""
        lengths = self.alignment.plan.shape
        if rates[0] is None or rates[1] is None:
            scale_time(self.ax_.xaxis, None, max(lengths))
            return np.ones(2)
        seconds = [n / rate for n, rate in zip(lengths, rates, strict=True)]
        longer = int(np.argmax(seconds))
        scale_time(self.ax_.xaxis, rates[longer], lengths[longer])
        if rates[0] != rates[1]:
            label, one = self.ax_.get_xlabel(), f"{rates[longer]:g}"
            both = f"{rates[0]:g} and {rates[1]:g}"
            self.ax_.set_xlabel(label.replace(f"({one} frames", f"({both} frames"))
        return 1 / np.array(rates)

    def _thread_colours(
        self, path: NDArray[np.int64], codes: list[NDArray[np.int64]] | None
    ) -> Any:
        """Colour a thread by the action, or by the time, of its end in x."""
        if codes is not None:
            found = codes[0][path[:, 0]]
            return [colour(code) if code >= 0 else THREAD for code in found]
        colormaps = import_optional("matplotlib", "plot").colormaps
        return colormaps[PROGRESS]((path[:, 0] + 0.5) / len(self.alignment.matches_x))

    def _draw_progress(self, steps: NDArray[np.float64]) -> None:
        """Colour both timelines by the time in x."""
        n, m = self.alignment.plan.shape
        own = (np.arange(n) + 0.5) / n
        there = np.where(
            self.alignment.matches_y < 0,
            np.nan,
            (self.alignment.matches_y + 0.5) / n,
        )
        for values, height, step in zip((own, there), (1.0, 0.0), steps, strict=True):
            end = len(values) * step
            draw_times(self.ax_, values, (0, end, height - 0.07, height + 0.07))

    def _cover_background(
        self, steps: NDArray[np.float64], height: float, *, opaque: bool
    ) -> list[Any]:
        """Hatch what is unmatched of both timelines, from their inner sides on."""
        patches = import_optional("matplotlib.patches", "plot")
        style = {
            "facecolor": BACKGROUND if opaque else "none",
            "edgecolor": HATCHED if opaque else "white",
            "hatch": HATCH,
            "linewidth": 0,
        }
        n_covered = 0
        both = (self.alignment.matches_x, self.alignment.matches_y)
        bottoms = (0.93, 0.07 - height)
        for matches, bottom, step in zip(both, bottoms, steps, strict=True):
            for run in labels_to_segments(matches < 0):
                if run.label:
                    corner = (run.start * step, bottom)
                    width = (run.end - run.start) * step
                    box = patches.Rectangle(corner, width, height, **style)
                    self.ax_.add_patch(box)
                    n_covered += 1
        if not n_covered:
            return []
        shown = {**style, "facecolor": BACKGROUND, "edgecolor": HATCHED}
        return [patches.Patch(label=NO_ACTION[UNMATCHED], **shown)]


def _labels_of_pair(
    labels_x: Labels | None, labels_y: Labels | None, alignment: Alignment
) -> list[NDArray[Any]] | None:
    """Check the labels of both videos; None if there are none."""
    if labels_x is None and labels_y is None:
        return None
    if labels_x is None or labels_y is None:
        raise ValueError("Pass both labels_x and labels_y, or neither.")
    n, m = alignment.plan.shape
    return [
        _labels_of_one(labels_x, n, "labels_x"),
        _labels_of_one(labels_y, m, "labels_y"),
    ]


def _labels_of_one(labels: Labels, n_frames: int, name: str) -> NDArray[Any]:
    """Check the labels of a recording, which may come alone or as a list of one."""
    with naming(name):
        (checked,) = check_labels(labels, n_frames, missing_ok=True)
    return checked


def _image(plan: NDArray[Any] | csr_array) -> NDArray[Any]:
    """Return a plan as an image; a sparse plan is summed over cells."""
    if isinstance(plan, np.ndarray):
        return plan
    n, m = plan.shape
    height, width = min(n, N_CELLS), min(m, N_CELLS)
    entries = plan.tocoo()
    cells = (
        entries.row.astype(int) * height // n,
        entries.col.astype(int) * width // m,
    )
    return coo_array((entries.data, cells), shape=(height, width)).toarray()
