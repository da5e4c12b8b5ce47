"""Steps of videos: their times, durations and deviations from a collection."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, is_clusterer
from sklearn.utils.validation import check_is_fitted

from skvas._optional import import_optional
from skvas._printing import format_table, shorten, to_html
from skvas._typing import Labels, Videos
from skvas.applications._names import names_of_actions
from skvas.datasets._on_disk import open_files
from skvas.datasets._recordings import (
    Recordings,
    list_known,
    mean_rates,
    rate_of_fit,
    recordings_of,
)
from skvas.decoding import Segment, join_equal, labels_to_segments
from skvas.io import SegmentTable, TimedSegment
from skvas.io._table import frame_edges
from skvas.metrics._compare import refuse_other_kind
from skvas.validation import (
    check_fps,
    check_labels,
    check_real,
    is_unlabelled,
    name_key,
    respell,
)

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["StepReport", "step_report"]

COLUMNS = ["video", "step", "start", "end", "duration", "z_score", "status"]
# Step a precedes step b if it comes first in more than this share of the cases.
USUAL_ORDER = 0.8
# Of the usual duration of a step, the share that makes a segment a step.
MIN_SHARE = 0.3
# Standard scores beyond which a step is slow or fast, and segments that must be known.
UNUSUAL, MIN_SEGMENTS = 2.0, 5
# Durations that differ by no more than this share are equal: clocks are rounded.
ROUNDING = 1e-6


@dataclass(frozen=True)
class StepReport:
    """Steps of videos and their deviations from a collection.

    Attributes
    ----------
    records : list of dict
        For each video, one record for each segment in order of time, then one for each
        skipped step. The keys are `video`, `step`, `status`, `start`, `end` and
        `duration` in `unit`, and `z_score`: the standard score of the duration among
        the segments of the step in the collection. Times and z-scores of skipped steps
        are None. A z-score is also None if the collection has fewer than two segments
        of the step, or if all of them have the same length.
    unit : {"seconds", "frames"}
        Unit of `start`, `end` and `duration`.

    Notes
    -----
    The status is one of

    - "usual": none of the following;
    - "slow", "fast": the z-score of the duration is above 2, or below -2, and the
      collection has at least five segments of the step;
    - "extra": the video has more segments of the step than the median video of the
      collection. Those of them are marked that conflict with the usual order most, and
      where these are equal, the shortest;
    - "out_of_order": the segment conflicts with the usual order. Step a usually
      precedes step b if it comes first in more than 80 % of the cases in the
      collection. Among segments that are not extra, the one with the most conflicts is
      marked (in a tie, the shortest), until no conflict is left. If videos share no
      order, no segment is marked;
    - "skipped": the median video of the collection has the step, but this video does
      not, or only for less than `min_duration`.

    A timeline keeps the usual order: of two steps that were swapped it finds only one,
    and none that is repeated. So videos are labelled again, as a stream labels a
    recording that is known to the end, which may jump on the timeline, in a quarter of
    a millisecond a frame. If that finds other steps, the report has these, and differs
    from `predict`. It needs actions that are known by their looks in videos that they
    are not learned from (adjusted mutual information of 0.65 or more). Where they are
    not, only videos that lack a usual step are labelled again, by transport to the
    actions, which keeps no order; the report has its segments if they are of the same
    steps and one more, each no more often than usual, and if no labels were given to
    `fit`.

    Examples
    --------
    >>> from skvas import ActionSegmenter, step_report
    >>> from skvas.datasets import make_videos
    >>> videos = make_videos(6, n_actions=3, random_state=0).videos
    >>> segmenter = ActionSegmenter(3, max_epochs=0).fit(videos)
    >>> report = step_report(segmenter, videos[0], fps=30)
    >>> list(report.records[0])
    ['video', 'step', 'start', 'end', 'duration', 'z_score', 'status']
    >>> report.records[0]["start"], report.unit
    (0.0, 'seconds')
    """

    records: list[dict[str, Any]]
    unit: str

    def to_frame(self) -> pd.DataFrame:
        """Return the records as a data frame.

        Returns
        -------
        pandas.DataFrame
            One row for each record; None in numeric columns becomes NaN.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        pandas = import_optional("pandas", "io")
        frame = pandas.DataFrame(self.records, columns=COLUMNS)
        numbers = ["start", "end", "duration", "z_score"]
        return frame.astype(dict.fromkeys(numbers, float))

    def to_segments(self) -> SegmentTable:
        """Return the steps as the table that :func:`skvas.io.write_segments` takes.

        A timeline keeps the usual order, so that a table of what `predict` finds may
        have steps that a video skipped, or in another order than it did them; this one
        has those of the report.

        Returns
        -------
        SegmentTable
            The steps that were done, of all videos.

        Raises
        ------
        ValueError
            If times are in frames.
        """
        if self.unit != "seconds":
            raise ValueError(
                "Files of segments have seconds, and no frame rate is known: give it "
                "to step_report as fps."
            )
        return SegmentTable(
            TimedSegment(str(r["video"]), r["start"], r["end"], str(r["step"]))
            for r in self.records
            if r["status"] != "skipped"
        )

    def __str__(self) -> str:
        """Spell out the steps as a table, and count what is unusual."""
        return f"{format_table(self.records)}\n{self._summary()}"

    def _repr_html_(self) -> str:
        return to_html(self.records, caption=f"{self._summary()}.")

    def _summary(self) -> str:
        counts = Counter(record["status"] for record in self.records)
        told = ", ".join(f"{n} {word}" for word, n in counts.most_common())
        return f"times in {self.unit}; {told}"


