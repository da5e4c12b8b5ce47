"""Files of arrays: whatever is damaged in them is one error."""

from __future__ import annotations

import numpy as np
import pytest

from skvas.exceptions import ModelFileError
from skvas.persistence._arrays import read_arrays, write_arrays

ARRAYS = {"a": np.arange(6.0).reshape(2, 3), "b": np.array([True, False])}


@pytest.fixture
def file(tmp_path):
    write_arrays(tmp_path / "m", ARRAYS, {"text": "x"})
    return tmp_path / "m"


def test_row_45_changed_byte_is_one_error(file):
    data = file.read_bytes()
    for place in range(len(data)):
        changed = bytearray(data)
        changed[place] ^= 0x81
        file.write_bytes(changed)
        with pytest.raises(ModelFileError):
            read_arrays(file)
        file.write_bytes(data[:place])
        with pytest.raises(ModelFileError):
            read_arrays(file)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"[2,3]", b"[" + b"1" * 5000 + b"]"),
        (b"[2,3]", b"[1e400,3]"),
        (b'"x"', b'"\\ud800"'),
        (b'"x"', b'"\xff"'),
    ],
)
def test_row_45_odd_header_is_one_error(file, old, new):
    data = file.read_bytes()
    n_bytes = int.from_bytes(data[:8], "little")
    header = data[8 : 8 + n_bytes].replace(old, new)
    file.write_bytes(len(header).to_bytes(8, "little") + header + data[8 + n_bytes :])
    with pytest.raises(ModelFileError):
        read_arrays(file)


def test_row_45_digest_of_half_characters_is_one_error(file):
    data = file.read_bytes()
    start = data.index(b'"sha256":"') + 10
    header = data[8:start] + b"\\ud800" * 64
    header += data[start + 64 : 8 + int.from_bytes(data[:8], "little")]
    file.write_bytes(len(header).to_bytes(8, "little") + header)
    with pytest.raises(ModelFileError, match="digest|put"):
        read_arrays(file)
