"""What the informed recipe chooses from the frames alone."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from skvas import (
    ActionSegmenter,
    JointAlignSegment,
    Segmenting,
    VideoAligner,
)
from skvas.datasets import make_videos
from skvas.exceptions import InvalidParameterError
from skvas.metrics import ConsistencyScore, SharedOrder, segmentation_report
from skvas.segmentation import _choice, _start
from skvas.tasks import _segmentation
from skvas.timeline import BlockOrder
from tests.models import ALIGNERS, quick, small_videos

pytestmark = pytest.mark.usefixtures("of_all_videos")
SEGMENTERS = [ActionSegmenter, JointAlignSegment]
every_segmenter = pytest.mark.parametrize("cls", SEGMENTERS)
every_aligner = pytest.mark.parametrize("cls", ALIGNERS)
VIDEOS = small_videos(4)
CANDIDATES = [
    {"start": start, "lambda_actions": weight, "alpha": alpha}
    for start in ("time", "kmeans")
    for weight, alpha in ((0.3, 0.3), (0.1, 0.3), (0.3, 0.6), (0.1, 0.6))
]


def untrained(cls, **options):
    return quick(cls, max_epochs=0, **options)


def scores_that_prefer(*, ordered, free):
    """Return a stand-in for `consistency_score`, and the labels that it was asked of.

    One candidate has the best score where order is shared, another where it is not.
    """
    seen = []

    def score(labels, matches):
        number = len(seen)
        seen.append(labels)
        return ConsistencyScore(
            score=float(number == ordered),
            monotone=0.0,
            free=float(number == free),
            n_pairs=1,
        )

    return score, seen


@every_segmenter
@pytest.mark.parametrize(("shared", "best"), [(True, 5), (False, 1)])
def test_setting_of_the_highest_consistency_is_chosen(cls, shared, best, monkeypatch):
    score, seen = scores_that_prefer(ordered=5, free=1)
    monkeypatch.setattr(_choice, "consistency_score", score)
    monkeypatch.setattr(SharedOrder, "is_shared", shared)
    model = untrained(cls).fit(VIDEOS)
    assert len(seen) == len(CANDIDATES) * (1 if shared else 2)
    assert model.chosen_ == CANDIDATES[best]
    task = model.settings_.segmentation_task()
    assert (task.lambda_actions, task.alpha) == (
        CANDIDATES[best]["lambda_actions"],
        CANDIDATES[best]["alpha"],
    )


@every_segmenter
def test_each_setting_is_tried_as_it_is(cls, monkeypatch):
    tried, refine = [], _choice.refine

    def spy(trials, n_rounds):
        tried.extend((trial.task.lambda_actions, trial.task.alpha) for trial in trials)
        return refine(trials, n_rounds)

    monkeypatch.setattr(_choice, "refine", spy)
    model = untrained(cls).fit(VIDEOS)
    expected = [(s["lambda_actions"], s["alpha"]) for s in [*CANDIDATES, model.chosen_]]
    assert tried == expected


@pytest.mark.parametrize(
    ("shared", "features", "n_spaces"),
    [(True, "auto", 1), (False, "auto", 2), (False, "standardise", 1)],
)
def test_settings_without_order_are_tried_on_features_whitened_in_part_too(
    shared, features, n_spaces, monkeypatch
):
    tried, refine = [], _choice.refine

    def spy(trials, n_rounds):
        tried.extend(trial.batch.frames for trial in trials)
        return refine(trials, n_rounds)

    monkeypatch.setattr(_choice, "refine", spy)
    monkeypatch.setattr(SharedOrder, "is_shared", shared)
    model = untrained(ActionSegmenter, features=features).fit(VIDEOS)
    tried.pop()  # what the vote led to
    assert len(tried) == n_spaces * len(CANDIDATES)
    whitened, in_part = tried[0].numpy(), tried[-1].numpy()
    lengths = [np.linalg.norm(each, axis=2).max() for each in (whitened, in_part)]
    assert_allclose(lengths, 1, rtol=1e-5)
    if n_spaces == 1:
        assert_array_equal(whitened, in_part)
        return
    # A ratio of two features is that of whitened ones, times standard deviations^.25.
    variance = np.concatenate(model.features_.explained_variance_)
    ratios = [each[0, 0, 1] / each[0, 0, 0] for each in (whitened, in_part)]
    assert_allclose(ratios[1] / ratios[0], (variance[1] / variance[0]) ** 0.125, 1e-4)


@pytest.mark.parametrize("shared", [True, False])
def test_settings_that_differ_in_the_weight_of_actions_are_solved_as_one(
    shared, monkeypatch
):
    sizes, solve = [], _segmentation.fused_gromov_wasserstein

    def spy(cost, *args, **options):
        sizes.append(len(cost))
        return solve(cost, *args, **options)

    monkeypatch.setattr(_segmentation, "fused_gromov_wasserstein", spy)
    monkeypatch.setattr(_start, "SETTLED", 0)  # all rounds are made
    monkeypatch.setattr(SharedOrder, "is_shared", shared)
    untrained(ActionSegmenter, n_refine=0).fit(VIDEOS)
    n_alphas, n_spaces = 2, 1 if shared else 2
    together = len(VIDEOS) * n_spaces * len(CANDIDATES) // n_alphas
    election = [together] * n_alphas * (_choice.CHOICE_ROUNDS + 1)
    assert sizes[: len(election)] == election
    assert together not in sizes[len(election) :]


@every_segmenter
def test_candidate_that_scores_alone_has_the_only_vote(cls, monkeypatch):
    score, _ = scores_that_prefer(ordered=0, free=0)
    monkeypatch.setattr(_choice, "consistency_score", score)
    monkeypatch.setattr(_start, "SETTLED", 0)  # all rounds are made
    elected = untrained(cls, n_refine=0).fit(VIDEOS)
    rounds = _choice.CHOICE_ROUNDS + 1
    alone = untrained(cls, n_refine=rounds, **CANDIDATES[0]).fit(VIDEOS)
    assert_allclose(elected.prototypes_, alone.prototypes_, atol=1e-6)


def test_votes_are_the_eighth_powers_of_the_scores_and_the_start_is_theirs(monkeypatch):
    scores = iter([0.5, 0.25, 1.0, -0.5, 0.8, 0.0, 0.9, 0.1])

    def score(labels, matches):
        found = next(scores)
        return ConsistencyScore(score=found, monotone=found, free=found, n_pairs=1)

    seen, vote = [], _choice.vote

    def spy(plans, weights):
        seen.append(weights / weights.max())
        return vote(plans, weights)

    monkeypatch.setattr(_choice, "consistency_score", score)
    monkeypatch.setattr(_choice, "vote", spy)
    untrained(ActionSegmenter).fit(VIDEOS)
    expected = [0.5**8, 0.25**8, 1, 0, 0.8**8, 0, 0.9**8, 0.1**8]
    assert_allclose(seen, [expected], rtol=1e-6)


@every_segmenter
def test_random_start_is_drawn_anew_for_each_place(cls, monkeypatch):
    tried, refine = [], _choice.refine

    def spy(trials, n_rounds):
        tried.extend(trial.prototypes.numpy() for trial in trials)
        return refine(trials, n_rounds)

    monkeypatch.setattr(_choice, "refine", spy)
    untrained(cls, start="random", n_refine=0).fit(VIDEOS)
    tried.pop()  # what the vote led to
    assert len(tried) == 3 * 4  # places and settings
    assert len({place.tobytes() for place in tried}) == 3
    np.testing.assert_allclose(np.linalg.norm(tried, axis=2), 1, rtol=1e-6)


@pytest.mark.parametrize("shared", [True, False])
def test_k_means_looks_at_fewer_frames_where_an_order_is_shared(shared, monkeypatch):
    told, k_means = [], _choice.k_means

    def spy(*args, in_order, **known):
        told.append(in_order)
        return k_means(*args, in_order=in_order, **known)

    monkeypatch.setattr(_choice, "k_means", spy)
    monkeypatch.setattr(SharedOrder, "is_shared", shared)
    untrained(ActionSegmenter).fit(VIDEOS)
    assert told == [shared] * (1 if shared else 2)  # once in each space
    untrained(ActionSegmenter, start="kmeans").fit(VIDEOS[:1])
    assert told[-1]  # a lone video shares its order with itself


@every_segmenter
def test_defaults_choose_the_same_start_whatever_the_seed(cls):
    videos = small_videos(11)  # of more pairs than are matched
    options = {"n_actions": (2, 4)}
    one, other = (
        untrained(cls, random_state=seed, **options).fit(videos) for seed in (0, 1)
    )
    assert one.chosen_ == other.chosen_
    scores = (model.n_actions_scores_["score"] for model in (one, other))
    assert_array_equal(*scores)
    assert_array_equal(one.prototypes_, other.prototypes_)


@every_segmenter
def test_candidates_without_a_score_have_a_best_all_the_same(cls, monkeypatch):
    score, _ = scores_that_prefer(ordered=None, free=None)
    monkeypatch.setattr(_choice, "consistency_score", score)
    model = untrained(cls).fit(VIDEOS)
    assert model.chosen_ == CANDIDATES[0]
    assert np.isfinite(model.prototypes_).all()


def trained(cls, before, after, monkeypatch, **options):
    """Fit with a consistency of the labels before and after training."""
    values = iter([before, after])
    settings = {
        "features": None,
        "start": "time",
        "lambda_actions": 0.3,
        "alpha": 0.3,
    }
    monkeypatch.setattr(
        _choice,
        "consistency_score",
        lambda labels, matches: ConsistencyScore(next(values), 0.0, 0.0, 1),
    )
    monkeypatch.setattr(SharedOrder, "is_shared", True)
    monkeypatch.setattr(BlockOrder, "verdict", "no")  # else the timeline would label
    return quick(cls, **settings | options).fit(VIDEOS)


@every_segmenter
@pytest.mark.parametrize(
    ("before", "after", "space"),
    [(0.50, 0.48, "features"), (0.50, 0.495, "embedding"), (0.0, 0.0, "embedding")],
)
def test_actions_stay_where_they_started_if_training_costs_consistency(
    cls, before, after, space, monkeypatch
):
    model = trained(cls, before, after, monkeypatch, max_epochs=4, lr=0.1)
    assert model.segment_on_ == space
    fixed = trained(cls, 0, 0, monkeypatch, max_epochs=4, lr=0.1, segment_on=space)
    start = trained(cls, 0, 0, monkeypatch, max_epochs=0)
    for labels, same in zip(model.labels_, fixed.labels_, strict=True):
        assert_array_equal(labels, same)
    for labels, again in zip(model.labels_, model.predict(VIDEOS), strict=True):
        assert_array_equal(labels, again)
    unmoved = np.array_equal(model.prototypes_, start.prototypes_)
    assert unmoved == (space == "features")
    assert not np.array_equal(model.transform(VIDEOS[0]), start.transform(VIDEOS[0]))


@every_segmenter
@pytest.mark.parametrize("options", [{"recipe": "paper"}, {"encoder": (8, 4)}])
def test_features_are_refused_where_training_does_not_start_from_them(cls, options):
    model = quick(cls, segment_on="features", **options)
    with pytest.raises(InvalidParameterError, match="segment_on"):
        model.fit(VIDEOS)
    assert (
        model.set_params(segmenting__segment_on="auto").fit(VIDEOS).segment_on_
        == "embedding"
    )


@pytest.mark.parametrize("options", [{"recipe": "paper"}, {"encoder": (8, 4)}])
def test_start_is_no_teacher_where_training_does_not_start_from_features(options):
    model = quick(JointAlignSegment, teacher="start", **options)
    with pytest.raises(InvalidParameterError, match="teacher"):
        model.fit(VIDEOS)
    found = clone(model).set_params(segmenting__teacher="auto").fit(VIDEOS)
    expected = clone(model).set_params(segmenting__teacher="self").fit(VIDEOS)
    assert_array_equal(found.history_["loss"], expected.history_["loss"])


@pytest.mark.parametrize("encoder", [None, "temporal"])
def test_start_teaches_the_same_at_each_step(encoder):
    # All frames of both videos are in every batch, so that nothing else changes.
    videos = VIDEOS[:2]
    options = {"n_frames": 50, "max_epochs": 3, "lr": 0.05}
    model = quick(JointAlignSegment, encoder=encoder, **options).fit(videos)
    objectives = model.history_["objective_segmentation"]
    assert_allclose(objectives, objectives[0], rtol=1e-5)
    untrained = clone(model).set_params(max_epochs=0).fit(videos)
    found = untrained._transport_labeller().objectives(untrained._view(videos))
    assert objectives[0] == pytest.approx(np.mean(found), rel=1e-4)
    alone = clone(model).set_params(segmenting__teacher="self").fit(videos)
    objectives = alone.history_["objective_segmentation"]
    assert not np.allclose(objectives, objectives[0], rtol=1e-3)


def test_start_as_teacher_keeps_actions_that_alignment_would_blur():
    data = make_videos(
        12, n_actions=10, n_features=32, n_frames=(80, 120), random_state=0
    )
    found = {}
    for teacher in ("start", "self"):
        model = JointAlignSegment(
            10,
            random_state=0,
            segmenting=Segmenting(teacher=teacher, segment_on="embedding"),
        ).fit(data.videos)
        found[teacher] = segmentation_report(data.labels, model.labels_).miou
    assert found["start"] > found["self"] + 0.02


@every_segmenter
def test_what_the_user_gives_is_not_chosen(cls):
    model = untrained(cls, start="kmeans", lambda_actions=0.2).fit(VIDEOS)
    assert set(model.chosen_) == {"alpha"}
    assert model.settings_.segmentation_task().lambda_actions == 0.2
    model = untrained(cls, start="time", lambda_actions=0.2, alpha=0.5).fit(VIDEOS)
    assert model.chosen_ == {}
    assert model.settings_.segmentation_task().alpha == 0.5


def coming_back(spell, n_spells=25, n_videos=5):
    """Three actions that come back in any order, each time for `spell` frames."""
    rng = np.random.default_rng(0)
    looks = 2 * np.eye(3, 8)
    videos, labels = [], []
    for _ in range(n_videos):
        steps = np.cumsum(rng.integers(1, 3, n_spells)) % 3
        labels.append(np.repeat(steps, spell))
        n_frames = n_spells * spell
        videos.append(looks[labels[-1]] + rng.normal(scale=0.7, size=(n_frames, 8)))
    return videos, labels


@every_segmenter
def test_neighbours_in_time_are_nearer_where_actions_come_back_often(cls):
    videos, labels = coming_back(20)
    # Else noisy features are left out, and those that are left tell much.
    kind = {"decoder": "plan", "features": "whitened"}
    model = untrained(cls, n_frames=256, **kind).fit(videos)
    assert model.chosen_["radius"] == _choice.SHORT_RADIUS
    assert model.settings_.segmentation_task().radius == _choice.SHORT_RADIUS
    assert "radius 0.01" in str(model.summary())
    found = segmentation_report(labels, model.labels_).miou
    model.set_params(segmenting__radius=0.04).fit(videos)
    assert "radius" not in model.chosen_
    assert found > segmentation_report(labels, model.labels_).miou + 0.1


@pytest.mark.parametrize(
    ("videos", "recipe"),
    [
        (coming_back(10)[0], "informed"),  # too short to look closer
        (coming_back(100, 5)[0], "informed"),  # less than twice each
        (coming_back(20)[0], "paper"),
        (coming_back(20)[0][0], "informed"),
        ([*coming_back(20)[0], coming_back(20)[0][0][:40]], "informed"),
    ],
)
def test_neighbours_in_time_are_as_the_recipe_says_elsewhere(videos, recipe):
    model = untrained(ActionSegmenter, recipe=recipe, n_frames=256).fit(videos)
    assert model.settings_.segmentation_task().radius == 0.04


@pytest.mark.parametrize(("n_segments", "is_near"), [(9, True), (8, False)])
def test_three_segments_an_action_are_often(n_segments, is_near, monkeypatch):
    def labels(_, batch):
        lengths = batch.lengths.tolist()
        return [np.arange(n) * n_segments // n % 3 for n in lengths]

    monkeypatch.setattr(_choice, "_labels", labels)
    model = untrained(ActionSegmenter, n_frames=256).fit(coming_back(18)[0])
    assert (model.chosen_.get("radius") == _choice.SHORT_RADIUS) is is_near


@every_segmenter
def test_nothing_is_chosen_for_one_video_or_as_published(cls):
    assert untrained(cls).fit(VIDEOS[0]).chosen_ == {}
    model = untrained(cls).fit(VIDEOS)
    assert model.chosen_ != {}
    assert model.set_params(recipe="paper").fit(VIDEOS).chosen_ == {}


@every_aligner
@pytest.mark.parametrize(
    ("options", "shared", "expected"),
    [
        ({}, True, 0.35),
        ({}, False, 0.0),
        ({"rho": 0.2}, True, 0.2),
        ({"recipe": "paper"}, True, 0.15),
        ({"recipe": "paper"}, False, 0.15),
    ],
)
def test_order_prior_between_videos(cls, options, shared, expected, monkeypatch):
    monkeypatch.setattr(SharedOrder, "verdict", "yes" if shared else "no")
    model = untrained(cls, **options).fit(VIDEOS)
    assert model.settings_.alignment_task().rho == expected


def test_order_prior_of_the_actions_is_its_own():
    model = untrained(JointAlignSegment).fit(VIDEOS)
    assert model.settings_.alignment_task().rho == 0.35
    assert model.settings_.segmentation_task().rho == 0
    assert untrained(VideoAligner).fit(VIDEOS[0]).settings_.alignment_task().rho == 0.35
