"""Features are whitened, unless that drowns what videos share; motion may be one."""

from itertools import cycle, repeat

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skvas import (
    ActionSegmenter,
    JointAlignSegment,
    Timeline,
    Training,
    VideoAligner,
    load,
)
from skvas.datasets import make_videos
from skvas.estimators import _aligner, _joint
from skvas.exceptions import DegenerateFramesWarning, InvalidParameterError
from skvas.metrics import segmentation_report
from skvas.preprocessing import (
    Framewise,
    Interpolate,
    PoseFeatures,
    VideoStandardizer,
    WhitenedViews,
)
from skvas.preprocessing._features import (
    apply_features,
    clean_videos,
    fit_features,
    places_of,
    smoothing_of,
    spread_of,
)
from skvas.preprocessing._pipelines import last_step, with_last_step
from skvas.timeline import BlockOrder, _settled
from skvas.timeline._model import find_order, has_order
from skvas.timeline._settled import settle_features
from tests.models import ESTIMATORS, quick


def recurring(n_videos=8, *, n_noisy=10, seed=0):
    """Three actions that come and go, in two strong features beside weak noise."""
    rng = np.random.default_rng(seed)
    mixing = np.random.default_rng(0).normal(size=(n_noisy, n_noisy)) / n_noisy**0.5
    found = []
    for _ in range(n_videos):
        labels = np.repeat(rng.integers(0, 3, 20), 10)
        signal = np.array([[2.0, 0.0], [-1.0, 1.7], [-1.0, -1.7]])[labels]
        # One source with twenty faint echoes: standardised, it stays one component.
        signal = np.repeat(signal, 10, axis=1) + rng.normal(
            scale=0.3, size=(len(labels), 20)
        )
        noise = rng.normal(size=(len(labels), n_noisy)) @ mixing
        found.append(np.hstack([signal, noise]))
    return found


def choose_features(videos, n_clusters):
    """Return the features that estimators choose where nothing is asked for."""
    whitened = fit_features("whitened", videos)
    features = apply_features(whitened, videos)
    plain = settle_features(whitened, videos, n_clusters, features)
    anew = settle_features(whitened, videos, n_clusters)
    found, again = (last_step(settled or whitened) for settled in (plain, anew))
    assert (found.views, found.whiten) == (again.views, again.whiten)
    return found


def test_components_keep_their_variance_where_whitening_blows_up_noise():
    videos = recurring()
    chosen = choose_features(videos, 3)
    assert not chosen.whiten
    assert chosen.smoothing == pytest.approx(0.01)  # 4 of 200 frames would be more
    long = [np.repeat(video, 10, axis=0) for video in videos]
    assert choose_features(long, 3).smoothing == pytest.approx(4 / 2000)


@pytest.mark.parametrize(
    ("repeats", "times", "stays", "n_frames", "whiten"),
    [
        (0.5, 9.0, 15.0, 4, True),
        (0.5, 9.0, 13.0, None, True),
        (0.5, 4.0, 40.0, None, True),
        (0.1, 9.0, 20.0, 1, False),
        (0.1, 4.0, 20.0, 4, False),
    ],
)
def test_frames_of_what_comes_often_are_smoothed_less(
    repeats, times, stays, n_frames, whiten
):
    videos = list(np.random.default_rng(0).normal(size=(6, 700, 3)))
    look = _settled._Look(WhitenedViews().fit(videos), videos, videos, 3)
    vars(look).update(
        repeats=repeats,
        plain=0.9,
        moved=0.0,
        noise=0.0,
        times_and_length=(times, stays),
    )
    settled = _settled._settle_views(look, videos)
    if n_frames is None:
        assert settled is None
    else:
        assert settled.smoothing == pytest.approx(n_frames / 700)
        assert settled.whiten is whiten


def machine(n_frames=600, *, order=None, seed=0):
    """Switches of a machine that runs through its states, each for a few frames."""
    rng = np.random.default_rng(seed)
    switches = np.array([[0, 0, 1, 1, 0], [1, 0, 0, 1, 0], [0, 1, 1, 0, 0]])
    videos, found = [], []
    for _ in range(6):
        lengths = rng.integers(4, 14, n_frames)
        states = rng.integers(0, 3, n_frames) if order is None else order
        labels = np.repeat(np.resize(states, n_frames), lengths)[:n_frames]
        other = np.repeat(rng.integers(0, 3, n_frames), 60)[:n_frames]
        videos.append(np.column_stack([switches[labels], other]).astype(float))
        found.append(labels)
    return videos, found


def test_states_of_a_machine_are_taken_as_they_are():
    videos, labels = machine()
    chosen = choose_features(videos, 3)
    assert (chosen.whiten, chosen.smoothing) == (False, 0)
    model = ActionSegmenter(3, max_epochs=0, random_state=0).fit(videos)
    assert isinstance(model.features_, WhitenedViews)  # with what wanders, too
    assert segmentation_report(labels, model.labels_).miou > 0.95
    rng = np.random.default_rng(0)
    noisy = [video + 1e-3 * rng.normal(size=video.shape) for video in videos]
    assert choose_features(noisy, 3).smoothing > 0
    order = np.random.default_rng(1).integers(0, 3, 600)
    in_order, _ = machine(order=order)
    assert choose_features(in_order, 3).whiten
    slow = [np.repeat(video[:100], 6, axis=0) for video in videos]
    assert choose_features(slow, 3).smoothing > 0
    views = WhitenedViews().fit(videos)
    assert _settled.stand_still(videos, views)
    assert not _settled.stand_still([videos[0][:1]], views)  # there is no next frame


