"""Plot of a training run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from skvas.display._style import COLOURS, check_ax, check_has, make_axes

STYLES = ("-", "--", ":", "-.")
TITLES = {
    "loss": "loss",
    "objective": "objective of the transport",
    "embedding_rank": "effective dimensions of the embedding",
    "actions_used": "effective number of actions",
}
NO_PANEL = ("epoch", "seconds")


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
    ax_ : matplotlib Axes
        The axes divided into the panels.
    figure_ : matplotlib Figure
        The figure of the axes.

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

    def __init__(self, history: Mapping[str, ArrayLike]) -> None:
        self.history = history

    @classmethod
    def from_estimator(cls, estimator: Any, *, ax: Any = None) -> HistoryDisplay:
        """Draw the training history of an estimator.

        Parameters
        ----------
        estimator : estimator
            A fitted estimator with the attribute `history_`.
        ax : matplotlib Axes, default=None
            Axes to draw on. None: a new figure.

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

    def plot(self, ax: Any = None) -> HistoryDisplay:
        """Draw the panels side by side.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to divide into panels, one of a grid of subplots. None: a new figure.

        Returns
        -------
        HistoryDisplay
            The display.

        Raises
        ------
        ValueError
            If the history has no epoch, or `ax` is not one of a grid of subplots.
        """
        history = {name: np.asarray(values) for name, values in self.history.items()}
        panels = _group(history)
        n_epochs = max(map(len, history.values()), default=0)
        epochs = history.get("epoch", np.arange(1, 1 + n_epochs))
        if len(epochs) == 0 or not panels:
            raise ValueError(
                "history has no epoch to draw: the model was fitted with max_epochs=0."
            )
        if ax is not None and check_ax(ax).get_subplotspec() is None:
            raise ValueError("ax must be one of a grid of subplots.")
        self.ax_ = make_axes(ax, (3.4 * len(panels), 3))
        self.figure_ = self.ax_.figure
        self.ax_.axis("off")
        spec = self.ax_.get_subplotspec()
        assert spec is not None
        grid = spec.subgridspec(1, len(panels))
        self.axes_ = [self.figure_.add_subplot(cell) for cell in grid]
        for axis, (kind, names) in zip(self.axes_, panels.items(), strict=True):
            _draw_panel(axis, kind, {name: history[name] for name in names}, epochs)
        return self


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
    axis.set_title(TITLES.get(kind, kind.replace("_", " ")), fontsize=10)
    axis.set_xlabel("epoch")
    axis.xaxis.get_major_locator().set_params(integer=True)
    axis.spines[["top", "right"]].set_visible(False)
    if len(curves) > 1:
        axis.legend(fontsize="small", frameon=False)
