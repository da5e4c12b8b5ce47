"""Files are written whole or not at all, and errors name them."""

from __future__ import annotations

import errno
import os
import socket
import stat
from pathlib import Path

import pytest

from skvas import _atomic
from skvas._atomic import (
    check_replaceable,
    create_atomically,
    find_twins,
    identity,
    is_leftover,
    naming_file,
    read_bytes,
    replacing,
    write_atomically,
)

posix = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="a matter of POSIX")


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_file_is_written_and_nothing_else_left(tmp_path):
    write_atomically(tmp_path / "a.csv", b"one")
    write_atomically(tmp_path / "a.csv", b"two")
    assert (tmp_path / "a.csv").read_bytes() == b"two"
    assert os.listdir(tmp_path) == ["a.csv"]


def test_failed_block_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"old")

    def fail_halfway():
        with replacing(path) as temporary:
            temporary.write_bytes(b"half")
            raise KeyError("stop")

    with pytest.raises(KeyError, match="stop"):
        fail_halfway()
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.csv"]


def test_row_41_full_disk_names_the_file_and_leaves_the_old_one(tmp_path, monkeypatch):
    path = tmp_path / "a.csv"
    path.write_bytes(b"old")

    def full(self, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match=r"No space left.*a\.csv") as caught:
        write_atomically(path, b"new")
    assert caught.value.errno == errno.ENOSPC
    assert caught.value.filename == str(path)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.csv"]


def test_row_41_interrupted_rename_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.csv"
    path.write_bytes(b"old")

    def interrupt(source, target):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.csv"]


@pytest.mark.parametrize("name", ["missing/a.csv", "folder"])
def test_row_41_error_names_the_file_that_cannot_be_written(tmp_path, name):
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="could not be written") as caught:
        write_atomically(tmp_path / name, b"new")
    assert caught.value.filename == str(tmp_path / name)
    assert os.listdir(tmp_path) == ["folder"]


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere"
)
def test_row_41_read_only_folder_is_a_permission_error(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(PermissionError, match="written") as caught:
        write_atomically(tmp_path / "a.csv", b"new")
    assert caught.value.filename == str(tmp_path / "a.csv")


def test_link_stays_a_link(tmp_path):
    (tmp_path / "there").mkdir()
    target, link = tmp_path / "there" / "a.csv", tmp_path / "b.csv"
    target.write_bytes(b"old")
    link.symlink_to(target)
    write_atomically(link, b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"


def test_permissions_are_those_of_any_new_file(tmp_path):
    write_atomically(tmp_path / "a", b"")
    (tmp_path / "b").write_bytes(b"")
    modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in "ab"}
    assert len(modes) == 1


@posix
@pytest.mark.parametrize("permissions", [0o600, 0o640, 0o666, 0o755])
def test_row_57_permissions_of_the_old_file_are_kept(tmp_path, permissions):
    path = tmp_path / "a.csv"
    path.write_bytes(b"old")
    path.chmod(permissions)
    with replacing(path) as temporary:
        temporary.write_bytes(b"new")
        assert mode(temporary) == 0o600
    assert path.read_bytes() == b"new"
    assert mode(path) == permissions


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="root alone gives away"
)
def test_row_57_owner_of_the_old_file_is_kept(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"old")
    os.chown(path, 12345, 12346)
    write_atomically(path, b"new")
    assert (path.stat().st_uid, path.stat().st_gid) == (12345, 12346)


def test_files_are_replaced_where_none_can_be_given_away(tmp_path, monkeypatch):
    monkeypatch.delattr(os, "fchown", raising=False)  # Windows has os.fchmod alone
    path = tmp_path / "a.csv"
    path.write_bytes(b"old")
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"


def in_use(path, code=32):
    """Return what Windows raises of a file that another program holds."""
    error = PermissionError(errno.EACCES, "The file is used by a process", str(path))
    error.winerror = code
    return error


@pytest.mark.parametrize("code", [5, 32])
def test_file_in_use_for_an_instant_is_replaced(tmp_path, monkeypatch, code):
    path = tmp_path / "a.csv"
    path.write_bytes(b"old")
    scans, replace = [in_use(path, code)] * 2, os.replace

    def replace_unless_scanned(source, target):
        if scans:
            raise scans.pop()
        replace(source, target)

    monkeypatch.setattr(os, "replace", replace_unless_scanned)
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"


