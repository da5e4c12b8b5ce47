"""Features that go their own way in each video are dropped, all others kept."""

import functools

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn import config_context
from sklearn.feature_selection import VarianceThreshold
from sklearn.impute import SimpleImputer
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import StandardScaler

from skvas import ActionSegmenter, JointAlignSegment, Timeline, VideoAligner, load
from skvas.datasets import Recordings, make_videos
from skvas.preprocessing import (
    Framewise,
    Interpolate,
    PoseFeatures,
    SelectRelated,
    VideoStandardizer,
    WhitenedViews,
    _related,
)
from skvas.preprocessing._features import clean_videos
from tests.models import ESTIMATORS, quick

N_KEPT = 6


def walks(lengths, n_features, seed=0):
    """Features that go their own way, and as far as those of `make_videos`."""
    rng = np.random.default_rng(seed)
    found = [rng.normal(size=(n, n_features)).cumsum(axis=0) for n in lengths]
    return [3 * (walk - walk.mean(axis=0)) / walk.std(axis=0) for walk in found]


def told(n_videos=10, seed=0, **kind):
    return make_videos(n_videos, n_features=N_KEPT, random_state=seed, **kind).videos


def beside(videos, others):
    return [np.hstack(pair) for pair in zip(videos, others, strict=True)]


def lengths(videos):
    return [len(video) for video in videos]


def kept(videos, **parameters):
    return SelectRelated(**parameters).fit(videos).get_support(indices=True).tolist()


@pytest.mark.parametrize("shared_order", [True, False])
def test_walks_and_noise_are_dropped(shared_order):
    videos = told(shared_order=shared_order, noise=0.5)
    assert kept(videos) == list(range(N_KEPT))
    assert kept(beside(videos, walks(lengths(videos), 4))) == list(range(N_KEPT))
    noise = [
        np.random.default_rng(i).normal(size=(len(v), 4)) for i, v in enumerate(videos)
    ]
    assert kept(beside(videos, noise)) == list(range(N_KEPT))


def test_what_is_found_once_walks_are_gone_is_found():
    videos = told(4)
    found = kept(beside(videos, walks(lengths(videos), 30)))
    assert set(range(N_KEPT)) <= set(found)
    assert len(found) < N_KEPT + 10


def test_features_that_move_alike_are_related():
    rng = np.random.default_rng(0)
    amounts = [np.repeat(rng.uniform(0.1, 3, (8, 1)), 25, axis=0) for _ in range(8)]
    shaken = [amount * rng.normal(size=(200, 4)) for amount in amounts]
    assert kept(beside(shaken, walks(lengths(shaken), 3))) == [0, 1, 2, 3]


def test_rounding_is_no_motion():
    videos = told()
    still = [np.full((len(v), 3), i) + [0, 0.1, 0.3] for i, v in enumerate(videos)]
    assert kept(beside(videos, still)) == list(range(N_KEPT))


def test_spikes_hide_no_motion():
    rng = np.random.default_rng(1)
    amounts = [np.exp(rng.uniform(-3, 2, (8, 1))).repeat(25, axis=0) for _ in range(8)]
    moved = [amount * rng.normal(size=(200, 4)) for amount in amounts]
    rng, deviation = np.random.default_rng(1), np.concatenate(moved).std(axis=0)
    for video in moved:
        hit = rng.random(video.shape) < 0.01
        video += 40 * deviation * hit * rng.normal(size=video.shape)
    assert kept(beside(moved, walks(lengths(moved), 3))) == [0, 1, 2, 3]


def test_features_of_two_values_are_kept():
    videos = told()
    rng = np.random.default_rng(1)
    flags = [rng.integers(0, 2, (len(video), 3)) for video in videos]
    for flag in flags:
        flag[:, 2] = 7
    found = kept(beside(beside(videos, flags), walks(lengths(videos), 2)))
    assert found == list(range(N_KEPT + 3))


def test_all_are_kept_where_too_little_is_known():
    videos = told(4)
    walked = beside(videos, walks(lengths(videos), 4))
    assert len(kept(walked)) < len(walked[0][0])
    assert len(kept(walked[:3])) < len(walked[0][0])
    assert len(kept(walked[:2])) == len(walked[0][0])
    assert len(kept(walks(lengths(videos), 3), least=1e6)) == 3
    assert len(kept(walked, least=-1e6)) == len(walked[0][0])


def test_two_features_are_enough():
    videos = make_videos(10, n_features=2, random_state=1).videos
    assert kept(beside(videos, walks(lengths(videos), 2))) == [0, 1]


