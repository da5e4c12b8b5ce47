"""The transport problems over embeddings, one a file: how each is solved, its loss."""

from skvas.tasks._registry import ALIGNMENT_TASKS, SEGMENTATION_TASKS

__all__ = ["ALIGNMENT_TASKS", "SEGMENTATION_TASKS"]
