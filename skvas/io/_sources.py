"""Where recordings lie: which files a folder has, and what it has beside them."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from skvas._atomic import in_order
from skvas.io._corrections import is_corrections
from skvas.validation import VIDEO_SUFFIXES

_DOCUMENTS = {".md", ".rst", ".pdf", ".doc", ".docx", ".html", ".htm"}
_SCRIPTS = {".py", ".ipynb", ".m", ".r", ".sh"}
_SETTINGS = {".ini", ".cfg", ".toml", ".yaml", ".yml", ".db"}
_PICTURES = {".png", ".jpg", ".jpeg", ".svg", ".gif"}
_SOUNDS = {".wav", ".mp3", ".m4a", ".flac"}
_LABELS = {".eaf", ".pfsx", ".textgrid", ".srt", ".vtt", ".json"}
_MODELS = {".model", ".ckpt", ".pickle", ".pkl"}
_ARRAYS = {".npy", ".npz", ".h5", ".hdf5", ".slp", ".c3d"}
# What may lie beside recordings without being one that was forgotten.
_BESIDE = _DOCUMENTS | _SCRIPTS | _SETTINGS | _PICTURES | _SOUNDS
_BESIDE |= {*VIDEO_SUFFIXES} | _LABELS | _MODELS | _ARRAYS
_TITLES = ("README", "LICENSE", "LICENCE", "COPYING", "CHANGELOG")


def list_sources(source: Any, suffixes: Sequence[str], what: str) -> dict[str, Any]:
    """Return recordings by name: files of a folder, or what a list or a dict holds.

    Parameters
    ----------
    source : path, data frame, or a collection of them
        What the user passed.
    suffixes : sequence of str
        The files of a folder that are taken.
    what : str
        What is looked for, for messages.

    Returns
    -------
    dict of str to object
        In the order of names in a folder, else in the order given.
    """
    if isinstance(source, Mapping) and not hasattr(source, "columns"):
        if not source:
            raise ValueError(f"There are no {what} to read: the dict is empty.")
        return {str(name): item for name, item in source.items()}
    if isinstance(source, (str, os.PathLike)):
        path = Path(source)
        if not path.exists():
            raise FileNotFoundError(f"There is no file or folder {str(path)!r}.")
        files = [path]
        if path.is_dir():
            files = without_twins(recordings_in(path, suffixes))
            if not files:
                raise FileNotFoundError(
                    f"{str(path)!r} has no {what}: no file that ends in "
                    f"{', '.join(suffixes)}."
                )
        source = files
    items = list(source) if isinstance(source, (list, tuple)) else [source]
    if not items:
        raise ValueError(f"There are no {what} to read: the list is empty.")
    found: dict[str, Any] = {}
    for index, item in enumerate(items):
        is_path = isinstance(item, (str, os.PathLike))
        name = Path(item).stem if is_path else f"recording {index}"
        if name in found:
            raise two_of_one_name(name, found[name], item)
        found[name] = item
    return found


def two_of_one_name(name: str, one: Any, other: Any) -> ValueError:
    """Return the error of two recordings that are called the same.

    Parameters
    ----------
    name : str
        What they are called.
    one, other : object
        The files, or what else they are read from.
    """
    files = [str(item) for item in (one, other) if isinstance(item, (str, os.PathLike))]
    of = f": {files[0]!r} and {files[1]!r}" if len(files) == 2 else ""
    return ValueError(
        f"Two recordings are called {name!r}{of}; move one elsewhere, or pass a dict "
        "of names and files."
    )


def is_recording(file: Path, suffixes: Collection[str]) -> bool:
    """Tell whether a file of a folder is read, by its name; corrections are not."""
    if file.name.startswith(".") or file.suffix.lower() not in suffixes:
        return False
    return not is_corrections(file)


def recordings_in(folder: Path, suffixes: Collection[str]) -> list[Path]:
    """Return the files of a folder that can be read, in the order of their names."""
    return in_order(path for path in folder.iterdir() if is_recording(path, suffixes))


def without_twins(files: Sequence[Path]) -> list[Path]:
    """Leave out tables beside which a tracker wrote the same in HDF5."""
    every = {*files}
    return [path for path in files if not _is_twin(path, every)]


def name_twins(source: Any, suffixes: Sequence[str]) -> list[str]:
    """Name the tables of a folder that are left out, as the same is there in HDF5.

    Parameters
    ----------
    source : object
        What the user passed; nothing is said of what is no folder.
    suffixes : sequence of str
        The files that are read.

    Returns
    -------
    list of str
        One note, or none.
    """
    if not isinstance(source, (str, os.PathLike)) or not Path(source).is_dir():
        return []
    files = recordings_in(Path(source), suffixes)
    every = {*files}
    twins = [path.name for path in files if _is_twin(path, every)]
    if not twins:
        return []
    told = ", ".join([*twins[:3], *(["..."] if len(twins) > 3 else [])])
    return [f"passed over, beside .h5 files of the same names: {told}"]


def _is_twin(path: Path, files: Collection[Path]) -> bool:
    return path.suffix.lower() == ".csv" and path.with_suffix(".h5") in files


def name_passed_over(source: Any, suffixes: Sequence[str]) -> list[str]:
    """Name what a folder holds beside the recordings that are read of it.

    Parameters
    ----------
    source : object
        What the user passed; nothing is said of what is no folder.
    suffixes : sequence of str
        The files that are read.

    Returns
    -------
    list of str
        One note, or none.
    """
    if not isinstance(source, (str, os.PathLike)) or not Path(source).is_dir():
        return []
    files: list[str] = []
    folders: list[str] = []
    for path in _visible(Path(source)):
        suffix = path.suffix.lower()
        if path.is_dir():
            if any(file.suffix.lower() in suffixes for file in _visible(path)):
                folders.append(path.name)
        elif suffix not in {*suffixes, *_BESIDE} and path.stem not in _TITLES:
            files.append(path.name)
    kinds = (("file", " of another kind", files), ("folder", " with tables", folders))
    parts = [
        f"{len(names)} {what}{'s' if len(names) > 1 else ''}{kind} "
        f"({', '.join([*names[:3], *(['...'] if len(names) > 3 else [])])})"
        for what, kind, names in kinds
        if names
    ]
    return [f"passed over: {', '.join(parts)}"] if parts else []


def _visible(folder: Path) -> list[Path]:
    if not os.access(folder, os.R_OK | os.X_OK):
        return []
    return in_order(path for path in folder.iterdir() if not path.name.startswith("."))
