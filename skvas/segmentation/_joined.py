"""What labels frames, put together from all that was learned."""

from __future__ import annotations

from skvas.labels._naming import BaseNaming
from skvas.options._groups import FRAMES
from skvas.segmentation._again import DoubtingLabeller
from skvas.segmentation._boundaries import MovedLabeller
from skvas.segmentation._labeller import BaseLabeller, Labeller
from skvas.segmentation._named import name_labeller


def join_labeller(
    base: BaseLabeller, naming: BaseNaming | None, boundaries: str, doubt: float
) -> Labeller:
    """Return what labels frames, by labels, boundaries and doubt that were learned.

    Parameters
    ----------
    base : BaseLabeller
        Labels frames where no label was given.
    naming : BaseNaming or None
        What was learned from labels.
    boundaries : {"decoded", "frames"}
        Where segments begin.
    doubt : float
        Weight of equal shares beside those of the actions.

    Returns
    -------
    Labeller
    """
    labeller: Labeller = base if naming is None else name_labeller(base, naming)
    if boundaries == FRAMES:
        labeller = MovedLabeller(labeller)
    return DoubtingLabeller(labeller, doubt, len(base.actions)) if doubt else labeller
