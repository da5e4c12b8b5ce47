"""True and predicted labels side by side: checked, encoded, matched."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from skvas._typing import Labels
from skvas.validation import check_choice, check_labels

# How clusters are renamed to actions before they are scored.
MATCHINGS = ("global", "per_group", "per_video", None)

Codes = NDArray[np.int64]


@dataclass(frozen=True)
class Comparison:
    """Labels as codes that mean the same on both sides.

    Parameters
    ----------
    true, pred : list of ndarray of int64, shape (n_frames_i,)
        One array a video. 0 to K - 1 are the actions; higher codes, of `pred` only, are
        clusters that stand for no action; -1 is background: on both sides wherever the
        truth is background, and in `pred` also where background was predicted by name.
    actions : tuple
        The true labels that the codes stand for, in the order of their appearance.
    mapping : tuple of dict
        For each video the actions that its clusters were matched with.
    """

    true: list[Codes]
    pred: list[Codes]
    actions: tuple[Hashable, ...]
    mapping: tuple[dict[Hashable, Hashable], ...]


def compare(
    labels_true: Labels,
    labels_pred: Labels,
    matching: str | None,
    groups: Iterable[Hashable] | None,
    background: Hashable | None,
) -> Comparison:
    """Check labels of both sides, rename clusters to actions and mark background."""
    check_choice("matching", matching, MATCHINGS)
    truth = check_labels(labels_true)
    predicted = check_labels(labels_pred, [len(labels) for labels in truth])
    true, actions = encode(truth, background)
    if not actions:
        raise ValueError(
            "labels_true has no frame to evaluate: it is empty, or every frame is "
            f"background ({background!r})."
        )
    if matching is None:
        pred, mapping = _encode_names(predicted, actions, background)
    else:
        scopes = _scopes(matching, groups, len(truth))
        pred, mapping = _rename_clusters(true, predicted, actions, scopes, background)
    pred = [np.where(t < 0, -1, p) for t, p in zip(true, pred, strict=True)]
    return Comparison(true, pred, actions, mapping)


def over_power_of_two(values: NDArray[Any], peak: Any) -> NDArray[Any]:
    """Divide by the power of two above a peak: nothing is rounded, squares fit."""
    _, exponent = np.frexp(peak)
    return np.ldexp(values, -exponent)


def encode(
    labels: Sequence[NDArray[Any]], background: Hashable | None = None
) -> tuple[list[Codes], tuple[Hashable, ...]]:
    """Replace labels by numbers in the order of their appearance, background by -1.

    The order of appearance, not of value, makes every score independent of how
    clusters happen to be called, ties included.
    """
    if background is None and {array.dtype for array in labels} == {np.dtype(np.int64)}:
        return _encode_numbers(labels)
    values = [array.tolist() for array in labels]
    names = dict.fromkeys(name for video in values for name in video)
    if background is not None:
        _check_background(background, names)
        names.pop(background, None)
    code_of = {name: code for code, name in enumerate(names)}
    codes = [
        np.array([code_of.get(name, -1) for name in video], dtype=np.int64)
        for video in values
    ]
    return codes, tuple(code_of)


def _encode_numbers(
    labels: Sequence[NDArray[Any]],
) -> tuple[list[Codes], tuple[Hashable, ...]]:
    """Do what `encode` does with integers, at once."""
    names, first, inverse = np.unique(
        np.concatenate(labels), return_index=True, return_inverse=True
    )
    order = first.argsort()
    ends = np.cumsum([len(array) for array in labels])[:-1]
    codes = np.split(order.argsort()[inverse.ravel()], ends)
    return codes, tuple(names[order].tolist())


def means_background(cluster: Hashable, background: Hashable | None) -> bool:
    """Return whether a cluster is background that was predicted by name.

    A method that finds clusters numbers them from 0 on, so that one is called like a
    background of 0 or more by chance.
    """
    if background is None or cluster != background:
        return False
    return not isinstance(background, Real) or background < 0


def match_clusters(
    true: Codes, pred: Codes, n_actions: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Pair actions with clusters so that most frames agree (Hungarian method).

    Ties are broken by the largest sum of intersections over unions. Pairs without a
    common frame are left out.
    """
    n_clusters = int(pred.max(initial=-1)) + 1
    flat = np.bincount(true * n_clusters + pred, minlength=n_actions * n_clusters)
    overlap = flat.reshape(n_actions, n_clusters)
    union = overlap.sum(1, keepdims=True) + overlap.sum(0, keepdims=True) - overlap
    # Together the ratios stay below one frame: they only break ties.
    tie_break = overlap / np.maximum(union, 1) / (min(overlap.shape) + 1)
    rows, columns = linear_sum_assignment(overlap + tie_break, maximize=True)
    real = overlap[rows, columns] > 0
    return rows[real], columns[real]


