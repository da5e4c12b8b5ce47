"""Plot of many videos on the time axis of one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import csr_array
from sklearn.utils.validation import check_is_fitted

from skvas._typing import Labels, Self, Videos
from skvas.alignment._result import Alignment
from skvas.datasets._recordings import (
    Recordings,
    common_rate,
    list_known,
    mean_rates,
    names_of_fit,
    rate_of_fit,
    recordings_of,
    refuse_other_features,
)
from skvas.display._barcode import Strip, draw_progress, draw_strips
from skvas.display._drawn import redrawing
from skvas.display._known import known_names
from skvas.display._short import show_names
from skvas.display._style import (
    UNMATCHED,
    ActionNames,
    add_legend,
    check_has,
    check_names,
    encode_labels,
    make_axes,
    name_rows,
    scale_time,
    set_end,
)
from skvas.validation import check_fps, check_labels, check_video, list_videos

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# What follows the name of the video that others are aligned with.
REFERENCE = " (reference)"


class TimelineDisplay:
    """Plot of videos warped onto the time axis of the reference, one in each row.

    With labels, rows are coloured by action: if the alignment is correct, the borders
    of actions line up. Without labels, rows are coloured by the relative time in the
    video: a row that is ahead of the others is brighter. Frames without a counterpart
    are grey and hatched.

    Parameters
    ----------
    alignments : sequence of Alignment
        Alignment of each video (x) with the reference (y). `from_estimator` leaves
        their plans empty, which a picture does not need.
    labels : list of array-like of shape (n_frames_i,), default=None
        Labels of the frames of each video.
    names : sequence of str, default=None
        Names of the videos.
    action_names : sequence of str, or mapping from label to str, default=None
        Names of the actions; an integer label is a position in a sequence.
    background : int or str, default=None
        Label of frames without an action.
    fps : float, default=None
        Frames per second. None: the unit of the time axis is frames.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes, set by `plot`.
    figure_ : matplotlib Figure or SubFigure
        The figure of the axes.

    See Also
    --------
    CommonTimeDisplay : All videos on the axis of a timeline.
    save_figures : Write figures to files.

    Examples
    --------
    >>> from skvas import VideoAligner
    >>> from skvas.datasets import make_videos
    >>> from skvas.display import TimelineDisplay
    >>> data = make_videos(3, random_state=0)
    >>> aligner = VideoAligner(max_epochs=0, reference=0).fit(data.videos)
    >>> display = TimelineDisplay.from_estimator(aligner, data.videos, data.labels)
    >>> display.ax_.get_xlabel(), len(display.alignments)
    ('frame of the reference', 3)
    """

    ax_: Axes
    figure_: Figure | Any

    def __init__(
        self,
        alignments: Sequence[Alignment],
        *,
        labels: Labels | None = None,
        names: Sequence[str] | None = None,
        action_names: ActionNames = None,
        background: Any = None,
        fps: float | None = None,
    ) -> None:
        self.alignments = alignments
        self.labels = labels
        self.names = names
        self.action_names = action_names
        self.background = background
        self.fps = fps

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        videos: Videos,
        y: Labels | None = None,
        *,
        names: Sequence[str] | None = None,
        action_names: ActionNames = None,
        background: Any = None,
        fps: float | None = None,
        warped: bool = True,
        hatch: bool = False,
        ax: Axes | None = None,
    ) -> Self:
        """Align videos with the reference of an estimator and draw them.

        Parameters
        ----------
        estimator : estimator
            A fitted estimator with `align` and `reference_`.
        videos : list of array-like of shape (n_frames_i, n_features)
            The videos.
        y : list of array-like of shape (n_frames_i,), default=None
            Labels of the frames.
        names : sequence of str, default=None
            Names of the videos. None: those that the recordings know.
        action_names : sequence of str, or mapping from label to str, default=None
            Names of the actions; an integer label is a position in a sequence. None:
            those that the estimator has by `name_actions`, if the labels are those
            that it predicts.
        background : int or str, default=None
            Label of frames without an action.
        fps : float, default=None
            Frames per second of the reference or, with ``warped=False``, of all videos.
            None: what the recordings know, or the rate that all recordings of `fit`
            had; if neither is known, the unit of the time axis is frames.
        warped : bool, default=True
            Whether to draw videos on the time axis of the reference. False draws each
            video on its own time axis, for comparison.
        hatch : bool, default=False
            Whether to distinguish actions by hatching as well, for print without
            colours.
        ax : matplotlib Axes, default=None
            Axes to draw on. None: a new figure.

        Returns
        -------
        TimelineDisplay
            The plotted display.

        Raises
        ------
        TypeError
            If the estimator has no `align` method.
        """
        check_has(estimator, "align", cls, "VideoAligner or JointAlignSegment")
        check_is_fitted(estimator)
        reference = estimator.reference_
        items, known = list_videos(videos), recordings_of(videos)
        refuse_other_features(videos, names_of_fit(estimator))
        alignments = [_without_plan(estimator.align(v, reference)) for v in items]
        is_it = [_is_reference(video, reference) for video in items]
        if known is not None and names is None:
            names = known.names
        if fps is None:
            fps = _rate(estimator, known, is_it, warped)
        called = check_names(names, len(items))
        if y is not None:
            y = check_labels(y, [len(a.matches_x) for a in alignments], missing_ok=True)
        display = cls(
            alignments,
            labels=y,
            names=[n + REFERENCE * it for n, it in zip(called, is_it, strict=True)],
            action_names=known_names(estimator, action_names, y, [list_known(videos)]),
            background=background,
            fps=fps,
        )
        return display.plot(ax, warped=warped, hatch=hatch)

    def plot(
        self, ax: Axes | None = None, *, warped: bool = True, hatch: bool = False
    ) -> Self:
        """Draw the rows.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on. None: a new figure.
        warped : bool, default=True
            Whether to draw videos on the time axis of the reference. False draws each
            video on its own time axis, for comparison.
        hatch : bool, default=False
            Whether to distinguish actions by hatching as well, for print without
            colours.

        Returns
        -------
        TimelineDisplay
            The display.
        """
        n_videos = len(self.alignments)
        if n_videos == 0:
            raise ValueError("alignments must have at least one Alignment, got none.")
        names = show_names(check_names(self.names, n_videos), mark=REFERENCE)
        rows = self._rows(warped)
        n_frames = max(map(len, rows))
        height = float(np.clip(0.24 * n_videos + 1.1, 2.4, 16))
        fps = check_fps(self.fps, none_ok=True)
        self.ax_ = make_axes(ax, (9, height))
        self.figure_ = self.ax_.figure
        of = "the reference" if warped else ""
        with redrawing(self.ax_) as beside:
            step = scale_time(self.ax_.xaxis, fps, n_frames, of=of)
            set_end(self.ax_.xaxis, n_frames * step)
            self.ax_.set_ylim(n_videos - 0.05, -0.05)
            name_rows(self.ax_, np.arange(n_videos) + 0.45, names)
            self.ax_.spines[["top", "right", "left"]].set_visible(False)
            self.ax_.tick_params(axis="y", length=0)
            if self.labels is None:
                bar, handles = draw_progress(
                    self.ax_, rows, scale=step, missing=UNMATCHED
                )
                beside.append(bar)
            else:
                strips = [Strip(row, place, 0.9) for place, row in enumerate(rows)]
                actions = self._actions()[1]
                handles = draw_strips(
                    self.ax_, strips, actions, scale=step, hatched=hatch
                )
            if handles:
                add_legend(self.ax_, handles, grow=ax is None)
        return self

    def _actions(self) -> tuple[list[np.ndarray], list[str]]:
        lengths = [len(alignment.matches_x) for alignment in self.alignments]
        codes, _, actions = encode_labels(
            check_labels(self.labels, lengths, missing_ok=True),
            self.action_names,
            self.background,
        )
        return codes, actions

    def _rows(self, warped: bool) -> list[np.ndarray]:
        """Return the values of each row: action codes, or relative times."""
        fill: float = UNMATCHED
        if self.labels is not None:
            rows = self._actions()[0]
        else:
            lengths = [len(alignment.matches_x) for alignment in self.alignments]
            rows = [(np.arange(n) + 0.5) / n for n in lengths]
            fill = np.nan
        if not warped:
            return rows
        pairs = zip(self.alignments, rows, strict=True)
        return [a.warp(row, onto="y", fill=fill) for a, row in pairs]


def _without_plan(alignment: Alignment) -> Alignment:
    """Return an alignment whose plan, of all pairs of frames, takes no memory."""
    return replace(alignment, plan=csr_array(alignment.plan.shape))


def _rate(
    estimator: Any, known: Recordings | None, is_reference: list[bool], warped: bool
) -> float | None:
    """Return the frame rate of the reference or, if not warped, of all videos."""
    rates = None if known is None else mean_rates(known)
    if rates is not None and not warped:
        return common_rate(rates)
    if rates is not None and any(is_reference):
        return rates[is_reference.index(True)]
    return rate_of_fit(estimator)


def _is_reference(video: Any, reference: np.ndarray) -> bool:
    """Tell whether a video is the reference, of which `fit` has closed the gaps."""
    frames = check_video(video, ensure_all_finite="allow-nan")
    known = ~np.isnan(frames)
    is_equal = frames.shape == reference.shape
    return is_equal and np.array_equal(frames[known], reference[known])