def test_file_in_use_for_long_is_an_error_that_leaves_it(tmp_path, monkeypatch):
    path = tmp_path / "a.csv"
    path.write_bytes(b"old")

    def refuse(source, target):
        raise in_use(path)

    monkeypatch.setattr(os, "replace", refuse)
    monkeypatch.setattr(_atomic, "WAITS", (0.0, 0.0))
    with pytest.raises(PermissionError, match=r"could not be written: .*a\.csv"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.csv"]


def test_files_are_told_apart_on_drives_that_number_none(tmp_path, monkeypatch):
    a, b = tmp_path / "a", tmp_path / "b"
    for path in (a, b):
        path.write_bytes(b"")
    told = Path.stat
    monkeypatch.setattr(
        Path, "stat", lambda path: os.stat_result([0o100644, 0, *told(path)[2:]])
    )
    assert identity(a) != identity(b)
    assert identity(a) == identity(tmp_path / "." / "a")


@posix
@pytest.mark.parametrize("name", ["out", "out/2024", "out/new/2024"])
def test_names_are_twins_in_folders_that_ignore_case(tmp_path, name):
    (tmp_path / "out").mkdir()
    folder = tmp_path / name
    if name == "out/2024":
        folder.mkdir()
    assert find_twins(["Tea", "tea"], folder) is None
    (tmp_path / "OUT").symlink_to(tmp_path / "out")
    assert find_twins(["Tea", "cup", "tea"], folder) == ("Tea", "tea")
    assert find_twins(["Tea", "cup"], folder) is None


@posix
def test_row_57_write_protected_file_is_refused(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"old")
    path.chmod(0o444)
    for write in (check_replaceable, lambda path: write_atomically(path, b"new")):
        with pytest.raises(PermissionError, match="write-protected") as caught:
            write(path)
        assert caught.value.filename == str(path)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.csv"]


@posix
@pytest.mark.parametrize("kind", ["pipe", "socket", "device", "link"])
def test_row_57_what_is_no_regular_file_is_refused_and_stays(tmp_path, kind):
    path = tmp_path / "out"
    if kind == "socket":
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(path))
    elif kind == "device":
        path = Path("/dev/full")  # refused already, should this test be wrong
    else:
        os.mkfifo(tmp_path / "pipe")
        path = tmp_path / "pipe"
    if kind == "link":
        (tmp_path / "out").symlink_to(path)
        path = tmp_path / "out"
    before = path.lstat()
    for write in (check_replaceable, lambda path: write_atomically(path, b"new")):
        with pytest.raises(OSError, match="no regular file") as caught:
            write(path)
        assert caught.value.filename == str(path)
    assert (path.lstat().st_ino, path.lstat().st_mode) == (
        before.st_ino,
        before.st_mode,
    )


@pytest.mark.parametrize("system", ["this one", "Windows"])
def test_folder_in_place_of_a_file_is_told(tmp_path, monkeypatch, system):
    def refuse(path, flags):
        raise PermissionError(errno.EACCES, "Permission denied", path)

    if system == "Windows":
        monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(IsADirectoryError, match="could not be read: Is a directory"):
        read_bytes(tmp_path)


@posix
@pytest.mark.timeout(20)
@pytest.mark.parametrize("kind", ["pipe", "endless device", "socket"])
def test_row_73_what_is_no_regular_file_is_not_read(tmp_path, kind):
    path = tmp_path / "in"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(path))
    else:
        path.symlink_to("/dev/zero")
    with pytest.raises(OSError, match="could not be read") as caught:
        read_bytes(path)
    assert caught.value.filename == str(path)


@posix
def test_row_57_other_name_of_a_file_keeps_the_old_content(tmp_path):
    (tmp_path / "a").write_bytes(b"old")
    os.link(tmp_path / "a", tmp_path / "b")
    write_atomically(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"new"
    assert (tmp_path / "b").read_bytes() == b"old"


def test_row_39_interrupt_as_the_file_is_created_leaves_nothing(tmp_path, monkeypatch):
    def close(descriptor):
        close_file(descriptor)
        raise KeyboardInterrupt

    close_file = os.close
    monkeypatch.setattr(_atomic.os, "close", close)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "a.txt", b"new")
    monkeypatch.undo()
    assert not os.listdir(tmp_path)


def test_check_leaves_nothing(tmp_path):
    check_replaceable(tmp_path / "new")
    assert os.listdir(tmp_path) == []


def test_longest_names_can_be_written(tmp_path):
    name = "a" * 251 + ".csv"
    write_atomically(tmp_path / name, b"new")
    assert os.listdir(tmp_path) == [name]


def test_temporary_file_has_the_suffix_and_the_folder(tmp_path):
    with replacing(tmp_path / "a.mp4") as temporary:
        assert temporary.suffix == ".mp4"
        assert temporary.parent == tmp_path
        assert temporary.read_bytes() == b""


def test_missing_file_is_named_on_reading(tmp_path):
    with pytest.raises(FileNotFoundError, match="could not be read") as caught:
        read_bytes(tmp_path / "a")
    assert caught.value.filename == str(tmp_path / "a")


def test_error_without_a_number_keeps_its_text():
    with pytest.raises(OSError, match="odd"), naming_file("a", "read"):
        raise OSError("odd")


def test_error_about_another_file_keeps_its_name(tmp_path):
    with pytest.raises(FileNotFoundError) as caught, replacing(tmp_path / "a"):
        (tmp_path / "b").read_bytes()
    assert caught.value.filename == str(tmp_path / "b")


def test_error_about_the_temporary_file_names_the_final_one(tmp_path):
    with pytest.raises(FileNotFoundError) as caught, replacing(tmp_path / "a") as file:
        file.rename(tmp_path / "elsewhere")
    assert caught.value.filename == str(tmp_path / "a")


def test_file_is_created_once(tmp_path):
    assert create_atomically(tmp_path / "a.csv", b"one")
    assert not create_atomically(tmp_path / "a.csv", b"two")
    assert (tmp_path / "a.csv").read_bytes() == b"one"
    assert os.listdir(tmp_path) == ["a.csv"]


def test_file_is_created_once_where_files_have_one_name(tmp_path, monkeypatch):
    def refuse(source, target):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    test_file_is_created_once(tmp_path)


def test_row_41_file_that_cannot_be_created_is_named(tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        create_atomically(tmp_path / "none" / "a.csv", b"one")
    assert caught.value.filename == str(tmp_path / "none" / "a.csv")


def test_what_a_kill_leaves_is_known_by_its_name(tmp_path):
    with replacing(tmp_path / "a.csv") as temporary:
        assert is_leftover(temporary.name)
    with replacing(tmp_path / "a") as temporary:
        assert is_leftover(temporary.name)
    assert not is_leftover(".a.tmp.csv")
