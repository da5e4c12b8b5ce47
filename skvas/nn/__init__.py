"""Networks and losses: from frames to unit embeddings, and what trains them."""

from skvas.nn.encoders import (
    ENCODERS,
    CausalConvEncoder,
    FrameStream,
    MLPEncoder,
    ResidualEncoder,
    TemporalConvEncoder,
)
from skvas.nn.losses import (
    alignment_loss,
    intra_video_loss,
    segmentation_loss,
    transport_loss,
)
from skvas.nn.prototypes import Prototypes

__all__ = [
    "ENCODERS",
    "CausalConvEncoder",
    "FrameStream",
    "MLPEncoder",
    "Prototypes",
    "ResidualEncoder",
    "TemporalConvEncoder",
    "alignment_loss",
    "intra_video_loss",
    "segmentation_loss",
    "transport_loss",
]