def step_report(
    estimator: Any,
    videos: Videos,
    *,
    fps: float | None = None,
    collection: Labels | None = None,
    names: Sequence[str] | None = None,
    action_names: Sequence[str] | np.ndarray | Mapping[Any, str] | None = None,
    min_duration: float | str = "auto",
) -> StepReport:
    """Segment videos into steps and compare them with a collection.

    Parameters
    ----------
    estimator : ActionSegmenter or JointAlignSegment
        A fitted estimator that segments videos.
    videos : array-like of shape (n_frames, n_features), or a list of them
        The videos to report on.
    fps : float, default=None
        Frames per second. None: what the recordings know, or those of `fit`; if
        neither, times are in frames. Durations are compared in seconds, also where
        recordings of `fit` have other rates; of recordings with times instead of a rate
        at their mean rates.
    collection : list of array-like of shape (n_frames_i,), default=None
        Labels of the videos to compare with, as returned by `estimator.predict`; frames
        of label -1 or "" have none, and do not count. None: the labels of the training
        videos, `estimator.labels_`, but for those of videos that had no say in `fit`.
    names : sequence of str, default=None
        Names of the videos. None: those of the recordings, else their indices.
    action_names : sequence or dict of str, default=None
        Names of actions, for instance from `skvas.metrics.match_labels`: of some by
        label, or of the first ones, in the order of `estimator.classes_`. An action
        without a name keeps the one that it has by `name_actions`, else its label.
    min_duration : float or "auto", default="auto"
        Shortest duration of a step, in seconds where there is a frame rate, else in
        frames. Shorter segments are no steps: their frames go to the longer neighbour.
        "auto": 0.3 of the usual duration of the step, which is the median, over the
        frames of the step in the collection, of the durations of their segments; less
        in a video that is faster throughout, by the median over its frames.

    Returns
    -------
    StepReport
        The records and the unit of their times.

    Raises
    ------
    ValueError, TypeError
        If the features of a video differ from those of `fit`, if an argument has an
        invalid type or value, or if `action_names` has no such action, or one name for
        two.
    NotFittedError
        If the estimator is not fitted.

    See Also
    --------
    StepReport : What it returns.
    report_html : A page that shows and corrects segments.

    Notes
    -----
    Where `segment_on_` is "timeline", recordings that leave its order are labelled as a
    stream labels a recording that is known to the end (:class:`StepReport` says when).
    The steps of these may differ from `predict` and from `to_table`, which keep the
    order.

    Examples
    --------
    >>> from skvas import ActionSegmenter, step_report
    >>> from skvas.datasets import make_videos
    >>> videos = make_videos(6, n_actions=3, random_state=0).videos
    >>> segmenter = ActionSegmenter(3, max_epochs=0).fit(videos)
    >>> records = step_report(segmenter, videos, fps=30).records
    >>> sorted({record["video"] for record in records})
    [0, 1, 2, 3, 4, 5]
    """
    rate = check_fps(fps, none_ok=True)
    # An aligner predicts too, but no actions.
    if not isinstance(estimator, BaseEstimator) or not is_clusterer(estimator):
        raise TypeError(
            "estimator must segment videos, as ActionSegmenter and JointAlignSegment "
            f"do, got {type(estimator).__name__}."
        )
    check_is_fitted(estimator)
    kept = None
    if collection is None:
        collection, kept = labels_of_fit(estimator)
        if collection is None:
            raise ValueError(
                f"{type(estimator).__name__} has no labels_ of the training videos; "
                "pass collection, the labels to compare with."
            )
    is_auto = isinstance(min_duration, str) and min_duration == "auto"
    if not is_auto:
        check_real("min_duration, if not 'auto',", min_duration, low=0)
    videos = open_files(videos)
    known = recordings_of(videos)
    listed = list_known(videos)
    found = list(estimator.predict(listed))
    called: Sequence[Any] = range(len(found)) if known is None else known.names
    if names is not None:
        called = names
    if isinstance(names, str) or len(called) != len(found):
        raise ValueError(
            f"names must be {len(found)} name(s), one for each video, got "
            f"{shorten(names)}."
        )
    rates = _find_rates(rate, known, estimator, len(found))
    reference = check_labels(collection)
    refuse_other_kind(reference, found)
    found = respell([*reference, *found])[len(reference) :]
    occurring = dict.fromkeys(v for row in [*reference, *found] for v in row.tolist())
    called_actions = {
        name_key(str(label)): name
        for label, name in names_of_actions(estimator, action_names, occurring).items()
    }
    segments = split_into_steps(reference)
    if not any(segments):
        raise ValueError("collection has no label of any frame; give some.")
    usual = Collection.of(segments, rates, kept, min_duration)
    found = relabel_misplaced(estimator, listed, found, usual, rates)
    times = None if known is None or rate is not None else known.times
    stamps: Sequence[Any] = times or [None] * len(found)
    records = []
    for name, labels, fps_i, starts in zip(called, found, rates, stamps, strict=True):
        steps = usual.judge(labels_to_segments(labels), fps_i)
        edges = _edges(str(name), len(labels), fps_i, starts)
        records += _describe(name, steps, edges)
    for record in records:
        step = record["step"]
        record["step"] = called_actions.get(name_key(str(step)), step)
    return StepReport(records, "frames" if rates[0] is None else "seconds")


