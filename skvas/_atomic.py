"""Files that are written whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import stat
import time
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePath
from typing import Any, BinaryIO

__all__ = [
    "check_replaceable",
    "create_atomically",
    "find_twins",
    "in_order",
    "is_leftover",
    "leaves_folder",
    "naming_file",
    "open_regular",
    "read_bytes",
    "replacing",
    "write_atomically",
]

# Seconds to wait before further attempts to replace a file that is in use.
WAITS = (0.01, 0.05, 0.2, 0.5)
# What Windows says of a file in use: access denied, or a violation of sharing.
_IN_USE = {5, 32}
_TEMPORARY = re.compile(r"\.[0-9a-f]{16}\.tmp(\.|$)")


@contextlib.contextmanager
def naming_file(
    path: str | os.PathLike[str], task: str, *, temporary: Path | None = None
) -> Iterator[None]:
    """Let an OSError of a block name the file that it was about.

    Parameters
    ----------
    path : str or path-like
        The file, as the user knows it.
    task : str
        What was being done, such as "written".
    temporary : Path, default=None
        Another name of the file, which the user does not know.

    Raises
    ------
    OSError
        Of the same class and number as the one raised inside, unless that names a
        third file, and then is left as it is.

    Examples
    --------
    >>> import errno
    >>> from skvas._atomic import naming_file
    >>> with naming_file("labels.csv", "written"):
    ...     raise OSError(errno.ENOSPC, "No space left on device")
    Traceback (most recent call last):
        ...
    OSError: [Errno 28] could not be written: No space left on device: 'labels.csv'
    """
    try:
        yield
    except OSError as error:
        if error.filename not in (None, os.fspath(path), temporary, str(temporary)):
            raise
        message = f"could not be {task}: {error.strerror or error}"
        raise OSError(error.errno or 0, message, os.fspath(path)) from error


def read_bytes(path: str | os.PathLike[str]) -> bytes:
    """Read a file; an error names it.

    Parameters
    ----------
    path : str or path-like
        The file.

    Returns
    -------
    bytes
        All of its content.

    Raises
    ------
    OSError
        If it cannot be read or is no regular file.

    Examples
    --------
    >>> from skvas._atomic import read_bytes
    >>> read_bytes("no/such/file")
    Traceback (most recent call last):
        ...
    FileNotFoundError: [Errno 2] could not be read: No such file ...: 'no/such/file'
    """
    with open_regular(path) as stream:
        return stream.read()


@contextlib.contextmanager
def open_regular(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a file for reading; pipes and devices, which may have no end, are refused.

    Parameters
    ----------
    path : str or path-like
        The file.

    Yields
    ------
    BinaryIO
        The file at its start.

    Raises
    ------
    OSError
        If it cannot be read or is no regular file; names it.

    Examples
    --------
    >>> import os
    >>> from skvas._atomic import open_regular
    >>> with open_regular(os.devnull):
    ...     pass
    Traceback (most recent call last):
        ...
    OSError: [Errno 0] could not be read: it is no regular file: ...
    """
    with naming_file(path, "read"), open(path, "rb", opener=_open_at_once) as stream:
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            raise OSError("it is no regular file")
        yield stream


