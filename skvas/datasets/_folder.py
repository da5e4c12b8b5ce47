"""Reader of the folder layout that the field's published code uses."""

from __future__ import annotations

import json
import os
import warnings
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skvas._atomic import in_order, leaves_folder
from skvas._printing import name_first, shorten
from skvas.datasets._arrays import read_array
from skvas.datasets._on_disk import SUFFIXES, FeatureFile, read_features
from skvas.datasets._recordings import Recordings
from skvas.validation import (
    NO_NAMES,
    VIDEO_SUFFIXES,
    check_choice,
    check_path,
    find_respellings,
    name_key,
    spelled_as,
)

# Beside features: of which files they are, and how they were made.
EXTRACTED = "extracted.json"


@dataclass(frozen=True)
class VideoFile:
    """One video on disk: its features, and its labels where there are any."""

    name: str
    activity: str | None
    features: Path
    labels: Path | None
    places: tuple[tuple[Path, str], ...] = ()
    """Folders that may have its times and its media, and its name in each."""

    @property
    def times(self) -> Path | None:
        """The file of the seconds of its frames, where there is one."""
        files = (root / "times" / f"{name}.npy" for root, name in self.places)
        return next((file for file in files if file.is_file()), None)

    @property
    def label(self) -> str:
        """The name, behind that of the activity if there is one."""
        return self.name if self.activity is None else f"{self.activity}/{self.name}"


