"""The checks of estimators: they pass on ours, and each fails on what is broken."""

from __future__ import annotations

import copy
import functools
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.base import BaseEstimator
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from skvas import ActionSegmenter, JointAlignSegment, Timeline, VideoAligner
from skvas.preprocessing import (
    CompressTails,
    Detrend,
    Framewise,
    LevelFeatures,
    SelectRelated,
    VideoStandardizer,
    WhitenedViews,
)
from skvas.testing import (
    _checks,
    _comparing,
    check_video_estimator,
    list_video_checks,
    parametrize_with_video_checks,
)
from skvas.testing._checks import CHECKS
from skvas.validation import check_videos, is_single_video
from skvas.videos import _jobs
from skvas.videos._containers import like_input, list_like_input
from tests.models import quick

OURS = [
    quick(JointAlignSegment),
    quick(ActionSegmenter, features=None, max_epochs=1),
    quick(VideoAligner, features=None, max_epochs=1),
    quick(ActionSegmenter, recipe="paper", features=VideoStandardizer()),
    Timeline(2, random_state=0),
    CompressTails(),
    Detrend(),
    LevelFeatures(),
    SelectRelated(),
    VideoStandardizer(),
    WhitenedViews(),
    Framewise(StandardScaler()),
    Framewise(PCA(2, random_state=0), per_video=True),
]


# Checks of what a fit does: they fit each time, the others share one fit.
OF_FITS = {
    "check_global_state",
    "check_same_seed",
    "check_videos_stay_as_they_are",
}
fit_of_default_data = functools.cache(_checks.fit)


def fit(estimator, videos=None):
    """Fit, or copy what was fitted to the same data."""
    if videos is None:
        return copy.deepcopy(fit_of_default_data(estimator))
    return _comparing.fit(estimator, videos)


@pytest.mark.filterwarnings("ignore::skvas.exceptions.RadiusWarning")
@parametrize_with_video_checks(OURS)
def test_our_estimators_pass(estimator, check, monkeypatch):
    monkeypatch.setattr(_jobs, "FRAMES_A_JOB", 50)  # several jobs
    if check.__name__ not in OF_FITS:
        monkeypatch.setattr(_checks, "fit", fit)
    check(estimator)


class Sound(BaseEstimator):
    """Tells whether the first feature is above a level: passes all checks."""

    def __init__(self, *, batch_size=2, n_jobs=None, random_state=None):
        self.batch_size = batch_size
        self.n_jobs = n_jobs
        self.random_state = random_state

    def fit(self, videos, y=None):
        checked = check_videos(videos, estimator=self)
        self.level_ = float(np.concatenate(checked)[:, 0].mean())
        self.noise_ = check_random_state(self.random_state).random_sample()
        return self

    def transform(self, videos):
        return list_like_input(self.results(videos), is_single_video(videos))

    def predict(self, videos):
        labels = [(result[:, 0] > 0).astype(int) for result in self.results(videos)]
        return like_input(labels, is_single_video(videos))

    def score(self, videos, y=None):
        return float(np.mean([result.mean() for result in self.results(videos)]))

    def results(self, videos):
        check_is_fitted(self)
        checked = check_videos(videos, estimator=self, reset=False)
        return [video - self.level_ + self.noise_ for video in checked]


class Mute(BaseEstimator):
    """Says nothing of videos."""

    def fit(self, videos, y=None):
        self.n_videos_ = len(videos)
        return self


class Short(Sound):
    def results(self, videos):
        return [result[1:] for result in super().results(videos)]


class WithoutTuples(Sound):
    def results(self, videos):
        sign = -1 if isinstance(videos, tuple) else 1
        return [sign * result for result in super().results(videos)]


class FitWithoutTuples(Sound):
    def fit(self, videos, y=None):
        super().fit(videos)
        self.noise_ += isinstance(videos, tuple)
        return self


class OtherForOne(Sound):
    def results(self, videos):
        return [r + is_single_video(videos) for r in super().results(videos)]


