"""Videos that have nothing to do with the others have no say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

import skvas
from skvas import ActionSegmenter, JointAlignSegment, Segmenting, VideoAligner
from skvas.applications._diagnosis import unlike_recordings
from skvas.datasets import make_videos
from skvas.exceptions import ModelFileError, UnlikeRecordingsWarning
from skvas.preprocessing import WhitenedViews, _strangers
from skvas.preprocessing._features import apply_features, collection_of
from skvas.preprocessing._strangers import (
    FAR,
    FEWEST,
    NEAR,
    far_from,
    find_strangers,
    find_unlike,
)
from tests.models import once

ORDERED = make_videos(8, n_actions=4, n_frames=(60, 80), random_state=0)
FREE = make_videos(
    8, n_actions=4, n_frames=(60, 80), shared_order=False, random_state=0
)
NOISY = make_videos(8, n_actions=4, n_frames=(60, 80), noise=1.2, random_state=1)
WHERE = 3

every_estimator = pytest.mark.parametrize(
    "cls", [ActionSegmenter, VideoAligner, JointAlignSegment]
)
every_segmenter = pytest.mark.parametrize("cls", [ActionSegmenter, JointAlignSegment])
every_collection = pytest.mark.parametrize("data", [ORDERED, FREE], ids=["one", "any"])


def stranger(n_features: int = ORDERED.videos[0].shape[1]) -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.cumsum(rng.normal(size=(70, n_features)), axis=0).astype(np.float32)


def with_stranger(videos):
    return [*videos[:WHERE], stranger(), *videos[WHERE:]]


def stamps(labels):
    """Return the middle of each run of labels."""
    edges = np.flatnonzero(np.diff(labels, prepend=-1, append=-1))
    middles = (edges[:-1] + edges[1:]) // 2
    return {int(frame): int(labels[frame]) for frame in middles}


def means_of_actions(data):
    frames, labels = np.concatenate(data.videos), np.concatenate(data.labels)
    return np.array([frames[labels == k].mean(axis=0) for k in range(4)])


def quick(cls):
    options = {} if cls is VideoAligner else {"n_actions": 4}
    return cls(max_epochs=0, random_state=0, **options)


@once
def _fitted(cls, in_order, has_stranger):
    videos = (ORDERED if in_order else FREE).videos
    return quick(cls).fit(with_stranger(videos) if has_stranger else videos)


def fitted(cls, data, has_stranger=False):
    """Return what was fitted to all videos of a collection."""
    return _fitted(cls, data is ORDERED, has_stranger)


def others(found):
    return [*found[:WHERE], *found[WHERE + 1 :]]


@every_segmenter
@every_collection
def test_labels_of_the_others_are_as_without_a_stranger(cls, data):
    options = {"n_actions": 4, "max_epochs": 2, "random_state": 0}
    alone = cls(**options).fit(data.videos)
    model = cls(**options).fit(with_stranger(data.videos))
    for found, known in zip(others(model.labels_), alone.labels_, strict=True):
        np.testing.assert_array_equal(found, known)
    np.testing.assert_array_equal(model.prototypes_, alone.prototypes_)
    assert model.found_again_ == alone.found_again_
    for name in ("consistency", "consistency_of_uniform_cut", "spread"):
        assert model.diagnosis_[name] == alone.diagnosis_[name]
    with pytest.warns(UnlikeRecordingsWarning):
        np.testing.assert_array_equal(model.predict(stranger()), model.labels_[WHERE])
    assert model.diagnosis_["unlike"] == [WHERE]
    assert f"recording {WHERE}" in dict(model.summary().facts)["unlike"]


@every_segmenter
@pytest.mark.parametrize("kind", ["videos", "timestamps", "prototypes"])
@pytest.mark.parametrize("data", [NOISY, FREE], ids=["one", "any"])
def test_what_labels_teach_is_as_without_a_stranger(cls, kind, data):
    options = {"n_actions": 4, "max_epochs": 0, "random_state": 0}
    y = [None] * len(data.videos)
    if kind == "videos":
        y[0], y[5] = data.labels[0], data.labels[5]
    elif kind == "timestamps":
        y[0], y[5] = (stamps(data.labels[i]) for i in (0, 5))
    else:
        options["prototypes"] = means_of_actions(data)
    alone = cls(**options).fit(data.videos, y)
    model = cls(**options).fit(
        with_stranger(data.videos), [*y[:WHERE], None, *y[WHERE:]]
    )
    assert model.diagnosis_["unlike"] == [WHERE]
    assert model.segment_on_ == alone.segment_on_
    assert model.settings_ == alone.settings_
    for found, known in zip(others(model.labels_), alone.labels_, strict=True):
        np.testing.assert_array_equal(found, known)
    np.testing.assert_array_equal(
        model.predict_proba(data.videos[1]), alone.predict_proba(data.videos[1])
    )
    found, known = (m.stream().push(data.videos[1]) for m in (model, alone))
    np.testing.assert_array_equal(found.probabilities, known.probabilities)
    with pytest.warns(UnlikeRecordingsWarning):
        np.testing.assert_array_equal(model.predict(stranger()), model.labels_[WHERE])
    found, known = (m.query(3, kind="frames") for m in (model, alone))
    assert [query.frame for query in found] == [query.frame for query in known]
    assert model.query(9, kind="recordings")[-1].video == WHERE


def test_chains_learn_nothing_from_a_stranger():
    options = {
        "max_epochs": 0,
        "random_state": 0,
        "segmenting": Segmenting(decoder="chain"),
    }
    alone = ActionSegmenter(4, **options).fit(FREE.videos)
    model = ActionSegmenter(4, **options).fit(with_stranger(FREE.videos))
    np.testing.assert_array_equal(model.chain_["means"], alone.chain_["means"])


def test_streams_learn_nothing_from_a_stranger():
    alone = fitted(ActionSegmenter, FREE).stream()
    streamed = fitted(ActionSegmenter, FREE, has_stranger=True).stream()
    found, known = (s.push(FREE.videos[0]) for s in (streamed, alone))
    np.testing.assert_array_equal(found.probabilities, known.probabilities)


def test_steps_of_streams_are_as_usual_as_without_a_stranger():
    alone = fitted(JointAlignSegment, ORDERED).stream()
    streamed = fitted(JointAlignSegment, ORDERED, has_stranger=True).stream()
    found, known = (tracker._model.habits.had for tracker in (streamed, alone))
    np.testing.assert_array_equal(found, known)


@pytest.mark.parametrize("cls", [VideoAligner, JointAlignSegment])
def test_reference_is_that_of_the_others(cls):
    videos = make_videos(8, n_actions=4, n_frames=(60, 80), random_state=13).videos
    alone, model = quick(cls).fit(videos), quick(cls).fit(with_stranger(videos))
    np.testing.assert_array_equal(model.reference_, alone.reference_)


def test_order_is_that_of_the_others():
    alone = fitted(JointAlignSegment, ORDERED)
    model = fitted(JointAlignSegment, ORDERED, has_stranger=True)
    assert model.timeline_.model_.order == alone.timeline_.model_.order
    assert model.shared_order_ == alone.shared_order_


def test_stranger_only_has_a_place_on_the_timeline():
    alone = VideoAligner(max_epochs=2, random_state=0).fit(ORDERED.videos)
    model = VideoAligner(max_epochs=2, random_state=0)
    timeline = model.fit(with_stranger(ORDERED.videos)).timeline_
    np.testing.assert_array_equal(timeline.template_, alone.timeline_.template_)
    for found, known in zip(
        others(timeline.positions_), alone.timeline_.positions_, strict=True
    ):
        np.testing.assert_array_equal(found, known)
    np.testing.assert_array_equal(
        timeline.positions_[WHERE], timeline.to_timeline(stranger())
    )
    assert np.flatnonzero(~timeline.is_related_).tolist() == [WHERE]
    assert timeline.alignability_[WHERE] < 0.3 < timeline.alignability_.max()


def test_many_files_with_a_stranger_are_fitted_as_in_memory(tmp_path):
    videos = list(make_videos(66, n_frames=(40, 60), random_state=0).videos)
    videos[WHERE] = stranger(videos[0].shape[1])
    paths = []
    for index, video in enumerate(videos):
        paths.append(tmp_path / f"{index}.npy")
        np.save(paths[-1], video)
    model = ActionSegmenter(4, max_epochs=0, random_state=0)
    known, known_labels = model.fit(videos).transform(videos), model.labels_
    assert model.diagnosis_["unlike"] == [WHERE]
    found = model.fit(paths).transform(videos)
    assert model.diagnosis_["unlike"] == [WHERE]
    pairs = zip([*found, *model.labels_], [*known, *known_labels], strict=True)
    for one, other in pairs:
        np.testing.assert_array_equal(one, other)


def test_checkpoint_of_a_collection_with_a_stranger_is_resumed(tmp_path):
    options = {"max_epochs": 2, "random_state": 0}
    videos, path = with_stranger(FREE.videos), tmp_path / "run"
    training = skvas.Training(checkpoint=path)
    model = ActionSegmenter(4, training=training, **options).fit(videos)
    again = ActionSegmenter(4, training=training, **options).fit(videos)
    for found, known in zip(again.labels_, model.labels_, strict=True):
        np.testing.assert_array_equal(found, known)


@pytest.mark.parametrize("kind", ["labelled", "short", "published"])
def test_who_counts_all_the_same(kind):
    videos, y, recipe = with_stranger(FREE.videos), None, "informed"
    if kind == "labelled":
        y = [
            np.zeros(len(v), int) if i == WHERE else None for i, v in enumerate(videos)
        ]
    elif kind == "short":
        videos[WHERE] = videos[WHERE][:30]
    else:
        recipe = "paper"
    model = ActionSegmenter(4, recipe=recipe, max_epochs=0, random_state=0)
    alone = ActionSegmenter(4, recipe=recipe, max_epochs=0, random_state=0)
    model.fit(videos, y)
    alone.fit(FREE.videos)
    assert not np.array_equal(model.prototypes_, alone.prototypes_)


def test_recordings_that_a_timeline_calls_unrelated_are_unlike():
    model = fitted(JointAlignSegment, ORDERED)
    assert unlike_recordings(model) == []
    model.timeline_.is_related_ = np.arange(8) != 5
    assert unlike_recordings(model) == [5]
    assert "recording 5" in dict(model.summary().facts)["unlike"]


@pytest.mark.parametrize(
    ("deviation", "distance", "is_far"),
    [
        (0.1, 1.55, False),  # less than four deviations
        (0.1, 1.65, True),
        (0.02, 1.25, False),  # more than eight of them, but less than 1.3 times as far
        (0.02, 1.35, True),
        (0.03, 1.35, False),  # less than eight of them, and less than 1.5 times as far
        (0.03, 1.55, True),
    ],
)
def test_how_far_is_far_depends_on_how_much_videos_differ(deviation, distance, is_far):
    usual = [1 - deviation, 1 + deviation] * 5 + [1]
    distances = np.array([*usual, distance])
    found = distances > far_from(distances, FAR)
    assert found.tolist() == [False] * len(usual) + [is_far]


def test_of_four_videos_none_is_a_stranger():
    alike = [np.eye(6)[:3] + 0.1 * np.eye(6)[3:] * i for i in range(4)]
    odd = np.eye(6)[3:]
    assert find_unlike([*alike, odd]) == [4]
    assert find_unlike([*alike[:3], odd]) == []
    collection = np.ones(6, bool)
    assert find_strangers([*alike, odd], collection) == [4]
    assert find_strangers([*alike[:3], odd], collection) == []


@every_segmenter
@every_collection
def test_reports_compare_with_the_others(cls, data, tmp_path):
    videos = skvas.Recordings(data.videos, fps=[20 + i for i in range(8)])
    mixed = skvas.Recordings(
        with_stranger(data.videos), fps=[*range(20, 23), 7, *range(23, 28)]
    )
    alone, model = quick(cls).fit(videos), quick(cls).fit(mixed)
    new = [np.delete(video, np.arange(10, 30), axis=0) for video in data.videos[:4]]
    known = skvas.step_report(alone, new, fps=25).records
    model.save(tmp_path / "model")
    for fitted in (model, skvas.load(tmp_path / "model")):
        np.testing.assert_equal(skvas.step_report(fitted, new, fps=25).records, known)
    pages = [
        m.report(new, tmp_path / name, fps=25).read_text(encoding="utf-8")
        for m, name in ((alone, "alone.html"), (model, "mixed.html"))
    ]
    assert pages[0] == pages[1]


def test_strangers_do_not_tell_which_step_is_which_in_any_order():
    model = fitted(JointAlignSegment, ORDERED, has_stranger=True)
    known = model._labels_in_any_order(ORDERED.videos)
    outlook = model.outlook_
    # As if a far longer stranger had each action where others have the next one.
    many = np.flatnonzero(outlook.video != WHERE).repeat(2)
    model.outlook_ = replace(
        outlook,
        video=np.r_[outlook.video, np.full(len(many), WHERE)],
        vectors=np.concatenate([outlook.vectors, outlook.vectors[many]]),
        found=np.r_[outlook.found, (outlook.found[many] + 1) % 4],
        is_labelled=np.r_[outlook.is_labelled, outlook.is_labelled[many]],
        frame=np.r_[outlook.frame, outlook.frame[many]],
        doubt=np.r_[outlook.doubt, outlook.doubt[many]],
        rivals=np.concatenate([outlook.rivals, outlook.rivals[many]]),
        place=np.r_[outlook.place, outlook.place[many]],
    )
    for found, labels in zip(
        model._labels_in_any_order(ORDERED.videos), known, strict=True
    ):
        np.testing.assert_array_equal(found, labels)


@pytest.mark.parametrize("places", [[8], [-1], [0.0], 3])
def test_model_files_with_impossible_strangers_are_refused(places, tmp_path):
    model = fitted(ActionSegmenter, FREE)
    model.diagnosis_ = {**model.diagnosis_, "strangers": places}
    model.save(tmp_path / "model")
    with pytest.raises(ModelFileError, match="diagnosis_"):
        skvas.load(tmp_path / "model")


def test_older_files_know_of_no_strangers(tmp_path):
    model = fitted(ActionSegmenter, FREE, has_stranger=True)
    del model.diagnosis_["strangers"]
    model.save(tmp_path / "model")
    loaded = skvas.load(tmp_path / "model")
    assert loaded.diagnosis_["strangers"] == []
    assert len(skvas.step_report(loaded, FREE.videos).records)


@pytest.mark.parametrize("n", [5, 12, 13, 300])
def test_videos_are_compared_with_others_and_not_with_themselves(n):
    drawn = _strangers._draw_others(n)
    assert len(drawn) == n
    for number, some in enumerate(drawn):
        assert number not in some
        assert len(set(some)) == len(some) == min(n - 1, 12)


@every_estimator
def test_new_recordings_that_are_unlike_are_told(cls):
    model = quick(cls).fit(FREE.videos[:6])
    new = [FREE.videos[6], stranger(), np.zeros_like(stranger()), FREE.videos[7]]
    assert model.unlike(new).tolist() == [False, True, True, False]
    assert model.unlike(stranger()).tolist() == [True]
    assert not model.unlike(FREE.videos[:6]).any()
    short = stranger()[:30]
    assert not model.unlike(short).any()


@every_estimator
def test_of_few_recordings_nothing_is_unlike(cls):
    model = quick(cls).fit(FREE.videos[: FEWEST - 1])
    assert model.unlike([FREE.videos[5], stranger()]).tolist() == [False, False]
    assert model.usual_ is None


@every_segmenter
def test_labels_of_unlike_recordings_come_with_a_warning(cls):
    model = fitted(cls, FREE)
    model.predict(FREE.videos)  # without one
    with pytest.warns(UnlikeRecordingsWarning, match="^this recording is") as told:
        model.predict(stranger())
    assert told[0].filename == __file__
    videos = skvas.datasets.Recordings(
        [stranger(), FREE.videos[0], stranger()], names=["a", "b", "c"]
    )
    with pytest.warns(UnlikeRecordingsWarning, match="^a, c are unlike"):
        model.predict(videos)
    with pytest.warns(UnlikeRecordingsWarning, match="recording 7 and 2 more are"):
        model.predict([stranger()] * 10)


@pytest.mark.parametrize("cls", [VideoAligner, JointAlignSegment])
@pytest.mark.parametrize("name", ["predict", "match"])
def test_matches_of_unlike_recordings_come_with_a_warning(cls, name):
    answer = getattr(fitted(cls, FREE), name)
    answer(FREE.videos)  # without one
    with pytest.warns(UnlikeRecordingsWarning, match="^recording 1 is") as told:
        answer([FREE.videos[0], stranger()])
    assert [warning.filename for warning in told] == [__file__]


@every_estimator
def test_pages_of_unlike_recordings_come_with_a_warning(cls, tmp_path):
    model = fitted(cls, FREE)
    with pytest.warns(UnlikeRecordingsWarning, match="^recording 1 is unlike"):
        model.report([FREE.videos[0], stranger()], tmp_path / "page.html")


@every_estimator
def test_model_files_keep_what_is_usual(cls, tmp_path):
    model = fitted(cls, FREE)
    model.save(tmp_path / "model")
    loaded = skvas.load(tmp_path / "model")
    assert loaded.unlike([FREE.videos[0], stranger()]).tolist() == [False, True]


@pytest.mark.parametrize("part", ["no limit", "other columns", "no frames", "negative"])
def test_model_files_with_other_usual_frames_are_refused(part, tmp_path):
    model = fitted(ActionSegmenter, FREE)
    usual = dict(model.usual_)
    if part == "no limit":
        del usual["far"]
    elif part == "other columns":
        usual["frames"] = [frames[:, :1] for frames in usual["frames"]]
    elif part == "no frames":
        usual["frames"] = []
    else:
        usual["far"] = -1.0
    model.usual_ = usual
    model.save(tmp_path / "model")
    with pytest.raises(ModelFileError):
        skvas.load(tmp_path / "model")


def test_models_of_before_know_of_no_unlike_recordings(tmp_path):
    model = fitted(ActionSegmenter, FREE)
    del model.usual_
    model.save(tmp_path / "model")
    assert not skvas.load(tmp_path / "model").unlike(stranger()).any()


def clip(looks, steps, seed):
    rng = np.random.default_rng(seed)
    lengths = 20 + rng.integers(20, size=len(steps))
    frames = looks[np.repeat(steps, lengths)]
    frames = frames + 0.3 * rng.normal(size=frames.shape)
    return gaussian_filter1d(frames, 2, axis=0).astype(np.float32)


def test_recordings_that_lack_steps_are_no_strangers():
    looks = np.random.default_rng(0).normal(size=(8, 16))
    usual = [clip(looks, range(8), seed) for seed in range(12)]
    lacking = [clip(looks, [0, *range(3, 8)], 90), clip(looks, range(4), 91)]
    views = WhitenedViews().fit([*usual, *lacking])
    features = views.transform([*usual, *lacking])
    assert find_unlike(features) == [13]
    assert find_strangers(features, collection_of(views)) == []
    model = quick(ActionSegmenter).fit(usual)
    assert not model.unlike(lacking).any()


@pytest.mark.parametrize("noise", [0.0, 1e-3])
def test_recordings_that_stand_still_are_strangers(noise):
    still = np.repeat(FREE.videos[0][:1], 70, axis=0)
    still += (noise * np.random.default_rng(0).normal(size=still.shape)).astype("f4")
    assert fitted(ActionSegmenter, FREE).unlike(still).all()
    model = quick(ActionSegmenter).fit([*FREE.videos, still])
    alone = fitted(ActionSegmenter, FREE)
    np.testing.assert_array_equal(model.prototypes_, alone.prototypes_)
    assert 8 in model.diagnosis_["unlike"]


def test_new_recordings_may_be_further_than_those_of_fit():
    rng = np.random.default_rng(0)
    looks = rng.normal(size=(4, 60))
    videos = [
        looks[np.arange(80) // 20] + 3 * rng.normal(size=(80, 60)) for _ in range(16)
    ]
    model = quick(ActionSegmenter).fit(videos[:6])
    assert not model.unlike(videos[6:]).any()


def test_limits_come_from_recordings_that_views_were_not_fitted_to(monkeypatch):
    seen = []

    def spy(views, videos):
        seen.append({len(video) for video in videos})
        return apply_features(views, videos)

    monkeypatch.setattr(_strangers, "apply_features", spy)
    videos = [FREE.videos[i][: 50 + i] for i in range(8)]
    views = WhitenedViews().fit(videos)
    _strangers.learn_usual(views, videos, views.transform(videos))
    one, others, other, ones = seen
    assert (one, other) == (ones, others)
    assert len(one) == len(other) == 4
    assert not one & other


def test_what_is_near_is_not_unlike_however_clean_recordings_are():
    rng = np.random.default_rng(0)
    video = FREE.videos[0]
    copies = [video + 1e-3 * rng.normal(size=video.shape) for _ in range(6)]
    model = quick(ActionSegmenter).fit(copies)
    noisy = video + 0.1 * video.std(axis=0) * rng.normal(size=video.shape)
    assert not model.unlike(noisy).any()
    assert model.usual_["far"] == model.usual_["beyond"] == NEAR


def test_without_a_view_of_the_collection_nobody_is_unlike():
    views = WhitenedViews(views=("video",))
    model = ActionSegmenter(4, features=views, max_epochs=0, random_state=0)
    model.fit(with_stranger(FREE.videos))
    assert model.usual_ is None
    assert not model.unlike(stranger()).any()
    assert collection_of(None) is None