def load_folder(
    path: str | os.PathLike[str],
    *,
    activity: str | None = None,
    split: str | os.PathLike[str] | None = None,
    mapping: str | os.PathLike[str] | Mapping[str, int] | None = None,
    on_mismatch: str = "raise",
    fps: float | None = None,
    on_demand: bool = False,
) -> Recordings:
    r"""Read a folder of videos in the layout of the field's published code.

    The layout is::

        path/features/<video>.npy       or <video>.txt; one row per frame
        path/groundTruth/<video>        or <video>.txt; one action name per line
        path/mapping/mapping.txt        or path/mapping.txt; "<id> <name>" per line
        path/times/<video>.npy          second of each frame, by ``skvas extract``
        path/extracted.json             which video files these are, by the same

    Several activities may lie side by side, either as ``path/<activity>/features``
    (and so on) or as ``path/features/<activity>``, ``path/groundTruth/<activity>`` and
    ``path/times/<activity>``. All folders but ``features`` may be missing.

    Nothing that is read can run code: arrays of pickled objects are refused.

    Parameters
    ----------
    path : str or path-like
        The folder.
    activity : str, default=None
        Read the videos of this activity alone; in a folder without activities those
        whose names end in it, as in ``P03_cam01_P03_tea``. None: all of them.
    split : str or path-like, default=None
        A file with the name of one video per line, with or without ``.txt``, as in
        ``path/splits/train.split1.bundle``: read these videos alone, in the order of
        the folder. None: all of them.
    mapping : str, path-like or dict, default=None
        A file in place of ``mapping.txt``, or a dict from the name of each action to
        its id. Names that share an id are one action, which has the first of the names.
        None: the mapping of the folder, if there is one.
    on_mismatch : {"raise", "resample"}, default="raise"
        What to do where a video has not as many labels as frames, as is the case
        when labels and features were made at different frame rates. "raise": report
        the ratio. "resample": give each frame the label at its relative position.
    fps : float, default=None
        Frames per second. None: what the folder ``times`` says, if it is there.
    on_demand : bool, default=False
        Whether features stay in their files: each is then a `FeatureFile`, of which
        estimators read one at a time.

    Returns
    -------
    Recordings
        The arrays of shape (n_frames_i, n_features), or their files, in the order of
        their names, activity by activity: float32 of texts and of ``.npy`` files that
        hold it, else float64. They know

        labels : list of int arrays of shape (n_frames_i,), or None
            Positions in `action_names`; None where nothing is labelled. A single
            video without labels has None in its place, and a warning names it. A
            warning also tells if files of labels are there, but have the name of no
            video.
        names : list of str
            File names without their suffix, behind the activity where there are
            several: ``"tea/01"``.
        activities : list of str or None
            The activity of each video; None where the folder has no activities.
        times : list of arrays of shape (n_frames_i,), or None
            The second of each frame, where the folder ``times`` has all of them.
        media : list of str or None, or None
            The video files that ``skvas extract`` has read, where they are there. Other
            files that ``extracted.json`` may name are none.
        action_names : list of str
            In the order of the mapping's ids or, without a mapping, of the alphabet.
        DESCR : str
            The size of the data set, and the folder's README where there is one.

    Raises
    ------
    FileNotFoundError
        If the folder, its features, the activity or videos of the split do not exist.
    ValueError
        If a file cannot be read as what it should be, if videos differ in their
        number of features, if a label is not in the mapping, or if frames and labels
        differ in number and `on_mismatch` is "raise".
    TypeError
        If `mapping` is neither a file nor a dict from names to integers.

    See Also
    --------
    skvas.io.read_sensors : Tables of sensors.
    skvas.io.read_poses : Files of pose trackers.
    skvas.fit_files : Fit to files that do not fit in memory.

    Notes
    -----
    Features stored as (n_features, n_frames), as some published sets are, are
    recognised and transposed: the number of features is the size that all videos
    share, and where both sizes are shared the number of labels decides.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from skvas.datasets import load_folder
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     features, labels = Path(folder, "features"), Path(folder, "groundTruth")
    ...     features.mkdir()
    ...     labels.mkdir()
    ...     np.save(features / "tea01.npy", np.zeros((3, 2)))
    ...     _ = (labels / "tea01").write_text("pour\npour\nstir")
    ...     data = load_folder(folder)
    >>> data.names, data.action_names, data.labels
    (['tea01'], ['pour', 'stir'], [array([0, 0, 1])])
    """
    check_path("path", path)
    check_choice("on_demand", on_demand, (True, False))
    if split is not None:
        check_path("split", split)
    if not isinstance(activity, (str, type(None))):
        raise TypeError(f"activity must be a text or None, got {shorten(activity)}.")
    check_choice("on_mismatch", on_mismatch, ("raise", "resample"))
    root = Path(path)
    sources = find_videos(root, activity, split)
    words = [_read_labels(s.labels) if s.labels else None for s in sources]
    _warn_of_missing_labels(sources)
    look: Callable[[Path], Any] = FeatureFile if on_demand else read_features
    videos = _orient([look(s.features) for s in sources], words, sources)
    ids = _find_ids(mapping, root, sources) or _number(words)
    action_names, codes = _merge(ids)
    labels = [
        None if w is None or s.labels is None else _encode(w, codes, s.labels)
        for w, s in zip(words, sources, strict=True)
    ]
    labels = _match_lengths(labels, videos, sources, resample=on_mismatch == "resample")
    unlabelled = all(video is None for video in labels)
    return Recordings(
        videos,
        labels=None if unlabelled else labels,
        names=[s.label for s in sources],
        fps=fps,
        times=None if fps is not None else _read_times(sources, videos),
        media=find_media(sources),
        activities=None
        if sources[0].activity is None
        else [str(s.activity) for s in sources],
        action_names=action_names,
        description=_describe(root, videos, action_names),
    )


def find_videos(
    root: Path, activity: str | None, split: str | os.PathLike[str] | None = None
) -> list[VideoFile]:
    """List the videos of a folder, or of one of its activities or splits.

    Parameters
    ----------
    root : Path
        The folder, in a layout that `load_folder` reads.
    activity : str or None
        None: all.
    split : str, path-like or None, default=None
        File of names; None: all.

    Returns
    -------
    list of VideoFile
        In the order in which `load_folder` has them.
    """
    sources = _find_all(root)
    listed = sources if split is None else _listed(sources, Path(split), root)
    return _select(listed, activity, root)


def _listed(sources: list[VideoFile], split: Path, root: Path) -> list[VideoFile]:
    """Return the videos whose names a file lists, in their own order."""
    lines = [line for line in _read_lines(split) if line]
    names = [line[:-4] if line.lower().endswith(".txt") else line for line in lines]
    spell = spelled_as(name for s in sources for name in (s.name, s.label))
    names = [spell(name) for name in names]
    unknown = {*names}.difference(*({s.name, s.label} for s in sources))
    missing = [name for name in names if name in unknown]
    if missing:
        raise FileNotFoundError(
            f"{str(split)!r} lists {name_first(missing)}, and {str(root)!r} has no "
            "such features; expected one name of a video per line."
        )
    listed = [source for source in sources if {source.name, source.label} & {*names}]
    if not listed:
        raise ValueError(
            f"{str(split)!r} lists no video; expected one name of a video per line."
        )
    return listed


