"""scikit-learn's own checks, on one video of two axes."""

from __future__ import annotations

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from skvas import Timeline, VideoAligner
from tests.models import SEGMENTERS, quick

SEQUENCE = (
    "the frames of a video are an ordered sequence: what a frame is depends on its "
    "neighbours and on its place among them"
)
EXPECTED_FAILURES = {
    "check_methods_sample_order_invariance": SEQUENCE,
    "check_methods_subset_invariance": SEQUENCE,
}

# The check draws frames from three places in any order.
ONE_CUT = {"check_clustering": "a lone video is cut into contiguous actions"}


def expected_failures(estimator):
    more = ONE_CUT if isinstance(estimator, Timeline) else {}
    return EXPECTED_FAILURES | more


# As many actions as the most labels that a check has.
CHECKED = [
    *(quick(cls, random_state=None, n_actions=4) for cls in SEGMENTERS),
    quick(VideoAligner, random_state=None),
    Timeline(2),
]


# An expected failure that passes is an error: `xfail_strict` in pyproject.toml.
# Some checks pass very few frames.
@pytest.mark.filterwarnings("ignore::skvas.exceptions.RadiusWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@parametrize_with_checks(
    CHECKED,
    expected_failed_checks=expected_failures,
)
def test_scikit_learn_check_passes(estimator, check):
    check(estimator)
