"""Plot of embeddings in two dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.decomposition import PCA

from skvas._typing import Labels, Self, Videos
from skvas.datasets._recordings import list_known, recordings_of
from skvas.display._drawn import redrawing
from skvas.display._known import known_names
from skvas.display._style import (
    COLOURS,
    NO_ACTION,
    OWN_TIME,
    PROGRESS,
    ActionNames,
    add_legend,
    check_has,
    check_names,
    colour,
    encode_labels,
    luminance,
    make_axes,
)
from skvas.validation import (
    check_choice,
    check_labels,
    check_videos,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Markers distinguish actions beyond the number of colours, and without colour.
MARKERS = "osD^v<>P*X"
# Videos that have names in a legend, at most.
MOST_NAMED = 40
# Frames that are shapes in files of PDF and SVG, at most: more are an image in these.
MOST_SHAPES = 50_000
# Luminance above which a dot on white has an edge.
LIGHT = 0.55


class EmbeddingDisplay:
    """Plot of embedded frames on two principal axes.

    Frames are coloured by their time, by action or by video.

    Parameters
    ----------
    points : list of array-like of shape (n_frames_i, 2)
        Projected frames of each video.
    labels : list of array-like of shape (n_frames_i,), default=None
        Labels of the frames.
    names : sequence of str, default=None
        Names of the videos.
    action_names : sequence of str, or mapping from label to str, default=None
        Names of the actions; an integer label is a position in a sequence.
    background : int or str, default=None
        Label of frames without an action.
    explained : sequence of two floats, default=None
        Share of the variance explained by each axis.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes, set by `plot`.
    figure_ : matplotlib Figure or SubFigure
        The figure of the axes.

    See Also
    --------
    HistoryDisplay : How training went.
    save_figures : Write figures to files.

    Examples
    --------
    >>> from skvas import VideoAligner
    >>> from skvas.datasets import make_videos
    >>> from skvas.display import EmbeddingDisplay
    >>> videos = make_videos(3, random_state=0).videos
    >>> aligner = VideoAligner(max_epochs=0).fit(videos)
    >>> display = EmbeddingDisplay.from_estimator(aligner, videos)
    >>> display.points[0].shape == (len(videos[0]), 2)
    True
    """

    ax_: Axes
    figure_: Figure | Any

    def __init__(
        self,
        points: Sequence[ArrayLike] | np.ndarray,
        *,
        labels: Labels | None = None,
        names: Sequence[str] | None = None,
        action_names: ActionNames = None,
        background: Any = None,
        explained: Sequence[float] | None = None,
    ) -> None:
        self.points = points
        self.labels = labels
        self.names = names
        self.action_names = action_names
        self.background = background
        self.explained = explained

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
        color_by: str = "auto",
        ax: Axes | None = None,
    ) -> Self:
        """Embed videos and draw their frames.

        Parameters
        ----------
        estimator : estimator
            A fitted estimator with a `transform` method.
        videos : array-like of shape (n_frames, n_features), or a list of them
            One or more videos.
        y : array-like of shape (n_frames,), or a list of them, default=None
            True or predicted labels of the frames.
        names : sequence of str, default=None
            Names of the videos. None: those that the recordings know.
        action_names : sequence of str, or mapping from label to str, default=None
            Names of the actions; an integer label is a position in a sequence. None:
            those that the estimator has by `name_actions`, if the labels are those
            that it predicts.
        background : int or str, default=None
            Label of frames without an action.
        color_by : {"auto", "time", "action", "video"}, default="auto"
            What the colour of a frame shows: "time" within its video, "action" or
            "video", of which up to 40 are named. "auto" shows actions if there are
            labels, else time.
        ax : matplotlib Axes, default=None
            Axes to draw on. None: a new figure.

        Returns
        -------
        EmbeddingDisplay
            The plotted display.

        Raises
        ------
        TypeError
            If the estimator has no `transform`.
        """
        check_has(estimator, "transform", cls, "one of skvas")
        videos = list_known(videos)
        embeddings = estimator.transform(videos)
        labels = None
        if y is not None:
            labels = check_labels(y, list(map(len, embeddings)), missing_ok=True)
        known = recordings_of(videos)
        if known is not None and names is None:
            names = known.names
        return cls.from_embeddings(
            embeddings,
            y,
            names=names,
            action_names=known_names(estimator, action_names, labels, [videos]),
            background=background,
            color_by=color_by,
            ax=ax,
        )

    @classmethod
    def from_embeddings(
        cls,
        embeddings: Videos,
        y: Labels | None = None,
        *,
        names: Sequence[str] | None = None,
        action_names: ActionNames = None,
        background: Any = None,
        color_by: str = "auto",
        ax: Axes | None = None,
    ) -> Self:
        """Project embeddings on their principal axes and draw them.

        Parameters
        ----------
        embeddings : array-like of shape (n_frames, n_embedding), or a list of them
            Embeddings, as returned by `transform`.
        y : array-like of shape (n_frames,), or a list of them, default=None
            True or predicted labels of the frames.
        names : sequence of str, default=None
            Names of the videos.
        action_names : sequence of str, or mapping from label to str, default=None
            Names of the actions; an integer label is a position in a sequence.
        background : int or str, default=None
            Label of frames without an action.
        color_by : {"auto", "time", "action", "video"}, default="auto"
            What the colour of a frame shows: "time" within its video, "action" or
            "video", of which up to 40 are named. "auto" shows actions if there are
            labels, else time.
        ax : matplotlib Axes, default=None
            Axes to draw on. None: a new figure.

        Returns
        -------
        EmbeddingDisplay
            The plotted display.

        Raises
        ------
        ValueError
            If there are fewer than two dimensions or fewer than two frames.
        """
        checked = check_videos(embeddings, min_total_frames=2)
        if checked[0].shape[1] < 2:
            raise ValueError("embeddings must have at least 2 dimensions, got 1.")
        with np.errstate(invalid="ignore"):  # equal frames have no variance to share
            pca = PCA(2, svd_solver="full").fit(np.concatenate(checked))
        display = cls(
            [pca.transform(embedding) for embedding in checked],
            labels=y,
            names=names,
            action_names=action_names,
            background=background,
            explained=np.nan_to_num(pca.explained_variance_ratio_),
        )
        return display.plot(ax, color_by=color_by)

    def plot(self, ax: Axes | None = None, *, color_by: str = "auto") -> Self:
        """Draw the frames; a thin line joins those of a video.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on. None: a new figure.
        color_by : {"auto", "time", "action", "video"}, default="auto"
            What the colour of a frame shows: "time" within its video, "action" or
            "video", of which up to 40 are named. "auto" shows actions if there are
            labels, else time.

        Returns
        -------
        EmbeddingDisplay
            The display.

        Raises
        ------
        ValueError
            If `color_by` is "action" and there are no labels.
        """
        choices = ("auto", "time", "action", "video")
        check_choice("color_by", color_by, choices)
        if color_by == "auto":
            color_by = "time" if self.labels is None else "action"
        if color_by == "action" and self.labels is None:
            raise ValueError(
                "color_by='action' needs labels; pass them, or use 'time'."
            )
        points = [np.asarray(video, dtype=float) for video in self.points]
        codes, names = self._encode(list(map(len, points)), color_by)
        self.ax_ = make_axes(ax, (6.5, 5))
        self.figure_ = self.ax_.figure
        with redrawing(self.ax_) as beside:
            for video in points:
                self.ax_.plot(
                    *video.T,
                    color="0.75",
                    linewidth=0.5,
                    alpha=0.5,
                    rasterized=_is_image(points),
                    zorder=1,
                )
            if color_by == "time":
                beside.append(self._draw_times(points))
            else:
                handles = self._draw_kinds(points, codes, names)
                if color_by == "action" or len(handles) <= MOST_NAMED:
                    self._add_legend(handles, grow=ax is None)
            self._name_axes()
        return self

    def _encode(
        self, lengths: list[int], color_by: str
    ) -> tuple[list[np.ndarray], list[str]]:
        """Return codes of what gives frames their colours, and their names."""
        if color_by == "action":
            labels = check_labels(self.labels, lengths, missing_ok=True)
            return encode_labels(labels, self.action_names, self.background)[::2]
        names = check_names(self.names, len(lengths))
        return [np.full(n, place) for place, n in enumerate(lengths)], names

    def _name_axes(self) -> None:
        """Name the axes, with their shares of the variance."""
        for axis, place in ((self.ax_.xaxis, 0), (self.ax_.yaxis, 1)):
            share = "" if self.explained is None else f" ({self.explained[place]:.0%})"
            axis.set_label_text(f"principal axis {place + 1}{share}")

    def _draw_times(self, points: list[np.ndarray]) -> Any:
        """Colour frames by their time, and return the scale of colours."""
        times = np.concatenate([(np.arange(len(p)) + 0.5) / len(p) for p in points])
        x, y = np.concatenate(points).T
        dots = self.ax_.scatter(
            x,
            y,
            c=times,
            cmap=PROGRESS,
            vmin=0,
            vmax=1,
            s=_dot_size(len(times)),
            linewidths=0,
            rasterized=_is_image(points),
            zorder=2,
        )
        return self.figure_.colorbar(dots, ax=self.ax_, label=OWN_TIME)

    def _draw_kinds(
        self, points: list[np.ndarray], codes: list[np.ndarray], names: list[str]
    ) -> list[Any]:
        """Colour frames by action or video, and return the dots of each."""
        frames, code = np.concatenate(points), np.concatenate(codes)
        size = _dot_size(len(frames))
        shown = [(k, name) for k, name in enumerate(names) if (code == k).any()]
        shown += [(k, name) for k, name in NO_ACTION.items() if (code == k).any()]
        return [
            self.ax_.scatter(
                frames[code == k, 0],
                frames[code == k, 1],
                color=colour(k),
                marker=_marker(k),
                s=size,
                **_edge(colour(k), size),
                rasterized=_is_image(points),
                label=name,
                zorder=2,
            )
            for k, name in shown
        ]

    def _add_legend(self, handles: list[Any], *, grow: bool) -> None:
        """Add a legend, in which all dots have one size."""
        add_legend(self.ax_, handles, grow=grow)
        legend: Any = self.ax_.get_legend()
        for handle in legend.legend_handles:
            handle.set_sizes([30])


def _marker(code: int) -> str:
    """Return the marker of an action; actions of one colour differ in it."""
    return MARKERS[(code + code // len(COLOURS)) % len(MARKERS)]


def _edge(fill: str, size: float) -> dict[str, Any]:
    """Return the edge of dots, which only those need that are nearly white.

    It is a tenth of a dot wide: edges of dots in a row would else hide their colour.
    """
    if luminance(fill) < LIGHT:
        return {"linewidths": 0}
    return {"linewidths": 0.1 * size**0.5, "edgecolors": "0.5"}


def _is_image(points: list[np.ndarray]) -> bool:
    """Tell whether frames are too many to be shapes in files."""
    return sum(map(len, points)) > MOST_SHAPES


def _dot_size(n_frames: int) -> float:
    """Return the area of a dot, which decreases with the number of frames."""
    return float(np.clip(20_000 / n_frames, 3, 25))