def labels_of_fit(estimator: Any) -> tuple[Any, list[float] | None]:
    """Return the labels of the videos of `fit` that had a say, and their frame rates.

    Parameters
    ----------
    estimator : estimator
        Fitted; also one of somebody else's, which need not have labels.

    Returns
    -------
    labels : ndarray of shape (n_frames,), a collection of them, or None
    rates : list of float or None
    """
    labels = getattr(estimator, "labels_", None)
    rates = getattr(estimator, "recordings_", {}).get("fps")
    strangers = getattr(estimator, "diagnosis_", {}).get("strangers")
    if not strangers or labels is None:
        return labels, rates
    related = [i for i in range(len(labels)) if i not in strangers]
    rates = None if rates is None else [rates[i] for i in related]
    return labels[related], rates


def _find_rates(
    rate: float | None, known: Recordings | None, estimator: Any, n: int
) -> list[float | None]:
    """Return the frame rate of each video, None of all where none is known."""
    if rate is not None:
        return [rate] * n
    own = None if known is None else mean_rates(known)
    if own is not None:
        return list(own)
    return [rate_of_fit(estimator)] * n


@dataclass(frozen=True)
class _Shortest:
    """How long a segment of each step lasts at least."""

    durations: dict[Hashable, float]
    keeps_pace: bool
    """Whether a faster video may have shorter ones."""

    @classmethod
    def of(
        cls, videos: list[list[Segment]], rates: Sequence[float], least: Any
    ) -> _Shortest:
        lasted: dict[Hashable, list[float]] = {}
        for video, rate in zip(videos, rates, strict=True):
            for segment in video:
                lasted.setdefault(segment.label, []).append(_lasts(segment, rate))
        if least != "auto":
            return cls(dict.fromkeys(lasted, least), False)
        usual = {step: _median(found, found) for step, found in lasted.items()}
        return cls({step: MIN_SHARE * n for step, n in usual.items()}, True)

    def drop(self, segments: list[Segment], rate: float) -> list[Segment]:
        """Give the frames of segments that are too short to their neighbours."""
        kept, share = list(segments), self._pace(segments, rate)
        while len(kept) > 1:
            excess = [
                _lasts(s, rate) - share * self.durations.get(s.label, 0.0) for s in kept
            ]
            place = int(np.argmin(excess))
            if excess[place] >= -ROUNDING * _lasts(kept[place], rate):
                break
            around = [i for i in (place - 1, place + 1) if 0 <= i < len(kept)]
            heir = max(around, key=lambda i: kept[i].end - kept[i].start)
            first, last = min(place, heir), max(place, heir)
            start, end = kept[first].start, kept[last].end
            kept[first : last + 1] = [Segment(start, end, kept[heir].label)]
            kept = join_equal(kept)
        return kept

    def _pace(self, segments: list[Segment], rate: float) -> float:
        """Return the share of its usual duration that a step of a video has, up to 1.

        The median over its frames, of which segments that are no steps have few.
        """
        known = [s for s in segments if s.label in self.durations]
        if not known or not self.keeps_pace:
            return 1.0
        lasted = [_lasts(s, rate) for s in known]
        least = [self.durations[s.label] for s in known]
        return min(1.0, _median(MIN_SHARE * np.divide(lasted, least), lasted))


