"""Labels by vectors that stand for actions, such as a text encoder makes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from skvas.exceptions import InvalidParameterError
from skvas.labels._reading import NO_LABEL, PartialLabels, read_label
from skvas.validation import check_video, find_respellings, spelled_as
from skvas.videos._frames import unit

# Share of the frames most similar to a vector that take its name for certain.
SURE = 0.2


@dataclass(frozen=True)
class NamedVectors:
    """Vectors that stand for actions.

    Attributes
    ----------
    names : ndarray of shape (K,)
        Names, int64 or str.
    vectors : float64 ndarray of shape (K, D)
        Unit vectors.
    features : list of str, default=None
        What a data frame calls their entries.
    """

    names: np.ndarray
    vectors: np.ndarray
    features: list[str] | None = None


def read_prototypes(prototypes: Any) -> NamedVectors | None:
    """Read the parameter `prototypes`.

    Parameters
    ----------
    prototypes : array-like of shape (K, D), dict of str or int to array-like, or None
        What the user gave. The index of a data frame or a series names its rows.

    Returns
    -------
    NamedVectors or None

    Raises
    ------
    InvalidParameterError
        If it is something else, a vector is not finite or zero, or two have one name.
    """
    if prototypes is None:
        return None
    features = None
    if hasattr(prototypes, "index") and hasattr(prototypes, "to_numpy"):  # of pandas
        index = prototypes.index
        if not index.is_unique:
            twice = index[index.duplicated()][0]
            raise InvalidParameterError(
                f"prototypes has several rows of the name {twice!r}; give an action "
                "one vector, such as the mean of its rows."
            )
        features = _columns_of(prototypes)
        prototypes = dict(zip(index.tolist(), prototypes.to_numpy(), strict=True))
    is_named = isinstance(prototypes, Mapping)
    values = list(prototypes.values()) if is_named else prototypes
    try:
        vectors = check_video(values, ensure_all_finite=False).astype(float)
    except (TypeError, ValueError) as error:
        raise InvalidParameterError(
            "prototypes must be an array of shape (n_actions, n_features) or a dict of "
            f"vectors of one length, got {type(prototypes).__name__}."
        ) from error
    if not np.isfinite(vectors).all() or not vectors.any(axis=1).all():
        raise InvalidParameterError("prototypes must be finite, and none of them zero.")
    names = np.arange(len(vectors))
    if is_named:
        try:
            keys = [read_label(key) for key in prototypes]
        except ValueError as error:
            raise InvalidParameterError(f"names of prototypes: {error}") from None
        kinds = {type(key) for key in keys}
        if kinds not in ({int}, {str}):
            raise InvalidParameterError(
                "the names of prototypes must be strings or integers, none of them -1 "
                f"or '', which mean no label; got {list(prototypes)!r}."
            )
        for name, first in find_respellings(keys).items():
            raise InvalidParameterError(
                f"names of prototypes: {name!r} and {first!r} look the same and are "
                "spelled with other characters; give them one spelling."
            )
        names = np.array(keys, dtype=str if kinds == {str} else np.int64)
    order = np.argsort(names, kind="stable")
    return NamedVectors(names[order], _unit(vectors)[order], features)


def join_names(
    labels: PartialLabels | None, named: NamedVectors, lengths: Sequence[int]
) -> PartialLabels:
    """Add the names of vectors to labels.

    Parameters
    ----------
    labels : PartialLabels or None
        Labels of some frames.
    named : NamedVectors
        Vectors.
    lengths : sequence of int
        Numbers of frames of the videos.

    Returns
    -------
    PartialLabels
        With the names of both.
    """
    if labels is None:
        codes = [np.full(n, NO_LABEL, dtype=np.int64) for n in lengths]
        return PartialLabels(named.names, codes, [False] * len(codes))
    if labels.names.dtype.kind != named.names.dtype.kind:
        raise InvalidParameterError(
            "y and prototypes must both have strings as names, or both integers."
        )
    names = np.union1d(labels.names, _spelled(named, labels))
    place = np.append(np.searchsorted(names, labels.names), NO_LABEL)
    return replace(labels, names=names, codes=[place[c] for c in labels.codes])


def sow(
    labels: PartialLabels, named: NamedVectors, frames: Sequence[np.ndarray]
) -> PartialLabels:
    """Label the frames most similar to each vector, where the user has not.

    Similarities are cosines, standardised over all frames for each vector: frames are
    often closer to one text than to another whatever they show.

    Parameters
    ----------
    labels : PartialLabels
        Labels of the user, with the names of the vectors.
    named : NamedVectors
        Vectors.
    frames : sequence of ndarray of shape (n_i, D)
        Frames of each video.

    Returns
    -------
    PartialLabels
    """
    cosines = np.concatenate([_cosines(video, named.vectors) for video in frames])
    spread = cosines.std(axis=0)
    scores = (cosines - cosines.mean(axis=0)) / np.where(spread > 0, spread, 1)
    best = scores.argmax(axis=1)
    lead = np.take_along_axis(scores, best[:, None], axis=1)[:, 0]
    if scores.shape[1] > 1:
        lead = lead - np.sort(scores, axis=1)[:, -2]
    sown = np.full(len(cosines), NO_LABEL, dtype=np.int64)
    place = np.searchsorted(labels.names, _spelled(named, labels))
    for k in range(scores.shape[1]):
        won = np.flatnonzero(best == k)
        n_sure = int(np.ceil(SURE * len(won)))
        sure = won[np.argsort(-lead[won], kind="stable")[:n_sure]]
        sown[sure] = place[k]
    ends = np.cumsum([len(given) for given in labels.codes])[:-1]
    codes = [
        np.where(given >= 0, given, part)
        for given, part in zip(labels.codes, np.split(sown, ends), strict=True)
    ]
    # Timestamps of the user no longer stand alone.
    return replace(labels, codes=codes, is_stamped=[False] * len(codes))


def _spelled(named: NamedVectors, labels: PartialLabels) -> np.ndarray:
    """Return the names of vectors as labels spell them."""
    if named.names.dtype.kind != "U":
        return named.names
    return np.array([*map(spelled_as(labels.names.tolist()), named.names.tolist())])


def _cosines(frames: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Return the cosines of frames (n_i, D) with unit vectors, (n_i, K)."""
    cosines: np.ndarray = _unit(frames.astype(float)) @ vectors.T
    return cosines


def _unit(rows: np.ndarray) -> np.ndarray:
    """Scale rows to length one, also those whose squares leave the range of floats."""
    largest = np.abs(rows).max(axis=1, keepdims=True)
    return unit(rows / np.where(largest > 0, largest, 1))


def _columns_of(frame: Any) -> list[str] | None:
    """Return the names of the columns of a data frame, if they are texts."""
    columns = list(getattr(frame, "columns", ()))
    are_texts = bool(columns) and all(isinstance(name, str) for name in columns)
    return columns if are_texts else None
