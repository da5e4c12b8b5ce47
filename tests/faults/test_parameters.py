"""Faults, rows 24 to 29: parameters at and beyond their limits."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from skvas import Recordings, VideoAligner, report_html
from skvas.alignment._anchors import check_anchors
from skvas.datasets import make_videos
from skvas.exceptions import ConvergenceWarning, InvalidParameterError
from skvas.io import SegmentTable, TimedSegment
from skvas.validation import check_memory
from tests.models import (
    ALIGNERS,
    ESTIMATORS,
    SEGMENTERS,
    assert_same_state,
    outputs,
    quick,
    shared_out,
    small_videos,
)

VIDEOS = small_videos()
NEW = small_videos(7)[5:]

every = pytest.mark.parametrize("cls", ESTIMATORS)
every_segmenter = pytest.mark.parametrize("cls", SEGMENTERS)


def require_sound(estimator, videos=NEW):
    """Require finite answers, and rows that sum to one."""
    for method, results in outputs(estimator, videos).items():
        for result in results:
            assert np.isfinite(result).all(), method
            if method == "predict_proba":
                np.testing.assert_allclose(result.sum(axis=1), 1, atol=1e-3)
    assert np.isfinite(estimator.score(videos))


def refuses(cls, name, value):
    estimator = quick(cls, **{name: value})
    before = vars(estimator).copy()
    with pytest.raises(InvalidParameterError, match=name):
        estimator.fit(VIDEOS)
    assert_same_state(estimator, before)


@every
@pytest.mark.parametrize("eps", [0, -0.1, np.nan, np.inf, "small", None, True])
def test_row_24_entropy_must_be_positive_and_finite(cls, eps):
    refuses(cls, "eps", eps)


@pytest.mark.parametrize(("cls", "eps"), shared_out([1e-12, 1e-4, 1e4, 1e12]))
def test_row_24_extreme_entropy_gives_finite_answers(cls, eps):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        require_sound(quick(cls, eps=eps, max_epochs=1, features=None).fit(VIDEOS))


@every
@pytest.mark.parametrize("alpha", [-0.01, 1.01, np.nan, "half"])
def test_row_25_weight_of_the_structure_outside_its_range(cls, alpha):
    refuses(cls, "alpha", alpha)


@every
def test_row_25_no_structure_makes_the_radius_irrelevant(cls):
    small, large = (
        outputs(quick(cls, alpha=0.0, radius=radius, features=None).fit(VIDEOS), NEW)
        for radius in (0.05, 0.5)
    )
    for method in small:
        for ours, theirs in zip(small[method], large[method], strict=True):
            np.testing.assert_array_equal(ours, theirs)


@every_segmenter
def test_row_25_structure_alone_makes_the_features_irrelevant(cls):
    estimator = quick(
        cls, alpha=1.0, rho=0.0, segment_on="embedding", decoder="plan"
    ).fit(VIDEOS)
    require_sound(estimator)
    length = min(map(len, NEW))
    ours, theirs = estimator.predict_proba([video[:length] for video in NEW])
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_row_25_structure_alone_aligns_soundly():
    for cls in ALIGNERS:
        require_sound(quick(cls, alpha=1.0).fit(VIDEOS))


@every_segmenter
@pytest.mark.parametrize("n_actions", [0, -1, 2.5, "3", True, np.nan])
def test_row_26_number_of_actions_must_be_a_positive_integer(cls, n_actions):
    refuses(cls, "n_actions", n_actions)


@every_segmenter
@pytest.mark.parametrize("start", ["time", "kmeans", "random"])
def test_row_26_one_action_takes_all_frames(cls, start):
    estimator = quick(cls, n_actions=1, start=start).fit(VIDEOS)
    require_sound(estimator)
    assert all((labels == 0).all() for labels in estimator.labels_)


# scikit-learn before 1.8 finds it odd that labels are many where frames are few.
@pytest.mark.filterwarnings("ignore:The number of unique classes:UserWarning")
@every_segmenter
@pytest.mark.parametrize("start", ["time", "kmeans"])
@pytest.mark.filterwarnings("ignore:n_actions=.* is more than the")
def test_row_26_as_many_actions_as_frames_and_no_more(cls, start):
    videos = [VIDEOS[0][:13], VIDEOS[1][:13]]
    require_sound(quick(cls, n_actions=26, start=start).fit(videos), videos)
    estimator = quick(cls, n_actions=27, start=start)
    before = vars(estimator).copy()
    with pytest.raises(
        ValueError, match=r"26 frame\(s\).* minimum of 27 .*; give fewer"
    ):
        estimator.fit(videos)
    assert_same_state(estimator, before)
    # One video may be shorter than the actions are many.
    require_sound(quick(cls, n_actions=20, start=start).fit(videos), videos)


@every_segmenter
def test_row_27_weight_of_the_actions_may_be_zero_or_huge_but_not_negative(cls):
    for weight in (0.0, 1e6):
        require_sound(quick(cls, lambda_actions=weight).fit(VIDEOS))
    refuses(cls, "lambda_actions", -1e-9)


@pytest.mark.parametrize("cls", ALIGNERS)
def test_row_27_virtual_mass_may_be_tiny_or_a_whole_video_but_not_zero_or_more(cls):
    for mass in (1e-6, 1):
        require_sound(quick(cls, virtual_mass=mass).fit(VIDEOS))
    for mass in (0.0, -1.0, 1.01, 5, np.inf):
        refuses(cls, "virtual_mass", mass)


@every
@pytest.mark.parametrize("max_iter", [0, 1])
def test_row_28_few_iterations_give_plans_that_meet_their_marginals(cls, max_iter):
    estimator = quick(cls, max_iter=max_iter, features=None).fit(VIDEOS)
    require_sound(estimator)
    if hasattr(estimator, "align"):
        found = estimator.align(*NEW)
        total = found.plan.sum(axis=1) / (1 - found.background_x)
        np.testing.assert_allclose(total, 1 / (len(NEW[0]) + 1), rtol=1e-3)


@every
def test_row_29_small_entropy_leaves_no_frame_without_mass(cls):
    estimator = quick(cls, eps=1e-4, max_iter=25, features=None).fit(VIDEOS)
    require_sound(estimator)
    if hasattr(estimator, "align"):
        found = estimator.align(*NEW)
        mass = found.plan.sum(axis=1) / np.maximum(1 - found.background_x, 1e-6)
        matched = found.background_x < 0.99
        np.testing.assert_allclose(mass[matched], 1 / (len(NEW[0]) + 1), rtol=1e-2)


@every_segmenter
@pytest.mark.filterwarnings("ignore::skvas.exceptions.RadiusWarning")
def test_row_26_more_actions_than_a_recording_can_show_are_warned_of(cls):
    videos = [video[:6] for video in VIDEOS]
    with pytest.warns(UserWarning, match="7 is more than the 6 frames of the median"):
        quick(cls, n_actions=7, max_epochs=0).fit(videos)


@pytest.mark.parametrize(
    "call",
    [
        lambda video: VideoAligner(training=video).fit([video]),
        lambda video: VideoAligner(encoder=video).fit([video]),
        lambda video: VideoAligner(features=video).fit([video]),
        lambda video: VideoAligner(device=[video]).fit([video]),
        lambda video: check_memory(video),
        lambda video: check_anchors(video, 99, 99, in_order=True),
        lambda video: Recordings([video, video], [video, video]),
        lambda video: SegmentTable([video]),
        lambda video: TimedSegment(video, 0, 1, "a"),
        lambda video: make_videos(3, n_frames=video),
        lambda video: report_html([[0]], "page.html", names=video),
        lambda video: report_html([[0]], "page.html", fps=video),
        lambda video: report_html([[0]], "page.html", title=video),
    ],
)
def test_messages_do_not_print_whole_videos(call):
    video = np.random.default_rng(0).random((60, 8))
    with pytest.raises((ValueError, TypeError)) as caught:
        call(video)
    assert len(str(caught.value)) < 400