class LearnsOtherFromOne(Sound):
    def fit(self, videos, y=None):
        super().fit(videos)
        self.noise_ += is_single_video(videos)
        return self


class Placed(Sound):
    def results(self, videos):
        return [result + i for i, result in enumerate(super().results(videos))]


class Neighbourly(Sound):
    """Subtracts the mean of all videos together."""

    def results(self, videos):
        found = super().results(videos)
        return [result - np.concatenate(found).mean(axis=0) for result in found]


class Padding(Sound):
    """Divides by the length of the longest video."""

    def results(self, videos):
        found = super().results(videos)
        return [result / max(60, *map(len, found), 0) for result in found]


class Batched(Sound):
    def results(self, videos):
        return [result + self.batch_size % 2 for result in super().results(videos)]


class Parallel(Sound):
    def results(self, videos):
        return [r * (1 + 1e-6 * (self.n_jobs == 2)) for r in super().results(videos)]


class Threaded(Sound):
    def results(self, videos):
        threads = torch.get_num_threads()
        return [result + (threads == 2) for result in super().results(videos)]


class Typed(Sound):
    def results(self, videos):
        first = videos if is_single_video(videos) else videos[0]
        extra = np.asarray(first).dtype == np.int8
        return [result + extra for result in super().results(videos)]


class Layouted(Sound):
    def results(self, videos):
        first = videos if is_single_video(videos) else videos[0]
        extra = 1e-6 * (not np.asarray(first).flags.c_contiguous)
        return [result + extra for result in super().results(videos)]


class LearnsLayout(Sound):
    def fit(self, videos, y=None):
        super().fit(videos)
        first = videos if is_single_video(videos) else videos[0]
        self.noise_ += 1e-6 * (not np.asarray(first).flags.writeable)
        return self


class Meddling(Sound):
    def fit(self, videos, y=None):
        super().fit(videos)
        for video in [] if is_single_video(videos) else videos:
            video[0] += 1
        return self


class Storing(Sound):
    def results(self, videos):
        found = super().results(videos)
        self.last_ = found
        return found


class Unclonable(Sound):
    def __sklearn_clone__(self):
        copy = super().__sklearn_clone__()
        copy.level_ = 0.0
        return copy


class Forgetful(Sound):
    def __getstate__(self):
        return super().__getstate__() | {"noise_": 0.0}


class Hoarding(Sound):
    def fit(self, videos, y=None):
        before = getattr(self, "level_", 0.0)
        super().fit(videos)
        self.level_ += before
        return self


class LeavesMore(Sound):
    def fit(self, videos, y=None):
        if hasattr(self, "level_"):
            self.second_ = True
        return super().fit(videos)


class Unseeded(Sound):
    def fit(self, videos, y=None):
        super().fit(videos)
        self.noise_ = np.random.random_sample()  # noqa: NPY002
        return self


class Seeding(Sound):
    def fit(self, videos, y=None):
        torch.manual_seed(0)
        return super().fit(videos)


class OneThreadForAll(Sound):
    def fit(self, videos, y=None):
        torch.set_num_threads(3)
        return super().fit(videos)


class Joined(Sound):
    """Joins the labels of all videos, so that they can't be told apart."""

    def predict(self, videos):
        return np.concatenate(list(super().predict(videos)))


class NoScore(Sound):
    def score(self, videos, y=None):
        return np.nan


class AlwaysReady(Sound):
    level_ = noise_ = 0.0

    def results(self, videos):
        return [video - self.level_ for video in check_videos(videos)]


class Lenient(Sound):
    """Takes NaN for what it is."""

    def fit(self, videos, y=None):
        checked = check_videos(videos, estimator=self, ensure_all_finite=False)
        self.level_ = float(np.nanmean(np.concatenate(checked)[:, 0]))
        self.noise_ = check_random_state(self.random_state).random_sample()
        return self


