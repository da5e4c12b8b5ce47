from __future__ import annotations

import numpy as np
import pytest

from skvas.exceptions import ModelFileError
from skvas.videos._stored import (
    check_array,
    check_count,
    check_probabilities,
    check_type,
)

ROWS = np.array([[0.25, 0.75], [1.0, 0.0]])


@pytest.mark.parametrize("shape", [(2, 2), (None, 2), (2, None)])
@pytest.mark.parametrize("kind", [np.floating, np.float64])
def test_array_of_the_shape_and_type_is_returned(shape, kind):
    assert check_array("it", ROWS, shape, kind, low=0) is ROWS


@pytest.mark.parametrize(
    ("value", "options", "message"),
    [
        (ROWS.tolist(), {}, "it is no array of type floating"),
        (ROWS.astype(int), {}, "it is no array of type floating"),
        (ROWS, {"kind": np.float32}, "it is no array of type float32"),
        (ROWS, {"kind": np.bool_}, "it is no array of type bool"),
        (ROWS[0], {}, r"it has shape \(2,\), expected \(2, None\)"),
        (ROWS[:1], {}, r"it has shape \(1, 2\), expected \(2, None\)"),
        (ROWS[:, :0], {}, r"it has shape \(2, 0\)"),
        (ROWS, {"fewest": 3}, r"it has shape \(2, 2\)"),
        (ROWS, {"low": 0.1}, "it has numbers out of range"),
        (ROWS * np.nan, {}, "it has numbers out of range"),
        (ROWS + np.inf, {}, "it has numbers out of range"),
    ],
)
def test_other_arrays_are_refused(value, options, message):
    with pytest.raises(ModelFileError, match=message):
        check_array("it", value, (2, None), **options)


def test_empty_arrays_are_taken_where_they_may_be():
    assert check_array("it", ROWS[:, :0], (2, None), fewest=0).shape == (2, 0)


def test_probabilities_are_rows_that_sum_to_1():
    assert check_probabilities("it", ROWS, (2, 2)) is ROWS
    assert check_probabilities("it", ROWS[0].astype(np.float32), (2,)).shape == (2,)
    for rows in (ROWS * 1.01, ROWS * [[1.0], [-1.0]], ROWS + [[-1.0, 1.0]]):
        with pytest.raises(ModelFileError, match="^it has"):
            check_probabilities("it", rows, (2, 2))


@pytest.mark.parametrize(("value", "kind"), [(True, int), (1, float), (1, bool)])
def test_types_are_exact(value, kind):
    assert check_type("it", kind(value), kind) == value
    with pytest.raises(ModelFileError, match=f"it is no {kind.__name__}"):
        check_type("it", value, kind)


@pytest.mark.parametrize("value", [-1, True, 1.0, "1", None])
def test_counts_are_integers_from_0(value):
    assert check_count("it", 0) == 0
    with pytest.raises(ModelFileError, match="^it is"):
        check_count("it", value)
