"""Labelled segments, recordings, and the files that hold them."""

from skvas.io._any import read_recordings
from skvas.io._corrections import Corrections, read_corrections
from skvas.io._files import read_segments, write_segments
from skvas.io._poses import read_poses
from skvas.io._sensors import read_sensors
from skvas.io._table import SegmentTable, TimedSegment

__all__ = [
    "Corrections",
    "SegmentTable",
    "TimedSegment",
    "read_corrections",
    "read_poses",
    "read_recordings",
    "read_segments",
    "read_sensors",
    "write_segments",
]
