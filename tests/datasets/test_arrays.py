"""Files of arrays: read whole, or refused by one error that names them."""

from __future__ import annotations

import contextlib
import os
import re

import numpy as np
import pytest

from skvas.datasets import load_folder
from skvas.datasets._arrays import read_array

ARRAY = np.arange(24, dtype=np.float32).reshape(6, 4)


def with_header(text):
    header = text.encode("latin1")
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    return (
        b"\x93NUMPY\x01\x00"
        + len(header).to_bytes(2, "little")
        + header
        + ARRAY.tobytes()
    )


def header(shape, descr="'<f4'"):
    return f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}"


def refused(file, reason=""):
    pattern = (
        rf"{re.escape(file.name)}' (?:is not a readable array|must hold).*{reason}"
    )
    with pytest.raises(ValueError, match=pattern):
        read_array(file, 2)


@pytest.mark.parametrize(
    "array",
    [
        ARRAY,
        np.asfortranarray(ARRAY),
        ARRAY.astype(">f8"),
        ARRAY.astype(np.int16),
        ARRAY > 3,
        ARRAY[:0],
    ],
)
def test_array_comes_back(tmp_path, array):
    np.save(tmp_path / "a.npy", array)
    found = read_array(tmp_path / "a.npy", 2)
    assert found.dtype == array.dtype
    np.testing.assert_array_equal(found, array)


def test_array_is_known_by_its_content(tmp_path):
    with (tmp_path / "a.txt").open("wb") as stream:
        np.save(stream, ARRAY)
    np.testing.assert_array_equal(read_array(tmp_path / "a.txt", 2), ARRAY)


def test_mark_of_byte_order_before_numbers_is_read(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbf1 2\n3 4\n")
    assert read_array(tmp_path / "a.txt", 2).tolist() == [[1, 2], [3, 4]]


def test_long_header_of_version_2_is_read(tmp_path):
    with (tmp_path / "a.npy").open("wb") as stream:
        np.lib.format.write_array(stream, ARRAY, version=(2, 0))
    np.testing.assert_array_equal(read_array(tmp_path / "a.npy", 2), ARRAY)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (header("(6, 4)").replace("}", "'"), ""),
        (header("(6, 4"), ""),
        (header("(True, 4)"), "impossible shape"),
        (header("(-6, -4)"), "impossible shape"),
        (header("(6, 3)"), "has 72 bytes, and there are 96"),
        (header("(6, 5)"), "has 120 bytes, and there are 96"),
        (header("(1000000, 1000000)"), "there are 96"),
        (header("(2305843009213693952, 8)"), "there are 96"),
        (header("(24,)"), r"2 axes, got shape \(24,\)"),
        (header("(6, 4)", "'|O'"), "type object"),
        (header("(6, 4)", "'<c8'"), "type complex64"),
        (header("(6, 4)", "[('x', '<f4')]"), ""),
        ("-" * 9000, ""),
        ("[" * 9000, ""),
    ],
)
def test_row_56_header_that_is_not_true_is_refused(tmp_path, text, reason):
    (tmp_path / "a.npy").write_bytes(with_header(text))
    refused(tmp_path / "a.npy", reason)


def test_row_56_array_cut_short_or_continued_is_refused(tmp_path):
    np.save(tmp_path / "a.npy", ARRAY)
    data = (tmp_path / "a.npy").read_bytes()
    for end in range(len(data)):
        (tmp_path / "a.npy").write_bytes(data[:end])
        refused(tmp_path / "a.npy")
    (tmp_path / "a.npy").write_bytes(data + b"\0")
    refused(tmp_path / "a.npy", "there are 97")


def test_row_56_changed_byte_of_a_header_never_changes_the_shape(tmp_path):
    np.save(tmp_path / "a.npy", ARRAY)
    data = bytearray((tmp_path / "a.npy").read_bytes())
    rng = np.random.RandomState(0)
    for place, byte in rng.randint((128, 256), size=(500, 2)):
        changed = bytearray(data)
        changed[place] = byte
        (tmp_path / "a.npy").write_bytes(changed)
        with contextlib.suppress(ValueError):
            assert read_array(tmp_path / "a.npy", 2).shape == ARRAY.shape


def test_row_56_pipe_is_refused_and_not_waited_for(tmp_path):
    if not hasattr(os, "mkfifo"):
        pytest.skip("this system has no pipes with names")
    (tmp_path / "features").mkdir()
    os.mkfifo(tmp_path / "features" / "a.npy")
    with pytest.raises(OSError, match="no regular file") as caught:
        load_folder(tmp_path)
    assert caught.value.filename == str(tmp_path / "features" / "a.npy")
