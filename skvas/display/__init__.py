"""Plots of the results of estimators; they need matplotlib."""

from skvas.display._alignment import AlignmentDisplay
from skvas.display._common_time import CommonTimeDisplay
from skvas.display._embedding import EmbeddingDisplay
from skvas.display._history import HistoryDisplay
from skvas.display._saving import save_figures
from skvas.display._segmentation import SegmentationDisplay
from skvas.display._timeline import TimelineDisplay

__all__ = [
    "AlignmentDisplay",
    "CommonTimeDisplay",
    "EmbeddingDisplay",
    "HistoryDisplay",
    "SegmentationDisplay",
    "TimelineDisplay",
    "save_figures",
]
