"""How much of what was found halves of the videos find again."""

from __future__ import annotations

import copy
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import skvas
from skvas import ActionSegmenter, JointAlignSegment, Segmenting
from skvas._printing import listening
from skvas.datasets import make_videos
from skvas.estimators import _joint, _labelling
from skvas.exceptions import ModelFileError
from skvas.metrics import match_labels
from skvas.segmentation._again import DoubtingLabeller, find_again
from skvas.segmentation._look import look_at
from skvas.videos._views import Views
from tests.models import SEGMENTERS, quick, small_videos

every_segmenter = pytest.mark.parametrize("cls", SEGMENTERS)
LABELS = [np.repeat([0, 1, 2], [4, 3, 5]) for _ in range(4)]
SURE = np.full((12, 3), [0.8, 0.2, 0.0])


def base_of(n_actions=3, shares=SURE):
    """Return what was learned from all videos, and is equally sure everywhere."""
    return SimpleNamespace(
        actions=np.eye(n_actions), shares=lambda views: [shares for _ in views.videos]
    )


def views_of(n_videos, n_frames=12):
    """Return views of videos that hold their own numbers."""
    videos = [np.full((n_frames, 1), i, dtype=np.float32) for i in range(n_videos)]
    return Views(videos, videos, lambda x: x)


def numbers(views):
    return [int(video[0, 0]) for video in views.videos]


def taught(label):
    """Return a `learn` that labels a video by its number and those that taught it."""
    halves = []

    def learn(some):
        half = numbers(some)
        halves.append(half)
        return SimpleNamespace(
            labels=lambda views: [label(i, half) for i in numbers(views)]
        )

    return learn, halves


def test_actions_that_are_only_numbered_otherwise_are_found_again():
    learn, halves = taught(
        lambda i, half: np.roll([0, 1, 2], len(half) + half[0])[LABELS[i]]
    )
    again = find_again(base_of(), LABELS, views_of(4), learn)
    assert again.share == 1
    assert again.of_actions == [1, 1, 1]
    assert [len(half) for half in halves] == [2, 2]
    assert sorted(halves[0] + halves[1]) == [0, 1, 2, 3]


def test_frames_count_where_their_video_did_not_teach():
    def label(i, half):
        return LABELS[i] if i in half else np.r_[LABELS[i][:-2], 0, 0]

    again = find_again(base_of(), LABELS, views_of(4), taught(label)[0])
    assert again.share == pytest.approx(10 / 12)
    assert again.of_actions == pytest.approx([1, 1, 3 / 5])


def test_actions_are_matched_by_the_frames_of_all_videos():
    def label(i, half):  # by the others alone, 0 and 1 would change places
        return LABELS[i] if i in half else np.where(LABELS[i] == 2, 2, 1 - LABELS[i])

    labels = [*LABELS[:2], *LABELS[:1]]
    again = find_again(base_of(), labels, views_of(3), taught(label)[0])
    assert 0 < again.share < 1


def test_action_without_frames_has_no_share():
    learn, _ = taught(lambda i, _: LABELS[i])
    again = find_again(base_of(4), LABELS, views_of(4), learn)
    assert again.of_actions == [1, 1, 1, None]
    assert again.share == 1


@pytest.mark.parametrize(
    ("n_videos", "sizes"), [(2, [1, 1]), (3, [1, 2]), (200, [20, 20])]
)
def test_few_videos_are_halved_and_some_of_many(n_videos, sizes):
    learn, halves = taught(lambda *_: LABELS[0])
    find_again(base_of(), [LABELS[0]] * n_videos, views_of(n_videos), learn)
    assert [len(half) for half in halves] == sizes
    assert set(halves[0]).isdisjoint(halves[1])