def _open_at_once(path: str, flags: int) -> int:
    """Open a file without waiting for what another process may write into it."""
    try:
        return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
    except PermissionError:  # as Windows says of folders
        if os.path.isdir(path):
            raise IsADirectoryError(errno.EISDIR, "Is a directory", path) from None
        raise


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Write a file under another name, and put it in its place once it is whole.

    Whoever reads `path` sees the old file or the new one, also after a crash. If the
    block fails, the old file is left as it was. The new one has its permissions and,
    where the system allows it, its owner.

    Parameters
    ----------
    path : str or path-like
        Where the file shall be. A symbolic link is followed, its target replaced. Of a
        file with several names (hard links) only this name gets the new content.

    Yields
    ------
    Path
        An empty file in the same folder, with the same suffix, for the block to write.

    Raises
    ------
    OSError
        If anything cannot be written; it names `path`. So it is with what is there and
        is no regular file, such as a device or a pipe, which would be lost, and with a
        file that is write-protected.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from skvas._atomic import replacing
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with replacing(Path(folder, "a.txt")) as temporary:
    ...         _ = temporary.write_text("whole")
    ...     Path(folder, "a.txt").read_text()
    'whole'
    """
    target, temporary = _names(path)
    with naming_file(path, "written", temporary=temporary):
        old = _create(path, target, temporary)
        try:
            yield temporary
            _finish(temporary, old)
            _replace(temporary, target)
        finally:
            temporary.unlink(missing_ok=True)


def check_replaceable(path: str | os.PathLike[str]) -> None:
    """Raise at once what `replacing` would raise after long work.

    Parameters
    ----------
    path : str or path-like
        The file.

    Raises
    ------
    OSError
        If it could not be written; names the file.

    Examples
    --------
    >>> from skvas._atomic import check_replaceable
    >>> check_replaceable("no/such/file")
    Traceback (most recent call last):
        ...
    FileNotFoundError: [Errno 2] could not be written: No such ...: 'no/such/file'
    """
    target, temporary = _names(path)
    with naming_file(path, "written", temporary=temporary):
        _create(path, target, temporary)
        temporary.unlink(missing_ok=True)


def write_atomically(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a file whole or not at all.

    Parameters
    ----------
    path : str or path-like
        The file; replaced if it is there.
    data : bytes
        All of its content.

    Raises
    ------
    OSError
        If it cannot be written; names the file, whose old content is then still there.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from skvas._atomic import write_atomically
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_atomically(Path(folder, "a.txt"), b"whole")
    ...     Path(folder, "a.txt").read_bytes()
    b'whole'
    """
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def create_atomically(path: str | os.PathLike[str], data: bytes) -> bool:
    """Write a file whole, unless one is there.

    Of several processes that try at once one succeeds.

    Parameters
    ----------
    path : str or path-like
        The file.
    data : bytes
        All of its content.

    Returns
    -------
    bool
        Whether it was written; False if it was there.

    Raises
    ------
    OSError
        If it cannot be written; names the file.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from skvas._atomic import create_atomically
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder, "a.txt")
    ...     create_atomically(file, b"first"), create_atomically(file, b"second")
    (True, False)
    """
    target, temporary = _names(path)
    with naming_file(path, "written", temporary=temporary):
        try:
            temporary.write_bytes(data)
            _finish(temporary, None)
            _link(temporary, target)
        except FileExistsError:
            return False
        finally:
            temporary.unlink(missing_ok=True)
    return True


def _link(temporary: Path, target: Path) -> None:
    """Give a file a name that no other has."""
    try:
        os.link(temporary, target)
    except FileExistsError:
        raise
    except OSError:  # some file systems know no second names
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        _replace(temporary, target)


def _replace(temporary: Path, target: Path) -> None:
    """Give a file its name; wait a little where Windows says that one is in use.

    What looks at new files there, such as a virus scanner, holds each for an instant.
    """
    for seconds in WAITS:
        try:
            os.replace(temporary, target)
            return
        except PermissionError as error:
            if getattr(error, "winerror", None) not in _IN_USE:
                raise
        time.sleep(seconds)
    os.replace(temporary, target)


def is_leftover(name: str) -> bool:
    """Tell whether a file is what a kill left of one that was being written.

    Parameters
    ----------
    name : str
        Of the file.

    Examples
    --------
    >>> from skvas._atomic import is_leftover
    >>> is_leftover(".0123456789abcdef.tmp.txt"), is_leftover("a.tmp.txt")
    (True, False)
    """
    return _TEMPORARY.match(name) is not None


def _names(path: str | os.PathLike[str]) -> tuple[Path, Path]:
    """Return the file that is to be replaced, and a name beside it."""
    target = Path(os.path.realpath(path))
    name = f".{secrets.token_hex(8)}.tmp{target.suffix[:32]}"
    return target, target.with_name(name)


