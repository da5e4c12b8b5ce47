"""Windows: a file that is open or mapped can be neither removed nor replaced."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# Linux tells which files a process has open, and which it has mapped.
OPEN, MAPPED = Path("/proc/self/fd"), Path("/proc/self/maps")


def hold_files(monkeypatch) -> None:
    """Refuse to remove and to replace what this process holds, as Windows does."""
    if not MAPPED.exists():
        pytest.skip("only Linux tells which files are held")
    for name in ("unlink", "remove", "rename", "replace"):
        monkeypatch.setattr(os, name, _refusing(getattr(os, name)))


def _refusing(function):
    def refuse(*paths, dir_fd=None, **options):
        folder = "" if dir_fd is None else os.readlink(OPEN / str(dir_fd))
        for path in paths:
            name = os.path.realpath(os.path.join(folder, os.fsdecode(path)))
            if os.path.isfile(name) and name in _held():
                raise PermissionError(13, "The file is used by a process", name)
        if dir_fd is not None:
            options["dir_fd"] = dir_fd
        return function(*paths, **options)

    return refuse


def _held():
    """Return the files that this process has open or mapped."""
    links = [OPEN / name for name in os.listdir(OPEN)]
    found = {os.readlink(link) for link in links if link.is_symlink()}
    lines = MAPPED.read_text(encoding="utf-8").splitlines()
    fields = [line.split(None, 5) for line in lines]
    return found | {row[5] for row in fields if len(row) == 6}