def test_videos_are_looked_at_as_before_training():
    views, seen = views_of(4), []
    trained = Views(views.videos, views.features, lambda x: [2 * v + 5 for v in x])

    def learn(some):
        seen.append(some.embeddings[0])
        return SimpleNamespace(labels=lambda views: LABELS)

    find_again(base_of(), LABELS, trained, learn)
    assert all((np.isin(frames, [0, 1])).all() for frames in seen)  # unit features


@pytest.mark.parametrize(
    ("sure", "n_wrong", "doubt"),
    [
        (0.8, 6, (0.8 - 0.5) / (0.8 - 1 / 3)),
        (0.8, 0, 0),
        (0.4, 6, 0),
        (1 / 3, 0, 0),
        (1, 12, 0.9),
    ],
)
def test_doubt_makes_the_largest_share_what_is_found_again(sure, n_wrong, doubt):
    labels = np.repeat([0, 1, 2], 4)

    def label(i, half):
        return (
            labels
            if i in half
            else np.r_[np.roll(labels, 4)[:n_wrong], labels[n_wrong:]]
        )

    shares = np.full((12, 3), [sure, *[(1 - sure) / 2] * 2])
    base = base_of(shares=shares)
    again = find_again(base, [labels] * 6, views_of(6), taught(label)[0])
    assert again.doubt == pytest.approx(doubt)
    if 0 < again.doubt < 0.9:
        lowered = DoubtingLabeller(base, again.doubt, 3).lower(shares)
        assert lowered.max(axis=1).mean() == pytest.approx(again.share)


def test_doubt_lowers_shares_and_keeps_labels():
    shares = np.array([[0.7, 0.2, 0.1], [0, 0, 1]], dtype=np.float32)
    base = SimpleNamespace(
        labels=lambda _: [np.array([0, 2])],
        shares=lambda _: [shares],
        labels_and_shares=lambda _: ([np.array([0, 2])], [shares]),
    )
    labeller = DoubtingLabeller(base, 0.6, 3)
    expected = 0.4 * shares + 0.2
    (told,), (found,) = labeller.shares(None), labeller.labels(None)
    (same,), (also,) = labeller.labels_and_shares(None)
    assert_allclose(told, expected)
    assert_array_equal(told, also)
    assert_array_equal(found, same)
    assert told.dtype == np.float32
    assert_allclose(told.sum(axis=1), 1, rtol=1e-6)
    assert shares[0, 0] == np.float32(0.7)  # as it was


@pytest.fixture(scope="module")
def unordered():
    return make_videos(
        6,
        n_actions=4,
        n_frames=(60, 80),
        noise=4,
        repeat=0.3,
        shared_order=False,
        random_state=0,
    )


def certainty(model, videos):
    shares = np.concatenate(model.predict_proba(videos))
    return shares[np.arange(len(shares)), np.concatenate(list(model.labels_))]


@every_segmenter
def test_shares_of_a_fit_are_as_sure_as_its_actions_are_found_again(cls, unordered):
    model = quick(cls, n_actions=4).fit(unordered.videos)
    raw = copy.copy(model)
    raw.doubt_ = 0.0
    d = model.doubt_
    assert 0 < d < 1
    for told, sure, labels in zip(
        model.predict_proba(unordered.videos),
        raw.predict_proba(unordered.videos),
        model.predict(unordered.videos),
        strict=True,
    ):
        assert_allclose(told, (1 - d) * sure + d / 4, atol=1e-6)
        assert told.dtype == np.float32
        assert_array_equal(labels, sure.argmax(axis=1))
    counts = np.bincount(np.concatenate(list(model.labels_)), minlength=4)
    shares = np.array(model.diagnosis_["found_again"])
    assert model.found_again_ == pytest.approx(np.average(shares, weights=counts))
    largest = np.concatenate(list(model.predict_proba(unordered.videos))).max(axis=1)
    assert largest.mean() == pytest.approx(model.found_again_, abs=1e-4)


