"""Settings: the parameters of an estimator once every "auto" is resolved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from skvas.tasks._registry import ALIGNMENT_TASKS, SEGMENTATION_TASKS, make_task
from skvas.tasks._virtual import VirtualFrame, parse_quantile
from skvas.validation import check_memory


@dataclass(frozen=True)
class Settings:
    """Plain values; what `fit` used, and what its answers go on using.

    Parameters
    ----------
    max_epochs : int
        Passes over the videos.
    training : dict of str to object
        Values of :class:`skvas.Training`.
    segmenting : dict of str to object, default=None
        Values of :class:`skvas.Segmenting`; None where nothing is segmented.
    aligning : dict of str to object, default=None
        Values of :class:`skvas.Aligning`; None where nothing is aligned.
    matching : {"monotone", "plan", "nearest"}, default=None
        How plans become matches.
    beta : float, default=1.0
        Weight of the alignment loss.
    """

    max_epochs: int
    training: Mapping[str, Any]
    segmenting: Mapping[str, Any] | None = None
    aligning: Mapping[str, Any] | None = None
    matching: str | None = None
    beta: float = 1.0

    def segmentation_task(self) -> Any:
        """Return the problem of frames and actions."""
        assert self.segmenting is not None
        cls = SEGMENTATION_TASKS[self.segmenting["method"]]
        return make_task(cls, {**self.training, **self.segmenting})

    def alignment_task(self) -> Any:
        """Return the problem of the frames of two videos."""
        assert self.aligning is not None
        zeta, mass = self.aligning["zeta"], self.aligning["virtual_mass"]
        if mass is not None:
            mass = parse_quantile("virtual_mass", mass)
        virtual = VirtualFrame(parse_quantile("zeta", zeta), mass)
        cls = ALIGNMENT_TASKS[self.aligning["method"]]
        return make_task(cls, {**self.training, **self.aligning, "virtual": virtual})

    def memory_limit(self) -> float:
        """Return the bytes that the alignment of two videos may use."""
        assert self.aligning is not None
        return check_memory(self.aligning["memory_limit"])

    def is_taught_by_start(self) -> bool:
        """Return whether the segmentation found before training supervises it."""
        assert self.segmenting is not None
        return self.segmenting["teacher"] == "start"

    def labelled_by(self, segment_on: str, **known: Any) -> Settings:
        """Return the settings with what is known once frames are labelled.

        Parameters
        ----------
        segment_on : {"features", "embedding", "timeline"}
            Where frames are told apart.
        **known : object
            Values of others that were used, which may not be those that were asked for:
            a timeline has no use for a decoder.
        """
        assert self.segmenting is not None
        found = {**self.segmenting, "segment_on": segment_on, **known}
        return replace(self, segmenting=found)
