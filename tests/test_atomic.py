"""Files are written whole or not at all, and errors name them."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from skvas._atomic import naming_file, read_bytes, replacing, write_atomically


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