def test_what_is_found_again_tells_how_much_is_right():
    off = []
    for seed in range(6):
        data = make_videos(
            6,
            n_actions=3 + seed,
            n_frames=(60, 80),
            noise=0.8 * (1 + seed % 3),
            repeat=0.4,
            drop=0.3,
            warp=0.8,
            shared_order=False,
            random_state=seed,
        )
        model = ActionSegmenter(3 + seed, max_epochs=0, random_state=0).fit(data.videos)
        found = [np.asarray(codes) for codes in model.labels_]
        names = match_labels(data.labels, found)
        named = np.array([names.get(k, -1) for k in range(3 + seed)])
        right = (named[np.concatenate(found)] == np.concatenate(data.labels)).mean()
        told = certainty(model, data.videos).mean()
        model.doubt_ = 0.0
        raw = certainty(model, data.videos).mean()
        off.append(np.array([model.found_again_, told, raw]) - right)
    again, told, raw = np.abs(off).mean(axis=0)
    assert max(again, told) < 0.12 < 0.15 < raw


@pytest.mark.parametrize(
    ("make", "fit"),
    [
        (lambda: quick(ActionSegmenter), lambda v: (v[:1], None)),
        (lambda: quick(ActionSegmenter), lambda v: (v, [[0] * len(v[0])] + [None] * 5)),
        (lambda: quick(ActionSegmenter, recipe="paper"), lambda v: (v, None)),
        (lambda: quick(ActionSegmenter, encoder=(8, 4)), lambda v: (v, None)),
    ],
    ids=["one video", "labels", "published recipe", "encoder that starts elsewhere"],
)
def test_it_is_not_asked_where_it_says_nothing(make, fit, unordered):
    model = make().fit(*fit(unordered.videos))
    assert model.found_again_ is None
    assert model.doubt_ == 0
    assert model.diagnosis_["found_again"] is None


