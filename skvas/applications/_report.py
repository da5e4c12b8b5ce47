"""Which steps a video has, when, for how long, and what is unusual about them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from sklearn.base import is_clusterer
from sklearn.utils.validation import check_is_fitted

from skvas._optional import import_optional
from skvas._typing import Labels, Videos
from skvas.decoding import Segment, labels_to_segments
from skvas.validation import check_labels, check_real, list_videos

__all__ = ["StepReport", "step_report"]

COLUMNS = ["video", "step", "start", "end", "duration", "z_score", "status"]
# A step usually precedes another if it does so in more than this share of the cases.
USUAL_ORDER = 0.8


@dataclass(frozen=True)
class StepReport:
    """Steps of videos, with what is unusual about them.

    Attributes
    ----------
    records : list of dict
        One for each segment of a video, in order of time, then one for each step that
        the video lacks. Keys: `video` and `step`; `start`, `end` and `duration` in
        `unit`; `z_score` of the duration against the segments of that step in the
        collection; `status`. What a skipped step lacks is None, and so is a z-score
        where the collection has fewer than two segments or all of one length.
    unit : {"seconds", "frames"}
        Unit of `start`, `end` and `duration`.

    Notes
    -----
    The status is one of

    - "usual";
    - "extra": the video has the step more often than the median video of the
      collection, for which the shortest segments of the step are held responsible;
    - "out_of_order": the step comes before one that precedes it in more than 80 % of
      the cases in the collection, or after one that it precedes. Extra segments aside,
      those with most such conflicts are marked, the shorter first, until the rest are
      in order. Where videos share no order nothing is;
    - "skipped": the median video of the collection has the step, and this one has not.

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

    def to_frame(self) -> Any:
        """Return the records as a table.

        Returns
        -------
        pandas.DataFrame
            One row a record; NaN where a record has None.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        pandas = import_optional("pandas", "io")
        frame = pandas.DataFrame(self.records, columns=COLUMNS)
        numbers = ["start", "end", "duration", "z_score"]
        return frame.astype(dict.fromkeys(numbers, float))


def step_report(
    estimator: Any,
    videos: Videos,
    *,
    fps: float | None = None,
    collection: Labels | None = None,
    names: Sequence[str] | None = None,
    step_names: Sequence[str] | Mapping[Any, str] | None = None,
) -> StepReport:
    """Find the steps of videos and compare them with a collection.

    Parameters
    ----------
    estimator : ActionSegmenter or JointAlignSegment
        Fitted; it finds the steps.
    videos : array-like of shape (n_frames, n_features), or a list of them
        The videos to report on.
    fps : float, default=None
        Frames a second. None: times are in frames.
    collection : list of array-like of shape (n_frames_i,), default=None
        Labels, as of `estimator.predict`, of the videos to compare with. None: those of
        `fit`, `estimator.labels_`.
    names : sequence of str, default=None
        Names of the videos. None: their positions.
    step_names : sequence or dict of str, default=None
        Name of each action, for instance from `skvas.metrics.match_labels`. An action
        that is not among them keeps its number. None: their numbers.

    Returns
    -------
    StepReport
        The records and the unit of their times.

    Raises
    ------
    ValueError, TypeError
        If a video is not what `fit` has seen, or an argument is not as described.
    NotFittedError
        If the estimator is not fitted.

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
    rate = check_real("fps", fps, low=0, low_open=True, none_ok=True)
    if not is_clusterer(estimator):  # an aligner predicts too, but no actions
        raise TypeError(
            "estimator must segment videos, as ActionSegmenter and JointAlignSegment "
            f"do; got {type(estimator).__name__}."
        )
    check_is_fitted(estimator)
    if collection is None:
        collection = getattr(estimator, "labels_", None)
        if collection is None:
            raise ValueError(
                f"{type(estimator).__name__} keeps no labels_ of the videos of fit; "
                "give collection, the labels to compare with."
            )
    found = list(estimator.predict(list_videos(videos)))
    called: Sequence[Any] = range(len(found)) if names is None else names
    if isinstance(names, str) or len(called) != len(found):
        raise ValueError(
            f"names must be {len(found)} name(s), one a video; got {names!r}."
        )
    usual = _learn(_split(collection))
    records = [
        record
        for name, labels in zip(called, found, strict=True)
        for record in _describe(name, labels_to_segments(labels), usual, rate)
    ]
    for record in records:
        record["step"] = _name(record["step"], step_names)
    return StepReport(records, "frames" if rate is None else "seconds")