def _lasts(segment: Segment, rate: float) -> float:
    """Return the duration of a segment."""
    return (segment.end - segment.start) / rate


def _median(values: ArrayLike, durations: ArrayLike) -> float:
    """Return the median over frames of values of their segments."""
    values = np.asarray(values)
    order = values.argsort(kind="stable")
    passed = np.cumsum(np.asarray(durations)[order])
    middle = np.searchsorted(passed, passed[-1] / 2)
    return float(values[order[middle]])


@dataclass(frozen=True)
class JudgedSteps:
    """Steps of a video, held against a collection; see `StepReport`.

    Attributes
    ----------
    segments : list of Segment
        In order of time, none too short for a step.
    status : list of str
        One for each segment.
    z_scores : list of (float or None)
        Standard score of the duration of each segment.
    skipped : list
        Steps of the median video that this one lacks.
    """

    segments: list[Segment]
    status: list[str]
    z_scores: list[float | None]
    skipped: list[Hashable]


@dataclass(frozen=True)
class Collection:
    """The steps of some videos, which tell what is usual."""

    shortest: _Shortest
    usual: _Usual
    rate: float | None  # that all are taken to have; None: each has its own

    @classmethod
    def of(
        cls,
        segments: list[list[Segment]],
        rates: Sequence[float | None],
        kept: Sequence[float] | None = None,
        min_duration: float | str = "auto",
    ) -> Collection:
        """Learn what is usual.

        Parameters
        ----------
        segments : list of list of Segment
            The segments of each video, in order of time.
        rates : sequence of (float or None)
            Frames per second of the videos that are to be held against these; None
            where none is known.
        kept : sequence of float, default=None
            Those of each video of the collection. Where they or `rates` are not known,
            durations are compared in frames.
        min_duration : float or "auto", default="auto"
            As in `step_report`.
        """
        common: float | None = None
        own: Sequence[float]
        if rates[0] is None or kept is None:
            known = [rate for rate in rates if rate is not None]
            common = float(np.median(known)) if known else 1.0
            own = [common] * len(segments)
        else:
            own = kept
        pairs = [pair for pair in zip(segments, own, strict=True) if pair[0]]
        segments, own = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        shortest = _Shortest.of(segments, own, min_duration)
        usual = _learn([shortest.drop(*pair) for pair in pairs], own)
        return cls(shortest, usual, common)

    def steps(self, segments: list[Segment], fps: float | None) -> list[Segment]:
        """Return the segments of a video without those that are too short."""
        rate = self._rate(fps)
        if fps is not None and not self.shortest.keeps_pace:
            rate = fps
        return self.shortest.drop(segments, rate)

    def judge(self, segments: list[Segment], fps: float | None) -> JudgedSteps:
        """Compare the segments of a video with those of the collection."""
        return _judge_video(self.steps(segments, fps), self.usual, self._rate(fps))

    def _rate(self, fps: float | None) -> float:
        rate = fps if self.rate is None else self.rate
        assert rate is not None
        return rate