def with_offsets(videos, size, seed=0):
    """Let each feature of each video start from a place of its own."""
    rng = np.random.default_rng(seed)
    return [video + rng.normal(scale=size, size=video.shape[1]) for video in videos]


def look_at(videos, between, found, monkeypatch):
    """Look at videos of which it is known how well each view is found again."""
    plain = property(lambda look: found[look.whitened.views])
    monkeypatch.setattr(_settled, "share_between", lambda *_: between)
    monkeypatch.setattr(_settled._Look, "plain", plain)
    monkeypatch.setattr(_settled._Look, "plain_at_first", plain)
    return _settled._Look.at(videos, fit_features("whitened", videos), 3)


def test_recordings_that_differ_are_not_compared_as_a_collection():
    videos = recurring()
    assert choose_features(with_offsets(videos, 0.3), 3).views == (
        "video",
        "collection",
    )
    chosen = choose_features(with_offsets(videos, 3.0), 3)
    assert chosen.views == ("video",)
    assert not chosen.whiten
    strong = [video[:, :20].reshape(-1, 2, 10).mean(axis=2) for video in videos]
    labels = [
        np.where(x > 0.5, 0, np.where(y > 0, 1, 2))
        for x, y in map(np.transpose, strong)
    ]
    model = ActionSegmenter(3, max_epochs=0, random_state=0)
    found = model.fit(with_offsets(videos, 3.0)).labels_
    assert segmentation_report(labels, found).mof > 0.9
    told = ("compared", "by what differs within each recording alone")
    assert told in model.summary().facts
    assert told not in model.fit(videos).summary().facts


@pytest.mark.parametrize(
    ("n_videos", "between", "alone", "both", "expected"),
    [
        (6, 0.36, 0.1, 0.9, True),
        (6, 0.34, 0.45, 0.3, True),
        (6, 0.34, 0.39, 0.2, False),
        (6, 0.21, 0.9, 0.66, False),
        (6, 0.19, 0.9, 0.1, False),
        (5, 0.36, 0.1, 0.9, True),
        (5, 0.34, 0.9, 0.1, False),
    ],
)
def test_the_collection_is_left_out_by_what_is_found_again(
    n_videos, between, alone, both, expected, monkeypatch
):
    found = {("video",): alone, ("video", "collection"): both}
    videos = recurring(n_videos)
    look = look_at(videos, between, found, monkeypatch)
    chosen = _settled._look_alone(look, videos)
    assert (chosen is not None) is expected
    assert not expected or chosen.whitened.views == ("video",)


def some_each(n_videos=12, n_states=5, seed=0):
    """Make recordings of two or three states each, and their labels."""
    rng = np.random.default_rng(seed)
    places = rng.normal(size=(n_states, 10))
    labels = [
        np.repeat(rng.permutation(n_states)[: rng.integers(2, 4)], 30)
        for _ in range(n_videos)
    ]
    return [
        places[codes] + 0.5 * rng.normal(size=(len(codes), 10)) for codes in labels
    ], labels


def test_recordings_of_some_actions_are_compared_across_all_alone():
    videos, labels = some_each()
    model = ActionSegmenter(5, max_epochs=0, random_state=0).fit(videos)
    assert last_step(model.features_).views == ("collection",)
    assert segmentation_report(labels, model.labels_).mof > 0.98
    assert ("compared", "across all recordings alone") in model.summary().facts
    own = with_offsets(videos, 3.0)  # tell recordings apart, and nothing else
    assert choose_features(own, 5).views == ("video",)


@pytest.mark.parametrize(
    ("n_videos", "between", "together", "alone", "expected"),
    [
        (6, 0.09, 0.61, 0.5, True),
        (6, 0.5, 0.61, 0.5, True),
        (6, 0.07, 0.9, 0.1, False),
        (6, 0.09, 0.59, 0.5, False),
        (6, 0.09, 0.31, 0.1, True),
        (6, 0.09, 0.29, 0.1, False),
        (5, 0.09, 0.61, 0.5, False),
    ],
)
def test_the_collection_is_all_there_is_by_what_is_found_again(
    n_videos, between, together, alone, expected, monkeypatch
):
    found = {("video",): alone, ("collection",): together}
    videos = recurring(n_videos)
    look = look_at(videos, between, found, monkeypatch)
    chosen = _settled._look_together(look, videos)
    assert (chosen is not None) is expected
    assert not expected or chosen.whitened.views == ("collection",)
    monkeypatch.setattr(_settled, "has_order", lambda _: True)
    assert _settled._look_together(look, videos) is None


@pytest.mark.parametrize("scale", [1.0, 1e150])
def test_share_between_is_that_of_the_variance(scale):
    way = np.linspace(-1, 1, 101)[:, None] * [1.0, 1.0, 0.0]
    steps = np.array([[1.0, 0.0, 0.0], [-1.0, 0.0, 0.0]])
    videos = [scale * (way + step) for step in steps]
    views = WhitenedViews().fit(videos)
    within = (way[:, 0] ** 2).mean()
    expected = 1 / (1 + within) / 2  # of two features that vary
    assert _settled.share_between(views, videos) == pytest.approx(expected)
    longer = [videos[0], *[videos[1]] * 3]  # frames count, not videos
    views = WhitenedViews().fit(longer)
    expected = 0.75 / (0.75 + within) / 2
    assert _settled.share_between(views, longer) == pytest.approx(expected)


