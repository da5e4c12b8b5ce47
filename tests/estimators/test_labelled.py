"""Fitting with labels of some frames, as users see it."""

from __future__ import annotations

import copy
import re
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    cross_val_predict,
    cross_val_score,
)
from sklearn.pipeline import make_pipeline

import skvas
from skvas import ActionSegmenter, JointAlignSegment
from skvas.datasets import Recordings, make_videos
from skvas.decoding import labels_to_segments
from skvas.estimators import _joint
from skvas.exceptions import InvalidParameterError, ModelFileError
from skvas.io import SegmentTable
from skvas.labels import frame_labels
from skvas.labels._anchored import AnchoredActions
from skvas.labels._chained import USUAL_CHAINED, ChainedNaming, Succession
from skvas.labels._naming import BaseNaming, Naming
from skvas.metrics import hide_labels
from skvas.persistence._timeline import check_naming
from skvas.preprocessing._pipelines import last_step
from tests.estimators.test_load import assert_refused, forge
from tests.models import (
    SEGMENTERS,
    assert_same_state,
    fitted_once,
    quick,
    small_videos,
)

VIDEOS = small_videos()
NAMES = np.array(["pour", "stir", "take"])  # of thirds of each video


def thirds(video):
    return NAMES[np.arange(len(video)) * 3 // len(video)]


def labels_of(*which):
    return [thirds(v) if i in which else None for i, v in enumerate(VIDEOS)]


@pytest.fixture(scope="module", params=SEGMENTERS, ids=lambda cls: cls.__name__)
def cls(request):
    return request.param


@pytest.fixture(scope="module")
def model(cls):
    return quick(cls).fit(VIDEOS, labels_of(0, 1))


def test_predict_gives_names(model):
    assert_array_equal(model.classes_, NAMES)
    found = model.predict(VIDEOS)
    assert set(np.concatenate(found)) <= set(NAMES)
    assert_array_equal(model.predict(VIDEOS[0]), found[0])


def test_given_labels_are_kept(model):
    for index in (0, 1):
        assert_array_equal(model.labels_[index], thirds(VIDEOS[index]))


def test_fit_predict_learns_the_labels(cls, model):
    y = labels_of(0, 1)
    whole = make_pipeline(quick(cls))
    for found in (quick(cls).fit_predict(VIDEOS, y), whole.fit_predict(VIDEOS, y)):
        assert_array_equal(np.concatenate(found), np.concatenate(model.labels_))
    one = quick(cls).fit_predict(VIDEOS[0], y[0])
    assert_array_equal(one, y[0])


def test_probabilities_have_a_column_for_each_name(model):
    found = model.predict_proba(VIDEOS[0])
    assert found.shape == (len(VIDEOS[0]), 3)
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-5)


def test_integers_stay_integers(cls):
    y = [None if labels is None else [7] * len(labels) for labels in labels_of(0)]
    model = quick(cls, n_actions=2).fit(VIDEOS, y)
    assert_array_equal(model.classes_, [7, 8])
    assert model.labels_[0].dtype == np.int64


@pytest.mark.parametrize(
    "y",
    [
        [None] * len(VIDEOS),
        [[-1] * len(video) for video in VIDEOS],
        [[""] * len(video) for video in VIDEOS],
    ],
)
def test_nothing_labelled_is_as_no_labels_at_all(cls, y):
    with_y, without = quick(cls).fit(VIDEOS, y), fitted_once(cls)
    for ours, theirs in zip(with_y.labels_, without.labels_, strict=True):
        assert_array_equal(ours, theirs)
        assert ours.dtype == theirs.dtype
    assert_array_equal(with_y.prototypes_, without.prototypes_)
    for name, values in without.history_.items():
        if name != "seconds":
            assert_array_equal(with_y.history_[name], values)
    assert_array_equal(with_y.classes_, np.arange(3))


def test_training_learns_the_labels(model, cls):
    cost = model.history_["loss_labels"]
    assert cost[-1] < cost[0]
    assert "loss_labels" not in fitted_once(cls).history_
    one_label = [["pour"] * len(VIDEOS[0]), *[None] * (len(VIDEOS) - 1)]
    assert "loss_labels" not in quick(cls).fit(VIDEOS, one_label).history_