def _find_all(root: Path) -> list[VideoFile]:
    """List all videos, whichever way activities are laid out."""
    if not root.is_dir():
        raise FileNotFoundError(f"There is no folder {str(root)!r}.")
    features, labels = root / "features", _label_folder(root)
    if features.is_dir():
        sources = _videos_in(features, [labels], None)
        inner = _subfolders(labels) if labels.is_dir() else []
        spell = spelled_as(folder.name for folder in inner)
        for folder in _subfolders(features):
            name = folder.name
            sources += _videos_in(folder, [labels / spell(name), labels], name)
    else:
        sources = [
            source
            for folder in _subfolders(root)
            if (folder / "features").is_dir()
            for source in _videos_in(
                folder / "features", [_label_folder(folder)], folder.name
            )
        ]
    if not sources:
        raise FileNotFoundError(
            f"{str(root)!r} has no video features. Expected features/<video>.npy or "
            f".txt in it, features/<activity>/<video>.npy, or "
            f"<activity>/features/<video>.npy."
        )
    if len({source.activity is None for source in sources}) == 2:
        raise ValueError(
            f"{str(features)!r} holds both videos and folders of videos. Move the "
            f"videos into a folder of their own."
        )
    names = Counter(source.name for source in sources)
    return [
        replace(source, places=_places(root, source, names[source.name] == 1))
        for source in sources
    ]


def _places(
    root: Path, source: VideoFile, is_unique: bool
) -> tuple[tuple[Path, str], ...]:
    """Return where to look for what belongs to a video, the nearest first."""
    own = [] if source.activity is None else [(root / source.activity, source.name)]
    # A bare name that two activities share says of neither whose the file is.
    bare = [(root, source.name)] if is_unique else []
    return (*own, (root, source.label), *bare)


def _subfolders(folder: Path) -> list[Path]:
    return in_order(
        p for p in folder.iterdir() if p.is_dir() and not p.name.startswith(".")
    )


def _videos_in(
    features: Path, labels: list[Path], activity: str | None
) -> list[VideoFile]:
    """List the videos of one folder of features, in the order of their names."""
    files: dict[str, Path] = {}
    for file in in_order(features.iterdir()):
        is_other = file.suffix.lower() not in SUFFIXES or file.name.startswith(".")
        if is_other or file.is_dir():
            continue
        if file.stem in files:
            raise ValueError(
                f"{str(features)!r} has the features of video {file.stem!r} twice, as "
                f"{files[file.stem].name!r} and as {file.name!r}. Remove one of them."
            )
        files[file.stem] = file
    of_labels = _label_files(labels)
    spell = spelled_as(of_labels)
    return [
        VideoFile(name, activity, files[name], of_labels.get(spell(name)))
        for name in sorted(files)
    ]


def _label_folder(root: Path) -> Path:
    """Return the folder of labels, whose name may be in small letters."""
    exact = root / "groundTruth"
    small = _subfolders(root) if root.is_dir() and not exact.is_dir() else []
    return next((p for p in small if p.name.lower() == "groundtruth"), exact)


def _label_files(folders: list[Path]) -> dict[str, Path]:
    """Return the files of labels by the names of videos that they may belong to."""
    found: dict[str, Path] = {}
    for folder in folders:
        files = _files_in(folder)
        texts = [file for file in files if file.suffix.lower() == ".txt"]
        texts.sort(key=lambda file: file.suffix != ".txt")
        for name, file in [(f.name, f) for f in files] + [(f.stem, f) for f in texts]:
            found.setdefault(name, file)
    return found


def _files_in(folder: Path) -> list[Path]:
    files = folder.iterdir() if folder.is_dir() else ()
    return in_order(f for f in files if f.is_file() and not f.name.startswith("."))


