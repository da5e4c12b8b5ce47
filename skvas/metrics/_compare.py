"""True and predicted labels side by side: checked, encoded, matched."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from skvas._printing import shorten
from skvas._typing import Labels
from skvas.validation import check_choice, check_labels, respell

# How clusters are renamed to actions before they are scored.
MATCHINGS = ("global", "per_group", "per_video", None)

# Of what a score is the mean; None: all videos have one score.
AVERAGES = ("groups", "videos", None)

Codes = NDArray[np.int64]
Background = Hashable | Collection[Hashable] | None


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
        The true labels that the codes stand for, in the order of their appearance; with
        a matching for each group, pairs of group and label.
    mapping : tuple of dict
        For each video the actions that its clusters were matched with.
    groups : tuple
        For each video the group whose actions it may have; one for all unless each
        group has a matching.
    together : tuple of tuple of int
        Videos that share a score; the mean is taken over these sets.
    """

    true: list[Codes]
    pred: list[Codes]
    actions: tuple[Hashable, ...]
    mapping: tuple[dict[Hashable, Hashable], ...]
    groups: tuple[Hashable, ...]
    together: tuple[tuple[int, ...], ...]

    def parts(self) -> list[Comparison]:
        """Return what is scored by itself; videos of background alone are none."""
        if len(self.together) == 1:
            return [self]
        parts = [self._part(videos) for videos in self.together]
        return [part for part in parts if part.actions]

    def _part(self, videos: tuple[int, ...]) -> Comparison:
        """Return some of the videos, and of the actions those that occur in them."""
        seen = actions_in([self.true[index] for index in videos])
        table = np.full(len(self.actions), -1)
        table[seen] = np.arange(len(seen))
        true, pred = (
            [_recode(side[index], table, len(seen)) for index in videos]
            for side in (self.true, self.pred)
        )
        return Comparison(
            true,
            pred,
            tuple(self.actions[code] for code in seen),
            tuple(self.mapping[index] for index in videos),
            tuple(self.groups[index] for index in videos),
            (tuple(range(len(videos))),),
        )


def compare(
    labels_true: Labels,
    labels_pred: Labels,
    matching: str | None,
    groups: Iterable[Hashable] | None,
    background: Background,
    average: str | None = None,
) -> Comparison:
    """Check labels of both sides, rename clusters to actions and mark background."""
    check_choice("matching", matching, MATCHINGS)
    check_choice("average", average, AVERAGES)
    truth = check_labels(labels_true)
    predicted = check_labels(labels_pred, [len(labels) for labels in truth])
    left_out = background_labels(background)
    both = respell([*truth, *predicted], *left_out)
    truth, predicted = both[: len(truth)], both[len(truth) :]
    true, actions = encode(truth, left_out)
    if not actions:
        raise ValueError(
            "labels_true has no frame to evaluate: it is empty, or every frame is "
            f"background ({', '.join(map(repr, left_out)) or None})."
        )
    group_of = check_groups(groups, matching, average, len(truth))
    if matching is None:
        pred, mapping = _encode_names(predicted, actions, left_out)
    else:
        scopes = _scopes(matching == "per_group", matching == "per_video", group_of)
        pred, mapping = _rename_clusters(true, predicted, actions, scopes, left_out)
    pred = [np.where(t < 0, -1, p) for t, p in zip(true, pred, strict=True)]
    scored = _scopes(average == "groups", average == "videos", group_of)
    together = tuple(map(tuple, indices_of(scored).values()))
    pair = Comparison(true, pred, actions, mapping, (0,) * len(truth), together)
    return _tell_apart(pair, group_of) if matching == "per_group" else pair


def over_power_of_two(values: NDArray[Any], peak: Any) -> NDArray[Any]:
    """Divide by the power of two above a peak: nothing is rounded, squares fit."""
    _, exponent = np.frexp(peak)
    return np.ldexp(values, -exponent)


def encode(
    labels: Sequence[NDArray[Any]], background: tuple[Hashable, ...] = ()
) -> tuple[list[Codes], tuple[Hashable, ...]]:
    """Replace labels by numbers in the order of their appearance, background by -1.

    The order of appearance, not of value, makes every score independent of how
    clusters happen to be called, ties included.
    """
    if not background and {array.dtype for array in labels} == {np.dtype(np.int64)}:
        return _encode_numbers(labels)
    values = [array.tolist() for array in labels]
    names = dict.fromkeys(name for video in values for name in video)
    for label in background:
        _check_background(label, names)
    for label in background:
        names.pop(label, None)
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
    names, places = _by_appearance(np.concatenate(labels))
    ends = np.cumsum([len(array) for array in labels])[:-1]
    return np.split(places, ends), tuple(names.tolist())


def background_labels(background: Background) -> tuple[Hashable, ...]:
    """Return the labels of background, of which one may come without a collection."""
    if background is None:
        return ()
    if isinstance(background, str) or not isinstance(background, Collection):
        return (background,)
    labels = tuple(background)
    are_labels = all(isinstance(label, Hashable) for label in labels)
    if isinstance(background, Mapping) or not are_labels:
        raise TypeError(
            f"background must be a label or a collection of labels, got "
            f"{shorten(background)}."
        )
    return labels


