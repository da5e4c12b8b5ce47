from __future__ import annotations

import contextlib
import io
import os
import pickle
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_array_equal

from skvas.datasets._pickled import read_pickled_object


def header(shape=(), descr="|O"):
    """Return the beginning of a .npy file."""
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        stream, {"descr": descr, "fortran_order": False, "shape": shape}
    )
    return stream.getvalue()


def write(path, content):
    path.write_bytes(header() + content)
    return path


numbers = hnp.arrays(
    st.sampled_from([np.float32, np.float64, np.int32, np.int64]),
    hnp.array_shapes(min_dims=0, min_side=0, max_side=4),
)
objects = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(numbers, objects, st.booleans())
def test_what_numpy_saved_is_read(tmp_path_factory, array, rest, transpose):
    file = tmp_path_factory.mktemp("data") / "a.npy"
    array = array.T if transpose else array
    item = {"array": array, "rest": rest, "pair": (array, "twice")}
    np.save(file, np.array(item, dtype=object))

    read = read_pickled_object(file)

    assert read["array"].dtype == array.dtype
    assert_array_equal(read["array"], array)
    assert read["rest"] == rest
    assert_array_equal(read["pair"][0], array)


class Calls:
    """An object whose pickle calls a function with arguments."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_no_code_runs(tmp_path, protocol):
    trace = tmp_path / "trace"
    content = pickle.dumps({"X": Calls(os.mkdir, str(trace))}, protocol=protocol)
    pickle.loads(content)  # the attack works on the unguarded reader
    trace.rmdir()
    with pytest.raises(ValueError, match=r"mkdir is refused"):
        read_pickled_object(write(tmp_path / "a.npy", content))
    assert not trace.exists()


@pytest.mark.parametrize(
    "name",
    [
        "builtins eval",
        "builtins getattr",
        "numpy load",
        "numpy core.multiarray._reconstruct",
        "numpy.core.multiarray scalar",
        "numpy.core.multiarray _reconstruct.__globals__",
        "skvas.datasets._pickled read_pickled_object",
        "_codecs decode",
    ],
)
def test_name_that_an_array_does_not_need_is_refused(tmp_path, name):
    module, _, attribute = name.partition(" ")
    content = pickle.PROTO + b"\x04"
    for text in module, attribute:
        content += pickle.SHORT_BINUNICODE + bytes([len(text)]) + text.encode()
    content += pickle.STACK_GLOBAL + pickle.STOP
    with pytest.raises(ValueError, match="is refused"):
        read_pickled_object(write(tmp_path / "a.npy", content))


def array_pickle(shape, descr, order, content):
    """Pickle the parts of an array, whatever they are."""
    kind = Calls(np.dtype, descr, False, True)
    kind.call += ((3, order, None, None, None, -1, -1, 0),)
    array = Calls(np.empty(0).__reduce__()[0], np.ndarray, (0,), b"b")
    array.call += ((1, shape, kind, False, content),)
    return pickle.dumps(array, protocol=2)


def test_parts_of_an_array_are_read(tmp_path):
    content = array_pickle((2,), "i4", "<", struct.pack("<2i", 7, 8))
    read = read_pickled_object(write(tmp_path / "a.npy", content))
    assert read.tolist() == [7, 8]


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        (((3,), "i4", "<", b"12345678"), "shape and content disagree"),
        (((-1, -2), "i4", "<", b"12345678"), "description of an array"),
        (((10**15,), "f8", "<", b"12345678"), "shape and content disagree"),
        ((("2",), "i4", "<", b"12345678"), "description of an array"),
        (((1,), "i4", "<", b"12345"), "buffer size"),
        (((1,), "O8", "|", b"12345678"), "single object"),
        (((), "O8", "|", b"12345678"), "single object"),
        (((1,), "f8", "<", [1]), "not bytes"),
        (((2,), "i4", ">", b"12345678"), "little-endian"),
        (((2,), "V4", "|", b"12345678"), "element type"),
        (((2,), "i4,O8", "|", b"12345678"), "element type"),
    ],
)
def test_malformed_array_is_refused(tmp_path, parts, reason):
    with pytest.raises(ValueError, match=reason):
        read_pickled_object(write(tmp_path / "a.npy", array_pickle(*parts)))


def test_array_of_pointers_cannot_pose_as_numbers(tmp_path):
    # With these flags of the type (none set), NumPy would take the bytes for addresses.
    content = array_pickle((1,), "O8", "|", struct.pack("<q", 12345678))
    with pytest.raises(ValueError, match="single object"):
        read_pickled_object(write(tmp_path / "a.npy", content))


def test_memo_far_beyond_the_file_is_refused(tmp_path):
    content = b"\x80\x02" + pickle.NONE + pickle.LONG_BINPUT + b"\xff\xff\xff\x7f."
    with pytest.raises(ValueError, match="out of range"):
        read_pickled_object(write(tmp_path / "a.npy", content))


def test_length_far_beyond_the_file_is_refused(tmp_path):
    content = b"\x80\x04" + pickle.BINBYTES8 + struct.pack("<Q", 2**40) + b"ab."
    with pytest.raises(ValueError, match="not a readable"):
        read_pickled_object(write(tmp_path / "a.npy", content))


def test_item_that_occurs_often_is_read_once(tmp_path):
    item = [1]
    for _ in range(60):  # 2 ** 60 items if each occurrence were copied
        item = [item, item]
    read = read_pickled_object(write(tmp_path / "a.npy", pickle.dumps(item)))
    assert read[0] is read[1]


def test_item_that_holds_itself_is_refused(tmp_path):
    item = []
    item.append(item)
    with pytest.raises(ValueError, match="recursion"):
        read_pickled_object(write(tmp_path / "a.npy", pickle.dumps(item)))


def test_reference_to_another_file_is_refused(tmp_path):
    content = b"Psomewhere\n."
    with pytest.raises(ValueError, match="other files"):
        read_pickled_object(write(tmp_path / "a.npy", content))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"junk",
        pickle.dumps([1]),
        b"\x93NUMPY\x09\x00",
        b"\x93NUMPY\x03\x00" + header()[8:] + pickle.dumps([1]),
        header((1,)) + pickle.dumps([1]),
        header((), "<f8") + bytes(8),
        header(),
        header() + pickle.dumps([1])[:-1],
    ],
)
def test_file_of_another_kind_is_refused(tmp_path, content):
    file = tmp_path / "a.npy"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.npy' is not a readable pickled array"):
        read_pickled_object(file)


@given(st.data())
def test_damaged_file_is_read_or_refused(tmp_path_factory, data):
    item = {"X": [np.arange(3.0), np.arange(4)], "names": ["a", "b"]}
    content = bytearray(header() + pickle.dumps(np.array(item, object), protocol=2))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] = data.draw(st.integers(0, 255))
    file = tmp_path_factory.mktemp("data") / "a.npy"
    file.write_bytes(content)
    with contextlib.suppress(ValueError):  # any other error fails
        read_pickled_object(file)
