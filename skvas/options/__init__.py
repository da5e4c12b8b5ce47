"""Parameters: each declared once, with its default, its range and what it affects."""

from skvas.options._groups import Aligning, Segmenting, Training

__all__ = ["Aligning", "Segmenting", "Training"]
