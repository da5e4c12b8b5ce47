"""Alignment of pairs of videos and with a reference, by both estimators that align."""

from __future__ import annotations

import numpy as np
import pytest

from skvas import Aligning, Alignment, Timeline, Training, VideoAligner
from skvas.datasets import make_videos
from skvas.decoding import monotone_path, path_to_matches
from skvas.exceptions import InvalidParameterError
from skvas.metrics import linear_warp, matching_error
from tests.models import ALIGNERS, fitted_once, quick, small_videos

VIDEOS = small_videos()
X, Y = VIDEOS[0], VIDEOS[1]

every = pytest.mark.parametrize("cls", ALIGNERS)
every_matching = pytest.mark.parametrize("matching", ["monotone", "plan", "nearest"])


def warped(seed, n_videos=6, **options):
    """Make videos whose true alignment is far from a straight line."""
    defaults = {"n_actions": 4, "n_frames": (60, 90), "n_features": 8, "warp": 0.6}
    return make_videos(n_videos, random_state=seed, **defaults | options)


def true_matches(data, i, j):
    return np.abs(data.times[i][:, None] - data.times[j]).argmin(axis=1)


def mean_errors(estimator, data):
    """Return the mean error in frames of the estimator and of linear warping."""
    ours, linear = [], []
    for i in range(len(data.videos)):
        j = (i + 1) % len(data.videos)
        true = true_matches(data, i, j)
        found = estimator.align(data.videos[i], data.videos[j]).matches_x
        ours.append(matching_error(found, true))
        linear.append(matching_error(linear_warp(len(true), len(data.videos[j])), true))
    return np.mean(ours), np.mean(linear)


def test_second_video_outside_a_list_is_warned_of_where_y_has_no_use():
    for estimator in (quick(VideoAligner, max_epochs=0), Timeline(4)):
        with pytest.warns(UserWarning, match=r"in a list: fit\(\[x, y\]\)") as told:
            estimator.fit(X, Y)
        assert told[0].filename == __file__
        estimator.fit(X, np.zeros(len(X)))
        estimator.fit([X, Y], Y)


@every
def test_alignment_is_far_closer_to_the_truth_than_linear_warping(cls):
    ours, linear = [], []
    for seed in range(2):
        data = warped(seed)
        estimator = quick(cls, n_frames=64, max_iter=25, random_state=seed)
        error, baseline = mean_errors(estimator.fit(data.videos), data)
        ours.append(error)
        linear.append(baseline)
    assert np.mean(linear) > 5
    assert np.mean(ours) < 0.4 * np.mean(linear)


def test_vava_is_closer_to_the_truth_than_linear_warping():
    data = warped(2)
    aligner = quick(VideoAligner, method="vava", n_frames=64).fit(data.videos)
    ours, linear = mean_errors(aligner, data)
    assert ours < 0.5 * linear


@every
def test_shares_of_virtual_mass_mark_planted_background_before_real_frames(cls):
    planted, real = [], []
    for seed in range(2):
        data = warped(seed, background=0.35, n_frames=(80, 120))
        estimator = quick(cls, n_frames=64, max_iter=25, virtual_mass=0.5)
        estimator.fit(data.videos)
        for i in range(6):
            found = estimator.align(data.videos[i], data.videos[(i + 1) % 6])
            marked, background = found.matches_x == -1, data.labels[i] == -1
            planted.append(marked[background].mean())
            real.append(marked[~background].mean())
    # More mass than the planted 35 % needs: some real frames go there as well.
    assert np.mean(planted) > 0.6
    assert np.mean(planted) > np.mean(real) + 0.3


