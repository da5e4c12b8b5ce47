"""Fit a model to many files, and label them over as many sittings as it takes."""

from __future__ import annotations

import errno
import json
import os
import threading
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, TypeVar

from joblib import Parallel, delayed, effective_n_jobs, parallel_config
from sklearn.base import BaseEstimator, is_clusterer
from sklearn.utils.validation import check_is_fitted

from skvas._atomic import find_twins, identity, in_order, leaves_folder, naming_file
from skvas._optional import import_optional
from skvas._printing import name_first
from skvas.applications._label_folder import LabelFolder, version_of
from skvas.applications._names import (
    call_by_name,
    names_by_label,
    names_of_actions,
    texts_by_label,
)
from skvas.applications._sent import SentOnce
from skvas.datasets._folder import load_folder, orient_features
from skvas.datasets._on_disk import SUFFIXES, as_recordings_of_files, read_features
from skvas.datasets._recordings import Recordings
from skvas.exceptions import FailedFilesWarning, InvalidParameterError
from skvas.io import SegmentTable, write_segments
from skvas.io._files import FORMATS
from skvas.persistence._digest import digest_labelling
from skvas.validation import check_choice, check_fps, refuse_text
from skvas.videos._orphans import EndingWithParent

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FilesReport", "fit_files", "predict_files"]

COLUMNS = ["path", "output", "status", "n_frames", "error"]
Read = Callable[[Path], Any]
Model = TypeVar("Model", bound=BaseEstimator)
# Errors of writing that are those of a single path.
_OF_A_PATH = {errno.ENAMETOOLONG, errno.ELOOP, errno.EILSEQ}


