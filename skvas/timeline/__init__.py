"""One axis of time for all videos, and the actions on it."""

from skvas.timeline._order import BlockOrder
from skvas.timeline._timeline import Density, Timeline

__all__ = ["BlockOrder", "Density", "Timeline"]