def test_noise_alone_is_kept_whatever_passes_by_chance():
    rng = np.random.default_rng(0)
    noise = [rng.normal(size=(200, 60)) for _ in range(30)]
    assert kept(noise, least=0.0) == list(range(60))


def test_few_features_of_few_videos_are_kept():
    videos = [video[:, :3] for video in told(8)]
    walked = beside(videos, walks(lengths(videos), 2))
    assert kept(walked[:7]) == [0, 1, 2]
    four = [video[:, :4] for video in walked]
    assert kept(four[:7]) == [0, 1, 2, 3]
    assert kept(four) == [0, 1, 2]


def test_evidence_that_is_asked_for_counts():
    videos = told()
    walked = beside(videos, walks(lengths(videos), 20))
    n_found = [len(kept(walked, least=least)) for least in (-1, 0, 1)]
    assert n_found[0] > n_found[1] > n_found[2] >= N_KEPT


@pytest.mark.parametrize("n_features", [64, 65, 200])
def test_many_features_are_held_against_each_other_in_groups(n_features):
    data = make_videos(10, n_features=n_features, random_state=0)
    walked = beside(data.videos, walks(lengths(data.videos), n_features))
    found = kept(walked)
    assert np.sum(np.less(found, n_features)) == n_features
    assert np.sum(np.greater_equal(found, n_features)) < 0.1 * n_features


def test_units_and_types_do_not_count():
    videos = beside(told(), walks(lengths(told()), 4))
    units = 10.0 ** np.linspace(-200, 200, N_KEPT + 4)
    expected = kept(videos)
    assert kept([video * units + units for video in videos]) == expected
    assert kept([video.astype(np.float32) for video in videos]) == expected


def test_spikes_do_not_count():
    rng = np.random.default_rng(0)
    videos = told()
    for video in videos:
        hit = rng.random(video.shape) < 0.01
        video[hit] += 15 * rng.normal(size=hit.sum())
    assert kept(videos) == list(range(N_KEPT))


def test_short_and_still_videos_are_taken():
    videos = [np.zeros((1, 3)), np.ones((2, 3)), *told(4)[0][None, :9, :3]]
    assert len(kept([*videos, np.zeros((5, 3))])) >= 2


def test_many_videos_are_sampled_and_wide_ones_more_so(monkeypatch):
    seen = []
    monkeypatch.setattr(
        _related, "_gains", lambda looks: seen.append(len(looks)) or gains(looks)
    )
    gains = lambda looks: np.ones((len(looks), *looks[0].shape[1:]))  # noqa: E731
    rng = np.random.default_rng(0)
    kept([rng.normal(size=(9, 3)) for _ in range(40)])
    kept([rng.normal(size=(9, 3)) for _ in range(20)])
    for many in (12 * 3 * 2 * 200, 1):
        monkeypatch.setattr(_related, "_MANY_NUMBERS", many)
        kept([rng.normal(size=(9, 3)) for _ in range(40)])
    assert seen == [32, 20, 12, 8]


def test_names_and_frames_of_what_is_kept():
    videos = beside(walks(lengths(told(6)), 1), told(6))
    selector = SelectRelated().fit(videos)
    assert_array_equal(selector.get_support(), selector.support_)
    assert_array_equal(selector.support_, [False] + [True] * N_KEPT)
    names = [f"x{i}" for i in range(1, N_KEPT + 1)]
    assert selector.get_feature_names_out().tolist() == names
    given = list("abcdefg")
    assert selector.get_feature_names_out(given).tolist() == given[1:]
    known = Recordings(videos, feature_names=given, fps=30)
    found = selector.fit_transform(known)
    assert (found.feature_names, found.fps) == (given[1:], known.fps)
    assert_array_equal(found[0], videos[0][:, 1:])
    back = selector.inverse_transform(found)
    assert_array_equal(back[0][:, 1:], videos[0][:, 1:])
    assert_array_equal(back[0][:, 0], 0)
    assert_array_equal(selector.inverse_transform(found[1]), back[1])
    with pytest.raises(ValueError, match="X has 7 features, but 6 of 7 were kept"):
        selector.inverse_transform(videos)
    stream = selector.stream()
    pushed = [stream.push(videos[0][:7]), stream.push(videos[0][7:])]
    assert_array_equal(np.concatenate(pushed), found[0])


# In the estimators


@pytest.fixture(scope="module")
def walked():
    data = make_videos(10, n_features=N_KEPT, n_actions=3, random_state=0)
    return data.videos, beside(data.videos, walks(lengths(data.videos), 5))


