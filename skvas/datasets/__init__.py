"""Data sets: folders of the user's own, recordings that ship with a package, toys."""

from skvas.datasets._folder import load_folder
from skvas.datasets._on_disk import FeatureFile
from skvas.datasets._recordings import Recordings
from skvas.datasets._spar import load_spar
from skvas.datasets._synthetic import make_videos

__all__ = ["FeatureFile", "Recordings", "load_folder", "load_spar", "make_videos"]
