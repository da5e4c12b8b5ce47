"""Plot of a timeline: all videos in common time, and what is known of each moment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from skvas._optional import import_optional
from skvas._typing import Labels
from skvas.applications._names import names_by_label
from skvas.display._barcode import Strip, draw_strips
from skvas.display._style import (
    BACKGROUND,
    HIGHLIGHT,
    PROGRESS,
    ActionNames,
    add_legend,
    check_has,
    check_names,
    encode_labels,
    make_axes,
    names_in_order,
    no_formulas,
    show_names,
)
from skvas.timeline import Timeline
from skvas.validation import check_labels, check_real
from skvas.videos._containers import as_list

# Share of the timeline over which the change of the template is taken.
CHANGE_WINDOW = 0.02
# Inches of a row; rows that each of the curves above them is high, and between them.
ROW, CURVE, GAP = 0.24, 3.0, 0.5


class CommonTimeDisplay:
    """Plot of a timeline: each row is a video, stretched to the common time of all.

    Rows are coloured by labels, by the actions of the timeline if there are no labels,
    or by the relative time in the video if there are no actions either. Moments that a
    video lacks are grey. Above the rows are how many videos have each moment, and how
    fast the template changes, with the boundaries of actions: the height of a line is
    the confidence, the share of draws of the videos that find the boundary again.

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
    figure_ : matplotlib Figure
        The figure of the axes.

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
        ax: Any = None,
    ) -> CommonTimeDisplay:
        """Draw the timeline of an estimator.

        Parameters
        ----------
        estimator : estimator
            A fitted estimator with `timeline_`.
        y : list of array-like of shape (n_frames_i,), default=None
            Labels of the frames of the videos of `fit`. None: the actions that `fit`
            found, with their names, if they are of the timeline.
        names : sequence of str, default=None
            Names of the videos. None: those of the recordings of `fit`.
        action_names : sequence of str, or mapping from label to str, default=None
            Names of the actions; an integer label is a position in a sequence.
        background : int or str, default=None
            Label of frames without an action.
        fps : float or sequence of float, default=None
            Frames per second, of all videos of `fit` or of each. None: what their
            recordings knew.
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
            if action_names is None:
                action_names = names_by_label(estimator)
        return cls.from_timeline(
            estimator.timeline_,
            y,
            names=names,
            action_names=names_in_order(estimator, action_names),
            background=background,
            fps=fps,
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
        ax: Any = None,
    ) -> CommonTimeDisplay:
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
        return display.plot(ax)

    def plot(self, ax: Any = None) -> CommonTimeDisplay:
        """Draw rows and curves.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on. None: a new figure.

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
        handles = self._draw_times() if codes is None else self._draw(codes, actions)
        self._draw_density(-GAP)
        handles += self._draw_template(-2 * GAP - CURVE)
        self.ax_.set(xlim=(0, 1), ylim=(n_videos - 0.05, top - 0.1))
        self.ax_.set_xlabel(f"position on the timeline{length}")
        named = [
            name if related else f"{name} (unrelated)"
            for name, related in zip(names, self.timeline.is_related_, strict=True)
        ]
        curves = [-2 * GAP - 1.5 * CURVE, -GAP - 0.5 * CURVE]
        places = [*curves, *(np.arange(n_videos) + 0.45)]
        titles = ["change of the template", f"videos, 0 to {n_videos}"]
        size = "small" if n_videos <= 30 else "x-small"
        self.ax_.set_yticks(places, [*titles, *named], fontsize=size)
        self.ax_.spines[["top", "right", "left"]].set_visible(False)
        self.ax_.tick_params(axis="y", length=0)
        if handles:
            add_legend(self.ax_, handles, grow=ax is None)
        return self

    def _length(self) -> str:
        """Tell the seconds of the median video, if frame rates are known."""
        if self.fps is None:
            return ""
        lengths = [len(positions) for positions in self.timeline.positions_]
        given = np.atleast_1d(np.asarray(self.fps, dtype=object)).tolist()
        rates = [check_real("fps", rate, low=0, low_open=True) for rate in given]
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
        return codes, no_formulas(actions)

    def _draw(self, codes: list[NDArray[np.int64]], actions: list[str]) -> list[Any]:
        """Draw a strip for each video; what it lacks is background."""
        rows = np.nan_to_num(self.timeline.stack(codes), nan=-1).astype(np.int64)
        strips = [Strip(row, place, 0.9) for place, row in enumerate(rows)]
        scale = 1 / rows.shape[1]
        handles = draw_strips(self.ax_, strips, actions, scale=scale)
        if all((code != -1).all() for code in codes):
            for handle in handles:
                if handle.get_label() == "background":
                    handle.set_label("lacking")
        return handles

    def _draw_times(self) -> list[Any]:
        """Colour each video by its own time."""
        colormaps = import_optional("matplotlib", "plot").colormaps
        lengths = [len(positions) for positions in self.timeline.positions_]
        rows = self.timeline.stack([(np.arange(n) + 0.5) / n for n in lengths])
        for place, row in enumerate(rows):
            image = self.ax_.imshow(
                row[None],
                cmap=colormaps[PROGRESS].with_extremes(bad=BACKGROUND),
                vmin=0,
                vmax=1,
                aspect="auto",
                interpolation="nearest",
                extent=(0, 1, place + 0.9, place),
            )
        bar = self.figure_.colorbar(
            image, ax=self.ax_, location="bottom", shrink=0.4, aspect=40
        )
        bar.set_label("share of the video's own time")
        return []

    def _draw_density(self, floor: float) -> None:
        """Draw how many videos have each moment, above a floor."""
        density = self.timeline.density()
        share = density.n_videos / len(density.costs)
        centres = (np.arange(len(share)) + 0.5) / len(share)
        self.ax_.fill_between(
            centres, floor, floor - CURVE * share, color="0.75", step="mid", linewidth=0
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