def means_background(cluster: Hashable, background: tuple[Hashable, ...]) -> bool:
    """Return whether a cluster is background that was predicted by name.

    A method that finds clusters numbers them from 0 on, so that one is called like a
    background of 0 or more by chance.
    """
    is_called_so = cluster in background
    return is_called_so and (not isinstance(cluster, Real) or cluster < 0)


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
    are_truth = any(isinstance(name, bool) for name in names)
    is_odd = isinstance(background, bool) and not are_truth
    if is_odd or background != background:
        raise TypeError(
            f"background must be the label of frames without an action, such as -1 or "
            f"'SIL', got {background!r}."
        )
    if of_text and isinstance(background, str) not in of_text:
        raise TypeError(
            f"background is {background!r}, but the labels are "
            f"{'text' if True in of_text else 'numbers'}; pass background in the type "
            "of the labels."
        )


def check_groups(
    groups: Iterable[Hashable] | None,
    matching: str | None,
    average: str | None,
    n_videos: int,
) -> list[Hashable]:
    """Return the group of each video, which is its number where there are none."""
    if (groups is None) == (matching == "per_group" or average == "groups"):
        raise ValueError(
            f"groups is {'missing' if groups is None else 'given'} with "
            f"matching={matching!r} and average={average!r}; pass one group for each "
            "video with matching='per_group' or average='groups', and no groups "
            "otherwise."
        )
    if isinstance(groups, (str, bytes, Mapping, Set)):
        raise TypeError(
            f"groups must be a list with the group of each video, got "
            f"{shorten(groups)} of type {type(groups).__name__}."
        )
    known = list(range(n_videos) if groups is None else groups)
    if not all(isinstance(group, Hashable) for group in known):
        raise TypeError(f"groups must be texts or numbers, got {shorten(known)}.")
    if len(known) != n_videos:
        raise ValueError(
            f"groups has {len(known)} entries for {n_videos} videos; pass one "
            "group for each video."
        )
    return known


def _scopes(
    by_group: bool, by_video: bool, groups: Sequence[Hashable]
) -> Sequence[Hashable]:
    """Return the scope of each video, which videos of one scope share."""
    if by_group:
        return groups
    return range(len(groups)) if by_video else [0] * len(groups)


def indices_of(scopes: Sequence[Hashable]) -> dict[Hashable, list[int]]:
    """Return the videos of each scope."""
    inside: dict[Hashable, list[int]] = {scope: [] for scope in scopes}
    for index, scope in enumerate(scopes):
        inside[scope].append(index)
    return inside


def actions_in(true: Sequence[Codes]) -> Codes:
    """Return the codes that are not background, in their order."""
    codes = np.unique(np.concatenate(true))
    return codes[codes >= 0]


def _recode(codes: Codes, table: Codes, n_actions: int) -> Codes:
    """Replace actions by those of a table; where it has -1, they stand for none."""
    is_action = (codes >= 0) & (codes < len(table))
    new = table[np.where(is_action, codes, 0)]
    known = np.where(is_action & (new >= 0), new, codes + n_actions)
    return np.where(codes < 0, -1, known)


def _tell_apart(pair: Comparison, groups: Sequence[Hashable]) -> Comparison:
    """Let actions of one name be as many as there are groups that have it."""
    actions: list[Hashable] = []
    tables = {}
    for group, videos in indices_of(groups).items():
        seen = actions_in([pair.true[index] for index in videos])
        tables[group] = np.full(len(pair.actions), -1)
        tables[group][seen] = len(actions) + np.arange(len(seen))
        actions += [(group, pair.actions[code]) for code in seen]
    true, pred = (
        [
            _recode(codes, tables[group], len(actions))
            for codes, group in zip(side, groups, strict=True)
        ]
        for side in (pair.true, pair.pred)
    )
    return replace(
        pair, true=true, pred=pred, actions=tuple(actions), groups=tuple(groups)
    )


def _encode_names(
    predicted: Sequence[NDArray[Any]],
    actions: tuple[Hashable, ...],
    background: tuple[Hashable, ...],
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
    background: tuple[Hashable, ...],
) -> tuple[list[Codes], tuple[dict[Hashable, Hashable], ...]]:
    """Match the clusters of each scope with actions, and rename them in its videos."""
    clusters, names = encode(predicted)
    is_action = np.array([not means_background(name, background) for name in names])
    new_codes: dict[Hashable, Codes] = {}
    mappings: dict[Hashable, dict[Hashable, Hashable]] = {}
    for scope, inside in indices_of(scopes).items():
        truth = np.concatenate([true[index] for index in inside])
        found = np.concatenate([clusters[index] for index in inside])
        kept = (truth >= 0) & is_action[found]
        # Of frames that count, by appearance: ties are as in the scope alone.
        known, row_of = _by_appearance(truth[kept])
        seen, column_of = _by_appearance(found[kept])
        rows, columns = match_clusters(row_of, column_of, len(known))
        new_codes[scope] = np.arange(len(names)) + len(actions)
        new_codes[scope][seen[columns]] = known[rows]
        new_codes[scope][~is_action] = -1
        mappings[scope] = {
            names[seen[column]]: actions[known[row]]
            for row, column in zip(rows, columns, strict=True)
        }
    pred = [
        new_codes[scope][codes] for scope, codes in zip(scopes, clusters, strict=True)
    ]
    return pred, tuple(mappings[scope] for scope in scopes)


def _by_appearance(codes: Codes) -> tuple[Codes, Codes]:
    """Return different codes in the order they appear in, and the place of each."""
    found, first, place = np.unique(codes, return_index=True, return_inverse=True)
    order = first.argsort()
    return found[order], order.argsort()[place]
