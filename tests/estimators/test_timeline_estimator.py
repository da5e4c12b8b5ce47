"""The models on one timeline for all videos: segments, positions, matches."""

from __future__ import annotations

import pickle
from copy import copy

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

import skvas
from skvas import (
    ActionSegmenter,
    JointAlignSegment,
    Segmenting,
    Timeline,
    VideoAligner,
)
from skvas.datasets import make_videos
from skvas.exceptions import InvalidParameterError
from skvas.metrics import label_agreement, segmentation_report
from skvas.segmentation._labeller import TimelineLabeller
from tests.models import assert_same_outputs, assert_same_state, outputs, quick

DATA = make_videos(
    10,
    n_actions=5,
    n_frames=(50, 80),
    n_features=8,
    noise=0.4,
    warp=0.6,
    random_state=0,
)
VIDEOS, NEW = DATA.videos[:7], DATA.videos[7:]


def joint(**options):
    return quick(JointAlignSegment, **{"n_actions": 5, "max_epochs": 3} | options)


@pytest.fixture(scope="module")
def on_timeline():
    return joint(segment_on="timeline").fit(VIDEOS)


@pytest.fixture(scope="module")
def on_embedding():
    return joint(segment_on="embedding", decoder="plan").fit(VIDEOS)


def miou(truth, labels):
    return segmentation_report(truth, labels).miou


def test_timeline_of_a_model_has_its_features(on_timeline):
    timeline = on_timeline.timeline_
    assert timeline.features_ is on_timeline.features_
    alone = clone(timeline).fit(VIDEOS)
    assert type(alone.features_) is type(on_timeline.features_)


def test_videos_in_order_are_segmented_as_well_or_better():
    before, after = [], []
    for seed in range(2):
        data = make_videos(
            8,
            n_actions=6,
            n_frames=(60, 90),
            n_features=8,
            noise=0.6,
            warp=0.6,
            random_state=seed,
        )
        for space, scores in (("embedding", before), ("timeline", after)):
            model = joint(n_actions=6, segment_on=space).fit(data.videos)
            scores.append(miou(data.labels, model.labels_))
    assert np.mean(after) >= np.mean(before)
    assert np.mean(after) > 0.8


def test_timeline_is_what_auto_means_for_videos_that_share_an_order(on_timeline):
    found = joint().fit(VIDEOS)
    assert found.segment_on_ == "timeline"
    assert found.timeline_.order_.verdict == "yes"
    assert found.settings_.segmenting["segment_on"] == "timeline"
    assert found.settings_.segmenting["recurring"] is found.timeline_.recurring_
    assert_same_outputs(outputs(found, NEW), outputs(on_timeline, NEW))


@pytest.mark.parametrize(
    ("n_videos", "options"),
    [
        (1, {}),
        (7, {"recipe": "paper"}),
        (7, {"encoder": (8, 4)}),
        (7, {"segment_on": "embedding"}),
        (7, {"segment_on": "features"}),
    ],
)
def test_timeline_is_not_used_unless_it_is_trustworthy(n_videos, options):
    model = joint(**options).fit(VIDEOS[:n_videos])
    assert model.timeline_ is None
    assert model.segment_on_ in ("embedding", "features")
    assert not isinstance(model._labeller(), TimelineLabeller)
    assert model.settings_.segmenting["recurring"] is True


def test_two_videos_of_a_clear_order_have_a_timeline(monkeypatch):
    model = joint().fit(VIDEOS[:2])
    assert model.segment_on_ == "timeline"
    assert np.isinf(model.timeline_.order_.error)
    labels = DATA.labels[:2]
    monkeypatch.setattr("skvas.timeline._order.SURE_OF_TWO", 1.0)
    without = joint().fit(VIDEOS[:2])
    assert without.timeline_ is None
    assert miou(labels, model.labels_) > miou(labels, without.labels_)


def test_timeline_needs_no_training():
    model = joint(max_epochs=0).fit(VIDEOS)
    assert model.segment_on_ == "timeline"