@every
@pytest.mark.parametrize("max_epochs", [0, 2])
@pytest.mark.parametrize(
    ("recipe", "asked", "kept"),
    [
        ("informed", "auto", "timeline"),
        ("paper", "auto", "embedding"),
        ("informed", "embedding", "embedding"),
        ("informed", "both", "both"),
        ("paper", "both", "both"),
        ("paper", "timeline", "timeline"),
    ],
)
def test_paths_go_by_features_and_timeline_unless_told_otherwise(
    cls, recipe, asked, kept, max_epochs
):
    options = {"recipe": recipe, "path_on": asked, "matching": "monotone"}
    estimator = quick(cls, max_epochs=max_epochs, **options).fit(VIDEOS)
    if kept == "timeline" and estimator.timeline_ is None:
        kept = "both"
    assert estimator.path_on_ == kept
    x, y = (estimator.transform(video) for video in (X, Y))
    cost = 1 - x @ y.T
    if kept != "embedding":
        a, b = ((v - v.mean(axis=0)) / v.std(axis=0) for v in (X, Y))
        squares = ((a[:, None] - b) ** 2).sum(axis=2)
        cost = cost / cost.mean() + squares / squares.mean()
    if kept == "timeline":
        at_x, at_y = (estimator.timeline_.to_timeline(video) for video in (X, Y))
        apart = abs(at_x[:, None] - at_y)
        cost += apart / apart.mean()
    if kept != "embedding" and max_epochs > 0:
        cost -= (cost.min(axis=1)[:, None] + cost.min(axis=0)) / 2
    found = estimator.align(X, Y)
    i, j = found.background_x <= 0.5, found.background_y <= 0.5
    expected, _ = path_to_matches(monotone_path(cost[i][:, j]), cost[i][:, j])
    agree = found.matches_x[i] == np.flatnonzero(j)[expected]
    assert agree.mean() > 0.95  # rounding decides on ties


@every
def test_quantiles_of_the_costs_tell_how_much_background_was_planted(cls):
    planted, real = [], []
    for seed in range(2):
        data = warped(seed, background=0.35, n_frames=(80, 120))
        options = {"virtual_mass": "5%", "zeta": "15%"}
        estimator = quick(cls, n_frames=64, max_iter=25, **options).fit(data.videos)
        for i in range(6):
            found = estimator.align(data.videos[i], data.videos[(i + 1) % 6])
            marked, background = found.matches_x == -1, data.labels[i] == -1
            planted.append(marked[background].mean())
            real.append(marked[~background].mean())
    assert np.mean(planted) > np.mean(real) + 0.3


@every
def test_without_virtual_mass_one_frame_in_all_can_be_background(cls):
    data = warped(0, background=0.35)
    x, y = data.videos[:2]
    found = quick(cls).fit(data.videos).align(x, y)
    # The virtual frame has the mass of a frame of the other video.
    ratio = (len(x) + 1) / (len(y) + 1)
    assert found.background_x.sum() <= ratio * 1.001
    assert found.background_y.sum() <= 1.001 / ratio


@every
@pytest.mark.parametrize("virtual_mass", [None, 0.5])
def test_plan_meets_the_marginals_of_real_frames(cls, virtual_mass):
    options = {"virtual_mass": virtual_mass, "max_iter": 25, "features": None}
    estimator = quick(cls, **options).fit(VIDEOS)
    found = estimator.align(X, Y)
    n, m = len(X), len(Y)
    assert found.plan.shape == (n, m)
    assert (found.plan >= 0).all()
    for plan, background, size in (
        (found.plan, found.background_x, n),
        (found.plan.T, found.background_y, m),
    ):
        virtual = 1 if virtual_mass is None else virtual_mass * size
        mass = plan.sum(axis=1) / (1 - background)
        np.testing.assert_allclose(mass, 1 / (size + virtual), rtol=1e-3)


@every
@every_matching
def test_parts_of_an_alignment_are_arrays_of_each_video(cls, matching):
    found = fitted_once(cls, matching=matching).align(X, Y)
    assert isinstance(found, Alignment)
    assert found.matching == matching
    for matches, background, n, m in (
        (found.matches_x, found.background_x, len(X), len(Y)),
        (found.matches_y, found.background_y, len(Y), len(X)),
    ):
        assert matches.shape == background.shape == (n,)
        assert (matches >= -1).all()
        assert (matches < m).all()
        np.testing.assert_array_equal(matches == -1, background > 0.5)
        assert (background >= 0).all()
        assert (background <= 1).all()
    assert np.isfinite(found.cost)
    if matching == "monotone":
        assert (np.diff(found.matches_x[found.matches_x >= 0]) >= 0).all()
        assert (np.diff(found.to_path(), axis=0) >= 0).all()


