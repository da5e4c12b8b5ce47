"""Files that are written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

__all__ = ["naming_file", "read_bytes", "replacing", "write_atomically"]


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

    Examples
    --------
    >>> from skvas._atomic import read_bytes
    >>> read_bytes("no/such/file")
    Traceback (most recent call last):
        ...
    FileNotFoundError: [Errno 2] could not be read: No such file ...: 'no/such/file'
    """
    with naming_file(path, "read"):
        return Path(path).read_bytes()


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Write a file under another name, and put it in its place once it is whole.

    Whoever reads `path` sees the old file or the new one, also after a crash. If the
    block fails, the old file is left as it was.

    Parameters
    ----------
    path : str or path-like
        Where the file shall be. A link is followed, its target replaced.

    Yields
    ------
    Path
        An empty file in the same folder, with the same suffix, for the block to write.

    Raises
    ------
    OSError
        If anything cannot be written; it names `path`.

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
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".{secrets.token_hex(8)}.tmp{target.suffix[:32]}")
    with naming_file(path, "written", temporary=temporary):
        if target.is_dir():
            raise IsADirectoryError(21, "Is a directory")
        # Made by hand, for the permissions that the user's umask gives a new file.
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        try:
            yield temporary
            _flush(temporary)
            os.replace(temporary, target)
        finally:
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


def _flush(path: Path) -> None:
    """Have the operating system put a file on the disk, before it gets its name."""
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
