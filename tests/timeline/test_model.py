"""What a timeline is cut by."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

from skvas import JointAlignSegment, Segmenting, Timeline
from skvas.metrics import segmentation_report
from skvas.preprocessing import WhitenedViews
from skvas.timeline import BlockOrder, _model
from skvas.timeline._model import (
    build_timeline,
    may_have_order,
    path_frames,
    steadiness,
)
from skvas.timeline._paths import Passage
from skvas.timeline._signals import principal_components


def walks(*, shakes):
    """Two actions that come back and differ in what shakes, each time elsewhere."""
    rng = np.random.default_rng(1)
    labels = np.repeat([0, 1, 0, 1], 150)
    way = np.linspace(0, 3, 600)[:, None] ** [1, 2]
    amounts = 0.3 + shakes * np.repeat(np.eye(2), 3, axis=1)
    found = []
    for _ in range(6):
        places = way + 0.05 * rng.normal(size=(600, 2)) + 9 * rng.normal(size=2)
        found.append(np.hstack([places, amounts[labels] * rng.normal(size=(600, 6))]))
    return found, labels


def timeline_of(videos, moving, *, n_actions=(2, 2), recurring=True, gain=None):
    whitened = WhitenedViews().fit_transform(videos)
    frames = path_frames(whitened, [video[:, :2] for video in videos])
    return build_timeline(
        frames,
        whitened,
        np.random.RandomState(0),
        embedding=gain
        and [np.hstack([factor * video for factor in gain]) for video in whitened],
        videos=moving,
        n_actions=n_actions,
        recurring=recurring,
    )


def test_unrelated_videos_have_no_say_in_what_passes_the_moments():
    frames = [np.full((9, 1), number) for number in (1.0, 2.0, 3.0)]
    passage = Passage(np.arange(9.0), np.arange(9.0), np.zeros(9))
    is_related = np.array([True, False, True])
    template = SimpleNamespace(is_related=is_related, passages=[passage] * 3)
    axis = SimpleNamespace(template=template, moments=np.array([0, 4, 8]))
    found = _model._at_moments(frames, axis)
    np.testing.assert_array_equal(found, np.repeat([1, 3], 3).reshape(2, 3, 1))


def test_joint_models_tell_their_timeline_of_plans():
    rng = np.random.default_rng(1)
    videos, labels = [], []
    for _ in range(12):
        lengths = rng.integers([25, 25, 50], [40, 40, 80])
        actions = np.repeat([0, 1, 2], lengths)
        frames = (actions > 0)[:, None] + 0.2 * rng.normal(size=(len(actions), 4))
        bursts = gaussian_filter1d(rng.normal(size=(lengths[2], 4)), 2, axis=0)
        frames[actions == 2] += 3 * bursts / bursts.std()
        videos.append(frames)
        labels.append(actions)
    model = JointAlignSegment(3, max_epochs=0).fit(videos)
    assert model.segment_on_ == "timeline"
    assert segmentation_report(labels, model.labels_).mof > 0.9


def test_parts_say_nothing_of_moments_that_they_do_not_pass():
    every = Passage(np.arange(9.0), np.arange(9.0), np.zeros(9))
    frames = np.clip(np.arange(9) - 4.0, 0, 3)
    part = Passage(np.arange(4.0, 8.0), frames, np.zeros(9), (4, 8))
    is_related = np.array([True, False, True])
    template = SimpleNamespace(is_related=is_related, passages=[every, every, part])
    axis = SimpleNamespace(template=template, moments=np.arange(9))
    asked = []

    def planned(chosen):
        asked.append(list(chosen))
        return [np.repeat([5, 6, 7], 3), np.array([6, 6, 7, 7])]

    found = _model._labels_passing(planned, axis)
    assert asked == [[0, 2]]
    np.testing.assert_array_equal(found[0], np.repeat([5, 6, 7], 3))
    np.testing.assert_array_equal(found[1], [-1] * 4 + [6, 6, 7, 7] + [-1])


@pytest.mark.parametrize(
    "model",
    [
        Timeline(24, random_state=0),
        JointAlignSegment(
            24,
            segmenting=Segmenting(segment_on="timeline"),
            max_epochs=0,
            random_state=0,
        ),
    ],
)
def test_many_short_steps_are_no_movements_once_smoothing_is_undone(model):
    rng = np.random.default_rng(0)
    steps, usual = rng.normal(size=(24, 12)), rng.integers(12, 30, 24)
    labels = [
        np.repeat(
            np.arange(24), (usual * np.exp(0.2 * rng.normal(size=24))).astype(int)
        )
        for _ in range(4)
    ]
    videos = [
        steps[codes] + 0.4 * rng.normal(size=(len(codes), 12)) for codes in labels
    ]
    assert segmentation_report(labels, model.fit(videos).labels_).miou > 0.85


@pytest.fixture
def signals(monkeypatch):
    """Note what timelines are cut by, and how much of it is whitened features."""
    seen, cut = [], _model.cut

    def note(signals, *arguments, n_whitened, **options):
        seen.append((signals, n_whitened))
        return cut(signals, *arguments, n_whitened=n_whitened, **options)

    monkeypatch.setattr(_model, "cut", note)
    return seen


def test_motion_as_steady_as_features_tells_actions_that_come_back(signals):
    videos, labels = walks(shakes=2.0)
    found = timeline_of(videos, videos).labels
    timeline_of(videos, None)
    (seen, n_whitened), (blind, _) = signals
    assert n_whitened == blind.shape[2] == 16
    np.testing.assert_array_equal(seen[..., :16], blind)
    motion = seen[..., 16:]
    assert steadiness(motion) >= steadiness(blind)
    shakes = np.abs(np.corrcoef(motion.mean(axis=0)[:, 0], labels[::2])[0, 1])
    assert shakes > 0.9
    right = np.mean(np.equal(found, labels))
    assert max(right, 1 - right) > 0.9


def test_smoothing_is_a_share_of_the_positions_that_are_cut(monkeypatch):
    videos, _ = walks(shakes=0.0)
    seen, cut = [], _model.cut

    def note(*arguments, blur, **options):
        seen.append(blur)
        return cut(*arguments, blur=blur, **options)

    monkeypatch.setattr(_model, "cut", note)
    Timeline(2, random_state=0).fit(videos)
    assert len(videos[0]) > _model.MOMENTS
    assert seen == [WhitenedViews().smoothing * _model.MOMENTS]


def test_trained_embedding_has_a_say(signals):
    videos, _ = walks(shakes=2.0)
    timeline_of(videos, None, gain=[2])
    [(seen, n_whitened)] = signals
    learned = principal_components(2 * seen[..., :n_whitened])
    np.testing.assert_array_equal(seen[..., n_whitened:], learned)


def test_what_an_embedding_tells_several_times_has_one_say(signals):
    videos, _ = walks(shakes=2.0)
    timeline_of(videos, None, gain=[1, 2, 3])
    [(seen, n_whitened)] = signals
    assert n_whitened < seen.shape[2] <= 2 * n_whitened


@pytest.mark.parametrize("shakes", [0.0, 2.0])
def test_all_that_an_embedding_tells_says_whether_actions_come_back(
    shakes, monkeypatch
):
    videos, _ = walks(shakes=shakes)
    seen, cut = [], _model.cut

    def note(signals, *arguments, judged_by, **options):
        seen.append((signals, judged_by))
        return cut(signals, *arguments, judged_by=judged_by, **options)

    monkeypatch.setattr(_model, "cut", note)
    timeline_of(videos, videos, gain=[1, 2, 3])
    timeline_of(videos, videos)
    (signals, judged_by), (_, nothing) = seen
    plain, learned = judged_by[..., :16], judged_by[..., 16:64]
    np.testing.assert_array_equal(signals[..., :16], plain)
    expected = np.concatenate([plain, 2 * plain, 3 * plain], axis=2)
    np.testing.assert_allclose(learned, expected, rtol=1e-5)
    n_moving = judged_by.shape[2] - 64
    assert (n_moving > 0) == (shakes > 0)
    np.testing.assert_array_equal(
        signals[..., signals.shape[2] - n_moving :], judged_by[..., 64:]
    )
    assert nothing is None


def test_motion_that_is_less_steady_has_no_say(signals):
    videos, _ = walks(shakes=0.0)
    timeline_of(videos, videos)
    [(seen, n_whitened)] = signals
    assert seen.shape[2] == n_whitened


def test_what_does_not_move_has_no_say_and_warns_of_nothing(signals):
    videos, _ = walks(shakes=2.0)
    timeline_of(videos, [np.ones((600, 2))] * len(videos))
    [(seen, n_whitened)] = signals
    assert seen.shape[2] == n_whitened


def test_motion_is_not_made_where_no_action_comes_back(monkeypatch):
    videos, _ = walks(shakes=2.0)
    monkeypatch.setattr(_model, "_motion_at_moments", None)
    assert not timeline_of(videos, videos, recurring=False).cut.recurring


def test_number_of_actions_is_told_without_motion():
    videos, _ = walks(shakes=2.0)
    counts = [
        timeline_of(videos, moving, n_actions=(2, 8)).count for moving in (videos, None)
    ]
    assert counts[0] == counts[1]


def test_steadiness_is_scatter_over_moments_by_that_within():
    moments = np.array([[0.0], [1.0], [2.0]])
    steady = np.array([moments - 0.1, moments + 0.1])
    assert steadiness(steady) == pytest.approx(2 / 3 / 0.01)
    assert steadiness(np.array([moments, moments])) == np.inf
    assert steadiness(np.zeros((2, 3, 1))) == 0


@pytest.mark.parametrize(
    "model",
    [
        Timeline(2, random_state=0),
        JointAlignSegment(
            2,
            segmenting=Segmenting(segment_on="timeline"),
            features="whitened",
            max_epochs=0,
            random_state=0,
        ),
    ],
)
def test_timelines_of_users_look_at_motion(model, signals):
    model.fit(walks(shakes=2.0)[0])
    seen, n_whitened = signals[0]  # the model then cuts halves of the videos too
    n_embedding = getattr(model, "n_embedding_", 0)
    assert seen.shape[2] > n_whitened + n_embedding


def test_finer_moments_have_the_same_actions():
    videos, _ = walks(shakes=1.0)
    model = timeline_of(videos, None)
    finer = model.finer(450)
    assert (len(model.moments), len(finer.moments)) == (300, 450)
    positions = np.linspace(0, len(model.template.frames) - 1, 2000)
    same = model.actions(positions) == finer.actions(positions)
    assert same.mean() > 0.99
    assert len(finer.cut.boundaries) == len(model.cut.boundaries)
    assert np.abs(finer.changes - model.changes).max() <= 2
    assert (finer.cut.shares.argmax(axis=1) == finer.cut.actions).mean() > 0.9


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (None, False),
        (BlockOrder(0.1, 0.1, 5), False),
        (BlockOrder(0.2, 0.1, 5), True),  # undecided
        (BlockOrder(0.4, 0.1, 5), True),
        (BlockOrder(0.4, np.inf, 2), False),
        (BlockOrder(0.6, np.inf, 2), True),
    ],
)
def test_three_videos_of_undecided_order_may_have_one(order, expected):
    assert may_have_order(order) is expected