def refuse_other_kind(
    labels: Sequence[NDArray[Any]], others: Sequence[NDArray[Any]]
) -> None:
    """Refuse labels of which none can be equal: text on one side, numbers beside it."""
    one, other = _kinds(labels), _kinds(others)
    if one and other and one.keys().isdisjoint(other):
        (shown,), (beside,) = one.values(), other.values()
        raise TypeError(
            f"labels such as {shown!r} and {beside!r} are never equal; give both as "
            "text, or both as numbers."
        )


def _kinds(labels: Sequence[NDArray[Any]]) -> dict[bool, Any]:
    """Return a label that is text, by True, and one that is none, where they occur."""
    kinds: dict[bool, Any] = {}
    for array in labels:
        some = array[:1] if array.dtype.kind in "biuf" else array
        for label in some.tolist():
            kinds.setdefault(isinstance(label, str), label)
    return kinds


def _check_background(background: Hashable, names: Iterable[Hashable]) -> None:
    """Refuse a background that no label can be equal to."""
    of_text = {isinstance(name, str) for name in names}
    if of_text and isinstance(background, str) not in of_text:
        raise TypeError(
            f"background is {background!r}, but the labels are "
            f"{'text' if True in of_text else 'numbers'}; pass background in the type "
            "of the labels."
        )


def _scopes(
    matching: str, groups: Iterable[Hashable] | None, n_videos: int
) -> list[Hashable]:
    """Return the scope of each video; videos of one scope share one matching."""
    if (groups is None) == (matching == "per_group"):
        raise ValueError(
            f"groups is {'missing' if groups is None else 'given'} with "
            f"matching={matching!r}; pass one group for each video with "
            "matching='per_group', and no groups otherwise."
        )
    if groups is not None:
        scopes = list(groups)
        if len(scopes) != n_videos:
            raise ValueError(
                f"groups has {len(scopes)} entries for {n_videos} videos; pass one "
                "group for each video."
            )
        return scopes
    return list(range(n_videos)) if matching == "per_video" else [0] * n_videos


def _encode_names(
    predicted: Sequence[NDArray[Any]],
    actions: tuple[Hashable, ...],
    background: Hashable | None,
) -> tuple[list[Codes], tuple[dict[Hashable, Hashable], ...]]:
    """Encode predicted labels that are names of actions."""
    refuse_other_kind([np.array(actions, dtype=object)], predicted)
    # The actions first, so that they get their own codes.
    known = np.array(actions, dtype=object)
    _, *codes = encode([known, *predicted], background)[0]
    mapping = {action: action for action in actions}
    return codes, (mapping,) * len(predicted)


def _rename_clusters(
    true: Sequence[Codes],
    predicted: Sequence[NDArray[Any]],
    actions: tuple[Hashable, ...],
    scopes: Sequence[Hashable],
    background: Hashable | None,
) -> tuple[list[Codes], tuple[dict[Hashable, Hashable], ...]]:
    """Match the clusters of each scope with actions, and rename them in its videos."""
    clusters, names = encode(predicted)
    is_action = np.array([not means_background(name, background) for name in names])
    new_codes: dict[Hashable, Codes] = {}
    mappings: dict[Hashable, dict[Hashable, Hashable]] = {}
    for scope in dict.fromkeys(scopes):
        inside = [index for index, other in enumerate(scopes) if other == scope]
        truth = np.concatenate([true[index] for index in inside])
        found = np.concatenate([clusters[index] for index in inside])
        kept = (truth >= 0) & is_action[found]
        seen, first = np.unique(found[kept], return_index=True)
        seen = seen[first.argsort()]  # by appearance on frames that count
        place = np.empty(len(names), dtype=np.int64)
        place[seen] = np.arange(len(seen))
        rows, columns = match_clusters(truth[kept], place[found[kept]], len(actions))
        new_codes[scope] = np.arange(len(names)) + len(actions)
        new_codes[scope][seen[columns]] = rows
        new_codes[scope][~is_action] = -1
        mappings[scope] = {
            names[seen[column]]: actions[row]
            for row, column in zip(rows, columns, strict=True)
        }
    pred = [
        new_codes[scope][codes] for scope, codes in zip(scopes, clusters, strict=True)
    ]
    return pred, tuple(mappings[scope] for scope in scopes)
