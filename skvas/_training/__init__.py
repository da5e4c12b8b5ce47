"""Training: the tasks and their pseudo-labels, the samplers and the one loop."""

from skvas._training._callbacks import Callback, announce
from skvas._training._distributed import (
    ALONE,
    Team,
    is_launched,
    join_team,
    launch,
)
from skvas._training._loop import Keeper, Losses, TrainingState, train
from skvas._training._sampling import (
    Pairs,
    PairSampler,
    sample_frames,
    spread_frames,
)
from skvas._training._start import (
    barycentres,
    k_means,
    refine,
    thin,
    time_slices,
    vote,
)
from skvas._training._tasks import AlignmentTask, SegmentationTask, VAVATask
from skvas._training._virtual import VirtualFrame, parse_quantile

__all__ = [
    "ALONE",
    "AlignmentTask",
    "Callback",
    "Keeper",
    "Losses",
    "PairSampler",
    "Pairs",
    "SegmentationTask",
    "Team",
    "TrainingState",
    "VAVATask",
    "VirtualFrame",
    "announce",
    "barycentres",
    "is_launched",
    "join_team",
    "k_means",
    "launch",
    "parse_quantile",
    "refine",
    "sample_frames",
    "spread_frames",
    "thin",
    "time_slices",
    "train",
    "vote",
]