class Nameless(Sound):
    """Does not say which video is at fault."""

    def results(self, videos):
        try:
            return super().results(videos)
        except ValueError as error:
            raise ValueError("something is wrong") from error


class HalfFitted(Sound):
    def fit(self, videos, y=None):
        self.level_ = 0.0
        return super().fit(videos)


class AnyWidth(Sound):
    def results(self, videos):
        check_is_fitted(self)
        return [video - self.level_ for video in check_videos(videos)]


class Generous(Sound):
    """Makes of nothing a result of nothing."""

    def results(self, videos):
        if isinstance(videos, list) and not videos:
            return []
        return super().results(videos)


class OtherError(Sound):
    def results(self, videos):
        if isinstance(videos, str):
            raise KeyError(videos)
        return super().results(videos)


BROKEN = [
    (Mute, "check_some_method", "none of the methods predict"),
    (Short, "check_one_result_a_frame", "predict: .* results for the .* frames"),
    (WithoutTuples, "check_containers", "predict in a tuple: video 0 differs"),
    (FitWithoutTuples, "check_containers", "predict in a tuple: video 0 differs"),
    (OtherForOne, "check_list_of_one_video", "list of one video: video 0 differs"),
    (LearnsOtherFromOne, "check_fit_on_one_video", "after fit on a list of one"),
    (Placed, "check_order_of_videos", "in another order: video 0 differs"),
    (Neighbourly, "check_video_alone", "each video alone: video 0 differs"),
    (Neighbourly, "check_added_videos", "beside a longer video: video 0 differs"),
    (Padding, "check_added_videos", "beside a longer video: video 0 differs"),
    (Batched, "check_batch_size", "with batch_size=2: video 0 differs|batch_size=1"),
    (Parallel, "check_n_jobs", "with n_jobs=2: video 0 differs"),
    (Threaded, "check_torch_threads", "on 2 thread"),
    (Typed, "check_dtypes", "of int8: video 0 differs"),
    (Layouted, "check_memory_layouts", "transform Fortran order: video 0 differs"),
    (LearnsLayout, "check_memory_layouts", "after fit on read-only memory"),
    (Meddling, "check_videos_stay_as_they_are", "video 0 was changed"),
    (Storing, "check_methods_store_nothing", "a method changed .* last_"),
    (Unclonable, "check_clone", "a clone has level_ before fit"),
    (Forgetful, "check_pickle", "of a pickle: video 0 differs"),
    (Hoarding, "check_refit", "after a second fit: video 0 differs"),
    (LeavesMore, "check_refit", "other attributes: second_"),
    (Unseeded, "check_same_seed", "same random_state: video 0 differs"),
    (Seeding, "check_global_state", "torch's global generator was changed"),
    (OneThreadForAll, "check_global_state", "number of torch's threads was changed"),
    (Joined, "check_cross_validated_predictions", "results for 3 videos"),
    (NoScore, "check_cross_validated_scores", "scores are .*nan"),
    (AlwaysReady, "check_unfitted_is_said_so", "did not raise NotFittedError"),
    (Lenient, "check_nan_is_refused", "fit: did not raise ValueError"),
    (Nameless, "check_nan_is_refused", 'predict: "video 2" is not in the message'),
    (HalfFitted, "check_nan_is_refused", "a fit that failed changed .* level_"),
    (AnyWidth, "check_other_features_are_refused", "predict: did not raise"),
    (Generous, "check_what_is_no_video_is_refused", "predict: did not raise"),
    (OtherError, "check_what_is_no_video_is_refused", "predict: raised KeyError"),
]


@pytest.fixture(autouse=True)
def same_globals():
    """Put back what the broken ones change."""
    threads, state = torch.get_num_threads(), np.random.get_state()  # noqa: NPY002
    np.random.seed(0)  # noqa: NPY002 - what is drawn in error is told word by word
    with torch.random.fork_rng():
        yield
    torch.set_num_threads(threads)
    np.random.set_state(state)  # noqa: NPY002