def test_nothing_that_varies_is_between():
    still = [np.ones((20, 2))] * 2
    with pytest.warns(DegenerateFramesWarning):
        views = WhitenedViews().fit(still)
    assert _settled.share_between(views, still) == 0


@pytest.mark.parametrize(("repeats", "whitens"), [(0.38, True), (0.34, False)])
def test_in_one_view_whitened_clusters_have_to_repeat_less(
    repeats, whitens, monkeypatch
):
    found = iter([repeats, 0.9, repeats, 0.9])
    monkeypatch.setattr(_settled, "repeatability", lambda *_: next(found))
    monkeypatch.setattr(_settled, "_look_together", lambda *_: None)
    monkeypatch.setattr(_settled._Look, "moves", lambda _: False)
    videos = with_offsets(recurring(6), 3.0)
    assert choose_features(videos, 3).whiten is whitens


def test_in_an_order_recordings_that_differ_need_no_noise(monkeypatch):
    order = BlockOrder(0.4, 0.01, 8)
    monkeypatch.setattr(_settled, "find_order", lambda _: order)
    monkeypatch.setattr(_settled, "noise_of", lambda *_: 0.0)
    monkeypatch.setattr(_settled._Look, "moves_in_order", lambda _: False)
    assert choose_features(recurring(), 3).whiten
    assert not choose_features(with_offsets(recurring(), 3.0), 3).whiten


