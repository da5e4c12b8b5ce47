"""Scores of matches between the frames of two videos."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skvas._typing import Labels
from skvas.metrics._compare import encode, refuse_other_kind
from skvas.validation import check_labels, respell


@dataclass(frozen=True)
class LabelAgreement:
    """Agreement of the labels of matched frames, and the share of matched frames.

    Parameters
    ----------
    agreement : float
        Share of the matched frames that have the label of their match; NaN if no frame
        is matched.
    matched : float
        Share of frames that are matched.
    agreement_of_all : float
        Share of all frames that have the label of their match; unmatched frames count
        as mistakes.

    Examples
    --------
    >>> from skvas.metrics import label_agreement
    >>> label_agreement([0, -1], ["a", "b"], ["a"]).matched
    0.5
    """

    agreement: float
    matched: float
    agreement_of_all: float


def label_agreement(
    matches: ArrayLike, labels_x: Labels, labels_y: Labels
) -> LabelAgreement:
    """Measure how often matched frames of two videos have the same label.

    Parameters
    ----------
    matches : array-like of int, shape (N,)
        For each frame of x the matched frame of y, -1 for none.
    labels_x : array-like of shape (N,)
        Labels of the frames of x.
    labels_y : array-like of shape (M,)
        Labels of the frames of y. Every label is an action, also -1 and the empty text.

    Returns
    -------
    LabelAgreement
        Agreement without and with the unmatched frames, and the share of matched
        frames.

    See Also
    --------
    matching_error : The distance to true matches.
    dtw_matches, linear_warp : Baselines.

    Examples
    --------
    >>> from skvas.metrics import label_agreement
    >>> label_agreement([0, 1, 1, -1], ["a", "a", "b", "b"], ["a", "b"])
    LabelAgreement(agreement=0.6666666666666666, matched=0.75, agreement_of_all=0.5)
    """
    indices = _check_matches(matches, "matches")
    names_x = check_labels(labels_x, len(indices))
    n_frames = len(labels_y) if hasattr(labels_y, "__len__") else None
    names_y = check_labels(labels_y, n_frames)
    refuse_other_kind(names_x, names_y)
    (x, y), _ = encode(respell(names_x + names_y))
    if indices.max(initial=-1) >= len(y):
        raise ValueError(
            f"matches refers to frame {indices.max()}, but labels_y has {len(y)} "
            "frames."
        )
    real = indices >= 0
    right = x[real] == y[indices[real]]
    return LabelAgreement(
        agreement=float(right.mean()) if len(right) else float("nan"),
        matched=float(real.mean()),
        agreement_of_all=float(right.sum() / len(real)),
    )


def matching_error(matches: ArrayLike, true: ArrayLike) -> float:
    """Measure how far matches are from the true ones.

    Parameters
    ----------
    matches : array-like of int, shape (N,)
        For each frame of x the matched frame of y, -1 for none.
    true : array-like of int, shape (N,)
        The true match of each frame of x, -1 for none.

    Returns
    -------
    float
        Mean distance between matched and true frame, in frames, over the frames of x
        that have both; NaN if there are none.

    Examples
    --------
    >>> from skvas.metrics import matching_error
    >>> matching_error([0, 3, -1, 3], [0, 1, 2, -1])
    1.0
    """
    found, truth = _check_matches(matches, "matches"), _check_matches(true, "true")
    if found.shape != truth.shape:
        raise ValueError(
            f"matches has {len(found)} frames and true has {len(truth)}; both must "
            "have one entry for each frame of x."
        )
    both = (found >= 0) & (truth >= 0)
    error = np.abs(found[both] - truth[both])
    return float(error.mean()) if len(error) else float("nan")


def _check_matches(values: ArrayLike, name: str) -> NDArray[np.int64]:
    if isinstance(values, np.ma.MaskedArray):
        raise ValueError(
            f"{name} is a masked array, whose mask would be ignored: put -1 for frames "
            "without a match by filled(-1)."
        )
    matches = np.asarray(values)
    if matches.ndim != 1 or len(matches) == 0 or matches.dtype.kind not in "iu":
        raise ValueError(
            f"{name} must be a non-empty sequence of integers, got {matches.dtype} of "
            f"shape {matches.shape}."
        )
    if (matches < -1).any():
        raise ValueError(
            f"{name} contains {matches.min()}; use -1 for frames without a match."
        )
    return matches.astype(np.int64)
