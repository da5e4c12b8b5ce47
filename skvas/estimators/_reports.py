"""Answer with a page to look at and to correct."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import is_clusterer

from skvas._on_demand import lengths_of
from skvas._printing import shorten
from skvas._typing import Videos
from skvas.applications._names import names_of_actions
from skvas.applications._report import (
    Collection,
    labels_of_fit,
    relabel_misplaced,
    split_into_steps,
)
from skvas.datasets._on_disk import open_files
from skvas.datasets._recordings import (
    features_of_fit,
    list_known,
    rate_of_fit,
    recordings_of,
    remember,
)
from skvas.display._style import check_names
from skvas.estimators._base import BaseVideoEstimator
from skvas.report._media import video_type
from skvas.report._report_html import (
    MOST_CURVES,
    Figures,
    Shown,
    check_rates,
    write_report,
)
from skvas.segmentation._look import look_at
from skvas.timeline._model import path_frames
from skvas.timeline._paths import Passage
from skvas.transport._threads import spare_threads
from skvas.validation import spelled_as
from skvas.videos._containers import as_list
from skvas.videos._views import Views


@dataclass(frozen=True)
class _Placed:
    """Where videos pass a timeline; None where there is none.

    Attributes
    ----------
    frames : sequence of ndarray of shape (n_frames_i, D)
        What paths compare of them.
    passages : list of Passage
        Their paths.
    positions : list of ndarray of shape (n_frames_i,)
        The position of each frame, between 0 and 1.
    lacking : list of bool ndarray of shape (n_positions,)
        The moments that each lacks.
    """

    frames: Sequence[np.ndarray] | None = None
    passages: list[Passage] | None = None
    positions: list[np.ndarray] | None = None
    lacking: list[np.ndarray] | None = None


class ReportsVideos(BaseVideoEstimator):
    """Write a page that shows recordings at the same moment."""

    @spare_threads()
    def report(
        self,
        videos: Videos,
        path: str | os.PathLike[str],
        *,
        media: Sequence[str | os.PathLike[str] | None] | None = None,
        embed: bool = False,
        features: Sequence[int | str] = (),
        poses: Sequence[Any] | np.ndarray | None = None,
        edges: Sequence[Sequence[int | str]] = (),
        up: str | None = None,
        fps: float | Sequence[float] | None = None,
        names: Sequence[str] | None = None,
        action_names: Sequence[str] | np.ndarray | Mapping[Any, str] | None = None,
        corrections: Any = None,
        title: str = "Recordings",
    ) -> Path:
        """Write one HTML file that shows recordings at the same moment.

        The page plays all of them along the timeline, lists their steps as
        :func:`skvas.step_report` does, leads to the least certain boundaries, and takes
        corrections, which :func:`skvas.io.read_corrections` reads for the next `fit`.
        It needs no network and no server.

        Parameters
        ----------
        videos : array-like of shape (n_frames, n_features), or a list of them
            The recordings to show. Their steps are compared with those of `fit`, but
            for recordings that had no say there.
        path : str or path-like
            The HTML file; replaced if it exists.
        media : sequence of str, path-like or None, default=None
            A video file for each recording, with the same frames; None where there is
            none. Needs a frame rate. None: those that the recordings know, where the
            files exist.
        embed : bool, default=False
            Put the files of `media` into the page, which has to name them: what a
            folder says of its videos is no consent to send them. Otherwise the page
            links to them. Without such files it changes nothing.
        features : sequence of int or str, default=()
            Up to three features to draw under the segments, by index or by name.
        poses : list of array-like of shape (n_frames_i, n_points, 2 or 3), default=None
            Points of each frame, for moving figures where there is no video file. None:
            the videos themselves, if they are poses and `edges` has any.
        edges : sequence of pairs of int or str, default=()
            Points that lines join, by index, or by the names that `poses` know, or else
            the recordings.
        up : {"x", "-x", "y", "-y", "z", "-z"}, default=None
            The axis of the points that points up. None: "-y" of points with two
            numbers, as in images, "y" of points with three.
        fps : float or sequence of float, default=None
            Frames per second, of all recordings or of each. None: what the recordings
            know, such as the times of their frames, or those of `fit`; if neither,
            times are in frames.
        names : sequence of str, default=None
            A name for each recording, no two the same. None: those of the recordings,
            else "recording 0" and so on.
        action_names : sequence or dict of str, default=None
            Names of actions: of some by label, or of the first ones, in the order of
            `classes_`. An action without a name keeps the one that the estimator has.
            Of a model without actions, which shows those of `corrections`: by label; in
            a sequence, an integer label is a position.
        corrections : list, default=None
            What :func:`skvas.io.read_corrections` returned for these videos, or labels
            as `fit` takes them. They are shown as checked in place of what was found,
            and what the page saves has them again.
        title : str, default="Recordings"
            Title of the page.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        ValueError, TypeError
            If an argument is not as described, such as `action_names` of no such action
            or with one name for two, or a video is not what `fit` has seen.
        FileNotFoundError
            If a video file is missing; names it.
        NotFittedError
            If `fit` was not called.
        OSError
            If the page cannot be written; names it, and leaves an old one unchanged.

        Warns
        -----
        UnlikeRecordingsWarning
            If a video is unlike those of `fit`, see :meth:`unlike`.

        Notes
        -----
        Without a timeline (`timeline_` is None or absent) moments are the same at the
        same share of each recording, and the page says so. The certainty of a boundary
        is the mean share (`predict_proba`) of the labels of frames between the middles
        of its two segments. Recordings whose steps were swapped are labelled as by
        :func:`skvas.step_report`, and uncertain where that differs from `predict`.
        """
        videos = open_files(videos)
        views = self._view(videos)
        figures = _figures(videos, poses, edges, up)  # before what takes long
        self._warn_of_unlike(videos, views)
        if is_clusterer(self):
            action_names = names_of_actions(self, action_names)
        n = len(views.videos)
        known = remember(videos, lengths_of(views.videos))
        columns = self._columns(features)
        times = None
        if fps is None:
            fps = known["fps"] or rate_of_fit(self)
            times = getattr(recordings_of(videos), "times", None) if fps else None
        rates = check_rates(fps, n)
        if embed is True and media is None and known["media"] is not None:
            raise ValueError(
                "embed puts into the page what media names: look at the media of the "
                "recordings, and pass those to send as media."
            )
        if media is None and known["media"] is not None and fps is not None:
            media = [_if_video(file) for file in known["media"]]
        placed = self._place(views)
        called = check_names(known["names"] if names is None else names, n)
        shown, certainty = self._show(videos, views, placed, called, rates)
        return write_report(
            replace(shown, times=times),
            path,
            positions=placed.positions,
            lacking=placed.lacking,
            certainty=certainty,
            curves=[v[:, columns] for v in views.videos] if columns else None,
            curve_names=[self._name_of(column) for column in columns],
            figures=figures,
            corrections=corrections,
            media=media,
            embed=embed,
            action_names=action_names,
            title=title,
        )

    def _place(self, views: Views) -> _Placed:
        """Put videos on the timeline, if there is one."""
        timeline = getattr(self, "timeline_", None)
        if timeline is None:
            return _Placed()
        frames = path_frames(views.embeddings, views.details)
        passages = [timeline.model_.follow(video) for video in frames]
        last = max(len(timeline.model_.template.frames) - 1, 1)
        return _Placed(
            frames,
            passages,
            [passage.positions / last for passage in passages],
            [passage.lacking() for passage in passages],
        )

    def _show(
        self,
        videos: Videos,
        views: Views,
        placed: _Placed,
        names: list[str],
        rates: list[float] | None,
    ) -> tuple[Shown, list[np.ndarray] | None]:
        """Return labels of videos and of `fit`, and how certain the first are."""
        if not is_clusterer(self):
            none = [np.full(n, -1) for n in lengths_of(views.videos)]
            return Shown(none, none, names, rates), None
        codes, certainty = look_at(
            self._labeller(), views, placed.frames, placed.passages
        )
        labels = [self.classes_[code] for code in codes]
        fitted, kept = labels_of_fit(self)
        collection = as_list(fitted)
        clocks: Sequence[float | None] = rates or [None] * len(labels)
        usual = Collection.of(split_into_steps(collection), clocks, kept)
        found = relabel_misplaced(self, list_known(videos), labels, usual, clocks)
        certainty = [
            np.where(new == old, sure, 1 - sure)
            for new, old, sure in zip(found, labels, certainty, strict=True)
        ]
        return Shown(found, collection, names, rates, kept), certainty

    def _columns(self, features: Sequence[int | str]) -> list[int]:
        """Return the columns of features that are given by index or by name."""
        known = features_of_fit(self) or []
        if np.ndim(features) != 1 or len(features) > MOST_CURVES:
            raise ValueError(
                f"features must be at most {MOST_CURVES} features, by index or name, "
                f"got {shorten(features)}."
            )
        columns, spell = [], spelled_as(known)
        for feature in features:
            called = spell(feature) if isinstance(feature, str) else None
            if called in known:
                columns.append(known.index(called))
            elif isinstance(feature, (int, np.integer)) and (
                0 <= feature < self.n_features_in_
            ):
                columns.append(int(feature))
            else:
                named = f", or one of the names {known}" if known else ""
                raise ValueError(
                    f"features has {feature!r}; expected an index below "
                    f"{self.n_features_in_}{named}."
                )
        return columns

    def _name_of(self, column: int) -> str:
        known = features_of_fit(self)
        return str(column if known is None else known[column])


def _figures(
    videos: Videos,
    poses: Sequence[Any] | np.ndarray | None,
    edges: Sequence[Sequence[int | str]],
    up: str | None,
) -> Figures | None:
    """Return the poses to show, if any are asked for."""
    if poses is None and not len(edges):
        if up is not None:
            raise ValueError("up has no use without edges or poses.")
        return None
    given = videos if poses is None else poses
    known = recordings_of(given) or recordings_of(videos)
    if poses is None and (isinstance(given, str) or np.ndim(given[0]) != 3):
        raise ValueError(
            "edges needs poses: videos of shape (n_frames, n_points, 2 or 3), or such "
            "arrays as poses."
        )
    are_poses = len(given) and np.ndim(given[0]) == 3
    n_points = np.shape(given[0])[1] if are_poses else 0
    names = None if known is None else known.feature_names
    if names is not None and len(names) != n_points:
        names = None
    return Figures(given, edges, up, names)


def _if_video(file: str | None) -> str | None:
    is_one = file is not None and video_type(file) and Path(file).is_file()
    return file if is_one else None
