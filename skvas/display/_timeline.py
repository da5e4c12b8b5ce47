"""Plot of many videos on the time axis of one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skvas._optional import import_optional
from skvas._typing import Labels, Videos
from skvas.alignment._result import Alignment
from skvas.datasets._recordings import (
    names_of_fit,
    rate_of_fit,
    recordings_of,
    refuse_other_features,
)
from skvas.display._barcode import Strip, draw_strips
from skvas.display._style import (
    BACKGROUND,
    PROGRESS,
    ActionNames,
    add_legend,
    check_fps,
    check_has,
    check_names,
    encode_labels,
    make_axes,
    names_in_order,
    no_formulas,
    scale_time,
    set_end,
    show_names,
)
from skvas.validation import check_labels, check_video, list_videos

# What follows the name of the video that others are aligned with.
REFERENCE = " (reference)"


class TimelineDisplay:
    """Plot of videos warped onto the time axis of the reference, one in each row.

    With labels, rows are coloured by action: if the alignment is correct, the borders
    of actions line up. Without labels, rows are coloured by the relative time in the
    video: a row that is ahead of the others is brighter. Frames without a counterpart
    are grey.

    Parameters
    ----------
    alignments : sequence of Alignment
        Alignment of each video (x) with the reference (y).
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
    figure_ : matplotlib Figure
        The figure of the axes.

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
        ax: Any = None,
    ) -> TimelineDisplay:
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
            Names of the actions; an integer label is a position in a sequence.
        background : int or str, default=None
            Label of frames without an action.
        fps : float, default=None
            Frames per second of the reference. None: the rate that all recordings of
            `fit` had; if they had none, the unit of the time axis is frames.
        warped : bool, default=True
            Whether to draw videos on the time axis of the reference. False draws each
            video on its own time axis, for comparison.
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
        if names is None and known is not None:
            names = known.names
        fps = rate_of_fit(estimator) if fps is None else fps
        video_names = check_names(names, len(items))
        for place, video in enumerate(items):
            if _is_reference(video, reference):
                video_names[place] += REFERENCE
        display = cls(
            [estimator.align(video, reference) for video in items],
            labels=y,
            names=video_names,
            action_names=names_in_order(estimator, action_names),
            background=background,
            fps=fps,
        )
        return display.plot(ax, warped=warped)

    def plot(self, ax: Any = None, *, warped: bool = True) -> TimelineDisplay:
        """Draw the rows.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on. None: a new figure.
        warped : bool, default=True
            Whether to draw videos on the time axis of the reference. False draws each
            video on its own time axis, for comparison.

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
        fps = check_fps(self.fps)
        self.ax_ = make_axes(ax, (9, height))
        self.figure_ = self.ax_.figure
        of = "the reference" if warped else ""
        step = scale_time(self.ax_.xaxis, fps, n_frames, of=of)
        set_end(self.ax_.xaxis, n_frames * step)
        self.ax_.set_ylim(n_videos - 0.05, -0.05)
        size = "small" if n_videos <= 30 else "x-small"
        self.ax_.set_yticks(np.arange(n_videos) + 0.45, names, fontsize=size)
        self.ax_.spines[["top", "right", "left"]].set_visible(False)
        self.ax_.tick_params(axis="y", length=0)
        if self.labels is None:
            self._draw_progress(rows, step)
        else:
            strips = [Strip(row, place, 0.9) for place, row in enumerate(rows)]
            actions = self._actions()[1]
            handles = draw_strips(self.ax_, strips, actions, scale=step)
            add_legend(self.ax_, handles, grow=ax is None)
        return self

    def _actions(self) -> tuple[list[np.ndarray], list[str]]:
        lengths = [len(alignment.matches_x) for alignment in self.alignments]
        codes, _, actions = encode_labels(
            check_labels(self.labels, lengths, missing_ok=True),
            self.action_names,
            self.background,
        )
        return codes, no_formulas(actions)

    def _rows(self, warped: bool) -> list[np.ndarray]:
        """Return the values of each row: action codes, or relative times."""
        fill: float = -1
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

    def _draw_progress(self, rows: list[np.ndarray], step: float) -> None:
        colormaps = import_optional("matplotlib", "plot").colormaps
        for place, row in enumerate(rows):
            image = self.ax_.imshow(
                row[None],
                cmap=colormaps[PROGRESS].with_extremes(bad=BACKGROUND),
                vmin=0,
                vmax=1,
                aspect="auto",
                interpolation="nearest",
                extent=(0, len(row) * step, place + 0.9, place),
            )
        bar = self.figure_.colorbar(image, ax=self.ax_, pad=0.01, aspect=30)
        bar.set_label("share of the video's own time")


def _is_reference(video: Any, reference: np.ndarray) -> bool:
    """Tell whether a video is the reference, of which `fit` has closed the gaps."""
    frames = check_video(video, ensure_all_finite="allow-nan")
    known = ~np.isnan(frames)
    is_equal = frames.shape == reference.shape
    return is_equal and np.array_equal(frames[known], reference[known])