@pytest.mark.parametrize("n_videos", [2, 6])
def test_a_timeline_is_built_again_of_halves(n_videos, monkeypatch):
    made = make_videos(n_videos, n_actions=4, noise=1, random_state=3)
    videos, built, build = made.videos, [], _joint.build_timeline

    def spy(frames, *args, **options):
        built.append((len(frames), options["recurring"]))
        return build(frames, *args, **options)

    monkeypatch.setattr(_joint, "build_timeline", spy)
    segmenting = Segmenting(segment_on="timeline")
    model = JointAlignSegment(4, max_epochs=1, segmenting=segmenting, random_state=0)
    model.fit(videos)
    recurring = model.settings_.segmenting["recurring"]
    assert built == [(n_videos, None), *[(n_videos // 2, recurring)] * 2]
    assert 0 < model.found_again_ <= 1
    raw, (codes, certain) = copy.copy(model), model_looks(model, videos)
    raw.doubt_ = 0.0
    same, sure = model_looks(raw, videos)
    for mine, theirs in zip(codes, same, strict=True):
        assert_array_equal(mine, theirs)
    for mine, theirs in zip(certain, sure, strict=True):
        assert_allclose(mine, (1 - model.doubt_) * theirs + model.doubt_ / 4)


def model_looks(model, videos):
    return look_at(model._labeller(), model._view(videos))


def test_a_timeline_of_fewer_frames_than_actions_is_not_asked_again():
    videos = make_videos(4, n_actions=4, random_state=0).videos
    videos[-1] = videos[-1][::12]
    segmenting = Segmenting(segment_on="timeline")
    model = JointAlignSegment(
        len(videos[-1]) + 1, max_epochs=0, segmenting=segmenting
    ).fit(videos)
    assert model.found_again_ is None


def test_it_does_not_depend_on_the_seed_of_the_fit_alone(unordered):
    one, other = (
        ActionSegmenter(4, max_epochs=0, random_state=seed).fit(unordered.videos)
        for seed in (0, 1)
    )
    assert one.found_again_ == other.found_again_


@pytest.fixture(scope="module")
def fitted(unordered):
    return quick(ActionSegmenter, n_actions=4).fit(unordered.videos)


def test_it_is_saved(fitted, unordered, tmp_path):
    fitted.save(tmp_path / "model")
    loaded = skvas.load(tmp_path / "model")
    assert loaded.found_again_ == fitted.found_again_
    assert loaded.diagnosis_ == fitted.diagnosis_
    for name in ("predict", "predict_proba"):
        pairs = zip(
            getattr(loaded, name)(unordered.videos),
            getattr(fitted, name)(unordered.videos),
            strict=True,
        )
        for mine, theirs in pairs:
            assert_array_equal(mine, theirs)


@pytest.mark.parametrize(
    ("share", "doubt", "of_actions"),
    [
        (1.5, 0.1, [0.5] * 4),
        (-0.1, 0.1, [0.5] * 4),
        (0.5, 1.1, [0.5] * 4),
        (0.5, 0.1, [0.5] * 3),
        (0.5, 0.1, [0.5, 2.0, 0.5, 0.5]),
        (0.5, 0.1, {"0": 0.5}),
        (0.5, 0.1, ["most"] * 4),
    ],
)
def test_file_with_a_share_that_no_fit_finds_is_refused(
    share, doubt, of_actions, fitted, tmp_path
):
    forged = copy.copy(fitted)
    forged.found_again_ = share
    forged.doubt_ = doubt
    forged.diagnosis_ = {**fitted.diagnosis_, "found_again": of_actions}
    forged.save(tmp_path / "model")
    with pytest.raises(ModelFileError, match="found_again_|doubt_|diagnosis_"):
        skvas.load(tmp_path / "model")


def test_older_file_knows_nothing_of_it(fitted, tmp_path):
    older = copy.copy(fitted)
    older.diagnosis_ = {**fitted.diagnosis_}
    del older.diagnosis_["found_again"]
    older.found_again_, older.doubt_ = None, 0.0
    older.save(tmp_path / "model")
    loaded = skvas.load(tmp_path / "model")
    assert loaded.diagnosis_["found_again"] is None
    assert "found again" not in str(loaded.summary())


def test_summary_names_the_least_steady_action(fitted):
    model = copy.copy(fitted)
    model.found_again_ = 0.724
    model.diagnosis_ = {**fitted.diagnosis_, "found_again": [0.9, None, 0.31, 0.8]}
    text = "72% of frames, by the other half of the recordings; 31% of action 2"
    assert dict(model.summary().facts)["found again"] == text
    model.diagnosis_["found_again"] = [0.7, None, None, None]
    shorter = "72% of frames, by the other half of the recordings"
    assert dict(model.summary().facts)["found again"] == shorter


@every_segmenter
def test_halves_are_one_step_of_the_fit(cls, unordered):
    steps = []
    with listening(lambda step, *_: steps.append(step)):
        quick(cls, n_actions=4).fit(unordered.videos)
    assert steps.count("asking halves of the recordings") == 1
    assert steps.count("trying settings") == 1


def test_halves_look_at_time_as_closely_as_all_videos_do(unordered, monkeypatch):
    asked, choose = [], _labelling.choose_start

    def spy(survey, task, n_actions, **options):
        asked.append((len(survey.batch.lengths), task.radius, options["may_shorten"]))
        start = choose(survey, task, n_actions, **options)
        start.chosen.update({"radius": 0.03} if options["may_shorten"] else {})
        return start

    monkeypatch.setattr(_labelling, "choose_start", spy)
    quick(ActionSegmenter, n_actions=4, radius="auto").fit(unordered.videos)
    assert asked[0][::2] == (6, True)
    assert asked[1:] == [(3, 0.03, False)] * 2


def test_small_videos_are_asked_as_well():
    for n_videos in (2, 3):
        model = quick(ActionSegmenter).fit(small_videos(n_videos, shared_order=False))
        assert 0 <= model.found_again_ <= 1