def _select(
    sources: list[VideoFile], activity: str | None, root: Path
) -> list[VideoFile]:
    if activity is None:
        return sources
    known = sorted({s.activity for s in sources if s.activity is not None})
    wanted = name_key(activity)
    selected = [
        source
        for source in sources
        if (source.activity is not None and wanted == name_key(source.activity))
        or (source.activity is None and name_key(source.name).endswith(f"_{wanted}"))
    ]
    if not selected:
        none = f"no name that ends in '_{activity}': leave activity=None"
        raise FileNotFoundError(
            f"{str(root)!r} has no activity {activity!r}; it has "
            f"{', '.join(map(repr, known)) or none}."
        )
    return selected


def orient_features(features: Any, n_features: int | None) -> Any:
    """Return features as (n_frames, n_features), also if they are stored transposed.

    Poses, and features whose number is not known, stay as they are, and what is in a
    file stays there.
    """
    shape = np.shape(features)
    if len(shape) != 2 or shape[1] == n_features or shape[0] != n_features:
        return features
    if isinstance(features, FeatureFile):
        return features.T
    return np.ascontiguousarray(np.transpose(features))


def _read_times(
    sources: list[VideoFile], videos: list[Any]
) -> list[NDArray[np.float64]] | None:
    """Return the second of each frame, if the folder has those of all videos."""
    found = [source.times for source in sources]
    files = [file for file in found if file is not None]
    if len(files) < len(sources):
        return None
    times = [read_array(file, 1).astype(np.float64) for file in files]
    for file, stamps, video in zip(files, times, videos, strict=True):
        if len(stamps) != len(video):
            raise ValueError(
                f"{str(file)!r} has {len(stamps)} times for {len(video)} frames; run "
                "skvas extract again, or give fps."
            )
    return times


