"""Picture of the segments of many videos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import is_clusterer

from skvas._typing import Labels, Videos
from skvas.display._barcode import Strip, annotate_strips, draw_strips
from skvas.display._style import (
    add_legend,
    check_fps,
    check_names,
    encode_labels,
    make_axes,
    scale_time,
    split_labels,
)
from skvas.metrics import match_labels, uniform_segmentation
from skvas.validation import check_labels, list_videos

# Up to so many strips each has a name of its own.
MANY_STRIPS = 30


class SegmentationDisplay:
    """Bar codes of the true and the found segments of videos.

    It is best made by `from_estimator` or `from_predictions`. Each video is a row; in
    it, the segments that the labels name, those that were found and, if asked for, a
    uniform cut lie one above another. What was matched with an action has its colour.
    The first 20 colours can be told apart under each of the common forms of colour
    blindness; segments with room for it bear the name or the number of their action.

    Parameters
    ----------
    rows : dict of str to list of int arrays of shape (n_frames_i,)
        For each kind of segmentation the action of each frame of each video: a
        position in `action_names`, or -1 for background.
    action_names : sequence of str
        Names of the actions.
    names : sequence of str, default=None
        Names of the videos.
    fps : float, default=None
        Frames a second. None: the axis counts frames.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes, once plotted.
    figure_ : matplotlib Figure
        Their figure.

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

    def __init__(
        self,
        rows: Mapping[str, Sequence[ArrayLike]],
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
        action_names: Sequence[str] | None = None,
        fps: float | None = None,
        background: Any = None,
        uniform: bool = False,
        ax: Any = None,
    ) -> SegmentationDisplay:
        """Segment videos and draw what was found.

        Parameters
        ----------
        estimator : estimator
            Fitted, with `predict`.
        videos : array-like of shape (n_frames, n_features), or a list of them
            One video or many.
        y : array-like of shape (n_frames,), or a list of them, default=None
            True labels.
        names : sequence of str, default=None
            Names of the videos.
        action_names : sequence of str, default=None
            Names of the labels where those are integers.
        fps : float, default=None
            Frames a second. None: the axis counts frames.
        background : int or str, default=None
            A true label that is no action.
        uniform : bool, default=False
            Whether to draw a cut into equal parts too.
        ax : matplotlib Axes, default=None
            Where to draw. None: a new figure.

        Returns
        -------
        SegmentationDisplay
            The display, drawn.

        Raises
        ------
        TypeError
            If the estimator does not segment.
        """
        if not is_clusterer(estimator):  # an aligner predicts too, but no actions
            raise TypeError(
                "SegmentationDisplay needs an estimator that segments, such as "
                "ActionSegmenter or JointAlignSegment; got "
                f"{type(estimator).__name__}."
            )
        found = estimator.predict(list_videos(videos))
        return cls.from_predictions(
            y,
            list(found),
            names=names,
            action_names=action_names,
            fps=fps,
            background=background,
            uniform=uniform,
            ax=ax,
        )

    @classmethod
    def from_predictions(
        cls,
        labels_true: Labels | None,
        labels_pred: Labels,
        *,
        names: Sequence[str] | None = None,
        action_names: Sequence[str] | None = None,
        fps: float | None = None,
        background: Any = None,
        uniform: bool = False,
        ax: Any = None,
    ) -> SegmentationDisplay:
        """Draw segments that were found, beside the true ones if they are known.

        Parameters
        ----------
        labels_true : array-like of shape (n_frames,), or a list of them, or None
            True labels. With them, found clusters are matched one to one with actions,
            over all videos together; those left over get colours of their own, and
            are called c and their number.
        labels_pred : array-like of shape (n_frames,), or a list of them
            Found labels.
        names : sequence of str, default=None
            Names of the videos.
        action_names : sequence of str, default=None
            Names of the labels where those are integers: of the true ones if there are
            any, else of the found ones.
        fps : float, default=None
            Frames a second. None: the axis counts frames.
        background : int or str, default=None
            A true label that is no action.
        uniform : bool, default=False
            Whether to draw a cut into equal parts too: as many as there are true
            actions or, without truth, found ones.
        ax : matplotlib Axes, default=None
            Where to draw. None: a new figure.

        Returns
        -------
        SegmentationDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If labels differ in length.
        """
        found = split_labels("labels_pred", labels_pred)
        lengths = [len(labels) for labels in found]
        known = labels_true is not None
        base = found
        if known:
            base = check_labels(split_labels("labels_true", labels_true), lengths)
        codes, values, action_list = encode_labels(base, action_names, background)
        rows: dict[str, Sequence[ArrayLike]] = {"true" if known else "found": codes}
        if known:
            rows["found"] = _rename(base, found, values, action_list, background)
        if uniform:
            cut = uniform_segmentation(lengths, max(1, len(values)))
            rows["uniform"] = _rename(base, cut, values, action_list, background)
        display = cls(rows, action_names=action_list, names=names, fps=fps)
        return display.plot(ax)

    def plot(
        self, ax: Any = None, *, annotate: bool = True, hatch: bool = False
    ) -> SegmentationDisplay:
        """Draw the bar codes.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw. None: a new figure.
        annotate : bool, default=True
            Whether segments with room for it bear the name of their action or, if
            names are long, its number in the legend.
        hatch : bool, default=False
            Whether actions differ by hatching too; segments then bear no names.

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
        names = check_names(self.names, n_videos)
        n_frames = max(len(codes) for codes in rows[kinds[0]])
        height = float(np.clip(0.24 * n_videos * len(kinds) + 1.1, 2.4, 18))
        self.ax_ = make_axes(ax, (10, height))
        self.figure_ = self.ax_.figure
        scale = scale_time(self.ax_.xaxis, check_fps(self.fps), n_frames)
        self.ax_.set(xlim=(0, n_frames * scale), ylim=(n_videos - 0.1, -0.06))
        self.ax_.spines[["top", "right", "left"]].set_visible(False)
        self.ax_.tick_params(axis="y", length=0)
        self._name_rows(kinds, names)
        part = 0.88 / len(kinds)
        strips = [
            Strip(codes, video + part * place, 0.92 * part)
            for place, kind in enumerate(kinds)
            for video, codes in enumerate(rows[kind])
        ]
        actions = list(self.action_names)
        style = "hatched" if hatch else "tagged" if annotate else "plain"
        handles = draw_strips(self.ax_, strips, actions, scale=scale, style=style)
        add_legend(self.ax_, handles)
        if style == "tagged":
            annotate_strips(self.ax_, strips, actions, scale=scale)
        return self

    def _name_rows(self, kinds: list[str], names: list[str]) -> None:
        """Name each strip or, where there are many, each video."""
        part = 0.88 / len(kinds)
        size = "small" if len(names) * len(kinds) <= MANY_STRIPS else "x-small"
        if len(kinds) == 1 or len(names) * len(kinds) > MANY_STRIPS:
            self.ax_.set_yticks(np.arange(len(names)) + 0.44, names, fontsize=size)
            if len(kinds) > 1:
                order = ", ".join(kinds)
                self.ax_.set_title(f"in each row, from the top: {order}", fontsize=10)
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
        self.ax_.set_yticks(places, texts, fontsize=size)


def _rename(
    true: Sequence[NDArray[Any]],
    found: Sequence[NDArray[Any]],
    values: Sequence[Any],
    names: list[str],
    background: Any,
) -> list[NDArray[np.int64]]:
    """Give clusters the codes of their actions; those left over extend `names`."""
    matched = match_labels(list(true), list(found), background=background)
    code_of = {cluster: values.index(action) for cluster, action in matched.items()}
    for cluster in dict.fromkeys(c for labels in found for c in labels.tolist()):
        if cluster not in code_of:
            code_of[cluster] = len(names)
            names.append(f"c{cluster}")
    return [
        np.array([code_of[cluster] for cluster in labels.tolist()], dtype=np.int64)
        for labels in found
    ]