@parametrize_with_video_checks([Sound()])
def test_sound_estimator_passes(estimator, check):
    check(estimator)


@pytest.mark.parametrize(("cls", "check", "message"), BROKEN)
def test_broken_estimator_fails_its_check(cls, check, message):
    with pytest.raises(AssertionError, match=message):
        list_video_checks(cls())[check](cls())


def test_each_check_has_been_seen_to_fail():
    assert {check for _, check, _ in BROKEN} == {check.__name__ for check in CHECKS}


def test_all_faults_are_told_at_once():
    with pytest.raises(AssertionError, match=r"^Nameless fails 3 of 26 checks") as told:
        check_video_estimator(Nameless())
    assert "\n  check_nan_is_refused: predict: " in str(told.value)
    assert "\n  check_other_features_are_refused: predict: " in str(told.value)


def test_errors_of_the_estimator_are_faults_too():
    class Failing(Sound):
        def fit(self, videos, y=None):
            raise KeyError("level")

    with pytest.raises(AssertionError, match=r"26 of 26 .*\n.*: KeyError\('level'\)"):
        check_video_estimator(Failing())


def test_expected_failures_are_let_pass_and_must_happen():
    reasons = dict.fromkeys(["check_video_alone", "check_added_videos"], "by design")
    check_video_estimator(Neighbourly(), expected_failed_checks=reasons)
    with pytest.raises(AssertionError, match="check_clone: passes, but was expected"):
        check_video_estimator(Sound(), expected_failed_checks={"check_clone": "none"})


@pytest.mark.filterwarnings("ignore::skvas.exceptions.RadiusWarning")
def test_pipelines_pass():
    segmenter = quick(ActionSegmenter, recipe="paper", max_epochs=0)
    check_video_estimator(make_pipeline(VideoStandardizer(), segmenter))


def test_names_of_no_check_are_refused():
    with pytest.raises(ValueError, match="check_cloning.*list_video_checks"):
        check_video_estimator(Sound(), expected_failed_checks={"check_cloning": ""})
    with pytest.raises(ValueError, match="check_cloning"):
        parametrize_with_video_checks(
            [Sound()], expected_failed_checks=lambda e: {"check_cloning": ""}
        )


@parametrize_with_video_checks(
    [Neighbourly()],
    expected_failed_checks=lambda e: dict.fromkeys(
        ["check_video_alone", "check_added_videos"], type(e).__name__
    ),
)
def test_expected_failures_are_strict_in_pytest(estimator, check, request):
    expected = [mark.kwargs for mark in request.node.iter_markers("xfail")]
    failing = check.__name__ in ("check_video_alone", "check_added_videos")
    assert expected == [{"strict": True, "reason": "Neighbourly"}] * failing
    check(estimator)


def test_only_checks_that_apply_are_listed():
    assert list(list_video_checks(Sound())) == [check.__name__ for check in CHECKS]
    left_out = set(list_video_checks(Sound())) - set(list_video_checks(Mute()))
    assert left_out == {
        "check_batch_size",
        "check_n_jobs",
        "check_cross_validated_predictions",
        "check_cross_validated_scores",
    }
    takes_nan = list_video_checks(Framewise(StandardScaler()))
    assert "check_nan_is_refused" not in takes_nan


def test_guide_names_each_check():
    page = Path(__file__).parents[2] / "docs" / "guide" / "checks.md"
    text = page.read_text(encoding="utf-8")
    for check in CHECKS:
        assert f"| `{check.__name__}` | {check.__doc__} |\n" in text


def test_estimator_is_not_changed():
    estimator = Sound()
    check_video_estimator(estimator)
    assert vars(estimator) == vars(Sound())


def test_seeds_are_told_apart_wherever_the_global_generator_stands():
    for seed in (0, 7):
        np.random.seed(seed)  # noqa: NPY002
        with pytest.raises(AssertionError, match="same random_state"):
            list_video_checks(Unseeded())["check_same_seed"](Unseeded())
