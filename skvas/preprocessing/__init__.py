"""Transformers of videos, for use before an estimator."""

from skvas.preprocessing._drift import Detrend
from skvas.preprocessing._framewise import Framewise
from skvas.preprocessing._gaps import Interpolate
from skvas.preprocessing._levels import LevelFeatures
from skvas.preprocessing._poses import PoseFeatures
from skvas.preprocessing._related import SelectRelated
from skvas.preprocessing._standardizer import VideoStandardizer
from skvas.preprocessing._tails import CompressTails
from skvas.preprocessing._whitened import WhitenedViews

__all__ = [
    "CompressTails",
    "Detrend",
    "Framewise",
    "Interpolate",
    "LevelFeatures",
    "PoseFeatures",
    "SelectRelated",
    "VideoStandardizer",
    "WhitenedViews",
]
