"""Labels of some frames: how they are given, and how they name the actions."""

from skvas.labels._outlook import Query
from skvas.labels._reading import frame_labels

__all__ = ["Query", "frame_labels"]