def read_extracted(file: Path) -> dict[str, Any]:
    """Read how features were made of video files, and of which, by their names.

    Parameters
    ----------
    file : Path
        Such as ``FOLDER/extracted.json``, which need not be there.

    Returns
    -------
    dict of str to object
        `videos`, a path from the folder for each name, and how they were made.
    """
    if not file.is_file():
        return {"videos": {}}
    try:
        found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        is_sound = all(
            isinstance(video, str) and "\0" not in video and not leaves_folder(name)
            for name, video in found["videos"].items()
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        is_sound = False
    if not is_sound:
        raise ValueError(
            f"{str(file)!r} is not as skvas extract writes it; remove it, or run skvas "
            "extract again."
        )
    return found


def find_media(sources: list[VideoFile]) -> list[str | None] | None:
    """Return the video files that features were made of.

    A folder may come from somebody else: what its note names is media only if it is a
    video by its name, and is not looked at if it is on another machine.

    Parameters
    ----------
    sources : list of VideoFile
        The videos of a folder.

    Returns
    -------
    list of str or None, or None
        None for a video whose file is not there; None if no file is.
    """
    roots = {root for source in sources for root, _ in source.places}
    notes = {
        (root, name_key(name)): (root, file)
        for root in roots
        for name, file in read_extracted(root / EXTRACTED)["videos"].items()
    }
    files = [
        next((notes[p] for r, n in s.places if (p := (r, name_key(n))) in notes), None)
        for s in sources
    ]
    found = [None if file is None else _find_video(*file) for file in files]
    return found if any(found) else None


def _find_video(root: Path, noted: str) -> str | None:
    """Return the video that a note names from its folder, if it is there."""
    file = root / noted
    is_video = file.suffix.lower() in VIDEO_SUFFIXES
    is_elsewhere = noted.replace("\\", "/").startswith("//")
    return (
        _shortened(file) if is_video and not is_elsewhere and file.is_file() else None
    )


def _shortened(file: Path) -> str:
    """Return a path to a file without the folders that it goes into and out of."""
    short = os.path.normpath(file)
    is_same = os.path.exists(short) and os.path.samefile(short, file)
    return short if is_same else os.path.realpath(file)  # it went out of a link


def _read_lines(file: Path) -> list[str]:
    """Read lines, without the mark of byte order, blank ends and trailing space."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{str(file)!r} is not a text file: {error}.") from error
    # str.splitlines would also split at characters that a name may contain.
    return [line.strip() for line in text.rstrip().split("\n")] if text.strip() else []


def _read_labels(file: Path) -> list[str]:
    words = _read_lines(file)
    if not words:
        raise ValueError(f"{str(file)!r} has no labels: it is empty.")
    if "" in words:
        raise ValueError(
            f"{str(file)!r} has no label on line {words.index('') + 1}. Expected one "
            f"action name per line, one line per frame."
        )
    return words


def _find_ids(
    mapping: str | os.PathLike[str] | Mapping[str, int] | None,
    root: Path,
    sources: list[VideoFile],
) -> dict[str, int]:
    """Return the ids of actions by their names: as given, or as the folder has them."""
    if mapping is None:
        return _read_mappings(root, sources)
    if isinstance(mapping, (str, os.PathLike)):
        return _read_mapping(Path(mapping), shared_ids=True)
    if not isinstance(mapping, Mapping) or not all(
        isinstance(name, str) and isinstance(key, Integral)
        for name, key in mapping.items()
    ):
        raise TypeError(
            f"mapping must be a file, or a dict from names to integers, got "
            f"{shorten(mapping)}."
        )
    return {name: int(key) for name, key in mapping.items()}


def _read_mappings(root: Path, sources: list[VideoFile]) -> dict[str, int]:
    """Return the ids of the folder's mapping, or of its activities', by name."""
    folders = [root]
    folders += [root / a for a in dict.fromkeys(s.activity for s in sources) if a]
    listed: list[str] = []
    for folder in folders:
        files = (folder / "mapping" / "mapping.txt", folder / "mapping.txt")
        file = next((file for file in files if file.is_file()), None)
        ids = {} if file is None else _read_mapping(file)
        listed += sorted(ids, key=ids.__getitem__)
    first_of = find_respellings(listed)
    names = dict.fromkeys(first_of.get(name, name) for name in listed)
    return {name: key for key, name in enumerate(names)}


def _read_mapping(file: Path, *, shared_ids: bool = False) -> dict[str, int]:
    """Return the ids of one mapping by their names."""
    ids: dict[str, int] = {}
    known: set[str] = set()
    for number, line in enumerate(_read_lines(file), start=1):
        try:
            identifier, name = line.split(maxsplit=1)
            key = int(identifier)
        except ValueError:
            raise ValueError(
                f"{str(file)!r}, line {number}: expected '<id> <name>', got {line!r}."
            ) from None
        if name_key(name) in known or (key in ids.values() and not shared_ids):
            raise ValueError(
                f"{str(file)!r}, line {number}: id {key} or name {name!r} occurs "
                "twice; if names share an action, pass the file as mapping."
            )
        ids[name] = key
        known.add(name_key(name))
    return ids


def _number(words: list[list[str] | None]) -> dict[str, int]:
    """Return the numbers of the names of labels, in the order of the alphabet."""
    found = [word for video in words if video is not None for word in video]
    first_of = find_respellings(found)
    names = sorted({*found} - first_of.keys() - NO_NAMES)
    return {name: key for key, name in enumerate(names)}


def _merge(ids: dict[str, int]) -> tuple[list[str], dict[str, int]]:
    """Return the first name of each id, by id, and the position of each name."""
    first: dict[int, str] = {}
    for name, key in ids.items():
        first.setdefault(key, name)
    keys = sorted(first)
    return [first[k] for k in keys], {n: keys.index(k) for n, k in ids.items()}


def _encode(words: list[str], codes: dict[str, int], file: Path) -> NDArray[np.int64]:
    """Turn the names of one video's labels into positions; -1 where there is none."""
    codes = dict.fromkeys(NO_NAMES, -1) | codes
    words = [*map(spelled_as(codes), words)]
    unknown = sorted(set(words) - set(codes))
    if unknown:
        raise ValueError(
            f"{str(file)!r}, line {words.index(unknown[0]) + 1}: unknown labels "
            f"{', '.join(map(repr, unknown))}. The mapping has "
            f"{', '.join(repr(name) for name in codes if codes[name] >= 0)}."
        )
    return np.array([codes[word] for word in words], dtype=np.int64)


def _warn_of_missing_labels(sources: list[VideoFile]) -> None:
    missing = [source.label for source in sources if source.labels is None]
    if len(missing) == len(sources):
        _warn_of_strange_labels(sources)
    elif missing:
        warnings.warn(
            f"{len(missing)} of {len(sources)} videos have no file in groundTruth, and "
            f"None for labels: {', '.join(missing)}.",
            UserWarning,
            stacklevel=3,
        )


def _warn_of_strange_labels(sources: list[VideoFile]) -> None:
    """Warn of files of labels, none of which has the name of a video."""
    roots = {root for source in sources for root, _ in source.places}
    folders = {_label_folder(root) for root in roots}
    activities = {source.activity for source in sources if source.activity}
    folders |= {folder / name for folder in folders for name in activities}
    found = [str(file) for folder in sorted(folders) for file in _files_in(folder)]
    if found:
        name = sources[0].name
        warnings.warn(
            f"None of the videos has labels, but there is {name_first(found)}; "
            f"expected files such as {name!r} or '{name}.txt': rename them.",
            UserWarning,
            stacklevel=4,
        )


def _orient(
    arrays: list[Any],
    words: list[list[str] | None],
    sources: list[VideoFile],
) -> list[Any]:
    """Return arrays with one row per frame, and the same columns in all of them."""
    n_rows = {array.shape[0] for array in arrays}
    n_columns = {array.shape[1] for array in arrays}
    if len(n_rows) > 1 and len(n_columns) > 1:
        first = arrays[0].shape
        odd = next(i for i, a in enumerate(arrays) if a.shape[1] != first[1])
        raise ValueError(
            f"Videos must have the same number of features: {sources[0].label!r} has "
            f"shape {first}, {sources[odd].label!r} has {arrays[odd].shape}; expected "
            f"(n_frames, n_features)."
        )
    if len(n_rows) == len(n_columns):  # one shape: only the labels tell
        counts = {len(video) for video in words if video is not None}
        transposed = counts == n_columns != n_rows
    else:
        transposed = len(n_columns) > 1
    if not transposed:
        return arrays
    if isinstance(arrays[0], FeatureFile):
        return [array.T for array in arrays]
    return [np.ascontiguousarray(array.T) for array in arrays]


def _match_lengths(
    labels: list[NDArray[np.int64] | None],
    videos: list[Any],
    sources: list[VideoFile],
    *,
    resample: bool,
) -> list[NDArray[np.int64] | None]:
    """Return one label per frame, or report that labels and frames disagree."""
    counts = [
        (s.label, len(y), len(x))
        for s, y, x in zip(sources, labels, videos, strict=True)
        if y is not None
    ]
    odd = [count for count in counts if count[1] != count[2]]
    if odd and not resample:
        name, n_labels, n_frames = odd[0]
        ratios = [of_labels / of_frames for _, of_labels, of_frames in counts]
        raise ValueError(
            f"Labels and features differ in length in {len(odd)} of {len(counts)} "
            f"labelled videos: {name!r} has {n_frames} frames and {n_labels} labels. "
            f"The median is {np.median(ratios):.3g} labels per frame (from "
            f"{min(ratios):.3g} to {max(ratios):.3g}). If both span the same time at "
            f"different frame rates, pass on_mismatch='resample'."
        )
    return [
        None if y is None else y[_nearest(len(y), len(x))]
        for y, x in zip(labels, videos, strict=True)
    ]


def _nearest(n_labels: int, n_frames: int) -> NDArray[np.int64]:
    """Return the label that lies at the middle of each frame."""
    return (2 * np.arange(n_frames) + 1) * n_labels // (2 * n_frames)


def _describe(root: Path, videos: list[Any], action_names: list[str]) -> str:
    lengths = [len(video) for video in videos]
    text = (
        f"{root.resolve().name}: {len(videos)} videos, {sum(lengths)} frames "
        f"({min(lengths)} to {max(lengths)} each), {videos[0].shape[1]} features, "
        f"{len(action_names)} actions."
    )
    readme = root / "README.md"
    if readme.is_file():
        text += "\n\n" + readme.read_text(encoding="utf-8", errors="replace")
    return text