def test_timeline_is_not_used_where_steps_are_lacking_and_swapped():
    data = make_videos(
        9, n_actions=6, n_features=8, noise=0.5, drop=0.15, swap=0.2, random_state=1
    )
    model = joint(n_actions=6, max_epochs=0).fit(data.videos)
    assert model.timeline_ is None
    forced = clone(model).set_params(segmenting__segment_on="timeline").fit(data.videos)
    assert forced.timeline_.order_.verdict == "yes"
    scores = [miou(data.labels, each.labels_) for each in (model, forced)]
    assert scores[0] > scores[1] + 0.2


def test_timeline_is_not_used_where_orders_differ():
    data = make_videos(7, n_actions=5, n_features=8, random_state=0)
    rng = np.random.default_rng(0)
    shuffled = []
    for video, labels in zip(data.videos, data.labels, strict=True):
        parts = [video[labels == k] for k in rng.permutation(5)]
        shuffled.append(np.concatenate(parts))
    model = joint().fit(shuffled)
    assert model.timeline_ is None
    assert model.segment_on_ != "timeline"


@pytest.mark.filterwarnings("ignore:n_actions=.* is more than the")
def test_timeline_with_more_actions_than_positions_is_not_auto():
    videos = [video[::12] for video in VIDEOS]  # of 5 to 7 frames
    model = joint(n_actions=8, radius=0.3).fit(videos)
    assert model.timeline_ is None
    with pytest.raises(InvalidParameterError, match="more than the"):
        joint(n_actions=8, radius=0.3, segment_on="timeline").fit(videos)


def by_pairs_alone(model):
    """Return a copy whose paths between two videos do not look at its timeline."""
    assert model.path_on_ == "timeline"
    model = copy(model)
    model.path_on_ = "both"
    return model


def test_all_but_labels_and_paths_is_that_of_the_embedding(on_timeline, on_embedding):
    assert_array_equal(on_timeline.prototypes_, on_embedding.prototypes_)
    assert_array_equal(on_timeline.reference_, on_embedding.reference_)
    assert on_timeline.score(NEW) == on_embedding.score(NEW)
    for name, loss in on_embedding.history_.items():
        if name != "seconds":
            assert_array_equal(on_timeline.history_[name], loss)
    ours, theirs = outputs(by_pairs_alone(on_timeline), NEW), outputs(on_embedding, NEW)
    for method in ("transform", "match"):
        for one, other in zip(ours[method], theirs[method], strict=True):
            assert_array_equal(one, other)


def test_labels_of_fit_are_predicted_again(on_timeline):
    for labels, again in zip(
        on_timeline.labels_, on_timeline.predict(VIDEOS), strict=True
    ):
        assert labels.dtype == np.int64
        assert_array_equal(again, labels)


def test_unseen_videos_are_segmented_as_those_of_fit(on_timeline):
    assert miou(DATA.labels[7:], on_timeline.predict(NEW)) > 0.8
    alone = on_timeline.predict(NEW[0])
    assert_array_equal(alone, on_timeline.predict(NEW)[0])


def test_probabilities_agree_with_labels_away_from_boundaries(on_timeline):
    for shares, labels in zip(
        on_timeline.predict_proba(NEW), on_timeline.predict(NEW), strict=True
    ):
        assert shares.shape == (len(labels), 5)
        assert shares.dtype == np.float32
        assert (shares >= 0).all()
        assert_allclose(shares.sum(axis=1), 1, atol=1e-5)
        assert (shares.argmax(axis=1) == labels).mean() > 0.9


@pytest.mark.parametrize("recurring", [True, False, np.False_])
def test_user_says_whether_actions_come_back(recurring):
    model = joint(segment_on="timeline", recurring=recurring).fit(VIDEOS)
    assert model.timeline_.recurring_ is bool(recurring)
    if not recurring:
        for labels in model.labels_:
            assert (np.diff(labels) >= 0).all()


def test_fit_is_the_same_again(on_timeline):
    again = clone(on_timeline).fit(VIDEOS)
    assert_same_outputs(outputs(again, NEW), outputs(on_timeline, NEW))


