"""Self-supervised video alignment and unsupervised action segmentation."""

from skvas._aligner import VideoAligner
from skvas._alignment import Alignment
from skvas._joint import JointAlignSegment
from skvas._segmenter import ActionSegmenter

__all__ = [
    "ActionSegmenter",
    "Alignment",
    "JointAlignSegment",
    "VideoAligner",
    "__version__",
]

__version__ = "0.1.0"
