"""Labelled segments, and the files that hold them."""

from skvas.io._files import read_segments, write_segments
from skvas.io._table import SegmentTable, TimedSegment

__all__ = ["SegmentTable", "TimedSegment", "read_segments", "write_segments"]