def relabel_misplaced(
    estimator: Any,
    videos: Sequence[Any],
    labels: Sequence[np.ndarray],
    collection: Collection,
    rates: Sequence[float | None],
) -> list[np.ndarray]:
    """Label videos without regard to the order where they may not keep it.

    Where actions are known well by their looks, all videos are labelled so, and those
    that then have other steps take these. Elsewhere those are that lack a usual step,
    and take steps that are the same and one more, each no more often than usual.

    Parameters
    ----------
    estimator : estimator
        Of which `predict` may keep the usual order.
    videos : sequence of array-like of shape (n_frames_i, n_features)
        Some videos.
    labels : sequence of ndarray of shape (n_frames_i,)
        What `predict` says of them.
    collection : Collection
        What is usual.
    rates : sequence of (float or None)
        Frames per second of each video, as `collection` knows them.

    Returns
    -------
    list of ndarray of shape (n_frames_i,)
    """
    kept = list(labels)
    label_by_jumps = getattr(estimator, "_labels_by_jumps", None)
    label_in_any_order = getattr(estimator, "_labels_in_any_order", None)
    if label_in_any_order is None:
        return kept
    found = [
        collection.steps(labels_to_segments(video), rate)
        for video, rate in zip(kept, rates, strict=True)
    ]
    jumped = None if label_by_jumps is None else label_by_jumps(videos)
    if jumped is not None:
        jumped = respell(jumped, *collection.shortest.durations)
        for place, (other, rate) in enumerate(zip(jumped, rates, strict=True)):
            steps = collection.steps(labels_to_segments(other), rate)
            if [s.label for s in steps] != [s.label for s in found[place]]:
                kept[place] = other
        return kept
    lacking = [i for i, video in enumerate(found) if collection.usual.missing(video)]
    asked = [videos[i] for i in lacking]
    others = (label_in_any_order(asked) if asked else None) or []
    others = respell(others, *collection.shortest.durations)
    for place, other in zip(lacking, others, strict=False):
        swapped = collection.steps(labels_to_segments(other), rates[place])
        if _has_more_steps(swapped, found[place], collection.usual):
            kept[place] = other
    return kept


def _has_more_steps(
    segments: list[Segment], others: list[Segment], usual: _Usual
) -> bool:
    """Tell whether segments have a usual step more than others have, and none extra."""
    counts = Counter(segment.label for segment in segments)
    none_extra = all(n <= usual.times.get(step, 0) for step, n in counts.items())
    known = {segment.label for segment in others}
    return none_extra and known < counts.keys()


@dataclass(frozen=True)
class _Usual:
    """Usual numbers, durations and order of the steps of a collection.

    Parameters
    ----------
    times : dict
        Number of segments of each step in the median video, if at least one, in the
        order of the steps' mean relative times.
    durations : dict
        Durations of the segments of each step.
    before : dict
        For each pair of steps, the number of videos in which the first precedes the
        second; a video with both orders counts as a fraction.
    """

    times: dict[Hashable, int]
    durations: dict[Hashable, list[float]]
    before: dict[tuple[Hashable, Hashable], float]

    def precedes(self, a: Hashable, b: Hashable) -> bool:
        """Return whether step a usually precedes step b."""
        forth, back = self.before.get((a, b), 0), self.before.get((b, a), 0)
        return forth > USUAL_ORDER * (forth + back)

    def missing(self, segments: list[Segment]) -> list[Hashable]:
        """Return the usual steps that a video lacks."""
        present = {segment.label for segment in segments}
        return [step for step in self.times if step not in present]

    def z_score(self, segment: Segment, rate: float) -> float | None:
        """Return the standard score of the duration of a segment."""
        durations = self.durations.get(segment.label, [])
        if len(durations) < 2 or np.ptp(durations) <= ROUNDING * max(durations):
            return None
        spread = np.std(durations, ddof=1)
        return float((_lasts(segment, rate) - np.mean(durations)) / spread)


