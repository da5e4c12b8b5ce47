"""Features of the frames of video files, and videos synchronised by an alignment."""

from skvas.features._frame_features import FrameFeatures, VideoFeatures
from skvas.features._synchronised import write_synchronised

__all__ = ["FrameFeatures", "VideoFeatures", "write_synchronised"]
