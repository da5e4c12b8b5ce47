"""Scores of segmentations and alignments, and baselines to compare them with."""

from skvas.metrics._baselines import dtw_matches, linear_warp, uniform_segmentation
from skvas.metrics._consistency import (
    ConsistencyScore,
    PairMatches,
    consistency_score,
    match_pairs,
    modularity_score,
)
from skvas.metrics._embeddings import (
    PhaseClassification,
    kendall_tau,
    phase_classification,
    phase_progression,
    retrieval_precision,
)
from skvas.metrics._hiding import hide_labels
from skvas.metrics._matches import LabelAgreement, label_agreement, matching_error
from skvas.metrics._order import SharedOrder, shared_order
from skvas.metrics._scorer import make_consistency_scorer, make_segmentation_scorer
from skvas.metrics._segmentation import (
    SegmentationReport,
    edit_score,
    f1_majority,
    f1_overlap,
    f1_sampled,
    match_labels,
    miou,
    mof,
    segmentation_report,
)

__all__ = [
    "ConsistencyScore",
    "LabelAgreement",
    "PairMatches",
    "PhaseClassification",
    "SegmentationReport",
    "SharedOrder",
    "consistency_score",
    "dtw_matches",
    "edit_score",
    "f1_majority",
    "f1_overlap",
    "f1_sampled",
    "hide_labels",
    "kendall_tau",
    "label_agreement",
    "linear_warp",
    "make_consistency_scorer",
    "make_segmentation_scorer",
    "match_labels",
    "match_pairs",
    "matching_error",
    "miou",
    "modularity_score",
    "mof",
    "phase_classification",
    "phase_progression",
    "retrieval_precision",
    "segmentation_report",
    "shared_order",
    "uniform_segmentation",
]
