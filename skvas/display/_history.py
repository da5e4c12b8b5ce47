"""Plot of a training run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from skvas._optional import import_optional
from skvas._typing import Self
from skvas.display._drawn import redrawing
from skvas.display._style import COLOURS, check_ax, check_has, is_axes, make_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    AnyAxes = Axes | Sequence[Axes] | np.ndarray | None

STYLES = ("-", "--", ":", "-.")
TITLES = {
    "loss": "loss",
    "objective": "objective of the transport",
    "embedding_rank": "effective dimensions of the embedding",
    "actions_used": "effective number of actions",
}
NO_PANEL = ("epoch", "seconds")
# Room between panels inside axes, as a share of their width.
GAP = 0.35


class HistoryDisplay:
    """Plot of the losses and diagnostics of a training run by epoch.

    Parameters
    ----------
    history : dict of str to array-like of shape (n_epochs,)
        The attribute `history_` of an estimator.

    Attributes
    ----------
    axes_ : list of matplotlib Axes
        The panels: one for the losses, one for the objectives, and one for each
        diagnostic.
    ax_ : matplotlib Axes or None
        The axes divided into the panels; None if there is one axes for each panel.
    figure_ : matplotlib Figure or SubFigure
        The figure of the axes.

    See Also
    --------
    EmbeddingDisplay : Embedded frames.
    save_figures : Write figures to files.

    Examples
    --------
    >>> from skvas import VideoAligner
    >>> from skvas.datasets import make_videos
    >>> from skvas.display import HistoryDisplay
    >>> aligner = VideoAligner(max_epochs=3).fit(make_videos(4, random_state=0).videos)
    >>> display = HistoryDisplay.from_estimator(aligner)
    >>> display.axes_[0].get_title()
    'loss'
    """

    ax_: Axes | None
    figure_: Figure | Any
    axes_: list[Axes]

    def __init__(self, history: Mapping[str, ArrayLike]) -> None:
        self.history = history

    @classmethod
    def from_estimator(cls, estimator: Any, *, ax: AnyAxes = None) -> Self:
        """Draw the training history of an estimator.

        Parameters
        ----------
        estimator : estimator
            A fitted estimator with the attribute `history_`.
        ax : matplotlib Axes, or array-like of them, default=None
            Axes to divide into panels, or one for each panel. None: a new figure.

        Returns
        -------
        HistoryDisplay
            The plotted display.

        Raises
        ------
        TypeError
            If the estimator has no `history_`.
        """
        check_is_fitted(estimator)
        check_has(estimator, "history_", cls, "one of skvas")
        return cls(estimator.history_).plot(ax)

    def plot(self, ax: AnyAxes = None) -> Self:
        """Draw the panels side by side.

        Parameters
        ----------
        ax : matplotlib Axes, or array-like of them, default=None
            Axes to divide into panels, or one for each panel. None: a new figure.

        Returns
        -------
        HistoryDisplay
            The display.

        Raises
        ------
        ValueError
            If the history has no epoch, or `ax` has not one axes for each panel.
        TypeError
            If `ax` is something else.
        """
        history = {name: np.asarray(values) for name, values in self.history.items()}
        panels = _group(history)
        n_epochs = max(map(len, history.values()), default=0)
        epochs = history.get("epoch", np.arange(1, 1 + n_epochs))
        if len(epochs) == 0 or not panels:
            raise ValueError(
                "history has no epoch to draw: the model was fitted with max_epochs=0."
            )
        is_one = ax is None or is_axes(ax)
        given = [] if is_one else _check_panels(ax, list(panels))
        self.ax_ = make_axes(ax, (3.4 * len(panels), 3)) if is_one else None
        self.figure_ = given[0].figure if self.ax_ is None else self.ax_.figure
        with ExitStack() as drawing:
            if is_one:
                beside = drawing.enter_context(redrawing(self.ax_))
                self.axes_ = _divide(self.ax_, len(panels))
                beside += [axis for axis in self.axes_ if axis is not self.ax_]
            else:
                self.axes_ = given
                for axis in given:
                    drawing.enter_context(redrawing(axis))
            for axis, (kind, names) in zip(self.axes_, panels.items(), strict=True):
                curves = {name: history[name] for name in names}
                _draw_panel(axis, kind, curves, epochs)
        return self


def _check_panels(ax: Any, kinds: list[str]) -> list[Any]:
    """Return the axes that a user gave, one for each panel."""
    given = np.ravel(np.asarray(ax, dtype=object)).tolist()
    for axes in given:
        check_ax(axes)
    if len(given) != len(kinds):
        raise ValueError(
            f"ax must be one Axes, or one for each of {len(kinds)} panels "
            f"({', '.join(kinds)}), got {len(given)}."
        )
    return given


def _divide(ax: Any, n_panels: int) -> list[Any]:
    """Return panels side by side in place of axes."""
    if n_panels == 1:
        return [ax]
    ax.axis("off")
    spec = ax.get_subplotspec()
    if spec is None:
        width = 1 / (n_panels + GAP * (n_panels - 1))
        lefts = np.arange(n_panels) * (1 + GAP) * width
        return [ax.inset_axes((left, 0, width, 1)) for left in lefts]
    grid = spec.subgridspec(1, n_panels)
    return [ax.figure.add_subplot(cell) for cell in grid]


def _group(history: Mapping[str, Any]) -> dict[str, list[str]]:
    """Group losses in one panel and objectives in one; others get their own."""
    panels: dict[str, list[str]] = {}
    for name in history:
        if name not in NO_PANEL:
            prefix = name.partition("_")[0]
            kind = prefix if prefix in ("loss", "objective") else name
            panels.setdefault(kind, []).append(name)
    return panels


def _draw_panel(
    axis: Any, kind: str, curves: dict[str, np.ndarray], epochs: np.ndarray
) -> None:
    for place, (name, values) in enumerate(curves.items()):
        part = name.removeprefix(kind).strip("_").replace("_", " ")
        axis.plot(
            epochs,
            values,
            color=COLOURS[place % len(COLOURS)],
            linestyle=STYLES[place % len(STYLES)],
            marker="o" if len(epochs) == 1 else None,
            label=part or "total",
        )
    axis.set_title(TITLES.get(kind, kind.replace("_", " ")), fontsize="medium")
    axis.set_xlabel("epoch")
    ticker = import_optional("matplotlib.ticker", "plot")
    axis.xaxis.set_major_locator(ticker.MaxNLocator("auto", integer=True))
    axis.spines[["top", "right"]].set_visible(False)
    if len(curves) > 1:
        axis.legend(fontsize="small", frameon=False)
