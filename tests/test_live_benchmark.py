"""What recordings that go on are compared with."""

import sys

import numpy as np
import pytest

from benchmarks import live


def test_a_rival_that_is_not_installed_has_no_score(monkeypatch):
    monkeypatch.setitem(sys.modules, "hmmlearn.hmm", None)
    videos = [np.zeros((4, 2))]
    with pytest.raises(ImportError, match="hmmlearn"):
        live.hmm_filter(videos, videos, 2, 0)
