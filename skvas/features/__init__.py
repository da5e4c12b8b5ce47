"""From video files to features of frames, and back to videos that run in step."""

from skvas.features._frame_features import FrameFeatures, VideoFeatures
from skvas.features._synchronised import write_synchronised

__all__ = ["FrameFeatures", "VideoFeatures", "write_synchronised"]
