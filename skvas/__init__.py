"""Self-supervised video alignment and unsupervised action segmentation."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from skvas import datasets as datasets
    from skvas import decoding as decoding
    from skvas import display as display
    from skvas import exceptions as exceptions
    from skvas import features as features
    from skvas import io as io
    from skvas import labels as labels
    from skvas import live as live
    from skvas import metrics as metrics
    from skvas import nn as nn
    from skvas import preprocessing as preprocessing
    from skvas import recipes as recipes
    from skvas import tasks as tasks
    from skvas import testing as testing
    from skvas import timeline as timeline
    from skvas import transport as transport
    from skvas.alignment._result import Alignment
    from skvas.applications._action_table import ActionTable
    from skvas.applications._diagnosis import FitSummary
    from skvas.applications._many_files import (
        FilesReport,
        fit_files,
        predict_files,
    )
    from skvas.applications._report import StepReport, step_report
    from skvas.applications._transfer import LabelTransfer, transfer_labels
    from skvas.datasets._recordings import Recordings
    from skvas.estimators._aligner import VideoAligner
    from skvas.estimators._joint import JointAlignSegment
    from skvas.estimators._load import load, save
    from skvas.estimators._segmenter import ActionSegmenter
    from skvas.options import Aligning, Segmenting, Training
    from skvas.report._report_html import report_html
    from skvas.timeline._timeline import Timeline

__all__ = [
    "ActionSegmenter",
    "ActionTable",
    "Aligning",
    "Alignment",
    "FilesReport",
    "FitSummary",
    "JointAlignSegment",
    "LabelTransfer",
    "Recordings",
    "Segmenting",
    "StepReport",
    "Timeline",
    "Training",
    "VideoAligner",
    "__version__",
    "fit_files",
    "load",
    "predict_files",
    "report_html",
    "save",
    "step_report",
    "transfer_labels",
]

__version__ = "0.2.0"

# Imported when first asked for (PEP 562): skvas.metrics shall not load torch.
_HOMES = {
    "ActionSegmenter": "skvas.estimators._segmenter",
    "ActionTable": "skvas.applications._action_table",
    "Aligning": "skvas.options",
    "Alignment": "skvas.alignment._result",
    "FilesReport": "skvas.applications._many_files",
    "FitSummary": "skvas.applications._diagnosis",
    "JointAlignSegment": "skvas.estimators._joint",
    "LabelTransfer": "skvas.applications._transfer",
    "Recordings": "skvas.datasets._recordings",
    "Segmenting": "skvas.options",
    "StepReport": "skvas.applications._report",
    "Timeline": "skvas.timeline._timeline",
    "Training": "skvas.options",
    "VideoAligner": "skvas.estimators._aligner",
    "fit_files": "skvas.applications._many_files",
    "load": "skvas.estimators._load",
    "predict_files": "skvas.applications._many_files",
    "report_html": "skvas.report._report_html",
    "save": "skvas.estimators._load",
    "step_report": "skvas.applications._report",
    "transfer_labels": "skvas.applications._transfer",
}
_ROOMS = (
    "datasets",
    "decoding",
    "display",
    "exceptions",
    "features",
    "io",
    "labels",
    "live",
    "metrics",
    "nn",
    "preprocessing",
    "recipes",
    "tasks",
    "testing",
    "timeline",
    "transport",
)


if not TYPE_CHECKING:  # a checker that sees it takes a misspelt name for one of these

    def __getattr__(name: str) -> Any:
        if name in _ROOMS:
            return importlib.import_module(f"skvas.{name}")
        if name not in _HOMES:
            raise AttributeError(f"module 'skvas' has no attribute {name!r}")
        found = getattr(importlib.import_module(_HOMES[name]), name)
        globals()[name] = found
        return found


def __dir__() -> list[str]:
    return sorted([*__all__, *_ROOMS])
