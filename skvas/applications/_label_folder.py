"""A folder of labels: which model they are of, and which features they were made of."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from skvas._atomic import (
    create_atomically,
    is_leftover,
    naming_file,
    read_bytes,
    write_atomically,
)
from skvas.exceptions import InvalidParameterError

try:
    import fcntl
except ImportError:  # on Windows
    fcntl = None  # type: ignore[assignment]

_OTHERS = (
    "another model, of another frame rate, of recordings that were read otherwise, or "
    "with other names"
)
# When features were last changed, in nanoseconds, and their bytes.
Version = tuple[int, int]


class OtherLabelsError(InvalidParameterError):
    """A folder has labels that are not to be mixed with those of a model."""

    def __init__(self, found: str, *, may_replace: bool = True) -> None:
        self.found = found
        self.may_replace = may_replace
        again = ", or label again by overwrite=True" if may_replace else ""
        super().__init__(f"out_dir has {found}; name another out_dir{again}.")

    def __reduce__(self) -> Any:
        return partial(type(self), may_replace=self.may_replace), (self.found,)


def version_of(path: Path) -> Version | None:
    """Return what changes whenever a file does, None where there is none.

    Parameters
    ----------
    path : Path
        The file.
    """
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


@dataclass(frozen=True)
class _Note:
    """By whom a file of labels was made, when, and of which features."""

    owner: str
    written: int
    features: Version


@dataclass(frozen=True)
class LabelFolder:
    """A folder of labels in one format, all of one origin.

    A hidden file, the mark, names the origin. Another one has a line for each file of
    labels that was written.

    Parameters
    ----------
    path : Path
        The folder; it need not exist.
    format : str
        Format of the labels.
    origin : dict of str to object
        What the labels depend on beside the features, in plain JSON.
    """

    path: Path
    format: str
    origin: Mapping[str, Any]

    def claim(self, targets: Iterable[Path], *, overwrite: bool) -> FormerLabels:
        """Mark the folder as that of this origin, and refuse to mix labels.

        Parameters
        ----------
        targets : iterable of Path
            Where labels are to be written.
        overwrite : bool
            Whether to take the folder over from another origin.

        Returns
        -------
        FormerLabels
            What is known of the labels that are there.

        Raises
        ------
        OtherLabelsError
            If there are labels of another origin, or a call is at work on some.
        """
        # Before the mark, which is older than the labels that it is for.
        there = [str(target) for target in targets if os.path.exists(target)]
        while (mark := self._read_mark()) is None:
            if there:  # perhaps somebody's own labels
                what = f"{there[0]!r}, which skvas has not written"
                raise OtherLabelsError(what, may_replace=False)
            if self._create_mark():
                return self._former({})
        origin, listed = mark
        if origin == self.origin:
            return self._former(json.loads(listed or "{}"))
        if not overwrite and (any(self._labels()) or self._is_at_work()):
            raise self._refusal()
        others = self._find_written()
        lines = [self._line, json.dumps(others)] if others else [self._line]
        write_atomically(self._mark, "\n".join(lines).encode())
        return self._former(others)

    def confirm(self) -> None:
        """Refuse to go on in a folder that another origin has taken over.

        Raises
        ------
        OtherLabelsError
            If it has.
        """
        while (mark := self._read_mark()) is None:  # somebody has removed it
            self._create_mark()
        if mark[0] != self.origin:
            raise self._refusal()

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Keep other origins away as long as there are no labels that would.

        Where files cannot be locked, `confirm` ends the call that was there first. The
        mark is then not held open: Windows would let no other call replace it.
        """
        if fcntl is None:
            yield
            return
        with naming_file(self._mark, "read"):
            mark = open(self._mark, "rb")  # noqa: SIM115
        with mark:
            with suppress(OSError):
                fcntl.flock(mark, fcntl.LOCK_SH)
            yield

    def note(self, target: Path, features: Version | None) -> None:
        """Note of which features the labels in a file were made.

        Parameters
        ----------
        target : Path
            The file of labels, written.
        features : tuple of two int or None
            What `version_of` returned before they were read.
        """
        written = version_of(target)
        if features is None or written is None:
            return
        line = json.dumps([self._name(target), self._owner, written[0], *features])
        # All at once, and after what another process may have left of its line. Where
        # it cannot be written, times tell what is older.
        with suppress(OSError), open(self._notes, "ab", buffering=0) as file:
            file.write(f"\n{line}\n".encode())

    @property
    def _mark(self) -> Path:
        return self.path / f".skvas-{self.format}"

    @property
    def _notes(self) -> Path:
        return self.path / f".skvas-{self.format}.notes"

    @property
    def _line(self) -> str:
        return json.dumps(self.origin)

    @property
    def _owner(self) -> str:
        return hashlib.sha256(self._line.encode()).hexdigest()[:16]

    def _name(self, file: Path) -> str:
        return file.relative_to(self.path).as_posix()

    def _create_mark(self) -> bool:
        with naming_file(self.path, "made"):
            self.path.mkdir(parents=True, exist_ok=True)
        return create_atomically(self._mark, self._line.encode())

    def _read_mark(self) -> tuple[Any, str] | None:
        """Return whose labels are in the folder, and a list of those that are others'.

        None if nobody has marked it.
        """
        try:
            text = read_bytes(self._mark).decode(errors="replace")
        except FileNotFoundError:
            return None
        origin, _, listed = text.partition("\n")
        with suppress(ValueError):  # as text, a damaged one is that of nobody
            return json.loads(origin), listed
        return origin, listed

    def _is_at_work(self) -> bool:
        """Tell whether a call is known to be at work in the folder."""
        if fcntl is None:
            return False
        try:
            with open(self._mark, "r+b") as mark:
                fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            return isinstance(error, BlockingIOError)
        return False

    def _refusal(self) -> OtherLabelsError:
        if any(self._labels()):
            return OtherLabelsError(f"labels of {_OTHERS}")
        return OtherLabelsError(f"a call at work that makes labels of {_OTHERS}")

    def _labels(self) -> Iterator[Path]:
        for file in self.path.rglob(f"*.{self.format}"):
            if not is_leftover(file.name):
                yield file

    def _find_written(self) -> dict[str, int]:
        """Return when each file of labels was written."""
        found = {self._name(file): version_of(file) for file in self._labels()}
        # Without those that another process has just replaced.
        return {name: version[0] for name, version in found.items() if version}

    def _former(self, others: Mapping[str, int]) -> FormerLabels:
        return FormerLabels(self.path, self._owner, others, self._read_notes())

    def _read_notes(self) -> dict[str, _Note]:
        """Return the last note of each file of labels, without what is damaged."""
        try:
            lines = self._notes.read_bytes().splitlines()
        except OSError:
            return {}
        notes = {}
        for line in lines:
            with suppress(ValueError, TypeError):
                name, owner, written, *features = json.loads(line)
                notes[name] = _Note(owner, written, tuple(features))
        return notes


@dataclass(frozen=True)
class FormerLabels:
    """The labels that are in a folder when a call begins.

    Parameters
    ----------
    path : Path
        The folder.
    owner : str
        Of which origin the labels shall be.
    others : dict of str to int
        Labels of other origins, and when they were written: once one is replaced, it is
        younger.
    notes : dict of str to _Note
        What was noted of them.
    """

    path: Path
    owner: str
    others: Mapping[str, int]
    notes: Mapping[str, _Note]

    def has(self, target: Path, path: Path) -> bool:
        """Tell whether there are labels of the origin, of the features as they are.

        Parameters
        ----------
        target, path : Path
            The files of the labels and of the features.
        """
        made, features = version_of(target), version_of(path)
        if made is None or features is None:  # whoever labels it tells what is wrong
            return False
        name = target.relative_to(self.path).as_posix()
        note = self.notes.get(name)
        if note is not None and note.written == made[0]:
            return note.owner == self.owner and note.features == features
        # Of an older version of skvas, or copied.
        return made[0] >= features[0] and made[0] != self.others.get(name)