@every
def test_auto_matching_keeps_the_order_only_where_there_is_one(cls):
    ordered = quick(cls).fit(small_videos(8))
    assert ordered.matching_ == "monotone"
    assert ordered.shared_order_.is_shared
    options = {"n_actions": 6, "n_frames": (60, 80), "shared_order": False}
    unordered = quick(cls).fit(small_videos(8, **options))
    assert unordered.matching_ == "plan"
    assert not unordered.shared_order_.is_shared
    assert quick(cls, matching="nearest").fit(VIDEOS).matching_ == "nearest"


@every
def test_matching_a_lone_video_keeps_the_order(cls):
    alone = quick(cls).fit(X)
    assert alone.shared_order_ is None
    assert alone.matching_ == "monotone"
    np.testing.assert_array_equal(alone.reference_, X)


@every
def test_video_is_matched_with_itself_frame_by_frame(cls):
    found = fitted_once(cls).align(X, X)
    np.testing.assert_array_equal(found.matches_x, np.arange(len(X)))
    np.testing.assert_array_equal(found.matches_y, np.arange(len(X)))


@every
def test_alignment_of_a_pair_is_not_that_of_a_collection(cls):
    estimator = fitted_once(cls)
    with pytest.raises(ValueError, match="x must be one video"):
        estimator.align([X], Y)
    with pytest.raises(ValueError, match="y must be one video"):
        estimator.align(X, [Y, Y])


@every
def test_position_of_a_video_goes_with_the_timeline(cls):
    estimator = fitted_once(cls)
    with pytest.raises(TypeError, match='y must be a video, got 1; .*via="timeline"'):
        estimator.align(X, 1)


@every
@pytest.mark.parametrize("bad", [Y[:, :3], np.full((30, 5), np.nan), Y[:0], "y", None])
def test_alignment_says_which_video_is_at_fault(cls, bad):
    estimator = fitted_once(cls)
    with pytest.raises((ValueError, TypeError), match="^y: "):
        estimator.align(X, bad)
    with pytest.raises((ValueError, TypeError), match="^x: "):
        estimator.align(bad, Y)


@every
def test_alike_videos_cost_less_than_unlike_ones(cls):
    estimator = fitted_once(cls)
    noise = np.random.default_rng(0).standard_normal(X.shape).astype(np.float32)
    assert estimator.align(X, Y).cost < estimator.align(X, noise).cost


# The reference


@every
def test_matches_with_the_reference_are_those_of_align(cls):
    estimator = quick(cls, reference=2, features=None).fit(VIDEOS)
    np.testing.assert_array_equal(estimator.reference_, VIDEOS[2])
    expected = estimator.align(X, VIDEOS[2]).matches_x
    np.testing.assert_array_equal(estimator.match(X), expected)
    many = estimator.match(VIDEOS)
    assert many.dtype == object
    np.testing.assert_array_equal(many[0], expected)
    if cls is VideoAligner:
        np.testing.assert_array_equal(estimator.predict(X), expected)


@every
@pytest.mark.parametrize("position", [0, np.int64(3)])
def test_reference_can_be_named_by_its_position(cls, position):
    estimator = quick(cls, reference=position, features=None).fit(VIDEOS)
    np.testing.assert_array_equal(estimator.reference_, VIDEOS[position])


@every
def test_reference_can_be_a_video_of_its_own(cls):
    own = small_videos(6)[5]
    estimator = quick(cls, reference=own, features=None).fit(VIDEOS)
    np.testing.assert_array_equal(estimator.reference_, own)
    own_before = own.copy()
    estimator.reference_[:] = 0
    np.testing.assert_array_equal(own, own_before)


@every
def test_reference_can_be_the_poses_of_a_video(cls):
    videos = [video.reshape(-1, 3, 2) for video in small_videos(6, n_features=6)]
    estimator = quick(cls, reference=videos[5]).fit(videos[:5])
    np.testing.assert_array_equal(estimator.reference_, videos[5].reshape(-1, 6))