@dataclass(frozen=True)
class FilesReport:
    """What became of each of many files.

    Attributes
    ----------
    records : list of dict
        One for each path, in the order given, with the keys `path` and `output`, the
        files read and written; `status`; `n_frames`, None unless "written"; `error`,
        what was wrong, None unless "failed".

    Notes
    -----
    The status is "written", "skipped" where the output was there already, or "failed".

    Examples
    --------
    >>> from skvas import FilesReport
    >>> record = dict(path="a.npy", output="a.txt", status="failed", n_frames=None)
    >>> report = FilesReport([record | {"error": "ValueError: it is empty"}])
    >>> print(report)
    0 written, 0 skipped, 1 failed
    a.npy: ValueError: it is empty
    >>> [record["path"] for record in report.failed]
    ['a.npy']
    """

    records: list[dict[str, Any]]

    @property
    def failed(self) -> list[dict[str, Any]]:
        """The records of files that failed."""
        return [record for record in self.records if record["status"] == "failed"]

    def to_frame(self) -> pd.DataFrame:
        """Return the records as a table.

        Returns
        -------
        pandas.DataFrame
            One row a file.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        return import_optional("pandas", "io").DataFrame(self.records, columns=COLUMNS)

    def __str__(self) -> str:
        counts = Counter(record["status"] for record in self.records)
        parts = [f"{counts[s]} {s}" for s in ("written", "skipped", "failed")]
        faults = [f"{record['path']}: {record['error']}" for record in self.failed]
        return "\n".join([", ".join(parts), *faults])


def fit_files(
    model: Model,
    paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    *,
    y: Any = None,
    activity: str | None = None,
    read: Read | None = None,
) -> Model:
    """Fit a model to many files of features, of which one at a time is in memory.

    Parameters
    ----------
    model : ActionSegmenter, VideoAligner or JointAlignSegment
        What is fitted. Its parameter ``training.memory_limit`` says how much of what is
        made of the files stays in memory.
    paths : str, path-like, or iterable of them
        A folder in the layout of :func:`skvas.datasets.load_folder`, or of files of
        features alone; or the files, one video each: ``.npy`` or ``.txt``, unless
        `read` is given.
    y : list with an entry for each video, default=None
        Labels of some frames, as in `fit`.
    activity : str, default=None
        Fit to the videos of this activity of the folder alone.
    read : callable, default=None
        From a path to its features, as in :func:`predict_files`. It is called each time
        that a file is looked at, some ten times in a fit.

    Returns
    -------
    object
        The model, fitted.

    Raises
    ------
    ValueError, TypeError
        If an argument is not as described, a file does not hold features, or one
        changes before `fit` ends; names it.
    OSError
        If a file cannot be read, or vanishes before `fit` ends; names it.

    See Also
    --------
    predict_files : Label the frames of many files.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from skvas import ActionSegmenter, fit_files
    >>> from skvas.datasets import make_videos
    >>> videos = make_videos(4, n_actions=3, random_state=0).videos
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for i, video in enumerate(videos):
    ...         np.save(Path(folder, f"v{i}.npy"), video)
    ...     model = fit_files(ActionSegmenter(3, max_epochs=0), folder)
    >>> model.recordings_["names"]
    ['v0', 'v1', 'v2', 'v3']
    """
    return model.fit(_open(paths, activity, read), y)


def _open(paths: Any, activity: str | None, read: Read | None) -> Recordings:
    """Return the recordings of a folder or of files, which stay in their files."""
    if isinstance(paths, bytes):
        raise InvalidParameterError(f"paths must be text, got {paths!r}.")
    is_folder = isinstance(paths, (str, os.PathLike))
    if activity is not None and not is_folder:
        raise InvalidParameterError(
            f"activity={activity!r} needs a folder as paths, got a list of files."
        )
    if not is_folder:
        files = [Path(path) for path in paths]
        if not files:
            raise InvalidParameterError("paths must name a file at least, got none.")
        return as_recordings_of_files(files, read)
    folder = Path(paths)
    files = []
    if folder.is_dir():
        found = in_order(file for file in folder.iterdir() if file.is_file())
        shown = [file for file in found if not file.name.startswith(".")]
        files = [f for f in shown if read is not None or f.suffix.lower() in SUFFIXES]
    if activity is None and files and not (folder / "features").is_dir():
        return as_recordings_of_files(files, read)
    if read is not None:
        raise InvalidParameterError(
            f"read needs a folder of files or a list of them; {str(folder)!r} has none."
        )
    return load_folder(folder, activity=activity, on_demand=True)


def predict_files(
    model: Any,
    paths: Iterable[str | os.PathLike[str]],
    out_dir: str | os.PathLike[str],
    *,
    format: str = "txt",  # the word that users know
    fps: float | None = None,
    action_names: Mapping[Any, str] | Sequence[str] | None = None,
    names: Sequence[str] | None = None,
    media: Sequence[str | os.PathLike[str] | None] | None = None,
    read: Read | None = None,
    overwrite: bool = False,
    n_jobs: int | None = None,
    callback: Callable[[Mapping[str, Any]], object] | None = None,
) -> FilesReport:
    """Label the frames of many videos, a file of labels for each file of features.

    Call it again after a crash, and it goes on with the files that are left. A file
    that cannot be read or labelled is reported, and the others are labelled all the
    same.

    Parameters
    ----------
    model : ActionSegmenter or JointAlignSegment
        Fitted; or another fitted clusterer whose `predict` labels the frames of a
        video, such as a pipeline.
    paths : iterable of str or path-like
        Files of features, one video each: ``.npy`` or ``.txt``, unless `read` is given.
    out_dir : str or path-like
        Folder of the labels, made if it is not there.
    format : {"txt", "csv", "json", "eaf", "textgrid", "srt", "vtt"}, default="txt"
        What to write, see :func:`skvas.io.write_segments`. "txt" is a label a line, a
        line a frame.
    fps : float, default=None
        Frames per second, which all formats but "txt" need. None: what `read` knows.
    action_names : sequence of str, or dict, default=None
        Names of the actions, or of the first ones, in the order of ``classes_``, or a
        dict from labels to names. None, and for actions without one: those that the
        model has by `name_actions`, else their labels.
    names : sequence of str, default=None
        Names of the videos, after which the files of labels are called. One such as
        ``"tea/01"`` puts its file into a folder of `out_dir`. None: the names of the
        paths without their suffix.
    media : sequence of str, path-like or None, default=None
        The video or audio file of each path, to which files of ELAN link. None: no
        links.
    read : callable, default=None
        From a path to its features of shape (n_frames, n_features), or to an object
        with such `features` and `times`, the second of each frame. So
        ``skvas.features.FrameFeatures().extract`` labels files of videos. With
        `n_jobs` it must be possible to pickle it. An attribute `cache_key`, a string
        that changes whenever its results change, keeps labels of both apart.
    overwrite : bool, default=False
        Whether to label again what was labelled here before. Files of another origin
        are never replaced.
    n_jobs : int, default=None
        Processes among which the files are shared out by joblib; other machines where
        :func:`joblib.parallel_config` names a backend that has some. Files are the same
        for any.
    callback : callable, default=None
        Called with the record of each file, first of those that are skipped, then of
        each of the others once it is done.

    Returns
    -------
    FilesReport
        What became of each path.

    Raises
    ------
    ValueError, TypeError
        If an argument is not as described, `fps` is needed and missing, or two videos
        have one name; or if `out_dir` has labels of another model, of other
        `action_names` or `fps`, or a call is at work on such, and `overwrite` is False;
        or of another origin.
    OSError
        If a file cannot be written, unless for its name; names it. Those that were
        written stay.
    NotFittedError
        If the model is not fitted.

    Warns
    -----
    FailedFilesWarning
        If files failed.
    Warning
        Of any kind that `model` or `read` gives, after the name of the file, once for
        all files that have it.

    See Also
    --------
    fit_files : Fit a model to many files.
    FilesReport : What it returns.

    Notes
    -----
    Files are written whole or not at all; a process that is killed while it writes may
    leave a hidden file behind, which nothing reads. One is skipped where it is there,
    and the features have the time and the size that they had when they were labelled,
    of which a hidden file in `out_dir` has notes; without a note, where it is not older
    than the features. Another hidden file tells by which model the labels were made, so
    that those of two are not mixed, also by calls at once: where `overwrite` replaced
    only some labels of another model, the next call replaces those that it comes to.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from skvas import ActionSegmenter, predict_files
    >>> from skvas.datasets import make_videos
    >>> videos = make_videos(4, n_actions=3, random_state=0).videos
    >>> model = ActionSegmenter(3, max_epochs=0).fit(videos)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for i, video in enumerate(videos):
    ...         np.save(Path(folder, f"v{i}.npy"), video)
    ...     paths = sorted(Path(folder).glob("*.npy"))
    ...     print(predict_files(model, paths, Path(folder, "labels")))
    ...     print(predict_files(model, paths, Path(folder, "labels")))
    4 written, 0 skipped, 0 failed
    0 written, 4 skipped, 0 failed
    """
    check_is_fitted(model)
    if not is_clusterer(model):
        raise InvalidParameterError(
            "model must label frames, as ActionSegmenter and JointAlignSegment do; "
            f"got {type(model).__name__}."
        )
    check_choice("format", format, tuple(FORMATS))
    refuse_text("names", names)
    fps = check_fps(fps, none_ok=True)
    if format != "txt" and fps is None and read is None:
        raise InvalidParameterError(_ask_for_fps(format))
    texts = _texts(model, action_names)
    is_named = action_names is not None or names_by_label(model) is not None
    told = [*texts.values()] if is_named else None
    jobs = _list_jobs(paths, names, media, Path(out_dir), format)
    origin = _origin(model, fps, told, getattr(read, "cache_key", None))
    folder = LabelFolder(Path(out_dir), format, origin)
    former = folder.claim([job.target for job in jobs], overwrite=overwrite)
    todo = [job for job in jobs if overwrite or not former.has(job.target, job.path)]
    label = _Labeller(SentOnce(model), folder, read, fps, texts)
    with folder.at_work():
        report, warned = _label_all(label, jobs, todo, n_jobs, callback)
    for (kind, text), where in warned.items():
        warnings.warn(f"{name_first(where)}: {text}", kind, stacklevel=2)
    if report.failed:
        warnings.warn(str(report), FailedFilesWarning, stacklevel=2)
    return report


def _texts(
    model: Any, action_names: Mapping[Any, str] | Sequence[str] | None
) -> dict[Any, str]:
    """Return what files call the actions that a model or a user tells."""
    own, called = texts_by_label(model), names_of_actions(model, action_names)
    if own is None and called:
        own = {-1: ""}  # in an array of names, -1 would be one
    return (own or {}) | called


def _origin(
    model: Any, fps: float | None, names: Sequence[str] | None, key: str | None
) -> Any:
    """Return what labels depend on beside the features, as JSON knows it."""
    options = [fps, names] if key is None else [fps, names, key]
    origin = {"model": digest_labelling(model), "options": options}
    return json.loads(json.dumps(origin, default=list))


def _label_all(
    label: _Labeller,
    jobs: Sequence[_Job],
    todo: Sequence[_Job],
    n_jobs: int | None,
    callback: Callable[[Mapping[str, Any]], object] | None,
) -> tuple[FilesReport, dict[_Warning, list[str]]]:
    """Label what is to be done, and return where each warning was drawn."""
    tell = callback or (lambda record: None)
    waiting = set(todo)
    records = {job: job.record("skipped") for job in jobs}
    for job in jobs:
        if job not in waiting:
            tell(dict(records[job]))
    # No worker without a file: one that never had any would not know whom it works for.
    n_workers = max(1, min(effective_n_jobs(n_jobs), len(todo)))
    run = EndingWithParent(label)
    done = Parallel(n_jobs=n_workers, return_as="generator")(
        delayed(run)(job) for job in todo
    )
    warned: dict[_Warning, list[str]] = {}
    for job, (record, caught) in zip(todo, done, strict=True):
        records[job] = record
        for warning in caught:
            warned.setdefault(warning, []).append(str(job.path))
        tell(dict(record))
    return FilesReport(list(records.values())), warned


@dataclass(frozen=True)
class _Job:
    """One video: its features, its labels and its name."""

    path: Path
    target: Path
    name: str
    media: str | os.PathLike[str] | None = None

    def record(
        self, status: str, *, n_frames: int | None = None, error: str | None = None
    ) -> dict[str, Any]:
        values = [str(self.path), str(self.target), status, n_frames, error]
        return dict(zip(COLUMNS, values, strict=True))

    def failure(self, error: Exception) -> dict[str, Any]:
        told = " ".join(f"{type(error).__name__}: {error}".split())  # in one line
        return self.record("failed", error=told)


# A warning: its kind and its text.
_Warning = tuple[type[Warning], str]


@dataclass(frozen=True)
class _Labeller:
    """What is the same for all files; called with one, in whatever process."""

    model: SentOnce
    folder: LabelFolder
    read: Read | None
    fps: float | None
    texts: Mapping[Any, str]

    def __call__(self, job: _Job) -> tuple[dict[str, Any], list[_Warning]]:
        """Return what became of a file, and the warnings that it drew."""
        if threading.current_thread() is not threading.main_thread():
            return self._write(job), []  # those of other threads would be caught too
        with warnings.catch_warnings(record=True) as caught:
            record = self._write(job)
        drawn = [(warning.category, str(warning.message)) for warning in caught]
        return record, list(dict.fromkeys(drawn))

    def _write(self, job: _Job) -> dict[str, Any]:
        features = version_of(job.path)
        try:
            # The files are what is shared out among processes, not their parts.
            with parallel_config(backend="sequential"):
                table, n_frames = self._label(job)
        except Exception as error:  # whatever it is, the others go on
            return job.failure(error)
        self.folder.confirm()
        try:
            self._write_table(table, job)
        except ValueError as error:
            return job.failure(error)
        except OSError as error:
            if error.errno not in _OF_A_PATH:
                raise
            return job.failure(error)
        self.folder.note(job.target, features)
        return job.record("written", n_frames=n_frames)

    def _write_table(self, table: SegmentTable, job: _Job) -> None:
        form = self.folder.format
        with naming_file(job.target.parent, "made"):
            job.target.parent.mkdir(parents=True, exist_ok=True)
        fps = 1.0 if form == "txt" else None
        media = job.media if form == "eaf" else None
        write_segments(table, job.target, format=form, fps=fps, media=media)

    def _label(self, job: _Job) -> tuple[SegmentTable, int]:
        found = (self.read or read_features)(job.path)
        n_features = getattr(self.model.value, "n_features_in_", None)
        features = orient_features(getattr(found, "features", found), n_features)
        labels = self.model.value.predict(features)
        clock: dict[str, Any] = {"fps": self.fps}
        if self.folder.format == "txt":
            clock = {"fps": 1.0}
        elif self.fps is None:
            clock = {"times": getattr(found, "times", None)}
            if clock["times"] is None:
                raise ValueError(_ask_for_fps(self.folder.format))
        called = call_by_name(labels, self.texts)
        table = SegmentTable.from_labels(called, job.name, **clock)
        return SegmentTable(row for row in table if row.label), len(labels)


def _ask_for_fps(format: str) -> str:
    return (
        f"{format} files have times in seconds, and nothing says how many frames make "
        "one; give fps."
    )


def _list_jobs(
    paths: Iterable[str | os.PathLike[str]],
    names: Sequence[str] | None,
    media: Sequence[str | os.PathLike[str] | None] | None,
    folder: Path,
    format: str,
) -> list[_Job]:
    """Return what is to be done, with a place of its own for the labels of each."""
    if isinstance(paths, (str, bytes, os.PathLike)):
        raise InvalidParameterError(
            f"paths must be a list of files, got the single {paths!r}."
        )
    files = [Path(path) for path in paths]
    names = [path.stem for path in files] if names is None else list(names)
    if len(names) != len(files):
        raise InvalidParameterError(
            f"names must be one for each of {len(files)} paths, got {len(names)}."
        )
    links = [None] * len(files) if media is None else list(media)
    if len(links) != len(files):
        raise InvalidParameterError(
            f"media must be one for each of {len(files)} paths, got {len(links)}."
        )
    jobs: dict[Path, _Job] = {}
    for path, name, link in zip(files, names, links, strict=True):
        if leaves_folder(name):
            raise InvalidParameterError(f"names has {name!r}, which leaves out_dir.")
        target = folder / f"{name}.{format}"
        if target in jobs:
            raise InvalidParameterError(
                f"{str(jobs[target].path)!r} and {str(path)!r} would both be labelled "
                f"in {str(target)!r}; tell them apart by names."
            )
        jobs[target] = _Job(path, target, PurePath(name).name, link)
    if twins := find_twins((str(PurePath(name)) for name in names), folder):
        raise InvalidParameterError(
            f"out_dir takes {twins[0]!r} and {twins[1]!r} for one, as it ignores case; "
            "tell them apart by names."
        )
    _refuse_inputs(jobs, files)
    return list(jobs.values())


def _refuse_inputs(targets: Iterable[Path], files: Sequence[Path]) -> None:
    """Refuse to write labels over features."""
    inputs = {identity(file) for file in files}
    for target in targets:
        if identity(target) in inputs:
            raise InvalidParameterError(
                f"out_dir has {str(target)!r}, which is one of paths; name another "
                "out_dir."
            )