def _create(
    path: str | os.PathLike[str], target: Path, temporary: Path
) -> os.stat_result | None:
    """Create the temporary file, and return the status of the old one."""
    try:
        old = os.stat(path)  # not `target`: links of /proc lead to no path
    except FileNotFoundError:
        old = None
    if old is not None:
        if stat.S_ISDIR(old.st_mode):
            raise IsADirectoryError(errno.EISDIR, "Is a directory")
        if not stat.S_ISREG(old.st_mode):
            raise OSError(errno.EINVAL, "it is no regular file")
        # As open() would: that the folder can be written is not enough.
        if not old.st_mode & 0o222 or not os.access(target, os.W_OK):
            raise PermissionError(errno.EACCES, "it is write-protected")
    # Made by hand, for the permissions that the user's umask gives a new file. Until
    # it is whole nobody else may read what will replace a file of some owner.
    mode = 0o666 if old is None else 0o600
    try:
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode))
    except KeyboardInterrupt:  # once it is there
        temporary.unlink(missing_ok=True)
        raise
    return old


def _finish(path: Path, old: os.stat_result | None) -> None:
    """Give a file the old one's permissions, and have it put on the disk.

    That is done before the file gets its name.
    """
    descriptor = os.open(path, os.O_RDWR)
    try:
        if old is not None and hasattr(os, "fchown"):
            # Not all may give files away, and some file systems know no permissions.
            with contextlib.suppress(OSError):
                os.fchown(descriptor, old.st_uid, old.st_gid)
            with contextlib.suppress(OSError):
                os.fchmod(descriptor, old.st_mode & 0o777)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def identity(path: Path) -> Any:
    """Return what is the same for all names of one file.

    Parameters
    ----------
    path : Path
        It need not exist.
    """
    try:
        status = path.stat()
    except OSError:
        return os.path.realpath(path)
    if not status.st_ino:  # some network drives number no files
        return os.path.normcase(os.path.realpath(path))
    return status.st_dev, status.st_ino


def leaves_folder(name: str) -> bool:
    """Tell whether a file of this name would not be in the folder that it is put into.

    Parameters
    ----------
    name : str
        Of a file, or of one in a folder below; names of recordings may be anything.

    Examples
    --------
    >>> from skvas._atomic import leaves_folder
    >>> leaves_folder("day1/tea01"), leaves_folder("../tea01"), leaves_folder("")
    (False, True, True)
    """
    path = PurePath(name)
    return not path.parts or ".." in path.parts or bool(path.anchor)


def in_order(paths: Iterable[Path]) -> list[Path]:
    """Sort paths by their names as all systems do; Windows compares them without case.

    Parameters
    ----------
    paths : iterable of Path
        Such as the files of a folder.

    Examples
    --------
    >>> from pathlib import Path
    >>> from skvas._atomic import in_order
    >>> [path.name for path in in_order([Path("b"), Path("a"), Path("C")])]
    ['C', 'a', 'b']
    """
    return sorted(paths, key=lambda path: path.parts)


def find_twins(names: Iterable[str], folder: Path) -> tuple[str, str] | None:
    """Return two names of files that a folder takes for one, as it ignores case.

    Parameters
    ----------
    names : iterable of str
        Different names of files that are to be written.
    folder : Path
        Where to; it need not exist.

    Returns
    -------
    tuple of two str, or None
        None where files of all names can be there.

    Examples
    --------
    >>> from pathlib import Path
    >>> from skvas._atomic import find_twins
    >>> find_twins(["tea", "coffee"], Path("labels")) is None
    True
    """
    first: dict[str, str] = {}
    for name in names:
        key = unicodedata.normalize("NFC", name).casefold()
        other = first.setdefault(key, name)
        if other != name and _ignores_case(folder):
            return other, name
    return None


def _ignores_case(folder: Path) -> bool:
    """Tell by the folder, or by the one that it will be in."""
    place = folder.resolve()
    for there in (place, *place.parents):
        twin = Path(there.parent, there.name.swapcase())
        if twin.name != there.name and there.exists():
            return twin.exists() and twin.samefile(there)
    return False