def split_into_steps(labels: Labels) -> list[list[Segment]]:
    """Return the segments of each video of a collection that have a label."""
    return [
        [run for run in labels_to_segments(video) if not is_unlabelled(run.label)]
        for video in check_labels(labels)
    ]


def _learn(videos: list[list[Segment]], rates: Sequence[float]) -> _Usual:
    """Compute the usual numbers, durations and order of the steps of videos."""
    counts = [Counter(segment.label for segment in video) for video in videos]
    durations: dict[Hashable, list[float]] = {}
    places: dict[Hashable, list[float]] = {}
    before: dict[tuple[Hashable, Hashable], float] = {}
    for video, count, rate in zip(videos, counts, rates, strict=True):
        for segment in video:
            durations.setdefault(segment.label, []).append(_lasts(segment, rate))
            middle = (segment.start + segment.end) / 2 / video[-1].end
            places.setdefault(segment.label, []).append(middle)
        for first, second in combinations(video, 2):
            pair = (first.label, second.label)
            weight = 1 / (count[first.label] * count[second.label])
            before[pair] = before.get(pair, 0) + weight
    times = {}
    for step in sorted(places, key=lambda step: np.mean(places[step])):
        times[step] = int(np.median([count[step] for count in counts]))
    return _Usual({step: n for step, n in times.items() if n}, durations, before)


def _edges(
    name: str, n_frames: int, fps: float | None, times: np.ndarray | None
) -> np.ndarray:
    """Return where frames start and the last one ends; in frames without a rate."""
    if fps is None:
        return np.arange(n_frames + 1)
    return frame_edges(name, n_frames, fps if times is None else None, times)


def _describe(
    video: Any, steps: JudgedSteps, edges: np.ndarray
) -> list[dict[str, Any]]:
    """Return the records of one video, with labels for steps."""
    judged = zip(steps.segments, steps.z_scores, steps.status, strict=True)
    records = [
        {
            "video": video,
            "step": segment.label,
            "start": edges[segment.start].item(),
            "end": edges[segment.end].item(),
            "duration": (edges[segment.end] - edges[segment.start]).item(),
            "z_score": score,
            "status": word,
        }
        for segment, score, word in judged
    ]
    records += [
        {**dict.fromkeys(COLUMNS), "video": video, "step": step, "status": "skipped"}
        for step in steps.skipped
    ]
    return records


def _judge_video(segments: list[Segment], usual: _Usual, rate: float) -> JudgedSteps:
    status = _judge(segments, usual)
    scores = [usual.z_score(segment, rate) for segment in segments]
    for place, (segment, score) in enumerate(zip(segments, scores, strict=True)):
        is_known = len(usual.durations.get(segment.label, ())) >= MIN_SEGMENTS
        if status[place] != "usual" or not is_known or score is None:
            continue
        if abs(score) > UNUSUAL:
            status[place] = "slow" if score > 0 else "fast"
    return JudgedSteps(segments, status, scores, usual.missing(segments))


def _judge(segments: list[Segment], usual: _Usual) -> list[str]:
    """Return the status of each segment."""
    status = ["usual"] * len(segments)
    times = Counter(segment.label for segment in segments)
    conflicts: list[set[int]] = [set() for _ in segments]
    for i, j in combinations(range(len(segments)), 2):
        if usual.precedes(segments[j].label, segments[i].label):
            conflicts[i].add(j)
            conflicts[j].add(i)
    left = sorted(
        range(len(segments)), key=lambda i: segments[i].start - segments[i].end
    )[::-1]  # the shortest first, of equal ones the last

    def mark_worst(among: list[int], word: str) -> None:
        worst = max(among, key=lambda i: len(conflicts[i]))
        status[worst] = word
        times[segments[worst].label] -= 1
        left.remove(worst)
        for other in conflicts[worst]:
            conflicts[other].discard(worst)

    def is_extra(place: int) -> bool:
        step = segments[place].label
        return times[step] > usual.times.get(step, 0)

    while extra := [*filter(is_extra, left)]:
        mark_worst(extra, "extra")
    while any(conflicts[i] for i in left):
        mark_worst(left, "out_of_order")
    return status