@dataclass(frozen=True)
class _Usual:
    """What is usual in a collection.

    Parameters
    ----------
    times : dict
        How many segments of each step the median video has, at least one, in the order
        of the steps' mean places.
    lengths : dict
        Frames of every segment of each step.
    before : dict
        For each pair of steps in how many videos the one comes before the other; a
        video where it varies counts in part.
    """

    times: dict[Hashable, int]
    lengths: dict[Hashable, list[int]]
    before: dict[tuple[Hashable, Hashable], float]

    def precedes(self, a: Hashable, b: Hashable) -> bool:
        """Tell whether step a usually comes before step b."""
        forth, back = self.before.get((a, b), 0), self.before.get((b, a), 0)
        return forth > USUAL_ORDER * (forth + back)

    def z_score(self, segment: Segment) -> float | None:
        """Return how unusual the length of a segment is."""
        lengths = self.lengths.get(segment.label, [])
        spread = np.std(lengths, ddof=1) if len(lengths) > 1 else 0
        if spread == 0:
            return None
        return float((segment.end - segment.start - np.mean(lengths)) / spread)


def _split(labels: Labels) -> list[list[Segment]]:
    """Return the segments of each video of the collection."""
    if len(labels) and np.ndim(labels[0]) == 0:
        labels = [labels]
    checked = check_labels(list(labels), [len(video) for video in labels])
    return [labels_to_segments(video) for video in checked]


def _learn(videos: list[list[Segment]]) -> _Usual:
    """Find what is usual in a collection."""
    counts = [Counter(segment.label for segment in video) for video in videos]
    lengths: dict[Hashable, list[int]] = {}
    places: dict[Hashable, list[float]] = {}
    before: dict[tuple[Hashable, Hashable], float] = {}
    for video, count in zip(videos, counts, strict=True):
        for segment in video:
            lengths.setdefault(segment.label, []).append(segment.end - segment.start)
            middle = (segment.start + segment.end) / 2 / video[-1].end
            places.setdefault(segment.label, []).append(middle)
        for first, second in combinations(video, 2):
            pair = (first.label, second.label)
            weight = 1 / (count[first.label] * count[second.label])
            before[pair] = before.get(pair, 0) + weight
    times = {}
    for step in sorted(places, key=lambda step: np.mean(places[step])):
        times[step] = int(np.median([count[step] for count in counts]))
    return _Usual({step: n for step, n in times.items() if n}, lengths, before)


def _describe(
    video: Any, segments: list[Segment], usual: _Usual, fps: float | None
) -> list[dict[str, Any]]:
    """Return the records of one video, steps by their labels."""
    unit = 1 if fps is None else 1 / fps
    status = _judge(segments, usual)
    records = [
        {
            "video": video,
            "step": segment.label,
            "start": segment.start * unit,
            "end": segment.end * unit,
            "duration": (segment.end - segment.start) * unit,
            "z_score": usual.z_score(segment),
            "status": status[place],
        }
        for place, segment in enumerate(segments)
    ]
    present = {segment.label for segment in segments}
    records += [
        {**dict.fromkeys(COLUMNS), "video": video, "step": step, "status": "skipped"}
        for step in usual.times
        if step not in present
    ]
    return records


def _judge(segments: list[Segment], usual: _Usual) -> list[str]:
    """Return the status of each segment."""
    status = ["usual"] * len(segments)
    seen: Counter[Hashable] = Counter()
    by_length = sorted(
        range(len(segments)), key=lambda i: segments[i].start - segments[i].end
    )
    for place in by_length:  # the longest first
        step = segments[place].label
        seen[step] += 1
        if seen[step] > usual.times.get(step, 0):
            status[place] = "extra"
    conflicts: dict[int, set[int]] = {}
    kept = [place for place, word in enumerate(status) if word == "usual"]
    for i, j in combinations(kept, 2):
        if usual.precedes(segments[j].label, segments[i].label):
            conflicts.setdefault(i, set()).add(j)
            conflicts.setdefault(j, set()).add(i)
    while any(conflicts.values()):
        worst = max(reversed(by_length), key=lambda i: len(conflicts.get(i, ())))
        status[worst] = "out_of_order"
        for other in conflicts.pop(worst):
            conflicts[other].discard(worst)
    return status


def _name(step: Any, names: Sequence[str] | Mapping[Any, str] | None) -> Any:
    """Return what a step is called."""
    if names is None:
        return step
    if isinstance(names, Mapping):
        return names.get(step, step)
    return names[step] if 0 <= step < len(names) else step
