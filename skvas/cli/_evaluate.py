"""`skvas evaluate`: scores beside those of simple baselines."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.base import is_clusterer

from skvas._on_demand import lengths_of
from skvas._printing import format_table
from skvas.applications._names import call_by_name, names_by_label
from skvas.cli._files import load_model, load_recordings
from skvas.cli._labels import read_labels
from skvas.cli._lines import with_progress
from skvas.datasets import Recordings
from skvas.labels._reading import read_labels as number_labels
from skvas.metrics import (
    label_agreement,
    linear_warp,
    segmentation_report,
    uniform_segmentation,
)

__all__ = ["run"]

# Pairs of videos on which `evaluate` scores alignments.
N_PAIRS = 30
# What `--matching` calls actions that are labels by themselves.
BY_NAME = "names"
# What is no name: it stands for frames without a label.
UNLABELLED = object()


def run(options: argparse.Namespace) -> None:
    """Run the command."""
    model = load_model(options.model)
    if options.matching is not None and not is_clusterer(model):
        raise ValueError("--matching has no use for a model that only aligns.")
    if options.average is not None and not is_clusterer(model):
        raise ValueError("--average has no use for a model that only aligns.")
    data = load_recordings(
        options, model, on_mismatch="resample" if options.resample else "raise"
    )
    names, codes = _true_labels(options, data)
    for label in options.background:
        if label not in names:
            raise ValueError(
                f"--background {label} is no label; there are {', '.join(names)}."
            )
    kept = [i for i, known in enumerate(codes) if known is not None]
    videos = [data.videos[i] for i in kept]
    labels = [np.array([*names, UNLABELLED], object)[codes[i]] for i in kept]
    scores: dict[str, dict[str, dict[str, float]]] = {}
    matching = options.matching
    if is_clusterer(model):
        groups = None
        called = _called(model, names)
        matching = _chosen_matching(model, called, names, matching)
        if matching == "per_group" or options.average == "groups":
            groups = [data.activities[i] if data.activities else None for i in kept]
        scores["segmentation"] = _score_segmentation(
            model, called, videos, labels, matching, groups, options
        )
    if hasattr(model, "align") and len(videos) > 1:
        found = _score_alignment(model, videos, labels, options.background)
        if found:
            scores["alignment"] = found
    if not scores:
        raise ValueError(
            f"{options.folder!r} has labels of one video, or of frames that are not "
            "matched; matches are scored between labelled frames of two or more."
        )
    if options.json:
        average = {"average": options.average} if options.average else {}
        print(json.dumps({"matching": matching, **average, **scores}, indent=2))
        return
    for task, methods in scores.items():
        rows = [{task: name, **row} for name, row in methods.items()]
        print(format_table(rows, decimals=3), end="\n\n")


def _true_labels(
    options: argparse.Namespace, data: Recordings
) -> tuple[list[str], Sequence[np.ndarray | None]]:
    """Return the names of labels, and their numbers in each recording.

    None for a recording without, -1 for a frame.
    """
    y = read_labels(options, data)
    if y is not None:
        lengths = lengths_of(data.videos)
        found = number_labels(y, lengths, single=False, to_learn=False)
        if not len(found.names):
            raise ValueError(
                f"{options.labels!r} labels no frame of {options.folder!r}."
            )
        return [str(name) for name in found.names.tolist()], _labelled(found.codes)
    if data.labels is None or not data.action_names:
        raise ValueError(
            f"{options.folder!r} has no labels to evaluate by; give files of labelled "
            "segments as --labels."
        )
    return data.action_names, _labelled(data.labels)


def _labelled(codes: Sequence[np.ndarray | None]) -> list[np.ndarray | None]:
    """Put None in place of the labels of a recording that label no frame."""
    return [
        known if known is not None and (known >= 0).any() else None for known in codes
    ]


def _called(model: Any, labels: list[str]) -> dict[Any, str]:
    """Return what actions are called, by the labels that `predict` returns.

    An action that learned one of `labels`, and was given a name that is none of them,
    is called by what it learned.
    """
    names = names_by_label(model) or {}
    if model.naming_ is None:
        return names
    called = {label: str(label) for label in model.classes_.tolist()}
    for label, name in names.items():
        text = called[label]
        if name in labels or text not in labels or text in names.values():
            called[label] = name
    return called


def _chosen_matching(
    model: Any, called: Mapping[Any, str], labels: list[str], asked: str | None
) -> str:
    """Return how actions become labels: as was asked, or by name where some are labels.

    Numbers of actions that nobody has named are no names.

    Raises
    ------
    ValueError
        If names are asked for and no action has one of the labels.
    """
    if asked not in (None, BY_NAME):
        return asked
    names = [
        name
        for label, name in called.items()
        if model.naming_ is not None or name != str(label)
    ]
    if not set(labels).isdisjoint(names):
        return BY_NAME
    if asked == BY_NAME:
        raise ValueError(
            f"--matching {BY_NAME} needs a model that knows labels: its actions are "
            f"{', '.join(names) or 'without names'}, labels are {', '.join(labels)}."
        )
    return "global"


def _score_segmentation(
    model: Any,
    called: Mapping[Any, str],
    videos: list[np.ndarray],
    labels: list[np.ndarray],
    matching: str,
    groups: list[Any] | None,
    options: argparse.Namespace,
) -> dict[str, dict[str, float]]:
    uniform = uniform_segmentation([len(video) for video in videos], model.n_actions_)
    found = [
        call_by_name(model.predict([video])[0], called)
        for video in with_progress(videos, lambda _: "segment")
    ]
    labelled = [video != UNLABELLED for video in labels]
    labels, uniform, found = (
        [np.asarray(row)[mask] for row, mask in zip(rows, labelled, strict=True)]
        for rows in (labels, uniform, found)
    )
    scores = {}
    by_name = matching == BY_NAME
    for name, predicted, paired in (
        ("uniform cut", uniform, "global" if by_name else matching),  # without names
        (type(model).__name__, found, None if by_name else matching),
    ):
        report = segmentation_report(
            labels,
            predicted,
            matching=paired,
            groups=groups,
            average=options.average,
            background=options.background,
            random_state=0,
        )
        scores[name] = {
            "MoF": report.mof,
            "F1": report.f1,
            "mIoU": report.miou,
            "edit": report.edit,
            "F1@50": report.f1_50,
        }
    return scores


def _score_alignment(
    model: Any,
    videos: list[np.ndarray],
    labels: list[np.ndarray],
    background: list[str],
) -> dict[str, dict[str, float]]:
    """Score the matches of pairs of videos, all of them or a random choice.

    Matches of frames of background, and of or with frames without a label, are left
    out.
    """
    labelled = [row != UNLABELLED for row in labels]
    kept = [
        mask & ~np.isin(row.astype(str), background)
        for mask, row in zip(labelled, labels, strict=True)
    ]
    scored = [i for i, mask in enumerate(kept) if mask.any()]
    pairs = [(i, j) for i in scored for j in range(len(videos)) if i != j]
    if not pairs:
        raise ValueError(
            f"Every labelled frame is background ({', '.join(background)})."
        )
    rng = np.random.RandomState(0)
    if len(pairs) > N_PAIRS:
        pairs = [pairs[p] for p in rng.choice(len(pairs), N_PAIRS, replace=False)]
    results: dict[str, list[Any]] = {"linear warping": [], type(model).__name__: []}
    for i, j in with_progress(pairs, lambda _: "align"):
        linear = linear_warp(len(videos[i]), len(videos[j]))
        found = model.align(videos[i], videos[j]).matches_x
        for name, matches in zip(results, (linear, found), strict=True):
            told = kept[i] & ((matches < 0) | labelled[j][matches])
            if told.any():
                # No match counts that is with a frame without a label.
                y = np.where(labelled[j], labels[j], labels[i][told][0])
                results[name].append(label_agreement(matches[told], labels[i][told], y))
    if not all(results.values()):  # no match is between labelled frames
        return {}
    return {
        name: {
            "agreement": float(np.mean([r.agreement_of_all for r in rows])),
            "matched": float(np.mean([r.matched for r in rows])),
        }
        for name, rows in results.items()
    }
