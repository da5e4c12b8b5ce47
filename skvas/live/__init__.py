"""Recordings that are still going on: the step now, the next one, what was skipped."""

from skvas.live._answers import LiveFrames, LiveRecording, LiveStep, NextStep
from skvas.live._embedder import LiveEmbedder
from skvas.live._habits import LiveWarning
from skvas.live._tracker import LiveTracker, load_tracker

__all__ = [
    "LiveEmbedder",
    "LiveFrames",
    "LiveRecording",
    "LiveStep",
    "LiveTracker",
    "LiveWarning",
    "NextStep",
    "load_tracker",
]