def test_what_wanders_has_no_say_in_what_features_are_chosen(monkeypatch):
    rng = np.random.default_rng(0)
    walked = [
        np.hstack([video, rng.normal(size=(len(video), 3)).cumsum(axis=0)])
        for video in recurring(n_noisy=2)
    ]
    widths, look = set(), _settled.repeatability
    monkeypatch.setattr(_settled, "_find_drift", lambda *_: None)
    monkeypatch.setattr(
        _settled,
        "repeatability",
        lambda videos, *a, **k: widths.add(videos[0].shape[1]) or look(videos, *a, **k),
    )
    chosen = choose_features(walked, 3)
    assert chosen.n_features_in_ == 22
    n_columns = len(chosen.get_feature_names_out())  # of two views, and a constant
    assert widths == {n_columns, n_columns // 2 + 1}  # of them, and of motion alone


def shaking(n_videos=6, *, order=None, apart=0.0, seed=0):
    """Four actions that differ in what moves and how much, and two in their place."""
    rng = np.random.default_rng(seed)
    amounts = 0.1 + 2 * np.eye(4, 8) + 2 * np.eye(4, 8, 4)
    places = apart * np.array([[1], [1], [-1], [-1]])
    found = []
    for _ in range(n_videos):
        labels = np.repeat(rng.permutation(4) if order is None else order, 40)
        slow = 0.3 * rng.normal(size=(len(labels), 8)).cumsum(axis=0) / 4
        slow += places[labels]
        found.append(slow + amounts[labels] * rng.normal(size=slow.shape))
    return found


@pytest.mark.parametrize(
    ("plain", "moved", "moves"),
    [
        (0.5, 0.54, False),
        (0.5, 0.56, True),
        (0.95, 0.84, False),
        (0.95, 0.85, True),
    ],
)
def test_motion_comes_before_unscaled_components_where_it_repeats_better_or_surely(
    plain, moved, moves, monkeypatch
):
    for name, value in (("plain", plain), ("moved", moved)):
        monkeypatch.setattr(_settled._Look, name, value)
    monkeypatch.setattr(_settled._Look, "is_drowned", lambda *_: True)
    chosen = choose_features(recurring(n_noisy=2), 3)
    assert chosen.whiten == moves
    assert ("motion" in chosen.views) == moves


def test_motion_is_a_view_where_it_is_found_again_in_other_videos():
    chosen = choose_features(shaking(apart=0.5), 4)
    assert chosen.views == ("video", "collection", "motion")
    assert chosen.whiten
    assert choose_features(shaking(2, apart=0.5), 4).views == chosen.views


def test_motion_is_all_where_places_tell_nothing():
    assert choose_features(shaking(), 4).views == ("motion",)
    assert choose_features(shaking(2), 4).views == ("motion",)


@pytest.mark.parametrize(
    ("repeats", "plain", "moved", "stays", "expected"),
    [
        (0.09, 0.29, 0.4, 60.0, True),
        (0.09, 0.31, 0.4, 12.0, False),
        (0.11, 0.3, 0.4, 10.0, False),
        (0.02, 0.1, 0.29, 10.0, False),
        (0.02, 0.44, 0.3, 11.0, True),
        (0.02, 0.44, 0.3, 12.0, False),
        (0.02, 0.46, 0.3, 10.0, False),
    ],
)
def test_motion_is_all_by_what_is_found_again(repeats, plain, moved, stays, expected):
    look = _settled._Look(None, [], [], 3)
    found = {"repeats": repeats, "plain": plain, "moved": moved}
    vars(look).update(found, times_and_length=(9.0, stays))
    assert look.is_all_motion() is expected


@pytest.mark.parametrize(
    ("repeats", "plain", "times", "noise", "in_order", "expected"),
    [
        (0.05, 0.29, 9.0, 0.9, False, False),
        (0.05, 0.31, 9.0, 0.1, False, True),
        (0.05, 0.39, 4.9, 0.9, False, False),
        (0.05, 0.41, 4.9, 0.1, False, True),
        (0.19, 0.8, 1.0, 0.1, False, True),
        (0.21, 0.8, 4.9, 0.79, False, False),
        (0.21, 0.8, 5.0, 0.1, False, True),
        (0.21, 0.8, 1.0, 0.81, False, True),
        (0.22, 0.86, 1.0, 0.1, False, True),
        (0.21, 0.8, 1.0, 0.1, True, True),
        (0.41, 0.8, 9.0, 0.9, True, False),
        (0.47, 0.9, 9.0, 0.9, False, False),
    ],
)
def test_whitening_drowns_movements_less_soon_than_states(
    repeats, plain, times, noise, in_order, expected
):
    look = _settled._Look(None, [], [], 3)
    found = {"repeats": repeats, "plain": plain, "noise": noise}
    vars(look).update(found, times_and_length=(times, 20.0))
    assert look.is_drowned(0.5, in_order) is expected


@pytest.mark.parametrize("value", [0.0, 0.4])
def test_movements_are_told_from_states_where_no_order_is_shared(value, monkeypatch):
    told = {"repeats": 0.3, "plain": 0.8, "noise": 0.4, "times_and_length": (1.0, 20.0)}
    for name, what in told.items():
        monkeypatch.setattr(_settled._Look, name, what)
    monkeypatch.setattr(_settled, "find_order", lambda _: BlockOrder(value, 0.01, 8))
    for name in ("moves", "moves_in_order", "is_all_motion"):
        monkeypatch.setattr(_settled._Look, name, lambda _: False)
    assert choose_features(recurring(), 3).whiten is (value == 0)


@pytest.mark.parametrize(
    ("cls", "gate"),
    [
        (JointAlignSegment, (_joint, "may_have_order")),
        (VideoAligner, (_aligner, "has_order")),
    ],
)
def test_order_is_not_asked_again_of_features_settled_for_want_of_one(
    cls, gate, monkeypatch
):
    monkeypatch.setattr(*gate, lambda _: True)
    monkeypatch.setattr(_joint, "keeps_order", lambda *_: True)
    monkeypatch.setattr(_settled._Look, "is_all_motion", lambda _: False)
    monkeypatch.setattr(_settled, "_find_drift", lambda *_: None)
    model = quick(cls)
    assert model.fit(shaking()).timeline_ is None
    assert "motion" in model.features_.views
    model.set_params(features=clone(model.features_))
    assert model.fit(shaking()).timeline_ is not None


def test_order_is_asked_of_motion_where_that_is_all():
    rng = np.random.default_rng(0)
    amounts, mixing = np.exp(rng.normal(size=(4, 6))), rng.normal(size=(6, 20))
    truth = [np.repeat(range(4), rng.integers(60, 100, 4)) for _ in range(8)]
    videos = []
    for labels in truth:
        sources = amounts[labels] * rng.normal(size=(len(labels), 6))
        videos.append(sources @ mixing + 0.4 * rng.normal(size=(len(labels), 20)))
    model = JointAlignSegment(4, max_epochs=0, random_state=0).fit(videos)
    assert model.features_.views == ("motion",)
    assert model.segment_on_ == "timeline"
    assert segmentation_report(truth, model.labels_).miou > 0.9
    assert ("compared", "by how much features move alone") in model.summary().facts
    alone = Timeline(4, random_state=0).fit(videos)
    assert alone.features_.views == ("motion",)
    assert alone.order_.verdict == "yes"


def test_motion_is_no_view_where_places_are_found_again_as_well():
    shaken = shaking(order=[0, 1, 2, 3])  # in the same order, and moved to another
    turns = [np.random.default_rng(i).permutation(4) for i in range(len(shaken))]
    places = 9 * np.eye(4, 8)
    videos = [
        np.concatenate([video[40 * i : 40 * i + 40] + places[i] for i in turn])
        for video, turn in zip(shaken, turns, strict=True)
    ]
    assert "motion" not in choose_features(videos, 4).views
    assert "motion" in choose_features([np.diff(v, axis=0) for v in videos], 4).views


def test_places_are_what_is_no_motion():
    videos = shaking()
    views = WhitenedViews(n_components=3, views=("motion", "video"), offset=0.5)
    assert places_of(views.fit(videos)).tolist() == [False] * 3 + [True] * 4
    assert places_of(WhitenedViews().fit(videos)) is None
    assert places_of(None) is None


def test_number_of_actions_is_told_by_places(monkeypatch):
    data = make_videos(6, n_actions=4, shared_order=False, random_state=0)
    model = ActionSegmenter((2, 8), max_epochs=0, random_state=0)
    without = model.fit(data.videos).n_actions_scores_["score"]
    monkeypatch.setattr(_settled._Look, "moves", lambda _: True)
    model.fit(data.videos)
    assert "motion" in model.features_.views
    np.testing.assert_allclose(model.n_actions_scores_["score"], without, atol=0.05)


def test_motion_is_no_view_where_places_tell_more():
    data = make_videos(6, n_actions=4, shared_order=False, random_state=0)
    assert "motion" not in choose_features(data.videos, 4).views


@pytest.mark.parametrize(
    ("moved", "repeats", "beside", "moves"),
    [
        (0.39, 0.2, 0.9, False),
        (0.4, 0.4, 0.1, True),
        (0.4, 0.5, 0.52, False),
        (0.4, 0.5, 0.53, True),
    ],
)
def test_motion_is_found_again_as_well_or_adds_to_places(moved, repeats, beside, moves):
    look = _settled._Look(None, [], [], 3)
    vars(look).update(moved=moved, repeats=repeats, beside=beside)
    assert look.moves() is moves


def test_motion_is_a_view_beside_places_that_are_found_again_better():
    rng = np.random.default_rng(0)
    postures, speeds = np.repeat(np.eye(3), 2, axis=0), np.tile([0.2, 1.0], 3)
    videos, labels = [], []
    for _ in range(8):
        own = np.repeat(rng.permutation(6), 100)
        turned = np.cumsum(rng.uniform(0.6, 1.0, len(own)))[:, None] + [0, 1, 2]
        shown = postures[own] + speeds[own][:, None] * np.sin(turned)
        videos.append(shown + 0.05 * rng.normal(size=shown.shape))
        labels.append(own)
    chosen = choose_features(videos, 6)
    assert chosen.views == ("video", "collection", "motion")
    model = ActionSegmenter(6, max_epochs=0, random_state=0).fit(videos)
    assert segmentation_report(labels, model.labels_).miou > 0.9


def test_lengths_of_frames_do_not_tell_whether_motion_adds_to_places():
    rng = np.random.default_rng(0)
    ways, turns = np.repeat(np.eye(4), 2, axis=0), np.tile(np.eye(2), (4, 1))
    places, motion, lengths = [], [], []
    for _ in range(4):
        own = np.repeat(rng.permutation(8), 30)
        places.append(ways[own] + 0.2 * rng.normal(size=(len(own), 4)))
        motion.append(turns[own] + 0.2 * rng.normal(size=(len(own), 2)))
        lengths.append(np.exp(rng.normal(size=(len(own), 1))))
    look = _settled._Look(None, [], places, 8)
    vars(look).update(motion=motion)
    pairs = [zip(frames, lengths, strict=True) for frames in (places, motion)]
    seen, moving = ([video * by for video, by in pair] for pair in pairs)
    uneven = _settled._Look(None, [], seen, 8)
    vars(uneven).update(motion=moving)
    assert uneven.beside == pytest.approx(look.beside, abs=0.02)


def test_motion_is_no_view_of_a_lone_video():
    assert "motion" not in choose_features(shaking(1), 4).views


def test_motion_is_a_view_in_a_shared_order_where_it_is_found_again_far_better():
    walked = make_videos(8, n_actions=4, noise=3.5, random_state=0).videos
    shaken = [
        np.hstack([video, shake[np.arange(len(video)) * 160 // len(video)]])
        for video, shake in zip(walked, shaking(8, order=[0, 1, 2, 3]), strict=True)
    ]
    assert find_order(WhitenedViews().fit(shaken).transform(shaken)).verdict == "yes"
    assert "motion" in choose_features(shaken, 4).views
    assert "motion" not in choose_features(walked, 4).views


@pytest.mark.parametrize("cls", [JointAlignSegment, VideoAligner])
def test_order_is_asked_of_places_where_motion_is_a_view(cls, monkeypatch):
    monkeypatch.setattr(_joint, "keeps_order", lambda *_: True)
    monkeypatch.setattr(_settled._Look, "moves_in_order", lambda _: True)
    model = quick(cls).fit(make_videos(8, n_actions=3, random_state=0).videos)
    assert "motion" in model.features_.views
    assert model.timeline_ is not None


@pytest.mark.parametrize(
    ("found", "moves"),
    [
        ([0.29], False),
        ([0.3, 0.44], False),
        # Of motion, of places, and of both where that is less; then of unscaled places.
        ([0.3, 0.45, 0.4, 0.45], True),
        ([0.3, 0.45, 0.4, 0.46, 0.45], False),
        ([0.3, 0.45, 0.41, 0.43], False),
        ([0.3, 0.45, 0.41, 0.44, 0.44], True),
        ([0.3, 0.45, 0.41, 0.44, 0.46], False),
    ],
)
def test_in_a_shared_order_motion_is_looked_at_step_by_step(found, moves, monkeypatch):
    videos = make_videos(8, n_actions=4, random_state=0).videos
    indices = iter(found * 2)  # `choose_features` asks twice
    monkeypatch.setattr(_settled, "repeatability", lambda *_, **__: next(indices))
    monkeypatch.setattr(_settled, "noise_of", lambda *_: 0.0)
    assert ("motion" in choose_features(videos, 4).views) is moves
    assert next(indices, None) is None


def test_motion_has_to_be_found_again():
    rng = np.random.default_rng(0)
    noise = [rng.normal(size=(160, 8)) for _ in range(6)]
    assert "motion" not in choose_features(noise, 4).views


def test_spread_is_what_whitening_divided_by():
    videos = recurring()
    views = WhitenedViews(n_components=3, offset=0.5).fit(videos)
    deviations = np.sqrt(np.concatenate(views.explained_variance_))
    typical = np.sqrt((deviations**2).mean())
    np.testing.assert_allclose(spread_of(views), [*deviations, typical])
    plain = WhitenedViews(n_components=3, whiten=False).fit(videos)
    assert spread_of(plain) is spread_of(VideoStandardizer()) is spread_of(None) is None


def test_few_videos_of_short_actions_are_not_whitened():
    assert not choose_features(recurring(2), 3).whiten


@pytest.mark.parametrize(
    ("repeats", "n_videos", "whitens"),
    [(0.2, 5, True), (0.1, 5, False), (0.2, 6, False), (0.5, 6, True)],
)
def test_few_videos_have_to_show_it_more_clearly(
    repeats, n_videos, whitens, monkeypatch
):
    found = iter([repeats, 0.9, repeats, 0.9])  # as they are, and unwhitened
    monkeypatch.setattr(_settled, "repeatability", lambda *_: next(found))
    monkeypatch.setattr(_settled._Look, "moves", lambda _: False)
    assert choose_features(recurring(n_videos), 3).whiten is whitens


def test_videos_that_share_an_order_are_whitened_unless_single_frames_are_noisy():
    rng = np.random.default_rng(0)
    data = make_videos(8, n_actions=4, random_state=0)
    for deviation in (0, 2):
        noisy = []
        for video in data.videos:
            noise = rng.normal(size=(len(video), 10))
            if deviation:
                noise = gaussian_filter1d(noise, deviation, axis=0)
            noisy.append(np.hstack([video, noise]))
        assert choose_features(noisy, 4).whiten is (deviation > 0)


def network_frames(n_steps, n_videos, *, seed):
    """Frames of a network: steps, done one to four times, beside a slow drift."""
    rng = np.random.default_rng(seed)
    steps, first = rng.normal(size=(n_steps, 12)), rng.normal(size=(16, 64)) / 3
    second = rng.normal(size=(64, 128)) / 6
    usual = rng.integers(15, 40, n_steps)
    videos, labels = [], []
    for _ in range(n_videos):
        order = np.tile(np.arange(n_steps), rng.integers(1, 5))
        lengths = usual[order] * np.exp(0.3 * rng.normal(size=len(order)))
        codes = np.repeat(order, lengths.astype(int))
        seen = steps[codes] + 0.3 * rng.normal(size=12)
        seen += 0.5 * rng.normal(size=seen.shape)
        drift = 0.08 * rng.normal(size=(len(codes), 4)).cumsum(axis=0)
        hidden = np.maximum(np.hstack([seen, drift]) @ first, 0)
        frames = np.maximum(hidden @ second, 0)
        videos.append(frames + 0.1 * rng.normal(size=frames.shape))
        labels.append(codes)
    return videos, labels


def test_components_keep_their_variance_in_a_loose_order():
    videos, labels = network_frames(5, 10, seed=0)
    whitened = fit_features("whitened", videos)
    assert has_order(find_order(apply_features(whitened, videos)))
    assert not choose_features(videos, 5).whiten
    model = JointAlignSegment(5, max_epochs=0, random_state=0)
    assert segmentation_report(labels, model.fit(videos).labels_).miou > 0.9


@pytest.mark.parametrize(
    ("noise", "value", "unscaled", "whitens"),
    [
        (0.4, 0.4, 0.3, False),
        (0.4, 0.6, 0.75, False),
        (0.4, 0.6, 0.65, True),
        (0.2, 0.4, 0.9, True),
    ],
)
def test_order_and_noise_say_whether_components_keep_their_variance(
    noise, value, unscaled, whitens, monkeypatch
):
    orders = cycle([BlockOrder(value, 0.01, 8), BlockOrder(unscaled, 0.01, 8)])
    if value < 0.5 or noise < 0.3:  # not asked again
        orders = repeat(BlockOrder(value, 0.01, 8))
    monkeypatch.setattr(_settled, "find_order", lambda _: next(orders))
    monkeypatch.setattr(_settled, "noise_of", lambda *_: noise)
    monkeypatch.setattr(_settled._Look, "moves_in_order", lambda _: False)
    assert choose_features(recurring(), 3).whiten is whitens


def syllables(length, n_videos=8, seed=0):
    """Steps that differ little; in each it is loud and quiet again, for some frames."""
    rng = np.random.default_rng(seed)
    steps, loud = 0.5 * rng.normal(size=(3, 20)), 4.0 * rng.normal(size=20)
    videos = []
    for _ in range(n_videos):
        codes = np.repeat(rng.permutation(3), rng.integers(150, 250, 3))
        lengths = rng.integers(length - 2, length + 3, len(codes))
        beats = np.repeat(np.arange(len(codes)) % 2, lengths)[: len(codes)]
        noise = 0.5 * rng.normal(size=(len(codes), 20))
        videos.append(steps[codes] + beats[:, None] * loud + noise)
    return videos


@pytest.mark.parametrize(("length", "whitens"), [(10, True), (24, False)])
def test_clusters_that_keep_their_variance_have_to_last(length, whitens):
    assert choose_features(syllables(length), 2).whiten is whitens


def test_noise_is_that_of_single_frames():
    rng = np.random.default_rng(0)
    walks = [rng.normal(size=(400, 3)).cumsum(axis=0) for _ in range(3)]
    noise = [rng.normal(size=(400, 3)) for _ in range(3)]
    for videos, expected in ((walks, 0.0), (noise, 1.0)):
        views = WhitenedViews(offset=0.5).fit(videos)
        assert _settled.noise_of(views, videos) == pytest.approx(expected, abs=0.06)
        assert views.smoothing == 0.01
    still = [np.ones((20, 2))] * 2
    with pytest.warns(DegenerateFramesWarning):
        views = WhitenedViews().fit(still)
    assert _settled.noise_of(views, still) == 0
    views = WhitenedViews(views=("collection",))
    single = list(rng.normal(size=(9, 1, 3)))
    assert _settled.noise_of(views.fit(single), single) == 0


def test_noise_without_clusters_is_whitened():
    rng = np.random.default_rng(0)
    noise = [rng.normal(size=(100, 6)) * [9, 1, 1, 1, 1, 1] for _ in range(8)]
    assert choose_features(noise, 5).whiten


@pytest.mark.parametrize("model", [ActionSegmenter(3), VideoAligner()])
def test_estimators_choose_where_nothing_is_asked_for(model):
    videos = recurring()
    model.set_params(max_epochs=0, random_state=0)
    assert not model.fit(videos).features_.whiten
    assert model.set_params(features="whitened").fit(videos).features_.whiten


@pytest.mark.parametrize("live", [False, True])
def test_actions_that_differ_in_motion_alone_are_found(live):
    orders = [np.random.default_rng(i).permutation(4) for i in range(8)]
    videos = [shaking(1, order=order, seed=i)[0] for i, order in enumerate(orders)]
    model = ActionSegmenter(
        4, max_epochs=0, training=Training(live=live), random_state=0
    )
    model.fit(videos)
    assert model.features_.views == ("motion",)
    truth = [np.repeat(order, 40) for order in orders]
    assert segmentation_report(truth, model.labels_).mof > 0.9
    # Embeddings know of motion.
    assert (model.live_["features"]["motion"] is None) == live
    told = model.stream().push(videos[0]).labels
    assert np.mean(told == model.labels_[0]) > 0.8


def still(n_videos=24):
    """Videos that stand still, each in one of three places that whitening blurs."""
    rng = np.random.default_rng(0)
    places = rng.normal(scale=3, size=(3, 30))
    frames = places[np.arange(n_videos) % 3]
    frames += rng.normal(scale=0.2, size=frames.shape)
    return [np.repeat(frame[None], 20 + i, axis=0) for i, frame in enumerate(frames)]


@pytest.mark.parametrize("cls", ESTIMATORS)
def test_view_that_does_not_vary_is_warned_of_once(cls):
    model = quick(cls, max_epochs=0)
    with pytest.warns(DegenerateFramesWarning, match="view.s. video:") as caught:
        model.fit(still())
    assert not model.features_.whiten  # fitted anew
    assert len(caught) == 1


@pytest.mark.parametrize("cls", ESTIMATORS)
def test_equal_frames_are_warned_of_once_by_a_pipeline(cls):
    features = make_pipeline(VideoStandardizer(), WhitenedViews())
    with pytest.warns(DegenerateFramesWarning, match="video, collection") as caught:
        quick(cls, max_epochs=0, features=features).fit([np.ones((20, 3))] * 3)
    assert len(caught) == 1


def with_gaps(videos):
    found = [video.copy() for video in videos]
    for video in found:
        video[20:23, 0] = np.nan
    return found


@pytest.mark.parametrize("make", [recurring, shaking])
def test_last_step_of_a_pipeline_is_chosen_as_features_alone_are(make):
    videos = make(8)
    model = ActionSegmenter(4, max_epochs=0, random_state=0)
    alone = model.fit(videos).features_
    after = make_pipeline(Interpolate(), "auto")
    chosen = model.set_params(features=after).fit(videos).features_[-1]
    assert (chosen.views, chosen.whiten) == (alone.views, alone.whiten)
    assert (chosen.views, chosen.whiten) != (WhitenedViews().views, True)
    for mine, theirs in zip(chosen.components_, alone.components_, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert after.steps[-1] == ("auto", "auto")


def test_chosen_last_step_sees_what_the_others_make_of_gaps(recwarn):
    features = make_pipeline(Interpolate(), "auto")
    model = ActionSegmenter(4, features=features, max_epochs=0, random_state=0)
    model.fit(with_gaps(shaking()))
    assert model.features_[-1].views == ("motion",)
    gaps = [w for w in recwarn if "gap" in str(w.message)]
    assert len(gaps) <= 1


def test_poses_with_long_gaps_keep_their_positions_on_a_timeline():
    data = make_videos(10, n_actions=5, n_frames=(90, 130), random_state=1)
    videos = [video.copy() for video in data.videos]
    for start, video in enumerate(videos, 20):
        video[start : start + 32, 2:4] = np.nan
    features = make_pipeline(PoseFeatures("xy", center=None, scale=None), "auto")
    model = JointAlignSegment(5, features=features, max_epochs=0, random_state=0)
    timeline = model.fit(videos).timeline_
    for again, first in zip(
        timeline.to_timeline(videos), timeline.positions_, strict=True
    ):
        np.testing.assert_array_equal(again, first)


@pytest.mark.parametrize("shared_order", [True, False])
def test_first_steps_are_applied_once_more_to_look_for_motion(
    shared_order, monkeypatch
):
    data = make_videos(6, n_actions=4, shared_order=shared_order, random_state=0)
    looks, transform = [], Interpolate.transform
    monkeypatch.setattr(
        Interpolate, "transform", lambda *a: looks.extend(a[1]) or transform(*a)
    )
    fitted = fit_features(make_pipeline(Interpolate(), "whitened"), data.videos)
    features = apply_features(fitted, data.videos)
    n_before = len(looks)
    settle_features(fitted, data.videos, 4, features)
    assert len(looks) - n_before == len(data.videos)


@pytest.mark.parametrize("name", ["whitened", "standardise"])
def test_pipeline_may_end_with_a_name(name):
    model = quick(VideoAligner, features=make_pipeline(Interpolate(), name))
    kinds = {"whitened": WhitenedViews, "standardise": VideoStandardizer}
    assert isinstance(model.fit(shaking()).features_[-1], kinds[name])


def test_published_recipes_leave_the_last_step_out():
    features = make_pipeline(Interpolate(), "auto")
    model = quick(VideoAligner, recipe="paper", features=features).fit(shaking())
    assert [name for name, _ in model.features_.steps] == ["interpolate"]
    live = quick(VideoAligner, recipe="paper", live=True).fit(shaking())
    assert live.features_ is None


def test_pipeline_may_end_with_no_step():
    features = make_pipeline(VideoStandardizer(), "passthrough")
    assert quick(VideoAligner, features=features).fit(shaking()).features_ is not None


def test_another_last_step_leaves_the_pipeline_as_it_was(tmp_path):
    pipeline = make_pipeline(Interpolate(), "auto", memory=str(tmp_path))
    other = with_last_step(pipeline, VideoStandardizer())
    assert other.memory == with_last_step(pipeline, None).memory == str(tmp_path)
    assert pipeline.steps[-1] == ("auto", "auto")
    assert with_last_step(make_pipeline("auto"), None) is None


def test_steps_of_a_pipeline_in_a_pipeline_take_videos_as_well():
    videos = make_videos(3, n_features=8, random_state=0).videos
    videos[1][5:8, 2] = np.nan
    steps = PoseFeatures("xy"), VideoStandardizer(), PCA(3)
    flat = fit_features(make_pipeline(*steps), videos)
    nested = fit_features(
        make_pipeline(make_pipeline(steps[0]), make_pipeline(*steps[1:])), videos
    )
    for ours, theirs in (
        (apply_features(nested, videos), apply_features(flat, videos)),
        (clean_videos(nested, videos), clean_videos(flat, videos)),
    ):
        for one, other in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(one, other)


def test_frames_are_compared_as_they_are_where_the_first_step_rescales_them():
    videos = make_videos(3, random_state=0).videos
    videos[1][5:8, 2] = np.nan
    fitted = fit_features(make_pipeline(StandardScaler(), Interpolate()), videos)
    cleaned = clean_videos(fitted, videos)
    np.testing.assert_array_equal(cleaned[0], videos[0])
    assert np.isfinite(cleaned[1]).all()


def test_other_names_at_the_end_of_a_pipeline_are_refused():
    model = quick(VideoAligner, features=make_pipeline(Interpolate(), "whiten"))
    with pytest.raises(InvalidParameterError, match="'standardise', got 'whiten'"):
        model.fit(shaking())


def test_steps_before_a_name_must_not_look_at_later_frames_live():
    features = make_pipeline(Interpolate(), "auto")
    model = quick(VideoAligner, features=features, training=Training(live=True))
    with pytest.raises(InvalidParameterError, match="'Pipeline' may look at later"):
        model.fit(shaking())
    features = make_pipeline(Framewise(StandardScaler()), "auto")
    assert model.set_params(features=features).fit(shaking()).is_causal_


def test_known_smoothing_is_that_of_both_sides():
    views = WhitenedViews(smoothing=0.02)
    assert smoothing_of(views) == smoothing_of(make_pipeline(Interpolate(), views))
    assert smoothing_of(views) == 0.02
    assert smoothing_of(WhitenedViews(smoothing=0.02, causal=True)) == 0
    assert smoothing_of(Interpolate()) == smoothing_of(None) == 0


def test_model_whose_pipeline_ends_with_a_name_is_saved(tmp_path):
    features = make_pipeline(Interpolate(), "auto")
    model = quick(ActionSegmenter, features=features).fit(shaking())
    model.save(tmp_path / "model")
    again = load(tmp_path / "model")
    assert again.features.steps[-1] == ("auto", "auto")
    assert again.live_["features"]["motion"] is not None
    new = shaking(1, seed=1)[0]
    np.testing.assert_array_equal(again.predict(new), model.predict(new))


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda videos: [v[::2] for v in videos], r"video 0: .*shape \(15, 5\) of 30"),
        (lambda videos: [v[:, 0] for v in videos], r"video 0: .*shape \(30,\) of 30"),
        (lambda videos: [v[:, : len(v) - 28] for v in videos], "video 1: .*as many"),
        (lambda videos: videos[:1], "makes 1 of 2 videos"),
        (
            lambda videos: [v - np.inf for v in videos],
            "video 0: .*infinite in 30",
        ),
        (
            lambda videos: [v * np.nan for v in videos],
            "video 0: .*NaN or inf",
        ),
    ],
)
def test_features_are_finite_rows_for_all_frames(function, said):
    videos = [np.random.default_rng(n).normal(size=(n, 5)) for n in (30, 31)]
    with pytest.raises(ValueError, match=said):
        apply_features(FunctionTransformer(function), videos)
