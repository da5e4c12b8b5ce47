"""Plot of the segments of many videos."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import is_clusterer

from skvas._typing import Labels, Self, Videos
from skvas.applications._names import names_by_label
from skvas.datasets._recordings import (
    common_rate,
    list_known,
    mean_rates,
    rate_of_fit,
    recordings_of,
)
from skvas.display._barcode import Strip, annotate_strips, draw_strips, list_tags
from skvas.display._drawn import redrawing
from skvas.display._known import names_in_order
from skvas.display._short import show_names
from skvas.display._style import (
    NO_ACTION,
    UNLABELLED,
    ActionNames,
    add_legend,
    check_names,
    encode_labels,
    make_axes,
    name_rows,
    scale_time,
    set_end,
)
from skvas.metrics import match_labels, uniform_segmentation
from skvas.metrics._compare import (
    background_labels,
    means_background,
    refuse_other_kind,
)
from skvas.validation import check_choice, check_fps, check_labels, is_unlabelled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Up to this number, each strip is named; above it, each video.
MANY_STRIPS = 30


class SegmentationDisplay:
    """Plot of true and predicted segments as bar codes.

    Create it with `from_estimator` or `from_predictions`. Each video is a row of
    strips: true segments, predicted segments and, with `uniform=True`, a uniform
    segmentation. A cluster has the colour of its action. The first 20 colours are
    distinguishable under the common forms of colour blindness. Segments with enough
    room show the name or the number of their action.

    Parameters
    ----------
    rows : dict of str to list of int arrays of shape (n_frames_i,)
        The action of each frame of each video, by kind of segmentation. An action is a
        position in `action_names`, -1 for background, or -2 for frames without a label.
    action_names : sequence of str
        Names of the actions.
    names : sequence of str, default=None
        Names of the videos.
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
    CommonTimeDisplay : The same in common time.
    AlignmentDisplay : Matches of two videos.
    save_figures : Write figures to files.

    Examples
    --------
    >>> from skvas.display import SegmentationDisplay
    >>> display = SegmentationDisplay.from_predictions(
    ...     [["take", "take", "pour"], ["take", "pour", "pour"]],
    ...     [[1, 1, 0], [1, 1, 0]],
    ...     fps=2,
    ... )
    >>> display.rows["found"][0].tolist(), display.action_names
    ([0, 0, 1], ['take', 'pour'])
    >>> display.ax_.get_xlabel()
    'time in s (2 frames/s)'
    """

    ax_: Axes
    figure_: Figure | Any

    def __init__(
        self,
        rows: Mapping[str, Sequence[ArrayLike] | np.ndarray],
        *,
        action_names: Sequence[str],
        names: Sequence[str] | None = None,
        fps: float | None = None,
    ) -> None:
        self.rows = rows
        self.action_names = action_names
        self.names = names
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
        uniform: bool = False,
        annotate: bool = True,
        hatch: bool = False,
        ax: Axes | None = None,
    ) -> Self:
        """Segment videos and draw the segments.

        Parameters
        ----------
        estimator : estimator
            A fitted estimator that segments videos.
        videos : array-like of shape (n_frames, n_features), or a list of them
            One or more videos.
        y : array-like of shape (n_frames,), or a list of them, default=None
            True labels, where frames may have none: -1, None, NaN or "". Clusters are
            matched with actions, unless the estimator was fitted with labels and so
            names actions.
        names : sequence of str, default=None
            Names of the videos. None: those of :class:`skvas.Recordings`.
        action_names : sequence of str, or mapping from label to str, default=None
            Names of the actions; an integer label is a position in a sequence. None:
            those that the estimator has by `name_actions`, without `y` or if it was
            fitted with labels.
        background : int or str, default=None
            True label of frames without an action.
        fps : float, default=None
            Frames per second. None: what the recordings know, or the rate that all
            recordings of `fit` had; if neither is known, or recordings know several
            rates, the unit of the time axis is frames.
        uniform : bool, default=False
            Whether to draw a uniform segmentation as well.
        annotate : bool, default=True
            Whether to write the name of the action into segments with enough room; if
            names are long, its number in the legend instead.
        hatch : bool, default=False
            Whether to distinguish actions by hatching as well. Segments are then not
            annotated.
        ax : matplotlib Axes, default=None
            Axes to draw on. None: a new figure.

        Returns
        -------
        SegmentationDisplay
            The plotted display.

        Raises
        ------
        TypeError
            If the estimator does not segment videos.
        """
        if not is_clusterer(estimator):  # an aligner predicts too, but no actions
            raise TypeError(
                "SegmentationDisplay needs an estimator that segments videos, such as "
                "ActionSegmenter or JointAlignSegment; got "
                f"{type(estimator).__name__}."
            )
        known = recordings_of(videos)
        found = estimator.predict(list_known(videos))
        if known is not None and names is None:
            names = known.names
        if fps is None:
            rates = None if known is None else mean_rates(known)
            fps = rate_of_fit(estimator) if rates is None else common_rate(rates)
        is_named = getattr(estimator, "naming_", None) is not None
        if action_names is None and (y is None or is_named):
            action_names = names_by_label(estimator)
        if y is None or is_named:
            action_names = names_in_order(estimator, action_names)
        return cls.from_predictions(
            y,
            list(found),
            names=names,
            action_names=action_names,
            background=background,
            fps=fps,
            matching=None if is_named else "global",
            uniform=uniform,
            annotate=annotate,
            hatch=hatch,
            ax=ax,
        )

    @classmethod
    def from_predictions(
        cls,
        labels_true: Labels | None,
        labels_pred: Labels,
        *,
        names: Sequence[str] | None = None,
        action_names: ActionNames = None,
        background: Any = None,
        fps: float | None = None,
        matching: str | None = "global",
        uniform: bool = False,
        annotate: bool = True,
        hatch: bool = False,
        ax: Axes | None = None,
    ) -> Self:
        """Draw predicted segments, and the true segments if they are known.

        Parameters
        ----------
        labels_true : array-like of shape (n_frames,), or a list of them, or None
            True labels. Frames with -1, None, NaN or "" have no label, nor have those
            of a video with None.
        labels_pred : array-like of shape (n_frames,), or a list of them
            Predicted labels.
        names : sequence of str, default=None
            Names of the videos.
        action_names : sequence of str, or mapping from label to str, default=None
            Names of the actions; an integer label is a position in a sequence. They
            name the true labels if there are any, else the predicted labels.
        background : int or str, default=None
            True label of frames without an action.
        fps : float, default=None
            Frames per second. None: the unit of the time axis is frames.
        matching : {"global", None}, default="global"
            How clusters become actions where true labels are given. "global": they are
            matched one to one over all videos together, and an unmatched cluster has a
            colour of its own and the name "c" followed by its label. None: predictions
            name actions.
        uniform : bool, default=False
            Whether to draw a uniform segmentation as well, into the number of actions
            of the true labels if there are any, else of the predicted labels.
        annotate : bool, default=True
            Whether to write the name of the action into segments with enough room; if
            names are long, its number in the legend instead.
        hatch : bool, default=False
            Whether to distinguish actions by hatching as well. Segments are then not
            annotated.
        ax : matplotlib Axes, default=None
            Axes to draw on. None: a new figure.

        Returns
        -------
        SegmentationDisplay
            The plotted display.

        Raises
        ------
        ValueError
            If labels differ in length.
        """
        check_choice("matching", matching, ("global", None))
        found = check_labels(labels_pred, missing_ok=True)
        lengths = [len(labels) for labels in found]
        known = labels_true is not None
        base = found
        if known:
            base = check_labels(labels_true, lengths, missing_ok=True)
        is_named = known and matching is None
        if is_named:
            refuse_other_kind(base, found)
        together = [*base, *found] if is_named else base
        codes, values, action_list = encode_labels(together, action_names, background)
        own, others = codes[: len(base)], codes[len(base) :]
        rows: dict[str, Sequence[ArrayLike]] = {"true" if known else "found": own}
        if known:
            rows["found"] = others or _rename(
                base, found, values, action_list, background
            )
        if uniform:
            n_actions = len({*np.concatenate(own).tolist()} - NO_ACTION.keys())
            cut = uniform_segmentation(lengths, max(1, n_actions))
            rows["uniform"] = _rename(base, cut, values, action_list, background)
        display = cls(rows, action_names=action_list, names=names, fps=fps)
        return display.plot(ax, annotate=annotate, hatch=hatch)

    def plot(
        self, ax: Axes | None = None, *, annotate: bool = True, hatch: bool = False
    ) -> Self:
        """Draw the bar codes.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on. None: a new figure.
        annotate : bool, default=True
            Whether to write the name of the action into segments with enough room; if
            names are long, its number in the legend instead.
        hatch : bool, default=False
            Whether to distinguish actions by hatching as well. Segments are then not
            annotated.

        Returns
        -------
        SegmentationDisplay
            The display.
        """
        kinds = list(self.rows)
        rows = {
            kind: [np.asarray(codes, dtype=np.int64) for codes in self.rows[kind]]
            for kind in kinds
        }
        n_videos = len(rows[kinds[0]])
        names = show_names(check_names(self.names, n_videos))
        n_frames = max(len(codes) for codes in rows[kinds[0]])
        height = float(np.clip(0.24 * n_videos * len(kinds) + 1.1, 2.4, 18))
        fps = check_fps(self.fps, none_ok=True)
        self.ax_ = make_axes(ax, (10, height))
        self.figure_ = self.ax_.figure
        part = 0.88 / len(kinds)
        strips = [
            Strip(codes, video + part * place, 0.92 * part)
            for place, kind in enumerate(kinds)
            for video, codes in enumerate(rows[kind])
        ]
        actions = self.action_names
        tagged = annotate and not hatch
        tags = list_tags(strips, actions) if tagged else ()
        with redrawing(self.ax_):
            scale = scale_time(self.ax_.xaxis, fps, n_frames)
            set_end(self.ax_.xaxis, n_frames * scale)
            self.ax_.set_ylim(n_videos - 0.1, -0.06)
            self.ax_.spines[["top", "right", "left"]].set_visible(False)
            self.ax_.tick_params(axis="y", length=0)
            self._name_rows(kinds, names)
            handles = draw_strips(self.ax_, strips, actions, scale=scale, hatched=hatch)
            add_legend(self.ax_, handles, tags=tags, grow=ax is None)
            if tagged:
                annotate_strips(self.ax_, strips, actions, scale=scale)
        return self

    def _name_rows(self, kinds: list[str], names: list[str]) -> None:
        """Name each strip or, if there are many, each video."""
        part = 0.88 / len(kinds)
        if len(kinds) == 1 or len(names) * len(kinds) > MANY_STRIPS:
            name_rows(self.ax_, np.arange(len(names)) + 0.44, names)
            if len(kinds) > 1:
                title = f"in each row, from the top: {', '.join(kinds)}"
                self.ax_.set_title(title, fontsize="medium")
            return
        places = [
            video + part * (place + 0.5)
            for video in range(len(names))
            for place in range(len(kinds))
        ]
        texts = [
            kind if place else f"{name}   {kind}"
            for name in names
            for place, kind in enumerate(kinds)
        ]
        name_rows(self.ax_, places, texts)


def _rename(
    true: Sequence[NDArray[Any]],
    found: Sequence[NDArray[Any]],
    values: Sequence[Any],
    names: list[str],
    background: Any,
) -> list[NDArray[np.int64]]:
    """Rename clusters to codes of their actions; unmatched ones extend `names`."""
    left_out = background_labels(background)
    matched = _match(true, found, left_out)
    code_of = {cluster: values.index(action) for cluster, action in matched.items()}
    for cluster in dict.fromkeys(c for labels in found for c in labels.tolist()):
        if means_background(cluster, left_out):
            code_of[cluster] = -1
        elif is_unlabelled(cluster):
            code_of[cluster] = UNLABELLED
        elif cluster not in code_of:
            code_of[cluster] = len(names)
            names.append(f"c{cluster}")
    return [
        np.array([code_of[cluster] for cluster in labels.tolist()], dtype=np.int64)
        for labels in found
    ]


def _match(
    true: Sequence[NDArray[Any]],
    found: Sequence[NDArray[Any]],
    background: tuple[Hashable, ...],
) -> dict[Any, Any]:
    """Match clusters with actions over the frames that both sides label."""
    both = []
    for one, other in zip(true, found, strict=True):
        kept = _is_labelled(one, background) & _is_labelled(other, background)
        both.append((one[kept], other[kept]))
    if not any(len(labels) for labels, _ in both):
        return {}
    kept_true, kept_found = map(list, zip(*both, strict=True))
    return match_labels(kept_true, kept_found, background=background)


def _is_labelled(
    labels: NDArray[Any], background: tuple[Hashable, ...]
) -> NDArray[np.bool_]:
    """Tell which frames have a label, be it that of background."""
    values = labels.tolist()
    return np.array([v in background or not is_unlabelled(v) for v in values], bool)