@pytest.fixture(scope="module")
def fitted(walked):
    """Models of videos that wander, and of what does not, to be read only."""

    @functools.cache
    def pair(cls, live):
        return tuple(quick(cls, live=live).fit(v) for v in reversed(walked))

    return pair


@pytest.mark.parametrize("cls", ESTIMATORS)
def test_what_wanders_changes_nothing(cls, walked, fitted, tmp_path):
    videos, walked = walked
    model, clean = fitted(cls, False)
    assert [name for name, _ in model.features_.steps] == ["related", "features"]
    assert model.features_[0].get_support(indices=True).tolist() == [*range(N_KEPT)]
    model.save(tmp_path / "model.skvas")
    for model in (model, load(tmp_path / "model.skvas")):  # noqa: B020
        for mine, theirs in zip(
            model.transform(walked), clean.transform(videos), strict=True
        ):
            assert_array_equal(mine, theirs)
        if cls is not ActionSegmenter:
            mine, theirs = model.align(*walked[:2]), clean.align(*videos[:2])
            assert_array_equal(mine.to_path(), theirs.to_path())
            for mine, theirs in zip(
                model.timeline_.positions_, clean.timeline_.positions_, strict=True
            ):
                assert_array_equal(mine, theirs)
        if cls is not VideoAligner:
            for mine, theirs in zip(
                model.predict(walked), clean.predict(videos), strict=True
            ):
                assert_array_equal(mine, theirs)


def test_summary_names_what_wanders(walked):
    _, walked = walked
    untrained = functools.partial(quick, VideoAligner, max_epochs=0)
    names = [f"sensor {i}" for i in range(N_KEPT + 5)]
    model = untrained().fit(Recordings(walked, feature_names=names))
    told = dict(model.summary().facts)["features"]
    assert told.startswith("6 of 11; ")
    assert told.endswith(": " + ", ".join(names[N_KEPT:]))
    many = beside(walked, walks(lengths(walked), 5, seed=1))
    model = untrained().fit(many)
    n_dropped = int((~model.features_[0].support_).sum())
    told = dict(model.summary().facts)["features"]
    assert told.split(": 6, 7, 8, ")[1].endswith(f" and {n_dropped - 8} more")
    assert told.count(",") == 7
    assert "features" not in dict(untrained().fit(walked[:2]).summary().facts)
    for first, called in (
        (Framewise(StandardScaler()), ", ".join(names[N_KEPT:])),
        (SelectRelated(least=-1e9), ", ".join(names[N_KEPT:])),
        (FeatureUnion([("same", StandardScaler())]), "6, 7, 8, 9, 10"),
    ):
        model = untrained(features=make_pipeline(first, "auto"))
        model.fit(Recordings(walked, feature_names=names))
        assert dict(model.summary().facts)["features"].endswith(f": {called}")
    still = [np.insert(shown, 2, 7.0, axis=1) for shown in walked]
    steps = make_pipeline(VarianceThreshold(), "auto")
    told = dict(untrained(features=steps).fit(still).summary().facts)
    assert told["features"].endswith(": 7, 8, 9, 10, 11")


def test_timeline_leaves_out_what_wanders(walked):
    videos, walked = walked
    mine, clean = (Timeline(3, random_state=0).fit(v) for v in (walked, videos))
    assert_array_equal(mine.template_, clean.template_)
    for mine_too, theirs in zip(
        mine.to_timeline(walked), clean.to_timeline(videos), strict=True
    ):
        assert_array_equal(mine_too, theirs)


def test_what_wanders_changes_no_labels_of_a_user(walked):
    videos, walked = walked
    y = [np.full(len(video), -1) for video in videos]
    y[0][:] = np.arange(len(y[0])) * 3 // len(y[0])
    for mine, theirs in zip(
        quick(JointAlignSegment).fit(walked, y).labels_,
        quick(JointAlignSegment).fit(videos, y).labels_,
        strict=True,
    ):
        assert_array_equal(mine, theirs)


def test_what_wanders_is_dropped_behind_the_steps_of_a_user(walked):
    gaps = [video.copy() for video in walked[1]]
    for video in gaps:
        video[5:7, 0] = np.nan
    steps = make_pipeline(Interpolate(), "auto")
    steps.steps.insert(0, ("related", "passthrough"))
    model = quick(JointAlignSegment, features=steps).fit(gaps)
    assert [name for name, _ in model.features_.steps] == [
        *("related", "interpolate", "related_", "auto")
    ]
    alone = quick(JointAlignSegment, features=make_pipeline(Interpolate(), "auto"))
    alone.fit([video[:, :N_KEPT] for video in gaps])
    assert_array_equal(
        model.align(*gaps[:2]).to_path(),
        alone.align(*(video[:, :N_KEPT] for video in gaps[:2])).to_path(),
    )