def test_checkpoint_of_other_labels_is_refused(cls, tmp_path):
    training = {"training__checkpoint": tmp_path / "run"}
    quick(cls).set_params(**training).fit(VIDEOS, labels_of(0))
    with pytest.raises(skvas.exceptions.CheckpointError, match="labels"):
        quick(cls).set_params(**training).fit(VIDEOS, labels_of(1))
    short = [
        list("ab" * (len(video) // 2) + "a" * (len(video) % 2)) for video in VIDEOS
    ]
    training = {"training__checkpoint": tmp_path / "short"}
    quick(cls).set_params(**training).fit(VIDEOS, short)
    stamps = [dict(enumerate(labels)) for labels in short]
    with pytest.raises(skvas.exceptions.CheckpointError, match="smoothing"):
        quick(cls).set_params(**training).fit(VIDEOS, stamps)


def test_number_of_actions_is_that_of_the_labels_unless_given(cls):
    def fitted(y=None, **options):
        return quick(cls, max_epochs=0, features=None, **options).fit(VIDEOS, y)

    assert fitted(labels_of(1), n_actions=None).n_actions_ == 3
    assert fitted(n_actions=None).n_actions_ == 8
    assert fitted(n_actions=None, recipe="breakfast/cereals").n_actions_ == 5
    more = fitted(labels_of(1), n_actions=5)
    assert more.classes_.tolist() == [*NAMES, "action 3", "action 4"]
    assert fitted(labels_of(1), n_actions="auto").n_actions_ >= 3


def test_row_68_more_labels_than_actions_are_refused_and_nothing_is_fitted(cls, model):
    model.set_params(n_actions=2)
    before = dict(vars(model))
    with pytest.raises(InvalidParameterError, match=r"3 labels .*'take' .* video 1"):
        model.fit(VIDEOS, labels_of(1))
    assert_same_state(model, before)
    model.set_params(n_actions=3)


def test_row_68_bad_labels_leave_the_estimator_as_it_was(cls, model):
    before = dict(vars(model))
    with pytest.raises(ValueError, match="^video 1: expected one label for each"):
        model.fit(VIDEOS, [None, ["a"], *[None] * (len(VIDEOS) - 2)])
    assert_same_state(model, before)


def test_model_file_keeps_names(model, tmp_path):
    model.save(tmp_path / "model")
    loaded = skvas.load(tmp_path / "model")
    for ours, theirs in zip(
        [*loaded.labels_, *loaded.predict(VIDEOS), loaded.classes_],
        [*model.labels_, *model.predict(VIDEOS), model.classes_],
        strict=True,
    ):
        assert_array_equal(ours, theirs)
        assert ours.dtype == theirs.dtype
    assert_same_naming(loaded.naming_, model.naming_)


def test_whole_videos_tell_what_follows_what():
    two = quick(ActionSegmenter).fit(VIDEOS, labels_of(0, 1)).naming_
    assert isinstance(two, ChainedNaming)
    assert two.temperature != USUAL_CHAINED  # that of hidden labels
    one = quick(ActionSegmenter).fit(VIDEOS, labels_of(0)).naming_
    assert one.temperature == USUAL_CHAINED
    assert two.succession.follow[0, 1] > one.succession.follow[0, 1] > 0.5


def test_what_follows_what_takes_all_labels_of_a_video():
    stamps = hide_labels(labels_of(*range(5)), keep=2, timestamps=True, random_state=0)
    short = VIDEOS[0][thirds(VIDEOS[0]) != "take"]
    lacking = [NAMES[np.arange(len(short)) * 2 // len(short)], {5: "take"}]
    for model, videos, y in (
        (quick(ActionSegmenter), VIDEOS, stamps),
        (quick(ActionSegmenter, n_actions=4), VIDEOS, labels_of(0, 1)),
        (quick(ActionSegmenter), [short, *VIDEOS[1:]], [*lacking, None, None, None]),
    ):
        assert not isinstance(model.fit(videos, y).naming_, ChainedNaming)


def test_on_a_timeline_places_tell_what_follows_what():
    model = quick(JointAlignSegment).fit(VIDEOS, labels_of(0, 1))
    assert model.segment_on_ == "timeline"
    assert isinstance(model.naming_, Naming)


def test_timeline_that_is_not_sure_carries_labels_if_it_does_so_better(monkeypatch):
    asked = []

    def answer(carried, compared, given, views, related):
        asked.append((carried, compared))
        return bool(len(asked) % 2)

    monkeypatch.setattr(_joint, "keeps_order", lambda *_: False)
    monkeypatch.setattr(_joint, "carries_labels", answer)
    model = quick(JointAlignSegment).fit(VIDEOS, labels_of(0, 1))
    assert model.segment_on_ == "timeline"
    assert isinstance(model.naming_, Naming)
    assert len(np.concatenate(model.predict(VIDEOS))) == sum(map(len, VIDEOS))
    assert {way.score is None for way in asked[0]} == {False}
    twice = NAMES[np.arange(len(VIDEOS[0])) * 6 // len(VIDEOS[0]) % 3]
    model.fit(VIDEOS, [twice, *labels_of()[1:]])
    assert model.timeline_ is None
    assert model.segment_on_ != "timeline"
    assert {way.score is None for way in asked[1]} == {True}
    for given in (None, labels_of()):
        assert model.fit(VIDEOS, given).timeline_ is None
    model.set_params(prototypes={name: VIDEOS[0][i] for i, name in enumerate(NAMES)})
    assert model.fit(VIDEOS, labels_of(0)).timeline_ is None
    assert len(asked) == 2


def test_timeline_of_another_order_carries_no_labels(monkeypatch):
    monkeypatch.setattr(_joint, "may_have_order", lambda _: False)
    monkeypatch.delattr(_joint, "carries_labels")
    assert quick(JointAlignSegment).fit(VIDEOS, labels_of(0)).timeline_ is None


def assert_same_naming(ours, theirs):
    assert type(ours) is type(theirs)
    for name, value in vars(theirs).items():
        if isinstance(value, (BaseNaming, Succession)):
            assert_same_naming(getattr(ours, name), value)
        else:
            assert_array_equal(getattr(ours, name), value)


def test_one_video_may_have_labels_of_its_own(cls):
    y = thirds(VIDEOS[0])
    y[10:20] = ""
    model = quick(cls).fit(VIDEOS[0], y)
    given = y != ""
    assert_array_equal(model.labels_[given], y[given])
    assert (model.labels_ != "").all()


def test_score_is_the_share_of_right_labels(model):
    y = labels_of(0, 2)
    found = model.predict(VIDEOS)
    right = np.concatenate([found[i] == y[i] for i in (0, 2)])
    assert model.score(VIDEOS, y) == right.mean()
    assert model.score(VIDEOS) != model.score(VIDEOS, y)


def test_score_compares_classes_of_one_frame(model):
    y = thirds(VIDEOS[2])
    y[-1] = "pour"
    y[:12] = "stir"
    with pytest.raises(ValueError, match="'pour' has one frame alone"):
        quick(type(model), max_epochs=0).fit(VIDEOS[2:3], [y])
    right = model.predict(VIDEOS[2]) == y
    assert model.score(VIDEOS[2:3], [y]) == right.mean()


def test_score_refuses_labels_of_another_kind_than_those_of_fit(model):
    y = [np.zeros(len(video), dtype=int) for video in VIDEOS]
    with pytest.raises(ValueError, match="such as 0, .* such as 'pour'; give"):
        model.score(VIDEOS, y)


def test_score_ignores_labels_where_fit_had_none(cls):
    model = fitted_once(cls)
    assert model.score(VIDEOS, labels_of(0)) == model.score(VIDEOS)
    assert model.score(VIDEOS, [None] * len(VIDEOS)) == model.score(VIDEOS)


def renamed(labels, names):
    return [None if y is None else np.array([*map(names.get, y)]) for y in labels]


def test_score_takes_the_names_of_actions(cls, model):
    y = labels_of(0, 2)
    names = {"pour": "Giessen", "stir": "u\u0308ben", "take": "pour"}
    named = copy.deepcopy(model).name_actions({"stir": names["stir"]})
    called = renamed(y, {**{k: k for k in names}, "stir": "\u00fcben"})
    assert (
        named.score(VIDEOS, called) == named.score(VIDEOS, y) == model.score(VIDEOS, y)
    )
    named.name_actions(names)  # "pour" is a label, whatever has its name
    assert named.score(VIDEOS, y) == model.score(VIDEOS, y)


def test_score_takes_the_names_of_actions_that_were_found(cls):
    model = copy.deepcopy(fitted_once(cls))
    found = model.predict(VIDEOS)
    y = renamed(found, dict(enumerate("abc")))
    assert model.score(VIDEOS, y) == model.score(VIDEOS)
    model.name_actions([*"abc"])
    assert model.score(VIDEOS, y) == 1
    y[0][:] = "other"
    n_frames = [len(video) for video in VIDEOS]
    assert model.score(VIDEOS, y) == 1 - n_frames[0] / sum(n_frames)
    assert model.score(VIDEOS, labels_of(0)) == model.score(VIDEOS)  # none is a name


def test_score_takes_names_where_fit_had_integers(cls):
    y = [np.arange(len(video)) * 3 // len(video) for video in VIDEOS]
    model = quick(cls, max_epochs=0).fit(VIDEOS, y)
    wanted = model.score(VIDEOS, y)
    model.name_actions({0: "a", 1: "b"})
    assert model.score(VIDEOS, renamed(y, {0: "a", 1: "b", 2: "2"})) == wanted
    with pytest.raises(ValueError, match="those that name_actions gave"):
        model.score(VIDEOS, renamed(y, dict(enumerate("xyz"))))


def test_scores_of_two_kinds_are_never_averaged(cls, model):
    none = [None] * len(VIDEOS)
    for y in (none, [np.full(len(video), -1) for video in VIDEOS]):
        with pytest.raises(ValueError, match="y has no label"):
            model.score(VIDEOS, y)
    y = labels_of(0, 1, 2)
    with pytest.warns(UserWarning, match="Scoring failed"):
        found = cross_val_score(quick(cls, max_epochs=0), VIDEOS, y, cv=KFold(2))
    assert np.isnan(found).tolist() == [False, True]


def test_cross_validation_takes_the_frame_labels_of_a_table(cls):
    y, names = labels_of(*range(len(VIDEOS))), [f"v{i}" for i in range(len(VIDEOS))]
    recordings = Recordings(VIDEOS, names, fps=10)
    table = SegmentTable.from_labels(y, names, fps=10)
    wanted = cross_val_score(quick(cls, max_epochs=0), VIDEOS, y, cv=2)
    spelled = frame_labels(table, recordings)
    found = cross_val_score(quick(cls, max_epochs=0), recordings, spelled, cv=2)
    assert_array_equal(found, wanted)


def test_grid_search_takes_partial_labels(cls):
    y = labels_of(*range(len(VIDEOS)))
    y[0] = {0: "pour", len(VIDEOS[0]) // 2: "stir", len(VIDEOS[0]) - 1: "take"}
    search = GridSearchCV(
        quick(cls, max_epochs=0, features=None),
        {"segmenting__alpha": [0.3, 0.6]},
        cv=KFold(2),
    )
    search.fit(VIDEOS, y)
    assert 0 <= search.best_score_ <= 1


def test_cross_val_predict_gives_names(cls):
    y = labels_of(*range(len(VIDEOS)))
    model = quick(cls, max_epochs=0, features=None)
    found = cross_val_predict(model, VIDEOS, y, cv=KFold(2))
    assert [len(labels) for labels in found] == [len(video) for video in VIDEOS]
    assert set(np.concatenate(list(found))) <= set(NAMES)


def test_frames_to_label_are_in_doubt_as_their_probabilities_are(cls):
    data = make_videos(3, n_actions=3, n_frames=(150, 200), noise=2, random_state=0)
    y = [data.labels[0], {60: 0, 100: 1}, None]
    model = quick(cls, max_epochs=0).fit(data.videos, y)
    asked, found = model.outlook_, model.predict_proba(data.videos)
    shares = np.array(
        [found[i][k] for i, k in zip(asked.video, asked.frame, strict=True)]
    )
    assert len(shares) < sum(map(len, data.videos)) / 2
    assert (asked.rivals[:, 0] == shares.argmax(axis=1)).mean() > 0.95
    lead = np.diff(np.sort(shares, axis=1)[:, -2:])[:, 0]
    assert np.abs(asked.doubt - (1 - lead)).mean() < 0.05


def test_query_names_recordings_and_frames(model):
    asked = model.query(4)
    assert len(asked) == 4
    assert all(0 <= q.frame < len(VIDEOS[q.video]) for q in asked)
    labelled = {(i, frame) for i in (0, 1) for frame in range(len(VIDEOS[i]))}
    assert labelled.isdisjoint((q.video, q.frame) for q in asked)
    recordings = model.query(9, kind="recordings")
    assert sorted(q.video for q in recordings) == [2, 3, 4]
    assert model.query(2) == asked[:2]


def test_query_before_any_label_starts_with_a_recording(cls):
    model = fitted_once(cls)
    first, second = model.query(2)
    assert first.frame is None
    assert second.frame is not None
    assert all(q.frame is not None for q in fitted_once(cls).query(2, kind="frames"))
    assert second.video != first.video
    assert all(q.frame is not None for q in model.query(2, kind="frames"))


def test_query_calls_actions_as_name_actions_did():
    y = [thirds(VIDEOS[0])] + [None] * (len(VIDEOS) - 1)
    model = quick(ActionSegmenter, n_actions=5, max_epochs=0).fit(VIDEOS, y)
    former = [str(label) for label in model.classes_]
    before = [query.why for query in model.query(40, kind="frames")]
    assert any("may be" in why for why in before)
    model.name_actions([f"<{name}>" for name in former])
    spelled = [
        re.sub(r"may be (.+) or (.+),", r"may be <\1> or <\2>,", w) for w in before
    ]
    assert [query.why for query in model.query(40, kind="frames")] == spelled


@pytest.mark.parametrize("n", [0, -1, 1.5, "all"])
def test_query_refuses_odd_numbers(model, n):
    with pytest.raises(InvalidParameterError, match="^n must be an integer"):
        model.query(n)


def key_of(arrays, name):
    """Return the key of what tells the actions of frames, chained or not."""
    keys = f"naming_.told.{name}", f"naming_.{name}"
    return next(key for key in keys if key in arrays)


def shorten(name):
    return lambda a: a.update({key_of(a, name): a[key_of(a, name)][1:]})


FORGERIES = {
    "shares below 0": {"arrays": lambda a: a[key_of(a, "shares")].fill(-1)},
    "shares of other parts": {"arrays": shorten("shares")},
    "one name twice": {
        "state": lambda s: s["classes_"].update(items=["pour", "pour", "take"])
    },
    "a name too few": {"state": lambda s: s["classes_"].update(items=["pour", "take"])},
    "frames of no name": {"arrays": lambda a: a["labels_.codes"].fill(9)},
    "names of a huge width": {"state": lambda s: s["labels_"].update(width=10**9)},
    "queries of no video": {"arrays": lambda a: a["outlook_.video"].fill(99)},
    "rivals of no number": {"arrays": lambda a: a["outlook_.rivals"].fill(-1)},
    "naming of another kind": {"state": lambda s: s.update(naming_=3)},
}


@pytest.mark.parametrize("name", FORGERIES)
def test_row_45_forged_names_are_refused(name, model, tmp_path):
    path = tmp_path / "model"
    model.save(path)
    forge(path, path, **FORGERIES[name])
    assert_refused(path)


NAMING = Naming(
    np.full((3, 3), 1 / 3), np.zeros((5, 3)), np.zeros(3), by_part=1.0, by_frame=0.3
)
ANCHORED = AnchoredActions(
    np.full((3, 3), 1 / 3), np.eye(4, 3), np.zeros(3), np.full(3, 1 / 3)
)
CHAINED = ChainedNaming(
    NAMING,
    Succession(
        np.full(3, 1 / 3),
        np.full((3, 3), 1 / 3),
        np.full(3, 0.1),
        np.zeros((5, 3)),
        np.zeros(3),
        correlated=0.0,
    ),
)
FORGED_NAMING = {
    "shares below 0": (NAMING, {"shares": np.full((3, 3), -1.0)}),
    "NaN weights": (NAMING, {"weights": np.full((5, 3), np.nan)}),
    "a bias of another length": (NAMING, {"bias": np.zeros(2)}),
    "a weight below 0": (NAMING, {"by_part": -1.0}),
    "no temperature": (NAMING, {"temperature": 0.0}),
    "NaN vectors": (ANCHORED, {"vectors": np.full((4, 3), np.nan)}),
    "vectors of fewer actions": (ANCHORED, {"vectors": np.eye(4, 2)}),
    "an endless price": (ANCHORED, {"extra": np.full(3, np.inf)}),
    "actions without mass": (ANCHORED, {"masses": np.zeros(3)}),
    "heat below 0": (ANCHORED, {"temperature": -1.0}),
    "heat of nothing": (CHAINED, {"temperature": 0.0}),
    "a chain of a chain": (CHAINED, {"told": CHAINED}),
    "a chain of nothing": (CHAINED, {"succession": None}),
    "frames without bias": (CHAINED, {"told": replace(NAMING, bias=np.zeros(2))}),
}
FORGED_SUCCESSIONS = {
    "nothing begins": {"first": np.zeros(3)},
    "nothing follows": {"follow": np.zeros((3, 3))},
    "less than nothing follows": {"follow": np.full((3, 3), -1.0)},
    "nothing lasts": {"durations": np.zeros(3)},
    "a look of two": {"weights": np.zeros((5, 2))},
    "no look": {"bias": np.full(3, np.nan)},
    "unlike neighbours": {"correlated": np.inf},
}


@pytest.mark.parametrize("name", FORGED_NAMING)
def test_row_45_forged_namings_are_refused(name):
    naming, forged = FORGED_NAMING[name]
    check_naming(naming, NAMES, range(3, 4), 3)
    with pytest.raises((ModelFileError, ValueError)):
        check_naming(replace(naming, **forged), NAMES, range(3, 4), 3)


@pytest.mark.parametrize("name", FORGED_SUCCESSIONS)
def test_row_45_forged_successions_are_refused(name):
    check_naming(CHAINED, NAMES, range(3, 4), 3)
    forged = replace(CHAINED.succession, **FORGED_SUCCESSIONS[name])
    with pytest.raises((ModelFileError, ValueError)):
        check_naming(replace(CHAINED, succession=forged), NAMES, range(3, 4), 3)


def test_row_45_names_of_another_embedding_are_refused(model, tmp_path):
    naming = getattr(model.naming_, "told", model.naming_)
    key = "vectors" if isinstance(naming, AnchoredActions) else "weights"
    path = tmp_path / "model"
    model.save(path)
    forge(tmp_path / "forged", path, arrays=shorten(key))
    assert_refused(tmp_path / "forged")
    if naming is not model.naming_:
        forge(path, path, arrays=shorten("succession.weights"))
        assert_refused(path)


def short_segments(n_frames, shortest, longest):
    """Return three recordings of many short segments, and their labels."""
    rng = np.random.RandomState(1)
    places, videos, labels = rng.randn(3, 8), [], []
    for _ in range(3):
        codes = [0]
        while len(codes) < n_frames:
            other = (codes[-1] + rng.randint(1, 3)) % 3
            codes += [other] * rng.randint(shortest, longest)
        labels.append(np.array(codes[:n_frames]))
        noise = 0.5 * rng.randn(n_frames, 8)
        videos.append((places[labels[-1]] + noise).astype(np.float32))
    return videos, labels


@pytest.mark.parametrize("n_known", [200, 1000])
def test_short_labelled_segments_are_not_smoothed_away(n_known):
    videos, labels = short_segments(1000, 5, 12)
    y = [np.where(np.arange(1000) < n_known, labels[0], -1), None, None]
    model = ActionSegmenter(max_epochs=0, random_state=0).fit(videos, y)
    found = np.concatenate([model.labels_[i] for i in (1, 2)])
    assert (found == np.concatenate(labels[1:])).mean() > 0.97
    whole = labels_to_segments(labels[0][:n_known])[: -1 if n_known < 1000 else None]
    usual = np.median([segment.end - segment.start for segment in whole]) / 1000
    assert last_step(model.features_).smoothing == pytest.approx(usual / 3)


def test_only_whole_segments_tell_how_much_is_smoothed():
    videos, labels = short_segments(1000, 10, 25)
    few = (np.arange(1000) > 0) & (np.arange(1000) < 40)
    free = ActionSegmenter(3, max_epochs=0, random_state=0).fit(videos)
    drawn = np.random.RandomState(0).rand(1000) < 0.05
    for y in (
        [np.where(drawn, labels[0], -1), None, None],  # frames one by one
        [{int(i): int(labels[0][i]) for i in np.flatnonzero(drawn)}, None, None],
        [np.where(few, labels[0], -1), None, None],
    ):
        model = ActionSegmenter(3, max_epochs=0, random_state=0).fit(videos, y)
        for name in ("smoothing", "whiten"):
            ours, theirs = (last_step(fitted.features_) for fitted in (model, free))
            assert getattr(ours, name) == getattr(theirs, name)