@every
def test_medoid_is_the_reference_by_default(cls):
    # One video is like the rest, the others have each a part of noise.
    rng = np.random.default_rng(0)
    videos = [video.copy() for video in small_videos(5, warp=0.0)]
    for video, at in zip(videos, [0, 8, None, 16, 24], strict=True):
        if at is not None:
            video[at : at + 8] = rng.standard_normal(video[at : at + 8].shape) * 2
    estimator = quick(cls, max_epochs=0).fit(videos)
    np.testing.assert_array_equal(estimator.reference_, videos[2])


@every
@pytest.mark.parametrize(
    ("reference", "message"),
    [
        (5, "position in the 5 videos"),
        (-1, "position in the 5 videos"),
        (True, "position in the 5 videos"),
        ([VIDEOS[0], VIDEOS[1]], "got a collection"),
        (np.zeros((2, 30, 5)), "got a collection"),
        (np.zeros((30, 4)), "^reference: .*4 features"),
        (np.full((30, 5), np.nan), "^reference: .*NaN"),
        ("first", "^reference: .*str"),
    ],
)
def test_wrong_reference_is_refused_and_nothing_is_fitted(cls, reference, message):
    trained = []
    training = Training(callback=trained.append)
    estimator = quick(cls, reference=reference, training=training)
    before = vars(estimator).copy()
    with pytest.raises((ValueError, TypeError), match=message):
        estimator.fit(VIDEOS)
    assert vars(estimator) == before
    assert not trained


@every
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("virtual_mass", 0.0),
        ("virtual_mass", -1.0),
        ("virtual_mass", "half"),
        ("virtual_mass", "0%"),
        ("zeta", "100%"),
        ("zeta", "-5%"),
        ("zeta", np.nan),
        ("zeta", None),
        ("matching", "best"),
        ("path_on", "features"),
    ],
)
def test_wrong_parameter_of_the_alignment_is_named(cls, name, value):
    with pytest.raises(InvalidParameterError, match=name):
        quick(cls, **{name: value}).fit(VIDEOS)


# The aligner alone


@pytest.mark.parametrize("method", ["vaot", "vava"])
def test_methods_train_predict_and_score(method):
    aligner = quick(VideoAligner, method=method).fit(VIDEOS)
    assert aligner.history_["loss"].shape == (2,)
    assert np.isfinite(aligner.history_["loss"]).all()
    for matches in aligner.predict(VIDEOS):
        assert (matches < len(aligner.reference_)).all()
    costs = [aligner.align(video, aligner.reference_).cost for video in VIDEOS]
    assert aligner.score(VIDEOS) == pytest.approx(-np.mean(costs), rel=1e-5)


def test_methods_differ_and_others_are_refused():
    vaot, vava = (
        quick(VideoAligner, method=method).fit(VIDEOS) for method in ("vaot", "vava")
    )
    assert not np.allclose(vaot.transform(X), vava.transform(X), atol=1e-6)
    with pytest.raises(InvalidParameterError, match="method"):
        quick(VideoAligner, method="tcc").fit(VIDEOS)


@every
@pytest.mark.parametrize("name", ["alpha", "radius", "rho"])
def test_parameters_that_a_method_lacks_are_refused(cls, name):
    group = Aligning(method="vava", **{name: 0.5})
    with pytest.raises(InvalidParameterError, match=f"^{name} of Aligning has no use"):
        quick(cls, aligning=group).fit(VIDEOS)


def test_every_frame_is_matched_where_no_frame_can_be_background():
    aligner = fitted_once(VideoAligner)
    assert all((matches >= 0).all() for matches in aligner.predict(VIDEOS))


def test_short_videos_without_a_clear_order_are_matched_in_time():
    rng = np.random.default_rng(0)
    short = [rng.normal(size=(30, 4)) for _ in range(5)]
    fitted = quick(VideoAligner, max_epochs=0).fit(short)
    assert fitted.shared_order_.verdict == "undecided"
    assert fitted.matching_ == "monotone"
    assert fitted.shared_order_.n_frames == 30
    asked = quick(VideoAligner, max_epochs=0, matching="nearest").fit(short)
    assert asked.matching_ == "nearest"