@pytest.mark.parametrize(
    "first",
    [
        StandardScaler(),
        SimpleImputer(),
        VideoStandardizer(),
        VarianceThreshold(),
        SelectRelated(least=-1e9),
    ],
)
def test_what_wanders_is_dropped_of_the_frames_that_are_compared(first, walked):
    videos, walked = walked
    held = [np.insert(shown, 2, 1.0, axis=1) for shown in walked]
    few = [np.insert(shown, 2, 1.0, axis=1) for shown in videos]
    steps = make_pipeline(first, "auto")
    model, clean = (
        quick(VideoAligner, features=steps, max_epochs=1).fit(v) for v in (held, few)
    )
    for mine, theirs in zip(
        model.timeline_.positions_, clean.timeline_.positions_, strict=True
    ):
        assert_array_equal(mine, theirs)
    mine, theirs = model.stream().push(held[0]), clean.stream().push(few[0])
    np.testing.assert_allclose(mine.progress, theirs.progress, atol=1e-4)


def test_frames_that_are_compared_lack_no_more_than_what_wanders():
    rng = np.random.default_rng(0)
    videos = [np.insert(rng.normal(size=(9, 3)), 1, 0, axis=1) for _ in range(3)]
    steps = make_pipeline(Framewise(VarianceThreshold()), SelectRelated()).fit(videos)
    steps[1].support_ = np.array([True, False, True])
    assert_array_equal(clean_videos(steps, videos)[0], videos[0][:, [0, 1, 3]])
    poses = [rng.normal(size=(9, 5, 2)) for _ in range(3)]
    steps = make_pipeline(PoseFeatures(), SelectRelated()).fit(poses)
    steps[1].support_ = np.arange(22) > 0
    poses = [video.reshape(9, -1) for video in poses]
    of_poses = clean_videos(steps[:1], poses)[0]
    assert_array_equal(clean_videos(steps, poses)[0], of_poses[:, 1:])


@pytest.mark.parametrize("first", ["passthrough", Interpolate()])
def test_what_is_dropped_needs_no_names_of_columns(first, walked):
    steps = make_pipeline(first, VideoStandardizer(), "passthrough", "auto")
    model = quick(VideoAligner, features=steps, max_epochs=0)
    arrays = model.fit(walked[1]).transform(walked[1])
    with config_context(transform_output="pandas"):  # which warns of unknown names
        frames = model.fit(walked[1])
        for mine, theirs in zip(frames.transform(walked[1]), arrays, strict=True):
            assert_array_equal(mine, theirs)


def test_features_that_are_asked_for_keep_all(walked):
    model = quick(ActionSegmenter, features="whitened").fit(walked[1])
    assert isinstance(model.features_, WhitenedViews)


@pytest.mark.parametrize("live", [False, True])
@pytest.mark.parametrize("cls", ESTIMATORS)
def test_what_wanders_is_dropped_live(cls, live, walked, fitted):
    videos, walked = walked
    model, clean = fitted(cls, live)
    if live:
        mine, theirs = (
            known.embedder().push(shown[0])
            for known, shown in ((model, walked), (clean, videos))
        )
        assert_array_equal(mine, theirs)
    mine, theirs = model.stream().push(walked[0]), clean.stream().push(videos[0])
    if cls is not VideoAligner:
        np.testing.assert_allclose(
            mine.probabilities, theirs.probabilities, rtol=1e-3, atol=1e-6
        )
        assert_array_equal(mine.labels, theirs.labels)
    if cls is not ActionSegmenter:
        np.testing.assert_allclose(mine.progress, theirs.progress, atol=1e-4)


@pytest.mark.parametrize("n_constant", [60, 200])
def test_constant_features_change_nothing(n_constant):
    videos = make_videos(
        8, n_features=8, n_actions=4, random_state=2, shared_order=False
    ).videos
    walked = beside(videos, walks(map(len, videos), 6))
    constant = [np.hstack([v, np.ones((len(v), n_constant))]) for v in walked]
    found = SelectRelated().fit(constant).support_
    assert_array_equal(found[:14], SelectRelated().fit(walked).support_)
    assert found[14:].all()
    assert not found[:14].all()


def test_constant_features_alone_are_kept():
    assert SelectRelated().fit([np.ones((50, 3))] * 9).support_.all()
