"""Plot of a timeline: all videos in common time, and what is known of each moment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from skvas._optional import import_optional
from skvas._typing import Labels, Self
from skvas.display._barcode import Strip, draw_progress, draw_strips
from skvas.display._drawn import redrawing
from skvas.display._known import known_names
from skvas.display._short import show_names
from skvas.display._style import (
    HIGHLIGHT,
    LACKING,
    ActionNames,
    add_legend,
    check_has,
    check_names,
    encode_labels,
    make_axes,
    name_rows,
)
from skvas.timeline import Timeline
from skvas.validation import check_fps, check_labels
from skvas.videos._containers import as_list

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Share of the timeline over which the change of the template is taken.
CHANGE_WINDOW = 0.02
# Inches of a row; rows that each of the curves above them is high, and between them.
ROW, CURVE, GAP = 0.24, 3.0, 0.5


class CommonTimeDisplay:
    """Plot of a timeline: each row is a video, stretched to the common time of all.

    Rows are coloured by labels, by the actions of the timeline if there are no labels,
    or by the relative time in the video if there are no actions either. Moments that a
    video lacks are grey and hatched. Above the rows are how many videos have each
    moment, and how fast the template changes, with the boundaries of actions: the
    height of a line is the confidence, the share of draws of the videos that find the
    boundary again.

    Parameters
    ----------
    timeline : Timeline
        A fitted timeline.
    labels : list of array-like of shape (n_frames_i,), default=None
        Labels of the frames of each video of `fit`.
    names : sequence of str, default=None
        Names of the videos.
    action_names : sequence of str, or mapping from label to str, default=None
        Names of the actions; an integer label is a position in a sequence.
    background : int or str, default=None
        Label of frames without an action.
    fps : float or sequence of float, default=None
        Frames per second, of all videos of `fit` or of each. If it is given, the axis
        tells how long the timeline is in seconds: as long as the median video.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes, set by `plot`.
    figure_ : matplotlib Figure or SubFigure
        The figure of the axes.

    See Also
    --------
    TimelineDisplay : All videos on the time of a reference.
    skvas.Timeline : The axis.
    save_figures : Write figures to files.

    Examples
    --------
    >>> from skvas import Timeline
    >>> from skvas.datasets import make_videos
    >>> from skvas.display import CommonTimeDisplay
    >>> data = make_videos(4, n_actions=3, random_state=0)
    >>> timeline = Timeline(3, random_state=0).fit(data.videos)
    >>> display = CommonTimeDisplay.from_timeline(timeline, data.labels)
    >>> display.ax_.get_xlabel()
    'position on the timeline'
    """

    ax_: Axes
    figure_: Figure | Any

    def __init__(
        self,
        timeline: Timeline,
        *,
        labels: Labels | None = None,
        names: Sequence[str] | None = None,
        action_names: ActionNames = None,
        background: Any = None,
        fps: float | Sequence[float] | None = None,
    ) -> None:
        self.timeline = timeline
        self.labels = labels
        self.names = names
        self.action_names = action_names
        self.background = background
        self.fps = fps

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        y: Labels | None = None,
        *,
        names: Sequence[str] | None = None,
        action_names: ActionNames = None,
        background: Any = None,
        fps: float | Sequence[float] | None = None,
        hatch: bool = False,
        ax: Axes | None = None,
    ) -> Self:
        """Draw the timeline of an estimator.

        Parameters
        ----------
        estimator : estimator
            A fitted estimator with `timeline_`.
        y : list of array-like of shape (n_frames_i,), default=None
            Labels of the frames of the videos of `fit`. None: the actions that `fit`
            found, if they are of the timeline.
        names : sequence of str, default=None
            Names of the videos. None: those of the recordings of `fit`.
        action_names : sequence of str, or mapping from label to str, default=None
            Names of the actions; an integer label is a position in a sequence. None:
            those that the estimator has by `name_actions`, if the labels are those
            that it found in `fit`.
        background : int or str, default=None
            Label of frames without an action.
        fps : float or sequence of float, default=None
            Frames per second, of all videos of `fit` or of each. None: what their
            recordings knew.
        hatch : bool, default=False
            Whether to distinguish actions by hatching as well, for print without
            colours.
        ax : matplotlib Axes, default=None
            Axes to draw on. None: a new figure.

        Returns
        -------
        CommonTimeDisplay
            The plotted display.

        Raises
        ------
        TypeError
            If the estimator can have no timeline.
        ValueError
            If it has none.
        """
        check_has(estimator, "align", cls, "VideoAligner or JointAlignSegment")
        check_is_fitted(estimator)
        if estimator.timeline_ is None:
            raise ValueError(
                "The estimator has no timeline (timeline_ is None), which needs two or "
                "more videos that share an order and, in JointAlignSegment, keep it; "
                "draw a skvas.Timeline."
            )
        if y is None and estimator.timeline_.labels_ is not None:
            y = as_list(estimator.labels_)
        labels = None
        if y is not None:
            lengths = [len(positions) for positions in estimator.timeline_.positions_]
            labels = check_labels(y, lengths, missing_ok=True)
        return cls.from_timeline(
            estimator.timeline_,
            y,
            names=names,
            action_names=known_names(estimator, action_names, labels),
            background=background,
            fps=fps,
            hatch=hatch,
            ax=ax,
        )

    @classmethod
    def from_timeline(
        cls,
        timeline: Timeline,
        y: Labels | None = None,
        *,
        names: Sequence[str] | None = None,
        action_names: ActionNames = None,
        background: Any = None,
        fps: float | Sequence[float] | None = None,
        hatch: bool = False,
        ax: Axes | None = None,
    ) -> Self:
        """Draw a fitted timeline.

        Parameters
        ----------
        timeline : Timeline
            The timeline.
        y : list of array-like of shape (n_frames_i,), default=None
            Labels of the frames of the videos of `fit`.
        names : sequence of str, default=None
            Names of the videos. None: those of the recordings of `fit`.
        action_names : sequence of str, or mapping from label to str, default=None
            Names of the actions; an integer label is a position in a sequence.
        background : int or str, default=None
            Label of frames without an action.
        fps : float or sequence of float, default=None
            Frames per second, of all videos of `fit` or of each. None: what their
            recordings knew.
        hatch : bool, default=False
            Whether to distinguish actions by hatching as well, for print without
            colours.
        ax : matplotlib Axes, default=None
            Axes to draw on. None: a new figure.

        Returns
        -------
        CommonTimeDisplay
            The plotted display.
        """
        check_is_fitted(timeline, "template_")
        known = timeline.recordings_
        display = cls(
            timeline,
            labels=y,
            names=known["names"] or None if names is None else names,
            action_names=action_names,
            background=background,
            fps=known["fps"] if fps is None else fps,
        )
        return display.plot(ax, hatch=hatch)

    def plot(self, ax: Axes | None = None, *, hatch: bool = False) -> Self:
        """Draw rows and curves.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on. None: a new figure.
        hatch : bool, default=False
            Whether to distinguish actions by hatching as well, for print without
            colours.

        Returns
        -------
        CommonTimeDisplay
            The display.
        """
        check_is_fitted(self.timeline, "template_")
        n_videos = len(self.timeline.positions_)
        names = show_names(check_names(self.names, n_videos))
        codes, actions = self._encode()
        top = -2 * (CURVE + GAP)
        height = float(np.clip(ROW * (n_videos - top), 2.4, 16)) + 0.7
        length = self._length()
        self.ax_ = make_axes(ax, (9, height))
        self.figure_ = self.ax_.figure
        with redrawing(self.ax_) as beside:
            if codes is None:
                bar, handles = self._draw_times()
                beside.append(bar)
            else:
                handles = self._draw(codes, actions, hatch)
            self._draw_density(-GAP)
            handles += self._draw_template(-2 * GAP - CURVE)
            self.ax_.set(xlim=(0, 1), ylim=(n_videos - 0.05, top - 0.25))
            self.ax_.set_xlabel(f"position on the timeline{length}")
            self._name_rows(names)
            self.ax_.spines[["top", "right", "left"]].set_visible(False)
            self.ax_.tick_params(axis="y", length=0)
            if handles:
                add_legend(self.ax_, handles, grow=ax is None)
        return self

    def _name_rows(self, names: list[str]) -> None:
        """Name the curves and, below them, each video."""
        n_videos, n_related = len(names), int(self.timeline.is_related_.sum())
        named = [
            name if related else f"{name} (unrelated)"
            for name, related in zip(names, self.timeline.is_related_, strict=True)
        ]
        curves = [-2 * GAP - 1.5 * CURVE, -GAP - 0.5 * CURVE]
        titles = ["change of the template", f"videos, 0 to {n_related}"]
        places = [*curves, *(np.arange(n_videos) + 0.45)]
        name_rows(self.ax_, places, [*titles, *named])

    def _length(self) -> str:
        """Tell the seconds of the median video, if frame rates are known."""
        if self.fps is None:
            return ""
        lengths = [len(positions) for positions in self.timeline.positions_]
        given = np.atleast_1d(np.asarray(self.fps, dtype=object)).tolist()
        rates = [check_fps(rate) for rate in given]
        if len(rates) not in (1, len(lengths)):
            raise ValueError(
                f"fps must be one number, or one for each of {len(lengths)} videos, "
                f"got {self.fps}."
            )
        seconds = np.median(np.divide(lengths, rates))
        return f" (0 to 1 is {seconds:.3g} s in the median video)"

    def _encode(self) -> tuple[list[NDArray[np.int64]] | None, list[str]]:
        """Return codes of labels or actions and their names; None if there are none."""
        lengths = [len(positions) for positions in self.timeline.positions_]
        labels = self.labels
        if labels is None:
            if self.timeline.labels_ is None:
                return None, []
            labels = as_list(self.timeline.labels_)
        codes, _, actions = encode_labels(
            check_labels(labels, lengths, missing_ok=True),
            self.action_names,
            self.background,
        )
        return codes, actions

    def _draw(
        self, codes: list[NDArray[np.int64]], actions: list[str], hatch: bool
    ) -> list[Any]:
        """Draw a strip for each video, with what it lacks."""
        stacked = np.nan_to_num(self.timeline.stack(codes), nan=LACKING)
        rows = stacked.astype(np.int64)
        strips = [Strip(row, place, 0.9) for place, row in enumerate(rows)]
        scale = 1 / rows.shape[1]
        return draw_strips(self.ax_, strips, actions, scale=scale, hatched=hatch)

    def _draw_times(self) -> tuple[Any, list[Any]]:
        """Colour each video by its own time; return the scale, and what is lacking."""
        lengths = [len(positions) for positions in self.timeline.positions_]
        rows = self.timeline.stack([(np.arange(n) + 0.5) / n for n in lengths])
        scale = 1 / rows.shape[1]
        return draw_progress(self.ax_, list(rows), scale=scale, missing=LACKING)

    def _draw_density(self, floor: float) -> None:
        """Draw how many videos have each moment, above a floor."""
        share = self.timeline.density().n_videos / self.timeline.is_related_.sum()
        edges = np.linspace(0, 1, len(share) + 1)
        self.ax_.stairs(
            floor - CURVE * share, edges, baseline=floor, fill=True, color="0.75"
        )

    def _draw_template(self, floor: float) -> list[Any]:
        """Draw how fast the template changes, and its boundaries, above a floor."""
        change = _change(self.timeline.template_)
        n = len(change)
        centres = (np.arange(n) + 0.5) / n
        # On dark styles, black lines vanish.
        ink = import_optional("matplotlib", "plot").rcParams["text.color"]
        self.ax_.plot(centres, floor - CURVE * change, color=ink, linewidth=1)
        self.ax_.axhline(floor, color="0.8", linewidth=0.8)
        boundaries = self.timeline.boundaries_
        confidence = self.timeline.boundary_confidence_
        if boundaries is None or confidence is None or len(boundaries) == 0:
            return []
        at = (boundaries * (n - 1) + 0.5) / n
        bottom = len(self.timeline.positions_)
        self.ax_.vlines(at, -GAP, bottom, color=ink, linewidth=0.8, linestyle=":")
        lines = self.ax_.vlines(
            at,
            floor,
            floor - CURVE * confidence,
            color=HIGHLIGHT,
            linewidth=2,
            label="boundary, confidence",
        )
        return [lines]


def _change(template: NDArray[Any]) -> NDArray[Any]:
    """Return how much unit frames change around each position, at most 1."""
    n = len(template)
    half = max(1, round(CHANGE_WINDOW * n / 2))
    index = np.arange(n)
    before, after = np.maximum(index - half, 0), np.minimum(index + half, n - 1)
    products = np.einsum("ld,ld->l", template[before], template[after])
    change: NDArray[Any] = np.maximum(1 - products, 0)
    return change / max(change.max(), np.finfo(float).tiny)