def test_file_and_pickle_hold_the_timeline_bit_for_bit(on_timeline, tmp_path):
    on_timeline.save(tmp_path / "model")
    loaded = skvas.load(tmp_path / "model")
    copy = pickle.loads(pickle.dumps(on_timeline))
    for other in (loaded, copy):
        assert_same_outputs(outputs(other, NEW), outputs(on_timeline, NEW))
        assert other.score(NEW) == on_timeline.score(NEW)
    loaded.save(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == (tmp_path / "model").read_bytes()


def test_parameters_set_after_fit_change_no_answer(on_timeline):
    changed = pickle.loads(pickle.dumps(on_timeline)).set_params(
        segmenting__segment_on="embedding",
        segmenting__recurring=True,
        aligning__memory_limit="1KB",
    )
    assert_same_outputs(outputs(changed, NEW), outputs(on_timeline, NEW))


def test_processes_change_no_answer(on_timeline):
    changed = pickle.loads(pickle.dumps(on_timeline)).set_params(n_jobs=2)
    assert_same_outputs(outputs(changed, NEW), outputs(on_timeline, NEW))


def test_lone_video_has_a_timeline_if_it_is_asked_for():
    model = joint(n_actions=3, segment_on="timeline").fit(VIDEOS[0])
    assert model.labels_.shape == (len(VIDEOS[0]),)
    assert model.timeline_.order_ is None


@pytest.mark.parametrize(
    "options", [{"segment_on": "timeline"}, {"recurring": True}, {"recurring": False}]
)
def test_row_86_segmenter_without_alignment_has_no_timeline(options):
    model = ActionSegmenter(5, segmenting=Segmenting(**options))
    before = dict(vars(model))
    with pytest.raises(InvalidParameterError, match="use JointAlignSegment"):
        model.fit(VIDEOS)
    assert_same_state(model, before)


@pytest.mark.parametrize(
    ("segment_on", "name", "value"),
    [
        ("embedding", "recurring", True),
        ("features", "recurring", False),
        ("timeline", "decoder", "chain"),
        ("timeline", "decoder", "plan"),
    ],
)
def test_row_86_parameters_that_have_no_use_are_refused(segment_on, name, value):
    model = joint(segment_on=segment_on, **{name: value})
    before = dict(vars(model))
    message = f"{name}={value!r} has no use with segment_on='{segment_on}': leave"
    with pytest.raises(InvalidParameterError, match=message):
        model.fit(VIDEOS)
    assert_same_state(model, before)


@pytest.mark.parametrize(
    ("videos", "name", "value", "used"),
    [
        (VIDEOS, "decoder", "chain", "plan"),
        ([v[np.arange(len(v)) // 9 % 2 * 9] for v in VIDEOS], "recurring", False, True),
    ],
)
def test_parameters_that_come_to_have_no_use_are_warned_of(videos, name, value, used):
    with pytest.warns(UserWarning, match=f"{name}={value!r} has no use") as told:
        model = joint(max_epochs=0, **{name: value}).fit(videos)
    assert [warning.filename for warning in told] == [__file__]
    assert (model.segment_on_ == "timeline") == (name == "decoder")
    assert model.settings_.segmenting[name] == used
    joint(max_epochs=0).fit(videos)  # no word of what was not asked for


@pytest.mark.parametrize("value", ["yes", 1, None])
def test_recurring_is_a_truth_value(value):
    with pytest.raises(InvalidParameterError, match="recurring"):
        joint(recurring=value).fit(VIDEOS)


@pytest.fixture(scope="module")
def aligner():
    return quick(VideoAligner, max_epochs=3).fit(VIDEOS)


def test_aligner_puts_videos_in_order_on_a_timeline_without_actions(aligner):
    timeline = aligner.timeline_
    assert isinstance(timeline, Timeline)
    assert timeline.order_.verdict == "yes"
    assert timeline.n_actions_ is timeline.labels_ is timeline.boundaries_ is None
    with pytest.raises(ValueError, match="has no actions"):
        timeline.predict(NEW)


@pytest.mark.parametrize(
    ("n_videos", "options"),
    [(1, {}), (7, {"max_epochs": 0}), (7, {"recipe": "paper"}), (7, {"encoder": (8,)})],
)
def test_aligner_has_no_timeline_unless_it_is_trustworthy(n_videos, options):
    model = quick(VideoAligner, **options).fit(VIDEOS[:n_videos])
    assert model.timeline_ is None


def test_aligner_has_no_timeline_where_orders_differ():
    rng = np.random.default_rng(0)
    shuffled = []
    for video, labels in zip(VIDEOS, DATA.labels, strict=False):
        parts = [video[labels == k] for k in rng.permutation(5)]
        shuffled.append(np.concatenate(parts))
    assert quick(VideoAligner).fit(shuffled).timeline_ is None


def test_timeline_changes_no_answer_of_the_aligner_but_paths(aligner, monkeypatch):
    monkeypatch.setattr("skvas.estimators._aligner.has_order", lambda order: False)
    without = clone(aligner).fit(VIDEOS)
    assert without.timeline_ is None
    alone = by_pairs_alone(aligner)
    assert_same_outputs(outputs(without, NEW), outputs(alone, NEW))
    assert_array_equal(without.reference_, aligner.reference_)
    assert without.score(NEW) == aligner.score(NEW)


@pytest.mark.parametrize("kind", ["aligner", "on_timeline"])
def test_timeline_of_a_model_answers_for_raw_videos(kind, request):
    model = request.getfixturevalue(kind)
    timeline = model.timeline_
    for again, first in zip(
        timeline.to_timeline(VIDEOS), timeline.positions_, strict=True
    ):
        assert_array_equal(again, first)
    times = timeline.stack(DATA.times[:7], length=40)
    assert times.shape == (7, 40)
    assert np.nanstd(times, axis=0).mean() < 0.5
    frames = timeline.from_timeline(timeline.to_timeline(NEW[0]), NEW[0])
    assert np.abs(frames - np.arange(len(NEW[0]))).mean() < 2
    with pytest.raises(ValueError, match="pass videos as well"):
        timeline.labels([DATA.labels[0]] + [None] * 6)
    carried = timeline.labels([DATA.labels[0], *[None] * 6], VIDEOS)
    right = [(c == t).mean() for c, t in zip(carried, DATA.labels, strict=False)]
    assert np.mean(right) > 0.9


@pytest.mark.parametrize("cls", [JointAlignSegment, VideoAligner])
def test_timeline_of_a_model_knows_the_features_of_its_recordings(cls, tmp_path):
    names = [f"joint {i}" for i in range(VIDEOS[0].shape[1])]
    model = cls(max_epochs=1, random_state=0)
    model.fit(skvas.Recordings(VIDEOS, feature_names=names))
    model.save(tmp_path / "model")
    turned = [video[:, ::-1] for video in NEW]
    other = skvas.Recordings(turned, feature_names=names[::-1])
    for timeline in (model.timeline_, skvas.load(tmp_path / "model").timeline_):
        assert timeline.recordings_ == model.recordings_
        with pytest.raises(ValueError, match="the same in another order"):
            timeline.to_timeline(other)


def test_timeline_of_the_joint_model_has_its_actions():
    model = joint(segment_on="timeline", boundaries="decoded").fit(VIDEOS)
    timeline = model.timeline_
    assert timeline.n_actions_ == model.n_actions_
    for ours, theirs in zip(timeline.labels_, model.labels_, strict=True):
        assert_array_equal(ours, theirs)
    assert_array_equal(timeline.predict(NEW[0]), model.predict(NEW[0]))
    again = clone(timeline).fit(VIDEOS)  # on features, without the embedding
    assert again.n_actions_ == 5


def test_file_and_pickle_hold_the_timeline_of_the_aligner(aligner, tmp_path):
    aligner.save(tmp_path / "model")
    loaded = skvas.load(tmp_path / "model")
    copy = pickle.loads(pickle.dumps(aligner))
    for other in (loaded, copy):
        found, expected = other.timeline_, aligner.timeline_
        assert_array_equal(found.template_, expected.template_)
        assert_array_equal(found.to_timeline(NEW[0]), expected.to_timeline(NEW[0]))
    loaded.save(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == (tmp_path / "model").read_bytes()


def test_file_from_before_aligners_had_timelines_is_read(aligner, tmp_path):
    alone = by_pairs_alone(aligner)
    old = pickle.loads(pickle.dumps(alone))
    del old.timeline_
    old.save(tmp_path / "model")
    loaded = skvas.load(tmp_path / "model")
    assert loaded.timeline_ is None
    assert_same_outputs(outputs(loaded, NEW), outputs(alone, NEW))


@pytest.mark.parametrize("kind", ["aligner", "on_timeline"])
def test_any_two_videos_align_by_way_of_the_timeline(kind, request):
    model = request.getfixturevalue(kind)
    alone, pair, by_way = [], [], []
    plain = by_pairs_alone(model)
    for i in range(6):
        for found, asked, how in (
            (alone, plain, "pair"),
            (pair, model, "pair"),
            (by_way, model, "timeline"),
        ):
            matches = asked.align(VIDEOS[i], VIDEOS[i + 1], via=how).matches_x
            found.append(
                label_agreement(
                    matches, DATA.labels[i], DATA.labels[i + 1]
                ).agreement_of_all
            )
    assert np.mean(by_way) > np.mean(alone) - 0.02
    assert np.mean(pair) >= max(np.mean(alone), np.mean(by_way))


def test_place_of_a_video_of_fit_is_known(aligner):
    known = aligner.align(2, np.int64(4), via="timeline")
    found = aligner.align(VIDEOS[2], VIDEOS[4], via="timeline")
    mixed = aligner.align(2, VIDEOS[4], via="timeline")
    for other in (found, mixed):
        assert_array_equal(known.matches_x, other.matches_x)
        assert_array_equal(known.plan.toarray(), other.plan.toarray())
        assert known.cost == other.cost


def test_videos_are_matched_with_the_reference_over_the_timeline(aligner):
    matches = aligner.match(NEW, via="timeline")
    for video, found in zip(NEW, matches, strict=True):
        expected = aligner.align(video, aligner.reference_, via="timeline").matches_x
        assert_array_equal(found, expected)
    assert aligner.match(NEW[0], via="timeline").shape == (len(NEW[0]),)


def test_alignment_over_a_timeline_that_is_not_there_is_refused(aligner):
    model = quick(VideoAligner, max_epochs=0).fit(VIDEOS[:2])
    for ask in (
        lambda: model.align(VIDEOS[0], VIDEOS[1], via="timeline"),
        lambda: model.match(VIDEOS, via="timeline"),
    ):
        with pytest.raises(ValueError, match='timeline_ is None.*Use via="pair"'):
            ask()
    with pytest.raises(InvalidParameterError, match="via"):
        aligner.align(VIDEOS[0], VIDEOS[1], via="path")
    with pytest.raises(ValueError, match="y must be a video, or a position in the 7"):
        aligner.align(0, 7, via="timeline")
    with pytest.raises(TypeError):
        aligner.align(True, VIDEOS[0], via="timeline")
    with pytest.raises(ValueError, match="x must be one video"):
        aligner.align(VIDEOS, VIDEOS[0], via="timeline")


def test_reference_does_not_change_the_timeline():
    options = {"n_actions": 5, "n_frames": (30, 50), "noise": 2.0, "random_state": 0}
    videos = make_videos(18, **options).videos
    default, given = (
        joint(n_actions=9, reference=r, segmenting=Segmenting(segment_on="timeline"))
        .fit(videos)
        .timeline_
        for r in (None, 3)
    )
    assert default.boundary_confidence_.min() < 1
    assert_array_equal(given.boundary_confidence_, default.boundary_confidence_)
