"""Self-supervised video alignment and unsupervised action segmentation."""

from skvas._aligner import VideoAligner
from skvas._alignment import Alignment
from skvas._joint import JointAlignSegment
from skvas._many_files import FilesReport, predict_files
from skvas._persistence import load
from skvas._report import StepReport, step_report
from skvas._segmenter import ActionSegmenter
from skvas._transfer import LabelTransfer, transfer_labels

__all__ = [
    "ActionSegmenter",
    "Alignment",
    "FilesReport",
    "JointAlignSegment",
    "LabelTransfer",
    "StepReport",
    "VideoAligner",
    "__version__",
    "load",
    "predict_files",
    "step_report",
    "transfer_labels",
]

__version__ = "0.1.0"
