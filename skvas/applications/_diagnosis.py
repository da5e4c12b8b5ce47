"""What a fit found, and whether to trust it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from skvas._on_demand import choose, lengths_of
from skvas._printing import name_first
from skvas.datasets._recordings import features_of_fit
from skvas.decoding import labels_to_segments
from skvas.metrics import consistency_score, match_pairs, uniform_segmentation
from skvas.preprocessing import (
    CompressTails,
    Detrend,
    LevelFeatures,
    SelectRelated,
    WhitenedViews,
)
from skvas.preprocessing._pipelines import all_steps, last_step, named_steps
from skvas.preprocessing._strangers import find_unlike
from skvas.videos._frames import sample_videos, spread_frames, unit

__all__ = ["FitSummary", "diagnose", "summarise", "unlike_recordings"]

_Facts = list[tuple[str, str]]

# Frames of a recording that are looked at.
SEEN_FRAMES = 128
# Features without a say, or unlike recordings, that are named.
NAMED = 8
# Coefficient of variation of durations beyond which a step has a large spread.
SPREAD = 1.0
# Share of the best score that numbers of actions have which are plausible.
PLAUSIBLE = 0.95
# Share of frames found again below which a person should look before relying on them.
UNSTEADY = 0.6
# Labels hardly better than the uniform cut's; an embedding of so few dimensions.
GAIN, CONSISTENT, MIN_RANK = 1.05, 0.05, 2.0


@dataclass(frozen=True)
class FitSummary:
    """What a fit found, line by line, and what to do where that is in doubt.

    Attributes
    ----------
    facts : list of tuple of two str
        What was found: its name, and how it is.
    advice : list of str
        One sentence for each doubt; empty where there is none.

    Examples
    --------
    >>> from skvas import VideoAligner
    >>> from skvas.datasets import make_videos
    >>> videos = make_videos(6, random_state=0).videos
    >>> summary = VideoAligner(max_epochs=0, random_state=0).fit(videos).summary()
    >>> print(str(summary).splitlines()[0])
    recordings    6, 1227 frames
    """

    facts: list[tuple[str, str]]
    advice: list[str]

    def __str__(self) -> str:
        width = max(len(name) for name, _ in self.facts) + 2
        lines = [f"{name.ljust(width)}{text}" for name, text in self.facts]
        return "\n".join([*lines, *(f"! {sentence}" for sentence in self.advice)])

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th>{escape(name)}</th><td>{escape(text)}</td></tr>"
            for name, text in self.facts
        )
        doubts = "".join(f"<li>{escape(sentence)}</li>" for sentence in self.advice)
        return f"<table>{rows}</table>" + (f"<ul>{doubts}</ul>" if doubts else "")


def diagnose(
    embeddings: Sequence[np.ndarray],
    features: Sequence[np.ndarray],
    labels: Sequence[np.ndarray] | None,
    n_actions: int | None,
    in_order: bool,
    found_again: list[float | None] | None = None,
    *,
    strangers: Sequence[int] = (),
    matching: str | None = None,
) -> dict[str, Any]:
    """Measure what `summarise` tells of a fit, while its videos are at hand.

    Parameters
    ----------
    embeddings : sequence of ndarray of shape (n_i, D)
        The videos of the fit.
    features : sequence of ndarray of shape (n_i, D)
        Those of them that had a say.
    labels : sequence of int ndarray of shape (n_i,), or None
        The labels of these; None for an aligner.
    n_actions : int or None
        Number of actions.
    in_order : bool
        Whether the videos share an order.
    found_again : list of float or None, default=None
        How often each action is found again, if that is known.
    strangers : sequence of int, default=()
        Positions of videos that had no say.
    matching : str, default=None
        How videos were asked to be matched; None: it is not known, or they are not.

    Returns
    -------
    dict
        `consistency` and `consistency_of_uniform_cut`, None where there are no labels
        or no pair of videos; `strangers` as given; `unlike`, these and others;
        `spread`, actions; `found_again` as given; `chose_matching`, whether the fit was
        to choose.
    """
    found: dict[str, Any] = {
        "consistency": None,
        "consistency_of_uniform_cut": None,
        "strangers": [*strangers],
        "unlike": sorted({*strangers, *find_unlike(embeddings)}),
        "spread": [],
        "found_again": found_again,
        "chose_matching": None if matching is None else matching == "auto",
    }
    if labels is None or n_actions is None:
        return found
    found["spread"] = _find_spread(labels, n_actions)
    if len(labels) > 1:
        seen_videos = sample_videos(len(labels))
        features = choose(features, seen_videos)
        labels = [labels[i] for i in seen_videos]
        few = [spread_frames(n, SEEN_FRAMES) for n in lengths_of(features)]
        seen = [unit(v[where]) for v, where in zip(features, few, strict=True)]
        matches = match_pairs(seen, random_state=0)
        cut = uniform_segmentation([len(video) for video in labels], n_actions)
        for name, found_labels in (
            ("consistency", labels),
            ("consistency_of_uniform_cut", cut),
        ):
            picked = [v[where] for v, where in zip(found_labels, few, strict=True)]
            score = consistency_score(picked, matches)
            found[name] = float(score.score if in_order else score.free)
    return found


def _find_spread(labels: Sequence[np.ndarray], n_actions: int) -> list[int]:
    """Return the actions whose segments vary much in length."""
    lengths: list[list[int]] = [[] for _ in range(n_actions)]
    for video in labels:
        for run in labels_to_segments(video):
            lengths[int(run.label)].append(run.end - run.start)
    return [
        action
        for action, found in enumerate(lengths)
        if len(found) > 4 and np.std(found) > SPREAD * np.mean(found)
    ]


def summarise(model: Any) -> FitSummary:
    """Tell what a fit found, and whether to trust it.

    Parameters
    ----------
    model : ActionSegmenter, VideoAligner or JointAlignSegment
        Fitted.

    Returns
    -------
    FitSummary
    """
    facts: _Facts = []
    advice: list[str] = []
    _tell_recordings(model, facts, advice)
    _tell_features(model, facts)
    _tell_views(model, facts)
    _tell_order(model, facts, advice)
    _tell_settings(model, facts)
    _tell_actions(model, facts, advice)
    _tell_embedding(model, facts, advice)
    return FitSummary(facts, advice)


def unlike_recordings(model: Any) -> list[int]:
    """Find the recordings that are unlike the others, or unrelated on the timeline.

    Parameters
    ----------
    model : ActionSegmenter, VideoAligner or JointAlignSegment
        Fitted.

    Returns
    -------
    list of int
        Their positions.
    """
    unlike, timeline = model.diagnosis_["unlike"], getattr(model, "timeline_", None)
    if timeline is None:
        return unlike
    return sorted({*unlike, *np.flatnonzero(~timeline.is_related_).tolist()})


def _tell_recordings(model: Any, facts: _Facts, advice: list[str]) -> None:
    known = model.recordings_
    frames = known["n_frames"]
    text = f"{len(frames)}, {sum(frames)} frames"
    if known["fps"] is not None:
        seconds = sum(n / f for n, f in zip(frames, known["fps"], strict=True))
        text += f", {seconds:.1f} s"
    facts.append(("recordings", text))
    unlike = [known["names"][i] for i in unlike_recordings(model)]
    if unlike:
        facts.append(("unlike", ", ".join(unlike)))
        advice.append(
            f"{len(unlike)} recording(s) are unlike the others: look at them, and "
            "leave them out if they show something else."
        )


def _tell_features(model: Any, facts: _Facts) -> None:
    given = features_of_fit(model) or _numbers(model.n_features_in_)
    n_kept, dropped = 0, []
    for step, names in named_steps(all_steps(model.features_), given):
        if isinstance(step, CompressTails):
            facts.append(("tails", "compressed: most features have values far off"))
        if isinstance(step, Detrend):
            facts.append(("drift", f"taken away: {_name_trend(step)} each recording"))
        if isinstance(step, LevelFeatures):
            facts.append(("levels", f"{step.n_levels} of each feature"))
        if isinstance(step, SelectRelated):
            called = np.array(names or _numbers(len(step.support_)))
            n_kept = int(step.support_.sum())
            dropped += called[~step.support_].tolist()
    if not dropped:
        return
    facts.append(
        (
            "features",
            f"{n_kept} of {n_kept + len(dropped)}; the others go their own way in "
            f"each recording: {name_first(dropped, NAMED)}",
        )
    )


def _tell_views(model: Any, facts: _Facts) -> None:
    views = last_step(model.features_)
    if not isinstance(views, WhitenedViews) or {"video", "collection"} <= {
        *views.views
    }:
        return
    how = "by what differs within each recording"
    if "collection" in views.views:
        how = "across all recordings"
    elif views.views == ("motion",):
        how = "by how much features move"
    facts.append(("compared", f"{how} alone"))


def _name_trend(step: Detrend) -> str:
    if step.shift:
        return "a shift at one moment of"
    return {0: "the mean of", 1: "a line through"}.get(step.degree, "a curve through")


def _numbers(n: int) -> list[str]:
    return [str(number) for number in range(n)]


def _tell_order(model: Any, facts: _Facts, advice: list[str]) -> None:
    order = model.shared_order_
    if order is None:
        facts.append(("shared order", "a lone recording has none"))
        return
    verdict = order.verdict
    facts.append(("shared order", f"{verdict} ({order.value:.2f} ± {order.error:.2f})"))
    chose = model.diagnosis_.get("chose_matching")
    if chose is None:  # as models say that are older than this
        chose = getattr(model, "matching", None) == "auto"
    if verdict == "undecided" and chose:
        advice.append(
            "Order undecided: pass matching='monotone' if steps always come in one "
            "order, matching='plan' if they do not (--matching in a shell)."
        )


def _tell_settings(model: Any, facts: _Facts) -> None:
    settings = model.settings_
    if hasattr(model, "matching_"):
        facts.append(("matching", model.matching_))
    chosen = {**(settings.segmenting or {}), **getattr(model, "chosen_", {})}
    names = [n for n in ("start", "alpha", "lambda_actions", "radius") if n in chosen]
    if names:
        facts.append(("settings", ", ".join(f"{n} {chosen[n]}" for n in names)))
    if hasattr(model, "segment_on_"):
        chained = " (a chain of actions)" if model.chain_ is not None else ""
        facts.append(("segmented on", f"{model.segment_on_}{chained}"))
    if model.is_causal_:
        facts.append(("live", "features and encoder see no later frame"))


def _tell_actions(model: Any, facts: _Facts, advice: list[str]) -> None:
    if not hasattr(model, "n_actions_"):
        return
    text, scores = str(model.n_actions_), model.n_actions_scores_
    if scores is not None:
        best = scores["score"].max()
        close = scores["score"] >= best - (1 - PLAUSIBLE) * abs(best)
        good = scores["n_actions"][close]
        text += f", of {good.min()} to {good.max()} that are plausible"
        if good.max() > 1.5 * good.min():
            advice.append(
                f"The number of actions is unsure: try {good.min()} and {good.max()}, "
                "and compare their pictures."
            )
    facts.append(("actions", text))
    found, cut = (
        model.diagnosis_[name] for name in ("consistency", "consistency_of_uniform_cut")
    )
    if found is not None:
        facts.append(("consistency", f"{found:.2f} (uniform cut {cut:.2f})"))
        if found <= max(GAIN * cut, CONSISTENT):
            advice.append(
                "Actions are no more consistent over recordings than equal parts of "
                "each: try other features, or another number of actions."
            )
    names = model.action_names_ or [str(label) for label in model.classes_]
    _tell_found_again(model, names, facts, advice)
    if model.diagnosis_["spread"]:
        told = ", ".join(names[action] for action in model.diagnosis_["spread"])
        facts.append(("large spread", f"durations of {told}"))
        advice.append(
            "Durations of some actions vary more than their mean: look whether they "
            "are one action, or raise the number of actions."
        )


def _tell_found_again(
    model: Any, names: Sequence[str], facts: _Facts, advice: list[str]
) -> None:
    share = model.found_again_
    if share is None:
        return
    text = f"{share:.0%} of frames, by the other half of the recordings"
    shares = model.diagnosis_["found_again"] or []
    known = {k: again for k, again in enumerate(shares) if again is not None}
    if len(known) > 1:
        least = min(known, key=lambda k: known[k])
        text += f"; {known[least]:.0%} of action {names[least]}"
    facts.append(("found again", text))
    if share < UNSTEADY:
        advice.append(
            "Half of the recordings lead to other actions: look at the segments before "
            "you rely on them; more recordings, fewer actions or a few labels help."
        )


def _tell_embedding(model: Any, facts: _Facts, advice: list[str]) -> None:
    ranks = model.history_.get("embedding_rank", ())
    if len(ranks):
        facts.append(("embedding", f"rank {ranks[-1]:.1f}"))
        if ranks[-1] < MIN_RANK:
            advice.append(
                "The embedding has nearly collapsed to a line: train for fewer epochs, "
                "or with a smaller lr."
            )
