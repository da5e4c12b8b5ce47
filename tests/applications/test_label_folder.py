"""What is said of a folder that has labels of another origin."""

from __future__ import annotations

import pickle

import pytest

from skvas.applications._label_folder import OtherLabelsError


@pytest.mark.parametrize("may_replace", [True, False])
def test_error_of_a_worker_reads_as_it_was(may_replace):
    error = OtherLabelsError("labels of another model", may_replace=may_replace)
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == str(error)
    assert (again.found, again.may_replace) == (error.found, may_replace)
